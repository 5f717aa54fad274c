"""US wage earners: their wages, a population drawn from them, and the skills that explain the wages under a tax law.

The wages come from a weighted survey sample of 2024 (`data/us_workers.PROVENANCE.md`); another year is the same sample
scaled by the growth of average wages, so the shape of the distribution is kept fixed over 2013-2026.
Axes: `M` sample rows, `N` workers of a population, `B` brackets. Money in dollars a year.
"""

import io
import json
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import polars as pl

from fisc.core.errors import ConfigError, unknown

STATUSES = ("single", "joint", "separate", "head")
EVERYONE = "all"
"""Workers of every filing status together."""

LOWEST_WAGE = 1_000.0
"""Dollars of 2024 a year. Below it are odd jobs of a few days (1.0% of workers, 1.4% of the single filers): a model of
hours chosen over a full year would read them as very low skill."""

HOURS_PER_FULL_TIME_YEAR = 2_000.0
"""Fifty weeks of forty hours: what a labor of 1.0 means."""

MIN_TAIL_ROWS = 50
"""Fewer sample rows above the threshold cannot tell a tail parameter from noise (standard error above 14%)."""


class ParetoTail(NamedTuple):
    """Top of the wage distribution: P(wage > z) = share * (threshold / z)**parameter for z >= threshold."""

    parameter: float
    """Pareto parameter a, above 1; smaller means a fatter tail."""
    threshold: float
    """Dollars a year."""
    share: float
    """Fraction of workers at or above the threshold."""


class RecoveredSkills(NamedTuple):
    """Skills that make a population's observed wages its best response, and the labor cost they were found with."""

    skills: np.ndarray
    """Shape (N,): dollars per full-time year of labor."""
    labor_cost: float
    """c in utility = consumption - c * labor**(1 + 1/elasticity), dollars; labor in full-time years."""


@lru_cache(maxsize=1)
def _read_workers() -> pl.DataFrame:
    data = (files("fisc.scenarios") / "data" / "us_workers.parquet").read_bytes()
    return pl.read_parquet(io.BytesIO(data))


@lru_cache(maxsize=1)
def _read_wage_growth() -> dict[int, float]:
    """Return average wages relative to 2024, by year."""
    content = json.loads((files("fisc.scenarios") / "data" / "us_wage_growth.json").read_text(encoding="utf-8"))
    return {int(year): factor for year, factor in content["factor"].items()}


def load_wages(year: int, status: str = "single", lowest_wage: float = LOWEST_WAGE) -> tuple[np.ndarray, np.ndarray]:
    """Return the annual wages of US wage earners and the number of people each stands for.

    Args:
        year: in whose dollars the wages are; the workers are those of 2024 in every year.
        status: filing status, or "all". Spouses who file jointly are two workers, each with their own wages; the law
            of joint filers taxes the sum of both, so it does not apply to the wages of one.
        lowest_wage: workers below it are left out, dollars of 2024 a year, >= 0.

    Returns:
        wages: (M,) float64, dollars of `year`, ascending.
        weights: (M,) float64, persons in 2024.

    Raises:
        ConfigError: unknown year or filing status, or a negative lowest wage.
    """
    growth = _read_wage_growth()
    if year not in growth:
        raise ConfigError(f"no US wages for year {year}: fisc ships {min(growth)}-{max(growth)} (us_wage_growth.json)")
    if status not in (*STATUSES, EVERYONE):
        raise unknown("US filing status", status, (*STATUSES, EVERYONE))
    if not 0.0 <= lowest_wage < np.inf:
        raise ConfigError(f"lowest_wage is {lowest_wage}: expected dollars of 2024 a year, zero or more")
    workers = _read_workers().filter(pl.col("wage") >= lowest_wage)
    if status != EVERYONE:
        workers = workers.filter(pl.col("status") == status)
    workers = workers.sort("wage", "age", "weight")
    return workers["wage"].cast(pl.Float64).to_numpy() * growth[year], workers["weight"].cast(pl.Float64).to_numpy()


