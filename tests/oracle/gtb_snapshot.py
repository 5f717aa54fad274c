"""The whole state of a gather-trade-build environment of the reference program, as plain numbers.

Everything is a copy, since the reference hands out arrays that it overwrites later. Axes: `n` citizens, `H` x `W` map,
`P` prices, `b` brackets; commodities are Stone, then Wood.
"""

from typing import Any

import numpy as np

from .gtb_draws import COMMODITIES

GOODS = ("Coin", *COMMODITIES)


def take(env, observations: dict[str, Any], rewards: dict[str, float] | None, *, is_done: bool) -> dict[str, Any]:
    """Copy the state, with what the environment returned; see `gtb_reference` for the keys."""
    agents = env.world.agents
    seen = copied(observations)
    masks = {name: features.pop("action_mask") for name, features in seen.items()}
    gains = rewards or {str(agent.idx): 0.0 for agent in env.all_agents}
    utilities = env.curr_optimization_metric
    snapshot = {
        "timestep": env.world.timestep,
        "completions": env._completions,
        "done": is_done,
        "maps": maps(env),
        "locations": np.array([agent.loc for agent in agents], int),
        "inventory": {good: _each(agents, "inventory", good) for good in GOODS},
        "escrow": {good: _each(agents, "escrow", good) for good in GOODS},
        "labor": _each(agents, "endogenous", "Labor"),
        "utilities": np.array([utilities[agent.idx] for agent in agents], float),
        "welfare": float(utilities[env.world.planner.idx]),
        "energy_weight": float(env.energy_weight),
        "warmup_integrator": int(env._auto_warmup_integrator),
        "rewards": np.array([gains[str(agent.idx)] for agent in agents], float),
        "planner_reward": float(gains["p"]),
        "observations": seen,
        "masks": masks,
        "metrics": dict(env.previous_episode_metrics) if is_done else None,
    }
    for field in ("build_payment", "build_skill", "bonus_gather_prob"):
        if field in agents[0].state:
            snapshot[field] = np.array([agent.state[field] for agent in agents], float)
    for component in env._components:
        if component.name in PARTS:
            snapshot |= PARTS[component.name](component)
    return snapshot


def maps(env) -> dict[str, np.ndarray]:
    """What lies and stands on every cell, each [H, W]; zeros for what the scenario does not have."""
    known = env.world.maps.keys()
    names = {"Stone": "Stone", "Wood": "Wood", "Water": "Water", "House": "House"}
    names |= {"StoneSource": "StoneSourceBlock", "WoodSource": "WoodSourceBlock"}
    zeros = np.zeros(env.world_size)
    found = {
        ours: np.array(env.world.maps.get(theirs) if theirs in known else zeros, float)
        for ours, theirs in names.items()
    }
    owner = env.world.maps.get("House", owner=True) if "House" in known else zeros - 1
    return found | {"HouseOwner": np.array(owner, int)}


def copied(value: Any) -> Any:
    """Copy observations: dictionaries with arrays in place of numbers, lists and arrays."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    return np.array(value)


def _each(agents, kind: str, name: str) -> np.ndarray:
    return np.array([agent.state[kind][name] for agent in agents], float)


def _market(auction) -> dict[str, Any]:
    """Order books, histograms and the step's trades."""

    bids = [_orders(auction.bids[c], "buyer", "bid") for c in COMMODITIES]
    asks = [_orders(auction.asks[c], "seller", "ask") for c in COMMODITIES]
    keys = ("buyer", "seller", "bid", "ask", "bid_lifetime", "ask_lifetime", "price")
    trades = auction.executed_trades[-1] if auction.executed_trades else []
    rows = [[COMMODITIES.index(trade["commodity"]), *(trade[key] for key in keys)] for trade in trades]
    return {
        "market": {
            "bids": [_sorted(rows) for rows in bids],
            "asks": [_sorted(rows) for rows in asks],
            "bids_as_kept": bids,
            "asks_as_kept": asks,
            "bid_histogram": _by_citizen(auction.bid_hists),
            "ask_histogram": _by_citizen(auction.ask_hists),
            "price_history": _by_citizen(auction.price_history),
            "num_orders": _by_citizen(auction.n_orders),
            "trades": np.array(rows, int).reshape(-1, 8),
        }
    }


def _by_citizen(tables: dict[str, dict[int, Any]]) -> np.ndarray:
    """[2, n, ...] from tables by commodity and citizen."""
    return np.array([list(tables[commodity].values()) for commodity in COMMODITIES])


def _orders(book: list[dict], owner: str, price: str) -> np.ndarray:
    """Rows (citizen, price, lifetime) in the order of the book."""
    rows = [[order[owner], order[price], order[f"{price}_lifetime"]] for order in book]
    return np.array(rows, int).reshape(-1, 3)


def _sorted(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort(rows.T[::-1])]


def _builds(build) -> dict[str, Any]:
    rows = [[event["builder"], *event["loc"]] for event in (build.builds[-1] if build.builds else [])]
    return {"builds": np.array(rows, int).reshape(-1, 3)}


def _gathers(gather) -> dict[str, Any]:
    rows = [
        [event["agent"], COMMODITIES.index(event["resource"]), event["n"], *event["loc"]]
        for event in (gather.gathers[-1] if gather.gathers else [])
    ]
    return {"gathers": np.array(rows, int).reshape(-1, 5)}


def _tax(tax) -> dict[str, Any]:
    """Rates in force and announced, the last collection, and what the Saez estimator remembers."""
    books = {
        "position": int(tax.tax_cycle_pos),
        "rates": np.array(tax.curr_marginal_rates, float),
        "announced_rates": np.array(tax._curr_rates_obs, float),
        "rate_indices": np.array(tax.curr_rate_indices, int),
        "max_rate": float(tax.curr_rate_max),
        "tax_base": np.array(tax.last_coin, float),
        "incomes": np.array(tax.last_income, float),
        "marginal_rates": np.array(tax.last_marginal_rate, float),
        "effective_rates": np.array(tax.last_effective_tax_rate, float),
        "collected": float(tax.total_collected_taxes),
        "collection": _collection(tax.taxes[-1], tax.n_agents) if tax.taxes and tax.taxes[-1] else None,
    }
    if tax.tax_model == "saez":
        books["saez"] = {
            "buffer": np.array(tax.get_local_saez_buffer(), float).reshape(-1, 2),
            "elasticity": float(tax.elas_t),
            "last_elasticity": float(tax.elas_tm1),
            "log_z0": float(tax.log_z0_t),
            "computed_rates": np.array(tax.curr_bracket_tax_rates, float),
            "average_rates": np.array(tax.running_avg_tax_rates, float),
            "is_ready": bool(tax._reached_min_samples),
        }
    return {"tax": books}


def _collection(record: dict[str, Any], n: int) -> dict[str, Any]:
    citizens = [record[str(i)] for i in range(n)]
    names = {"incomes": "income", "paid": "tax_paid"}
    names |= {"marginal_rates": "marginal_rate", "effective_rates": "effective_rate"}
    columns = {ours: np.array([citizen[theirs] for citizen in citizens], float) for ours, theirs in names.items()}
    return {"schedule": np.array(record["schedule"]), **columns, "lump_sum": float(citizens[0]["lump_sum"])}


PARTS = {"Build": _builds, "ContinuousDoubleAuction": _market, "Gather": _gathers, "PeriodicBracketTax": _tax}
"""What each component adds to a snapshot."""
