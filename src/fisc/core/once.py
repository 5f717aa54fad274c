"""Values that a compiler should compute once."""

from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Integer, PyTree

MOST_BITS = 64
"""Of any number."""

Values = TypeVar("Values", bound=PyTree[Array])


def computed_once(values: Values, some: Integer[Array, ""]) -> Values:
    """The same values, computed before anything is made of them.

    On a CPU, XLA moves the computation of a value into everything that uses it, where it is repeated element by
    element; an optimization barrier does not keep it from that. A loop does, though it never runs: the compiler cannot
    know that no number has more than 64 bits. Compare `benchmarks/gather_trade_build_speed.py` without it to see
    whether it is still needed. On accelerators a loop costs more than it saves, and the values are left alone.

    Args:
        values: integers or flags, of any shapes.
        some: any number that is known only when the program runs, one for each environment of a batch.
    """
    if jax.default_backend() != "cpu":
        return values
    never = jax.lax.population_count(some) > MOST_BITS
    altered = lambda now: (now[0], jax.tree.map(jnp.bitwise_not, now[1]))  # noqa: E731
    return jax.lax.while_loop(lambda now: now[0], altered, (never, values))[1]