def _weighted_quantile(probabilities: np.ndarray, wages: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Interpolate the weighted empirical quantile function; `wages` ascending, each in the middle of its own weight."""
    positions = (np.cumsum(weights) - 0.5 * weights) / weights.sum()
    return np.interp(probabilities, positions, wages)


def fit_pareto_tail(
    wages: np.ndarray, weights: np.ndarray, threshold_quantile: float = 0.97, censor_quantile: float = 0.995
) -> ParetoTail:
    """Estimate the Pareto tail of a wage distribution by weighted maximum likelihood, censored at the very top.

        a = sum_{t <= z < C} w / sum_{z >= t} w log(min(z, C) / t)

    with t and C the wages at `threshold_quantile` and `censor_quantile`. Wages above C count as "more than C" only;
    with `censor_quantile=1` nothing is censored and this is Hill's estimator.

    Args:
        wages: (M,) dollars, ascending.
        weights: (M,) persons.
        threshold_quantile: where the tail starts, in (0, 1).
        censor_quantile: above it wages are not trusted, in (threshold_quantile, 1].

    Raises:
        ConfigError: quantiles out of order, too few rows between them, or a tail so fat that its mean is infinite.

    Source: Hill (1975), Annals of Statistics 3(5); for the censored form, exponential maximum likelihood of log(z / t).
    """
    if not 0.0 < threshold_quantile < censor_quantile <= 1.0:
        raise ConfigError(
            f"threshold_quantile {threshold_quantile} and censor_quantile {censor_quantile}:"
            " expected 0 < threshold < censor <= 1"
        )
    # Why censor. Above about 370,000 dollars of 2024 (250,000 when surveyed) the survey office swaps earnings between
    # respondents of similar rank and rounds them, and it records no main job above 1,099,999: the raw data heap there
    # (270,000 workers between 1.4 and 1.8 million of 2024, and next to none above). For single filers the swapping
    # starts at the 0.995 quantile. Hill's estimator takes swapped and capped values at face value, and drifts from 2.2
    # to 1.6 as the threshold moves from the 95th to the 99th percentile; the censored one only counts people above C.
    threshold = float(_weighted_quantile(threshold_quantile, wages, weights))
    censor = float(_weighted_quantile(censor_quantile, wages, weights)) if censor_quantile < 1.0 else np.inf
    in_tail = wages >= threshold
    observed = in_tail & (wages < censor)
    if observed.sum() < MIN_TAIL_ROWS:
        raise ConfigError(
            f"{observed.sum()} sample rows between the quantiles {threshold_quantile} and {censor_quantile}:"
            f" a Pareto tail needs {MIN_TAIL_ROWS}; lower threshold_quantile"
        )
    log_excess = np.log(np.minimum(wages[in_tail], censor) / threshold)
    parameter = float(weights[observed].sum() / (weights[in_tail] @ log_excess))
    if parameter <= 1.0:
        raise ConfigError(f"the Pareto parameter is {parameter:.2f}: at 1 or below, mean wages would be infinite")
    return ParetoTail(parameter, threshold, float(weights[in_tail].sum() / weights.sum()))


def wage_quantiles(
    year: int,
    status: str,
    num_workers: int,
    rng: np.random.Generator | None = None,
    tail: ParetoTail | None = None,
    lowest_wage: float = LOWEST_WAGE,
) -> np.ndarray:
    """Return the wages of a population of equally weighted workers.

    Worker i stands at the quantile (i + u_i) / num_workers of the wage distribution: the survey's below the tail's
    threshold (interpolated), Pareto above it.

    Args:
        year, status, lowest_wage: as in `load_wages`.
        num_workers: N, at least 1.
        rng: draws u_i from [0, 1), one worker in each of N equal strata; advanced. None puts each worker in the middle
            of the stratum, u_i = 0.5: no randomness, but the top worker then earns less than the mean of the top
            stratum, and total wages fall short (by 2.8% for 100 single filers, by 0.8% for 1000).
        tail: top of the distribution, threshold in dollars of `year`. None fits it to the sample.

    Returns:
        (N,) float64, dollars of `year` a year, ascending.

    Raises:
        ConfigError: as in `load_wages`, no workers, or a tail that starts below the lowest wage.
    """
    if num_workers < 1:
        raise ConfigError(f"num_workers is {num_workers}: expected at least 1")
    wages, weights = load_wages(year, status, lowest_wage)
    if tail is None:
        tail = fit_pareto_tail(wages, weights)
    in_body = wages < tail.threshold
    if not in_body.any():
        raise ConfigError(f"the Pareto tail starts at {tail.threshold:,.0f}: no {status} wage of {year} lies below it")

    offsets = np.full(num_workers, 0.5) if rng is None else rng.random(num_workers)
    quantiles = (np.arange(num_workers) + offsets) / num_workers
    body_share = 1.0 - tail.share
    body = _weighted_quantile(quantiles / body_share, wages[in_body], weights[in_body])
    # `where` computes both branches for everyone; the minimum keeps the unused one at the threshold.
    tail_wages = tail.threshold * (tail.share / np.minimum(1.0 - quantiles, tail.share)) ** (1.0 / tail.parameter)
    return np.where(quantiles < body_share, body, tail_wages)


def recover_skills(
    wages: np.ndarray,
    law_cutoffs: np.ndarray,
    law_rates: np.ndarray,
    elasticity: float,
    median_labor: float = 1.0,
) -> RecoveredSkills:
    """Find the skills with which workers who face a tax law choose the wages that are observed.

    A worker with skill s who supplies labor l earns z = s l and chooses l to maximize z - T(z) - c l**delta, with
    delta = 1 + 1/elasticity. In a bracket with marginal rate tau the first-order condition is

        (1 - tau) s = c delta l**(delta - 1)        so        l = ((1 - tau) z / (c delta))**(1 / delta),   s = z / l.

    Only z is observed, so the level of l is a choice of unit: c is set such that the worker with the median wage works
    `median_labor`. Labor is measured in full-time years and not in hours because hours**delta, with delta = 21 at an
    elasticity of 0.05, is about 1e69 and overflows single precision; hours = HOURS_PER_FULL_TIME_YEAR * labor.

    Args:
        wages: (N,) dollars a year, > 0, any order.
        law_cutoffs: (B,) lower ends of the brackets, dollars a year, increasing from 0; on gross wages.
        law_rates: (B,) marginal rates, fractions below 1, not falling with income.
        elasticity: of labor with respect to the net-of-tax wage, > 0. There are no income effects.
        median_labor: full-time years worked at the median wage, > 0.

    Raises:
        ConfigError: wages, law or parameters out of range.

    Source: Saez (2001), Review of Economic Studies 68, section 5: skills calibrated from an observed distribution of
    earnings, given the actual tax schedule. Differs: utility is quasilinear, as in Diamond (1998).
    """
    wages, cutoffs, rates = (np.asarray(values, np.float64) for values in (wages, law_cutoffs, law_rates))
    _check_calibration(wages, cutoffs, rates, elasticity, median_labor)
    delta = 1.0 + 1.0 / elasticity

    def net_of_tax_wage(z: np.ndarray) -> np.ndarray:
        """What is left of a wage of which every dollar is taxed at the marginal rate."""
        # Workers of many skills bunch at a cutoff: everyone too skilled to stop below it at the lower rate and not
        # skilled enough to pass it at the higher rate. side="left" gives a wage exactly at a cutoff the lower rate,
        # that is, the lowest skill of those who bunch; that worker's best response is the cutoff itself.
        bracket = np.searchsorted(cutoffs, z, side="left") - 1
        return (1.0 - rates[bracket]) * z

    net_of_tax_median = float(net_of_tax_wage(np.median(wages)))
    labor_cost = net_of_tax_median / (delta * median_labor**delta)
    # The ratio to the median replaces c in the formula for l: no power of a large number is ever taken.
    labor = median_labor * (net_of_tax_wage(wages) / net_of_tax_median) ** (1.0 / delta)
    return RecoveredSkills(wages / labor, labor_cost)


def _check_calibration(
    wages: np.ndarray, cutoffs: np.ndarray, rates: np.ndarray, elasticity: float, median_labor: float
) -> None:
    """Raise ConfigError unless skills can be recovered."""
    if wages.ndim != 1 or not len(wages) or not (np.isfinite(wages).all() and (wages > 0.0).all()):
        raise ConfigError("wages must be a list of positive dollars: without a wage a worker's skill is not identified")
    if cutoffs.shape != rates.shape or not len(cutoffs) or cutoffs[0] != 0.0 or (np.diff(cutoffs) <= 0.0).any():
        raise ConfigError(f"law_cutoffs must increase from 0, one for each of the {rates.size} rates: got {cutoffs}")
    if (rates >= 1.0).any() or (np.diff(rates) < 0.0).any():
        # Where the rate falls the budget set is not convex: no worker chooses a wage near such a cutoff, so an observed
        # wage there has no skill that explains it.
        raise ConfigError(f"law_rates must be below 1 and never fall as wages rise: got {rates}")
    if not 0.0 < elasticity < np.inf or not 0.0 < median_labor < np.inf:
        raise ConfigError(f"elasticity {elasticity} and median_labor {median_labor}: both must be positive")
