"""Running moments as an explicit state."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Moments(eqx.Module):
    """Mean and mean square of what was seen, recent batches weighing more."""

    mean: Float[Array, " k"]
    mean_square: Float[Array, " k"]
    weight: Float[Array, ""]
    """How much experience stands behind them, from 0 to 1."""

    def std(self, floor: float = 1e-6) -> Float[Array, " k"]:
        """Standard deviation, at least `floor`; 1 where nothing varied."""
        variance = jnp.maximum(self.mean_square - self.mean**2, 0.0)
        std = jnp.sqrt(variance)
        return jnp.where(std > floor, std, 1.0)


def no_moments(size: int) -> Moments:
    """Nothing seen yet: mean 0, deviation 1."""
    return Moments(jnp.zeros(size), jnp.zeros(size), jnp.zeros(()))


def absorb(moments: Moments, batch: Float[Array, "m k"], rate: float) -> Moments:
    """Move towards the batch by `rate`; the first batch counts in full."""
    weight = moments.weight * (1.0 - rate) + rate
    step = rate / weight
    mean = moments.mean + step * (jnp.mean(batch, axis=0) - moments.mean)
    mean_square = moments.mean_square + step * (jnp.mean(batch**2, axis=0) - moments.mean_square)
    return Moments(mean, mean_square, weight)
