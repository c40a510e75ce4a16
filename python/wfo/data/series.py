"""The series that a store keeps: bars, mark prices and funding rates."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from wfo.data.checks import structure_errors
from wfo.data.frames import OPTIONAL, PRICES, conform, fingerprint, require_years
from wfo.data.sources.source import SERIES, SeriesKind
from wfo.data.timeframes import require_timeframe
from wfo.errors import DataError, InputError, did_you_mean
from wfo.text import brief

if TYPE_CHECKING:
    import polars as pl

#: Funding rates come when they are due; this stands where a timeframe is named.
FUNDING_TIMEFRAME: Final = "1hour"
#: Funding rates are fractions of a position's value. The largest caps are a few percent.
_LARGEST_RATE: Final = 1.0


#: The columns that any of them has.
SERIES_COLUMNS: Final = ("date", "datetime", *PRICES, *OPTIONAL, "funding_rate")


def require_series(name: str) -> SeriesKind:
    """Return `name` if it is a known series.

    Raises
    ------
    InputError
        If it is not, with the nearest known name.
    """
    found = next((s for s in SERIES if isinstance(name, str) and s == name), None)
    if found is None:
        raise InputError(f"unknown series {brief(name)}{did_you_mean(name, SERIES)}")
    return found


def series_timeframe(series: SeriesKind, timeframe: str) -> str:
    """Return the timeframe under which a series is kept: of funding rates always the same.

    Raises
    ------
    InputError
        If the timeframe is not known.
    """
    require_timeframe(timeframe)
    return FUNDING_TIMEFRAME if series == "funding" else timeframe


def conform_series(frame: pl.DataFrame, series: SeriesKind) -> pl.DataFrame:
    """Return a frame in the columns, order and types of its series.

    Parameters
    ----------
    frame
        Of bars and mark prices what `wfo.data.conform` takes; of funding rates a zone-aware
        ``datetime`` and a numeric ``funding_rate``. It may have no rows.

    Returns
    -------
    polars.DataFrame
        A bar frame, or ``datetime`` (``pl.Datetime("us", "UTC")``) and ``funding_rate``
        (float64, a fraction of the position's value).

    Raises
    ------
    DataError
        If a column is missing or its type cannot be used.
    """
    import polars as pl

    if series != "funding":
        return conform(frame)
    missing = [c for c in ("datetime", "funding_rate") if c not in frame.columns]
    if missing:
        raise DataError(
            f"the funding rates have no column {', '.join(missing)}; columns: "
            f"{', '.join(frame.columns) or 'none'}"
        )
    dtype = frame.schema["datetime"]
    if not isinstance(dtype, pl.Datetime) or dtype.time_zone is None:
        raise DataError(f"column 'datetime' must be a Datetime with a time zone, not {dtype}")
    if not frame.schema["funding_rate"].is_numeric():
        raise DataError(
            f"column 'funding_rate' must be numeric, not {frame.schema['funding_rate']}"
        )
    require_years(frame["datetime"])
    return frame.select(
        pl.col("datetime").dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC")),
        pl.col("funding_rate").cast(pl.Float64),
    )


def series_fingerprint(frame: pl.DataFrame, series: SeriesKind) -> str:
    """Return a hash of a series' time stamps and values.

    Parameters
    ----------
    frame
        A frame of the series, of any number of rows.

    Returns
    -------
    str
        Of bars and mark prices `wfo.data.fingerprint`; of funding rates SHA-256 in hex over the
        time stamps as int64 microseconds since 1970-01-01 UTC and the rates as float64,
        little-endian.

    Raises
    ------
    DataError
        If a column is missing, or a value null.
    """
    if series != "funding":
        return fingerprint(frame)
    rates = conform_series(frame, series)
    for name in rates.columns:
        if rates[name].null_count():
            raise DataError(f"column {name!r} has empty cells, so there is no fingerprint")
    digest = hashlib.sha256()
    digest.update(rates["datetime"].to_physical().to_numpy().astype("<i8").tobytes())
    digest.update(rates["funding_rate"].to_numpy().astype("<f8").tobytes())
    return digest.hexdigest()


def series_errors(
    frame: pl.DataFrame, series: SeriesKind, timeframe: str, *, spacing: bool = True
) -> tuple[str, ...]:
    """Return what is wrong with a conforming frame in itself.

    Parameters
    ----------
    frame
        What `conform_series` returned.
    series, timeframe
        What it holds.
    spacing
        Whether bars must mostly be `timeframe` apart. A file may hold bars of another length
        than was said; a source answers for the length that was asked, and bars of what trades
        seldom are mostly further apart.
    """
    if series != "funding":
        return structure_errors(frame, timeframe, spacing=spacing)
    errors = [f"column {n!r} has empty cells" for n in frame.columns if frame[n].null_count()]
    if errors:
        return tuple(errors)
    rates, stamps = frame["funding_rate"], frame["datetime"]
    odd = rates.filter(~(rates.abs() < _LARGEST_RATE))
    if len(odd):
        errors.append(f"column 'funding_rate': {odd[0]!r} is no fraction of a position's value")
    back = stamps.filter((stamps <= stamps.shift(1)).fill_null(value=False))
    if len(back):
        errors.append(f"{back[0]} does not come after the stamp before it")
    return tuple(errors)
