"""Stretches of time that intraday bars fall into: sessions, their breaks, and what lies between.

Bins of longer bars are counted from them, all in UTC.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Final

from wfo.data.calendars import NO_CALENDAR, load_sessions
from wfo.data.timeframes import TIMEFRAMES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Micros = npt.NDArray[np.int64]

#: Microseconds of a second.
MICROS: Final = 1_000_000
#: The longest intraday bar. Bars between two sessions are divided at a multiple of it before the
#: open, so that bins of any shorter length are parts of its bins there too.
_LONGEST: Final = TIMEFRAMES["4hour"] * MICROS


@dataclasses.dataclass(frozen=True, eq=False)
class Spans:
    """Stretches of time that follow each other, from the bins' point of view.

    Attributes
    ----------
    begin, end
        Microseconds since 1970 UTC; `end` of one is at most `begin` of the next.
    anchor
        Where bins are counted from: `begin`, but for those before an open, which are counted back
        from it.
    session
        Number of the session, or -1 outside of sessions.
    dates
        Of each session.
    closes
        Of each session: its end.
    """

    begin: Micros
    end: Micros
    anchor: Micros
    session: Micros
    dates: pl.Series
    closes: Micros


def session_spans(stamps: pl.Series, calendar: str) -> Spans:
    """Return the stretches into which the time of intraday bars falls."""
    import numpy as np
    import polars as pl

    zone = stamps.dtype.time_zone  # type: ignore[attr-defined]
    # So far that there is a session on either side, whatever the holidays.
    margin = dt.timedelta(days=30)
    frames = []
    first, last = stamps[0].date() - margin, stamps[-1].date() + margin
    known = None
    if calendar != NO_CALENDAR:
        known = load_sessions(calendar, first, last)
    if known is None or known.first > known.last:
        frames.append(_civil_days(first, last, zone))
    else:
        frames.append(known.frame)
        day = dt.timedelta(days=1)
        if first < known.first:
            frames.insert(0, _civil_days(first, known.first - day, known.timezone))
        if last > known.last:
            frames.append(_civil_days(known.last + day, last, known.timezone))
    sessions = pl.concat(frames)
    opens: Micros = sessions["open"].to_physical().to_numpy()
    closes: Micros = sessions["close"].to_physical().to_numpy()
    # Of calendars with breaks a session is two stretches; without, one.
    pauses = sessions["break_start"].to_physical().fill_null(-1).to_numpy()
    resumes = sessions["break_end"].to_physical().fill_null(-1).to_numpy()
    spans: list[tuple[int, int, int, int]] = []
    previous = None
    for k in range(len(opens)):
        end = int(closes[k])
        begin = int(opens[k]) if previous is None else max(int(opens[k]), previous)
        if previous is not None and begin > previous:
            back = (begin - previous) // (2 * _LONGEST) * _LONGEST
            spans.append((previous, begin - back, previous, -1))
            spans.append((begin - back, begin, begin - back, -1))
        if pauses[k] >= 0:
            spans.append((begin, int(pauses[k]), begin, k))
            spans.append((int(pauses[k]), int(resumes[k]), int(pauses[k]), -1))
            spans.append((int(resumes[k]), end, int(resumes[k]), k))
        else:
            spans.append((begin, end, begin, k))
        previous = end
    columns = np.asarray([s for s in spans if s[1] > s[0]], dtype=np.int64).reshape(-1, 4)
    begin_, end_, anchor, session = (np.ascontiguousarray(c) for c in columns.T)
    return Spans(begin_, end_, anchor, session, sessions["session"], closes)


def _civil_days(first: dt.date, last: dt.date, zone: str) -> pl.DataFrame:
    """Return days from midnight to midnight in the columns of `wfo.data.calendars.Sessions`."""
    import polars as pl

    days = pl.date_range(first, last, eager=True)

    def midnight(dates: pl.Series) -> pl.Series:
        # Some zones have no midnight on a day on which their clocks change: 01:00 is next.
        wall = dates.cast(pl.Datetime("us"))
        at = wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        later = (wall + dt.timedelta(hours=1)).dt.replace_time_zone(
            zone, ambiguous="earliest", non_existent="null"
        )
        return at.fill_null(later).dt.convert_time_zone("UTC")

    utc = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "session": days,
            "open": midnight(days),
            "close": midnight(days.dt.offset_by("1d")),
        }
    ).with_columns(
        pl.lit(None, dtype=utc).alias("break_start"), pl.lit(None, dtype=utc).alias("break_end")
    )


def placed(stamps: pl.Series, base: str, spans: Spans) -> tuple[Micros, Micros]:
    """Return each bar's time and the number of its stretch.

    A bar that begins before an open and ends after it, as the one of 09:00 where hours are counted
    by the clock, counts from the open.
    """
    import numpy as np

    at: Micros = stamps.to_physical().to_numpy().copy()
    step = TIMEFRAMES[base] * MICROS
    place = np.searchsorted(spans.begin, at, side="right") - 1
    following = np.minimum(place + 1, len(spans.begin) - 1)
    inside = spans.session[place] >= 0
    early = ~inside & (spans.session[following] >= 0) & (at + step > spans.begin[following])
    at[early] = spans.begin[following[early]]
    place[early] = following[early]
    return at, place


def bins(at: Micros, place: Micros, to: str, spans: Spans) -> Micros:
    """Return the beginning of each bar's bin, of its time and stretch as `placed` has them."""
    anchor, step = spans.anchor[place], TIMEFRAMES[to] * MICROS
    return anchor + (at - anchor) // step * step
