"""Skills: what each citizen earns for a house, and how often a second unit is gathered.

Skills are drawn at the start of an episode, or ranked: the average citizen of each rank, the same in every episode.
Axis `n`: citizens.
"""

from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from fisc.core.errors import ConfigError, unknown

LAWS = ("none", "pareto", "lognormal")
BUILD_PARETO, GATHER_PARETO = 4.0, 3.0
"""Exponents a of the Lomax law P(X > t) = (1 + t)^-a."""
BUILD_LOGNORMAL, GATHER_LOGNORMAL = (-1.0, 0.5), (-2.022, 0.938)
"""Mean and standard deviation of the logarithm."""
MOST_GATHERING = 2.0
"""Raw gathering skill that always brings a second unit."""
NUM_SAMPLES, CHUNK = 100_000, 10_000
"""Populations averaged for ranked skills, and how many are in memory at once."""


class BuildSkills(eqx.Module):
    """Coin for a house: payment · min(max_multiplier, (max_multiplier - 1) · x + 1) with raw skill x; x = 1 pays once.

    Source: the reference program's `Build` component.
    """

    payment: Float[Array, ""]
    """Coin for a house without skill, ≥ 0."""
    max_multiplier: Float[Array, ""]
    """The best builder's coin in units of `payment`, ≥ 1."""
    law: str = eqx.field(static=True)

    def draw(self, key: Key[Array, ""], num: int) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """Each citizen's coin for a house, and raw skill. `key`: consumed."""
        if self.law == "none":
            ones = jnp.ones(num, self.payment.dtype)
            return ones * self.payment, ones
        skill = _sample(key, self.law, num, BUILD_PARETO, BUILD_LOGNORMAL).astype(self.payment.dtype)
        return self.payment * pay_rate(skill, self.max_multiplier), skill


class GatherSkills(eqx.Module):
    """Probability of a second unit: min(2, x) / 2 with raw skill x.

    Source: the reference program's `Gather` component.
    """

    law: str = eqx.field(static=True)

    def draw(self, key: Key[Array, ""], num: int) -> Float[Array, " n"]:
        """Each citizen's probability, in [0, 1]. `key`: consumed."""
        if self.law == "none":
            return jnp.zeros(num)
        return gather_bonus(_sample(key, self.law, num, GATHER_PARETO, GATHER_LOGNORMAL))


def build_skills(law: str, payment: float, max_multiplier: float) -> BuildSkills:
    """Check the numbers of a law of building skills.

    Raises:
        ConfigError: an unknown law, a negative payment, or a best builder who earns less than one without skill.
    """
    _check_law("build", law)
    check_pay(payment, max_multiplier)
    return BuildSkills(jnp.asarray(payment, float), jnp.asarray(max_multiplier, float), law)


def gather_skills(law: str) -> GatherSkills:
    """Check the name of a law of gathering skills.

    Raises:
        ConfigError: an unknown law.
    """
    _check_law("gather", law)
    return GatherSkills(law)


def pay_rate(skill: Float[Array, " n"], max_multiplier: Float[Array, ""]) -> Float[Array, " n"]:
    """Coin for a house in units of the payment: min(max_multiplier, (max_multiplier - 1) · skill + 1)."""
    return jnp.minimum(max_multiplier, (max_multiplier - 1.0) * skill + 1.0)


def gather_bonus(skill: Float[Array, " n"]) -> Float[Array, " n"]:
    """Probability of a second unit: min(2, skill) / 2."""
    return jnp.minimum(MOST_GATHERING, skill) / MOST_GATHERING


def check_pay(payment: float, max_multiplier: float) -> None:
    """Raise ConfigError for a negative payment or a multiplier below 1."""
    if not 0.0 <= payment < np.inf:
        raise ConfigError(f"payment for a house is {payment}: expected coin, zero or more")
    if not 1.0 <= max_multiplier < np.inf:
        raise ConfigError(f"max_multiplier is {max_multiplier}: expected 1 or more times the payment")


def ranked_payments(num: int, payment: float, max_multiplier: float, seed: int = 1) -> np.ndarray:
    """Coin for a house of the average citizen of each rank, the worst first.

    Mean over 100,000 populations of the order statistics of payment · min(max_multiplier, (max_multiplier - 1) x + 1),
    x Lomax(4): a deterministic list, equal to the reference program's at seed 1.

    Args:
        num: citizens.
        payment, max_multiplier: as in `BuildSkills`.
        seed: of NumPy's Mersenne Twister; the choice shows in the third digit.

    Returns:
        (num,) float64, ascending.

    Raises:
        ConfigError: a negative payment, or a multiplier below 1.
    """
    check_pay(payment, max_multiplier)
    return _ranked_rates(num, float(max_multiplier), seed) * payment


@lru_cache(maxsize=32)
def _ranked_rates(num: int, max_multiplier: float, seed: int) -> np.ndarray:
    rng, total = np.random.RandomState(seed), np.zeros(num)
    for _ in range(NUM_SAMPLES // CHUNK):
        skills = rng.pareto(BUILD_PARETO, (CHUNK, num))
        total += np.sort(np.minimum(max_multiplier, (max_multiplier - 1.0) * skills + 1.0), axis=1).sum(axis=0)
    rates = total / NUM_SAMPLES
    rates.setflags(write=False)
    return rates


def _sample(key, law: str, num: int, pareto: float, lognormal: tuple[float, float]) -> Float[Array, " n"]:
    """Raw skills: X = e^(E / a) - 1 is Lomax(a) for a standard exponential E."""
    if law == "pareto":
        return jnp.expm1(jax.random.exponential(key, (num,)) / pareto)
    mean, deviation = lognormal
    return jnp.exp(mean + deviation * jax.random.normal(key, (num,)))


def _check_law(what: str, law: str) -> None:
    if law not in LAWS:
        raise unknown(f"law of {what} skills", law, LAWS)
