"""What citizens and planner see, in named blocks.

The layout is generated from the economy's sizes. Blocks that all citizens share are stored once.
Axes: `n` citizens, `g` goods, `p` prices, `b` brackets.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from fisc.core.economy import Block
from fisc.core.tax import TaxSystem
from fisc.econ import brackets
from fisc.econ.sorting import ascending
from fisc.economies.gather_trade_build import chart
from fisc.economies.gather_trade_build.market import Market, coin_in_escrow
from fisc.economies.gather_trade_build.state import GOODS, Book, State, places

SCALE = 0.01
"""Factor on purses, units held and price histories; the reference's constant."""
CALENDAR = ("is_first_day", "is_tax_day", "tax_phase")
WORD = 32
"""Bits in which counts of orders are packed."""
SMALLEST_HISTORY = 0.001
"""The mean price divides by the number of trades remembered; this floor keeps it finite before the first one."""


@dataclass(frozen=True)
class Sight:
    """What can be seen."""

    halfwidth: int = 5
    """Cells that a citizen sees in each direction."""
    whole_map: bool = False
    """Whether citizens see the whole map instead."""
    planner_sees_map: bool = True
    """Whether the planner sees the map and where everybody stands."""
    is_scaled: bool = True
    """Whether purses, units and price histories come times SCALE, and time as a fraction of the episode."""
    shows_noise: bool = False
    """Convention "foundation": citizens see the raw build skill that was drawn, though rank decides their payment."""
    hides_places: bool = False
    """Convention "foundation" with the whole map: no coordinates, and the planner sees nobody's purse or units."""


@dataclass(frozen=True)
class Layout:
    """The sizes that observations depend on."""

    events: tuple[str, ...]
    num_citizens: int
    height: int
    width: int
    num_prices: int
    num_brackets: int
    sight: Sight

    def citizen_blocks(self) -> dict[str, Block]:
        """Blocks of a citizen's observation."""
        side = 2 * self.sight.halfwidth + 1
        is_window = not self.sight.whole_map
        grid = (side, side) if is_window else (self.height, self.width)
        names = chart.CHANNELS if self.sight.whole_map else (*chart.CHANNELS, chart.INSIDE)
        blocks = self._public() | {"own": Block(self.own_names(), is_public=False)}
        if "trade" in self.events:
            for name in ("my_asks", "my_bids"):
                blocks[name] = Block(_by_price(name, self.num_prices), is_public=False)
        blocks["map"] = Block(names, is_public=not is_window, grid=grid, is_centered=is_window)
        num = self.num_citizens + 2
        blocks["labels"] = Block(chart.LABELS, is_public=False, grid=grid, num_labels=num, is_centered=is_window)
        return blocks

    def planner_blocks(self) -> dict[str, Block]:
        """Blocks of the planner's observation."""
        names = self.citizen_names()
        rows = tuple(f"{name}_{i}" for i in range(self.num_citizens) for name in names)
        blocks = self._public() | ({"citizens": Block(rows, is_public=True)} if rows else {})
        if self.sight.planner_sees_map:
            grid = (self.height, self.width)
            blocks["map"] = Block(chart.CHANNELS, is_public=True, grid=grid)
            blocks["labels"] = Block(chart.LABELS, is_public=True, grid=grid, num_labels=self.num_citizens + 2)
        return blocks

    def _public(self) -> dict[str, Block]:
        calendar = CALENDAR if "tax" in self.events else ()
        blocks = {"calendar": Block((*calendar, "time"), is_public=True)}
        if "tax" in self.events:
            blocks["rates"] = Block(tuple(f"rate_{b}" for b in range(self.num_brackets)), is_public=True)
            ranks = tuple(f"last_income_rank_{i}" for i in range(self.num_citizens))
            blocks["last_incomes"] = Block(ranks, is_public=True)
        if "trade" in self.events:
            blocks["market_rate"] = Block(tuple(f"market_rate_{good}" for good in GOODS), is_public=True)
            for name in ("price_history", "asks", "bids"):
                blocks[name] = Block(_by_price(name, self.num_prices), is_public=True)
        return blocks

    def own_names(self) -> tuple[str, ...]:
        """What a citizen sees of itself, in this order."""
        place = () if self.sight.hides_places else ("row", "column")
        skills = ("build_payment",) if "build" in self.events else ()
        skills += ("build_skill",) if "build" in self.events and self.sight.shows_noise else ()
        skills += ("gather_bonus",) if "gather" in self.events else ()
        rate = ("marginal_rate",) if "tax" in self.events else ()
        return ("coin", *GOODS, *place, *skills, *rate)

    def citizen_names(self) -> tuple[str, ...]:
        """What the planner sees of every citizen, in this order."""
        purse = () if self.sight.hides_places else ("coin", *GOODS)
        place = ("row", "column") if self.sight.planner_sees_map and not self.sight.hides_places else ()
        tax = ("last_income", "last_marginal_rate", "marginal_rate") if "tax" in self.events else ()
        return (*purse, *place, *tax)


def _by_price(name: str, num_prices: int) -> tuple[str, ...]:
    return tuple(f"{name}_{good}_{price}" for good in GOODS for price in range(num_prices))


