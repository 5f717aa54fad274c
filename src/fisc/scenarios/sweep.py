"""A sweep, checked before anything is spent: every comparison planned, and what earlier work left in its folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fisc.core.errors import ConfigError, RunError
from fisc.records.errors import RecordError
from fisc.records.store import RunFolder
from fisc.scenarios.outline import outline
from fisc.scenarios.plan import plan
from fisc.scenarios.provenance import arguments_of, identity_of, refuse_another_run, with_new_keys
from fisc.scenarios.sweep_file import Point, Sweep

STATE_FILE = "sweep.json"
"""What makes a folder the folder of a sweep: the state of every point."""


@dataclass(frozen=True)
class Task:
    """A point of a sweep, ready to run."""

    point: Point
    folder: Path
    arguments: tuple[str, ...]
    """Of `fisc`, to begin it or go on with it."""
    is_finished: bool
    """Whether earlier work has left nothing to do."""


def prepare(sweep: Sweep, out: Path, resume: bool, extra: Sequence[str] = ()) -> list[Task]:
    """Check every point of a sweep and its folder; nothing is written.

    Args:
        sweep: the job file.
        out: the folder of the sweep; it must not exist, or be empty, unless `resume`.
        resume: go on with the sweep in `out`.
        extra: more arguments of `fisc compare`, for every point.

    Raises:
        ConfigError: a point that cannot work, or two that come to the same.
        RunError: a folder in the way, or one that holds something else.
    """
    _check_folder(out, resume, {point.name for point in sweep.points})
    tasks, seen = [], {}
    for point in sweep.points:
        try:
            planned = plan(**point.options, overrides=point.overrides)
            outline(planned)
        except ConfigError as error:
            raise ConfigError(f"point {point.name}: {error}") from None
        identity = identity_of(planned)
        text = json.dumps(identity, sort_keys=True)
        if text in seen:
            raise ConfigError(f"points {seen[text]} and {point.name} come to the same comparison: keep one of them")
        seen[text] = point.name
        folder = out / point.name
        is_begun = folder.is_dir()
        arguments = (*arguments_of(planned, folder), *(["--resume"] if is_begun else []), *extra)
        tasks.append(Task(point, folder, arguments, is_begun and _is_finished(folder, identity)))
    return tasks


def _check_folder(out: Path, resume: bool, names: set[str]) -> None:
    """Refuse a folder that is not new, nor of a sweep that shall go on, nor has points that were run by hand."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file, expected a folder for the sweep: choose another --out")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not resume:
        raise RunError(f"sweep folder {out} already exists: go on with it by --resume, or choose another --out")
    if not (out / STATE_FILE).is_file() and not names & {entry.name for entry in out.iterdir()}:
        raise RunError(
            f"{out} is no folder of a sweep (neither {STATE_FILE} nor a point is there): choose another --out"
        )


def _is_finished(folder: Path, identity: dict) -> bool:
    """Whether a run has ended well, after making sure that it is the same one."""
    if not (folder / "provenance.json").is_file():
        return False  # stopped while it was being made
    try:
        run = RunFolder.open(folder)
        refuse_another_run(folder, with_new_keys(run.read_json("provenance.json")["plan"]), identity)
        return run.has_file("summary.json") and run.read_json("status.json")["state"] == "finished"
    except RecordError as error:
        raise RunError(str(error)) from None
