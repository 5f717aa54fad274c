"""Training that breaks down says where, keeps its state and leaves a run folder that says so. Kind: contract."""

import json
import os

import pytest

from fisc.cli.main import main
from fisc.scenarios import checkpoint

SMALL = {
    "economy.workers": 7,
    "learning.environments": 4,
    "learning.citizen.hidden": [4],
    "learning.planner.hidden": [4],
    "budgets.smoke.updates": 6,
    "budgets.smoke.block": 2,
}


def words(out, **changed):
    pairs = {**SMALL, **{key.replace("__", "."): value for key, value in changed.items()}}
    sets = [word for key, value in pairs.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    fixed = ["--arms", "free_market", "--seeds", "1", "--budget", "smoke"]
    return ["compare", "one-step", *fixed, "--out", str(out), *sets]


@pytest.fixture(autouse=True)
def environment():
    """The command line prepares jax by environment variables, which must not outlive a test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.slow
def test_a_number_that_is_not_finite_stops_training_and_says_where(tmp_path, capsys):
    # A learning rate of 10^30 makes parameters of that size, whose products overflow single precision.
    run = tmp_path / "run"
    too_fast = {"learning__citizen__learning_rate": 1e30, "learning__citizen__kl_limit": 1e30}
    assert main(words(run, **too_fast)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for part in ("training stopped: citizen/", "not finite", "arm free_market, seed 0, update ", "learning rate"):
        assert part in said
    status = json.loads((run / "status.json").read_text())
    assert status["state"] == "stopped"
    assert status["reason"] in said
    kept = run / "checkpoints" / "fixed-stopped.ckpt"
    assert kept.read_bytes().startswith(checkpoint.MAGIC)
    assert "checkpoints/fixed-stopped.ckpt" in said
    assert not (run / "summary.json").exists(), "nothing is concluded from it"
