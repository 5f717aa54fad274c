"""From a configuration of the reference program to a scenario of fisc, as plain data. No jax here.

What a scenario cannot say is said in its caveats, not passed over: see `_caveats`.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from fisc.scenarios import foundation_sections as sections
from fisc.scenarios.config import Scenario
from fisc.scenarios.foundation_config import FIXED_MAPS, FoundationConfig
from fisc.scenarios.reading import parse
from fisc.scenarios.registry import scenario_data
from fisc.taxes.us_federal import FOUNDATION_2018_ALIAS

EVENTS = {
    "Build": "build",
    "ContinuousDoubleAuction": "trade",
    "Gather": "gather",
    "PeriodicBracketTax": "tax",
    "WealthRedistribution": "redistribute",
}
"""The event of each component."""
DRAWN = {"uniform": "scattered", "multi_zone": "zones", "quadrant": "quadrants"}
WARMUPS = {"decay": "episodes", "auto": "rewarding steps"}
OBJECTIVES = {
    "coin_eq_times_productivity": "equality_times_productivity",
    "inv_income_weighted_coin_endowments": "inverse_income_weighted_coin",
    "inv_income_weighted_utility": "inverse_income_weighted_utility",
}
ARMS = {
    "model_wrapper": "planner",
    "saez": "saez_estimated",
    "fixed-bracket-rates": "fixed",
    "us-federal-single-filer-2018-scaled": "us_federal",
}
LEARNER = {
    "lr": "learning_rate",
    "gamma": "discount",
    "lambda": "trace",
    "clip_param": "clip",
    "entropy_coeff": "entropy",
    "grad_clip": "max_gradient_norm",
}
"""Names of the reference's learner, and ours."""
PUBLISHED_FILTERS = (16, 32)
"""Of the published network: one layer of the first, the others of the second."""
NO_LIMIT = 1000.0
"""On how far a policy may move in a batch: there is none there."""
PRESET = "gtb-open-quadrant"
"""Whose recipe of learning fills in what a file does not say."""
UNDER_A_CEILING = {
    "begins_at": 0.5,
    "begins_within": 0.25,
    "learning_rate": 1e-3,
    "entropy": 0.005,
    "final_entropy": 0.0005,
    "settles_at": 1.0,
}
"""How a planner learns where the file is silent: rates are drawn around one half, cut off by a ceiling that rises. The
preset's own planner begins with low rates in place of a ceiling, and settles before the end."""


def scenario_of(config: FoundationConfig, name: str = "imported", convention: str = "exact") -> Scenario:
    """The scenario that a configuration describes.

    Args:
        name: of the scenario.
        convention: "exact", or "foundation" to keep the reference program's known errors.

    Raises:
        ConfigError: what a scenario cannot be.
    """
    world = config.environment
    return parse(
        Scenario,
        {
            "name": name,
            "title": f"Imported from a configuration of ai-economist: {config.kind}, {world['n_agents']} citizens",
            "objective": OBJECTIVES[world["planner_reward_type"].lower()],
            "arms": [arm_of(config)],
            "caveats": _caveats(config),
            "economy": _economy(config, convention),
            "taxes": _taxes(config, convention),
            "evaluation": {"episodes": 16, "actions": "drawn"},
            "learning": _learning(config),
            "budgets": _budgets(config),
        },
    )


def arm_of(config: FoundationConfig) -> str:
    """The tax system that the configuration has in force."""
    if not config.has_taxes or config.tax["disable_taxes"]:
        return "free_market"
    return ARMS[config.tax["tax_model"]]


def rate_grid(low: float, high: float, step: float, convention: str = "exact") -> np.ndarray:
    """Rates from `low` in steps of `step` that do not exceed `high`, but for rounding.

    The reference program drops the last one if rounding lifts it above `high`, as 3 x 0.1 is above 0.3; convention
    "foundation" keeps that.
    """
    rates = low + np.arange(int((high - low) / step + 1e-6) + 1) * step
    return rates if convention == "exact" else rates[rates <= high]


