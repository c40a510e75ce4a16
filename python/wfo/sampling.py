"""Samples by pseudo-random numbers that no library's next version changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15


def splitmix(count: int, stream: int = 0) -> NDArray[np.uint64]:
    """Return the first numbers of a stream of SplitMix64 (Steele, Lea and Flood 2014).

    Parameters
    ----------
    count
        How many, m.
    stream
        Which stream, from 0 on; each begins at a place of its own in the one sequence there is.

    Returns
    -------
    uint64[m]
    """
    import numpy as np

    start = (
        _mix(np.array([stream], np.uint64) * np.uint64(_GOLDEN))
        if stream
        else np.zeros(1, np.uint64)
    )
    return _mix(start + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN))


def uniform(count: int, stream: int = 0) -> NDArray[np.float64]:
    """Return the first numbers of a stream as uniform ones, at least 0 and below 1.

    Parameters
    ----------
    count, stream
        As for `splitmix`.

    Returns
    -------
    float64[m]
    """
    import numpy as np

    found: NDArray[np.float64] = (splitmix(count, stream) >> np.uint64(11)).astype(np.float64)
    return found / float(1 << 53)


def sample_indices(total: int, count: int, stream: int = 0) -> NDArray[np.int64]:
    """Return random numbers below `total`, one from each of `count` equal stretches.

    Parameters
    ----------
    total
        How many numbers there are.
    count
        How many are drawn, m; where that is more than there are, some are drawn twice.
    stream
        Samples of different streams have nothing to do with each other.

    Returns
    -------
    int64[m], ascending
    """
    import numpy as np

    within = uniform(count, stream)
    found: NDArray[np.int64] = ((np.arange(count) + within) * (total / count)).astype(np.int64)
    return np.minimum(found, total - 1)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    import numpy as np

    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
