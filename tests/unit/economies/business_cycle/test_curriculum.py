"""Which actions are open when, who learns when, and what is faded in and out."""

from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.core.knobs import Knobs, Progress
from fisc.core.spaces import ILLEGAL
from fisc.economies.business_cycle.choices import PUBLISHED_MENUS
from fisc.economies.business_cycle.curriculum import (
    LONG,
    SHORT,
    SMOKE,
    Structured,
    Turns,
    Warmth,
    jointly,
    rising,
    structured,
    unstructured,
    widening,
)
from fisc.economies.business_cycle.setting import Setting, make_economy
from fisc.policies.distributions import Categorical


def knobs_at(curriculum: Structured, episodes) -> Knobs:
    """Knobs of several episodes, stacked."""
    at = lambda n: curriculum(Progress(n, jnp.zeros(()), jnp.zeros(())))  # noqa: E731
    return jax.vmap(at)(jnp.asarray(episodes, jnp.int32))


def test_first_episode_of_every_level():
    """Closed form: the published table of the short schedule."""
    assert widening(PUBLISHED_MENUS["prices"], 1000.0, 30_000) == (30_000, 15_000, 0, 10_000, 20_000, 30_000)
    assert widening(PUBLISHED_MENUS["wages"], 22.0, 30_000) == (30_000, 15_000, 0, 15_000, 30_000)
    expected = (0, 36_000, 42_000, 48_000, 54_000, 60_000)
    assert rising(PUBLISHED_MENUS["income_rates"], 30_000, 30_000) == expected
    assert jointly((0, 5), (1, 7), (0,)) == (1, 7, 5, 7)


@pytest.mark.parametrize(
    "role, counts",
    [
        ("firm", {0: 1, 9_999: 1, 10_000: 2, 15_000: 9, 20_000: 12, 29_999: 12, 30_000: 30, 150_000: 30}),
        (
            "government",
            {0: 1, 35_999: 1, 36_000: 4, 41_999: 4, 42_000: 9, 48_000: 16, 54_000: 25, 59_999: 25, 60_000: 36},
        ),
    ],
)
def test_open_actions_of_the_short_schedule(role, counts):
    """Closed form: numbers of open actions, through the economy's own masks."""
    economy = make_economy(Setting())
    knobs = knobs_at(structured(SHORT), list(counts))
    masks = jax.vmap(lambda k: economy.open_entries(role, k))(knobs)
    assert masks.sum(axis=1).tolist() == list(counts.values())
    if role == "firm":
        assert np.flatnonzero(masks[0]).tolist() == [2 * 5 + 2], "a price of 1,000 and a wage of 22"


def test_bounds_move_as_published():
    """Closed form: both inequalities of the definition, evaluated at many episodes, agree with the thresholds ± 1."""
    curriculum, episodes = structured(SHORT), np.arange(0, 62_000, 331)
    knobs = knobs_at(curriculum, episodes)
    share = episodes[:, None] / 30_000
    price, wage = (np.asarray(PUBLISHED_MENUS[name])[None] for name in ("prices", "wages"))
    near = 1e-9
    fits_price = (price >= 1000 - 1000 * share - near) & (price <= 1000 + 1500 * share + near)
    fits_wage = (wage >= 22 - 22 * share - near) & (wage <= 22 + 22 * share + near)
    firm = (fits_price[:, :, None] & fits_wage[:, None, :]).reshape(len(episodes), -1)
    np.testing.assert_array_equal(knobs.menu["firm"], firm)
    fits = np.asarray(PUBLISHED_MENUS["income_rates"])[None] <= np.maximum(share - 1, 0) + near
    government = (fits[:, :, None] & fits[:, None, :]).reshape(len(episodes), -1)
    np.testing.assert_array_equal(knobs.menu["government"], government)
    np.testing.assert_allclose(knobs.max_rate, np.clip(share[:, 0] - 1, 0, 1), atol=1e-6)


