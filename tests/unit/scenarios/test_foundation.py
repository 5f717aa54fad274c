"""Configurations of the reference program. Kind: hand-derived values and error messages."""

import copy
import json

import equinox as eqx
import jax
import numpy as np
import pytest

from fisc.cli.main import main
from fisc.core.errors import ConfigError
from fisc.core.knobs import full_knobs
from fisc.scenarios import build, foundation
from fisc.scenarios.foundation_config import COMPONENTS, read, resolve
from fisc.scenarios.foundation_scenario import scenario_of
from fisc.scenarios.registry import load_scenario

SUFFIX = "simple_wood_and_stone"
# The second published training configuration: four citizens, a learning planner under a rising ceiling.
PUBLISHED = {
    "env": {
        "scenario_name": f"layout_from_file/{SUFFIX}",
        "components": [
            {"Build": {"skill_dist": "pareto", "payment": 10, "payment_max_skill_multiplier": 3, "build_labor": 10}},
            {"ContinuousDoubleAuction": {"max_bid_ask": 10, "order_labor": 0.25, "max_num_orders": 5}},
            {"Gather": {"move_labor": 1, "collect_labor": 1, "skill_dist": "pareto"}},
            {"PeriodicBracketTax": {"period": 100, "tax_annealing_schedule": [-100, 0.001], "usd_scaling": 1000}},
        ],
        "n_agents": 4,
        "world_size": [25, 25],
        "env_layout_file": "quadrant_25x25_20each_30clump.txt",
        "fixed_four_skill_and_loc": True,
        "planner_gets_spatial_info": False,
        "dense_log_frequency": 20,
    },
    "general": {"episodes": 4_000_000, "train_planner": True, "restore_tf_weights_agents": "phase1/agent"},
    "trainer": {"num_workers": 15, "num_envs_per_worker": 2, "train_batch_size": 6000, "num_sgd_iter": 1},
    "agent_policy": {
        "lr": 0.0003,
        "gamma": 0.998,
        "model": {"max_seq_len": 25, "custom_model_config": {"fc_dim": 128}},
    },
    "planner_policy": {"lr": 0.0001, "entropy_coeff_schedule": [[0, 2.0], [50_000_000, 0.125]]},
}


SAME = {
    "economy.map.rows": 25,
    "economy.map.columns": 25,
    "economy.warmup_counts": "episodes",
    "economy.deals_ranks": True,
}
"""What the preset leaves open, or what makes no difference in it but to who is called what."""


def changed(components=None, **world):
    """The published environment with arguments replaced; of components, by name."""
    env = copy.deepcopy(PUBLISHED["env"])
    for entry in env["components"]:
        for name, arguments in (components or {}).items():
            if name in entry:
                entry[name].update(arguments)
    return {**env, **world}


def test_the_published_configuration_becomes_the_published_economy():
    economy = foundation.economy(resolve(PUBLISHED["env"]))
    assert economy.beginning.shape == (4, 25, 25)
    assert (economy.periods, economy.steps_per_period) == (10, 100)
    assert economy.events == ("build", "trade", "gather", "tax")
    # 1 of doing nothing, 1 of building, 4 x 11 of orders, 4 of moving; 7 brackets of 21 rates and keeping.
    assert economy.spec.roles["citizen"].actions.size == 50
    assert economy.spec.roles["planner"].actions.sizes == (22,) * 7
    np.testing.assert_allclose(economy.tax.cutoffs, [0, 9.7, 39.475, 84.2, 160.725, 204.1, 510.3], rtol=1e-6)
    start = economy.beginning.draw(jax.random.key(0))
    np.testing.assert_allclose(np.sort(start.build_payment), [11.331641, 13.267112, 16.472373, 22.249614], rtol=1e-6)
    assert sorted(start.cell.tolist()) == [0, 24, 600, 624]


