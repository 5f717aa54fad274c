"""Distributions over action spaces: frequencies, densities, entropies, masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.spaces import Box, Discrete, MultiDiscrete
from fisc.policies.distributions import LATENT_LIMIT, Categorical, SquashedNormal, distribution, num_outputs

BOX = Box(2.0, 6.0, 1)
PAIR = MultiDiscrete((2, 3))


def rows(logits, num: int):
    return jnp.broadcast_to(jnp.asarray(logits, jnp.float32)[None], (num, len(logits)))


def normal(mean=0.0, log_std=0.0, num=1, may_act=True) -> SquashedNormal:
    fill = lambda x: jnp.full((num, 1), x)  # noqa: E731
    return SquashedNormal(BOX, fill(mean), fill(log_std), jnp.full(num, may_act))


def test_integers_come_as_often_as_their_probabilities_say():
    # Closed form: of 10,000 draws at p, the share has standard error √(p(1-p)/10,000) ≤ 0.005; 4 of them allowed.
    p = np.array([0.1, 0.2, 0.3, 0.4])
    drawn = Categorical(jnp.log(rows(p, 10_000)), jnp.ones((10_000, 4), bool)).sample(jax.random.key(0))
    shares = np.bincount(drawn, minlength=4) / 10_000
    assert np.all(np.abs(shares - p) < 4 * np.sqrt(p * (1 - p) / 10_000))


@pytest.mark.parametrize("legal", [(0,), (3,), (1, 2), (0, 3)])
def test_a_masked_integer_is_never_drawn_however_attractive(legal):
    # Property: the illegal ones have by far the highest logits.
    mask = jnp.zeros((5000, 4), bool).at[:, jnp.asarray(legal)].set(True)
    choice = Categorical(jnp.where(mask, 0.0, 50.0), mask)
    assert set(np.unique(choice.sample(jax.random.key(1)))) == set(legal)
    assert int(choice.mode()[0]) in legal
    assert int(choice.median()[0]) in legal


def test_the_median_is_the_middle_of_the_draws_where_the_likeliest_is_at_their_end():
    # By hand: of probabilities 0.4, 0.35 and 0.25 half of the draws are at most 1.
    p = jnp.log(jnp.array([[0.4, 0.35, 0.25]]))
    choice = Categorical(p, jnp.ones((1, 3), bool))
    assert (choice.mode().tolist(), choice.median().tolist()) == ([0], [1])
    both = distribution(
        MultiDiscrete((3, 3)), jnp.concatenate([p, p[:, ::-1]], axis=1), jnp.ones((1, 6), bool), "categorical"
    )
    assert (both.mode().tolist(), both.median().tolist()) == ([[0, 2]], [[1, 1]])
    drawn = np.asarray(Categorical(jnp.tile(p, (9999, 1)), jnp.ones((9999, 3), bool)).sample(jax.random.key(8)))
    assert np.median(drawn) == 1


def test_draws_stay_in_range_when_rounding_leaves_probabilities_short_of_one():
    # Property: 3,001 equal probabilities do not add up to one in single precision.
    choice = Categorical(jnp.zeros((2000, 3001)), jnp.ones((2000, 3001), bool))
    drawn = choice.sample(jax.random.key(2))
    assert int(drawn.min()) >= 0
    assert int(drawn.max()) <= 3000


def test_the_probability_and_entropy_of_a_fair_choice_are_those_of_its_legal_part():
    # Closed form: three legal integers out of four: log p = -log 3, entropy log 3.
    choice = Categorical(jnp.zeros((1, 4)), jnp.array([[True, True, False, True]]))
    np.testing.assert_allclose(choice.log_prob(jnp.array([3])), -np.log(3), rtol=1e-6)
    np.testing.assert_allclose(choice.entropy(), np.log(3), rtol=1e-6)


def test_entropy_is_minus_the_mean_log_probability():
    # By hand: p = 1/4 and 3/4.
    choice = Categorical(jnp.log(jnp.array([[1.0, 3.0]])), jnp.ones((1, 2), bool))
    np.testing.assert_allclose(choice.entropy(), 0.25 * np.log(4) + 0.75 * np.log(4 / 3), rtol=1e-6)
    np.testing.assert_allclose(choice.log_prob(jnp.array([1])), np.log(0.75), rtol=1e-6)


def test_a_forced_choice_has_no_entropy_and_no_gradient():
    # Closed form: probability one, whatever the logits.
    def total(logits):
        choice = Categorical(logits, jnp.array([[True, False]]))
        return jnp.sum(choice.entropy() + choice.log_prob(jnp.array([0])))

    value, slope = jax.value_and_grad(total)(jnp.array([[0.3, 5.0]]))
    assert value == 0.0
    assert slope.tolist() == [[0.0, 0.0]]


def test_components_are_independent():
    # Closed form: log probabilities and entropies add up.
    logits = jnp.log(jnp.array([[1.0, 3.0, 2.0, 1.0, 1.0]]))
    choice = distribution(PAIR, logits, jnp.ones((1, 5), bool), "categorical")
    np.testing.assert_allclose(choice.log_prob(jnp.array([[1, 0]])), np.log(0.75 * 0.5), rtol=1e-6)
    first, second = np.array([0.25, 0.75]), np.array([0.5, 0.25, 0.25])
    expected = -(first @ np.log(first)) - second @ np.log(second)
    np.testing.assert_allclose(choice.entropy(), expected, rtol=1e-6)
    assert choice.mode().tolist() == [[1, 0]]


def test_a_masked_component_is_never_drawn_and_a_shorter_one_never_exceeds_its_size():
    # Property: only 0 is legal in the first of sizes 2 and 3, and 1 and 2 in the second, all logits equal.
    mask = jnp.broadcast_to(jnp.array([[True, False, False, True, True]]), (2000, 5))
    drawn = distribution(PAIR, jnp.zeros((2000, 5)), mask, "categorical").sample(jax.random.key(8))
    assert sorted(set(map(tuple, np.asarray(drawn).tolist()))) == [(0, 1), (0, 2)]
    free = distribution(PAIR, jnp.full((2000, 4), 9.0), jnp.ones((2000, 5), bool), "ordinal").sample(jax.random.key(9))
    assert np.asarray(free).max(axis=0).tolist() == [1, 2]


def ordinal(outputs, size: int):
    """Log probabilities of 0, …, size - 1 that an ordinal head gives."""
    choice = distribution(Discrete(size), rows(outputs, size), jnp.ones((size, size), bool), "ordinal")
    return np.asarray(choice.log_prob(jnp.arange(size)))


def test_an_ordinal_choice_peaks_at_its_location_and_falls_off_evenly():
    # By hand: location 10·σ(0) = 5 of 0 … 10; width 2.5·exp(0) = 2.5, so one step away costs 0.5 / 2.5² = 0.08.
    log_p = ordinal([0.0, 0.0], 11)
    assert np.argmax(log_p) == 5
    np.testing.assert_allclose(log_p, log_p[::-1], atol=1e-6)
    np.testing.assert_allclose(log_p[4] - log_p[5], -0.08, rtol=1e-4)


@pytest.mark.parametrize("share, place", [(0.25, 25), (0.5, 50), (0.93, 93)])
def test_an_ordinal_choice_is_centered_where_its_location_says(share, place):
    # By hand: σ(log(p / (1 - p))) = p, so the location is p · 100.
    assert np.argmax(ordinal([np.log(share / (1 - share)), -2.0], 101)) == place


def test_an_ordinal_choice_never_gets_narrower_than_its_least_width():
    # By hand: one and a half steps wide, so a step from the center costs 0.5 / 1.5².
    log_p = ordinal([0.0, -50.0], 11)
    np.testing.assert_allclose(log_p[6] - log_p[5], -0.5 / 1.5**2, rtol=1e-5)


def test_every_component_of_an_ordinal_choice_has_its_own_location():
    # By hand: σ(log 3) = 3/4 of 0 … 4 is 3; σ(-log 3) = 1/4 of 0 … 8 is 2.
    space = MultiDiscrete((5, 9))
    outputs = jnp.array([[np.log(3.0), -9.0, -np.log(3.0), -9.0]], jnp.float32)
    assert distribution(space, outputs, jnp.ones((1, 14), bool), "ordinal").mode().tolist() == [[3, 2]]


def test_a_squashed_normal_stays_in_the_box():
    # Property: even for a mean and a spread far beyond.
    wild = normal(mean=40.0, log_std=1.0, num=2000)
    for choice in (wild, normal(mean=-40.0, log_std=1.0, num=2000)):
        latent = choice.sample(jax.random.key(3))
        assert float(jnp.abs(latent).max()) <= LATENT_LIMIT
        assert bool(jnp.all(BOX.contains(choice.action(latent))))


def test_the_middle_of_a_squashed_normal_is_the_middle_of_the_box():
    # By hand: σ(0) = 1/2 of [2, 6] is 4; σ(log 3) = 3/4 is 5.
    assert normal().action(normal().mode())[0, 0] == 4.0
    np.testing.assert_allclose(normal().action(jnp.full((1, 1), np.log(3.0)))[0, 0], 5.0, rtol=1e-6)


def test_the_latents_density_is_normal():
    # Closed form: mean 1, deviation e^½; the latent 1 + e^½ is one deviation out: -½ - ½ - ½ log 2π.
    choice = normal(mean=1.0, log_std=0.5)
    latent = jnp.full((1, 1), 1.0 + np.exp(0.5), jnp.float32)
    np.testing.assert_allclose(choice.log_prob(latent), -1.0 - 0.5 * np.log(2 * np.pi), rtol=1e-5)


def test_latents_have_the_mean_and_spread_they_should():
    # Closed form: 10,000 draws of N(1, 0.5²): the mean within 4 · 0.005, the deviation within 4 · 0.5/√20,000.
    latent = np.asarray(normal(mean=1.0, log_std=np.log(0.5), num=10_000).sample(jax.random.key(4)))
    assert abs(latent.mean() - 1.0) < 0.02
    assert abs(latent.std() - 0.5) < 0.0142


def test_the_entropy_of_a_squashed_normal_falls_at_the_borders():
    # Closed form: ½ log 2πe + log_std + log σ'(mean); σ'(0) = 1/4.
    np.testing.assert_allclose(normal().entropy(), 0.5 * np.log(2 * np.pi * np.e) + np.log(0.25), rtol=1e-5)
    assert normal(mean=4.0).entropy()[0] < normal().entropy()[0]


def test_who_may_not_act_gets_the_lowest_action_at_no_surprise():
    # By hand: `low`, log probability 0, entropy 0.
    choice = normal(mean=1.0, may_act=False)
    latent = choice.sample(jax.random.key(5))
    assert (choice.action(latent)[0, 0], choice.log_prob(latent)[0], choice.entropy()[0]) == (2.0, 0.0, 0.0)


@pytest.mark.parametrize("head", ["categorical", "ordinal"])
@pytest.mark.parametrize("space", [Discrete(5), MultiDiscrete((3, 4)), Box(0.0, 1.0, 2)], ids=str)
def test_every_space_and_head_make_legal_actions_from_as_many_outputs_as_they_ask_for(space, head):
    # Contract: a fresh network's outputs become actions of the space, with densities that say how likely.
    @jax.jit
    def decide():
        outputs = jax.random.normal(jax.random.key(6), (9, num_outputs(space, head)))
        choice = distribution(space, outputs, jnp.ones((9, space.mask_size), bool), head)
        latent = choice.sample(jax.random.key(7))
        told = [choice.action(x) for x in (latent, choice.mode(), choice.median())]
        return told, choice.log_prob(latent), choice.entropy()

    told, log_prob, entropy = decide()
    assert all(bool(jnp.all(space.contains(actions))) for actions in told)
    assert log_prob.shape == entropy.shape == (9,)
