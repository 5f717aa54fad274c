"""Networks that look at a map place by place, with the same filters everywhere.

A convolution is written as patches and one product. On a CPU the gradient of a convolution inside a loop takes ten
times as long. Axes: `n` agents, `m` maps, `h` rows, `w` columns, `c` channels, `f` filters, `k` numbers of a patch.
"""

import math
from collections.abc import Sequence
from itertools import groupby, pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Shaped

from fisc.core.errors import ConfigError
from fisc.policies.networks import orthogonal
from fisc.policies.reading import Layer, Look

EMBEDDING = 4
"""Numbers that stand for a label. Source: the reference program."""
EMBEDDING_STD = 0.5
"""So that a label is about as long as a flag."""


def patches(x: Shaped[Array, "m h w c"], size: int, stride: int) -> Shaped[Array, "m h2 w2 k"]:
    """All squares of `size` cells a side, `stride` cells apart, that fit on a map: row by row, channels inside."""
    num_maps, *shape, channels = x.shape
    rows, columns = (fits(length, size, stride) for length in shape)
    if size == stride:
        tiles = x[:, : rows * size, : columns * size].reshape(num_maps, rows, size, columns, size, channels)
        return jnp.swapaxes(tiles, 2, 3).reshape(num_maps, rows, columns, -1)
    lasts = ((rows - 1) * stride + 1, (columns - 1) * stride + 1)
    places = [(row, column) for row in range(size) for column in range(size)]
    cuts = [x[:, row : row + lasts[0] : stride, column : column + lasts[1] : stride] for row, column in places]
    return jnp.concatenate(cuts, axis=-1)


def fits(length: int, size: int, stride: int) -> int:
    """How many squares fit side by side; 0 or less if none does."""
    return (length - size) // stride + 1


