"""Values of dimensions, put into cells in which they are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Cells of a dimension whose values are ordered, at most.
CELLS: Final = 50


@dataclass(frozen=True, slots=True)
class Cells:
    """The values of a dimension, each in a cell.

    Attributes
    ----------
    of
        The cell of each trial, int64[n].
    count
        How many cells there are.
    ordered
        Whether neighbouring cells are near each other.
    """

    of: IndexArray
    count: int
    ordered: bool


def cells_of(space: SearchSpace, rows: FloatArray) -> list[Cells]:
    """Return the cells of each dimension.

    Each value has a cell of its own where they are few or have no order; otherwise the range is
    divided evenly, on the scale of the dimension, and what lies between two goes to the lower one.

    Parameters
    ----------
    space
        The space.
    rows
        Points of it, float64[n, d].
    """
    import numpy as np

    found = []
    positions = space.unit(rows)
    for at, (size, ordered) in enumerate(zip(space.sizes, space.ordered, strict=True)):
        if size and (size <= CELLS or not ordered):
            found.append(Cells(rows[:, at].astype(np.int64), int(size), bool(ordered)))
            continue
        places = np.ceil(positions[:, at] * (CELLS - 1) - 0.5).astype(np.int64)
        found.append(Cells(np.clip(places, 0, CELLS - 1), CELLS, True))
    return found
