"""The main job: train what learns, evaluate every arm on the same seeds, and write a run folder.

`compare` is the function behind `fisc compare` and `fisc train`; everything it does can be interrupted and resumed.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import polars as pl

from fisc.analysis.summary import summarize
from fisc.core.errors import ConfigError, RunError
from fisc.learning import processes
from fisc.learning.two_level import TrainState
from fisc.records.errors import RecordError
from fisc.records.store import RunFolder
from fisc.scenarios import build, laboratories
from fisc.scenarios.config import Scenario
from fisc.scenarios.evaluation import World, evaluate
from fisc.scenarios.frontier import evaluate_frontier, solve_frontier
from fisc.scenarios.outline import outline
from fisc.scenarios.plan import Plan, plan
from fisc.scenarios.provenance import digest_of, identity_of, open_folder, versions
from fisc.scenarios.reading import parse
from fisc.scenarios.registry import LABORATORIES
from fisc.scenarios.training import Group, Job, Report, train_group
from fisc.scenarios.worlds import known_worlds, solve_worlds, unsolved_worlds, with_rates_of_first

FREE_MARKET = "free_market"
COMMON = "common"
"""Name of the group that all others go on from."""
Say = Callable[[Report], None]
Note = Callable[[str], None]
Trained = dict[tuple[str, int], TrainState]
"""What was learned, by arm and seed."""


@dataclass(frozen=True)
class Run:
    """A finished comparison."""

    folder: Path
    summary: dict[str, Any]
    """As in `summary.json`."""

    @property
    def report(self) -> Path:
        """The report, if it was drawn."""
        return self.folder / "report.html"


def compare(  # noqa: PLR0913 - keyword arguments of the public function, as on the command line
    scenario: str,
    *,
    arms: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    budget: str = "quick",
    out: str | os.PathLike | None = None,
    resume: bool = False,
    overrides: dict[str, Any] | None = None,
    say: Say = lambda report: None,
    note: Note = lambda text: None,
    draw: bool = True,
) -> Run | None:
    """Compare tax systems in one economy.

    Several processes (`fisc.learning.processes.join`) train a run together if each calls this with the same arguments.
    Only the first one then opens the run folder, evaluates and draws.

    Args:
        scenario: a preset (see `fisc list`) or the path of a .toml file.
        arms: tax systems, by name or as 'FILE.py:FUNCTION'; the scenario's own by default.
        seeds: how many, counted from 0, or which ones.
        budget: 'smoke' (does it run?), 'quick' (minutes) or 'full'.
        out: the run folder; 'runs/SCENARIO-BUDGET' by default. It must not exist, unless `resume`.
        resume: go on with an interrupted run of the same plan.
        overrides: dotted keys of the scenario and their values, such as {"economy.workers": 500}.
        say: told after every block of training.
        note: told in words what happens.
        draw: whether to draw figures and write the report.

    Returns:
        The finished comparison; None in a process that is not the first.

    Raises:
        ConfigError: a wrong name, key or value, before anything is written.
        RunError, RecordError: a folder in the way, a damaged file, a full disk.
        DivergenceError: training broke down; its state is saved.
    """
    planned = plan(scenario, arms=arms, seeds=seeds, budget=budget, overrides=overrides)
    outline(planned)
    _check_processes(planned)
    if not processes.is_first():
        return _lend_a_hand(planned)
    diary = Diary(open_folder(planned, planned.folder(out), resume, note))
    diary.write("running")
    try:
        summary = _run(planned, diary, say, note)
        if draw:
            redraw(diary.folder, note)
    except BaseException as stop:
        with contextlib.suppress(RecordError):  # on a full disk the reason matters, not that it cannot be written
            diary.write("stopped", reason=str(stop) or type(stop).__name__)
        raise
    diary.write("finished")
    return Run(diary.folder.path, summary)


def _check_processes(planned: Plan) -> None:
    """Refuse several processes that do not run the same, or cannot share it. All of them find out alike."""
    if not processes.agree(json.dumps([identity_of(planned), versions()], sort_keys=True)):
        raise ConfigError(
            "the processes were not started for the same run: give all of them the same command, scenario and version "
            "of fisc"
        )
    if jax.process_count() > 1 and LABORATORIES in planned.scenario.arms:
        raise ConfigError("arm laboratories runs in one process: leave it out here, and compare it apart")
    number, devices = planned.scenario.learning.environments, jax.device_count()
    if jax.process_count() > 1 and number % devices:
        raise ConfigError(
            f"{number} environments cannot be shared by the {devices} devices of {jax.process_count()} processes: use "
            f"as many devices as divide {number}, or set learning.environments to a multiple of {devices}"
        )


def _lend_a_hand(planned: Plan) -> None:
    """Train with the first process, say nothing and keep nothing."""
    silent = lambda said: None  # noqa: E731
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder.create(Path(scratch) / "run")
        _train(planned, with_rates_of_first(planned, unsolved_worlds(planned)), folder, silent, silent)


class Diary:
    """What a run folder says about its run: the state it is in, and how long it has taken, over all interruptions.

    A run that was finished remains so: going on with it makes the same again, and each file is replaced as a whole.
    """

    def __init__(self, folder: RunFolder):
        self.folder = folder
        self.clock = time.perf_counter()
        status = folder.read_json("status.json") if folder.has_file("status.json") else {}
        self.earlier, self.was_finished = status.get("seconds", 0.0), status.get("state") == "finished"

    @property
    def seconds(self) -> float:
        """Spent on the run so far."""
        return self.earlier + time.perf_counter() - self.clock

    def write(self, state: str, **more: Any) -> None:
        """Write down the state of the run."""
        if self.was_finished and state != "finished":
            return
        self.folder.write_json("status.json", {"state": state, "seconds": self.seconds, **more})


def _run(planned: Plan, diary: Diary, say: Say, note: Note) -> dict[str, Any]:
    """Train and evaluate; returns the summary."""
    folder = diary.folder
    worlds = solve_worlds(planned, folder, note)
    exact = solve_frontier(planned, folder, note)

    def report(progress: Report) -> None:
        """Tell the diary, then whoever asked."""
        diary.write("running")
        say(progress)

    trained, worlds, env_steps = _train(planned, with_rates_of_first(planned, worlds), folder, report, note)
    _write_tables(planned, worlds, exact, trained, folder, note)
    spent = {"env_steps": env_steps, "wall_seconds": round(diary.seconds, 1)}
    folder.write_json("provenance.json", folder.read_json("provenance.json") | spent)
    return _write_summary(folder)


def reevaluate(path: str | os.PathLike, note: Note = lambda text: None) -> Run:
    """Evaluate the trained policies of a run folder again, and write its evaluation and summary anew.

    Raises:
        RecordError: if it is not a run folder.
        RunError: if its training is not finished, or a checkpoint is damaged.
    """
    folder, planned = open_finished(path)
    worlds = known_worlds(planned, folder, note)
    exact = solve_frontier(planned, folder, note)
    trained, worlds, _ = _train(planned, worlds, folder, lambda report: None, note, may_train=False)
    _write_tables(planned, worlds, exact, trained, folder, note)
    summary = _write_summary(folder)
    if (folder.path / "report.html").exists():
        redraw(folder, note)
    return Run(folder.path, summary)


def _write_tables(
    planned: Plan,
    worlds: list[World],
    exact: dict[tuple[float, int], World],
    trained: Trained,
    folder: RunFolder,
    note: Note,
) -> None:
    """Evaluate every arm and seed, and a planner that learned a frontier at every weight."""
    note("evaluating")
    tables = evaluate(planned.scenario, worlds, trained)
    if planned.scenario.frontier.weights:
        tables["frontier"] = evaluate_frontier(planned.scenario, worlds, trained, exact, tables["evaluation"])
    for name, frame in tables.items():
        folder.write_table(name, frame)


def _write_summary(folder: RunFolder) -> dict[str, Any]:
    summary = summarize(folder)
    folder.write_json("summary.json", summary)
    return summary


def open_finished(path: str | os.PathLike) -> tuple[RunFolder, Plan]:
    """Open a run folder with the plan it was made for.

    Raises:
        RecordError: if it is not a run folder.
        RunError: if its training is not finished, or a file of the user's own has changed since.
    """
    folder = RunFolder.open(path)
    kept = folder.read_json("provenance.json")["plan"]
    scenario = parse(Scenario, kept["scenario"])
    changed = [arm for arm, digest in kept["arm_files"].items() if digest_of(arm) != digest]
    if changed:
        raise RunError(f"{path} was run with another version of {changed[0]}: restore that file, or compare anew")
    if folder.read_json("status.json")["state"] != "finished":
        raise RunError(
            f"{path} is not finished: go on with `{folder.read_json('provenance.json')['command']} --resume`"
        )
    budget = scenario.budget(kept["budget"])
    return folder, Plan(scenario, tuple(kept["seeds"]), kept["budget"], budget, scenario.name, {})


def redraw(folder: RunFolder, note: Note = lambda text: None) -> None:
    """Draw every figure of a run folder and write its report."""
    from fisc.plots.figures import draw_all
    from fisc.plots.report import write_report

    note("drawing figures")
    draw_all(folder, say=note)
    write_report(folder)


def file_name(arm: str) -> str:
    """A file name of its own for every arm: users' arms that differ in their folder alone must not share one."""
    if ".py:" not in arm:
        return arm
    stem = Path(arm.partition(".py:")[0]).name
    return f"{stem}_{arm.rpartition(':')[2]}_{hashlib.sha256(arm.encode()).hexdigest()[:8]}"


