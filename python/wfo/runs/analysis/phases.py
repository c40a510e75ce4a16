"""Refined sets in the phases of their run: out-of-sample figures, gates, and buy-and-hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.backtest import Evaluator
from wfo.backtest.benchmark import Benchmark
from wfo.backtest.figures import Figures, as_stored
from wfo.runs.refinement.history import History
from wfo.selection.comparable import annual_returns, total_returns
from wfo.selection.gates import Gates
from wfo.strategy import Number, Strategy
from wfo.tradestation.analysis import SetPhase

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class RunPhases:
    """The phases of a run, and what judges sets in them.

    Attributes
    ----------
    history
        Bars and settings of the run.
    benchmarks
        Buy-and-hold, an item a phase.
    gates
        Those that rule in the run.
    threads
        By default one for each core.
    """

    history: History
    benchmarks: Sequence[Benchmark]
    gates: Gates
    threads: int | None = None

    def of(
        self, strategy: Strategy, sets: Sequence[Mapping[str, Number]]
    ) -> list[tuple[SetPhase, ...]]:
        """Return what sets come to in each phase.

        A set whose lookback is longer than the warm-up of a phase has none: its indicators would
        begin in the midst of it.

        Parameters
        ----------
        strategy, sets
            The strategy, and parameters by name.
        """
        phases = self.history.manifest.phases
        least = min(phase.warmup for phase in phases)
        lookback = self.history.lookback(strategy)
        fits = [
            i
            for i, params in enumerate(sets)
            if lookback({n: (v,) for n, v in params.items()}) <= least
        ]
        found: list[tuple[SetPhase, ...]] = [()] * len(sets)
        if not fits:
            return found
        evaluator = Evaluator.of_sets(
            strategy,
            self.history.feeds(strategy),
            [sets[i] for i in fits],
            list(phases),
            self.history.settings(strategy),
            threads=self.threads,
        )
        columns = [
            self._phase(number, figures, held)
            for number, (figures, held) in enumerate(
                zip(evaluator.range(0, len(fits)), self.benchmarks, strict=True), 1
            )
        ]
        for at, i in enumerate(fits):
            found[i] = tuple(column[at] for column in columns)
        return found

    def _phase(self, number: int, figures: Figures, held: Benchmark) -> list[SetPhase]:
        """Return one phase of all sets."""
        phase = self.history.manifest.phases[number - 1]
        days = self.history.days
        earned = total_returns(held.capital, figures.is_pnl, figures.oos_pnl)
        annual = annual_returns(earned, held.oos_exponent)
        valid = _valid(self.gates, held, figures)
        return [
            SetPhase(
                number=number,
                first=days[phase.split],
                last=days[phase.end - 1],
                oos_return=float(earned[i]),
                oos_return_annual=float(annual[i]),
                oos_dd=float(figures.oos_dd[i]),
                oos_trades=int(figures.oos_trades[i]),
                held_return=held.oos_return,
                held_return_annual=held.oos_return_annual,
                valid=bool(valid[i]),
                beats=bool(earned[i] > held.return_floor),
            )
            for i in range(len(earned))
        ]


def _valid(gates: Gates, held: Benchmark, figures: Figures) -> BoolArray:
    """Tell which sets pass the gates in a phase, by figures as a run stores them."""
    from wfo import _core

    judge = _core.Effects([1], held.capital, [held.oos_exponent], [gates.core([held])], 1, 1)
    found: BoolArray = judge.evaluate([as_stored(figures)])[1] > 0
    return found
