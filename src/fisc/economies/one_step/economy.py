"""The one-step economy: the planner announces marginal rates, then every citizen chooses hours of work once.

Income is hours times skill; taxes are collected and handed out in equal shares. It is the static problem of Mirrlees
(1971) and Saez (2001) as a game of two steps, so its exact optimum is known (see `best_response` and `solve`).

Axes: `n` citizens, `b` brackets.
"""

from collections.abc import Callable
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.core import mandate as mandates
from fisc.core import tax as fiscal
from fisc.core.economy import MANDATE_BLOCKS, Economy, EconomySpec, Observation, RoleSpec, Transition
from fisc.core.knobs import Knobs, full_knobs
from fisc.core.ledger import Ledger
from fisc.core.spaces import Box, Discrete
from fisc.core.tax import TaxSystem
from fisc.econ import inequality, welfare
from fisc.economies.one_step import observe as see
from fisc.economies.one_step.preferences import Preferences
from fisc.economies.one_step.state import Draws, State
from fisc.economies.one_step.work import hours_of, may_work, work

Objective = Callable[[Float[Array, " n"], Float[Array, " n"], Float[Array, " n"]], Float[Array, ""]]
"""Welfare of (consumption, utility, pre-tax income)."""


class OneStep(Economy[State, Draws]):
    """Citizens who choose hours, a tax system, and a planner if the tax system has one."""

    skills: Float[Array, " n"]
    """Coin per hour of each citizen."""
    preferences: Preferences
    tax: TaxSystem
    labor_unit: Float[Array, ""]
    """Hours of one step on the labor grid."""
    skill_scale: Float[Array, ""]
    """Skill that a citizen observes as 1."""
    objective: Objective = eqx.field(static=True)
    labor: Discrete | Box = eqx.field(static=True)
    """The labor choice: an index on a grid (0 does not work), or hours themselves."""
    periods: int = eqx.field(static=True, default=1)
    steps_per_period: int = eqx.field(static=True, default=2)
    first_step_is_idle: bool = eqx.field(static=True, default=True)
    num_incomes_seen: int = eqx.field(static=True, default=0)
    """Order statistics of last incomes in the observations; as many as citizens in the published economy."""
    planner_sees_citizens: bool = eqx.field(static=True, default=False)
    gini_convention: str = eqx.field(static=True, default="exact")
    money: str = eqx.field(static=True, default="coin")
    hours_per_labor: float = eqx.field(static=True, default=1.0)
    """Hours that one unit of labor stands for, in what is reported."""
    mandate: mandates.Mandate | None = None
    """How much equality counts, if the planner is told; then the objective must take a `mixing_weight`."""

    @property
    def spec(self) -> EconomySpec:
        """Citizens act at every step, the planner (if any) once a period."""
        n, b = self.skills.shape[-1], self.tax.cutoffs.shape[-1]
        idle = (0,) if self.first_step_is_idle and self.periods == 1 else ()
        roles = {"citizen": RoleSpec(n, self.labor, see.citizen_blocks(b, self.num_incomes_seen), "step", idle)}
        if self.tax.planner_space is not None:
            blocks = see.planner_blocks(b, self.num_incomes_seen, n if self.planner_sees_citizens else 0)
            blocks |= MANDATE_BLOCKS if self.mandate is not None else {}
            roles["planner"] = RoleSpec(1, self.tax.planner_space, blocks, "period")
        return EconomySpec("one_step", roles, self.periods, self.steps_per_period, self.money)

    def init(self, key):
        """Nobody owns anything yet. `key`: consumed by the mandate, if there is one."""
        return self._start(key, self.tax.init())

    def reset(self, key, state):
        """Start over; the tax system keeps what it learned. `key`: consumed by the mandate, if there is one."""
        return self._start(key, self.tax.reset(state.treasury.memory))

    def _start(self, key, memory) -> State:
        zeros = jnp.zeros_like(self.skills)
        utility = self.preferences.utility(zeros, zeros, jnp.ones((), zeros.dtype))
        weight = mandates.drawn(self.mandate, key)
        return State(
            step=jnp.zeros((), jnp.int32),
            coin=zeros,
            labor=zeros,
            production=zeros,
            utility=utility,
            welfare=mandates.judge(self.objective, weight, zeros, utility, zeros),
            treasury=fiscal.open_office(self.tax, memory, zeros, full_knobs()),
            equality_weight=weight,
        )

    def observe(self, state: State, knobs: Knobs) -> dict[str, Observation]:
        """Citizens see their skill and the announced rates; the planner sees aggregates of the last collection."""
        spec, cutoffs = self.spec, self.tax.cutoffs.astype(state.coin.dtype)
        state = self._under_ceiling(state, knobs)
        public = {
            "calendar": see.calendar(state, self.steps_per_period, spec.steps),
            "rates": state.treasury.rates[None, :],
        }
        if self.num_incomes_seen:
            public["last_incomes"] = see.last_incomes(state, self.steps_per_period, self.num_incomes_seen)
        skill = self.skills / self.skill_scale
        own = jnp.stack([skill, jnp.log(skill), see.current_marginal_rates(state, cutoffs)], axis=-1)
        features = {**public, "log_net_rates": see.log_net_rates(state), "own": own}
        observations = {"citizen": Observation(features, self._citizen_mask(state))}
        if "planner" in spec.roles:
            features = {**public, "aggregates": see.aggregates(state, self.gini_convention)}
            if self.planner_sees_citizens:
                features["citizens"] = see.citizens_one_by_one(state, cutoffs, self.steps_per_period)
            if state.equality_weight is not None:
                features |= mandates.show(state.equality_weight)
            observations["planner"] = Observation(features, self._planner_mask(state, knobs))
        return observations

    def _under_ceiling(self, state: State, knobs: Knobs) -> State:
        """Before the first announcement of an episode, show what is in force under the present ceiling on rates."""
        in_force = self.tax.rates(state.treasury.memory, knobs).astype(state.coin.dtype)
        shown = jnp.where(state.step == 0, in_force, state.treasury.rates)
        return eqx.tree_at(lambda s: s.treasury.rates, state, shown)

    def _citizen_mask(self, state):
        is_open = may_work(state.step, first_step_is_idle=self.first_step_is_idle)
        flags = jnp.broadcast_to(is_open, (self.skills.shape[0], self.labor.mask_size))
        return flags.at[:, 0].set(True) if isinstance(self.labor, Discrete) else flags

    def _planner_mask(self, state, knobs):
        is_open = state.step % self.steps_per_period == 0
        legal = self.tax.legal(state.treasury.memory, knobs)
        return jnp.where(is_open, legal, self.tax.planner_space.idle())[None, :]

    def draw(self, key, state):
        """Draw for the tax system. `key`: consumed."""
        return Draws(tax=self.tax.draw(key))

    def transition(self, state: State, actions, draws: Draws, knobs: Knobs) -> Transition[State]:
        """Announce rates (first step of a period), work, collect taxes (last step of a period)."""
        is_period_start = state.step % self.steps_per_period == 0
        is_period_end = state.step % self.steps_per_period == self.steps_per_period - 1

        action = actions["planner"][0] if "planner" in actions else None
        announced = fiscal.announce(self.tax, state.treasury, action, draws.tax, knobs)
        treasury = _choose(is_period_start, announced, state.treasury)

        is_open = may_work(state.step, first_step_is_idle=self.first_step_is_idle)
        hours = hours_of(actions["citizen"], self.labor, self.labor_unit, is_open)
        worked = work(state, self.skills, hours)

        collected, coin_after = fiscal.collect(self.tax, treasury, worked.coin)
        treasury = _choose(is_period_end, collected, treasury)
        coin = jnp.where(is_period_end, coin_after, worked.coin)

        utility = self.preferences.utility(coin, worked.labor, knobs.labor_cost.astype(coin.dtype))
        weight = state.equality_weight
        reached = mandates.judge(self.objective, weight, coin, utility, worked.production)
        following = State(state.step + 1, coin, worked.labor, worked.production, utility, reached, treasury, weight)
        rewards = {"citizen": utility - state.utility}
        if "planner" in self.spec.roles:
            rewards["planner"] = (reached - state.welfare)[None]
        return Transition(following, rewards, _ledger(state, worked, following))

    def metrics(self, state):
        """The economy's aggregates; see the records' schema for their meaning."""
        coin, utility, income = state.coin, state.utility, state.production
        equality = inequality.equality(coin, self.gini_convention)
        revenue = jnp.mean(state.treasury.taxes)
        return {
            "welfare": state.welfare,
            "productivity": jnp.mean(coin),
            "equality": equality,
            "equality_times_productivity": equality * jnp.mean(coin),
            "inverse_income_weighted_utility": welfare.inverse_income_weighted_utility(coin, utility, income),
            "inverse_income_weighted_coin": welfare.inverse_income_weighted_coin(coin, utility, income),
            "utilitarian": welfare.utilitarian(coin, utility, income),
            "rawlsian": welfare.rawlsian(coin, utility, income),
            "labor": jnp.mean(state.labor) * self.hours_per_labor,
            "revenue": revenue,
            "average_tax_rate": revenue / jnp.maximum(jnp.mean(income), 1e-9),
            "lump_sum": state.treasury.lump_sum,
            "gini": 1 - equality,
            "gini_income": inequality.gini(income, self.gini_convention),
            "top_share_1": inequality.top_share(income, 0.01),
            "top_share_10": inequality.top_share(income, 0.1),
            "bottom_share_50": 1 - inequality.top_share(income, 0.5),
            "theil": inequality.theil(coin),
        }

    def accounts(self, state):
        """Citizen by citizen, for the last tax period."""
        treasury = state.treasury
        return {
            "skill": self.skills,
            "income": treasury.incomes,
            "tax": treasury.taxes,
            "transfer": jnp.broadcast_to(treasury.lump_sum, state.coin.shape),
            "consumption": state.coin,
            "labor": state.labor * self.hours_per_labor,
            "utility": state.utility,
            "marginal_rate": treasury.marginal_rates,
            "average_rate": treasury.taxes / jnp.maximum(treasury.incomes, 1e-9),
        }

    def under(self, mandate):
        """The same with a planner under this mandate."""
        return replace(self, mandate=mandate)

    def pool(self, states):
        """Share the tax system's memory between environments."""
        return eqx.tree_at(lambda s: s.treasury.memory, states, self.tax.pool(states.treasury.memory))


def _choose(condition, yes, no):
    """Pick one of two pytrees of equal structure."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def _ledger(before: State, worked: State, after: State) -> Ledger:
    """Coin is created by work alone; taxation moves it."""
    return Ledger(
        opening={"coin": jnp.sum(before.coin)},
        created={"coin": jnp.sum(worked.production - before.production)},
        closing={"coin": jnp.sum(after.coin)},
    )
