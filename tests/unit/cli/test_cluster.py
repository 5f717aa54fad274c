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
from fisc.core.errors import ConfigError, RunError

from .test_sweep import GRID, actor, alive, environment, played, states  # noqa: F401 - fixtures

WANTED = "[cluster]\ntimeout_min = 5\nslurm_partition = 'gpu'\n"


def sweep(text, *words, where="local"):
    Path("job.toml").write_text(text)
    return main(["sweep", "job.toml", "--cluster", where, *words])


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
def stop(*_):
    begun.write_text("")
    sys.exit(130)
begun = pathlib.Path(sys.argv[2])
signal.signal(signal.SIGTERM, stop)
print(sys.argv[3:], "going on" if begun.exists() else "begun", flush=True)
if not begun.exists():
    time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the job's process by /proc")
def test_a_job_whose_place_is_taken_goes_on_where_it_was(tmp_path, monkeypatch):
    # submitit sends the signal that Slurm sends before it takes a job's place, and puts the job into the queue again.
    (tmp_path / "patient.py").write_text(PATIENT)
    patient = [sys.executable, str(tmp_path / "patient.py"), "--", str(tmp_path / "begun")]
    monkeypatch.setattr(workers, "command_of", lambda words: [*patient, *words])
    executor = cluster.executor_of("local", tmp_path / "jobs", {"timeout_min": 5})
    with cluster.environment_as(os.environ):
        job = cluster.Job(executor, ["compare"], tmp_path / "log", tmp_path / "held")
    try:
        wait_for(lambda: workers.last_line(job.log) == "['compare', '--resume'] begun")
        assert job.poll() is None
        time.sleep(1)  # so that the job, too, knows that it has begun
        os.kill(worker_of(job), cluster_signal())
        wait_for(lambda: job.poll() is not None)
        assert job.poll() == 0
        assert workers.last_line(job.log) == "['compare', '--resume'] going on"
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


TRACE = """Job (task=0) failed during processing with trace:
----------------------
Traceback (most recent call last):
  File "submission.py", line 72, in submitit_main
submitit.core.utils.UncompletedJobError: Job not requeued because: timed-out too many times.

----------------------
You can check full logs with 'job.stderr(0)'"""


@pytest.mark.parametrize(
    "error, said",
    [
        (TRACE, "submitit.core.utils.UncompletedJobError: Job not requeued because: timed-out too many times."),
        ("Job 17 has not produced any output\nand a long story", "Job 17 has not produced any output"),
    ],
)
def test_a_job_that_a_cluster_ended_says_so_in_its_log(error, said, tmp_path):
    class Lost:
        job_id, state = "17", "OUT_OF_MEMORY"

        def done(self):
            return True

        def result(self):
            raise RuntimeError(error)

    class Executor:
        def submit(self, task):
            return Lost()

    job = cluster.Job(Executor(), ["compare"], tmp_path / "log", tmp_path / "held")
    assert job.poll() == 1
    assert workers.why_failed(1, job.log) == f"job 17 ended as OUT_OF_MEMORY: {said}"


def test_a_job_that_is_refused_fails_alone(tmp_path):
    # As where a partition is unknown, which only the cluster can tell.
    class Executor:
        def submit(self, task):
            raise RuntimeError("sbatch: error: invalid partition specified: gpu\nand more")

    job = cluster.Job(Executor(), ["compare"], tmp_path / "log", tmp_path / "held")
    job.stop()
    assert job.poll() == 1
    assert workers.why_failed(1, job.log) == "not submitted: sbatch: error: invalid partition specified: gpu"


def test_two_jobs_never_work_on_one_point(tmp_path):
    # As after kill -9 of a sweep whose jobs go on.
    task = cluster.Comparison((sys.executable, "-c", "print('playing')"), tmp_path / "log", tmp_path / "held")
    task.hold.mkdir()
    with workers.locked(task.hold), pytest.raises(RunError, match="another sweep"):
        task()
    assert task() == 0
    assert task.log.read_text() == "playing\n"


@pytest.mark.parametrize(
    "where, wanted, expected",
    [
        ("local", "slurm_partitoin = 'gpu'", "Unknown argument 'partitoin' for executor 'slurm'"),
        ("local", "cpus = 4", "need to be prefixed"),
        ("local", "timeout_min = 'long'", 'Parameter "timeout_min" expected type'),
        ("local", "nodes = 2", "nodes in [cluster] is 2: each point is one task on one node"),
        ("slurm", "slurm_tasks_per_node = 2", "each point is one task on one node"),
        ("slurm", "", "there is no srun on this machine"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused_first(where, wanted, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    for words in ([], ["--dry-run"]):
        assert sweep(f"{GRID}[cluster]\n{wanted}\n", *words, where=where) == 2
        assert expected in capsys.readouterr().err
    assert not Path("runs").exists()


def test_without_submitit_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r"pip install 'fisc\[cluster\]'"):
        cluster.executor_of("local", tmp_path, {})


def test_the_section_must_be_a_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert sweep("cluster = 3\n" + GRID) == 2
    assert "cluster is 3: it must be a table, [cluster]" in capsys.readouterr().err
