"""Figures of the combinations that may have the best stability, kept before ranks are final.

Ranks are final when a sweep is over. Before it begins, a sample says which provisional stability
few combinations reach; of those the figures are kept while all are counted. Where the best of them
is better than any of the others can be, the grid need not be swept again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from wfo import _core
from wfo.backtest import Figures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Records = NDArray[np.uint8]

#: Combinations of a part whose figures are kept, about, and the share of a grid that is sampled for
#: what they reach, up to so many.
WANTED: Final = 600_000
SAMPLE_SHARE, MOST_SAMPLED, LEAST_SAMPLED = 256, 1 << 15, 1 << 10

#: By how many times more than are wanted may be kept.
_BEYOND = 4


def sampled_of(length: int) -> int:
    """Return how many combinations of a grid are sampled."""
    return min(MOST_SAMPLED, max(LEAST_SAMPLED, length // SAMPLE_SHARE))


def record_bytes(phases: int) -> int:
    """Return the bytes of the figures of one combination over phases, with its index."""
    return 8 + 20 * phases


class Survivors:
    """What is kept of one part.

    Parameters
    ----------
    length
        Combinations of the grid.
    sample
        Stored figures of a random sample of them, an item a phase.
    gates
        What makes a combination valid in a phase.
    least
        In how many phases a stable combination is valid.
    threads
        How many; nothing depends on it.
    """

    def __init__(
        self,
        length: int,
        sample: Sequence[Figures],
        gates: _core.Gates,
        least: int,
        threads: int,
    ) -> None:
        import numpy as np

        statistics = _core.GridStatistics(len(sample), gates, [], threads)
        statistics.add(None, sample)
        self._provisional = statistics.provisional_ranks()
        self._phases, self._least, self._length = len(sample), least, length
        scores = self._provisional.stabilities(least, sample)
        scores = -np.sort(-scores[~np.isnan(scores)])
        wanted = WANTED * len(sample[0].is_pnl) // length
        #: Provisional stability that is kept; of a few stable ones all are.
        self.threshold = float(scores[wanted]) if wanted < len(scores) else -math.inf
        self._filter = _core.SurvivorFilter(
            [(self._provisional, gates, [(least, self.threshold)])], threads
        )
        self._records: list[Records] | None = []
        self._size = 0

    def add(self, start: int, block: Sequence[Figures]) -> None:
        """Look at combinations from flat index `start` on; each of the grid once."""
        if self._records is None:
            return
        found = self._filter.apply(start, block)
        self._size += len(found)
        self._records.append(found)
        if self._size > _BEYOND * WANTED * record_bytes(self._phases):
            # The sample has misled; the grid is swept again.
            self._records = None

    def records(self, least: int) -> list[Records]:
        """Return what is kept; nothing where other combinations are stable than were kept."""
        return [] if self._records is None or least != self._least else self._records

    def lost_below(self, ranking: _core.Ranking) -> float:
        """Return the stability up to which a stable combination may not be among the records.

        A provisional rank is at most ``d`` away from the final one, hence so is their mean, and
        their deviation is at most ``d`` smaller. What was not kept had a provisional stability
        below the threshold ``t``, therefore a final one of at most ``t * (1 + d / 20) + factor *
        d``, where the factor is that of all phases.
        """
        if math.isinf(self.threshold):
            return -math.inf
        distance = max(self._provisional.deviation(ranking))
        return self.threshold * (1 + distance / 20) + (1 + 0.1 * (self._phases - 1)) * distance
