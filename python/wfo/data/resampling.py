"""Longer bars from shorter ones: hours of minutes, days of hours, weeks of days.

Bins are counted from each session's open, as exchanges and vendors count them, never from the
clock: hourly bars of New York begin at 09:30. All arithmetic is on UTC, so that a change of the
clocks neither doubles nor loses a bar.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from wfo.data.calendars import NO_CALENDAR, load_sessions
from wfo.data.findings import count_of, stamp_text
from wfo.data.foreign import polars_frame
from wfo.data.frames import conform, time_column
from wfo.data.spans import MICROS, bins, placed, session_spans
from wfo.data.timeframes import TIMEFRAMES, is_intraday, only_longer, require_timeframe
from wfo.errors import DataError, InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Micros = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Resampled:
    """Longer bars.

    Attributes
    ----------
    frame
        The bar frame. Intraday bars are stamped with the beginning of their bin, days with the
        session's date, weeks with their Monday.
    timeframe
        Its timeframe.
    notes
        What was left out, in sentences.
    """

    frame: pl.DataFrame
    timeframe: str
    notes: tuple[str, ...] = ()


def resample(
    frame: Any,
    base: str,
    to: str,
    *,
    calendar: str = "XNYS",
    complete_to: dt.date | None = None,
) -> Resampled:
    """Make longer bars of shorter ones.

    Parameters
    ----------
    frame
        The bar frame, of Polars, pandas or PyArrow: ascending, without errors (see
        `wfo.data.check_bars`).
    base, to
        Timeframe of `frame`, and the longer one that is wanted.
    calendar
        The exchange calendar whose sessions bins and days are counted from. With ``none``, and for
        days of which the calendar has no facts, a day goes from midnight to midnight in the time
        zone of the frame.
    complete_to
        The last date of which `frame` is known to have all bars that there are. By default the
        last session counts as finished when its bars come as near to its close as is usual.

    Returns
    -------
    Resampled
        The first open, highest high, lowest low, last close of each bin, the sum of the volumes
        that are known (null where none is) and the last adjusted close. Bins begin at the
        session's open and anew after its break; the last one of either may be shorter. Bars
        outside of sessions are in bins of their own, counted back from the next open or on from
        the last close; days and weeks are made of sessions alone. A last day or week that is not
        finished is left out, and `notes` says so.

    Raises
    ------
    InputError
        If `to` is not longer than `base`, or timeframes or calendar are not known.
    DataError
        If the frame does not have the columns that its timeframe needs, or has no rows, or
        nothing is left of it.
    """
    for name in (base, to):
        require_timeframe(name)
    if TIMEFRAMES[to] <= TIMEFRAMES[base]:
        raise InputError(f"{to} bars cannot be made of {base} bars, {only_longer(base)}")
    bars = conform(polars_frame(frame))
    expected = "datetime" if is_intraday(base) else "date"
    if time_column(bars) != expected:
        raise DataError(f"{base} bars need a column {expected!r}, not {time_column(bars)!r}")
    if not bars.height:
        raise DataError("there are no bars to resample: the frame has no rows")
    notes: list[str] = []
    if is_intraday(to):
        found = _to_intraday(bars, base, to, calendar, notes)
    else:
        found = _to_days(bars, base, calendar, complete_to, notes) if is_intraday(base) else bars
        if to == "1week":
            found = _to_weeks(found, calendar, complete_to, notes)
    if not found.height:
        raise DataError(f"no {to} bar can be made of these {base} bars: {'; '.join(notes)}")
    return Resampled(found, to, tuple(notes))


def _to_intraday(
    bars: pl.DataFrame, base: str, to: str, calendar: str, notes: list[str]
) -> pl.DataFrame:
    import numpy as np
    import polars as pl

    spans = session_spans(bars["datetime"], calendar)
    at, place = placed(bars["datetime"], base, spans)
    off = int(np.count_nonzero((at - spans.anchor[place]) % (TIMEFRAMES[base] * MICROS)))
    if off:
        said = count_of(off, "bar begins", "bars begin")
        notes.append(
            f"{said} at no multiple of {base} after the session's open and counts to the bin in "
            "which it begins"
        )
    zone = bars["datetime"].dtype.time_zone  # type: ignore[attr-defined]
    begins = bins(at, place, to, spans)
    stamps = pl.Series("datetime", begins).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return _gather(bars.with_columns(stamps.dt.convert_time_zone(zone)), "datetime")


def _to_days(
    bars: pl.DataFrame,
    base: str,
    calendar: str,
    complete_to: dt.date | None,
    notes: list[str],
) -> pl.DataFrame:
    import numpy as np
    import polars as pl

    spans = session_spans(bars["datetime"], calendar)
    at, place = placed(bars["datetime"], base, spans)
    session = spans.session[place]
    inside = session >= 0
    outside = int(np.count_nonzero(~inside))
    if outside:
        said = count_of(outside, "bar", "bars")
        notes.append(f"{said} outside the sessions of {calendar} left out")
    if not inside.any():
        return bars.head(0).rename({"datetime": "date"}).cast({"date": pl.Date})
    last = int(session[inside][-1])
    dates = spans.dates.gather(pl.Series(session[inside])).alias("date")
    days = _gather(bars.filter(pl.Series(inside)).drop("datetime").insert_column(0, dates), "date")
    if not _finished(at[inside], session[inside], spans.closes, base) and (
        complete_to is None or spans.dates[last] > complete_to
    ):
        end = stamp_text(bars["datetime"][-1])
        notes.append(f"the last day, {spans.dates[last]}, left out: its bars end at {end}")
        days = days.head(-1)
    return days


def _finished(at: Micros, session: Micros, closes: Micros, base: str) -> bool:
    """Tell whether bars come as near to the last session's close as to those of others.

    Some markets rest before the close that the calendar states, and symbols that trade little
    have no bar in the last minutes.
    """
    import numpy as np

    ends = np.flatnonzero(np.diff(session, append=-1) != 0)
    left = closes[session[ends]] - at[ends] - TIMEFRAMES[base] * MICROS
    usual = float(np.median(left[:-1])) if len(left) > 1 else 0.0
    return bool(left[-1] <= max(usual, 0.0))


def _to_weeks(
    days: pl.DataFrame, calendar: str, complete_to: dt.date | None, notes: list[str]
) -> pl.DataFrame:
    import polars as pl

    if not days.height:
        return days
    last: dt.date = days["date"][-1]
    sunday = last + dt.timedelta(days=6 - last.weekday())
    reached = max(last, complete_to) if complete_to is not None else last
    if reached >= sunday:
        due = None
    elif calendar == NO_CALENDAR:
        # Without a calendar, the week ends on the latest weekday that any bar is of.
        end = sunday - dt.timedelta(days=7 - int(days["date"].dt.weekday().max()))  # type: ignore[arg-type]
        due = end if end > reached else None
    else:
        sessions = load_sessions(calendar, reached + dt.timedelta(days=1), sunday)
        after = sessions.frame["session"]
        due = after[-1] if len(after) else None
        if due is None and sessions.last < sunday and last.weekday() < _FRIDAY:
            due = sunday  # beyond the facts of the calendar every day is a session
    monday = pl.col("date").dt.truncate("1w")
    weeks = _gather(days.with_columns(monday), "date")
    if due is not None:
        notes.append(
            f"the last week, from {weeks['date'][-1]}, left out: its bars end on {last}, before "
            f"{due}"
        )
        weeks = weeks.head(-1)
    return weeks


_FRIDAY: Final = 4


def _gather(bars: pl.DataFrame, stamp: str) -> pl.DataFrame:
    """Make one bar of those that share a stamp; they follow each other."""
    import polars as pl

    parts = [
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
    ]
    if "volume" in bars.columns:
        known = pl.col("volume").is_not_null().any()
        parts.append(pl.when(known).then(pl.col("volume").sum()).alias("volume"))
    if "adj_close" in bars.columns:
        parts.append(pl.col("adj_close").last())
    return bars.group_by(stamp, maintain_order=True).agg(parts)
