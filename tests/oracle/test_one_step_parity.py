"""The one-step economy against the reference program, step by step, on every stored configuration. Kind: oracle."""

import json
from pathlib import Path

import jax
import pytest
import yaml

from fisc.core.errors import ConfigError

from . import one_step_ours, reference
from .compare import Mismatch
from .one_step import main, play
from .one_step_config import read, resolve

CONFIGS = sorted((Path(__file__).parent / "configs").glob("one_step_*.yaml"))
QUICK = ("four", "paper", "saez_long", "annealed", "single_action_planner_dictionaries", "isoelastic_half")
"""Together they touch every branch; the others take minutes, nearly all of it compilation."""

needs_reference = pytest.mark.skipif(
    not reference.is_installed(), reason=f"the reference program is missing: {reference.INSTALL}"
)


def short(path: Path) -> str:
    return path.stem.removeprefix("one_step_")


@needs_reference
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=short(path), marks=[] if short(path) in QUICK else pytest.mark.slow) for path in CONFIGS],
)
def test_every_number_agrees(path):
    tally = play(read(path), episodes=20, seed=3)
    jax.clear_caches()  # thirty compiled economies would otherwise stay in memory
    assert tally.steps >= 40
    assert {"observation", "mask", "reward", "state", "tax", "metric"} <= set(tally.by_kind)


@needs_reference
def test_a_wrong_number_is_found(monkeypatch):
    # The comparison itself: a cost of labor that is off by a millionth of itself does not pass.
    build = one_step_ours._preferences
    monkeypatch.setattr(
        one_step_ours, "_preferences", lambda environment: build({**environment, "labor_cost": 0.0005 * (1 + 1e-6)})
    )
    with pytest.raises(Mismatch, match=r"episode 0, step 2: state utility"):
        play(read(CONFIGS[short_names().index("four")]), episodes=3, seed=1)


@needs_reference
def test_the_command_line_reports_a_mismatch_with_code_1(monkeypatch, capsys):
    build = one_step_ours._preferences
    monkeypatch.setattr(one_step_ours, "_preferences", lambda environment: build({**environment, "labor_cost": 0.1}))
    path = str(CONFIGS[short_names().index("four")])
    assert main(["--config", path, "--episodes", "2"]) == 1
    printed = capsys.readouterr().out
    assert "MISMATCH" in printed
    assert "ours:" in printed
    assert "theirs:" in printed


@needs_reference
def test_brackets_that_share_a_name_are_refused():
    with pytest.raises(ConfigError, match="share a name in the reference"):
        play(changed(tax={"usd_scaling": 100_000.0}), episodes=1, seed=1)


@needs_reference
def test_what_the_reference_refuses_is_an_error():
    with pytest.raises(ConfigError, match="refuses the configuration"):
        play(changed(tax={"rate_disc": 2.0}), episodes=1, seed=1)


def short_names():
    return [short(path) for path in CONFIGS]


def changed(environment=(), labor=(), tax=()):
    """The four-citizen configuration with some arguments replaced."""
    env = yaml.safe_load(CONFIGS[short_names().index("four")].read_text())["env"]
    env["components"][0]["SimpleLabor"].update(labor)
    env["components"][1]["PeriodicBracketTax"].update(tax)
    return resolve({**env, **dict(environment)})


@pytest.mark.parametrize(
    "change, message",
    [
        ({"environment": {"scenario_name": "one-step-economi"}}, "did you mean 'one-step-economy'"),
        ({"environment": {"labour_cost": 1.0}}, "did you mean 'labor_cost'"),
        ({"environment": {"planner_reward_type": "utilitarian"}}, "unknown planner_reward_type 'utilitarian'"),
        ({"environment": {"episode_length": 3}}, "episode_length 3 is not a whole number of tax periods of 2"),
        ({"environment": {"n_agents": None}}, "n_agents is missing"),
        ({"environment": {"collate_agent_step_and_reset_data": True}}, "collate_agent_step_and_reset_data"),
        (
            {"environment": {"agent_reward_type": "isoelastic_coin_minus_labor", "isoelastic_eta": 1}},
            "isoelastic_eta 1 is not supported",
        ),
        ({"environment": {"components": []}}, "components must be SimpleLabor, then PeriodicBracketTax"),
        ({"environment": {"components": [{"Gather": {}}]}}, "unknown component 'Gather'"),
        ({"environment": {"components": [{"SimpleLabor": {}, "Build": {}}]}}, "a component is {name: arguments}"),
        ({"labor": {"max_hours": 10}}, "unknown SimpleLabor argument 'max_hours'"),
        ({"tax": {"tax_model": "saes"}}, "did you mean 'saez'"),
        ({"tax": {"rate_max": 0.5}}, "rate_min and rate_max are not supported"),
    ],
)
def test_what_cannot_be_compared_is_named(change, message):
    with pytest.raises(ConfigError, match=message):
        changed(**change)


@pytest.mark.parametrize(
    "name, content, message",
    [
        (None, None, "no configuration file"),
        ("a.yaml", "env: [", "cannot be read"),
        ("a.json", "{", "cannot be read"),
        ("a.toml", "", "neither YAML"),
        ("a.yaml", "general: {}", "no section 'env'"),
    ],
)
def test_a_bad_file_is_an_error_with_code_2(tmp_path, capsys, name, content, message):
    path = tmp_path / (name or "missing.yaml")
    if name is not None:
        path.write_text(content)
    assert main(["--config", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_json_is_read_like_yaml(tmp_path):
    path = CONFIGS[short_names().index("paper")]
    copy = tmp_path / "paper.json"
    copy.write_text(json.dumps(yaml.safe_load(path.read_text())))
    assert read(copy) == read(path)


def test_a_missing_reference_program_is_an_error_that_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setattr(reference, "is_installed", lambda: False)
    assert main(["--config", str(CONFIGS[0])]) == 2
    assert reference.INSTALL in capsys.readouterr().err
