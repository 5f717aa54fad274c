"""No-Ponzi condition: who ends an episode in debt is penalized, at a price that rises until nobody does.

Axis `n`: agents of a role.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class NoPonzi(eqx.Module):
    """The condition for one role. Published runs have it switched off: both numbers are 0."""

    first_price: Float[Array, ""]
    """Multiplier at the beginning of training, ≥ 0."""
    step_size: Float[Array, ""]
    """Its rise per unit of mean debt and episode, ≥ 0."""
    unit: Float[Array, ""]
    """Dollars of debt that count as one."""

    def debt(self, budget: Float[Array, " n"]) -> Float[Array, " n"]:
        """Debt in the condition's unit."""
        return jnp.maximum(-budget, 0.0) / self.unit

    def penalty(
        self, budget: Float[Array, " n"], price: Float[Array, ""], is_end: Bool[Array, ""]
    ) -> Float[Array, " n"]:
        """What each agent loses of its reward in the last quarter."""
        return jnp.where(is_end, price * self.debt(budget), 0.0)

    def raised(
        self, price: Float[Array, ""], budget: Float[Array, " n"], may_rise: Bool[Array, ""]
    ) -> Float[Array, ""]:
        """The multiplier after an episode: dual ascent. The mean over environments is taken when they are pooled."""
        return jnp.where(may_rise, price + self.step_size * jnp.mean(self.debt(budget)), price)
