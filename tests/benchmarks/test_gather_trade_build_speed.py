"""The speed benchmark of Gather-Trade-Build runs and stores what it promises; its numbers mean nothing here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.oracle.reference import is_installed

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gather_trade_build_speed.py"


@pytest.mark.slow
@pytest.mark.skipif(not is_installed(), reason="the reference program is not installed: make oracle")
def test_a_smoke_run_stores_all_numbers_and_the_plot(tmp_path):
    """Property: every number is there and positive, for every mode, and so is the plot."""
    out = tmp_path / "speed.json"
    command = [sys.executable, str(SCRIPT), "--smoke", "--agents", "2", "--curve", "2", "3", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    for mode in ("step", "observe", "policy"):
        row = found["agents"]["2"][mode]
        assert min(row["ratio"].values()) > 0, mode
        assert row["ours"]["trace_and_compile_seconds"] > 0, mode
    assert found["agents"]["2"]["memory_per_environment"]["state_bytes"] > 1000
    assert [row["agents"] for row in found["curve"]] == [2, 3]
    assert all(out.with_suffix(ending).stat().st_size > 1000 for ending in (".png", ".svg"))
