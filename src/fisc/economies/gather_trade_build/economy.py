"""The Gather-Trade-Build economy: citizens gather on a map, trade on a market, build houses and pay taxes.

Source: Zheng et al. (2022), Science Advances 8(18), as the reference program `ai-economist` 1.7.1 plays it. Each event
is a file of its own; `GatherTradeBuild.transition` puts them in order. Axes: `n` citizens, `g` goods, `b` brackets.
"""

import abc
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Int8, Key

from fisc.core import mandate as mandates
from fisc.core import tax as fiscal
from fisc.core.economy import MANDATE_BLOCKS, Economy, EconomySpec, Observation, RoleSpec, Transition
from fisc.core.knobs import Knobs, full_knobs
from fisc.core.ledger import Ledger
from fisc.core.luck import cut, random_halves, ranks, uniform
from fisc.core.tax import TaxSystem
from fisc.econ import brackets, utility
from fisc.economies.gather_trade_build import chart, levy, market, metrics
from fisc.economies.gather_trade_build import observe as see
from fisc.economies.gather_trade_build.build import Building, build
from fisc.economies.gather_trade_build.choices import Choices, Menus, menus
from fisc.economies.gather_trade_build.gather import Gathering, collect, walk
from fisc.economies.gather_trade_build.market import Market, trade
from fisc.economies.gather_trade_build.masks import legal_actions
from fisc.economies.gather_trade_build.redistribute import redistribute
from fisc.economies.gather_trade_build.regrow import Regrowth, regrow
from fisc.economies.gather_trade_build.state import GOODS, NO_OWNER, Book, Draws, Journal, Start, State, terrain_of

EVENTS = ("build", "trade", "gather", "tax")
"""The events of a step, in the order of the papers. "redistribute" is one more; regrowth always comes last."""

Objective = Callable[[Float[Array, " n"], Float[Array, " n"], Float[Array, " n"]], Float[Array, ""]]
"""Welfare of (coin, utility, coin): who is poor is judged by what people own."""


