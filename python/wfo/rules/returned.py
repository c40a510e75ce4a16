"""Columns that functions of the user's return, all of which a sweep keeps: how many there are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from wfo.rules.numbers import dependencies, reached, unchecked_numbers
from wfo.rules.program import Program

#: Mixes of parameters that are tried where numbers are expressions of them.
_MOST_TRIED = 20_000

#: The parameters of an axis of a grid, and their values at every position.
Axis = tuple[Sequence[str], Sequence[Sequence[float]]]


def returned_columns(program: Program, axes: Sequence[Axis]) -> int:
    """Return how many columns the functions of a program return in a sweep of a grid.

    A function is called once for each distinct set of its numbers, and of those that its own
    columns are made of.

    Parameters
    ----------
    program
        The program.
    axes
        Those of the grid.

    Returns
    -------
    int
        Of a call whose numbers are expressions of more than 20,000 mixes of parameters nothing is
        counted.
    """
    return sum(
        _calls(program, place, axes)
        for place in reached(program)
        if program.nodes[place].op == "call"
    )


def _calls(program: Program, place: int, axes: Sequence[Axis]) -> int:
    """Return how often a call is made."""
    numbers = _numbers(program, place)
    own = sorted(frozenset().union(*(dependencies(program)[each] for each in numbers)))
    names = [program.parameters[at] for at in own]
    found = []
    for parameters, rows in axes:
        on = [i for i, name in enumerate(parameters) if name in names]
        if on:
            distinct = dict.fromkeys(tuple(row[i] for i in on) for row in rows)
            found.append(([parameters[i] for i in on], list(distinct)))
    mixes = math.prod(len(rows) for _, rows in found)
    if all(program.nodes[each].op in ("parameter", "constant") for each in numbers):
        return mixes
    if mixes > _MOST_TRIED:
        return 0
    order = [name for parameters, _ in found for name in parameters]
    called = set()
    for mix in itertools.product(*(rows for _, rows in found)):
        row = dict(zip(order, itertools.chain.from_iterable(mix), strict=True))
        worked = unchecked_numbers(program, [row.get(n, 1) for n in program.parameters])
        called.add(tuple(worked[each] for each in numbers))
    return len(called)


def _numbers(program: Program, place: int) -> list[int]:
    """Return the numbers that a column is made of, its own and those of its parts."""
    kinds = program.kinds
    found: dict[int, None] = {}
    waiting = [place]
    while waiting:
        for part in program.nodes[waiting.pop()].args:
            if kinds[part] == "number":
                found[part] = None
            else:
                waiting.append(part)
    return list(found)
