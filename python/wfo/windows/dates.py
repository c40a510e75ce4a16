"""Dates of bars, and the first one that trades."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from itertools import pairwise
from typing import Any

from wfo.arguments import whole_number
from wfo.data.foreign import stamp_list
from wfo.errors import DataError, InputError
from wfo.text import brief

#: Bars before the first trading bar, at least.
LEAST_WARMUP = 100


def first_trading(days: list[dt.date], warmup: int) -> dt.date | None:
    """Return the first date with `warmup` bars before it, and so before all of its own bars."""
    if warmup >= len(days):
        return None
    if warmup == 0 or days[warmup - 1] < days[warmup]:
        return days[warmup]
    # The warm-up ends within a day; a boundary is the first bar of one.
    after = bisect_right(days, days[warmup])
    return days[after] if after < len(days) else None


def days_until(
    dates: Any, as_of: dt.date | None, warmup: int
) -> tuple[list[dt.date], dt.date, int]:
    """Return the dates of the bars up to today, today, and the length of the warm-up.

    Parameters
    ----------
    dates
        As `days_of` takes them.
    as_of
        Today; by default the date of the last bar.
    warmup
        Bars before the first trading bar, at least.

    Raises
    ------
    DataError
        If there are no bars, or it is no history.
    InputError
        If `as_of` lies outside the history, or `warmup` is below 0.
    """
    days = days_of(dates)
    if not days:
        raise DataError("there are no bars to lay windows over")
    warmup = whole_number("warmup", warmup)
    if warmup < 0:
        raise InputError(f"warmup = {warmup} must be 0 bars or more")
    today = day_of(as_of) or days[-1]
    if not days[0] <= today <= days[-1]:
        raise InputError(
            f"as-of {today} lies outside the history, {days[0]} … {days[-1]}; take a date within it"
        )
    return days[: bisect_right(days, today)], today, warmup


def written_day(given: object, name: str) -> dt.date | None:
    """Return a date that may also be text such as ``2018-12-31``, as `day_of` does.

    Raises
    ------
    InputError
        If it is none.
    """
    if not isinstance(given, str):
        return day_of(given, name)
    try:
        return dt.date.fromisoformat(given)
    except ValueError:
        raise InputError(f"{name} = {brief(given)} is no date such as '2018-12-31'") from None


def days_of(dates: Any) -> list[dt.date]:
    """Return the dates of bars as a list.

    Raises
    ------
    DataError
        If they are no dates, or do not ascend.
    """
    # A date-time is a date too, and one that does not compare with plain dates.
    days = [d.date() if isinstance(d, dt.datetime) else d for d in stamp_list(dates)]
    strange = next((d for d in days if not isinstance(d, dt.date)), days)
    if strange is not days:
        raise DataError(f"windows are laid over dates, not over {type(strange).__name__}")
    for before, day in pairwise(days):
        if day < before:
            raise DataError(f"the dates of the bars must ascend: {before} comes before {day}")
    return days


def day_of(given: object, name: str = "as_of") -> dt.date | None:
    """Return a date, called `name` where it is none; None of None.

    Raises
    ------
    InputError
        If it is none.
    """
    # pandas' missing date-time is no date, and unequal to itself.
    if isinstance(given, dt.datetime) and given == given:  # noqa: PLR0124  # not NaT
        return given.date()
    if isinstance(given, dt.datetime):
        raise InputError(f"{name} = {brief(given)} must be a datetime.date")
    if given is not None and not isinstance(given, dt.date):
        raise InputError(f"{name} = {brief(given)} must be a datetime.date")
    return given
