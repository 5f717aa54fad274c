"""Figure: how the economy changes while its agents learn."""

import itertools
import math

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fisc.plots import style
from fisc.records.errors import RecordError
from fisc.records.schema import FRACTION, METRICS, arm_label, metric_label, order_arms

PANELS = ("welfare", "productivity", "equality")
"""Economy-wide metrics to draw; the objective takes the place of `welfare` if only it was recorded."""

FIRM_PANELS = (
    "utility", "profit", "price", "wage", "labor", "goods_consumed", "income_tax_rate", "corporate_tax_rate",
)  # fmt: skip
"""What is drawn beside welfare where there are firms."""

COLUMNS = 3

_DOTS = (0, (2, 2))
"""Line where a phase begins."""

MAX_POINTS = 240
"""Longer curves are averaged over stretches of training, as no screen shows more."""


def tabulate_learning(metrics: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """Return `metric, arm, phase, env_steps, mean, low, high, seeds`: over seeds, mean and extremes.

    Periods and roles are averaged first, so that each seed counts once.

    Args:
        metrics: the training rows.
        names: metrics to keep.
    """
    rows = metrics.filter(pl.col("metric").is_in(names) & pl.col("value").is_finite())
    updates = rows["env_steps"].unique().sort()
    if len(updates) > MAX_POINTS:
        edges = np.linspace(0, int(updates[-1]), MAX_POINTS + 1)[1:]
        ends = pl.Series(edges[np.searchsorted(edges, rows["env_steps"].to_numpy() - 0.5)].round().astype(np.int64))
        rows = rows.with_columns(ends.alias("env_steps"))
    order = {arm: position for position, arm in enumerate(order_arms(set(rows["arm"])))}
    rank = {name: position for position, name in enumerate(names)}
    return (
        rows.group_by("metric", "arm", "seed", "env_steps")
        .agg(pl.col("phase").sort_by("update").last(), pl.col("value").mean())
        .group_by("metric", "arm", "env_steps")
        .agg(
            pl.col("phase").sort_by("seed").last(),
            pl.col("value").mean().alias("mean"),
            pl.col("value").min().alias("low"),
            pl.col("value").max().alias("high"),
            pl.col("seed").n_unique().cast(pl.Int64).alias("seeds"),
        )
        .select("metric", "arm", "phase", "env_steps", "mean", "low", "high", "seeds")
        .sort(
            pl.col("metric").replace_strict(rank, return_dtype=pl.Int64),
            pl.col("arm").replace_strict(order, return_dtype=pl.Int64),
            "env_steps",
        )
    )


@style.styled()
def draw_learning(
    metrics: pl.DataFrame, objective: str = "welfare", money: str = "coin"
) -> tuple[Figure, pl.DataFrame]:
    """Draw welfare, productivity and equality against training, one line per arm; with firms, how they do.

    Lines are means over seeds, bands run from the lowest to the highest seed, and vertical lines
    mark where a phase of the curriculum begins.

    Args:
        metrics: the training rows.
        objective: the scenario's objective.
        money: "coin" or "dollars".

    Returns:
        The figure and the table behind it, from `tabulate_learning`.

    Raises:
        RecordError: if no economy-wide metric was recorded in training.
    """
    present = set(metrics["metric"])
    first = "welfare" if "welfare" in present else objective
    beside, most = (FIRM_PANELS, 9) if "profit" in present else (PANELS, COLUMNS)
    names = tuple(dict.fromkeys(name for name in (first, *beside) if name in present))[:most]
    if not names:
        raise RecordError(f"no training row has one of {', '.join(PANELS)}: log at least one of them in training")
    table = tabulate_learning(metrics, names)
    rows, columns = math.ceil(len(names) / COLUMNS), min(len(names), COLUMNS)
    height = 2.9 if rows <= 2 else 2.4
    figure, grid = style.new_figure(0.2 + height * rows if columns > 1 else 3.6, rows, columns, sharex=True)
    styles = style.arm_styles(table["arm"])
    starts = phase_starts(metrics)
    is_crowded = _is_crowded([step for step, _ in starts], 0.25 * columns / COLUMNS * int(table["env_steps"].max()))
    for name, panel in zip(names, grid.flat, strict=True):
        for arm, look in styles.items():
            _draw_curve(panel, table.filter((pl.col("metric") == name) & (pl.col("arm") == arm)), look)
        _mark_phases(panel, starts, is_crowded)
        panel.set_title(METRICS[name].label + ("\n" if starts else ""))
        panel.set_ylabel(metric_label(name, money, objective).removeprefix(METRICS[name].label).strip(" ()"))
        panel.margins(x=0.01)
        style.grid_y(panel)
        style.compact_ticks(panel, "x")
        if METRICS[name].unit == FRACTION:
            style.percent_ticks(panel, "y")
        else:
            style.compact_ticks(panel, "y")
        panel.locator_params(axis="x", nbins=3 if columns == COLUMNS else 5)
        panel.set_xlim(left=0)
    figure.supxlabel("Training (environment steps)", fontsize=9.5)
    handles = [
        Line2D([], [], color=look.color, linestyle=look.line, label=arm_label(arm)) for arm, look in styles.items()
    ]
    words = [
        f"{_phase_name(phase)}: {' and '.join(roles)} starts to learn" for phase, roles in newcomers(metrics).items()
    ]
    handles += [Line2D([], [], color=style.MUTED, linewidth=0.9, linestyle=_DOTS, label=text) for text in words]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(len(handles), 6 if not words else 4),
                  columnspacing=1.4)  # fmt: skip
    return figure, table


