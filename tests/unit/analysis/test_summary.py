"""Means, intervals and contrasts, with expected values derived by hand."""

import math

import numpy as np
import polars as pl
import pytest

from fisc.analysis.intervals import tail
from fisc.analysis.summary import (
    bootstrap_interval,
    find_reference,
    paired_contrast,
    rank_arms,
    summarize,
    summarize_frames,
)
from fisc.records.errors import RecordError
from fisc.records.store import RunFolder

INFO = {"scenario": "tiny", "objective": "productivity"}


def evaluation(**arms: list[float]) -> pl.DataFrame:
    """Productivity of each arm by seed 0, 1, ..."""
    rows = [(arm, seed, "productivity", value) for arm, values in arms.items() for seed, value in enumerate(values)]
    return pl.DataFrame(rows, ["arm", "seed", "metric", "value"], orient="row")


def test_with_three_values_the_interval_runs_from_lowest_to_highest():
    # By hand: of 27 equally likely resamples one is 1,1,1 and one is 6,6,6. Each has probability 1/27 = 3.7%,
    # which is above the 2.5% in each tail of a plain interval, so that the ends are the extremes themselves.
    assert bootstrap_interval([1.0, 2.0, 6.0]) == (3.0, 1.0, 6.0)


def test_with_six_values_the_interval_follows_the_binomial_distribution():
    # By hand: a resample mean of five zeros and a six is the number of sixes drawn, binomial with n = 6 and p = 1/6.
    # Student's 2.571 times sqrt(6/5) is 2.816, beyond which the normal law has 0.24%. P(4 or more) = 0.87% holds that
    # point, P(5 or more) = 0.07% does not. Hence 0 to 4; a plain interval, whose tail is 2.5%, would be 0 to 3.
    assert bootstrap_interval([0.0] * 5 + [6.0]) == (1.0, 0.0, 4.0)


def test_five_values_hold_their_mean_in_nine_of_ten_intervals():
    # Closed form: the mean is 0. Of 300 intervals 92% are to hold it; 88% is 2.6 standard errors below. Plain ones do
    # in 85%.
    rows = np.random.default_rng(0).normal(size=(300, 5))
    found = [bootstrap_interval(row, resamples=4_000) for row in rows]
    assert np.mean([low <= 0 <= high for _, low, high in found]) > 0.88


@pytest.mark.parametrize(("num", "left_out"), [(5, 0.00096), (10, 0.00854), (10**6, 0.025)])
def test_the_tail_comes_to_that_of_the_normal_law(num, left_out):
    # Closed form: Student's 2.776 and 2.262 times sqrt(5/4) and sqrt(10/9) are 3.104 and 2.385.
    assert tail(num) == pytest.approx(left_out, rel=0.02)


def test_with_many_values_the_interval_is_near_the_normal_one():
    # Closed form: the mean of n values varies with s / sqrt(n). Tolerance: resampling error at 10,000 resamples.
    values = np.random.default_rng(1).normal(10, 2, 200)
    mean, low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / math.sqrt(200)
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.03)


def test_one_value_has_no_interval():
    assert bootstrap_interval([2.5]) == (2.5, None, None)


@pytest.mark.filterwarnings("error")
def test_identical_values_have_an_interval_without_width_and_do_not_warn():
    assert bootstrap_interval([0.5] * 5) == (0.5, 0.5, 0.5)


def test_a_value_that_is_not_finite_leaves_no_mean():
    assert bootstrap_interval([1.0, math.nan, 3.0]) == (None, None, None)


def test_the_same_values_always_have_the_same_interval():
    values = list(np.random.default_rng(0).normal(size=8))
    assert bootstrap_interval(values) == bootstrap_interval(values)


def test_no_values_and_a_wrong_confidence_are_errors():
    with pytest.raises(RecordError, match="at least one seed"):
        bootstrap_interval([])
    with pytest.raises(RecordError, match="confidence 95"):
        bootstrap_interval([1.0, 2.0], confidence=95)


def test_a_contrast_is_paired_by_seed():
    # By hand: differences 1, 2, 3; mean 2; with three values the interval is 1 to 3; mean of flat is 10, so 2 / 10.
    frame = evaluation(planner=[6.0, 12.0, 18.0], flat=[5.0, 10.0, 15.0])
    contrast = paired_contrast(frame.sample(fraction=1, shuffle=True, seed=0), "productivity", "planner", "flat")
    assert contrast["values"] == [1.0, 2.0, 3.0]
    assert (contrast["mean"], contrast["low"], contrast["high"]) == (2.0, 1.0, 3.0)
    assert contrast["relative"] == pytest.approx(0.2)
    assert contrast["seeds"] == [0, 1, 2]


