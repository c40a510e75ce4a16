"""Bars that the run of a set file holds out: which, and whether they are spent meanwhile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from wfo.data.symbols import require_symbol
from wfo.errors import InputError, ResultsError
from wfo.files.schema import DayText, require
from wfo.runs.folder import RunFolder
from wfo.runs.holdout.spendings import spendings
from wfo.runs.shapes import Symbol

#: How a set file names them, among its windows.
KEY = "holdout"

#: What makes later bars be taken, of a set without the folder of its run.
_WAY_OUT = (
    "'wfo verdict FOLDER --spend-holdout' evaluates them, and newer bars are taken from then on;"
    " --out names the folder of results that has the run"
)


class _Shape(TypedDict):
    """Bars that are held out, in a set file."""

    symbols: list[Symbol]
    first: DayText
    last: DayText


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Bars that a run holds out, as a set file of it states them.

    Attributes
    ----------
    symbols
        Those of the run.
    first, last
        Dates of the first and the last bar of it.
    """

    symbols: tuple[str, ...]
    first: dt.date
    last: dt.date

    @property
    def until(self) -> dt.date:
        """The last date that is not held out."""
        return self.first - dt.timedelta(days=1)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "symbols": list(self.symbols),
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
        }

    @classmethod
    def of(cls, windows: Mapping[str, Any]) -> HeldOut | None:
        """Return what the windows of a set file say of it; None where they say nothing.

        Raises
        ------
        InputError
            If they say something else.
        """
        if KEY not in windows:
            return None
        stated = windows[KEY]
        try:
            require(stated, _Shape, f"{KEY} of windows")
            first, last = (dt.date.fromisoformat(stated[name]) for name in ("first", "last"))
        except (ResultsError, ValueError) as error:
            raise InputError(str(error)) from None
        for symbol in stated["symbols"]:
            require_symbol(symbol)
        if not dt.date.min < first <= last:
            raise InputError(f"{KEY} of windows: first = {first} must not be after last = {last}")
        return cls(tuple(stated["symbols"]), first, last)

    def reaches(self, symbols: Collection[str | None]) -> bool:
        """Whether bars of any of these symbols are held out."""
        return not set(self.symbols).isdisjoint(symbols)

    def left_out(self, path: Path) -> str:
        """Say that the bars are left out of what is made of the set in a file."""
        return (
            f"the bars after {self.until} are left out: the run of {path} holds out those after"
            f" them, and they are not spent; {_WAY_OUT}"
        )

    def require_before(self, last: str, path: Path, folder: Path) -> None:
        """Raise an `InputError` where bars of a run, the last of that stamp, reach into them."""
        if last[:10] >= self.first.isoformat():
            raise InputError(
                f"the bars of the run in {folder} end {last}, and the run of {path} holds out those"
                f" after {self.until}, which are not spent; {_WAY_OUT}"
            )


def kept_back(windows: Mapping[str, Any], out: Path) -> HeldOut | None:
    """Return the bars of a set file that nothing may look at yet; None where there are none.

    Parameters
    ----------
    windows
        Those of the set.
    out
        The folder of all results, whose lists say what was spent, by whichever run.

    Raises
    ------
    WfoError
        If the windows say something else, or a list is damaged.
    """
    held = HeldOut.of(windows)
    if held is None or not held.symbols:
        return None
    spent = spendings(RunFolder.of(out, held.symbols[0]), held.symbols)
    return None if any(each.overlaps(held.first, held.last) for each in spent) else held
