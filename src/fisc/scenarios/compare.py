"""The main job: train what learns, evaluate every arm on the same seeds, and write a run folder.

`compare` is the function behind `fisc compare` and `fisc train`; everything it does can be interrupted and resumed.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

from fisc.analysis.summary import summarize
from fisc.core.errors import ConfigError, DivergenceError, RunError, unknown
from fisc.core.knobs import full_knobs
from fisc.core.policy import Policy
from fisc.economies.one_step.best_response import BestResponse, outcome
from fisc.economies.one_step.economy import OneStep
from fisc.learning.rollout import evaluate_episode
from fisc.learning.two_level import TrainState
from fisc.records.store import RunFolder
from fisc.scenarios import build
from fisc.scenarios.config import BUDGETS, BudgetConfig, Scenario
from fisc.scenarios.registry import ARMS, check_arm, load_scenario
from fisc.scenarios.training import Group, Job, Report, train_group

PACKAGES = ("fisc", "jax", "jaxlib", "equinox", "optax", "numpy", "scipy", "polars")
NUM_GROUPS = 10
Say = Callable[[Report], None]


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


@dataclass(frozen=True)
class Plan:
    """A comparison, checked and ready to run."""

    scenario: Scenario
    seeds: tuple[int, ...]
    budget_name: str
    budget: BudgetConfig


def plan(
    scenario: str,
    *,
    arms: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    budget: str = "quick",
    overrides: dict[str, Any] | None = None,
) -> Plan:
    """Check a comparison before anything is spent.

    Args:
        scenario: a preset or a .toml file.
        arms: tax systems; the scenario's own by default.
        seeds: how many, counted from 0, or which.
        budget: smoke, quick or full.
        overrides: dotted keys and values.

    Raises:
        ConfigError: for anything that cannot work.
    """
    loaded = load_scenario(scenario, overrides)
    if arms is not None:
        if not arms:
            raise ConfigError(f"no arms: name at least one of {', '.join(ARMS)}")
        loaded = replace(loaded, arms=tuple(dict.fromkeys(check_arm(arm) for arm in arms)))
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise ConfigError(f"seeds is {seeds}: give at least one seed, each at least 0 and only once")
    if budget not in BUDGETS:
        raise unknown("budget", budget, BUDGETS)
    people = build.population(loaded, chosen[0])
    for arm in loaded.arms:
        if arm not in ("flat", "saez", "optimum"):  # these search; the others are checked at no cost
            build.exact_rates(loaded, people, arm)
        elif loaded.economy.utility == "isoelastic":
            raise ConfigError(f"arm {arm} needs exact best responses: set economy.utility to quasi_linear or log_net")
    if loaded.economy.utility == "isoelastic" and loaded.learning.citizens == "best_response":
        raise ConfigError("learning.citizens = 'best_response' needs economy.utility quasi_linear or log_net")
    return Plan(loaded, chosen, budget, loaded.budgets.get(budget, BudgetConfig()))


def compare(
    scenario: str,
    *,
    arms: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    budget: str = "quick",
    out: str | os.PathLike | None = None,
    resume: bool = False,
    overrides: dict[str, Any] | None = None,
    say: Say = lambda report: None,
    note: Callable[[str], None] = lambda text: None,
    draw: bool = True,
) -> Run:
    """Compare tax systems in one economy.

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

    Raises:
        ConfigError: a wrong name, key or value, before anything is written.
        RunError, RecordError: a folder in the way, a damaged file, a full disk.
        DivergenceError: training broke down; its state is saved.
    """
    planned = plan(scenario, arms=arms, seeds=seeds, budget=budget, overrides=overrides)
    folder = _open_folder(planned, Path(out or f"runs/{planned.scenario.name}-{budget}"), resume)
    clock = time.perf_counter()
    earlier = folder.read_json("status.json").get("seconds", 0.0) if folder.has_file("status.json") else 0.0

    def status(state: str, **more: Any) -> None:
        folder.write_json("status.json", {"state": state, "seconds": earlier + time.perf_counter() - clock, **more})

    status("running")
    try:
        worlds = _solve(planned, folder, note)
        trained, env_steps = _train(planned, worlds, folder, say, note)
        note("evaluating")
        tables = _evaluate(planned, worlds, trained)
    except (KeyboardInterrupt, DivergenceError) as stop:
        status("stopped", reason=str(stop) or "interrupted")
        raise
    for name, frame in tables.items():
        folder.write_table(name, frame)
    seconds = earlier + time.perf_counter() - clock
    provenance = folder.read_json("provenance.json") | {"env_steps": env_steps, "wall_seconds": round(seconds, 1)}
    folder.write_json("provenance.json", provenance)
    summary = summarize(folder)
    folder.write_json("summary.json", summary)
    if draw:
        redraw(folder, note)
    status("finished")
    return Run(folder.path, summary)


def redraw(folder: RunFolder, note: Callable[[str], None] = lambda text: None) -> None:
    """Draw every figure of a run folder and write its report."""
    from fisc.plots.figures import draw_all
    from fisc.plots.report import write_report

    note("drawing figures")
    draw_all(folder, say=note)
    write_report(folder)


def _open_folder(planned: Plan, path: Path, resume: bool) -> RunFolder:
    """Make the run folder and write down what will be run, or check that a resumed run is the same one."""
    resolved = json.loads(json.dumps(asdict(planned.scenario)))
    identity = {"scenario": resolved, "seeds": list(planned.seeds), "budget": planned.budget_name}
    if resume and path.is_dir() and (path / "provenance.json").exists():
        folder = RunFolder.open(path)
        before = folder.read_json("provenance.json")["plan"]
        if before != identity:
            raise RunError(
                f"{path} holds another run ({_difference(before, identity)}): "
                "resume with the same scenario, arms, seeds and budget, or choose another --out"
            )
        return folder
    folder = RunFolder.create(path)
    folder.write_text("scenario.toml", to_toml(resolved))
    folder.write_json(
        "provenance.json",
        {
            "scenario": planned.scenario.name,
            "title": planned.scenario.title,
            "objective": planned.scenario.objective,
            "money": planned.scenario.money,
            "caveats": list(planned.scenario.caveats),
            "command": _command(planned, path),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "commit": _commit(),
            "device": f"{jax.devices()[0].platform} x {len(jax.devices())}",
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "plan": identity,
        },
    )
    return folder


def _difference(before: Any, now: Any, path: str = "plan") -> str:
    """The first key in which two plans differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            if before.get(key) != now.get(key):
                return _difference(before.get(key), now.get(key), f"{path}.{key}")
    return f"{path} was {before!r}, now {now!r}"


