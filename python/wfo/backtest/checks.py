"""What callers give, checked before an engine sees it: positions, threads, labels, settings."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.arguments import whole
from wfo.errors import InputError
from wfo.strategy.value import lookback_on, reads_higher_bars
from wfo.text import brief
from wfo.windows import LEAST_WARMUP

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from wfo.grid import Grid
    from wfo.strategy import Strategy

#: The index of a bar, or a date: then the first bar on or after it.
BarOrDate = int | dt.date | str

#: First trading bar, first out-of-sample bar, one past the last bar.
Bounds = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What each bar is called, as a number from 0 to `count` - 1.

    Attributes
    ----------
    codes
        int64[n], one a bar of the history.
    count
        How many labels there are.
    """

    codes: NDArray[np.int64]
    count: int

    def until(self, end: int) -> Labels:
        """Return the labels of the bars before `end`."""
        return Labels(self.codes[:end], self.count)


def available_threads() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(threads: int | None) -> int:
    """Return `threads`, or one for each core where it is None.

    Raises
    ------
    InputError
        If it is no number of threads.
    """
    if threads is None:
        return available_threads()
    number = whole(threads)
    if number is None or not 1 <= number <= 1024:
        raise InputError(f"threads = {brief(threads)} must be a whole number from 1 to 1024")
    return number


def bar_index(name: str, value: object, stamps: pl.Series) -> int:
    """Return the index of a bar that is given by its index or by a date.

    Parameters
    ----------
    name
        What it is called in messages.
    value
        An index, or a ``date``, ``datetime`` or their ISO text: then it is the first bar on or
        after it. A date begins at midnight in the bars' time zone, and a ``datetime`` without a
        zone is one in theirs.
    stamps
        The bars' stamps, ascending.

    Raises
    ------
    InputError
        If it is neither.
    """
    index = whole(value)
    if index is not None:
        return index
    moment = _moment(value)
    if moment is None:
        raise InputError(
            f"{name} = {brief(value)} must be a whole number, the index of a bar, or a date such as"
            " '2020-01-31'"
        )
    return first_on_or_after(moment, stamps)


def first_on_or_after(moment: dt.datetime, stamps: pl.Series) -> int:
    """Return the index of the first bar whose stamp is not before `moment`; n if there is none."""
    import polars as pl

    zone = getattr(stamps.dtype, "time_zone", None)
    if zone is None:
        # Bars of whole days begin at midnight, wherever they are.
        local = stamps.cast(pl.Datetime("us"))
        moment = moment.replace(tzinfo=None)
    elif moment.tzinfo is None:
        local = stamps.dt.replace_time_zone(None)
    else:
        local = stamps.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return int((local < moment).sum())


def _moment(value: object) -> dt.datetime | None:
    """Return the moment that a date, a date-time or its text stands for; None for anything else."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    elif not isinstance(value, dt.date) and hasattr(value, "astype"):
        # NumPy's moments know whether they are dates; of nanoseconds no date-time is made.
        if getattr(getattr(value, "dtype", None), "kind", "") != "M":
            return None
        if getattr(value, "ndim", 0):
            return None
        value = value.astype("datetime64[us]").item()
    if isinstance(value, dt.datetime):
        if value != value:  # noqa: PLR0124  # pandas' missing date-time, as a NaN is
            return None
        # A subclass, as pandas has one, goes by other rules.
        return dt.datetime(
            *value.timetuple()[:6], value.microsecond, tzinfo=value.tzinfo, fold=value.fold
        )
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001  # the bars' zone
    return None


def checked_bounds(
    split: int,
    warmup: int | None,
    need: int,
    bars: int,
    end: int | None = None,
    stamps: pl.Series | None = None,
) -> Bounds:
    """Check the positions of one phase before an engine sees them.

    Parameters
    ----------
    split, warmup, end
        First out-of-sample bar, first trading bar, by default 100 or `need` if that is more, and
        one past the last bar, by default `bars`.
    need
        The longest lookback, in bars.
    bars
        How many there are.
    stamps
        Their dates, for messages.

    Raises
    ------
    InputError
        If a part has no bars, or the warm-up is shorter than `need`.
    """
    end = bars if end is None else end
    if warmup is None:
        warmup = max(LEAST_WARMUP, need)
    if warmup < need:  # [I6]
        raise InputError(
            f"warmup = {warmup} is shorter than the longest lookback; it needs at least {need}"
        )
    if not warmup < split < end <= bars:
        dated = ""
        if stamps is not None and warmup < bars:
            dated = f"; trading begins on {stamps[warmup]}, and the last bar is {stamps[-1]}"
        raise InputError(
            "a phase needs warmup < split < end <= bars,"
            f" not warmup = {warmup}, split = {split}, end = {end}, bars = {bars}{dated}"
        )
    return warmup, split, end


def check_grid(strategy: Strategy, grid: Grid) -> None:
    """Raise unless a grid is one of the strategy, and not of another one of its name.

    Raises
    ------
    InputError
        If it is not.
    """
    if grid.strategy.name != strategy.name:
        raise InputError(f"the grid is one of {grid.strategy.name}, not of {strategy.name}")
    if grid.strategy != strategy:
        raise InputError(
            f"the grid is one of another strategy called {strategy.name}; make it with"
            " Grid(values, strategy=…) of this one"
        )


def need_of(grid: Grid, feeds: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the longest lookback of a grid on bars that are known, in bars."""
    if not reads_higher_bars(grid.strategy):
        return grid.need
    return lookback_on(grid.strategy, grid.values, feeds)


def checked_labels(labels: Any, bars: int, first: int) -> Labels | None:
    """Return labels as numbers, one a bar.

    Parameters
    ----------
    labels
        Whole numbers from 0 on, one a bar of the history; what stands before the first trading bar
        is not looked at.
    bars
        How many bars there are.
    first
        The first trading bar of all phases.

    Raises
    ------
    InputError
        If there is not one a bar, or a trading bar has another label.
    """
    if labels is None:
        return None
    import numpy as np

    try:
        given = np.asarray(labels)
    except ValueError:
        # Of lists of unequal lengths NumPy makes nothing.
        raise InputError(f"labels must be one whole number a bar, {bars} of them") from None
    if given.shape != (bars,):
        raise InputError(f"labels must be one a bar, {bars} of them, not of shape {given.shape}")
    if given.dtype.kind not in "iub" or given.dtype == np.bool_:
        raise InputError(f"labels must be whole numbers from 0 on, not {given.dtype}")
    wrong = first + np.flatnonzero((given[first:] < 0) | (given[first:] >= bars))
    if wrong.size:
        raise InputError(
            f"labels[{wrong[0]}] = {given[wrong[0]]} must be a whole number from 0 on, below the"
            f" {bars} bars"
        )
    codes = np.zeros(bars, dtype=np.int64)
    codes[first:] = given[first:]
    return Labels(codes, int(codes.max(initial=0)) + 1)
