"""Money: what a fill costs, what a position is worth, how far equity falls.

``slip`` moves every fill against the trade and ``fee`` is paid on its notional; both are fractions
of price. ``q`` is the equity before the trade, in currency. ``at_entry`` is what one share cost
when it was bought, or brought when it was sold short.
"""

from __future__ import annotations

import numpy as np

from wfo.atr_d.reference._jit import njit
from wfo.atr_d.reference.indicators import FloatArray
from wfo.atr_d.reference.states import LONG

#: Factor of the number of lots before it is rounded down: six roundings of at most 2⁻⁵³ lie between
#: a decimal number of lots and its float64, and none of them may take a lot away.
LOT_TOLERANCE = 1.0 + 2.0**-50


@njit
def paid(price: float, slip: float, fee: float) -> float:
    """Return what one share bought at ``price`` costs, with slippage and fee."""
    return price * (1.0 + slip) * (1.0 + fee)  # [M1]


@njit
def received(price: float, slip: float, fee: float) -> float:
    """Return what one share sold at ``price`` brings, after slippage and fee."""
    return price * (1.0 - slip) * (1.0 - fee)  # [M1]


@njit
def base_capital(q: float, capital: float, fixed: bool) -> float:
    """Return the money put into a trade.

    All of the equity when it compounds; with fixed sizing the starting capital, or what a loss
    has left of it.
    """
    if fixed:
        return min(capital, q)  # [M5]
    return q


@njit
def shares_for(side: int, base: float, price: float, slip: float, fee: float) -> float:
    """Return how many shares ``base`` trades, before lots.

    A purchase, with its fee, must be paid for out of ``base``. A short sale is worth ``base``; its
    fee is paid out of what it brings.
    """
    if side == LONG:
        return base / paid(price, slip, fee)  # [M2]
    return base / (price * (1.0 - slip))  # [M2]


@njit
def round_to_lots(shares: float, lot_size: float) -> float:
    """Return ``shares`` rounded down to whole lots; a ``lot_size`` of 0 leaves them as they are.

    The rounding stays in float64 (``math.floor`` would give an integer, which can overflow).
    """
    if lot_size > 0.0:
        return float(np.floor(shares / lot_size * LOT_TOLERANCE) * lot_size)  # [M6]
    return shares


@njit
def at_entry_of(side: int, price: float, slip: float, fee: float) -> float:
    """Return what one share costs at the entry (long) or brings (short)."""
    if side == LONG:
        return paid(price, slip, fee)
    return received(price, slip, fee)


@njit
def mark(side: int, q: float, shares: float, at_entry: float, close: float) -> float:
    """Return the equity at a close with a position open.

    Entry costs are paid in the mark, exit costs only by an exit.
    """
    if side == LONG:
        return q + shares * (close - at_entry)  # [M3]
    return q + shares * (at_entry - close)  # [M3]


@njit
def after_exit(
    side: int, q: float, shares: float, at_entry: float, price: float, slip: float, fee: float
) -> float:
    """Return the equity after a position was closed at ``price``."""
    if side == LONG:
        return q + shares * (received(price, slip, fee) - at_entry)  # [M4]
    return q + shares * (at_entry - paid(price, slip, fee))  # [M4]


@njit
def largest_fall(
    at_fill: FloatArray, at_close: FloatArray, first: int, end: int, peak: float
) -> float:
    """Return the largest fall of the marks from a running peak, in currency, >= 0.

    Parameters
    ----------
    at_fill
        The mark at a reversal's fill, float64[n], NaN in other bars. It comes before the close's.
    at_close
        The mark at each close, float64[n].
    first, end
        The bars looked at: ``first <= t < end``.
    peak
        The peak before the first of them.
    """
    fall = 0.0
    for t in range(first, end):
        if not np.isnan(at_fill[t]):  # [M11]
            peak = max(peak, at_fill[t])
            fall = max(fall, peak - at_fill[t])
        peak = max(peak, at_close[t])
        fall = max(fall, peak - at_close[t])  # [F2]
    return fall


@njit
def largest_fall_share(
    at_fill: FloatArray, at_close: FloatArray, first: int, end: int, peak: float
) -> float:
    """Return the largest fall of the same marks as a share of the running peak, >= 0.

    Parameters
    ----------
    at_fill, at_close, first, end, peak
        As in `largest_fall`. A peak of 0 or less makes the share NaN.
    """
    if peak <= 0.0:
        return np.nan
    fall = 0.0
    for t in range(first, end):
        if not np.isnan(at_fill[t]):
            peak = max(peak, at_fill[t])
            fall = max(fall, 1.0 - at_fill[t] / peak)
        peak = max(peak, at_close[t])
        fall = max(fall, 1.0 - at_close[t] / peak)  # [F9]
    return fall
