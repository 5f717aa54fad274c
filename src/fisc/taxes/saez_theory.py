"""Saez's optimal schedule as a fixed point: formula → best responses → formula. Axes: `n` taxpayers, `b` brackets."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.econ.saez import theory_bracket_rates

Respond = Callable[[Float[Array, " b"]], tuple[Float[Array, " n"], Float[Array, " n"]]]
"""Incomes, and marginal welfare weights with mean one, that a schedule brings about."""

ITERATIONS = 100
DAMPING = 0.2
BANDWIDTH = 0.2
"""Width of the smoothing, in log income: a hundred citizens have no density of their own."""


def saez_rates(
    respond: Respond, cutoffs: Float[Array, " b"], elasticity: Float[Array, ""], bandwidth: float = BANDWIDTH
) -> tuple[Float[Array, " b"], Float[Array, ""]]:
    """Iterate rates ← (1 - damping)·rates + damping·formula(respond(rates)) from one half everywhere.

    Args:
        respond: best responses to a schedule.
        cutoffs: brackets, coin.
        elasticity: of income to the net-of-tax rate.
        bandwidth: smoothing of the income distribution, in logs.

    Returns:
        The rates, in [0, 1], and the largest change that one undamped step more would make.

    Source: Saez (2001), section 3, iterated as in section 5. Differs: rates are those of brackets, so that numerator
    and denominator of the formula are averaged over each bracket.
    """

    def formula(rates):
        """Rates that the formula asks for, given what these bring about."""
        incomes, weights = respond(rates)
        return jnp.clip(theory_bracket_rates(incomes, weights, cutoffs, elasticity, bandwidth), 0.0, 1.0)

    def improve(rates, _):
        """Go a part of the way there."""
        following = formula(rates)
        return (1.0 - DAMPING) * rates + DAMPING * following, None

    rates, _ = jax.lax.scan(improve, jnp.full_like(cutoffs, 0.5), None, length=ITERATIONS)
    return rates, jnp.max(jnp.abs(formula(rates) - rates))
