"""One series while it is brought up to date: what is stored, asked, answered and kept."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wfo.data.checks import calendar_warnings
from wfo.data.coverage import FIRST_DATE, Coverage, DateInterval, joined, without
from wfo.data.deriving import is_resampled
from wfo.data.errors import CorruptError
from wfo.data.meta import BarsMeta, BarsOrigin
from wfo.data.series import series_timeframe
from wfo.data.sources.errors import MalformedError, SourceError
from wfo.data.sources.registry import source_names
from wfo.data.sources.source import (
    SOURCE_ADJUSTMENTS,
    Adjustment,
    Answer,
    SeriesRequest,
    Source,
)
from wfo.data.timeframes import is_intraday
from wfo.data.updating.merging import (
    Difference,
    beside_stored,
    check_answer,
    compare,
    empty_frame,
    lacks,
    local_dates,
    merge,
    rows_between,
)
from wfo.data.updating.ranges import Ranges, plan_ranges
from wfo.data.updating.session_days import SessionDays
from wfo.data.updating.values import Updated, Wanted
from wfo.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

    from wfo.data.store import DataStore, Held

#: Years of intraday bars that are asked for where no first date is given.
INTRADAY_YEARS: Final = 5

_DAY: Final = dt.timedelta(days=1)
#: Coverage can hold the days around what is asked for from here on.
_FIRST_ASKED: Final = FIRST_DATE + 60 * _DAY
_SHOWN: Final = 3


class SeriesUpdate:
    """One series while it is brought up to date.

    It holds the lock of the series. Answers are taken one by one; `save` stores what can be stored
    of them.

    Parameters
    ----------
    held
        The series in the store, locked.
    store
        The store itself.
    source
        What is asked.
    wanted
        The range.
    fresh
        Whether what is stored is set aside, and all of the range fetched.
    now
        The time.

    Raises
    ------
    InputError
        If the source cannot answer, or what is stored comes from elsewhere or is adjusted
        otherwise.
    """

    def __init__(
        self,
        held: Held,
        store: DataStore,
        source: Source,
        wanted: Wanted,
        *,
        fresh: bool,
        now: dt.datetime,
    ) -> None:
        self.wanted = wanted
        self.symbol, self.series = wanted.symbol, wanted.series
        self.timeframe = series_timeframe(wanted.series, wanted.timeframe)
        self.error: SourceError | None = None
        self.contradiction = ""
        self._held, self._source = held, source
        self._fresh, self._anew = fresh, fresh
        self._now = now
        self._notes: list[str] = []
        self._difference = Difference()
        self._set_aside: Path | None = None
        self._asked = 0
        self._ranges = Ranges()
        self._requests: list[SeriesRequest] = []
        self._reached: dict[SeriesRequest, dt.date] = {}
        self._pieces: list[tuple[DateInterval, pl.DataFrame]] = []
        self._kept: list[DateInterval] = []
        self._written = self._ended = False
        self._unreadable: set[dt.date] = set()
        self._doubtful: set[dt.date] = set()
        self._never: DateInterval | None = None

        self._meta, known, frame = self._stored(store)
        self._check(known)
        origin = None if known is None or fresh else known.origin
        calendar = wanted.calendar or (origin.calendar if origin else source.calendar(self.symbol))
        self.days = SessionDays(calendar, self.timeframe)
        self._earliest = max(self._first_had(), _FIRST_ASKED)
        self.adjust = self._adjustment(origin)
        zone = "UTC" if self.series == "funding" else self.days.timezone
        self._zone = zone
        self._empty = empty_frame(self.timeframe, self.series, zone)
        self._base = self._empty if frame is None or fresh else frame
        self._dates = local_dates(self._base, zone)
        self._coverage = Coverage()
        if self._meta is not None and not fresh:
            self._coverage = self._meta.coverage

        self._last = self.days.yesterday(now)
        self._range = self._wanted_range(known)
        self._begin(self._plan())

    @property
    def key(self) -> tuple[str, str, str]:
        """Symbol, timeframe and series."""
        return self.symbol, self.timeframe, self.series

    @property
    def group(self) -> tuple[str, str, str]:
        """What requests that a source is asked at once have in common."""
        return self.series, self.timeframe, self.adjust

    @property
    def days_asked(self) -> int:
        """Number of days that are asked for."""
        return sum(each.days for each in self._ranges.asked)

    @property
    def is_complete(self) -> bool:
        """Whether all that is asked for was answered."""
        return not self._open()

    @property
    def must_begin_anew(self) -> bool:
        """Whether an answer contradicts what is stored, and the history was not asked for yet."""
        return bool(self.contradiction) and not self._anew

    @property
    def is_settled(self) -> bool:
        """Whether nothing more has to be asked for at present."""
        return self.must_begin_anew or self.is_complete

    @property
    def is_answered(self) -> bool:
        """Whether the last requests were answered to their ends, or nothing of them is needed."""
        return self.must_begin_anew or all(
            self._reached.get(request) == request.last for request in self._requests
        )

    def requests(self) -> list[SeriesRequest]:
        """Return what is still to be asked for."""
        self._reached = {}
        self._requests = [
            SeriesRequest(
                self.symbol,
                each.first,
                each.last,
                self.timeframe,
                self.series,
                self.adjust,
                self.days.calendar,
            )
            for each in self._open()
        ]
        self._asked += len(self._requests)
        return self._requests

    def take(self, answer: Answer) -> int:
        """Take an answer, and return the number of days that it is about.

        Raises
        ------
        MalformedError
            If it is not what a source promises; nothing of it is taken.
        """
        if self.must_begin_anew:
            return 0
        request = answer.request
        rows = check_answer(
            answer, request, self._reached.get(request), self._source.title, self._zone
        )
        self._reached[request] = answer.last
        interval = DateInterval(answer.first, answer.last)
        if answer.unreadable:
            self._unreadable.update(answer.unreadable)
            if not self._anew:
                rows = beside_stored(rows, self._base, answer.unreadable, self._zone)
        self._notes += (n for n in answer.notes if n not in self._notes)
        if not self._anew:
            begin, end = rows_between(self._dates, interval)
            found = compare(self._base.slice(begin, end - begin), rows)
            self.contradiction = self.contradiction or found.contradiction
        self._pieces.append((interval, rows))
        return interval.days

    def start_anew(self) -> None:
        """Ask for the whole history again, in the place of what is stored."""
        ranges = [r for r in (self._coverage.span, self._range) if r is not None]
        first, last = min(r.first for r in ranges), max(r.last for r in ranges)
        begin = max(first, min(self._earliest, last))
        whole = self.days.align(DateInterval(begin, last), self._last)
        asked = whole and self.days.trim(whole)
        self._anew = True
        self._begin(Ranges(asked=(asked,) if asked else ()))

    def end(self) -> None:
        """Store what can be stored, and let go of the bars: there may be hundreds of series."""
        self.save()
        self._ended = True
        self._base = self._empty
        self._dates = local_dates(self._empty, self._zone)
        self._pieces = [(interval, self._empty) for interval, _ in self._pieces]

    def save(self) -> None:
        """Store what was answered, and can stand beside what is stored."""
        if self._ended:
            return
        if self.must_begin_anew or (self._anew and not self.is_complete):
            return
        if self._anew and not self._fresh and not any(rows.height for _, rows in self._pieces):
            # Bars of years are not given up for an answer that is more likely an error.
            self.error = self.error or MalformedError(
                f"{self._source.title} has no bar of {self.symbol} any more, of all that is stored"
            )
            return
        answered = joined(interval for interval, _ in self._pieces)
        kept = without(answered, self._ranges.unproven(answered, self.days))
        if self.days.is_weekly:
            kept = _whole_weeks(kept)
        before = Coverage() if self._anew else self._coverage
        never = [] if self._never is None else without(before.missing(self._never, self._now), kept)
        if self._anew and not kept:
            return
        if kept == self._kept and (self._written or not never or self._meta is None):
            return
        pieces = sorted(self._cut(kept), key=lambda piece: piece[0])
        frame = merge(self._empty if self._anew else self._base, pieces, self.series, self._zone)
        coverage = self._covered(before, kept, never, frame)
        # Bars that the source gives no more are kept beside the new history.
        gone = self._anew and lacks(frame, self._base)
        saved = self._held.write(
            frame, self._origin(frame), coverage, set_aside=self._fresh or gone
        )
        self._set_aside = saved.set_aside or self._set_aside
        self._meta, self._kept, self._written = saved.meta, kept, True
        self._difference = self._compared(pieces)

    def _compared(self, pieces: Iterable[tuple[DateInterval, pl.DataFrame]]) -> Difference:
        """Return how many bars answers add to what was stored, and change of it."""
        found = []
        for interval, rows in pieces:
            begin, end = rows_between(self._dates, interval)
            found.append(compare(self._base.slice(begin, end - begin), rows))
        return Difference(sum(d.added for d in found), sum(d.revised for d in found))

    def _covered(
        self,
        before: Coverage,
        kept: Sequence[DateInterval],
        never: Sequence[DateInterval],
        frame: pl.DataFrame,
    ) -> Coverage:
        """Return what is covered with what was answered, and what the source cannot have."""
        about: dict[str, Any] = {"source": self._source.name, "asked_at": self._now}
        for interval in never:
            before = before.answer(interval, empty=[interval], **about)
        dates = local_dates(frame, self._zone).unique().to_list() if kept else []
        self._doubtful = self._unreadable.intersection(dates)
        # A date whose rows could not be read is asked for again, like one without a bar.
        dates = [d for d in dates if d not in self._unreadable]
        for interval in kept:
            wide = self.days.widen(interval, self._last)
            known = [e.interval for e in before.empty]
            before = before.answer(wide, empty=self.days.empty(wide, dates, known), **about)
        return before

    def updated(self) -> Updated:
        """Return what the update came to."""
        return Updated(
            symbol=self.symbol,
            timeframe=self.timeframe,
            series=self.series,
            meta=self._meta,
            requests=self._asked,
            added=self._difference.added,
            revised=self._difference.revised,
            anew=self._anew and bool(self._kept),
            set_aside=self._set_aside,
            error=self.error,
            notes=tuple(self._said()),
        )

    def _stored(self, store: DataStore) -> tuple[BarsMeta | None, BarsMeta | None, Any]:
        """Return the meta data of what is stored, that of a file that is broken too, and the rows.

        A broken file may still say where its bars came from.
        """
        try:
            stored = self._held.read()
        except CorruptError as error:
            self._notes.append(f"what was stored could not be read and is set aside: {error}")
            known = store.remembered(self.symbol, self.timeframe, series=self.series)
            return None, known, None
        return (None, None, None) if stored is None else (stored.meta, stored.meta, stored.frame)

    def _check(self, known: BarsMeta | None) -> None:
        """Refuse what the source has not, and what does not go with what is stored."""
        wanted, source = self.wanted, self._source
        kind = {"mark": f"{self.timeframe} mark", "funding": "funding"}
        name, title = f"{self.symbol} {kind.get(self.series, self.timeframe)}", source.title
        has: list[tuple[str, str, tuple[str, ...]]] = [("series", self.series, source.series)]
        if self.series != "funding":
            has.append(("timeframe", self.timeframe, source.timeframes))
        if wanted.adjust is not None:
            has.append(("adjustment", wanted.adjust, source.adjustments))
        for what, value, there in has:
            if value not in there:
                hint = did_you_mean(value, there)
                also = "" if "known:" in hint else f" (it has {', '.join(there)})"
                raise InputError(f"{name}: {title} does not have the {what} {value!r}{hint}{also}")
        if known is None or self._fresh:
            return
        # Options of this name of other commands mean other things.
        way = f"{self._fresh_command()} fetches the bars anew and sets the stored file aside"
        origin = known.origin
        if is_resampled(origin):
            raise InputError(
                f"the stored {name} was {origin.source}, and is not continued from {title}:"
                f" wfo data resample makes it anew, or {way}"
            )
        if origin.fetched_from is None:
            raise InputError(
                f"the stored {name} was imported from {origin.source!r}, and an import is not"
                f" continued from {title}: {way}"
            )
        for what, before, now in (
            ("source", origin.fetched_from, source.name),
            ("adjustment", origin.adjust, wanted.adjust or origin.adjust),
            ("calendar", origin.calendar, wanted.calendar or origin.calendar),
        ):
            if before != now:
                raise InputError(
                    f"the stored {name} has the {what} {before!r} and cannot be continued with"
                    f" {now!r}, since a file has bars of one {what}: ask for {before!r}, or {way}"
                )

    def _fresh_command(self) -> str:
        """Return the command that fetches what is wanted in place of what is stored."""
        wanted, source = self.wanted, self._source.name
        words = ["wfo data download", shlex.quote(self.symbol)]
        if self.series != "bars":
            words.append(f"--series {self.series}")
        if self.series != "funding":
            words.append(f"--timeframe {self.timeframe}")
        words.append(f"--source {source if source in source_names() else 'FILE.py:CLASS'}")
        if wanted.adjust is not None:
            words.append(f"--adjust {wanted.adjust}")
        if wanted.calendar is not None:
            words.append(f"--calendar {shlex.quote(wanted.calendar)}")
        return " ".join([*words, "--fresh"])

    def _adjustment(self, origin: BarsOrigin | None) -> Adjustment:
        """Return what past prices are adjusted for."""
        before = next((a for a in SOURCE_ADJUSTMENTS if origin and a == origin.adjust), None)
        first = next(a for a in SOURCE_ADJUSTMENTS if a == self._source.adjustments[0])
        return self.wanted.adjust or before or first

    def _first_had(self) -> dt.date:
        """Return the first date of which the source can have anything."""
        found: Any = self._source.earliest(self.symbol, self.timeframe, self.series)
        # A date with a time is of a class that is derived from that of dates.
        if type(found) is not dt.date:
            raise InputError(
                f"{self._source.title} has {found!r:.80} as its earliest date of {self.symbol}: it"
                " must be a datetime.date"
            )
        return found

    def _wanted_range(self, known: BarsMeta | None) -> DateInterval | None:
        """Return the range that the store should have, within what the source can have."""
        earliest = self._earliest
        first, last = self.wanted.first, min(self.wanted.last or self._last, self._last)
        timed = self.series == "funding" or is_intraday(self.timeframe)
        if first is None:
            first = _years_before(self._last, INTRADAY_YEARS) if timed else earliest
            # What was there before is fetched again where it cannot be read, or shall be fresh.
            span = known.coverage.span if known and known.origin.fetched_from else None
            if span is not None and (self._fresh or self._meta is None):
                first = min(first, span.first)
        elif first < earliest:
            # It counts as answered empty, so that it is not missing for ever.
            if first <= last:
                self._never = DateInterval(first, min(earliest - _DAY, last))
            if self._never is None or self._coverage.missing(self._never, self._now):
                self._notes.append(f"{self._source.title} has nothing before {earliest}")
        first = max(first, earliest)
        if first > last:
            self._notes.append(f"nothing to ask for: {last} is the last date that can be asked for")
            return None
        return self.days.align(DateInterval(first, last), self._last)

    def _plan(self) -> Ranges:
        """Return what to ask for at first."""
        if self._range is None:
            return Ranges()
        if self._fresh:
            asked = self.days.trim(self._range)
            return Ranges(asked=(asked,) if asked else ())
        dates = self._dates.unique(maintain_order=True).to_list()
        return plan_ranges(self._coverage, dates, self._range, self.days, self._now)

    def _begin(self, ranges: Ranges) -> None:
        """Begin to ask for ranges."""
        self._ranges = ranges
        self._requests, self._reached = [], {}
        self._pieces, self._kept, self._written = [], [], False
        self._unreadable = set()

    def _open(self) -> list[DateInterval]:
        """Return what is asked for and was not answered yet, each from a session to a session."""
        left = without(self._ranges.asked, [interval for interval, _ in self._pieces])
        return [part for part in map(self.days.trim, left) if part is not None]

    def _cut(self, kept: list[DateInterval]) -> Iterator[tuple[DateInterval, pl.DataFrame]]:
        """Yield the parts of what was answered that lie in ranges."""
        for interval, rows in self._pieces:
            parts = [p for p in (_both(interval, k) for k in kept) if p is not None]
            if parts == [interval]:
                yield interval, rows
                continue
            dates = local_dates(rows, self._zone)
            for part in parts:
                begin, end = rows_between(dates, part)
                yield part, rows.slice(begin, end - begin)

    def _origin(self, frame: pl.DataFrame) -> BarsOrigin:
        timed = self.series == "funding" or is_intraday(self.timeframe)
        checked = self.series == "bars" and frame.height
        return BarsOrigin(
            source=self._source.title,
            calendar=self.days.calendar,
            timezone=self._zone if timed else None,
            adjust=self.adjust,
            warnings=calendar_warnings(frame, self.timeframe, self.days.calendar)
            if checked
            else (),
            fetched_from=self._source.name,
        )

    def _said(self) -> list[str]:
        """Return what people should know."""
        found = list(self._notes)
        title = self._source.title
        if self.contradiction:
            what = f"{self.contradiction}, says {title}"
            if self._anew and self._kept:
                found.append(f"the history was fetched anew, since stored bars changed: {what}")
            else:
                found.append(f"stored bars changed and are as they were before: {what}")
        elif self._difference.revised:
            count = self._difference.revised
            found.append(
                f"1 stored bar was revised by {title}"
                if count == 1
                else f"{count:,} stored bars were revised by {title}"
            )
        return found + self._said_of_empty()

    def _said_of_empty(self) -> list[str]:
        """Return what people should know of sessions that were answered without a bar."""
        title, meta = self._source.title, self._meta
        if not self._kept or meta is None:
            return []
        empty = [e.interval for e in meta.coverage.empty]
        new = [p for e in empty for k in self._kept for p in (_both(e, k),) if p]
        # Dates with rows that could not be read, and others that are stored.
        new = without(new, [DateInterval(d, d) for d in sorted(self._doubtful)])
        if not new:
            return []
        if not meta.rows:
            return [f"{title} has no bars from {new[0].first} to {new[-1].last}"]
        first, last = (dt.date.fromisoformat(stamp[:10]) for stamp in (meta.first, meta.last))
        found = []
        before = [e for e in new if e.last < first]
        after = [e for e in new if e.first > last]
        if before:
            found.append(f"{title} has no bars before {first}, from {before[0].first} on")
        between = [d for e in new if first < e.first < last for d in self.days.within(e)]
        if between:
            shown = ", ".join(map(str, between[:_SHOWN]))
            more = len(between) - _SHOWN
            shown += f" and {more:,} more" if more > 0 else ""
            count = "1 session" if len(between) == 1 else f"{len(between):,} sessions"
            found.append(f"{count} without bars: {shown}")
        if after:
            found.append(f"{title} has no bars after {last}, up to {after[-1].last}")
        return found


def _both(one: DateInterval, other: DateInterval) -> DateInterval | None:
    """Return the dates that two ranges share."""
    first, last = max(one.first, other.first), min(one.last, other.last)
    return DateInterval(first, last) if first <= last else None


def _whole_weeks(intervals: Iterable[DateInterval]) -> list[DateInterval]:
    found = []
    for each in intervals:
        first = each.first + (-each.first.weekday() % 7) * _DAY
        last = each.last - ((each.last.weekday() + 1) % 7) * _DAY
        if first <= last:
            found.append(DateInterval(first, last))
    return found


def _years_before(day: dt.date, years: int) -> dt.date:
    """Return the same day of an earlier year; of 29 February the day before."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
