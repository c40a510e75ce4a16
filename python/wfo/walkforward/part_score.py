"""Scores, version 4, over the phases of one in-sample part, in passes over blocks of figures.

They are those of `wfo.score`; here several parts take their figures from the same blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wfo import _core
from wfo.backtest import Figures
from wfo.backtest.benchmark import Benchmark
from wfo.backtest.checks import Bounds
from wfo.grid import Grid
from wfo.selection.gates import Gates
from wfo.selection.regions import validity
from wfo.selection.scoring import SetCounts
from wfo.walkforward.central import Nearest, Ties
from wfo.walkforward.centres import Scored
from wfo.walkforward.chosen import Chosen
from wfo.walkforward.survivors import Survivors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IndexArray = NDArray[np.int64]

#: Members of an outcome that are held by their index.
_MOST_TIES = 1 << 20


class PartScore:
    """The scores of one part.

    Parameters
    ----------
    grid
        What is scored.
    phases
        The phases of the part.
    gates, benchmarks, min_phases
        What makes a combination valid in a phase, buy-and-hold of each phase, and in how many a
        stable combination is valid.
    threads
        How many; no score depends on it.
    sampled
        Combinations whose stability is wanted one by one, by flat index, ascending, int64[s]; None
        for none.
    """

    def __init__(
        self,
        grid: Grid,
        phases: Sequence[Bounds],
        gates: Gates,
        benchmarks: Sequence[Benchmark],
        min_phases: int,
        threads: int,
        sampled: IndexArray | None,
    ) -> None:
        import numpy as np

        self.grid = grid
        self._phases = phases
        self._places: Sequence[int] = range(len(phases))
        self._gates, self._benchmarks, self._threads = gates, benchmarks, threads
        self._asked = gates.required(len(phases), min_phases)
        self._sampled = sampled
        self._valid = None if sampled is None else np.zeros(len(sampled), np.uint8)
        self._statistics: _core.GridStatistics | None = _core.GridStatistics(
            len(phases), gates.core(benchmarks), grid.map_axes, threads
        )
        self._survivors: Survivors | None = None
        self._selection: _core.Selection | None = None
        self._rows: dict[str, Any] = {}

    def place(self, swept: Sequence[Bounds]) -> None:
        """Take the phases of the part from blocks of these from now on."""
        self._places = [swept.index(phase) for phase in self._phases]

    # Pass 1

    def foresee(self, sample: Sequence[Figures]) -> None:
        """Keep what may be the best while counting, by a sample of the grid, placed as blocks."""
        gates = self._gates.core(self._benchmarks)
        self._survivors = Survivors(
            len(self.grid), self._own(sample), gates, self._asked, self._threads
        )

    def count(self, start: int, block: Sequence[Figures]) -> None:
        """Count combinations from flat index `start` on; each of the grid once."""
        import numpy as np

        assert self._statistics is not None  # noqa: S101  # as long as it counts
        own = self._own(block)
        self._statistics.add(start, own)
        if self._survivors is not None:
            self._survivors.add(start, own)
        if self._sampled is None or self._valid is None:
            return
        low, high = np.searchsorted(self._sampled, [start, start + len(own[0].is_pnl)])
        if low < high:
            at = self._sampled[low:high] - start
            few = [Figures(*(column[at] for column in phase)) for phase in own]
            valid = validity(few, self._gates, self._benchmarks)
            self._valid[low:high] = np.sum(valid, axis=0)

    def rank(self, kept: int) -> None:
        """End the first pass, and begin to select at most so many of the stable ones."""
        statistics, self._statistics = self._statistics, None
        survivors, self._survivors = self._survivors, None
        assert statistics is not None  # noqa: S101  # it is called once
        self.counts = SetCounts.of(self.grid, statistics, self._gates, self._asked)
        self._kept = min(kept, self.counts.stable)
        if not self.counts.stable:
            return
        ranking = statistics.ranking()

        def selection() -> _core.Selection:
            least = self.counts.min_phases
            return _core.Selection(ranking, statistics.gates, least, self._kept, self._threads)

        self._selection = selection()
        for records in survivors.records(self.counts.min_phases) if survivors else []:
            self._selection.add_records(records)
        if survivors is None or not self._selection.stable:
            return
        self.finish()
        if self._rows["Stability_Score"][0] <= survivors.lost_below(ranking):
            self._selection = selection()

    # Pass 2

    def select(self, start: int, block: Sequence[Figures]) -> None:
        """Look at the combinations again, in the same blocks or others."""
        if self._selection is not None:
            self._selection.add(start, self._own(block))

    def finish(self) -> None:
        """End the second pass."""
        if self._selection is not None:
            self._rows = self._selection.finish(self.grid.parameter_axes)
            self._selection = None

    @property
    def is_done(self) -> bool:
        """Whether it needs no second pass: nothing is stable, or the best was kept."""
        return self._selection is None

    @property
    def nothing(self) -> Chosen | None:
        """That nothing is stable; None where something is."""
        return None if self.counts.stable else Chosen.nothing("; ".join(self.counts.warnings))

    def scored(self) -> Scored:
        """Return the best of the stable ones, for what looks for their centre."""
        stable = None if self._valid is None else self._valid >= self.counts.min_phases
        return Scored(
            self.grid,
            self.counts,
            self._rows["index"],
            self._rows["Stability_Score"],
            self._sampled,
            stable,
        )

    # The best outcome

    def best_outcome(self) -> Chosen | None:
        """Return the most central combination of the best outcome; None if not all are kept."""
        rows = self._rows
        score = rows["Stability_Score"]
        # Of equal stability those with a low flat index are kept.
        if len(score) == self._kept < self.counts.stable and score[-1] == score[0]:
            return None
        at = int(((rows["Outcome"] == 1) & (rows["Outcome_Central"] == 1)).argmax())
        return self._chosen(int(rows["index"][at]), int(rows["Outcome_Size"][0]))

    def look_for_outcome(self) -> OutcomeMembers:
        """Return what finds the members of the best outcome by further passes."""
        best = {
            name: column[0]
            for name, column in self._rows.items()
            if name.startswith("P") and name.endswith(("_PnL", "_DD", "_Trades"))
        }
        wanted = [
            [best[f"P{k}_{n}"] for n in _STORED_NAMES] for k in range(1, len(self._phases) + 1)
        ]
        return OutcomeMembers(self, wanted)

    def _chosen(self, index: int, size: int) -> Chosen:
        score = float(self._rows["Stability_Score"][0])
        note = "; ".join(self.counts.warnings)
        return Chosen(index, self.grid.params(index), score, size, note)

    def _own(self, block: Sequence[Figures]) -> list[Figures]:
        return [block[at] for at in self._places]


#: What a selection calls the stored figures of a phase, in their order.
_STORED_NAMES = ("IS_PnL", "OOS_PnL", "IS_DD", "OOS_DD", "IS_Trades", "OOS_Trades")


class OutcomeMembers:
    """All combinations whose figures are those of the best one, in all phases.

    Parameters
    ----------
    score
        The part's scores, of which the best row is known.
    wanted
        Of each phase the stored figures.
    """

    def __init__(self, score: PartScore, wanted: Sequence[Sequence[Any]]) -> None:
        self._score = score
        self._wanted = wanted
        self._ties = Ties(score.grid, _MOST_TIES)
        self._nearest: Nearest | None = None

    def add(self, start: int, block: Sequence[Figures]) -> None:
        """Look at combinations from flat index `start` on; each of the grid once a pass."""
        import numpy as np

        own = self._score._own(block)
        equal = np.ones(len(own[0].is_pnl), np.bool_)
        for figures, values in zip(own, self._wanted, strict=True):
            for column, value in zip(figures, values, strict=True):
                equal &= column == value
        found = start + np.flatnonzero(equal)
        if self._nearest is None:
            self._ties.add(found)
        else:
            self._nearest.add(found)

    def end(self) -> Chosen | None:
        """End a pass, and return the most central member; None where another pass is needed."""
        if self._nearest is not None:
            index = self._nearest.index
        elif self._ties.is_held:
            index = self._ties.central()
        else:
            self._nearest = Nearest(self._ties.counts)
            return None
        assert index is not None  # noqa: S101  # the best row is a member
        return self._score._chosen(index, self._ties.size)
