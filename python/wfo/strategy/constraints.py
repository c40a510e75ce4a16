"""Constraints: expressions over parameters that every combination of a grid must meet.

An expression compares numbers, and may join comparisons::

    fast < slow
    2 * fast <= slow and not (mode == 2 and slow > 100)
    5 <= abs(slow - fast) <= max(fast, 20)

It is made of parameter names, finite numbers, ``+ - * / // % **``, the comparisons
``< <= > >= == !=`` (chains too), ``and``, ``or``, ``not``, and the functions `min`, `max`, `abs`
and `round` (to a whole number, halves to the even one). Nothing else is evaluated, so that an
expression from a file can be trusted.
"""

from __future__ import annotations

import ast
import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wfo.errors import InputError, did_you_mean
from wfo.strategy.parameter import Number

#: Characters of an expression; a longer one is no constraint but a program.
_LONGEST = 1_000

#: Nodes within nodes of an expression.
_DEEPEST = 50

#: Bits of a power of whole numbers, above which it would be computed for minutes.
_MOST_BITS = 4_096

Row = Sequence[Number]
_Node = Callable[[Row], Any]

_WORDS: dict[type[ast.cmpop], str] = {
    ast.Lt: "below",
    ast.LtE: "at or below",
    ast.Gt: "above",
    ast.GtE: "at or above",
    ast.Eq: "equal to",
    ast.NotEq: "other than",
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """A parsed expression.

    Attributes
    ----------
    expression
        As it was written.
    names
        The parameters in it, in canonical order.
    """

    expression: str
    names: tuple[str, ...]
    _holds: _Node = field(repr=False, compare=False)
    #: Of a comparison of two parameters: the left one, the comparison in words, the right one.
    _pair: tuple[str, str, str] | None = field(repr=False, compare=False)

    def holds(self, row: Row) -> bool:
        """Whether values meet it.

        Parameters
        ----------
        row
            One number for each of `names`.

        Raises
        ------
        InputError
            If it cannot be computed for them, as a division by zero.
        """
        try:
            return bool(self._holds(row))
        except (ArithmeticError, ValueError) as error:
            raise InputError(
                f"the constraint {self.expression!r} cannot be computed for"
                f" {_listed(self.names, row)}: {error}"
            ) from None

    def check(self, params: Mapping[str, Number]) -> None:
        """Raise unless a parameter set meets it.

        Raises
        ------
        InputError
            With the parameters and their values.
        """
        row = [params[name] for name in self.names]
        if self.holds(row):
            return
        if self._pair is not None:
            left, word, right = self._pair
            raise InputError(
                f"{left} = {params[left]} is not allowed; it must be {word}"
                f" {right} = {params[right]}"
            )
        verb = "is not allowed" if len(row) == 1 else "are not allowed together"
        raise InputError(f"{_listed(self.names, row)} {verb}; {self.expression} must hold")


def meeting(
    constraints: Sequence[Constraint], values: Mapping[str, Sequence[Number]]
) -> Iterator[int]:
    """Yield which sets of values meet all of `constraints`, by their position in the product.

    Parameters
    ----------
    constraints
        One at least.
    values
        Of all parameters that the constraints name.

    Raises
    ------
    InputError
        If one cannot be computed for some set.
    """
    names = tuple(values)
    # Read anew with the places of all parameters: a row of the product is taken as it is.
    tests = [_Reader(c.expression, names, names).truth(_body(c.expression)) for c in constraints]
    first, *others = tests
    for position, row in enumerate(itertools.product(*values.values())):
        try:
            if first(row) and all(test(row) for test in others):
                yield position
        except (ArithmeticError, ValueError):
            for constraint in constraints:
                constraint.holds([row[names.index(name)] for name in constraint.names])
            raise


def nowhere(constraints: Sequence[Constraint], values: Mapping[str, Sequence[Number]]) -> str:
    """Say that no values of a grid meet all of `constraints`."""
    pair = constraints[0]._pair if len(constraints) == 1 else None
    if pair is not None:
        left, word, right = pair
        return f"{left} = {_axis(values[left])} is nowhere {word} {right} = {_axis(values[right])}"
    axes = ", ".join(f"{name} = {_axis(axis)}" for name, axis in values.items())
    met = " and ".join(
        f"({c.expression})" if len(constraints) > 1 else c.expression for c in constraints
    )
    return f"no values of {axes} meet {met}"


@functools.lru_cache(maxsize=1024)
def parse(expression: str, names: tuple[str, ...]) -> Constraint:
    """Return the constraint that an expression states.

    Parameters
    ----------
    expression
        See the module.
    names
        The parameters that it may name, in canonical order.

    Raises
    ------
    InputError
        If it is no such expression; the message says what is wrong.
    """
    if not isinstance(expression, str) or not expression.strip():
        raise InputError(f"constraint {expression!r} must be an expression, such as 'fast < slow'")
    if len(expression) > _LONGEST:
        raise InputError(
            f"the constraint {expression[:40]!r}… has {len(expression):,} characters; at most"
            f" {_LONGEST:,} will do"
        )
    try:
        body = _body(expression)
        if _depth(body) > _DEEPEST:
            raise InputError(f"constraint {expression!r} is nested more than {_DEEPEST} deep")
        used = {node.id for node in ast.walk(body) if isinstance(node, ast.Name)}
        own = tuple(name for name in names if name in used)
        holds = _Reader(expression, names, own).truth(body)
    except SyntaxError as error:
        raise InputError(f"constraint {expression!r} is no expression: {error.msg}") from None
    except (RecursionError, MemoryError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"constraint {expression!r} is no expression: {error}") from None
    if not own:
        raise InputError(f"constraint {expression!r} names no parameter")
    return Constraint(expression, own, holds, _pair_of(body))


def groups(
    names: Sequence[str], constraints: Sequence[Constraint]
) -> list[tuple[tuple[str, ...], tuple[Constraint, ...]]]:
    """Divide parameters into those that share constraints, directly or by others.

    Returns
    -------
    list of (names, constraints)
        Names in canonical order, groups in the order of their first ones. What no constraint names
        is a group of its own, without any.
    """
    group = {name: {name} for name in names}
    for constraint in constraints:
        joined = set().union(*(group[name] for name in constraint.names))
        group.update(dict.fromkeys(joined, joined))
    found = []
    for name in names:
        members = tuple(n for n in names if n in group[name])
        if members[0] == name:
            own = tuple(c for c in constraints if c.names[0] in members)
            found.append((members, own))
    return found


class _Reader:
    """Turns the nodes of an expression into functions of a row of values."""

    def __init__(self, expression: str, known: Sequence[str], own: Sequence[str]) -> None:
        self.expression = expression
        self.known = known
        self.own = own

    def wrong(self, node: ast.AST, hint: str) -> InputError:
        text = ast.unparse(node)
        return InputError(f"constraint {self.expression!r}: {text!r} {hint}")

    def truth(self, node: ast.expr) -> _Node:
        """Return what is true or false: comparisons, and what joins them."""
        match node:
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._comparison(node, [left, *comparators], ops)
            case ast.BoolOp(op=op, values=values):
                parts = [self.truth(value) for value in values]
                if isinstance(op, ast.And):
                    return lambda row: all(part(row) for part in parts)
                return lambda row: any(part(row) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.truth(operand)
                return lambda row: not inner(row)
        raise self.wrong(node, "is neither true nor false; compare it, as in 'fast < slow'")

    def _comparison(
        self, node: ast.expr, operands: Sequence[ast.expr], ops: Sequence[ast.cmpop]
    ) -> _Node:
        compare = [_COMPARE.get(type(op)) for op in ops]
        if None in compare:
            raise self.wrong(node, f"is no comparison by one of {', '.join(_SIGNS)}")
        numbers = [self.number(operand) for operand in operands]
        steps = list(zip(numbers, compare, numbers[1:], strict=False))
        if len(steps) == 1:
            ((left, holds, right),) = steps
            return lambda row: holds(left(row), right(row))  # type: ignore[misc]  # none is None
        return lambda row: all(
            holds(left(row), right(row))  # type: ignore[misc]  # none is None
            for left, holds, right in steps
        )

    def number(self, node: ast.expr) -> _Node:
        """Return what is a number: parameters, numbers, and what is computed from them."""
        match node:
            case ast.Name(id=name):
                if name not in self.known:
                    hint = did_you_mean(name, self.known)
                    raise self.wrong(node, f"is no parameter{hint}")
                return operator.itemgetter(self.own.index(name))
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as value) if math.isfinite(value):
                return lambda _: value
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.number(operand)
                return lambda row: -inner(row)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                a, compute, b = self.number(left), _ARITHMETIC[type(op)], self.number(right)
                return lambda row: compute(a(row), b(row))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                function, least, most = _FUNCTIONS[name]
                if not least <= len(args) <= most:
                    wanted = "one number" if most == 1 else "two numbers or more"
                    raise self.wrong(node, f"must give {name} {wanted}")
                parts = [self.number(arg) for arg in args]
                return lambda row: function(*(part(row) for part in parts))
        raise self.wrong(
            node,
            "is not understood; a constraint has parameter names, numbers, comparisons, and, or,"
            " not, + - * / // % **, min, max, abs and round",
        )


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        if base.bit_length() * exponent > _MOST_BITS:
            raise OverflowError("a power is too large")
        return int(base**exponent)
    # Unlike `**`, which would answer with a complex number.
    return math.pow(base, exponent)


_SIGNS = ("<", "<=", ">", ">=", "==", "!=")
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
#: A function, and how many numbers it takes.
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "min": (min, 2, _LONGEST),
    "max": (max, 2, _LONGEST),
    "abs": (abs, 1, 1),
    "round": (round, 1, 1),
}


def _body(expression: str) -> ast.expr:
    return ast.parse(expression.strip(), mode="eval").body


def _depth(body: ast.expr) -> int:
    deepest = 0
    nodes: list[tuple[ast.AST, int]] = [(body, 1)]
    while nodes:
        node, depth = nodes.pop()
        deepest = max(deepest, depth)
        nodes += [(child, depth + 1) for child in ast.iter_child_nodes(node)]
    return deepest


def _pair_of(body: ast.expr) -> tuple[str, str, str] | None:
    match body:
        case ast.Compare(left=ast.Name(id=left), ops=[op], comparators=[ast.Name(id=right)]):
            return left, _WORDS[type(op)], right
    return None


def _listed(names: Sequence[str], row: Row) -> str:
    return ", ".join(f"{name} = {value}" for name, value in zip(names, row, strict=True))


def _axis(values: Sequence[Number]) -> str:
    """Write values as a list, of which a long one shows its ends."""
    if len(values) <= 12:
        return str(list(values))
    head = ", ".join(str(v) for v in values[:3])
    return f"[{head}, …, {values[-1]}]"
