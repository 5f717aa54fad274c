"""From a configuration of the reference program to the Gather-Trade-Build economy of fisc.

`keywords` gives the arguments of the economy, `economy` makes it, and `describe` tells the whole configuration in the
words of fisc, training included.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.errors import ConfigError, unknown
from fisc.core.tax import TaxSystem
from fisc.econ import brackets, welfare
from fisc.economies.gather_trade_build import layouts, procedural, scatter, settle, skills
from fisc.economies.gather_trade_build.build import Building
from fisc.economies.gather_trade_build.economy import GatherTradeBuild, Preferences, Rules
from fisc.economies.gather_trade_build.gather import Gathering
from fisc.economies.gather_trade_build.market import Market
from fisc.economies.gather_trade_build.observe import Sight
from fisc.economies.gather_trade_build.regrow import Regrowth
from fisc.scenarios.foundation_config import FIXED_MAPS, FoundationConfig
from fisc.taxes.fixed import fixed, free_market
from fisc.taxes.planner import SLACK, PlannerGrid
from fisc.taxes.saez import saez_estimated
from fisc.taxes.us_federal import FOUNDATION_2018_ALIAS, law_schedule, resolve_law_name

EVENTS = {
    "Build": "build",
    "ContinuousDoubleAuction": "trade",
    "Gather": "gather",
    "PeriodicBracketTax": "tax",
    "WealthRedistribution": "redistribute",
}
"""The event of each component."""
CONVENTIONS = ("exact", "foundation")
"""The one switch between what is right and what the reference program does; see the page on its conventions."""
WARMUPS = {"decay": "episodes", "auto": "rewarding steps"}
GOODS = ("stone", "wood")


def economy(config: FoundationConfig, convention: str = "exact") -> GatherTradeBuild:
    """Make the economy that a configuration describes.

    Args:
        convention: "exact", or "foundation" to keep the reference program's known errors.

    Raises:
        ConfigError: a map, a placement or a tax that cannot be.
    """
    return GatherTradeBuild(**keywords(config, convention))


def keywords(config: FoundationConfig, convention: str = "exact") -> dict[str, Any]:
    """The arguments of `GatherTradeBuild` by name, as `economy`: here one word sets the options of all parts."""
    if convention not in CONVENTIONS:
        raise unknown("convention", convention, CONVENTIONS)
    world, is_foundation = config.environment, convention == "foundation"
    constant = float(world["energy_warmup_constant"])
    return {
        "beginning": beginning(config, convention),
        "rules": rules(config),
        "preferences": Preferences(
            eta=_number(world["isoelastic_eta"]),
            labor_cost=_number(world["energy_cost"]),
            warmup=_number(constant),
            warmup_counts=WARMUPS[world["energy_warmup_method"].lower()] if constant > 0 else "nothing",
        ),
        "tax": tax_system(config, convention),
        "payment": _number(config.components["Build"]["payment"]),
        "starting_coin": _number(world["starting_agent_coin"]),
        "objective": objective(config, convention),
        "periods": int(world["episode_length"]) // config.period,
        "steps_per_period": config.period,
        "events": tuple(EVENTS[name] for name in config.listed),
        "sight": Sight(
            halfwidth=int(world["mobile_agent_observation_range"]),
            whole_map=bool(world["full_observability"]),
            planner_sees_map=bool(world["planner_gets_spatial_info"]),
            is_scaled=bool(world["allow_observation_scaling"]),
            shows_noise=is_foundation,
            hides_places=is_foundation and bool(world["full_observability"]),
        ),
        "picks_from_every_menu": bool(world["multi_action_mode_agents"]),
        "gini_convention": convention,
    }


def beginning(config: FoundationConfig, convention: str = "exact") -> settle.Settlement:
    """The map, who stands where, and who is good at what; as `economy`."""
    world, build = config.environment, config.components["Build"]
    num, payment = int(world["n_agents"]), float(build["payment"])
    multiplier = float(build["payment_max_skill_multiplier"])
    ground = layout(config, convention)
    placement: settle.Placement = settle.Anywhere()
    if config.kind == "split_layout":
        north = world["skill_rank_of_top_agents"]
        north = 0 if north is None else int(north) if isinstance(north, int | float) else [int(rank) for rank in north]
        placement = settle.north_and_south(ground, num, north, world["water_row"])
    elif config.has_ranked_skills:
        placement = settle.in_corners(ground, num, convention)
    return settle.settle(
        ground,
        num,
        placement,
        skills.build_skills(build["skill_dist"].lower(), payment, multiplier),
        skills.gather_skills(config.components["Gather"]["skill_dist"].lower()),
        skills.ranked_payments(num, payment, multiplier) if config.has_ranked_skills else None,
    )


def layout(config: FoundationConfig, convention: str = "exact") -> layouts.Layout:
    """Where water and sources are; as `economy`."""
    world = config.environment
    size = (int(world["world_size"][0]), int(world["world_size"][1]))
    if config.kind in FIXED_MAPS:
        ground = layouts.load(world["env_layout_file"], size)
        return layouts.with_water_row(ground, world["water_row"]) if config.kind == "split_layout" else ground
    amounts = scatter.resources(
        size,
        (world["starting_stone_coverage"], world["starting_wood_coverage"]),
        (float(world["stone_clumpiness"]), float(world["wood_clumpiness"])),
        is_checkered=bool(world["checker_source_blocks"]),
    )
    if config.kind == "multi_zone":
        grid = (int(world["num_partitions_row"]), int(world["num_partitions_col"]))
        counts = [int(world[f"num_{what}_zones"]) for what in ("wood", "stone", "wood_and_stone")]
        return procedural.zones(size, amounts, grid, *counts, convention=convention)
    make = procedural.quadrants if config.kind == "quadrant" else procedural.scattered
    return make(size, amounts, float(world["gradient_steepness"]), convention=convention)


def rules(config: FoundationConfig) -> Rules:
    """The numbers of all events."""
    world, parts = config.environment, config.components
    auction, gather = parts["ContinuousDoubleAuction"], parts["Gather"]
    if config.kind in FIXED_MAPS:
        weights, halfwidths, most = [world["resource_regen_prob"]] * 2, [0, 0], [1, 1]
    else:
        weights, halfwidths, most = (
            [world[f"{good}_{what}"] for good in GOODS] for what in ("regen_weight", "regen_halfwidth", "max_health")
        )
    return Rules(
        building=Building(_number(parts["Build"]["build_labor"])),
        market=Market(
            order_labor=_number(auction["order_labor"]),
            max_price=int(auction["max_bid_ask"]),
            order_duration=int(auction["order_duration"]),
            max_orders=int(auction["max_num_orders"] or auction["order_duration"]),
        ),
        gathering=Gathering(_number(gather["move_labor"]), _number(gather["collect_labor"])),
        regrowth=Regrowth(_number(weights), tuple(int(h) for h in halfwidths), tuple(int(m) for m in most)),
    )


def tax_system(config: FoundationConfig, convention: str = "exact") -> TaxSystem:
    """Who decides on taxes."""
    tax = config.tax
    if not config.has_taxes:
        return free_market([0.0])
    bounds = cutoffs(config, convention)
    if tax["disable_taxes"]:
        return free_market(bounds)
    if tax["tax_model"] == "model_wrapper":
        rates, sets_one_rate = rate_grid(config, convention), not config.environment["multi_action_mode_planner"]
        return PlannerGrid(bounds, float(tax["rate_disc"]), float(rates[0]), float(rates[-1]), sets_one_rate)
    if tax["tax_model"] == "saez":
        return saez_estimated(
            bounds,
            fixed_elasticity=tax["saez_fixed_elas"],
            weight_type=tax["pareto_weight_type"],
            convention=convention,
            rate_min=float(tax["rate_min"]),
        )
    if tax["tax_model"] == "fixed-bracket-rates":
        return fixed(bounds, jnp.asarray(tax["fixed_bracket_rates"], float))
    return law_schedule(resolve_law_name(FOUNDATION_2018_ALIAS), float(tax["usd_scaling"]))


def cutoffs(config: FoundationConfig, convention: str = "exact"):
    """Lower ends of the brackets, coin.

    Cutoffs that double are powers of 2 in the reference program, which lie beside the round numbers by some 1e-15: an
    income of just 20 coin may fall on either side. Convention "foundation" keeps that, to the last bit.
    """
    tax = config.tax
    spacing = tax["bracket_spacing"].lower()
    if spacing == "us-federal":
        law = resolve_law_name(FOUNDATION_2018_ALIAS)
        return jnp.asarray(law.cutoffs, float) / float(tax["usd_scaling"])
    num, top = int(tax["n_brackets"]), float(tax["top_bracket_cutoff"])
    if convention == "exact":
        return brackets.linear_cutoffs(num, top) if spacing == "linear" else brackets.log_cutoffs(num, top)
    if spacing == "linear":
        return jnp.asarray(np.linspace(0.0, top, num), float)
    doubling = 2.0 ** np.linspace(np.log2(top / 2.0 ** (num - 2)), np.log2(top), num - 1)
    return jnp.asarray([0.0, *doubling], float)


def bracket_names(config: FoundationConfig, convention: str = "exact") -> list[str]:
    """What brackets are called by: their lower ends in coin, as in 9.7; none without taxes.

    The reference program cuts cutoffs off at the point, also those that lie just below a whole number (see `cutoffs`):
    012, 024, 049, 099 for 12.5, 25, 50, 100. Convention "foundation" keeps these names.

    Raises:
        ConfigError: under "foundation", if two brackets share a name.
    """
    if not config.has_taxes:
        return []
    if convention == "exact":
        return [f"{float(cutoff):.6g}" for cutoff in cutoffs(config)]
    # In double precision, whatever jax uses.
    with jax.enable_x64(True):
        names = [f"{int(cutoff):03d}" for cutoff in np.asarray(cutoffs(config, convention))]
    if len(set(names)) < len(names):
        raise ConfigError(f"brackets {names} share a name in the reference program: space them a coin apart")
    return names


def rate_grid(config: FoundationConfig, convention: str = "exact") -> np.ndarray:
    """Rates that a planner can set, the lowest first.

    The reference program drops the last one if rounding lifts it above `rate_max`, as 3 x 0.1 is above 0.3; convention
    "foundation" keeps that.
    """
    tax = config.tax
    low, high, step = (float(tax[name]) for name in ("rate_min", "rate_max", "rate_disc"))
    rates = low + np.arange(int((high - low) / step + SLACK) + 1) * step
    return rates if convention == "exact" else rates[rates <= high]


def rate_ceiling(config: FoundationConfig, completed: int, convention: str = "exact") -> float:
    """Highest rate after so many completed episodes of one environment: the curriculum's `max_rate`.

    A planner's ceiling is a share of the highest rate that it can set. The reference program compares rates with it to
    the last bit, so that 3 x 0.05 is above 0.15; convention "foundation" gives the highest rate that this leaves.
    """
    tax = config.tax
    share, limit = 1.0, 0.0 if tax["disable_taxes"] else float(tax["rate_max"])
    if tax["tax_annealing_schedule"] is not None:
        warmup, slope = tax["tax_annealing_schedule"]
        share = min(1.0, max(0.0, slope * (completed - warmup)))
    if not config.has_planner:
        return share * limit
    rates = rate_grid(config, convention)
    ceiling = share * float(rates[-1])
    return ceiling if convention == "exact" else float(max([0.0, *rates[rates <= ceiling]]))


def objective(config: FoundationConfig, convention: str = "exact"):
    """What the planner wants: welfare of coin, utility and coin."""
    name = config.environment["planner_reward_type"].lower()
    if name == "inv_income_weighted_utility":
        return welfare.inverse_income_weighted_utility
    if name == "inv_income_weighted_coin_endowments":
        return welfare.inverse_income_weighted_coin
    mixing_weight = 1.0 - float(config.environment["mixing_weight_gini_vs_coin"])
    return partial(welfare.equality_times_productivity, mixing_weight=mixing_weight, convention=convention)


def describe(config: FoundationConfig) -> dict[str, Any]:
    """The whole configuration in the words of fisc, as plain data; training only if the file has it.

    Raises:
        ConfigError: as `economy`.
    """
    made, world, tax = economy(config), config.environment, config.tax
    num, height, width = made.beginning.shape
    start = made.beginning
    described: dict[str, Any] = {
        "economy": "gather_trade_build",
        "citizens": num,
        "world": [height, width],
        "map": str(world["env_layout_file"]).removesuffix(".txt") if config.kind in FIXED_MAPS else config.kind,
        "placement": type(start.placement).__name__,
        "build_skills": start.build_skills.law,
        "gather_skills": start.gather_skills.law,
        "payments_by_rank": np.round(np.asarray(start.ranked_payments, float), 4).tolist()
        if config.has_ranked_skills
        else [],
        "periods": made.periods,
        "steps_per_period": made.steps_per_period,
        "events": list(made.events),
        "actions": {name: _sizes(role.actions) for name, role in made.spec.roles.items()},
        "taxes": {
            "system": "none" if not config.has_taxes or tax["disable_taxes"] else tax["tax_model"],
            "cutoffs": np.round(np.asarray(made.tax.cutoffs, float), 6).tolist(),
            "first_ceiling": rate_ceiling(config, 0) if config.has_taxes else 0.0,
        },
        "labor_cost": float(world["energy_cost"]),
        "labor_warmup": {"counts": made.preferences.warmup_counts, "constant": float(world["energy_warmup_constant"])},
        "objective": world["planner_reward_type"].lower(),
    }
    if config.training:
        described["training"] = training(config)
    return described


def training(config: FoundationConfig) -> dict[str, Any]:
    """The training section in the words of fisc, as plain data; what is not given is left out."""
    general, trainer = (config.training.get(name, {}) for name in ("general", "trainer"))
    steps, batch = int(config.environment["episode_length"]), trainer.get("train_batch_size")
    episodes, workers = general.get("episodes"), trainer.get("num_workers")
    found = {
        "environments": None if workers is None else max(1, int(workers)) * int(trainer.get("num_envs_per_worker", 1)),
        "env_steps_per_update": batch,
        "updates": None if not (episodes and batch) else int(episodes) * steps // int(batch),
        "env_steps_per_minibatch": trainer.get("sgd_minibatch_size"),
        "epochs": trainer.get("num_sgd_iter"),
        "steps_per_fragment": trainer.get("rollout_fragment_length"),
        "planner_learns": general.get("train_planner"),
        "citizens_start_from": general.get("restore_tf_weights_agents") or None,
        "planner_starts_from": general.get("restore_tf_weights_planner") or None,
        "citizen": _learner(config.training.get("agent_policy", {})),
        "planner": _learner(config.training.get("planner_policy", {})),
    }
    return {name: value for name, value in found.items() if value not in (None, {})}


LEARNER = {
    "lr": "learning_rate",
    "gamma": "discount",
    "lambda": "trace_decay",
    "clip_param": "clip",
    "vf_clip_param": "value_clip",
    "vf_loss_coeff": "value_weight",
    "entropy_coeff": "entropy",
    "entropy_coeff_schedule": "entropy_schedule",
    "grad_clip": "max_gradient_norm",
}
NETWORK = {
    "fc_dim": "width",
    "num_fc": "layers",
    "num_conv": "convolutions",
    "lstm_cell_size": "memory",
    "idx_emb_dim": "embedding",
}
"""Names of the reference's learner, and ours."""


def _learner(policy: dict[str, Any]) -> dict[str, Any]:
    model = policy.get("model") or {}
    shape = model.get("custom_model_config") or {}
    found = {ours: policy.get(theirs) for theirs, ours in LEARNER.items()}
    network = {ours: shape.get(theirs) for theirs, ours in NETWORK.items()} | {"sequence": model.get("max_seq_len")}
    found["network"] = {name: value for name, value in network.items() if value is not None}
    return {name: value for name, value in found.items() if value not in (None, {})}


def _sizes(space) -> int | list[int]:
    return list(space.sizes) if hasattr(space, "sizes") else space.size


def _number(value):
    return jnp.asarray(value, float)
