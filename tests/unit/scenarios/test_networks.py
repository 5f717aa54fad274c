"""From a scenario's keys to networks: sizes by hand, what cannot be, and what is remembered between updates."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from fisc.core.economy import RoleSpec
from fisc.core.errors import ConfigError
from fisc.policies.eyes import OwnEyes
from fisc.policies.memory import Recurrent
from fisc.policies.networks import OwnMLPs, SharedMLP
from fisc.scenarios import build, outline
from fisc.scenarios.evaluation import World
from fisc.scenarios.learning_config import LearnerConfig
from fisc.scenarios.plan import plan
from fisc.scenarios.registry import load_scenario

CITIZEN = "learning.citizen."
PLAIN = {
    f"{CITIZEN}radius": {},
    f"{CITIZEN}thresholds": {},
    f"{CITIZEN}own_networks": False,
    f"{CITIZEN}hidden": [8, 6],
    f"{CITIZEN}critic_hidden": [5],
    f"{CITIZEN}actor_sees_mask": False,
    "learning.environments": 8,
}


@cache
def roles() -> dict[str, RoleSpec]:
    """Of the preset under its planner."""
    scenario = load_scenario("gtb-open-quadrant")
    people = build.population(scenario, 0)
    return build.make_economy(scenario, people, build.make_tax(scenario, people, "planner", None)).spec.roles


def policy(network: str, **changes):
    """A citizen's policy, in outline."""
    keys = PLAIN | {f"{CITIZEN}network": network} | {f"{CITIZEN}{key}": value for key, value in changes.items()}
    scenario = load_scenario("gtb-open-quadrant", keys)
    people = build.population(scenario, 0)
    economy = build.make_economy(scenario, people, build.make_tax(scenario, people, "planner", None))
    learner = build.make_learners(scenario)["citizen"]
    return eqx.filter_eval_shape(lambda key: learner.init(key, economy, "citizen").policy, jax.random.key(0))


def numbers() -> int:
    """That a citizen reads beside the map."""
    return sum(block.size for block in roles()["citizen"].blocks.values() if not block.grid)


@pytest.mark.parametrize(
    "network, filters, found",
    [("patches", [], 256), ("convolution", [], 128), ("convolution_lstm", [], 128), ("convolution", [4], 100)],
)
def test_filters_make_so_many_numbers_of_a_window(network, filters, found):
    # By hand: a window of 11 cells a side. Squares of 3 side by side cover it in 4 by 4 places, of 16 filters; filters
    # 2 apart leave 5 by 5 places, then 2 by 2 of 32 filters. Seven channels, four numbers each for owner and citizen.
    made = policy(network, filters=filters, critic_sees_maps=False)
    assert made.actor.weights[0].shape == (numbers() + found, 8)
    assert made.critic.weights[0].shape == (numbers(), 5) and not made.critic_eyes
    (eye,) = made.actor_eyes.values()
    assert eye.kernels[0].shape == (9 * (7 + 2 * 4), (filters or [16])[0])
    assert [table.shape for table in eye.tables] == [(5, 4), (5, 4)]  # labels: oneself, and four citizens by number


def test_the_published_network_is_built_as_published():
    # By hand: 128 features, two layers of 128, a memory of 128 with four gates, 50 choices; and a tower for values.
    made = policy("convolution_lstm", hidden=[128, 128], critic_hidden=[128, 128], critic_sees_maps=True)
    tower = [(numbers() + 128, 128), (128, 128), (128, 512), (128, 512)]
    assert roles()["citizen"].actions.mask_size == 50
    assert [weights.shape for weights in made.actor.weights] == [*tower, (128, 50)]
    assert [weights.shape for weights in made.critic.weights] == [*tower, (128, 1)]
    assert made.actor.trunk.activation == "relu" and made.actor_eyes.keys() == made.critic_eyes.keys() == {"/cells"}


