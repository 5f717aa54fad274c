"""The reference side of the gather-trade-build parity runs. Kind: oracle, against its rules as formulas."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import convolve2d

from fisc.core.errors import ConfigError

from . import gtb_actions, gtb_reference, reference

pytestmark = pytest.mark.skipif(
    not reference.is_installed(), reason=f"the reference program is missing: {reference.INSTALL}"
)

FOLDER = Path(__file__).parent / "configs" / "gather_trade_build"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
QUICK = (
    "paper_split_012",
    "multi_action_unflattened",
    "uniform_halfwidth_2",
    "zones_uneven",
    "tax_saez",
    "gather_only",
)


def config(name: str) -> dict:
    return gtb_reference.read(FOLDER / f"{name}.yaml")


def random_actions(game, rng):
    env = game.env
    sizes = [size for _, size in game.action_sizes]
    citizens = gtb_actions.citizens(rng, sizes, game.citizen_flags(), is_multi=env.multi_action_mode_agents)
    rates = [size for _, size in game.planner_sizes]
    return citizens, gtb_actions.planner(rng, rates, is_multi=env.multi_action_mode_planner) if rates else None


def check_step(game, before, moment):
    """The draws explain what happened: bonuses and regrowth follow from them."""
    draws, was, now = moment.draws, before.snapshot, moment.snapshot
    if "gathers" in now:
        for who, good, units, _, _ in now["gathers"]:
            assert draws["gather_drawn"][who, good]
            assert units == 1 + (draws["gather_uniforms"][who, good] < now["bonus_gather_prob"][who])
        assert draws["gather_drawn"].sum() == len(now["gathers"])
        assert sorted(draws["gather_order"]) == list(range(game.env.n_agents))
    for good, name in enumerate(("Stone", "Wood")):
        specs = game.env.layout_specs[name]
        width = 1 + 2 * specs["regen_halfwidth"]
        kernel = np.full((width, width), specs["regen_weight"] / width**2)
        source, units = now["maps"][f"{name}Source"], was["maps"][name].copy()
        for _, kind, _, row, column in now.get("gathers", []):
            units[row, column] -= kind == good
        chance = convolve2d(np.maximum(units, source), kernel, "same")
        grown = (draws["regeneration"][good] < chance) & (source > 0)
        expected = np.minimum(units + grown, specs["max_health"])
        np.testing.assert_array_equal(now["maps"][name], expected)


def check_market(snapshot):
    market = snapshot["market"]
    for good in range(2):
        for book, histogram in ((market["bids"], "bid_histogram"), (market["asks"], "ask_histogram")):
            counted = np.zeros_like(market[histogram][good])
            np.add.at(counted, (book[good][:, 0], book[good][:, 1]), 1)
            np.testing.assert_array_equal(counted, market[histogram][good])
    paid = sum(np.bincount(b[:, 0], b[:, 1], len(snapshot["labor"])) for b in market["bids"])
    np.testing.assert_array_equal(paid, snapshot["escrow"]["Coin"])


def check_reset(game, moment):
    """The draws of a reset explain where everybody is and what everybody can."""
    draws, constants = moment.draws, game.constants
    for citizen, tried in zip(draws["start_order"], draws["start_attempts"], strict=True):
        assert tuple(tried[-1]) == tuple(draws["start_cells"][citizen])
    if "skill_order" not in draws:
        np.testing.assert_array_equal(draws["start_cells"], draws["locations"])
    else:
        ranked = constants["ranked_payments"]
        np.testing.assert_array_equal(draws["build_payments"][draws["skill_order"]], ranked)
    if "layout_attempts" in draws:
        # No bits are lost: each layout that was tried has one map of uniform numbers for each resource.
        assert {one["Wood"]["uniform"].shape for one in draws["layout_attempts"]} == {constants["world_size"]}
    if "gather_skills" in draws:
        np.testing.assert_array_equal(np.minimum(2, draws["gather_skills"]) / 2, draws["bonus_gather_prob"])


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=p.stem, marks=[] if p.stem in QUICK else pytest.mark.slow) for p in CONFIGS]
)
def test_the_recorded_draws_explain_what_happens(path):
    game, rng = gtb_reference.open_game(gtb_reference.read(path), seed=3), np.random.default_rng(0)
    for _ in range(2):
        moment = game.reset()
        check_reset(game, moment)
        for step in range(min(40, game.env.episode_length)):
            before, moment = moment, game.step(*random_actions(game, rng))
            check_step(game, before, moment)
            if "market" in moment.snapshot:
                check_market(moment.snapshot)
            assert moment.snapshot["timestep"] == step + 1


def test_the_configurations_cover_every_layout_and_tax_system():
    envs = [gtb_reference.read(path) for path in CONFIGS]
    taxes = [
        entry["PeriodicBracketTax"] for env in envs for entry in env["components"] if "PeriodicBracketTax" in entry
    ]
    assert len(CONFIGS) >= 45
    assert len({env["scenario_name"] for env in envs}) == 5
    assert len({env["env_layout_file"] for env in envs if "env_layout_file" in env}) == 11
    assert {tax.get("tax_model", "model_wrapper") for tax in taxes} == {
        "model_wrapper",
        "us-federal-single-filer-2018-scaled",
        "saez",
        "fixed-bracket-rates",
    }
    assert {tax.get("bracket_spacing", "us-federal") for tax in taxes} == {"us-federal", "linear", "log"}
    assert {2, 4, 10, 29, 30, 100} <= {env["n_agents"] for env in envs}
    assert {1, 100} <= {tax.get("period") for tax in taxes}
    assert {env.get("wood_regen_halfwidth", 0) for env in envs} == {0, 1, 2, 3}
    assert any(env["world_size"][0] != env["world_size"][1] for env in envs)
    assert {env.get("multi_action_mode_agents", False) for env in envs} == {False, True}
    assert {env.get("multi_action_mode_planner", True) for env in envs} == {False, True}


def test_a_reset_redraws_the_procedural_layout():
    # Kind: closed form. One layout from its recorded draws by the rules of the specification: a probability map that
    # rises as row**steepness, thinned by the clumpiness, then grown with 7 x 7 kernels until the coverage is reached.
    game = gtb_reference.open_game(config("uniform_halfwidth_1"), seed=5)
    draws = game.reset().draws
    height, width = game.constants["world_size"]
    last = draws["layout_attempts"][-1]["Wood"]
    gradient = np.repeat(np.arange(height)[:, None] ** 2.5, width, axis=1)
    coverage, clump = 0.05, 1 - 0.35
    chance = gradient / gradient.mean() * coverage * 0.1 * clump
    uniform, found = last["uniform"].copy(), last["uniform"] < chance
    while found.mean() < coverage * clump:
        uniform *= 0.9
        found = uniform < chance
    for kernel, noise in zip(last["kernels"], last["noises"], strict=True):
        assert found.mean() < coverage
        found = (convolve2d(found + 0.2 * noise - 0.25, (kernel > 0).astype(float), "same") > 0) | found
    np.testing.assert_array_equal(found, draws["source_maps"][1])


def test_a_planner_with_single_actions_cannot_do_two_things():
    game = gtb_reference.open_game(config("single_action_planner"), seed=1)
    game.reset()
    with pytest.raises(ValueError, match="cannot set 2 brackets"):
        game.step(np.zeros(4, int), np.array([1, 1, 0, 0, 0, 0, 0]))


def test_a_rate_above_the_ceiling_does_not_reach_the_reference():
    game = gtb_reference.open_game(config("paper_phase_two"), seed=1)
    game.reset()
    # The ceiling is 0.10 in the first episode: index 3 is the rate 0.10, index 21 the rate 1.
    rates = game.step(np.zeros(4, int), np.array([21, 3, 0, 0, 0, 0, 99])).snapshot["tax"]["rates"]
    np.testing.assert_array_equal(rates, [0.0, 0.1, 0, 0, 0, 0, 0])


def test_citizens_who_find_no_cell_are_an_error():
    # Eighty-one cells, fifteen of them water.
    game = gtb_reference.open_game({**config("map_nine"), "n_agents": 67}, seed=1)
    with pytest.raises(ConfigError, match="finds no free cell"):
        game.reset()


@pytest.mark.parametrize(
    "name, content, message",
    [
        (None, None, "no configuration file"),
        ("a.yaml", "env: [", "cannot be read"),
        ("a.json", "{", "cannot be read"),
        ("a.yaml", "general: {}", "no section 'env'"),
    ],
)
def test_a_bad_file_is_an_error_in_one_line(tmp_path, name, content, message):
    path = tmp_path / (name or "missing.yaml")
    if name is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=message) as caught:
        gtb_reference.read(path)
    assert "\n" not in str(caught.value)
