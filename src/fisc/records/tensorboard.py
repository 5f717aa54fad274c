"""Training curves for TensorBoard: event files made from the rows that a run folder keeps. No jax here.

Needs tensorboardX, the extra `tensorboard`. Nothing of a run is stored in these files alone: they can be made again.
"""

from pathlib import Path
from types import TracebackType
from typing import Any

from fisc.records.curves import Curves, no_curves
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
        self.out = out
        self._curves = Curves(run)
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> "EventWriter":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def update(self) -> int:
        """Write the rows that are new since the last time, and return how many they were."""
        if not self._writers:  # not before there is something to write: the run may yet be refused
            for old in self.out.glob("*/seed-*/events.out.tfevents.*"):
                old.unlink()
        written = 0
        for curve, rows in self._curves.fresh():
            if curve.name not in self._writers:
                self._writers[curve.name] = self._make(str(self.out / curve.name))
            for role, metric, step, value in rows.select("role", "metric", "env_steps", "value").iter_rows():
                self._writers[curve.name].add_scalar(f"{role}/{metric}", value, step)
            self._writers[curve.name].flush()
            written += rows.height
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
        raise no_curves(run)
    return rows


def _find_library() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise RecordError(
            "TensorBoard's files need the package tensorboardX: install it with pip install 'fisc[tensorboard]'"
        ) from None
    return SummaryWriter
