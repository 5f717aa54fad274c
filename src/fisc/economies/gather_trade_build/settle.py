"""How an episode begins: the map is drawn, citizens get their skills and a place to stand.

Axes: `n` citizens, `h` rows, `w` columns. Ranks count from the lowest building skill.
"""

import abc
import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from fisc.core.errors import ConfigError, unknown
from fisc.economies.gather_trade_build.economy import Beginning
from fisc.economies.gather_trade_build.layouts import FixedLayout, Ground, Layout
from fisc.economies.gather_trade_build.skills import BuildSkills, GatherSkills
from fisc.economies.gather_trade_build.state import Start

CONVENTIONS = ("exact", "foundation")
MOST = 2**15 - 3
"""Citizens, and sources of one good, at most: they are numbered in 16 bits, and two numbers are taken."""
CORNERS, CORNER_WIDTH = 4, 4
"""Groups of citizens by skill, and how many of a group stand in a row of its corner."""


class Placement(eqx.Module):
    """Who stands where, and whether building skills are ranked."""

    @abc.abstractmethod
    def place(self, key: Key[Array, ""], ground: Ground, num: int) -> tuple[Int[Array, " n"], Int[Array, " n"] | None]:
        """Each citizen's cell, and rank if ranks matter. `key`: consumed."""


class Anywhere(Placement):
    """Everybody stands on a random cell without water."""

    def place(self, key, ground, num):
        """Cells of their own for everybody. `key`: consumed."""
        return random_cells(key, ~ground.water, num), None


class InCorners(Placement):
    """Citizens of each rank start at the same cell in every episode; who has which rank is drawn, or never changes.

    The quarter of the lowest skills starts in the top right corner, the next in the bottom left, then the top left, and
    the best in the bottom right. Source: the reference program's `fixed_four_skill_and_loc`, used in the papers.
    """

    cells: Int[Array, " n"]
    """Cell of each rank, the lowest skill first."""
    deals_ranks: bool = eqx.field(static=True, default=True)

    def place(self, key, ground, num):
        """Deal the ranks. `key`: consumed."""
        ranks = _ranks(key, num, self.deals_ranks)
        return self.cells[ranks], ranks


class NorthAndSouth(Placement):
    """Citizens of some ranks start north of the water row, all others south of it.

    Source: the reference program's `split_layout/simple_wood_and_stone`.
    """

    north_ranks: tuple[int, ...] = eqx.field(static=True)
    """From the lowest skill, ascending."""
    water_row: int = eqx.field(static=True)
    deals_ranks: bool = eqx.field(static=True, default=True)

    def place(self, key, ground, num):
        """Deal the ranks, then find cells on each side. `key`: consumed."""
        key_ranks, key_north, key_south = jax.random.split(key, 3)
        ranks = _ranks(key_ranks, num, self.deals_ranks)
        rows = jnp.arange(ground.water.shape[0])[:, None]
        north = random_cells(key_north, ~ground.water & (rows < self.water_row), len(self.north_ranks))
        south = random_cells(key_south, ~ground.water & (rows > self.water_row), num - len(self.north_ranks))
        south_ranks = tuple(rank for rank in range(num) if rank not in self.north_ranks)
        by_rank = jnp.zeros(num, north.dtype).at[jnp.asarray(self.north_ranks)].set(north)
        by_rank = by_rank.at[jnp.asarray(south_ranks)].set(south)
        return by_rank[ranks], ranks


