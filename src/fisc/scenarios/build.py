"""From plain data to a world: the only place that knows economies, tax systems and learners at once.

Everything exact (calibration, optimum, Saez fixed point) is computed in float64; training runs in float32.
"""

import importlib.util
import traceback
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fisc.core.economy import Economy, Role
from fisc.core.errors import ConfigError
from fisc.core.mandate import mandate
from fisc.core.policy import Learner, Policy, scripted
from fisc.core.tax import TaxSystem
from fisc.learning.ppo import Settings, ppo
from fisc.learning.two_level import Curriculum, TwoLevel
from fisc.policies.actor_critic import make_policy, set_scale
from fisc.policies.distributions import Choosing
from fisc.policies.reading import Look, layout_of
from fisc.policies.scripted import Greedy
from fisc.records.metrics import flat_percent
from fisc.scenarios.config import BudgetConfig, Scenario, TaxesConfig
from fisc.scenarios.kinds.business_cycle import BusinessCycleKind
from fisc.scenarios.kinds.gather_trade_build import GatherTradeBuildKind
from fisc.scenarios.kinds.kind import Kind, People
from fisc.scenarios.kinds.one_step import OneStepKind
from fisc.scenarios.learning_config import LearnerConfig
from fisc.scenarios.registry import LABORATORIES, check_arm
from fisc.taxes.held import Held
from fisc.taxes.planner import PlannerContinuous, PlannerGrid
from fisc.taxes.saez import saez_estimated

KINDS: dict[str, Kind] = {
    "one_step": OneStepKind(),
    "gather_trade_build": GatherTradeBuildKind(),
    "business_cycle": BusinessCycleKind(),
}
"""Every kind of economy, by `economy.kind`."""


def kind_of(scenario: Scenario) -> Kind:
    """What is known about the scenario's kind of economy."""
    return KINDS[scenario.economy.kind]


def population(scenario: Scenario, seed: int) -> People:
    """Draw or calibrate the people of one seed.

    Raises:
        ConfigError: no law for the year, brackets that do not fit, fewer workers than brackets.
    """
    return kind_of(scenario).people(scenario, seed)


def make_economy(scenario: Scenario, people: People, tax: TaxSystem) -> Economy:
    """The economy of a scenario, in jax's current default precision.

    Raises:
        ConfigError: if its planner is to learn a frontier and cannot.
    """
    economy = kind_of(scenario).economy(scenario, people, tax)
    return economy.under(mandate(0.0, 1.0)) if _is_told(scenario, tax) else economy


def judged_economy(scenario: Scenario, people: People, tax: TaxSystem, weight: float | None = None) -> Economy:
    """The economy as it is judged: without what was made easier for learners.

    Args:
        weight: how much equality counts, and what the planner is told; by default as the scenario says.
    """
    kind = kind_of(scenario)
    economy = kind.at_full_cost(kind.economy(scenario, people, tax))
    if weight is None and _is_told(scenario, tax):
        weight = scenario.economy.equality_weight
    return economy if weight is None else economy.under(mandate(weight, weight))


def _is_told(scenario: Scenario, tax: TaxSystem) -> bool:
    """Whether a planner learns for every weight of equality, and is told which one counts."""
    return scenario.frontier.weights > 0 and tax.planner_space is not None


def exact_rates(scenario: Scenario, people: People, arm: str) -> np.ndarray | None:
    """Rates of an arm that can be known before anything is trained; None for arms that learn.

    Raises:
        ConfigError: if the arm needs exact best responses and the preferences do not allow them, or rates are missing.
    """
    kind = kind_of(scenario)
    num = len(kind.rate_names(people))
    if arm == "free_market":
        return np.zeros(num)
    if arm == "us_federal":
        if np.isnan(people.law_rates).any():
            raise ConfigError(
                "arm us_federal needs taxes.brackets = 'us_federal': the law's rates belong to its brackets"
            )
        return people.law_rates
    if arm == "fixed":
        if not scenario.taxes.fixed_rates:
            raise ConfigError(f"arm fixed needs taxes.fixed_rates, {num} rates in [0, 1]")
        kind.given_tax(people, scenario.taxes.fixed_rates)
        return np.asarray(scenario.taxes.fixed_rates)
    if arm == "flat" and scenario.taxes.flat_rate != "best":
        return np.full(num, scenario.taxes.flat_rate)
    if (percent := flat_percent(arm)) is not None:
        return np.full(num, percent / 100)
    if arm in ("flat", "saez", "optimum"):
        with jax.enable_x64(True):
            return kind.search(scenario, people, arm)
    return None


def make_tax(
    scenario: Scenario, people: People, arm: str, rates: np.ndarray | None, num_environments: int | None = None
) -> TaxSystem:
    """The tax system of an arm.

    Args:
        rates: from `exact_rates`.
        num_environments: how many share what institutions learn; by default those that learn side by side, 0 for one
            economy alone.
    """
    cutoffs = jnp.asarray(people.cutoffs, float)
    if rates is not None:
        return kind_of(scenario).given_tax(people, np.clip(rates, 0.0, 1.0))
    taxes = scenario.taxes
    if arm == LABORATORIES:
        raise ConfigError(
            "the schedule of arm laboratories is found in a comparison: give the folder of one that has this arm"
        )
    if arm == "planner":
        return _planned(cutoffs, taxes)
    if arm == "saez_estimated":
        given, convention = taxes.saez_elasticity, scenario.economy.convention_of_taxes
        return saez_estimated(
            cutoffs,
            # Citizens are in order of skill: a window shorter than the population, as the reference program's may be,
            # would see only the richest.
            window=taxes.saez_window
            if convention == "foundation"
            else max(taxes.saez_window, scenario.economy.num_people),
            num_environments=scenario.learning.environments if num_environments is None else num_environments,
            fixed_elasticity=None if isinstance(given, str) else given,
            weight_type=taxes.saez_weights,
            convention=convention,
            rate_min=taxes.min_rate,
        )
    return _load_tax(check_arm(arm), cutoffs)


