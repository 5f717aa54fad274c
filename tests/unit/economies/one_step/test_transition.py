"""The course of an episode: who may do what when, what illegal actions change, what a reset keeps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.knobs import full_knobs
from fisc.core.ledger import tolerance
from fisc.taxes.fixed import fixed, free_market
from fisc.taxes.saez import saez_estimated

from .build import CUTOFFS, FREE_HOURS, economy, observe, start, step

SKILLS = [2.0, 10.0, 40.0]
KEEP = jnp.zeros((1, 7), jnp.int32)
RATES = jnp.array([[18, 18, 17, 15, 14, 13, 10]], jnp.int32)


def acting(hours, planner=KEEP):
    return {"citizen": jnp.asarray(hours, jnp.int32), "planner": planner}


def assert_same(left, right):
    assert eqx.tree_equal(left, right)


@pytest.mark.parametrize("hours", [[1, 50, 100], [-1, 101, 7], [1000, -1000, 0]])
def test_hours_in_the_idle_step_change_nothing(hours):
    # Property: an illegal action is the same as doing nothing.
    world = economy(SKILLS)
    assert_same(step(world, start(world), acting(hours, RATES)), step(world, start(world), acting([0, 0, 0], RATES)))


@pytest.mark.parametrize("hours", [[-1, 20, 30], [101, 20, 30], [2**30, 20, 30]])
def test_one_citizen_that_leaves_the_grid_only_idles(hours):
    world = economy(SKILLS)
    state = step(world, start(world), acting([0, 0, 0], RATES)).state
    assert_same(step(world, state, acting(hours)), step(world, state, acting([0, 20, 30])))


def test_hours_outside_the_box_are_idleness():
    world = economy(SKILLS, free_market(CUTOFFS), labor=FREE_HOURS)
    state = step(world, start(world), {"citizen": jnp.zeros((3, 1))}).state
    wild = step(world, state, {"citizen": jnp.array([[-3.0], [jnp.nan], [100.5]])})
    assert_same(wild, step(world, state, {"citizen": jnp.zeros((3, 1))}))


def test_rates_chosen_during_a_period_change_nothing():
    world = economy(SKILLS, periods=1, steps_per_period=3)
    state = step(world, start(world), acting([0, 0, 0], RATES)).state
    later = step(world, state, acting([5, 5, 5], jnp.ones((1, 7), jnp.int32)))
    assert_same(later, step(world, state, acting([5, 5, 5])))


def test_numbers_that_are_no_rate_keep_the_rates():
    world = economy(SKILLS)
    odd = jnp.array([[-1, 22, 23, 1000, 0, -9, 99]], jnp.int32)
    assert_same(step(world, start(world), acting([0, 0, 0], odd)), step(world, start(world), acting([0, 0, 0])))


def test_rates_above_the_ceiling_keep_the_rates():
    world = economy(SKILLS)
    low = eqx.tree_at(lambda k: k.max_rate, full_knobs(), jnp.asarray(0.4))
    reached = step(world, start(world), acting([0, 0, 0], RATES), knobs=low).state
    np.testing.assert_array_equal(reached.treasury.rates, 0.0)


def test_rewards_are_changes_of_utility_and_welfare():
    # Property: rewards of an episode add up to the last utility less the first, which is 0 here.
    world = economy(SKILLS)
    first = step(world, start(world), acting([0, 0, 0], RATES))
    second = step(world, first.state, acting([10, 20, 30]))
    total = first.rewards["citizen"] + second.rewards["citizen"]
    np.testing.assert_allclose(total, second.state.utility, rtol=1e-12)
    total = first.rewards["planner"] + second.rewards["planner"]
    np.testing.assert_allclose(total, second.state.welfare[None], rtol=1e-12)


def test_without_a_planner_there_is_no_such_role():
    world = economy(SKILLS, free_market(CUTOFFS))
    transition = step(world, start(world), {"citizen": jnp.zeros(3, jnp.int32)})
    assert set(world.spec.roles) == set(observe(world, transition.state)) == set(transition.rewards) == {"citizen"}


def test_labor_weighs_as_the_curriculum_says():
    # Derived: u = coin - weight·0.0005·10^3.5; without taxes 20 coin are 20 - weight·1.58113883.
    world = economy([2.0], free_market(CUTOFFS), first_step_is_idle=False)
    half = eqx.tree_at(lambda k: k.labor_cost, full_knobs(), jnp.asarray(0.5))
    for knobs, weight in ((full_knobs(), 1.0), (half, 0.5)):
        state = step(world, start(world), {"citizen": jnp.array([10], jnp.int32)}, knobs=knobs).state
        assert float(state.utility[0]) == pytest.approx(20.0 - weight * 0.0005 * 10.0**3.5, rel=1e-12)


def test_income_of_a_second_year_is_what_came_after_the_first_collection():
    # Derived: 10 then 20 hours at 2 coin, flat tax of one half on one citizen, who gets it all back as the lump sum.
    world = economy([2.0], fixed(CUTOFFS, [0.5] * 7), periods=2, steps_per_period=1, first_step_is_idle=False)
    state = start(world)
    for hours, income in ((10, 20.0), (20, 40.0)):
        state = step(world, state, {"citizen": jnp.array([hours], jnp.int32)}).state
        assert float(world.accounts(state)["income"][0]) == pytest.approx(income)
        assert float(world.accounts(state)["tax"][0]) == pytest.approx(income / 2)
    assert float(state.coin[0]) == pytest.approx(60.0)


def test_coin_is_created_by_work_alone():
    # Property: the ledger balances at every step, and creates the pay of the working step.
    world = economy(SKILLS, periods=2, steps_per_period=2)
    state = start(world)
    for hours, pay in (([9, 9, 9], 0.0), ([10, 20, 30], 1420.0), ([1, 1, 1], 52.0), ([0, 0, 5], 200.0)):
        transition = step(world, state, acting(hours, RATES))
        assert float(transition.ledger.residual()) <= tolerance(jnp.float64)
        assert float(transition.ledger.created["coin"]) == pytest.approx(pay)
        state = transition.state


def test_a_new_episode_keeps_only_what_the_tax_system_learned():
    world = economy(SKILLS, saez_estimated(CUTOFFS, window=4), first_step_is_idle=False)
    state = start(world)
    for hours in ([10, 20, 30], [1, 2, 3]):
        state = step(world, state, {"citizen": jnp.asarray(hours, jnp.int32)}).state
    again = world.reset(jax.random.key(1), state)
    for field in ("coin", "labor", "production", "utility"):
        np.testing.assert_array_equal(getattr(again, field), 0.0)
    assert int(again.step) == 0
    assert int(again.treasury.memory.count) == 3
    np.testing.assert_array_equal(again.treasury.memory.incomes, state.treasury.memory.incomes)


def test_parallel_economies_share_what_their_tax_systems_learned():
    # Derived: two economies of three citizens each make a pool of six incomes, the same for both. An income is the pay
    # of two steps, skill times hours each.
    world = economy(SKILLS, saez_estimated(CUTOFFS, window=4, num_environments=2), first_step_is_idle=False)

    def year(key, hours):
        state = world.init(key)
        for _ in range(2):
            state = world.step(key, state, {"citizen": hours}, full_knobs()).state
        return state

    hours = jnp.array([[1, 2, 3], [4, 5, 6]], jnp.int32)
    states = eqx.filter_jit(jax.vmap(year))(jax.random.split(jax.random.key(0), 2), hours)
    pooled = world.pool(states).treasury.memory.pooled
    log_incomes = np.log(2 * np.asarray(hours) * SKILLS)
    np.testing.assert_array_equal(jax.vmap(lambda pool: pool.histogram.num_samples)(pooled), [6, 6])
    np.testing.assert_allclose(pooled.moments.mean_log_income, [log_incomes.mean()] * 2, rtol=1e-5)
    assert_same(*[jax.tree.map(lambda leaf, e=e: leaf[e], pooled) for e in (0, 1)])
