"""From rows to what a reader wants to know: means over seeds, intervals, and contrasts between arms.

An interval is a percentile bootstrap over seeds, widened for few. With four or fewer it is simply lowest to highest,
which is too narrow; with one seed there is none, and `low` and `high` are None.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl

from fisc.analysis.firms import summarize_firms
from fisc.analysis.frontier import summarize_frontier
from fisc.analysis.intervals import bootstrap_interval
from fisc.analysis.outcomes import summarize_outcomes
from fisc.records.errors import RecordError
from fisc.records.schema import INCOME, METRICS, find_metric, order_arms
from fisc.records.store import RunFolder

SCHEMA = 1
"""Version of `summary.json`."""

MAIN_METRICS = (
    "productivity", "equality", "equality_times_productivity", "inverse_income_weighted_utility", "utilitarian",
)  # fmt: skip
"""Metrics that every report shows, in this order, after the objective."""

BOUND = "optimum"
"""The arm that is no policy anybody could enact, but the best that any policy could do."""

REFERENCES = ("us_federal", "free_market")
"""What the other arms are compared with: the first of these that the run has."""


def paired_contrast(evaluation: pl.DataFrame, metric: str, arm_a: str, arm_b: str) -> dict[str, Any]:
    """Compare two arms seed by seed: `mean over seeds of (metric of arm_a - metric of arm_b)`.

    Pairing by seed removes what the seeds have in common, such as who the citizens are.

    Args:
        evaluation: rows `arm, seed, metric, value`.
        metric: what to compare.
        arm_a: the arm in question.
        arm_b: what it is compared with.

    Returns:
        `metric, mean, low, high, relative, values, seeds`, where `relative` is the mean divided by
        the absolute mean of `arm_b` over the same seeds (a fraction; None if that is zero), and
        `values` are the differences in the order of `seeds`.

    Raises:
        RecordError: on an unknown metric, or if the arms have no seed in common.
    """
    find_metric(metric)
    first, second = (_by_seed(evaluation, metric, arm) for arm in (arm_a, arm_b))
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        raise RecordError(
            f"arms '{arm_a}' and '{arm_b}' have no seed in common for '{metric}' "
            f"({sorted(first)} and {sorted(second)}): evaluate both on the same seeds"
        )
    differences = [first[seed] - second[seed] for seed in seeds]
    mean, low, high = bootstrap_interval(differences)
    base = abs(float(np.mean([second[seed] for seed in seeds])))
    relative = mean / base if mean is not None and base > 0 else None
    return {
        "metric": metric,
        "mean": mean,
        "low": low,
        "high": high,
        "relative": relative,
        "values": [_finite(value) for value in differences],
        "seeds": seeds,
    }


def summarize(run_folder: RunFolder, info: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Summarize a run folder, as in `summary.json`. Nothing is written.

    Args:
        run_folder: needs `evaluation.parquet`; `schedules.parquet`, `frontier.parquet` and `firms.parquet` if there
            are.
        info: see `summarize_frames`; by default the content of `provenance.json`.
    """
    info = read_info(run_folder) if info is None else info
    names = ("schedules", "frontier", "firms")
    schedules, frontier, firms = (run_folder.read_table(name) if run_folder.has_table(name) else None for name in names)
    return summarize_frames(run_folder.read_table("evaluation"), schedules, info, frontier, firms)


