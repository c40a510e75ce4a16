"""p-values by permutation: of one figure, and one of many figures together.

The data as they are and B permuted ones are B + 1 data sets, of which the first one could be any if
there is nothing to find. So its p-value is its place among all of them (Phipson & Smyth 2010), and
is never 0. The smallest of many p-values is judged by its own place (Westfall & Young 1993, the
min-p statistic), which allows for figures that say nearly the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


def p_value(real: float, permuted: ArrayLike) -> float:
    """Return the share of data sets whose figure is at least as large as the real one.

    Parameters
    ----------
    real
        The figure of the data as they are; larger is better.
    permuted
        The figures of B permuted ones, float64[B].

    Returns
    -------
    float
        ``(1 + #{permuted >= real}) / (1 + B)``. NaN, a figure that does not exist, counts as
        smaller than any number and equal to itself.

    Raises
    ------
    InputError
        If there is no permuted figure, or they are not one row.
    """
    import numpy as np

    values = np.asarray(permuted, np.float64)
    if values.ndim != 1:
        raise InputError(f"the permuted figures must be float64[B], not of shape {values.shape}")
    return float(combined_p(np.array([real]), values[:, None])[1][0])


def combined_p(real: ArrayLike, permuted: ArrayLike) -> tuple[float, FloatArray]:
    """Return one p-value of several figures together, and that of each.

    Each of the B + 1 data sets has a p-value in every figure, its place among all of them, and T
    is the smallest of these. The p-value of all figures is the share of data sets whose T is no
    larger than the real one's. It needs no independence of the figures, and is exact where data
    sets are exchangeable; where figures tie it is at most nominal.

    Parameters
    ----------
    real
        The figures of the data as they are, float64[k]; larger is better.
    permuted
        Those of B permuted ones, float64[B, k].

    Returns
    -------
    p, p_each
        The one of all figures, and float64[k] as `p_value` returns them, from 1 / (1 + B) to 1.

    Raises
    ------
    InputError
        If there is no figure or no permuted data set, or the shapes do not fit.
    """
    import numpy as np

    first, others = np.asarray(real, np.float64), np.asarray(permuted, np.float64)
    if first.ndim != 1 or others.ndim != 2 or others.shape[1] != len(first) or not others.size:
        raise InputError(
            f"figures of shapes {first.shape} and {others.shape} are not float64[k] and"
            " float64[B, k], with k and B from 1 on"
        )
    places = np.stack([_at_least(column) for column in np.vstack([first, others]).T])
    # Counts, not shares, so that what ties is equal.
    smallest = places.min(axis=0)
    sets = len(smallest)
    return int(np.count_nonzero(smallest <= smallest[0])) / sets, places[:, 0] / sets


def attainable_p(permuted: ArrayLike) -> float:
    """Return the least p-value of all figures that one figure alone can bring about.

    It is that of data which are ahead of all permuted ones in a single figure, the one that serves
    best, and last in the others. Every other figure has a permuted data set that is first in it and
    as unusual, so that many figures need many permutations.

    Parameters
    ----------
    permuted
        The figures of B permuted data sets, float64[B, k].

    Returns
    -------
    float
        From 1 / (1 + B) on.

    Raises
    ------
    InputError
        If there is no figure or no data set.
    """
    import numpy as np

    values = np.asarray(permuted, np.float64)
    if values.ndim != 2 or not values.size:
        raise InputError(f"figures of shape {values.shape} are not float64[B, k]")
    first = [np.flatnonzero(_at_least(column) == 1) for column in values.T]
    others = [
        len({int(n) for m, found in enumerate(first) for n in found if m != j})
        for j in range(len(first))
    ]
    return (1 + min(others)) / (1 + len(values))


def _at_least(values: FloatArray) -> IntArray:
    """Return of each value how many of all are at least as large, int64[n]."""
    import numpy as np

    known = ~np.isnan(values)
    numbers = np.sort(values[known])
    found = np.full(len(values), len(values), np.int64)
    found[known] = len(numbers) - np.searchsorted(numbers, values[known], side="left")
    return found