def test_a_memory_needs_no_filters_and_networks_may_be_everybodys_own():
    made = policy("lstm", own_networks=True)
    assert isinstance(made.actor, Recurrent) and isinstance(made.actor.trunk, OwnMLPs) and not made.actor_eyes
    assert made.actor.across.shape == (4, 6, 24)
    seen = policy("convolution", own_networks=True)
    assert isinstance(seen.actor, OwnMLPs) and isinstance(seen.actor_eyes["/cells"], OwnEyes)
    assert isinstance(policy("mlp").actor, SharedMLP) and not policy("mlp").actor_eyes


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"network": "mlp", "filters": (4,)}, r"filters is \[4\]: .*\[\] where network = 'mlp'"),
        ({"network": "lstm", "filters": (4,)}, r"filters is \[4\]: .*\[\] where network = 'lstm'"),
        ({"network": "convolution", "filters": (0,)}, "positive numbers"),
        ({"network": "lstm", "acts_on": ("calendar",)}, "network is 'lstm': .*'mlp' where acts_on is given"),
        ({"head": "categorical", "greedy_choice": "median"}, "'likeliest' where head = 'categorical'"),
        ({"network": "patches", "acts_on": ("calendar",)}, "'mlp' where acts_on is given"),
        ({"network": "lstm", "sequence": 0}, "sequence is 0: .*at least 1"),
    ],
)
def test_what_contradicts_itself_is_refused(changes, message):
    # Contract: the message names the key and what is allowed.
    with pytest.raises(ConfigError, match=message):
        LearnerConfig(**changes)


@pytest.mark.parametrize(
    "scenario, changes, message",
    [
        ("one-step", {"learning.citizen.network": "convolution"}, "nothing is read of a map"),
        ("rbc-tiny", {"learning.firm.network": "patches"}, "nothing is read of a map"),
        ("gtb-open-quadrant", {f"{CITIZEN}network": "convolution"}, "no map is called 'labels/citizen/oneself'"),
        (
            "gtb-open-quadrant",
            {f"{CITIZEN}network": "convolution", f"{CITIZEN}radius": {"map": 5, "labels": 3}},
            "'labels/owner/1' is read in other places than 'map/stone'",
        ),
        (
            "gtb-open-quadrant",
            {f"{CITIZEN}network": "convolution", f"{CITIZEN}radius": {"map": 2, "labels": 2}},
            "2 layers of filters, 3 cells a side and 2 apart, do not fit on a map of which 5 by 5 cells are read",
        ),
        ("gtb-open-quadrant", {f"{CITIZEN}network": "cnn"}, "network is 'cnn'"),
    ],
)
def test_what_an_economy_has_no_map_for_is_refused_before_anything_is_spent(scenario, changes, message):
    # Contract: everything is made in outline first.
    with pytest.raises(ConfigError, match=message):
        outline.outline(plan(scenario, seeds=1, budget="smoke", overrides=changes))


def test_a_planner_may_remember_without_a_map():
    # As the published one does: its network reads numbers alone.
    outline.outline(plan("one-step", seeds=1, budget="smoke", overrides={"learning.planner.network": "lstm"}))


def test_what_is_remembered_is_a_part_of_the_run():
    # By hand: eight environments of four citizens and one planner; both networks of the citizens remember.
    planned = plan(
        "gtb-open-quadrant", arms=["planner"], seeds=1, budget="smoke", overrides=PLAIN | {f"{CITIZEN}network": "lstm"}
    )
    world = World("planner", 0, build.population(planned.scenario, 0), None)
    tax = build.make_tax(planned.scenario, world.people, "planner", None)
    economy = build.make_economy(planned.scenario, world.people, tax)
    system = build.make_system(planned.scenario, planned.budget, has_government=True)
    run = eqx.filter_eval_shape(system.init, economy, jax.random.key(0))
    memory = run.memories["citizen"]
    assert (memory["actor"].cell.shape, memory["critic"].output.shape) == ((8, 4, 6), (8, 4, 5))
    assert memory["actor"].cell.dtype == jnp.float32 and run.memories["planner"] is None
