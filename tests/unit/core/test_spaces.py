"""Action spaces: what a mask means, what is drawn, what lies inside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.spaces import Box, Discrete, MultiDiscrete

PAIR = MultiDiscrete((2, 3))


@pytest.mark.parametrize(("space", "flags"), [(Discrete(4), 4), (PAIR, 5), (Box(0.0, 2.0, 3), 1)])
def test_a_mask_has_one_flag_for_each_entry(space, flags):
    # By hand: four integers; 2 + 3 integers; one flag for a whole box.
    assert space.mask_size == flags
    assert space.idle().shape == (flags,)


def test_idle_allows_only_zero_and_closes_a_box():
    # By hand: 0 does nothing, in every component.
    assert Discrete(3).idle().tolist() == [True, False, False]
    assert PAIR.idle().tolist() == [True, False, True, False, False]
    assert Box(0.0, 1.0, 2).idle().tolist() == [False]


def test_integers_are_inside_from_zero_to_one_below_the_size():
    # By hand: the borders and their neighbors.
    assert Discrete(3).contains(jnp.array([-1, 0, 2, 3])).tolist() == [False, True, True, False]


def test_a_vector_is_inside_if_every_component_is():
    # By hand: sizes 2 and 3 allow (1, 2); either component one too large, or negative, is outside.
    actions = jnp.array([[1, 2], [2, 2], [1, 3], [0, -1]])
    assert PAIR.contains(actions).tolist() == [True, False, False, False]


def test_a_box_contains_its_borders_and_no_nan():
    actions = jnp.array([[0.0, 2.0], [-0.1, 1.0], [1.0, 2.1], [jnp.nan, 1.0]])
    assert Box(0.0, 2.0, 2).contains(actions).tolist() == [True, False, False, False]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_splitting_cuts_flags_component_by_component(size):
    # By hand: 0 … 4 cut after the second.
    first, second = PAIR.split(jnp.broadcast_to(jnp.arange(5)[None], (size, 5)))
    assert first[0].tolist() == [0, 1]
    assert second[-1].tolist() == [2, 3, 4]


@pytest.mark.parametrize("low, high", [(1.0, 1.0), (2.0, 1.0), (0.0, np.inf), (np.nan, 1.0)])
def test_a_box_without_room_is_refused(low, high):
    with pytest.raises(ValueError, match="finite low < high"):
        Box(low, high, 1)


def test_integers_are_drawn_uniformly_among_legal_ones():
    # Closed form: 0 and 2 with probability 1/2 each; 4 standard errors of a share of 4,000 are 0.032.
    mask = jnp.broadcast_to(jnp.array([True, False, True]), (4000, 3))
    drawn = Discrete(3).sample(jax.random.key(0), mask)
    shares = np.bincount(drawn, minlength=3) / 4000
    np.testing.assert_allclose(shares, [0.5, 0.0, 0.5], atol=0.032)


def test_components_are_drawn_independently_of_one_another():
    # Closed form: each of the 6 vectors has probability 1/6; 4.5 standard errors of a share of 6,000 are 0.022.
    drawn = np.asarray(PAIR.sample(jax.random.key(1), jnp.ones((6000, 5), bool)))
    shares = np.bincount(3 * drawn[:, 0] + drawn[:, 1], minlength=6) / 6000
    np.testing.assert_allclose(shares, 1 / 6, atol=0.022)


def test_numbers_are_drawn_uniformly_in_the_box_and_low_where_nobody_may_act():
    # Closed form: mean 1 and variance 2²/12 on [0, 2]; 4 standard errors of the mean of 4,000 are 0.037.
    mask = jnp.arange(4001)[:, None] > 0
    drawn = np.asarray(Box(0.0, 2.0, 1).sample(jax.random.key(2), mask))
    assert drawn[0] == 0.0
    assert abs(drawn[1:].mean() - 1.0) < 0.037
    assert abs(drawn[1:].var() - 1 / 3) < 0.03
