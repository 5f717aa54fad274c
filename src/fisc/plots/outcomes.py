"""Figure: how outcomes go together over all runs of a comparison, with least-squares lines."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fisc.analysis.outcomes import FEWEST_RUNS, PAIRS, TAX, is_decided, relate, tabulate_outcomes
from fisc.plots import style
from fisc.plots.wording import line_claim, line_notes
from fisc.records.errors import RecordError
from fisc.records.schema import arm_label, metric_label

_LABELS = {
    "utility": "Consumers' utility per quarter (utils)",
    "profit": "Profit per firm and quarter ({money})",
    "labor": "Hours worked per consumer and quarter",
    "goods_consumed": "Units of each good consumed per quarter",
    "price": "Mean price ({money} per unit)",
    "wage": "Mean wage ({money} per hour)",
    TAX: "Tax rate, mean of income and profit tax",
}


@style.styled()
def draw_outcomes(evaluation: pl.DataFrame, objective: str, money: str = "coin") -> tuple[Figure, pl.DataFrame]:
    """Draw a dot per run in four panels: consumption and price, hours and wage, the two rewards, welfare and taxes.

    Args:
        evaluation: rows `arm, seed, metric, value`.
        objective: the scenario's objective.
        money: "coin" or "dollars".

    Returns:
        The figure and the runs behind it, from `fisc.analysis.outcomes.tabulate_outcomes`.

    Raises:
        RecordError: if an outcome was not recorded, or there are too few runs for a line.
    """
    runs = tabulate_outcomes(evaluation, objective)
    if len(runs) < FEWEST_RUNS:
        raise RecordError(f"{len(runs)} runs given, expected at least {FEWEST_RUNS} for a line: add arms or seeds")
    figure, grid = style.new_figure(6.9, 2, 2)
    styles = style.arm_styles(runs["arm"])
    for pair, panel in zip(PAIRS, grid.flat, strict=True):
        for arm, look in styles.items():
            mine = runs.filter(pl.col("arm") == arm)
            panel.scatter(mine[pair.x], mine[pair.y], s=34, color=look.color, marker=look.marker, alpha=0.85,
                          edgecolor=style.PAPER, linewidth=0.6, zorder=3)  # fmt: skip
        _draw_line(panel, relate(runs, pair), runs[pair.x].to_numpy())
        panel.set_xlabel(_label(pair.x, objective, money))
        panel.set_ylabel(_label(pair.y, objective, money))
        style.grid_y(panel)
        if pair.x == TAX:
            style.percent_ticks(panel, "x")
        else:
            style.compact_ticks(panel, "x")
        style.compact_ticks(panel, "y")
    handles = [
        Line2D([], [], color=look.color, linestyle="", marker=look.marker, markeredgewidth=0, markersize=6,
               label=arm_label(arm))
        for arm, look in styles.items()
    ]  # fmt: skip
    handles.append(Line2D([], [], color=style.INK, linewidth=1.4, label="least squares"))
    figure.legend(handles=handles, loc="outside upper left", ncols=4, columnspacing=1.4)
    return figure, runs


def _label(name: str, objective: str, money: str) -> str:
    if name == "objective":
        return metric_label(objective, money)
    return _LABELS[name].format(money=money)


def _draw_line(panel: Axes, relation: Mapping[str, Any], x: np.ndarray) -> None:
    claim = line_claim(relation)
    panel.set_title(f"{claim[0].upper()}{claim[1:]}\n", fontsize=9.5)
    panel.annotate(line_notes(relation), (0, 1), xytext=(0, 5), xycoords="axes fraction", fontsize=8.5,
                   textcoords="offset points", color=style.MUTED)  # fmt: skip
    if relation["slope"] is None:
        return
    ends = np.array([x.min(), x.max()])
    line = (0, (4, 2)) if not is_decided(relation) else "-"
    panel.plot(ends, relation["intercept"] + relation["slope"] * ends, color=style.INK, linewidth=1.4, linestyle=line,
               zorder=2)  # fmt: skip