class Settlement(Beginning):
    """A layout, a placement, and the laws of skills."""

    layout: Layout
    placement: Placement
    build_skills: BuildSkills
    gather_skills: GatherSkills
    ranked_payments: Float[Array, " n"]
    """Coin for a house by rank, the lowest first; not used if the placement has no ranks."""
    num_citizens: int = eqx.field(static=True)
    most_sources: int = eqx.field(static=True)

    @property
    def shape(self):
        """Citizens, rows and columns."""
        return (self.num_citizens, *self.layout.size)

    def draw(self, key):
        """A map, people on it, and what they can do. `key`: consumed."""
        key_layout, key_place, key_build, key_gather = jax.random.split(key, 4)
        ground = self.layout.draw(key_layout)
        cell, ranks = self.placement.place(key_place, ground, self.num_citizens)
        payment, skill = self.build_skills.draw(key_build, self.num_citizens)
        bonus = self.gather_skills.draw(key_gather, self.num_citizens)
        payment = payment if ranks is None else self.ranked_payments[ranks].astype(payment.dtype)
        return Start(ground.water, ground.sources, cell, payment, skill, bonus.astype(payment.dtype))


def settle(
    layout: Layout,
    num: int,
    placement: Placement,
    build_skills: BuildSkills,
    gather_skills: GatherSkills,
    ranked_payments: np.ndarray | None = None,
) -> Settlement:
    """Check that everybody finds a place, and put the parts together.

    Args:
        num: citizens.
        ranked_payments: coin for a house by rank, ascending; needed if the placement has ranks.

    Raises:
        ConfigError: too few cells, too many citizens or sources, or ranks without payments.
    """
    if num < 1:
        raise ConfigError(f"{num} citizens: expected at least 1")
    if max(num, layout.max_sources) > MOST:
        raise ConfigError(
            f"economy.citizens is {num}, and one good has {layout.max_sources} sources: at most {MOST:,} of either can "
            "be numbered"
        )
    dry = layout.surely_dry()
    if isinstance(placement, NorthAndSouth):
        north, south = dry[: placement.water_row], dry[placement.water_row + 1 :]
        num_north = len(placement.north_ranks)
        _check_room(f"economy.north_ranks has {num_north} citizens", "north of the water", north, num_north)
        given = f"economy.citizens is {num}, {num - num_north} of them in the south"
        _check_room(given, "south of the water", south, num - num_north)
    else:
        _check_room(f"economy.citizens is {num}", "on the map", dry, num)
    if not isinstance(placement, Anywhere) and (ranked_payments is None or len(ranked_payments) != num):
        given = "none" if ranked_payments is None else len(ranked_payments)
        raise ConfigError(f"ranked citizens need a payment for each of {num} ranks, got {given}")
    payments = np.zeros(num) if ranked_payments is None else ranked_payments
    return Settlement(
        layout, placement, build_skills, gather_skills, jnp.asarray(payments, float), num, layout.max_sources
    )


def in_corners(layout: FixedLayout, num: int, convention: str = "exact", deals_ranks: bool = True) -> InCorners:
    """Give each rank its cell. `deals_ranks`: whether who has which rank is drawn in every episode.

    Raises:
        ConfigError: a corner is too small for its quarter, or covered by water.
    """
    problem = _corner_problem(layout, num, convention)
    if problem is not None:
        fewer_people = range(min(num, math.prod(layout.size)) - 1, 1, -1)
        most = next((n for n in fewer_people if _corner_problem(layout, n, convention) is None), 0)
        fewer = f"at most {most} fit into the corners of this map; lower it" if most else "choose another map"
        raise ConfigError(f"economy.citizens is {num}: {problem}; {fewer}, or set economy.placement to 'anywhere'")
    cells = corner_cells(num, layout.size, convention)
    return InCorners(jnp.asarray(cells[:, 0] * layout.size[1] + cells[:, 1], jnp.int32), deals_ranks)


def _corner_problem(layout: FixedLayout, num: int, convention: str) -> str | None:
    """Why somebody cannot start where their rank says; None if everybody can."""
    (height, width), dry = layout.size, layout.surely_dry()
    taken: dict[tuple[int, int], int] = {}
    for rank, (row, column) in enumerate(corner_cells(num, layout.size, convention).tolist()):
        where = f"rank {rank} (0: lowest skill) would start at row {row + 1}, column {column + 1}"
        if not (0 <= row < height and 0 <= column < width):
            return f"{where}, outside a world of {height} rows and {width} columns"
        if not dry[row, column]:
            return f"{where}, which is water"
        if (row, column) in taken:
            return f"{where}, and so would rank {taken[row, column]}"
        taken[row, column] = rank
    return None


