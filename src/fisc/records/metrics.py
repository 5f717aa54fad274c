"""Every number that fisc records: one definition, one unit and one label in the whole program.

A new metric is one row of `METRICS`. Units may hold `{money}`, the scenario's money: coin or
dollars. All amounts per person are means over the workers of one economy in one period.
"""

from dataclasses import dataclass

from fisc.records.errors import RecordError, nearest_spelling

MONEY_UNITS = ("coin", "dollars")

FRACTION = "fraction"
"""Unit of rates and shares: stored in [0, 1], shown as percent."""

OBJECTIVE_UNIT = "units of the objective"
"""Unit of welfare, until it is known which objective a scenario has."""


@dataclass(frozen=True)
class Metric:
    """What one recorded number is."""

    label: str
    """What a reader sees, capitalized."""
    unit: str
    """Unit, possibly with `{money}`; empty for a pure number."""
    meaning: str
    """One sentence, with the formula where it is short."""
    higher_is_better: bool | None = None
    """None where more is neither good nor bad in itself."""


_PER_PERSON = "{money} per person"
_UTILS = "utils"
_LOSS = "Training loss: comparable within one role and arm only."

WELFARE_METRICS: dict[str, Metric] = {
    "welfare": Metric("Welfare", OBJECTIVE_UNIT, "The objective that the scenario has chosen.", True),
    "productivity": Metric(
        "Productivity",
        _PER_PERSON,
        "Mean of what people own at the end: mean income before tax, as all revenue comes back.",
        True,
    ),
    "equality": Metric("Equality", "0 to 1", "1 - gini(consumption): 1 if all consume the same.", True),
    "equality_times_productivity": Metric(
        "Equality × productivity", _PER_PERSON, "equality * productivity (Zheng et al. 2022).", True
    ),
    "weighted_equality_times_productivity": Metric(
        "Weighted equality × productivity",
        _PER_PERSON,
        "(weight * equality + 1 - weight) * productivity, with the weight economy.equality_weight of the scenario.",
        True,
    ),
    "inverse_income_weighted_utility": Metric(
        "Inverse-income-weighted utility",
        _UTILS,
        "Mean utility with weights proportional to 1 / income before tax.",
        True,
    ),
    "inverse_income_weighted_coin": Metric(
        "Inverse-income-weighted consumption",
        _PER_PERSON,
        "Mean consumption with weights proportional to 1 / income before tax.",
        True,
    ),
    "utilitarian": Metric("Utilitarian welfare", _UTILS, "mean(utility).", True),
    "rawlsian": Metric("Rawlsian welfare", _UTILS, "min(utility): the worst-off worker.", True),
    "total_welfare": Metric(
        "Total welfare",
        "points per quarter",
        "sum(utility) + 0.0025 * sum(profit in dollars), per quarter; 0 if nobody works, buys or sells.",
        True,
    ),
    "fraction_of_optimum": Metric(
        "Fraction of the optimum", FRACTION, "Welfare of the arm / welfare of the optimum, on the same people.", True
    ),
    "welfare_if_exact": Metric(
        "Welfare if workers were exact",
        OBJECTIVE_UNIT,
        "The objective under the arm's schedule if every worker answered it exactly optimally.",
        True,
    ),
    "consumption_equivalent": Metric(
        "Gain over current law",
        FRACTION,
        "The equal percentage rise of everybody's consumption net of effort that would be worth as much as moving "
        "from current law to the arm: exp(welfare - welfare under current law) - 1.",
        True,
    ),
    "best_response_gap": Metric(
        "Best-response gap",
        _UTILS,
        "Mean utility that workers would gain by answering the taxes exactly optimally.",
        False,
    ),
}

