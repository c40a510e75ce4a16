"""Distances, percentages and risks of rules that look as if they were meant in another unit.

None of it is an error: what is said is allowed, and may be meant.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wfo.rules.numbers import dependencies, number_at, shown_number
from wfo.rules.program import LISTS, Program
from wfo.strategy.parameter import Number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Mixes of the parameters of one number that are tried.
_MOST_TRIED = 20_000

#: Percent up to which a fraction may have been meant: .05 for 5 %.
_FRACTION = 0.1

#: Risk from which on percent may have been meant: .5 for half a percent.
_HIGH_RISK = 0.2

#: Share of the median range of a bar up to which a distance is hardly one.
_WITHIN_BAR = 0.1

#: Orders whose value is a distance from a price.
_DISTANCES = ("loss", "target", "trail", "pullback", "breakout")

Values = Mapping[str, Sequence[Number]]


def odd_units(program: Program, values: Values) -> tuple[str, ...]:
    """Return what of a grid looks like percent for a fraction or the reverse, a sentence each.

    That is a loss or target of a tenth of a percent or less in all sets, and a risk of a fifth of
    the equity or more in all sets.

    Parameters
    ----------
    program
        The program.
    values
        Those of the grid; what depends on a parameter without values is not looked at.
    """
    said = []
    for name, kind, place, percent in _distances(program):
        found = numbers_between(program, values, place) if percent else None
        if found is not None and found[0] > 0 and found[1] <= _FRACTION:
            most = shown_number(found[1])
            said.append(
                f"{kind} in {name} is {most} percent at most: 5 % is percent=5, and not 0.05"
            )
    if program.risk is not None:
        found = numbers_between(program, values, program.risk)
        if found is not None and _HIGH_RISK <= found[0] <= 1:
            said.append(
                f"risk is {shown_number(found[0])} at least, a share of the equity: 1 % is"
                " risk=0.01"
            )
    return tuple(dict.fromkeys(said))


def odd_distances(
    program: Program, values: Values, bars: Mapping[str, NDArray[np.float64]]
) -> tuple[str, ...]:
    """Return which distances that are plain numbers hardly fit some bars, a sentence each.

    That is a distance in points below a tenth of a bar's median range in all sets, as of 3 that
    was meant in percent where prices are in thousands; and a loss or trail of longs that no price
    can fall, in all sets.

    Parameters
    ----------
    program, values
        As of `odd_units`.
    bars
        ``high``, ``low`` and ``close``, float64[n].
    """
    import numpy as np

    span = float(np.median(bars["high"] - bars["low"]))
    highest = float(np.max(bars["close"]))
    said = []
    for name, kind, place, percent in _distances(program):
        found = None if percent else numbers_between(program, values, place)
        if found is None or found[0] <= 0:
            continue
        least, most = found
        other = f"{kind}(percent=3)" if kind in ("loss", "target") else f"{kind}(x.close * 0.03)"
        if most < _WITHIN_BAR * span:
            said.append(
                f"{kind} in {name} is {shown_number(most)} at most, in points, and half of these"
                f" bars go {span:.3g} or more from low to high: 3 % is {other}"
            )
        elif name == "exit_long" and kind in ("loss", "trail") and least >= highest:
            said.append(
                f"{kind} in {name} is {shown_number(least)} at least, in points, and no close of"
                f" these bars is above {highest:.6g}: it is never met; 3 % is {other}"
            )
    return tuple(dict.fromkeys(said))


def _distances(program: Program) -> list[tuple[str, str, int, bool]]:
    """Return list, kind, place and whether in percent, of each distance that is a number."""
    kinds = program.kinds
    return [
        (name, order.kind, order.value, order.percent)
        for name in LISTS
        for order in getattr(program, name)
        if order.kind in _DISTANCES and order.value is not None and kinds[order.value] == "number"
    ]


def numbers_between(program: Program, values: Values, place: int) -> tuple[float, float] | None:
    """Return the least and the largest value of a number; None where one is not finite.

    Constraints are not looked at: what they leave lies between.

    Parameters
    ----------
    program, values
        As of `odd_units`.
    place
        Of the number among the program's expressions.
    """
    own = [n for at, n in enumerate(program.parameters) if at in dependencies(program)[place]]
    if not all(values.get(name) for name in own):
        return None
    # One value will do for parameters that the number does not follow from.
    some = [values[name] if name in own else (1,) for name in program.parameters]
    if math.prod(map(len, some)) > _MOST_TRIED:
        return None
    found = [*map(number_at(program, place), itertools.product(*some))]
    return (min(found), max(found)) if all(map(math.isfinite, found)) else None
