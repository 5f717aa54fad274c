"""Walking and gathering: citizens move one after the other, and everybody gathers what lies where they end up.

Axes: `n` citizens, `g` goods, `d` directions, `s` listed source cells.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fisc.core.once import computed_once
from fisc.economies.gather_trade_build.choices import DIRECTIONS, STAY
from fisc.economies.gather_trade_build.state import NO_OWNER, NO_SOURCE, State, at_cells, places

STRANGER = NO_OWNER - 1
"""Nobody can enter water: it is taken for a stranger's house, which spares a lookup."""


class Gathering(eqx.Module):
    """What walking and gathering cost."""

    move_labor: Float[Array, ""]
    """Effort of a step to another cell; a blocked one costs nothing."""
    collect_labor: Float[Array, ""]
    """Effort of gathering what lies on a cell, for each good."""


def can_walk(state: State) -> Bool[Array, "n d"]:
    """Where everybody could go if they went first."""
    everywhere = jnp.arange(1, len(DIRECTIONS) + 1, dtype=jnp.int32)[None, :]
    target, is_open = _ahead(state, state.cell[:, None], everywhere)
    is_occupied = jnp.any(target[:, :, None] == state.cell[None, None, :], axis=-1)
    return is_open & ~is_occupied


def _ahead(state: State, cell: Int[Array, "n *_"], direction: Int[Array, "..."]) -> tuple[Array, Array]:
    """The cell in each direction, and whether terrain and houses let the citizen in; axes [n] or [n, d]."""
    height, width = state.owner.shape
    row, column = places(cell, width)
    for number, (down, right) in enumerate(DIRECTIONS, start=1):
        row = row + jnp.where(direction == number, down, 0)
        column = column + jnp.where(direction == number, right, 0)
    is_inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    target = row * width + column
    owner = at_cells(jnp.where(state.terrain.water, STRANGER, state.owner), target)
    citizen = jnp.arange(cell.shape[0], dtype=owner.dtype).reshape(-1, *[1] * (target.ndim - 1))
    is_open = (owner == NO_OWNER) | (owner == citizen)
    return target, is_inside & is_open


def walk(state: State, direction: Int[Array, " n"], turn: Int[Array, " n"], rules: Gathering) -> State:
    """Move citizens by turns: each sees where the earlier ones went. Who finds the cell closed or taken stays."""
    target, is_open = _ahead(state, state.cell, direction)
    goal = jnp.where((direction != STAY) & is_open, target, state.cell)
    cell = _by_turns(state.cell, goal, turn)
    moved = cell != state.cell
    return replace(state, cell=cell, labor=state.labor + jnp.where(moved, rules.move_labor, 0.0))


def _by_turns(cell: Int[Array, " n"], goal: Int[Array, " n"], turn: Int[Array, " n"]) -> Int[Array, " n"]:
    """Only meetings depend on the order: let one after the other in where the goal is free at that moment.

    Who finds it free depends on who of the earlier ones moved. All are taken to move, then whoever meets somebody is
    taken to stay, and so on: after k rounds whoever waits for fewer than k others is settled, so that a round in which
    nothing changes is the last one. Most steps take two.
    """
    everybody = jnp.arange(cell.shape[0])
    is_early = turn[None, :] < turn[:, None]
    finds_there = (cell[None, :] == goal[:, None]) & (everybody[None, :] != everybody[:, None])
    wants_too = (goal[None, :] == goal[:, None]) & is_early

    def look_again(now):
        """Who moves, if the earlier ones do what was thought of them."""
        _, moves = now
        is_met = jnp.where(is_early & moves[None, :], wants_too, finds_there)
        after = ~jnp.any(is_met, axis=1)
        return jnp.any(after != moves), after

    moves = jax.lax.while_loop(lambda now: now[0], look_again, (jnp.bool_(True), jnp.ones_like(turn, bool)))[1]
    return jnp.where(moves, goal, cell)


def collect(state: State, bonus: Float[Array, "g n"], rules: Gathering) -> State:
    """Gather a unit of each good that lies where a citizen stands, and with some luck a second one.

    Everybody does so at every step, also those who stayed or were blocked. At most one citizen stands on a cell.
    """
    slot = jnp.stack([at_cells(slots, state.cell) for slots in state.terrain.slots]).astype(jnp.int32)
    good = jnp.arange(state.units.shape[0], dtype=jnp.int32)[:, None]
    lies_here = (slot != NO_SOURCE) & (state.units[good, slot] > 0)
    # Nobody else stands here; a place beyond the list is taken for nothing.
    place = computed_once(jnp.where(lies_here, slot, state.units.shape[1]), state.step)
    found = (place < state.units.shape[1]).astype(jnp.int32)
    gained = found * (1 + (bonus < state.gather_bonus[None, :]).astype(jnp.int32))
    return replace(
        state,
        units=state.units.at[good, place].add(-1, mode="drop"),
        goods=state.goods + gained,
        labor=state.labor + jnp.sum(found, axis=0).astype(state.labor.dtype) * rules.collect_labor,
        journal=replace(state.journal, gathered=state.journal.gathered + gained),
    )
