"""What a block comes to: medians and shares of its combinations, and which of them to hand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]


def medians(values: FloatArray, allowed: BoolArray | None, defined_share: float) -> FloatArray:
    """Return the median of each block, float64[b].

    Parameters
    ----------
    values
        A figure of every combination, NaN where it is not defined, float64[b, size].
    allowed
        Which combinations count, bool[b, size]; None for all.
    defined_share
        Share of those that count which must have the figure; else the block's is NaN.
    """
    import numpy as np

    blocks, size = values.shape
    # NaN come last.
    ordered = np.sort(values if allowed is None else np.where(allowed, values, np.nan), axis=1)
    defined = size - np.isnan(ordered).sum(axis=1)
    counted = np.full(blocks, size) if allowed is None else allowed.sum(axis=1)
    rows, last = np.arange(blocks), np.maximum(defined - 1, 0)
    middle = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    enough = (defined > 0) & (defined >= defined_share * counted)
    found: FloatArray = np.where(enough, middle, np.nan)
    return found


def shares(holds: BoolArray, allowed: BoolArray | None) -> FloatArray:
    """Return of each block the share of the combinations that count for which something holds.

    Parameters
    ----------
    holds
        bool[b, size].
    allowed
        Which combinations count, bool[b, size]; None for all. NaN where none does.
    """
    import numpy as np

    if allowed is None:
        return np.asarray(holds.mean(axis=1))
    with np.errstate(invalid="ignore"):
        found: FloatArray = (holds & allowed).sum(axis=1) / allowed.sum(axis=1)
    return found


def neighbourhood_medians(
    scores: FloatArray,
    digits: Mapping[str, IndexArray],
    lengths: Mapping[str, int],
    ordered: Sequence[str],
) -> FloatArray:
    """Return the median score of each combination and its neighbours, float64[m].

    Neighbours are a step away in one ordered dimension. Those beyond the edge of the block, or that
    constraints forbid, are left out; one without a score counts as the worst.

    Parameters
    ----------
    scores
        Of m combinations; NaN where there is none.
    digits
        Position of each combination in every dimension of the block, int64[m].
    lengths
        Values of each dimension.
    ordered
        The dimensions that have neighbours.
    """
    import numpy as np

    names = tuple(digits)
    shape = tuple(lengths[name] for name in names)
    places = np.ravel_multi_index(tuple(digits[name] for name in names), shape) if names else 0
    dense = np.full(shape, np.nan)
    dense.flat[places] = np.where(np.isnan(scores), -np.inf, scores)
    near = [dense]
    for at, name in enumerate(names):
        if name not in ordered or shape[at] < 2:
            continue
        for step in (1, -1):
            moved = np.roll(dense, step, axis=at)
            # What came round from the other end is no neighbour.
            edge = [slice(None)] * len(shape)
            edge[at] = slice(0, 1) if step == 1 else slice(-1, None)
            moved[tuple(edge)] = np.nan
            near.append(moved)
    table = np.stack([each.ravel() for each in near], axis=1)[places]
    table.sort(axis=1)
    count = table.shape[1] - np.isnan(table).sum(axis=1)
    rows = np.arange(len(table))
    low, high = table[rows, (count - 1) // 2], table[rows, count // 2]
    with np.errstate(invalid="ignore"):
        found: FloatArray = np.where(low == high, low, (low + high) / 2)
    return found
