"""The gather-trade-build economy of fisc, built from a configuration of the reference and run in double precision."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fisc.core.knobs import Knobs, full_knobs
from fisc.core.tax import TaxSystem
from fisc.econ import welfare
from fisc.economies.gather_trade_build import chart, market
from fisc.economies.gather_trade_build import observe as see
from fisc.economies.gather_trade_build.build import Building
from fisc.economies.gather_trade_build.economy import GatherTradeBuild, Preferences, Rules, SameBeginning
from fisc.economies.gather_trade_build.gather import Gathering
from fisc.economies.gather_trade_build.market import Market
from fisc.economies.gather_trade_build.regrow import Regrowth
from fisc.economies.gather_trade_build.state import GOODS, Draws, Start, State, units_on_map
from fisc.taxes.fixed import free_market
from fisc.taxes.planner import PlannerGrid
from fisc.taxes.saez import SaezEstimated

from . import one_step_ours
from .gtb_config import EVENTS, FIXED, Setup

WARMUPS = {"decay": "episodes", "auto": "rewarding steps"}


def build(setup: Setup, draws: dict[str, Any]) -> GatherTradeBuild:
    """Make the economy that the configuration describes; `draws` of a reset say how many people there are and where."""
    start, environment = start_of(draws), setup.environment
    constant = float(environment["energy_warmup_constant"])
    most = max(1, int(draws["source_maps"].sum(axis=(1, 2)).max())) if setup.kind in FIXED else start.water.size
    return GatherTradeBuild(
        beginning=SameBeginning(start, most),
        rules=_rules(setup),
        preferences=Preferences(
            eta=_number(environment["isoelastic_eta"]),
            labor_cost=_number(environment["energy_cost"]),
            warmup=_number(constant),
            warmup_counts=WARMUPS[environment["energy_warmup_method"].lower()] if constant > 0 else "nothing",
        ),
        tax=tax_system(setup),
        payment=_number(setup.components["Build"]["payment"]),
        starting_coin=_number(environment["starting_agent_coin"]),
        objective=_objective(environment),
        periods=environment["episode_length"] // setup.period,
        steps_per_period=setup.period,
        events=tuple(EVENTS[name] for name in setup.listed),
        sight=see.Sight(
            halfwidth=environment["mobile_agent_observation_range"],
            whole_map=environment["full_observability"],
            planner_sees_map=environment["planner_gets_spatial_info"],
            is_scaled=environment["allow_observation_scaling"],
            shows_noise=True,
            hides_places=environment["full_observability"],
        ),
        picks_from_every_menu=environment["multi_action_mode_agents"],
        gini_convention="foundation",
    )


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


def tax_system(setup: Setup) -> TaxSystem:
    """Make the tax system of a configuration."""
    if not setup.has_taxes:
        return free_market([0.0])
    tax = setup.tax
    if setup.has_planner:
        cutoffs, limits = one_step_ours._cutoffs(tax), (float(tax["rate_min"]), float(tax["rate_max"]))
        return PlannerGrid(cutoffs, float(tax["rate_disc"]), *limits)
    return one_step_ours.tax_system(setup)


def knobs_of(setup: Setup, economy: GatherTradeBuild, completed: int) -> Knobs:
    """The ceiling on rates after so many completed episodes, by the reference's annealing schedule."""
    tax = setup.tax
    limit, share = 0.0 if tax["disable_taxes"] else float(tax["rate_max"]), 1.0
    if tax["tax_annealing_schedule"] is not None:
        warmup, slope = tax["tax_annealing_schedule"]
        share = min(1.0, max(0.0, slope * (completed - warmup)))
    if isinstance(economy.tax, PlannerGrid):
        # The reference compares rates with the limit to the last bit, fisc allows for rounding: hand over a rate of the
        # grid, on which both agree.
        grid = np.asarray(economy.tax._grid())
        limit, share = max([0.0, *grid[grid <= share * grid[-1]]]), 1.0
    return eqx.tree_at(lambda k: k.max_rate, full_knobs(), _number(share * limit))


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
        **see.public(state, layout, see.count_orders(state.book, rules.market), period, economy.spec.steps),
        **see.spatial(state, layout, form)["planner"],
        "citizens": jnp.stack([columns[name] for name in layout.citizen_names()] or [state.coin[:0]], -1).reshape(
            1, -1
        ),
    }


def _rules(setup: Setup) -> Rules:
    environment, components = setup.environment, setup.components
    auction, gather = components["ContinuousDoubleAuction"], components["Gather"]
    if setup.kind in FIXED:
        weights, halfwidth, most = (environment["resource_regen_prob"],) * 2, (0, 0), (1, 1)
    else:
        weights, halfwidth, most = (
            tuple(environment[f"{good}_{argument}"] for good in GOODS)
            for argument in ("regen_weight", "regen_halfwidth", "max_health")
        )
    return Rules(
        building=Building(_number(components["Build"]["build_labor"])),
        market=Market(
            order_labor=_number(max(0.0, auction["order_labor"])),
            max_price=int(auction["max_bid_ask"]),
            order_duration=int(auction["order_duration"]),
            max_orders=int(auction["max_num_orders"] or auction["order_duration"]),
        ),
        gathering=Gathering(_number(gather["move_labor"]), _number(gather["collect_labor"])),
        regrowth=Regrowth(_number(weights), tuple(int(h) for h in halfwidth), tuple(int(m) for m in most)),
    )


def _objective(environment):
    name = environment["planner_reward_type"]
    if name == "inv_income_weighted_utility":
        return welfare.inverse_income_weighted_utility
    if name == "inv_income_weighted_coin_endowments":
        return welfare.inverse_income_weighted_coin
    mixing_weight = 1.0 - environment["mixing_weight_gini_vs_coin"]
    return partial(welfare.equality_times_productivity, mixing_weight=mixing_weight, convention="foundation")


def _number(value) -> jax.Array:
    return jnp.asarray(value, float)
