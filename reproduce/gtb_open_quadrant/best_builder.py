"""Would the best builder build as much as he does, if he did what pays him most?

Arithmetic at given prices, no training: python reproduce/gtb_open_quadrant/best_builder.py. A house earns him what it
earned him on average and costs him the same effort; he plans in how many of ten years he builds, and how many houses
in each. That decides his income, his tax, and by the utility of the economy how well off he is. Building in few years
is how high earners pay less than on even incomes, in the published runs as here. What others do, and so prices and
their taxes, stays as it is; a quarter of his own tax comes back to him. How much he gains hangs on how many houses fit
into a year, so that the table has it for two such limits.

Published means: Zheng et al. (2022), four citizens on Open-Quadrant, equality times productivity; ours: groups.csv and
schedules.csv beside this file, means over seeds. Writes best_builder.csv.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

HERE = Path(__file__).parent
CUTOFFS = np.array([0.0, 9.7, 39.475, 84.2, 160.725, 204.1, 510.3])
LAW = np.array([10, 12, 22, 24, 32, 35, 37]) / 100
ETA, LABOR_COST, PAYMENT, YEARS = 0.23, 0.21, 22.2, 10
MOST_HOUSES = (16, 25)
"""In a year: a quarter more than the best builder's mean, and what a hundred steps are enough for, as two orders, a
step and the building make four. In the published runs with a learned planner half of his years brought nearly all his
income, so that he built some 24 in each."""


@dataclass(frozen=True)
class Builder:
    """The best builder at the end of training: sums over an episode, means over episodes."""

    rates: np.ndarray
    income: float
    """Before tax, coin."""
    labor: float
    building: float
    """Coin for houses."""
    tax: float
    transfer: float

    @property
    def houses(self) -> float:
        """How many he builds."""
        return self.building / PAYMENT

    @property
    def utility(self) -> float:
        """Of these means."""
        return float(utility(self.income - self.tax + self.transfer, self.labor))


@dataclass(frozen=True)
class Plan:
    """What he could do instead."""

    years: int
    """In which he builds; of several equally good numbers the highest."""
    houses: float
    """In all of them together."""
    tax: float
    utility: float


PUBLISHED = {
    "free_market": Builder(np.zeros(7), 2119, 1668, 2965, 0, 0),
    "us_federal": Builder(LAW, 1875, 1324, 2385, 1875 + 134 - 1581, 134),
    "saez_estimated": Builder(np.array([69, 30, 30, 33, 40, 21, 4]) / 100, 1989, 1493, 2666, 1989 + 220 - 1641, 220),
    "planner": Builder(np.array([66, 16, 59, 72, 7, 12, 49]) / 100, 2105, 1588, 2812, 2105 + 255 - 1598, 255),
}


def utility(coin, labor):
    """Isoelastic in coin, linear in effort."""
    return (np.maximum(coin, 1e-9) ** (1 - ETA) - 1) / (1 - ETA) - LABOR_COST * labor


def tax_on(income, rates):
    """Tax of one year."""
    widths = np.diff(np.append(CUTOFFS, np.inf))
    return np.sum(rates * np.clip(np.asarray(income)[..., None] - CUTOFFS, 0.0, widths), axis=-1)


def best_plan(builder: Builder, most: float = MOST_HOUSES[1]) -> Plan:
    """The plan that pays him most, with no more than `most` houses a year. To a fifth of a house."""
    years, each = np.meshgrid(np.arange(YEARS + 1), np.linspace(0, most, 50 * int(most) + 1), indexing="ij")
    houses, earns = years * each, builder.income / builder.houses
    tax = years * tax_on(earns * each, builder.rates)
    transfer = builder.transfer + (tax - builder.tax) / 4
    found = utility(earns * houses - tax + transfer, builder.labor / builder.houses * houses)
    equal = np.isclose(found, found.max(), atol=1e-2)
    at = np.argwhere(equal)[-1]
    at = (at[0], found[at[0]].argmax())
    return Plan(int(years[at]), float(houses[at]), float(tax[at]), float(found[at]))


def ours() -> dict[str, Builder]:
    """Those of the runs that are stored beside this file."""
    groups = pl.read_csv(HERE / "groups.csv").group_by("arm", "group", "metric").agg(pl.col("value").mean())
    schedules = pl.read_csv(HERE / "schedules.csv").group_by("arm", "bracket").agg(pl.col("rate").mean())
    best = groups.filter(pl.col("group") == groups["group"].max())
    found = {}
    for arm in PUBLISHED:
        means = dict(best.filter(arm=arm).select("metric", "value").iter_rows())
        rates = schedules.filter(arm=arm).sort("bracket")["rate"].to_numpy()
        numbers = [means[name] for name in ("income", "labor", "build_income", "tax", "transfer")]
        found[arm] = Builder(rates, *numbers)
    return found


def main() -> None:
    """Write the table, and print it."""
    rows = []
    for source, arms in (("published", PUBLISHED), ("ours", ours())):
        for arm, builder in arms.items():
            numbers = [builder.houses, builder.tax, builder.utility]
            for most in MOST_HOUSES:
                plan = best_plan(builder, most)
                numbers += [float(plan.years), plan.houses, plan.tax, plan.utility]
            rows.append((source, arm, *(round(number, 1) for number in numbers)))
    of_plan = [f"{name}_{most}" for most in MOST_HOUSES for name in ("years", "houses", "tax", "utility")]
    columns = ("houses", "tax", "utility", *of_plan)
    frame = pl.DataFrame(rows, schema=("citizens", "arm", *columns), orient="row")
    frame.write_csv(HERE / "best_builder.csv")
    print(frame)


if __name__ == "__main__":
    main()
