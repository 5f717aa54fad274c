"""Figure: the marginal rates of each arm, bracket by bracket."""

import math

import matplotlib.patheffects as patheffects
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fisc.analysis.summary import find_reference
from fisc.plots import style
from fisc.plots.wording import format_compact, format_percent
from fisc.records.schema import INCOME, arm_label, order_arms

COLUMNS = 2
MAX_RATE_LABELS = 10
"""With more brackets than this the rates are not written above the steps."""


def tabulate_schedules(schedules: pl.DataFrame) -> pl.DataFrame:
    """Return mean, lowest and highest rate over seeds: `arm, base, bracket, cutoff, mean, low, high, seeds`.

    Args:
        schedules: rows `arm, seed, base, bracket, cutoff, rate`; cutoffs in money, rates as fractions.
    """
    order = {arm: position for position, arm in enumerate(order_arms(set(schedules["arm"])))}
    return (
        schedules.group_by("arm", "base", "bracket")
        .agg(
            pl.col("cutoff").mean(),
            pl.col("rate").mean().alias("mean"),
            pl.col("rate").min().alias("low"),
            pl.col("rate").max().alias("high"),
            pl.col("seed").n_unique().cast(pl.Int64).alias("seeds"),
        )
        .sort(pl.col("arm").replace_strict(order, return_dtype=pl.Int64), "base", "bracket")
    )


@style.styled()
def draw_schedules(schedules: pl.DataFrame, money: str = "coin") -> tuple[Figure, pl.DataFrame]:
    """Draw the marginal rate of every bracket, one panel per arm, over the reference arm's rates.

    Brackets have equal width, so that narrow brackets at low incomes stay readable; tick labels
    are their cutoffs. Where no arm has more than one bracket there is a panel for each tax base instead, with a
    row per arm.

    Args:
        schedules: rows `arm, seed, base, bracket, cutoff, rate`.
        money: unit of the cutoffs.

    Returns:
        The figure and the table behind it, from `tabulate_schedules`.
    """
    table = tabulate_schedules(schedules)
    if table["bracket"].max() == 0:
        return _draw_flat(table), table
    figure = _draw_brackets(table.filter(base=INCOME), money)
    return figure, table


def _draw_flat(table: pl.DataFrame) -> Figure:
    """A panel for each tax base, with a row per arm: its only rate, and how far seeds are apart."""
    arms, bases = order_arms(set(table["arm"])), sorted(set(table["base"]))
    figure, axes = style.new_figure(0.95 + 0.42 * len(arms), 1, len(bases), sharex=True, sharey=True)
    styles = style.arm_styles(arms)
    for base, panel in zip(bases, axes[0], strict=True):
        for row in table.filter(base=base).iter_rows(named=True):
            height, look = arms.index(row["arm"]), styles[row["arm"]]
            panel.plot([row["low"], row["high"]], [height] * 2, color=look.color, alpha=0.4, linewidth=6,
                       solid_capstyle="butt")  # fmt: skip
            panel.plot(row["mean"], height, look.marker, color=look.color, markersize=8, markeredgecolor=style.PAPER)
            panel.annotate(format_percent(row["mean"]), (row["mean"], height), xytext=(0, 5), ha="center", va="bottom",
                           fontsize=8, textcoords="offset points")  # fmt: skip
        panel.set_title(f"Rate on every {base}")
        panel.grid(axis="x")
        panel.spines["left"].set_visible(False)
        panel.tick_params(axis="y", length=0)
    axes[0, 0].set_yticks(np.arange(len(arms)), [arm_label(arm) for arm in arms])
    axes[0, 0].set_ylim(len(arms) - 0.5, -0.5)
    axes[0, 0].set_xlim(-0.03, max(0.1, 1.2 * float(table["high"].max())))
    style.percent_ticks(axes[0, 0], "x")
    seeds = table["seeds"].max()
    figure.supxlabel(
        "Tax rate" if seeds == 1 else f"Tax rate: mean over {seeds} seeds, and lowest to highest", fontsize=9.5
    )
    return figure


