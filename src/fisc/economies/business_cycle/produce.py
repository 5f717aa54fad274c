"""Firms produce from capital and hired hours. Axis `f`: firms."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Technology(eqx.Module):
    """`output = productivity · capital^(1 - exponent) · hours^exponent`, constant returns to scale.

    A small exponent on labor is capital-intensive. The paper's prose has it on capital: give 1 - exponent for that.
    """

    productivity: Float[Array, ""]
    labor_exponent: Float[Array, " f"]
    """In [0, 1]."""
    labor_floor: Float[Array, ""]
    """Fewer hours than these make nothing; 0 for no such floor."""

    def produce(self, capital: Float[Array, " f"], hours: Float[Array, " f"]) -> Float[Array, " f"]:
        """Units made with the capital of before this quarter's investment; none without labor."""
        is_running = (hours > 0) & (hours >= self.labor_floor)
        used = jnp.where(is_running, hours, 1.0)
        made = self.productivity * capital ** (1.0 - self.labor_exponent) * used**self.labor_exponent
        return jnp.where(is_running, made, 0.0)
