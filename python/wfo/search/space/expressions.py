"""Expressions over dimensions, computed for many points at once.

They are those of `wfo.strategy.constraints`, with dotted names, and with what a choice needs::

    strategy.swing.sma_fast < strategy.swing.sma_slow
    strategy.average == 'ema' or strategy.swing.sma_fast >= 10
    not risk.trailing or `risk.max-loss` < 0.2

A name that holds other characters than letters, digits, ``_`` and dots stands between backticks.
Numbers are float64. What cannot be computed, as a division by zero, is neither true nor false, and
a comparison with it does not hold; ``and`` and ``or`` look no further than they need to.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from wfo.errors import InputError, did_you_mean
from wfo.search.space.computing import (
    ARITHMETIC,
    COMPARE,
    FUNCTIONS,
    SIGNS,
    constant_truth,
    finite,
)
from wfo.search.space.dimension import Dimension
from wfo.search.space.drawing import numbers_of
from wfo.search.space.names import Value
from wfo.text import brief, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

#: Characters of an expression; a longer one is no constraint but a program.
_LONGEST = 1_000

#: Nodes within nodes of an expression.
_DEEPEST = 50

_TOKENS = re.compile(
    r"""(?P<text>'[^'\\]*'|"[^"\\]*")"""
    r"""|`(?P<quoted>[^`]*)`"""
    r"""|(?P<number>(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\w))"""
    r"""|(?P<name>\w+(?:\.\w+)*)""",
)

_WORDS = frozenset({"and", "or", "not"})
_TRUTHS = {"true": True, "True": True, "false": False, "False": False}

Kind = Literal["number", "truth", "value"]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an expression.

    Attributes
    ----------
    kind
        ``"number"``, ``"truth"``, or ``"value"`` of a choice of texts.
    compute
        Takes rows and returns what it is for each: of a number float64, NaN where there is none;
        of a truth whether it holds and whether it can be computed, bool; of a value int64, its
        number in `codes`.
    constant
        What it is for all rows; None where it depends on them.
    """

    kind: Kind
    compute: Callable[[FloatArray], Any]
    constant: Value | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression.

    Attributes
    ----------
    text
        As it was written.
    names
        The dimensions in it, in the order of the space.
    part
        What computes it.
    """

    text: str
    names: tuple[str, ...]
    part: Part

    def holds(self, rows: FloatArray) -> BoolArray:
        """Return for which rows it holds, bool[m]."""
        holds, defined = self.part.compute(rows)
        return cast("BoolArray", holds & defined)

    def numbers(self, rows: FloatArray) -> FloatArray:
        """Return its number for each row, NaN where there is none; float64[m]."""
        import numpy as np

        found = np.asarray(self.part.compute(rows), np.float64)
        return np.broadcast_to(found, (len(rows),))


def parse_condition(
    text: object, dimensions: Sequence[Dimension], constants: Mapping[str, Value]
) -> Expression:
    """Return what is true or false of points.

    Parameters
    ----------
    text
        See the module.
    dimensions
        Those of the space.
    constants
        Values that are fixed, by dotted name.

    Raises
    ------
    InputError
        If it is no such expression, or names nothing that is searched.
    """
    reader = _Reader(text, dimensions, constants)
    found = Expression(reader.text, reader.used(), reader.truth(reader.body))
    if not found.names:
        raise InputError(f"{shown(reader.text)} names no parameter that is searched")
    return found


