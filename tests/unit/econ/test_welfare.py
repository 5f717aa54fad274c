"""Welfare: reference values of the objectives, closed forms of the weights they imply."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.econ.utility import coin_minus_labor_cost, log_net_consumption
from fisc.econ.welfare import (
    equality_times_productivity,
    inverse_income_weighted_coin,
    inverse_income_weighted_utility,
    inverse_income_weights,
    marginal_welfare_weights,
    productivity,
    rawlsian,
    utilitarian,
)

OBJECTIVES = [
    productivity,
    equality_times_productivity,
    inverse_income_weighted_utility,
    inverse_income_weighted_coin,
    utilitarian,
    rawlsian,
]


def four_people():
    """Return coin, utils, and coin again as the income on which weights depend."""
    coin = jnp.array([10.0, 20.0, 30.0, 140.0])
    return coin, jnp.array([1.0, 2.0, 3.0, 4.0]), coin


@pytest.mark.parametrize(
    "objective, expected",
    [
        (equality_times_productivity, 16.6666667),
        (functools.partial(equality_times_productivity, mixing_weight=0.5), 33.3333333),
        (functools.partial(equality_times_productivity, convention="foundation"), 16.6666667),
        (inverse_income_weighted_coin, 21.0),
        (inverse_income_weighted_utility, 1.725),
    ],
)
def test_objectives_have_the_reference_values(objective, expected):
    # Reference values.
    assert float(objective(*four_people())) == pytest.approx(expected, rel=1e-6)


def test_simple_objectives_are_mean_coin_mean_utility_and_least_utility():
    # Closed form: 200 / 4, 10 / 4, 1.
    assert [float(f(*four_people())) for f in (productivity, utilitarian, rawlsian)] == [50.0, 2.5, 1.0]


def test_inverse_income_weights_sum_to_one_and_stop_growing_below_one_coin():
    # Closed form: 1, 1, 1, 1/2, 1/4 over 3.75.
    weights = inverse_income_weights(jnp.array([-3.0, 0.0, 0.5, 2.0, 4.0]))
    np.testing.assert_allclose(weights, np.array([1, 1, 1, 0.5, 0.25]) / 3.75, rtol=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradients_of_every_objective_are_finite_for_idle_and_equal_people(objective):
    # Property: ties, zeros and nothing at all.
    for coin in (jnp.zeros(4), jnp.array([0.0, 5.0, 5.0, 9.0])):
        gradient = jax.jit(jax.grad(lambda c, f=objective: f(c, c, c)))(coin)
        assert bool(jnp.all(jnp.isfinite(gradient)))


def test_quasi_linear_utility_and_a_utilitarian_weigh_everybody_alike():
    # Closed form: dW/dc = 1/n for all.
    coin, _, income = four_people()
    utility = functools.partial(coin_minus_labor_cost, labor=jnp.ones(4), cost=0.5, exponent=2.0)
    np.testing.assert_allclose(marginal_welfare_weights(utilitarian, utility, coin, income), np.ones(4), rtol=1e-6)


def test_quasi_linear_utility_and_inverse_income_weights_weigh_by_inverse_income():
    # Closed form: dW/dc = omega, proportional to 1 / max(z, 1).
    coin, _, _ = four_people()
    income = jnp.array([0.0, 2.0, 40.0, 300.0])
    utility = functools.partial(coin_minus_labor_cost, labor=jnp.ones(4), cost=0.5, exponent=2.0)
    expected = 1 / np.maximum([0, 2, 40, 300], 1)
    weights = marginal_welfare_weights(inverse_income_weighted_utility, utility, coin, income)
    np.testing.assert_allclose(weights, expected / expected.mean(), rtol=1e-5)


def test_log_utility_and_a_utilitarian_weigh_by_inverse_net_consumption():
    # Closed form: dW/dc is proportional to 1 / (c - effort); effort 0.5 * h**2.
    coin, _, income = four_people()
    labor = jnp.array([1.0, 2.0, 4.0, 8.0])
    utility = functools.partial(log_net_consumption, labor=labor, cost=0.5, exponent=2.0)
    expected = 1 / (np.array([10, 20, 30, 140]) - 0.5 * np.array([1, 2, 4, 8.0]) ** 2)
    weights = marginal_welfare_weights(utilitarian, utility, coin, income)
    np.testing.assert_allclose(weights, expected / expected.mean(), rtol=1e-5)


def test_a_rawlsian_weighs_only_the_worst_off():
    # Closed form: n for the poorest, 0 for the others.
    coin, _, income = four_people()
    np.testing.assert_allclose(marginal_welfare_weights(rawlsian, lambda c: c, coin, income), [4, 0, 0, 0])


def test_equality_times_productivity_weighs_by_rank():
    # Closed form: mean(c) (1 - gini) = mean(c) - sum(rank weight c) / n with rank weights
    # -1, -1/3, 1/3, 1, so dW/dc is proportional to 2, 4/3, 2/3, 0: mean one already.
    coin, _, income = four_people()
    weights = marginal_welfare_weights(equality_times_productivity, lambda c: c, coin, income)
    np.testing.assert_allclose(weights, [2, 4 / 3, 2 / 3, 0], atol=1e-5)
