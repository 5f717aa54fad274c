"""Maps: read from a file, with a row of water through the middle, or any other source of water and source cells.

A layout says where water and the sources of stone and wood are when an episode begins. Fixed ones are the same every
time; those of `procedural` are drawn. Axes: `g` goods (stone, wood), `h` rows, `w` columns.
"""

import abc
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Key

from fisc.core.errors import ConfigError
from fisc.economies.gather_trade_build.maps import EMPTY_MARKS, SOURCE_MARKS, WATER_MARK, MapText, parse_map, read_map


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
        raise ConfigError(f"the {SOURCE_MARKS[good]} source at row {row + 1}, column {column + 1} lies in water")
    counts = tuple(int(count) for count in sources.sum(axis=(1, 2)))
    height, width = water.shape
    return FixedLayout(Ground(jnp.asarray(water, bool), jnp.asarray(sources, bool)), (height, width), counts)


def load(name: str | Path, size: tuple[int, int] | None = None) -> FixedLayout:
    """Read a map that comes with fisc, by name, or one's own: the path of a file, or the map itself in one line.

    Args:
        name: see `maps.read_map`.
        size: rows and columns of the world; None takes the map's. A larger world is empty below and to the right.

    Raises:
        ConfigError: no such map, one that cannot be, or a map larger than `size`.
    """
    return _laid_out(read_map(str(name)), size)


def parse(text: str, size: tuple[int, int] | None = None) -> FixedLayout:
    """Read the text of a map (see `maps`). `size`: as in `load`.

    Raises:
        ConfigError: a map that cannot be, or one larger than `size`.
    """
    return _laid_out(parse_map(text), size)


def _laid_out(drawn: MapText, size: tuple[int, int] | None) -> FixedLayout:
    """Put a map into the top left corner of a world."""
    (rows, columns), (height, width) = drawn.size, size or drawn.size
    if height < rows or width < columns:
        raise ConfigError(
            f"{drawn.name} has {rows} rows and {columns} columns: a world of {height} rows and {width} columns is too "
            "small for it"
        )
    marks = np.pad(
        np.array([list(row) for row in drawn.rows]),
        [(0, height - rows), (0, width - columns)],
        constant_values=EMPTY_MARKS[0],
    )
    return fixed(marks == WATER_MARK, np.stack([marks == mark for mark in SOURCE_MARKS]))


def with_water_row(layout: FixedLayout, row: int | None = None) -> FixedLayout:
    """Fill a row with water, by default the middle one; sources in it disappear.

    Raises:
        ConfigError: if a part of the world would be empty.
    """
    height = layout.size[0]
    row = height // 2 if row is None else row
    if not 0 < row < height - 1:
        raise ConfigError(
            f"water_row is {row}: expected 1 to {height - 2}, so that there is land on both sides "
            "(rows count from 0 here)"
        )
    water, sources = np.array(layout.ground.water), np.array(layout.ground.sources)
    water[row], sources[:, row] = True, False
    return fixed(water, sources)
