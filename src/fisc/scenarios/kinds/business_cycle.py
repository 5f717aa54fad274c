"""The business-cycle economy of a scenario, and how its roles learn one after the other."""

from dataclasses import replace
from math import ceil

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fisc.core.errors import ConfigError
from fisc.economies.business_cycle import metrics
from fisc.economies.business_cycle.choices import PUBLISHED_MENUS
from fisc.economies.business_cycle.curriculum import LONG, SHORT, Lengths, Structured, Warmth, structured, unstructured
from fisc.economies.business_cycle.setting import Setting, make_economy
from fisc.economies.business_cycle.state import State
from fisc.records.schema import PROFIT
from fisc.scenarios.config import Scenario
from fisc.scenarios.kinds.kind import Kind, People
from fisc.scenarios.learning_config import ScheduledGovernmentConfig
from fisc.taxes.fixed import FixedPair, check_rates

SCHEDULES = {"short": SHORT, "long": LONG, "none": SHORT}
RATES = ("income_rates", "corporate_rates")
"""Menus that the scenario's taxes make."""
TAXED = ("incomes", "profits")
"""What is taxed, at one rate each, in this order."""
SAME_NAME = (
    "consumers", "firms", "quarters", "is_open", "consumer_budget", "price", "wage", "inventory", "capital",
    "labor_exponent", "disutility", "utility", "eta", "aversion", "power", "productivity", "labor_floor",
    "export_floor", "export_quota", "exports_at_floor", "exports_pay_floor", "investment_of", "corporate_tax_on",
    "shortage_of", "interest", "top_up", "activity_bonus", "debt_price", "debt_step", "luck_is_frozen",
    "drops_last_offers", "num_digits",
)  # fmt: skip
"""Keys of a scenario's economy that are numbers of the `Setting` as they are."""


class BusinessCycleKind(Kind):
    """Consumers, firms and a government. Nothing is known exactly: everything is learned."""

    people_role = "consumer"
    government_role = "government"
    has_firms = True

    def people(self, scenario, seed):
        """Who likes work how little is given: a seed changes nothing but the luck of learning. One bracket: one rate
        for every income."""
        return People(np.zeros(1), np.full(1, np.nan))

    def rate_names(self, people):
        """One rate for every income, one for every profit."""
        return tuple(f"on {what}" for what in TAXED)

    def given_tax(self, people, rates):
        """One rate for every income and one for every profit; a single one is that of both."""
        if len(rates) not in (1, 2):
            raise ConfigError(
                f"got {len(rates)} rates: the economy business_cycle has two, on incomes and on profits; one rate is "
                "that of both"
            )
        check_rates(rates, TAXED[: len(rates)])
        return FixedPair(jnp.zeros(1), jnp.broadcast_to(jnp.asarray(rates, float), (2,)))

    def economy(self, scenario, people, tax):
        """The economy with rates that are given, or with a government that chooses from the tax system's grid."""
        config, is_given = scenario.economy, tax.planner_space is None
        menus = config.menus | dict.fromkeys(RATES, rates_of(scenario))
        try:
            economy = make_economy(
                Setting(
                    **{name: getattr(config, name) for name in SAME_NAME},
                    menus=menus,
                    firm_budget=None if config.firm_budget == "published" else config.firm_budget,
                    disutility_shape=config.disutility_shape or None,
                    welfare="total" if scenario.objective == "total_welfare" else "consumers",
                    fixed_taxes=(0.0, 0.0) if is_given else None,
                    rates_held_for=scenario.taxes.held_for,
                )
            )
        except ConfigError as error:
            raise ConfigError(f"[economy]: {error}") from None
        # The rates are traced: all given pairs are one program.
        return replace(economy, fixed_taxes=tax.schedule) if is_given else economy

    def curriculum(self, scenario, num_updates, has_government, behind=0):
        """The published schedule, stretched or shrunk to the updates there are; what is behind is a part of it."""
        return self._schedule(scenario, behind + num_updates, has_government, behind)

    def common_curriculum(self, scenario, num_updates, following):
        """Consumers, and then firms with them: the first part of the schedule, without taxes."""
        return self._schedule(scenario, num_updates + following, has_government=False)

    def _schedule(self, scenario: Scenario, total: int, has_government: bool, behind: int = 0) -> Structured:
        """The schedule in so many updates, those that are behind among them."""
        learning = scenario.learning
        published = SCHEDULES[learning.schedule]
        try:
            lengths = published.shrunk(published.total / total)
            if has_government and learning.government.joins_at > 0:
                lengths = _joined(lengths, learning.government, total, behind)
            settles = {
                role: ceil(config.settles_at * total)
                for role, config in learning.roles.items()
                if config.settles_at < 1 and (has_government or role != self.government_role)
            }
            made = replace(_scheduled(scenario, lengths, has_government), settles=settles, behind=behind)
            made.check(total)
        except ConfigError as error:
            raise ConfigError(f"learning.schedule '{learning.schedule}' in {total} updates: {error}") from None
        warmth = {
            role: Warmth(
                config.entropy,
                config.entropy_lasts * total or lengths.entropy,
                config.final_entropy,
                floor_is_absolute=True,
            )
            for role, config in learning.roles.items()
            if role in made.turns
        }
        final = {role: learning.roles[role].final_learning_rate for role in made.turns}
        return replace(made, warmth=warmth, final_learning_rate=final, episodes=total)

    def rank(self, accounts):
        """By how much they mind work, most of all first."""
        return -accounts["labor_disutility"]

    def checks(self, economy, accounts, rates):
        """Whether the economy has collapsed, 0 or 1: learners who learn too early give up on work."""
        goods = float(accounts["goods_consumed"].mean()) / economy.num_firms
        most = float(economy.menus.hours.max())
        return {"collapsed": float(metrics.has_collapsed(float(accounts["labor"].mean()), most, goods))}

    def of_firms(self, economy, state, actions, knobs):
        """Prices, wages, hours and sales of one quarter, and what they make from."""
        quarter, _ = economy.quarter(state, actions, knobs)
        return metrics.of_firms(state, quarter, economy.rules.technology.labor_exponent)

    def schedule_of(self, economy, state):
        """The mean rate on income from the second quarter on: there is none before."""
        return (state.journal.income_rate / _taxed_quarters(state))[None]

    def other_rates_of(self, economy, state):
        """The mean rate on profit, likewise."""
        return {PROFIT: state.journal.corporate_rate / _taxed_quarters(state)}

    def occupancy_of(self, economy, state):
        """All incomes are in the only bracket."""
        return jnp.ones(1, state.inventory.dtype)


