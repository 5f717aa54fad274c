"""Maps drawn anew in every episode: along a gradient, in zones, or in quadrants that water separates.

How sources cluster is in `scatter`; here is where they tend to be. Axes: `g` goods (stone, wood), `h` rows, `w`
columns, `a` x `b` zones.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fisc.core.errors import ConfigError, unknown
from fisc.economies.gather_trade_build.layouts import Ground, Layout
from fisc.economies.gather_trade_build.scatter import WOOD, Resources, scatter

WATER_GAPS = ((0.2, 0.35), (0.65, 0.8))
"""Where the water between quadrants can be crossed, as shares of the map's side."""
CONVENTIONS = ("exact", "foundation")


class Scattered(Layout):
    """Sources along a gradient: wood dense at the bottom, stone at the top.

    The probability of a seed in row r is proportional to r ** steepness, for stone counted from below. Source: the
    reference program's `uniform/simple_wood_and_stone`. Differs: there the seeds of stone follow the coverage of wood;
    convention "foundation" keeps that.
    """

    resources: Resources
    steepness: Float[Array, ""]
    size: tuple[int, int] = eqx.field(static=True)
    convention: str = eqx.field(static=True, default="exact")

    @property
    def max_sources(self):
        """Any cell can be a source."""
        return self.size[0] * self.size[1]

    def surely_dry(self):
        """There is no water."""
        return np.ones(self.size, bool)

    def draw(self, key):
        """Draw until the coverage is right. `key`: consumed."""
        sources = scatter(key, self.seed_chances(), self.resources, self.size)
        return Ground(jnp.zeros(self.size, bool), sources)

    def seed_chances(self) -> Float[Array, "g h w"]:
        """Relative probability of a seed on each cell; its mean is the coverage."""
        rows = gradient(self.size[0], self.steepness, self.resources.coverage.dtype)
        shape = jnp.broadcast_to(jnp.stack([rows[::-1], rows])[:, :, None], (2, *self.size))
        return _scaled(shape, seed_coverage(self.resources, self.convention))


