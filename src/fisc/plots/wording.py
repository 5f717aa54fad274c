"""Numbers and sentences as a reader sees them, the same in figures, report and terminal."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fisc.analysis.outcomes import is_decided
from fisc.analysis.summary import BOUND, rank_arms
from fisc.records.schema import ARMS, FRACTION, GROUPS, METRICS, arm_label, flat_percent, has_natural_zero, metric_unit

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
RANGE_ONLY = 4
"""With this many seeds or fewer, a 95% bootstrap interval is their lowest and highest."""
FEW_SEEDS = 5
"""Below this many seeds a bootstrap interval is too narrow to rely on."""

NEGLIGIBLE = 1e-6
"""Below this a number that is shown on its own reads as zero: it is rounding, whatever the unit."""

_OUTCOMES = {
    "price": ("consumption", "rises", "falls", "the price"),
    "wage": ("hours", "rise", "fall", "the wage"),
    "utility": ("profit", "rises", "falls", "consumers' utility"),
    "tax_rate": ("welfare", "rises", "falls", "the tax rate"),
}
"""How a line through outcomes is spelled out, by what it is drawn against."""
_OFFERS = {"price": "a dearer good sells less at home", "wage": "who pays more hires more"}
"""The expected line through what firms offer, by what it is drawn against."""

_MAX_SIGNIFICANT = 5
_MIN_SIGNIFICANT = 3


def group_noun(num_groups: int) -> str:
    """Say what a group of people is: a tenth of them, or a single one if they are fewer than ten.

    >>> group_noun(10), group_noun(4)
    ('decile', 'citizen')
    """
    return "decile" if num_groups == GROUPS else "citizen"


def group_order(metrics: Iterable[str]) -> str:
    """Say by what groups of people are in order, from what was recorded of them.

    >>> group_order(["skill", "income"]), group_order(["labor_disutility", "income"])
    ('by skill, 1 the lowest', 'by taste for work, 1 the least')
    """
    return "by taste for work, 1 the least" if "labor_disutility" in set(metrics) else "by skill, 1 the lowest"


def decimals_of(*values: float | None) -> int:
    """Choose how many decimals to print: two digits of the interval, three to five digits of the number.

    >>> decimals_of(1119.6, 1118.2, 1121.3), decimals_of(0.7584), decimals_of(9.3, 9.1, 9.5)
    (1, 3, 2)
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    largest = max((abs(value) for value in finite), default=0.0)
    if largest < NEGLIGIBLE:
        return 0
    size = math.floor(math.log10(largest))
    spread = max(finite) - min(finite)
    wanted = 1 - math.floor(math.log10(spread)) if spread > 0 else -10
    return max(0, min(max(wanted, _MIN_SIGNIFICANT - 1 - size), _MAX_SIGNIFICANT - 1 - size))


