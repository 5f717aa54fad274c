"""The Saez baseline: rates from the optimal-tax formula, with everything in it estimated from the incomes observed.

Axes: `b` brackets, `n` taxpayers, `w` samples in the window. Environments in parallel share their samples as sums.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fisc.core.errors import ConfigError, unknown
from fisc.core.tax import TaxSystem
from fisc.econ.elasticity import (
    RegressionMoments,
    estimate_elasticity,
    merge_moments,
    regression_moments,
    update_elasticity,
)
from fisc.econ.saez import IncomeHistogram, add_histograms, income_histogram, rates_of_histogram
from fisc.taxes.fixed import check_cutoffs

WINDOW = 500
"""Samples the formula waits for, and the latest ones that an environment remembers; the reference's constant."""
FIRST_ELASTICITY = 0.5
AVERAGE_DECAY = 0.99
"""Weight of the past in the running average of rates."""

WEIGHT_TYPES = ("inverse_income", "uniform")
CONVENTIONS = ("exact", "foundation")
TOP_CONVENTIONS = {"exact": "carry", "foundation": "foundation"}


class SampleSummary(eqx.Module):
    """All that the estimator needs to know of some samples, however many they are."""

    histogram: IncomeHistogram
    """For the rates."""
    moments: RegressionMoments
    """For the elasticity."""


class SaezMemory(eqx.Module):
    """What the estimator has seen and concluded. Incomes in coin."""

    incomes: Float[Array, " w"]
    """Latest incomes of this environment, the newest last; only the last `count` entries mean anything."""
    marginal_rates: Float[Array, " w"]
    """The marginal rate that each income faced."""
    count: Int[Array, ""]
    """Samples in the window, ≤ w."""
    additions: Int[Array, ""]
    """Samples added that count beside the pooled ones: since the last pooling (foundation: ever). Saturates at w."""
    pooled: SampleSummary
    """Of the windows of all environments at the last pooling; of no samples before the first one."""
    elasticity: Float[Array, ""]
    """Running estimate, ≥ 0."""
    current: Float[Array, " b"]
    """Rates of the period."""
    average: Float[Array, " b"]
    """Running average of the formula's rates."""
    is_ready: Bool[Array, ""]
    """Whether there ever were w samples to start from."""


