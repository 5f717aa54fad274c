"""Evaluate arms: episodes on the same people with the same luck, held against exact best responses where there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import numpy as np
import polars as pl

from fisc.core.economy import Economy
from fisc.core.errors import DivergenceError
from fisc.core.knobs import full_knobs
from fisc.core.ledger import tolerance
from fisc.core.policy import Policy
from fisc.learning.rollout import play_actions, play_episodes
from fisc.learning.two_level import TrainState
from fisc.records.schema import INCOME, TABLES
from fisc.scenarios import build
from fisc.scenarios.config import Scenario
from fisc.scenarios.kinds.kind import People

NUM_GROUPS = 10
EVALUATION = 1_000_003
"""Number that sets the randomness of evaluation apart from that of training, which counts updates."""
COURSE = EVALUATION + 3
"""The same for the episode that is told firm by firm; best responses have the two numbers between."""


@dataclass(frozen=True)
class World:
    """One arm with one seed, before training."""

    arm: str
    seed: int
    people: People
    rates: np.ndarray | None
    """None for arms whose schedule is learned."""


@dataclass(frozen=True)
class Played:
    """What happened in the evaluation of one arm and seed: means over its episodes."""

    metrics: dict[str, float]
    accounts: dict[str, np.ndarray]
    """Person by person, in the order of `Kind.rank`."""
    cutoffs: np.ndarray
    rates: np.ndarray
    """Marginal rates by bracket."""
    occupancy: np.ndarray
    """Share of incomes that ended in each bracket."""
    other_rates: dict[str, float] = field(default_factory=dict)
    """The rate on what is taxed beside incomes, by tax base."""
    firms: dict[str, np.ndarray] = field(default_factory=dict)
    """The course of one more episode firm by firm, [steps, firms] by metric; empty where there are none."""


@eqx.filter_jit
def _play(economy: Economy, policies: dict[str, Policy], key: Any, states: Any, kind: build.Kind) -> Any:
    """Play an episode from each state: metrics, accounts, taxes (rates, occupancy, other rates), largest residual."""
    played = play_episodes(economy, policies, key, states, full_knobs())
    metrics = jax.vmap(economy.metrics)(played.state)
    accounts = jax.vmap(lambda state: in_order(kind, economy.accounts(state)))(played.state)
    of_taxes = (kind.schedule_of, kind.occupancy_of, kind.other_rates_of)
    taxes = jax.vmap(lambda state: tuple(of(economy, state) for of in of_taxes))(played.state)
    return metrics, accounts, taxes, played.residual


@eqx.filter_jit
def _follow(economy: Economy, policies: dict[str, Policy], key: Any, start: Any, kind: build.Kind) -> Any:
    """Play one episode: what every firm does, [steps, firms] by metric. `key`: consumed."""
    key_act, key_world = jax.random.split(key)
    actions, knobs = play_actions(economy, policies, start, key_act, key_world), full_knobs()

    def step(state, inputs):
        """Go on by the actions, with the draws that they met."""
        index, action = inputs
        after = economy.step(jax.random.fold_in(key_world, index), state, action, knobs)
        return after.state, kind.of_firms(economy, state, action, knobs)

    return jax.lax.scan(step, start, (jax.numpy.arange(economy.spec.steps), actions))[1]


def in_order(kind: build.Kind, accounts: dict[str, Any]) -> dict[str, Any]:
    """Accounts with the person first who comes first by the kind's order: the least skilled, in most economies."""
    order = jax.numpy.argsort(kind.rank(accounts), stable=True)
    return {name: value[order] for name, value in accounts.items()}


def evaluate(
    scenario: Scenario, worlds: list[World], trained: dict[tuple[str, int], TrainState]
) -> dict[str, pl.DataFrame]:
    """Play the scenario's episodes of every arm and seed; everything is measured on the same people."""
    evaluation, schedules, groups, firms, welfare = [], [], [], [], {}
    for world in worlds:
        played = play_world(scenario, world, trained)
        welfare[world.arm, world.seed] = played.metrics["welfare"]
        evaluation += [(world.arm, world.seed, name, value) for name, value in played.metrics.items()]
        schedules += _schedule(world, played)
        groups += _by_group(world, played.accounts)
        firms += [
            (world.arm, world.seed, firm, quarter, name, float(value))
            for name, course in played.firms.items()
            for (quarter, firm), value in np.ndenumerate(course)
        ]
    kind = build.kind_of(scenario)
    for (arm, seed), value in welfare.items():
        relative = kind.relative(scenario, value, welfare.get(("optimum", seed)), welfare.get(("us_federal", seed)))
        evaluation += [(arm, seed, name, share) for name, share in relative.items()]
    tables = {"firms": pl.DataFrame(firms, schema=list(TABLES["firms"].columns), orient="row")} if firms else {}
    return tables | {
        "evaluation": pl.DataFrame(evaluation, schema=["arm", "seed", "metric", "value"], orient="row"),
        "schedules": pl.DataFrame(schedules, schema=list(TABLES["schedules"].columns), orient="row"),
        "groups": pl.DataFrame(groups, schema=["arm", "seed", "group", "metric", "value"], orient="row"),
    }


