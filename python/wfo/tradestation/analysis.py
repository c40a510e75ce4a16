"""What an analysis of refined sets came to, as values: the page and the workbook read these."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.strategy import Number, Strategy
from wfo.tradestation.differences import FileDifference
from wfo.tradestation.ranking import HeldRow

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A report file that was read.

    Attributes
    ----------
    path
        The file.
    source
        ``"wfo"`` or ``"TradeStation"``: which program wrote it.
    strategy, rank, part
        The plateau whose refinement it is; part is None where the plateau has one file alone.
    rows
        Tests that it has.
    simulated
        How many of them have figures from here.
    faults
        What is wrong with rows that were left out, and with the file, a text each.
    notes
        What else is to be said, such as inputs that the file lacks.
    """

    path: str
    source: str
    strategy: str
    rank: int
    part: int | None
    rows: int
    simulated: int
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefinedPlateau:
    """What the refinement of one plateau came to.

    Attributes
    ----------
    rank
        That of the plateau in the run.
    sets
        Different parameter sets of all its files.
    robustness
        Share of them that earn, a fraction.
    outcomes
        Different outcomes that are shown in the table of the strategy.
    best_row
        Row of the combined table that has its best set; None where all its sets are shown by
        members of other plateaus.
    median_cagr, median_mar
        Over its sets that are defined; None without any.
    """

    rank: int
    sets: int
    robustness: float
    outcomes: int
    best_row: int | None
    median_cagr: float | None
    median_mar: float | None


@dataclass(frozen=True, slots=True)
class SetPhase:
    """A set in one phase of the run; returns and drawdowns are fractions.

    Attributes
    ----------
    number
        Of the phase, from 1.
    first, last
        Dates of its first and last out-of-sample bar.
    oos_return, oos_return_annual, oos_dd
        Out-of-sample return, and a year; largest drawdown in currency.
    oos_trades
        Trades closed out-of-sample.
    held_return, held_return_annual
        Buy-and-hold.
    valid
        Whether the set passes the gates of the run.
    beats
        Whether it returns more out-of-sample than buy-and-hold, by more than a millionth of it.
    """

    number: int
    first: dt.date
    last: dt.date
    oos_return: float
    oos_return_annual: float
    oos_dd: float
    oos_trades: int
    held_return: float
    held_return_annual: float
    valid: bool
    beats: bool


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BestSet:
    """A refined set, and what it came to.

    Attributes
    ----------
    number
        Row of the combined table, from 1: the number that ``--refined`` takes.
    strategy, params
        Which set.
    figures
        Its row of the combined table, by column.
    phases
        In the phases of the run; none of a set that cannot be simulated.
    equity
        Marks from the one before the first trading bar to the end, float64[n + 1], of the sets that
        charts show; None of others.
    """

    number: int
    strategy: str
    params: Mapping[str, Number]
    figures: Mapping[str, Any]
    phases: tuple[SetPhase, ...]
    equity: FloatArray | None = None

    @property
    def valid_phases(self) -> int:
        """In how many phases it passes the gates of the run."""
        return sum(p.valid for p in self.phases)

    @property
    def beating_phases(self) -> int:
        """In how many phases it returns more out-of-sample than buy-and-hold."""
        return sum(p.beats for p in self.phases)

    def __repr__(self) -> str:
        return f"BestSet({self.number}: {self.strategy})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StrategyTable:
    """The refined sets of one strategy.

    Attributes
    ----------
    strategy
        Which one.
    rows, sets
        Tests that were read of it, and different parameter sets among them.
    unsimulated
        Sets that are ranked on what a report has.
    table
        An outcome a row, best first, with the columns of the combined table: ``Row`` is the row
        there, the parameters are those of this strategy, the ranks those among its own sets.
    held
        Buy-and-hold beside them.
    plateaus
        By rank.
    best
        The first set by rank sum among its own, with its row of the combined table.
    """

    strategy: Strategy
    rows: int
    sets: int
    unsimulated: int
    table: pl.DataFrame
    held: HeldRow
    plateaus: tuple[RefinedPlateau, ...]
    best: BestSet | None = None

    def __repr__(self) -> str:
        return (
            f"StrategyTable({self.strategy.name}: {self.sets:,} sets, {len(self.table):,} outcomes)"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Analysis:
    """Refined sets ranked, beside buy-and-hold, over the whole history of a run.

    All figures are in-sample: the plateaus were found on the same bars, and the best of many sets
    is lucky.

    Attributes
    ----------
    symbol, symbol2, timeframe
        The bars; the second symbol where there is one.
    first, last
        Dates of the first trading bar and of the last bar.
    warmup, end
        First trading bar, and one past the last bar.
    days
        Date of each mark of the equities: of the bar before the first trading bar, and on.
    bars_per_year, capital
        What figures are annual by, and what every set starts with.
    strategies
        One table each, in the order of the run.
    combined
        All outcomes, best first; see `wfo.tradestation.ranking.combined_columns`.
    held
        Buy-and-hold beside all of them.
    held_equity
        Its marks, float64[days], as those of a `BestSet`.
    best
        The first rows of the combined table.
    averse
        The first set by the risk-averse order; None where there is none.
    files
        What was read.
    refused
        Files that cannot be used, and what was left out of others, a text each.
    differences
        Where reports of another program and simulations differ.
    verdict
        What all of it says, a sentence or two each.
    assumed
        What it rests on: a word and a text each.
    notes
        What else is to be said.
    phases, min_phases, gates
        Phases of the run, how many a stable combination of the first set's strategy is valid in,
        and the name of the gates.
    folder, fingerprint, command
        The run: its folder, its fingerprint, and how it was called.
    trials
        Combinations that were ever searched on the symbol, the refined ones included.
    """

    symbol: str
    symbol2: str | None
    timeframe: str
    first: dt.date
    last: dt.date
    warmup: int
    end: int
    days: Sequence[dt.date]
    bars_per_year: float
    capital: float
    strategies: tuple[StrategyTable, ...]
    combined: pl.DataFrame
    held: HeldRow
    held_equity: FloatArray
    best: tuple[BestSet, ...]
    averse: BestSet | None
    files: tuple[ReadFile, ...]
    refused: tuple[str, ...]
    differences: tuple[FileDifference, ...]
    verdict: tuple[str, ...]
    assumed: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    phases: int
    min_phases: int
    gates: str
    folder: str
    fingerprint: str
    command: str
    trials: int

    def __repr__(self) -> str:
        return (
            f"Analysis({self.symbol}: {len(self.combined):,} outcomes of {len(self.strategies)}"
            f" strateg{'y' if len(self.strategies) == 1 else 'ies'})"
        )
