"""Maps from files. Kind: golden (published counts and cells) and error messages."""

import jax
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.economies.gather_trade_build import layouts, maps

# Kind: golden. Rows, columns, wood, stone, water of each map, counted in the reference program's files.
COUNTS = {
    "quadrant_25x25_20each_30clump": (25, 25, 20, 20, 33),
    "closed_quadrant_25x25_20each_30clump": (25, 25, 20, 20, 49),
    "quadrant_25x25_20each_30clump_no_water": (25, 25, 20, 20, 0),
    "quadrant_40x40_50each": (40, 40, 49, 51, 108),
    "quadrant_40x40_50each_no_water": (40, 40, 49, 51, 0),
    "quadrant_8x8_4each_8clump": (9, 9, 13, 9, 15),
    "env-pure_and_mixed-15x15": (15, 15, 23, 12, 21),
    "env-pure_and_mixed-25x25": (25, 25, 43, 45, 37),
    "env-pure_and_mixed-40x40": (40, 40, 27, 36, 0),
    "top_wood_bottom_stone_14x14": (14, 14, 9, 9, 0),
    "uniform_25x25_25each_65clump": (25, 25, 27, 24, 0),
}
STONE, WOOD = 0, 1


def cells(mask) -> list[tuple[int, int]]:
    return [tuple(cell) for cell in np.argwhere(np.asarray(mask)).tolist()]


def test_every_map_has_its_published_size_and_counts():
    assert maps.map_names() == sorted(COUNTS)
    for name, (height, width, wood, stone, water) in COUNTS.items():
        layout = layouts.load(name)
        assert layout.size == (height, width), name
        assert layout.num_sources == (stone, wood), name
        assert layout.max_sources == max(stone, wood)
        assert layout.ground.water.sum() == water, name


def test_cells_of_two_maps():
    # Kind: golden, typed in from a listing of the cells.
    nine = layouts.load("quadrant_8x8_4each_8clump.txt").ground
    assert cells(nine.sources[STONE]) == [(2, 0), (2, 3), (2, 6), (3, 0), (5, 1), (6, 0), (6, 2), (7, 0), (8, 3)]
    assert cells(nine.water)[4:11] == [(4, 0), (4, 1), (4, 3), (4, 4), (4, 5), (4, 7), (4, 8)]
    top = layouts.load("top_wood_bottom_stone_14x14").ground
    assert cells(top.sources[WOOD]) == [(0, 2), (0, 3), (0, 11), (1, 6), (1, 7), (2, 0), (2, 1), (2, 3), (2, 7)]
    assert cells(top.sources[STONE])[:3] == [(11, 7), (11, 8), (11, 13)]


def test_the_closed_quadrants_have_a_whole_cross_of_water():
    water = np.asarray(layouts.load("closed_quadrant_25x25_20each_30clump").ground.water)
    assert water[12].all()
    assert water[:, 12].all()
    open_ = layouts.load("quadrant_25x25_20each_30clump")
    assert (open_.ground.sources == layouts.load("closed_quadrant_25x25_20each_30clump").ground.sources).all()


@pytest.mark.parametrize("text", ["W.@\n.S.\n", "W @; S ;", "W @;\n S ;\n", "W.@\r\nAS.", "W @;AS "])
def test_both_forms_of_a_map_are_read(text):
    layout = layouts.parse(text)
    assert layout.size == (2, 3)
    assert cells(layout.ground.sources[WOOD]) == [(0, 0)]
    assert cells(layout.ground.sources[STONE]) == [(1, 1)]
    assert cells(layout.ground.water) == [(0, 2)]


def test_a_larger_world_is_empty_below_and_to_the_right():
    layout = layouts.parse("W@\nS.", size=(3, 4))
    assert layout.size == (3, 4)
    assert cells(layout.ground.water) == [(0, 1)]
    assert cells(layout.ground.sources.any(axis=0)) == [(0, 0), (1, 0)]
    assert layout.surely_dry().sum() == 11


@pytest.mark.parametrize(
    "text, size, message",
    [
        ("W.\n.x", None, "unknown mark 'x' at row 2, column 2"),
        ("W.;.w;", None, "unknown mark 'w' at row 2, column 2"),
        ("W..\n..", None, "row 2 has 2 cells, but row 1 has 3"),
        ("", None, "is empty"),
        ("\n\n", None, "is empty"),
        (";;", None, "is empty"),
        ("W..\n...", (2, 2), "has 2 rows and 3 columns: a world of 2 rows and 2 columns is too small"),
        ("W..\n...", (1, 3), "too small"),
    ],
)
def test_a_bad_map_is_an_error_in_one_line(text, size, message):
    with pytest.raises(ConfigError, match=message) as caught:
        layouts.parse(text, size)
    assert "\n" not in str(caught.value)


def test_an_unknown_map_is_an_error_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'quadrant_40x40_50each'"):
        layouts.load("quadrant_40x40_50eech")


def test_a_map_of_ones_own_is_a_path(tmp_path):
    (tmp_path / "mine.txt").write_text("W.\n.S\n")
    assert layouts.load(tmp_path / "mine.txt").size == (2, 2)


def test_a_source_in_water_is_an_error():
    with pytest.raises(ConfigError, match="W source at row 1, column 2 lies in water"):
        layouts.fixed(np.ones((1, 2), bool), np.array([[[False, False]], [[False, True]]]))


def test_a_row_of_water_takes_the_place_of_sources():
    layout = layouts.with_water_row(layouts.parse("W.\nSW\n.S"))
    assert cells(layout.ground.water) == [(1, 0), (1, 1)]
    assert layout.num_sources == (1, 1)
    assert cells(layouts.with_water_row(layouts.load("top_wood_bottom_stone_14x14"), 3).ground.water)[0] == (3, 0)


@pytest.mark.parametrize("row", [0, 2, -1, 9])
def test_water_needs_land_on_both_sides(row):
    with pytest.raises(ConfigError, match="expected 1 to 1, so that there is land on both sides"):
        layouts.with_water_row(layouts.parse("W.\nSW\n.S"), row)


def test_a_fixed_layout_draws_itself():
    layout = layouts.load("env-pure_and_mixed-15x15")
    ground = jax.jit(lambda key: layout.draw(key))(jax.random.key(0))
    assert (ground.sources == layout.ground.sources).all()
