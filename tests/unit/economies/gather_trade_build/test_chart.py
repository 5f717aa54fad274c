"""Windows of the map, and labels, whatever number of citizens they have to tell apart. Kind: closed form."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.economies.gather_trade_build import chart

from .world import begin, world

SIDE = 20


@pytest.mark.parametrize("num, dtype", [(3, "int8"), (62, "int8"), (63, "int8"), (126, "int8"), (127, "int16")])
def test_everybody_knows_who_is_where_and_whose_house_it_is(num, dtype):
    # Citizen j stands on cell j, and the house there is the next citizen's.
    people = world(
        cells=[divmod(cell, SIDE) for cell in range(num)], chart="\n".join(["." * SIDE] * (SIDE - 1) + ["S" * 19 + "W"])
    )
    owner = np.full(SIDE * SIDE, -1)
    owner[:num] = np.roll(np.arange(num), -1)
    state = replace(begin(people), owner=jnp.asarray(owner.reshape(SIDE, SIDE), jnp.int16))
    form = chart.packing((1, 1), num)
    whole = chart.pack(state, form)[None]

    def labels(observer: int) -> np.ndarray:
        """What an observer sees of the whole map: owners, then citizens, [2, cells]."""
        seen = chart.labels(whole, form, jnp.full(1, observer))
        assert seen.dtype == dtype
        return np.asarray(seen).reshape(2, -1)

    for observer in {0, 1, num - 1}:
        names = np.arange(num) + 2
        names[observer] = 1
        owners, citizens = labels(observer)
        np.testing.assert_array_equal(citizens[:num], names)
        np.testing.assert_array_equal(owners[:num], np.roll(names, -1))
        assert not citizens[num:].any() and not owners[num:].any()
    owners, citizens = labels(chart.NOBODY)
    np.testing.assert_array_equal(citizens[:num], np.arange(num) + 2)
    np.testing.assert_array_equal(owners[:num], np.roll(np.arange(num) + 2, -1))
    np.testing.assert_array_equal(citizens[num:], 0)


@pytest.mark.parametrize("halfwidth", [0, 2])
@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_a_window_is_the_square_around_each_citizen_and_zero_beyond_the_edge(halfwidth, dtype):
    # Two environments of different maps and places, among them two corners.
    rng, shape = np.random.default_rng(0), (4, 6)
    packed = rng.integers(1, 1000, (2, *shape)).astype(dtype)
    cell = np.asarray([[0, 9, 23], [5, 18, 14]], np.int32)
    cut = jax.jit(jax.vmap(lambda chart_of, at: chart.windows(chart_of, at, halfwidth)))
    found = np.asarray(cut(jnp.asarray(packed), jnp.asarray(cell)))
    assert found.dtype == dtype
    for world_number, at in np.ndindex(cell.shape):
        row, column = divmod(int(cell[world_number, at]), shape[1])
        padded = np.pad(packed[world_number], halfwidth)
        square = padded[row : row + 2 * halfwidth + 1, column : column + 2 * halfwidth + 1]
        np.testing.assert_array_equal(found[world_number, at], square)
