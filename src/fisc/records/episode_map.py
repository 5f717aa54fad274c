"""What a recorded episode of the Gather-Trade-Build economy tells: an episode read with names, units and checks.

Axes: `t` frames (frame 0 is the beginning, frame s follows step s), `n` citizens, `g` goods, `s` source cells,
`k` order slots, `p` tax periods, `b` brackets, `h` rows and `w` columns. A cell is one number, row · w + column, from
the top left.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from fisc.records.episode import Episode
from fisc.records.errors import RecordError

ECONOMY = "gather_trade_build"

AXES = {
    "frames/cell": "tn",
    "frames/coin": "tn",
    "frames/goods": "tgn",
    "frames/labor": "tn",
    "frames/utility": "tn",
    "frames/welfare": "t",
    "frames/bids": "tgnk",
    "frames/asks": "tgnk",
    "frames/units": "tgs",
    "frames/gathered": "tgn",
    "periods/rates": "pb",
    "periods/incomes": "pn",
    "periods/taxes": "pn",
    "periods/lump_sum": "p",
    "periods/marginal_rates": "pn",
    "facts/water": "hw",
    "facts/source_cells": "gs",
    "facts/build_payment": "n",
    "facts/gather_bonus": "n",
    "facts/cutoffs": "b",
    "houses": "x3",
    "trades": "y5",
}
"""The arrays and their axes; a digit is a fixed length."""

FACTS = ("goods", "events", "max_price", "build_labor", "move_labor", "collect_labor", "order_labor")
"""Numbers that the header has under `world`."""


@dataclass(frozen=True)
class MapEpisode:
    """An episode on the map. Make one with `read_map`."""

    episode: Episode

    def _get(self, name: str) -> np.ndarray:
        return self.episode.arrays[name]

    @property
    def steps(self) -> int:
        """Steps played."""
        return self.episode.steps

    @property
    def num_citizens(self) -> int:
        """Citizens."""
        return int(self.episode.header["citizens"])

    @property
    def goods(self) -> tuple[str, ...]:
        """Names of the goods, in the order of every axis `g`."""
        return tuple(self.episode.header["world"]["goods"])

    def fact(self, name: str):
        """A number of `FACTS`."""
        return self.episode.header["world"][name]

    @property
    def has_taxes(self) -> bool:
        """Whether there is a tax office at all."""
        return "tax" in self.fact("events")

    @property
    def steps_per_period(self) -> int:
        """Steps of a tax period."""
        return int(self.episode.header["steps_per_period"])

    @property
    def num_periods(self) -> int:
        """Tax periods."""
        return int(self.episode.header["periods"])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the map."""
        return self._get("facts/water").shape

    @property
    def water(self) -> np.ndarray:
        """Where nobody can stand, bool [h, w]."""
        return self._get("facts/water")

    @cached_property
    def sources(self) -> np.ndarray:
        """Where units of a good appear, bool [g, h, w]."""
        found = np.zeros((len(self.goods), self.water.size), bool)
        for good, cells in enumerate(self._get("facts/source_cells")):
            found[good, cells[cells < self.water.size]] = True
        return found.reshape(-1, *self.shape)

    @property
    def cell(self) -> np.ndarray:
        """Where everybody stands, int [t, n]."""
        return self._get("frames/cell")

    @property
    def purse(self) -> np.ndarray:
        """Coin at hand, [t, n]; what open bids have set aside is not in it."""
        return self._get("frames/coin")

    @property
    def held(self) -> np.ndarray:
        """Units at hand, [t, g, n]; what open asks have set aside is not in it."""
        return self._get("frames/goods")

    @property
    def bids(self) -> np.ndarray:
        """Prices of open bids, coin, [t, g, n, k]; -1 in an empty slot."""
        return self._get("frames/bids")

    @property
    def asks(self) -> np.ndarray:
        """Prices of open asks, coin, [t, g, n, k]; -1 in an empty slot."""
        return self._get("frames/asks")

    @cached_property
    def coin_in_bids(self) -> np.ndarray:
        """Coin set aside, [t, n]: what the open bids say."""
        return np.maximum(self.bids, 0).sum(axis=(1, 3))

    @cached_property
    def units_in_asks(self) -> np.ndarray:
        """Units set aside, [t, g, n]: as many as there are open asks."""
        return (self.asks >= 0).sum(axis=3)

    @cached_property
    def coin(self) -> np.ndarray:
        """Coin owned, purse and open bids, float64 [t, n]."""
        return self.purse.astype(float) + self.coin_in_bids

    @property
    def labor(self) -> np.ndarray:
        """Effort so far, [t, n]."""
        return self._get("frames/labor")

    @property
    def utility(self) -> np.ndarray:
        """Utility as it stands, [t, n]."""
        return self._get("frames/utility")

    @property
    def gathered(self) -> np.ndarray:
        """Units gathered so far, [t, g, n]."""
        return self._get("frames/gathered")

    @cached_property
    def trades(self) -> pl.DataFrame:
        """Rows `step, good, price, buyer, seller`, one a unit: goods by name, price in coin, citizens by number."""
        rows = pl.DataFrame(self._get("trades"), schema=["step", "good", "price", "buyer", "seller"], orient="row")
        return rows.with_columns(pl.Series("good", [self.goods[g] for g in rows["good"]], dtype=pl.String))

    @cached_property
    def houses(self) -> pl.DataFrame:
        """Rows `step, cell, owner` of the houses built."""
        return pl.DataFrame(self._get("houses"), schema=["step", "cell", "owner"], orient="row")

    @property
    def build_payment(self) -> np.ndarray:
        """Coin that each citizen gets for a house, [n]: who is good at building gets more."""
        return self._get("facts/build_payment")

    @property
    def gather_bonus(self) -> np.ndarray:
        """Probability of gathering a second unit, [n]."""
        return self._get("facts/gather_bonus")

    @property
    def cutoffs(self) -> np.ndarray:
        """Lower ends of the tax brackets, coin, [b]."""
        return self._get("facts/cutoffs")

    def period(self, name: str) -> np.ndarray:
        """What the tax office did in each period: `rates` announced [p, b]; at its end `incomes`, `taxes` and
        `marginal_rates` of everybody [p, n] and `lump_sum`, what each got back [p]."""
        return self._get(f"periods/{name}")

    def period_of(self, frame: int) -> int:
        """The tax period that a frame shows, from 0: frames 1 … length belong to the first."""
        return max(0, frame - 1) // self.steps_per_period

    def units(self, frame: int) -> np.ndarray:
        """Units that lie on each cell, [g, h, w]."""
        lying = np.zeros((len(self.goods), self.water.size + 1), np.int64)
        for good, cells in enumerate(self._get("facts/source_cells")):
            lying[good, cells] = self._get("frames/units")[frame, good]
        return lying[:, :-1].reshape(-1, *self.shape)

    def owner(self, frame: int) -> np.ndarray:
        """Whose house stands on each cell, [h, w]; -1 where there is none."""
        owners = np.full(self.water.size, -1)
        built = self.houses.filter(pl.col("step") <= frame)
        owners[built["cell"].to_numpy()] = built["owner"].to_numpy()
        return owners.reshape(self.shape)


