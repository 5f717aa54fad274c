"""Walking and gathering: citizens move one after the other, and everybody gathers what lies where they end up.

Axes: `n` citizens, `g` goods, `d` directions.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fisc.economies.gather_trade_build.choices import DIRECTIONS
from fisc.economies.gather_trade_build.state import NO_OWNER, State, at_cells

UNROLLED = 16
"""Up to so many citizens the moves are written out one after the other; beyond, a loop compiles faster."""


class Gathering(eqx.Module):
    """What walking and gathering cost."""

    move_labor: Float[Array, ""]
    """Effort of a step to another cell; a blocked one costs nothing."""
    collect_labor: Float[Array, ""]
    """Effort of gathering what lies on a cell, for each good."""


def neighbors(state: State) -> tuple[Int[Array, "n d"], Bool[Array, "n d"]]:
    """The cell in each direction of each citizen, and whether terrain and houses let the citizen in."""
    height, width = state.owner.shape
    row, column = state.cell // width, state.cell % width
    to_row = jnp.stack([row + step for step, _ in DIRECTIONS], axis=1)
    to_column = jnp.stack([column + step for _, step in DIRECTIONS], axis=1)
    is_inside = (to_row >= 0) & (to_row < height) & (to_column >= 0) & (to_column < width)
    target = to_row * width + to_column
    owner = at_cells(state.owner, target)
    citizen = jnp.arange(state.cell.shape[0], dtype=owner.dtype)
    is_open = ~at_cells(state.terrain.water, target) & ((owner == NO_OWNER) | (owner == citizen[:, None]))
    return target, is_inside & is_open


def can_walk(state: State) -> Bool[Array, "n d"]:
    """Where everybody could go if they went first."""
    target, is_open = neighbors(state)
    is_occupied = jnp.any(target[:, :, None] == state.cell[None, None, :], axis=-1)
    return is_open & ~is_occupied


def walk(state: State, direction: Int[Array, " n"], order: Int[Array, " n"], rules: Gathering) -> State:
    """Move citizens in `order`: each sees where the earlier ones went. Who finds the cell closed or taken stays."""
    target, is_open = neighbors(state)
    picked = jnp.maximum(direction - 1, 0)[:, None]
    goal = jnp.take_along_axis(target, picked, axis=1)[:, 0]
    tries = jnp.take_along_axis(is_open, picked, axis=1)[:, 0] & (direction > 0)
    goal = jnp.where(tries, goal, state.cell)
    cell = _one_after_the_other(state.cell, goal, order)
    moved = cell != state.cell
    return replace(state, cell=cell, labor=state.labor + jnp.where(moved, rules.move_labor, 0.0))


def _one_after_the_other(cell: Int[Array, " n"], goal: Int[Array, " n"], order: Int[Array, " n"]) -> Int[Array, " n"]:
    """Only meetings depend on the order: go through it, and let everybody in whose goal is free at that moment."""
    num = cell.shape[0]
    place, goal = cell[order], goal[order]
    turn = jnp.arange(num, dtype=jnp.int32)

    def move(k, place):
        is_free = ~jnp.any(place == goal[k])
        return jnp.where((turn == k) & is_free, goal[k], place)

    if num <= UNROLLED:
        for k in range(num):
            place = move(k, place)
    else:
        place = jax.lax.fori_loop(0, num, move, place)
    return jnp.zeros_like(cell).at[order].set(place)


def collect(state: State, bonus: Float[Array, "g n"], rules: Gathering) -> State:
    """Gather a unit of each good that lies where a citizen stands, and with some luck a second one.

    Everybody does so at every step, also those who stayed or were blocked. At most one citizen stands on a cell.
    """
    width = state.owner.shape[1]
    found = jax.vmap(at_cells, in_axes=(0, None))(state.units, state.cell) > 0
    gained = found.astype(jnp.int32) * (1 + (bonus < state.gather_bonus[None, :]).astype(jnp.int32))
    take = lambda units, found: units.at[state.cell].add(-found.astype(units.dtype))  # noqa: E731
    left = jax.vmap(take)(state.units.reshape(state.units.shape[0], -1), found)
    num_found = jnp.sum(found.astype(state.labor.dtype), axis=0)
    return replace(
        state,
        units=left.reshape(*state.units.shape[:2], width),
        goods=state.goods + gained,
        labor=state.labor + num_found * rules.collect_labor,
        journal=replace(state.journal, gathered=state.journal.gathered + gained),
    )
