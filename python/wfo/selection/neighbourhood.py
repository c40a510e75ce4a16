"""The neighbourhood of a combination: what happens one grid step away in every parameter.

A neighbour is a combination that differs from the middle in one parameter, by one step of the grid
up or down. Beyond the end of an axis there is none, and none where the strategy's constraints
refuse the values together. The score is the total out-of-sample P/L of the neighbours, their mean
and 10th percentile, by that of the middle: near 1 where the surroundings earn as much, and small or
negative on a peak.

Total out-of-sample P/L is a sum over phases that may overlap, of figures as a run stores them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.errors import InputError
from wfo.grid import Grid
from wfo.strategy import Number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: Returns the total out-of-sample P/L, float64[m], of flat indices, int64[m].
    Totals = Callable[[NDArray[np.int64]], NDArray[np.float64]]

#: The percentile beside the mean.
LOW_PERCENTILE = 10


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A combination one grid step away.

    Attributes
    ----------
    parameter
        The one that differs.
    upwards
        Whether its value is the next higher one, or the next lower.
    value
        Its value.
    total
        Total out-of-sample P/L, in currency.
    ratio
        The same by that of the middle; NaN where that is not above 0.
    """

    parameter: str
    upwards: bool
    value: Number
    total: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What is around a combination.

    Attributes
    ----------
    total
        Total out-of-sample P/L of the middle, in currency.
    neighbours
        By parameter in canonical order, the lower value first.
    """

    total: float
    neighbours: tuple[Neighbour, ...]

    def __repr__(self) -> str:
        return (
            f"Neighbourhood({len(self.neighbours)} neighbours earn {self.mean:.2f} of"
            f" {self.total:,.0f} in the mean, {self.low:.2f} at the {LOW_PERCENTILE}th percentile)"
        )

    @property
    def mean(self) -> float:
        """Mean of the neighbours' ratios; NaN without any."""
        ratios = [n.ratio for n in self.neighbours]
        return sum(ratios) / len(ratios) if ratios else math.nan

    @property
    def low(self) -> float:
        """10th percentile of the ratios, between the two next to it; NaN without any."""
        ratios = sorted(n.ratio for n in self.neighbours)
        if not ratios or math.isnan(self.mean):
            return math.nan
        at = LOW_PERCENTILE / 100 * (len(ratios) - 1)
        below = math.floor(at)
        above = min(below + 1, len(ratios) - 1)
        return ratios[below] + (at - below) * (ratios[above] - ratios[below])

    @property
    def by_parameter(self) -> dict[str, tuple[float, float]]:
        """Ratio one step down and one step up of every parameter; NaN where there is none."""
        found: dict[str, tuple[float, float]] = {}
        for each in self.neighbours:
            down, up = found.get(each.parameter, (math.nan, math.nan))
            found[each.parameter] = (down, each.ratio) if each.upwards else (each.ratio, up)
        return found

    @property
    def hurts_most(self) -> Neighbour | None:
        """The neighbour that earns least, the first of equals; None where it is not known."""
        known = [n for n in self.neighbours if not math.isnan(n.ratio)]
        return min(known, key=lambda n: n.ratio, default=None)


def neighbourhood(grid: Grid, params: Mapping[str, Number], totals: Totals) -> Neighbourhood:
    """Return what is around a combination of a grid.

    Parameters
    ----------
    grid
        What was swept.
    params
        The middle, a value of every parameter.
    totals
        Returns the total out-of-sample P/L of combinations.

    Raises
    ------
    InputError
        If the grid has no such combination.
    """
    import numpy as np

    own = grid.find(params)
    if own is None:
        said = ", ".join(f"{name} {value:g}" for name, value in params.items())
        raise InputError(f"{said} is no combination of the grid {grid.name!r}")
    steps: list[tuple[str, bool, Number, int]] = []
    for name, axis in grid.values.items():
        # The values of a grid may stand in any order.
        values = sorted(axis)
        at = values.index(params[name])
        for upwards, other in ((False, at - 1), (True, at + 1)):
            if not 0 <= other < len(values):
                continue
            index = grid.find({**params, name: values[other]})
            if index is not None:
                steps.append((name, upwards, values[other], index))
    found = totals(np.array([own, *(index for *_, index in steps)], np.int64)).tolist()
    total, *others = found
    return Neighbourhood(
        total,
        tuple(
            Neighbour(name, upwards, value, other, other / total if total > 0 else math.nan)
            for (name, upwards, value, _), other in zip(steps, others, strict=True)
        ),
    )
