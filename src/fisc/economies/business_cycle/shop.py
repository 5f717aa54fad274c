"""Consumers shop: wishes are scaled down to the budget, then short goods are rationed. Axes: `n` consumers, `f` goods.

Nothing clears the market: what is not sold is kept, and what is short is shared out in proportion to demand.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def afford(wanted: Float[Array, "n f"], price: Float[Array, " f"], budget: Float[Array, " n"]) -> Float[Array, "n f"]:
    """Scale a consumer's whole basket down to what the budget pays: `wanted · min(1, budget / cost)`.

    Only the budget of the beginning counts, not the wage of this quarter; a free basket is never scaled.

    Differs: a budget below 0 buys nothing; the release would turn it into negative demand.
    """
    funds = jnp.maximum(budget, 0.0)
    cost = wanted @ price
    is_too_dear = cost > funds
    scale = jnp.where(is_too_dear, funds / jnp.where(is_too_dear, cost, 1.0), 1.0)
    return wanted * scale[:, None]


def is_short(demand: Float[Array, " f"], inventory: Float[Array, " f"]) -> Bool[Array, " f"]:
    """Whether more is demanded than there is."""
    return (demand > 0) & (demand > inventory)


def ration(
    affordable: Float[Array, "n f"], inventory: Float[Array, " f"]
) -> tuple[Float[Array, "n f"], Float[Array, " f"], Float[Array, " f"]]:
    """Share out what is short in proportion to demand; saved money is not spent on other goods.

    Returns:
        What everybody gets; demand; and what is sold, which is the whole stock of a good that is short.
    """
    demand = jnp.sum(affordable, axis=0)
    short = is_short(demand, inventory)
    share = jnp.where(short, inventory / jnp.where(short, demand, 1.0), 1.0)
    return affordable * share[None, :], demand, jnp.where(short, inventory, demand)


def spend(
    consumption: Float[Array, "n f"], price: Float[Array, " f"], budget: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Dollars paid. Rounding may not put anybody into debt."""
    return jnp.minimum(consumption @ price, jnp.maximum(budget, 0.0))
