"""Files of bars as people have them, read into bar frames."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wfo import arguments
from wfo.data.calendars import calendar_timezone
from wfo.data.checks import CheckReport, calendar_warnings, structure_errors
from wfo.data.frames import PRICES, conform
from wfo.data.importing.adjusting import adjusted
from wfo.data.importing.bar_rows import only_bars
from wfo.data.importing.headings.qualifiers import normalise
from wfo.data.importing.headings.recognising import NEEDED
from wfo.data.importing.lengths import find_timeframe
from wfo.data.importing.numbers.values import read_values
from wfo.data.importing.opens import find_opens
from wfo.data.importing.ordering import in_order
from wfo.data.importing.repairing import advice
from wfo.data.importing.repairing import repair as repaired
from wfo.data.importing.tables.reading import read_table
from wfo.data.importing.tables.table import Table
from wfo.data.importing.times.local_times import said_of_dates, to_dates
from wfo.data.importing.times.stamps import Stamps, parse_stamps
from wfo.data.importing.vendors.vendor import STAMPS_AT, StampsAt
from wfo.data.importing.zones import require_timezone
from wfo.data.meta import ADJUSTMENTS, Adjust, BarsOrigin
from wfo.data.row_names import RowNames
from wfo.data.timeframes import is_intraday, require_timeframe
from wfo.errors import DataError, InputError, did_you_mean
from wfo.files.limits import TABLE_COLUMNS
from wfo.text import shown

if TYPE_CHECKING:
    import polars as pl

#: Columns that say AM or PM, as `normalise` leaves their headings.
_HALVES: Final = frozenset({"ampm", "meridiem", "meridian"})


@dataclasses.dataclass(frozen=True)
class ImportedBars:
    """Bars that were read from a file.

    Attributes
    ----------
    frame
        The bar frame.
    timeframe
        The name of the bars' timeframe.
    origin
        Where the bars come from, what was done to them, notes and warnings.
    rows
        What messages call the row of the file that each bar is from, such as ``line 17``.
    written
        The first and last rows as a text has them, by the numbers of their lines; of Parquet none.
    columns
        What each column that was read holds, such as ``open``, to its heading in the file.
    vendor
        Whose file it is; None where nothing in it says so.
    stamps
        Which end of a bar the file stamps, ``"open"`` or ``"close"``; None of daily and weekly
        bars, whose stamps are days.
    doubts
        Those of the warnings that are of the file and not of its bars, such as rows that were
        sorted.
    """

    frame: pl.DataFrame
    timeframe: str
    origin: BarsOrigin
    rows: RowNames = dataclasses.field(repr=False)
    written: Mapping[int, str] = dataclasses.field(repr=False)
    columns: Mapping[str, str]
    vendor: str | None = None
    stamps: StampsAt | None = None
    doubts: tuple[str, ...] = ()


def read_bars(
    path: str | Path,
    *,
    timeframe: str | None = None,
    calendar: str = "XNYS",
    timezone: str | None = None,
    adjust: Adjust = "none",
    date_format: str | None = None,
    stamps: StampsAt | None = None,
    columns: Sequence[str] | None = None,
    repair: bool = False,
) -> ImportedBars:
    """Read a CSV or Parquet file of bars and check it.

    Parameters
    ----------
    path
        The file, packed or not. Columns are found by their headings, or by the shape of their
        cells where a vendor writes none; `wfo docs files-of-vendors` has the table of what is
        known.
    timeframe
        One of `wfo.data.TIMEFRAMES`; found from the distance of the bars when ``None``.
    calendar
        Exchange calendar for the gap check and the default time zone: a name of
        `wfo.data.calendar_names`, such as ``XNYS``, ``24/7``, or ``none``.
    timezone
        IANA name of the zone of intraday stamps that carry no offset, and of the frame's
        ``datetime``; the exchange's zone when ``None``. Of daily bars it only says on which day
        a stamp with an offset falls.
    adjust
        ``"none"`` takes prices as they are. ``"split-and-dividend"`` multiplies open, high, low
        and close by ``adj_close / close`` and leaves volume alone; ``adj_close`` is then dropped.
    date_format
        How dates are written, such as ``"DD/MM/YYYY"`` or ``"%d/%m/%Y"``, and times behind them,
        such as ``"YYYY-MM-DD hh-A"``, for files whose stamps do not tell.
    stamps
        Which end of an intraday bar its stamp is, ``"open"`` or ``"close"``. When ``None`` it is
        the open, but in files of vendors that are known to stamp ends.
    columns
        What each column holds, from the first: ``date``, ``time``, ``datetime``, ``open``,
        ``high``, ``low``, ``close``, ``volume``, ``adj_close``, or ``-`` for one that is not
        read. Found from the file when ``None``.
    repair
        Widen the high and low of bars that miss open or close by up to 5 % of the price, instead
        of refusing the file.

    Returns
    -------
    ImportedBars
        The bar frame, in ascending order, with notes on what was decided and warnings of what
        looks wrong. Intraday bars are stamped with the time at which they open.

    Raises
    ------
    DataError
        If the file is not one of bars, a cell is broken, or the bars contradict themselves; the
        message names file, line, column and value. Lines are counted from 1, header included;
        rows of Parquet files from 1.
    InputError
        If an argument is not one of the known values.
    """
    if timeframe is not None:
        require_timeframe(timeframe)
    calendar_zone = calendar_timezone(calendar)
    if timezone is not None:
        timezone = require_timezone(arguments.text("timezone", timezone))
    if adjust not in ADJUSTMENTS:
        raise InputError(f"unknown adjustment {adjust!r}{did_you_mean(adjust, ADJUSTMENTS)}")
    if date_format is not None:
        arguments.text("date_format", date_format)
    if stamps is not None:
        arguments.one_of("stamps", stamps, STAMPS_AT)
    if columns is not None:
        columns = arguments.items("columns", columns, str, "names", most=TABLE_COLUMNS + 1)
    arguments.flag("repair", repair)

    whole = read_table(path, columns=columns)
    _require_columns(whole)
    table, left_out = only_bars(whole)
    notes = [*table.notes, *table.fields.notes, *left_out]

    how = _How(date_format, calendar, timezone)
    written = how.parse(table, intraday=timeframe is None or is_intraday(timeframe))
    values = read_values(table)
    zone = written.zone or timezone or calendar_zone
    table, written, cells, turned, doubts = in_order(table, written, values.columns, timezone=zone)
    found_length: tuple[str, ...] = ()
    if timeframe is None:
        timeframe, said = how.length(written, whole if left_out else table)
        found_length = (f"{said} (--timeframe if it is another)",)
        if not is_intraday(timeframe) and how.differ(table):
            written = how.parse(table, intraday=False)
    notes += (*written.notes, *values.notes, *turned, *found_length)

    at: StampsAt | None = None
    kept: str | None = None
    if is_intraday(timeframe):
        opens = find_opens(
            table,
            written,
            timeframe,
            calendar,
            timezone=timezone,
            calendar_zone=calendar_zone,
            at=stamps,
        )
        name, times, kept, at = "datetime", opens.times, opens.zone, opens.at
        notes += opens.notes
        doubts += opens.warnings
    else:
        zone = timezone or calendar_zone
        end: StampsAt = stamps or ("close" if table.fields.end else "open")
        name, times = "date", to_dates(table, written, zone, end)
        of_days, doubted = said_of_dates(written, zone)
        notes += of_days
        doubts += doubted
        if end == "close" and times[0] != to_dates(table, written, zone)[0]:
            why = "--stamps close" if stamps else f"the heading {table.fields.end}"
            notes.append(
                f"time stamps are the midnights at which bars end, as {why} says; each bar is of "
                "the day before"
            )
    import polars as pl

    frame = conform(pl.DataFrame({name: times, **cells}))

    widened = 0
    if repair:
        frame, widened, said_of_it = repaired(frame, table.rows)
        notes += said_of_it
    report = CheckReport(structure_errors(frame, timeframe, table.rows), ())
    if report.errors:
        report.raise_errors(table.name, advice=advice(frame))
    unadjusted = None if adjust == "none" else frame["close"]
    frame, of_adjusting = adjusted(frame, table, adjust)
    notes += of_adjusting
    warnings = calendar_warnings(frame, timeframe, calendar, unadjusted=unadjusted)
    origin = BarsOrigin(
        source=table.name,
        calendar=calendar,
        timezone=kept,
        adjust=adjust,
        repaired=widened,
        notes=tuple(notes),
        warnings=(*doubts, *warnings),
    )
    vendor = None if table.vendor is None else table.vendor.name
    return ImportedBars(
        frame, timeframe, origin, table.rows, table.written, _headings(table), vendor, at, doubts
    )


@dataclasses.dataclass(frozen=True)
class _How:
    """How stamps are to be read."""

    date_format: str | None
    calendar: str
    timezone: str | None

    def parse(self, table: Table, *, intraday: bool) -> Stamps:
        stamp, time = _stamp_columns(table, intraday=intraday)
        return parse_stamps(
            table, stamp, time, self.date_format, calendar=self.calendar, timezone=self.timezone
        )

    def length(self, stamps: Stamps, whole: Table) -> tuple[str, str]:
        """Return the length of bars, and a note that says so.

        Rows that are no bars, such as minutes without a trade, tell how far apart bars may be.
        """
        if len(whole.rows.numbers) > len(stamps.wall):
            with contextlib.suppress(DataError):
                return find_timeframe(self.parse(whole, intraday=True), whole.name)
        return find_timeframe(stamps, whole.name)

    def differ(self, table: Table) -> bool:
        """Tell whether daily bars have another column of stamps than shorter ones."""
        return _stamp_columns(table, intraday=True) != _stamp_columns(table, intraday=False)


def _require_columns(table: Table) -> None:
    """Raise if a file lacks a field, has one twice, or bars of several symbols."""
    fields = table.fields
    if fields.repeated:
        raise DataError(
            f"{table.name}: the column {fields.repeated[0]!r} occurs more than once; "
            "leave one in the file, or say which is which with --columns"
        )
    missing = [p for p in PRICES if p not in fields.position]
    stamped = {"date", "datetime", "time"} & fields.position.keys()
    if not stamped and fields.index is None:
        missing.insert(0, "date or datetime")
    if missing:
        columns = ", ".join(repr(h) for h in table.headings[:20])
        raise DataError(
            f"{table.name} has no column for {', '.join(missing)}; columns found: {columns}; "
            f"{NEEDED}; --columns says which is which"
        )
    half = next((h for h in table.headings if normalise(h) in _HALVES), None)
    if half is not None and "time" in fields.position:
        raise DataError(
            f"{table.name} has times of day in two columns, the half of the day in {shown(half)}: "
            "write both into one"
        )
    if "ticker" in fields.position:
        cells = table.columns[fields.position["ticker"]].drop_nulls().unique().sort()
        tickers = [cell for cell in cells.to_list() if str(cell).strip()]
        if len(tickers) > 1:
            raise DataError(
                f"{table.name} holds bars of {len(tickers)} symbols "
                f"({', '.join(str(t) for t in tickers[:5])}): split it into one file each"
            )


def _headings(table: Table) -> dict[str, str]:
    """Return the headings of the columns that were read, in their order in the file."""
    numbers = {number: field for field, number in table.fields.position.items()}
    return {numbers[n]: table.headings[n] for n in sorted(numbers) if n in table.columns}


def _stamp_columns(table: Table, *, intraday: bool) -> tuple[int, int | None]:
    """Return the numbers of the columns with the stamps and, if apart, the times of day."""
    position = table.fields.position
    if "date" in position and "time" in position:
        return position["date"], position["time"]
    # A file may have both a day and a full stamp; each timeframe prefers its own.
    order = ("datetime", "date", "time") if intraday else ("date", "datetime", "time")
    number = next((position[name] for name in order if name in position), table.fields.index)
    assert number is not None  # noqa: S101  # `_require_columns` has seen to it
    return number, None
