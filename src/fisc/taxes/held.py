"""A planner's schedule that, once set, is held for some periods. Axis `b`: brackets."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from fisc.core.tax import TaxSystem


class Held(TaxSystem["HeldMemory"]):
    """A planner's system, asked for a schedule only every so many periods; in between nothing but keeping is legal.

    A schedule that outlives a period is one that citizens can answer while it lasts: whom it moves shows in what the
    planner is paid for it. Each episode begins with a choice.
    """

    system: TaxSystem
    periods: int = eqx.field(static=True)
    """For how many periods a schedule is held, at least 1."""

    @property
    def cutoffs(self):
        """The system's own."""
        return self.system.cutoffs

    @property
    def planner_space(self):
        """The system's own."""
        return self.system.planner_space

    def init(self):
        """As the system, before its first choice."""
        return HeldMemory(self.system.init(), jnp.zeros((), jnp.int32))

    def reset(self, memory):
        """As the system, before the episode's first choice."""
        return HeldMemory(self.system.reset(memory.inner), jnp.zeros((), jnp.int32))

    def draw(self, key):
        """As the system."""
        return self.system.draw(key)

    def rates(self, memory, knobs):
        """As the system."""
        return self.system.rates(memory.inner, knobs)

    def decide(self, memory, action, draws, knobs):
        """Ask the system if the schedule has been held for long enough, else hold it for another period."""
        new = self.system.decide(memory.inner, action, draws, knobs)
        inner = jax.tree.map(lambda new, old: jnp.where(memory.age == 0, new, old), new, memory.inner)
        return HeldMemory(inner, (memory.age + 1) % self.periods)

    def learn(self, memory, incomes, marginal_rates):
        """As the system."""
        return HeldMemory(self.system.learn(memory.inner, incomes, marginal_rates), memory.age)

    def legal(self, memory, knobs):
        """What the system allows when a choice is due, else nothing but keeping what is in force."""
        return jnp.where(memory.age == 0, self.system.legal(memory.inner, knobs), self.planner_space.idle())


class HeldMemory(eqx.Module):
    """What a held system remembers."""

    inner: Any
    """The memory of the system that is asked."""
    age: Int[Array, ""]
    """Periods since the last choice; 0 when the next one is due."""
