"""The rows of a job, computed, and the report that they are written into."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from wfo.runs.refinement.history import History
from wfo.runs.refinement.row_blocks import Span
from wfo.tradestation.headings import report_frame
from wfo.tradestation.range_files import Job

if TYPE_CHECKING:
    import polars as pl

    from wfo.backtest.performance import PerformanceEvaluator


@dataclass(frozen=True, slots=True)
class RefineOptions:
    """How rows are cut into blocks; results do not depend on it.

    Attributes
    ----------
    bars
        Bars that all backtests of a block go through, about: some seconds on one core.
    least, most
        Rows of a block.
    seconds
        Time that the engine is at work between two reports of progress, about.
    clock
        Returns the time, in seconds from any start.
    """

    bars: int = 40_000_000
    least: int = 256
    most: int = 8192
    seconds: float = 0.5
    clock: Callable[[], float] = time.perf_counter

    def block(self, end: int) -> int:
        """Return the rows of a block on so many bars."""
        return max(self.least, min(self.most, self.bars // end))


class JobRows:
    """The rows of a job, computed.

    Parameters
    ----------
    history, job, warmup
        What is computed.
    threads
        How many; None for one a core.
    options
        How often progress is told.
    """

    def __init__(
        self,
        history: History,
        job: Job,
        warmup: int,
        threads: int | None,
        options: RefineOptions,
    ) -> None:
        self._history = history
        self._job = job
        self._warmup = warmup
        self._threads = threads
        self._options = options
        self._grid = job.grid()
        self._evaluator: PerformanceEvaluator | None = None
        self._piece: Span = (0, 0)
        self._chunk = 64

        self.engine = ""
        self.note = ""

    def prepare(self) -> None:
        """Find an engine, so that `engine` names it, and `note` says what its figures lack.

        Raises
        ------
        WfoError
            If none can compute the rows.
        """
        found = self._open((0, min(self._job.count, self._options.least)))
        self.engine, self.note = found.engine, found.note

    def _open(self, span: Span) -> PerformanceEvaluator:
        """Return what computes these rows."""
        from wfo.backtest.performance import PerformanceEvaluator

        if self._evaluator is not None and (self._grid is not None or self._piece == span):
            return self._evaluator
        history, strategy = self._history, self._job.strategy
        # A grid tells an engine what its sets have in common; of single sets, there is a list of
        # objects, so that it takes those of one block.
        sets: Any = self._job.rows(*span) if self._grid is None else self._grid
        self._piece = span if self._grid is None else (0, self._job.count)
        self._evaluator = PerformanceEvaluator(
            strategy,
            history.feeds(strategy),
            sets,
            history.settings(strategy),
            warmup=self._warmup,
            end=history.end,
            threads=self._threads,
        )
        return self._evaluator

    def frame(self, span: Span, tick: Callable[[int], None]) -> pl.DataFrame:
        """Return rows: ``TestNum``, the parameters, all figures."""
        import polars as pl

        from wfo.backtest.performance import Performance

        evaluator = self._open(span)
        first = self._piece[0]
        at, pieces = span[0], []
        while at < span[1]:
            stop = min(at + self._chunk, span[1])
            begun = self._options.clock()
            pieces.append(evaluator.range(at - first, stop - first))
            taken = self._options.clock() - begun
            tick(stop - at)
            at = stop
            # Doubled or halved: how long the next one takes is a guess.
            if taken < self._options.seconds / 2:
                self._chunk = min(2 * self._chunk, self._options.most)
            elif taken > self._options.seconds and self._chunk > 1:
                self._chunk //= 2
        names = self._job.strategy.names
        values = self._job.rows(*span)
        columns = {
            parameter.name: pl.Series(values[:, i]).cast(
                pl.Int64 if parameter.whole else pl.Float64
            )
            for i, parameter in enumerate(self._job.strategy.parameters)
        }
        assert list(columns) == list(names)  # noqa: S101  # parameters have their names in order
        numbers = pl.Series("TestNum", self._job.test_numbers(*span), dtype=pl.Int64)
        found = Performance.concat(pieces)
        return pl.DataFrame({"TestNum": numbers, **columns, **found.columns()})


def write_report(file: IO[bytes], job: Job, frames: Iterator[pl.DataFrame]) -> None:
    """Write the optimization report of a job, a piece of its rows at a time."""
    import polars as pl

    from wfo.backtest.performance import FIELDS, Performance

    for number, frame in enumerate(frames):
        params = frame.select(pl.col(job.strategy.names).cast(pl.Float64)).to_numpy()
        figures = Performance({name: frame[name].to_numpy() for name in FIELDS})
        rows = report_frame(job.strategy, params, frame["TestNum"].to_numpy(), figures)
        try:
            rows.write_csv(file, include_header=number == 0)
        except pl.exceptions.PolarsError as error:
            # It wraps what the operating system says, such as a full disk.
            raise OSError(str(error)) from error
