"""Training curves for Weights & Biases, made from the rows that a run folder keeps. No jax here.

Needs wandb, the extra `wandb`. "Run" is a run of fisc here: what the library calls one is a curve, of one arm and seed.
Nothing of a run is stored there alone: it can be sent again.
"""

import hashlib
import json
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from types import TracebackType
from typing import Any

import polars as pl

from fisc.records.curves import COMMON, Curve, Curves, no_curves
from fisc.records.errors import RecordError
from fisc.records.store import RunFolder

PROJECT = "fisc"
"""Where curves go if nobody says otherwise."""

PATIENCE = 60.0
"""Seconds to wait for the server: when a curve begins, and for what is still to be sent when it ends."""

MOST_LETTERS = 100
"""Of a run's name in the name of its group there, which may have 128."""

STEPS = "env_steps"
"""The axis under every metric."""

OFFLINE = "keep the curves here for now, with WANDB_MODE=offline"
"""What to do without a server."""

MADE_FROM = ("command", "started", "plan")
"""What tells one run from all others, in `provenance.json`, and stays the same when it is resumed or moved."""


class CurveSender:
    """Sends the curves of a run, finished or going on: each arm and seed is a run there, grouped by the run here.

    Metrics are `ROLE/METRIC` over environment steps. What citizens learned before the arms parted is a curve of its
    own, `common`. A curve always has the same id in a project: what the server has of it already is not sent again.
    The library keeps a copy in the run folder, in place of an earlier one; with WANDB_MODE=offline there is only this.

    Args:
        run: the run folder; it need not exist yet.
        project: their name for a collection of runs; what WANDB_PROJECT says, or `fisc`, if none is given.
        entity: the user or team that it belongs to; their default if none is given.

    Raises:
        RecordError: if wandb is missing, the project's name is not acceptable, or nobody is logged in.
    """

    def __init__(self, run: RunFolder, project: str | None = None, entity: str | None = None):
        self._wandb = _find_library()
        with _in_one_line():
            settings = self._wandb.setup().settings
        self.project = (settings.project or PROJECT) if project is None else project
        with _in_one_line("; a user or team is named apart, by WANDB_ENTITY"):
            self._wandb.Settings(project=self.project, entity=entity)
        if not self.project.strip():
            raise RecordError("the name of the project at Weights & Biases is empty: give one, such as fisc")
        self.run, self.entity, self.mode = run, entity, settings.mode
        if self.is_online:
            self._check_login()
        self.place = "nowhere, as WANDB_MODE is disabled"
        """Where the curves are, once there are some."""
        self._curves = Curves(run)
        self._begun: dict[Curve, Any] = {}

    def __enter__(self) -> "CurveSender":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close(failed=kind is not None)

    @property
    def is_online(self) -> bool:
        """Whether curves go to the server at once."""
        return self.mode not in ("offline", "dryrun", "disabled")

    def update(self) -> int:
        """Send the rows that are new since the last time, and return how many they were.

        Raises:
            RecordError: if a file cannot be read, or wandb fails.
        """
        sent = 0
        for curve, rows in self._curves.fresh():
            if curve not in self._begun:
                self._begun[curve] = self._begin(curve)
            _log(self._begun[curve], rows)
            sent += rows.height
        return sent

    def close(self, failed: bool = False) -> None:
        """Wait for what is not sent yet.

        Args:
            failed: whether the run has stopped before its end, which the server then shows.

        Raises:
            RecordError: if not everything could be sent.
        """
        begun = list(self._begun.values())
        self._begun.clear()
        errors = []
        for there in begun:
            try:
                with _in_one_line():
                    there.finish(exit_code=int(failed))
            except RecordError as error:  # the others are to be finished all the same
                errors.append(error)
        if errors:
            raise errors[0]

    def _check_login(self) -> None:
        """Find out before anything is spent whether the server lets us in; never ask for a key."""
        with _in_one_line(f"; or {OFFLINE}"):
            is_logged_in = self._wandb.login(prompt=False, verify=True)
        if not is_logged_in:
            raise RecordError(
                f"nobody is logged in to Weights & Biases: run `wandb login`, set WANDB_API_KEY, or {OFFLINE}"
            )

    def _begin(self, curve: Curve) -> Any:
        """Open a curve: a new one, or the one that the server has under this id."""
        provenance = self.run.read_json("provenance.json")
        made_from = [provenance.get(key) for key in MADE_FROM]
        group = f"{self.run.name[:MOST_LETTERS]}-{_digest(made_from)[:6]}"
        its_id = _digest([made_from, self.project, *astuple(curve)])
        kept = self.run.path / "wandb"
        with _in_one_line():
            for old in kept.glob(f"*run-*-{its_id}") if self.mode != "disabled" else ():
                shutil.rmtree(old)
            there = self._wandb.init(
                project=self.project,
                entity=self.entity,
                dir=str(self.run.path),
                id=its_id,
                name=curve.name,
                group=group,
                config=_config(provenance, curve),
                resume="allow" if self.is_online else None,  # what is synced without it replaces what is there
                reinit="create_new",
                settings=self._settings(),
            )
            there.define_metric("*", step_metric=STEPS)
            if self.is_online:
                self.place = f"{there.project_url}, group {group}"
            elif self.mode != "disabled":
                folder = shlex.quote(str(kept))
                self.place = f"{kept}; send them with: wandb sync {folder}/offline-run-*"
        return there

    def _settings(self) -> Any:
        """Settings of one curve. They are not shared: the library writes into them."""
        return self._wandb.Settings(
            silent=True,
            console="off",
            disable_git=True,  # this and the next two: about where it is sent from, not where it was trained
            x_disable_meta=True,
            x_disable_stats=True,
            init_timeout=PATIENCE,
            finish_timeout=PATIENCE,
            finish_timeout_raises=True,
        )


