"""The whole history of a run as one slice: what a set comes to from its first bar to its last.

A run judges its combinations phase by phase. What is chosen afterwards is looked at over all bars
of the run as one backtest without a split. The plateaus were found on these bars, so that every
figure over them is in-sample.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from wfo import bars as bars_module
from wfo.backtest import Feeds
from wfo.backtest.benchmark import bought, held_marks
from wfo.errors import InputError, ResultsError
from wfo.metrics import Metrics, compute_metrics
from wfo.runs.inputs import Inputs
from wfo.runs.stored import read_kept
from wfo.settings import AccountSettings
from wfo.strategy import Strategy
from wfo.strategy.value import Lookback
from wfo.tradestation.range_files import JobFault, JobList
from wfo.windows import LEAST_WARMUP

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from wfo.bars import Prices
    from wfo.data.years import Year
    from wfo.runs.folder import RunFolder
    from wfo.runs.manifest import Digest, Manifest


@dataclass(frozen=True, slots=True, eq=False)
class HeldHistory:
    """Buy-and-hold from the first trading bar to the end.

    Attributes
    ----------
    marks
        The mark at every close, float64[end], in currency; the capital before the first trading
        bar.
    metrics
        What they come to; it closes no trade.
    idle
        Whether the capital pays for no lot, so that no share is held.
    """

    marks: NDArray[np.float64]
    metrics: Metrics
    idle: bool

    @property
    def figures(self) -> dict[str, float | None]:
        """What it comes to by the columns of the analysis's tables; None what is not defined.

        It closes no trade, and belongs to no plateau.
        """
        own = self.metrics
        fall = own.max_drawdown
        return {
            "Net_Profit": own.net_profit,
            "CAGR": own.cagr,
            "Max_DD": fall,
            "Max_DD_Share": own.max_drawdown_share,
            "MAR": own.mar,
            "Sharpe": own.sharpe,
            "Sortino": own.sortino,
            "Profit_Factor": None,
            "Net_Profit_By_DD": own.net_profit / fall if fall > 0 else None,
            "Robustness": None,
            "Trades": 0,
            "Exposure": own.exposure,
            "Win_Loss": None,
            "Expectancy_By_Spread": None,
        }


@dataclass(frozen=True, eq=False)
class History:
    """The bars of a complete run from the first to the end of its last phase, and its settings.

    Attributes
    ----------
    folder, manifest
        The run.
    inputs
        The bars that the run has kept; the second ones only where it has a second symbol.
    end
        One past the last bar of the run's last phase, the index of a bar.
    """

    folder: RunFolder
    manifest: Manifest
    inputs: Inputs
    end: int

    @classmethod
    def of(cls, folder: RunFolder) -> History:
        """Read the history of a run.

        Parameters
        ----------
        folder
            The run's folder.

        Raises
        ------
        ResultsError
            If there is no complete run, or its bars are missing or not as they were written.
        """
        manifest = folder.read_manifest()
        bars = _kept_bars(folder, manifest, folder.bars)
        second = None if manifest.data2 is None else _kept_bars(folder, manifest, folder.bars2)
        end = max((phase.end for phase in manifest.phases), default=0)
        if not 0 < end <= len(bars):
            raise ResultsError(
                f"{folder.manifest}: the last phase ends with bar {end:,}, and the run has"
                f" {len(bars):,}; run again: {manifest.command}"
            )
        inputs = Inputs(bars, second, manifest.data, manifest.data2, manifest.join)
        return cls(folder, manifest, inputs, end)

    @property
    def symbol(self) -> str:
        """The symbol that is traded."""
        return self.manifest.symbol

    @property
    def symbol2(self) -> str | None:
        """The second symbol; None without one."""
        return None if self.manifest.data2 is None else self.manifest.data2.symbol

    @property
    def timeframe(self) -> str:
        """Length of the bars."""
        return self.manifest.timeframe

    @cached_property
    def days(self) -> list[dt.date]:
        """Date of every bar that the run has kept."""
        return bars_module.dates(self.inputs.bars)

    @cached_property
    def year(self) -> Year:
        """What annual figures count in, and whether it was counted or given."""
        return self.manifest.year(self.days)

    @property
    def bars_per_year(self) -> float:
        """What annual figures count in."""
        return self.year.bars

    @cached_property
    def strategies(self) -> tuple[Strategy, ...]:
        """The strategies of the run, the one that was asked for first.

        Raises
        ------
        InputError
            If one of them is not known here.
        """
        return tuple(grid.strategy for grid in self.manifest.load_grids())

    def settings(self, strategy: Strategy | None = None) -> AccountSettings:
        """Return what every backtest of the run has in common.

        Parameters
        ----------
        strategy
            Whose settings; a simpler strategy beside the one that was asked for may have fewer,
            and without one they are those of the latter.

        Raises
        ------
        InputError
            If the run states a setting that is out of range.
        """
        own = strategy or self.manifest.strategy_of(self.manifest.strategy)
        return self.manifest.settings_of(own)

    def feeds(self, strategy: Strategy) -> Feeds:
        """Return the prices that a strategy reads, all bars that the run has kept.

        Raises
        ------
        WfoError
            If the run has no second symbol, and the strategy reads one, or a bar is impossible.
        """
        return self.inputs.of(strategy)

    def frames(self, strategy: Strategy) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """Return the bars of either symbol up to the end, as `wfo.simulate` takes them.

        The second ones are None where the strategy reads one symbol.
        """
        second = self.inputs.second if strategy.dual_symbol else None
        bars = self.inputs.bars[: self.end]
        return bars, None if second is None else second[: self.end]

    def lookback(self, strategy: Strategy) -> Lookback:
        """Return the lookback of a strategy on the bars that the run has kept."""
        return self.inputs.lookback(strategy)

    def warmup(self, need: int) -> int:
        """Return the first trading bar for sets whose longest lookback is `need` bars.

        Raises
        ------
        InputError
            If fewer than two bars are left to trade on.
        """
        first = max(LEAST_WARMUP, need)
        if first + 2 > self.end:
            raise InputError(
                f"a lookback of {need:,} bars leaves nothing to trade on: the first trading bar"
                f" would be {first:,}, and the run in {self.folder.path} ends with bar"
                f" {self.end - 1:,}"
            )
        return first

    def fitting(self, listed: JobList) -> JobList:
        """Return a job list without the jobs that look back further than the history reaches.

        They are faults of it, so that the others need not wait for them.
        """
        kept, faults = [], list(listed.faults)
        for job in listed.jobs:
            try:
                self.warmup(self.lookback(job.strategy)(job.values))
            except InputError as error:
                what = f"{job.range_file}: {error}; give its inputs a lower Max"
                faults.append(JobFault(0, what))
            else:
                kept.append(job)
        return JobList(tuple(kept), tuple(faults))

    def span(self, warmup: int) -> tuple[dt.date, dt.date]:
        """Return the dates of the first trading bar and of the last one."""
        return self.days[warmup], self.days[self.end - 1]

    def held(self, warmup: int) -> HeldHistory:
        """Return buy-and-hold of the first symbol, with the run's capital, costs and lots.

        Parameters
        ----------
        warmup
            The first trading bar, at whose open it buys; 1 or more.

        Raises
        ------
        InputError
            If it is no trading bar.
        """
        import numpy as np
        import polars as pl

        if not 1 <= warmup < self.end:
            raise InputError(f"warmup = {warmup} must be from 1 to {self.end - 1}")
        settings, prices = self.settings(), self._prices
        marks = held_marks(prices, (warmup, warmup, self.end), settings)
        # Lots may be too large for a single one.
        shares, _ = bought(float(prices.open[warmup]), settings)
        idle = not shares > 0
        metrics = compute_metrics(
            marks[warmup - 1 :],
            pl.DataFrame(schema={"pnl": pl.Float64}),
            dates=self.days[warmup - 1 : self.end],
            bars_per_year=self.bars_per_year,
            held=np.full(self.end - warmup, fill_value=not idle),
        )
        return HeldHistory(marks, metrics, idle)

    @cached_property
    def _prices(self) -> Prices:
        return bars_module.prices(self.inputs.bars)

    @property
    def digests(self) -> dict[str, Digest]:
        """Digests of the bars that the run has kept, by file name."""
        kept = (self.folder.bars, self.folder.bars2)[: 1 if self.inputs.second is None else 2]
        return {path.name: self.manifest.sums[path.name] for path in kept}


def _kept_bars(folder: RunFolder, manifest: Manifest, path: Path) -> pl.DataFrame:
    """Return bars that a run has kept, which are as they were written."""
    stated = manifest.sums.get(path.name)
    again = f"run again: {manifest.command}"
    if stated is None:
        raise ResultsError(f"run.json does not list {path}; {again}")
    try:
        folder.check_digest(path.name, stated)
    except ResultsError as error:
        raise ResultsError(f"{error}; {again}") from error
    bars = read_kept(path)
    if len(bars) != manifest.data.rows:
        raise ResultsError(
            f"{path} has {len(bars):,} bars, and run.json says {manifest.data.rows:,}; {again}"
        )
    return bars
