"""Does Gather-Trade-Build keep its promises over ten million steps of random worlds, actions legal and not?

    python benchmarks/gather_trade_build_soak.py [--steps 10000000] [--seed 0] [--out benchmarks/results/…json]
    python benchmarks/gather_trade_build_soak.py --smoke

Each environment is a world of its own: map, people, costs, skills, taxes and all other numbers are drawn, within a few
shapes that are compiled one after the other, on one core each. After every step the ledger is read and a second
bookkeeper (`tests/unit/economies/gather_trade_build/bookkeeper.py`) works the step out again. Exits 1 on a broken
promise, with the shape, the environment and the step that show it again:

    random_worlds.random_episodes(environment_key(seed, environment), shape, EPISODES)
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

from machine import provenance

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = 128
"""Worlds at a time."""
EPISODES = 2
"""In each world, one after the other."""
MOST_SHOWN = 10
"""Broken promises that are printed for each shape."""
FAST_COMPILING = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
ONE_CORE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def shapes(seed: int) -> list:
    """Random shapes, dealt such that every tax system, both action modes and several orders of events come up."""
    import numpy as np
    from tests.unit.economies.gather_trade_build.random_worlds import ALL_EVENTS, TAXES, Shape

    rng, dealt = np.random.default_rng(seed), []
    citizens, periods = (4, 2, 10, 5, 3, 7, 30, 4), (20, 1, 10, 25, 5, 50, 20, 10)
    objectives = ("equality_times_productivity", "inverse_income_weighted_utility", "inverse_income_weighted_coin")
    orders = {
        3: ("gather", "trade", "build", "tax"),
        5: ("trade", "build", "gather"),
        7: (*ALL_EVENTS, "redistribute"),
    }
    for k, num in enumerate(citizens):
        side = int(np.ceil(np.sqrt(2.5 * num)))
        prices = int(rng.choice((1, 4, 10)))
        dealt.append(
            Shape(
                citizens=num,
                size=(side + int(rng.integers(0, 3)), side + int(rng.integers(0, 4))),
                events=orders.get(k, ALL_EVENTS),
                tax=TAXES[(k + 1) % len(TAXES)],
                brackets=int(rng.integers(2, 8)),
                max_price=prices,
                order_duration=int(rng.choice((1, 3, 20, 50))),
                max_orders=int(rng.integers(1, 6)),
                halfwidth=tuple(int(h) for h in rng.integers(0, 3, 2)) if k % 3 == 2 and num < 20 else (0, 0),
                max_units=tuple(int(m) for m in rng.integers(1, 4, 2)),
                is_multi=k in (1, 4, 6),
                warmup_counts=("nothing", "episodes", "rewarding steps")[k % 3],
                objective=objectives[k % 3],
                periods=100 // periods[k],
                steps_per_period=periods[k],
            )
        )
    return dealt


def environment_key(seed: int, environment):
    """The key of one environment, from which everything in it is drawn."""
    import jax

    return jax.random.fold_in(jax.random.key(seed), environment)


def inspector(shape, seed: int):
    """A compiled program that plays environments by number: promises broken, first steps that did, what went on."""
    import jax
    import jax.numpy as jnp
    from tests.unit.economies.gather_trade_build.random_worlds import random_episodes

    def play(numbers):
        return jax.vmap(lambda k: random_episodes(environment_key(seed, k), shape, EPISODES))(numbers)

    return jax.jit(play).lower(jnp.arange(ENVIRONMENTS)).compile()


def soak(job: tuple) -> dict:
    """Play `steps` steps of one shape: what was done, how long it took, and every broken promise."""
    shape, seed, first, steps = job
    import jax
    import jax.numpy as jnp
    import numpy as np

    started = time.perf_counter()
    play = inspector(shape, seed)
    compiled = time.perf_counter()
    batch = ENVIRONMENTS * EPISODES * shape.periods * shape.steps_per_period
    done = promises = 0
    violations, activity = [], {}
    while done < steps:
        numbers = jnp.arange(first, first + ENVIRONMENTS, dtype=jnp.int32)
        broken, when, active = jax.block_until_ready(play(numbers))
        for name, counts in broken.items():
            for k in np.flatnonzero(np.asarray(counts)):
                shown = {"promise": name, "environment": first + int(k), "step": int(when[name][k])}
                violations.append({**shown, "times": int(counts[k])})
        activity = {name: activity.get(name, 0.0) + float(jnp.sum(x)) for name, x in active.items()}
        done, first, promises = done + batch, first + ENVIRONMENTS, len(broken)
    return {
        "shape": {name: value for name, value in asdict(shape).items() if name != "sight"},
        "configurations": done // (batch // ENVIRONMENTS),
        "steps": done,
        "promises": promises,
        "checks": done * promises,
        "violations": len(violations),
        "first_violations": violations[:MOST_SHOWN],
        "activity": {name: round(value) for name, value in activity.items()},
        "seconds": {"compile": compiled - started, "run": time.perf_counter() - compiled},
    }


def jobs(options: argparse.Namespace) -> list[tuple]:
    """One job a shape; larger populations get fewer steps, in proportion to what a step takes."""
    dealt = dict(enumerate(shapes(options.seed)))
    if options.smoke:
        # One shape of all, smaller still: this is about the script.
        dealt = {0: replace(dealt[0], max_orders=2, order_duration=3, max_price=4, halfwidth=(0, 0))}
    room = 2**31 // len(dealt)
    chosen = {k: shape for k, shape in dealt.items() if k in (options.only or dealt)}
    weights = {k: 1.0 / max(4, shape.citizens) for k, shape in chosen.items()}
    share = options.steps / sum(weights.values())
    return [(shape, options.seed, k * room, share * weights[k]) for k, shape in chosen.items()]


def play_all(options: argparse.Namespace) -> list[dict]:
    """Every job: smoke in this process, otherwise one process for each core."""
    sys.path.insert(0, str(ROOT))
    listed = jobs(options)
    if options.smoke:
        return [soak(job) for job in listed]
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {ONE_CORE}".strip()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(soak, listed))


def main(arguments: list[str] | None = None) -> int:
    """Play, print and store; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="environment steps in all, at least (10,000,000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", type=int, nargs="+", metavar="K", help="only these of the shapes, from 0")
    parser.add_argument("--smoke", action="store_true", help="one shape and few steps, in seconds")
    parser.add_argument("--out", type=Path, help="also store the JSON here")
    options = parser.parse_args(arguments)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    options.steps = options.steps or (20_000 if options.smoke else 10_000_000)
    if options.smoke:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FAST_COMPILING}".strip()

    started = time.perf_counter()
    found = play_all(options)
    total = {name: sum(part[name] for part in found) for name in ("configurations", "steps", "checks", "violations")}
    result = {
        "question": "promises of Gather-Trade-Build that are broken in random worlds, step by step",
        **total,
        "seconds": round(time.perf_counter() - started, 1),
        "seed": options.seed,
        "processes": 1 if options.smoke else options.processes,
        "shapes": found,
        **provenance(),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    if total["violations"]:
        print(f"{total['violations']} promises were broken: see first_violations above", file=sys.stderr)
    return 1 if total["violations"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
