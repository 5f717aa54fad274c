"""Configurations of the reference program `ai-economist` (package "Foundation"), read strictly. No jax here.

A file has a section `env` with the arguments of the reference's environment, and may have the sections of its training
script: `general`, `trainer`, `agent_policy`, `planner_policy`. An unknown argument, a component given twice, a period
of no length or a negative cost is a `ConfigError` in one line.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fisc.core.errors import ConfigError, unknown
from fisc.scenarios import foundation_sections as sections

FIXED_MAPS = ("layout_from_file", "split_layout")
DRAWN_MAPS = ("uniform", "multi_zone", "quadrant")
KINDS = (*FIXED_MAPS, *DRAWN_MAPS)
"""Scenarios, each named `KIND/simple_wood_and_stone` there."""
SUFFIX = "simple_wood_and_stone"
TRAINING_SECTIONS = tuple(sections.READ)

COMMON: dict[str, Any] = {
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
    "planner_gets_spatial_info": True,
    "full_observability": False,
    "mobile_agent_observation_range": 5,
    "starting_agent_coin": 0,
    "isoelastic_eta": 0.23,
    "energy_cost": 0.21,
    "energy_warmup_constant": 0,
    "energy_warmup_method": "decay",
    "planner_reward_type": "coin_eq_times_productivity",
    "mixing_weight_gini_vs_coin": 0.0,
}
FROM_FILE: dict[str, Any] = {
    "env_layout_file": "quadrant_25x25_20each_30clump.txt",
    "resource_regen_prob": 0.01,
    "fixed_four_skill_and_loc": False,
}
DRAWN: dict[str, Any] = {
    **{f"starting_{good}_coverage": 0.025 for good in ("wood", "stone")},
    **{f"{good}_regen_halfwidth": 0 for good in ("wood", "stone")},
    **{f"{good}_regen_weight": 0.01 for good in ("wood", "stone")},
    **{f"{good}_max_health": 1 for good in ("wood", "stone")},
    "wood_clumpiness": 0.35,
    "stone_clumpiness": 0.5,
    "gradient_steepness": 8,
    "checker_source_blocks": False,
}
ZONES = {
    "num_partitions_row": 8,
    "num_partitions_col": 8,
    "num_wood_zones": 6,
    "num_stone_zones": 6,
    "num_wood_and_stone_zones": 4,
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "layout_from_file": {**COMMON, **FROM_FILE},
    "split_layout": {**COMMON, **FROM_FILE, "water_row": None, "skill_rank_of_top_agents": None},
    "uniform": {**COMMON, **DRAWN},
    "multi_zone": {**COMMON, **DRAWN, **ZONES},
    "quadrant": {**COMMON, **DRAWN},
}
"""Arguments of each scenario, with their defaults."""
COMPONENTS: dict[str, dict[str, Any]] = {
    "Build": {"payment": 10, "payment_max_skill_multiplier": 1, "skill_dist": "none", "build_labor": 10.0},
    "ContinuousDoubleAuction": {"max_bid_ask": 10, "order_labor": 0.25, "order_duration": 50, "max_num_orders": None},
    "Gather": {"move_labor": 1.0, "collect_labor": 1.0, "skill_dist": "none"},
    "PeriodicBracketTax": {
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
    },
    "WealthRedistribution": {},
}
"""Arguments of each component, with their defaults."""

NAMES: dict[str, tuple[str, ...]] = {
    "energy_warmup_method": ("decay", "auto"),
    "planner_reward_type": (
        "coin_eq_times_productivity",
        "inv_income_weighted_coin_endowments",
        "inv_income_weighted_utility",
    ),
    "skill_dist": ("none", "pareto", "lognormal"),
    "tax_model": ("model_wrapper", "us-federal-single-filer-2018-scaled", "saez", "fixed-bracket-rates"),
    "bracket_spacing": ("us-federal", "linear", "log"),
    "pareto_weight_type": ("inverse_income", "uniform"),
}
"""Arguments that are a name, and what is allowed."""
ANY = math.inf
RANGES: dict[str, tuple[float, float]] = {
    "isoelastic_eta": (0, 1),
    "mixing_weight_gini_vs_coin": (0, 1),
    "resource_regen_prob": (0, 1),
    "rate_min": (0, 1),
    "rate_max": (0, 1),
    "rate_disc": (1e-6, 1),
    "top_bracket_cutoff": (10, ANY),
    "usd_scaling": (1e-9, ANY),
    "gradient_steepness": (1, ANY),
    **dict.fromkeys(("wood_regen_weight", "stone_regen_weight", "wood_clumpiness", "stone_clumpiness"), (0, 1)),
    **dict.fromkeys(("starting_wood_coverage", "starting_stone_coverage"), (1e-9, ANY)),
    **dict.fromkeys(("starting_agent_coin", "energy_cost", "energy_warmup_constant", "saez_fixed_elas"), (0, ANY)),
    **dict.fromkeys(("build_labor", "order_labor", "move_labor", "collect_labor"), (0, ANY)),
}
"""Numbers and what they lie between, both ends included."""
WHOLE: dict[str, tuple[float, float]] = {
    "n_agents": (2, ANY),
    "mobile_agent_observation_range": (0, ANY),
    "water_row": (1, ANY),
    "n_brackets": (2, ANY),
    **dict.fromkeys(("episode_length", "period", "payment", "payment_max_skill_multiplier"), (1, ANY)),
    **dict.fromkeys(("dense_log_frequency", "world_dense_log_frequency"), (1, ANY)),
    **dict.fromkeys(("max_bid_ask", "order_duration", "max_num_orders"), (1, ANY)),
    **dict.fromkeys(("wood_regen_halfwidth", "stone_regen_halfwidth"), (0, 3)),
    **dict.fromkeys(("wood_max_health", "stone_max_health"), (1, 127)),
    **dict.fromkeys(("num_partitions_row", "num_partitions_col"), (1, ANY)),
    **dict.fromkeys(("num_wood_zones", "num_stone_zones", "num_wood_and_stone_zones"), (0, ANY)),
}
"""Whole numbers and what they lie between."""


@dataclass(frozen=True)
class FoundationConfig:
    """One configuration with every default filled in."""

    kind: str
    """Scenario, one of `KINDS`."""
    environment: dict[str, Any]
    listed: tuple[str, ...]
    """Components in their order, which is the order of events."""
    components: dict[str, dict[str, Any]]
    """Arguments of every component, also of those that are not listed."""
    training: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Sections of the training script, as they are: see `foundation_sections`."""

    @property
    def tax(self) -> dict[str, Any]:
        """Arguments of the tax component."""
        return self.components["PeriodicBracketTax"]

    @property
    def has_taxes(self) -> bool:
        """Whether there is a tax component."""
        return "PeriodicBracketTax" in self.listed

    @property
    def has_planner(self) -> bool:
        """Whether a planner decides on taxes."""
        return self.has_taxes and self.tax["tax_model"] == "model_wrapper" and not self.tax["disable_taxes"]

    @property
    def period(self) -> int:
        """Steps in a tax period; the whole episode if there are no taxes."""
        return int(self.tax["period"]) if self.has_taxes else int(self.environment["episode_length"])

    @property
    def has_ranked_skills(self) -> bool:
        """Whether everybody's building skill is the average of a rank."""
        return self.kind == "split_layout" or bool(self.environment.get("fixed_four_skill_and_loc"))


