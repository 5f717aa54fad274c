"""Regrowth: units appear on source cells. Axes: `g` goods, `h` rows, `w` columns, `s` source cells."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.economies.gather_trade_build.state import State, at_cells, units_on_map


class Regrowth(eqx.Module):
    """How the goods of the map come back.

    A unit appears on a source cell with probability `weight` times the mean richness of the square around it, where the
    richness of a cell is the number of units on it, at least 1 on a source.
    """

    weight: Float[Array, " g"]
    halfwidth: tuple[int, ...] = eqx.field(static=True)
    """Half the side of that square; 0 for the cell alone."""
    max_units: tuple[int, ...] = eqx.field(static=True)
    """Units that can lie on one cell, at most 127."""


def regrow(state: State, draws: Float[Array, "g s"], rules: Regrowth) -> State:
    """Let units appear where the draw is below the probability.

    As in the reference, an exhausted source counts as rich as one with a single unit, so gathering does not slow
    regrowth down.
    """
    richness = _richness(state, draws.dtype, rules)
    appears = (draws < rules.weight[:, None] * richness) & (state.terrain.cells < state.owner.size)
    most = jnp.asarray(rules.max_units, state.units.dtype)[:, None]
    return replace(state, units=jnp.minimum(state.units + appears.astype(state.units.dtype), most))


def _richness(state: State, dtype, rules: Regrowth) -> Float[Array, "g s"]:
    """Mean richness of the square around each listed source cell."""
    own = jnp.maximum(state.units, 1).astype(dtype)
    if not any(rules.halfwidth):
        return own
    terrain = state.terrain
    on_map = jnp.where(terrain.sources, jnp.maximum(units_on_map(state), 1), 0).astype(dtype)
    around = [_mean_around(values, width) for values, width in zip(on_map, rules.halfwidth, strict=True)]
    return jnp.stack([at_cells(mean, cells) for mean, cells in zip(around, terrain.cells, strict=True)])


def _mean_around(values: Float[Array, "h w"], halfwidth: int) -> Float[Array, "h w"]:
    """Mean over the square around each cell; beyond the edge of the map there is nothing."""
    if halfwidth == 0:
        return values
    (height, width), side = values.shape, 1 + 2 * halfwidth
    padded = jnp.pad(values, halfwidth)
    rows = sum(padded[k : k + height, :] for k in range(side))
    return sum(rows[:, k : k + width] for k in range(side)) / side**2
