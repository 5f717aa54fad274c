"""Bracket taxes: reference values, a numerical integral, and properties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from fisc.econ import brackets
from fisc.econ.brackets import linear_cutoffs, log_cutoffs

# Compiled as a whole: one operation at a time, each would be compiled for each shape.
average_over_brackets = jax.jit(brackets.average_over_brackets)
average_rate = jax.jit(brackets.average_rate)
bracket_index = jax.jit(brackets.bracket_index)
collect = jax.jit(brackets.collect)
marginal_rate = jax.jit(brackets.marginal_rate)
tax_due = jax.jit(brackets.tax_due)

# US federal brackets for single filers, 2018, thousands of dollars.
US_CUTOFFS = [0.0, 9.7, 39.475, 84.2, 160.725, 204.1, 510.3]
US_RATES = [0.10, 0.12, 0.22, 0.24, 0.32, 0.35, 0.37]

# Reference values: income, tax due, marginal rate, worked out from the statute.
US_TABLE = np.array(
    [
        [-5, 0, 0],
        [0, 0, 0.10],
        [5, 0.5, 0.10],
        [9.7, 0.97, 0.12],
        [22, 2.446, 0.12],
        [39.475, 4.543, 0.22],
        [100, 18.1745, 0.24],
        [160.725, 32.7485, 0.32],
        [250, 62.6935, 0.35],
        [510.3, 153.7985, 0.37],
        [1000, 334.9875, 0.37],
    ]
)

rate_lists = st.lists(st.floats(0, 1), min_size=7, max_size=7)
income_lists = st.lists(st.floats(-100, 2000), min_size=6, max_size=6)


def us_schedule():
    return jnp.array(US_CUTOFFS), jnp.array(US_RATES)


def test_tax_due_agrees_with_the_us_table_in_single_and_double_precision():
    # Reference values. Single precision keeps 24 bits: 334.9875 is good to 4e-5.
    for is_double, tolerance in ((False, 1e-4), (True, 1e-10)):
        with jax.enable_x64(is_double):
            due = tax_due(jnp.array(US_TABLE[:, 0]), *us_schedule())
            assert due.dtype == (jnp.float64 if is_double else jnp.float32)
            np.testing.assert_allclose(due, US_TABLE[:, 1], atol=tolerance)


def test_marginal_rate_agrees_with_the_us_table_and_changes_at_the_cutoff():
    # Reference values; rates are copied, not computed, so they agree to rounding.
    np.testing.assert_allclose(marginal_rate(jnp.array(US_TABLE[:, 0]), *us_schedule()), US_TABLE[:, 2], rtol=1e-6)


def test_bracket_index_counts_negative_income_in_the_first_bracket():
    # Closed form: each cutoff belongs to the bracket it opens.
    cutoffs, _ = us_schedule()
    np.testing.assert_array_equal(bracket_index(cutoffs, cutoffs), np.arange(7))
    np.testing.assert_array_equal(bracket_index(jnp.array([-5.0, 9.6, 9.8, 1e6]), cutoffs), [0, 0, 1, 6])


def test_average_rate_is_tax_over_income_and_zero_without_income():
    # Reference values: 18.1745 / 100 and 334.9875 / 1000.
    rates = average_rate(jnp.array([-5.0, 0.0, 100.0, 1000.0]), *us_schedule())
    np.testing.assert_allclose(rates, [0, 0, 0.181745, 0.3349875], rtol=1e-6)


def test_tax_equals_the_integral_of_the_marginal_rate():
    # Closed form by numerical integration, with the kinks given to the integrator.
    with jax.enable_x64(True):
        schedule = us_schedule()
        for income in (30.0, 250.0, 900.0):
            integral, _ = quad(lambda z: float(marginal_rate(jnp.array(z), *schedule)), 0, income, points=US_CUTOFFS)
            assert float(tax_due(jnp.array(income), *schedule)) == pytest.approx(integral, abs=1e-8)


def test_gradient_of_tax_is_the_marginal_rate_inside_brackets():
    # Closed form: dT/dz is the bracket's rate away from the kinks.
    income = jnp.array([-5.0, 5.0, 22.0, 100.0, 1000.0])
    gradient = jax.grad(lambda z: tax_due(z, *us_schedule()).sum())(income)
    np.testing.assert_allclose(gradient, [0, 0.10, 0.12, 0.24, 0.37], rtol=1e-6)


def test_gradients_are_finite_at_every_kink():
    # Property: no NaN and no infinity, also at 0 and at the cutoffs.
    cutoffs, rates = us_schedule()
    income = jnp.concatenate([jnp.array([-1.0]), cutoffs])
    for function in (tax_due, average_rate):
        gradient_of = jax.jit(jax.grad(lambda z, c, r, f=function: f(z, c, r).sum(), argnums=(0, 1, 2)))
        assert all(np.all(np.isfinite(gradient)) for gradient in gradient_of(income, cutoffs, rates))


def test_one_bracket_is_a_flat_tax_also_under_jit_and_vmap():
    # Closed form: rate times positive income; two schedules at once.
    income = jnp.array([[-1.0, 0.0, 50.0], [1.0, 2.0, 3.0]])
    flat = jax.jit(jax.vmap(tax_due, in_axes=(None, None, 0)))
    due = flat(income, jnp.array([0.0]), jnp.array([[0.5], [0.2]]))
    np.testing.assert_allclose(due[0], [[0, 0, 25], [0.5, 1, 1.5]])
    np.testing.assert_allclose(due[1], [[0, 0, 10], [0.2, 0.4, 0.6]], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(rates=rate_lists, incomes=income_lists)
def test_tax_and_income_after_tax_never_fall_when_income_rises(rates, incomes):
    # Property, for rates between 0 and 1. The slack covers rounding of sums near 2000.
    with jax.enable_x64(True):
        income = jnp.sort(jnp.array(incomes))
        due = tax_due(income, jnp.array(US_CUTOFFS), jnp.array(rates))
        assert np.all(np.diff(due) >= -1e-9)
        assert np.all(np.diff(income - due) >= -1e-9)


@settings(max_examples=60, deadline=None)
@given(rates=rate_lists)
def test_tax_is_continuous_at_the_cutoffs(rates):
    # Property: with rates at most 1, moving by 2e-6 coin changes the tax by at most that.
    with jax.enable_x64(True):
        cutoffs, step = jnp.array(US_CUTOFFS), 1e-6
        jump = tax_due(cutoffs + step, cutoffs, jnp.array(rates)) - tax_due(cutoffs - step, cutoffs, jnp.array(rates))
        assert np.all(np.abs(jump) <= 2 * step + 1e-10)


def test_linear_cutoffs_are_equally_spaced():
    # Reference values.
    np.testing.assert_allclose(linear_cutoffs(5, 100.0), [0, 25, 50, 75, 100])


def test_log_cutoffs_double_exactly():
    # Reference values; powers of two times the top are exact in binary, so no tolerance.
    np.testing.assert_array_equal(log_cutoffs(5, 100.0), [0, 12.5, 25, 50, 100])
    np.testing.assert_array_equal(log_cutoffs(2, 7.0), [0, 7])
    np.testing.assert_array_equal(jax.jit(lambda top: log_cutoffs(3, top))(jnp.array(8.0)), [0, 4, 8])


def test_averaging_bins_that_are_the_brackets_changes_nothing():
    # Closed form: the identity. Single precision, differences of sums near 150.
    cutoffs, rates = us_schedule()
    np.testing.assert_allclose(average_over_brackets(cutoffs, rates, cutoffs), rates, atol=1e-6)


def test_averaging_weighs_bins_by_their_width_inside_the_bracket():
    # Closed form, by hand. Bins [0,10) 20%, [10,30) 50%, [30,inf) 80%; brackets from 0, 20, 40.
    # T(20) = 2 + 5 = 7; T(40) = 2 + 10 + 8 = 20: rates 7/20, 13/20, and the last bin's.
    bins, bin_rates = jnp.array([0.0, 10.0, 30.0]), jnp.array([0.2, 0.5, 0.8])
    np.testing.assert_allclose(
        average_over_brackets(bins, bin_rates, jnp.array([0.0, 20.0, 40.0])), [0.35, 0.65, 0.8], rtol=1e-6
    )


def test_collect_takes_at_most_the_purse_and_returns_equal_shares():
    # Closed form, by hand. Flat 50%: dues 0, 0, 5, 10; the last purse holds only 4.
    # Revenue 9, four people: 2.25 each. Effective 0, 0, 5/10, 4/20.
    income, purse = jnp.array([-2.0, 0.0, 10.0, 20.0]), jnp.array([1.0, 0.0, 10.0, 4.0])
    result = collect(income, purse, jnp.array([0.0]), jnp.array([0.5]))
    np.testing.assert_allclose(result.paid, [0, 0, 5, 4])
    np.testing.assert_allclose(result.lump_sum, 2.25)
    np.testing.assert_allclose(result.marginal, [0, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(result.effective, [0, 0, 0.5, 0.2], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(rates=rate_lists, incomes=income_lists, purses=st.lists(st.floats(0, 2000), min_size=6, max_size=6))
def test_collection_conserves_coin_and_leaves_no_purse_negative(rates, incomes, purses):
    # Property. The slack covers rounding of sums near 12,000 in double precision.
    with jax.enable_x64(True):
        purse = jnp.array(purses)
        result = collect(jnp.array(incomes), purse, jnp.array(US_CUTOFFS), jnp.array(rates))
        after = purse - result.paid + result.lump_sum
        assert float(jnp.sum(after)) == pytest.approx(float(jnp.sum(purse)), abs=1e-8)
        assert np.all(purse - result.paid >= 0) and np.all(result.paid >= 0)
