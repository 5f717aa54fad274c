"""Who gains and who loses: what each arm changes for each tenth of the people, against a reference arm.

Groups are deciles of skill, the same people in every arm, so that a difference is a gain and not a
change of who is counted.
"""

import polars as pl

from fisc.analysis.summary import bootstrap_interval, find_reference
from fisc.records.errors import RecordError, nearest_spelling
from fisc.records.schema import GROUP_METRICS, order_arms, suggest_metric

GAIN_COLUMNS = {
    "arm": pl.String, "reference": pl.String, "group": pl.Int64, "metric": pl.String, "base": pl.Float64,
    "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64, "relative": pl.Float64, "seeds": pl.Int64,
}  # fmt: skip


def gains_by_group(groups: pl.DataFrame, metric: str = "consumption", reference: str | None = None) -> pl.DataFrame:
    """Return the change of a metric in each group of each arm, relative to the reference arm.

    `mean over seeds of (metric in arm - metric in reference)`, paired by seed.

    Args:
        groups: rows `arm, seed, group, metric, value`.
        metric: what people gain: `consumption` (money) or `utility` (utils), say.
        reference: arm to compare with; current law by default, else the free market.

    Returns:
        One row per arm other than the reference and group: `arm, reference, group, metric, base`
        (mean in the reference), `mean, low, high` (the gain and its interval, in the metric's
        unit; no interval with one seed), `relative` (gain / base, a fraction; empty if the base
        is not positive), `seeds` (number of pairs).

    Raises:
        RecordError: on an unknown metric or reference, or if there is nothing to compare with.
    """
    if metric not in GROUP_METRICS:
        raise RecordError(f"unknown metric of groups '{metric}': {suggest_metric(metric, GROUP_METRICS)}")
    arms = order_arms(set(groups["arm"]))
    reference = reference or find_reference(arms)
    if reference is None:
        raise RecordError(f"no reference among the arms {', '.join(arms)}: name one, as in reference='{arms[0]}'")
    if reference not in arms:
        raise RecordError(f"unknown reference arm '{reference}': {nearest_spelling(reference, arms)}")
    rows = groups.filter(pl.col("metric") == metric).select("arm", "seed", "group", "value")
    base = rows.filter(pl.col("arm") == reference).select("seed", "group", pl.col("value").alias("base"))
    pairs = rows.filter(pl.col("arm") != reference).join(base, on=["seed", "group"]).sort("arm", "group", "seed")
    gains = [
        _gain(arm, reference, group, metric, pairs.filter((pl.col("arm") == arm) & (pl.col("group") == group)))
        for arm in order_arms(set(pairs["arm"]))
        for group in sorted(set(pairs.filter(pl.col("arm") == arm)["group"]))
    ]
    return pl.DataFrame(gains, schema=GAIN_COLUMNS, orient="row")


def winners_and_losers(gains: pl.DataFrame) -> pl.DataFrame:
    """Count the groups that gain and lose in each arm.

    A group gains or loses if the interval of its change excludes zero; otherwise it is undecided.
    With one seed there is no interval and every group is undecided.

    Args:
        gains: from `gains_by_group`.

    Returns:
        One row per arm: `arm, reference, winners, losers, undecided` (groups), `bottom, top` (mean
        change of the least and the most skilled group, in the metric's unit), `mean` (over groups).
    """
    undecided = pl.col("low").is_null() | ((pl.col("low") <= 0) & (pl.col("high") >= 0))
    counted = (
        gains.sort("arm", "group")
        .group_by("arm", maintain_order=True)
        .agg(
            pl.col("reference").first(),
            (~undecided & (pl.col("mean") > 0)).sum().cast(pl.Int64).alias("winners"),
            (~undecided & (pl.col("mean") < 0)).sum().cast(pl.Int64).alias("losers"),
            undecided.sum().cast(pl.Int64).alias("undecided"),
            pl.col("mean").first().alias("bottom"),
            pl.col("mean").last().alias("top"),
            pl.col("mean").mean().alias("mean"),
        )
    )
    order = {arm: position for position, arm in enumerate(order_arms(set(counted["arm"])))}
    return counted.sort(pl.col("arm").replace_strict(order, return_dtype=pl.Int64)) if order else counted


def _gain(arm: str, reference: str, group: int, metric: str, pairs: pl.DataFrame) -> tuple:
    base = pairs["base"].mean()
    mean, low, high = bootstrap_interval((pairs["value"] - pairs["base"]).to_list())
    relative = mean / base if mean is not None and base is not None and base > 0 else None
    return arm, reference, group, metric, base, mean, low, high, relative, pairs.height
