"""The table that the contract suite walks through: economies, tax systems that fit them, horizons.

A new economy or tax system is a row here. Axis `n`: citizens of unequal skill; `a`: entries of a mask.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from fisc.core.economy import Economy
from fisc.core.mandate import mandate
from fisc.core.spaces import Box, Discrete
from fisc.core.tax import TaxSystem
from fisc.econ.welfare import equality_times_productivity, inverse_income_weighted_utility
from fisc.economies.business_cycle import setting as cycle
from fisc.economies.business_cycle.economy import BusinessCycle
from fisc.economies.gather_trade_build.economy import GatherTradeBuild
from fisc.economies.one_step.economy import OneStep
from fisc.economies.one_step.preferences import QuasiLinear
from fisc.scenarios import foundation, foundation_config
from fisc.taxes.fixed import flat, free_market
from fisc.taxes.planner import PlannerContinuous, PlannerGrid
from fisc.taxes.saez import saez_estimated
from fisc.taxes.us_federal import us_federal

SKILLS = (1.5, 4.0, 7.0, 11.0, 18.0, 30.0, 75.0)
CUTOFFS = np.array([0.0, 97.0, 400.0, 1600.0])
ANYTHING = mandate(0.0, 1.0)


@dataclass(frozen=True)
class Row:
    """An economy, and what the suite has to know of it."""

    make: Callable[..., Economy]
    """From a tax system, periods and steps in each."""
    vary: Callable[[Any], Any]
    """The same economy with other numbers."""
    relabel: Callable[[Any, Any, Any], tuple[Any, Any]]
    """(economy, state, order) to the same with citizens in another order, at the start of an episode."""
    relabel_draws: Callable[[Any, Any], Any]
    """(draws, order) to the draws in that order."""
    without_ties: Callable[[int, Any], Any]
    """(step, citizens' actions) to actions in which nothing is decided by who has the lower label."""
    outcome: Callable[[Any, Any], dict[str, Any]]
    """(economy, state) to what is compared between episodes, one row a citizen."""
    forget: Callable[[Any], Any]
    """A state without what outlives an episode."""
    cutoffs: np.ndarray
    """Of every tax system with cutoffs of its own."""
    dollars_per_coin: float
    """Of US law."""
    uncompiled_under: tuple[str, ...]
    """Tax systems under which a step is also taken uncompiled."""
    people: str = "citizen"
    """Who is put in another order, and works without taxes."""
    government: str = "planner"
    """Who sets rates, if anybody does."""
    gained: Callable[[Any, Any], dict[str, Any]] = lambda start, end: {
        "citizen": end.utility - start.utility,
        "planner": end.welfare - start.welfare,
    }
    """(first state, last state) to what rewards of an episode add up to, role by role."""
    rates: Callable[[Any], Any] = lambda state: state.treasury.rates
    """Those in force, from a state."""
    taxes: Callable[[Any], Any] = lambda state: state.treasury.taxes
    """What was paid, from a state."""
    assessed: Callable[[Any, Any], tuple[Any, Any]] | None = None
    """(economy, state) to what is known of what everybody owns since taxes were collected, above which coin will be
    income, and to what they own; None where nothing is taxed but what one period brings."""
    ulps_apart: int = 0
    """Units in the last place by which these two may differ."""
    untaxed: Callable[[Any], Any] = lambda draws: replace(draws, tax=())
    """Draws as they are without a tax system that draws."""
    stays: tuple[str, ...] = ()
    """Roles for whom no action is nothing: one that is not legal leaves what they set before."""
    menu: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)
    """Entries that are open to a role when the suite closes some, [a]."""


TAXES: dict[str, Callable[[Row], TaxSystem]] = {
    "free market": lambda row: free_market(row.cutoffs),
    "US federal": lambda row: us_federal(2024, dollars_per_coin=row.dollars_per_coin),
    "flat": lambda row: flat(row.cutoffs, 0.3),
    "planner, grid": lambda row: PlannerGrid(jnp.asarray(row.cutoffs, float), 0.25),
    "planner, continuous": lambda row: PlannerContinuous(jnp.asarray(row.cutoffs, float)),
    "Saez": lambda row: saez_estimated(row.cutoffs, window=14),  # ready in the second episode
}


def without_memory(state):
    """A state without what the tax office learned, and without the rates of the period to come."""
    return eqx.tree_at(lambda s: (s.treasury.memory, s.treasury.rates), state, ((), jnp.zeros(1)))


