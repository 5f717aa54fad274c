"""Utilities: reference values, limits, and gradients at the edges of the domain."""

import jax
import jax.numpy as jnp
import numpy as np

from fisc.econ.utility import (
    coin_minus_labor_cost,
    isoelastic,
    isoelastic_coin_minus_labor,
    labor_cost,
    log_net_consumption,
)


def test_gather_trade_build_utility_has_the_reference_values():
    # Reference values at eta = 0.23 and 0.21 utils per unit of labor: -1 / 0.77, and an executed one.
    with jax.enable_x64(True):
        utility = isoelastic_coin_minus_labor(jnp.array([0.0, 100.0]), jnp.array([0.0, 50.0]), 0.23, 0.21)
        np.testing.assert_allclose(utility, [-1.2987012987, 33.23205850032878], rtol=1e-10)


def test_isoelastic_is_linear_at_zero_and_logarithmic_at_one():
    # Closed form: coin - 1, and log(max(1, coin)).
    coin = jnp.array([0.0, 0.5, 1.0, 100.0])
    np.testing.assert_allclose(isoelastic(coin, 0.0), coin - 1)
    np.testing.assert_allclose(isoelastic(coin, 1.0), [0, 0, 0, np.log(100.0)], rtol=1e-6)
    np.testing.assert_allclose(isoelastic(coin, 1), [0, 0, 0, np.log(100.0)], rtol=1e-6)


def test_isoelastic_approaches_the_logarithm_from_either_side():
    # Closed form: the difference is (1 - eta) log(coin)^2 / 2 to first order; 1e-5 * 21.2 / 2 = 1.1e-4.
    with jax.enable_x64(True):
        for eta in (1 - 1e-5, 1 + 1e-5):
            np.testing.assert_allclose(isoelastic(jnp.array([100.0]), eta), np.log(100.0), atol=1.1e-4)


def test_isoelastic_takes_a_traced_curvature_and_never_gives_nan():
    # Property: values and both gradients, at no coin (where the slope is infinite) and at eta = 1.
    coin = jnp.array([0.0, 0.5, 1.0, 100.0])
    for eta in (0.0, 0.23, 1.0):
        value, gradients = jax.jit(jax.value_and_grad(lambda c, e: isoelastic(c, e).sum(), argnums=(0, 1)))(
            coin, jnp.array(eta)
        )
        assert jnp.isfinite(value)
        assert not bool(jnp.any(jnp.isnan(gradients[0]))) and jnp.isfinite(gradients[1])


def test_curvature_may_differ_between_people():
    # Closed form: 9 - 1 at eta 0, and (3 - 1) / 0.5 at eta 1/2.
    np.testing.assert_allclose(isoelastic(jnp.array([9.0, 9.0]), jnp.array([0.0, 0.5])), [8, 4], rtol=1e-6)


def test_labor_cost_is_a_power_with_zero_slope_at_rest():
    # Closed form: 0.0005 * 100**3.5 = 5000; the derivative 3.5 * 0.0005 * h**2.5 is 0 at h = 0.
    labor = jnp.array([0.0, 100.0])
    np.testing.assert_allclose(labor_cost(labor, 0.0005, 3.5), [0, 5000], rtol=1e-5)
    np.testing.assert_allclose(jax.grad(lambda h: labor_cost(h, 0.0005, 3.5).sum())(labor), [0, 175], rtol=1e-5)


def test_quasi_linear_utility_is_coin_less_labor_cost():
    # Closed form: 100 - 0.5 * 4**2 = 92.
    np.testing.assert_allclose(coin_minus_labor_cost(jnp.array([100.0]), jnp.array([4.0]), 0.5, 2.0), [92])


def test_log_net_consumption_is_minus_infinity_where_consumption_misses_the_labor_cost():
    # Closed form: log(100 - 8), log(0) and outside; gradient 1/92 inside and never NaN.
    consumption, labor = jnp.array([100.0, 8.0, 1.0]), jnp.full(3, 4.0)
    utility = log_net_consumption(consumption, labor, 0.5, 2.0)
    np.testing.assert_allclose(utility, [np.log(92.0), -np.inf, -np.inf], rtol=1e-6)
    gradient = jax.grad(lambda c: log_net_consumption(c, labor, 0.5, 2.0).sum())(consumption)
    np.testing.assert_allclose(gradient, [1 / 92, 0, 0], rtol=1e-6)