def test_the_ceiling_rises_as_the_schedule_says():
    # 0.001 a completed episode, 100 episodes ahead: 0.1 at first, 0.5 after 400 episodes, 1 after 900.
    config = resolve(PUBLISHED["env"])
    found = [foundation.rate_ceiling(config, completed) for completed in (0, 400, 900, 5000)]
    np.testing.assert_allclose(found, [0.1, 0.5, 1.0, 1.0])
    assert foundation.rate_ceiling(resolve(changed({"PeriodicBracketTax": {"disable_taxes": True}})), 900) == 0.0


# Rates of the single filer's law that the reference program calls 2018.
LAW = [0.10, 0.12, 0.22, 0.24, 0.32, 0.35, 0.37]


@pytest.mark.parametrize(
    "arguments, arm, rates",
    [
        ({"tax_model": "model_wrapper"}, "planner", [0.0] * 7),
        ({"tax_model": "saez", "saez_fixed_elas": 1.5}, "saez_estimated", [0.0] * 7),
        ({"tax_model": "us-federal-single-filer-2018-scaled"}, "us_federal", LAW),
        ({"tax_model": "fixed-bracket-rates", "fixed_bracket_rates": [0.3] * 7}, "fixed", [0.3] * 7),
        ({"disable_taxes": True}, "free_market", [0.0] * 7),
    ],
)
def test_the_tax_system_in_force_becomes_the_arm(arguments, arm, rates):
    # Closed form: the first rates, written down from the configuration. Property: a comparison makes the same system.
    config = resolve(changed({"PeriodicBracketTax": arguments}))
    scenario = scenario_of(config)
    assert scenario.arms == (arm,)
    tax = foundation.economy(config).tax
    np.testing.assert_allclose(tax.cutoffs, [0, 9.7, 39.475, 84.2, 160.725, 204.1, 510.3], rtol=1e-6)
    np.testing.assert_allclose(tax.rates(tax.init(), full_knobs()), rates, rtol=1e-6)
    people = build.population(scenario, 0)
    compared = build.make_tax(scenario, people, arm, build.exact_rates(scenario, people, arm), num_environments=0)
    assert bool(eqx.tree_equal(tax, compared))


def test_the_options_of_the_saez_estimator_are_imported():
    # Closed form: each option as it is written down; the foundation convention waits for 500 samples, whatever happens.
    saez = {"tax_model": "saez", "saez_fixed_elas": 1.5, "pareto_weight_type": "uniform", "rate_min": 0.05}
    config = resolve(changed({"PeriodicBracketTax": saez}))
    for convention in foundation.CONVENTIONS:
        tax = foundation.economy(config, convention).tax
        assert (float(tax.fixed_elasticity), tax.weight_type, tax.rate_min) == (1.5, "uniform", 0.05)
        assert (tax.convention, tax.window, tax.num_environments) == (convention, 500, 0)


@pytest.mark.parametrize("convention, highest", [("exact", 0.3), ("foundation", 0.2)])
def test_an_imported_planner_has_the_rates_of_the_convention(convention, highest):
    # Closed form: 3 x 0.1 is above 0.3 by rounding, and dropped there.
    config = resolve(changed({"PeriodicBracketTax": {"rate_max": 0.3, "rate_disc": 0.1}}))
    assert scenario_of(config, convention=convention).taxes.max_rate == pytest.approx(highest)
    assert foundation.economy(config, convention).tax.num_rates == round(highest / 0.1) + 1


def test_names_and_forms_of_components_do_not_matter():
    pairs = [["build", {"payment": 3}], {"GATHER": None}]
    config = resolve(changed(fixed_four_skill_and_loc=False) | {"components": pairs})
    assert config.listed == ("Build", "Gather")
    assert config.components["Build"]["payment"] == 3
    assert config.components["PeriodicBracketTax"] == COMPONENTS["PeriodicBracketTax"]
    economy = foundation.economy(config)
    assert economy.events == ("build", "gather")
    assert (economy.periods, economy.steps_per_period) == (1, 1000)
    assert "planner" not in economy.spec.roles


