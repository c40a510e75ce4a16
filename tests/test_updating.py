"""The store brought up to date: what is asked for, compared, merged and kept."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gc
import itertools
import logging
import os
import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_source import DAY, MINUTES, MemorySource, SetClock, daily, minutes
from polars.testing import assert_frame_equal

from wfo.data import BarsOrigin, DataStore
from wfo.data.coverage import Coverage, DateInterval, joined, without
from wfo.data.fixing import check_stored
from wfo.data.sources.errors import (
    CredentialsError,
    MalformedError,
    SourceError,
    UnknownSymbolError,
    UnreachableError,
)
from wfo.data.sources.source import Answer, SeriesRequest
from wfo.data.store import Held
from wfo.data.updating import Quiet, Updated, Wanted, update
from wfo.data.updating.session_days import SessionDays, holds
from wfo.errors import DataError, InputError

D = dt.date
SESSIONS = SessionDays("XNYS").within(DateInterval(D(2023, 1, 1), D(2024, 6, 30)))

#: A Wednesday, 11:00 in New York.
NOW = dt.datetime(2024, 6, 5, 15, 0, tzinfo=dt.UTC)
YESTERDAY = D(2024, 6, 4)


@pytest.fixture(scope="module", autouse=True)
def _without_syncing() -> Iterator[None]:
    """Do not wait for the machine's disk; the store's own tests show what it syncs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def store(tmp_path: Path) -> DataStore:
    return DataStore(tmp_path / "data")


@pytest.fixture
def source() -> MemorySource:
    return MemorySource({"SMH": daily(SESSIONS), "QQQ": daily(SESSIONS, 300.0)})


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


class Updating:
    """Updates one symbol of a store, and says what the source was asked for by it."""

    def __init__(self, store: DataStore, source: MemorySource, clock: SetClock) -> None:
        self.store, self.source, self.clock = store, source, clock

    def __call__(
        self, first: dt.date | None = None, last: dt.date | None = None, **options: Any
    ) -> Updated:
        fresh = options.pop("fresh", False)
        listener = options.pop("listener", None)
        self.source.forget()
        wanted = Wanted(options.pop("symbol", "SMH"), first=first, last=last, **options)
        (found,) = update(
            self.store, self.source, [wanted], fresh=fresh, clock=self.clock, listener=listener
        )
        assert found.requests == len(self.source.asked)
        return found

    @property
    def asked(self) -> list[tuple[dt.date, dt.date]]:
        return [(first, last) for _, first, last in self.source.asked]

    def dates(self, symbol: str = "SMH") -> list[dt.date]:
        return self.store.load(symbol)["date"].to_list()

    def coverage(self, symbol: str = "SMH") -> Coverage:
        return self.store.meta(symbol).coverage


@pytest.fixture
def go(store: DataStore, source: MemorySource, clock: SetClock) -> Updating:
    return Updating(store, source, clock)


def between(first: dt.date, last: dt.date) -> list[dt.date]:
    return [d for d in SESSIONS if first <= d <= last]


# U1: dates


def test_yesterday_at_the_exchange_is_the_last_date_that_is_asked_for(go: Updating) -> None:
    go(D(2024, 5, 1))
    assert go.asked == [(D(2024, 5, 1), YESTERDAY)]
    # 02:00 UTC on the 6th is still the 5th in New York.
    go.clock.at = dt.datetime(2024, 6, 6, 2, 0, tzinfo=dt.UTC)
    go(D(2024, 5, 1))
    assert go.asked == []
    go.clock.at = dt.datetime(2024, 6, 6, 4, 0, tzinfo=dt.UTC)
    go(D(2024, 5, 1))
    assert go.asked[0][1] == D(2024, 6, 5)


def test_dates_to_come_are_neither_asked_for_nor_covered(go: Updating) -> None:
    go(D(2024, 6, 3), D(2030, 1, 1))
    assert go.asked == [(D(2024, 6, 3), YESTERDAY)]
    span = go.coverage().span
    assert span is not None
    assert span.last == YESTERDAY
    found = go(D(2024, 6, 5), D(2030, 1, 1))
    assert go.asked == []
    assert found.error is None
    assert "2024-06-04 is the last date" in found.notes[0]


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InputError, match="ends before it begins"):
        Wanted("SMH", first=D(2024, 2, 1), last=D(2024, 1, 1))


def test_without_a_first_date_daily_bars_are_asked_for_from_the_earliest_on(
    go: Updating, source: MemorySource
) -> None:
    source._piece = 400
    found = go()
    assert go.asked == [(D(2000, 1, 3), YESTERDAY)]
    assert found.added == len(between(D(2023, 1, 1), YESTERDAY))
    assert any("no bars before 2023-01-03" in note for note in found.notes)


def test_without_a_first_date_intraday_bars_are_asked_for_five_years_back(
    go: Updating, source: MemorySource
) -> None:
    source.bars["SMH"] = minutes(SESSIONS)
    go(timeframe="1min")
    assert go.asked == [(D(2019, 6, 4), YESTERDAY)]


def test_nothing_is_asked_for_before_the_source_begins(go: Updating, source: MemorySource) -> None:
    source._piece = 400
    found = go(D(1990, 1, 1), D(2023, 2, 1))
    assert go.asked == [(D(2000, 1, 3), D(2023, 2, 1))]
    assert "Memory has nothing before 2000-01-01" in found.notes
    # It counts as answered empty.
    assert go.coverage().missing(DateInterval(D(1990, 1, 1), D(2023, 2, 1)), NOW) == ()
    assert go(D(1985, 1, 1), D(2023, 2, 1)).requests == 0
    assert go.coverage().missing(DateInterval(D(1985, 1, 1), D(2023, 2, 1)), NOW) == ()


# U2, U3: what is missing is asked for alone, with an overlap


@pytest.mark.parametrize(
    ("earliest", "timeframe"), [(D(1, 1, 1), "1day"), (D(1700, 1, 1), "1week")]
)
def test_a_source_that_begins_before_all_coverage_is_asked_from_there_on(
    store: DataStore, clock: SetClock, earliest: dt.date, timeframe: str
) -> None:
    source = MemorySource({"SMH": daily(SESSIONS[1:2])}, earliest=earliest, piece=50_000)
    (found,) = update(store, source, [Wanted("SMH", timeframe)], clock=clock)
    assert found.error is None
    assert source.asked[0][1].year == 1700
    assert store.load("SMH", timeframe)["date"].to_list() == SESSIONS[1:2]


def test_what_was_answered_is_not_asked_for_again(go: Updating) -> None:
    first = go(D(2024, 1, 1), D(2024, 3, 31))
    assert (first.requests, first.added) == (1, len(between(D(2024, 1, 1), D(2024, 3, 31))))
    before = go.store.load("SMH")
    for span in ((D(2024, 1, 1), D(2024, 3, 31)), (D(2024, 2, 3), D(2024, 2, 20))):
        again = go(*span)
        assert (again.requests, again.added, again.revised) == (0, 0, 0)
    assert_frame_equal(go.store.load("SMH"), before)


