"""The look of every figure: one color and marker per arm, quiet axes, labels that do not collide.

The arms' colors were chosen by search: any two stay apart under deuteranopia, protanopia and
tritanopia, and each has a contrast of at least 3 : 1 on white and on the report's dark paper.
Figures are drawn with the Figure object alone; nothing here touches pyplot's global state.
"""

import io
import itertools
import math
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
from matplotlib.text import Text
from matplotlib.ticker import Formatter, FuncFormatter
from matplotlib.transforms import Bbox

from fisc.plots.wording import MINUS, compact_unit, format_compact
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
    "laboratories": ArmStyle("#0d7f8c", "X", (0, (8, 1.5))),
    "planner": ArmStyle("#c2382b", "P", "-"),
    "optimum": ArmStyle("#17a766", "*", (0, (6, 1.2, 1, 1.2, 1, 1.2))),
}
# For arms that are not in the table, in the order of their names.
_EXTRA_STYLES = (
    ArmStyle("#7a5230", "v", (0, (3, 1))),
    ArmStyle("#b0447c", ">", (0, (7, 2))),
    ArmStyle("#5f6b1f", "<", (0, (2, 2))),
    ArmStyle("#4f7a94", "H", (0, (9, 2, 2, 2))),
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


def entitle(figure: Figure, title: str) -> None:
    """Write what a whole figure is about above it, flush left."""
    figure.suptitle(title, x=0.012, ha="left", fontsize=11, fontweight="bold", color=INK)


def arm_styles(arms: Iterable[str]) -> dict[str, ArmStyle]:
    """Return the style of each arm; known arms always have the same."""
    ordered = order_arms(set(arms))
    extra = itertools.cycle(_EXTRA_STYLES)
    return {arm: ARM_STYLES[arm] if arm in ARM_STYLES else next(extra) for arm in ordered}


class CompactFormatter(Formatter):
    """Tick labels such as 10k or 2.5M, with as many decimals as neighboring ticks need to differ."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Print all ticks of an axis."""
        gap = min((abs(b - a) for a, b in itertools.pairwise(sorted(values))), default=0.0)
        largest = max(map(abs, values), default=0.0)
        size, suffix = compact_unit(largest) if largest >= 10_000 else (1.0, "")
        decimals = 0 if gap == 0 else max(0, math.ceil(-math.log10(gap / size) - 1e-9))
        # A gap of 2.5 needs one decimal more than a gap of 2.
        if gap and not math.isclose(round(gap / size, decimals), gap / size, rel_tol=1e-6):
            decimals += 1
        return [f"{v / size:.{decimals}f}".replace("-", MINUS) + suffix if v else "0" for v in values]

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Print one amount, as under the cursor."""
        return format_compact(value)


def grid_y(axes: Axes) -> None:
    """Give an axes horizontal grid lines and drop what they replace."""
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def compact_ticks(axes: Axes, which: str = "x") -> None:
    """Print amounts on an axis as 10k, 2.5M."""
    getattr(axes, f"{which}axis").set_major_formatter(CompactFormatter())


def percent_ticks(axes: Axes, which: str = "y", signed: bool = False) -> None:
    """Print fractions on an axis as percent."""
    getattr(axes, f"{which}axis").set_major_formatter(FuncFormatter(_signed_percent_tick if signed else _percent_tick))


def label_points(axes: Axes, points: Sequence[tuple[float, float]], labels: Sequence[str], seeds: np.ndarray) -> None:
    """Write a label near each point, where it covers no other label, marker or small dot.

    Args:
        axes: with its final limits and layout.
        points: where each label belongs, in data units; a large marker is there.
        labels: one text per point.
        seeds: small dots to keep free, shape (k, 2), in data units.
    """
    axes.figure.draw_without_rendering()
    renderer = axes.figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    large = axes.transData.transform(np.asarray(points, float).reshape(-1, 2))
    small = axes.transData.transform(seeds)
    taken: list[Bbox] = []
    for point, label in zip(points, labels, strict=True):
        best = None
        for distance, (dx, dy) in itertools.product((10, 16, 24, 36), _DIRECTIONS):
            text = axes.annotate(
                label, point, xytext=(dx * distance, dy * distance), textcoords="offset points",
                ha={-1: "right", 0: "center", 1: "left"}[int(np.sign(dx))],
                va={-1: "top", 0: "center", 1: "bottom"}[int(np.sign(dy))], fontsize=8.5, zorder=6,
                arrowprops=_LEADER if distance > 10 else None,
            )  # fmt: skip
            # The extent of the words alone: an annotation's own takes in its line.
            text.update_positions(renderer)
            box = Text.get_window_extent(text, renderer).padded(2)
            line = np.linspace(axes.transData.transform(point), (box.x0 + box.width / 2, box.y0 + box.height / 2), 8)
            crossed = sum(_count_inside(other, line) for other in taken)
            cost = _crowding(box, frame, taken, large, small) + 3.0 * crossed + 0.03 * distance
            if best is None or cost < best[0]:
                if best is not None:
                    best[1].remove()
                best = (cost, text, box, line)
            else:
                text.remove()
        taken.append(best[2])
        small = np.concatenate([small, best[3]])


def save_figure(figure: Figure, table: pl.DataFrame, folder: str | Path, name: str) -> list[Path]:
    """Write a figure as PNG and SVG, and the table behind it as CSV.

    The same figure always gives the same bytes: no date, no random ids.

    Returns:
        The three paths.
    """
    contents = {kind: _rendered(figure, kind) for kind in ("png", "svg")} | {"csv": table.write_csv().encode()}
    return [replace_file(Path(folder) / f"{name}.{kind}", content) for kind, content in contents.items()]


def save_picture(figure: Figure, table: pl.DataFrame, path: Path) -> Path:
    """Write a figure as a file that ends in .png or .svg, and the table behind it as CSV beside it."""
    replace_file(path.with_suffix(".csv"), table.write_csv().encode())
    return replace_file(path, _rendered(figure, path.suffix.removeprefix(".")))


def _rendered(figure: Figure, kind: str) -> bytes:
    """The bytes of a PNG or SVG, without date or random ids."""
    content = io.BytesIO()
    with styled():
        if kind == "png":
            figure.savefig(content, format="png", dpi=200, metadata={"Software": None})
        else:
            figure.savefig(content, format="svg", metadata={"Date": None, "Creator": "fisc"})
    return content.getvalue()


# A thin line to the marker, for labels that are not next to it.
_LEADER = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 2}

_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))


def _crowding(box: Bbox, frame: Bbox, taken: list[Bbox], large: np.ndarray, small: np.ndarray) -> float:
    inside = box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1
    covered = 5.0 * _count_inside(box.padded(6), large) + 2.0 * _count_inside(box.padded(3), small)
    return 20.0 * (not inside) + 10.0 * sum(box.overlaps(other) for other in taken) + covered


def _count_inside(box: Bbox, points: np.ndarray) -> int:
    across = (points[:, 0] > box.x0) & (points[:, 0] < box.x1)
    return int(np.sum(across & (points[:, 1] > box.y0) & (points[:, 1] < box.y1)))


def _percent_tick(value: float, _position: int) -> str:
    return f"{format_compact(round(100 * value, 9))}%"


def _signed_percent_tick(value: float, _position: int) -> str:
    return f"{format_compact(round(100 * value, 9), signed=True)}%"
