"""Touches: the level of each order, whether a bar touches it, and which of several comes first.

``side`` is that of the trade: +1 for a long, -1 for a short. What holds for the one is mirrored for
the other by the sign.
"""

from __future__ import annotations

import math
from typing import NamedTuple

#: Sides of a trade, and the state without one.
LONG, SHORT, FLAT = 1, -1, 0

#: What comes first of touches that are equal otherwise, by kind of exit [B2]; entries follow.
RANKS = {"at_open": 0, "after": 0, "stop": 1, "trail": 1, "loss": 1, "limit": 2, "target": 2}
_BUY, _SALE = 3, 4

#: Exits that protect [Z2], and those that take a profit.
PROTECTIVE = ("stop", "trail", "loss")


class Bar(NamedTuple):
    """What an order sees of the bar it works in; its close is not among it (T2)."""

    open: float
    high: float
    low: float


class Touch(NamedTuple):
    """What a bar does to an order that it touches. The least of several comes first.

    Attributes
    ----------
    leg
        0 where the open has reached the level, else 1 on the way to the nearer extreme, and 2 on
        the way to the other one.
    along
        What is met later on that way is larger.
    rank
        By kind [B2].
    place
        Of the order in its list [R16].
    fill
        Price.
    side
        Of an entry, the side that it opens; of an exit `FLAT`.
    """

    leg: int
    along: float
    rank: int
    place: int
    fill: float
    side: int


def entry_level(kind: str, side: int, value: float, extreme: float, close_before: float) -> float:
    """Return the level of an entry.

    Parameters
    ----------
    kind, side
        Which entry.
    value
        That of its expression at the bar before.
    extreme
        The highest high of the state, of an entry that sells the lowest low.
    close_before
        The close of the bar before.
    """
    if kind == "pullback":
        return extreme - side * value  # [R4]
    if kind == "breakout":
        return close_before + side * value  # [R5]
    return value  # [R2] [R3]


def entry_touch(kind: str, side: int, level: float, bar: Bar, place: int = 0) -> Touch | None:
    """Return the touch of an entry at a level, None where the bar does not touch it."""
    rank = _BUY if side > 0 else _SALE  # [B2]
    if kind == "at_open":
        return Touch(0, 0.0, rank, place, bar.open, side)  # [R1]
    # [R2] [R5] A buy is touched by a rising price; [R3] [R4] by a falling one.
    rises = (kind in ("stop", "breakout")) == (side > 0)
    return touch(rises, level, bar, rank, place, side)


def exit_level(
    kind: str, side: int, value: float, at_entry: float, fill: float, extreme: float, percent: bool
) -> float:
    """Return the level of an exit; NaN where its distance is no finite number.

    Parameters
    ----------
    kind, side
        Which exit of a position of which side.
    value
        That of its expression at the bar before.
    at_entry
        That of its expression at the bar before the entry.
    fill
        Price of the entry.
    extreme
        The highest high since the entry, of a short the lowest low.
    percent
        Whether a distance is in percent of the fill.
    """
    if kind == "trail":
        return extreme - side * value  # [R9]
    if kind in ("loss", "target"):
        distance = fill * (at_entry / 100.0) if percent else at_entry  # [R13]
        if not math.isfinite(distance):  # [R14]
            return math.nan
        if kind == "loss":
            return fill - side * distance  # [R10]
        return fill + side * distance  # [R11]
    return value  # [R7] [R8]


def exit_touch(kind: str, side: int, level: float, bar: Bar, place: int = 0) -> Touch | None:
    """Return the touch of an exit at a level, None where the bar does not touch it."""
    rank = RANKS[kind]  # [B2]
    if kind in ("at_open", "after"):
        return Touch(0, 0.0, rank, place, bar.open, FLAT)  # [R6] [R12]
    # [R8] [R11] A long takes its profit from a rising price; [R7] [R9] [R10] a fall ends it.
    rises = (kind in ("limit", "target")) == (side > 0)
    return touch(rises, level, bar, rank, place, FLAT)


def touch(rises: bool, level: float, bar: Bar, rank: int, place: int, side: int) -> Touch | None:
    """Return the touch of a level by a rising or a falling price, None where there is none."""
    if rises:
        if not bar.high >= level:  # (L7)
            return None
        if bar.open >= level:  # (O1) (L8)
            return Touch(0, 0.0, rank, place, bar.open, side)
        # (O3) Of two levels above the lower one is met first.
        return Touch(_leg(bar, rises), level, rank, place, level, side)
    if not bar.low <= level:
        return None
    if bar.open <= level:
        return Touch(0, 0.0, rank, place, bar.open, side)
    return Touch(_leg(bar, rises), -level, rank, place, level, side)


def _leg(bar: Bar, rises: bool) -> int:
    """Return on which way a level lies: to the nearer extreme, or to the other one (O2)."""
    high_first = bar.high - bar.open < bar.open - bar.low
    return 1 if rises == high_first else 2
