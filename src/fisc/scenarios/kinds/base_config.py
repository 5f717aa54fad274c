"""What every economy's configuration can say about itself. No jax here."""

from __future__ import annotations

import abc
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from fisc.core.errors import ConfigError

if TYPE_CHECKING:
    from fisc.scenarios.config import Scenario


PEOPLE_OBJECTIVES = (
    "inverse_income_weighted_utility",
    "inverse_income_weighted_coin",
    "equality_times_productivity",
    "utilitarian",
    "rawlsian",
    "productivity",
)
"""Objectives that depend on people's income, consumption and utility alone."""


@dataclass(frozen=True)
class EconomyConfig(abc.ABC):
    """The table [economy] of a scenario; `kind` says which economy it is."""

    @property
    @abc.abstractmethod
    def num_people(self) -> int:
        """How many earn and pay taxes."""

    @property
    @abc.abstractmethod
    def num_periods(self) -> int:
        """Tax periods in an episode."""

    @property
    @abc.abstractmethod
    def references(self) -> tuple[str, ...]:
        """What it rests on: keys of the registry's references."""

    @property
    def money(self) -> str:
        """The unit of account."""
        return "coin"

    @property
    def law_year(self) -> tuple[int, str] | None:
        """Year and filing status of the US law in force; None if taxes.law names it."""
        return None

    @property
    def objectives(self) -> tuple[str, ...]:
        """What can be maximized in it."""
        return PEOPLE_OBJECTIVES

    @property
    def learning_kind(self) -> str:
        """The curriculum by which its roles learn: `learning.kind`."""
        return "phases"

    def check_arm(self, arm: str) -> None:  # noqa: B027 - most know every arm
        """Refuse a tax system that the economy cannot have.

        Raises:
            ConfigError: naming those that it can.
        """

    @property
    def convention_of_taxes(self) -> str:
        """How the running Saez estimate is made: "exact", or "foundation" with the reference program's errors."""
        return "exact"

    def metric_of(self, objective: str) -> str:
        """The metric that an objective is: of the same name, unless equality counts for less, or for nothing."""
        weight = getattr(self, "equality_weight", 1.0)
        if objective != "equality_times_productivity" or weight == 1.0:
            return objective
        return "weighted_equality_times_productivity" if weight else "productivity"

    @property
    @abc.abstractmethod
    def flag_keys(self) -> dict[str, str]:
        """The scenario key that each of the command line's flags --elasticity, --workers and --year sets."""

    @abc.abstractmethod
    def inexact(self, what: str) -> ConfigError | None:
        """The error for `what` needs exact best responses, with how to mend it; None if they are known."""

    def weighing_equality(self, weight: float) -> EconomyConfig:
        """The same with this weight of equality in its objective, in [0, 1].

        Raises:
            ConfigError: if its objective has no such weight.
        """
        if "equality_weight" not in {entry.name for entry in fields(self)}:
            raise ConfigError(f"{type(self).__name__} has no key equality_weight: leave frontier.weights at 0")
        return replace(self, equality_weight=weight)

    def self_contained(self) -> EconomyConfig:
        """The same with the content of the user's files in place of their names, so that it can be repeated without
        them. Most name no file.

        Raises:
            ConfigError: a file that cannot be used.
        """
        return self

    def check_scenario(self, scenario: Scenario) -> None:  # noqa: B027 - most have nothing to refuse
        """Refuse what does not go together with the rest of the scenario.

        Raises:
            ConfigError: naming the keys.
        """
