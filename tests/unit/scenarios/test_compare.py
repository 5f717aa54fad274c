"""The main job at its edges: what is refused before anything is spent, and what a stopped run leaves behind."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fisc.core.errors import ConfigError, RunError
from fisc.records.store import RunFolder
from fisc.scenarios.compare import compare, reevaluate
from fisc.scenarios.outline import outline
from fisc.scenarios.plan import plan
from fisc.scenarios.provenance import identity_of, refuse_another_run, with_new_keys

TINY = {"economy.workers": 12, "learning.environments": 2, "learning.planner.hidden": [4]}
SHORT = TINY | {"budgets.smoke.updates": 2, "budgets.smoke.planner_updates": 2, "budgets.smoke.block": 1}


def run(out, **options):
    return compare("us-2024", seeds=1, budget="smoke", out=out, draw=False, overrides=SHORT, **options)


@pytest.mark.parametrize(
    "overrides, named",
    [
        ({"economy.status": "joint"}, "economy.status"),
        ({"economy.labor_exponent": 1.5, "economy.max_labor": 3.0}, "economy.max_labor"),
        ({"learning.planner.joins_at": 0.6, "learning.citizen.settles_at": 0.5}, "settles_at"),
        ({"learning.environments": 1}, "learning.environments"),
        ({"learning.planner.discount": 1.5}, "learning.planner.discount"),
    ],
)
def test_what_cannot_work_is_refused_by_its_key(overrides, named):
    with pytest.raises(ConfigError, match=named):
        outline(plan("us-2024", overrides=TINY | overrides))


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"economy.sight.whole_map": True}, "radius of 'map.*' is [35], but nobody is in the middle of map 'map'"),
        (
            {"economy.sight.planner_sees_map": True, "learning.planner.radius": {"map": 4}},
            "radius of 'map' is 4, but nobody is in the middle of map 'map'",
        ),
    ],
)
def test_a_radius_on_a_map_around_nobody_is_refused_before_anything_is_spent(overrides, message):
    # Contract: of the citizens' whole map, and of the planner's; outlines are made without a compilation.
    planned = plan("gtb-open-quadrant", arms=["planner"], seeds=1, overrides=overrides)
    with pytest.raises(ConfigError, match=message):
        outline(planned)


def test_a_budget_that_a_scenario_does_not_have_is_refused(tmp_path):
    # By hand: guessing a length would make 'smoke' longer than 'quick'.
    file = tmp_path / "village.toml"
    file.write_text(
        'name = "village"\ntitle = "t"\nobjective = "utilitarian"\narms = ["free_market"]\n[economy]\n[taxes]\n'
        "[learning]\n[budgets.quick]\nupdates = 5\n"
    )
    plan(str(file), budget="quick")
    with pytest.raises(ConfigError, match=r"no budget 'full' \(it has quick\)"):
        plan(str(file), budget="full")


@pytest.mark.parametrize(
    "text, named",
    [
        ("def build(cutoffs)\n    return 1\n", r"SyntaxError.*line 1 of own.py"),
        ("import nothing_of_this_name\n", r"ModuleNotFoundError.*line 1 of own.py"),
        ("def build(cutoffs):\n    return 1 / 0\n", r"ZeroDivisionError.*line 2 of own.py"),
        ("def build(cutoffs):\n    return 3\n", "not int"),
        ("def make(cutoffs):\n    return 3\n", "no function 'build'"),
    ],
)
def test_a_fault_in_a_file_of_the_users_own_is_one_line_that_names_the_place(text, named, tmp_path):
    (tmp_path / "own.py").write_text(text)
    with pytest.raises(ConfigError, match=named):
        outline(plan("us-2024", arms=[f"{tmp_path}/own.py:build"], overrides=TINY))


FLAT = """
from fisc.taxes.fixed import fixed

def build(cutoffs):
    return fixed([0.0, 30_000.0], [{low}, 0.5])
"""


def test_a_tax_system_with_brackets_of_its_own_is_recorded_on_them(tmp_path):
    # By hand: two brackets instead of the law's eight, and the file is read again after it was changed.
    file = tmp_path / "own.py"
    for low in (0.1, 0.2):
        file.write_text(FLAT.format(low=low))
        done = run(tmp_path / f"run-{low}", arms=[f"{file}:build"])
        numbers = done.summary["arms"][f"{file}:build"]
        assert numbers["cutoffs"] == [0.0, 30_000.0]
        np.testing.assert_allclose(numbers["rates"], [low, 0.5], rtol=1e-6)


def test_a_run_that_was_stopped_while_its_folder_was_made_can_go_on(tmp_path):
    # Contract: nothing but the scenario had been written yet.
    (tmp_path / "run" / "figures").mkdir(parents=True)
    (tmp_path / "run" / "scenario.toml").write_text("half writ")
    done = run(tmp_path / "run", arms=["us_federal"], resume=True)
    assert done.summary["arms"]["us_federal"]["productivity"]["mean"] > 0
    assert RunFolder.open(tmp_path / "run").read_json("status.json")["state"] == "finished"


@pytest.mark.slow
def test_evaluating_again_gives_the_same_and_never_trains(tmp_path):
    # Contract: same policies, same luck, same numbers; without its checkpoint a run is refused and left as it was.
    out = tmp_path / "run"
    first = run(out, arms=["us_federal", "planner"])
    assert reevaluate(out).summary["arms"] == first.summary["arms"]
    losses = pl.read_parquet(out / "metrics.parquet").filter(pl.col("metric") == "loss/total")
    assert set(losses["role"]) == {"planner"}
    before = (out / "summary.json").read_bytes()
    checkpoint = out / "checkpoints" / "planner.ckpt"
    checkpoint.rename(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is missing"):
        reevaluate(out)
    assert not checkpoint.exists()
    assert (out / "summary.json").read_bytes() == before

    # One that cannot be read stops a run that was finished from going on, and leaves it finished.
    checkpoint.write_bytes(b"damaged")
    with pytest.raises(RunError, match="damaged"):
        run(out, arms=["us_federal", "planner"], resume=True)
    assert RunFolder.open(out).read_json("status.json")["state"] == "finished"
    assert (out / "summary.json").read_bytes() == before


def test_going_on_with_other_software_is_noted(tmp_path):
    out, said = tmp_path / "run", []
    run(out, arms=["us_federal"])
    provenance = json.loads((out / "provenance.json").read_text())
    provenance["versions"]["jax"] = "0.0.1"
    (out / "provenance.json").write_text(json.dumps(provenance))
    (out / "summary.json").unlink()
    run(out, arms=["us_federal"], resume=True, note=said.append)
    assert any("versions.jax was '0.0.1'" in text for text in said)
    assert "resumed_with" in json.loads((out / "provenance.json").read_text())


def test_a_run_of_before_scenarios_had_a_key_can_be_resumed():
    # By hand: a stored plan without keys that came later is the plan with their defaults; any other value is not.
    identity = identity_of(plan("one-step", seeds=1, budget="smoke"))
    stored = json.loads(json.dumps(identity))
    for table, key in (("learning", "kind"), ("learning", "max_rate_full_at")):
        del stored["scenario"][table][key]
    del stored["scenario"]["learning"]["citizen"]["surrogate"]
    assert stored != identity and with_new_keys(stored) == identity
    stored["scenario"]["learning"]["environments"] += 1
    with pytest.raises(RunError, match=r"environments was 65, now 64"):
        refuse_another_run(Path("run"), with_new_keys(stored), identity)
