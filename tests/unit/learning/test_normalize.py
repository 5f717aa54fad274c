"""Running moments: those of everything seen, and exact where numbers are large beside their spread."""

import jax.numpy as jnp
import numpy as np

from fisc.learning.normalize import absorb, no_moments


def test_two_batches_give_the_moments_of_both():
    # Closed form: at rate 1/2 the first two batches weigh 1/3 and 2/3; numpy has weighted moments.
    rng = np.random.default_rng(0)
    first, second = rng.normal(2, 1, (50, 3)), rng.normal(-1, 3, (50, 3))
    seen = absorb(absorb(no_moments(3), jnp.asarray(first, jnp.float32), 0.5), jnp.asarray(second, jnp.float32), 0.5)
    both, weights = np.concatenate([first, second]), np.repeat([1 / 3, 2 / 3], 50)
    mean = np.average(both, axis=0, weights=weights)
    np.testing.assert_allclose(seen.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(seen.std() ** 2, np.average((both - mean) ** 2, axis=0, weights=weights), rtol=1e-5)


def test_a_spread_is_found_beside_a_mean_ten_thousand_times_as_large():
    # Closed form: 10,000 ± 1. A mean of squares less the squared mean keeps no digit of it in single precision.
    moments = no_moments(1)
    for _ in range(20):
        moments = absorb(moments, jnp.asarray([[9_999.0], [10_001.0]]), 0.05)
    np.testing.assert_allclose(moments.std(), 1.0, rtol=1e-3)


def test_what_never_varies_is_left_in_its_own_unit():
    # By hand: a constant has deviation 0, which nothing can be divided by; rounding does not count as variation.
    assert absorb(no_moments(1), jnp.full((7, 1), 0.1), 0.05).std().tolist() == [1.0]
    assert absorb(no_moments(1), jnp.asarray([[1e6], [1e6 + 0.0625]]), 0.05).std().tolist() == [1.0]
