"""The arm `laboratories`: a schedule is searched in economies side by side, and then given to citizens like any other.

Axes: `v` versions, `b` brackets.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from fisc.core.economy import Economy
from fisc.core.errors import ConfigError
from fisc.learning.two_level import TwoLevel
from fisc.records.store import RunFolder
from fisc.scenarios import build
from fisc.scenarios.evaluation import World
from fisc.scenarios.plan import Plan
from fisc.scenarios.registry import LABORATORIES
from fisc.scenarios.training import Group, Job, Report, train_group
from fisc.scenarios.worlds import keep_rates
from fisc.taxes.laboratories import slopes, steps, uphill, versions

LATEST = 20
"""Updates of a block, at its end, that say what a version is worth."""
FEW_MOVES = 10
"""With fewer a search says little."""


class Search:
    """Where the schedule stands, and what its versions have shown so far: told after every block of training.

    All it knows is kept in the checkpoint of the versions' learners: a search that goes on ends as it would have.
    """

    def __init__(self, planned: Plan, world: World):
        self.planned, self.world = planned, world
        self.config, self.num_updates = planned.scenario.laboratories, planned.budget.num_search_updates
        self.names = build.kind_of(planned.scenario).rate_names(world.people)
        self.schedule: Float[np.ndarray, " b"] = np.full(len(self.names), self.config.begins_at)
        self.heard: list[dict[str, Any]] = []
        """After each block: its last update, its schedule, and each version's welfare."""
        ends = [*range(self.config.block, self.num_updates, self.config.block), self.num_updates]
        listened = [end for end in ends[:-1] if end > self.config.listens_at * self.num_updates]
        sizes = steps(len(listened), self.config.memory, self.config.reach)
        self.steps = dict(zip(listened, sizes.tolist(), strict=True))
        """How far the schedule moves at most, by the update after which it does."""

    def jobs(self) -> list[Job]:
        """The versions at first, each with luck of its own."""
        return [Job(LABORATORIES, self.world.seed, economy, v) for v, economy in enumerate(self.economies())]

    def economies(self) -> list[Economy]:
        """Every version's economy as the schedule stands."""
        scenario, people = self.planned.scenario, self.world.people
        rates = versions(self.schedule, self.config.width)
        taxes = [build.make_tax(scenario, people, LABORATORIES, version) for version in rates]
        return [build.make_economy(scenario, people, tax) for tax in taxes]

    def hear(self, done: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Learn what versions were worth in the block that ends at `done`, and move. `metrics`: [version, update]."""
        welfare = metrics["welfare"][:, -LATEST:].mean(axis=1, dtype=float)
        self.heard.append({"update": done, "schedule": self.schedule.tolist(), "welfare": welfare.tolist()})
        if done in self.steps:
            found = np.stack([self._slopes(block) for block in self.heard if block["update"] in self.steps])
            self.schedule = np.clip(self.schedule + self.steps[done] * uphill(found, self.config.memory), 0.0, 1.0)

    def memory(self) -> dict[str, Any]:
        """All that it knows, as JSON has it."""
        return {"heard": self.heard, "schedule": self.schedule.tolist()}

    def recall(self, memory: dict[str, Any]) -> None:
        """Know again what it knew."""
        self.heard, self.schedule = list(memory["heard"]), np.asarray(memory["schedule"])

    def course(self) -> pl.DataFrame:
        """Rows of the table `search`: after each block its schedule, the slopes found in it, the versions' welfare."""
        rows = []
        for block in self.heard:
            at = (self.world.seed, block["update"])
            rows.append((*at, None, "welfare", float(np.mean(block["welfare"]))))
            for metric, values in (("rate", block["schedule"]), ("slope", self._slopes(block))):
                rows += [(*at, name, metric, float(value)) for name, value in zip(self.names, values, strict=True)]
        return pl.DataFrame(rows, schema=["seed", "update", "rate_of", "metric", "value"], orient="row")

    def _slopes(self, block: dict[str, Any]) -> Float[np.ndarray, " b"]:
        return slopes(versions(np.asarray(block["schedule"]), self.config.width), np.asarray(block["welfare"]))


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
        RunError: if a checkpoint is damaged.
    """
    found, courses, env_steps = [], [], 0
    for world in worlds:
        if world.arm == LABORATORIES:
            group = _search(planned, world, begun, folder, say, note)
            rates = group.adviser.schedule
            courses.append(group.adviser.course())
            env_steps += group.system.num_updates * group.steps_per_update
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
    adviser = Search(planned, world)
    group = Group(
        f"{LABORATORIES}-seed-{world.seed}",
        adviser.jobs(),
        system(planned),
        adviser.config.block,
        begun={seed: dict(states) for seed, states in begun.items()},
        adviser=adviser,
    )
    number = len(group.jobs)
    note(f"searching a schedule in {number} economies, seed {world.seed}: {adviser.num_updates} updates each")
    if len(adviser.steps) < FEW_MOVES:
        few = f"{len(adviser.steps)} moves" if len(adviser.steps) != 1 else "one move"
        note(f"the schedule makes {few} in this budget, which finds little: give a longer one, or a smaller block")
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
