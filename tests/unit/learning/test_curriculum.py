"""Curricula at moments worked out on paper."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.knobs import Progress
from fisc.learning.curriculum import Phases, RoleSchedule

STEP = 0.05
CITIZEN = RoleSchedule(entropy=(0.2, 0.1), learning_rate=(1.0, 0.0), joins_at=0.0, entropy_settles_at=0.5)
PLANNER = RoleSchedule(entropy=(0.1, 0.0), learning_rate=(1.0, 0.5), joins_at=0.5, entropy_settles_at=0.8)
BOTH = Phases({"citizen": CITIZEN, "planner": PLANNER}, max_rate=(0.2, 1.0), labor_cost=(0.4, 1.0))


def at(fraction, curriculum=BOTH):
    fraction = jnp.asarray(fraction, jnp.float32)
    return curriculum(Progress(jnp.zeros((), jnp.int32), fraction, fraction - STEP))


@pytest.mark.parametrize("fraction, phase, learns", [(0.0, 1, False), (0.49, 1, False), (0.5, 2, True), (1.0, 2, True)])
def test_the_planner_joins_in_phase_two(fraction, phase, learns):
    knobs = at(fraction)
    assert (int(knobs.phase), bool(knobs.learning["planner"]), bool(knobs.learning["citizen"])) == (phase, learns, True)


@pytest.mark.parametrize("fraction, expected", [(0.0, 0.4), (0.25, 0.7), (0.5, 1.0), (1.0, 1.0)])
def test_the_cost_of_labor_rises_during_phase_one_and_stays(fraction, expected):
    # By hand: from 0.4 to 1 over the first half.
    np.testing.assert_allclose(at(fraction).labor_cost, expected, rtol=1e-6)


@pytest.mark.parametrize("fraction, expected", [(0.0, 0.2), (0.5, 0.2), (0.75, 0.6), (1.0, 1.0)])
def test_the_ceiling_on_rates_rises_during_phase_two(fraction, expected):
    # By hand: from 0.2 to 1 over the second half.
    np.testing.assert_allclose(at(fraction).max_rate, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "fraction, citizen, planner", [(0.0, 0.2, 0.1), (0.25, 0.15, 0.1), (0.75, 0.1, 0.0375), (1, 0.1, 0)]
)
def test_entropy_falls_over_a_roles_own_stretch_until_it_settles(fraction, citizen, planner):
    # By hand: citizens settle halfway; at 0.75 the planner is halfway through its stretch, 0.5 / 0.8 of its descent.
    entropy = at(fraction).entropy
    np.testing.assert_allclose([entropy["citizen"], entropy["planner"]], [citizen, planner], atol=1e-7)


@pytest.mark.parametrize(
    "fraction, citizen, planner", [(0.0, 1.0, 1.0), (0.5, 0.5, 1.0), (0.75, 0.25, 0.75), (1, 0, 0.5)]
)
def test_learning_rates_fall_over_the_whole_stretch(fraction, citizen, planner):
    rate = at(fraction).learning_rate
    np.testing.assert_allclose([rate["citizen"], rate["planner"]], [citizen, planner], atol=1e-7)


def test_without_a_late_role_there_is_one_phase_at_full_labor_cost():
    # By hand: nobody joins later, so phase 1 has no length; without a planner there is no ceiling to raise either.
    alone = Phases({"citizen": CITIZEN}, max_rate=(0.5, 1.0), labor_cost=(0.4, 1.0))
    assert [int(at(x, alone).phase) for x in (0.0, 1.0)] == [1, 1]
    assert at(0.0, alone).labor_cost == 1.0
    assert at(0.0, alone).max_rate == 1.0


@pytest.mark.parametrize(
    "fraction, phase, learns, explores",
    [(0.1, 1, False, True), (0.3, 2, True, True), (0.7, 2, True, True), (0.8, 3, False, False), (1, 3, False, False)],
)
def test_a_settled_role_neither_learns_nor_explores_while_the_others_go_on(fraction, phase, learns, explores):
    # By hand: the planner's own stretch is from 0.2 to 0.8.
    planner = RoleSchedule(entropy=(0.1, 0.0), learning_rate=(1.0, 0.5), joins_at=0.2, settles_at=0.8)
    knobs = at(fraction, Phases({"citizen": CITIZEN, "planner": planner}))
    found = int(knobs.phase), bool(knobs.learning["planner"]), bool(knobs.exploring["planner"])
    assert found == (phase, learns, explores)
    assert bool(knobs.learning["citizen"])
    assert "citizen" not in knobs.exploring
    half = at(0.5, Phases({"citizen": CITIZEN, "planner": planner})).learning_rate["planner"]
    np.testing.assert_allclose(half, 0.75, rtol=1e-6)


@pytest.mark.parametrize("fraction, expected", [(0.0, 1.0), (0.4, 0.5), (0.79, 0.0125), (0.8, 1.0), (0.9, 0.5), (1, 0)])
def test_who_goes_on_when_another_settles_starts_its_own_schedule_again(fraction, expected):
    # By hand: citizens' learning rate falls from 1 to 0 over the first 0.8 of the run, and again over the rest.
    planner = RoleSchedule(joins_at=0.2, settles_at=0.8)
    rate = at(fraction, Phases({"citizen": CITIZEN, "planner": planner})).learning_rate["citizen"]
    np.testing.assert_allclose(rate, expected, atol=1e-6)


@pytest.mark.parametrize("fraction, fresh", [(0.0, False), (0.75, False), (0.8, True), (0.85, False), (1.0, False)])
def test_who_starts_fresh_does_so_once_when_another_has_settled(fraction, fresh):
    # By hand: an update takes 0.05 of the run, and the planner settles at 0.8.
    citizen = dataclasses.replace(CITIZEN, starts_fresh=True)
    settling = Phases({"citizen": citizen, "planner": RoleSchedule(joins_at=0.2, settles_at=0.8)})
    assert bool(at(fraction, settling).fresh["citizen"]) == fresh
    assert at(fraction, Phases({"citizen": citizen})).fresh == {}


def test_moving_along_the_run_compiles_once():
    # Contract: a phase is a number, not another program.
    traces = []

    @jax.jit
    def knobs(progress):
        traces.append(1)
        return BOTH(progress)

    for fraction in (0.0, 0.3, 0.5, 1.0):
        knobs(Progress(jnp.zeros((), jnp.int32), jnp.asarray(fraction, jnp.float32), jnp.asarray(0.0)))
    assert len(traces) == 1


def test_the_ceiling_may_be_gone_before_the_end():
    """By hand: from 0.2 at the start to 1 at 0.4 of the run, and 1 ever after."""
    early = Phases({"citizen": RoleSchedule(), "planner": RoleSchedule()}, max_rate=(0.2, 1.0), max_rate_full_at=0.4)
    found = [float(at(fraction, early).max_rate) for fraction in (0.0, 0.2, 0.4, 1.0)]
    np.testing.assert_allclose(found, [0.2, 0.6, 1.0, 1.0], rtol=1e-6)
