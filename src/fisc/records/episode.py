"""The file of a recorded episode: one zip of plain arrays and a header, small, and readable without fisc.

An episode is what its economy, its first state, its random key and everybody's actions make of it; these are stored,
so that it can be played again, bit for bit. What happened is stored too, so that it can be read and drawn by programs
that cannot play.

The file is a compressed zip, which `numpy.load` opens as well. It holds

* `header.json`: the economy, the source it is made from, who played, seed, sizes, versions, and a fingerprint of
  everything (SHA-256), which says whether anything was changed afterwards;
* `actions/ROLE.npy`, shape [steps, n, …], or [periods, n, …] for a role that acts once a period;
* `start/PATH.npy`: every array of the first state, by its path;
* `key.npy`: the random key of the economy (`fisc.scenarios.episodes` says how it is used);
* `digests.npy`, shape [steps + 1]: a checksum of the whole state after each step;
* `frames/NAME.npy`, shape [steps + 1, …]: the first state and the one after each step, and other arrays named in
  `fisc.records.episode_map` for the Gather-Trade-Build economy. Other economies store the accounts of their citizens.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fisc.records.errors import RecordError
from fisc.records.store import replace_file

SCHEMA = 1
"""Version of the file; raised whenever an older program could misread a newer file."""
FORMAT = "fisc episode"
SUFFIX = ".npz"
HEADER = "header.json"
REQUIRED = (
    "economy",
    "title",
    "steps",
    "periods",
    "steps_per_period",
    "citizens",
    "seed",
    "players",
    "source",
    "money",
)
"""What every header says, besides format, schema, versions and fingerprint."""

# Files of equal content are equal: no date of today.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Episode:
    """One recorded episode."""

    header: Mapping[str, Any]
    """Plain data: see `REQUIRED`; `versions` and what the economy adds under `world`."""
    arrays: Mapping[str, np.ndarray]
    """By name, as in the file."""

    @property
    def steps(self) -> int:
        """Steps played; frames are one more."""
        return int(self.header["steps"])

    @property
    def title(self) -> str:
        """What was played, in a line."""
        return str(self.header["title"])

    def group(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays below a prefix, such as `actions`, by the rest of their name."""
        start = f"{prefix}/"
        return {name.removeprefix(start): array for name, array in self.arrays.items() if name.startswith(start)}


def write_episode(path: str | Path, episode: Episode) -> Path:
    """Write an episode; the file is replaced as a whole.

    Raises:
        RecordError: if the name does not end in .npz, an array cannot be stored, or the disk refuses.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise RecordError(f"an episode is a file that ends in {SUFFIX}, not {path.name}: name it {path.stem}{SUFFIX}")
    header = {**episode.header, "format": FORMAT, "schema": SCHEMA}
    header["fingerprint"] = fingerprint(header, episode.arrays)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr(_entry(HEADER), json.dumps(header, indent=1, allow_nan=False), compresslevel=9)
        for name, array in sorted(episode.arrays.items()):
            file.writestr(_entry(f"{name}.npy"), _packed(array), compresslevel=9)
    return replace_file(path, buffer.getvalue())


def read_episode(path: str | Path) -> Episode:
    """Read an episode.

    Raises:
        RecordError: no such file, not an episode, damaged, changed after it was written, or of a newer schema.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as file:
            if HEADER not in file.namelist():
                raise RecordError(f"{path} is no episode (no {HEADER}): give a file that `fisc watch --out` wrote")
            header = json.loads(file.read(HEADER))
            check_header(path, header)
            names = [name for name in file.namelist() if name.endswith(".npy")]
            arrays = {name.removesuffix(".npy"): _unpacked(file.read(name)) for name in names}
    except FileNotFoundError:
        raise RecordError(f"no episode {path}: check the path, or record one with `fisc watch … --out FILE{SUFFIX}`") \
            from None  # fmt: skip
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror or error}") from error
    except RecordError:
        raise
    except Exception as error:  # zipfile, zlib, json and numpy each have their own errors for damage
        raise RecordError(f"{path} is damaged ({type(error).__name__}): restore a copy, or record it again") from error
    if fingerprint(header, arrays) != header["fingerprint"]:
        raise RecordError(f"{path} was changed after it was recorded: restore a copy, or record it again")
    return Episode(header, arrays)


def check_header(path: Path, header: Any) -> None:
    """Refuse a header that this program cannot read.

    Raises:
        RecordError: saying what is missing or too new.
    """
    if not isinstance(header, Mapping) or header.get("format") != FORMAT:
        raise RecordError(f"{path} is no episode of fisc: give a file that `fisc watch --out` wrote")
    if not isinstance(header.get("schema"), int) or header["schema"] > SCHEMA:
        raise RecordError(
            f"{path} has schema {header.get('schema')}, this fisc reads up to {SCHEMA}: install a newer fisc"
        )
    missing = [name for name in (*REQUIRED, "fingerprint") if name not in header]
    if missing:
        raise RecordError(f"{path} does not say {', '.join(missing)}: restore a copy, or record it again")


def fingerprint(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of header and arrays: what they say, not how they are compressed."""
    told = {name: value for name, value in header.items() if name != "fingerprint"}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, allow_nan=False).encode())
    for name, array in sorted(arrays.items()):
        array = np.ascontiguousarray(array)
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _packed(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()


def _unpacked(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)
