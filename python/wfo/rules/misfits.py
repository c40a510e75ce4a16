"""Values of a grid that a program cannot take: lengths that are none, and risks out of range."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from wfo.rules.numbers import (
    RISK_ALLOWED,
    allows_risk,
    dependencies,
    lengths,
    shown_number,
    unchecked_numbers,
)
from wfo.rules.program import Program
from wfo.strategy.constraints import Constraint, groups, meeting
from wfo.strategy.parameter import Number

#: Mixes of the parameters of one number that are tried.
_MOST_TRIED = 20_000

Values = Mapping[str, Sequence[Number]]


class Misfit(NamedTuple):
    """Values that a program cannot take.

    Attributes
    ----------
    parameters
        Those that the number is made of, in canonical order.
    text
        What is out of its range, for which values, and what may be.
    """

    parameters: tuple[str, ...]
    text: str


def first_misfit(
    program: Program, constraints: Sequence[Constraint], values: Values
) -> Misfit | None:
    """Return the first number of a program that no set of a grid may have [P3] [Z2].

    Parameters
    ----------
    program
        The program.
    constraints
        What every set meets.
    values
        Those of the grid; what depends on a parameter without values is not looked at.

    Returns
    -------
    Misfit or None
        None where all fit, as far as 20,000 mixes of the parameters of each number tell.
    """
    for place, what, allowed, fits in _numbers(program):
        own = [
            name for at, name in enumerate(program.parameters) if at in dependencies(program)[place]
        ]
        if not all(name in values for name in own):
            continue
        mixes = itertools.product(*(values[name] for name in own))
        for mix in itertools.islice(mixes, _MOST_TRIED):
            row = dict(zip(own, mix, strict=True))
            found = unchecked_numbers(program, [row.get(n, 1) for n in program.parameters])[place]
            if not fits(found) and _may_be(row, program.parameters, constraints, values):
                about = ", ".join(f"{name} = {shown_number(v)}" for name, v in row.items())
                words = f" for {about}" if about else ""
                return Misfit(tuple(own), f"{what} is {shown_number(found)}{words}; {allowed}")
    return None


def _numbers(program: Program) -> list[tuple[int, str, str, Callable[[float], bool]]]:
    """Return place, name, range in words and test of each number that has a range."""
    found: list[tuple[int, str, str, Callable[[float], bool]]] = [
        (length.node, length.what, length.allowed, length.allows) for length in lengths(program)
    ]
    if program.risk is not None:
        found.append((program.risk, "risk", RISK_ALLOWED, allows_risk))
    return found


def _may_be(
    row: Mapping[str, Number],
    names: Sequence[str],
    constraints: Sequence[Constraint],
    values: Values,
) -> bool:
    """Whether the constraints let any set of the grid have some values."""
    for members, own in groups(names, constraints):
        if not own or row.keys().isdisjoint(members):
            continue
        if not all(name in values for name in members):
            return False
        some = {name: (row[name],) if name in row else values[name] for name in members}
        if next(meeting(own, some), None) is None:
            return False
    return True
