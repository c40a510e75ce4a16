"""How long a sweep would take, from a small piece of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wfo.backtest.evaluate import Evaluator

#: A sweep is timed by a piece that takes some so many seconds, or by a batch multiple where one
#: takes less than the second number.
_TIMED_SECONDS, _MULTIPLE_SECONDS = 0.1, 1.0

#: Combinations of the first piece.
_LEAST = 1 << 13


def sweep_seconds(evaluator: Evaluator) -> float:
    """Return about how long it takes to evaluate everything."""
    whole = min(len(evaluator), evaluator.batch_multiple)

    def timed(size: int) -> float:
        # From the middle, and of whole batch multiples: a grid does not begin with its average.
        start = (len(evaluator) - size) // 2 // whole * whole
        begun = time.perf_counter()
        evaluator.range(start, start + size, stored=True)
        return time.perf_counter() - begun

    size = min(len(evaluator), max(_LEAST, evaluator.least_batch))
    spent = timed(size)
    while spent < _TIMED_SECONDS and size < len(evaluator):
        size = min(len(evaluator), 4 * size)
        spent = timed(size)
    # A batch multiple that is cut costs more a combination.
    if size < whole and spent * whole / size < _MULTIPLE_SECONDS:
        size, spent = whole, timed(whole)
    return spent * len(evaluator) / size
