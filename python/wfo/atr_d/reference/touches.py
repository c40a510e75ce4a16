"""Touches: each order is one row of the contract's table, and two in one bar have an order.

An order that works in bar ``t`` has a level made of bars up to ``t - 1``: ``highest`` and
``lowest`` are the extremes since the bar in which the state was entered, ``distance`` and
``close_before`` are those of bar ``t - 1``. Of bar ``t`` itself its open, high and low decide
whether the level is touched, where the fill lies, and which of two touches came first.
"""

from __future__ import annotations

from typing import NamedTuple

from wfo.atr_d.reference._jit import njit


class Bar(NamedTuple):
    """What an order sees of the bar it works in; the close is not among it ([T2])."""

    open: float
    high: float
    low: float


class Touch(NamedTuple):
    """What a bar does to one order.

    Attributes
    ----------
    happens
        Whether the level is touched.
    upward
        Whether it is touched from below, by the high, or from above, by the low.
    level, fill
        In price units. A level that the open has reached is filled at the open.
    """

    happens: bool
    upward: bool
    level: float
    fill: float


@njit
def falls_to(bar: Bar, level: float) -> Touch:
    """Return the touch of a level by a falling price."""
    # [L7] [L8]
    return Touch(bar.low <= level, False, level, min(bar.open, level))


@njit
def rises_to(bar: Bar, level: float) -> Touch:
    """Return the touch of a level by a rising price."""
    # [L7] [L8]
    return Touch(bar.high >= level, True, level, max(bar.open, level))


@njit
def long_stop(bar: Bar, highest: float, distance: float) -> Touch:
    """Return the touch of the stop of a long position."""
    return falls_to(bar, highest - distance)  # [L1]


@njit
def short_stop(bar: Bar, lowest: float, distance: float) -> Touch:
    """Return the touch of the stop of a short position."""
    return rises_to(bar, lowest + distance)  # [L2]


@njit
def buy_pullback(bar: Bar, highest: float, distance: float) -> Touch:
    """Return the touch of a buy below the highest high."""
    return falls_to(bar, highest - distance)  # [L3]


@njit
def sell_pullback(bar: Bar, lowest: float, distance: float) -> Touch:
    """Return the touch of a sell above the lowest low."""
    return rises_to(bar, lowest + distance)  # [L4]


@njit
def buy_breakout(bar: Bar, close_before: float, distance: float) -> Touch:
    """Return the touch of a buy above the last close."""
    return rises_to(bar, close_before + distance)  # [L5]


@njit
def sell_breakout(bar: Bar, close_before: float, distance: float) -> Touch:
    """Return the touch of a sell below the last close."""
    return falls_to(bar, close_before - distance)  # [L6]


@njit
def at_the_open(bar: Bar) -> Touch:
    """Return the touch of an order that is filled at the open, whatever the price."""
    return rises_to(bar, bar.open)


@njit
def filtered(on: bool, touch: Touch) -> Touch:
    """Return the touch as it is where its entry filter is on; off, it does not happen."""
    return Touch(touch.happens and on, touch.upward, touch.level, touch.fill)  # [V1]


@njit
def reached_by_open(bar: Bar, touch: Touch) -> bool:
    """Return whether the open has reached the level; such a touch comes first."""
    # [O1] Lying on the level is enough.
    if touch.upward:
        return bar.open >= touch.level
    return bar.open <= touch.level


@njit
def comes_first(bar: Bar, one: Touch, other: Touch) -> bool:
    """Return whether ``one`` comes before ``other`` in a bar in which both happen.

    ``one`` is the order that comes first among equals: a stop before an entry, a buy before a sell.
    """
    # [O1] What the open has reached comes before anything that happens later. [O4] [O5] Two that it
    # has reached are equal.
    one_at_open = reached_by_open(bar, one)
    other_at_open = reached_by_open(bar, other)
    if one_at_open or other_at_open:
        return one_at_open

    # [O3] Of two levels in the same direction the path meets the nearer one first. [O4] [O5] Levels
    # that are the same number are equal.
    if one.upward and other.upward:
        return one.level <= other.level
    if not one.upward and not other.upward:
        return one.level >= other.level
    # [O2] The path goes from the open to the nearer extreme, then to the other one.
    high_first = bar.high - bar.open < bar.open - bar.low
    return one.upward == high_first
