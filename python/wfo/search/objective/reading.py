"""Reading values of a space's file: every mistake is a line, and all of them are told at once."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wfo.errors import InputError, did_you_mean
from wfo.search.objective.figures import is_name
from wfo.text import plain_number, shown

#: Mistakes that one error tells.
_MOST_LINES: Final = 30


def inside(where: str, key: object) -> str:
    """Return the path of a key within what `where` names, such as ``objective.weights``."""
    if isinstance(key, str) and re.fullmatch(r"\w{1,60}", key):
        return f"{where}.{key}"
    return f"{where}[{shown(key)}]"


@dataclass(slots=True)
class Problems:
    """Mistakes that were found so far, a line each."""

    lines: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        """Note what is wrong with the value at a path."""
        self.lines.append(f"{where}{what}")

    def finish(self) -> None:
        """Raise an `InputError` of all lines, if there are any; of very many, the first ones."""
        if not self.lines:
            return
        told = self.lines[:_MOST_LINES]
        if len(self.lines) > len(told):
            told.append(f"and {len(self.lines) - len(told):,} more")
        raise InputError("\n".join(told))

    def number(
        self, where: str, value: object, *, above: float | None = None, what: str = "a number"
    ) -> float | None:
        """Return a finite number; None where it is none, or not above a bound."""
        bound = "" if above is None else f" above {above:g}"
        if isinstance(value, str) and (plain := plain_number(value)):
            self.add(where, f" = {shown(value)} is a text; write {plain}")
            return None
        number = None
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                number = None
        if number is None or not math.isfinite(number) or (above is not None and number <= above):
            self.add(where, f" = {shown(value)} must be {what}{bound}")
            return None
        return number

    def word(self, where: str, value: object, known: Iterable[str]) -> str | None:
        """Return one of some words; None where it is none of them."""
        words = list(known)
        if isinstance(value, str) and value in words:
            return value
        hint = did_you_mean(value, words)
        self.add(where, f" = {shown(value)} must be one of {', '.join(words)}{_suggested(hint)}")
        return None

    def name(self, where: str, value: object) -> str | None:
        """Return the name of a figure; None where it can be none."""
        if is_name(value):
            return str(value)
        self.add(where, f": {shown(value)} is no name of a figure")
        return None

    def mapping(self, where: str, value: object, what: str) -> Mapping[Any, Any]:
        """Return a mapping; an empty one, where it is none or has nothing."""
        if isinstance(value, Mapping) and value:
            return value
        said = "is empty" if value in ({}, None) else f"= {shown(value)}"
        self.add(where, f" {said}; it must be a mapping of {what}")
        return {}

    def keys(self, where: str, value: Mapping[Any, Any], known: Iterable[str]) -> None:
        """Note every key that is none of those that are known."""
        words = list(known)
        for key in value:
            if key not in words:
                self.add(inside(where, key), f" is no key here{did_you_mean(key, words)}")


def _suggested(hint: str) -> str:
    return hint if hint.startswith("; did") else ""
