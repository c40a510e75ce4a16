"""Whether constraints leave anything, and how many points: counted where that can be done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from wfo.files.limits import CONSTRAINED_POINTS
from wfo.search.space.constraints import ParameterConstraint
from wfo.search.space.space import SearchSpace
from wfo.text import listed, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Points that are tried where they are too many to be counted.
TRIED: Final = 200_000

#: Points times characters of the constraints that are looked at: a second or so.
_EFFORT: Final = 300_000_000

#: Numbers of points that are looked at together.
_CHUNK: Final = 1 << 21


@dataclass(frozen=True, slots=True)
class Leaves:
    """What the constraints of a space leave.

    Attributes
    ----------
    count
        Points that meet all of them; None where they are too many to be counted, or continuous.
    empty
        Why there is none, in words; empty where there are some, or may be.
    """

    count: int | None
    empty: str = ""


def left_by_constraints(space: SearchSpace, *, counted: bool = True) -> Leaves:
    """Return what the constraints of a space leave.

    Dimensions that share constraints, directly or by others, are a group. The points of a group are
    counted where they are at most 1,000,000 and the constraints are short enough for it to take a
    second, and else some are tried.

    Parameters
    ----------
    space
        The space.
    counted
        Whether all points are counted, or only whether there is one.
    """
    count: int | None = 1
    for at, constraints in _groups(space):
        sizes = [space.dimensions[i].size for i in at]
        product = None if None in sizes else math.prod(cast("list[int]", sizes))
        if not constraints:
            count = None if count is None or product is None else count * product
            continue
        length = sum(len(constraint.require) for constraint in constraints)
        exact = product is not None and product <= min(CONSTRAINED_POINTS, _EFFORT // length)
        if exact:
            found = _counted(space, at, constraints, counted)
            nothing = _none_of_all(space, at, constraints, cast("int", product))
        else:
            tries = min(TRIED, _EFFORT // length)
            found = _tried(space, at, constraints, tries)
            nothing = _none_tried(space, at, constraints, tries)
        if not found:
            return Leaves(0 if exact else None, nothing)
        count = count * found if exact and count is not None else None
    return Leaves(count if counted else None)


def _groups(space: SearchSpace) -> list[tuple[list[int], list[ParameterConstraint]]]:
    """Return the dimensions that share constraints, and these."""
    places = {name: at for at, name in enumerate(space.names)}
    group = [{at} for at in range(len(places))]
    for constraint in space.constraints:
        joined = set().union(*(group[places[name]] for name in constraint.names))
        for at in joined:
            group[at] = joined
    found = []
    for at, members in enumerate(group):
        if min(members) == at:
            own = [c for c in space.constraints if places[c.names[0]] in members]
            found.append((sorted(members), own))
    return found


def _counted(
    space: SearchSpace,
    at: Sequence[int],
    constraints: Sequence[ParameterConstraint],
    every: bool,
) -> int:
    """Return how many points of a group meet constraints; some number above 0 unless `every`."""
    import numpy as np

    part = SearchSpace(tuple(space.dimensions[i] for i in at))
    size = cast("int", part.size)
    width = len(space.dimensions)
    chunk = max(1, _CHUNK // width)
    total = 0
    for start in range(0, size, chunk):
        inner = part.grid_rows(start, min(start + chunk, size))
        rows = np.zeros((len(inner), width))
        rows[:, at] = inner
        total += int(_met(rows, constraints).sum())
        if total and not every:
            break
    return total


def _tried(
    space: SearchSpace, at: Sequence[int], constraints: Sequence[ParameterConstraint], tries: int
) -> int:
    """Return how many of some points meet constraints: drawn, at the ends, repaired, to start."""
    import numpy as np

    rng = np.random.default_rng(np.random.SeedSequence(0))
    width = len(space.dimensions)
    chunk = max(1, _CHUNK // width)
    for begin in range(0, tries, chunk):
        many = min(chunk, tries - begin)
        rows = np.zeros((many, width))
        # From 0 to 1, with many at the ends: what is wide apart is found there.
        drawn = np.clip(rng.uniform(-0.1, 1.1, (many, len(at))), 0.0, 1.0 - 2.0**-53)
        for place, u in zip(at, drawn.T, strict=True):
            size = space.dimensions[place].size
            rows[:, place] = u if size is None else np.floor(u * size)
        rows = space.repaired(rows)
        found = int(_met(rows, constraints).sum())
        if found:
            return found
    # A start point meets all of them, or the space would not be.
    return len(space.start)


def _met(rows: FloatArray, constraints: Sequence[ParameterConstraint]) -> FloatArray:
    import numpy as np

    found = np.ones(len(rows), np.bool_)
    for constraint in constraints:
        found &= constraint.met(rows)
    return cast("FloatArray", found)


def _said(space: SearchSpace, at: Sequence[int], constraints: Sequence[ParameterConstraint]) -> str:
    met = " and ".join(constraint.require for constraint in constraints)
    return f"meets {one_line(met):.200}; widen the values of {listed([space.names[i] for i in at])}"


def _none_of_all(
    space: SearchSpace,
    at: Sequence[int],
    constraints: Sequence[ParameterConstraint],
    product: int,
) -> str:
    return f"none of all {product:,} points {_said(space, at, constraints)}"


def _none_tried(
    space: SearchSpace, at: Sequence[int], constraints: Sequence[ParameterConstraint], tries: int
) -> str:
    return (
        f"none of {tries:,} points that were tried, too many to try all of them,"
        f" {_said(space, at, constraints)}, or give one that does under start"
    )
