"""Beginnings: who stands where, with which skill. Kind: hand-derived, property, error messages."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.economies.gather_trade_build import layouts, procedural, scatter, settle, skills

OPEN = "quadrant_25x25_20each_30clump"
PARETO, BONUS = skills.build_skills("pareto", 10.0, 3.0), skills.gather_skills("pareto")


def draws(settlement, num=64):
    return jax.vmap(settlement.draw)(jax.random.split(jax.random.key(0), num))


def test_four_corners_by_hand():
    # Worst top right, then bottom left, top left, best bottom right.
    assert settle.corner_cells(4, (25, 25)).tolist() == [[0, 24], [24, 0], [0, 0], [24, 24]]


def test_corners_of_ten_fill_from_the_outside():
    # Ten ranks: groups floor(4k/10) of 3, 2, 3, 2 citizens.
    assert settle.corner_cells(10, (25, 25)).tolist() == [
        *([0, 24], [0, 23], [0, 22]),
        *([24, 0], [24, 1]),
        *([0, 0], [0, 1], [0, 2]),
        *([24, 24], [24, 23]),
    ]


def test_the_fifth_of_a_group_starts_a_second_row():
    cells = settle.corner_cells(20, (30, 20))
    assert cells[:5].tolist() == [[0, 19], [0, 18], [0, 17], [0, 16], [1, 19]]
    assert cells[15:].tolist() == [[29, 19], [29, 18], [29, 17], [29, 16], [28, 19]]


def test_the_foundation_convention_measures_the_best_corner_with_the_width():
    assert settle.corner_cells(4, (20, 14)).tolist()[3] == [19, 13]
    assert settle.corner_cells(4, (20, 14), "foundation").tolist()[3] == [13, 13]


def test_quarters_are_exact_where_the_reference_programs_are_not():
    # Rank 49 of 98 is the first of the third quarter, in the top left; 49 * (4 / 98) rounds to a little less than 2.
    assert settle.corner_cells(98, (25, 25))[49].tolist() == [0, 0]
    assert settle.corner_cells(98, (25, 25), "foundation")[49].tolist() == [24 - 24 // 4, 24 % 4]
    for num in set(range(2, 98)) | {99, 100}:
        assert (settle.corner_cells(num, (25, 25)) == settle.corner_cells(num, (25, 25), "foundation")).all()


def test_ranks_stand_at_their_corners_with_their_payments():
    layout = layouts.load(OPEN)
    payments = skills.ranked_payments(4, 10.0, 3.0)
    settlement = settle.settle(layout, 4, settle.in_corners(layout, 4), PARETO, BONUS, payments)
    start = draws(settlement)
    ranks = np.abs(np.asarray(start.build_payment)[..., None] - payments).argmin(axis=-1)
    np.testing.assert_array_equal(start.cell, np.array([24, 600, 0, 624])[ranks])
    # Everybody gets every rank at times, and the raw skill has nothing to do with it.
    assert all(len(np.unique(column)) == 4 for column in np.asarray(start.cell).T)
    assert len(np.unique(start.build_skill)) == 4 * 64
    assert settlement.shape == (4, 25, 25)
    assert settlement.most_sources == 20


def test_ranks_can_stay_with_their_citizens():
    # By hand: the first citizen builds worst and starts in the top right corner, in every episode.
    layout, payments = layouts.load(OPEN), skills.ranked_payments(4, 10.0, 3.0)
    corners = settle.in_corners(layout, 4, deals_ranks=False)
    start = draws(settle.settle(layout, 4, corners, PARETO, BONUS, payments))
    np.testing.assert_array_equal(start.cell, np.broadcast_to([24, 600, 0, 624], (64, 4)))
    np.testing.assert_allclose(start.build_payment, np.broadcast_to(payments, (64, 4)), rtol=1e-6)
    # The best builder alone lives in the north: the last citizen.
    parted = layouts.with_water_row(layouts.load("top_wood_bottom_stone_14x14"))
    start = draws(
        settle.settle(parted, 4, settle.north_and_south(parted, 4, deals_ranks=False), PARETO, BONUS, payments)
    )
    rows = np.asarray(start.cell) // 14
    assert (rows[:, :3] > 7).all() and (rows[:, 3] < 7).all()
    np.testing.assert_allclose(start.build_payment, np.broadcast_to(payments, (64, 4)), rtol=1e-6)


def test_anywhere_is_land_and_nobody_shares_a_cell():
    layout = layouts.load("quadrant_8x8_4each_8clump")
    start = draws(settle.settle(layout, 66, settle.Anywhere(), PARETO, BONUS))
    # Eighty-one cells, fifteen of them water: sixty-six citizens stand on all that is left.
    dry = np.flatnonzero(~np.asarray(layout.ground.water).ravel())
    assert (np.sort(start.cell, axis=1) == dry[None]).all()
    assert start.cell.shape == (64, 66)


def test_random_cells_are_all_alike():
    # Two citizens on four free cells: each of the twelve ordered pairs has probability 1/12.
    free = jnp.array([[True, False, True], [False, True, True]])
    cells = jax.vmap(lambda key: settle.random_cells(key, free, 2))(jax.random.split(jax.random.key(0), 12_000))
    pairs, counts = np.unique(np.asarray(cells), axis=0, return_counts=True)
    assert len(pairs) == 12
    assert (np.abs(counts - 1000) < 5 * np.sqrt(1000)).all()


def test_chosen_ranks_live_in_the_north():
    layout = layouts.with_water_row(layouts.load(OPEN))
    payments = skills.ranked_payments(10, 10.0, 3.0)
    # Rank 0 of the papers is the highest skill: the last of the ascending payments.
    placement = settle.north_and_south(layout, 10, [2, 7])
    start = draws(settle.settle(layout, 10, placement, PARETO, BONUS, payments))
    rows, earns = np.asarray(start.cell) // 25, np.asarray(start.build_payment)
    north = np.round(payments[::-1][[2, 7]], 3)
    assert (np.isin(np.round(earns, 3), north.astype(np.float32)) == (rows < 12)).all()
    assert (rows != 12).all()
    assert all(len(set(cells)) == 10 for cells in np.asarray(start.cell).tolist())


def test_a_drawn_map_begins_with_people_on_land():
    layout = procedural.quadrants((12, 15), scatter.resources((12, 15), (0.05, 0.05)))
    settlement = settle.settle(layout, 5, settle.Anywhere(), PARETO, BONUS)
    start = eqx.filter_jit(lambda s: draws(s, 8))(settlement)
    water = np.asarray(start.water).reshape(8, -1)
    assert not np.take_along_axis(water, np.asarray(start.cell), axis=1).any()


LAND = layouts.parse("...\n...\n...")
POND = layouts.parse("@..\n...\n...")
STREAM = layouts.with_water_row(LAND)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: settle.settle(POND, 9, settle.Anywhere(), PARETO, BONUS),
            "economy.citizens is 9: at most 8 fit on the map",
        ),
        (lambda: settle.settle(POND, 0, settle.Anywhere(), PARETO, BONUS), "expected at least 1"),
        (lambda: settle.in_corners(POND, 4), "rank 2 .* at row 1, column 1, which is water; choose another map"),
        (lambda: settle.in_corners(LAND, 8), "rank 5 .* at row 1, column 2, and so would rank 1; at most 5 fit"),
        (lambda: settle.in_corners(LAND, 40), "outside a world|so would rank"),
        (lambda: settle.corner_cells(4, (9, 9), "right"), "unknown convention 'right'"),
        (lambda: settle.settle(LAND, 4, settle.in_corners(LAND, 4), PARETO, BONUS), "each of 4 ranks, got none"),
        (lambda: settle.north_and_south(STREAM, 4, [4]), r"ranks \[4\] in the north: expected numbers from 0"),
        (lambda: settle.north_and_south(STREAM, 4, []), "0 of 4 citizens in the north"),
        (lambda: settle.north_and_south(STREAM, 2, [0, 1]), "2 of 2 citizens in the north"),
        (lambda: settle.north_and_south(STREAM, 2, 0, 2), "water_row is 2"),
        (
            lambda: settle.settle(
                STREAM, 6, settle.north_and_south(STREAM, 6, [0, 1, 2, 3]), PARETO, BONUS, np.ones(6)
            ),
            "economy.north_ranks has 4 citizens: at most 3 fit north of the water",
        ),
        (
            lambda: settle.settle(STREAM, 6, settle.north_and_south(STREAM, 6, 5), PARETO, BONUS, np.ones(6)),
            "economy.citizens is 6, 5 of them in the south: at most 3 fit south",
        ),
    ],
)
def test_people_without_a_place_are_an_error(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_the_best_corner_of_the_foundation_convention_can_lie_outside():
    with pytest.raises(ConfigError, match="row 20, column 20, outside a world of 12 rows"):
        settle.in_corners(layouts.load("quadrant_8x8_4each_8clump", (12, 20)), 4, "foundation")