def summarize_frames(
    evaluation: pl.DataFrame,
    schedules: pl.DataFrame | None,
    info: Mapping[str, Any],
    frontier: pl.DataFrame | None = None,
    firms: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """Summarize evaluation rows and schedules; a pure function.

    Args:
        evaluation: rows `arm, seed, metric, value`.
        schedules: rows `arm, seed, base, bracket, cutoff, rate` and perhaps `occupancy`, or None.
        info: what rows cannot say. Needs `scenario` and `objective` (a metric); may have `title`,
            `money` ("coin" or "dollars"), `env_steps`, `wall_seconds`, `versions`, `caveats` (list
            of sentences), `command` (how to regenerate).
        frontier: rows `arm, seed, weight, metric, value`, or None.
        firms: rows `arm, seed, firm, quarter, metric, value`, or None.

    Returns:
        `schema, scenario, title, seeds, objective, money, reference, arms, contrasts, env_steps,
        wall_seconds, versions, caveats, command`; with a frontier `frontier`, where more than incomes is taxed
        `other_rates`, mean rates by tax base and arm, and where there are prices, wages and
        firms `outcomes`, the lines of `fisc.analysis.outcomes`, and `within_economies`, by arm those of
        `fisc.analysis.firms`. Numbers that are not finite are None.

    Raises:
        RecordError: if `info` lacks a key, or no row has the objective.
    """
    objective = check_info(info)["objective"]
    if evaluation.filter(pl.col("metric") == objective).is_empty():
        raise RecordError(
            f"no evaluation row has the objective '{objective}': evaluate it, or choose another objective"
        )
    arms, outcomes = order_arms(set(evaluation["arm"])), summarize_outcomes(evaluation, objective)
    return {
        "schema": SCHEMA,
        "scenario": info["scenario"],
        "title": info.get("title") or info["scenario"],
        "seeds": sorted(set(evaluation["seed"])),
        "objective": objective,
        "money": info.get("money", "coin"),
        "reference": find_reference(arms),
        "arms": {arm: _summarize_arm(evaluation, schedules, arm) for arm in arms},
        "contrasts": _contrasts(evaluation, objective, arms),
        "env_steps": info.get("env_steps"),
        "wall_seconds": info.get("wall_seconds"),
        "versions": dict(info.get("versions", {})),
        "caveats": list(info.get("caveats", [])),
        "command": info.get("command"),
        **({} if frontier is None or frontier.is_empty() else {"frontier": summarize_frontier(frontier)}),
        **({} if schedules is None else _other_rates(schedules)),
        **({"outcomes": outcomes} if outcomes else {}),
        **({} if firms is None else {"within_economies": summarize_firms(firms, evaluation)}),
    }


def read_info(run_folder: RunFolder) -> dict[str, Any]:
    """Read what the rows of a run cannot say, from its `provenance.json`."""
    return check_info(run_folder.read_json("provenance.json"))


def check_info(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `info` if it names a scenario and an objective that is a metric; otherwise raise RecordError."""
    for key in ("scenario", "objective"):
        if key not in info:
            raise RecordError(f"the run's information lacks '{key}': put it into provenance.json, or pass info=")
    find_metric(info["objective"])
    return info


def find_reference(arms: Iterable[str]) -> str | None:
    """Return the arm that others are compared with: current law, else the free market, else None."""
    present = set(arms)
    return next((arm for arm in REFERENCES if arm in present), None)


def rank_arms(summary: Mapping[str, Any], metric: str | None = None) -> list[str]:
    """Order arms by their mean of a metric (the objective by default), best first.

    Arms without a finite mean are left out.
    """
    metric = metric or summary["objective"]
    means = {arm: numbers.get(metric, {}).get("mean") for arm, numbers in summary["arms"].items()}
    sign = 1 if METRICS[metric].higher_is_better is False else -1
    # Sorting is stable, so that ties keep the order in which arms are shown.
    return sorted((arm for arm, mean in means.items() if mean is not None), key=lambda arm: sign * means[arm])


def _summarize_arm(evaluation: pl.DataFrame, schedules: pl.DataFrame | None, arm: str) -> dict[str, Any]:
    rows = evaluation.filter(pl.col("arm") == arm).sort("seed")
    present = set(rows["metric"])
    numbers: dict[str, Any] = {}
    for metric in (name for name in METRICS if name in present):
        values = rows.filter(pl.col("metric") == metric)["value"].to_list()
        mean, low, high = bootstrap_interval(values)
        numbers[metric] = {"mean": mean, "low": low, "high": high, "values": [_finite(value) for value in values]}
    if schedules is not None and not schedules.filter(pl.col("arm") == arm).is_empty():
        mine = schedules.filter(pl.col("arm") == arm)
        shown = [name for name in ("rate", "cutoff", "occupancy") if name in mine.columns]
        brackets = mine.filter(base=INCOME).group_by("bracket").agg(pl.col(*shown).mean()).sort("bracket")
        numbers["rates"] = brackets["rate"].to_list()
        numbers["cutoffs"] = brackets["cutoff"].to_list()
        if "occupancy" in shown and not brackets["occupancy"].null_count():
            numbers["occupancy"] = brackets["occupancy"].to_list()
    return numbers


def _other_rates(schedules: pl.DataFrame) -> dict[str, Any]:
    """Rates on what is taxed beside incomes, means over seeds: by tax base and arm."""
    means = schedules.filter(pl.col("base") != INCOME).group_by("base", "arm").agg(pl.col("rate").mean())
    rates = {base: dict(rows.sort("arm").select("arm", "rate").iter_rows()) for (base,), rows in means.group_by("base")}
    return {"other_rates": rates} if rates else {}


def _contrasts(evaluation: pl.DataFrame, objective: str, arms: list[str]) -> dict[str, Any]:
    """Contrast learned arms, the optimum and the best enactable arm with all others, and all with the reference."""
    rows = evaluation.filter(pl.col("metric") == objective)
    means = dict(rows.group_by("arm").agg(pl.col("value").mean()).iter_rows())
    sign = -1 if METRICS[objective].higher_is_better is False else 1
    finite = [arm for arm in arms if arm != BOUND and math.isfinite(means.get(arm, math.nan))]
    leaders = [arm for arm in ("planner", "laboratories", BOUND) if arm in means]
    leaders += [arm for arm in sorted(finite, key=lambda arm: -sign * means[arm])[:1] if arm not in leaders]
    seeds = {arm: set(rows.filter(pl.col("arm") == arm)["seed"]) for arm in arms}
    pairs = [(leader, other) for leader in leaders for other in arms]
    pairs += [(arm, find_reference(arms)) for arm in arms if arm not in leaders]
    return {
        f"{arm}-{other}": paired_contrast(evaluation, objective, arm, other)
        for arm, other in pairs
        if other is not None and other != arm and seeds[arm] & seeds[other]
    }


def _by_seed(evaluation: pl.DataFrame, metric: str, arm: str) -> dict[int, float]:
    rows = evaluation.filter((pl.col("arm") == arm) & (pl.col("metric") == metric))
    return dict(rows.select("seed", "value").iter_rows())


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
