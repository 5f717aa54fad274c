"""Proximal policy optimization: its loss on paper, what must not move, and a threshold it has to reach."""

from dataclasses import replace
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.economy import Observation
from fisc.core.knobs import Dial
from fisc.core.spaces import Box, Discrete
from fisc.core.trajectory import Trajectory
from fisc.learning.ppo import Settings, _rows, _stretches, ppo
from fisc.learning.two_level import TwoLevel
from fisc.policies.actor_critic import make_policy, set_scale
from fisc.policies.distributions import Choosing

from .toy import KNOBS, Bandit, Lookout

WORLD = Bandit(jnp.array([0.0, 1.0, 0.2]), Discrete(3))
ONE_PASS = Settings(learning_rate=0.01, epochs=1, minibatches=1)


@cache
def learner(settings=ONE_PASS, head="categorical"):
    return ppo(settings, make_policy((8,), Choosing(head)), set_scale)


@cache
def fresh():
    return eqx.filter_jit(lambda key: learner().init(key, WORLD, "citizen"))(jax.random.key(0))


@eqx.filter_jit
def update(state, trajectory, dial, settings=ONE_PASS):
    return learner(settings).update(jax.random.key(1), state, trajectory, dial)


def dial(entropy=0.0, learning_rate=1.0):
    return Dial(jnp.asarray(entropy), jnp.asarray(learning_rate))


ALL, ONE = (True, True, True), (True, False, False)


def experience(action, reward, legal=(ALL, ALL)) -> Trajectory:
    """One decision of four citizens in each of two environments, as the fresh policy sees it."""
    policy = fresh().policy

    @jax.vmap
    def decide(action, reward, legal):
        seen = Observation({"nothing": jnp.ones((1, 1))}, jnp.broadcast_to(legal, (4, 3)))
        found = policy.evaluate(seen, action)
        one = lambda x: x[None]  # noqa: E731
        return jax.tree.map(one, (seen, action, found.log_prob, found.value, reward)), jnp.zeros(4)

    action, reward = jnp.asarray(action, jnp.int32).reshape(2, 4), jnp.asarray(reward, jnp.float32).reshape(2, 4)
    decisions, last_value = jax.jit(decide)(action, reward, jnp.array(legal))
    return Trajectory(*jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), decisions), last_value, jnp.ones((1, 2), bool))


ACTIONS, REWARDS = [0, 1, 2, 0, 1, 2, 0, 1], [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0]


def test_the_first_pass_has_the_losses_of_a_policy_that_has_not_moved():
    # Closed form: ratio 1, so KL and clipping are 0 and the mean of standardized advantages, 0, is the policy loss.
    # Returns 10 ± 2 are ±1 in their own unit: the value loss is half the mean of (value - ±1)².
    trajectory = experience(ACTIONS, [10.0 + 2.0 * r for r in REWARDS])
    _, metrics = update(fresh(), trajectory, dial())
    zeros = [metrics[name] for name in ("loss/policy", "approximate_kl", "clip_fraction")]
    np.testing.assert_allclose(zeros, 0.0, atol=1e-6)
    expected = 0.5 * np.mean((np.asarray(trajectory.value).reshape(-1) - np.array(REWARDS)) ** 2)
    np.testing.assert_allclose(metrics["loss/value"], expected, rtol=1e-4)
    np.testing.assert_allclose(metrics["entropy"], np.log(3), rtol=1e-3)


def test_returns_and_features_are_noted_in_their_own_unit():
    # By hand: returns 10 ± 2 have mean 10 and deviation 2; the one feature is always 1.
    state, _ = update(fresh(), experience(ACTIONS, [10.0 + 2.0 * r for r in REWARDS]), dial())
    np.testing.assert_allclose([state.returns.mean[0], state.returns.std()[0]], [10.0, 2.0], rtol=1e-4)
    assert state.features["nothing"].mean.tolist() == state.policy.scale.mean["nothing"].tolist() == [1.0]


def test_explained_variance_compares_values_and_returns_in_one_scale():
    # By hand: nothing noted yet, so values are returns in coin, 8 or 12. A critic that predicts each return exactly
    # explains all; one that says 10 throughout nothing; one that is off by ±1, half the deviation, 1 - 1/4.
    rewards = [10.0 + 2.0 * r for r in REWARDS]
    trajectory = experience(ACTIONS, rewards)

    def explained(values):
        said = jnp.asarray(values, jnp.float32).reshape(1, 2, 4)
        return update(fresh(), eqx.tree_at(lambda t: t.value, trajectory, said), dial())[1]["explained_variance"]

    off = [10.0 + r for r in REWARDS]
    np.testing.assert_allclose([explained(v) for v in (rewards, [10.0] * 8, off)], [1.0, 0.0, 0.75], atol=1e-5)


