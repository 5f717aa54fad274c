"""Every arm and seed of a comparison, and the schedules that are known before anything is trained."""

from collections.abc import Callable
from dataclasses import replace

import jax
import numpy as np

from fisc.core.errors import RunError
from fisc.learning import processes
from fisc.records.store import RunFolder
from fisc.scenarios import build
from fisc.scenarios.evaluation import World
from fisc.scenarios.plan import Plan, is_search
from fisc.scenarios.registry import LABORATORIES

RATES = "exact.json"
"""Every schedule that was solved for or found, and null for those that are learned or estimated."""


def unsolved_worlds(planned: Plan) -> list[World]:
    """Every arm and seed, as if no schedule were known."""
    people = {seed: build.population(planned.scenario, seed) for seed in planned.seeds}
    return [World(arm, seed, people[seed], None) for seed in planned.seeds for arm in planned.scenario.arms]


def solve_worlds(planned: Plan, folder: RunFolder, note: Callable[[str], None]) -> list[World]:
    """Find every schedule that can be known before training; results are kept for a resumed run."""
    known = _known(folder)
    worlds = []
    for world in unsolved_worlds(planned):
        key = f"{world.arm}/{world.seed}"
        if key in known:
            world = replace(world, rates=None if known[key] is None else np.asarray(known[key]))
        elif world.arm != LABORATORIES:  # whose schedule is found on the way
            if is_search(planned.scenario, world.arm):
                note(f"solving {world.arm}, seed {world.seed}")
            world = replace(world, rates=build.exact_rates(planned.scenario, world.people, world.arm))
            keep_rates(folder, world)
        worlds.append(world)
    return worlds


def known_worlds(planned: Plan, folder: RunFolder, note: Callable[[str], None]) -> list[World]:
    """Every arm and seed of a finished run, with the schedules that it solved for or found.

    Raises:
        RunError: if a schedule that was found is not there any more.
    """
    worlds = solve_worlds(planned, folder, note)
    for world in worlds:
        if world.arm == LABORATORIES and world.rates is None:
            raise RunError(
                f"the schedule of arm {world.arm}, seed {world.seed}, is missing in {folder.path / RATES}: look it up "
                "again by going on with the comparison (--resume), or restore the file"
            )
    return worlds


def keep_rates(folder: RunFolder, world: World) -> None:
    """Keep a schedule, so that it is not solved for or found again."""
    rates = None if world.rates is None else [float(rate) for rate in world.rates]
    folder.write_json(RATES, _known(folder) | {f"{world.arm}/{world.seed}": rates})


def _known(folder: RunFolder) -> dict[str, list[float] | None]:
    return folder.read_json(RATES) if folder.has_file(RATES) else {}


def with_rates_of_first(planned: Plan, worlds: list[World]) -> list[World]:
    """Worlds with the schedules that the first process knows; to be called by all."""
    if jax.process_count() == 1:
        return worlds
    longest = max(len(build.kind_of(planned.scenario).rate_names(world.people)) for world in worlds)
    known = np.full((len(worlds), longest), np.nan)
    for row, world in zip(known, worlds, strict=True):
        if world.rates is not None:
            row[: len(world.rates)] = world.rates
    # as bits: on the way numbers are cut to single precision
    known = np.asarray(processes.of_first(known.view(np.uint32))).view(np.float64)
    rates = [None if np.isnan(row).all() else row[~np.isnan(row)] for row in known]
    return [replace(world, rates=row) for world, row in zip(worlds, rates, strict=True)]
