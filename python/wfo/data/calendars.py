"""Exchange calendars: which days are sessions, and when they open and close.

The facts are those of the ``exchange_calendars`` library; this module only asks it for the
range that a set of bars covers, because by default it looks back no more than 20 years.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from wfo.errors import DataError, InputError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

#: The calendar name that turns all calendar checks off.
NO_CALENDAR: Final = "none"

#: The calendar of markets that never close. It needs no facts, and the library takes half a second
#: and 80 MB to load.
_ALWAYS_OPEN: Final = "24/7"

#: The days that are asked for of a calendar without bounds: the library's nanoseconds reach from
#: 1677 to 2262.
_FIRST_DAY: Final = dt.date(1700, 1, 1)
_LAST_DAY: Final = dt.date(2200, 12, 31)

#: Times of a session, as columns.
_TIMES: Final = ("open", "close", "break_start", "break_end")


@dataclasses.dataclass(frozen=True)
class Sessions:
    """The sessions of one exchange over a range of days.

    Attributes
    ----------
    frame
        One row a session: ``session`` (``pl.Date``), and ``open``, ``close``,
        ``break_start``, ``break_end`` (``pl.Datetime("us", "UTC")``; the breaks null where
        there is none).
    first, last
        The first and last day for which the calendar has facts, within the days asked for;
        `first` is after `last` when it has none.
    timezone
        IANA name of the exchange's time zone.
    """

    frame: pl.DataFrame
    first: dt.date
    last: dt.date
    timezone: str


def calendar_names() -> list[str]:
    """Return the names of the calendars, aliases such as ``NYSE`` and ``none`` included."""
    import exchange_calendars

    return [NO_CALENDAR, *sorted(exchange_calendars.get_calendar_names())]


def require_calendar(name: str) -> str:
    """Return `name` if it is a known calendar or ``none``.

    Raises
    ------
    InputError
        If it is not, with the nearest known name.
    """
    if name in (NO_CALENDAR, _ALWAYS_OPEN):
        return name
    names = calendar_names()
    if name not in names:
        raise InputError(f"unknown calendar {name!r}{did_you_mean(name, names)}")
    return name


def is_same_calendar(one: str, other: str) -> bool:
    """Tell whether two names are of one calendar, as ``NYSE`` and ``XNYS`` are."""
    if one == other:
        return True
    if NO_CALENDAR in (one, other):
        return False
    import exchange_calendars

    known = exchange_calendars.get_calendar_names()
    if one not in known or other not in known:
        return False
    first, second = map(exchange_calendars.resolve_alias, (one, other))
    return bool(first == second)


def calendar_timezone(name: str) -> str | None:
    """Return the IANA name of an exchange's time zone, ``None`` for the calendar ``none``.

    Raises
    ------
    InputError
        If there is no such calendar.
    """
    if require_calendar(name) == NO_CALENDAR:
        return None
    return _facts(name)[0]


def load_sessions(name: str, first: dt.date, last: dt.date) -> Sessions:
    """Return the sessions from `first` to `last`, both included.

    Parameters
    ----------
    name
        A calendar name, not ``none``.
    first, last
        The range of days; it is cut to what the calendar covers (some begin only in the
        1990s, some end with the last published year).

    Raises
    ------
    InputError
        If there is no such calendar.
    DataError
        If the library cannot build it.
    """
    import polars as pl

    require_calendar(name)
    timezone, low, high = _facts(name)
    first, last = max(first, low), min(last, high)
    if first > last:
        utc = pl.Datetime("us", "UTC")
        empty = pl.DataFrame(schema={"session": pl.Date, **dict.fromkeys(_TIMES, utc)})
        return Sessions(empty, first, last, timezone)

    # The library refuses ranges without a session. What it takes for a range depends little on its
    # length, so that many share one of whole decades.
    begin, end = (first - dt.timedelta(days=40)).year, (last + dt.timedelta(days=40)).year
    wide_first = max(low, dt.date(max(begin // 10 * 10, 1), 1, 1))
    wide_last = min(high, dt.date(end // 10 * 10 + 9, 12, 31))
    frame = _schedule(name, wide_first, wide_last)
    return Sessions(frame.filter(pl.col("session").is_between(first, last)), first, last, timezone)


# The library keeps one calendar of a name, and takes some tenths of a second to build another.
@functools.lru_cache(maxsize=16)
def _schedule(name: str, first: dt.date, last: dt.date) -> pl.DataFrame:
    """Return the sessions of whole decades, as `Sessions` has them."""
    import polars as pl

    if name == _ALWAYS_OPEN:
        return _every_day(first, last)
    schedule = _calendar(name, first, last).schedule
    columns = {"session": pl.Series(schedule.index.to_numpy().astype("datetime64[D]"))}
    for column in _TIMES:
        naive = schedule[column].dt.tz_convert(None).to_numpy().astype("datetime64[us]")
        columns[column] = pl.Series(naive).dt.replace_time_zone("UTC")
    return pl.DataFrame(columns)


def _every_day(first: dt.date, last: dt.date) -> pl.DataFrame:
    """Return sessions from midnight to midnight of UTC, as the library has them of ``24/7``."""
    import polars as pl

    days = pl.date_range(first, last, eager=True)
    utc = pl.Datetime("us", "UTC")
    open_ = days.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    none = pl.lit(None, utc)
    return pl.DataFrame({"session": days, "open": open_}).with_columns(
        close=pl.col("open") + pl.duration(days=1), break_start=none, break_end=none
    )


@functools.lru_cache(maxsize=16)
def _facts(name: str) -> tuple[str, dt.date, dt.date]:
    """Return a calendar's time zone and the first and last day that it covers."""
    if name == _ALWAYS_OPEN:
        return "UTC", _FIRST_DAY, _LAST_DAY
    calendar = _calendar(name)
    low, high = calendar.bound_min(), calendar.bound_max()
    return (
        str(calendar.tz),
        _FIRST_DAY if low is None else low.date(),
        _LAST_DAY if high is None else high.date(),
    )


def _calendar(name: str, first: dt.date | None = None, last: dt.date | None = None) -> Any:
    import exchange_calendars

    bounds = {} if first is None or last is None else {"start": str(first), "end": str(last)}
    try:
        with _library_warnings_ignored():
            return exchange_calendars.get_calendar(name, **bounds)
    except (ValueError, NotImplementedError) as error:
        # With pandas 3, exchange_calendars 4.13 cannot build ASEX, XBEL, XBSE, XCYS and XTAE.
        reason = f"{type(error).__name__}: {error}"[:120]
        raise DataError(
            f"the library exchange_calendars cannot build the calendar {name!r} ({reason}): "
            "use the calendar 'none', or another version of the library"
        ) from error


@contextlib.contextmanager
def _library_warnings_ignored() -> Iterator[None]:
    # exchange_calendars 4.13 calls parts of pandas that pandas 3.1 deprecates; that is between
    # the two of them and nothing a user of this package could act on.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield
