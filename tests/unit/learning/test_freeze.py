"""Who stays while somebody else learns: whole roles, or all agents of a role but one."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.economy import Observation
from fisc.core.knobs import Progress
from fisc.core.spaces import Discrete
from fisc.core.trajectory import Trajectory
from fisc.learning.curriculum import Retraining
from fisc.learning.freeze import OneApart, apart, frozen, only, split
from fisc.learning.ppo import Settings, ppo
from fisc.learning.two_level import TwoLevel
from fisc.policies.actor_critic import make_policy, set_scale
from fisc.policies.scripted import Greedy

from .toy import KNOBS, Bandit, Clock

LEARNER = ppo(Settings(epochs=2, minibatches=1, learning_rate=0.02, per_agent=True), make_policy((4,)), set_scale)
AGENT = 2


def as_it_is(policy):
    return policy


def bandit():
    """Four citizens; the second of three arms pays 1."""
    return Bandit(jnp.array([0.0, 1.0, 0.2]), Discrete(3))


@cache
def one_apart():
    """Citizen 2 of the bandit learns alone for 30 updates: the states before and after, and what was measured."""
    curriculum = Retraining(("citizen",), "citizen", 0.0, (1.0, 1.0))
    system = TwoLevel({"citizen": apart(LEARNER, AGENT, as_it_is)}, curriculum, 30, 16)
    run = eqx.filter_jit(system.init)(bandit(), jax.random.key(0))
    before = split(LEARNER, run.learners["citizen"].rest, AGENT, holds_scale=True)
    run = eqx.tree_at(lambda r: r.learners["citizen"], run, before)
    step = eqx.filter_jit(lambda run: system.step(bandit(), run))
    for _ in range(30):
        run, metrics = step(run)
    return before, run.learners["citizen"], metrics


def chances(policy):
    """Probability of the best arm, citizen by citizen."""
    seen = bandit().observe(bandit().init(jax.random.key(0)), KNOBS)["citizen"]
    return np.exp(np.asarray(policy.evaluate(seen, jnp.ones(4, jnp.int32)).log_prob))


def test_one_agent_learns_and_the_others_keep_every_bit():
    """Learning: the one finds the arm that pays; what the others play by, their optimizer included, is untouched."""
    before, after, metrics = one_apart()
    assert eqx.tree_equal(before.rest, after.rest)
    assert not eqx.tree_equal(before.own.policy, after.own.policy)
    assert chances(after.own.policy)[AGENT] > 0.9
    assert chances(after.rest.policy)[0] == pytest.approx(1 / 3, abs=0.05)
    assert metrics["citizen/knob/learning"] == 1.0


def test_an_agent_alone_has_a_scale_of_its_own():
    # By hand: returns are scaled agent by agent, so of four moments one is left; the others keep all four.
    before, after, _ = one_apart()
    assert before.rest.returns.mean.shape == (4,)
    assert after.own.returns.mean.shape == (1,)


def test_whoever_has_not_learned_yet_plays_as_the_whole_role_does():
    # Property: with equal parameters one policy apart is the same as one policy, draw by draw.
    policy = one_apart()[1].own.policy
    seen = bandit().observe(bandit().init(jax.random.key(0)), KNOBS)["citizen"]
    for key in jax.random.split(jax.random.key(3), 5):
        together, split_up = (p.act(key, seen) for p in (policy, OneApart(policy, policy, jnp.int32(AGENT))))
        assert eqx.tree_equal(together, split_up)
    assert eqx.tree_equal(policy.act_greedily(seen), OneApart(policy, policy, jnp.int32(1)).act_greedily(seen))


def test_only_the_one_decides_by_its_own_policy():
    # By hand: the trained one plays arm 1 greedily; the rest does what an untrained policy finds most likely.
    before, after, _ = one_apart()
    policy = apart(LEARNER, AGENT, Greedy).policy(after)
    seen = bandit().observe(bandit().init(jax.random.key(0)), KNOBS)["citizen"]
    others = before.rest.policy.act_greedily(seen)
    for action in (policy.act_greedily(seen), policy.act(jax.random.key(1), seen).action):
        assert action[AGENT] == 1
        assert np.array_equal(np.delete(action, AGENT), np.delete(others, AGENT))


def test_a_frozen_role_keeps_its_state_and_plays_as_told():
    # Contract: the planner learns, citizens do not, not even their scales; greedy ones have no log probability.
    system = TwoLevel(
        {"citizen": frozen(LEARNER, Greedy), "planner": LEARNER},
        Retraining(("citizen", "planner"), "planner", 0.0, (1.0, 1.0)),
        2,
        3,
    )
    first = eqx.filter_jit(system.init)(Clock(), jax.random.key(0))
    last = eqx.filter_jit(lambda run: system.step(Clock(), run)[0])(first)
    assert eqx.tree_equal(first.learners["citizen"], last.learners["citizen"])
    assert not eqx.tree_equal(first.learners["planner"], last.learners["planner"])
    assert isinstance(system.learners["citizen"].policy(last.learners["citizen"]), Greedy)


def test_an_agent_with_networks_of_its_own_takes_them_along():
    """Contract: the one apart begins as it played in the role, by networks that nobody else has; the rest stays."""
    learner = ppo(Settings(per_agent=True), make_policy((4,), own_networks=True), set_scale)
    state = eqx.filter_jit(lambda key: learner.init(key, bandit(), "citizen"))(jax.random.key(5))
    # A fresh actor hardly decides: its last layer is small.
    last = lambda s: s.policy.actor.networks.weights[-1]  # noqa: E731
    state = eqx.tree_at(last, state, 300.0 * last(state))
    state = eqx.tree_at(lambda s: s.policy.actor.networks.biases[0], state, replace_fn=lambda b: b + 1.0)
    assert np.ptp(chances(state.policy)) > 0.1, "four networks"
    before = split(learner, state, AGENT, holds_scale=True)
    np.testing.assert_allclose(chances(before.own.policy), chances(state.policy)[AGENT], rtol=1e-5)
    system = TwoLevel(
        {"citizen": apart(learner, AGENT, as_it_is)}, Retraining(("citizen",), "citizen", 0.0, (1.0, 1.0)), 2, 8
    )
    run = eqx.filter_jit(system.init)(bandit(), jax.random.key(0))
    run = eqx.tree_at(lambda r: r.learners["citizen"], run, before)
    after = eqx.filter_jit(lambda run: system.step(bandit(), run)[0])(run).learners["citizen"]
    assert eqx.tree_equal(before.rest, after.rest)
    assert not eqx.tree_equal(before.own.policy, after.own.policy)


def test_restarting_forgets_the_optimizer_alone():
    # Contract: same policy and scales; the count of steps is 0 again; a scale that is held no longer moves.
    _, after, _ = one_apart()
    again = LEARNER.restart(after.own, None, False)
    assert eqx.tree_equal(again.policy, after.own.policy) and eqx.tree_equal(again.returns, after.own.returns)
    assert int(after.own.optimizer[1].count) == 60 and int(again.optimizer[1].count) == 0


def test_a_held_scale_stays_bit_for_bit():
    # By hand: there is but one feature, always 1; read on a moving scale its mean would be 1, not 0.
    _, after, _ = one_apart()
    assert float(after.own.policy.scale.mean["nothing"][0]) == 0.0
    moved = LEARNER.restart(after.own, None, False)
    assert moved.features == {}, "what is held stays held"


def test_what_happened_to_one_agent_is_taken_out_of_a_trajectory():
    # By hand: 2 decisions, 3 environments, 4 agents; what all see alike has one row and stays.
    number = jnp.arange(2 * 3 * 4, dtype=jnp.float32).reshape(2, 3, 4)
    seen = Observation({"own": jnp.zeros((4, 1)), "public": jnp.zeros((1, 1))}, jnp.ones((4, 1), bool))
    seen = jax.tree.map(lambda x: jnp.broadcast_to(x, (2, 3, *x.shape)), seen)
    seen = eqx.tree_at(lambda s: s.features["own"], seen, number[..., None])
    ended = jnp.zeros((2, 3), bool)
    whole = Trajectory(seen, number, number, number, number, number[0], ended)
    one = only(whole, jnp.int32(AGENT))
    for field in (one.latent, one.log_prob, one.value, one.reward, one.observation.features["own"][..., 0]):
        np.testing.assert_array_equal(field, [[[2], [6], [10]], [[14], [18], [22]]])
    np.testing.assert_array_equal(one.last_value, [[2], [6], [10]])
    assert one.observation.features["public"].shape == (2, 3, 1, 1)
    assert one.observation.mask.shape == (2, 3, 1, 1)
    assert one.ended is ended


def test_retraining_changes_nothing_but_who_learns():
    # By hand: half way the step size is between 1 and 0.2; labor costs in full, and no rate has a ceiling.
    half = Progress(jnp.int32(5), jnp.float32(0.5), jnp.float32(0.4))
    knobs = Retraining(("citizen", "planner"), "planner", 0.03, (1.0, 0.2))(half)
    assert {role: bool(value) for role, value in knobs.learning.items()} == {"citizen": False, "planner": True}
    assert float(knobs.learning_rate["planner"]) == pytest.approx(0.6)
    assert float(knobs.entropy["planner"]) == pytest.approx(0.03)
    assert (float(knobs.labor_cost), float(knobs.max_rate)) == (1.0, 1.0)
