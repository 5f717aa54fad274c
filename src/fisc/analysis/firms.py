"""What comes of the prices and wages that the firms of one economy offer: how much they sell at home, whom they hire.

A least-squares line for each arm and seed through one episode, a point for each firm and quarter. All firms of an
economy share their government and their customers; `fisc.analysis.outcomes` has lines over whole economies.
"""

from typing import Any

import polars as pl

from fisc.analysis.intervals import bootstrap_interval
from fisc.analysis.outcomes import FEWEST_RUNS, Pair

PAIRS = (Pair("price", "goods_consumed", -1), Pair("wage", "hired", +1))
"""Dollars and units sold at home, dollars an hour and hours, of a firm in a quarter."""

FIRST_QUARTER = 2
"""With the published first wage of 0 nobody works in quarter 0, so that nothing is made before 1 and sold before 2."""


def fit_lines(firms: pl.DataFrame, pair: Pair) -> pl.DataFrame:
    """Return `arm, seed, spread, slope, r2`, a row for each economy: the line through what its firms offered.

    `spread` is the standard deviation of `pair.x`. The slope is null where all offers are alike or fewer than three, r²
    also where nothing comes of any.

    Args:
        firms: rows `arm, seed, firm, quarter, metric, value`, as in `firms.parquet`; quarters before `FIRST_QUARTER`
            are left out.
        pair: one of `PAIRS`.
    """
    later = firms.filter(pl.col("quarter") >= FIRST_QUARTER)
    sides = (pl.col("value").filter(pl.col("metric") == name).first().alias(name) for name in (pair.x, pair.y))
    offers = later.group_by("arm", "seed", "firm", "quarter").agg(sides)
    enough = (pl.len() >= FEWEST_RUNS) & (pl.std(pair.x) > 0)
    lines = offers.group_by("arm", "seed").agg(
        pl.std(pair.x).alias("spread"),
        pl.when(enough).then(pl.cov(pair.x, pair.y) / pl.var(pair.x)).alias("slope"),
        pl.when(enough).then(pl.corr(pair.x, pair.y) ** 2).fill_nan(None).alias("r2"),
    )
    return lines.sort("arm", "seed")


def describe_lines(lines: pl.DataFrame, pair: Pair) -> dict[str, Any]:
    """Return `x, y, expected, economies, alike, as_expected, slope, low, high, r2`, means over several economies.

    `alike` of the `economies` have no line, as all offers are alike; of the others `as_expected` have the expected
    sign. `low` and `high` are the interval of the mean slope over economies, None with one.

    Args:
        lines: `slope, r2`, a row for each economy, as from `fit_lines`.
        pair: what the lines are of.
    """
    slopes = lines["slope"].drop_nulls()
    found = {"x": pair.x, "y": pair.y, "expected": pair.expected, "economies": len(lines)}
    found |= {"alike": len(lines) - len(slopes), "as_expected": int((slopes * pair.expected > 0).sum())}
    mean, low, high = bootstrap_interval(slopes.sort()) if len(slopes) else (None, None, None)
    return found | {"slope": mean, "low": low, "high": high, "r2": lines["r2"].mean()}


def summarize_firms(firms: pl.DataFrame, evaluation: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Describe the lines of `PAIRS` for each arm, over the seeds whose economy has not collapsed.

    Args:
        firms: as in `firms.parquet`.
        evaluation: rows `arm, seed, metric, value`.
    """
    collapsed = evaluation.filter(pl.col("metric") == "collapsed", pl.col("value") > 0)
    working = firms.join(collapsed, on=["arm", "seed"], how="anti")
    found: dict[str, list[dict[str, Any]]] = {}
    for pair in PAIRS:
        for (arm,), lines in fit_lines(working, pair).group_by("arm", maintain_order=True):
            found.setdefault(arm, []).append(describe_lines(lines, pair))
    return found
