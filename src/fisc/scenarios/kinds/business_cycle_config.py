"""The business-cycle economy as plain data. No jax here."""

from dataclasses import dataclass, field
from typing import Literal

from fisc.core.errors import ConfigError, unknown
from fisc.scenarios.kinds.base_config import EconomyConfig
from fisc.scenarios.reading import check

ARMS = ("free_market", "flat", "fixed", "laboratories", "planner")
"""Tax systems that make sense where every income is taxed at one rate and every profit at another; and flat_NN."""


@dataclass(frozen=True)
class BusinessCycleConfig(EconomyConfig):
    """The business-cycle economy: consumers, firms and a government."""

    kind: Literal["business_cycle"] = "business_cycle"
    consumers: int = 100
    firms: int = 10
    quarters: int = 10
    """Of an episode."""
    is_open: bool = True
    """Whether there is a world market for what is left."""
    menus: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """Choices other than the published ones: quantities, hours, prices, wages and shares (of income, invested)."""
    consumer_budget: float = 2000.0
    firm_budget: float | Literal["published"] = "published"
    """At the start; 'published': 22,000 a consumer."""
    price: float = 1000.0
    """Of every good in the first quarter."""
    wage: float = 0.0
    """In the first quarter."""
    inventory: float = 0.0
    """Units of every good at the start."""
    capital: Literal["two_levels", "proportional", "same"] | tuple[float, ...] = "two_levels"
    """5,000 in the first half of the firms and 10,000 in the second, 0.2 · number of the firm, 1, or listed."""
    labor_exponent: Literal["release", "proportional"] | float | tuple[float, ...] = "release"
    """Of production: those of ten firms, 0.2 · number of the firm in each half, one for all, or listed."""
    disutility: float = 0.01
    """Highest disutility of labor of a consumer, utils per two hours."""
    disutility_shape: float = 4.0
    """Shape of the Pareto law by which it falls from consumer to consumer; 0: the same for all."""
    utility: Literal["crra", "cara", "hybrid"] = "crra"
    """Of goods."""
    eta: float = 0.1
    """Curvature of crra."""
    aversion: float = 0.5
    """Of cara and hybrid."""
    power: float = 0.9
    """Of hybrid."""
    productivity: float = 0.01
    labor_floor: float = 0.0
    """Hours below which a firm produces nothing."""
    export_floor: float = 500.0
    """The world market buys nothing below this price."""
    export_quota: float = 100.0
    """Most units of a good that it buys in a quarter."""
    exports_at_floor: bool = True
    """Whether it buys at a price equal to the floor."""
    exports_pay_floor: bool = False
    """Whether it pays the floor, and not the firm's own price."""
    investment_of: Literal["income", "budget"] = "income"
    corporate_tax_on: Literal["profit", "sales"] = "profit"
    shortage_of: Literal["affordable", "wanted"] = "affordable"
    """Whether a good counts as short by what consumers could pay or by what they wished for."""
    interest: float = 0.0
    """Rate on savings in a quarter."""
    top_up: float = 0.01
    """Dollars that every consumer gets from nowhere in each quarter: a guard against tiny debts."""
    activity_bonus: float = 0.0
    """Reward of a solvent firm per dollar of revenue."""
    debt_price: dict[str, float] = field(default_factory=dict)
    """First multiplier on debts at the end, by role (consumer, firm); 0 where not named. `debt_step` is its rise."""
    debt_step: dict[str, float] = field(default_factory=dict)
    luck_is_frozen: bool = False
    """Whether firms and government draw their luck once and for ever, as a fault of the release had it."""
    drops_last_offers: bool = False
    """Whether firms and government have no choice in the last quarter, whose offers nobody meets: noise to a policy
    that learns. Firms then invest a single share."""
    num_digits: int = 10
    """Digits in which budgets and stocks are seen."""

    def __post_init__(self):
        for name in ("consumers", "firms", "quarters", "num_digits"):
            check(f"economy.{name}", getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in NOT_NEGATIVE:
            check(f"economy.{name}", getattr(self, name), getattr(self, name) >= 0, "at least 0")
        if self.firm_budget != "published":
            check("economy.firm_budget", self.firm_budget, self.firm_budget >= 0, "'published' or at least 0")
        for name in ("disutility", "aversion"):
            check(f"economy.{name}", getattr(self, name), getattr(self, name) > 0, "above 0")
        check("economy.power", self.power, 0 < self.power <= 1, "in (0, 1]")
        for name in set(self.menus) - set(MENUS):
            raise unknown("menu", f"economy.menus.{name}", [f"economy.menus.{menu}" for menu in MENUS])

    @property
    def num_people(self):
        """The consumers."""
        return self.consumers

    @property
    def num_periods(self):
        """Every quarter is a tax period."""
        return self.quarters

    @property
    def references(self):
        """The paper that describes the economy."""
        return ("curry2022",)

    @property
    def money(self):
        """Prices and wages are in dollars."""
        return "dollars"

    @property
    def objectives(self):
        """With or without profits."""
        return ("total_welfare", "utilitarian")

    @property
    def learning_kind(self):
        """Who joins when is the economy's own curriculum."""
        return "structured"

    @property
    def flag_keys(self):
        """People are consumers here."""
        return {"workers": "economy.consumers"}

    def inexact(self, what):
        """Nothing is known exactly here."""
        return ConfigError(
            f"{what} needs exact best responses, which nobody knows in the economy business_cycle: compare given rates "
            "(flat_20, or taxes.flat_rate with a number) with the arm planner"
        )

    def check_arm(self, arm):
        """One rate for all incomes and profits, or a government that sets both."""
        if arm not in ARMS and not arm.startswith("flat_"):
            raise ConfigError(
                f"arm '{arm}' does not fit the economy business_cycle, where income and profit are taxed at one rate "
                f"each: choose {', '.join(ARMS)} or flat_NN (flat_20 for 20 %)"
            )

    def check_scenario(self, scenario):
        """There are no brackets to choose."""
        for arm in scenario.arms:
            self.check_arm(arm)
        if scenario.taxes.planner != "grid":
            raise ConfigError(
                f"taxes.planner is '{scenario.taxes.planner}': the government of the economy business_cycle chooses "
                "from a menu; set it to 'grid', with the distance of rates in taxes.rate_step"
            )
        for name, budget in scenario.budgets.items():
            # The schedule is stretched to the common start and what follows: it must be the same for all.
            lengths = {"updates": budget.updates, "planner_updates": budget.planner_updates}
            lengths["search_updates"] = budget.num_search_updates
            if budget.common_updates and len(set(lengths.values())) > 1:
                said = ", ".join(f"{key} {value}" for key, value in lengths.items())
                raise ConfigError(
                    f"budgets.{name} has {said}: after common_updates the schedule goes on equally long for all; set "
                    "them to one number, or common_updates to 0"
                )


NOT_NEGATIVE = (
    "consumer_budget", "price", "wage", "inventory", "disutility_shape", "eta", "productivity", "labor_floor",
    "export_floor", "export_quota", "interest", "top_up", "activity_bonus",
)  # fmt: skip
MENUS = ("quantities", "hours", "prices", "wages", "shares")