@pytest.mark.parametrize("kind", ["uniform", "multi_zone", "quadrant"])
def test_drawn_maps(kind):
    env = {key: value for key, value in changed().items() if key not in ("env_layout_file", "fixed_four_skill_and_loc")}
    env |= {
        "scenario_name": f"{kind}/{SUFFIX}",
        "stone_regen_halfwidth": 2,
        "wood_max_health": 3,
        "wood_regen_weight": 1,
    }
    economy = foundation.economy(resolve(env))
    assert economy.rules.regrowth.halfwidth == (2, 0)
    assert economy.rules.regrowth.max_units == (1, 3)
    np.testing.assert_allclose(economy.rules.regrowth.weight, [0.01, 1.0])


def test_split_worlds():
    env = changed(
        scenario_name=f"split_layout/{SUFFIX}", fixed_four_skill_and_loc=False, skill_rank_of_top_agents=[0, 3]
    )
    placement = foundation.economy(resolve(env)).beginning.placement
    # Ranks from the highest skill there, from the lowest here.
    assert placement.north_ranks == (0, 3)
    assert placement.water_row == 12


def test_files_of_both_forms_become_a_scenario_file(tmp_path, capsys):
    (tmp_path / "phase2.json").write_text(json.dumps(PUBLISHED))
    ours = tmp_path / "ours.toml"
    assert main(["import-foundation", str(tmp_path / "phase2.json"), "--out", str(ours)]) == 0
    said = capsys.readouterr().out
    assert "note: Weights in phase1/agent" in said and f"fisc compare {ours}" in said.replace("\n", "")
    scenario = load_scenario(str(ours))
    assert (scenario.name, scenario.economy.map.layout) == ("ours", "quadrant_25x25_20each_30clump")
    preset = load_scenario("gtb-open-quadrant", SAME)
    assert scenario.economy == preset.economy, "the preset is the published economy"
    assert preset.learning.citizen.own_networks and not scenario.learning.citizen.own_networks
    assert main(["import-foundation", str(tmp_path / "phase2.json"), "--out", str(ours)]) == 2
    assert "already exists" in capsys.readouterr().err
    assert main(["import-foundation", str(tmp_path / "phase2.json"), "--convention", "foundation"]) == 0
    assert 'convention = "foundation"' in capsys.readouterr().out
    yaml = pytest.importorskip("yaml")
    (tmp_path / "phase2.yaml").write_text(yaml.safe_dump(PUBLISHED))
    assert read(tmp_path / "phase2.yaml") == read(tmp_path / "phase2.json")


@pytest.mark.parametrize(
    "env, message",
    [
        (changed(env_layout_file="no_such_map.txt"), "no_such_map.txt"),
        (changed(world_size=[25, 20]), "too small"),
        (changed(n_agents=600, fixed_four_skill_and_loc=False), "economy.citizens is 600"),
    ],
)
def test_the_command_refuses_what_cannot_be_played_and_writes_nothing(env, message, tmp_path, capsys):
    (tmp_path / "bad.json").write_text(json.dumps({"env": env}))
    out = tmp_path / "ours.toml"
    assert main(["import-foundation", str(tmp_path / "bad.json"), "--out", str(out)]) == 2
    assert message in capsys.readouterr().err and not out.exists()


def test_an_error_is_one_line_with_code_2(tmp_path, capsys):
    (tmp_path / "bad.json").write_text(json.dumps({"env": changed({"Build": {"build_labour": 1}})}))
    assert main(["import-foundation", str(tmp_path / "bad.json")]) == 2
    printed = capsys.readouterr().err
    assert printed == (
        "fisc: error: unknown argument of Build 'build_labour': did you mean 'build_labor'?"
        " (allowed: build_labor, payment, payment_max_skill_multiplier, skill_dist)\n"
    )


