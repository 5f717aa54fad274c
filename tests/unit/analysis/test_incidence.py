"""Gains by group, with expected values derived by hand."""

import polars as pl
import pytest

from fisc.analysis.incidence import gains_by_group, winners_and_losers
from fisc.records.errors import RecordError


def groups(**arms: list[list[float]]) -> pl.DataFrame:
    """Consumption of each arm: one list per seed, one number per group."""
    rows = [
        (arm, seed, group, "consumption", value)
        for arm, seeds in arms.items()
        for seed, values in enumerate(seeds)
        for group, value in enumerate(values)
    ]
    return pl.DataFrame(rows, ["arm", "seed", "group", "metric", "value"], orient="row")


# Groups 0, 1, 2 gain 1 and 3, lose 2 and 4, and gain 1 and lose 1, in the two seeds.
TWO_SEEDS = groups(us_federal=[[10.0, 20.0, 30.0], [10.0, 20.0, 30.0]], flat=[[11.0, 18.0, 31.0], [13.0, 16.0, 29.0]])


def test_gains_are_paired_by_seed_and_relative_to_current_law():
    # By hand: two values a < b have resamples aa, ab, ba, bb, so that the 95% interval is a to b.
    gains = gains_by_group(TWO_SEEDS)
    assert gains["mean"].to_list() == [2.0, -3.0, 0.0]
    assert gains["low"].to_list() == [1.0, -4.0, -1.0]
    assert gains["high"].to_list() == [3.0, -2.0, 1.0]
    assert gains["relative"].to_list() == pytest.approx([0.2, -0.15, 0.0])
    assert gains["base"].to_list() == [10.0, 20.0, 30.0]
    assert set(gains["reference"]) == {"us_federal"}


def test_a_group_wins_or_loses_only_if_its_interval_excludes_zero():
    counts = winners_and_losers(gains_by_group(TWO_SEEDS)).row(0, named=True)
    assert (counts["winners"], counts["losers"], counts["undecided"]) == (1, 1, 1)
    assert (counts["bottom"], counts["top"]) == (2.0, 0.0)
    assert counts["mean"] == pytest.approx(-1 / 3)


def test_with_one_seed_every_group_is_undecided():
    frame = groups(free_market=[[10.0, 20.0]], saez=[[12.0, 15.0]])
    gains = gains_by_group(frame)
    assert gains["low"].null_count() == 2
    assert winners_and_losers(gains)["undecided"].to_list() == [2]


def test_the_free_market_is_the_reference_without_current_law_and_another_may_be_named():
    frame = groups(free_market=[[10.0]], saez=[[12.0]], flat=[[11.0]])
    assert gains_by_group(frame)["arm"].to_list() == ["flat", "saez"]
    assert gains_by_group(frame, reference="flat")["mean"].to_list() == [-1.0, 1.0]


def test_a_group_that_had_nothing_has_no_relative_gain():
    assert gains_by_group(groups(free_market=[[0.0]], saez=[[5.0]]))["relative"].to_list() == [None]


def test_what_cannot_be_compared_is_an_error():
    with pytest.raises(RecordError, match="no reference among the arms"):
        gains_by_group(groups(saez=[[1.0]]))
    with pytest.raises(RecordError, match="did you mean 'saez'"):
        gains_by_group(groups(saez=[[1.0]], flat=[[1.0]]), reference="saes")
    with pytest.raises(RecordError, match="did you mean 'consumption'"):
        gains_by_group(TWO_SEEDS, metric="consumtion")
