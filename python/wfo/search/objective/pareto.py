"""Pareto sets: what no other point dominates, in which order the rest follows, and hypervolume.

All objectives are maximised. A point dominates another where it is no worse in any objective, and
better in one; equal points do not dominate each other.
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING

from wfo.arguments import numbers_array
from wfo.errors import InputError
from wfo.search.objective.components import MOST_OBJECTIVES
from wfo.text import brief

if TYPE_CHECKING:
    from wfo.search.values import BoolArray, FloatArray, IndexArray


def pareto_front(objectives: FloatArray) -> BoolArray:
    """Return which points no other dominates.

    Parameters
    ----------
    objectives
        float64[n, k], each to be maximised. A point with NaN is never in the set, and dominates
        none.

    Returns
    -------
    BoolArray
        bool[n].
    """
    import numpy as np

    points = _points(objectives)
    found = np.zeros(len(points), dtype=bool)
    has = np.flatnonzero(~np.isnan(points).any(axis=1))
    if not len(has):
        return found
    # Sweeps begin and end at infinity.
    largest = np.finfo(np.float64).max
    finite = np.clip(points[has], -largest, largest)
    unique, where = np.unique(finite, axis=0, return_inverse=True)
    found[has] = _front_of_unique(unique)[where.reshape(-1)]
    return found


def _front_of_unique(points: FloatArray) -> BoolArray:
    """Return the front of points that are sorted by their first objective, then the next ones."""
    import numpy as np

    count, size = points.shape
    on: BoolArray = np.arange(count) == count - 1
    if size == 1:
        return on
    # From the last one on, none is dominated by one that comes later.
    backward = points[::-1]
    if size == 2:
        best = np.maximum.accumulate(backward[:, 1])
        on[:] = True
        on[1:] = backward[1:, 1] > best[:-1]
        return on[::-1]
    if size == 3:
        # The front of the other two so far: seconds ascend, thirds descend.
        seconds, thirds = [math.inf], [-math.inf]
        for at, (_, second, third) in enumerate(backward.tolist()):
            end = bisect.bisect_left(seconds, second)
            on[at] = thirds[end] < third
            if on[at]:
                stop = end + (seconds[end] == second)
                begin = end
                while begin and thirds[begin - 1] <= third:
                    begin -= 1
                seconds[begin:stop], thirds[begin:stop] = [second], [third]
        return on[::-1]
    found = np.zeros(count, dtype=bool)
    left = np.arange(count)[::-1]
    while len(left):
        first = left[0]
        found[first] = True
        rest = left[1:]
        left = rest[(points[rest] > points[first]).any(axis=1)]
    return found


def nondominated_ranks(objectives: FloatArray, violations: FloatArray | None = None) -> IndexArray:
    """Return in which front each point is: 0 where none dominates it, 1 where only those do, ….

    Parameters
    ----------
    objectives
        float64[n, k], each to be maximised; points with NaN come last, in one front.
    violations
        float64[n]: points without any come first; of others, those of the smaller violation, all
        of one violation in one front. Without it none has any.

    References
    ----------
    Zhang, Tian, Cheng and Jin (2015), "An efficient approach to nondominated sorting for
    evolutionary multiobjective optimization", *IEEE Trans. Evol. Comput.* 19(2), 201-213; Deb
    (2000) for points that violate constraints.
    """
    import numpy as np

    points = _points(objectives)
    count = len(points)
    found = np.zeros(count, dtype=np.int64)
    undefined = np.isnan(points).any(axis=1)
    beyond = np.zeros(count) if violations is None else np.asarray(violations, np.float64)
    if beyond.shape != (count,):
        raise InputError(f"violations must be one a point, not of shape {beyond.shape}")
    allowed = np.flatnonzero(~undefined & (beyond == 0))
    fronts = 0
    if len(allowed):
        unique, where = np.unique(points[allowed], axis=0, return_inverse=True)
        found[allowed] = _fronts(unique)[where.reshape(-1)]
        fronts = int(found[allowed].max()) + 1
    others = np.flatnonzero(~undefined & (beyond != 0))
    if len(others):
        _, where = np.unique(beyond[others], return_inverse=True)
        found[others] = fronts + where
        fronts += int(where.max()) + 1
    found[undefined] = fronts
    return found


def _fronts(points: FloatArray) -> IndexArray:
    """Return the fronts of points that are sorted by their first objective, then the next ones."""
    import numpy as np

    count, size = points.shape
    if size == 1:
        return np.arange(count - 1, -1, -1, dtype=np.int64)
    found = np.empty(count, dtype=np.int64)
    # From the last one on, a point is dominated by earlier ones alone.
    if size == 2:
        # Of each front its largest second objective, negative; it falls from front to front.
        tops: list[float] = []
        for at, second in zip(range(count - 1, -1, -1), (-points[::-1, 1]).tolist(), strict=True):
            front = bisect.bisect_right(tops, second)
            tops[front : front + 1] = [second]
            found[at] = front
        return found
    members: list[_Members] = []
    for at in range(count - 1, -1, -1):
        point = points[at]
        # What a front dominates, all fronts before it dominate too.
        front, end = 0, len(members)
        while front < end:
            middle = (front + end) // 2
            if members[middle].dominates(point):
                front = middle + 1
            else:
                end = middle
        if front == len(members):
            members.append(_Members(size))
        members[front].add(point)
        found[at] = front
    return found


class _Members:
    """The points of a front, of which no two are equal."""

    def __init__(self, size: int) -> None:
        import numpy as np

        self.room = np.empty((8, size))
        self.used = 0

    def add(self, point: FloatArray) -> None:
        import numpy as np

        if self.used == len(self.room):
            self.room = np.concatenate((self.room, np.empty_like(self.room)))
        self.room[self.used] = point
        self.used += 1

    def dominates(self, point: FloatArray) -> bool:
        return bool((self.room[: self.used] >= point).all(axis=1).any())


def hypervolume(points: FloatArray, reference: FloatArray) -> float:
    """Return the volume of what points dominate above a reference point, exactly.

    Parameters
    ----------
    points
        float64[n, k], each objective to be maximised, k up to 6. A point that is not above the
        reference in every objective, or has NaN, adds nothing.
    reference
        float64[k], such as `reference_point` returns.

    Raises
    ------
    InputError
        If shapes differ, there are more objectives, or the reference is not finite.

    Notes
    -----
    Of two and three objectives by a sweep; of more by exclusive volumes: a point's volume, less
    that of the points before it where they are limited to it, in one objective less since all have
    the point's own value in the last one. The time grows fast with the objectives.

    References
    ----------
    While, Bradstreet and Barone (2012), "A fast way of calculating exact hypervolumes", *IEEE
    Trans. Evol. Comput.* 16(1), 86-95.
    """
    import numpy as np

    own = _points(points)
    base = numbers_array("reference", reference)
    if base.shape != (own.shape[1],) or not np.isfinite(base).all():
        raise InputError(
            f"reference must be {own.shape[1]} finite numbers, one an objective, not"
            f" {brief(reference)}"
        )
    if own.shape[1] > MOST_OBJECTIVES:
        raise InputError(
            f"hypervolume is computed of {MOST_OBJECTIVES} objectives at most, not {own.shape[1]}"
        )
    if np.isposinf(own).any():
        raise InputError("points must be finite")
    with np.errstate(invalid="ignore"):
        above = own[(own > base).all(axis=1)] - base
    if not len(above):
        return 0.0
    return _volume(_kept(above))


def reference_point(objectives: FloatArray) -> FloatArray:
    """Return the worst value of each objective among points, NaN left out, float64[k].

    Of no points it is 0.
    """
    import numpy as np

    points = _points(objectives)
    has = points[~np.isnan(points).any(axis=1)]
    found: FloatArray = has.min(axis=0) if len(has) else np.zeros(points.shape[1])
    return found


def _kept(points: FloatArray) -> FloatArray:
    """Return the front of points, each once, sorted by the first objective."""
    import numpy as np

    unique = np.unique(points, axis=0)
    return unique[_front_of_unique(unique)]


def _volume(points: FloatArray) -> float:
    """Return the volume of a front above 0."""
    import numpy as np

    count, size = points.shape
    if count == 1:
        return float(np.prod(points[0]))
    if size == 1:
        return float(points.max())
    if size == 2:
        return _area(points)
    if size == 3:
        return _volume_of_three(points)
    ordered = points[np.argsort(-points[:, -1], kind="stable")]
    lower, last = ordered[:, :-1], ordered[:, -1]
    total = 0.0
    for at in range(count):
        own = float(np.prod(lower[at]))
        if at:
            own -= _volume(_kept(np.minimum(lower[:at], lower[at])))
        total += own * float(last[at])
    return total


def _area(points: FloatArray) -> float:
    """Return the area of a front of two objectives, sorted by the first one, above 0."""
    import numpy as np

    widths = np.diff(points[:, 0], prepend=0.0)
    return float((widths * points[:, 1]).sum())


def _volume_of_three(points: FloatArray) -> float:
    """Return the volume of points above 0: from the top down, the area grows by each point's."""
    import numpy as np

    ordered = points[np.argsort(-points[:, 2], kind="stable")].tolist()
    # The front of the area so far, between what no point is beyond: firsts ascend, seconds descend.
    firsts, seconds = [0.0, math.inf], [math.inf, 0.0]
    area = total = 0.0
    before = ordered[0][2]
    for first, second, third in ordered:
        total += area * (before - third)
        before = third
        # The first one that is as far as the point in the first objective.
        end = bisect.bisect_left(firsts, first)
        if seconds[end] >= second:
            continue
        begin = end
        while seconds[begin - 1] <= second:
            begin -= 1
        # One that is as far is below the point, and replaced by it.
        stop = end + 1 if firsts[end] == first else end
        left = firsts[begin - 1]
        for at in range(begin, end):
            area += (firsts[at] - left) * (second - seconds[at])
            left = firsts[at]
        area += (first - left) * (second - seconds[end])
        firsts[begin:stop], seconds[begin:stop] = [first], [second]
    return float(total + area * before)


def _points(objectives: FloatArray) -> FloatArray:
    found: FloatArray = numbers_array("objectives", objectives)
    if found.ndim != 2 or found.shape[1] < 1:
        raise InputError(f"objectives must be a table of points, not of shape {found.shape}")
    return found
