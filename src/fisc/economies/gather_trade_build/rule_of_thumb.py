"""Citizens who follow a rule of thumb: gather what lies near, trade what the other values more, build if it pays.

They learn nothing and look ahead one house at most, but they answer prices, skills, taxes and tiredness, so that an
economy without training has a life of its own. They decide by their observation and the mask alone.
Axes: `n` citizens, `g` goods, `p` prices, `d` directions, `h` rows and `w` columns of what is seen.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Shaped

from fisc.core.economy import Observation
from fisc.core.policy import Decision, Policy
from fisc.economies.gather_trade_build import chart
from fisc.economies.gather_trade_build.choices import DIRECTIONS, Menus
from fisc.economies.gather_trade_build.economy import GatherTradeBuild, Preferences, Rules
from fisc.economies.gather_trade_build.observe import SCALE, Layout
from fisc.economies.gather_trade_build.state import GOODS

WANDERING = 40.0
"""Steps that unknown land seems to lie away, beyond what can be seen."""
STRIDE = 25
"""Steps for which somebody who sees nothing keeps to one direction."""
PLACE = ("row", "column")
BLOCKED = 1e6
OUT_OF_REACH = 1e5
SHARE_OF_GAIN = 0.7
"""Of what a house earns beyond the last unit it needs, the share that a builder would pay for that unit."""
OPEN_ASKS = 2
"""Units of a good that a citizen keeps on offer."""
SEARCH = 4.0
"""Steps a unit that is not in sight is expected to take: a way is long, but it leads to several."""


class _View(NamedTuple):
    """What a citizen sees around itself."""

    units: dict[str, Shaped[Array, "n h w"]]
    blocked: Bool[Array, "n h w"]
    """Water, the edge of the map, others' houses, and others."""
    sites: Bool[Array, "n h w"]
    """Plain ground that is free; on every other row and column, where the citizen can get to such a place: houses there
    leave lanes open, also to those who follow."""
    here: Int[Array, " n"]
    """Where in the view the citizen stands."""


class _Situation(NamedTuple):
    """What a citizen makes of its observation."""

    coin: Float[Array, " n"]
    held: Float[Array, "g n"]
    spare: Bool[Array, "g n"]
    """More of this good than of the other one."""
    pays: Bool[Array, " n"]
    """Whether building a house is worth the effort once the goods are there."""
    worth: Float[Array, "g n"]
    """Coin that a unit is worth to the citizen: half a house, or what others bid if that is more."""
    limit: Float[Array, "g n"]
    """Highest price the citizen would pay."""
    is_carrying: Bool[Array, " n"]
    """Has all that a house needs, and building pays."""
    effort: Float[Array, " n"]
    """Coin that makes up for a unit of labor, after tax."""


