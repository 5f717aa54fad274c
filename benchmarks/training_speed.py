"""How fast does Gather-Trade-Build train: environment steps per second of whole updates, for each network?

    python benchmarks/training_speed.py [--networks default patches ...] [--epochs 1 2 4] [--devices] [--smoke]
        [--out benchmarks/results/training_speed.json]

The scenario is `gtb-open-quadrant` under its planner: citizens and planner play and learn by fisc's own training loop,
with rollout, advantages, updates of both roles, checks, rows of the learning curve and checkpoints, as a run has them.
Each seed is trained on a device of its own, a device for every core; speeds are those of all seeds together, medians of
five windows of a block of updates each. Tracing and compiling are reported apart, and every measurement has a process
of its own without compiled programs from before.

`share_of_floor` compares with the time that the multiplications of the networks alone would take at the rate of a large
product, measured on all devices at once. `steps_per_processor_second` and `compile_processor_seconds` say what a core
that is shared with other programs achieves while it is ours. With `--devices`, one run is also trained by one device
and by two that share its environments: the same batch, so that their ratio says what the second device brings.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from fisc.cli.machine import num_cores, prepare_jax
from machine import provenance

WINDOWS = 5
PRESET, ARM = "gtb-open-quadrant", "planner"
CITIZEN = "learning.citizen."
WHOLE = {f"{CITIZEN}radius": {}}
SHARED = {f"{CITIZEN}own_networks": False}
PUBLISHED = {f"{CITIZEN}thresholds": {}, f"{CITIZEN}critic_sees_maps": True, f"{CITIZEN}actor_sees_mask": False}
PUBLISHED |= {f"{CITIZEN}critic_hidden": [128, 128], f"{CITIZEN}minibatches": 4, **WHOLE, **SHARED}
NETWORKS: dict[str, dict[str, Any]] = {
    "default": {},
    "one for all": SHARED,
    "patches": {f"{CITIZEN}network": "patches", **WHOLE, **SHARED},
    "convolution": {f"{CITIZEN}network": "convolution", **WHOLE, **SHARED},
    "convolution_lstm": {f"{CITIZEN}network": "convolution_lstm", **PUBLISHED},
}
"""What each network changes in the scenario; the last one is the published one, sizes and what it reads included."""
TINY = {"learning.environments": 2, f"{CITIZEN}minibatches": 2, "learning.planner.minibatches": 1}
TINY |= {f"{CITIZEN}hidden": [8, 8], f"{CITIZEN}critic_hidden": [8], "economy.steps_per_period": 4}


def overrides(network: str, epochs: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of the scenario that a measurement sets."""
    keys = {"learning.environments": options["environments"], **NETWORKS[network]} | (TINY if options["tiny"] else {})
    keys |= {f"learning.{role}.epochs": epochs for role in ("citizen", "planner")}
    # Everybody learns for as long as it is measured, and nothing comes before that.
    keys |= {"learning.planner.settles_at": 0.999, "budgets.full.common_updates": 0}
    length = options["updates"]
    keys |= dict.fromkeys(("budgets.full.updates", "budgets.full.planner_updates"), length * (options["windows"] + 1))
    return keys | {"budgets.full.block": length}


