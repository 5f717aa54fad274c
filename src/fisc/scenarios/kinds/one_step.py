"""The one-step economy of a scenario: its people, its exact solutions, and what learned play is held against."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.errors import ConfigError, DivergenceError
from fisc.core.spaces import Box, Discrete
from fisc.economies.one_step.best_response import BestResponse, outcome, require_exact
from fisc.economies.one_step.economy import OneStep
from fisc.economies.one_step.preferences import Isoelastic, LogNet, Preferences, QuasiLinear
from fisc.economies.one_step.solve import solve, solve_flat, solve_on_grid, weights_of
from fisc.scenarios import us_workers
from fisc.scenarios.config import Scenario
from fisc.scenarios.kinds import law
from fisc.scenarios.kinds.kind import Kind, People, Solved
from fisc.taxes.fixed import fixed
from fisc.taxes.saez_theory import saez_rates

SAMPLE_ROWS = 1000
"""Draws that the reference program averages for every rank of skill."""

SAEZ_GAP = 0.02
"""Largest move of a rate in one more undamped step at which the fixed point counts as found; with few workers, or labor
on a grid, incomes jump and the last digits never rest."""
SAEZ_WIDENING = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
"""Multiples of taxes.saez_bandwidth that are tried in turn."""


@dataclass(frozen=True)
class Workers(People):
    """Workers in ascending order of skill."""

    skills: np.ndarray
    """Coin per hour."""
    labor_cost: float


class OneStepKind(Kind):
    """Workers who choose hours once; everything can be solved exactly, unless there is an income effect."""

    def people(self, scenario, seed):
        """Workers drawn from a law, listed, or recovered from US wages."""
        config = scenario.economy
        cutoffs, law_rates = law.brackets_of(scenario)
        if config.workers < len(cutoffs):
            raise ConfigError(
                f"economy.workers is {config.workers}: {len(cutoffs)} tax brackets need at least as many workers"
            )
        rng = np.random.default_rng(seed)
        if config.skills == "us_wages":
            us_law = law.law_of(scenario)
            wages = us_workers.wage_quantiles(config.year, config.status, config.workers, rng)
            recovered = us_workers.recover_skills(
                wages, np.asarray(us_law.cutoffs), np.asarray(us_law.rates), config.elasticity, median_labor=1.0
            )
            _check_cap(scenario, wages / np.asarray(recovered.skills), max(us_law.rates))
            return Workers(cutoffs, law_rates, np.asarray(recovered.skills), float(recovered.labor_cost))
        return Workers(cutoffs, law_rates, _skills(scenario, rng), config.labor_cost)

    def economy(self, scenario, people, tax):
        """The economy of these workers."""
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
            objective=law.objective_of(scenario.objective, config.gini, config.equality_weight),
            labor=labor,
            num_incomes_seen=config.seen_incomes,
            planner_sees_citizens=config.planner_sees_citizens,
            gini_convention=config.gini,
            money=scenario.money,
            hours_per_labor=us_workers.HOURS_PER_FULL_TIME_YEAR if is_us else 1.0,
        )

    def search(self, scenario, people, arm):
        """The best flat rate, the Saez formula's fixed point or the optimum on the arm's brackets."""
        economy = self.economy(scenario, people, fixed(people.cutoffs, np.zeros(len(people.cutoffs))))
        require_exact(economy)
        if arm == "flat":
            return solve_flat(economy).rates
        if arm == "saez":
            return solve_saez(scenario, economy)
        if scenario.taxes.planner == "grid":
            return solve_on_grid(economy, scenario.taxes.rate_step).rates
        return solve(economy).rates

    def solve(self, scenario, people, num_starts):
        """Free market, law, Saez formula and optimum with their welfare."""
        with jax.enable_x64(True):
            economy = self.economy(scenario, people, fixed(people.cutoffs, np.zeros(len(people.cutoffs))))
            found = {"free market": np.zeros(len(people.cutoffs))}
            if not np.isnan(people.law_rates).any():
                found["US law"] = people.law_rates
            best = solve(economy, num_starts=num_starts)
            found["Saez"] = solve_saez(scenario, economy)
            starts = best.starts
            if scenario.taxes.planner == "grid":
                grid = solve_on_grid(economy, scenario.taxes.rate_step, num_starts=num_starts)
                found["optimum (grid)"], starts = grid.rates, grid.starts
            found["optimum"] = best.rates
            welfare = {name: float(outcome(economy, jnp.asarray(rates)).welfare) for name, rates in found.items()}
        return Solved(people.cutoffs, found, welfare, starts)

    def exact_citizens(self, economy):
        """Best responses; None with an income effect."""
        return BestResponse(economy) if not economy.preferences.has_income_effect else None

    def checks(self, economy, accounts, rates):
        """What each worker could still gain, and the welfare if everybody were exact."""
        if economy.preferences.has_income_effect:
            return {}
        best = outcome(economy, jnp.asarray(rates, economy.skills.dtype))
        consumption = best.income - best.tax + accounts["transfer"]
        reachable = economy.preferences.utility(consumption, best.hours, jnp.ones((), best.hours.dtype))
        gap = jnp.mean(jnp.maximum(0.0, reachable - accounts["utility"]))
        return {"best_response_gap": float(gap), "welfare_if_exact": float(best.welfare)}

    def relative(self, scenario, value, best, current):
        """Where utility is a logarithm, in consumption terms: a share of it depends on the unit of money."""
        if scenario.economy.utility != "log_net":
            return super().relative(scenario, value, best, current)
        is_log = scenario.objective in ("utilitarian", "inverse_income_weighted_utility", "rawlsian")
        return {"consumption_equivalent": float(np.expm1(value - current))} if is_log and current is not None else {}


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


def _preferences(scenario: Scenario, people: Workers) -> Preferences:
    config = scenario.economy
    cost, exponent = jnp.asarray(people.labor_cost, float), jnp.asarray(config.labor_exponent, float)
    if config.utility == "isoelastic":
        return Isoelastic(cost, exponent, jnp.asarray(config.eta, float))
    return (QuasiLinear if config.utility == "quasi_linear" else LogNet)(cost, exponent)


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
