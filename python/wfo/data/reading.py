"""Files of bars as people have them, read into bar frames."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.data.calendars import calendar_timezone
from wfo.data.checks import CheckReport, calendar_warnings, structure_errors
from wfo.data.columns import NEEDED, is_tradestation, recognise
from wfo.data.frames import PRICES, conform, time_column
from wfo.data.meta import ADJUSTMENTS, Adjust, BarsOrigin
from wfo.data.numerals import find_notation, parse_numerals
from wfo.data.stamps import Stamps, parse_stamps, require_timezone, to_dates, to_datetimes
from wfo.data.tables import Table, read_table
from wfo.data.timeframes import TIMEFRAMES, is_intraday
from wfo.errors import DataError, InputError, did_you_mean

if TYPE_CHECKING:
    import polars as pl


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
    """

    frame: pl.DataFrame
    timeframe: str
    origin: BarsOrigin


def read_bars(
    path: str | Path,
    *,
    timeframe: str = "1day",
    calendar: str = "XNYS",
    timezone: str | None = None,
    adjust: Adjust = "none",
    date_format: str | None = None,
    repair: bool = False,
) -> ImportedBars:
    """Read a CSV or Parquet file of bars and check it.

    Parameters
    ----------
    path
        The file. Columns are found by their headings, whatever their case, blanks, underscores
        or brackets: exports of Yahoo, yfinance, TradeStation, Stooq and MetaTrader and plain
        ``date, open, high, low, close, volume`` are known. Separators are comma, semicolon or
        tab; decimal commas, thousands separators and quotes are understood.
    timeframe
        One of `wfo.data.TIMEFRAMES`.
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
        Order of day, month and year, such as ``"DD/MM/YYYY"`` or ``"%d/%m/%Y"``, for files whose
        dates do not tell.
    repair
        Widen the high and low of bars where they do not include open and close, instead of
        refusing the file.

    Returns
    -------
    ImportedBars
        The bar frame, in ascending order, with notes on what was decided and warnings of what
        looks wrong. Intraday bars are stamped with the time at which they open; the end stamps
        of TradeStation's intraday exports are moved to it.

    Raises
    ------
    DataError
        If the file is not one of bars, a cell is broken, or the bars contradict themselves; the
        message names file, line, column and value. Lines are counted from 1, header included;
        rows of Parquet files from 1.
    InputError
        If an argument is not one of the known values.
    """
    intraday = is_intraday(timeframe)
    zone = calendar_timezone(calendar)
    if timezone is not None:
        zone = require_timezone(timezone)
    if adjust not in ADJUSTMENTS:
        raise InputError(f"unknown adjustment {adjust!r}{did_you_mean(adjust, ADJUSTMENTS)}")

    table = read_table(path)
    positions = _positions(table)
    notes: list[str] = []

    stamp, time = _stamp_columns(positions, intraday=intraday)
    stamps = parse_stamps(table, stamp, time, date_format)
    notes += stamps.notes
    columns = _values(table, positions, notes)

    if _descends(stamps):
        table, stamps = table.reversed(), stamps.reversed()
        columns = {name: cells.reverse() for name, cells in columns.items()}
        notes.append("the file runs from the last bar to the first; the order was reversed")

    if intraday:
        name, times = (
            "datetime",
            _intraday_times(
                table, stamps, timeframe, notes, zone=zone, zone_given=timezone is not None
            ),
        )
    else:
        name, times = "date", to_dates(table, stamps, zone)
    frame = _frame(name, times, columns)

    frame, repaired = _repair(frame, notes) if repair else (frame, 0)
    CheckReport(structure_errors(frame, timeframe, table.rows), ()).raise_errors(
        table.name, advice=None if repair else "repair"
    )
    frame = _adjust(frame, table, adjust, positions, notes)
    warnings = calendar_warnings(frame, timeframe, calendar)
    origin = BarsOrigin(
        source=table.name,
        calendar=calendar,
        timezone=zone if intraday else None,
        adjust=adjust,
        repaired=repaired,
        notes=tuple(notes),
        warnings=warnings,
    )
    return ImportedBars(frame, timeframe, origin)


