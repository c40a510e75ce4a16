"""Lookback: how many bars a program needs before its first trading bar [P4]."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from wfo.errors import InputError
from wfo.rules.intervals import intervals_of
from wfo.rules.nodes import MOST_BARS, WINDOWS
from wfo.rules.numbers import (
    Length,
    allows_risk,
    dependencies,
    lengths,
    number_at,
    numbers_of,
    reached,
    unchecked_numbers,
)
from wfo.rules.program import Program

#: Parameter sets that are gone through one by one; of more, a bound is taken.
MOST_SETS = 2_000

#: Mixes of one length that are gone through one by one; of more, an interval is taken.
_MOST_OF_LENGTH = 20_000

#: Columns of each feed by name, float64[n] each.
Feeds = Mapping[str, Mapping[str, Any]]

#: Bars by which an operation's first value lies behind its parts', by the place of the operation.
Behind = Callable[[int], int]


def first_bar(program: Program, values: Sequence[float], feeds: Feeds | None = None) -> int:
    """Return the latest first bar of all expressions that the orders are made of [P4].

    Parameters
    ----------
    program
        The program.
    values
        One number a parameter, in canonical order.
    feeds
        What is read, where higher bars are counted by those that there are; without, each counts
        as one bar, which is the least that it can be [G4].

    Returns
    -------
    int
        The first bar, counted from 0, in which all of them can have a value. A parameter set needs
        one warm-up bar more.

    Raises
    ------
    InputError
        If a length is none for these values.
    """
    numbers = numbers_of(program, values)
    return _latest(program, lambda place: _behind(program, place, numbers), feeds)


def lookback(
    program: Program, values: Mapping[str, Sequence[float]], feeds: Feeds | None = None
) -> int:
    """Return how many warm-up bars the longest of many parameter sets needs [P4].

    Parameters
    ----------
    program
        The program.
    values
        The values of each parameter; every mix of them counts, but those with a length that is
        none, which no grid may hold.
    feeds
        As of `first_bar`.

    Returns
    -------
    int
        Exact where no two lengths follow from one parameter, and for up to `MOST_SETS` mixes of
        what lengths are made of; of more, at least what they need.

    Raises
    ------
    InputError
        If every mix has a length that is none; the first one's is named.
    """
    names = program.parameters
    used = _parameters(program)
    some = [values[name] if place in used else values[name][:1] for place, name in enumerate(names)]
    count = math.prod(map(len, some))
    if count > MOST_SETS or _is_separable(program):
        bound = _bound(program, some, feeds)
        if bound is not None:
            return bound + 1
        # Every mix is refused, so that the first one is.
        first_bar(program, [own[0] for own in some], feeds)
    found, refusal = -1, None
    for row in itertools.product(*some):
        try:
            found = max(found, first_bar(program, row, feeds))
        except InputError as error:
            refusal = refusal or error
    if found < 0 and refusal is not None:
        raise refusal
    return found + 1


def _latest(program: Program, behind: Behind, feeds: Feeds | None = None) -> int:
    kinds, higher = program.kinds, [] if feeds is None else program.higher
    first: dict[int, int] = {}
    for place in reached(program):
        node = program.nodes[place]
        if kinds[place] == "number":
            first[place] = 0  # [P4]
            continue
        parts = [first[part] for part in node.args]
        if node.op == "true_range" and parts[2] > 0:
            parts[2] += 1  # [P4] It reads the close before.
        # [P4] All branches count, whichever is taken.
        first[place] = max(parts, default=0) + behind(place)
        if node.op == "latest" and feeds is not None:
            first[place] = _known_from(feeds[higher[node.args[0]]], first[place])
    return max(first.values(), default=0)


def _known_from(groups: Mapping[str, Any], bar: int) -> int:
    """Return the first bar by whose end a higher bar is closed [G4]; all bars where none is."""
    import numpy as np

    numbers, closed = groups["group"], groups["closed"]
    first = next((number for number in numbers if number == number), 0.0)  # noqa: PLR0124  # no NaN
    return int(np.searchsorted(closed, first + bar + 1, side="left"))


def _behind(program: Program, place: int, numbers: Mapping[int, float]) -> int:
    """Return how much later than its parts an expression begins, for one parameter set."""
    node = program.nodes[place]
    if node.op == "shift":
        return int(numbers[node.args[1]])
    if node.op == "ema":
        return 0
    if node.op in WINDOWS:
        return int(numbers[node.args[1]]) - 1
    if node.op == "call":
        function = program.functions[int(node.value)]
        return int(function.lookback(*(numbers[part] for part in node.args if part in numbers)))
    return 0


@lru_cache(maxsize=64)
def _parameters(program: Program) -> frozenset[int]:
    """Return the places of the parameters that a first bar depends on, or its refusal."""
    made_of = dependencies(program)
    numbers = [length.node for length in lengths(program)]
    numbers += [program.risk] if program.risk is not None else []
    kinds = program.kinds
    for place in reached(program):
        if program.nodes[place].op == "call":
            numbers += [part for part in program.nodes[place].args if kinds[part] == "number"]
    return frozenset().union(*(made_of[number] for number in numbers))


@lru_cache(maxsize=64)
def _is_separable(program: Program) -> bool:
    """Tell whether some mix has the longest of each length: no parameter is in two of them."""
    made_of = dependencies(program)
    numbers = {length.node for length in lengths(program)}
    numbers |= {program.risk} if program.risk is not None else set()
    own = [made_of[number] for number in numbers]
    kinds = program.kinds
    for place in reached(program):
        node = program.nodes[place]
        if node.op == "call":
            parts = (made_of[part] for part in node.args if kinds[part] == "number")
            own.append(frozenset().union(*parts))
    return sum(map(len, own)) == len(frozenset().union(*own))


def _bound(
    program: Program, values: Sequence[Sequence[float]], feeds: Feeds | None = None
) -> int | None:
    """Return a latest first bar that no mix exceeds: each length is the longest of its own mixes.

    None where a length, a lookback of a function or the risk has no mix with which it is one.

    Lengths of many mixes are bounded by intervals. The lookback of a user's function is asked for
    every mix of its own numbers, whose number is theirs to keep small.
    """
    made_of = dependencies(program)
    kinds = program.kinds

    def mixes(numbers: Sequence[int]) -> list[Sequence[float]]:
        own = frozenset().union(*(made_of[number] for number in numbers))
        return [some if at in own else some[:1] for at, some in enumerate(values)]

    known: dict[tuple[int, int], int | None] = {}

    def longest(number: int, least: int) -> int | None:
        """Return the longest of a length's own mixes; None where none of them is one."""
        if (number, least) not in known:
            length = Length(number, "", least)
            some, of_row = mixes([number]), number_at(program, number)
            if math.prod(map(len, some)) > _MOST_OF_LENGTH:
                most = min(float(MOST_BARS), intervals_of(program, values)[number].high)
                known[number, least] = None if most < least else math.floor(most)
            else:
                every = map(of_row, itertools.product(*some))
                known[number, least] = max(map(int, filter(length.allows, every)), default=None)
        return known[number, least]

    def of_calls(place: int) -> int | None:
        """Return the longest lookback of a function; None where it refuses every mix."""
        found = None
        parts = [part for part in program.nodes[place].args if kinds[part] == "number"]
        for row in itertools.product(*mixes(parts)):
            # Constraints may leave out what a function refuses.
            with contextlib.suppress(InputError):
                found = max(found or 0, _behind(program, place, unchecked_numbers(program, row)))
        return found

    is_met = True

    def behind(place: int) -> int:
        nonlocal is_met
        node = program.nodes[place]
        if node.op == "call":
            bars = of_calls(place)
            is_met = is_met and bars is not None
            return bars or 0
        if node.op == "ema" or (node.op != "shift" and node.op not in WINDOWS):
            return 0
        least = 0 if node.op == "shift" else 1
        most = longest(node.args[1], least)
        return 0 if most is None else most - least

    if any(longest(length.node, length.least) is None for length in lengths(program)):
        return None
    if program.risk is not None:
        some, of_row = mixes([program.risk]), number_at(program, program.risk)
        # Whether one of very many is a risk is not asked.
        few = math.prod(map(len, some)) <= _MOST_OF_LENGTH
        if few and not any(map(allows_risk, map(of_row, itertools.product(*some)))):
            return None
    latest = _latest(program, behind, feeds)
    return latest if is_met else None
