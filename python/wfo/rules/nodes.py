"""Nodes of a program: the expressions that it is made of, and what each of them is.

Ids in brackets are those of `CONTRACT.md`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wfo.data.timeframes import TIMEFRAMES
from wfo.errors import InputError
from wfo.text import brief

#: Bars of a length or a shift, at most [P3].
MOST_BARS = 10**9

#: What a node is: known for each parameter set, one number a bar, or one condition a bar [P2].
Kind = Literal["number", "column", "condition"]

#: Operations by the number of their arguments.
_ARITHMETIC = {"add": 2, "sub": 2, "mul": 2, "div": 2, "neg": 1, "abs": 1, "sqrt": 1, "floor": 1}
_ARITHMETIC |= {"round_half_up": 1, "minimum": 2, "maximum": 2}
_COMPARISONS = {"lt": 2, "le": 2, "gt": 2, "ge": 2, "eq": 2, "ne": 2}
_LOGIC = {"and": 2, "or": 2, "not": 1}
#: A column and a length, each.
WINDOWS = ("sma", "wma", "stdev", "highest", "lowest", "rank", "ema", "rma")

#: What makes the same of each bar's values, so that it makes no difference whether it is of higher
#: bars or of what is known of them [G3].
BY_BAR = (*_ARITHMETIC, *_COMPARISONS, *_LOGIC, "where", "choose")

#: All operations. `parameter` has its place in `value`, `constant` its number, `feed` its name
#: ``feed.column`` in `text`, `call` the place of its function in `value`, and `resample` the
#: timeframe of its bars and the calendar in `text`, with a space between.
OPERATIONS = (
    *("parameter", "constant", "feed"),
    *(*_ARITHMETIC, *_COMPARISONS, *_LOGIC),
    *("where", "choose", "shift", "true_range", "call", "resample", "latest"),
    *WINDOWS,
)


@dataclass(frozen=True, slots=True)
class Node:
    """One expression.

    Attributes
    ----------
    op
        One of `OPERATIONS`.
    args
        Places of its parts, all before its own.
    value
        Place of a parameter or function, number of a constant; else 0.
    text
        ``feed.column`` of a feed, timeframe and calendar of ``resample``; else empty.
    """

    op: str
    args: tuple[int, ...] = ()
    value: float = 0.0
    text: str = ""


def kinds_of(nodes: Sequence[Node], parameters: int, functions: int) -> list[Kind]:
    """Return what each node is, and check that each is one.

    Raises
    ------
    InputError
        With the place of the node, counted from 0.
    """
    kinds: list[Kind] = []
    for place, node in enumerate(nodes):
        where = f"expression {place} ({brief(node.op)})"
        if any(not 0 <= part < place for part in node.args):
            raise InputError(f"{where}: its parts are not all before it")
        parts = [kinds[part] for part in node.args]
        kinds.append(kind_of(node, parts, parameters, functions, where))
    return kinds


def higher_of(nodes: Sequence[Node], kinds: Sequence[Kind]) -> list[str]:
    """Return the higher bars that each node is a column of, and check that they fit [G2].

    Raises
    ------
    InputError
        With the place of the node, counted from 0.
    """
    found: list[str] = []
    for place, node in enumerate(nodes):
        where = f"expression {place} ({node.op})"
        parts = [found[part] for part in node.args if kinds[part] != "number"]
        if node.op == "resample" and nodes[node.args[0]].op != "feed":
            raise InputError(f"{where}: it is of a column of a feed alone")
        found.append(timeframe_of(node, parts, where))
    return found


def timeframe_of(node: Node, parts: Sequence[str], where: str) -> str:
    """Return the higher bars that a node is a column of; empty for none.

    Parameters
    ----------
    node
        Its parts are not looked at.
    parts
        The higher bars of those of its parts that are columns.
    where
        What a message begins with.

    Raises
    ------
    InputError
        If the parts do not fit together.
    """
    if node.op == "resample":
        return node.text
    if len(set(parts)) > 1:
        raise InputError(f"{where}: its parts are columns of bars of different lengths")
    own = parts[0] if parts else ""
    if node.op == "latest":
        if not own:
            raise InputError(f"{where}: it is of a column of higher bars alone")
        return ""
    return own


def kind_of(node: Node, parts: Sequence[Kind], parameters: int, functions: int, where: str) -> Kind:
    """Return what a node is, and check that it is one.

    Parameters
    ----------
    node
        Its parts are not looked at.
    parts
        What each of its parts is.
    parameters, functions
        How many there are.
    where
        What a message begins with.

    Raises
    ------
    InputError
        If it cannot be a node with these parts.
    """
    numbers = all(kind == "number" for kind in parts)
    match node.op:
        case "parameter":
            _count(parts, 0, where)
            _place(node.value, parameters, where)
            return "number"
        case "constant":
            _count(parts, 0, where)
            return "number"
        case "feed":
            _count(parts, 0, where)
            if node.text.count(".") != 1:
                raise InputError(f"{where}: {brief(node.text)} is not FEED.COLUMN")
            return "column"
        case "call":
            _place(node.value, functions, where)
            return "column"
        case "where":
            _count(parts, 3, where)
            return _joined(parts, parts[1:])
        case "choose":
            if len(parts) < 2:
                raise InputError(f"{where}: choose needs a number and one branch at least")
            if parts[0] != "number":
                raise InputError(f"{where}: what chooses must be a number, not a column")
            return _joined(parts, parts[1:])
        case "shift":
            _count(parts, 2, where)
            _length(parts[1], where)
            return parts[0]
        case "true_range":
            _count(parts, 3, where)
            return "column"
        case "resample":
            _count(parts, 1, where)
            timeframe, _, calendar = node.text.partition(" ")
            if timeframe not in TIMEFRAMES or not calendar or " " in calendar:
                raise InputError(f"{where}: {brief(node.text)} is no timeframe and calendar")
            return "column"
        case "latest":
            _count(parts, 1, where)
            return parts[0]
    if node.op in WINDOWS:
        _count(parts, 2, where)
        _length(parts[1], where)
        return "column"
    if node.op in _ARITHMETIC:
        _count(parts, _ARITHMETIC[node.op], where)
        return "number" if numbers else "column"
    if node.op in _COMPARISONS or node.op in _LOGIC:
        _count(parts, (_COMPARISONS | _LOGIC)[node.op], where)
        return "number" if numbers else "condition"
    raise InputError(f"{where} is no operation")


def _joined(parts: Sequence[Kind], branches: Sequence[Kind]) -> Kind:
    """Return the kind of what takes one of several branches."""
    if all(kind == "number" for kind in parts):
        return "number"
    return "condition" if all(kind == "condition" for kind in branches) else "column"


def _count(parts: Sequence[Kind], wanted: int, where: str) -> None:
    if len(parts) != wanted:
        raise InputError(f"{where}: it has {len(parts)} parts; {wanted} are needed")


def _place(value: float, count: int, where: str) -> None:
    if not (math.isfinite(value) and value == int(value) and 0 <= value < count):
        raise InputError(f"{where}: there is no {brief(value)} of {count}")


def _length(kind: Kind, where: str) -> None:
    if kind != "number":
        raise InputError(
            f"{where}: its length must be a number or an expression of parameters, not a {kind}"
        )
