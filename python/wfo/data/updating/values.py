"""What an update of the store is asked for, and what came of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Protocol

from wfo.data.meta import BarsMeta
from wfo.data.series import require_series
from wfo.data.sources.errors import SourceError
from wfo.data.sources.source import Adjustment, SeriesKind
from wfo.data.timeframes import require_timeframe
from wfo.errors import InputError


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A range of a series that the store should have.

    Attributes
    ----------
    symbol, timeframe, series
        Which series.
    first, last
        Dates in the exchange's time zone, both included. Without a first one it is the source's
        earliest for daily and weekly bars, and five years ago for intraday ones; without a last
        one, and at most, it is yesterday.
    adjust
        What past prices are adjusted for; by default as stored, else what the source does first.
    calendar
        By default as stored, else that of the source for the symbol.

    Raises
    ------
    InputError
        If the range ends before it begins, or timeframe or series are not known.
    """

    symbol: str
    timeframe: str = "1day"
    first: dt.date | None = None
    last: dt.date | None = None
    series: SeriesKind = "bars"
    adjust: Adjustment | None = None
    calendar: str | None = None

    def __post_init__(self) -> None:
        require_timeframe(self.timeframe)
        require_series(self.series)
        if self.first is not None and self.last is not None and self.first > self.last:
            raise InputError(
                f"{self.symbol}: the range {self.first} to {self.last} ends before it begins"
            )


@dataclasses.dataclass(frozen=True)
class Updated:
    """What an update of one series came to.

    Attributes
    ----------
    symbol, timeframe, series
        Which series.
    meta
        What is stored now; None where there is nothing.
    requests
        Ranges that the source was asked for.
    added, revised
        Bars that were not stored before, and stored ones that have another value now.
    anew
        Whether the whole history was fetched again.
    set_aside
        Where the file that was stored before is kept, if it was set aside.
    error
        Why the source did not answer everything; None if it did.
    notes
        What people should know, in sentences without a full stop.
    """

    symbol: str
    timeframe: str
    series: SeriesKind
    meta: BarsMeta | None
    requests: int = 0
    added: int = 0
    revised: int = 0
    anew: bool = False
    set_aside: Path | None = None
    error: SourceError | None = None
    notes: tuple[str, ...] = ()


class Listener(Protocol):
    """Where an update tells how far it is."""

    def begin(self, symbol: str, timeframe: str, days: int) -> None:
        """Begin a series of which so many days are asked for; again if it is fetched anew."""

    def advance(self, symbol: str, days: int) -> None:
        """Tell that so many days were answered."""

    def end(self, updated: Updated) -> None:
        """End a series."""

    def say(self, text: str) -> None:
        """Tell something that stays."""


class Quiet:
    """Says nothing."""

    def begin(self, symbol: str, timeframe: str, days: int) -> None:
        """Begin a series."""

    def advance(self, symbol: str, days: int) -> None:
        """Tell that so many days were answered."""

    def end(self, updated: Updated) -> None:
        """End a series."""

    def say(self, text: str) -> None:
        """Tell something that stays."""
