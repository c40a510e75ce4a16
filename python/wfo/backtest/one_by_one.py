"""Equity marks of many parameter sets from an engine that simulates one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from wfo.backtest.values import DatedSet, EngineResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.checks import Bounds
    from wfo.backtest.feeds import Feeds
    from wfo.settings import AccountSettings
    from wfo.strategy import Strategy

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]


class Simulates(Protocol):
    """What an engine needs for this."""

    def simulate(
        self,
        strategy: Strategy,
        feeds: Feeds,
        sets: Sequence[DatedSet],
        settings: AccountSettings,
        bounds: Bounds,
    ) -> EngineResult:
        """Compute one parameter set."""


def marks_one_by_one(
    engine: Simulates,
    strategy: Strategy,
    feeds: Feeds,
    rows: FloatArray,
    settings: AccountSettings,
    warmup: int,
    at: IndexArray,
) -> FloatArray:
    """Return the marks of parameter sets by simulating one after the other, float64[m, T].

    Parameters
    ----------
    engine
        What simulates.
    strategy, feeds, settings, warmup
        What is simulated; all bars from `warmup` on.
    rows
        The sets, float64[m, parameters].
    at
        Bars whose marks are wanted, int64[T].
    """
    import numpy as np

    # Marks do not depend on the boundary, which a simulation has.
    bounds = (warmup, feeds.bars - 1, feeds.bars)
    marks = np.empty((len(rows), len(at)))
    for row, values in zip(marks, rows.tolist(), strict=True):
        sets: Sequence[DatedSet] = [DatedSet(warmup, tuple(values))]
        row[:] = engine.simulate(strategy, feeds, sets, settings, bounds).equity[at]
    return marks