def _command(planned: Plan, path: Path) -> str:
    """The command line that makes this run again."""
    is_count = planned.seeds == tuple(range(len(planned.seeds)))
    seeds = str(len(planned.seeds)) if is_count else ",".join(map(str, planned.seeds))
    parts = ["fisc compare", planned.scenario.name, "--arms", ",".join(planned.scenario.arms), "--seeds", seeds]
    return " ".join([*parts, "--budget", planned.budget_name, "--out", str(path)])


def _commit() -> str | None:
    try:
        where = Path(__file__).parent
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=where, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def to_toml(data: dict[str, Any], path: str = "") -> str:
    """Write plain tables as TOML: values first, then sub-tables. Nothing in a scenario needs more than this."""
    values = [f"{key} = {json.dumps(value)}" for key, value in data.items() if not isinstance(value, dict)]
    tables = []
    for key, value in data.items():
        if isinstance(value, dict):
            dotted = f"{path}.{key}" if path else key
            tables.append(f"[{dotted}]\n{to_toml(value, dotted)}")
    return "\n".join([*values, "", *tables])


@dataclass(frozen=True)
class World:
    """One arm with one seed, before training."""

    arm: str
    seed: int
    people: build.Population
    rates: np.ndarray | None
    """None for arms whose schedule is learned."""


def _solve(planned: Plan, folder: RunFolder, note: Callable[[str], None]) -> list[World]:
    """Find every schedule that can be known before training; results are kept for a resumed run."""
    known = folder.read_json("exact.json") if folder.has_file("exact.json") else {}
    worlds = []
    for seed in planned.seeds:
        people = build.population(planned.scenario, seed)
        for arm in planned.scenario.arms:
            key = f"{arm}/{seed}"
            if key not in known:
                if arm in ("flat", "saez", "optimum"):
                    note(f"solving {arm}, seed {seed}")
                rates = build.exact_rates(planned.scenario, people, arm)
                known[key] = None if rates is None else [float(rate) for rate in rates]
                folder.write_json("exact.json", known)
            worlds.append(World(arm, seed, people, None if known[key] is None else np.asarray(known[key])))
    return worlds


