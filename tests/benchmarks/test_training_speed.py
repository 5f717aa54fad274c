"""The benchmark of training runs and stores what it promises; its numbers mean nothing here."""

import json
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from fisc.core.knobs import full_knobs
from fisc.scenarios import build
from fisc.scenarios.plan import plan
from tests.scripts import ROOT, load_script

PLACE = "benchmarks/training_speed.py"


def test_every_network_can_be_planned():
    """Contract: what is changed in the scenario fits it, for the real size and the tiny one."""
    bench = load_script(PLACE)
    for network in bench.NETWORKS:
        for tiny in (False, True):
            options = {"environments": 128, "updates": 4, "windows": 5, "tiny": tiny}
            changes = bench.overrides(network, 2, options)
            planned = plan(bench.PRESET, arms=[bench.ARM], seeds=1, budget="full", overrides=changes)
            assert planned.budget.planner_updates == 24
            assert planned.scenario.learning.environments == (2 if tiny else 128)


@pytest.mark.parametrize("network", ["default", "one for all", "patches", "convolution_lstm"])
def test_operations_are_those_that_the_compiler_counts(network):
    """Reference: the compiler's own count for one decision of all citizens, which has a little more than products."""
    bench = load_script(PLACE)
    options = {"environments": 8, "updates": 1, "windows": 1, "tiny": False}
    planned = plan(
        bench.PRESET, arms=[bench.ARM], seeds=1, budget="full", overrides=bench.overrides(network, 1, options)
    )
    people = build.population(planned.scenario, 0)
    economy = build.make_economy(planned.scenario, people, build.make_tax(planned.scenario, people, bench.ARM, None))
    learner = build.make_learners(planned.scenario)["citizen"]

    def outline(key):
        """A policy, and what it sees as learning does, without a number."""
        policy = learner.init(key, economy, "citizen").policy
        seen = economy.observe(economy.init(key), full_knobs(("citizen", "planner")))["citizen"]
        return policy, policy.digest(seen).with_memory(policy.first_memory(4))

    inputs = eqx.filter_eval_shape(outline, jax.random.key(0))
    arrays, static = eqx.partition(inputs, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))

    def decide(arrays):
        """Log probabilities and values."""
        policy, seen = eqx.combine(arrays, static)
        return jax.tree.leaves(policy.evaluate(seen, jnp.zeros(4, jnp.int32)))

    counted = jax.jit(decide).lower(arrays).compile().cost_analysis()["flops"]
    ours = bench.operations(economy.spec, "citizen", inputs[0], 0)
    assert 0.8 * counted < ours < counted


@pytest.mark.slow
def test_a_smoke_run_stores_all_numbers(tmp_path):
    """Property: every number is there and positive, for the network that has everything, and for shared devices."""
    out, network = tmp_path / "speed.json", "convolution_lstm"
    command = [sys.executable, str(ROOT / PLACE), "--smoke", "--seeds", "1", "--epochs", "1", "--out", str(out)]
    command += ["--networks", network, "--devices"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert list(found["networks"]) == [network]
    row, shared = found["networks"][network]["1"], found["devices_sharing_one_run"]
    numbers = ("steps_per_second", "steps_per_processor_second", "operations_per_step", "share_of_floor")
    assert min(row[name] for name in numbers) > 0
    assert min(row[name] for name in ("compile_seconds", "compile_processor_seconds")) > 0
    assert set(row["approximate_kl"]) == {"citizen", "planner"}
    assert shared["ratio"] == shared["2"] / shared["1"] > 0
