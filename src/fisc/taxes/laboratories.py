"""Versions of one schedule side by side, and where it should go; or schedules in a row, and how far along it is best.

Axes: `v` versions, `b` brackets, `n` slopes in time or schedules asked about.

A planner that changes rates within an economy learns what they are worth to people who have not answered them yet. Here
each version has an economy of its own and keeps its place beside the schedule while that moves slowly, so that its
people have long answered what sets it apart: the difference between versions is what a rate is worth in the long run.

Source: Plackett and Burman (1946), Biometrika 33(4), for versions whose effects can be told apart; Box (1957), Applied
Statistics 6(2), for climbing by comparing versions that are in use; Box and Wilson (1951), Journal of the Royal
Statistical Society B 13(1), for a polynomial through what was tried.
"""

import numpy as np
from jaxtyping import Float

LEAST = 0.25
"""Share of the width that is left at 0 and at 1."""


def directions(num_brackets: int) -> Float[np.ndarray, "v b"]:
    """Whether each version's rates lie above (1) or below (-1) the schedule's.

    Each bracket is up in half of the versions, and any two are up together in a quarter: a column says what its
    bracket does, whatever the others do. There are as many versions as the smallest power of two above `num_brackets`.
    """
    square = np.ones((1, 1))
    while len(square) <= num_brackets:
        square = np.block([[square, square], [square, -square]])
    return square[:, 1 : num_brackets + 1]


def versions(schedule: Float[np.ndarray, " b"], width: float) -> Float[np.ndarray, "v b"]:
    """The rates of each version: `width` above or below the schedule's, less where a rate comes near 0 or 1.

    The versions lie evenly around the schedule, so that the slope is that at the schedule; only closer to 0 or 1 than
    `LEAST` of the width do they lie unevenly, and at 0 or 1 to one side of it.
    """
    room = np.minimum(schedule, 1.0 - schedule)
    widths = np.minimum(width, np.maximum(room, LEAST * width))
    return np.clip(schedule + widths * directions(len(schedule)), 0.0, 1.0)


def slopes(rates: Float[np.ndarray, "v b"], welfare: Float[np.ndarray, " v"]) -> Float[np.ndarray, " b"]:
    """What welfare gains by a rate, from 0 to 1, by comparing the versions; 0 where all have the same rate."""
    apart = rates - rates.mean(axis=0)
    spread = np.sum(apart**2, axis=0)
    return np.where(spread > 0, apart.T @ (welfare - welfare.mean()) / np.where(spread > 0, spread, 1.0), 0.0)


def uphill(slopes: Float[np.ndarray, "n b"], memory: float) -> Float[np.ndarray, " b"]:
    """Where each rate should go by all slopes so far, the latest last, in [-1, 1].

    A running mean of the slopes that began at 0, over the root of the weighted mean of their squares; a slope weighs
    `memory` times as much as the one after it. So n slopes that agree give 1 - memoryⁿ or its negative, and slopes that
    contradict one another something near 0, whatever their unit.
    """
    weights = (1.0 - memory) * memory ** np.arange(len(slopes))[::-1, None]
    size = np.sqrt(np.sum(weights * slopes**2, axis=0) / np.sum(weights))
    return np.sum(weights * slopes, axis=0) / np.where(size > 0, size, 1.0)


def steps(num_moves: int, memory: float, reach: float) -> Float[np.ndarray, " n"]:
    """How far the schedule moves at each of its moves where everything agrees, falling evenly to nothing.

    With `uphill` of slopes that all agree, the moves of a rate add up to `reach`.
    """
    falling = 1.0 - np.arange(1, num_moves + 1) / (num_moves + 1)
    return reach * falling / max(np.sum(falling * (1.0 - memory ** np.arange(1, num_moves + 1))), 1e-9)


def worth(
    rates: Float[np.ndarray, "n b"], welfare: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, " b"]]:
    """What welfare gains by each rate, from 0 to 1, by least squares over schedules drawn at random.

    Returns:
        The slopes and their standard errors.
    """
    apart, change = rates - rates.mean(axis=0), welfare - welfare.mean()
    found = np.linalg.lstsq(apart, change, rcond=None)[0]
    variance = np.sum((change - apart @ found) ** 2) / max(len(welfare) - len(found) - 1, 1)
    return found, np.sqrt(variance * np.diag(np.linalg.pinv(apart.T @ apart)))


def along(
    start: Float[np.ndarray, " b"], worth: Float[np.ndarray, " b"], far: Float[np.ndarray, "*v"], ignores: float = 0.0
) -> Float[np.ndarray, "*v b"]:
    """Schedules so far from `start` in the direction of `worth`, within 0 and 1.

    Rates that would have to leave those bounds at once stay. Of the others the one that is worth most, for better or
    worse, lies `far` from where it began, and those that are worth less than the share `ignores` of that stay too.
    """
    stays = ((start <= 0) & (worth < 0)) | ((start >= 1) & (worth > 0))
    direction = np.where(stays, 0.0, worth)
    direction = direction / max(np.max(np.abs(direction)), 1e-9)
    direction = np.where(np.abs(direction) < ignores, 0.0, direction)
    return np.clip(start + far[..., None] * direction, 0.0, 1.0)


def peak(far: Float[np.ndarray, " v"], welfare: Float[np.ndarray, " v"]) -> float:
    """How far along a row the cubic through what its schedules were worth, by least squares, is highest.

    All of them together say where that is: a lucky one in the middle hardly moves it, while the last one weighs most.
    Of third degree, because welfare falls more steeply where rates are too high than it rises before.
    """
    curve = np.polynomial.Polynomial.fit(far, welfare, 3)
    places = np.linspace(far[0], far[-1], 1001)
    return float(places[np.argmax(curve(places))])
