"""Functions that random rules call, as a user might write them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wfo.rules.program import Function

Floats = NDArray[np.float64]


def midpoint(high: Floats, low: Floats, length: float) -> Floats:
    """Return the middle of the range of some bars."""
    p = int(length)
    found = np.full(len(high), np.nan)
    for t in range(p - 1, len(high)):
        found[t] = (high[t + 1 - p : t + 1].max() + low[t + 1 - p : t + 1].min()) / 2
    return found


def raised(column: Floats, by: float) -> Floats:
    """Return a column that lies higher."""
    return np.asarray(column + by)


def held(column: Floats) -> Floats:
    """Return the value of the latest bar whose number is a multiple of three."""
    return np.asarray(column[np.arange(len(column)) // 3 * 3])


FUNCTIONS = (
    Function("midpoint", midpoint, lambda p: int(p) - 1, "midpoint"),
    Function("raised", raised, lambda by: 0, "raised"),
    Function("held", held, lambda: 2, "held"),
)
