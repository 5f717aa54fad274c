"""The soak of `benchmarks/gather_trade_build_soak.py`, for some seconds. Kind of every test: property."""

import importlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[4] / "benchmarks"


@pytest.fixture
def soak(monkeypatch):
    """The script as a module; what it does to the process is undone."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"])
    return importlib.import_module("gather_trade_build_soak")


def test_a_short_soak_finds_nothing_broken(soak, tmp_path, capsys):
    """Property: random worlds keep their promises, and enough goes on in them to tell."""
    assert soak.main(["--smoke", "--out", str(tmp_path / "soak.json")]) == 0
    found = json.loads((tmp_path / "soak.json").read_text())
    assert found == json.loads(capsys.readouterr().out)
    assert found["violations"] == 0
    assert found["steps"] >= 20_000
    assert found["checks"] == found["steps"] * found["shapes"][0]["promises"]
    assert min(found["shapes"][0]["activity"].values()) > 100


def test_a_broken_promise_is_told_with_the_environment_and_the_step_that_show_it(soak, monkeypatch, capsys):
    """Property: made up, since nothing is broken: environment 3 of the first batch lost goods at step 17, twice."""

    def play(numbers):
        lost = np.where(np.asarray(numbers) == 3, 2, 0)
        return {"goods": lost}, {"goods": np.full(lost.shape, 17)}, {"houses": lost}

    monkeypatch.setattr(soak, "inspector", lambda shape, seed: play)
    assert soak.main(["--smoke", "--steps", "50000"]) == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["violations"] == 1
    assert found["steps"] == 51_200
    expected = {"promise": "goods", "environment": 3, "step": 17, "times": 2}
    assert found["shapes"][0]["first_violations"] == [expected]
    assert found["shapes"][0]["shape"]["citizens"] == 4
    assert "1 promises were broken" in captured.err
