"""Searches on permuted bars one after the other, by whichever engine computes the strategy.

It serves kernels that no compiled module computes, and tests as what the core's loop must equal.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from wfo.backtest import Feeds, as_stored
from wfo.backtest.benchmark import Benchmark, benchmark
from wfo.backtest.evaluate import Evaluator, iter_blocks
from wfo.errors import InputError
from wfo.stats.permutation import permuted_feeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from wfo.runs.permuting.asked import Asked

    FloatArray = NDArray[np.float64]


class PythonSearch:
    """Searches of one grid, each by an `Evaluator` of its own.

    Parameters
    ----------
    asked
        What is searched again.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.engine = self._evaluator(asked.feeds).engine

    @property
    def concurrent(self) -> int:
        """One search at a time, which takes all threads."""
        return 1

    @property
    def worker_bytes(self) -> int | None:
        """Memory beside 8 bytes a combination; not known."""
        return None

    def run(self, start: int, stop: int) -> FloatArray:
        """Return the figures of searches ``start..stop``, as in `Search`."""
        import numpy as np

        if not 0 <= start <= stop:
            raise InputError(f"searches {start}..{stop} must ascend from 0 on")
        rows = [self._search(self._permuted(number)) for number in range(start, stop)]
        return np.array(rows, np.float64).reshape(stop - start, len(self._asked.names))

    def _permuted(self, number: int) -> Feeds:
        """Return the bars of a search; those of number 0 are as they are."""
        asked = self._asked
        if number == 0:
            return asked.feeds
        further: dict[str, Any] = {}
        if asked.classes is not None:
            further["classes"] = asked.classes
        if asked.block:
            further["block"] = asked.block
        return permuted_feeds(asked.feeds, asked.first, number - 1, **further)

    def _evaluator(self, feeds: Feeds) -> Evaluator:
        asked = self._asked
        return Evaluator(
            asked.grid.strategy,
            feeds,
            asked.grid,
            asked.phases,
            asked.settings,
            threads=asked.threads,
        )

    def _search(self, feeds: Feeds) -> list[float]:
        """Return the figures of one search, in the order of `Asked.names`."""
        import numpy as np

        from wfo import _core

        asked = self._asked
        prices = feeds.prices()
        if prices is None:
            raise InputError(f"{asked.grid.strategy.name} reads no prices of the first symbol")
        held = [benchmark(prices, bounds, asked.settings, 1.0) for bounds in asked.phases]
        counted = [
            _core.GridStatistics(len(held), gates.core(held), [], asked.threads)
            for gates in asked.gates.values()
        ]
        total, trades = len(asked.grid), np.zeros(len(asked.grid), np.bool_)
        returns = np.zeros(total)
        for start, stop, block in iter_blocks(self._evaluator(feeds), stored=True):
            stored = [as_stored(figures) for figures in block]
            _core.GridStatistics.add_to_all(counted, start, stored)
            trading = np.zeros(stop - start, np.int64)
            for (is_pnl, oos_pnl, *_, oos_trades), each in zip(stored, held, strict=True):
                returns[start:stop] += _log_returns(each.capital, is_pnl, oos_pnl)
                trading += oos_trades >= asked.min_trades
            trades[start:stop] = trading >= asked.least
        hold = held_return(held)
        excess = returns[trades] - hold
        return [
            *(sum(each.valid_phases[asked.least :]) / total for each in counted),
            float(returns.max()),
            float(np.median(returns)),
            *((float(excess.max()), float(np.median(excess))) if len(excess) else [math.nan] * 2),
            len(excess) / total,
            hold,
        ]


def held_return(held: Sequence[Benchmark]) -> float:
    """Return the log out-of-sample return of buy-and-hold without lots, summed over phases."""
    import numpy as np

    parts = [
        _log_returns(b.capital, np.array([b.whole.is_pnl]), np.array([b.whole.oos_pnl]))
        for b in held
    ]
    return float(sum(part[0] for part in parts))


def _log_returns(capital: float, is_pnl: Any, oos_pnl: Any) -> FloatArray:
    """Return ``log(1 + oos_pnl / (capital + is_pnl))``; -inf where there is no such number."""
    import numpy as np

    before = capital + np.asarray(is_pnl, np.float64)
    growth = np.zeros(before.shape)
    np.divide(oos_pnl, before, out=growth, where=before > 0)
    growth[before > 0] += 1.0
    found = np.full(before.shape, -np.inf)
    np.log(growth, out=found, where=growth > 0)
    return found
