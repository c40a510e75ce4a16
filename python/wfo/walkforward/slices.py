"""Figures of any stretch of one backtest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.backtest import Simulation
from wfo.backtest.benchmark import bought, held_marks
from wfo.metrics import Metrics, bars_held, compute_metrics
from wfo.walkforward.history import History

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    IndexArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """A backtest from which figures of stretches are taken.

    A position that is open at an end of a stretch is marked there; a trade counts where it closes.

    Attributes
    ----------
    equity
        float64[n]: the mark at every close.
    trades
        Closed trades, ``exit_bar`` and ``pnl`` among the columns.
    fills
        Bars of reversals, int64[k], and the mark at the fill of each, float64[k].
    in_market
        bool[n]: whether a position is open at each close.
    days
        Dates of the bars, n or more.
    bars_per_year
        What makes figures annual.
    """

    equity: FloatArray
    trades: pl.DataFrame
    fills: tuple[IndexArray, FloatArray]
    in_market: BoolArray
    days: Sequence[dt.date]
    bars_per_year: float

    @classmethod
    def of(cls, found: Simulation, days: Sequence[dt.date], bars_per_year: float) -> Slices:
        """Return those of a simulation."""
        import numpy as np

        fills = found.reversals or (np.empty(0, np.int64), np.empty(0))
        in_market = bars_held(found.equity, found.trades)
        return cls(found.equity, found.trades, fills, in_market, days, bars_per_year)

    @classmethod
    def cash(cls, history: History, days: Sequence[dt.date], stop: int) -> Slices:
        """Return those of the capital that nothing is done with."""
        import numpy as np

        return cls(
            np.full(stop, history.settings.capital),
            no_trades(history),
            (np.empty(0, np.int64), np.empty(0)),
            np.zeros(stop, np.bool_),
            days,
            history.bars_per_year,
        )

    @classmethod
    def held(cls, history: History, days: Sequence[dt.date], start: int, stop: int) -> Slices:
        """Return those of buy-and-hold, bought at the open of the bar `start`."""
        import numpy as np

        prices = history.feeds.prices()
        assert prices is not None  # noqa: S101  # every strategy reads the first symbol
        shares, _ = bought(float(prices.open[start]), history.settings)
        in_market = np.zeros(stop, np.bool_)
        in_market[start:] = shares > 0
        return cls(
            held_marks(prices, (start, start, stop), history.settings),
            no_trades(history),
            (np.empty(0, np.int64), np.empty(0)),
            in_market,
            days,
            history.bars_per_year,
        )

    def part(self, start: int, stop: int) -> Metrics:
        """Return the figures of the bars ``start..stop``; there is a bar before them."""
        import numpy as np

        # Trades follow each other, so that those of a stretch stand together.
        first, last = np.searchsorted(self.trades["exit_bar"].to_numpy(), (start, stop))
        bars, marks = self.fills
        within = (bars >= start) & (bars < stop)
        return compute_metrics(
            self.equity[start - 1 : stop],
            self.trades[int(first) : int(last)],
            dates=self.days[start - 1 : stop],
            bars_per_year=self.bars_per_year,
            held=self.in_market[start:stop],
            fills=(bars[within] - (start - 1), marks[within]),
        )


def no_trades(history: History) -> pl.DataFrame:
    """Return the columns of the trades of a simulation, without any."""
    import polars as pl

    stamps = history.feeds.stamps
    assert stamps is not None  # noqa: S101  # feeds of frames have them
    return pl.DataFrame(
        schema={
            "side": pl.String,
            "entry_bar": pl.Int64,
            "entry_price": pl.Float64,
            "exit_bar": pl.Int64,
            "exit_price": pl.Float64,
            "pnl": pl.Float64,
            f"entry_{stamps.name}": stamps.dtype,
            f"exit_{stamps.name}": stamps.dtype,
        }
    )
