"""Is there a pair of constant tax rates that beats having none?

    python reproduce/business_cycle/pairs.py RUN [--updates 300] [--seeds 3] [--out pairs.json]

RUN is a finished comparison of rbc-tiny with the arm free_market. Its consumers and firms learn on under each pair of
rates, on incomes and on profits, for as many updates; everything is open to them and exploration is what it was at the
end. Then 64 episodes are played, everybody drawing as in training. The pair 0, 0 is the control: it says what learning
on is worth by itself. Stores means by pair and seed, and the difference from the control paired by seed.

What this cannot show: a pair that pays only if everybody has learned under it from the start.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fisc.analysis.intervals import bootstrap_interval
from fisc.cli.machine import prepare_jax
from fisc.core.knobs import full_knobs
from fisc.economies.business_cycle.curriculum import Structured, Turns, Warmth
from fisc.learning.rollout import play_episodes
from fisc.learning.train import block, over_jobs, stack
from fisc.learning.two_level import TwoLevel
from fisc.scenarios import build
from fisc.scenarios.compare import group_jobs, open_finished
from fisc.scenarios.training import train_group
from fisc.scenarios.worlds import solve_worlds

PAIRS = ((0.0, 0.0), (0.0, 0.05), (0.0, 0.1), (0.0, 0.2), (0.05, 0.0), (0.1, 0.0), (0.05, 0.05), (0.1, 0.1))
"""Rates on incomes and on profits, the control first."""
SHOWN = ("total_welfare", "utility", "profit", "price", "wage", "labor", "transfer")
EPISODES = 64


def learn_on(economy, run, system: TwoLevel, updates: int):
    """Everybody learns on in this economy, and is then played: the means of what is shown."""
    run, _ = block(system, updates)(economy, run)
    policies = {role: system.learners[role].policy(run.learners[role]) for role in economy.spec.roles}
    key_init, key_play = jax.random.split(jax.random.fold_in(run.key, 0))
    states = jax.vmap(economy.init)(jax.random.split(key_init, EPISODES))
    played = play_episodes(economy, policies, key_play, states, full_knobs())
    found = jax.vmap(economy.metrics)(played.state)
    return {name: jnp.mean(found[name]) for name in SHOWN}


def trained_free_market(path: Path, seeds: int):
    """The scenario of a run, and economy and last state of its free market for the first seeds."""
    folder, planned = open_finished(path)
    silent = lambda said: None  # noqa: E731
    for group in group_jobs(planned, solve_worlds(planned, folder, silent)):
        states = train_group(group, folder, silent, may_train=False)
        found = [
            (job.economy, state) for job, state in zip(group.jobs, states, strict=True) if job.arm == "free_market"
        ]
        if found:
            return planned.scenario, found[:seeds]
    raise SystemExit(f"{path} has no arm free_market")


def main() -> None:
    """Learn on under every pair from every seed, print the table and store it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--updates", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    prepare_jax()
    scenario, starts = trained_free_market(given.run, given.seeds)
    roles = tuple(starts[0][0].spec.roles)
    curriculum = Structured(
        turns=dict.fromkeys(roles, Turns()),
        warmth={role: Warmth(scenario.learning.roles[role].final_entropy, floor=1.0) for role in roles},
    )
    system = TwoLevel(build.make_learners(scenario), curriculum, given.updates, scenario.learning.environments)
    zero = jnp.zeros((), jnp.int32)
    jobs = [
        (replace(economy, fixed_taxes=jnp.asarray(pair, float)), eqx.tree_at(lambda r: r.update, run, zero))
        for economy, run in starts
        for pair in PAIRS
    ]
    economies, runs = (stack(part) for part in zip(*jobs, strict=True))
    advance = lambda economy, run: learn_on(economy, run, system, given.updates)  # noqa: E731
    found = {name: np.asarray(x, float) for name, x in over_jobs(advance, len(jobs))(economies, runs).items()}
    values = {name: x.reshape(len(starts), len(PAIRS)) for name, x in found.items()}
    gain = values["total_welfare"] - values["total_welfare"][:, :1]
    rows = []
    for k, pair in enumerate(PAIRS):
        over_control = dict(zip(("mean", "low", "high"), bootstrap_interval(gain[:, k]), strict=True))
        row = {"income_rate": pair[0], "profit_rate": pair[1], "gain": over_control}
        rows.append(row | {name: x[:, k].tolist() for name, x in values.items()})
        print(pair, f"{values['total_welfare'][:, k].mean():8.0f}", over_control)
    if given.out:
        about = {"updates": given.updates, "seeds": len(starts), "episodes": EPISODES}
        given.out.write_text(json.dumps(about | {"pairs": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
