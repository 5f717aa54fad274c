"""How fast does the one-step economy step with 100 workers, observations included, compared with the reference program?

    python benchmarks/one_step_speed.py [--workers 100] [--out benchmarks/results/one_step_speed.json]

Both sides run in this call, one after the other, on all cores: ours as one program over all devices, the reference
(ai-economist 1.7.1, installed beside fisc by `make oracle`) as one process for each core. Both take random actions and
compute every observation at every step. Compile time is reported apart; speeds are medians of five windows.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from fisc.cli.machine import num_cores, prepare_jax
from machine import provenance

ROOT = Path(__file__).resolve().parents[1]
CORES = num_cores()
WINDOWS = 5


def reference_window(arguments: tuple[int, float]) -> float:
    """Steps per second of one process of the reference over `seconds`, after a warm-up episode.

    Drawing its actions is not counted: what is compared are the economies.
    """
    workers, seconds = arguments
    sys.path.insert(0, str(ROOT))
    import numpy as np
    from tests.oracle.reference import make

    rng = np.random.RandomState(0)
    env = make(reference_config(workers), seed=1)
    steps = spent = 0.0
    is_warm = False
    while spent < seconds:
        started = time.perf_counter()
        observations = env.reset()
        spent += time.perf_counter() - started
        for _ in range(2):
            actions = {name: sample(observation["action_mask"], rng) for name, observation in observations.items()}
            started = time.perf_counter()
            observations, *_ = env.step(actions)
            spent += time.perf_counter() - started
            steps += 1
        if not is_warm:
            steps, spent, is_warm = 0.0, 0.0, True
    return steps / spent


def sample(mask, rng):
    """One random legal action: an integer, or one for each of the planner's seven brackets of 22 choices."""
    if len(mask) == 7 * 22:
        return [int(rng.choice(part.nonzero()[0])) for part in mask.reshape(7, 22)]
    return int(rng.choice(mask.nonzero()[0]))


def reference_config(workers: int) -> dict:
    """The paper's setting in the reference's own format."""
    return {
        "scenario_name": "one-step-economy",
        "components": [
            {"SimpleLabor": {"mask_first_step": True, "payment_max_skill_multiplier": 190, "pareto_param": 8}},
            {"PeriodicBracketTax": {"period": 2, "bracket_spacing": "us-federal", "usd_scaling": 100}},
        ],
        "n_agents": workers,
        "world_size": [1, 1],
        "episode_length": 2,
        "multi_action_mode_agents": False,
        "multi_action_mode_planner": True,
        "flatten_observations": True,
        "flatten_masks": True,
        "agent_reward_type": "coin_minus_labor_cost",
        "labor_exponent": 3.5,
        "labor_cost": 0.0005,
        "planner_reward_type": "inv_income_weighted_utility",
    }


def ours(workers: int, num_environments: int, episodes: int) -> dict:
    """Steps per second of ours over all devices: median of windows of `episodes` episodes, and compile time."""
    import jax

    from fisc.learning.train import over_jobs
    from one_step_play import planned_economy, play

    world = planned_economy(workers)
    num_devices = len(jax.devices())
    keys = jax.random.split(jax.random.key(0), (num_devices, num_environments))
    program = over_jobs(lambda keys: jax.vmap(lambda key: play(world, key, episodes))(keys), num_devices)
    first = time.perf_counter()
    jax.block_until_ready(program(keys))
    second = time.perf_counter()
    jax.block_until_ready(program(keys))
    compile_seconds = (second - first) - (time.perf_counter() - second)
    speeds = []
    for _ in range(WINDOWS):
        started = time.perf_counter()
        jax.block_until_ready(program(keys))
        speeds.append(episodes * world.spec.steps * keys.size / (time.perf_counter() - started))
    return {
        "steps_per_second": statistics.median(speeds),
        "windows": speeds,
        "compile_seconds": compile_seconds,
        "environments": keys.size,
        "devices": num_devices,
        "jax": jax.__version__,
    }


def training_block_compile_seconds() -> dict:
    """Seconds to trace and to compile one training block, for workers alone and together with a planner."""
    import equinox as eqx
    import jax

    from fisc.learning.train import block
    from fisc.scenarios import build
    from fisc.scenarios.registry import load_scenario

    scenario = load_scenario("one-step")
    people = build.population(scenario, 0)
    seconds = {}
    for arm in ("free_market", "planner"):
        tax = build.make_tax(scenario, people, arm, build.exact_rates(scenario, people, arm))
        economy = build.make_economy(scenario, people, tax)
        system = build.make_system(scenario, scenario.budgets["quick"], has_planner=arm == "planner")
        run = eqx.filter_jit(system.init)(economy, jax.random.key(0))
        started = time.perf_counter()
        lowered = eqx.filter_jit(block(system, 50)).lower(economy, run)
        traced = time.perf_counter()
        lowered.compile()
        name = "workers and planner" if arm == "planner" else "workers alone"
        seconds[name] = {"trace": traced - started, "compile": time.perf_counter() - traced}
    return seconds


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--environments", type=int, default=128, help="per device")
    parser.add_argument("--episodes", type=int, default=200, help="per window")
    parser.add_argument("--reference-seconds", type=float, default=6.0, help="length of a window of the reference")
    parser.add_argument("--out", type=Path, help="also store the JSON here")
    options = parser.parse_args()

    reference_window((2, 0.1))  # if the reference is missing, say so here and now
    with ProcessPoolExecutor(CORES, multiprocessing.get_context("spawn")) as pool:
        jobs = [(options.workers, options.reference_seconds)] * CORES
        windows = [sum(pool.map(reference_window, jobs)) for _ in range(WINDOWS)]
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # compile times are measured
    prepare_jax()
    mine = ours(options.workers, options.environments, options.episodes)
    theirs = statistics.median(windows)
    result = {
        "question": "environment steps per second with observations, all cores",
        "workers": options.workers,
        "ours": mine,
        "reference": {"steps_per_second": theirs, "windows": windows, "processes": CORES},
        "ratio": mine["steps_per_second"] / theirs,
        "training_block_compile_seconds": training_block_compile_seconds(),
        "machine": provenance(),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
