"""Lines between the firms of one economy; expected values by hand."""

import polars as pl
import pytest

from fisc.analysis.firms import PAIRS, average_firms, describe_lines, fit_lines, summarize_firms

PRICE, WAGE = PAIRS


def economy(sold, wages=(8.0, 9.0, 10.0), arm="planner", seed=0, quarters=4):
    """Three firms at 1,000, 1,500 and 2,000, who hire 100 hours for each dollar of the wage; nothing is sold in the
    first two quarters, at other prices."""
    rows = []
    for firm, (units, wage) in enumerate(zip(sold, wages, strict=True)):
        for quarter in range(quarters):
            sells = quarter >= 2
            numbers = {
                "price": 1000.0 + 500 * firm if sells else 9999.0, "goods_consumed": units if sells else 0.0,
                "wage": wage, "hired": 100 * wage, "capital": 1.0,
            }  # fmt: skip
            rows += [(arm, seed, firm, quarter, name, value) for name, value in numbers.items()]
    return pl.DataFrame(rows, ["arm", "seed", "firm", "quarter", "metric", "value"], orient="row")


def evaluation(**collapsed):
    """Rows that say which seeds of an arm collapsed: 1 if so."""
    rows = [(arm, seed, "collapsed", value) for arm, seeds in collapsed.items() for seed, value in enumerate(seeds)]
    return pl.DataFrame(rows, ["arm", "seed", "metric", "value"], orient="row")


def test_means_leave_out_the_quarters_in_which_nothing_can_be_sold():
    """By hand: the first two quarters have a price of 9,999 and no sales."""
    means = average_firms(economy((40.0, 30.0, 20.0)))
    assert means["price"].to_list() == [1000, 1500, 2000] and means["goods_consumed"].to_list() == [40, 30, 20]
    assert average_firms(economy((1.0, 1.0, 1.0)), ["capital"]).columns == ["arm", "seed", "firm", "capital"]


def test_the_line_of_each_economy_goes_through_its_own_firms():
    """Closed form: 40, 30, 20 units fall by 0.02 a dollar; 0, 2, 1 rise by 0.001, with r² 1/4."""
    frame = pl.concat([economy((40.0, 30.0, 20.0)), economy((0.0, 2.0, 1.0), seed=1)])
    lines = fit_lines(average_firms(frame), PRICE)
    assert lines["slope"].to_list() == pytest.approx([-0.02, 0.001])
    assert lines["r2"].to_list() == pytest.approx([1, 0.25]) and lines["spread"].to_list() == [500, 500]
    found = describe_lines(lines, PRICE)
    assert (found["economies"], found["alike"], found["as_expected"]) == (2, 0, 1)
    assert (found["slope"], found["r2"]) == pytest.approx((-0.0095, 0.625))
    assert found["low"] == pytest.approx(-0.02) and found["high"] == pytest.approx(0.001)


def test_firms_that_are_alike_or_too_few_have_no_line():
    """By hand: one wage for all; and two firms, through which any line goes."""
    means = average_firms(economy((40.0, 30.0, 20.0), wages=(8.0, 8.0, 8.0)))
    found = describe_lines(fit_lines(means, WAGE), WAGE)
    assert (found["economies"], found["alike"], found["as_expected"], found["slope"]) == (1, 1, 0, None)
    assert fit_lines(means.filter(pl.col("firm") < 2), PRICE)["slope"].to_list() == [None]


def test_goods_that_nobody_buys_have_a_flat_line():
    """Closed form: no sales at any price are a slope of zero that explains nothing."""
    lines = fit_lines(average_firms(economy((0.0, 0.0, 0.0))), PRICE)
    assert lines["slope"].to_list() == [0] and lines["r2"].to_list() == [None]
    assert describe_lines(lines, PRICE)["as_expected"] == 0


def test_an_economy_that_collapsed_counts_for_nothing():
    """By hand: seed 1 of the planner rises and has collapsed; the free market has collapsed altogether."""
    frame = pl.concat([
        economy((40.0, 30.0, 20.0)),
        economy((20.0, 30.0, 40.0), seed=1),
        economy((20.0, 30.0, 40.0), arm="free_market"),
    ])  # fmt: skip
    found = summarize_firms(frame, evaluation(planner=(0.0, 1.0), free_market=(1.0,)))
    assert set(found) == {"planner"}
    price, wage = found["planner"]
    assert (price["economies"], price["as_expected"], price["slope"]) == (1, 1, pytest.approx(-0.02))
    assert (wage["as_expected"], wage["slope"], wage["low"]) == (1, pytest.approx(100), None)


def test_an_economy_of_two_quarters_has_nothing_to_compare():
    """Contract: no rows, no arm, no error."""
    assert summarize_firms(economy((1.0, 2.0, 3.0), quarters=2), evaluation(planner=(0.0,))) == {}