def test_forbidden_actions_have_probability_zero():
    """Closed form: exp of what is left of an illegal logit is 0 in single precision, also against a large one."""
    economy = make_economy(Setting())
    knobs = knobs_at(structured(SHORT), [16_000])
    mask = economy.open_entries("firm", jax.tree.map(lambda x: x[0], knobs))[None, :]
    logits = jnp.where(mask, -80.0, 80.0).astype(jnp.float32)
    probabilities = np.exp(np.asarray(Categorical(logits, mask).logits, np.float32))
    assert (probabilities[~np.asarray(mask)] == 0).all() and abs(probabilities.sum() - 1) < 1e-6
    assert ILLEGAL <= -1000


def test_who_learns_when():
    """Closed form: starts of the three schedules, and every so many episodes in the smoke test."""
    short, long, smoke = (structured(lengths) for lengths in (SHORT, LONG, SMOKE))
    assert learns(short, "consumer", [0, 1, 199_999]) == [True] * 3
    assert learns(short, "firm", [0, 29_999, 30_000, 30_001]) == [False, False, True, True]
    assert learns(short, "government", [30_000, 59_999, 60_000]) == [False, False, True]
    assert learns(long, "firm", [99_999, 100_000]) == learns(long, "government", [199_999, 200_000]) == [False, True]
    assert learns(smoke, "firm", [8, 10, 11, 12]) == [False, True, False, True]
    assert learns(smoke, "government", [15, 20, 21, 25]) == [False, True, False, True]
    assert knobs_at(short, [0, 30_000, 60_000]).phase.tolist() == [1, 2, 3]


def learns(curriculum, role, episodes):
    return knobs_at(curriculum, episodes).learning[role].tolist()


def test_a_role_that_settled_neither_learns_nor_draws():
    """Closed form: the government learns from episode 60,000 on and settles in 130,000; everybody else goes on."""
    curriculum = replace(structured(SHORT), settles={"government": 130_000})
    knobs = knobs_at(curriculum, [0, 59_999, 60_000, 129_999, 130_000, 199_999])
    assert knobs.learning["government"].tolist() == [False, False, True, True, False, False]
    assert knobs.exploring["government"].tolist() == [True, True, True, True, False, False]
    assert set(knobs.exploring) == {"government"} and knobs.learning["consumer"].all()
    assert knobs.learning["firm"].tolist()[2:] == [True] * 4
    assert curriculum != structured(SHORT) and hash(curriculum) != hash(structured(SHORT))