def _train(
    planned: Plan,
    worlds: list[World],
    folder: RunFolder,
    say: Say,
    note: Note,
    may_train: bool = True,
) -> tuple[Trained, list[World], int]:
    """Train every job that learns, in groups that share a compiled program.

    Returns:
        States, the worlds with every schedule that was found on the way, and environment steps.
    """
    trained, rows, env_steps, begun = {}, [], 0, {}

    def train(group: Group) -> list[TrainState]:
        """One group, from the common start if there is one."""
        nonlocal env_steps
        group.begun = begun
        if may_train:
            runs = "run" if len(group.jobs) == 1 else "runs"
            length = f"{group.system.num_updates} updates each"
            note(f"training {group.name}: {len(group.jobs)} {runs}, {length}")
        states = train_group(group, folder, say, may_train, note)
        rows.extend(group.rows)
        env_steps += group.system.num_updates * group.steps_per_update
        return states

    for group in common_start(planned, worlds):
        states = train(group)
        begun = {job.seed: dict(state.learners) for job, state in zip(group.jobs, states, strict=True)}
    searched = 0
    if may_train:
        worlds, searched = laboratories.search_all(planned, worlds, begun, folder, say, note)
    for group in group_jobs(planned, worlds):
        states = train(group)
        trained |= {(job.arm, job.seed): state for job, state in zip(group.jobs, states, strict=True)}
    if rows:
        folder.write_table("metrics", pl.concat(rows))
    return trained, worlds, env_steps + searched


