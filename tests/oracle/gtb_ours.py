"""The gather-trade-build economy of fisc, built from a configuration of the reference and run in double precision."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from fisc.core.knobs import Knobs, full_knobs
from fisc.economies.gather_trade_build import chart, market
from fisc.economies.gather_trade_build import observe as see
from fisc.economies.gather_trade_build.economy import GatherTradeBuild, SameBeginning
from fisc.economies.gather_trade_build.state import GOODS, Draws, Start, State, units_on_map
from fisc.scenarios import foundation
from fisc.taxes.saez import SaezEstimated

from .gtb_config import Setup

CONVENTION = "foundation"


def build(setup: Setup, draws: dict[str, Any]) -> GatherTradeBuild:
    """Make the economy that the importer makes, but for how an episode begins: that is what the reference drew."""
    made = foundation.economy(setup.config, CONVENTION)
    return replace(made, beginning=SameBeginning(start_of(draws), made.beginning.most_sources))


def start_of(draws: dict[str, Any]) -> Start:
    """How the reference's episode begins."""
    (rows, columns), num = draws["locations"].T, len(draws["locations"])
    water = np.asarray(draws["water"]) > 0
    return Start(
        water=jnp.asarray(water),
        sources=jnp.asarray(np.asarray(draws["source_maps"]) > 0),
        cell=jnp.asarray(rows * water.shape[1] + columns, jnp.int32),
        build_payment=_number(draws.get("build_payments", np.zeros(num))),
        build_skill=_number(draws.get("build_skills", np.zeros(num))),
        gather_bonus=_number(draws.get("bonus_gather_prob", np.zeros(num))),
    )


def draws_of(economy: GatherTradeBuild, draws: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The reference's draws of all steps, on a leading axis; of regrowth whole maps, and 1 after their last cell."""
    num, shape = economy.beginning.shape[0], economy.beginning.start.water.shape
    steps, brackets = len(draws), economy.tax.cutoffs.shape[0]
    nobody, unlucky = np.arange(num), np.ones((num, len(GOODS)))
    maps = np.stack([draw["regeneration"] for draw in draws]).reshape(steps, len(GOODS), shape[0] * shape[1])
    return {
        "turn": np.stack([np.argsort(draw.get("gather_order", nobody)) for draw in draws]).astype(np.int32),
        "bonus": np.stack([draw.get("gather_uniforms", unlucky).T for draw in draws]),
        "maps": np.concatenate([maps, np.ones((steps, len(GOODS), 1))], axis=2),
        "tax": np.stack([draw.get("tax_shares", np.zeros(brackets)) for draw in draws]),
    }


def amounts_of(setup: Setup, snapshots: Sequence[dict[str, Any]], window: int) -> dict[str, np.ndarray]:
    """Amounts of the reference at every moment, from which fisc goes on: see `_with_amounts`."""
    found = {"coin": np.stack([snapshot["inventory"]["Coin"] for snapshot in snapshots])}
    if setup.has_taxes:
        found["tax_base"] = np.stack([snapshot["tax"]["tax_base"] for snapshot in snapshots])
    if setup.is_saez:
        saez = [snapshot["tax"]["saez"] for snapshot in snapshots]
        buffers = np.zeros((len(saez), window, 2))
        for rows, one in zip(buffers, saez, strict=True):
            rows[window - len(one["buffer"]) :] = one["buffer"]
        found |= {"incomes": buffers[..., 0], "marginal_rates": buffers[..., 1]}
        names = {"elasticity": "elasticity", "current": "computed_rates", "average": "average_rates"}
        found |= {ours: np.stack([one[theirs] for one in saez]) for ours, theirs in names.items()}
    return found


def _with_amounts(state: State, theirs: dict[str, Any]) -> State:
    """Go on from the reference's amounts, which have just been found to be those of fisc but for rounding.

    Without this, rounding adds up until an income that is 0 in one program is -1e-15, which is a loss, in the other.
    """
    treasury = state.treasury
    names = [name for name in ("incomes", "marginal_rates", "elasticity", "current", "average") if name in theirs]
    memory = eqx.tree_at(lambda m: [getattr(m, name) for name in names], treasury.memory, [theirs[n] for n in names])
    base = theirs.get("tax_base", treasury.tax_base)
    return replace(state, coin=theirs["coin"], treasury=replace(treasury, tax_base=base, memory=memory))


def knobs_of(setup: Setup, completed: int) -> Knobs:
    """The ceiling on rates after so many completed episodes, by the reference's annealing schedule."""
    ceiling = foundation.rate_ceiling(setup.config, completed, CONVENTION)
    return eqx.tree_at(lambda k: k.max_rate, full_knobs(), _number(ceiling))


class View(eqx.Module):
    """Everything that a comparison may want to know about a state; of an episode, with moments on a leading axis."""

    state: Any
    units: Any
    """Units on each cell of the map."""
    citizen: Any
    """Blocks that citizens see."""
    mask: Any
    planner: dict[str, Any]
    """Blocks that a planner sees, also where the tax system has no planner."""
    planner_mask: Any
    metrics: dict[str, Any]
    rates_in_force: Any
    labor_weight: Any
    coin: Any
    coin_in_escrow: Any
    goods_in_escrow: Any
    orders: dict[str, Any]
    """Price and age of every bid and ask; price -1 in empty slots."""
    reward: Any
    planner_reward: Any
    residual: Any


class Carried(eqx.Module):
    """What an episode takes over from those before it."""

    memory: Any
    """The tax system's."""
    completed: Any
    rewarding_steps: Any


def carried(economy: GatherTradeBuild, last: State | None) -> Carried:
    """What the next episode takes over. `last`: the last state of the one before it, None at first."""
    if last is None:
        return Carried(economy.tax.init(), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))
    count = lambda number: jnp.asarray(number, jnp.int32)  # noqa: E731
    memory = economy.tax.reset(jax.tree.map(jnp.asarray, last.treasury.memory))
    return Carried(memory, count(last.completed + 1), count(last.rewarding_steps))


