"""Figure: the trade-off between equality and productivity that one planner has learned, and the exact frontier."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fisc.analysis.frontier import tabulate_weights
from fisc.analysis.summary import BOUND
from fisc.plots import style
from fisc.plots.wording import NOTHING, format_mean, format_number
from fisc.records.errors import RecordError
from fisc.records.schema import arm_label, metric_label

AXES = ("productivity", "equality")
RATIO = "fraction_of_optimum"
LEARNED = "planner"
HEIGHTS = (3.4, 1.0)
"""Of the two panels, relative to each other."""
LABELED = 3
"""Weights that are written at the learned curve: the first, the last and those evenly between."""


@style.styled()
def draw_trade_off(frontier: pl.DataFrame, money: str = "coin") -> tuple[Figure, pl.DataFrame]:
    """Draw equality against productivity at every weight, and how near the learned welfare is to the exact one.

    Args:
        frontier: rows `arm, seed, weight, metric, value`.
        money: "coin" or "dollars".

    Returns:
        The figure and the table behind it, from `tabulate_weights`.

    Raises:
        RecordError: if no planner has learned a frontier.
    """
    table = tabulate_weights(frontier)
    if LEARNED not in set(table["arm"]):
        raise RecordError("no planner learned a frontier: compare with --frontier and the arm planner")
    has_bound = BOUND in set(table["arm"])
    figure, grid = style.new_figure(6.2 if has_bound else 4.6, rows=2 if has_bound else 1)
    axes, looks = grid[0, 0], style.arm_styles(table["arm"])
    for arm, look in looks.items():
        _draw_arm(axes, _points(table, arm), look, arm)
    axes.margins(0.08)
    style.compact_ticks(axes, "x")
    axes.set_xlabel(metric_label("productivity", money))
    axes.set_ylabel(metric_label("equality"))
    axes.set_title("Numbers: how much equality counts. Up and to the right is better", fontweight="normal",
                   color=style.MUTED, fontsize=9)  # fmt: skip
    axes.legend(loc="lower left")
    _write_weights(axes, _points(table, LEARNED))
    if has_bound:
        figure.axes[0].get_gridspec().set_height_ratios(HEIGHTS)
        _draw_ratio(grid[1, 0], table.filter((pl.col("arm") == LEARNED) & (pl.col("metric") == RATIO)), looks[LEARNED])
    return figure, table


def weight_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Lines of a table: weight, then learned and exact welfare and their ratio as printed; of a run with a frontier."""
    frontier = summary["frontier"]
    learned, exact = (frontier["arms"].get(arm, {}) for arm in (LEARNED, BOUND))
    rows = []
    for place, weight in enumerate(frontier["weights"]):
        cells = [
            format_mean(name, source[name][place]) if name in source else NOTHING
            for source, name in (
                *((learned, name) for name in ("productivity", "equality", "welfare")),
                (exact, "welfare"),
                (learned, RATIO),
            )
        ]
        rows.append([format_number(weight, 2), *cells])
    return rows


def _points(table: pl.DataFrame, arm: str) -> pl.DataFrame:
    """Mean, low and high of both axes at each weight, in the order of weights."""
    mine = table.filter((pl.col("arm") == arm) & pl.col("metric").is_in(AXES))
    return mine.pivot(on="metric", index="weight", values=["mean", "low", "high"]).sort("weight")


def _draw_arm(axes: Axes, points: pl.DataFrame, look: style.ArmStyle, arm: str) -> None:
    """A curve for what changes with the weight, one point for what does not."""
    if arm not in (LEARNED, BOUND):
        points = points.head(1)
    x, y = points["mean_productivity"], points["mean_equality"]
    if arm == BOUND:
        axes.plot(x, y, "-o", color=look.color, markersize=9, markerfacecolor="none", linewidth=1.4,
                  label="Exact frontier", zorder=3)  # fmt: skip
        return
    shape = {"linestyle": "-", "marker": "o", "markersize": 4.5, "zorder": 5}
    if arm != LEARNED:
        shape = {"linestyle": "none", "marker": look.marker, "markersize": 9, "zorder": 4}
    axes.plot(x, y, color=look.color, markeredgecolor=style.PAPER, markeredgewidth=0.8, label=arm_label(arm), **shape)
    for name, other in (AXES, AXES[::-1]):
        if points[f"low_{name}"].null_count():
            continue
        draw = axes.hlines if name == "productivity" else axes.vlines
        draw(points[f"mean_{other}"], points[f"low_{name}"], points[f"high_{name}"], color=look.color, linewidth=1.2)


def _write_weights(axes: Axes, points: pl.DataFrame) -> None:
    """The weight beside some points of the learned curve."""
    count = len(points)
    for place in sorted({round(k * (count - 1) / (LABELED - 1)) for k in range(LABELED)}):
        row = points.row(place, named=True)
        axes.annotate(
            f"{row['weight']:g}", (row["mean_productivity"], row["mean_equality"]), xytext=(8, 6),
            textcoords="offset points", fontsize=8.5, color=style.MUTED,
        )  # fmt: skip


def _draw_ratio(axes: Axes, rows: pl.DataFrame, look: style.ArmStyle) -> None:
    """Learned welfare as a share of exact welfare, by weight."""
    axes.axhline(1.0, color=style.MUTED, linewidth=0.8)
    axes.plot(rows["weight"], rows["mean"], "-o", color=look.color, markersize=4.5)
    if not rows["low"].null_count():
        axes.vlines(rows["weight"], rows["low"], rows["high"], color=look.color, linewidth=1.2)
    low = min(0.965, float(rows["mean"].min()) - 0.01)
    axes.set_ylim(low, max(1.01, float(rows["mean"].max()) + 0.005))
    style.percent_ticks(axes, "y")
    style.grid_y(axes)
    axes.set_xlabel("Weight of equality in welfare = productivity × (weight × equality + 1 − weight)")
    axes.set_ylabel("Learned / exact")