# The one-step economy


def one_step(labor: str) -> Callable[..., OneStep]:
    """A maker of one-step economies with this labor choice."""

    def make(tax: TaxSystem, skills=SKILLS, periods=1, steps_per_period=2) -> OneStep:
        return OneStep(
            skills=jnp.asarray(skills, float),
            preferences=QuasiLinear(jnp.asarray(0.0005, float), jnp.asarray(3.5, float)),
            tax=tax,
            labor_unit=jnp.ones((), float),
            skill_scale=jnp.asarray(75.0, float),
            objective=inverse_income_weighted_utility,
            labor=Discrete(101) if labor == "grid" else Box(0.0, 100.0, 1),
            num_incomes_seen=3,
            planner_sees_citizens=True,
            periods=periods,
            steps_per_period=steps_per_period,
            first_step_is_idle=periods == 1,
        )

    return make


def relabel_workers(world, state, order):
    """Skills in another order; at the start of an episode nobody has anything else."""
    return eqx.tree_at(lambda w: w.skills, world, world.skills[order]), state


def one_step_row(labor: str) -> Row:
    """The row of one-step economies with this labor choice."""
    return Row(
        make=one_step(labor),
        vary=lambda world: eqx.tree_at(lambda w: w.skills, world, 1.5 * world.skills),
        relabel=relabel_workers,
        relabel_draws=lambda draws, order: draws,
        without_ties=lambda step, action: action,
        outcome=lambda world, state: {
            name: getattr(state, name) for name in ("coin", "labor", "production", "utility")
        },
        assessed=lambda world, state: (state.treasury.tax_base, state.coin),
        # Compiled as quickly as in this suite, both are computed from hours on, each in a loop of its own, and only one
        # of the loops may multiply and add at once.
        ulps_apart=4,
        forget=without_memory,
        cutoffs=CUTOFFS,
        dollars_per_coin=100.0,
        uncompiled_under=tuple(TAXES),
    )


# Gather-Trade-Build

VILLAGE = {
    "scenario_name": "layout_from_file/simple_wood_and_stone",
    "components": [
        {"Build": {"payment": 10, "payment_max_skill_multiplier": 3, "skill_dist": "pareto", "build_labor": 10}},
        {"ContinuousDoubleAuction": {"max_bid_ask": 3, "order_duration": 4, "max_num_orders": 2}},
        {"Gather": {"skill_dist": "pareto"}},
        {"PeriodicBracketTax": {"period": 8}},
    ],
    "n_agents": 4,
    "world_size": [9, 9],
    "episode_length": 16,
    "env_layout_file": "quadrant_8x8_4each_8clump.txt",
    "resource_regen_prob": 0.5,
    "starting_agent_coin": 12,
    "mobile_agent_observation_range": 1,
}
"""Four citizens of the papers on their smallest map, richer than there so that they trade from the start."""
VILLAGE_DOLLARS = 3_000.0
"""Per coin: the first house of a year ends in the second or third bracket of the law."""
TRADE = slice(2, 18)
"""Actions of single-action mode that place an order, at prices 0 to 3."""


def village(is_multi: bool) -> Callable[..., GatherTradeBuild]:
    """A maker of villages in which citizens pick from one menu, or from every menu."""

    def make(tax: TaxSystem, periods=2, steps_per_period=8) -> GatherTradeBuild:
        config = foundation_config.resolve({**VILLAGE, "multi_action_mode_agents": is_multi})
        times = {"periods": periods, "steps_per_period": steps_per_period}
        return replace(foundation.economy(config), tax=tax, **times)

    return make


def poorer_builders(world: GatherTradeBuild) -> GatherTradeBuild:
    """The village with other wages, costs and odds."""
    where = lambda w: (  # noqa: E731
        w.rules.building.labor,
        w.rules.regrowth.weight,
        w.preferences.labor_cost,
        w.starting_coin,
        w.beginning.build_skills.payment,
    )
    return eqx.tree_at(where, world, tuple(0.5 * number for number in where(world)))


def relabel_villagers(world, state, order):
    """Places and skills in another order; at the start of an episode nobody has anything else of their own."""
    where = lambda s: (s.cell, s.build_payment, s.build_skill, s.gather_bonus)  # noqa: E731
    return world, eqx.tree_at(where, state, tuple(mine[order] for mine in where(state)))


