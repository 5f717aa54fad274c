"""What will be compared, checked before anything is spent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fisc.core.errors import ConfigError
from fisc.scenarios import build
from fisc.scenarios.config import BudgetConfig, Scenario
from fisc.scenarios.registry import ARMS, check_arm, load_scenario


@dataclass(frozen=True)
class Plan:
    """A comparison, checked and ready to run."""

    scenario: Scenario
    seeds: tuple[int, ...]
    budget_name: str
    budget: BudgetConfig
    source: str
    """The preset or file that the scenario was read from."""
    overrides: dict[str, Any]


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
    loaded = replace(loaded, arms=tuple(dict.fromkeys(map(check_arm, loaded.arms if arms is None else arms))))
    if not loaded.arms:
        raise ConfigError(f"no arms: name at least one of {', '.join(ARMS)}")
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise ConfigError(f"seeds is {seeds}: give at least one seed, each at least 0 and only once")
    length = loaded.budget(budget)
    people = build.population(loaded, chosen[0])
    for arm in loaded.arms:
        is_search = arm in ("saez", "optimum") or (arm == "flat" and loaded.taxes.flat_rate == "best")
        if not is_search:  # what is not searched is made at no cost
            build.make_tax(loaded, people, arm, build.exact_rates(loaded, people, arm))
        elif (error := loaded.economy.inexact(f"arm {arm}")) is not None:
            raise error
    if loaded.learning.citizens == "best_response":
        error = loaded.economy.inexact("learning.citizens = 'best_response'")
        if error is not None:
            raise error
    return Plan(loaded, chosen, budget, length, scenario, dict(overrides or {}))