def measure(network: str, epochs: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """Train for some blocks as a run does: steps per second of all seeds together, and seconds to trace and compile."""
    import polars as pl

    from fisc.records.store import RunFolder
    from fisc.scenarios import build
    from fisc.scenarios.compare import group_jobs
    from fisc.scenarios.evaluation import World
    from fisc.scenarios.plan import plan
    from fisc.scenarios.training import train_group

    seeds, arm = range(options["seeds"]), options.get("arm", ARM)
    planned = plan(PRESET, arms=[arm], seeds=len(seeds), budget="full", overrides=overrides(network, epochs, options))
    worlds = [World(arm, seed, build.population(planned.scenario, seed), None) for seed in seeds]
    worlds = [replace(world, rates=build.exact_rates(planned.scenario, world.people, arm)) for world in worlds]
    (group,) = group_jobs(planned, worlds)
    marks = []

    def mark(*_) -> None:
        """The time, on the clock and of the processor: when compiling begins, and after every block."""
        marks.append((time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory() as folder:
        run = train_group(group, RunFolder(Path(folder)), lambda report: None, note=mark, look=mark)
    steps = group.steps_per_update * options["updates"]
    (first, *seconds), (compiling, *processor) = (
        [after[i] - before[i] for before, after in pairwise(marks)] for i in range(2)
    )
    spec, learned = group.jobs[0].economy.spec, group.rows[-1].filter(pl.col("metric") == "approximate_kl")
    policies = {role: run[0].learners[role].policy for role in spec.roles}
    return {
        "steps_per_second": steps / statistics.median(seconds),
        "steps_per_update": group.steps_per_update,
        "windows": [steps / each for each in seconds],
        "steps_per_processor_second": len(processor) * steps / sum(processor),
        "compile_seconds": first - statistics.median(seconds),
        "compile_processor_seconds": compiling - statistics.median(processor),
        "operations_per_step": sum(operations(spec, role, policy, epochs) for role, policy in policies.items()),
        "approximate_kl": dict(learned.group_by("role").agg(pl.col("value").mean()).sort("role").iter_rows()),
    }


def operations(spec, role: str, policy, epochs: int) -> float:
    """Additions and multiplications of a role's networks in one environment step: rollout, and epochs there and back.

    Nothing flows back into the features. One network for all multiplies public features once for all agents.
    """
    from fisc.policies.eyes import OwnEyes
    from fisc.policies.memory import Recurrent
    from fisc.policies.networks import OwnMLPs
    from fisc.policies.reading import PUBLIC_CELLS

    entry, layout, total = spec.roles[role], policy.layout, 0
    public = sum(entry.blocks[name].size for name in layout.public)
    public += sum(len(flags.thresholds) for flags in layout.public_flags)
    for network, eyes in ((policy.actor, policy.actor_eyes), (policy.critic, policy.critic_eyes)):
        trunk = network.trunk if isinstance(network, Recurrent) else network
        shares, found = 1 if isinstance(trunk, OwnMLPs) else entry.num_agents, 0
        for name, eye in eyes.items():
            one = eye.eyes if isinstance(eye, OwnEyes) else eye
            maps = entry.num_agents // (shares if name == PUBLIC_CELLS else 1)
            first, *others = one.operations
            total += maps * ((1 + 2 * epochs) * first + (1 + 3 * epochs) * sum(others))
            found += one.num_features
        (rows, width), *others = [weights.shape[-2:] for weights in network.weights]
        shared = min(rows, public) * width
        first = entry.num_agents * (rows * width - shared) + entry.num_agents // shares * shared
        total += (1 + 2 * epochs) * first + epochs * entry.num_agents * found * width
        total += (1 + 3 * epochs) * entry.num_agents * sum(above * below for above, below in others)
    return 2 * total / (spec.steps_per_period if entry.acts_each == "period" else 1)


def product_rate(devices: int) -> float:
    """Additions and multiplications per second of products like those of an update, over all devices at once."""
    import jax
    import jax.numpy as jnp

    from fisc.learning.train import over_jobs

    rows, inner, columns, repeats = 6400, 704, 128, 20

    def multiply(left, right):
        body = lambda right, _: (right + 1e-9 * (left.T @ (left @ right)), None)  # noqa: E731
        return jax.lax.scan(body, right, None, length=repeats)[0]

    program = over_jobs(multiply, devices)
    arguments = jnp.ones((devices, rows, inner)), jnp.ones((devices, inner, columns))
    seconds = []
    for _ in range(WINDOWS + 1):
        started = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        seconds.append(time.perf_counter() - started)
    return devices * repeats * 4 * rows * inner * columns / statistics.median(seconds[1:])


def apart(devices: int, what: Mapping[str, Any], script: str = __file__) -> Any:
    """Measure in a new process with so many devices, and nothing compiled before."""
    given = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    command = [sys.executable, str(Path(script).resolve()), "--apart", json.dumps({"devices": devices, **what})]
    done = subprocess.run(command, env=given, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"measuring {what} ended with exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_here(what: Mapping[str, Any]) -> Any:
    """What a process of its own is asked for."""
    prepare_jax(what["devices"])
    if "network" not in what:
        return product_rate(what["devices"])
    return measure(what["network"], what["epochs"], what["options"])


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 2, 4], help="passes over each batch, to compare")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS), metavar="NETWORK")
    parser.add_argument("--seeds", type=int, default=num_cores(), help="trained side by side")
    parser.add_argument("--environments", type=int, default=128, help="of each seed")
    parser.add_argument("--updates", type=int, default=4, help="in a window")
    parser.add_argument("--devices", action="store_true", help="also what a second device brings to one run")
    parser.add_argument("--smoke", action="store_true", help="a tiny economy, one short window: does it run?")
    parser.add_argument("--out", type=Path, help="also store the JSON here")
    parser.add_argument("--apart", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.apart:
        print(json.dumps(measure_here(given.apart)))
        return
    options = {"seeds": given.seeds, "environments": given.environments, "updates": given.updates, "windows": WINDOWS}
    options |= {"updates": 1, "windows": 1} if given.smoke else {}
    options["tiny"] = given.smoke
    result = run(given, options)
    print(json.dumps(result, indent=2))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(result, indent=2) + "\n")


def run(given: argparse.Namespace, options: Mapping[str, Any]) -> dict[str, Any]:
    """All measurements, each printed as it is made."""
    cores = min(num_cores(), options["seeds"])
    rate, table, shared = apart(cores, {}), {}, {}
    for network in given.networks:
        for epochs in given.epochs:
            found = apart(cores, {"network": network, "epochs": epochs, "options": options})
            found["share_of_floor"] = found["steps_per_second"] * found["operations_per_step"] / rate
            table.setdefault(network, {})[epochs] = found
            brief = {k: v for k, v in found.items() if k not in ("windows", "approximate_kl")}
            print(f"{network}, epochs {epochs}: {json.dumps(brief)}", flush=True)
    if given.devices:
        for devices in (1, 2):
            what = {"network": given.networks[0], "epochs": given.epochs[0], "options": {**options, "seeds": 1}}
            shared[devices] = apart(devices, what)["steps_per_second"]
        shared["ratio"] = shared[2] / shared[1]
        print(f"one run on one device and on two: {json.dumps(shared)}", flush=True)
    return {
        "question": "environment steps per second of full training, citizens and planner, all seeds together",
        "scenario": PRESET,
        "options": dict(options),
        "product_operations_per_second": rate,
        "networks": table,
        "devices_sharing_one_run": shared,
        "machine": provenance(),
    }


if __name__ == "__main__":
    main()
