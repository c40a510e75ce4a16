"""Rank correlation of two columns of numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wfo.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Return Spearman's rank correlation, ties averaged.

    Parameters
    ----------
    x, y
        float64[n] each; infinities have a place in the order, NaN has none.

    Returns
    -------
    float
        From -1 to 1; NaN where there are fewer than two pairs, or one side is the same for all.

    Raises
    ------
    InputError
        If they are not one-dimensional, not of one length, or hold NaN.

    References
    ----------
    Spearman (1904), "The proof and measurement of association between two things", *American
    Journal of Psychology* 15, 72-101.
    """
    import numpy as np

    columns = [np.asarray(each, np.float64) for each in (x, y)]
    shapes = [each.shape for each in columns]
    if shapes[0] != shapes[1] or len(shapes[0]) != 1:
        raise InputError(f"a rank correlation is of two columns of one length, not of {shapes}")
    if any(np.isnan(each).any() for each in columns):
        raise InputError("NaN has no rank: leave out the pairs that have one")
    first, second = (_centered_ranks(each) for each in columns)
    spread = float(first @ first) * float(second @ second)
    if not spread > 0:
        return math.nan
    # Rounding may carry a perfect correlation beyond 1.
    return max(-1.0, min(1.0, float(first @ second) / math.sqrt(spread)))


def _centered_ranks(values: FloatArray) -> FloatArray:
    """Return ranks less their mean, float64[n]; equals have the mean of theirs."""
    import numpy as np

    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: FloatArray = (last - (counts - 1) / 2)[place] - (len(values) + 1) / 2
    return ranks