def _train(
    planned: Plan, worlds: list[World], folder: RunFolder, say: Say, note: Callable[[str], None]
) -> tuple[dict[tuple[str, int], TrainState], int]:
    """Train every job that learns, in groups that share a compiled program. Returns states and environment steps."""
    scenario, budget = planned.scenario, planned.budget
    citizens_learn = scenario.learning.citizens == "learn"
    batches: dict[str, list[Job]] = {}
    for world in worlds:
        tax = build.make_tax(scenario, world.people, world.arm, world.rates)
        learns = tax.planner_space is not None or (citizens_learn and world.arm != "optimum")
        if learns or (world.rates is None and world.arm != "optimum"):
            name = "fixed" if world.rates is not None else world.arm.replace("/", "_").replace(":", "_")
            economy = build.make_economy(scenario, world.people, tax)
            batches.setdefault(name, []).append(Job(world.arm, world.seed, economy))
    trained, rows, env_steps = {}, [], 0
    for name, jobs in batches.items():
        system = build.make_system(scenario, budget, has_planner="planner" in jobs[0].economy.spec.roles)
        group = Group(name, jobs, system, budget.block)
        note(f"training {name}: {len(jobs)} {'run' if len(jobs) == 1 else 'runs'}, {system.num_updates} updates each")
        states = train_group(group, folder, say)
        trained |= {(job.arm, job.seed): state for job, state in zip(jobs, states, strict=True)}
        rows += group.rows
        env_steps += system.num_updates * group.steps_per_update
    if rows:
        folder.write_table("metrics", pl.concat(rows))
    return trained, env_steps


@eqx.filter_jit
def _play(economy: OneStep, policies: dict[str, Policy], state: Any) -> Any:
    final = evaluate_episode(economy, policies, jax.random.key(0), state, full_knobs())
    rates = economy.tax.rates(final.treasury.memory, full_knobs())
    return final, economy.metrics(final), economy.accounts(final), rates


def _evaluate(
    planned: Plan, worlds: list[World], trained: dict[tuple[str, int], TrainState]
) -> dict[str, pl.DataFrame]:
    """Play one greedy episode of every arm and seed; everything is measured on the same people."""
    learners = build.make_learners(planned.scenario)
    evaluation, schedules, groups, welfare = [], [], [], {}
    for world in worlds:
        tax = build.make_tax(planned.scenario, world.people, world.arm, world.rates)
        economy = build.make_economy(planned.scenario, world.people, tax)
        run = trained.get((world.arm, world.seed))
        state = economy.init(jax.random.key(0))
        policies: dict[str, Policy] = {"citizen": BestResponse(economy)}
        if run is not None:
            policies = {role: learners[role].policy(run.learners[role]) for role in economy.spec.roles}
            state = economy.reset(jax.random.key(0), jax.tree.map(lambda x: x[0], run.environments))
        _, metrics, accounts, rates = _play(economy, policies, state)
        rates = np.asarray(rates, float)
        metrics = {name: float(value) for name, value in metrics.items()} | _exact_checks(economy, accounts, rates)
        welfare[world.arm, world.seed] = metrics["welfare"]
        evaluation += [(world.arm, world.seed, name, value) for name, value in metrics.items()]
        cutoffs = np.asarray(world.people.cutoffs, float)
        schedules += [
            (world.arm, world.seed, b, float(c), float(np.clip(r, 0.0, 1.0)))
            for b, (c, r) in enumerate(zip(cutoffs, rates, strict=True))
        ]
        groups += _deciles(world, {name: np.asarray(value, float) for name, value in accounts.items()})
    for (arm, seed), value in welfare.items():
        evaluation += _against(welfare, planned.scenario, arm, seed, value)
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
    """Welfare relative to the exact optimum and, where utility is a logarithm, to current law in consumption terms."""
    rows = []
    best = welfare.get(("optimum", seed))
    if best is not None and best > 0:
        rows.append((arm, seed, "fraction_of_optimum", value / best))
    law = welfare.get(("us_federal", seed))
    if law is not None and scenario.economy.utility == "log_net" and scenario.objective == "utilitarian":
        rows.append((arm, seed, "consumption_equivalent", float(np.expm1(value - law))))
    return rows


def _deciles(world: World, accounts: dict[str, np.ndarray]) -> list[tuple]:
    """Means by tenth of the people in order of skill (they are sorted), the same people in every arm."""
    rows = []
    for name, values in accounts.items():
        for group, part in enumerate(np.array_split(values, NUM_GROUPS)):
            if len(part) and name not in ("average_rate",):
                rows.append((world.arm, world.seed, group, name, float(part.mean())))
    totals = zip(np.array_split(accounts["tax"], NUM_GROUPS), np.array_split(accounts["income"], NUM_GROUPS), strict=True)
    for group, (tax, income) in enumerate(totals):
        if len(tax):
            rate = float(tax.sum() / max(income.sum(), 1e-9))
            rows.append((world.arm, world.seed, group, "average_rate", rate))
    return rows


