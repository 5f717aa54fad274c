"""A second bookkeeper for Gather-Trade-Build: every step is worked out again, in the plainest way.

It shares no code with the events. What it cannot know without matching orders (how many units each citizen bought and
sold, and for how much coin) it takes from the journal and holds against the purses, the goods and the order book.
`faults` names the promises that a step broke. Axes: `n` citizens, `g` goods, `k` order slots, `s` source cells.
"""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from fisc.core.ledger import tolerance
from fisc.economies.gather_trade_build.economy import GatherTradeBuild
from fisc.economies.gather_trade_build.state import State
from fisc.taxes.planner import PlannerGrid

from .bookkeeping import ROUNDING, Moment, Page, escrow, far

GOODS = ("stone", "wood")
STEPS = ((0, -1), (0, 1), (-1, 0), (1, 0))
VALUE_ROUNDING = 1e-4
"""Share of utility, a power of coin, that may round away."""
FADE = 0.995

Faults = dict[str, Bool[Array, ""]]


def faults(world: GatherTradeBuild, before: State, actions, draws, happened, knobs) -> Faults:
    """Name every promise and say whether the step broke it.

    Regrowth is worked out, and so are taxes, but the tax system's decision only for a planner who picks from a grid.
    The order of events may be any in which trade is not taxed before it happens.
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return _faults(world, before, actions, draws, happened, knobs)


def _faults(world, before, actions, draws, happened, knobs) -> Faults:
    after, planner = happened.state, actions["planner"][0] if "planner" in actions else None
    moment = Moment(world, before, after, wishes(world, actions["citizen"]), draws, planner, knobs)
    flat = lambda x: x.reshape(-1).astype(jnp.int32)  # noqa: E731
    page = Page(before.coin, before.goods, before.labor, flat(before.owner), before.cell)
    found: Faults = {}
    for event in world.events:
        page, more = EVENTS[event](moment, page)
        found |= more
    found |= {
        "purses": far(page.purse, after.coin),
        "goods": jnp.any(page.goods != after.goods),
        "labor": far(page.labor, after.labor),
        "houses": jnp.any(page.owner != flat(after.owner)),
        "places": jnp.any(page.cell != after.cell),
        "ledger": happened.ledger.residual() > tolerance(jnp.float32),
    }
    return found | _board(moment) | _regrowth(moment) | _values(moment, happened.rewards) | _unchanged(moment)


def wishes(world: GatherTradeBuild, action) -> dict[str, Int[Array, " n"]]:
    """Read actions: one number over all menus, or one number a menu."""
    sizes, found, first = menus_of(world), {}, 1
    for d, (name, size) in enumerate(sizes):
        low, number = (1, action[:, d]) if world.picks_from_every_menu else (first, action)
        is_here = (number >= low) & (number < low + size)
        found[name] = jnp.where(is_here, number - low + 1, 0).astype(jnp.int32)
        first += size
    return found


def menus_of(world: GatherTradeBuild) -> list[tuple[str, int]]:
    """Name and entries of each menu, in the order of events."""
    prices = world.rules.market.max_price + 1
    orders = [(f"{verb} {good}", prices) for good in GOODS for verb in ("buy", "sell")]
    offers = {"build": [("build", 1)], "trade": orders, "gather": [("walk", 4)]}
    return [menu for event in world.events for menu in offers.get(event, [])]


# Building


def is_plain(state: State, cell: Int[Array, " n"]) -> Bool[Array, " n"]:
    """Whether a cell is neither water nor a source."""
    listed = jnp.any(state.terrain.cells[:, None, :] == cell[None, :, None], axis=(0, 2))
    return ~state.terrain.water.reshape(-1)[cell] & ~listed


def _build(moment: Moment, page: Page) -> tuple[Page, Faults]:
    """A unit of each good becomes a house on plain ground, and its builder is paid."""
    is_free = page.owner[page.cell] < 0
    built = (moment.wishes["build"] == 1) & jnp.all(page.goods >= 1, axis=0) & is_free
    built &= is_plain(moment.before, page.cell)
    site = (page.cell[:, None] == jnp.arange(page.owner.size)[None, :]) & built[:, None]
    builder = jnp.max(jnp.where(site, jnp.arange(built.size)[:, None], -1), axis=0)
    after = replace(
        page,
        purse=page.purse + jnp.where(built, moment.before.build_payment, 0.0),
        goods=page.goods - built[None, :].astype(jnp.int32),
        labor=page.labor + jnp.where(built, moment.world.rules.building.labor, 0.0),
        owner=jnp.maximum(page.owner, builder),
    )
    return after, {"count of houses": jnp.any(moment.change("builds") != built)}


# Trade


def _trade(moment: Moment, page: Page) -> tuple[Page, Faults]:
    """Orders are placed one after the other, as far as purse, units and the cap reach; then the market clears."""
    market, book, labor = moment.market, moment.before.book, page.labor
    purse, bids, asks = page.purse, [], []
    for g, good in enumerate(GOODS):
        orders = jnp.sum((book.bids[g] >= 0).astype(jnp.int32) + (book.asks[g] >= 0).astype(jnp.int32), axis=0)
        price = moment.wishes[f"buy {good}"] - 1
        is_bid = (price >= 0) & (orders < market.max_orders) & (price <= purse)
        purse = purse - jnp.where(is_bid, price, 0)
        offer = moment.wishes[f"sell {good}"] - 1
        is_ask = (offer >= 0) & (orders + is_bid < market.max_orders) & (page.goods[g] >= 1)
        labor = labor + jnp.where(is_bid, market.order_labor, 0.0) + jnp.where(is_ask, market.order_labor, 0.0)
        bids.append(jnp.where(is_bid, price, -1))
        asks.append(jnp.where(is_ask, market.max_price - offer, -1))
    (coin_before, units_before), (coin_after, units_after) = (escrow(s, market) for s in (moment.before, moment.after))
    bought, sold = moment.change("purchases"), moment.change("sales")
    spent, earned = moment.change("spending"), moment.change("earnings")
    after = replace(
        page,
        purse=page.purse + coin_before - coin_after + jnp.sum(earned - spent, axis=0),
        goods=page.goods + units_before - units_after + bought - sold,
        labor=labor,
    )
    found = {
        "trades": jnp.any(jnp.sum(bought, axis=1) != jnp.sum(sold, axis=1))
        | jnp.any(jnp.sum(spent, axis=1) != jnp.sum(earned, axis=1))
        | jnp.any(jnp.stack([bought, sold, spent, earned, market.max_price * sold - earned]) < 0),
        "bids": _orders(market, book.bids, jnp.stack(bids), moment.after.book.bids, bought),
        "asks": _orders(market, book.asks, jnp.stack(asks), moment.after.book.asks, sold),
        "price history": far(
            jnp.sum(moment.after.book.history, axis=1), FADE * jnp.sum(book.history, axis=1) + jnp.sum(sold, axis=1)
        ),
    }
    return after, found


def _orders(market, old, placed, new, trades) -> Bool[Array, ""]:
    """Whether one side of the book is wrong: orders only grow older, and leave by trading or by expiring.

    `placed`: rank of the price of each new order, or -1.
    """
    ages = 2 ** market.order_duration.bit_length()
    is_old, is_new = (old >= 0) & (new >= 0), (old < 0) & (new >= 0)
    is_wrong = jnp.any(is_old & (new != old + 1))
    is_wrong |= jnp.any(is_new & ((new != placed[:, None] * ages + 1) | (placed[:, None] < 0)))
    arrived = jnp.sum(is_new.astype(jnp.int32), axis=1)
    gone, due = (old >= 0) & (new < 0), (old >= 0) & (old % ages >= market.order_duration)
    left = jnp.sum((gone & ~due).astype(jnp.int32), axis=1) + (placed >= 0) - arrived
    expiring = jnp.sum(due.astype(jnp.int32), axis=1)
    is_wrong |= jnp.any(arrived > (placed >= 0)) | jnp.any(due & (new >= 0))
    return is_wrong | jnp.any(trades < left) | jnp.any(trades > left + expiring)


def _board(moment: Moment) -> Faults:
    """The order book as it stands: prices and ages in range, no more orders than allowed, nothing left to trade."""
    market, book = moment.market, moment.after.book
    ages, num = 2 ** market.order_duration.bit_length(), book.bids.shape[2]
    bid = jnp.where(book.bids >= 0, book.bids // ages, -1)
    ask = jnp.where(book.asks >= 0, market.max_price - book.asks // ages, market.max_price + 1)
    best_bid, best_ask = jnp.max(bid, axis=1), jnp.min(ask, axis=1)
    crosses = (best_bid[:, :, None] >= best_ask[:, None, :]) & (jnp.arange(num)[:, None] != jnp.arange(num)[None, :])
    crosses &= (best_bid >= 0)[:, :, None] & (best_ask <= market.max_price)[:, None, :]
    is_open = jnp.stack([book.bids, book.asks]) >= 0
    age = jnp.where(is_open, jnp.stack([book.bids, book.asks]) % ages, 1)
    is_wrong = jnp.any(bid > market.max_price) | jnp.any(ask < 0) | jnp.any(age < 1)
    is_wrong |= jnp.any(age > market.order_duration)
    is_wrong |= jnp.any(jnp.sum(is_open.astype(jnp.int32), axis=(0, 2)) > market.max_orders)
    # Sharing all coin out may leave a purse below zero, which is the rule of that event.
    is_short = jnp.any(moment.after.goods < 0)
    if "redistribute" not in moment.world.events:
        is_short |= jnp.any(moment.after.coin < 0)
    return {"order book": is_wrong, "unmatched orders": jnp.any(crosses), "nothing below zero": is_short}


# Walking and gathering


def targets(world: GatherTradeBuild, state: State, owner) -> tuple[Int[Array, "n 4"], Bool[Array, "n 4"]]:
    """The four cells around everybody, and whether map, water and houses let them in."""
    _, height, width = world.beginning.shape
    row, column = state.cell // width, state.cell % width
    rows = jnp.stack([row + down for down, _ in STEPS], axis=1)
    columns = jnp.stack([column + along for _, along in STEPS], axis=1)
    is_inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    target = jnp.where(is_inside, rows * width + columns, 0)
    is_mine = (owner[target] < 0) | (owner[target] == jnp.arange(row.size)[:, None])
    return target, is_inside & is_mine & ~state.terrain.water.reshape(-1)[target]


def _gather(moment: Moment, page: Page) -> tuple[Page, Faults]:
    """Everybody goes where they wish to, unless somebody stands there when it is their turn; then takes what lies."""
    before, after, gathering = moment.before, moment.after, moment.world.rules.gathering
    target, is_open = targets(moment.world, before, page.owner)
    way = moment.wishes["walk"]
    chosen = jnp.clip(way - 1, 0, 3)[:, None]
    goal, may_go = (jnp.take_along_axis(x, chosen, axis=1)[:, 0] for x in (target, is_open))
    # The others who went before stand where they end, those who go later where they began.
    turn, num = moment.draws.turn, way.size
    seen = jnp.where(turn[None, :] < turn[:, None], after.cell[None, :], before.cell[None, :])
    is_other = jnp.arange(num)[:, None] != jnp.arange(num)[None, :]
    is_met = jnp.any((seen == goal[:, None]) & is_other, axis=1)
    goes = (way > 0) & may_go & ~is_met
    cell = jnp.where(goes, goal, before.cell)
    found = jnp.any(_lies(before, cell), axis=2)
    lucky = moment.draws.bonus < before.gather_bonus[None, :]
    gained = jnp.where(found, 1 + lucky, 0).astype(jnp.int32)
    page = replace(
        page,
        cell=cell,
        goods=page.goods + gained,
        labor=page.labor
        + jnp.where(goes, gathering.move_labor, 0.0)
        + jnp.sum(found.astype(jnp.int32), axis=0) * gathering.collect_labor,
    )
    is_shared = jnp.any((after.cell[:, None] == after.cell[None, :]) & is_other)
    landlord = after.owner.reshape(-1)[after.cell]
    is_abroad = jnp.any((landlord >= 0) & (landlord != jnp.arange(num)))
    return page, {
        "count of gathered units": jnp.any(moment.change("gathered") != gained),
        "one citizen a cell": is_shared | jnp.any((after.cell < 0) | (after.cell >= after.owner.size)),
        "nobody on water": jnp.any(after.terrain.water.reshape(-1)[after.cell]),
        "nobody in another's house": is_abroad,
    }


def _lies(state: State, cell) -> Bool[Array, "g n s"]:
    """Which listed cells with units on them somebody stands on."""
    return (state.terrain.cells[:, None, :] == cell[None, :, None]) & (state.units > 0)[:, None, :]


def _regrowth(moment: Moment) -> Faults:
    """Units on the map: what lay there, less what was taken, plus what grew."""
    before, after, rules = moment.before, moment.after, moment.world.rules.regrowth
    size, width = after.owner.size, after.owner.shape[1]
    listed, units = before.terrain.cells, before.units.astype(jnp.int32)
    if "gather" in moment.world.events:
        units = units - jnp.any(_lies(before, after.cell), axis=1)
    is_wrong = jnp.zeros((), bool)
    for g in range(len(GOODS)):
        half, is_cell = rules.halfwidth[g], listed[g] < size
        rich = jnp.maximum(units[g], 1)
        if half:
            row, column = listed[g] // width, listed[g] % width
            near = jnp.maximum(jnp.abs(row[:, None] - row[None, :]), jnp.abs(column[:, None] - column[None, :])) <= half
            rich = jnp.sum(jnp.where(near & is_cell[None, :], rich[None, :], 0), axis=1)
        chance = rules.weight[g] * rich / (2 * half + 1) ** 2
        grown = jnp.minimum(units[g] + ((moment.draws.regrowth[g] < chance) & is_cell), rules.max_units[g])
        # A draw that equals the chance but for rounding decides nothing.
        is_close = jnp.abs(moment.draws.regrowth[g] - chance) < 1e-6
        is_wrong |= jnp.any((after.units[g] != grown) & ~is_close)
    return {"units on the map": is_wrong | jnp.any(after.units < 0)}


# Taxes and wealth


def _tax(moment: Moment, page: Page) -> tuple[Page, Faults]:
    """Rates change on first days, taxes are taken on last days from the purse, and everybody gets an equal share."""
    world, before, after = moment.world, moment.before.treasury, moment.after.treasury
    day = moment.before.step % world.steps_per_period
    is_first, is_last = day == 0, day == world.steps_per_period - 1
    escrowed = escrow(moment.after, moment.market)[0]
    income = page.purse + escrowed - before.tax_base
    due, cutoffs = jnp.zeros_like(income), world.tax.cutoffs
    for b in range(cutoffs.size):
        top = cutoffs[b + 1] if b + 1 < cutoffs.size else jnp.inf
        due = due + after.rates[b] * jnp.clip(jnp.minimum(income, top) - cutoffs[b], 0.0, None)
    paid = jnp.minimum(page.purse, due)
    share = jnp.sum(paid) / paid.size
    purse = jnp.where(is_last, page.purse - paid + share, page.purse)
    records = ("tax_base", "incomes", "marginal_rates", "taxes", "lump_sum")
    has_changed = jnp.any(jnp.stack([jnp.any(getattr(before, name) != getattr(after, name)) for name in records]))
    collected = [(after.taxes, paid), (after.lump_sum, share), (after.incomes, income)]
    collected += [(moment.change("taxes"), paid), (after.tax_base, purse + escrowed)]
    is_wrong = jnp.any(jnp.stack([far(theirs, mine, 10 * ROUNDING) for theirs, mine in collected]))
    found = {
        "rates": _rates_are_wrong(moment, is_first),
        "taxes": (is_last & is_wrong) | (~is_last & has_changed),
        "taxes are transfers": far(jnp.sum(after.taxes), after.lump_sum * paid.size),
    }
    return replace(page, purse=purse), found


def _rates_are_wrong(moment: Moment, is_first) -> Bool[Array, ""]:
    before, after, system = moment.before.treasury.rates, moment.after.treasury.rates, moment.world.tax
    ceiling = moment.knobs.max_rate
    is_wrong = jnp.any((after < 0) | (after > 1)) | (~is_first & jnp.any(before != after))
    is_wrong |= is_first & jnp.any(after > ceiling + 1e-6)
    if isinstance(system, PlannerGrid):
        rate = system.rate_min + (moment.planner - 1) * system.rate_step
        is_legal = (moment.planner >= 1) & (rate <= system.rate_max + 1e-6) & (rate <= ceiling + 1e-6)
        is_wrong |= is_first & far(after, jnp.where(is_legal, rate, before))
    return is_wrong


def _redistribute(moment: Moment, page: Page) -> tuple[Page, Faults]:
    """Everybody owns the mean."""
    escrowed = escrow(moment.after, moment.market)[0]
    mean = jnp.sum(page.purse + escrowed) / page.purse.size
    owned = moment.after.coin + escrowed
    return replace(page, purse=mean - escrowed), {"equal shares": far(owned, jnp.mean(owned))}


# Everything else


def _values(moment: Moment, rewards) -> Faults:
    """Utility is what coin is worth less what labor costs, and rewards are its changes."""
    before, after, wants = moment.before, moment.after, moment.world.preferences
    coin = after.coin + escrow(after, moment.market)[0]
    curve = jnp.where(wants.eta == 1, 0.5, 1 - wants.eta)
    worth = jnp.where(wants.eta == 1, jnp.log(jnp.maximum(coin, 1)), (jnp.maximum(coin, 0) ** curve - 1) / curve)
    count = {"nothing": None, "episodes": before.completed, "rewarding steps": before.rewarding_steps}
    lived = count[wants.warmup_counts]
    weight = 1.0 if lived is None else 1.0 - jnp.exp(-lived / wants.warmup)
    cost = moment.knobs.labor_cost * weight * wants.labor_cost * after.labor
    gained = rewards["citizen"]
    found = {
        "utility": far(after.utility, worth - cost, VALUE_ROUNDING),
        "rewards": far(gained, after.utility - before.utility, VALUE_ROUNDING),
    }
    if "planner" in rewards:
        found["rewards"] |= far(rewards["planner"], (after.welfare - before.welfare)[None], VALUE_ROUNDING)
    return found


def _unchanged(moment: Moment) -> Faults:
    """Time passes by one step; map and skills stay."""
    before, after = moment.before, moment.after
    is_wrong = (after.step != before.step + 1) | (after.completed != before.completed)
    for name in ("build_payment", "build_skill", "gather_bonus"):
        is_wrong |= jnp.any(getattr(before, name) != getattr(after, name))
    for name in ("water", "cells", "slots"):
        is_wrong |= jnp.any(getattr(before.terrain, name) != getattr(after.terrain, name))
    return {"what stays": is_wrong}


EVENTS: dict[str, Callable[[Moment, Page], tuple[Page, Faults]]] = {
    "build": _build,
    "trade": _trade,
    "gather": _gather,
    "tax": _tax,
    "redistribute": _redistribute,
}
