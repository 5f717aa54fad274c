"""Configurations of the one-step economy in the reference program's own format, read strictly.

A file has an `env` section with the arguments of the reference's environment; other sections are not looked at.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fisc.core.errors import ConfigError, unknown

SCENARIO = "one-step-economy"

ENVIRONMENT_DEFAULTS = {
    "n_agents": None,
    "world_size": None,
    "episode_length": 1000,
    "multi_action_mode_agents": False,
    "multi_action_mode_planner": True,
    "flatten_observations": True,
    "flatten_masks": True,
    "allow_observation_scaling": True,
    "dense_log_frequency": None,
    "world_dense_log_frequency": 50,
    "collate_agent_step_and_reset_data": False,
    "seed": None,
    "agent_reward_type": "coin_minus_labor_cost",
    "isoelastic_eta": 0.23,
    "labor_exponent": 2.0,
    "labor_cost": 1.0,
    "planner_reward_type": "inv_income_weighted_utility",
    "mixing_weight_gini_vs_coin": 0,
}
LABOR_DEFAULTS = {"mask_first_step": True, "payment_max_skill_multiplier": 3, "pareto_param": 4.0}
TAX_DEFAULTS = {
    "disable_taxes": False,
    "tax_model": "model_wrapper",
    "period": 100,
    "rate_min": 0.0,
    "rate_max": 1.0,
    "rate_disc": 0.05,
    "n_brackets": 5,
    "top_bracket_cutoff": 100,
    "usd_scaling": 1000.0,
    "bracket_spacing": "us-federal",
    "fixed_bracket_rates": None,
    "pareto_weight_type": "inverse_income",
    "saez_fixed_elas": None,
    "tax_annealing_schedule": None,
}
COMPONENTS = {"SimpleLabor": LABOR_DEFAULTS, "PeriodicBracketTax": TAX_DEFAULTS}

UTILITIES = ("coin_minus_labor_cost", "isoelastic_coin_minus_labor")
OBJECTIVES = ("inv_income_weighted_utility", "coin_eq_times_productivity")
TAX_MODELS = ("model_wrapper", "us-federal-single-filer-2018-scaled", "saez", "fixed-bracket-rates")
SPACINGS = ("us-federal", "linear", "log")
WEIGHT_TYPES = ("inverse_income", "uniform")


@dataclass(frozen=True)
class Setup:
    """One configuration: as the reference takes it, and with every default filled in."""

    raw: dict[str, Any]
    """Arguments of the reference's environment, untouched."""
    environment: dict[str, Any]
    labor: dict[str, Any]
    tax: dict[str, Any]

    @property
    def has_planner(self) -> bool:
        """Whether the planner has actions."""
        return self.tax["tax_model"] == "model_wrapper" and not self.tax["disable_taxes"]

    @property
    def is_saez(self) -> bool:
        """Whether rates come from the Saez estimator."""
        return self.tax["tax_model"] == "saez"


def read(path: str | Path) -> Setup:
    """Read a YAML or JSON file.

    Raises:
        ConfigError: no such file, no such format, or a configuration that `resolve` refuses.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"no configuration file '{path}'")
    try:
        content = _parse(path)
    except ValueError as error:
        raise ConfigError(f"'{path}' cannot be read: {error}") from error
    if not isinstance(content, Mapping) or not isinstance(content.get("env"), Mapping):
        raise ConfigError(f"'{path}' has no section 'env' with the environment's arguments")
    return resolve(dict(content["env"]))


def resolve(env: dict[str, Any]) -> Setup:
    """Check the arguments of a reference environment and fill in defaults.

    Raises:
        ConfigError: naming the first argument that is unknown or that fisc cannot express.
    """
    name = env.get("scenario_name")
    if name != SCENARIO:
        raise unknown("scenario", str(name), [SCENARIO])
    components = _components(env.get("components"))
    scenario = {key: value for key, value in env.items() if key not in ("scenario_name", "components")}
    setup = Setup(
        raw=env,
        environment=_filled("environment argument", scenario, ENVIRONMENT_DEFAULTS),
        labor=_filled("SimpleLabor argument", components["SimpleLabor"], LABOR_DEFAULTS),
        tax=_filled("PeriodicBracketTax argument", components["PeriodicBracketTax"], TAX_DEFAULTS),
    )
    _check_names(setup)
    _check_supported(setup)
    return setup


def _parse(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"'{path}' is neither YAML (.yaml, .yml) nor JSON (.json)")
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _components(listed: Any) -> dict[str, dict[str, Any]]:
    """Arguments by component name; each entry is {name: arguments} or [name, arguments]."""
    if not isinstance(listed, list):
        raise ConfigError("'components' must be a list of {name: arguments}")
    pairs = []
    for entry in listed:
        items = list(entry.items()) if isinstance(entry, Mapping) else [tuple(entry)]
        if len(items) != 1 or len(items[0]) != 2:
            raise ConfigError(f"a component is {{name: arguments}} or [name, arguments], not {entry!r}")
        pairs.append(items[0])
    for name, _ in pairs:
        if name not in COMPONENTS:
            raise unknown("component", str(name), COMPONENTS)
    names = [name for name, _ in pairs]
    if names != list(COMPONENTS):
        raise ConfigError(f"components must be SimpleLabor, then PeriodicBracketTax, got {', '.join(names) or 'none'}")
    return {name: dict(arguments or {}) for name, arguments in pairs}


def _filled(kind: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    for key in given:
        if key not in defaults:
            raise unknown(kind, str(key), defaults)
    return {**defaults, **given}


def _check_names(setup: Setup) -> None:
    """Refuse a name that is not in its table."""
    tax, environment = setup.tax, setup.environment
    tables = (
        ("agent_reward_type", environment["agent_reward_type"], UTILITIES),
        ("planner_reward_type", environment["planner_reward_type"], OBJECTIVES),
        ("tax_model", tax["tax_model"], TAX_MODELS),
        ("bracket_spacing", str(tax["bracket_spacing"]).lower(), SPACINGS),
        ("pareto_weight_type", tax["pareto_weight_type"], WEIGHT_TYPES),
    )
    for kind, name, allowed in tables:
        if name not in allowed:
            raise unknown(kind, str(name), allowed)


def _check_supported(setup: Setup) -> None:
    """Refuse what only one of the two programs can do."""
    tax, environment = setup.tax, setup.environment
    steps, period = environment["episode_length"], tax["period"]
    refusals = (
        (environment["n_agents"] is None, "n_agents is missing"),
        (environment["world_size"] is None, "world_size is missing: the one-step economy has [1, 1]"),
        (
            environment["collate_agent_step_and_reset_data"],
            "collate_agent_step_and_reset_data is not supported: the reference itself fails on it in this scenario",
        ),
        (
            steps % period != 0,
            f"episode_length {steps} is not a whole number of tax periods of {period}: fisc nests steps in periods",
        ),
        (
            environment["agent_reward_type"] == "isoelastic_coin_minus_labor" and environment["isoelastic_eta"] == 1,
            "isoelastic_eta 1 is not supported: the reference fails on it with a type error",
        ),
        (
            setup.has_planner and (tax["rate_min"] != 0 or tax["rate_max"] != 1),
            "rate_min and rate_max are not supported with tax_model model_wrapper: the planner's grid runs from 0 to 1",
        ),
    )
    for is_refused, message in refusals:
        if is_refused:
            raise ConfigError(message)
