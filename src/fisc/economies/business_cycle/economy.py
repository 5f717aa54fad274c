"""The business-cycle economy: many consumers, a few firms and a government, each of whom wants something else.

Firms post prices and wages, the government posts tax rates, and consumers see what is in force before they decide what
to buy, how long to work, and for whom. Nothing clears the market. Each event of a quarter is a file of its own;
`BusinessCycle.quarter` puts them in order. Despite the usual name of this model class there is no technology shock: the
economy is deterministic, and all chance lies in the choices.

Source: Curry, Trott, Phade, Bai and Zheng (2022), arXiv 2201.01163, with the details of the authors' release.
Axes: `n` consumers, `f` firms (and goods: each firm makes its own), `a` entries of a mask.
"""

from dataclasses import dataclass
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fisc.core.economy import Economy, EconomySpec, Observation, RoleSpec, Transition
from fisc.core.knobs import Knobs
from fisc.core.ledger import Ledger
from fisc.economies.business_cycle import invest, levy, metrics, shop, work
from fisc.economies.business_cycle import observe as see
from fisc.economies.business_cycle.choices import Menus, Offers, offers, rates, wishes
from fisc.economies.business_cycle.debts import NoPonzi
from fisc.economies.business_cycle.export import Exports
from fisc.economies.business_cycle.preferences import Preferences, welfare
from fisc.economies.business_cycle.produce import Technology
from fisc.economies.business_cycle.save import interest
from fisc.economies.business_cycle.state import Draws, Posted, Quarter, State


class Start(eqx.Module):
    """How every episode begins: all consumers with one budget, all firms with another, at the same price and wage."""

    consumer_budget: Float[Array, ""]
    firm_budget: Float[Array, ""]
    capital: Float[Array, " f"]
    price: Float[Array, ""]
    wage: Float[Array, ""]
    inventory: Float[Array, ""]


class Rules(eqx.Module):
    """The numbers of all events."""

    technology: Technology
    exports: Exports | None
    """None in a closed economy."""
    interest: Float[Array, ""]
    """Rate on savings in a quarter, ≥ 0."""
    top_up: Float[Array, ""]
    """Dollars that every consumer gets from nowhere in each quarter: a guard against tiny debts."""
    activity_bonus: Float[Array, ""]
    """Reward of a solvent firm per dollar of revenue; 0 for none."""
    no_ponzi: dict[str, NoPonzi]
    """For consumers and for firms."""


@dataclass(frozen=True)
class Readings:
    """Where the paper and the authors' release say different things, and which of them holds: here, the release."""

    investment_of: invest.Basis = "income"
    corporate_tax_on: levy.Base = "profit"
    shortage_of: Literal["affordable", "wanted"] = "affordable"
    """Whether a good counts as short by what consumers could pay or by what they wished for."""


class Tastes(eqx.Module):
    """What everybody is after."""

    preferences: Preferences
    disutility: Float[Array, " n"]
    """Utils per two hours of each consumer's labor, ≥ 0."""
    firm_weight: Float[Array, ""]
    """Utils that a dollar of profit counts in welfare."""


class Scales(eqx.Module):
    """What is seen as 1."""

    price: Float[Array, ""]
    wage: Float[Array, ""]
    disutility: Float[Array, ""]
    capital: Float[Array, ""]