def corner_cells(num: int, size: tuple[int, int], convention: str = "exact") -> Int[np.ndarray, "n 2"]:
    """Row and column of each rank's start: its quarter's corner, filled in rows of four away from the corner.

    Differs: the reference program counts the rows of the bottom right corner with the map's width, which is wrong
    unless it is square, and divides citizens into quarters in floating point, which puts one of 98 into another
    quarter; convention "foundation" keeps both.
    """
    if convention not in CONVENTIONS:
        raise unknown("convention", convention, CONVENTIONS)
    height, width = size
    groups = np.arange(num) * CORNERS // num
    if convention == "foundation":
        groups = np.floor(np.arange(num) * (CORNERS / num)).astype(int)
    place = np.arange(num) - np.searchsorted(groups, groups)
    down, along = place // CORNER_WIDTH, place % CORNER_WIDTH
    last_row = (width if convention == "foundation" else height) - 1
    rows = np.choose(groups, [down, height - 1 - down, down, last_row - down])
    columns = np.choose(groups, [width - 1 - along, along, along, width - 1 - along])
    return np.stack([rows, columns], axis=1)


def north_and_south(
    layout: Layout, num: int, north: int | Sequence[int] = (0,), row: int | None = None, deals_ranks: bool = True
) -> NorthAndSouth:
    """Decide by skill who lives in the north.

    Args:
        layout: with water in `row` (see `layouts.with_water_row`).
        num: citizens.
        north: ranks that start north of the water, 0 being the HIGHEST skill, as in the papers.
        row: of the water; the middle by default.
        deals_ranks: whether who has which rank is drawn in every episode.

    Raises:
        ConfigError: ranks that do not exist, nobody or everybody in the north, or a row without land on both sides.
    """
    height = layout.size[0]
    row = height // 2 if row is None else row
    ranks = sorted({north} if isinstance(north, int) else set(north))
    if any(rank not in range(num) for rank in ranks):
        raise ConfigError(f"ranks {ranks} in the north: expected numbers from 0 (highest skill) to {num - 1}")
    if not 0 < len(ranks) < num:
        raise ConfigError(f"{len(ranks)} of {num} citizens in the north: expected some, but not all")
    if not 0 < row < height - 1:
        raise ConfigError(
            f"water_row is {row}: expected 1 to {height - 2}, so that there is land on both sides "
            "(rows count from 0 here)"
        )
    return NorthAndSouth(tuple(sorted(num - 1 - rank for rank in ranks)), row, deals_ranks)


def random_cells(key: Key[Array, ""], free: Bool[Array, "h w"], num: int) -> Int[Array, " n"]:
    """Draw cells of their own for `num` citizens among the free ones, all choices alike. `key`: consumed.

    The same law as trying cells until one is free, citizen after citizen.
    """
    scores = jnp.where(free.reshape(-1), jax.random.uniform(key, (free.size,)), -1.0)
    return jax.lax.top_k(scores, num)[1].astype(jnp.int32)


def _ranks(key: Key[Array, ""], num: int, deals: bool) -> Int[Array, " n"]:
    """Everybody's rank: drawn, or the first citizen's the lowest. `key`: consumed."""
    return jax.random.permutation(key, num) if deals else jnp.arange(num)


def _check_room(given: str, where: str, dry: np.ndarray, num: int) -> None:
    """Refuse more citizens than there are cells. `given`: the key that says how many, with its value."""
    room = int(dry.sum())
    if room < num:
        raise ConfigError(f"{given}: at most {room} fit {where}, one on each cell without water; let fewer live there")
