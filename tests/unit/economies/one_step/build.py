"""One-step economies for tests: the published parameters, any skills and tax system."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.knobs import full_knobs
from fisc.core.spaces import Box, Discrete
from fisc.econ.welfare import inverse_income_weighted_utility
from fisc.economies.one_step.economy import OneStep
from fisc.economies.one_step.preferences import QuasiLinear
from fisc.taxes.planner import PlannerGrid

COST, EXPONENT, MAX_SKILL, MAX_HOURS = 0.0005, 3.5, 190.0, 100.0
"""Parameters of the published experiment; the elasticity of income is 1 / (3.5 - 1) = 0.4."""
CUTOFFS = np.array([0.0, 97.0, 394.75, 842.0, 1607.25, 2041.0, 5103.0])
"""Single filers of 2019 at 100 dollars a coin, as in the published experiment."""
US_RATES = np.array([0.10, 0.12, 0.22, 0.24, 0.32, 0.35, 0.37])
HOURS = Discrete(101)
FREE_HOURS = Box(0.0, MAX_HOURS, 1)


def quantile_skills(num: int = 100) -> np.ndarray:
    """Skills at the quantiles (i + 0.5)/num of 1 + 189·Lomax(8), capped at 190."""
    quantile = (np.arange(num) + 0.5) / num
    return np.minimum(MAX_SKILL, (MAX_SKILL - 1.0) * ((1.0 - quantile) ** -0.125 - 1.0) + 1.0)


def economy(skills, tax=None, *, labor=HOURS, preferences=None, **options) -> OneStep:
    """The published economy with these skills; a planner on the usual grid if no tax system is given."""
    options = {"objective": inverse_income_weighted_utility, "gini_convention": "foundation", **options}
    return OneStep(
        skills=jnp.asarray(skills, float),
        preferences=preferences or QuasiLinear(jnp.asarray(COST, float), jnp.asarray(EXPONENT, float)),
        tax=PlannerGrid(jnp.asarray(CUTOFFS, float)) if tax is None else tax,
        labor_unit=jnp.ones((), float),
        skill_scale=jnp.asarray(MAX_SKILL, float),
        labor=labor,
        **options,
    )


@eqx.filter_jit
def step(economy, state, actions, draws_key=None, knobs=None):
    """One compiled step."""
    key = jax.random.key(0) if draws_key is None else draws_key
    return economy.step(key, state, actions, full_knobs() if knobs is None else knobs)


@eqx.filter_jit
def start(economy):
    """The first state."""
    return economy.init(jax.random.key(0))


@eqx.filter_jit
def observe(economy, state, knobs=None):
    """What everybody sees."""
    return economy.observe(state, full_knobs() if knobs is None else knobs)
