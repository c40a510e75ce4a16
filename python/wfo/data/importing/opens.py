"""When each intraday bar opens: the zone of its stamp, and which end of the bar that is."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from wfo.data.importing.ends import (
    bar_opens,
    ends_look_likely,
    look_like_utc,
    opens_look_likely,
)
from wfo.data.importing.headings.qualifiers import normalise
from wfo.data.importing.tables.table import Table
from wfo.data.importing.times.local_times import to_datetimes
from wfo.data.importing.times.stamps import Stamps
from wfo.data.importing.vendors.vendor import StampsAt
from wfo.errors import DataError
from wfo.text import shown

if TYPE_CHECKING:
    import polars as pl

#: Columns that may say the zone of stamps, as `normalise` leaves their headings.
_ZONE_HEADINGS: Final = frozenset(
    {"timezone", "tz", "zone", "tzone", "utcoffset", "gmtoffset", "timezoneoffset", "tzoffset"}
)


@dataclasses.dataclass(frozen=True)
class Opens:
    """The times at which intraday bars open.

    Attributes
    ----------
    times
        ``pl.Datetime("us", zone)``.
    zone
        The zone that was asked for, the calendar's, or that of the stamps; None where stamps
        carry offsets and nothing else names a zone: then they are kept in UTC.
    at
        Which end of a bar the file stamps.
    notes
        What was assumed of the zone and the end.
    warnings
        What speaks against it.
    """

    times: pl.Series
    zone: str | None
    at: StampsAt
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def find_opens(
    table: Table,
    stamps: Stamps,
    timeframe: str,
    calendar: str,
    *,
    timezone: str | None,
    calendar_zone: str | None,
    at: StampsAt | None,
) -> Opens:
    """Return when each bar opens.

    Parameters
    ----------
    table
        The file, for messages and for whose it is.
    stamps
        In ascending order.
    timeframe
        The length of the bars, below a day.
    calendar
        Of which exchange the sessions are that the stamps are compared with.
    timezone
        The zone that was asked for; None where none was.
    calendar_zone
        The zone of the calendar; None where it has none.
    at
        Which end of a bar is stamped; found from the heading, or whose file it is, when None.

    Raises
    ------
    DataError
        If the stamps have no times of day, or are of no zone that is known.
    """
    if not stamps.has_times:
        raise DataError(
            f"{table.name} has dates without times of day, so its bars cannot be {timeframe}: "
            "give the timeframe 1day or 1week (--timeframe)"
        )
    written = "UTC" if stamps.utc is not None else stamps.zone or timezone or calendar_zone
    if written is None:
        raise DataError(
            f"the time stamps of {table.name} carry no offset from UTC: give their time zone, "
            "such as 'America/New_York' or 'UTC' (--timezone)"
        )
    notes: list[str] = []
    if stamps.utc is None and stamps.zone is None and timezone is None:
        notes.append(
            f"time stamps carry no offset; read as {written}, the calendar's time zone (--timezone "
            "if they are of another)"
        )
    warnings = _of_zone_columns(table, written) if notes else []
    if notes and look_like_utc(stamps.wall, written, calendar):
        warnings.append(
            f"the stamps look like UTC: in {written} many lie outside of the sessions of {calendar}"
            ", in UTC hardly any; if so, import with --timezone UTC"
        )
    times, localised = to_datetimes(table, stamps, written)
    kept = timezone or calendar_zone or (written if stamps.utc is None else None)
    times = times.dt.convert_time_zone(kept or "UTC")
    notes += localised
    vendor = table.vendor
    end = table.fields.end
    found = at or ("close" if end else "open" if vendor is None else vendor.stamps)
    if found == "close":
        if at is not None:
            said = "time stamps are bar ends, as --stamps close says"
        elif end:
            said = f"time stamps are bar ends, as the heading {end} says"
        else:
            said = f"time stamps of {'' if vendor is None else vendor.name} are bar ends"
        more = "" if at is not None else " (--stamps open if they are opens)"
        notes.append(f"{said}; moved back to where each bar opens{more}")
        if at is None and opens_look_likely(times, timeframe, calendar):
            warnings.append(
                f"the stamps look like bar opens: sessions of {calendar} have one at the open and "
                "none at the close; if they are, import with --stamps open"
            )
        return Opens(bar_opens(times, timeframe), kept, found, tuple(notes), tuple(warnings))
    if at is None:
        whose = "" if vendor is None else f" of {vendor.name}"
        notes.append(
            f"time stamps{whose} are taken for the times at which bars open (--stamps close if "
            "they are bar ends)"
        )
        if ends_look_likely(times, timeframe, calendar):
            warnings.append(
                f"the stamps look like bar ends: sessions of {calendar} have one at the close and "
                "none at the open; if they are, import with --stamps close"
            )
    return Opens(times, kept, found, tuple(notes), tuple(warnings))


def _of_zone_columns(table: Table, written: str) -> list[str]:
    """Return a warning for a column that is not read and may say another zone than is assumed."""
    found = [heading for heading in table.headings if normalise(heading) in _ZONE_HEADINGS]
    if not found:
        return []
    said = f"the column {shown(found[0])} is not read: if it says another zone than {written}"
    return [f"{said}, give it (--timezone)"]
