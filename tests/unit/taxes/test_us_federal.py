"""US federal law: statutory numbers, names and errors. No jax here: the law is data."""

import numpy as np
import pytest

from fisc.core.errors import ConfigError
from fisc.taxes.us_federal import FOUNDATION_2018_ALIAS, STATUSES, Law, load_law, resolve_law_name

RATES_BEFORE_2018 = (0.10, 0.15, 0.25, 0.28, 0.33, 0.35, 0.396)
RATES_SINCE_2018 = (0.10, 0.12, 0.22, 0.24, 0.32, 0.35, 0.37)

# Kind: stored golden, typed in by hand from the statutory tables of single filers (not read from the data file).
STATUTE = {
    2013: (RATES_BEFORE_2018, (0, 8_925, 36_250, 87_850, 183_250, 398_350, 400_000), 6_100),
    2018: (RATES_SINCE_2018, (0, 9_525, 38_700, 82_500, 157_500, 200_000, 500_000), 12_000),
    2020: (RATES_SINCE_2018, (0, 9_875, 40_125, 85_525, 163_300, 207_350, 518_400), 12_400),
    2024: (RATES_SINCE_2018, (0, 11_600, 47_150, 100_525, 191_950, 243_725, 609_350), 14_600),
    2025: (RATES_SINCE_2018, (0, 11_925, 48_475, 103_350, 197_300, 250_525, 626_350), 15_750),
    2026: (RATES_SINCE_2018, (0, 12_400, 50_400, 105_700, 201_775, 256_225, 640_600), 16_100),
}


def tax_due(income: float, law: Law) -> float:
    """Tax by the definition: each rate times the income inside its bracket."""
    upper = (*law.cutoffs[1:], np.inf)
    slices = (max(min(income, top) - bottom, 0.0) for bottom, top in zip(law.cutoffs, upper, strict=True))
    return sum(rate * part for rate, part in zip(law.rates, slices, strict=True))


@pytest.mark.parametrize("year", STATUTE)
def test_single_filers_face_the_statutory_brackets(year: int) -> None:
    """Stored golden: numbers of the statute."""
    rates, cutoffs, deduction = STATUTE[year]
    assert load_law(year) == Law(year, "single", tuple(map(float, cutoffs)), rates, float(deduction))


@pytest.mark.parametrize("year", range(2013, 2027))
def test_every_year_and_status_is_a_rising_schedule_of_seven_brackets(year: int) -> None:
    """Property: what any economy may rely on."""
    for status in STATUSES:
        law = load_law(year, status)
        assert len(law.cutoffs) == len(law.rates) == 7
        assert law.cutoffs[0] == 0.0
        assert all(np.diff(law.cutoffs) > 0) and all(np.diff(law.rates) > 0)
        assert law.rates[0] > 0.0 and law.rates[-1] < 1.0
        assert law.standard_deduction > 0.0


@pytest.mark.parametrize("year", range(2013, 2027))
def test_couples_get_twice_the_first_bracket_and_deduction_of_singles(year: int) -> None:
    """Property of the statute in all these years: no marriage penalty at the bottom."""
    single, joint, separate = (load_law(year, status) for status in ("single", "joint", "separate"))
    assert joint.cutoffs[1] == 2 * single.cutoffs[1] == 2 * separate.cutoffs[1]
    assert joint.standard_deduction == 2 * single.standard_deduction


def test_widows_and_widowers_file_under_the_joint_schedule() -> None:
    """Property: "widow" is an alias."""
    assert load_law(2024, "widow") == load_law(2024, "joint")


def test_the_reference_program_calls_the_law_of_2019_by_the_name_2018() -> None:
    """Stored golden: the reference program's brackets, typed in by hand, are those of 2019."""
    alias = resolve_law_name(FOUNDATION_2018_ALIAS)
    assert alias == load_law(2019, "single")
    assert alias.cutoffs == (0, 9_700, 39_475, 84_200, 160_725, 204_100, 510_300)
    assert alias.rates == RATES_SINCE_2018
    assert alias.cutoffs != load_law(2018).cutoffs


def test_a_law_is_found_by_its_name() -> None:
    """Property: year and filing status are read from the name; single is understood."""
    assert resolve_law_name("us-federal-2024") == load_law(2024, "single")
    assert resolve_law_name("us-federal-2015-head") == load_law(2015, "head")


def test_the_standard_deduction_becomes_a_bracket_taxed_at_zero() -> None:
    """Closed form: the tax on gross wages is the tax on wages less the deduction."""
    law = load_law(2024)
    gross = law.with_standard_deduction()
    assert gross.rates == (0.0, *RATES_SINCE_2018)
    assert gross.cutoffs == (0, 14_600, 26_200, 61_750, 115_125, 206_550, 258_325, 623_950)  # 2024 cutoffs + 14,600
    assert gross.standard_deduction == 0.0
    for wage in (0.0, 14_000.0, 14_600.0, 26_200.0, 80_000.0, 1e6):
        assert tax_due(wage, gross) == pytest.approx(tax_due(max(wage - 14_600.0, 0.0), law), abs=1e-9)


def test_the_deduction_is_taken_only_once() -> None:
    """Property: applying it to a law on gross wages changes nothing."""
    gross = load_law(2024).with_standard_deduction()
    assert gross.with_standard_deduction() == gross


@pytest.mark.parametrize("year", [2012, 2027, 2031])
def test_a_year_without_law_is_an_error_that_names_the_years_shipped(year: int) -> None:
    """Property: the message says what was given and what is allowed."""
    message = rf"no US federal law for year {year}: fisc ships 2013-2026 \(taxes/data/us_federal\.json\)"
    with pytest.raises(ConfigError, match=message):
        load_law(year)


def test_an_unknown_filing_status_is_an_error_with_the_nearest_spelling() -> None:
    """Property: the message suggests."""
    with pytest.raises(ConfigError, match=r"'singel'.*did you mean 'single'"):
        load_law(2024, "singel")


@pytest.mark.parametrize("name", ["2024", "us-federal-", "us-federal-now", "federal-2024", ""])
def test_a_law_name_of_another_form_is_an_error_that_shows_the_form(name: str) -> None:
    """Property: the message says what a name looks like."""
    with pytest.raises(ConfigError, match="expected 'us-federal-YEAR'"):
        resolve_law_name(name)
