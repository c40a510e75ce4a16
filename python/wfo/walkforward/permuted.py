"""A walk-forward again on permuted bars: what its choices find where there is nothing to find.

The bars from the first out-of-sample one on stand in another order, and every window chooses anew
on them. Number 0 is the walk-forward on the bars as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from wfo.arguments import whole_number
from wfo.backtest.benchmark import held_marks
from wfo.errors import InputError
from wfo.metrics import bar_returns, sharpe, total_return
from wfo.stats.permutation import permuted_feeds
from wfo.walkforward.simulating import dated_sets, simulate_sets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.walkforward.components import Chooser, Decision
    from wfo.walkforward.history import History
    from wfo.windows import WalkWindows

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Statistics of a walk-forward, of which a larger one is better, and what they are.
STATISTICS: Mapping[str, str] = {
    "log_return": "log return",
    "excess": "excess over buy-and-hold",
    "sharpe": "Sharpe ratio",
    "sharpe_excess": "Sharpe ratio minus buy-and-hold's",
}

#: Figures beside them, of which none is tested.
BESIDE: Mapping[str, str] = {
    "held_return": "log return of buy-and-hold",
    "held_sharpe": "Sharpe ratio of buy-and-hold",
    "exits": "closed trades",
    "chosen": "windows with a choice",
}

#: Names of the columns of a row.
COLUMNS = (*STATISTICS, *BESIDE)


class PermutedWalks:
    """Walk-forwards on permuted bars, by number.

    Parameters
    ----------
    history
        The bars as they are.
    windows
        The schedule on them.
    chooser
        Returns what chooses on bars, of which only those before `WalkWindow.train_end` are read.
    classes, block
        As of `wfo.stats.permutation.move_order`.

    Attributes
    ----------
    first, end
        The bars that trade places: the first out-of-sample one, and one past the last traded one.
    """

    def __init__(
        self,
        history: History,
        windows: WalkWindows,
        chooser: Callable[[History], Chooser],
        *,
        classes: IndexArray | None = None,
        block: int = 0,
    ) -> None:
        self.first, self.end = windows.traded
        # Later bars, as of a holdout, take no part.
        self._history = history.on(history.feeds.until(self.end))
        self._windows = windows
        self._chooser = chooser
        self._classes = None if classes is None else classes[: self.end]
        self._block = block
        self._fixed: list[Decision] | None = None

    @property
    def fixed(self) -> int:
        """How many windows, the first ones, choose on bars that stay where they are."""
        return sum(window.train_end <= self.first for window in self._windows)

    def decisions(self, number: int) -> list[Decision]:
        """Return what is chosen in every window on the bars of a number."""
        return self._decisions(self._on(number))

    def run(self, start: int, stop: int) -> FloatArray:
        """Return the figures of numbers ``start..stop``, float64[stop - start, k].

        Number 0 leaves the bars as they are, and i is the order of the seed i - 1. Columns are
        `COLUMNS`: returns are logarithms of 1 + the total return, -inf where nothing is left, and a
        Sharpe ratio that is not defined, as of a curve that never moves, is NaN. No figure depends
        on how numbers are cut into calls, nor on threads.
        """
        import numpy as np

        if not 0 <= start <= stop:
            raise InputError(f"numbers {start}..{stop} must ascend from 0 on")
        rows = [self._row(self._on(number)) for number in range(start, stop)]
        return np.array(rows, np.float64).reshape(stop - start, len(COLUMNS))

    def _on(self, number: int) -> History:
        """Return the bars of a number, each symbol's in the same order."""
        number = whole_number("number", number)
        if number == 0:
            return self._history
        feeds = permuted_feeds(
            self._history.feeds,
            self.first,
            number - 1,
            classes=self._classes,
            block=self._block,
        )
        return self._history.on(feeds)

    def _decisions(self, history: History) -> list[Decision]:
        windows = list(self._windows)
        if self._fixed is None:
            # Their bars are the same in every number.
            self._fixed = list(self._chooser(self._history).choose(windows[: self.fixed]))
        later = windows[self.fixed :]
        return [*self._fixed, *(self._chooser(history).choose(later) if later else ())]

    def _row(self, history: History) -> list[float]:
        """Return the figures of one walk-forward."""
        import numpy as np

        decisions = self._decisions(history)
        sets = dated_sets(self._windows, decisions)
        capital, exits = history.settings.capital, 0
        marks: FloatArray = np.full(self.end, capital)
        if sets:
            begins = sets[0][0]
            simulation = simulate_sets(history, sets, warmup=begins, end=self.end)
            marks, exits = simulation.equity, simulation.trades.height
        prices = history.feeds.prices()
        if prices is None:
            raise InputError(f"{history.strategy.name} reads no prices of the first symbol")
        held = held_marks(prices, (self.first, self.first, self.end), history.settings)
        own, beside = (
            _figures(each[self.first - 1 :], history.bars_per_year) for each in (marks, held)
        )
        return [
            own[0],
            own[0] - beside[0],
            own[1],
            own[1] - beside[1],
            *beside,
            exits,
            len(sets),
        ]


def log_return(total: float | None) -> float:
    """Return the logarithm of 1 + a total return; -inf where nothing is left."""
    return math.log1p(total) if total is not None and total > -1 else -math.inf


def _figures(marks: FloatArray, bars_per_year: float) -> tuple[float, float]:
    """Return log return and Sharpe ratio of marks from the close before the first traded bar on."""
    ratio = sharpe(bar_returns(marks), bars_per_year)
    return log_return(total_return(marks)), math.nan if ratio is None else ratio