def _positions(table: Table) -> dict[str, int]:
    """Return the column number of each field, or say what the file lacks."""
    found = recognise(table.headings)
    positions = dict(found.position)
    if found.repeated:
        raise DataError(
            f"{table.name}: the column {found.repeated[0]!r} occurs more than once; "
            "leave one in the file"
        )
    if found.index is not None and not {"date", "datetime", "time"} & positions.keys():
        positions["datetime"] = found.index
    missing = [p for p in PRICES if p not in positions]
    if not {"date", "datetime", "time"} & positions.keys():
        missing.insert(0, "date or datetime")
    if missing:
        columns = ", ".join(repr(h) for h in table.headings[:20])
        raise DataError(
            f"{table.name} has no column for {', '.join(missing)}; columns found: {columns}; "
            f"{NEEDED}"
        )
    if "ticker" in positions:
        tickers = table.columns[positions["ticker"]].drop_nulls().unique().sort().to_list()
        if len(tickers) > 1:
            raise DataError(
                f"{table.name} holds bars of {len(tickers)} symbols "
                f"({', '.join(str(t) for t in tickers[:5])}): split it into one file each"
            )
    return positions


def _stamp_columns(positions: dict[str, int], *, intraday: bool) -> tuple[int, int | None]:
    """Return the numbers of the columns with the stamps and, if apart, the times of day."""
    if "date" in positions and "time" in positions:
        return positions["date"], positions["time"]
    # A file may have both a day and a full stamp; each timeframe prefers its own.
    order = ("datetime", "date", "time") if intraday else ("date", "datetime", "time")
    return next(positions[name] for name in order if name in positions), None


def _values(table: Table, positions: dict[str, int], notes: list[str]) -> dict[str, pl.Series]:
    """Return the price and volume columns as float64."""
    import polars as pl

    priced = [table.columns[positions[p]] for p in PRICES]
    notation = find_notation(priced, table.separator)
    columns: dict[str, pl.Series] = {}
    for name in PRICES:
        column = positions[name]
        values = parse_numerals(table.columns[column], notation)
        # Null where the cell is no number; 'nan' and 'inf' are numbers to the parser only.
        bad = values.is_null() | ~values.is_finite()
        if bad.fill_null(value=True).any():
            raise table.cell_error(column, [int(i) for i in bad.fill_null(value=True).arg_true()])
        columns[name] = values
    if {"up", "down"} <= positions.keys() and "volume" not in positions:
        ticks = [_optional(table, positions[side], notation) for side in ("up", "down")]
        columns["volume"] = (ticks[0] + ticks[1]).alias("volume")
        notes.append("volume is the sum of the columns Up and Down")
    for name in ("volume", "adj_close"):
        if name in positions:
            values = _optional(table, positions[name], notation)
            if values.null_count() < len(values):
                columns[name] = values
    return {name: cells.cast(pl.Float64) for name, cells in columns.items()}


def _optional(table: Table, column: int, notation: str) -> pl.Series:
    """Return a column in which cells may be empty, but not broken."""
    import polars as pl

    cells = table.columns[column]
    values = parse_numerals(cells, "comma" if notation == "comma" else "point")
    empty = cells.is_null()
    if cells.dtype == pl.String:
        empty = empty | (cells.str.strip_chars() == "").fill_null(value=False)
    elif cells.dtype.is_float():
        empty = empty | cells.is_nan().fill_null(value=False)  # pandas writes empty cells as NaN
        values = values.fill_nan(None)
    bad = (values.is_null() | ~values.is_finite().fill_null(value=True)) & ~empty
    if bad.any():
        raise table.cell_error(column, [int(i) for i in bad.arg_true()])
    return values


