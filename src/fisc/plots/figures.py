"""Every figure of a run, by name: the only list of them. Adding one is a row here and its own file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from fisc.analysis.summary import check_info, find_reference, read_info
from fisc.plots.frontier import draw_frontier
from fisc.plots.gains import draw_gains
from fisc.plots.learning import draw_learning
from fisc.plots.rates import draw_rates
from fisc.plots.schedules import draw_schedules
from fisc.plots.style import save_figure
from fisc.plots.trade_off import draw_trade_off
from fisc.plots.welfare import draw_welfare
from fisc.records.errors import RecordError
from fisc.records.store import RunFolder

Drawing = tuple[Figure, pl.DataFrame]


@dataclass(frozen=True)
class Source:
    """What a figure is drawn from."""

    frame: pl.DataFrame
    objective: str
    money: str


@dataclass(frozen=True)
class FigureSpec:
    """One figure of a run."""

    title: str
    caption: str
    """What to see in it, and how to read it."""
    table: str
    """The table of the run folder that it is drawn from."""
    draw: Callable[[Source], Drawing]
    is_special: bool = False
    """Whether only some runs have its table, so that nobody misses it in the others."""


def _welfare(source: Source) -> Drawing:
    return draw_welfare(source.frame, source.objective, source.money)


def _schedules(source: Source) -> Drawing:
    return draw_schedules(source.frame, source.money)


def _frontier(source: Source) -> Drawing:
    return draw_frontier(source.frame, source.money)


def _trade_off(source: Source) -> Drawing:
    return draw_trade_off(source.frame, source.money)


def _gains(source: Source) -> Drawing:
    if find_reference(set(source.frame["arm"])) is None or source.frame["arm"].n_unique() < 2:
        raise RecordError("gains need current law or the free market to compare with: add one of these arms")
    return draw_gains(source.frame, source.money)


def _rates(source: Source) -> Drawing:
    return draw_rates(source.frame)


def _learning(source: Source) -> Drawing:
    return draw_learning(source.frame, source.objective, source.money)


FIGURES: dict[str, FigureSpec] = {
    "welfare": FigureSpec(
        "What each tax system achieves",
        "The objective by tax system, best on top. Thick lines are 95% bootstrap intervals over seeds "
        "(with three or fewer: lowest to highest), dots are seeds. "
        "All tax systems share their seeds: judge a difference by its paired interval, not by overlapping lines.",
        "evaluation",
        _welfare,
    ),
    "schedules": FigureSpec(
        "The taxes themselves",
        "Marginal tax rates by income bracket. Brackets are drawn equally wide; tick labels are their lower cutoffs.",
        "schedules",
        _schedules,
    ),
    "frontier": FigureSpec(
        "Equality against productivity",
        "Large markers are means over seeds, small dots single seeds. Along a gray line the product of the two is "
        "the same; the number on it is that product.",
        "evaluation",
        _frontier,
    ),
    "trade_off": FigureSpec(
        "One planner, every weight of equality",
        "A planner that is told how much equality counts has learned a schedule for every weight in one run. Dots are "
        "means over seeds at one weight each, from 0 (productivity alone) to 1 (equality × productivity), thin lines "
        "through them 95% bootstrap intervals over seeds (with three or fewer: lowest to highest); rings are the exact "
        "optimum at the same weights. Below: welfare of the planner / welfare of the optimum.",
        "frontier",
        _trade_off,
        is_special=True,
    ),
    "gains": FigureSpec(
        "Who gains and who loses",
        "Change in consumption (income after taxes and transfers) of each tenth of the people, ordered by skill, or "
        "by taste for work where all earn alike (of each one if they are fewer than ten), with 95% bootstrap "
        "intervals paired by seed (with three or fewer: lowest to highest).",
        "groups",
        _gains,
    ),
    "rates": FigureSpec(
        "The rates people face",
        "Average rate (taxes over income, transfers left aside) and marginal rate by skill. Lines are means "
        "over seeds, bands run from the lowest to the highest seed.",
        "groups",
        _rates,
    ),
    "learning": FigureSpec(
        "How it was learned",
        "The economy while its agents train. Lines are means over seeds, bands run from the lowest to the highest "
        "seed, vertical lines mark where a phase of the curriculum begins.",
        "metrics",
        _learning,
    ),
}


def draw_all(
    run_folder: RunFolder, info: Mapping[str, Any] | None = None, say: Callable[[str], None] = print
) -> list[Path]:
    """Draw every figure whose data a run folder has, into `figures/`.

    Args:
        run_folder: the run.
        info: has `objective` and `money`; by default the content of `provenance.json`.
        say: told, in one line each, which figures were left out and why.

    Returns:
        Paths of the PNG, SVG and CSV files, in the order of `FIGURES`.
    """
    info = read_info(run_folder) if info is None else check_info(info)
    paths: list[Path] = []
    for name, spec in FIGURES.items():
        if not run_folder.has_table(spec.table):
            if spec.is_special:
                continue
            say(f"figure '{name}' left out: no {spec.table}.parquet in {run_folder.path}")
            continue
        frame = run_folder.read_table(spec.table)
        if frame.is_empty():
            say(f"figure '{name}' left out: {spec.table}.parquet has no rows")
            continue
        try:
            figure, table = spec.draw(Source(frame, info["objective"], info.get("money", "coin")))
        except RecordError as error:
            say(f"figure '{name}' left out: {error}")
            continue
        paths += save_figure(figure, table, run_folder.figures, name)
    return paths
