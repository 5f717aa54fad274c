"""What further runs found is added to a table and nothing is lost. Kind: contract, by hand."""

import json
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from fisc.records.store import RunFolder
from fisc.scenarios.registry import load_scenario
from tests.scripts import load_script


@pytest.fixture
def script():
    return load_script("reproduce/gtb_open_quadrant/more.py")


def run(path: Path, seed: int, value: float, state: str = "finished", **keys) -> Path:
    """A run folder with one arm, one seed and two metrics, of which one is kept. `keys`: changes of the scenario."""
    scenario = json.loads(json.dumps(asdict(load_scenario("one-step")))) | keys
    info = {"scenario": "one-step", "objective": "rawlsian", "money": "coin", "commit": "abc", "device": "cpu"}
    info |= {"versions": {}, "wall_seconds": 1.0, "env_steps": 7}
    info["plan"] = {"scenario": scenario, "budget": "quick", "seeds": [seed]}
    folder = RunFolder.create(path)
    folder.write_json("provenance.json", info)
    folder.write_text("scenario.toml", "")
    rows = [("planner", seed, "equality", value), ("planner", seed, "welfare", 1.0)]
    folder.write_table("evaluation", pl.DataFrame(rows, ["arm", "seed", "metric", "value"], orient="row"))
    (path / "status.json").write_text(json.dumps({"state": state}))
    return path


def test_seeds_are_added_one_by_one_and_replaced(script, tmp_path):
    script.main("inverse income", [run(tmp_path / "a", 0, 0.5), run(tmp_path / "b", 1, 0.25)], tmp_path)
    script.main("another", [run(tmp_path / "c", 1, 0.75)], tmp_path)
    script.main("inverse income", [run(tmp_path / "d", 1, 1 / 3)], tmp_path)
    assert set(json.loads((tmp_path / "more.json").read_text())["inverse income"]["seeds"]) == {"0", "1"}
    assert pl.read_csv(tmp_path / "more.csv").rows() == [
        ("another", "planner", 1, "equality", 0.75),
        ("inverse income", "planner", 0, "equality", 0.5),
        ("inverse income", "planner", 1, "equality", 0.333333),
    ]


def test_the_course_of_a_search_is_kept_beside(script, tmp_path):
    folder = run(tmp_path / "a", 2, 0.5)
    rows = [(2, 25, None, "welfare", 345.0), (2, 25, "from 0", "rate", 0.25), (2, 25, "from 0", "slope", 3.0)]
    course = pl.DataFrame(rows, ["seed", "update", "rate_of", "metric", "value"], orient="row")
    RunFolder.open(folder).write_table("search", course)
    for _ in range(2):
        script.main("found", [folder], tmp_path)
    assert sorted(pl.read_csv(tmp_path / "search.csv").drop("asked").rows(), key=str) == sorted(rows, key=str)
    assert (tmp_path / "search_found.png").exists()


def test_so_is_what_a_planner_does_at_every_weight(script, tmp_path):
    folder = run(tmp_path / "a", 2, 0.5)
    metrics = {"productivity": 700.0, "equality": 0.5, "welfare": 1.0}
    rows = [("planner", 2, weight, name, value) for weight in (0.0, 1.0) for name, value in metrics.items()]
    table = pl.DataFrame(rows, ["arm", "seed", "weight", "metric", "value"], orient="row")
    RunFolder.open(folder).write_table("frontier", table)
    script.main("every weight", [folder], tmp_path)
    assert pl.read_csv(tmp_path / "frontier.csv").height == 4 and (tmp_path / "frontier.png").exists()


def test_a_run_of_another_comparison_is_refused(script, tmp_path):
    script.main("inverse income", [run(tmp_path / "a", 0, 0.5)], tmp_path)
    with pytest.raises(SystemExit, match="b is another comparison than what is stored as 'inverse income'"):
        script.main("inverse income", [run(tmp_path / "b", 1, 0.5, objective="rawlsian")], tmp_path)
    assert pl.read_csv(tmp_path / "more.csv")["seed"].to_list() == [0]


def test_nothing_is_added_of_a_run_that_goes_on(script, tmp_path):
    runs = [run(tmp_path / "a", 0, 0.5), run(tmp_path / "b", 1, 0.5, state="running")]
    with pytest.raises(SystemExit, match="b is not finished"):
        script.main("inverse income", runs, tmp_path)
    assert not (tmp_path / "more.csv").exists()
