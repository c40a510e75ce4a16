"""Reference kernels as an engine: Python or Numba, written to be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.backtest.figures import Figures, as_stored
from wfo.backtest.one_by_one import marks_one_by_one
from wfo.backtest.values import DatedSet, EngineResult, SaidOrders
from wfo.errors import EngineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.checks import Bounds, Labels
    from wfo.backtest.feeds import Feeds
    from wfo.backtest.spaces import Space
    from wfo.settings import AccountSettings
    from wfo.strategy import NumbaKernel, Number, Strategy

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReferenceEngine:
    """The engine that is the definition in code: one combination after the other.

    Attributes
    ----------
    name
        What it is called.
    kernel
        The module, and what it calls the strategy.
    """

    name: str
    kernel: NumbaKernel

    def lacks(
        self,
        strategy: Strategy,
        settings: AccountSettings,
        *,
        extended: bool = False,
        dated: bool = False,
        performance: bool = False,
        space: Space | None = None,  # noqa: ARG002  # it takes one set after the other
    ) -> str | None:
        """Return why it cannot compute this; None if it can.

        A module says so by a function ``lacks``; one without it computes everything.
        """
        try:
            module = self.kernel.load()
        except EngineError as error:
            return str(error)
        if performance and not hasattr(module, "performance"):
            return "its module has no function performance, for the figures of a whole history"
        lacks = getattr(module, "lacks", None)
        name = self.kernel.name or strategy.name
        return None if lacks is None else lacks(name, settings, extended, dated)

    def simulate(
        self,
        strategy: Strategy,
        feeds: Feeds,
        sets: Sequence[DatedSet],
        settings: AccountSettings,
        bounds: Bounds,
        labels: Labels | None = None,
    ) -> EngineResult:
        """Compute one parameter set, or several one after the other."""
        warmup, split, end = bounds
        codes, count = _codes(None if labels is None else labels.until(end))
        params = [(first, [float(v) for v in values]) for first, values in sets]
        found = self.kernel.load().simulate(
            self.kernel.name or strategy.name,
            feeds.until(end),
            params,
            settings,
            warmup,
            split,
            labels=codes,
            label_count=count,
        )
        return EngineResult(*found)

    def orders(
        self,
        strategy: Strategy,
        feeds: Feeds,
        values: Sequence[Number],
        settings: AccountSettings,
        warmup: int,
    ) -> SaidOrders:
        """Return what a set has working in the bar after the last; None if it does not say."""
        said = getattr(self.kernel.load(), "orders", None)
        if said is None:
            return None
        row = [float(v) for v in values]
        found: SaidOrders = said(self.kernel.name or strategy.name, feeds, row, settings, warmup)
        return found

    def prepare(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: AccountSettings,
        phases: Sequence[Bounds],
        threads: int,  # noqa: ARG002  # the reference is read, not raced
        *,
        extended: bool = False,
        labels: Labels | None = None,
    ) -> OneByOne:
        """Return what computes the parameter sets; nothing is shared."""
        codes, count = _codes(labels)

        def compute(rows: FloatArray) -> list[Figures]:
            found = self.kernel.load().sweep(
                self.kernel.name or strategy.name,
                feeds,
                rows,
                settings,
                list(phases),
                extended=extended,
                labels=codes,
                label_count=count,
            )
            return [Figures(*columns) for columns in found]

        return OneByOne(space, compute)

    def prepare_performance(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: AccountSettings,
        warmup: int,
        threads: int,  # noqa: ARG002  # the reference is read, not raced
    ) -> PerformanceOneByOne:
        """Return what computes the figures of a whole history; nothing is shared."""

        def compute(rows: FloatArray) -> FloatArray:
            name = self.kernel.name or strategy.name
            found: FloatArray = self.kernel.load().performance(name, feeds, rows, settings, warmup)
            return found

        return PerformanceOneByOne(space, compute)

    def marks(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        indices: NDArray[np.int64],
        settings: AccountSettings,
        warmup: int,
        at: NDArray[np.int64],
        threads: int,  # noqa: ARG002  # the reference is read, not raced
    ) -> FloatArray:
        """Return the equity of some sets at the closes of the bars `at`, float64[m, T]."""
        rows = space.rows(indices)
        return marks_one_by_one(self, strategy, feeds, rows, settings, warmup, at)


@dataclass(frozen=True, slots=True)
class PerformanceOneByOne:
    """Parameter sets on a whole history that share nothing.

    Attributes
    ----------
    space
        The sets.
    compute
        Returns the figures of rows, float64[m, parameters], as float64[m, fields].
    note
        What the figures lack, and why; empty where they are complete.
    """

    space: Space
    compute: Callable[[FloatArray], FloatArray]
    note: str = ""

    def run(self, start: int, stop: int) -> FloatArray:
        """Return the figures of sets ``start..stop``, float64[m, fields]."""
        import numpy as np

        return self.compute(self.space.rows(np.arange(start, stop, dtype=np.int64)))


@dataclass(frozen=True, slots=True)
class OneByOne:
    """Parameter sets that share nothing.

    Attributes
    ----------
    space
        The sets.
    compute
        Returns the figures of rows, float64[m, parameters], one item a phase.
    """

    space: Space
    compute: Callable[[FloatArray], list[Figures]]
    batch_multiple: int = 1
    least_batch: int = 1
    worker_bytes: int | None = None

    def run(self, start: int, stop: int, *, stored: bool = False) -> list[Figures]:
        """Return the figures of combinations ``start..stop``, one item a phase."""
        import numpy as np

        return self.run_list(np.arange(start, stop, dtype=np.int64), stored=stored)

    def run_list(self, indices: Any, *, stored: bool = False) -> list[Figures]:
        """Return the figures of the combinations `indices`, in that order."""
        figures = self.compute(self.space.rows(indices))
        return [as_stored(phase) for phase in figures] if stored else figures

    def run_blocks(self, starts: Any, size: int, *, stored: bool = False) -> list[Figures]:
        """Return the figures of blocks of `size` combinations, one block after the other."""
        import numpy as np

        blocks = np.asarray(starts, dtype=np.int64)[:, np.newaxis] + np.arange(size)
        return self.run_list(blocks.ravel(), stored=stored)


def _codes(labels: Labels | None) -> tuple[NDArray[np.int64] | None, int]:
    return (None, 0) if labels is None else (labels.codes, labels.count)
