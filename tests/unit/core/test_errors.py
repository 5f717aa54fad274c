"""Errors say what was given, what is allowed and what was probably meant, in one line."""

import pytest

from fisc.core.errors import ConfigError, DivergenceError, FiscError, RunError, nearest, unknown


def test_the_nearest_spelling_comes_first_and_all_names_follow_in_order():
    # By hand: from the docstring's contract.
    assert nearest("plannr", ["saez", "planner", "flat"]) == "did you mean 'planner'? (allowed: flat, planner, saez)"


def test_nothing_is_suggested_for_a_word_that_is_like_no_other():
    assert nearest("xyz", ["saez", "flat"]) == "allowed are flat, saez"


def test_an_unknown_name_is_quoted_with_its_kind():
    error = unknown("arm", "saes", ["saez"])
    assert isinstance(error, ConfigError)
    assert str(error) == "unknown arm 'saes': did you mean 'saez'? (allowed: saez)"


@pytest.mark.parametrize("kind", [ConfigError, RunError, DivergenceError])
def test_every_error_that_a_user_can_mend_is_of_one_family(kind):
    # Contract: the command line prints FiscError as one line, and library users catch ValueError.
    assert issubclass(kind, FiscError)
    assert issubclass(kind, ValueError)
