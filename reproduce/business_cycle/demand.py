"""What would a firm sell at home at another price, all else as it is?

    python reproduce/business_cycle/demand.py RUN [RUN ...] [--out demand.json]

Each RUN is a finished comparison with the arm planner. Its agents play 32 episodes with each seed. In every quarter in
which consumers can buy something, one firm after the other is given each price on the menu in place of its own, and
consumers are asked what they would buy and pay for. Nothing else changes, and the stock is left out: this is demand.
An elasticity is the slope of the logarithm of demand on that of the price, from 500 on; below -1 a firm with enough to
sell takes in more by asking less. The basket of a consumer who wishes the same whatever prices are is scaled to the
budget as a whole: with ten goods its elasticity is -0.05 where the others cost 2,500, and -0.12 where they cost 1,000.
All play as they are judged. Runs whose luck is frozen are refused: here it would be another one.
"""

import argparse
import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from unanswered import trained_planners

from fisc.cli.machine import prepare_jax
from fisc.core.knobs import full_knobs
from fisc.scenarios import build
from fisc.scenarios.compare import open_finished

EPISODES = 32


def demand_of(economy, policies, prices):
    """A function of a key: demand for a firm's good at each price, and what was asked and owned; means of quarters."""
    knobs = full_knobs()

    def act(key, state):
        """What everybody does."""
        seen = economy.observe(state, knobs)
        keys = jax.random.split(key, len(policies))
        return {
            role: policy.act(k, seen[role]).action for k, (role, policy) in zip(keys, policies.items(), strict=True)
        }

    def asked(key, state, firm, price):
        """Units that consumers would buy of a firm that asked this price."""
        other = eqx.tree_at(lambda s: s.posted.price, state, state.posted.price.at[firm].set(price))
        return economy.quarter(other, act(key, other), knobs)[0].demand[firm]

    def quarter(state, key):
        """Ask, then play on."""
        key_ask, key_act, key_step = jax.random.split(key, 3)
        firms = jnp.arange(economy.num_firms)
        every = jax.vmap(jax.vmap(asked, (None, None, None, 0)), (None, None, 0, None))
        demand = jnp.mean(every(key_ask, state, firms, prices), axis=0)
        after = economy.step(key_step, state, act(key_act, state), knobs).state
        return after, (demand, jnp.mean(state.posted.price), jnp.mean(state.consumer_budget))

    def episode(key):
        """All quarters but the first, in which there is nothing to buy."""
        key_init, key_play = jax.random.split(key)
        _, found = jax.lax.scan(quarter, economy.init(key_init), jax.random.split(key_play, economy.steps))
        return jax.tree.map(lambda x: jnp.mean(x[1:], axis=0), found)

    return eqx.filter_jit(
        lambda key: jax.tree.map(lambda x: x.mean(0), jax.lax.map(episode, jax.random.split(key, EPISODES)))
    )


def main() -> None:
    """Ask the consumers of every run and seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="run")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    prepare_jax()
    rows = []
    for path in given.runs:
        economy, learners, states = trained_planners(path)
        planned = open_finished(path)[1]
        exports = {key: getattr(planned.scenario.economy, key) for key in ("export_floor", "export_quota")}
        if economy.luck_is_frozen:
            raise SystemExit(f"{path} has economy.luck_is_frozen = true: ask a run whose luck is drawn")
        prices = jnp.asarray(sorted(set(np.asarray(economy.menus.firm_entries()[0]).tolist())))
        for number, state in enumerate(states):
            policies = {
                role: build.judged_policy(planned.scenario, role, learners[role].policy(state.learners[role]))
                for role in economy.spec.roles
            }
            demand, price, budget = demand_of(economy, policies, prices)(jax.random.key(11))
            kept = np.asarray(prices) >= 500.0
            logs = np.log(np.asarray(prices)[kept]), np.log(np.maximum(np.asarray(demand)[kept], 1e-6))
            row = {"scenario": planned.scenario.name, "government": planned.scenario.objective, **exports}
            row |= {"clip": planned.scenario.learning.consumer.clip, "seed": planned.seeds[number]}
            row |= {"elasticity": float(np.polyfit(*logs, 1)[0])}
            row |= {"mean_price": float(price), "budget": float(budget)}
            row["demand"] = {f"{p:g}": round(float(d), 2) for p, d in zip(prices, demand, strict=True)}
            rows.append(row)
            print(json.dumps(row), flush=True)
    if given.out:
        given.out.write_text(json.dumps({"episodes": EPISODES, "runs": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
