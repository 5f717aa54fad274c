"""Evaluate arms: one greedy episode each, on the same people, held against exact best responses."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

from fisc.core.errors import DivergenceError
from fisc.core.knobs import full_knobs
from fisc.core.ledger import tolerance
from fisc.core.policy import Policy
from fisc.economies.one_step.best_response import BestResponse, outcome
from fisc.economies.one_step.economy import OneStep
from fisc.learning.rollout import evaluate_episode
from fisc.learning.two_level import TrainState
from fisc.scenarios import build
from fisc.scenarios.config import Scenario

NUM_GROUPS = 10
EVALUATION = 1_000_003
"""Number that sets the randomness of evaluation apart from that of training, which counts updates."""


@dataclass(frozen=True)
class World:
    """One arm with one seed, before training."""

    arm: str
    seed: int
    people: build.Population
    rates: np.ndarray | None
    """None for arms whose schedule is learned."""


@eqx.filter_jit
def _play(economy: OneStep, policies: dict[str, Policy], key: Any, state: Any) -> Any:
    final, residual = evaluate_episode(economy, policies, key, state, full_knobs())
    return economy.metrics(final), economy.accounts(final), final.treasury.rates, residual


def evaluate(
    scenario: Scenario, worlds: list[World], trained: dict[tuple[str, int], TrainState]
) -> dict[str, pl.DataFrame]:
    """Play one greedy episode of every arm and seed; everything is measured on the same people."""
    learners = build.make_learners(scenario)
    evaluation, schedules, groups, welfare = [], [], [], {}
    for world in worlds:
        tax = build.make_tax(scenario, world.people, world.arm, world.rates)
        economy = build.make_economy(scenario, world.people, tax)
        run = trained.get((world.arm, world.seed))
        # The same for every arm of a seed: arms are compared on the same people and the same luck.
        key_init, key_reset, key_play = jax.random.split(jax.random.fold_in(jax.random.key(world.seed), EVALUATION), 3)
        state = economy.init(key_init)
        policies: dict[str, Policy] = {"citizen": BestResponse(economy)}
        if run is not None:
            policies = {role: learners[role].policy(run.learners[role]) for role in economy.spec.roles}
            state = economy.reset(key_reset, jax.tree.map(lambda x: x[0], run.environments))
        metrics, accounts, rates, residual = _play(economy, policies, key_play, state)
        if not float(residual) <= tolerance(economy.skills.dtype):
            raise DivergenceError(
                f"evaluation stopped: the ledger does not balance (residual {float(residual):.3g}) in arm {world.arm}, "
                f"seed {world.seed}"
            )
        rates = np.asarray(rates, float)
        metrics = {name: float(value) for name, value in metrics.items()} | _exact_checks(economy, accounts, rates)
        welfare[world.arm, world.seed] = metrics["welfare"]
        evaluation += [(world.arm, world.seed, name, value) for name, value in metrics.items()]
        cutoffs = np.asarray(tax.cutoffs, float)
        schedules += [
            (world.arm, world.seed, b, float(c), float(np.clip(r, 0.0, 1.0)))
            for b, (c, r) in enumerate(zip(cutoffs, rates, strict=True))
        ]
        groups += _deciles(world, {name: np.asarray(value, float) for name, value in accounts.items()})
    for (arm, seed), value in welfare.items():
        evaluation += _against(welfare, scenario, arm, seed, value)
    return {
        "evaluation": pl.DataFrame(evaluation, schema=["arm", "seed", "metric", "value"], orient="row"),
        "schedules": pl.DataFrame(schedules, schema=["arm", "seed", "bracket", "cutoff", "rate"], orient="row"),
        "groups": pl.DataFrame(groups, schema=["arm", "seed", "group", "metric", "value"], orient="row"),
    }


def _exact_checks(economy: OneStep, accounts: dict[str, Any], rates: np.ndarray) -> dict[str, float]:
    """Hold learned citizens against exact ones: what each could still gain, and the welfare if everybody did."""
    if economy.preferences.has_income_effect:
        return {}
    best = outcome(economy, jnp.asarray(rates, economy.skills.dtype))
    consumption = best.income - best.tax + accounts["transfer"]
    reachable = economy.preferences.utility(consumption, best.hours, jnp.ones((), best.hours.dtype))
    gap = jnp.mean(jnp.maximum(0.0, reachable - accounts["utility"]))
    return {"best_response_gap": float(gap), "welfare_if_exact": float(best.welfare)}


def _against(welfare: dict, scenario: Scenario, arm: str, seed: int, value: float) -> list[tuple]:
    """Welfare relative to the exact optimum or, where utility is a logarithm, to current law in consumption terms.

    A share of a logarithm means nothing: it depends on the unit of money.
    """
    best, law = welfare.get(("optimum", seed)), welfare.get(("us_federal", seed))
    if scenario.economy.utility == "log_net":
        is_log = law is not None and scenario.objective in (
            "utilitarian",
            "inverse_income_weighted_utility",
            "rawlsian",
        )
        return [(arm, seed, "consumption_equivalent", float(np.expm1(value - law)))] if is_log else []
    return [(arm, seed, "fraction_of_optimum", value / best)] if best is not None and best > 0 else []


def _deciles(world: World, accounts: dict[str, np.ndarray]) -> list[tuple]:
    """Means by tenth of the people in order of skill (they are sorted), the same people in every arm."""
    rows = []
    for name, values in accounts.items():
        for group, part in enumerate(np.array_split(values, NUM_GROUPS)):
            if len(part) and name not in ("average_rate",):
                rows.append((world.arm, world.seed, group, name, float(part.mean())))
    totals = zip(
        np.array_split(accounts["tax"], NUM_GROUPS), np.array_split(accounts["income"], NUM_GROUPS), strict=True
    )
    for group, (tax, income) in enumerate(totals):
        if len(tax):
            rate = float(tax.sum() / max(income.sum(), 1e-9))
            rows.append((world.arm, world.seed, group, "average_rate", rate))
    return rows
