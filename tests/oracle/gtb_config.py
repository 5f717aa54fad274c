"""Configurations of the gather-trade-build economy in the reference program's own format, with defaults filled in.

Only what the two programs need to agree on is read here; the reference refuses arguments that it does not know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fisc.core.errors import ConfigError, unknown

from .one_step_config import TAX_DEFAULTS

FIXED = ("layout_from_file", "split_layout")
PROCEDURAL = ("uniform", "multi_zone", "quadrant")
WITH_WATER = (*FIXED, "quadrant")
"""Kinds of scenarios, and those whose maps have a channel for water."""

ENVIRONMENT_DEFAULTS = {
    "episode_length": 1000,
    "multi_action_mode_agents": False,
    "multi_action_mode_planner": True,
    "flatten_observations": True,
    "flatten_masks": True,
    "allow_observation_scaling": True,
    "resource_regen_prob": 0.01,
    "starting_agent_coin": 0,
    "isoelastic_eta": 0.23,
    "energy_cost": 0.21,
    "energy_warmup_constant": 0,
    "energy_warmup_method": "decay",
    "planner_reward_type": "coin_eq_times_productivity",
    "mixing_weight_gini_vs_coin": 0.0,
    "planner_gets_spatial_info": True,
    "full_observability": False,
    "mobile_agent_observation_range": 5,
    **{f"{good}_regen_halfwidth": 0 for good in ("stone", "wood")},
    **{f"{good}_regen_weight": 0.01 for good in ("stone", "wood")},
    **{f"{good}_max_health": 1 for good in ("stone", "wood")},
}
COMPONENTS = {
    "Build": {"payment": 10, "payment_max_skill_multiplier": 1, "skill_dist": "none", "build_labor": 10.0},
    "ContinuousDoubleAuction": {"max_bid_ask": 10, "order_labor": 0.25, "order_duration": 50, "max_num_orders": None},
    "Gather": {"move_labor": 1.0, "collect_labor": 1.0, "skill_dist": "none"},
    "PeriodicBracketTax": TAX_DEFAULTS,
    "WealthRedistribution": {},
}
SHORTHANDS = {"trade": "ContinuousDoubleAuction", "periodictax": "PeriodicBracketTax"}
EVENTS = {
    "Build": "build",
    "ContinuousDoubleAuction": "trade",
    "Gather": "gather",
    "PeriodicBracketTax": "tax",
    "WealthRedistribution": "redistribute",
}


@dataclass(frozen=True)
class Setup:
    """One configuration: as the reference takes it, and with every default filled in."""

    raw: dict[str, Any]
    """Arguments of the reference's environment, untouched."""
    kind: str
    """The scenario's name before the slash."""
    environment: dict[str, Any]
    listed: tuple[str, ...]
    """Components in their order."""
    components: dict[str, dict[str, Any]]
    """Arguments of every component, also of those that are not listed."""

    @property
    def tax(self) -> dict[str, Any]:
        """Arguments of the tax component."""
        return self.components["PeriodicBracketTax"]

    @property
    def has_taxes(self) -> bool:
        """Whether there is a tax component at all."""
        return "PeriodicBracketTax" in self.listed

    @property
    def has_planner(self) -> bool:
        """Whether the planner has actions."""
        return self.has_taxes and self.tax["tax_model"] == "model_wrapper" and not self.tax["disable_taxes"]

    @property
    def is_saez(self) -> bool:
        """Whether rates come from the Saez estimator."""
        return self.has_taxes and self.tax["tax_model"] == "saez"

    @property
    def has_water(self) -> bool:
        """Whether the reference's maps have a channel for water."""
        return self.kind in WITH_WATER

    @property
    def period(self) -> int:
        """Steps in a tax period; the whole episode if there are no taxes."""
        return self.tax["period"] if self.has_taxes else self.environment["episode_length"]


def resolve(env: dict[str, Any]) -> Setup:
    """Fill in defaults.

    Raises:
        ConfigError: a scenario or component that is not of this economy, or what fisc cannot express.
    """
    kind = str(env.get("scenario_name")).split("/")[0]
    if kind not in (*FIXED, *PROCEDURAL):
        raise unknown("scenario", str(env.get("scenario_name")), (*FIXED, *PROCEDURAL))
    given = dict(_pair(entry) for entry in env.get("components") or [])
    setup = Setup(
        raw=env,
        kind=kind,
        environment={**ENVIRONMENT_DEFAULTS, **{key: value for key, value in env.items() if key != "components"}},
        listed=tuple(given),
        components={name: {**defaults, **given.get(name, {})} for name, defaults in COMPONENTS.items()},
    )
    steps = setup.environment["episode_length"]
    if steps % setup.period:
        raise ConfigError(f"episode_length {steps} is not a whole number of tax periods of {setup.period}")
    if setup.environment["isoelastic_eta"] == 1:
        raise ConfigError("isoelastic_eta 1 is not supported: the reference fails on it with a type error")
    if "Gather" not in setup.listed and "Build" not in setup.listed:
        raise ConfigError("components must have Build or Gather: without them the reference's maps have no houses")
    return setup


def _pair(entry: Any) -> tuple[str, dict[str, Any]]:
    """Canonical name and arguments of a component, given as {name: arguments} or [name, arguments]."""
    name, arguments = next(iter(entry.items())) if isinstance(entry, Mapping) else tuple(entry)
    known = {key.lower(): key for key in COMPONENTS} | SHORTHANDS
    if str(name).lower() not in known:
        raise unknown("component", str(name), COMPONENTS)
    return known[str(name).lower()], dict(arguments or {})
