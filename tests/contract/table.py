"""The table that the contract suite walks through: economies, tax systems that fit them, horizons.

A new economy or tax system is a row here. Axis `n`: citizens of unequal skill.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
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
    tax_base: Callable[[Any, Any], Any]
    """(economy, state) to what everybody owns, above which coin will be income."""
    forget: Callable[[Any], Any]
    """A state without what outlives an episode, the tax office apart."""
    cutoffs: np.ndarray
    """Of every tax system with cutoffs of its own."""
    dollars_per_coin: float
    """Of US law."""
    uncompiled_under: tuple[str, ...]
    """Tax systems under which a step is also taken uncompiled."""


TAXES: dict[str, Callable[[Row], TaxSystem]] = {
    "free market": lambda row: free_market(row.cutoffs),
    "US federal": lambda row: us_federal(2024, dollars_per_coin=row.dollars_per_coin),
    "flat": lambda row: flat(row.cutoffs, 0.3),
    "planner, grid": lambda row: PlannerGrid(jnp.asarray(row.cutoffs, float), 0.25),
    "planner, continuous": lambda row: PlannerContinuous(jnp.asarray(row.cutoffs, float)),
    "Saez": lambda row: saez_estimated(row.cutoffs, window=14),  # ready in the second episode
}


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
        tax_base=lambda world, state: state.coin,
        forget=lambda state: state,
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
        tax_base=lambda world, state: world.coin(state),
        forget=lambda state: eqx.tree_at(
            lambda s: (s.completed, s.rewarding_steps), state, (jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))
        ),
        # As many brackets as the law has: all schedules that nobody changes are one compilation.
        cutoffs=np.asarray(us_federal(2024, dollars_per_coin=VILLAGE_DOLLARS).cutoffs),
        dollars_per_coin=VILLAGE_DOLLARS,
        uncompiled_under=("flat",),  # more would take minutes
    )


ECONOMIES: dict[str, Row] = {
    "one-step, hours on a grid": one_step_row("grid"),
    "one-step, any hours": one_step_row("continuous"),
    "gather-trade-build": village_row(is_multi=False),
    "gather-trade-build, every menu": village_row(is_multi=True),
}

HORIZONS: dict[str, tuple[int, int]] = {
    "1 period of 2": (1, 2),
    "2 periods of 3": (2, 3),
    "2 periods of 8": (2, 8),
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


GRID, ANY, VILLAGES, MENUS = ECONOMIES
SHORT, LONG, YEARS = HORIZONS
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
]  # fmt: skip
"""Every tax system meets every economy and every horizon, and every economy every horizon of its own.

Gather-Trade-Build, which takes long to compile, plays its second action mode under one tax system, and the free market
and US law, which are fixed schedules as a flat tax is, with FISC_EVERY_CONFIGURATION=1 alone.
"""
if os.environ.get("FISC_EVERY_CONFIGURATION"):
    CASES += [Case(VILLAGES, "free market", YEARS), Case(VILLAGES, "US federal", YEARS)]
