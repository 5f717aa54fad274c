"""Train a group of jobs (arms × seeds of one structure) block by block, with checkpoints, records and progress."""

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array, Key, PyTree
from polars.exceptions import PolarsError

from fisc.core.economy import Economy, Role
from fisc.core.errors import DivergenceError, RunError
from fisc.core.ledger import tolerance
from fisc.learning import processes
from fisc.learning.train import compile_block, num_devices_used, over_jobs, stack, unstack
from fisc.learning.two_level import TrainState, TwoLevel
from fisc.records.metrics import LEARNING_METRICS
from fisc.records.store import RunFolder, replace_file
from fisc.scenarios import checkpoint

ROWS_PER_BLOCK = 5
"""Updates of a block that are recorded."""


@dataclass(frozen=True)
class Job:
    """One arm with one seed."""

    arm: str
    seed: int
    economy: Economy
    version: int | None = None
    """Of several economies of one arm and seed: each has luck of its own."""

    @property
    def key(self) -> Key[Array, ""]:
        """The root of its luck."""
        key = jax.random.key(self.seed)
        return key if self.version is None else jax.random.fold_in(key, self.version)

    def __str__(self):
        version = "" if self.version is None else f", version {self.version}"
        return f"arm {self.arm}, seed {self.seed}{version}"


