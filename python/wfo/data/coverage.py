"""Which dates of a series a source has answered, and for which of them it had nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from wfo.errors import DataError, InputError
from wfo.text import one_line

#: Dates that coverage can hold; what lies outside comes from a broken file or clock.
FIRST_DATE: Final = dt.date(1700, 1, 1)
LAST_DATE: Final = dt.date(2199, 12, 31)
#: More intervals than this come from a broken file: 20 years of single days are 7,300.
MOST_INTERVALS: Final = 50_000
#: How long an answer without a bar is believed.
SHORTEST_EMPTY: Final = dt.timedelta(hours=1)
LONGEST_EMPTY: Final = dt.timedelta(days=30)
#: Clocks of two machines that share a store may differ by this much.
_CLOCK_SLACK: Final = dt.timedelta(hours=1)
_LONGEST_NAME: Final = 255
#: Intervals that a line at a prompt shows.
_SHOWN: Final = 4
_DAY: Final = dt.timedelta(days=1)


@dataclasses.dataclass(frozen=True, order=True)
class DateInterval:
    """Consecutive dates.

    Attributes
    ----------
    first, last
        Both included, exchange-local, from 1700 to 2199.

    Raises
    ------
    InputError
        If `last` is before `first`, or either is no date of these years.
    """

    first: dt.date
    last: dt.date

    def __post_init__(self) -> None:
        for name in ("first", "last"):
            value = getattr(self, name)
            if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
                raise InputError(f"{name} must be a date, not {value!r:.80}")
            if not FIRST_DATE <= value <= LAST_DATE:
                raise InputError(f"{name} is {value}: dates lie in {FIRST_DATE} to {LAST_DATE}")
        if self.first > self.last:
            raise InputError(f"the dates {self.first} to {self.last} end before they begin")

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"

    @property
    def days(self) -> int:
        """Number of dates."""
        return (self.last - self.first).days + 1


@dataclasses.dataclass(frozen=True)
class Answered:
    """Dates that a source has answered: the store has all that the source had of them.

    Attributes
    ----------
    interval
        The dates.
    source
        Name of the source; of imported bars, of the file.
    asked_at
        When any of them was last asked for, UTC.
    """

    interval: DateInterval
    source: str
    asked_at: dt.datetime

    def __post_init__(self) -> None:
        if not isinstance(self.source, str) or not 1 <= len(self.source) <= _LONGEST_NAME:
            raise InputError(f"a source has a name of 1 to 255 characters, not {self.source!r:.80}")
        object.__setattr__(self, "asked_at", _utc(self.asked_at))


@dataclasses.dataclass(frozen=True)
class Empty:
    """Dates that were answered without a bar.

    Attributes
    ----------
    interval
        The dates.
    asked_at
        When they were asked for, UTC.
    expires_at
        From when on they are missing again, UTC; at most 30 days later.
    """

    interval: DateInterval
    asked_at: dt.datetime
    expires_at: dt.datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked_at", _utc(self.asked_at))
        object.__setattr__(self, "expires_at", _utc(self.expires_at))
        if not self.asked_at < self.expires_at <= self.asked_at + LONGEST_EMPTY:
            raise InputError(
                f"{self.interval}: empty as of {self.asked_at} cannot last until {self.expires_at}"
            )

    def holds(self, now: dt.datetime) -> bool:
        """Tell whether the dates still count as answered; not if asked by a clock far ahead."""
        return self.asked_at - _CLOCK_SLACK <= now < self.expires_at


@dataclasses.dataclass(frozen=True, repr=False)
class Coverage:
    """The dates of a series that were answered.

    Attributes
    ----------
    answered
        Ascending and disjoint; neighbours of one source are one interval.
    empty
        Those of the answered dates without a bar: ascending and disjoint, and neighbours that
        share both times are one interval.

    Raises
    ------
    InputError
        If they are not so.
    """

    answered: tuple[Answered, ...] = ()
    empty: tuple[Empty, ...] = ()

    def __post_init__(self) -> None:
        for intervals in ([a.interval for a in self.answered], [e.interval for e in self.empty]):
            for one, two in itertools.pairwise(intervals):
                if two.first <= one.last:
                    raise InputError(f"coverage must ascend: {two} follows {one}")
            if len(intervals) > MOST_INTERVALS:
                raise InputError(f"coverage has {len(intervals):,} intervals, too many to be true")
        covered = joined(a.interval for a in self.answered)
        outside = without([e.interval for e in self.empty], covered)
        if outside:
            raise InputError(f"coverage has {outside[0]} as empty, which was not answered")

    def __repr__(self) -> str:
        answered = [f"{a.interval} by {a.source!r}" for a in self.answered]
        parts = [
            *answered[:_SHOWN],
            *([f"{len(answered) - _SHOWN:,} more"] * (len(answered) > _SHOWN)),
        ]
        empty = sum(e.interval.days for e in self.empty)
        without = f", {empty:,} of these days without a bar" if empty else ""
        return f"Coverage({', '.join(parts) or 'nothing'}{without})"

    @property
    def span(self) -> DateInterval | None:
        """From the first date that was answered to the last; None without any."""
        if not self.answered:
            return None
        return DateInterval(self.answered[0].interval.first, self.answered[-1].interval.last)

    def missing(self, wanted: DateInterval, now: dt.datetime) -> tuple[DateInterval, ...]:
        """Return the wanted dates that were not answered, or empty and expired.

        Parameters
        ----------
        wanted
            The dates.
        now
            The time, zone-aware.

        Returns
        -------
        tuple of DateInterval
            Ascending, disjoint, and no two of them neighbours.
        """
        at = _utc(now)
        expired = [e.interval for e in self.empty if not e.holds(at)]
        known = without([a.interval for a in self.answered], expired)
        return tuple(without([wanted], known))

    def answer(
        self,
        interval: DateInterval,
        *,
        source: str,
        asked_at: dt.datetime,
        empty: Iterable[DateInterval] = (),
    ) -> Coverage:
        """Return the coverage with a further answer, which replaces what was known of its dates.

        Parameters
        ----------
        interval
            The dates that were answered.
        source
            Who answered.
        asked_at
            When they were asked for, zone-aware.
        empty
            Those of the dates that have no bar.

        Raises
        ------
        InputError
            If `empty` has a date that `interval` has not.
        """
        at = _utc(asked_at)
        hollow = joined(empty)
        outside = without(hollow, [interval])
        if outside:
            raise InputError(f"{outside[0]} cannot be empty in an answer for {interval}")
        answered = [
            dataclasses.replace(a, interval=rest)
            for a in self.answered
            for rest in without([a.interval], [interval])
        ]
        answered.append(Answered(interval, source, at))
        answered.sort(key=lambda a: a.interval)
        left = [
            dataclasses.replace(e, interval=rest)
            for e in self.empty
            for rest in without([e.interval], [interval])
        ]
        left += [piece for dates in hollow for piece in _expiring(dates, at)]
        left.sort(key=lambda e: e.interval)
        return Coverage(tuple(_runs(answered, _same_source)), tuple(_runs(left, _same_times)))

    def to_json(self) -> dict[str, Any]:
        """Return what a meta file holds: lists of first date, last date, and what is said of them.

        Returns
        -------
        dict
            ``answered``: lists of first, last, source and time of asking; ``empty``: lists of
            first, last, time of asking and time of expiry.
        """
        return {
            "answered": [
                [*_dates(a.interval), a.source, _time_text(a.asked_at)] for a in self.answered
            ],
            "empty": [
                [*_dates(e.interval), _time_text(e.asked_at), _time_text(e.expires_at)]
                for e in self.empty
            ],
        }

    @classmethod
    def from_json(cls, found: Any) -> Coverage:
        """Read what `to_json` returned.

        Raises
        ------
        DataError
            If it is anything else.
        """
        if not isinstance(found, dict) or set(found) != {"answered", "empty"}:
            raise DataError("coverage is no object with 'answered' and 'empty'")
        try:
            return cls(
                tuple(
                    Answered(_interval(first, last), source, _time(asked))
                    for first, last, source, asked in _rows(found["answered"])
                ),
                tuple(
                    Empty(_interval(first, last), _time(asked), _time(expires))
                    for first, last, asked, expires in _rows(found["empty"])
                ),
            )
        except (ValueError, OverflowError) as error:  # InputError is a ValueError
            raise DataError(f"coverage cannot be read: {one_line(error):.200}") from error


def empty_until(last: dt.date, asked_at: dt.datetime) -> dt.datetime:
    """Return until when dates without a bar are believed to have none.

    Parameters
    ----------
    last
        The last of the dates.
    asked_at
        When they were asked for, zone-aware.

    Returns
    -------
    datetime.datetime
        `asked_at` and as long again as the date's end was past, at least 1 hour and at most 30
        days later: bars that are published late belong to recent dates. UTC.
    """
    at = _utc(asked_at)
    end = dt.datetime.combine(last, dt.time(), dt.UTC) + _DAY
    return at + min(max(at - end, SHORTEST_EMPTY), LONGEST_EMPTY)


def _expiring(interval: DateInterval, asked_at: dt.datetime) -> Iterator[Empty]:
    """Yield empty dates by their time of expiry."""
    # What is said of a date thus does not depend on the others that were asked for with it.
    # Dates that ended 30 days before share their expiry, and so do those that have hardly ended;
    # each one in between has its own.
    settled = (asked_at - LONGEST_EMPTY).date() - _DAY
    ended = (asked_at - SHORTEST_EMPTY).date() - _DAY
    day = interval.first
    while day <= interval.last:
        last = settled if day <= settled else day if day <= ended else interval.last
        last = min(last, interval.last)
        yield Empty(DateInterval(day, last), asked_at, empty_until(last, asked_at))
        day = last + _DAY


_Piece = TypeVar("_Piece", Answered, Empty)


def _runs(pieces: Sequence[_Piece], same: Callable[[_Piece, _Piece], bool]) -> Iterator[_Piece]:
    """Join neighbours that are the `same`; the later time of asking is that of both."""
    held: _Piece | None = None
    for piece in pieces:
        if held is None:
            held = piece
        elif piece.interval.first == held.interval.last + _DAY and same(held, piece):
            joined = DateInterval(held.interval.first, piece.interval.last)
            latest = max(held.asked_at, piece.asked_at)
            held = dataclasses.replace(held, interval=joined, asked_at=latest)
        else:
            yield held
            held = piece
    if held is not None:
        yield held


def _same_source(one: Answered, two: Answered) -> bool:
    return one.source == two.source


def _same_times(one: Empty, two: Empty) -> bool:
    return (one.asked_at, one.expires_at) == (two.asked_at, two.expires_at)


def joined(intervals: Iterable[DateInterval]) -> list[DateInterval]:
    """Return the dates of intervals, ascending, disjoint, and no two of them neighbours."""
    found: list[DateInterval] = []
    for interval in sorted(intervals):
        if found and interval.first <= found[-1].last + _DAY:
            found[-1] = DateInterval(found[-1].first, max(found[-1].last, interval.last))
        else:
            found.append(interval)
    return found


def without(
    intervals: Iterable[DateInterval], others: Iterable[DateInterval]
) -> list[DateInterval]:
    """Return the dates of `intervals` that are in none of `others`, joined as `joined` does."""
    found: list[DateInterval] = []
    holes = joined(others)
    at = 0
    for interval in joined(intervals):
        first = interval.first
        while at < len(holes) and holes[at].last < first:
            at += 1
        k = at
        while k < len(holes) and holes[k].first <= interval.last:
            if first < holes[k].first:
                found.append(DateInterval(first, holes[k].first - _DAY))
            first = holes[k].last + _DAY
            k += 1
        if first <= interval.last:
            found.append(DateInterval(first, interval.last))
    return found


def _utc(time: dt.datetime) -> dt.datetime:
    if not isinstance(time, dt.datetime) or time.tzinfo is None:
        raise InputError(f"a time must be zone-aware, not {time!r:.80}")
    try:
        utc = time.astimezone(dt.UTC)
    except OverflowError:
        utc = dt.datetime.max.replace(tzinfo=dt.UTC)
    if not FIRST_DATE < utc.date() < LAST_DATE:
        raise InputError(f"the time {time} does not lie in {FIRST_DATE} to {LAST_DATE}")
    return utc


def _dates(interval: DateInterval) -> tuple[str, str]:
    return interval.first.isoformat(), interval.last.isoformat()


def _time_text(time: dt.datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _rows(found: Any) -> list[list[str]]:
    """Check the shape of what a meta file has: a list of lists of four texts."""
    if not isinstance(found, list) or len(found) > MOST_INTERVALS:
        raise DataError(f"coverage is no list of at most {MOST_INTERVALS:,} intervals")
    for row in found:
        texts = isinstance(row, list) and len(row) == 4 and all(isinstance(v, str) for v in row)
        if not texts:
            raise DataError(f"coverage has {row!r:.80}, which is no interval")
    return found


def _interval(first: str, last: str) -> DateInterval:
    return DateInterval(dt.date.fromisoformat(first), dt.date.fromisoformat(last))


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
