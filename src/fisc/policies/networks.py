"""Networks over what agents share and what is their own. Axes: `n` agents of a role, `k` features, `h` hidden units."""

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


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

    def __init__(self, key: Key[Array, ""], num_features: int, hidden: tuple[int, ...], size: int, last_scale: float):
        """Layers `hidden` and `size` outputs, the last layer scaled by `last_scale`. `key`: consumed."""
        widths = (num_features, *hidden, size)
        keys = jax.random.split(key, len(hidden) + 1)
        scales = [2.0**0.5] * len(hidden) + [last_scale]
        self.weights = [
            orthogonal(k, *shape, scale) for k, shape, scale in zip(keys, pairwise(widths), scales, strict=True)
        ]
        self.biases = [jnp.zeros(width) for width in widths[1:]]

    def __call__(self, public: Float[Array, "1 kp"], own: Float[Array, "n ko"]) -> Float[Array, "n size"]:
        """Outputs for all agents of a role in one environment; either kind of features may be empty."""
        num_agents, num_public = own.shape[0], public.shape[1]
        first = self.weights[0]
        shared = public @ first[:num_public] + self.biases[0][None, :]
        signal = jnp.broadcast_to(shared, (num_agents, shared.shape[1]))
        if own.shape[1]:
            signal += own @ first[num_public:]
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            signal = jnp.tanh(signal) @ weight + jnp.broadcast_to(bias, (num_agents, bias.shape[0]))
        return signal
