"""How fast does the Gather-Trade-Build economy train: environment steps per second of whole updates?

    python benchmarks/training_speed.py [--epochs 1,2,4] [--seeds 2] [--out benchmarks/results/training_speed.json]

An update is rollout, advantages and learning, as a run does it: each seed on a device of its own, a device for every
core. The citizens of the papers' 4-agent Open-Quadrant learn in the free market. Tracing and compiling are reported
apart; speeds are medians of five windows, each blocked on. `share_of_floor` compares with the time that the
multiplications of the networks alone would take at the rate of a large product, measured on all devices at once.
`steps_per_processor_second` says what a core that is shared with other programs achieves while it is ours.
"""

import argparse
import json
import os
import statistics
import time
from functools import partial
from pathlib import Path

from fisc.cli.machine import num_cores, prepare_jax
from machine import provenance

CONFIG = Path(__file__).resolve().parents[1] / "tests/oracle/configs/gather_trade_build/paper_phase_one.yaml"
WINDOWS = 5
LABELS = {"labels": 3, "labels/citizen/oneself": -1}
NETWORKS = {
    "flat": {"map": -1, "labels": -1},
    "crop 3": {"map": 3, **LABELS},
    "goods 5, rest 3": {"map": 3, "map/stone": 5, "map/wood": 5, **LABELS},
    "whole window": {"labels/citizen/oneself": -1},
}
"""How much each network reads of the maps: cells in each direction, below 0 nothing."""


def make_system(network: str, epochs: int, environments: int, num_updates: int):
    """Citizens who learn alone, with the recipe of benchmarks/gather_trade_build_learning.py."""
    from fisc.learning.curriculum import Phases, RoleSchedule
    from fisc.learning.ppo import Settings, ppo
    from fisc.learning.two_level import TwoLevel
    from fisc.policies.actor_critic import make_policy, set_scale
    from fisc.policies.reading import layout_of

    settings = Settings(
        learning_rate=7e-4,
        discount=0.998,
        trace=0.98,
        clip=0.3,
        epochs=epochs,
        minibatches=8,
        shuffles_rows=False,
    )
    read = partial(layout_of, radius=NETWORKS[network])
    policy = make_policy((128, 128), critic_hidden=(128, 64), read=read, critic_sees_maps=False)
    learners = {"citizen": ppo(settings, policy, set_scale)}
    schedule = Phases({"citizen": RoleSchedule(entropy=(0.025, 0.025), learning_rate=(1.0, 1.0))})
    return TwoLevel(learners, schedule, num_updates, environments, periods_per_update=1)


def multiplications(policy, num_agents: int, num_public: int, epochs: int) -> int:
    """Additions and multiplications of the networks in one environment step: rollout, and each epoch there and back.

    Nothing flows back through the first layer into the features. Public features are multiplied once for all agents.
    """
    total = 0
    for network in (policy.actor, policy.critic):
        first, *others = [2 * weight.size for weight in network.weights]
        shared = 2 * num_public * network.weights[0].shape[1]
        first = num_agents * (first - shared) + shared
        rest = num_agents * sum(others)
        total += first + rest + epochs * (2 * first + 3 * rest)
    return total


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


def measure(network: str, epochs: int, seeds: int, environments: int, updates: int) -> dict:
    """Environment steps per second of all seeds together, and seconds to trace and compile."""
    import equinox as eqx
    import jax

    from fisc.learning.train import block, over_jobs, stack, unstack
    from fisc.scenarios.foundation import economy
    from fisc.scenarios.foundation_config import read

    world = economy(read(CONFIG))
    system = make_system(network, epochs, environments, updates)
    worlds, keys = stack([world] * seeds), stack([jax.random.key(seed) for seed in range(seeds)])
    template = eqx.filter_eval_shape(system.init, world, keys[0])
    _, static = eqx.partition(template, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    run = eqx.combine(over_jobs(system.init, seeds)(worlds, keys), static)

    started = time.perf_counter()
    eqx.filter_jit(block(system, updates)).lower(world, unstack(run, 0))
    trace_seconds = time.perf_counter() - started
    advance = over_jobs(block(system, updates), seeds)
    windows, first, processor = [], None, 0.0
    for _ in range(WINDOWS + 1):
        started, busy = time.perf_counter(), time.process_time()
        arrays, metrics = jax.block_until_ready(advance(worlds, run))
        seconds = time.perf_counter() - started
        run = eqx.combine(arrays, static)
        if first is None:
            first = seconds
        else:
            windows.append(updates * seeds * system.steps_per_update(world) / seconds)
            processor += time.process_time() - busy
    speed = statistics.median(windows)
    per_window = updates * seeds * system.steps_per_update(world) / speed
    role = world.spec.roles["citizen"]
    num_public = sum(block.size for block in role.blocks.values() if block.is_public and not block.grid)
    policy = unstack(run, 0).learners["citizen"].policy
    return {
        "steps_per_second": speed,
        "windows": windows,
        "steps_per_processor_second": WINDOWS * per_window * speed / processor,
        "operations_per_step": multiplications(policy, role.num_agents, num_public, epochs),
        "trace_seconds": trace_seconds,
        "compile_seconds": first - per_window - trace_seconds,
        "approximate_kl": float(metrics["citizen/approximate_kl"].mean()),
    }


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", default="1,2,4", help="passes over each batch, several to compare")
    parser.add_argument("--networks", default="goods 5, rest 3;crop 3;flat", help="separated by ';'")
    parser.add_argument("--seeds", type=int, default=num_cores(), help="trained side by side")
    parser.add_argument("--environments", type=int, default=128, help="of each seed")
    parser.add_argument("--updates", type=int, default=2, help="in a window")
    parser.add_argument("--out", type=Path, help="also store the JSON here")
    options = parser.parse_args()

    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # compile times are measured
    prepare_jax()
    import jax

    table, rate = {}, product_rate(min(options.seeds, len(jax.devices())))
    for network in options.networks.split(";"):
        for epochs in (int(text) for text in options.epochs.split(",")):
            found = measure(network, epochs, options.seeds, options.environments, options.updates)
            found["share_of_floor"] = found["steps_per_second"] * found["operations_per_step"] / rate
            table.setdefault(network, {})[epochs] = found
            print(network, epochs, json.dumps({k: v for k, v in found.items() if k != "windows"}), flush=True)
    result = {
        "question": "environment steps per second of full training, all seeds together",
        "seeds": options.seeds,
        "environments": options.environments,
        "product_operations_per_second": rate,
        "networks": table,
        "machine": provenance(),
    }
    print(json.dumps(result, indent=2))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
