"""Stamps that are numbers: counts from the epoch, and days of a spreadsheet."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from wfo.data.importing.tables.table import Table

if TYPE_CHECKING:
    import polars as pl

_DIGITS: Final = r"^-?[0-9]+(\.[0-9]+)?$"

#: Epoch values below this (1973 in seconds) are taken for something that is not a time.
_SMALLEST_EPOCH: Final = 100_000_000

#: Days of a spreadsheet: from 1954 to 2119, as text and as numbers.
_SERIAL: Final = r"^[2-7][0-9]{4}(?:[.,][0-9]+)?$"
_SERIALS: Final = (20_000, 80_000)
#: The day 0 of spreadsheets that take 1900 for a leap year, for dates after its February.
_SERIAL_ZERO: Final = dt.datetime(1899, 12, 30)  # noqa: DTZ001  # dates, of no zone


def epoch_micros(table: Table, column: int, text: pl.Series) -> pl.Series | None:
    """Return microseconds since 1970-01-01 UTC of counts from it; None where cells are no numbers.

    Seconds, milliseconds, microseconds and nanoseconds are told apart by size, cell by cell.

    Raises
    ------
    DataError
        If a number is too small or too large to be a count.
    """
    import polars as pl

    whole = text.cast(pl.Int64, strict=False)
    if whole.null_count():
        if not text.str.contains(_DIGITS).all():
            return None
        return _with_fractions(table, column, text)
    if not text.head(1).str.contains(_DIGITS).all():
        return None
    size = whole.abs()
    _require(table, column, size >= _SMALLEST_EPOCH)
    return _scaled(whole, size, whole * 1_000_000)


def _with_fractions(table: Table, column: int, text: pl.Series) -> pl.Series:
    import polars as pl

    count = text.cast(pl.Float64)
    size = count.abs()
    _require(table, column, (size >= _SMALLEST_EPOCH) & (size <= 1e19))
    whole = text.str.extract(r"^(-?[0-9]+)").cast(pl.Int64, strict=False)
    micros = _scaled(whole, size, (count * 1e6).round().cast(pl.Int64, strict=False))
    _require(table, column, micros.is_not_null())
    return micros


def _scaled(whole: pl.Series, size: pl.Series, of_seconds: pl.Series) -> pl.Series:
    """Return microseconds; seconds reach 1e11 in the year 5138, milliseconds pass it in 1973."""
    import polars as pl

    if (size < 1e11).all():
        return of_seconds
    if ((size >= 1e11) & (size < 1e14)).all():
        return whole * 1_000
    return (
        pl.DataFrame({"n": whole, "s": size, "of_seconds": of_seconds})
        .select(
            pl.when(pl.col("s") < 1e11)
            .then("of_seconds")
            .when(pl.col("s") < 1e14)
            .then(pl.col("n") * 1_000)
            .when(pl.col("s") < 1e17)
            .then(pl.col("n"))
            .otherwise(pl.col("n") // 1_000)
        )
        .to_series()
    )


def _require(table: Table, column: int, good: pl.Series) -> None:
    if not good.all():
        bad = (~good).fill_null(value=True).arg_true().to_list()
        raise table.cell_error(column, bad, "is neither a date nor a count from the epoch")


def serial_stamps(text: pl.Series) -> tuple[pl.Series, bool] | None:
    """Return stamps of days as spreadsheets count them, and whether they have times of day.

    Times are fractions of a day, to the second; to the minute where they have four decimals only,
    which are 9 seconds apart. None where the texts are no such numbers.
    """
    import polars as pl

    if not text.head(1).str.contains(_SERIAL).all() or not text.str.contains(_SERIAL).all():
        return None
    numbers = text.str.replace(",", ".", literal=True).cast(pl.Float64)
    decimals = text.str.extract(r"[.,]([0-9]+)$").str.len_chars().max() or 0
    step = 60 if decimals == 4 else 1
    seconds = (numbers * (86_400 / step)).round().cast(pl.Int64) * step
    wall = (seconds * 1_000_000).cast(pl.Duration("us")) + _SERIAL_ZERO
    return wall.cast(pl.Datetime("us")), bool((seconds % 86_400 != 0).any())


def texts_of(cells: pl.Series) -> pl.Series:
    """Return cells as text: floating-point numbers without a fraction, but for days with times."""
    import polars as pl

    if cells.dtype.is_float() and not cells.is_between(*_SERIALS, closed="left").all():
        cells = cells.cast(pl.Int64, strict=False)
    return cells.cast(pl.String).fill_null("")
