"""Losses, arrays to arrays. Means are weighted: by weight 0 a decision without a choice is left out."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def weighted_mean(x: Float[Array, "*b"], weight: Float[Array, "*b"], axis=None, keepdims: bool = False):
    """Σ w·x / Σ w over `axis`; 0 where no weight is left."""
    total = jnp.sum(weight, axis=axis, keepdims=keepdims)
    return jnp.sum(x * weight, axis=axis, keepdims=keepdims) / jnp.maximum(total, 1e-8)


def standardize(x: Float[Array, "*b"], weight: Float[Array, "*b"], axis) -> Float[Array, "*b"]:
    """(x - mean) / standard deviation over `axis`, by weight."""
    mean = weighted_mean(x, weight, axis, keepdims=True)
    gap = x - jnp.broadcast_to(mean, x.shape)
    std = jnp.sqrt(weighted_mean(gap**2, weight, axis, keepdims=True))
    return gap / jnp.broadcast_to(std + 1e-8, x.shape)


def clipped_surrogate(
    log_ratio: Float[Array, "*b"], advantage: Float[Array, "*b"], clip: float, weight: Float[Array, "*b"]
) -> Float[Array, ""]:
    """-mean of min(ρ·A, clip(ρ, 1 - clip, 1 + clip)·A) with ρ = exp(log_ratio).

    Source: Schulman et al. (2017), eq. 7.
    """
    ratio = jnp.exp(log_ratio)
    bounded = jnp.clip(ratio, 1.0 - clip, 1.0 + clip)
    return -weighted_mean(jnp.minimum(ratio * advantage, bounded * advantage), weight)


def score_surrogate(
    log_prob: Float[Array, "*b"], advantage: Float[Array, "*b"], weight: Float[Array, "*b"]
) -> Float[Array, ""]:
    """-mean of log π(a)·A, whose gradient is the policy gradient; for the batch that the policy played itself.

    Source: Williams (1992), with the advantage in place of the return.
    """
    return -weighted_mean(log_prob * advantage, weight)


def clipped_value_loss(
    value: Float[Array, "*b"],
    old_value: Float[Array, "*b"],
    target: Float[Array, "*b"],
    clip: float,
    weight: Float[Array, "*b"],
) -> Float[Array, ""]:
    """Half the mean of the larger squared error, of the value and of the value kept within `clip` of the old one."""
    near = old_value + jnp.clip(value - old_value, -clip, clip)
    return 0.5 * weighted_mean(jnp.maximum((value - target) ** 2, (near - target) ** 2), weight)


def huber(gap: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """gap² / 2 up to 1, |gap| - 1/2 beyond: far misses pull no harder than near ones."""
    size = jnp.abs(gap)
    return jnp.where(size <= 1.0, 0.5 * gap**2, size - 0.5)


def clipped_huber_loss(
    value: Float[Array, "*b"],
    old_value: Float[Array, "*b"],
    target: Float[Array, "*b"],
    clip: float,
    weight: Float[Array, "*b"],
) -> Float[Array, ""]:
    """The larger of two means of `huber`, of the value and of the value kept within `clip` of the old one.

    Source: the release of Curry et al. (2022), which compares the means of the batch and not sample by sample.
    """
    near = old_value + jnp.clip(value - old_value, -clip, clip)
    return jnp.maximum(weighted_mean(huber(value - target), weight), weighted_mean(huber(near - target), weight))


def clipped_huber_loss_of_each(
    value: Float[Array, "*b"],
    old_value: Float[Array, "*b"],
    target: Float[Array, "*b"],
    clip: float,
    weight: Float[Array, "*b"],
) -> Float[Array, ""]:
    """The mean of the larger `huber`, of the value and of the value kept within `clip` of the old one."""
    near = old_value + jnp.clip(value - old_value, -clip, clip)
    return weighted_mean(jnp.maximum(huber(value - target), huber(near - target)), weight)


VALUE_LOSSES = {"squared": clipped_value_loss, "huber": clipped_huber_loss, "huber_of_each": clipped_huber_loss_of_each}


def explained_variance(value: Float[Array, "*b"], target: Float[Array, "*b"], weight: Float[Array, "*b"]):
    """1 - Var(target - value) / Var(target): 1 is a perfect critic, 0 one that knows the mean."""

    def variance(x):
        """Around the weighted mean."""
        gap = x - jnp.broadcast_to(weighted_mean(x, weight), x.shape)
        return weighted_mean(gap**2, weight)

    return 1.0 - variance(target - value) / jnp.maximum(variance(target), 1e-8)
