"""Figure: what consumers, firms and all together get under each fixed rate, and under rates that are learned."""

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fisc.analysis.intervals import bootstrap_interval
from fisc.plots import style
from fisc.plots.wording import format_number, format_percent
from fisc.records.errors import RecordError
from fisc.records.schema import METRICS, flat_percent, has_natural_zero, metric_unit

LEARNED = {"laboratories": "found", "planner": "learned"}
"""Arms whose rates are learned, and how their bars are called."""
MOST_UPRIGHT = 6
"""With more bars than this their names are turned, to find room."""
_BY = {"laboratories": "trying versions side by side", "planner": "a government (mean over seeds)"}
_TITLES = {"utility": "Consumers' utility", "profit": "Firms' profit"}
_FIXED_COLOR = "#7d94ad"


def fixed_rate(arm: str) -> float | None:
    """Return the one rate of an arm that has one by its name: none in the free market, NN % in flat_NN."""
    percent = 0 if arm == "free_market" else flat_percent(arm)
    return None if percent is None else percent / 100


def tabulate_fixed_taxes(evaluation: pl.DataFrame, objective: str) -> pl.DataFrame:
    """Return `metric, arm, rate, mean, low, high, seeds`: by rate, then the learned ones with an empty rate.

    Metrics are the utility of consumers, the profit of firms and the objective; intervals are over seeds.

    Raises:
        RecordError: if one of them was not recorded, or there are fewer than two fixed rates.
    """
    rates = {arm: rate for arm in set(evaluation["arm"]) if (rate := fixed_rate(arm)) is not None}
    if len(rates) < 2:
        raise RecordError("fewer than two fixed rates to compare: add arms such as flat_20")
    lines = []
    for metric in ("utility", "profit", objective):
        rows = evaluation.filter(pl.col("metric") == metric)
        if rows.is_empty():
            raise RecordError(f"no evaluation row has the metric '{metric}': evaluate it")
        for arm in [*sorted(rates, key=rates.__getitem__), *LEARNED]:
            values = rows.filter(pl.col("arm") == arm)["value"]
            if len(values):
                lines.append((metric, arm, rates.get(arm), *bootstrap_interval(values), len(values)))
    columns = {"metric": pl.String, "arm": pl.String}
    columns |= dict.fromkeys(("rate", "mean", "low", "high"), pl.Float64) | {"seeds": pl.Int64}
    return pl.DataFrame(lines, schema=columns, orient="row")


@style.styled()
def draw_fixed_taxes(evaluation: pl.DataFrame, objective: str, money: str = "coin") -> tuple[Figure, pl.DataFrame]:
    """Draw bars by fixed rate in three panels: utility of consumers, profit of firms, and the objective.

    The bars of learned rates stand apart, with what a government chose below them. Lines are intervals over
    seeds, dots single seeds; a dashed line marks the best fixed rate in each panel.

    Args:
        evaluation: rows `arm, seed, metric, value`.
        objective: the scenario's objective.
        money: "coin" or "dollars".

    Returns:
        The figure and the table behind it, from `tabulate_fixed_taxes`.

    Raises:
        RecordError: as `tabulate_fixed_taxes` does.
    """
    table = tabulate_fixed_taxes(evaluation, objective)
    figure, grid = style.new_figure(3.8, 1, 3)
    names = list(table["metric"].unique(maintain_order=True))
    learned = [arm for arm in LEARNED if arm in set(table["arm"])]
    for name, panel in zip(names, grid[0], strict=True):
        bars = table.filter(pl.col("metric") == name)
        values = evaluation.filter((pl.col("metric") == name) & pl.col("value").is_finite())
        _draw_bars(panel, bars, values)
        panel.set_title(_TITLES.get(name, METRICS[name].label) + "\n" * max(1, len(learned)))
        panel.set_ylabel(metric_unit(name, money).replace("utils", "utils per quarter"))
        panel.annotate(_against_best(bars), (0, 1), xytext=(0, 5), xycoords="axes fraction", fontsize=8,
                       textcoords="offset points", color=style.MUTED, va="bottom")  # fmt: skip
        ticks = [LEARNED.get(arm, f"{100 * (rate or 0):g}%") for arm, rate in bars.select("arm", "rate").iter_rows()]
        panel.set_xticks(_places(bars), ticks)
        panel.tick_params(axis="x", length=0, labelsize=8, labelrotation=45 if len(bars) > MOST_UPRIGHT else 0)
        style.compact_ticks(panel, "y")
    figure.supxlabel(
        "Fixed rate on every income and every profit, against rates that are learned"
        f"{_learned_rates(evaluation)}\nDashed: best fixed rate",
        fontsize=9.5,
    )
    return figure, table


def _places(bars: pl.DataFrame) -> np.ndarray:
    """Where bars stand: learned ones are set apart."""
    return np.arange(len(bars)) + 0.4 * bars["rate"].is_null().to_numpy()


def _draw_bars(panel: Axes, bars: pl.DataFrame, values: pl.DataFrame) -> None:
    styles = style.arm_styles(LEARNED)
    for place, row in zip(_places(bars), bars.iter_rows(named=True), strict=True):
        color = styles[row["arm"]].color if row["rate"] is None else _FIXED_COLOR
        if row["mean"] is None:
            panel.annotate("not\nfinite", (place, 0), ha="center", va="bottom", fontsize=7, color=style.MUTED)
            continue
        panel.bar(place, row["mean"], width=0.74, color=color, alpha=0.9)
        if row["low"] is not None:
            panel.plot([place, place], [row["low"], row["high"]], color=style.INK, linewidth=1.6, zorder=3)
        seeds = values.filter(pl.col("arm") == row["arm"])["value"]
        panel.scatter(np.full(len(seeds), place + 0.2), seeds, s=9, color=style.INK, alpha=0.6, linewidth=0, zorder=4)
    best = _best_fixed(bars)
    if best is not None:
        panel.axhline(best, color=style.MUTED, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
    panel.axhline(0, color=style.MUTED, linewidth=0.8)
    style.grid_y(panel)
    panel.spines["bottom"].set_visible(False)


def _best_fixed(bars: pl.DataFrame) -> float | None:
    return bars.filter(pl.col("rate").is_not_null())["mean"].max()


def _against_best(bars: pl.DataFrame) -> str:
    """Each learned mean against the best fixed one of the panel: in percent, where that means something."""
    best, lines = _best_fixed(bars), []
    for arm, learned in bars.filter(pl.col("rate").is_null()).select("arm", "mean").iter_rows():
        if learned is None or best is None:
            continue
        is_ratio, word = has_natural_zero(bars["metric"][0]) and best > 0, "above" if learned >= best else "below"
        gap = format_percent(abs(learned / best - 1)) if is_ratio else format_number(abs(learned - best), 2)
        lines.append(f"{LEARNED[arm]} {gap} {word} best fixed")
    return "\n".join(lines)


def _learned_rates(evaluation: pl.DataFrame) -> str:
    """The mean rates of each arm that learned them, in words, a line each."""
    lines = []
    for arm, name in LEARNED.items():
        mine = evaluation.filter(pl.col("arm") == arm)
        names = (("income", "income_tax_rate"), ("profit", "corporate_tax_rate"))
        means = [(word, mine.filter(pl.col("metric") == metric)["value"].mean()) for word, metric in names]
        shown = [f"{format_percent(mean)} on {word}" for word, mean in means if mean is not None]
        lines += [f"\n{name}, by {_BY[arm]}: {', '.join(shown)}"] if shown else []
    return "".join([*lines, "\n(over all quarters, of which the first is untaxed)"] if lines else [])
