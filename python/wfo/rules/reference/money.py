"""Money: what a fill costs, what a position is worth. The rules are those of ATR-D's page.

``q`` is the equity before the trade, in currency; ``at_entry`` is what one share cost when it was
bought, or brought when it was sold short. ``slip`` and ``fee`` are fractions of price.
"""

from __future__ import annotations

import math

#: Factor of the number of lots before it is rounded down.
LOT_TOLERANCE = 1.0 + 2.0**-50


def paid(price: float, slip: float, fee: float) -> float:
    """Return what one share bought at `price` costs."""
    return price * (1.0 + slip) * (1.0 + fee)  # [M1]


def received(price: float, slip: float, fee: float) -> float:
    """Return what one share sold at `price` brings."""
    return price * (1.0 - slip) * (1.0 - fee)  # [M1]


def at_entry_of(side: int, price: float, slip: float, fee: float) -> float:
    """Return what one share costs at the entry (long) or brings (short)."""
    return paid(price, slip, fee) if side > 0 else received(price, slip, fee)


def base_of(q: float, capital: float, sizing: str) -> float:
    """Return the money that a trade is made with, before a share of it is taken."""
    return min(capital, q) if sizing == "fixed" else q  # [M5]


def shares_for(side: int, money: float, price: float, slip: float, fee: float) -> float:
    """Return how many shares an amount of money trades, before lots."""
    if side > 0:
        return money / paid(price, slip, fee)  # [M2]
    return money / (price * (1.0 - slip))  # [M2]


def round_to_lots(shares: float, lot_size: float) -> float:
    """Return `shares` rounded down to whole lots; a `lot_size` of 0 leaves them as they are."""
    if lot_size > 0.0:
        lots = shares / lot_size * LOT_TOLERANCE
        # Above 2^53 every float64 is whole, and what is infinite has no floor.
        return (math.floor(lots) if lots < 2.0**53 else lots) * lot_size  # [M6]
    return shares


def mark(side: int, q: float, shares: float, at_entry: float, close: float) -> float:
    """Return the equity at a close with a position open."""
    return q + shares * (close - at_entry if side > 0 else at_entry - close)  # [M3]


def after_exit(
    side: int, q: float, shares: float, at_entry: float, price: float, slip: float, fee: float
) -> float:
    """Return the equity after a position was closed at `price`."""
    if side > 0:
        return q + shares * (received(price, slip, fee) - at_entry)  # [M4]
    return q + shares * (at_entry - paid(price, slip, fee))  # [M4]
