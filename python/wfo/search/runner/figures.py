"""What a program answers: figures, flat or by symbol, each a number or undefined."""

from __future__ import annotations

import decimal
import inspect
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from wfo.errors import did_you_mean
from wfo.search.objective.figures import impossible
from wfo.search.runner.errors import AnswerError
from wfo.text import brief, one_line, shown

#: Figures of one symbol; None is undefined.
Figures = dict[str, float | None]


class Rules(Protocol):
    """How much an answer may hold."""

    @property
    def figures(self) -> int:
        """How many figures a symbol may have."""

    @property
    def name_characters(self) -> int:
        """How many characters a figure's name may have."""


def read_figures(
    answer: object, symbols: Sequence[str], needs: Sequence[str], rules: Rules
) -> dict[str, Figures]:
    """Return the figures of an answer by symbol; those of all symbols at once by ``""``.

    Parameters
    ----------
    answer
        What the program returned.
    symbols
        Those of the search.
    needs
        Names of figures that must be there, of each symbol.
    rules
        How much there may be.

    Raises
    ------
    AnswerError
        If it is no mapping of figures, has one that cannot be, such as a negative drawdown, or
        lacks one that is needed.
    """
    if not isinstance(answer, Mapping):
        raise AnswerError(f"returns {_what(answer)}, no dict of figures")
    found = dict(answer)
    if not found:
        raise AnswerError("returns an empty dict, and no figures")
    if not any(isinstance(value, Mapping) for value in found.values()):
        return {"": _flat(found, needs, rules, "")}
    if not symbols:
        name = next(n for n, value in found.items() if isinstance(value, Mapping))
        raise AnswerError(
            f"returns a dict for {brief(name)}, where a search without symbols has one number a"
            " figure"
        )
    for symbol, figures in found.items():
        if symbol not in symbols:
            raise AnswerError(
                f"returns figures of {brief(symbol)}, which is none of the symbols"
                f" {', '.join(symbols)}"
            )
        if not isinstance(figures, Mapping):
            raise AnswerError(
                f"returns {brief(figures)} for the symbol {brief(symbol)}, and dicts for others;"
                " figures are either flat or by symbol"
            )
    missing = [symbol for symbol in symbols if symbol not in found]
    if missing:
        raise AnswerError(f"returns no figures of {', '.join(missing)}, but of other symbols")
    return {s: _flat(dict(found[s]), needs, rules, f" of {one_line(s)}") for s in symbols}


def _flat(found: dict[Any, Any], needs: Sequence[str], rules: Rules, whose: str) -> Figures:
    if len(found) > rules.figures:
        raise AnswerError(
            f"returns {len(found):,} figures{whose}; {rules.figures:,} are the most that are kept"
        )
    figures: Figures = {}
    for name, value in found.items():
        if not isinstance(name, str):
            raise AnswerError(f"returns a figure whose name is {brief(name)}, and no text")
        if not 0 < len(name) <= rules.name_characters or not name.isprintable():
            raise AnswerError(
                f"returns a figure whose name is {brief(name)}; names are 1 to"
                f" {rules.name_characters} characters that can be printed"
            )
        figures[str(name)] = _number(name, value, whose)
    if said := impossible(figures):
        raise AnswerError(f"returns impossible figures{whose}: {said}")
    missing = [name for name in needs if name not in figures]
    if missing:
        others = f" (nor {', '.join(map(shown, missing[1:]))})" if missing[1:] else ""
        raise AnswerError(
            f"returns no figure {shown(missing[0])}{whose}, which the objective or a limit needs"
            f"{others}{did_you_mean(missing[0], map(one_line, figures))}"
        )
    return figures


def _number(name: str, value: Any, whose: str) -> float | None:
    """Return a figure as a float; None where it is undefined."""
    if value is None:
        return None
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        # A scalar, or an array without dimensions.
        value = value.item()
    number = isinstance(value, numbers.Real | decimal.Decimal) and not isinstance(value, bool)
    if not number:
        raise AnswerError(
            f"returns {_what(value)} as the figure {shown(name)}{whose}; a figure is a number, or"
            " None where it is undefined"
        )
    try:
        finite = float(value)
    except (OverflowError, ValueError):
        raise AnswerError(
            f"returns {brief(value)} as the figure {shown(name)}{whose}, which no float holds"
        ) from None
    return finite if math.isfinite(finite) else None


def _what(value: object) -> str:
    """Return a value with its type, for a message."""
    if value is None:
        return "None (has it no return?)"
    if inspect.iscoroutine(value):
        # Otherwise it complains of never having been awaited.
        value.close()
        return "a coroutine (async functions are not awaited)"
    return f"{brief(value)} of type {type(value).__name__}"