@pytest.mark.parametrize(
    "env, message",
    [
        (changed(scenario_name="one-step-economy"), "unknown scenario 'one-step-economy'"),
        (changed(scenario_name="uniform"), f"unknown scenario 'uniform': .*uniform/{SUFFIX}"),
        (changed(n_agent=4), "unknown environment argument 'n_agent': did you mean 'n_agents'"),
        (changed(planner_gets_spatial_obs=True), "unknown environment argument 'planner_gets_spatial_obs'"),
        (changed(wood_max_health=1), "unknown environment argument 'wood_max_health'"),
        (changed(n_agents=1), "n_agents is 1: expected a whole number of at least 2"),
        (changed(n_agents=None), "n_agents is missing"),
        (changed(world_size=25), r"world_size is 25: expected \[rows, columns\]"),
        (changed(episode_length=0), "episode_length is 0: expected a whole number of at least 1"),
        (changed(episode_length=150), "not a whole number of tax periods of 100"),
        (changed(energy_cost=-0.1), "energy_cost is -0.1: expected a number of at least 0"),
        (changed(resource_regen_prob=1.5), "resource_regen_prob is 1.5: expected a number from 0 to 1"),
        (changed(isoelastic_eta=float("nan")), "isoelastic_eta is nan"),
        (changed(full_observability="yes"), "full_observability is 'yes': expected true or false"),
        (changed(energy_warmup_method="automatic"), "unknown energy_warmup_method 'automatic': did you mean 'auto'"),
        (changed(planner_reward_type="inv_income_weighted_coin_endowment"), "did you mean 'inv_income_weighted_coin"),
        (changed(collate_agent_step_and_reset_data=True), "collate_agent_step_and_reset_data is not supported"),
        (changed({"Build": {"skill_dist": "none"}}), "need component Build with skill_dist: pareto"),
        (changed(scenario_name=f"split_layout/{SUFFIX}"), "does not go with split_layout"),
        (changed({"Gather": {"move_labor": -1}}), "Gather.move_labor is -1: expected a number of at least 0"),
        (changed({"Build": {"payment": 0}}), "Build.payment is 0: expected a whole number of at least 1"),
        (changed({"Build": {"payment": 2.5}}), "Build.payment is 2.5: expected a whole number"),
        (changed({"PeriodicBracketTax": {"period": 0}}), "PeriodicBracketTax.period is 0: expected a whole number"),
        (changed({"PeriodicBracketTax": {"rate_min": 0.6, "rate_max": 0.5}}), "rate_min 0.6 is above rate_max 0.5"),
        (changed({"PeriodicBracketTax": {"tax_model": "saes"}}), "did you mean 'saez'"),
        (changed({"PeriodicBracketTax": {"tax_model": "fixed-bracket-rates"}}), "expected 7 rates from 0 to 1"),
        (changed({"PeriodicBracketTax": {"tax_annealing_schedule": [1]}}), r"\[1\]: expected \[warmup episodes"),
        (changed() | {"components": "Build"}, "'components' must be a list"),
        (changed() | {"components": [{"Build": {}, "Gather": {}}]}, "a component is"),
        (changed() | {"components": [{"SimpleLabor": {}}]}, "unknown component 'SimpleLabor'"),
        (changed() | {"components": [{"Gather": {}}, {"gather": {}}]}, "component Gather is given twice"),
        (changed() | {"components": [{"Gather": 3}]}, "arguments of component Gather are 3"),
        (changed() | {"components": [["PeriodicBracketTax", {}]]}, "components must have Gather or Build"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(env, message):
    with pytest.raises(ConfigError, match=message) as caught:
        resolve(env)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "env, message",
    [
        (changed(env_layout_file="quadrant_25x25.txt"), "unknown map 'quadrant_25x25.txt'"),
        (changed(world_size=[25, 20]), "a world of 25 rows and 20 columns is too small"),
        (changed(n_agents=400), "enlarge|which is water"),
    ],
)
def test_what_cannot_be_built_is_named(env, message):
    with pytest.raises(ConfigError, match=message):
        foundation.economy(resolve(env))


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("missing.json", None, "no configuration file"),
        ("a.json", "{", "not valid JSON"),
        ("a.yaml", "env: [", "not valid YAML"),
        ("a.json", "{}", "no section 'env'"),
        ("a.json", '{"env": {}, "trainers": {}}', "unknown section 'trainers': did you mean 'trainer'"),
    ],
)
def test_a_bad_file_is_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=message):
        read(tmp_path / name)
