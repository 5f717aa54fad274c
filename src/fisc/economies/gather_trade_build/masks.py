"""Which actions are legal: the predicates of the events themselves, menu by menu. Axes: `n` citizens, `a` flags."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from fisc.economies.gather_trade_build.build import can_build
from fisc.economies.gather_trade_build.choices import Menus
from fisc.economies.gather_trade_build.gather import can_walk
from fisc.economies.gather_trade_build.market import Market, can_ask, has_room, num_orders
from fisc.economies.gather_trade_build.state import GOODS, State


def legal_actions(state: State, events: tuple[str, ...], menus: Menus, rules: Market) -> Bool[Array, "n a"]:
    """The mask of every citizen.

    Each predicate is laid over the whole mask, true at its own flags alone: joining the menus' pieces costs a CPU five
    times as much.
    """
    mask = jnp.broadcast_to(menus.idle()[None, :], (state.cell.shape[0], menus.space.mask_size))
    if "build" in events:
        mask |= can_build(state)[:, None] & (menus.entries("build") > 0)[None, :]
    if "trade" in events:
        mask |= _legal_orders(state, menus, rules)
    if "gather" in events:
        way, entries = can_walk(state), menus.entries("walk")
        for direction in range(way.shape[1]):
            mask |= way[:, direction, None] & (entries == direction + 1)[None, :]
    return mask


def _legal_orders(state: State, menus: Menus, rules: Market) -> Bool[Array, "n a"]:
    """Bids that the purse can pay, and asks of citizens who hold a unit, for those who have room for an order."""
    orders = num_orders(state.book)
    room, sells = has_room(orders, rules), can_ask(orders, state.goods, rules)
    legal = jnp.zeros((state.cell.shape[0], menus.space.mask_size), bool)
    for g, good in enumerate(GOODS):
        bids, asks = menus.entries(f"buy {good}"), menus.entries(f"sell {good}")
        # Other flags have no price, and whoever has no room no coin: one comparison says it all.
        price = jnp.asarray(np.where(bids > 0, bids - 1, np.nan), state.coin.dtype)
        legal |= price[None, :] <= jnp.where(room[g], state.coin, -1)[:, None]
        legal |= sells[g][:, None] & (asks > 0)[None, :]
    return legal
