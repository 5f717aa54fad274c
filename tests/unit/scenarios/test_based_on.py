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
    assert mine == replace(preset, name="mine", title="mine", economy=replace(preset.economy, workers=7))


def test_a_file_may_lie_beside_another_and_overrides_come_last(write):
    write(
        "first.toml",
        'based_on = "one-step"\nname = "first"\narms = ["flat", "saez"]\n[economy]\nworkers = 7\nmax_labor = 50.0\n',
    )
    second = write(
        "second.toml", 'based_on = "first.toml"\nname = "second"\narms = ["planner"]\n[economy]\nworkers = 8\n'
    )
    found = load_scenario(second, {"economy.max_labor": 60.0})
    assert (found.arms, found.economy.workers, found.economy.max_labor) == (("planner",), 8, 60.0)


def test_a_table_of_another_kind_begins_anew(write):
    # Keys of the one-step economy would be unknown in the business cycle.
    text = 'based_on = "one-step"\nname = "mine"\nobjective = "total_welfare"\narms = ["flat"]\n'
    text += '[economy]\nkind = "business_cycle"\n[taxes]\nbrackets = "list"\ncutoffs = [0.0]\n'
    found = load_scenario(write("mine.toml", text + '[learning]\nkind = "structured"\n'))
    assert (found.economy.kind, found.learning.kind, found.taxes.cutoffs) == ("business_cycle", "structured", (0.0,))


def test_a_table_of_the_same_kind_goes_on_whether_or_not_it_is_named(write):
    # No preset of the map says `kind = "phases"`, which is the default.
    text = 'based_on = "gtb-open-quadrant"\nname = "mine"\n[learning]\nkind = "phases"\nenvironments = 64\n'
    mine, preset = load_scenario(write("mine.toml", text)), load_scenario("gtb-open-quadrant")
    assert mine.learning == replace(preset.learning, environments=64)


def test_tables_of_free_keys_are_merged_and_can_be_emptied(write):
    text = 'based_on = "gtb-open-quadrant"\nname = "mine"\n[learning.citizen]\nradius = {}\n'
    text += "[learning.citizen.thresholds]\nrates = [0.5]\n[budgets.quick]\nupdates = 7\n"
    mine, preset = load_scenario(write("mine.toml", text)), load_scenario("gtb-open-quadrant")
    assert mine.learning.citizen.radius == {} != preset.learning.citizen.radius
    assert mine.learning.citizen.thresholds == preset.learning.citizen.thresholds | {"rates": (0.5,)}
    assert mine.budgets["quick"] == replace(preset.budgets["quick"], updates=7)
    assert mine.budgets["full"] == preset.budgets["full"]


def test_the_release_differs_from_the_paper_in_four_matters():
    """The release of Curry et al. (2022): frozen luck of firms and government, a discount that is taken once, passes of
    which none is skipped, and a government that learns at a tenth of the paper's rate."""
    paper, release = load_scenario("rbc-paper-short"), load_scenario("rbc-release-faithful")
    assert release.economy == replace(paper.economy, luck_is_frozen=True)
    for role, config in release.learning.roles.items():
        changed = {"discounts": "once", "kl_limit": 1e6} | ({"learning_rate": 5e-5} if role == "government" else {})
        assert config == replace(paper.learning.roles[role], **changed)
    assert (release.taxes, release.budgets, release.arms) == (paper.taxes, paper.budgets, paper.arms)


def test_the_published_recipe_of_the_business_cycle_is_not_that_of_a_small_machine():
    """Curry et al. (2022): constant rates of 0.001 and 0.0005, an entropy bonus of 0.5 that falls to 0.05, everybody
    draws to the end, and networks read numbers as they are."""
    roles = load_scenario("rbc-paper-short").learning.roles
    assert {role: config.learning_rate for role, config in roles.items()} == {
        "consumer": 1e-3, "firm": 1e-3, "government": 5e-4,
    }  # fmt: skip
    for config in roles.values():
        assert (config.entropy, config.final_entropy, config.discount) == (0.5, 0.05, 0.9999)
        assert (config.epochs, config.settles_at, config.final_learning_rate) == (2, 1.0, 1.0)
        assert config.hidden == (128, 128)
        assert not config.scales_features and config.entropy_lasts == 0


@pytest.mark.parametrize(
    "text, message",
    [
        ('based_on = "one-stop"\nname = "m"', "mine/mine.toml is based on one-stop: unknown scenario 'one-stop': did "),
        ('based_on = 3\nname = "m"', r"mine.toml: based_on is 3: give a .toml file or a preset"),
        (
            'based_on = "other.toml"\nname = "m"',
            r"mine/mine.toml is based on mine/other.toml: no scenario file mine/oth",
        ),
        (
            'based_on = "one-step"',
            'mine.toml: a scenario that is based on another needs a name of its own, name = "..."',
        ),
        ('based_on = "one-step"\nname = "m"\n[economy]\nworkrs = 3', "unknown key 'economy.workrs': did you mean 'e"),
        ('based_on = "one-step"\nname = "m"\n[economy]\nkind = "one-step"', "unknown economy.kind 'one-step': did you"),
        ('based_on = "one-step"\nname = "m"\neconomy = 3', "economy is 3"),
        ('base_on = "one-step"\nname = "m"', "unknown key 'base_on': did you mean 'based_on'"),
    ],
)
def test_a_base_that_cannot_be_is_refused(write, text, message):
    with pytest.raises(ConfigError, match=message):
        load_scenario(write("mine.toml", text))


def test_a_circle_is_noticed_however_it_is_spelled(write):
    write("a.toml", 'based_on = "../mine/b.toml"\nname = "a"')
    b = write("b.toml", 'based_on = "../mine/../mine/a.toml"\nname = "b"')
    with pytest.raises(
        ConfigError, match=r"^mine/b.toml is based on .*a.toml: .*which is based on it in turn"
    ) as caught:
        load_scenario(b)
    assert len(str(caught.value)) < 250
