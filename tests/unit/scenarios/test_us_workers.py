"""US workers: the shipped sample, its Pareto tail, populations drawn from it, and skills recovered from wages."""

from importlib.resources import files

import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.economies.one_step.best_response import outcome
from fisc.scenarios import build
from fisc.scenarios.registry import load_scenario
from fisc.scenarios.us_workers import ParetoTail, fit_pareto_tail, load_wages, recover_skills, wage_quantiles
from fisc.taxes.fixed import fixed
from fisc.taxes.us_federal import load_law

# Kind: stored golden. Millions of workers and billions of dollars of 2024 in the whole survey file, computed from all
# its records (us_workers.PROVENANCE.md).
SURVEY_TOTALS = {
    "single": (62.502535, 2_923.438564),
    "joint": (85.625003, 7_227.707587),
    "separate": (2.293039, 141.924964),
    "head": (17.396989, 855.319282),
    "all": (167.817565, 11_148.390397),
}


def best_response(
    skills: np.ndarray, cost: float, cutoffs: np.ndarray, rates: np.ndarray, elasticity: float
) -> np.ndarray:
    """Wages that maximize z - T(z) - cost * (z / skill)**delta, found by trying everything that can be optimal.

    With a piecewise linear tax that is the tangency of each bracket, where it falls inside it, and the cutoffs.
    """
    delta = 1 + 1 / elasticity
    upper = np.append(cutoffs[1:], np.inf)
    labor = ((1 - rates) * skills[:, None] / (cost * delta)) ** elasticity  # (N, B)
    tangency = np.clip(skills[:, None] * labor, cutoffs, upper)  # outside its bracket it becomes a cutoff
    candidates = np.hstack([tangency, np.broadcast_to(cutoffs, tangency.shape)])
    slices = np.clip(candidates[..., None], cutoffs, upper) - cutoffs  # (N, 2B, B): income inside each bracket
    utility = candidates - slices @ rates - cost * (candidates / skills[:, None]) ** delta
    return candidates[np.arange(len(skills)), utility.argmax(axis=1)]


def law_on_wages(year: int = 2024, status: str = "single") -> tuple[np.ndarray, np.ndarray]:
    law = load_law(year, status).with_standard_deduction()
    return np.array(law.cutoffs), np.array(law.rates)


# The sample ---------------------------------------------------------------------------------------------------------


def test_the_sample_is_small_enough_to_ship() -> None:
    """Property: at most one megabyte."""
    assert len((files("fisc.scenarios") / "data" / "us_workers.parquet").read_bytes()) <= 1_000_000


@pytest.mark.parametrize("status", SURVEY_TOTALS)
def test_the_sample_keeps_the_workers_and_wages_of_the_survey(status: str) -> None:
    """Stored golden; the tolerance is the sampling error the build script allows."""
    wages, weights = load_wages(2024, status, lowest_wage=0.0)
    workers, total = SURVEY_TOTALS[status]
    assert weights.sum() / 1e6 == pytest.approx(workers, rel=1e-3)
    assert wages @ weights / 1e9 == pytest.approx(total, rel=1e-3)


def test_the_sample_keeps_the_wage_quantiles_of_single_filers() -> None:
    """Stored golden: quantiles of all 84,315 survey records, dollars of 2024; within 1%, the heaping of wages."""
    wages, weights = load_wages(2024, lowest_wage=0.0)
    position = np.cumsum(weights) / weights.sum()
    quantiles = np.interp([0.10, 0.25, 0.50, 0.75, 0.90, 0.99], position, wages)
    np.testing.assert_allclose(quantiles, [6_179, 13_752, 31_631, 58_022, 94_705, 247_670], rtol=0.01)


def test_wages_are_ascending_positive_and_weighted() -> None:
    """Property."""
    wages, weights = load_wages(2024)
    assert wages.dtype == weights.dtype == np.float64 and wages.shape == weights.shape
    assert (np.diff(wages) >= 0).all() and wages[0] >= 1_000 and (weights > 0).all()


