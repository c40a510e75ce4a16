"""Numbers of a program: expressions of parameters alone, worked out for one parameter set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from wfo.errors import InputError
from wfo.rules.nodes import MOST_BARS, WINDOWS, Node
from wfo.rules.program import LISTS, NAMED, Program
from wfo.text import plain_number


class Length(NamedTuple):
    """A number that counts bars.

    Attributes
    ----------
    node
        Place of the number.
    what
        What it is the length of, for messages.
    least
        The smallest one that is allowed.
    """

    node: int
    what: str
    least: int

    def allows(self, bars: float) -> bool:
        """Return whether it may be so many: whole, and in its range [P3]."""
        return self.least <= bars <= MOST_BARS and bars == math.floor(bars)

    @property
    def allowed(self) -> str:
        """What it may be, in words."""
        return f"it must be whole, from {self.least} to {MOST_BARS:,}"


#: What a risk may be, in words [Z2].
RISK_ALLOWED = "it must be above 0 and at most 1"


def allows_risk(risk: float) -> bool:
    """Return whether a risk may be so large [Z2]."""
    return 0.0 < risk <= 1.0


@lru_cache(maxsize=64)
def reached(program: Program) -> tuple[int, ...]:
    """Return the places of all expressions that orders are made of, ascending.

    What no order, ``reverse_to_…``, ``both``, ``risk`` or ``size`` is made of does not
    matter [P3].
    """
    orders = (order for name in LISTS for order in getattr(program, name))
    named = [place for order in orders for place in (order.value, order.when)]
    named += [getattr(program, name) for name in NAMED]
    waiting = [place for place in named if place is not None]
    found: set[int] = set()
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += program.nodes[place].args
    return tuple(sorted(found))


@lru_cache(maxsize=64)
def dependencies(program: Program) -> tuple[frozenset[int], ...]:
    """Return the places of the parameters that each expression is made of."""
    found: list[frozenset[int]] = []
    for node in program.nodes:
        own = {int(node.value)} if node.op == "parameter" else set()
        found.append(frozenset(own.union(*(found[part] for part in node.args))))
    return tuple(found)


@lru_cache(maxsize=64)
def lengths(program: Program) -> tuple[Length, ...]:
    """Return the numbers that count bars [P3]."""
    found = []
    for place in reached(program):
        node = program.nodes[place]
        if node.op in WINDOWS:
            found.append(Length(node.args[1], f"the length of {node.op}", 1))
        elif node.op == "shift":
            found.append(Length(node.args[1], "the bars of shift", 0))
    for name in ("exit_long", "exit_short"):
        for order in getattr(program, name):
            if order.kind == "after":
                found += [Length(order.value, f"the bars of after in {name}", 1)]
    return tuple(found)


@lru_cache(maxsize=64)
def number_places(program: Program) -> tuple[int, ...]:
    """Return the places of the numbers among all expressions that orders are made of [P2]."""
    kinds = program.kinds
    return tuple(place for place in reached(program) if kinds[place] == "number")


def numbers_of(program: Program, values: Sequence[float]) -> dict[int, float]:
    """Return the numbers for one parameter set, by their places.

    Parameters
    ----------
    program
        The program.
    values
        One number a parameter, in canonical order.

    Raises
    ------
    InputError
        If a length is not whole or out of its range [P3], or ``risk`` out of its own [Z2].
    """
    found = unchecked_numbers(program, values)
    for length in lengths(program):
        bars = found[length.node]
        if not length.allows(bars):
            raise InputError(
                f"{length.what} is {shown_number(bars)}{_with(program, values)}; {length.allowed}"
            )
    if program.risk is not None and not allows_risk(found[program.risk]):
        risk = shown_number(found[program.risk])
        raise InputError(f"risk is {risk}{_with(program, values)}; {RISK_ALLOWED}")
    return found


def unchecked_numbers(program: Program, values: Sequence[float]) -> dict[int, float]:
    """Return the numbers for one parameter set, by their places, whatever they are."""
    found: dict[int, float] = {}
    for place in number_places(program):
        found[place] = _number(program.nodes[place], values, found)
    return found


def number_at(program: Program, place: int) -> Callable[[Sequence[float]], float]:
    """Return what gives one number of a parameter set, by its values, whatever it is."""
    needed = {place}
    for at in range(place, -1, -1):
        if at in needed:
            needed.update(program.nodes[at].args)
    nodes = [(at, program.nodes[at]) for at in sorted(needed)]
    if len(nodes) == 1 and nodes[0][1].op == "parameter":
        column = int(nodes[0][1].value)
        return lambda values: float(values[column])

    def number(values: Sequence[float]) -> float:
        found: dict[int, float] = {}
        for at, node in nodes:
            found[at] = _number(node, values, found)
        return found[place]

    return number


def _number(node: Node, values: Sequence[float], found: Mapping[int, float]) -> float:
    if node.op == "parameter":
        return float(values[int(node.value)])
    if node.op == "constant":
        return float(node.value)
    return combine(node.op, [found[part] for part in node.args])


def _with(program: Program, values: Sequence[float]) -> str:
    """Say for which values, as far as they are few."""
    listed = [
        f"{name} = {shown_number(value)}"
        for name, value in zip(program.parameters, values, strict=True)
    ]
    more = ", …" if len(listed) > _MOST_LISTED else ""
    return f" for {', '.join(listed[:_MOST_LISTED])}{more}" if listed else ""


def shown_number(number: float) -> str:
    """Return a number as a message states it."""
    return plain_number(repr(float(number))) or f"{number:g}"


#: Parameters that a message lists, at most.
_MOST_LISTED = 8


def combine(op: str, parts: Sequence[float]) -> float:
    """Return what an operation makes of numbers."""
    if op == "where":
        condition, yes, no = parts
        if math.isnan(condition):  # [E5]
            return math.nan
        return yes if condition else no
    if op == "choose":
        which, *branches = parts
        # [E6] A number that is none of the places is NaN.
        return dict(enumerate(branches)).get(which, math.nan)  # type: ignore[call-overload, no-any-return]  # 2.0 is the key 2
    if op == "shift":
        return parts[0]  # [P2]
    if op in _EXACT:
        return _EXACT[op](*parts)  # [E1]
    if any(map(math.isnan, parts)):  # [E2] [E3] [E4] [E7]
        return math.nan
    return float(_KNOWN[op](*parts))


def _divided(a: float, b: float) -> float:
    if b != 0.0:
        return a / b
    if a == 0.0 or math.isnan(a) or math.isnan(b):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _floor(a: float) -> float:
    """Round down in float64, which keeps what is no finite number."""
    return float(math.floor(a)) if math.isfinite(a) else a


_EXACT: Mapping[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divided,
    "neg": lambda a: -a,
    "abs": abs,
    "sqrt": lambda a: math.sqrt(a) if a >= 0.0 else math.nan,
    "floor": _floor,
    "round_half_up": lambda a: _floor(a + 0.5),
}
_KNOWN: Mapping[str, Callable[..., float]] = {
    "minimum": lambda a, b: a if a < b else b,
    "maximum": lambda a, b: a if a > b else b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "and": lambda a, b: bool(a) and bool(b),
    "or": lambda a, b: bool(a) or bool(b),
    "not": lambda a: not a,
}
