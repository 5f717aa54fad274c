"""The gather-trade-build economy of fisc, built from a configuration of the reference and run in double precision."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

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
    made = foundation.keywords(setup.config, CONVENTION)
    return GatherTradeBuild(**made | {"beginning": SameBeginning(start_of(draws), made["beginning"].most_sources)})


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


def draws_of(economy: GatherTradeBuild, state: State, draws: dict[str, Any]) -> Draws:
    """The reference's draws of a step in the form that fisc takes."""
    num, cells = state.cell.shape[0], np.asarray(state.terrain.cells)
    maps = np.asarray(draws["regeneration"]).reshape(len(GOODS), -1)
    # Cells in the list's padding are no cells; whatever is drawn there is not used.
    regrowth = np.take_along_axis(np.concatenate([maps, np.ones((len(GOODS), 1))], axis=1), cells, axis=1)
    shares = draws.get("tax_shares", np.zeros(economy.tax.cutoffs.shape[0]))
    return Draws(
        turn=jnp.asarray(np.argsort(draws.get("gather_order", np.arange(num))), jnp.int32),
        bonus=_number(draws.get("gather_uniforms", np.ones((num, len(GOODS)))).T),
        regrowth=_number(regrowth),
        tax=_number(shares) if isinstance(economy.tax, SaezEstimated) else (),
    )


def knobs_of(setup: Setup, completed: int) -> Knobs:
    """The ceiling on rates after so many completed episodes, by the reference's annealing schedule."""
    ceiling = foundation.rate_ceiling(setup.config, completed, CONVENTION)
    return eqx.tree_at(lambda k: k.max_rate, full_knobs(), _number(ceiling))


class View(eqx.Module):
    """Everything that a comparison may want to know about a state."""

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


@eqx.filter_jit
def look(economy: GatherTradeBuild, state: State, knobs: Knobs) -> View:
    """Observe and measure a state at the start of an episode."""
    return _view(economy, state, knobs, jnp.zeros_like(state.coin), jnp.zeros(()), jnp.zeros(()))


@eqx.filter_jit
def advance(economy: GatherTradeBuild, state: State, actions, draws: Draws, knobs: Knobs) -> tuple[State, View]:
    """One step, observed."""
    done = economy.transition(state, actions, draws, knobs)
    gain = done.rewards["planner"][0] if economy.has_planner else done.state.welfare - state.welfare
    return done.state, _view(economy, done.state, knobs, done.rewards["citizen"], gain, done.ledger.residual())


@eqx.filter_jit
def begin(economy: GatherTradeBuild, start: Start, last: State | None) -> State:
    """The first state of an episode that begins as given."""
    zero = jnp.zeros((), jnp.int32)
    if last is None:
        return economy.begin(start, economy.tax.init(), zero, zero)
    return economy.begin(start, economy.tax.reset(last.treasury.memory), last.completed + 1, last.rewarding_steps)


def _view(economy: GatherTradeBuild, state: State, knobs: Knobs, reward, planner_reward, residual) -> View:
    seen, rules, book = economy.observe(state, knobs), economy.rules.market, state.book
    citizen = seen["citizen"]
    if "planner" in seen:
        planner, planner_mask = seen["planner"].features, seen["planner"].mask[0]
    else:
        planner, planner_mask = _planner_blocks(economy, state, knobs), jnp.ones(1, bool)
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
            "bids": jnp.stack([jnp.where(book.bids < 0, -1, rules.bid_prices(book.bids)), rules.ages(book.bids)], -1),
            "asks": jnp.stack([jnp.where(book.asks < 0, -1, rules.ask_prices(book.asks)), rules.ages(book.asks)], -1),
        },
        reward=reward,
        planner_reward=planner_reward,
        residual=residual,
    )


def _planner_blocks(economy: GatherTradeBuild, state: State, knobs: Knobs):
    """What a planner would see: the blocks of `economy.observe`, put together from the same parts."""
    state, layout, rules = economy._under_ceiling(state, knobs), economy.layout, economy.rules
    period = economy.steps_per_period
    columns = see.columns(state, layout, rules.market, economy.tax, economy.payment, period)
    form = chart.packing(rules.regrowth.max_units, layout.num_citizens)
    return {
        **see.public(state, layout, rules.market, period, economy.spec.steps),
        **see.spatial(state, layout, form)["planner"],
        "citizens": jnp.stack([columns[name] for name in layout.citizen_names()] or [state.coin[:0]], -1).reshape(
            1, -1
        ),
    }


def _number(value) -> jax.Array:
    return jnp.asarray(value, float)
