"""Sizing: how many shares an entry trades, and whether it may."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from wfo.rules.reference import money
from wfo.rules.reference.lines import Line, Lines
from wfo.rules.reference.touches import exit_level


class Protection(NamedTuple):
    """A protective exit, seen from a fill [Z2]: its order, its level, and how far that lies."""

    line: Line
    level: float
    distance: float


def may_enter(lines: Lines, side: int, fill: float, before: int) -> bool:
    """Return whether size and protective levels let an entry work.

    Parameters
    ----------
    lines
        The orders of the bar's parameter set.
    side
        Of the entry.
    fill
        Its price.
    before
        The bar before the entry.
    """
    if lines.size is not None:
        return 0.0 < lines.size[before] <= 1.0  # [Z1]
    if lines.risk is not None:
        return risk_distance(lines, side, fill, before) is not None  # [Z3]
    return True


def risk_distance(lines: Lines, side: int, fill: float, before: int) -> float | None:
    """Return how far the nearest protective level lies from a fill; None without one [Z2].

    Parameters
    ----------
    lines, side, fill, before
        As in `may_enter`.
    """
    found = nearest(lines, side, fill, before)
    return None if found is None else found.distance


def nearest(lines: Lines, side: int, fill: float, before: int) -> Protection | None:
    """Return the nearest protective exit from a fill; None without one [Z2].

    Parameters
    ----------
    lines, side, fill, before
        As in `may_enter`.
    """
    found = (
        Protection(line, level, side * (fill - level))
        for line, level in _levels(lines, side, fill, before)
    )
    # Below the fill of a long, above that of a short; not NaN.
    able = (each for each in found if each.distance > 0.0)
    return min(able, key=lambda each: each.distance, default=None)


def fills_beyond(lines: Lines, side: int, fill: float, before: int) -> float | None:
    """Return what a fill must lie beyond to have a protective level [Z5]; None if none has one.

    Beyond is above for a long, below for a short: any fill is beyond the infinity of its other end.

    Parameters
    ----------
    lines, side, before
        As in `may_enter`.
    fill
        One that may be: whether levels that move with the fill protect is seen there.
    """
    bounds = []
    for line, level in _levels(lines, side, fill, before):
        if line.kind == "stop":
            bounds.append(side * level)
        elif side * (fill - level) > 0.0:
            bounds.append(-math.inf)
    return side * min(bounds) if bounds else None


def _levels(lines: Lines, side: int, fill: float, before: int) -> Iterator[tuple[Line, float]]:
    """Yield the exits that may protect, and their levels [Z2]."""
    for line in lines.protective[side]:
        if line.works[before]:
            value = line.value[before]
            yield line, exit_level(line.kind, side, value, value, fill, fill, line.percent)


def shares_of(lines: Lines, side: int, fill: float, before: int, q: float, settings: Any) -> float:
    """Return the shares that an entry trades, in whole lots; 0 where it does not work.

    Parameters
    ----------
    lines, side, fill, before
        As in `may_enter`.
    q
        Equity, in currency.
    settings
        `wfo.AccountSettings`.
    """
    if not may_enter(lines, side, fill, before):
        return 0.0
    base = money.base_of(q, settings.capital, settings.sizing)
    if lines.size is not None:
        base *= lines.size[before]  # [Z1]
    shares = money.shares_for(side, base, fill, settings.slip, settings.fee)
    if lines.risk is not None:
        distance = risk_distance(lines, side, fill, before)
        if distance is not None:
            shares = min(base * lines.risk / distance, shares)  # [Z2]
    return money.round_to_lots(shares, settings.lot_size)  # [Z4]
