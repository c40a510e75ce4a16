"""The permutation test of a walk-forward: market by market, into its record."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from wfo.errors import ResultsError
from wfo.progress import Progress, Silent
from wfo.runs.permuting.testing import RUNS, check_blocks, check_runs
from wfo.runs.permuting.values import Variant
from wfo.runs.walkforward.permuting.record import Record, record_path, take_up
from wfo.runs.walkforward.permuting.report import WalkPermutationReport
from wfo.runs.walkforward.permuting.values import WalkPermutations
from wfo.stats.permutation import order_classes
from wfo.walkforward.permuted import COLUMNS, PermutedWalks, log_return

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.runs.walkforward.permuting.walked import Walked

    FloatArray = NDArray[np.float64]

#: Seconds between two writings of the record: what a kill loses, where a market takes no longer.
_SECONDS = 2.0


def permute_walk_forward(
    walked: Walked,
    *,
    runs: int = RUNS,
    block: int = 0,
    progress: Progress | None = None,
    seconds: float = _SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> WalkPermutationReport:
    """Walk forward again on permuted bars, and compare.

    The record is written as markets are done, so that a call that was stopped goes on with the same
    command, and one with more `runs` adds what is missing. What is searched is no trial of the
    symbol: nothing is chosen by it.

    Parameters
    ----------
    walked
        The walk-forward, whose folder this process holds.
    runs
        Permutations.
    block
        Bars, of intraday bars sessions, that stay together; 0 for none.
    progress
        Where to tell how far it is.
    seconds
        Time between two writings of the record; no figure depends on it.
    clock
        Returns the time, in seconds from any start.

    Raises
    ------
    WfoError
        If the record is damaged or cannot be written, the block does not fit, or the walk-forward
        on the bars as they are is not the one that the folder states.
    """
    check_runs(runs)
    Variant(later=True, block=block)
    progress = progress or Silent()
    feeds, (first, end) = walked.history.feeds, walked.windows.traded
    assert feeds.stamps is not None  # noqa: S101  # feeds of frames have them
    classes = order_classes(feeds.stamps, walked.timeframe)
    check_blocks(block, first, end, classes)
    test, said = take_up(walked.folder, walked.basis, block)
    if said:
        progress.say(said)
    if test is None:
        test = _begun(walked, block)
    done = len(test.values)
    left = max(0, 1 + runs - done)
    if done and left:
        progress.say(f"markets that are stored and intact: {done:,}")
    if left:
        walks = PermutedWalks(
            walked.history, walked.windows, walked.chooser, classes=classes, block=block
        )
        test = replace(test, fixed=walks.fixed)
        test = _compute(walked, walks, test, 1 + runs, progress, seconds, clock)
    return WalkPermutationReport(walked, test, left, said)


def _compute(
    walked: Walked,
    walks: PermutedWalks,
    test: WalkPermutations,
    total: int,
    progress: Progress,
    seconds: float,
    clock: Callable[[], float],
) -> WalkPermutations:
    """Do the markets that are missing, one after the other, and record them."""
    import numpy as np

    path = record_path(walked.folder, test.block)
    done, rows = len(test.values), [test.values]
    begun = written = clock()
    before = test.seconds
    with progress.stage(f"walking forward on {total - 1:,} permuted markets", total - done) as tick:
        for number in range(done, total):
            row = walks.run(number, number + 1)
            if number == 0:
                _check_real(walked, row[0])
            rows.append(row)
            now = clock()
            if now - written >= seconds or number + 1 == total:
                spent = round(before + now - begun, 3)
                test = replace(test, seconds=spent, values=np.concatenate(rows))
                Record(walked.basis, test).write(path)
                written = clock()
            tick(1)
    return test


def _begun(walked: Walked, block: int) -> WalkPermutations:
    """Return a test without any market."""
    import numpy as np

    first, end = walked.windows.traded
    stamps = walked.history.feeds.stamps
    assert stamps is not None  # noqa: S101  # feeds of frames have them
    return WalkPermutations(
        block=block,
        first=stamps[first].isoformat(),
        last=stamps[end - 1].isoformat(),
        bars=end - first,
        years=(end - first) / walked.history.bars_per_year,
        windows=len(walked.windows),
        fixed=0,
        combinations=walked.combinations,
        seconds=0.0,
        values=np.zeros((0, len(COLUMNS))),
    )


def _check_real(walked: Walked, row: FloatArray) -> None:
    """Raise a `ResultsError` unless the bars as they are give the curve that the folder states."""
    found = dict(zip(COLUMNS, row.tolist(), strict=True))
    stated = {
        "log_return": log_return(walked.total_return),
        "sharpe": math.nan if walked.sharpe is None else walked.sharpe,
    }
    for name, value in stated.items():
        if found[name] != value and not (math.isnan(found[name]) and math.isnan(value)):
            raise ResultsError(
                f"the walk-forward on the bars of {walked.folder} gives a stitched {name} of"
                f" {found[name]:.10g}, and its record states {value:.10g}: the strategy, or what"
                f" computes it, is not what it was; make it anew: {walked.command}"
            )
