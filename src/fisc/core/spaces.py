"""Action spaces. An action mask has one flag for each entry of `mask_size`: True means legal.

Axes: `n` agents of a role, `a` mask entries, `d` components of one agent's action.
"""

import abc
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key, Shaped, UInt16

from fisc.core.luck import random_halves

ILLEGAL = -1e9
"""Logit of an illegal action: finite, so that differences and products with zero stay defined."""


class Space(abc.ABC):
    """The actions one agent can choose from."""

    @property
    @abc.abstractmethod
    def mask_size(self) -> int:
        """Number of flags in one agent's mask."""

    @abc.abstractmethod
    def idle(self) -> Bool[Array, " a"]:
        """The mask of an agent that may only do nothing."""

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""], mask: Bool[Array, "n a"]) -> Shaped[Array, "n ..."]:
        """Draw legal actions uniformly for n agents, each of whom has at least one. `key`: consumed."""

    @abc.abstractmethod
    def contains(self, action: Shaped[Array, "n ..."]) -> Bool[Array, " n"]:
        """Say for each of n agents whether its action lies in the space (legal or not)."""


@dataclass(frozen=True)
class Discrete(Space):
    """One integer in 0, …, size - 1. By convention 0 does nothing."""

    size: int

    @property
    def mask_size(self) -> int:
        """One flag for each integer."""
        return self.size

    def idle(self):
        """Only 0 is legal."""
        return jnp.arange(self.size) == 0

    def sample(self, key, mask):
        """Draw one legal integer for each agent, shape [n]: one random number an agent, not one an integer."""
        return _legal_at(random_halves(key, mask.shape[0])[1], mask)

    def contains(self, action):
        """True where the integer is in range."""
        return (action >= 0) & (action < self.size)


def _legal_at(luck: UInt16[Array, " n"], mask: Bool[Array, "n a"]) -> Int[Array, " n"]:
    """The legal integer that comes after `luck` / 65,536 of the legal ones, so that all are equally likely.

    To within 1 / 65,536. The few entries are gone through one by one, which compiles to one pass over the agents.
    """
    before = (luck.astype(jnp.int32) * jnp.sum(mask, axis=-1, dtype=jnp.int32)) >> 16
    passed = index = jnp.zeros_like(before)
    for entry in range(mask.shape[-1]):
        passed = passed + mask[:, entry].astype(jnp.int32)
        index = index + (passed <= before).astype(jnp.int32)
    return index


@dataclass(frozen=True)
class MultiDiscrete(Space):
    """A vector of integers, component d in 0, …, sizes[d] - 1, chosen independently of one another."""

    sizes: tuple[int, ...]

    @property
    def mask_size(self) -> int:
        """The components' flags, one after the other."""
        return sum(self.sizes)

    def idle(self):
        """Only 0 is legal in every component."""
        return jnp.concatenate([jnp.arange(size) == 0 for size in self.sizes])

    def split(self, flat: Shaped[Array, "*n a"]) -> list[Shaped[Array, "*n _"]]:
        """Cut flags or logits into one array for each component."""
        ends = [sum(self.sizes[: d + 1]) for d in range(len(self.sizes) - 1)]
        return jnp.split(flat, ends, axis=-1)

    def sample(self, key, mask):
        """Draw legal integers, shape [n, d]."""
        luck = random_halves(key, mask.shape[0] * len(self.sizes))[1].reshape(-1, len(self.sizes))
        return jnp.stack([_legal_at(luck[:, d], part) for d, part in enumerate(self.split(mask))], axis=-1)

    def contains(self, action):
        """True where every component is in range."""
        sizes = jnp.asarray(self.sizes, action.dtype)[None, :]
        return jnp.all((action >= 0) & (action < sizes), axis=-1)


@dataclass(frozen=True)
class Box(Space):
    """A vector of real numbers in [low, high]. Its one flag says whether the agent may act at all."""

    low: float
    high: float
    size: int

    def __post_init__(self):
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"Box needs finite low < high, not [{self.low}, {self.high}]")

    @property
    def mask_size(self) -> int:
        """One flag: may the agent act?"""
        return 1

    def idle(self):
        """The agent may not act."""
        return jnp.zeros(1, bool)

    def sample(self, key, mask):
        """Draw uniformly in the box, shape [n, size]; agents that may not act get `low`."""
        draw = jax.random.uniform(key, (mask.shape[0], self.size), minval=self.low, maxval=self.high)
        return jnp.where(mask, draw, self.low)

    def contains(self, action):
        """True where every component lies in the box."""
        return jnp.all((action >= self.low) & (action <= self.high), axis=-1)