def test_a_tail_is_asked_for_with_the_five_sessions_before_it(go: Updating) -> None:
    go(D(2024, 1, 1), D(2024, 3, 29))
    found = go(D(2024, 1, 1), D(2024, 4, 12))
    # 29 March 2024 was Good Friday; the five sessions before 1 April begin on the 22nd.
    assert go.asked == [(D(2024, 3, 22), D(2024, 4, 12))]
    assert found.added == len(between(D(2024, 4, 1), D(2024, 4, 12)))
    assert go.dates() == between(D(2024, 1, 1), D(2024, 4, 12))


def test_a_head_is_asked_for_with_the_five_sessions_after_it(go: Updating) -> None:
    go(D(2024, 3, 4), D(2024, 3, 29))
    go(D(2024, 2, 5), D(2024, 3, 29))
    assert go.asked == [(D(2024, 2, 5), D(2024, 3, 8))]
    assert go.dates() == between(D(2024, 2, 5), D(2024, 3, 29))


def test_a_hole_is_asked_for_with_five_sessions_on_either_side(go: Updating) -> None:
    go(D(2024, 1, 2), D(2024, 1, 31))
    go(D(2024, 3, 1), D(2024, 3, 29))
    go(D(2024, 1, 2), D(2024, 3, 29))
    assert go.asked == [(D(2024, 1, 25), D(2024, 3, 7))]
    assert go.dates() == between(D(2024, 1, 2), D(2024, 3, 29))
    assert len(go.coverage().answered) == 1


def test_head_and_tail_are_two_requests(go: Updating) -> None:
    go(D(2024, 2, 5), D(2024, 3, 29))
    go(D(2024, 1, 2), D(2024, 4, 30))
    assert go.asked == [(D(2024, 1, 2), D(2024, 2, 9)), (D(2024, 3, 22), D(2024, 4, 30))]


def test_fewer_stored_sessions_than_five_are_all_asked_for_again(go: Updating) -> None:
    go(D(2024, 3, 5), D(2024, 3, 6))
    go(D(2024, 3, 5), D(2024, 3, 12))
    assert go.asked == [(D(2024, 3, 5), D(2024, 3, 12))]


def test_an_island_is_compared_with_the_nearest_sessions_without_what_lies_between(
    go: Updating,
) -> None:
    go(D(2024, 1, 2), D(2024, 1, 31))
    go(D(2024, 4, 1), D(2024, 4, 5))
    assert go.asked == [(D(2024, 1, 25), D(2024, 1, 31)), (D(2024, 4, 1), D(2024, 4, 5))]
    assert go.dates() == between(D(2024, 1, 2), D(2024, 1, 31)) + between(
        D(2024, 4, 1), D(2024, 4, 5)
    )


def test_a_holiday_or_weekend_is_no_gap(go: Updating) -> None:
    go(D(2024, 3, 25), D(2024, 3, 28))
    # Good Friday and a weekend
    assert go(D(2024, 3, 25), D(2024, 3, 31)).requests == 0
    assert go(D(2024, 3, 29), D(2024, 3, 30)).requests == 0
    go(D(2024, 3, 29), D(2024, 4, 1))
    assert go.asked[-1][1] == D(2024, 4, 1)
    assert go.coverage().missing(DateInterval(D(2024, 3, 25), D(2024, 4, 1)), NOW) == ()


def test_a_range_without_a_session_needs_no_request_even_if_nothing_is_stored(
    go: Updating,
) -> None:
    found = go(D(2024, 6, 1), D(2024, 6, 2))
    assert (found.requests, found.meta, found.error) == (0, None, None)
    assert not go.store.folder.exists() or not go.store.keys()


def test_without_a_calendar_every_day_counts(go: Updating, source: MemorySource) -> None:
    every = [D(2024, 3, 1) + n * DAY for n in range(60)]
    source.bars["BTC/USDT"] = daily(every)
    options = {"symbol": "BTC/USDT", "calendar": "none"}
    go(D(2024, 3, 1), D(2024, 3, 8), **options)
    go(D(2024, 3, 1), D(2024, 3, 9), **options)
    assert go.asked == [(D(2024, 3, 4), D(2024, 3, 9))]
    assert go.store.load("BTC/USDT")["date"].to_list() == every[:9]


def test_sessions_of_futures_begin_on_the_evening_before() -> None:
    # Sunday, 3 March 2024: Globex opens at 17:00 in Chicago.
    sunday = DateInterval(D(2024, 3, 3), D(2024, 3, 3))
    assert SessionDays("CMES", "1min").within(sunday) == [D(2024, 3, 3)]
    assert SessionDays("CMES", "1day").within(sunday) == []


def test_days_of_which_a_calendar_has_no_facts_count() -> None:
    # Its facts begin on 1 January 1997, a Wednesday; the first session was on the 6th.
    days = SessionDays("XTKS").within(DateInterval(D(1996, 12, 28), D(1997, 1, 7)))
    assert days == [D(1996, 12, 28) + n * DAY for n in range(4)] + [D(1997, 1, 6), D(1997, 1, 7)]


# U4: sessions without a bar


def test_sessions_without_a_bar_are_believed_for_a_while(
    go: Updating, source: MemorySource, clock: SetClock
) -> None:
    halted = [D(2024, 3, 5), D(2024, 3, 6)]
    source.bars["SMH"] = daily([d for d in SESSIONS if d not in halted])
    found = go(D(2024, 3, 1), D(2024, 3, 28))
    assert [e.interval for e in go.coverage().empty] == [DateInterval(*halted)]
    assert "2 sessions without bars: 2024-03-05, 2024-03-06" in found.notes
    clock.at = NOW + dt.timedelta(days=29, hours=23)
    assert go(D(2024, 3, 1), D(2024, 3, 28)).requests == 0
    source.bars["SMH"] = daily(SESSIONS)
    clock.at = NOW + dt.timedelta(days=30)
    found = go(D(2024, 3, 1), D(2024, 3, 28))
    # With the two sessions before it and five after it.
    assert go.asked == [(D(2024, 3, 1), D(2024, 3, 13))]
    assert (found.added, found.anew) == (2, False)
    assert go.dates() == between(D(2024, 3, 1), D(2024, 3, 28))
    assert not go.coverage().empty


def test_a_bar_of_yesterday_that_is_late_is_asked_for_within_hours(
    go: Updating, source: MemorySource, clock: SetClock
) -> None:
    source.bars["SMH"] = daily(between(D(2024, 1, 1), D(2024, 6, 3)))
    go(D(2024, 5, 1))
    clock.at = NOW + dt.timedelta(minutes=59)
    assert go(D(2024, 5, 1)).requests == 0
    source.bars["SMH"] = daily(SESSIONS)
    clock.at = NOW + dt.timedelta(hours=20)
    assert go(D(2024, 5, 1), YESTERDAY).added == 1


def test_a_later_listing_is_answered_empty_and_not_asked_for_again(
    go: Updating, source: MemorySource
) -> None:
    source.bars["SMH"] = daily(between(D(2024, 2, 15), YESTERDAY))
    found = go(D(2023, 1, 1))
    assert any("no bars before 2024-02-15, from 2023-01-03 on" in n for n in found.notes)
    assert go(D(2023, 1, 1)).requests == 0
    assert go(D(2023, 6, 1), D(2023, 7, 1)).requests == 0


def test_nothing_at_all_is_remembered_too(go: Updating, source: MemorySource) -> None:
    source.bars["SMH"] = daily([])
    found = go(D(2024, 1, 1), D(2024, 2, 1))
    assert found.meta is not None
    assert found.meta.rows == 0
    assert found.notes == ("Memory has no bars from 2024-01-02 to 2024-02-01",)
    assert go(D(2024, 1, 1), D(2024, 2, 1)).requests == 0
    with pytest.raises(DataError):
        go.store.load("SMH")


