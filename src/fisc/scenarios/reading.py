"""Read plain data (as TOML gives it) strictly, as frozen dataclasses, and write it. No jax here.

An unknown key, a wrong type or an impossible value is a `ConfigError` that names the key, the value and what is
allowed.
"""

import dataclasses
import json
import math
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from fisc.core.errors import ConfigError, unknown


def check(key: str, value: Any, is_good: bool, allowed: str) -> None:
    """Refuse a value, naming its key and what is allowed."""
    is_number = isinstance(value, (int, float))
    if not is_good or (is_number and not math.isfinite(value)):
        raise ConfigError(f"{key} is {value!r}: it must be {allowed}")


def parse(kind: type, data: Any, path: str = "") -> Any:
    """Read plain data (as TOML gives it) as a value of a type, strictly.

    Args:
        kind: a dataclass, a number, str, bool, Literal, tuple[X, ...], dict[str, X] or a union of these. In a union of
            dataclasses, the key `kind` of the data says which one is meant.
        data: the plain data.
        path: dotted key, for messages.

    Raises:
        ConfigError: naming the key, the value and what is allowed.
    """
    if dataclasses.is_dataclass(kind):
        return _parse_dataclass(kind, data, path)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if data in arguments:
            return data
        words = [str(a) for a in arguments]
        raise ConfigError(f"{path} is {data!r}: {str(unknown(path, str(data), words)).split(': ', 1)[1]}")
    if origin in (typing.Union, types.UnionType):
        if all(dataclasses.is_dataclass(option) for option in arguments):
            return _parse_dataclass(_option_of_kind(arguments, data, path), data, path)
        for option in arguments:
            try:
                return parse(option, data, path)
            except ConfigError:
                continue
        raise ConfigError(f"{path} is {data!r}: it must be {' or '.join(_describe(a) for a in arguments)}")
    if origin in (tuple, dict):
        return _parse_container(origin, arguments, data, path)
    is_number = isinstance(data, int | float) and not isinstance(data, bool)
    if kind is float and is_number and not math.isfinite(data):
        raise ConfigError(f"{path} is {data!r}: it must be a finite number")
    if (kind is float and is_number) or (type(data) is kind):
        return kind(data)
    raise ConfigError(f"{path} is {data!r}: it must be {_describe(kind)}")


def merge(kind: Any, base: Any, changes: Any, path: str = "") -> Any:
    """Put changes on a base, both the plain data of a value of this type, neither checked yet.

    Tables are merged key by key, all else is replaced; so is a table whose `kind` is another. An empty table of free
    keys, such as thresholds by name, empties that of the base.

    Raises:
        ConfigError: an unknown `kind`.
    """
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is dict:
        free = {key: merge(arguments[1], base.get(key), item, f"{path}.{key}") for key, item in changes.items()}
        return base | free if changes else {}
    options = [option for option in (kind, *arguments) if dataclasses.is_dataclass(option)]
    if not options:
        return changes
    chosen = options[0]
    if len(options) > 1:
        chosen = _option_of_kind(options, base, path)
        if "kind" in changes and _option_of_kind(options, changes, path) is not chosen:
            return changes
    hints = typing.get_type_hints(chosen)
    dotted = f"{path}." if path else ""
    return base | {key: merge(hints.get(key), base.get(key), item, f"{dotted}{key}") for key, item in changes.items()}


def _option_of_kind(options: Sequence[Any], data: Any, path: str) -> Any:
    """The dataclass whose `kind` is named, the first one if none is."""
    by_kind = {next(f.default for f in dataclasses.fields(option) if f.name == "kind"): option for option in options}
    kind = data.get("kind", next(iter(by_kind))) if isinstance(data, dict) else next(iter(by_kind))
    if kind not in by_kind:
        raise unknown(f"{path}.kind", str(kind), by_kind)
    return by_kind[kind]


