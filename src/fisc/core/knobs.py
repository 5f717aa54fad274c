"""The numbers that a curriculum may move, and where a run stands when it moves them."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class Progress(eqx.Module):
    """Where a training run stands."""

    update: Int[Array, ""]
    """Parameter updates done so far."""
    fraction: Float[Array, ""]
    """Share of the run that is done, in [0, 1]."""
    previous: Float[Array, ""]
    """What it was one update ago; below 0 at the first update."""


class Knobs(eqx.Module):
    """Everything a curriculum may move, in one place. Changing a knob recompiles nothing."""

    labor_cost: Float[Array, ""]
    """Multiplier on the disutility of labor, in [0, 1]; 1 is the economy itself."""
    max_rate: Float[Array, ""]
    """Ceiling on marginal tax rates, in [0, 1]."""
    entropy: dict[str, Float[Array, ""]]
    """Weight of the entropy bonus of each role, ≥ 0."""
    learning_rate: dict[str, Float[Array, ""]]
    """Multiplier on the learning rate of each role, ≥ 0."""
    learning: dict[str, Bool[Array, ""]]
    """Which roles update their parameters now. A role that does not keeps its learner's state bit for bit."""
    exploring: dict[str, Bool[Array, ""]]
    """Which roles draw their actions now, of those that may settle; a settled role does what it finds most likely."""
    fresh: dict[str, Bool[Array, ""]]
    """Which roles begin now with a new learner, of those that ever may."""
    phase: Int[Array, ""]
    """Number of the current phase, from 1; only for the record."""
    menu: dict[str, Bool[Array, "_"]] = eqx.field(default_factory=dict)
    """Which entries of its action mask a role is offered now. The economy may forbid more; a role without an entry is
    offered everything."""


class Dial(eqx.Module):
    """What the knobs say to one learner."""

    entropy: Float[Array, ""]
    learning_rate: Float[Array, ""]


def full_knobs(roles: tuple[str, ...] = ()) -> Knobs:
    """The economy as it is: full labor cost, no ceiling on rates, nobody exploring or learning."""
    return Knobs(
        labor_cost=jnp.ones(()),
        max_rate=jnp.ones(()),
        entropy={role: jnp.zeros(()) for role in roles},
        learning_rate={role: jnp.ones(()) for role in roles},
        learning={role: jnp.zeros((), bool) for role in roles},
        exploring={},
        fresh={},
        phase=jnp.ones((), jnp.int32),
    )
