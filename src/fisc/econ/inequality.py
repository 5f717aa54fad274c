"""Inequality of a sample of coin: Gini, Lorenz curve, top shares, Theil.

Axis: `n` people, in any order. Values are coin, not below 0. Nothing at all to share counts as
equal sharing.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.econ.sorting import ascending

# The reference computes Gini pairwise below this sample size and from the Lorenz curve above.
FOUNDATION_PAIRWISE_BELOW = 30
FOUNDATION_EPSILON = 1e-10


def gini(x: Float[Array, " n"], convention: str = "exact") -> Float[Array, ""]:
    """Measure inequality from 0 (all own the same) to 1 (one owns everything).

    `sum over i of (2 i - n - 1) x_(i) / ((n - 1) sum(x))`, with `x_(1) <= ... <= x_(n)`: half the
    relative mean difference, times `n / (n - 1)` so that one owner of everything gives 1 at
    any `n`. It is 0 if everything is 0 or `n = 1`.

    Args:
        x: coin of each person, not below 0.
        convention: "exact" as above, or "foundation": the formulas of the reference, pairwise
            below 30 people and from the Lorenz curve, without small-sample factor, from 30 on.

    Raises:
        ValueError: on another convention.

    Source: Gini (1912); Deaton (1997), The Analysis of Household Surveys, section 3.1.
    """
    if convention == "exact":
        return _gini_exact(x)
    if convention == "foundation":
        return _gini_foundation(x)
    raise ValueError(f"unknown Gini convention {convention!r}: expected 'exact' or 'foundation'")


def equality(x: Float[Array, " n"], convention: str = "exact") -> Float[Array, ""]:
    """Measure equality, `1 - gini(x, convention)`: 1 if all own the same, 0 if one owns all."""
    return 1 - gini(x, convention)


def lorenz(x: Float[Array, " n"]) -> tuple[Float[Array, " n+1"], Float[Array, " n+1"]]:
    """Trace the Lorenz curve: the poorest share of people, and the share of coin they own.

    Args:
        x: coin of each person, not below 0.

    Returns:
        Population shares `0, 1/n, ..., 1` and cumulated coin shares from 0 to 1.

    Source: Lorenz (1905), Publications of the American Statistical Association 9(70).
    """
    num_people = x.shape[0]
    population = jnp.arange(num_people + 1, dtype=x.dtype) / num_people
    cumulated = jnp.concatenate([jnp.zeros(1, x.dtype), jnp.cumsum(ascending(x))])
    total = cumulated[-1]
    coin = jnp.where(total > 0, cumulated / jnp.where(total > 0, total, 1), population)
    return population, coin


def top_share(x: Float[Array, " n"], fraction: float | int | Float[Array, ""]) -> Float[Array, ""]:
    """Measure the share of coin that the richest `fraction` of people own.

    `1 - L(1 - fraction)`, with the Lorenz curve `L` linear between people.

    Args:
        x: coin of each person, not below 0.
        fraction: share of people at the top, in [0, 1].
    """
    population, coin = lorenz(x)
    return 1 - jnp.interp(1 - jnp.asarray(fraction, x.dtype), population, coin)


def theil(x: Float[Array, " n"]) -> Float[Array, ""]:
    """Measure inequality by Theil's T: `mean(x / mean(x) * log(x / mean(x)))`.

    It runs from 0 (all own the same) to `log(n)` (one owns everything).

    Args:
        x: coin of each person, not below 0; a person with nothing contributes 0, the limit.

    Source: Theil (1967), Economics and Information Theory.
    """
    mean = jnp.mean(x)
    ratio = x / jnp.where(mean > 0, mean, 1)
    return jnp.mean(ratio * jnp.log(jnp.where(ratio > 0, ratio, 1)))


def _gini_exact(x: Float[Array, " n"]) -> Float[Array, ""]:
    num_people = x.shape[0]
    total = jnp.sum(x)
    # Rank weights run from -1 to 1, so that sums stay accurate in single precision.
    rank_weight = (2 * jnp.arange(num_people, dtype=x.dtype) - (num_people - 1)) / max(num_people - 1, 1)
    return jnp.sum(rank_weight * ascending(x)) / jnp.where(total > 0, total, 1)


def _gini_foundation(x: Float[Array, " n"]) -> Float[Array, ""]:
    num_people = x.shape[0]
    if num_people < FOUNDATION_PAIRWISE_BELOW:
        differences = jnp.sum(jnp.abs(x[:, None] - x[None, :]))
        relative = differences / (2 * num_people * jnp.sum(x) + FOUNDATION_EPSILON)
        return relative * num_people / max(num_people - 1, 1)
    coin_shares = jnp.cumsum(ascending(x)) / (jnp.sum(x) + FOUNDATION_EPSILON)
    return 1 - 2 / (num_people + 1) * jnp.sum(coin_shares)
