"""From a frame of bars to the arrays that engines read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from wfo.data.foreign import polars_frame
from wfo.data.frames import PRICES, conform, time_column
from wfo.errors import DataError
from wfo.settings import LEAST_PRICE, MOST_PRICE

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


#: Share of either symbol's bars that a join may drop unasked.
_MOST_DROPPED = 0.05


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
        If a column is missing, not numeric or has nulls, the stamps do not
        ascend, or a bar is impossible (a price not finite and above 0, an open or close outside
        its bar's range), or a price is outside of what figures can be computed from.
    """
    import numpy as np

    from wfo import _core

    frame = conform(bars)
    stamps = frame[time_column(frame)]
    numbers = stamps.to_physical().to_numpy()
    # In a fraction of the time that Polars' own comparison takes.
    if stamps.null_count() or (numbers[1:] <= numbers[:-1]).any():
        wrong = (stamps <= stamps.shift()).fill_null(value=False) | stamps.is_null()
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
    # Open and close lie between them.
    for column, beyond in (("low", found.low < LEAST_PRICE), ("high", found.high > MOST_PRICE)):
        if beyond.any():
            index = int(beyond.argmax())
            raise DataError(
                f"bar {index} ({stamps[index]}): {column} = {getattr(found, column)[index]:g} is"
                f" outside the prices that backtests compute with, {LEAST_PRICE:g} to"
                f" {MOST_PRICE:g}; quote the bars in another unit"
            )
    return found


@dataclass(frozen=True, slots=True)
class Joined:
    """Bars of two symbols on the dates that both have.

    Attributes
    ----------
    first, second
        The bars, row by row of one date.
    dropped_first, dropped_second
        How many bars only one of them had.
    """

    first: pl.DataFrame
    second: pl.DataFrame
    dropped_first: int
    dropped_second: int

    def to_dict(self) -> dict[str, int]:
        """Return what was dropped, for the manifest."""
        return {"dropped_first": self.dropped_first, "dropped_second": self.dropped_second}


def join_bars(first: Any, second: Any, *, allow_gaps: bool = False) -> Joined:
    """Join the bars of two symbols on their stamps, within the time that both cover.

    Parameters
    ----------
    first, second
        Bars of one length, in one time zone: Polars, pandas or PyArrow frames.
    allow_gaps
        Whether more than 5 % of either's bars may be dropped.

    Returns
    -------
    Joined
        ``first`` and ``second``, row by row of one stamp, as `wfo.sweep` and `wfo.simulate` take
        them as bars and bars2; ``dropped_first`` and ``dropped_second``, how many bars only one
        had.

    Raises
    ------
    DataError
        If the stamps are of different kinds, zones or spacings, nothing is common, or too much
        would be dropped.
    """
    import polars as pl

    first, second = conform(polars_frame(first)), conform(polars_frame(second))
    name = time_column(first)
    if time_column(second) != name:
        raise DataError(
            "the two symbols have bars of different lengths: one has dates, the other date-times"
        )
    zones = [getattr(frame.schema[name], "time_zone", None) for frame in (first, second)]
    if zones[0] != zones[1]:
        raise DataError(
            f"the two symbols are in different time zones, {zones[0]} and {zones[1]};"
            " import one of them with --timezone"
        )
    spacings: list[Any] = [
        frame[name].diff().drop_nulls().mode().min() for frame in (first, second)
    ]
    if None not in spacings and spacings[0] != spacings[1]:
        raise DataError(
            f"the two symbols have bars of different lengths, {spacings[0]!s} and {spacings[1]!s}"
        )
    # What lies outside the common time is a shorter history and no gap.
    if first.is_empty() or second.is_empty():
        raise DataError("one of the two symbols has no bars")
    begin: Any = max(first[name][0], second[name][0])
    end: Any = min(first[name][-1], second[name][-1])
    within = [frame.filter(pl.col(name).is_between(begin, end)) for frame in (first, second)]
    joined = [
        one.join(other.select(name), on=name, how="semi", maintain_order="left")
        for one, other in (within, within[::-1])
    ]
    if joined[0].is_empty():
        raise DataError("the two symbols have no date in common")
    dropped = [len(w) - len(j) for w, j in zip(within, joined, strict=True)]
    for which, lost, kept in zip(("first", "second"), dropped, within, strict=True):
        if lost > _MOST_DROPPED * len(kept) and not allow_gaps:
            raise DataError(
                f"{lost} of the {which} symbol's {len(kept)} bars between {begin} and {end} are on"
                f" dates that the other lacks, more than {_MOST_DROPPED:.0%}; --allow-gaps drops"
                " them all the same, in Python allow_gaps=True"
            )
    return Joined(joined[0], joined[1], *dropped)


def series(frame: pl.DataFrame, name: str, feed: str) -> FloatArray:
    """Return a column of `frame` that is no price, as float64[n].

    Raises
    ------
    DataError
        If it is missing, not numeric, or not finite everywhere.
    """
    import numpy as np
    import polars as pl

    if name not in frame.columns:
        raise DataError(
            f"the feed {feed!r} has no column {name}; columns: {', '.join(frame.columns) or 'none'}"
        )
    if not frame.schema[name].is_numeric():
        raise DataError(f"column {name!r} of {feed!r} must be numeric, not {frame.schema[name]}")
    column = frame[name].cast(pl.Float64)
    wrong = ~column.is_finite().fill_null(value=False)
    if wrong.any():
        index = wrong.arg_true()[0]
        raise DataError(
            f"bar {index} of {feed!r} ({frame[time_column(frame)][index]}): {name} ="
            f" {column[index]} must be a finite number"
        )
    return np.ascontiguousarray(column.to_numpy())


def check_same_stamps(first: pl.DataFrame, second: pl.DataFrame, feed: str = "bars2") -> None:
    """Raise unless two feeds are on the same dates, row by row.

    Raises
    ------
    DataError
        With the first row that differs.
    """
    name = "the second symbol" if feed == "bars2" else f"the feed {feed!r}"
    stamps = [frame[time_column(frame)] for frame in (first, second)]
    if len(stamps[0]) != len(stamps[1]) or stamps[0].dtype != stamps[1].dtype:
        raise DataError(
            f"{name} has {len(stamps[1])} bars ({stamps[1].dtype}), the first"
            f" {len(stamps[0])} ({stamps[0].dtype}); wfo.join_bars puts them on the same dates"
        )
    differ = stamps[0] != stamps[1]
    if differ.any():
        row = differ.arg_true()[0]
        raise DataError(
            f"bar {row} is {stamps[0][row]} for the first symbol and {stamps[1][row]} for"
            f" {name.replace('the second symbol', 'the second')}; wfo.join_bars puts them on the"
            " same dates"
        )


def dates(bars: pl.DataFrame) -> list[dt.date]:
    """Return the date of every bar; of intraday bars the date in their own time zone."""
    return days(bars[time_column(bars)])


def days(stamps: pl.Series) -> list[dt.date]:
    """Return the date of every stamp; of date-times the date in their own time zone."""
    return [d.date() if isinstance(d, dt.datetime) else d for d in stamps.to_list()]


def _dated(message: str, stamps: pl.Series) -> str:
    """Add the stamp to a message that begins with ``bar <index>:``."""
    head, _, rest = message.partition(":")
    word, _, index = head.partition(" ")
    if word == "bar" and index.isdigit():
        return f"bar {index} ({stamps[int(index)]}):{rest}"
    return message
