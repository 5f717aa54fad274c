"""Policies of a finished run play elsewhere as they did in its own evaluation: in an adapter, and from a file."""

import os
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fisc
from fisc.adapters.gymnasium import single_agent_env
from fisc.adapters.pettingzoo import parallel_env
from fisc.cli.main import main
from fisc.core.errors import ConfigError, RunError
from fisc.core.knobs import full_knobs
from fisc.economies.one_step.best_response import BestResponse
from fisc.policies.scripted import Greedy
from fisc.records.policies import read_policies, write_policies
from fisc.scenarios.config import Scenario
from fisc.scenarios.episodes import record, replay
from fisc.scenarios.packing import evaluate_packed, pack
from fisc.scenarios.reading import parse
from fisc.scenarios.registry import PRESETS, load_scenario
from fisc.scenarios.settings import from_bytes, in_bytes, load_setting
from fisc.scenarios.sources import rebuild, stage
from fisc.scenarios.trained import shipped

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


@pytest.fixture(scope="module", autouse=True)
def every_array_is_large():
    """The networks here are tiny: all of their weights are kept in eight bits, as those of real ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fisc.scenarios.settings.LARGE", 1)
        yield


@pytest.fixture(scope="module")
def packed(folder, tmp_path_factory):
    """The run's planner and its citizens in one file."""
    return pack(folder, "planner", 0, tmp_path_factory.mktemp("packed") / "tiny.policies")


def test_from_a_file_they_reach_what_their_card_says(folder, packed):
    # Oracle: the run's own evaluation of the same people with the same luck, but for weights of eight bits.
    card, played = evaluate_packed(packed)
    assert card["scores"]["welfare"] == pytest.approx(
        pl.read_parquet(folder / "evaluation.parquet").filter(arm="planner", metric="welfare")["value"].item()
    )
    assert played.metrics["welfare"] == pytest.approx(card["scores"]["welfare"], rel=1e-2)
    assert played.rates == pytest.approx(card["rates"], abs=1e-3)
    assert (card["seed"], card["arm"], card["env_steps"]) == (0, "planner", 2 * 4 * 2)


def test_weights_in_bytes_are_within_half_a_unit_of_what_they_were():
    # By hand: the unit is a 127th of the largest in a column; a column of zeros stays one.
    with pytest.raises(RunError, match="not finite"):
        in_bytes(np.full((1, 2, 2), np.nan, np.float32))
    weights = np.array([[[1.27, 0.0, 3e-8], [-0.014, 0.0, 1e-8]]], np.float32)
    whole, unit = in_bytes(weights)
    assert whole.dtype == np.int8 and whole.tolist() == [[[127, 0, 127], [-1, 0, 42]]]
    np.testing.assert_allclose(from_bytes(whole, unit), weights, atol=0.005, rtol=0)
    np.testing.assert_allclose(from_bytes(whole, unit)[..., 2], weights[..., 2], atol=1.2e-10, rtol=0)


def test_a_file_holds_policies_to_eight_bits_and_what_institutions_know(folder, packed):
    whole, slim = (load_setting(path, "planner", greedy=False) for path in (folder, packed))
    assert jax.tree.structure(whole.policies) == jax.tree.structure(slim.policies)
    for before, after in zip(jax.tree.leaves(whole.policies), jax.tree.leaves(slim.policies), strict=True):
        assert before.dtype == after.dtype
        largest = np.max(np.abs(before), axis=-2, keepdims=True) if before.ndim > 1 else 0.0
        assert np.all(np.abs(np.asarray(before) - after) <= 1.001 * largest / 254)
    assert eqx.tree_equal(whole.earlier, slim.earlier)


def test_a_file_that_does_not_fit_is_refused(folder, packed, tmp_path):
    with pytest.raises(ConfigError, match="has no arm us_federal: it was packed with arm planner"):
        load_setting(packed, "us_federal")
    with pytest.raises(ConfigError, match="has no seed 1"):
        load_setting(packed, "planner", 1)
    with pytest.raises(ConfigError, match="nobody learned in arm 'free_market'"):
        pack(folder, "free_market", 0, tmp_path / "free.policies")
    card, arrays = read_policies(packed)
    number = next(number for number, array in enumerate(arrays) if array.dtype == np.int8)
    whole, unit = arrays[number : number + 2]
    for wrong in ([], [unit, whole], [whole, unit[..., :1]], [whole, unit * np.nan], [from_bytes(whole, unit), unit]):
        changed = [*arrays[:number], *wrong, *arrays[number + 2 :]]
        other = write_policies(tmp_path / "other.policies", card, changed)
        with pytest.raises(RunError, match="other shapes than this version of fisc makes"):
            load_setting(other, "planner")


