"""Figure: equality against productivity, a point for each tax system. What `--frontier` learned is in `trade_off`."""

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fisc.analysis.summary import BOUND
from fisc.plots import style
from fisc.plots.wording import format_compact
from fisc.records.errors import RecordError
from fisc.records.schema import arm_label, metric_label, order_arms

AXES = ("productivity", "equality")
NUM_ISO_LINES = 6


def tabulate_frontier(evaluation: pl.DataFrame) -> pl.DataFrame:
    """Return `arm, seed, productivity, equality`; the rows with an empty seed are means over seeds.

    Seeds in which either number is not finite are left out.
    """
    wanted = evaluation.filter(pl.col("metric").is_in(AXES) & pl.col("value").is_finite())
    missing = [name for name in AXES if name not in set(wanted["metric"])]
    if missing:
        raise RecordError(f"no evaluation row has a finite {' or '.join(missing)}: evaluate both for the frontier")
    points = (
        wanted.pivot(on="metric", index=["arm", "seed"], values="value")
        .drop_nulls()
        .select("arm", "seed", "productivity", "equality")
    )
    means = points.group_by("arm").agg(pl.lit(None, pl.Int64).alias("seed"), pl.col("productivity", "equality").mean())
    order = {arm: position for position, arm in enumerate(order_arms(set(points["arm"])))}
    both = pl.concat([points, means])
    return both.sort(pl.col("arm").replace_strict(order, return_dtype=pl.Int64), "seed", nulls_last=True)


@style.styled()
def draw_frontier(evaluation: pl.DataFrame, money: str = "coin") -> tuple[Figure, pl.DataFrame]:
    """Draw one small point per seed and a large marker at each arm's mean.

    Thin lines join the points with the same equality * productivity.

    Args:
        evaluation: rows `arm, seed, metric, value` with `productivity` and `equality`.
        money: "coin" or "dollars".

    Returns:
        The figure and the table behind it, from `tabulate_frontier`.
    """
    table = tabulate_frontier(evaluation)
    seeds, means = table.filter(pl.col("seed").is_not_null()), table.filter(pl.col("seed").is_null())
    figure, grid = style.new_figure(4.6)
    axes = grid[0, 0]
    _set_limits(axes, table)
    _draw_iso_lines(axes)
    for arm, look in style.arm_styles(means["arm"]).items():
        mine, mean = seeds.filter(pl.col("arm") == arm), means.filter(pl.col("arm") == arm)
        axes.scatter(mine["productivity"], mine["equality"], s=16, color=look.color, alpha=0.5, linewidth=0, zorder=3)
        # The optimum is a ring around its mean: what was learned should lie inside, and stay visible.
        shape = (
            {"s": 250, "marker": "o", "facecolor": "none", "edgecolor": look.color, "linewidth": 2}
            if arm == BOUND
            else {"s": 90, "marker": look.marker, "color": look.color, "edgecolor": style.PAPER, "linewidth": 1.2}
        )
        axes.scatter(mean["productivity"], mean["equality"], zorder=4, label=arm_label(arm), **shape)
    style.compact_ticks(axes, "x")
    axes.set_xlabel(metric_label("productivity", money))
    axes.set_ylabel(metric_label("equality"))
    axes.set_title("Up and to the right is better; gray lines: equal product of the two", fontweight="normal",
                   color=style.MUTED, fontsize=9)  # fmt: skip
    points = list(zip(means["productivity"], means["equality"], strict=True))
    style.label_points(
        axes, points, [arm_label(arm) for arm in means["arm"]], seeds.select("productivity", "equality").to_numpy()
    )
    return figure, table


def _set_limits(axes: Axes, table: pl.DataFrame) -> None:
    for name, setter in (("productivity", axes.set_xlim), ("equality", axes.set_ylim)):
        low, high = float(table[name].min()), float(table[name].max())
        margin = 0.16 * (high - low) or 0.1 * abs(high) or 0.1
        top = min(high + margin, max(1.0, high)) if name == "equality" else high + margin
        setter(max(0.0, low - margin), top)


def _draw_iso_lines(axes: Axes) -> None:
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    incomes = np.linspace(max(left, 1e-9 * right), right, 200)
    for level in MaxNLocator(NUM_ISO_LINES).tick_values(left * bottom, right * top):
        equality = level / incomes
        shown = (equality >= bottom) & (equality <= top)
        if level <= 0 or shown.sum() < 20:
            continue
        axes.plot(incomes[shown], equality[shown], color=style.GRID, linewidth=1, zorder=1)
        axes.annotate(
            format_compact(level), (incomes[shown][-1], equality[shown][-1]), xytext=(-2, 2),
            textcoords="offset points", ha="right", va="bottom", color=style.MUTED, fontsize=7.5, zorder=2,
        )  # fmt: skip
