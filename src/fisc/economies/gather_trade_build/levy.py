"""Taxes: rates are announced in the first step of a period and collected in its last. Axes: `n` citizens, `b` brackets.

Income is what a citizen's coin grew by since the last collection, coin set aside for bids included; but taxes are taken
only from the purse, so open bids shelter coin on tax day, unless the economy withdraws the bids of whoever owes more
than the purse holds. Source: the reference program's `PeriodicBracketTax`.
"""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.core import tax as fiscal
from fisc.core.knobs import Knobs
from fisc.core.tax import TaxSystem, Treasury
from fisc.econ import brackets
from fisc.economies.gather_trade_build import market
from fisc.economies.gather_trade_build.seldom import only_if
from fisc.economies.gather_trade_build.state import NO_ORDER, Book, Journal, State


def announce(state: State, system: TaxSystem, action: Any, draws: Any, knobs: Knobs, *, period: int) -> State:
    """Let the tax system decide in the first step of a period. `action`: of one planner, or None."""
    decide = lambda treasury: fiscal.announce(system, treasury, action, draws, knobs)  # noqa: E731
    return replace(state, treasury=only_if(state.step % period == 0, decide, state.treasury))


def collect(
    state: State, system: TaxSystem, rules: market.Market, *, period: int, bids_shelter_coin: bool = True
) -> State:
    """Tax everybody's income and hand the revenue out in equal shares in the last step of a period."""

    def tax_day(books: tuple[Treasury, Float[Array, " n"], Book, Journal]):
        """Collect from whoever can pay, and write it down."""
        treasury, purse, book, journal = books
        paying = replace(state, treasury=treasury, coin=purse, book=book)
        paying = paying if bids_shelter_coin else _withdraw_bids(paying, system, rules)
        reserved = market.coin_in_escrow(paying.book, rules).astype(purse.dtype)
        treasury, purse = fiscal.collect(system, treasury, paying.coin, reserved)
        return treasury, purse, paying.book, _entered(journal, treasury, system)

    is_tax_day = state.step % period == period - 1
    books = (state.treasury, state.coin, state.book, state.journal)
    treasury, purse, book, journal = only_if(is_tax_day, tax_day, books)
    return replace(state, treasury=treasury, coin=purse, book=book, journal=journal)


def _withdraw_bids(state: State, system: TaxSystem, rules: market.Market) -> State:
    """Give the coin of their open bids back to citizens whose purse cannot pay their tax."""
    reserved = market.coin_in_escrow(state.book, rules).astype(state.coin.dtype)
    income = state.coin + reserved - state.treasury.tax_base
    due = brackets.tax_due(income, system.cutoffs.astype(income.dtype), state.treasury.rates)
    is_short = due > state.coin
    bids = jnp.where(is_short[None, None, :], NO_ORDER, state.book.bids)
    coin = state.coin + jnp.where(is_short, reserved, 0.0)
    return replace(state, coin=coin, book=replace(state.book, bids=bids))


def _entered(journal: Journal, treasury: Treasury, system: TaxSystem) -> Journal:
    """Write a collection down."""
    incomes, taxes = treasury.incomes, treasury.taxes
    index = brackets.bracket_index(incomes, system.cutoffs.astype(incomes.dtype))
    bracket = jnp.arange(treasury.rates.shape[0], dtype=index.dtype)
    return replace(
        journal,
        incomes=journal.incomes + jnp.maximum(incomes, 0.0),
        taxes=journal.taxes + taxes,
        transfers=journal.transfers + treasury.lump_sum,
        effective_rates=journal.effective_rates + jnp.mean(taxes / jnp.maximum(incomes, brackets.SMALLEST_INCOME)),
        marginal_rates=journal.marginal_rates + treasury.marginal_rates,
        rates=journal.rates + treasury.rates,
        occupancy=journal.occupancy + jnp.sum(index[:, None] == bracket[None, :], axis=0, dtype=jnp.int32),
        periods=journal.periods + 1,
    )