def format_number(value: float | None, decimals: int | None = None, signed: bool = False) -> str:
    """Print a number with a true minus sign and separated thousands; a missing one is a dash.

    >>> format_number(-1234.5, 1), format_number(0.75), format_number(3.0, 1, signed=True)
    ('−1,234.5', '0.750', '+3.0')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{abs(value):,.{decimals_of(value) if decimals is None else decimals}f}"
    is_zero = not any(digit in text for digit in "123456789")
    if is_zero:
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def format_compact(value: float, signed: bool = False) -> str:
    """Print an amount short enough for a tick label.

    >>> format_compact(11600), format_compact(609350), format_compact(-2500000), format_compact(9.7)
    ('11.6k', '609k', '−2.5M', '9.7')
    """
    size, suffix = compact_unit(value)
    text = f"{abs(value) / size:.3g}"
    sign = MINUS if value < 0 else "+" if signed and value > 0 else ""
    return f"{sign}{text}{suffix}"


def compact_unit(value: float) -> tuple[float, str]:
    """Return the power of a thousand in which an amount is printed, and its suffix."""
    units = ((1e9, "B"), (1e6, "M"), (1e3, "k"))
    return next(((size, suffix) for size, suffix in units if abs(value) >= 0.9995 * size), (1.0, ""))


def format_metric(name: str, value: float | None, decimals: int | None = None, signed: bool = False) -> str:
    """Print the value of a metric; fractions as percent."""
    if value is None or METRICS[name].unit != FRACTION:
        return format_number(value, decimals, signed)
    return format_percent(value, signed)


def format_percent(fraction: float | None, signed: bool = False) -> str:
    """Print a fraction as percent.

    >>> format_percent(0.314), format_percent(-0.05, signed=True), format_percent(12.0)
    ('31.4%', '−5.0%', '1,200%')
    """
    if fraction is None:
        return NOTHING
    return format_number(100 * fraction, 0 if abs(fraction) >= 9.995 else 1, signed) + "%"


def shared_decimals(several: Iterable[Mapping[str, Any]]) -> int:
    """Choose the decimals for a column of means with intervals: what its middle row needs."""
    needed = sorted(decimals_of(numbers["mean"], numbers["low"], numbers["high"]) for numbers in several)
    return needed[len(needed) // 2] if needed else 0


def format_interval(name: str, numbers: Mapping[str, Any], decimals: int | None = None, signed: bool = False) -> str:
    """Print `low to high` of a metric with the decimals of its mean, or that there is no interval."""
    if numbers["low"] is None:
        return "no interval"
    if decimals is None:
        decimals = decimals_of(numbers["mean"], numbers["low"], numbers["high"])
    low, high = (format_metric(name, numbers[end], decimals, signed) for end in ("low", "high"))
    return f"{low} to {high}"


def format_mean(name: str, numbers: Mapping[str, Any], decimals: int | None = None, signed: bool = False) -> str:
    """Print the mean of a metric with decimals that fit its interval."""
    if decimals is None:
        decimals = decimals_of(numbers["mean"], numbers["low"], numbers["high"])
    return format_metric(name, numbers["mean"], decimals, signed)


def claim(contrast: Mapping[str, Any]) -> str:
    """Say what a contrast shows: `higher`, `lower`, or `undecided` if its interval holds zero or is absent."""
    if contrast["low"] is None or contrast["low"] <= 0 <= contrast["high"]:
        return "undecided"
    return "higher" if contrast["mean"] > 0 else "lower"


def subject_of(summary: Mapping[str, Any]) -> str | None:
    """Return the arm that a reader asks about: the planner, else the best arm that could be enacted."""
    ranked = enactable(summary)
    return "planner" if "planner" in ranked else (ranked[0] if ranked else None)


def enactable(summary: Mapping[str, Any]) -> list[str]:
    """Return the arms other than the bound, best first."""
    return [arm for arm in rank_arms(summary) if arm != BOUND]


def line_claim(line: Mapping[str, Any]) -> str:
    """Say what rises or falls with what over all runs, if the interval of the slope excludes zero.

    Args:
        line: from `fisc.analysis.outcomes.relate`.
    """
    subject, rises, falls, cause = _OUTCOMES[line["x"]]
    if line["slope"] is None or not is_decided(line):
        return f"{subject} and {cause}: no clear slope"
    return f"{subject} {rises if line['slope'] > 0 else falls} with {cause}"


def line_notes(line: Mapping[str, Any]) -> str:
    """Say whether a line is as theory expects, its sign where that is not certain, and how much it explains."""
    if line["slope"] is None:
        return "the same in all runs"
    notes = [] if is_decided(line) else [f"{'positive' if line['slope'] > 0 else 'negative'}, but not certainly so"]
    if line["expected"] is not None and not notes:
        notes = ["as expected" if line["slope"] * line["expected"] > 0 else "against expectation"]
    return ", ".join([*notes, f"r² {format_number(line['r2'], 2)}"])


def verdict(summary: Mapping[str, Any]) -> list[str]:
    """State in sentences what the numbers show, and no more.

    A difference is called higher or lower only if its interval excludes zero.
    """
    ranked = enactable(summary)
    if not ranked:
        return ["No arm has a finite value of the objective in every seed: there is nothing to compare."]
    subject = subject_of(summary)
    best_flat = next((arm for arm in ranked if flat_percent(arm) is not None), None)
    others = {subject: (summary["reference"], "saez", best_flat, ranked[0])}
    if "laboratories" in ranked and subject != "laboratories":
        others["laboratories"] = (summary["reference"], "saez", best_flat, subject)
    sentences = [_leader_sentence(summary, ranked)]
    sentences += [
        _contrast_sentence(summary, arm, other)
        for arm, compared in others.items()
        for other in dict.fromkeys(compared)
        if other and other != arm and f"{arm}-{other}" in summary["contrasts"]
    ]
    sentences += _worth_sentences(summary, subject) + _bound_sentences(summary, subject) + _frontier_sentences(summary)
    sentences += _collapse_sentences(summary) + _outcome_sentences(summary)
    sentences += _firm_sentences(summary)
    sentences += _seed_sentences(summary)
    return sentences


def diverged(summary: Mapping[str, Any]) -> list[str]:
    """Name every arm and metric without a finite value in each seed, as sentences."""
    return [
        f"{arm_label(arm)}: {METRICS[metric].label.lower()} is not a finite number in "
        f"{sum(value is None for value in numbers['values'])} of {len(numbers['values'])} seeds, so no mean is shown."
        for arm, metrics in summary["arms"].items()
        for metric, numbers in metrics.items()
        if isinstance(numbers, Mapping) and numbers["mean"] is None
    ]


def in_sentence(arm: str, start: bool = False) -> str:
    """Return an arm's label as it stands in running text.

    >>> in_sentence("planner"), in_sentence("flat", start=True), in_sentence("flat_20")
    ('the learned planner', 'The flat tax', 'a flat tax of 20%')
    """
    if arm == "us_federal":
        return "US federal law"
    label, percent = {"saez": "Saez formula"}.get(arm, arm_label(arm).lower()), flat_percent(arm)
    text = f"the {label}" if arm in ARMS else f"'{arm}'" if percent is None else f"a flat tax of {percent}%"
    return text[0].upper() + text[1:] if start else text


def interval_name(num: int, over: str = "seeds") -> str:
    """What the bootstrap interval over so many seeds is: with four or fewer, no more than lowest to highest.

    >>> interval_name(1), interval_name(3), interval_name(5)
    ('interval', 'range of 3 seeds', '95% interval')
    """
    if num == 1:
        return "interval"
    return "95% interval" if num > RANGE_ONLY else f"range of {num} {over}"


def _leader_sentence(summary: Mapping[str, Any], ranked: Sequence[str]) -> str:
    objective, best = summary["objective"], ranked[0]
    numbers = summary["arms"][best][objective]
    unit = metric_unit(objective, summary["money"])
    bound = f", {in_sentence(BOUND)} aside" if BOUND in summary["arms"] else ""
    name = interval_name(len(summary["seeds"]))
    interval = "" if numbers["low"] is None else f" ({name} {format_interval(objective, numbers)})"
    text = (
        f"{in_sentence(best, start=True)} has the highest mean {METRICS[objective].label.lower()}{bound}: "
        f"{format_mean(objective, numbers)} {unit}{interval}"
    )
    if len(ranked) == 1:
        return f"{text}."
    contrast = summary["contrasts"].get(f"{best}-{ranked[1]}")
    if contrast is None or claim(contrast) != "higher":
        return f"{text}. It cannot be told apart from the next best, {in_sentence(ranked[1])}."
    return f"{text}; next best is {in_sentence(ranked[1])}."


def _contrast_sentence(summary: Mapping[str, Any], subject: str, other: str) -> str:
    objective, contrast = summary["objective"], summary["contrasts"][f"{subject}-{other}"]
    unit = metric_unit(objective, summary["money"])
    interval = f"{interval_name(len(contrast['seeds']))} {format_interval(objective, contrast, signed=True)}"
    details = [interval if contrast["low"] is not None else "one seed, no interval"]
    if has_natural_zero(objective) and contrast["relative"] is not None:
        details.insert(0, format_percent(contrast["relative"], signed=True))
    word, shown = claim(contrast), f"({'; '.join(details)})"
    if word == "undecided":
        mean = format_mean(objective, contrast, signed=True)
        return (
            f"Between {in_sentence(subject)} and {in_sentence(other)} these runs do not decide: "
            f"the difference is {mean} {unit} {shown}."
        )
    mean = format_mean(objective, contrast).removeprefix(MINUS)
    return f"Against {in_sentence(other)}, {in_sentence(subject)} scores {word} by {mean} {unit} {shown}."


def _worth_sentences(summary: Mapping[str, Any], subject: str) -> list[str]:
    numbers = summary["arms"][subject].get("consumption_equivalent")
    if not numbers or numbers["mean"] is None:
        return []
    name = interval_name(len(summary["seeds"]))
    interval = "" if numbers["low"] is None else f" ({name} {_percent_interval(numbers)})"
    change = f"a change of {format_percent(numbers['mean'], signed=True)}{interval}"
    if subject == "us_federal":
        return []
    return [
        f"Moving from US federal law to {in_sentence(subject)} is worth as much as {change} in everybody's consumption "
        "net of the cost of effort."
    ]


def _percent_interval(numbers: Mapping[str, Any]) -> str:
    return f"{format_percent(numbers['low'], signed=True)} to {format_percent(numbers['high'], signed=True)}"


def _bound_sentences(summary: Mapping[str, Any], subject: str) -> list[str]:
    """Say how much of the possible gain the subject brings: unlike W / W*, this holds wherever utility is zero."""
    reference, contrasts = summary["reference"], summary["contrasts"]
    own, best = contrasts.get(f"{subject}-{reference}"), contrasts.get(f"{BOUND}-{reference}")
    if not own or not best or own["mean"] is None or not best["mean"] or best["mean"] <= 0 or own["mean"] <= 0:
        return []
    return [
        f"{in_sentence(subject, start=True)} brings {format_percent(own['mean'] / best['mean'])} of the gain over "
        f"{in_sentence(reference)} that the best possible schedule would bring."
    ]


def _seed_sentences(summary: Mapping[str, Any]) -> list[str]:
    count = len(summary["seeds"])
    if count == 1:
        return ["One seed shows no spread, so no difference here is more than an example."]
    if count < FEW_SEEDS:
        return [
            f"With {count} seeds the intervals are too narrow to rely on; "
            f"use at least {FEW_SEEDS} before quoting a difference."
        ]
    return []


def _frontier_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say how far a learned frontier is from the exact one where it is furthest."""
    worst = summary.get("frontier", {}).get("worst")
    if worst is None:
        return []
    count = len(summary["frontier"]["weights"])
    return [
        f"One planner learned the trade-off for every weight of equality: at {count} weights from 0 to 1 its welfare "
        f"is {format_percent(worst['fraction'])} of the exact optimum's or more, means over seeds (least at a weight "
        f"of {worst['weight']:g})."
    ]


