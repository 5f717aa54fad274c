"""What fisc observes, under the names and in the layout of the reference program.

Every array has the moments of an episode on its leading axis, [t]; the first one is the reset.

fisc keeps what all citizens share once: others' orders are all orders less one's own. Where the two differ on purpose:

* `stale rates`: at reset, the reference still shows the rates in force when the last episode ended, and applies the
  ceiling of that episode to the marginal rate it shows (see `one_step_view`).
"""

from typing import Any

import numpy as np

from .gtb_config import Setup
from .gtb_ours import View
from .one_step_view import StaleRates

GOODS = ("Stone", "Wood")
AUCTION, TAX = "ContinuousDoubleAuction", "PeriodicBracketTax"
WATER = 3
"""Channel of the map that only scenarios with water have."""


def observations(setup: Setup, view: View, own_names, citizen_names, stale: StaleRates | None) -> dict[str, Any]:
    """Every agent's observation without masks, as the reference would return it with the configuration's flags."""
    num = setup.environment["n_agents"]
    own = dict(zip(own_names, np.moveaxis(view.citizen["own"], -1, 0), strict=True))
    if stale is not None and "marginal_rate" in own:
        own["marginal_rate"] = _at_first(own["marginal_rate"], stale.first)
    everybody = _everybody(setup, view.citizen, stale)
    seen = {str(i): {**everybody, **_citizen(setup, view, own, i)} for i in range(num)}
    seen["p"] = {**_everybody(setup, view.planner, stale), **_planner(setup, view)}
    one_by_one = _one_by_one(setup, view, citizen_names, stale)
    if setup.environment["flatten_observations"]:
        seen = {agent: _flattened(raw) for agent, raw in seen.items()}
        one_by_one = {name: _flatten(raw) for name, raw in one_by_one.items()}
    seen["p"].update(one_by_one)
    return seen


def masks(setup: Setup, view: View, sizes, bracket_names: list[str]) -> dict[str, Any]:
    """Every agent's action mask. `sizes`: (name, number of entries) of a citizen's menus."""
    citizens, planner = np.moveaxis(view.mask, 1, 0).astype(float), view.planner_mask.astype(float)
    if setup.environment["flatten_masks"]:
        return {**{str(i): mask for i, mask in enumerate(citizens)}, "p": planner}

    names, counts = [name for name, _ in sizes], [count for _, count in sizes]
    if setup.environment["multi_action_mode_agents"]:
        citizens = np.delete(citizens, np.cumsum([0, *[count + 1 for count in counts[:-1]]]), axis=2)
    else:
        citizens = citizens[:, :, 1:]
    ends = np.cumsum(counts)[:-1]
    passive = {name: np.zeros((len(planner), 0)) for name in _passive(setup)}
    found = {
        str(i): {**dict(zip(names, np.split(rows, ends, axis=1), strict=True)), **passive}
        for i, rows in enumerate(citizens)
    }
    rates = dict(zip(bracket_names, _by_bracket(setup, planner, len(bracket_names)), strict=True))
    found["p"] = {**passive, **{f"{TAX}.TaxIndexBracket_{name}": flags for name, flags in rates.items()}}
    return found


def _by_bracket(setup: Setup, mask: np.ndarray, num: int) -> list[np.ndarray]:
    """The planner's mask by bracket, without keeping the rate; nothing without a planner."""
    if not setup.has_planner:
        return []
    if setup.environment["multi_action_mode_planner"]:
        return list(np.moveaxis(mask.reshape(len(mask), num, -1)[:, :, 1:], 1, 0))
    return list(np.moveaxis(mask[:, 1:].reshape(len(mask), num, -1), 1, 0))


def _passive(setup: Setup) -> list[str]:
    """Components without actions: unflattened masks have an entry for them all the same, unless taxes are disabled."""
    passive = ["WealthRedistribution"] if "WealthRedistribution" in setup.listed else []
    is_idle = setup.has_taxes and not setup.has_planner and not setup.tax["disable_taxes"]
    return [*passive, TAX] if is_idle else passive


def _everybody(setup: Setup, features, stale: StaleRates | None) -> dict[str, Any]:
    """What citizens and planner both see, but for the books."""
    calendar = features["calendar"][:, 0]
    seen: dict[str, Any] = {"time": calendar[:, -1:]}
    if setup.has_taxes:
        first, last, phase = calendar[:, :3].T
        seen |= {f"{TAX}-is_first_day": first, f"{TAX}-is_tax_day": last, f"{TAX}-tax_phase": phase}
        rates = features["rates"][:, 0]
        seen[f"{TAX}-curr_rates"] = rates if stale is None else _at_first(rates, stale.announced)
        seen[f"{TAX}-last_incomes"] = features["last_incomes"][:, 0]
    if AUCTION in setup.listed:
        history = _by_good(features["price_history"])
        for g, good in enumerate(GOODS):
            seen[f"{AUCTION}-market_rate-{good}"] = features["market_rate"][:, 0, g]
            seen[f"{AUCTION}-price_history-{good}"] = history[:, g]
    return seen


