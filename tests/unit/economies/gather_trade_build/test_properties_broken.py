"""What a ledger and a bookkeeper are worth: the economy is broken on purpose, and they say so.

Kind of every test: property. Citizen 0 builds a house, 1 stands on a stone source, 2 bids for stone; a flat tax of one
half is collected at the end of the step.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from fisc.core.ledger import tolerance
from fisc.economies.gather_trade_build import economy, levy
from fisc.taxes.fixed import flat

from .bookkeeper import faults
from .world import CUTOFFS, KNOBS, begin, no_draws, world

BUILD, BID_FIVE = 1, 7
"""Actions: build; place a bid of 5 coin for stone."""
WATER = 2 * 6 + 2
FAULTS = eqx.filter_jit(faults)


def doubled_pay(state, after):
    return replace(after, coin=2 * after.coin - state.coin)


def free_materials(state, after):
    return replace(after, goods=state.goods)


def no_house(state, after):
    return replace(after, owner=state.owner)


def house_out_of_nothing(state, after):
    return replace(after, owner=after.owner.at[4, 4].set(2))


def lost_orders(state, after):
    return replace(after, book=replace(after.book, bids=state.book.bids))


def free_orders(state, after):
    return replace(after, labor=state.labor)


def three_units_for_one(state, after):
    more, journal = 2 * (after.goods - state.goods), after.journal
    return replace(after, goods=after.goods + more, journal=replace(journal, gathered=journal.gathered + more))


def units_left_lying(state, after):
    return replace(after, units=state.units)


def into_the_water(state, after):
    return replace(after, cell=after.cell.at[2].set(WATER))


def on_one_cell(state, after):
    return replace(after, cell=after.cell.at[2].set(after.cell[0]))


def on_strange_ground(state, after):
    return replace(after, cell=after.cell.at[2].set(state.cell[0]).at[0].set(state.cell[0] + 1))


def kept_revenue(state, after):
    return replace(after, coin=after.coin - after.treasury.lump_sum)


def half_the_tax(state, after):
    return replace(after, coin=(after.coin + state.coin) / 2)


@dataclass(frozen=True)
class Break:
    """An event that does more than it should."""

    where: object
    event: str
    wrong: Callable
    promise: str
    """What the bookkeeper finds broken."""
    is_leak: bool
    """Whether coin or goods come from nowhere or are lost, so that the ledger must see it too."""

    def __str__(self):
        return self.wrong.__name__


BREAKS = [
    Break(economy, "build", doubled_pay, "purses", is_leak=True),
    Break(economy, "build", free_materials, "goods", is_leak=True),
    Break(economy, "build", no_house, "houses", is_leak=True),
    Break(economy, "build", house_out_of_nothing, "houses", is_leak=True),
    Break(economy, "trade", lost_orders, "bids", is_leak=True),
    Break(economy, "trade", free_orders, "labor", is_leak=False),
    Break(economy, "collect", three_units_for_one, "count of gathered units", is_leak=True),
    Break(economy, "collect", units_left_lying, "units on the map", is_leak=True),
    Break(economy, "walk", into_the_water, "nobody on water", is_leak=False),
    Break(economy, "walk", on_one_cell, "one citizen a cell", is_leak=False),
    Break(economy, "walk", on_strange_ground, "nobody in another's house", is_leak=False),
    Break(levy, "collect", kept_revenue, "purses", is_leak=True),
    Break(levy, "collect", half_the_tax, "purses", is_leak=False),
]


def one_step() -> tuple[float, set[str]]:
    """The ledger's residual and the promises broken in one step, uncompiled."""
    people = world([(0, 1), (0, 0), (1, 4)], tax=flat(CUTOFFS, 0.5), periods=1, steps_per_period=1)
    state = begin(people, coin=[0.0, 0.0, 20.0], goods=[[1, 0, 0], [1, 0, 0]])
    actions = {"citizen": jnp.asarray([BUILD, 0, BID_FIVE], jnp.int32)}
    draws = no_draws(people, state)
    happened = people.transition(state, actions, draws, KNOBS)
    found = FAULTS(people, state, actions, draws, happened, KNOBS)
    return float(happened.ledger.residual()), {name for name, is_broken in found.items() if np.asarray(is_broken)}


def test_an_economy_that_is_not_broken_keeps_every_promise():
    """Property: the bookkeeper agrees with the events, so what it finds below is the break."""
    residual, broken = one_step()
    assert residual < tolerance(jnp.float32)
    assert broken == set()


@pytest.mark.parametrize("case", BREAKS, ids=str)
def test_a_broken_event_is_found_out(case, monkeypatch):
    """Property: whoever creates or loses anything is seen by the ledger, also if the journal tells the same story."""
    event = getattr(case.where, case.event)

    def broken_event(state, *more, **named):
        return case.wrong(state, event(state, *more, **named))

    monkeypatch.setattr(case.where, case.event, broken_event)
    residual, broken = one_step()
    assert case.promise in broken
    assert (residual > tolerance(jnp.float32)) == case.is_leak
    assert ("ledger" in broken) == case.is_leak
