"""What is written down about an episode: frames of the state, and trades, houses and tax periods as events.

The frames come from jax, one a step; the events are read off them afterwards, in numpy. Names, shapes and units of
everything are those of `fisc.records.episode_map`. Axes: `n` citizens, `g` goods, `k` order slots.
"""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from fisc.economies.gather_trade_build import market
from fisc.economies.gather_trade_build.economy import GatherTradeBuild
from fisc.economies.gather_trade_build.state import GOODS, NO_ORDER, Book, State


def frame(economy: GatherTradeBuild, state: State) -> dict[str, Shaped[Array, "..."]]:
    """What is worth keeping of the state after a step."""
    rules, journal, treasury = economy.rules.market, state.journal, state.treasury
    small = lambda x: x.astype(jnp.int16)  # noqa: E731
    return {
        "cell": state.cell,
        "coin": state.coin,
        "goods": state.goods,
        "labor": state.labor,
        "utility": state.utility,
        "welfare": state.welfare,
        "bids": small(jnp.where(state.book.bids >= 0, rules.bid_prices(state.book.bids), NO_ORDER)),
        "asks": small(jnp.where(state.book.asks >= 0, rules.ask_prices(state.book.asks), NO_ORDER)),
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
        "trades": trades(np.asarray(placed.bids), np.asarray(placed.asks), economy.rules.market),
    }


def houses(owner: np.ndarray) -> np.ndarray:
    """Rows (step, cell, owner) of the houses built. `owner`: maps [steps + 1, h, w]."""
    flat = owner.reshape(len(owner), -1)
    step, cell = np.nonzero(flat[1:] != flat[:-1])
    return np.stack([step + 1, cell, flat[step + 1, cell]], axis=1).astype(np.int32)


def trades(bids: np.ndarray, asks: np.ndarray, rules: market.Market) -> np.ndarray:
    """Rows (step, good, price, buyer, seller) in the order of settlement. Books: [steps, g, n, k], packed."""
    best_bid = np.where(bids >= 0, rules.bid_prices(bids), -1).max(axis=(2, 3))
    best_ask = np.where(asks >= 0, rules.ask_prices(asks), rules.max_price + 1).min(axis=(2, 3))
    rows = [
        (step + 1, good, *deal)
        for step, good in np.argwhere(best_bid >= best_ask)
        for deal in deals(bids[step, good], asks[step, good], rules)
    ]
    return np.asarray(rows, np.int32).reshape(-1, 5)


def deals(bids: np.ndarray, asks: np.ndarray, rules: market.Market) -> Iterator[tuple[int, int, int]]:
    """Settle one book [n, k] by its priorities: (price, buyer, seller) of one trade after the other.

    The rule of `market.match`, told trade by trade: the best bid that reaches the best ask of anybody else takes it.
    """
    bids, asks = bids.copy(), asks.copy()
    for _ in range(bids.size):
        deal = _next_deal(bids.max(axis=1), asks.max(axis=1), rules)
        if deal is None:
            return
        buyer, seller, bid, ask = deal
        price = rules.ask_prices(ask) if rules.ages(bid) <= rules.ages(ask) else rules.bid_prices(bid)
        yield int(price), buyer, seller
        bids[buyer, bids[buyer].argmax()] = NO_ORDER
        asks[seller, asks[seller].argmax()] = NO_ORDER


def _next_deal(bids: np.ndarray, asks: np.ndarray, rules: market.Market) -> tuple[int, int, int, int] | None:
    """Buyer, seller, bid and ask of the next trade, from everybody's best orders [n]; None if there is none."""
    for buyer in np.argsort(-bids, kind="stable"):
        offers = np.where(np.arange(len(asks)) == buyer, NO_ORDER, asks)
        seller = int(offers.argmax())
        bid, ask = int(bids[buyer]), int(offers[seller])
        if bid >= 0 and ask >= 0 and rules.bid_prices(bid) >= rules.ask_prices(ask):
            return int(buyer), seller, bid, ask
    return None
