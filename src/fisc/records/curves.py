"""The training curves of a run, finished or going on: what is new in them, by arm and seed, for whoever writes them
elsewhere. No jax here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PolarsError

from fisc.records.errors import RecordError
from fisc.records.store import RunFolder

COMMON = "common"
"""In the column `run`: what citizens learned before the arms parted."""


@dataclass(frozen=True)
class Curve:
    """What was learned under one arm with one seed, or before the arms parted."""

    arm: str
    group: str
    seed: int

    @property
    def is_common(self) -> bool:
        """Whether it is the common start of all arms."""
        return self.group == COMMON

    @property
    def name(self) -> str:
        """As folders have it: the arm, or its group if it is from a file or the common start, and the seed.

        >>> Curve("saez", "fixed", 0).name, Curve("free_market", "common", 1).name
        ('saez/seed-0', 'common/seed-1')
        >>> Curve("a/b.py:f", "b_f_1234", 0).name
        'b_f_1234/seed-0'
        """
        arm = self.arm if not self.is_common and re.fullmatch(r"\w+", self.arm) else self.group
        return f"{arm}/seed-{self.seed}"


class Curves:
    """The curves of a run folder, which may still grow: each row is given once.

    Args:
        run: the run folder; it need not exist yet.
    """

    def __init__(self, run: RunFolder):
        self.run = run
        self._done: dict[Curve, int] = {}

    def fresh(self) -> Iterator[tuple[Curve, pl.DataFrame]]:
        """Every curve with rows that are new since the last time, and these rows, by update.

        They count as given when the next curve is asked for: if writing them fails, they are given again.

        Raises:
            RecordError: if a file cannot be read.
        """
        by_curve = read_curves(self.run).group_by("arm", "run", "seed", maintain_order=True)
        for (arm, group, seed), rows in by_curve:
            curve = Curve(arm, group, seed)
            fresh = rows.filter(pl.col("update") > self._done.get(curve, 0)).sort("update", maintain_order=True)
            if not fresh.is_empty():
                yield curve, fresh
                self._done[curve] = fresh["update"].max()


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


def no_curves(run: RunFolder) -> RecordError:
    """The error of a run in which there is nothing to write."""
    return RecordError(f"{run.path} has no training curves: nothing in it has learned yet")
