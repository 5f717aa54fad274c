"""A mean over seeds with its bootstrap interval."""

from collections.abc import Iterable

import numpy as np
from scipy import stats

from fisc.records.errors import RecordError

Interval = tuple[float | None, float | None, float | None]


def bootstrap_interval(
    values: Iterable[float], confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Return the mean of values and its percentile bootstrap interval, as wide as so few values need it: see `tail`.

    Args:
        values: one number per seed.
        confidence: coverage of the interval, in (0, 1).
        resamples: number of bootstrap samples.
        seed: seed of the resampling; the same values always give the same interval.

    Returns:
        `(mean, low, high)`. One value has no interval: `low` and `high` are None. If any value is
        not finite all three are None, as a mean over the seeds that went well would mislead.

    Raises:
        RecordError: if there is no value, or on a confidence outside (0, 1).

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, section 13.3; see `tail`.
    """
    sample = np.asarray(list(values), dtype=float)
    if sample.size == 0:
        raise RecordError("no values given for an interval, expected one per seed: run at least one seed")
    if not 0 < confidence < 1:
        raise RecordError(f"confidence {confidence} given, expected a fraction in (0, 1) such as 0.95")
    if not np.isfinite(sample).all():
        return None, None, None
    mean = float(sample.mean())
    if sample.size == 1:
        return mean, None, None
    if np.ptp(sample) == 0:
        return mean, mean, mean  # No spread to resample; scipy would warn of a degenerate distribution.
    interval = stats.bootstrap(
        (sample,), np.mean, confidence_level=1 - 2 * tail(sample.size, confidence), n_resamples=resamples,
        method="percentile", vectorized=True, random_state=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return mean, float(interval.low), float(interval.high)


def tail(num: int, confidence: float = 0.95) -> float:
    """Share of the resamples of `num` values that an interval leaves out on either side.

    Resampled means vary less than means do, by sqrt((n - 1)/n), and say nothing of how little a few values know of
    their own spread. So the tail of the normal law is taken as far out as Student's t interval reaches. Of five values
    from a normal law 85 % of plain percentile intervals hold the mean, and 92 % of these.

    >>> [round(tail(num), 4) for num in (5, 10, 100)]
    [0.001, 0.0086, 0.0231]

    Source: Hesterberg (2015), What Teachers Should Know About the Bootstrap, The American Statistician 69(4), section
    5.3 (expanded percentiles).
    """
    reach = stats.t.ppf((1 + confidence) / 2, num - 1) * np.sqrt(num / (num - 1))
    return float(stats.norm.sf(reach))
