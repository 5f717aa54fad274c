"""Figure: who gains and who loses under each arm, by decile of skill."""

import math

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fisc.analysis.incidence import gains_by_group, winners_and_losers
from fisc.plots import style
from fisc.plots.wording import format_compact, format_number, group_noun, group_order
from fisc.records.schema import METRICS, arm_label, metric_unit

COLUMNS = 3
LEAST_BASE = 0.05
"""A group that the reference leaves less than this share of the mean has next to nothing to take percents of."""


@style.styled()
def draw_gains(
    groups: pl.DataFrame, money: str = "coin", metric: str = "consumption", reference: str | None = None
) -> tuple[Figure, pl.DataFrame]:
    """Draw the change of each decile's consumption against the reference arm, one panel per arm.

    Changes are percents of the reference. If it leaves some decile next to nothing they are amounts.

    Args:
        groups: rows `arm, seed, group, metric, value`.
        money: "coin" or "dollars".
        metric: what people gain or lose.
        reference: arm to compare with; current law by default, else the free market.

    Returns:
        The figure and the table behind it, from `fisc.analysis.incidence.gains_by_group`.
    """
    table = gains_by_group(groups, metric, reference)
    counts = {row["arm"]: row for row in winners_and_losers(table).iter_rows(named=True)}
    in_percent = bool((table["base"] >= LEAST_BASE * table["base"].mean()).all()) and table["base"].min() > 0
    arms = list(counts)
    columns = 2 if len(arms) == 4 else min(COLUMNS, max(len(arms), 1))
    rows = max(1, math.ceil(len(arms) / columns))
    figure, grid = style.new_figure(max(0.9 + 2.1 * rows, 3.7), rows, columns, sharey=True)
    styles = style.arm_styles([*arms, *table["reference"]])
    for arm, panel in zip(arms, grid.flat, strict=False):
        bars = table.filter(pl.col("arm") == arm)
        _draw_panel(panel, bars, styles[arm].color, in_percent)
        panel.set_title(f"{arm_label(arm)}\n", fontsize=10)
        panel.annotate(_count_text(counts[arm]), (0, 1), xytext=(0, 5), xycoords="axes fraction",
                       textcoords="offset points", fontsize=8, color=style.MUTED)  # fmt: skip
    for panel in list(grid.flat)[len(arms) :]:
        panel.remove()
    grid[0, 0].margins(y=0.14)
    _label_axes(figure, grid[0, 0], table, in_percent, metric, money)
    noun = group_noun(table["group"].n_unique()).capitalize()
    figure.supxlabel(f"{noun} {group_order(groups['metric'])}: the same people in every panel", fontsize=9.5)
    return figure, table


def _draw_panel(panel: Axes, bars: pl.DataFrame, color: str, in_percent: bool) -> None:
    scale = 1 / bars["base"].to_numpy() if in_percent else np.ones(len(bars))
    places = bars["group"].to_numpy() + 1
    means = bars["mean"].fill_null(float("nan")).to_numpy() * scale
    decided = [low is not None and not low <= 0 <= high for low, high in zip(bars["low"], bars["high"], strict=True)]
    panel.bar(places, means, width=0.72, color=[color if is_clear else style.PAPER for is_clear in decided],
              edgecolor=color, linewidth=1)  # fmt: skip
    if bars["low"].null_count() == 0:
        panel.vlines(
            places, bars["low"].to_numpy() * scale, bars["high"].to_numpy() * scale, color=style.INK, linewidth=1
        )
    panel.axhline(0, color=style.MUTED, linewidth=0.8)
    style.grid_y(panel)
    panel.spines["bottom"].set_visible(False)
    panel.set_xticks(places)
    panel.tick_params(axis="x", length=0)
    for end, align in ((0, "left"), (len(bars) - 1, "right")):
        _write_value(panel, bars, end, align, scale, in_percent)


def _write_value(panel: Axes, bars: pl.DataFrame, end: int, align: str, scale: np.ndarray, in_percent: bool) -> None:
    if bars["mean"][end] is None:
        return
    value = bars["mean"][end] * scale[end]
    # The text is about three bars wide: it clears the longest of them.
    nearby = slice(0, 3) if align == "left" else slice(-3, None)
    ends = [
        bound * factor
        for name in ("mean", "low", "high")
        for bound, factor in zip(bars[name][nearby], scale[nearby], strict=True)
        if bound is not None
    ]
    up = value >= 0
    panel.annotate(
        _short_percent(value) if in_percent else format_compact(value, signed=True),
        (bars["group"][end] + (0.6 if align == "left" else 1.4), max([0, *ends]) if up else min([0, *ends])),
        xytext=(0, 2 if up else -2), textcoords="offset points", ha=align, va="bottom" if up else "top", fontsize=8,
    )  # fmt: skip


def _short_percent(fraction: float) -> str:
    return format_number(100 * fraction, 0 if abs(fraction) >= 0.0995 else 1, signed=True) + "%"


def _label_axes(figure: Figure, axes: Axes, table: pl.DataFrame, in_percent: bool, metric: str, money: str) -> None:
    if in_percent:
        style.percent_ticks(axes, "y", signed=True)
    else:
        style.compact_ticks(axes, "y")
    unit = "percent" if in_percent else metric_unit(metric, money)
    reference = table["reference"][0] if len(table) else ""
    figure.supylabel(f"{METRICS[metric].label} against {arm_label(reference)} ({unit})", fontsize=9.5)
    handles = [
        Patch(facecolor=style.MUTED, edgecolor=style.MUTED, label="interval excludes zero"),
        Patch(facecolor=style.PAPER, edgecolor=style.MUTED, label="undecided"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)


def _count_text(counts: dict) -> str:
    parts = [(counts["winners"], "gain"), (counts["losers"], "lose"), (counts["undecided"], "undecided")]
    return " · ".join(f"{number} {word}" for number, word in parts if number)
