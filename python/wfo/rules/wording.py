"""Expressions in words: what a message, a listing and a log call a node of a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wfo.rules.nodes import Node
from wfo.rules.program import Function

#: Operations that stand between their parts.
SIGNS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "==",
    "ne": "!=",
    "and": "&",
    "or": "|",
}
_BEFORE = {"neg": "-", "not": "~"}

#: How tightly an operation binds, as Python's operators do; what is called binds tightest.
_BINDS = {
    **dict.fromkeys(("lt", "le", "gt", "ge", "eq", "ne"), 1),
    **dict.fromkeys(("add", "sub"), 4),
    **dict.fromkeys(("mul", "div"), 5),
    **dict.fromkeys(("neg", "not"), 6),
    "or": 2,
    "and": 3,
}
_TIGHTEST = 7

#: Characters of an expression in a message.
_LONGEST = 60


def worded(
    nodes: Sequence[Node],
    place: int,
    parameters: Sequence[str],
    functions: Sequence[Function] = (),
    *,
    longest: int = _LONGEST,
    names: Mapping[int, str] | None = None,
) -> str:
    """Return a node as one would write it, such as ``sma(close, trend)``.

    Parameters
    ----------
    nodes, parameters, functions
        Those of a program, or of one that is being made.
    place
        Which node.
    longest
        Characters, at most; a longer text ends in dots.
    names
        Names of nodes that stand for what these are made of, but not for the node itself.
    """
    words = _Words(nodes, parameters, functions, longest, names or {})
    text = words.of(place)
    return text if len(text) <= longest else text[: longest - 3] + "..."


class _Words:
    """Writes nodes, and of what would be longer than a message only the beginning."""

    def __init__(
        self,
        nodes: Sequence[Node],
        parameters: Sequence[str],
        functions: Sequence[Function],
        longest: int,
        names: Mapping[int, str],
    ) -> None:
        self.nodes = nodes
        self.parameters = parameters
        self.functions = functions
        self.names = names
        # Shared parts are written wherever they stand, which may be very often.
        self.left = 4 * longest

    def of(self, place: int, binds: int = 0, *, part: bool = False) -> str:
        """Return a node, in brackets where it binds less tightly than what it stands in."""
        if part and place in self.names:
            return self.names[place]
        node = self.nodes[place]
        self.left -= 1
        if self.left < 0:
            return "..."
        match node.op:
            case "parameter":
                return self.parameters[int(node.value)]
            case "constant":
                return f"{node.value:.15g}"
            case "feed":
                return node.text.removeprefix("bars.")
            case "resample":
                return f"{node.text.partition(' ')[0]}.{self.of(node.args[0])}"
            case "latest":
                return self.of(node.args[0], binds, part=part)
        own = _BINDS.get(node.op, _TIGHTEST)
        if node.op in SIGNS:
            # From left to right; comparisons would be a chain.
            left = self.of(node.args[0], own + (own == 1), part=True)
            text = f"{left} {SIGNS[node.op]} {self.of(node.args[1], own + 1, part=True)}"
        elif node.op in _BEFORE:
            text = f"{_BEFORE[node.op]}{self.of(node.args[0], own, part=True)}"
        else:
            called = self.functions[int(node.value)].name if node.op == "call" else node.op
            text = f"{called}({', '.join(self.of(each, part=True) for each in node.args)})"
        return f"({text})" if own < binds else text
