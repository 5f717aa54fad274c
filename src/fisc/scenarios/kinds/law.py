"""Laws, brackets and welfare functions that scenarios name, for every kind of economy."""

from functools import lru_cache, partial

import jax
import numpy as np

from fisc.econ import brackets, welfare
from fisc.econ.welfare import Objective
from fisc.scenarios.config import Scenario
from fisc.taxes.fixed import check_cutoffs
from fisc.taxes.us_federal import Law, load_law, resolve_law_name

OBJECTIVES: dict[str, Objective] = {
    "inverse_income_weighted_utility": welfare.inverse_income_weighted_utility,
    "inverse_income_weighted_coin": welfare.inverse_income_weighted_coin,
    "equality_times_productivity": welfare.equality_times_productivity,
    "utilitarian": welfare.utilitarian,
    "rawlsian": welfare.rawlsian,
    "productivity": welfare.productivity,
}


def objective_of(name: str, convention: str = "exact", equality_weight: float = 1.0) -> Objective:
    """A welfare function by name; convention and weight matter where equality counts."""
    if name == "equality_times_productivity" and (convention, equality_weight) != ("exact", 1.0):
        return _mixed(convention, equality_weight)
    return OBJECTIVES[name]


@lru_cache(maxsize=32)
def _mixed(convention: str, equality_weight: float) -> Objective:
    # The same object every time: a new one would be a new program to compile.
    return partial(welfare.equality_times_productivity, mixing_weight=equality_weight, convention=convention)


def law_of(scenario: Scenario) -> Law:
    """US law of the scenario's name or year."""
    taxes = scenario.taxes
    law = resolve_law_name(taxes.law) if scenario.economy.law_year is None else load_law(*scenario.economy.law_year)
    return law.with_standard_deduction() if taxes.standard_deduction else law


def brackets_of(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Cutoffs in the scenario's money, and US rates if the brackets are those of US law (NaN otherwise); in float64.

    Raises:
        ConfigError: no such law, or cutoffs that are not in order.
    """
    taxes = scenario.taxes
    if taxes.brackets == "us_federal":
        law = law_of(scenario)
        return np.asarray(law.cutoffs) / taxes.dollars_per_coin, np.asarray(law.rates)
    if taxes.brackets == "list":
        cutoffs = np.asarray(taxes.cutoffs, float)
        check_cutoffs(cutoffs)
    else:
        cutoffs = _spaced(taxes.brackets, taxes.num_brackets, taxes.top_cutoff, scenario.economy.convention_of_taxes)
    return cutoffs, np.full(len(cutoffs), np.nan)


def _spaced(spacing: str, num: int, top: float, convention: str) -> np.ndarray:
    """Cutoffs that are equally far apart, or that double.

    Cutoffs that double are powers of 2 in the reference program, which lie beside the round numbers by some 1e-15: an
    income of just 20 coin may fall on either side. Convention "foundation" keeps that, to the last bit.
    """
    if convention == "foundation":
        if spacing == "linear":
            return np.linspace(0.0, top, num)
        return np.append(0.0, 2.0 ** np.linspace(np.log2(top / 2.0 ** (num - 2)), np.log2(top), num - 1))
    make = brackets.linear_cutoffs if spacing == "linear" else brackets.log_cutoffs
    with jax.enable_x64(True):
        return np.asarray(make(num, top), float)
