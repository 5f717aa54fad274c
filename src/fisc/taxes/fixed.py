"""Schedules that nobody changes: the free market, a flat tax, any list of rates. Axis `b`: brackets."""

from itertools import pairwise

import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.core.errors import ConfigError
from fisc.core.tax import TaxSystem


class Fixed(TaxSystem[tuple]):
    """Always the same rates, under the current ceiling.

    The rates are a leaf, so that all fixed schedules of one length share a compilation.
    """

    cutoffs: Float[Array, " b"]
    schedule: Float[Array, " b"]

    @property
    def planner_space(self):
        """Nobody decides."""
        return None

    def init(self):
        """There is nothing to remember."""
        return ()

    def reset(self, memory):
        """There is nothing to forget."""
        return memory

    def draw(self, key):
        """There is nothing to draw. `key`: not needed."""
        return ()

    def rates(self, memory, knobs):
        """The schedule, no rate above the ceiling."""
        return jnp.minimum(self.schedule, knobs.max_rate.astype(self.schedule.dtype))

    def decide(self, memory, action, draws, knobs):
        """Nothing to decide."""
        return memory

    def learn(self, memory, incomes, marginal_rates):
        """Nothing to learn."""
        return memory


class FixedPair(Fixed):
    """Always the same two rates: one for every income, in a single bracket, and one for every profit."""

    schedule: Float[Array, " 2"]

    def rates(self, memory, knobs):
        """That on incomes, not above the ceiling."""
        return super().rates(memory, knobs)[:1]


def check_schedule(cutoffs, rates) -> None:
    """Refuse a schedule that is none, saying which entry is wrong.

    Raises:
        ConfigError: unequal lengths, cutoffs that do not start at 0 or do not increase, rates outside [0, 1].
    """
    cutoffs, rates = [float(c) for c in cutoffs], [float(r) for r in rates]
    check_cutoffs(cutoffs)
    if len(rates) != len(cutoffs):
        raise ConfigError(f"a schedule needs one rate for each bracket: got {len(rates)} rates, {len(cutoffs)} cutoffs")
    check_rates(rates, [f"bracket {b}" for b in range(len(rates))])


def check_rates(rates, names) -> None:
    """Refuse rates outside [0, 1]; `names` says what each is the rate of.

    Raises:
        ConfigError: naming the first wrong one.
    """
    for rate, name in zip(rates, names, strict=True):
        if not 0.0 <= rate <= 1.0:  # also refuses NaN
            raise ConfigError(f"rate {rate} of {name} is outside [0, 1]: rates are fractions (37 % is 0.37)")


def check_cutoffs(cutoffs) -> None:
    """Refuse cutoffs that are not 0 < … < finite.

    Raises:
        ConfigError: naming the first wrong cutoff.
    """
    cutoffs = [float(c) for c in cutoffs]
    if not cutoffs or cutoffs[0] != 0.0:
        raise ConfigError(f"cutoffs must start at 0, got {cutoffs[:1]}: the first bracket taxes the first coin")
    for low, high in pairwise(cutoffs):
        if not low < high < float("inf"):
            raise ConfigError(f"cutoffs must increase and be finite, but {low} is followed by {high}")


def fixed(cutoffs, rates) -> Fixed:
    """Any constant schedule.

    Raises:
        ConfigError: see `check_schedule`.
    """
    check_schedule(cutoffs, rates)
    return Fixed(jnp.asarray(cutoffs, float), jnp.asarray(rates, float))


def free_market(cutoffs) -> Fixed:
    """No taxes. The cutoffs matter only for bookkeeping by bracket."""
    return fixed(cutoffs, [0.0] * len(cutoffs))


def flat(cutoffs, rate: float) -> Fixed:
    """One rate for every income.

    Raises:
        ConfigError: if the rate is outside [0, 1].
    """
    return fixed(cutoffs, [rate] * len(cutoffs))
