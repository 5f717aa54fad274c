"""The Gather-Trade-Build economy of a scenario, part by part."""

from dataclasses import replace

import jax.numpy as jnp

from fisc.core.errors import ConfigError
from fisc.economies.gather_trade_build import chronicle, layouts, procedural, scatter, settle, skills
from fisc.economies.gather_trade_build.build import Building
from fisc.economies.gather_trade_build.economy import GatherTradeBuild, Preferences, Rules
from fisc.economies.gather_trade_build.gather import Gathering
from fisc.economies.gather_trade_build.market import Market
from fisc.economies.gather_trade_build.metrics import num_collections
from fisc.economies.gather_trade_build.observe import Sight
from fisc.economies.gather_trade_build.regrow import Regrowth
from fisc.economies.gather_trade_build.rule_of_thumb import rule_of_thumb
from fisc.economies.gather_trade_build.state import GOODS
from fisc.scenarios.kinds import law
from fisc.scenarios.kinds.chronicle import Chronicle
from fisc.scenarios.kinds.gather_trade_build_config import DRAWN_MAPS, GatherTradeBuildConfig
from fisc.scenarios.kinds.kind import Kind


class MapChronicle(Chronicle):
    """The map and everybody on it after every step, and trades, houses and tax years as events."""

    def facts(self, economy, start):
        """Water, sources, skills and prices."""
        return chronicle.facts(economy, start)

    def frame(self, economy, state):
        """Who stands where and has what."""
        return chronicle.frame(economy, state)

    def between(self, economy, state, actions, draws, knobs):
        """The orders of the step before they are matched: from them follows who traded with whom."""
        return economy.placed_orders(state, actions, draws, knobs)

    def tell(self, economy, frames, between):
        """As `fisc.records.episode_map` names it."""
        return chronicle.tell(economy, frames, between)


class GatherTradeBuildKind(Kind):
    """Citizens on a map. Nothing is known exactly: everything is learned."""

    chronicle = MapChronicle()

    def people(self, scenario, seed):
        """Who is good at what is drawn in every episode: a seed changes nothing but the luck of learning."""
        beginning(scenario.economy)  # a map or a placement that cannot be is refused before anything is spent
        return super().people(scenario, seed)

    def economy(self, scenario, people, tax):
        """The economy with this tax system."""
        config = scenario.economy
        is_foundation = config.convention == "foundation"
        warms_up = config.labor_warmup > 0
        return GatherTradeBuild(
            beginning=beginning(config),
            rules=rules(config),
            preferences=Preferences(
                eta=_number(config.eta),
                labor_cost=_number(config.labor_cost),
                warmup=_number(config.labor_warmup),
                warmup_counts=config.warmup_counts if warms_up else "nothing",
            ),
            tax=tax,
            payment=_number(config.building.payment),
            starting_coin=_number(config.starting_coin),
            objective=law.objective_of(scenario.objective, config.convention, config.equality_weight),
            periods=config.periods,
            steps_per_period=config.steps_per_period,
            events=config.events,
            sight=Sight(
                halfwidth=config.sight.halfwidth,
                whole_map=config.sight.whole_map,
                planner_sees_map=config.sight.planner_sees_map,
                is_scaled=config.sight.is_scaled,
                shows_noise=is_foundation,
                hides_places=is_foundation and config.sight.whole_map,
            ),
            picks_from_every_menu=config.choices == "one_of_each",
            gini_convention=config.convention,
            bids_shelter_coin=config.bids_shelter_coin,
            accrues_taxes=config.accrues_taxes,
        )

    def untrained_citizens(self, economy):
        """They gather what is near, trade and build."""
        return rule_of_thumb(economy)

    def at_full_cost(self, economy):
        """Labor costs in full from the start, whatever warms up."""
        return replace(economy, preferences=replace(economy.preferences, warmup_counts="nothing"))

    def schedule_of(self, economy, state):
        """The mean over the tax years of the episode."""
        return state.journal.rates / num_collections(state)

    def occupancy_of(self, economy, state):
        """The mean over the tax years of the episode."""
        return state.journal.occupancy.astype(state.coin.dtype) / (num_collections(state) * state.coin.shape[0])


def beginning(config: GatherTradeBuildConfig) -> settle.Settlement:
    """The map, who stands where, and who is good at what.

    Raises:
        ConfigError: a map or a placement that cannot be.
    """
    num, payment, multiplier = config.citizens, config.building.payment, config.building.max_multiplier
    ground = layout(config)
    placement: settle.Placement = settle.Anywhere()
    if config.placement == "split":
        row = config.map.water_row or None
        placement = settle.north_and_south(ground, num, config.north_ranks, row, config.deals_ranks)
    elif config.placement == "corners":
        placement = settle.in_corners(ground, num, config.convention, config.deals_ranks)
    return settle.settle(
        ground,
        num,
        placement,
        skills.build_skills(config.building.skills, payment, multiplier),
        skills.gather_skills(config.gathering.skills),
        None if config.placement == "anywhere" else skills.ranked_payments(num, payment, multiplier),
    )


def layout(config: GatherTradeBuildConfig) -> layouts.Layout:
    """Where water and sources are.

    Raises:
        ConfigError: no such map, a world too small for it, or impossible amounts of sources.
    """
    place, goods = config.map, [getattr(config, good) for good in GOODS]
    size = (place.rows, place.columns)
    if place.layout not in DRAWN_MAPS:
        ground = layouts.load(place.layout, size if place.rows else None)
        return layouts.with_water_row(ground, place.water_row or None) if config.placement == "split" else ground
    if config.placement != "anywhere":
        raise ConfigError(f"economy.placement = '{config.placement}' needs a fixed map, not '{place.layout}'")
    amounts = scatter.resources(
        size,
        tuple(good.coverage for good in goods),
        tuple(good.clumpiness for good in goods),
        is_checkered=place.is_checkered,
    )
    if place.layout == "zones":
        counts = (place.wood_zones, place.stone_zones, place.mixed_zones)
        grid = (place.zone_rows, place.zone_columns)
        return procedural.zones(size, amounts, grid, *counts, convention=config.convention)
    make = procedural.quadrants if place.layout == "quadrants" else procedural.scattered
    return make(size, amounts, place.gradient, convention=config.convention)


def rules(config: GatherTradeBuildConfig) -> Rules:
    """The numbers of all events."""
    market, gathering, goods = config.market, config.gathering, [getattr(config, good) for good in GOODS]
    return Rules(
        building=Building(_number(config.building.labor)),
        market=Market(
            order_labor=_number(market.order_labor),
            max_price=market.max_price,
            order_duration=market.order_duration,
            max_orders=market.max_orders,
        ),
        gathering=Gathering(_number(gathering.move_labor), _number(gathering.collect_labor)),
        regrowth=Regrowth(
            _number([good.regrowth for good in goods]),
            tuple(good.regrowth_reach for good in goods),
            tuple(good.most_units for good in goods),
        ),
    )


def _number(value):
    return jnp.asarray(value, float)
