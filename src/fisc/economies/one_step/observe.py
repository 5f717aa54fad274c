"""What citizens and planner see in the one-step economy.

The layout is generated from the economy's sizes, and so is its table in the documentation.
Axes: `n` citizens, `b` brackets, `k` order statistics of last incomes.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.core.economy import Block
from fisc.econ import brackets
from fisc.econ.inequality import equality
from fisc.econ.sorting import ascending
from fisc.economies.one_step.state import State

CALENDAR = ("is_first_day", "is_tax_day", "tax_phase", "time")
NET_RATE_FLOOR = 0.01
"""A rate of 1 is seen as 0.99 in logs."""
PRODUCTIVITY_SCALE = 1000.0
"""Coin per citizen that the planner sees as 1; the reference's constant."""


def citizen_blocks(num_brackets: int, num_incomes: int) -> dict[str, Block]:
    """Layout of a citizen's observation."""
    blocks = {
        "calendar": Block(CALENDAR, is_public=True),
        "rates": Block(tuple(f"rate_{b}" for b in range(num_brackets)), is_public=True),
        "log_net_rates": Block(tuple(f"log_net_rate_{b}" for b in range(num_brackets)), is_public=True),
        "own": Block(("skill", "log_skill", "marginal_rate"), is_public=False),
    }
    if num_incomes:
        blocks["last_incomes"] = Block(tuple(f"last_income_rank_{k}" for k in range(num_incomes)), is_public=True)
    return blocks


def planner_blocks(num_brackets: int, num_incomes: int, num_seen: int) -> dict[str, Block]:
    """Layout of the planner's observation; `num_seen` citizens one by one."""
    blocks = {
        "calendar": Block(CALENDAR, is_public=True),
        "rates": Block(tuple(f"rate_{b}" for b in range(num_brackets)), is_public=True),
        "aggregates": Block(("equality", "productivity"), is_public=True),
    }
    if num_incomes:
        blocks["last_incomes"] = Block(tuple(f"last_income_rank_{k}" for k in range(num_incomes)), is_public=True)
    if num_seen:
        names = ("marginal_rate", "last_income", "last_marginal_rate")
        blocks["citizens"] = Block(tuple(f"{name}_{i}" for i in range(num_seen) for name in names), is_public=True)
    return blocks


def calendar(state: State, steps_per_period: int, steps: int) -> Float[Array, "1 4"]:
    """Where in the tax year and in the episode we are; the day counts from 1."""
    dtype = state.coin.dtype
    day = (state.step % steps_per_period + 1).astype(dtype)
    row = [
        (day == 1).astype(dtype),
        (day >= steps_per_period).astype(dtype),
        day / steps_per_period,
        state.step.astype(dtype) / steps,
    ]
    return jnp.stack(row)[None, :]


def log_net_rates(state: State) -> Float[Array, "1 b"]:
    """Log of what is kept of the next coin in each bracket: labor supply is close to linear in it."""
    return jnp.log(jnp.maximum(1.0 - state.treasury.rates, NET_RATE_FLOOR))[None, :]


def last_incomes(state: State, steps_per_period: int, num_incomes: int) -> Float[Array, "1 k"]:
    """Evenly spaced order statistics of last period's incomes per step, ascending: nobody is identified."""
    ranked = ascending(state.treasury.incomes) / steps_per_period
    ranks = jnp.linspace(0, ranked.shape[0] - 1, num_incomes).round().astype(jnp.int32)
    return ranked[ranks][None, :]


def current_marginal_rates(state: State, cutoffs: Float[Array, " b"]) -> Float[Array, " n"]:
    """Rate on each citizen's next coin, given this period's income so far."""
    return brackets.marginal_rate(state.coin - state.treasury.tax_base, cutoffs, state.treasury.rates)


def aggregates(state: State, convention: str) -> Float[Array, "1 2"]:
    """Equality of coin, and coin per citizen."""
    return jnp.stack([equality(state.coin, convention), jnp.mean(state.coin) / PRODUCTIVITY_SCALE])[None, :]


def citizens_one_by_one(state: State, cutoffs: Float[Array, " b"], steps_per_period: int) -> Float[Array, "1 _"]:
    """Each citizen's marginal rate now, last income per step and last marginal rate."""
    treasury = state.treasury
    columns = [
        current_marginal_rates(state, cutoffs),
        treasury.incomes / steps_per_period,
        treasury.marginal_rates,
    ]
    return jnp.stack(columns, axis=-1).reshape(1, -1)
