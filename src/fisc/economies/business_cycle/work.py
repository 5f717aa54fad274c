"""Consumers work where they like: a firm cannot refuse anybody and has to pay, even into debt."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def hire(hours: Float[Array, " n"], employer: Int[Array, " n"], num_firms: int) -> Float[Array, " f"]:
    """Hours worked at each firm."""
    works_here = employer[:, None] == jnp.arange(num_firms, dtype=employer.dtype)[None, :]
    return hours @ works_here.astype(hours.dtype)


def earn(hours: Float[Array, " n"], employer: Int[Array, " n"], wage: Float[Array, " f"]) -> Float[Array, " n"]:
    """Labor income before tax: hours · wage of the employer."""
    return hours * jnp.take(wage, employer)
