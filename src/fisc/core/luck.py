"""Random numbers where they are most of the work: many agents, few choices each."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, UInt16


def random_halves(key: Key[Array, ""], num: int) -> tuple[Key[Array, ""], UInt16[Array, " num"]]:
    """A key to go on with, and `num` times sixteen random bits. `key`: consumed.

    Bits come from keys, which are nothing but random bits: the generator makes two words at a time, and asked for bits
    it throws one of them away.
    """
    keys = jax.random.split(key, 1 + -(-num // 4))
    halves = jax.lax.bitcast_convert_type(jax.random.key_data(keys[1:]), jnp.uint16).reshape(-1)
    return keys[0], halves[:num]


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
