"""How outcomes go together over the runs of a comparison: least-squares lines through all arms and seeds.

A run is one arm with one seed, as evaluated. The pairs are those of Curry et al. (2022), figures 6 and 7.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fisc.analysis.intervals import tail
from fisc.records.errors import RecordError

TAX = "tax_rate"
"""Mean of the rates on income and on profit in force."""
RATES = ("income_tax_rate", "corporate_tax_rate")
NEEDED = (*RATES, "labor", "wage", "goods_consumed", "price", "utility", "profit")
"""Metrics of a run whose outcomes can be related, beside its objective."""

FEWEST_RUNS = 3
"""A line through fewer says nothing."""
RESAMPLES = 10_000


@dataclass(frozen=True)
class Pair:
    """Two outcomes of a run."""

    x: str
    y: str
    expected: int | None
    """Sign of the slope that theory expects; None where it expects none."""


PAIRS = (
    Pair("price", "goods_consumed", -1),
    Pair("wage", "labor", +1),
    Pair("utility", "profit", None),
    Pair(TAX, "objective", None),
)


def tabulate_outcomes(evaluation: pl.DataFrame, objective: str) -> pl.DataFrame:
    """Return `arm, seed, objective, tax_rate` and the metrics of `NEEDED`, a row for each run that did not diverge.

    Raises:
        RecordError: if an outcome was not recorded in any run.
    """
    wanted = evaluation.filter(pl.col("metric").is_in({*NEEDED, objective}) & pl.col("value").is_finite())
    missing = [name for name in (objective, *NEEDED) if name not in set(wanted["metric"])]
    if missing:
        raise RecordError(f"no evaluation row has a finite {missing[0]}: evaluate it to relate outcomes")
    runs = wanted.pivot(on="metric", index=["arm", "seed"], values="value").drop_nulls()
    tax = pl.mean_horizontal(*RATES).alias(TAX)
    return runs.select("arm", "seed", pl.col(objective).alias("objective"), tax, *NEEDED).sort("arm", "seed")


def relate(runs: pl.DataFrame, pair: Pair) -> dict[str, Any]:
    """Return the least-squares line of one pair: `x, y, expected, slope, low, high, intercept, r2, runs`.

    `low` and `high` are a 95% bootstrap interval of the slope over seeds, all arms of a seed together, as they share
    their luck; None with one seed. Everything is None with fewer than `FEWEST_RUNS` runs, or if one of the two is the
    same in all.

    Args:
        runs: from `tabulate_outcomes`.
        pair: one of `PAIRS`.
    """
    x, y = (runs[name].to_numpy() for name in (pair.x, pair.y))
    found = {"x": pair.x, "y": pair.y, "expected": pair.expected}
    blank = dict.fromkeys(("slope", "low", "high", "intercept", "r2"))
    if len(x) < FEWEST_RUNS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return found | blank | {"runs": len(x)}
    slope, intercept = _line(x, y)
    low, high = _interval(x, y, runs["seed"].to_numpy())
    r2 = float(np.corrcoef(x, y)[0, 1] ** 2)
    return found | {"slope": slope, "low": low, "high": high, "intercept": intercept, "r2": r2, "runs": len(x)}


def summarize_outcomes(evaluation: pl.DataFrame, objective: str) -> list[dict[str, Any]]:
    """Relate every pair of outcomes; nothing if the runs lack one of them or are too few for a line."""
    try:
        runs = tabulate_outcomes(evaluation, objective)
    except RecordError:
        return []
    return [relate(runs, pair) for pair in PAIRS] if len(runs) >= FEWEST_RUNS else []


def is_decided(relation: Mapping[str, Any]) -> bool:
    """Whether the interval of a slope excludes zero."""
    return relation["low"] is not None and not relation["low"] <= 0 <= relation["high"]


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of least squares: `slope = cov(x, y) / var(x)`."""
    from_mean = x - x.mean()
    slope = float((from_mean @ (y - y.mean())) / (from_mean @ from_mean))
    return slope, float(y.mean() - slope * x.mean())


def _interval(x: np.ndarray, y: np.ndarray, seeds: np.ndarray) -> tuple[float | None, float | None]:
    """The bootstrap interval of a slope over seeds."""
    places = [np.flatnonzero(seeds == seed) for seed in np.unique(seeds)]
    if len(places) < 2:
        return None, None
    rng, slopes = np.random.default_rng(0), []
    for drawn in rng.integers(len(places), size=(RESAMPLES, len(places))):
        rows = np.concatenate([places[i] for i in drawn])
        if np.ptp(x[rows]) > 0:
            slopes.append(_line(x[rows], y[rows])[0])
    if not slopes:
        return None, None
    left_out = tail(len(places))
    low, high = np.quantile(slopes, [left_out, 1 - left_out])
    return float(low), float(high)
