"""Frames of other libraries as the bar frames of this one.

narwhals tells what a frame is without importing its library. What a stamp means is decided here: a
zone keeps its name, and midnights without a zone are dates.
"""

from __future__ import annotations

import datetime as dt
import decimal
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from wfo.data.importing.headings.recognising import own_stamps, recognise
from wfo.errors import DataError, InputError
from wfo.text import brief

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw
    import polars as pl

#: Fields of a bar frame, as `wfo.data.importing.headings.recognising` calls them.
_STAMPS: Final = ("date", "datetime")
_PRICES: Final = ("open", "high", "low", "close")
_FIELDS: Final = (*_STAMPS, *_PRICES, "volume", "adj_close")

_MICROSECONDS_A_DAY: Final = 86_400_000_000


def polars_frame(frame: Any, name: str = "bars", *, bars: bool = True) -> pl.DataFrame:
    """Return a frame of bars as a Polars one, its columns under the convention's names.

    Parameters
    ----------
    frame
        A Polars, pandas or PyArrow frame. Columns are recognised in any case and under the names
        that vendors use (``Open``, ``Adj Close``). An index of dates becomes the column ``date`` or
        ``datetime``.
    name
        What it is called in messages.
    bars
        Whether it holds bars; of any other series only the stamps are recognised, and its columns
        keep their names.

    Returns
    -------
    polars.DataFrame
        The frame itself where it is one already and its columns have their names.

    Raises
    ------
    DataError
        If it is no frame, or its stamps cannot be read.
    """
    import polars as pl

    if isinstance(frame, pl.DataFrame):
        return _renamed(frame, bars=bars)
    if isinstance(frame, pl.LazyFrame):
        raise DataError(f"{name} must be a frame, not LazyFrame; collect() it")
    import narwhals.stable.v2 as nw

    try:
        found = nw.from_native(frame, eager_only=True)
    except nw.exceptions.NarwhalsError as error:
        raise DataError(f"{name} cannot be read: {error}") from None
    except TypeError:
        raise DataError(
            f"{name} must be a Polars, pandas or PyArrow frame, not {type(frame).__name__}"
        ) from None
    names: list[Any] = list(found.columns)
    if not all(isinstance(each, str) for each in names):
        raise DataError(
            f"the columns of {name} must be texts, not {names[0]!r}; of several symbols' columns"
            " take one symbol's, as in frame.xs('QQQ', axis=1, level=1)"
        )
    columns = []
    for each in names:
        try:
            columns.append(_column(each, found[each]))
        except DataError:
            raise
        # Cells of an object column may be anything, and polars panics on some.
        except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001  # any cell
            said = brief(str(error))
            raise DataError(f"column {each!r} of {name} cannot be read: {said}") from None
    index = nw.maybe_get_index(found)
    # A column whose name may mean a stamp, such as 't' or 'Data', stands behind an index of dates.
    if index is not None and not own_stamps(names):
        stamps = _index_column(index)
        if stamps is not None:
            columns.insert(0, stamps)
    return _restamped(_renamed(pl.DataFrame(columns), bars=bars))


def stamp_list(dates: Any) -> list[Any]:
    """Return a column of dates or date-times as a list of Python's.

    Parameters
    ----------
    dates
        A list, a Polars or pandas series or index, a PyArrow array, or a NumPy one.

    Raises
    ------
    InputError
        If it is nothing to go through.
    """
    iterable = isinstance(dates, Iterable) and not isinstance(dates, str | bytes | Mapping)
    if not iterable:
        raise InputError(f"dates must be a column of dates, not {brief(dates)}")
    if hasattr(dates, "to_pylist"):
        return list(dates.to_pylist())
    kind = getattr(getattr(dates, "dtype", None), "kind", "")
    if kind == "M" and not hasattr(dates, "iloc") and not hasattr(dates, "tz"):
        # Of nanoseconds NumPy makes integers.
        return list(dates.astype("datetime64[us]").tolist())
    try:
        return list(dates)
    except Exception:  # noqa: BLE001  # of an array in no dimension, and of foreign types
        raise InputError(f"dates must be a column of dates, not {brief(dates)}") from None


def _renamed(frame: pl.DataFrame, *, bars: bool) -> pl.DataFrame:
    """Give the columns the names of the convention, unless they have them."""
    fields = _FIELDS if bars else _STAMPS
    stamped = any(name in frame.columns for name in _STAMPS)
    if stamped and (not bars or all(name in frame.columns for name in _PRICES)):
        return frame
    found = recognise(frame.columns).position
    return frame.rename(
        {
            frame.columns[at]: field
            for field, at in found.items()
            if field in fields and field not in frame.columns
        }
    )


def _restamped(frame: pl.DataFrame) -> pl.DataFrame:
    """Call the column of stamps by what is in it: other libraries have no type for dates alone."""
    import polars as pl

    present = [n for n in _STAMPS if n in frame.columns]
    if len(present) != 1:
        return frame
    (name,) = present
    if frame.schema[name] == pl.Date:
        return frame.rename({name: "date"})
    return frame.rename({name: "datetime"}) if frame.schema[name] == pl.Datetime else frame


