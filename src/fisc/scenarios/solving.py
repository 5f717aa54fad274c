"""`fisc solve`: what can be known without learning."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from fisc.economies.one_step.best_response import outcome
from fisc.economies.one_step.solve import solve, solve_on_grid
from fisc.scenarios import build
from fisc.scenarios.config import Scenario
from fisc.scenarios.registry import load_scenario
from fisc.taxes.fixed import fixed


@dataclass(frozen=True)
class Solved:
    """Schedules that are known exactly, with their welfare. Rates and welfare by name."""

    cutoffs: np.ndarray
    rates: dict[str, np.ndarray]
    welfare: dict[str, float]
    starts: tuple[float, ...]
    """Welfare that the search for the optimum reached from each starting point."""


def solve_scenario(scenario: Scenario | str, seed: int = 0, num_starts: int = 5) -> Solved:
    """Solve the planner problem of a scenario (or of the preset or file of that name) exactly, in float64.

    Raises:
        ConfigError: if the population cannot be made, or best responses are not exact.
    """
    if isinstance(scenario, str):
        scenario = load_scenario(scenario)
    people = build.population(scenario, seed)
    with jax.enable_x64(True):
        economy = build.make_economy(scenario, people, fixed(people.cutoffs, np.zeros(len(people.cutoffs))))
        found = {"free market": np.zeros(len(people.cutoffs))}
        if not np.isnan(people.law_rates).any():
            found["US law"] = people.law_rates
        best = solve(economy, num_starts)
        found["Saez"] = build.solve_saez(scenario, economy)
        starts = best.starts
        if scenario.taxes.planner == "grid":
            grid = solve_on_grid(economy, scenario.taxes.rate_step, num_starts)
            found["optimum (grid)"], starts = grid.rates, grid.starts
        found["optimum"] = best.rates
        welfare = {name: float(outcome(economy, jnp.asarray(rates)).welfare) for name, rates in found.items()}
    return Solved(people.cutoffs, found, welfare, starts)
