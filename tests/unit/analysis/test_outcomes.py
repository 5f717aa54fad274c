"""Lines through outcomes; expected values by hand."""

import polars as pl
import pytest

from fisc.analysis.outcomes import NEEDED, PAIRS, Pair, is_decided, relate, summarize_outcomes, tabulate_outcomes
from fisc.records.errors import RecordError

PRICE = Pair("price", "goods_consumed", -1)


def runs(prices, units, seeds=None):
    """Runs as `relate` reads them."""
    seeds = list(range(len(prices))) if seeds is None else seeds
    return pl.DataFrame({"seed": seeds, "price": prices, "goods_consumed": units}, strict=False)


def evaluation(num_seeds=2, without=()):
    """Two arms in which consumption is 30 - 0.01 * price, hours are 40 * wage, and welfare does not depend on taxes."""
    rows = []
    for place, arm in enumerate(("flat_20", "planner")):
        for seed in range(num_seeds):
            price, wage = 1000.0 + 500 * place + 100 * seed, 8.0 + place + 0.5 * seed
            numbers = {
                "price": price, "goods_consumed": 30 - 0.01 * price, "wage": wage, "labor": 40 * wage,
                "utility": 0.5 + seed, "profit": 1e5 * (1 + place), "total_welfare": 3000.0,
                "income_tax_rate": 0.2 - 0.1 * place, "corporate_tax_rate": 0.2 + 0.3 * place,
            }  # fmt: skip
            rows += [(arm, seed, name, value) for name, value in numbers.items() if name not in without]
    return pl.DataFrame(rows, ["arm", "seed", "metric", "value"], orient="row")


def test_a_line_through_three_points():
    """Closed form: sums of squares 2 and 2 and of products 1 give slope 1/2, intercept 1/2 and r² 1/4."""
    line = relate(runs([0.0, 1.0, 2.0], [0.0, 2.0, 1.0]), PRICE)
    assert (line["slope"], line["intercept"], line["r2"]) == pytest.approx((0.5, 0.5, 0.25))
    assert (line["x"], line["y"], line["expected"], line["runs"]) == ("price", "goods_consumed", -1, 3)


def test_points_on_a_line_are_decided_and_their_interval_is_the_slope():
    """Closed form: however seeds are drawn, the slope is -2."""
    line = relate(runs([1.0, 2.0, 3.0, 4.0], [8.0, 6.0, 4.0, 2.0]), PRICE)
    assert (line["slope"], line["low"], line["high"], line["r2"]) == pytest.approx((-2, -2, -2, 1))
    assert is_decided(line)


def test_seeds_that_disagree_leave_the_sign_undecided():
    """By hand: the line rises in one seed and falls in the other, so the interval over them holds zero."""
    line = relate(runs([0.0, 1.0, 0.0, 1.0], [0.0, 3.0, 2.0, 0.0], seeds=[0, 0, 1, 1]), PRICE)
    assert line["slope"] == pytest.approx(0.5)
    assert (line["low"], line["high"]) == pytest.approx((-2, 3)) and not is_decided(line)


def test_one_seed_has_a_slope_without_an_interval():
    """Closed form."""
    line = relate(runs([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], seeds=[5, 5, 5]), PRICE)
    assert line["slope"] == pytest.approx(1) and line["low"] is None and not is_decided(line)


@pytest.mark.parametrize("prices, units", [([1.0, 2.0], [1.0, 2.0]), ([1.0] * 3, [1.0, 2.0, 3.0])])
def test_there_is_no_line_through_two_runs_or_where_nothing_differs(prices, units):
    """By hand."""
    line = relate(runs(prices, units), PRICE)
    assert line["slope"] is None and line["r2"] is None and line["runs"] == len(prices)


def test_the_tax_rate_is_the_mean_of_both_and_every_run_has_a_row():
    """By hand: (0.2 + 0.2)/2 and (0.1 + 0.5)/2."""
    table = tabulate_outcomes(evaluation(), "total_welfare")
    assert table.select("arm", "seed").rows() == [("flat_20", 0), ("flat_20", 1), ("planner", 0), ("planner", 1)]
    assert table["tax_rate"].to_list() == pytest.approx([0.2, 0.2, 0.3, 0.3])


def test_a_run_that_diverged_is_left_out():
    """By hand: one number of four runs is not finite."""
    broken = (pl.col("arm") == "planner") & (pl.col("seed") == 0) & (pl.col("metric") == "profit")
    frame = evaluation().with_columns(pl.when(broken).then(float("nan")).otherwise("value").alias("value"))
    assert tabulate_outcomes(frame, "total_welfare").height == 3


def test_the_summary_has_a_line_for_each_pair_with_the_expected_signs():
    """Closed form: consumption falls by 0.01 a dollar, hours rise by 40 a dollar; welfare is the same everywhere."""
    lines = {line["x"]: line for line in summarize_outcomes(evaluation(), "total_welfare")}
    assert list(lines) == [pair.x for pair in PAIRS]
    assert lines["price"]["slope"] == pytest.approx(-0.01) and lines["price"]["r2"] == pytest.approx(1)
    assert lines["wage"]["slope"] == pytest.approx(40)
    assert lines["tax_rate"]["slope"] is None


@pytest.mark.parametrize("missing", NEEDED)
def test_runs_without_an_outcome_have_no_lines(missing):
    """Contract: other economies have no prices, wages or firms."""
    frame = evaluation(without=(missing,))
    assert summarize_outcomes(frame, "total_welfare") == []
    with pytest.raises(RecordError, match=f"no evaluation row has a finite {missing}"):
        tabulate_outcomes(frame, "total_welfare")


def test_too_few_runs_have_no_lines():
    """Contract: two runs."""
    assert summarize_outcomes(evaluation(num_seeds=1), "total_welfare") == []
