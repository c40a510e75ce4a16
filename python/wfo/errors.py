"""The family of errors that this package raises.

Every message names the thing, the value it had, and what would do instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WfoError(Exception):
    """Base of every error that the package raises on purpose."""


class InputError(WfoError, ValueError):
    """An argument, parameter, setting, grid or schedule that cannot be used."""


class DataError(WfoError):
    """Bars that are missing, broken or too short."""


class ResultsError(WfoError):
    """A results folder that cannot be read, written or trusted."""


class EngineError(WfoError):
    """An engine that is not available here, with the reason."""


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of a compiled library.

    PyO3 raises panics by a class of each library that is no `Exception`, and that no module offers
    by name.
    """
    return type(error).__name__ == "PanicException" and not isinstance(error, Exception)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return a hint such as ``"; did you mean 'atr_period'?"``, else the known names.

    Parameters
    ----------
    name
        What was given; nothing is near what is no text.
    known
        The names that exist.
    """
    names = sorted(known)
    # Case is the commonest error ('qqq' for 'QQQ'), and difflib sees it as a total mismatch.
    by_fold = {n.casefold(): n for n in names}
    # A long text is near nothing, and takes long to compare.
    text = name.casefold() if isinstance(name, str) and len(name) <= 200 else ""
    close = difflib.get_close_matches(text, by_fold, n=1)
    if close:
        return f"; did you mean {by_fold[close[0]]!r}?"
    if not names:
        return ""
    return f"; known: {', '.join(names)}"
