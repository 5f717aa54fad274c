"""Schedules set by a planner: what it may do, and what happens when it does something else. Derived by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.taxes.planner import PlannerContinuous, PlannerGrid

from .knobs import ceiling


def grid(rate_step=0.25):
    return PlannerGrid(jnp.array([0.0, 10.0]), rate_step)


def set_rates(system, memory, action, max_rate=1.0):
    return system.decide(memory, jnp.asarray(action), (), ceiling(max_rate))


def shown(system, memory, max_rate=1.0):
    return np.asarray(system.rates(memory, ceiling(max_rate))).tolist()


def test_an_episode_starts_without_taxes():
    system = grid()
    assert shown(system, system.init()) == [0.0, 0.0]
    assert shown(system, system.reset(jnp.array([3, 2]))) == [0.0, 0.0]


def test_action_k_sets_the_rate_before_it_on_the_grid_and_zero_keeps():
    system = grid()
    memory = set_rates(system, system.init(), [4, 2])
    assert shown(system, memory) == [0.75, 0.25]
    assert shown(system, set_rates(system, memory, [0, 5])) == [0.75, 1.0]


@pytest.mark.parametrize("action", [[-1, 6], [-7, 100]])
def test_numbers_that_are_no_action_keep_the_rate(action):
    system = grid()
    memory = set_rates(system, system.init(), [4, 2])
    assert shown(system, set_rates(system, memory, action)) == [0.75, 0.25]


def test_a_choice_above_the_ceiling_keeps_the_rate():
    system = grid()
    memory = set_rates(system, system.init(), [2, 2])
    assert shown(system, set_rates(system, memory, [3, 4], max_rate=0.5)) == [0.5, 0.25]


def test_the_mask_says_what_the_rule_says():
    # Keep, 0, 0.25, 0.5 are legal under a ceiling of one half; 0.75 and 1 are not; the same for each bracket.
    system = grid()
    legal = system.legal(system.init(), ceiling(0.5))
    assert legal.tolist() == [True, True, True, True, False, False] * 2
    assert system.planner_space.mask_size == 12
    for action in range(6):
        reached = shown(system, set_rates(system, jnp.array([1, 1]), [action, 0], max_rate=0.5))[0]
        chosen = 0.25 if action == 0 else (action - 1) * 0.25
        assert (reached == chosen) == bool(legal[action])


def test_the_ceiling_itself_is_legal_in_spite_of_rounding():
    # 3·0.05 = 0.15000000000000002 > 0.15 in binary arithmetic: the slack of 1e-6 covers it, in either precision.
    for is_double in (False, True):
        with jax.enable_x64(is_double):
            legal = PlannerGrid(jnp.array([0.0])).legal(jnp.zeros(1, jnp.int32), ceiling(0.15))
            assert legal.tolist() == [True] * 5 + [False] * 17


@pytest.mark.parametrize("step, num", [(0.05, 21), (0.1, 11), (0.25, 5), (1.0, 2), (0.15, 7), (1 / 3, 4)])
def test_the_grid_has_no_rate_above_one(step, num):
    # Derived: the largest multiple of 0.15 below 1 is 6·0.15 = 0.9.
    system = grid(step)
    assert system.num_rates == num
    assert shown(system, jnp.array([num - 1, 0]))[0] == pytest.approx((num - 1) * step)
    assert (num - 1) * step < 1 + 1e-9


def test_an_absent_planner_keeps_the_rates():
    for system in (grid(), PlannerContinuous(jnp.array([0.0, 10.0]))):
        memory = system.init()
        assert system.decide(memory, None, (), ceiling(1.0)) is memory


def test_a_continuous_planner_sets_any_rate_under_the_ceiling():
    system = PlannerContinuous(jnp.array([0.0, 10.0]))
    memory = set_rates(system, system.init(), [0.375, 0.875])
    assert shown(system, memory) == [0.375, 0.875]
    assert shown(system, set_rates(system, memory, [0.25, 0.75], max_rate=0.5)) == [0.25, 0.5]
    assert shown(system, system.reset(memory)) == [0.0, 0.0]


@pytest.mark.parametrize("action", [[-0.1, 0.5], [0.5, 1.1], [float("nan"), 0.5]])
def test_a_continuous_planner_that_leaves_the_box_keeps_the_rates(action):
    system = PlannerContinuous(jnp.array([0.0, 10.0]))
    memory = set_rates(system, system.init(), [0.375, 0.875])
    assert shown(system, set_rates(system, memory, action)) == [0.375, 0.875]
    assert system.legal(memory, ceiling(1.0)).tolist() == [True]
