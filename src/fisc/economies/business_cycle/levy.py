"""The government taxes labor income and profits and shares all of it out. Axes: `n` consumers, `f` firms."""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

Base = Literal["profit", "sales"]
"""What the corporate tax falls on: positive profit after investment, as in the release; or revenue, as one passage of
the paper says."""


def tax_income(income: Float[Array, " n"], rate: Float[Array, ""]) -> Float[Array, " n"]:
    """Dollars due on wages."""
    return rate * income


def tax_firms(
    earnings: Float[Array, " f"], revenue: Float[Array, " f"], rate: Float[Array, ""], base: Base
) -> Float[Array, " f"]:
    """Dollars due; a loss is not taxed, nor is it made up for."""
    return rate * (jnp.maximum(earnings, 0.0) if base == "profit" else revenue)


def share_out(income_tax: Float[Array, " n"], corporate_tax: Float[Array, " f"]) -> Float[Array, ""]:
    """Every consumer's equal part of all revenue: the government keeps nothing."""
    return (jnp.sum(income_tax) + jnp.sum(corporate_tax)) / income_tax.shape[0]
