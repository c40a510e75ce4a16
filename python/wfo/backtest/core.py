"""Compiled kernels as engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.backtest.feeds import SECOND, Feeds
from wfo.backtest.figures import STANDARD_NAMES, Figures, concatenate
from wfo.backtest.values import TRADE_COLUMNS, DatedSet, Outcome
from wfo.errors import EngineError

if TYPE_CHECKING:
    from wfo import _core
    from wfo.backtest.checks import Bounds, Labels
    from wfo.backtest.evaluate import Space
    from wfo.bars import Prices
    from wfo.settings import AccountSettings
    from wfo.strategy import RustKernel, Strategy


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
        space: Space | None = None,
    ) -> str | None:
        """Return why it cannot compute this; None if it can."""
        del strategy, settings, space
        try:
            self.kernel.load()
        except EngineError as error:
            return str(error)
        if extended:
            return "it does not compute extended figures"
        return "it does not take dated parameters" if dated else None

    def simulate(
        self,
        strategy: Strategy,
        feeds: Feeds,
        sets: Sequence[DatedSet],
        settings: AccountSettings,
        bounds: Bounds,
        labels: Labels | None = None,
    ) -> Outcome:
        """Compute one parameter set, or several that follow each other."""
        del labels
        warmup, split, end = bounds
        params = [float(v) for v in sets[0].values]
        first, second = _prices(feeds.until(end))
        figures, trades, equity = self.kernel.load().simulate(
            self.name, self._name(strategy), *first, second, params, settings, warmup, split
        )
        named = dict(zip(STANDARD_NAMES, figures, strict=True))
        return Outcome(named, dict(zip(TRADE_COLUMNS, trades, strict=True)), equity)

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
        del extended, labels
        first, second = _prices(feeds)
        sweep = self.kernel.load().Sweep(
            self.name,
            self._name(strategy),
            *first,
            second,
            space.values,
            settings,
            list(phases),
            threads,
        )
        return CompiledSweep(sweep)

    def _name(self, strategy: Strategy) -> str:
        return self.kernel.name or strategy.name


@dataclass(frozen=True, slots=True)
class CompiledSweep:
    """A prepared sweep of a compiled module."""

    sweep: _core.Sweep

    @property
    def granule(self) -> int:
        """Combinations that are best computed together."""
        return self.sweep.granule

    @property
    def worker_bytes(self) -> int | None:
        """Memory that each worker holds beside the results."""
        return self.sweep.worker_bytes

    def run(self, start: int, stop: int, *, stored: bool = False) -> list[Figures]:
        """Return the figures of combinations ``start..stop``, one item a phase."""
        run = self.sweep.run_stored if stored else self.sweep.run
        return [Figures(*arrays) for arrays in run(start, stop)]

    def run_list(self, indices: Any, *, stored: bool = False) -> list[Figures]:
        """Return the figures of the combinations `indices`, in that order."""
        import numpy as np

        if stored:
            found = self.sweep.run_list(np.asarray(indices, dtype=np.uint64))
            return [Figures(*arrays) for arrays in found]
        return self.run_blocks(indices, 1)

    def run_blocks(self, starts: Any, size: int, *, stored: bool = False) -> list[Figures]:
        """Return the figures of blocks of `size` combinations, one block after the other."""
        blocks = [self.run(int(start), int(start) + size, stored=stored) for start in starts]
        return [concatenate(phase) for phase in zip(*blocks, strict=True)]


def _prices(feeds: Feeds) -> tuple[Prices, Prices | None]:
    first = feeds.prices()
    assert first is not None  # noqa: S101  # there always is a first symbol
    return first, feeds.prices(SECOND)
