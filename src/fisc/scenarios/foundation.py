"""From a configuration of the reference program to the economy that it describes, to the last bit if wanted."""

import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.errors import ConfigError, unknown
from fisc.core.tax import TaxSystem
from fisc.econ import brackets
from fisc.economies.gather_trade_build.economy import GatherTradeBuild
from fisc.scenarios import foundation_scenario
from fisc.scenarios.foundation_config import FoundationConfig
from fisc.scenarios.foundation_scenario import scenario_of
from fisc.scenarios.kinds.gather_trade_build import GatherTradeBuildKind
from fisc.taxes.fixed import fixed, free_market
from fisc.taxes.planner import PlannerGrid
from fisc.taxes.saez import saez_estimated
from fisc.taxes.us_federal import FOUNDATION_2018_ALIAS, law_schedule, resolve_law_name

CONVENTIONS = ("exact", "foundation")
"""The one switch between what is right and what the reference program does; see the page on its conventions."""


def economy(config: FoundationConfig, convention: str = "exact") -> GatherTradeBuild:
    """Make the economy that a configuration describes, as its scenario does, with the tax system it has in force.

    Args:
        convention: "exact", or "foundation" to keep the reference program's known errors.

    Raises:
        ConfigError: a map, a placement or a tax that cannot be.
    """
    if convention not in CONVENTIONS:
        raise unknown("convention", convention, CONVENTIONS)
    scenario, kind = scenario_of(config, convention=convention), GatherTradeBuildKind()
    return kind.economy(scenario, kind.people(scenario, 0), tax_system(config, convention))


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
    rates = foundation_scenario.rate_grid(low, high, step)
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