ECONOMY_METRICS: dict[str, Metric] = {
    "income": Metric("Income before tax", _PER_PERSON, "mean(income), before taxes and transfers."),
    "consumption": Metric(
        "Consumption", _PER_PERSON, "mean(income - tax + transfer); where people save, what they spend on goods.", True
    ),
    "utility": Metric("Utility", _UTILS, "mean(utility).", True),
    "labor": Metric("Labor", "hours per person", "mean(hours worked) in a period; on a map, units of effort."),
    "tax": Metric("Tax paid", _PER_PERSON, "mean(tax), before the transfer comes back."),
    "transfer": Metric("Transfer received", _PER_PERSON, "mean(transfer)."),
    "revenue": Metric("Tax revenue", _PER_PERSON, "sum(tax) / number of workers."),
    "lump_sum": Metric("Lump-sum transfer", _PER_PERSON, "The equal payment to each worker."),
    "average_tax_rate": Metric("Average tax rate", FRACTION, "sum(tax) / sum(income)."),
    "average_rate": Metric(
        "Average tax rate of a group", FRACTION, "sum(tax) / sum(income) within the group, if it earns anything."
    ),
    "marginal_rate": Metric(
        "Marginal tax rate", FRACTION, "Rate on the next unit of income, a mean over people and tax years."
    ),
    "gini": Metric("Gini index of consumption", "0 to 1", "0 if all consume the same, 1 if one has all.", False),
    "gini_income": Metric("Gini index of income", "0 to 1", "Gini index of income before tax.", False),
    "theil": Metric("Theil index", "nats", "mean(r * log(r)) with r = consumption / mean consumption.", False),
    "top_share_1": Metric("Share of the top 1%", FRACTION, "Share of income before tax earned by the top 1%."),
    "top_share_10": Metric("Share of the top 10%", FRACTION, "Share of income before tax earned by the top 10%."),
    "bottom_share_50": Metric("Share of the bottom 50%", FRACTION, "Share of income before tax of the bottom half."),
    "skill": Metric("Skill", "{money} per unit of work", "What an hour of work, or a house, brings."),
}

MAP_METRICS: dict[str, Metric] = {
    "houses": Metric("Houses built", "per episode", "Houses that were built in an episode."),
    "build_income": Metric("Income from building", _PER_PERSON, "Coin received for houses."),
    "trade_income": Metric("Income from trade", _PER_PERSON, "Coin received for goods - coin paid for goods."),
    "effective_tax_rate": Metric(
        "Effective tax rate",
        FRACTION,
        "Mean over people and tax years of tax / income, whoever earns little counting as much as anybody.",
    ),
    "tax_rate_poorest": Metric(
        "Average tax rate of the poorest", FRACTION, "Tax paid / income earned by who has least at the end."
    ),
    "tax_rate_richest": Metric(
        "Average tax rate of the richest", FRACTION, "Tax paid / income earned by who has most at the end."
    ),
    "trades": Metric("Trades", "per episode", "Units of all goods that changed hands."),
    "houses_built": Metric("Houses of a citizen", "per person", "Houses that a citizen built in an episode."),
}
for _good in ("stone", "wood"):
    MAP_METRICS |= {
        f"gathered_{_good}": Metric(f"{_good.capitalize()} gathered", "units per episode", f"Units of {_good}."),
        f"trades_{_good}": Metric(f"Trades of {_good}", "units per episode", f"Units of {_good} that changed hands."),
        f"price_{_good}": Metric(f"Price of {_good}", "{money} per unit", f"Mean price of {_good}, 0 without trade."),
        f"sold_{_good}": Metric(f"{_good.capitalize()} sold", "units per person", f"Units of {_good} sold."),
        f"bought_{_good}": Metric(f"{_good.capitalize()} bought", "units per person", f"Units of {_good} bought."),
        f"earned_by_{_good}": Metric(f"Earned by {_good}", _PER_PERSON, f"Coin received for {_good}."),
        f"spent_on_{_good}": Metric(f"Spent on {_good}", _PER_PERSON, f"Coin paid for {_good}."),
    }

