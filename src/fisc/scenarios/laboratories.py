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
from fisc.core.errors import RunError
from fisc.learning.two_level import TwoLevel
from fisc.records.store import RunFolder
from fisc.scenarios import build
from fisc.scenarios.evaluation import World
from fisc.scenarios.plan import Plan
from fisc.scenarios.training import Group, Job, Report, train_group
from fisc.scenarios.worlds import EXACT, LABORATORIES, keep_rates
from fisc.taxes import laboratories

FIRST_SEED = 1_000_000
"""Of the versions' own luck, apart from that of all arms."""
LATEST = 20
"""Updates of a block, at its end, that say what a version is worth."""


class Search:
    """Where the schedule stands, and what the versions have shown so far: told after every block of training.

    Everything follows from what was heard, which is kept in the run folder: a resumed search goes on as it would have.
    """

    def __init__(self, planned: Plan, world: World, folder: RunFolder):
        self.planned, self.world, self.folder = planned, world, folder
        self.config, self.num_updates = planned.scenario.laboratories, planned.budget.num_search_updates
        self.names = build.kind_of(planned.scenario).rate_names(world.people)
        self.file = f"{LABORATORIES}-seed-{world.seed}.json"
        self.heard: list[dict[str, Any]] = folder.read_json(self.file) if folder.has_file(self.file) else []

    def schedule(self, done: int) -> Float[np.ndarray, " b"]:
        """The schedule after so many updates of the versions' citizens."""
        config, schedule, slopes = self.config, np.full(len(self.names), self.config.begins_at), []
        for block in self._until(done):
            if block["update"] <= config.listens_at * self.num_updates:
                continue
            slopes.append(self._slopes(block))
            left = 1.0 - block["update"] / self.num_updates
            step = config.step * left * laboratories.uphill(np.stack(slopes), config.memory)
            schedule = np.clip(schedule + step, 0.0, 1.0)
        return schedule

    def jobs(self) -> list[Job]:
        """The versions at first, each with luck of its own."""
        seeds = range(FIRST_SEED + 100 * self.world.seed, FIRST_SEED + 100 * (self.world.seed + 1))
        return [Job(LABORATORIES, seed, economy) for seed, economy in zip(seeds, self.economies(0), strict=False)]

    def economies(self, done: int) -> list[Economy]:
        """Every version's economy after so many updates."""
        scenario, people = self.planned.scenario, self.world.people
        rates = laboratories.versions(self.schedule(done), self.config.width)
        return [
            build.make_economy(scenario, people, build.make_tax(scenario, people, LABORATORIES, version))
            for version in rates
        ]

    def hear(self, done: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Write down what the versions were worth in the block that ends at `done`. `metrics`: [version, update]."""
        self.heard = self._until(done - 1)
        welfare = metrics["welfare"][:, -LATEST:].mean(axis=1)
        self.heard.append({"update": done, "schedule": self.schedule(done).tolist(), "welfare": welfare.tolist()})
        self.folder.write_json(self.file, self.heard)

    def course(self) -> list[tuple[int, int, str | None, str, float]]:
        """Rows `seed, update, rate_of, metric, value`: after each block the schedule of the block, the slopes that were
        found in it, and the versions' mean welfare."""
        rows = []
        for block in self.heard:
            at = (self.world.seed, block["update"])
            rows.append((*at, None, "welfare", float(np.mean(block["welfare"]))))
            for metric, values in (("rate", block["schedule"]), ("slope", self._slopes(block))):
                rows += [(*at, name, metric, float(value)) for name, value in zip(self.names, values, strict=True)]
        return rows

    def _slopes(self, block: dict[str, Any]) -> Float[np.ndarray, " b"]:
        rates = laboratories.versions(np.asarray(block["schedule"]), self.config.width)
        return laboratories.slopes(rates, np.asarray(block["welfare"]))

    def _until(self, done: int) -> list[dict[str, Any]]:
        """What was heard up to an update: a run that is resumed makes later blocks again."""
        return [block for block in self.heard if block["update"] <= done]


def search_all(
    planned: Plan,
    worlds: Sequence[World],
    begun: Mapping[int, Mapping[str, Any]],
    folder: RunFolder,
    say: Callable[[Report], None],
    note: Callable[[str], None],
    may_search: bool,
) -> tuple[list[World], int]:
    """Find the schedules of all worlds that are found by trying, and keep them with those that were solved for.

    Args:
        begun: as in `search`, by seed.
        may_search: False to accept what is known alone.

    Returns:
        All worlds, those with their schedule, and the environment steps of searching.

    Raises:
        RunError: if a schedule is not known and may not be searched.
        DivergenceError: as in training; the state is saved.
    """
    found, steps = [], 0
    for world in worlds:
        if world.arm == LABORATORIES:
            steps += env_steps(planned, world)
            if world.rates is None and not may_search:
                raise RunError(
                    f"the schedule of arm {world.arm}, seed {world.seed}, is missing in {folder.path / EXACT}: search "
                    "it again with --resume, or restore the file"
                )
            if world.rates is None:
                rates = search(planned, world, begun.get(world.seed, {}), folder, say, note)
                world = replace(world, rates=rates)
                keep_rates(folder, world)
        found.append(world)
    return found, steps


def search(
    planned: Plan,
    world: World,
    begun: Mapping[str, Any],
    folder: RunFolder,
    say: Callable[[Report], None],
    note: Callable[[str], None],
) -> Float[np.ndarray, " b"]:
    """Find a schedule for one seed, or go on finding it.

    Args:
        begun: learners' states that the citizens of every version begin with, by role; empty: new ones.

    Raises:
        DivergenceError: as in training; the state is saved.
    """
    adviser = Search(planned, world, folder)
    jobs = adviser.jobs()
    group = Group(
        f"{LABORATORIES}-seed-{world.seed}",
        jobs,
        _system(planned),
        planned.scenario.laboratories.block,
        begun={job.seed: dict(begun) for job in jobs} if begun else {},
        adviser=adviser,
    )
    note(f"searching a schedule in {len(jobs)} economies, seed {world.seed}: {adviser.num_updates} updates each")
    train_group(group, folder, say, note=note)
    return adviser.schedule(adviser.num_updates)


def courses(planned: Plan, worlds: Sequence[World], folder: RunFolder) -> pl.DataFrame:
    """The table `search` of the run folder: how the schedules of these worlds were found."""
    rows = [row for world in worlds for row in Search(planned, world, folder).course()]
    return pl.DataFrame(rows, schema=["seed", "update", "rate_of", "metric", "value"], orient="row")


def env_steps(planned: Plan, world: World) -> int:
    """Environment steps of a search, of all versions together."""
    rates = np.zeros(len(build.kind_of(planned.scenario).rate_names(world.people)))
    system, num = _system(planned), len(laboratories.directions(len(rates)))
    tax = build.make_tax(planned.scenario, world.people, LABORATORIES, rates)
    return num * system.num_updates * system.steps_per_update(build.make_economy(planned.scenario, world.people, tax))


def _system(planned: Plan) -> TwoLevel:
    """How a version's citizens learn: as under a schedule that is given, in as many environments as it has."""
    learning = replace(planned.scenario.learning, environments=planned.scenario.laboratories.environments)
    budget = replace(planned.budget, updates=planned.budget.num_search_updates)
    return build.make_system(replace(planned.scenario, learning=learning), budget, has_government=False)
