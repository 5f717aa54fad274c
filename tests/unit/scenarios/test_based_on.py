"""A scenario that says only in what it differs from another. Kind: contract, expected by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from fisc.core.errors import ConfigError
from fisc.scenarios.registry import load_scenario


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Puts a scenario file into a folder below the one that we are in."""
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()

    def write(name: str, text: str) -> str:
        Path("mine", name).write_text(text, encoding="utf-8")
        return f"mine/{name}"

    return write


def test_what_is_not_said_is_as_in_the_preset(write):
    mine = load_scenario(write("mine.toml", 'based_on = "one-step"\nname = "mine"\n[economy]\nworkers = 7\n'))
    preset = load_scenario("one-step")
    assert mine == replace(preset, name="mine", economy=replace(preset.economy, workers=7))


def test_a_file_may_lie_beside_another_and_overrides_come_last(write):
    write("first.toml", 'based_on = "one-step"\narms = ["flat", "saez"]\n[economy]\nworkers = 7\nmax_labor = 50.0\n')
    second = write("second.toml", 'based_on = "first.toml"\narms = ["planner"]\n[economy]\nworkers = 8\n')
    found = load_scenario(second, {"economy.max_labor": 60.0})
    assert (found.arms, found.economy.workers, found.economy.max_labor) == (("planner",), 8, 60.0)


def test_a_table_of_another_kind_begins_anew(write):
    # Keys of the one-step economy would be unknown in the business cycle.
    text = 'based_on = "one-step"\nobjective = "total_welfare"\narms = ["flat"]\n[economy]\nkind = "business_cycle"\n'
    text += '[taxes]\nbrackets = "list"\ncutoffs = [0.0]\n[learning]\nkind = "structured"\n'
    found = load_scenario(write("mine.toml", text))
    assert (found.economy.kind, found.learning.kind, found.taxes.cutoffs) == ("business_cycle", "structured", (0.0,))


@pytest.mark.parametrize(
    "text, message",
    [
        ('based_on = "one-stop"', "unknown scenario 'one-stop': did you mean 'one-step'"),
        ("based_on = 3", r"mine.toml: based_on is 3: give a .toml file or a preset"),
        ('based_on = "other.toml"', r"mine/other.toml"),
        (
            'based_on = "mine.toml"',
            r"mine/mine.toml is based on itself \(mine/mine.toml on mine/mine.toml\): end the ci",
        ),
        (
            'based_on = "one-step"\n[economy]\nworkrs = 3',
            "unknown key 'economy.workrs': did you mean 'economy.workers'",
        ),
        ('based_on = "one-step"\neconomy = 3', "economy is 3"),
    ],
)
def test_a_base_that_cannot_be_is_refused(write, text, message):
    with pytest.raises(ConfigError, match=message):
        load_scenario(write("mine.toml", text))
