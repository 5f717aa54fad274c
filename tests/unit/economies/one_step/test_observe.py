"""What citizens and planner see: the layout, and its numbers in an episode small enough to work out by hand."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.knobs import full_knobs
from fisc.taxes.fixed import fixed, free_market

from .build import CUTOFFS, FREE_HOURS, MAX_SKILL, US_RATES, economy, observe, start, step

SKILLS = [2.0, 10.0, 40.0, 150.0]
RATES = jnp.array([[18, 18, 17, 15, 14, 13, 10]], jnp.int32)


def low_ceiling(rate):
    return eqx.tree_at(lambda k: k.max_rate, full_knobs(), jnp.asarray(rate))


@pytest.mark.parametrize(
    "options", [{}, {"num_incomes_seen": 3}, {"num_incomes_seen": 4, "planner_sees_citizens": True}]
)
def test_the_layout_names_every_number(options):
    # Contract: as many names as numbers, and public blocks are stored once.
    world = economy(SKILLS, **options)
    for role, observation in observe(world, start(world)).items():
        blocks = world.spec.roles[role].blocks
        assert set(blocks) == set(observation.features)
        for name, block in blocks.items():
            rows = 1 if block.is_public or role == "planner" else len(SKILLS)
            assert observation.features[name].shape == (rows, len(block.names))
            assert len(set(block.names)) == len(block.names)
        assert observation.mask.shape == (world.spec.roles[role].num_agents, world.spec.roles[role].actions.mask_size)


def test_the_calendar_counts_days_of_the_tax_year():
    # Columns: first day, tax day, day / days of the year, steps taken / steps of the episode; two years of two steps.
    world = economy(SKILLS, periods=2, steps_per_period=2)
    state, rows = start(world), []
    for _ in range(5):
        rows.append(np.asarray(observe(world, state)["citizen"].features["calendar"][0]).tolist())
        state = step(world, state, {"citizen": jnp.zeros(4, jnp.int32), "planner": jnp.zeros((1, 7), jnp.int32)}).state
    assert rows == [[1, 0, 0.5, 0], [0, 1, 1, 0.25], [1, 0, 0.5, 0.5], [0, 1, 1, 0.75], [1, 0, 0.5, 1]]


def test_citizens_see_their_skill_and_the_rate_on_their_next_coin():
    world = economy(SKILLS, fixed(CUTOFFS, US_RATES), first_step_is_idle=False)
    # 50 hours pay 100, 500, 2000, 7500 coin, in brackets 2, 3, 5 and 7 of the US schedule.
    state = step(world, start(world), {"citizen": jnp.full(4, 50, jnp.int32)}).state
    own = observe(world, state)["citizen"].features["own"]
    np.testing.assert_allclose(own[:, 0], np.array(SKILLS) / MAX_SKILL, rtol=1e-12)
    np.testing.assert_allclose(own[:, 1], np.log(np.array(SKILLS) / MAX_SKILL), rtol=1e-12)
    np.testing.assert_allclose(own[:, 2], [0.12, 0.22, 0.32, 0.37])


def test_last_incomes_are_ranked_and_per_step():
    # The two order statistics of 4 incomes are the lowest and the highest; a year has two steps.
    world = economy(SKILLS[::-1], free_market(CUTOFFS), num_incomes_seen=2, first_step_is_idle=False)
    state = start(world)
    np.testing.assert_array_equal(observe(world, state)["citizen"].features["last_incomes"], [[0.0, 0.0]])
    for _ in range(2):
        state = step(world, state, {"citizen": jnp.full(4, 10, jnp.int32)}).state
    # 20 hours at 2 and at 150 coin, over two steps.
    np.testing.assert_allclose(observe(world, state)["citizen"].features["last_incomes"], [[20.0, 1500.0]])


def test_the_planner_sees_aggregates_and_if_asked_citizens():
    world = economy(SKILLS, planner_sees_citizens=True, gini_convention="exact")
    state = step(world, start(world), {"citizen": jnp.zeros(4, jnp.int32), "planner": RATES}).state
    state = step(world, state, {"citizen": jnp.full(4, 10, jnp.int32), "planner": RATES}).state
    features = observe(world, state)["planner"].features
    # Incomes 20, 100, 400, 1500, in brackets 1, 2, 3 and 4: 2020 coin whatever the taxes.
    assert float(features["aggregates"][0, 1]) == pytest.approx(2020 / 4 / 1000)
    citizens = np.asarray(features["citizens"]).reshape(4, 3)
    np.testing.assert_allclose(citizens[:, 1], [10.0, 50.0, 200.0, 750.0])
    np.testing.assert_allclose(citizens[:, 2], [0.85, 0.85, 0.80, 0.70])
    np.testing.assert_allclose(citizens[:, 0], 0.85)  # nothing earned since the collection


def test_before_the_first_announcement_rates_under_the_ceiling_are_shown():
    # A regression: rates from memory used to be shown as if there were no ceiling.
    world = economy(SKILLS, fixed(CUTOFFS, US_RATES))
    for state in (
        start(world),
        step(world, start(world), {"citizen": jnp.zeros(4, jnp.int32)}, knobs=low_ceiling(0.2)).state,
    ):
        features = observe(world, state, low_ceiling(0.2))["citizen"].features
        np.testing.assert_allclose(features["rates"][0], np.minimum(US_RATES, 0.2))
        np.testing.assert_allclose(features["own"][:, 2], 0.1)


@pytest.mark.parametrize("labor", [None, FREE_HOURS])
def test_work_is_masked_in_the_idle_step(labor):
    world = economy(SKILLS, free_market(CUTOFFS), **({} if labor is None else {"labor": labor}))
    idle = observe(world, start(world))["citizen"].mask
    size = idle.shape[1]
    expected = [True] + [False] * (size - 1) if labor is None else [False]
    np.testing.assert_array_equal(idle, np.tile(expected, (4, 1)))
    nothing = jnp.zeros(4, jnp.int32) if labor is None else jnp.zeros((4, 1))
    busy = observe(world, step(world, start(world), {"citizen": nothing}).state)["citizen"].mask
    assert bool(busy.all())


def test_the_planner_may_only_keep_the_rates_during_a_period():
    # A regression: in the middle of a period not even keeping was allowed.
    world = economy(SKILLS)
    first = observe(world, start(world))["planner"].mask
    assert first.shape == (1, 7 * 22)
    assert bool(first.all())
    state = step(world, start(world), {"citizen": jnp.zeros(4, jnp.int32), "planner": RATES}).state
    later = np.asarray(observe(world, state)["planner"].mask).reshape(7, 22)
    np.testing.assert_array_equal(later, np.arange(22)[None, :] == np.zeros((7, 1)))
