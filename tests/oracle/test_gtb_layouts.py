"""Maps, placement and skills against the reference program's, from its recorded draws. Kind: oracle."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.economies.gather_trade_build import layouts, maps, procedural, scatter, settle, skills

from . import gtb_reference, reference

pytestmark = pytest.mark.skipif(
    not reference.is_installed(), reason=f"the reference program is missing: {reference.INSTALL}"
)

FOLDER = Path(__file__).parent / "configs" / "gather_trade_build"
STONE, WOOD = 0, 1
RESETS = 4


def game_of(name: str) -> gtb_reference.Game:
    return gtb_reference.open_game(gtb_reference.read(FOLDER / f"{name}.yaml"), seed=11)


def layout_of(env):
    """The layout of fisc that an environment of the reference plays on, with its conventions."""
    kind, size, specs = env.name.split("/")[0], tuple(env.world_size), env.layout_specs
    amounts = scatter.Resources(
        jnp.array([specs["Stone"]["starting_coverage"], specs["Wood"]["starting_coverage"]]),
        jnp.array([env.clumpiness["Stone"], env.clumpiness["Wood"]]),
        env._checker_source_blocks,
    )
    if kind == "quadrant":
        return procedural.quadrants(size, amounts, env.gradient_steepness, convention="foundation")
    if kind == "multi_zone":
        grid = (env.num_partitions_row, env.num_partitions_col)
        counts = [env.zone_specs[name][1] for name in ("Wood", "Stone", "WoodStone")]
        return procedural.zones(size, amounts, grid, *counts, convention="foundation")
    return procedural.scattered(size, amounts, env.gradient_steepness, convention="foundation")


def replayed(chances, attempts, amounts):
    """The sources that come of recorded draws: every attempt but the last must be refused."""
    for attempt in attempts:
        found = {}
        for good, name in ((WOOD, "Wood"), (STONE, "Stone")):
            draws = attempt[name]
            free = jnp.ones(chances.shape[1:], bool) if good == WOOD else ~found[WOOD]
            coverage, clumpiness = amounts.coverage[good], amounts.clumpiness[good]
            grown = scatter.sow(jnp.asarray(draws["uniform"]), chances[good], free, coverage, clumpiness)
            for kernel, noise in zip(draws["kernels"], draws["noises"], strict=True):
                assert np.asarray(grown).mean() < coverage
                grown = grow(grown, jnp.asarray(kernel > 0), jnp.asarray(noise), free)
            assert np.asarray(grown).mean() >= coverage
            found[good] = grown
        sources = jnp.stack([found[STONE], found[WOOD]])
        assert bool(scatter.is_covered(sources, amounts)) == (attempt is attempts[-1])
    return sources


grow = jax.jit(scatter.grow)


@pytest.mark.parametrize(
    "name",
    ["uniform_halfwidth_0", "uniform_halfwidth_3", "uniform_checkered", "zones", "zones_uneven", "quadrants_wide"],
)
def test_recorded_draws_make_the_same_map(name):
    game = game_of(name)
    with jax.enable_x64(True):
        layout = layout_of(game.env)
        amounts = layout.resources
        for _ in range(RESETS):
            draws = game.reset().draws
            zones = (jnp.asarray(draws["zones"]),) if "zones" in draws else ()
            chances = layout.seed_chances(*zones)
            for good, there in ((STONE, "Stone"), (WOOD, "Wood")):
                np.testing.assert_allclose(chances[good], game.env.source_prob_maps[there], rtol=1e-12, atol=1e-300)
            sources = np.array(replayed(chances, draws["layout_attempts"], amounts))
            if amounts.is_checkered:
                sources &= np.asarray(scatter.checkerboard(layout.size))
            if isinstance(layout, procedural.Quadrants):
                row, column = layout._middle()
                sources[:, row], sources[:, :, column] = False, False
                np.testing.assert_array_equal(~layout.surely_dry(), draws["water"] > 0)
            np.testing.assert_array_equal(sources, draws["source_maps"] > 0)


def test_zones_before_they_are_shuffled_are_the_same():
    game = game_of("zones_uneven")
    np.testing.assert_array_equal(np.sort(game.reset().draws["zones"].ravel()), np.sort(layout_of(game.env).kinds()))


@pytest.mark.parametrize(
    "name", ["paper_phase_two", "paper_ten_citizens", "citizens_29", "citizens_30", "world_tall_fixed"]
)
def test_ranked_citizens_have_the_same_payments_and_corners(name):
    game = game_of(name)
    constants, draws = game.constants, game.reset().draws
    num, build = constants["num_agents"], game.env.get_component("Build")
    payments = skills.ranked_payments(num, float(build.payment), float(build.payment_max_skill_multiplier))
    np.testing.assert_allclose(payments, constants["ranked_payments"], rtol=1e-13)
    cells = settle.corner_cells(num, constants["world_size"], "foundation")
    np.testing.assert_array_equal(cells, constants["ranked_cells"])
    np.testing.assert_array_equal(cells, draws["locations"][draws["skill_order"]])


@pytest.mark.parametrize("name", ["paper_split_27", "split_one_on_top", "split_default"])
def test_split_worlds_have_the_same_water_and_ranks(name):
    game = game_of(name)
    constants, env = game.constants, game.env
    given = gtb_reference.read(FOLDER / f"{name}.yaml")
    layout = layouts.load(given["env_layout_file"], constants["world_size"])
    layout = layouts.with_water_row(layout, given.get("water_row"))
    num, north = constants["num_agents"], given.get("skill_rank_of_top_agents", 0)
    placement = settle.north_and_south(layout, num, north, given.get("water_row"))
    assert [num - 1 - rank for rank in reversed(placement.north_ranks)] == sorted(constants["top_ranks"])
    for _ in range(RESETS):
        draws = game.reset().draws
        np.testing.assert_array_equal(layout.ground.water, draws["water"] > 0)
        np.testing.assert_array_equal(layout.ground.sources, draws["source_maps"] > 0)
        rows = draws["locations"][draws["skill_order"][::-1], 0]
        is_north = np.isin(np.arange(num), placement.north_ranks)
        np.testing.assert_array_equal(rows < placement.water_row, is_north)
    # Payments there are drawn from whatever the global generator's state is: equal to a percent.
    build = env.get_component("Build")
    ours = skills.ranked_payments(num, float(build.payment), float(build.payment_max_skill_multiplier))
    np.testing.assert_allclose(ours[::-1], constants["ranked_payments"], rtol=0.01)


def test_every_map_is_the_reference_programs():
    package = Path(importlib.util.find_spec("ai_economist").origin).parent
    folder = package / "foundation" / "scenarios" / "simple_wood_and_stone" / "map_txt"
    names = sorted(path.stem for path in folder.glob("*.txt"))
    assert names == maps.map_names()
    for name in names:
        ours, theirs = layouts.load(name), layouts.parse((folder / f"{name}.txt").read_text())
        assert ours.size == theirs.size
        np.testing.assert_array_equal(ours.ground.water, theirs.ground.water)
        np.testing.assert_array_equal(ours.ground.sources, theirs.ground.sources)
