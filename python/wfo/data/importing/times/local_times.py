"""Stamps as the days of daily bars, and as points in time of a zone."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from wfo.data.importing.tables.table import Table
from wfo.data.importing.times.stamps import Stamps
from wfo.data.importing.vendors.vendor import StampsAt
from wfo.data.timeframes import TIMEFRAMES, describe_seconds
from wfo.errors import DataError

if TYPE_CHECKING:
    import polars as pl

#: From here on a time of day is the end of the day: 23:59, 23:59:59.999 and so on.
_DAYS_END: Final = dt.time(23, 59)

#: From here on a time of day may be the midnight of a zone further east.
_EVENING: Final = dt.time(15)


def to_dates(
    table: Table, stamps: Stamps, timezone: str | None, stamped: StampsAt = "open"
) -> pl.Series:
    """Return the days of daily or weekly bars.

    Stamps with an offset, or of a zone that the file names, are dated by the zone in which all of
    them fall on the beginning or the end of a day: as written, else UTC; where neither, as in
    stamps of the session's open, by `timezone`.

    Parameters
    ----------
    table
        The file, for messages.
    stamps
        In ascending order.
    timezone
        IANA name, or None.
    stamped
        Which end of a bar is stamped: a midnight at which a bar closes belongs to the day before.

    Raises
    ------
    DataError
        If several bars fall on one day at different times: then they are intraday bars.
    """
    wall = stamps.wall
    utc = _moments(stamps)
    if utc is not None and not _at_edge(wall):
        if _at_edge(utc.dt.replace_time_zone(None)):
            wall = utc.dt.replace_time_zone(None)
        elif timezone is not None:
            wall = utc.dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    dates = wall.dt.date()
    if stamps.has_times:
        clash = (dates == dates.shift(1)) & (wall != wall.shift(1))
        if clash.any():
            i = int(clash.arg_true()[0])
            steps = wall.diff().dt.total_seconds().drop_nulls().abs()
            usual = int(steps.mode().sort()[0])
            name = next((n for n, s in TIMEFRAMES.items() if s == usual), None)
            advice = f"timeframe {name}" if name else "an intraday timeframe"
            raise DataError(
                f"{table.name}, {table.rows.many([i - 1, i])}: two bars on {dates[i]}, at "
                f"{wall[i - 1]:%H:%M} and {wall[i]:%H:%M}, but daily or weekly bars were asked "
                f"for; bars {describe_seconds(usual)} apart need {advice}"
            )
        if stamped == "close" and _at_midnight(wall):
            return dates.dt.offset_by("-1d")
    return dates


def said_of_dates(stamps: Stamps, timezone: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a note, or a warning, where the days of `to_dates` hang on the zone.

    Parameters
    ----------
    stamps, timezone
        As of `to_dates`.
    """
    utc = _moments(stamps)
    if utc is None or _at_edge(stamps.wall) or _at_edge(utc.dt.replace_time_zone(None)):
        return (), ()
    first = f"such as {stamps.wall[0]}"
    if timezone is not None:
        day = f"each bar is of its day in {timezone} (--timezone if of another's)"
        return (f"time stamps, {first}, begin no day: {day}",), ()
    said = f"time stamps, {first}, begin no day: each bar is of the day that is written"
    if (stamps.wall.dt.time() >= _EVENING).mean() > 0.5:  # type: ignore[operator]
        return (), (f"{said}; if these are the midnights of a zone, give it (--timezone)",)
    return (f"{said} (--timezone if of another's)",), ()


def _moments(stamps: Stamps) -> pl.Series | None:
    """Return stamps with an offset, or in a zone that the file names, in UTC; else None."""
    if stamps.utc is not None or stamps.zone is None or not stamps.has_times:
        return stamps.utc
    found = _localise(stamps.wall, stamps.zone, "earliest")
    return None if found.null_count() else found.dt.convert_time_zone("UTC")


def to_datetimes(table: Table, stamps: Stamps, timezone: str) -> tuple[pl.Series, tuple[str, ...]]:
    """Return the stamps of intraday bars in a time zone, with notes.

    Parameters
    ----------
    table
        The file, for messages.
    stamps
        In ascending order, so that the hour which a change of clocks repeats can be told apart.
    timezone
        IANA name. Stamps without an offset are times in the zone that the file names, else in this
        one; others are converted to it.

    Raises
    ------
    DataError
        If a stamp without an offset does not exist in the zone, because clocks skipped it.
    """
    import polars as pl

    if stamps.utc is not None:
        return stamps.utc.dt.convert_time_zone(timezone), ()
    wall = stamps.wall
    zone = stamps.zone or timezone
    # A pass takes time, and in few files clocks repeat or skip an hour that has bars.
    plain = wall.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    if not plain.null_count():
        return plain.dt.convert_time_zone(timezone), ()
    early = _localise(wall, zone, "earliest")
    if early.null_count():
        bad = int(early.is_null().arg_true()[0])
        raise DataError(
            f"{table.name}, {table.rows.one(bad)}: {wall[bad]} does not exist in "
            f"{zone}, where clocks skipped it: give the time zone of the file's stamps "
            "(--timezone)"
        )
    late = _localise(wall, zone, "latest")
    twice = early != late
    # The second pass through a repeated hour begins where the written time does not advance.
    frame = pl.DataFrame({"early": early, "late": late, "twice": twice, "wall": wall})
    chosen = frame.with_columns(
        day=pl.col("wall").dt.date(),
        back=(pl.col("wall").diff() <= pl.duration()).fill_null(value=False) & pl.col("twice"),
    ).select(
        pl.when(pl.col("twice") & (pl.col("back").cum_sum().over("day") > 0))
        .then(pl.col("late"))
        .otherwise(pl.col("early"))
    )
    note = (
        f"{int(twice.sum()):,} stamps lie in an hour that clocks in {zone} repeat; told apart by "
        "their order"
    )
    return chosen.to_series().dt.convert_time_zone(timezone), (note,)


def repeated_hours(stamps: Stamps, timezone: str | None) -> pl.Series:
    """Return where stamps without an offset lie in an hour that clocks repeat.

    Parameters
    ----------
    stamps
        The stamps, in any order.
    timezone
        IANA name of the zone of stamps that name none, if it is known.
    """
    import polars as pl

    zone = stamps.zone or timezone
    if stamps.utc is not None or not stamps.has_times or zone is None:
        return pl.Series([False]).new_from_index(0, len(stamps.wall))
    twice = _localise(stamps.wall, zone, "earliest") != _localise(stamps.wall, zone, "latest")
    return twice.fill_null(value=False)


def _localise(wall: pl.Series, timezone: str, which: str) -> pl.Series:
    return wall.dt.replace_time_zone(
        timezone,
        ambiguous="earliest" if which == "earliest" else "latest",
        non_existent="null",
    )


def _at_midnight(wall: pl.Series) -> bool:
    return bool((wall.dt.time() == dt.time(0)).all())


def _at_edge(wall: pl.Series) -> bool:
    """Tell whether all stamps are at midnight, or all at the very end of a day."""
    return _at_midnight(wall) or bool((wall.dt.time() >= _DAYS_END).all())
