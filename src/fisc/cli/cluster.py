"""The points of a sweep as jobs of a cluster, through submitit: of Slurm, or of this machine to try it out.

What each job asks for stands in the section [cluster] of the job file, in submitit's words. Needs the extra `cluster`.
"""

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fisc.cli import workers
from fisc.core.errors import ConfigError

DEFAULTS = {"name": "fisc", "timeout_min": 24 * 60, "stderr_to_stdout": True}
"""Of [cluster]. A job that runs out of time is put into the queue again by submitit, three times."""
ONE = ("nodes", "tasks_per_node")
"""What a comparison cannot use more than one of: each task would be the same comparison."""
INTERRUPTED = 130
"""The exit code of a comparison that was."""
PATIENCE = 60.0
"""Seconds in which a cluster may say that a job is cancelled."""


@dataclass(frozen=True)
class Comparison:
    """What a job does: one comparison, in a process of its own that outlives it only to write down where it is."""

    command: tuple[str, ...]
    log: Path
    hold: Path
    """A folder that no other job may hold while this one works."""

    def __call__(self) -> int:
        """Run it, or go on with it, to the end and return its exit code."""
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
        self.hold.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as file, workers.locked(self.hold) as lock:
            process = workers.begin(self.command, environment, file, lock)
            try:
                return process.wait()
            finally:
                if process.poll() is None:  # this job ends before its time
                    process.terminate()
                    process.wait()

    def checkpoint(self):
        """What to do after time ran out or another job went first: the same, which goes on from the last checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class Job:
    """A comparison that a cluster runs: a `workers.Worker`.

    Args:
        executor: see `executor_of`.
        arguments: of `fisc`.
        log: what the comparison says.
        hold: a folder for this point alone.
    """

    def __init__(self, executor, arguments: Sequence[str], log: Path, hold: Path):
        self.log, self.job, self.until = log, None, None
        words = arguments if "--resume" in arguments else (*arguments, "--resume")  # a cluster may begin a job anew
        self._say(f"$ fisc {shlex.join(words)}")
        task = Comparison(tuple(workers.command_of(words)), log.resolve(), hold.resolve())
        try:
            self.job = executor.submit(task)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:  # one that is refused stops no other
            self._say(f"not submitted: {_said_last(str(error))}")

    def poll(self) -> int | None:
        """Exit code; None while it waits or works. What a cluster says about a job that it ended goes into the log."""
        if self.job is None:
            return 1
        if self.until is not None:  # submitit would wait for a result that never comes
            return INTERRUPTED if self.job.done() or time.monotonic() > self.until else None
        if not self.job.done():
            return None
        try:
            return self.job.result()
        except Exception as error:
            self._say(f"job {self.job.job_id} ended as {self.job.state}: {_said_last(str(error))}")
            return 1

    def stop(self) -> None:
        """Cancel it."""
        if self.job is None:
            return
        self.until = self.until or time.monotonic() + PATIENCE
        with contextlib.suppress(subprocess.SubprocessError, OSError):  # it may have ended by itself
            self.job.cancel(check=False)
        self.job.watcher.clear()  # which else asks a cluster every ten minutes

    def kill(self) -> None:
        """Cancel it; a cluster knows only one way."""
        self.stop()

    def _say(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            print(text, file=file)


def _said_last(error: str) -> str:
    """What matters of an error of submitit: the end of a job's traceback, or the first line if it has none.

    >>> _said_last("Job failed with trace:\\n-----\\nTraceback\\nRuntimeError: no room\\n\\n-----\\nYou can check logs")
    'RuntimeError: no room'
    """
    lines = [line.strip() for line in error.splitlines() if line.strip()] or ["for no reason that was given"]
    ends = [number for number, line in enumerate(lines) if not line.strip("-")]
    return lines[ends[-1] - 1] if len(ends) > 1 else lines[0]


def executor_of(cluster: str, folder: Path, wanted: Mapping[str, Any]):
    """What submits jobs.

    Args:
        cluster: `slurm` or `local`.
        folder: where submitit keeps its files.
        wanted: the section [cluster] of the job file.

    Raises:
        ConfigError: submitit or Slurm is missing, or what is wanted cannot be had. What only the cluster itself can
            tell, such as an unknown partition, is found out when a job is submitted.
    """
    # By default its import sets up logging for the whole process, and closes what others have set up.
    os.environ.setdefault("SUBMITIT_LOG_LEVEL", "NOCONFIG")
    try:
        import submitit
    except ImportError:
        raise ConfigError(
            "--cluster needs the package submitit, which is not installed: pip install 'fisc[cluster]'"
        ) from None
    for key, value in wanted.items():
        if key.removeprefix("slurm_") in ONE and value != 1:
            raise ConfigError(f"{key} in [cluster] is {value!r}: each point is one task on one node; leave it out")
    try:
        executor = submitit.AutoExecutor(folder, cluster=cluster)
    except RuntimeError:
        raise ConfigError(
            f"--cluster {cluster}: there is no srun on this machine; start the sweep where jobs are submitted"
        ) from None
    try:
        executor.update_parameters(**{**DEFAULTS, **wanted})
    except (NameError, AssertionError, TypeError, ValueError) as error:
        raise ConfigError(f"[cluster] of the job file: {str(error).splitlines()[0]}") from None
    return executor


@contextlib.contextmanager
def environment_as(given: Mapping[str, str]) -> Iterator[None]:
    """With these environment variables alone: jobs get those of the process that submits them."""
    before = dict(os.environ)
    _set_environment(given)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(wanted: Mapping[str, str]) -> None:
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