class Adviser(Protocol):
    """Changes the jobs' economies from block to block. What it knows is saved with the jobs."""

    def economies(self) -> list[Economy]:
        """Every job's economy in the next block."""

    def hear(self, done: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Be told what happened in the block that ends at `done`: metrics [job, update]."""

    def memory(self) -> dict[str, Any]:
        """All that it knows, as JSON has it."""

    def recall(self, memory: dict[str, Any]) -> None:
        """Know again what it knew when that was saved."""


@dataclass
class Group:
    """Jobs that share one compiled program."""

    name: str
    jobs: list[Job]
    system: TwoLevel
    block: int
    earlier_updates: int = 0
    """Of the common start that people come from."""
    begun: dict[int, dict[Role, PyTree[Any]]] = field(default_factory=dict)
    """How some roles start, by seed: learners' states. Empty: all from nothing."""
    starts: list[TrainState] = field(default_factory=list)
    """States to go on from, one for each job, as if they were new. Empty: new ones."""
    keep_every: int = 0
    """Updates between checkpoints that are kept for good; 0: only the last one is."""
    adviser: Adviser | None = None
    """None: every job's economy stays as it is."""
    rows: list[pl.DataFrame] = field(default_factory=list)

    @property
    def steps_per_update(self) -> int:
        """Environment steps of all jobs together in one update."""
        return self.system.steps_per_update(self.jobs[0].economy) * len(self.jobs)


@dataclass(frozen=True)
class Report:
    """What a progress line shows."""

    group: str
    update: int
    num_updates: int
    steps_per_second: float | None
    """None, as the time left, for a block that had to be compiled first."""
    welfare: float
    seconds_left: float | None


def new_states(group: Group) -> PyTree[Any]:
    """Each job's state before its first update, stacked: the economy and all learners are new."""
    economies = stack([job.economy for job in group.jobs])
    keys = stack([job.key for job in group.jobs])
    template = eqx.filter_eval_shape(group.system.init, group.jobs[0].economy, jax.random.key(0))
    _, static = eqx.partition(template, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    return eqx.combine(over_jobs(group.system.init, len(group.jobs))(economies, keys), static)


def train_group(
    group: Group,
    folder: RunFolder,
    say: Callable[[Report], None],
    may_train: bool = True,
    note: Callable[[str], None] = lambda text: None,
    look: Callable[[PyTree[Any], int], None] = lambda run, done: None,
) -> list[TrainState]:
    """Train all jobs of a group, resuming from its checkpoint if there is one.

    Args:
        say: told after every block.
        may_train: False to accept a finished checkpoint alone.
        note: told in words before what takes long and reports nothing: compiling.
        look: told after every block, and on going on from a checkpoint, all jobs' states, stacked, and the updates
            done: a kill between checkpoint and look loses nothing.

    Returns:
        Each job's final state.

    Raises:
        DivergenceError: on a number that is not finite or a ledger that does not balance; the state is saved.
        RunError: if the checkpoint is damaged, or if it is not finished and may not be.
    """
    economies = stack([job.economy for job in group.jobs])
    run = _first_states(group)
    static = eqx.filter(run, eqx.is_array, inverse=True)

    path = checkpoint_of(group, folder)
    run, done = _resume(path, run, group)
    if may_train:
        economies, run = processes.of_first((economies, run))
        done = int(processes.of_first(np.asarray(done)))
    if done < group.system.num_updates and not may_train:
        what = f"ends at update {done} of {group.system.num_updates}" if done else "is missing"
        raise RunError(f"checkpoint {path} {what}: train it again with --resume, or restore the file")
    if done:
        look(run, done)
    compiled = None
    while done < group.system.num_updates:
        size = min(group.block, group.system.num_updates - done)
        must_compile = compiled is None or compiled[0] != size
        if must_compile:
            _announce(group, note, is_first=compiled is None)
            compiled = (size, compile_block(group.system, size, len(group.jobs)))
        if group.adviser is not None:
            economies = stack(group.adviser.economies())
        started = time.perf_counter()
        arrays, metrics = compiled[1](economies, run)
        metrics = {name: np.asarray(value) for name, value in metrics.items()}
        run = eqx.combine(arrays, static)
        seconds = time.perf_counter() - started
        group.rows.append(_rows(group, metrics, done))
        done += size
        here = processes.whole(run)
        _keep(path, here, group, done, metrics, size)
        say(_report(group, metrics, done, None if must_compile else seconds / size))
        look(here, done)
    return [unstack(processes.whole(run), i) for i in range(len(group.jobs))]


def _keep(path: Path, run: PyTree[Any], group: Group, done: int, metrics: dict[str, np.ndarray], size: int) -> None:
    """Check a block of `size` updates that ends at `done`, and save the state; of several processes the first does."""
    try:
        _check(group, metrics, done - size)
    except DivergenceError:
        if processes.is_first():
            checkpoint.save(path.with_name(f"{group.name}-stopped.ckpt"), run, {"updates": done})
        raise
    if group.adviser is not None:
        group.adviser.hear(done, metrics)
    if not processes.is_first():
        return
    if group.keep_every and done % group.keep_every == 0 and done < group.system.num_updates:
        checkpoint.save(path.with_name(kept_name(group, done)), run, {"updates": done})
    _save(path, run, group, done)


def checkpoint_of(group: Group, folder: RunFolder) -> Path:
    """Where a group's latest state is kept."""
    return folder.path / "checkpoints" / f"{group.name}.ckpt"


def kept_name(group: Group, update: int) -> str:
    """The checkpoint of an update that is kept for good."""
    return f"{group.name}-at-{update}.ckpt"


def load_kept(group: Group, folder: RunFolder, update: int) -> list[TrainState]:
    """Each job's state after an update whose checkpoint was kept.

    Raises:
        RunError: if it is damaged.
    """
    run, _ = checkpoint.load(folder.path / "checkpoints" / kept_name(group, update), _first_states(group))
    return [unstack(run, i) for i in range(len(group.jobs))]


def _report(group: Group, metrics: dict[str, np.ndarray], done: int, pace: float | None) -> Report:
    """What is said after a block. `pace`: seconds an update; None if it had to be compiled, which says nothing."""
    total, welfare = group.system.num_updates, float(metrics["welfare"][:, -1].mean())
    if pace is None:
        return Report(group.name, done, total, None, welfare, None)
    return Report(group.name, done, total, group.steps_per_update / pace, welfare, pace * (total - done))


def _announce(group: Group, note: Callable[[str], None], is_first: bool) -> None:
    """Say that a block is compiled, and before the first one if devices have nothing to do."""
    if is_first and (idle := _idle_devices(group)):
        note(idle)
    note(f"compiling {group.name}")


def _idle_devices(group: Group) -> str:
    """What to say if some devices have nothing to do; nothing if all have."""
    number, devices = group.system.num_environments, jax.device_count()
    used = num_devices_used(number, len(group.jobs))
    if used == devices:
        return ""
    return (
        f"{group.name} trains on {used} of {devices} devices: {number} environments divide over no more of them; "
        f"learning.environments as a multiple of {devices} uses all"
    )


def _first_states(group: Group) -> PyTree[Any]:
    """Each job's state before its first update, stacked, with what was learned before."""
    run = stack(group.starts) if group.starts else new_states(group)
    if not group.begun:
        return run
    begun = stack([group.begun[job.seed] for job in group.jobs])
    return eqx.tree_at(lambda r: [r.learners[role] for role in begun], run, list(begun.values()))


def _resume(path: Path, run: PyTree[Any], group: Group) -> tuple[PyTree[Any], int]:
    """The state in a checkpoint, if there is one, and the updates done; the group gets back its records."""
    if not path.exists():
        return run, 0
    run, kept = checkpoint.load(path, run)
    group.rows = _read_rows(path.with_suffix(".parquet"), group.earlier_updates + kept["updates"])
    if group.adviser is not None:
        group.adviser.recall(kept["adviser"])
    return run, kept["updates"]


def _save(path: Path, run: PyTree[Any], group: Group, done: int) -> None:
    """Rows first: rows beyond the checkpoint are dropped on resuming, missing ones could not be made again."""
    frame = pl.concat(group.rows)
    group.rows = [frame]
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    replace_file(path.with_suffix(".parquet"), buffer.getvalue())
    advice = {} if group.adviser is None else {"adviser": group.adviser.memory()}
    checkpoint.save(path, run, {"updates": done} | advice)


def _read_rows(path: Path, done: int) -> list[pl.DataFrame]:
    """Rows recorded up to the checkpoint; later ones will be made again."""
    if not path.exists():
        return []
    try:
        return [pl.read_parquet(path).filter(pl.col("update") <= done)]
    except (PolarsError, OSError) as error:
        raise RunError(f"{path} cannot be read ({error}): delete it to go on without its learning curve") from None


def _rows(group: Group, metrics: dict[str, np.ndarray], before: int) -> pl.DataFrame:
    """Long rows of some updates of a block: `metrics` hold [job, update]."""
    size = next(iter(metrics.values())).shape[1]
    picks = sorted({int(i) for i in np.linspace(0, size - 1, min(size, ROWS_PER_BLOCK))})
    steps, roles = group.steps_per_update // len(group.jobs), group.jobs[0].economy.spec.roles
    rows = []
    for name, values in metrics.items():
        if name == "phase":
            continue
        role, _, rest = name.partition("/")
        role, metric = (role, rest) if role in roles else ("economy", name)
        learning = metrics.get(f"{role}/knob/learning")
        for j, job in enumerate(group.jobs):
            for i in picks:
                if learning is not None and not learning[j, i] and metric in LEARNING_METRICS:
                    continue  # a role that does not learn has no losses
                phase = int(metrics["phase"][j, i]) + (group.earlier_updates > 0)
                update = group.earlier_updates + before + i + 1
                rows.append(
                    (
                        group.name,
                        job.arm,
                        job.seed,
                        f"phase {phase}",
                        update,
                        update * steps,
                        role,
                        metric,
                        float(values[j, i]),
                    )
                )
    columns = ["run", "arm", "seed", "phase", "update", "env_steps", "role", "metric", "value"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.with_columns(period=pl.lit(None, pl.Int64))


def _check(group: Group, metrics: dict[str, np.ndarray], before: int) -> None:
    """Stop on the first number that is not finite or ledger that does not balance, and say where."""
    limit = tolerance(jnp.float32)
    for name, values in metrics.items():
        bad = ~np.isfinite(values) | ((values > limit) if name == "ledger_residual" else False)
        if bad.any():
            j, i = (int(x[0]) for x in np.nonzero(bad))
            job, value = group.jobs[j], values[j, i]
            what = "the ledger does not balance" if name == "ledger_residual" and np.isfinite(value) else "not finite"
            raise DivergenceError(
                f"training stopped: {name} is {value} ({what}) in {job}, "
                f"update {group.earlier_updates + before + i + 1}; "
                f"the state is saved in checkpoints/{group.name}-stopped.ckpt; try a smaller learning rate"
            )