def _descends(stamps: Stamps) -> bool:
    """Tell whether a file runs from its last bar to its first."""
    import polars as pl

    times = (stamps.wall if stamps.utc is None else stamps.utc).cast(pl.Int64)
    # Read backwards, written times step forward by an hour where clocks were put back.
    allowed = 3_600_000_000 if stamps.utc is None else 0
    return (
        len(times) > 1 and bool(times[0] > times[-1]) and bool((times.diff()[1:] <= allowed).all())
    )


def _intraday_times(
    table: Table,
    stamps: Stamps,
    timeframe: str,
    notes: list[str],
    *,
    zone: str | None,
    zone_given: bool,
) -> pl.Series:
    """Return the times at which intraday bars open."""
    import polars as pl

    if not stamps.has_times:
        raise DataError(
            f"{table.name} has dates without times of day, so its bars cannot be {timeframe}: "
            "give the timeframe 1day or 1week"
        )
    if stamps.utc is None:
        if zone is None:
            raise DataError(
                f"the time stamps of {table.name} carry no offset from UTC: give their time zone, "
                "such as 'America/New_York' or 'UTC'"
            )
        if not zone_given:
            notes.append(f"time stamps carry no offset; read as {zone}, the calendar's time zone")
    times, localised = to_datetimes(table, stamps, zone or "UTC")
    notes += localised
    if not is_tradestation(recognise(table.headings), table.headings):
        return times
    notes.append("time stamps of TradeStation are bar ends; moved back to where each bar opens")
    # The last bar of a session may be cut short: it opens where the one before it ended.
    opens = pl.DataFrame({"end": times}).select(
        pl.max_horizontal(
            pl.col("end") - pl.duration(seconds=TIMEFRAMES[timeframe]),
            pl.when(pl.col("end").shift(1) < pl.col("end")).then(pl.col("end").shift(1)),
        )
    )
    return opens.to_series()


def _frame(name: str, times: pl.Series, columns: dict[str, pl.Series]) -> pl.DataFrame:
    import polars as pl

    return conform(pl.DataFrame({name: times, **columns}))


def _repair(frame: pl.DataFrame, notes: list[str]) -> tuple[pl.DataFrame, int]:
    """Widen highs and lows to include open and close, and count the bars that needed it."""
    import polars as pl

    widened = frame.with_columns(
        high=pl.max_horizontal("open", "high", "close"),
        low=pl.min_horizontal("open", "low", "close"),
    )
    changed = (widened["high"] != frame["high"]) | (widened["low"] != frame["low"])
    count = int(changed.sum())
    if count:
        stamp = time_column(frame)
        first = frame.filter(changed)[stamp][0]
        bars = "1 bar was" if count == 1 else f"{count:,} bars were"
        notes.append(
            f"{bars} repaired: high or low did not include open and close (first: {first})"
        )
    return widened, count


def _adjust(
    frame: pl.DataFrame, table: Table, adjust: Adjust, positions: dict[str, int], notes: list[str]
) -> pl.DataFrame:
    import polars as pl

    if adjust == "none":
        if "adj_close" in frame.columns and (frame["adj_close"] != frame["close"]).any():
            notes.append(
                "the file has an adjusted close that differs from close; prices are kept as "
                "they are (adjust none)"
            )
        return frame
    if "adj_close" not in frame.columns:
        found = ", ".join(repr(h) for h in table.headings[:20])
        raise DataError(
            f"{table.name} cannot be adjusted for splits and dividends: it has no adjusted close "
            f"(columns: {found}); use adjust 'none' or a file that has one"
        )
    adjusted = frame["adj_close"]
    bad = [int(i) for i in (adjusted.is_null() | (adjusted <= 0)).fill_null(value=True).arg_true()]
    if bad:
        why = "is not positive, so the bar cannot be adjusted"
        raise table.cell_error(positions["adj_close"], bad, why)
    # One factor for all four prices: multiplication by it keeps low <= open, close <= high.
    factor = pl.col("adj_close") / pl.col("close")
    return frame.with_columns(pl.col(p) * factor for p in PRICES).drop("adj_close")
