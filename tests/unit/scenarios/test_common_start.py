"""Arms that go on from a common start in the free market."""

from dataclasses import replace

import equinox as eqx
import numpy as np
import pytest

import fisc
from fisc.core.errors import ConfigError
from fisc.records.store import RunFolder
from fisc.scenarios.compare import COMMON, common_start, group_jobs, plan
from fisc.scenarios.training import train_group
from fisc.scenarios.worlds import solve_worlds

SMALL = {
    "economy.workers": 8,
    "economy.labor_steps": 4,
    "learning.environments": 2,
    "learning.citizen.hidden": [4],
    "learning.planner.hidden": [4],
    "learning.labor_cost_start": 0.25,
    "learning.labor_cost_full_at": 0.5,
    "budgets.smoke.common_updates": 5,
    "budgets.smoke.updates": 3,
    "budgets.smoke.planner_updates": 3,
    "budgets.smoke.block": 5,
}
ARMS = ["planner"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished comparison."""
    out = tmp_path_factory.mktemp("common") / "run"
    return fisc.compare("one-step", arms=ARMS, seeds=2, budget="smoke", out=out, overrides=SMALL, draw=False)


def test_everybody_starts_where_the_common_start_ended(run, tmp_path):
    # Property: before its first update an arm's citizens are the common start's, seed by seed, bit for bit.
    planned = plan("one-step", arms=ARMS, seeds=2, budget="smoke", overrides=SMALL)
    folder = RunFolder.open(run.folder)
    worlds = solve_worlds(planned, folder, lambda text: None)
    common = common_start(planned, worlds)[0]
    ended = train_group(common, folder, lambda report: None, may_train=False)
    citizens = {job.seed: {"citizen": state.learners["citizen"]} for job, state in zip(common.jobs, ended, strict=True)}
    assert not eqx.tree_equal(citizens[0], citizens[1]), "seeds differ"
    untouched = RunFolder.create(tmp_path / "untouched")
    for group in group_jobs(planned, worlds):
        group.system = replace(group.system, num_updates=0)
        group.begun = citizens
        for job, state in zip(group.jobs, train_group(group, untouched, lambda report: None), strict=True):
            assert eqx.tree_equal(state.learners["citizen"], citizens[job.seed]["citizen"]), job


def test_time_goes_on_where_the_common_start_ended(run):
    # By hand: 2 environments of 2 steps; updates 1-5 in common, 6-8 in each arm, phases counted on.
    metrics = RunFolder.open(run.folder).read_table("metrics")
    seen = {(name, update, steps) for name, update, steps in metrics.select("run", "update", "env_steps").iter_rows()}
    assert {(COMMON, update, 4 * update) for update in range(1, 6)} <= seen
    assert {("planner", update, 4 * update) for update in range(6, 9)} <= seen
    assert set(metrics.filter(metrics["run"] == COMMON)["phase"]) == {"phase 1"}
    assert "phase 1" not in set(metrics.filter(metrics["run"] != COMMON)["phase"])
    # 2 seeds: the common start, then the planner.
    assert run.summary["env_steps"] == 4 * 2 * (5 + 3)


def test_labor_becomes_as_costly_as_it_is_in_common_and_stays_so(run):
    # By hand: from 0.25 at update 1 (0 of 4 intervals) to 1 half way (update 3), linearly.
    metrics = RunFolder.open(run.folder).read_table("metrics")
    costs = metrics.filter((metrics["metric"] == "knob/labor_cost") & (metrics["seed"] == 0))
    common = costs.filter(costs["run"] == COMMON).sort("update")["value"]
    np.testing.assert_allclose(common, [0.25, 0.625, 1.0, 1.0, 1.0], rtol=1e-6)
    assert set(costs.filter(costs["run"] != COMMON)["value"]) == {1.0}


def test_it_resumes_in_the_middle_of_an_arm_to_the_same_end(run, tmp_path):
    # Property: without the planner's checkpoint, resuming trains that arm alone, to the same state.
    kept = run.folder / "checkpoints" / "planner.ckpt"
    before = kept.read_bytes()
    kept.unlink()
    (run.folder / "status.json").write_text('{"state": "stopped", "seconds": 1.0}')
    again = fisc.compare(
        "one-step", arms=ARMS, seeds=2, budget="smoke", out=run.folder, overrides=SMALL, draw=False, resume=True
    )
    assert kept.read_bytes() == before
    assert again.summary["arms"] == run.summary["arms"]


def test_without_it_nothing_is_trained_in_common():
    planned = plan(
        "one-step", arms=ARMS, seeds=1, budget="smoke", overrides=SMALL | {"budgets.smoke.common_updates": 0}
    )
    assert common_start(planned, []) == []
    with pytest.raises(ConfigError, match="common_updates is -1: it must be at least 0"):
        plan("one-step", overrides={"budgets.smoke.common_updates": -1})
