"""What a user meant where Python asks an expression whether it is true, from the line itself."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from types import FrameType

from wfo.rules.authoring.sites import user_frame

#: Functions of Python that compare what they are given, and what stands in their place.
_INSTEAD = {"max": "x.maximum(a, b)", "min": "x.minimum(a, b)", "any": "a | b", "all": "a & b"}

_Span = tuple[tuple[int, int], tuple[int, int]]


def truth_hint(expression: str) -> str:
    """Return what is wrong, and what would do, where `expression` was asked for its truth."""
    frame = user_frame()
    node = None if frame is None else _asking(frame)
    unknown = f"{expression} is true or false by the bar, and unknown while the rules are made"
    match node:
        case ast.BoolOp(op=ast.And()):
            return f"Python's `and` does not join conditions; use (a) & (b): {unknown}"
        case ast.BoolOp():
            return f"Python's `or` does not join conditions; use (a) | (b): {unknown}"
        case ast.UnaryOp():
            return f"Python's `not` does not turn a condition; use ~(a): {unknown}"
        case ast.Compare(ops=[ast.In() | ast.NotIn()]):
            return f"Python's `in` does not compare expressions; use (a == 1) | (a == 2): {unknown}"
        case ast.Compare():
            return f"a chained comparison joins by Python's `and`; use (a < b) & (b < c): {unknown}"
        case ast.Call(func=ast.Name(id=name)):
            return f"Python's {name} does not compare columns; use {_INSTEAD[name]}: {unknown}"
    return (
        "Python's `if` and `while` do not choose by conditions; use x.where(c, a, b), or"
        f" x.choose of a parameter: {unknown}"
    )


def _asking(frame: FrameType) -> ast.AST | None:
    """Return the smallest part of the source that asks for truth at a frame's place; None if none.

    An `if` itself is not returned: it is what is left where nothing smaller is found.
    """
    file = frame.f_code.co_filename
    try:
        tree = ast.parse("".join(linecache.getlines(file, frame.f_globals)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    at = _place(frame)
    found = [
        (_size(span), node) for node, span in _spans(tree) if span[0] <= at[0] <= at[1] <= span[1]
    ]
    return min(found, key=lambda each: each[0])[1] if found else None


def _place(frame: FrameType) -> _Span:
    positions = list(frame.f_code.co_positions())
    first, last, begin, end = positions[frame.f_lasti // 2]
    if None in (first, last, begin, end):
        return (frame.f_lineno, 0), (frame.f_lineno, 0)
    return (first, begin), (last, end)  # type: ignore[return-value]  # none is None


def _size(span: _Span) -> tuple[int, int]:
    (first, begin), (last, end) = span
    return last - first, end - begin


def _spans(tree: ast.AST) -> Iterator[tuple[ast.AST, _Span]]:
    for node in ast.walk(tree):
        match node:
            case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                pass
            case ast.Compare(ops=[_, _, *_]) | ast.Compare(ops=[ast.In() | ast.NotIn()]):
                pass
            case ast.Call(func=ast.Name(id=name)) if name in _INSTEAD:
                pass
            case _:
                continue
        end = (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
        yield node, ((node.lineno, node.col_offset), end)
