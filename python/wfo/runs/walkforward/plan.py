"""What a walk-forward is asked to do."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.runs.holdout.kept import HoldoutSpan

if TYPE_CHECKING:
    from wfo.grid import Grid, GridText
    from wfo.search.plan import SearchPlan
    from wfo.settings import AccountSettings
    from wfo.strategy import StrategyLike
    from wfo.windows import Length, WalkSchedule


#: The grid of this package's strategies where none is named: a small one, all of which each window
#: searches.
GRID = "coarse"


@dataclass(frozen=True, slots=True)
class MatrixAsked:
    """Lengths of a matrix.

    Attributes
    ----------
    in_samples, out_of_samples
        The lengths, ascending.
    kinds
        ``"rolling"``, ``"anchored"`` or both.
    purge
        How much of the end of every in-sample part is left out of the choice.
    """

    in_samples: tuple[Length, ...]
    out_of_samples: tuple[Length, ...]
    kinds: tuple[str, ...]
    purge: Length

    def to_dict(self) -> dict[str, Any]:
        """Return the lengths as plain values."""
        return {
            "in": [each.text for each in self.in_samples],
            "out": [each.text for each in self.out_of_samples],
            "kinds": list(self.kinds),
            "purge": self.purge.text,
        }


@dataclass(frozen=True, slots=True)
class WalkPlan:
    """What a walk-forward is asked to do.

    Attributes
    ----------
    symbol, symbol2, timeframe
        Which stored bars; a second symbol for strategies that read one.
    strategy, grid
        What is searched in every window; no grid for the strategy's default one, of this package's
        strategies `GRID`.
    study
        What is searched in place of a grid, with the name of its study; None of a grid.
    schedule
        Lengths of the windows; None of a matrix.
    matrix
        Lengths of a matrix; None of one walk-forward.
    by
        What sets are chosen by; None for what suits the in-sample length.
    gates
        Name of a set of gates, for what is chosen by phases within the in-sample part.
    min_trades
        Closed in-sample trades of a set that is chosen by a figure, at least.
    begin
        Where the first in-sample part begins; None for the first bar that trades.
    as_of
        Later bars are left out; None for none.
    holdout
        How much of the end is held out, as ``1y``; None for nothing.
    allow_gaps
        Whether joining two symbols may drop more than 5 % of either's bars.
    settings, threads
        Of every backtest.
    bars_per_year
        What annual figures count in; None where it is counted from the bars.
    results
        The folder below which every symbol has its own.
    name
        Of the walk-forward and its folder; None for one that says what it is.
    fresh
        Whether to start over where the same one is there; what was there is moved.
    command
        What goes on with it.
    space
        The file that `study` is read from.
    """

    symbol: str
    schedule: WalkSchedule | None = None
    matrix: MatrixAsked | None = None
    strategy: StrategyLike = ""
    grid: str | Path | Grid | GridText | None = None
    study: tuple[str, SearchPlan] | None = None
    symbol2: str | None = None
    timeframe: str = "1day"
    by: str | None = None
    gates: str | None = None
    min_trades: int = 0
    begin: dt.date | None = None
    as_of: dt.date | None = None
    holdout: str | None = None
    allow_gaps: bool = False
    settings: AccountSettings | None = None
    threads: int | None = None
    results: Path = Path("results")
    name: str | None = None
    fresh: bool = False
    command: str = ""
    space: Path | None = None
    bars_per_year: float | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, the one that is traded first."""
        return (self.symbol,) if self.symbol2 is None else (self.symbol, self.symbol2)

    @property
    def span(self) -> HoldoutSpan | None:
        """What is held out.

        Raises
        ------
        InputError
            If `holdout` is no time.
        """
        return None if self.holdout is None else HoldoutSpan.of(self.holdout)
