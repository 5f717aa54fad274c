"""A learned frontier in numbers; expected values by hand."""

import polars as pl
import pytest

from fisc.analysis.frontier import summarize_frontier, tabulate_weights

ROWS = [
    ("planner", 0, 0.0, "fraction_of_optimum", 0.98),
    ("planner", 1, 0.0, "fraction_of_optimum", 1.00),
    ("planner", 0, 1.0, "fraction_of_optimum", 0.96),
    ("planner", 1, 1.0, "fraction_of_optimum", 0.98),
    ("optimum", 0, 0.0, "welfare", 10.0),
    ("optimum", 1, 0.0, "welfare", 14.0),
    ("optimum", 0, 1.0, "welfare", 4.0),
    ("optimum", 1, 1.0, "welfare", 4.0),
]
FRAME = pl.DataFrame(ROWS, ["arm", "seed", "weight", "metric", "value"], orient="row")


def test_every_weight_has_its_mean_and_interval():
    # By hand: the interval over two seeds is from the lower to the higher.
    table = tabulate_weights(FRAME)
    assert table.row(0) == ("planner", 0.0, "fraction_of_optimum", pytest.approx(0.99), 0.98, 1.0, 2)
    assert table["arm"].to_list() == ["planner", "planner", "optimum", "optimum"]


def test_the_summary_names_the_weight_at_which_the_planner_is_furthest_from_exact():
    summary = summarize_frontier(FRAME.sample(fraction=1.0, shuffle=True, seed=0))
    assert summary["weights"] == [0.0, 1.0]
    assert summary["worst"] == {"weight": 1.0, "fraction": pytest.approx(0.97)}
    assert [entry["mean"] for entry in summary["arms"]["optimum"]["welfare"]] == [12.0, 4.0]
    assert summary["arms"]["planner"]["fraction_of_optimum"][0]["values"] == [0.98, 1.0]


def test_without_an_exact_frontier_nothing_is_claimed():
    assert summarize_frontier(FRAME.filter(pl.col("metric") == "welfare"))["worst"] is None
