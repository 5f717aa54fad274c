"""Distributions over action spaces, one for each kind of space. Axes: `n` agents, `a` logits, `d` components."""

import abc
import math
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, Shaped

from fisc.core.errors import ConfigError
from fisc.core.spaces import ILLEGAL, Box, Discrete, MultiDiscrete, Space

LATENT_LIMIT = 6.0
"""Largest |latent| drawn before squashing: beyond it a float32 action no longer moves, but its gradient does."""
LOG_STD_RANGE = (-5.0, 1.0)
MIN_WIDTH = 1.5
"""Least width of an ordinal choice, in steps: a narrower one no longer learns where its neighbors are better."""

FIRST_WIDTH = 0.25
"""Width of an ordinal choice whose second output is 0, as a share of the range."""

Head = Literal["categorical", "ordinal"]
"""How a network chooses one integer: each by its own logit, or around a location because the integers are ordered."""

GreedyChoice = Literal["likeliest", "median"]
"""Which one choice stands for a distribution where nothing is drawn."""


class Choosing(NamedTuple):
    """How a network's outputs are read as choices."""

    head: Head = "categorical"
    opening: tuple[float, float] = (0.5, FIRST_WIDTH)
    """Location and width of ordinal choices before anything is learned, as shares of the range."""
    greedy: GreedyChoice = "likeliest"


CATEGORICAL = Choosing()
"""Every integer by its own logit."""


class Distribution(eqx.Module):
    """What a head says about the actions of n agents."""

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""]) -> Shaped[Array, "n ..."]:
        """Draw latents. `key`: consumed."""

    def at(self, luck: Float[Array, " n"]) -> Shaped[Array, "n ..."]:
        """Latents at given quantiles, for choices that have an order.

        Raises:
            ConfigError: if the choices have none.
        """
        raise ConfigError(f"luck cannot be given for {type(self).__name__}: only a single integer has quantiles")

    @abc.abstractmethod
    def mode(self) -> Shaped[Array, "n ..."]:
        """The most likely latents."""

    @abc.abstractmethod
    def median(self) -> Shaped[Array, "n ..."]:
        """Latents in the middle of what is drawn: for choices that have an order."""

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
        return self.at(jax.random.uniform(key, self.logits.shape[:1], self.logits.dtype))

    def at(self, luck):
        """The first integer whose distribution function exceeds `luck`, [n]."""
        distribution_function = jnp.cumsum(jnp.exp(self.logits), axis=-1)
        draw = luck.astype(self.logits.dtype)[:, None] * distribution_function[:, -1:]
        passed = distribution_function <= jnp.broadcast_to(draw, distribution_function.shape)
        return jnp.sum(passed, axis=-1, dtype=jnp.int32)

    def mode(self):
        """The most likely integers, the lowest if several are."""
        return jnp.argmax(self.logits, axis=-1).astype(jnp.int32)

    def median(self):
        """The first integers that are not exceeded in more than half of the draws: legal ones, however many are not."""
        return self.at(jnp.full(self.logits.shape[:1], 0.5))

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
    """A vector of independent integers for each agent: one categorical over all components of all agents at once."""

    num_components: int = eqx.field(static=True)
    components: Categorical
    """Rows in the order agent, component; shorter components are padded with illegal choices."""

    def __init__(self, space: MultiDiscrete, logits: Float[Array, "n d a"], mask: Bool[Array, "n m"]):
        """`logits` are padded to the longest component, `mask` is the space's flat one."""
        longest = max(space.sizes)
        parts = [jnp.pad(p, ((0, 0), (0, longest - p.shape[1])), constant_values=False) for p in space.split(mask)]
        self.num_components = len(space.sizes)
        self.components = Categorical(logits.reshape(-1, longest), jnp.stack(parts, axis=1).reshape(-1, longest))

    def _rows(self, x):
        return x.reshape(-1, self.num_components)

    def sample(self, key):
        """Draw vectors, [n, d]."""
        return self._rows(self.components.sample(key))

    def mode(self):
        """The most likely vectors."""
        return self._rows(self.components.mode())

    def median(self):
        """The median of each component."""
        return self._rows(self.components.median())

    def log_prob(self, latent):
        """Sum over components."""
        return jnp.sum(self._rows(self.components.log_prob(latent.reshape(-1))), axis=1)

    def entropy(self):
        """Sum over components."""
        return jnp.sum(self._rows(self.components.entropy()), axis=1)

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

    def median(self):
        """The mean latents: squashing keeps their order."""
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


def ordinal_logits(outputs: Float[Array, "m 2"], sizes: Float[Array, " m"], longest: int) -> Float[Array, "m a"]:
    """Logits of a discretized normal on 0, …, size - 1 for each row, from a location and a log width.

    For ordered choices (hours, rates, prices): what is learned about one number carries over to its neighbors.
    """
    span = (sizes - 1.0)[:, None]
    location = span * jax.nn.sigmoid(outputs[:, :1])
    width = jnp.maximum(MIN_WIDTH, FIRST_WIDTH * span * jnp.exp(jnp.minimum(outputs[:, 1:], LOG_STD_RANGE[1])))
    steps = jnp.broadcast_to(jnp.arange(longest, dtype=outputs.dtype)[None, :], (outputs.shape[0], longest))
    gap = (steps - jnp.broadcast_to(location, steps.shape)) / jnp.broadcast_to(width, steps.shape)
    return -0.5 * gap**2


def ordinal_outputs(location: float, width: float) -> tuple[float, float]:
    """The outputs for a location inside (0, 1) and a width above 0, both as shares of the range."""
    return math.log(location / (1.0 - location)), math.log(width / FIRST_WIDTH)


def num_outputs(space: Space, head: Head) -> int:
    """Network outputs that a distribution over `space` needs for each agent."""
    if isinstance(space, Box):
        return 2 * space.size
    if head == "ordinal":
        return 2 * (len(space.sizes) if isinstance(space, MultiDiscrete) else 1)
    return space.mask_size


def distribution(space: Space, outputs: Float[Array, "n a"], mask: Bool[Array, "n m"], head: Head) -> Distribution:
    """Read network outputs as a distribution over `space` that respects the mask."""
    if isinstance(space, Box):
        mean, log_std = jnp.split(outputs, 2, axis=-1)
        return SquashedNormal(space, mean, jnp.clip(log_std, *LOG_STD_RANGE), mask[:, 0])
    sizes = (space.size,) if isinstance(space, Discrete) else space.sizes
    longest, num_agents = max(sizes), outputs.shape[0]
    if head == "ordinal":
        rows = jnp.tile(jnp.asarray(sizes, outputs.dtype), num_agents)
        logits = ordinal_logits(outputs.reshape(-1, 2), rows, longest)
    elif isinstance(space, MultiDiscrete):
        parts = [jnp.pad(part, ((0, 0), (0, longest - part.shape[1]))) for part in space.split(outputs)]
        logits = jnp.stack(parts, axis=1)
    else:
        logits = outputs
    if isinstance(space, Discrete):
        return Categorical(logits, mask)
    return MultiCategorical(space, logits.reshape(num_agents, len(sizes), longest), mask)
