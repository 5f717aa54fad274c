"""Whose error it is: what a user can mend is said in one line, anything else is a bug. Imports no jax."""

import sys
import traceback


def for_users(error: Exception) -> str | None:
    """One line about what a user can mend: an error of fisc's, a file, or the code in one of the user's own.

    None for a bug.
    """
    from fisc.core.errors import FiscError
    from fisc.records.errors import RecordError

    if isinstance(error, FiscError | RecordError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    place = _place_in_own_file(error)
    if place is None:
        return None
    first_line = (error.msg if isinstance(error, SyntaxError) else str(error)).partition("\n")[0]
    return f"{place}: {type(error).__name__}: {first_line} (fisc --debug shows the traceback)"


def _place_in_own_file(error: Exception) -> str | None:
    """File and line where a file of the user's own went wrong: such a file runs without being an imported module."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}"
    places = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename.endswith(".py")
        and getattr(sys.modules.get(frame.f_globals.get("__name__")), "__dict__", None) is not frame.f_globals
    ]
    return places[-1] if places else None
