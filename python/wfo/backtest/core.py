"""Compiled kernels as engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.backtest.feeds import SECOND, Feeds
from wfo.backtest.figures import STANDARD_NAMES, Figures, concatenate
from wfo.backtest.values import TRADE_COLUMNS, DatedSet, Outcome

if TYPE_CHECKING:
    from wfo import _core
    from wfo.backtest.checks import Bounds, Labels
    from wfo.backtest.evaluate import Space
    from wfo.bars import Prices
    from wfo.settings import Settings
    from wfo.strategy import Strategy


@dataclass(frozen=True, slots=True)
class CompiledEngine:
    """An engine of a compiled module.

    Attributes
    ----------
    name
        What the module calls it.
    """

    name: str

    def lacks(
        self,
        strategy: Strategy,  # noqa: ARG002  # every engine computes every strategy
        settings: Settings,  # noqa: ARG002  # and takes all settings
        *,
        extended: bool = False,
        dated: bool = False,
    ) -> str | None:
        """Return why it cannot compute this; None if it can."""
        if extended:
            return "it does not compute extended figures"
        if dated:
            return "it does not take dated parameters"
        return None

    def simulate(
        self,
        strategy: Strategy,
        feeds: Feeds,
        sets: Sequence[DatedSet],
        settings: Settings,
        bounds: Bounds,
        labels: Labels | None = None,  # noqa: ARG002  # extended figures only
    ) -> Outcome:
        """Compute one parameter set."""
        from wfo import _core

        warmup, split, end = bounds
        params = [float(v) for v in sets[0].values]
        first, second = _prices(feeds.until(end))
        figures, trades, equity = _core.simulate(
            self.name, strategy.name, *first, second, params, settings, warmup, split
        )
        named = dict(zip(STANDARD_NAMES, figures, strict=True))
        return Outcome(named, dict(zip(TRADE_COLUMNS, trades, strict=True)), equity)

    def prepare(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: Settings,
        phases: Sequence[Bounds],
        threads: int,
        *,
        extended: bool = False,  # noqa: ARG002  # it lacks them
        labels: Labels | None = None,  # noqa: ARG002  # likewise
    ) -> CompiledSweep:
        """Compute what all parameter sets share."""
        from wfo import _core

        name, axes = strategy.name, space.axes
        first, second = _prices(feeds)
        sweep = _core.Sweep(self.name, name, *first, second, axes, settings, list(phases), threads)
        return CompiledSweep(sweep)


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