def export(run: RunFolder, project: str | None = None, entity: str | None = None) -> tuple[int, str]:
    """Send all rows that a run has so far.

    Returns:
        How many they were, and where they are.

    Raises:
        RecordError: as a `CurveSender`, or if there is nothing to send.
    """
    with CurveSender(run, project, entity) as sender:
        rows = sender.update()
    if not rows:
        raise no_curves(run)
    return rows, sender.place


def _log(there: Any, rows: pl.DataFrame) -> None:
    """Send rows of a curve that it does not have there, one message an update."""
    missing = rows.filter(pl.col("update") >= there.starting_step)
    for (update, steps), some in missing.group_by("update", STEPS, maintain_order=True):
        columns = some.select("role", "metric", "value")
        values = {f"{role}/{metric}": value for role, metric, value in columns.iter_rows()}
        with _in_one_line():
            there.log({STEPS: steps, **values}, step=update)


def _config(provenance: dict[str, Any], curve: Curve) -> dict[str, Any]:
    """What one may filter and group curves by; of the scenario every key."""
    plan = provenance.get("plan", {})
    return {
        "scenario": provenance.get("scenario"),
        "arm": COMMON if curve.is_common else curve.arm,
        "seed": curve.seed,
        "budget": plan.get("budget"),
        "objective": provenance.get("objective"),
        "commit": provenance.get("commit"),
        "device": provenance.get("device"),
        "keys": plan.get("scenario"),
    }


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def _in_one_line(mend: str = "") -> Iterator[None]:
    """Turn whatever the library raises into one line; it has many kinds of errors, and more with every version."""
    try:
        yield
    except Exception as error:
        said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise RecordError(f"Weights & Biases: {said}{mend}") from error


def _find_library() -> Any:
    try:
        import wandb
    except ImportError:
        raise RecordError(
            "curves for Weights & Biases need the package wandb: install it with pip install 'fisc[wandb]'"
        ) from None
    return wandb
