"""Small worlds for the tests: a map as text, people on it, rules of the papers."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from fisc.core.knobs import full_knobs
from fisc.econ import welfare
from fisc.economies.gather_trade_build import layouts, market
from fisc.economies.gather_trade_build.build import Building
from fisc.economies.gather_trade_build.choices import Choices
from fisc.economies.gather_trade_build.economy import GatherTradeBuild, Preferences, Rules, SameBeginning
from fisc.economies.gather_trade_build.gather import Gathering
from fisc.economies.gather_trade_build.market import Market
from fisc.economies.gather_trade_build.regrow import Regrowth
from fisc.economies.gather_trade_build.state import Draws, Start
from fisc.taxes.planner import PlannerGrid

KNOBS = full_knobs(("citizen", "planner"))
ISLAND = "S....W\n......\n..@@..\n.....W\nS....."
"""Five rows of six cells: two stone and two wood sources, water in the middle."""
CUTOFFS = [0.0, 10.0, 40.0]
STONE, WOOD = 0, 1


def number(x):
    return jnp.asarray(x, float)


def rules(**market_options) -> Rules:
    return Rules(
        building=Building(number(10.0)),
        market=Market(number(0.25), **{"max_price": 10, "order_duration": 50, "max_orders": 5, **market_options}),
        gathering=Gathering(number(1.0), number(1.0)),
        regrowth=Regrowth(number([0.01, 0.01]), (0, 0), (1, 1)),
    )


def world(cells=((0, 1), (1, 1), (1, 4)), chart=ISLAND, tax=None, rule_book=None, **options) -> GatherTradeBuild:
    """People at the given rows and columns, paid 10, 11, … coin for a house; nobody gathers twice."""
    layout = layouts.parse(chart)
    num, width = len(cells), layout.size[1]
    start = Start(
        water=layout.ground.water,
        sources=layout.ground.sources,
        cell=jnp.asarray([row * width + column for row, column in cells], jnp.int32),
        build_payment=number(10.0 + np.arange(num)),
        build_skill=number(np.ones(num)),
        gather_bonus=number(np.zeros(num)),
    )
    return GatherTradeBuild(
        beginning=SameBeginning(start, layout.max_sources),
        rules=rules() if rule_book is None else rule_book,
        preferences=Preferences(number(0.23), number(0.21), number(1.0)),
        tax=PlannerGrid(number(CUTOFFS), 0.25) if tax is None else tax,
        payment=number(10.0),
        starting_coin=number(0.0),
        objective=welfare.equality_times_productivity,
        **{"periods": 2, "steps_per_period": 3, **options},
    )


def begin(economy: GatherTradeBuild, coin=None, goods=None):
    """The first state, with purses and goods [g, n] as given."""
    zero = jnp.zeros((), jnp.int32)
    state = economy.begin(economy.beginning.start, economy.tax.init(), zero, zero)
    coin = state.coin if coin is None else number(coin)
    goods = state.goods if goods is None else jnp.asarray(goods, jnp.int32)
    treasury = replace(state.treasury, tax_base=coin)
    return replace(state, coin=coin, goods=goods, treasury=treasury)


def nothing(num: int) -> Choices:
    """Nobody wants anything."""
    none = jnp.full((2, num), -1, jnp.int32)
    return Choices(jnp.zeros(num, bool), none, none, jnp.zeros(num, jnp.int32))


def orders(num: int, bids=(), asks=()) -> Choices:
    """Orders as (citizen, good, price)."""
    wants = nothing(num)
    for who, good, price in bids:
        wants = replace(wants, bids=wants.bids.at[good, who].set(price))
    for who, good, price in asks:
        wants = replace(wants, asks=wants.asks.at[good, who].set(price))
    return wants


def no_draws(economy: GatherTradeBuild, state, turn=None) -> Draws:
    """Citizens move by index unless told otherwise, nobody is lucky, and nothing grows."""
    num = state.cell.shape[0]
    turn = jnp.arange(num, dtype=jnp.int32) if turn is None else jnp.asarray(turn, jnp.int32)
    return Draws(turn, jnp.ones_like(number(state.goods)), jnp.ones_like(number(state.units)), ())


def open_orders(state, rules: Market):
    """Every open order as (side, good, citizen, price, age), sorted."""
    found = []
    for side, slots, prices in (
        ("ask", state.book.asks, rules.ask_prices(state.book.asks)),
        ("bid", state.book.bids, rules.bid_prices(state.book.bids)),
    ):
        for good, slot, who in np.argwhere(np.asarray(slots) >= 0).tolist():
            age = int(rules.ages(slots)[good, slot, who])
            found.append((side, good, who, int(prices[good, slot, who]), age))
    return sorted(found)


__all__ = ["KNOBS", "begin", "market", "no_draws", "nothing", "number", "open_orders", "orders", "rules", "world"]
