"""Who is different in which way: the published laws, and lists. Plain numbers, the same in every episode.

Axes: `n` consumers, `f` firms.
"""

from collections.abc import Sequence

import numpy as np

from fisc.core.errors import ConfigError, unknown

LABOR_EXPONENTS = (0.2, 0.3, 0.4, 0.6, 0.8)
"""Of the release, for each half of the firms. The paper's table leaves out 0.3, which five firms a half need."""
CAPITALS = ("two_levels", "proportional", "same")
EXPONENTS = ("release", "proportional")


def pareto_disutilities(num: int, base: float = 0.01, shape: float = 4.0) -> np.ndarray:
    """Disutility of labor of each consumer: `base / Q(j / num)`, Q the quantiles of a Pareto law with minimum 1.

    `Q(q) = (1 - q)^(-1 / shape)`; the paper calls `shape` a scale.

    Raises:
        ConfigError: without consumers, or for numbers that are not above 0.
    """
    if num < 1:
        raise ConfigError(f"the number of consumers is {num}: give at least 1")
    for name, value in (("labor disutility", base), ("Pareto shape", shape)):
        if not (np.isfinite(value) and value > 0):
            raise ConfigError(f"the {name} is {value}: give a number above 0")
    return base * (1.0 - np.arange(num) / num) ** (1.0 / shape)


def capitals(num: int, law: str | Sequence[float] = "two_levels") -> np.ndarray:
    """Capital of each firm in dollars: 5,000 in the first half and 10,000 in the second; 0.2 · (i + 1); 1; or a list.

    Raises:
        ConfigError: without firms, for an unknown law, or for a list that does not fit.
    """
    _check_number(num)
    if not isinstance(law, str):
        return _listed("capital", law, num, least=0.0, most=np.inf)
    if law == "two_levels":
        return np.where(np.arange(num) < num / 2, 5000.0, 10000.0)
    if law == "proportional":
        return 0.2 * (np.arange(num) + 1.0)
    if law == "same":
        return np.ones(num)
    raise unknown("law of capital", law, CAPITALS)


def labor_exponents(num: int, law: str | float | Sequence[float] = "release") -> np.ndarray:
    """Exponent of labor of each firm: those of the release, 0.2 · (i mod num / 2 + 1), one for all, or a list.

    Raises:
        ConfigError: for a number of firms that does not fit the law or the list, or an exponent outside [0, 1].
    """
    _check_number(num)
    if isinstance(law, int | float):
        return _listed("labor exponents", [float(law)] * num, num, least=0.0, most=1.0)
    if not isinstance(law, str):
        return _listed("labor exponents", law, num, least=0.0, most=1.0)
    if law == "release":
        if num != 2 * len(LABOR_EXPONENTS):
            raise ConfigError(
                f"there are {num} firms, but the labor exponents of the release are for {2 * len(LABOR_EXPONENTS)}: "
                f"give a list of {num}, or one number for all"
            )
        return np.asarray(LABOR_EXPONENTS * 2)
    if law == "proportional":
        half = max(1, num // 2)
        if half > 5:
            raise ConfigError(
                f"there are {num} firms, but from 12 on proportional labor exponents exceed 1: give a list of {num}"
            )
        return 0.2 * (np.arange(num) % half + 1.0)
    raise unknown("law of labor exponents", law, EXPONENTS)


def _check_number(num: int) -> None:
    if num < 1:
        raise ConfigError(f"the number of firms is {num}: give at least 1")


def _listed(name: str, values: Sequence[float], num: int, least: float, most: float) -> np.ndarray:
    given = np.asarray(values, float)
    if given.shape != (num,):
        raise ConfigError(f"there are {num} firms, but {given.size} {name} are listed: give one for each firm")
    if not np.all(np.isfinite(given) & (given >= least) & (given <= most)):
        allowed = f"in [{least:g}, {most:g}]" if np.isfinite(most) else f"at least {least:g}"
        raise ConfigError(f"{name} are {list(map(float, given))}: every one must be {allowed}")
    return given
