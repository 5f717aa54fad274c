"""Figure: the tax rates that people face, by decile of skill."""

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fisc.plots import style
from fisc.plots.wording import group_noun, group_order
from fisc.records.errors import RecordError
from fisc.records.schema import METRICS, arm_label, order_arms

PANELS = ("average_rate", "marginal_rate")
_TITLES = {"average_rate": "Average tax rate", "marginal_rate": "Marginal tax rate"}
# Markers with arms need more room than a disk to be seen.
_SIZES = {"*": 8, "P": 6.5}


def tabulate_rates(groups: pl.DataFrame) -> pl.DataFrame:
    """Return `metric, arm, group, mean, low, high, seeds`: rates as fractions, over seeds mean and extremes."""
    rows = groups.filter(pl.col("metric").is_in(PANELS) & pl.col("value").is_finite())
    order = {arm: position for position, arm in enumerate(order_arms(set(rows["arm"])))}
    return (
        rows.group_by("metric", "arm", "group")
        .agg(
            pl.col("value").mean().alias("mean"),
            pl.col("value").min().alias("low"),
            pl.col("value").max().alias("high"),
            pl.col("seed").n_unique().cast(pl.Int64).alias("seeds"),
        )
        .sort("metric", pl.col("arm").replace_strict(order, return_dtype=pl.Int64), "group")
    )


@style.styled()
def draw_rates(groups: pl.DataFrame) -> tuple[Figure, pl.DataFrame]:
    """Draw average and marginal tax rates by decile, one line per arm; bands run over all seeds.

    Args:
        groups: rows `arm, seed, group, metric, value`, with `average_rate` or `marginal_rate`.

    Returns:
        The figure and the table behind it, from `tabulate_rates`.

    Raises:
        RecordError: if neither rate was recorded.
    """
    table = tabulate_rates(groups)
    names = [name for name in PANELS if name in set(table["metric"])]
    if not names:
        raise RecordError(f"no row of groups has one of {', '.join(PANELS)}: record at least one of them")
    figure, grid = style.new_figure(3.4, 1, len(names), sharey=True)
    styles = style.arm_styles(table["arm"])
    for name, panel in zip(names, grid[0], strict=True):
        for arm, look in styles.items():
            line = table.filter((pl.col("metric") == name) & (pl.col("arm") == arm))
            if line.is_empty():
                continue
            places = line["group"].to_numpy() + 1
            panel.fill_between(places, line["low"], line["high"], color=look.color, alpha=0.14, linewidth=0)
            panel.plot(places, line["mean"], color=look.color, linestyle=look.line, marker=look.marker, linewidth=1.6,
                       markersize=_SIZES.get(look.marker, 4.5), markeredgewidth=0, clip_on=False)  # fmt: skip
        panel.set_title(_TITLES.get(name, METRICS[name].label))
        panel.margins(x=0.03)
        panel.set_xticks(np.arange(1, 1 + max(table["group"]) + 1))
        style.grid_y(panel)
    grid[0, 0].set_ylim(bottom=min(0.0, float(table["low"].min())))
    grid[0, 0].set_ylabel("Rate (percent)")
    style.percent_ticks(grid[0, 0])
    noun = group_noun(table["group"].n_unique()).capitalize()
    figure.supxlabel(f"{noun} {group_order(groups['metric'])}", fontsize=9.5)
    handles = [
        Line2D([], [], color=look.color, linestyle=look.line, marker=look.marker, markeredgewidth=0,
               markersize=_SIZES.get(look.marker, 4.5), label=arm_label(arm))
        for arm, look in styles.items()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper left", ncols=min(len(handles), 6), columnspacing=1.4)
    return figure, table
