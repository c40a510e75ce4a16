"""Bounds of numbers: what an expression lies between, whichever values its parameters take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from wfo.rules.numbers import combine, number_places
from wfo.rules.program import Program


class Interval(NamedTuple):
    """The least and the largest that a number can be; NaN is left out."""

    low: float
    high: float


def intervals_of(program: Program, values: Sequence[Sequence[float]]) -> dict[int, Interval]:
    """Return bounds of the numbers of a program, by their places.

    Parameters
    ----------
    program
        The program.
    values
        The values of each parameter, in canonical order.
    """
    found: dict[int, Interval] = {}
    for place in number_places(program):
        node = program.nodes[place]
        if node.op == "parameter":
            own = [float(value) for value in values[int(node.value)]]
            found[place] = Interval(min(own), max(own))
        elif node.op == "constant":
            found[place] = Interval(node.value, node.value)
        else:
            found[place] = _combine(node.op, [found[part] for part in node.args])
    return found


def _combine(op: str, parts: Sequence[Interval]) -> Interval:
    if op in ("where", "choose"):
        return Interval(min(p.low for p in parts[1:]), max(p.high for p in parts[1:]))
    if op == "shift":
        return parts[0]
    if op in _SWITCHES:
        return Interval(0.0, 1.0)
    if op == "abs" and parts[0].low < 0.0 < parts[0].high:
        return Interval(0.0, max(-parts[0].low, parts[0].high))
    if op == "sqrt":
        parts = [Interval(max(0.0, parts[0].low), max(0.0, parts[0].high))]
    if op == "div" and parts[1].low <= 0.0 <= parts[1].high:
        return Interval(-math.inf, math.inf)
    # All others are monotone in each part, so that their ends lie at ends of the parts.
    rows: list[list[float]] = [[]]
    for part in parts:
        rows = [[*row, end] for row in rows for end in part]
    ends = [combine(op, row) for row in rows]
    if any(map(math.isnan, ends)):
        return Interval(-math.inf, math.inf)
    return Interval(min(ends), max(ends))


_SWITCHES = ("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not")
