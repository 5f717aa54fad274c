"""The arm whose schedule is found by trying versions of it side by side."""

import json
import shutil

import numpy as np
import polars as pl
import pytest

import fisc
from fisc.core.errors import ConfigError, RunError
from fisc.records.store import RunFolder
from fisc.scenarios import laboratories
from fisc.scenarios.compare import plan, reevaluate
from fisc.scenarios.registry import load_scenario
from fisc.scenarios.worlds import LABORATORIES, unsolved_worlds
from fisc.taxes.laboratories import slopes, uphill, versions

SMALL = {
    "economy.workers": 8,
    "economy.labor_steps": 4,
    "taxes.brackets": "list",
    "taxes.cutoffs": [0.0, 500.0, 2000.0],
    "learning.citizen.hidden": [4],
    "learning.environments": 2,
    "laboratories.environments": 2,
    "laboratories.block": 3,
    "laboratories.listens_at": 0.25,
    "laboratories.step": 0.2,
    "budgets.smoke.updates": 2,
    "budgets.smoke.search_updates": 12,
}
ARMS = ["free_market", "laboratories"]


def compare(out, **options):
    """A small comparison with the arm."""
    asked = {"arms": ARMS, "seeds": 2, "budget": "smoke", "overrides": SMALL, "draw": False} | options
    return fisc.compare("one-step", out=out, **asked)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished comparison, with its figures."""
    return compare(tmp_path_factory.mktemp("laboratories") / "run", draw=True)


def heard(folder, seed=0):
    """What a search wrote down, block by block."""
    return json.loads((folder / f"laboratories-seed-{seed}.json").read_text())


def test_the_schedule_follows_from_what_was_heard(run):
    # Closed form: begins at 0.25, rests for one block of three, then moves by what it heard, less and less.
    blocks = heard(run.folder)
    assert [block["update"] for block in blocks] == [3, 6, 9, 12]
    schedule, seen = np.full(3, 0.25), []
    for block in blocks:
        np.testing.assert_allclose(block["schedule"], schedule)
        if block["update"] > 3:
            seen.append(slopes(versions(schedule, 0.2), np.array(block["welfare"])))
            left = 1 - block["update"] / 12
            schedule = np.clip(schedule + 0.2 * left * uphill(np.stack(seen), 0.85), 0, 1)
    assert not np.allclose(schedule, 0.25)
    known = json.loads((run.folder / "exact.json").read_text())
    np.testing.assert_allclose(known["laboratories/0"], schedule)
    assert known["laboratories/1"] != known["laboratories/0"], "seeds search on their own"


def test_citizens_are_trained_and_judged_under_what_was_found(run):
    folder = RunFolder.open(run.folder)
    found = json.loads((run.folder / "exact.json").read_text())["laboratories/1"]
    rates = folder.read_table("schedules").filter((pl.col("arm") == "laboratories") & (pl.col("seed") == 1))
    np.testing.assert_allclose(rates.sort("bracket")["rate"], found, atol=1e-6)
    curves = folder.read_table("metrics").filter(pl.col("arm") == "laboratories")
    assert curves["update"].max() == 2, "what versions did is no curve of the arm's"
    # By hand: 2 environments of 2 steps: 4 versions for 12 updates and 2 arms for 2, of 2 seeds each.
    assert run.summary["env_steps"] == 4 * (4 * 12 * 2 + 2 * 2 * 2)


def test_the_course_is_recorded_and_drawn(run):
    course = RunFolder.open(run.folder).read_table("search")
    assert set(course["rate_of"].drop_nulls()) == {"from 0", "from 500", "from 2000"}
    blocks = heard(run.folder, seed=1)
    mine = course.filter((pl.col("seed") == 1) & (pl.col("metric") == "welfare")).sort("update")
    np.testing.assert_allclose(mine["value"], [np.mean(block["welfare"]) for block in blocks])
    rates = course.filter((pl.col("seed") == 1) & (pl.col("metric") == "rate") & (pl.col("rate_of") == "from 500"))
    np.testing.assert_allclose(rates.sort("update")["value"], [block["schedule"][1] for block in blocks])
    assert (run.folder / "figures" / "search.png").exists()
    drawn = pl.read_csv(run.folder / "figures" / "search.csv")
    assert set(drawn["seeds"]) == {2}


@pytest.mark.parametrize("kept", [1, 3])
def test_a_search_goes_on_to_the_same_end(run, tmp_path, kept, monkeypatch):
    # Property: stopped by a full disk after `kept` blocks, before the checkpoint of the next one is written.
    def full(path, state, note):
        if "seed-1" in path.name and note["updates"] == 3 * (kept + 1):
            raise OSError(28, "No space left on device")
        save(path, state, note)

    save = laboratories.train_group.__globals__["checkpoint"].save
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(laboratories.train_group.__globals__["checkpoint"], "save", full)
        compare(tmp_path / "run")
    assert len(heard(tmp_path / "run", 1)) == kept + 1, "it heard of a block that it has to make again"
    compare(tmp_path / "run", resume=True)
    for name in ("laboratories-seed-0.json", "laboratories-seed-1.json", "exact.json"):
        assert (tmp_path / "run" / name).read_bytes() == (run.folder / name).read_bytes(), name


def test_it_is_evaluated_again_without_searching(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy)
    again = reevaluate(copy)
    assert again.summary["arms"] == run.summary["arms"]
    known = json.loads((copy / "exact.json").read_text())
    (copy / "exact.json").write_text(json.dumps({k: v for k, v in known.items() if k != "laboratories/1"}))
    with pytest.raises(RunError, match=r"schedule of arm laboratories, seed 1, .* --resume"):
        reevaluate(copy)


def test_versions_of_a_seed_have_luck_of_their_own(run, tmp_path):
    # Property: no two of all seeds' versions begin alike.
    planned, seen = plan("one-step", arms=ARMS, seeds=2, budget="smoke", overrides=SMALL), []
    for world in unsolved_worlds(planned):
        if world.arm == LABORATORIES:
            seen += [job.seed for job in laboratories.Search(planned, world, RunFolder.open(run.folder)).jobs()]
    assert len(set(seen)) == 8 and not set(seen) & {0, 1}


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"laboratories.width": 0.0}, "laboratories.width is 0.0: it must be above 0, at most 1"),
        ({"laboratories.begins_at": 1.5}, "laboratories.begins_at is 1.5: it must be in [0, 1]"),
        ({"laboratories.listens_at": 1.0}, "laboratories.listens_at is 1.0: it must be in [0, 1)"),
        ({"laboratories.memory": 1.0}, "laboratories.memory is 1.0: it must be in [0, 1)"),
        ({"laboratories.environments": 1}, "laboratories.environments is 1: it must be at least 2"),
        ({"laboratories.blocks": 3}, "did you mean 'laboratories.block'"),
        ({"budgets.smoke.search_updates": -1}, "search_updates is -1: it must be at least 0"),
    ],
)
def test_wrong_settings_are_refused(overrides, message):
    """Contract."""
    with pytest.raises(ConfigError) as error:
        load_scenario("one-step", overrides)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"learning.citizens": "best_response"}, "set learning.citizens to 'learn', or leave it out"),
        (
            {"learning.citizen.minibatches": 3, "learning.environments": 3},
            "laboratories.environments is 2: it must be at least learning.citizen.minibatches (3)",
        ),
    ],
)
def test_a_search_that_cannot_be_is_refused_before_anything_is_spent(overrides, message):
    """Contract."""
    with pytest.raises(ConfigError) as error:
        plan("one-step", arms=ARMS, budget="smoke", overrides=SMALL | overrides)
    assert message in str(error.value)


def test_its_schedule_is_known_only_to_a_comparison():
    """Contract."""
    from fisc.scenarios.sources import stage

    with pytest.raises(ConfigError, match="give the folder of one that has this arm"):
        stage("one-step", "laboratories")
