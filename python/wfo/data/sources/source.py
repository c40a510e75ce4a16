"""What a source of market data is: what it is asked for, and what it answers."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

from wfo.data.sources.errors import MalformedError
from wfo.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

#: What a source can be asked for: OHLC bars of trades, OHLC bars of the mark price of a perpetual
#: contract, and its funding rates.
SeriesKind = Literal["bars", "mark", "funding"]
SERIES: Final[tuple[SeriesKind, ...]] = ("bars", "mark", "funding")

#: What past prices are adjusted for.
Adjustment = Literal["raw", "split", "dividend", "split-and-dividend"]
SOURCE_ADJUSTMENTS: Final[tuple[Adjustment, ...]] = (
    "raw",
    "split",
    "dividend",
    "split-and-dividend",
)


@dataclasses.dataclass(frozen=True)
class SeriesRequest:
    """A range of one series of one symbol.

    Attributes
    ----------
    symbol
        As users write it, such as ``SMH``, ``@ES`` or ``BTC/USDT``.
    first, last
        Dates in the exchange's time zone, both included. Intraday bars belong to the date on
        which they open.
    timeframe
        One of `wfo.data.TIMEFRAMES`; of funding rates, which come when they are due, it is
        ``1hour`` and means nothing.
    series
        One of `SERIES`.
    adjust
        One of `SOURCE_ADJUSTMENTS`.
    calendar
        Exchange calendar of the symbol, or ``none``; its zone is that of dates and stamps (UTC for
        ``none``).

    Raises
    ------
    InputError
        If the range is empty, or series or adjustment are not known.
    """

    symbol: str
    first: dt.date
    last: dt.date
    timeframe: str = "1day"
    series: SeriesKind = "bars"
    adjust: Adjustment = "split"
    calendar: str = "XNYS"

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise InputError(
                f"{self.symbol}: the range {self.first} to {self.last} ends before it begins"
            )
        for value, known in ((self.series, SERIES), (self.adjust, SOURCE_ADJUSTMENTS)):
            if value not in known:
                raise InputError(f"{self.symbol}: unknown {value!r}{did_you_mean(value, known)}")


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What a source knows of a range of a series, whole.

    Attributes
    ----------
    request
        What was asked for.
    first, last
        The dates that this answers, both included, within those of the request. All bars that the
        source has of them are in `frame`.
    frame
        Of bars and mark prices a bar frame (see `wfo.data`), of funding rates ``datetime``
        (``pl.Datetime("us", "UTC")``) and ``funding_rate`` (float64): ascending, a stamp once,
        without a row where the source has nothing. Stamps are in the zone of the calendar.
    notes
        What was left out or taken for granted, for people.
    unreadable
        Dates, within those that this answers, of which the source has rows that cannot be used,
        such as bars without a price. Those rows are not in `frame`; that is no word on whether
        they exist, so what is stored of such a date stays, and the date is asked for again.

    Raises
    ------
    MalformedError
        If one of these is of another type, such as a frame of pandas or a date with a time.
    """

    request: SeriesRequest
    first: dt.date
    last: dt.date
    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    unreadable: tuple[dt.date, ...] = ()

    def __post_init__(self) -> None:
        import polars as pl

        symbol = getattr(self.request, "symbol", None)
        if symbol is None:
            raise MalformedError(f"an answer is to a SeriesRequest, not to {self.request!r:.80}")
        dates: Any = (self.first, self.last, *self.unreadable)
        for value in dates:
            # A date with a time is of a class that is derived from that of dates.
            if type(value) is not dt.date:
                raise MalformedError(f"an answer for {symbol} has {value!r:.80} as a date")
        if not isinstance(self.frame, pl.DataFrame):
            kind = f"{type(self.frame).__module__.partition('.')[0]} {type(self.frame).__name__}"
            raise MalformedError(
                f"the frame of an answer for {symbol} is a {kind}, not a Polars frame, such as"
                " polars.from_pandas(...) makes"
            )
        notes: Any = self.notes
        if not isinstance(notes, tuple) or not all(isinstance(note, str) for note in notes):
            raise MalformedError(f"notes of an answer are a tuple of texts, not {notes!r:.80}")


