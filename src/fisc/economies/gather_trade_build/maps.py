"""Maps as text: those that come with fisc, and those of one's own. No jax here.

A row stands on each line or before each `;`, with a mark for each cell: `W` is a wood source, `S` a stone source, `@`
water; `.`, a blank and `A` are empty cells. Messages count rows and columns from 1.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fisc.core.errors import ConfigError, unknown

SOURCE_MARKS = ("S", "W")
"""In the order of the goods."""
WATER_MARK = "@"
EMPTY_MARKS = (".", " ", "A")
"""Nothing is there; `A` marks starting places in a map of the reference program, which ignores them too."""
MARKS = (*SOURCE_MARKS, WATER_MARK, *EMPTY_MARKS)
ORIGIN = "ai-economist 1.7.1, where quadrant_25x25_20each_30clump is the papers' Open-Quadrant"
"""From where all maps are that come with fisc; `layout_data/README.md` says more."""


@dataclass(frozen=True)
class MapText:
    """A map that was read and checked."""

    rows: tuple[str, ...]
    name: str
    """What messages call it."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.rows), len(self.rows[0])

    def count(self, mark: str) -> int:
        """Cells with a mark."""
        return sum(row.count(mark) for row in self.rows)

    @property
    def line(self) -> str:
        """The map in one line, which `read_map` takes as well."""
        return "".join(f"{row};" for row in self.rows)


def map_names() -> list[str]:
    """Names of the maps that come with fisc."""
    return sorted(entry.name.removesuffix(".txt") for entry in _folder().iterdir() if _is_map(entry.name))


def is_shipped(name: str) -> bool:
    """Whether a map of this name, with or without `.txt`, comes with fisc."""
    return name.removesuffix(".txt") in map_names()


def is_text(name: str) -> bool:
    """Whether it is no name, but a map itself."""
    return ";" in name or "\n" in name


def is_own_file(name: str) -> bool:
    """Whether it names a file of one's own."""
    return not is_text(name) and not is_shipped(name) and Path(name).is_file()


def read_map(name: str) -> MapText:
    """Read a map.

    Args:
        name: of one that comes with fisc (with or without `.txt`), the path of a file, or the text of a map itself,
            with `;` after each row.

    Raises:
        ConfigError: no such map, a file that is not text, or a map that `parse_map` refuses.
    """
    if is_text(name):
        return parse_map(name, "the map in economy.map.layout")
    stem = name.removesuffix(".txt")
    if is_shipped(name):
        return parse_map((_folder() / f"{stem}.txt").read_text(encoding="utf-8"), stem)
    if not is_own_file(name):
        raise unknown("map", name, map_names())
    try:
        return parse_map(Path(name).read_text(encoding="utf-8"), name)
    except UnicodeDecodeError as error:
        raise ConfigError(f"map {name} is not UTF-8 (byte {error.start}): save it as UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"map {name} cannot be read: {error.strerror}") from None


def parse_map(text: str, name: str = "the map") -> MapText:
    """Cut a text into rows of cells.

    Raises:
        ConfigError: an unknown mark, rows of different lengths, or nothing at all.
    """
    rows = _rows(text)
    if not rows or not rows[0]:
        raise ConfigError(f"{name} is empty: expected a row of marks on each line")
    for r, row in enumerate(rows, start=1):
        for c, mark in enumerate(row, start=1):
            if mark not in MARKS:
                allowed = ", ".join(repr(known) for known in MARKS)
                raise ConfigError(f"{name}: unknown mark {mark!r} at row {r}, column {c} (allowed: {allowed})")
        if len(row) != len(rows[0]):
            raise ConfigError(f"{name}: row {r} has {len(row)} cells, but row 1 has {len(rows[0])}; rows must be alike")
    return MapText(tuple(rows), name)


def _rows(text: str) -> list[str]:
    """With semicolons, line ends mean nothing. What follows the last row is dropped if empty."""
    lines = text.splitlines()
    rows = "".join(lines).split(";") if ";" in text else lines
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _folder():
    return files("fisc.economies.gather_trade_build") / "layout_data"


def _is_map(name: str) -> bool:
    return name.endswith(".txt") and not name.startswith("LICENSE")
