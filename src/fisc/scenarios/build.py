"""From plain data to a world: the only place that knows economies, tax systems and learners at once.

Everything exact (calibration, optimum, Saez fixed point) is computed in float64; training runs in float32.
"""

import importlib.util
import traceback
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.errors import ConfigError, DivergenceError
from fisc.core.policy import Learner, scripted
from fisc.core.spaces import Box, Discrete
from fisc.core.tax import TaxSystem
from fisc.econ import brackets, welfare
from fisc.economies.one_step.best_response import BestResponse, require_exact
from fisc.economies.one_step.economy import Objective, OneStep
from fisc.economies.one_step.preferences import Isoelastic, LogNet, Preferences, QuasiLinear
from fisc.economies.one_step.solve import solve, solve_flat, solve_on_grid, weights_of
from fisc.learning.curriculum import Phases, RoleSchedule
from fisc.learning.ppo import Settings, ppo
from fisc.learning.two_level import TwoLevel
from fisc.policies.actor_critic import make_policy, set_scale
from fisc.scenarios import us_workers
from fisc.scenarios.config import BudgetConfig, RoleConfig, Scenario
from fisc.scenarios.registry import check_arm
from fisc.taxes.fixed import check_cutoffs, check_schedule, fixed
from fisc.taxes.planner import PlannerContinuous, PlannerGrid
from fisc.taxes.saez import WINDOW, saez_estimated
from fisc.taxes.saez_theory import saez_rates
from fisc.taxes.us_federal import Law, load_law, resolve_law_name

SAMPLE_ROWS = 1000
"""Draws that the reference program averages for every rank of skill."""

SAEZ_GAP = 0.02
"""Largest move of a rate in one more undamped step at which the fixed point counts as found; with few workers, or labor
on a grid, incomes jump and the last digits never rest."""
SAEZ_WIDENING = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
"""Multiples of taxes.saez_bandwidth that are tried in turn."""

OBJECTIVES: dict[str, Objective] = {
    "inverse_income_weighted_utility": welfare.inverse_income_weighted_utility,
    "inverse_income_weighted_coin": welfare.inverse_income_weighted_coin,
    "equality_times_productivity": welfare.equality_times_productivity,
    "utilitarian": welfare.utilitarian,
    "rawlsian": welfare.rawlsian,
    "productivity": welfare.productivity,
}


def _foundation_equality_times_productivity(consumption, utility, income):
    return welfare.equality_times_productivity(consumption, utility, income, convention="foundation")


def objective_of(scenario: Scenario) -> Objective:
    """The welfare function, with the Gini convention of the scenario."""
    if scenario.objective == "equality_times_productivity" and scenario.economy.gini == "foundation":
        return _foundation_equality_times_productivity
    return OBJECTIVES[scenario.objective]


@dataclass(frozen=True)
class Population:
    """The people of one seed, and the brackets they face, in float64."""

    skills: np.ndarray
    labor_cost: float
    cutoffs: np.ndarray
    law_rates: np.ndarray
    """US federal rates on these brackets."""


def population(scenario: Scenario, seed: int) -> Population:
    """Draw or calibrate the people of one seed.

    Raises:
        ConfigError: no law for the year, brackets that do not fit, fewer workers than brackets.
    """
    config = scenario.economy
    cutoffs, law_rates = _brackets(scenario)
    if config.workers < len(cutoffs):
        raise ConfigError(
            f"economy.workers is {config.workers}: {len(cutoffs)} tax brackets need at least as many workers"
        )
    rng = np.random.default_rng(seed)
    if config.skills == "us_wages":
        law = _law(scenario)
        wages = us_workers.wage_quantiles(config.year, config.status, config.workers, rng)
        recovered = us_workers.recover_skills(
            wages, np.asarray(law.cutoffs), np.asarray(law.rates), config.elasticity, median_labor=1.0
        )
        _check_cap(scenario, wages / np.asarray(recovered.skills), max(law.rates))
        return Population(np.asarray(recovered.skills), float(recovered.labor_cost), cutoffs, law_rates)
    return Population(_skills(scenario, rng), config.labor_cost, cutoffs, law_rates)


def _check_cap(scenario: Scenario, labor: np.ndarray, top_rate: float) -> None:
    """Refuse a cap on labor that would bind where nothing is taxed: wages would not be those that were observed."""
    config = scenario.economy
    most = float(labor.max()) * (1.0 / (1.0 - top_rate)) ** config.elasticity
    if most > config.max_labor:
        raise ConfigError(
            f"economy.max_labor is {config.max_labor:g} full-time years: with an elasticity of {config.elasticity:g} "
            f"the most productive worker may want {most:.3g}; set economy.max_labor to {np.ceil(most):g} or more"
        )


