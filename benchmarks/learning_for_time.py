"""What do citizens learn in a given time, by network?

    python benchmarks/learning_for_time.py [--networks default patches ...] [--minutes 10] [--seeds 2] [--smoke]
        [--out benchmarks/results/learning_for_time.json]

Citizens of `gtb-open-quadrant` learn from nothing in the free market, labor becoming as costly as it is over the first
80 % of the updates, as in the common start of a comparison. Every network of `training_speed.py` gets as many updates
as fit into the same minutes of training, by the speed that it is measured to have first; compiling is left out of both.
All seeds are trained side by side, and then judged as the arms of a comparison are, over 100 episodes. Slow networks
see fewer steps, and learning rates and the bonus for entropy fall over the updates that each has: the question is what
to use on a machine like this one, not which network is best in the end.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import training_speed
from fisc.cli.machine import num_cores, prepare_jax
from machine import provenance

ARM, EPOCHS = "free_market", 2
METRICS = ("equality_times_productivity", "productivity", "equality")
BLOCKS = 4
"""Of a training; updates are a multiple of it, so that all blocks are one program."""


def learn(network: str, updates: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """Train the free market for so many updates, and judge it: metrics by seed, and seconds of training."""
    from fisc.records.store import RunFolder
    from fisc.scenarios.compare import group_jobs
    from fisc.scenarios.evaluation import evaluate
    from fisc.scenarios.plan import plan
    from fisc.scenarios.training import train_group
    from fisc.scenarios.worlds import solve_worlds

    length = {"budgets.full.updates": updates, "budgets.full.block": updates // BLOCKS}
    changes = training_speed.overrides(network, EPOCHS, options) | length
    changes |= {"evaluation.episodes": 2} if options["tiny"] else {}
    planned = plan(training_speed.PRESET, arms=[ARM], seeds=options["seeds"], budget="full", overrides=changes)
    marks = []
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder(Path(path))
        worlds = solve_worlds(planned, folder, note=lambda text: None)
        (group,) = group_jobs(planned, worlds)
        started = time.perf_counter()
        trained = train_group(group, folder, lambda report: None, look=lambda *_: marks.append(time.perf_counter()))
    # The first block is compiled before it is trained; what it took to train is that of the others.
    training = (marks[-1] - marks[0]) * BLOCKS / (BLOCKS - 1)
    states = {(world.arm, world.seed): state for world, state in zip(worlds, trained, strict=True)}
    table = evaluate(planned.scenario, worlds, states)["evaluation"]
    values = {name: table.filter(metric=name).sort("seed")["value"].to_list() for name in METRICS}
    return values | {
        "updates": updates,
        "environment_steps": updates * group.steps_per_update // len(worlds),
        "training_seconds": training,
        "whole_seconds": marks[-1] - started,
    }


def measure(network: str, minutes: float, options: Mapping[str, Any]) -> dict[str, Any]:
    """How fast a network is, and what it learns in the time."""
    cores = min(num_cores(), options["seeds"])
    found = training_speed.apart(cores, {"network": network, "epochs": EPOCHS, "options": {**options, "arm": ARM}})
    blocks = 1 if options["tiny"] else 60 * minutes * found["steps_per_second"] / found["steps_per_update"] / BLOCKS
    what = {"network": network, "updates": BLOCKS * max(1, round(blocks)), "devices": cores, "options": dict(options)}
    return training_speed.apart(cores, what, __file__)


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = list(training_speed.NETWORKS)
    parser.add_argument("--networks", nargs="+", default=names, choices=names, metavar="NETWORK")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, for each network")
    parser.add_argument("--seeds", type=int, default=num_cores(), help="trained side by side")
    parser.add_argument("--smoke", action="store_true", help="a tiny economy, a few updates: does it run?")
    parser.add_argument("--out", type=Path, help="also store the JSON here")
    parser.add_argument("--apart", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.apart:
        prepare_jax(given.apart["devices"])
        print(json.dumps(learn(given.apart["network"], given.apart["updates"], given.apart["options"])))
        return
    options = {"seeds": given.seeds, "environments": 128, "updates": 2, "windows": 3, "tiny": given.smoke}
    options |= {"environments": 2, "updates": 1, "windows": 1} if given.smoke else {}
    found = {}
    for network in given.networks:
        found[network] = measure(network, given.minutes, options)
        print(f"{network}: {json.dumps(found[network])}", flush=True)
    result = {
        "question": "what citizens learn in the free market in the same time, by network",
        "scenario": training_speed.PRESET,
        "epochs": EPOCHS,
        "minutes": given.minutes,
        "networks": found,
        "machine": provenance(),
    }
    print(json.dumps(result, indent=2))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
