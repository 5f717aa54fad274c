"""The tax office: announce, collect, and what it notes down. A tax of 50 % above 10 coin throughout."""

import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core import tax
from fisc.core.knobs import full_knobs
from fisc.taxes.fixed import fixed
from fisc.taxes.planner import PlannerContinuous

SYSTEM = fixed([0.0, 10.0], [0.0, 0.5])
PURSE = jnp.array([5.0, 20.0, 50.0])


def collect(purse=PURSE, escrow=0.0, base=0.0):
    office = tax.open_office(SYSTEM, (), jnp.full(3, base), full_knobs())
    return tax.collect(SYSTEM, office, purse, escrow)


def test_a_new_office_has_collected_nothing_and_shows_the_rates_in_force():
    office = tax.open_office(SYSTEM, (), jnp.zeros(3), full_knobs())
    assert office.rates.tolist() == [0.0, 0.5]
    assert [x.tolist() for x in (office.incomes, office.taxes, office.marginal_rates)] == [[0.0] * 3] * 3
    assert office.lump_sum == 0.0


def test_revenue_comes_back_in_equal_shares():
    # By hand: taxes 0, 5, 20 are 25 coin, 25/3 each; what is left is 5, 15, 30 plus that.
    office, purse = collect()
    np.testing.assert_allclose(office.taxes, [0.0, 5.0, 20.0])
    np.testing.assert_allclose(office.lump_sum, 25 / 3, rtol=1e-6)
    np.testing.assert_allclose(purse, np.array([5.0, 15.0, 30.0]) + 25 / 3, rtol=1e-6)
    assert office.marginal_rates.tolist() == [0.0, 0.5, 0.5]


def test_collecting_neither_makes_nor_loses_coin():
    # Closed form: taxes and lump sums cancel.
    np.testing.assert_allclose(jnp.sum(collect()[1]), jnp.sum(PURSE), rtol=1e-6)


def test_income_is_what_coin_grew_by_since_the_last_collection():
    # By hand: with 5 coin owned before, incomes are 0, 15, 45; taxes 0, 2.5, 17.5.
    office, _ = collect(base=5.0)
    assert office.incomes.tolist() == [0.0, 15.0, 45.0]
    np.testing.assert_allclose(office.taxes, [0.0, 2.5, 17.5])


def test_the_next_period_starts_from_what_is_owned_after_the_lump_sum():
    # By hand: the coin (escrow included) plus the lump sum less the tax.
    office, _ = collect()
    np.testing.assert_allclose(office.tax_base, np.array([5.0, 15.0, 30.0]) + 25 / 3, rtol=1e-6)
    again, _ = tax.collect(SYSTEM, office, office.tax_base)
    np.testing.assert_array_equal(again.incomes, 0.0)
    np.testing.assert_array_equal(again.taxes, 0.0)


def test_nobody_pays_more_than_the_purse_holds():
    # By hand: the third owes 20 but has 8 at hand (42 in escrow); revenue is 5 + 8 = 13.
    office, purse = collect(purse=jnp.array([5.0, 20.0, 8.0]), escrow=jnp.array([0.0, 0.0, 42.0]))
    np.testing.assert_allclose(office.taxes, [0.0, 5.0, 8.0])
    np.testing.assert_allclose(purse, np.array([5.0, 15.0, 0.0]) + 13 / 3, rtol=1e-6)
    np.testing.assert_allclose(office.tax_base[2], 50.0 - 8.0 + 13 / 3, rtol=1e-6)


def test_rounding_makes_no_income_of_coin_in_escrow():
    # Property: whoever earns nothing after a collection has an income of exactly 0, not a loss of 1e-6, which would
    # read as a marginal rate of 0. With 1/3 coin in the purse and 11 in escrow, (p + e) + c is not (p + c) + e.
    purse, escrow = jnp.array([1 / 3, 0.1, 7.7]), jnp.array([11.0, 1000.0, 0.3])
    office, kept = collect(purse=purse, escrow=escrow)
    again, _ = tax.collect(SYSTEM, office, kept, escrow)
    np.testing.assert_array_equal(again.incomes, 0.0)


def test_announcing_makes_the_planners_rates_known_and_collects_nothing():
    # By hand: the rates chosen, and a treasury otherwise as it was.
    system = PlannerContinuous(jnp.array([0.0, 10.0]))
    office = tax.open_office(system, system.init(), jnp.zeros(3), full_knobs())
    after = tax.announce(system, office, jnp.array([0.2, 0.7]), (), full_knobs())
    np.testing.assert_allclose(after.rates, [0.2, 0.7])
    np.testing.assert_array_equal(after.taxes, 0.0)


@pytest.mark.parametrize("income, due, marginal", [(0.0, 0.0, 0.0), (10.0, 0.0, 0.5), (14.0, 2.0, 0.5)])
def test_a_schedule_says_what_is_due_and_the_rate_on_the_next_coin(income, due, marginal):
    # By hand: half of what exceeds 10; the cutoff itself belongs to the upper bracket.
    schedule = tax.Schedule(jnp.array([0.0, 10.0]), jnp.array([0.0, 0.5]))
    assert schedule.due(jnp.array([income]))[0] == due
    assert schedule.marginal(jnp.array([income]))[0] == marginal
