"""The interface of the stores of a sweep."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from wfo.backtest import Figures
from wfo.errors import ResultsError
from wfo.grid import Grid
from wfo.selection.gates import Gates, gate_sets
from wfo.sweeps.options import StoreOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo import _core
    from wfo.backtest.benchmark import Benchmark

#: Figures of consecutive combinations in the types of result files, one item a phase.
Block = Sequence[Figures]

#: First flat index, and one past the last.
IndexRange = tuple[int, int]

#: Called with a flat index and the figures of combinations from it on.
Look = Callable[[int, Block], None]

#: Called with the number of combinations that were just finished.
Tick = Callable[[int], None]


class SweepStore(abc.ABC):
    """Stores the figures of a sweep, and goes on where an earlier one ended.

    Parameters
    ----------
    folder
        ``wfo/<strategy>`` of a run.
    grid, phases
        The size of the sweep.
    gates
        Those that rule.
    key
        What the figures follow from, hashed: files under another key are not used.
    threads
        For counting.
    benchmarks
        Buy-and-hold of each phase.
    options
        Sizes and intervals.

    Attributes
    ----------
    sets
        The sets of gates that are counted, the ruling one among them.
    statistics
        Over the combinations that are stored, an item a set.
    profile
        How each figure is distributed over the same combinations; None where a sweep of an earlier
        version was begun without counting it.
    """

    kind: ClassVar[str]

    #: Whether the figures of every combination are kept.
    holds_all: ClassVar[bool] = False

    #: What repairs files that are damaged.
    again = "'wfo run' computes what is damaged again"

    def __init__(
        self,
        folder: Path,
        grid: Grid,
        phases: int,
        gates: Gates,
        key: str,
        threads: int,
        *,
        benchmarks: Sequence[Benchmark],
        options: StoreOptions | None = None,
    ) -> None:
        self.folder = folder
        self.grid = grid
        self.phases = phases
        self.gates = gates
        self.key = key
        self.threads = threads
        self.benchmarks = tuple(benchmarks)
        self.options = options or StoreOptions()
        self.sets = gate_sets(gates)
        self.statistics = self._new_statistics()
        self.profile: _core.Profile | None = self._new_profile()
        #: Counts and stores a block while the caller computes the next one.
        self._job: Future[None] | None = None

    def _wait(self) -> None:
        """Wait for the block before, and raise its error if it has one."""
        job, self._job = self._job, None
        if job is not None:
            job.result()

    @property
    def counted(self) -> dict[Gates, _core.GridStatistics]:
        """The statistics by their sets of gates."""
        return dict(zip(self.sets, self.statistics, strict=True))

    @property
    def ruling(self) -> _core.GridStatistics:
        """The statistics by the gates that rule."""
        return self.counted[self.gates]

    def _new_statistics(self) -> list[_core.GridStatistics]:
        from wfo import _core

        axes, threads = self.grid.map_axes, self.threads
        gates = (g.core(self.benchmarks) for g in self.sets)
        return [_core.GridStatistics(self.phases, g, axes, threads) for g in gates]

    def _new_profile(self) -> _core.Profile:
        from wfo import _core

        return _core.Profile(self.phases, self.benchmarks[0].capital, self.threads)

    def _count(self, start: int, block: Block) -> None:
        """Count combinations from `start` on by all sets, and in the profile."""
        from wfo import _core

        _core.GridStatistics.add_to_all(self.statistics, start, block)
        if self.profile is not None:
            self.profile.add(block)

    @property
    def meta(self) -> Path:
        """``meta.json``, which exists when the sweep is complete."""
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
    def open(self) -> list[IndexRange]:
        """Return the ranges that are not stored, and make ready to write them."""

    @abc.abstractmethod
    def append(self, start: int, block: Block) -> None:
        """Take combinations from `start` on; those of a range come in order, without gaps.

        They are counted and written while the caller goes on; it must not change the block.
        """

    @abc.abstractmethod
    def finish(self) -> None:
        """Give the files their names, once all combinations are stored.

        Raises
        ------
        ResultsError
            If combinations are missing, or a file cannot be written.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Close the files; what was written stays for the next sweep."""

    @abc.abstractmethod
    def verify(self, tick: Tick) -> None:
        """Count what is stored by a sweep that is complete.

        Raises
        ------
        ResultsError
            If a file is missing, or any byte is another one than was written.
        """

    def damages(self, tick: Tick) -> list[str]:
        """Return what is wrong with the files of a sweep that is complete, a text a file.

        Nothing is counted, and every file is read, however many are damaged.
        """
        try:
            self.verify(tick)
        except ResultsError as error:
            return [str(error)]
        return []

    @abc.abstractmethod
    def select(
        self, selection: _core.Selection | None, tick: Tick, *, beside: Look | None = None
    ) -> None:
        """Add every combination that may be a candidate to `selection`.

        Parameters
        ----------
        selection
            None where nothing is selected.
        tick
            Called with the number of combinations that were read.
        beside
            Called with all combinations too, each once, where all are kept.
        """

    @abc.abstractmethod
    def effects(self, asked: int) -> _core.Effects:
        """Return the sums over all combinations that effects of parameters are made of.

        Where all combinations are kept they are empty, to be added to in `select`, and count by the
        gates that rule alone. Otherwise they are complete, and count by all sets.

        Parameters
        ----------
        asked
            Valid phases of a stable combination, beside which a few more numbers are counted.
        """

    def valid_phases(self, gates: Gates, block: Block) -> NDArray[np.uint8]:
        """Return in how many phases each combination of a block is valid, uint8[m].

        Parameters
        ----------
        gates
            What makes a combination valid; it may compare with the store's buy-and-hold.
        block
            Figures of m combinations anywhere in the grid.
        """
        found: NDArray[np.uint8] = self._new_effects(1, [gates]).evaluate(list(block))[1]
        return found

    @property
    def sampled(self) -> tuple[NDArray[np.int64], Block] | None:
        """Flat indices and figures of a uniform sample that this process has swept; or None."""
        return None

    def _new_effects(self, asked: int, sets: Sequence[Gates]) -> _core.Effects:
        from wfo import _core

        return _core.Effects(
            self.grid.lengths,
            self.benchmarks[0].capital,
            [b.oos_exponent for b in self.benchmarks],
            [g.core(self.benchmarks) for g in sets],
            asked,
            self.threads,
        )

    def lost_below(self, ranking: _core.Ranking, least: int) -> float:
        """Return the stability up to which one that is stable by the ruling gates may be missing.

        That is, in `select`; minus infinity where all that are valid in `least` phases are stored.
        """
        del ranking, least
        return -math.inf

    def counted_outcomes(self, gates: Gates, least: int) -> tuple[float, float] | None:
        """Return how many outcomes the stable combinations are, and the standard error of that.

        The error is 0 where all are counted. None where `select` shows every stable combination, so
        that they can be counted there, and where none of it is known.

        Parameters
        ----------
        gates
            One of the sets that are counted.
        least
            Valid phases of a stable combination.
        """
        del gates, least
        return None

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
