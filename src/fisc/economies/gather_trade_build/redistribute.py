"""Wealth redistribution: everybody gets an equal share of all coin, at every step. Axis `n`: citizens."""

from dataclasses import replace

import jax.numpy as jnp

from fisc.economies.gather_trade_build import market
from fisc.economies.gather_trade_build.state import State


def redistribute(state: State, rules: market.Market) -> State:
    """Share all coin out, open bids included; who has set more than a share aside ends with a negative purse.

    Source: the reference program's `WealthRedistribution`.
    """
    reserved = market.coin_in_escrow(state.book, rules).astype(state.coin.dtype)
    share = jnp.sum(state.coin + reserved) / state.coin.shape[0]
    return replace(state, coin=share - reserved)
