"""The command `sweep`: many comparisons from one job file, each a `fisc compare` in a process and folder of its own."""

import io
import json
import os
import shlex
import signal
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from fisc.analysis.sweep import Outcome, tabulate, word
from fisc.cli import cluster, workers
from fisc.cli.curves import check_curves, curve_words
from fisc.cli.machine import num_cores, prepare_jax
from fisc.core.errors import ConfigError
from fisc.plots.wording import NOTHING, format_interval, format_mean, interval_name
from fisc.records.metrics import METRICS, arm_label
from fisc.records.store import replace_file
from fisc.scenarios.sweep_file import Point, Sweep, read_sweep

console = Console(highlight=False)

SECONDS_BETWEEN_LINES = 30.0
Launch = Callable[[Sequence[str], Path], workers.Worker]
"""Starts a comparison with these arguments, whose words go to a log."""


@dataclass(frozen=True)
class Share:
    """How the machine is shared out."""

    jobs: int
    """Comparisons at a time."""
    cores: int
    """Of each, on this machine."""
    cluster: str | None = None
    """The cluster that runs them, if it is not this machine by itself."""


@dataclass
class Book:
    """The state of every point, kept in `sweep.json`."""

    path: Path
    points: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, name: str, **state: Any) -> None:
        """Write down what is new about a point."""
        self.points[name] = {"state": "waiting", **self.points.get(name, {}), **state}
        self.write()

    def write(self) -> None:
        """Replace the file as a whole."""
        replace_file(self.path, (json.dumps({"schema": 1, "points": self.points}, indent=2) + "\n").encode())


def sweep(options: Namespace) -> int:
    """Check every point, run those that are not finished, and print one table over all.

    Returns:
        1 if a point failed, else 0.

    Raises:
        ConfigError, RunError: anything that cannot work, before anything is spent.
    """
    if options.jobs is not None and options.jobs < 1:
        raise ConfigError(f"--jobs is {options.jobs}: expected at least 1")
    read, out = read_sweep(options.file), Path(options.out or f"runs/{Path(options.file).stem}")
    _end_with_the_terminal()
    given = dict(os.environ)  # as the user set it: what follows is for this process, which only checks
    os.environ["JAX_PLATFORMS"] = "cpu"
    prepare_jax(cores=1)
    from fisc.scenarios.sweep import STATE_FILE, prepare

    if options.cluster:  # what it cannot do is refused before anything is made
        with tempfile.TemporaryDirectory() as scratch:
            cluster.executor_of(options.cluster, Path(scratch), read.cluster)
    with console.status(f"checking {len(read.points)} points"):
        tasks = prepare(read, out, options.resume, curve_words(options))
    open_tasks = [task for task in tasks if not task.is_finished]
    most = options.jobs or (len(open_tasks) if options.cluster else num_cores())
    jobs = max(1, min(most, len(open_tasks)))
    share = Share(jobs, max(1, num_cores() // jobs), options.cluster)
    console.print(_announcement(tasks, open_tasks, share, out, options.dry_run), soft_wrap=True, markup=False)
    if options.dry_run:  # lines for a shell, such as that of a cluster's job
        for task in open_tasks:
            console.print(shlex.join(["fisc", *task.arguments]), soft_wrap=True, markup=False)
        return 0
    check_curves(options, out)
    (out / "logs").mkdir(parents=True, exist_ok=True)
    with workers.locked(out) as lock:
        replace_file(out / "sweep.toml", read.text.encode())
        book = Book(out / STATE_FILE, {})
        book.points = {task.point.name: {"state": "finished" if task.is_finished else "waiting"} for task in tasks}
        book.write()
        launch = _launch_jobs(share.cluster, read, out, given) if share.cluster else _launch_here(share, given, lock)
        _run(open_tasks, share, book, launch)
        frame = _write_table(read, tasks, book, out)
    failed = [task for task in open_tasks if book.points[task.point.name]["state"] == "failed"]
    _print_outcome(read, frame, out)
    for task in failed:
        name = task.point.name
        console.print(f"failed: {name}: {book.points[name]['error']}", style="red", soft_wrap=True, markup=False)
        console.print(f"  its log: {out / 'logs' / name}.log", soft_wrap=True, markup=False)
    if failed:
        console.print(f"{len(failed)} of {len(tasks)} points failed; try them again with the same command and --resume")
    return int(bool(failed))


def _end_with_the_terminal() -> None:
    """Stop as by Ctrl-C when the terminal closes, unless told to go on (nohup)."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, signal.default_int_handler)


def _announcement(tasks: Sequence, open_tasks: Sequence, share: Share, out: Path, is_comment: bool) -> str:
    finished = f", {len(tasks) - len(open_tasks)} finished already" if len(open_tasks) < len(tasks) else ""
    cores = "core" if share.cores == 1 else "cores"
    how = f"with {share.cores} {cores} each" if share.cluster is None else f"as jobs of {share.cluster}"
    points = "1 point" if len(tasks) == 1 else f"{len(tasks)} points"
    return f"{'# ' if is_comment else ''}{points}{finished}; {share.jobs} at a time {how}; folder {out}"


def _launch_here(share: Share, given: Mapping[str, str], lock: int | None) -> Launch:
    """Start points as processes of this machine."""
    environment = workers.environment_of(given, share.cores, 1 / share.jobs)
    return lambda arguments, log: workers.Process(arguments, environment, log, lock)


def _launch_jobs(where: str, read: Sweep, out: Path, given: Mapping[str, str]) -> Launch:
    """Submit points as jobs of a cluster."""
    executor = cluster.executor_of(where, out / "jobs", read.cluster)

    def submit(arguments: Sequence[str], log: Path) -> workers.Worker:
        """Submit one point."""
        with cluster.environment_as(given):
            return cluster.Job(executor, arguments, log, hold=out / "jobs" / "held" / log.stem)

    return submit


def _run(tasks: Sequence, share: Share, book: Book, launch: Launch) -> None:
    """Run the open points; what comes of each is in the book."""
    by_name = {task.point.name: task for task in tasks}
    logs = book.path.parent / "logs"

    def start(name: str) -> workers.Worker:
        """Start a point's process or job."""
        book.note(name, state="running")
        return launch(by_name[name].arguments, logs / f"{name}.log")

    with Board(len(tasks)) as board:

        def done(name: str, code: int, seconds: float) -> None:
            """Write down what came of a point."""
            error = {"error": workers.why_failed(code, logs / f"{name}.log")} if code else {}
            state = "failed" if code else "finished"
            book.note(name, state=state, seconds=round(seconds, 1), **error)
            board.ended(name, state, seconds)

        try:
            workers.work_through(list(by_name), share.jobs, start, board.look, done)
        finally:
            for name, point in book.points.items():
                if point["state"] == "running":
                    book.note(name, state="stopped")


class Board:
    """Progress of all points in one place: bars on a terminal, a line now and then elsewhere."""

    def __init__(self, total: int):
        self.total, self.ends, self.last = total, 0, time.monotonic()
        columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=12), MofNCompleteColumn(),
                   TextColumn("{task.fields[text]}", style="dim", markup=False))  # fmt: skip
        self.bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self.all = self.bar.add_task("points", total=total, text="")
        self.lines: dict[str, Any] = {}

    def __enter__(self) -> "Board":
        self.bar.start()
        return self

    def __exit__(self, *_) -> None:
        self.bar.stop()

    def look(self, running: Mapping[str, workers.Worker]) -> None:
        """Show what those at work said last."""
        is_time = time.monotonic() - self.last > SECONDS_BETWEEN_LINES
        if not console.is_terminal and not is_time:
            return
        for name, worker in running.items():
            said = workers.last_line(worker.log)
            said = "starting" if said.startswith("$ ") else said
            if console.is_terminal:
                if name not in self.lines:
                    self.lines[name] = self.bar.add_task(name, total=None, text="")
                self.bar.update(self.lines[name], text=said)
            else:
                console.print(f"{name}: {said}", soft_wrap=True, markup=False)
        self.last = time.monotonic()

    def ended(self, name: str, state: str, seconds: float) -> None:
        """Say that a point has ended."""
        self.ends += 1
        self.bar.update(self.all, completed=self.ends)
        if name in self.lines:
            self.bar.remove_task(self.lines.pop(name))
        minutes, rest = divmod(round(seconds), 60)
        text = f"[{self.ends}/{self.total}] {name}: {state} after {minutes}:{rest:02d}"
        console.print(text, soft_wrap=True, markup=False)


