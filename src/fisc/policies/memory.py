"""A network that remembers: dense layers, and a long short-term memory behind them.

Only one product of a decision depends on the decision before. Everything else is computed for a whole sequence at once.
Axes: `n` agents of a role, `k` features, `h` units of memory, `l` decisions of a sequence, one after the other.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Shaped

from fisc.policies.networks import OwnMLPs, SharedMLP, orthogonal

SMALLEST_VARIANCE = 1e-3
"""Added to the variance in layer normalization. Source: the default of the release's library."""


class Memory(NamedTuple):
    """What each agent remembers."""

    output: Float[Array, "*b n h"]
    """Of the cells, as it was last read."""
    cell: Float[Array, "*b n h"]


class Recurrent(eqx.Module):
    """Dense layers, layer normalization, a long short-term memory, and a linear layer of outputs.

    i, f, g, o = x W + y U + b;  c' = σ(f) c + σ(i) tanh(g);  y' = σ(o) tanh(c')

    with x the normalized features, y the `output` and c the `cell` of a `Memory`. All agents share the parameters, or
    each has its own: every array then has a leading axis, the agents'.

    Source: Hochreiter and Schmidhuber (1997) with the gate f of Gers et al. (2000); sizes and order of the layers as in
    the release of Zheng et al. (2022). Differs: weights start orthogonal, not uniform.
    """

    trunk: SharedMLP | OwnMLPs
    scale: Float[Array, "*o h"]
    offset: Float[Array, "*o h"]
    inward: Float[Array, "*o h g"]
    """W, four gates side by side."""
    across: Float[Array, "*o h g"]
    """U."""
    bias: Float[Array, "*o g"]
    outward: Float[Array, "*o h size"]
    outward_bias: Float[Array, "*o size"]

    def __init__(self, key: Key[Array, ""], num_features: int, hidden: tuple[int, ...], size: int, last_scale: float):
        """Dense layers `hidden`, of which the last is as wide as the memory, and `size` outputs. `key`: consumed."""
        width = hidden[-1]
        key_trunk, key_in, key_across, key_out = jax.random.split(key, 4)
        self.trunk = SharedMLP(key_trunk, num_features, hidden[:-1], width, 2.0**0.5, "relu")
        self.scale, self.offset = jnp.ones(width), jnp.zeros(width)
        self.inward = orthogonal(key_in, width, 4 * width, 1.0)
        self.across = orthogonal(key_across, width, 4 * width, 1.0)
        remembers_at_first = jnp.arange(4 * width) // width == 1
        self.bias = remembers_at_first.astype(self.inward.dtype)
        self.outward, self.outward_bias = orthogonal(key_out, width, size, last_scale), jnp.zeros(size)

    @property
    def weights(self) -> list:
        """Matrices, in the order in which they are used; of a network in outline too."""
        return [*self.trunk.weights, self.inward, self.across, self.outward]

    def alone(self, agent: Int[Array, ""]) -> "Recurrent":
        """The network of one agent, if every agent has its own; it then serves any number of agents."""
        if self.bias.ndim == 1:
            return self
        return jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, agent), self)

    def first_memory(self, num_agents: int) -> Memory:
        """Nothing, when an episode begins."""
        nothing = jnp.zeros((num_agents, self.across.shape[-2]), self.across.dtype)
        return Memory(nothing, nothing)

    def __call__(
        self, public: Sequence[Shaped[Array, "*b 1 _"]], own: Sequence[Shaped[Array, "*b n _"]], memory: Memory
    ) -> Float[Array, "*b n size"]:
        """Outputs for one decision of all agents, in one environment or in many (leading axes); see `SharedMLP`."""
        return self._tell(self.remember(public, own, memory).output)

    def remember(
        self, public: Sequence[Shaped[Array, "*b 1 _"]], own: Sequence[Shaped[Array, "*b n _"]], memory: Memory
    ) -> Memory:
        """What is remembered after a decision."""
        return self._remember(memory, self._notice(public, own))

    def replay(
        self,
        public: Sequence[Shaped[Array, "*b l 1 _"]],
        own: Sequence[Shaped[Array, "*b l n _"]],
        memory: Memory,
        ended: Bool[Array, "*b l"],
    ) -> Float[Array, "*b l n size"]:
        """Outputs for sequences of decisions. `memory`: before the first one; it is lost where an episode `ended`."""

        def decide(memory, inputs):
            """Remember one decision, and forget it all if the episode ended with it."""
            noticed, is_over = inputs
            memory = self._remember(memory, noticed)
            return Memory(*(forget(is_over, part, jnp.zeros_like(part)) for part in memory)), memory.output

        noticed, axis = self._notice(public, own), ended.ndim - 1
        inputs = jnp.moveaxis(noticed, axis, 0), jnp.moveaxis(ended, axis, 0)
        _, outputs = jax.lax.scan(decide, memory, inputs)
        return self._tell(jnp.moveaxis(outputs, 0, axis))

    def _notice(self, public, own) -> Float[Array, "*b n g"]:
        """The part of all gates that does not depend on the memory."""
        signal = jax.nn.relu(self.trunk(public, own))
        gap = signal - jnp.broadcast_to(jnp.mean(signal, axis=-1, keepdims=True), signal.shape)
        spread = jnp.sqrt(jnp.mean(gap**2, axis=-1, keepdims=True) + SMALLEST_VARIANCE)
        normal = gap / jnp.broadcast_to(spread, gap.shape)
        normal = normal * jnp.broadcast_to(self.scale, normal.shape) + jnp.broadcast_to(self.offset, normal.shape)
        return _plus(_times(normal, self.inward), self.bias)

    def _remember(self, memory: Memory, noticed: Float[Array, "*b n g"]) -> Memory:
        gates = noticed + _times(memory.output, self.across)
        admit, keep, new, show = jnp.split(gates, 4, axis=-1)
        cell = jax.nn.sigmoid(keep) * memory.cell + jax.nn.sigmoid(admit) * jnp.tanh(new)
        return Memory(jax.nn.sigmoid(show) * jnp.tanh(cell), cell)

    def _tell(self, output: Float[Array, "*b n h"]) -> Float[Array, "*b n size"]:
        return _plus(_times(output, self.outward), self.outward_bias)


def forget(is_over: Bool[Array, "*b"], memory: Float[Array, "*b n h"], first: Float[Array, "*b n h"]):
    """`first` where the episode is over."""
    return jnp.where(is_over[..., None, None], first, memory)


def _times(x: Float[Array, "*b n h"], weights: Float[Array, "*o h k"]) -> Float[Array, "*b n k"]:
    """Rows times the weights of all agents, or of the only agent; or each agent's rows times its own."""
    if weights.ndim == 3 and weights.shape[0] > 1:
        return jax.vmap(_in_rows, in_axes=(-2, 0), out_axes=-2)(x, weights)
    return _in_rows(x, weights if weights.ndim == 2 else weights[0])


def _in_rows(x: Float[Array, "*b h"], weights: Float[Array, "h k"]) -> Float[Array, "*b k"]:
    """One product of two matrices, whose gradient is one too."""
    return (x.reshape(math.prod(x.shape[:-1]), x.shape[-1]) @ weights).reshape(*x.shape[:-1], -1)


def _plus(x: Float[Array, "*b n k"], bias: Float[Array, "*o k"]) -> Float[Array, "*b n k"]:
    return x + jnp.broadcast_to(bias, x.shape)
