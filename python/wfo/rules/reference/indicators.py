"""Columns of columns: the value at bar ``t`` uses bars ``<= t`` only.

A window is summed afresh in every bar, its oldest value first, from 0 [X9]. The loops below go
through the places of a window and take all bars at once, which adds in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def _window(x: FloatArray, period: int) -> Iterator[FloatArray]:
    """Yield the values of all full windows: the oldest of each, then the next, up to the newest."""
    full = x.size - period + 1
    for place in range(period):
        yield x[place : place + full]


def _from_full(x: FloatArray, period: int, values: FloatArray) -> FloatArray:
    """Return values of full windows behind NaN, which is also where a window has a NaN in it."""
    found = np.full(x.size, np.nan)
    if period > x.size:
        return found
    unknown = np.zeros(values.size, dtype=np.bool_)
    for each in _window(x, period):
        unknown |= np.isnan(each)
    found[period - 1 :] = np.where(unknown, np.nan, values)  # [C3]
    return found


def _sum(x: FloatArray, period: int) -> FloatArray:
    """Return the sum of each full window; none where there is no full one."""
    total = np.zeros(max(0, x.size - period + 1))
    if total.size:
        for each in _window(x, period):
            total = total + each  # [X9]
    return total


def shift(x: FloatArray, bars: int) -> FloatArray:
    """Return the values of so many bars before.

    Parameters
    ----------
    x
        Values, float64[n].
    bars
        >= 0.

    Returns
    -------
    float64[n]
        NaN in the first `bars` bars.
    """
    found = np.full(x.size, np.nan)
    if bars < x.size:
        found[bars:] = x[: x.size - bars]  # [C1]
    return found


def sma(x: FloatArray, period: int) -> FloatArray:
    """Return the mean of the `period` latest values.

    Parameters
    ----------
    x
        Values, float64[n].
    period
        Bars in the window, >= 1.

    Returns
    -------
    float64[n]
        NaN before bar ``period - 1``, and where a window has a NaN in it.
    """
    return _from_full(x, period, _sum(x, period) / float(period))  # [C2]


def wma(x: FloatArray, period: int) -> FloatArray:
    """Return the weighted mean: weights 1 to `period`, the newest value weighs most.

    Parameters, returns and NaN as in `sma`.
    """
    total = np.zeros(max(0, x.size - period + 1))
    if total.size:
        for weight, each in enumerate(_window(x, period), start=1):
            total = total + float(weight) * each  # [X9]
    return _from_full(x, period, total / float(period * (period + 1) // 2))  # [C2]


def stdev(x: FloatArray, period: int) -> FloatArray:
    """Return the standard deviation, of the population, in two passes.

    Parameters, returns and NaN as in `sma`.
    """
    mean = _sum(x, period) / float(period)
    squares = np.zeros(mean.size)
    if squares.size:
        for each in _window(x, period):
            difference = each - mean
            squares = squares + difference * difference
    return _from_full(x, period, np.sqrt(squares / float(period)))  # [C2]


def highest(x: FloatArray, period: int) -> FloatArray:
    """Return the largest of the `period` latest values.

    Parameters, returns and NaN as in `sma`.
    """
    found = np.full(max(0, x.size - period + 1), -np.inf)
    if found.size:
        for each in _window(x, period):
            found = np.where(each > found, each, found)  # [C2]
    return _from_full(x, period, found)


def lowest(x: FloatArray, period: int) -> FloatArray:
    """Return the smallest of the `period` latest values.

    Parameters, returns and NaN as in `sma`.
    """
    found = np.full(max(0, x.size - period + 1), np.inf)
    if found.size:
        for each in _window(x, period):
            found = np.where(each < found, each, found)  # [C2]
    return _from_full(x, period, found)


def rank(x: FloatArray, period: int) -> FloatArray:
    """Return which share of the `period` latest values is at or below the newest.

    Parameters, returns and NaN as in `sma`; above 0 and at most 1.
    """
    newest = x[period - 1 :]
    below = np.zeros(newest.size)
    if newest.size:
        for each in _window(x, period):
            below = below + (each <= newest)
    return _from_full(x, period, below / float(period))  # [C2]


def ema(x: FloatArray, period: int) -> FloatArray:
    """Return the exponential average with the factor ``2 / (period + 1)``.

    Parameters
    ----------
    x
        Values, float64[n].
    period
        >= 1.

    Returns
    -------
    float64[n]
        NaN before the first value that is a number, and where a value is none.
    """
    factor = 2.0 / (float(period) + 1.0)
    found = []
    began, average = False, 0.0
    for value in x.tolist():
        if math.isnan(value):  # [C6]
            found.append(np.nan)
            continue
        average = average + factor * (value - average) if began else value  # [C4]
        began = True
        found.append(average)
    return np.array(found, dtype=np.float64)


def rma(x: FloatArray, period: int) -> FloatArray:
    """Return Wilder's average.

    Parameters
    ----------
    x
        Values, float64[n].
    period
        >= 1.

    Returns
    -------
    float64[n]
        NaN before the `period`-th value that is a number, and where a value is none.
    """
    length = float(period)
    found = []
    count, total, average = 0, 0.0, np.nan
    for value in x.tolist():
        if math.isnan(value):  # [C6]
            found.append(np.nan)
            continue
        count += 1
        if count < period:
            total += value
        elif count == period:
            average = (total + value) / length  # [C5]
        else:
            average = (average * (length - 1.0) + value) / length  # [C5]
        found.append(average)
    return np.array(found, dtype=np.float64)


def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Return the range of each bar, widened to the close before.

    Parameters
    ----------
    high, low, close
        Values, float64[n] each.

    Returns
    -------
    float64[n]
        ``high - low`` in bar 0; NaN where one of the values that it is made of is.
    """
    before = close[:-1]
    top = np.where(high[1:] > before, high[1:], before)
    bottom = np.where(low[1:] < before, low[1:], before)
    unknown = np.isnan(high[1:]) | np.isnan(low[1:]) | np.isnan(before)
    later = np.where(unknown, np.nan, top - bottom)
    return np.concatenate([high[:1] - low[:1], later])  # [C7]