def test_another_year_is_the_same_sample_scaled_by_average_wages() -> None:
    """Stored golden: wages grew 4.1912% in 2025 (AWAGE); closed form: 2013 is undone by the growth of 2014..2024."""
    wages, weights = load_wages(2024)
    wages_2025, weights_2025 = load_wages(2025)
    np.testing.assert_allclose(wages_2025, 1.041912 * wages, rtol=1e-6)
    np.testing.assert_array_equal(weights_2025, weights)
    growth = [
        1.039999,
        1.024119,
        1.006659,
        1.040577,
        1.041821,
        1.039292,
        1.006381,
        1.08209,
        1.069673,
        1.047498,
        1.048019,
    ]
    np.testing.assert_allclose(load_wages(2013)[0] * np.prod(growth), wages, rtol=1e-5)


def test_unknown_years_statuses_and_floors_are_errors() -> None:
    """Property: the message says what is allowed."""
    with pytest.raises(ConfigError, match="no US wages for year 2031: fisc ships 2013-2026"):
        load_wages(2031)
    with pytest.raises(ConfigError, match="did you mean 'joint'"):
        load_wages(2024, "joined")
    with pytest.raises(ConfigError, match="lowest_wage is -1"):
        load_wages(2024, lowest_wage=-1)


# The tail -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("censor_quantile", [0.995, 1.0])
@pytest.mark.parametrize("parameter", [1.5, 2.0, 3.0])
def test_the_tail_estimator_recovers_the_parameter_of_a_pareto_sample(parameter: float, censor_quantile: float) -> None:
    """Closed form: draws with parameter 0.8 a, weighted by the ratio of densities z**(-0.2 a), are Pareto with a."""
    rng = np.random.default_rng(0)
    wages = np.sort(1_000 * (1 - rng.random(200_000)) ** (-1 / (0.8 * parameter)))
    weights = (wages / 1_000) ** (-0.2 * parameter)
    tail = fit_pareto_tail(wages, weights, 0.9, censor_quantile)
    # About 30,000 draws in the tail: standard error a / sqrt(30,000) = 0.6%, a little more as they are weighted.
    assert tail.parameter == pytest.approx(parameter, rel=0.03)
    assert tail.share == pytest.approx(0.1, rel=1e-3)
    assert tail.threshold == pytest.approx(1_000 * 0.1 ** (-1 / parameter), rel=0.02)


def test_a_capped_top_does_not_move_the_censored_estimate() -> None:
    """Property: what happens above the censoring point is not looked at. Hill's estimator is fooled."""
    wages = 1_000 * (1 - (np.arange(100_000) + 0.5) / 100_000) ** (-1 / 2)  # Pareto quantiles, a = 2
    weights = np.ones_like(wages)
    capped = np.minimum(wages, np.quantile(wages, 0.996))
    assert fit_pareto_tail(capped, weights).parameter == pytest.approx(2.0, rel=0.01)
    assert fit_pareto_tail(capped, weights, censor_quantile=1.0).parameter > 2.2


def test_us_wages_have_a_pareto_tail_in_the_range_of_the_literature() -> None:
    """Stored golden: 2.13 for single filers; between 1.7 and 3 for every large filing status."""
    tail = fit_pareto_tail(*load_wages(2024, "single"))
    assert tail.parameter == pytest.approx(2.134, abs=0.01)
    assert tail.threshold == pytest.approx(152_697, rel=1e-3)
    assert tail.share == pytest.approx(0.03, abs=1e-3)
    for status in ("joint", "head", "all"):
        assert 1.7 < fit_pareto_tail(*load_wages(2024, status)).parameter < 3.0


def test_a_tail_of_too_few_rows_or_crossed_quantiles_is_an_error() -> None:
    """Property."""
    wages = np.arange(1.0, 101.0)
    with pytest.raises(ConfigError, match="needs 50"):
        fit_pareto_tail(wages, np.ones(100))
    with pytest.raises(ConfigError, match="threshold < censor"):
        fit_pareto_tail(wages, np.ones(100), 0.99, 0.9)


