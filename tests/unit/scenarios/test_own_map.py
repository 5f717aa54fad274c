"""A map of one's own is kept with what was made on it. Kind: property."""

import tomllib
from dataclasses import asdict

import numpy as np
import pytest

from fisc.core.errors import ConfigError, RunError
from fisc.scenarios import sources
from fisc.scenarios.config import Scenario
from fisc.scenarios.plan import plan
from fisc.scenarios.provenance import open_folder
from fisc.scenarios.reading import parse, to_toml
from fisc.scenarios.registry import load_scenario

PRESET = "gtb-open-quadrant"
MAP, LINE = "W..\n..@\nS..\n", "W..;..@;S..;"
CHANGES = {"economy.map.layout": "mine.txt", "economy.placement": "anywhere"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with the map, in which a command is given."""
    (tmp_path / "mine.txt").write_text(MAP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_scenario_holds_the_map_itself():
    # Property: in one line, which TOML keeps and which is read as the same scenario again.
    scenario = load_scenario(PRESET, CHANGES)
    assert scenario.economy.map.layout == LINE
    assert parse(Scenario, tomllib.loads(to_toml(asdict(scenario)))).economy == scenario.economy


def test_an_episode_is_made_again_without_the_file(folder):
    # Property: the header's description gives the same ground after the file is gone.
    stage = sources.stage(PRESET, "free_market", overrides=CHANGES)
    (folder / "mine.txt").unlink()
    before, after = (economy.beginning.layout for economy in (stage.setting.economy, sources.rebuild(stage.source)))
    assert after.size == (3, 3)
    np.testing.assert_array_equal(after.ground.sources, before.ground.sources)
    np.testing.assert_array_equal(after.ground.water, before.ground.water)


def test_a_run_does_not_go_on_with_another_map(folder):
    # Property: resuming compares the map, not the name of its file.
    def go_on(resume):
        planned = plan(PRESET, overrides=CHANGES, budget="smoke", seeds=1)
        return open_folder(planned, folder / "run", resume, lambda text: None)

    assert LINE in go_on(False).path.joinpath("scenario.toml").read_text()
    go_on(True)
    (folder / "mine.txt").write_text(MAP.replace("@", "."))
    with pytest.raises(RunError, match=r"holds another run \(plan\.scenario\.economy\.map\.layout was 'W"):
        go_on(True)


def test_a_file_that_is_no_text_is_refused(folder):
    # Property: one line that names the file.
    (folder / "mine.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"map mine.txt is not UTF-8 \(byte 0\)"):
        load_scenario(PRESET, CHANGES)