def _collapse_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say in how many seeds of each arm the economy collapsed, where that was looked at."""
    known = {arm: numbers["collapsed"] for arm, numbers in summary["arms"].items() if "collapsed" in numbers}
    counts = {arm: sum(bool(value) for value in numbers["values"]) for arm, numbers in known.items()}
    if not counts:
        return []
    if not any(counts.values()):
        return ["No economy collapsed: people work and consume in every seed of every arm."]
    total = sum(len(numbers["values"]) for numbers in known.values())
    shares = ", ".join(
        f"{arm_label(arm)} {count} of {len(known[arm]['values'])}" for arm, count in counts.items() if count
    )
    clean = "; no other arm did" if not all(counts.values()) else ""
    return [f"Collapsed, next to no work or consumption, in {sum(counts.values())} of {total} runs: {shares}{clean}."]


def _outcome_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say which outcomes rise and fall together over all runs."""
    lines = [line for line in summary.get("outcomes", []) if line["slope"] is not None]
    if not lines:
        return []
    shown = "; ".join(f"{line_claim(line)} ({line_notes(line)})" for line in lines)
    return [f"Over {lines[0]['runs']} runs (arms and seeds): {shown}."]


def _firm_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say in how many economies of each arm the line through what firms offer is as expected."""
    found: dict[str, list[str]] = {}
    for arm, lines in summary.get("within_economies", {}).items():
        for line in lines:
            differ = line["economies"] - line["alike"]
            if differ:
                found.setdefault(line["x"], []).append(f"{arm_label(arm)} {line['as_expected']} of {differ}")
    return [
        f"Within an economy, firm by firm and quarter by quarter, {_OFFERS[x]}: {', '.join(counts)}."
        for x, counts in found.items()
    ]
