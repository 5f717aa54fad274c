"""Reading maps: what is cut out, what becomes of labels, and what the networks make of it."""

from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.economy import Block, Observation, RoleSpec
from fisc.core.errors import ConfigError
from fisc.core.spaces import Discrete
from fisc.policies.actor_critic import make_policy
from fisc.policies.reading import CELLS, FLAGS, PUBLIC_CELLS, PUBLIC_FLAGS, layout_of

SIDE = 5
BLOCKS = {
    "rates": Block(("a", "b"), is_public=True),
    "map": Block(("ore", "water"), is_public=False, grid=(SIDE, SIDE), is_centered=True),
    "own": Block(("c",), is_public=False),
    "labels": Block(("owner", "citizen"), is_public=False, grid=(SIDE, SIDE), num_labels=6, is_centered=True),
    "world": Block(("hill",), is_public=True, grid=(2, 3)),
}
ROLE = RoleSpec(3, Discrete(4), BLOCKS, "step")


def seen(seed=0) -> Observation:
    rng = np.random.default_rng(seed)
    features = {
        "rates": jnp.asarray(rng.normal(size=(1, 2)), jnp.float32),
        "map": jnp.asarray(rng.integers(0, 3, (3, 2, SIDE, SIDE)), jnp.int8),
        "own": jnp.asarray(rng.normal(size=(3, 1)), jnp.float32),
        "labels": jnp.asarray(rng.integers(0, 6, (3, 2, SIDE, SIDE)), jnp.int16),
        "world": jnp.asarray(rng.integers(0, 2, (1, 1, 2, 3)), jnp.int8),
    }
    return Observation(features, jnp.ones((3, 4), bool))


def cells(radius, observation=None):
    return np.asarray(layout_of(ROLE, radius).digest(observation or seen())[CELLS])


def test_a_map_is_read_channel_by_channel_from_the_top_left():
    """By hand: numpy's own flattening, without labels."""
    expected = np.asarray(seen().features["map"]).reshape(3, -1)
    found = cells({"labels": -1})
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, expected)


def test_a_radius_cuts_the_square_around_the_center():
    """By hand: of 5 x 5 cells with radius 1, rows and columns 1 to 3; with radius 0 the center."""
    chart = np.asarray(seen().features["map"])
    expected = np.concatenate([chart[:, 0, 1:4, 1:4].reshape(3, 9), chart[:, 1, 2, 2].reshape(3, 1)], axis=1)
    np.testing.assert_array_equal(cells({"labels": -1, "map": 1, "map/water": 0}), expected)


