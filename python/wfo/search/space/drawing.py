"""Distances and draws on a dimension: columns of digits or positions, by scale and prior."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from wfo.search.space.dimension import Dimension

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def ends(dimension: Dimension) -> tuple[float, float]:
    """Return both ends of a dimension of numbers."""
    return float(cast("float", dimension.low)), float(cast("float", dimension.high))


def numbers_of(dimension: Dimension, column: FloatArray) -> FloatArray:
    """Return the values of a numeric dimension, of digits or positions that lie within it."""
    import numpy as np

    if dimension.values is not None:
        return dimension.table[column.astype(np.int64)]
    low, high = ends(dimension)
    if dimension.step is not None:
        return low + column * float(dimension.step)
    if dimension.log:
        # Contiguous, so that each number is computed alike wherever it stands.
        position = np.ascontiguousarray(column)
        values = np.exp(math.log(low) + position * (math.log(high) - math.log(low)))
    else:
        values = low * (1.0 - column) + high * column
    # The ends may have more digits than positions tell apart.
    found = dimension.rounded(values)
    found = np.where(column == 0.0, low, found)
    return np.where(column == 1.0, high, found) + 0.0


def positions_of(dimension: Dimension, values: FloatArray) -> FloatArray:
    """Return where numbers lie between the ends of a range, from 0 to 1, by its scale."""
    import numpy as np

    low, high = ends(dimension)
    if not low < high:
        return np.zeros(len(values))
    if dimension.log:
        found = (np.log(values) - math.log(low)) / (math.log(high) - math.log(low))
    else:
        # Halves: the width of a range may be beyond the floats where its ends are not.
        found = (values / 2 - low / 2) / (high / 2 - low / 2)
    return np.clip(found, 0.0, 1.0)


def unit_of(dimension: Dimension, column: FloatArray) -> FloatArray:
    """Return where points lie on a dimension from 0 to 1: neighbours of a list are equally far."""
    import numpy as np

    if dimension.continuous:
        return column
    size = cast("int", dimension.size)
    if size == 1:
        return np.zeros(len(column))
    if dimension.log:
        return positions_of(dimension, numbers_of(dimension, column))
    return column / (size - 1)


def drawn(dimension: Dimension, u: FloatArray) -> FloatArray:
    """Return digits or positions at quantiles of the prior.

    Parameters
    ----------
    dimension
        On what they lie.
    u
        Quantiles, at least 0 and below 1, float64[m].
    """
    import numpy as np

    size = dimension.size
    if dimension.prior == "uniform" and size is not None:
        return np.minimum(np.floor(u * size), float(size - 1))
    if size is None:
        return _position(dimension, u)
    if dimension.values is None:
        low, _ = ends(dimension)
        step = float(cast("float", dimension.step))
        digit = np.rint((_edged(dimension, u) - low) / step)
        return np.clip(digit, 0.0, float(size - 1))
    shares = np.cumsum(_weights(dimension))
    found: FloatArray = np.searchsorted(shares / shares[-1], u, side="right").astype(np.float64)
    return np.minimum(found, float(size - 1))


def _weights(dimension: Dimension) -> FloatArray:
    """Return how likely each value of a range is, the most likely one 1 or about it."""
    import numpy as np

    values = dimension.table
    if dimension.prior == "log-uniform":
        weights: FloatArray = values[0] / values
        return weights
    mean, sd = cast("tuple[float, float]", dimension.prior)
    exponents = -0.5 * ((values - mean) / sd) ** 2
    weights = np.exp(exponents - exponents.max())
    return np.asarray(weights)


def _position(dimension: Dimension, u: FloatArray) -> FloatArray:
    if dimension.prior == ("log-uniform" if dimension.log else "uniform"):
        return u
    low, high = ends(dimension)
    return positions_of(dimension, _quantile(dimension, u, low, high))


def _edged(dimension: Dimension, u: FloatArray) -> FloatArray:
    """Return quantiles over a range that is half a step longer at either end."""
    low, high = ends(dimension)
    half = float(cast("float", dimension.step)) / 2
    below = max(low - half, low / 2) if dimension.prior == "log-uniform" else low - half
    return _quantile(dimension, u, below, high + half)


def _quantile(dimension: Dimension, u: FloatArray, low: float, high: float) -> FloatArray:
    import numpy as np

    if dimension.prior == "uniform":
        found = low * (1.0 - u) + high * u
    elif dimension.prior == "log-uniform":
        found = np.exp(math.log(low) + u * (math.log(high) - math.log(low)))
    else:
        from scipy.special import ndtr, ndtri

        mean, sd = cast("tuple[float, float]", dimension.prior)
        below, above = ndtr((low - mean) / sd), ndtr((high - mean) / sd)
        found = mean + sd * ndtri(below + (above - below) * u)
    return np.clip(found, low, high)
