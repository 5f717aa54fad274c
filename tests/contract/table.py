"""The table that the contract suite walks through: economies, tax systems that fit them, horizons.

A new economy or tax system is a row here. Axis `n`: seven citizens of unequal skill.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import jax.numpy as jnp
import numpy as np

from fisc.core.spaces import Box, Discrete
from fisc.core.tax import TaxSystem
from fisc.econ.welfare import inverse_income_weighted_utility
from fisc.economies.one_step.economy import OneStep
from fisc.economies.one_step.preferences import QuasiLinear
from fisc.taxes.fixed import flat, free_market
from fisc.taxes.planner import PlannerContinuous, PlannerGrid
from fisc.taxes.saez import saez_estimated
from fisc.taxes.us_federal import us_federal

SKILLS = (1.5, 4.0, 7.0, 11.0, 18.0, 30.0, 75.0)
CUTOFFS = np.array([0.0, 97.0, 400.0, 1600.0])


def one_step(labor: str) -> Callable[..., OneStep]:
    """A maker of one-step economies with this labor choice."""

    def make(tax: TaxSystem, skills=SKILLS, **options) -> OneStep:
        return OneStep(
            skills=jnp.asarray(skills, float),
            preferences=QuasiLinear(jnp.asarray(0.0005, float), jnp.asarray(3.5, float)),
            tax=tax,
            labor_unit=jnp.ones((), float),
            skill_scale=jnp.asarray(75.0, float),
            objective=inverse_income_weighted_utility,
            labor=Discrete(101) if labor == "grid" else Box(0.0, 100.0, 1),
            num_incomes_seen=3,
            planner_sees_citizens=True,
            **options,
        )

    return make


ECONOMIES: dict[str, Callable[..., OneStep]] = {
    "one-step, hours on a grid": one_step("grid"),
    "one-step, any hours": one_step("continuous"),
}

TAXES: dict[str, Callable[[], TaxSystem]] = {
    "free market": lambda: free_market(CUTOFFS),
    "US federal": lambda: us_federal(2024, dollars_per_coin=100.0),
    "flat": lambda: flat(CUTOFFS, 0.3),
    "planner, grid": lambda: PlannerGrid(jnp.asarray(CUTOFFS, float), 0.25),
    "planner, continuous": lambda: PlannerContinuous(jnp.asarray(CUTOFFS, float)),
    "Saez": lambda: saez_estimated(CUTOFFS, window=14),  # ready in the second episode
}

HORIZONS: dict[str, tuple[int, int]] = {"1 period of 2": (1, 2), "2 periods of 3": (2, 3)}


@dataclass(frozen=True)
class Case:
    """One configuration."""

    economy: str
    taxes: str
    horizon: str

    def __str__(self):
        return f"{self.economy}; {self.taxes}; {self.horizon}"

    @cache  # noqa: B019 - the table is small and lives as long as the process
    def world(self, tax: str | None = None) -> OneStep:
        """The economy, with another row's tax system if asked."""
        periods, steps = HORIZONS[self.horizon]
        options = {"periods": periods, "steps_per_period": steps, "first_step_is_idle": self.horizon == "1 period of 2"}
        return ECONOMIES[self.economy](TAXES[tax or self.taxes](), **options)


GRID, ANY = ECONOMIES
SHORT, LONG = HORIZONS
CASES = [
    Case(GRID, "free market", SHORT), Case(ANY, "free market", LONG),
    Case(GRID, "US federal", LONG), Case(ANY, "US federal", SHORT),
    Case(GRID, "flat", SHORT), Case(ANY, "flat", LONG),
    Case(GRID, "planner, grid", LONG), Case(ANY, "planner, grid", SHORT),
    Case(GRID, "planner, continuous", SHORT), Case(ANY, "planner, continuous", LONG),
    Case(GRID, "Saez", LONG), Case(ANY, "Saez", SHORT),
]  # fmt: skip
"""Every tax system meets every economy and every horizon, and every economy every horizon."""
