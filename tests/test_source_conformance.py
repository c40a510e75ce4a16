"""The suite for sources that the package exports: what passes it, and what each test is for."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from wfo.data import calendar_timezone
from wfo.data.calendars import load_sessions
from wfo.data.sources.errors import RefusedError, UnknownSymbolError, UnreachableError
from wfo.data.sources.source import Adjustment, Answer, SeriesKind, SeriesRequest
from wfo.errors import DataError, InputError
from wfo.testing import SourceConformance

_DAY = dt.timedelta(days=1)
_EARLIEST = dt.date(2024, 4, 22)
_LATEST = dt.date(2024, 6, 28)
_SECRET = "test-secret-key"


class MemorySource:
    """Random walks of shares (hours and days of XNYS) and of perpetual contracts (all series).

    Attributes
    ----------
    sent
        Requests that it was sent: one for every 20 days of a request.
    """

    name = "memory"
    title = "Memory"
    series: tuple[SeriesKind, ...] = ("bars",)
    timeframes: tuple[str, ...] = ("1hour", "1day")
    adjustments: tuple[Adjustment, ...] = ("split", "raw")
    symbols: tuple[str, ...] = ("SMH", "^GSPC")
    days_a_request = 20

    def __init__(self) -> None:
        self.sent = 0
        self.secret = _SECRET

    def __repr__(self) -> str:
        return "MemorySource()"

    def calendar(self, symbol: str) -> str:
        return "XNYS"

    def earliest(self, symbol: str, timeframe: str, series: SeriesKind) -> dt.date:
        return _EARLIEST

    def check(self, request: SeriesRequest) -> None:
        if request.series not in self.series:
            raise InputError(f"{self.title} has no {request.series} of {request.symbol}")
        if request.series != "funding" and request.timeframe not in self.timeframes:
            raise InputError(f"{self.title} has no {request.timeframe} bars")
        if request.adjust not in self.adjustments:
            raise InputError(f"{self.title} has no prices adjusted for {request.adjust}")

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        for request in requests:
            self.check(request)
        for request in requests:
            yield from self.pieces(request)

    def pieces(self, request: SeriesRequest) -> Iterator[Answer]:
        first = request.first
        while first <= request.last:
            last = min(request.last, first + (self.days_a_request - 1) * _DAY)
            self.sent += 1
            if request.symbol not in self.symbols:
                raise UnknownSymbolError(f"{self.title} does not know {request.symbol!r}")
            yield self.answer(request, first, last)
            first = last + _DAY

    def answer(self, request: SeriesRequest, first: dt.date, last: dt.date) -> Answer:
        return Answer(request, first, last, self.rows(request, first, last))

    def rows(self, request: SeriesRequest, first: dt.date, last: dt.date) -> pl.DataFrame:
        whole = self.history(request)
        return whole.filter(dates_of(whole, request).is_between(first, last))

    def history(self, request: SeriesRequest) -> pl.DataFrame:
        stamps = pl.Series(stamps_of(request))
        n = len(stamps)
        rng = np.random.default_rng([*request.symbol.encode(), len(request.timeframe)])
        if request.series == "funding":
            times = stamps.cast(pl.Datetime("us", "UTC"))
            return pl.DataFrame({"datetime": times, "funding_rate": rng.normal(0, 1e-4, n)})
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
        if request.series == "mark":
            close = close * 1.001
        opens = close * (1 + rng.normal(0, 0.002, n))
        if request.timeframe == "1day":
            stamp = stamps.cast(pl.Date)
        else:
            stamp = stamps.cast(pl.Datetime("us", calendar_timezone(request.calendar) or "UTC"))
        return pl.DataFrame(
            {
                "date" if request.timeframe == "1day" else "datetime": stamp,
                "open": opens,
                "high": np.maximum(opens, close) * 1.003,
                "low": np.minimum(opens, close) * 0.997,
                "close": close,
                "volume": rng.integers(1, 1000, n).astype(np.float64),
            }
        )


class CryptoMemorySource(MemorySource):
    series = ("bars", "mark", "funding")
    adjustments = ("raw",)
    symbols = ("BTC/USDT:USDT", "ETH/USDT:USDT")

    def calendar(self, symbol: str) -> str:
        return "none"


def stamps_of(request: SeriesRequest) -> list[Any]:
    """Return the stamps of all that there is of a series."""
    if request.calendar == "none":
        days = [_EARLIEST + i * _DAY for i in range((_LATEST - _EARLIEST).days + 1)]
        zone, begin, hours = ZoneInfo("UTC"), dt.time(0), 24
    else:
        sessions = load_sessions(request.calendar, _EARLIEST, _LATEST)
        days, zone = sessions.frame["session"].to_list(), ZoneInfo(sessions.timezone)
        begin, hours = dt.time(9, 30), 7
    if request.series != "funding" and request.timeframe == "1day":
        return days
    step = 8 if request.series == "funding" else 1
    return [
        dt.datetime.combine(day, begin, zone) + dt.timedelta(hours=h)
        for day in days
        for h in range(0, hours, step)
    ]


def dates_of(frame: pl.DataFrame, request: SeriesRequest) -> pl.Series:
    if "date" in frame.columns:
        return frame["date"]
    zone = calendar_timezone(request.calendar) or "UTC"
    return frame["datetime"].dt.convert_time_zone(zone).dt.date()


# What is right passes.


class _Memory(SourceConformance):
    source_class: ClassVar[type[MemorySource]] = MemorySource
    symbol, unknown_symbol = "SMH", "NOSUCH"
    # With two week-ends and Memorial Day, 2024-05-27.
    first, last = dt.date(2024, 5, 13), dt.date(2024, 6, 7)
    more_symbols = ("^GSPC",)
    secrets = (_SECRET,)
    cases = 3

    def make_source(self) -> MemorySource:
        self.source = self.source_class()
        return self.source

    def requests_sent(self) -> int:
        return self.source.sent


class TestMemory(_Memory):
    pass


class TestCryptoMemory(_Memory):
    source_class = CryptoMemorySource
    symbol, more_symbols = "BTC/USDT:USDT", ("ETH/USDT:USDT",)


class Unreachable(MemorySource):
    """No server answers."""

    def pieces(self, request: SeriesRequest) -> Iterator[Answer]:
        self.sent += 1
        raise UnreachableError("Memory cannot be reached: connection refused")


class TestMemoryThatFails(_Memory):
    def make_failing_source(self) -> MemorySource:
        return Unreachable()


# What is wrong with a source is found, each by the test that looks for it.


def _with(**members: Any) -> type[MemorySource]:
    return type("Wrong", (MemorySource,), members)


def _changed(change: Callable[[pl.DataFrame], pl.DataFrame]) -> type[MemorySource]:
    """A source whose frames of answers are changed."""

    def rows(self: Any, request: SeriesRequest, first: dt.date, last: dt.date) -> pl.DataFrame:
        return change(MemorySource.rows(self, request, first, last))

    return _with(rows=rows)


def _answering(
    answers: Callable[[MemorySource, SeriesRequest], Iterator[Answer] | list[Answer]],
) -> type[MemorySource]:
    """A source that answers a request otherwise."""

    def pieces(self: Any, request: SeriesRequest) -> Iterator[Answer]:
        self.sent += 1
        if request.symbol not in self.symbols:
            raise UnknownSymbolError(f"Memory does not know {request.symbol!r}")
        yield from answers(self, request)

    return _with(pieces=pieces)


def _beyond(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    return [source.answer(request, request.first, request.last + _DAY)]


def _twice(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    return [source.answer(request, request.first, request.last)] * 2


def _backwards(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    return list(MemorySource.pieces(source, request))[::-1]


def _with_a_gap(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    middle = request.first + (request.last - request.first) // 2
    parts = [(request.first, middle - _DAY), (middle + _DAY, request.last)]
    return [source.answer(request, a, b) for a, b in parts if a <= b]


def _without_the_end(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    return list(MemorySource.pieces(source, request))[:1]


def _nothing(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    return []


def _of_another_request(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    other = SeriesRequest(request.symbol, request.first, request.last, adjust="dividend")
    return [Answer(other, a.first, a.last, a.frame) for a in MemorySource.pieces(source, request)]


def _end_excluded(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    """The bars of the last day are left out, as where an end is a midnight."""
    (*_, last) = dates_of(source.history(request), request).filter(
        dates_of(source.history(request), request) <= request.last
    )
    rows = source.rows(request, request.first, last - _DAY)
    return [Answer(request, request.first, request.last, rows)]


def _one_day_empty(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    found = source.answer(request, request.first, request.last)
    if request.first < request.last:
        return [found]
    return [Answer(request, request.first, request.last, found.frame.clear())]


def _adjusted_to_the_end(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    """Prices are relative to the last close of the answer, as if a split were of its end."""
    frame = source.rows(request, request.first, request.last)
    if frame.height:
        frame = frame.with_columns(pl.col("open", "high", "low", "close") / frame["close"][-1])
    return [Answer(request, request.first, request.last, frame)]


def _volume_of_the_range(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    """Volumes, in which the store takes the latest answer for right, are those of the range."""
    frame = source.rows(request, request.first, request.last)
    days = float((request.last - request.first).days)
    frame = frame.with_columns(volume=pl.lit(days))
    return [Answer(request, request.first, request.last, frame)]


def _not_found_on_holidays(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    found = source.answer(request, request.first, request.last)
    if not found.frame.height and request.first >= _EARLIEST:
        raise RefusedError(f"Memory: 404, no data of {request.symbol}")
    return [found]


def _filled(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    """Days without a session have a copy of some bar."""
    found = source.answer(request, request.first, request.last)
    if found.frame.height or request.first < _EARLIEST:
        return [found]
    frame = source.history(request)[:1]
    if "date" in frame.columns:
        frame = frame.with_columns(date=pl.lit(request.first))
    else:
        noon = dt.datetime.combine(request.first, dt.time(12), ZoneInfo("America/New_York"))
        frame = frame.with_columns(
            datetime=pl.lit(noon).cast(pl.Datetime("us", "America/New_York"))
        )
    return [Answer(request, request.first, request.last, frame)]


def _older(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    """There are bars of dates before the earliest one."""
    found = source.answer(request, request.first, request.last)
    if request.last >= _EARLIEST:
        return [found]
    frame = source.history(request)[:1]
    by = _EARLIEST - request.last
    return [Answer(request, request.first, request.last, frame.with_columns(pl.first() - by))]


def _asks_then_refuses(source: MemorySource, request: SeriesRequest) -> list[Answer]:
    if request.first < _EARLIEST:
        raise RefusedError(f"Memory: 400, {request.first} is too early")
    return [source.answer(request, request.first, request.last)]


class Restless(MemorySource):
    """Every answer has other prices."""

    def rows(self, request: SeriesRequest, first: dt.date, last: dt.date) -> pl.DataFrame:
        return super().rows(request, first, last).with_columns(pl.col("open") + self.sent * 1e-9)


class Several(MemorySource):
    """Every source has other prices."""

    made = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.by = next(self.made) * 1e-9

    def rows(self, request: SeriesRequest, first: dt.date, last: dt.date) -> pl.DataFrame:
        return super().rows(request, first, last).with_columns(pl.col("open") + self.by)


class LateRefusal(MemorySource):
    """What it does not offer is refused by the server."""

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        self.sent += 1
        return super().fetch(requests)


class OtherRefusal(MemorySource):
    """What it does not offer is an error of the data."""

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        try:
            yield from super().fetch(requests)
        except InputError as error:
            raise DataError(str(error)) from error


class Offering(MemorySource):
    """What it does not offer is answered, empty."""

    def check(self, request: SeriesRequest) -> None:
        pass


class Mixing(MemorySource):
    """With several requests, each has the bars of the first."""

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        self.check(requests[0])
        found = list(self.pieces(requests[0]))
        for request in requests:
            self.check(request)
            for own, answer in zip(self.pieces(request), itertools.cycle(found), strict=False):
                yield Answer(request, own.first, own.last, answer.frame)


class FirstOnly(MemorySource):
    """Of several requests it answers the first."""

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        return super().fetch(requests[:1])


def _unknown(error: Exception | None) -> type[MemorySource]:
    """A source with another answer to a symbol that it does not know."""

    def pieces(self: Any, request: SeriesRequest) -> Iterator[Answer]:
        if request.symbol in self.symbols:
            yield from MemorySource.pieces(self, request)
        elif error is not None:
            raise error
        else:
            yield Answer(request, request.first, request.last, self.history(request).clear())

    return _with(pieces=pieces)


class Telling(MemorySource):
    """Its notes quote the address that was asked."""

    def answer(self, request: SeriesRequest, first: dt.date, last: dt.date) -> Answer:
        notes = (f"asked https://memory.test/bars?key={self.secret}",)
        return Answer(request, first, last, self.rows(request, first, last), notes)


class TellingBelow(MemorySource):
    """The cause of an error has the header that was sent."""

    def pieces(self, request: SeriesRequest) -> Iterator[Answer]:
        self.sent += 1
        if request.symbol not in self.symbols:
            cause = OSError(404, {"Authorization": f"Bearer {self.secret}"})
            raise UnknownSymbolError(f"Memory does not know {request.symbol!r}") from cause
        yield self.answer(request, request.first, request.last)


class TellingRepr(MemorySource):
    def __repr__(self) -> str:
        return f"MemorySource(secret={self.secret!r})"


class TellingTexts(MemorySource):
    def pieces(self, request: SeriesRequest) -> Iterator[Answer]:
        if request.symbol not in self.symbols:
            raise UnknownSymbolError(f"GET /{request.symbol}?key={self.secret}: 404")
        return super().pieces(request)


class AskingCalendar(MemorySource):
    """It asks for the calendar, every time."""

    def calendar(self, symbol: str) -> str:
        self.sent += 1
        return "XNYS"

    def earliest(self, symbol: str, timeframe: str, series: SeriesKind) -> dt.date:
        self.sent += 1
        return _EARLIEST


def _not_ascending(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.reverse()


def _in_utc(frame: pl.DataFrame) -> pl.DataFrame:
    if "date" in frame.columns:
        return frame
    return frame.with_columns(pl.col("datetime").dt.convert_time_zone("UTC"))


def _date_of_the_day_before(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.first() - dt.timedelta(days=3))


def _dates_as_times(frame: pl.DataFrame) -> pl.DataFrame:
    if "datetime" in frame.columns:
        return frame
    times = pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("America/New_York")
    return frame.select(times.alias("datetime"), pl.exclude("date"))


NAMES = "test_names_are_well_formed"
HAS_BARS = "test_the_range_has_bars"
NOT_OFFERED = "test_what_is_not_offered_is_refused"
RANGE = "test_answers_make_up_the_range"
FRAMES = "test_frames_conform"
REPEAT = "test_answers_repeat"
PARTS = "test_parts_are_the_whole"
ONE_DAY = "test_one_day_is_a_range"
CLOSED = "test_days_without_a_session_are_empty"
EARLIEST = "test_before_the_earliest_date_is_nothing"
SEVERAL = "test_several_at_once_are_each_alone"
UNKNOWN = "test_an_unknown_symbol_is_named"
FAILURES = "test_failures_are_source_errors"
CREDENTIALS = "test_nothing_said_holds_a_credential"
ONCE = "test_an_update_asks_once"
ORDER = "test_any_order_of_ranges_ends_the_same"

MUTANTS: list[tuple[str, type[MemorySource], str]] = [
    (NAMES, _with(name="Memory"), "lower-case letters"),
    (NAMES, _with(name="a_b"), "lower-case letters"),
    (NAMES, _with(title=""), "a line of text"),
    (NAMES, _with(title="Two\nlines"), "a line of text"),
    (NAMES, _with(series=["bars"]), "must be a tuple"),
    (NAMES, _with(timeframes=("1day", "2hours")), r"\['2hours'\]"),
    (NAMES, _with(timeframes=("1day", "1day")), "a value twice"),
    (NAMES, _with(adjustments=()), "adjustments is empty"),
    (NAMES, _with(adjustments=("none",)), r"\['none'\]"),
    (NAMES, _with(calendar=lambda self, symbol: "XNYC"), "'XNYC' is unknown"),
    (NAMES, _with(earliest=lambda *_: dt.datetime(2024, 1, 2, tzinfo=dt.UTC)), "is no date"),
    (
        NAMES,
        _with(earliest=lambda *_: dt.date(2024, 6, 1)),
        "is 2024-06-01, after first = 2024-05-13",
    ),
    (NAMES, _with(title=7), "7 is no text"),
    (NAMES, _with(earliest=None), "lacks members"),
    (HAS_BARS, _changed(lambda frame: frame.clear()), "no row"),
    (NOT_OFFERED, LateRefusal, "requests sent before it was refused: 1"),
    (NOT_OFFERED, OtherRefusal, "DataError"),
    (NOT_OFFERED, Offering, "no error, no InputError"),
    (RANGE, _answering(_beyond), "an answer is about 2024-05-13 to 2024-06-08"),
    (RANGE, _answering(_twice), "an answer to 2024-06-07 is followed by one from 2024-05-13"),
    (RANGE, _answering(_backwards), "an answer to 2024-06-07 is followed by"),
    (RANGE, _answering(_with_a_gap), "followed by one from 2024-05-26"),
    (RANGE, _answering(_without_the_end), "about 2024-05-13 to 2024-06-01 only"),
    (RANGE, _answering(_nothing), "no answer"),
    (RANGE, _answering(_of_another_request), "an answer is of the request"),
    (RANGE, _with(fetch=lambda self, requests: iter([("SMH", None)])), "yields"),
    (FRAMES, _changed(lambda f: f.with_columns(trades=pl.lit(1.0))), "the columns are"),
    (FRAMES, _changed(lambda f: f.select(f.columns[0], "close", "open", "high", "low")), "columns"),
    (FRAMES, _changed(lambda f: f.with_columns(pl.col("volume").cast(pl.Int64))), "Int64"),
    (FRAMES, _changed(lambda f: f.drop("low")), "no column low"),
    (FRAMES, _changed(_in_utc), "times are in UTC, not in America/New_York"),
    (FRAMES, _changed(_dates_as_times), "1day bars have a column 'date'"),
    (FRAMES, _changed(_not_ascending), "must ascend"),
    (FRAMES, _changed(lambda f: pl.concat([f[:1], f])), "more than once"),
    (FRAMES, _changed(lambda f: f.with_columns(high=pl.col("low") * 0.9)), "do not include"),
    (FRAMES, _changed(lambda f: f.with_columns(close=pl.lit(0.0))), "not above zero"),
    (FRAMES, _changed(lambda f: f.with_columns(open=pl.lit(None, pl.Float64))), "is empty"),
    (FRAMES, _changed(lambda f: f.with_columns(volume=-pl.col("volume"))), "negative"),
    (FRAMES, _changed(_date_of_the_day_before), "a row is of 2024-05-10"),
    (FRAMES, _changed(lambda f: f.to_pandas()), "not a Polars frame"),  # type: ignore[return-value]
    (REPEAT, Restless, "asked twice"),
    (REPEAT, Several, "asked of a second source"),
    (PARTS, _answering(_end_excluded), "divided at"),
    (PARTS, _answering(_adjusted_to_the_end), "divided at"),
    (ONE_DAY, _answering(_one_day_empty), "alone: the rows differ"),
    (CLOSED, _answering(_not_found_on_holidays), "404"),
    (CLOSED, _answering(_filled), "no session: rows: 1"),
    (EARLIEST, _answering(_older), "before the earliest date 2024-04-22: rows: 1"),
    (EARLIEST, _answering(_asks_then_refuses), "requests sent: 1; then RefusedError"),
    (SEVERAL, Mixing, "with 1 more: the rows differ"),
    (SEVERAL, FirstOnly, r"the answers are about \[\]"),
    (UNKNOWN, _unknown(None), "no error, no UnknownSymbolError"),
    (UNKNOWN, _unknown(RefusedError("Memory: 404 NOSUCH")), "RefusedError: Memory: 404"),
    (UNKNOWN, _unknown(UnknownSymbolError("Memory: 404")), "is not named: Memory: 404"),
    (CREDENTIALS, Telling, r"a note of .* holds secrets\[0\]"),
    (CREDENTIALS, TellingBelow, r"the error of NOSUCH .* holds secrets\[0\]"),
    (CREDENTIALS, TellingTexts, r"the error of NOSUCH .* holds secrets\[0\]"),
    (CREDENTIALS, TellingRepr, r"repr\(\) holds secrets\[0\]"),
    (ONCE, AskingCalendar, r"sends requests: \d+"),
    (ORDER, _answering(_volume_of_the_range), "updated with"),
]


def _suite(source: type[MemorySource]) -> SourceConformance:
    return type("Suite", (_Memory,), {"source_class": source})()


@pytest.mark.parametrize(("name", "source", "said"), MUTANTS)
def test_a_wrong_source_fails_the_test_that_looks_for_it(
    name: str, source: type[MemorySource], said: str
) -> None:
    with pytest.raises((AssertionError, DataError), match=said) as caught:
        getattr(_suite(source), name)()
    assert _SECRET not in str(caught.value)


class Broken(MemorySource):
    def pieces(self, request: SeriesRequest) -> Iterator[Answer]:
        raise ConnectionResetError("by the peer")


class TellingOfFailure(MemorySource):
    def pieces(self, request: SeriesRequest) -> Iterator[Answer]:
        raise UnreachableError(f"no answer of https://memory.test/bars?key={self.secret}")


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        (FAILURES, Broken, "ConnectionResetError: by the peer"),
        (FAILURES, MemorySource, "no error"),
        (CREDENTIALS, TellingOfFailure, r"the error of SMH .* holds secrets\[0\]"),
    ],
)
def test_a_source_that_fails_wrongly_is_found(
    name: str, source: type[MemorySource], said: str
) -> None:
    class Suite(_Memory):
        def make_failing_source(self) -> MemorySource:
            return source()

    with pytest.raises(AssertionError, match=said):
        getattr(Suite(), name)()


def test_every_test_of_the_suite_has_a_source_that_fails_it() -> None:
    tests = {name for name in dir(SourceConformance) if name.startswith("test_")}
    assert tests == {FAILURES, *(name for name, _, _ in MUTANTS)}


def test_a_class_that_says_nothing_is_told_what_it_lacks() -> None:
    class Suite(SourceConformance):
        pass

    with pytest.raises(NotImplementedError, match=r"Suite has no make_source\(\)"):
        Suite().test_names_are_well_formed()
    with pytest.raises(NotImplementedError, match=r"Suite has no requests_sent\(\)"):
        Suite().requests_sent()
