"""The best combination by scores over phases within each in-sample part.

The phases of all parts of a group are swept at once, each distinct one a single time, and every
part is scored from its own. Figures are passed over twice: to count, then to select. Those of a
small grid are held in between; a large one is swept again, so that memory does not grow with it,
unless `survivors` has kept the best of all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wfo.backtest import Feeds, Figures, sweep_sample, thread_count
from wfo.backtest.benchmark import benchmark
from wfo.backtest.checks import Bounds
from wfo.backtest.figures import CELL_BYTES
from wfo.progress import Progress
from wfo.sampling import sample_indices
from wfo.selection.options import KEPT
from wfo.selection.regions import sample
from wfo.walkforward.centres import centre_of_plateau, centre_of_region
from wfo.walkforward.chosen import Chosen
from wfo.walkforward.criteria import Criterion
from wfo.walkforward.inner import InnerPhases, inner_phases
from wfo.walkforward.part_score import PartScore
from wfo.walkforward.parts import MOST_PHASES, Part, Sweeper
from wfo.walkforward.survivors import WANTED, record_bytes, sampled_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IndexArray = NDArray[np.int64]

    Blocks = list[tuple[int, list[Figures]]]

#: Combinations kept where the best outcome alone is asked for. Of a larger outcome the members are
#: looked for by another pass.
KEPT_OF_OUTCOME: Final = 1 << 16

#: Share of the room that the figures of one part may take to be held between the passes.
_HELD_SHARE = 4
#: Phases of a part, at most.
_PHASES = 4

#: Combinations from which on profits of a phase are counted by pattern, and bytes of what is
#: counted, with the ranks that are read from it: of a combination before, of a phase from then on.
_BY_PATTERN = 1 << 20
_VALUE_BYTES, _PATTERN_BYTES = 12, 140_000_000

#: Bytes of a row of a selection, of a phase in it, and how many of them there are for one kept:
#: half as many more before the worst are dropped, then columns beside them.
_ROW_BYTES, _PHASE_BYTES, _ROWS_OF_ONE = 40, 28, 3


@dataclass(frozen=True, slots=True, eq=False)
class BestByPhases:
    """Chooses by the stability score, or the centre of a plateau or region.

    Attributes
    ----------
    sweeper
        What sweeps the grid.
    criterion
        What is chosen by.
    progress
        Where to tell how far it is.
    room
        Bytes for what is held beside a block; results do not depend on it.
    days
        Date of every bar.
    kept
        Stable combinations, the best ones, that plateaus are scored by and centres looked for
        among; of an outcome the members are found whatever is kept.
    """

    sweeper: Sweeper
    criterion: Criterion
    progress: Progress
    room: int
    days: Sequence[dt.date]
    kept: int
    _known: dict[Part, InnerPhases] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        sweeper: Sweeper,
        criterion: Criterion,
        progress: Progress,
        room: int,
        kept: int | None = None,
    ) -> BestByPhases:
        """Return what chooses so; `kept` None keeps as many as a run does where it matters."""
        usual = KEPT_OF_OUTCOME if criterion.by == "stability" else KEPT
        days = sweeper.history.days
        return cls(sweeper, criterion, progress, room, days, usual if kept is None else kept)

    @property
    def holds(self) -> bool:
        """Whether the figures are held between the passes; else the grid is swept again."""
        return _HELD_SHARE * self._held_bytes(_PHASES) <= self.room

    @property
    def passes(self) -> int:
        """How often the grid is swept, as a rule."""
        return 1 if self.holds or self._foresees else 2

    def check(self, parts: Sequence[Part]) -> None:
        """Raise if a part is too short for phases, or the gates ask for more of them.

        Raises
        ------
        WfoError
            With the dates of the part.
        """
        for part in parts:
            inner = self._inner(part)
            self.criterion.gates.required(len(inner.bounds), inner.min_phases)

    def swept(self, parts: Sequence[Part]) -> tuple[Feeds, list[Bounds]]:
        """Return the bars and the phases that are swept for parts, each distinct phase once."""
        bounds = list(dict.fromkeys(b for part in parts for b in self._inner(part).bounds))
        # No bar after the last phase is there, and no phase ends after its part.
        return self.sweeper.history.feeds.until(max(end for *_, end in bounds)), bounds

    def groups(self, parts: Sequence[Part]) -> Iterator[list[Part]]:
        """Yield the parts that are swept together, in their order."""
        most = MOST_PHASES if self.sweeper.shares else 0
        group: list[Part] = []
        seen: list[Bounds] = []
        for part in parts:
            own = self._inner(part).bounds
            both = list(dict.fromkeys((*seen, *own)))
            size = (len(group) + 1) * self._counted_bytes(len(own))
            size += self._held_bytes(len(both)) if self.holds else 0
            if group and (size > self.room or len(both) > most):
                yield group
                group, both = [], list(own)
            group.append(part)
            seen = both
        if group:
            yield group

    def choose(self, parts: Sequence[Part], title: str) -> list[Chosen]:
        """Return what each part chooses.

        Parameters
        ----------
        parts
            A group of distinct parts.
        title
            What they are called while they are swept.
        """
        feeds, bounds = self.swept(parts)
        scores = {part: self._score(self._inner(part)) for part in parts}
        for score in scores.values():
            score.place(bounds)
        if self._foresees:
            sample = self._sampled(feeds, bounds, title)
            for score in scores.values():
                score.foresee(sample)
        held: Blocks = []
        for start, block in self._sweep(parts, title):
            for score in scores.values():
                score.count(start, block)
            if self.holds:
                held.append((start, block))
        for score in scores.values():
            score.rank(self.kept)
        left = {part: score for part, score in scores.items() if not score.is_done}
        for start, block in self._again(left, held, f"{title}, selecting"):
            for score in left.values():
                score.select(start, block)
        for score in left.values():
            score.finish()
        if self.criterion.by == "stability":
            return self._best_outcomes(scores, held, title)
        centre = centre_of_plateau if self.criterion.by == "plateau" else centre_of_region
        return [score.nothing or centre(score.scored()) for score in scores.values()]

    def _best_outcomes(
        self, scores: Mapping[Part, PartScore], held: Blocks, title: str
    ) -> list[Chosen]:
        """Return the most central member of each best outcome, by further passes if need be."""
        found = {part: score.nothing or score.best_outcome() for part, score in scores.items()}
        members = {
            part: scores[part].look_for_outcome() for part, each in found.items() if each is None
        }
        while members:
            looking = {part: scores[part] for part in members}
            for start, block in self._again(looking, held, f"{title}, looking through ties"):
                for each in members.values():
                    each.add(start, block)
            found |= {part: each.end() for part, each in members.items()}
            members = {part: each for part, each in members.items() if found[part] is None}
        return [chosen for chosen in found.values() if chosen is not None]

    def _score(self, inner: InnerPhases) -> PartScore:
        """Return the scores of a part, before anything is counted."""
        history, grid = self.sweeper.history, self.sweeper.grid
        bars = history.feeds.prices()
        assert bars is not None  # noqa: S101  # every strategy reads a first symbol
        held = [
            benchmark(bars, phase, history.settings, history.bars_per_year)
            for phase in inner.bounds
        ]
        return PartScore(
            grid,
            inner.bounds,
            self.criterion.gates,
            held,
            inner.min_phases,
            thread_count(history.threads),
            sample(grid) if self.criterion.by == "region" else None,
        )

    @property
    def _foresees(self) -> bool:
        """Whether what may be the best is kept while counting; centres need all that is stable."""
        return self.criterion.by == "stability" and not self.holds

    def _sampled(self, feeds: Feeds, bounds: Sequence[Bounds], title: str) -> list[Figures]:
        """Return the figures of a random sample of the grid, an item a phase."""
        import numpy as np

        history, grid = self.sweeper.history, self.sweeper.grid
        # Where two are one, it counts once.
        indices = np.unique(sample_indices(len(grid), sampled_of(len(grid))))
        with self.progress.stage(f"{title}, sampling", len(indices) * len(bounds)) as tick:
            return sweep_sample(
                feeds,
                grid,
                history.settings,
                bounds,
                indices,
                history.threads,
                tick=lambda count: tick(count * len(bounds)),
            )

    def _again(
        self, scores: Mapping[Part, PartScore], held: Blocks, title: str
    ) -> Iterator[tuple[int, list[Figures]]]:
        """Yield all blocks once more for some parts, if there are any."""
        if self.holds or not scores:
            yield from held if scores else ()
            return
        _, bounds = self.swept(list(scores))
        for score in scores.values():
            score.place(bounds)
        yield from self._sweep(list(scores), title)

    def _sweep(self, parts: Sequence[Part], title: str) -> Iterator[tuple[int, list[Figures]]]:
        feeds, bounds = self.swept(parts)
        total = len(bounds) * len(self.sweeper.grid)
        with self.progress.stage(title, total) as tick:
            yield from self.sweeper.sweep(feeds, bounds, tick)

    def _inner(self, part: Part) -> InnerPhases:
        # Dates of a million bars take a second to go through.
        if part not in self._known:
            self._known[part] = inner_phases(self.days, part)
        return self._known[part]

    def _held_bytes(self, phases: int) -> int:
        """Return the bytes of the figures of the whole grid over phases."""
        return phases * len(self.sweeper.grid) * CELL_BYTES

    def _counted_bytes(self, phases: int) -> int:
        """Return the bytes of what is counted and selected of a part of so many phases."""
        length = len(self.sweeper.grid)
        profits = _PATTERN_BYTES if length > _BY_PATTERN else _VALUE_BYTES * length
        rows = _ROWS_OF_ONE * min(self.kept, length) * (_ROW_BYTES + phases * _PHASE_BYTES)
        records = min(WANTED, length) * record_bytes(phases) if self._foresees else 0
        return phases * profits + rows + records
