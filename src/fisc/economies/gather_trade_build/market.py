"""The market: a continuous double auction for each good, with exact priority of price, then age.

Every citizen has a fixed number of order slots on each side. An open order is one number, price and age packed, such
that a larger one goes first: `price · 2^bits + age` for a bid, `(highest price - price) · 2^bits + age` for an ask.
Among equals the citizen with the lower index goes first, who placed the order first; while orders are matched, they end
in who placed them. Source: the reference program's `ContinuousDoubleAuction`. Axes: `n` citizens, `g` goods, `k` order
slots, `s` slots of all citizens in one row, `p` prices.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fisc.core.errors import ConfigError
from fisc.core.once import computed_once
from fisc.economies.gather_trade_build.choices import Choices
from fisc.economies.gather_trade_build.state import NO_ORDER, Book, State

MOST_BITS = 31
"""Of the number that an order and who placed it are packed into."""
FADE = 0.995
"""What is left of the price history after a step."""


class Market(eqx.Module):
    """The rules of the auction. Prices are 0, 1, …, max_price coin."""

    order_labor: Float[Array, ""]
    """Effort of placing an order."""
    max_price: int = eqx.field(static=True, default=10)
    order_duration: int = eqx.field(static=True, default=50)
    """An order can trade in the step in which it is placed and in so many steps after it."""
    max_orders: int = eqx.field(static=True, default=5)
    """Open bids and asks of one citizen for one good."""

    def check(self, num_citizens: int) -> None:
        """See whether the orders of so many citizens can be told apart.

        Raises:
            ConfigError: if one number cannot hold an order and who placed it.
        """
        needed = self.max_price.bit_length() + self.bits + _signature_bits(num_citizens)
        if needed > MOST_BITS:
            raise ConfigError(
                f"economy.citizens is {num_citizens}, economy.market.max_price {self.max_price} and "
                f"economy.market.order_duration {self.order_duration}: an order takes {needed} bits, and there are "
                f"{MOST_BITS}; lower one of them"
            )

    @property
    def num_prices(self) -> int:
        """Prices that an order can name."""
        return self.max_price + 1

    @property
    def bits(self) -> int:
        """Bits of an order's age."""
        return self.order_duration.bit_length()

    def bid_prices(self, bids: Int[Array, "*k"]) -> Int[Array, "*k"]:
        """Price of each bid; negative in empty slots."""
        return bids >> self.bits

    def ask_prices(self, asks: Int[Array, "*k"]) -> Int[Array, "*k"]:
        """Price of each ask; above every price in empty slots."""
        return self.max_price - (asks >> self.bits)

    def ages(self, orders: Int[Array, "*k"]) -> Int[Array, "*k"]:
        """Steps since each order was placed; meaningless in empty slots."""
        return orders & ((1 << self.bits) - 1)


def empty_book(num_goods: int, num_citizens: int, rules: Market, dtype) -> Book:
    """No orders and no memory of trades."""
    slots = jnp.full((num_goods, rules.max_orders, num_citizens), NO_ORDER, jnp.int32)
    return Book(slots, slots, jnp.zeros((num_goods, rules.num_prices), dtype))


def num_orders(book: Book) -> Int[Array, "g n"]:
    """Open orders of each citizen, bids and asks together."""
    return jnp.sum((book.bids >= 0).astype(jnp.int32) + (book.asks >= 0).astype(jnp.int32), axis=1, dtype=jnp.int32)


def coin_in_escrow(book: Book, rules: Market) -> Int[Array, " n"]:
    """Coin that each citizen's open bids have set aside."""
    return jnp.sum(jnp.maximum(rules.bid_prices(book.bids), 0), axis=(0, 1), dtype=jnp.int32)


def goods_in_escrow(book: Book) -> Int[Array, "g n"]:
    """Units that each citizen's open asks have set aside."""
    return jnp.sum(book.asks >= 0, axis=1, dtype=jnp.int32)


def has_room(orders: Int[Array, "*g n"], rules: Market) -> Bool[Array, "*g n"]:
    """Whether a citizen with so many open orders may place another one."""
    return orders < rules.max_orders


def can_ask(orders: Int[Array, "*g n"], goods: Int[Array, "*g n"], rules: Market) -> Bool[Array, "*g n"]:
    """Whether a citizen with so many open orders and units may offer one, at any price."""
    return has_room(orders, rules) & (goods > 0)


def trade(state: State, choices: Choices, rules: Market) -> State:
    """Place everybody's orders, match them, and let the rest grow older."""
    return expire(match(place(state, choices, rules), rules), rules)


