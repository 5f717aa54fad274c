"""Random numbers where they are most of the work: many agents, few choices each."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, UInt16, UInt32

from fisc.core.once import computed_once


def random_halves(key: Key[Array, ""], num: int) -> tuple[Key[Array, ""], UInt16[Array, " num"]]:
    """A key to go on with, and `num` times sixteen random bits. `key`: consumed.

    Bits come from keys, which are nothing but random bits: the generator makes two words at a time, and asked for bits
    it throws one of them away. They are the bits of `jax.random.split`.
    """
    words = split_words(key, 1 + -(-num // 4))
    halves = jax.lax.bitcast_convert_type(words[1:], jnp.uint16).reshape(-1)
    return jax.random.wrap_key_data(words[0], impl=jax.random.key_impl(key)), halves[:num]


ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""Bits by which Threefry rotates, in rounds of four by turns."""
PARITY = 0x1BD11BDA
"""Threefry's constant against keys of zeros."""


def split_words(key: Key[Array, ""], num: int) -> UInt32[Array, "num _"]:
    """The words of `jax.random.split(key, num)`, without its loop. `key`: consumed.

    On a CPU jax runs the rounds of Threefry in a loop, whose small steps cost ten times what they compute. Written out
    they are one pass over the counters. Other generators than the default one are asked as they are.

    Source: Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3": Threefry-2x32 with twenty rounds.
    """
    if jax.random.key_impl(key) != "threefry2x32" or not jax.config.jax_threefry_partitionable:
        return jax.random.key_data(jax.random.split(key, num))
    first, second = jax.random.key_data(key)
    keys = (first, second, first ^ second ^ jnp.uint32(PARITY))
    left, right = jnp.broadcast_to(first, num), jnp.arange(num, dtype=jnp.uint32) + second
    for group in range(5):
        for bits in ROTATIONS[group % 2]:
            left = left + right
            right = ((right << bits) | (right >> (32 - bits))) ^ left
        left = left + keys[(group + 1) % 3]
        right = right + keys[(group + 2) % 3] + jnp.uint32(group + 1)
    # Side by side without this, each of the words would be computed by itself.
    return jnp.stack(computed_once((left, right), first), axis=1)


def cut(halves: UInt16[Array, " _"], shapes: Sequence[tuple[int, ...]]) -> list[UInt16[Array, "..."]]:
    """Cut a list into arrays of these shapes."""
    parts, start = [], 0
    for shape in shapes:
        parts.append(halves[start : start + math.prod(shape)].reshape(shape))
        start += math.prod(shape)
    return parts


def uniform(halves: UInt16[Array, "*n"], fine: UInt16[Array, ""], dtype) -> Float[Array, "*n"]:
    """Numbers in [0, 1), each uniform on the multiples of 2^-24; the numbers of a step share their last 8 bits."""
    return (halves.astype(dtype) + (fine >> 8).astype(dtype) / 256) / 65536


def ranks(number: UInt16[Array, " n"]) -> Int[Array, " n"]:
    """The rank of each number, which costs less than sorting a few. Of two equal ones the first comes first."""
    number, place = number.astype(jnp.int32), jnp.arange(number.shape[0])
    comes_before = (number[None, :] < number[:, None]) | (
        (number[None, :] == number[:, None]) & (place[None, :] < place[:, None])
    )
    return jnp.sum(comes_before, axis=1, dtype=jnp.int32)
