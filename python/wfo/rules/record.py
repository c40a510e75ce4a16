"""Programs as plain values for the records of runs, and made of them again.

A record is data: whatever it says, nothing of it is executed. A program with functions of the
user's is code, and has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from wfo.errors import InputError, ResultsError
from wfo.files.limits import RULES_NODES, RULES_PARTS
from wfo.files.schema import FiniteNumber, Limits, ShortText, require
from wfo.rules.nodes import OPERATIONS, Node
from wfo.rules.program import LISTS, MOST_ORDERS, NAMED, Order, Program

#: The kind that a record states.
KIND = "rules"

#: Numbers that JSON does not have, as texts.
_UNWRITABLE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

_Place = Annotated[int, Limits(f"a whole number from 0 to {RULES_NODES:,}", ge=0, le=RULES_NODES)]


class NodeShape(TypedDict):
    """An expression; what it does not have is left out."""

    op: ShortText
    args: NotRequired[
        Annotated[
            list[_Place], Limits(f"a list of up to {RULES_PARTS:,} expressions", most=RULES_PARTS)
        ]
    ]
    value: NotRequired[FiniteNumber | Literal["nan", "inf", "-inf"]]
    text: NotRequired[ShortText]


class OrderShape(TypedDict):
    """An entry or an exit."""

    kind: ShortText
    value: NotRequired[_Place]
    when: NotRequired[_Place]
    percent: NotRequired[bool]


_Orders = Annotated[
    list[OrderShape], Limits(f"a list of up to {MOST_ORDERS} orders", most=MOST_ORDERS)
]


class ProgramShape(TypedDict):
    """A program."""

    kind: Literal["rules"]
    nodes: Annotated[
        list[NodeShape],
        Limits(f"a list of up to {RULES_NODES:,} expressions", most=RULES_NODES),
    ]
    long: NotRequired[_Orders]
    short: NotRequired[_Orders]
    exit_long: NotRequired[_Orders]
    exit_short: NotRequired[_Orders]
    reverse_to_long: NotRequired[_Place]
    reverse_to_short: NotRequired[_Place]
    both: NotRequired[_Place]
    risk: NotRequired[_Place]
    size: NotRequired[_Place]
    same_bar: Literal["next", "open", "worst"]


def to_record(program: Program) -> dict[str, Any] | None:
    """Return a program as plain values; None where it has functions of the user's."""
    return None if program.functions else _plain(program)


def identity(program: Program) -> dict[str, Any]:
    """Return all that a program computes as plain values, of functions of the user's a digest."""
    functions = [[each.name, each.digest] for each in program.functions]
    return _plain(program) | ({"functions": functions} if functions else {})


def _plain(program: Program) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": KIND, "nodes": [_node(node) for node in program.nodes]}
    for name in LISTS:
        if getattr(program, name):
            found[name] = [_order(order) for order in getattr(program, name)]
    for name in NAMED:
        if getattr(program, name) is not None:
            found[name] = getattr(program, name)
    return found | {"same_bar": program.same_bar}


def from_record(data: Mapping[str, Any], parameters: Sequence[str]) -> Program:
    """Return the program that a record states.

    Parameters
    ----------
    data
        What `to_record` returned.
    parameters
        Names of the parameters, in canonical order.

    Raises
    ------
    ResultsError
        If it is something else; the message names what is wrong.
    """
    require(data, ProgramShape, "the program", key="program")
    try:
        nodes = tuple(_read_node(node) for node in data["nodes"])
        given: dict[str, Any] = {name: data.get(name) for name in NAMED}
        for name in LISTS:
            given[name] = tuple(_read_order(order) for order in data.get(name, ()))
        return Program(tuple(parameters), nodes, **given, same_bar=data["same_bar"])
    except InputError as error:
        raise ResultsError(f"the program cannot be one: {error}") from None


def _node(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {"op": node.op}
    if node.args:
        found["args"] = list(node.args)
    if node.value or str(node.value) == "-0.0":
        found["value"] = node.value if math.isfinite(node.value) else str(node.value)
    if node.text:
        found["text"] = node.text
    return found


def _read_node(data: Mapping[str, Any]) -> Node:
    if data["op"] not in OPERATIONS:
        raise InputError(f"{data['op']!r:.40} is no operation that this version knows")
    value = data.get("value", 0.0)
    number = _UNWRITABLE[value] if isinstance(value, str) else float(value)
    return Node(data["op"], tuple(data.get("args", ())), number, data.get("text", ""))


def _order(order: Order) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": order.kind}
    for name in ("value", "when"):
        if getattr(order, name) is not None:
            found[name] = getattr(order, name)
    return found | {"percent": True} if order.percent else found


def _read_order(data: Mapping[str, Any]) -> Order:
    return Order(
        data["kind"], data.get("value"), data.get("when"), percent=data.get("percent", False)
    )
