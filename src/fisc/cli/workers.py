"""The processes of a sweep: one for each comparison, so many at a time, each with its share of the cores."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from fisc.cli.machine import jax_settings
from fisc.core.errors import RunError

GRACE = 20.0
"""Seconds in which an interrupted comparison may write down where it is; a checkpoint is never lost in any case."""
SECONDS_BETWEEN_LOOKS = 0.2


class Worker(Protocol):
    """A comparison at work."""

    log: Path
    """What it says."""

    def poll(self) -> int | None:
        """Exit code; None while it works."""

    def stop(self) -> None:
        """Ask it to stop, as Ctrl-C does."""

    def kill(self) -> None:
        """Stop it at once."""


class Process:
    """A comparison in a process of its own on this machine."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path, lock: int | None):
        self.log = log
        with log.open("a", encoding="utf-8") as file:
            print(f"$ fisc {shlex.join(arguments)}", file=file, flush=True)
            self.process = begin(command_of(arguments), environment, file, lock)

    def poll(self) -> int | None:
        """Exit code; None while it works."""
        return self.process.poll()

    def stop(self) -> None:
        """Ask it to stop. Not by SIGINT, which what was started in the background of a shell does not hear."""
        self.process.terminate()

    def kill(self) -> None:
        """Stop it at once."""
        self.process.kill()


def begin(
    command: Sequence[str], environment: Mapping[str, str], log: IO[str], lock: int | None
) -> subprocess.Popen[bytes]:
    """Start a process that speaks to a log alone and holds the lock as long as it lives.

    It has a session of its own: Ctrl-C in the terminal reaches whoever started it, who then stops it.
    """
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=() if lock is None else (lock,),
    )


def command_of(arguments: Sequence[str]) -> list[str]:
    """The command line of a `fisc` of the same Python, whatever is on the path."""
    return [sys.executable, "-P", "-m", "fisc.cli.main", *arguments]


def environment_of(environment: Mapping[str, str], cores: int, share: float) -> dict[str, str]:
    """The environment of one process among several.

    Args:
        environment: of the sweep, as the user started it.
        cores: of this process.
        share: of the machine; on an accelerator jax would else reserve most of the memory for the first process.
    """
    ours = {"COLUMNS": "200", "NO_COLOR": "1"}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "NPROC"):
        ours[name] = environment.get(name, str(cores))
    if share < 1:
        ours["XLA_PYTHON_CLIENT_MEM_FRACTION"] = environment.get("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{0.9 * share:.3f}")
    return {**environment, **jax_settings(environment, cores), **ours}


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[int | None]:
    """Hold a folder alone. Processes that inherit the lock keep it, even if the sweep itself is killed.

    Raises:
        RunError: if another sweep, or a process that one left behind, is at work in it.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield None
        return
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"another sweep, or a comparison that one left behind, is at work in {folder}: wait until it has "
                "ended, or choose another --out"
            ) from None
        except OSError:  # a file system without locks
            yield None
            return
        yield file.fileno()


def work_through(
    names: Sequence[str],
    most: int,
    start: Callable[[str], Worker],
    look: Callable[[Mapping[str, Worker]], None],
    done: Callable[[str, int, float], None],
) -> None:
    """Start workers, so many at a time, until all have ended. Whatever happens, none is left behind.

    Args:
        names: of the points, in order.
        most: workers at a time.
        start: starts the worker of a point.
        look: is shown those at work, several times a second.
        done: is told name, exit code and seconds of each that ended.
    """
    waiting, running, began = list(reversed(names)), {}, {}
    try:
        while waiting or running:
            while waiting and len(running) < most:
                name = waiting.pop()
                running[name], began[name] = start(name), time.monotonic()
            look(running)
            for name, code in [(name, worker.poll()) for name, worker in running.items()]:
                if code is not None:
                    del running[name]
                    done(name, code, time.monotonic() - began[name])
            time.sleep(SECONDS_BETWEEN_LOOKS if running else 0)
    finally:
        stop_all(list(running.values()))


def stop_all(workers: Sequence[Worker]) -> None:
    """Ask workers to stop, wait, and then no longer ask. A second Ctrl-C ends the wait."""
    for worker in workers:
        worker.stop()
    until = time.monotonic() + GRACE
    with contextlib.suppress(KeyboardInterrupt):
        while any(worker.poll() is None for worker in workers) and time.monotonic() < until:
            time.sleep(SECONDS_BETWEEN_LOOKS)
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
    while any(worker.poll() is None for worker in workers):
        time.sleep(SECONDS_BETWEEN_LOOKS / 4)


def last_line(log: Path) -> str:
    """The last line of a log, empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4000))
            lines = file.read().decode("utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def why_failed(code: int, log: Path) -> str:
    """In one line why a process ended with an exit code."""
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"killed by {name}" + ("; was there enough memory?" if name == "SIGKILL" else "")
    return last_line(log).removeprefix("fisc: error: ") or f"ended with exit code {code}"
