"""Running moments as an explicit state."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Moments(eqx.Module):
    """Mean and variance of what was seen, recent batches weighing more."""

    mean: Float[Array, " k"]
    variance: Float[Array, " k"]
    weight: Float[Array, ""]
    """How much experience stands behind them, from 0 to 1."""

    def std(self, floor: float = 1e-6) -> Float[Array, " k"]:
        """Standard deviation; 1 where nothing varied, by more than `floor` of the mean's size or absolutely."""
        std = jnp.sqrt(self.variance)
        return jnp.where(std > floor * jnp.maximum(1.0, jnp.abs(self.mean)), std, 1.0)


def no_moments(size: int) -> Moments:
    """Nothing seen yet: mean 0, deviation 1."""
    return Moments(jnp.zeros(size), jnp.zeros(size), jnp.zeros(()))


def absorb(moments: Moments, batch: Float[Array, "*m k"], rate: float) -> Moments:
    """Move towards the batch by `rate`; the first batch counts in full.

    Variances are merged around their means (Chan, Golub and LeVeque, 1979): squares of large means never cancel.
    """
    weight = moments.weight * (1.0 - rate) + rate
    step = rate / weight
    axes = tuple(range(batch.ndim - 1))
    gap = jnp.mean(batch, axis=axes) - moments.mean
    within = jnp.var(batch, axis=axes) - moments.variance
    variance = moments.variance + step * (within + (1.0 - step) * gap**2)
    return Moments(moments.mean + step * gap, variance, weight)
