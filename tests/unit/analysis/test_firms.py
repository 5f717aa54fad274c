"""Lines through what the firms of one economy offer; expected values by hand."""

import polars as pl
import pytest

from fisc.analysis.firms import PAIRS, describe_lines, fit_lines, summarize_firms

PRICE, WAGE = PAIRS


def economy(sold, wages=(8.0, 9.0, 10.0), arm="planner", seed=0, quarters=3):
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


def test_each_economy_has_a_line_of_its_own_without_the_quarters_in_which_nothing_can_be_sold():
    """Closed form: 40, 30, 20 units fall by 0.02 a dollar; 0, 2, 1 rise by 0.001, with r² 1/4."""
    lines = fit_lines(pl.concat([economy((40.0, 30.0, 20.0)), economy((0.0, 2.0, 1.0), seed=1)]), PRICE)
    assert lines["seed"].to_list() == [0, 1] and lines["spread"].to_list() == [500, 500]
    assert lines["slope"].to_list() == pytest.approx([-0.02, 0.001])
    assert lines["r2"].to_list() == pytest.approx([1, 0.25])
    found = describe_lines(lines, PRICE)
    assert (found["economies"], found["alike"], found["as_expected"]) == (2, 0, 1)
    assert (found["slope"], found["r2"]) == pytest.approx((-0.0095, 0.625))
    assert found["low"] == pytest.approx(-0.02) and found["high"] == pytest.approx(0.001)


def test_a_firm_that_changes_its_price_is_a_point_in_every_quarter():
    """Closed form: one firm alone at 1,000, 2,000 and 3,000 that sells 30, 10 and 20: -10 over 2,000, r² 1/4."""
    rows = [
        ("planner", 0, 0, 2 + place, name, value)
        for place in range(3)
        for name, value in (("price", 1000.0 * (1 + place)), ("goods_consumed", (30.0, 10.0, 20.0)[place]))
    ]
    line = fit_lines(pl.DataFrame(rows, economy((0.0,) * 3).columns, orient="row"), PRICE)
    assert line.select("slope", "r2").row(0) == pytest.approx((-0.005, 0.25))


def test_offers_that_are_alike_or_too_few_have_no_line():
    """By hand: one wage for all; and two firms in one quarter, through which any line goes."""
    frame = economy((40.0, 30.0, 20.0), wages=(8.0, 8.0, 8.0))
    found = describe_lines(fit_lines(frame, WAGE), WAGE)
    assert (found["economies"], found["alike"], found["as_expected"], found["slope"]) == (1, 1, 0, None)
    assert fit_lines(frame.filter(pl.col("firm") < 2), PRICE)["slope"].to_list() == [None]


def test_goods_that_nobody_buys_have_a_flat_line():
    """Closed form: no sales at any price are a slope of zero that explains nothing."""
    lines = fit_lines(economy((0.0, 0.0, 0.0)), PRICE)
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
