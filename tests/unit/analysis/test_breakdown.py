"""The breakdown of an episode adds up, coin by coin and unit by unit."""

import numpy as np
import polars as pl
import pytest

from fisc.analysis.breakdown import ACTIVITIES, break_down, outcome_of
from fisc.analysis.scene import scene
from fisc.records.episode import Episode, read_episode
from fisc.records.episode_map import read_map

from ..records.village import PATH


@pytest.fixture(scope="module")
def told():
    return read_map(read_episode(PATH))


@pytest.fixture(scope="module")
def broken(told):
    return break_down(told)


def test_every_coin_is_accounted_for(broken):
    # Closed form: end = start + houses + sales - purchases - tax + transfer; trade and taxes only move coin.
    rows = broken.citizens
    np.testing.assert_allclose(rows["coin_start"] + rows["income_after_tax"], rows["coin_end"], rtol=1e-5)
    np.testing.assert_allclose(rows["from_houses"] + rows["from_sales"] + rows["for_purchases"], rows["income"])
    assert rows["from_sales"].sum() == -rows["for_purchases"].sum() > 0
    np.testing.assert_allclose(rows["tax"].sum(), rows["transfer"].sum(), rtol=1e-5)
    assert (rows["redistributed"] == 0).all()


@pytest.mark.parametrize(
    "coin, equality, productivity",
    [([5.0, 5.0, 5.0], 1.0, 5.0), ([0.0, 12.0, 0.0, 0.0], 0.0, 3.0), ([0.0, 0.0], 1.0, 0.0), ([3.0, 1.0], 0.5, 2.0)],
)
def test_the_outcome_is_productivity_equality_and_their_product(coin, equality, productivity):
    # Closed form: equal shares, one owner of all, nothing at all, and (3 - 1) / (3 + 1) of inequality between two.
    value = dict(outcome_of(np.asarray(coin)).select("measure", "value").iter_rows())
    assert value == pytest.approx(
        {
            "productivity": productivity,
            "equality": equality,
            "equality_times_productivity": equality * productivity,
        }
    )


def test_the_years_add_up_to_the_episode(broken):
    # Closed form: the incomes of all tax years are the income of the episode, and so are taxes and houses.
    years = broken.years.group_by("citizen").agg(pl.col("income", "tax", "transfer", "houses").sum()).sort("citizen")
    for name in ("income", "tax", "transfer", "houses"):
        np.testing.assert_allclose(years[name], broken.citizens[name], rtol=1e-5, atol=1e-4)
    assert broken.years.height == 4 * 4


def test_trades_add_up(told, broken):
    # Closed form: what is sold is bought, at prices within the market's; means are coin over units.
    for good in told.goods:
        rows = broken.citizens
        assert rows[f"sold_{good}"].sum() == rows[f"bought_{good}"].sum() == (broken.trades["good"] == good).sum()
        prices = broken.prices.filter(pl.col("good") == good)
        assert prices["trades"].sum() == rows[f"sold_{good}"].sum()
        assert prices["low"].min() >= 0 and prices["high"].max() <= told.fact("max_price")
        value = (prices["mean"] * prices["trades"]).sum()
        earned = (rows[f"sale_price_{good}"].fill_null(0) * rows[f"sold_{good}"]).sum()
        assert value == pytest.approx(earned)


def test_labor_is_split_without_remainder(told, broken):
    # Closed form: what is left after moves, finds and houses is a number of orders, each at the same effort.
    rows = broken.citizens
    total = sum(rows[f"labor_{name}"] for name in ACTIVITIES)
    np.testing.assert_allclose(total, rows["labor"])
    orders = rows["labor_trading"] / told.fact("order_labor")
    np.testing.assert_allclose(orders, orders.round(), atol=1e-3)
    assert (orders >= rows["bought_stone"] + rows["bought_wood"]).all()


def test_houses_are_counted_where_they_stand(told, broken):
    # Closed form: the houses on the last map, by owner.
    owners = told.owner(told.steps)
    assert [int((owners == i).sum()) for i in range(4)] == broken.citizens["houses"].to_list()


def test_an_episode_without_taxes_breaks_down_as_well(told):
    # Closed form: without a tax office there are neither taxes nor transfers, and incomes are read off the coin.
    header = dict(told.episode.header)
    header["world"] = {**header["world"], "events": ["build", "trade", "gather"]}
    untaxed = break_down(read_map(Episode(header, told.episode.arrays)))
    assert untaxed.citizens["tax"].sum() == untaxed.years["tax"].sum() == 0
    gains = told.coin[-1] - told.coin[0]
    years = untaxed.years.group_by("citizen", maintain_order=True).agg(pl.col("income").sum())
    np.testing.assert_allclose(years["income"], gains, atol=1e-4)


def test_a_scene_tells_the_moment(told):
    # Closed form: the beginning, a tax day and the end, from the record itself.
    start, tax_day, end = scene(told, 0), scene(told, 50), scene(told, 200)
    assert (start.year, start.day, start.years, start.events) == (1, 0, 4, ())
    assert (tax_day.year, tax_day.day) == (1, 50)
    assert [person.income for person in tax_day.people] == pytest.approx(told.period("incomes")[0].tolist())
    assert scene(told, 51).year == 2
    collected = told.period("taxes")[0].sum()
    assert tax_day.events[-1][0] == 50
    assert tax_day.events[-1][1].startswith(f"tax day: {collected:,.0f} coin collected")
    assert sum(person.houses for person in end.people) == told.houses.height
    assert sum(stall.trades for stall in end.market) == told.trades.height
    for frame in (50, 120):
        for person, coin in zip(scene(told, frame).people, told.coin[frame], strict=True):
            assert person.coin == pytest.approx(coin)
            at = max(0, int(np.searchsorted(told.cutoffs, person.income, side="right")) - 1)
            assert person.bracket == at
