"""What fisc observes, under the names and in the layout of the reference program.

Where the two differ on purpose, the difference is applied here and has a name:

* `stale rates`: at reset, the reference still shows the rates in force when the last episode ended, and applies the
  ceiling of that episode to the marginal rate it shows. fisc shows the rates that its memory holds, under the present
  ceiling. Only the Saez estimator and annealed ceilings can tell the difference, and nobody is taxed at these rates.
* `log skill`: fisc citizens also see the logarithm of their skill; the reference has nothing to compare it with.
"""

from typing import Any

import equinox as eqx
import numpy as np

from .one_step_config import Setup
from .one_step_ours import View

TAX = "PeriodicBracketTax"


class StaleRates(eqx.Module):
    """What the reference shows at reset in place of the present rates."""

    announced: np.ndarray
    """Rates of the last period of the last episode."""
    first: float
    """Marginal rate of the first coin."""


def observations(setup: Setup, view: View, bracket_names: list[str], stale: StaleRates | None) -> dict[str, Any]:
    """Every agent's observation, as the reference would return it with the configuration's flags."""
    num = setup.environment["n_agents"]
    own = np.asarray(view.citizen.features["own"])
    public = _public(view.citizen.features, setup, stale)
    marginal = own[:, 2] if stale is None else np.full(num, stale.first)

    seen: dict[str, dict] = {}
    for i in range(num):
        seen[str(i)] = {**public, "SimpleLabor-skill": own[i, 0], f"{TAX}-marginal_rate": marginal[i]}
    equality, productivity = np.asarray(view.planner["aggregates"])[0]
    seen["p"] = {
        **_public(view.planner, setup, stale),
        "world-equality": equality,
        "world-normalized_per_capita_productivity": productivity,
    }
    one_by_one = _citizens_for_planner(view, marginal, stale)
    if setup.environment["flatten_observations"]:
        seen = {agent: {"flat": _flatten(raw), "time": raw["time"]} for agent, raw in seen.items()}
        one_by_one = {name: _flatten(raw) for name, raw in one_by_one.items()}
    seen["p"].update(one_by_one)
    for agent, mask in _masks(setup, view, bracket_names).items():
        seen[agent]["action_mask"] = mask
    return seen


def _public(features, setup: Setup, stale: StaleRates | None) -> dict[str, Any]:
    is_first_day, is_tax_day, tax_phase, time = np.asarray(features["calendar"])[0]
    is_scaled = setup.environment["allow_observation_scaling"]
    rates = np.asarray(features["rates"])[0]
    return {
        f"{TAX}-is_first_day": is_first_day,
        f"{TAX}-is_tax_day": is_tax_day,
        f"{TAX}-tax_phase": tax_phase,
        f"{TAX}-curr_rates": rates if stale is None else stale.announced,
        f"{TAX}-last_incomes": np.asarray(features["last_incomes"])[0],
        "time": np.array([time if is_scaled else time * setup.environment["episode_length"]]),
    }


def _citizens_for_planner(view: View, marginal, stale: StaleRates | None) -> dict[str, dict[str, float]]:
    rows = np.asarray(view.planner["citizens"]).reshape(-1, 3)
    return {
        f"p{i}": {
            f"{TAX}-curr_marginal_rate": rate if stale is None else marginal[i],
            f"{TAX}-last_income": last_income,
            f"{TAX}-last_marginal_rate": last_rate,
        }
        for i, (rate, last_income, last_rate) in enumerate(rows)
    }


def _flatten(raw: dict[str, Any]) -> np.ndarray:
    """All numbers, in alphabetical order of their names."""
    return np.concatenate([np.atleast_1d(raw[key]) for key in sorted(raw)])


def _masks(setup: Setup, view: View, bracket_names: list[str]) -> dict[str, Any]:
    citizens = np.asarray(view.citizen.mask).astype(float)
    planner = np.asarray(view.planner_mask).astype(float)
    by_bracket = planner.reshape(len(bracket_names), -1) if setup.has_planner else None
    if setup.environment["flatten_masks"]:
        if setup.has_planner and not setup.environment["multi_action_mode_planner"]:
            # One choice among all rates of all brackets: keeping comes once, in front.
            planner = np.concatenate([[1.0], by_bracket[:, 1:].reshape(-1)])
        return {**{str(i): mask for i, mask in enumerate(citizens)}, "p": planner}

    # Unflattened masks leave out doing nothing; a tax system without actions still has an entry, unless disabled.
    is_passive = not setup.has_planner and not setup.tax["disable_taxes"]
    passive = {TAX: np.zeros(0)} if is_passive else {}
    masks: dict[str, Any] = {str(i): {"SimpleLabor": mask[1:], **passive} for i, mask in enumerate(citizens)}
    if by_bracket is not None:
        names = [f"{TAX}.TaxIndexBracket_{name}" for name in bracket_names]
        masks["p"] = {name: flags[1:] for name, flags in zip(names, by_bracket, strict=True)}
    else:
        masks["p"] = passive
    return masks
