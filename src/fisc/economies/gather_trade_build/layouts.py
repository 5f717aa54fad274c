"""Maps: read from a file, with a row of water through the middle, or any other source of water and source cells.

A layout says where water and the sources of stone and wood are when an episode begins. Fixed ones are the same every
time; those of `procedural` are drawn. Axes: `g` goods (stone, wood), `h` rows, `w` columns.
"""

import abc
from importlib.resources import files
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Key

from fisc.core.errors import ConfigError, unknown

SOURCE_MARKS = ("S", "W")
"""In the order of the goods."""
WATER_MARK = "@"
EMPTY_MARKS = (".", " ", "A")
"""Nothing is there; `A` marks starting places in a map of the reference program, which ignores them too."""
MARKS = (*SOURCE_MARKS, WATER_MARK, *EMPTY_MARKS)


class Ground(eqx.Module):
    """Where an episode takes place."""

    water: Bool[Array, "h w"]
    """Nobody can stand here."""
    sources: Bool[Array, "g h w"]
    """Where units of a good appear."""


class Layout(eqx.Module):
    """What makes the ground of an episode."""

    size: eqx.AbstractVar[tuple[int, int]]
    """Rows and columns."""

    @property
    @abc.abstractmethod
    def max_sources(self) -> int:
        """Source cells that one good can have at most."""

    @abc.abstractmethod
    def surely_dry(self) -> Bool[np.ndarray, "h w"]:
        """Cells that are never water."""

    @abc.abstractmethod
    def draw(self, key: Key[Array, ""]) -> Ground:
        """The ground of one episode. `key`: consumed."""


class FixedLayout(Layout):
    """The same ground in every episode."""

    ground: Ground
    size: tuple[int, int] = eqx.field(static=True)
    num_sources: tuple[int, ...] = eqx.field(static=True)
    """Source cells of each good."""

    @property
    def max_sources(self):
        """As many as there are, at least one."""
        return max(1, *self.num_sources)

    def surely_dry(self):
        """All cells that are not water."""
        return ~np.asarray(self.ground.water)

    def draw(self, key):
        """The ground as it is. `key`: not needed."""
        return self.ground


def fixed(water: np.ndarray, sources: np.ndarray) -> FixedLayout:
    """Make a layout from maps of booleans: `water` [h, w] and `sources` [g, h, w].

    Raises:
        ConfigError: if a source lies in water.
    """
    drowned = np.argwhere(sources & water[None])
    if len(drowned):
        good, row, column = (int(number) for number in drowned[0])
        raise ConfigError(f"the {SOURCE_MARKS[good]} source at row {row}, column {column} lies in water")
    counts = tuple(int(count) for count in sources.sum(axis=(1, 2)))
    height, width = water.shape
    return FixedLayout(Ground(jnp.asarray(water, bool), jnp.asarray(sources, bool)), (height, width), counts)


def layout_names() -> list[str]:
    """Names of the maps that come with fisc."""
    return sorted(entry.name.removesuffix(".txt") for entry in _folder().iterdir() if _is_map(entry.name))


def load(name: str | Path, size: tuple[int, int] | None = None) -> FixedLayout:
    """Read a map that comes with fisc, by name, or a text file of one's own.

    Args:
        name: of a map in `layout_data` (with or without `.txt`), or the path of a file.
        size: rows and columns of the world; None takes the map's. A larger world is empty below and to the right.

    Raises:
        ConfigError: no such map, or one that `parse` refuses.
    """
    stem = str(name).removesuffix(".txt")
    if stem in layout_names():
        return parse((_folder() / f"{stem}.txt").read_text(encoding="utf-8"), size, stem)
    path = Path(name)
    if not path.is_file():
        raise unknown("map", str(name), layout_names())
    return parse(path.read_text(encoding="utf-8"), size, str(name))


def parse(text: str, size: tuple[int, int] | None = None, name: str = "the map") -> FixedLayout:
    """Read a map: a row on each line or before each `;`, a mark for each cell.

    `W` is a wood source, `S` a stone source, `@` water; `.`, a blank and `A` are empty cells.

    Raises:
        ConfigError: an unknown mark, rows of different lengths, nothing at all, or a map larger than `size`.
    """
    rows = _rows(text)
    lengths = [len(row) for row in rows]
    if not rows or not lengths[0]:
        raise ConfigError(f"{name} is empty: expected a row of marks on each line")
    for r, row in enumerate(rows):
        for c, mark in enumerate(row):
            if mark not in MARKS:
                allowed = ", ".join(repr(known) for known in MARKS)
                raise ConfigError(f"{name}: unknown mark {mark!r} at row {r}, column {c} (allowed: {allowed})")
        if lengths[r] != lengths[0]:
            raise ConfigError(f"{name}: row {r} has {lengths[r]} cells, but row 0 has {lengths[0]}; rows must be alike")
    marks = np.array([list(row) for row in rows])
    height, width = size = marks.shape if size is None else size
    if height < marks.shape[0] or width < marks.shape[1]:
        has = f"{marks.shape[0]} rows and {marks.shape[1]} columns"
        raise ConfigError(f"{name} has {has}: a world of {height} rows and {width} columns is too small for it")
    padding = [(0, height - marks.shape[0]), (0, width - marks.shape[1])]
    marks = np.pad(marks, padding, constant_values=EMPTY_MARKS[0])
    return fixed(marks == WATER_MARK, np.stack([marks == mark for mark in SOURCE_MARKS]))


def with_water_row(layout: FixedLayout, row: int | None = None) -> FixedLayout:
    """Fill a row with water, by default the middle one; sources in it disappear.

    Raises:
        ConfigError: if a part of the world would be empty.
    """
    height = layout.size[0]
    row = height // 2 if row is None else row
    if not 0 < row < height - 1:
        raise ConfigError(f"water_row is {row}: expected 1 to {height - 2}, so that there is land on both sides")
    water, sources = np.array(layout.ground.water), np.array(layout.ground.sources)
    water[row], sources[:, row] = True, False
    return fixed(water, sources)


def _rows(text: str) -> list[str]:
    """Cut a text into rows; with semicolons, line ends mean nothing. What follows the last row is dropped if empty."""
    lines = text.splitlines()
    rows = "".join(lines).split(";") if ";" in text else lines
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _folder():
    return files("fisc.economies.gather_trade_build") / "layout_data"


def _is_map(name: str) -> bool:
    return name.endswith(".txt") and not name.startswith("LICENSE")
