"""Two-level learning: who learns when, one root of randomness, and jobs that do not know of each other."""

import itertools
import os
import subprocess
import sys
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.spaces import Discrete
from fisc.learning.curriculum import Phases, RoleSchedule
from fisc.learning.ppo import Settings, ppo
from fisc.learning.train import block, over_jobs, stack, unstack
from fisc.learning.two_level import TwoLevel
from fisc.policies.actor_critic import make_policy, set_scale

from .toy import Bandit, Clock


@cache
def system(updates=4) -> TwoLevel:
    settings = Settings(epochs=1, minibatches=1, learning_rate=0.01)
    learner = ppo(settings, make_policy((4,)), set_scale)
    late = Phases({"citizen": RoleSchedule(), "planner": RoleSchedule(joins_at=0.5)})
    return TwoLevel({"citizen": learner, "planner": learner}, late, updates, 3)


@cache
def history():
    """A run of four updates, state by state."""
    step = eqx.filter_jit(lambda run: system().step(Clock(), run))
    states, metrics = [eqx.filter_jit(system().init)(Clock(), jax.random.key(0))], []
    for _ in range(4):
        state, measured = step(states[-1])
        states.append(state)
        metrics.append(measured)
    return states, metrics


def test_a_role_that_does_not_learn_keeps_its_state_bit_for_bit():
    # Contract: progress is 0, 1/3, 2/3, 1, and the planner joins at 1/2; its optimizer's step count included.
    planners = [state.learners["planner"] for state in history()[0]]
    assert eqx.tree_equal(planners[0], planners[1], planners[2])
    assert not eqx.tree_equal(planners[2], planners[3])


def test_who_learns_changes_at_every_update():
    citizens = [state.learners["citizen"] for state in history()[0]]
    assert not any(eqx.tree_equal(a, b) for a, b in itertools.pairwise(citizens))


def test_a_frozen_role_reports_zeros_and_its_reward():
    # By hand: the planner earns 10·(1 + … + 32) = 630 an episode whatever it does.
    first = history()[1][0]
    assert first["planner/entropy"] == first["planner/gradient_norm"] == 0.0
    assert first["planner/reward"] == 630.0
    assert first["citizen/entropy"] > 0.0


def test_the_root_of_randomness_stays_and_the_count_goes_on():
    # Contract: each update folds its number into one key, so a resumed run draws what it would have drawn.
    states, _ = history()
    assert [int(state.update) for state in states] == [0, 1, 2, 3, 4]
    assert eqx.tree_equal(states[0].key, states[4].key)


def test_a_run_goes_on_from_any_state_as_if_it_had_not_stopped():
    # Contract: the state is everything.
    states, _ = history()
    again, _ = eqx.filter_jit(lambda run: system().step(Clock(), run))(states[2])
    assert eqx.tree_equal(again, states[3])


def test_a_role_that_starts_fresh_forgets_everything_once():
    # Contract: the planner settles at 0.5, so at update 2 of 0..3 (progress 2/3) citizens begin with new parameters and
    # an optimizer that has counted one update instead of three; at update 3 they go on with those.
    roles = {"citizen": RoleSchedule(starts_fresh=True), "planner": RoleSchedule(settles_at=0.5)}
    renewing = TwoLevel(system().learners, Phases(roles), 4, 3)
    step = eqx.filter_jit(lambda run: renewing.step(Clock(), run)[0])
    runs = [eqx.filter_jit(renewing.init)(Clock(), jax.random.key(0))]
    for _ in range(4):
        runs.append(step(runs[-1]))
    counts = [int(run.learners["citizen"].optimizer[1].count) for run in runs]
    assert counts == [0, 1, 2, 1, 2]
    planners = [run.learners["planner"] for run in runs]
    assert eqx.tree_equal(planners[2], planners[3], planners[4])


JOBS = 3


@cache
def jobs():
    payoffs = [jnp.array([0.0, 1.0 + job, 0.2]) for job in range(JOBS)]
    worlds = [Bandit(payoff, Discrete(3)) for payoff in payoffs]
    return worlds, [jax.random.key(job) for job in range(JOBS)]


@cache
def bandit_system() -> TwoLevel:
    return TwoLevel({"citizen": system().learners["citizen"]}, Phases({"citizen": RoleSchedule()}), 2, 3)


def run_jobs(worlds, keys):
    """Two updates of some jobs, in one program: final arrays and metrics, with a leading axis for the jobs."""
    solo = bandit_system()
    template = eqx.filter_eval_shape(solo.init, worlds[0], keys[0])
    static = eqx.partition(template, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))[1]
    run = eqx.combine(over_jobs(solo.init, len(worlds))(stack(worlds), stack(keys)), static)
    return over_jobs(block(solo, 2), len(worlds))(stack(worlds), run)


def plain(tree):
    """Arrays as numpy, wherever they are; keys as their data."""
    return [np.asarray(jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x)
            for x in jax.tree.leaves(tree)]  # fmt: skip


def are_equal(left, right) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(plain(left), plain(right), strict=True))


def are_close(left, right) -> bool:
    """Equal to rounding: the compiler drops a loop over one job, and then fuses and rounds a little differently."""
    return all(np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(plain(left), plain(right), strict=True))


def check_jobs() -> None:
    """Every job ends as it does alone; and the jobs do differ."""
    worlds, keys = jobs()
    together = run_jobs(worlds, keys)
    for job in range(JOBS):
        assert are_close(unstack(together, job), unstack(run_jobs([worlds[job]], [keys[job]]), 0)), f"job {job}"
    assert not are_close(unstack(together, 0), unstack(together, 1))


def test_jobs_run_together_end_as_each_does_alone():
    # Contract, to rounding: other seeds, other payoffs, one compiled program.
    check_jobs()


@pytest.mark.slow
def test_jobs_spread_over_two_devices_end_as_each_does_alone():
    # Contract, to rounding: three jobs on two devices need a fourth for padding, which must not show.
    code = f"import jax; assert len(jax.devices()) == 2; import {__name__} as test; test.check_jobs()"
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2"
    given = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_stacking_and_taking_apart_are_inverse():
    # Property: arrays gain and lose a leading axis; what is static stays.
    worlds, _ = jobs()
    assert eqx.tree_equal(unstack(stack(worlds), 1), worlds[1])
    assert stack(worlds).payoff.shape == (JOBS, 3)
