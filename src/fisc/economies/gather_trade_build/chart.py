"""The map as citizens and planner see it.

A cell is first packed into one number, so that a window costs one lookup a cell, and then unpacked into channels.
Axes: `n` citizens, `g` goods, `h` rows, `w` columns, `hw` cells in one row, `c` channels, `d` side of a window.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int8

from fisc.core.errors import ConfigError
from fisc.core.once import computed_once
from fisc.economies.gather_trade_build.state import GOODS, NO_OWNER, State, places

CHANNELS = (*GOODS, "house", "water", *(f"{good}_source" for good in GOODS))
"""What lies on a cell: units of the goods, then flags."""
INSIDE = "inside"
"""One more channel of a window: 0 beyond the edge of the map."""
MOST_BITS = 31
"""Of the number that holds a cell."""
LABELS = ("owner", "citizen")
"""Whose house, and who, is on a cell: 0 nobody, 1 oneself, j + 2 citizen j."""
FIRST = 2
"""The label of citizen 0."""
NOBODY = -FIRST - 1
"""Index of an observer who is nobody on the map: no label is its own."""


@dataclass(frozen=True)
class Packing:
    """Where each thing sits in the number of a cell: (shift, bits) by name."""

    fields: dict[str, tuple[int, int]]

    @property
    def dtype(self):
        """The smallest integer that holds a cell: half the memory is half the time."""
        bits = sum(size for _, size in self.fields.values())
        return jnp.int16 if bits <= 15 else jnp.int32

    @property
    def names_fit_a_byte(self) -> bool:
        """Whether a label fits a small integer."""
        return self.fields["citizen"][1] < 8

    def unpack_all(self, packed: Int[Array, "n hw"], names: tuple[str, ...]) -> Int[Array, "n c hw"]:
        """Unpack some things, each into a layer of its own. Cells lie in one row: a square is slower."""
        shifts, bits = np.asarray([self.fields[name] for name in names], packed.dtype).T
        masks = ((1 << bits) - 1).astype(packed.dtype)
        return (packed[:, None, :] >> shifts[None, :, None]) & masks[None, :, None]


def packing(max_units: tuple[int, ...], num_citizens: int) -> Packing:
    """Give everything the bits it needs.

    Raises:
        ConfigError: if one number cannot hold a cell.
    """
    names = (num_citizens + 1).bit_length()
    sizes = {good: units.bit_length() for good, units in zip(GOODS, max_units, strict=True)}
    sizes |= {
        "house": 1,
        "water": 1,
        **{f"{good}_source": 1 for good in GOODS},
        INSIDE: 1,
        "owner": names,
        "citizen": names,
    }
    fields, shift = {}, 0
    for name, bits in sizes.items():
        fields[name] = (shift, bits)
        shift += bits
    if shift > MOST_BITS:
        most = 2 ** ((MOST_BITS - shift + 2 * names) // 2) - 2
        units = ", ".join(f"economy.{good}.most_units {units}" for good, units in zip(GOODS, max_units, strict=True))
        raise ConfigError(f"economy.citizens is {num_citizens}: at most {most:,} go with {units}; lower one of them")
    return Packing(fields)


def pack(state: State, form: Packing) -> Int[Array, "h w"]:
    """Pack every cell of the map. Owner and citizen are stored as their labels."""
    terrain, num, dtype = state.terrain, state.cell.shape[0], form.dtype
    is_house = state.owner != NO_OWNER
    things = {
        "house": is_house,
        "water": terrain.water,
        "owner": jnp.where(is_house, state.owner + FIRST, 0),
        INSIDE: jnp.ones_like(is_house),
        **{f"{good}_source": terrain.sources[g] for g, good in enumerate(GOODS)},
    }
    packed = sum(thing.astype(dtype) << form.fields[name][0] for name, thing in things.items()).reshape(-1)
    # Units and citizens are few: they are added where they are.
    shifts = jnp.asarray([form.fields[good][0] for good in GOODS], dtype)
    units = computed_once(state.units.astype(dtype) << shifts[:, None], state.step)
    packed = packed.at[terrain.cells].add(units, mode="drop")
    packed = packed.at[state.cell].add(jnp.arange(FIRST, num + FIRST, dtype=dtype) << form.fields["citizen"][0])
    return packed.reshape(state.owner.shape)


def windows(packed: Int[Array, "h w"], cell: Int[Array, " n"], halfwidth: int) -> Int[Array, "n d d"]:
    """Cut out the square around every citizen; beyond the edge of the map everything is 0."""
    width, side = packed.shape[1], 2 * halfwidth + 1
    padded = computed_once(jnp.pad(packed, halfwidth), cell[0])  # any number would do
    cut = lambda row, column: jax.lax.dynamic_slice(padded, (row, column), (side, side))  # noqa: E731
    return jax.vmap(cut)(*places(cell, width))


def channels(packed: Int[Array, "n h w"], form: Packing, *, has_edge: bool) -> Int8[Array, "n c h w"]:
    """What lies on each cell, as small integers; with the channel INSIDE if the edge can be seen."""
    num, *grid = packed.shape
    layers = form.unpack_all(packed.reshape(num, -1), (*CHANNELS, INSIDE) if has_edge else CHANNELS)
    return layers.astype(jnp.int8).reshape(num, -1, *grid)


def labels(packed: Int[Array, "n h w"], form: Packing, oneself: Int[Array, " n"]) -> Int[Array, "n 2 h w"]:
    """Whose house, and who, is on each cell. `oneself`: index of the observer, NOBODY for the planner."""
    num, *grid = packed.shape
    own_label = oneself[:, None, None].astype(packed.dtype) + FIRST
    stored = form.unpack_all(packed.reshape(num, -1), LABELS)
    seen = jnp.where(stored == own_label, 1, stored)
    return seen.astype(jnp.int8 if form.names_fit_a_byte else jnp.int16).reshape(num, -1, *grid)
