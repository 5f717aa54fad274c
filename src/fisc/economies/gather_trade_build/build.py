"""Building: a citizen turns one unit of each good into a house, and is paid for it. Axis `n`: citizens."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fisc.economies.gather_trade_build.state import NO_OWNER, State, at_cells


class Building(eqx.Module):
    """What building a house takes."""

    labor: Float[Array, ""]
    """Effort of building a house."""


def can_build(state: State) -> Bool[Array, " n"]:
    """Who holds a unit of each good and stands on plain ground: no house, no source, no water."""
    is_free = at_cells(state.terrain.plain, state.cell) & (at_cells(state.owner, state.cell) == NO_OWNER)
    return jnp.all(state.goods >= 1, axis=0) & is_free


def build(state: State, wants: Bool[Array, " n"], rules: Building) -> State:
    """Build where somebody wants to and can. The order does not matter: no two citizens stand on one cell."""
    built = wants & can_build(state)
    width, num_cells = state.owner.shape[1], state.owner.size
    site = jnp.where(built, state.cell, num_cells)
    builder = jnp.arange(built.shape[0], dtype=state.owner.dtype)
    owner = state.owner.reshape(-1).at[site].set(builder, mode="drop").reshape(-1, width)
    return replace(
        state,
        owner=owner,
        goods=state.goods - built.astype(state.goods.dtype)[None, :],
        coin=state.coin + jnp.where(built, state.build_payment, 0.0),
        labor=state.labor + jnp.where(built, rules.labor, 0.0),
        journal=replace(state.journal, builds=state.journal.builds + built.astype(jnp.int32)),
    )
