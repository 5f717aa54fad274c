"""The program against its slow twin and the calibration table, with few steps; `reproduce` has the long runs."""

import jax
import numpy as np
import pytest

from tests.scripts import load_script
from tests.twins import business_cycle as comparison
from tests.twins import business_cycle_twin as twin


def test_the_twin_agrees():
    """Reference: another program, written from the definition alone, in two random worlds."""
    rng = np.random.default_rng(0)
    for number in (1, 2):
        counts, steps = comparison.compare(rng, comparison.make_trial(rng, number), 4)
        assert steps >= 8 and set(counts) == {"state", "reward", "observation", "mask"}


def test_the_twin_agrees_where_given_rates_meet_a_ceiling():
    """Reference: the twin, in the first random world in which the ceiling binds on rates that are given."""
    rng = np.random.default_rng(0)
    trials = (comparison.make_trial(rng, number) for number in range(1, 200))
    trial = next(t for t in trials if t.setting.fixed_taxes and max(t.setting.fixed_taxes) > t.knobs.max_rate)
    assert comparison.compare(rng, trial, 4)[1] >= 4


def test_a_fault_would_be_noticed(monkeypatch):
    """Evidence that the comparison can fail: a twin whose first firm has a tenth of a cent too much."""
    rng = np.random.default_rng(0)
    trial, right = comparison.make_trial(rng, 1), twin.step

    def wrong(s, menus, world, *others):
        after = right(s, menus, world, *others)
        after.M[0] += 1e-3
        return after

    monkeypatch.setattr(twin, "step", wrong)
    with pytest.raises(AssertionError, match="state"):
        comparison.compare(rng, trial, 4)


@pytest.mark.slow
def test_random_policies_earn_what_the_calibration_table_says():
    """Reference: the first row of the table, at 256 replicas and within four standard errors."""
    calibration = load_script("reproduce/business_cycle/calibration.py")
    with jax.enable_x64(False):
        row = calibration.ROWS[0]
        found, by_quarter = calibration.sample(row, 256, seed=1)
    assert max(far for _, _, far in calibration.distances(row, found).values()) < 4.0
    assert np.abs(by_quarter.mean(axis=0) - calibration.BY_QUARTER).max() < 0.08
