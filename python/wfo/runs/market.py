"""What stages after a sweep backtest on: the run's bars, phases, settings and buy-and-hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo import bars as bars_module
from wfo.backtest import Feeds, Figures, Simulation, sweep_sample
from wfo.backtest.benchmark import Benchmark
from wfo.backtest.simulate import simulate
from wfo.data.years import Year, count_year
from wfo.grid import Grid
from wfo.runs.inputs import Inputs
from wfo.runs.stored import read_kept
from wfo.selection.comparable import Shares, simulated_shares
from wfo.selection.sensitivity import Evaluate, sweeper
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy
from wfo.strategy.record import require_code
from wfo.windows import Phases

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.runs.folder import RunFolder
    from wfo.runs.manifest import Manifest
    from wfo.runs.task import Task

    IndexArray = NDArray[np.int64]

#: First trading bar, first out-of-sample bar, one past the last.
Bounds = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """Bars and all that a backtest on them needs.

    Attributes
    ----------
    inputs
        The bars.
    phases, settings
        Of every backtest.
    timeframe
        Length of the bars.
    threads
        How many work.
    year
        What annual figures count in.
    benchmarks
        Buy-and-hold of each phase.
    """

    inputs: Inputs
    phases: Phases
    settings: AccountSettings
    timeframe: str
    threads: int
    year: Year
    benchmarks: tuple[Benchmark, ...]

    @classmethod
    def of_task(cls, task: Task) -> Market:
        """Return that of a run that is under way."""
        plan = task.plan
        return cls(
            task.inputs,
            task.phases,
            task.settings,
            plan.timeframe,
            task.threads,
            task.year,
            task.benchmarks,
        )

    @classmethod
    def of_run(
        cls, folder: RunFolder, manifest: Manifest, benchmarks: Sequence[Benchmark], threads: int
    ) -> Market:
        """Return that of a run that is complete, on the bars that it keeps.

        Raises
        ------
        WfoError
            If the bars or the settings cannot be read, or the code of a strategy is not there.
        """
        for name in manifest.sweeps:
            require_code(manifest.strategy_of(name))
        second = read_kept(folder.bars2) if manifest.data2 is not None else None
        inputs = Inputs(
            read_kept(folder.bars), second, manifest.data, manifest.data2, manifest.join
        )
        strategy = manifest.strategy_of(manifest.strategy)
        settings = strategy.settings_of(manifest.settings_of(strategy))
        return cls(
            inputs,
            manifest.phases,
            settings,
            manifest.timeframe,
            threads,
            manifest.year(bars_module.dates(inputs.bars)),
            tuple(benchmarks),
        )

    @property
    def bars_per_year(self) -> float:
        """What annual figures count in."""
        return self.year.bars

    def periods_per_year(self, warmup: int, end: int, periods: int) -> float:
        """Return what makes figures of the periods of a slice annual.

        Of one bar a period that is a year of bars, of several a year of sessions: counted, or as
        many as the bars that are given make of the slice.

        Parameters
        ----------
        warmup, end
            First bar of the slice, one past its last.
        periods
            How many it has.
        """
        if periods == end - warmup:
            return self.year.bars
        if self.year.source == "given":
            return self.year.bars * periods / (end - warmup)
        return count_year("1day", bars_module.dates(self.inputs.bars)).bars

    @property
    def bounds(self) -> list[Bounds]:
        """Those of every phase."""
        return [phase.bounds for phase in self.phases]

    def data(self, strategy: Strategy) -> Feeds:
        """Return the prices that a strategy reads."""
        return self.inputs.of(strategy)

    def stored(
        self,
        grid: Grid,
        indices: IndexArray,
        bounds: Sequence[Bounds] | None = None,
        feeds: Feeds | None = None,
    ) -> list[Figures]:
        """Return the figures of combinations anywhere in a grid, as result files hold them.

        Parameters
        ----------
        grid, indices
            Which combinations, int64[m].
        bounds
            Over which phases; by default the run's.
        feeds
            On which bars; by default the run's.
        """
        return sweep_sample(
            feeds or self.data(grid.strategy),
            grid,
            grid.strategy.settings_of(self.settings),
            self.bounds if bounds is None else bounds,
            indices,
            self.threads,
        )

    def sweeps(self, grid: Grid) -> Evaluate:
        """Return what sweeps combinations anywhere in a grid, in the types of result files."""
        used = grid.strategy.settings_of(self.settings)
        return sweeper(self.data(grid.strategy), self.bounds, used, self.threads)(grid)

    def drawdown_shares(self, grid: Grid) -> Shares:
        """Return what finds the largest relative out-of-sample drawdowns of combinations."""
        return simulated_shares(
            self.data(grid.strategy),
            grid,
            grid.strategy.settings_of(self.settings),
            self.bounds,
            self.threads,
        )

    def simulate(self, strategy: Strategy, params: Mapping[str, Number]) -> list[Simulation]:
        """Simulate one parameter set over every phase, each up to the phase's last bar."""
        found = []
        for warmup, split, end in self.bounds:
            second = self.inputs.second
            found.append(
                simulate(
                    strategy,
                    self.inputs.bars[:end],
                    params,
                    split=split,
                    warmup=warmup,
                    bars2=second[:end] if strategy.dual_symbol and second is not None else None,
                    settings=strategy.settings_of(self.settings),
                    engine="auto",
                )
            )
        return found
