"""Skills. Kind: closed form (laws), golden (ranked payments) and error messages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.economies.gather_trade_build import skills

# Kind: golden. Coin for a house by rank at payment 10 and multiplier 3, from the reference program.
RANKED = {
    4: [11.331641, 13.267112, 16.472373, 22.249614],
    5: [11.0474, 12.4497, 14.4697, 17.7899, 23.3728],
    6: [10.8685, 11.9654, 13.4264, 15.5423, 18.8894, 24.2542],
    8: [10.6447, 11.4096, 12.3423, 13.5193, 15.0803, 17.3143, 20.7231, 25.6029],
    10: [10.5121, 11.0983, 11.7795, 12.5863, 13.5678, 14.8045, 16.4421, 18.7679, 22.1584, 26.5725],
    20: [
        *(10.2534, 10.5224, 10.8118, 11.1219, 11.4572, 11.8203, 12.2169, 12.6539, 13.1369, 13.6737),
        *(14.2805, 14.9734, 15.7743, 16.7311, 17.8876, 19.3446, 21.2089, 23.5888, 26.3394, 28.808),
    ],
}
MANY = 200_000


@pytest.mark.parametrize("num", sorted(RANKED))
def test_ranked_payments(num):
    payments = skills.ranked_payments(num, 10.0, 3.0)
    np.testing.assert_allclose(payments, RANKED[num], atol=6e-7 if num == 4 else 6e-5)


def test_ranked_payments_scale_with_the_payment_and_have_the_mean_of_the_law():
    # E min(3, 2x + 1) = 1 + 2 ∫ from 0 to 1 of (1 + t)^-4 dt = 1 + (2/3)(1 - 1/8) = 1.583333 for Lomax(4).
    payments = skills.ranked_payments(10, 25.0, 3.0)
    np.testing.assert_allclose(payments, 2.5 * np.asarray(skills.ranked_payments(10, 10.0, 3.0)))
    np.testing.assert_allclose(payments.mean(), 25.0 * (1 + 2 / 3 * (1 - 1 / 8)), rtol=1e-3)
    assert (np.diff(payments) > 0).all()


def test_ranked_payments_of_another_seed_differ_a_little():
    first, second = (skills.ranked_payments(4, 10.0, 3.0, seed) for seed in (1, 2))
    assert 0 < np.abs(first - second).max() < 0.05


def test_without_skill_everybody_gets_the_payment_and_no_bonus():
    payment, skill = skills.build_skills("none", 7.0, 3.0).draw(jax.random.key(0), 3)
    assert payment.tolist() == [7.0, 7.0, 7.0]
    assert skill.tolist() == [1.0, 1.0, 1.0]
    assert skills.gather_skills("none").draw(jax.random.key(0), 2).tolist() == [0.0, 0.0]


def survival(draws, levels):
    return [(np.asarray(draws) > level).mean() for level in levels]


def test_pareto_building_skills_follow_their_law():
    payment, skill = skills.build_skills("pareto", 10.0, 3.0).draw(jax.random.key(1), MANY)
    # P(X > t) = (1 + t)^-4; four standard errors of a share of 200,000 are below 0.0045.
    np.testing.assert_allclose(survival(skill, [0.1, 0.5, 1.0]), [1.1**-4, 1.5**-4, 2.0**-4], atol=0.0045)
    np.testing.assert_allclose(payment, 10 * np.minimum(3, 2 * np.asarray(skill) + 1), rtol=1e-6)
    assert payment.max() == 30.0


def test_lognormal_building_skills_follow_their_law():
    _, skill = skills.build_skills("lognormal", 10.0, 3.0).draw(jax.random.key(2), MANY)
    log = np.log(np.asarray(skill, np.float64))
    np.testing.assert_allclose([log.mean(), log.std()], [-1.0, 0.5], atol=0.005)


def test_gathering_skills_follow_their_laws():
    bonus = skills.gather_skills("pareto").draw(jax.random.key(3), MANY)
    # The bonus is min(2, X) / 2 with P(X > t) = (1 + t)^-3: above 0.25 with 1.5^-3, and 1 with 3^-3.
    np.testing.assert_allclose(survival(bonus, [0.25, 0.999999]), [1.5**-3, 3.0**-3], atol=0.0045)
    bonus = skills.gather_skills("lognormal").draw(jax.random.key(4), MANY)
    # The median of the lognormal law is e^-2.022; few reach the cap.
    np.testing.assert_allclose(np.median(bonus), np.exp(-2.022) / 2, rtol=0.01)
    assert bonus.max() == 1.0


def test_pay_rate_and_bonus_by_hand():
    np.testing.assert_allclose(skills.pay_rate(jnp.array([0.0, 0.5, 1.0, 4.0]), jnp.array(3.0)), [1, 2, 3, 3])
    np.testing.assert_allclose(skills.gather_bonus(jnp.array([0.0, 0.5, 2.0, 9.0])), [0, 0.25, 1, 1])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: skills.build_skills("paretto", 10.0, 3.0), "law of build skills 'paretto': did you mean 'pareto'"),
        (lambda: skills.gather_skills("uniform"), "law of gather skills 'uniform'"),
        (lambda: skills.build_skills("none", -1.0, 3.0), "payment for a house is -1.0"),
        (lambda: skills.build_skills("none", 10.0, 0.5), "max_multiplier is 0.5"),
        (lambda: skills.ranked_payments(4, float("nan"), 3.0), "payment for a house is nan"),
    ],
)
def test_impossible_numbers_are_errors(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
