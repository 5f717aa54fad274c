"""What the second bookkeeper writes on, and how it compares: see `bookkeeper`. Axes: as there."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fisc.economies.gather_trade_build.economy import GatherTradeBuild
from fisc.economies.gather_trade_build.state import State

ROUNDING = 2e-5
"""Share of a number in single precision, and the least amount of it, that a few additions may round away."""


@dataclass(frozen=True)
class Moment:
    """One step as it happened, and what everybody wished for."""

    world: GatherTradeBuild
    before: State
    after: State
    wishes: dict[str, Int[Array, " n"]]
    """The entry that a citizen picked from each menu, from 1; 0 for none."""
    draws: Any
    planner: Any
    knobs: Any

    @property
    def market(self):
        """The rules of the market."""
        return self.world.rules.market

    def change(self, name: str):
        """What the journal entered during the step."""
        return getattr(self.after.journal, name) - getattr(self.before.journal, name)


class Page(eqx.Module):
    """What the bookkeeper holds to be true between two events."""

    purse: Float[Array, " n"]
    goods: Int[Array, "g n"]
    labor: Float[Array, " n"]
    owner: Int[Array, " c"]
    """Of the house on each cell, -1 for none."""
    cell: Int[Array, " n"]


def far(left, right, rounding=ROUNDING) -> Bool[Array, ""]:
    """Whether numbers differ by more than rounding; also if one of them is none."""
    size = 1.0 + jnp.maximum(jnp.abs(left), jnp.abs(right))
    return ~jnp.all(jnp.abs(left - right) <= rounding * size)


def escrow(state: State, market) -> tuple[Int[Array, " n"], Int[Array, "g n"]]:
    """Coin in open bids and units in open asks."""
    ages = 2 ** market.order_duration.bit_length()
    price = jnp.where(state.book.bids >= 0, state.book.bids // ages, 0)
    return jnp.sum(price, axis=(0, 1)), jnp.sum((state.book.asks >= 0).astype(jnp.int32), axis=1)
