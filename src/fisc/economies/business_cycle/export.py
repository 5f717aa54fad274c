"""Leftover stock is sold abroad, up to a quota, at the firm's own price if that reaches a floor. Axis `f`: firms."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Exports(eqx.Module):
    """The world market."""

    floor: Float[Array, ""]
    """Lowest price at which it buys: dumping is not allowed."""
    quota: Float[Array, ""]
    """Most units of each good in a quarter, ≥ 0."""
    buys_at_floor: bool = eqx.field(static=True, default=True)
    """Whether a price equal to the floor is enough, as in the release; the paper says strictly above."""
    pays_floor: bool = eqx.field(static=True, default=False)
    """Whether it pays the floor, as a comment in the release has it; paper and release code pay the firm's price."""

    def buy(self, left: Float[Array, " f"], price: Float[Array, " f"]) -> Float[Array, " f"]:
        """Units bought of what consumers have left."""
        floor = jnp.broadcast_to(self.floor, price.shape)
        is_allowed = price >= floor if self.buys_at_floor else price > floor
        return jnp.where(is_allowed, jnp.clip(left, 0.0, self.quota), 0.0)

    def pay(self, price: Float[Array, " f"]) -> Float[Array, " f"]:
        """Dollars per unit."""
        return jnp.broadcast_to(self.floor, price.shape) if self.pays_floor else price