def _planned(cutoffs: Array, taxes: TaxesConfig) -> TaxSystem:
    """What a planner's actions set."""
    system = (
        PlannerGrid(cutoffs, taxes.rate_step, taxes.min_rate, taxes.max_rate, taxes.sets_one_rate)
        if taxes.planner == "grid"
        else PlannerContinuous(cutoffs)
    )
    return system if taxes.held_for == 1 else Held(system, taxes.held_for)


@lru_cache(maxsize=32)
def _load_module(path: str, source: bytes) -> ModuleType:
    """Run a user's file once, as long as it stays as it is: a class made twice is two, which jax cannot stack."""
    spec = importlib.util.spec_from_loader(Path(path).stem, loader=None, origin=path)
    module = importlib.util.module_from_spec(spec)
    module.__file__ = path
    exec(compile(source, path, "exec"), module.__dict__)
    return module


def _load_tax(arm: str, cutoffs: Any) -> TaxSystem:
    """Call the maker that 'FILE.py:FUNCTION' names with the cutoffs.

    Raises:
        ConfigError: whatever goes wrong in the user's file, with its line.
    """
    path, _, function = arm.partition(".py:")
    file = Path(f"{path}.py").resolve()
    try:
        module = _load_module(str(file), file.read_bytes())
        if not hasattr(module, function):
            raise ConfigError(f"arm '{arm}': {path}.py has no function '{function}'")
        system = getattr(module, function)(cutoffs)
    except ConfigError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        lines += [error.lineno] if isinstance(error, SyntaxError) else []
        where = f" (line {lines[-1]} of {file.name})" if lines else ""
        raise ConfigError(f"arm '{arm}': {type(error).__name__}: {error}{where}") from error
    if not isinstance(system, TaxSystem):
        kind = type(system).__name__
        raise ConfigError(f"arm '{arm}': {function}(cutoffs) must return a fisc.core.tax.TaxSystem, not {kind}")
    return system


def judged_policy(scenario: Scenario, role: Role, policy: Policy) -> Policy:
    """A trained policy as it plays where results are given: as the evaluation says, and never drawing once settled."""
    draws = scenario.evaluation.actions == "drawn" and not scenario.learning.settles(role)
    return policy if draws else Greedy(policy)


def make_learners(scenario: Scenario) -> dict[str, Learner]:
    """A learner for each role."""
    learning, kind = scenario.learning, kind_of(scenario)
    learners = {role: make_learner(config) for role, config in learning.roles.items()}
    return learners if learning.people_learn else learners | {kind.people_role: scripted(kind.exact_citizens)}


def make_learner(config: LearnerConfig) -> Learner:
    """One role's learner."""
    settings = Settings(
        learning_rate=config.learning_rate,
        discount=config.discount,
        trace=config.trace,
        epochs=config.epochs,
        minibatches=config.minibatches,
        clip=config.clip,
        kl_limit=config.kl_limit,
        max_gradient_norm=config.max_gradient_norm,
        scales_features=config.scales_features,
        per_agent=config.per_agent,
        shuffles_rows=config.shuffles,
        surrogate=config.surrogate,
        value_loss=config.value_loss,
        discounts=config.discounts,
        sequence=config.sequence,
    )
    read = partial(
        layout_of,
        radius=config.radius,
        thresholds=config.thresholds,
        acts_on=config.acts_on,
        look=_look(config),
        remembers=config.remembers,
    )
    policy = make_policy(
        config.hidden,
        Choosing(config.head, (config.begins_at, config.begins_within), config.greedy_choice),
        critic_hidden=config.critic_hidden or None,
        read=read,
        critic_sees_maps=config.critic_sees_maps,
        actor_sees_mask=config.actor_sees_mask,
        own_networks=config.own_networks,
    )
    return ppo(settings, policy, set_scale)


def _look(config: LearnerConfig) -> Look | None:
    """How maps are looked at: patches lie side by side and cover the map, filters overlap as published."""
    if not config.looks_at_places:
        return None
    if config.network == "patches":
        return Look(config.filters or (16,), size=3, stride=3, is_padded=True)
    return Look(config.filters or (16, 32), size=3, stride=2)


def make_system(scenario: Scenario, budget: BudgetConfig, has_government: bool) -> TwoLevel:
    """Learning as the scenario describes it; without a government the others learn alone."""
    num_updates = budget.planner_updates if has_government else budget.updates
    curriculum = kind_of(scenario).curriculum(scenario, num_updates, has_government, budget.common_updates)
    return _two_level(scenario, curriculum, num_updates)


def make_common_system(scenario: Scenario, budget: BudgetConfig) -> TwoLevel:
    """What all arms go on from: everybody but a government learns in the free market."""
    following = max(budget.updates, budget.planner_updates)
    curriculum = kind_of(scenario).common_curriculum(scenario, budget.common_updates, following)
    return _two_level(scenario, curriculum, budget.common_updates)


def _two_level(scenario: Scenario, curriculum: Curriculum, num_updates: int) -> TwoLevel:
    learning = scenario.learning
    periods = learning.periods_per_update or None
    return TwoLevel(make_learners(scenario), curriculum, num_updates, learning.environments, periods)
