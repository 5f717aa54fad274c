"""Gather-Trade-Build against the reference program, step by step, on every stored configuration. Kind: oracle."""

import dataclasses
import os
from pathlib import Path

import jax
import pytest

from fisc.core.errors import ConfigError
from fisc.scenarios.kinds import gather_trade_build as kind

from . import gtb_config, gtb_reference, reference
from .compare import Mismatch
from .gather_trade_build import main, play

FOLDER = Path(__file__).parent / "configs" / "gather_trade_build"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
QUICK = ("multi_action_unflattened", "uniform_halfwidth_2", "wealth_redistribution_after_taxes")
"""Together they touch every event; the others take half an hour, nearly all of it compilation."""
PLAYED = CONFIGS if os.environ.get("FISC_EVERY_CONFIGURATION") else [p for p in CONFIGS if p.stem in QUICK]
"""FISC_EVERY_CONFIGURATION=1 plays all of them."""

needs_reference = pytest.mark.skipif(
    not reference.is_installed(), reason=f"the reference program is missing: {reference.INSTALL}"
)


def config(name: str) -> gtb_config.Setup:
    return gtb_config.resolve(gtb_reference.read(FOLDER / f"{name}.yaml"))


@needs_reference
@pytest.mark.parametrize(
    "name", [pytest.param(p.stem, id=p.stem, marks=[] if p.stem in QUICK else pytest.mark.slow) for p in PLAYED]
)
def test_every_number_agrees(name):
    tally = play(config(name), episodes=1, seed=3)
    jax.clear_caches()  # seventy compiled economies would otherwise stay in memory
    assert tally.steps >= 25
    assert {"observation", "mask", "reward", "map", "citizen", "utility", "metric"} <= set(tally.by_kind)


@needs_reference
def test_a_wrong_number_is_found_and_reported_with_code_1(monkeypatch, capsys):
    # The comparison itself: a cost of moving that is off by a millionth of itself does not pass.
    rules = kind.rules

    def tampered(config):
        gathering = rules(config).gathering
        return dataclasses.replace(
            rules(config), gathering=dataclasses.replace(gathering, move_labor=gathering.move_labor * (1 + 1e-6))
        )

    monkeypatch.setattr(kind, "rules", tampered)
    path = str(FOLDER / "gather_only.yaml")
    assert main(["--config", path, "--episodes", "1"]) == 1
    assert "citizen labor" in capsys.readouterr().out
    with pytest.raises(Mismatch):
        play(config("gather_only"), episodes=1, seed=1)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"scenario_name": "one-step-economy"}, "unknown scenario"),
        ({"components": [{"SimpleLabor": {}}]}, "unknown component 'SimpleLabor'"),
        ({"components": [{"WealthRedistribution": {}}]}, "must have Gather or Build"),
        ({"isoelastic_eta": 1}, "isoelastic_eta 1 cannot be compared"),
        ({"episode_length": 99}, "episode_length 99 is not a whole number of tax periods of 25"),
    ],
)
def test_what_cannot_be_compared_is_named(change, message):
    env = gtb_reference.read(FOLDER / "map_mixed_15.yaml")
    with pytest.raises(ConfigError, match=message):
        gtb_config.resolve({**env, **change})


def test_a_missing_file_is_an_error_with_code_2(capsys):
    assert main(["--config", "nowhere.yaml"]) == 2
    assert "no configuration file" in capsys.readouterr().err
