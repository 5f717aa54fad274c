"""Figure: one episode firm by firm and quarter by quarter, as heat maps."""

import math

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fisc.plots import style
from fisc.records.schema import FIRM_METRICS, arm_label, metric_unit, order_arms

LEARNED = "planner"
MOST_SEEDS = 4
"""More rows of maps than this are too small to read; the table has all seeds."""
COLUMNS = 3
_PANELS = tuple(name for name in FIRM_METRICS if name != "labor_exponent")
_TITLES = {
    "price": "Price", "wage": "Wage", "hired": "Hours hired", "goods_consumed": "Sold at home",
    "goods_exported": "Exported", "capital": "Capital",
}  # fmt: skip
_COLORS = "viridis"


def tabulate_firms(firms: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the arm that learned its taxes, or of the first arm if none did."""
    arms = order_arms(set(firms["arm"]))
    shown = LEARNED if LEARNED in arms else arms[0]
    return firms.filter(pl.col("arm") == shown).sort("seed", "metric", "quarter", "firm")


@style.styled()
def draw_firms(firms: pl.DataFrame, money: str = "coin") -> tuple[Figure, pl.DataFrame]:
    """Draw a heat map of firms by quarters for each of prices, wages, hours, sales, exports and capital.

    Firms are in order of their labor exponent, if it was recorded: those whose capital does the work are on top. With
    several seeds there is a row of maps for each, and a column of maps shares its colors.

    Args:
        firms: rows `arm, seed, firm, quarter, metric, value`.
        money: "coin" or "dollars".

    Returns:
        The figure and the table behind it, from `tabulate_firms`.
    """
    table = tabulate_firms(firms)
    seeds = sorted(set(table["seed"]))[:MOST_SEEDS]
    names = [name for name in _PANELS if name in set(table["metric"])]
    columns = len(names) if len(seeds) > 1 else COLUMNS
    rows = len(seeds) if len(seeds) > 1 else math.ceil(len(names) / COLUMNS)
    figure, grid = style.new_figure(1.1 + (1.5 if len(seeds) > 1 else 2.5) * rows, rows, columns)
    firm_order, labels = _order_firms(table)
    panels = [(seed, name) for seed in seeds for name in names]
    for index, ((seed, name), panel) in enumerate(zip(panels, grid.flat, strict=False)):
        every = table.filter((pl.col("metric") == name) & pl.col("seed").is_in(seeds))
        image = _draw_map(panel, every.filter(pl.col("seed") == seed), firm_order, every["value"])
        _label_rows(panel, labels, is_first=index % columns == 0)
        if len(seeds) > 1 and index % columns == 0:
            panel.set_ylabel(f"seed {seed}", fontsize=9)
        if index < len(names):
            panel.set_title(_TITLES[name], fontsize=9.5)
            shared = grid[:, index].tolist() if len(seeds) > 1 else panel
            bar = figure.colorbar(image, ax=shared, location="bottom", fraction=0.06, pad=0.03, aspect=14)
            bar.set_label(_short_unit(name, money), fontsize=7.5)
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7, length=2)
            bar.ax.locator_params(nbins=3)
            style.compact_ticks(bar.ax, "x")
    for panel in list(grid.flat)[len(panels) :]:
        panel.remove()
    what = "one evaluation episode" if len(seeds) == 1 else "one evaluation episode of each seed"
    text = f"{arm_label(table['arm'][0])}: {what}; each map is firms (down) by quarters (across)"
    if any("α" in label for label in labels):
        text += (
            "\nα: labor exponent of a firm; those on top produce mainly with capital, those at the bottom with labor"
        )
    figure.suptitle(text, fontsize=9.5, x=0.01, ha="left")
    return figure, table


def _order_firms(table: pl.DataFrame) -> tuple[list[int], list[str]]:
    """Firms from the lowest labor exponent to the highest, and what to call them."""
    exponents = table.filter(pl.col("metric") == "labor_exponent").group_by("firm").agg(pl.col("value").first())
    known = dict(exponents.iter_rows())
    firms = sorted(set(table["firm"]), key=lambda firm: (known.get(firm, 0.0), firm))
    return firms, [f"{firm} (α {known[firm]:.1f})" if firm in known else str(firm) for firm in firms]


def _draw_map(panel: Axes, rows: pl.DataFrame, firm_order: list[int], every: pl.Series):
    """Draw firms by quarters; colors span the values of every seed."""
    place = {firm: index for index, firm in enumerate(firm_order)}
    cells = np.full((len(place), int(rows["quarter"].max()) + 1), np.nan)
    for firm, quarter, value in rows.select("firm", "quarter", "value").iter_rows():
        cells[place[firm], quarter] = value
    low, high = min(0.0, float(every.min())), float(every.max())
    mesh = panel.pcolormesh(cells, cmap=_COLORS, vmin=low, vmax=high if high > low else low + 1, edgecolors="none")
    panel.invert_yaxis()
    last = cells.shape[1]
    panel.set_xticks([0.5, last - 0.5] if last > 1 else [0.5], [1, last] if last > 1 else [1])
    panel.tick_params(length=0, labelsize=7.5)
    for spine in panel.spines.values():
        spine.set_visible(False)
    return mesh


def _label_rows(panel: Axes, labels: list[str], is_first: bool) -> None:
    panel.set_yticks(np.arange(len(labels)) + 0.5, labels if is_first else [])
    panel.tick_params(axis="y", labelsize=6.5)


def _short_unit(name: str, money: str) -> str:
    """The unit without what every map says anyway: that it is about one firm and quarter."""
    return metric_unit(name, money).replace(" per firm and quarter", "").replace(" per firm", "")
