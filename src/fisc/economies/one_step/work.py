"""The one event of the one-step economy: citizens work and are paid. Axis `n`: citizens."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from fisc.core.spaces import Box, Discrete
from fisc.economies.one_step.state import State


def may_work(step: Int[Array, ""], *, first_step_is_idle: bool) -> Bool[Array, ""]:
    """Whether hours can be chosen in this step: by default not in the first, when the rates are announced."""
    return jnp.asarray(step > 0) if first_step_is_idle else jnp.ones((), bool)


def hours_of(
    action: Shaped[Array, "n ..."], choice: Discrete | Box, unit: Float[Array, ""], is_open: Bool[Array, ""]
) -> Float[Array, " n"]:
    """Hours that an action means: index times `unit` on a grid, the number itself in a box; 0 for an illegal action."""
    if isinstance(choice, Discrete):
        hours = action.astype(unit.dtype) * unit
    else:
        action = action[:, 0] if action.ndim == 2 else action
        hours = action.astype(unit.dtype)
        action = action[:, None]
    return jnp.where(choice.contains(action) & is_open, hours, 0.0)


def work(state: State, skills: Float[Array, " n"], hours: Float[Array, " n"]) -> State:
    """Pay income = hours · skill. Zero hours change nothing: labor keeps its last value, as in the reference."""
    pay = hours * skills
    return State(
        step=state.step,
        coin=state.coin + pay,
        labor=jnp.where(hours > 0, hours, state.labor),
        production=state.production + pay,
        utility=state.utility,
        welfare=state.welfare,
        treasury=state.treasury,
        equality_weight=state.equality_weight,
    )
