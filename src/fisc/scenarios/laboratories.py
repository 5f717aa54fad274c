"""The arm `laboratories`: a schedule is searched in economies side by side, and then given to citizens like others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from fisc.core.errors import ConfigError
from fisc.learning.two_level import TwoLevel
from fisc.records.store import RunFolder
from fisc.scenarios import build
from fisc.scenarios.evaluation import World
from fisc.scenarios.plan import Plan
from fisc.scenarios.registry import LABORATORIES
from fisc.scenarios.searches import Climb, Line, Search
from fisc.scenarios.training import Group, Report, checkpoint_of, train_group
from fisc.scenarios.worlds import keep_rates

SEARCHES: dict[str, type[Search]] = {"climb": Climb, "line": Line}


def search_all(
    planned: Plan,
    worlds: Sequence[World],
    begun: Mapping[int, Mapping[str, Any]],
    folder: RunFolder,
    say: Callable[[Report], None],
    note: Callable[[str], None],
) -> tuple[list[World], int]:
    """Find the schedules of all worlds that are found by trying, and keep them with those that were solved for.

    Args:
        begun: learners' states that the citizens of every version begin with, by seed and role; empty: new ones.

    Returns:
        All worlds, those with their schedule, and the environment steps of searching.

    Raises:
        DivergenceError: as in training; the state is saved.
        RunError: if a checkpoint is damaged, or a line has no direction.
    """
    found, courses, env_steps = [], [], 0
    for world in worlds:
        if world.arm == LABORATORIES:
            group = _search(planned, world, begun, folder, say, note)
            rates = group.adviser.schedule
            courses.append(group.adviser.course())
            env_steps += group.system.num_updates * group.steps_per_update + group.adviser.steps_asked
            if world.rates is None:
                world = replace(world, rates=rates)
                keep_rates(folder, world)
        found.append(world)
    if courses:
        folder.write_table("search", pl.concat(courses))
    return found, env_steps


def _search(
    planned: Plan,
    world: World,
    begun: Mapping[int, Mapping[str, Any]],
    folder: RunFolder,
    say: Callable[[Report], None],
    note: Callable[[str], None],
) -> Group:
    """Find a schedule for one seed, or go on finding it, or look up how it was found."""
    adviser = SEARCHES[planned.scenario.laboratories.search](planned, world)
    group = Group(
        f"{LABORATORIES}-seed-{world.seed}",
        adviser.jobs(),
        system(planned),
        adviser.config.block,
        begun={seed: dict(states) for seed, states in begun.items()},
        adviser=adviser,
    )
    if not checkpoint_of(group, folder).exists():
        adviser.prepare(begun.get(world.seed, {}), note)
    number = len(group.jobs)
    note(f"searching a schedule in {number} economies, seed {world.seed}: {adviser.num_updates} updates each")
    train_group(group, folder, say, note=note)
    found = zip(adviser.names, adviser.schedule, strict=True)
    note(f"found, seed {world.seed}: " + ", ".join(f"{100 * rate:.1f} % {name}" for name, rate in found))
    return group


def system(planned: Plan) -> TwoLevel:
    """How a version's citizens learn: as under a schedule that is given, in as many environments as it has.

    Raises:
        ConfigError: if they cannot.
    """
    number = planned.scenario.laboratories.environments
    learning = replace(planned.scenario.learning, environments=number)
    budget = replace(planned.budget, updates=planned.budget.num_search_updates)
    try:
        made = build.make_system(replace(planned.scenario, learning=learning), budget, has_government=False)
    except ConfigError as error:
        raise ConfigError(f"budgets.{planned.budget_name}.search_updates is {budget.updates}: {error}") from None
    return replace(made, num_watched=number)  # what a version is worth is all that is asked of it
