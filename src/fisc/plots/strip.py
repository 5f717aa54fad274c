"""Figure: a whole episode at a glance: the map over time, everybody's coin, trades and taxes on one time axis."""

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fisc.plots import style
from fisc.plots.village import GOOD_COLORS, GOOD_MARKERS, add_legend, citizen_color, draw_map
from fisc.plots.wording import MINUS, format_compact
from fisc.records.episode_map import MapEpisode, citizen_name

NUM_MAPS = 5
LETTERED = 30
"""Up to so many citizens carry their letter."""
WITH_PAYMENT = 8
"""Up to so many, it is told what each is paid for a house."""
_WIDTH, _LEFT, _RIGHT = 9.6, 0.075, 0.955
_HEAD = 1.05
"""Inches of title, line of who plays, and legend."""


def tabulate_strip(told: MapEpisode) -> pl.DataFrame:
    """Everything in the figure as rows `panel, step, name, value`: coin, prices, net taxes and rates.

    `name` is a citizen, a good, or the lower cutoff of a bracket; coin is sampled where the figure has a point.
    """
    rows = [
        ("coin owned", int(step), citizen_name(i), float(told.coin[step, i]))
        for step in _sampled(told)
        for i in range(told.num_citizens)
    ]
    rows += [("price", step, good, float(price)) for step, good, price, _, _ in told.trades.iter_rows()]
    if told.has_taxes:
        net = told.period("taxes").astype(float) - told.period("lump_sum").astype(float)[:, None]
        for year, taxes in enumerate(net):
            end = (year + 1) * told.steps_per_period
            rows += [("tax less transfer", end, citizen_name(i), float(tax)) for i, tax in enumerate(taxes)]
        for year, rates in enumerate(told.period("rates")):
            start = year * told.steps_per_period + 1
            pairs = zip(told.cutoffs, rates, strict=True)
            rows += [("marginal rate", start, f"{cutoff:g}", float(rate)) for cutoff, rate in pairs]
    return pl.DataFrame(rows, schema=["panel", "step", "name", "value"], orient="row")


@style.styled()
def draw_strip(told: MapEpisode) -> tuple[Figure, pl.DataFrame]:
    """Draw the strip.

    Returns:
        The figure and the table behind it, from `tabulate_strip`.
    """
    height, width = told.shape
    side = (_RIGHT - _LEFT) * _WIDTH / (NUM_MAPS + 0.12 * (NUM_MAPS - 1))
    maps = side * min(2.0, height / width)
    inches = [("coin", 1.75)]
    inches += [("trades", 1.25)] if "trade" in told.fact("events") else []
    inches += [("net", 1.25), ("rates", 1.35)] if told.has_taxes else []
    total = _HEAD + maps + 0.42 + sum(size + 0.42 for _, size in inches) + 0.2
    figure = Figure(figsize=(_WIDTH, total))
    FigureCanvasAgg(figure)
    figure.text(_LEFT, 1 - 0.20 / total, told.episode.title, fontsize=11, fontweight="bold", va="center")
    figure.text(_LEFT, 1 - 0.42 / total, who_plays(told), fontsize=9, color=style.MUTED, va="center")
    add_legend(figure, told, loc="upper left", bbox_to_anchor=(_LEFT - 0.012, 1 - 0.52 / total), borderaxespad=0.0)
    _draw_maps(figure, told, side, maps, top=total - _HEAD, total=total)
    level = total - _HEAD - maps - 0.42
    draw = {"coin": _draw_coin, "trades": _draw_trades, "net": _draw_net, "rates": _draw_rates}
    for name, size in inches:
        axes = figure.add_axes((_LEFT, (level - size) / total, _RIGHT - _LEFT, size / total))
        draw[name](axes, told)
        _share_time(axes, told, is_last=name == inches[-1][0])
        level -= size + 0.42
    return figure, tabulate_strip(told)


def who_plays(told: MapEpisode) -> str:
    """Who plays, and what each citizen is paid for a house if they are few: without it nobody can read the rest."""
    text = ", ".join(f"{role}: {player}" for role, player in told.episode.header["players"].items())
    if told.num_citizens > WITH_PAYMENT:
        return text
    payments = (f"{citizen_name(i)} {payment:.1f}" for i, payment in enumerate(told.build_payment))
    return f"{text}  ·  coin per house: {', '.join(payments)}"


def _draw_maps(figure: Figure, told: MapEpisode, side: float, high: float, top: float, total: float) -> None:
    """The map at equal distances in time."""
    for k, frame in enumerate(np.linspace(0, told.steps, NUM_MAPS).round().astype(int)):
        left = _LEFT + k * 1.12 * side / _WIDTH
        axes = figure.add_axes((left, (top - high) / total, side / _WIDTH, high / total))
        draw_map(axes, told, int(frame), inches=side, has_letters=False)
        axes.set_title("beginning" if frame == 0 else f"step {frame:,}", pad=3, fontsize=9)


