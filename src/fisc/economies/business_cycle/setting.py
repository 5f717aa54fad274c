"""A business-cycle economy as plain numbers, with the published ones as defaults, and its construction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import get_args

import jax.numpy as jnp
import numpy as np

from fisc.core.errors import ConfigError, unknown
from fisc.economies.business_cycle.choices import make_menus
from fisc.economies.business_cycle.debts import NoPonzi
from fisc.economies.business_cycle.economy import BusinessCycle, Readings, Rules, Scales, Start, Tastes
from fisc.economies.business_cycle.endowments import capitals, labor_exponents, pareto_disutilities
from fisc.economies.business_cycle.export import Exports
from fisc.economies.business_cycle.invest import Basis
from fisc.economies.business_cycle.levy import Base
from fisc.economies.business_cycle.preferences import CARA, CRRA, FIRM_WEIGHTS, Hybrid, Preferences
from fisc.economies.business_cycle.produce import Technology

UTILITIES = ("crra", "cara", "hybrid")
DEBT_UNITS = {"consumer": 1.0, "firm": 100.0}
"""Dollars of debt that count as one, by role."""


@dataclass(frozen=True)
class Setting:
    """Every number of the economy. Defaults are those of the published runs in the open economy."""

    consumers: int = 100
    firms: int = 10
    quarters: int = 10
    is_open: bool = True
    """Whether there is a world market."""
    menus: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Menus other than the published ones, by name; see `choices.PUBLISHED_MENUS`."""
    consumer_budget: float = 2000.0
    firm_budget: float | None = None
    """Dollars; None for 22,000 a consumer, as published."""
    price: float = 1000.0
    wage: float = 0.0
    inventory: float = 0.0
    capital: str | Sequence[float] = "two_levels"
    labor_exponent: str | float | Sequence[float] = "release"
    disutility: float = 0.01
    """Highest disutility of labor, utils per two hours."""
    disutility_shape: float | None = 4.0
    """Shape of the Pareto law behind it; None: the same for all."""
    utility: str = "crra"
    """Of goods: crra, cara or hybrid."""
    eta: float = 0.1
    """Curvature of crra."""
    aversion: float = 0.5
    """Of cara and hybrid."""
    power: float = 0.9
    """Of hybrid."""
    welfare: str = "total"
    """Whether the government cares for consumers alone, or for the total with profits."""
    productivity: float = 0.01
    labor_floor: float = 0.0
    export_floor: float = 500.0
    export_quota: float = 100.0
    exports_at_floor: bool = True
    exports_pay_floor: bool = False
    investment_of: str = "income"
    """Where paper and release differ, here and in the next two: see `economy.Readings`."""
    corporate_tax_on: str = "profit"
    shortage_of: str = "affordable"
    interest: float = 0.0
    top_up: float = 0.01
    activity_bonus: float = 0.0
    debt_price: Mapping[str, float] = field(default_factory=dict)
    """First multiplier on debts of a role, 0 if not named; `debt_step` is its rise."""
    debt_step: Mapping[str, float] = field(default_factory=dict)
    fixed_taxes: tuple[float, ...] | None = None
    """Income and corporate rate if there is no government."""
    rates_held_for: int = 1
    """Quarters for which the government's rates stay as they are posted."""
    luck_is_frozen: bool = False
    drops_last_offers: bool = False
    """Whether firms and government have no choice in the last quarter; then firms invest a single share."""
    num_digits: int = 10

    def __post_init__(self):
        for name in ("consumers", "firms", "quarters", "num_digits", "rates_held_for"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in NOT_NEGATIVE:
            value = getattr(self, name)
            _check(name, value, isfinite(value) and value >= 0, "at least 0")
        for name in ("disutility", "aversion"):
            _check(name, getattr(self, name), isfinite(getattr(self, name)) and getattr(self, name) > 0, "above 0")
        _check("power", self.power, 0 < self.power <= 1, "in (0, 1]")
        for name, allowed in NAMED.items():
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed)
        for name, table in (("debt_price", self.debt_price), ("debt_step", self.debt_step)):
            for role, value in table.items():
                if role not in DEBT_UNITS:
                    raise unknown(f"role in {name}", role, DEBT_UNITS)
                _check(f"{name}.{role}", value, isfinite(value) and value >= 0, "at least 0")
        if self.fixed_taxes is not None:
            _check("fixed_taxes", self.fixed_taxes, len(self.fixed_taxes) == 2, "an income and a corporate rate")
            fits = all(0 <= rate <= 1 for rate in self.fixed_taxes)
            _check("fixed_taxes", self.fixed_taxes, fits, "two fractions in [0, 1] (write 40 % as 0.4)")


