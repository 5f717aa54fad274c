"""Sources in patches: a few cells are seeded, then patches grow until the wanted share of the map is covered.

Wood comes first, then stone where no wood is. `sow` and `grow` are functions of their draws. Source: the reference
program's procedural scenarios. Axes: `g` goods (stone, wood), `h` rows, `w` columns.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from fisc.core.errors import ConfigError

STONE, WOOD = 0, 1
KERNEL_SIDE = 7
THINNING = 0.1
"""Seeds are this much rarer at first than the coverage asks for."""
SEED_GROWTH, MOST_SEED_ROUNDS = 0.9, 201
"""While there are too few seeds, uniform draws shrink by this factor, so many times at most."""
MOST_GROWTH_ROUNDS = 1000
"""Growth that is not done by then counts as a failed attempt. (The reference program goes on forever.)"""
COVERAGE_BOUND = 1.4
"""A map is accepted if each good covers the wanted share up to this factor."""
MOST_ATTEMPTS = 100


class Resources(eqx.Module):
    """How much of the map each good covers, and how it clusters."""

    coverage: Float[Array, " g"]
    """Share of all cells that is drawn, in (0, 1)."""
    clumpiness: Float[Array, " g"]
    """In [0, 1]: 0 scatters all cells, near 1 a few seeds grow into patches."""
    is_checkered: bool = eqx.field(static=True, default=False)
    """Keep only every other cell of what is drawn."""


def resources(
    size: tuple[int, int],
    coverage: tuple[float | int, float | int] = (0.025, 0.025),
    clumpiness: tuple[float, float] = (0.5, 0.35),
    *,
    is_checkered: bool = False,
) -> Resources:
    """Check how much there is of stone and wood.

    Args:
        size: rows and columns.
        coverage: share of the map, or a number of cells if it is 1 or more.
        clumpiness: in [0, 1].
        is_checkered: leave out every other cell, and draw twice as many.

    Raises:
        ConfigError: nothing at all, half of the map or more, or clumpiness out of range.
    """
    shares = [float(share) / (size[0] * size[1]) if share >= 1 else float(share) for share in coverage]
    if min(shares) <= 0.0 or sum(shares) >= 0.5:
        factors = f"stone {shares[STONE]:.3g} and wood {shares[WOOD]:.3g}"
        raise ConfigError(f"coverage of {factors} of the map: each must be above 0 and both together below 0.5")
    if not all(0.0 <= value <= 1.0 for value in clumpiness):
        raise ConfigError(f"clumpiness of stone {clumpiness[STONE]} and wood {clumpiness[WOOD]}: expected 0 to 1")
    factor = 2.0 if is_checkered else 1.0
    return Resources(factor * jnp.asarray(shares, float), jnp.asarray(clumpiness, float), is_checkered)


def scatter(
    key: Key[Array, ""], chances: Float[Array, "g h w"], amounts: Resources, size: tuple[int, int]
) -> Bool[Array, "g h w"]:
    """Draw maps of sources until both goods cover what they should, but not forever. `key`: consumed."""
    start = (key, jnp.zeros((2, *size), bool), jnp.zeros((), jnp.int32))

    def attempt(carry):
        """Maps of both goods."""
        following, now = jax.random.split(carry[0])
        # Wood before stone: the other way round from the order of the goods.
        goods = (jax.random.split(now), chances[::-1], amounts.coverage[::-1], amounts.clumpiness[::-1])
        _, found = jax.lax.scan(_next_good, jnp.ones(size, bool), goods)
        return following, found[::-1], carry[2] + 1

    def is_wanting(carry):
        """Whether to try once more."""
        return ~is_covered(carry[1], amounts) & (carry[2] < MOST_ATTEMPTS)

    sources = jax.lax.while_loop(is_wanting, attempt, start)[1]
    return sources & checkerboard(size)[None] if amounts.is_checkered else sources


def is_covered(sources: Bool[Array, "g h w"], amounts: Resources) -> Bool[Array, ""]:
    """Whether each good covers what it should, up to a factor of 1.4."""
    ratio = jax.vmap(_share, (0, None))(sources, amounts.coverage.dtype) / amounts.coverage
    return jnp.all((ratio >= 1.0 / COVERAGE_BOUND) & (ratio <= COVERAGE_BOUND))


def sow(
    uniform: Float[Array, "h w"],
    chance: Float[Array, "h w"],
    free: Bool[Array, "h w"],
    coverage: Float[Array, ""],
    clumpiness: Float[Array, ""],
) -> Bool[Array, "h w"]:
    """The seeds of one good: where the draw is below a tenth of the chance; if they are few, draws shrink.

    Args:
        uniform: draws in [0, 1).
        chance: `seed_chances` of the good.
        free: cells where something can be.
        coverage: share of the map in the end; seeds are at least the share (1 - clumpiness) of it.
    """
    spread = _spread(clumpiness)
    below = chance * THINNING * spread

    def is_sparse(carry):
        """Whether there are too few seeds."""
        draws, rounds = carry
        return (_share((draws < below) & free, below.dtype) < coverage * spread) & (rounds < MOST_SEED_ROUNDS)

    draws, _ = jax.lax.while_loop(
        is_sparse, lambda carry: (carry[0] * SEED_GROWTH, carry[1] + 1), (uniform, jnp.zeros((), jnp.int32))
    )
    return (draws < below) & free


def grow(
    found: Bool[Array, "h w"], kernel: Bool[Array, "k k"], noise: Float[Array, "h w"], free: Bool[Array, "h w"]
) -> Bool[Array, "h w"]:
    """One round of growth: cells join where a random neighborhood holds enough of the good.

    Args:
        kernel: which of the 7 x 7 cells around count, each with probability one half.
        noise: standard normal draws.
    """
    field = found.astype(noise.dtype) + 0.2 * noise - 0.25
    # A convolution: the kernel is turned around, and beyond the edge there is nothing.
    window = kernel[::-1, ::-1].astype(noise.dtype)
    margin = window.shape[0] // 2
    total = jax.lax.conv_general_dilated(
        field[None, None], window[None, None], (1, 1), [(margin, margin)] * 2, precision=jax.lax.Precision.HIGHEST
    )[0, 0]
    return ((total > 0) | found) & free


def checkerboard(size: tuple[int, int]) -> Bool[Array, "h w"]:
    """Every other cell, without the corner at the top left."""
    rows, columns = jnp.arange(size[0])[:, None], jnp.arange(size[1])[None, :]
    return (rows % 2 + columns % 2) == 1


def _next_good(free, good):
    """One good where the goods before it are not: seeds, then growth until the coverage is reached."""
    key, chance, coverage, clumpiness = good
    key_seeds, key_growth = jax.random.split(key)
    seeds = sow(jax.random.uniform(key_seeds, free.shape, chance.dtype), chance, free, coverage, clumpiness)

    def is_short(carry):
        """Whether the good covers too little."""
        return (_share(carry[1], chance.dtype) < coverage) & (carry[2] < MOST_GROWTH_ROUNDS)

    def extend(carry):
        """One round of growth, with a neighborhood of its own."""
        following, key_kernel, key_noise = jax.random.split(carry[0], 3)
        kernel = jax.random.bernoulli(key_kernel, shape=(KERNEL_SIDE, KERNEL_SIDE))
        noise = jax.random.normal(key_noise, free.shape, chance.dtype)
        return following, grow(carry[1], kernel, noise, free), carry[2] + 1

    found = jax.lax.while_loop(is_short, extend, (key_growth, seeds, jnp.zeros((), jnp.int32)))[1]
    return free & ~found, found


def _share(cells: Bool[Array, "h w"], dtype) -> Float[Array, ""]:
    """Share of the map that is covered."""
    return jnp.sum(cells).astype(dtype) / cells.size


def _spread(clumpiness: Float[Array, ""]) -> Float[Array, ""]:
    return 1.0 - jnp.clip(clumpiness, 0.0, 0.99)