def place(state: State, choices: Choices, rules: Market) -> State:
    """Let the memory of prices fade and put everybody's orders into the book, where they want to and can.

    Good by good, the bid first: what it costs and the slot it takes are not there for the next order. A bid sets coin
    aside, an ask a unit.
    """
    book, coin, labor, orders = state.book, state.coin, state.labor, num_orders(state.book)
    bids, asks = [], []
    for good in range(state.goods.shape[0]):
        price = choices.bids[good]
        payment = price.astype(coin.dtype)
        is_bid = _is_price(price, rules) & has_room(orders[good], rules) & (payment <= coin)
        coin = coin - jnp.where(is_bid, payment, 0.0)
        labor = labor + jnp.where(is_bid, rules.order_labor, 0.0)
        open_orders = orders[good] + is_bid.astype(orders.dtype)
        is_ask = _is_price(choices.asks[good], rules) & can_ask(open_orders, state.goods[good], rules)
        labor = labor + jnp.where(is_ask, rules.order_labor, 0.0)
        bids.append(jnp.where(is_bid, price << rules.bits, NO_ORDER))
        asks.append(jnp.where(is_ask, (rules.max_price - choices.asks[good]) << rules.bits, NO_ORDER))
    bid, ask = computed_once((jnp.stack(bids), jnp.stack(asks)), state.step)
    fade = jnp.asarray(FADE, book.history.dtype)
    filled = Book(_put(book.bids, bid), _put(book.asks, ask), book.history * fade)
    return replace(state, coin=coin, labor=labor, goods=state.goods - (ask >= 0).astype(jnp.int32), book=filled)


def _is_price(price: Int[Array, " n"], rules: Market) -> Bool[Array, " n"]:
    """Whether somebody names a price at all, and one that can be."""
    return (price >= 0) & (price <= rules.max_price)


def _put(slots: Int[Array, "g k n"], order: Int[Array, "g n"]) -> Int[Array, "g k n"]:
    """Put an order into the first free slot of everybody who places one."""
    place, most = jnp.arange(slots.shape[1], dtype=jnp.int32)[None, :, None], slots.shape[1]
    first = jnp.min(jnp.where(slots < 0, place, most), axis=1, keepdims=True)  # on a CPU much faster than `argmax`
    return jnp.where((order >= 0)[:, None] & (place == first), order[:, None], slots)


class _Matching(eqx.Module):
    """The matching of one good, trade by trade. What else changes hands follows from the orders that are gone."""

    bids: Int[Array, " s"]
    """Signed orders: see `_sign`."""
    asks: Int[Array, " s"]
    """Signed orders."""
    spent: Int[Array, " n"]
    earned: Int[Array, " n"]
    trades: Int[Array, " p"]
    """Trades at each price."""

    @property
    def bits(self) -> int:
        """Bits at the end of a signed order that say who placed it."""
        return _signature_bits(self.spent.shape[-1])


def match(state: State, rules: Market) -> State:
    """Trade until no bid reaches an ask of somebody else. Goods do not depend on one another.

    A buyer gets back what the bid had set aside and the price did not take.
    """
    placed, journal = state.book, state.journal
    done = jax.vmap(lambda bids, asks: _match_good(bids, asks, rules))(placed.bids, placed.asks)
    bids, asks = ((row >> done.bits).reshape(placed.bids.shape) for row in (done.bids, done.asks))
    book = Book(bids, asks, placed.history + done.trades.astype(placed.history.dtype))
    bought, sold = _num_gone(placed.bids, book.bids), _num_gone(placed.asks, book.asks)
    released = coin_in_escrow(placed, rules) - coin_in_escrow(book, rules)
    change = released + jnp.sum(done.earned - done.spent, axis=0, dtype=jnp.int32)
    return replace(
        state,
        coin=state.coin + change.astype(state.coin.dtype),
        goods=state.goods + bought,
        book=book,
        journal=replace(
            journal,
            sales=journal.sales + sold,
            earnings=journal.earnings + done.earned,
            purchases=journal.purchases + bought,
            spending=journal.spending + done.spent,
        ),
    )


def _num_gone(before: Int[Array, "g k n"], after: Int[Array, "g k n"]) -> Int[Array, "g n"]:
    """How many orders of each citizen are no longer open."""
    return jnp.sum((before >= 0) & (after < 0), axis=1, dtype=jnp.int32)


