"""Gaps: sessions of a calendar, and bars within them, that a set of bars does not have."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from wfo.data.calendars import NO_CALENDAR, load_sessions
from wfo.data.findings import Run, count_of, listed, runs_of, said_runs
from wfo.data.timeframes import TIMEFRAMES, is_intraday

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Micros = npt.NDArray[np.int64]

#: Days on a weekend, or a share of all bars, from which on the calendar itself is in doubt.
_WEEKEND_DAYS = 10
_OUTSIDE_SHARE = 0.5
_OTHER_CALENDAR = "; is it the right calendar? (--calendar of the import names another)"

#: Slots of sessions that are looked at together: few enough for a processor's cache.
_SLOTS = 65_536


@dataclasses.dataclass(frozen=True)
class Gaps:
    """Where bars and a calendar disagree, between the first and the last bar.

    Attributes
    ----------
    calendar
        Name of the exchange calendar.
    sessions
        Runs of sessions without any bar, as dates; of weekly bars the Mondays of such weeks.
    dates
        The same sessions one by one.
    bars
        Runs of bars that are missing in sessions which have others, as the times at which they
        open, in the zone of the exchange. Empty for bars that are not intraday.
    warnings
        All of that in sentences, bars outside of sessions and bars for whose time the calendar
        has no facts included.
    """

    calendar: str
    sessions: tuple[Run, ...] = ()
    bars: tuple[Run, ...] = ()
    warnings: tuple[str, ...] = ()
    dates: tuple[dt.date, ...] = ()


def find_gaps(stamps: pl.Series, timeframe: str, calendar: str) -> Gaps:
    """Find the gaps of a series of bars.

    Parameters
    ----------
    stamps
        Dates or zone-aware times, strictly ascending.
    timeframe
        One of `wfo.data.TIMEFRAMES`.
    calendar
        A name of `wfo.data.calendar_names`; with ``none`` there are no gaps.

    Returns
    -------
    Gaps
        What is missing.

    Raises
    ------
    InputError
        If timeframe or calendar are not known.
    DataError
        If the library cannot build the calendar.
    """
    intraday = is_intraday(timeframe)
    if calendar == NO_CALENDAR or not len(stamps):
        return Gaps(calendar)
    days = [d.date() if isinstance(d, dt.datetime) else d for d in (stamps[0], stamps[-1])]
    if intraday:
        return _intraday(stamps, TIMEFRAMES[timeframe], calendar, days)
    return (_weekly if timeframe == "1week" else _daily)(stamps, calendar, days)


def _daily(dates: pl.Series, calendar: str, days: list[dt.date]) -> Gaps:
    sessions = load_sessions(calendar, days[0], days[1])
    warnings = _uncovered(dates, calendar, sessions.first, sessions.last)
    known = sessions.frame["session"]
    covered = dates.filter((dates >= sessions.first) & (dates <= sessions.last))
    places = (~known.is_in(covered.implode())).arg_true()
    missing = known.gather(places)
    runs = runs_of(missing, places.to_numpy().astype("int64"))
    extra = covered.filter(~covered.is_in(known.implode()))
    if runs:
        warnings.append(_sessions_missing(calendar, runs, missing))
    if len(extra):
        said = count_of(len(extra), "bar lies", "bars lie")
        warnings.append(f"{said} outside the sessions of {calendar}: {listed(extra)}{_hint(extra)}")
    return Gaps(calendar, runs, warnings=tuple(warnings), dates=tuple(missing))


def _sessions_missing(calendar: str, runs: tuple[Run, ...], missing: pl.Series) -> str:
    count = count_of(len(missing), "session", "sessions")
    return f"{count} of {calendar} missing: {said_runs(runs)}{_hint(missing)}"


def _hint(days: pl.Series) -> str:
    weekend = int((days.dt.weekday() >= 6).sum())
    return _OTHER_CALENDAR if weekend > _WEEKEND_DAYS else ""


def _weekly(dates: pl.Series, calendar: str, days: list[dt.date]) -> Gaps:
    sessions = load_sessions(calendar, days[0], days[1])
    warnings = _uncovered(dates, calendar, sessions.first, sessions.last)
    # A week is known by its Monday, on whichever of its days the bars are dated.
    known = sessions.frame["session"].dt.truncate("1w").unique().sort()
    found = dates.dt.truncate("1w")
    known = known.filter((known >= found[0]) & (known <= found[-1]))
    places = (~known.is_in(found.implode())).arg_true()
    missing = known.gather(places)
    runs = runs_of(missing, places.to_numpy().astype("int64"))
    if runs:
        said = count_of(len(places), "week", "weeks")
        warnings.append(f"{said} with sessions of {calendar} missing: from {said_runs(runs)}")
    return Gaps(calendar, runs, warnings=tuple(warnings), dates=tuple(missing))


def _uncovered(dates: pl.Series, calendar: str, first: dt.date, last: dt.date) -> list[str]:
    outside = dates.filter((dates < first) | (dates > last))
    if not len(outside):
        return []
    if len(outside) == len(dates):
        return [f"the calendar {calendar} has no facts for the time of these bars: not checked"]
    covered = f"the calendar {calendar} covers {first} to {last} only"
    said = count_of(len(outside), "bar was", "bars were")
    return [f"{covered}: {said} not checked against it"]


def _intraday(stamps: pl.Series, seconds: int, calendar: str, days: list[dt.date]) -> Gaps:
    import numpy as np
    import polars as pl

    week = dt.timedelta(days=7)  # sessions may begin on the day before their name
    sessions = load_sessions(calendar, days[0] - week, days[1] + week)
    zone = sessions.timezone
    local = stamps.dt.convert_time_zone(zone)
    warnings: list[str] = []
    # A day from the ends of what is covered, none of the bars in between is outside of it.
    if not (sessions.first < local[0].date() and local[-1].date() < sessions.last):
        warnings = _uncovered(local.dt.date(), calendar, sessions.first, sessions.last)
    step = seconds * 1_000_000
    bars: Micros = stamps.to_physical().to_numpy()
    frame = sessions.frame
    opens = frame["open"]
    ends = (sessions.first, sessions.last + dt.timedelta(days=1))
    bars = bars[slice(*np.searchsorted(bars, [_micros(day, zone) for day in ends]))]
    if not frame.height or not len(bars):
        return Gaps(calendar, warnings=tuple(warnings))

    # Bars are counted either from the session's open (09:30, 10:30, ...) or from the full hour
    # (09:30, 10:00, 11:00, ...): take whichever explains the bars better.
    wall = opens.dt.convert_time_zone(zone).dt.replace_time_zone(None).to_physical().to_numpy()
    open_us: Micros = opens.to_physical().to_numpy()
    match = _match(bars, open_us, frame, step)
    if (wall % step).any():
        by_clock = _match(bars, open_us - wall % step, frame, step)
        match = min(match, by_clock, key=lambda m: len(m.missing) + len(m.outside))

    whole: tuple[Run, ...] = ()
    dates: tuple[dt.date, ...] = ()
    if len(match.sessions):
        names = frame["session"].gather(pl.Series(match.sessions))
        whole, dates = runs_of(names, match.sessions), tuple(names)
        warnings.append(_sessions_missing(calendar, whole, names))
    within = runs_of(_times(match.missing, zone), match.places)
    if within:
        said = count_of(len(match.missing), "bar is", "bars are")
        warnings.append(f"{said} missing within sessions of {calendar}: {said_runs(within)}")
    outside = match.outside
    if len(outside):
        said = count_of(len(outside), "bar lies", "bars lie")
        doubt = len(outside) > _OUTSIDE_SHARE * len(np.unique(bars))
        hint = _OTHER_CALENDAR if doubt else ""
        at = listed(_times(outside, zone))
        warnings.append(f"{said} outside the sessions of {calendar}: {at}{hint}")
    return Gaps(calendar, whole, within, tuple(warnings), dates)


@dataclasses.dataclass(frozen=True, eq=False)
class _Match:
    """Bars beside the slots into which sessions fall.

    Attributes
    ----------
    missing
        The beginnings of slots without a bar, in sessions that have others.
    places
        Numbers of these slots: neighbours of one session differ by 1.
    sessions
        The numbers of sessions without any bar.
    outside
        The bars in no slot.
    """

    missing: Micros
    places: Micros
    sessions: Micros
    outside: Micros


def _match(bars: Micros, begin: Micros, frame: pl.DataFrame, step: int) -> _Match:
    """Match bars with the slots of `step` microseconds into which sessions fall."""
    import numpy as np

    close: Micros = frame["close"].to_physical().to_numpy()
    counts = -(-(close - begin) // step)
    found = []
    slots = 0
    for first, last in _stretches(begin, close, counts):
        until = len(bars) if last == len(begin) else int(np.searchsorted(bars, begin[last]))
        start, end, session = _slots(begin, close, counts, frame, step, range(first, last))
        keep = (end > bars[0]) & (start <= bars[-1])
        start, end, session = start[keep], end[keep], session[keep]
        since = 0 if first == 0 else int(np.searchsorted(bars, begin[first]))
        found.append(_fill(bars[since:until], start, end, session, slots))
        slots += len(start)
    return _Match(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _stretches(begin: Micros, close: Micros, counts: Micros) -> Iterator[tuple[int, int]]:
    """Yield ranges of sessions, the end excluded, that share no slot with others.

    Each has about `_SLOTS` slots: as many as all of years of minutes take much memory.
    """
    import numpy as np

    before = np.cumsum(counts)
    first = 0
    while first < len(begin):
        taken = before[first - 1] if first else 0
        last = max(int(np.searchsorted(before, taken + _SLOTS)), first + 1)
        while last < len(begin) and begin[last] < close[last - 1]:
            last += 1
        yield first, min(last, len(begin))
        first = last


def _slots(
    begin: Micros, close: Micros, counts: Micros, frame: pl.DataFrame, step: int, sessions: range
) -> tuple[Micros, Micros, Micros]:
    """Return where the slots of some sessions begin and end, and the sessions' numbers."""
    import numpy as np

    counts = counts[sessions.start : sessions.stop]
    session = np.repeat(np.arange(sessions.start, sessions.stop), counts)
    within = np.arange(len(session)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = begin[session] + within * step
    end = np.minimum(start + step, close[session])
    keep = np.ones(len(start), dtype=np.bool_)
    # Sessions that follow each other without a pause share the slot at the seam.
    keep[1:] &= start[1:] > start[:-1]
    pauses = frame["break_start"].is_not_null().to_numpy()
    if pauses.any():
        pause_start = frame["break_start"].to_physical().fill_null(0).to_numpy()[session]
        pause_end = frame["break_end"].to_physical().fill_null(0).to_numpy()[session]
        keep &= ~((start >= pause_start) & (end <= pause_end) & pauses[session])
    return start[keep], end[keep], session[keep]


def _fill(
    bars: Micros, start: Micros, end: Micros, session: Micros, before: int
) -> tuple[Micros, Micros, Micros, Micros]:
    """Return the fields of `_Match` of a stretch of slots that `before` others precede."""
    import numpy as np

    if not len(start):
        return start, start, session, bars
    slot = np.searchsorted(start, bars, side="right") - 1
    inside = (slot >= 0) & (bars < end[np.maximum(slot, 0)])
    filled = np.zeros(len(start), dtype=np.bool_)
    filled[slot[inside]] = True
    seen = np.zeros(session[-1] - session[0] + 1, dtype=np.bool_)
    seen[session[filled] - session[0]] = True
    traded = seen[session - session[0]]
    absent = ~filled & traded
    # A number is left out between sessions, so that no run goes from one to the next.
    places = before + np.flatnonzero(absent) + session[absent]
    return start[absent], places, np.unique(session[~traded]), bars[~inside]


def _micros(day: dt.date, zone: str) -> int:
    import zoneinfo

    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=zoneinfo.ZoneInfo(zone))
    return round(midnight.timestamp()) * 1_000_000


def _times(micros: Micros, zone: str) -> pl.Series:
    import polars as pl

    stamps = pl.Series(micros, dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return stamps.dt.convert_time_zone(zone)
