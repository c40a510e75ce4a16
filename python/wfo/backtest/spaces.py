"""What an engine goes through: parameter sets with a number each, of a grid or a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from wfo.grid import Grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


class Space(Protocol):
    """Parameter sets with a number each."""

    def __len__(self) -> int: ...

    @property
    def axes(self) -> list[tuple[list[int], FloatArray]]:
        """The sets in the form that compiled kernels take.

        For each axis the positions of its parameters, and its rows, float64[positions of the axis,
        parameters].
        """

    @property
    def positions(self) -> list[list[int]]:
        """The positions of the parameters of each axis, without its rows."""

    def rows(self, indices: Any) -> FloatArray:
        """Return the sets of these numbers, float64[m, parameters], in canonical order."""


class GridSpace:
    """The combinations of a grid."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def __len__(self) -> int:
        return len(self.grid)

    @property
    def axes(self) -> list[tuple[list[int], FloatArray]]:
        """The axes, as in `Space`."""
        return self.grid.engine_axes

    @property
    def positions(self) -> list[list[int]]:
        """The parameters of each axis, as in `Space`."""
        return self.grid.engine_positions

    def rows(self, indices: Any) -> FloatArray:
        """Return the sets of these numbers, as in `Space`."""
        import numpy as np

        columns = self.grid.columns(np.asarray(indices, dtype=np.int64))
        return np.column_stack([c.astype(np.float64) for c in columns.values()])


class SetSpace:
    """Parameter sets one by one, float64[m, parameters]."""

    def __init__(self, table: FloatArray) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    @property
    def axes(self) -> list[tuple[list[int], FloatArray]]:
        """The axes, as in `Space`."""
        # One axis of all parameters, whose rows are whole sets.
        return [(self.positions[0], self.table)]

    @property
    def positions(self) -> list[list[int]]:
        """The parameters of each axis, as in `Space`."""
        return [list(range(self.table.shape[1]))]

    def rows(self, indices: Any) -> FloatArray:
        """Return the sets of these numbers, as in `Space`."""
        found: FloatArray = self.table[indices]
        return found