def _taxed_quarters(state: State) -> Float[Array, ""]:
    return jnp.maximum(state.step - 1, 1).astype(state.inventory.dtype)


def _joined(lengths: Lengths, government: ScheduledGovernmentConfig, total: int, behind: int) -> Lengths:
    """The schedule whose ceiling begins to rise, and whose government learns, where the government says that it joins.

    Raises:
        ConfigError: if firms do not learn by then, or the common start is not over, or some rates never open, or only
            when the government has settled.
    """
    joins, first, last = (
        round(government.joins_at * total),
        max(lengths.firms_learn, behind),
        total - lengths.taxes_rise - 1,
    )
    if not first <= joins <= last:
        begins = "the common start is over" if behind > lengths.firms_learn else "firms learn"
        raise ConfigError(
            f"learning.government.joins_at is {government.joins_at:g}: it must be from {first / total:.3g} on, when "
            f"{begins}, and by {last / total:.3g}, so that all rates open; 0 is the schedule's own turn"
        )
    opened = joins + lengths.taxes_rise
    if government.settles_at < 1 and ceil(government.settles_at * total) <= opened:
        raise ConfigError(
            f"learning.government.settles_at is {government.settles_at:g}, but a government that joins at "
            f"{government.joins_at:g} may choose freely only from {opened / total:.3g} on: let it settle later, or "
            "join earlier"
        )
    return replace(lengths, government_learns=joins, taxes_open=joins)


def _scheduled(scenario: Scenario, lengths: Lengths, has_government: bool) -> Structured:
    """Who learns when, and what is open when: at first only the first price and the middle wage."""
    if scenario.learning.schedule == "none":
        return unstructured(lengths, has_government=has_government)
    rates = dict.fromkeys(RATES, rates_of(scenario))
    menus = {**PUBLISHED_MENUS, **scenario.economy.menus, **rates}
    wages = sorted(menus["wages"])
    start = (scenario.economy.price, wages[len(wages) // 2])
    return structured(lengths, menus, start=start, has_government=has_government)


def rates_of(scenario: Scenario) -> tuple[float, ...]:
    """The rates that a government can choose."""
    taxes = scenario.taxes
    count = round((taxes.max_rate - taxes.min_rate) / taxes.rate_step) + 1
    return tuple(round(taxes.min_rate + i * taxes.rate_step, 9) for i in range(count))
