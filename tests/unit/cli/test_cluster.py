"""`fisc sweep --cluster`: points as jobs of submitit, on its stand-in for a cluster. Kind: contract, expected by hand.

The comparisons are played by a script, as in `test_sweep`. No Slurm was at hand: what Slurm itself does is submitit's.
"""

import os
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from fisc.cli import cluster, sweeping, workers
from fisc.cli.main import main
from fisc.core.errors import ConfigError

from .test_sweep import GRID, actor, alive, environment, played, states  # noqa: F401 - fixtures

WANTED = "[cluster]\ntimeout_min = 5\nslurm_partition = 'gpu'\n"


def sweep(text, *words):
    Path("job.toml").write_text(text)
    return main(["sweep", "job.toml", "--cluster", "local", *words])


@pytest.mark.usefixtures("actor")
def test_points_are_jobs_and_the_table_is_the_same(monkeypatch, capsys):
    # By hand as in test_sweep: 77.5, 97.5 and 37.5. The flags are the user's, not those of the process that submits.
    monkeypatch.setenv("XLA_FLAGS", "--as-the-user-has-it")
    assert sweep(GRID + WANTED) == 0
    said = capsys.readouterr().out
    assert "3 points; 3 at a time as jobs of local" in said
    assert pl.read_parquet("runs/job/sweep.parquet")["mean"].to_list() == pytest.approx([77.5, 97.5, 37.5])
    assert {flags for _, _, flags, _ in played()} == {"--as-the-user-has-it"}
    assert Path("runs/job/logs/flat_rate=0.2.log").read_text().splitlines()[1] == "playing"


@pytest.mark.usefixtures("actor")
def test_a_job_that_fails_is_reported_and_stops_no_other(monkeypatch, capsys):
    monkeypatch.setenv("PLAY_FAILURE", "error")
    assert sweep(GRID, "--jobs", "2") == 1
    assert states() == {"flat_rate=0.2": "finished", "flat_rate=0.4": "failed", "flat_rate=0.6": "finished"}
    assert "failed: flat_rate=0.4: training stopped: welfare is nan" in capsys.readouterr().out


@pytest.mark.usefixtures("actor")
def test_ctrl_c_cancels_the_jobs(monkeypatch):
    monkeypatch.setenv("PLAY_SECONDS", "60")

    def interrupt(board, running):
        if len(running) == 3 and all(workers.last_line(worker.log) == "playing" for worker in running.values()):
            raise KeyboardInterrupt

    monkeypatch.setattr(sweeping.Board, "look", interrupt)
    assert sweep(GRID) == 130
    assert set(states().values()) == {"stopped"}
    until = time.monotonic() + 10
    while any(alive(int(process)) for *_, process in played()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(alive(int(process)) for *_, process in played())


PATIENT = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
print(sys.argv[1:], flush=True)
if "--resume" not in sys.argv:
    time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the job's process by /proc")
def test_a_job_whose_place_is_taken_goes_on_where_it_was(tmp_path, monkeypatch):
    # submitit sends the signal that Slurm sends before it takes a job's place, and puts the job into the queue again.
    (tmp_path / "patient.py").write_text(PATIENT)
    monkeypatch.setattr(workers, "command_of", lambda words: [sys.executable, str(tmp_path / "patient.py"), *words])
    executor = cluster.executor_of("local", tmp_path / "jobs", {"timeout_min": 5})
    with cluster.environment_as(os.environ):
        job = cluster.Job(executor, ["compare"], tmp_path / "log")
    try:
        wait_for(lambda: workers.last_line(job.log) == "['compare']")
        assert job.poll() is None
        os.kill(worker_of(job), cluster_signal())
        wait_for(lambda: job.poll() is not None)
        assert job.poll() == 0
        assert workers.last_line(job.log) == "['compare', '--resume']"
    finally:
        job.kill()


def worker_of(job) -> int:
    """The process that submitit's controller has started for a job."""
    children = Path(f"/proc/{job.job.job_id}/task/{job.job.job_id}/children")
    return int(children.read_text().split()[0])


def cluster_signal():
    from submitit.core.job_environment import JobEnvironment

    return JobEnvironment._usr_sig()


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def test_a_job_that_a_cluster_ended_says_so_in_its_log(tmp_path):
    class Lost:
        job_id, state = "17", "OUT_OF_MEMORY"

        def done(self):
            return True

        def result(self):
            raise RuntimeError("no output\nand a long story")

    job = cluster.Job.__new__(cluster.Job)
    job.log, job.is_cancelled, job.job = tmp_path / "log", False, Lost()
    assert job.poll() == 1
    assert workers.why_failed(1, job.log) == "job 17 ended as OUT_OF_MEMORY: no output"


@pytest.mark.parametrize(
    "where, wanted, expected",
    [
        ("local", {"slurm_partitoin": "gpu"}, "Unknown argument 'partitoin' for executor 'slurm'"),
        ("local", {"cpus": 4}, "need to be prefixed"),
        ("local", {"timeout_min": "long"}, 'Parameter "timeout_min" expected type'),
        ("local", {"nodes": 2}, "only one node"),
        ("slurm", {}, "there is no srun on this machine"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused(where, wanted, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=expected):
        cluster.executor_of(where, tmp_path / "jobs", wanted)


def test_without_submitit_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r"pip install 'fisc\[cluster\]'"):
        cluster.executor_of("local", tmp_path, {})


def test_the_section_must_be_a_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert sweep("cluster = 3\n" + GRID) == 2
    assert "cluster is 3: it must be a table, [cluster]" in capsys.readouterr().err