# The population -----------------------------------------------------------------------------------------------------


def test_a_population_without_randomness_has_the_quantiles_of_the_sample() -> None:
    """Closed form: worker i of N stands at quantile (i + 1/2) / N, checked below the tail."""
    wages, weights = load_wages(2024)
    population = wage_quantiles(2024, "single", 1_000)
    expected = np.interp((np.arange(900) + 0.5) / 1_000, np.cumsum(weights) / weights.sum(), wages)
    np.testing.assert_allclose(population[:900], expected, rtol=0.01)
    assert (np.diff(population) >= 0).all()


def test_the_top_of_a_population_is_pareto() -> None:
    """Closed form: the quantile p of the tail is threshold * (share / (1 - p))**(1/a)."""
    tail = ParetoTail(parameter=2.0, threshold=150_000.0, share=0.04)
    population = wage_quantiles(2024, "single", 10_000, tail=tail)
    quantiles = (np.arange(9_600, 10_000) + 0.5) / 10_000
    np.testing.assert_allclose(population[9_600:], 150_000 * (0.04 / (1 - quantiles)) ** 0.5, rtol=1e-9)
    assert population[9_599] <= 150_000


def test_stratified_draws_repeat_with_the_seed_and_stay_in_their_strata() -> None:
    """Property: same seed, same workers; worker i between the quantiles i/N and (i+1)/N, so the order is kept."""
    first, again, other = (wage_quantiles(2024, "single", 100, np.random.default_rng(seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    fine = wage_quantiles(2024, "single", 10_000).reshape(100, 100)  # row i: the stratum of worker i
    assert (np.diff(first) >= 0).all()
    assert (first[1:] >= fine[:-1, -1]).all() and (first[:-1] <= fine[1:, 0]).all()


def test_random_populations_have_the_mean_wage_of_the_distribution() -> None:
    """Property: a stratified draw is unbiased.

    Wages are capped at the threshold of the tail, above which means converge slowly. Fifty populations of 100 are good
    to about 0.03% then; the rest of the tolerance is for the interpolation between survey wages.
    """
    wages, weights = load_wages(2024)
    cap = fit_pareto_tail(wages, weights).threshold
    populations = [wage_quantiles(2024, "single", 100, np.random.default_rng(seed)) for seed in range(50)]
    expected = np.minimum(wages, cap) @ weights / weights.sum()
    assert np.minimum(populations, cap).mean() == pytest.approx(expected, rel=0.002)


def test_no_worker_earns_less_than_the_lowest_wage() -> None:
    """Property: the floor is an argument, in dollars of 2024, and scales with wages."""
    assert wage_quantiles(2024, "single", 5_000, lowest_wage=12_000.0)[0] >= 12_000
    assert wage_quantiles(2024, "single", 5_000, lowest_wage=0.0)[0] < 1_000
    np.testing.assert_allclose(wage_quantiles(2025, "single", 50), 1.041912 * wage_quantiles(2024, "single", 50))


def test_impossible_populations_are_errors() -> None:
    """Property."""
    with pytest.raises(ConfigError, match="num_workers is 0"):
        wage_quantiles(2024, "single", 0)
    with pytest.raises(ConfigError, match="tail starts at 500"):
        wage_quantiles(2024, "single", 10, tail=ParetoTail(2.0, 500.0, 0.5))


# Skills -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("elasticity", [0.05, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("year", [2013, 2024])
def test_a_recovered_skill_is_one_whose_best_wage_is_the_observed_one(year: int, elasticity: float) -> None:
    """Property, against a brute-force best response: every worker chooses the wage the skill was recovered from."""
    cutoffs, rates = law_on_wages(year)
    wages = wage_quantiles(year, "single", 1_000)
    skills, cost = recover_skills(wages, cutoffs, rates, elasticity)
    assert np.isfinite(skills).all() and (skills > 0).all() and np.isfinite(np.float32(cost))
    chosen = best_response(skills, cost, cutoffs, rates, elasticity)
    np.testing.assert_allclose(chosen, wages, rtol=1e-6)


@pytest.mark.parametrize("elasticity, workers", [(0.1, 1_000), (0.25, 50), (0.25, 5_000), (0.5, 1_000), (1.0, 200)])
def test_under_current_law_the_economy_reproduces_the_observed_wages(elasticity: float, workers: int) -> None:
    """Property of the economy that is compared, in the single precision in which it is played.

    Wages are those that the population was calibrated on: the first draw of the seed.
    """
    keys = {"workers": workers, "labor_exponent": 1 + 1 / elasticity, "max_labor": 1_000.0}
    scenario = load_scenario("us-2024", {f"economy.{key}": value for key, value in keys.items()})
    people = build.population(scenario, seed=3)
    economy = build.make_economy(scenario, people, fixed(people.cutoffs, people.law_rates))
    income = np.asarray(outcome(economy, jnp.asarray(people.law_rates, jnp.float32)).income)
    wages = wage_quantiles(2024, "single", workers, np.random.default_rng(3))
    quantiles = [0.02, *np.arange(0.1, 1.0, 0.1), 0.98, 1.0]
    np.testing.assert_allclose(np.quantile(income, quantiles), np.quantile(wages, quantiles), rtol=0.02)
    assert income.mean() == pytest.approx(wages.mean(), rel=0.02)


def test_without_taxes_skills_have_a_closed_form() -> None:
    """Closed form: with T = 0, labor = (z / median)**(1 / delta) and c = median / delta.

    Elasticity 1: delta = 2; the median 40,000 works 1 full-time year, 10,000 works sqrt(1/4) and 160,000 sqrt(4).
    """
    skills, cost = recover_skills(np.array([10_000.0, 40_000.0, 160_000.0]), np.zeros(1), np.zeros(1), 1.0)
    np.testing.assert_allclose(skills, [20_000, 40_000, 80_000])
    assert cost == pytest.approx(20_000)


def test_the_worker_with_the_median_wage_works_one_full_time_year() -> None:
    """Closed form: the normalization; half a year if asked."""
    cutoffs, rates = law_on_wages()
    wages = np.array([20_000.0, 50_000.0, 300_000.0])
    assert recover_skills(wages, cutoffs, rates, 0.3).skills[1] == pytest.approx(50_000)
    assert recover_skills(wages, cutoffs, rates, 0.3, median_labor=0.5).skills[1] == pytest.approx(100_000)


@pytest.mark.parametrize("elasticity", [0.05, 0.5, 1.0])
def test_a_wage_at_a_cutoff_gets_the_lowest_skill_that_bunches_there(elasticity: float) -> None:
    """Property: the worker chooses the cutoff, and so does one more skilled, but not one less skilled."""
    cutoffs, rates = law_on_wages()
    kink = cutoffs[3]
    skills, cost = recover_skills(np.array([30_000.0, 40_000.0, kink]), cutoffs, rates, elasticity)
    nearby = skills[2] * np.array([0.999, 1.0, 1.001])
    below, at, above = best_response(nearby, cost, cutoffs, rates, elasticity)
    assert at == pytest.approx(kink) and above == pytest.approx(kink)
    assert below < kink * 0.9995


def test_wages_and_laws_that_no_skill_explains_are_errors() -> None:
    """Property."""
    cutoffs, rates = law_on_wages()
    with pytest.raises(ConfigError, match="positive dollars"):
        recover_skills(np.array([0.0, 1.0]), cutoffs, rates, 0.5)
    with pytest.raises(ConfigError, match="never fall"):
        recover_skills(np.array([1.0]), cutoffs, rates[::-1], 0.5)
    with pytest.raises(ConfigError, match="must increase from 0"):
        recover_skills(np.array([1.0]), cutoffs[::-1], rates, 0.5)
    with pytest.raises(ConfigError, match="elasticity 0"):
        recover_skills(np.array([1.0]), cutoffs, rates, 0.0)
