"""How fast does the business cycle step, and learn?

    python benchmarks/business_cycle_speed.py [--replicas 8 32 128] [--consumers 100 1000 10000] [--seconds 5] [--smoke]
        [--out benchmarks/results/business_cycle_speed.json]

Three questions, on all cores, one after the other:

* `step`: steps of the published economy (100 consumers, 10 firms, a government) with observations and random
  policies, at several numbers of replicas side by side on each core.
* `consumers`: the same at growing numbers of consumers, at the smallest number of replicas: cost should be linear.
* `training`: episodes a second of the scenario rbc-tiny while everybody learns, at the same numbers of replicas.

Speeds are medians of windows; per_cpu_second divides by processor time in place of time on the clock and suffers less
from whatever else runs. Compile time is apart. Memory: bytes of a replica's state and observations, and what a core
needs while it learns: what it keeps, and the most that the compiled program has to hold besides. With `--out`, cost
against consumers is also drawn (PNG and SVG).
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

from fisc.cli.machine import num_cores, prepare_jax
from machine import provenance

CORES = num_cores()
WINDOWS = 5
EPISODES = 4
"""That one call of a program plays in every replica."""


def play_program(economy, replicas: int):
    """A function of a key: some episodes of random policies in every replica, and how well all did."""
    import jax
    import jax.numpy as jnp

    from fisc.core.knobs import full_knobs
    from fisc.learning.rollout import play_episodes
    from fisc.policies.scripted import UniformRandom

    policies = {role: UniformRandom(spec.actions) for role, spec in economy.spec.roles.items()}

    def play(total, key):
        """One episode everywhere."""
        states = jax.vmap(economy.init)(jax.random.split(key, replicas))
        played = play_episodes(economy, policies, key, states, full_knobs())
        return total + jnp.mean(jax.vmap(economy.metrics)(played.state)["welfare"]), None

    return lambda key: jax.lax.scan(play, jnp.zeros(()), jax.random.split(key, EPISODES))[0]


def on_all_cores(function, *arguments):
    """The function compiled for one job on every core, and the seconds that this took."""
    import jax

    from fisc.learning.train import over_jobs

    before = time.perf_counter()
    compiled = over_jobs(function, CORES)
    jax.block_until_ready(jax.tree.leaves(compiled(*arguments)))
    return compiled, time.perf_counter() - before


def measure(call, per_call: int, options) -> dict:
    """Units a second of repeated calls: median of windows, on the clock and per second of processor time."""
    import jax

    clock, cpu = [], []
    for window in range(options.windows):
        began, spent, done = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - began < options.seconds or not done:
            jax.block_until_ready(jax.tree.leaves(call(window)))
            done += per_call
        clock.append(done / (time.perf_counter() - began))
        cpu.append(done / (time.process_time() - spent))
    return {"per_second": statistics.median(clock), "per_cpu_second": statistics.median(cpu), "windows": clock}


def bytes_of(tree) -> int:
    """Bytes of all arrays, or of the shapes of arrays."""
    import jax

    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree) if hasattr(leaf, "dtype"))


def memory_of_a_replica(economy) -> dict:
    """Bytes of one state, and of what everybody sees in it."""
    import equinox as eqx
    import jax

    from fisc.core.knobs import full_knobs

    state = eqx.filter_eval_shape(economy.init, jax.random.key(0))
    seen = eqx.filter_eval_shape(lambda s: economy.observe(s, full_knobs()), state)
    return {"state_bytes": bytes_of(state), "observation_bytes": bytes_of(seen)}


def memory_of_learning(function, economy, run) -> dict:
    """Bytes that one core keeps from update to update, and that the program needs besides."""
    import equinox as eqx
    import jax

    arrays, static = eqx.partition((economy, run), eqx.is_array)
    advance = lambda arrays: eqx.filter(function(*eqx.combine(arrays, static)), eqx.is_array)  # noqa: E731
    needs = jax.jit(advance).lower(arrays).compile().memory_analysis()
    return {"kept_bytes": bytes_of(arrays), "working_bytes": needs.temp_size_in_bytes}


def stepping(consumers: int, replicas: int, options) -> dict:
    """Environment steps a second."""
    import jax

    from fisc.economies.business_cycle.setting import Setting, make_economy
    from fisc.learning.train import stack

    economy = make_economy(Setting(consumers=consumers))
    program = play_program(economy, replicas)
    keys = stack([jax.random.key(i) for i in range(CORES)])
    compiled, seconds = on_all_cores(program, keys)
    speed = measure(lambda _: compiled(keys), CORES * replicas * EPISODES * economy.spec.steps, options)
    size = {"consumers": consumers, "replicas": replicas}
    return {**size, "trace_and_compile_seconds": seconds, **speed, **memory_of_a_replica(economy)}


def training(replicas: int, options) -> dict:
    """Episodes of all replicas a second while everybody learns."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    from fisc.learning.train import block, stack
    from fisc.scenarios import build
    from fisc.scenarios.registry import load_scenario

    scenario = load_scenario("rbc-tiny", {"learning.environments": replicas})
    people = build.population(scenario, 0)
    economy = build.make_economy(scenario, people, build.make_tax(scenario, people, "planner", None))
    budget = scenario.budget("full")
    system = build.make_system(scenario, budget, has_government=True)
    run = eqx.filter_jit(system.init)(economy, jax.random.key(0))
    late = jnp.asarray(budget.planner_updates // 2, jnp.int32)
    run, learn = eqx.tree_at(lambda r: r.update, run, late), block(system, 1)
    runs = stack([run] * CORES)
    compiled, seconds = on_all_cores(learn, stack([economy] * CORES), runs)
    speed = measure(lambda _: compiled(stack([economy] * CORES), runs)[1], CORES * replicas, options)
    memory = memory_of_learning(learn, economy, run)
    return {"replicas": replicas, "trace_and_compile_seconds": seconds, **speed, **memory}


def draw(rows: list[dict], out: Path) -> None:
    """Processor time of a step against consumers, beside a line of slope one."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    counts, cost = [row["consumers"] for row in rows], [1e3 / row["per_cpu_second"] for row in rows]
    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    axes.loglog(counts, cost, "o-", label="measured")
    axes.loglog(counts, [cost[-1] * count / counts[-1] for count in counts], ":", color="gray", label="linear")
    axes.set_xlabel("Consumers")
    axes.set_ylabel("Milliseconds of processor time per step")
    axes.legend(frameon=False)
    for ending in (".png", ".svg"):
        figure.savefig(out.with_suffix(ending), dpi=200)


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicas", type=int, nargs="+", default=[8, 32, 128])
    parser.add_argument("--consumers", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each window")
    parser.add_argument("--smoke", action="store_true", help="one short window: does it run?")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.windows = 1 if options.smoke else WINDOWS
    options.seconds = 0.0 if options.smoke else options.seconds
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # compile time is what a first run takes
    prepare_jax()
    found = {
        **provenance(),
        "step": [stepping(100, replicas, options) for replicas in options.replicas],
        "consumers": [stepping(count, min(options.replicas), options) for count in options.consumers],
        "training": [training(replicas, options) for replicas in options.replicas],
    }
    for name in ("step", "consumers", "training"):
        for row in found[name]:
            print(name, {key: round(value, 1) for key, value in row.items() if key != "windows"})
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        draw(found["consumers"], options.out)


if __name__ == "__main__":
    main()
