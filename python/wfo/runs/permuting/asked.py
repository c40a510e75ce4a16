"""What is searched again on permuted bars: one strategy's grid, as its run has searched it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.backtest import Feeds
from wfo.grid import Grid
from wfo.runs.permuting.values import BESIDE, OUTCOMES, STABLE
from wfo.selection.gates import Gates
from wfo.settings import AccountSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IndexArray = NDArray[np.int64]

#: First trading bar, first out-of-sample bar, one past the last.
Bounds = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is searched again: one strategy's grid, as the run has searched it.

    Attributes
    ----------
    grid, settings, phases
        The grid, the settings of its backtests, and its phases.
    feeds
        What the strategy reads, up to the end of the last phase.
    gates
        The sets that are counted, by name.
    least
        Phases in which a stable combination is valid.
    min_trades
        Closed out-of-sample trades of a combination that trades, in as many phases.
    first
        The first bar that trades places.
    classes
        The class of every bar, int64[n]; None where there is one.
    block
        Bars, or sessions, that stay together; 0 for none.
    threads
        How many work.
    """

    grid: Grid
    settings: AccountSettings
    phases: Sequence[Bounds]
    feeds: Feeds
    gates: dict[str, Gates]
    least: int
    min_trades: int
    first: int
    classes: IndexArray | None
    block: int
    threads: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the figures, in the order of a search's columns."""
        return (*(f"{STABLE}{name}" for name in self.gates), *OUTCOMES, *BESIDE)
