"""The points of a sweep as jobs of a cluster, through submitit: of Slurm, or of this machine to try it out.

What each job asks for stands in the section [cluster] of the job file, in submitit's words. Needs the extra `cluster`.
"""

import contextlib
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fisc.cli import workers
from fisc.core.errors import ConfigError

CLUSTERS = ("slurm", "local")
DEFAULTS = {"name": "fisc", "timeout_min": 24 * 60, "stderr_to_stdout": True}
"""Of [cluster]. A job that runs out of time is put into the queue again by submitit, three times."""

INTERRUPTED = 130
"""The exit code of a comparison that was."""


@dataclass(frozen=True)
class Comparison:
    """What a job does: one comparison, in a process that can be asked to stop and write down where it is."""

    command: tuple[str, ...]
    log: Path

    def __call__(self) -> int:
        """Run it to the end and return its exit code."""
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
        with self.log.open("a", encoding="utf-8") as file:
            print(f"$ {shlex.join(self.command)}", file=file, flush=True)
            process = subprocess.Popen(
                self.command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            )
            try:
                return process.wait()
            finally:
                if process.poll() is None:  # this job ends before its time
                    process.terminate()
                    process.wait()

    def checkpoint(self):
        """What to do after time ran out or another job went first: go on from the last checkpoint."""
        from submitit.helpers import DelayedSubmission

        words = self.command if "--resume" in self.command else (*self.command, "--resume")
        return DelayedSubmission(replace(self, command=words))


class Job:
    """A comparison that a cluster runs: a `workers.Worker`."""

    def __init__(self, executor, arguments: Sequence[str], log: Path):
        self.log, self.is_cancelled = log, False
        self.job = executor.submit(Comparison(tuple(workers.command_of(arguments)), log.resolve()))

    def poll(self) -> int | None:
        """Exit code; None while it waits or works. What a cluster says about a job that it ended goes into the log."""
        if not self.job.done():
            return None
        if self.is_cancelled:
            return INTERRUPTED  # submitit would wait for a result that never comes
        try:
            return self.job.result()
        except Exception as error:
            with self.log.open("a", encoding="utf-8") as file:
                print(f"job {self.job.job_id} ended as {self.job.state}: {error}".splitlines()[0], file=file)
            return 1

    def stop(self) -> None:
        """Cancel it."""
        self.is_cancelled = True
        with contextlib.suppress(subprocess.SubprocessError, OSError):  # it may have ended by itself
            self.job.cancel(check=False)

    def kill(self) -> None:
        """Cancel it; a cluster knows only one way."""
        self.stop()


def executor_of(cluster: str, folder: Path, wanted: Mapping[str, Any]):
    """What submits jobs.

    Args:
        cluster: one of `CLUSTERS`.
        folder: where submitit keeps its files.
        wanted: the section [cluster] of the job file.

    Raises:
        ConfigError: submitit or Slurm is missing, or does not know what is wanted.
    """
    # By default its import sets up logging for the whole process, and closes what others have set up.
    os.environ.setdefault("SUBMITIT_LOG_LEVEL", "NOCONFIG")
    try:
        import submitit
    except ImportError:
        raise ConfigError(
            "--cluster needs the package submitit, which is not installed: pip install 'fisc[cluster]'"
        ) from None
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
    os.environ.clear()
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
