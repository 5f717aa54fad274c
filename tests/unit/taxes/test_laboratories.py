"""Versions of a schedule side by side. Evidence: closed form, by hand."""

import numpy as np
import pytest

from fisc.taxes.laboratories import along, directions, peak, slopes, steps, uphill, versions, worth


@pytest.mark.parametrize("num, versions_needed", [(1, 2), (2, 4), (3, 4), (4, 8), (7, 8), (8, 16)])
def test_every_rate_is_up_in_half_of_the_versions_and_no_two_go_together(num, versions_needed):
    signs = directions(num)
    assert signs.shape == (versions_needed, num)
    assert set(signs.ravel()) == {-1.0, 1.0}
    # Columns are orthogonal to each other and to a constant: what one rate does is told apart from all others.
    np.testing.assert_array_equal(signs.T @ signs, versions_needed * np.eye(num))
    np.testing.assert_array_equal(signs.sum(axis=0), np.zeros(num))


def test_versions_lie_above_and_below_and_stay_within_bounds():
    # By hand: evenly around the schedule, closer near 0 and 1, and there to one side of it by a quarter of the width.
    rates = versions(np.array([0.5, 0.1, 0.95, 0.0, 1.0, 0.02]), 0.2)
    found = [tuple(sorted(set(np.round(column, 9)))) for column in rates.T]
    assert found == [(0.3, 0.7), (0.0, 0.2), (0.9, 1.0), (0.0, 0.05), (0.95, 1.0), (0.0, 0.07)]


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


@pytest.mark.parametrize("noise, near", [(0.0, 0.03), (3.0, 0.08)])
def test_a_hill_is_climbed_to_its_top_wherever_it_is(noise, near):
    # Closed form: welfare falls with the square of the distance from a known schedule.
    luck, top = np.random.default_rng(1), np.array([0.0, 0.05, 0.1, 0.3, 0.8, 0.95, 1.0])
    schedule, seen = np.full(7, 0.4), []
    for step in steps(80, 0.8, 1.5):
        rates = versions(schedule, 0.2)
        welfare = -100.0 * np.sum((rates - top) ** 2, axis=1) + luck.normal(scale=noise, size=len(rates))
        seen.append(slopes(rates, welfare))
        schedule = np.clip(schedule + step * uphill(np.stack(seen), 0.8), 0.0, 1.0)
    np.testing.assert_allclose(schedule, top, atol=near)


@pytest.mark.parametrize("num, memory, reach", [(1, 0.85, 0.4), (7, 0.0, 1.0), (40, 0.9, 2.0)])
def test_moves_that_agree_add_up_to_the_reach_and_fade(num, memory, reach):
    sizes, same = steps(num, memory, reach), np.ones((num, 1))
    assert np.sum([size * uphill(same[:n], memory)[0] for n, size in enumerate(sizes, start=1)]) == pytest.approx(reach)
    assert np.all(np.diff(sizes) < 0) and np.all(sizes > 0)
    assert len(steps(0, memory, reach)) == 0


def test_the_slopes_of_a_plane_are_found_from_schedules_drawn_at_random():
    rates = np.random.default_rng(2).uniform(size=(40, 3))
    found, errors = worth(rates, 5.0 + rates @ np.array([4.0, -1.0, 0.0]))
    np.testing.assert_allclose(found, [4.0, -1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(errors, 0.0, atol=1e-9)


def test_standard_errors_are_those_of_many_repetitions():
    """Closed form: with noise of standard deviation 2 over 400 uniform rates, 2/√(400/12) = 0.35, and repeated so."""
    luck, found = np.random.default_rng(3), []
    for _ in range(300):
        rates = luck.uniform(size=(400, 2))
        slope, errors = worth(rates, rates @ np.array([1.0, 2.0]) + luck.normal(scale=2.0, size=400))
        found.append(slope)
        np.testing.assert_allclose(errors, 2.0 / np.sqrt(400 / 12), rtol=0.25)
    np.testing.assert_allclose(np.std(found, axis=0), 2.0 / np.sqrt(400 / 12), rtol=0.15)


def test_a_row_leads_to_the_reach_of_what_pays_most_and_stays_within_bounds():
    # By hand: the second rate pays most and goes from 0.2 to 0.8; the third costs, and ends at 0.
    rows = along(np.full(3, 0.2), np.array([50.0, 100.0, -80.0]), np.array([0.0, 0.2, 0.4, 0.6]))
    np.testing.assert_allclose(rows, [[0.2, 0.2, 0.2], [0.3, 0.4, 0.04], [0.4, 0.6, 0.0], [0.5, 0.8, 0.0]], atol=1e-12)
    np.testing.assert_allclose(along(np.full(2, 0.1), np.zeros(2), np.array([0.0, 0.3, 0.6])), np.full((3, 2), 0.1))
    # What is worth less than three quarters of the best stays.
    rows = along(np.full(3, 0.2), np.array([70.0, 100.0, -80.0]), np.array([0.5]), ignores=0.75)
    np.testing.assert_allclose(rows, [[0.2, 0.7, 0.0]])
    # A rate that does most harm, but is at 0 already, does not keep the others from moving.
    np.testing.assert_allclose(along(np.zeros(2), np.array([-100.0, 20.0]), np.array(0.3)), [0, 0.3])


def test_the_best_place_of_a_row_is_the_top_of_a_cubic():
    # Closed form: of 3·x² - 4·x³, which rises slowly and falls steeply, the top is 1/2, and of a parabola its own; of
    # what only rises, or opens upward, the better end.
    far = np.linspace(0.0, 0.7, 8)
    assert peak(far, 3.0 * far**2 - 4.0 * far**3) == pytest.approx(0.5, abs=1e-3)
    assert peak(far, 5.0 - (far - 0.3) ** 2) == pytest.approx(0.3, abs=1e-3)
    assert peak(far, far) == 0.7
    assert peak(far, -far) == 0.0
    assert peak(far, (far - 0.3) ** 2) == 0.7
    assert 0.0 <= peak(far, np.ones(8)) <= 0.7


def test_a_lucky_schedule_hardly_moves_the_top():
    # Property: one that luck makes the best by far, two places from the top, moves it by less than one place.
    far = np.linspace(-0.3, 0.3, 7)
    lucky = -100.0 * far**2 + np.array([0.0, 0.0, 0.0, 0.0, 0.0, 6.0, 0.0])
    assert np.argmax(lucky) == 5 and 0.0 < peak(far, lucky) < 0.1
