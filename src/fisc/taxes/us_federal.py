"""US federal income tax on ordinary income, as law by year: bracket cutoffs, rates and the standard deduction.

Statutory values of 2013-2026 in `data/us_federal.json`, built by `tools/build_us_data.py` from taxcalc (public domain).
Left out: credits (EITC, child tax credit), itemized deductions, payroll taxes, preferential rates on capital gains, the
alternative minimum tax and state taxes. Axis: `B` brackets.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from fisc.core.errors import ConfigError, unknown

if TYPE_CHECKING:
    from fisc.taxes.fixed import Fixed

DATA_FILE = "us_federal.json"

STATUSES = ("single", "joint", "separate", "head")
WIDOW = "widow"
"""A qualifying surviving spouse files under the schedule of joint filers in every year shipped."""

FOUNDATION_2018_ALIAS = "us-federal-single-filer-2018-scaled"
"""What the AI Economist reference program calls its US tax system; see `resolve_law_name`."""

FOUNDATION_2018_YEAR = 2019
"""The year whose single-filer brackets the reference program ships under the name 2018."""

LAW_PREFIX = "us-federal-"


@dataclass(frozen=True)
class Law:
    """Marginal income tax rates by bracket for one year and filing status.

    Bracket b covers incomes from `cutoffs[b]` to `cutoffs[b + 1]`; the last one is open.
    """

    year: int
    status: str
    """One of `STATUSES`."""
    cutoffs: tuple[float, ...]
    """Lower end of each bracket, in dollars of `year`; increasing, the first is 0."""
    rates: tuple[float, ...]
    """Marginal rate in each bracket, a fraction."""
    standard_deduction: float
    """Dollars a year exempt before `cutoffs` apply; 0 if `cutoffs` already contain it."""

    def with_standard_deduction(self) -> "Law":
        """Return the same tax as a schedule on gross wages instead of taxable income.

        A zero-rate bracket comes first and every cutoff moves up by the deduction, so B brackets become B + 1. A law
        without a deduction, such as the result of this method, is returned as it is.
        """
        if self.standard_deduction == 0.0:
            return self
        shifted = tuple(cutoff + self.standard_deduction for cutoff in self.cutoffs)
        return Law(self.year, self.status, (0.0, *shifted), (0.0, *self.rates), standard_deduction=0.0)


@lru_cache(maxsize=1)
def _read_laws() -> dict[tuple[int, str], Law]:
    """Return every law in the data file, by year and filing status."""
    content = json.loads((files("fisc.taxes") / "data" / DATA_FILE).read_text(encoding="utf-8"))
    laws = (
        Law(row["year"], row["status"], tuple(row["cutoffs"]), tuple(row["rates"]), row["standard_deduction"])
        for row in content["law"]
    )
    return {(law.year, law.status): law for law in laws}


@lru_cache(maxsize=256)
def load_law(year: int, status: str = "single") -> Law:
    """Return the US federal income tax law of a year.

    Args:
        year: tax year.
        status: filing status, one of `STATUSES`; "widow" is an alias of "joint".

    Raises:
        ConfigError: the year is not shipped, or the filing status is unknown.

    Source: statute as collected by taxcalc 6.8.0 (`policy_current_law.json`).
    """
    laws = _read_laws()
    if status not in (*STATUSES, WIDOW):
        raise unknown("US filing status", status, (*STATUSES, WIDOW))
    law = laws.get((year, "joint" if status == WIDOW else status))
    if law is None:
        years = [shipped for shipped, _ in laws]
        raise ConfigError(
            f"no US federal law for year {year}: fisc ships {min(years)}-{max(years)} (taxes/data/{DATA_FILE})"
        )
    return law


def resolve_law_name(name: str) -> Law:
    """Return the law a name stands for: "us-federal-2024", "us-federal-2024-joint" or the reference program's name.

    Differs: the reference program's "us-federal-single-filer-2018-scaled" has the single-filer brackets of tax year
    2019, not 2018 (its first cutoff is 9,700 dollars; the 2018 law says 9,525). The alias returns 2019, in dollars:
    the program divides them by 1000 to get coin, and it taxes income from the first coin, without the deduction.

    Raises:
        ConfigError: the name has another form, or its year or filing status is not shipped.
    """
    if name == FOUNDATION_2018_ALIAS:
        return load_law(FOUNDATION_2018_YEAR, "single")
    year, _, status = name.removeprefix(LAW_PREFIX).partition("-")
    if not name.startswith(LAW_PREFIX) or not (year.isascii() and year.isdigit()):
        raise ConfigError(
            f"unknown law '{name}': expected '{LAW_PREFIX}YEAR', '{LAW_PREFIX}YEAR-STATUS' (for example"
            f" '{LAW_PREFIX}2024-joint') or '{FOUNDATION_2018_ALIAS}'"
        )
    return load_law(int(year), status or "single")


def law_schedule(law: Law, dollars_per_coin: float = 1.0) -> "Fixed":
    """Make the tax system that applies a law in an economy whose coin is worth `dollars_per_coin`.

    Raises:
        ConfigError: `dollars_per_coin` is not a positive number.
    """
    # Imported here so that reading the law itself needs no jax.
    from fisc.taxes.fixed import fixed

    if not 0.0 < dollars_per_coin < float("inf"):
        raise ConfigError(f"dollars_per_coin must be a positive number, got {dollars_per_coin}")
    return fixed([cutoff / dollars_per_coin for cutoff in law.cutoffs], law.rates)


def us_federal(
    year: int = 2024, status: str = "single", *, standard_deduction: bool = False, dollars_per_coin: float = 1.0
) -> "Fixed":
    """Make the tax system of a year's US federal law, see `load_law`.

    Args:
        year: tax year.
        status: filing status, one of `STATUSES`; "widow" is an alias of "joint".
        standard_deduction: exempt the standard deduction: the schedule applies to gross wages, with one bracket more.
        dollars_per_coin: dollars of `year` that one coin of the economy stands for.

    Raises:
        ConfigError: the year is not shipped, the status is unknown, or `dollars_per_coin` is not positive.
    """
    law = load_law(year, status)
    return law_schedule(law.with_standard_deduction() if standard_deduction else law, dollars_per_coin)
