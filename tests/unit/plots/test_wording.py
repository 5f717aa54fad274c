"""Numbers and sentences. Expected texts are written by hand; no sentence claims more than its interval."""

import polars as pl
import pytest

from fisc.analysis.summary import summarize_frames
from fisc.plots.wording import claim, decimals_of, diverged, format_compact, format_number, format_percent, verdict

MINUS = "\N{MINUS SIGN}"


def summary_of(objective: str = "productivity", seeds: int = 5, **means: float) -> dict:
    """A summary in which arms differ by the same amount in every seed, while seeds differ a lot."""
    rows = [(arm, seed, objective, mean + 10 * seed) for arm, mean in means.items() for seed in range(seeds)]
    frame = pl.DataFrame(rows, ["arm", "seed", "metric", "value"], orient="row")
    return summarize_frames(frame, None, {"scenario": "x", "objective": objective, "money": "coin"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (7e-9, "0"),
        (1234.56, "1,235"),
        (-0.0123, f"{MINUS}0.0123"),
        (9.876, "9.88"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_numbers_have_three_significant_digits(value, text):
    assert format_number(value) == text


def test_a_narrow_interval_asks_for_more_decimals():
    assert decimals_of(100.0, 50.0, 150.0) == 0
    assert decimals_of(100.0, 99.5, 100.5) == 1
    assert decimals_of(100.0, 99.999, 100.001) == 2  # Five significant digits are the most.


def test_a_number_that_rounds_to_zero_has_no_sign():
    assert format_number(-0.001, 1) == "0.0"
    assert format_percent(0.0001, signed=True) == "0.0%"


def test_amounts_are_short():
    assert [format_compact(x) for x in (999.96, 1000.0, 191950.0)] == ["1k", "1k", "192k"]


def test_a_difference_is_claimed_only_if_its_interval_excludes_zero():
    assert claim({"mean": 1.0, "low": 0.5, "high": 1.5}) == "higher"
    assert claim({"mean": -1.0, "low": -1.5, "high": -0.5}) == "lower"
    assert claim({"mean": 1.0, "low": -0.1, "high": 2.0}) == "undecided"
    assert claim({"mean": 1.0, "low": 0.0, "high": 2.0}) == "undecided"
    assert claim({"mean": 1.0, "low": None, "high": None}) == "undecided"


def test_the_verdict_names_the_best_arm_and_compares_the_planner_with_law_and_saez():
    text = verdict(summary_of(us_federal=100.0, saez=110.0, planner=130.0, optimum=140.0))
    assert text[0].startswith(
        "The learned planner has the highest mean productivity, the optimum aside: 150 coin per person"
    )
    # By hand: 130 - 100 = 30 of a mean of 120 is 25%, the same in every seed.
    assert "Against US federal law, the learned planner scores higher by 30.0 coin per person (+25.0%;" in text[1]
    assert "Against the Saez formula, the learned planner scores higher by 20.0" in text[2]
    # By hand: 130 - 100 of 140 - 100.
    assert text[3] == (
        "The learned planner brings 75.0% of the gain over US federal law that the best possible schedule would bring."
    )
    assert len(text) == 4


def test_the_verdict_says_so_where_the_planner_is_not_best():
    text = " ".join(verdict(summary_of(us_federal=100.0, saez=130.0, planner=90.0)))
    assert text.startswith("The Saez formula has the highest mean")
    assert "Against US federal law, the learned planner scores lower by 10.0" in text


def test_the_verdict_claims_nothing_from_one_seed():
    text = " ".join(verdict(summary_of(seeds=1, us_federal=100.0, planner=130.0)))
    assert "scores" not in text
    assert "do not decide" in text
    assert "One seed shows no spread" in text


def test_the_verdict_warns_of_few_seeds():
    assert "at least 5" in verdict(summary_of(seeds=3, us_federal=100.0, planner=130.0))[-1]


def test_what_a_change_is_worth_is_counted_in_consumption_net_of_the_cost_of_effort():
    # By hand: exp(W - W of current law) - 1 with W a mean of log(consumption - cost of effort).
    summary = summary_of("utilitarian", us_federal=10.0, planner=10.1)
    summary["arms"]["planner"]["consumption_equivalent"] = {"mean": 0.105, "low": 0.1, "high": 0.11}
    assert (
        "Moving from US federal law to the learned planner is worth as much as a change of +10.5% "
        "(95% interval +10.0% to +11.0%) in everybody's consumption net of the cost of effort."
    ) in verdict(summary)


def test_no_percent_of_utility_is_given():
    text = " ".join(verdict(summary_of("utilitarian", us_federal=1.0, planner=2.0)))
    assert "%;" not in text
    assert "utils" in text


def test_a_diverged_arm_is_reported_and_not_compared():
    summary = summary_of(us_federal=100.0, planner=float("nan"))
    assert diverged(summary) == [
        "Learned planner: productivity is not a finite number in 5 of 5 seeds, so no mean is shown."
    ]
    assert "planner" not in " ".join(verdict(summary))


def test_the_verdict_of_a_run_in_which_all_diverged_claims_nothing():
    assert verdict(summary_of(planner=float("nan")))[0].startswith("No arm has a finite value")