def _below(kind: type, data: dict[str, Any], name: str, dotted: str) -> Iterator[str]:
    """Keys of this name in the tables of a dataclass, and in theirs."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint, inner = hints[field.name], f"{dotted}{field.name}"
        options = [option for option in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(option)]
        if options:
            table = data[field.name] if isinstance(data.get(field.name), dict) else {}
            chosen = options[0] if len(options) == 1 else _option_of_kind(options, table, inner)
            if name in {f.name for f in dataclasses.fields(chosen)}:
                yield f"{inner}.{name}"
            yield from _below(chosen, table, name, f"{inner}.")


def _parse_container(origin: type, arguments: tuple, data: Any, path: str) -> Any:
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise ConfigError(f"{path} is {data!r}: it must be a list of {_describe(arguments[0])}")
        return tuple(parse(arguments[0], item, f"{path}[{i}]") for i, item in enumerate(data))
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is {data!r}: it must be a table")
    return {key: parse(arguments[1], item, f"{path}.{key}") for key, item in data.items()}


def _parse_dataclass(kind: type, data: Any, path: str) -> Any:
    if not isinstance(data, dict):
        raise ConfigError(f"{path or 'a scenario'} is {data!r}: it must be a table")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    dotted = f"{path}." if path else ""
    for key in data:
        if key not in fields:
            if found := list(_below(kind, data, key, dotted)):
                raise ConfigError(f"unknown key '{dotted}{key}': did you mean {' or '.join(map(repr, found))}?")
            raise unknown("key", f"{dotted}{key}", [f"{dotted}{name}" for name in fields])
    # A table that is given in part keeps the rest of its default: a planner's differs from a citizen's.
    data = {key: _over_default(fields[key], item) for key, item in data.items()}
    values = {key: parse(hints[key], item, f"{dotted}{key}") for key, item in data.items()}
    missing = [
        name
        for name, f in fields.items()
        if name not in values and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"key '{dotted}{missing[0]}' is missing: it has no default")
    try:
        return kind(**values)
    except ConfigError as error:
        text = str(error)
        is_full = not path or text.startswith(f"{path.split('.')[0]}.")
        raise ConfigError(text if is_full else f"{path}.{text}") from None


def _over_default(given: dataclasses.Field, item: Any) -> Any:
    if given.default_factory is dataclasses.MISSING or not isinstance(item, dict):
        return item
    default = given.default_factory()
    return {**dataclasses.asdict(default), **item} if dataclasses.is_dataclass(default) else item


def _describe(kind: Any) -> str:
    names = {int: "an integer", float: "a number", str: "text", bool: "true or false"}
    if typing.get_origin(kind) is Literal:
        return " or ".join(repr(a) for a in typing.get_args(kind))
    return names.get(kind, str(kind))


def read_text(path: str, what: str, mend: str) -> str:
    """The text of a file of the user's.

    Args:
        path: of the file.
        what: the file is, for messages, such as "job file".
        mend: what to do if there is none.

    Raises:
        ConfigError: if it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"no {what} {path}: {mend}") from None
    except OSError as error:
        raise ConfigError(f"{what} {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{what} {path} is not UTF-8 (byte {error.start}): save it as UTF-8 text") from None


def from_toml(text: str, path: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        ConfigError: naming the file, and where it is not valid.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def to_toml(data: dict[str, Any], path: str = "") -> str:
    """Write plain tables as TOML: values first, then sub-tables. Nothing in a scenario needs more than this."""
    values = [f"{_toml_key(key)} = {json.dumps(value)}" for key, value in data.items() if not isinstance(value, dict)]
    tables = []
    for key, value in data.items():
        if isinstance(value, dict):
            dotted = f"{path}.{_toml_key(key)}" if path else _toml_key(key)
            tables.append(f"[{dotted}]\n{to_toml(value, dotted)}")
    return "\n".join([*values, "", *tables])


def _toml_key(key: str) -> str:
    """A key as TOML takes it: quoted if it has anything but letters, digits, dashes and underscores."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)