# U5: failures and interruptions


def failing(number: int, error: BaseException) -> Callable[[int], None]:
    def before(answer: int) -> None:
        if answer == number:
            raise error

    return before


def test_what_was_answered_before_a_failure_is_kept_and_the_rest_is_not_covered(
    go: Updating, source: MemorySource
) -> None:
    source.before = failing(3, UnreachableError("the line is down"))
    found = go(D(2024, 1, 1), D(2024, 2, 29))
    assert isinstance(found.error, UnreachableError)
    # Two answers of a week, from 2 January on.
    assert go.dates() == between(D(2024, 1, 2), D(2024, 1, 15))
    assert found.added == len(go.dates())
    found = go(D(2024, 1, 1), D(2024, 2, 29))
    assert found.error is None
    assert go.asked == [(D(2024, 1, 8), D(2024, 2, 29))]
    assert go.dates() == between(D(2024, 1, 1), D(2024, 2, 29))


def test_an_interruption_keeps_what_is_complete(go: Updating, source: MemorySource) -> None:
    source.before = failing(2, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        go(D(2024, 1, 1), D(2024, 2, 29))
    assert go.dates() == between(D(2024, 1, 2), D(2024, 1, 8))


def test_what_is_answered_is_stored_every_thirty_seconds(
    go: Updating, source: MemorySource, clock: SetClock
) -> None:
    stored: list[int] = []

    def before(answer: int) -> None:
        clock.seconds += 16.0
        stored.append(go.store.meta("SMH").rows if go.store.keys() else 0)

    source.before = before
    go(D(2024, 1, 2), D(2024, 2, 5))
    assert stored == [
        0,
        0,
        len(between(D(2024, 1, 2), D(2024, 1, 15))),
        len(between(D(2024, 1, 2), D(2024, 1, 15))),
        len(between(D(2024, 1, 2), D(2024, 1, 29))),
    ]


def test_a_failure_before_the_overlap_is_compared_leaves_the_range_open(
    go: Updating, source: MemorySource
) -> None:
    source._piece = 25
    go(D(2024, 3, 4), D(2024, 3, 29))
    # The head and nothing of the sessions after it, in which its split would be seen.
    source.before = failing(3, UnreachableError("the line is down"))
    source.bars["SMH"] = daily(SESSIONS, 200.0)
    go(D(2024, 2, 6), D(2024, 3, 29))
    assert go.asked == [(D(2024, 2, 6), D(2024, 3, 8))]
    assert go.dates() == between(D(2024, 2, 6), D(2024, 2, 29)) + between(
        D(2024, 3, 4), D(2024, 3, 28)
    )
    assert go.coverage().missing(DateInterval(D(2024, 2, 6), D(2024, 3, 29)), NOW) != ()
    found = go(D(2024, 2, 6), D(2024, 3, 29))
    assert found.anew
    assert_frame_equal(go.store.load("SMH"), daily(between(D(2024, 2, 6), D(2024, 3, 29)), 200.0))


# U6, U7: revisions


def revised(days: Sequence[dt.date], day: dt.date, column: str, factor: float) -> pl.DataFrame:
    value = pl.when(pl.col("date") == day).then(pl.col(column) * factor).otherwise(pl.col(column))
    return daily(days).with_columns(value.alias(column))


def test_a_volume_that_changed_is_replaced_and_counted(go: Updating, source: MemorySource) -> None:
    go(D(2024, 3, 1), D(2024, 3, 28))
    source.bars["SMH"] = revised(SESSIONS, D(2024, 3, 27), "volume", 1.5)
    found = go(D(2024, 3, 1), D(2024, 4, 5))
    assert (found.revised, found.anew, found.added) == (1, False, 5)
    assert "1 stored bar was revised by Memory" in found.notes
    expected = source.bars["SMH"].filter(pl.col("date").is_between(D(2024, 3, 1), D(2024, 4, 5)))
    assert_frame_equal(go.store.load("SMH"), expected)


@pytest.mark.parametrize(("factor", "anew"), [(1 + 1e-10, False), (1 + 1e-8, True)])
def test_a_price_is_another_one_beyond_a_billionth(
    go: Updating, source: MemorySource, factor: float, anew: bool
) -> None:
    go(D(2024, 3, 1), D(2024, 3, 28))
    source.bars["SMH"] = revised(SESSIONS, D(2024, 3, 27), "high", factor)
    assert go(D(2024, 3, 1), D(2024, 4, 5)).anew is anew


def test_history_is_fetched_anew_where_a_price_of_the_overlap_differs(
    go: Updating, source: MemorySource
) -> None:
    go(D(2024, 1, 2), D(2024, 1, 31))
    go(D(2024, 3, 1), D(2024, 3, 28))
    source.bars["SMH"] = daily(SESSIONS, 50.0)
    found = go(D(2024, 3, 1), D(2024, 4, 5))
    # All that was ever covered, and the request.
    assert go.asked == [(D(2024, 3, 22), D(2024, 4, 5)), (D(2024, 1, 2), D(2024, 4, 5))]
    assert found.anew
    assert found.requests == 2
    assert found.revised == len(between(D(2024, 1, 2), D(2024, 1, 31))) + len(
        between(D(2024, 3, 1), D(2024, 3, 28))
    )
    assert_frame_equal(go.store.load("SMH"), daily(between(D(2024, 1, 2), D(2024, 4, 5)), 50.0))
    assert found.set_aside is None
    assert any("open of 2024-03-22 was" in note and "anew" in note for note in found.notes)
    assert go(D(2024, 1, 2), D(2024, 4, 5)).requests == 0


def test_history_is_fetched_anew_where_a_stored_bar_is_gone(
    go: Updating, source: MemorySource
) -> None:
    go(D(2024, 3, 1), D(2024, 3, 28))
    source.bars["SMH"] = daily([d for d in SESSIONS if d != D(2024, 3, 26)])
    found = go(D(2024, 3, 1), D(2024, 4, 5))
    assert found.anew
    assert any("the bar of 2024-03-26 is not there any more" in note for note in found.notes)
    assert D(2024, 3, 26) not in go.dates()
    # What the source gives no more is not lost.
    assert found.set_aside is not None
    aside = pl.read_parquet(found.set_aside)
    assert aside["date"].to_list() == between(D(2024, 3, 1), D(2024, 3, 28))


def test_a_bar_that_the_overlap_has_and_the_store_had_not_is_added(
    go: Updating, source: MemorySource
) -> None:
    source.bars["SMH"] = daily([d for d in SESSIONS if d != D(2024, 3, 26)])
    go(D(2024, 3, 1), D(2024, 3, 28))
    source.bars["SMH"] = daily(SESSIONS)
    found = go(D(2024, 3, 1), D(2024, 4, 1))
    assert (found.added, found.anew) == (2, False)
    assert go.dates() == between(D(2024, 3, 1), D(2024, 4, 1))
    assert not go.coverage().empty


def without_rows_of(source: MemorySource, day: dt.date) -> Callable[..., Answer]:
    """Answer without the rows of a day, and say that they could not be read."""
    honest = source.answer

    def answer(request: SeriesRequest, first: dt.date, last: dt.date) -> Answer:
        found = honest(request, first, last)
        if not first <= day <= last:
            return found
        stamp = found.frame[found.frame.columns[0]]
        dates = stamp if stamp.dtype == pl.Date else stamp.dt.date()
        return dataclasses.replace(found, frame=found.frame.filter(dates != day), unreadable=(day,))

    return answer


@pytest.mark.parametrize("timeframe", ["1day", "1min"])
def test_stored_bars_of_a_day_that_cannot_be_read_stay_and_are_asked_for_again(
    go: Updating, source: MemorySource, monkeypatch: pytest.MonkeyPatch, timeframe: str
) -> None:
    if timeframe == "1min":
        source.bars["SMH"] = minutes(SESSIONS)
    go(D(2024, 3, 1), D(2024, 3, 28), timeframe=timeframe)
    with monkeypatch.context() as patch:
        patch.setattr(source, "answer", without_rows_of(source, D(2024, 3, 26)))
        found = go(D(2024, 3, 1), D(2024, 4, 5), timeframe=timeframe)
    assert (found.anew, found.revised, found.error) == (False, 0, None)
    # The day has the bars that were stored before.
    assert not [note for note in found.notes if "without bars" in note]
    stamp = source.bars["SMH"].columns[0]
    dates = pl.col(stamp) if timeframe == "1day" else pl.col(stamp).dt.date()
    whole = source.bars["SMH"].filter(dates.is_between(D(2024, 3, 1), D(2024, 4, 5)))
    assert_frame_equal(go.store.load("SMH", timeframe), whole)
    # It has bars, and nothing else is said.
    assert not any("without bars" in note for note in found.notes)
    said = check_stored(go.store, "SMH", timeframe, now=go.clock.now()).warnings
    assert not any("has no bars" in words for words in said)
    # Ten weeks had passed when that was said, so it is believed for thirty days.
    assert go(D(2024, 3, 1), D(2024, 4, 5), timeframe=timeframe).requests == 0
    go.clock.at += dt.timedelta(days=31)
    assert go(D(2024, 3, 1), D(2024, 4, 5), timeframe=timeframe).requests == 1
    assert not go.store.meta("SMH", timeframe).coverage.empty


def test_a_new_bar_that_cannot_be_read_is_left_out_and_asked_for_again(
    go: Updating, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(D(2024, 3, 1), D(2024, 3, 28))
    with monkeypatch.context() as patch:
        patch.setattr(source, "answer", without_rows_of(source, D(2024, 4, 3)))
        go(D(2024, 3, 1), D(2024, 4, 5))
    assert go.dates() == [d for d in between(D(2024, 3, 1), D(2024, 4, 5)) if d != D(2024, 4, 3)]
    go.clock.at += dt.timedelta(days=31)
    assert go(D(2024, 3, 1), D(2024, 4, 5)).added == 1
    assert go.dates() == between(D(2024, 3, 1), D(2024, 4, 5))


def test_the_store_stays_as_it_was_if_fetching_anew_fails(
    go: Updating, source: MemorySource
) -> None:
    go(D(2024, 1, 2), D(2024, 3, 28))
    before, meta = go.store.load("SMH"), go.store.meta("SMH")
    source.bars["SMH"] = daily(SESSIONS, 50.0)
    number = source._answers
    source.before = failing(number + 3, UnreachableError("the line is down"))
    found = go(D(2024, 1, 2), D(2024, 4, 5))
    assert len(go.asked) == 2
    assert isinstance(found.error, UnreachableError)
    assert not found.anew
    assert (found.added, found.revised) == (0, 0)
    assert any("are as they were before" in note for note in found.notes)
    assert_frame_equal(go.store.load("SMH"), before)
    assert go.store.meta("SMH") == meta


def test_a_source_that_has_no_bar_any_more_takes_none_away(
    go: Updating, source: MemorySource
) -> None:
    go(D(2024, 1, 2), D(2024, 3, 28))
    before, meta = go.store.load("SMH"), go.store.meta("SMH")
    source.bars["SMH"] = daily([])
    found = go(D(2024, 1, 2), D(2024, 4, 5))
    assert len(go.asked) == 2
    assert isinstance(found.error, MalformedError)
    assert "Memory has no bar of SMH any more" in str(found.error)
    assert not found.anew
    assert_frame_equal(go.store.load("SMH"), before)
    assert go.store.meta("SMH") == meta


def test_an_interruption_while_fetching_anew_leaves_what_is_stored(
    go: Updating, source: MemorySource
) -> None:
    go(D(2024, 1, 2), D(2024, 3, 28))
    before, meta = go.store.load("SMH"), go.store.meta("SMH")
    source.bars["SMH"] = daily(SESSIONS, 50.0)
    source.before = failing(source._answers + 4, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        go(D(2024, 1, 2), D(2024, 4, 5))
    assert len(go.asked) == 2
    assert_frame_equal(go.store.load("SMH"), before)
    assert go.store.meta("SMH") == meta


def test_a_source_that_disagrees_with_itself_is_asked_twice_an_update_and_no_more(
    go: Updating, source: MemorySource
) -> None:
    draw = random.Random(7)

    def before(number: int) -> None:
        source.bars["SMH"] = daily(SESSIONS, 100.0 + draw.random())

    source.before = before
    go(D(2024, 3, 1), D(2024, 3, 28))
    found = go(D(2024, 3, 1), D(2024, 4, 5))
    assert found.anew
    assert found.requests == 2
    assert found.error is None
    assert go.dates() == between(D(2024, 3, 1), D(2024, 4, 5))


# U8: one adjustment, one source, one calendar


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"adjust": "raw"}, "adjustment 'split'.*'raw'.*--fresh"),
        ({"calendar": "XLON"}, "calendar 'XNYS'.*'XLON'.*--fresh"),
    ],
)
def test_what_does_not_go_with_what_is_stored_is_refused(
    go: Updating, options: dict[str, Any], words: str
) -> None:
    go(D(2024, 3, 1), D(2024, 3, 28))
    with pytest.raises(InputError, match=words):
        go(D(2024, 3, 1), D(2024, 4, 5), **options)
    assert go.asked == []


