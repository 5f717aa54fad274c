"""The business-cycle economy a second time: one number after the other, in plain Python, from its definition alone.

It shares with the program only the names of the settings. Letters are those of the definition: price p, wage w,
stock y, rates tau and sigma, quarter t; budgets B of consumers and M of firms, capital K, disutility theta.
"""

import math
from dataclasses import dataclass, field


@dataclass
class World:
    """Public state, private state, and what was rewarded last."""

    p: list
    w: list
    y: list
    flag: list
    tau: float
    sigma: float
    t: int
    B: list
    M: list
    K: list
    price_of_debt: dict
    rewards: dict = field(default_factory=dict)


def thetas(s):
    """Quantiles of a Pareto law with minimum 1 divide the base."""
    if s.disutility_shape is None:
        return [s.disutility for _ in range(s.consumers)]
    quantile = [(1 - j / s.consumers) ** (-1 / s.disutility_shape) for j in range(s.consumers)]
    return [s.disutility / q for q in quantile]


def alphas(s):
    """Listed, or one for all, or 0.2 · (place in its half)."""
    if s.labor_exponent == "proportional":
        return [0.2 * (i % max(1, s.firms // 2) + 1) for i in range(s.firms)]
    if s.labor_exponent == "release":
        return [0.2, 0.3, 0.4, 0.6, 0.8, 0.2, 0.3, 0.4, 0.6, 0.8]
    return list(s.labor_exponent)


def value(s, c):
    """Utility of an amount of one good."""
    if s.utility == "crra":
        if s.eta == 1:
            return math.log(c + 1)
        return ((c + 1) ** (1 - s.eta) - 1) / (1 - s.eta)
    if s.utility == "cara":
        return -math.exp(-s.aversion * c)
    return (1 - math.exp(max(-88.0, min(88.0, -s.aversion * c**s.power)))) / s.aversion


def read_consumer(s, menus, mask, action):
    """Desired quantities, hours and employer; an entry that is not offered is nothing."""
    heads = [menus["quantities"]] * s.firms + [menus["hours"], range(s.firms)]
    offered, start = [], 0
    for head, entry in zip(heads, action, strict=True):
        offered.append(0 <= entry < len(head) and bool(mask[start + entry]))
        start += len(head)
    desired = [menus["quantities"][action[i]] if offered[i] else 0.0 for i in range(s.firms)]
    works = offered[s.firms] and offered[s.firms + 1]
    return desired, menus["hours"][action[s.firms]] if works else 0.0, action[s.firms + 1] if works else 0


def read_firm(menus, mask, action, p, w):
    """Next price and wage, and the share invested now."""
    prices, wages, shares = menus["prices"], menus["wages"], menus["shares"]
    if not (0 <= action < len(prices) * len(wages) * len(shares) and mask[action]):
        return p, w, shares[0]
    rest, share = divmod(action, len(shares))
    price, wage = divmod(rest, len(wages))
    return prices[price], wages[wage], shares[share]


def government_mask(menus, offered, ceiling):
    """A pair is open if both rates are; the lowest always is."""
    flags = []
    for income in menus["income_rates"]:
        for corporate in menus["corporate_rates"]:
            low = income <= ceiling or income == min(menus["income_rates"])
            flags.append(low and (corporate <= ceiling or corporate == min(menus["corporate_rates"])))
    return [bool(a) and b for a, b in zip(offered, flags, strict=True)]


def read_government(menus, mask, entry, rates):
    """Both rates of an action; one that is not open leaves them."""
    if not (0 <= entry < len(mask) and mask[entry]):
        return rates
    first, second = divmod(entry, len(menus["corporate_rates"]))
    return menus["income_rates"][first], menus["corporate_rates"][second]


def exports(s, p, left):
    """What the world market buys of what is left of each good, and at which price."""
    abroad, price = [0.0] * s.firms, list(p)
    if s.is_open:
        for i in range(s.firms):
            reaches = p[i] >= s.export_floor if s.exports_at_floor else p[i] > s.export_floor
            abroad[i] = min(max(left[i], 0.0), s.export_quota) if reaches else 0.0
            price[i] = s.export_floor if s.exports_pay_floor else p[i]
    return abroad, price


def step(s, menus, world, actions, masks, c_theta, ceiling=1.0):
    """One quarter, in the order of the definition; returns the next world. Given rates stay under the ceiling too."""
    n, f = range(s.consumers), range(s.firms)
    p, w, y, tau, sigma = world.p, world.w, world.y, world.tau, world.sigma
    theta, alpha = [c_theta * x for x in thetas(s)], alphas(s)
    read = [read_consumer(s, menus, masks["consumer"], actions["consumer"][j]) for j in n]
    d, h, employer = ([r[k] for r in read] for k in range(3))
    post = [read_firm(menus, masks["firm"], actions["firm"][i], p[i], w[i]) for i in f]

    # 1-3: scaling, demand, rationing.
    scaled = []
    for j in n:
        cost = sum(d[j][i] * p[i] for i in f)
        funds = max(world.B[j], 0.0)
        ratio = funds / cost if cost > 0 and cost > funds else 1.0
        scaled.append([ratio * d[j][i] for i in f])
    demand = [sum(scaled[j][i] for j in n) for i in f]
    hired = [sum(h[j] for j in n if employer[j] == i) for i in f]
    short = [demand[i] > 0 and demand[i] > y[i] for i in f]
    rho = [y[i] / demand[i] if short[i] else 1.0 for i in f]
    c = [[rho[i] * scaled[j][i] for i in f] for j in n]
    sold = [sum(c[j][i] for j in n) for i in f]

    # 4-6: incomes, exports, accounts.
    z = [w[employer[j]] * h[j] for j in n]
    abroad, abroad_price = exports(s, p, [y[i] - sold[i] for i in f])
    revenue = [p[i] * sold[i] + abroad_price[i] * abroad[i] for i in f]
    income = [revenue[i] - w[i] * hired[i] for i in f]
    basis = income if s.investment_of == "income" else [world.M[i] + income[i] for i in f]
    invested = [max(post[i][2] * basis[i], 0.0) for i in f]
    profit = [income[i] - invested[i] for i in f]
    levied = [sigma * (max(profit[i], 0.0) if s.corporate_tax_on == "profit" else revenue[i]) for i in f]

    # 7-9: production, stocks, transfers.
    labor = [hired[i] if hired[i] >= s.labor_floor else 0.0 for i in f]
    made = [s.productivity * world.K[i] ** (1 - alpha[i]) * labor[i] ** alpha[i] if labor[i] else 0.0 for i in f]
    transfer = (sum(tau * z[j] for j in n) + sum(levied)) / s.consumers

    # 10-12: what is posted, budgets, capital.
    B = [world.B[j] + s.top_up - sum(p[i] * c[j][i] for i in f) + z[j] - tau * z[j] + transfer for j in n]
    M = [world.M[i] + profit[i] - levied[i] for i in f]
    bonus = [s.activity_bonus * revenue[i] if M[i] > 0 else 0.0 for i in f]
    B = [b * (1 + s.interest) if b > 0 else b for b in B]
    M = [m * (1 + s.interest) if m > 0 else m for m in M]
    wished = [sum(d[j][i] for j in n) for i in f]
    published = short if s.shortage_of == "affordable" else [wished[i] > 0 and wished[i] > y[i] for i in f]
    rates = None if s.fixed_taxes is None else [min(rate, ceiling) for rate in s.fixed_taxes]
    if rates is None:
        rates = read_government(menus, masks["government"], actions["government"][0], (tau, sigma))

    r_c = [sum(value(s, c[j][i]) for i in f) - theta[j] / 2 * h[j] for j in n]
    r_f = [profit[i] - levied[i] + bonus[i] for i in f]
    if world.t == s.quarters - 1:
        r_c = [r_c[j] - world.price_of_debt["consumer"] * max(-B[j], 0.0) for j in n]
        r_f = [r_f[i] - world.price_of_debt["firm"] * max(-M[i], 0.0) / 100 for i in f]
    r_g = sum(r_c) + (0.0025 * sum(r_f) if s.welfare == "total" else 0.0)
    return World(
        p=[x[0] for x in post], w=[x[1] for x in post],
        y=[max(0.0, y[i] - sold[i] - abroad[i]) + made[i] for i in f], flag=published, tau=rates[0], sigma=rates[1],
        t=world.t + 1, B=B, M=M, K=[world.K[i] + invested[i] for i in f], price_of_debt=world.price_of_debt,
        rewards={"consumer": r_c, "firm": r_f, "government": [r_g]},
    )  # fmt: skip


def digits(x, count=10):
    """Nested remainders as shares of their divisor."""
    return [(x % 10 ** (k + 1)) / 10 ** (k + 1) for k in range(count)]


def observe(s, menus, world, c_theta):
    """Rows of every role, in the order of the published table, and which columns go round from 1 to 0."""
    theta, alpha, most = thetas(s), alphas(s), 10_000.0 if s.firms > 1 else 5000.0
    head = [x / max(menus["prices"]) for x in world.p] + [x / max(menus["wages"]) for x in world.w]
    stock = [g for x in world.y for g in digits(x)]
    tail = [float(x) for x in world.flag] + [world.tau, world.sigma, world.t / s.quarters]
    public = head + stock + tail
    rows = {
        "consumer": [
            [*public, *digits(world.B[j]), c_theta * theta[j] / s.disutility] for j in range(s.consumers)
        ],
        "firm": [
            [*public, *digits(world.M[i]), world.K[i] / most, alpha[i], *[float(i == k) for k in range(s.firms)]]
            for i in range(s.firms)
        ],
    }  # fmt: skip
    if s.fixed_taxes is None:
        rows["government"] = [public]
    goes_round = [False] * len(head) + [True] * len(stock) + [False] * len(tail) + [True] * 10
    return rows, goes_round
