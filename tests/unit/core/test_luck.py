"""Random numbers without loops are those of jax, and computing once changes nothing. Reference: jax itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.luck import random_halves, split_words
from fisc.core.once import computed_once


@pytest.mark.parametrize("num", [1, 2, 7, 64])
def test_words_are_those_of_jax_split(num):
    """Reference: `jax.random.split`, for several keys of a batch."""
    keys = jax.random.split(jax.random.key(5), 3)
    found = jax.vmap(lambda key: split_words(key, num))(keys)
    expected = jax.vmap(lambda key: jax.random.key_data(jax.random.split(key, num)))(keys)
    np.testing.assert_array_equal(found, expected)


def test_threefry_gives_its_published_numbers():
    """Reference: the known answers of Salmon et al. (2011), Threefry-2x32 with 20 rounds, of key and counter zero."""
    key = jax.random.wrap_key_data(jnp.zeros(2, jnp.uint32), impl="threefry2x32")
    np.testing.assert_array_equal(split_words(key, 1)[0], np.array([0x6B200159, 0x99BA4EFE], np.uint32))


def test_other_generators_are_asked_as_they_are():
    key = jax.random.key(1, impl="rbg")
    np.testing.assert_array_equal(split_words(key, 4), jax.random.key_data(jax.random.split(key, 4)))


def test_halves_are_a_new_key_and_sixteen_bits_at_a_time():
    """By hand: the first of the keys goes on, the words of the others are cut in two, low half first."""
    key = jax.random.key(9)
    following, halves = random_halves(key, 7)
    words = np.asarray(jax.random.key_data(jax.random.split(key, 3)))
    np.testing.assert_array_equal(jax.random.key_data(following), words[0])
    low, high = words[1:].reshape(-1) & 0xFFFF, words[1:].reshape(-1) >> 16
    np.testing.assert_array_equal(halves, np.stack([low, high], axis=1).reshape(-1)[:7])


def test_what_is_computed_once_is_the_same():
    values = {"flags": jnp.asarray([True, False]), "numbers": jnp.arange(6).reshape(2, 3)}
    for some in (0, -1, 2**31 - 1):  # no bit, all bits, all but the sign
        kept = jax.jit(computed_once)(values, jnp.asarray(some, jnp.int32))
        jax.tree.map(np.testing.assert_array_equal, kept, values)