def _draw_brackets(table: pl.DataFrame, money: str) -> Figure:
    """A panel for each arm, with a step for each bracket."""
    arms = order_arms(set(table["arm"]))
    reference = find_reference(arms)
    columns = min(COLUMNS, len(arms))
    rows = math.ceil(len(arms) / columns)
    figure, axes = style.new_figure(0.75 + 1.6 * rows, rows, columns, sharey=True)
    styles = style.arm_styles(arms)
    base = table.filter(pl.col("arm") == (reference or ""))
    for arm, panel in zip(arms, axes.flat, strict=False):
        steps = table.filter(pl.col("arm") == arm)
        _draw_reference(panel, steps, base if arm != reference else base.clear(), styles)
        _draw_steps(panel, steps, styles[arm].color)
        panel.set_title(arm_label(arm))
        style.grid_y(panel)
    for panel in list(axes.flat)[len(arms) :]:
        panel.remove()
    top = max(0.1, math.ceil(10 * float(table["high"].max()) - 1e-6) / 10)
    axes[0, 0].set_ylim(0, top + 0.1)
    axes[0, 0].set_yticks([tick for tick in np.arange(0, 1.01, 0.2 if top > 0.45 else 0.1) if tick <= top + 1e-6])
    style.percent_ticks(axes[0, 0])
    figure.supxlabel(f"Income bracket, from ({money})", fontsize=9.5)
    figure.supylabel("Marginal tax rate (percent)", fontsize=9.5)
    _add_legend(figure, table, reference, styles)
    return figure


def _draw_steps(panel: Axes, steps: pl.DataFrame, color: str) -> None:
    mean, low, high = (_closed(steps[name].to_list()) for name in ("mean", "low", "high"))
    edges = np.arange(len(mean))
    if not np.allclose(low, high):
        panel.fill_between(edges, low, high, step="post", color=color, alpha=0.22, linewidth=0)
    panel.step(edges, mean, where="post", color=color, label="mean", solid_capstyle="butt")
    panel.set_xlim(0, len(steps))
    panel.set_xticks(edges[:-1], [format_compact(cutoff) for cutoff in steps["cutoff"]])
    if len(steps) > MAX_RATE_LABELS:
        panel.tick_params(axis="x", labelrotation=90)
        return
    halo = [patheffects.withStroke(linewidth=2.5, foreground=style.PAPER)]
    for left, rate, highest in zip(edges[:-1], steps["mean"], steps["high"], strict=True):
        panel.annotate(
            f"{100 * rate:.0f}", (left + 0.5, highest), xytext=(0, 2.5), textcoords="offset points",
            ha="center", va="bottom", fontsize=8, path_effects=halo, zorder=5,
        )  # fmt: skip


def _draw_reference(panel: Axes, steps: pl.DataFrame, base: pl.DataFrame, styles: dict[str, style.ArmStyle]) -> None:
    # Brackets are drawn at equal width: other cutoffs would put the reference at the wrong incomes.
    if base.is_empty() or not _same_cutoffs(steps, base):
        return
    arm = base["arm"][0]
    rates = _closed(base["mean"].to_list())
    panel.step(
        np.arange(len(rates)), rates, where="post", color=styles[arm].color, linewidth=1.1,
        linestyle=styles[arm].line, alpha=0.75, label="reference",
    )  # fmt: skip


def _add_legend(figure: Figure, table: pl.DataFrame, reference: str | None, styles: dict[str, style.ArmStyle]) -> None:
    seeds = table["seeds"].max()
    handles = [Line2D([], [], color=style.INK, label="rate" if seeds == 1 else f"mean over {seeds} seeds, in percent")]
    if not np.allclose(table["low"], table["high"]):
        handles.append(Patch(color=style.INK, alpha=0.22, linewidth=0, label="lowest to highest seed"))
    if reference is not None and table["arm"].n_unique() > 1:
        handles.append(
            Line2D(
                [], [], color=styles[reference].color, linewidth=1.1, linestyle=styles[reference].line,
                label=f"{arm_label(reference)}, for comparison",
            )
        )  # fmt: skip
    figure.legend(handles=handles, loc="outside upper left", ncols=3)


def _closed(rates: list[float]) -> np.ndarray:
    # A step function needs its last value twice: the last bracket has a right edge in the figure.
    return np.asarray([*rates, rates[-1]])


def _same_cutoffs(steps: pl.DataFrame, base: pl.DataFrame) -> bool:
    return len(steps) == len(base) and np.allclose(steps["cutoff"], base["cutoff"])