def phase_starts(metrics: pl.DataFrame) -> list[tuple[int, str]]:
    """Return `(env_steps, phase)` of the first row of each phase but the first of each arm, in order.

    Arms that share a curriculum share its starts; each is returned once.
    """
    first = metrics.group_by("arm", "phase").agg(pl.col("env_steps").min()).sort("arm", "env_steps", "phase")
    later = first.filter(pl.int_range(pl.len()).over("arm") > 0)
    return sorted({(step, phase) for step, phase in later.select("env_steps", "phase").iter_rows()})


def newcomers(metrics: pl.DataFrame) -> dict[str, list[str]]:
    """Return, in order, the phases that `phase_starts` names and the roles that begin to learn in each, if any does."""
    learning = metrics.filter((pl.col("metric") == "knob/learning") & (pl.col("value") > 0)).sort("env_steps", "role")
    first = dict(learning.group_by("role", maintain_order=True).agg(pl.col("phase").first()).iter_rows())
    named = {phase: [role for role in first if first[role] == phase] for _, phase in phase_starts(metrics)}
    return {phase: roles for phase, roles in named.items() if roles}


def _draw_curve(panel: Axes, curve: pl.DataFrame, look: style.ArmStyle) -> None:
    if curve.is_empty():
        return
    if curve["seeds"].max() > 1:
        panel.fill_between(curve["env_steps"], curve["low"], curve["high"], color=look.color, alpha=0.16, linewidth=0)
    panel.plot(curve["env_steps"], curve["mean"], color=look.color, linestyle=look.line, linewidth=1.7)


def _mark_phases(panel: Axes, starts: list[tuple[int, str]], is_crowded: bool) -> None:
    for step, phase in starts:
        panel.axvline(step, color=style.MUTED, linewidth=0.9, linestyle=_DOTS, zorder=1)
        name = _phase_name(phase)
        panel.annotate(name.rpartition(" ")[2] if is_crowded else name, (step, 1), xytext=(0, 3),
                       xycoords=("data", "axes fraction"), textcoords="offset points", color=style.MUTED, ha="center",
                       fontsize=7.5)  # fmt: skip


def _phase_name(phase: str) -> str:
    return f"phase {phase}" if phase.isdigit() else phase


def _is_crowded(steps: list[int], width: float) -> bool:
    """Whether names of phases would cover one another, each of which is as wide as so many steps."""
    return any(later - earlier < width for earlier, later in itertools.pairwise(steps))