def read_map(episode: Episode) -> MapEpisode:
    """Check that an episode took place on the map and that its arrays fit together.

    Raises:
        RecordError: another economy, or an array that is missing or of the wrong shape.
    """
    header = episode.header
    if header["economy"] != ECONOMY:
        raise RecordError(f"an episode of the economy '{header['economy']}' has no map: give one of '{ECONOMY}'")
    missing = [name for name in FACTS if name not in header.get("world", {})]
    missing += [name for name in AXES if name not in episode.arrays]
    if missing:
        raise RecordError(f"the episode has no {', '.join(missing)}: record it again")
    sizes = {"t": episode.steps + 1, "n": int(header["citizens"]), "p": int(header["periods"])}
    sizes["g"] = len(header["world"]["goods"])
    for name, axes in AXES.items():
        shape = episode.arrays[name].shape
        fits = len(shape) == len(axes) and all(
            int(axis) == length if axis.isdigit() else sizes.setdefault(axis, length) == length
            for axis, length in zip(axes, shape, strict=True)
        )
        if not fits:
            raise RecordError(
                f"array '{name}' of the episode has shape {list(shape)}, not {_told(axes, sizes)}: record it again"
            )
    return MapEpisode(episode)


def citizen_name(index: int) -> str:
    """A letter for each citizen: A to Z, then A2, B2, ….

    >>> citizen_name(0), citizen_name(27)
    ('A', 'B2')
    """
    letter, lap = chr(ord("A") + index % 26), index // 26
    return f"{letter}{lap + 1}" if lap else letter


def _told(axes: str, sizes: dict[str, int]) -> list[int | str]:
    return [int(axis) if axis.isdigit() else sizes.get(axis, "any") for axis in axes]
