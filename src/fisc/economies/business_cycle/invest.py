"""Firms invest a share of what they have earned. Axis `f`: firms. There is no depreciation."""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

Basis = Literal["income", "budget"]
"""What the share is taken of: operating income, as in the release; or the budget with it, as the paper's text says."""


def operate(revenue: Float[Array, " f"], wage: Float[Array, " f"], hired: Float[Array, " f"]) -> Float[Array, " f"]:
    """Operating income: revenue less the wage bill."""
    return revenue - wage * hired


def invest(
    share: Float[Array, " f"], operating_income: Float[Array, " f"], budget: Float[Array, " f"], basis: Basis
) -> Float[Array, " f"]:
    """Dollars that become capital: `max(0, share · basis)`; a loss, or debt, is not invested."""
    available = operating_income if basis == "income" else budget + operating_income
    return jnp.maximum(share * available, 0.0)