BUSINESS_METRICS: dict[str, Metric] = {
    "profit": Metric(
        "Profit", "{money} per firm and quarter", "Mean over firms of profit after investment and tax.", True
    ),
    "goods_consumed": Metric("Goods consumed", "units per firm and quarter", "Units that consumers buy of each good."),
    "goods_exported": Metric("Goods exported", "units per firm and quarter", "Units of each good sold abroad."),
    "goods_made": Metric("Goods made", "units per firm and quarter", "Units of each good produced."),
    "unsold": Metric("Unsold goods", "units per firm", "Mean stock of a good at the end."),
    "shortages": Metric("Shortages", FRACTION, "Share of goods and quarters with more demand than stock."),
    "price": Metric("Price", "{money} per unit", "Mean price in force, over firms and quarters."),
    "wage": Metric("Wage", "{money} per hour", "Mean wage in force, over firms and quarters."),
    "investment": Metric("Investment", "{money} per firm and quarter", "Mean over firms of what becomes capital."),
    "capital": Metric("Capital", "{money} per firm", "Mean over firms at the end."),
    "savings": Metric("Savings", _PER_PERSON, "Mean budget of consumers at the end."),
    "firm_budget": Metric("Budget of firms", "{money} per firm", "Mean over firms at the end; debt counts negative."),
    "income_tax_rate": Metric(
        "Income tax rate", FRACTION, "Mean rate in force on labor income, over all quarters; the first is not taxed."
    ),
    "corporate_tax_rate": Metric(
        "Corporate tax rate", FRACTION, "Mean rate in force on profits, over all quarters; the first is not taxed."
    ),
    "hired": Metric("Hours hired", "hours per firm and quarter", "Hours that a firm pays for."),
    "labor_exponent": Metric(
        "Labor exponent", "", "Exponent of labor in a firm's production: low where capital does most of the work."
    ),
    "collapsed": Metric(
        "Collapsed",
        FRACTION,
        "Share of seeds in which people work less than 5% of the hours they could, or consume less than 0.05 units "
        "per person, good and quarter.",
        False,
    ),
    "labor_disutility": Metric("Disutility of labor", "utils per two hours", "Coefficient of a consumer's hours."),
}

TRAINING_METRICS: dict[str, Metric] = {
    "reward": Metric("Reward", "utils per episode", "Sum of an agent's rewards, mean over the agents of a role.", True),
    "loss/total": Metric("Total loss", "", _LOSS),
    "ledger_residual": Metric(
        "Ledger residual",
        "",
        "Largest imbalance of the books in any step, relative to the stock; rounding alone if all is well.",
        False,
    ),
    "loss/policy": Metric("Policy loss", "", _LOSS),
    "loss/value": Metric("Value loss", "", _LOSS),
    "entropy": Metric("Policy entropy", "nats", "Mean entropy of the action distribution."),
    "approximate_kl": Metric("Policy change (KL)", "nats", "Estimated KL divergence from the policy that acted."),
    "clip_fraction": Metric("Clipped fraction", FRACTION, "Share of samples whose probability ratio was clipped."),
    "explained_variance": Metric("Explained variance", "", "1 - var(return - value) / var(return).", True),
    "gradient_norm": Metric("Gradient norm", "", "Norm of the gradient before clipping."),
    "knob/max_rate": Metric("Ceiling on marginal rates", FRACTION, "The curriculum's ceiling on tax rates."),
    "knob/entropy": Metric("Entropy weight", "", "Weight of the entropy bonus of a role."),
    "knob/labor_cost": Metric(
        "Labor-cost weight", FRACTION, "Multiplier on the disutility of labor; 1 is the economy."
    ),
    "knob/learning": Metric("Learns now", "0 or 1", "Whether a role updates its parameters now."),
    "knob/learning_rate": Metric("Learning-rate multiplier", "", "The curriculum's multiplier on the step size."),
}

LEARNING_METRICS = (
    *("loss/total", "loss/policy", "loss/value", "entropy", "approximate_kl", "clip_fraction"),
    *("explained_variance", "gradient_norm"),
)
"""What a role has only while it learns."""

METRICS: dict[str, Metric] = WELFARE_METRICS | ECONOMY_METRICS | MAP_METRICS | BUSINESS_METRICS | TRAINING_METRICS

GROUP_METRICS = (
    "skill", "income", "tax", "transfer", "consumption", "labor", "utility", "average_rate", "marginal_rate",
    "build_income", "trade_income", "gathered_stone", "gathered_wood", "houses_built", "sold_stone", "sold_wood",
    "bought_stone", "bought_wood", "earned_by_stone", "earned_by_wood", "spent_on_stone", "spent_on_wood",
    "goods_consumed", "savings", "labor_disutility",
)  # fmt: skip
"""What `groups.parquet` may hold."""

FIRM_METRICS = ("price", "wage", "hired", "goods_consumed", "goods_exported", "capital", "labor_exponent")
"""What `firms.parquet` may hold, each about one firm in one quarter; capital is that of the quarter's start."""

ROLES = ("economy", "citizen", "consumer", "firm", "planner", "government")
"""Who a training row is about; `economy` for a number about all of them."""

