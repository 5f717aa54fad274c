"""`--distributed`: several processes train one run, and the first one keeps the books."""

import os
import subprocess
import sys
import time

import jax
import polars as pl
import pytest

import fisc
from fisc.cli.main import main
from fisc.core.errors import ConfigError
from fisc.learning import processes
from fisc.records.store import RunFolder

SMALL = {
    "economy.workers": 8,
    "learning.environments": 4,
    "budgets.smoke.updates": 2,
    "budgets.smoke.planner_updates": 4,
    "budgets.smoke.block": 2,
}
ARMS = "planner,free_market,saez"
WHAT = {"arms": ARMS.split(","), "seeds": 1, "budget": "smoke", "overrides": SMALL, "draw": False}


class Stopped(Exception):
    """A run is cut off."""


def as_slurm_would(out, index, *more):
    """Start one of two processes of a job, on this machine. Job numbers make the port."""
    told = {"JOB_ID": str(os.getpid()), "STEP_NODELIST": "127.0.0.1", "NTASKS": "2", "PROCID": str(index)}
    given = os.environ | {f"SLURM_{name}": value for name, value in told.items()} | {"SLURM_LOCALID": str(index)}
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=1"
    settings = [argument for key, value in SMALL.items() for argument in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "fisc.cli.main", "compare", "one-step", "--arms", ARMS]
    command += ["--seeds", "1", "--budget", "smoke", "--out", str(out), "--distributed", "auto", *settings, *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=given | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}, **pipes)


def all_of(processes):
    """Exit code and output of each; none is left running."""
    processes = list(processes)
    try:
        told = [process.communicate(timeout=200) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(processes, told, strict=True)]


@pytest.mark.slow
def test_two_processes_go_on_with_a_run_that_one_began_and_find_what_one_finds(tmp_path):
    # Contract, to rounding. What is evaluated and recorded is compared, not the checkpoints.
    alone, together = tmp_path / "alone", tmp_path / "together"
    fisc.compare("one-step", out=alone, **WHAT)

    def stop(report):
        raise Stopped

    with pytest.raises(Stopped):
        fisc.compare("one-step", out=together, say=stop, **WHAT)
    assert RunFolder.open(together).read_json("status.json")["state"] == "stopped"
    ended = all_of(as_slurm_would(together, index, "--resume") for index in range(2))
    assert [code for code, _, _ in ended] == [0, 0], ended
    said = [out for _, out, _ in ended]
    assert "planner" in said[0] and "report" in said[0]
    assert [line for line in said[1].splitlines() if "Gloo" not in line] == []
    folder, single = RunFolder.open(together), RunFolder.open(alone)
    assert folder.read_json("status.json")["state"] == "finished"
    for name in ("metrics", "evaluation", "schedules"):
        ours, theirs = folder.read_table(name), single.read_table(name)
        number = "rate" if name == "schedules" else "value"
        keys = [column for column in ours.columns if column not in (number, "occupancy")]
        both = ours.join(theirs, on=keys, how="full", nulls_equal=True, suffix="_alone")
        assert len(both) == len(ours) == len(theirs) > 0
        gap = (pl.col(number) - pl.col(f"{number}_alone")).abs() / (1e-2 + pl.col(f"{number}_alone").abs())
        assert both.select(gap.max()).item() < 2e-3, name


@pytest.mark.slow
def test_an_error_of_the_first_process_ends_both_at_once(tmp_path):
    # What is in the way is seen by the first process alone; the other would wait for it.
    out = tmp_path / "taken"
    out.mkdir()
    (out / "file").touch()
    started = time.perf_counter()
    (code, _, errors), (other, _, _) = all_of(as_slurm_would(out, index) for index in range(2))
    assert code == 2
    assert "fisc: error" in errors
    assert other != 0
    assert time.perf_counter() - started < 100


PLACES = ["node1", "node1:80", "node1:80,2", "127.0.0.1:80,2,2", "node1:80,2,-1", ":80,2,0", "127.0.0.1:99999,2,0"]


@pytest.mark.parametrize("given", PLACES)
def test_a_place_that_makes_no_sense_is_refused(given, tmp_path, capsys):
    assert main(["compare", "one-step", "--out", str(tmp_path / "run"), "--distributed", given]) == 2
    assert f"--distributed {given}: expected the first process's HOST:PORT" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_host_that_nobody_knows_is_refused(tmp_path, capsys):
    given = "no-such-host.invalid:4321,2,1"
    assert main(["compare", "one-step", "--out", str(tmp_path / "run"), "--distributed", given]) == 2
    assert "no host no-such-host.invalid is known here" in capsys.readouterr().err


def test_without_a_job_around_it_says_how_to_start_one(tmp_path):
    # In a process of its own: jax can be told only before it is used.
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "OMPI_", "JAX_COORD"))}
    command = [sys.executable, "-m", "fisc.cli.main", "compare", "one-step", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [*command, "--distributed", "auto"], env=alone, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 2
    assert "start all of them under Slurm or Open MPI" in done.stderr
    assert not (tmp_path / "run").exists()


def test_processes_whose_devices_do_not_divide_the_environments_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "device_count", lambda: 3)
    monkeypatch.setattr(processes, "agree", lambda what: True)
    with pytest.raises(ConfigError, match=r"4 environments.*3 devices of 2 processes.*multiple of 3"):
        fisc.compare("one-step", out=tmp_path / "run", **WHAT)
    assert not (tmp_path / "run").exists()


def test_processes_that_were_started_for_different_runs_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "agree", lambda what: False)
    with pytest.raises(ConfigError, match="give all of them the same command"):
        fisc.compare("one-step", out=tmp_path / "run", **WHAT)
    assert not (tmp_path / "run").exists()
