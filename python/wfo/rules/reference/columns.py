"""Expressions of a program, worked out for one parameter set: numbers, and columns of all bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wfo.errors import EngineError
from wfo.rules.numbers import numbers_of, reached
from wfo.rules.program import Program
from wfo.rules.reference import indicators
from wfo.rules.reference.groups import Groups

FloatArray = NDArray[np.float64]
Feeds = Mapping[str, Mapping[str, FloatArray]]

_WINDOWS: dict[str, Callable[[FloatArray, int], FloatArray]] = {
    "sma": indicators.sma,
    "wma": indicators.wma,
    "stdev": indicators.stdev,
    "highest": indicators.highest,
    "lowest": indicators.lowest,
    "rank": indicators.rank,
    "ema": indicators.ema,
    "rma": indicators.rma,
}


def evaluate(program: Program, feeds: Feeds, values: Sequence[float], bars: int) -> dict[int, Any]:
    """Return what each expression of a program comes to, by its place.

    Parameters
    ----------
    program
        The program: the same for every parameter set [P1].
    feeds
        Feed name to column name to values, float64[n] each.
    values
        One number a parameter, in canonical order.
    bars
        n.

    Returns
    -------
    dict of place to float, or to float64[n]
        A number, or a column [P2], of all that the orders are made of. Columns of higher bars have
        a value for each of these [G2].

    Raises
    ------
    InputError
        If a length is none for these values [P3], or what a user's function raises.
    """
    found: dict[int, Any] = dict(numbers_of(program, values))
    higher = program.higher
    groups = {name: Groups.of(feeds, name, bars) for name in program.timeframes}
    with np.errstate(all="ignore"):
        for place in reached(program):
            if place in found:
                continue
            node = program.nodes[place]
            parts = [found[part] for part in node.args]
            own = len(groups[higher[place]]) if higher[place] else bars
            column: Any
            if node.op == "feed":
                feed, _, name = node.text.partition(".")
                column = feeds[feed][name]
            elif node.op == "shift":
                column = indicators.shift(parts[0], int(parts[1]))
            elif node.op in _WINDOWS:
                column = _WINDOWS[node.op](_column(parts[0], own), int(parts[1]))
            elif node.op == "true_range":
                column = indicators.true_range(*(_column(part, own) for part in parts))
            elif node.op == "resample":
                name = program.nodes[node.args[0]].text.partition(".")[2]
                column = groups[node.text].gathered(parts[0], name)
            elif node.op == "latest":
                column = groups[higher[node.args[0]]].latest(parts[0])
            elif node.op == "call":
                function = program.functions[int(node.value)]
                # [C8] A number is given as a number.
                column = np.asarray(function.call(*parts), dtype=np.float64)
                if column.shape != (own,):
                    raise EngineError(
                        f"{function.name} returned {column.shape} values, not one a bar, ({own},)"
                    )
            else:
                column = combine(node.op, parts)
            found[place] = _column(column, own)
    return found


def combine(op: str, parts: Sequence[Any]) -> Any:
    """Return what an operation makes of numbers and columns, value by value.

    Parameters
    ----------
    op
        Arithmetic, a comparison, logic, ``where`` or ``choose``.
    parts
        float, or float64[n], each.
    """
    if op == "where":
        condition, yes, no = parts
        # [E5]
        return np.where(np.isnan(condition), np.nan, np.where(holds(condition), yes, no))
    if op == "choose":
        which, *branches = parts
        for place, branch in enumerate(branches):
            if which == place:
                return branch  # [E6]
        return np.nan
    if op in _ONE:
        return _ONE[op](parts[0])
    a, b = parts
    unknown = np.isnan(a) | np.isnan(b)
    if op == "minimum":
        return np.where(unknown, np.nan, np.where(np.less(a, b), a, b))  # [E2]
    if op == "maximum":
        return np.where(unknown, np.nan, np.where(np.greater(a, b), a, b))  # [E2]
    if op == "and":
        return np.where(unknown, np.nan, holds(a) & holds(b))  # [E4]
    if op == "or":
        return np.where(unknown, np.nan, holds(a) | holds(b))  # [E4]
    if op in _COMPARISONS:
        return np.where(unknown, np.nan, _COMPARISONS[op](a, b))  # [E3] [E7]
    return _TWO[op](a, b)  # [E1]


def holds(condition: Any) -> Any:
    """Return where a condition is known and not 0."""
    return np.not_equal(condition, 0.0) & ~np.isnan(condition)


_ONE: dict[str, Callable[[Any], Any]] = {
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "round_half_up": lambda a: np.floor(np.add(a, 0.5)),  # [E1]
    "not": lambda a: np.where(np.isnan(a), np.nan, np.equal(a, 0.0)),  # [E4] [E7]
}
_TWO: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}


def _column(value: Any, bars: int) -> FloatArray:
    """Return a number as a column that has it in every bar."""
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return value
    return np.full(bars, float(value))