class Beginning(eqx.Module):
    """How an episode begins: which map, who stands where, who is good at what."""

    most_sources: eqx.AbstractVar[int]
    """Source cells of one good, at most: room for so many is kept. A static field."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """Citizens, rows and columns."""

    @abc.abstractmethod
    def draw(self, key: Key[Array, ""]) -> Start:
        """A beginning. `key`: consumed."""


class SameBeginning(Beginning):
    """Every episode begins in the same way."""

    start: Start
    most_sources: int = eqx.field(static=True)

    @property
    def shape(self):
        """Citizens, rows and columns."""
        return (self.start.cell.shape[0], *self.start.water.shape)

    def draw(self, key):
        """The one beginning. `key`: not needed."""
        return self.start


class Rules(eqx.Module):
    """The numbers of all events."""

    building: Building
    market: Market
    gathering: Gathering
    regrowth: Regrowth


class Preferences(eqx.Module):
    """What citizens want: u = isoelastic(coin) - weight · labor_cost · labor."""

    eta: Float[Array, ""]
    """Curvature, in [0, 1]."""
    labor_cost: Float[Array, ""]
    """Utils per unit of labor."""
    warmup: Float[Array, ""]
    """Labor costs the share 1 - exp(-count / warmup) of its full cost; not used if nothing is counted."""
    warmup_counts: Literal["nothing", "episodes", "rewarding steps"] = eqx.field(static=True, default="nothing")
    """What is counted: nothing (full cost from the start), completed episodes, or steps with a gain on average."""


class GatherTradeBuild(Economy[State, Draws]):
    """Citizens on a map, a tax system, and a planner if the tax system has one."""

    beginning: Beginning
    rules: Rules
    preferences: Preferences
    tax: TaxSystem
    payment: Float[Array, ""]
    """Coin for a house that a citizen sees as 1."""
    starting_coin: Float[Array, ""]
    objective: Objective = eqx.field(static=True)
    periods: int = eqx.field(static=True, default=10)
    steps_per_period: int = eqx.field(static=True, default=100)
    events: tuple[str, ...] = eqx.field(static=True, default=EVENTS)
    sight: see.Sight = eqx.field(static=True, default=see.Sight())
    picks_from_every_menu: bool = eqx.field(static=True, default=False)
    """Multi-action mode: a citizen may build, place an order of each kind and walk in one step."""
    gini_convention: str = eqx.field(static=True, default="exact")
    bids_shelter_coin: bool = eqx.field(static=True, default=True)
    """Whether taxes leave coin in escrow alone; otherwise bids of whoever cannot pay are withdrawn on tax day."""
    accrues_taxes: bool = eqx.field(static=True, default=False)
    """Whether citizens are rewarded as if taxes were collected at every step: over a period the sum is the same, but a
    coin earned counts at once for what will be left of it."""
    mandate: mandates.Mandate | None = None
    """How much equality counts, if the planner is told; then the objective must take a `mixing_weight`."""

    def __check_init__(self):
        self.rules.market.check(self.beginning.shape[0])

    @property
    def menus(self) -> Menus:
        """What citizens can choose."""
        return menus(self.events, self.rules.market.num_prices, self.picks_from_every_menu)

    @property
    def layout(self) -> see.Layout:
        """The sizes of observations."""
        prices, num_brackets = self.rules.market.num_prices, self.tax.cutoffs.shape[-1]
        return see.Layout(self.events, *self.beginning.shape, prices, num_brackets, self.sight)

    @property
    def has_planner(self) -> bool:
        """Whether somebody decides on taxes."""
        return "tax" in self.events and self.tax.planner_space is not None

    @property
    def spec(self) -> EconomySpec:
        """Citizens act at every step, the planner (if any) once a period."""
        num = self.beginning.shape[0]
        roles = {"citizen": RoleSpec(num, self.menus.space, self.layout.citizen_blocks(), "step")}
        if self.has_planner:
            blocks = self.layout.planner_blocks() | ({} if self.mandate is None else MANDATE_BLOCKS)
            roles["planner"] = RoleSpec(1, self.tax.planner_space, blocks, "period")
        return EconomySpec("gather_trade_build", roles, self.periods, self.steps_per_period)

    def init(self, key):
        """The first episode. `key`: consumed."""
        zero = jnp.zeros((), jnp.int32)
        weight = mandates.drawn(self.mandate, key)
        return self.begin(self.beginning.draw(key), self.tax.init(), zero, zero, weight)

    def reset(self, key, state):
        """Another episode; the tax system keeps what it learned, and warm-up goes on. `key`: consumed."""
        memory = self.tax.reset(state.treasury.memory)
        weight = mandates.drawn(self.mandate, key)
        return self.begin(self.beginning.draw(key), memory, state.completed + 1, state.rewarding_steps, weight)

    def begin(
        self,
        start: Start,
        memory,
        completed: Int[Array, ""],
        rewarding_steps: Int[Array, ""],
        equality_weight: Float[Array, ""] | None = None,
    ) -> State:
        """The first state of an episode that begins as given: a unit on every source, nobody owns anything but coin."""
        num, dtype, goods = start.cell.shape[0], start.build_payment.dtype, len(GOODS)
        terrain = terrain_of(start, self.beginning.most_sources)
        coin = jnp.full(num, self.starting_coin, dtype)
        zeros = jnp.zeros(num, dtype)
        state = State(
            step=jnp.zeros((), jnp.int32),
            completed=completed,
            rewarding_steps=rewarding_steps,
            terrain=terrain,
            units=(terrain.cells < start.water.size).astype(jnp.int8),
            owner=jnp.full(start.water.shape, NO_OWNER, jnp.int16),
            cell=start.cell.astype(jnp.int32),
            coin=coin,
            goods=jnp.zeros((goods, num), jnp.int32),
            labor=zeros,
            build_payment=start.build_payment,
            build_skill=start.build_skill,
            gather_bonus=start.gather_bonus,
            book=market.empty_book(goods, num, self.rules.market, dtype),
            treasury=fiscal.open_office(self.tax, memory, coin, full_knobs()),
            journal=_blank_journal(goods, num, self.tax.cutoffs.shape[-1], dtype),
            utility=zeros,
            welfare=jnp.zeros((), dtype),
            equality_weight=equality_weight,
        )
        return self._valued(state, full_knobs())

    def observe(self, state: State, knobs: Knobs) -> dict[str, Observation]:
        """Citizens see a window of the map, the market, the taxes and themselves; the planner sees everybody."""
        state, layout, rules = self._under_ceiling(state, knobs), self.layout, self.rules.market
        orders = see.count_orders(state.book, rules)
        everybody = see.public(state, layout, orders, self.steps_per_period, self.spec.steps)
        columns = see.columns(state, layout, rules, self.tax, self.payment, self.steps_per_period)
        maps = see.spatial(state, layout, chart.packing(self.rules.regrowth.max_units, layout.num_citizens))
        own = jnp.stack([columns[name] for name in layout.own_names()], axis=-1)
        features = {**everybody, "own": own, **maps["citizen"]}
        if "trade" in self.events:
            for name, counted in orders.items():
                features[f"my_{name}"] = counted.astype(state.coin.dtype)
        mask = legal_actions(state, self.events, self.menus, rules)
        observations = {"citizen": Observation(features, mask)}
        if self.has_planner:
            names = layout.citizen_names()
            citizens = jnp.stack([columns[name] for name in names], axis=-1).reshape(1, -1)
            features = {**everybody, "citizens": citizens, **maps["planner"]}
            if state.equality_weight is not None:
                features |= mandates.show(state.equality_weight)
            observations["planner"] = Observation(features, self._planner_mask(state, knobs))
        return observations

    def _under_ceiling(self, state: State, knobs: Knobs) -> State:
        """Before the first announcement of an episode, show what is in force under the present ceiling on rates."""
        in_force = self.tax.rates(state.treasury.memory, knobs).astype(state.coin.dtype)
        rates = jnp.where(state.step == 0, in_force, state.treasury.rates)
        return replace(state, treasury=replace(state.treasury, rates=rates))

    def _planner_mask(self, state: State, knobs: Knobs):
        is_open = state.step % self.steps_per_period == 0
        legal = self.tax.legal(state.treasury.memory, knobs)
        return jnp.where(is_open, legal, self.tax.planner_space.idle())[None, :]

    def draw(self, key, state):
        """Draw for everybody and every source cell. `key`: consumed."""
        dtype, shapes = state.coin.dtype, (state.cell.shape, state.goods.shape, state.terrain.cells.shape)
        key_tax, halves = random_halves(key, 1 + sum(math.prod(shape) for shape in shapes))
        fine, (turn, bonus, regrowth) = halves[0], cut(halves[1:], shapes)
        return Draws(
            turn=ranks(turn),
            bonus=uniform(bonus, fine, dtype),
            regrowth=uniform(regrowth, fine, dtype),
            tax=self.tax.draw(key_tax),
        )

    def transition(self, state: State, actions, draws: Draws, knobs: Knobs) -> Transition[State]:
        """The events in their order, then regrowth; then everybody looks at what they have."""
        choices = self.menus.choices(actions["citizen"])
        planner = actions["planner"][0] if "planner" in actions else None
        after = state
        for event in self.events:
            after = self._happen(event, after, choices, planner, draws, knobs)
        left = after.units
        after = regrow(after, draws.regrowth, self.rules.regrowth)
        after = self._valued(replace(after, step=state.step + 1), knobs)

        gains = after.utility - state.utility
        rewarding = state.rewarding_steps + (jnp.mean(gains) > 0).astype(jnp.int32)
        rewards = {"citizen": gains + self._owed(after) - self._owed(state) if self.accrues_taxes else gains}
        if self.has_planner:
            rewards["planner"] = (after.welfare - state.welfare)[None]
        return Transition(replace(after, rewarding_steps=rewarding), rewards, self._ledger(state, left, after))

    def placed_orders(self, state: State, actions, draws: Draws, knobs: Knobs) -> Book:
        """The book of a step when all orders are placed and none is matched: who will trade with whom, for a record."""
        choices = self.menus.choices(actions["citizen"])
        planner = actions["planner"][0] if "planner" in actions else None
        for event in self.events:
            if event == "trade":
                return market.place(state, choices, self.rules.market).book
            state = self._happen(event, state, choices, planner, draws, knobs)
        return state.book

    def _happen(self, event: str, state: State, choices: Choices, planner, draws: Draws, knobs: Knobs) -> State:
        """One event of a step. `planner`: the planner's action, or None without one."""
        rules = self.rules
        if event == "build":
            return build(state, choices.build, rules.building)
        if event == "trade":
            return trade(state, choices, rules.market)
        if event == "gather":
            walked = walk(state, choices.direction, draws.turn, rules.gathering)
            return collect(walked, draws.bonus, rules.gathering)
        if event == "tax":
            state = levy.announce(state, self.tax, planner, draws.tax, knobs, period=self.steps_per_period)
            shelters = self.bids_shelter_coin
            return levy.collect(state, self.tax, rules.market, period=self.steps_per_period, bids_shelter_coin=shelters)
        return redistribute(state, rules.market)

    def coin(self, state: State) -> Float[Array, " n"]:
        """What each citizen owns: purse and escrow."""
        return state.coin + market.coin_in_escrow(state.book, self.rules.market).astype(state.coin.dtype)

    def labor_weight(self, state: State, knobs: Knobs) -> Float[Array, ""]:
        """Share of the full cost of labor that counts now."""
        dtype, preferences = state.coin.dtype, self.preferences
        weight = knobs.labor_cost.astype(dtype)
        if preferences.warmup_counts == "nothing":
            return weight
        count = state.completed if preferences.warmup_counts == "episodes" else state.rewarding_steps
        return weight * (1.0 - jnp.exp(-count.astype(dtype) / preferences.warmup))

    def under(self, mandate):
        """The same with a planner under this mandate."""
        return replace(self, mandate=mandate)

    def _valued(self, state: State, knobs: Knobs) -> State:
        """Utility and welfare of what everybody has."""
        coin, wants = self.coin(state), self.preferences
        cost = self.labor_weight(state, knobs) * wants.labor_cost
        reached = utility.isoelastic_coin_minus_labor(coin, state.labor, wants.eta, cost)
        judged = mandates.judge(self.objective, state.equality_weight, coin, reached, coin)
        return replace(state, utility=reached, welfare=judged)

    def _owed(self, state: State) -> Float[Array, " n"]:
        """Utility that a collection of taxes now would give or take."""
        coin = self.coin(state)
        due = brackets.tax_due(
            coin - state.treasury.tax_base, self.tax.cutoffs.astype(coin.dtype), state.treasury.rates
        )
        kept = coin - due + jnp.mean(due)
        return utility.isoelastic(kept, self.preferences.eta) - utility.isoelastic(coin, self.preferences.eta)

    def _ledger(self, before: State, left: Int8[Array, "g s"], after: State) -> Ledger:
        """Coin is created by building alone, goods by gathering less building; trade and taxes move them.

        The journal's entries are held against the map: a house for each building, and one unit or two gathered for each
        that is gone. So an event that gives too much and enters just that is found out. `left`: units before regrowth.
        """
        dtype = before.coin.dtype
        built = after.journal.builds - before.journal.builds
        taken = jnp.sum(before.units - left, axis=1, dtype=jnp.int32)
        entered = jnp.sum(after.journal.gathered - before.journal.gathered, axis=1, dtype=jnp.int32)
        gathered = jnp.clip(entered, taken, 2 * taken) - jnp.sum(built, dtype=jnp.int32)
        paid = jnp.sum(built.astype(dtype) * before.build_payment)
        created = {
            "coin": paid,
            "houses": jnp.sum(built).astype(dtype),
            **dict(zip(GOODS, gathered.astype(dtype), strict=True)),
        }
        return Ledger(opening=self._stocks(before), created=created, closing=self._stocks(after))

    def _stocks(self, state: State) -> dict[str, Float[Array, ""]]:
        dtype = state.coin.dtype
        held = jnp.sum(state.goods + market.goods_in_escrow(state.book), axis=1).astype(dtype)
        houses = jnp.sum(state.owner != NO_OWNER).astype(dtype)
        return {"coin": jnp.sum(self.coin(state)), "houses": houses, **dict(zip(GOODS, held, strict=True))}

    def metrics(self, state):
        """The economy's aggregates; see the records' schema for their meaning."""
        return metrics.aggregates(state, self.coin(state), self.gini_convention)

    def accounts(self, state):
        """Citizen by citizen, for the episode so far."""
        return metrics.accounts(state, self.coin(state))

    def pool(self, states):
        """Share the tax system's memory between environments."""
        return eqx.tree_at(lambda s: s.treasury.memory, states, self.tax.pool(states.treasury.memory))


def _blank_journal(num_goods: int, num_citizens: int, num_brackets: int, dtype) -> Journal:
    by_good = jnp.zeros((num_goods, num_citizens), jnp.int32)
    zero, zeros = jnp.zeros((), dtype), jnp.zeros(num_citizens, dtype)
    return Journal(
        builds=jnp.zeros(num_citizens, jnp.int32),
        gathered=by_good,
        sales=by_good,
        earnings=by_good,
        purchases=by_good,
        spending=by_good,
        incomes=zeros,
        taxes=zeros,
        transfers=zero,
        effective_rates=zero,
        marginal_rates=zeros,
        rates=jnp.zeros(num_brackets, dtype),
        occupancy=jnp.zeros(num_brackets, jnp.int32),
        periods=jnp.zeros((), jnp.int32),
    )
