"""A portfolio as a program that `wfo optimize` searches: figures of all symbols together.

Each symbol is held while a fast average of closes lies above a slow one, from the next close on,
with a stop below the entry; what is lost at the stop is a share of the equity. It needs NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CAPITAL, COSTS = 100_000.0, 0.0005  # costs are a share of every fill

#: Bars a year, for annual figures.
YEAR = 252


def evaluate(
    params: Mapping[str, Any], symbols: Sequence[str], bars: Mapping[str, Any]
) -> dict[str, float]:
    """Return the figures of the whole portfolio in one window.

    Parameters
    ----------
    params
        As the file of the space nests them.
    symbols
        Which ones.
    bars
        The bars of the window by symbol, Polars frames; there are no others.
    """
    swing, risk = params["strategy"]["swing"], params["risk"]
    dates = np.array(sorted(set.intersection(*(set(bars[s]["date"].to_list()) for s in symbols))))
    closes, below, held = [], [], []
    for symbol in symbols:
        frame = bars[symbol].filter(bars[symbol]["date"].is_in(dates.tolist()))
        close = frame["close"].to_numpy()
        fast, slow = average(close, swing["sma_fast"]), average(close, swing["sma_slow"])
        closes.append(close)
        below.append(swing["stop_atr"] * average(ranges(frame), swing["atr_bars"]))
        held.append(fast > slow)
    equity, trades = walk(np.array(closes), np.array(below), np.array(held), risk)
    return figures(equity, trades)


def walk(
    closes: Any, below: Any, held: Any, risk: Mapping[str, Any]
) -> tuple[list[float], list[float]]:
    """Go through the bars; return the equity at every close, and what each trade made."""
    count = len(closes)
    cash, shares, entries, stops = CAPITAL, [0.0] * count, [0.0] * count, [0.0] * count
    waiting = [False] * count  # after a stop, until the averages have crossed back
    equity, trades = [CAPITAL], []
    for bar in range(1, closes.shape[1]):
        for each in range(count):
            price, wanted = closes[each, bar], held[each, bar - 1]
            waiting[each] = waiting[each] and wanted
            if shares[each] and (not wanted or price <= stops[each]):
                cash += shares[each] * price * (1 - COSTS)
                trades.append(shares[each] * (price * (1 - COSTS) - entries[each]))
                waiting[each], shares[each] = bool(wanted), 0.0
        worth = cash + sum(n * closes[i, bar] for i, n in enumerate(shares))
        for each in range(count):
            price, distance = closes[each, bar], below[each, bar]
            free = sum(map(bool, shares)) < risk["max_positions"]
            if held[each, bar - 1] and free and not (shares[each] or waiting[each]):
                lost = worth * risk["risk_per_trade_pct"] / 100
                paid = min(lost / distance * price, cash) if distance > 0 else 0.0
                shares[each] = paid / (price * (1 + COSTS))
                entries[each], stops[each] = price * (1 + COSTS), price - distance
                cash -= paid
        equity.append(cash + sum(n * closes[i, bar] for i, n in enumerate(shares)))
    return equity, trades


def figures(equity: Sequence[float], trades: Sequence[float]) -> dict[str, float]:
    """Return the figures, by the names that the package has for them; NaN where undefined."""
    curve = np.array(equity)
    returns = curve[1:] / curve[:-1] - 1
    spread = returns.std(ddof=1) if len(returns) > 1 else 0.0
    drawdown = float((1 - curve / np.maximum.accumulate(curve)).max())
    growth = (curve[-1] / curve[0]) ** (YEAR / max(1, len(returns))) - 1
    won, lost = (sum(t for t in trades if t > 0), -sum(t for t in trades if t < 0))
    return {
        "sharpe": float(returns.mean() / spread * math.sqrt(YEAR)) if spread else math.nan,
        "profit": float(curve[-1] / curve[0] - 1),
        "calmar": float(growth / drawdown) if drawdown else math.nan,
        "drawdown": drawdown,
        "volatility": float(spread * math.sqrt(YEAR)),
        "trades": len(trades),
        "win_rate": sum(t > 0 for t in trades) / len(trades) if trades else math.nan,
        "profit_factor": won / lost if lost else math.nan,
    }


def average(values: Any, bars: int) -> Any:
    """Return the mean of the last `bars` values at every bar; NaN where there are fewer."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    means = np.full(len(values), math.nan)
    means[bars - 1 :] = (sums[bars:] - sums[:-bars]) / bars
    return means


def ranges(frame: Any) -> Any:
    """Return the true range of every bar."""
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    before = np.concatenate([close[:1], close[:-1]])
    return np.maximum(high, before) - np.minimum(low, before)
