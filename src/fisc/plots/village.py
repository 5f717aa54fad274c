"""The map of an episode as a picture: ground, resources, houses and citizens, each with a color and a shape."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.path import Path

from fisc.plots import style
from fisc.records.episode_map import MapEpisode, citizen_name

CITIZEN_COLORS = (
    "#c2382b", "#0b57d0", "#d97a00", "#8e3fa8", "#007f73", "#b0447c", "#7a5230", "#4b5fae", "#5f6b1f", "#3b3f46",
)  # fmt: skip
"""In turn; letters tell citizens apart where colors repeat or cannot be seen."""
LAND, WATER, EDGE = "#f4f1e8", "#a9d3f0", "#c9c3b4"
GOOD_COLORS = {"wood": "#2f7d32", "stone": "#6f7883"}
SOURCE_TINTS = {"wood": "#d5e6cf", "stone": "#d9dce0"}
GOOD_MARKERS = {"wood": "^", "stone": "h"}
HOUSE = Path([(-1, -1), (1, -1), (1, 0.15), (0, 1.15), (-1, 0.15), (-1, -1)], closed=True)
"""A marker: walls and a roof."""


def citizen_color(index: int) -> str:
    """The color of a citizen and its house."""
    return CITIZEN_COLORS[index % len(CITIZEN_COLORS)]


def draw_map(axes: Axes, told: MapEpisode, frame: int, inches: float, has_letters: bool = True) -> None:
    """Draw one moment.

    Args:
        axes: gets the map and nothing else; its y axis points down.
        told, frame: the moment.
        inches: how wide the map will be, which sizes the markers.
        has_letters: whether citizens carry their letter; too small on tiny maps.
    """
    height, width = told.shape
    cell = 72.0 * inches / max(height, width)  # points
    axes.imshow(ground(told), interpolation="nearest", extent=(-0.5, width - 0.5, height - 0.5, -0.5), zorder=0)
    lying = told.units(frame)
    for g, good in enumerate(told.goods):
        row, column = np.nonzero(lying[g])
        axes.scatter(column, row, s=(0.62 * cell) ** 2, marker=GOOD_MARKERS.get(good, "D"), linewidths=0,
                     color=GOOD_COLORS.get(good, style.INK), zorder=2)  # fmt: skip
    owner = told.owner(frame)
    row, column = np.nonzero(owner >= 0)
    colors = [citizen_color(i) for i in owner[row, column]]
    axes.scatter(
        column, row, s=(0.72 * cell) ** 2, marker=HOUSE, c=colors, edgecolors="white", linewidths=0.4, zorder=3
    )
    row, column = np.divmod(told.cell[frame], width)
    colors = [citizen_color(i) for i in range(told.num_citizens)]
    axes.scatter(column, row, s=(1.15 * cell) ** 2, marker="o", c=colors, edgecolors="white", linewidths=0.9, zorder=4)
    if has_letters:
        for i in range(told.num_citizens):
            axes.text(column[i], row[i] + 0.03, citizen_name(i), color="white", fontsize=0.72 * cell, fontweight="bold",
                      ha="center", va="center_baseline", zorder=5)  # fmt: skip
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[], aspect="equal")
    for spine in axes.spines.values():
        spine.set(visible=True, color=EDGE, linewidth=0.8)


def ground(told: MapEpisode) -> np.ndarray:
    """The colors of land, water and sources, [h, w, 3]; a source of several goods gets their mean."""
    image = np.broadcast_to(_rgb(LAND), (*told.shape, 3)).copy()
    tints = np.stack([_rgb(SOURCE_TINTS.get(good, style.GRID)) for good in told.goods])
    count = told.sources.sum(axis=0)
    mixed = np.einsum("ghw,gc->hwc", told.sources.astype(float), tints) / np.maximum(count, 1)[..., None]
    image[count > 0] = mixed[count > 0]
    image[told.water] = _rgb(WATER)
    return image


def add_legend(figure: Figure, told: MapEpisode, **place) -> None:
    """Say what the shapes of the map mean. `place`: keywords of a legend."""
    look = {"linestyle": "", "markeredgewidth": 0}
    handles: dict[str, Line2D | tuple[Line2D, ...]] = {
        good: Line2D([], [], marker=GOOD_MARKERS.get(good, "D"), color=GOOD_COLORS.get(good, style.INK), markersize=6.5,
                     **look)
        for good in told.goods
    }  # fmt: skip
    handles["where they grow"] = tuple(
        Line2D([], [], marker="s", color=SOURCE_TINTS.get(good, style.GRID), markersize=7.5, **look)
        for good in told.goods
    )
    if told.water.any():
        handles["water"] = Line2D([], [], marker="s", color=WATER, markersize=7.5, **look)
    handles["citizen"] = Line2D([], [], marker="o", color=style.MUTED, markersize=8, **look)
    handles["house, owner's color"] = Line2D([], [], marker=HOUSE, color=style.MUTED, markersize=6.5, **look)
    figure.legend(handles=list(handles.values()), labels=list(handles), ncols=len(handles), columnspacing=1.0,
                  handletextpad=0.25, handler_map={tuple: HandlerTuple(ndivide=None, pad=0.0)}, **place)  # fmt: skip


def _rgb(color: str) -> np.ndarray:
    return np.asarray([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255.0
