"""Aggregates of the economy and the accounts of its citizens. Axes: `n` citizens, `g` goods."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fisc.econ import inequality, welfare
from fisc.economies.gather_trade_build.state import GOODS, State


def aggregates(state: State, coin: Float[Array, " n"], gini_convention: str) -> dict[str, Float[Array, ""]]:
    """The economy's aggregates; see the records' schema for their meaning. `coin`: purses and escrow."""
    journal, utility, periods = state.journal, state.utility, num_collections(state)
    equality = inequality.equality(coin, gini_convention)
    revenue, average_rates = jnp.mean(journal.taxes), _average_rates(state)
    metrics = {
        "welfare": state.welfare,
        "productivity": jnp.mean(coin),
        "equality": equality,
        "equality_times_productivity": equality * jnp.mean(coin),
        "inverse_income_weighted_utility": welfare.inverse_income_weighted_utility(coin, utility, coin),
        "inverse_income_weighted_coin": welfare.inverse_income_weighted_coin(coin, utility, coin),
        "utilitarian": welfare.utilitarian(coin, utility, coin),
        "rawlsian": welfare.rawlsian(coin, utility, coin),
        "labor": jnp.mean(state.labor),
        "revenue": revenue,
        "average_tax_rate": revenue / jnp.maximum(jnp.mean(journal.incomes), 1e-9),
        "effective_tax_rate": journal.effective_rates / periods,
        "tax_rate_poorest": average_rates[jnp.argmin(coin)],
        "tax_rate_richest": average_rates[jnp.argmax(coin)],
        "theil": inequality.theil(coin),
        "houses": jnp.sum(journal.builds).astype(coin.dtype),
        "trades": jnp.sum(journal.sales).astype(coin.dtype),
    }
    for g, good in enumerate(GOODS):
        sales = jnp.sum(journal.sales[g]).astype(coin.dtype)
        earnings = jnp.sum(journal.earnings[g]).astype(coin.dtype)
        metrics[f"gathered_{good}"] = jnp.sum(journal.gathered[g]).astype(coin.dtype)
        metrics[f"trades_{good}"] = sales
        metrics[f"price_{good}"] = earnings / jnp.maximum(sales, 1.0)
    return metrics


def num_collections(state: State) -> Float[Array, ""]:
    """Tax years whose taxes were collected, at least 1 to divide by."""
    return jnp.maximum(state.journal.periods, 1).astype(state.coin.dtype)


def accounts(state: State, coin: Float[Array, " n"]) -> dict[str, Float[Array, " n"]]:
    """Citizen by citizen, for the episode so far. `coin`: purses and escrow."""
    journal, dtype = state.journal, coin.dtype
    net_trade = jnp.sum(journal.earnings - journal.spending, axis=0).astype(dtype)
    by_good = {
        "gathered": journal.gathered,
        "sold": journal.sales,
        "bought": journal.purchases,
        "earned_by": journal.earnings,
        "spent_on": journal.spending,
    }
    return {
        "skill": state.build_payment,
        "income": journal.incomes,
        "tax": journal.taxes,
        "transfer": jnp.broadcast_to(journal.transfers, coin.shape),
        "consumption": coin,
        "labor": state.labor,
        "utility": state.utility,
        "marginal_rate": journal.marginal_rates / num_collections(state),
        "average_rate": _average_rates(state),
        "build_income": journal.builds.astype(dtype) * state.build_payment,
        "trade_income": net_trade,
        "houses_built": journal.builds.astype(dtype),
        **{f"{what}_{good}": x[g].astype(dtype) for what, x in by_good.items() for g, good in enumerate(GOODS)},
    }


def _average_rates(state: State) -> Float[Array, " n"]:
    """Tax paid by everybody out of all positive incomes of the episode."""
    return state.journal.taxes / jnp.maximum(state.journal.incomes, 1e-9)
