"""What will be compared, checked before anything is spent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import numpy as np

from fisc.core.errors import ConfigError
from fisc.core.knobs import full_knobs
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
    if loaded.frontier.weights:
        loaded.economy.weighing_equality(1.0)
        if "planner" not in loaded.arms:
            raise ConfigError("a frontier is what one planner learns: put planner among the arms")
    return Plan(loaded, chosen, budget, length, scenario, dict(overrides or {}))


def outline(planned: Plan) -> None:
    """Make everything that learns in outline, with shapes and without numbers, so that what cannot be is refused now.

    Raises:
        ConfigError: what an economy, a tax system or a network of the plan refuses.
    """
    scenario, key = planned.scenario, jax.random.key(0)
    people = build.population(scenario, planned.seeds[0])
    given = np.zeros(len(people.cutoffs))
    learned = [arm for arm in planned.scenario.arms if arm in ("planner", "saez_estimated") or ".py:" in arm]
    for arm in [*learned, *[arm for arm in scenario.arms if arm not in learned][:1]]:
        tax = build.make_tax(scenario, people, arm, None if arm in learned else given)
        economy = build.make_economy(scenario, people, tax)
        system = build.make_system(scenario, planned.budget, has_planner="planner" in economy.spec.roles)
        run = eqx.filter_eval_shape(system.init, economy, key)
        first = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), run.environments)
        eqx.filter_eval_shape(economy.observe, first, full_knobs(tuple(economy.spec.roles)))
