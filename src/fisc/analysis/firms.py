"""How prices and sales, wages and hours go together between the firms of one economy.

A least-squares line through the firms of each arm and seed, which share one episode, one government and one set of
customers; `fisc.analysis.outcomes` has lines over whole economies.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from fisc.analysis.intervals import bootstrap_interval
from fisc.analysis.outcomes import FEWEST_RUNS, Pair

PAIRS = (Pair("price", "goods_consumed", -1), Pair("wage", "hired", +1))
"""Dollars and units sold at home, dollars an hour and hours, of a firm in a quarter."""

FIRST_QUARTER = 2
"""With the published first wage of 0 nobody works in quarter 0, so that nothing is made before 1 and sold before 2."""


def average_firms(firms: pl.DataFrame, metrics: Sequence[str] = ()) -> pl.DataFrame:
    """Return `arm, seed, firm` and means over the quarters from `FIRST_QUARTER` on, a row for each firm.

    Args:
        firms: rows `arm, seed, firm, quarter, metric, value`, as in `firms.parquet`.
        metrics: which; by default those of `PAIRS`.
    """
    wanted = list(metrics) or [name for pair in PAIRS for name in (pair.x, pair.y)]
    means = (pl.col("value").filter(pl.col("metric") == name).mean().alias(name) for name in wanted)
    later = firms.filter(pl.col("quarter") >= FIRST_QUARTER)
    return later.group_by("arm", "seed", "firm").agg(means).sort("arm", "seed", "firm")


def fit_lines(firms: pl.DataFrame, pair: Pair, economy: Sequence[str] = ("arm", "seed")) -> pl.DataFrame:
    """Return `*economy, spread, slope, r2`, a row for each economy: the line through its firms.

    `spread` is the standard deviation of `pair.x` over the firms. Slope and r² are null where all firms are alike in
    it, or are fewer than three.

    Args:
        firms: a row for each firm with the columns of `pair` and of `economy`.
        pair: what is related to what.
        economy: columns that tell economies apart.
    """
    enough = (pl.len() >= FEWEST_RUNS) & (pl.std(pair.x) > 0)
    lines = firms.group_by(economy, maintain_order=True).agg(
        pl.std(pair.x).alias("spread"),
        pl.when(enough).then(pl.cov(pair.x, pair.y) / pl.var(pair.x)).alias("slope"),
        pl.when(enough).then(pl.corr(pair.x, pair.y) ** 2).alias("r2"),
    )
    return lines.with_columns(pl.col("slope", "r2").fill_nan(None))


def describe_lines(lines: pl.DataFrame, pair: Pair) -> dict[str, Any]:
    """Return `x, y, expected, economies, alike, as_expected, slope, low, high, r2`, means over several economies.

    `alike` of the `economies` have no line, as all their firms are alike; of the others `as_expected` have the
    expected sign. `low` and `high` are the interval of the mean slope over economies, None with one.

    Args:
        lines: from `fit_lines`.
        pair: what it was given.
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
    means = average_firms(firms)
    collapsed = evaluation.filter(pl.col("metric") == "collapsed", pl.col("value") > 0)
    working = means.join(collapsed, on=["arm", "seed"], how="anti")
    found: dict[str, list[dict[str, Any]]] = {}
    for arm in working["arm"].unique(maintain_order=True):
        of_arm = working.filter(pl.col("arm") == arm)
        found[arm] = [describe_lines(fit_lines(of_arm, pair), pair) for pair in PAIRS]
    return found
