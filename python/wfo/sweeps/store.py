"""What the stores of a sweep have in common."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from wfo.backtest import Figures
from wfo.grid import Grid

if TYPE_CHECKING:
    from wfo import _core
    from wfo.selection.scoring import Gates

#: Figures of consecutive combinations in the types of result files, one item a phase.
Block = Sequence[Figures]

#: First combination, and one past the last.
Span = tuple[int, int]

#: Called with the number of combinations that were just finished.
Tick = Callable[[int], None]


class SweepStore(abc.ABC):
    """Keeps what a sweep finds, and goes on where it was left.

    Parameters
    ----------
    folder
        ``wfo/<strategy>`` of a run.
    grid, phases
        The size of the sweep.
    gates
        Those that its counts are of.
    key
        What the figures follow from, hashed: what was stored under another key is not believed.
    threads
        For counting.

    Attributes
    ----------
    tally
        What is counted over the combinations that are stored.
    """

    kind: ClassVar[str]

    #: What to do about files that are damaged.
    again = "'wfo run' computes what is damaged again"

    def __init__(
        self, folder: Path, grid: Grid, phases: int, gates: Gates, key: str, threads: int
    ) -> None:
        self.folder = folder
        self.grid = grid
        self.phases = phases
        self.gates = gates
        self.key = key
        self.threads = threads
        self.tally = self._new_tally()
        #: What counts and stores a block, beside whatever the caller goes on with.
        self._job: Future[None] | None = None

    def _wait(self) -> None:
        """Wait for the block before, and raise what became of it."""
        job, self._job = self._job, None
        if job is not None:
            job.result()

    def _new_tally(self) -> _core.Tally:
        from wfo import _core

        wfe, ratio = self.gates.wfe, self.gates.dd_ratio
        return _core.Tally(self.phases, wfe, ratio, self.grid.map_axes, self.threads)

    @property
    def meta(self) -> Path:
        """``meta.json``, which is there when the sweep is complete."""
        return self.folder / "meta.json"

    @abc.abstractmethod
    def present(self) -> int:
        """Return the bytes that are on disk already."""

    @abc.abstractmethod
    def check(self, tick: Tick) -> None:
        """Count what an earlier sweep has stored and is intact; before `open`, once."""

    @property
    @abc.abstractmethod
    def is_complete(self) -> bool:
        """Whether `check` has found all of it, under its final names."""

    @abc.abstractmethod
    def is_mine(self) -> bool:
        """Whether something is stored, and under this key."""

    @abc.abstractmethod
    def open(self) -> list[Span]:
        """Return the spans that are not stored, and make ready to write them."""

    @abc.abstractmethod
    def append(self, start: int, block: Block) -> None:
        """Take combinations from `start` on; those of a span come in order, without gaps.

        They are counted and written beside whatever the caller goes on with; it must leave the
        block alone.
        """

    @abc.abstractmethod
    def finish(self) -> None:
        """Give the files their names, once all is there.

        Raises
        ------
        ResultsError
            If combinations are missing, or a file cannot be written.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the files; what was written stays for the next time."""

    @abc.abstractmethod
    def verify(self, tick: Tick) -> None:
        """Count what is stored by a sweep that is complete.

        Raises
        ------
        ResultsError
            If a file is missing, or any byte is another one than was written.
        """

    @abc.abstractmethod
    def select(self, selection: _core.Selection, tick: Tick) -> None:
        """Let `selection` see every combination that may be a candidate."""

    def lost_below(self, ranking: _core.Ranking, least: int) -> float:
        """Return the stability up to which a stable combination may be missing in `select`.

        Minus infinity where all that are valid in `least` phases are stored.
        """
        del ranking, least
        return -math.inf

    def refuses(self, gates: Gates, least: int) -> str | None:
        """Return the option that needs a new sweep, and why; None if there is none.

        Parameters
        ----------
        gates
            The gates asked for.
        least
            Valid phases of a stable combination, where that is settled.
        """
        del gates, least
        return None