def _skills(scenario: Scenario, rng: np.random.Generator) -> np.ndarray:
    """Skills in ascending order, coin per hour.

    'lomax' averages, for each rank, 1,000 sorted draws of min(max_skill, (max_skill - 1)·x + 1) with x Lomax, as the
    reference program does; 'quantiles' takes the middle quantiles of the same law and needs no draw.
    """
    config = scenario.economy
    if config.skills == "list":
        return np.sort(np.asarray(config.skill_list, float))
    if config.skills == "quantiles":
        quantiles = (np.arange(config.workers) + 0.5) / config.workers
        lomax = (1.0 - quantiles) ** (-1.0 / config.pareto_parameter) - 1.0
        return np.minimum(config.max_skill, (config.max_skill - 1.0) * lomax + 1.0)
    lomax = rng.pareto(config.pareto_parameter, (SAMPLE_ROWS, config.workers))
    return np.sort(np.minimum(config.max_skill, (config.max_skill - 1.0) * lomax + 1.0), axis=1).mean(axis=0)


def _law(scenario: Scenario) -> Law:
    config, taxes = scenario.economy, scenario.taxes
    law = load_law(config.year, config.status) if config.skills == "us_wages" else resolve_law_name(taxes.law)
    return law.with_standard_deduction() if taxes.standard_deduction else law


