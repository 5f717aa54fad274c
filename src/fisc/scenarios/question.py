"""What can be asked of a finished run about its equilibrium: who is retrained, from where, how long."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fisc.core.errors import ConfigError, unknown
from fisc.scenarios.compare import file_name
from fisc.scenarios.plan import Plan
from fisc.scenarios.training import Group


@dataclass(frozen=True)
class Question:
    """Who is retrained, from where, how long, and on what it is judged. None: as the run has it."""

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
    return group, Question(arm, role, agent, question.start, updates, seeds, episodes)


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
    return f"{file_name(question.arm)}-{question.role}{agent}-{question.start}"


def whom(question: Question) -> str:
    """Who is retrained, in words."""
    return f"role {question.role}" if question.agent is None else f"{question.role} {question.agent} alone"
