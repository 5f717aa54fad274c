"""Who did what in an episode, and what came of it: gathering, trading, building, income, taxes and labor by citizen,
and equality and productivity of all.

Every coin is accounted for: coin at the end = coin at the beginning + from houses + from sales - for purchases - taxes
+ transfers (+ redistribution, in economies that have it).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from fisc.records.episode_map import MapEpisode, citizen_name

ACTIVITIES = ("walking", "gathering", "building", "trading")
"""What labor is spent on."""


@dataclass(frozen=True)
class Breakdown:
    """The tables of an episode. Money in coin, labor in the economy's unit of effort."""

    title: str
    """Scenario and tax system, as the episode names them."""
    goods: tuple[str, ...]
    steps_per_year: int
    outcome: pl.DataFrame
    """Rows `measure, value, unit` of the whole episode; see `outcome_of`."""
    citizens: pl.DataFrame
    """A row a citizen; see `by_citizen`."""
    years: pl.DataFrame
    """A row a tax year and citizen: `year, citizen, income, tax, transfer, marginal_rate, houses`."""
    trades: pl.DataFrame
    """A row a unit traded: `step, year, good, price, buyer, seller`."""
    prices: pl.DataFrame
    """A row a good and year: `good, year, trades, mean, low, high`."""


def break_down(told: MapEpisode) -> Breakdown:
    """Make all tables of an episode."""
    names = [citizen_name(i) for i in range(told.num_citizens)]
    trades = told.trades.with_columns(
        ((pl.col("step") - 1) // told.steps_per_period + 1).alias("year"),
        *[pl.Series(who, [names[i] for i in told.trades[who]], dtype=pl.String) for who in ("buyer", "seller")],
    ).select("step", "year", "good", "price", "buyer", "seller")
    prices = (
        trades.group_by("good", "year")
        .agg(
            pl.len().cast(pl.Int64).alias("trades"),
            pl.col("price").mean().alias("mean"),
            pl.col("price").min().alias("low"),
            pl.col("price").max().alias("high"),
        )
        .sort("good", "year")
    )
    citizens, years = by_citizen(told, names), by_year(told, names)
    outcome = outcome_of(citizens["coin_end"].to_numpy())
    return Breakdown(told.episode.title, told.goods, told.steps_per_period, outcome, citizens, years, trades, prices)


def outcome_of(coin: np.ndarray) -> pl.DataFrame:
    """What an episode is judged by in the AI Economist papers: `productivity`, `equality`, and their product.

    productivity = mean(coin); equality = 1 - gini(coin), as in `fisc.econ.inequality`: 1 if all own the same, 0 if one
    owns all.

    Args:
        coin: what each citizen owns at the end, not below 0, [n].
    """
    weights = np.linspace(-1.0, 1.0, len(coin))
    total = float(coin.sum())
    equality = 1.0 - float(weights @ np.sort(coin)) / total if total > 0 else 1.0
    productivity = total / len(coin)
    rows = [
        ("productivity", productivity, "coin per citizen"),
        ("equality", equality, "0 to 1"),
        ("equality_times_productivity", equality * productivity, "coin per citizen"),
    ]
    return pl.DataFrame(rows, schema=["measure", "value", "unit"], orient="row")


def by_citizen(told: MapEpisode, names: list[str]) -> pl.DataFrame:
    """What each citizen did and got in the whole episode.

    Columns: `citizen`; `build_payment` (coin for a house) and `gather_bonus` (chance of a second unit), the skills;
    for each good `gathered_`, `sold_`, `bought_` (units), `sale_price_`, `purchase_price_` (means, empty without
    trades); `houses`; `coin_start`; income `from_houses`, `from_sales`, `for_purchases`; `income` before tax, their
    sum; `tax`, `transfer`; `redistributed`, 0 but in economies that share all coin out; `income_after_tax`; `coin_end`;
    `labor` and what it was spent on, `labor_walking` and so on; `utility`.
    """
    count = told.num_citizens
    houses = np.bincount(told.houses["owner"].to_numpy(), minlength=count)
    columns: dict[str, np.ndarray | list[float | None]] = {
        "build_payment": told.build_payment.astype(float),
        "gather_bonus": told.gather_bonus.astype(float),
    }
    earned, spent = np.zeros(count), np.zeros(count)
    for g, good in enumerate(told.goods):
        columns[f"gathered_{good}"] = told.gathered[-1, g].astype(np.int64)
        for verb, who, total in (("sold", "seller", earned), ("bought", "buyer", spent)):
            units, coin = _traded(told, good, who)
            total += coin
            columns[f"{verb}_{good}"] = units
            price = "sale_price" if verb == "sold" else "purchase_price"
            columns[f"{price}_{good}"] = [c / u if u else None for c, u in zip(coin, units, strict=True)]
    from_houses = houses * told.build_payment.astype(float)
    income = from_houses + earned - spent
    tax, transfer = _taxes(told)
    start, end = told.coin[0], told.coin[-1]
    redistributed = end - start - income + tax - transfer if "redistribute" in told.fact("events") else np.zeros(count)
    columns |= {
        "houses": houses,
        "coin_start": start,
        "from_houses": from_houses,
        "from_sales": earned,
        "for_purchases": -spent,
        "income": income,
        "tax": tax,
        "transfer": transfer,
        "redistributed": redistributed,
        "income_after_tax": income - tax + transfer + redistributed,
        "coin_end": end,
        "labor": told.labor[-1].astype(float),
        **{f"labor_{name}": effort for name, effort in labor_by_activity(told).items()},
        "utility": told.utility[-1].astype(float),
    }
    return pl.DataFrame({"citizen": names, **columns}, strict=False)


def labor_by_activity(told: MapEpisode) -> dict[str, np.ndarray]:
    """What labor was spent on, [n] each: effort of moves, of finds and of houses; the rest went into orders."""
    moves = (np.diff(told.cell, axis=0) != 0).sum(axis=0)
    finds = (np.diff(told.gathered, axis=0) > 0).sum(axis=0)
    houses = np.bincount(told.houses["owner"].to_numpy(), minlength=told.num_citizens)
    walking = moves * told.fact("move_labor")
    gathering = np.asarray(told.fact("collect_labor"), float) @ finds
    building = houses * told.fact("build_labor")
    trading = told.labor[-1] - walking - gathering - building
    return dict(zip(ACTIVITIES, (walking, gathering, building, trading), strict=True))


def by_year(told: MapEpisode, names: list[str]) -> pl.DataFrame:
    """Income, tax and transfer of each citizen in each tax year; without taxes the episode is split all the same."""
    length, rows = told.steps_per_period, []
    built = told.houses.with_columns(((pl.col("step") - 1) // length).alias("year"))
    for year in range(told.num_periods):
        houses = np.bincount(built.filter(pl.col("year") == year)["owner"].to_numpy(), minlength=told.num_citizens)
        if told.has_taxes:
            income, tax, rate = (told.period(name)[year] for name in ("incomes", "taxes", "marginal_rates"))
            transfer = float(told.period("lump_sum")[year])
        else:
            income = told.coin[(year + 1) * length] - told.coin[year * length]
            tax = rate = np.zeros(told.num_citizens)
            transfer = 0.0
        rows += [
            (year + 1, name, float(income[i]), float(tax[i]), transfer, float(rate[i]), int(houses[i]))
            for i, name in enumerate(names)
        ]
    columns = ["year", "citizen", "income", "tax", "transfer", "marginal_rate", "houses"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def _traded(told: MapEpisode, good: str, who: str) -> tuple[np.ndarray, np.ndarray]:
    """Units and coin of each citizen as `buyer` or `seller` of a good."""
    rows = told.trades.filter(pl.col("good") == good)
    index = rows[who].to_numpy()
    units = np.bincount(index, minlength=told.num_citizens)
    return units, np.bincount(index, weights=rows["price"].to_numpy(), minlength=told.num_citizens)


def _taxes(told: MapEpisode) -> tuple[np.ndarray, np.ndarray]:
    if not told.has_taxes:
        return np.zeros(told.num_citizens), np.zeros(told.num_citizens)
    tax = told.period("taxes").astype(float).sum(axis=0)
    return tax, np.full(told.num_citizens, told.period("lump_sum").astype(float).sum())