def _brackets(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Cutoffs in coin, and US rates if the brackets are those of US law (NaN otherwise)."""
    taxes = scenario.taxes
    if taxes.brackets == "us_federal":
        law = _law(scenario)
        return np.asarray(law.cutoffs) / taxes.dollars_per_coin, np.asarray(law.rates)
    if taxes.brackets == "list":
        cutoffs = np.asarray(taxes.cutoffs, float)
        check_cutoffs(cutoffs)
    else:
        make = brackets.linear_cutoffs if taxes.brackets == "linear" else brackets.log_cutoffs
        cutoffs = np.asarray(make(taxes.num_brackets, taxes.top_cutoff), float)
    return cutoffs, np.full(len(cutoffs), np.nan)


def make_economy(scenario: Scenario, people: Population, tax: TaxSystem) -> OneStep:
    """The one-step economy of a scenario, in jax's current default precision."""
    config = scenario.economy
    real = partial(jnp.asarray, dtype=float)
    if config.labor == "grid":
        labor: Discrete | Box = Discrete(config.labor_steps + 1)
    else:
        labor = Box(0.0, config.max_labor, 1)
    is_us = config.skills == "us_wages"
    return OneStep(
        skills=real(people.skills),
        preferences=_preferences(scenario, people),
        tax=tax,
        labor_unit=real(config.max_labor / config.labor_steps),
        skill_scale=real(np.max(people.skills) if is_us else config.max_skill),
        objective=objective_of(scenario),
        labor=labor,
        num_incomes_seen=config.seen_incomes,
        planner_sees_citizens=config.planner_sees_citizens,
        gini_convention=config.gini,
        money=scenario.money,
        hours_per_labor=us_workers.HOURS_PER_FULL_TIME_YEAR if is_us else 1.0,
    )


def _preferences(scenario: Scenario, people: Population) -> Preferences:
    config = scenario.economy
    cost, exponent = jnp.asarray(people.labor_cost, float), jnp.asarray(config.labor_exponent, float)
    if config.utility == "isoelastic":
        return Isoelastic(cost, exponent, jnp.asarray(config.eta, float))
    return (QuasiLinear if config.utility == "quasi_linear" else LogNet)(cost, exponent)


def exact_rates(scenario: Scenario, people: Population, arm: str) -> np.ndarray | None:
    """Rates of an arm that can be known before anything is trained; None for arms that learn.

    Raises:
        ConfigError: if the arm needs exact best responses and the preferences do not allow them, or rates are missing.
    """
    num = len(people.cutoffs)
    if arm == "free_market":
        return np.zeros(num)
    if arm == "us_federal":
        if np.isnan(people.law_rates).any():
            raise ConfigError(
                "arm us_federal needs taxes.brackets = 'us_federal': the law's rates belong to its brackets"
            )
        return people.law_rates
    if arm == "fixed":
        if not scenario.taxes.fixed_rates:
            raise ConfigError(f"arm fixed needs taxes.fixed_rates, {num} rates in [0, 1]")
        check_schedule(people.cutoffs, scenario.taxes.fixed_rates)
        return np.asarray(scenario.taxes.fixed_rates)
    if arm == "flat" and scenario.taxes.flat_rate != "best":
        return np.full(num, scenario.taxes.flat_rate)
    if arm in ("flat", "saez", "optimum"):
        with jax.enable_x64(True):
            return _search(scenario, people, arm)
    return None


def _search(scenario: Scenario, people: Population, arm: str) -> np.ndarray:
    """Rates of an arm that solves something."""
    economy = make_economy(scenario, people, fixed(people.cutoffs, np.zeros(len(people.cutoffs))))
    require_exact(economy)
    if arm == "flat":
        return solve_flat(economy).rates
    if arm == "saez":
        return solve_saez(scenario, economy)
    if scenario.taxes.planner == "grid":
        return solve_on_grid(economy, scenario.taxes.rate_step).rates
    return solve(economy).rates


def solve_saez(scenario: Scenario, economy: OneStep) -> np.ndarray:
    """Rates of the Saez formula at its fixed point, with the scenario's elasticity.

    Few workers have no income distribution to speak of, and the iteration may jump between schedules for ever; then it
    is smoothed more, step by step, until it comes to rest.

    Raises:
        DivergenceError: if it never does.
    """
    given = scenario.taxes.saez_elasticity
    elasticity = economy.preferences.elasticity() if isinstance(given, str) else jnp.asarray(given, float)
    gaps = []
    for wider in SAEZ_WIDENING:
        bandwidth = scenario.taxes.saez_bandwidth * wider
        rates, gap = saez_rates(partial(weights_of, economy), economy.tax.cutoffs, elasticity, bandwidth)
        gaps.append(float(gap))
        if gaps[-1] < SAEZ_GAP:
            return np.asarray(rates)
    raise DivergenceError(
        f"the Saez formula does not come to rest, even smoothed over {bandwidth:g} in log income (one more step would "
        f"move a rate by {min(gaps):.3f}): take more workers, or a taxes.saez_bandwidth above {bandwidth:g}"
    )


def make_tax(scenario: Scenario, people: Population, arm: str, rates: np.ndarray | None) -> TaxSystem:
    """The tax system of an arm. `rates`: from `exact_rates`."""
    cutoffs = jnp.asarray(people.cutoffs, float)
    if rates is not None:
        return fixed(people.cutoffs, np.clip(rates, 0.0, 1.0))
    if arm == "planner":
        is_grid = scenario.taxes.planner == "grid"
        return PlannerGrid(cutoffs, scenario.taxes.rate_step) if is_grid else PlannerContinuous(cutoffs)
    if arm == "saez_estimated":
        given = scenario.taxes.saez_elasticity
        return saez_estimated(
            cutoffs,
            # Citizens are in order of skill: a window shorter than the population would see only the richest.
            window=max(WINDOW, scenario.economy.workers),
            num_environments=scenario.learning.environments,
            fixed_elasticity=None if isinstance(given, str) else given,
        )
    return _load_tax(check_arm(arm), cutoffs)


@lru_cache(maxsize=32)
def _load_module(path: str, source: bytes) -> ModuleType:
    """Run a user's file once, as long as it stays as it is: a class made twice is two, which jax cannot stack."""
    spec = importlib.util.spec_from_loader(Path(path).stem, loader=None, origin=path)
    module = importlib.util.module_from_spec(spec)
    module.__file__ = path
    exec(compile(source, path, "exec"), module.__dict__)
    return module


def _load_tax(arm: str, cutoffs: Any) -> TaxSystem:
    """Call the maker that 'FILE.py:FUNCTION' names with the cutoffs.

    Raises:
        ConfigError: whatever goes wrong in the user's file, with its line.
    """
    path, _, function = arm.partition(".py:")
    file = Path(f"{path}.py").resolve()
    try:
        module = _load_module(str(file), file.read_bytes())
        if not hasattr(module, function):
            raise ConfigError(f"arm '{arm}': {path}.py has no function '{function}'")
        system = getattr(module, function)(cutoffs)
    except ConfigError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        lines += [error.lineno] if isinstance(error, SyntaxError) else []
        where = f" (line {lines[-1]} of {file.name})" if lines else ""
        raise ConfigError(f"arm '{arm}': {type(error).__name__}: {error}{where}") from error
    if not isinstance(system, TaxSystem):
        kind = type(system).__name__
        raise ConfigError(f"arm '{arm}': {function}(cutoffs) must return a fisc.core.tax.TaxSystem, not {kind}")
    return system


def make_learners(scenario: Scenario) -> dict[str, Learner]:
    """A learner for each role."""
    learning = scenario.learning
    is_exact = learning.citizens == "best_response"
    return {
        "citizen": scripted(BestResponse) if is_exact else _ppo(learning.citizen),
        "planner": _ppo(learning.planner),
    }


def _ppo(config: RoleConfig) -> Learner:
    settings = Settings(
        learning_rate=config.learning_rate,
        discount=config.discount,
        trace=config.trace,
        epochs=config.epochs,
        minibatches=config.minibatches,
        clip=config.clip,
        kl_limit=config.kl_limit,
        max_gradient_norm=config.max_gradient_norm,
        per_agent=config.per_agent,
    )
    return ppo(settings, make_policy(config.hidden, config.head), set_scale)


def make_system(scenario: Scenario, budget: BudgetConfig, has_planner: bool) -> TwoLevel:
    """Two-level learning as the scenario describes it; without a planner citizens learn alone."""
    learning = scenario.learning
    roles = {"citizen": learning.citizen, **({"planner": learning.planner} if has_planner else {})}
    schedules = {
        name: RoleSchedule(
            entropy=(role.entropy, role.final_entropy),
            learning_rate=(1.0, role.final_learning_rate),
            joins_at=role.joins_at,
            settles_at=role.settles_at,
            starts_fresh=role.starts_fresh,
        )
        for name, role in roles.items()
    }
    curriculum = Phases(schedules, (learning.max_rate_start, 1.0), (learning.labor_cost_start, 1.0))
    return TwoLevel(
        make_learners(scenario),
        curriculum,
        budget.planner_updates if has_planner else budget.updates,
        learning.environments,
    )
