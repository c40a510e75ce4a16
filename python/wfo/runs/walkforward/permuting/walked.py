"""What a test of a walk-forward begins with: the walk-forward as it lies in its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wfo.runs.walkforward.permuting.record import Basis
    from wfo.walkforward.components import Chooser
    from wfo.walkforward.history import History
    from wfo.windows import WalkWindows


@dataclass(frozen=True, slots=True, eq=False)
class Walked:
    """A walk-forward that is tested.

    Attributes
    ----------
    folder
        Where it lies, and where the record of the test goes.
    symbols, timeframe
        Whose bars.
    grid
        Name of the grid.
    by
        What sets are chosen by.
    history, windows
        Bars, and the schedule on them.
    chooser
        Returns what chooses on bars.
    combinations
        What one window looks at.
    basis
        What the figures of a test follow from.
    total_return, sharpe
        What the folder states of the stitched curve.
    command
        What makes it anew.
    """

    folder: Path
    symbols: tuple[str, ...]
    timeframe: str
    grid: str
    by: str
    history: History
    windows: WalkWindows
    chooser: Callable[[History], Chooser]
    combinations: int
    basis: Basis
    total_return: float | None
    sharpe: float | None
    command: str
