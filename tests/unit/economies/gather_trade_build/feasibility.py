"""What citizens can do, from the rules: masks worked out a second time, and actions without what is hopeless.

Axes: `n` citizens, `a` entries of a mask.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from fisc.economies.gather_trade_build.economy import GatherTradeBuild
from fisc.economies.gather_trade_build.state import State

from .bookkeeper import GOODS, is_plain, menus_of, targets, wishes


def feasible(world: GatherTradeBuild, state: State) -> Bool[Array, "n a"]:
    """The mask, from the rules: what each citizen could do if the others did nothing."""
    market, book, num = world.rules.market, state.book, state.cell.size
    owner = state.owner.reshape(-1)
    flags = {"build": (jnp.all(state.goods >= 1, axis=0) & (owner[state.cell] < 0) & is_plain(state, state.cell))}
    flags["build"] = flags["build"][:, None]
    prices = jnp.arange(market.max_price + 1)
    for g, good in enumerate(GOODS):
        orders = jnp.sum((book.bids[g] >= 0).astype(jnp.int32) + (book.asks[g] >= 0).astype(jnp.int32), axis=0)
        has_room = (orders < market.max_orders)[:, None]
        flags[f"buy {good}"] = has_room & (prices[None, :] <= state.coin[:, None])
        flags[f"sell {good}"] = jnp.broadcast_to(has_room & (state.goods[g] >= 1)[:, None], (num, prices.size))
    target, is_open = targets(world, state, owner)
    flags["walk"] = is_open & ~jnp.any(target[:, :, None] == state.cell[None, None, :], axis=2)
    nothing, listed = jnp.ones((num, 1), bool), [flags[name] for name, _ in menus_of(world)]
    if world.picks_from_every_menu:
        return jnp.concatenate([part for flag in listed for part in (nothing, flag)], axis=1)
    return jnp.concatenate([nothing, *listed], axis=1)


def without_hopeless(world: GatherTradeBuild, state: State, action) -> Int[Array, "n ..."]:
    """Actions with nothing in place of what cannot be done, whatever the others do.

    What the mask forbids is hopeless, but for two things: a neighbor may leave the cell before it is one's turn, and
    in multi-action mode the coin of a house can be bid in the same step. Only for the order build, trade, gather.
    """
    wished, mask, start, kept = wishes(world, action), feasible(world, state), 1, []
    _, is_open = targets(world, state, state.owner.reshape(-1))
    for name, size in menus_of(world):
        flags, entry = mask[:, start : start + size], wished[name]
        may = is_open if name == "walk" else flags
        if world.picks_from_every_menu and name.startswith("buy") and "build" in wished:
            builds = (wished["build"] == 1) & mask[:, 1]
            may = may | builds[:, None]
        has_hope = jnp.take_along_axis(may, jnp.clip(entry - 1, 0, size - 1)[:, None], axis=1)[:, 0]
        kept.append(jnp.where(has_hope & (entry > 0), entry, 0))
        start += size + (1 if world.picks_from_every_menu else 0)
    if world.picks_from_every_menu:
        return jnp.stack(kept, axis=1)
    offsets = jnp.cumsum(jnp.asarray([0, *(size for _, size in menus_of(world)[:-1])]))
    return sum(jnp.where(entry > 0, entry + offset, 0) for entry, offset in zip(kept, offsets, strict=True))
