"""The ledger finds a lost coin and forgives rounding."""

import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.ledger import Ledger, tolerance


def ledger(opening, created, closing) -> Ledger:
    goods = {"opening": opening, "created": created, "closing": closing}
    return Ledger(**{name: {k: jnp.asarray(v, jnp.float32) for k, v in book.items()} for name, book in goods.items()})


def test_books_that_balance_have_no_residual():
    # By hand: 10 and 5 more make 15.
    assert ledger({"coin": 10.0}, {"coin": 5.0}, {"coin": 15.0}).residual() == 0.0


def test_the_residual_is_the_gap_relative_to_the_stock():
    # By hand: 14 where 15 should be is a gap of 1 in a stock of 14.
    np.testing.assert_allclose(ledger({"coin": 10.0}, {"coin": 5.0}, {"coin": 14.0}).residual(), 1 / 14, rtol=1e-6)


def test_a_small_stock_counts_as_one():
    # By hand: half a coin from nothing is a residual of one half, not of one.
    np.testing.assert_allclose(ledger({"coin": 0.0}, {"coin": 0.0}, {"coin": 0.5}).residual(), 0.5, rtol=1e-6)


def test_the_worst_good_is_reported():
    # By hand: wood balances, coin lacks 2 of 8.
    books = ledger({"coin": 10.0, "wood": 3.0}, {"coin": 0.0, "wood": 1.0}, {"coin": 8.0, "wood": 4.0})
    np.testing.assert_allclose(books.residual(), 0.2, rtol=1e-6)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_one_coin_lost_or_forged_among_five_thousand_is_a_leak(sign):
    # By hand: 1 / 5,000 = 2.0e-4 is above 1,000 · 2^-23 = 1.19e-4.
    assert ledger({"coin": 5000.0}, {"coin": 0.0}, {"coin": 5000.0 + sign}).residual() > tolerance(jnp.float32)


def test_one_coin_lost_among_a_million_is_a_leak_in_double_precision():
    # By hand: 1e-6 is above 1,000 · 2^-52 = 2.2e-13.
    assert tolerance(jnp.float64) == pytest.approx(1000 * 2.0**-52)
    assert tolerance(jnp.float64) < 1e-6


def test_rounding_of_a_sum_over_many_purses_is_no_leak():
    # Property: sums in two orders differ by rounding alone.
    purses = np.random.default_rng(0).exponential(3e4, 100_000).astype(np.float32)
    there, back = jnp.sum(jnp.asarray(purses)), jnp.asarray(np.cumsum(purses, dtype=np.float32)[-1])
    assert there != back, "the two orders round alike: the test shows nothing"
    assert ledger({"coin": there}, {"coin": 0.0}, {"coin": back}).residual() < tolerance(jnp.float32)
