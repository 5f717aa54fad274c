"""The file of trained policies: one zip of plain arrays and a card that says what they are and how well they did.

It holds `card.json` (scenario, arm, seed, scores, versions) and the arrays of the policies, `NUMBER.npy`, in an order
that the scenario determines. Large arrays of weights are whole numbers of eight bits, each followed by one with the
unit of each column.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fisc.records.errors import RecordError
from fisc.records.store import replace_file

SCHEMA = 3
"""Version of the file; raised whenever an older program could misread a newer file, or the other way round."""
FORMAT = "fisc policies"
SUFFIX = ".policies"
CARD = "card.json"
REQUIRED = (
    "title", "arm", "seed", "scenario", "money", "objective", "rates_given", "observed", "scores", "commit", "versions",
)  # fmt: skip
"""What every card says, besides format, schema, number of arrays and fingerprint."""
_DATE = (1980, 1, 1, 0, 0, 0)  # files of equal content are equal


def write_policies(path: Path, card: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Path:
    """Write a file of policies in one atomic step.

    Args:
        path: ends in `SUFFIX`.
        card: plain data, with what is `REQUIRED`.
        arrays: in the order in which they are read.

    Raises:
        RecordError: another ending, a card that JSON cannot hold, or a disk that refuses.
    """
    if path.suffix != SUFFIX:
        raise RecordError(f"{path}: a file of policies ends in {SUFFIX}")
    parts = {f"{number}.npy": _bytes_of(array) for number, array in enumerate(arrays)}
    head = {"format": FORMAT, "schema": SCHEMA} | dict(card) | {"arrays": len(arrays)}
    head.pop("fingerprint", None)  # of another file
    try:
        head["fingerprint"] = _fingerprint(head, parts)
        parts[CARD] = json.dumps(head, indent=1, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise RecordError(f"cannot write the card of {path} as JSON: {error}") from error
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    return replace_file(path, buffer.getvalue())


def read_policies(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The card and the arrays of a file of policies.

    Raises:
        RecordError: if there is no such file, it cannot be read, is damaged, or of another version of fisc.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RecordError(f"no file {path}: check the path, or make one with `fisc pack`") from None
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror}") from None
    schema, is_whole = SCHEMA, False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            parts = {name: file.read(name) for name in file.namelist()}
        card = json.loads(parts.pop(CARD))
        told = {name: value for name, value in card.items() if name != "fingerprint"}
        if card["format"] == FORMAT and card["fingerprint"] == _fingerprint(told, parts):
            schema = card["schema"]
            arrays = [np.load(io.BytesIO(parts[f"{n}.npy"]), allow_pickle=False) for n in range(card["arrays"])]
            is_whole = not set(REQUIRED) - set(card)
    except Exception:  # a damaged zip raises nearly anything
        is_whole = False
    if schema > SCHEMA:
        raise RecordError(f"{path} was written by a later version of fisc: update fisc to read it")
    if schema < SCHEMA:
        raise RecordError(f"{path} was written by an earlier version of fisc: make it again with `fisc pack`")
    if not is_whole:
        raise RecordError(f"{path} is no file of policies, or damaged: make it again with `fisc pack`")
    return card, arrays


def _fingerprint(card: Mapping[str, Any], parts: Mapping[str, bytes]) -> str:
    """Of everything in the file but itself."""
    digest = hashlib.sha256(json.dumps(card, sort_keys=True, allow_nan=False).encode())
    for name in sorted(parts):
        digest.update(name.encode() + parts[name])
    return digest.hexdigest()


def _bytes_of(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()
