"""Programs as short texts: expressions as tuples, orders by functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wfo.rules.nodes import Node
from wfo.rules.program import Function, Order, Program

#: A number, the name of a parameter, ``feed.column``, or an operation and its parts.
Expression = float | str | tuple[Any, ...]

#: Numbers that no text can be written for.
NAN: Expression = ("div", 0, 0)
INFINITE: Expression = ("div", 1, 0)


class Draft:
    """Collects the nodes of a program; a parameter is one of `parameters`."""

    def __init__(self, parameters: Sequence[str]) -> None:
        self.parameters = tuple(parameters)
        self.nodes: list[Node] = []

    def place(self, expression: Expression) -> int:
        """Return the place of an expression, equal ones the same."""
        node = self._node(expression)
        if node not in self.nodes:
            self.nodes.append(node)
        return self.nodes.index(node)

    def _node(self, expression: Expression) -> Node:
        if isinstance(expression, tuple):
            op, *parts = expression
            if op == "call":
                function, *parts = parts
                return Node(op, tuple(map(self.place, parts)), value=float(function))
            if op == "resample":
                column, timeframe = parts
                return Node(op, (self.place(column),), text=timeframe)
            return Node(op, tuple(map(self.place, parts)))
        if isinstance(expression, str):
            if "." in expression:
                return Node("feed", text=expression)
            return Node("parameter", value=float(self.parameters.index(expression)))
        return Node("constant", value=float(expression))


#: An order before its expressions have places.
Wanted = tuple[str, Expression | None, Expression | None, bool]


def at_open(when: Expression | None = None) -> Wanted:
    return ("at_open", None, when, False)


def stop(level: Expression, when: Expression | None = None) -> Wanted:
    return ("stop", level, when, False)


def limit(level: Expression, when: Expression | None = None) -> Wanted:
    return ("limit", level, when, False)


def pullback(distance: Expression, when: Expression | None = None) -> Wanted:
    return ("pullback", distance, when, False)


def breakout(distance: Expression, when: Expression | None = None) -> Wanted:
    return ("breakout", distance, when, False)


def trail(distance: Expression) -> Wanted:
    return ("trail", distance, None, False)


def loss(distance: Expression, *, percent: bool = False) -> Wanted:
    return ("loss", distance, None, percent)


def target(distance: Expression, *, percent: bool = False) -> Wanted:
    return ("target", distance, None, percent)


def after(bars: Expression) -> Wanted:
    return ("after", bars, None, False)


def rules(
    *,
    long: Sequence[Wanted] = (),
    short: Sequence[Wanted] = (),
    exit_long: Sequence[Wanted] = (),
    exit_short: Sequence[Wanted] = (),
    parameters: Sequence[str] = ("p",),
    functions: Sequence[Function] = (),
    same_bar: Any = "next",
    **numbers: Expression,
) -> Program:
    """Return a program; `numbers` are ``reverse_to_long``, ``both``, ``size`` and their like."""
    draft = Draft(parameters)

    def orders(wanted: Sequence[Wanted]) -> tuple[Order, ...]:
        return tuple(
            Order(
                kind,
                None if value is None else draft.place(value),
                None if when is None else draft.place(when),
                percent,
            )
            for kind, value, when, percent in wanted
        )

    made: dict[str, Any] = {
        "long": orders(long),
        "short": orders(short),
        "exit_long": orders(exit_long),
        "exit_short": orders(exit_short),
    }
    made |= {name: draft.place(value) for name, value in numbers.items()}
    return Program(
        draft.parameters,
        tuple(draft.nodes),
        functions=tuple(functions),
        same_bar=same_bar,
        **made,
    )
