"""Distributions over action spaces, one for each kind of space. Axes: `n` agents, `a` logits, `d` components."""

import abc
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, Shaped

from fisc.core.spaces import ILLEGAL, Box, Discrete, MultiDiscrete, Space

LATENT_LIMIT = 6.0
"""Largest |latent| drawn before squashing: beyond it a float32 action no longer moves, but its gradient does."""
LOG_STD_RANGE = (-5.0, 1.0)
MIN_WIDTH = 1.5
"""Least width of an ordinal choice, in steps: a narrower one no longer learns where its neighbors are better."""

Head = Literal["categorical", "ordinal"]
"""How a network chooses one integer: each by its own logit, or around a location because the integers are ordered."""


class Distribution(eqx.Module):
    """What a head says about the actions of n agents."""

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""]) -> Shaped[Array, "n ..."]:
        """Draw latents. `key`: consumed."""

    @abc.abstractmethod
    def mode(self) -> Shaped[Array, "n ..."]:
        """The most likely latents."""

    @abc.abstractmethod
    def log_prob(self, latent: Shaped[Array, "n ..."]) -> Float[Array, " n"]:
        """Log density of latents."""

    @abc.abstractmethod
    def entropy(self) -> Float[Array, " n"]:
        """Entropy in nats."""

    @abc.abstractmethod
    def action(self, latent: Shaped[Array, "n ..."]) -> Shaped[Array, "n ..."]:
        """What the economy receives."""


class Categorical(Distribution):
    """One integer for each agent; illegal ones have probability 0."""

    logits: Float[Array, "n a"]
    """Normalized log probabilities."""

    def __init__(self, logits: Float[Array, "n a"], mask: Bool[Array, "n a"]):
        self.logits = jax.nn.log_softmax(jnp.where(mask, logits, ILLEGAL), axis=-1)

    def sample(self, key):
        """Draw integers, [n], by inverting the distribution function: one random number an agent, not one a choice."""
        distribution_function = jnp.cumsum(jnp.exp(self.logits), axis=-1)
        total = distribution_function[:, -1:]
        draw = jax.random.uniform(key, total.shape, total.dtype) * total
        passed = distribution_function <= jnp.broadcast_to(draw, distribution_function.shape)
        return jnp.sum(passed, axis=-1, dtype=jnp.int32)

    def mode(self):
        """The most likely integers, the lowest if several are."""
        return jnp.argmax(self.logits, axis=-1).astype(jnp.int32)

    def log_prob(self, latent):
        """Log probability of each integer."""
        return jnp.take_along_axis(self.logits, latent[:, None], axis=-1)[:, 0]

    def entropy(self):
        """-Σ p log p, where 0 log 0 = 0."""
        return -jnp.sum(jnp.exp(self.logits) * self.logits, axis=-1)

    def action(self, latent):
        """The integers themselves."""
        return latent


class MultiCategorical(Distribution):
    """A vector of independent integers for each agent."""

    parts: list[Categorical]

    def __init__(self, space: MultiDiscrete, logits: Float[Array, "n a"], mask: Bool[Array, "n a"]):
        self.parts = [Categorical(*part) for part in zip(space.split(logits), space.split(mask), strict=True)]

    def sample(self, key):
        """Draw vectors, [n, d]."""
        keys = jax.random.split(key, len(self.parts))
        return jnp.stack([part.sample(k) for part, k in zip(self.parts, keys, strict=True)], axis=-1)

    def mode(self):
        """The most likely vectors."""
        return jnp.stack([part.mode() for part in self.parts], axis=-1)

    def log_prob(self, latent):
        """Sum over components."""
        return sum(part.log_prob(latent[:, d]) for d, part in enumerate(self.parts))

    def entropy(self):
        """Sum over components."""
        return sum(part.entropy() for part in self.parts)

    def action(self, latent):
        """The vectors themselves."""
        return latent