class RuleOfThumb(Policy):
    """Gathers, trades and builds by simple comparisons of coin and effort."""

    rules: Rules
    preferences: Preferences
    payment: Float[Array, ""]
    menus: Menus = eqx.field(static=True)
    layout: Layout = eqx.field(static=True)
    steps: int = eqx.field(static=True)

    def act(self, key: Key[Array, ""], observation: Observation) -> Decision:
        """Decide. `key`: consumed; it breaks ties and shades prices."""
        key_price, key_walk = jax.random.split(key)
        legal, now = self._legal(observation), self._situation(observation)
        picks: dict[str, Int[Array, " n"]] = {}
        view = self._look(observation)
        if "build" in self.layout.events:
            is_site = _flat(view.sites)[jnp.arange(view.here.shape[0]), view.here]
            picks["build"] = (legal["build"][:, 0] & now.pays & is_site).astype(jnp.int32)
        if "trade" in self.layout.events:
            picks |= self._orders(key_price, observation, now, legal)
        if "gather" in self.layout.events:
            picks["walk"] = self._walk(key_walk, observation, view, now, legal["walk"])
        action = self._action(picks)
        zeros = jnp.zeros(action.shape[0])
        return Decision(action, action, zeros, zeros)

    def act_greedily(self, observation: Observation):
        """The decision with ties broken in the same way every time."""
        return self.act(jax.random.key(0), observation).action

    def _legal(self, observation: Observation) -> dict[str, Bool[Array, "n _"]]:
        """The mask by menu, without doing nothing."""
        legal, at = {}, 0 if self.menus.is_multi else 1
        for name, size in self.menus.sizes:
            at += int(self.menus.is_multi)
            legal[name] = observation.mask[:, at : at + size]
            at += size
        return legal

    def _action(self, picks: dict[str, Int[Array, " n"]]) -> Int[Array, "n *d"]:
        """Say the picks as an action; who may pick only one thing takes the first of building, trading, walking."""
        if self.menus.is_multi:
            return jnp.stack([picks[name] for name, _ in self.menus.sizes], axis=1)
        offsets, offset = {}, 0
        for name, size in self.menus.sizes:
            offsets[name], offset = offset, offset + size
        action = jnp.zeros_like(next(iter(picks.values())))
        for name, pick in picks.items():
            action = jnp.where((action == 0) & (pick > 0), pick + offsets[name], action)
        return action

    def _own(self, observation: Observation, name: str, default: float = 0.0) -> Float[Array, " n"]:
        names = self.layout.own_names()
        own = observation.features["own"]
        return own[:, names.index(name)] if name in names else jnp.full(own.shape[0], default, own.dtype)

    def _situation(self, observation: Observation) -> _Situation:
        """Weigh coin against effort: labor is worth it as long as utility grows."""
        scale = SCALE if self.layout.sight.is_scaled else 1.0
        coin = self._own(observation, "coin") / scale
        held = jnp.round(jnp.stack([self._own(observation, good) for good in GOODS]) / scale)
        payment = self._own(observation, "build_payment") * self.payment.astype(coin.dtype)
        keep = jnp.maximum(1.0 - self._own(observation, "marginal_rate"), 0.01)
        # Utility of one more coin is keep · coin^(-eta), of one more unit of labor -labor_cost.
        eta, cost = (x.astype(coin.dtype) for x in (self.preferences.eta, self.preferences.labor_cost))
        effort = cost * jnp.maximum(coin, 1.0) ** eta / keep
        gain = payment - effort * self.rules.building.labor.astype(coin.dtype)
        if "build" not in self.layout.events:
            gain = jnp.zeros_like(gain)
        other = held[::-1]
        half = jnp.broadcast_to(jnp.maximum(gain / len(GOODS), 0.0), held.shape)
        worth = half
        if "trade" in self.layout.events:
            worth = jnp.maximum(half, self._best_bids(observation))
        limit = jnp.where(other > held, jnp.maximum(SHARE_OF_GAIN * gain, 0.0)[None, :], half)
        is_carrying = (jnp.min(held, axis=0) >= 1) & (gain > 0)
        return _Situation(coin, held, held > other, gain > 0, worth, limit, is_carrying, effort)

    def _prices(self, observation: Observation, name: str) -> Bool[Array, "g n p"]:
        """At which prices others have open bids or asks."""
        shape = (1, len(GOODS), self.layout.num_prices)
        everybody = observation.features[name].reshape(shape)
        own = observation.features[f"my_{name}"].reshape(-1, *shape[1:])
        return jnp.swapaxes(everybody - own > 0.5, 0, 1)

    def _best_bids(self, observation: Observation) -> Float[Array, "g n"]:
        """Best price that others bid, -1 if nobody does."""
        price = jnp.arange(self.layout.num_prices, dtype=observation.features["own"].dtype)[None, None, :]
        return jnp.max(jnp.where(self._prices(observation, "bids"), price, -1), axis=2)

    def _best_asks(self, observation: Observation) -> Float[Array, "g n"]:
        """Best price that others ask, above all prices if nobody does."""
        price = jnp.arange(self.layout.num_prices, dtype=observation.features["own"].dtype)[None, None, :]
        return jnp.min(jnp.where(self._prices(observation, "asks"), price, self.layout.num_prices), axis=2)

    def _orders(self, key, observation: Observation, now: _Situation, legal) -> dict[str, Int[Array, " n"]]:
        """Take a good offer if there is one, else make one."""
        top, num_prices = self.rules.market.max_price, self.layout.num_prices
        best_bid, best_ask = self._best_bids(observation), self._best_asks(observation)
        shade = jax.random.uniform(key, (2, *now.held.shape), now.coin.dtype)
        own = {
            name: jnp.sum(observation.features[f"my_{name}"].reshape(-1, len(GOODS), num_prices), axis=2).T
            for name in ("asks", "bids")
        }
        half = jnp.floor(now.limit)
        takes = (best_ask <= half) & ~now.spare
        offers = ~now.spare & (now.held < 1) & (own["bids"] < 1) & now.pays[None, :] & (half >= 1)
        bid = jnp.where(takes, best_ask, jnp.round(half * (0.5 + 0.5 * shade[0])))
        reserve = jnp.ceil(jnp.where(now.pays[None, :], now.limit, 0.0))
        gives = (best_bid >= jnp.maximum(reserve, 1)) & (now.spare | ~now.pays[None, :]) & (now.held >= 1)
        lists = now.spare & (own["asks"] < OPEN_ASKS) & (reserve + 1 <= top)
        ask = jnp.where(gives, best_bid, reserve + 1 + jnp.floor(3.0 * shade[1]))
        bid, ask = (jnp.clip(price, 0, top).astype(jnp.int32) for price in (bid, ask))
        quick, slow = {}, {}
        for g, good in enumerate(GOODS):
            buy, sell = legal[f"buy {good}"], legal[f"sell {good}"]
            can_buy = jnp.take_along_axis(buy, bid[g][:, None], axis=1)[:, 0]
            can_sell = jnp.take_along_axis(sell, ask[g][:, None], axis=1)[:, 0]
            quick[f"sell {good}"], slow[f"sell {good}"] = gives[g] & can_sell, lists[g] & can_sell
            quick[f"buy {good}"], slow[f"buy {good}"] = takes[g] & can_buy, offers[g] & can_buy
        # Somebody who can settle at once does not waste the step on an offer that may never be taken.
        is_settling = jnp.any(jnp.stack(list(quick.values())), axis=0)
        price = {f"sell {good}": ask[g] for g, good in enumerate(GOODS)}
        price |= {f"buy {good}": bid[g] for g, good in enumerate(GOODS)}
        return {name: jnp.where(quick[name] | (slow[name] & ~is_settling), price[name] + 1, 0) for name in price}

    def _look(self, observation: Observation) -> _View:
        """Read the map."""
        seen = dict(zip((*chart.CHANNELS, chart.INSIDE), jnp.moveaxis(observation.features["map"], 1, 0), strict=False))
        num = observation.mask.shape[0]
        seen = {name: jnp.broadcast_to(layer, (num, *layer.shape[1:])) for name, layer in seen.items()}
        owner, citizen = jnp.moveaxis(observation.features["labels"], 1, 0)
        inside = seen.get(chart.INSIDE, jnp.ones_like(seen["water"])) > 0
        blocked = (seen["water"] > 0) | (owner > 1) | (citizen > 1) | ~inside
        is_source = sum(seen[f"{good}_source"] for good in GOODS) > 0
        sites = ~is_source & (seen["house"] == 0) & ~blocked
        row, column = self._coordinates(observation, owner.shape[1:])
        is_lane = (jnp.round(row).astype(jnp.int32) % 2 == 1) | (jnp.round(column).astype(jnp.int32) % 2 == 1)
        here = jnp.argmax(_flat(citizen == 1), axis=1)
        way = _spread(jnp.where(sites & ~is_lane, jnp.zeros_like(row + column), BLOCKED), blocked)
        has_way = _flat(way)[jnp.arange(num), here] < OUT_OF_REACH
        sites &= ~is_lane | ~has_way[:, None, None]
        return _View({good: seen[good] for good in GOODS}, blocked, sites, here)

    def _coordinates(
        self, observation: Observation, grid: tuple[int, int]
    ) -> tuple[Float[Array, "_ h 1"], Float[Array, "_ 1 w"]]:
        """Row and column, on the whole map, of every cell in view."""
        row, column = (jnp.arange(size, dtype=observation.features["own"].dtype) for size in grid)
        if self.layout.sight.whole_map:
            return row[None, :, None], column[None, None, :]
        size, middle = (self.layout.height, self.layout.width), self.layout.sight.halfwidth
        own = [(self._own(observation, name) * size[k] - middle)[:, None, None] for k, name in enumerate(PLACE)]
        return own[0] + row[None, :, None], own[1] + column[None, None, :]

    def _walk(self, key, observation: Observation, view: _View, now: _Situation, legal) -> Int[Array, " n"]:
        """Walk to what is nearest and worth the way: a unit, a place to build, or else to land not seen yet."""
        away = self._distances(observation, view, now)
        around = _around(away, view.here)
        # Only downhill: who stands before a wall waits for another goal and does not walk to and fro.
        from_here = _flat(away)[jnp.arange(away.shape[0]), view.here]
        nears = legal & (around < from_here[:, None])
        around = jnp.where(nears, around + jax.random.uniform(key, around.shape, away.dtype, 0.0, 0.1), OUT_OF_REACH)
        best, nearest = jnp.argmin(around, axis=1).astype(jnp.int32), jnp.min(around, axis=1)
        moving, taking = (self.rules.gathering.move_labor, jnp.mean(self.rules.gathering.collect_labor))
        way = jnp.where(nearest < WANDERING, nearest + 1.0, SEARCH).astype(now.coin.dtype)
        cost = now.effort * (way * moving.astype(now.coin.dtype) + taking.astype(now.coin.dtype))
        pays = now.is_carrying | (jnp.max(now.worth, axis=0) > cost)
        return jnp.where(pays & (nearest < OUT_OF_REACH), best + 1, 0)

    def _distances(self, observation: Observation, view: _View, now: _Situation) -> Float[Array, "n h w"]:
        """Steps from every cell to the nearest thing that the citizen is after."""
        away = WANDERING + self._distance_to_goal(observation, view.blocked.shape[1:])
        for g, good in enumerate(GOODS):
            detour = jnp.where(now.spare[g], 3.0, 0.0)[:, None, None]
            away = jnp.where(view.units[good] > 0, jnp.minimum(away, detour), away)
        away = jnp.where(now.is_carrying[:, None, None] & view.sites, 0.0, away)
        return _spread(away, view.blocked)

    def _distance_to_goal(self, observation: Observation, grid: tuple[int, int]) -> Float[Array, "n h w"]:
        """Steps from every cell to a far place that everybody picks anew now and then."""
        num = observation.mask.shape[0]
        time = observation.features["calendar"][0, -1] * (self.steps if self.layout.sight.is_scaled else 1)
        lap = jnp.round(time).astype(jnp.int32) // STRIDE
        pick = jax.random.uniform(jax.random.fold_in(jax.random.key(1), lap), (2, num), time.dtype)
        row, column = self._coordinates(observation, grid)
        goal_row, goal_column = pick[0] * self.layout.height, pick[1] * self.layout.width
        return jnp.abs(row - goal_row[:, None, None]) + jnp.abs(column - goal_column[:, None, None])


