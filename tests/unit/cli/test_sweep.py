"""`fisc sweep` runs every point, tells what came of it and leaves no process behind. Kind: contract, expected by hand.

But for one test the comparisons are played by a script that does as it is told, as real ones take long to compile.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

import polars as pl
import pytest

from fisc.cli import sweeping, workers
from fisc.cli.main import main
from fisc.core.errors import RunError
from fisc.records.store import RunFolder
from fisc.scenarios import sweep as sweeps
from fisc.scenarios.plan import plan
from fisc.scenarios.provenance import identity_of
from fisc.scenarios.sweep_file import read_sweep

from ...docs.pages import ROOT, blocks
from ..records.wandb_stand_in import StandIn

COMMON = """
scenario = "one-step"
arms = ["flat"]
seeds = 1
budget = "smoke"
[set]
economy.workers = 7
learning.citizens = "best_response"
learning.environments = 2
"""
GRID = COMMON + "[grid]\ntaxes.flat_rate = [0.2, 0.4, 0.6]\n"

ACTOR = """
import json, os, pathlib, sys, time
words = sys.argv[1:]
out = pathlib.Path(words[words.index("--out") + 1])
rate = float(out.name.partition("=")[2])
with open(out.parent / "played.txt", "a") as file:
    print(out.name, time.time(), os.environ["XLA_FLAGS"].replace(" ", ";"), os.getpid(), file=file, flush=True)
print("playing", flush=True)
time.sleep(float(os.environ.get("PLAY_SECONDS", "0")))
if rate == 0.4 and "PLAY_FAILURE" in os.environ:
    if os.environ["PLAY_FAILURE"] == "killed":
        os.kill(os.getpid(), 9)
    sys.exit("fisc: error: training stopped: welfare is nan")
