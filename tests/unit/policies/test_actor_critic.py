"""Policies made of two networks, and those that follow a rule."""

from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.economy import Block, Observation, RoleSpec
from fisc.core.errors import ConfigError
from fisc.core.spaces import Box, Discrete, MultiDiscrete
from fisc.policies.actor_critic import FEATURE_LIMIT, make_policy, set_scale
from fisc.policies.distributions import Choosing
from fisc.policies.reading import layout_of
from fisc.policies.scripted import Constant, UniformRandom

BLOCKS = {"rates": Block(("a", "b", "c"), is_public=True), "own": Block(("d", "e"), is_public=False)}
SPACES = [Discrete(6), MultiDiscrete((3, 4)), Box(0.0, 100.0, 2)]


def observation(space, num=4, scale=1.0) -> Observation:
    own = jnp.asarray(scale * np.random.default_rng(0).normal(size=(num, 2)), jnp.float32)
    return Observation({"rates": jnp.ones((1, 3)), "own": own}, jnp.ones((num, space.mask_size), bool))


@cache
def policy(space, head="categorical"):
    make = make_policy((8,), Choosing(head))
    return eqx.filter_jit(lambda key: make(key, RoleSpec(4, space, BLOCKS, "step")))(jax.random.key(0))


act = eqx.filter_jit(lambda actor, key, seen: actor.act(key, seen))
act_greedily = eqx.filter_jit(lambda actor, seen: actor.act_greedily(seen))
evaluate = eqx.filter_jit(lambda actor, seen, latent: actor.evaluate(seen, latent))
value = eqx.filter_jit(lambda actor, seen: actor.value(seen))


@pytest.mark.parametrize("head", ["categorical", "ordinal"])
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_deciding_and_evaluating_agree_on_probability_and_value(space, head):
    # Property: PPO's ratio is one before the first step, up to rounding of another compilation.
    decided = act(policy(space, head), jax.random.key(1), observation(space))
    seen = evaluate(policy(space, head), observation(space), decided.latent)
    np.testing.assert_allclose(seen.log_prob, decided.log_prob, rtol=1e-5)
    np.testing.assert_allclose(seen.value, decided.value, rtol=1e-5, atol=1e-6)


def test_agents_with_networks_of_their_own_open_where_they_are_told_and_know_how_likely_they_were():
    # Closed form: a last layer of zeros leaves the location at the opening, a quarter of 0 to 20.
    space = Discrete(21)
    make = make_policy((8,), Choosing("ordinal", (0.25, 0.1)), own_networks=True)
    actor = eqx.filter_jit(lambda key: make(key, RoleSpec(4, space, BLOCKS, "step")))(jax.random.key(0))
    blank = eqx.tree_at(lambda p: p.actor.networks.weights[-1], actor, replace_fn=jnp.zeros_like)
    assert act_greedily(blank, observation(space)).tolist() == [5, 5, 5, 5]
    decided = act(actor, jax.random.key(1), observation(space))
    seen = evaluate(actor, observation(space), decided.latent)
    np.testing.assert_allclose(seen.log_prob, decided.log_prob, rtol=1e-5)
    np.testing.assert_allclose(seen.value, decided.value, rtol=1e-5, atol=1e-6)


def test_what_is_drawn_widely_near_the_end_of_a_range_is_done_by_its_median_if_so_told():
    # Closed form: weights exp(-((k - 2) / 10)² / 2) on k = 0, ..., 20; half of their sum is passed at 7.
    space = Discrete(21)
    passed = np.cumsum(np.exp(-0.5 * ((np.arange(21) - 2) / 10) ** 2))
    for told, expected in (("likeliest", 2), ("median", int(np.argmax(passed > passed[-1] / 2)))):
        make = make_policy((8,), Choosing("ordinal", (0.1, 0.5), told))
        actor = eqx.filter_jit(lambda key, make=make: make(key, RoleSpec(4, space, BLOCKS, "step")))(jax.random.key(0))
        blank = eqx.tree_at(lambda p: p.actor.weights[-1], actor, replace_fn=jnp.zeros_like)
        assert act_greedily(blank, observation(space)).tolist() == [expected] * 4


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_acting_greedily_takes_what_is_at_least_as_likely_as_anything_drawn(space):
    # Property: over 4 agents; a box is squashed, so the likeliest latent is read back from the action.
    actor, seen = policy(space), observation(space)
    greedy = act_greedily(actor, seen)
    latent = jnp.log(greedy / (space.high - greedy)) if isinstance(space, Box) else greedy
    drawn = act(actor, jax.random.key(2), seen)
    assert np.all(evaluate(actor, seen, latent).log_prob >= np.asarray(drawn.log_prob) - 1e-5)


def test_an_illegal_action_is_never_taken():
    # Property: 1,000 draws, only 0 and 5 legal.
    space = Discrete(6)
    seen = observation(space, 1000)
    seen = eqx.tree_at(lambda o: o.mask, seen, jnp.zeros((1000, 6), bool).at[:, jnp.array([0, 5])].set(True))
    decided = act(policy(space), jax.random.key(3), seen)
    assert set(np.unique(decided.action)) == {0, 5}


