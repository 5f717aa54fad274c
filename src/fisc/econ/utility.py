"""Utility of one person per entry: what coin is worth and what labor costs.

Axes: `n` people, any shape. Parameters are scalars, or one per person. Every function is
elementwise, so it maps over populations, hours tables and seeds alike.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

# Utilities cover arrays of any shape; a parameter is a number or fits that shape.
Parameter = float | int | Float[Array, "*#n"]


def isoelastic(coin: Float[Array, "*n"], eta: Parameter) -> Float[Array, "*n"]:
    """Value coin with constant relative risk aversion.

    `(coin**(1 - eta) - 1) / (1 - eta)`, and `log(max(1, coin))` at `eta = 1`.

    Args:
        coin: consumption or endowment, not below 0 (above 0 if `eta > 1`).
        eta: curvature, 0 (linear) upward; it may be traced.

    Source: Zheng et al. (2022), Science Advances 8(18); Arrow (1965) for the form.
    Differs: the limit of the formula at `eta = 1` is `log(coin)`; the floor of one coin keeps
    a penniless person's utility finite there.
    """
    eta = jnp.asarray(eta, coin.dtype)
    is_log = eta == 1
    # Both branches are evaluated and differentiated, so the power must not divide by zero.
    power = jnp.where(is_log, 1, 1 - eta)
    return jnp.where(is_log, jnp.log(jnp.maximum(coin, 1)), (coin**power - 1) / power)


def labor_cost(labor: Float[Array, "*n"], cost: Parameter, exponent: Parameter) -> Float[Array, "*n"]:
    """Price the effort of working: `cost * labor**exponent`, in utils (coin if quasi-linear).

    Args:
        labor: hours or labor units, not below 0.
        cost: utils of one unit of labor, not below 0.
        exponent: above 1 for rising marginal cost; the elasticity of labor supply under
            quasi-linear utility is `1 / (exponent - 1)`.
    """
    return jnp.asarray(cost, labor.dtype) * labor ** jnp.asarray(exponent, labor.dtype)


def coin_minus_labor_cost(
    consumption: Float[Array, "*n"], labor: Float[Array, "*n"], cost: Parameter, exponent: Parameter
) -> Float[Array, "*n"]:
    """Value consumption one for one, less the cost of labor: no income effect.

    `consumption - cost * labor**exponent`

    Args:
        consumption: coin after tax and lump sum.
        labor: hours or labor units, not below 0.
        cost: coin that one unit of labor is worth, not below 0.
        exponent: above 1 for rising marginal cost.

    Source: Diamond (1998), American Economic Review 88(1): quasi-linear utility.
    """
    return consumption - labor_cost(labor, cost, exponent)


def log_net_consumption(
    consumption: Float[Array, "*n"], labor: Float[Array, "*n"], cost: Parameter, exponent: Parameter
) -> Float[Array, "*n"]:
    """Value consumption net of the cost of labor with diminishing returns.

    `log(consumption - cost * labor**exponent)`; minus infinity where consumption does not
    exceed the cost of labor, so that nobody ever chooses such a point.

    Args:
        consumption: coin after tax and lump sum, above the cost of labor.
        labor: hours or labor units, not below 0.
        cost: coin that one unit of labor is worth, not below 0.
        exponent: above 1 for rising marginal cost.

    Source: Saez (2001), Review of Economic Studies 68, section 5: the concave form without
    income effects ("Type I").
    """
    net = coin_minus_labor_cost(consumption, labor, cost, exponent)
    is_legal = net > 0
    return jnp.where(is_legal, jnp.log(jnp.where(is_legal, net, 1)), -jnp.inf)


def isoelastic_coin_minus_labor(
    coin: Float[Array, "*n"], labor: Float[Array, "*n"], eta: Parameter, labor_coefficient: Parameter
) -> Float[Array, "*n"]:
    """Value coin isoelastically, less a linear cost of labor.

    `isoelastic(coin, eta) - labor_coefficient * labor`

    Args:
        coin: endowment, not below 0.
        labor: labor units spent so far, not below 0.
        eta: curvature of the value of coin.
        labor_coefficient: utils per unit of labor.

    Source: Zheng et al. (2022), Science Advances 8(18), utility of the Gather-Trade-Build agents.
    """
    return isoelastic(coin, eta) - jnp.asarray(labor_coefficient, labor.dtype) * labor
