"""How fast does the Gather-Trade-Build economy step, compared with the reference program?

    python benchmarks/gather_trade_build_speed.py [--agents 4 10 100] [--seconds 5] [--smoke]
        [--out benchmarks/results/gather_trade_build_speed.json]

Both sides run in this call, one after the other, on all cores, on the same configurations: ours as a program for each
core, which do not wait for each other, the reference (ai-economist 1.7.1, installed beside fisc by `make oracle`) as a
process for each core. Three things are timed:

* `step`: steps alone, with actions drawn from the whole action space, of which illegal ones do nothing. The reference
  cannot step without observing; its numbers are those of its `step` as it is, and, as `step without observing`, of its
  `step` with observations and masks replaced by constants.
* `observe`: steps, the observations of all citizens and the planner, and actions drawn from what the masks allow.
* `policy`: the same with a small network that reads every citizen's window of the map: 32 hidden units, in single
  precision, the same on both sides (numpy beside the reference).

Choosing actions counts for ours, and for the reference in `policy` alone. Speeds are medians of windows; per_cpu_second
divides by processor time in place of time on the clock and suffers less from whatever else runs. Compile time is apart.
With `--out`, cost against the number of agents is also drawn, beside the JSON (PNG and SVG).
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cost_by_agents import draw
from fisc.cli.machine import num_cores, prepare_jax
from machine import provenance

ROOT = Path(__file__).resolve().parents[1]
CORES = num_cores()
MODES = ("step", "observe", "policy")
WINDOWS = 5
PERIOD, EPISODE = 100, 1000
"""Steps of a tax period and of an episode."""
HIDDEN = 32
BRACKETS, RATES = 7, 22
CURVE = (2, 4, 10, 25, 50, 100)
"""Numbers of agents for the plot, all on the larger map."""


def configuration(agents: int, large_map: bool | None = None) -> dict:
    """The papers' setting in the reference's own format, on the open quadrants: 25 x 25, or 40 x 40 for many."""
    is_large = agents > 50 if large_map is None else large_map
    side, name = (40, "quadrant_40x40_50each.txt") if is_large else (25, "quadrant_25x25_20each_30clump.txt")
    tax = {"tax_model": "model_wrapper", "period": PERIOD, "bracket_spacing": "us-federal", "usd_scaling": 1000.0}
    return {
        "scenario_name": "layout_from_file/simple_wood_and_stone",
        "components": [
            {"Build": {"skill_dist": "pareto", "payment_max_skill_multiplier": 3}},
            {"ContinuousDoubleAuction": {"max_bid_ask": 10, "max_num_orders": 5, "order_duration": 50}},
            {"Gather": {"skill_dist": "pareto"}},
            {"PeriodicBracketTax": tax},
        ],
        "n_agents": agents,
        "world_size": [side, side],
        "env_layout_file": name,
        "episode_length": EPISODE,
        "planner_gets_spatial_info": False,
        "multi_action_mode_planner": True,
    }


# --- The reference ---


def reference_window(agents: int, large_map: bool | None, mode: str, seconds: float) -> dict[str, float]:
    """Steps, time on the clock and processor time of one process of the reference, after some steps of warm-up."""
    sys.path.insert(0, str(ROOT))
    import numpy as np
    from tests.oracle.reference import make

    rng = np.random.RandomState(0)
    env = make(configuration(agents, large_map), seed=1)
    seen = env.reset()
    if mode == "step without observing":
        constant = seen
        env._generate_observations = lambda **_: constant
        env._generate_masks = lambda **_: constant
    sizes = {name: np.asarray(entry["action_mask"]).size for name, entry in seen.items()}
    network = _numpy_network(rng, np.asarray(seen["0"]["world-map"]).size, sizes["0"])
    choose = {"observe": _legal, "policy": partial(_by_network, network)}.get(mode, _anything)
    clock = cpu = steps = 0.0
    is_warm, since_reset = False, 0
    while clock < seconds:
        before = time.perf_counter(), time.process_time()
        actions = choose(rng, seen)
        if mode != "policy":  # drawing actions at random is not what is compared
            before = time.perf_counter(), time.process_time()
        seen, *_ = env.step(actions)
        since_reset += 1
        if since_reset == EPISODE:
            seen, since_reset = env.reset(), 0
        clock += time.perf_counter() - before[0]
        cpu += time.process_time() - before[1]
        steps += 1
        if not is_warm and steps >= 3:
            steps, clock, cpu, is_warm = 0.0, 0.0, 0.0, True
    return {"steps": steps, "clock": clock, "cpu": cpu}


def _anything(rng, seen) -> dict:
    """Actions from the whole space."""
    actions = {name: rng.randint(len(entry["action_mask"])) for name, entry in seen.items() if name != "p"}
    return {**actions, "p": rng.randint(RATES, size=BRACKETS).tolist()}


def _legal(rng, seen) -> dict:
    """Actions from what the masks allow."""
    actions = {n: int(rng.choice(entry["action_mask"].nonzero()[0])) for n, entry in seen.items() if n != "p"}
    parts = seen["p"]["action_mask"].reshape(BRACKETS, RATES)
    return {**actions, "p": [int(rng.choice(part.nonzero()[0])) for part in parts]}


def _by_network(network, rng, seen) -> dict:
    """Citizens act by the network; the planner from what its mask allows."""
    import numpy as np

    names = [name for name in seen if name != "p"]
    windows = np.stack([seen[name]["world-map"].reshape(-1) for name in names]).astype(np.float32)
    masks = np.stack([seen[name]["action_mask"] for name in names])
    logits = np.maximum(windows @ network[0], 0) @ network[1]
    score = np.where(masks > 0, logits + rng.gumbel(size=logits.shape), -np.inf)
    parts = seen["p"]["action_mask"].reshape(BRACKETS, RATES)
    planner = [int(rng.choice(part.nonzero()[0])) for part in parts]
    return {**dict(zip(names, score.argmax(axis=1).tolist(), strict=True)), "p": planner}


def _numpy_network(rng, num_inputs: int, num_actions: int):
    import numpy as np

    shapes = ((num_inputs, HIDDEN), (HIDDEN, num_actions))
    return [(rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32) for shape in shapes]


def reference_bytes(agents: int, copies: int) -> float:
    """How much a process grows with every further environment of the reference."""
    sys.path.insert(0, str(ROOT))
    from tests.oracle.reference import make

    kept = [make(configuration(agents), seed=1)]
    kept[0].reset()
    before = _resident_bytes()
    for seed in range(copies):
        kept.append(make(configuration(agents), seed=seed + 2))
        kept[-1].reset()
    return (_resident_bytes() - before) / copies


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def reference(pool, agents: int, mode: str, options, large_map: bool | None = None) -> dict:
    """Speed of the reference with one process on every core."""
    found = []
    for _ in range(options.windows):
        jobs = [pool.submit(reference_window, agents, large_map, mode, options.seconds) for _ in range(CORES)]
        found.append([job.result() for job in jobs])
    clock = [sum(one["steps"] / one["clock"] for one in window) for window in found]
    cpu = [statistics.mean(one["steps"] / one["cpu"] for one in window) for window in found]
    return _summary(clock, cpu)


def _summary(clock: list[float], cpu: list[float]) -> dict:
    return {
        "steps_per_second": statistics.median(clock),
        "per_cpu_second": statistics.median(cpu),
        "windows": clock,
    }


# --- Ours ---


def economy_of(agents: int, large_map: bool | None = None):
    """Our economy from the same configuration."""
    from fisc.scenarios import foundation, foundation_config

    return foundation.economy(foundation_config.resolve(configuration(agents, large_map)))


def program(economy, mode: str, steps: int):
    """A function (keys, states, network) → states: `steps` steps of a batch of environments."""
    import jax
    import jax.numpy as jnp

    from fisc.core.knobs import full_knobs
    from fisc.core.luck import random_halves

    knobs, spec = full_knobs(), economy.spec
    citizens, size = spec.roles["citizen"].num_agents, spec.roles["citizen"].actions.size

    def advance(carry, key, network):
        state, seen, checksum = carry
        key_step, halves = random_halves(key, 2 * (citizens + BRACKETS))
        bits = jax.lax.bitcast_convert_type(halves.reshape(-1, 2), jnp.uint32)
        planner = (bits[None, citizens:] % RATES).astype(jnp.int32)
        actions = {"citizen": _choose(mode, bits[:citizens], seen, network, size), "planner": planner}
        after = economy.step(key_step, state, actions, knobs)
        # The carry holds the last observation, so that every one of them is written down.
        seen = None if seen is None else economy.observe(after.state, knobs)
        return (after.state, seen, checksum + jnp.sum(after.rewards["citizen"])), None

    def play(key, state, network):
        seen = None if mode == "step" else economy.observe(state, knobs)
        step = lambda carry, key: advance(carry, key, network)  # noqa: E731
        return jax.lax.scan(step, (state, seen, jnp.zeros(())), jax.random.split(key, steps))[0]

    return jax.vmap(play, in_axes=(0, 0, None))


def _choose(mode: str, bits, seen, network, size: int):
    """One action of every citizen, from random bits."""
    import jax.numpy as jnp

    if mode == "step":
        return (bits % size).astype(jnp.int32)
    citizen = seen["citizen"]
    entry = jnp.arange(size, dtype=jnp.uint32)
    mixed = bits[:, None] + entry[None, :] * jnp.uint32(0x9E3779B9)
    mixed = (mixed ^ (mixed >> 16)) * jnp.uint32(0x7FEB352D)
    mixed = (mixed ^ (mixed >> 15)) * jnp.uint32(0x846CA68B)
    if mode == "observe":  # the legal entry with the largest of random numbers, which end in the entry's own number
        number = ((mixed >> 9 << 8) | entry[None, :]).astype(jnp.int32)
        return jnp.max(jnp.where(citizen.mask, number, -1), axis=1) & 255
    share = ((mixed >> 8).astype(jnp.float32) + 0.5) / (1 << 24)
    window = citizen.features["map"].reshape(bits.shape[0], -1).astype(jnp.float32)
    logits = jnp.maximum(window @ network[0], 0) @ network[1] - jnp.log(-jnp.log(share))
    return jnp.argmax(jnp.where(citizen.mask, logits, -1e9), axis=1).astype(jnp.int32)


@dataclass
class Lane:
    """The environments of one device, and a program of its own: devices that share one slow each other down."""

    begin: Callable
    play: Callable
    renew: Callable
    keys: Any
    network: Any
    last: Any = None
    """State, observations and checksum after the latest call."""
    calls: int = 0

    def advance(self, calls_in_episode: int) -> None:
        """Call the program once more, without waiting for it."""
        is_over = self.calls % calls_in_episode == 0
        states = self.begin(self.keys) if is_over else self.last[0]
        self.keys, self.calls = self.renew(self.keys), self.calls + 1
        self.last = self.play(self.keys, states, self.network)


def lanes(economy, mode: str, steps: int, batch: int) -> list[Lane]:
    """One for each device."""
    import jax

    citizen = economy.spec.roles["citizen"]
    shapes = ((citizen.blocks["map"].size, HIDDEN), (HIDDEN, citizen.actions.size))
    network = [jax.random.normal(jax.random.key(1), shape) / shape[0] ** 0.5 for shape in shapes]
    programs = (jax.vmap(economy.init), program(economy, mode, steps), jax.vmap(lambda key: jax.random.fold_in(key, 1)))
    found = []
    for number, device in enumerate(jax.devices()):
        keys = jax.random.split(jax.random.key(number), batch)
        # The device is where these lie.
        found.append(Lane(*map(jax.jit, programs), *jax.device_put((keys, network), device)))
    return found


def ours(agents: int, mode: str, options, large_map: bool | None = None) -> dict:
    """Speed of ours over all devices, compile time, and the size of a state and an observation."""
    import jax

    economy = economy_of(agents, large_map)
    batch = options.environments or max(16, min(128, 3200 // agents))
    found, calls_in_episode = lanes(economy, mode, options.steps, batch), EPISODE // options.steps
    compiling, *_ = [_compiling(lane) for lane in found]
    clock, cpu = [], []
    for _ in range(options.windows):
        done, before = 0, (time.perf_counter(), time.process_time())
        waiting = []
        while time.perf_counter() - before[0] < options.seconds:
            for lane in found:
                lane.advance(calls_in_episode)
                done += options.steps * batch
            # One more call is under way on every device than those that are waited for here.
            jax.block_until_ready(waiting)
            waiting = [lane.last[2] for lane in found]
        jax.block_until_ready(waiting)
        clock.append(done / (time.perf_counter() - before[0]))
        cpu.append(done / (time.process_time() - before[1]))
    bytes_of = lambda tree: sum(x.nbytes for x in jax.tree.leaves(tree)) // batch  # noqa: E731
    state, seen, _ = found[0].last
    sizes = {"state_bytes": bytes_of(state)} | ({"observation_bytes": bytes_of(seen)} if seen else {})
    about = {"environments": batch * len(found), "devices": len(found)}
    about |= {"trace_and_compile_seconds": compiling[0], "trace_and_compile_cpu_seconds": compiling[1]}
    return _summary(clock, cpu) | sizes | about


def _compiling(lane: Lane) -> tuple[float, float]:
    """How much longer the first call of a program takes than the second, on the clock and in processor time."""
    import jax

    states, _ = jax.block_until_ready((lane.begin(lane.keys), lane.renew(lane.keys)))
    took = []
    for _ in range(2):
        before = time.perf_counter(), time.process_time()
        jax.block_until_ready(lane.play(lane.keys, states, lane.network))
        took.append((time.perf_counter() - before[0], time.process_time() - before[1]))
    return took[0][0] - took[1][0], took[0][1] - took[1][1]


# --- Both ---


def compare(pool, agents: int, options) -> dict:
    """All three things, ours and the reference's, for one number of agents."""
    rows = {}
    for mode in MODES:
        mine = ours(agents, mode, options)
        theirs = reference(pool, agents, mode, options)
        rows[mode] = {"ours": mine, "reference": theirs, "ratio": _ratios(mine, theirs)}
    blind = reference(pool, agents, "step without observing", options)
    rows["step"] |= {"reference_without_observing": blind, "ratio_to_it": _ratios(rows["step"]["ours"], blind)}
    copies = 1 if options.smoke else max(4, 80 // agents)
    memory = {"reference_bytes": pool.submit(reference_bytes, agents, copies).result()}
    memory |= {name: rows["observe"]["ours"][name] for name in ("state_bytes", "observation_bytes")}
    return {"configuration": configuration(agents), **rows, "memory_per_environment": memory}


def _ratios(mine: dict, theirs: dict) -> dict:
    return {name: mine[name] / theirs[name] for name in ("steps_per_second", "per_cpu_second")}


def curve(pool, options) -> list[dict]:
    """Processor time of a step with observations by number of agents, all on the larger map."""
    rows = []
    for agents in options.curve:
        row = {"agents": agents}
        for name, found in (
            ("ours", ours(agents, "observe", options, large_map=True)),
            ("reference", reference(pool, agents, "observe", options, large_map=True)),
        ):
            row[f"{name}_microseconds"] = 1e6 / found["per_cpu_second"]
        rows.append(row)
    return rows


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="+", default=[4, 10, 100])
    parser.add_argument("--curve", type=int, nargs="*", default=list(CURVE), help="numbers of agents for the plot")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a window, of which there are five")
    parser.add_argument("--environments", type=int, default=0, help="per device; by default 3200 / agents, 16 to 128")
    parser.add_argument("--smoke", action="store_true", help="one short window of everything: does it run?")
    parser.add_argument("--out", type=Path, help="also store the JSON here, and the plot beside it")
    options = parser.parse_args(arguments)
    options.windows, options.steps = WINDOWS, PERIOD
    if options.smoke:
        options.windows, options.steps, options.seconds, options.environments = 1, 2, 0.01, 2
    return options


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and store."""
    options = parse(arguments)
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # compile times are measured
    prepare_jax()
    with ProcessPoolExecutor(CORES, multiprocessing.get_context("spawn")) as pool:
        pool.submit(reference_window, 2, False, "observe", 0.01).result()  # if it is missing, say so here and now
        rows = {str(agents): compare(pool, agents, options) for agents in options.agents}
        points = curve(pool, options)
    result = {
        "question": "environment steps per second, all cores",
        "agents": rows,
        "curve": points,
        "machine": provenance(),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n")
        if points:
            draw(points, options.out)


if __name__ == "__main__":
    main()
