"""The arithmetic of the best builder, where it can be done by hand."""

import shutil

import numpy as np
import polars as pl
import pytest

from tests.scripts import ROOT, load_script

PLACE = "reproduce/gtb_open_quadrant"


@pytest.fixture(scope="module")
def script():
    return load_script(f"{PLACE}/best_builder.py")


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.2])
def test_under_a_flat_tax_he_builds_until_a_house_is_worth_its_effort(script, rate):
    """Closed form: c^(-eta) · (1 - 3/4·rate) · coin a house = labor cost · effort a house; years do not matter."""
    coin, effort, transfer = 16.0, 12.5, 100.0
    kept = 1 - 0.75 * rate
    builder = script.Builder(np.full(7, rate), 100 * coin, 100 * effort, 100 * script.PAYMENT, 0.0, transfer)
    plan = script.best_plan(builder)
    wealth = (kept * coin / (script.LABOR_COST * effort)) ** (1 / script.ETA)
    assert 0 < (wealth - transfer) / (kept * coin) < 250
    assert plan.houses == pytest.approx((wealth - transfer) / (kept * coin), abs=0.3)
    assert plan.tax == pytest.approx(rate * coin * plan.houses)


def test_a_tax_that_falls_with_income_is_paid_in_few_years(script):
    """Closed form: with a rate on the first bracket alone, half of the years mean half of the tax."""
    rates = np.array([1.0, 0, 0, 0, 0, 0, 0])
    builder = script.Builder(rates, 1600.0, 1250.0, 100 * script.PAYMENT, 0.0, 0.0)
    plan = script.best_plan(builder)
    assert plan.tax == pytest.approx(9.7 * plan.years)
    assert plan.years == np.ceil(plan.houses / script.MOST_HOUSES[1])


def test_what_is_stored_is_what_the_script_finds(script, tmp_path, monkeypatch):
    """Regression: the table beside the script is that of the runs beside it."""
    for name in ("groups.csv", "schedules.csv"):
        shutil.copy(ROOT / PLACE / name, tmp_path / name)
    monkeypatch.setattr(script, "HERE", tmp_path)
    script.main()
    found, stored = pl.read_csv(tmp_path / "best_builder.csv"), pl.read_csv(ROOT / PLACE / "best_builder.csv")
    assert found.columns == stored.columns
    assert found.select("citizens", "arm").equals(stored.select("citizens", "arm"))
    numbers = stored.columns[2:]
    np.testing.assert_allclose(found.select(numbers).to_numpy(), stored.select(numbers).to_numpy(), atol=0.11)


def test_the_published_tax_is_that_of_the_published_schedule(script):
    """Oracle: what the best builder paid lies between even incomes and his cheapest way to the same income."""
    builder = script.PUBLISHED["planner"]
    even = 10 * float(script.tax_on(builder.income / 10, builder.rates))
    years = np.arange(6, 11)
    cheapest = float((years * script.tax_on(builder.income / years, builder.rates)).min())
    assert cheapest < builder.tax < even
