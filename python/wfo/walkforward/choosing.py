"""Re-selection in each window of a walk-forward: the whole grid, on in-sample bars alone.

A window is known by its in-sample part. Parts that several windows share are chosen on once, and
those of one group are swept together, so that engines share work between them as between phases.
No decision depends on the group.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from wfo.backtest.checks import need_of
from wfo.errors import InputError
from wfo.grid import Grid, no_map
from wfo.progress import Progress, Silent
from wfo.search.evaluating.timing import sweep_seconds
from wfo.walkforward.best_figure import BestByFigure, ties_within
from wfo.walkforward.best_scored import BestByPhases
from wfo.walkforward.criteria import Criterion
from wfo.walkforward.history import History
from wfo.walkforward.parts import Part, Sweeper, part_of, room_of
from wfo.walkforward.values import Decision
from wfo.windows import WalkWindow

if TYPE_CHECKING:
    from wfo.backtest import Feeds
    from wfo.backtest.checks import Bounds
    from wfo.selection.gates import Gates
    from wfo.walkforward.chosen import Chosen

#: Share of the memory that blocks under way take; the rest is for what is counted of them.
_BLOCKS = 2

#: Seconds that a part may take for an estimate to choose on it.
_MOMENT = 0.5


class PartChooser(Protocol):
    """What chooses on in-sample parts."""

    @property
    def passes(self) -> int:
        """How often the grid is swept."""

    def check(self, parts: Sequence[Part]) -> None:
        """Raise if a part cannot be chosen on."""

    def swept(self, parts: Sequence[Part]) -> tuple[Feeds, list[Bounds]]:
        """Return the bars and the phases that are swept for parts."""

    def groups(self, parts: Sequence[Part]) -> Iterator[list[Part]]:
        """Yield the parts that are swept together, in their order."""

    def choose(self, parts: Sequence[Part], title: str) -> list[Chosen]:
        """Return what each part of a group chooses."""


class GridChooser:
    """Chooses a combination of a grid in every window.

    Parameters
    ----------
    history
        Bars, account and strategy.
    grid
        What is searched in each window.
    by
        The criterion, one of `wfo.walkforward.criteria.BY`.
    gates
        What makes a combination valid in a phase, where phases are scored; by default those of v4.
    min_trades
        Closed in-sample trades that a combination has at least, where a figure is chosen by.
    progress
        Where to tell how far it is.
    memory
        Bytes that choosing may take; by default a share of what the system says is left. No
        decision depends on it.

    Attributes
    ----------
    by
        The criterion.
    combinations
        Combinations that each window looks at.
    engine, reason
        The engine that sweeps, and why a faster one was passed over; empty where none was.

    Raises
    ------
    WfoError
        If the criterion, the gates or the grid cannot be used.
    """

    def __init__(
        self,
        history: History,
        grid: Grid,
        by: str,
        *,
        gates: Gates | None = None,
        min_trades: int = 0,
        progress: Progress | None = None,
        memory: int | None = None,
    ) -> None:
        criterion = Criterion.of(by, gates=gates, min_trades=min_trades)
        room = room_of(memory)
        sweeper = Sweeper(history, grid, criterion.extended, room // _BLOCKS)
        self.by = criterion.by
        self.combinations = len(grid)
        self.engine, self.reason = sweeper.chosen
        self._need = need_of(grid, history.feeds)
        if criterion.by == "plateau" and grid.strategy.map_axes is None:
            raise InputError(f"by = 'plateau': {no_map(grid.strategy)}; take 'region' instead")
        self._sweeper, self._criterion = sweeper, criterion
        self._room = room - room // _BLOCKS
        self._parts = self._chooser(progress or Silent())

    def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
        """Yield the decision of each window, in their order, as soon as it is known.

        Raises
        ------
        WfoError
            Before anything is swept, if the bars of a window cannot be chosen on.
        """
        parts = self._checked(windows)
        known: dict[Part, Chosen] = {}
        left = list(windows)
        for group in self._parts.groups(parts):
            many = f" to {len(known) + len(group)}" if len(group) > 1 else ""
            title = f"choosing on in-sample part {len(known) + 1}{many} of {len(parts)}"
            known |= dict(zip(group, self._parts.choose(group, title), strict=True))
            while left and part_of(left[0]) in known:
                window = left.pop(0)
                yield known[part_of(window)].decision(window.number, self.combinations)

    def estimate(self, windows: Sequence[WalkWindow]) -> float:
        """Return about how many seconds `choose` takes, from a small piece of it.

        Of a grid that is swept in a moment one part is chosen on for that; of a larger one a piece
        is swept, which is nearly all that there is to it.

        Raises
        ------
        WfoError
            As of `choose`.
        """
        parts = self._checked(windows)
        quiet = self._chooser(Silent())
        swept = [quiet.swept(group) for group in quiet.groups(parts)]
        phases = sum(len(bounds) for _, bounds in swept)
        sweep = sweep_seconds(self._sweeper.evaluator(*swept[0])) * quiet.passes
        total = sweep * phases / len(swept[0][1])
        one = total / len(parts)
        if one < _MOMENT:
            begun = time.perf_counter()
            quiet.choose(parts[-1:], "")
            total += max(0.0, time.perf_counter() - begun - one) * len(parts)
        return total

    def _chooser(self, progress: Progress) -> PartChooser:
        """Return what chooses on parts, and tells how far it is."""
        if self._criterion.figure is not None:
            ties = ties_within(self._room)
            return BestByFigure(self._sweeper, self._criterion, progress, ties)
        return BestByPhases.of(self._sweeper, self._criterion, progress, self._room)

    def _checked(self, windows: Sequence[WalkWindow]) -> list[Part]:
        """Return the distinct parts of windows, if there are any and all can be chosen on."""
        if not windows:
            raise InputError("there are no windows to choose in")
        for window in windows:
            if window.first < self._need:
                raise InputError(
                    f"window {window.number} begins at bar {window.first}, and the grid looks back"
                    f" {self._need} bars; begin {self._need - window.first} bars later, or take"
                    " shorter lengths"
                )
        parts = list(dict.fromkeys(map(part_of, windows)))
        self._parts.check(parts)
        return parts
