"""The state of the Gather-Trade-Build economy.

Axes: `n` citizens, `g` goods in the order of `GOODS`, `h` rows and `w` columns of the map, `s` source cells listed for
each good, `k` order slots, `p` prices, `b` brackets. A cell is one number: row · w + column, from the top left.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Int8, Int16, PyTree

from fisc.core.tax import Treasury

GOODS = ("stone", "wood")
"""What is gathered, traded and built with, in the order of every goods axis."""

NO_ORDER = -1
NO_OWNER = -1
NO_SOURCE = -1


class Terrain(eqx.Module):
    """What no citizen can change during an episode."""

    water: Bool[Array, "h w"]
    """Nobody can stand here."""
    cells: Int[Array, "g s"]
    """The source cells of each good, listed: only there do units appear. h · w stands for no cell."""
    slots: Int16[Array, "g h w"]
    """Each cell's place in that list, or NO_SOURCE."""
    plain: Bool[Array, "h w"]
    """No water and no source: ground to build on."""

    @property
    def sources(self) -> Bool[Array, "g h w"]:
        """Where units of a good appear."""
        return self.slots != NO_SOURCE


class Book(eqx.Module):
    """The order book. Escrow is not stored: it is what the open orders say (see `market`)."""

    bids: Int[Array, "g k n"]
    """Open bids of each citizen, price and age packed in one number (see `market`), or NO_ORDER."""
    asks: Int[Array, "g k n"]
    """Open asks, packed so that a larger number is the better offer, or NO_ORDER."""
    history: Float[Array, "g p"]
    """Trades at each price, fading with every step."""


class Journal(eqx.Module):
    """What happened in the episode so far, for the metrics: nothing here has any consequence."""

    builds: Int[Array, " n"]
    gathered: Int[Array, "g n"]
    """Units."""
    sales: Int[Array, "g n"]
    """Units sold."""
    earnings: Int[Array, "g n"]
    """Coin received for them."""
    purchases: Int[Array, "g n"]
    spending: Int[Array, "g n"]
    """Coin paid for purchases."""
    incomes: Float[Array, " n"]
    """Sum of the positive taxable incomes of all periods, coin."""
    taxes: Float[Array, " n"]
    """Coin paid."""
    transfers: Float[Array, ""]
    """Coin that everybody got back."""
    effective_rates: Float[Array, ""]
    """Sum over periods of the citizens' mean tax per coin of income."""
    marginal_rates: Float[Array, " n"]
    """Sum over periods of the rate on the next coin."""
    rates: Float[Array, " b"]
    """Sum of the schedules of all periods."""
    occupancy: Int[Array, " b"]
    """Incomes that ended in each bracket."""
    periods: Int[Array, ""]
    """Collections so far."""


class Start(eqx.Module):
    """What is given when an episode begins: the map and the people on it."""

    water: Bool[Array, "h w"]
    sources: Bool[Array, "g h w"]
    cell: Int[Array, " n"]
    """Where everybody stands: one citizen a cell, none on water."""
    build_payment: Float[Array, " n"]
    """Coin for a house."""
    build_skill: Float[Array, " n"]
    """The raw skill that was drawn; only the foundation convention shows it."""
    gather_bonus: Float[Array, " n"]
    """Probability of gathering a second unit, in [0, 1]."""


class State(eqx.Module):
    """Everything that changes. Money in coin, goods in units, labor in the economy's own unit of effort."""

    step: Int[Array, ""]
    """Steps taken in this episode, from 0."""
    completed: Int[Array, ""]
    """Episodes completed before this one."""
    rewarding_steps: Int[Array, ""]
    """Steps, over all episodes, in which citizens gained on average."""
    terrain: Terrain
    units: Int8[Array, "g s"]
    """Units that lie on each source cell, as listed in the terrain; elsewhere nothing ever lies."""
    owner: Int16[Array, "h w"]
    """Who owns the house on each cell, or NO_OWNER where there is none."""
    cell: Int[Array, " n"]
    """Where each citizen stands."""
    coin: Float[Array, " n"]
    """Each citizen's purse, without escrow."""
    goods: Int[Array, "g n"]
    """Units each citizen holds, without escrow."""
    labor: Float[Array, " n"]
    """Effort of the episode so far, ≥ 0."""
    build_payment: Float[Array, " n"]
    build_skill: Float[Array, " n"]
    gather_bonus: Float[Array, " n"]
    book: Book
    treasury: Treasury
    """Rates in force, the last collection, and the tax system's memory."""
    journal: Journal
    utility: Float[Array, " n"]
    """Utility as it stands; rewards are its changes."""
    welfare: Float[Array, ""]
    """The planner's objective as it stands."""
    equality_weight: Float[Array, ""] | None = None
    """What the planner is told in this episode; None if the objective alone says it."""


class Draws(eqx.Module):
    """The random numbers of one step, all uniform in [0, 1) but the turns."""

    turn: Int[Array, " n"]
    """When each citizen moves: a permutation of 0, …, n - 1."""
    bonus: Float[Array, "g n"]
    """Below `gather_bonus`, a citizen who gathers gets a second unit."""
    regrowth: Float[Array, "g s"]
    """For each listed source cell, compared with the probability that a unit appears."""
    tax: PyTree[Array]


def terrain_of(start: Start, room: int) -> Terrain:
    """List the sources; `room` for so many of each good is kept."""
    (num_goods, *shape), num_cells = start.sources.shape, start.water.size
    listed = [jnp.nonzero(row, size=room, fill_value=num_cells)[0] for row in start.sources.reshape(num_goods, -1)]
    blank, place = jnp.full(num_cells, NO_SOURCE, jnp.int16), jnp.arange(room, dtype=jnp.int16)
    slots = jnp.stack([blank.at[cells].set(place, mode="drop") for cells in listed]).reshape(num_goods, *shape)
    plain = ~start.water & ~jnp.any(start.sources, axis=0)
    return Terrain(start.water, jnp.stack(listed).astype(jnp.int32), slots, plain)


def units_on_map(state: "State") -> Int8[Array, "g h w"]:
    """Units that lie on each cell."""
    slots = state.terrain.slots
    lying = [jnp.take(units, slot, mode="clip") for units, slot in zip(state.units, slots, strict=True)]
    return jnp.where(slots == NO_SOURCE, 0, jnp.stack(lying)).astype(jnp.int8)


def places(cell: Int[Array, "*n"], width: int) -> tuple[Int[Array, "*n"], Int[Array, "*n"]]:
    """Row and column of cells. No cell is negative, which spares a CPU most of what `//` takes."""
    divisor = jnp.full_like(cell, width)
    return jax.lax.div(cell, divisor), jax.lax.rem(cell, divisor)


def at_cells(chart, cell):
    """Look up a map [h, w] at cells of any shape; a cell off the map reads its last one."""
    return jnp.take(chart.reshape(-1), cell, mode="clip")