@eqx.filter_jit
def _play(economy: GatherTradeBuild, start: Start, before: Carried, actions, draws, theirs, knobs: Knobs) -> View:
    first = economy.begin(start, before.memory, before.completed, before.rewarding_steps)

    def advance(carry, given):
        state, counted, rewards = carry
        action, drawn, theirs = given
        before, state = state, _with_amounts(state, theirs)
        view = _view(economy, before, state, knobs, *rewards)
        # Utility of these amounts, with the warm-up as far as it was when it was taken: a step in which nothing happens
        # has to bring exactly nothing.
        valued = economy._valued(replace(state, rewarding_steps=counted), knobs)
        state = replace(state, utility=valued.utility, welfare=valued.welfare)
        # Cells in the list's padding are no cells; whatever is drawn there is not used.
        regrowth = jnp.take_along_axis(drawn["maps"], state.terrain.cells, axis=1)
        tax = drawn["tax"] if isinstance(economy.tax, SaezEstimated) else ()
        done = economy.transition(state, action, Draws(drawn["turn"], drawn["bonus"], regrowth, tax), knobs)
        gain = done.rewards["planner"][0] if economy.has_planner else done.state.welfare - state.welfare
        following = (done.rewards["citizen"], gain, done.ledger.residual())
        return (done.state, state.rewarding_steps, following), view

    zero = jnp.zeros(())
    beginning = (first, first.rewarding_steps, (jnp.zeros_like(first.coin), zero, zero))
    return jax.lax.scan(advance, beginning, (actions, draws, theirs))[1]


def play(
    economy: GatherTradeBuild,
    start: Start,
    last: State | None,
    actions: dict[str, np.ndarray],
    draws: dict[str, np.ndarray],
    amounts: dict[str, np.ndarray],
    knobs: Knobs,
) -> View:
    """Everything at every moment of an episode, the beginning included.

    Args:
        actions, draws: of all steps.
        amounts: of all moments, see `amounts_of`.
    """
    # Another step, of which nothing is looked at, so that one function both looks and steps.
    longer = lambda rows: jnp.asarray(np.concatenate([rows, rows[-1:]]))  # noqa: E731
    given = jax.tree.map(longer, ({role: rows.astype(np.int32) for role, rows in actions.items()}, draws))
    theirs = jax.tree.map(jnp.asarray, amounts)
    return jax.device_get(_play(economy, start, carried(economy, last), *given, theirs, knobs))


def at(view: View, moment: int) -> View:
    """One moment of an episode."""
    return jax.tree.map(lambda rows: rows[moment], view)


def _view(
    economy: GatherTradeBuild, state: State, equal: State, knobs: Knobs, reward, planner_reward, residual
) -> View:
    """A moment. `equal`: the same state but for rounding, with the reference's amounts.

    Observations and masks are of that one: they compare purses with prices and incomes with cutoffs, which may be equal
    but for 1e-15.
    """
    seen, rules, book = economy.observe(equal, knobs), economy.rules.market, state.book
    citizen = seen["citizen"]
    if "planner" in seen:
        planner, planner_mask = seen["planner"].features, seen["planner"].mask[0]
    else:
        planner, planner_mask = _planner_blocks(economy, equal, knobs), jnp.ones(1, bool)
    return View(
        state=state,
        units=units_on_map(state),
        citizen=citizen.features,
        mask=citizen.mask,
        planner=planner,
        planner_mask=planner_mask,
        metrics=economy.metrics(state),
        rates_in_force=economy.tax.rates(state.treasury.memory, knobs),
        labor_weight=economy.labor_weight(state, knobs),
        coin=economy.coin(state),
        coin_in_escrow=market.coin_in_escrow(book, rules),
        goods_in_escrow=market.goods_in_escrow(book),
        orders={
            "bids": _by_citizen(jnp.where(book.bids < 0, -1, rules.bid_prices(book.bids)), rules.ages(book.bids)),
            "asks": _by_citizen(jnp.where(book.asks < 0, -1, rules.ask_prices(book.asks)), rules.ages(book.asks)),
        },
        reward=reward,
        planner_reward=planner_reward,
        residual=residual,
    )


def _by_citizen(price: Int[Array, "g k n"], age: Int[Array, "g k n"]) -> Int[Array, "g n k 2"]:
    """Price and age of every order slot."""
    return jnp.swapaxes(jnp.stack([price, age], axis=-1), 1, 2)


def _planner_blocks(economy: GatherTradeBuild, state: State, knobs: Knobs):
    """What a planner would see: the blocks of `economy.observe`, put together from the same parts."""
    state, layout, rules = economy._under_ceiling(state, knobs), economy.layout, economy.rules
    period = economy.steps_per_period
    columns = see.columns(state, layout, rules.market, economy.tax, economy.payment, period)
    form = chart.packing(rules.regrowth.max_units, layout.num_citizens)
    return {
        **see.public(state, layout, see.count_orders(state.book, rules.market), period, economy.spec.steps),
        **see.spatial(state, layout, form)["planner"],
        "citizens": jnp.stack([columns[name] for name in layout.citizen_names()] or [state.coin[:0]], -1).reshape(
            1, -1
        ),
    }


def _number(value) -> jax.Array:
    return jnp.asarray(value, float)
