"""Double-entry proof that money and goods are conserved: what is there now is what was there plus what came in."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Ledger(eqx.Module):
    """Totals over one step for each conserved thing (`coin`, `wood`, …), in its own unit.

    A thing of several kinds that do not turn into one another (`goods`) has a total for each.
    """

    opening: dict[str, Float[Array, "..."]]
    """Stock before the step."""
    created: dict[str, Float[Array, "..."]]
    """Net creation during the step: production less consumption, from the events' own books."""
    closing: dict[str, Float[Array, "..."]]
    """Stock after the step."""

    def residual(self) -> Float[Array, ""]:
        """Largest |closing - opening - created| relative to the size of the stock; 0 if everything balances.

        Relative because money is counted in floating point: a sum over `n` purses carries a rounding error
        proportional to the total.
        """
        gaps = jax.tree.map(_relative_gap, self.opening, self.created, self.closing)
        return jnp.max(jnp.stack([jnp.max(gap) for gap in jax.tree.leaves(gaps)]))


def _relative_gap(opening, created, closing):
    size = jnp.maximum(1.0, jnp.maximum(jnp.abs(opening), jnp.abs(closing)))
    return jnp.abs(closing - opening - created) / size


def tolerance(dtype) -> float:
    """Residual that rounding may explain for numbers of `dtype`; a larger one is a leak.

    A thousand units in the last place, since sums over 100,000 purses round: 1e-4 of the stock in float32, 2e-13 in
    float64. A smaller leak shows in float64 only.
    """
    return 1000.0 * float(jnp.finfo(dtype).eps)
