"""The auction, order by order. Kind: derived by hand from the rules, or an independent brute-force program."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.economies.gather_trade_build.market import coin_in_escrow, goods_in_escrow, trade

from .world import STONE, WOOD, begin, open_orders, orders, rules, world

MARKET = rules().market
PEOPLE = world()
ROUND = jax.jit(lambda state, choices: trade(state, choices, MARKET))


def rich(goods=5):
    return begin(PEOPLE, coin=[100.0, 100.0, 100.0], goods=[[goods] * 3] * 2)


def test_placing_orders_costs_labor_and_sets_coin_and_units_aside():
    after = ROUND(rich(), orders(3, bids=[(0, STONE, 3)], asks=[(1, STONE, 4), (2, WOOD, 0)]))
    assert open_orders(after, MARKET) == [("ask", STONE, 1, 4, 1), ("ask", WOOD, 2, 0, 1), ("bid", STONE, 0, 3, 1)]
    np.testing.assert_array_equal(after.coin, [97.0, 100.0, 100.0])
    np.testing.assert_array_equal(coin_in_escrow(after.book, MARKET), [3, 0, 0])
    np.testing.assert_array_equal(after.goods, [[5, 4, 5], [5, 5, 4]])
    np.testing.assert_array_equal(goods_in_escrow(after.book), [[0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(after.labor, [0.25, 0.25, 0.25])


@pytest.mark.parametrize("first, price", [("bid", 7), ("ask", 4), ("both", 4)])
def test_the_older_order_sets_the_price_and_of_equally_old_ones_the_ask(first, price):
    bid, ask = [(0, WOOD, 7)], [(1, WOOD, 4)]
    state = rich()
    if first != "both":
        state = ROUND(state, orders(3, **({"bids": bid} if first == "bid" else {"asks": ask})))
    wants = {"both": {"bids": bid, "asks": ask}, "bid": {"asks": ask}, "ask": {"bids": bid}}[first]
    after = ROUND(state, orders(3, **wants))
    assert open_orders(after, MARKET) == []
    np.testing.assert_array_equal(after.coin, [100.0 - price, 100.0 + price, 100.0])
    np.testing.assert_array_equal(after.goods[WOOD], [6, 4, 5])
    assert after.book.history[WOOD, price] == 1.0


def test_nobody_trades_with_oneself():
    after = ROUND(rich(), orders(3, bids=[(0, STONE, 9)], asks=[(0, STONE, 1)]))
    assert len(open_orders(after, MARKET)) == 2


def test_a_bid_passes_over_ones_own_ask_to_a_dearer_one():
    after = ROUND(rich(), orders(3, bids=[(0, STONE, 9)], asks=[(0, STONE, 1), (1, STONE, 6)]))
    assert open_orders(after, MARKET) == [("ask", STONE, 0, 1, 1)]
    np.testing.assert_array_equal(after.coin, [94.0, 106.0, 100.0])


def test_among_equals_the_lower_index_goes_first():
    after = ROUND(rich(), orders(3, bids=[(1, STONE, 5), (2, STONE, 5)], asks=[(0, STONE, 5)]))
    assert open_orders(after, MARKET) == [("bid", STONE, 2, 5, 1)]


def test_among_equal_prices_the_older_order_goes_first():
    state = ROUND(rich(), orders(3, bids=[(2, STONE, 5)]))
    after = ROUND(state, orders(3, bids=[(1, STONE, 5)], asks=[(0, STONE, 5)]))
    assert open_orders(after, MARKET) == [("bid", STONE, 1, 5, 1)]


def test_orders_of_nothing_at_price_zero_trade():
    after = ROUND(begin(PEOPLE, goods=[[0, 1, 0], [0, 0, 0]]), orders(3, bids=[(0, STONE, 0)], asks=[(1, STONE, 0)]))
    np.testing.assert_array_equal(after.goods[STONE], [1, 0, 0])
    np.testing.assert_array_equal(after.coin, 0.0)


def test_an_order_trades_in_the_steps_of_its_duration_and_is_returned_at_the_end_of_the_last():
    short = dataclasses.replace(MARKET, order_duration=2)
    step = jax.jit(lambda state, choices: trade(state, choices, short))
    idle = orders(3)
    state = step(begin(PEOPLE, coin=[5.0, 0.0, 0.0]), orders(3, bids=[(0, STONE, 5)]))
    state = step(state, idle)
    assert open_orders(state, short) == [("bid", STONE, 0, 5, 2)]
    np.testing.assert_array_equal(state.coin, 0.0)
    returned = step(state, idle)
    assert open_orders(returned, short) == []
    np.testing.assert_array_equal(returned.coin, [5.0, 0.0, 0.0])
    # In its last step it still trades.
    state = dataclasses.replace(state, goods=state.goods.at[STONE, 1].set(1))
    np.testing.assert_array_equal(step(state, orders(3, asks=[(1, STONE, 0)])).coin, [0.0, 5.0, 0.0])


def test_orders_beyond_the_cap_or_the_purse_are_not_placed_and_cost_nothing():
    state = begin(PEOPLE, coin=[9.0, 0.0, 0.0], goods=[[9, 0, 0], [0, 0, 0]])
    for _ in range(3):
        state = ROUND(state, orders(3, bids=[(0, STONE, 1)], asks=[(0, STONE, 9), (1, STONE, 3)]))
    # Five open orders of one good, bids first: in the third step the bid takes the last place.
    assert len(open_orders(state, MARKET)) == 5
    np.testing.assert_array_equal(state.labor, [5 * 0.25, 0.0, 0.0])
    # Coin set aside for stone cannot be bid for wood.
    poor = begin(PEOPLE, coin=[5.0, 0.0, 0.0])
    after = ROUND(poor, orders(3, bids=[(0, STONE, 3), (0, WOOD, 3)]))
    assert open_orders(after, MARKET) == [("bid", STONE, 0, 3, 1)]


def test_history_fades_before_new_trades_are_entered():
    wants = orders(3, bids=[(0, STONE, 4)], asks=[(1, STONE, 4)])
    after = ROUND(ROUND(rich(), wants), wants)
    np.testing.assert_allclose(after.book.history[STONE, 4], 1.995, rtol=1e-6)


def brute_force(bids, asks):
    """Trades by walking down sorted lists of (price, age, citizen): each bid takes the first ask it reaches.

    Also returns what is left of both lists.
    """
    asks, trades, left = sorted(asks, key=lambda a: (a[0], -a[1], a[2])), [], []
    for price, age, buyer in sorted(bids, key=lambda b: (-b[0], -b[1], b[2])):
        for ask in asks:
            if ask[2] != buyer and ask[0] <= price:
                trades.append((buyer, ask[2], ask[0] if age <= ask[1] else price))
                asks.remove(ask)
                break
        else:
            left.append((price, age, buyer))
    return trades, left, asks


def booked(bids, asks, num, market=MARKET):
    """People with plenty of everything and a book of stone: lists of (price, age, citizen) by side."""
    sides = []
    for listed, key_of in ((bids, lambda p: p), (asks, lambda p: market.max_price - p)):
        slots = np.full((2, market.max_orders, num), -1)
        for price, age, who in listed:
            free = np.flatnonzero(slots[STONE, :, who] < 0)[0]
            slots[STONE, free, who] = (key_of(price) << market.bits) + age
        sides.append(jnp.asarray(slots, jnp.int32))
    people = world([(row, 0) for row in range(num)], chart="\n".join(["......"] * num))
    state = begin(people, coin=[10_000.0] * num, goods=[[9] * num] * 2)
    return dataclasses.replace(state, book=dataclasses.replace(state.book, bids=sides[0], asks=sides[1]))


@pytest.mark.parametrize("num", [1, 2, 3, 8, 9, 33])
def test_random_books_are_matched_as_by_walking_down_sorted_lists(num):
    rng, slots = np.random.default_rng(num), MARKET.max_orders
    match = jax.jit(lambda state: trade(state, orders(num), MARKET))
    for _ in range(60):
        # One order a citizen and step, so ages within a citizen's list differ.
        bids, asks = (
            [
                (int(rng.integers(0, 11)), int(age), who)
                for who in range(num)
                for age in rng.permutation(9)[: rng.integers(0, slots + 1)]
            ]
            for _side in range(2)
        )
        trades, *left = brute_force(bids, asks)
        expected = np.zeros((4, num), int)
        for buyer, seller, price in trades:
            expected[range(4), [buyer, buyer, seller, seller]] += [1, price, 1, price]
        after = match(booked(bids, asks, num))
        found = [getattr(after.journal, name)[STONE] for name in ("purchases", "spending", "sales", "earnings")]
        np.testing.assert_array_equal(np.stack(found), expected)
        older = [
            (side, STONE, who, p, age + 1)
            for side, rows in zip(("bid", "ask"), left, strict=True)
            for p, age, who in rows
        ]
        assert sorted(open_orders(after, MARKET)) == sorted(older)


@pytest.mark.parametrize("bid_age, ask_age, price", [(2**20 - 2, 2**20 - 1, 0), (2**20 - 1, 2**20 - 2, 1000)])
def test_the_largest_numbers_that_orders_can_be_are_still_told_apart(bid_age, ask_age, price):
    # 10 bits for the price, 20 for the age, 1 for which of the two citizens: 31, all there are.
    market = dataclasses.replace(MARKET, max_price=1000, order_duration=2**20 - 1)
    state = booked([(1000, bid_age, 0)], [(0, ask_age, 1)], 2, market)
    state = dataclasses.replace(
        state, book=dataclasses.replace(state.book, history=jnp.zeros((2, market.num_prices), state.coin.dtype))
    )
    after = trade(state, orders(2), market)
    np.testing.assert_array_equal(after.journal.purchases[STONE], [1, 0])
    np.testing.assert_array_equal(after.journal.spending[STONE], [price, 0])
    np.testing.assert_array_equal(after.coin, [10_000 + 1000 - price, 10_000 + price])