def public(
    state: State, layout: Layout, orders: dict[str, Int[Array, "n gp"]], period: int, steps: int
) -> dict[str, Float[Array, "1 _"]]:
    """What everybody sees, the planner included. `orders`: see `count_orders`."""
    scale = SCALE if layout.sight.is_scaled else 1.0
    features = {"calendar": _calendar(state, layout, period, steps)}
    if "tax" in layout.events:
        features["rates"] = state.treasury.rates[None, :]
        features["last_incomes"] = ascending(state.treasury.incomes)[None, :] / period
    if "trade" in layout.events:
        book, dtype = state.book, state.coin.dtype
        features["market_rate"] = market_rates(book.history)[None, :]
        features["price_history"] = book.history.reshape(1, -1) * scale
        for name, counted in orders.items():
            features[name] = jnp.sum(counted, axis=0, dtype=jnp.int32)[None, :].astype(dtype)
    return features


def _calendar(state: State, layout: Layout, period: int, steps: int) -> Float[Array, "1 _"]:
    """Where in the tax year and in the episode we are; the day counts from 1."""
    dtype = state.coin.dtype
    day = (state.step % period + 1).astype(dtype)
    time = state.step.astype(dtype) / (steps if layout.sight.is_scaled else 1)
    tax = [(day == 1).astype(dtype), (day >= period).astype(dtype), day / period] if "tax" in layout.events else []
    return jnp.stack([*tax, time])[None, :]


def market_rates(history: Float[Array, "g p"]) -> Float[Array, " g"]:
    """Mean price of each good in the trades remembered, 0 before the first one."""
    prices = jnp.arange(history.shape[1], dtype=history.dtype)
    return jnp.sum(history * prices[None, :], axis=1) / jnp.maximum(SMALLEST_HISTORY, jnp.sum(history, axis=1))


def count_orders(book: Book, market: Market) -> dict[str, Int[Array, "n gp"]]:
    """Everybody's open asks and bids of each good at each price."""
    prices = {"asks": market.ask_prices(book.asks), "bids": market.bid_prices(book.bids)}
    return {name: _count(price, market) for name, price in prices.items()}


def _count(prices: Int[Array, "g k n"], market: Market) -> Int[Array, "n gp"]:
    """How many of a citizen's prices are each price; empty slots have a price below or above all, and count nowhere.

    A count needs few bits, so those of several prices share a word while slots are added up. They are taken apart in
    one row for all goods: a CPU is quick where the last axis is long.
    """
    bits = next(size for size in (1, 2, 4, 8, 16, WORD) if market.max_orders < 1 << size)
    in_word = WORD // bits
    num_words = -(-market.num_prices // in_word)
    price, words = prices.astype(jnp.uint32)[None], np.arange(num_words, dtype=np.uint32)[:, None, None, None]
    one, is_here = jnp.uint32(1) << price % in_word * bits, price // in_word == words
    packed = jnp.sum(jnp.where(is_here, one, 0), axis=2, dtype=jnp.uint32)

    column = np.arange(len(GOODS) * market.num_prices)
    good, (word, place) = column // market.num_prices, np.divmod(column % market.num_prices, in_word)
    row = jnp.zeros((prices.shape[2], column.size), jnp.uint32)
    for w, g in np.ndindex(num_words, len(GOODS)):
        row = jnp.where(((good == g) & (word == w))[None, :], packed[w, g, :, None], row)
    shift = jnp.asarray(place * bits, jnp.uint32)
    return (row >> shift[None, :] & jnp.uint32((1 << bits) - 1)).astype(jnp.int32)


def columns(
    state: State, layout: Layout, market: Market, tax: TaxSystem, payment: Float[Array, ""], period: int
) -> dict[str, Float[Array, " n"]]:
    """Everything about single citizens that somebody may see. `payment`: coin that is seen as a build payment of 1."""
    dtype, scale = state.coin.dtype, SCALE if layout.sight.is_scaled else 1.0
    held = {good: state.goods[g].astype(dtype) * scale for g, good in enumerate(GOODS)}
    income = state.coin + coin_in_escrow(state.book, market).astype(dtype) - state.treasury.tax_base
    row, column = places(state.cell, layout.width)
    return {
        "coin": state.coin * scale,
        **held,
        "row": row.astype(dtype) / layout.height,
        "column": column.astype(dtype) / layout.width,
        "build_payment": state.build_payment / payment,
        "build_skill": state.build_skill,
        "gather_bonus": state.gather_bonus,
        "last_income": state.treasury.incomes / period,
        "last_marginal_rate": state.treasury.marginal_rates,
        "marginal_rate": brackets.marginal_rate(income, tax.cutoffs.astype(dtype), state.treasury.rates),
    }


def spatial(state: State, layout: Layout, form: chart.Packing) -> dict[str, dict[str, Shaped[Array, "..."]]]:
    """Maps and labels by role."""
    packed, num = chart.pack(state, form), state.cell.shape[0]
    citizen, whole = jnp.arange(num, dtype=jnp.int32), packed[None]
    if layout.sight.whole_map:
        everywhere = jnp.broadcast_to(whole, (num, *packed.shape))
        seen = {"map": chart.channels(whole, form, has_edge=False), "labels": chart.labels(everywhere, form, citizen)}
    else:
        window = chart.windows(packed, state.cell, layout.sight.halfwidth)
        seen = {"map": chart.channels(window, form, has_edge=True), "labels": chart.labels(window, form, citizen)}
    nobody = jnp.full(1, chart.NOBODY, jnp.int32)
    planner = {"map": chart.channels(whole, form, has_edge=False), "labels": chart.labels(whole, form, nobody)}
    return {"citizen": seen, "planner": planner if layout.sight.planner_sees_map else {}}
