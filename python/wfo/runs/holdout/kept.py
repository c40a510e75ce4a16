"""Bars that are held out: cut off before anything else of a run is computed."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo import bars as bars_module
from wfo.data import fingerprint
from wfo.data.frames import time_column
from wfo.errors import DataError, InputError
from wfo.runs.manifest import HoldoutRecord
from wfo.windows import months_before, months_of

if TYPE_CHECKING:
    import polars as pl

#: Bars of a hold-out, at least: a return needs two marks.
LEAST = 2


@dataclass(frozen=True, slots=True)
class HoldoutSpan:
    """How much is held out.

    Attributes
    ----------
    months
        Calendar months before today, from 1 on.
    """

    months: int

    def __post_init__(self) -> None:
        whole = isinstance(self.months, int) and not isinstance(self.months, bool)
        if not (whole and self.months >= 1):
            raise InputError(f"a hold-out of {self.months!r} months must be a whole number from 1")

    @classmethod
    def of(cls, text: str) -> HoldoutSpan:
        """Return what a text says, as windows files write time: ``1y``, ``18m``.

        Raises
        ------
        InputError
            If it is no time, or none at all.
        """
        try:
            months = months_of(text)
        except InputError:
            months = 0
        if months < 1 or not isinstance(text, str):
            raise InputError(
                f"holdout = {text!r:.60} is no time to hold out; write 1y for the last year, or 6m"
                " for the last six months"
            )
        return cls(months)

    @property
    def text(self) -> str:
        """The same as text, alike for ``12m`` and ``1y``."""
        years, rest = divmod(self.months, 12)
        return f"{self.months}m" if rest else f"{years}y"

    def before(self, today: dt.date) -> dt.date:
        """Return the last date that is not held out."""
        return months_before(today, self.months)


@dataclass(frozen=True, slots=True, eq=False)
class HoldoutBars:
    """The bars that are held out.

    Attributes
    ----------
    bars
        Those of the first symbol.
    second
        Those of the second one, row by row on the same stamps; None without one.
    today
        The date that windows are counted back from: the last one that is not held out.
    record
        What a manifest says of them.
    """

    bars: pl.DataFrame
    second: pl.DataFrame | None
    today: dt.date
    record: HoldoutRecord


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Bars, divided by date into those of a run and those that are held out.

    Attributes
    ----------
    kept
        The number of bars from the first on that a run is computed on.
    holdout
        The bars after them; later ones than the date that the hold-out ends with are left out.
    """

    kept: int
    holdout: HoldoutBars


def cut(
    bars: pl.DataFrame, second: pl.DataFrame | None, span: HoldoutSpan, as_of: dt.date | None
) -> Cut:
    """Divide bars into those of a run and those that are held out.

    Parameters
    ----------
    bars, second
        Those of the symbols, row by row on the same stamps.
    span
        How much is held out.
    as_of
        Today; by default the date of the last bar. Later bars are left out.

    Raises
    ------
    InputError
        If `as_of` lies outside of the history.
    DataError
        If too few bars would be held out, or none would be left.
    """
    from bisect import bisect_right

    days = bars_module.dates(bars)
    if not days:
        raise DataError("there are no bars, and so none to hold out")
    last = as_of or days[-1]
    if not days[0] <= last <= days[-1]:
        raise InputError(
            f"as-of {last} lies outside the history, {days[0]} … {days[-1]}; take a date within it"
        )
    today = span.before(last)
    kept, end = bisect_right(days, today), bisect_right(days, last)
    if not kept:
        raise DataError(
            f"a hold-out of {span.text} before {last} leaves no bars: they begin {days[0]}; hold"
            " out less, or get earlier bars"
        )
    if end - kept < LEAST:
        raise DataError(
            f"a hold-out of {span.text} before {last} is {end - kept} of the bars, those after"
            f" {today}, and needs {LEAST}; hold out more"
        )
    frames = [bars[kept:end]] + ([] if second is None else [second[kept:end]])
    stamps: Any = frames[0][time_column(frames[0])]
    record = HoldoutRecord(
        span=span.text,
        first=stamps[0].isoformat(),
        last=stamps[-1].isoformat(),
        rows=len(stamps),
        digest=digest_of(*frames),
    )
    return Cut(kept, HoldoutBars(frames[0], frames[1] if frames[1:] else None, today, record))


def digest_of(*frames: pl.DataFrame) -> str:
    """Return the fingerprint of bars, of two symbols one of both."""
    prints = [fingerprint(frame) for frame in frames]
    if len(prints) == 1:
        return prints[0]
    return hashlib.sha256("".join(prints).encode()).hexdigest()
