"""The most central of combinations that are equally good: it has the fewest steps to the others.

Steps are those of the grid, from one value of a parameter to the next, summed over parameters. Of
all m combinations the sum of steps to the others is a sum over parameters of numbers that follow
from how many combinations have each value, so that no pair of them is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.grid import Grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IndexArray = NDArray[np.int64]

#: Combinations whose steps are summed together.
_PIECE = 1 << 18


class ValueCounts:
    """How many of some combinations have each value of every parameter.

    Parameters
    ----------
    grid
        The grid that they are of.
    """

    def __init__(self, grid: Grid) -> None:
        import numpy as np

        self.grid = grid
        self._names = [name for name, values in grid.values.items() if len(values) > 1]
        self._counts = [np.zeros(len(grid.values[name]), np.int64) for name in self._names]

    def add(self, indices: IndexArray) -> None:
        """Count combinations, by flat index, int64[m]."""
        import numpy as np

        for at, name in enumerate(self._names):
            digits = self.grid.digits(name, indices)
            self._counts[at] += np.bincount(digits, minlength=len(self._counts[at]))

    def clear(self) -> None:
        """Forget what was counted."""
        for counts in self._counts:
            counts[:] = 0

    def steps(self, indices: IndexArray) -> IndexArray:
        """Return the steps from each of m combinations to all counted ones, summed, int64[m]."""
        import numpy as np

        total = np.zeros(len(indices), np.int64)
        for name, counts in zip(self._names, self._counts, strict=True):
            places = np.arange(len(counts))
            along = np.abs(places[:, None] - places[None, :]) @ counts
            total += along[self.grid.digits(name, indices)]
        return total


class Nearest:
    """The combination with the fewest steps to those that were counted, of equals the first.

    Parameters
    ----------
    counts
        What steps are counted to.
    """

    def __init__(self, counts: ValueCounts) -> None:
        self.counts = counts
        #: Its flat index; None as long as none was looked at.
        self.index: int | None = None
        self._steps = 0

    def add(self, indices: IndexArray) -> None:
        """Look at combinations, by flat index, int64[m]."""
        for start in range(0, len(indices), _PIECE):
            piece = indices[start : start + _PIECE]
            steps = self.counts.steps(piece)
            least = int(steps.min())
            first = int(piece[steps == least].min())
            if self.index is None or (least, first) < (self._steps, self.index):
                self.index, self._steps = first, least


class Ties:
    """Combinations that are equally good, in bounded memory.

    Parameters
    ----------
    grid
        The grid that they are of.
    limit
        How many are held by their index. Of more their values alone are counted, and whoever has
        them must show them again for the most central one to be known.
    """

    def __init__(self, grid: Grid, limit: int) -> None:
        self.counts = ValueCounts(grid)
        self.size = 0
        self._limit = limit
        self._held: list[IndexArray] | None = []

    def clear(self) -> None:
        """Forget all, since something is better."""
        self.counts.clear()
        self.size = 0
        self._held = []

    def add(self, indices: IndexArray) -> None:
        """Add combinations, by flat index, int64[m]."""
        self.size += len(indices)
        if self._held is None:
            self.counts.add(indices)
            return
        self._held.append(indices)
        if self.size > self._limit:
            self._count()
            self._held = None

    @property
    def is_held(self) -> bool:
        """Whether all are held, so that `central` knows."""
        return self._held is not None

    def central(self) -> int | None:
        """Return the flat index of the most central one; None where there is none."""
        assert self._held is not None  # noqa: S101  # else `Nearest` looks at them again
        self._count()
        nearest = Nearest(self.counts)
        for piece in self._held:
            nearest.add(piece)
        return nearest.index

    def _count(self) -> None:
        self.counts.clear()
        for piece in self._held or ():
            self.counts.add(piece)


def most_central(grid: Grid, indices: IndexArray) -> int:
    """Return the flat index of the most central of combinations, of equals the first.

    Parameters
    ----------
    grid
        The grid that they are of.
    indices
        Their flat indices, int64[m], one at least.
    """
    ties = Ties(grid, len(indices))
    ties.add(indices)
    found = ties.central()
    assert found is not None  # noqa: S101  # there is one
    return found
