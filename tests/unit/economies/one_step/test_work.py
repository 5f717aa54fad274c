"""Working: what hours pay, when they are allowed, and what an illegal choice does. Expected values derived by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.spaces import Box, Discrete
from fisc.economies.one_step.work import hours_of, may_work, work

from .build import economy, start

OPEN, CLOSED = jnp.asarray(True), jnp.asarray(False)
GRID = Discrete(5)
BOX = Box(0.0, 40.0, 1)


def hours(action, choice, unit=1.0, is_open=OPEN):
    return np.asarray(hours_of(jnp.asarray(action), choice, jnp.asarray(unit, float), is_open)).tolist()


def test_a_grid_action_is_a_multiple_of_the_unit():
    assert hours([0, 1, 4], GRID, unit=10.0) == [0.0, 10.0, 40.0]


def test_a_box_action_is_hours():
    assert hours([[0.0], [12.5], [40.0]], BOX) == [0.0, 12.5, 40.0]
    assert hours([0.0, 12.5, 40.0], BOX) == [0.0, 12.5, 40.0]


@pytest.mark.parametrize("action", [-1, 5, 1000])
def test_numbers_off_the_grid_are_no_work(action):
    assert hours([action], GRID) == [0.0]


@pytest.mark.parametrize("action", [-0.5, 40.5, float("nan"), float("inf")])
def test_numbers_outside_the_box_are_no_work(action):
    assert hours([[action]], BOX) == [0.0]


def test_nobody_works_while_work_is_closed():
    assert hours([1, 4], GRID, is_open=CLOSED) == [0.0, 0.0]
    assert hours([[1.0], [4.0]], BOX, is_open=CLOSED) == [0.0, 0.0]


def test_work_is_closed_in_the_first_step_only():
    steps = [jnp.asarray(step, jnp.int32) for step in range(3)]
    assert [bool(may_work(step, first_step_is_idle=True)) for step in steps] == [False, True, True]
    assert [bool(may_work(step, first_step_is_idle=False)) for step in steps] == [True, True, True]


def test_pay_adds_up_and_labor_is_replaced():
    # 3 hours at 2 coin, then 5 hours: coin and production 6 + 10, labor 5.
    state = start(economy([2.0]))
    for amount in (3.0, 5.0):
        state = work(state, jnp.array([2.0]), jnp.array([amount]))
    assert (float(state.coin[0]), float(state.production[0]), float(state.labor[0])) == (16.0, 16.0, 5.0)


def test_no_hours_leave_everything_as_it_is():
    before = work(start(economy([2.0])), jnp.array([2.0]), jnp.array([3.0]))
    after = work(before, jnp.array([2.0]), jnp.array([0.0]))
    assert (float(after.coin[0]), float(after.production[0]), float(after.labor[0])) == (6.0, 6.0, 3.0)
