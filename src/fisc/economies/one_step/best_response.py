"""Exact best responses: what a citizen without income effects works under given rates.

Each citizen maximizes s·h - T(s·h) - c·h^d over hours h and takes the lump sum as given, as price takers do. With n
citizens 1/n of one's own tax comes back, which a learner can find out: it then works a little more, so that learned
play may score above price takers (in the published setting, n = 100, by up to 0.7 % at the optimum).
Axes: `n` citizens, `b` brackets, `g` hours on the grid.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from fisc.core.economy import Observation
from fisc.core.errors import ConfigError
from fisc.core.policy import Decision, Policy
from fisc.core.spaces import Box, Discrete
from fisc.econ import brackets
from fisc.economies.one_step.economy import OneStep


def continuous_hours(
    skills: Float[Array, " n"],
    cutoffs: Float[Array, " b"],
    rates: Float[Array, " b"],
    cost: Float[Array, ""],
    exponent: Float[Array, ""],
    max_hours: float,
) -> Float[Array, " n"]:
    """Best hours in [0, max_hours], in closed form; differentiable in the rates almost everywhere.

    Inside bracket b the first-order condition (1 - rate_b)·s = c·d·h^(d - 1) has one solution, and utility is concave
    there; so the best point of the closed bracket is that solution clipped to the bracket. The best bracket wins, the
    lower one if two are equal. With falling rates there are several local optima, hence the comparison.
    """
    skill = jnp.maximum(skills, 1e-12)[:, None]
    net = jnp.maximum((1.0 - rates)[None, :] * skill / (cost * exponent), 1e-30)
    upper = jnp.concatenate([cutoffs[1:], jnp.full((1,), jnp.inf, cutoffs.dtype)])
    most = jnp.full_like(skill, max_hours)
    low = jnp.minimum(cutoffs[None, :] / skill, most)
    high = jnp.minimum(upper[None, :] / skill, most)
    hours = jnp.clip(net ** (1.0 / (exponent - 1.0)), low, high)
    below = jnp.concatenate([jnp.zeros((1,), rates.dtype), jnp.cumsum(rates[:-1] * jnp.diff(cutoffs))])
    income = skill * hours
    tax = below[None, :] + rates[None, :] * (income - jnp.minimum(cutoffs[None, :], income))
    payoff = income - tax - cost * hours**exponent
    # A bracket that lies beyond the most a citizen can earn collapses to its cap and would be mistaxed: leave it out.
    reachable = cutoffs[None, :] <= skill * most
    best = jnp.argmax(jnp.where(reachable, payoff, -jnp.inf), axis=1)
    return jnp.take_along_axis(hours, best[:, None], axis=1)[:, 0]


def grid_hours(
    skills: Float[Array, " n"],
    cutoffs: Float[Array, " b"],
    rates: Float[Array, " b"],
    cost: Float[Array, ""],
    exponent: Float[Array, ""],
    hours: Float[Array, " g"],
) -> Shaped[Array, " n"]:
    """Index of the best hours on a grid, by enumeration; the lowest of equally good ones."""
    income = skills[:, None] * hours[None, :]
    payoff = income - brackets.tax_due(income, cutoffs, rates) - (cost * hours**exponent)[None, :]
    return jnp.argmax(payoff, axis=1).astype(jnp.int32)


def require_exact(economy: OneStep) -> None:
    """Refuse preferences under which the best hours depend on the lump sum, and so on everybody else.

    Raises:
        ConfigError: if the preferences have an income effect.
    """
    if economy.preferences.has_income_effect:
        name = type(economy.preferences).__name__
        raise ConfigError(
            f"exact best responses need preferences without income effects, not {name}: "
            "set utility to 'quasi_linear' or 'log_net', or let citizens learn"
        )


def best_actions(economy: OneStep, skills: Float[Array, " n"], rates: Float[Array, " b"]) -> Shaped[Array, "n ..."]:
    """Every citizen's best action under `rates` in the economy's own action space."""
    cutoffs = economy.tax.cutoffs.astype(skills.dtype)
    preferences = economy.preferences
    if isinstance(economy.labor, Discrete):
        hours = jnp.arange(economy.labor.size, dtype=skills.dtype) * economy.labor_unit
        return grid_hours(skills, cutoffs, rates, preferences.cost, preferences.exponent, hours)
    hours = continuous_hours(skills, cutoffs, rates, preferences.cost, preferences.exponent, economy.labor.high)
    return hours[:, None]


class BestResponse(Policy):
    """Citizens who solve their own problem exactly, from what they observe: their skill and the announced rates."""

    economy: OneStep

    def act(self, key, observation: Observation) -> Decision:
        """The best legal action. `key`: not needed."""
        action = self.act_greedily(observation)
        zeros = jnp.zeros(action.shape[0], observation.features["own"].dtype)
        return Decision(action, action, zeros, zeros)

    def act_greedily(self, observation: Observation):
        """The best legal action: nothing where work is not allowed."""
        skills = observation.features["own"][:, 0] * self.economy.skill_scale
        action = best_actions(self.economy, skills, observation.features["rates"][0])
        is_open = observation.mask[:, -1]
        idle = jnp.zeros_like(action)
        return jnp.where(is_open if isinstance(self.economy.labor, Discrete) else is_open[:, None], action, idle)


class Outcome(eqx.Module):
    """What a schedule brings about when everybody responds to it as well as possible. Money in coin."""

    income: Float[Array, " n"]
    hours: Float[Array, " n"]
    tax: Float[Array, " n"]
    consumption: Float[Array, " n"]
    utility: Float[Array, " n"]
    welfare: Float[Array, ""]


def outcome(economy: OneStep, rates: Float[Array, " b"]) -> Outcome:
    """Best responses, taxes, lump sum and welfare under `rates`, without playing an episode.

    Differentiable in `rates` if labor is continuous: at a bunching point hours do not move, and citizens who would jump
    between brackets are a null set (of a continuum; with few citizens finish with a search, as `solve` does).
    """
    require_exact(economy)
    action = best_actions(economy, economy.skills, rates)
    is_box = isinstance(economy.labor, Box)
    hours = action[:, 0] if is_box else action.astype(rates.dtype) * economy.labor_unit
    income = hours * economy.skills
    tax = brackets.tax_due(income, economy.tax.cutoffs.astype(rates.dtype), rates)
    consumption = income - tax + jnp.mean(tax)
    utility = economy.preferences.utility(consumption, hours, jnp.ones((), rates.dtype))
    return Outcome(income, hours, tax, consumption, utility, economy.objective(consumption, utility, income))