def test_a_choice_that_answers_to_one_block_alone_is_deaf_to_the_others_and_its_value_is_not():
    # Closed form: the gradient of a probability in what is not read is zero; that of the value is not.
    make = make_policy((8,), read=partial(layout_of, acts_on=["rates"]))
    actor = eqx.filter_jit(lambda key: make(key, RoleSpec(4, Discrete(6), BLOCKS, "step")))(jax.random.key(0))
    seen, latent = observation(Discrete(6)), jnp.array([0, 1, 2, 3])

    def slope(measure):
        """How far a measure moves with each block."""
        at = lambda features: measure(eqx.tree_at(lambda o: o.features, seen, features))  # noqa: E731
        return {name: float(jnp.abs(x).sum()) for name, x in jax.jit(jax.grad(at))(seen.features).items()}

    chance = slope(lambda o: actor.evaluate(o, latent).log_prob.sum())
    worth = slope(lambda o: actor.evaluate(o, latent).value.sum())
    assert chance["own"] == 0 and chance["rates"] > 0
    assert min(worth.values()) > 0


def test_a_block_that_is_not_there_cannot_be_answered_to():
    with pytest.raises(ConfigError, match="unknown block of numbers 'rate': did you mean 'rates'"):
        layout_of(RoleSpec(4, Discrete(6), BLOCKS, "step"), acts_on=["rate"])


def test_features_are_read_on_the_scale_that_was_set():
    # By hand: a policy that reads (x - 1) / 2 does at x what the fresh one does at (x - 1) / 2.
    space = Discrete(6)
    seen, fresh = observation(space), policy(space)
    mean = {"rates": jnp.ones(3), "own": jnp.ones(2)}
    std = {"rates": jnp.full(3, 2.0), "own": jnp.full(2, 2.0)}
    moved = eqx.tree_at(lambda o: o.features, seen, {k: (x - 1.0) / 2.0 for k, x in seen.features.items()})
    np.testing.assert_allclose(value(set_scale(fresh, mean, std), seen), value(fresh, moved), rtol=1e-5)


def test_a_feature_far_out_is_cut():
    # By hand: beyond the limit the size no longer matters, only the sign.
    space = Discrete(6)
    far, farther = observation(space, scale=1e6), observation(space, scale=1e9)
    assert float(jnp.abs(far.features["own"]).min()) > FEATURE_LIMIT
    np.testing.assert_array_equal(value(policy(space), far), value(policy(space), farther))


def test_the_scale_is_not_trained():
    # Property: a gradient through the policy leaves mean and deviation alone.
    space = Discrete(6)

    def loss(actor):
        seen = actor.evaluate(observation(space), jnp.zeros(4, jnp.int32))
        return jnp.sum(seen.log_prob + seen.value)

    slope = eqx.filter_jit(eqx.filter_grad(loss))(policy(space))
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(slope.scale))
    assert any(np.any(leaf) for leaf in jax.tree.leaves(slope.actor))


def test_a_fresh_policy_is_close_to_uniform():
    # Property: the actor's last layer is scaled by 0.01, so no choice starts as a favorite.
    seen = evaluate(policy(Discrete(6)), observation(Discrete(6)), jnp.zeros(4, jnp.int32))
    np.testing.assert_allclose(seen.entropy, np.log(6), rtol=1e-3)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_random_policy_draws_legal_actions_only(space):
    # Property: masks with one legal action leave no choice.
    mask = jnp.broadcast_to(space.idle()[None], (500, space.mask_size))
    seen = Observation({}, mask)
    decided = UniformRandom(space).act(jax.random.key(4), seen)
    assert not np.any(np.asarray(decided.action))
    np.testing.assert_array_equal(decided.action, UniformRandom(space).act_greedily(seen))


def test_a_constant_policy_repeats_its_actions():
    seen = observation(Discrete(6))
    action = jnp.array([0, 1, 2, 3])
    decided = Constant(action).act(jax.random.key(5), seen)
    np.testing.assert_array_equal(decided.action, action)
    np.testing.assert_array_equal(Constant(action).act_greedily(seen), action)


def test_ordinal_choices_open_where_they_are_told_to():
    # By hand: 10 % of 0 … 100 is 10, with a standard deviation of 5 % of 100; the fresh network adds next to nothing.
    space = MultiDiscrete((101, 101))
    role, make = RoleSpec(4000, space, BLOCKS, "step"), make_policy((8,), Choosing("ordinal", (0.1, 0.05)))
    fresh = eqx.filter_jit(lambda key: make(key, role))(jax.random.key(0))
    drawn = np.asarray(act(fresh, jax.random.key(1), observation(space, 4000)).action)
    np.testing.assert_allclose(drawn.mean(axis=0), 10.0, atol=1.0)
    np.testing.assert_allclose(drawn.std(axis=0), 5.0, atol=0.5)
