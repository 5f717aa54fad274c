"""The look of every figure: one color and marker per arm, quiet axes, labels that do not collide.

The arms' colors were chosen by search: any two stay apart under deuteranopia, protanopia and
tritanopia, and each has a contrast of at least 3 : 1 on white and on the report's dark paper.
Figures are drawn with the Figure object alone; nothing here touches pyplot's global state.
"""

import io
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from fisc.plots.wording import format_compact
from fisc.records.schema import order_arms
from fisc.records.store import replace_file

INK = "#1b1f27"
MUTED = "#5a6370"
GRID = "#dfe3e8"
PAPER = "#ffffff"

WIDTH = 7.6
"""Width of every figure, inches: it fills the report's column, and a slide, without scaling text much."""


@dataclass(frozen=True)
class ArmStyle:
    """How one arm is drawn, in every figure."""

    color: str
    marker: str
    line: str | tuple = "-"


ARM_STYLES = {
    "free_market": ArmStyle("#898e93", "o", (0, (1, 1))),
    "us_federal": ArmStyle("#095df8", "s", (0, (5, 1.5))),
    "flat": ArmStyle("#cd8105", "D", (0, (4, 1.5, 1, 1.5))),
    "saez": ArmStyle("#9b4ba0", "^", (0, (2.5, 1.2))),
    "planner": ArmStyle("#c2382b", "P", "-"),
    "optimum": ArmStyle("#17a766", "*", (0, (6, 1.2, 1, 1.2, 1, 1.2))),
}
# For arms that are not in the table, in the order of their names.
_EXTRA_STYLES = (
    ArmStyle("#7a5230", "v", (0, (3, 1))),
    ArmStyle("#0d7f8c", "<", (0, (1, 1.6))),
    ArmStyle("#b0447c", ">", (0, (7, 2))),
    ArmStyle("#5f6b1f", "X", (0, (2, 2))),
)

_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # Ships with matplotlib, so that figures are the same everywhere.
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 2.0,
    "text.color": INK,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "savefig.facecolor": PAPER,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "svg.hashsalt": "fisc",  # Without it the ids in an SVG are random.
    "svg.fonttype": "path",
}


def styled() -> Any:
    """Return a context and decorator under which figures have the look of this module."""
    return matplotlib.rc_context(_RC)


def new_figure(
    height: float, rows: int = 1, columns: int = 1, sharex: bool = False, sharey: bool = False
) -> tuple[Figure, np.ndarray]:
    """Make a figure of the common width and its axes, an array of shape (rows, columns).

    Args:
        height: inches.
        rows: rows of axes.
        columns: columns of axes.
        sharex: whether axes share their x limits.
        sharey: whether axes share their y limits.
    """
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    return figure, axes


def arm_styles(arms: Iterable[str]) -> dict[str, ArmStyle]:
    """Return the style of each arm; known arms always have the same."""
    ordered = order_arms(set(arms))
    extra = itertools.cycle(_EXTRA_STYLES)
    return {arm: ARM_STYLES[arm] if arm in ARM_STYLES else next(extra) for arm in ordered}


def grid_y(axes: Axes) -> None:
    """Give an axes horizontal grid lines and drop what they replace."""
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def compact_ticks(axes: Axes, which: str = "x") -> None:
    """Print amounts on an axis as 10k, 2.5M."""
    getattr(axes, f"{which}axis").set_major_formatter(FuncFormatter(_compact_tick))


def percent_ticks(axes: Axes, which: str = "y", signed: bool = False) -> None:
    """Print fractions on an axis as percent."""
    getattr(axes, f"{which}axis").set_major_formatter(FuncFormatter(_signed_percent_tick if signed else _percent_tick))


