"""The result of a comparison in a terminal, at most 80 columns wide."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fisc.analysis.summary import rank_arms
from fisc.plots import style
from fisc.plots.wording import (
    NOTHING,
    claim,
    diverged,
    format_interval,
    format_mean,
    format_percent,
    interval_name,
    shared_decimals,
    verdict,
)
from fisc.records.schema import METRICS, arm_label, has_natural_zero, metric_unit

WIDTH = 80
"""Columns that a table may take."""

SIDE_WIDTH = 76
"""Columns below which productivity and equality are left out."""

_SIDE_METRICS = ("productivity", "equality", "utility", "profit")
"""Two of them are shown: the first that were recorded."""


def comparison_table(summary: Mapping[str, Any], width: int = WIDTH) -> Table:
    """Make a table of the arms, best first: the objective with its interval, and what it is made of.

    Args:
        summary: as in `summary.json`.
        width: columns of the terminal; below `SIDE_WIDTH` only the arms, the objective and its interval stay.

    Returns:
        A table of at most `min(width, 80)` columns, where the names fit.
    """
    objective, money = summary["objective"], summary["money"]
    side = _side_metrics(summary) if width >= SIDE_WIDTH else []
    title = f"{METRICS[objective].label} ({metric_unit(objective, money)})"
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=None, pad_edge=False,
                  padding=(0, 1), width=None)  # fmt: skip
    table.add_column("arm", max_width=20, overflow="fold")
    table.add_column("mean", justify="right", no_wrap=True)
    table.add_column(interval_name(len(summary["seeds"])), justify="right", no_wrap=True)
    if side and summary["reference"]:
        table.add_column("vs law" if summary["reference"] == "us_federal" else "vs free", justify="right", no_wrap=True)
    for name in side:
        table.add_column(METRICS[name].label.lower(), justify="right", no_wrap=True)
    ranked = rank_arms(summary)
    for arm in [*ranked, *(arm for arm in summary["arms"] if arm not in ranked)]:
        table.add_row(*_cells(summary, arm, objective, side))
    return table


def _side_metrics(summary: Mapping[str, Any]) -> list[str]:
    recorded = [name for name in _SIDE_METRICS if any(name in numbers for numbers in summary["arms"].values())]
    return [name for name in recorded[:2] if name != summary["objective"]]


def print_summary(summary: Mapping[str, Any], console: Console) -> None:
    """Print the table, the verdict and what to be careful about.

    Args:
        summary: as in `summary.json`.
        console: where to; its width decides which columns fit.
    """
    width = min(console.width, WIDTH)
    console.print()
    console.print(comparison_table(summary, width))
    console.print()
    for sentence in verdict(summary):
        console.print(Text(sentence), width=width)
    for sentence in [*diverged(summary), *summary["caveats"]]:
        console.print(Text(f"Caveat: {sentence}", style="dim"), width=width)


def _cells(summary: Mapping[str, Any], arm: str, objective: str, side: list[str]) -> list[Text]:
    everyone = summary["arms"]
    color = style.arm_styles(everyone)[arm].color
    numbers = everyone[arm].get(objective)
    cells = [Text.assemble(("● ", color), arm_label(arm))]
    decimals = shared_decimals(_all_numbers(summary, objective))
    cells.append(Text(NOTHING if numbers is None else format_mean(objective, numbers, decimals), style="bold"))
    has_interval = numbers is not None and numbers["low"] is not None
    cells.append(Text(format_interval(objective, numbers, decimals) if has_interval else NOTHING, style="dim"))
    if side and summary["reference"]:
        cells.append(_difference(summary, arm))
    for name in side:
        own, shared = everyone[arm].get(name), shared_decimals(_all_numbers(summary, name))
        cells.append(Text(NOTHING if own is None else format_mean(name, own, shared)))
    return cells


def _difference(summary: Mapping[str, Any], arm: str) -> Text:
    contrast = summary["contrasts"].get(f"{arm}-{summary['reference']}")
    if contrast is None or contrast["mean"] is None:
        return Text(NOTHING, style="dim")
    color = {"higher": "green", "lower": "red", "undecided": "dim"}[claim(contrast)]
    if has_natural_zero(summary["objective"]) and contrast["relative"] is not None:
        return Text(format_percent(contrast["relative"], signed=True), style=color)
    against = [c for pair, c in summary["contrasts"].items() if pair.endswith(f"-{summary['reference']}")]
    return Text(format_mean(summary["objective"], contrast, shared_decimals(against), signed=True), style=color)


def _all_numbers(summary: Mapping[str, Any], metric: str) -> list[Mapping[str, Any]]:
    return [numbers[metric] for numbers in summary["arms"].values() if metric in numbers]
