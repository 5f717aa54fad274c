"""Losses and moments, each number worked out on paper."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.spaces import Box, Discrete, MultiDiscrete
from fisc.learning.losses import (
    clipped_huber_loss,
    clipped_huber_loss_of_each,
    clipped_surrogate,
    clipped_value_loss,
    explained_variance,
    huber,
    score_surrogate,
    standardize,
    weighted_mean,
)
from fisc.learning.normalize import absorb, no_moments
from fisc.learning.ppo import has_choice

ONES = jnp.ones(4)


def array(*values):
    return jnp.array(values, jnp.float32)


def test_the_surrogate_takes_the_worse_of_ratio_and_clipped_ratio():
    # By hand, clip 0.2: ratios 1.5 and 0.5 with advantages ±1 give
    #   min(1.5, 1.2) = 1.2; min(0.5, 0.8) = 0.5; min(-1.5, -1.2) = -1.5; min(-0.5, -0.8) = -0.8; mean -0.15.
    log_ratio = jnp.log(array(1.5, 0.5, 1.5, 0.5))
    advantage = array(1.0, 1.0, -1.0, -1.0)
    np.testing.assert_allclose(clipped_surrogate(log_ratio, advantage, 0.2, ONES), 0.15, rtol=1e-5)


def test_the_surrogate_stops_pushing_beyond_the_clip_but_always_pulls_back():
    # By hand: the slope in the log ratio is -ρ·A/4 where the unclipped side is the minimum, else 0.
    log_ratio, advantage = jnp.log(array(1.5, 0.5, 1.5, 0.5)), array(1.0, 1.0, -1.0, -1.0)
    slope = jax.grad(clipped_surrogate)(log_ratio, advantage, 0.2, ONES)
    np.testing.assert_allclose(slope, [0.0, -0.125, 0.375, 0.0], atol=1e-6)


def test_the_policy_gradient_is_the_surrogate_of_the_policy_that_played():
    # Closed form: -mean(log π · A), whose slope -A/4 is that of the clipped surrogate where the ratio is 1.
    log_prob, advantage = jnp.log(array(0.5, 0.25, 0.1, 0.4)), array(1.0, 2.0, -1.0, 0.5)
    by_hand = -(np.log(0.5) + 2 * np.log(0.25) - np.log(0.1) + 0.5 * np.log(0.4)) / 4
    np.testing.assert_allclose(score_surrogate(log_prob, advantage, ONES), by_hand, rtol=1e-6)
    slope = jax.grad(score_surrogate)(log_prob, advantage, ONES)
    np.testing.assert_allclose(slope, -advantage / 4, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(clipped_surrogate)(jnp.zeros(4), advantage, 0.2, ONES), slope, rtol=1e-6)


def test_hubers_loss_is_linear_beyond_one():
    # Closed form: 0.5²/2, 1/2, 3 - 1/2 and again, the slope never above 1.
    np.testing.assert_allclose(huber(array(0.5, 1.0, 3.0, -3.0)), [0.125, 0.5, 2.5, 2.5])
    slope = jax.vmap(jax.grad(huber))(array(0.5, 1.0, 3.0, -3.0))
    np.testing.assert_allclose(slope, [0.5, 1.0, 1.0, -1.0])


def test_hubers_value_loss_takes_the_larger_of_two_means():
    # By hand, clip 0.1, targets 0, old values 0.5 and 3: new values 0.2 and 2 cost (0.02 + 1.5)/2 = 0.76, kept near the
    # old ones 0.4 and 2.9 they cost (0.08 + 2.4)/2 = 1.24; new values 3 and 5 cost (2.5 + 4.5)/2 = 3.5 against less.
    old, target, weight = array(0.5, 3.0), array(0.0, 0.0), jnp.ones(2)
    np.testing.assert_allclose(clipped_huber_loss(array(0.2, 2.0), old, target, 0.1, weight), 1.24, rtol=1e-6)
    np.testing.assert_allclose(clipped_huber_loss(array(3.0, 5.0), old, target, 0.1, weight), 3.5, rtol=1e-6)


def test_hubers_value_loss_can_take_the_larger_of_each():
    # By hand, as above: values 3 and 2 cost 2.5 and 1.5, kept near the old ones 0.6 and 2.9 they cost 0.18 and 2.4.
    old, target, weight = array(0.5, 3.0), array(0.0, 0.0), jnp.ones(2)
    found = clipped_huber_loss_of_each(array(3.0, 2.0), old, target, 0.1, weight)
    np.testing.assert_allclose(found, (2.5 + 2.4) / 2, rtol=1e-6)
    assert clipped_huber_loss(array(3.0, 2.0), old, target, 0.1, weight) < found


def test_the_value_loss_takes_the_larger_of_two_errors():
    # By hand, target 0, old value 1, clip 0.5: value 3 is kept at 1.5, 3² = 9 counts; value -1 is kept at 0.5,
    # (-1)² = 1 counts; value 0 is kept at 0.5, 0.25 counts. Half the mean: (9 + 1 + 0.25) / 6.
    value, old, target = array(3.0, -1.0, 0.0), array(1.0, 1.0, 1.0), array(0.0, 0.0, 0.0)
    np.testing.assert_allclose(clipped_value_loss(value, old, target, 0.5, jnp.ones(3)), 10.25 / 6, rtol=1e-6)


def test_weights_say_what_counts():
    # By hand: (1·2 + 3·4) / (1 + 3); nothing where no weight is left.
    np.testing.assert_allclose(weighted_mean(array(2.0, 4.0, 99.0), array(1.0, 3.0, 0.0)), 3.5)
    assert weighted_mean(array(2.0, 4.0), array(0.0, 0.0)) == 0.0


def test_standardizing_uses_what_counts_and_leaves_nothing_of_its_unit():
    # By hand: 1 and 3 (not 50) have mean 2 and deviation 1.
    found = standardize(array(1.0, 3.0, 50.0), array(1.0, 1.0, 0.0), 0)
    np.testing.assert_allclose(found, [-1.0, 1.0, 48.0], rtol=1e-5)


def test_standardizing_over_some_axes_treats_the_others_apart():
    # By hand: each agent (last axis) by itself; a constant one becomes 0, not NaN.
    found = standardize(array(1.0, 7.0, 3.0, 7.0).reshape(2, 1, 2), jnp.ones((2, 1, 2)), (0, 1))
    np.testing.assert_allclose(found.reshape(-1), [-1.0, 0.0, 1.0, 0.0], atol=1e-5)


@pytest.mark.parametrize("value, expected", [((1.0, 3.0), 1.0), ((2.0, 2.0), 0.0), ((3.0, 1.0), -3.0)])
def test_a_perfect_critic_explains_all_and_the_mean_explains_nothing(value, expected):
    # By hand: targets 1 and 3, variance 1; errors (-2, 2) have variance 4.
    found = explained_variance(array(*value), array(1.0, 3.0), jnp.ones(2))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_first_batch_counts_in_full():
    # By hand: 1 and 3 have mean 2 and deviation 1.
    moments = absorb(no_moments(1), array(1.0, 3.0)[:, None], 0.05)
    np.testing.assert_allclose([moments.mean[0], moments.std()[0], moments.weight], [2.0, 1.0, 0.05], rtol=1e-5)


def test_later_batches_move_the_moments_by_their_weight():
    # By hand, rate 1/2: weights 1/2, then 1/2·1/2 + 1/2 = 3/4, so the second batch moves by (1/2) / (3/4) = 2/3:
    # mean 2 → 2 + 2/3·(5 - 2) = 4; mean square 5 → 5 + 2/3·(25 - 5) = 55/3; variance 55/3 - 16 = 7/3.
    moments = absorb(absorb(no_moments(1), array(1.0, 3.0)[:, None], 0.5), array(5.0, 5.0)[:, None], 0.5)
    np.testing.assert_allclose(moments.mean[0], 4.0, rtol=1e-5)
    np.testing.assert_allclose(moments.std()[0], np.sqrt(7 / 3), rtol=1e-5)


def test_nothing_seen_and_nothing_varying_have_deviation_one():
    # Contract: dividing by it must change nothing.
    assert no_moments(2).std().tolist() == [1.0, 1.0]
    assert absorb(no_moments(1), array(3.0, 3.0)[:, None], 0.1).std().tolist() == [1.0]


def test_a_choice_is_more_than_one_legal_action():
    # By hand: for integers two flags; for vectors two flags in any component; for boxes the one flag.
    flags = jnp.array
    assert has_choice(flags([[True, False], [True, True]]), Discrete(2)).tolist() == [False, True]
    pairs = flags([[True, False, True, False], [True, False, True, True]])
    assert has_choice(pairs, MultiDiscrete((2, 2))).tolist() == [False, True]
    assert has_choice(flags([[False], [True]]), Box(0.0, 1.0, 3)).tolist() == [False, True]
