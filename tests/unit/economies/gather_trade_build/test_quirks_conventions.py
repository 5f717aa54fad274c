"""Quirks of the reference program that the word "foundation" keeps, and those of maps, names and seeds.

Kind: derived by hand; see `test_quirks` for the other rows. "exact" is right and the default;
`foundation.economy(config, convention)` sets every option from the one word.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.core.knobs import full_knobs
from fisc.core.spaces import Discrete
from fisc.econ.inequality import equality
from fisc.economies.gather_trade_build import layouts, settle, skills
from fisc.economies.gather_trade_build.economy import GatherTradeBuild
from fisc.scenarios import foundation
from fisc.scenarios.foundation_config import resolve
from fisc.taxes.saez import saez_estimated

SUFFIX = "simple_wood_and_stone"
BOTH = ("exact", "foundation")


def config(kind="uniform", components=None, **world):
    """Four citizens on 10 by 10 cells; components by name, with their arguments."""
    parts = {"Build": {"skill_dist": "pareto"}, "Gather": {}, "PeriodicBracketTax": {}} | (components or {})
    env = {"scenario_name": f"{kind}/{SUFFIX}", "n_agents": 4, "world_size": [10, 10]}
    return resolve(env | {"components": [{name: arguments} for name, arguments in parts.items()]} | world)


def test_the_convention_is_one_word_and_exact_by_default():
    made = foundation.economy(config())
    assert made.gini_convention == made.beginning.layout.convention == "exact"
    made = foundation.economy(config(), "foundation")
    assert made.gini_convention == made.beginning.layout.convention == "foundation"
    with pytest.raises(ConfigError, match="unknown convention 'fundation': did you mean 'foundation'"):
        foundation.economy(config(), "fundation")


@pytest.mark.parametrize("convention, sees", [("exact", False), ("foundation", True)])
def test_row_01_the_raw_build_skill_is_noise_where_rank_decides(convention, sees):
    # Convention. With ranked payments the raw skill has nothing to do with what a citizen earns.
    ranked = config(
        "layout_from_file", env_layout_file="top_wood_bottom_stone_14x14.txt", world_size=[14, 14], episode_length=100
    )
    economy = foundation.economy(ranked, convention)
    assert ("build_skill" in economy.layout.own_names()) == sees
    assert "build_payment" in economy.layout.own_names()


def layout(config, convention):
    """Where water and sources are."""
    return foundation.economy(config, convention).beginning.layout


def saez(convention, **options):
    return saez_estimated([0.0, 10.0, 100.0], convention=convention, window=4, **options)


@eqx.filter_jit
def decide(system, memory):
    """A decision at the start of a period."""
    return system.decide(memory, None, jnp.full(3, 0.5), full_knobs())


def test_row_10_a_top_bracket_that_nobody_reaches():
    # Convention. Nobody earns above 100: "exact" carries the last defined rate up, which is also that of the bracket
    # from 10 to 100 where it ends; there the top rate is 1.
    tops = {}
    for convention in BOTH:
        system = saez(convention, fixed_elasticity=1.0)
        memory = system.learn(system.init(), jnp.array([2.0, 5.0, 20.0, 30.5]), jnp.full(4, 0.2))
        decided = decide(system, memory)
        tops[convention] = decided.current.tolist()
    assert tops["foundation"][-1] == 1.0
    # The highest earner, at 30.5, is alone in the top bin: g = (w(30.5) / 4) / (mean w / 4), averaged with nothing
    # above; a = 30.5 * (1/4) / (1/8) / 1; bins of one coin with middles 2.5, 5.5, 20.5, 30.5.
    weights = 1 / np.array([2.5, 5.5, 20.5, 30.5])
    g, a = weights[-1] / weights.mean(), 30.5 * 0.25 / 0.125
    np.testing.assert_allclose(tops["exact"][-1], (1 - g) / (1 - g + a), rtol=1e-3)


@pytest.mark.parametrize("convention, counted", [("exact", 4), ("foundation", 6)])
def test_row_11_pooled_samples_are_counted_once(convention, counted):
    # Convention. Two environments with two samples each, pooled: four; there an environment's own two count again.
    system = saez(convention, num_environments=2)
    one = system.learn(system.init(), jnp.array([1.0, 2.0]), jnp.zeros(2))
    pooled = system.pool(jax.tree.map(lambda x: jnp.stack([x, x]), one))
    samples = system.samples_in_use(jax.tree.map(lambda x: x[0], pooled))
    assert int(samples.histogram.num_samples) == counted


def test_row_12_there_is_one_estimate_of_the_elasticity_and_it_lives_on():
    # Keep. Each decision moves it 2 % of the way, and a reset leaves it. (The reference reports it a decision late,
    # which is its report's matter: fisc reports none.) Income 10 at net-of-tax rate 0.5 and 40 at 1: slope 2.
    system = saez_estimated([0.0, 10.0, 100.0], window=10)
    incomes, rates = jnp.array([10.0, 40.0] * 5), jnp.array([0.5, 0.0] * 5)
    memory = system.learn(system.init(), incomes, rates)
    memory = decide(system, memory)
    np.testing.assert_allclose(memory.elasticity, 0.98 * 0.5 + 0.02 * 2.0, rtol=1e-5)
    np.testing.assert_array_equal(system.reset(memory).elasticity, memory.elasticity)


def test_row_13_one_formula_for_equality():
    # Convention. 1, ..., n: a Gini of (n - 1) / (3 n) times n / (n - 1), so 1/3 at any n, and all zeros are equal;
    # there from 30 people on without the factor, and nothing is unequal (0.688172 and 0 at n = 30).
    for num in (29, 30):
        np.testing.assert_allclose(equality(jnp.arange(1.0, num + 1)), 2 / 3, rtol=1e-5)
        assert float(equality(jnp.zeros(num))) == 1.0
    np.testing.assert_allclose(equality(jnp.arange(1.0, 31.0), "foundation"), 0.688172, rtol=1e-5)
    assert float(equality(jnp.zeros(30), "foundation")) == 0.0
    assert float(equality(jnp.zeros(29), "foundation")) == 1.0
    objective = foundation.economy(config(), "foundation").objective
    np.testing.assert_allclose(objective(*[jnp.arange(1.0, 31.0)] * 3), 0.688172 * 15.5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["uniform", "multi_zone"])
def test_row_15_stone_has_a_coverage_of_its_own(kind):
    # Convention. Wood 0.05 and stone 0.02 of the map; there the seeds of both go by the coverage of wood.
    amounts = {"starting_wood_coverage": 0.05, "starting_stone_coverage": 0.02}
    for convention, stone in (("exact", 0.02), ("foundation", 0.05)):
        ground = layout(config(kind, **amounts), convention)
        chances = ground.seed_chances(jnp.asarray(ground.kinds()).reshape(8, 8)) if kind == "multi_zone" else None
        chances = ground.seed_chances() if chances is None else chances
        np.testing.assert_allclose(chances.mean(axis=(1, 2)), [stone, 0.05], rtol=1e-5)


def test_row_16_the_middle_of_a_world_that_is_not_square():
    # Convention. 8 rows and 12 columns: water in row 4 and column 6; there in row 6 and column 4.
    wide = config("quadrant", world_size=[8, 12])
    for convention, (row, column) in (("exact", (4, 6)), ("foundation", (6, 4))):
        dry = layout(wide, convention).surely_dry()
        assert not dry[row, 0]
        assert not dry[0, column]
    # The best citizen starts in the last row; there in the row that the width counts to.
    assert settle.corner_cells(4, (8, 6))[3].tolist() == [7, 5]
    assert settle.corner_cells(4, (8, 6), "foundation")[3].tolist() == [5, 5]


def test_row_22_a_start_in_water_is_refused():
    # Fixed under both conventions (there, the citizen is left off the board without a word).
    pond = layouts.parse("@...\n....\n....\n....")
    for convention in BOTH:
        with pytest.raises(ConfigError, match=r"rank 2 .* at row 1, column 1, which is water"):
            settle.in_corners(pond, 4, convention)


def test_row_23_brackets_are_named_by_their_cutoffs():
    # Convention. Five brackets that double up to 100; the reference's powers of 2 lie just below whole numbers.
    doubling = config(components={"PeriodicBracketTax": {"bracket_spacing": "log"}})
    assert foundation.bracket_names(doubling) == ["0", "12.5", "25", "50", "100"]
    assert foundation.bracket_names(doubling, "foundation") == ["000", "012", "024", "049", "099"]
    narrow = {"bracket_spacing": "linear", "n_brackets": 30, "top_bracket_cutoff": 10}
    assert len(set(foundation.bracket_names(config(components={"PeriodicBracketTax": narrow})))) == 30
    with pytest.raises(ConfigError, match="share a name in the reference program"):
        foundation.bracket_names(config(components={"PeriodicBracketTax": narrow}), "foundation")
    assert foundation.bracket_names(config(components={"WealthRedistribution": {}})) != []


def test_row_23_a_round_income_and_the_cutoff_beside_it():
    # Convention. The cutoffs themselves: in double precision the reference's second one is not 20 but just beside it.
    tax = {"bracket_spacing": "log", "n_brackets": 4, "top_bracket_cutoff": 40}
    exact, theirs = (foundation.cutoffs(config(components={"PeriodicBracketTax": tax}), which) for which in BOTH)
    assert exact.tolist() == [0.0, 10.0, 20.0, 40.0]
    assert 0.0 < np.abs(theirs - exact).max() < 1e-13


def test_planner_rates_that_rounding_lifts_above_the_highest():
    # Convention, found in parity runs. 3 x 0.1 is above 0.3 and dropped there; a ceiling of 0.15 leaves 0.10, as
    # 3 x 0.05 is above it.
    third = config(components={"PeriodicBracketTax": {"rate_max": 0.3, "rate_disc": 0.1}})
    np.testing.assert_allclose(foundation.rate_grid(third), [0.0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(foundation.rate_grid(third, "foundation"), [0.0, 0.1, 0.2])
    annealed = config(components={"PeriodicBracketTax": {"tax_annealing_schedule": [-1, 0.15]}})
    np.testing.assert_allclose(foundation.rate_ceiling(annealed, 0), 0.15)
    np.testing.assert_allclose(foundation.rate_ceiling(annealed, 0, "foundation"), 0.10)


def beginning():
    """How an episode begins on a fixed map."""
    fixed = config("layout_from_file", env_layout_file="top_wood_bottom_stone_14x14.txt", world_size=[14, 14])
    return foundation.economy(fixed).beginning


def test_row_24_only_keys_decide_what_is_drawn():
    # Fixed (there, one generator serves all environments of a process).
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    first = beginning().draw(jax.random.key(3))
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.random.seed(8)
    again = beginning().draw(jax.random.key(3))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), first, again))
    # Ranked skills are the average of a rank, whatever was drawn before: the values of the fixed map, in both worlds.
    np.testing.assert_allclose(
        skills.ranked_payments(4, 10.0, 3.0), [11.331641, 13.267112, 16.472373, 22.249614], rtol=1e-6
    )


def test_row_25_maps_are_read_as_they_are():
    # Keep. The map called 8 by 8 has nine rows and columns; "A" is an empty cell, and so is a last empty row.
    assert layouts.load("quadrant_8x8_4each_8clump").size == (9, 9)
    ground = layouts.parse("AW;S@;")
    assert ground.size == (2, 2)
    assert ground.num_sources == (1, 1)
    assert int(np.sum(ground.surely_dry())) == 3


def test_row_29_the_real_names_of_arguments_count():
    # Fixed: the documented names are refused with the real ones beside them.
    for wrong, right in (
        ({"planner_gets_spatial_obs": True}, "did you mean 'planner_gets_spatial_info'"),
        ({"planner_reward_type": "inv_income_weighted_coin_endowment"}, "did you mean 'inv_income_weighted_coin_endow"),
    ):
        with pytest.raises(ConfigError, match=right):
            config(**wrong)
    config(planner_gets_spatial_info=True, planner_reward_type="inv_income_weighted_coin_endowments")


@pytest.mark.parametrize("convention, sees", [("exact", True), ("foundation", False)])
def test_row_30_seeing_the_whole_map_does_not_hide_where_one_is(convention, sees):
    # Convention. There, full observability drops one's own row and column, and everybody's purse from the planner.
    layout = foundation.economy(config(full_observability=True), convention).layout
    assert ({"row", "column"} <= set(layout.own_names())) == sees
    assert ({"coin", "stone", "wood"} <= set(layout.citizen_names())) == sees
    narrow = foundation.economy(config(full_observability=False), convention).layout
    assert {"row", "column"} <= set(narrow.own_names())


def test_row_14_log_utility_can_be_asked_for():
    # Fixed: a type error there.
    assert float(foundation.economy(config(isoelastic_eta=1)).preferences.eta) == 1.0


def test_row_35_single_actions_of_the_planner_are_imported():
    # Keep, as an option: seven brackets of 21 rates, and keeping them all.
    economy = foundation.economy(config(multi_action_mode_planner=False))
    assert isinstance(economy, GatherTradeBuild)
    assert economy.spec.roles["planner"].actions == Discrete(1 + 7 * 21)