def play_world(
    scenario: Scenario, world: World, trained: dict[tuple[str, int], TrainState], weight: float | None = None
) -> Played:
    """Means over the episodes of one arm and seed.

    Args:
        trained: what learned, by arm and seed; who is not in it answers exactly.
        weight: how much equality counts, and what the planner is told; by default as the scenario says.

    Raises:
        DivergenceError: a ledger that does not balance.
    """
    economy, _ = _judged(scenario, world, weight)
    kind, run = build.kind_of(scenario), trained.get((world.arm, world.seed))
    if run is None:
        return play_policies(scenario, world, {kind.people_role: kind.exact_citizens(economy)}, None, weight)
    learners = build.make_learners(scenario)
    policies = {
        role: build.judged_policy(scenario, role, learners[role].policy(run.learners[role]))
        for role in economy.spec.roles
    }
    return play_policies(scenario, world, policies, jax.tree.map(lambda x: x[0], run.environments), weight)


def play_policies(
    scenario: Scenario, world: World, policies: Mapping[str, Policy], earlier: Any, weight: float | None = None
) -> Played:
    """Means over the scenario's episodes by given policies.

    Args:
        earlier: a state whose institutions have learned; None for fresh ones.
        weight: see `play_world`.

    Raises:
        DivergenceError: a ledger that does not balance.
    """
    kind, num = build.kind_of(scenario), scenario.evaluation.episodes
    economy, cutoffs = _judged(scenario, world, weight)
    # The same for every arm of a seed: arms are compared on the same people and the same luck.
    key_init, key_reset, key_play = jax.random.split(jax.random.fold_in(jax.random.key(world.seed), EVALUATION), 3)
    before = (lambda: economy.init(key_init)) if earlier is None else (lambda: earlier)
    states = jax.vmap(lambda key: economy.reset(key, before()))(jax.random.split(key_reset, num))
    metrics, accounts, (rates, occupancy, others), residual = _play(economy, dict(policies), key_play, states, kind)
    worst = float(residual.max())
    if not worst <= tolerance(rates.dtype):
        raise DivergenceError(
            f"evaluation stopped: the ledger does not balance (residual {worst:.3g}) in arm {world.arm}, "
            f"seed {world.seed}"
        )
    means = {name: np.asarray(value, float).mean(axis=0) for name, value in accounts.items()}
    schedule = np.asarray(rates, float).mean(axis=0)
    numbers = {name: float(np.asarray(value, float).mean()) for name, value in metrics.items()}
    numbers.setdefault(scenario.headline, numbers["welfare"])
    shares = np.asarray(occupancy, float).mean(axis=0)
    firms = {}
    if kind.has_firms:
        start = jax.tree.map(lambda x: x[0], states)
        key = jax.random.fold_in(jax.random.key(world.seed), COURSE)
        firms = jax.device_get(_follow(economy, dict(policies), key, start, kind))
    others = {base: float(np.asarray(rate, float).mean()) for base, rate in others.items()}
    return Played(numbers | kind.checks(economy, means, schedule), means, cutoffs, schedule, shares, others, firms)


def _judged(scenario: Scenario, world: World, weight: float | None) -> tuple[Economy, np.ndarray]:
    """A world's economy as it is judged, and where its tax brackets begin."""
    tax = build.make_tax(scenario, world.people, world.arm, world.rates)
    return build.judged_economy(scenario, world.people, tax, weight), np.asarray(tax.cutoffs, float)


def _schedule(world: World, played: Played) -> list[tuple]:
    """Rows of the table of schedules."""
    rows = [
        (INCOME, b, float(cutoff), _fraction(rate), float(share))
        for b, (cutoff, rate, share) in enumerate(zip(played.cutoffs, played.rates, played.occupancy, strict=True))
    ]
    rows += [(base, 0, 0.0, _fraction(rate), None) for base, rate in played.other_rates.items()]
    return [(world.arm, world.seed, *row) for row in rows]


def _fraction(rate: float) -> float:
    return float(np.clip(rate, 0.0, 1.0))


def _by_group(world: World, accounts: dict[str, np.ndarray]) -> list[tuple]:
    """Means by tenth of the people in their order, the same people in every arm; one by one if they are fewer.

    Who earns nothing has no average rate (NaN).
    """
    num = min(NUM_GROUPS, len(next(iter(accounts.values()))))
    split = {name: np.array_split(values, num) for name, values in accounts.items()}
    split["average_rate"] = [
        np.atleast_1d(tax.sum() / income.sum() if income.sum() > 0 else np.nan)
        for tax, income in zip(split["tax"], split["income"], strict=True)
    ]
    return [
        (world.arm, world.seed, group, name, float(part.mean()))
        for name, parts in split.items()
        for group, part in enumerate(parts)
    ]
