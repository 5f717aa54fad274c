"""Networks over what agents share and what is their own. Axes: `n` agents of a role, `k` features, `h` hidden units."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Shaped

Activation = Literal["tanh", "relu"]


def orthogonal(key: Key[Array, ""], rows: int, columns: int, scale: float) -> Float[Array, "rows columns"]:
    """A matrix with orthonormal rows or columns, times `scale`. `key`: consumed. Source: Saxe et al. (2014)."""
    return jax.nn.initializers.orthogonal(scale)(key, (rows, columns))


class SharedMLP(eqx.Module):
    """A multilayer perceptron over public features next to each agent's own.

    The public part of the first layer is multiplied once for all agents of the role, which is what makes a hundred
    citizens who read the same tax schedule cheap. The result is that of one layer over both, side by side.
    """

    weights: list[Float[Array, "h h2"]]
    """The rows of the first one: public features, then own."""
    biases: list[Float[Array, " h"]]
    activation: Activation = eqx.field(static=True)
    """What every layer but the last one ends with."""

    def __init__(
        self,
        key: Key[Array, ""],
        num_features: int,
        hidden: tuple[int, ...],
        size: int,
        last_scale: float,
        activation: Activation = "tanh",
    ):
        """Layers `hidden` and `size` outputs, the last layer scaled by `last_scale`. `key`: consumed."""
        widths = (num_features, *hidden, size)
        keys = jax.random.split(key, len(hidden) + 1)
        scales = [2.0**0.5] * len(hidden) + [last_scale]
        self.weights = [
            orthogonal(k, *shape, scale) for k, shape, scale in zip(keys, pairwise(widths), scales, strict=True)
        ]
        self.biases = [jnp.zeros(width) for width in widths[1:]]
        self.activation = activation

    def __call__(
        self, public: Sequence[Shaped[Array, "*b 1 _"]], own: Sequence[Shaped[Array, "*b n _"]]
    ) -> Float[Array, "*b n size"]:
        """Outputs for all agents of a role, in one environment or in many (leading axes).

        Each kind of features comes in parts, which belong side by side, but are never copied there: every part is
        multiplied with its own rows of the first layer. Integers become numbers just before. At least one part of
        `own` is needed for the number of agents; it may have no features.
        """
        *batch, num_agents, _ = own[0].shape
        environments, num_public = math.prod(batch), sum(part.shape[-1] for part in public)
        shared = jnp.broadcast_to(self.biases[0][None, :], (environments, self.biases[0].shape[0]))
        for product in self._products(public, 0):
            shared = shared + product
        first, *others = self._products(own, num_public)
        mine = sum(others, first).reshape(environments, num_agents, -1)
        signal = (mine + jnp.broadcast_to(shared[:, None, :], mine.shape)).reshape(-1, mine.shape[-1])
        bend = jnp.tanh if self.activation == "tanh" else jax.nn.relu
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            signal = bend(signal) @ weight + jnp.broadcast_to(bias, (signal.shape[0], bias.shape[0]))
        return signal.reshape(*batch, num_agents, -1)

    def _products(self, parts: Sequence[Shaped[Array, "*b _"]], start: int) -> list[Float[Array, "m h"]]:
        """Each part times its rows of the first layer, the first of which is number `start`.

        As rows of one matrix: the gradient of a product with more axes is first moved around in memory.
        """
        products, weights = [], self.weights[0]
        for part in parts:
            *lead, size = part.shape
            products.append(part.reshape(math.prod(lead), size).astype(weights.dtype) @ weights[start : start + size])
            start += size
        return products


class OwnMLPs(eqx.Module):
    """As many perceptrons as a role has agents, one for each: no parameter is shared.

    What limits a step (norm of the gradient, how far a policy may move) is still common to the role. A single one
    serves any number of agents.
    """

    networks: SharedMLP
    """All of them: every array has a leading axis, the agents'."""

    @property
    def weights(self) -> list:
        """Of all networks, layer by layer, [n, h, h2]; in outline too."""
        return self.networks.weights

    def alone(self, agent: Int[Array, ""]) -> "OwnMLPs":
        """The network of one agent."""
        return OwnMLPs(jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, agent), self.networks))

    def __call__(
        self, public: Sequence[Shaped[Array, "*b 1 _"]], own: Sequence[Shaped[Array, "*b n _"]]
    ) -> Float[Array, "*b n size"]:
        """As `SharedMLP`, each agent through its own network."""
        if self.weights[0].shape[0] == 1:
            return jax.tree.map(lambda x: x[0], self.networks)(public, own)

        def one(network, rows):
            """What one agent's network makes of its rows [*b, k]."""
            return network(public, [row[..., None, :] for row in rows])[..., 0, :]

        return jax.vmap(one, in_axes=(0, -2), out_axes=-2)(self.networks, list(own))