def test_another_source_is_refused_and_fresh_sets_the_file_aside(
    go: Updating, source: MemorySource
) -> None:
    go(D(2024, 3, 1), D(2024, 3, 28))
    source.name = "other"
    with pytest.raises(InputError, match=r"source 'memory'.*'other'.*--fresh"):
        go(D(2024, 3, 1), D(2024, 4, 5))
    source.bars["SMH"] = daily(SESSIONS, 50.0)
    found = go(D(2024, 3, 4), D(2024, 4, 5), fresh=True, adjust="raw")
    assert found.error is None
    assert found.set_aside is not None
    assert found.set_aside.exists()
    assert go.dates() == between(D(2024, 3, 4), D(2024, 4, 5))
    assert go.store.meta("SMH").origin.fetched_from == "other"
    assert go.store.meta("SMH").origin.adjust == "raw"


def test_fresh_sets_one_file_aside_however_long_the_others_take(
    store: DataStore, source: MemorySource, clock: SetClock
) -> None:
    source._piece = 400
    wanted = [Wanted(symbol, first=D(1999, 1, 4)) for symbol in ("SMH", "QQQ")]
    update(store, source, wanted, clock=clock)
    old = (store.folder / "SMH_1day.parquet").read_bytes()

    def slow(number: int) -> None:
        clock.seconds += 31.0

    source.before = slow
    found = update(store, source, wanted, clock=clock, fresh=True)
    kept = [p for p in store.folder.iterdir() if ".parquet.replaced-" in p.name]
    assert sorted(kept) == sorted(f.set_aside for f in found if f.set_aside is not None)
    assert len(kept) == 2
    assert found[0].set_aside is not None
    assert found[0].set_aside.read_bytes() == old


