"""What a program is made of: its parts, what each depends on, and how often each is computed.

An indicator, a shift and a function of the user's are computed once for each distinct value of
their own parameters, and an order is followed once for each of its own. So what a grid costs
follows from its parts, of which there are few, and not from its combinations alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from wfo.errors import InputError
from wfo.rules.nodes import WINDOWS
from wfo.rules.numbers import dependencies, reached
from wfo.rules.program import LISTS, NAMED, Order, Program
from wfo.rules.wording import worded
from wfo.strategy.parameter import Number
from wfo.strategy.value import Strategy
from wfo.text import wrap_text

#: Operations that need more of the bars than their own.
_LEAVES = (*WINDOWS, "shift", "true_range", "call")

#: What is there already.
_GIVEN = ("feed", "parameter", "constant", "resample", "latest")

#: Characters of an expression in a listing, and of a line.
_LONGEST, _WIDTH = 400, 98

Values = Mapping[str, Sequence[Number]]


class Part(NamedTuple):
    """An indicator, or an order, and what it depends on.

    Attributes
    ----------
    name
        What stands for it in other parts, or which list an order is in.
    what
        In words.
    parameters
        Its own, in canonical order.
    distinct
        How many sets of values these have in a grid, constraints not counted; None where one of
        them has no values.
    """

    name: str
    what: str
    parameters: tuple[str, ...]
    distinct: int | None

    @property
    def values(self) -> str:
        """How many values it has, and by which parameters, in words."""
        if not self.parameters:
            return "1 for all"
        count = "no values" if self.distinct is None else f"{self.distinct:,}"
        return f"{count} by {', '.join(self.parameters)}"


def program_of(strategy: Strategy) -> Program | None:
    """Return the program of a strategy that is one of rules; None of another."""
    found = getattr(strategy.kernel, "program", None)
    return found if isinstance(found, Program) else None


def leaves(program: Program, values: Values) -> list[Part]:
    """Return what is computed once for each distinct value of its parameters, parts first.

    Parameters
    ----------
    program
        The program.
    values
        The values of parameters in a grid; those that it does not have are left out.
    """
    return _parts(program, values, lambda place: program.nodes[place].op in _LEAVES)


def shared(program: Program, values: Values) -> list[Part]:
    """Return expressions between indicators that several others are made of, as `leaves` does."""
    return _parts(program, values, lambda place: program.nodes[place].op not in _LEAVES)


def ordered(program: Program, values: Values) -> list[Part]:
    """Return the orders, as `leaves` does."""
    made_of, names = dependencies(program), _names(program)
    found = []
    for side, order in _orders(program):
        places = [place for place in (order.value, order.when) if place is not None]
        own: frozenset[int] = frozenset().union(*(made_of[place] for place in places))
        found.append(_part(program, side, _called(program, order, names), own, values))
    for name in NAMED:
        place = getattr(program, name)
        if place is not None:
            words = _words(program, place, names)
            found.append(_part(program, name, words, made_of[place], values))
    return found


def operations(program: Program) -> int:
    """Return how many operations between indicators a bar takes, each expression once."""
    return sum(_is_between(program, place) for place in reached(program))


def described_parts(strategy: Strategy, grid: Values | None = None) -> list[str]:
    """Return lines that say what a strategy of rules is made of; none for another one.

    Parameters
    ----------
    strategy
        The strategy.
    grid
        Values by parameter; by default those of its default grid.
    """
    program = program_of(strategy)
    if program is None:
        return []
    values = (strategy.grid or {}) if grid is None else grid
    lines = ["Parts, each computed once for each of its own values:"]
    lines += _listed(leaves(program, values))
    common = shared(program, values)
    among = ", among them:" if common else ""
    lines.append(f"Operations between parts: {operations(program)} a bar{among}")
    lines += _listed(common) if common else []
    lines.append("Orders:")
    lines += _listed(ordered(program, values))
    if all(name in values for name in strategy.names):
        combinations = math.prod(len(values[name]) for name in strategy.names)
        columns = sum(part.distinct or 0 for part in leaves(program, values))
        lines.append(
            f"Combinations: {combinations:,} before constraints, of {columns:,} columns in all;"
            f" {_lookback(strategy, values)}"
        )
    else:
        without = [name for name in strategy.names if name not in values]
        lines.append(f"Combinations: none, as {', '.join(without)} has no values; give a grid")
    return lines


def _lookback(strategy: Strategy, values: Values) -> str:
    """Return the lookback in words, or why there is none."""
    try:
        bars = f"{strategy.lookback(values):,} bars"
    except InputError as error:
        return f"no lookback: {error}"
    program = program_of(strategy)
    if program is not None and program.timeframes:
        return f"lookback at least {bars}, and by the bars what higher bars take"
    return f"lookback {bars}"


def _is_between(program: Program, place: int) -> bool:
    """Whether an expression is computed bar by bar from others."""
    node = program.nodes[place]
    return program.kinds[place] != "number" and node.op not in _LEAVES and node.op not in _GIVEN


def _names(program: Program) -> dict[int, str]:
    """Return a name for each part that others stand on, in the order of the program."""
    kinds, used = program.kinds, _uses(program)
    found, parts, between = {}, 0, 0
    for place in reached(program):
        if program.nodes[place].op in _LEAVES and kinds[place] != "number":
            parts += 1
            found[place] = f"p{parts}"
        elif _is_between(program, place) and used[place] > 1:
            between += 1
            found[place] = f"e{between}"
    return found


def _uses(program: Program) -> Counter[int]:
    """Return how often each expression stands in another one or in an order."""
    found = Counter(part for place in reached(program) for part in program.nodes[place].args)
    found.update(
        place
        for _, order in _orders(program)
        for place in (order.value, order.when)
        if place is not None
    )
    return found


def _parts(program: Program, values: Values, chosen: Callable[[int], bool]) -> list[Part]:
    made_of, names = dependencies(program), _names(program)
    return [
        _part(program, name, _words(program, place, names), made_of[place], values)
        for place, name in names.items()
        if chosen(place)
    ]


def _part(program: Program, name: str, what: str, own: frozenset[int], values: Values) -> Part:
    names = tuple(program.parameters[place] for place in sorted(own))
    known = all(each in values for each in names)
    return Part(name, what, names, math.prod(len(values[n]) for n in names) if known else None)


def _orders(program: Program) -> Iterator[tuple[str, Order]]:
    for side in LISTS:
        for order in getattr(program, side):
            yield side, order


def _called(program: Program, order: Order, names: Mapping[int, str]) -> str:
    """Return an order as one would write it."""
    parts = []
    for place, before in ((order.value, "percent=" * order.percent), (order.when, "when=")):
        if place is not None:
            parts.append(before + names.get(place, _words(program, place, names)))
    return f"{order.kind}({', '.join(parts)})"


def _words(program: Program, place: int, names: Mapping[int, str]) -> str:
    return worded(
        program.nodes, place, program.parameters, program.functions, longest=_LONGEST, names=names
    )


def _listed(parts: Sequence[Part]) -> list[str]:
    """Return parts as lines of a listing: what each is, and below how many values it has."""
    found = []
    for part in parts:
        found += wrap_text(f"{part.name}: {part.what}", _WIDTH, "  ", "    ")
        found += wrap_text(part.values, _WIDTH, "      ")
    return found or ["  none"]
