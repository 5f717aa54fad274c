"""Which actions are legal: the predicates of the events themselves, menu by menu. Axis `n`: citizens."""

import jax.numpy as jnp
from jaxtyping import Array, Bool

from fisc.economies.gather_trade_build.build import can_build
from fisc.economies.gather_trade_build.gather import can_walk
from fisc.economies.gather_trade_build.market import Market, can_ask, has_room, num_orders
from fisc.economies.gather_trade_build.state import GOODS, State


def legal_entries(state: State, events: tuple[str, ...], rules: Market) -> dict[str, Bool[Array, "n _"]]:
    """The legal entries of every menu that the events offer."""
    legal = {}
    if "build" in events:
        legal["build"] = can_build(state)[:, None]
    if "trade" in events:
        legal.update(_legal_orders(state, rules))
    if "gather" in events:
        legal["walk"] = can_walk(state)
    return legal


def _legal_orders(state: State, rules: Market) -> dict[str, Bool[Array, "n _"]]:
    """Bids that the purse can pay, and asks of citizens who hold a unit, for those who have room for an order."""
    prices = jnp.arange(rules.num_prices, dtype=state.coin.dtype)
    can_pay = prices[None, :] <= state.coin[:, None]
    orders = num_orders(state.book)
    room, sells = has_room(orders, rules), can_ask(orders, state.goods, rules)
    legal = {}
    for g, good in enumerate(GOODS):
        legal[f"buy {good}"] = room[g][:, None] & can_pay
        legal[f"sell {good}"] = jnp.broadcast_to(sells[g][:, None], can_pay.shape)
    return legal
