"""What citizens want: utility of consumption and labor. Axis `n`: citizens.

All but the isoelastic form have no income effect on labor supply: a lump sum never changes the best hours.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.econ import utility


class Preferences(eqx.Module):
    """Utility over consumption (coin) and labor (hours)."""

    cost: eqx.AbstractVar[Float[Array, ""]]
    """Coefficient of the disutility of labor, ≥ 0."""
    exponent: eqx.AbstractVar[Float[Array, ""]]
    """Power of labor in it, > 1; the elasticity of income to the net-of-tax rate is 1 / (exponent - 1)."""
    has_income_effect: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def utility(
        self, consumption: Float[Array, " n"], labor: Float[Array, " n"], labor_weight: Float[Array, ""]
    ) -> Float[Array, " n"]:
        """Utility of each citizen; `labor_weight` scales the disutility (a curriculum's knob)."""

    def elasticity(self) -> Float[Array, ""]:
        """Elasticity of income to the net-of-tax rate, e = 1 / (exponent - 1)."""
        return 1.0 / (self.exponent - 1.0)


class QuasiLinear(Preferences):
    """u = c - cost · labor^exponent, in coin. Source: the reference program's `coin_minus_labor_cost`."""

    cost: Float[Array, ""]
    exponent: Float[Array, ""]
    has_income_effect: bool = eqx.field(static=True, default=False)

    def utility(self, consumption, labor, labor_weight):
        """Coin left after the cost of labor."""
        return utility.coin_minus_labor_cost(consumption, labor, labor_weight * self.cost, self.exponent)


class LogNet(Preferences):
    """u = log(max(1, c - cost · labor^exponent)): concave in what is left after effort, without income effects.

    Source: Saez (2001), Type I utility. The floor of one coin keeps the empty economy at utility zero.
    """

    cost: Float[Array, ""]
    exponent: Float[Array, ""]
    has_income_effect: bool = eqx.field(static=True, default=False)

    def utility(self, consumption, labor, labor_weight):
        """Log of the coin left after the cost of labor."""
        unfloored = utility.log_net_consumption(consumption, labor, labor_weight * self.cost, self.exponent)
        return jnp.maximum(0.0, unfloored)


class Isoelastic(Preferences):
    """u = (c^(1 - eta) - 1) / (1 - eta) - cost · labor. Source: the reference's `isoelastic_coin_minus_labor`."""

    cost: Float[Array, ""]
    exponent: Float[Array, ""]
    eta: Float[Array, ""]
    """Curvature, in [0, 1]; 1 is the logarithm."""
    has_income_effect: bool = eqx.field(static=True, default=True)

    def utility(self, consumption, labor, labor_weight):
        """Isoelastic utility of coin less linear labor."""
        return utility.isoelastic_coin_minus_labor(consumption, labor, self.eta, labor_weight * self.cost)