def read(path: str | Path) -> FoundationConfig:
    """Read a YAML or JSON file.

    Raises:
        ConfigError: no such file, not readable, an unknown section, or what `resolve` refuses.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"no configuration file '{path}'")
    content = _parse(path)
    if not isinstance(content, Mapping) or not isinstance(content.get("env"), Mapping):
        raise ConfigError(f"'{path}' has no section 'env' with the environment's arguments")
    for section in content:
        if section not in ("env", *TRAINING_SECTIONS):
            raise unknown("section", str(section), ("env", *TRAINING_SECTIONS))
    return resolve(content["env"], {name: content[name] for name in TRAINING_SECTIONS if content.get(name) is not None})


def resolve(env: Mapping[str, Any], training: dict[str, dict[str, Any]] | None = None) -> FoundationConfig:
    """Check the arguments of a reference environment and fill in defaults.

    Raises:
        ConfigError: naming the first argument that is unknown, out of range or beyond what fisc can express.
    """
    kind, _, suffix = str(env.get("scenario_name")).partition("/")
    if kind not in KINDS or suffix != SUFFIX:
        raise unknown("scenario", str(env.get("scenario_name")), [f"{name}/{SUFFIX}" for name in KINDS])
    given = _components(env.get("components"))
    arguments = {key: value for key, value in env.items() if key not in ("scenario_name", "components")}
    config = FoundationConfig(
        kind=kind,
        environment=_filled("", arguments, ARGUMENTS[kind]),
        listed=tuple(given),
        components={name: _filled(f"{name}.", given.get(name, {}), COMPONENTS[name]) for name in COMPONENTS},
        training=training or {},
    )
    _check_world(config)
    _check_taxes(config)
    sections.check(config.training)
    return config


def _parse(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except ValueError as error:
            raise ConfigError(f"'{path}' is not valid JSON: {error}") from None
    try:
        import yaml
    except ImportError:
        raise ConfigError(f"'{path}' needs PyYAML to be read: pip install pyyaml, or convert it to JSON") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"'{path}' is not valid YAML: {' '.join(str(error).split())}") from None


def _components(listed: Any) -> dict[str, dict[str, Any]]:
    """Arguments by canonical name, in order; an entry is {name: arguments} or [name, arguments]."""
    if not isinstance(listed, list | tuple):
        raise ConfigError("'components' must be a list of {name: arguments}")
    names, found = {name.lower(): name for name in COMPONENTS}, {}
    for entry in listed:
        items = list(entry.items()) if isinstance(entry, Mapping) else [tuple(entry)] if _is_pair(entry) else []
        if len(items) != 1:
            raise ConfigError(f"a component is {{name: arguments}} or [name, arguments], not {entry!r}")
        name, arguments = items[0]
        if str(name).lower() not in names:
            raise unknown("component", str(name), COMPONENTS)
        name = names[str(name).lower()]
        if name in found:
            raise ConfigError(f"component {name} is given twice: expected one of each kind")
        if not isinstance(arguments, Mapping | None):
            raise ConfigError(f"arguments of component {name} are {arguments!r}: expected {{argument: value}}")
        found[name] = dict(arguments or {})
    if "Gather" not in found and "Build" not in found:
        raise ConfigError("components must have Gather or Build: without them nothing can be done on the map")
    return found


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, list | tuple) and len(entry) == 2


def _filled(prefix: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Check each argument by itself, and fill in the others."""
    kind = f"argument of {prefix[:-1]}" if prefix else "environment argument"
    for key, value in given.items():
        if key not in defaults:
            raise unknown(kind, str(key), defaults)
        _check_value(f"{prefix}{key}", key, value, defaults[key])
    return {**defaults, **given}


