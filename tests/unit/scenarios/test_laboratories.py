"""The arm whose schedule is found by trying versions of it side by side."""

import json
import shutil

import jax
import numpy as np
import polars as pl
import pytest

import fisc
from fisc.core.errors import ConfigError, DivergenceError, RunError
from fisc.records.store import RunFolder
from fisc.scenarios import build, checkpoint, laboratories, searches, training
from fisc.scenarios import compare as comparison
from fisc.scenarios.compare import plan, reevaluate
from fisc.scenarios.registry import LABORATORIES, load_scenario
from fisc.scenarios.settings import load_setting
from fisc.scenarios.worlds import unsolved_worlds
from fisc.taxes.laboratories import along, peak, slopes, steps, uphill, versions

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
    "laboratories.reach": 0.2,
    "budgets.smoke.updates": 2,
    "budgets.smoke.search_updates": 12,
}
ARMS = ["free_market", "laboratories"]
LINE = SMALL | {
    "laboratories.search": "line",
    "laboratories.begins_at": 0.0,
    "laboratories.reach": 0.6,
    "laboratories.listens_at": 0.5,
    "laboratories.tries": 4,
    "budgets.smoke.search_draws": 65,
    "budgets.smoke.common_updates": 2,
}


def compare(out, **options):
    """A small comparison with the arm."""
    asked = {"arms": ARMS, "seeds": 2, "budget": "smoke", "overrides": SMALL, "draw": False} | options
    return fisc.compare("one-step", out=out, **asked)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished comparison, with its figures."""
    return compare(tmp_path_factory.mktemp("laboratories") / "run", draw=True)


def heard(folder, seed=0):
    """What a search knew in its checkpoint: its blocks, and where the schedule stands."""
    content = (folder / "checkpoints" / f"laboratories-seed-{seed}.ckpt").read_bytes()
    known = json.loads(content.split(b"\n")[2])["adviser"]
    return known["heard"], known["schedule"]


def test_the_schedule_follows_from_what_was_heard(run):
    # Closed form: begins at 0.25, rests for one block of four, then makes two moves by what it heard.
    blocks, last = heard(run.folder)
    assert [block["update"] for block in blocks] == [3, 6, 9, 12]
    schedule, seen, sizes = np.full(3, 0.25), [], dict(zip((6, 9), steps(2, 0.85, 0.2), strict=True))
    for block in blocks:
        np.testing.assert_allclose(block["schedule"], schedule)
        if block["update"] in sizes:
            seen.append(slopes(versions(schedule, 0.2), np.array(block["welfare"])))
            schedule = np.clip(schedule + sizes[block["update"]] * uphill(np.stack(seen), 0.85), 0, 1)
    np.testing.assert_allclose(last, schedule)
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
    rates = course.filter(pl.col("metric").is_in(["rate", "slope"]))
    assert set(rates["rate_of"]) == {"from 0", "from 500", "from 2000"}
    blocks, _ = heard(run.folder, seed=1)
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

    save = checkpoint.save
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(checkpoint, "save", full)
        compare(tmp_path / "run")
    assert len(heard(tmp_path / "run", 1)[0]) == kept
    compare(tmp_path / "run", resume=True)
    for name in ("checkpoints/laboratories-seed-0.ckpt", "checkpoints/laboratories-seed-1.ckpt", "exact.json"):
        assert (tmp_path / "run" / name).read_bytes() == (run.folder / name).read_bytes(), name
    for name in ("search", "evaluation"):
        assert RunFolder.open(tmp_path / "run").read_table(name).equals(RunFolder.open(run.folder).read_table(name))


def test_a_version_that_diverges_stops_the_search_with_its_state_saved(tmp_path, monkeypatch):
    """Property: what is not finite is refused before the search hears of it, and named by seed and version."""
    told = training.compile_block

    def broken(system, size, number):
        step = told(system, size, number)

        def block(economies, runs):
            arrays, metrics = step(economies, runs)
            return arrays, metrics | {"welfare": metrics["welfare"].at[2, 1].set(np.nan)}

        return block

    monkeypatch.setattr(training, "compile_block", broken)
    with pytest.raises(DivergenceError, match=r"welfare is nan .* in arm laboratories, seed 0, version 2, update 2"):
        compare(tmp_path / "run")
    assert (tmp_path / "run" / "checkpoints" / "laboratories-seed-0-stopped.ckpt").exists()
    assert not (tmp_path / "run" / "checkpoints" / "laboratories-seed-0.ckpt").exists()


def test_it_is_evaluated_again_without_searching(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy)
    again = reevaluate(copy)
    assert again.summary["arms"] == run.summary["arms"]
    known = json.loads((copy / "exact.json").read_text())
    (copy / "exact.json").write_text(json.dumps({k: v for k, v in known.items() if k != "laboratories/1"}))
    for again in (reevaluate, lambda folder: load_setting(folder, "free_market", 0)):
        with pytest.raises(RunError, match=r"schedule of arm laboratories, seed 1, .*--resume"):
            again(copy)
    compare(copy, resume=True)
    assert json.loads((copy / "exact.json").read_text()) == known


def test_its_policies_are_there_for_whatever_a_run_is_used_for(run):
    """Property: who was trained under the schedule that was found can be loaded with it."""
    found = json.loads((run.folder / "exact.json").read_text())["laboratories/0"]
    np.testing.assert_allclose(load_setting(run.folder, "laboratories", 0).economy.tax.schedule, found, rtol=1e-6)


def test_versions_have_luck_of_their_own():
    # Property: no two of all seeds' versions begin alike, nor like an arm.
    planned = plan("one-step", arms=ARMS, seeds=2, budget="smoke", overrides=SMALL)
    worlds = [world for world in unsolved_worlds(planned) if world.arm == LABORATORIES]
    keys = [job.key for world in worlds for job in searches.Climb(planned, world).jobs()]
    keys += [jax.random.key(seed) for seed in planned.seeds]
    assert len({tuple(np.asarray(jax.random.key_data(key)).tolist()) for key in keys}) == 2 * 4 + 2


def test_what_a_version_is_worth_is_seen_in_all_its_environments():
    # By hand: of 6 environments, where other training records 4.
    planned = plan("one-step", arms=ARMS, budget="smoke", overrides=SMALL | {"laboratories.environments": 6})
    assert laboratories.system(planned).num_watched == laboratories.system(planned).num_environments == 6


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A finished comparison whose versions lie in a row."""
    return compare(tmp_path_factory.mktemp("line") / "run", overrides=LINE)