def _draw_coin(axes: Axes, told: MapEpisode) -> None:
    ends = told.coin[-1]
    frames = _sampled(told)
    for i in range(told.num_citizens):
        axes.plot(frames, told.coin[frames, i], color=citizen_color(i), linewidth=1.4)
    if told.num_citizens <= LETTERED:
        for i, y in zip(np.argsort(ends), _apart(np.sort(ends), 0.09 * max(1.0, told.coin.max())), strict=True):
            axes.text(1.008, y, citizen_name(int(i)), transform=axes.get_yaxis_transform(), color=citizen_color(int(i)),
                      fontweight="bold", fontsize=9, va="center")  # fmt: skip
    axes.set_title("Coin owned by each citizen", pad=4)
    axes.set_ylim(bottom=min(0.0, float(told.coin.min())))
    style.compact_ticks(axes, "y")


def _draw_trades(axes: Axes, told: MapEpisode) -> None:
    handles = []
    for good in told.goods:
        rows = told.trades.filter(pl.col("good") == good)
        look = {"marker": GOOD_MARKERS.get(good, "D"), "color": GOOD_COLORS.get(good, style.INK)}
        axes.scatter(rows["step"], rows["price"], s=20, alpha=0.6, linewidths=0, clip_on=False, zorder=3, **look)
        mean = f", mean price {rows['price'].mean():.1f}" if len(rows) else ""
        handles.append(Line2D([], [], linestyle="", markeredgewidth=0, label=f"{good}: {len(rows)} sold{mean}", **look))
    axes.set_title("Price of each unit traded, coin", pad=4)
    axes.set_ylim(0, told.fact("max_price"))
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(handles), borderaxespad=0.1,
                handletextpad=0.1)  # fmt: skip


def _draw_net(axes: Axes, told: MapEpisode) -> None:
    """A bar a citizen in each tax year, within the year's span."""
    net = told.period("taxes").astype(float) - told.period("lump_sum").astype(float)[:, None]
    num, length = told.num_citizens, told.steps_per_period
    bar = 0.8 * length / num
    for year, taxes in enumerate(net):
        places = length * (year + 0.1) + bar * (np.arange(num) + 0.5)
        colors = [citizen_color(i) for i in range(num)]
        axes.bar(places, taxes, width=0.9 * bar, color=colors, linewidth=0)
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    axes.set_title(f"Tax paid {MINUS} transfer received in each tax year, coin (below 0: net receiver)", pad=4)
    style.compact_ticks(axes, "y")


def _draw_rates(axes: Axes, told: MapEpisode) -> None:
    """Brackets as rows, tax years as columns, the darker the higher the rate."""
    rates = told.period("rates").astype(float)
    years, brackets = rates.shape
    axes.imshow(rates.T, aspect="auto", origin="lower", cmap="Oranges", vmin=0, vmax=1.15, interpolation="nearest",
                extent=(0, told.steps, -0.5, brackets - 0.5))  # fmt: skip
    if years <= 20 and brackets <= 10:
        for year in range(years):
            for b in range(brackets):
                axes.text((year + 0.5) * told.steps_per_period, b, f"{rates[year, b]:.0%}", fontsize=6.8, ha="center",
                          va="center", color="white" if rates[year, b] > 0.6 else style.INK)  # fmt: skip
    axes.set_title("Marginal tax rate in each tax year, by bracket of income (its lower end, coin)", pad=4)
    axes.set_yticks(range(brackets), [format_compact(cutoff) for cutoff in told.cutoffs], fontsize=7)


def _share_time(axes: Axes, told: MapEpisode, is_last: bool) -> None:
    axes.set_xlim(0, told.steps)
    if told.has_taxes and told.num_periods <= 50:
        for year in range(1, told.num_periods):
            axes.axvline(year * told.steps_per_period, color=style.GRID, linewidth=0.8, zorder=0)
    if is_last:
        end = "; vertical lines are tax days" if told.has_taxes else ""
        axes.set_xlabel(f"step{end}", labelpad=2)
    else:
        axes.tick_params(axis="x", labelbottom=False)


def _sampled(told: MapEpisode) -> np.ndarray:
    """Frames of the coin panel: all of them, up to a number that a screen can show."""
    return np.unique(np.linspace(0, told.steps, min(told.steps, 1000) + 1).round().astype(int))


def _apart(values: np.ndarray, gap: float) -> np.ndarray:
    """Move sorted label positions apart, upwards, so that none covers another."""
    placed = values.astype(float).copy()
    for k in range(1, len(placed)):
        placed[k] = max(placed[k], placed[k - 1] + gap)
    return placed
