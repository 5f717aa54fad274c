"""Comparing two programs number by number: the first difference ends the match, and agreements are counted."""

from dataclasses import dataclass, field

import numpy as np


class Mismatch(AssertionError):
    """The first difference that was found."""

    def __init__(self, where: str, what: str, ours, theirs):
        super().__init__(f"{where}: {what}\n  ours:   {_short(ours)}\n  theirs: {_short(theirs)}")
        self.where, self.what, self.ours, self.theirs = where, what, ours, theirs


@dataclass
class Tally:
    """What has been compared so far."""

    tolerance: float = 1e-9
    """Largest difference, relative to the larger of 1 and the reference's number."""
    where: str = "construction"
    """Episode and step, for the report of a mismatch."""
    steps: int = 0
    values: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    """Values compared of each kind: observation, mask, reward, …"""

    def check(self, kind: str, what: str, ours, theirs, tolerance: float | None = None) -> None:
        """Compare two numbers, arrays, lists or dictionaries of them.

        Raises:
            Mismatch: if keys, shapes or numbers differ.
        """
        if isinstance(ours, dict) or isinstance(theirs, dict):
            if set(ours) != set(theirs):
                raise Mismatch(self.where, f"{kind} {what}: keys", sorted(set(ours)), sorted(set(theirs)))
            for key in theirs:
                self.check(kind, f"{what}[{key}]", ours[key], theirs[key], tolerance)
            return
        # A copy: the reference returns some of its internal arrays and overwrites them later.
        ours, theirs = np.array(ours, float), np.array(theirs, float)
        if ours.shape != theirs.shape:
            raise Mismatch(self.where, f"{kind} {what}: shape", ours.shape, theirs.shape)
        bound = (self.tolerance if tolerance is None else tolerance) * np.maximum(1.0, np.abs(theirs))
        # Written so that NaN on either side fails.
        if not np.all(np.abs(ours - theirs) <= bound):
            raise Mismatch(self.where, f"{kind} {what}", ours, theirs)
        self.values += theirs.size
        self.by_kind[kind] = self.by_kind.get(kind, 0) + theirs.size

    def summary(self) -> str:
        """One line: how many steps, and how many values of each kind, agreed."""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.by_kind.items()))
        return f"{self.steps:,} steps, {self.values:,} values ({kinds})"


def _short(value) -> str:
    return np.array2string(np.asarray(value), threshold=40, max_line_width=160) if _is_numeric(value) else repr(value)


def _is_numeric(value) -> bool:
    return np.asarray(value).dtype.kind in "bif"
