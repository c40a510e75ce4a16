"""Compiled kernels as engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.backtest.figures import Figures, as_stored
from wfo.backtest.one_by_one import marks_one_by_one
from wfo.backtest.values import DatedSet, EngineResult, SaidOrders
from wfo.errors import EngineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo import _core
    from wfo.backtest.checks import Bounds, Labels
    from wfo.backtest.feeds import Feeds
    from wfo.backtest.spaces import Space
    from wfo.settings import AccountSettings
    from wfo.strategy import Number, RustKernel, Strategy

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CompiledEngine:
    """An engine of a compiled module.

    Attributes
    ----------
    name
        What the module calls it.
    kernel
        The module, and what it calls the strategy.
    """

    name: str
    kernel: RustKernel

    def lacks(
        self,
        strategy: Strategy,
        settings: AccountSettings,
        *,
        extended: bool = False,
        dated: bool = False,
        performance: bool = False,
        space: Space | None = None,
    ) -> str | None:
        """Return why it cannot compute this; None if it can."""
        try:
            module = self.kernel.load()
        except EngineError as error:
            return str(error)
        if performance and not hasattr(module.Sweep, "run_performance"):
            return "its module was built before figures of a whole history; build it anew"
        axes = None if space is None else space.positions
        handle = self._handle(strategy)
        found: str | None = module.lacks(
            self.name, handle, settings, extended, dated, axes, performance=performance
        )
        return found

    def simulate(
        self,
        strategy: Strategy,
        feeds: Feeds,
        sets: Sequence[DatedSet],
        settings: AccountSettings,
        bounds: Bounds,
        labels: Labels | None = None,
    ) -> EngineResult:
        """Compute one parameter set, or several that follow each other."""
        warmup, split, end = bounds
        own = None if labels is None else labels.until(end)
        found = self.kernel.load().simulate(
            self.name,
            self._handle(strategy),
            feeds.until(end).to_list(),
            [(first, [float(v) for v in values]) for first, values in sets],
            settings,
            warmup,
            split,
            None if own is None else own.codes,
            0 if own is None else own.count,
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
        """Return what a set has working in the bar after the last; None if it does not say.

        Modules that were built before kernels could say so have no such function.
        """
        said = getattr(self.kernel.load(), "orders", None)
        if said is None:
            return None
        row = [float(v) for v in values]
        found: SaidOrders = said(self._handle(strategy), feeds.to_list(), row, settings, warmup)
        return found

    def prepare(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: AccountSettings,
        phases: Sequence[Bounds],
        threads: int,
        *,
        extended: bool = False,
        labels: Labels | None = None,
    ) -> CompiledSweep:
        """Compute what all parameter sets share."""
        sweep = self.kernel.load().Sweep(
            self.name,
            self._handle(strategy),
            feeds.to_list(),
            space.axes,
            settings,
            list(phases),
            threads,
            extended,
            None if labels is None else labels.codes,
            0 if labels is None else labels.count,
        )
        return CompiledSweep(sweep, extended)

    def prepare_performance(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: AccountSettings,
        warmup: int,
        threads: int,
    ) -> CompiledPerformance:
        """Compute what all parameter sets share, for the figures of all bars from `warmup` on."""
        # The figures have no boundary; a phase has one, which they do not look at.
        bounds = (warmup, feeds.bars - 1, feeds.bars)
        sweep = self.prepare(strategy, feeds, space, settings, [bounds], threads).sweep
        return CompiledPerformance(sweep)

    def marks(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        indices: NDArray[np.int64],
        settings: AccountSettings,
        warmup: int,
        at: NDArray[np.int64],
        threads: int,
    ) -> FloatArray:
        """Return the equity of some sets at the closes of the bars `at`, float64[m, T]."""
        # Modules that were built before they could return marks of many sets simulate each.
        if not hasattr(self.kernel.load().Sweep, "run_marks"):
            rows = space.rows(indices)
            return marks_one_by_one(self, strategy, feeds, rows, settings, warmup, at)
        bounds = (warmup, feeds.bars - 1, feeds.bars)
        sweep: Any = self.prepare(strategy, feeds, space, settings, [bounds], threads).sweep
        found: FloatArray = sweep.run_marks(_indices(indices), at)
        return found

    def _handle(self, strategy: Strategy) -> Any:
        return self.kernel.handle(strategy.name)


@dataclass(frozen=True, slots=True)
class CompiledSweep:
    """A prepared sweep of a compiled module."""

    sweep: _core.Sweep
    extended: bool

    @property
    def batch_multiple(self) -> int:
        """Combinations that are best computed together."""
        return self.sweep.batch_multiple

    @property
    def least_batch(self) -> int:
        """Combinations fewer than which cost several times as much each."""
        least: int = getattr(self.sweep, "least_batch", 1)
        return least

    @property
    def worker_bytes(self) -> int | None:
        """Memory that each worker holds beside the results."""
        return getattr(self.sweep, "worker_bytes", None)

    def run(self, start: int, stop: int, *, stored: bool = False) -> list[Figures]:
        """Return the figures of combinations ``start..stop``, one item a phase."""
        return self._run("run", stored, start, stop)

    def run_list(self, indices: Any, *, stored: bool = False) -> list[Figures]:
        """Return the figures of the combinations `indices`, in that order."""
        return self._run("run_list", stored, _indices(indices))

    def run_blocks(self, starts: Any, size: int, *, stored: bool = False) -> list[Figures]:
        """Return the figures of blocks of `size` combinations, one block after the other."""
        return self._run("run_blocks", stored, _indices(starts), size)

    def _run(self, name: str, stored: bool, *arguments: Any) -> list[Figures]:
        # A module stores the standard figures only.
        direct = stored and not self.extended
        run = getattr(self.sweep, f"{name}_stored" if direct else name)
        figures = [Figures(*columns) for columns in run(*arguments)]
        return [as_stored(each) for each in figures] if stored and not direct else figures


@dataclass(frozen=True, slots=True)
class CompiledPerformance:
    """Parameter sets on a whole history, prepared by a compiled module."""

    sweep: Any
    note: str = ""

    def run(self, start: int, stop: int) -> FloatArray:
        """Return the figures of sets ``start..stop``, float64[m, fields]."""
        found: FloatArray = self.sweep.run_performance(start, stop)
        return found


def _indices(numbers: Any) -> Any:
    import numpy as np

    return np.ascontiguousarray(numbers, dtype=np.uint64)