def _citizen(setup: Setup, view: View, own: dict[str, np.ndarray], i: int) -> dict[str, Any]:
    """What a citizen sees alone."""
    features = view.citizen
    seen = {f"world-inventory-{good}": own[good.lower()][:, i] for good in ("Coin", *GOODS)}
    seen["world-map"] = _without_missing(setup, features["map"][:, 0 if features["map"].shape[1] == 1 else i])
    seen["world-idx_map"] = features["labels"][:, i]
    if not setup.environment["full_observability"]:
        seen |= {"world-loc-row": own["row"][:, i], "world-loc-col": own["column"][:, i]}
    if "Build" in setup.listed:
        seen["Build-build_payment"] = own["build_payment"][:, i]
        seen["Build-build_skill"] = own["build_skill"][:, i]
    if "Gather" in setup.listed:
        seen["Gather-bonus_gather_prob"] = own["gather_bonus"][:, i]
    if setup.has_taxes:
        seen[f"{TAX}-marginal_rate"] = own["marginal_rate"][:, i]
    if AUCTION in setup.listed:
        for side in ("asks", "bids"):
            full, mine = _by_good(features[side][:, 0]), _by_good(features[f"my_{side}"][:, i])
            for g, good in enumerate(GOODS):
                seen[f"{AUCTION}-available_{side}-{good}"] = full[:, g] - mine[:, g]
                seen[f"{AUCTION}-my_{side}-{good}"] = mine[:, g]
    return seen


def _planner(setup: Setup, view: View) -> dict[str, Any]:
    """What the planner sees alone. Its own inventory is always empty, and fisc leaves it out."""
    seen: dict[str, Any] = {f"world-inventory-{good}": np.zeros(len(view.coin)) for good in ("Coin", *GOODS)}
    if setup.environment["planner_gets_spatial_info"]:
        seen["world-map"] = _without_missing(setup, view.planner["map"][:, 0])
        seen["world-idx_map"] = view.planner["labels"][:, 0]
    if AUCTION in setup.listed:
        for side in ("asks", "bids"):
            full = _by_good(view.planner[side])
            for g, good in enumerate(GOODS):
                seen[f"{AUCTION}-full_{side}-{good}"] = full[:, g]
    return seen


def _one_by_one(setup: Setup, view: View, citizen_names, stale: StaleRates | None) -> dict[str, dict[str, Any]]:
    """What the planner sees of every citizen."""
    if not citizen_names:
        return {}
    num = setup.environment["n_agents"]
    rows = view.planner["citizens"].reshape(len(view.coin), num, -1)
    columns = dict(zip(citizen_names, np.moveaxis(rows, -1, 0), strict=True))
    names = {"coin": "world-inventory-Coin", "stone": "world-inventory-Stone", "wood": "world-inventory-Wood"}
    names |= {"row": "world-loc-row", "column": "world-loc-col", "last_income": f"{TAX}-last_income"}
    names |= {"last_marginal_rate": f"{TAX}-last_marginal_rate", "marginal_rate": f"{TAX}-curr_marginal_rate"}
    if stale is not None and "marginal_rate" in columns:
        columns["marginal_rate"] = _at_first(columns["marginal_rate"], stale.first)
    return {f"p{i}": {names[name]: column[:, i] for name, column in columns.items()} for i in range(num)}


def _at_first(rows: np.ndarray, value) -> np.ndarray:
    """Put another value at the reset."""
    replaced = np.array(rows)
    replaced[0] = value
    return replaced


def _by_good(prices: np.ndarray) -> np.ndarray:
    """Cut a vector over goods and prices, [t, g, p]."""
    return prices.reshape(len(prices), len(GOODS), -1)


def _without_missing(setup: Setup, channels: np.ndarray) -> np.ndarray:
    return channels if setup.has_water else np.delete(channels, WATER, axis=1)


def _flattened(raw: dict[str, Any]) -> dict[str, Any]:
    """Numbers and vectors in one vector; maps, and the time once more, beside it."""
    maps = {key: value for key, value in raw.items() if value.ndim > 2}
    flat = {key: value for key, value in raw.items() if key not in maps}
    return {**maps, "flat": _flatten(flat), "time": raw["time"]}


def _flatten(raw: dict[str, np.ndarray]) -> np.ndarray:
    """All numbers, in alphabetical order of their names."""
    return np.concatenate([raw[key].reshape(len(raw[key]), -1) for key in sorted(raw)], axis=1)
