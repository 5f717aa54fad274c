"""What retraining gained, from rows of rewards to intervals.

Intervals are over seeds if there are several, else over episodes. Every difference is taken within a seed and episode
first: profiles share their luck.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from fisc.analysis.intervals import bootstrap_interval, tail

SCHEMA = 1
"""Version of the summary."""
PROFILES = ("untrained", "trained", "retrained")
"""Who plays: everybody as before training, everybody as trained, or as at the start but for who was retrained."""


def summarize_gain(frame: pl.DataFrame, info: Mapping[str, Any]) -> dict[str, Any]:
    """Summarize an answer, as in its `summary.json`; a pure function.

    Args:
        frame: rows `profile, seed, episode, role, agent, reward`; an empty agent stands for the mean of the role.
        info: what rows cannot say. Needs `role`, `agent` (None for the whole role) and `start` ("trained" or
            "untrained"); all of it is handed on.

    Returns:
        `info` with `schema, seeds, over` ("seeds" or "episodes"), `rewards` by profile, `gain` (retrained less start),
        `gained_in_training` (trained less untrained), `relative` (the one in units of the other), `relative_to_before`
        (in units of the size of the reward at the start) and `others`, the change of the other roles' mean rewards; of
        the own role's too if one agent was retrained. Each is `mean, low, high, values`; what is relative is None in
        parts if its unit is not above zero.
    """
    role, agent, start = info["role"], info["agent"], info["start"]
    over = "seeds" if frame["seed"].n_unique() > 1 else "episodes"
    own = {profile: _values(frame, profile, role, agent, over) for profile in PROFILES}
    gain, gained = own["retrained"] - own[start], own["trained"] - own["untrained"]
    others = [name for name in frame["role"].unique(maintain_order=True) if name != role or agent is not None]
    return {
        "schema": SCHEMA,
        **info,
        "seeds": sorted(frame["seed"].unique()),
        "over": over,
        "rewards": {profile: _interval(values) for profile, values in own.items()},
        "gain": _interval(gain),
        "gained_in_training": _interval(gained),
        "relative": ratio_interval(gain, gained),
        "relative_to_before": ratio_interval(gain, np.sign(own[start].mean()) * own[start]),
        "others": {
            name: _interval(_values(frame, "retrained", name, None, over) - _values(frame, start, name, None, over))
            for name in others
        },
    }


def ratio_interval(
    above: np.ndarray, below: np.ndarray, confidence: float = 0.95, resamples: int = 10_000
) -> dict[str, float | None]:
    """mean(above) / mean(below) with its percentile bootstrap interval, the two resampled in pairs.

    Returns:
        `mean, low, high`: all None if mean(below) is not above zero, in which case the ratio means nothing; `low` and
        `high` None with one pair, or if some resample's denominator is not above zero.
    """
    if not below.mean() > 0:
        return {"mean": None, "low": None, "high": None}
    mean, num = float(above.mean() / below.mean()), len(above)
    picks = np.random.default_rng(0).integers(0, num, (resamples, num))
    denominators = below[picks].mean(axis=1)
    if num == 1 or not denominators.min() > 0:
        return {"mean": mean, "low": None, "high": None}
    left_out = tail(num, confidence)
    low, high = np.quantile(above[picks].mean(axis=1) / denominators, [left_out, 1 - left_out])
    return {"mean": mean, "low": float(low), "high": float(high)}


def _values(frame: pl.DataFrame, profile: str, role: str, agent: int | None, over: str) -> np.ndarray:
    """Rewards of one profile, one number for each seed (or episode), in order."""
    whose = pl.col("agent").is_null() if agent is None else pl.col("agent") == agent
    rows = frame.filter((pl.col("profile") == profile) & (pl.col("role") == role) & whose)
    column = "seed" if over == "seeds" else "episode"
    return rows.group_by(column).agg(pl.col("reward").mean()).sort(column)["reward"].to_numpy()


def _interval(values: np.ndarray) -> dict[str, Any]:
    mean, low, high = bootstrap_interval(values)
    return {"mean": mean, "low": low, "high": high, "values": [float(value) for value in values]}