NOT_NEGATIVE = (
    "consumer_budget", "price", "wage", "inventory", "eta", "productivity", "labor_floor", "export_floor",
    "export_quota", "interest", "top_up", "activity_bonus",
)  # fmt: skip
NAMED = {
    "utility": UTILITIES,
    "welfare": tuple(FIRM_WEIGHTS),
    "investment_of": get_args(Basis),
    "corporate_tax_on": get_args(Base),
    "shortage_of": ("affordable", "wanted"),
}


def _check(name: str, value, is_fine: bool, allowed: str) -> None:
    if not is_fine:
        raise ConfigError(f"{name} is {value}: it must be {allowed}")


def make_economy(setting: Setting) -> BusinessCycle:
    """The economy, in jax's current default precision.

    Raises:
        ConfigError: for menus, capital or exponents that cannot be, or do not fit the number of firms.
    """
    menus = make_menus(**setting.menus)
    if setting.drops_last_offers and menus.shares.size > 1:
        raise ConfigError(
            f"drops_last_offers with {menus.shares.size} shares on the menu: what firms invest in the last quarter "
            "counts, so give one share, or leave drops_last_offers out"
        )
    capital = capitals(setting.firms, setting.capital)
    firm_budget = 22_000.0 * setting.consumers if setting.firm_budget is None else setting.firm_budget
    return BusinessCycle(
        start=Start(
            consumer_budget=_real(setting.consumer_budget),
            firm_budget=_real(firm_budget),
            capital=_real(capital),
            price=_real(setting.price),
            wage=_real(setting.wage),
            inventory=_real(setting.inventory),
        ),
        menus=menus,
        rules=_rules(setting),
        tastes=Tastes(_preferences(setting), _real(_disutilities(setting)), _real(FIRM_WEIGHTS[setting.welfare])),
        scales=Scales(
            price=jnp.max(menus.prices),
            wage=jnp.max(menus.wages),
            disutility=_real(setting.disutility),
            capital=_real(max(float(capital.max()), 1e-9)),
        ),
        fixed_taxes=None if setting.fixed_taxes is None else _real(setting.fixed_taxes),
        steps=setting.quarters,
        num_digits=setting.num_digits,
        readings=Readings(setting.investment_of, setting.corporate_tax_on, setting.shortage_of),
        rates_held_for=setting.rates_held_for,
        luck_is_frozen=setting.luck_is_frozen,
        drops_last_offers=setting.drops_last_offers,
    )


def _rules(setting: Setting) -> Rules:
    exports = None
    if setting.is_open:
        floor, quota = _real(setting.export_floor), _real(setting.export_quota)
        exports = Exports(floor, quota, setting.exports_at_floor, setting.exports_pay_floor)
    return Rules(
        technology=Technology(
            productivity=_real(setting.productivity),
            labor_exponent=_real(labor_exponents(setting.firms, setting.labor_exponent)),
            labor_floor=_real(setting.labor_floor),
        ),
        exports=exports,
        interest=_real(setting.interest),
        top_up=_real(setting.top_up),
        activity_bonus=_real(setting.activity_bonus),
        no_ponzi={
            role: NoPonzi(
                _real(setting.debt_price.get(role, 0.0)), _real(setting.debt_step.get(role, 0.0)), _real(unit)
            )
            for role, unit in DEBT_UNITS.items()
        },
    )


def _disutilities(setting: Setting) -> np.ndarray:
    if setting.disutility_shape is None:
        return np.full(setting.consumers, setting.disutility)
    return pareto_disutilities(setting.consumers, setting.disutility, setting.disutility_shape)


def _preferences(setting: Setting) -> Preferences:
    if setting.utility == "crra":
        return CRRA(_real(setting.eta))
    if setting.utility == "cara":
        return CARA(_real(setting.aversion))
    return Hybrid(_real(setting.aversion), _real(setting.power))


def _real(x):
    return jnp.asarray(x, float)