def _check_value(where: str, key: str, value: Any, default: Any) -> None:
    if value is None and default is None:
        return
    if key in NAMES:
        if str(value).lower() not in NAMES[key]:
            raise unknown(where, str(value), NAMES[key])
        return
    if isinstance(default, bool):
        if not isinstance(value, bool | int):
            raise ConfigError(f"{where} is {value!r}: expected true or false")
        return
    if key not in RANGES and key not in WHOLE:
        return
    low, high = (RANGES | WHOLE)[key]
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    is_good = is_number and low <= value <= high and (key in RANGES or value == int(value))
    if not is_good:
        what = "a whole number" if key in WHOLE else "a number"
        span = f"of at least {low:g}" if high == ANY else f"from {low:g} to {high:g}"
        raise ConfigError(f"{where} is {value!r}: expected {what} {span}")


def _check_world(config: FoundationConfig) -> None:
    """Refuse what is wrong with several arguments together, and what fisc cannot express."""
    world, build = config.environment, config.components["Build"]
    size, steps = world["world_size"], world["episode_length"]
    is_size = isinstance(size, list | tuple) and len(size) == 2 and all(isinstance(n, int) and n >= 1 for n in size)
    has_pareto = "Build" in config.listed and str(build["skill_dist"]).lower() == "pareto"
    refusals = (
        (world["n_agents"] is None, "n_agents is missing"),
        (not is_size, f"world_size is {size!r}: expected [rows, columns]"),
        (
            steps % config.period != 0,
            f"episode_length {steps} is not a whole number of tax periods of {config.period} steps",
        ),
        (
            world["collate_agent_step_and_reset_data"],
            "collate_agent_step_and_reset_data is not supported: the reference misorders masks with it",
        ),
        (
            config.kind == "split_layout" and world["fixed_four_skill_and_loc"],
            "fixed_four_skill_and_loc does not go with split_layout, which has places of its own: set it to false",
        ),
        (
            config.has_ranked_skills and not has_pareto,
            "ranked skills (split_layout, fixed_four_skill_and_loc) need component Build with skill_dist: pareto",
        ),
    )
    for is_refused, message in refusals:
        if is_refused:
            raise ConfigError(message)


def _check_taxes(config: FoundationConfig) -> None:
    tax = config.tax
    rates, schedule = tax["fixed_bracket_rates"], tax["tax_annealing_schedule"]
    is_us, is_fixed = tax["bracket_spacing"].lower() == "us-federal", tax["tax_model"] == "fixed-bracket-rates"
    num = 7 if is_us else int(tax["n_brackets"])
    is_list = isinstance(rates, list | tuple) and len(rates) == num
    are_rates = is_list and all(isinstance(rate, int | float) and 0 <= rate <= 1 for rate in rates)
    is_pair = _is_pair(schedule) and all(isinstance(number, int | float) for number in schedule)
    refusals = (
        (tax["rate_min"] > tax["rate_max"], f"rate_min {tax['rate_min']} is above rate_max {tax['rate_max']}"),
        (is_fixed and not are_rates, f"fixed_bracket_rates is {rates!r}: expected {num} rates from 0 to 1"),
        (
            tax["tax_model"].startswith("us-federal") and not is_us,
            f"tax_model {tax['tax_model']} needs bracket_spacing us-federal, not {tax['bracket_spacing']}",
        ),
        (
            schedule is not None and not is_pair,
            f"tax_annealing_schedule is {schedule!r}: expected [warmup episodes, slope per episode]",
        ),
    )
    for is_refused, message in refusals:
        if is_refused:
            raise ConfigError(f"PeriodicBracketTax: {message}")
