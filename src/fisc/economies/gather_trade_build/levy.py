"""Taxes: rates are announced in the first step of a period and collected in its last. Axes: `n` citizens, `b` brackets.

Income is what a citizen's coin grew by since the last collection, coin set aside for bids included; but taxes are taken
only from the purse, so open bids shelter coin on tax day. Source: the reference program's `PeriodicBracketTax`.
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
from fisc.economies.gather_trade_build.state import Journal, State


def announce(state: State, system: TaxSystem, action: Any, draws: Any, knobs: Knobs, *, period: int) -> State:
    """Let the tax system decide in the first step of a period. `action`: of one planner, or None."""
    decide = lambda treasury: fiscal.announce(system, treasury, action, draws, knobs)  # noqa: E731
    return replace(state, treasury=only_if(state.step % period == 0, decide, state.treasury))


def collect(state: State, system: TaxSystem, rules: market.Market, *, period: int) -> State:
    """Tax everybody's income and hand the revenue out in equal shares in the last step of a period."""
    reserved = market.coin_in_escrow(state.book, rules).astype(state.coin.dtype)

    def tax_day(books: tuple[Treasury, Float[Array, " n"], Journal]):
        treasury, purse, journal = books
        treasury, purse = fiscal.collect(system, treasury, purse + reserved, purse)
        # Added up as it will be next time, so that income starts at exactly 0: rounding below 0 would read as a loss.
        treasury = replace(treasury, tax_base=purse + reserved)
        return treasury, purse, _entered(journal, treasury, system)

    is_tax_day = state.step % period == period - 1
    treasury, purse, journal = only_if(is_tax_day, tax_day, (state.treasury, state.coin, state.journal))
    return replace(state, treasury=treasury, coin=purse, journal=journal)


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
        rates=journal.rates + treasury.rates,
        occupancy=journal.occupancy + jnp.sum(index[:, None] == bracket[None, :], axis=0, dtype=jnp.int32),
        periods=journal.periods + 1,
    )
