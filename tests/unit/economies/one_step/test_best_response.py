"""Exact best responses against brute force, finite differences, and the economy played step by step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.core.spaces import Discrete
from fisc.econ.brackets import tax_due
from fisc.economies.one_step import best_response
from fisc.economies.one_step.preferences import Isoelastic, LogNet
from fisc.taxes.planner import PlannerGrid

from .build import (
    COST,
    CUTOFFS,
    EXPONENT,
    FREE_HOURS,
    MAX_HOURS,
    US_RATES,
    economy,
    observe,
    quantile_skills,
    start,
    step,
)

FALLING = np.array([0.85, 0.85, 0.80, 0.70, 0.65, 0.60, 0.45])
SKILLS = np.concatenate([quantile_skills(40), [0.5, 189.9]])

continuous = eqx.filter_jit(best_response.continuous_hours)
outcome = eqx.filter_jit(best_response.outcome)
welfare = eqx.filter_jit(eqx.filter_value_and_grad(lambda rates, world: best_response.outcome(world, rates).welfare))


def best_hours(skills, rates, exponent=EXPONENT):
    numbers = [jnp.asarray(x, float) for x in (skills, CUTOFFS, rates, COST, exponent)]
    return np.asarray(continuous(*numbers, MAX_HOURS))


@jax.jit
def payoffs(skills, rates, hours, exponent):
    """Coin kept less the cost of labor, of every skill (rows) for its own row of hours."""
    income = skills[:, None] * hours
    return income - tax_due(income, jnp.asarray(CUTOFFS), rates) - COST * hours**exponent


def schedules():
    """Rising, falling, jagged, extreme and random schedules."""
    rng = np.random.default_rng(0)
    jagged = [0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9]
    steps = [[0.0] * 6 + [1.0], [1.0] + [0.0] * 6]
    return [US_RATES, FALLING, np.zeros(7), np.ones(7), *map(np.array, [jagged, *steps]), *rng.random((6, 7))]


@pytest.mark.parametrize("exponent", [3.5, 2.0, 1.5])
@pytest.mark.parametrize("rates", schedules(), ids=range(len(schedules())))
def test_no_hours_on_a_fine_grid_are_better(rates, exponent):
    # Brute force: 20,001 hours. The grid may only win by rounding; it cannot lose by more than its width allows.
    grid = np.linspace(0, MAX_HOURS, 20_001)
    hours = best_hours(SKILLS, rates, exponent)
    tried = np.asarray(payoffs(SKILLS, rates, np.tile(grid, (len(SKILLS), 1)), exponent)).max(axis=1)
    found = np.asarray(payoffs(SKILLS, rates, hours[:, None], exponent))[:, 0]
    assert np.all((hours >= 0) & (hours <= MAX_HOURS))
    assert np.all(found >= tried - 1e-9 * np.maximum(1.0, np.abs(tried)))
    assert np.all(found <= tried + SKILLS * (grid[1] - grid[0]))


def test_a_rising_rate_makes_people_bunch_at_the_cutoff():
    # Derived: at a kink all skills between those whose optimum is the cutoff from below and from above earn exactly it.
    rates = np.array([0.1, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6])
    edge = 1 / (EXPONENT - 1)

    def skill_that_earns(income, rate):
        # z = s·((1 - rate)·s/(c·d))^e  ⇒  s = (z·(c·d/(1 - rate))^e)^(1/(1 + e))
        return (income * (COST * EXPONENT / (1 - rate)) ** edge) ** (1 / (1 + edge))

    low, high = skill_that_earns(97.0, 0.1), skill_that_earns(97.0, 0.6)
    inside = np.linspace(low, high, 12)[1:-1]
    np.testing.assert_allclose(inside * best_hours(inside, rates), 97.0, rtol=1e-12)
    outside = np.array([0.99 * low, 1.01 * high])
    income = outside * best_hours(outside, rates)
    assert income[0] < 97.0 < income[1]


def test_a_falling_rate_leaves_a_gap_around_the_cutoff():
    # Property: the marginal payoff jumps up at the cutoff, so nobody stops just there.
    rates = np.array([0.8, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2])
    skills = np.linspace(1.0, 12.0, 400)
    income = skills * best_hours(skills, rates)
    assert income.min() < 97.0 < income.max()
    assert not np.any((income > 85.0) & (income < 110.0))


def test_hours_are_capped():
    # Derived: without taxes h = (s/(c·d))^0.4 > 100 for s > c·d·100^2.5 = 175.
    np.testing.assert_allclose(best_hours([150.0, 180.0], np.zeros(7)), [(150 / 0.00175) ** 0.4, 100.0], rtol=1e-12)


def test_nobody_works_for_a_rate_of_one():
    np.testing.assert_allclose(best_hours(SKILLS, np.ones(7)), 0.0, atol=1e-9)


def test_grid_hours_are_the_lowest_of_equally_good_ones():
    # Derived: all payoffs are 0 with a rate of 1 and costless labor.
    zero = jnp.zeros(())
    hours = best_response.grid_hours(
        jnp.array([2.0]), jnp.array([0.0]), jnp.array([1.0]), zero, jnp.asarray(2.0), jnp.arange(5.0)
    )
    assert hours.tolist() == [0]


@pytest.mark.parametrize("rates", [US_RATES, FALLING, np.full(7, 0.5)], ids=["rising", "falling", "flat"])
def test_the_gradient_of_welfare_is_that_of_finite_differences(rates):
    # Central differences of 1e-6: error about 1e-7 of the value; these schedules have nobody about to jump.
    world = economy(SKILLS, labor=FREE_HOURS)
    gradient = np.asarray(welfare(jnp.asarray(rates), world)[1])
    width = 1e-6
    for b in range(7):
        shift = width * (np.arange(7) == b)
        above, below = (float(welfare(jnp.asarray(rates + s), world)[0]) for s in (shift, -shift))
        assert gradient[b] == pytest.approx((above - below) / (2 * width), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("labor", [Discrete(101), FREE_HOURS], ids=["grid", "continuous"])
@pytest.mark.parametrize("rates", [US_RATES, FALLING], ids=["rising", "falling"])
def test_the_policy_finds_the_best_actions_and_the_outcome_is_that_of_an_episode(labor, rates):
    # Two ways to one result: the policy sees what citizens see, `outcome` never plays.
    world = economy(SKILLS, PlannerGrid(jnp.asarray(CUTOFFS), 0.01), labor=labor)
    policy = best_response.BestResponse(world)
    key = jax.random.key(0)
    announced = {"planner": jnp.asarray(np.round(rates * 100)[None] + 1, jnp.int32)}

    before = start(world)
    idle = policy.act(key, observe(world, before)["citizen"]).action
    np.testing.assert_array_equal(idle, 0)
    middle = step(world, before, {"citizen": idle, **announced}).state
    action = policy.act(key, observe(world, middle)["citizen"]).action
    np.testing.assert_allclose(action, best_response.best_actions(world, world.skills, jnp.asarray(rates)), rtol=1e-9)

    final = step(world, middle, {"citizen": action, **announced}).state
    expected = outcome(world, jnp.asarray(rates))
    np.testing.assert_allclose(final.coin, expected.consumption, rtol=1e-9)
    np.testing.assert_allclose(final.utility, expected.utility, rtol=1e-9)
    np.testing.assert_allclose(final.welfare, expected.welfare, rtol=1e-9)


def test_a_coarser_unit_of_labor_scales_the_grid():
    # Derived: ten-hour steps; the free-market optimum of skill 17.8 is (17.8/0.00175)^0.4 = 40.1 hours, index 4.
    world = eqx.tree_at(lambda w: w.labor_unit, economy([17.8], labor=Discrete(11)), jnp.asarray(10.0))
    assert best_response.best_actions(world, world.skills, jnp.zeros(7)).tolist() == [4]
    assert outcome(world, jnp.zeros(7)).hours.tolist() == [40.0]


def test_concave_utility_without_income_effects_has_the_same_hours():
    # Property: log(c - cost) is a rising function of c - cost.
    log_net = economy(SKILLS, labor=FREE_HOURS, preferences=LogNet(jnp.asarray(COST), jnp.asarray(EXPONENT)))
    linear = economy(SKILLS, labor=FREE_HOURS)
    rates = jnp.asarray(FALLING)
    np.testing.assert_array_equal(outcome(log_net, rates).hours, outcome(linear, rates).hours)


def test_income_effects_are_refused():
    preferences = Isoelastic(jnp.asarray(0.1), jnp.asarray(2.0), jnp.asarray(0.23))
    with pytest.raises(ConfigError, match="need preferences without income effects, not Isoelastic"):
        best_response.outcome(economy(SKILLS, preferences=preferences), jnp.zeros(7))