def _match_good(bids: Int[Array, "k n"], asks: Int[Array, "k n"], rules: Market) -> _Matching:
    """Let the best bid that reaches an ask take the best ask, again and again.

    A bid that reaches nothing now never will, since asks only become fewer: this is the order in which the reference
    walks down the book. As many rounds are needed as there are trades.
    """
    zeros = jnp.zeros(bids.shape[1], jnp.int32)
    start = _Matching(_sign(bids), _sign(asks), zeros, zeros, jnp.zeros(rules.num_prices, jnp.int32))

    def is_crossed(now):
        """Whether some bid still reaches an ask."""
        return jnp.any(now[1].bid >= 0)

    def settle(now):
        """One trade, and the best offers after it."""
        matching = _settle_best(*now, rules)
        return matching, _best_offers(matching, rules)

    return jax.lax.while_loop(is_crossed, settle, (start, _best_offers(start, rules)))[0]


def _signature_bits(num_citizens: int) -> int:
    """Bits that tell citizens apart."""
    return (num_citizens - 1).bit_length()


def _sign(orders: Int[Array, "k n"]) -> Int[Array, " s"]:
    """Let orders end in who placed them, and lay them out in one row, in which a CPU is quick.

    No two open ones are alike then, since nobody places two orders of one side and good in a step. Of equal prices and
    ages the lower index is the larger number. A free slot stays negative, and NO_ORDER when the bits are dropped again.
    """
    num = orders.shape[1]
    return (orders << _signature_bits(num) | jnp.arange(num - 1, -1, -1, dtype=orders.dtype)[None, :]).reshape(-1)


class _Offers(eqx.Module):
    """The best that everybody offers, as signed orders."""

    bid: Int[Array, " n"]
    """Everybody's best bid, or NO_ORDER if it reaches no ask of anybody else."""
    ask: Int[Array, " n"]
    """Everybody's best ask."""


def _best_offers(matching: _Matching, rules: Market) -> _Offers:
    """Look at the open orders."""
    bid, ask = (jnp.max(row.reshape(rules.max_orders, -1), axis=0) for row in (matching.bids, matching.asks))
    best = jnp.max(ask)
    is_best = ask == best
    rival = jnp.where(is_best, jnp.max(jnp.where(is_best, NO_ORDER, ask)), best)
    reaches = rules.bid_prices(bid >> matching.bits) >= rules.ask_prices(rival >> matching.bits)
    return _Offers(jnp.where(reaches, bid, NO_ORDER), ask)


def _settle_best(matching: _Matching, offers: _Offers, rules: Market) -> _Matching:
    """Settle the first trade of what is left; there must be one.

    The older order sets the price; of two equally old ones, the ask.
    """
    bid = jnp.max(offers.bid)
    is_buyer = offers.bid == bid
    ask = jnp.max(jnp.where(is_buyer, NO_ORDER, offers.ask))
    is_seller = offers.ask == ask

    unsigned_bid, unsigned_ask = bid >> matching.bits, ask >> matching.bits
    is_ask_first = rules.ages(unsigned_bid) <= rules.ages(unsigned_ask)
    price = jnp.where(is_ask_first, rules.ask_prices(unsigned_ask), rules.bid_prices(unsigned_bid))
    prices = jnp.arange(rules.num_prices, dtype=jnp.int32)
    return _Matching(
        bids=jnp.where(matching.bids == bid, NO_ORDER, matching.bids),
        asks=jnp.where(matching.asks == ask, NO_ORDER, matching.asks),
        spent=matching.spent + is_buyer.astype(jnp.int32) * price,
        earned=matching.earned + is_seller.astype(jnp.int32) * price,
        trades=matching.trades + (prices == price).astype(jnp.int32),
    )


def expire(state: State, rules: Market) -> State:
    """Make open orders a step older and return what the expired ones had set aside."""
    book = state.book
    coin_back = jnp.sum(jnp.where(_expires(book.bids, rules), rules.bid_prices(book.bids), 0), axis=(0, 1))
    goods_back = jnp.sum(_expires(book.asks, rules), axis=1, dtype=jnp.int32)
    return replace(
        state,
        coin=state.coin + coin_back.astype(state.coin.dtype),
        goods=state.goods + goods_back,
        book=replace(book, bids=_older(book.bids, rules), asks=_older(book.asks, rules)),
    )


def _expires(orders: Int[Array, "*k"], rules: Market) -> Bool[Array, "*k"]:
    """Whether an order is open and has lasted as long as it can."""
    return (orders >= 0) & (rules.ages(orders) >= rules.order_duration)


def _older(orders: Int[Array, "*k"], rules: Market) -> Int[Array, "*k"]:
    """Orders a step later. They lie in one row meanwhile, in which a CPU is quick."""
    row = orders.reshape(-1)
    return jnp.where((row < 0) | _expires(row, rules), NO_ORDER, row + 1).reshape(orders.shape)
