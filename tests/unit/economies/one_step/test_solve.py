"""The exact planner's problem, held against theory and against the specification's golden values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.econ.saez import top_rate
from fisc.economies.one_step.best_response import outcome
from fisc.economies.one_step.solve import STARTS, solve, solve_flat, solve_on_grid, weights_of
from fisc.scenarios.build import make_economy, make_tax, population
from fisc.scenarios.registry import load_scenario


def make(name, **overrides):
    """An economy of a scenario in the precision of the moment."""
    scenario = load_scenario(name, {key.replace("__", "."): value for key, value in overrides.items()})
    people = population(scenario, 0)
    return make_economy(scenario, people, make_tax(scenario, people, "free_market", np.zeros(len(people.cutoffs))))


def test_grid_optimum_of_quantile_skills_is_the_golden_one():
    """Golden: coordinate ascent of the reference environment's planner grid reaches 788.3894 at these rates."""
    with jax.enable_x64(True):
        found = solve_on_grid(make("one-step", economy__skills="quantiles"))
    assert found.welfare == pytest.approx(788.3894, abs=1e-3)
    np.testing.assert_allclose(found.rates, [0.85, 0.85, 0.80, 0.75, 0.65, 0.60, 0.45], atol=1e-9)
    assert len(found.starts) == STARTS


def test_no_single_bracket_improves_the_grid_optimum():
    """Property: the optimum is a local one in every coordinate, by enumeration."""
    with jax.enable_x64(True):
        economy = make("one-step", economy__skills="quantiles")
        found = solve_on_grid(economy)
        for b in range(len(found.rates)):
            for rate in np.arange(21) * 0.05:
                changed = found.rates.copy()
                changed[b] = rate
                assert float(outcome(economy, jnp.asarray(changed)).welfare) <= found.welfare + 1e-6


def test_continuous_optimum_is_at_least_the_grid_optimum():
    """Property: the grid is a subset of the schedules that the continuous search may choose."""
    with jax.enable_x64(True):
        economy = make("one-step", economy__skills="quantiles", economy__labor="continuous")
        assert solve(economy, num_starts=2).welfare >= solve_on_grid(economy, num_starts=2).welfare


def test_best_flat_tax_of_quantile_skills_beats_every_hundredth():
    """Property: enumeration of a hundred flat rates finds nothing better."""
    with jax.enable_x64(True):
        economy = make("one-step", economy__skills="quantiles")
        found = solve_flat(economy)
        others = [float(outcome(economy, jnp.full(7, rate)).welfare) for rate in np.linspace(0, 1, 101)]
    assert found.welfare >= max(others) - 1e-3 * abs(max(others))


@pytest.mark.slow
@pytest.mark.parametrize("elasticity", [0.15, 0.25, 0.5])
def test_optimal_top_rate_of_us_workers_is_saez_formula(elasticity):
    """Closed form: (1 - g) / (1 - g + a·e), with g and a measured in the model's own tail, within half a point.

    g is the welfare weight of top earners, weighted by income above the cutoff: that is what the top rate taxes.
    """
    with jax.enable_x64(True):
        economy = make("us-2024", economy__workers=20_000, economy__labor_exponent=1 + 1 / elasticity)
        found = solve(economy, num_starts=1, tolerance=2e-3)
        income, weights = (np.asarray(x) for x in weights_of(economy, jnp.asarray(found.rates)))
    cutoff = float(economy.tax.cutoffs[-1])
    above = np.maximum(income - cutoff, 0.0)
    top = income > cutoff
    pareto = income[top].mean() / (income[top].mean() - cutoff)
    weight = float((weights * above).sum() / above.sum())
    assert top.sum() > 20
    assert found.rates[-1] == pytest.approx(float(top_rate(weight, pareto, elasticity)), abs=0.005)