def test_scaling_agent_by_agent_keeps_their_units_apart():
    # By hand: citizen i is paid 10^i in one environment and 3·10^i in the other: mean 2·10^i, deviation 10^i.
    rewards = [10.0**i for i in range(4)] + [3 * 10.0**i for i in range(4)]
    settings = Settings(learning_rate=0.01, epochs=1, minibatches=1, per_agent=True)
    state = learner(settings).init(jax.random.key(0), WORLD, "citizen")
    state = eqx.tree_at(lambda s: s.policy, state, fresh().policy)
    after, _ = update(state, experience(ACTIONS, rewards), dial(), settings)
    np.testing.assert_allclose(after.returns.mean, 2 * 10.0 ** np.arange(4), rtol=1e-5)
    np.testing.assert_allclose(after.returns.std(), 10.0 ** np.arange(4), rtol=1e-3)


@eqx.filter_jit
def log_prob(state, action):
    seen = Observation({"nothing": jnp.ones((1, 1))}, jnp.ones((4, 3), bool))
    return state.policy.evaluate(seen, jnp.full(4, action, jnp.int32)).log_prob[0]


def probability(state, action: int) -> float:
    return float(np.exp(log_prob(state, action)))


def test_what_was_better_than_average_becomes_likelier():
    # Property: action 1 alone is rewarded.
    trajectory = experience(ACTIONS, [float(a == 1) for a in ACTIONS])
    state, _ = update(fresh(), trajectory, dial())
    assert probability(state, 1) > probability(fresh(), 1) + 0.001
    assert probability(state, 0) < probability(fresh(), 0)


def parameters(state):
    return jax.tree.leaves(eqx.filter((state.policy.actor, state.policy.critic), eqx.is_array))


@pytest.mark.parametrize(
    "turned, settings",
    [
        (dial(learning_rate=0.0), ONE_PASS),
        (dial(), Settings(learning_rate=0.01, epochs=1, minibatches=1, kl_limit=0.0)),
    ],
    ids=["a learning rate of zero", "a policy beyond its KL limit"],
)
def test_parameters_stay_where_nothing_may_move(turned, settings):
    # Contract: bit for bit.
    state, _ = update(fresh(), experience(ACTIONS, REWARDS), turned, settings)
    assert all(np.array_equal(a, b) for a, b in zip(parameters(state), parameters(fresh()), strict=True))


def test_a_skipped_minibatch_leaves_no_trace_in_the_optimizer():
    # Contract: momentum of a step that was not taken must not move the next one.
    skipped, _ = update(fresh(), experience(ACTIONS, REWARDS), dial(), replace(ONE_PASS, kl_limit=0.0))
    assert eqx.tree_equal(skipped.optimizer, fresh().optimizer)


def test_decisions_without_a_choice_teach_the_actor_nothing():
    # Property: only action 0 is legal, whatever it earned; the critic still learns.
    forced = experience([0] * 8, REWARDS, legal=(ONE, ONE))
    state, metrics = update(fresh(), forced, dial(entropy=1.0))
    before, after = fresh().policy, state.policy
    assert eqx.tree_equal(after.actor, before.actor)
    assert not eqx.tree_equal(after.critic, before.critic)
    assert metrics["loss/policy"] == metrics["entropy"] == 0.0


