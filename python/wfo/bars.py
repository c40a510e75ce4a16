"""From a frame of bars to the arrays that engines read."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from wfo.data.frames import PRICES, conform, time_column
from wfo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


class Prices(NamedTuple):
    """Open, high, low and close of consecutive bars, float64[n] each."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


def prices(bars: pl.DataFrame) -> Prices:
    """Return the price columns of `bars` as arrays.

    Raises
    ------
    DataError
        If it is no Polars frame, a column is missing, not numeric or has nulls, the stamps do not
        ascend, or a bar is impossible (a price not finite and above 0, an open or close outside
        its bar's range).
    """
    import numpy as np
    import polars as pl

    from wfo import _core

    if not isinstance(bars, pl.DataFrame):
        how = "collect() it" if isinstance(bars, pl.LazyFrame) else "polars.from_pandas converts"
        raise DataError(f"bars must be a Polars frame, not {type(bars).__name__}; {how}")
    frame = conform(bars)
    stamps = frame[time_column(frame)]
    wrong = (stamps <= stamps.shift()).fill_null(value=False) | stamps.is_null()
    if wrong.any():
        index = wrong.arg_true()[0]
        before = f" after {stamps[index - 1]}" if index else ""
        raise DataError(
            f"the {stamps.name}s of the bars must ascend, without repeats or nulls;"
            f" bar {index} has {stamps[index]}{before}"
        )
    for column in PRICES:
        series = frame[column]
        if series.null_count():
            index = series.is_null().arg_true()[0]
            raise DataError(
                f"bar {index} ({stamps[index]}): {column} is null, as in"
                f" {series.null_count()} bars; it needs a number"
            )
    found = Prices(*(np.ascontiguousarray(frame[c].to_numpy()) for c in PRICES))
    try:
        _core.check_bars(*found)
    except ValueError as error:
        raise DataError(_dated(str(error), stamps)) from None
    return found


def dates(bars: pl.DataFrame) -> list[dt.date]:
    """Return the date of every bar; of intraday bars the date in their own time zone."""
    return [
        d.date() if isinstance(d, dt.datetime) else d for d in bars[time_column(bars)].to_list()
    ]


def _dated(message: str, stamps: pl.Series) -> str:
    """Add the stamp to a message that begins with ``bar <index>:``."""
    head, _, rest = message.partition(":")
    word, _, index = head.partition(" ")
    if word == "bar" and index.isdigit():
        return f"bar {index} ({stamps[int(index)]}):{rest}"
    return message
