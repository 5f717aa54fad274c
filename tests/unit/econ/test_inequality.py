"""Inequality: closed forms of known distributions, a brute-force sum, reference values, properties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisc.econ import inequality

# Compiled as a whole: one operation at a time, each would be compiled for each shape.
equality = jax.jit(inequality.equality, static_argnames="convention")
gini = jax.jit(inequality.gini, static_argnames="convention")
lorenz = jax.jit(inequality.lorenz)
theil = jax.jit(inequality.theil)
top_share = jax.jit(inequality.top_share)

NUM_QUANTILES = 10_000
# One size per strategy, so that each property compiles once.
coin_lists = st.lists(st.floats(0, 1e4), min_size=9, max_size=9)


def middle_quantiles():
    return (np.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES


def pairwise_gini(x):
    """Half the relative mean absolute difference over all pairs of different people."""
    n = len(x)
    return np.abs(x[:, None] - x[None, :]).sum() / (2 * n * (n - 1) * x.mean())


def test_gini_of_a_pareto_distribution_is_one_over_twice_its_parameter_less_one():
    # Closed form, a = 3: 1 / 5. Mid-cell quantiles of a convex quantile function Q understate the
    # mean by at most Q(1 - h) h / 4 below the last cell and (3/2 - 2^(1/3)) h^(2/3) in it, with
    # h = 1/n: together less than h^(2/3) / 2. Gini is 2 A / mean - 1, with mean 3/2 and A in error
    # by no more, so it is off by at most 2 (h^(2/3) / 2) / (3/2), and by 1/n for the factor.
    x = (1 - middle_quantiles()) ** (-1 / 3)
    tolerance = NUM_QUANTILES ** (-2 / 3) / 1.5 + 1 / NUM_QUANTILES
    assert float(gini(jnp.array(x, jnp.float32))) == pytest.approx(1 / 5, abs=tolerance)


def test_gini_of_an_exponential_distribution_is_one_half():
    # Closed form. The same bound with Q(q) = -log(1 - q), mean 1: the mean is short by at most
    # (log(n) / 4 + 1 - log(2)) / n, and Gini by twice that and 1/n.
    x = -np.log(1 - middle_quantiles())
    tolerance = (2 * (np.log(NUM_QUANTILES) / 4 + 1 - np.log(2)) + 1) / NUM_QUANTILES
    assert float(gini(jnp.array(x, jnp.float32))) == pytest.approx(1 / 2, abs=tolerance)


@pytest.mark.parametrize("n", [2, 7, 29, 30, 200])
def test_exact_gini_equals_the_sum_over_all_pairs(n):
    # Closed form by brute force.
    x = np.random.default_rng(n).lognormal(3.0, 1.0, n)
    with jax.enable_x64(True):
        assert float(gini(jnp.array(x))) == pytest.approx(pairwise_gini(x), rel=1e-12)


@pytest.mark.parametrize("n", [2, 4, 29, 30, 100])
def test_one_owner_of_everything_has_gini_one_at_any_size(n):
    # Closed form: what the factor n / (n - 1) is for.
    assert float(gini(jnp.zeros(n).at[n // 2].set(7.0))) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("n", [1, 4, 30])
def test_nothing_to_share_counts_as_equality(n):
    # Closed form, with a finite gradient.
    assert float(equality(jnp.zeros(n))) == 1.0
    assert bool(jnp.all(jnp.isfinite(jax.grad(gini)(jnp.zeros(n)))))


@pytest.mark.parametrize(
    "n, counting, one_owner, all_zero",
    [(4, 0.666667, 0.0, 1.0), (29, 0.666667, 0.0, 1.0), (30, 0.688172, 0.064516, 0.0), (100, 0.673267, 0.019802, 0.0)],
)
def test_foundation_equality_has_the_reference_values_on_both_sides_of_thirty(n, counting, one_owner, all_zero):
    # Reference values (the one owner at n = 100 is 2 / 101 by the formula).
    with jax.enable_x64(True):
        samples = jnp.arange(1.0, n + 1), jnp.zeros(n).at[0].set(3.0), jnp.zeros(n)
        for sample, expected in zip(samples, (counting, one_owner, all_zero), strict=True):
            assert float(equality(sample, "foundation")) == pytest.approx(expected, abs=1e-6)


def test_the_conventions_agree_below_thirty_people():
    # Closed form: they differ only by 1e-10 in a divisor of some thousand.
    x = jnp.array([10.0, 20.0, 30.0, 140.0])
    np.testing.assert_allclose(gini(x), gini(x, "foundation"), rtol=1e-6)


def test_an_unknown_convention_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="'exact' or 'foundation'"):
        gini(jnp.ones(3), "population")


@settings(max_examples=60, deadline=None)
@given(coin=coin_lists, scale=st.floats(0.01, 100))
def test_equality_lies_between_zero_and_one_and_has_no_unit(coin, scale):
    # Property. Amounts below 1e-6 are left out: they underflow when scaled.
    x = np.where(np.array(coin) < 1e-6, 0.0, coin)
    with jax.enable_x64(True):
        level = float(equality(jnp.array(x)))
        assert -1e-12 <= level <= 1 + 1e-12
        assert float(equality(jnp.array(x * scale))) == pytest.approx(level, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(coin=coin_lists)
def test_the_lorenz_curve_is_convex_below_the_diagonal_from_zero_to_one(coin):
    # Property.
    with jax.enable_x64(True):
        population, share = lorenz(jnp.array(coin))
        assert float(share[0]) == 0.0 and float(share[-1]) == pytest.approx(1.0)
        assert np.all(share <= population + 1e-12)
        assert np.all(np.diff(share, 2) >= -1e-12)


def test_the_lorenz_curve_accumulates_from_the_poorest():
    # Closed form: 10, 20, 30, 140 of 200.
    population, share = lorenz(jnp.array([140.0, 10.0, 30.0, 20.0]))
    np.testing.assert_allclose(population, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(share, [0, 0.05, 0.15, 0.30, 1], rtol=1e-6)


def test_top_share_reads_the_lorenz_curve_from_the_top():
    # Closed form: the richest quarter has 140 of 200; half of that person is half of that.
    x = jnp.array([140.0, 10.0, 30.0, 20.0])
    for fraction, expected in ((0.25, 0.7), (0.5, 0.85), (0.125, 0.35), (0.0, 0.0), (1.0, 1.0)):
        assert float(top_share(x, fraction)) == pytest.approx(expected, abs=1e-6)


def test_theil_runs_from_zero_to_the_log_of_the_population():
    # Closed form; with shares 1/4 and 3/4 of two: (1/2) (0.5 log 0.5 + 1.5 log 1.5).
    assert float(theil(jnp.full(5, 3.0))) == pytest.approx(0.0, abs=1e-6)
    assert float(theil(jnp.zeros(5).at[2].set(3.0))) == pytest.approx(np.log(5), rel=1e-6)
    assert float(theil(jnp.array([1.0, 3.0]))) == pytest.approx((0.5 * np.log(0.5) + 1.5 * np.log(1.5)) / 2, rel=1e-5)
    assert float(theil(jnp.zeros(5))) == 0.0