def _economy(config: FoundationConfig, convention: str) -> dict[str, Any]:
    world, parts = config.environment, config.components
    build, auction, gather = parts["Build"], parts["ContinuousDoubleAuction"], parts["Gather"]
    north = world.get("skill_rank_of_top_agents")
    north = [0 if north is None else north] if north is None or isinstance(north, int | float) else north
    placement = "split" if config.kind == "split_layout" else "corners" if config.has_ranked_skills else "anywhere"
    return {
        "kind": "gather_trade_build",
        "citizens": int(world["n_agents"]),
        "map": _map(config),
        **{good: _good(config, good) for good in ("wood", "stone")},
        "placement": placement,
        "north_ranks": [int(rank) for rank in north],
        "building": {
            "payment": build["payment"],
            "max_multiplier": build["payment_max_skill_multiplier"],
            "skills": build["skill_dist"].lower(),
            "labor": build["build_labor"],
        },
        "market": {
            "max_price": int(auction["max_bid_ask"]),
            "order_labor": auction["order_labor"],
            "order_duration": int(auction["order_duration"]),
            "max_orders": int(auction["max_num_orders"] or auction["order_duration"]),
        },
        "gathering": {
            "move_labor": gather["move_labor"],
            "collect_labor": gather["collect_labor"],
            "skills": gather["skill_dist"].lower(),
        },
        "events": [EVENTS[name] for name in config.listed],
        "periods": int(world["episode_length"]) // config.period,
        "steps_per_period": config.period,
        "choices": "one_of_each" if world["multi_action_mode_agents"] else "one",
        "sight": {
            "halfwidth": int(world["mobile_agent_observation_range"]),
            "whole_map": bool(world["full_observability"]),
            "planner_sees_map": bool(world["planner_gets_spatial_info"]),
            "is_scaled": bool(world["allow_observation_scaling"]),
        },
        "starting_coin": world["starting_agent_coin"],
        "eta": world["isoelastic_eta"],
        "labor_cost": world["energy_cost"],
        "labor_warmup": world["energy_warmup_constant"],
        "warmup_counts": WARMUPS[world["energy_warmup_method"].lower()],
        "equality_weight": 1.0 - world["mixing_weight_gini_vs_coin"],
        "convention": convention,
    }


def _map(config: FoundationConfig) -> dict[str, Any]:
    world = config.environment
    found = {"rows": int(world["world_size"][0]), "columns": int(world["world_size"][1])}
    if config.kind in FIXED_MAPS:
        return found | {
            "layout": _map_name(str(world["env_layout_file"])),
            "water_row": int(world.get("water_row") or 0),
        }
    found |= {"layout": DRAWN[config.kind], "is_checkered": bool(world["checker_source_blocks"])}
    found["gradient"] = world["gradient_steepness"]
    if config.kind == "multi_zone":
        found |= {"zone_rows": int(world["num_partitions_row"]), "zone_columns": int(world["num_partitions_col"])}
        counts = {"wood_zones": "wood", "stone_zones": "stone", "mixed_zones": "wood_and_stone"}
        found |= {ours: int(world[f"num_{theirs}_zones"]) for ours, theirs in counts.items()}
    return found


def _map_name(file: str) -> str:
    """The name of a map that comes with fisc, or the file of one's own as it is."""
    stem = file.removesuffix(".txt")
    ours = files("fisc.economies.gather_trade_build") / "layout_data" / f"{Path(stem).name}.txt"
    return stem if Path(file).name == file and ours.is_file() else file


def _good(config: FoundationConfig, good: str) -> dict[str, Any]:
    world = config.environment
    if config.kind in FIXED_MAPS:
        return {"regrowth": world["resource_regen_prob"]}
    return {
        "coverage": world[f"starting_{good}_coverage"],
        "clumpiness": world[f"{good}_clumpiness"],
        "regrowth": world[f"{good}_regen_weight"],
        "regrowth_reach": int(world[f"{good}_regen_halfwidth"]),
        "most_units": int(world[f"{good}_max_health"]),
    }


def _taxes(config: FoundationConfig, convention: str) -> dict[str, Any]:
    tax = config.tax
    spacing = tax["bracket_spacing"].lower().replace("-", "_")
    grid = rate_grid(float(tax["rate_min"]), float(tax["rate_max"]), float(tax["rate_disc"]), convention)
    elasticity = tax["saez_fixed_elas"]
    return {
        "brackets": spacing,
        "law": FOUNDATION_2018_ALIAS,
        "dollars_per_coin": tax["usd_scaling"],
        "num_brackets": int(tax["n_brackets"]),
        "top_cutoff": tax["top_bracket_cutoff"],
        "fixed_rates": list(tax["fixed_bracket_rates"] or []),
        "planner": "grid",
        "rate_step": tax["rate_disc"],
        "min_rate": float(grid[0]),
        "max_rate": float(grid[-1]),
        "sets_one_rate": not config.environment["multi_action_mode_planner"],
        "saez_elasticity": "own" if elasticity is None else elasticity,
        "saez_weights": tax["pareto_weight_type"],
    }


def first_ceiling(config: FoundationConfig) -> float:
    """Ceiling on rates in the first episode, as a share of the highest rate."""
    schedule = config.tax["tax_annealing_schedule"]
    return 1.0 if schedule is None else min(1.0, max(0.0, -schedule[1] * schedule[0]))


