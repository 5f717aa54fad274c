"""Optimal bracket rates from theory: exact distributions, and best responses iterated to rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.econ import saez
from fisc.econ.brackets import tax_due
from fisc.econ.welfare import inverse_income_weighted_utility, inverse_income_weights

# Compiled as a whole: one operation at a time, each would be compiled for each shape.
theory_bracket_rates = jax.jit(saez.theory_bracket_rates)
top_rate = jax.jit(saez.top_rate)

NUM_PEOPLE = 100_000


def pareto_incomes(parameter, smallest):
    """Return mid-cell quantiles of a Pareto distribution."""
    quantile = (np.arange(NUM_PEOPLE) + 0.5) / NUM_PEOPLE
    return jnp.array(smallest * (1 - quantile) ** (-1 / parameter), jnp.float32)


def test_top_rate_has_the_values_of_diamond_and_saez():
    # Reference values, Diamond and Saez (2011): a = 1.5, e = 0.25, g = 0 gives 73 percent.
    assert float(top_rate(0.0, 1.5, 0.25)) == pytest.approx(0.727273, abs=1e-6)
    np.testing.assert_allclose(top_rate(jnp.array([0.0, 1.0]), 2.0, 0.5), [0.5, 0.0])


@pytest.mark.parametrize("elasticity", [0.2, 0.5, 1.0])
def test_rates_on_a_pareto_tail_without_weight_are_one_over_one_plus_a_e(elasticity):
    # Closed form, a = 3, lowest income 100, so that cutoffs from 300 are five bandwidths away.
    # Mid-cell quantiles miss at most 100 n^(-2/3) / 2 = 0.023 coin per head of the tail's income. Of
    # the taxed excess above 300, 500 and 800 (5.6, 2, 0.78 coin per head) that is 0.4, 1.2 and 3.0
    # percent, and a rate moves by at most a quarter of a relative change in its odds. Inside the
    # closed brackets almost nothing is missed; what is, falls in the open one.
    cutoffs = jnp.array([0.0, 300.0, 500.0, 800.0])
    rates = theory_bracket_rates(pareto_incomes(3, 100), jnp.zeros(NUM_PEOPLE), cutoffs, elasticity)
    np.testing.assert_allclose(rates[1:3], 1 / (1 + 3 * elasticity), atol=1e-3)
    np.testing.assert_allclose(rates[3], 1 / (1 + 3 * elasticity), atol=0.0075)


def test_the_open_bracket_follows_the_top_rate_formula_with_the_weight_in_the_tail():
    # Closed form: everybody below 300 (a share 26/27) weighs 1, in the tail 0.4: top_rate(0.4, 3, e).
    income = pareto_incomes(3, 100)
    weights = jnp.where(income > 300, 0.4, 1.0)
    rates = theory_bracket_rates(income, weights, jnp.array([0.0, 600.0]), 0.5)
    # The excess above 600 is 1.4 coin per head: 0.023 / 1.4 = 1.7 percent, a quarter of it in the rate.
    assert float(rates[-1]) == pytest.approx(float(top_rate(0.4, 3.0, 0.5)), abs=0.0043)


def test_equal_weights_ask_for_no_tax():
    # Closed form: nothing is gained by moving coin.
    rates = theory_bracket_rates(pareto_incomes(2, 50), jnp.ones(NUM_PEOPLE), jnp.array([0.0, 100.0, 300.0]), 0.5)
    np.testing.assert_allclose(rates, np.zeros(3), atol=1e-6)


def test_a_bracket_without_income_takes_the_rate_of_the_one_below():
    # Closed form: all income is in the first bracket and weighs nothing: odds 1 / e = 2, rate 2/3.
    income, weights = jnp.array([0.0, 0.0, 10.0]), jnp.array([1.5, 1.5, 0.0])
    rates = theory_bracket_rates(income, weights, jnp.array([0.0, 100.0, 1e4, 1e7]), 0.5)
    np.testing.assert_allclose(rates, np.full(4, 2 / 3), rtol=1e-4)


def test_no_income_at_all_means_no_tax():
    # Closed form: there is nothing to take, and no NaN, also in the gradient.
    cutoffs = jnp.array([0.0, 50.0])
    np.testing.assert_array_equal(theory_bracket_rates(jnp.zeros(3), jnp.ones(3), cutoffs, 0.5), [0, 0])
    weights = jnp.array([2.0, 0.9, 0.1])
    gradient = jax.jit(jax.grad(lambda z: theory_bracket_rates(z, weights, cutoffs, 0.5).sum()))
    assert np.all(np.isfinite(gradient(jnp.array([0.0, 20.0, 300.0]))))


def test_rates_change_little_when_one_person_crosses_a_cutoff():
    # Property: with 100 people, one income moving by 2e-3 across a cutoff moves no rate by 1e-4.
    income = jnp.array(np.random.default_rng(0).lognormal(4, 1, 100), jnp.float32)
    weights = inverse_income_weights(income) * 100
    cutoffs = jnp.array([0.0, 50.0, 150.0])
    before, after = (theory_bracket_rates(income.at[7].set(z), weights, cutoffs, 0.4) for z in (49.999, 50.001))
    assert float(jnp.max(jnp.abs(after - before))) < 1e-4


def one_step_skills():
    quantile = (np.arange(100) + 0.5) / 100
    return jnp.array(np.minimum(190, 189 * ((1 - quantile) ** (-1 / 8) - 1) + 1))


@jax.jit
def best_responses(rates, cutoffs):
    """Let 100 people choose among 0 to 100 hours at a labor cost of 0.0005 hours**3.5."""
    hours = jnp.arange(101.0)
    income = one_step_skills()[:, None] * hours[None, :]
    effort = 0.0005 * hours**3.5
    due = tax_due(income, cutoffs, rates)
    choice = jnp.argmax(income - due - effort[None, :], axis=1)
    chosen_income, chosen_due = (jnp.take_along_axis(x, choice[:, None], axis=1)[:, 0] for x in (income, due))
    consumption = chosen_income - chosen_due + jnp.mean(chosen_due)
    utility = consumption - effort[choice]
    return chosen_income, inverse_income_weighted_utility(consumption, utility, chosen_income)


@pytest.mark.parametrize("share_of_new", [0.2, 0.5])
def test_iterating_theory_and_best_responses_comes_to_rest_near_the_best_schedule(share_of_new):
    # Oracle: exhaustive coordinate search over rates in steps of 0.05 finds welfare 788.39 in this
    # economy with elasticity 1 / (3.5 - 1) = 0.4. Theory holds the weights fixed while income
    # moves, so that it stays a little below: within half a percent.
    with jax.enable_x64(True):
        cutoffs = jnp.array([0, 97, 394.75, 842, 1607.25, 2041, 5103])
        rates = jnp.zeros(7)
        for _ in range(80):
            income, _ = best_responses(rates, cutoffs)
            target = theory_bracket_rates(income, inverse_income_weights(income) * 100, cutoffs, 0.4)
            step, rates = target - rates, (1 - share_of_new) * rates + share_of_new * target
        assert float(best_responses(rates, cutoffs)[1]) == pytest.approx(788.39, rel=0.005)
        assert float(jnp.max(jnp.abs(step))) < 1e-3