class Zones(Layout):
    """Sources in rectangular zones of wood, of stone, of both; zones change places in every episode.

    Source: the reference program's `multi_zone/simple_wood_and_stone`. Differs as `Scattered` does.
    """

    resources: Resources
    size: tuple[int, int] = eqx.field(static=True)
    grid: tuple[int, int] = eqx.field(static=True)
    """Zones down and across."""
    num_wood: int = eqx.field(static=True)
    num_stone: int = eqx.field(static=True)
    num_both: int = eqx.field(static=True)
    convention: str = eqx.field(static=True, default="exact")

    @property
    def max_sources(self):
        """Patches can grow out of their zones."""
        return self.size[0] * self.size[1]

    def surely_dry(self):
        """There is no water."""
        return np.ones(self.size, bool)

    def kinds(self) -> Int[np.ndarray, " z"]:
        """What there is in the zones before they are shuffled: 0 wood, 1 stone, 2 both, -1 nothing."""
        num_empty = self.grid[0] * self.grid[1] - self.num_wood - self.num_stone - self.num_both
        return np.repeat([0, 1, 2, -1], [self.num_wood, self.num_stone, self.num_both, num_empty])

    def draw(self, key):
        """Shuffle the zones, then draw until the coverage is right. `key`: consumed."""
        key_zones, key_sources = jax.random.split(key)
        zones = jax.random.permutation(key_zones, jnp.asarray(self.kinds())).reshape(self.grid)
        sources = scatter(key_sources, self.seed_chances(zones), self.resources, self.size)
        return Ground(jnp.zeros(self.size, bool), sources)

    def seed_chances(self, zones: Int[Array, "a b"]) -> Float[Array, "g h w"]:
        """Relative probability of a seed on each cell; its mean is the coverage. All 0 if no zone is on the map."""
        (height, width), (down, across) = self.size, self.grid
        stone, wood = (zones == 1) | (zones == 2), (zones == 0) | (zones == 2)
        by_cell = jnp.stack([stone, wood])
        by_cell = jnp.repeat(by_cell, -(-height // down), axis=1)[:, :height]
        by_cell = jnp.repeat(by_cell, -(-width // across), axis=2)[:, :, :width]
        shape = by_cell.astype(self.resources.coverage.dtype)
        return _scaled(shape, seed_coverage(self.resources, self.convention))


class Quadrants(Layout):
    """Four quadrants between lines of water with gaps; wood dense at the top, stone at the left.

    Source: the reference program's `quadrant/simple_wood_and_stone`. Differs: there a world that is not square has the
    middle row where the middle column should be, and the other way round; convention "foundation" keeps that.
    """

    resources: Resources
    steepness: Float[Array, ""]
    size: tuple[int, int] = eqx.field(static=True)
    convention: str = eqx.field(static=True, default="exact")

    @property
    def max_sources(self):
        """Any cell but those of the middle row and column."""
        return self.size[0] * self.size[1]

    def surely_dry(self):
        """Cells off the lines of water."""
        return ~self._water()

    def draw(self, key):
        """Draw until the coverage is right, then clear the middle row and column. `key`: consumed."""
        row, column = self._middle()
        sources = scatter(key, self.seed_chances(), self.resources, self.size)
        return Ground(jnp.asarray(self._water()), sources.at[:, row, :].set(False).at[:, :, column].set(False))

    def seed_chances(self) -> Float[Array, "g h w"]:
        """Relative probability of a seed on each cell, in sum 1; 0 on water."""
        (height, width), dtype = self.size, self.resources.coverage.dtype
        wood = jnp.broadcast_to(gradient(height, self.steepness / 2.0, dtype, max(self.size))[::-1, None], self.size)
        stone = jnp.broadcast_to(gradient(width, self.steepness / 2.0, dtype, max(self.size))[None, ::-1], self.size)
        crossed = jnp.stack([(stone + wood) * stone, (stone + wood) * wood])
        dry = jnp.where(jnp.asarray(self._water())[None], 0.0, crossed)
        return dry / jnp.sum(dry, axis=(1, 2), keepdims=True)

    def _middle(self) -> tuple[int, int]:
        """Row and column of the lines of water."""
        height, width = self.size
        return (width // 2, height // 2) if self.convention == "foundation" else (height // 2, width // 2)

    def _water(self) -> np.ndarray:
        water, (row, column) = np.zeros(self.size, bool), self._middle()
        water[:, column] = _is_water_line(self.size[0])
        water[row, :] = _is_water_line(self.size[1])
        return water


def scattered(
    size: tuple[int, int], amounts: Resources, steepness: float = 8.0, *, convention: str = "exact"
) -> Scattered:
    """Check the numbers of a gradient.

    Raises:
        ConfigError: steepness below 1, or an unknown convention.
    """
    _check_convention(convention)
    return Scattered(amounts, _steepness(steepness), size, convention)


def zones(
    size: tuple[int, int],
    amounts: Resources,
    grid: tuple[int, int] = (8, 8),
    num_wood: int = 6,
    num_stone: int = 6,
    num_both: int = 4,
    *,
    convention: str = "exact",
) -> Zones:
    """Check the numbers of zones.

    Raises:
        ConfigError: more zones than places, a good without any, or an unknown convention.
    """
    _check_convention(convention)
    if min(*grid, 1 + num_wood, 1 + num_stone, 1 + num_both) < 1:
        raise ConfigError(f"zones {num_wood}, {num_stone}, {num_both} on a grid of {grid}: numbers cannot be negative")
    if num_wood + num_stone + num_both > grid[0] * grid[1]:
        total, places = num_wood + num_stone + num_both, grid[0] * grid[1]
        raise ConfigError(f"{total} zones do not fit on a grid of {grid[0]} by {grid[1]}, which has {places} places")
    if min(num_wood, num_stone) + num_both < 1:
        raise ConfigError("there must be a zone of each good, or one of both")
    return Zones(amounts, size, grid, num_wood, num_stone, num_both, convention)


def quadrants(
    size: tuple[int, int], amounts: Resources, steepness: float = 8.0, *, convention: str = "exact"
) -> Quadrants:
    """Check the numbers of quadrants.

    Raises:
        ConfigError: steepness below 1, an unknown convention, or a map that the foundation convention cannot divide.
    """
    _check_convention(convention)
    if convention == "foundation" and (size[1] // 2 >= size[0] or size[0] // 2 >= size[1]):
        raise ConfigError(
            f"a world of {size[0]} rows and {size[1]} columns has no middle row and column under the convention"
            " 'foundation', which swaps them: choose 'exact' or a world that is closer to a square"
        )
    return Quadrants(amounts, _steepness(steepness), size, convention)


def gradient(length: int, steepness: Float[Array, ""], dtype, scale: int | None = None) -> Float[Array, " length"]:
    """(k / (scale - 1)) ** steepness for k = 0, 1, …; by default the last one is 1, so that no power overflows."""
    steps = jnp.arange(length, dtype=dtype) / max(1, (length if scale is None else scale) - 1)
    return steps**steepness


def seed_coverage(amounts: Resources, convention: str) -> Float[Array, " g"]:
    """Coverage that seeds aim at; under the foundation convention that of wood for both goods."""
    if convention == "foundation":
        return jnp.broadcast_to(amounts.coverage[WOOD], amounts.coverage.shape)
    return amounts.coverage


def _scaled(shape: Float[Array, "g h w"], means: Float[Array, " g"]) -> Float[Array, "g h w"]:
    """Scale each map to a mean; a map of zeros stays one."""
    average = jnp.mean(shape, axis=(1, 2), keepdims=True)
    return shape / jnp.where(average > 0, average, 1.0) * means[:, None, None]


def _is_water_line(length: int) -> np.ndarray:
    """Where a line of water runs, along a side of the map."""
    middles = (0.5 + np.arange(length)) / length
    gaps = [(middles >= low) & (middles <= high) for low, high in WATER_GAPS]
    return ~np.any(gaps, axis=0)


def _steepness(value: float) -> Float[Array, ""]:
    if not 1.0 <= value < np.inf:
        raise ConfigError(f"steepness is {value}: expected 1 or more")
    return jnp.asarray(value, float)


def _check_convention(convention: str) -> None:
    if convention not in CONVENTIONS:
        raise unknown("convention", convention, CONVENTIONS)
