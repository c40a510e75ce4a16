"""Indicators: the value at bar ``t`` uses bars ``<= t`` only.

A value whose window is not full is NaN. A level computed from NaN is touched by nothing, because
every comparison with NaN is false.

Every window is summed afresh, oldest value first. Running sums are cheaper, but their rounding
depends on where they started, and touches on prices in cents often hang on equality.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wfo.atr_d.reference._jit import njit

FloatArray = NDArray[np.float64]

#: Values of ``equity_price_method``.
TYPICAL_PRICE = 0
CLOSE_PRICE = 1


@njit
def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Return the true range of each bar, in price units.

    Parameters
    ----------
    high, low, close
        Prices, float64[n].

    Returns
    -------
    float64[n]
        ``high - low`` in bar 0, afterwards the range widened to the close before.
    """
    tr = np.full(close.size, np.nan)
    for t in range(close.size):
        if t == 0:
            tr[t] = high[t] - low[t]  # [X1]
        else:
            tr[t] = max(high[t], close[t - 1]) - min(low[t], close[t - 1])  # [X1]
    return tr


@njit
def window_mean(x: FloatArray, period: int) -> FloatArray:
    """Return the mean of the last ``period`` values of ``x``.

    Parameters
    ----------
    x
        Values, float64[n].
    period
        Bars in the window, >= 1.

    Returns
    -------
    float64[n]
        NaN before bar ``period - 1``.
    """
    mean = np.full(x.size, np.nan)
    for t in range(period - 1, x.size):
        total = 0.0
        for i in range(t - period + 1, t + 1):
            total += x[i]  # [X9]
        mean[t] = total / float(period)
    return mean


@njit
def window_sigma(x: FloatArray, mean: FloatArray, period: int) -> FloatArray:
    """Return the population standard deviation of the last ``period`` values of ``x``.

    Parameters
    ----------
    x
        Values, float64[n].
    mean
        ``window_mean(x, period)``: the first of the two passes.
    period
        Bars in the window, >= 1.

    Returns
    -------
    float64[n]
        In the unit of ``x``; NaN before bar ``period - 1``.
    """
    sigma = np.full(x.size, np.nan)
    for t in range(period - 1, x.size):
        squares = 0.0
        for i in range(t - period + 1, t + 1):
            difference = x[i] - mean[t]
            squares += difference * difference
        sigma[t] = np.sqrt(squares / float(period))  # [X4]
    return sigma


@njit
def atr(tr: FloatArray, period: int) -> FloatArray:
    """Return the average true range: a plain mean, not Wilder's smoothing.

    Parameters
    ----------
    tr
        True ranges, float64[n].
    period
        Bars in the window, >= 1.

    Returns
    -------
    float64[n]
        In price units; NaN before bar ``period - 1``.
    """
    return window_mean(tr, period)  # [X2]


@njit
def equity_price(high: FloatArray, low: FloatArray, close: FloatArray, method: int) -> FloatArray:
    """Return the price that the Bollinger width looks at.

    Parameters
    ----------
    high, low, close
        Prices, float64[n].
    method
        `TYPICAL_PRICE` or `CLOSE_PRICE`.

    Returns
    -------
    float64[n]
        A new array.
    """
    price = np.full(close.size, np.nan)
    for t in range(close.size):
        if method == TYPICAL_PRICE:  # [X3]
            price[t] = (high[t] + low[t] + close[t]) / 3.0
        else:
            price[t] = close[t]
    return price


@njit
def bollinger_width(mean: float, sigma: float, deviation: float) -> float:
    """Return the distance between the Bollinger bands, as a fraction of their mean.

    Parameters
    ----------
    mean, sigma
        Mean and standard deviation of one window, in price units.
    deviation
        Standard deviations from the mean to each band.
    """
    return 2.0 * deviation * sigma / mean  # [X4]


@njit
def ema(x: FloatArray, period: int, first: int) -> FloatArray:
    """Return the exponential moving average of ``x``.

    Parameters
    ----------
    x
        Values, float64[n], meaningful from bar ``first`` on.
    period
        Length, >= 1; the smoothing factor is ``2 / (period + 1)``.
    first
        The bar whose value the average starts at.

    Returns
    -------
    float64[n]
        In the unit of ``x``; NaN before bar ``first``.
    """
    average = np.full(x.size, np.nan)
    factor = 2.0 / (float(period) + 1.0)
    e = np.nan
    for t in range(first, x.size):
        if t == first:
            e = x[t]
        else:
            e += factor * (x[t] - e)  # [X5]
        average[t] = e
    return average


@njit
def round_half_up(x: float) -> int:
    """Return the nearest whole number, the upper one of two that are equally near."""
    return int(np.floor(x + 0.5))  # [X8]


@njit
def wma(x: FloatArray, period: int) -> FloatArray:
    """Return the weighted moving average of ``x``: weights 1 to ``period``, the newest weighs most.

    Parameters
    ----------
    x
        Values, float64[n]; it may begin with NaN.
    period
        Bars in the window, >= 1.

    Returns
    -------
    float64[n]
        In the unit of ``x``; NaN before bar ``period - 1`` and where the window holds a NaN.
    """
    average = np.full(x.size, np.nan)
    weights = float(period * (period + 1) // 2)
    for t in range(period - 1, x.size):
        total = 0.0
        for weight in range(1, period + 1):
            total += float(weight) * x[t - period + weight]  # [X9]
        average[t] = total / weights  # [X6]
    return average


@njit
def hma(price: FloatArray, period: int) -> FloatArray:
    """Return the Hull moving average.

    Twice a fast average minus a slow one points ahead of price by about the lag of the slow one;
    a short average over the result smooths it.

    Parameters
    ----------
    price
        Prices, float64[n].
    period
        Length, >= 1.

    Returns
    -------
    float64[n]
        In price units; NaN before bar ``period + round_half_up(sqrt(period)) - 2``.
    """
    fast = wma(price, max(1, period // 2))
    slow = wma(price, period)
    ahead = np.full(price.size, np.nan)
    for t in range(price.size):
        ahead[t] = 2.0 * fast[t] - slow[t]  # [X7]
    return wma(ahead, max(1, round_half_up(np.sqrt(float(period)))))
