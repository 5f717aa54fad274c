"""Figure: how the arm laboratories found its schedule, from the table `search`."""

import math
from typing import Any

import numpy as np
import polars as pl
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fisc.plots import style
from fisc.records.errors import RecordError
from fisc.records.schema import metric_label

_COLORS = "viridis"
"""From the lowest bracket to the highest."""


def tabulate_search(search: pl.DataFrame) -> pl.DataFrame:
    """Return mean, lowest and highest value over seeds: `metric, rate_of, update, mean, low, high, seeds`.

    Args:
        search: rows `seed, update, rate_of, metric, value`; rates as fractions.

    Raises:
        RecordError: if there is no rate or no welfare to draw.
    """
    wanted = search.filter(pl.col("metric").is_in(["rate", "welfare", "version"]) & pl.col("value").is_finite())
    if missing := [name for name in ("rate", "welfare") if name not in set(wanted["metric"])]:
        raise RecordError(f"search.parquet has no finite {' or '.join(missing)}: the search has not begun")
    names = sorted(set(wanted["rate_of"].drop_nulls()), key=_place)
    order = {name: position for position, name in enumerate(names)}
    value = pl.col("value")
    return (
        wanted.group_by("metric", "rate_of", "update")
        .agg(
            value.mean().alias("mean"),
            value.min().alias("low"),
            value.max().alias("high"),
            pl.col("seed").n_unique().cast(pl.Int64).alias("seeds"),
        )
        .sort("metric", pl.col("rate_of").replace_strict(order, default=None, return_dtype=pl.Int64), "update")
    )


def _place(name: str) -> tuple[float, str]:
    """Where a rate, or a version, stands in the legend: brackets by where they begin, the rest by name."""
    try:
        return float(name.removeprefix("from ")), ""
    except ValueError:
        return -math.inf, name


@style.styled()
def draw_search(search: pl.DataFrame, objective: str, money: str = "coin") -> tuple[Figure, pl.DataFrame]:
    """Draw the rates of the schedule, and what its versions are worth, over the updates of the search.

    Args:
        search: rows `seed, update, rate_of, metric, value`.
        objective: what welfare is here.
        money: "coin" or "dollars".

    Returns:
        The figure and the table behind it, from `tabulate_search`.

    Raises:
        RecordError: see `tabulate_search`.
    """
    table = tabulate_search(search)
    figure, grid = style.new_figure(3.6, 1, 2)
    rates, welfare = grid[0]
    by_rate = table.filter(pl.col("metric") == "rate")
    names = by_rate["rate_of"].unique(maintain_order=True).to_list()
    for name, color in zip(names, colormaps[_COLORS](np.linspace(0.0, 0.9, len(names))), strict=True):
        _draw_course(rates, by_rate.filter(pl.col("rate_of") == name), color, name)
    rates.set_ylim(0, None)
    style.percent_ticks(rates)
    rates.set_title("The schedule")
    rates.set_ylabel("Marginal tax rate (percent)")
    figure.legend(loc="outside lower center", ncols=min(len(names), 4))
    for _, rows in table.filter(pl.col("metric") == "version").group_by("rate_of", maintain_order=True):
        welfare.plot(rows["update"], rows["mean"], color=style.MUTED, alpha=0.4, linewidth=0.7, zorder=1)
    _draw_course(welfare, table.filter(pl.col("metric") == "welfare"), style.INK, None)
    welfare.set_title("Its versions, and their average")
    welfare.set_ylabel(metric_label(objective, money))
    for panel in (rates, welfare):
        panel.set_xlabel("Updates of the search")
        style.grid_y(panel)
    return figure, table


def _draw_course(panel: Axes, rows: pl.DataFrame, color: Any, label: str | None) -> None:
    """A line through means over seeds, in a band from the lowest to the highest."""
    if rows["seeds"].max() > 1:
        panel.fill_between(rows["update"], rows["low"], rows["high"], color=color, alpha=0.15, linewidth=0)
    few = {"marker": "o", "markersize": 4} if len(rows) < 3 else {}
    panel.plot(rows["update"], rows["mean"], color=color, label=label, **few)
