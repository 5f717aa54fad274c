"""The outcome of a sweep as one table: each arm's objective in every point, and the best point for each arm."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from fisc.records.metrics import METRICS

STATES = ("finished", "failed", "waiting")
APART = ("scenario", "seeds", "objective")
"""Swept keys that change what is measured, or on whom, as all keys of the economy and the evaluation do: points that
differ in one of them are not ranked against each other."""


@dataclass(frozen=True)
class Outcome:
    """What came of one point."""

    name: str
    swept: Mapping[str, Any]
    state: str
    """One of `STATES`."""
    summary: Mapping[str, Any] | None = None
    """As in `summary.json`, if it is finished."""


def tabulate(keys: Sequence[str], outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """One row for each point and arm, or for each point that has no result.

    Args:
        keys: the swept keys, each a column; empty where a point does not set it.
        outcomes: in the order of the rows.

    Returns:
        `point, state`, the swept keys, `arm, metric, mean, low, high, is_best`. `metric` is the point's objective;
        `is_best` whether no comparable point has a better mean for this arm, null where there is
        nothing to choose: one point alone, or an arm that the sweep does not touch.
    """
    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        first = {"point": outcome.name, "state": outcome.state, **{key: outcome.swept.get(key) for key in keys}}
        if outcome.summary is None:
            rows.append(first)
            continue
        metric = outcome.summary["objective"]
        for arm, numbers in outcome.summary["arms"].items():
            interval = {name: numbers[metric][name] for name in ("mean", "low", "high")}
            rows.append({**first, "arm": arm, "metric": metric, **interval})
    for row, is_best in zip(rows, _best(keys, rows), strict=True):
        row["is_best"] = is_best
    types = {"arm": pl.String, "metric": pl.String, "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    columns = [pl.Series("point", [row["point"] for row in rows], pl.String),
               pl.Series("state", [row["state"] for row in rows], pl.String)]  # fmt: skip
    columns += [_column(key, [row[key] for row in rows]) for key in keys]
    columns += [pl.Series(name, [row.get(name) for row in rows], kind) for name, kind in types.items()]
    return pl.DataFrame([*columns, pl.Series("is_best", [row["is_best"] for row in rows], pl.Boolean)])


def _best(keys: Sequence[str], rows: list[dict[str, Any]]) -> list[bool | None]:
    """Whether each row has the best mean of its arm, among points that measure the same on the same people."""
    apart = [key for key in keys if key in APART or key.startswith(("economy.", "evaluation."))]
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if row.get("mean") is not None:
            same = json.dumps([row["arm"], row["metric"], [row[key] for key in apart]], default=str)
            groups.setdefault(same, []).append(i)
    found: list[bool | None] = [None] * len(rows)
    for members in groups.values():
        if len({rows[i]["mean"] for i in members}) > 1:
            sign = -1 if METRICS[rows[members[0]]["metric"]].higher_is_better is False else 1
            best = max(sign * rows[i]["mean"] for i in members)
            for i in members:
                found[i] = sign * rows[i]["mean"] == best
    return found


def _column(name: str, values: list[Any]) -> pl.Series:
    """Swept values as numbers or truth values if all are; else as text."""
    given = [value for value in values if value is not None]
    kinds = {type(value) for value in given}
    if kinds and kinds <= {int, float}:
        return pl.Series(name, values, pl.Int64 if kinds == {int} else pl.Float64, strict=False)
    if kinds == {bool}:
        return pl.Series(name, values, pl.Boolean)
    return pl.Series(name, [None if value is None else word(value) for value in values], pl.String)


def word(value: Any) -> str:
    """A value as people write it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
