"""The report of a run: one HTML file that needs nothing else, neither scripts nor a network."""

import base64
import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from fisc.analysis.incidence import gains_by_group, winners_and_losers
from fisc.analysis.summary import BOUND, MAIN_METRICS, rank_arms
from fisc.plots import style
from fisc.plots.figures import FIGURES
from fisc.plots.trade_off import weight_rows
from fisc.plots.wording import (
    NOTHING,
    claim,
    diverged,
    format_compact,
    format_interval,
    format_mean,
    format_metric,
    format_number,
    format_percent,
    group_noun,
    interval_name,
    shared_decimals,
    verdict,
)
from fisc.records.schema import FRACTION, METRICS, arm_label, has_natural_zero, metric_unit
from fisc.records.store import RunFolder

# Colors of the figures that follow the page from light to dark.
_THEME = {style.INK: "var(--ink)", style.MUTED: "var(--muted)", style.GRID: "var(--grid)", style.PAPER: "var(--paper)"}


def write_report(run_folder: RunFolder, summary: Mapping[str, Any] | None = None) -> Path:
    """Write `report.html` from the summary, the tables and the figures that a run folder has.

    Args:
        run_folder: the run; its figures should have been drawn.
        summary: as in `summary.json`, which is read if this is not given.

    Returns:
        Path of the report.
    """
    summary = run_folder.read_json("summary.json") if summary is None else summary
    sections = [
        _header(summary),
        _results(summary),
        *(_figure_section(run_folder, name, summary) for name in FIGURES),
        _differences(summary),
        _caveats(summary),
        _regenerate(summary),
    ]
    css = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(summary['title'])}</title>\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(section for section in sections if section)
        + "\n</main>\n</body>\n</html>\n"
    )
    return run_folder.write_text("report.html", page)


