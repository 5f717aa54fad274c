"""The run folder: where a run keeps its tables, figures and report.

Every file is replaced as a whole or not at all. A run that is killed, or that fills the disk, leaves
each file as it last was; a temporary file that a killed run left behind is hidden and harmless.
"""

import errno
import io
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from fisc.records.errors import RecordError
from fisc.records.schema import check_columns, check_rows, find_table

_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}

REQUIRED_FILES = ("scenario.toml", "provenance.json")
"""What makes a folder a run folder: without these nobody can say what was run."""


@dataclass(frozen=True)
class RunFolder:
    """A folder that holds one run. Make one with `create` or `open`."""

    path: Path

    @classmethod
    def create(cls, path: str | os.PathLike) -> "RunFolder":
        """Make a new run folder, with its parents.

        Raises:
            RecordError: if something is already there, or if the folder cannot be made.
        """
        path = Path(path)
        check_free(path)
        try:
            (path / "figures").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecordError(f"cannot make the run folder {path}: {_reason(error)}; choose another --out") from error
        return cls(path)

    @classmethod
    def open(cls, path: str | os.PathLike) -> "RunFolder":
        """Open a run folder that exists.

        Raises:
            RecordError: if it is not a run folder, naming what is missing.
        """
        path = Path(path)
        if not path.is_dir():
            raise RecordError(f"no run folder at {path}: check the path, or make one with `fisc compare`")
        missing = [name for name in REQUIRED_FILES if not (path / name).is_file()]
        if missing:
            raise RecordError(
                f"{path} is not a run folder: {' and '.join(missing)} missing; give the folder that `fisc compare` made"
            )
        return cls(path)

    @property
    def name(self) -> str:
        """Name of the folder, which is the name of the run."""
        return self.path.resolve().name

    @property
    def figures(self) -> Path:
        """Folder of the figures and the tables behind them."""
        return self.path / "figures"

    def table_path(self, name: str) -> Path:
        """Path of a table, which may not exist yet."""
        find_table(name)
        return self.path / f"{name}.parquet"

    def has_table(self, name: str) -> bool:
        """Say whether a table has been written."""
        return self.table_path(name).is_file()

    def write_table(self, name: str, frame: pl.DataFrame) -> Path:
        """Replace a table as a whole, after checking its rows.

        Raises:
            RecordError: on rows that `check_rows` rejects, or when the disk refuses.
        """
        buffer = io.BytesIO()
        check_rows(frame, name).write_parquet(buffer)
        return replace_file(self.table_path(name), buffer.getvalue())

    def read_table(self, name: str) -> pl.DataFrame:
        """Read a table and check its columns.

        Raises:
            RecordError: if it is absent, truncated, or has other columns than it should.
        """
        path = self.table_path(name)
        try:
            frame = pl.read_parquet(io.BytesIO(path.read_bytes()))
        except FileNotFoundError as error:
            raise RecordError(f"{path} does not exist: finish the run with --resume first") from error
        except (PolarsError, OSError) as error:
            raise RecordError(
                f"{path} is not readable as Parquet ({_reason(error)}): restore it from a copy, "
                f"or delete it and go on with --resume"
            ) from error
        return check_columns(frame, name)

    def has_file(self, name: str) -> bool:
        """Say whether a file of this name has been written."""
        return (self.path / name).is_file()

    def write_json(self, name: str, content: Any) -> Path:
        """Replace a JSON file as a whole; keys keep their order.

        Raises:
            RecordError: on something that JSON cannot hold, such as NaN, or when the disk refuses.
        """
        path = self.path / name
        try:
            text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise RecordError(
                f"cannot write {path} as JSON: {error}; give numbers (None for NaN), text, lists"
            ) from error
        return replace_file(path, (text + "\n").encode())

    def read_json(self, name: str) -> Any:
        """Read a JSON file.

        Raises:
            RecordError: if it is absent or truncated.
        """
        path = self.path / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RecordError(f"{path} does not exist: finish the run with --resume first") from error
        except (ValueError, OSError) as error:
            raise RecordError(
                f"{path} is not readable as JSON ({_reason(error)}): restore it from a copy, "
                f"or delete it and go on with --resume"
            ) from error

    def write_text(self, name: str, text: str) -> Path:
        """Replace a text file as a whole."""
        return replace_file(self.path / name, text.encode())


def check_free(path: Path) -> None:
    """Refuse a place for a new run folder where something is.

    Raises:
        RecordError: if it is a file, a folder that is not empty, or one that cannot be read.
    """
    if path.exists() and not path.is_dir():
        raise RecordError(f"{path} is a file, expected a folder for the run: choose another --out")
    try:
        is_taken = path.is_dir() and any(path.iterdir())
    except OSError as error:
        raise RecordError(f"cannot read the folder {path}: {_reason(error)}; choose another --out") from error
    if is_taken and any((path / name).exists() for name in ("provenance.json", "question.json")):
        raise RecordError(f"{path} holds a run already: go on with it by --resume, or choose another --out")
    if is_taken:
        raise RecordError(f"{path} is not empty, and is no run: choose another --out")


def replace_file(path: Path, content: bytes) -> Path:
    """Replace a file as a whole: whoever reads it sees the old content or the new, never a part.

    Args:
        path: the file; its folder is made if needed.
        content: all bytes of the new file.

    Raises:
        RecordError: when the disk is full or the folder is not writable; the old file stays.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The same folder, as a rename is atomic only within one file system.
        temporary = path.parent / f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp"
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise RecordError(
                f"disk full: could not write {path} ({len(content)} bytes); the earlier file is intact; "
                f"free some space and go on with --resume"
            ) from error
        raise RecordError(f"cannot write {path} ({len(content)} bytes): {_reason(error)}; mend it and retry") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path


def _sync_folder(folder: Path) -> None:
    # Makes the rename itself durable; some file systems (and Windows) cannot open a folder.
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def _reason(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
