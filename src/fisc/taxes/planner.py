"""Schedules set by a learning planner. Axis `b`: brackets, one component of the planner's action each."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fisc.core.spaces import Box, Discrete, MultiDiscrete
from fisc.core.tax import TaxSystem

SLACK = 1e-6
"""Rounding allowed when a rate on the grid is compared with the ceiling."""


class PlannerGrid(TaxSystem[Int[Array, " b"]]):
    """The planner picks each bracket's rate from a grid: action 0 keeps the rate, k sets it to the k-th rate.

    The grid is rate_min, rate_min + rate_step, … up to rate_max. Memory is each bracket's index on it; every episode
    starts at the lowest rate. Source: the reference program's `model_wrapper`. A choice above the ceiling is illegal
    and keeps the rate.
    """

    cutoffs: Float[Array, " b"]
    rate_step: float = eqx.field(static=True, default=0.05)
    rate_min: float = eqx.field(static=True, default=0.0)
    rate_max: float = eqx.field(static=True, default=1.0)
    sets_one_rate: bool = eqx.field(static=True, default=False)
    """Whether the planner changes the rate of one bracket a period at most: one choice among all rates of all brackets,
    0 keeping everything. The reference's planner in single-action mode."""

    @property
    def num_rates(self) -> int:
        """Rates on the grid; the last is rate_max if the step meets it (with slack: 1 / 0.05 may round down)."""
        return math.floor((self.rate_max - self.rate_min) / self.rate_step + SLACK) + 1

    @property
    def planner_space(self):
        """One choice for each bracket: keep, or one of the rates; or one choice for all of them together."""
        if self.sets_one_rate:
            return Discrete(1 + self.num_rates * self.cutoffs.shape[-1])
        return MultiDiscrete((self.num_rates + 1,) * self.cutoffs.shape[-1])

    def _grid(self):
        return self.rate_min + jnp.arange(self.num_rates, dtype=self.cutoffs.dtype) * self.rate_step

    def init(self):
        """All rates at their lowest."""
        return jnp.zeros(self.cutoffs.shape[-1], jnp.int32)

    def reset(self, memory):
        """All rates at their lowest again."""
        return jnp.zeros_like(memory)

    def draw(self, key):
        """There is nothing to draw. `key`: not needed."""
        return ()

    def rates(self, memory, knobs):
        """The rates that were set."""
        return self._grid()[memory]

    def decide(self, memory, action, draws, knobs):
        """Set the legal choices, keep the rate elsewhere."""
        if action is None:
            return memory
        if self.sets_one_rate:
            action = action - self.num_rates * jnp.arange(self.cutoffs.shape[-1], dtype=action.dtype)
        chosen = jnp.clip(action - 1, 0, self.num_rates - 1)
        is_legal = (action >= 1) & (action <= self.num_rates) & (self._grid()[chosen] <= knobs.max_rate + SLACK)
        return jnp.where(is_legal, chosen, memory)

    def learn(self, memory, incomes, marginal_rates):
        """The planner role learns, not the institution."""
        return memory

    def legal(self, memory, knobs):
        """Keeping is always legal; so is a rate under the ceiling."""
        keep, is_under, num = jnp.ones(1, bool), self._grid() <= knobs.max_rate + SLACK, self.cutoffs.shape[-1]
        if self.sets_one_rate:
            return jnp.concatenate([keep, jnp.tile(is_under, num)])
        return jnp.tile(jnp.concatenate([keep, is_under]), num)


class PlannerContinuous(TaxSystem[Float[Array, " b"]]):
    """The planner sets each bracket's rate to any number in [0, 1], under the ceiling. Memory is the rates."""

    cutoffs: Float[Array, " b"]

    @property
    def planner_space(self):
        """One rate for each bracket."""
        return Box(0.0, 1.0, self.cutoffs.shape[-1])

    def init(self):
        """All rates zero."""
        return jnp.zeros_like(self.cutoffs)

    def reset(self, memory):
        """All rates zero again."""
        return jnp.zeros_like(memory)

    def draw(self, key):
        """There is nothing to draw. `key`: not needed."""
        return ()

    def rates(self, memory, knobs):
        """The rates that were set."""
        return memory

    def decide(self, memory, action, draws, knobs):
        """Set the rates, none above the ceiling; an action outside the space keeps them."""
        if action is None:
            return memory
        chosen = jnp.minimum(action.astype(memory.dtype), knobs.max_rate.astype(memory.dtype))
        return jnp.where(self.planner_space.contains(action[None])[0], chosen, memory)

    def learn(self, memory, incomes, marginal_rates):
        """The planner role learns, not the institution."""
        return memory