def test_a_file_whose_networks_read_other_numbers_is_refused(packed, tmp_path):
    # The shapes are the same: only names tell that two numbers have changed places.
    card, arrays = read_policies(packed)
    block = next(entry for entry in card["observed"]["planner"] if len(entry[1]) > 1)
    block[1][:2] = block[1][1::-1]
    other = write_policies(tmp_path / "other.policies", card, arrays)
    with pytest.raises(RunError, match="read other numbers than this version of fisc shows"):
        load_setting(other, "planner")


def test_an_episode_is_played_by_the_policies_in_a_file(packed):
    # Property: what is recorded says who played, and its economy can be made again from what it says.
    staged = stage(str(packed))
    assert staged.title.endswith("Learned planner") and staged.players["planner"] == "trained"
    episode = record(staged, seed=3)
    replay(episode, rebuild(episode.header["source"]))


@pytest.mark.parametrize(
    "words, told",
    [
        ({"source": "one-step", "players": "trained"}, "one-step comes with no policies"),
        ({"source": "one-step", "players": "trained", "overrides": {"economy.workers": 9}}, "trained without --set"),
    ],
)
def test_policies_that_do_not_come_with_fisc_cannot_play(words, told):
    with pytest.raises(ConfigError, match=told):
        stage(**words)


def test_policies_of_a_preset_play_unless_somebody_else_is_asked_for(packed, monkeypatch):
    # Wiring: as if the file came with fisc.
    monkeypatch.setattr(
        "fisc.scenarios.sources.shipped", lambda name: {"planner": packed} if name == "one-step" else {}
    )
    assert stage("one-step").players["planner"] == "trained"
    assert stage("one-step", seed=3).players["planner"] == "trained"
    assert stage("one-step", players="thumb").players["planner"] == "random"
    assert stage("one-step", "us_federal").players["citizen"] != "trained"
    with pytest.raises(ConfigError, match="one-step comes with policies for planner; train some"):
        stage("one-step", "us_federal", players="trained")


def test_every_file_that_comes_with_fisc_is_of_the_scenario_whose_name_it_has():
    # Contract: words aside, and what other arms there are, how their schedule is searched, which checkpoints are kept.
    for name in PRESETS:
        for arm, path in shipped(name).items():
            card, _ = read_policies(path)
            then, now = parse(Scenario, card["scenario"]), load_scenario(name)
            budgets = {
                budget: replace(length, search_updates=today.search_updates, keep_every=today.keep_every)
                for budget, length in then.budgets.items()
                if (today := now.budgets[budget])
            }
            said = {"caveats": now.caveats, "description": now.description, "budgets": budgets}
            then = replace(then, arms=now.arms, laboratories=now.laboratories, **said)
            assert (card["arm"], then) == (arm, now), path


def test_who_plays_a_file_cannot_be_changed(packed):
    for changes, told in (({"players": "random"}, "leave --players out"), ({"overrides": {"a": 1}}, "no scenario")):
        with pytest.raises(ConfigError, match=told):
            stage(str(packed), **changes)


@pytest.fixture
def environment():
    """The command line prepares jax by environment variables, which must not outlive a test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_the_commands_pack_and_evaluate(folder, environment, tmp_path, capsys, monkeypatch):
    # Contract of the command line: a file is never replaced unasked, and every refusal is one line.
    monkeypatch.chdir(tmp_path)
    assert main(["pack", str(folder)]) == 0
    assert (tmp_path / "one-step.planner.policies").is_file()
    assert main(["evaluate", "one-step.planner.policies"]) == 0
    printed = capsys.readouterr().out
    assert "Learned planner, trained for 16 steps" in printed and "marginal rates: " in printed
    for words, told in (
        (["pack", str(folder)], "already exists"),
        (["pack", str(folder), "--out", "a.npz"], "ends in .policies"),
        (["evaluate", "one-step"], "one-step comes with no trained policies"),
        (["evaluate", "one-step.planner.policies", "--arm", "flat"], "only for a preset"),
        (["pack", str(folder), "--arm", "tax.py:build", "--out", "b.policies"], "in a file of your own"),
    ):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1


def test_what_a_run_does_not_have_is_refused(folder):
    with pytest.raises(ConfigError, match="'plannner': did you mean 'planner'"):
        load_setting(folder, arm="plannner")
    with pytest.raises(ConfigError, match="has no seed 3: choose one of 0"):
        load_setting(folder, seed=3)
    (folder / "checkpoints" / "planner.ckpt").rename(folder / "elsewhere")
    with pytest.raises(RunError, match="is missing"):
        load_setting(folder)
