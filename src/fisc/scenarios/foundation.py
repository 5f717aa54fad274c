"""From a configuration of the reference program to the economy that it describes, to the last bit if wanted.

There is one mapping: a configuration becomes a scenario, and `fisc.scenarios.build` makes the scenario's economy and
tax system, as it does for every user. So what parity shows of the one holds for the other.
"""

import numpy as np

from fisc.core.economy import Economy
from fisc.core.errors import ConfigError, unknown
from fisc.scenarios import build, foundation_scenario
from fisc.scenarios.foundation_config import FoundationConfig
from fisc.scenarios.foundation_scenario import scenario_of
from fisc.scenarios.kinds import law

CONVENTIONS = ("exact", "foundation")
"""The one switch between what is right and what the reference program does; see the page on its conventions."""


def economy(config: FoundationConfig, convention: str = "exact") -> Economy:
    """Make the economy that a configuration describes, with the tax system it has in force.

    It is a single one: a Saez estimator has nobody to pool its samples with.

    Args:
        convention: "exact", or "foundation" to keep the reference program's known errors.

    Raises:
        ConfigError: a map, a placement or a tax that cannot be.
    """
    if convention not in CONVENTIONS:
        raise unknown("convention", convention, CONVENTIONS)
    scenario = scenario_of(config, convention=convention)
    (arm,) = scenario.arms
    people = build.population(scenario, 0)
    tax = build.make_tax(scenario, people, arm, build.exact_rates(scenario, people, arm), num_environments=0)
    return build.make_economy(scenario, people, tax)


def cutoffs(config: FoundationConfig, convention: str = "exact") -> np.ndarray:
    """Lower ends of the brackets, coin, in double precision. Without taxes they bound nothing."""
    return law.brackets_of(scenario_of(config, convention=convention))[0]


def bracket_names(config: FoundationConfig, convention: str = "exact") -> list[str]:
    """What brackets are called by: their lower ends in coin, as in 9.7; none without taxes.

    The reference program cuts cutoffs off at the point, also those that lie just below a whole number (see `law`):
    012, 024, 049, 099 for 12.5, 25, 50, 100. Convention "foundation" keeps these names.

    Raises:
        ConfigError: under "foundation", if two brackets share a name.
    """
    if not config.has_taxes:
        return []
    if convention == "exact":
        return [f"{float(cutoff):.6g}" for cutoff in cutoffs(config)]
    names = [f"{int(cutoff):03d}" for cutoff in cutoffs(config, convention)]
    if len(set(names)) < len(names):
        raise ConfigError(f"brackets {names} share a name in the reference program: space them a coin apart")
    return names


def rate_grid(config: FoundationConfig, convention: str = "exact") -> np.ndarray:
    """Rates that a planner can set, the lowest first; see `fisc.scenarios.foundation_scenario.rate_grid`."""
    low, high, step = (float(config.tax[name]) for name in ("rate_min", "rate_max", "rate_disc"))
    return foundation_scenario.rate_grid(low, high, step, convention)


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
