"""The random numbers of a step. Kind: property (of the laws, by many draws)."""

import jax
import jax.numpy as jnp
import numpy as np

from .world import begin, world


def test_draws_follow_their_laws():
    """Property: turns are permutations, all alike; the other numbers are uniform in [0, 1) and finer than 16 bits."""
    economy = world()
    state = begin(economy)
    draws = jax.vmap(lambda key: economy.draw(key, state))(jax.random.split(jax.random.key(0), 60_000))
    turn = np.asarray(draws.turn)
    assert (np.sort(turn, axis=1) == np.arange(3)).all()
    orders, counts = np.unique(turn, axis=0, return_counts=True)
    assert len(orders) == 6
    # 10,000 of each order are expected; the standard deviation is 91.
    assert abs(counts - 10_000).max() < 5 * 91
    for numbers in (np.asarray(draws.bonus), np.asarray(draws.regrowth)):
        assert numbers.min() >= 0.0
        assert numbers.max() < 1.0
        # The share below 0.01 has a standard deviation of 0.0004 for each number by itself.
        assert abs((numbers < 0.01).mean(axis=0) - 0.01).max() < 0.0025
        assert abs(numbers.mean(axis=0) - 0.5).max() < 5 * 0.29 / 60_000**0.5
        assert (numbers * 65536 % 1 > 0).mean() > 0.9
    flat = np.concatenate(
        [np.asarray(draws.bonus).reshape(60_000, -1), np.asarray(draws.regrowth).reshape(60_000, -1)], 1
    )
    correlation = np.corrcoef(flat.T) - np.eye(flat.shape[1])
    assert abs(correlation).max() < 5 / 60_000**0.5


def test_draws_do_not_repeat():
    """Property: another key gives other numbers."""
    economy = world()
    state = begin(economy)
    one, other = (economy.draw(jax.random.key(seed), state) for seed in (1, 2))
    assert not bool(jnp.any(one.bonus == other.bonus))
