"""How far equity falls within bars: it is followed along the path that a bar is assumed to take.

A point of the path is a corner, where the price turns or the bar ends, or a fill. Between two of
them price and equity go one way, so that no fall is larger than one between two points.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wfo.atr_d.reference import money
from wfo.atr_d.reference._jit import njit
from wfo.atr_d.reference.figures import BOTH
from wfo.atr_d.reference.indicators import FloatArray

#: Open, high, low and close, float64[n] each.
Prices = tuple[FloatArray, FloatArray, FloatArray, FloatArray]

#: The last corner of a path.
CLOSE = 3


class Fills(NamedTuple):
    """Fills in their order, at most two a bar; one array each.

    Attributes
    ----------
    bar
        The bar, int64.
    opens
        Whether it opens a position, or closes one, bool.
    side
        That of the position, `LONG` or `SHORT`, int8.
    price
        Before slippage, float64.
    shares
        Of the position, float64.
    at_entry
        What one share of it cost (long) or brought (short), float64.
    """

    bar: NDArray[np.int64]
    opens: NDArray[np.bool_]
    side: NDArray[np.int8]
    price: FloatArray
    shares: FloatArray
    at_entry: FloatArray


@njit
def no_fills(count: int) -> Fills:
    """Return room for ``count`` fills, none of which has been written yet."""
    return Fills(
        np.full(count, -1, dtype=np.int64),
        np.zeros(count, dtype=np.bool_),
        np.zeros(count, dtype=np.int8),
        np.full(count, np.nan),
        np.full(count, np.nan),
        np.full(count, np.nan),
    )


@njit
def path_of(
    open: float,  # noqa: A002  # the price's own name
    high: float,
    low: float,
    close: float,
) -> tuple[float, float, float, float]:
    """Return the corners of a bar's path: the open, the nearer extreme, the other, the close."""
    # [F13] As far up as down, the low comes first.
    if high - open < open - low:
        return open, high, low, close
    return open, low, high, close


@njit
def lies_between(price: float, one: float, other: float) -> bool:
    """Return whether a price lies on the way from one to the other, ends included."""
    return min(one, other) <= price <= max(one, other)


@njit
def largest_intraday_fall(
    prices: Prices,
    fills: Fills,
    side: int,
    warmup: int,
    capital: float,
    slip: float,
    fee: float,
) -> float:
    """Return the largest fall of equity from its running peak over all points, in currency, >= 0.

    Parameters
    ----------
    prices
        Of the slice.
    fills
        All fills of the slice.
    side
        `BOTH`, or the side whose trades alone are followed.
    warmup
        The first trading bar.
    capital
        Equity before the first trade, in currency.
    slip, fee
        Fractions of price, of every fill.
    """
    open_, high, low, close = prices
    q, peak, fall = capital, capital, 0.0  # [F15]
    held = 0  # the side of what is held, 0 of nothing
    shares, at_entry = 0.0, np.nan
    k = 0
    for t in range(warmup, close.size):
        path = path_of(open_[t], high[t], low[t], close[t])
        corner, price = 0, path[0]
        if held != 0:
            now = money.mark(held, q, shares, at_entry, price)
            peak, fall = max(peak, now), max(fall, max(peak, now) - now)
        while True:
            is_fill = k < fills.bar.size and fills.bar[k] == t
            if not is_fill and corner == CLOSE:
                break
            # [F14] A fill lies where the path, after what came before, first reaches its price;
            # what the path does not reach any more counts at its end.
            if is_fill and (
                corner == CLOSE or lies_between(fills.price[k], price, path[corner + 1])
            ):
                price = fills.price[k]
                if side == BOTH or side == fills.side[k]:
                    if fills.opens[k]:
                        held = int(fills.side[k])
                        shares, at_entry = fills.shares[k], fills.at_entry[k]
                        now = money.mark(held, q, shares, at_entry, price)
                        peak, fall = max(peak, now), max(fall, max(peak, now) - now)
                    else:
                        now = money.mark(held, q, shares, at_entry, price)
                        peak, fall = max(peak, now), max(fall, max(peak, now) - now)
                        q = money.after_exit(held, q, shares, at_entry, price, slip, fee)
                        held = 0
                        peak, fall = max(peak, q), max(fall, max(peak, q) - q)
                k += 1
            else:
                corner += 1
                price = path[corner]
                if held != 0:
                    # The last corner is the close: this is the mark there.
                    now = money.mark(held, q, shares, at_entry, price)
                    peak, fall = max(peak, now), max(fall, max(peak, now) - now)
    return fall
