"""Savings earn interest, debt costs none. Axis `n`: budgets of consumers or of firms."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def interest(budget: Float[Array, " n"], rate: Float[Array, ""]) -> Float[Array, " n"]:
    """Dollars that a budget bears in a quarter: `rate · max(budget, 0)`."""
    return rate * jnp.maximum(budget, 0.0)
