"""The file of trained policies: one zip of plain arrays and a card that says what they are and how well they did.

It holds `card.json` (scenario, arm, seed, scores, versions) and the arrays of the policies, `NUMBER.npy`, in an order
that the scenario determines. Weights have half precision: for playing that is as good, and half the size.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fisc.records.errors import RecordError
from fisc.records.store import replace_file

SCHEMA = 1
"""Version of the file; raised whenever an older program could misread a newer file."""
FORMAT = "fisc policies"
SUFFIX = ".policies"
CARD = "card.json"
_DATE = (1980, 1, 1, 0, 0, 0)  # files of equal content are equal


def write_policies(path: Path, card: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Path:
    """Write a file of policies in one atomic step.

    Args:
        path: ends in `SUFFIX`.
        card: plain data.
        arrays: in the order in which they are read.

    Raises:
        RecordError: another ending, or a disk that refuses.
    """
    if path.suffix != SUFFIX:
        raise RecordError(f"{path}: a file of policies ends in {SUFFIX}")
    buffer = io.BytesIO()
    head = {"format": FORMAT, "schema": SCHEMA} | dict(card) | {"arrays": len(arrays)}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(_entry(CARD), json.dumps(head, indent=1, allow_nan=False), zipfile.ZIP_DEFLATED)
        for number, array in enumerate(arrays):
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            file.writestr(_entry(f"{number}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED)
    return replace_file(path, buffer.getvalue())


def read_card(path: Path) -> dict[str, Any]:
    """What a file of policies says about itself.

    Raises:
        RecordError: if it is no such file, damaged, or of a later version of fisc.
    """
    return _read(path, with_arrays=False)[0]


def read_policies(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The card and the arrays of a file of policies.

    Raises:
        RecordError: if it is no such file, damaged, or of a later version of fisc.
    """
    return _read(path, with_arrays=True)


def _read(path: Path, with_arrays: bool) -> tuple[dict[str, Any], list[np.ndarray]]:
    try:
        with zipfile.ZipFile(path) as file:
            card = json.loads(file.read(CARD))
            if card.get("format") != FORMAT:
                raise KeyError(FORMAT)
            if card["schema"] > SCHEMA:
                raise RecordError(f"{path} was written by a later version of fisc: update fisc to read it")
            names = [f"{number}.npy" for number in range(card["arrays"])] if with_arrays else []
            return card, [np.load(io.BytesIO(file.read(name)), allow_pickle=False) for name in names]
    except FileNotFoundError:
        raise RecordError(f"no file {path}: check the path, or make one with `fisc pack`") from None
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        if isinstance(error, RecordError):
            raise
        raise RecordError(
            f"{path} is no file of policies, or damaged ({error}): make it again with `fisc pack`"
        ) from None


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, _DATE)