def _column(name: str, series: nw.Series[Any]) -> pl.Series:
    """Return a column; stamps as dates or zoned date-times, numbers as they are."""
    import narwhals.stable.v2 as nw
    import polars as pl

    dtype = series.dtype
    if isinstance(dtype, nw.Datetime):
        return _stamps(name, series, dtype.time_zone)
    if dtype == nw.Date:
        return pl.Series(name, series.to_list(), dtype=pl.Date)
    if dtype.is_numeric():
        # Missing numbers of any library become nulls.
        missing = series.is_null()
        values = pl.Series(name, series.cast(nw.Float64).to_numpy(), dtype=pl.Float64)
        return values.set(pl.Series(missing.to_list()), None) if missing.any() else values
    objects: list[Any] = series.to_list()
    present = [v for v in objects if isinstance(v, dt.date)]
    if present and all(isinstance(v, dt.datetime) for v in present):
        return _moments(name, objects)
    if present:
        days = [v if isinstance(v, dt.date) else None for v in objects]
        return pl.Series(name, days, dtype=pl.Date)
    # Of a Decimal that is no number polars makes a panic, which is printed.
    numbers = [
        float(v) if isinstance(v, decimal.Decimal) and not v.is_finite() else v for v in objects
    ]
    return pl.Series(name, numbers, strict=False)


def _stamps(name: str, series: nw.Series[Any], zone: str | None) -> pl.Series:
    """Return date-times as they are in their zone; whole days without a zone as dates."""
    import polars as pl

    moments = series if zone is None else series.dt.convert_time_zone("UTC")
    counts: list[Any] = moments.dt.timestamp("us").to_list()
    if series.is_null().any():
        # A missing one turns the others into floats, which hold microseconds exactly until 2255.
        missing = series.is_null().to_list()
        counts = [None if gone else int(n) for n, gone in zip(counts, missing, strict=True)]
    stamps = pl.Series(name, counts, dtype=pl.Int64)
    if zone is None:
        return _without_zone(stamps)
    return stamps.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(_zone(zone))


def _without_zone(microseconds: pl.Series) -> pl.Series:
    import polars as pl

    if not (microseconds % _MICROSECONDS_A_DAY != 0).any():
        return (microseconds // _MICROSECONDS_A_DAY).cast(pl.Int32).cast(pl.Date)
    return microseconds.cast(pl.Datetime("us"))


def _moments(name: str, values: Sequence[Any]) -> pl.Series:
    """Return a column of Python's date-times."""
    import polars as pl

    present = [v for v in values if isinstance(v, dt.datetime)]
    zones = {_name_of(v.tzinfo) for v in present}
    if len(zones) > 1:
        raise DataError(
            f"column {name!r} has stamps of several time zones: {sorted(map(str, zones))}"
        )
    (zone,) = zones
    origin = dt.datetime(1970, 1, 1, tzinfo=None if zone is None else dt.UTC)
    step = dt.timedelta(microseconds=1)
    counts = [(v - origin) // step if isinstance(v, dt.datetime) else None for v in values]
    stamps = pl.Series(name, counts, dtype=pl.Int64)
    if zone is None:
        return _without_zone(stamps)
    return stamps.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(_zone(zone))


def _name_of(zone: dt.tzinfo | None) -> str | None:
    """Return the name of a zone, as its library keeps it."""
    if zone is None:
        return None
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    return str(name) if name else str(zone)


def _zone(name: str) -> str:
    """Return the zone's name in the database of time zones.

    Raises
    ------
    DataError
        If it has none there.
    """
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    else:
        return name
    hours = _whole_hours(name)
    if hours is not None:
        # The database counts them westwards.
        return "UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"
    raise DataError(
        f"the bars' time zone {name!r} is not in the database of time zones; convert the stamps to"
        " one that is, such as 'America/New_York'"
    )


def _whole_hours(name: str) -> int | None:
    """Return the hours that a fixed offset such as ``UTC-05:00`` lies east of UTC."""
    text = name.removeprefix("UTC").removeprefix("GMT")
    if text == "":
        return 0
    sign, digits = text[0], text[1:].replace(":", "")
    if sign not in "+-" or not digits.isdigit() or len(digits) not in {2, 4}:
        return None
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    return None if minutes or hours > 14 else (hours if sign == "+" else -hours)


def _index_column(index: Any) -> pl.Series | None:
    """Return the index as a column of stamps, None if it is none."""
    import narwhals.stable.v2 as nw
    import polars as pl

    if hasattr(index, "levels"):
        raise DataError(
            "the bars have an index of several levels; take one symbol's rows, or reset_index()"
        )
    if type(index).__name__ == "PeriodIndex":
        index = index.to_timestamp()
    series = nw.from_native(index.to_series(), series_only=True)
    column = _column("date", series)
    if isinstance(column.dtype, pl.Date | pl.Datetime):
        return column
    # Under a heading that says so, what are no stamps are an error and not an index to pass over.
    heading = str(getattr(index, "name", None) or "")
    return column if own_stamps([heading]) else None
