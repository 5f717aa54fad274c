"""Taxes: a `Schedule` is a value, a `TaxSystem` decides the next one, a `Treasury` applies it for a period.

Axes: `n` taxpayers, `b` brackets. Money in coin, rates as fractions.
"""

import abc
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PyTree, Shaped

from fisc.core.knobs import Knobs
from fisc.core.spaces import Space
from fisc.econ import brackets

Memory = TypeVar("Memory")


class Schedule(eqx.Module):
    """Marginal rates by bracket: bracket b covers [cutoffs[b], cutoffs[b + 1]), the last one is open."""

    cutoffs: Float[Array, " b"]
    """Coin; increasing, cutoffs[0] == 0."""
    rates: Float[Array, " b"]
    """Marginal rates, in [0, 1]."""

    def due(self, income: Float[Array, " n"]) -> Float[Array, " n"]:
        """Tax on each income, in coin."""
        return brackets.tax_due(income, self.cutoffs, self.rates)

    def marginal(self, income: Float[Array, " n"]) -> Float[Array, " n"]:
        """Rate on the next coin of each income."""
        return brackets.marginal_rate(income, self.cutoffs, self.rates)


class TaxSystem(eqx.Module, Generic[Memory]):
    """Who decides the next schedule. What a system learns is its memory: an explicit value, no hidden attribute."""

    cutoffs: eqx.AbstractVar[Float[Array, " b"]]

    @property
    @abc.abstractmethod
    def planner_space(self) -> Space | None:
        """Actions of the planner role, or None if nobody acts; then the economy has no planner."""

    @abc.abstractmethod
    def init(self) -> Memory:
        """Memory before the first episode."""

    @abc.abstractmethod
    def reset(self, memory: Memory) -> Memory:
        """Memory at the start of a new episode."""

    @abc.abstractmethod
    def draw(self, key: Key[Array, ""]) -> PyTree[Array]:
        """The random numbers of one period, as a value. `key`: consumed."""

    @abc.abstractmethod
    def rates(self, memory: Memory, knobs: Knobs) -> Float[Array, " b"]:
        """Rates in force, under the ceiling `knobs.max_rate`."""

    @abc.abstractmethod
    def decide(self, memory: Memory, action: Shaped[Array, "..."] | None, draws: PyTree[Array], knobs: Knobs) -> Memory:
        """Set the next period's schedule. `action`: of one planner, or None without one."""

    @abc.abstractmethod
    def learn(self, memory: Memory, incomes: Float[Array, " n"], marginal_rates: Float[Array, " n"]) -> Memory:
        """Take note of a period's incomes and the marginal rates they faced."""

    def legal(self, memory: Memory, knobs: Knobs) -> Bool[Array, " a"]:
        """The planner's legal actions when it is asked to decide. Everything by default."""
        return jnp.ones(self.planner_space.mask_size, bool)

    def pool(self, memories: PyTree[Any]) -> PyTree[Any]:
        """Share memories between parallel environments (leading axis). Nothing by default."""
        return memories


class Treasury(eqx.Module):
    """The state of the tax office in one economy."""

    memory: PyTree[Array]
    """The tax system's own."""
    rates: Float[Array, " b"]
    """Rates announced at the start of the period, as everybody sees them."""
    tax_base: Float[Array, " n"]
    """Coin of each citizen when the period began (after the last collection): what is above it is income."""
    incomes: Float[Array, " n"]
    """Last period's incomes; 0 before the first collection."""
    marginal_rates: Float[Array, " n"]
    """Rate of the bracket of each last income."""
    taxes: Float[Array, " n"]
    """Taxes paid at the last collection."""
    lump_sum: Float[Array, ""]
    """What everybody got back at the last collection."""


def open_office(system: TaxSystem, memory: Any, coin: Float[Array, " n"], knobs: Knobs) -> Treasury:
    """Start an episode: nothing collected yet; citizens see the rates that are in force from memory."""
    zeros = jnp.zeros_like(coin)
    rates = system.rates(memory, knobs).astype(coin.dtype)
    return Treasury(memory, rates, coin, zeros, zeros, zeros, jnp.zeros((), coin.dtype))


def announce(system: TaxSystem, treasury: Treasury, action: Any, draws: Any, knobs: Knobs) -> Treasury:
    """Start a period: the system decides, and its rates become known."""
    memory = system.decide(treasury.memory, action, draws, knobs)
    rates = system.rates(memory, knobs).astype(treasury.rates.dtype)
    return eqx.tree_at(lambda t: (t.memory, t.rates), treasury, (memory, rates))


def collect(
    system: TaxSystem,
    treasury: Treasury,
    purse: Float[Array, " n"],
    escrow: Float[Array, " n"] | float = 0.0,
) -> tuple[Treasury, Float[Array, " n"]]:
    """End a period: tax the incomes, hand the revenue out in equal shares, and return the new purses.

    Income is what a citizen's coin, purse and escrow, grew by since the last collection.

    Args:
        purse: coin of each citizen that can be taken; nobody pays more than that.
        escrow: coin of each citizen that cannot.
    """
    income = purse + escrow - treasury.tax_base
    collection = brackets.collect(income, purse, system.cutoffs.astype(purse.dtype), treasury.rates)
    kept = purse - collection.paid + collection.lump_sum
    memory = system.learn(treasury.memory, income, collection.marginal)
    # The base is added up as coin will be next time, so that income starts at 0: rounding below it would be a loss.
    closed = Treasury(
        memory, treasury.rates, kept + escrow, income, collection.marginal, collection.paid, collection.lump_sum
    )
    return closed, kept
