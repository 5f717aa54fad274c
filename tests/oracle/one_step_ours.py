"""The one-step economy of fisc, built from a configuration of the reference program and run in double precision."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.knobs import Knobs, full_knobs
from fisc.core.spaces import Discrete
from fisc.core.tax import TaxSystem
from fisc.econ import brackets, welfare
from fisc.economies.one_step import observe as see
from fisc.economies.one_step.economy import OneStep
from fisc.economies.one_step.preferences import Isoelastic, QuasiLinear
from fisc.economies.one_step.state import Draws
from fisc.taxes.fixed import Fixed, free_market
from fisc.taxes.planner import PlannerGrid
from fisc.taxes.saez import SaezEstimated, saez_estimated
from fisc.taxes.us_federal import FOUNDATION_2018_ALIAS, law_schedule, resolve_law_name

from .one_step_config import Setup

HOURS = Discrete(101)


def build(setup: Setup, skills: np.ndarray) -> OneStep:
    """Make the economy that the configuration describes, with the skills that the reference drew."""
    environment, n, period = setup.environment, len(skills), setup.tax["period"]
    return OneStep(
        skills=jnp.asarray(skills, float),
        preferences=_preferences(environment),
        tax=tax_system(setup),
        labor_unit=jnp.ones((), float),
        skill_scale=jnp.asarray(setup.labor["payment_max_skill_multiplier"], float),
        objective=_objective(environment),
        labor=HOURS,
        periods=environment["episode_length"] // period,
        steps_per_period=period,
        first_step_is_idle=setup.labor["mask_first_step"],
        num_incomes_seen=n,
        planner_sees_citizens=True,
        gini_convention="foundation",
    )


def tax_system(setup: Setup) -> TaxSystem:
    """Make the tax system of a configuration."""
    tax = setup.tax
    cutoffs = _cutoffs(tax)
    if tax["tax_model"] == "model_wrapper":
        return free_market(cutoffs) if tax["disable_taxes"] else PlannerGrid(cutoffs, float(tax["rate_disc"]))
    if tax["tax_model"] == "saez":
        return saez_estimated(
            cutoffs,
            fixed_elasticity=tax["saez_fixed_elas"],
            weight_type=tax["pareto_weight_type"],
            convention="foundation",
            rate_min=0.0 if tax["disable_taxes"] else float(tax["rate_min"]),
        )
    if tax["tax_model"] == "fixed-bracket-rates":
        return Fixed(cutoffs, jnp.asarray(tax["fixed_bracket_rates"], float))
    return law_schedule(resolve_law_name(FOUNDATION_2018_ALIAS), float(tax["usd_scaling"]))


def knobs_of(setup: Setup, economy: OneStep, completed: int) -> Knobs:
    """The ceiling on rates after so many completed episodes, by the reference's annealing schedule."""
    tax = setup.tax
    limit = 0.0 if tax["disable_taxes"] else float(tax["rate_max"])
    if tax["tax_annealing_schedule"] is not None:
        warmup, slope = tax["tax_annealing_schedule"]
        limit *= min(1.0, max(0.0, slope * (completed - warmup)))
    if isinstance(economy.tax, PlannerGrid):
        # The reference compares rates with the limit to the last bit, fisc allows for rounding: hand over a rate of the
        # grid, on which both agree.
        grid = np.arange(economy.tax.num_rates) * economy.tax.rate_step
        limit = grid[grid <= limit * grid[-1]].max()
    return eqx.tree_at(lambda k: k.max_rate, full_knobs(), jnp.asarray(limit, float))


class View(eqx.Module):
    """Everything that a comparison may want to know about a state."""

    citizen: Any
    """Observation of the citizens."""
    planner: dict[str, Any]
    """Blocks of the planner's observation, also where the tax system has no planner."""
    planner_mask: Any
    metrics: dict[str, Any]
    rates_in_force: Any


@eqx.filter_jit
def look(economy: OneStep, state, knobs: Knobs) -> View:
    """Observe and measure a state."""
    observations = economy.observe(state, knobs)
    citizen = observations["citizen"]
    if "planner" in observations:
        planner, mask = observations["planner"].features, observations["planner"].mask[0]
    else:
        planner, mask = _planner_blocks(economy, state, citizen.features), jnp.ones(1, bool)
    rates = economy.tax.rates(state.treasury.memory, knobs)
    return View(citizen, planner, mask, economy.metrics(state), rates)


@eqx.filter_jit
def first(economy: OneStep):
    """The state before the first episode."""
    return economy.init(jax.random.key(0))


@eqx.filter_jit
def again(economy: OneStep, state):
    """The state at the start of a later episode."""
    return economy.reset(jax.random.key(0), state)


@eqx.filter_jit
def advance(economy: OneStep, state, actions, shares, knobs: Knobs):
    """One step; `shares` are the reference's uniform draws."""
    draws = Draws(tax=shares if isinstance(economy.tax, SaezEstimated) else ())
    return economy.transition(state, actions, draws, knobs)


def _planner_blocks(economy: OneStep, state, public):
    """What a planner would see: the blocks of `economy.observe`, put together from the same parts."""
    cutoffs = economy.tax.cutoffs
    shown = eqx.tree_at(lambda s: s.treasury.rates, state, public["rates"][0])
    return {
        "calendar": public["calendar"],
        "rates": public["rates"],
        "last_incomes": public["last_incomes"],
        "aggregates": see.aggregates(state, economy.gini_convention),
        "citizens": see.citizens_one_by_one(shown, cutoffs, economy.steps_per_period),
    }


def _preferences(environment):
    cost = jnp.asarray(environment["labor_cost"], float)
    exponent = jnp.asarray(environment["labor_exponent"], float)
    if environment["agent_reward_type"] == "coin_minus_labor_cost":
        return QuasiLinear(cost, exponent)
    return Isoelastic(cost, exponent, jnp.asarray(environment["isoelastic_eta"], float))


def _objective(environment):
    if environment["planner_reward_type"] == "inv_income_weighted_utility":
        return welfare.inverse_income_weighted_utility
    mixing_weight = 1.0 - environment["mixing_weight_gini_vs_coin"]
    return partial(welfare.equality_times_productivity, mixing_weight=mixing_weight, convention="foundation")


def _cutoffs(tax):
    spacing = tax["bracket_spacing"].lower()
    if spacing == "us-federal":
        law = resolve_law_name(FOUNDATION_2018_ALIAS)
        return jnp.asarray(law.cutoffs, float) / float(tax["usd_scaling"])
    space = brackets.linear_cutoffs if spacing == "linear" else brackets.log_cutoffs
    return space(int(tax["n_brackets"]), float(tax["top_bracket_cutoff"]))