class BusinessCycle(Economy[State, Draws]):
    """Consumers, firms, and a government unless its rates are fixed."""

    start: Start
    menus: Menus
    rules: Rules
    tastes: Tastes
    scales: Scales
    fixed_taxes: Float[Array, " 2"] | None = None
    """Income and corporate rate from the second quarter on if nobody decides on them, no rate above the ceiling: then
    there is no government."""
    steps: int = eqx.field(static=True, default=10)
    num_digits: int = eqx.field(static=True, default=10)
    readings: Readings = eqx.field(static=True, default=Readings())
    rates_held_for: int = eqx.field(static=True, default=1)
    """Quarters for which rates stay as they are posted before the government may post others."""
    luck_is_frozen: bool = eqx.field(static=True, default=False)
    """Whether firms and the government draw their luck once and for ever, as a fault of the release had it: their
    actions then stay at one quantile of what they intend."""
    drops_last_offers: bool = eqx.field(static=True, default=False)
    """Whether firms and the government have no choice in the last quarter, whose offers nobody meets: learning then
    leaves it out."""
    gini_convention: str = eqx.field(static=True, default="exact")
    money: str = eqx.field(static=True, default="dollars")

    @property
    def num_consumers(self) -> int:
        """How many buy and work."""
        return self.tastes.disutility.shape[-1]

    @property
    def num_firms(self) -> int:
        """How many firms and goods."""
        return self.start.capital.shape[-1]

    @property
    def spec(self) -> EconomySpec:
        """Everybody acts in every quarter, which is a tax period."""
        firms, num_digits = self.num_firms, self.num_digits
        space = self.menus.consumer_space(firms)
        roles = {
            "consumer": RoleSpec(self.num_consumers, space, see.consumer_blocks(firms, num_digits), "step"),
            "firm": RoleSpec(firms, self.menus.firm_space, see.firm_blocks(firms, num_digits), "step"),
        }
        if self.fixed_taxes is None:
            space = self.menus.government_space
            roles["government"] = RoleSpec(1, space, see.public_blocks(firms, num_digits), "step")
        return EconomySpec("business_cycle", roles, self.steps, 1, self.money)

    def init(self, key):
        """The first episode. `key`: consumed."""
        dtype, luck = self.start.capital.dtype, {}
        if self.luck_is_frozen:
            lucky = [role for role in self.spec.roles if role != "consumer"]
            keys = jax.random.split(key, len(lucky))
            numbers = [self.spec.roles[role].num_agents for role in lucky]
            luck = {r: jax.random.uniform(k, (n,), dtype) for r, k, n in zip(lucky, keys, numbers, strict=True)}
        return self._begin({role: rule.first_price for role, rule in self.rules.no_ponzi.items()}, luck)

    def reset(self, key, state):
        """Another episode: the same beginning; only the price of debts stays. `key`: not needed."""
        return self._begin(state.debt_price, state.luck)

    def _begin(self, debt_price, luck) -> State:
        start, dtype = self.start, self.start.capital.dtype
        per_consumer, per_firm, one = (jnp.zeros(n, dtype) for n in (self.num_consumers, self.num_firms, ()))
        posted = Posted(per_firm + start.price, per_firm + start.wage, one, one, jnp.zeros(self.num_firms, bool))
        return State(
            step=jnp.zeros((), jnp.int32),
            posted=posted,
            inventory=per_firm + start.inventory,
            consumer_budget=per_consumer + start.consumer_budget,
            firm_budget=per_firm + start.firm_budget,
            capital=start.capital,
            debt_price=debt_price,
            luck=luck,
            utility=per_consumer,
            profit=per_firm,
            welfare=one,
            journal=metrics.blank(self.num_consumers, self.num_firms, dtype),
        )

    def observe(self, state: State, knobs: Knobs) -> dict[str, Observation]:
        """Everybody sees what is posted, stocks and shortages; of budgets, capital and tastes only their own."""
        most, num_digits = (self.scales.price, self.scales.wage), self.num_digits
        public = see.public(state, most, self.steps, num_digits)
        disutility = self.disutility_now(knobs)
        exponent = self.rules.technology.labor_exponent
        own = {
            "consumer": see.own_of_consumers(state, disutility, self.scales.disutility, num_digits),
            "firm": see.own_of_firms(state, exponent, self.scales.capital, num_digits),
            "government": {},
        }
        return {
            role: Observation(
                {**public, **own[role]},
                see.everybody(self._choices(role, state, knobs), spec.num_agents),
                state.luck.get(role),
            )
            for role, spec in self.spec.roles.items()
        }

    def _choices(self, role: str, state: State, knobs: Knobs) -> Bool[Array, " a"]:
        """What is open to a role in this quarter: one entry, which does nothing, where there is nothing to choose."""
        flags = self.open_entries(role, knobs)
        nothing = jnp.arange(flags.shape[0]) == 0
        if role != "consumer" and self.drops_last_offers:
            flags = jnp.where(state.step == self.steps - 1, nothing, flags)
        if role != "government" or self.rates_held_for == 1:
            return flags
        return jnp.where(self._sets_rates(state), flags, nothing)

    def _sets_rates(self, state: State) -> Bool[Array, ""]:
        """Whether the government may post other rates in this quarter, for the next one on."""
        return state.step % self.rates_held_for == 0

    def open_entries(self, role: str, knobs: Knobs) -> Bool[Array, " a"]:
        """What a role may choose now: what the curriculum offers, and no rate above its ceiling."""
        size = self.spec.roles[role].actions.mask_size
        flags = knobs.menu.get(role, jnp.ones(size, bool))
        return flags & self.menus.rates_under(knobs.max_rate) if role == "government" else flags

    def disutility_now(self, knobs: Knobs) -> Float[Array, " n"]:
        """Disutility of labor as the curriculum weighs it."""
        return self.tastes.disutility * knobs.labor_cost.astype(self.tastes.disutility.dtype)

    def draw(self, key, state):
        """Nothing. `key`: not needed."""
        return Draws()

    def quarter(self, state: State, actions, knobs: Knobs) -> tuple[Quarter, Offers]:
        """What happens in one quarter, all of it at the prices, wages and rates that are in force.

        Returns:
            The quarter, and what firms post for the next one.
        """
        posted, rules, read = state.posted, self.rules, self.readings
        consumer = wishes(actions["consumer"], self.menus, self.open_entries("consumer", knobs)[None, :])
        firm = offers(actions["firm"], self.menus, self.open_entries("firm", knobs)[None, :], posted)

        affordable = shop.afford(consumer.wanted, posted.price, state.consumer_budget)
        consumption, demand, sales = shop.ration(affordable, state.inventory)
        wanted = demand if read.shortage_of == "affordable" else jnp.sum(consumer.wanted, axis=0)

        income = work.earn(consumer.hours, consumer.employer, posted.wage)
        income_tax = levy.tax_income(income, posted.income_tax)
        hired = work.hire(consumer.hours, consumer.employer, self.num_firms)

        exports, export_price = jnp.zeros_like(sales), posted.price
        if rules.exports is not None:
            exports = rules.exports.buy(state.inventory - sales, posted.price)
            export_price = rules.exports.pay(posted.price)

        revenue = posted.price * sales + export_price * exports
        operating_income = invest.operate(revenue, posted.wage, hired)
        investment = invest.invest(firm.share, operating_income, state.firm_budget, read.investment_of)
        earnings = operating_income - investment
        corporate_tax = levy.tax_firms(earnings, revenue, posted.corporate_tax, read.corporate_tax_on)
        return Quarter(
            wanted=consumer.wanted,
            affordable=affordable,
            consumption=consumption,
            demand=demand,
            sales=sales,
            shortage=shop.is_short(wanted, state.inventory),
            spending=shop.spend(consumption, posted.price, state.consumer_budget),
            hours=consumer.hours,
            employer=consumer.employer,
            income=income,
            income_tax=income_tax,
            hired=hired,
            exports=exports,
            export_revenue=export_price * exports,
            operating_income=operating_income,
            investment=investment,
            earnings=earnings,
            corporate_tax=corporate_tax,
            output=rules.technology.produce(state.capital, hired),
            transfer=levy.share_out(income_tax, corporate_tax),
        ), firm

    def transition(self, state: State, actions, draws: Draws, knobs: Knobs) -> Transition[State]:
        """A quarter; then what was chosen for the next one is posted, and everybody is rewarded."""
        quarter, firm = self.quarter(state, actions, knobs)
        net = quarter.income - quarter.income_tax
        saved = state.consumer_budget - quarter.spending + (self.rules.top_up + net + quarter.transfer)
        kept = state.firm_budget + quarter.earnings - quarter.corporate_tax
        budgets = {"consumer": saved, "firm": kept}
        borne = {role: interest(budget, self.rules.interest) for role, budget in budgets.items()}
        budgets = {role: budget + borne[role] for role, budget in budgets.items()}

        utility, profit = self._rewards(state, quarter, kept, budgets, knobs)
        gain = welfare(utility, profit, self.tastes.firm_weight)
        after = State(
            step=state.step + 1,
            posted=self._posted(state, actions, firm, quarter, knobs),
            inventory=(state.inventory - quarter.sales) - quarter.exports + quarter.output,
            consumer_budget=budgets["consumer"],
            firm_budget=budgets["firm"],
            capital=state.capital + quarter.investment,
            debt_price=self._debt_prices(state, budgets, knobs),
            luck=state.luck,
            utility=state.utility + utility,
            profit=state.profit + profit,
            welfare=state.welfare + gain,
            journal=metrics.entered(state.journal, quarter, state.posted),
        )
        rewards = {"consumer": utility, "firm": profit}
        if self.fixed_taxes is None:
            rewards["government"] = gain[None]
        return Transition(after, rewards, self._ledger(state, quarter, borne, after))

    def _rewards(self, state, quarter: Quarter, kept, budgets, knobs):
        """Utility of consumers and profit of firms, less the penalty on debts in the last quarter."""
        utility = self.tastes.preferences.utility(quarter.consumption, quarter.hours, self.disutility_now(knobs))
        revenue = state.posted.price * quarter.sales + quarter.export_revenue
        bonus = jnp.where(kept > 0, self.rules.activity_bonus * revenue, 0.0)
        profit = quarter.earnings - quarter.corporate_tax + bonus
        is_end, rules = self._is_end(state), self.rules.no_ponzi
        lost = {role: rules[role].penalty(budgets[role], state.debt_price[role], is_end) for role in rules}
        return utility - lost["consumer"], profit - lost["firm"]

    def _is_end(self, state: State) -> Bool[Array, ""]:
        return state.step == self.steps - 1

    def _debt_prices(self, state: State, budgets, knobs: Knobs):
        """At the end of an episode the price of debt rises for roles that learn now."""
        idle = jnp.zeros((), bool)
        return {
            role: rule.raised(
                state.debt_price[role], budgets[role], self._is_end(state) & knobs.learning.get(role, idle)
            )
            for role, rule in self.rules.no_ponzi.items()
        }

    def _posted(self, state: State, actions, firm: Offers, quarter: Quarter, knobs: Knobs) -> Posted:
        """What is in force in the next quarter."""
        if self.fixed_taxes is None:
            is_open = self.open_entries("government", knobs)[None, :]
            income, corporate = rates(actions["government"], self.menus, is_open, state.posted)
            if self.rates_held_for > 1:
                sets, posted = self._sets_rates(state), state.posted
                income = jnp.where(sets, income, posted.income_tax)
                corporate = jnp.where(sets, corporate, posted.corporate_tax)
        else:
            under = jnp.minimum(self.fixed_taxes, knobs.max_rate.astype(self.fixed_taxes.dtype))
            income, corporate = under[0], under[1]
        return Posted(firm.price, firm.wage, income, corporate, quarter.shortage)

    def _ledger(self, before: State, quarter: Quarter, borne, after: State) -> Ledger:
        """Money crosses the border with exports, interest and the top-up, and turns into capital by investment.

        Goods are entered as each consumer received them, so that rationing is held against stocks; wages, purchases and
        taxes move money between purses and must not appear.
        """
        invested = jnp.sum(quarter.investment)
        abroad = jnp.sum(quarter.export_revenue)
        given = self.rules.top_up * self.num_consumers + sum(jnp.sum(part) for part in borne.values())
        return Ledger(
            opening=_stocks(before),
            created={
                "dollars": abroad + given - invested,
                "capital": invested,
                "goods": quarter.output - jnp.sum(quarter.consumption, axis=0) - quarter.exports,
            },
            closing=_stocks(after),
        )

    def metrics(self, state):
        """The economy's aggregates; see the records' schema for their meaning."""
        return metrics.aggregates(state, self.gini_convention)

    def accounts(self, state):
        """Consumer by consumer, the mean over the quarters so far."""
        return metrics.accounts(state, self.tastes.disutility)

    def pool(self, states):
        """One price of debt for all environments: its rise is the mean of theirs."""
        mean = jax.tree.map(lambda x: jnp.broadcast_to(jnp.mean(x), x.shape), states.debt_price)
        return eqx.tree_at(lambda s: s.debt_price, states, mean)


def _stocks(state: State) -> dict[str, Array]:
    return {
        "dollars": jnp.sum(state.consumer_budget) + jnp.sum(state.firm_budget),
        "capital": jnp.sum(state.capital),
        "goods": state.inventory,
    }
