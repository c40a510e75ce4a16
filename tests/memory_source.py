"""A source of market data in memory, which counts what it is asked, and a clock to set."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

import polars as pl

from wfo.data.sources.clock import Clock
from wfo.data.sources.source import Adjustment, Answer, SeriesKind, SeriesRequest

DAY = dt.timedelta(days=1)
#: Bars of a session at one minute.
MINUTES = 3


class SetClock(Clock):
    """Time that tests set."""

    def __init__(self, now: dt.datetime) -> None:
        self.at = now
        self.seconds = 0.0

    def now(self) -> dt.datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.at += dt.timedelta(seconds=seconds)


def daily(days: Sequence[dt.date], base: float = 100.0) -> pl.DataFrame:
    """Bars of some days, each with prices and a volume of its own."""
    close = [base + d.toordinal() % 31 for d in days]
    return pl.DataFrame(
        {
            "date": list(days),
            "open": close,
            "high": [c + 1.0 for c in close],
            "low": [c - 1.0 for c in close],
            "close": [c + 0.5 for c in close],
            "volume": [1_000.0 + d.toordinal() % 97 for d in days],
        },
        schema={
            "date": pl.Date,
            **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64),
        },
    )


def minutes(days: Sequence[dt.date], zone: str = "America/New_York") -> pl.DataFrame:
    """A few bars from 09:30 on of some days."""
    rows = daily([d for d in days for _ in range(MINUTES)])
    at = [dt.timedelta(hours=9, minutes=30 + n % MINUTES) for n in range(rows.height)]
    stamps = (rows["date"].cast(pl.Datetime("us")) + pl.Series(at, dtype=pl.Duration("us"))).alias(
        "datetime"
    )
    return rows.select(stamps.dt.replace_time_zone(zone), "open", "high", "low", "close", "volume")


class MemorySource:
    """Answers from frames, in pieces of some days.

    Attributes
    ----------
    bars
        What there is, by symbol, as of now.
    asked
        The ranges of all requests, with their symbols.
    calls
        Symbols of each call of `fetch`.
    before
        Called with the number of the answer before each is given; it may raise.
    """

    name = "memory"
    title = "Memory"
    series: tuple[SeriesKind, ...] = ("bars", "mark", "funding")
    timeframes: tuple[str, ...] = ("1min", "1day", "1week")
    adjustments: tuple[Adjustment, ...] = ("split", "raw")

    def __init__(
        self,
        bars: dict[str, pl.DataFrame],
        *,
        calendar: str = "XNYS",
        earliest: dt.date = dt.date(2000, 1, 1),
        piece: int = 7,
    ) -> None:
        self.bars = bars
        self.asked: list[tuple[str, dt.date, dt.date]] = []
        self.requests: list[SeriesRequest] = []
        self.calls: list[tuple[str, ...]] = []
        self.before: Callable[[int], None] = lambda number: None
        self._calendar, self._earliest, self._piece = calendar, earliest, piece
        self._answers = 0

    def calendar(self, symbol: str) -> str:
        return self._calendar

    def earliest(self, symbol: str, timeframe: str, series: SeriesKind) -> dt.date:
        return self._earliest

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        self.calls.append(tuple(r.symbol for r in requests))
        for request in requests:
            self.asked.append((request.symbol, request.first, request.last))
            self.requests.append(request)
            first = request.first
            while first <= request.last:
                last = min(request.last, first + (self._piece - 1) * DAY)
                self._answers += 1
                self.before(self._answers)
                yield self.answer(request, first, last)
                first = last + DAY

    def answer(self, request: SeriesRequest, first: dt.date, last: dt.date) -> Answer:
        """Return what there is of some dates."""
        frame = self.bars[request.symbol]
        stamp = frame.columns[0]
        dates = frame[stamp] if stamp == "date" else frame[stamp].dt.date()
        return Answer(request, first, last, frame.filter(dates.is_between(first, last)))

    def forget(self) -> None:
        """Count from nothing again."""
        self.asked, self.requests, self.calls = [], [], []