def _flat(cells: Shaped[Array, "n h w"]) -> Shaped[Array, "n c"]:
    return cells.reshape(cells.shape[0], -1)


def _spread(away: Float[Array, "n h w"], blocked: Bool[Array, "n h w"]) -> Float[Array, "n h w"]:
    """Let every cell be one step farther than its best neighbor, around what is blocked."""
    away = jnp.where(blocked, BLOCKED, away)

    def pass_on(_, away):
        """One round: every cell asks its four neighbors."""
        padded = jnp.pad(away, ((0, 0), (1, 1), (1, 1)), constant_values=BLOCKED)
        beside = jnp.minimum(
            jnp.minimum(padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]),
            jnp.minimum(padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]),
        )
        return jnp.where(blocked, BLOCKED, jnp.minimum(away, beside + 1.0))

    return jax.lax.fori_loop(0, sum(away.shape[1:]), pass_on, away)


def _around(away: Float[Array, "n h w"], here: Int[Array, " n"]) -> Float[Array, "n d"]:
    """Distance from the cell in each direction."""
    num, rows, columns = away.shape
    row, column = here // columns, here % columns
    found = []
    for down, right in DIRECTIONS:
        to_row, to_column = row + down, column + right
        is_seen = (to_row >= 0) & (to_row < rows) & (to_column >= 0) & (to_column < columns)
        cell = jnp.clip(to_row, 0, rows - 1) * columns + jnp.clip(to_column, 0, columns - 1)
        found.append(jnp.where(is_seen, away.reshape(num, -1)[jnp.arange(num), cell], BLOCKED))
    return jnp.stack(found, axis=1)


def rule_of_thumb(economy: GatherTradeBuild) -> RuleOfThumb:
    """Citizens of an economy who follow the rule of thumb."""
    return RuleOfThumb(
        economy.rules, economy.preferences, economy.payment, economy.menus, economy.layout, economy.spec.steps
    )