def one_trader_a_step(step: int, action):
    """Let one citizen at a time place orders.

    The market prefers the better price, then the older order, then the lower label, as the reference program does. So
    citizens are exchangeable wherever no two place an order of one kind at one price in one step.
    """
    is_trader = jnp.arange(action.shape[0]) == step % action.shape[0]
    if action.ndim == 2:
        return action.at[:, 1:5].set(jnp.where(is_trader[:, None], action[:, 1:5], 0))
    is_order = (action >= TRADE.start) & (action < TRADE.stop)
    return jnp.where(is_order & ~is_trader, 0, action)


def villagers(world: GatherTradeBuild, state) -> dict[str, Any]:
    """What everybody has, where they stand and where their houses are."""
    citizen = jnp.arange(state.cell.shape[0], dtype=state.owner.dtype)
    houses = state.owner.reshape(1, -1) == citizen[:, None]
    mine = {name: getattr(state, name) for name in ("coin", "labor", "utility", "cell")}
    return {**mine, "goods": state.goods.T, "owned": world.coin(state), "houses": houses}


def village_row(is_multi: bool) -> Row:
    """The row of Gather-Trade-Build in one action mode."""
    return Row(
        make=village(is_multi),
        vary=poorer_builders,
        relabel=relabel_villagers,
        relabel_draws=lambda draws, order: replace(draws, turn=draws.turn[order], bonus=draws.bonus[:, order]),
        without_ties=one_trader_a_step,
        outcome=villagers,
        assessed=lambda world, state: (state.treasury.tax_base, world.coin(state)),
        forget=lambda state: eqx.tree_at(
            lambda s: (s.completed, s.rewarding_steps),
            without_memory(state),
            (jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32)),
        ),
        # As many brackets as the law has: all schedules that nobody changes are one compilation.
        cutoffs=np.asarray(us_federal(2024, dollars_per_coin=VILLAGE_DOLLARS).cutoffs),
        dollars_per_coin=VILLAGE_DOLLARS,
        uncompiled_under=("flat",),  # more would take minutes
    )


# The business cycle

CONSUMERS, FIRMS = 5, 3
RATES = (0.0, 0.25, 0.5, 0.75, 1.0)
UNITS, HOURS, PRICES, WAGES = (0.0, 1.0, 4.0), (0.0, 520.0, 1040.0), (0.0, 1000.0, 2500.0), (11.0, 44.0)
FIRST_OPEN = {
    "consumer": (True, True, False) * FIRMS + (True, False, True) + (True, False, True),
    "firm": (False, True) * len(PRICES),
}
"""Consumers may want a unit, work all they can, and not for the second firm; firms pay the higher wage."""


def business_cycle(is_open: bool) -> Callable[..., BusinessCycle]:
    """A maker of small economies of consumers and firms, with a world market or without."""

    def make(tax: TaxSystem, periods=4, steps_per_period=1) -> BusinessCycle:
        assert steps_per_period == 1, "every quarter is a tax period"
        menus = {"quantities": UNITS, "hours": HOURS, "prices": PRICES, "wages": WAGES}
        setting = cycle.Setting(
            consumers=CONSUMERS,
            firms=FIRMS,
            quarters=periods,
            is_open=is_open,
            menus=menus | {"income_rates": RATES, "corporate_rates": RATES},
            consumer_budget=9_000.0,
            inventory=6.0,
            wage=22.0,
            firm_budget=50_000.0,
            labor_exponent=(0.2, 0.5, 0.8),
            export_quota=2.0,
            debt_price={"firm": 0.5},
            debt_step={"firm": 0.1},
            fixed_taxes=(0.0, 0.0) if tax.planner_space is None else None,
        )
        world = cycle.make_economy(setting)
        given = tax.planner_space is None
        return replace(world, fixed_taxes=jnp.broadcast_to(tax.schedule[0], (2,))) if given else world

    return make


def busier(world: BusinessCycle) -> BusinessCycle:
    """The economy with other tastes, stocks and prices."""
    where = lambda w: (w.tastes.disutility, w.start.inventory, w.start.price, w.rules.top_up)  # noqa: E731
    return eqx.tree_at(where, world, tuple(1.5 * number for number in where(world)))


