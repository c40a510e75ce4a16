"""Whether stamps of intraday bars are ends, opens or in UTC, by the sessions of a calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wfo.data.calendars import NO_CALENDAR, load_sessions
from wfo.data.timeframes import TIMEFRAMES, is_intraday

if TYPE_CHECKING:
    import polars as pl

_DAY: Final = 86_400

#: Of sessions with bars: how many have a bar at their close, and how few one at their open, where
#: stamps look like ends, the other way round where they look like opens; most bars lie in sessions
#: there.
_MOST_END: Final = 0.5
_FEW_OPEN: Final = 0.05
#: Share of the bars outside of sessions where the zone may be wrong.
_MANY_OUTSIDE: Final = 0.2
#: Stamps that are looked at for that, from all over a file.
_ENOUGH: Final = 20_000


def bar_opens(times: pl.Series, timeframe: str) -> pl.Series:
    """Return when intraday bars open that are stamped with the time at which they end.

    Parameters
    ----------
    times
        The ends, ascending.
    timeframe
        One of `wfo.data.TIMEFRAMES`.

    Returns
    -------
    polars.Series
        One length before each end; the last bar of a session may be cut short, and opens where
        the one before it ended.
    """
    import polars as pl

    # Some stamp the last millisecond or second of a bar.
    short = (-times.dt.timestamp("us")) % 60_000_000
    if len(times) and short[0] in {1, 1_000, 1_000_000} and (short == short[0]).all():
        times = times.dt.offset_by(f"{short[0]}us")
    opens = pl.DataFrame({"end": times}).select(
        pl.max_horizontal(
            pl.col("end") - pl.duration(seconds=TIMEFRAMES[timeframe]),
            pl.when(pl.col("end").shift(1) < pl.col("end")).then(pl.col("end").shift(1)),
        )
    )
    return opens.to_series()


def ends_look_likely(times: pl.Series, timeframe: str, calendar: str) -> bool:
    """Tell whether stamps of intraday bars look like the ends of bars.

    They do where sessions have a bar that is stamped with their close, at which none opens, and
    hardly any that is stamped with their open, at which the first one does, or one length behind
    their close, as all have that are in another zone. Markets that trade outside of these sessions
    too, such as currencies around the clock, do not tell.

    Parameters
    ----------
    times
        Zone-aware stamps, ascending.
    timeframe
        One of `wfo.data.TIMEFRAMES`.
    calendar
        A name of `wfo.data.calendar_names`; ``none`` does not tell, nor does a market whose
        sessions follow each other without a pause.
    """
    at_open, at_close, behind = _at_edges(times, timeframe, calendar)
    return at_close > _MOST_END and max(at_open, behind) <= _FEW_OPEN


def opens_look_likely(times: pl.Series, timeframe: str, calendar: str) -> bool:
    """Tell whether stamps of intraday bars look like their opens, as of `ends_look_likely`."""
    at_open, at_close, _ = _at_edges(times, timeframe, calendar)
    return at_open > _MOST_END and at_close <= _FEW_OPEN


def look_like_utc(wall: pl.Series, zone: str, calendar: str) -> bool:
    """Tell whether times lie within the sessions of a calendar in UTC alone, and not in a zone.

    Parameters
    ----------
    wall
        Stamps without a zone.
    zone
        IANA name of the zone in which they are read.
    calendar
        A name of `wfo.data.calendar_names`; ``none`` does not tell.
    """
    if calendar == NO_CALENDAR or zone == "UTC" or not len(wall):
        return False
    wall = wall.gather_every(1 + len(wall) // _ENOUGH)
    shares = []
    for name in (zone, "UTC"):
        times = wall.dt.replace_time_zone(name, ambiguous="earliest", non_existent="null")
        shares.append(_outside(times.drop_nulls().sort(), calendar))
    return shares[0] > _MANY_OUTSIDE and shares[1] <= _FEW_OPEN


def _outside(times: pl.Series, calendar: str) -> float:
    """Return the share of times at which no session runs."""
    import numpy as np

    if not len(times):
        return 0.0
    days = times.dt.convert_time_zone("UTC").dt.date()
    frame = load_sessions(calendar, days[0], days[-1]).frame
    opens, closes = (frame[c].to_physical().to_numpy() for c in ("open", "close"))
    if not len(opens):
        return 1.0
    bars = times.to_physical().to_numpy()
    at = np.searchsorted(opens, bars, side="right") - 1
    return float(((at < 0) | (bars >= closes[at])).mean())


def _at_edges(times: pl.Series, timeframe: str, calendar: str) -> tuple[float, float, float]:
    """Return the shares of sessions with a stamp at their open, their close, and behind it."""
    import numpy as np

    if calendar == NO_CALENDAR or not is_intraday(timeframe) or not len(times):
        return 0.0, 0.0, 0.0
    days = times.dt.date()
    frame = load_sessions(calendar, days[0], days[-1]).frame
    opens, closes = (frame[c].to_physical().to_numpy() for c in ("open", "close"))
    bars = times.to_physical().to_numpy()
    last, first = np.searchsorted(bars, closes, side="right"), np.searchsorted(bars, opens)
    if (last - first).sum() <= _MOST_END * len(bars):
        return 0.0, 0.0, 0.0
    traded = last > first
    opens, closes = opens[traded], closes[traded]
    if not len(opens) or (closes - opens >= _DAY * 1_000_000).any() or np.isin(closes, opens).any():
        return 0.0, 0.0, 0.0
    behind = closes + TIMEFRAMES[timeframe] * 1_000_000
    # Bars ascend, so that a search among them is all that it takes.
    at_open, at_close, at_behind = (
        float((bars[np.minimum(np.searchsorted(bars, edges), len(bars) - 1)] == edges).mean())
        for edges in (opens, closes, behind)
    )
    return at_open, at_close, at_behind
