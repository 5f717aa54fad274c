"""Fragments of episodes: who begins anew when, what is left at the end, and what is reported.

Payments are 1, 2, 4 in the first period of three steps and 8, 16, 32 in the second (see `toy.Clock`).
"""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.core.policy import Decision, Evaluation, TrainablePolicy, scripted
from fisc.learning.curriculum import Phases, RoleSchedule
from fisc.learning.rollout import play_episodes, play_fragments
from fisc.learning.two_level import TwoLevel

from .toy import KNOBS, Clock, copies

KEY = jax.random.key(0)


class Forecast(TrainablePolicy):
    """Does nothing, and expects a hundred and the step it sees."""

    num_agents: int = eqx.field(static=True)

    def act(self, key, observation):
        """Nothing."""
        action = self.act_greedily(observation)
        return Decision(action, action, jnp.zeros(self.num_agents), self.value(observation))

    def act_greedily(self, observation):
        """Nothing."""
        return jnp.zeros(self.num_agents, jnp.int32)

    def evaluate(self, observation, latent):
        """Certain of it."""
        value = self.value(observation)
        return Evaluation(jnp.zeros_like(value), jnp.zeros_like(value), value)

    def value(self, observation):
        """A hundred and the step."""
        return jnp.broadcast_to(100.0 + observation.features["time"][..., 0], observation.mask.shape[:-1])


POLICIES = {"citizen": Forecast(2), "planner": Forecast(1)}


@eqx.filter_jit
def play(states, clock, num_periods=1, world=Clock()):  # noqa: B008 - a toy without state
    return play_fragments(world, POLICIES, KEY, states, clock, KNOBS, num_periods)


@cache
def history():
    """Two environments, the second one a period ahead of itself, over three fragments of a period."""
    states, clock, fragments = copies(Clock().init(KEY), 2), jnp.array([0, 1], jnp.int32), []
    for _ in range(3):
        fragments.append(play(states, clock))
        states, clock = fragments[-1].experience.state, fragments[-1].clock
    return fragments


def rewards(fragment, role="citizen"):
    return fragment.experience.trajectories[role].reward[:, :, 0].T.tolist()


def test_an_episode_goes_on_where_the_last_fragment_stopped():
    """By hand: the first environment plays its two periods, then the first again; the second begins anew at once."""
    assert [rewards(f)[0] for f in history()] == [[1, 2, 4], [8, 16, 32], [1, 2, 4]]
    assert [rewards(f)[1] for f in history()] == [[1, 2, 4], [1, 2, 4], [8, 16, 32]]


def test_the_planner_decides_once_a_period_and_earns_its_rewards():
    """By hand: ten times 1 + 2 + 4 and 8 + 16 + 32."""
    assert [rewards(f, "planner")[0] for f in history()] == [[70], [560], [70]]


def test_environments_that_start_apart_stay_apart():
    """By hand: two periods an episode, so that each fragment ends one of the two."""
    assert [f.clock.tolist() for f in history()] == [[1, 2], [2, 1], [1, 2]]
    assert [f.ended.tolist() for f in history()] == [[[False, True]], [[True, False]], [[False, True]]]


def test_the_end_of_a_fragment_is_worth_what_the_critic_sees_there():
    """By hand: after the first period a hundred and step 3, for both roles."""
    for trajectory in history()[0].experience.trajectories.values():
        assert trajectory.last_value[0, 0] == 103.0


@pytest.mark.parametrize("role, length", [("citizen", 3), ("planner", 1)])
def test_only_the_last_decision_of_an_episode_ends_it(role, length):
    """By hand: in the first fragment the second environment's episode is over."""
    ended = history()[0].experience.trajectories[role].ended
    assert ended.T.tolist() == [[False] * length, [False] * (length - 1) + [True]]


def test_fragments_of_several_periods_run_over_the_end_of_an_episode():
    """By hand: from the second period on, over the end, to the first of the next episode."""
    first = history()[0]
    fragment = play(first.experience.state, first.clock, 2)
    assert rewards(fragment)[0] == [8, 16, 32, 1, 2, 4]
    citizen, planner = (fragment.experience.trajectories[role] for role in ("citizen", "planner"))
    assert citizen.ended[:, 0].tolist() == [False, False, True, False, False, False]
    assert planner.ended[:, 0].tolist() == [True, False]
    assert (fragment.clock[0], citizen.last_value[0, 0]) == (1, 103.0)


def test_two_fragments_are_a_whole_episode():
    """Contract: the same rewards, and the same state in the end, as played in one."""
    whole = eqx.filter_jit(play_episodes)(Clock(), POLICIES, KEY, copies(Clock().init(KEY), 1), KNOBS)
    parts = history()[:2]
    for role, trajectory in whole.trajectories.items():
        together = np.concatenate([f.experience.trajectories[role].reward[:, :1] for f in parts])
        np.testing.assert_array_equal(together, trajectory.reward)
    assert float(parts[1].experience.state.total[0, 0]) == float(whole.state.total[0, 0]) == 63.0


@cache
def system(periods_per_update=1):
    rules = {role: scripted(lambda _, policy=policy: policy) for role, policy in POLICIES.items()}
    return TwoLevel(rules, Phases({role: RoleSchedule() for role in POLICIES}), 9, 4, periods_per_update)


@cache
def updates():
    step = eqx.filter_jit(lambda run: system().step(Clock(), run))
    runs, reports = [eqx.filter_jit(system().init)(Clock(), KEY)], []
    for _ in range(4):
        run, metrics = step(runs[-1])
        runs.append(run)
        reports.append(metrics)
    return runs, reports


def test_environments_begin_spread_over_the_episode():
    """By hand: four environments over two periods; the spread stays."""
    runs, _ = updates()
    assert [sorted(run.clock.tolist()) for run in runs] == [[0, 0, 1, 1]] + [[1, 1, 2, 2]] * 4


def test_what_is_reported_are_episodes_that_ended_and_were_played_in_full():
    """By hand: an episode pays 63. In the first update only episodes cut short end (7): nothing is reported yet."""
    _, reports = updates()
    assert [float(metrics["welfare"]) for metrics in reports] == [0.0, 63.0, 63.0, 63.0]


def test_rewards_are_counted_by_episode():
    """By hand: 63 an episode, and the planner's tenfold; the first update sees first periods alone, twice over."""
    _, reports = updates()
    assert [float(metrics["citizen/reward"]) for metrics in reports] == [14.0, 63.0, 63.0, 63.0]
    assert float(reports[1]["planner/reward"]) == 630.0


def test_a_run_amid_episodes_goes_on_as_if_it_had_not_stopped():
    """Contract: the state is everything, the places in the episodes included."""
    runs, _ = updates()
    again, _ = eqx.filter_jit(lambda run: system().step(Clock(), run))(runs[2])
    assert eqx.tree_equal(again, runs[3])


@pytest.mark.parametrize("periods", [0, 3])
def test_a_fragment_has_at_least_one_period_and_at_most_all(periods):
    """Contract: the message says what is allowed."""
    with pytest.raises(ConfigError, match="give 1 to 2"):
        system(periods).init(Clock(), KEY)


def test_a_role_that_waits_at_the_start_of_a_period_needs_whole_episodes():
    """Contract: what a first step earns would belong to a decision of another update."""
    with pytest.raises(ConfigError, match="whole episodes"):
        system().init(Clock(idle=(0,)), KEY)


def test_steps_of_an_update_are_counted():
    """By hand: four environments, three steps a period."""
    assert [system(periods).steps_per_update(Clock()) for periods in (1, 2, None)] == [12, 24, 24]
