"""The dates on which bars of a symbol are expected, and ranges of dates cut to them."""

from __future__ import annotations

import datetime as dt
import functools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from wfo.data.calendars import NO_CALENDAR, calendar_timezone, load_sessions, require_calendar
from wfo.data.coverage import DateInterval, joined, without
from wfo.data.timeframes import is_intraday, require_timeframe

_DAY: Final = dt.timedelta(days=1)

#: Years whose sessions are loaded together.
_BLOCK: Final = 50

#: Days around a range in which its neighbouring sessions are looked for. Exchanges close for the
#: better part of two weeks at most, but for wars.
_AROUND: Final = dt.timedelta(days=40)


@dataclass(frozen=True)
class SessionDays:
    """The sessions of a calendar as dates of bars.

    Attributes
    ----------
    calendar
        An exchange calendar; with ``none``, and on days of which a calendar has no facts, every
        day counts as a session.
    timeframe
        Daily bars have the date of their session. Intraday bars have the date on which they open,
        and sessions of futures open on the evening before. Weekly bars are dated by whichever day
        of their week, so that of them every day counts, and ranges are of whole weeks.
    """

    calendar: str = NO_CALENDAR
    timeframe: str = "1day"

    def __post_init__(self) -> None:
        require_calendar(self.calendar)
        require_timeframe(self.timeframe)

    @property
    def timezone(self) -> str:
        """IANA name of the zone of all dates."""
        return calendar_timezone(self.calendar) or "UTC"

    @property
    def is_weekly(self) -> bool:
        """Whether a bar is of a week."""
        return self.timeframe == "1week"

    def yesterday(self, now: dt.datetime) -> dt.date:
        """Return the last date that is over at the exchange."""
        import zoneinfo

        return now.astimezone(zoneinfo.ZoneInfo(self.timezone)).date() - _DAY

    def align(self, interval: DateInterval, last: dt.date) -> DateInterval | None:
        """Return a range up to `last`, of weekly bars in whole weeks; None if it is empty."""
        first, end = interval.first, min(interval.last, last)
        if self.is_weekly:
            first -= first.weekday() * _DAY
            end += (6 - end.weekday()) * _DAY
            if end > last:
                end -= 7 * _DAY
        return DateInterval(first, end) if first <= end else None

    def within(self, interval: DateInterval) -> list[dt.date]:
        """Return the sessions of a range, ascending."""
        if self.calendar == NO_CALENDAR or self.is_weekly:
            return _every_day(interval)
        found: list[dt.date] = []
        timed = is_intraday(self.timeframe)
        for block in range(interval.first.year // _BLOCK, interval.last.year // _BLOCK + 1):
            first = max(interval.first, dt.date(max(1, block * _BLOCK), 1, 1))
            last = min(interval.last, dt.date(block * _BLOCK + _BLOCK - 1, 12, 31))
            days, low, high = _block(self.calendar, timed, block)
            if low > high:
                found += _every_day(DateInterval(first, last))
                continue
            if first < low:
                found += _every_day(DateInterval(first, min(last, low - _DAY)))
            found += days[bisect_left(days, first) : bisect_right(days, last)]
            if last > high:
                found += _every_day(DateInterval(max(first, high + _DAY), last))
        return found

    def trim(self, interval: DateInterval) -> DateInterval | None:
        """Return a range from its first to its last session; None where it has none."""
        days = self.within(interval)
        return DateInterval(days[0], days[-1]) if days else None

    def widen(self, interval: DateInterval, last: dt.date) -> DateInterval:
        """Return a range with the days beside it on which there is no session, up to `last`.

        What is covered then depends on the sessions that were answered alone, and not on how the
        ranges that were asked for lie around weekends.
        """
        if self.calendar == NO_CALENDAR or self.is_weekly:
            return interval
        first, end = interval.first, interval.last
        days = self.within(DateInterval(first - _AROUND, end + _AROUND))
        before = bisect_left(days, first)
        after = bisect_left(days, end + _DAY)
        if before:
            first = days[before - 1] + _DAY
        if after < len(days):
            end = max(end, min(last, days[after] - _DAY))
        return DateInterval(first, end)

    def empty(
        self, interval: DateInterval, dates: Iterable[dt.date], known: Sequence[DateInterval]
    ) -> list[DateInterval]:
        """Return the sessions of an answered range without a bar, as ranges.

        Days without a session between two that are empty are empty too, wherever the range that
        was asked for begins or ends.

        Parameters
        ----------
        interval
            The range, as `widen` returns it; of weekly bars whole weeks.
        dates
            Those of bars.
        known
            What is known to be empty around it.
        """
        has = set(dates)
        if self.is_weekly:
            weeks = {d - d.weekday() * _DAY for d in has}
            mondays = (d for d in _every_day(interval) if not d.weekday())
            return joined(DateInterval(d, d + 6 * _DAY) for d in mondays if d not in weeks)
        runs: list[list[dt.date]] = []
        open_run = False
        days = self.within(interval)
        for day in days:
            if day in has:
                open_run = False
            elif open_run:
                runs[-1][1] = day
            else:
                runs.append([day, day])
                open_run = True
        for edge, beside, end in (
            (
                (days[0], interval.first - _DAY, interval.first),
                (days[-1], interval.last + _DAY, interval.last),
            )
            if days
            else ()
        ):
            at = 0 if end == interval.first else -1
            if runs and edge in runs[at] and any(k.first <= beside <= k.last for k in known):
                runs[at][at] = end
        return [DateInterval(first, last) for first, last in runs]


@functools.lru_cache(maxsize=64)
def _block(calendar: str, timed: bool, block: int) -> tuple[list[dt.date], dt.date, dt.date]:
    """Return the sessions of some years, and the first and the last day that have facts.

    The library takes as long for a week as for decades, so that they are asked for at once.
    """
    begin, end = dt.date(max(1, block * _BLOCK), 1, 1), dt.date(block * _BLOCK + _BLOCK - 1, 12, 31)
    week = 7 * _DAY if timed else 0 * _DAY  # sessions may begin on the day before their name
    found = load_sessions(calendar, begin - week, end + week)
    days = found.frame["session"]
    if timed:
        zone = found.timezone
        opens = found.frame["open"].dt.convert_time_zone(zone).dt.date()
        closes = found.frame["close"].dt.offset_by("-1us").dt.convert_time_zone(zone).dt.date()
        days = opens.append(closes).unique().sort()
    known = [d for d in days.to_list() if begin <= d <= end]
    return known, max(found.first, begin), min(found.last, end)


def holds(intervals: Iterable[DateInterval], part: DateInterval) -> bool:
    """Tell whether ranges have all days of another one."""
    return not without([part], joined(intervals))


def _every_day(interval: DateInterval) -> list[dt.date]:
    first = interval.first.toordinal()
    return [
        dt.date.fromordinal(first + n) for n in range((interval.last - interval.first).days + 1)
    ]
