"""Policies of a finished run play in an adapter as they did in the run's own evaluation."""

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fisc
from fisc.adapters.gymnasium import single_agent_env
from fisc.adapters.pettingzoo import parallel_env
from fisc.core.errors import ConfigError, RunError
from fisc.core.knobs import full_knobs
from fisc.economies.one_step.best_response import BestResponse
from fisc.policies.scripted import Greedy
from fisc.scenarios.settings import load_setting

TINY = {
    "economy.workers": 9,
    "learning.citizens": "best_response",
    "learning.environments": 4,
    "learning.planner.hidden": [4],
    "budgets.smoke.planner_updates": 2,
    "budgets.smoke.block": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run in which a planner learned a little, beside a free market in which nobody learns."""
    path = tmp_path_factory.mktemp("runs") / "tiny"
    arms = ["planner", "free_market"]
    fisc.compare("one-step", arms=arms, seeds=1, budget="smoke", out=path, overrides=TINY, draw=False)
    return path


def test_a_trained_planner_reaches_the_welfare_that_its_run_reports(folder):
    # Oracle: the run's own evaluation, which plays greedily. The planner's own choice, made from what the view's
    # economy shows it, is played against the citizens of the run.
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    setting = load_setting(folder, arm="planner", seed=0)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before, "the folder is only read"
    assert isinstance(setting.policies["planner"], Greedy)
    env = single_agent_env(setting, agent="planner")
    env.reset(seed=8)
    seen = setting.economy.observe(env.economy_state, full_knobs(tuple(setting.economy.spec.roles)))["planner"]
    choice = np.asarray(setting.policies["planner"].act(jax.random.key(0), seen).action)[0]
    *_, info = env.step(choice)
    reported = pl.read_parquet(folder / "evaluation.parquet").filter(
        (pl.col("arm") == "planner") & (pl.col("metric") == "welfare")
    )
    assert info["metrics"]["welfare"] == pytest.approx(reported["value"].item(), rel=1e-4)


def test_who_learned_nothing_solves_its_own_problem(folder):
    # Contract: nothing was trained under a free market; all agents can still be played from outside.
    setting = load_setting(folder, arm="free_market")
    assert isinstance(setting.policies["citizen"], BestResponse)
    env = parallel_env(setting)
    observations, _ = env.reset(seed=0)
    assert "planner" not in env.agents and not np.any(observations["citizen_000"]["rates"])
    assert jnp.allclose(setting.economy.skills, load_setting(folder).economy.skills), "the same people in every arm"


def test_what_a_run_does_not_have_is_refused(folder):
    with pytest.raises(ConfigError, match="'plannner': did you mean 'planner'"):
        load_setting(folder, arm="plannner")
    with pytest.raises(ConfigError, match="has no seed 3: choose one of 0"):
        load_setting(folder, seed=3)
    (folder / "checkpoints" / "planner.ckpt").rename(folder / "elsewhere")
    with pytest.raises(RunError, match="is missing"):
        load_setting(folder)
