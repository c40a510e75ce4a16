"""Figures of a uniform sample of a grid, taken out of the blocks of a store as they pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wfo.backtest import Figures
from wfo.backtest.figures import STANDARD
from wfo.grid import Grid
from wfo.selection.regions import sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.sweeps import Block

    IndexArray = NDArray[np.int64]


class Gathered:
    """The figures of a sample.

    Parameters
    ----------
    grid, phases
        What was swept.

    Attributes
    ----------
    indices
        Flat indices of the sample, ascending, int64[m].
    block
        Their figures, one item a phase, m cells each.
    """

    def __init__(self, grid: Grid, phases: int) -> None:
        import numpy as np

        self.indices: IndexArray = sample(grid)
        self.block: list[Figures] = [
            Figures(*(np.zeros(len(self.indices), each.stored) for each in STANDARD))
            for _ in range(phases)
        ]

    def add(self, start: int, block: Block) -> None:
        """Take what of the sample lies in a block of combinations from `start` on."""
        import numpy as np

        stop = start + len(block[0].is_pnl)
        first, last = np.searchsorted(self.indices, (start, stop))
        within = self.indices[first:last] - start
        for held, figures in zip(self.block, block, strict=True):
            to: Any
            for to, values in zip(held, figures, strict=True):
                to[first:last] = values[within]
