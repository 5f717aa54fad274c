"""Sorting, fast on a CPU. Axis: `n` people."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

INTEGERS = {32: jnp.int32, 64: jnp.int64}


@jax.custom_jvp
def ascending(x: Float[Array, " n"]) -> Float[Array, " n"]:
    """Sort from small to large, as `jnp.sort` does; differentiable.

    The bits of a float, read as an integer, are in the order of the floats (below zero, once they are flipped), and
    XLA sorts integers on a CPU several times faster than floats, whose order has special cases: inequality measures and
    ranked observations took three quarters of a step of the one-step economy.
    """
    width = x.dtype.itemsize * 8
    bits = jax.lax.bitcast_convert_type(x, INTEGERS[width])
    return jax.lax.bitcast_convert_type(_flip_negative(jnp.sort(_flip_negative(bits, width)), width), x.dtype)


@ascending.defjvp
def _ascending_jvp(primals, tangents):
    order = jnp.argsort(primals[0])
    return primals[0][order], tangents[0][order]


def _flip_negative(bits, width: int):
    largest = jnp.asarray(2 ** (width - 1) - 1, bits.dtype)
    return bits ^ ((bits >> (width - 1)) & largest)