def test_what_forced_decisions_earn_teaches_the_actor_nothing():
    # Property: the second environment forces action 0; whether that earns nothing or 1,000 must not move the actor,
    # nor what counts as better than average in the first. (Without gradient clipping, which couples the networks.)
    settings = Settings(learning_rate=0.01, epochs=1, minibatches=1, max_gradient_norm=1e9)
    actions, earned = [0, 1, 2, 0] + [0] * 4, [1.0, -1.0, 1.0, -1.0]
    poor, _ = update(fresh(), experience(actions, earned + [0.0] * 4, (ALL, ONE)), dial(), settings)
    rich, metrics = update(fresh(), experience(actions, earned + [1000.0] * 4, (ALL, ONE)), dial(), settings)
    for a, b in zip(jax.tree.leaves(poor.policy.actor), jax.tree.leaves(rich.policy.actor), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose(metrics["entropy"], np.log(3), rtol=1e-3)


def test_the_entropy_bonus_keeps_choices_open():
    # Property: from a policy that prefers action 1, the bonus alone moves toward the other two.
    eager, _ = update(fresh(), experience(ACTIONS, [float(a == 1) for a in ACTIONS]), dial(learning_rate=50.0))
    indifferent = experience(ACTIONS, [0.0] * 8)
    state, _ = update(eager, indifferent, dial(entropy=1.0))
    assert probability(eager, 1) > 0.36
    assert probability(state, 1) < probability(eager, 1)


def train(world, settings, updates: int, periods_per_update=None):
    """The learner in the end, and its reward in an episode of the last update."""
    curriculum = lambda progress: eqx.tree_at(lambda k: k.learning["citizen"], KNOBS, jnp.ones((), bool))  # noqa: E731
    system = TwoLevel({"citizen": learner(settings)}, curriculum, updates, 32, periods_per_update)

    @eqx.filter_jit
    def run(key):
        arrays, static = eqx.partition(system.init(world, key), eqx.is_array)

        def step(arrays, _):
            following, metrics = system.step(world, eqx.combine(arrays, static))
            return eqx.filter(following, eqx.is_array), metrics["citizen/reward"]

        arrays, rewards = jax.lax.scan(step, arrays, None, length=updates)
        return eqx.combine(arrays, static), rewards[-1]

    last, reward = run(jax.random.key(0))
    return last.learners["citizen"], float(reward)


@pytest.mark.parametrize("scales", [True, False])
def test_numbers_are_read_on_a_running_scale_or_as_they_are(scales):
    """By hand: the one number there is, is always 1: its mean is 1; or it is left alone, now and ever after."""
    settings = replace(ONE_PASS, scales_features=scales)
    state = learner(settings).init(jax.random.key(0), WORLD, "citizen")
    state, _ = update(state, experience(ACTIONS, REWARDS), dial(), settings)
    scale = state.policy.scale
    assert (scale.mean["nothing"].item(), scale.std["nothing"].item()) == (float(scales), 1.0)
    assert set(state.features) == ({"nothing"} if scales else set())


@pytest.mark.parametrize("shuffles", [True, False], ids=["rows", "stretches of time"])
def test_every_row_is_in_one_minibatch(shuffles):
    """Property: while nothing moves, two minibatches have on average the losses of one; no two rewards are alike."""
    still, rewards = dial(learning_rate=0.0), [2.0**k for k in range(8)]
    settings = [replace(ONE_PASS, minibatches=number, shuffles_rows=shuffles) for number in (1, 2)]
    whole, halves = (update(fresh(), experience(ACTIONS, rewards), still, one)[1] for one in settings)
    for name in ("loss/total", "loss/value", "entropy"):
        np.testing.assert_allclose(halves[name], whole[name], rtol=1e-5)


def test_the_best_arm_of_a_bandit_is_found():
    # Learning threshold: 80 updates of 32 environments put more than 95 % on the arm that pays 1 rather than 0 or 0.2.
    state, _ = train(WORLD, Settings(learning_rate=0.03), 80)
    assert probability(state, 1) > 0.95


def test_the_best_number_of_a_continuous_bandit_is_found():
    # Learning threshold: 150 updates bring the greedy action within 0.05 of the best number, 0.7.
    world = Bandit(jnp.array([0.7]), Box(0.0, 1.0, 1))
    state, _ = train(world, Settings(learning_rate=0.01), 150)
    seen = Observation({"nothing": jnp.ones((1, 1))}, jnp.ones((4, 1), bool))
    np.testing.assert_allclose(state.policy.act_greedily(seen), 0.7, atol=0.05)


@pytest.mark.parametrize("shuffles", [True, False], ids=["rows", "stretches of time"])
def test_what_a_map_shows_and_who_is_in_the_way_is_learned_in_fragments(shuffles):
    """Learning threshold: 8 steps an episode pay up to 8, blind play 2; 120 updates of a period each bring 7.2."""
    settings = Settings(learning_rate=0.01, discount=0.5, trace=0.9, epochs=2, minibatches=2, shuffles_rows=shuffles)
    _, reward = train(Lookout(), settings, 120, periods_per_update=1)
    assert reward > 7.2


@pytest.mark.parametrize("shuffles", [True, False], ids=["rows", "stretches of time"])
@pytest.mark.parametrize("number", [1, 2])
def test_one_minibatch_takes_all_rows_as_they_come(number, shuffles):
    """Contract: with one minibatch nothing is drawn or moved, so that devices keep their rows; a permutation sorts."""
    settings = replace(ONE_PASS, minibatches=number, shuffles_rows=shuffles)
    learn = lambda: learner(settings).update(jax.random.key(1), fresh(), experience(ACTIONS, REWARDS), dial())[1]  # noqa: E731
    assert (" sort[" in str(jax.make_jaxpr(learn)())) == (number > 1)


def test_minibatches_are_stretches_of_time_with_rows_of_all_environments():
    # By hand: decision t of environment e is 10 e + t. Four decisions in two halves; and three decisions in two halves,
    # where two neighbors share out the moment of the cut and the third environment is left out.
    rows = lambda decisions, number: np.asarray(  # noqa: E731
        _stretches(number, jnp.asarray([[10 * e + t for e in range(3)] for t in range(decisions)]))
    ).tolist()
    assert rows(4, 2) == [[0, 1, 10, 11, 20, 21], [2, 3, 12, 13, 22, 23]]
    assert rows(3, 2) == [[0, 10, 1], [11, 2, 12]]


def test_rows_are_in_the_order_of_environments():
    # By hand: devices that share the environments share the rows.
    assert _rows(jnp.asarray([[0, 10], [1, 11]])).tolist() == [0, 1, 10, 11]