def test_a_contrast_keeps_to_the_seeds_that_both_arms_have():
    contrast = paired_contrast(evaluation(optimum=[9.0], flat=[5.0, 100.0]), "productivity", "optimum", "flat")
    assert (contrast["seeds"], contrast["mean"], contrast["low"]) == ([0], 4.0, None)


def test_a_contrast_without_common_seeds_is_an_error():
    with pytest.raises(RecordError, match="no seed in common"):
        paired_contrast(evaluation(flat=[1.0]), "productivity", "planner", "flat")


def test_relative_to_zero_is_not_given():
    contrast = paired_contrast(evaluation(planner=[1.0, 2.0], flat=[0.0, 0.0]), "productivity", "planner", "flat")
    assert contrast["relative"] is None


def test_a_summary_has_means_rates_and_contrasts():
    # By hand, as above; the rates of two seeds, 0.2 and 0.4, have mean 0.3, those on profits, 0.5 and 0.7, have 0.6.
    frame = evaluation(saez=[1.0, 2.0, 6.0], planner=[2.0, 4.0, 9.0], free_market=[1.0, 1.0, 1.0])
    schedules = pl.DataFrame(
        {"arm": ["saez"] * 6, "seed": [0, 0, 1, 1, 0, 1], "base": ["income"] * 4 + ["profit"] * 2,
         "bracket": [1, 0, 0, 1, 0, 0], "cutoff": [50.0, 0.0, 0.0, 50.0, 0.0, 0.0],
         "rate": [0.2, 0.1, 0.1, 0.4, 0.5, 0.7]}
    )  # fmt: skip
    summary = summarize_frames(frame, schedules, INFO)
    saez = summary["arms"]["saez"]
    assert saez["productivity"] == {"mean": 3.0, "low": 1.0, "high": 6.0, "values": [1.0, 2.0, 6.0]}
    assert saez["rates"] == pytest.approx([0.1, 0.3])
    assert saez["cutoffs"] == [0.0, 50.0]
    assert summary["other_rates"] == {"profit": {"saez": pytest.approx(0.6)}}
    assert list(summary["arms"]) == ["free_market", "saez", "planner"]
    assert summary["contrasts"]["planner-saez"]["values"] == [1.0, 2.0, 3.0]
    assert (summary["schema"], summary["seeds"], summary["reference"]) == (1, [0, 1, 2], "free_market")


def test_contrasts_hold_planner_and_optimum_against_all_and_all_against_the_reference():
    frame = evaluation(flat=[1.0], us_federal=[2.0], planner=[3.0], optimum=[4.0])
    assert set(summarize_frames(frame, None, INFO)["contrasts"]) == {
        "planner-flat", "planner-us_federal", "planner-optimum", "optimum-flat", "optimum-us_federal",
        "optimum-planner", "flat-us_federal",
    }  # fmt: skip


def test_the_best_arm_is_contrasted_even_where_it_is_not_the_planner():
    frame = evaluation(flat=[1.0, 2.0], saez=[5.0, 5.0], planner=[3.0, 3.0])
    assert {"saez-flat", "saez-planner"} <= set(summarize_frames(frame, None, INFO)["contrasts"])


def test_a_diverged_seed_is_kept_as_none_and_its_arm_is_not_ranked():
    summary = summarize_frames(evaluation(flat=[1.0, 2.0], planner=[math.inf, 3.0]), None, INFO)
    assert summary["arms"]["planner"]["productivity"] == {
        "mean": None, "low": None, "high": None, "values": [None, 3.0],
    }  # fmt: skip
    assert rank_arms(summary) == ["flat"]


def test_a_metric_that_is_better_low_is_ranked_from_low_to_high():
    frame = evaluation(flat=[1.0], saez=[2.0]).with_columns(metric=pl.lit("theil"))
    assert rank_arms(summarize_frames(frame, None, INFO | {"objective": "theil"})) == ["flat", "saez"]


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"scenario": "tiny"}, "lacks 'objective'"),
        (INFO | {"objective": "productivty"}, "did you mean 'productivity'"),
        (INFO | {"objective": "equality"}, "no evaluation row has the objective 'equality'"),
    ],
)
def test_information_that_does_not_fit_is_an_error(info, message):
    with pytest.raises(RecordError, match=message):
        summarize_frames(evaluation(flat=[1.0]), None, info)


def test_a_run_folder_is_summarized_from_its_provenance(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    folder.write_json("provenance.json", INFO | {"title": "Tiny", "caveats": ["one"]})
    folder.write_table("evaluation", evaluation(flat=[1.0, 3.0]))
    summary = summarize(folder)
    assert (summary["title"], summary["caveats"], summary["arms"]["flat"]["productivity"]["mean"]) == (
        "Tiny",
        ["one"],
        2.0,
    )
    folder.write_json("summary.json", summary)


def test_current_law_is_the_reference_before_the_free_market():
    assert find_reference(["free_market", "us_federal"]) == "us_federal"
    assert find_reference(["saez"]) is None