def test_a_line_goes_as_far_as_is_best_once_it_was_answered(line):
    # Closed form: of four blocks the first two are not listened to, and of the others the mean counts.
    for seed in (0, 1):
        content = (line.folder / "checkpoints" / f"laboratories-seed-{seed}.ckpt").read_bytes()
        known = json.loads(content.split(b"\n")[2])["adviser"]
        far, worth = np.array([0.0, 0.2, 0.4, 0.6]), np.array(known["worth"])
        answered = np.mean([block["welfare"] for block in known["heard"][2:]], axis=0)
        np.testing.assert_allclose(known["schedule"], along(np.zeros(3), worth, np.array(peak(far, answered))))
        np.testing.assert_allclose(known["heard"][1]["schedule"], 0.0, err_msg="nothing is found before")
        np.testing.assert_allclose(known["heard"][3]["schedule"], known["schedule"])
        np.testing.assert_allclose(
            json.loads((line.folder / "exact.json").read_text())[f"laboratories/{seed}"], known["schedule"]
        )
        row = along(np.zeros(3), worth, far)
        assert np.max(row) == pytest.approx(0.6), "the rate that pays most goes all the way"
    # By hand, in environments of 2 steps: the common start (2 environments, 2 updates), 66 episodes asked about, 4
    # versions for 12 updates, and 2 arms for 2, of 2 seeds each.
    assert line.summary["env_steps"] == 2 * (4 * 2 + 66 * 2 + 4 * 4 * 12 + 4 * 2 * 2)


def test_what_every_version_was_worth_is_recorded(line):
    course = RunFolder.open(line.folder).read_table("search").filter(pl.col("metric") == "version")
    heard_last = heard(line.folder, 1)[0][-1]
    mine = course.filter((pl.col("seed") == 1) & (pl.col("update") == 12)).sort("rate_of")
    assert mine["rate_of"].to_list() == ["version 0", "version 1", "version 2", "version 3"]
    np.testing.assert_allclose(mine["value"], heard_last["welfare"])


def test_citizens_who_do_not_answer_are_asked_what_rates_are_worth():
    # Property: as they work the same under every schedule, a rate only moves coin from rich to poor, so it pays; and
    # whoever is asked again says the same.
    planned = plan("one-step", arms=ARMS, budget="smoke", overrides=LINE | {"budgets.smoke.search_draws": 512})
    world = next(world for world in unsolved_worlds(planned) if world.arm == LABORATORIES)
    found = []
    for _ in range(2):
        search = searches.Line(planned, world)
        citizen = build.make_learners(planned.scenario)["citizen"]
        learners = {"citizen": citizen.init(jax.random.key(7), search.economy(search.start), "citizen")}
        slopes_found, errors = search.ask(learners)
        found.append(slopes_found)
    assert np.all(found[0][:2] > 2 * errors[:2])
    np.testing.assert_array_equal(*found)


def test_a_line_goes_on_to_the_same_end_without_asking_again(line, tmp_path, monkeypatch):
    # Property: stopped after the second block.
    def full(path, state, note):
        if "seed-1" in path.name and note["updates"] == 9:
            raise OSError(28, "No space left on device")
        save(path, state, note)

    save = checkpoint.save
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(checkpoint, "save", full)
        compare(tmp_path / "run", overrides=LINE)
    monkeypatch.setattr(searches.Line, "prepare", lambda *_: pytest.fail("citizens are asked once"))
    compare(tmp_path / "run", overrides=LINE, resume=True)
    for name in ("checkpoints/laboratories-seed-1.ckpt", "exact.json"):
        assert (tmp_path / "run" / name).read_bytes() == (line.folder / name).read_bytes(), name


