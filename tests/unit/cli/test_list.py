"""`fisc list` says what there is to choose from, `fisc show` what a scenario is. Kind: contract of the command line."""

import pytest
from rich.console import Console

from fisc.cli import commands
from fisc.cli.main import main
from fisc.scenarios.registry import load_scenario


@pytest.mark.parametrize("what, words", [("scenarios", "us-2024"), ("arms", "saez_estimated"), ("metrics", "theil")])
def test_names_are_listed_with_their_meaning(what, words, capsys):
    assert main(["list", what]) == 0
    assert words in capsys.readouterr().out


def test_a_shown_scenario_is_a_file_of_the_same_scenario(capsys, tmp_path):
    assert main(["show", "rbc-closed", "--set", "economy.firms=3"]) == 0
    path = tmp_path / "shown.toml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert load_scenario(str(path)) == load_scenario("rbc-closed", {"economy.firms": 3})


def test_maps_are_listed_with_size_sources_and_origin(capsys, monkeypatch):
    # Golden: the counts of one map, from the reference program's file; drawn maps are there too.
    monkeypatch.setattr(commands, "console", Console(width=140, highlight=False))
    assert main(["list", "maps"]) == 0
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.strip()}
    assert rows["quadrant_8x8_4each_8clump"] == ["9", "x", "9", "13", "9", "15"]
    assert "from ai-economist 1.7.1, where quadrant_25x25_20each_30clump is the papers' Open-Quadrant" in printed
    assert {"scattered", "zones", "quadrants"} < rows.keys()
