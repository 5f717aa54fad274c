"""Configurations of the gather-trade-build economy as both programs take them.

They are read by `fisc.scenarios.foundation_config`, as for every user: it is the importer that parity is shown for.
"""

from dataclasses import dataclass
from typing import Any

from fisc.core.errors import ConfigError
from fisc.scenarios import foundation_config
from fisc.scenarios.foundation_config import FIXED_MAPS, FoundationConfig

WITH_WATER = (*FIXED_MAPS, "quadrant")
"""Scenarios whose maps have a channel for water."""


@dataclass(frozen=True)
class Setup:
    """One configuration: as the reference takes it, and as fisc reads it."""

    raw: dict[str, Any]
    """Arguments of the reference's environment, untouched."""
    config: FoundationConfig

    @property
    def environment(self) -> dict[str, Any]:
        """Arguments of the environment, with defaults."""
        return self.config.environment

    @property
    def listed(self) -> tuple[str, ...]:
        """Components in their order."""
        return self.config.listed

    @property
    def tax(self) -> dict[str, Any]:
        """Arguments of the tax component, with defaults."""
        return self.config.tax

    @property
    def has_taxes(self) -> bool:
        """Whether there is a tax component at all."""
        return self.config.has_taxes

    @property
    def has_planner(self) -> bool:
        """Whether the planner has actions."""
        return self.config.has_planner

    @property
    def is_saez(self) -> bool:
        """Whether rates come from the Saez estimator."""
        return self.has_taxes and self.tax["tax_model"] == "saez" and not self.tax["disable_taxes"]

    @property
    def has_water(self) -> bool:
        """Whether the reference's maps have a channel for water."""
        return self.config.kind in WITH_WATER

    @property
    def period(self) -> int:
        """Steps in a tax period; the whole episode if there are no taxes."""
        return self.config.period


def resolve(env: dict[str, Any]) -> Setup:
    """Fill in defaults.

    Raises:
        ConfigError: what fisc refuses, or what the reference cannot play.
    """
    config = foundation_config.resolve(env)
    if config.environment["isoelastic_eta"] == 1:
        raise ConfigError("isoelastic_eta 1 cannot be compared: the reference fails on it with a type error")
    return Setup(env, config)
