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


class RegressionMoments(NamedTuple):
    """All that the regression needs to know of its samples; everything is 0 without samples.

    `count`: samples with `income > 0` and `marginal_rate < 1`. `mean_net_of_tax`, `mean_log_income`,
    `mean_rate`: their means of `log(1 - marginal_rate)`, of `log(income)` and of `marginal_rate`.
    `net_of_tax_squares`, `rate_squares`: sums of squared deviations from the means. `products`: sum
    of deviation of `log(1 - marginal_rate)` times deviation of `log(income)`.
    """

    count: Float[Array, ""]
    mean_net_of_tax: Float[Array, ""]
    mean_log_income: Float[Array, ""]
    net_of_tax_squares: Float[Array, ""]
    products: Float[Array, ""]
    mean_rate: Float[Array, ""]
    rate_squares: Float[Array, ""]


def regression_moments(
    income: Float[Array, " n"], marginal_rate: Float[Array, " n"], valid: Bool[Array, " n"]
) -> RegressionMoments:
    """Summarize samples for the regression: means first, then deviations from them.

    Args:
        income: coin.
        marginal_rate: a fraction.
        valid: which samples exist.
    """
    is_used = valid & (income > 0) & (marginal_rate < 1)
    count = jnp.sum(is_used).astype(income.dtype)
    divisor = jnp.maximum(count, 1)

    # Unused entries are replaced before the logarithm, so that neither value nor gradient is NaN. Their logarithm is 0.
    net_of_tax = jnp.log(jnp.maximum(jnp.where(is_used, 1 - marginal_rate, 1), SMALLEST_LOG_ARGUMENT))
    log_income = jnp.log(jnp.maximum(jnp.where(is_used, income, 1), SMALLEST_LOG_ARGUMENT))
    rate = jnp.where(is_used, marginal_rate, 0)
    mean_net_of_tax = jnp.sum(net_of_tax) / divisor
    mean_log_income = jnp.sum(log_income) / divisor
    mean_rate = jnp.sum(rate) / divisor
    deviation = jnp.where(is_used, net_of_tax - mean_net_of_tax, 0)
    return RegressionMoments(
        count=count,
        mean_net_of_tax=mean_net_of_tax,
        mean_log_income=mean_log_income,
        net_of_tax_squares=jnp.sum(deviation**2),
        products=jnp.sum(deviation * (log_income - mean_log_income)),
        mean_rate=mean_rate,
        rate_squares=jnp.sum(jnp.where(is_used, rate - mean_rate, 0) ** 2),
    )


def merge_moments(first: RegressionMoments, second: RegressionMoments) -> RegressionMoments:
    """Summarize two sets of samples together, given the summary of each.

    With counts `m` and `n` and the gap `d` between the means, the mean of both is
    `first + d * n / (m + n)`, and squares add up to `first + second + d**2 * m * n / (m + n)`.
    Merging with no samples changes nothing, not even by rounding.

    Source: Chan, Golub and LeVeque (1979), Updating formulae and a pairwise algorithm for computing
    sample variances, Stanford report STAN-CS-79-773: the pairwise formula, for products alike.
    """
    count = first.count + second.count
    # 0 without second samples and 1 without first ones: exactly, as the means of no samples are 0.
    share = second.count / jnp.maximum(count, 1)
    weight = first.count * share
    net_of_tax_gap = second.mean_net_of_tax - first.mean_net_of_tax
    log_income_gap = second.mean_log_income - first.mean_log_income
    rate_gap = second.mean_rate - first.mean_rate
    return RegressionMoments(
        count=count,
        mean_net_of_tax=first.mean_net_of_tax + share * net_of_tax_gap,
        mean_log_income=first.mean_log_income + share * log_income_gap,
        net_of_tax_squares=first.net_of_tax_squares + second.net_of_tax_squares + weight * net_of_tax_gap**2,
        products=first.products + second.products + weight * net_of_tax_gap * log_income_gap,
        mean_rate=first.mean_rate + share * rate_gap,
        rate_squares=first.rate_squares + second.rate_squares + weight * rate_gap**2,
    )


def estimate_elasticity(moments: RegressionMoments) -> ElasticityEstimate:
    """Regress log income on the log of the net-of-tax rate, given the moments of the samples.

    `slope = products / net_of_tax_squares` and `intercept = mean_log_income - slope * mean_net_of_tax`;
    see `regress_elasticity` for what is not identified, and for the source.
    """
    rate_variance = moments.rate_squares / jnp.maximum(moments.count, 1)
    has_spread = (rate_variance >= SMALLEST_RATE_SPREAD**2) & (moments.net_of_tax_squares > 0)
    is_identified = (moments.count >= FEWEST_SAMPLES) & has_spread
    slope = jnp.where(is_identified, moments.products / jnp.where(is_identified, moments.net_of_tax_squares, 1), 0)
    intercept = jnp.where(is_identified, moments.mean_log_income - slope * moments.mean_net_of_tax, 0)
    return ElasticityEstimate(slope, intercept, is_identified)


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
    return estimate_elasticity(regression_moments(income, marginal_rate, valid))


def update_elasticity(previous: Float[Array, ""], newest: ElasticityEstimate) -> Float[Array, ""]:
    """Move the running elasticity toward the newest regression.

    `0.02 * max(slope, 0) + 0.98 * previous`, or `previous` if the slope is not identified.

    Args:
        previous: the running estimate.
        newest: the regression over the samples of now.

    Source: Zheng et al. (2022), Science Advances 8(18), supplement: the Saez baseline.
    """
    updated = UPDATE_SHARE * jnp.maximum(newest.slope, 0) + (1 - UPDATE_SHARE) * previous
    return jnp.where(newest.is_identified, updated, previous)
