"""An episode as moving pictures: the map, who owns what, the market and the taxes, one frame a moment."""

import io
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fisc.analysis.scene import Person, Scene, scene
from fisc.plots import style
from fisc.plots.village import GOOD_COLORS, GOOD_MARKERS, add_legend, citizen_color, draw_map
from fisc.plots.wording import format_compact, format_number
from fisc.records.episode_map import MapEpisode
from fisc.records.errors import RecordError
from fisc.records.store import replace_file

SIZE = (9.6, 5.7)
"""Inches of a frame."""
DPI = 80
NUM_COLORS = 96
"""Colors of a GIF."""
MOST_PEOPLE = 10
"""Citizens listed beside the map; of more, the richest."""
MOST_FRAMES = 120
"""Frames of a film for which nobody said how many."""
_MAP = (0.018, 0.085, 0.505, 0.80)
_LEFT, _RIGHT = 0.595, 0.985


def frames_of(steps: Sequence[int], every: int | None) -> list[int]:
    """The frames to show of a first and last step: every so many, the last one always; 120 at most by default."""
    first, last = steps
    stride = every or max(1, -(-(last - first) // MOST_FRAMES))
    chosen = list(range(first, last + 1, stride))
    return chosen if chosen[-1] == last else [*chosen, last]


@style.styled()
def draw_scene(told: MapEpisode, frame: int, figure: Figure | None = None) -> Figure:
    """Draw one moment of an episode.

    Args:
        told, frame: the moment.
        figure: drawn on again, so that a film does not make a new one every time.
    """
    if figure is None:
        figure = Figure(figsize=SIZE)
        FigureCanvasAgg(figure)
    figure.clear()
    now = scene(told, frame)
    figure.text(0.018, 0.955, told.episode.title, fontsize=11, fontweight="bold", va="center")
    figure.text(0.018, 0.912, when(now, told.has_taxes), fontsize=9.5, color=style.MUTED, va="center")
    village = figure.add_axes(_MAP)
    draw_map(village, told, frame, inches=_MAP[3] * SIZE[1])
    add_legend(figure, told, loc="lower left", bbox_to_anchor=(0.008, 0.0), borderaxespad=0.4)
    people = sorted(now.people, key=lambda person: -person.coin)[:MOST_PEOPLE]
    people = sorted(people, key=now.people.index)
    _draw_people(_panel(figure, 0.60, 0.29), now, people, _top_coin(told))
    if now.rates:
        _draw_taxes(_panel(figure, 0.375, 0.14), now, people)
    if "trade" in told.fact("events"):
        _draw_market(_panel(figure, 0.085, 0.15), told, now)
    return figure


def when(now: Scene, has_taxes: bool) -> str:
    """The moment in words."""
    text = f"step {now.frame:,} of {now.steps:,}"
    if has_taxes:
        text += f"  ·  tax year {now.year} of {now.years}, day {now.day} of {now.days}"
    return text


def write_film(
    path: Path, told: MapEpisode, frames: Iterable[int], speed: float, note: Callable[[int], None] = lambda done: None
) -> Path:
    """Draw frames into a GIF or an MP4, by the name's ending.

    Args:
        path: ends in .gif or .mp4.
        told, frames: what to show.
        speed: frames per second.
        note: told after each frame how many are done.

    Raises:
        RecordError: another ending, or no ffmpeg for an MP4.
    """
    if path.suffix == ".gif":
        return _write_gif(path, told, list(frames), speed, note)
    if path.suffix != ".mp4":
        raise RecordError(f"a film ends in .gif or .mp4, not '{path.suffix}': name it {path.stem}.gif")
    require_ffmpeg(path)
    return _write_mp4(path, told, list(frames), speed, note)


def require_ffmpeg(path: Path) -> None:
    """Refuse to write an MP4 where it cannot be done.

    Raises:
        RecordError: if there is no ffmpeg.
    """
    if shutil.which("ffmpeg") is None:
        raise RecordError(
            f"{path.name} needs the program ffmpeg, which is not there: install it, or name it {path.stem}.gif"
        )


def _write_gif(path, told, frames, speed, note) -> Path:
    from PIL import Image

    figure, palette, before, pictures = None, None, None, []
    for done, frame in enumerate(frames, start=1):
        figure = draw_scene(told, frame, figure)
        figure.set_dpi(DPI)
        figure.canvas.draw()
        picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
        palette = palette or picture.quantize(NUM_COLORS, dither=Image.Dither.NONE)
        # One palette for all frames, and what has not changed is left out: that makes the file small.
        indices = np.asarray(picture.quantize(palette=palette, dither=Image.Dither.NONE))
        changed = indices if before is None else np.where(indices == before, NUM_COLORS, indices)
        pictures.append(Image.fromarray(changed.astype(np.uint8), mode="P"))
        pictures[-1].putpalette([*palette.getpalette()[: 3 * NUM_COLORS], 0, 0, 0])
        before = indices
        note(done)
    buffer = io.BytesIO()
    # The last frame stays for two seconds before the film begins again.
    durations = [round(1000 / speed)] * (len(pictures) - 1) + [2000]
    pictures[0].save(buffer, format="GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0,
                     optimize=False, disposal=1, transparency=NUM_COLORS)  # fmt: skip
    return replace_file(path, buffer.getvalue())


def _write_mp4(path, told, frames, speed, note) -> Path:
    from matplotlib.animation import FFMpegWriter

    figure = draw_scene(told, frames[0])
    writer = FFMpegWriter(fps=speed, codec="libx264", extra_args=["-pix_fmt", "yuv420p"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with writer.saving(figure, str(path), dpi=100):
        for done, frame in enumerate(frames, start=1):
            draw_scene(told, frame, figure)
            writer.grab_frame()
            note(done)
    return path


def _panel(figure: Figure, bottom: float, height: float) -> Axes:
    return figure.add_axes((_LEFT, bottom, _RIGHT - _LEFT, height))


def _top_coin(told: MapEpisode) -> float:
    """The most coin anybody has in the episode: the scale of all frames."""
    return max(1.0, float(told.coin.max()))


def _draw_people(axes: Axes, now: Scene, people: Sequence[Person], top: float) -> None:
    """Coin as bars, and columns of what everybody has and did."""
    heads = (*(stall.good for stall in now.market), "houses", "labor")
    # The bars take the left half; columns follow.
    columns = np.linspace(1.10, 1.87, len(heads)) * top
    size = 8.5 if len(people) <= 6 else 7.5
    for place, person in enumerate(people):
        color = citizen_color(now.people.index(person))
        axes.barh(place, max(0.0, person.coin), color=color, height=0.62, zorder=2)
        axes.text(-0.03 * top, place, person.name, ha="right", va="center", fontweight="bold", color=color, fontsize=9)
        inside = person.coin > 0.25 * top
        axes.text(person.coin - 0.02 * top if inside else max(0.0, person.coin) + 0.02 * top, place,
                  format_number(person.coin, 0), va="center", fontsize=size,
                  ha="right" if inside else "left", color="white" if inside else style.INK, zorder=3)  # fmt: skip
        cells = (*map(str, person.held), str(person.houses), format_number(person.labor, 0))
        for x, cell in zip(columns, cells, strict=True):
            axes.text(x, place, cell, ha="right", va="center", fontsize=size)
    for x, head in zip(columns, heads, strict=True):
        axes.text(x, -0.72, head, ha="right", va="bottom", fontsize=8, color=style.MUTED)
    more = len(now.people) - len(people)
    axes.set_title(f"Coin: the {len(people)} richest of {len(now.people)}" if more else "Coin owned", pad=4)
    axes.set(xlim=(-0.11 * top, 1.88 * top), ylim=(max(len(people), 2) - 0.4, -0.75), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_taxes(axes: Axes, now: Scene, people: Sequence[Person]) -> None:
    """Marginal rates by bracket, and in which bracket everybody is."""
    place = np.arange(len(now.rates))
    axes.bar(place, now.rates, width=1.0, color="#e9c9a8", edgecolor="white", linewidth=1.0, align="edge", zorder=1)
    for bracket in {person.bracket for person in people}:
        inside = [person for person in people if person.bracket == bracket]
        gap = 1.0 / max(4, len(inside))
        for k, person in enumerate(inside):
            x = bracket + 0.5 + gap * (k - (len(inside) - 1) / 2)
            axes.text(x, 0.12, person.name, color=citizen_color(now.people.index(person)), fontweight="bold",
                      fontsize=8.5, ha="center", va="center", zorder=3)  # fmt: skip
    axes.set_title("Marginal tax rate by income of the tax year", pad=4)
    axes.set(ylim=(0, 1), xlim=(0, len(now.rates)), yticks=[0, 0.5, 1])
    axes.set_xticks(place, [format_compact(cutoff) for cutoff in now.cutoffs], fontsize=7.5)
    axes.tick_params(axis="y", labelsize=7.5)
    axes.set_xlabel("coin; letters: where each citizen's income so far lies", fontsize=7.5, labelpad=1)
    style.percent_ticks(axes)
    style.grid_y(axes)


def _draw_market(axes: Axes, told: MapEpisode, now: Scene) -> None:
    """Prices of the trades so far, and the best open offers."""
    past = told.trades.filter(pl.col("step") <= now.frame)
    lines = []
    for stall in now.market:
        rows = past.filter(pl.col("good") == stall.good)
        color = GOOD_COLORS.get(stall.good, style.INK)
        axes.scatter(rows["step"], rows["price"], s=16, marker=GOOD_MARKERS.get(stall.good, "D"), color=color,
                     alpha=0.75, linewidths=0, clip_on=False, zorder=2)  # fmt: skip
        offers = f"bid {_price(stall.best_bid)}, ask {_price(stall.best_ask)}"
        lines.append((f"{stall.good}: {stall.trades} traded · {offers}", color))
    axes.axvline(now.frame, color=style.MUTED, linewidth=0.8, zorder=1)
    axes.set_title("Prices of trades, coin", pad=15)
    for k, (text, color) in enumerate(lines):
        axes.text(0.5 * k, 1.05, text, transform=axes.transAxes, fontsize=7.5, color=color, fontweight="bold")
    top = told.fact("max_price")
    axes.set(xlim=(0, told.steps), ylim=(0, top), yticks=[0, top / 2, top])
    axes.tick_params(labelsize=7.5)
    axes.set_xlabel("step", fontsize=8, labelpad=1)
    style.grid_y(axes)


def _price(price: int | None) -> str:
    return "–" if price is None else str(price)
