"""Weights & Biases gets what the run folder holds, once. Most tests ask a stand-in for the library and its server; the
last ones the library itself, if it is installed: offline, its files are read back by hand."""

import inspect
import json
import os
import struct
import subprocess
import sys

import polars as pl
import pytest

from fisc.records.errors import RecordError
from fisc.records.weights_and_biases import CurveSender, export

from .learned import learn, make_run, rows
from .wandb_stand_in import StandIn

PROVENANCE = {
    "scenario": "one-step",
    "objective": "utilitarian",
    "command": "fisc compare one-step --out run",
    "commit": "0123abc",
    "device": "cpu x 1",
    "started": "2030-01-01T00:00:00+0000",
    "plan": {"scenario": {"economy": {"workers": 9}}, "seeds": [0, 4], "budget": "smoke", "arm_files": {}},
}


@pytest.fixture
def run(tmp_path):
    """An empty run folder."""
    return make_run(tmp_path / "run", **PROVENANCE)


@pytest.fixture
def wandb(monkeypatch):
    """The stand-in in the place of the library."""
    library = StandIn()
    monkeypatch.setitem(sys.modules, "wandb", library)
    return library


def names(library):
    """The points that the server has, by the name of a curve."""
    return {how["name"]: library.history[how["id"]] for how in library.begun}


def test_every_row_is_a_point_of_its_arms_curve(run, wandb):
    # By hand: two updates of one arm and seed, of which the second has two roles; another seed; the common start.
    parts = [
        rows("saez", [1, 2]),
        rows("saez", [3], seed=4),
        rows("saez", [2], role="citizen", metric="entropy"),
        rows("free_market", [1], group="common"),
        rows("dir/mine.py:make", [1], group="mine_make_0123"),
    ]
    run.write_table("metrics", pl.concat(parts))
    written, place = export(run, project="taxes")
    assert written == 6
    assert names(wandb) == {
        "saez/seed-0": [
            (1, {"env_steps": 10, "economy/welfare": 0.5}),
            (2, {"env_steps": 20, "economy/welfare": 1.0, "citizen/entropy": 1.0}),
        ],
        "saez/seed-4": [(3, {"env_steps": 30, "economy/welfare": 1.5})],
        "common/seed-0": [(1, {"env_steps": 10, "economy/welfare": 0.5})],
        "mine_make_0123/seed-0": [(1, {"env_steps": 10, "economy/welfare": 0.5})],
    }
    assert [code for _, code in wandb.finished] == [0] * 4
    (group,) = {how["group"] for how in wandb.begun}
    assert group.startswith("run-") and place == f"https://example.org/me/taxes, group {group}"
    assert {how["project"] for how in wandb.begun} == {"taxes"}


def test_a_curve_says_what_it_is_of(run, wandb):
    # By hand, from the provenance above; the common start is none of the arm whose taxes it has.
    parts = [rows("saez", [1], seed=4), rows("free_market", [1], group="common")]
    run.write_table("metrics", pl.concat(parts))
    export(run)
    saez, common = (how["config"] for how in wandb.begun)
    assert saez == {
        "scenario": "one-step",
        "arm": "saez",
        "seed": 4,
        "budget": "smoke",
        "objective": "utilitarian",
        "commit": "0123abc",
        "device": "cpu x 1",
        "keys": {"economy": {"workers": 9}},
    }
    assert common == saez | {"arm": "common", "seed": 0}


def test_a_run_that_goes_on_is_sent_bit_by_bit_and_nothing_twice(run, wandb, tmp_path):
    # Property: what is sent in parts, stopped, gone on with and sent once more, is what is sent at once.
    with pytest.raises(KeyboardInterrupt), CurveSender(run) as sender:
        for last in (2, 4):
            learn(run, "fixed", rows("saez", range(1, last + 1)))
            assert sender.update() == 2
        assert sender.update() == 0
        raise KeyboardInterrupt
    learn(run, "fixed", rows("saez", range(1, 7)))
    moved = make_run(tmp_path / "elsewhere", **PROVENANCE | {"wall_seconds": 9.0})
    learn(moved, "fixed", rows("saez", range(1, 8)))
    assert export(run)[0] == 6 and export(moved)[0] == 7
    assert [step for step, _ in names(wandb)["saez/seed-0"]] == [1, 2, 3, 4, 5, 6, 7]
    assert len(wandb.history) == 1 and [code for _, code in wandb.finished] == [1, 0, 0]


@pytest.mark.parametrize("change", [{"started": "2030-01-01T00:00:01+0000"}, {"command": "fisc compare --out run2"}])
def test_another_run_is_no_continuation(run, wandb, tmp_path, change):
    # Property: the same plan, run anew or into another folder, is another run.
    for folder in (run, make_run(tmp_path / "run2", **PROVENANCE | change)):
        folder.write_table("metrics", rows("saez", [1]))
        export(folder)
    assert len(wandb.history) == 2 and len({how["group"] for how in wandb.begun}) == 2


def test_offline_copies_are_replaced_and_those_of_another_project_kept(run, wandb):
    # Contract: of a project there is one copy of each curve, whole, which takes the place of what the server has.
    wandb.settings.mode = "offline"
    wandb.has_login = False  # nobody asks
    run.write_table("metrics", rows("saez", [1, 2]))
    copies = run.path / "wandb"
    for number, project in enumerate(("a", "b", "a")):
        _, place = export(run, project)
        (copies / f"offline-run-{number}-{wandb.begun[-1]['id']}").mkdir(parents=True)
    assert sorted(path.name.split("-")[2] for path in copies.iterdir()) == ["1", "2"]
    assert {how["resume"] for how in wandb.begun} == {None}
    assert place == f"{copies}; send them with: wandb sync {copies}/offline-run-*"