def test_fresh_of_dates_before_the_source_begins_leaves_what_is_stored(go: Updating) -> None:
    go(D(2024, 3, 1), D(2024, 3, 28))
    found = go(D(1990, 1, 1), D(1995, 1, 1), fresh=True)
    assert found.set_aside is None
    assert go.dates() == between(D(2024, 3, 1), D(2024, 3, 28))


def test_fresh_that_fails_leaves_what_is_stored(go: Updating, source: MemorySource) -> None:
    go(D(2024, 3, 1), D(2024, 3, 28))
    before = go.store.load("SMH")
    source.before = failing(source._answers + 2, UnreachableError("the line is down"))
    found = go(D(2024, 1, 1), fresh=True)
    assert isinstance(found.error, UnreachableError)
    assert found.set_aside is None
    assert_frame_equal(go.store.load("SMH"), before)


@pytest.mark.parametrize(
    ("series", "words"),
    [("mark", "--series mark --timeframe 1day --source FILE.py:CLASS --adjust split --fresh")],
)
def test_the_way_out_names_the_series(go: Updating, series: Any, words: str) -> None:
    go(D(2024, 3, 1), series=series, adjust="raw")
    with pytest.raises(InputError, match=f"wfo data download SMH {words}"):
        go(D(2024, 3, 1), series=series, adjust="split")


