"""Errors a user can act on: each message says what was given, what is allowed and how to mend it, in one line."""

import difflib
from collections.abc import Iterable


class FiscError(ValueError):
    """Any error of fisc that a user can mend. The command line prints it as one line and exits with code 2."""


class ConfigError(FiscError):
    """A wrong key, value, unit or combination, found before anything is spent."""


class RunError(FiscError):
    """A run that cannot start, go on or be read: a folder in the way, a damaged checkpoint, a full disk."""


class ActionError(FiscError):
    """An action that is not in an agent's space, or a step out of turn."""


class DivergenceError(FiscError):
    """Training produced a number that is not finite, or an economy whose ledger does not balance."""


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Describe what is allowed in place of `word`, the nearest spelling first.

    >>> nearest("saes", ["saez", "flat"])
    "did you mean 'saez'? (allowed: flat, saez)"
    """
    names = sorted(allowed)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? (allowed: " if close else "allowed are "
    return f"{hint}{', '.join(names)}{')' if close else ''}"


def unknown(kind: str, word: str, allowed: Iterable[str]) -> ConfigError:
    """Make the error for a name that is not in a table, such as a scenario, a key, an arm or a metric."""
    return ConfigError(f"unknown {kind} '{word}': {nearest(word, allowed)}")
