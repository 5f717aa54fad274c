"""Which orders a mask allows, at the edges of purse and book. Kind: closed form."""

import jax.numpy as jnp
import numpy as np
import pytest

from fisc.economies.gather_trade_build.choices import menus
from fisc.economies.gather_trade_build.economy import EVENTS
from fisc.economies.gather_trade_build.market import trade
from fisc.economies.gather_trade_build.masks import legal_actions

from .world import STONE, begin, orders, rules, world

MARKET = rules().market
PEOPLE = world()


def mask(state, is_multi=False):
    """The first citizen's mask, and the flags of each menu."""
    offers = menus(EVENTS, MARKET.num_prices, is_multi)
    allowed = np.asarray(legal_actions(state, EVENTS, offers, MARKET))[0]
    return allowed, {name: offers.entries(name) for name, _ in offers.sizes}


@pytest.mark.parametrize("is_multi", [False, True])
@pytest.mark.parametrize("purse, dearest", [(-0.5, None), (0.0, 0), (3.5, 3), (1e30, 10), (jnp.inf, 10)])
def test_a_purse_opens_the_bids_it_can_pay_and_nothing_else(purse, dearest, is_multi):
    allowed, menu = mask(begin(PEOPLE, coin=[purse, 0.0, 0.0]), is_multi)
    broke, _ = mask(begin(PEOPLE), is_multi)
    is_bid = (menu["buy stone"] > 0) | (menu["buy wood"] > 0)
    for name in ("buy stone", "buy wood"):
        prices = menu[name][allowed & (menu[name] > 0)] - 1
        assert prices.tolist() == ([] if dearest is None else list(range(dearest + 1)))
    np.testing.assert_array_equal(allowed[~is_bid], broke[~is_bid])


def test_whoever_has_as_many_orders_of_a_good_as_allowed_may_place_no_more_of_it():
    state = begin(PEOPLE, coin=[100.0, 0.0, 0.0], goods=[[9, 0, 0], [9, 0, 0]])
    for _ in range(MARKET.max_orders):
        state = trade(state, orders(3, bids=[(0, STONE, 1)]), MARKET)
    allowed, menu = mask(state)
    for good, is_open in (("stone", False), ("wood", True)):
        for side in ("buy", "sell"):
            assert allowed[menu[f"{side} {good}"] > 0].all() == allowed[menu[f"{side} {good}"] > 0].any() == is_open
