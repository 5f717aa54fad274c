"""A scenario written as TOML is read back as the same scenario."""

import dataclasses
import json

import pytest

from fisc.scenarios.reading import to_toml
from fisc.scenarios.registry import PRESETS, load_scenario

ODD_ECONOMY = {
    "one_step": {
        "economy.skills": "list",
        "economy.skill_list": [1.5, 2.0, 3e-7, 1e12],
        "economy.workers": 4,
    },
    "gather_trade_build": {
        "economy.events": ["gather", "tax"],
        "economy.map.layout": "scattered",
        "economy.map.rows": 3,
        "economy.map.columns": 40,
        "economy.placement": "anywhere",
        "economy.wood.coverage": 7,
    },
    "business_cycle": {
        "economy.firms": 2,
        "economy.capital": [1, 2.5],
        "economy.labor_exponent": 0.5,
        "economy.firm_budget": 1,
        "economy.menus": {"wages": [0, 7.5]},
        "learning.firm.surrogate": "policy_gradient",
        "learning.firm.epochs": 1,
    },
}
ODD = {
    "title": 'A "quoted" title with = [brackets], Greek τ and\na second line',
    "taxes.brackets": "list",
    "taxes.cutoffs": [0, 10.5],
    "taxes.flat_rate": 0.25,
    "taxes.saez_elasticity": 0.4,
    "caveats": [],
    "budgets.smoke.block": 3,
}


ODD_LEARNING = {"hidden": [16], "radius": {"map/wood": 2, 'an odd "key"': -1}}


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("overrides", [{}, ODD], ids=["as shipped", "with odd values"])
def test_a_scenario_survives_being_written_and_read(name, overrides, tmp_path):
    # Property: writing and reading are inverse, for what a run folder keeps.
    if overrides:
        shipped = load_scenario(name)
        people = next(iter(shipped.learning.roles))
        odd = {f"learning.{people}.{key}": value for key, value in ODD_LEARNING.items()}
        overrides = overrides | odd | ODD_ECONOMY[shipped.economy.kind]
    scenario = load_scenario(name, overrides)
    path = tmp_path / "scenario.toml"
    path.write_text(to_toml(dataclasses.asdict(scenario)), encoding="utf-8")
    assert load_scenario(str(path)) == scenario
    path.write_text(to_toml(json.loads(json.dumps(dataclasses.asdict(scenario)))), encoding="utf-8")
    assert load_scenario(str(path)) == scenario, "as the run folder writes it"
