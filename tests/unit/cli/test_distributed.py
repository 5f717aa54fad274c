"""`--distributed`: several processes train one run, and the first one keeps the books."""

import os
import subprocess
import sys

import jax
import polars as pl
import pytest

import fisc
from fisc.cli.main import main
from fisc.core.errors import ConfigError
from fisc.learning.train import compile_block
from fisc.learning.two_level import TwoLevel
from fisc.records.store import RunFolder

SMALL = {
    "economy.workers": 8,
    "learning.environments": 4,
    "budgets.smoke.updates": 2,
    "budgets.smoke.planner_updates": 4,
    "budgets.smoke.block": 2,
}
WHAT = {"arms": ["planner", "free_market"], "seeds": 1, "budget": "smoke", "overrides": SMALL, "draw": False}


class Stopped(Exception):
    """A run is cut off."""


def as_slurm_would(out, index):
    """Start one of two processes of a job, on this machine. Job numbers make the port."""
    told = {"JOB_ID": str(os.getpid()), "STEP_NODELIST": "127.0.0.1", "NTASKS": "2", "PROCID": str(index)}
    given = os.environ | {f"SLURM_{name}": value for name, value in told.items()} | {"SLURM_LOCALID": str(index)}
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=1"
    settings = [argument for key, value in SMALL.items() for argument in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "fisc.cli.main", "compare", "one-step", "--arms", "planner,free_market"]
    command += ["--seeds", "1", "--budget", "smoke", "--out", str(out), "--resume", "--distributed", *settings]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=given | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}, **pipes)


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
    said = []
    for process in [as_slurm_would(together, index) for index in range(2)]:
        out, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors[-3000:]
        said.append(out)
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


@pytest.mark.parametrize("given", ["node1", "node1:80", "node1:80,2", "node1:80,2,2", "node1:80,2,-1", ":80,2,0"])
def test_a_place_that_makes_no_sense_is_refused(given, tmp_path, capsys):
    assert main(["compare", "one-step", "--out", str(tmp_path / "run"), f"--distributed={given}"]) == 2
    assert f"--distributed {given}: expected the first process's HOST:PORT" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_without_a_job_around_it_says_how_to_start_one(tmp_path, capsys, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("SLURM_", "OMPI_", "JAX_COORDINATOR"))]:
        monkeypatch.delenv(name)
    assert main(["compare", "one-step", "--out", str(tmp_path / "run"), "--distributed"]) == 2
    assert "start all of them under Slurm or Open MPI" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_processes_whose_devices_do_not_divide_the_environments_are_refused(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "device_count", lambda: 4)
    with pytest.raises(ConfigError, match=r"6 environments.*4 devices of 2 processes.*multiple of 4"):
        compile_block(TwoLevel({}, lambda progress: None, 1, 6), 1, 1)