class Eye(eqx.Module):
    """Layers of filters over a map, each followed by max(0, x); the first one reads flags and labels.

    A label stands for `EMBEDDING` trained numbers, nobody for zeros. These numbers and the first filters are one
    product with the flags of labels.

    Source: Zheng et al. (2022) and their release: 16, then 32 filters of 3 by 3 cells, 2 cells apart.
    """

    tables: list[Float[Array, "l d"]]
    """What each label stands for, a table for each channel of labels."""
    kernels: list[Float[Array, "k f"]]
    biases: list[Float[Array, " f"]]
    height: int = eqx.field(static=True)
    width: int = eqx.field(static=True)
    groups: tuple[int, ...] = eqx.field(static=True)
    """Layers of each channel, in their order: 0 for one of quantities or flags, else the number of its labels."""
    look: Look = eqx.field(static=True)

    def __init__(self, key: Key[Array, ""], layers: Sequence[Layer], look: Look):
        """For these layers of a map. `key`: consumed.

        Raises:
            ConfigError: if the map is too small.
        """
        first, *_ = layers
        self.height, self.width = first.rows[1] - first.rows[0], first.columns[1] - first.columns[0]
        self.groups, self.look = _groups(layers), look
        if self.num_features <= 0:
            raise ConfigError(
                f"{len(look.filters)} layers of filters, {look.size} cells a side and {look.stride} apart, do not fit "
                f"on a map of which {self.height} by {self.width} cells are read: read more, or take fewer layers"
            )
        labeled = [number for number in self.groups if number]
        channels = len(self.groups) + (EMBEDDING - 1) * len(labeled)
        keys = jax.random.split(key, len(labeled) + len(look.filters))
        self.tables = [
            EMBEDDING_STD * jax.random.normal(k, (number, EMBEDDING))
            for k, number in zip(keys[: len(labeled)], labeled, strict=True)
        ]
        self.kernels = [
            orthogonal(k, look.size**2 * above, below, 2.0**0.5)
            for k, (above, below) in zip(keys[len(labeled) :], pairwise((channels, *look.filters)), strict=True)
        ]
        self.biases = [jnp.zeros(number) for number in look.filters]

    @property
    def num_features(self) -> int:
        """What is told of a map; 0 or less if it is too small."""
        rows, columns = (length + pad for length, pad in zip((self.height, self.width), self._padding, strict=True))
        for _ in self.look.filters:
            rows, columns = (max(0, fits(length, self.look.size, self.look.stride)) for length in (rows, columns))
        return rows * columns * self.look.filters[-1]

    @property
    def operations(self) -> list[int]:
        """Multiplications of each layer for one map."""
        shape = [length + pad for length, pad in zip((self.height, self.width), self._padding, strict=True)]
        counts, inside = [], self._num_layers
        for filters in self.look.filters:
            shape = [fits(length, self.look.size, self.look.stride) for length in shape]
            counts.append(math.prod(shape) * self.look.size**2 * inside * filters)
            inside = filters
        return counts

    def __call__(self, cells: Int[Array, "*b n _"]) -> Float[Array, "*b n _"]:
        """What the filters find, for maps whose cells come row by row with all layers inside."""
        *lead, _ = cells.shape
        x = cells.reshape(math.prod(lead), self.height, self.width, self._num_layers)
        if any(self._padding):
            x = jnp.pad(x, ((0, 0), *((pad // 2, pad - pad // 2) for pad in self._padding), (0, 0)))
        for kernel, bias in zip([self._first_kernel(), *self.kernels[1:]], self.biases, strict=True):
            seen = patches(x, self.look.size, self.look.stride)
            found = seen.reshape(-1, seen.shape[-1]).astype(kernel.dtype) @ kernel
            found = jax.nn.relu(found + jnp.broadcast_to(bias, found.shape))
            x = found.reshape(*seen.shape[:-1], -1)
        return x.reshape(*lead, -1)

    @property
    def _num_layers(self) -> int:
        return sum(number or 1 for number in self.groups)

    @property
    def _padding(self) -> tuple[int, int]:
        """Empty rows and columns, before and behind together, that filters need to cover all of the map."""
        size, stride = self.look.size, self.look.stride
        short = (-(length - size) % stride for length in (self.height, self.width))
        return tuple(short) if self.look.is_padded else (0, 0)

    def _first_kernel(self) -> Float[Array, "k f"]:
        """The first filters over layers: those over the numbers of labels times these numbers."""
        filters = self.kernels[0].shape[1]
        kernel = self.kernels[0].reshape(self.look.size**2, -1, filters)
        parts, tables, start = [], iter(self.tables), 0
        for number in self.groups:
            part = kernel[:, start : start + (EMBEDDING if number else 1)]
            parts.append(jnp.einsum("ld,pdf->plf", next(tables), part) if number else part)
            start += part.shape[1]
        return jnp.concatenate(parts, axis=1).reshape(-1, filters)


def _groups(layers: Sequence[Layer]) -> tuple[int, ...]:
    """How many layers each channel has; 0 for one that is read as it is."""
    channels = groupby(layers, key=lambda layer: (layer.block, layer.channel))
    counts = [[layer.label for layer in group] for _, group in channels]
    return tuple(len(labels) if labels[0] else 0 for labels in counts)


class OwnEyes(eqx.Module):
    """As many eyes as a role has agents, one for each: no parameter is shared."""

    eyes: Eye
    """All of them: every array has a leading axis, the agents'."""

    def alone(self, agent: Int[Array, ""]) -> "OwnEyes":
        """The eye of one agent, which then serves any number of agents."""
        return OwnEyes(jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, agent), self.eyes))

    def __call__(self, cells: Int[Array, "*b n _"]) -> Float[Array, "*b n _"]:
        """As `Eye`, each agent's map through its own."""
        if self.eyes.biases[0].shape[0] == 1:
            return jax.tree.map(lambda x: x[0], self.eyes)(cells)
        one = lambda eye, cells: eye(cells[..., None, :])[..., 0, :]  # noqa: E731
        return jax.vmap(one, in_axes=(0, -2), out_axes=-2)(self.eyes, cells)
