"""The trade-off between equality and productivity in numbers: what a planner learned of it, and what is exactly right.

Read from the table `frontier` of a run: rows `arm, seed, weight, metric, value`, one for each weight of equality.
"""

from typing import Any

import polars as pl

from fisc.analysis.intervals import bootstrap_interval
from fisc.records.schema import order_arms

METRICS_OF_FRONTIER = ("welfare", "productivity", "equality", "fraction_of_optimum", "average_tax_rate")
"""What is recorded at every weight."""


def tabulate_weights(frontier: pl.DataFrame) -> pl.DataFrame:
    """Return `arm, weight, metric, mean, low, high, seeds`: means over seeds with intervals, in the order of arms."""
    order = {arm: place for place, arm in enumerate(order_arms(set(frontier["arm"])))}
    lines = [
        (*key, *bootstrap_interval(rows["value"]), len(rows))
        for key, rows in frontier.group_by("arm", "weight", "metric", maintain_order=True)
    ]
    columns = {"arm": pl.String, "weight": pl.Float64, "metric": pl.String}
    columns |= {"mean": pl.Float64, "low": pl.Float64, "high": pl.Float64, "seeds": pl.Int64}
    table = pl.DataFrame(lines, schema=columns, orient="row")
    return table.sort(pl.col("arm").replace_strict(order, return_dtype=pl.Int64), "metric", "weight")


def summarize_frontier(frontier: pl.DataFrame) -> dict[str, Any]:
    """Summarize a frontier as in `summary.json`.

    Returns:
        `weights`; by arm and metric a list of `mean, low, high, values` with one entry for each weight; and `worst`,
        where the learned curve is furthest from the exact one: `weight` and `fraction`, the mean over seeds of learned
        welfare / exact welfare. None if the exact frontier is not known.
    """
    weights = sorted(set(frontier["weight"]))
    arms: dict[str, dict[str, list]] = {}
    for row in tabulate_weights(frontier).iter_rows(named=True):
        own = (pl.col("arm") == row["arm"]) & (pl.col("weight") == row["weight"]) & (pl.col("metric") == row["metric"])
        values = frontier.filter(own).sort("seed")["value"].to_list()
        entry = {"mean": row["mean"], "low": row["low"], "high": row["high"], "values": values}
        arms.setdefault(row["arm"], {}).setdefault(row["metric"], []).append(entry)
    fractions = arms.get("planner", {}).get("fraction_of_optimum", [])
    known = [(entry["mean"], weight) for entry, weight in zip(fractions, weights, strict=False) if entry["mean"]]
    fraction, weight = min(known, default=(None, None))
    worst = None if fraction is None else {"weight": weight, "fraction": fraction}
    return {"weights": weights, "arms": arms, "worst": worst}
