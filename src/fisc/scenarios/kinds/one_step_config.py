"""The one-step economy as plain data. No jax here."""

from dataclasses import dataclass
from typing import Literal

from fisc.core.errors import ConfigError
from fisc.scenarios.kinds.base_config import EconomyConfig
from fisc.scenarios.reading import check

REFERENCES = {
    "lomax": ("zheng2022", "zheng2020"),
    "quantiles": ("zheng2022",),
    "us_wages": ("taxcalc", "saez2001"),
    "list": (),
}
"""What a population rests on, by `skills`."""


@dataclass(frozen=True)
class OneStepConfig(EconomyConfig):
    """The one-step economy: who lives in it, and what they want."""

    kind: Literal["one_step"] = "one_step"
    workers: int = 100
    skills: Literal["lomax", "quantiles", "us_wages", "list"] = "lomax"
    """Drawn as the reference draws them, their quantiles, recovered from US wages, or listed in `skill_list`."""
    skill_list: tuple[float, ...] = ()
    """Coin per hour of every worker, for skills = 'list'."""
    pareto_parameter: float = 8.0
    """Of the Lomax law that skills follow."""
    max_skill: float = 190.0
    """Skills are capped here, coin per hour."""
    labor: Literal["grid", "continuous"] = "grid"
    labor_steps: int = 100
    """Positive choices on the grid."""
    max_labor: float = 100.0
    """Most hours (with US wages: full-time years of 2,000 hours) that can be worked."""
    utility: Literal["quasi_linear", "log_net", "isoelastic"] = "quasi_linear"
    labor_cost: float = 0.0005
    """Coefficient of the disutility of labor; with US wages it is calibrated instead."""
    labor_exponent: float = 3.5
    """Power of labor in it; the elasticity of income to the net-of-tax rate is 1 / (labor_exponent - 1)."""
    eta: float = 0.5
    """Curvature of isoelastic utility."""
    equality_weight: float = 1.0
    """Weight of equality in the objective equality_times_productivity; 0 is productivity alone."""
    year: int = 2024
    """US wages and US law of this year."""
    status: Literal["single", "joint", "separate", "head"] = "single"
    """Filing status of the US workers and of their law."""
    gini: Literal["exact", "foundation"] = "exact"
    seen_incomes: int = 0
    """Order statistics of last period's incomes that everybody sees."""
    planner_sees_citizens: bool = False

    def __post_init__(self):
        check("economy.workers", self.workers, self.workers >= 1, "at least 1")
        check("economy.pareto_parameter", self.pareto_parameter, self.pareto_parameter > 0, "above 0")
        check("economy.max_skill", self.max_skill, self.max_skill > 1, "above 1")
        check("economy.labor_steps", self.labor_steps, self.labor_steps >= 1, "at least 1")
        check("economy.max_labor", self.max_labor, self.max_labor > 0, "above 0")
        check("economy.labor_cost", self.labor_cost, self.labor_cost > 0, "above 0")
        check("economy.labor_exponent", self.labor_exponent, self.labor_exponent > 1, "above 1")
        for name in ("eta", "equality_weight"):
            check(f"economy.{name}", getattr(self, name), 0 <= getattr(self, name) <= 1, "in [0, 1]")
        check(
            "economy.seen_incomes",
            self.seen_incomes,
            0 <= self.seen_incomes <= self.workers,
            "from 0 to economy.workers",
        )
        if self.skills == "list":
            good = len(self.skill_list) == self.workers and all(s > 0 for s in self.skill_list)
            check(
                "economy.skill_list", list(self.skill_list), good, f"{self.workers} positive numbers (economy.workers)"
            )

    @property
    def num_people(self):
        """The workers."""
        return self.workers

    @property
    def num_periods(self):
        """One year."""
        return 1

    @property
    def references(self):
        """By where skills come from."""
        return REFERENCES[self.skills]

    @property
    def money(self):
        """Wages are in dollars."""
        return "dollars" if self.skills == "us_wages" else "coin"

    @property
    def law_year(self):
        """Wages and law are of the same year."""
        return (self.year, self.status) if self.skills == "us_wages" else None

    @property
    def flag_keys(self):
        """The elasticity is 1 / (labor_exponent - 1); only US wages have a year."""
        keys = {"workers": "economy.workers"}
        if self.utility != "isoelastic":
            keys["elasticity"] = "economy.labor_exponent"
        return keys | ({"year": "economy.year"} if self.skills == "us_wages" else {})

    def inexact(self, what):
        """With isoelastic utility, how one works depends on what all others pay."""
        if self.utility != "isoelastic":
            return None
        return ConfigError(f"{what} needs exact best responses: set economy.utility to quasi_linear or log_net")

    def check_scenario(self, scenario):
        """US wages are in dollars, and of single persons."""
        if self.skills != "us_wages":
            return
        if scenario.taxes.dollars_per_coin != 1.0:
            raise ConfigError(
                f"taxes.dollars_per_coin is {scenario.taxes.dollars_per_coin}: with skills from US wages it must be 1, "
                "as wages are in dollars"
            )
        if self.status == "joint":
            raise ConfigError(
                "economy.status is 'joint': that law taxes two spouses' wages together, but workers appear one by one; "
                "choose single, head or separate"
            )

    @property
    def elasticity(self) -> float:
        """Elasticity of income to the net-of-tax rate."""
        return 1.0 / (self.labor_exponent - 1.0)
