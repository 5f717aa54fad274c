"""The trade-off between equality and productivity: one planner that has learned all of it, and the exact frontier.

Nothing here knows an economy: who can be told a weight of equality says so by `Economy.under`, and what is known
exactly is asked of the kind of economy.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl

from fisc.analysis.frontier import METRICS_OF_FRONTIER
from fisc.learning.two_level import TrainState
from fisc.records.store import RunFolder
from fisc.scenarios import build
from fisc.scenarios.config import Scenario
from fisc.scenarios.evaluation import World, play_world
from fisc.scenarios.plan import Plan
from fisc.scenarios.worlds import RATES

EXACT = "optimum"
"""The arm that the exact frontier is recorded under."""
MIXED = ("productivity", "equality_times_productivity")
"""What welfare is a mixture of: the first for a weight of 0, the second for 1."""


def weights_of(scenario: Scenario) -> tuple[float, ...]:
    """Weights of equality at which the frontier is traced; empty without one."""
    return tuple(float(weight) for weight in np.linspace(0.0, 1.0, scenario.frontier.weights).round(6))


def solve_frontier(planned: Plan, folder: RunFolder, note: Callable[[str], None]) -> dict[tuple[float, int], World]:
    """Find the best schedule for every weight and seed; results are kept for a resumed run.

    Returns:
        By weight and seed; empty without a frontier, and where best responses are not known exactly.
    """
    scenario = planned.scenario
    if not scenario.frontier.weights:
        return {}
    if scenario.economy.inexact("the exact frontier") is not None:
        note("the exact frontier is left out: best responses are not known exactly in this economy")
        return {}
    known, worlds = folder.read_json(RATES), {}
    for seed in planned.seeds:
        people = build.population(scenario, seed)
        for weight in weights_of(scenario):
            key = f"{EXACT}/{seed}/equality_weight={weight:g}"
            if key not in known:
                note(f"solving the frontier, seed {seed}, weight {weight:g}")
                found = build.exact_rates(at_weight(scenario, weight), people, EXACT)
                known[key] = [float(rate) for rate in found]
                folder.write_json(RATES, known)
            worlds[weight, seed] = World(EXACT, seed, people, np.asarray(known[key]))
    return worlds


def at_weight(scenario: Scenario, weight: float) -> Scenario:
    """The scenario with this weight of equality in its objective.

    Raises:
        ConfigError: if its economy has no such weight.
    """
    return replace(scenario, economy=scenario.economy.weighing_equality(weight))


def evaluate_frontier(
    scenario: Scenario,
    worlds: list[World],
    trained: dict[tuple[str, int], TrainState],
    exact: dict[tuple[float, int], World],
    evaluation: pl.DataFrame,
) -> pl.DataFrame:
    """Play the planner at every weight, hold it against the exact frontier, and judge every other arm by each weight.

    Args:
        worlds: all arms and seeds of the comparison.
        trained: what learned, by arm and seed.
        exact: from `solve_frontier`.
        evaluation: rows `arm, seed, metric, value` of the comparison itself.

    Returns:
        Rows `arm, seed, weight, metric, value`.
    """
    rows, best = [], {}
    for (weight, seed), world in exact.items():
        metrics = play_world(scenario, world, {}, weight).metrics
        best[weight, seed] = metrics["welfare"]
        rows += [(EXACT, seed, weight, name, metrics[name]) for name in METRICS_OF_FRONTIER if name in metrics]
    for world in (world for world in worlds if world.arm != EXACT):
        is_told = build.make_tax(scenario, world.people, world.arm, world.rates).planner_space is not None
        fixed = {} if is_told else _numbers_of(evaluation, world)
        for weight in weights_of(scenario):
            metrics = play_world(scenario, world, trained, weight).metrics if is_told else _mixed(fixed, weight)
            if (weight, world.seed) in best:
                metrics |= {"fraction_of_optimum": metrics["welfare"] / best[weight, world.seed]}
            rows += [
                (world.arm, world.seed, weight, name, metrics[name]) for name in METRICS_OF_FRONTIER if name in metrics
            ]
    return pl.DataFrame(rows, schema=["arm", "seed", "weight", "metric", "value"], orient="row")


def _numbers_of(evaluation: pl.DataFrame, world: World) -> dict[str, float]:
    mine = evaluation.filter((pl.col("arm") == world.arm) & (pl.col("seed") == world.seed))
    return dict(mine.select("metric", "value").iter_rows())


def _mixed(metrics: dict[str, float], weight: float) -> dict[str, float]:
    """What an arm that is told nothing achieves by another weight: welfare is linear in it, episode by episode."""
    alone, shared = (metrics[name] for name in MIXED)
    return metrics | {"welfare": (1.0 - weight) * alone + weight * shared}
