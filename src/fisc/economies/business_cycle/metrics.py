"""Aggregates of the economy and the accounts of its consumers, each a mean over the quarters so far.

`of_firms` tells a single quarter firm by firm, and `has_collapsed` whether there is anything left to tell.

Axes: `n` consumers, `f` firms.
"""

from dataclasses import replace

import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.econ import inequality
from fisc.economies.business_cycle.preferences import FIRM_WEIGHTS, welfare
from fisc.economies.business_cycle.state import Journal, Posted, Quarter, State

LEAST_WORK = 0.05
"""Share of the hours one could work below which an economy has collapsed."""
LEAST_GOODS = 0.05
"""Units per consumer, good and quarter below which it has."""


def blank(num_consumers: int, num_firms: int, dtype) -> Journal:
    """Nothing happened yet."""
    person, firm, one = (jnp.zeros(shape, dtype) for shape in (num_consumers, num_firms, ()))
    return Journal(*[person] * 6, *[firm] * 8, one, one)


def entered(journal: Journal, quarter: Quarter, posted: Posted) -> Journal:
    """Enter a quarter. `posted`: what was in force in it."""
    dtype = journal.income.dtype
    news = {
        "income": quarter.income,
        "tax": quarter.income_tax,
        "transfer": quarter.transfer,
        "spending": quarter.spending,
        "hours": quarter.hours,
        "goods": jnp.sum(quarter.consumption, axis=1),
        "sales": quarter.sales,
        "exports": quarter.exports,
        "output": quarter.output,
        "investment": quarter.investment,
        "corporate_tax": quarter.corporate_tax,
        "shortages": quarter.shortage.astype(dtype),
        "price": posted.price,
        "wage": posted.wage,
        "income_rate": posted.income_tax,
        "corporate_rate": posted.corporate_tax,
    }
    return replace(journal, **{name: getattr(journal, name) + value for name, value in news.items()})


def aggregates(state: State, gini_convention: str) -> dict[str, Float[Array, ""]]:
    """The economy's aggregates; see the records' schema for their meaning."""
    journal, dtype = state.journal, state.inventory.dtype
    quarters = jnp.maximum(state.step, 1).astype(dtype)
    num = state.utility.shape[0]
    over_time = {
        "welfare": state.welfare,
        "total_welfare": welfare(state.utility, state.profit, jnp.asarray(FIRM_WEIGHTS["total"], dtype)),
        "utilitarian": jnp.mean(state.utility),
        "utility": jnp.mean(state.utility),
        "profit": jnp.mean(state.profit),
        "income": jnp.mean(journal.income),
        "labor": jnp.mean(journal.hours),
        "transfer": jnp.mean(journal.transfer),
        "revenue": (jnp.sum(journal.tax) + jnp.sum(journal.corporate_tax)) / num,
        "goods_consumed": jnp.mean(journal.sales),
        "goods_exported": jnp.mean(journal.exports),
        "goods_made": jnp.mean(journal.output),
        "investment": jnp.mean(journal.investment),
        "shortages": jnp.mean(journal.shortages),
        "price": jnp.mean(journal.price),
        "wage": jnp.mean(journal.wage),
        "income_tax_rate": journal.income_rate,
        "corporate_tax_rate": journal.corporate_rate,
    }
    paid = jnp.sum(journal.tax) / jnp.maximum(jnp.sum(journal.income), 1e-9)
    return {name: total / quarters for name, total in over_time.items()} | {
        "average_tax_rate": paid,
        "gini": inequality.gini(journal.spending, gini_convention),
        "gini_income": inequality.gini(journal.income, gini_convention),
        "unsold": jnp.mean(state.inventory),
        "savings": jnp.mean(state.consumer_budget),
        "firm_budget": jnp.mean(state.firm_budget),
        "capital": jnp.mean(state.capital),
    }


def accounts(state: State, disutility: Float[Array, " n"]) -> dict[str, Float[Array, " n"]]:
    """Consumer by consumer."""
    journal, dtype = state.journal, state.inventory.dtype
    quarters = jnp.maximum(state.step, 1).astype(dtype)
    sums = {
        "income": journal.income,
        "tax": journal.tax,
        "transfer": journal.transfer,
        "consumption": journal.spending,
        "labor": journal.hours,
        "utility": state.utility,
        "goods_consumed": journal.goods,
        "marginal_rate": jnp.broadcast_to(journal.income_rate, journal.income.shape),
    }
    return {name: total / quarters for name, total in sums.items()} | {
        "average_rate": journal.tax / jnp.maximum(journal.income, 1e-9),
        "savings": state.consumer_budget,
        "labor_disutility": disutility,
    }


def of_firms(state: State, quarter: Quarter, labor_exponent: Float[Array, " f"]) -> dict[str, Float[Array, " f"]]:
    """Firm by firm, what is in force and what happens in one quarter. `state`: at its start."""
    return {
        "price": state.posted.price,
        "wage": state.posted.wage,
        "hired": quarter.hired,
        "goods_consumed": quarter.sales,
        "goods_exported": quarter.exports,
        "capital": state.capital,
        "labor_exponent": labor_exponent,
    }


def has_collapsed(hours: float, most_hours: float, goods: float) -> bool:
    """Whether next to nobody works, or next to nothing is consumed.

    `hours < 0.05 * most_hours` or `goods < 0.05`: a criterion of this project, as the paper speaks of collapse without
    one.

    Args:
        hours: mean over consumers and quarters.
        most_hours: the most that one can work in a quarter.
        goods: units of one good in a quarter, mean over consumers and goods.
    """
    return hours < LEAST_WORK * most_hours or goods < LEAST_GOODS