ARMS: dict[str, str] = {
    "free_market": "Free market",
    "us_federal": "US federal law",
    "flat": "Flat tax",
    "fixed": "Fixed rates",
    "saez": "Saez formula",
    "saez_estimated": "Saez, estimated",
    "laboratories": "Searched schedule",
    "planner": "Learned planner",
    "optimum": "Optimum",
}
"""Label of every known arm, in the order in which arms are shown."""

# What people type for a metric that has another name here; only used to suggest the right one.
_SYNONYMS = {"hours": "labor", "kl": "approximate_kl", "profit": "income", "iiwu": "inverse_income_weighted_utility"}


def find_metric(name: str) -> Metric:
    """Return the definition of a metric.

    Raises:
        RecordError: on a name that is not in `METRICS`, with the nearest spelling.
    """
    if name in METRICS:
        return METRICS[name]
    raise RecordError(f"unknown metric '{name}': {suggest_metric(name)} New metrics are rows of METRICS.")


def suggest_metric(name: str, known: tuple[str, ...] = ()) -> str:
    """Say which metric is meant by a wrong name, in one phrase."""
    known = known or tuple(METRICS)
    if _SYNONYMS.get(name) in known:
        return f"did you mean '{_SYNONYMS[name]}'?"
    return nearest_spelling(name, known)


def metric_unit(name: str, money: str = "coin", objective: str | None = None) -> str:
    """Return the unit of a metric in the scenario's money; welfare has that of the `objective`, if given.

    >>> metric_unit("productivity", "dollars")
    'dollars per person'
    """
    if money not in MONEY_UNITS:
        raise RecordError(f"unknown money unit '{money}': {nearest_spelling(money, MONEY_UNITS)}")
    unit = find_metric(name).unit
    if unit == OBJECTIVE_UNIT and objective not in (None, name):
        return metric_unit(objective, money)
    return unit.format(money=money)


def metric_label(name: str, money: str = "coin", objective: str | None = None) -> str:
    """Return label and unit, as on an axis.

    >>> metric_label("productivity", "dollars")
    'Productivity (dollars per person)'
    """
    unit = metric_unit(name, money, objective)
    shown = "percent" if unit == FRACTION else unit
    return f"{find_metric(name).label} ({shown})" if shown else find_metric(name).label


def has_natural_zero(name: str) -> bool:
    """Say whether ratios and percents of a metric mean something: they do for money, not for utility."""
    return not find_metric(name).unit.startswith((_UTILS, OBJECTIVE_UNIT))


def flat_percent(arm: str) -> int | None:
    """Return the rate of an arm flat_NN in per cent, from 0 to 100; None for any other.

    >>> flat_percent("flat_20"), flat_percent("flat"), flat_percent("flat_200")
    (20, None, None)
    """
    word = arm.removeprefix("flat_")
    return int(word) if word != arm and word.isdecimal() and int(word) <= 100 else None


def arm_label(arm: str) -> str:
    """Return what a reader sees for an arm; an arm that is not in `ARMS` is spelled out from its name.

    >>> arm_label("saez"), arm_label("flat_30")
    ('Saez formula', 'Flat 30%')
    >>> arm_label("mine/tax.py:build"), arm_label("mine/tax.py:low_rates")
    ('Tax', 'Tax (low rates)')
    """
    if arm in ARMS:
        return ARMS[arm]
    if (percent := flat_percent(arm)) is not None:
        return f"Flat {percent}%"
    name, _, function = arm.rpartition("/")[2].partition(".py:")
    words = [part.replace("_", " ").replace("-", " ").strip() for part in (name, function)]
    label = words[0].capitalize() or name
    return label if function in ("", "build") else f"{label} ({words[1]})"


def order_arms(arms: "list[str] | set[str] | tuple[str, ...]") -> list[str]:
    """Order arms as `ARMS` does, flat rates after one another, then the others by name, each once.

    >>> order_arms(["planner", "mine", "flat_80", "flat_5"])
    ['flat_5', 'flat_80', 'planner', 'mine']
    """
    known = list(ARMS)

    def place(arm: str) -> tuple[int, int, str]:
        """Rank of the arm's kind, then of its rate."""
        percent = flat_percent(arm)
        if percent is not None:
            return known.index("flat"), 1 + percent, arm
        return (known.index(arm) if arm in ARMS else len(known)), 0, arm

    return sorted(set(arms), key=place)
