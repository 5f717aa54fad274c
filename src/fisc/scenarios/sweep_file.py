"""The job file of a sweep: what all its comparisons have in common, and in which keys they differ. No jax here."""

import hashlib
import itertools
import json
import re
from dataclasses import dataclass
from typing import Any

from fisc.core.errors import ConfigError, unknown
from fisc.scenarios.reading import from_toml, parse, read_text

OPTIONS: dict[str, Any] = {
    "scenario": str,
    "arms": tuple[str, ...],
    "seeds": int | tuple[int, ...],
    "budget": str,
}
"""What a comparison is told besides keys of its scenario, and what each must be."""

SECTIONS = ("set", "grid", "list", "cluster")
EXAMPLE = 'such as "taxes.saez_elasticity" = [0.5, 1, 2]'
LONGEST_NAME = 80


@dataclass(frozen=True)
class Point:
    """One comparison of a sweep."""

    name: str
    """Names its folder."""
    swept: dict[str, Any]
    """The keys in which points differ, and its values; without those that it leaves as the scenario has them."""
    options: dict[str, Any]
    """Of `OPTIONS`, those that were given."""
    overrides: dict[str, Any]
    """Dotted keys of the scenario and their values."""


@dataclass(frozen=True)
class Sweep:
    """A job file, read."""

    text: str
    keys: tuple[str, ...]
    """Everything in which points differ, in the order of the file."""
    points: tuple[Point, ...]
    cluster: dict[str, Any]
    """What each point asks of a cluster, in submitit's words."""


def read_sweep(path: str) -> Sweep:
    """Read a job file.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, a wrong type, no point, or two points alike.
    """
    text = read_text(path, "job file", "give a .toml file (docs/sweeps.md shows one)")
    data = from_toml(text, path)
    for key in data:
        if key not in (*OPTIONS, *SECTIONS):
            hint = str(unknown("key", key, (*OPTIONS, *SECTIONS)))
            raise ConfigError(f"{path}: {hint}; keys of the scenario stand in [set], [grid] or [[list]]")
    for section in ("set", "grid", "cluster"):
        if not isinstance(data.get(section, {}), dict):
            raise ConfigError(f"{path}: {section} is {data[section]!r}: it must be a table, [{section}]")
    common = {**{key: data[key] for key in OPTIONS if key in data}, **flat(data.get("set", {}))}
    for key in OPTIONS:
        if key in flat(data.get("set", {})):
            raise ConfigError(f"{path}: {key} in [set]: it stands at the top of the file, above all sections")
    found = _combinations(path, data)
    keys = tuple(dict.fromkeys(key for swept in found for key in swept))
    for key in flat(data.get("grid", {})):
        if key in common:
            raise ConfigError(f"{path}: {key} is both swept and given to all points: leave it out of one of them")
    names = [_name(keys, swept) for swept in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: {names.count(name)} points are the same ({name}): keep one of them")
    points = [_point(path, name, keys, common | swept) for name, swept in zip(names, found, strict=True)]
    return Sweep(text, keys, tuple(points), data.get("cluster", {}))


def flat(table: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Dotted keys and values of nested tables.

    >>> flat({"taxes": {"flat_rate": 0.3}, "taxes.law": "us"})
    {'taxes.flat_rate': 0.3, 'taxes.law': 'us'}
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= flat(value, f"{path}{key}.") if value and isinstance(value, dict) else {f"{path}{key}": value}
    return found


def _combinations(path: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    """What is swept in each point: all combinations of a grid, or the entries of a list."""
    if ("grid" in data) == ("list" in data):
        have = "both [grid] and [[list]]" if "grid" in data else "neither [grid] nor [[list]]"
        raise ConfigError(f"{path} has {have}: give one of them, {EXAMPLE} under [grid]")
    if "grid" in data:
        grid = flat(data["grid"])
        if not grid:
            raise ConfigError(f"{path}: [grid] is empty: give at least one key with a list of values, {EXAMPLE}")
        for key, values in grid.items():
            if not isinstance(values, list) or not values:
                raise ConfigError(f"{path}: {key} in [grid] is {values!r}: it must be a list of values, {EXAMPLE}")
        return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    entries = data["list"]
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{path}: list must be tables, each [[list]] with the keys and values of one point")
    return [flat(entry) for entry in entries]


def _point(path: str, name: str, keys: tuple[str, ...], given: dict[str, Any]) -> Point:
    options = {key: given[key] for key in OPTIONS if key in given}
    if "scenario" not in options:
        raise ConfigError(f"{path}: no scenario: name a preset or a .toml file, such as scenario = 'one-step'")
    try:
        options = {key: parse(OPTIONS[key], value, key) for key, value in options.items()}
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    swept = {key: given[key] for key in keys if key in given}
    return Point(name, swept, options, {key: value for key, value in given.items() if key not in OPTIONS})


def _name(keys: tuple[str, ...], swept: dict[str, Any]) -> str:
    """A folder name that says what is swept: two points of a sweep share it only if they are the same."""
    last = {key: key.rpartition(".")[2] for key in keys}
    is_clear = len(set(last.values())) == len(last)
    said = ",".join(f"{last[key] if is_clear else key}={_word(value)}" for key, value in swept.items()) or "default"
    name = re.sub(r"[^\w.,=+-]", "_", said)
    if name == said and len(name) <= LONGEST_NAME and not name.startswith("."):
        return name
    digest = hashlib.sha256(json.dumps(swept, sort_keys=True, default=str).encode()).hexdigest()[:6]
    return f"{name[:LONGEST_NAME].lstrip('.')}-{digest}"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
