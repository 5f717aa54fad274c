"""What cannot be is refused in one line. Kind: contract."""

import pytest

from fisc.core.errors import ConfigError
from fisc.economies.business_cycle.setting import Setting, make_economy


@pytest.mark.parametrize(
    "given, message",
    [
        ({"firms": 7}, "7 firms, but the labor exponents of the release are for 10: give a list of 7"),
        ({"firms": 2, "labor_exponent": (0.2, 0.4, 0.6)}, "2 firms, but 3 labor exponents are listed"),
        ({"firms": 2, "labor_exponent": (0.2, 1.4)}, r"every one must be in \[0, 1\]"),
        ({"firms": 12, "labor_exponent": "proportional"}, "give a list of 12"),
        ({"labor_exponent": "releese"}, "did you mean 'release'"),
        ({"capital": "two_level"}, "did you mean 'two_levels'"),
        ({"capital": (1.0, 2.0)}, "10 firms, but 2 capital are listed"),
        ({"capital": (-1.0,) * 10}, "at least 0"),
        ({"consumers": 0}, "consumers is 0: it must be at least 1"),
        ({"quarters": 0}, "quarters is 0"),
        ({"menus": {"prices": ()}}, "the menu of prices is empty"),
        ({"menus": {"price": (1.0,)}}, "unknown menu 'price'"),
        ({"menus": {"income_rates": (0.0, 20.0)}}, r"every entry must be in \[0, 1\]"),
        ({"menus": {"wages": (-1.0,)}}, "finite and at least 0"),
        ({"menus": {"wages": (1.0, 1.0)}}, "give every entry once"),
        ({"fixed_taxes": (0.2, 1.2)}, r"two fractions in \[0, 1\]"),
        ({"fixed_taxes": (0.2,)}, "an income and a corporate rate"),
        ({"fixed_taxes": (float("nan"), 0.2)}, r"two fractions in \[0, 1\]"),
        ({"export_quota": -1.0}, "export_quota is -1.0"),
        ({"interest": float("inf")}, "interest is inf"),
        ({"disutility": 0.0}, "disutility is 0.0: it must be above 0"),
        ({"disutility_shape": -4.0}, "Pareto shape is -4.0"),
        ({"utility": "cra"}, "unknown utility 'cra': did you mean"),
        ({"welfare": "consumer"}, "did you mean 'consumers'"),
        ({"debt_price": {"firms": 1.0}}, "did you mean 'firm'"),
        ({"debt_step": {"firm": -1.0}}, "debt_step.firm is -1.0"),
        ({"power": 1.5}, r"power is 1.5: it must be in \(0, 1\]"),
    ],
)
def test_settings_that_cannot_be(given, message):
    with pytest.raises(ConfigError, match=message) as error:
        make_economy(Setting(**given))
    assert "\n" not in str(error.value)
