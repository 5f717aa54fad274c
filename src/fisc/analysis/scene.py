"""One moment of a recorded episode, as somebody who watches wants to know it: who has what, the market, the taxes."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from fisc.records.episode_map import MapEpisode, citizen_name

RECENT = 6
"""Events told with a moment."""


@dataclass(frozen=True)
class Person:
    """A citizen at one moment."""

    name: str
    coin: float
    """Owned: at hand and in open bids."""
    in_bids: int
    held: tuple[int, ...]
    """Units of each good, those on offer included."""
    on_offer: tuple[int, ...]
    houses: int
    income: float
    """Coin gained in this tax year so far; below 0 for who bought more than earned."""
    bracket: int
    """Where that income lies."""
    labor: float


@dataclass(frozen=True)
class Stall:
    """The market of one good at one moment; None where there is nothing."""

    good: str
    best_bid: int | None
    best_ask: int | None
    bids: int
    asks: int
    last_price: int | None
    trades: int


@dataclass(frozen=True)
class Scene:
    """One moment."""

    frame: int
    steps: int
    year: int
    """From 1."""
    years: int
    day: int
    """Steps of the year that are over."""
    days: int
    people: tuple[Person, ...]
    market: tuple[Stall, ...]
    rates: tuple[float, ...]
    """Marginal rates in force, by bracket; empty without taxes."""
    cutoffs: tuple[float, ...]
    events: tuple[tuple[int, str], ...]
    """The last things that happened: step and words."""


def scene(told: MapEpisode, frame: int) -> Scene:
    """Gather what there is to know about the moment after step `frame` (0: the beginning)."""
    year = told.period_of(frame)
    is_taxed = told.has_taxes
    return Scene(
        frame=frame,
        steps=told.steps,
        year=year + 1,
        years=told.num_periods,
        day=frame - year * told.steps_per_period,
        days=told.steps_per_period,
        people=_people(told, frame),
        market=tuple(_stall(told, frame, g, good) for g, good in enumerate(told.goods)),
        rates=tuple(told.period("rates")[year].tolist()) if is_taxed else (),
        cutoffs=tuple(told.cutoffs.tolist()) if is_taxed else (),
        events=_events(told, frame),
    )


def income_so_far(told: MapEpisode, frame: int) -> np.ndarray:
    """Coin that each citizen gained in the tax year that a frame belongs to, [n]; on tax day, what was taxed."""
    year = told.period_of(frame)
    if frame == (year + 1) * told.steps_per_period and told.has_taxes:
        return told.period("incomes")[year].astype(float)
    return told.coin[frame] - told.coin[year * told.steps_per_period]


def _people(told: MapEpisode, frame: int) -> tuple[Person, ...]:
    built = told.houses.filter(pl.col("step") <= frame)["owner"].to_numpy()
    houses = np.bincount(built, minlength=told.num_citizens)
    incomes, on_offer = income_so_far(told, frame), told.units_in_asks[frame]
    held = told.held[frame] + on_offer
    brackets = np.searchsorted(told.cutoffs, incomes, side="right") - 1
    return tuple(
        Person(
            name=citizen_name(i),
            coin=float(told.coin[frame, i]),
            in_bids=int(told.coin_in_bids[frame, i]),
            held=tuple(int(x) for x in held[:, i]),
            on_offer=tuple(int(x) for x in on_offer[:, i]),
            houses=int(houses[i]),
            income=float(incomes[i]),
            bracket=max(0, int(brackets[i])),
            labor=float(told.labor[frame, i]),
        )
        for i in range(told.num_citizens)
    )


def _stall(told: MapEpisode, frame: int, g: int, good: str) -> Stall:
    bids, asks = told.bids[frame, g], told.asks[frame, g]
    bids, asks = bids[bids >= 0], asks[asks >= 0]
    past = told.trades.filter((pl.col("good") == good) & (pl.col("step") <= frame))["price"]
    return Stall(
        good=good,
        best_bid=int(bids.max()) if len(bids) else None,
        best_ask=int(asks.min()) if len(asks) else None,
        bids=len(bids),
        asks=len(asks),
        last_price=int(past[-1]) if len(past) else None,
        trades=len(past),
    )


def _events(told: MapEpisode, frame: int) -> tuple[tuple[int, str], ...]:
    """The newest last."""
    trades = told.trades.filter(pl.col("step") <= frame).tail(RECENT)
    lines = [
        (step, f"{citizen_name(buyer)} buys {good} from {citizen_name(seller)} for {price}")
        for step, good, price, buyer, seller in trades.iter_rows()
    ]
    houses = told.houses.filter(pl.col("step") <= frame).tail(RECENT)
    lines += [
        (step, f"{citizen_name(owner)} builds a house for {told.build_payment[owner]:.3g} coin")
        for step, _, owner in houses.iter_rows()
    ]
    for year in range(frame // told.steps_per_period if told.has_taxes else 0):
        total = float(told.period("taxes")[year].sum())
        if total > 0:
            lines.append((
                (year + 1) * told.steps_per_period,
                f"tax day: {total:,.0f} coin collected, {float(told.period('lump_sum')[year]):,.3g} back to each",
            ))  # fmt: skip
    return tuple(sorted(lines, key=lambda line: line[0])[-RECENT:])
