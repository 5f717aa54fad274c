"""The benchmark of learning in a given time; its numbers mean nothing here."""

import json
import subprocess
import sys

import pytest

from tests.scripts import ROOT, load_script

PLACE = "benchmarks/learning_for_time.py"


@pytest.mark.parametrize("speed, updates", [(12_800.0, 300), (1_280.0, 32), (1.0, 4)])
def test_a_slower_network_gets_fewer_updates(monkeypatch, speed, updates):
    """By hand: ten minutes at 12,800 steps a second are 300 updates of 25,600 steps; four blocks at the least."""
    bench, asked = load_script(PLACE), []

    def apart(devices, what, script=None):
        """The speed, for the script of speeds."""
        asked.append((what, script))
        return {"steps_per_second": speed, "steps_per_update": 25_600}

    monkeypatch.setattr(bench.training_speed, "apart", apart)
    bench.measure("default", 10.0, {"seeds": 2, "environments": 128, "tiny": False})
    (first, _), (second, script) = asked
    assert first["options"]["arm"] == "free_market" and second["updates"] == updates and script == bench.__file__


@pytest.mark.slow
def test_what_is_learned_is_judged_for_every_seed():
    """Property: metrics of every seed, and times, for a tiny economy."""
    options = {"seeds": 2, "environments": 2, "updates": 1, "windows": 1, "tiny": True}
    what = {"network": "default", "updates": 4, "devices": 2, "options": options}
    command = [sys.executable, str(ROOT / PLACE), "--apart", json.dumps(what)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout.splitlines()[-1])
    assert all(len(row[name]) == 2 for name in ("equality_times_productivity", "productivity", "equality"))
    assert row["updates"] == 4 and row["environment_steps"] == 32 and row["training_seconds"] > 0