def test_a_line_without_a_direction_is_not_paid_for(monkeypatch):
    """Contract: it ends before any version is trained; and noise is called noise."""
    planned = plan("one-step", arms=ARMS, budget="smoke", overrides=LINE)
    search = searches.Line(planned, next(world for world in unsolved_worlds(planned) if world.arm == LABORATORIES))
    monkeypatch.setattr(search, "ask", lambda _: (np.array([-1.0, -2.0, 0.0]), np.ones(3)))
    with pytest.raises(RunError, match=r"no rate is worth anything at once .*laboratories.begins_at"):
        search.prepare({}, lambda _: None)
    said = []
    monkeypatch.setattr(search, "ask", lambda _: (np.array([1.0, -1.5, 0.0]), np.ones(3)))
    search.prepare({}, said.append)
    assert said[1] == "a rate from 0 to 1, seed 0: 1 ± 1 from 0, -1.5 ± 1 from 500, 0 ± 1 from 2000"
    assert "no more than noise" in said[2]
    # The first rate costs surely, but stays where it is: of those that move nothing is known.
    monkeypatch.setattr(search, "ask", lambda _: (np.array([-50.0, 1.0, 0.5]), np.ones(3)))
    search.prepare({}, said.append)
    assert "no more than noise" in said[-1]


def test_rates_that_pay_little_stay_on_a_line():
    """By hand: the second of three pays less than half of the first, the third more."""
    overrides = LINE | {"laboratories.ignores": 0.5}
    planned = plan("one-step", arms=ARMS, budget="smoke", overrides=overrides)
    search = searches.Line(planned, next(world for world in unsolved_worlds(planned) if world.arm == LABORATORIES))
    search.worth = np.array([10.0, 4.0, 6.0])
    np.testing.assert_allclose(search.versions(), [[0, 0, 0], [0.2, 0, 0.12], [0.4, 0, 0.24], [0.6, 0, 0.36]])


def test_asking_stops_at_a_number_that_is_not_finite(tmp_path, monkeypatch):
    """Contract: as in training and evaluation."""
    monkeypatch.setattr(searches, "over_jobs", lambda *_: lambda *_: (np.array([np.nan]), np.zeros(1)))
    with pytest.raises(DivergenceError, match=r"asking citizens stopped, seed 0: .*welfare is not finite"):
        compare(tmp_path / "run", overrides=LINE, seeds=1)


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"budgets.smoke.common_updates": 0}, "set budgets.smoke.common_updates above 0, or laboratories.search to"),
        ({"laboratories.listens_at": 0.125}, "laboratories.listens_at is 0.125: set it to at least 0.5"),
        ({"laboratories.begins_at": 0.25, "laboratories.reach": 1.0}, "set it to at most 0.75"),
    ],
)
def test_a_line_that_cannot_find_anything_is_refused(overrides, message):
    """Contract."""
    with pytest.raises(ConfigError) as error:
        plan("one-step", arms=ARMS, budget="smoke", overrides=LINE | overrides)
    assert message in str(error.value)


def test_a_search_of_few_moves_says_so(tmp_path):
    """Contract: a budget that finds nothing is not passed over in silence."""
    said = []
    compare(tmp_path / "run", seeds=1, note=said.append)
    assert any("makes 2 moves in this budget, which finds little: give a longer one" in text for text in said)


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"laboratories.reach": 0.0}, "laboratories.reach is 0.0: it must be above 0"),
        ({"laboratories.width": 0.0}, "laboratories.width is 0.0: it must be above 0, at most 1"),
        ({"laboratories.begins_at": 1.5}, "laboratories.begins_at is 1.5: it must be in [0, 1]"),
        ({"laboratories.listens_at": 1.0}, "laboratories.listens_at is 1.0: it must be in [0, 1)"),
        ({"laboratories.memory": 1.0}, "laboratories.memory is 1.0: it must be in [0, 1)"),
        ({"laboratories.search": "circle"}, "laboratories.search is 'circle'"),
        ({"laboratories.tries": 3}, "laboratories.tries is 3: it must be at least 4"),
        ({"laboratories.ignores": 1.0}, "laboratories.ignores is 1.0: it must be in [0, 1)"),
        ({"budgets.smoke.search_draws": 10}, "budgets.*.search_draws is 10: it must be at least 64"),
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


def test_several_processes_are_refused(monkeypatch):
    """Contract: before anything is spent, in every process alike."""
    monkeypatch.setattr(comparison.jax, "process_count", lambda: 2)
    monkeypatch.setattr(comparison.processes, "agree", lambda text: True)
    planned = plan("one-step", arms=ARMS, budget="smoke", overrides=SMALL)
    with pytest.raises(ConfigError, match="arm laboratories runs in one process: leave it out here"):
        comparison._check_processes(planned)


def test_its_schedule_is_known_only_to_a_comparison():
    """Contract."""
    from fisc.scenarios.sources import stage

    with pytest.raises(ConfigError, match="give the folder of one that has this arm"):
        stage("one-step", "laboratories")
