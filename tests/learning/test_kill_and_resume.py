"""A run that is killed at any moment and resumed ends with the same bits as one that was left alone."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from fisc.scenarios import checkpoint

COMMAND = [
    *(sys.executable, "-m", "fisc.cli.main", "compare", "one-step", "--arms", "planner", "--seeds", "2"),
    *("--budget", "smoke", "--set", "economy.workers=9", "--set", "learning.environments=6"),
    *("--set", "budgets.smoke.planner_updates=60", "--set", "budgets.smoke.block=3"),
]  # fmt: skip


def leaves(path):
    """The bytes of a checkpoint below its checksum."""
    content = path.read_bytes()
    assert content.startswith(checkpoint.MAGIC)
    return content.split(b"\n", 3)


@pytest.mark.slow
def test_a_killed_and_resumed_run_has_the_same_parameters_bit_for_bit(tmp_path):
    """Property: SIGKILL at a random moment after the first checkpoint, then --resume, equals an uninterrupted run."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*COMMAND, "--out", str(whole)], check=True, capture_output=True, env=environment)

    name = "checkpoints/planner.ckpt"
    running = subprocess.Popen([*COMMAND, "--out", str(killed)], stdout=subprocess.DEVNULL, env=environment)
    while not (killed / name).exists():
        assert running.poll() is None, "the run ended before its first checkpoint"
        time.sleep(0.02)
    time.sleep(random.Random(7).uniform(0.0, 0.5))
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    if (killed / "status.json").read_text().find('"finished"') >= 0:
        pytest.fail("the run finished before it was killed: make it longer")
    subprocess.run([*COMMAND, "--out", str(killed), "--resume"], check=True, capture_output=True, env=environment)

    assert leaves(whole / name)[1:] == leaves(killed / name)[1:]


@pytest.mark.slow
def test_a_truncated_checkpoint_is_refused_in_one_line(tmp_path):
    """Contract: exit code 2, one line that names the file and the mend."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    short = [word.replace("planner_updates=60", "planner_updates=3") for word in COMMAND]
    subprocess.run([*short, "--out", str(tmp_path / "run")], check=True, capture_output=True, env=environment)
    path = tmp_path / "run" / "checkpoints" / "planner.ckpt"
    path.write_bytes(path.read_bytes()[:-100])
    done = subprocess.run(
        [*short, "--out", str(tmp_path / "run"), "--resume"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2
    assert "damaged" in done.stderr and "planner.ckpt" in done.stderr and done.stderr.count("\n") == 1
