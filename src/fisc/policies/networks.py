"""Networks over named observation blocks. Axes: `n` agents of a role, `k` features of a block, `h` hidden units."""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from fisc.core.economy import Block


def orthogonal(key: Key[Array, ""], rows: int, columns: int, scale: float) -> Float[Array, "rows columns"]:
    """A matrix with orthonormal rows or columns, times `scale`. `key`: consumed. Source: Saxe et al. (2014)."""
    return jax.nn.initializers.orthogonal(scale)(key, (rows, columns))


class BlockMLP(eqx.Module):
    """A multilayer perceptron whose first layer reads every block by itself.

    A public block is multiplied once for all agents of the role, which is what makes a hundred citizens who read the
    same tax schedule cheap. The sum over blocks is the same as one layer over their concatenation.
    """

    readers: dict[str, Float[Array, "k h"]]
    weights: list[Float[Array, "h h2"]]
    biases: list[Float[Array, " h"]]

    def __init__(
        self, key: Key[Array, ""], blocks: Mapping[str, Block], hidden: tuple[int, ...], size: int, last_scale: float
    ):
        """Layers `hidden` and `size` outputs, the last layer scaled by `last_scale`. `key`: consumed."""
        key_first, *keys = jax.random.split(key, len(hidden) + 1)
        widths = [len(block.names) for block in blocks.values()]
        first = orthogonal(key_first, sum(widths), hidden[0], 2.0**0.5)
        starts = [sum(widths[:i]) for i in range(len(widths))]
        self.readers = {
            name: first[start : start + width] for name, start, width in zip(blocks, starts, widths, strict=True)
        }
        scales = [2.0**0.5] * (len(hidden) - 1) + [last_scale]
        layers = zip(keys, hidden, (*hidden[1:], size), scales, strict=True)
        self.weights = [orthogonal(k, rows, columns, scale) for k, rows, columns, scale in layers]
        self.biases = [jnp.zeros(width) for width in (*hidden, size)]

    def __call__(self, features: Mapping[str, Float[Array, "_ k"]], num_agents: int) -> Float[Array, "n size"]:
        """Outputs for all agents of a role in one environment."""
        shared = self.biases[0][None, :]
        own = jnp.zeros((num_agents, self.biases[0].shape[0]), self.biases[0].dtype)
        for name, reader in self.readers.items():
            part = features[name] @ reader
            shared, own = (shared + part, own) if part.shape[0] == 1 != num_agents else (shared, own + part)
        hidden = jnp.tanh(own + jnp.broadcast_to(shared, own.shape))
        for weight, bias in zip(self.weights[:-1], self.biases[1:-1], strict=True):
            hidden = jnp.tanh(hidden @ weight + jnp.broadcast_to(bias, (num_agents, bias.shape[0])))
        last = self.biases[-1]
        return hidden @ self.weights[-1] + jnp.broadcast_to(last, (num_agents, last.shape[0]))
