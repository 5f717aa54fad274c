"""Every figure of a run, by name: the only list of them. Adding one is a row here and its own file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from fisc.analysis.summary import check_info, find_reference, read_info
from fisc.plots.firms import draw_firms
from fisc.plots.fixed_taxes import draw_fixed_taxes
from fisc.plots.frontier import draw_frontier
from fisc.plots.gains import draw_gains
from fisc.plots.learning import draw_learning
from fisc.plots.outcomes import draw_outcomes
from fisc.plots.rates import draw_rates
from fisc.plots.schedules import draw_schedules
from fisc.plots.search import draw_search
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
    """Whether only some runs have what it is drawn from, so that nobody misses it in the others."""
    missed_with: tuple[str, ...] = ()
    """Metrics of which the table must have one for the figure to be missed; empty: it always is."""

    def is_missed(self, frame: pl.DataFrame | None) -> bool:
        """Whether a reader is told that the figure could not be drawn. `frame`: its table, None if there is none."""
        if self.is_special:
            return False
        return frame is None or not self.missed_with or not set(self.missed_with).isdisjoint(frame["metric"])


def _welfare(source: Source) -> Drawing:
    return draw_welfare(source.frame, source.objective, source.money)


def _schedules(source: Source) -> Drawing:
    return draw_schedules(source.frame, source.money)


def _search(source: Source) -> Drawing:
    return draw_search(source.frame, source.objective, source.money)


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


def _fixed_taxes(source: Source) -> Drawing:
    return draw_fixed_taxes(source.frame, source.objective, source.money)


def _outcomes(source: Source) -> Drawing:
    return draw_outcomes(source.frame, source.objective, source.money)


def _firms(source: Source) -> Drawing:
    return draw_firms(source.frame, source.money)


def _learning(source: Source) -> Drawing:
    return draw_learning(source.frame, source.objective, source.money)


FIGURES: dict[str, FigureSpec] = {
    "welfare": FigureSpec(
        "What each tax system achieves",
        "The objective by tax system, best on top. Thick lines are 95% bootstrap intervals over seeds "
        "(with four or fewer: lowest to highest), dots are seeds. "
        "All tax systems share their seeds: judge a difference by its paired interval, not by overlapping lines.",
        "evaluation",
        _welfare,
    ),
    "fixed_taxes": FigureSpec(
        "Fixed rates and learned ones",
        "What consumers, firms and everybody together get under each fixed rate, and under rates that are learned, by "
        "a government, or found by trying versions side by side. "
        "Thick lines are 95% bootstrap intervals over seeds (with four or fewer: lowest to highest), dots are seeds; "
        "all have the same seeds and the same length of training.",
        "evaluation",
        _fixed_taxes,
        is_special=True,
    ),
    "schedules": FigureSpec(
        "The taxes themselves",
        "Marginal tax rates by income bracket. Brackets are drawn equally wide; tick labels are their lower cutoffs. "
        "Where every income is taxed at one rate, and perhaps every profit at another, each rate is a dot.",
        "schedules",
        _schedules,
    ),
    "search": FigureSpec(
        "How a schedule was found by trying",
        "Versions of a schedule, each in an economy of its own. In a climb they lie above and below it, and it moves "
        "to where the better ones are; on a line it is the best of them so far. Left: the schedule. Right: what its "
        "versions are worth, each (thin) and on average, while they learn: another measure than the evaluation's. "
        "Lines are means over seeds, bands run from the lowest to the highest seed.",
        "search",
        _search,
        is_special=True,
    ),
    "frontier": FigureSpec(
        "Equality against productivity",
        "Large markers are means over seeds, small dots single seeds. Along a gray line the product of the two is "
        "the same; the number on it is that product.",
        "evaluation",
        _frontier,
        missed_with=("productivity", "equality"),
    ),
    "trade_off": FigureSpec(
        "One planner, every weight of equality",
        "A planner that is told how much equality counts has learned a schedule for every weight in one run. Dots are "
        "means over seeds at one weight each, from 0 (productivity alone) to 1 (equality × productivity), thin lines "
        "through them 95% bootstrap intervals over seeds (with four or fewer: lowest to highest); rings are the exact "
        "optimum at the same weights. Below: welfare of the planner / welfare of the optimum.",
        "frontier",
        _trade_off,
        is_special=True,
    ),
    "gains": FigureSpec(
        "Who gains and who loses",
        "Change in consumption (income after taxes and transfers, or what is spent where people save) of each tenth "
        "of the people, ordered by skill, or by taste for work where all earn alike (of each one if they are fewer "
        "than ten), with 95% bootstrap intervals paired by seed (with four or fewer: lowest to highest).",
        "groups",
        _gains,
        missed_with=("skill",),
    ),
    "rates": FigureSpec(
        "The rates people face",
        "Average rate (taxes over income, transfers left aside) and marginal rate by skill. Lines are means "
        "over seeds, bands run from the lowest to the highest seed.",
        "groups",
        _rates,
    ),
    "outcomes": FigureSpec(
        "What goes together",
        "Each marker is a run: one tax system with one seed, as evaluated. Lines are least squares through all runs; "
        "r² is the share of the spread that a line explains. A line is broken where the 95% bootstrap interval of its "
        "slope over seeds holds zero, or there is but one seed. It shows what goes together, not what causes what.",
        "evaluation",
        _outcomes,
        is_special=True,
    ),
    "firms": FigureSpec(
        "Firms over an episode",
        "Firm by firm and quarter by quarter. Firms are in order of their labor exponent α: those on top make most of "
        "their goods with capital, those at the bottom with labor. Nothing can be sold in the first quarter, when "
        "there is no stock.",
        "firms",
        _firms,
        is_special=True,
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
        frame = run_folder.read_table(spec.table) if run_folder.has_table(spec.table) else None
        try:
            figure, table = _draw(run_folder, spec, frame, info)
        except RecordError as error:
            if spec.is_missed(frame):
                say(f"figure '{name}' left out: {error}")
            continue
        paths += save_figure(figure, table, run_folder.figures, name)
    return paths


def _draw(run_folder: RunFolder, spec: FigureSpec, frame: pl.DataFrame | None, info: Mapping[str, Any]) -> Drawing:
    """Draw one figure.

    Raises:
        RecordError: if there is nothing to draw it from.
    """
    if frame is None:
        raise RecordError(f"no {spec.table}.parquet in {run_folder.path}")
    if frame.is_empty():
        raise RecordError(f"{spec.table}.parquet has no rows")
    return spec.draw(Source(frame, info["objective"], info.get("money", "coin")))
