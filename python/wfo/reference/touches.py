"""Touches: each function is one row of the contract's table.

Level, condition and fill of an order that works in bar ``t``. ``highest`` is the highest high from
the bar in which the state was entered up to bar ``t - 1``, ``distance`` and ``close_before`` are
those of bar ``t - 1``: of bar ``t`` itself only its open and the extreme on the order's side are
looked at.

A level that the open has already passed is filled at the open.
"""

from __future__ import annotations

from wfo.reference._jit import njit


@njit
def long_stop(open_: float, low: float, highest: float, distance: float) -> tuple[bool, float]:
    """Return whether the stop of a long position is touched, and its fill.

    Parameters
    ----------
    open_, low
        Prices of bar t.
    highest
        Highest high since the entry bar, up to bar t - 1.
    distance
        Stop distance of bar t - 1, in price units.
    """
    level = highest - distance
    return low <= level, min(open_, level)


@njit
def buy_pullback(open_: float, low: float, highest: float, distance: float) -> tuple[bool, float]:
    """Return whether a limit buy below the highest high is touched, and its fill.

    Parameters
    ----------
    open_, low
        Prices of bar t.
    highest
        Highest high since the flat state began, up to bar t - 1.
    distance
        Entry distance of bar t - 1, in price units.
    """
    level = highest - distance
    return low <= level, min(open_, level)


@njit
def buy_breakout(
    open_: float, high: float, close_before: float, distance: float
) -> tuple[bool, float]:
    """Return whether a stop buy above the last close is touched, and its fill.

    Parameters
    ----------
    open_, high
        Prices of bar t.
    close_before
        Close of bar t - 1.
    distance
        Entry distance of bar t - 1, in price units.
    """
    level = close_before + distance
    return high >= level, max(open_, level)
