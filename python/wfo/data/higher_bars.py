"""Which higher bar each bar is part of, and which of them are closed by its end.

Higher bars are those that `wfo.data.resample` makes. When one of them is closed follows from
the calendar and from the bars up to then, never from those that come after: a bar closes the higher
one whose end it reaches, and what had no bar at its end is closed by the next bar that there is.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple

from wfo.data.calendars import NO_CALENDAR, load_sessions
from wfo.data.importing.lengths import find_timeframe
from wfo.data.importing.times.stamps import Stamps
from wfo.data.spans import MICROS, bins, placed, session_spans
from wfo.data.timeframes import TIMEFRAMES, is_intraday, only_longer, require_timeframe
from wfo.errors import DataError, InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    FloatArray = npt.NDArray[np.float64]
    Whole = npt.NDArray[np.int64]

_FRIDAY: Final = 4


class HigherBars(NamedTuple):
    """The higher bars of a history of n bars.

    Attributes
    ----------
    group
        float64[n]: the number of the higher bar that a bar is part of, from 0 on; NaN where it is
        part of none, as outside of the sessions of which days and weeks are made.
    closed
        float64[n]: how many of them are closed by the end of the bar.
    """

    group: FloatArray
    closed: FloatArray


def higher_bars(stamps: pl.Series, to: str, calendar: str) -> HigherBars:
    """Return which higher bar each bar is part of, and how many of them are closed by its end.

    Parameters
    ----------
    stamps
        Dates, or zone-aware date-times, of n bars, ascending. How long bars are is found from them.
    to
        Timeframe of the higher bars.
    calendar
        As in `wfo.data.resample`. A week is closed by the last of its sessions; without a calendar,
        by its Sunday or the first bar after it.

    Raises
    ------
    InputError
        If the higher bars are not longer, or timeframe or calendar are not known.
    DataError
        If the length of the bars cannot be told, or a bar is part of a higher one that was closed
        before it.
    """
    import numpy as np
    import polars as pl

    require_timeframe(to)
    if isinstance(stamps.dtype, pl.Datetime):
        stamps = stamps.dt.cast_time_unit("us")
    base = _base(stamps, to)
    if TIMEFRAMES[to] <= TIMEFRAMES[base]:
        raise InputError(f"{to} bars cannot be made of {base} bars, {only_longer(base)}")
    key, end, reached = (
        _of_intraday(stamps, base, to, calendar)
        if is_intraday(base)
        else _weeks_of_days(stamps, calendar)
    )
    inside = key >= 0
    # Keys ascend; where there is none, the one before is still the latest that has begun.
    latest = np.maximum.accumulate(key)
    begun = inside & (latest != np.concatenate([[-1], latest[:-1]]))
    number = np.cumsum(begun) - 1
    ends = np.maximum.accumulate(np.where(inside, end, np.iinfo(np.int64).min))
    closes = (number >= 0) & (reached >= ends)
    late = closes[:-1] & inside[1:] & ~begun[1:]
    if late.any():
        at = int(late.argmax()) + 1
        raise DataError(
            f"the bar of {stamps[at]} is part of a {to} bar that {stamps[at - 1]} closes by the"
            f" calendar {calendar}; give the calendar of the bars, as in"
            f' x.resample("{to}", calendar="24/7")'
        )
    group = np.where(inside, number, np.nan)
    return HigherBars(group, np.maximum(number + closes, 0).astype(np.float64))


def _base(stamps: pl.Series, to: str) -> str:
    """Return the timeframe of bars, by how far their stamps are apart."""
    import polars as pl

    has_times = isinstance(stamps.dtype, pl.Datetime)
    if has_times and stamps.dtype.time_zone is None:  # type: ignore[attr-defined]
        raise DataError(f"{to} bars are made of bars whose date-times have a time zone")
    times = stamps.dt.convert_time_zone("UTC") if has_times else stamps.cast(pl.Datetime("us"))
    try:
        base, _ = find_timeframe(Stamps(times, None, has_times), "the series")
    except DataError:
        raise DataError(
            f"no {to} bars can be made of bars whose length cannot be told by their stamps; known"
            f" are {', '.join(TIMEFRAMES)}"
        ) from None
    if has_times and not is_intraday(base):
        raise DataError(f"{to} bars cannot be made of {base} bars with date-times; give dates")
    return base


def _of_intraday(
    stamps: pl.Series, base: str, to: str, calendar: str
) -> tuple[Whole, Whole, Whole]:
    """Return what tells each bar's higher bar (-1: none), its end, and the end of the bar."""
    import numpy as np

    spans = session_spans(stamps, calendar)
    at, place = placed(stamps, base, spans)
    reached = stamps.to_physical().to_numpy() + TIMEFRAMES[base] * MICROS
    if is_intraday(to):
        begin = bins(at, place, to, spans)
        return (
            begin - begin[0],
            np.minimum(begin + TIMEFRAMES[to] * MICROS, spans.end[place]),
            reached,
        )
    session = spans.session[place]
    if to == "1day":
        return session, spans.closes[session], reached
    days = spans.dates.to_physical().to_numpy().astype(np.int64)
    monday = _mondays(days)
    # A week ends with its last session.
    last = np.searchsorted(monday, monday, side="right") - 1
    return (
        np.where(session >= 0, monday[session] - monday[0], -1),
        spans.closes[last[session]],
        reached,
    )


def _weeks_of_days(stamps: pl.Series, calendar: str) -> tuple[Whole, Whole, Whole]:
    """Return the same of days, in days since 1970."""
    import numpy as np

    days = stamps.to_physical().to_numpy().astype(np.int64)
    monday = _mondays(days)
    end = monday + 6
    if calendar != NO_CALENDAR:
        epoch = dt.date(1970, 1, 1)
        sunday = epoch + dt.timedelta(days=int(end[-1]))
        known = load_sessions(calendar, epoch + dt.timedelta(days=int(monday[0])), sunday)
        sessions = known.frame["session"].to_physical().to_numpy().astype(np.int64)
        before = np.searchsorted(sessions, end, side="right") - 1
        last = np.append(sessions, monday[0] - 1)[before]
        # Beyond its facts a week may have sessions up to its Friday at least.
        first, final = (float((each - epoch).days) for each in (known.first, known.last))
        beyond = (end > final) | (monday < first) | (first > final)
        last = np.where(beyond, np.maximum(last, monday + _FRIDAY), last)
        end = np.where(last >= monday, last, end)
    return monday - monday[0], end, days


def _mondays(days: Whole) -> Whole:
    """Return the Monday of each day's week, in days since 1970, which began on a Thursday."""
    return days - (days + 3) % 7