def embed_svg(svg: str, name: str, label: str) -> str:
    """Return an SVG drawing ready to stand in the page.

    Its ids get a prefix, as those of two drawings may be the same; its size follows the page; its
    neutral colors follow the page's theme.

    Args:
        svg: text of the file.
        name: prefix of the ids.
        label: what a screen reader says.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    for color, variable in _THEME.items():
        body = body.replace(color, variable)
    opening, rest = body.split(">", 1)
    opening = re.sub(r'\s(?:width|height)="[^"]*"', "", opening)
    return f'{opening} role="img" aria-label="{escape(label)}">{rest}'.strip()


def _header(summary: Mapping[str, Any]) -> str:
    count = len(summary["seeds"])
    sentences = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in verdict(summary))
    seeds = "one seed" if count == 1 else f"{count} seeds"
    kicker = f"Scenario {summary['scenario']}, {len(summary['arms'])} tax systems, {seeds}"
    return (
        f'<header>\n<p class="kicker">{escape(kicker)}</p>\n<h1>{escape(summary["title"])}</h1>\n'
        f'<div class="verdict">\n{sentences}\n</div>\n</header>'
    )


def _results(summary: Mapping[str, Any]) -> str:
    objective = summary["objective"]
    present = {name for numbers in summary["arms"].values() for name in numbers if name in METRICS}
    first = dict.fromkeys(name for name in (objective, *MAIN_METRICS, *METRICS) if name in present)
    names = [name for name in first if name != "welfare" or objective == "welfare"]
    rows = [_result_row(summary, name) for name in names]
    name = interval_name(len(summary["seeds"]))
    note = f"Mean over seeds; below it the {name.replace('95%', '95% bootstrap')}. "
    note += "The shaded row is the objective. A dot marks the best mean of a row"
    note += f"; {arm_label(BOUND).lower()} aside." if BOUND in summary["arms"] else "."
    note += " It makes no claim about differences: those are in their own table below."
    definitions = "\n".join(
        f"<dt>{escape(METRICS[name].label)}</dt><dd>{escape(METRICS[name].meaning)}</dd>" for name in names
    )
    return (
        f'<section>\n<h2>Results</h2>\n<p class="note">{escape(note)}</p>\n'
        f"{_table(['Measure', *summary['arms']], rows, summary)}\n"
        f"<details><summary>What the measures mean</summary>\n<dl>\n{definitions}\n</dl></details>\n</section>"
    )


def _result_row(summary: Mapping[str, Any], name: str) -> str:
    unit = metric_unit(name, summary["money"], summary["objective"])
    unit = "percent" if unit == FRACTION else unit
    several = [numbers[name] for numbers in summary["arms"].values() if name in numbers]
    decimals = shared_decimals(several)
    best = _best_arms(summary, name, decimals)
    cells = [f'<th scope="row">{escape(METRICS[name].label)}<span class="unit">{escape(unit)}</span></th>']
    for arm, numbers in summary["arms"].items():
        if name not in numbers:
            cells.append(f"<td>{NOTHING}</td>")
            continue
        mark = ' class="best"' if arm in best else ""
        mean = escape(format_mean(name, numbers[name], decimals))
        has_width = len({format_metric(name, numbers[name][end], decimals) for end in ("low", "high")}) == 2
        interval = f"<small>{escape(format_interval(name, numbers[name], decimals))}</small>" if has_width else ""
        cells.append(f"<td><span{mark}>{mean}</span>{interval}</td>")
    kind = ' class="objective"' if name == summary["objective"] else ""
    return f"<tr{kind}>{''.join(cells)}</tr>"


def _best_arms(summary: Mapping[str, Any], name: str, decimals: int) -> set[str]:
    """Return the arms with the best mean as printed, the bound aside; none where all print the same."""
    if METRICS[name].higher_is_better is None:
        return set()
    shown = {arm: format_mean(name, summary["arms"][arm][name], decimals) for arm in rank_arms(summary, name)}
    shown.pop(BOUND, None)
    best = {arm for arm in shown if shown[arm] == next(iter(shown.values()))}
    return best if len(best) < len(shown) else set()


def _figure_section(run_folder: RunFolder, name: str, summary: Mapping[str, Any]) -> str:
    drawing = _drawing(run_folder, name)
    extra = {"schedules": _rate_tables, "gains": _winners, "trade_off": _weights}.get(name)
    below = extra(run_folder, summary) if extra else ""
    if not drawing and not below:
        return ""
    spec = FIGURES[name]
    figure = ""
    if drawing:
        link = f'<a href="figures/{name}.csv">The numbers behind it</a>.'
        figure = (
            f'<figure>\n<div class="scroll">{drawing}</div>\n'
            f"<figcaption>{escape(spec.caption)} {link}</figcaption>\n</figure>"
        )
    return f"<section>\n<h2>{escape(spec.title)}</h2>\n{figure}\n{below}\n</section>"


def _drawing(run_folder: RunFolder, name: str) -> str:
    svg, png = run_folder.figures / f"{name}.svg", run_folder.figures / f"{name}.png"
    if svg.is_file():
        return embed_svg(svg.read_text(encoding="utf-8"), name, FIGURES[name].title)
    if png.is_file():
        data = base64.b64encode(png.read_bytes()).decode()
        return f'<img src="data:image/png;base64,{data}" alt="{escape(FIGURES[name].title)}">'
    return ""


def _rate_tables(_run_folder: RunFolder, summary: Mapping[str, Any]) -> str:
    """Tabulate mean rates by bracket; arms with other cutoffs get a table of their own."""
    families: dict[tuple[float, ...], list[str]] = {}
    for arm, numbers in summary["arms"].items():
        if "rates" in numbers:
            families.setdefault(tuple(numbers["cutoffs"]), []).append(arm)
    tables = []
    for cutoffs, arms in families.items():
        rows = []
        for bracket, low in enumerate(cutoffs):
            high = cutoffs[bracket + 1] if bracket + 1 < len(cutoffs) else None
            reach = (
                f"{format_compact(low)} and more"
                if high is None
                else f"{format_compact(low)} to {format_compact(high)}"
            )
            cells = "".join(_rate_cell(summary["arms"][arm], bracket) for arm in arms)
            rows.append(f'<tr><th scope="row">{escape(reach)}</th>{cells}</tr>')
        tables.append(_table([f"Income ({summary['money']})", *arms], rows, summary))
    for base, rates in summary.get("other_rates", {}).items():
        arms = [arm for arm in summary["arms"] if arm in rates]
        cells = "".join(f"<td>{format_percent(rates[arm])}</td>" for arm in arms)
        tables.append(_table([base.capitalize(), *arms], [f'<tr><th scope="row">any</th>{cells}</tr>'], summary))
    note = '<p class="note">Marginal tax rates; below them the share of incomes in the bracket. Means over seeds.</p>\n'
    return note + "\n".join(tables) if tables else ""


def _rate_cell(numbers: Mapping[str, Any], bracket: int) -> str:
    share = f"<small>{format_percent(numbers['occupancy'][bracket])}</small>" if "occupancy" in numbers else ""
    return f"<td>{format_percent(numbers['rates'][bracket])}{share}</td>"


def _weights(_run_folder: RunFolder, summary: Mapping[str, Any]) -> str:
    """Tabulate what the planner learned at every weight of equality, beside the exact optimum."""
    if "frontier" not in summary:
        return ""
    rows = [
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in weight_rows(summary)
    ]
    note = f"Means over seeds; welfare in {metric_unit('productivity', summary['money'])}."
    heads = ["Weight of equality", "Productivity", "Equality", "Learned welfare", "Exact welfare", "Learned / exact"]
    return f'<p class="note">{escape(note)}</p>\n{_table(heads, rows, {"arms": {}})}'


def _winners(run_folder: RunFolder, summary: Mapping[str, Any]) -> str:
    reference = summary["reference"]
    if not run_folder.has_table("groups") or reference is None:
        return ""
    groups = run_folder.read_table("groups")
    metric = "consumption"
    if metric not in set(groups["metric"]) or set(groups["arm"]) <= {reference}:
        return ""
    rows = []
    for row in winners_and_losers(gains_by_group(groups, metric, reference)).iter_rows(named=True):
        counts = "".join(f"<td>{row[name]}</td>" for name in ("winners", "losers", "undecided"))
        amounts = "".join(f"<td>{format_number(row[name], 0, signed=True)}</td>" for name in ("bottom", "top"))
        rows.append(f'<tr><th scope="row">{_arm(row["arm"], summary)}</th>{counts}{amounts}</tr>')
    noun = group_noun(groups["group"].n_unique())
    heads = ["Tax system", "Gain", "Lose", "Undecided", f"Lowest {noun}", f"Highest {noun}"]
    unit = metric_unit(metric, summary["money"])
    note = f"Number of {noun}s that gain and lose against {arm_label(reference)}; mean changes in {unit}."
    return f'<p class="note">{escape(note)}</p>\n{_table(heads, rows, {"arms": {}})}'


def _differences(summary: Mapping[str, Any]) -> str:
    objective = summary["objective"]
    if not summary["contrasts"]:
        return ""
    is_ratio = has_natural_zero(objective)
    rows = []
    for pair, contrast in summary["contrasts"].items():
        if contrast["mean"] is None:
            continue
        names = _split_pair(pair, summary["arms"])
        word = claim(contrast)
        shown = {"higher": "higher", "lower": "lower", "undecided": "undecided"}[word]
        relative = f"<td>{format_percent(contrast['relative'], signed=True)}</td>" if is_ratio else ""
        rows.append(
            f'<tr><th scope="row">{_arm(names[0], summary)} <span class="unit">against {escape(arm_label(names[1]))}'
            f"</span></th><td>{escape(format_mean(objective, contrast, signed=True))}</td>"
            f"<td>{escape(format_interval(objective, contrast, signed=True))}</td>{relative}"
            f'<td>{len(contrast["seeds"])}</td><td class="{word}">{shown}</td></tr>'
        )
    name = interval_name(len(summary["seeds"]))
    heads = ["Tax system", "Difference", name, *(["Relative"] if is_ratio else []), "Seeds", "Shows"]
    note = (
        f"{METRICS[objective].label} ({metric_unit(objective, summary['money'])}), paired by seed. "
        "Where the interval holds zero, the difference is undecided."
    )
    table = _table(heads, rows, summary)
    return f'<section>\n<h2>Differences</h2>\n<p class="note">{escape(note)}</p>\n{table}\n</section>'


def _caveats(summary: Mapping[str, Any]) -> str:
    sentences = [*diverged(summary), *summary["caveats"]]
    if not sentences:
        return ""
    items = "\n".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<section>\n<h2>Before you quote this</h2>\n<ul>\n{items}\n</ul>\n</section>"


def _regenerate(summary: Mapping[str, Any]) -> str:
    facts = {"Seeds": ", ".join(map(str, summary["seeds"]))}
    if summary["env_steps"] is not None:
        facts["Environment steps"] = f"{summary['env_steps']:,}"
    if summary["wall_seconds"] is not None:
        facts["Wall time"] = f"{summary['wall_seconds']:,.0f} s"
    facts |= {str(name): str(version) for name, version in summary["versions"].items()}
    listed = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    command = f"<pre><code>{escape(summary['command'])}</code></pre>\n" if summary["command"] else ""
    return f"<section>\n<h2>Make it again</h2>\n{command}<dl>\n{listed}\n</dl>\n</section>"


def _table(heads: Iterable[str], rows: list[str], summary: Mapping[str, Any]) -> str:
    """Wrap rows of HTML; heads that name an arm of the summary carry its color."""
    cells = "".join(
        f'<th scope="col">{_arm(head, summary) if head in summary["arms"] else escape(head)}</th>' for head in heads
    )
    body = "\n".join(rows)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>\n<thead><tr>{cells}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _arm(arm: str, summary: Mapping[str, Any]) -> str:
    color = style.arm_styles(summary["arms"])[arm].color
    return f'<span class="arm" style="--color: {color}">{escape(arm_label(arm))}</span>'


def _split_pair(pair: str, arms: Iterable[str]) -> tuple[str, str]:
    # Names of arms may hold a dash themselves.
    return next((a, b) for a in arms for b in arms if pair == f"{a}-{b}")
