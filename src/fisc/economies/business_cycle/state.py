"""The state of the business-cycle economy.

Axes: `n` consumers, `f` firms. Firm i makes good i, so that `f` also counts goods. Money in dollars, time in quarters.
"""

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int


class Posted(eqx.Module):
    """What everybody sees and what applies in this quarter; it was chosen a quarter ago."""

    price: Float[Array, " f"]
    """Dollars per unit."""
    wage: Float[Array, " f"]
    """Dollars per hour."""
    income_tax: Float[Array, ""]
    """Rate on labor income, in [0, 1]."""
    corporate_tax: Float[Array, ""]
    """Rate on profit, in [0, 1]."""
    shortage: Bool[Array, " f"]
    """Whether more of a good was wanted in the last quarter than there was."""


class Journal(eqx.Module):
    """Sums over the episode so far, for the metrics: nothing here has any consequence."""

    income: Float[Array, " n"]
    """Wages before tax."""
    tax: Float[Array, " n"]
    transfer: Float[Array, " n"]
    spending: Float[Array, " n"]
    hours: Float[Array, " n"]
    goods: Float[Array, " n"]
    """Units consumed, of all goods."""
    sales: Float[Array, " f"]
    """Units sold to consumers."""
    exports: Float[Array, " f"]
    output: Float[Array, " f"]
    investment: Float[Array, " f"]
    corporate_tax: Float[Array, " f"]
    """Dollars paid."""
    shortages: Float[Array, " f"]
    """Quarters in which a good was short."""
    price: Float[Array, " f"]
    """Sum of the prices in force, and so on."""
    wage: Float[Array, " f"]
    income_rate: Float[Array, ""]
    corporate_rate: Float[Array, ""]


class State(eqx.Module):
    """Everything that changes."""

    step: Int[Array, ""]
    """Quarters over in this episode, from 0."""
    posted: Posted
    inventory: Float[Array, " f"]
    """Units for sale, ≥ 0."""
    consumer_budget: Float[Array, " n"]
    firm_budget: Float[Array, " f"]
    """Negative for a firm in debt."""
    capital: Float[Array, " f"]
    """Dollars spent on it, ≥ 0."""
    debt_price: dict[str, Float[Array, ""]]
    """Consumers' and firms' multiplier on debt at the end of an episode, ≥ 0: an institution's memory, kept over
    episodes."""
    luck: dict[str, Float[Array, "_"]]
    """Of roles whose luck never changes: where in its distribution each agent's action falls. Usually empty."""
    utility: Float[Array, " n"]
    """Rewards of each consumer so far."""
    profit: Float[Array, " f"]
    """Rewards of each firm so far."""
    welfare: Float[Array, ""]
    """The government's rewards so far."""
    journal: Journal


class Draws(eqx.Module):
    """The random numbers of one step: none, the economy is deterministic."""


class Quarter(eqx.Module):
    """What happened in one quarter: enough for every figure and for the proof that nothing got lost."""

    wanted: Float[Array, "n f"]
    """Units that consumers wished for."""
    affordable: Float[Array, "n f"]
    """The same, scaled down to what the budget pays."""
    consumption: Float[Array, "n f"]
    """The same, after rationing: what was bought."""
    demand: Float[Array, " f"]
    """Sum of what is affordable."""
    sales: Float[Array, " f"]
    """Units sold to consumers."""
    shortage: Bool[Array, " f"]
    spending: Float[Array, " n"]
    hours: Float[Array, " n"]
    employer: Int[Array, " n"]
    income: Float[Array, " n"]
    income_tax: Float[Array, " n"]
    """Dollars."""
    hired: Float[Array, " f"]
    """Hours."""
    exports: Float[Array, " f"]
    """Units."""
    export_revenue: Float[Array, " f"]
    operating_income: Float[Array, " f"]
    investment: Float[Array, " f"]
    earnings: Float[Array, " f"]
    """Operating income less investment, before tax."""
    corporate_tax: Float[Array, " f"]
    """Dollars."""
    output: Float[Array, " f"]
    """Units made, for sale from the next quarter on."""
    transfer: Float[Array, ""]
    """Dollars that every consumer gets from the government."""