def business_cycle_row(is_open: bool) -> Row:
    """The row of the business cycle."""
    return Row(
        make=business_cycle(is_open),
        vary=busier,
        relabel=lambda world, state, order: (
            eqx.tree_at(lambda w: w.tastes.disutility, world, world.tastes.disutility[order]),
            state,
        ),
        relabel_draws=lambda draws, order: draws,
        without_ties=lambda step, action: action,
        outcome=lambda world, state: {
            "utility": state.utility,
            "budget": state.consumer_budget,
            "goods": state.journal.goods,
            "hours": state.journal.hours,
        },
        forget=lambda state: replace(state, debt_price={}),
        cutoffs=np.zeros(1),
        dollars_per_coin=1.0,
        uncompiled_under=tuple(TAXES),
        people="consumer",
        government="government",
        gained=lambda start, end: {
            "consumer": end.utility - start.utility,
            "firm": end.profit - start.profit,
            "government": end.welfare - start.welfare,
        },
        rates=lambda state: jnp.stack([state.posted.income_tax, state.posted.corporate_tax]),
        taxes=lambda state: jnp.concatenate([state.journal.tax, state.journal.corporate_tax]),
        untaxed=lambda draws: draws,
        stays=("firm", "government"),
        menu=FIRST_OPEN,
    )


ECONOMIES: dict[str, Row] = {
    "one-step, hours on a grid": one_step_row("grid"),
    "one-step, any hours": one_step_row("continuous"),
    "gather-trade-build": village_row(is_multi=False),
    "gather-trade-build, every menu": village_row(is_multi=True),
    "business cycle, open": business_cycle_row(is_open=True),
    "business cycle, closed": business_cycle_row(is_open=False),
}

HORIZONS: dict[str, tuple[int, int]] = {
    "1 period of 2": (1, 2),
    "2 periods of 3": (2, 3),
    "2 periods of 8": (2, 8),
    "4 periods of 1": (4, 1),
}


@dataclass(frozen=True)
class Case:
    """One configuration."""

    economy: str
    taxes: str
    horizon: str
    is_told: bool = False
    """Whether the planner is under a mandate: it sees how much equality counts, which is drawn anew in each episode."""

    def __str__(self):
        return f"{self.economy}; {self.taxes}{', told' if self.is_told else ''}; {self.horizon}"

    @property
    def row(self) -> Row:
        """What the suite knows of the economy."""
        return ECONOMIES[self.economy]

    @cache  # noqa: B019 - the table is small and lives as long as the process
    def world(self, tax: str | None = None) -> Economy:
        """The economy, with another row's tax system if asked."""
        periods, steps = HORIZONS[self.horizon]
        world = self.row.make(TAXES[tax or self.taxes](self.row), periods=periods, steps_per_period=steps)
        return replace(world, objective=equality_times_productivity).under(ANYTHING) if self.is_told else world


GRID, ANY, VILLAGES, MENUS, OPEN, CLOSED = ECONOMIES
SHORT, LONG, YEARS, QUARTERS = HORIZONS
CASES = [
    Case(GRID, "free market", SHORT), Case(ANY, "free market", LONG),
    Case(GRID, "US federal", LONG), Case(ANY, "US federal", SHORT),
    Case(GRID, "flat", SHORT), Case(ANY, "flat", LONG),
    Case(GRID, "planner, grid", LONG), Case(ANY, "planner, grid", SHORT),
    Case(GRID, "planner, continuous", SHORT), Case(ANY, "planner, continuous", LONG),
    Case(GRID, "Saez", LONG), Case(ANY, "Saez", SHORT),
    Case(VILLAGES, "flat", YEARS), Case(VILLAGES, "planner, continuous", YEARS), Case(VILLAGES, "Saez", YEARS),
    Case(MENUS, "planner, grid", YEARS, is_told=True),
    Case(ANY, "planner, continuous", SHORT, is_told=True), Case(GRID, "planner, grid", LONG, is_told=True),
    Case(OPEN, "planner, grid", QUARTERS), Case(CLOSED, "flat", QUARTERS),
]  # fmt: skip
"""Every tax system meets every economy that it fits and every horizon, and every economy every horizon of its own.

Gather-Trade-Build, which takes long to compile, plays its second action mode under one tax system, and the free market
and US law, which are fixed schedules as a flat tax is, with FISC_EVERY_CONFIGURATION=1 alone.
"""
if os.environ.get("FISC_EVERY_CONFIGURATION"):
    CASES += [Case(VILLAGES, "free market", YEARS), Case(VILLAGES, "US federal", YEARS)]
