"""Figure: the objective by arm, best on top, with intervals."""

import math

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fisc.analysis.intervals import bootstrap_interval
from fisc.plots import style
from fisc.plots.wording import format_interval, format_mean, interval_name, shared_decimals
from fisc.records.errors import RecordError
from fisc.records.schema import METRICS, arm_label, has_natural_zero, metric_label, order_arms

# Width of a digit at the size of the values, points; for setting them in columns.
_DIGIT = 5.6


def tabulate_metric(evaluation: pl.DataFrame, metric: str) -> pl.DataFrame:
    """Return `arm, metric, mean, low, high, seeds` by arm, best first; arms without a finite mean come last."""
    rows = evaluation.filter(pl.col("metric") == metric)
    if rows.is_empty():
        raise RecordError(f"no evaluation row has the metric '{metric}': evaluate it, or draw another metric")
    lines = []
    for arm in order_arms(set(rows["arm"])):
        values = rows.filter(pl.col("arm") == arm)["value"]
        lines.append((arm, metric, *bootstrap_interval(values), len(values)))
    sign = 1 if METRICS[metric].higher_is_better is False else -1
    lines.sort(key=lambda line: math.inf if line[2] is None else sign * line[2])
    columns = {"arm": pl.String, "metric": pl.String, "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(lines, schema=columns | {"seeds": pl.Int64}, orient="row")


@style.styled()
def draw_welfare(evaluation: pl.DataFrame, objective: str, money: str = "coin") -> tuple[Figure, pl.DataFrame]:
    """Draw the objective of each arm with its interval and one dot per seed.

    An amount of money is drawn as bars from zero. Utility has no natural zero, so that the length of
    a bar would mean nothing: it is drawn as points on an axis that need not hold zero.

    Args:
        evaluation: rows `arm, seed, metric, value`.
        objective: the metric to draw.
        money: "coin" or "dollars".

    Returns:
        The figure and the table behind it, from `tabulate_metric`.
    """
    table = tabulate_metric(evaluation, objective)
    shown = table.filter(pl.col("mean").is_not_null())
    figure, grid = style.new_figure(1.25 + 0.42 * len(table))
    axes = grid[0, 0]
    values = evaluation.filter((pl.col("metric") == objective) & pl.col("value").is_finite())
    from_zero = has_natural_zero(objective) and (values.is_empty() or float(values["value"].min()) >= 0)
    styles = style.arm_styles(table["arm"])
    for height, row in enumerate(shown.iter_rows(named=True)):
        mine = values.filter(pl.col("arm") == row["arm"])["value"]
        _draw_row(axes, height, row, mine, styles[row["arm"]], from_zero)
    _write_values(axes, objective, shown)
    for height in range(len(shown), len(table)):
        axes.annotate("not a finite number", (0.02, height), xycoords=("axes fraction", "data"), va="center",
                      color=style.MUTED)  # fmt: skip
    axes.set_yticks(np.arange(len(table)), [arm_label(arm) for arm in table["arm"]])
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(from_zero)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.05)
    if from_zero:
        axes.set_xlim(left=0)
    style.compact_ticks(axes, "x")
    label = metric_label(objective, money)
    axes.set_xlabel(label if from_zero else f"{label}\nThe axis need not start at zero: read distances, not ratios.")
    return figure, table


def _draw_row(axes: Axes, height: int, row: dict, values: pl.Series, look: style.ArmStyle, from_zero: bool) -> None:
    if from_zero:
        axes.barh(height, row["mean"], height=0.62, color=look.color, alpha=0.85)
    line = style.INK if from_zero else look.color
    if row["low"] is not None:
        axes.plot(
            [row["low"], row["high"]], [height, height], color=line, linewidth=2.2, solid_capstyle="butt", zorder=3
        )
    if not from_zero:
        axes.plot(row["mean"], height, look.marker, color=look.color, markersize=11 if look.marker == "*" else 8,
                  markeredgecolor=style.PAPER, zorder=4)  # fmt: skip
    axes.scatter(values, np.full(len(values), height + (0.18 if from_zero else 0.26)), s=9, color=line, alpha=0.55,
                 linewidth=0, zorder=3)  # fmt: skip


def _write_values(axes: Axes, metric: str, shown: pl.DataFrame) -> None:
    """Write mean and interval beside each row, in two columns with a heading."""
    rows = list(shown.iter_rows(named=True))
    decimals = shared_decimals(rows)
    has_interval = any(row["low"] is not None for row in rows)
    cells = [(-0.75, "mean", interval_name(rows[0]["seeds"]) if has_interval else "", style.MUTED)]
    for height, row in enumerate(rows):
        interval = format_interval(metric, row, decimals) if has_interval else ""
        cells.append((height, format_mean(metric, row, decimals), interval, style.INK))
    width = max(len(mean) for _, mean, _, _ in cells) * _DIGIT
    for height, mean, interval, color in cells:
        for text, offset, align in ((mean, 8 + width, "right"), (interval, 20 + width, "left")):
            axes.annotate(text, (1, height), xycoords=("axes fraction", "data"), xytext=(offset, 0), ha=align,
                          textcoords="offset points", va="center", fontsize=8.5, color=color)  # fmt: skip