def _learning(config: FoundationConfig) -> dict[str, Any]:
    """The training section over fisc's own recipe for this economy, which says what the section does not."""
    preset = scenario_data(PRESET)["learning"]
    trainer, batch = config.training.get("trainer", {}), config.training.get("trainer", {}).get("train_batch_size")
    worlds = _worlds(trainer)
    found = preset | {"max_rate_start": first_ceiling(config), "periods_per_update": 1}
    if config.environment["energy_warmup_constant"]:  # the economy has a warm-up of its own
        found |= {"labor_cost_start": 1.0, "labor_cost_full_at": 0.0}
    if worlds:
        found["environments"] = worlds
        if batch:
            periods = int(batch) / (found["environments"] * config.period)
            most = int(config.environment["episode_length"]) // config.period
            found["periods_per_update"] = min(max(1, round(periods)), most)
    # Ranks are dealt anew in every episode there, so that one network has to serve all citizens.
    one_for_all = {"own_networks": False, "per_agent": False}
    found["citizen"] = preset["citizen"] | one_for_all | _role(config, "agent_policy")
    if config.environment["full_observability"]:  # nobody is in the middle of a whole map
        found["citizen"].pop("radius")
    kept = found["citizen"]["thresholds"].items()
    found["citizen"]["thresholds"] = {name: limits for name, limits in kept if _is_seen(name, config)}
    found["planner"] = preset["planner"] | UNDER_A_CEILING | _role(config, "planner_policy")
    return found


def _is_seen(number: str, config: FoundationConfig) -> bool:
    """Whether citizens see a number that is also read as flags, in the unit of fisc's own recipe."""
    if number in ("own/row", "own/column") and config.environment["full_observability"]:
        return False
    component = {"own/build_payment": "Build", "own/marginal_rate": "PeriodicBracketTax", "rates": "PeriodicBracketTax"}
    is_there = number not in component or component[number] in config.listed
    return is_there and bool(config.environment["allow_observation_scaling"])


def _role(config: FoundationConfig, section: str) -> dict[str, Any]:
    """How one role learns there."""
    policy, found = config.training.get(section, {}), _updates(config, section)
    if not policy:
        return found
    found |= {ours: float(policy[theirs]) for theirs, ours in LEARNER.items() if policy.get(theirs) is not None}
    found |= {"final_learning_rate": 1.0, "kl_limit": NO_LIMIT}
    if rates := policy.get("lr_schedule"):
        found["learning_rate"], found["final_learning_rate"] = float(rates[0][1]), float(rates[-1][1] / rates[0][1])
    if schedule := policy.get("entropy_coeff_schedule"):
        found["entropy"], found["final_entropy"] = float(schedule[0][1]), float(schedule[-1][1])
    elif "entropy" in found:
        found["final_entropy"] = found["entropy"]
    sees_map = section == "agent_policy" or bool(config.environment["planner_gets_spatial_info"])
    found |= _network(policy, sees_map=sees_map)
    return found


def _worlds(trainer: Mapping[str, Any]) -> int | None:
    """Environments that play side by side, two at least; None if it is not said."""
    if trainer.get("num_workers") is None:
        return None
    return max(2, max(1, int(trainer["num_workers"])) * int(trainer.get("num_envs_per_worker") or 1))


