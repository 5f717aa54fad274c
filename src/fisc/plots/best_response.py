"""What retraining gained, in a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fisc.plots.terminal import WIDTH
from fisc.plots.wording import NOTHING, RANGE_ONLY, decimals_of, format_number, format_percent, interval_name
from fisc.records.schema import arm_label


def print_gain(summary: Mapping[str, Any], console: Console) -> None:
    """Print rewards and gains with their intervals, and what they say.

    Args:
        summary: as in the answer's `summary.json`.
        console: where to.
    """
    console.print()
    console.print(gain_table(summary))
    console.print()
    width = min(console.width, WIDTH)
    console.print(Text(_verdict(summary)), width=width)
    for sentence in summary["caveats"]:
        console.print(Text(f"Caveat: {sentence}", style="dim"), width=width)


def gain_table(summary: Mapping[str, Any]) -> Table:
    """Make a table of the rewards before and after, what was gained, and how others fared."""
    who = _who(summary)
    title = f"{summary['scenario']}, {arm_label(summary['arm'])}: reward of {who} per episode"
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=None, pad_edge=False,
                  padding=(0, 1), width=None)  # fmt: skip
    table.add_column("")
    table.add_column("mean", justify="right", no_wrap=True)
    table.add_column(_interval_name(summary), justify="right", no_wrap=True)
    rewards = summary["rewards"]
    table.add_row("everybody untrained", *_cells(rewards["untrained"]))
    trained = "everybody trained" if summary["at"] is None else f"everybody after update {summary['at']}"
    table.add_row(trained, *_cells(rewards["trained"]))
    table.add_row(f"{who} retrained, others {summary['start']}", *_cells(rewards["retrained"]))
    table.add_section()
    table.add_row("gain from retraining", *_cells(summary["gain"], signed=True), style="bold")
    table.add_row("gained in training", *_cells(summary["gained_in_training"], signed=True))
    relative = summary["relative"]
    table.add_row("gain, relative to that", format_percent(relative["mean"], signed=True), _percents(relative))
    relative = summary["relative_to_before"]
    table.add_row("gain, relative to before", format_percent(relative["mean"], signed=True), _percents(relative))
    for role, change in summary["others"].items():
        table.add_row(f"change for role {role}", *_cells(change, signed=True), style="dim")
    return table


def _who(summary: Mapping[str, Any]) -> str:
    return f"role {summary['role']}" if summary["agent"] is None else f"{summary['role']} {summary['agent']}"


def _interval_name(summary: Mapping[str, Any]) -> str:
    """Over what the interval is; over three or fewer it is no more than lowest to highest."""
    count, over = len(summary["gain"]["values"]), summary["over"]
    if count == 1:
        return "no interval"
    return interval_name(count, over) + (f", {count} {over}" if count > RANGE_ONLY else "")


def _cells(numbers: Mapping[str, Any], signed: bool = False) -> tuple[str, str]:
    decimals = decimals_of(numbers["mean"], numbers["low"], numbers["high"])
    mean, low, high = (format_number(numbers[key], decimals, signed) for key in ("mean", "low", "high"))
    return mean, NOTHING if numbers["low"] is None else f"{low} to {high}"


def _percents(numbers: Mapping[str, Any]) -> str:
    if numbers["low"] is None:
        return NOTHING
    return f"{format_percent(numbers['low'], signed=True)} to {format_percent(numbers['high'], signed=True)}"


def _verdict(summary: Mapping[str, Any]) -> str:
    """Say what was found, and no more: that nothing was found does not prove that there is nothing."""
    gain, who, updates = summary["gain"], _who(summary), summary["updates"]
    how = f"Retrained for {updates} updates against the {summary['start']} others, {who}"
    if gain["mean"] is None:
        return f"{how} has rewards that are not finite: nothing can be said."
    relative = summary["relative"]["mean"]
    share = "" if relative is None else f", {format_percent(relative)} of what training gained"
    if gain["low"] is not None and gain["low"] > 0:
        what = f"{how} gains {_cells(gain)[0]}{share}"
        if summary["retrained_agents"] == 1:
            return f"{what}: no equilibrium in the strict sense."
        return f"{what}, all together; whether one would gain alone is another question: --agent."
    if gain["mean"] <= 0 or gain["low"] is not None:
        return f"{how} finds nothing that is surely better."
    return f"{how} gains {_cells(gain)[0]}{share}; one {summary['over'][:-1]} shows no spread."
