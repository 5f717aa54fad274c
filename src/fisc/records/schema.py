"""The tables of a run folder: their columns, types and keys, and the check that rows pass before they are written.

What each metric means is in `fisc.records.metrics`; this module re-exports it, so that one import
has the whole schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from fisc.records.errors import RecordError, nearest_spelling
from fisc.records.metrics import (
    ARMS,
    FIRM_METRICS,
    FRACTION,
    GROUP_METRICS,
    METRICS,
    MONEY_UNITS,
    ROLES,
    Metric,
    arm_label,
    find_metric,
    flat_percent,
    has_natural_zero,
    metric_label,
    metric_unit,
    order_arms,
    suggest_metric,
)

__all__ = [
    "ARMS", "FIRM_METRICS", "FRACTION", "GROUPS", "GROUP_METRICS", "INCOME", "METRICS", "MONEY_UNITS", "PROFIT",
    "ROLES", "TABLES", "TAX_BASES", "Metric", "Table", "arm_label", "check_columns", "check_rows", "find_metric",
    "flat_percent", "has_natural_zero", "metric_label", "metric_unit", "order_arms",
]  # fmt: skip

GROUPS = 10
"""Groups of people in `groups.parquet`: deciles of skill, 0 the least skilled, the same people in every arm."""

INCOME, PROFIT = "income", "profit"
TAX_BASES = (INCOME, PROFIT)
"""What rates in `schedules.parquet` are levied on."""

RATE_TOLERANCE = 1e-6
"""Rounding in single precision by which a rate may leave [0, 1]."""


@dataclass(frozen=True)
class Table:
    """One Parquet file of a run folder."""

    columns: dict[str, pl.DataType]
    key: tuple[str, ...]
    """Columns that together name a row: no two rows share them."""
    nullable: tuple[str, ...] = ()
    """Columns that may have empty cells, or be absent, as in runs of before there was such a column."""
    metrics: tuple[str, ...] = ()
    """Allowed values of the column `metric`, if there is one."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """What a column holds that is absent, as in runs of before there was such a column."""


_TEXT, _COUNT, _NUMBER = pl.String(), pl.Int64(), pl.Float64()

TABLES: dict[str, Table] = {
    "metrics": Table(
        {
            "run": _TEXT, "arm": _TEXT, "seed": _COUNT, "phase": _TEXT, "update": _COUNT, "env_steps": _COUNT,
            "role": _TEXT, "period": _COUNT, "metric": _TEXT, "value": _NUMBER,
        },
        key=("run", "arm", "seed", "phase", "update", "env_steps", "role", "period", "metric"),
        nullable=("period",),
        metrics=tuple(METRICS),
    ),
    "evaluation": Table(
        {"arm": _TEXT, "seed": _COUNT, "metric": _TEXT, "value": _NUMBER},
        key=("arm", "seed", "metric"),
        metrics=tuple(METRICS),
    ),
    "schedules": Table(
        {
            "arm": _TEXT, "seed": _COUNT, "base": _TEXT, "bracket": _COUNT, "cutoff": _NUMBER, "rate": _NUMBER,
            "occupancy": _NUMBER,
        },
        key=("arm", "seed", "base", "bracket"),
        nullable=("occupancy",),
        absent={"base": INCOME},
    ),
    "groups": Table(
        {"arm": _TEXT, "seed": _COUNT, "group": _COUNT, "metric": _TEXT, "value": _NUMBER},
        key=("arm", "seed", "group", "metric"),
        metrics=GROUP_METRICS,
    ),
    "firms": Table(
        {"arm": _TEXT, "seed": _COUNT, "firm": _COUNT, "quarter": _COUNT, "metric": _TEXT, "value": _NUMBER},
        key=("arm", "seed", "firm", "quarter", "metric"),
        metrics=FIRM_METRICS,
    ),
    "best_response": Table(
        {"profile": _TEXT, "seed": _COUNT, "episode": _COUNT, "role": _TEXT, "agent": _COUNT, "reward": _NUMBER},
        key=("profile", "seed", "episode", "role", "agent"),
        nullable=("agent",),
    ),
    "search": Table(
        {"seed": _COUNT, "update": _COUNT, "rate_of": _TEXT, "metric": _TEXT, "value": _NUMBER},
        key=("seed", "update", "rate_of", "metric"),
        nullable=("rate_of",),
        metrics=("rate", "slope", "welfare", "version"),
    ),
    "frontier": Table(
        {"arm": _TEXT, "seed": _COUNT, "weight": _NUMBER, "metric": _TEXT, "value": _NUMBER},
        key=("arm", "seed", "weight", "metric"),
        metrics=tuple(METRICS),
    ),
}  # fmt: skip


def find_table(name: str) -> Table:
    """Return the table of this name.

    Raises:
        RecordError: on a name that is not in `TABLES`, with the nearest spelling.
    """
    if name not in TABLES:
        raise RecordError(f"unknown table '{name}': {nearest_spelling(name, TABLES)}")
    return TABLES[name]


def check_columns(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Check that a frame has the columns of a table, and return it in the table's order and types.

    Integers and floats of any width are widened; nothing else is converted.

    Raises:
        RecordError: on a missing or unknown column, a wrong type, or an empty cell where none may be.
    """
    expected = find_table(table)
    unknown = [column for column in frame.columns if column not in expected.columns]
    if unknown:
        hint = nearest_spelling(unknown[0], expected.columns)
        raise RecordError(f"table '{table}' has no column '{unknown[0]}': {hint}")
    missing = [column for column in expected.columns if column not in frame.columns]
    added = dict.fromkeys(expected.nullable) | dict(expected.absent)
    frame = frame.with_columns(pl.lit(added[column]).alias(column) for column in missing if column in added)
    missing = [column for column in missing if column not in added]
    if missing:
        raise RecordError(f"table '{table}' lacks the column '{missing[0]}': give {', '.join(expected.columns)}")
    for column, dtype in expected.columns.items():
        if not _can_hold(dtype, frame.schema[column]):
            raise RecordError(
                f"column '{column}' of table '{table}' is {frame.schema[column]}, expected {dtype}: convert it first"
            )
        if column not in expected.nullable and frame[column].null_count():
            raise RecordError(f"column '{column}' of table '{table}' has empty cells: give a value, NaN if undefined")
    return frame.select(pl.col(column).cast(dtype) for column, dtype in expected.columns.items())


