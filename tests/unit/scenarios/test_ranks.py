"""From a scenario's keys to who has which rank, which networks, and what is remembered. Kind: wiring, by hand."""

import os
import subprocess
import sys

import equinox as eqx
import jax
import numpy as np
import pytest

from fisc.policies.networks import OwnMLPs
from fisc.scenarios import build
from fisc.scenarios.kinds.gather_trade_build import beginning
from fisc.scenarios.registry import load_scenario

CORNERS = [24, 600, 0, 624]
"""Cells of the ranks on the preset's map, the lowest first."""


def cells(changes) -> np.ndarray:
    """Where citizens start in 20 episodes."""
    settlement = beginning(load_scenario("gtb-open-quadrant", changes).economy)
    return np.asarray(jax.vmap(lambda key: settlement.draw(key).cell)(jax.random.split(jax.random.key(0), 20)))


def test_ranks_stay_or_are_dealt_as_the_scenario_says():
    assert (cells({}) == CORNERS).all()
    dealt = cells({"economy.deals_ranks": True})
    assert (np.sort(dealt, axis=1) == np.sort(CORNERS)).all() and len(np.unique(dealt[:, 0])) > 1


@pytest.mark.parametrize("deals", [False, True])
def test_so_they_do_on_two_sides_of_the_water(deals):
    # The best builder alone lives in the north: always the last citizen, or anybody.
    rows = cells({"economy.placement": "split", "economy.deals_ranks": deals}) // 25
    in_north = rows < 12
    assert (in_north.sum(axis=1) == 1).all()
    assert set(in_north.argmax(axis=1)) == ({3} if not deals else {0, 1, 2, 3})


def test_everybody_has_networks_where_the_scenario_says_so():
    scenario = load_scenario("gtb-open-quadrant")
    people = build.population(scenario, 0)
    economy = build.make_economy(scenario, people, build.make_tax(scenario, people, "planner", None))
    learners = build.make_learners(scenario)
    init = eqx.filter_jit(lambda key: {role: learners[role].init(key, economy, role) for role in learners})
    made = init(jax.random.key(0))
    actor = made["citizen"].policy.actor
    assert isinstance(actor, OwnMLPs) and actor.weights[0].shape[0] == 4
    assert made["citizen"].returns.mean.shape == (4,)
    assert not isinstance(made["planner"].policy.actor, OwnMLPs)


@pytest.mark.parametrize("changes, window", [({}, 40), ({"economy.citizens": 50, "economy.placement": "anywhere"}, 50)])
def test_the_saez_estimator_remembers_as_many_incomes_as_the_scenario_says_and_one_for_everybody(changes, window):
    scenario = load_scenario("gtb-open-quadrant", changes)
    assert build.make_tax(scenario, build.population(scenario, 0), "saez_estimated", None).window == window


def test_networks_can_be_made_where_each_core_is_a_device():
    """Known failure: jaxlib 0.10 waited forever for batched decompositions under the flags that commands set."""
    code = """
from fisc.cli.machine import prepare_jax
prepare_jax(cores=2)
import jax
from fisc.core.economy import Block, RoleSpec
from fisc.core.spaces import Discrete
from fisc.policies.actor_critic import make_policy
names = tuple(str(i) for i in range(900))
role = RoleSpec(4, Discrete(50), {"own": Block(names, is_public=False)}, "step")
make = make_policy((128, 128), own_networks=True)
made = jax.jit(lambda key: make(key, role).actor.weights)(jax.random.key(0))
print(jax.device_count(), jax.block_until_ready(made)[0].shape)
"""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split("\n")[0] == "2 (4, 900, 128)", done.stderr


@pytest.mark.parametrize("preset, number", [("gtb-open-quadrant", 4), ("gtb-open-quadrant-10", 10)])
def test_networks_tell_all_builders_apart_by_their_payments(preset, number):
    # By construction: a threshold half way between any two ranks; and Saez sees one episode's incomes of everybody.
    scenario = load_scenario(preset)
    pays = np.asarray(beginning(scenario.economy).ranked_payments) / scenario.economy.building.payment
    assert len(pays) == number and (np.diff(pays) > 0).all()
    middle = (pays[1:] + pays[:-1]) / 2
    np.testing.assert_allclose(scenario.learning.citizen.thresholds["own/build_payment"], middle, atol=0.006)
    assert scenario.taxes.saez_window == number * scenario.economy.periods