def _updates(config: FoundationConfig, section: str) -> dict[str, Any]:
    """How often and in which parts a batch is learned from, the same for both roles there."""
    trainer, found = config.training.get("trainer", {}), {}
    if trainer.get("num_sgd_iter"):
        found["epochs"] = int(trainer["num_sgd_iter"])
    if trainer.get("shuffle_sequences") is not None:
        found["shuffles"] = bool(trainer["shuffle_sequences"])
    batch, part = trainer.get("train_batch_size"), trainer.get("sgd_minibatch_size")
    # A role that the file is silent about learns as in the preset.
    role = "citizen" if section == "agent_policy" else "planner"
    whole = 1 if config.training.get(section) else scenario_data(PRESET)["learning"][role]["minibatches"]
    parts = max(1, int(batch) // int(part)) if batch and part else whole
    found["minibatches"] = min(parts, _worlds(trainer) or parts)  # no more than there are environments
    return found


def _network(policy: Mapping[str, Any], *, sees_map: bool) -> dict[str, Any]:
    """The networks of a role. Those with filters or a memory read everything in full and no flags, as published."""
    shape, found = sections.network_of(policy), {}
    if width := shape.get("fc_dim") or shape.get("lstm_cell_size"):
        found["hidden"] = [int(width)] * int(shape.get("num_fc") or 2)
    layers = int(shape.get("num_conv") or 0) if sees_map else 0
    kind = "_".join(["convolution"] * bool(layers) + ["lstm"] * bool(shape.get("lstm_cell_size")))
    if not kind:
        return found
    found |= {"network": kind, "head": "categorical", "radius": {}, "thresholds": {}, "actor_sees_mask": False}
    found |= {"critic_sees_maps": True, "critic_hidden": found.get("hidden", [])}
    if layers:
        found["filters"] = [PUBLISHED_FILTERS[0], *[PUBLISHED_FILTERS[1]] * (layers - 1)]
    if length := (policy.get("model") or {}).get("max_seq_len"):
        found["sequence"] = int(length)
    return found


def _budgets(config: FoundationConfig) -> dict[str, Any]:
    """Those of fisc's own recipe; the full one plays as many steps as the training section says."""
    budgets, learning = scenario_data(PRESET)["budgets"], _learning(config)
    if config.environment["energy_warmup_constant"]:  # it would begin anew after a common start
        budgets = {name: budget | {"common_updates": 0} for name, budget in budgets.items()}
    episodes, steps = config.training.get("general", {}).get("episodes"), int(config.environment["episode_length"])
    if not episodes:
        return budgets
    played = learning["environments"] * learning["periods_per_update"] * config.period
    updates = max(1, int(episodes) * steps // played)
    full = {"common_updates": 0, "updates": updates, "planner_updates": updates, "block": min(50, updates)}
    return budgets | {"full": full}


def _caveats(config: FoundationConfig) -> list[str]:
    """What the configuration says and a scenario cannot."""
    found = []
    arm, tax, general = arm_of(config), config.tax, config.training.get("general", {})
    told = {name: given for name, given in config.training.items() if name != "planner_policy" or arm == "planner"}
    for section, given in told.items():
        if left := sections.left_over(section, given):
            found.append(f"Not carried over from {section}: {', '.join(left)}.")
    for section, role in (("agent_policy", "Citizens"), ("planner_policy", "The planner")):
        found += _caveats_of_role(told.get(section, {}), section, role)
    is_random = _model(told.get("planner_policy", {})) == "random"
    if arm == "planner" and (is_random or general.get("train_planner") in (False, 0)):
        found.append("The planner did not learn there; here it learns.")
    learning, batch = _learning(config), config.training.get("trainer", {}).get("train_batch_size")
    played = learning["environments"] * learning["periods_per_update"] * config.period
    if batch and batch != played:
        found.append(f"An update is {played:,} steps here, whole tax periods of all environments; there {batch:,}.")
    if tax["tax_annealing_schedule"] is not None and arm == "planner":
        found.append("The ceiling on rates rose with every episode there; here it rises to 1 while the planner learns.")
    elif tax["tax_annealing_schedule"] is not None and arm != "free_market":
        found.append("The ceiling on rates rose with every episode there; here only a planner has one.")
    if float(tax["rate_max"]) < 1.0 and arm not in ("planner", "free_market"):
        found.append(f"Rates were cut at {tax['rate_max']} there; here only a planner's are.")
    for key in ("restore_tf_weights_agents", "restore_tf_weights_planner"):
        if general.get(key):
            found.append(f"Weights in {general[key]} are of another program: learning begins from new ones.")
    return found


def _model(policy: Mapping[str, Any]) -> str:
    """The name of a policy's network."""
    return str((policy.get("model") or {}).get("custom_model") or sections.PUBLISHED)


def _caveats_of_role(policy: Mapping[str, Any], section: str, role: str) -> list[str]:
    """What is different about how a role learns, and what makes it slow."""
    found, shape, name = [], sections.network_of(policy), _model(policy)
    width, memory = shape.get("fc_dim"), shape.get("lstm_cell_size")
    if name != sections.PUBLISHED and (name, role) != ("random", "The planner"):
        found.append(f"{section}: network {name} is not known here; its sizes are read as the published one's.")
    if memory:
        found.append(f"{section}: a memory (LSTM) is slow without a GPU.")
    if memory and width and memory != width:
        found.append(f"{section}: a memory of {memory} there is {width} here, as wide as the layer before it.")
    if shape.get("num_fc") and not (width or memory):
        found.append(f"{section}: num_fc without fc_dim says nothing of a width, and is not carried over.")
    if "grad_clip" in policy and policy["grad_clip"] is None:
        found.append(f"{section}: gradients are not clipped there; here they are.")
    if turned := [key for key in sections.SCHEDULES if len(policy.get(key) or ()) > 1]:
        kept = f"{section}: of {' and '.join(turned)} the first and last value are kept"
        found.append(f"{kept}, over the whole of learning; when they are reached, and those between, are not.")
    return found
