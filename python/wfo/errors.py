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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint such as ``"; did you mean 'atr_period'?"``, else the known names.

    Parameters
    ----------
    name
        What was given.
    known
        The names that exist.
    """
    names = sorted(known)
    # Case is the commonest error ('qqq' for 'QQQ'), and difflib sees it as a total mismatch.
    by_fold = {n.casefold(): n for n in names}
    close = difflib.get_close_matches(name.casefold(), by_fold, n=1)
    if close:
        return f"; did you mean {by_fold[close[0]]!r}?"
    if not names:
        return ""
    return f"; known: {', '.join(names)}"
