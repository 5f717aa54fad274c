"""What a scenario needs to know about one kind of economy to build it, solve it and check it."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from fisc.core.economy import Economy, Role
from fisc.core.knobs import Knobs
from fisc.core.policy import Policy
from fisc.core.tax import TaxSystem
from fisc.econ.brackets import bracket_index
from fisc.learning.curriculum import Phases, RoleSchedule
from fisc.learning.two_level import Curriculum
from fisc.scenarios.config import Scenario
from fisc.scenarios.kinds import law
from fisc.scenarios.kinds.chronicle import Chronicle
from fisc.taxes.fixed import fixed


@dataclass(frozen=True)
class People:
    """Who lives in the economy with one seed, and the brackets they face, in float64."""

    cutoffs: np.ndarray
    """Lower ends of the brackets, in the scenario's money."""
    law_rates: np.ndarray
    """US federal rates on these brackets; NaN if they are not those of the law."""


@dataclass(frozen=True)
class Solved:
    """Schedules that are known exactly, with their welfare. Rates and welfare by name."""

    cutoffs: np.ndarray
    rates: dict[str, np.ndarray]
    welfare: dict[str, float]
    starts: tuple[float, ...]
    """Welfare that the search for the optimum reached from each starting point."""


class Kind(abc.ABC):
    """One kind of economy. Where nothing is known exactly, the defaults say so."""

    chronicle: Chronicle = Chronicle()
    """What a recorded episode tells."""
    people_role: Role = "citizen"
    """Who works, consumes and pays taxes."""
    government_role: Role = "planner"
    """Who sets rates if they are not given."""
    has_firms: bool = False
    """Whether an evaluation also tells the course of an episode firm by firm."""

    def people(self, scenario: Scenario, seed: int) -> People:
        """Draw or calibrate the people of one seed; here all that they have is brackets.

        Raises:
            ConfigError: what cannot be.
        """
        return People(*law.brackets_of(scenario))

    def rate_names(self, people: People) -> tuple[str, ...]:
        """What each rate of a schedule is the rate of: every bracket has one, by default."""
        return tuple(f"from {cutoff:g}" for cutoff in people.cutoffs)

    def given_tax(self, people: People, rates: Sequence[float]) -> TaxSystem:
        """A schedule that nobody changes.

        Raises:
            ConfigError: too many or too few rates, rates outside [0, 1].
        """
        return fixed(people.cutoffs, rates)

    @abc.abstractmethod
    def economy(self, scenario: Scenario, people: People, tax: TaxSystem) -> Economy:
        """The economy, in jax's current default precision."""

    def search(self, scenario: Scenario, people: People, arm: str) -> np.ndarray:
        """Rates of an arm that solves something: the best flat rate, the Saez formula's fixed point, the optimum.

        Raises:
            ConfigError: if best responses are not known exactly.
        """
        raise scenario.economy.inexact(f"arm {arm}")

    def solve(self, scenario: Scenario, people: People, num_starts: int) -> Solved:
        """Everything that can be known without learning, in float64.

        Raises:
            ConfigError: if best responses are not known exactly.
        """
        raise scenario.economy.inexact("fisc solve")

    def exact_citizens(self, economy: Economy) -> Policy | None:
        """Citizens who solve their own problem exactly; None if nobody knows how."""
        return None

    def untrained_citizens(self, economy: Economy) -> Policy | None:
        """Citizens who follow a rule of thumb; None if nobody has thought of one."""
        return None

    def curriculum(self, scenario: Scenario, num_updates: int, has_government: bool, behind: int = 0) -> Curriculum:
        """What moves in a run: by default citizens learn, then a planner joins them under a rising ceiling.

        Args:
            behind: updates of the common start that it goes on from; by then labor is as costly as it is.

        Raises:
            ConfigError: if the run is too short for it.
        """
        learning = scenario.learning
        roles = {"citizen": learning.citizen, **({"planner": learning.planner} if has_government else {})}
        schedules = {
            name: RoleSchedule(
                entropy=(role.entropy, role.final_entropy),
                learning_rate=(1.0, role.final_learning_rate),
                joins_at=role.joins_at,
                settles_at=role.settles_at,
                starts_fresh=role.starts_fresh,
            )
            for name, role in roles.items()
        }
        return Phases(
            schedules,
            max_rate=(learning.max_rate_start, 1.0),
            max_rate_full_at=learning.max_rate_full_at,
            labor_cost=(1.0 if behind else learning.labor_cost_start, 1.0),
            labor_cost_full_at=learning.labor_cost_full_at,
        )

    def common_curriculum(self, scenario: Scenario, num_updates: int, following: int) -> Curriculum:
        """What moves in the common start: citizens learn in the free market while labor becomes as costly as it is.

        Args:
            following: updates that every arm goes on for, at most.

        Raises:
            ConfigError: if there are too few updates for it.
        """
        learning, role = scenario.learning, scenario.learning.citizen
        schedule = RoleSchedule(entropy=(role.entropy, role.entropy), learning_rate=(1.0, 1.0))
        costs, full_at = (learning.labor_cost_start, 1.0), learning.labor_cost_full_at or 1.0
        return Phases({"citizen": schedule}, labor_cost=costs, labor_cost_full_at=full_at)

    def rank(self, accounts: dict[str, Any]) -> Any:
        """By what people are put in order, the lowest first."""
        return accounts["skill"]

    def checks(self, economy: Economy, accounts: dict[str, Any], rates: np.ndarray) -> dict[str, float]:
        """Metrics that hold what was played against what is exactly right, or sound; none here."""
        return {}

    def of_firms(self, economy: Economy, state: Any, actions: Any, knobs: Knobs) -> dict[str, Any]:
        """What every firm [f] does in one step, by metric; only asked for where the kind `has_firms`."""
        return {}

    def at_full_cost(self, economy: Economy) -> Economy:
        """The economy as it is judged and shown: without what was made easier for learners. As it is, by default."""
        return economy

    def schedule_of(self, economy: Economy, state: Any) -> Any:
        """The marginal rates [b] that an episode had on average, from its last state."""
        return state.treasury.rates

    def other_rates_of(self, economy: Economy, state: Any) -> dict[str, Any]:
        """The mean rate on what is taxed beside incomes, by tax base, from an episode's last state; nothing here."""
        return {}

    def occupancy_of(self, economy: Economy, state: Any) -> Any:
        """The share of people whose income of a tax year ended in each bracket [b], from an episode's last state."""
        incomes, cutoffs = state.treasury.incomes, economy.tax.cutoffs
        index = bracket_index(incomes, cutoffs.astype(incomes.dtype))
        return jnp.bincount(index, length=cutoffs.shape[-1]) / incomes.shape[0]

    def relative(self, scenario: Scenario, value: float, best: float | None, current: float | None) -> dict[str, float]:
        """Welfare relative to that of the optimum or of current law, where that means something."""
        return {"fraction_of_optimum": value / best} if best is not None and best > 0 else {}