def test_imported_bars_are_not_continued(go: Updating) -> None:
    go.store.save("SMH", "1day", daily(SESSIONS[:20]), BarsOrigin("mine.csv", "XNYS"))
    with pytest.raises(InputError, match=r"imported from 'mine\.csv'.*--fresh"):
        go(D(2024, 3, 1))
    assert go.asked == []
    found = go(D(2024, 3, 1), fresh=True)
    assert found.set_aside is not None
    assert go.store.meta("SMH").origin.fetched_from == "memory"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeframe": "4hour"}, "does not have the timeframe '4hour'"),
        ({"adjust": "dividend"}, "does not have the adjustment 'dividend'"),
    ],
)
def test_what_the_source_has_not_is_refused(
    go: Updating, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        go(D(2024, 3, 1), **options)


# U9: two at once


class Told(Quiet):
    """Keeps what an update tells."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.days: dict[str, list[int]] = {}
        self.ended: list[Updated] = []
        self.waits = threading.Event()

    def begin(self, symbol: str, timeframe: str, days: int) -> None:
        self.days.setdefault(symbol, []).append(days)

    def advance(self, symbol: str, days: int) -> None:
        self.days[symbol][-1] -= days

    def end(self, updated: Updated) -> None:
        self.ended.append(updated)

    def say(self, text: str) -> None:
        self.said.append(text)
        self.waits.set()


def test_waits_of_the_source_are_told_while_it_is_asked_and_not_after(
    go: Updating, source: MemorySource
) -> None:
    logger = logging.getLogger("wfo.data.sources.http")
    level = logger.parent.level if logger.parent else None

    def busy(number: int) -> None:
        logger.info("Memory is busy; attempt %d of 5", number)
        logger.debug("a detail")
        # What another thread waits for is of another update.
        other = threading.Thread(target=logger.info, args=("Memory is busy elsewhere",))
        other.start()
        other.join()

    source.before = busy
    told = Told()
    go(D(2024, 3, 1), D(2024, 3, 8), listener=told)
    logger.info("Memory is busy for others")
    assert told.said == ["Memory is busy; attempt 1 of 5", "Memory is busy; attempt 2 of 5"]
    parent = logging.getLogger("wfo.data.sources")
    assert parent.handlers == []
    assert parent.level == level


def test_a_series_that_cannot_be_written_costs_the_others_nothing(
    store: DataStore, source: MemorySource, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = [Wanted(s, first=D(2024, 3, 1), last=D(2024, 3, 28)) for s in ("SMH", "QQQ")]
    update(store, source, earlier, clock=clock)
    write = Held.write

    def refusing(self: Held, *args: Any, **options: Any) -> Any:
        if self.read().meta.symbol == "SMH":
            raise DataError("cannot write SMH")
        return write(self, *args, **options)

    def fetch(requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        """Answer the first days of each, and fail."""
        for request in requests:
            yield source.answer(request, request.first, D(2024, 4, 30))
        raise UnreachableError("the line is down")

    monkeypatch.setattr(Held, "write", refusing)
    monkeypatch.setattr(source, "fetch", fetch)
    with pytest.raises(DataError, match="cannot write SMH"):
        update(store, source, [Wanted(s, first=D(2024, 3, 1)) for s in ("SMH", "QQQ")], clock=clock)
    assert store.load("SMH")["date"][-1] == D(2024, 3, 28)
    assert store.load("QQQ")["date"][-1] == D(2024, 4, 30)


def test_the_second_of_two_waits_and_finds_what_the_first_has_fetched(
    store: DataStore, clock: SetClock
) -> None:
    one, two = (MemorySource({"SMH": daily(SESSIONS)}) for _ in range(2))
    told, began = Told(), threading.Event()
    found: list[Updated] = []

    def before(number: int) -> None:
        began.set()
        assert told.waits.wait(20.0)

    def second() -> None:
        assert began.wait(20.0)
        found.extend(update(store, two, [wanted], clock=clock, listener=told))

    one.before = before
    wanted = Wanted("SMH", first=D(2024, 1, 1))
    thread = threading.Thread(target=second)
    thread.start()
    update(store, one, [wanted], clock=clock)
    thread.join(20.0)
    assert not thread.is_alive()
    assert one.asked
    assert not two.asked
    assert found[0].requests == 0
    assert found[0].meta is not None
    assert "waiting for another process" in told.said[0]


# U10: a file that cannot be read


def test_a_broken_file_is_fetched_again_and_set_aside(go: Updating) -> None:
    go(D(2024, 3, 1), D(2024, 3, 28))
    path = go.store.folder / "SMH_1day.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:100])
    found = go(D(2024, 3, 1), D(2024, 3, 28))
    assert found.set_aside is not None
    assert ".corrupt-" in found.set_aside.name
    assert found.set_aside.read_bytes() == content[:100]
    assert go.dates() == between(D(2024, 3, 1), D(2024, 3, 28))


def test_a_file_cut_short_remembers_where_it_came_from(go: Updating) -> None:
    go.store.save("SMH", "1day", daily(SESSIONS[:20]), BarsOrigin("mine.csv", "XNYS"))
    path = go.store.folder / "SMH_1day.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"imported from 'mine\.csv'.*--fresh"):
        go(D(2024, 3, 1))
    assert path.stat().st_size == 100
    found = go(D(2024, 3, 1), fresh=True)
    assert found.set_aside is not None
    assert found.set_aside.stat().st_size == 100


def test_a_file_cut_short_is_fetched_again_as_it_was_adjusted(go: Updating) -> None:
    go(D(2024, 3, 1), adjust="raw")
    (go.store.folder / "SMH_1day.parquet").write_bytes(b"")
    go(D(2024, 5, 1))
    assert go.store.meta("SMH").origin.adjust == "raw"


def test_a_broken_file_stays_while_the_source_cannot_be_reached(
    go: Updating, source: MemorySource
) -> None:
    go(D(2024, 3, 1), D(2024, 3, 28))
    path = go.store.folder / "SMH_1day.parquet"
    path.write_bytes(b"broken")
    source.before = failing(source._answers + 1, UnreachableError("the line is down"))
    found = go(D(2024, 3, 1), D(2024, 3, 28))
    assert isinstance(found.error, UnreachableError)
    assert found.set_aside is None
    assert path.read_bytes() == b"broken"
    assert [p.name for p in go.store.folder.iterdir() if "corrupt" in p.name] == []


# Answers that are not what a source promises


def changed(**fields: Any) -> Callable[[Answer], Answer]:
    return lambda answer: dataclasses.replace(answer, **fields)


def framed(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Answer], Answer]:
    return lambda answer: dataclasses.replace(answer, frame=change(answer.frame))


BAD_ANSWERS: dict[str, Callable[[Answer], Answer]] = {
    "before the range": changed(first=D(2024, 2, 1)),
    "after the range": changed(last=D(2024, 4, 30)),
    "backwards": changed(first=D(2024, 3, 7), last=D(2024, 3, 5)),
    "rows left out of other dates": changed(unreadable=(D(2024, 4, 2),)),
    "bars outside the dates": framed(lambda f: daily(between(D(2024, 3, 1), D(2024, 3, 20)))),
    "unordered": framed(lambda f: f.reverse()),
    "twice": framed(lambda f: pl.concat([f, f.tail(1)])),
    "price of zero": framed(lambda f: f.with_columns(low=pl.lit(0.0))),
    "high below low": framed(lambda f: f.with_columns(high=pl.col("low") - 1)),
    "empty price": framed(lambda f: f.with_columns(open=pl.lit(None, pl.Float64))),
    "infinite": framed(lambda f: f.with_columns(high=pl.lit(float("inf")))),
    "negative volume": framed(lambda f: f.with_columns(volume=pl.lit(-1.0))),
    "no prices": framed(lambda f: f.select("date", "open")),
    "no stamps": framed(lambda f: f.drop("date")),
    "texts": framed(lambda f: f.with_columns(pl.col("close").cast(pl.String))),
    "minutes": framed(lambda f: minutes(between(D(2024, 3, 1), D(2024, 3, 7)))),
    "another request": lambda a: dataclasses.replace(
        a, request=dataclasses.replace(a.request, symbol="QQQ")
    ),
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
def test_nothing_is_stored_of_an_answer_that_cannot_be(
    go: Updating, source: MemorySource, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = source.answer
    monkeypatch.setattr(source, "answer", lambda *about: BAD_ANSWERS[case](honest(*about)))
    found = go(D(2024, 3, 1), D(2024, 3, 28))
    assert isinstance(found.error, MalformedError)
    assert "Memory" in str(found.error)
    assert found.meta is None
    assert go.store.keys() == []


def test_what_was_answered_before_a_bad_answer_is_kept(
    go: Updating, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = source.answer

    def answer(request: SeriesRequest, first: dt.date, last: dt.date) -> Answer:
        good = honest(request, first, last)
        return good if first < D(2024, 3, 8) else framed(lambda f: f.reverse())(good)

    monkeypatch.setattr(source, "answer", answer)
    assert isinstance(go(D(2024, 3, 1), D(2024, 3, 28)).error, MalformedError)
    assert go.dates() == between(D(2024, 3, 1), D(2024, 3, 7))


def test_a_source_that_ends_early_has_not_answered(
    go: Updating, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = source.fetch

    def short(requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        yield next(iter(fetch(requests)))

    monkeypatch.setattr(source, "fetch", short)
    found = go(D(2024, 3, 1), D(2024, 3, 28))
    assert isinstance(found.error, MalformedError)
    assert "ended" in str(found.error)
    assert go.dates() == between(D(2024, 3, 1), D(2024, 3, 7))


def test_an_answer_twice_is_refused(
    go: Updating, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = source.fetch

    def twice(requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        for answer in fetch(requests):
            yield answer
            yield answer

    monkeypatch.setattr(source, "fetch", twice)
    found = go(D(2024, 3, 1), D(2024, 3, 28))
    assert isinstance(found.error, MalformedError)
    assert "not in order" in str(found.error)


# Several symbols, other series and timeframes


def test_symbols_go_to_the_source_at_once(
    store: DataStore, source: MemorySource, clock: SetClock
) -> None:
    told = Told()
    wanted = [Wanted(s, first=D(2024, 3, 1), last=D(2024, 3, 28)) for s in ("SMH", "QQQ")]
    found = update(store, source, wanted, clock=clock, listener=told)
    assert [f.symbol for f in found] == ["SMH", "QQQ"]
    assert source.calls == [("SMH", "QQQ")]
    assert told.days == {"SMH": [0], "QQQ": [0]}
    assert {u.symbol for u in told.ended} == {"SMH", "QQQ"}
    assert len(told.ended) == 2
    assert_frame_equal(store.load("QQQ"), daily(between(D(2024, 3, 1), D(2024, 3, 28)), 300.0))


def test_the_bars_of_a_series_that_is_complete_are_let_go_of(
    store: DataStore, clock: SetClock
) -> None:
    symbols = ["SMH", "QQQ", "SPY"]
    source = MemorySource({s: daily(SESSIONS) for s in symbols}, piece=1_000)
    wanted = [Wanted(s, first=D(2023, 1, 3)) for s in symbols]
    update(store, source, wanted, clock=clock)
    clock.at += 40 * DAY
    held: list[int] = []

    def look(number: int) -> None:
        frames = [o for o in gc.get_objects() if isinstance(o, pl.DataFrame)]
        held.append(sum(f.height for f in frames if f.columns[0] == "date") - known)

    known = 0
    look(0)
    known = held.pop()
    source.before = look
    update(store, source, wanted, clock=clock)
    assert len(held) == 3
    # Those of three series as they were stored, then of two, then of one.
    assert held[0] > 3 * 300
    assert held[0] - held[1] >= 300
    assert held[1] - held[2] >= 300


def test_an_unknown_symbol_costs_the_others_nothing(
    store: DataStore, source: MemorySource, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = source.answer

    def answer(request: SeriesRequest, first: dt.date, last: dt.date) -> Answer:
        if request.symbol == "NIX":
            raise UnknownSymbolError("there is no NIX")
        return honest(request, first, last)

    monkeypatch.setattr(source, "answer", answer)
    wanted = [Wanted(s, first=D(2024, 3, 1), last=D(2024, 3, 28)) for s in ("NIX", "SMH", "QQQ")]
    nix, smh, qqq = update(store, source, wanted, clock=clock)
    assert isinstance(nix.error, UnknownSymbolError)
    assert nix.meta is None
    assert smh.error is None
    assert qqq.error is None
    assert store.symbols == ["QQQ", "SMH"]


def test_one_symbol_of_several_is_fetched_anew_alone(
    store: DataStore, source: MemorySource, clock: SetClock
) -> None:
    def wanted(last: dt.date) -> list[Wanted]:
        return [Wanted(s, first=D(2024, 3, 1), last=last) for s in ("SMH", "QQQ")]

    update(store, source, wanted(D(2024, 3, 28)), clock=clock)
    source.bars["QQQ"] = daily(SESSIONS, 150.0)
    source.forget()
    told = Told()
    smh, qqq = update(store, source, wanted(D(2024, 4, 5)), clock=clock, listener=told)
    assert (smh.anew, qqq.anew) == (False, True)
    assert source.calls == [("SMH", "QQQ"), ("QQQ",)]
    assert [u.symbol for u in told.ended] == ["SMH", "QQQ"]
    assert "QQQ 1day: open of 2024-03-22 was" in told.said[0]
    assert_frame_equal(store.load("QQQ"), daily(between(D(2024, 3, 1), D(2024, 4, 5)), 150.0))
    assert_frame_equal(store.load("SMH"), daily(between(D(2024, 3, 1), D(2024, 4, 5))))


@pytest.mark.parametrize("error", [UnreachableError("down"), CredentialsError("refused")])
def test_a_source_that_is_down_is_not_asked_for_each_symbol(
    store: DataStore, source: MemorySource, clock: SetClock, error: SourceError
) -> None:
    source.before = failing(1, error)
    wanted = [Wanted(s, first=D(2024, 3, 1), last=D(2024, 3, 28)) for s in ("SMH", "QQQ")]
    found = update(store, source, wanted, clock=clock)
    assert [f.error for f in found] == [error, error]
    assert len(source.calls) == 1


def test_one_series_is_asked_for_once(store: DataStore, source: MemorySource) -> None:
    with pytest.raises(InputError, match="more than once"):
        update(store, source, [Wanted("SMH"), Wanted("SMH", first=D(2024, 1, 1))])
    # Of funding rates a timeframe means nothing.
    rates = [Wanted("BTC/USDT", frame, series="funding") for frame in ("1hour", "1day")]
    with pytest.raises(InputError, match="more than once"):
        update(store, source, rates)


def test_minutes_are_of_the_date_on_which_they_open(go: Updating, source: MemorySource) -> None:
    source.bars["SMH"] = minutes(SESSIONS)
    go(D(2024, 3, 4), D(2024, 3, 15), timeframe="1min")
    found = go(D(2024, 3, 4), D(2024, 3, 18), timeframe="1min")
    assert go.asked == [(D(2024, 3, 11), D(2024, 3, 18))]
    assert (found.added, found.revised) == (MINUTES, 0)
    frame = go.store.load("SMH", "1min")
    assert_frame_equal(frame, minutes(between(D(2024, 3, 4), D(2024, 3, 18))))
    assert go.store.meta("SMH", "1min").origin.timezone == "America/New_York"


def test_weekly_bars_are_asked_for_in_whole_weeks(go: Updating, source: MemorySource) -> None:
    fridays = [D(2024, 1, 5) + 7 * n * DAY for n in range(22)]
    source.bars["SMH"] = daily(fridays)
    source._piece = 10
    go(D(2024, 1, 10), D(2024, 2, 7), timeframe="1week")
    assert go.asked == [(D(2024, 1, 8), D(2024, 2, 11))]
    assert go.store.load("SMH", "1week")["date"].to_list() == fridays[1:6]
    assert not go.store.meta("SMH", "1week").coverage.empty
    go(D(2024, 1, 10), timeframe="1week")
    # The week of yesterday is not over; the overlap begins with the first stored bar.
    assert go.asked == [(D(2024, 1, 12), D(2024, 6, 2))]
    assert go.store.load("SMH", "1week")["date"].to_list() == fridays[1:]


def test_funding_rates_are_kept_beside_bars(go: Updating, source: MemorySource) -> None:
    stamps = pl.datetime_range(
        NOW.replace(month=3, day=1, hour=0), NOW.replace(month=3, day=31, hour=0), "8h", eager=True
    )
    rates = pl.DataFrame({"datetime": stamps}).with_columns(
        funding_rate=(pl.int_range(pl.len()) - 40) * 1e-5
    )
    source.bars["BTC/USDT"] = rates
    options = {"symbol": "BTC/USDT", "series": "funding", "calendar": "none"}
    go(D(2024, 3, 1), D(2024, 3, 10), **options)
    found = go(D(2024, 3, 1), D(2024, 3, 20), **options)
    assert go.asked == [(D(2024, 3, 6), D(2024, 3, 20))]
    assert (found.added, found.revised, found.anew) == (30, 0, False)
    stored = go.store.load("BTC/USDT", "1hour", series="funding")
    assert_frame_equal(stored, rates.filter(pl.col("datetime").dt.date() <= D(2024, 3, 20)))


# Ranges


def spans(first: int = 0, last: int = 60) -> st.SearchStrategy[DateInterval]:
    day = st.integers(first, last)
    return st.tuples(day, day).map(
        lambda pair: DateInterval(D(2024, 1, 1) + min(pair) * DAY, D(2024, 1, 1) + max(pair) * DAY)
    )


def days_of(intervals: Sequence[DateInterval]) -> set[dt.date]:
    return {i.first + n * DAY for i in intervals for n in range(i.days)}


@given(st.lists(spans(), max_size=8), st.lists(spans(), max_size=4))
def test_ranges_are_sets_of_days(some: list[DateInterval], cut: list[DateInterval]) -> None:
    whole, left = joined(some), without(some, cut)
    assert days_of(whole) == days_of(some)
    assert days_of(left) == days_of(some) - days_of(cut)
    for found in (whole, left):
        assert all(a.last < b.first for a, b in itertools.pairwise(found))
    for each in cut:
        assert holds(some, each) == (days_of([each]) <= days_of(some))


# U11: properties

#: Holidays lie on 1 and 15 January, 19 February and 29 March.
WINDOW = DateInterval(D(2023, 12, 20), D(2024, 4, 10))
WINDOW_DAYS = SESSIONS[SESSIONS.index(D(2023, 12, 20)) : SESSIONS.index(D(2024, 4, 10)) + 1]

ranges = st.lists(
    st.tuples(st.integers(0, WINDOW.days - 1), st.integers(0, 40)).map(
        lambda at: DateInterval(
            WINDOW.first + at[0] * DAY, min(WINDOW.last, WINDOW.first + (at[0] + at[1]) * DAY)
        )
    ),
    min_size=1,
    max_size=6,
)
#: Sessions that were halted, and the first that was listed.
worlds = st.tuples(
    st.sets(st.sampled_from(WINDOW_DAYS), max_size=12), st.sampled_from(WINDOW_DAYS[:40])
)


def world(timeframe: str, halted: set[dt.date], listed: dt.date, piece: int) -> MemorySource:
    days = [d for d in WINDOW_DAYS if d >= listed and d not in halted]
    return MemorySource({"SMH": daily(days) if timeframe == "1day" else minutes(days)}, piece=piece)


def timeless(coverage: Coverage) -> tuple[Any, ...]:
    return (
        joined(a.interval for a in coverage.answered),
        joined(e.interval for e in coverage.empty),
    )


def end_state(store: DataStore, timeframe: str) -> tuple[Any, ...]:
    with store.hold("SMH", timeframe) as held:
        stored = held.read()
    if stored is None:
        return (None,)
    return stored.frame.rows(), timeless(stored.meta.coverage), stored.meta.origin


@settings(max_examples=12)
@given(
    wanted=ranges,
    about=worlds,
    timeframe=st.sampled_from(["1day", "1min"]),
    piece=st.sampled_from([4, 15, 400]),
    order=st.randoms(use_true_random=False),
)
def test_any_order_of_ranges_ends_in_the_same_store_and_nothing_is_asked_for_twice(
    wanted: list[DateInterval],
    about: tuple[set[dt.date], dt.date],
    timeframe: str,
    piece: int,
    order: random.Random,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    shuffled = list(wanted)
    order.shuffle(shuffled)
    ends = []
    for sequence in (wanted, shuffled):
        source = world(timeframe, *about, piece)
        store = DataStore(tmp_path_factory.mktemp("store"))
        known: set[dt.date] = set()
        for each in sequence:
            source.forget()
            (found,) = update(
                store,
                source,
                [Wanted("SMH", timeframe, each.first, each.last)],
                clock=SetClock(NOW),
            )
            assert found.error is None
            assert not found.anew
            sessions = {d for d in WINDOW_DAYS if each.first <= d <= each.last}
            asked = [
                {d for d in WINDOW_DAYS if first <= d <= last} for _, first, last in source.asked
            ]
            new = sessions - known
            if not new:
                assert source.asked == []
            # Each date once, all that is missing, and nothing that was neither wanted nor known.
            assert sum(map(len, asked)) == len(set().union(*asked))
            assert new <= set().union(*asked) <= sessions | known
            # A run of missing sessions has five stored ones on either side at most.
            bars = source.bars["SMH"]
            dates = bars[bars.columns[0]].cast(pl.Date)
            again = (set().union(*asked) & known) & set(dates.to_list())
            runs = sum(
                d in new and WINDOW_DAYS[n - 1] not in new for n, d in enumerate(WINDOW_DAYS)
            )
            assert len(again) <= 10 * runs
            known |= sessions
        ends.append(end_state(store, timeframe))
        bars = source.bars["SMH"]
        dates = bars[bars.columns[0]].cast(pl.Date)
        stored = ends[-1]
        if stored[0] is not None:
            assert stored[0] == bars.filter(dates.is_in(list(known))).rows()
            empty = days_of(stored[1][1]) & set(WINDOW_DAYS)
            assert empty == known - set(dates.to_list())
            assert days_of(stored[1][0]) & set(WINDOW_DAYS) == known
        else:
            assert not known
    assert ends[0] == ends[1]


@settings(max_examples=12)
@given(
    wanted=ranges,
    about=worlds,
    timeframe=st.sampled_from(["1day", "1min"]),
    piece=st.sampled_from([4, 9, 20]),
    places=st.lists(st.integers(1, 12), min_size=1, max_size=12),
)
def test_failing_at_any_place_and_asking_again_ends_in_the_same_store(
    wanted: list[DateInterval],
    about: tuple[set[dt.date], dt.date],
    timeframe: str,
    piece: int,
    places: list[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    clock = SetClock(NOW)
    calm, wild = (DataStore(tmp_path_factory.mktemp(name)) for name in ("calm", "wild"))
    undisturbed, source = (world(timeframe, *about, piece) for _ in range(2))
    left = list(places)

    def before(number: int) -> None:
        if left:
            left[0] -= 1
            if not left[0]:
                left.pop(0)
                raise UnreachableError("the line is down")

    source.before = before
    for each in wanted:
        asked = [Wanted("SMH", timeframe, each.first, each.last)]
        update(calm, undisturbed, asked, clock=clock)
        while update(wild, source, asked, clock=clock)[0].error is not None:
            pass
    assert end_state(wild, timeframe) == end_state(calm, timeframe)


# Sources that are none, or answer what is no answer


def noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12))


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        ("fetch", None, "no source"),
        ("name", "My Desk", "name of Odd must be a word of lower-case letters, digits and '-'"),
        ("series", (), "series of Odd must be a tuple of texts"),
        ("series", ("bar",), "unknown 'bar'; did you mean 'bars'"),
        ("timeframes", "1day", "timeframes of Odd must be a tuple of texts, not '1day'"),
        ("adjustments", ("splits",), "unknown 'splits'; did you mean 'split'"),
        ("earliest", lambda *_: noon(D(2000, 1, 1)), "must be a datetime.date"),
        ("earliest", lambda *_: "2000-01-01", "must be a datetime.date"),
    ],
)
def test_what_is_no_source_is_refused_before_anything_is_stored(
    store: DataStore, clock: SetClock, member: str, value: Any, said: str
) -> None:
    kind = type("Odd", (MemorySource,), {} if member == "fetch" else {member: value})
    odd = kind({"SMH": daily(SESSIONS)})
    with pytest.raises(InputError, match=said):
        update(store, object() if member == "fetch" else odd, [Wanted("SMH")], clock=clock)  # type: ignore[arg-type]
    assert store.keys() == []


def test_a_class_is_not_a_source_of_its_own(store: DataStore, clock: SetClock) -> None:
    with pytest.raises(InputError, match="MemorySource is no source, but the class of one"):
        update(store, MemorySource, [Wanted("SMH")], clock=clock)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda a: None, "Memory has yielded NoneType instead of an Answer"),
        (lambda a: a.frame, "Memory has yielded DataFrame instead of an Answer"),
        (lambda a: {"frame": a.frame.to_pandas()}, "pandas DataFrame, not a Polars frame"),
        (lambda a: {"frame": a.frame.lazy()}, "polars LazyFrame, not a Polars frame"),
        (lambda a: {"frame": a.frame.rows()}, "list, not a Polars frame"),
        (lambda a: {"first": str(a.first)}, "'2024-03-01' as a date"),
        (lambda a: {"last": noon(a.last)}, "12, 0. as a date"),
        (lambda a: {"unreadable": (noon(a.last),)}, "12, 0. as a date"),
        (lambda a: {"notes": "a note"}, "a tuple of texts, not 'a note'"),
        (lambda a: {"request": a.request.symbol}, "is to a SeriesRequest, not to 'SMH'"),
    ],
)
def test_what_is_no_answer_is_told_and_harms_nothing(
    go: Updating, source: MemorySource, changed: Callable[[Answer], Any], said: str
) -> None:
    go(D(2024, 2, 1), D(2024, 2, 29))
    had = go.store.load("SMH")
    plain = source.answer

    def answer(*asked: Any) -> Any:
        right = plain(*asked)
        found = changed(right)
        return dataclasses.replace(right, **found) if isinstance(found, dict) else found

    source.answer = answer  # type: ignore[method-assign]
    found = go(D(2024, 2, 1), D(2024, 3, 28))
    assert isinstance(found.error, MalformedError)
    assert re.search(said.replace("2024-03-01", r"2024-0\d-\d\d"), str(found.error))
    assert go.store.load("SMH").equals(had)


def test_a_source_that_returns_nothing_is_told(go: Updating, source: MemorySource) -> None:
    source.fetch = lambda requests: None  # type: ignore[method-assign, assignment, return-value]
    (found,) = update(go.store, source, [Wanted("SMH", first=D(2024, 3, 1))], clock=go.clock)
    assert isinstance(found.error, MalformedError)
    assert "Memory has returned None, no answers" in str(found.error)
