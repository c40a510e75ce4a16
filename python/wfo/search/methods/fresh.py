"""Points that are new: neither in the history nor twice in a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wfo.sampling import splitmix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

#: Whole numbers up to it are exact in float64.
_EXACT = 2**53

#: Points that are made together.
_STRETCH = 1 << 14

#: Parts of a continuous dimension that are told apart.
_FINE = 2.0**40

#: Draws some points and their tags; it is told how many, and how often it was asked before.
Draw = Callable[[int, int], "tuple[FloatArray, IndexArray]"]


@dataclass(frozen=True, slots=True)
class Asking:
    """How long points are drawn until enough of them are new and allowed.

    Attributes
    ----------
    rounds
        How often they are drawn, at most.
    growth
        How many more than wanted are drawn at a time, at most, as a multiple.
    """

    rounds: int
    growth: int


def marks(space: SearchSpace, rows: FloatArray) -> NDArray[Any]:
    """Return a number for each point; points that are equal have equal ones.

    Of a space whose points can be counted it is the place in the grid. Of others it is a hash,
    and two points of 10^9 may share one by accident: then one of them is not proposed. Positions
    that differ by rounding errors are equal.

    Parameters
    ----------
    space
        Where the points lie.
    rows
        The points, float64[m, d].

    Returns
    -------
    float64[m] or uint64[m]
    """
    weights = _weights(space)
    if weights.shape[1] == 1 and space.size is not None:
        places: FloatArray = rows @ weights[:, 0]
        return places
    factors = splitmix(weights.shape[1]) | np.uint64(1)
    found = np.zeros(len(rows), np.uint64)
    for at in range(0, len(rows), _STRETCH):
        some = rows[at : at + _STRETCH] @ weights
        np.rint(some, out=some)
        # Whole numbers modulo 2^64: the result is the same in any order.
        found[at : at + _STRETCH] = (some.astype(np.uint64) * factors).sum(axis=1)
    return found


def _weights(space: SearchSpace) -> FloatArray:
    """Return weights that number the points of as many dimensions as can be counted together.

    Returns
    -------
    float64[d, g]
        A column a group of dimensions, each continuous one alone.
    """
    sizes = [int(size) for size in space.sizes]
    groups: list[list[int]] = []
    count = _EXACT + 1
    for at in reversed(range(len(sizes))):
        size = sizes[at] or int(_FINE) + 1
        if not sizes[at] or count * size > _EXACT:
            groups.append([])
            count = 1
        groups[-1].append(at)
        count = count * size if sizes[at] else _EXACT + 1
    weights = np.zeros((len(sizes), len(groups)))
    for group, members in enumerate(groups):
        weight = 1
        for at in members:
            weights[at, group] = weight if sizes[at] else _FINE
            weight *= sizes[at] or 1
    return weights


def unseen(found: NDArray[Any], seen: Sequence[NDArray[Any]]) -> tuple[BoolArray, NDArray[Any]]:
    """Return whether each mark is the first of its value, and in no other list.

    Parameters
    ----------
    found
        Marks, in the order in which equal ones take precedence.
    seen
        Lists of others, each ascending.

    Returns
    -------
    bool[m]
    array
        The marks in ascending order.
    """
    order = np.argsort(found, kind="stable")
    ascending = found[order]
    new = np.ones(len(found), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=new[1:])
    for other in seen:
        if len(other):
            place = np.minimum(np.searchsorted(other, ascending), len(other) - 1)
            new &= other[place] != ascending
    answer = np.empty(len(found), bool)
    answer[order] = new
    return answer, ascending


def stretched(
    make: Callable[[int, int], tuple[FloatArray, IndexArray]], count: int
) -> tuple[FloatArray, IndexArray]:
    """Return points and tags that are made in stretches, which stay in a processor's cache.

    Parameters
    ----------
    make
        Makes those from one number to another.
    count
        How many.
    """
    parts = [make(at, min(at + _STRETCH, count)) for at in range(0, max(count, 1), _STRETCH)]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([tags for _, tags in parts])


def gather(
    space: SearchSpace, seen: FloatArray, size: int, asking: Asking, draw: Draw
) -> tuple[FloatArray, IndexArray]:
    """Draw points until there are enough that are new and allowed.

    What a constraint forbids is returned as well, for the driver counts it.

    Parameters
    ----------
    space
        Where the points lie.
    seen
        Points that are not proposed again, float64[n, d].
    size
        How many allowed ones are wanted.
    asking
        How long to go on.
    draw
        Returns points, which need not lie on the grid yet, and their tags.

    Returns
    -------
    float64[m, d], int64[m]
        Points of the space, none of them twice, and their tags; the last is the allowed one that
        made them enough, unless they did not become enough.
    """
    width = len(space.dimensions)
    known = [np.sort(marks(space, seen))]
    constrained = bool(space.constraints)
    rows_found: list[FloatArray] = [np.zeros((0, width))]
    tags_found: list[IndexArray] = [np.zeros(0, np.int64)]
    missing = ask = size
    for number in range(asking.rounds):
        if missing <= 0:
            break
        rows, tags = draw(ask, number)
        if not len(rows):
            break
        rows = space.snap(rows)
        repaired = space.repaired(rows) if constrained else rows
        new, ascending = unseen(marks(space, repaired), known)
        known.append(ascending)
        if not new.all():
            rows, tags, repaired = rows[new], tags[new], repaired[new]
        allowed = np.flatnonzero(space.allowed(repaired)) if constrained else np.arange(len(rows))
        if len(allowed) >= missing:
            end = int(allowed[missing - 1]) + 1
            rows, tags = rows[:end], tags[:end]
        rows_found.append(rows)
        tags_found.append(tags)
        missing -= min(len(allowed), missing)
        ask = min(-(-missing * ask // max(len(allowed), 1)), size * asking.growth)
    if len(rows_found) == 2:
        return rows_found[1], tags_found[1]
    return np.concatenate(rows_found), np.concatenate(tags_found)
