"""A run that is killed at any moment and resumed ends with the same bits as one that was left alone."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from fisc.scenarios import checkpoint

pytestmark = pytest.mark.slow
COMMAND = [
    *(sys.executable, "-m", "fisc.cli.main", "train", "one-step", "--arm", "planner", "--seeds", "2"),
    *("--budget", "smoke", "--set", "economy.workers=9", "--set", "learning.environments=6"),
    *("--set", "learning.citizen.hidden=[8]", "--set", "learning.planner.hidden=[8]"),
    *("--set", "budgets.smoke.planner_updates=60", "--set", "budgets.smoke.block=3"),
]  # fmt: skip
CHECKPOINT = "checkpoints/planner.ckpt"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A compilation cache of this file's own: what is tested is training, not compiling."""
    return os.environ | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("jax"))}


def run(out, environment, *more, **options):
    return subprocess.run(
        [*COMMAND, "--out", str(out), *more], env=environment, capture_output=True, text=True, **options
    )


@pytest.fixture(scope="module")
def whole(cache, tmp_path_factory):
    """A run that was left alone."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run(folder, cache, check=True)
    return folder


def body(path) -> bytes:
    """A checkpoint below its checksum: the note and every array."""
    content = path.read_bytes()
    assert content.startswith(checkpoint.MAGIC)
    return content[len(checkpoint.MAGIC) :].partition(b"\n")[2]


def test_a_killed_and_resumed_run_ends_as_if_nothing_had_happened(whole, cache, tmp_path):
    """Property: SIGKILL at a random moment after the first checkpoint, then --resume; bit for bit."""
    killed = tmp_path / "killed"
    running = subprocess.Popen([*COMMAND, "--out", str(killed)], stdout=subprocess.DEVNULL, env=cache)
    while not (killed / CHECKPOINT).exists():
        assert running.poll() is None, "the run ended before its first checkpoint"
        time.sleep(0.01)
    time.sleep(random.Random(7).uniform(0.0, 0.3))
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert '"running"' in (killed / "status.json").read_text(), "the run was not killed in time: make it longer"
    assert body(killed / CHECKPOINT) != body(whole / CHECKPOINT)

    run(killed, cache, "--resume", check=True)
    assert body(killed / CHECKPOINT) == body(whole / CHECKPOINT)
    for table in ("metrics", "evaluation", "schedules", "groups"):
        assert pl.read_parquet(killed / f"{table}.parquet").equals(pl.read_parquet(whole / f"{table}.parquet")), table


@pytest.mark.parametrize("damage", ["truncated", "one byte changed"])
def test_a_damaged_checkpoint_is_refused_in_one_line(damage, whole, cache, tmp_path):
    """Contract: exit code 2, one line that names the file and the mend; nothing is trained over it."""
    path = shutil.copytree(whole, tmp_path / "run") / CHECKPOINT
    content = path.read_bytes()
    middle = len(content) // 2
    changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes(content[:-100] if damage == "truncated" else changed)
    before = path.read_bytes()
    done = run(tmp_path / "run", cache, "--resume")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"checkpoint {path} is damaged" in done.stderr
    assert "delete" in done.stderr
    assert path.read_bytes() == before
