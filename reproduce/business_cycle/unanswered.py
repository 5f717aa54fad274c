"""What would pairs of rates bring if nobody answered them?

    python reproduce/business_cycle/unanswered.py RUN [--out unanswered.json]

RUN is a finished comparison of rbc-tiny with the arm planner. Its consumers and firms stay as they are, and a
government posts the same pair in every quarter of 128 episodes. That is what a government finds that climbs the
gradient of its own reward, as everybody else changes over many updates only; `pairs.py` says what pairs bring once they
have.
"""

import argparse
import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fisc.cli.machine import prepare_jax
from fisc.core.errors import FiscError
from fisc.core.knobs import full_knobs
from fisc.learning.rollout import play_episodes
from fisc.policies.scripted import Constant
from fisc.records.errors import RecordError
from fisc.scenarios import build
from fisc.scenarios.compare import group_jobs, open_finished
from fisc.scenarios.training import train_group
from fisc.scenarios.worlds import solve_worlds

EPISODES = 128
SHOWN = ("total_welfare", "utility", "profit", "labor", "transfer", "unsold")


def trained_planners(path: Path):
    """The economy of the arm planner, the learners, and the last state of every seed.

    Raises:
        SystemExit: if it is no finished run, or has no such arm.
    """
    try:
        folder, planned = open_finished(path)
    except (FiscError, RecordError) as error:
        raise SystemExit(str(error)) from None
    silent = lambda said: None  # noqa: E731
    groups = {group.name: group for group in group_jobs(planned, solve_worlds(planned, folder, silent))}
    if "planner" not in groups:
        raise SystemExit(f"{path} has no arm planner")
    states = train_group(groups["planner"], folder, silent, may_train=False)
    return groups["planner"].jobs[0].economy, build.make_learners(planned.scenario), states


def main() -> None:
    """Play every pair that the menu has among 0, 20 and 40 % on incomes or on profits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    prepare_jax()
    economy, learners, states = trained_planners(given.run)

    @eqx.filter_jit
    def play(run, entry):
        """Means over episodes, and the standard deviation of welfare between them."""
        policies = {role: learners[role].policy(run.learners[role]) for role in ("consumer", "firm")}
        policies["government"] = Constant(entry)
        starts = jax.vmap(economy.init)(jax.random.split(jax.random.key(7), EPISODES))
        played = play_episodes(economy, policies, jax.random.key(8), starts, full_knobs())
        found = jax.vmap(economy.metrics)(played.state)
        return {name: jnp.mean(found[name]) for name in SHOWN} | {"spread": jnp.std(found["total_welfare"])}

    incomes, profits = (np.asarray(part) for part in economy.menus.government_entries())
    rows, control = [], None
    for income, profit in ((0.0, 0.0), (0.0, 0.2), (0.0, 0.4), (0.2, 0.0), (0.2, 0.2)):
        entry = int(np.flatnonzero(np.isclose(incomes, income) & np.isclose(profits, profit))[0])
        found = [play(run, jnp.asarray([entry], jnp.int32)) for run in states]
        row = {name: [float(one[name]) for one in found] for name in (*SHOWN, "spread")}
        control = control or row
        gain = np.subtract(row["total_welfare"], control["total_welfare"])
        print(f"{income:.0%}, {profit:.0%}: {gain.mean():+.0f}", gain.round().tolist())
        rows.append({"income_rate": income, "profit_rate": profit, "gain": gain.tolist(), **row})
    if given.out:
        given.out.write_text(json.dumps({"episodes": EPISODES, "pairs": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
