"""The suite for sources of market data: what every source must keep to, whatever it asks."""

from __future__ import annotations

import datetime as dt
import math
import re
import tempfile
import traceback
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from wfo.data import TIMEFRAMES, DataStore, calendar_names, calendar_timezone, conform
from wfo.data.calendars import NO_CALENDAR, load_sessions
from wfo.data.checks import structure_errors
from wfo.data.sources.errors import SourceError, UnknownSymbolError
from wfo.data.sources.source import (
    SERIES,
    SOURCE_ADJUSTMENTS,
    Adjustment,
    Answer,
    SeriesKind,
    SeriesRequest,
    Source,
)
from wfo.data.timeframes import is_intraday
from wfo.errors import InputError, WfoError

if TYPE_CHECKING:
    from wfo.data.updating import Updated

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")
_DAY: Final = dt.timedelta(days=1)

#: Requests of funding rates carry this length, which means nothing.
_FUNDING_TIMEFRAME: Final = "1hour"

#: Days before the earliest date that are asked for.
_BEFORE: Final = 7


class SourceConformance:
    """Tests of one source: derive a class whose name begins with ``Test``, and say which.

    The source may be a real one, but a server or files of the test's own give the same answers
    in every run. Every series is tested at every length of bars.

    Attributes
    ----------
    symbol
        A symbol of which the source has every series that it offers, between `first` and `last`.
    unknown_symbol
        One that it does not know.
    first, last
        Dates in the past, both included: two to six weeks with bars on most sessions. Without a
        change of the past between two requests.
    more_symbols
        Further symbols of the same calendar with bars between the two dates; they are asked for
        together with `symbol`.
    timeframes
        Lengths of bars that are tested; all that the source has where none are named.
    secrets
        Texts that are credentials of the source: no error, note or repr may hold them.
    cases
        How many random divisions of the range, and orders of ranges, are tried.
    seed
        From which they are drawn; they are the same in every run.

    Examples
    --------
    A source in ``my_source.py`` that counts its requests in ``sent``::

        import datetime as dt

        import wfo.testing
        from my_source import MySource


        class TestMySource(wfo.testing.SourceConformance):
            symbol, unknown_symbol = "SMH", "NOSUCH"
            first, last = dt.date(2024, 5, 6), dt.date(2024, 6, 7)
            secrets = ("test-key",)

            def make_source(self):
                self.source = MySource(key="test-key", url="http://127.0.0.1:8080")
                return self.source

            def requests_sent(self):
                return self.source.sent

    pytest finds the class in your tests; nothing here imports pytest.
    """

    symbol: ClassVar[str]
    unknown_symbol: ClassVar[str]
    first: ClassVar[dt.date]
    last: ClassVar[dt.date]
    more_symbols: ClassVar[Sequence[str]] = ()
    timeframes: ClassVar[Sequence[str]] = ()
    secrets: ClassVar[Collection[str]] = ()
    cases: ClassVar[int] = 6
    seed: ClassVar[int] = 0

    # What the derived class says

    def make_source(self) -> Source:
        """Return a new source; every one that a test makes gives the same answers."""
        raise NotImplementedError(f"{type(self).__name__} has no make_source(), which returns one")

    def requests_sent(self) -> int:
        """Return how much the last source that was made has asked so far, whatever it asks.

        A request of a server counts, and so does a file that is opened; retries count too.
        """
        raise NotImplementedError(f"{type(self).__name__} has no requests_sent(), which counts")

    def make_failing_source(self) -> Source | None:
        """Return a source whose requests fail, as of an address without a server; None for none."""
        return None

    # Tests: what is offered

    def test_names_are_well_formed(self) -> None:
        """Name, title, series, timeframes, adjustments, calendar and first date can be used."""
        source = self.make_source()
        assert isinstance(source, Source), f"{source!r} lacks members of wfo.data.sources.Source"
        assert isinstance(source.name, str), f"name = {source.name!r} is no text"
        assert _NAME.fullmatch(source.name), (
            f"name = {source.name!r} must be a word of lower-case letters, digits and '-'"
        )
        title = source.title
        assert isinstance(title, str), f"title = {title!r} is no text"
        assert title.strip(), f"title = {title!r} must be a line of text"
        assert title.isprintable(), f"title = {title!r} must be a line of text"
        offered: tuple[tuple[str, Any, Collection[str]], ...] = (
            ("series", source.series, SERIES),
            ("timeframes", source.timeframes, TIMEFRAMES),
            ("adjustments", source.adjustments, SOURCE_ADJUSTMENTS),
        )
        for what, values, known in offered:
            assert isinstance(values, tuple), f"{what} = {values!r} must be a tuple"
            assert values, f"{what} is empty"
            assert len(set(values)) == len(values), f"{what} = {values!r} has a value twice"
            unknown = [v for v in values if v not in known]
            assert not unknown, f"{what} has {unknown!r}, not of {', '.join(known)}"
        calendar = source.calendar(self.symbol)
        assert calendar in calendar_names(), f"calendar({self.symbol!r}) = {calendar!r} is unknown"
        for series, timeframe in self._kinds(source):
            found = source.earliest(self.symbol, timeframe, series)
            assert type(found) is dt.date, (
                f"earliest({self.symbol!r}, {timeframe!r}, {series!r}) = {found!r} is no date"
            )
            assert found <= self.first, (
                f"earliest({self.symbol!r}, {timeframe!r}, {series!r}) is {found}, after first ="
                f" {self.first}"
            )

    def test_the_range_has_bars(self) -> None:
        """Every series has rows between `first` and `last`; else the suite tests nothing."""
        source = self.make_source()
        for request in self._requests(source):
            assert self._bars(source, request).height, (
                f"{_about(request)}: no row; name a symbol and dates that have some"
            )

    def test_what_is_not_offered_is_refused(self) -> None:
        """Another series, timeframe or adjustment is an `InputError`, before anything is asked."""
        source = self.make_source()
        known = next(self._requests(source))
        bars = [s for s in _series(source) if s != "funding"]
        wrong: list[SeriesRequest] = [
            *(replace(known, series=s) for s in SERIES if s not in source.series),
            *(
                replace(known, timeframe=t, series=s)
                for s in bars
                for t in TIMEFRAMES
                if t not in source.timeframes
            ),
            *(replace(known, adjust=a) for a in SOURCE_ADJUSTMENTS if a not in source.adjustments),
        ]
        for request in wrong:
            before = self.requests_sent()
            error = self._error(source, request)
            about = f"{_about(request)}, adjust {request.adjust}, which is not offered"
            assert isinstance(error, InputError), f"{about}: {_named(error)}, no InputError"
            asked = self.requests_sent() - before
            assert not asked, f"{about}: requests sent before it was refused: {asked}"

    # Tests: answers

    def test_answers_make_up_the_range(self) -> None:
        """Answers lie within their request, disjoint and ascending, and are all of it."""
        source = self.make_source()
        for request in self._requests(source):
            answers = self._fetch(source, [request])
            about = _about(request)
            assert answers, f"{about}: no answer, not even an empty one"
            for answer in answers:
                assert request.first <= answer.first <= answer.last <= request.last, (
                    f"{about}: an answer is about {answer.first} to {answer.last}"
                )
            for one, two in pairwise(answers):
                assert two.first == one.last + _DAY, (
                    f"{about}: an answer to {one.last} is followed by one from {two.first}"
                )
            ends = answers[0].first, answers[-1].last
            assert ends == (request.first, request.last), (
                f"{about}: the answers are about {ends[0]} to {ends[1]} only"
            )

    def test_frames_conform(self) -> None:
        """Columns, types and zone are the convention's, rows ascend, prices are possible."""
        source = self.make_source()
        for plain in self._requests(source):
            for adjust in _adjustments(source):
                request = replace(plain, adjust=adjust)
                for answer in self._fetch(source, [request]):
                    said = _frame_error(request, answer)
                    about = f"{_about(request)}, {answer.first} to {answer.last}, adjust {adjust}"
                    assert not said, f"{about}: {said}"
                    notes: Any = answer.notes
                    assert isinstance(notes, tuple), f"{about}: notes are no tuple, {notes!r}"
                    assert all(isinstance(n, str) for n in notes), f"{about}: notes {notes!r}"

    def test_answers_repeat(self) -> None:
        """The same question gets the same answer, from one source and from another."""
        source = self.make_source()
        for request in self._requests(source):
            wanted = self._bars(source, request)
            _equal(wanted, self._bars(source, request), f"{_about(request)}, asked twice")
        other = self.make_source()
        for request in self._requests(other):
            _equal(
                self._bars(source, request),
                self._bars(other, request),
                f"{_about(request)}, asked of a second source",
            )

    def test_parts_are_the_whole(self) -> None:
        """However a range is divided, the parts have the bars of the whole."""
        source, rng = self.make_source(), np.random.default_rng(self.seed)
        for request in self._requests(source):
            whole = self._bars(source, request)
            for _ in range(self.cases):
                parts = self._divided(request, rng)
                bars = pl.concat([self._bars(source, part) for part in parts])
                cuts = ", ".join(str(part.first) for part in parts[1:])
                _equal(whole, bars, f"{_about(request)}, divided at {cuts}")

    def test_one_day_is_a_range(self) -> None:
        """A day by itself has the bars that it has within the whole."""
        source = self.make_source()
        for request in self._requests(source):
            whole = self._bars(source, request)
            dates = _dates(whole, request)
            day = dates[len(dates) // 2]
            found = self._bars(source, replace(request, first=day, last=day))
            _equal(whole.filter(dates == day), found, f"{_about(request)}, {day} alone")

    def test_days_without_a_session_are_empty(self) -> None:
        """A range between two sessions is answered whole, without a row."""
        source = self.make_source()
        for request in self._requests(source):
            for first, last in _closed(request):
                asked = replace(request, first=first, last=last)
                bars = self._bars(source, asked)
                assert not bars.height, f"{_about(asked)}, no session: rows: {bars.height}"

    def test_before_the_earliest_date_is_nothing(self) -> None:
        """A range before `earliest` is answered empty, or refused before anything is asked."""
        source = self.make_source()
        for request in self._requests(source):
            earliest = source.earliest(request.symbol, request.timeframe, request.series)
            if earliest.toordinal() <= _BEFORE:
                continue
            asked = replace(request, first=earliest - _BEFORE * _DAY, last=earliest - _DAY)
            about = f"{_about(asked)}, before the earliest date {earliest}"
            before = self.requests_sent()
            error = self._error(source, asked)
            if error is None:
                bars = self._bars(source, asked)
                assert not bars.height, f"{about}: rows: {bars.height}"
                continue
            assert isinstance(error, (SourceError, InputError)), f"{about}: {_named(error)}"
            sent = self.requests_sent() - before
            assert not sent, f"{about}: requests sent: {sent}; then {_named(error)}"

    def test_several_at_once_are_each_alone(self) -> None:
        """Requests of several symbols, or several ranges, are answered as each of them alone."""
        source = self.make_source()
        for request in self._requests(source):
            middle = request.first + (request.last - request.first) // 2
            one, two = replace(request, last=middle), replace(request, first=middle + _DAY)
            others = [replace(request, symbol=s) for s in self.more_symbols]
            for asked in ([two, one], [request, *others], [*reversed(others), request]):
                if len(asked) == 1:
                    continue
                together = self._fetch(source, asked)
                for each in asked:
                    own = [a for a in together if a.request == each]
                    about = f"{_about(each)}, asked with {len(asked) - 1} more"
                    covered = [(a.first, a.last) for a in own]
                    ends = (covered[0][0], covered[-1][1]) if own else None
                    assert ends == (each.first, each.last), (
                        f"{about}: the answers are about {covered}"
                    )
                    _equal(self._bars(source, each), _joined(own), about)

    # Tests: errors

    def test_an_unknown_symbol_is_named(self) -> None:
        """It raises `UnknownSymbolError`, alone and beside a known one."""
        source = self.make_source()
        for request in self._requests(source):
            unknown = replace(request, symbol=self.unknown_symbol)
            for asked in ([unknown], [request, unknown]):
                error = self._error(source, *asked)
                about = f"{_about(unknown)}, which is unknown"
                assert isinstance(error, UnknownSymbolError), (
                    f"{about}: {_named(error)}, no UnknownSymbolError"
                )
                assert self.unknown_symbol in str(error), f"{about} is not named: {error}"

    def test_failures_are_source_errors(self) -> None:
        """What `make_failing_source` raises is a `SourceError`, whatever fails below it."""
        source = self.make_failing_source()
        if source is None:
            return
        request = next(self._requests(source))
        error = self._error(source, request)
        assert isinstance(error, SourceError), f"{_about(request)}: {_named(error)}"

    def test_nothing_said_holds_a_credential(self) -> None:
        """No error with its causes, no repr and no note has a text of `secrets`."""
        failing = self.make_failing_source()
        sources = [] if failing is None else [failing]
        for source in [self.make_source(), *sources]:
            said = {"repr()": repr(source), "str()": str(source), "title": source.title}
            request = next(self._requests(source))
            wrong = replace(request, symbol=self.unknown_symbol)
            lacking = [t for t in TIMEFRAMES if t not in source.timeframes]
            for asked in (
                request,
                wrong,
                *(replace(request, series="bars", timeframe=t) for t in lacking[:1]),
            ):
                try:
                    for answer in source.fetch([asked]):
                        said[f"a note of {_about(asked)}"] = " ".join(answer.notes)
                except Exception as error:  # noqa: BLE001  # of whichever type it is
                    said[f"the error of {_about(asked)}"] = _everything(error)
            for where, text in said.items():
                # The message must not hold the secret either.
                held = [i for i, s in enumerate(self.secrets) if s and s in text]
                assert not held, f"{where} holds secrets[{held[0]}]"

    # Tests: the store

    def test_an_update_asks_once(self) -> None:
        """A store has the source's bars after an update, and the next update asks nothing."""
        source = self.make_source()
        for request in self._requests(source):
            about = _about(request)
            with tempfile.TemporaryDirectory() as folder:
                store = DataStore(Path(folder))
                self._update(store, source, request)
                _equal(self._bars(source, request), _stored(store, request), f"{about}, stored")
                before = self.requests_sent()
                again = self._update(store, source, request)
                sent = self.requests_sent() - before
                assert not sent, f"{about}: an update of what is stored sends requests: {sent}"
                assert not again.requests, f"{about}: an update asks for ranges: {again.requests}"

    def test_any_order_of_ranges_ends_the_same(self) -> None:
        """Updates range by range, in any order, end with the bars and coverage of one."""
        source, rng = self.make_source(), np.random.default_rng(self.seed)
        for request in self._requests(source):
            wanted = self._stored_after(source, [request])
            for _ in range(max(1, self.cases // 2)):
                parts = self._divided(request, rng)
                parts = [parts[i] for i in rng.permutation(len(parts))]
                found = self._stored_after(source, parts)
                order = ", ".join(f"{p.first} to {p.last}" for p in parts)
                about = f"{_about(request)}, updated with {order}"
                _equal(wanted[0], found[0], about)
                assert wanted[1] == found[1], f"{about}: covers {found[1]}, not {wanted[1]}"

    # What the tests share

    def _kinds(self, source: Source) -> Iterator[tuple[SeriesKind, str]]:
        """Yield series and length of bars of whatever is tested."""
        for series in _series(source):
            if series == "funding":
                yield series, _FUNDING_TIMEFRAME
                continue
            for timeframe in self.timeframes or source.timeframes:
                yield series, timeframe

    def _requests(self, source: Source) -> Iterator[SeriesRequest]:
        """Yield the range of `symbol` in every kind."""
        calendar = source.calendar(self.symbol)
        for series, timeframe in self._kinds(source):
            yield SeriesRequest(
                symbol=self.symbol,
                first=self.first,
                last=self.last,
                timeframe=timeframe,
                series=series,
                adjust=_adjustments(source)[0],
                calendar=calendar,
            )

    def _fetch(self, source: Source, requests: Sequence[SeriesRequest]) -> list[Answer]:
        answers = list(source.fetch(requests))
        for answer in answers:
            assert isinstance(answer, Answer), f"{_about(requests[0])}: yields {answer!r}"
            assert answer.request in requests, (
                f"{_about(requests[0])}: an answer is of the request {answer.request}"
            )
        return answers

    def _bars(self, source: Source, request: SeriesRequest) -> pl.DataFrame:
        """Return all that the source has of a request."""
        answers = self._fetch(source, [request])
        assert answers, f"{_about(request)}: no answer, not even an empty one"
        return _joined(answers)

    def _error(self, source: Source, *requests: SeriesRequest) -> BaseException | None:
        """Return what a fetch raises."""
        try:
            for _ in source.fetch(requests):
                pass
        except Exception as error:  # noqa: BLE001  # of whichever type it is, a test names it
            return error
        return None

    def _divided(self, request: SeriesRequest, rng: np.random.Generator) -> list[SeriesRequest]:
        """Return a request in two to five parts, at random dates."""
        days = (request.last - request.first).days
        assert days >= 5, f"{request.first} to {request.last} is too short: name two weeks"
        size = int(rng.integers(1, 5))
        cuts = sorted(int(c) for c in rng.choice(np.arange(1, days + 1), size, replace=False))
        starts = [0, *cuts]
        ends = [*(c - 1 for c in cuts), days]
        return [
            replace(request, first=request.first + a * _DAY, last=request.first + b * _DAY)
            for a, b in zip(starts, ends, strict=True)
        ]

    def _update(self, store: DataStore, source: Source, request: SeriesRequest) -> Updated:
        from wfo.data.updating import Wanted, update

        wanted = Wanted(
            symbol=request.symbol,
            timeframe=request.timeframe,
            first=request.first,
            last=request.last,
            series=request.series,
            adjust=request.adjust,
            calendar=request.calendar,
        )
        (updated,) = update(store, source, [wanted])
        if updated.error is not None:
            raise updated.error
        return updated

    def _stored_after(
        self, source: Source, requests: Sequence[SeriesRequest]
    ) -> tuple[pl.DataFrame, list[Any]]:
        """Return the bars and the coverage of a store that was empty before some updates."""
        with tempfile.TemporaryDirectory() as folder:
            store = DataStore(Path(folder))
            for request in requests:
                self._update(store, source, request)
            request = requests[0]
            found = store.load_with_meta(request.symbol, request.timeframe, series=request.series)
            meta = found.meta
            coverage = [(a.interval, a.source) for a in meta.coverage.answered]
            return found.frame, [coverage, [e.interval for e in meta.coverage.empty]]


def _stored(store: DataStore, request: SeriesRequest) -> pl.DataFrame:
    return store.load(request.symbol, request.timeframe, series=request.series)


def _joined(answers: Sequence[Answer]) -> pl.DataFrame:
    try:
        return pl.concat([answer.frame for answer in answers])
    except pl.exceptions.PolarsError as error:
        raise AssertionError(
            f"{_about(answers[0].request)}: the frames of the answers do not go together: {error}"
        ) from error


def _equal(wanted: pl.DataFrame, found: pl.DataFrame, about: str) -> None:
    """Compare bars, bit for bit."""
    try:
        assert_frame_equal(wanted, found, check_exact=True)
    except AssertionError as error:
        raise AssertionError(f"{about}: the rows differ: {error}") from None


def _series(source: Source) -> list[SeriesKind]:
    """Return the series that a source has."""
    return [known for name in source.series for known in SERIES if known == name]


def _adjustments(source: Source) -> list[Adjustment]:
    """Return the adjustments that a source can deliver, its default first."""
    return [known for name in source.adjustments for known in SOURCE_ADJUSTMENTS if known == name]


def _frame_error(request: SeriesRequest, answer: Answer) -> str:
    """Say what is wrong with the frame of an answer; nothing where it is as it should be."""
    frame: Any = answer.frame
    if not isinstance(frame, pl.DataFrame):
        return f"the frame is {type(frame).__name__}, not a Polars frame"
    if request.series == "funding":
        schema: dict[str, Any] = {
            "datetime": pl.Datetime("us", "UTC"),
            "funding_rate": pl.Float64(),
        }
        if dict(frame.schema) != schema:
            return f"the columns are {dict(frame.schema)}, not {schema}"
        stamps = frame["datetime"]
        if stamps.null_count() or not stamps.is_sorted() or not stamps.is_unique().all():
            return "times do not ascend, or are there twice"
        if not all(r is not None and math.isfinite(r) for r in frame["funding_rate"]):
            return "a funding rate is no finite number"
    else:
        try:
            wanted = conform(frame).schema
        except WfoError as error:
            return str(error)
        if list(frame.schema.items()) != list(wanted.items()):
            return f"the columns are {dict(frame.schema)}, not {dict(wanted)}"
        stamp = "datetime" if is_intraday(request.timeframe) else "date"
        if stamp not in frame.columns:
            return f"{request.timeframe} bars have a column {stamp!r}"
        zone = _zone(request)
        own = frame.schema[stamp]
        if isinstance(own, pl.Datetime) and own.time_zone != zone:
            return f"times are in {own.time_zone}, not in {zone}"
        if errors := structure_errors(frame, request.timeframe):
            return "; ".join(errors)
    dates = _dates(frame, request)
    outside = dates.filter((dates < answer.first) | (dates > answer.last))
    return f"a row is of {outside[0]}" if len(outside) else ""


def _zone(request: SeriesRequest) -> str:
    """Return the zone of a request's dates and times."""
    if request.series == "funding":
        return "UTC"
    return calendar_timezone(request.calendar) or "UTC"


def _dates(frame: pl.DataFrame, request: SeriesRequest) -> pl.Series:
    """Return the dates on which rows count."""
    if "date" in frame.columns:
        return frame["date"]
    zone = calendar_timezone(request.calendar) or "UTC"
    return frame["datetime"].dt.convert_time_zone(zone).dt.date()


def _closed(request: SeriesRequest) -> list[tuple[dt.date, dt.date]]:
    """Return the ranges within a request of days on which no session is open."""
    if request.calendar == NO_CALENDAR:
        return []
    sessions = load_sessions(request.calendar, request.first - _DAY, request.last + _DAY)
    # A session may open on the evening before the day that it is named after.
    touched = {
        day
        for name, opens, closes in sessions.frame.select(
            pl.col("session"),
            pl.col("open", "close").dt.convert_time_zone(sessions.timezone).dt.date(),
        ).iter_rows()
        for day in (name, opens, closes)
    }
    days = (request.last - request.first).days + 1
    closed = [d for d in (request.first + i * _DAY for i in range(days)) if d not in touched]
    found: list[tuple[dt.date, dt.date]] = []
    for day in closed:
        if found and found[-1][1] == day - _DAY:
            found[-1] = found[-1][0], day
        else:
            found.append((day, day))
    return found


def _everything(error: BaseException) -> str:
    """Return all that an error says: message, arguments, notes, causes, traceback."""
    said = "".join(traceback.format_exception(error))
    chain: list[BaseException] = []
    rest: list[BaseException | None] = [error]
    while rest:
        each = rest.pop()
        if each is not None and each not in chain:
            chain.append(each)
            rest += [each.__cause__, each.__context__]
    return "\n".join([said, *(f"{each!r} {each.args!r} {vars(each)!r}" for each in chain)])


def _about(request: SeriesRequest) -> str:
    length = "" if request.series == "funding" else f" {request.timeframe}"
    return f"{request.symbol}{length} {request.series} of {request.first} to {request.last}"


def _named(error: BaseException | None) -> str:
    return "no error" if error is None else f"{type(error).__name__}: {error}"
