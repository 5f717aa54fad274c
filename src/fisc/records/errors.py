"""The error of a run folder: one line that says what was given, what was expected and how to mend it."""

import difflib
from collections.abc import Iterable


class RecordError(ValueError):
    """A run folder, table or row that cannot be read or written as asked."""


def nearest_spelling(word: str, known: Iterable[str]) -> str:
    """Say which of the known words is meant, or list all of them.

    >>> nearest_spelling("equalty", ["equality", "productivity"])
    "did you mean 'equality'?"
    >>> nearest_spelling("x", ["coin", "dollars"])
    'expected one of: coin, dollars'
    """
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"expected one of: {', '.join(words)}"
