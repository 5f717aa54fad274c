"""Generalized advantages: by hand, at the two ends of λ, and against a plain loop."""

import jax.numpy as jnp
import numpy as np
import pytest

from fisc.learning.advantages import generalized_advantages, returns_discounted_once

REWARDS, VALUES = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.5, 1.0, 1.5])


def test_advantages_of_three_decisions_are_those_worked_out_on_paper():
    # By hand, γ = 0.9 and λ = 0.5, nothing after the end:
    #   δ = 1 + 0.9·1 - 0.5 = 1.4;  2 + 0.9·1.5 - 1 = 2.35;  3 - 1.5 = 1.5
    #   A₃ = 1.5;  A₂ = 2.35 + 0.45·1.5 = 3.025;  A₁ = 1.4 + 0.45·3.025 = 2.76125
    found = generalized_advantages(REWARDS, VALUES, jnp.zeros(()), 0.9, 0.5)
    np.testing.assert_allclose(found, [2.76125, 3.025, 1.5], rtol=1e-6)


def test_the_last_value_stands_for_what_comes_after():
    # By hand: only the last surprise gains 0.9 · 2 = 1.8, which reaches back by 0.45 and 0.45².
    found = generalized_advantages(REWARDS, VALUES, jnp.asarray(2.0), 0.9, 0.5)
    np.testing.assert_allclose(found, [2.76125 + 0.45**2 * 1.8, 3.025 + 0.45 * 1.8, 3.3], rtol=1e-6)


def test_advantages_stop_at_the_end_of_an_episode():
    # By hand: the second decision ends an episode. Its surprise is 2 - 1 = 1 and nothing reaches it from later;
    # A₁ = 1.4 + 0.45·1; the third stands alone: 3 + 0.9·2 - 1.5 = 3.3.
    ended = jnp.array([False, True, False])
    found = generalized_advantages(REWARDS, VALUES, jnp.asarray(2.0), 0.9, 0.5, ended)
    np.testing.assert_allclose(found, [1.85, 1.0, 3.3], rtol=1e-6)


def test_full_traces_compare_the_return_with_the_value():
    # Closed form, λ = γ = 1: 6 - 0.5, 5 - 1, 3 - 1.5.
    found = generalized_advantages(REWARDS, VALUES, jnp.zeros(()), 1.0, 1.0)
    np.testing.assert_allclose(found, [5.5, 4.0, 1.5], rtol=1e-6)


def test_no_traces_are_one_step_surprises():
    # Closed form, λ = 0: the δ above.
    found = generalized_advantages(REWARDS, VALUES, jnp.zeros(()), 0.9, 0.0)
    np.testing.assert_allclose(found, [1.4, 2.35, 1.5], rtol=1e-6)


@pytest.mark.parametrize("discount, trace", [(0.99, 0.95), (1.0, 0.3), (0.0, 1.0)])
def test_a_batch_agrees_with_a_loop_over_the_definition(discount, trace):
    # Reference: Σ_k (γλ)^k δ_{t+k}, term by term, for every environment and agent.
    rng = np.random.default_rng(0)
    rewards, values, last = rng.normal(size=(6, 3, 2)), rng.normal(size=(6, 3, 2)), rng.normal(size=(3, 2))
    following = np.concatenate([values[1:], last[None]])
    surprises = rewards + discount * following - values
    expected = np.zeros_like(rewards)
    for t in range(6):
        for k in range(6 - t):
            expected[t] += (discount * trace) ** k * surprises[t + k]
    given = (jnp.asarray(x, jnp.float32) for x in (rewards, values, last))
    np.testing.assert_allclose(generalized_advantages(*given, discount, trace), expected, atol=1e-5)


def test_a_discount_taken_once_is_on_all_that_follows():
    # By hand, discount 1/2: rewards 1, 2, 4 | 8, 16 with an end after the third and 32 still to come give
    #   4 and 2 + 4/2 = 4 and 1 + 6/2 = 4; 16 + 32/2 = 32 and 8 + 48/2 = 32. With discount 1: the Monte Carlo returns,
    #   those of generalized advantages with trace 1 and a critic that expects nothing.
    rewards = jnp.asarray([1.0, 2.0, 4.0, 8.0, 16.0])
    ended = jnp.asarray([False, False, True, False, False])
    found = returns_discounted_once(rewards, jnp.asarray(32.0), 0.5, ended)
    np.testing.assert_allclose(found, [4.0, 4.0, 4.0, 32.0, 32.0])
    plain = returns_discounted_once(rewards, jnp.asarray(32.0), 1.0, ended)
    np.testing.assert_allclose(plain, [7.0, 6.0, 4.0, 56.0, 48.0])
    advantages = generalized_advantages(rewards, jnp.zeros(5), jnp.asarray(32.0), 1.0, 1.0, ended)
    np.testing.assert_allclose(advantages, plain)
