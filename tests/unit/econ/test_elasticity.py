"""Elasticity of income: stored values, exact regressions, and when nothing is identified."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.econ import elasticity as formulas

from .samples import reference_window

# Compiled as a whole: one operation at a time, each would be compiled for each shape.
regress_elasticity = jax.jit(formulas.regress_elasticity)
update_elasticity = jax.jit(formulas.update_elasticity)


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
