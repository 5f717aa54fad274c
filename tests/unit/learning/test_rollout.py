"""Rollouts: each role's trajectory follows the role's own clock. Payments are 1, 2, 4, … (see `toy.Clock`)."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.policy import Decision, Policy
from fisc.learning.rollout import play_episodes
from fisc.policies.scripted import Constant, Greedy

from .toy import KNOBS, Clock, copies

KEY = jax.random.key(0)


class Digits(Policy):
    """A planner who says the step it sees, so that what was held during a period can be read off the state."""

    def act(self, key, observation):
        """The step."""
        action = self.act_greedily(observation)
        return Decision(action, action, jnp.zeros(1), jnp.zeros(1))

    def act_greedily(self, observation):
        """The step."""
        return observation.features["time"][:, 0].astype(jnp.int32)


POLICIES = {"citizen": Constant(jnp.zeros(2, jnp.int32)), "planner": Digits()}


@eqx.filter_jit
def play_one(world, policies=POLICIES, knobs=KNOBS):
    """One environment's trajectories, and its state in the end."""
    played = play_episodes(world, policies, KEY, copies(world.init(KEY), 1), knobs)
    whole = played.trajectories
    trajectories = {role: jax.tree.map(lambda x: x[:, 0] if x.ndim > 1 else x, t) for role, t in whole.items()}
    return trajectories, jax.tree.map(lambda x: x[0], played.state)


def play(world):
    return play_one(world)[0]


def test_who_acts_at_every_step_has_one_entry_a_step():
    # By hand: two periods of three steps pay 1, 2, 4, 8, 16, 32.
    trajectory = play(Clock())["citizen"]
    assert trajectory.reward[:, 0].tolist() == [1, 2, 4, 8, 16, 32]
    assert trajectory.observation.features["time"][:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_who_acts_once_a_period_has_one_entry_a_period_with_the_rewards_summed():
    # By hand: 10·(1 + 2 + 4) and 10·(8 + 16 + 32), seen at steps 0 and 3.
    trajectory = play(Clock())["planner"]
    assert trajectory.reward[:, 0].tolist() == [70, 560]
    assert trajectory.observation.features["time"][:, 0, 0].tolist() == [0, 3]


def test_a_decision_for_a_period_holds_until_its_end():
    # By hand: the planner says 0 and then 3, three times each.
    assert play_one(Clock())[1].heard == 333.0


def test_idle_steps_are_dropped_and_what_they_earn_belongs_to_the_decision_before():
    # By hand, nobody chooses in the first step of a period: decisions at steps 1, 2, 4, 5; step 3's payment (8)
    # follows the decision at 2; step 0's payment (1) follows from nothing.
    trajectory = play(Clock(idle=(0,)))["citizen"]
    assert trajectory.observation.features["time"][:, 0, 0].tolist() == [1, 2, 4, 5]
    assert trajectory.reward[:, 0].tolist() == [2, 4 + 8, 16, 32]


@pytest.mark.parametrize("idle, rewards", [((1,), [1 + 2, 4, 8 + 16, 32]), ((1, 2), [7, 56]), ((0, 1), [4 + 24, 32])])
def test_any_steps_may_be_idle(idle, rewards):
    # By hand: as above.
    assert play(Clock(idle=idle))["citizen"].reward[:, 0].tolist() == rewards


@pytest.mark.parametrize("idle", [(), (2,), (1, 2)])
def test_the_horizon_is_the_end_of_the_world(idle):
    # Closed form: the last decision of either role ends the episode, also if idle steps follow it; no other does.
    for trajectory in play(Clock(idle=idle)).values():
        assert trajectory.ended.tolist() == [False] * (len(trajectory.ended) - 1) + [True]


def test_a_batch_has_decisions_first_and_environments_second():
    # Contract: [t, e, n], and every environment plays the same world.
    world = Clock(periods=1)
    batch = jax.jit(lambda key: play_episodes(world, POLICIES, key, copies(world.init(key), 5), KNOBS))(KEY)
    citizen, planner = batch.trajectories["citizen"], batch.trajectories["planner"]
    assert (citizen.reward.shape, planner.reward.shape) == ((3, 5, 2), (1, 5, 1))
    assert (citizen.last_value.shape, planner.observation.features["time"].shape) == ((5, 2), (1, 5, 1, 1))
    np.testing.assert_array_equal(citizen.reward[:, :, 0], np.array([[1.0], [2.0], [4.0]]) * np.ones((1, 5)))
    assert batch.residual.shape == (5,)


class Wavering(Digits):
    """A planner who draws 7 whatever it sees, although the step is what it finds most likely."""

    def act(self, key, observation):
        """Seven."""
        action = jnp.full(1, 7, jnp.int32)
        return Decision(action, action, jnp.zeros(1), jnp.zeros(1))


@pytest.mark.parametrize(
    "exploring, heard",
    [({"planner": False}, 333.0), ({"planner": True}, 777777.0), ({"citizen": False}, 777777.0), ({}, 777777.0)],
    ids=["settled", "exploring", "another settled", "nobody may settle"],
)
def test_a_settled_role_does_what_it_finds_most_likely_and_others_draw(exploring, heard):
    # By hand: the mode is the step, 0 and then 3, three times each; the draw is 7, six times.
    knobs = replace(KNOBS, exploring={role: jnp.asarray(flag) for role, flag in exploring.items()})
    policies = {**POLICIES, "planner": Wavering()}
    assert play_one(Clock(), policies, knobs)[1].heard == heard


def test_a_greedy_episode_asks_the_planner_at_the_start_of_a_period_only():
    # By hand: as in training, 0 three times, then 3 three times; a batch of one.
    policies = {**POLICIES, "planner": Greedy(Wavering())}
    final = play_one(Clock(), policies)[1]
    assert (int(final.step), float(final.heard)) == (6, 333.0)
