"""Regrowth: units appear on source cells. Axes: `g` goods, `h` rows, `w` columns, `s` source cells."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.economies.gather_trade_build.state import State


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
    terrain = state.terrain
    goods = enumerate(zip(state.units, terrain.sources, terrain.cells, draws, strict=True))
    return replace(state, units=jnp.stack([_regrow_good(*of_good, rules, good) for good, of_good in goods]))


def _regrow_good(units, sources, cells, draws, rules: Regrowth, good: int):
    richness = jnp.maximum(units, sources.astype(units.dtype)).astype(draws.dtype)
    chance = (rules.weight[good] * _mean_around(richness, rules.halfwidth[good])).reshape(-1)
    appears = (draws < jnp.take(chance, cells, mode="clip")) & jnp.take(sources.reshape(-1), cells, mode="clip")
    spawned = jnp.zeros(units.size, units.dtype).at[cells].set(appears.astype(units.dtype), mode="drop")
    grown = units + spawned.reshape(units.shape)
    return jnp.minimum(grown, jnp.asarray(rules.max_units[good], units.dtype))


def _mean_around(values: Float[Array, "h w"], halfwidth: int) -> Float[Array, "h w"]:
    """Mean over the square around each cell; beyond the edge of the map there is nothing."""
    if halfwidth == 0:
        return values
    (height, width), side = values.shape, 1 + 2 * halfwidth
    padded = jnp.pad(values, halfwidth)
    rows = sum(padded[k : k + height, :] for k in range(side))
    return sum(rows[:, k : k + width] for k in range(side)) / side**2
