"""What will be compared: what a scenario, arms, seeds and a folder can be refused for at once. No jax here.

What takes building something to find out is refused by `fisc.scenarios.outline`, before anything is spent.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fisc.core.errors import ConfigError
from fisc.scenarios.config import BudgetConfig, Scenario
from fisc.scenarios.registry import ARMS, LABORATORIES, check_arm, load_scenario


@dataclass(frozen=True)
class Plan:
    """A comparison whose names and numbers were checked."""

    scenario: Scenario
    seeds: tuple[int, ...]
    budget_name: str
    budget: BudgetConfig
    source: str
    """The preset or file that the scenario was read from."""
    overrides: dict[str, Any]

    def folder(self, out: str | os.PathLike | None = None) -> Path:
        """Where it is run: as said, or a folder of the scenario's and the budget's name."""
        return Path(out or f"runs/{self.scenario.name}-{self.budget_name}")


def plan(
    scenario: str,
    *,
    arms: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    budget: str = "quick",
    overrides: dict[str, Any] | None = None,
) -> Plan:
    """Check what can be checked without building anything.

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
    loaded = replace(loaded, arms=tuple(dict.fromkeys(map(check_arm, loaded.arms if arms is None else arms))))
    for arm in loaded.arms:
        loaded.economy.check_arm(arm)
    if not loaded.arms:
        raise ConfigError(f"no arms: name at least one of {', '.join(ARMS)}")
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise ConfigError(f"seeds is {seeds}: give at least one seed, each at least 0 and only once")
    length = loaded.budget(budget)
    exact = [f"arm {arm}" for arm in loaded.arms if is_search(loaded, arm)]
    exact += [] if loaded.learning.people_learn else ["learning.citizens = 'best_response'"]
    for what in exact:
        error = loaded.economy.inexact(what)
        if error is not None:
            raise error
    if LABORATORIES in loaded.arms:
        _check_laboratories(loaded, budget)
    if loaded.frontier.weights:
        loaded.economy.weighing_equality(1.0)
        if "planner" not in loaded.arms:
            raise ConfigError("a frontier is what one planner learns: put planner among the arms")
    return Plan(loaded, chosen, budget, length, scenario, dict(overrides or {}))


def _check_laboratories(scenario: Scenario, budget: str) -> None:
    """Refuse laboratories in which nobody could learn."""
    if not scenario.learning.people_learn:
        raise ConfigError(
            "arm laboratories compares citizens who learn: set learning.citizens to 'learn', or leave it out"
        )
    if scenario.laboratories.search == "line":
        _check_line(scenario, budget)
    number = scenario.laboratories.environments
    for name, role in scenario.learning.roles.items():  # of every role, as learning.environments is checked too
        if role.minibatches > number:
            raise ConfigError(
                f"laboratories.environments is {number}: it must be at least learning.{name}.minibatches "
                f"({role.minibatches})"
            )


def _check_line(scenario: Scenario, budget: str) -> None:
    """Refuse a line that asks nobody, listens to people who have not answered, or leads nowhere."""
    config, what = scenario.laboratories, "laboratories.search = 'line'"
    if not scenario.budget(budget).common_updates:
        raise ConfigError(
            f"{what} asks citizens who have learned without taxes: set budgets.{budget}.common_updates above 0, or "
            "laboratories.search to 'climb'"
        )
    if config.listens_at < 0.5:
        raise ConfigError(
            f"{what} judges by citizens who have answered, and laboratories.listens_at is {config.listens_at}: "
            "set it to at least 0.5"
        )
    room = max(config.begins_at, 1.0 - config.begins_at)
    if config.reach > room:
        raise ConfigError(
            f"{what} ends within 0 and 1, and laboratories.reach is {config.reach} from laboratories.begins_at "
            f"{config.begins_at}: set it to at most {room:g}"
        )


def is_search(scenario: Scenario, arm: str) -> bool:
    """Whether an arm's rates are solved for, which takes a while; what is not searched is made at no cost."""
    return arm in ("saez", "optimum") or (arm == "flat" and scenario.taxes.flat_rate == "best")
