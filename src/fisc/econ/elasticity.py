"""Elasticity of taxable income, estimated from observed incomes and marginal rates.

Axis: `n` samples in a window of static size; a mask says which samples are valid.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

# Below these the regression says nothing: too few samples, or hardly any variation of rates.
FEWEST_SAMPLES = 10
SMALLEST_RATE_SPREAD = 1e-6
SMALLEST_LOG_ARGUMENT = 1e-9
# Share of the newest regression in the running estimate.
UPDATE_SHARE = 0.02


class ElasticityEstimate(NamedTuple):
    """Result of the regression: slope (the elasticity), intercept, and whether they mean anything.

    `slope` and `intercept` are 0 where `is_identified` is false.
    """

    slope: Float[Array, ""]
    intercept: Float[Array, ""]
    is_identified: Bool[Array, ""]


def regress_elasticity(
    income: Float[Array, " n"], marginal_rate: Float[Array, " n"], valid: Bool[Array, " n"]
) -> ElasticityEstimate:
    """Regress log income on the log of the net-of-tax rate by ordinary least squares.

    `log(income) = slope * log(1 - marginal_rate) + intercept`, over valid samples with
    `income > 0` and `marginal_rate < 1`. Not identified with fewer than 10 such samples or if
    the standard deviation of their rates is below 1e-6.

    Args:
        income: coin.
        marginal_rate: a fraction.
        valid: which samples exist.

    Source: Zheng et al. (2022), Science Advances 8(18), supplement: the Saez baseline; Gruber and
    Saez (2002), Journal of Public Economics 84, for the elasticity of taxable income.
    Differs: no instrument for the rate, which in a bracket schedule depends on income, so the
    slope is biased downward under progressive and upward under regressive schedules.
    """
    is_used = valid & (income > 0) & (marginal_rate < 1)
    count = jnp.sum(is_used).astype(income.dtype)
    weight = jnp.where(is_used, 1 / jnp.maximum(count, 1), 0)

    # Unused entries are replaced before the logarithm, so that neither value nor gradient is NaN.
    net_of_tax = jnp.log(jnp.maximum(jnp.where(is_used, 1 - marginal_rate, 1), SMALLEST_LOG_ARGUMENT))
    log_income = jnp.log(jnp.maximum(jnp.where(is_used, income, 1), SMALLEST_LOG_ARGUMENT))
    mean_net_of_tax = jnp.sum(weight * net_of_tax)
    mean_log_income = jnp.sum(weight * log_income)
    deviation = net_of_tax - mean_net_of_tax
    variance = jnp.sum(weight * deviation**2)
    covariance = jnp.sum(weight * deviation * (log_income - mean_log_income))

    rate = jnp.where(is_used, marginal_rate, 0)
    rate_variance = jnp.sum(weight * (rate - jnp.sum(weight * rate)) ** 2)
    has_spread = rate_variance >= SMALLEST_RATE_SPREAD**2
    is_identified = (count >= FEWEST_SAMPLES) & has_spread & (variance > 0)
    slope = jnp.where(is_identified, covariance / jnp.where(is_identified, variance, 1), 0)
    intercept = jnp.where(is_identified, mean_log_income - slope * mean_net_of_tax, 0)
    return ElasticityEstimate(slope, intercept, is_identified)


def update_elasticity(
    previous: Float[Array, ""],
    income: Float[Array, " n"],
    marginal_rate: Float[Array, " n"],
    valid: Bool[Array, " n"],
) -> Float[Array, ""]:
    """Move the running elasticity toward the newest regression.

    `0.02 * max(slope, 0) + 0.98 * previous`, or `previous` if the slope is not identified.

    Args:
        previous: the running estimate.
        income: coin.
        marginal_rate: a fraction.
        valid: which samples exist.

    Source: Zheng et al. (2022), Science Advances 8(18), supplement: the Saez baseline.
    """
    estimate = regress_elasticity(income, marginal_rate, valid)
    updated = UPDATE_SHARE * jnp.maximum(estimate.slope, 0) + (1 - UPDATE_SHARE) * previous
    return jnp.where(estimate.is_identified, updated, previous)