class SquashedNormal(Distribution):
    """A vector in [low, high]^d for each agent: a normal latent through the logistic function.

    Log densities are the latent's: in a ratio of policies the squashing cancels. The entropy is that of the action,
    with the mean of the log slope taken at the mean latent; it falls at the borders, so that the bonus keeps off them.
    """

    space: Box = eqx.field(static=True)
    mean: Float[Array, "n d"]
    log_std: Float[Array, "n d"]
    may_act: Bool[Array, " n"]

    def sample(self, key):
        """Draw latents, [n, d]."""
        noise = jax.random.normal(key, self.mean.shape, self.mean.dtype)
        return jnp.clip(self.mean + jnp.exp(self.log_std) * noise, -LATENT_LIMIT, LATENT_LIMIT)

    def mode(self):
        """The mean latents."""
        return self.mean

    def log_prob(self, latent):
        """Normal log density, 0 for an agent that may not act."""
        z = (latent - self.mean) * jnp.exp(-self.log_std)
        density = jnp.sum(-0.5 * z**2 - self.log_std - 0.5 * jnp.log(2 * jnp.pi), axis=-1)
        return jnp.where(self.may_act, density, 0.0)

    def entropy(self):
        """Normal entropy plus the log slope of the squashing at the mean, relative to the width of the box."""
        slope = jax.nn.log_sigmoid(self.mean) + jax.nn.log_sigmoid(-self.mean)
        total = jnp.sum(self.log_std + 0.5 * jnp.log(2 * jnp.pi * jnp.e) + slope, axis=-1)
        return jnp.where(self.may_act, total, 0.0)

    def action(self, latent):
        """Squash; an agent that may not act gets `low`."""
        low, high = self.space.low, self.space.high
        squashed = low + (high - low) * jax.nn.sigmoid(latent)
        return jnp.where(self.may_act[:, None], squashed, low)


def ordinal_logits(outputs: Float[Array, "n 2"], size: int) -> Float[Array, "n a"]:
    """Logits of a discretized normal on 0, …, size - 1, from a location and a log width.

    For ordered choices (hours, prices): what is learned about one number carries over to its neighbors.
    """
    location = (size - 1) * jax.nn.sigmoid(outputs[:, :1])
    width = jnp.maximum(MIN_WIDTH, 0.25 * (size - 1) * jnp.exp(jnp.minimum(outputs[:, 1:], LOG_STD_RANGE[1])))
    steps = jnp.broadcast_to(jnp.arange(size, dtype=outputs.dtype)[None, :], (outputs.shape[0], size))
    gap = (steps - jnp.broadcast_to(location, steps.shape)) / jnp.broadcast_to(width, steps.shape)
    return -0.5 * gap**2


def num_outputs(space: Space, head: Head) -> int:
    """Network outputs that a distribution over `space` needs for each agent."""
    if isinstance(space, Box):
        return 2 * space.size
    if head == "ordinal":
        return 2 * (len(space.sizes) if isinstance(space, MultiDiscrete) else 1)
    return space.mask_size


def distribution(space: Space, outputs: Float[Array, "n a"], mask: Bool[Array, "n a"], head: Head) -> Distribution:
    """Read network outputs as a distribution over `space` that respects the mask."""
    if isinstance(space, Discrete):
        return Categorical(ordinal_logits(outputs, space.size) if head == "ordinal" else outputs, mask)
    if isinstance(space, MultiDiscrete):
        if head == "ordinal":
            pairs = jnp.split(outputs, len(space.sizes), axis=-1)
            outputs = jnp.concatenate([ordinal_logits(*pair) for pair in zip(pairs, space.sizes, strict=True)], axis=-1)
        return MultiCategorical(space, outputs, mask)
    mean, log_std = jnp.split(outputs, 2, axis=-1)
    return SquashedNormal(space, mean, jnp.clip(log_std, *LOG_STD_RANGE), mask[:, 0])
