"""The benchmark of learning in a given time; its numbers mean nothing here."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "learning_for_time.py"


def load(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("learning_for_time", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("speed, updates", [(12_800.0, 300), (1_280.0, 30), (1.0, 1)])
def test_a_slower_network_gets_fewer_updates(monkeypatch, speed, updates):
    """By hand: an update of two seeds plays 25,600 steps; ten minutes at 12,800 steps a second are 300 updates."""
    bench, asked = load(monkeypatch), []
    monkeypatch.setattr(bench.training_speed, "apart", lambda *_: {"steps_per_second": speed})
    monkeypatch.setattr(bench, "apart", asked.append)
    bench.measure("default", 10.0, {"seeds": 2, "environments": 128, "tiny": False})
    assert asked[0]["updates"] == updates


@pytest.mark.slow
def test_what_is_learned_is_judged_for_every_seed():
    """Property: metrics of every seed, and times, for a tiny economy."""
    options = {"seeds": 2, "environments": 2, "updates": 1, "windows": 1, "tiny": True}
    what = {"network": "default", "updates": 2, "devices": 2, "options": options}
    command = [sys.executable, str(SCRIPT), "--apart", json.dumps(what)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout.splitlines()[-1])
    assert all(len(row[name]) == 2 for name in ("equality_times_productivity", "productivity", "equality"))
    assert row["updates"] == 2 and row["environment_steps"] == 16 and row["training_seconds"] > 0
