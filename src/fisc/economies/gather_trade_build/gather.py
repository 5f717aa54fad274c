"""Walking and gathering: citizens move one after the other, and everybody gathers what lies where they end up.

Axes: `n` citizens, `g` goods, `d` directions, `s` listed source cells.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fisc.economies.gather_trade_build.choices import DIRECTIONS
from fisc.economies.gather_trade_build.state import NO_OWNER, NO_SOURCE, State, at_cells

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


def walk(state: State, direction: Int[Array, " n"], turn: Int[Array, " n"], rules: Gathering) -> State:
    """Move citizens by turns: each sees where the earlier ones went. Who finds the cell closed or taken stays."""
    target, is_open = neighbors(state)
    picked = direction[:, None] == 1 + jnp.arange(len(DIRECTIONS), dtype=direction.dtype)[None, :]
    tries = jnp.any(picked & is_open, axis=1)
    goal = jnp.where(tries, jnp.sum(jnp.where(picked, target, 0), axis=1, dtype=target.dtype), state.cell)
    cell = _by_turns(state.cell, goal, turn)
    moved = cell != state.cell
    return replace(state, cell=cell, labor=state.labor + jnp.where(moved, rules.move_labor, 0.0))


def _by_turns(cell: Int[Array, " n"], goal: Int[Array, " n"], turn: Int[Array, " n"]) -> Int[Array, " n"]:
    """Only meetings depend on the order: let one after the other in where the goal is free at that moment."""
    num = cell.shape[0]

    def move(k, cell):
        """The one whose turn is k goes, unless somebody is there."""
        is_mine = turn == k
        my_goal = jnp.sum(jnp.where(is_mine, goal, 0), dtype=goal.dtype)
        return jnp.where(is_mine & ~jnp.any(cell == my_goal), my_goal, cell)

    if num > UNROLLED:
        return jax.lax.fori_loop(0, num, move, cell)
    for k in range(num):
        cell = move(k, cell)
    return cell


def collect(state: State, bonus: Float[Array, "g n"], rules: Gathering) -> State:
    """Gather a unit of each good that lies where a citizen stands, and with some luck a second one.

    Everybody does so at every step, also those who stayed or were blocked. At most one citizen stands on a cell.
    """
    slot = jnp.stack([at_cells(slots, state.cell) for slots in state.terrain.slots]).astype(jnp.int32)
    good = jnp.arange(state.units.shape[0], dtype=jnp.int32)[:, None]
    lies_here = (slot != NO_SOURCE) & (state.units[good, slot] > 0)
    # Nobody else stands here; a place beyond the list is taken for nothing.
    place = jnp.where(lies_here, slot, state.units.shape[1])
    found = lies_here.astype(jnp.int32)
    gained = found * (1 + (bonus < state.gather_bonus[None, :]).astype(jnp.int32))
    return replace(
        state,
        units=state.units.at[good, place].add(-1, mode="drop"),
        goods=state.goods + gained,
        labor=state.labor + jnp.sum(found, axis=0).astype(state.labor.dtype) * rules.collect_labor,
        journal=replace(state.journal, gathered=state.journal.gathered + gained),
    )
