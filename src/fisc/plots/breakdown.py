"""Figures: who did what in an episode, who earned and kept how much, and at which prices goods were traded."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from fisc.analysis.breakdown import ACTIVITIES, Breakdown
from fisc.plots import style
from fisc.plots.village import GOOD_COLORS, GOOD_MARKERS
from fisc.records.store import replace_file

HOUSE_COLOR, SALES_COLOR, PURCHASES_COLOR = "#c98b6b", "#7fae8b", "#dcd5c6"
TAX_COLOR, TRANSFER_COLOR = "#4a5a78", "#a9b8d4"
ACTIVITY_COLORS = {"walking": "#c3c9d0", "gathering": "#8aa85b", "building": HOUSE_COLOR, "trading": "#5c86b0"}

FIGURES = ("activity", "income", "trades")
"""Each as PNG and SVG, with the table behind it as CSV."""
TABLES = ("outcome", "citizens", "years", "prices")
"""The other tables of a breakdown, as CSV."""


def file_names() -> list[str]:
    """Every file that `write_breakdown` may write."""
    figures = [f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg", "csv")]
    return [*figures, *(f"{name}.csv" for name in TABLES)]


def write_breakdown(broken: Breakdown, folder: Path) -> list[Path]:
    """Write every figure as PNG and SVG with its table, and all other tables as CSV.

    Returns:
        The paths: those of `file_names`, without pictures of trades if there were none.
    """
    paths, tables = [], list(TABLES)
    for name, draw in zip(FIGURES, (draw_activity, draw_income, draw_trades), strict=True):
        if name == "trades" and broken.trades.is_empty():
            tables.append(name)
            continue
        figure, table = draw(broken)
        paths += style.save_figure(figure, table, folder, name)
    for name in tables:
        paths.append(replace_file(folder / f"{name}.csv", getattr(broken, name).write_csv().encode()))
    return paths


@style.styled()
def draw_activity(broken: Breakdown) -> tuple[Figure, pl.DataFrame]:
    """What each citizen gathered, built and traded, and what labor went into; best builders on top."""
    rows, goods = _by_skill(broken), broken.goods
    figure, grid = style.new_figure(_height(rows), 1, 4, sharey=True)
    style.entitle(figure, broken.title)
    gathered, built, traded, labor = grid[0]
    place = np.arange(rows.height)
    _stack(gathered, place, {good: (rows[f"gathered_{good}"], GOOD_COLORS.get(good, style.INK)) for good in goods})
    gathered.set_title("Gathered, units")
    gathered.legend(loc="upper center", bbox_to_anchor=(0.5, -0.10), ncols=2, handlelength=0.9, columnspacing=0.9)

    built.barh(place, rows["houses"], height=0.66, color=HOUSE_COLOR)
    _write_ends(built, place, rows["houses"])
    built.set_title("Houses built")

    _stack(traded, place, {good: (rows[f"sold_{good}"], GOOD_COLORS.get(good, style.INK)) for good in goods})
    _stack(traded, place, {good: (-rows[f"bought_{good}"], GOOD_COLORS.get(good, style.INK)) for good in goods})
    traded.axvline(0, color=style.MUTED, linewidth=0.8)
    traded.spines["left"].set_visible(False)
    most = max(1, int(np.abs(traded.get_xlim()).max()))
    traded.set_xlim(-1.05 * most, 1.05 * most)
    traded.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    traded.set_title("Units traded")
    traded.set_xlabel("← bought    sold →")

    _stack(labor, place, {name: (rows[f"labor_{name}"], ACTIVITY_COLORS[name]) for name in ACTIVITIES})
    labor.set_title("Labor, effort")
    for axes in grid[0]:
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.tick_params(axis="y", length=0)
    labor.legend(loc="upper center", bbox_to_anchor=(0.42, -0.10), ncols=2, handlelength=0.9, columnspacing=0.9)
    _name_rows(gathered, rows)
    kept = ["citizen", "build_payment", "gather_bonus", *[f"gathered_{good}" for good in goods], "houses"]
    kept += [f"{verb}_{good}" for verb in ("sold", "bought") for good in goods]
    return figure, rows.select(*kept, "labor", *[f"labor_{name}" for name in ACTIVITIES])


@style.styled()
def draw_income(broken: Breakdown) -> tuple[Figure, pl.DataFrame]:
    """Where income came from, and what taxes and transfers made of it; best builders on top."""
    rows = _by_skill(broken)
    figure, grid = style.new_figure(0.3 + _height(rows), 1, 1)
    style.entitle(figure, broken.title)
    axes, place = grid[0, 0], np.arange(rows.height)
    parts = {"houses built": (rows["from_houses"], HOUSE_COLOR), "goods sold": (rows["from_sales"], SALES_COLOR)}
    _stack(axes, place - 0.2, parts, height=0.34)
    _stack(axes, place - 0.2, {"goods bought": (rows["for_purchases"], PURCHASES_COLOR)}, height=0.34)
    has_taxes = bool(rows["tax"].sum() > 0 or rows["transfer"].sum() > 0)
    if has_taxes:
        _stack(axes, place + 0.2, {"transfer received": (rows["transfer"], TRANSFER_COLOR)}, height=0.34)
        _stack(axes, place + 0.2, {"tax paid": (-rows["tax"], TAX_COLOR)}, height=0.34)
    axes.axvline(0, color=style.MUTED, linewidth=0.8)
    before = axes.scatter(rows["income"], place - 0.2, s=46, color="white", edgecolors=style.INK, linewidths=1.3,
                          zorder=4, label="income before tax")  # fmt: skip
    marks = [before]
    if has_taxes or rows["redistributed"].abs().sum() > 0:
        after = rows["income_after_tax"]
        marks.append(axes.scatter(after, place + 0.2, s=46, color=style.INK, zorder=4, label="income after tax"))
        for y, (start, end) in enumerate(zip(rows["income"], after, strict=True)):
            axes.plot([start, end], [y - 0.2, y + 0.2], color=style.INK, linewidth=0.8, zorder=3)
    axes.set_xlabel("coin in the whole episode; to the right what is received, to the left what is paid")
    style.compact_ticks(axes)
    reach = [rows["for_purchases"].min(), -rows["tax"].max(), (rows["from_houses"] + rows["from_sales"]).max(), 1.0]
    span = max(reach) - min(reach)
    axes.set_xlim(min(0.0, *reach) - 0.03 * span, max(reach) + 0.04 * span)
    axes.set_title("Upper bar: income before tax.  Lower bar: taxes and transfers.", pad=4)
    axes.grid(axis="x")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles=handles, labels=labels, loc="outside lower center", ncols=4, columnspacing=1.3,
                  handlelength=1.1)  # fmt: skip
    _name_rows(axes, rows)
    kept = ("from_houses", "from_sales", "for_purchases", "income", "tax", "transfer", "redistributed")
    return figure, rows.select("citizen", "build_payment", *kept, "income_after_tax", "coin_end", "labor")


@style.styled()
def draw_trades(broken: Breakdown) -> tuple[Figure, pl.DataFrame]:
    """Every trade at its price, with the mean of each tax year; one panel a good."""
    goods = [good for good in broken.goods if good in set(broken.trades["good"])]
    figure, grid = style.new_figure(3.2, 1, len(goods), sharex=True, sharey=True)
    style.entitle(figure, broken.title)
    steps, length = broken.years["year"].max(), broken.steps_per_year
    for good, axes in zip(goods, grid[0], strict=True):
        rows, color = broken.trades.filter(pl.col("good") == good), GOOD_COLORS.get(good, style.INK)
        counted = rows.group_by("step", "price").len().sort("step")
        axes.scatter(counted["step"], counted["price"], s=18 * counted["len"].to_numpy(), color=color, alpha=0.55,
                     marker=GOOD_MARKERS.get(good, "D"), linewidths=0, zorder=2)  # fmt: skip
        for k, (year, mean) in enumerate(broken.prices.filter(pl.col("good") == good).select("year", "mean").rows()):
            axes.plot([(year - 1) * length, year * length], [mean, mean], color=style.INK, linewidth=2.0, zorder=3,
                      label=None if k else "mean price of a tax year")  # fmt: skip
        axes.set_title(f"{good.capitalize()}: {len(rows)} sold, mean {rows['price'].mean():.1f} coin")
        axes.set_xlim(0, steps * length)
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, prune="upper"))
        style.grid_y(axes)
    grid[0, 0].set_ylabel("price, coin")
    grid[0, 0].set_ylim(0, 1.08 * broken.trades["price"].max() + 0.5)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    marks = tuple(
        Line2D([], [], linestyle="", markeredgewidth=0, alpha=0.55, marker=GOOD_MARKERS.get(good, "D"),
               color=GOOD_COLORS.get(good, style.INK))
        for good in goods
    )  # fmt: skip
    labels = ["units traded at a step and price (larger: more)", *labels]
    look = {"ncols": 2, "handlelength": 1.2, "handler_map": {tuple: HandlerTuple(ndivide=None)}}
    figure.legend([marks, *handles], labels, loc="outside lower center", **look)
    return figure, broken.trades


def _by_skill(broken: Breakdown) -> pl.DataFrame:
    return broken.citizens.sort("build_payment", descending=True, maintain_order=True)


def _height(rows: pl.DataFrame) -> float:
    return min(14.0, 1.8 + 0.42 * max(3, rows.height))


def _name_rows(axes: Axes, rows: pl.DataFrame) -> None:
    labels = [f"{name} · {pay:.3g} coin per house" for name, pay in rows.select("citizen", "build_payment").iter_rows()]
    size = 8.5 if rows.height <= 25 else 5.5
    axes.set_yticks(np.arange(rows.height), labels, fontsize=size)
    axes.set_ylim(rows.height - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)


def _stack(axes: Axes, place: np.ndarray, parts: dict, height: float = 0.66) -> None:
    """Bars one after the other; negative ones go to the left. A label is given once."""
    end = np.zeros(len(place))
    known = set(axes.get_legend_handles_labels()[1])
    for name, (values, color) in parts.items():
        values = np.asarray(values, float)
        axes.barh(place, values, left=end, height=height, color=color, label=None if name in known else name, zorder=2)
        end = end + values


def _write_ends(axes: Axes, place: np.ndarray, values) -> None:
    top = max(1.0, float(np.max(np.asarray(values), initial=0)))
    for y, value in zip(place, values, strict=True):
        axes.text(value + 0.03 * top, y, f"{value:g}", va="center", fontsize=8)
    axes.set_xlim(0, 1.18 * top)
