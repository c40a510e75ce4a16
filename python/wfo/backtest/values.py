"""What backtests return: a simulation of one parameter set, a sweep of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from wfo.backtest.figures import STANDARD_NAMES, Figures
from wfo.grid import Grid
from wfo.strategy import Number
from wfo.windows import Phase

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    CountArray = NDArray[np.uint32]

#: What an engine says of each closed trade.
TRADE_COLUMNS = ("side", "entry_bar", "entry_price", "exit_bar", "exit_price", "pnl")


class DatedSet(NamedTuple):
    """A parameter set, and the bar from whose orders on it holds."""

    first: int
    values: tuple[Number, ...]


class Outcome(NamedTuple):
    """What an engine makes of one backtest.

    Attributes
    ----------
    figures
        By name, the extended ones where the engine has them.
    trades
        `TRADE_COLUMNS` by name, side as +1 or -1.
    equity
        float64[n]: the mark at every close.
    reversals
        Bars, and the mark at the reversal's fill in each.
    """

    figures: Mapping[str, Any]
    trades: Mapping[str, NDArray[Any]]
    equity: FloatArray
    reversals: tuple[NDArray[Any], FloatArray] | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """One parameter set over one phase.

    Attributes
    ----------
    trades
        Closed trades, oldest first: ``side`` (``"long"`` or ``"short"``), ``entry_bar``,
        ``entry_price``, ``exit_bar``, ``exit_price`` (raw fills, before slippage), ``pnl``.
    equity
        float64[n], in currency: the mark at every close, the capital before the first trading bar.
    is_pnl, oos_pnl, is_dd, oos_dd
        Profit or loss and largest drawdown, in- and out-of-sample, in currency.
    is_trades, oos_trades
        Trades closed in- and out-of-sample.
    """

    trades: pl.DataFrame
    equity: FloatArray
    is_pnl: float
    oos_pnl: float
    is_dd: float
    oos_dd: float
    is_trades: int
    oos_trades: int

    @classmethod
    def of(cls, outcome: Outcome) -> Simulation:
        """Return what an engine found."""
        import polars as pl

        side = pl.when(pl.col("side") > 0).then(pl.lit("long")).otherwise(pl.lit("short"))
        trades = pl.DataFrame(dict(outcome.trades)).with_columns(
            side.alias("side"), pl.col("entry_bar", "exit_bar").cast(pl.Int64)
        )
        is_pnl, oos_pnl, is_dd, oos_dd, is_trades, oos_trades = (
            outcome.figures[name] for name in STANDARD_NAMES
        )
        return cls(
            trades,
            outcome.equity,
            float(is_pnl),
            float(oos_pnl),
            float(is_dd),
            float(oos_dd),
            int(is_trades),
            int(oos_trades),
        )


@dataclass(frozen=True, slots=True, repr=False)
class SweepResult:
    """A grid over one phase; cell ``i`` of every array belongs to combination ``i``.

    Attributes
    ----------
    grid
        The grid that was swept.
    bounds
        First trading bar, first out-of-sample bar, one past the last bar.
    is_pnl, oos_pnl, is_dd, oos_dd
        float64[len(grid)], in currency.
    is_trades, oos_trades
        uint32[len(grid)].
    phase
        The phase, where the sweep was given a schedule.
    min_phases
        Valid phases that the schedule asks of a stable combination, where there is one.
    """

    grid: Grid
    bounds: tuple[int, int, int]
    is_pnl: FloatArray
    oos_pnl: FloatArray
    is_dd: FloatArray
    oos_dd: FloatArray
    is_trades: CountArray
    oos_trades: CountArray
    phase: Phase | None = None
    min_phases: int | None = None

    @classmethod
    def of(
        cls,
        grid: Grid,
        bounds: tuple[int, int, int],
        figures: Figures,
        phase: Phase | None = None,
        min_phases: int | None = None,
    ) -> SweepResult:
        """Return the figures of a whole grid as a result."""
        is_pnl, oos_pnl, is_dd, oos_dd, is_trades, oos_trades = figures[: len(STANDARD_NAMES)]
        return cls(
            grid, bounds, is_pnl, oos_pnl, is_dd, oos_dd, is_trades, oos_trades, phase, min_phases
        )

    def __len__(self) -> int:
        return len(self.grid)

    def __repr__(self) -> str:
        return f"SweepResult({self.grid!r}, bars {self.bounds})"

    def figures(self, start: int = 0, stop: int | None = None) -> Figures:
        """Return the six arrays, or a stretch of them."""
        return Figures(*(getattr(self, name)[start:stop] for name in STANDARD_NAMES))

    def params(self, index: int) -> dict[str, Number]:
        """Return combination `index` as a dict."""
        return self.grid.params(index)

    def to_frame(self) -> pl.DataFrame:
        """Return one row a combination, in flat index order: its parameters and the six figures."""
        import numpy as np
        import polars as pl

        columns: dict[str, Any] = self.grid.columns(np.arange(len(self.grid), dtype=np.int64))
        return pl.DataFrame(columns | self.figures()._asdict())
