"""What a run is asked to do."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from wfo.grid import Grid, GridText
from wfo.runs.folder import RunFolder
from wfo.runs.holdout.kept import HoldoutSpan
from wfo.selection.gates import Gates
from wfo.settings import AccountSettings
from wfo.strategy import StrategyLike
from wfo.tradestation.ranges import RangeOptions
from wfo.windows import Windows

#: Rows of the candidates' CSV file, unless all are asked for.
CSV_ROWS = 100_000

#: The grid of this package's strategies where none is named.
GRID = "phase1_slim"

#: What ``store`` of a plan may be.
STORES = ("auto", "dense", "survivors")


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run is asked to do.

    Attributes
    ----------
    symbol, timeframe
        Which stored bars.
    symbol2
        The second symbol, for strategies that read one.
    allow_gaps
        Whether joining the two may drop more than 5 % of either's bars.
    strategy
        The simpler strategies of its expansion run too, unless `expand` is off.
    grid
        Name of a shipped grid, the path of one, what such a file says, or a grid; of that, the
        simpler strategies take the values of their own parameters. None for the strategy's default
        grid, of this package's strategies `GRID`.
    windows
        Name of a schedule, the path of one, or a schedule.
    as_of
        Date that windows are counted back from; by default the last bar's.
    holdout
        How much before that date is held out, as windows files write time: ``1y``, ``6m``. Windows
        are then counted back from before it. None holds nothing out.
    settings, gates
        Of every backtest, and of the scores.
    bars_per_year
        What annual figures count in; None where it is counted from the bars.
    threads
        By default one for each core.
    out
        Folder below which the run gets its own.
    name
        Keeps the run beside others of the same bars, in ``runs/<name>`` below their folder.
    csv_rows
        Rows of the candidates' CSV file at most, the best ones; None for all.
    store
        ``"dense"`` keeps the figures of every combination, ``"survivors"`` of those that can become
        candidates; ``"auto"`` the first where it takes at most half of the free disk.
    ranges
        How ranges for TradeStation are made.
    fresh
        Whether to start over where the same run is there already; what was there is moved.
    command
        How it was called, for the manifest.
    fetch
        Whether bars that the windows need and the store does not have are asked of a source.
    source
        Name of the source; by default that of the stored bars, else that of the configuration.
    map_axes
        The two parameters in whose plane plateaus are looked for; by default the strategy's own. A
        simpler strategy that lacks one of them keeps its own.
    """

    symbol: str
    strategy: StrategyLike
    timeframe: str = "1day"
    symbol2: str | None = None
    allow_gaps: bool = False
    grid: str | Path | Grid | GridText | None = None
    windows: str | Path | Windows = "default"
    as_of: dt.date | None = None
    expand: bool = True
    settings: AccountSettings | None = None
    gates: Gates = field(default_factory=Gates)
    threads: int | None = None
    out: Path = Path("results")
    csv_rows: int | None = CSV_ROWS
    store: str = "auto"
    ranges: RangeOptions = field(default_factory=RangeOptions)
    fresh: bool = False
    command: str = ""
    name: str | None = None
    fetch: bool = True
    source: str | None = None
    holdout: str | None = None
    bars_per_year: float | None = None
    map_axes: tuple[str, str] | None = None

    @property
    def span(self) -> HoldoutSpan | None:
        """What is held out.

        Raises
        ------
        InputError
            If `holdout` is no time.
        """
        return None if self.holdout is None else HoldoutSpan.of(self.holdout)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, the one that is traded first."""
        return (self.symbol,) if self.symbol2 is None else (self.symbol, self.symbol2)

    @property
    def folder(self) -> RunFolder:
        """Where the run's results go.

        Raises
        ------
        InputError
            If a run cannot be called by its name.
        """
        return RunFolder.of(self.out, self.symbol, self.symbol2, self.timeframe, self.name)
