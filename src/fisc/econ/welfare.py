"""Social welfare: what a government may want, and the welfare weights that this implies.

Every objective has one signature, `(consumption, utility, income) -> scalar`, one entry per
person on the axis `n`: coin consumed, utils, and the coin on which weights depend.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.econ.inequality import equality

Objective = Callable[[Float[Array, " n"], Float[Array, " n"], Float[Array, " n"]], Float[Array, ""]]

# Coin below which a person's weight stops growing.
INCOME_FLOOR = 1.0


def productivity(
    consumption: Float[Array, " n"], utility: Float[Array, " n"], income: Float[Array, " n"]
) -> Float[Array, ""]:
    """Aim at output per person: `mean(consumption)`, coin.

    Differs: the reference reports the sum over people; per person it compares economies of
    different size.
    """
    return jnp.mean(consumption)


def equality_times_productivity(
    consumption: Float[Array, " n"],
    utility: Float[Array, " n"],
    income: Float[Array, " n"],
    *,
    mixing_weight: float | int | Float[Array, ""] = 1.0,
    convention: str = "exact",
) -> Float[Array, ""]:
    """Aim at output per person, scaled by how equally it is shared.

    `mean(consumption) * (mixing_weight * equality(consumption) + 1 - mixing_weight)`, coin

    Args:
        consumption: coin of each person, not below 0.
        utility: not used.
        income: not used.
        mixing_weight: 1 counts equality fully, 0 leaves productivity alone; one minus the
            reference's "mixing weight, Gini against coin".
        convention: how `equality` is computed, see `fisc.econ.inequality.gini`.

    Source: Zheng et al. (2022), Science Advances 8(18): equality times productivity.
    """
    factor = mixing_weight * equality(consumption, convention) + (1 - mixing_weight)
    return jnp.mean(consumption) * factor


def inverse_income_weights(income: Float[Array, " n"]) -> Float[Array, " n"]:
    """Weigh people inversely to income: proportional to `1 / max(income, 1)`, with sum 1.

    Args:
        income: coin of each person; whoever has less than one coin weighs as if having one.

    Source: Zheng et al. (2022), Science Advances 8(18).
    """
    inverse = 1 / jnp.maximum(income, INCOME_FLOOR)
    return inverse / jnp.sum(inverse)


def inverse_income_weighted_utility(
    consumption: Float[Array, " n"], utility: Float[Array, " n"], income: Float[Array, " n"]
) -> Float[Array, ""]:
    """Aim at `sum(inverse_income_weights(income) * utility)`, utils.

    Pass earned income in economies of one period; the Gather-Trade-Build papers weigh by the
    coin people hold, so there pass the endowment as `income`.
    """
    return jnp.sum(inverse_income_weights(income) * utility)


def inverse_income_weighted_coin(
    consumption: Float[Array, " n"], utility: Float[Array, " n"], income: Float[Array, " n"]
) -> Float[Array, ""]:
    """Aim at `sum(inverse_income_weights(income) * consumption)`, coin."""
    return jnp.sum(inverse_income_weights(income) * consumption)


def utilitarian(
    consumption: Float[Array, " n"], utility: Float[Array, " n"], income: Float[Array, " n"]
) -> Float[Array, ""]:
    """Aim at mean utility: `mean(utility)`, utils."""
    return jnp.mean(utility)


def rawlsian(
    consumption: Float[Array, " n"], utility: Float[Array, " n"], income: Float[Array, " n"]
) -> Float[Array, ""]:
    """Aim at the utility of the worst off: `min(utility)`, utils."""
    return jnp.min(utility)


def marginal_welfare_weights(
    objective: Objective,
    utility_of_consumption: Callable[[Float[Array, " n"]], Float[Array, " n"]],
    consumption: Float[Array, " n"],
    income: Float[Array, " n"],
) -> Float[Array, " n"]:
    """Find what society gives for one more coin in each pocket, relative to the mean.

    `g_i = dW/dc_i / mean over j of dW/dc_j`, where
    `W(c) = objective(c, utility_of_consumption(c), income)` with labor and income held fixed.

    Args:
        objective: welfare as a function of consumption, utility and income.
        utility_of_consumption: utils of each person as a function of everybody's coin, labor
            held fixed inside it.
        consumption: coin of each person.
        income: coin of each person on which the objective's own weights depend.

    Returns:
        Weights with mean one.

    Source: Saez (2001), Review of Economic Studies 68, section 3; Saez and Stantcheva (2016),
    American Economic Review 106(1), generalized social marginal welfare weights.
    """

    def welfare(coin: Float[Array, " n"]) -> Float[Array, ""]:
        """Welfare as it depends on consumption alone."""
        return objective(coin, utility_of_consumption(coin), income)

    gradient = jax.grad(welfare)(consumption)
    return gradient / jnp.mean(gradient)