def test_the_project_is_that_of_the_environment_or_fisc(run, wandb):
    # Contract: what is said, else WANDB_PROJECT, else fisc.
    assert CurveSender(run).project == "fisc"
    wandb.settings.project = "mine"
    assert CurveSender(run).project == "mine" and CurveSender(run, "other").project == "other"


@pytest.mark.parametrize(
    "project, said", [("team/taxes", "Invalid project name 'team/taxes'.*WANDB_ENTITY"), (" ", "empty")]
)
def test_a_name_that_is_not_acceptable_is_refused(run, wandb, project, said):
    # Contract: before anything is sent.
    with pytest.raises(RecordError, match=said):
        CurveSender(run, project)


def test_who_is_not_logged_in_is_told_so(run, wandb):
    # Contract: there is no question, and a way without a server is named. The stand-in refuses to ask.
    wandb.has_login = False
    with pytest.raises(RecordError, match=r"run `wandb login`.*WANDB_MODE=offline"):
        CurveSender(run)
    wandb.failing.add("login")
    with pytest.raises(RecordError, match=r"no login: server is down; or .*WANDB_MODE=offline"):
        CurveSender(run)


def test_a_run_without_curves_is_refused(run, wandb):
    # Contract: one line that says why; nothing is sent.
    learn(run, "fixed", rows("saez", []).cast({"value": pl.Float64}))
    with pytest.raises(RecordError, match="nothing in it has learned yet"):
        export(run)
    assert not wandb.history


def test_whatever_fails_is_one_line_and_is_sent_again(run, wandb):
    # Property: nothing is lost by a failure, nothing is sent twice.
    run.write_table("metrics", pl.concat([rows("saez", [1]), rows("planner", [1], group="planner")]))
    for name in ("init", "log", "finish"):
        wandb.failing = {name}
        with pytest.raises(RecordError) as caught:
            export(run)
        assert str(caught.value) == f"Weights & Biases: no {name}: server is down"
    wandb.failing = set()
    assert export(run)[0] == 2
    assert [len(points) for points in wandb.history.values()] == [1, 1]


# What follows asks the library itself.


def fisc(*words, home, **variables):
    """Run a command where nobody is logged in."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_") and name != "NETRC"}
    return subprocess.run(
        [sys.executable, "-m", "fisc.cli.main", *map(str, words)],
        env=clean | {"HOME": str(home)} | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


def read_back(folder):
    """All records of a copy: blocks of 32 KiB after a header of 7 bytes; in a block, parts of records.

    A part is a checksum (4 bytes), its length (2), its kind (1: whole, 2: first, 3: middle, 4: last), and its bytes.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("*.wandb")
    data, at, whole, found = path.read_bytes(), 7, b"", []
    assert data[:4] == b":W&B"
    while at < len(data):
        if 32768 - at % 32768 < 7:  # too little is left of this block
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            found.append(Record.FromString(whole))
            whole = b""
    return found


def test_the_library_writes_offline_what_it_is_given(run, tmp_path):
    # By hand: two updates, one of them with two roles. Sent twice: there is one copy.
    pytest.importorskip("wandb")
    parts = [rows("saez", [1, 2]), rows("saez", [2], role="citizen", metric="entropy")]
    run.write_table("metrics", pl.concat(parts))
    for _ in range(2):
        words = ("export", "wandb", run.path, "--project", "taxes", "--entity", "us")
        done = fisc(*words, home=tmp_path, WANDB_MODE="offline")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"3 points: {run.path}/wandb; send them with: wandb sync ")
    (copy,) = (run.path / "wandb").glob("offline-run-*")
    records = read_back(copy)
    (begun,) = (record.run for record in records if record.HasField("run"))
    assert (begun.project, begun.entity, begun.display_name) == ("taxes", "us", "saez/seed-0")
    assert begun.run_group.startswith("run-") and copy.name.endswith(begun.run_id)
    config = {item.key: json.loads(item.value_json) for item in begun.config.update}
    assert (config["arm"], config["seed"], config["keys"]) == ("saez", 0, {"economy": {"workers": 9}})
    points = [
        {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.HasField("history")
    ]
    assert [
        {name: value for name, value in point.items() if name not in ("_timestamp", "_runtime")} for point in points
    ] == [
        {"_step": 1, "env_steps": 10, "economy/welfare": 0.5},
        {"_step": 2, "env_steps": 20, "economy/welfare": 1.0, "citizen/entropy": 1.0},
    ]
    axes = {record.metric.glob_name: record.metric.step_metric for record in records if record.HasField("metric")}
    assert axes["*"] == "env_steps"


def test_the_library_refuses_at_once(run, tmp_path):
    # Contract: no question, one line. Nobody is logged in, so there is no word to the server either.
    pytest.importorskip("wandb")
    run.write_table("metrics", rows("saez", [1]))
    done = fisc("export", "wandb", run.path, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fisc: error: nobody is logged in") and done.stderr.count("\n") == 1
    done = fisc("export", "wandb", run.path, "--project", "a/b", home=tmp_path)
    assert done.returncode == 2 and "Invalid project name 'a/b'" in done.stderr and done.stderr.count("\n") == 1
    assert not (run.path / "wandb").exists()


def test_the_stand_in_takes_the_calls_that_the_library_takes():
    # Contract: names of arguments, where no server is at hand to show it.
    library = pytest.importorskip("wandb")
    assert {"prompt", "verify"} <= set(inspect.signature(library.login).parameters)
    assert {"finish_timeout", "finish_timeout_raises", "init_timeout"} <= set(library.Settings.model_fields)
    assert isinstance(inspect.getattr_static(library.Run, "starting_step"), property)
    assert isinstance(inspect.getattr_static(library.Run, "project_url"), property)
