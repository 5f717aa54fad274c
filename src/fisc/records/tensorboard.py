"""Training curves for TensorBoard: event files made from the rows that a run folder keeps. No jax here.

Needs tensorboardX, the extra `tensorboard`. Nothing of a run is stored in these files alone: they can be made again.
"""

import re
from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from fisc.records.errors import RecordError
from fisc.records.store import RunFolder


class EventWriter:
    """Writes the curves of a run, finished or going on: one folder of event files for each arm and seed.

    Tags are `ROLE/METRIC`; the step is the number of environment steps. What citizens learned before the arms parted
    is a folder of its own, `common`.

    Args:
        run: the run folder.
        out: where event files go; those of an earlier export there are replaced.

    Raises:
        RecordError: if tensorboardX is missing.
    """

    def __init__(self, run: RunFolder, out: Path):
        self._make = _find_library()
        self.run, self.out = run, out
        self._writers: dict[str, Any] = {}
        self._done: dict[str, int] = {}

    def __enter__(self) -> "EventWriter":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def update(self) -> int:
        """Write the rows that are new since the last time, and return how many they were."""
        if not self._done:  # not before there is something to write: the run may yet be refused
            for old in self.out.glob("*/seed-*/events.out.tfevents.*"):
                old.unlink()
        written = 0
        for (arm, group, seed), rows in read_curves(self.run).group_by("arm", "run", "seed", maintain_order=True):
            name = f"{curve_name(arm, group)}/seed-{seed}"
            fresh = rows.filter(pl.col("update") > self._done.get(name, 0)).sort("update", maintain_order=True)
            if fresh.is_empty():
                continue
            if name not in self._writers:
                self._writers[name] = self._make(str(self.out / name))
            for role, metric, step, value in fresh.select("role", "metric", "env_steps", "value").iter_rows():
                self._writers[name].add_scalar(f"{role}/{metric}", value, step)
            self._writers[name].flush()
            self._done[name] = fresh["update"].max()
            written += fresh.height
        return written

    def close(self) -> None:
        """Close all files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def export(run: RunFolder, out: Path) -> int:
    """Write event files of all rows that a run has so far, and return how many these were.

    Raises:
        RecordError: if tensorboardX is missing, a file cannot be read, or there is nothing to write.
    """
    with EventWriter(run, out) as writer:
        rows = writer.update()
    if not rows:
        raise RecordError(f"{run.path} has no training curves: nothing in it has learned yet")
    return rows


def read_curves(run: RunFolder) -> pl.DataFrame:
    """The rows of `metrics.parquet`; of a run that is not finished those beside its checkpoints.

    Raises:
        RecordError: if a file cannot be read.
    """
    parts = sorted((run.path / "checkpoints").glob("*.parquet"))
    if run.has_table("metrics") or not parts:
        return run.read_table("metrics")
    try:
        return pl.concat([pl.read_parquet(path) for path in parts])
    except (PolarsError, OSError) as error:
        raise RecordError(f"{run.path}/checkpoints cannot be read ({error}): go on with --resume") from error


def curve_name(arm: str, group: str) -> str:
    """The folder of an arm's curves: its name, or that of its group if it is from a file or the common start.

    >>> curve_name("saez", "fixed"), curve_name("free_market", "common"), curve_name("a/b.py:f", "b_f_1234")
    ('saez', 'common', 'b_f_1234')
    """
    return arm if group != "common" and re.fullmatch(r"\w+", arm) else group


def _find_library() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise RecordError(
            "TensorBoard's files need the package tensorboardX: install it with pip install 'fisc[tensorboard]'"
        ) from None
    return SummaryWriter
