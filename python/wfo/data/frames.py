"""The bar frame convention: columns, types, and a fingerprint that identifies the bars."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Final, Literal, cast

from wfo.errors import DataError

if TYPE_CHECKING:
    import polars as pl

PRICES: Final = ("open", "high", "low", "close")
OPTIONAL: Final = ("volume", "adj_close")

#: The years in which there are bars: beyond some 10,000 of them types of dates come to their ends.
YEARS: Final = (1600, 2999)


def time_column(frame: pl.DataFrame) -> Literal["date", "datetime"]:
    """Return the name of the column that holds the bars' time stamps.

    Raises
    ------
    DataError
        If the frame has neither ``date`` nor ``datetime``, or both.
    """
    has_date, has_datetime = "date" in frame.columns, "datetime" in frame.columns
    if has_date and has_datetime:
        raise DataError("the bars have both a 'date' and a 'datetime' column: drop one")
    if has_datetime:
        return "datetime"
    if has_date:
        return "date"
    raise DataError(
        f"the bars have neither a 'date' nor a 'datetime' column; columns: {_names(frame)}"
    )


def outside_years(stamps: pl.Series) -> pl.Series:
    """Return where dates or date-times lie outside of `YEARS`; where they are null, they do not.

    The numbers that stand for them are compared, as Python has no dates for all of them.
    """
    import polars as pl

    numbers = stamps.to_physical().cast(pl.Int64)
    first, behind = _limits(stamps)
    return ((numbers < first) | (numbers >= behind)).fill_null(value=False)


def _limits(stamps: pl.Series) -> tuple[int, int]:
    """Return the number of the first stamp within `YEARS`, and of the first one behind them."""
    import polars as pl

    first, last = dt.date(YEARS[0], 1, 1), dt.date(YEARS[1], 12, 31)
    least, most = ((day - dt.date(1970, 1, 1)).days for day in (first, last))
    unit = 1
    if isinstance(stamps.dtype, pl.Datetime):
        unit = 86_400 * {"ms": 10**3, "us": 10**6, "ns": 10**9}[stamps.dtype.time_unit]
    # Of nanoseconds there are fewer years than these.
    limits = [min(max(edge * unit, -(1 << 63) + 1), (1 << 63) - 1) for edge in (least, most + 1)]
    return limits[0], limits[1]


def require_years(stamps: pl.Series) -> None:
    """Raise a `DataError` if a date lies outside of `YEARS`."""
    numbers, (first, behind) = stamps.to_physical(), _limits(stamps)
    least, most = (cast("int | None", edge) for edge in (numbers.min(), numbers.max()))
    # Two numbers tell that none does, in a fraction of the time.
    if least is None or most is None or (first <= least and most < behind):
        return
    bad = outside_years(stamps).arg_true()
    if len(bad):
        raise DataError(
            f"row {bad[0] + 1}, column {stamps.name!r}: a date outside of the years {YEARS[0]} to"
            f" {YEARS[1]}"
        )


def conform(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame in the convention's columns, order and types.

    Parameters
    ----------
    frame
        Bars with ``date`` or zone-aware ``datetime`` and numeric ``open, high, low, close``;
        ``volume`` and ``adj_close`` are kept where present, other columns are dropped.

    Returns
    -------
    polars.DataFrame
        ``date`` (``pl.Date``) or ``datetime`` (``pl.Datetime("us", zone)``), then float64
        columns. Of values only the years are looked at, see `wfo.data.check_bars`.

    Raises
    ------
    DataError
        If a column is missing, its type cannot be used, or a date lies outside of `YEARS`.
    """
    import polars as pl

    stamp = time_column(frame)
    missing = [c for c in PRICES if c not in frame.columns]
    if missing:
        raise DataError(f"the bars have no column {', '.join(missing)}; columns: {_names(frame)}")

    dtype = frame.schema[stamp]
    if stamp == "date":
        if dtype != pl.Date:
            way = ""
            if dtype == pl.String:
                way = "; parse it: pandas.read_csv(…, parse_dates=[…]), .str.to_date() of Polars"
            raise DataError(f"column 'date' must be of type Date, not {dtype}{way}")
        columns = [pl.col("date")]
    else:
        if not isinstance(dtype, pl.Datetime) or dtype.time_zone is None:
            raise DataError(
                f"column 'datetime' must be a Datetime with a time zone, not {dtype}: "
                "use .dt.replace_time_zone(...), or in pandas .tz_localize(...)"
            )
        columns = [pl.col("datetime").cast(pl.Datetime("us", dtype.time_zone))]
    require_years(frame[stamp])
    for name in (*PRICES, *(c for c in OPTIONAL if c in frame.columns)):
        if not frame.schema[name].is_numeric():
            raise DataError(f"column {name!r} must be numeric, not {frame.schema[name]}")
        columns.append(pl.col(name).cast(pl.Float64))
    return frame.select(columns)


def fingerprint(frame: pl.DataFrame) -> str:
    """Return a hash of the bars' time stamps and prices.

    Parameters
    ----------
    frame
        A bar frame of any number of rows.

    Returns
    -------
    str
        SHA-256 in hex over, column by column and little-endian: the time stamps (``date`` as
        int32 days since 1970-01-01, ``datetime`` as int64 microseconds since 1970-01-01 UTC),
        then open, high, low and close as float64. It therefore depends neither on the file
        that the bars came from nor on its encoding, the time zone in which the stamps are
        shown, or any other column.

    Raises
    ------
    DataError
        If the frame is no bar frame, or a time stamp or price is null.
    """
    import polars as pl

    bars = conform(frame)
    stamp = time_column(bars)
    for name in (stamp, *PRICES):
        if bars[name].null_count():
            raise DataError(f"column {name!r} has empty cells, so the bars have no fingerprint")
    digest = hashlib.sha256()
    whole = pl.Int32 if stamp == "date" else pl.Int64
    columns = [(bars[stamp].to_physical().cast(whole), "<i4" if stamp == "date" else "<i8")]
    columns += [(bars[name], "<f8") for name in PRICES]
    for column, kind in columns:
        for chunk in column.get_chunks():  # as it lies in memory, without a copy of a long column
            digest.update(chunk.to_numpy().astype(kind, copy=False).data)
    return digest.hexdigest()


def _names(frame: pl.DataFrame) -> str:
    return ", ".join(frame.columns) or "none"
