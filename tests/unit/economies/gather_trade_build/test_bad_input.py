"""What cannot be played is refused in one line before anything runs, in both forms of input. Kind: error messages.

A configuration of the reference program and a scenario of fisc go through the same parts; the parts' own errors are
tested with them.
"""

from dataclasses import replace

import jax.numpy as jnp
import pytest

from fisc.core.errors import ConfigError
from fisc.economies.gather_trade_build import chart, layouts, settle, skills
from fisc.economies.gather_trade_build.market import Market
from fisc.scenarios import build, foundation
from fisc.scenarios.foundation_config import resolve
from fisc.scenarios.registry import load_scenario

from .world import rules, world

SUFFIX = "simple_wood_and_stone"
PRESET = "gtb-open-quadrant"


def imported(kind="layout_from_file", components=None, **world):
    """Everything that happens to a configuration of the reference before it is played."""
    parts = components or [{"Build": {"skill_dist": "pareto"}}, {"ContinuousDoubleAuction": {}}, {"Gather": {}}]
    env = {"scenario_name": f"{kind}/{SUFFIX}", "n_agents": 4, "world_size": [25, 25], "components": parts}
    return foundation.economy(resolve(env | world))


def opened(**overrides):
    """Everything that happens to a scenario before it is played; `__` stands for a dot."""
    scenario = load_scenario(PRESET, {key.replace("__", "."): value for key, value in overrides.items()})
    return build.population(scenario, 0)


MAPS = {
    "symbol": ("W..\n.?S\n...", "unknown mark '\\?' at row 2, column 2"),
    "ragged": ("W..\n.S\n...", "row 2 has 2 cells, but row 1 has 3"),
    "flooded": ("@@@\n@W@\n@@@", "economy.citizens is 4: at most 1 fit on the map"),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("is_imported", [True, False])
def test_maps_that_are_wrong_or_too_small_for_the_citizens(name, is_imported, tmp_path):
    text, message = MAPS[name]
    path = tmp_path / f"{name}.txt"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        if is_imported:
            imported(env_layout_file=str(path), world_size=[3, 3])
        else:
            opened(economy__map__layout=str(path), economy__placement="anywhere")
    assert "\n" not in str(caught.value)


TAX = "PeriodicBracketTax"
REFUSED = [
    ({"world_size": [20, 25]}, "a world of 20 rows and 25 columns is too small"),
    ({"n_agents": 200, "fixed_four_skill_and_loc": True}, "which is water"),
    ({"n_agents": 600}, "economy.citizens is 600: at most 592 fit on the map"),
    ({"kind": "uniform", "starting_wood_coverage": 0.6}, "both together below 0.5"),
    ({"kind": "uniform", "starting_stone_coverage": 0.0}, "starting_stone_coverage is 0.0"),
    ({"kind": "multi_zone", "num_wood_zones": 99}, "99|do not fit on a grid of 8 by 8"),
    ({"kind": "uniform", "world_size": [200, 200]}, "one good has 40000 sources: at most 32,765"),
    ({"episode_length": 0}, "episode_length is 0"),
    ({"components": [{"Gather": {}}, {TAX: {"period": 0}}]}, "PeriodicBracketTax.period is 0"),
    ({"components": [{"Gather": {}}, {TAX: {"period": 300}}]}, "not a whole number of tax periods of 300"),
    ({"components": [{"Gather": {}}, {"gather": {}}]}, "component Gather is given twice"),
    ({"components": [{"Gather": {"speed": 2}}]}, "unknown argument of Gather 'speed'"),
    ({"components": [{"Gather": {"collect_labor": -1}}]}, "Gather.collect_labor is -1"),
    ({"components": [{"Build": {"build_labor": -1}}]}, "Build.build_labor is -1"),
    ({"components": [{"Gather": {}}, {"ContinuousDoubleAuction": {"order_labor": -0.25}}]}, "order_labor is -0.25"),
    ({"components": [{"Gather": {}}, {"ContinuousDoubleAuction": {"order_duration": 2**30}}]}, "takes 37 bits"),
    ({"energy_cost": -0.2}, "energy_cost is -0.2"),
]


@pytest.mark.parametrize("change, message", REFUSED, ids=[message[:30] for _, message in REFUSED])
def test_configurations_of_the_reference_that_cannot_be(change, message):
    with pytest.raises(ConfigError, match=message) as caught:
        imported(**change)
    assert "\n" not in str(caught.value)


IMPOSSIBLE = [
    ({"economy__map__rows": 20, "economy__map__columns": 25}, "a world of 20 rows and 25 columns is too small"),
    ({"economy__citizens": 200}, "which is water"),
    (
        {"economy__citizens": 600, "economy__placement": "anywhere"},
        "economy.citizens is 600: at most 592 fit on the map",
    ),
    ({"economy__steps_per_period": 0}, "steps_per_period"),
    ({"economy__periods": 0}, "periods"),
    ({"economy__events": ["gather", "gather"]}, "each once"),
    ({"economy__events": ["gather", "sing"]}, "sing"),
    ({"economy__gathering__move_labor": -1.0}, "move_labor"),
    ({"economy__building__labor": -1.0}, "labor"),
    ({"economy__market__order_labor": -1.0}, "order_labor"),
    ({"economy__gathering__speed": 2.0}, "speed"),
]


@pytest.mark.parametrize("change, message", IMPOSSIBLE, ids=[message[:30] for _, message in IMPOSSIBLE])
def test_scenarios_that_cannot_be(change, message):
    with pytest.raises(ConfigError, match=message) as caught:
        opened(**change)
    assert "\n" not in str(caught.value)


def test_the_scenario_and_the_configuration_themselves_can_be():
    assert imported().beginning.shape == (4, 25, 25)
    opened()


def test_more_than_can_be_numbered():
    # Sources, citizens and orders are kept in 16 and 32 bits.
    meadow = layouts.parse("\n".join(["." * 200] * 200))
    law = skills.build_skills("none", 10.0, 1.0), skills.gather_skills("none")
    with pytest.raises(ConfigError, match=r"economy\.citizens is 33000, .*: at most 32,765"):
        settle.settle(meadow, 33000, settle.Anywhere(), *law)
    # An order is one number of 31 bits: 10 for its price, 20 for its age and 1 for which of two citizens placed it.
    market = Market(jnp.asarray(0.25), max_price=1000, order_duration=2**20 - 1)
    market.check(2)
    replace(market, max_price=1023).check(2)
    with pytest.raises(ConfigError, match=r"economy\.citizens is 3, .* 1000 and .* 1048575: an order takes 32 bits"):
        world(rule_book=replace(rules(), market=market))
    # A cell of the map is one number of 31 bits: 7 for what lies there, 12 for its owner and 12 for who stands there.
    assert chart.packing((1, 1), 2**12 - 2)
    with pytest.raises(ConfigError, match=r"economy\.citizens is 4095: at most 4,094 go with economy\.stone"):
        chart.packing((1, 1), 2**12 - 1)