out.mkdir()
welfare = {"mean": 100 - 1000 * (rate - 0.35) ** 2, "low": 1.0, "high": 99.0, "values": []}
objective = "inverse_income_weighted_utility"
(out / "summary.json").write_text(json.dumps({"objective": objective, "arms": {"flat": {objective: welfare}}}))
"""


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    """A folder of its own; environment variables do not outlive a test."""
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweeping.console, "width", 120, raising=False)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def actor(tmp_path, monkeypatch):
    """Comparisons are played; what each point was started with is in `played()`."""
    (tmp_path / "actor.py").write_text(ACTOR)
    monkeypatch.setattr(workers, "command_of", lambda words: [sys.executable, str(tmp_path / "actor.py"), *words])
    monkeypatch.setattr(sweeps, "outline", lambda planned: None)
    monkeypatch.setattr(workers, "SECONDS_BETWEEN_LOOKS", 0.02)


def played(out="runs/job"):
    """Name, start time, flags of XLA and process of every point that was started."""
    return [line.split() for line in Path(out, "played.txt").read_text().splitlines()]


def states(out="runs/job"):
    return {name: point["state"] for name, point in json.loads(Path(out, "sweep.json").read_text())["points"].items()}


def sweep(text, *words):
    Path("job.toml").write_text(text)
    return main(["sweep", "job.toml", *words])


def test_one_table_says_which_point_is_best(actor, capsys):
    # By hand: welfare is 100 - 1000 (rate - 0.35)²: 77.5, 97.5 and 37.5.
    assert sweep(GRID) == 0
    frame = pl.read_parquet("runs/job/sweep.parquet")
    assert frame["taxes.flat_rate"].to_list() == [0.2, 0.4, 0.6]
    assert frame["mean"].to_list() == pytest.approx([77.5, 97.5, 37.5])
    assert frame["is_best"].to_list() == [False, True, False]
    assert pl.read_csv("runs/job/sweep.csv")["point"].to_list() == frame["point"].to_list()
    starred = [line for line in capsys.readouterr().out.splitlines() if line.rstrip().endswith("★")]
    assert len(starred) == 1 and "0.4" in starred[0] and "97.5" in starred[0]


@pytest.mark.parametrize(
    "failure, reason", [("error", "training stopped: welfare is nan"), ("killed", "killed by SIGKILL")]
)
def test_a_point_that_fails_is_reported_and_stops_no_other(failure, reason, actor, monkeypatch, capsys):
    monkeypatch.setenv("PLAY_FAILURE", failure)
    assert sweep(GRID, "--jobs", "1") == 1
    assert states() == {"flat_rate=0.2": "finished", "flat_rate=0.4": "failed", "flat_rate=0.6": "finished"}
    said = capsys.readouterr().out
    assert f"failed: flat_rate=0.4: {reason}" in said and "1 of 3 points failed" in said
    assert pl.read_parquet("runs/job/sweep.parquet")["mean"].is_null().to_list() == [False, True, False]
    assert json.loads(Path("runs/job/sweep.json").read_text())["points"]["flat_rate=0.4"]["error"].startswith(reason)


@pytest.mark.parametrize("words, most, cores", [((), 3, 2), (("--jobs", "2"), 2, 3), (("--jobs", "7"), 3, 2)])
def test_the_cores_are_shared_out_among_the_points(words, most, cores, actor, monkeypatch, capsys):
    # By hand: six cores, three points.
    monkeypatch.setattr(sweeping, "num_cores", lambda: 6)
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setenv("PLAY_SECONDS", "0.5")
    at_once = []
    monkeypatch.setattr(sweeping.Board, "look", lambda board, running: at_once.append(len(running)))
    assert sweep(GRID, *words) == 0
    assert max(at_once) == most
    assert all(f"--xla_force_host_platform_device_count={cores};" in flags for _, _, flags, _ in played())


def test_flags_of_the_users_own_are_left_alone():
    given = {"XLA_FLAGS": "--xla_force_host_platform_device_count=5", "OMP_NUM_THREADS": "9"}
    made = workers.environment_of(given, 1, 0.5)
    assert "count=5" in made["XLA_FLAGS"] and "count=1" not in made["XLA_FLAGS"] and made["OMP_NUM_THREADS"] == "9"


def alive(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def test_ctrl_c_stops_all_processes_and_says_how_to_go_on(actor, monkeypatch, capsys):
    monkeypatch.setenv("PLAY_SECONDS", "60")

    def interrupt(board, running):
        if len(running) == 2 and all(workers.last_line(worker.log) == "playing" for worker in running.values()):
            raise KeyboardInterrupt

    monkeypatch.setattr(sweeping.Board, "look", interrupt)
    assert sweep(GRID, "--jobs", "2") == 130
    assert "go on with the same command and --resume" in capsys.readouterr().err
    assert states() == {"flat_rate=0.2": "stopped", "flat_rate=0.4": "stopped", "flat_rate=0.6": "waiting"}
    assert [alive(int(process)) for *_, process in played()] == [False, False]


def test_a_process_that_was_left_behind_keeps_its_folder(actor, tmp_path, monkeypatch):
    # As after kill -9 of the sweep: the lock ends with the last process that inherited it, not with the sweep.
    monkeypatch.setenv("PLAY_SECONDS", "60")
    folder = tmp_path / "runs"
    folder.mkdir()
    words = ["compare", "one-step", "--out", str(folder / "rate=0.2")]
    with workers.locked(folder) as lock:
        left = workers.Process(words, workers.environment_of(os.environ, 1, 1.0), tmp_path / "log", lock)
    try:
        with pytest.raises(RunError, match="another sweep"), workers.locked(folder):
            pass
    finally:
        workers.stop_all([left])
    with workers.locked(folder):
        pass


@pytest.fixture
def half_done():
    """A sweep with one finished point, one that was stopped, and one that never began."""
    Path("job.toml").write_text(GRID)
    out = Path("runs/job")
    for point, state in zip(read_sweep("job.toml").points[:2], ("finished", "stopped"), strict=True):
        run = RunFolder.create(out / point.name)
        run.write_text("scenario.toml", "")
        run.write_json("provenance.json", {"plan": identity_of(plan(**point.options, overrides=point.overrides))})
        run.write_json("status.json", {"state": state})
        if state == "finished":
            run.write_json("summary.json", {"objective": "rawlsian", "arms": {}})
    (out / "sweep.json").write_text("{}")
    return out


def test_resuming_leaves_out_what_is_finished_and_goes_on_with_the_rest(half_done):
    tasks = sweeps.prepare(read_sweep("job.toml"), half_done, resume=True)
    assert [task.is_finished for task in tasks] == [True, False, False]
    assert [task.arguments[-1] == "--resume" for task in tasks] == [True, True, False]
    (half_done / "sweep.json").unlink()  # as where points were run by hand, on a cluster
    assert sweeps.prepare(read_sweep("job.toml"), half_done, resume=True) == tasks


def test_a_point_from_before_scenarios_had_a_key_goes_on(half_done):
    for path in half_done.glob("*/provenance.json"):
        kept = json.loads(path.read_text())
        del kept["plan"]["scenario"]["learning"]["citizen"]["network"]
        path.write_text(json.dumps(kept))
    tasks = sweeps.prepare(read_sweep("job.toml"), half_done, resume=True)
    assert [task.is_finished for task in tasks] == [True, False, False]


def test_resuming_another_sweep_is_refused(half_done, capsys):
    assert sweep(GRID.replace("workers = 7", "workers = 8"), "--resume") == 2
    assert "holds another run (plan.scenario.economy.workers was 7, now 8)" in capsys.readouterr().err


def test_a_folder_that_is_there_is_not_touched(half_done, capsys):
    assert sweep(GRID) == 2
    assert "already exists: go on with it by --resume" in capsys.readouterr().err
    assert sweep(GRID, "--out", ".", "--resume") == 2
    assert "no folder of a sweep" in capsys.readouterr().err


def test_a_dry_run_checks_everything_and_writes_nothing(actor, capsys):
    assert sweep(GRID, "--dry-run") == 0
    said = capsys.readouterr().out
    # What is printed can be given to a shell: a comment, and a command for each point.
    assert said.startswith("# 3 points; ") and said.count("\nfisc compare one-step --arms flat --seeds 1") == 3
    assert "taxes.flat_rate=0.6" in said
    assert not Path("runs").exists()


def test_every_point_writes_the_curves_that_the_sweep_is_asked_for(actor, monkeypatch, capsys):
    # Contract; and a library that is missing is missed before anything runs.
    assert sweep(GRID, "--dry-run", "--tensorboard") == 0
    assert capsys.readouterr().out.count(" --tensorboard\n") == 3
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert sweep(GRID, "--tensorboard") == 2
    assert "pip install 'fisc[tensorboard]'" in capsys.readouterr().err and not Path("runs").exists()
    monkeypatch.setitem(sys.modules, "wandb", StandIn())
    assert sweep(GRID, "--dry-run", "--wandb", "taxes") == 0
    assert capsys.readouterr().out.count(" --wandb taxes\n") == 3


BAD = {
    "unknown key": (GRID.replace("budget =", "bugdet ="), "unknown key 'bugdet': did you mean 'budget'?"),
    "key of the scenario at the top": ("objective = 'rawlsian'\n" + GRID, "stand in [set], [grid] or [[list]]"),
    "unknown swept key": (COMMON + "[grid]\ntaxes.flat = [0.1]\n", "point flat=0.1: unknown key 'taxes.flat'"),
    "impossible value": (COMMON + "[grid]\ntaxes.flat_rate = [0.2, 7]\n", "point flat_rate=7: taxes.flat_rate is 7.0"),
    "nothing swept": (COMMON, "has neither [grid] nor [[list]]"),
    "both": (GRID + "[[list]]\n", "has both [grid] and [[list]]"),
    "empty grid": (COMMON + "[grid]\n", "[grid] is empty"),
    "empty list of values": (COMMON + "[grid]\ntaxes.flat_rate = []\n", "must be a list of values"),
    "one value": (COMMON + "[grid]\ntaxes.flat_rate = 0.2\n", "must be a list of values"),
    "same name": (COMMON + "[grid]\ntaxes.flat_rate = [0.2, 0.2]\n", "2 points are the same (flat_rate=0.2)"),
    "same meaning": (COMMON + "[grid]\ntaxes.top_cutoff = [9, 9.0]\n", "top_cutoff=9 and top_cutoff=9.0 come to the"),
    "swept and given": (COMMON + "[grid]\neconomy.workers = [7, 8]\n", "both swept and given to all points"),
    "option in set": (GRID.replace("[set]", "[set]\nseeds = 2"), "seeds in [set]: it stands at the top"),
    "wrong type": (GRID.replace("seeds = 1", "seeds = 1.5"), "seeds is 1.5"),
    "no scenario": ("[grid]\nobjective = ['rawlsian']\n", "no scenario: name a preset"),
    "not TOML": ("grid", "is not valid TOML"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_job_file_is_refused_in_one_line(case, monkeypatch, capsys):
    # Contract of the command line: exit code 2, one line, nothing written.
    monkeypatch.setattr(sweeps, "outline", lambda planned: None)
    text, expected = BAD[case]
    assert sweep(text) == 2
    said = capsys.readouterr().err
    assert said.startswith("fisc: error: ") and said.count("\n") == 1 and expected in said
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "words, expected", [(["no.toml"], "no job file no.toml"), (["x", "--jobs", "0"], "--jobs is 0")]
)
def test_wrong_words_are_refused(words, expected, capsys):
    assert main(["sweep", *words]) == 2
    assert expected in capsys.readouterr().err


def test_lists_options_and_odd_values_make_points_of_their_own():
    # By hand: what a list leaves out is empty, options can be swept, and odd values get names that a disk can hold.
    Path("job.toml").write_text(
        'scenario = "one-step"\n[[list]]\nobjective = "rawlsian"\n[[list]]\nseeds = [4]\narms = ["a/b.py:make"]\n'
    )
    first, second = read_sweep("job.toml").points
    assert first.name == "objective=rawlsian" and first.overrides == {"objective": "rawlsian"}
    assert second.options == {"scenario": "one-step", "seeds": (4,), "arms": ("a/b.py:make",)}
    assert "/" not in second.name and second.name.startswith("seeds=_4_,arms=")


def test_an_entry_of_a_list_goes_before_what_all_have_in_common():
    # By hand; the table still shows what the other point has.
    Path("job.toml").write_text(
        'scenario = "one-step"\nseeds = 5\n[set]\ntaxes.flat_rate = 0.1\n'
        "[[list]]\nseeds = 2\n[[list]]\ntaxes.flat_rate = 0.3\n"
    )
    first, second = read_sweep("job.toml").points
    assert (first.name, second.name) == ("seeds=2", "flat_rate=0.3")
    assert first.swept == {"seeds": 2, "taxes.flat_rate": 0.1} and second.swept == {"seeds": 5, "taxes.flat_rate": 0.3}
    assert first.options["seeds"] == 2 and second.overrides == {"taxes.flat_rate": 0.3}


def test_the_job_files_in_the_documentation_can_be_planned():
    # Evidence that the page is right: every point of every job file on it is a comparison that could start.
    files = [block for block in blocks(ROOT / "docs" / "sweeps.md") if block.language == "toml"]
    points = []
    for block in files:
        Path("job.toml").write_text(block.text)
        points += read_sweep("job.toml").points
    assert len(points) == 5 + 3 + 3
    for point in [points[0], *points[5:]]:
        plan(**point.options, overrides=point.overrides)


def test_real_comparisons_give_the_table_and_are_not_run_twice(capsys):
    # What the actor stands in for. Golden in kind, not in number: the table has what the run folders have.
    text = GRID.replace("[0.2, 0.4, 0.6]", "[0.3, 0.6]")
    assert sweep(text) == 0, capsys.readouterr()
    frame = pl.read_parquet("runs/job/sweep.parquet")
    for row in frame.iter_rows(named=True):
        evaluation = RunFolder.open(f"runs/job/{row['point']}").read_table("evaluation")
        assert row["mean"] == evaluation.filter(pl.col("metric") == row["metric"])["value"].item()
    assert frame["is_best"].sum() == 1
    before = {path: path.stat().st_mtime_ns for path in Path("runs/job").glob("*/*")}
    assert sweep(text, "--resume") == 0
    assert "2 points, 2 finished already" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in Path("runs/job").glob("*/*")}
