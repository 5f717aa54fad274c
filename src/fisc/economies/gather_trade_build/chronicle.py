"""What is written down about an episode: frames of the state, and trades, houses and tax periods as events.

The frames come from jax, one a step; the events are read off them afterwards, in numpy. Names, shapes and units of
everything are those of `fisc.records.episode_map`. Axes: `n` citizens, `g` goods, `k` order slots.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Shaped

from fisc.economies.gather_trade_build import market
from fisc.economies.gather_trade_build.economy import GatherTradeBuild
from fisc.economies.gather_trade_build.state import GOODS, NO_ORDER, Book, State


def frame(economy: GatherTradeBuild, state: State) -> dict[str, Shaped[Array, "..."]]:
    """What is worth keeping of the state after a step."""
    rules, journal, treasury = economy.rules.market, state.journal, state.treasury
    small, by_citizen = lambda x: x.astype(jnp.int16), lambda x: jnp.swapaxes(x, -1, -2)
    return {
        "cell": state.cell,
        "coin": state.coin,
        "goods": state.goods,
        "labor": state.labor,
        "utility": state.utility,
        "welfare": state.welfare,
        "bids": small(by_citizen(jnp.where(state.book.bids >= 0, rules.bid_prices(state.book.bids), NO_ORDER))),
        "asks": small(by_citizen(jnp.where(state.book.asks >= 0, rules.ask_prices(state.book.asks), NO_ORDER))),
        "units": state.units,
        "gathered": journal.gathered,
        "owner": state.owner,
        "rates": treasury.rates,
        "incomes": treasury.incomes,
        "taxes": treasury.taxes,
        "lump_sum": treasury.lump_sum,
        "marginal_rates": treasury.marginal_rates,
    }


def facts(economy: GatherTradeBuild, state: State) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What stays the same for the whole episode: plain numbers, and arrays."""
    rules = economy.rules
    numbers = {
        "goods": list(GOODS),
        "events": list(economy.events),
        "max_price": rules.market.max_price,
        "build_labor": float(rules.building.labor),
        "move_labor": float(rules.gathering.move_labor),
        "collect_labor": np.asarray(jnp.broadcast_to(rules.gathering.collect_labor, (len(GOODS),)), float).tolist(),
        "order_labor": float(rules.market.order_labor),
    }
    arrays = {
        "water": state.terrain.water,
        "source_cells": state.terrain.cells,
        "build_payment": state.build_payment,
        "gather_bonus": state.gather_bonus,
        "cutoffs": economy.tax.cutoffs,
    }
    return numbers, {name: np.asarray(array) for name, array in arrays.items()}


def tell(economy: GatherTradeBuild, frames: dict[str, np.ndarray], placed: Book) -> dict[str, np.ndarray]:
    """Sort frames into what changes at every step and what is an event.

    Args:
        frames: from `frame`, with a leading axis of steps + 1.
        placed: the books of all steps before anything was matched, with a leading axis of steps.
    """
    length, steps = economy.steps_per_period, len(frames["cell"]) - 1
    first_days, tax_days = np.arange(1, steps + 1, length), np.arange(length, steps + 1, length)
    periods = {
        "rates": frames["rates"][first_days],
        **{name: frames[name][tax_days] for name in ("incomes", "taxes", "lump_sum", "marginal_rates")},
    }
    kept = set(frames) - set(periods) - {"owner"}
    return {
        **{f"frames/{name}": frames[name] for name in kept},
        **{f"periods/{name}": array for name, array in periods.items()},
        "houses": houses(frames["owner"]),
        "trades": trades(placed, economy.rules.market),
    }


def houses(owner: np.ndarray) -> np.ndarray:
    """Rows (step, cell, owner) of the houses built. `owner`: maps [steps + 1, h, w]."""
    flat = owner.reshape(len(owner), -1)
    step, cell = np.nonzero(flat[1:] != flat[:-1])
    return np.stack([step + 1, cell, flat[step + 1, cell]], axis=1).astype(np.int32)


class _Orders(NamedTuple):
    """One side of a book, or of many books: the packed orders, of which a larger one goes first, and what they say."""

    packed: Int[np.ndarray, "*b n k"]
    price: Int[np.ndarray, "*b n k"]
    age: Int[np.ndarray, "*b n k"]

    def at(self, step: int, good: int) -> "_Orders":
        """The book of one step and good; the orders can be taken out of it."""
        return _Orders(self.packed[step, good].copy(), self.price[step, good], self.age[step, good])

    def best(self, citizen: int) -> int:
        """The slot of a citizen's best order."""
        return int(self.packed[citizen].argmax())


def trades(placed: Book, rules: market.Market) -> np.ndarray:
    """Rows (step, good, price, buyer, seller) in the order of settlement. `placed`: books [steps, g, k, n]."""
    bids, asks = (
        _Orders(*(np.asarray(x) for x in (orders, prices(orders), rules.ages(orders))))
        for orders, prices in (
            (jnp.swapaxes(placed.bids, -1, -2), rules.bid_prices),
            (jnp.swapaxes(placed.asks, -1, -2), rules.ask_prices),
        )
    )
    best_bid = np.where(bids.packed >= 0, bids.price, NO_ORDER).max(axis=(2, 3))
    best_ask = np.where(asks.packed >= 0, asks.price, rules.num_prices).min(axis=(2, 3))
    rows = [
        (step + 1, good, *deal)
        for step, good in np.argwhere(best_bid >= best_ask).tolist()
        for deal in _deals(bids.at(step, good), asks.at(step, good))
    ]
    return np.asarray(rows, np.int32).reshape(-1, 5)


def _deals(bids: _Orders, asks: _Orders) -> Iterator[tuple[int, int, int]]:
    """Settle a book by its priorities: (price, buyer, seller) of one trade after the other.

    The rule of `market.match`, told trade by trade: the best bid that reaches the best ask of anybody else takes it,
    at the price of the older order; of two equally old ones, of the ask.
    """
    while (pair := _next_pair(bids, asks)) is not None:
        buyer, seller = pair
        bid, ask = (buyer, bids.best(buyer)), (seller, asks.best(seller))
        yield int(asks.price[ask] if bids.age[bid] <= asks.age[ask] else bids.price[bid]), buyer, seller
        bids.packed[bid] = asks.packed[ask] = NO_ORDER


def _next_pair(bids: _Orders, asks: _Orders) -> tuple[int, int] | None:
    """Buyer and seller of the next trade; None if there is none."""
    offered = asks.packed.max(axis=1)
    for buyer in np.argsort(-bids.packed.max(axis=1), kind="stable").tolist():
        offers = np.where(np.arange(len(offered)) == buyer, NO_ORDER, offered)
        seller = int(offers.argmax())
        is_open = bids.packed[buyer].max() >= 0 and offers[seller] >= 0
        if is_open and bids.price[buyer, bids.best(buyer)] >= asks.price[seller, asks.best(seller)]:
            return buyer, seller
    return None