class SaezEstimated(TaxSystem[SaezMemory]):
    """Sets the rates that the optimal-tax formula asks for, from observed incomes and an estimated elasticity.

    Until `window` samples have been seen, rates are drawn uniformly between `rate_min` and the ceiling, which gives the
    regression of incomes on rates something to work with. Then, at the start of each period, the elasticity moves 2 %
    of the way toward a regression over the samples, and the formula is applied to the distribution of incomes (see
    `fisc.econ.saez`). An episode starts at the running average of rates.

    Source: Zheng et al. (2022), Science Advances 8(18), supplement: the Saez baseline.
    Differs: under the convention "exact", a top bracket that nobody reaches takes the rate below it and each sample
    counts once; under "foundation", as in the reference program, that top rate is 1 and samples that were pooled are
    counted again with the environment's own.
    """

    cutoffs: Float[Array, " b"]
    fixed_elasticity: Float[Array, ""] | None = None
    """Takes the place of the estimate in the formula; the estimate is still tracked."""
    rate_min: float = eqx.field(static=True, default=0.0)
    weight_type: str = eqx.field(static=True, default="inverse_income")
    convention: str = eqx.field(static=True, default="exact")
    window: int = eqx.field(static=True, default=WINDOW)
    num_environments: int = eqx.field(static=True, default=0)
    """Environments that share their samples; 0 keeps samples to themselves."""

    @property
    def planner_space(self):
        """The formula decides, nobody else."""
        return None

    def init(self):
        """No samples, no taxes."""
        dtype, b, w = self.cutoffs.dtype, self.cutoffs.shape[-1], self.window
        nothing = jnp.zeros(0, dtype)
        return SaezMemory(
            incomes=jnp.zeros(w, dtype),
            marginal_rates=jnp.zeros(w, dtype),
            count=jnp.zeros((), jnp.int32),
            additions=jnp.zeros((), jnp.int32),
            pooled=_summarize(nothing, nothing, jnp.zeros(0, bool), self.cutoffs[-1]),
            elasticity=jnp.full((), FIRST_ELASTICITY, dtype),
            current=jnp.zeros(b, dtype),
            average=jnp.zeros(b, dtype),
            is_ready=jnp.zeros((), bool),
        )

    def reset(self, memory):
        """Start from the running average of rates; samples and elasticity stay."""
        return eqx.tree_at(lambda m: m.current, memory, memory.average)

    def draw(self, key):
        """A uniform number for each bracket, used until there are enough samples. `key`: consumed."""
        return jax.random.uniform(key, self.cutoffs.shape, self.cutoffs.dtype)

    def rates(self, memory, knobs):
        """The period's rates, none above the ceiling."""
        return jnp.minimum(memory.current, knobs.max_rate.astype(memory.current.dtype))

    def decide(self, memory, action, draws, knobs):
        """Explore, or estimate the elasticity and apply the formula. `action`: none."""
        ceiling = knobs.max_rate.astype(self.cutoffs.dtype)
        samples = self.samples_in_use(memory)
        is_ready = memory.is_ready | (samples.histogram.num_samples >= self.window)
        explored = self.rate_min + (ceiling - self.rate_min) * draws.astype(self.cutoffs.dtype)

        estimate = update_elasticity(memory.elasticity, estimate_elasticity(samples.moments))
        elasticity = estimate if self.fixed_elasticity is None else self.fixed_elasticity.astype(estimate.dtype)
        optimal = rates_of_histogram(
            samples.histogram,
            self.cutoffs,
            elasticity,
            self.weight_type,
            self.rate_min,
            ceiling,
            TOP_CONVENTIONS[self.convention],
        )
        average = AVERAGE_DECAY * memory.average + (1.0 - AVERAGE_DECAY) * optimal
        decided = (
            jnp.where(is_ready, estimate, memory.elasticity),
            jnp.where(is_ready, optimal, explored),
            jnp.where(is_ready, average, memory.average),
            is_ready,
        )
        return eqx.tree_at(lambda m: (m.elasticity, m.current, m.average, m.is_ready), memory, decided)

    def samples_in_use(self, memory: SaezMemory) -> SampleSummary:
        """The pool, and the environment's own samples that count beside it."""
        own = _summarize(memory.incomes, memory.marginal_rates, self.counts_beside_pool(memory), self.cutoffs[-1])
        return SampleSummary(
            histogram=add_histograms(own.histogram, memory.pooled.histogram),
            moments=merge_moments(own.moments, memory.pooled.moments),
        )

    def counts_beside_pool(self, memory: SaezMemory) -> Bool[Array, " w"]:
        """Which entries of the window are in use: all samples, or once windows are pooled, the last `additions`."""
        has_pool = memory.pooled.histogram.num_samples > 0
        return _are_last(jnp.where(has_pool, memory.additions, memory.count), self.window)

    def learn(self, memory, incomes, marginal_rates):
        """Add a period's incomes to the window; the oldest ones drop out."""
        num = incomes.shape[0]
        seen = (
            _push(memory.incomes, incomes),
            _push(memory.marginal_rates, marginal_rates),
            jnp.minimum(memory.count + num, self.window),
            jnp.minimum(memory.additions + num, self.window),
        )
        return eqx.tree_at(lambda m: (m.incomes, m.marginal_rates, m.count, m.additions), memory, seen)

    def pool(self, memories):
        """Give every environment (leading axis) a summary of all their windows.

        Without `num_environments`, nothing happens.

        Raises:
            ConfigError: if the leading axis is not `num_environments` long.
        """
        if self.num_environments == 0:
            return memories
        num = memories.count.shape[0]
        if num != self.num_environments:
            raise ConfigError(
                f"the Saez estimator pools {self.num_environments} environments but got {num}: "
                "set num_environments to the number that run in parallel"
            )

        are_samples = jax.vmap(_are_last, in_axes=(0, None))(memories.count, self.window)
        windows = (memories.incomes, memories.marginal_rates, are_samples)
        summary = _summarize(*[window.reshape(-1) for window in windows], self.cutoffs[-1])
        shared = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (num, *leaf.shape)), summary)
        pooled = eqx.tree_at(lambda m: m.pooled, memories, shared)
        if self.convention == "foundation":
            return pooled
        return eqx.tree_at(lambda m: m.additions, pooled, jnp.zeros_like(memories.additions))


