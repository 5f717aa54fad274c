"""What can be asked of a finished run about its equilibrium: who is retrained, from where, how, how long."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from fisc.core.errors import ConfigError, unknown
from fisc.scenarios.compare import file_name
from fisc.scenarios.learning_config import ALGORITHMS, LearnerConfig
from fisc.scenarios.plan import Plan
from fisc.scenarios.training import Group, kept_name


@dataclass(frozen=True)
class Recipe:
    """One way to retrain."""

    algorithm: str
    learning_rate: float

    def __str__(self):
        return f"{self.algorithm}, {self.learning_rate:g}"


@dataclass(frozen=True)
class Question:
    """Who is retrained, from where, how, how long, and on what it is judged. None: as the run has it."""

    arm: str | None = None
    """By default the planner's, if there is one."""
    role: str | None = None
    """By default the first one that learns."""
    agent: int | None = None
    """Only this agent of the role, all others of the role being frozen too; None: the whole role together."""
    start: Literal["trained", "untrained"] = "trained"
    """The policies that everybody begins with. The untrained are the control, in which there is something to gain."""
    updates: int | None = None
    seeds: int | Sequence[int] | None = None
    """How many of the run's, or which."""
    episodes: int | None = None
    algorithms: Sequence[str] | None = None
    """By which it learns, of `ALGORITHMS`. Each is tried with each learning rate; the best policy of all is kept."""
    learning_rates: Sequence[float] | None = None
    at: int | None = None
    """After how many updates of training everybody is as they are, where a checkpoint was kept; None: at the end."""

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Every way that is tried, once algorithms and rates are known."""
        return tuple(Recipe(*parts) for parts in product(self.algorithms, self.learning_rates))


def resolve(
    path: str | os.PathLike, question: Question, planned: Plan, groups: dict[str, Group]
) -> tuple[Group, Question]:
    """The group of jobs that a question is about, and the question with its defaults filled in."""
    arms = planned.scenario.arms
    arm = question.arm or ("planner" if "planner" in groups else next(iter(groups), arms[0]))
    if arm not in arms:
        raise unknown(f"arm of {Path(path)}", arm, arms)
    if arm not in groups:
        mend = f"choose one of {', '.join(groups)}" if groups else "nobody learned in this run"
        raise ConfigError(f"nobody learned under arm '{arm}' of {path}: {mend}")
    group, roles = groups[arm], next(job for job in groups[arm].jobs if job.arm == arm).economy.spec.roles
    able = [role for role in roles if group.system.learners[role].restart is not None]
    role = question.role or able[0]
    if role not in roles:
        raise unknown("role", role, roles)
    if role not in able:
        raise ConfigError(f"role '{role}' follows a rule and cannot learn: choose --role {' or '.join(able)}")
    agent, num = question.agent, roles[role].num_agents
    if agent is not None and not 0 <= agent < num:
        raise ConfigError(f"--agent is {agent}: role '{role}' has agents 0 to {num - 1}")
    updates = group.system.num_updates if question.updates is None else question.updates
    episodes = planned.scenario.evaluation.episodes if question.episodes is None else question.episodes
    for name, number in (("updates", updates), ("episodes", episodes)):
        if number < 1:
            raise ConfigError(f"--{name} is {number}: expected at least 1")
    seeds = _choose_seeds(path, question.seeds, planned.seeds)
    at = _choose_update(path, question, planned, group)
    recipes = _choose_recipes(question, planned.scenario.learning.roles[role])
    return group, Question(arm, role, agent, question.start, updates, seeds, episodes, *recipes, at)


def _choose_recipes(question: Question, trained: LearnerConfig) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Algorithms and learning rates: what is asked, or what the role was trained with."""
    algorithms = (trained.algorithm,) if question.algorithms is None else tuple(question.algorithms)
    rates = (trained.learning_rate,) if question.learning_rates is None else tuple(question.learning_rates)
    for algorithm in algorithms:
        if algorithm not in ALGORITHMS:
            raise unknown("--algorithm", algorithm, ALGORITHMS)
    for rate in rates:
        if not (rate > 0 and math.isfinite(rate)):
            raise ConfigError(
                f"--learning-rate is {rate:g}: it must be above 0 ({trained.learning_rate:g} in training)"
            )
    for name, values in (("algorithm", algorithms), ("learning-rate", rates)):
        if not values or len(set(values)) < len(values):
            raise ConfigError(f"--{name} is {','.join(map(str, values))}: give at least one, each only once")
    return algorithms, rates


def _choose_update(path: str | os.PathLike, question: Question, planned: Plan, group: Group) -> int | None:
    """The update of training that is asked about, whose checkpoint is there; None for the end."""
    at, end = question.at, group.system.num_updates
    if at is None or at == end:
        return None
    folder = Path(path) / "checkpoints"
    if at < 1 or not (folder / kept_name(group, at)).exists():
        kept = [number for number in range(1, end) if (folder / kept_name(group, number)).exists()]
        has = ", ".join(map(str, [*kept, end]))
        mend = f"; to keep more, train with --set budgets.{planned.budget_name}.keep_every=N"
        raise ConfigError(f"--at is {at}: {path} has the policies of update {has}{mend}")
    return at


def _choose_seeds(
    path: str | os.PathLike, asked: int | Sequence[int] | None, seeds: tuple[int, ...]
) -> tuple[int, ...]:
    """The run's seeds that are asked for: all, the first so many, or these."""
    has = f"{path} has seeds {', '.join(map(str, seeds))}"
    if asked is None:
        return seeds
    if isinstance(asked, int):
        if not 1 <= asked <= len(seeds):
            raise ConfigError(f"--seeds is {asked}: {has}; give 1 to {len(seeds)}, or name some with a comma (0,)")
        return seeds[:asked]
    strange = [seed for seed in asked if seed not in seeds]
    if strange or not asked or len(set(asked)) < len(asked):
        raise ConfigError(f"--seeds is {','.join(map(str, asked))}: {has}; choose among them, each only once")
    return tuple(asked)


def folder_name(question: Question) -> str:
    """The folder of its answer: one for everything that is asked but for how long and on what it is judged."""
    agent = "" if question.agent is None else f"-{question.agent}"
    at = "" if question.at is None else f"-at-{question.at}"
    return f"{file_name(question.arm)}-{question.role}{agent}-{question.start}{at}"


def whom(question: Question) -> str:
    """Who is retrained, in words."""
    return f"role {question.role}" if question.agent is None else f"{question.role} {question.agent} alone"
