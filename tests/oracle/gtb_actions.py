"""Random actions for parity runs of the gather-trade-build economy: legal and illegal ones, and livelier than uniform.

Drawn uniformly, most actions of a citizen would be orders in the market, since most actions are. So a kind of action
(build, buy, sell, move) comes first, then one action of the kind. Axes: `n` citizens, `d` kinds, `b` brackets.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

IDLE, LAWLESS, OUTSIDE = 0.1, 0.2, 0.03
"""Shares of citizens who do nothing, who ignore what is legal, and who name no action at all."""


def citizens(rng: np.random.Generator, sizes: Sequence[int], legal: np.ndarray, *, is_multi: bool) -> np.ndarray:
    """Draw an action for everybody.

    Args:
        sizes: actions of each kind besides doing nothing.
        legal: [n, sum of sizes], what the reference or fisc allows, without doing nothing.
        is_multi: whether a citizen does one thing of every kind at a step.

    Returns:
        [n] indices over all kinds, 0 doing nothing; or [n, d] indices within each kind.
    """
    n, starts = len(legal), np.concatenate([[0], np.cumsum(sizes)])
    if not len(sizes):
        return np.zeros((n, 0), int) if is_multi else np.zeros(n, int)
    allowed = np.where(rng.random((n, 1)) < LAWLESS, True, legal.astype(bool))
    within = np.stack([_pick(rng, allowed[:, a:z]) for a, z in pairwise(starts)], axis=1)
    idle = rng.random(within.shape) < IDLE
    within = np.where(idle, 0, within)
    if is_multi:
        outside = rng.choice([-2, *(np.array(sizes) + 1), 999], within.shape)
        outside = np.where((outside >= 0) & (outside <= np.array(sizes)), 999, outside)
        return np.where(rng.random(within.shape) < OUTSIDE, outside, within)
    # Of the kinds in which something is possible, one; citizens for whom nothing is possible do nothing.
    kind = np.argmax(np.where(within > 0, rng.random(within.shape), -1.0), axis=1)
    chosen = within[np.arange(n), kind]
    single = np.where(chosen > 0, starts[kind] + chosen, 0)
    return np.where(rng.random(n) < OUTSIDE, rng.choice([-1, starts[-1] + 1, 999], n), single)


def planner(rng: np.random.Generator, sizes: Sequence[int], *, is_multi: bool) -> np.ndarray:
    """Draw a rate index for every bracket, [b], at any time and not always legal; 0 keeps the rate."""
    sizes = np.asarray(sizes)
    chosen = rng.integers(0, sizes + 1)
    chosen = np.where(rng.random(len(sizes)) < OUTSIDE, rng.choice([-1, 999], len(sizes)), chosen)
    return chosen if is_multi else np.where(np.arange(len(sizes)) == rng.integers(len(sizes)), chosen, 0)


def one_choice(chosen: np.ndarray, sizes: Sequence[int]) -> int:
    """A planner's action as one number among all rates of all brackets. `chosen`: [b], at most one is not 0."""
    acting = np.flatnonzero(chosen)
    if not len(acting):
        return 0
    b = int(acting[0])
    # What is no rate of its bracket is no rate of another one either.
    return sum(sizes[:b]) + int(chosen[b]) if 1 <= chosen[b] <= sizes[b] else int(np.sign(chosen[b])) * 9999


def _pick(rng: np.random.Generator, allowed: np.ndarray) -> np.ndarray:
    """One allowed column of each row, counted from 1; 0 where none is allowed."""
    scores = np.where(allowed, rng.random(allowed.shape), -1.0)
    return np.where(allowed.any(axis=1), np.argmax(scores, axis=1) + 1, 0)
