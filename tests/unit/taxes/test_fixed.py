"""Schedules that nobody changes. Expected values derived by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.taxes.fixed import fixed, flat, free_market
from fisc.taxes.us_federal import Law, law_schedule, load_law, us_federal

from .knobs import ceiling

CUTOFFS = [0.0, 10.0, 20.0]


def rates(system, max_rate=1.0):
    return np.asarray(system.rates(system.init(), ceiling(max_rate)))


def test_the_ceiling_cuts_what_is_above_it():
    np.testing.assert_allclose(rates(fixed(CUTOFFS, [0.1, 0.5, 0.9]), 0.5), [0.1, 0.5, 0.5])


def test_nobody_decides_and_nothing_is_learned():
    system = fixed(CUTOFFS, [0.1, 0.5, 0.9])
    memory = system.decide(system.init(), None, system.draw(jax.random.key(0)), ceiling(1.0))
    memory = system.reset(system.learn(memory, jnp.ones(4), jnp.zeros(4)))
    assert system.planner_space is None
    assert memory == ()
    np.testing.assert_allclose(system.rates(memory, ceiling(1.0)), [0.1, 0.5, 0.9])


def test_the_free_market_takes_nothing():
    np.testing.assert_array_equal(rates(free_market(CUTOFFS)), 0.0)


def test_a_flat_tax_has_one_rate():
    np.testing.assert_allclose(rates(flat(CUTOFFS, 0.3)), 0.3)


@pytest.mark.parametrize(
    "cutoffs, schedule, message",
    [
        ([0.0, 10.0], [0.1], "got 1 rates, 2 cutoffs"),
        ([1.0, 10.0], [0.1, 0.2], "must start at 0"),
        ([], [], "must start at 0"),
        ([0.0, 10.0, 10.0], [0.1, 0.2, 0.3], "10.0 is followed by 10.0"),
        ([0.0, float("inf")], [0.1, 0.2], "must increase and be finite"),
        ([0.0, float("nan")], [0.1, 0.2], "must increase and be finite"),
        ([0.0, 10.0], [0.1, 37.0], "rate 37.0 of bracket 1"),
        ([0.0, 10.0], [-0.1, 0.2], "rate -0.1 of bracket 0"),
        ([0.0, 10.0], [0.1, float("nan")], "rate nan of bracket 1"),
    ],
)
def test_a_schedule_that_is_none_is_refused(cutoffs, schedule, message):
    with pytest.raises(ConfigError, match=message):
        fixed(cutoffs, schedule)


def test_the_law_in_coin():
    # Derived: cutoffs of the statute (single filers, 2024: 11,600 and 47,150 dollars) at 100 dollars a coin.
    system = us_federal(2024, dollars_per_coin=100.0)
    np.testing.assert_allclose(system.cutoffs[:3], [0.0, 116.0, 471.5])
    np.testing.assert_allclose(rates(system), [0.10, 0.12, 0.22, 0.24, 0.32, 0.35, 0.37])


def test_the_law_on_gross_wages_exempts_the_standard_deduction():
    # Derived: 14,600 dollars are exempt in 2024; the first taxed bracket ends at 14,600 + 11,600.
    system = us_federal(2024, standard_deduction=True)
    np.testing.assert_allclose(system.cutoffs[:3], [0.0, 14600.0, 26200.0])
    np.testing.assert_allclose(rates(system)[:3], [0.0, 0.10, 0.12])


def test_a_law_makes_the_schedule_that_us_federal_makes():
    made = law_schedule(load_law(2024, "joint"), 1000.0)
    np.testing.assert_array_equal(made.cutoffs, us_federal(2024, "joint", dollars_per_coin=1000.0).cutoffs)


@pytest.mark.parametrize("dollars", [0.0, -1.0, float("nan"), float("inf")])
def test_a_coin_must_be_worth_something(dollars):
    with pytest.raises(ConfigError, match="dollars_per_coin must be a positive number"):
        law_schedule(Law(2024, "single", (0.0,), (0.1,), 0.0), dollars)
