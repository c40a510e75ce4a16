"""Values of a grid that a program cannot take, as lengths that are none, or that are doubtful."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from wfo.rules.numbers import (
    RISK_ALLOWED,
    allows_risk,
    dependencies,
    lengths,
    reached,
    shown_number,
    unchecked_numbers,
)
from wfo.rules.program import Program
from wfo.rules.units import odd_units
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
        found = _first(program, constraints, values, place, fits)
        if found is not None:
            row, number = found
            text = f"{what} is {shown_number(number)}{_for(row)}; {allowed}"
            return Misfit(tuple(row), text)
    return None


def doubtful(
    program: Program, constraints: Sequence[Constraint], values: Values
) -> tuple[str, ...]:
    """Return what of a grid is allowed and hardly meant, a sentence without a stop each.

    That is a choice that ``choose`` does not have [E6], a loss or target of 0 percent or less
    [R13], and what `wfo.rules.units.odd_units` says. What is looked at is that of `first_misfit`.
    """
    said = []
    for place, node in enumerate(program.nodes):
        if node.op == "choose" and place in reached(program):
            count = len(node.args) - 1
            known = frozenset(map(float, range(count)))
            found = _first(program, constraints, values, node.args[0], known.__contains__)
            if found is not None:
                said.append(
                    f"choose has {count} choices, from 0 on, and none for {shown_number(found[1])}"
                    f"{_for(found[0])}: an order made of it does not work then"
                )
    kinds = program.kinds
    for name in ("exit_long", "exit_short"):
        for order in getattr(program, name):
            if not order.percent or kinds[order.value] != "number":
                continue
            found = _first(program, constraints, values, order.value, lambda v: not v <= 0)
            if found is not None:
                said.append(
                    f"{order.kind} in {name} is {shown_number(found[1])} percent{_for(found[0])}:"
                    " its level is not beyond the fill"
                )
    return tuple(dict.fromkeys([*said, *odd_units(program, values)]))


def _first(
    program: Program,
    constraints: Sequence[Constraint],
    values: Values,
    place: int,
    fits: Callable[[float], bool],
) -> tuple[dict[str, Number], float] | None:
    """Return the first values of a grid with which a number does not fit, and the number."""
    own = [n for at, n in enumerate(program.parameters) if at in dependencies(program)[place]]
    if not all(name in values for name in own):
        return None
    mixes = itertools.product(*(values[name] for name in own))
    for mix in itertools.islice(mixes, _MOST_TRIED):
        row = dict(zip(own, mix, strict=True))
        found = unchecked_numbers(program, [row.get(n, 1) for n in program.parameters])[place]
        if not fits(found) and _may_be(row, program.parameters, constraints, values):
            return row, found
    return None


def _for(row: Mapping[str, Number]) -> str:
    about = ", ".join(f"{name} = {shown_number(value)}" for name, value in row.items())
    return f" for {about}" if about else ""


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