def parse_number(
    text: object, dimensions: Sequence[Dimension], constants: Mapping[str, Value]
) -> Expression:
    """Return what is a number of points.

    Parameters
    ----------
    text, dimensions, constants
        As for `parse_condition`; a number too.

    Raises
    ------
    InputError
        If it is no such expression.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = repr(text)
    reader = _Reader(text, dimensions, constants)
    return Expression(reader.text, reader.used(), reader.number(reader.body))


class _Reader:
    """Turns the nodes of an expression into functions of rows."""

    def __init__(
        self, text: object, dimensions: Sequence[Dimension], constants: Mapping[str, Value]
    ) -> None:
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{brief(text)} must be an expression, such as 'fast < slow'")
        if len(text) > _LONGEST:
            raise InputError(
                f"{shown(text)} has {len(text):,} characters; at most {_LONGEST:,} will do"
            )
        self.text = text
        self.dimensions = list(dimensions)
        self.places = {dimension.name: at for at, dimension in enumerate(dimensions)}
        self.constants = constants
        #: Names in the order in which they come; node ``_3`` is the fourth.
        self.found: list[str] = []
        self.codes: dict[tuple[bool, Value], int] = {}
        self.body = self._parsed(_TOKENS.sub(self._placed, re.sub(r"[\r\n\t]", " ", text)))

    def wrong(self, said: str) -> InputError:
        return InputError(f"{shown(self.text)}: {said}")

    def _placed(self, token: re.Match[str]) -> str:
        """Return a token for Python's parser, with plain names for dotted ones."""
        if token["text"] is not None or token["number"] is not None:
            return token[0]
        quoted = token["quoted"]
        name = token["name"] if quoted is None else quoted
        called = token.string[token.end() :].lstrip().startswith("(")
        if quoted is None:
            if name in _WORDS or (called and name in FUNCTIONS):
                return name
            if name in _TRUTHS and name not in self.places:
                return str(_TRUTHS[name])
        if name not in self.places and name not in self.constants:
            known = [*self.places, *self.constants]
            near = did_you_mean(name, known) if len(known) <= 30 or "." in name else ""
            longer = [k for k in known if k.startswith(name) and not re.fullmatch(r"[\w.]+", k)]
            hint = f"; write `{longer[0]}` between backticks" if longer else near
            raise self.wrong(f"there is no parameter {shown(name)}{hint}")
        if name not in self.found:
            self.found.append(name)
        return f" _{self.found.index(name)} "

    def _parsed(self, text: str) -> ast.expr:
        try:
            body = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise self.wrong(f"it is no expression: {error.msg}") from None
        except (RecursionError, MemoryError, ValueError) as error:
            raise self.wrong(f"it is no expression: {error}") from None
        nodes: list[tuple[ast.AST, int]] = [(body, 1)]
        while nodes:
            node, depth = nodes.pop()
            if depth > _DEEPEST:
                raise self.wrong(f"it is nested more than {_DEEPEST} deep")
            nodes += [(child, depth + 1) for child in ast.iter_child_nodes(node)]
        return body

    def used(self) -> tuple[str, ...]:
        return tuple(name for name in self.places if name in self.found)

    def said(self, node: ast.AST) -> str:
        """Return a node as it was written."""
        return shown(re.sub(r"\b_(\d+)\b", lambda at: self.found[int(at[1])], ast.unparse(node)))

    def part(self, node: ast.expr) -> Part:
        """Return any part: a number, a truth, or a value of a choice."""
        match node:
            case ast.Name(id=name):
                return self._named(self.found[int(name[1:])])
            case ast.Constant(value=bool() | str() as value):
                return self._constant(value)
            case ast.Constant(value=int() | float() as value) if abs(value) <= 1e300:
                return self._constant(value)
            case ast.Compare():
                return self._comparison(node)
            case ast.BoolOp(op=op, values=values):
                return self._joined(isinstance(op, ast.And), [self.truth(each) for each in values])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.truth(operand).compute

                def negated(rows: FloatArray) -> tuple[BoolArray, BoolArray]:
                    holds, defined = inner(rows)
                    return ~holds, defined

                return Part("truth", negated)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                minus = self.number(operand).compute
                return Part("number", lambda rows: -minus(rows))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                a, b = self.number(left).compute, self.number(right).compute
                return Part("number", finite(ARITHMETIC[type(op)], [a, b]))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
                function, least, most = FUNCTIONS[name]
                if not least <= len(args) <= most:
                    wanted = "one number" if most == 1 else "two numbers or more"
                    raise self.wrong(f"{self.said(node)} must give {name} {wanted}")
                return Part("number", finite(function, [self.number(a).compute for a in args]))
        raise self.wrong(
            f"{self.said(node)} is not understood; there are names, numbers, texts in quotes, true,"
            " false, comparisons, and, or, not, + - * / // % **, min, max, abs and round"
        )

    def _named(self, name: str) -> Part:
        if name in self.constants and name not in self.places:
            return self._constant(self.constants[name])
        import numpy as np

        at = self.places[name]
        dimension = self.dimensions[at]
        if dimension.numeric:
            return Part("number", lambda rows: numbers_of(dimension, rows[:, at]))
        values = dimension.values or ()
        if all(isinstance(value, bool) for value in values):
            truths = np.array(values, np.bool_)

            def looked_up(rows: FloatArray) -> tuple[BoolArray, BoolArray]:
                holds = truths[rows[:, at].astype(np.int64)]
                return holds, np.ones(len(rows), np.bool_)

            return Part("truth", looked_up)
        codes = np.array([self._code(value) for value in values], np.int64)
        return Part("value", lambda rows: codes[rows[:, at].astype(np.int64)])

    def _constant(self, value: Value) -> Part:
        if isinstance(value, bool):
            return Part("truth", lambda rows: constant_truth(value, len(rows)), value)
        if isinstance(value, str):
            code = self._code(value)
            return Part("value", lambda _: code, value)
        import numpy as np

        number = np.float64(value)
        return Part("number", lambda _: number, value)

    def _code(self, value: Value) -> int:
        return self.codes.setdefault((isinstance(value, bool), value), len(self.codes))

    def truth(self, node: ast.expr) -> Part:
        """Return what is true or false."""
        found = self.part(node)
        if found.kind != "truth":
            raise self.wrong(
                f"{self.said(node)} is neither true nor false; compare it, as in 'fast < slow'"
            )
        return found

    def number(self, node: ast.expr) -> Part:
        """Return what is a number."""
        found = self.part(node)
        if found.kind != "number":
            raise self.wrong(f"{self.said(node)} is no number")
        return found

    def _comparison(self, node: ast.Compare) -> Part:
        operands = [node.left, *node.comparators]
        parts = [self.part(operand) for operand in operands]
        steps = []
        for at, op in enumerate(node.ops):
            if type(op) not in COMPARE:
                raise self.wrong(f"{self.said(node)} compares by something else than {SIGNS}")
            steps.append(self._pair(node, op, parts[at], parts[at + 1]))
        return steps[0] if len(steps) == 1 else self._joined(True, steps)

    def _pair(self, node: ast.Compare, op: ast.cmpop, left: Part, right: Part) -> Part:
        import numpy as np

        compare = COMPARE[type(op)]
        left, right = self._like(left, right), self._like(right, left)
        if left.kind != right.kind:
            raise self.wrong(f"{self.said(node)} compares a {left.kind} with a {right.kind}")
        if left.kind != "number" and not isinstance(op, ast.Eq | ast.NotEq):
            raise self.wrong(f"{self.said(node)} orders what has no order; compare by == or !=")
        a, b = left.compute, right.compute
        if left.kind == "truth":

            def of_truths(rows: FloatArray) -> tuple[BoolArray, BoolArray]:
                (first, one), (second, other) = a(rows), b(rows)
                return compare(first, second), one & other

            return Part("truth", of_truths)

        def compared(rows: FloatArray) -> tuple[BoolArray, BoolArray]:
            first, second = a(rows), b(rows)
            holds = np.broadcast_to(compare(first, second), (len(rows),))
            if left.kind == "value":
                return holds, np.ones(len(rows), np.bool_)
            return holds, np.broadcast_to(~(np.isnan(first) | np.isnan(second)), (len(rows),))

        return Part("truth", compared)

    def _like(self, part: Part, other: Part) -> Part:
        """Return a constant as a value of a choice, where it is compared with one."""
        if other.kind == "value" and part.kind != "value" and part.constant is not None:
            code = self._code(part.constant)
            return Part("value", lambda _: code, part.constant)
        return part

    @staticmethod
    def _joined(every: bool, parts: Sequence[Part]) -> Part:
        """Return ``and`` or ``or`` of truths: what a part does not decide, the next one does."""
        functions = [part.compute for part in parts]

        def joined(rows: FloatArray) -> tuple[BoolArray, BoolArray]:
            holds, defined = functions[0](rows)
            for function in functions[1:]:
                then, known = function(rows)
                decided = ~holds if every else holds
                defined = defined & (decided | known)
                holds = holds & then if every else holds | then
            return holds, defined

        return Part("truth", joined)