def test_labels_become_two_flags_a_cell():
    """By hand: 0 is nobody, 1 oneself, everything above somebody else, whoever it is."""
    labels = jnp.zeros((3, 2, SIDE, SIDE), jnp.int16).at[0, 0, 2, 1:4].set(jnp.array([1, 2, 5], jnp.int16))
    observation = eqx.tree_at(lambda o: o.features["labels"], seen(), labels)
    found = cells({"map": -1, "labels/citizen": -1, "labels/owner": 1}, observation)
    oneself, another = found[0, :9].reshape(3, 3), found[0, 9:].reshape(3, 3)
    assert oneself.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert another.tolist() == [[0, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert not found[1:].any()


def test_a_flag_may_be_left_out_by_its_full_name():
    """By hand: of two channels of labels in 9 cells, three of the four flags are left."""
    assert cells({"map": -1, "labels": 1, "labels/citizen/oneself": -1}).shape == (3, 27)


def test_public_maps_are_stored_once():
    """By hand: six cells, and one row for all agents."""
    found = layout_of(ROLE, {}).digest(seen())[PUBLIC_CELLS]
    np.testing.assert_array_equal(found, np.asarray(seen().features["world"]).reshape(1, 6))


def test_an_unknown_map_is_refused_with_those_there_are():
    """Contract: one line with what was given and what is allowed."""
    with pytest.raises(ConfigError, match=r"no map is called 'labels/tree'.*labels/owner/another"):
        layout_of(ROLE, {"labels/tree": 3})


def test_a_radius_around_nobody_is_refused():
    """Contract: the middle of the whole world is not where the observer stands; reading it in full or not at all is."""
    message = r"radius of 'world' is 1, but nobody is in the middle of map 'world': leave the entry out"
    with pytest.raises(ConfigError, match=message):
        layout_of(ROLE, {"world": 1})
    assert layout_of(ROLE, {"world": -1}).public_layers == ()
    assert layout_of(ROLE, {}).public_layers[0].size == 6


@cache
def policy(*, critic_sees_maps=True, actor_sees_mask=False):
    read = partial(layout_of, radius={"map": 1})
    make = make_policy((8,), read=read, critic_sees_maps=critic_sees_maps, actor_sees_mask=actor_sees_mask)
    made = eqx.filter_jit(lambda key: make(key, ROLE))(jax.random.key(0))
    # A fresh actor hardly tells situations apart: its last layer is small.
    return eqx.tree_at(lambda p: p.actor.weights[-1], made, 100.0 * made.actor.weights[-1])


@eqx.filter_jit
def evaluate(policy, observation):
    return policy.evaluate(observation, jnp.zeros(3, jnp.int32))


def test_an_observation_and_its_digest_are_the_same_to_a_policy():
    """Contract: digesting again changes nothing, and what was stored is evaluated as what was seen."""
    digest = policy().digest(seen())
    assert eqx.tree_equal(policy().digest(digest), digest)
    for a, b in zip(
        jax.tree.leaves(evaluate(policy(), seen())), jax.tree.leaves(evaluate(policy(), digest)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def elsewhere(block):
    """Another observation of agent 0 in one block."""
    other = seen(1).features[block][0]
    return eqx.tree_at(lambda o: o.features[block], seen(), seen().features[block].at[0].set(other))


def test_each_agent_reads_its_own_map():
    """Property: agent 0's map moves its own choice and value, and nobody else's."""
    before, after = evaluate(policy(), seen()), evaluate(policy(), elsewhere("map"))
    for a, b in ((before.log_prob, after.log_prob), (before.value, after.value)):
        np.testing.assert_allclose(a[1:], b[1:], rtol=1e-5)
        assert abs(float(a[0] - b[0])) > 1e-4


def test_a_critic_without_maps_does_not_look_at_them():
    """Property: the choice moves with the map, the value does not."""
    blind = policy(critic_sees_maps=False)
    before, after = evaluate(blind, seen()), evaluate(blind, elsewhere("map"))
    np.testing.assert_array_equal(before.value, after.value)
    assert abs(float(before.log_prob[0] - after.log_prob[0])) > 1e-4


def test_legal_actions_may_be_features_of_the_choice_alone():
    """Property: with one action fewer legal, the odds between two others move only if the mask is read."""
    masked = eqx.tree_at(lambda o: o.mask, seen(), seen().mask.at[:, 3].set(False))
    odds = eqx.filter_jit(lambda policy, o: jnp.diff(policy._choose(o).logits[:, :2]))
    for reads, moves in ((True, True), (False, False)):
        reader = policy(actor_sees_mask=reads)
        gap = np.abs(odds(reader, seen()) - odds(reader, masked)).max()
        assert (gap > 1e-4) == moves
        np.testing.assert_array_equal(reader.value(seen()), reader.value(masked))


def test_a_number_is_also_read_as_a_flag_for_each_threshold():
    """By hand: whether it is above; numbers that all agents share are stored once; digests stay as they are."""
    layout = layout_of(ROLE, {"labels": -1, "map": -1}, {"own/c": (-1.0, 0.0, 2.0), "rates/b": (0.5,)})
    observation = eqx.tree_at(
        lambda o: (o.features["own"], o.features["rates"]),
        seen(),
        (jnp.array([[-1.0], [0.5], [3.0]]), jnp.array([[0.9, 0.4]])),
    )
    digest = layout.digest(observation)
    assert digest[FLAGS].tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert digest[PUBLIC_FLAGS].tolist() == [[0]]
    assert layout.num_flags == 4
    assert eqx.tree_equal(layout.digest(Observation(digest, observation.mask)), digest)


def test_choice_and_value_read_the_flags():
    """Property: where the plain numbers differ by next to nothing, on either side of a threshold, outputs differ."""
    low, high = (eqx.tree_at(lambda o: o.features["own"], seen(), jnp.full((3, 1), x)) for x in (-1e-6, 1e-6))
    key = jax.random.key(0)
    for thresholds, differs in (({"own/c": (0.0,)}, True), ({}, False)):
        policy = make_policy((8,), read=partial(layout_of, thresholds=thresholds))(key, ROLE)
        change = jnp.max(jnp.abs(policy.value(high) - policy.value(low)))
        assert bool(change > 1e-3) is differs
        gap = policy.evaluate(high, jnp.zeros(3, jnp.int32)).log_prob - policy.evaluate(low, jnp.zeros(3, int)).log_prob
        assert bool(jnp.max(jnp.abs(gap)) > 1e-5) is differs


def test_thresholds_of_what_is_no_number_are_refused():
    """Contract: the error names what was given and what there is."""
    with pytest.raises(ConfigError, match="unknown number with thresholds 'map/ore'"):
        layout_of(ROLE, {}, {"map/ore": (0.5,)})


def test_thresholds_of_a_block_are_those_of_all_its_numbers_without_an_entry():
    """By hand: two numbers; one has thresholds of its own."""
    flags = layout_of(ROLE, {}, {"rates": (0.1, 0.2), "rates/b": (0.5,)}).public_flags
    assert [(each.index, each.thresholds) for each in flags] == [(0, (0.1, 0.2)), (1, (0.5,))]
