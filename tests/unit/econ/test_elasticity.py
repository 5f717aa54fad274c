"""Elasticity of income: stored values, exact regressions, when nothing is identified, and summaries that add up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.econ import elasticity as formulas

from .samples import reference_window

# Compiled as a whole: one operation at a time, each would be compiled for each shape.
regress_elasticity = jax.jit(formulas.regress_elasticity)
regression_moments = jax.jit(formulas.regression_moments)
merge_moments = jax.jit(formulas.merge_moments)


@jax.jit
def update_elasticity(previous, *window):
    """Move the running estimate toward the regression over a window."""
    return formulas.update_elasticity(previous, formulas.regress_elasticity(*window))


def isoelastic_window(elasticity, num_samples=20):
    """Build incomes 50 (1 - rate)**elasticity at spread rates: the regression is exact."""
    rate = jnp.linspace(0.0, 0.9, num_samples)
    return 50 * (1 - rate) ** elasticity, rate, jnp.ones(num_samples, bool)


def test_one_update_from_one_half_gives_the_stored_estimate():
    # Golden values.
    income, rate = reference_window()
    with jax.enable_x64(True):
        window = jnp.array(income), jnp.array(rate), jnp.ones(500, bool)
        assert float(update_elasticity(jnp.array(0.5), *window)) == pytest.approx(0.4911576512786038, abs=1e-12)
        assert float(regress_elasticity(*window).intercept) == pytest.approx(3.446110714861949, abs=1e-12)


def test_regression_recovers_the_elasticity_of_isoelastic_incomes():
    # Closed form: log(income) = log(50) + e log(1 - rate) without error.
    estimate = regress_elasticity(*isoelastic_window(0.4))
    assert bool(estimate.is_identified)
    assert float(estimate.slope) == pytest.approx(0.4, abs=1e-5)
    assert float(estimate.intercept) == pytest.approx(np.log(50), abs=1e-5)


def test_regression_ignores_invalid_idle_and_fully_taxed_samples():
    # Closed form: the same exact line, with four samples added that must not count.
    income, rate, valid = isoelastic_window(0.4)
    income = jnp.concatenate([income, jnp.array([1e6, 0.0, -3.0, 70.0])])
    rate = jnp.concatenate([rate, jnp.array([0.1, 0.2, 0.3, 1.0])])
    valid = jnp.concatenate([valid, jnp.array([False, True, True, True])])
    assert float(regress_elasticity(income, rate, valid).slope) == pytest.approx(0.4, abs=1e-5)


def test_nine_samples_or_one_rate_identify_nothing_and_keep_the_previous_estimate():
    # Reference rule: fewer than 10 samples, or rates without spread.
    income, rate, valid = isoelastic_window(0.4)
    few = valid & (jnp.arange(20) < 9)
    for window in ((income, rate, few), (income, jnp.full(20, 0.3), valid), (income, rate, ~valid)):
        assert not bool(regress_elasticity(*window).is_identified)
        assert float(update_elasticity(jnp.array(0.7), *window)) == pytest.approx(0.7)
    assert bool(regress_elasticity(income, rate, valid & (jnp.arange(20) < 10)).is_identified)


def test_a_negative_slope_counts_as_zero_in_the_running_estimate():
    # Closed form: 0.02 * 0 + 0.98 * 0.5.
    assert float(update_elasticity(jnp.array(0.5), *isoelastic_window(-1.0))) == pytest.approx(0.49)


def test_gradient_through_the_regression_is_finite_at_the_edges():
    # Property: samples outside the domain of the logarithm leave no NaN behind.
    income, rate, valid = isoelastic_window(0.4)
    income, rate = income.at[0].set(0.0), rate.at[1].set(1.0)
    gradients = jax.jit(jax.grad(lambda z, t: regress_elasticity(z, t, valid).slope, argnums=(0, 1)))(income, rate)
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


def mixed_window(num_samples=60):
    """Draw samples in order of rate, so that parts of the window have other means; some may not be used."""
    generator = np.random.default_rng(11)
    rate = np.sort(generator.uniform(0, 0.95, num_samples))
    income = np.exp(generator.normal(3.5, 0.5, num_samples)) * (1 - rate) ** 0.4
    income[[3, 31]], rate[58], valid = [0, -5], 1.0, np.arange(num_samples) % 7 != 5
    return jnp.array(income), jnp.array(rate), jnp.array(valid)


def merged_parts(income, rate, valid, is_first):
    """Summarize the samples of a window in two parts, then merge the summaries."""
    return merge_moments(*[regression_moments(income, rate, valid & part) for part in (is_first, ~is_first)])


@pytest.mark.parametrize("num_first", [0, 1, 2, 9, 30, 59, 60])
def test_merged_moments_are_those_of_all_samples_together(num_first):
    # Property, in parts of every size (60 samples, 49 of them used) with other means, and in random parts.
    random_part = np.random.default_rng(num_first).permutation(60) < num_first
    with jax.enable_x64(True):
        window = mixed_window()
        together = regression_moments(*window)
        for is_first in (np.arange(60) < num_first, random_part):
            merged = merged_parts(*window, jnp.array(is_first))
            for name, value, expected in zip(together._fields, merged, together, strict=True):
                np.testing.assert_allclose(value, expected, rtol=1e-12, err_msg=name)


def test_moments_are_counts_means_and_sums_of_deviations():
    # Closed form, in NumPy: 60 samples, 8 invalid, one idle, one with a loss and one fully taxed.
    with jax.enable_x64(True):
        window = mixed_window()
        income, rate, valid = map(np.asarray, window)
        is_used = valid & (income > 0) & (rate < 1)
        net_of_tax, log_income, rate = np.log(1 - rate[is_used]), np.log(income[is_used]), rate[is_used]
        moments = regression_moments(*window)
        assert float(moments.count) == is_used.sum() == 49
        np.testing.assert_allclose(moments.mean_net_of_tax, net_of_tax.mean(), rtol=1e-12)
        np.testing.assert_allclose(moments.mean_log_income, log_income.mean(), rtol=1e-12)
        np.testing.assert_allclose(moments.net_of_tax_squares, 49 * net_of_tax.var(), rtol=1e-12)
        covariance = np.cov(net_of_tax, log_income, ddof=0)[0, 1]
        np.testing.assert_allclose(moments.products, 49 * covariance, rtol=1e-12)
        np.testing.assert_allclose(
            [moments.mean_rate, moments.rate_squares], [rate.mean(), 49 * rate.var()], rtol=1e-12
        )


@pytest.mark.parametrize("is_double", [True, False])
def test_merging_with_no_samples_changes_nothing(is_double):
    # Property: bit for bit, on either side, and in single precision too.
    with jax.enable_x64(is_double):
        income, rate, valid = mixed_window()
        some, none = regression_moments(income, rate, valid), regression_moments(income, rate, ~valid & valid)
        np.testing.assert_array_equal(merge_moments(some, none), some)
        np.testing.assert_array_equal(merge_moments(none, some), some)
        np.testing.assert_array_equal(merge_moments(none, none), np.zeros(7))


def test_gradient_through_merged_moments_is_finite_without_samples_on_a_side():
    # Property: no samples, or none that can be used, divide nothing by zero.
    income, rate, valid = isoelastic_window(0.4)
    income, rate = income.at[0].set(0.0), rate.at[1].set(1.0)
    slope = lambda z, t, is_first: formulas.estimate_elasticity(merged_parts(z, t, valid, is_first)).slope  # noqa: E731
    gradient = jax.jit(jax.grad(slope, argnums=(0, 1)))
    for is_first in (valid, ~valid, jnp.arange(20) < 2):
        assert np.all(np.isfinite(gradient(income, rate, is_first)))