def check_rows(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Check columns and values of rows before they are written, and return them in the table's order and types.

    A value may be NaN or infinite: a run that diverges must be able to say so.

    Args:
        frame: the rows.
        table: a name in `TABLES`.

    Raises:
        RecordError: on an unknown column, metric, role or group, a rate outside [0, 1], or two rows with one key.
    """
    expected = find_table(table)
    checked = check_columns(frame, table)
    if expected.metrics:
        _check_words(checked, table, "metric", expected.metrics)
    if "role" in expected.columns:
        _check_words(checked, table, "role", ROLES)
    if table == "schedules":
        _check_words(checked, table, "base", TAX_BASES)
        _check_range(checked, "rate", 1.0, "a fraction in [0, 1]: divide percents by 100")
        _check_range(checked, "cutoff", float("inf"), "an amount of money, at least 0")
        _check_range(checked.drop_nulls("occupancy"), "occupancy", 1.0, "a fraction in [0, 1]: divide percents by 100")
    if table == "frontier":
        _check_range(checked, "weight", 1.0, "a weight in [0, 1]")
    if table == "groups":
        _check_range(checked, "group", GROUPS - 1, f"a decile from 0 to {GROUPS - 1}")
    repeated = checked.filter(checked.select(expected.key).is_duplicated())
    if repeated.height:
        named = ", ".join(f"{column}={value}" for column, value in zip(expected.key, repeated.row(0), strict=False))
        raise RecordError(f"table '{table}' has {repeated.height} rows that share a key ({named}): keep one of each")
    return checked


def _can_hold(expected: pl.DataType, given: pl.DataType) -> bool:
    if given == pl.Null:
        return True  # An empty column has no type of its own; empty cells are checked apart.
    if expected == pl.Int64:
        return given.is_integer()
    if expected == pl.Float64:
        return given.is_numeric()
    return given == pl.String or given == pl.Categorical or given == pl.Enum


def _check_words(frame: pl.DataFrame, table: str, column: str, known: tuple[str, ...]) -> None:
    for word in sorted(set(frame[column].unique()) - set(known)):
        hint = suggest_metric(word, known) if column == "metric" else nearest_spelling(word, known)
        raise RecordError(f"unknown {column} '{word}' in table '{table}': {hint}")


def _check_range(frame: pl.DataFrame, column: str, highest: float, expected: str) -> None:
    values = frame[column]
    inside = (values >= -RATE_TOLERANCE) & (values <= highest + RATE_TOLERANCE) & (values == values)
    wrong = values.filter(~inside)
    if len(wrong):
        raise RecordError(f"{column} {wrong[0]} given, expected {expected}")
