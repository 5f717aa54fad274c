"""Comparing whole episodes: numbers of all moments at once, and of all differences the earliest one is reported."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .compare import Mismatch, Tally


class Series:
    """Comparisons of one episode. Every array has the moments on its leading axis; the first one is the reset."""

    def __init__(self, tally: Tally, where: Callable[[int], str]):
        self.tally, self.where = tally, where
        self.found: list[tuple[int, Mismatch]] = []

    def check(self, kind: str, what: str, ours, theirs, tolerance: float | None = None, moments=None) -> None:
        """Compare numbers at every moment; see `Tally.check`. `moments`: which ones, if not all."""
        if isinstance(ours, dict) or isinstance(theirs, dict):
            if set(ours) != set(theirs):
                self._note(0, f"{kind} {what}: keys", sorted(set(ours)), sorted(set(theirs)))
                return
            for key in theirs:
                self.check(kind, f"{what}[{key}]", ours[key], theirs[key], tolerance, moments)
            return
        ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
        if ours.shape != theirs.shape:
            self._note(0, f"{kind} {what}: shape", ours.shape, theirs.shape)
            return
        bound = (self.tally.tolerance if tolerance is None else tolerance) * np.maximum(1.0, np.abs(theirs))
        # Written so that NaN on either side fails.
        is_wrong = ~(np.abs(ours - theirs) <= bound)
        if is_wrong.any():
            first = int(np.argmax(is_wrong.reshape(len(is_wrong), -1).any(axis=1)))
            self._note(first if moments is None else moments[first], f"{kind} {what}", ours[first], theirs[first])
        else:
            self._count(kind, theirs.size)

    def check_rows(self, kind: str, what: str, ours: np.ndarray, theirs: Sequence[np.ndarray]) -> None:
        """Compare tables whose length varies. `ours`: rows that begin with the moment; `theirs`: a table for each."""
        ours, listed = ours[np.lexsort(ours.T[::-1])], numbered(theirs)
        listed = listed[np.lexsort(listed.T[::-1])]
        if np.array_equal(ours, listed):
            self._count(kind, listed[:, 1:].size)
            return
        for moment in range(len(theirs)):
            mine, other = (rows[rows[:, 0] == moment, 1:] for rows in (ours, listed))
            if not np.array_equal(mine, other):
                self._note(moment, f"{kind} {what}", mine, other)
                return

    def finish(self) -> None:
        """Report the earliest difference; of several at one moment, the one that was looked for first.

        Raises:
            Mismatch: if there is any.
        """
        if self.found:
            raise min(self.found, key=lambda pair: pair[0])[1]

    def _note(self, moment: int, what: str, ours, theirs) -> None:
        self.found.append((moment, Mismatch(self.where(moment), what, ours, theirs)))

    def _count(self, kind: str, number: int) -> None:
        self.tally.values += number
        self.tally.by_kind[kind] = self.tally.by_kind.get(kind, 0) + number


def numbered(tables: Sequence[np.ndarray]) -> np.ndarray:
    """Put tables below one another, with the number of the table in front of every row."""
    places = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    return np.column_stack([places, np.concatenate(tables)])


def stacked(values: Sequence[Any]) -> Any:
    """Put the same thing at every moment on a new leading axis, also within dictionaries."""
    if isinstance(values[0], dict):
        return {key: stacked([value[key] for value in values]) for key in values[0]}
    return np.stack([np.asarray(value) for value in values])
