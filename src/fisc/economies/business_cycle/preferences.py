"""What consumers want: utility of goods, added up over goods, less a linear cost of hours.

u = Σ value(units) - weight · disutility/2 · hours. Axes: `n` consumers, `f` goods.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

EXPONENT_LIMIT = 88.0
"""Beyond it the exponential of a single-precision number overflows."""


class Preferences(eqx.Module):
    """Value of an amount of one good."""

    @abc.abstractmethod
    def value(self, units: Float[Array, "n f"]) -> Float[Array, "n f"]:
        """Utils that units of each good bring."""

    def utility(
        self, consumption: Float[Array, "n f"], hours: Float[Array, " n"], disutility: Float[Array, " n"]
    ) -> Float[Array, " n"]:
        """Utility of a quarter: of what was bought, less that of hours. `disutility`: utils per two hours."""
        return jnp.sum(self.value(consumption), axis=1) - 0.5 * disutility * hours


class CRRA(Preferences):
    """`((units + 1)^(1 - eta) - 1) / (1 - eta)`, and log(units + 1) at eta = 1; nothing is worth nothing.

    Source: Curry et al. (2022), arXiv 2201.01163.
    """

    eta: Float[Array, ""]
    """Curvature, ≥ 0."""

    def value(self, units):
        """Constant relative risk aversion, shifted by one unit so that the first one has a finite value."""
        is_log, logarithm = self.eta == 1, jnp.log1p(units)
        power = jnp.where(is_log, 1.0, 1.0 - self.eta)
        return jnp.where(is_log, logarithm, jnp.expm1(power * logarithm) / power)


class CARA(Preferences):
    """`-exp(-aversion · units)`: constant absolute risk aversion; going without costs one util a good."""

    aversion: Float[Array, ""]
    """Above 0."""

    def value(self, units):
        """Bounded above by 0."""
        return -_exp(-self.aversion * units)


class Hybrid(Preferences):
    """`(1 - exp(-aversion · units^power)) / aversion`: nothing is worth nothing, and there is a most."""

    aversion: Float[Array, ""]
    """Above 0."""
    power: Float[Array, ""]
    """In (0, 1]."""

    def value(self, units):
        """Between 0 and 1 / aversion."""
        return (1.0 - _exp(-self.aversion * units**self.power)) / self.aversion


def _exp(exponent: Float[Array, "n f"]) -> Float[Array, "n f"]:
    return jnp.exp(jnp.clip(exponent, -EXPONENT_LIMIT, EXPONENT_LIMIT))


def welfare(utility: Float[Array, " n"], profit: Float[Array, " f"], firm_weight: Float[Array, ""]) -> Float[Array, ""]:
    """Sum of all rewards, a dollar of profit counting `firm_weight` utils: 0 for a government of consumers only."""
    return jnp.sum(utility) + firm_weight * jnp.sum(profit)


FIRM_WEIGHTS: dict[str, float] = {"consumers": 0.0, "total": 0.0025}
"""Both published definitions of welfare. The figures of the paper plot the total."""
