"""From what a run folder was made: the plan, the software, the commit; and whether a resumed run is the same one."""

import hashlib
import json
import platform
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from fisc.core.errors import ConfigError, RunError
from fisc.records.store import RunFolder
from fisc.scenarios.config import Scenario
from fisc.scenarios.plan import Plan
from fisc.scenarios.reading import parse, to_toml
from fisc.scenarios.registry import check_arm, parse_overrides

PACKAGES = ("fisc", "jax", "jaxlib", "equinox", "optax", "numpy", "scipy", "polars")
SMOKE = "This was a smoke run: what learns has hardly been trained. It shows that everything works, and nothing else."

RUN = ("run", "resume with the same scenario, arms, seeds and budget")
"""What a folder may hold another one of, and how to mend that."""


def open_folder(planned: Plan, path: Path, resume: bool, note: Callable[[str], None]) -> RunFolder:
    """Make the run folder and write down what will be run, or check that a resumed run is the same one."""
    identity = identity_of(planned)
    if resume and path.is_dir() and (path / "provenance.json").exists():
        folder = RunFolder.open(path)
        go_on(folder, "provenance.json", identity, note)
        return folder
    if resume and not path.exists():
        note(f"nothing to resume at {path}: a new run begins")
    if resume and path.is_dir() and {entry.name for entry in path.iterdir()} <= {"figures", "scenario.toml"}:
        folder = RunFolder(path)  # stopped while it was being made: nothing is in it yet
    else:
        folder = RunFolder.create(path)
    folder.write_text("scenario.toml", to_toml(identity["scenario"]))
    folder.write_json(
        "provenance.json",
        {
            "scenario": planned.scenario.name,
            "title": planned.scenario.title,
            "objective": planned.scenario.headline,
            "money": planned.scenario.money,
            "caveats": [*planned.scenario.caveats, *([SMOKE] if planned.budget_name == "smoke" else [])],
            "command": shlex.join(["fisc", *arguments_of(planned, path)]),
            "versions": versions(),
            "commit": _commit(),
            "device": f"{jax.devices()[0].platform} x {len(jax.devices())}",
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "plan": identity,
        },
    )
    return folder


def identity_of(planned: Plan) -> dict[str, Any]:
    """All that makes a run the one it is, as JSON holds it: two runs that share it give the same results."""
    return {
        "scenario": json.loads(json.dumps(asdict(planned.scenario))),
        "seeds": list(planned.seeds),
        "budget": planned.budget_name,
        "arm_files": {arm: digest_of(arm) for arm in planned.scenario.arms if ".py:" in arm},
    }


def with_new_keys(kept: dict[str, Any]) -> dict[str, Any]:
    """A stored plan with the keys that scenarios have got since, at their defaults: they change nothing."""
    if "scenario" not in kept:
        return kept
    try:
        scenario = parse(Scenario, kept["scenario"])
    except ConfigError:
        return kept
    return kept | {"scenario": json.loads(json.dumps(asdict(scenario)))}


def go_on(
    folder: RunFolder,
    file: str,
    identity: dict[str, Any],
    note: Callable[[str], None],
    kind: tuple[str, str] = RUN,
) -> None:
    """Check that a folder holds what is gone on with, and write down in its file if the software is not the same.

    Raises:
        RunError: with the first key that differs.
    """
    kept = folder.read_json(file)
    refuse_another_run(folder.path, with_new_keys(kept["plan"]), identity, kind)
    if kept["versions"] != versions() and not folder.has_file("summary.json"):
        changed = _difference(kept["versions"], versions(), "versions")
        note(f"resuming with other software than the {kind[0]} began with ({changed})")
        folder.write_json(file, kept | {"resumed_with": versions()})


def refuse_another_run(
    path: Path, before: dict[str, Any], identity: dict[str, Any], kind: tuple[str, str] = RUN
) -> None:
    """Let nobody go on with a folder that holds something else.

    Raises:
        RunError: with the first key that differs.
    """
    if before != identity:
        what, mend = kind
        raise RunError(
            f"{path} holds another {what} ({_difference(before, identity)}): {mend}, or choose another --out"
        )


def versions() -> dict[str, str]:
    """The software that results may depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def digest_of(arm: str) -> str:
    """Checksum of the file of a user's own tax system: a resumed run must not change its rules."""
    check_arm(arm)
    return hashlib.sha256(Path(f"{arm.partition('.py:')[0]}.py").read_bytes()).hexdigest()


def _difference(before: Any, now: Any, path: str = "plan") -> str:
    """The first key in which two plans differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            if before.get(key) != now.get(key):
                return _difference(before.get(key), now.get(key), f"{path}.{key}")
    if max(len(repr(before)), len(repr(now))) > 200:  # such as a map
        return f"{path} is not the same any more"
    return f"{path} was {before!r}, now {now!r}"


def arguments_of(planned: Plan, path: Path) -> list[str]:
    """The arguments of `fisc` that make this run again."""
    is_count = planned.seeds == tuple(range(len(planned.seeds)))
    seeds = str(len(planned.seeds)) if is_count else ",".join(map(str, planned.seeds)) + ","
    parts = ["compare", planned.source, "--arms", ",".join(planned.scenario.arms), "--seeds", seeds]
    for key, value in planned.overrides.items():
        is_word = isinstance(value, str) and parse_overrides([f"{key}={value}"]) == {key: value}
        parts += ["--set", f"{key}={value if is_word else json.dumps(value)}"]
    return [*parts, "--budget", planned.budget_name, "--out", str(path)]


def _commit() -> str | None:
    try:
        where = Path(__file__).parent
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=where, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
