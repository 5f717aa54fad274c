"""How a network reads an observation: numbers on the scale of experience, maps cut, flagged and flattened.

A map is read layer by layer. A channel of quantities or flags is one layer; a channel of labels becomes two flags a
cell: whether it is oneself, and whether it is somebody else. For a network that looks at places (`Look`) it becomes a
flag for each label, and layers are side by side in every cell. Layers stay small integers until the first layer of the
network. Axes: `n` agents, `k` numbers, `c` cells of all layers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from fisc.core.economy import Block, Observation, RoleSpec
from fisc.core.errors import ConfigError, unknown

CELLS, PUBLIC_CELLS = "/cells", "/public cells"
"""Blocks of flattened layers, in an observation that was digested."""
FLAGS, PUBLIC_FLAGS = "/flags", "/public flags"
"""Blocks of flags, in an observation that was digested."""
ONESELF, ANOTHER = "oneself", "another"
OWN_LABEL = 1
"""Label of the observer: 0 is nobody, whatever is above 1 somebody else."""


@dataclass(frozen=True)
class Layer:
    """One number a cell, in a rectangle of a map."""

    name: str
    """`block/channel`, and for labels `block/channel/oneself` or `block/channel/another`, or `block/channel/LABEL`."""
    block: str
    channel: int
    rows: tuple[int, int]
    """From the first to the one before the last."""
    columns: tuple[int, int]
    label: int = 0
    """If above 0, what is read is whether a cell has this label."""

    @property
    def size(self) -> int:
        """Cells read."""
        return (self.rows[1] - self.rows[0]) * (self.columns[1] - self.columns[0])

    def read(self, chart: Shaped[Array, "*b k h w"]) -> Shaped[Array, "*b c"]:
        """Cut this layer out of its block, as small integers if it is a flag."""
        (top, bottom), (left, right) = self.rows, self.columns
        cut = chart[..., self.channel, top:bottom, left:right].reshape(*chart.shape[:-3], -1)
        if self.label:
            return (cut == self.label).astype(jnp.int8)
        return (cut > OWN_LABEL).astype(jnp.int8) if self.name.endswith(f"/{ANOTHER}") else cut


@dataclass(frozen=True)
class Flags:
    """One number of a block, read as a flag for each threshold: whether it is above."""

    block: str
    index: int
    thresholds: tuple[float, ...]

    def read(self, values: Float[Array, "*b k"]) -> Shaped[Array, "*b f"]:
        """The flags, as small integers."""
        limits = jnp.asarray(self.thresholds, values.dtype)
        number = jnp.broadcast_to(values[..., self.index, None], (*values.shape[:-1], limits.size))
        return (number > jnp.broadcast_to(limits, number.shape)).astype(jnp.int8)


@dataclass(frozen=True)
class Look:
    """How a map is looked at, place by place: by filters of so many cells a side, so many cells apart."""

    filters: tuple[int, ...]
    """How many there are in each layer."""
    size: int = 3
    stride: int = 2
    is_padded: bool = False
    """Whether the map is filled up with empty cells until filters cover all of it."""


@dataclass(frozen=True)
class Layout:
    """What a network reads for one role, in its order."""

    public: tuple[str, ...]
    """Blocks of plain numbers that all agents share, and `own`, those of each agent."""
    own: tuple[str, ...]
    layers: tuple[Layer, ...] = ()
    public_layers: tuple[Layer, ...] = ()
    flags: tuple[Flags, ...] = ()
    public_flags: tuple[Flags, ...] = ()
    acts_on: tuple[str, ...] = ()
    """Blocks of plain numbers that a choice answers to, while its value answers to everything; empty: to everything."""
    look: Look | None = None
    """How maps are looked at; None: as so many numbers."""
    remembers: bool = False
    """Whether all is read in the light of what was read before in the episode."""

    @property
    def num_flags(self) -> int:
        """Flags of numbers, public and own."""
        return sum(len(flags.thresholds) for flags in self.flags + self.public_flags)

    @property
    def numbers(self) -> tuple[str, ...]:
        """All blocks of plain numbers: only they are put on the scale of experience."""
        return self.public + self.own

    def digest(self, observation: Observation) -> dict[str, Shaped[Array, "..."]]:
        """Features with flags, and all layers side by side in place of the maps: what is worth storing. Digests stay.

        For a look at places, layers are side by side in every cell, and cells in the order of rows and columns.
        Leading axes of many environments are left alone.
        """
        features = {name: observation.features[name] for name in self.numbers}
        for name, layers in ((CELLS, self.layers), (PUBLIC_CELLS, self.public_layers)):
            if name in observation.features:
                features[name] = observation.features[name]
            elif layers:
                cuts = [layer.read(observation.features[layer.block]) for layer in layers]
                widest = np.result_type(*[cut.dtype for cut in cuts])
                cuts = [cut.astype(widest) for cut in cuts]
                if self.look is None:
                    features[name] = jnp.concatenate(cuts, axis=-1)
                else:
                    features[name] = jnp.stack(cuts, axis=-1).reshape(*cuts[0].shape[:-1], -1)
        for name, flags in ((FLAGS, self.flags), (PUBLIC_FLAGS, self.public_flags)):
            if flags:
                read = [each.read(observation.features[each.block]) for each in flags]
                features[name] = observation.features.get(name, jnp.concatenate(read, axis=-1))
        return features


def layout_of(
    role: RoleSpec,
    radius: Mapping[str, int] = MappingProxyType({}),
    thresholds: Mapping[str, Sequence[float]] = MappingProxyType({}),
    acts_on: Sequence[str] = (),
    look: Look | None = None,
    remembers: bool = False,
) -> Layout:
    """What is read of a role's observation.

    Args:
        radius: cells in each direction from the observer that are read, by the name of a layer, or of what it belongs
            to: for `labels/owner/another` that, `labels/owner` or `labels`, whichever is given and longest. Below 0 the
            layer is left out; a layer without an entry is read in full.
        thresholds: numbers that are also read as flags, by `block/name`, or by `block` for all that have no entry of
            their own.
        acts_on: blocks of plain numbers that a choice answers to, and to nothing else; empty: to everything.
        look: how maps are looked at; None: as so many numbers.
        remembers: whether all is read in the light of what was read before.

    Raises:
        ConfigError: for a name that belongs to no layer, number or block, a radius on a map whose middle is not the
            observer's place, or a look at no map, or at layers of which not the same cells are read.
    """
    plain = {name: block for name, block in role.blocks.items() if not block.grid}
    charts = {name: block for name, block in role.blocks.items() if block.grid}
    names = {name: _names(name, block, tells_apart=look is not None) for name, block in charts.items()}
    layers = [layer for name, block in charts.items() for layer in _layers(name, names[name], block, radius)]
    known = {prefix for full in chain(*names.values()) for prefix in _prefixes(full)}
    if stray := sorted(set(radius) - known):
        raise ConfigError(f"no map is called '{stray[0]}': the radius of what is read can be given for {sorted(known)}")
    if unread := sorted(set(acts_on) - set(plain)):
        raise unknown("block of numbers", unread[0], plain)
    own_layers, public_layers = (
        tuple(layer for layer in layers if charts[layer.block].is_public == is_public) for is_public in (False, True)
    )
    if look is not None:
        _check_look(own_layers, public_layers)
    return Layout(
        public=tuple(name for name, block in plain.items() if block.is_public),
        own=tuple(name for name, block in plain.items() if not block.is_public),
        layers=own_layers,
        public_layers=public_layers,
        flags=tuple(flags for flags in _flags(plain, thresholds) if not plain[flags.block].is_public),
        public_flags=tuple(flags for flags in _flags(plain, thresholds) if plain[flags.block].is_public),
        acts_on=tuple(acts_on),
        look=look,
        remembers=remembers,
    )


def _check_look(*kinds: tuple[Layer, ...]) -> None:
    """Refuse to look at no map, or at layers that do not lie on each other."""
    if not any(kinds):
        raise ConfigError("nothing is read of a map: a network that looks at places needs one; take 'mlp' or 'lstm'")
    for layers in kinds:
        odd = [layer for layer in layers if (layer.rows, layer.columns) != (layers[0].rows, layers[0].columns)]
        if odd:
            raise ConfigError(
                f"'{odd[0].name}' is read in other places than '{layers[0].name}': a network that looks at places "
                "needs one radius for all maps that it reads"
            )


def _flags(plain: Mapping[str, Block], thresholds: Mapping[str, Sequence[float]]) -> list[Flags]:
    """Thresholds with the places of their numbers, in a fixed order."""
    known = {f"{name}/{number}": (name, i) for name, block in plain.items() for i, number in enumerate(block.names)}
    if stray := sorted(set(thresholds) - set(known) - set(plain)):
        raise unknown("number with thresholds", stray[0], [*known, *plain])
    given = {full: thresholds.get(full, thresholds.get(block, ())) for full, (block, _) in known.items()}
    return [Flags(*known[full], tuple(given[full])) for full in sorted(given) if given[full]]


def _names(name: str, block: Block, *, tells_apart: bool) -> list[str]:
    """Full names of a block's layers. `tells_apart`: whether the labels of others are told apart."""
    channels = [f"{name}/{channel}" for channel in block.names]
    labels = range(OWN_LABEL, block.num_labels) if tells_apart else (ONESELF, ANOTHER)
    return [f"{channel}/{who}" for channel in channels for who in labels] if block.num_labels else channels


