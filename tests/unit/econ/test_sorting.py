"""Sorting by bits: the same order as numpy's, and the same slopes as a gather."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fisc.econ.sorting import ascending


@settings(deadline=None, derandomize=True, database=None)
@given(arrays(np.float32, 12, elements=st.floats(width=32, allow_nan=False)))
def test_the_order_is_that_of_numpy(x):
    # Property, against numpy: any finite or infinite numbers, negative ones and zeros of both signs included.
    np.testing.assert_array_equal(ascending(jnp.asarray(x)), np.sort(x))


def test_double_precision_is_sorted_in_double_precision():
    # By hand: the two numbers agree in single precision.
    with jax.enable_x64(True):
        x = jnp.asarray([1.0 + 1e-12, 1.0, -2.0, -2.0 - 1e-12], jnp.float64)
        assert ascending(x).tolist() == [-2.0 - 1e-12, -2.0, 1.0, 1.0 + 1e-12]


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_the_slope_follows_the_numbers_to_their_places(wrap):
    # Closed form: d/dx of sum(rank · x sorted) is each number's own rank.
    x = jnp.asarray([3.0, 1.0, 2.0])
    slope = wrap(jax.grad(lambda x: jnp.sum(jnp.arange(3.0) * ascending(x))))(x)
    assert slope.tolist() == [2.0, 0.0, 1.0]


def test_a_missing_number_stays_visible():
    # By hand: NaN goes to an end, none is lost.
    assert np.isnan(ascending(jnp.asarray([1.0, jnp.nan, 0.0]))).sum() == 1
