"""The map as citizens and planner see it.

A cell is first packed into one number, so that a window costs one lookup a cell, and then unpacked into channels.
Axes: `n` citizens, `g` goods, `h` rows, `w` columns, `c` channels, `d` side of a window.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Int8, Int16

from fisc.core.errors import ConfigError
from fisc.economies.gather_trade_build.state import GOODS, NO_OWNER, State, units_on_map

CHANNELS = (*GOODS, "house", "water", *(f"{good}_source" for good in GOODS))
"""What lies on a cell: units of the goods, then flags."""
INSIDE = "inside"
"""One more channel of a window: 0 beyond the edge of the map."""
LABELS = ("owner", "citizen")
"""Whose house, and who, is on a cell: 0 nobody, 1 oneself, j + 2 citizen j."""


@dataclass(frozen=True)
class Packing:
    """Where each thing sits in the number of a cell: (shift, bits) by name."""

    fields: dict[str, tuple[int, int]]

    def unpack(self, packed: Int[Array, "n h w"], names: tuple[str, ...]) -> Int[Array, "n c h w"]:
        """Unpack some things, each into a channel."""
        shifts = jnp.asarray([self.fields[name][0] for name in names], packed.dtype)
        limits = jnp.asarray([(1 << self.fields[name][1]) - 1 for name in names], packed.dtype)
        return (packed[:, None] >> shifts[None, :, None, None]) & limits[None, :, None, None]


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
    if shift > 31:
        raise ConfigError(f"a cell of the map takes {shift} bits: fewer citizens or fewer units on a cell, please")
    return Packing(fields)


def pack(state: State, form: Packing) -> Int[Array, "h w"]:
    """Pack every cell of the map. Owner and citizen are stored as their index plus one, 0 for nobody."""
    height, width = state.owner.shape
    is_house = state.owner != NO_OWNER
    things = {
        "house": is_house,
        "water": state.terrain.water,
        "owner": state.owner + 1,
        INSIDE: jnp.ones_like(is_house),
    }
    units, sources = units_on_map(state), state.terrain.sources
    for g, good in enumerate(GOODS):
        things[good], things[f"{good}_source"] = units[g], sources[g]
    packed = jnp.zeros((height, width), jnp.int32)
    for name, thing in things.items():
        packed |= thing.astype(jnp.int32) << form.fields[name][0]
    who = (jnp.arange(state.cell.shape[0], dtype=jnp.int32) + 1) << form.fields["citizen"][0]
    return packed.reshape(-1).at[state.cell].add(who).reshape(height, width)


def windows(packed: Int[Array, "h w"], cell: Int[Array, " n"], halfwidth: int) -> Int[Array, "n d d"]:
    """Cut out the square around every citizen; beyond the edge of the map everything is 0."""
    width, side = packed.shape[1], 2 * halfwidth + 1
    padded = jnp.pad(packed, halfwidth)
    cut = lambda at: jax.lax.dynamic_slice(padded, (at // width, at % width), (side, side))  # noqa: E731
    return jax.vmap(cut)(cell)


def channels(packed: Int[Array, "n h w"], form: Packing, *, has_edge: bool) -> Int8[Array, "n c h w"]:
    """What lies on each cell, as small integers; with the channel INSIDE if the edge can be seen."""
    return form.unpack(packed, (*CHANNELS, INSIDE) if has_edge else CHANNELS).astype(jnp.int8)


def labels(packed: Int[Array, "n h w"], form: Packing, oneself: Int[Array, " n"]) -> Int16[Array, "n 2 h w"]:
    """Whose house, and who, is on each cell. `oneself`: index of the observer, -1 for the planner."""
    observer, stored = oneself[:, None, None, None] + 1, form.unpack(packed, LABELS)
    return jnp.where(stored == 0, 0, jnp.where(stored == observer, 1, stored + 1)).astype(jnp.int16)
