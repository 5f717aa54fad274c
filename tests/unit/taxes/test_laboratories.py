"""Versions of a schedule side by side. Evidence: closed form, by hand."""

import numpy as np
import pytest

from fisc.taxes.laboratories import directions, slopes, uphill, versions


@pytest.mark.parametrize("num, versions_needed", [(1, 2), (2, 4), (3, 4), (4, 8), (7, 8), (8, 16)])
def test_every_rate_is_up_in_half_of_the_versions_and_no_two_go_together(num, versions_needed):
    signs = directions(num)
    assert signs.shape == (versions_needed, num)
    assert set(signs.ravel()) == {-1.0, 1.0}
    # Columns are orthogonal to each other and to a constant: what one rate does is told apart from all others.
    np.testing.assert_array_equal(signs.T @ signs, versions_needed * np.eye(num))
    np.testing.assert_array_equal(signs.sum(axis=0), np.zeros(num))


def test_versions_lie_above_and_below_and_stay_within_bounds():
    rates = versions(np.array([0.5, 0.1, 0.9]), 0.2)
    assert set(np.round(rates[:, 0], 9)) == {0.3, 0.7}
    assert set(np.round(rates[:, 1], 9)) == {0.0, 0.3}
    assert set(np.round(rates[:, 2], 9)) == {0.7, 1.0}


@pytest.mark.parametrize("schedule", [[0.5, 0.5, 0.5], [0.1, 0.5, 0.95]])
def test_slopes_of_a_plane_are_found_exactly(schedule):
    rates = versions(np.array(schedule), 0.2)
    np.testing.assert_allclose(slopes(rates, 7.0 + rates @ np.array([3.0, -2.0, 0.5])), [3.0, -2.0, 0.5], rtol=1e-12)


def test_a_rate_that_all_versions_share_has_no_slope():
    rates = np.array([[0.0, 0.1], [0.0, 0.3]])
    np.testing.assert_allclose(slopes(rates, np.array([1.0, 2.0])), [0.0, 5.0])


def test_agreement_is_what_counts_and_not_size():
    # By hand: three equal slopes weigh 1 - 0.5³; two opposite ones of weights 0.25 and 0.5 leave 0.25, of size 1.
    found = uphill(np.array([[2.0, 400.0, 0.0], [2.0, 400.0, 0.0], [2.0, 400.0, 0.0]]), 0.5)
    np.testing.assert_allclose(found, [0.875, 0.875, 0.0])
    np.testing.assert_allclose(uphill(np.array([[-3.0], [3.0]]), 0.5), [0.25])
    assert np.all(np.abs(uphill(np.random.default_rng(0).normal(size=(200, 50)), 0.9)) < 1.0)


def test_without_memory_the_last_slope_alone_says_where_to_go():
    np.testing.assert_allclose(uphill(np.array([[5.0, -1.0], [-0.1, -3.0]]), 0.0), [-1.0, -1.0])


def test_a_noisy_hill_is_climbed_to_its_top():
    # Closed form: welfare falls with the square of the distance from a known schedule; noise as large as its slope.
    luck, top, schedule, seen = np.random.default_rng(1), np.array([0.0, 0.3, 0.8]), np.full(3, 0.4), []
    for move in range(60):
        rates = versions(schedule, 0.2)
        welfare = -100.0 * np.sum((rates - top) ** 2, axis=1) + luck.normal(scale=5.0, size=len(rates))
        seen.append(slopes(rates, welfare))
        schedule = np.clip(schedule + 0.08 * (1 - move / 60) * uphill(np.stack(seen), 0.8), 0.0, 1.0)
    np.testing.assert_allclose(schedule, top, atol=0.08)