def test_learning_rates_fall_evenly_from_a_roles_first_episode_to_the_end():
    """By hand: of episodes 0 to 100 firms learn from 10 on; to a fifth, so that half way, at 55, 0.6 is left."""
    schedule = structured(replace(SMOKE, total=101), learning_rate={"firm": 2.0})
    falling = replace(schedule, final_learning_rate={"firm": 0.2}, episodes=101)
    knobs = knobs_at(falling, [0, 10, 55, 100])
    np.testing.assert_allclose(knobs.learning_rate["firm"], [2.0, 2.0, 1.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(knobs.learning_rate["consumer"], 1.0)
    np.testing.assert_allclose(knobs_at(schedule, [0, 100]).learning_rate["firm"], 2.0)


def test_a_run_goes_on_where_another_ended():
    """Closed form: what is behind counts as played; only phases are counted anew, as the run's own begins with it."""
    whole = replace(structured(SMOKE), settles={"government": 60})
    part, episodes = replace(whole, behind=20), np.arange(0, 80)
    found, expected = knobs_at(part, episodes), knobs_at(whole, episodes + 20)
    for name in (field.name for field in fields(Knobs) if field.name != "phase"):
        jax.tree.map(np.testing.assert_array_equal, getattr(found, name), getattr(expected, name))
    # By hand: firms and government join at 10 and 20; in the part that begins at 20 the government's is no new phase.
    assert expected.phase.tolist() == [3] * 80 and found.phase.tolist() == [2] * 80
    assert knobs_at(whole, [0, 9, 10, 19, 20]).phase.tolist() == [1, 1, 2, 2, 3]
    part.check(100)
    with pytest.raises(ConfigError, match="settle in episode 60, but may learn and choose freely only from 70 on"):
        replace(whole, behind=70).check(100)


def test_other_ways_of_taking_turns():
    """Closed form: listed stretches, and alternation within a cycle."""
    n = jnp.arange(10)
    assert jax.vmap(Turns(stretches=((2, 4), (7, 8))).learns)(n).tolist() == [i in (2, 3, 7) for i in range(10)]
    assert jax.vmap(Turns(cycle=(5, 0, 2)).learns)(n).tolist() == [i % 5 < 2 for i in range(10)]


def test_labor_is_faded_in_and_entropy_out():
    """Closed form: 1 - exp(-n / 10,000); entropy from each role's own start down to a tenth, 23,026 episodes later."""
    knobs = knobs_at(structured(SHORT), [0, 5_000, 10_000, 30_000, 60_000])
    np.testing.assert_allclose(knobs.labor_cost, [0, 0.3935, 0.6321, 0.9502, 0.9975], atol=5e-5)
    np.testing.assert_allclose(knobs.entropy["firm"], [0.5, 0.5, 0.5, 0.5, 0.05], atol=1e-6)
    np.testing.assert_allclose(knobs.entropy["consumer"][2], 0.5 * np.exp(-1), atol=1e-6)
    late = knobs_at(structured(SHORT), [23_025, 23_027]).entropy["consumer"]
    assert late[0] > 0.05 and late[1] == jnp.float32(0.05)
    absolute = structured(SHORT, warmth=Warmth(floor_is_absolute=True))
    np.testing.assert_allclose(knobs_at(absolute, [100_000]).entropy["consumer"], 0.1, atol=1e-6)


def test_no_curriculum():
    """Closed form: everybody learns, everything is open, labor weighs fully from the start."""
    economy, knobs = make_economy(Setting()), knobs_at(unstructured(SHORT), [0])
    knobs = jax.tree.map(lambda x: x[0], knobs)
    assert all(bool(flag) for flag in knobs.learning.values()) and float(knobs.labor_cost) == 1.0
    assert all(bool(economy.open_entries(role, knobs).all()) for role in economy.spec.roles)


def test_a_schedule_can_be_shrunk():
    """Closed form: a hundredth of every length."""
    small = SHORT.shrunk(100.0)
    assert (small.total, small.firms_learn, small.labor) == (2000, 300, 100.0)
    structured(small).check(small.total)
    with pytest.raises(ConfigError, match="nothing left of firms_learn"):
        SHORT.shrunk(100_000.0)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: structured(SHORT).check(30_000), "firm would learn from episode 30000 on, but there are only 30000"),
        (
            lambda: structured(replace(SHORT, taxes_rise=10**6)).check(200_000),
            "government would open in episode 1030000",
        ),
        (
            lambda: replace(structured(SHORT), settles={"government": 60_000}).check(200_000),
            "government would settle in episode 60000, but may learn and choose freely only from 60000 on",
        ),
        (lambda: structured(SHORT, start=(1001.0, 22.0)), "starts at 1001, which is not on the menu"),
        (lambda: Structured({}, {}, opens={"firm": ()}).check(10), "opens no action"),
        (lambda: Structured({}, {}, opens={"firm": (3, 5)}).check(10), "no open action before episode 3"),
        (lambda: Turns(every=0), "at least 1"),
        (lambda: Turns(stretches=((5, 5),)), "must end after it begins"),
        (lambda: Turns(cycle=(10, 5, 11)), "a length and a part of it"),
    ],
)
def test_schedules_that_cannot_be(make, message):
    """Closed form: one line that says what was given and what is allowed."""
    with pytest.raises(ConfigError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_a_curriculum_can_be_part_of_a_compiled_program():
    """Contract: equal schedules are equal and hash alike."""
    assert structured(SHORT) == structured(SHORT) and hash(structured(SHORT)) == hash(structured(SHORT))
    assert structured(SHORT) != structured(LONG)