def _prefixes(name: str) -> list[str]:
    """A name and what it belongs to, from the most to the least particular."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _layers(name: str, names: list[str], block: Block, radius: Mapping[str, int]) -> list[Layer]:
    layers = []
    for full in names:
        given = next((prefix for prefix in _prefixes(full) if prefix in radius), None)
        reach = max(block.grid) if given is None else radius[given]
        if given is not None and reach >= 0 and not block.is_centered:
            raise ConfigError(
                f"radius of '{given}' is {reach}, but nobody is in the middle of map '{name}': leave the entry out to "
                "read it in full (radius = {} reads all maps so), or give -1 to leave it out"
            )
        if reach >= 0:
            _, channel, *who = full.split("/")
            places = (_around(size, reach) for size in block.grid)
            label = 0 if not who or who[0] == ANOTHER else OWN_LABEL if who[0] == ONESELF else int(who[0])
            layers.append(Layer(full, name, block.names.index(channel), *places, label))
    return layers


def _around(size: int, reach: int) -> tuple[int, int]:
    center = size // 2
    return max(0, center - reach), min(size, center + reach + 1)


def standardize(
    features: dict[str, Array], names: tuple[str, ...], mean: dict[str, Array], std: dict[str, Array], limit: float
) -> Float[Array, "*b k"]:
    """Blocks of numbers side by side, in the unit of experience and cut at ± `limit`."""
    sources = (features, mean, std)
    value, center, spread = (jnp.concatenate([source[name] for name in names], axis=-1) for source in sources)
    standard = (value - jnp.broadcast_to(center, value.shape)) / jnp.broadcast_to(spread, value.shape)
    return jnp.clip(standard, -limit, limit)