def _write_table(read: Sweep, tasks: Sequence, book: Book, out: Path) -> pl.DataFrame:
    """The table over all points, written as Parquet and CSV."""
    outcomes = []
    for task in tasks:
        state = book.points[task.point.name]["state"]
        path = task.folder / "summary.json"
        summary = json.loads(path.read_text(encoding="utf-8")) if state == "finished" else None
        outcomes.append(Outcome(task.point.name, task.point.swept, state, summary))
    frame, buffer = tabulate(read.keys, outcomes), io.BytesIO()
    frame.write_parquet(buffer)
    replace_file(out / "sweep.parquet", buffer.getvalue())
    replace_file(out / "sweep.csv", frame.write_csv().encode())
    return frame


def _print_outcome(read: Sweep, frame: pl.DataFrame, out: Path) -> None:
    """The same for the terminal: a row for each point and arm."""
    measured = frame.filter(pl.col("mean").is_not_null())
    names = {METRICS[metric].label for metric in measured["metric"].unique()}
    title = names.pop() if len(names) == 1 else "objective"
    seeds = {_num_seeds(point) for point in read.points}
    interval = interval_name(seeds.pop()) if len(seeds) == 1 and seeds != {1} else "interval"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1))
    for key in read.keys:
        table.add_column(escape(key.rpartition(".")[2]), justify="right")
    table.add_column("arm", max_width=20, overflow="fold")
    table.add_column("mean", justify="right", no_wrap=True)
    table.add_column(interval, justify="right", no_wrap=True)
    table.add_column("")
    for row in frame.iter_rows(named=True):
        swept = [NOTHING if row[key] is None else escape(word(row[key])) for key in read.keys]
        if row["arm"] is None or row["mean"] is None:
            table.add_row(*swept, escape(row["arm"] or ""), row["state"] if row["arm"] is None else NOTHING, "", "")
            continue
        numbers = {name: row[name] for name in ("mean", "low", "high")}
        shown = format_mean(row["metric"], numbers), format_interval(row["metric"], numbers)
        table.add_row(*swept, escape(arm_label(row["arm"])), *shown, "★" if row["is_best"] else "",
                      style="bold" if row["is_best"] else None)  # fmt: skip
    console.print()
    console.print(table)
    if frame["is_best"].any():
        console.print("★ best mean of this arm", style="dim")
    console.print(f"\ntable: {out / 'sweep.parquet'}, {out / 'sweep.csv'}", soft_wrap=True, markup=False)


def _num_seeds(point: Point) -> int:
    seeds = point.options.get("seeds", 3)
    return seeds if isinstance(seeds, int) else len(seeds)