#: A source's name. The store keeps it, and commands show it.
_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")


@runtime_checkable
class Source(Protocol):
    """Where market data can be asked for.

    A class of one's own is a source if it has these members, as attributes or properties;
    `wfo.testing.SourceConformance` checks what they promise.
    """

    # Properties, so that a type checker takes constants and fields of a frozen class too, and
    # `series = ("bars",)` without a type of its own.
    @property
    def name(self) -> str:
        """A word of lower-case letters, digits and ``-``; the store remembers the source by it."""

    @property
    def title(self) -> str:
        """What people call it, such as ``TradeStation``."""

    @property
    def series(self) -> tuple[str, ...]:
        """What it has, of `SERIES`."""

    @property
    def timeframes(self) -> tuple[str, ...]:
        """Lengths of bars that it has, of `wfo.data.TIMEFRAMES`."""

    @property
    def adjustments(self) -> tuple[str, ...]:
        """Those that it can deliver, of `SOURCE_ADJUSTMENTS`; the first unless one is asked for."""

    def calendar(self, symbol: str) -> str:
        """Return the exchange calendar that a symbol's sessions follow, or ``none``."""

    def earliest(self, symbol: str, timeframe: str, series: SeriesKind) -> dt.date:
        """Return the first date for which it can have anything."""

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        """Answer requests, piece by piece.

        Parameters
        ----------
        requests
            One at least; all of one series, timeframe and adjustment, each of another symbol or
            range.

        Yields
        ------
        Answer
            Pieces of the requests' ranges as they become complete: disjoint, of each request in
            ascending order, and together all of it. What was yielded stays true if an error
            follows.

        Raises
        ------
        SourceError
            If the source cannot be reached, refuses, does not know the symbol, or answers what
            cannot be read, after all attempts.
        InputError
            If it does not have such a series, timeframe or adjustment; before anything is asked.
        """


def require_members(source: object, name: str = "") -> Source:
    """Return `source` if it has the members of a source, and they can be used.

    Parameters
    ----------
    source
        An object that may be a `Source`.
    name
        What it is called in messages; by default its class.

    Raises
    ------
    InputError
        If it has not; the message says which.
    """
    from wfo.data.timeframes import TIMEFRAMES

    if isinstance(source, type):
        raise InputError(
            f"{source.__name__} is no source, but the class of one: pass {source.__name__}(...)"
        )
    called = name or type(source).__name__
    if not isinstance(source, Source):
        missing = [m for m in _MEMBERS if not hasattr(source, m)]
        raise InputError(f"{called} is no source: it has no {', '.join(missing)}")
    own: Any = source.name
    if not isinstance(own, str) or not _NAME.fullmatch(own):
        raise InputError(
            f"the name of {called} must be a word of lower-case letters, digits and '-', not"
            f" {own!r:.80}"
        )
    offered: tuple[tuple[str, Any, Collection[str]], ...] = (
        ("series", source.series, SERIES),
        ("timeframes", source.timeframes, TIMEFRAMES),
        ("adjustments", source.adjustments, SOURCE_ADJUSTMENTS),
    )
    for what, values, known in offered:
        if not isinstance(values, tuple) or not values:
            raise InputError(f"{what} of {called} must be a tuple of texts, not {values!r:.80}")
        for value in values:
            if value not in known:
                hint = did_you_mean(str(value), known)
                raise InputError(f"{what} of {called} have the unknown {value!r:.80}{hint}")
    return source


_MEMBERS: Final = (
    "name",
    "title",
    "series",
    "timeframes",
    "adjustments",
    "calendar",
    "earliest",
    "fetch",
)