def spread_apart(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move label positions apart until neighbors are `gap` away, keeping their order, inside [low, high].

    >>> spread_apart([1.0, 1.1, 5.0], gap=1.0, low=0.0, high=6.0)
    [0.55, 1.55, 5.0]
    """
    order = np.argsort(positions, kind="stable")
    blocks: list[tuple[float, int]] = []  # (center, number of labels), merged while they overlap
    for index in order:
        blocks.append((float(positions[index]), 1))
        while len(blocks) > 1 and _overlap(blocks[-2], blocks[-1], gap):
            (center_a, count_a), (center_b, count_b) = blocks[-2:]
            center = (center_a * count_a + center_b * count_b) / (count_a + count_b)
            blocks[-2:] = [(_inside(center, count_a + count_b, gap, low, high), count_a + count_b)]
    placed = [center + (i - (count - 1) / 2) * gap for center, count in blocks for i in range(count)]
    result = [0.0] * len(placed)
    for index, position in zip(order, placed, strict=True):
        result[index] = round(position, 12)
    return result


def label_points(
    axes: Axes, points: Sequence[tuple[float, float]], labels: Sequence[str], obstacles: np.ndarray
) -> None:
    """Write a label near each point, where it covers no other label, marker or obstacle.

    Args:
        axes: with its final limits and layout.
        points: where each label belongs, in data units.
        labels: one text per point.
        obstacles: further points to keep free, shape (k, 2), in data units.
    """
    axes.figure.draw_without_rendering()
    renderer = axes.figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    blocked = axes.transData.transform(np.concatenate([np.asarray(points, float).reshape(-1, 2), obstacles]))
    taken: list[Bbox] = []
    for point, label in zip(points, labels, strict=True):
        best = None
        for distance, (dx, dy) in itertools.product((8, 15, 24, 36), _DIRECTIONS):
            text = axes.annotate(
                label, point, xytext=(dx * distance, dy * distance), textcoords="offset points",
                ha={-1: "right", 0: "center", 1: "left"}[int(np.sign(dx))],
                va={-1: "top", 0: "center", 1: "bottom"}[int(np.sign(dy))], fontsize=8.5, zorder=6,
            )  # fmt: skip
            box = text.get_window_extent(renderer).padded(2)
            cost = _crowding(box, frame, taken, blocked) + 0.01 * distance
            if best is None or cost < best[0]:
                if best is not None:
                    best[1].remove()
                best = (cost, text, box)
            else:
                text.remove()
        taken.append(best[2])


def save_figure(figure: Figure, table: pl.DataFrame, folder: str | Path, name: str) -> list[Path]:
    """Write a figure as PNG and SVG, and the table behind it as CSV.

    The same figure always gives the same bytes: no date, no random ids.

    Returns:
        The three paths.
    """
    png, svg = io.BytesIO(), io.BytesIO()
    with styled():
        figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": "fisc"})
    contents = {"png": png.getvalue(), "svg": svg.getvalue(), "csv": table.write_csv().encode()}
    return [replace_file(Path(folder) / f"{name}.{kind}", content) for kind, content in contents.items()]


_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))


def _crowding(box: Bbox, frame: Bbox, taken: list[Bbox], blocked: np.ndarray) -> float:
    inside = box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1
    near = box.padded(4)
    hits = np.sum(
        (blocked[:, 0] > near.x0) & (blocked[:, 0] < near.x1) & (blocked[:, 1] > near.y0) & (blocked[:, 1] < near.y1)
    )
    return 20.0 * (not inside) + 10.0 * sum(box.overlaps(other) for other in taken) + 2.0 * float(hits)


def _overlap(first: tuple[float, int], second: tuple[float, int], gap: float) -> bool:
    return second[0] - first[0] < gap * (first[1] + second[1]) / 2 - 1e-12


def _inside(center: float, count: int, gap: float, low: float, high: float) -> float:
    half = (count - 1) / 2 * gap
    return min(max(center, low + half), high - half)


def _compact_tick(value: float, _position: int) -> str:
    return format_compact(round(value, 12))


def _percent_tick(value: float, _position: int) -> str:
    return f"{format_compact(round(100 * value, 9))}%"


def _signed_percent_tick(value: float, _position: int) -> str:
    return f"{format_compact(round(100 * value, 9), signed=True)}%"
