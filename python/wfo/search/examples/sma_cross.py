"""A strategy of backtesting.py as a program that `wfo optimize` searches.

Long while a fast average of closes lies above a slow one, short below it. Everything but
`evaluate` is what a script of that library has anyway. It needs ``pip install backtesting``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover

CASH, COMMISSION = 10_000, 0.002


def average(values: Any, bars: int) -> Any:
    """Return the mean of the last `bars` values at every bar."""
    return pd.Series(values).rolling(bars).mean()


class SmaCross(Strategy):  # type: ignore[misc]  # the library has no types
    """Buy where the fast average crosses above the slow one, and sell where it falls below."""

    n1 = 10
    n2 = 20

    def init(self) -> None:
        """Compute both averages."""
        self.fast = self.I(average, self.data.Close, self.n1)
        self.slow = self.I(average, self.data.Close, self.n2)

    def next(self) -> None:
        """Turn the position where they cross."""
        if crossover(self.fast, self.slow):
            self.position.close()
            self.buy()
        elif crossover(self.slow, self.fast):
            self.position.close()
            self.sell()


def evaluate(
    params: Mapping[str, Any], symbols: Sequence[str], bars: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Return the figures of one window, by symbol.

    Parameters
    ----------
    params
        As the file of the space nests them.
    symbols
        Which ones.
    bars
        The bars of the window by symbol, Polars frames; there are no others.
    """
    return {symbol: backtest(bars[symbol], params) for symbol in symbols}


def backtest(bars: Any, params: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of one symbol, by the names that the package has for them."""
    table = pd.DataFrame(
        {name.title(): bars[name].to_numpy() for name in ("open", "high", "low", "close")},
        index=pd.DatetimeIndex(bars["date"].to_numpy()),
    )
    test = Backtest(table, SmaCross, cash=CASH, commission=COMMISSION, finalize_trades=True)
    stats = test.run(n1=params["n1"], n2=params["n2"])
    return {
        "sharpe": stats["Sharpe Ratio"],
        "profit": stats["Return [%]"] / 100,
        "calmar": stats["Calmar Ratio"],
        "drawdown": -stats["Max. Drawdown [%]"] / 100,
        "trades": stats["# Trades"],
        "win_rate": stats["Win Rate [%]"] / 100,
        "profit_factor": stats["Profit Factor"],
        "exposure": stats["Exposure Time [%]"] / 100,
    }
