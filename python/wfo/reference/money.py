"""Money: what a fill costs, what a position is worth, how far equity falls.

``slip`` moves every fill against the trade and ``fee`` is paid on its notional; both are fractions
of price. ``q`` is the equity before the trade, in currency.
"""

from __future__ import annotations

import numpy as np

from wfo.reference._jit import njit
from wfo.reference.indicators import FloatArray


@njit
def long_cost(price: float, slip: float, fee: float) -> float:
    """Return what one share bought at ``price`` costs, with slippage and fee."""
    return price * (1.0 + slip) * (1.0 + fee)


@njit
def long_proceeds(price: float, slip: float, fee: float) -> float:
    """Return what one share sold at ``price`` brings, after slippage and fee."""
    return price * (1.0 - slip) * (1.0 - fee)


@njit
def base_capital(q: float, capital: float, fixed: bool) -> float:
    """Return the money put into a trade.

    All of the equity when it compounds; with fixed sizing the starting capital, or what a loss
    has left of it.
    """
    if fixed:
        return min(capital, q)
    return q


@njit
def round_to_lots(shares: float, lot_size: float) -> float:
    """Return ``shares`` rounded down to whole lots; a ``lot_size`` of 0 leaves them as they are.

    The rounding stays in float64 (``math.floor`` would give an integer, which can overflow).
    """
    if lot_size > 0.0:
        return float(np.floor(shares / lot_size) * lot_size)
    return shares


@njit
def long_mark(q: float, shares: float, close: float, cost: float) -> float:
    """Return the equity at a close with a long position open.

    Entry costs are paid in the mark, exit costs only by an exit.
    """
    return q + shares * (close - cost)


@njit
def long_exit(q: float, shares: float, proceeds: float, cost: float) -> float:
    """Return the equity after a long position was sold."""
    return q + shares * (proceeds - cost)


@njit
def largest_fall(marks: FloatArray, first: int, end: int, peak: float) -> float:
    """Return the largest fall from a running peak, in currency, >= 0.

    Parameters
    ----------
    marks
        Equity at each close, float64[n].
    first, end
        The bars looked at: ``first <= t < end``.
    peak
        The peak before the first of them.
    """
    fall = 0.0
    for t in range(first, end):
        peak = max(peak, marks[t])
        fall = max(fall, peak - marks[t])
    return fall
