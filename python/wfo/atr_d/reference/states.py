"""States: which fills a bar brings, given the touches that happen in it.

A fill takes the position from one state to another. A bar has none, one or two of them, and two
only where the contract says so: a reversal, which closes and opens at the same price, and two
entries that both fill, of which the second closes what the first has opened.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wfo.atr_d.reference import touches
from wfo.atr_d.reference._jit import njit
from wfo.atr_d.reference.touches import Bar, Touch

#: States, and the sides of a trade.
FLAT = 0
LONG = 1
SHORT = -1

#: The place in an event where no fill is.
NOWHERE = 2

#: Values of ``entry_mode``.
FLAT_ONLY = 0
LONG_PRIORITY = 1
FULL_REVERSAL = 2

#: Values of ``both_triggered_mode``.
FIRST_CANCELS = 0
BOTH_FILL = 1


class Fill(NamedTuple):
    """The state it leads to, and its price before slippage."""

    to: int
    price: float


#: The fills of one bar, in their order.
Event = tuple[Fill, Fill]

NO_FILL = Fill(NOWHERE, np.nan)


@njit
def from_flat(bar: Bar, buy: Touch, sell: Touch, both_triggered_mode: int) -> Event:
    """Return what happens in a bar that begins without a position."""
    if buy.happens and sell.happens:
        if touches.comes_first(bar, buy, sell):  # [O5]
            opening = Fill(LONG, buy.fill)
            closing = Fill(FLAT, sell.fill)
        else:
            opening = Fill(SHORT, sell.fill)
            closing = Fill(FLAT, buy.fill)
        if both_triggered_mode == BOTH_FILL:
            return opening, closing  # [S7]
        return opening, NO_FILL  # [S6]
    if buy.happens:
        return Fill(LONG, buy.fill), NO_FILL  # [S2]
    if sell.happens:
        return Fill(SHORT, sell.fill), NO_FILL  # [S2]
    return NO_FILL, NO_FILL


@njit
def from_position(bar: Bar, stop: Touch, entry: Touch, other_side: int) -> Event:
    """Return what happens in a bar that begins with a position.

    Parameters
    ----------
    bar
        The bar.
    stop
        The stop of the position.
    entry
        The entry to the other side, which reverses the position.
    other_side
        `SHORT` for a long position, `LONG` for a short one.
    """
    if stop.happens and (not entry.happens or touches.comes_first(bar, stop, entry)):  # [O4]
        return Fill(FLAT, stop.fill), NO_FILL  # [S3]
    if entry.happens:  # [S4] [S5]
        return Fill(FLAT, entry.fill), Fill(other_side, entry.fill)
    return NO_FILL, NO_FILL
