"""Optimal marginal tax rates: the estimator of the Saez baseline, and the theory itself.

Axes: `n` samples or people, `k` income bins of which the last is open above, `b` brackets.
Letters follow Saez (2001): `g` is the mean welfare weight of everybody at or above an income
(population mean one), `a` the local Pareto parameter, `e` the elasticity.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Bool, Float

from fisc.econ.brackets import average_over_brackets
from fisc.econ.welfare import INCOME_FLOOR

NUM_BINS = 100
# The reference adds this to every divisor; its published rates depend on it in empty bins.
EPSILON = 1e-9
# Spread of log income that stands for what a finite sample leaves out between two people.
BANDWIDTH = 0.2
# Share of all income below which a bracket counts as empty and leans on the one below it.
NEGLIGIBLE_SHARE = 1e-5
# Keeps the theory's rates defined if nobody reacts to taxes at all.
SMALLEST_ELASTICITY = 1e-6


class IncomeHistogram(NamedTuple):
    """Samples counted in equal bins from 0 to the top cutoff, and in one open bin above.

    `top_cutoff`: where the open bin begins, coin. `count`: samples in each bin. `num_below`: samples
    with negative income. `above_income`, `above_inverse_income`: sums of `income` and of
    `1 / max(income, 1)` over the open bin.
    """

    top_cutoff: Float[Array, ""]
    count: Float[Array, " k"]
    num_below: Float[Array, ""]
    above_income: Float[Array, ""]
    above_inverse_income: Float[Array, ""]

    @property
    def edges(self) -> Float[Array, " k"]:
        """Lower end of each bin, coin."""
        return _bin_edges(self.top_cutoff, self.count.shape[-1] - 1)

    @property
    def num_samples(self) -> Float[Array, ""]:
        """All samples, those with negative income too."""
        return jnp.sum(self.count) + self.num_below


def income_histogram(
    income: Float[Array, " n"],
    valid: Bool[Array, " n"],
    top_cutoff: Float[Array, ""],
    num_bins: int = NUM_BINS,
) -> IncomeHistogram:
    """Count incomes in `num_bins` equal bins over `[0, top_cutoff]` and in one bin above.

    Args:
        income: coin.
        valid: which samples exist.
        top_cutoff: where the open bin begins, coin; an income just there is in the last equal bin.
        num_bins: equal bins, without the open one.

    Source: Zheng et al. (2022), Science Advances 8(18), supplement: the Saez baseline.
    """
    top_cutoff = top_cutoff.astype(income.dtype)
    edges = _bin_edges(top_cutoff, num_bins)
    is_above = valid & (income > top_cutoff)
    is_below = valid & (income < 0)
    last_equal_bin = jnp.clip(jnp.searchsorted(edges, income, side="right") - 1, 0, num_bins - 1)
    bin_index = jnp.where(is_above, num_bins, last_equal_bin)
    is_counted = (valid & ~is_below).astype(income.dtype)
    return IncomeHistogram(
        top_cutoff=top_cutoff,
        count=jnp.zeros(num_bins + 1, income.dtype).at[bin_index].add(is_counted),
        num_below=jnp.sum(is_below).astype(income.dtype),
        above_income=jnp.sum(jnp.where(is_above, income, 0)),
        above_inverse_income=jnp.sum(jnp.where(is_above, 1 / jnp.maximum(income, INCOME_FLOOR), 0)),
    )


def add_histograms(first: IncomeHistogram, second: IncomeHistogram) -> IncomeHistogram:
    """Count two sets of samples together, given the histogram of each; both have the same bins."""
    return IncomeHistogram(
        top_cutoff=first.top_cutoff,
        count=first.count + second.count,
        num_below=first.num_below + second.num_below,
        above_income=first.above_income + second.above_income,
        above_inverse_income=first.above_inverse_income + second.above_inverse_income,
    )


def welfare_weights(
    histogram: IncomeHistogram, weight_type: str = "inverse_income", top_convention: str = "carry"
) -> Float[Array, " k"]:
    """Average the welfare weights of everybody in or above each bin; the population mean is one.

    `G[i] = (sum of weights in bins >= i / all weights) / (samples in bins >= i / all samples)`,
    `g[i] = (G[i] + G[i+1]) / 2`, and `g = G` in the open bin.

    Args:
        histogram: counted incomes.
        weight_type: "inverse_income", `1 / max(1, income)` at the middle of the bin, or "uniform".
        top_convention: "foundation" averages with `G = 0` where nobody is above the bin, as the
            reference does; "carry" does not, so that equal weights give `g = 1` everywhere.

    Raises:
        ValueError: on another weight type or convention.

    Source: Saez (2001), Review of Economic Studies 68, section 4; Zheng et al. (2022), supplement.
    """
    _check_top_convention(top_convention)
    middle = _bin_middles(histogram.edges)
    if weight_type == "inverse_income":
        weight = 1 / jnp.maximum(middle, INCOME_FLOOR)
        weight_above = histogram.above_inverse_income
    elif weight_type == "uniform":
        weight = jnp.ones_like(middle)
        weight_above = histogram.count[-1]
    else:
        raise ValueError(f"unknown weight type {weight_type!r}: expected 'inverse_income' or 'uniform'")

    bin_weight = jnp.concatenate([histogram.count[:-1] * weight, weight_above[None]])
    # A negative income weighs one under either type, and only in the normalization.
    share_of_weight = bin_weight / (jnp.sum(bin_weight) + histogram.num_below + EPSILON)
    share_of_people = histogram.count / jnp.maximum(histogram.num_samples, 1)
    people_at_least = _sum_from_above(share_of_people)
    mean_weight = _sum_from_above(share_of_weight) / (people_at_least + EPSILON)
    next_weight = mean_weight[1:]
    if top_convention == "carry":
        next_weight = jnp.where(people_at_least[1:] > 0, next_weight, mean_weight[:-1])
    return jnp.concatenate([(mean_weight[:-1] + next_weight) / 2, mean_weight[-1:]])


def pareto_parameters(histogram: IncomeHistogram) -> Float[Array, " k"]:
    """Estimate the local Pareto parameter in each bin; NaN where a bin is empty.

    `a = income * density / share of people above`, at the middle of a bin, and
    `mean_above / (mean_above - top_cutoff)` in the open bin (0 if nobody is there).

    Source: Saez (2001), Review of Economic Studies 68, section 4; Zheng et al. (2022), supplement.
    """
    num_samples = jnp.maximum(histogram.num_samples, 1)
    share = histogram.count / num_samples
    share_up_to = jnp.clip(jnp.cumsum(share) + histogram.num_below / num_samples, 0, 1)
    share_above = jnp.clip(1 - share_up_to + share / 2, 0, 1)[:-1]
    width = jnp.diff(histogram.edges)
    local = _bin_middles(histogram.edges) * share[:-1] / (share_above + EPSILON) / width

    num_above = histogram.count[-1]
    mean_above = histogram.above_income / jnp.maximum(num_above, 1)
    excess = jnp.where(num_above > 0, mean_above - histogram.top_cutoff, 1)
    top = jnp.where(num_above > 0, mean_above / (excess + EPSILON), 0)
    return jnp.concatenate([jnp.where(share[:-1] > 0, local, jnp.nan), top[None]])


def optimal_marginal_rates(
    g: Float[Array, "*k"], a: Float[Array, "*k"], elasticity: float | Float[Array, ""]
) -> Float[Array, "*k"]:
    """Compute `(1 - g) / (1 - g + a * elasticity + 1e-9)`; NaN where `a` is.

    Source: Saez (2001), Review of Economic Studies 68, section 4, without income effects and with the
    density at the optimum; Zheng et al. (2022), supplement, for the 1e-9.
    """
    return (1 - g) / (1 - g + a * elasticity + EPSILON)


def fill_gaps(rates: Float[Array, " k"]) -> Float[Array, " k"]:
    """Fill NaN entries linearly between the defined rates on either side.

    A gap before the first defined rate rises from 0, taken to stand one place before the
    start; a gap after the last carries that rate on; if nothing is defined, all are 0.
    """
    num_bins = rates.shape[0]
    place = jnp.arange(num_bins)
    is_defined = ~jnp.isnan(rates)
    known = jnp.where(is_defined, rates, 0)
    left = jax.lax.cummax(jnp.where(is_defined, place, -1))
    right = jax.lax.cummin(jnp.where(is_defined, place, num_bins), reverse=True)
    left_rate = jnp.where(left >= 0, known[jnp.maximum(left, 0)], 0)
    right_rate = jnp.where(right < num_bins, known[jnp.minimum(right, num_bins - 1)], left_rate)
    way = (place - left).astype(rates.dtype) / jnp.maximum(right - left, 1).astype(rates.dtype)
    return jnp.where(is_defined, known, left_rate + way * (right_rate - left_rate))


def bracket_rates(
    income: Float[Array, " n"],
    valid: Bool[Array, " n"],
    cutoffs: Float[Array, " b"],
    elasticity: float | Float[Array, ""],
    weight_type: str = "inverse_income",
    rate_min: float | int | Float[Array, ""] = 0.0,
    rate_max: float | int | Float[Array, ""] = 1.0,
    top_convention: str = "carry",
) -> Float[Array, " b"]:
    """Estimate optimal bracket rates from a window of incomes: the Saez baseline.

    The incomes are counted in 100 bins, from which `rates_of_histogram` goes on.

    Args:
        income: coin.
        valid: which samples exist.
        cutoffs: lower end of each bracket, coin, increasing, `cutoffs[0] = 0`.
        elasticity: of income with respect to the net-of-tax rate, not below 0.
        weight_type: "inverse_income" or "uniform".
        rate_min: lowest rate allowed, a fraction.
        rate_max: highest rate allowed, a fraction.
        top_convention: what to do if nobody earns more than the last cutoff. "carry" extends the
            last defined rate; "foundation" sets the top rate to one, as the reference does.

    Raises:
        ValueError: on another weight type or convention.

    Source: Zheng et al. (2022), Science Advances 8(18), supplement: the Saez baseline.
    """
    histogram = income_histogram(income, valid, cutoffs[-1])
    return rates_of_histogram(histogram, cutoffs, elasticity, weight_type, rate_min, rate_max, top_convention)


def rates_of_histogram(
    histogram: IncomeHistogram,
    cutoffs: Float[Array, " b"],
    elasticity: float | Float[Array, ""],
    weight_type: str = "inverse_income",
    rate_min: float | int | Float[Array, ""] = 0.0,
    rate_max: float | int | Float[Array, ""] = 1.0,
    top_convention: str = "carry",
) -> Float[Array, " b"]:
    """Estimate optimal bracket rates from counted incomes.

    Weights, Pareto parameters and rates in each bin, gaps filled, averaged over brackets by
    `average_over_brackets`, kept within `[rate_min, rate_max]`.

    Args:
        histogram: incomes, counted in bins up to `cutoffs[-1]` and in one above.
        cutoffs: and all else as for `bracket_rates`.

    Raises:
        ValueError: on another weight type or convention.

    Source: Zheng et al. (2022), Science Advances 8(18), supplement: the Saez baseline.
    """
    g = welfare_weights(histogram, weight_type, top_convention)
    rates = optimal_marginal_rates(g, pareto_parameters(histogram), elasticity)
    if top_convention == "carry":
        rates = rates.at[-1].set(jnp.where(histogram.count[-1] > 0, rates[-1], jnp.nan))
    averaged = average_over_brackets(histogram.edges, fill_gaps(rates), cutoffs)
    return jnp.clip(averaged, rate_min, rate_max)


def top_rate(
    g: float | Float[Array, "*#n"], a: float | Float[Array, "*#n"], elasticity: float | Float[Array, "*#n"]
) -> Float[Array, "*n"]:
    """Compute the optimal rate on a Pareto tail: `(1 - g) / (1 - g + a * elasticity)`.

    Args:
        g: mean welfare weight in the tail, population mean one; below 1.
        a: Pareto parameter of the tail, above 1.
        elasticity: of income with respect to the net-of-tax rate, not below 0.

    Source: Saez (2001), Review of Economic Studies 68, section 3; Diamond and Saez (2011), Journal of
    Economic Perspectives 25(4).
    """
    g = jnp.asarray(g)
    return (1 - g) / (1 - g + a * elasticity)


def theory_bracket_rates(
    income: Float[Array, " n"],
    weights: Float[Array, " n"],
    cutoffs: Float[Array, " b"],
    elasticity: float | Float[Array, ""],
    bandwidth: float | Float[Array, ""] = BANDWIDTH,
) -> Float[Array, " b"]:
    """Compute the optimal rates of a bracket schedule, given incomes and welfare weights.

    Raising the rate in one bracket takes `inside = min(size, max(0, income - cutoff))` more per
    unit from everybody, worth `(1 - weight)` each, and shrinks the income in the bracket:

    `rate / (1 - rate) = mean((1 - weight) * inside) / (elasticity * mean(income in bracket))`

    This is `tau(z) / (1 - tau(z)) = (1 - G(z)) / (e a(z))` with numerator and denominator
    integrated over the bracket; in the open bracket, `a = mean_above / (mean_above - cutoff)`.
    Each income stands for a lognormal cloud with its mean, so that the result moves smoothly
    with incomes. A bracket without income takes the rate of the one below it.

    Args:
        income: coin; negative income counts as 0.
        weights: marginal welfare weight of each person, mean one.
        cutoffs: lower end of each bracket, coin, increasing, `cutoffs[0] = 0`.
        elasticity: of income with respect to the net-of-tax rate, above 0.
        bandwidth: standard deviation of log income in a person's cloud, above 0.

    Returns:
        Rates below 1; not below -1, where weights rise so steeply with income that no
        interior optimum exists.

    Source: Saez (2001), Review of Economic Studies 68, sections 3 and 4, without income effects.
    Differs: integrating before dividing is the exact first-order condition of a bracket rate
    (up to bunching) and needs no density estimate, which is ragged near the kinks.
    """
    income = jnp.maximum(income, 0)
    mean_income = jnp.mean(income)
    ridge = NEGLIGIBLE_SHARE * mean_income + jnp.finfo(income.dtype).tiny
    response = jnp.maximum(elasticity, SMALLEST_ELASTICITY)

    rates = []
    ratio = jnp.zeros_like(mean_income)
    excess, above = income, income
    for b in range(cutoffs.shape[0]):
        is_top = b == cutoffs.shape[0] - 1
        next_excess, next_above = (
            (jnp.zeros_like(income),) * 2 if is_top else _smoothed_tail(income, cutoffs[b + 1], bandwidth)
        )
        gain = jnp.mean((1 - weights) * (excess - next_excess)) / response
        in_bracket = jnp.mean(above - next_above)
        ratio = jnp.maximum((gain + ridge * ratio) / (in_bracket + ridge), -0.5)
        rates.append(ratio / (1 + ratio))
        excess, above = next_excess, next_above
    return jnp.stack(rates)


def _smoothed_tail(
    income: Float[Array, " n"], cutoff: Float[Array, ""], bandwidth: float | Float[Array, ""]
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Average `max(0, z - cutoff)` and `z * (z > cutoff)` over the cloud `z` of each income.

    With `log z` normal and `mean(z) = income`, these are the two terms of the Black-Scholes
    formula: `income * N(d) - cutoff * N(d - bandwidth)` and `income * N(d)`.
    """
    log_ratio = jnp.log(jnp.maximum(income, jnp.finfo(income.dtype).tiny)) - jnp.log(cutoff)
    distance = log_ratio / bandwidth + bandwidth / 2
    above = income * ndtr(distance)
    return above - cutoff * ndtr(distance - bandwidth), above


def _check_top_convention(top_convention: str) -> None:
    if top_convention not in ("carry", "foundation"):
        raise ValueError(f"unknown top convention {top_convention!r}: expected 'carry' or 'foundation'")


def _bin_middles(edges: Float[Array, " k"]) -> Float[Array, " k-1"]:
    return (edges[:-1] + edges[1:]) / 2


def _bin_edges(top_cutoff: Float[Array, ""], num_bins: int) -> Float[Array, " k"]:
    return jnp.linspace(0, top_cutoff, num_bins + 1, dtype=top_cutoff.dtype)


def _sum_from_above(values: Float[Array, " k"]) -> Float[Array, " k"]:
    return jnp.cumsum(values[::-1])[::-1]