def common_start(planned: Plan, worlds: list[World]) -> list[Group]:
    """Everybody in the free market, one job a seed, from whom all arms go on; nothing if they begin on their own."""
    scenario, budget = planned.scenario, planned.budget
    if not budget.common_updates or not scenario.learning.people_learn:
        return []
    jobs = {}
    for world in worlds:
        none = build.exact_rates(scenario, world.people, FREE_MARKET)
        tax = build.make_tax(scenario, world.people, FREE_MARKET, none)
        economy = build.make_economy(scenario, world.people, tax)
        jobs.setdefault(world.seed, Job(FREE_MARKET, world.seed, economy))
    return [Group(COMMON, list(jobs.values()), build.make_common_system(scenario, budget), budget.block)]


def group_jobs(planned: Plan, worlds: list[World]) -> list[Group]:
    """Every job that learns, in groups that share a compiled program and a checkpoint."""
    scenario, budget = planned.scenario, planned.budget
    people_learn, government = scenario.learning.people_learn, build.kind_of(scenario).government_role
    batches: dict[str, list[Job]] = {}
    for world in worlds:
        tax = build.make_tax(scenario, world.people, world.arm, world.rates)
        learns = tax.planner_space is not None or (people_learn and world.arm != "optimum")
        if learns or (world.rates is None and world.arm != "optimum"):
            name = "fixed" if world.rates is not None else file_name(world.arm)
            economy = build.make_economy(scenario, world.people, tax)
            batches.setdefault(name, []).append(Job(world.arm, world.seed, economy))
    return [
        Group(
            name,
            jobs,
            build.make_system(scenario, budget, government in jobs[0].economy.spec.roles),
            budget.block,
            budget.common_updates if people_learn else 0,
            keep_every=budget.keep_every,
        )
        for name, jobs in batches.items()
    ]