def _summarize(
    incomes: Float[Array, " n"],
    marginal_rates: Float[Array, " n"],
    valid: Bool[Array, " n"],
    top_cutoff: Float[Array, ""],
) -> SampleSummary:
    """Count incomes and sum up what the regression needs. Incomes and the last cutoff in coin."""
    return SampleSummary(
        histogram=income_histogram(incomes, valid, top_cutoff),
        moments=regression_moments(incomes, marginal_rates, valid),
    )


def _are_last(num: Int[Array, ""], window: int) -> Bool[Array, " w"]:
    """Say which places of a window are the last `num`."""
    return jnp.arange(window, dtype=jnp.int32) >= window - num


def _push(window: Float[Array, " w"], news: Float[Array, " n"]) -> Float[Array, " w"]:
    """Append to a window of constant length, first in, first out."""
    return jnp.concatenate([window, news.astype(window.dtype)])[-window.shape[0] :]


def saez_estimated(
    cutoffs,
    *,
    fixed_elasticity: float | None = None,
    weight_type: str = "inverse_income",
    convention: str = "exact",
    rate_min: float = 0.0,
    window: int = WINDOW,
    num_environments: int = 0,
) -> SaezEstimated:
    """The Saez baseline on given brackets, after checking every option.

    Args:
        cutoffs: lower end of each bracket, coin, increasing from 0.
        fixed_elasticity: elasticity to use instead of the estimate, ≥ 0.
        weight_type: "inverse_income" or "uniform" welfare weights; the latter never taxes.
        convention: "exact" or "foundation", see `SaezEstimated`.
        rate_min: lowest rate, a fraction.
        window: samples to wait for and to remember.
        num_environments: parallel environments that pool their samples, 0 for none.

    Raises:
        ConfigError: naming the option that is wrong.
    """
    check_cutoffs(cutoffs)
    if len(cutoffs) < 2:
        raise ConfigError("the Saez estimator needs at least two brackets: it bins incomes up to the last cutoff")
    if weight_type not in WEIGHT_TYPES:
        raise unknown("Saez weight type", weight_type, WEIGHT_TYPES)
    if convention not in CONVENTIONS:
        raise unknown("Saez convention", convention, CONVENTIONS)
    if fixed_elasticity is not None and not 0.0 <= fixed_elasticity < float("inf"):
        raise ConfigError(f"fixed_elasticity must be a number ≥ 0, got {fixed_elasticity}")
    if not 0.0 <= rate_min <= 1.0:
        raise ConfigError(f"rate_min {rate_min} is outside [0, 1]: rates are fractions (5 % is 0.05)")
    if window < 1 or num_environments < 0:
        raise ConfigError(f"window must be ≥ 1 and num_environments ≥ 0, got {window} and {num_environments}")
    elasticity = None if fixed_elasticity is None else jnp.asarray(fixed_elasticity, float)
    return SaezEstimated(
        jnp.asarray(cutoffs, float), elasticity, rate_min, weight_type, convention, window, num_environments
    )
