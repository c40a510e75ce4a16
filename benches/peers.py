"""Compare wfo with other backtesting tools on the same bars: ``python benches/peers.py``.

Every tool gets the strategy atr_d_l, the default windows' phases and combinations drawn uniformly
from the shipped grid phase1_slim. No tool but wfo has this strategy, so each does what lies nearest
to it, and the output says of each what its figure includes, and whether its results were checked.

With ``--examples`` it is the examples of own strategies instead (`peers_examples.py`).

The peers live in an environment of their own and each runs in a process of its own; wfo runs on
the Python that runs this script. Everything is computed by one thread. A figure is nanoseconds per
combination, phase and core; compiling, and whatever a tool is given ready-made, is left out.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

    import wfo

FloatArray = NDArray[np.float64]

#: Computes the first so many combinations. A peer's returns float64[phases, 3, count]: in-sample
#: P/L, out-of-sample P/L and closed trades.
Run = Callable[[int], Any]

STRATEGY = "atr_d_l"
GRID = "phase1_slim"
SEED = 20_240_601

#: Combinations drawn. A tool too slow for all of them takes the first ones.
SAMPLE = 512

CAPITAL = 100_000.0
BASELINE_PERIOD = 70
MAX_STOP_ATR = 20.0

#: Bars before a phase that a tool without shared indicators reads to fill its windows.
LEAD = 100

#: Columns that vectorbt simulates at once: near the best for both of its engines.
COLUMNS = 128

#: backtesting.py trades whole units only; this much more money makes one unit negligible.
MONEY_SCALE = 1e9

#: Relative tolerance of money where a tool is said to agree.
TOLERANCE = 1e-9

#: What a disagreement comes from where nothing better can be said.
UNKNOWN = "the cause is not known"

#: A peer that takes longer than this, in seconds, is given up.
PATIENCE = 900


@dataclass(frozen=True)
class Task:
    """What every tool is given.

    Attributes
    ----------
    prices
        Open, high, low and close, float64[4, n].
    stamps
        Nanoseconds since 1970, int64[n].
    phases
        First trading bar, first out-of-sample bar, one past the last one, int64[k, 3].
    rows
        Parameter sets in canonical order, float64[m, 11].
    fills
        Fills of wfo, one a row: phase, combination, bar, +1 or -1, price, float64[f, 5].
    """

    prices: FloatArray
    stamps: NDArray[np.int64]
    phases: NDArray[np.int64]
    rows: FloatArray
    fills: FloatArray

    def save(self, path: Path) -> None:
        """Write the task to a file."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Task:
        """Read what `save` wrote."""
        with np.load(path) as file:
            return cls(**file)

    def sliced(self, phase: int) -> tuple[slice, int]:
        """Return the bars of a phase and the place of its split in them.

        The bar before the first trading bar comes along: the state begins with it.
        """
        warmup, split, end = (int(v) for v in self.phases[phase])
        return slice(warmup - 1, end), split - (warmup - 1)


class Prepared(NamedTuple):
    """A tool ready to be timed.

    Attributes
    ----------
    run
        What is timed.
    size
        Combinations that make a first, small run.
    check
        What the results are checked on, where it is not what is timed.
    """

    run: Run
    size: int = 1
    check: Run | None = None


class Measured(NamedTuple):
    """Seconds of the first run and of a later one over `combinations`, and what came out."""

    first: float
    seconds: float
    combinations: int
    figures: Any


# Indicators, for the tools that are given them ready-made.


def window_mean(x: FloatArray, period: int) -> FloatArray:
    """Return the mean of the last `period` values, summed oldest first as wfo does."""
    full = len(x) - period + 1
    total = np.zeros(full)
    for i in range(period):
        total += x[i : i + full]
    return np.concatenate([np.full(period - 1, np.nan), total / period])


def window_sigma(x: FloatArray, period: int) -> FloatArray:
    """Return the population standard deviation of the last `period` values."""
    full = len(x) - period + 1
    mean = window_mean(x, period)[period - 1 :]
    squares = np.zeros(full)
    for i in range(period):
        squares += (x[i : i + full] - mean) * (x[i : i + full] - mean)
    return np.concatenate([np.full(period - 1, np.nan), np.sqrt(squares / period)])


def ema(x: FloatArray, period: int, first: int) -> FloatArray:
    """Return the exponential moving average that starts at bar `first`."""
    average = np.full(len(x), np.nan)
    factor = 2.0 / (period + 1.0)
    e = average[first] = x[first]
    for t in range(first + 1, len(x)):
        e += factor * (x[t] - e)
        average[t] = e
    return average


def distances(task: Task) -> tuple[FloatArray, FloatArray]:
    """Return the distances of stop and buy at every bar, float64[m, n] each."""
    _, high, low, close = task.prices
    before = np.concatenate([close[:1], close[:-1]])
    before[0] = high[0]
    tr = np.maximum(high, before) - np.minimum(low, before)
    typical = (high + low + close) / 3.0

    @functools.cache
    def atr(period: int) -> FloatArray:
        return window_mean(tr, period)

    @functools.cache
    def smoothed(period: int, smooth: int) -> FloatArray:
        return ema(atr(period), smooth, period - 1)

    @functools.cache
    def bands(length: int, method: int) -> tuple[FloatArray, FloatArray]:
        price = close if method else typical
        return window_mean(price, length), window_sigma(price, length)

    stop, buy = np.empty((2, len(task.rows), len(close)))
    for i, row in enumerate(task.rows):
        period, length, scaling, buy_period, smooth, method = (
            int(row[c]) for c in (0, 2, 6, 7, 9, 10)
        )
        mean, sigma = bands(length, method)
        r = 2.0 * row[3] * sigma / mean / row[4]
        factor = np.maximum(row[5], (r, np.sqrt(r), r * r)[scaling])
        factor = np.where(r >= 1.0, 1.0, factor)
        widest = atr(BASELINE_PERIOD) * MAX_STOP_ATR
        stop[i] = np.minimum(atr(period) * row[1] * factor, widest)
        buy[i] = smoothed(buy_period, smooth) * row[8]
    return stop, buy


# The peers. Each function prepares outside of what is timed, and returns what is.


def ring_buffers(task: Task) -> Prepared:
    """Prepare a kernel as tools of this kind are usually written.

    One function goes through the bars of a phase once, keeps its indicators in ring buffers with
    running sums, and does the whole strategy; the parameter sets are a parallel loop.
    """
    from numba import njit, prange

    @njit(error_model="numpy", fastmath=True)
    def one(
        prices: FloatArray, phases: NDArray[np.int64], row: FloatArray, lead: int, out: FloatArray
    ) -> None:
        opens, highs, lows, closes = prices[0], prices[1], prices[2], prices[3]
        stop_period, length, buy_period = int(row[0]), int(row[2]), int(row[7])
        scaling, method = int(row[6]), int(row[10])
        smoothing = 2.0 / (row[9] + 1.0)
        stop_ring, buy_ring = np.empty(stop_period), np.empty(buy_period)
        base_ring, price_ring = np.empty(BASELINE_PERIOD), np.empty(length)

        for phase in range(len(phases)):
            warmup, split, end = phases[phase]
            first = max(0, warmup - lead)
            stop_ring[:] = buy_ring[:] = base_ring[:] = price_ring[:] = 0.0
            stop_at = buy_at = base_at = price_at = 0
            stop_sum = buy_sum = base_sum = price_sum = square_sum = 0.0
            average = stop = buy = highest = 0.0

            equity = mark = peak = CAPITAL
            shares = entry = fall = 0.0
            long = False
            trades = 0

            for t in range(first, end):
                if t >= warmup:
                    level = highest - (stop if long else buy)
                    if lows[t] <= level:
                        fill = min(opens[t], level)
                        if long:
                            equity += shares * (fill - entry)
                            trades += 1
                        else:
                            entry = fill
                            shares = equity / fill
                        long = not long
                        highest = highs[t]
                    else:
                        highest = max(highest, highs[t])
                    mark = equity + shares * (closes[t] - entry) if long else equity
                    peak = max(peak, mark)
                    fall = max(fall, peak - mark)
                    if t == split - 1:
                        out[phase, 0] = mark - CAPITAL
                        out[phase, 2] = fall
                        out[phase, 4] = trades
                        peak, fall = mark, 0.0
                elif t == warmup - 1:
                    highest = highs[t]

                tr = highs[t] - lows[t]
                if t > 0:
                    tr = max(highs[t], closes[t - 1]) - min(lows[t], closes[t - 1])
                price = closes[t] if method else (highs[t] + lows[t] + closes[t]) / 3.0

                stop_sum += tr - stop_ring[stop_at]
                stop_ring[stop_at] = tr
                stop_at = stop_at + 1 if stop_at + 1 < stop_period else 0
                buy_sum += tr - buy_ring[buy_at]
                buy_ring[buy_at] = tr
                buy_at = buy_at + 1 if buy_at + 1 < buy_period else 0
                base_sum += tr - base_ring[base_at]
                base_ring[base_at] = tr
                base_at = base_at + 1 if base_at + 1 < BASELINE_PERIOD else 0
                old = price_ring[price_at]
                price_sum += price - old
                square_sum += price * price - old * old
                price_ring[price_at] = price
                price_at = price_at + 1 if price_at + 1 < length else 0

                mean = price_sum / length
                sigma = np.sqrt(max(0.0, square_sum / length - mean * mean))
                r = 2.0 * row[3] * sigma / mean / row[4]
                tightening = 1.0
                if r < 1.0:
                    if scaling == 1:
                        r = np.sqrt(r)
                    elif scaling == 2:
                        r *= r
                    tightening = max(row[5], r)
                stop = stop_sum / stop_period * row[1] * tightening
                stop = min(stop, base_sum / BASELINE_PERIOD * MAX_STOP_ATR)
                if t - first == buy_period - 1:
                    average = buy_sum / buy_period
                elif t - first >= buy_period:
                    average += smoothing * (buy_sum / buy_period - average)
                buy = average * row[8]

            out[phase, 1] = mark - CAPITAL - out[phase, 0]
            out[phase, 3] = fall
            out[phase, 5] = trades - out[phase, 4]

    @njit(parallel=True)
    def sweep(
        prices: FloatArray, phases: NDArray[np.int64], rows: FloatArray, lead: int
    ) -> FloatArray:
        out = np.empty((len(rows), len(phases), 6))
        for i in prange(len(rows)):
            one(prices, phases, rows[i], lead, out[i])
        return out

    def run(count: int, lead: int = LEAD) -> FloatArray:
        out = sweep(task.prices, task.phases, task.rows[:count], lead)
        figures = np.stack([out[:, :, 0], out[:, :, 1], out[:, :, 4] + out[:, :, 5]])
        return figures.transpose(2, 0, 1)

    return Prepared(run, 64, lambda count: run(count, len(task.stamps)))


def in_columns(task: Task, simulate: Callable[[int, int, int], Any]) -> Prepared:
    """Prepare vectorbt to run in chunks of columns; `simulate` makes the portfolio of one."""

    def run(count: int) -> FloatArray:
        figures = np.empty((len(task.phases), 3, count))
        for phase in range(len(task.phases)):
            split = task.sliced(phase)[1]
            for begin in range(0, count, COLUMNS):
                end = min(begin + COLUMNS, count)
                portfolio = simulate(phase, begin, end)
                value = portfolio.value().to_numpy()
                cells = figures[phase, :, begin:end]
                cells[0] = value[split - 1] - CAPITAL
                cells[1] = value[-1] - value[split - 1]
                # A trade's status is 0 while it is open and 1 when it is closed.
                trades = portfolio.trades.values
                cells[2] = np.bincount(trades["col"], trades["status"] == 1, end - begin)
        return figures

    return Prepared(run, COLUMNS)


def vectorbt_orders(task: Task, engine: str) -> Prepared:
    """Prepare vectorbt to simulate portfolios of wfo's fills."""
    import vectorbt as vbt

    vbt.settings["engine"] = engine
    given = []
    for phase in range(len(task.phases)):
        bars, _ = task.sliced(phase)
        # One column a combination; NaN is no order.
        size, price = np.full((2, bars.stop - bars.start, len(task.rows)), np.nan)
        fills = task.fills[task.fills[:, 0] == phase]
        at = fills[:, 2].astype(int) - bars.start, fills[:, 1].astype(int)
        size[at] = fills[:, 3] * np.inf
        price[at] = fills[:, 4]
        # The Rust engine takes a third longer over chunks that are not contiguous.
        chunks = {
            begin: (
                size[:, begin : begin + COLUMNS].copy(),
                price[:, begin : begin + COLUMNS].copy(),
            )
            for begin in range(0, len(task.rows), COLUMNS)
        }
        given.append((task.prices[3, bars, None], chunks))

    def simulate(phase: int, begin: int, end: int) -> Any:
        close, chunks = given[phase]
        size, price = (x[:, : end - begin] for x in chunks[begin])
        return vbt.Portfolio.from_orders(
            close, size=size, price=price, direction="longonly", init_cash=CAPITAL
        )

    return in_columns(task, simulate)


def vectorbt_order_function(task: Task) -> Prepared:
    """Prepare vectorbt to take the decisions too, in an order function compiled by Numba."""
    import vectorbt as vbt
    from numba import njit
    from vectorbt.portfolio.enums import Direction
    from vectorbt.portfolio.nb import order_nb, order_nothing_nb

    vbt.settings["engine"] = "numba"
    long_only = Direction.LongOnly

    @njit
    def decide(
        c: Any,
        bars: FloatArray,
        stop: FloatArray,
        buy: FloatArray,
        highest: FloatArray,
    ) -> Any:
        opens, highs, lows = bars[0], bars[1], bars[2]
        if c.i == 0:
            highest[c.col] = highs[0]
            return order_nothing_nb()
        held = c.position_now > 0.0
        level = highest[c.col] - (stop if held else buy)[c.col, c.i - 1]
        if lows[c.i] <= level:
            highest[c.col] = highs[c.i]
            return order_nb(
                size=-np.inf if held else np.inf,
                price=min(opens[c.i], level),
                direction=long_only,
            )
        highest[c.col] = max(highest[c.col], highs[c.i])
        return order_nothing_nb()

    stop, buy = distances(task)
    slices = [task.sliced(phase)[0] for phase in range(len(task.phases))]
    given = [
        (task.prices[:, bars].copy(), stop[:, bars].copy(), buy[:, bars].copy()) for bars in slices
    ]

    def simulate(phase: int, begin: int, end: int) -> Any:
        bars, stops, buys = given[phase]
        columns = end - begin
        return vbt.Portfolio.from_order_func(
            np.broadcast_to(bars[3][:, None], (bars.shape[1], columns)),
            decide,
            bars,
            stops[begin:end],
            buys[begin:end],
            np.empty(columns),
            init_cash=CAPITAL,
        )

    return in_columns(task, simulate)


def one_by_one(task: Task, simulate: Callable[[int, int], tuple[FloatArray, int]]) -> Prepared:
    """Prepare a tool that takes one combination and phase at a time.

    `simulate` returns equity at every close of the phase, in currency, and the closed trades.
    """

    def run(count: int) -> FloatArray:
        figures = np.empty((len(task.phases), 3, count))
        for phase in range(len(task.phases)):
            split = task.sliced(phase)[1]
            for i in range(count):
                equity, trades = simulate(phase, i)
                middle = equity[split - 1]
                figures[phase, :, i] = middle - CAPITAL, equity[-1] - middle, trades
        return figures

    return Prepared(run)


def raptorbt_signals(task: Task) -> Prepared:
    """Prepare raptorbt to simulate portfolios of wfo's fills.

    Its batch runner shares one series of prices, so that it could not be given a combination's own
    fills; here they stand in for the opens, at which this setting trades.
    """
    import raptorbt

    config = raptorbt.BacktestConfig(
        initial_capital=CAPITAL, fees=0.0, slippage=0.0, fill_timing="same_bar_open_lookahead"
    )
    given: list[tuple[Any, ...]] = []
    for phase in range(len(task.phases)):
        bars, _ = task.sliced(phase)
        opens, highs, lows, closes = (np.ascontiguousarray(x[bars]) for x in task.prices)
        prices = np.repeat(opens[None], len(task.rows), axis=0)
        signals = np.zeros((2, *prices.shape), bool)
        fills = task.fills[task.fills[:, 0] == phase]
        at = fills[:, 1].astype(int), fills[:, 2].astype(int) - bars.start
        prices[at] = fills[:, 4]
        signals[(fills[:, 3] < 0).astype(int), *at] = True
        volume = np.ones(len(opens))
        stamps = np.ascontiguousarray(task.stamps[bars])
        given.append((stamps, prices, highs, lows, closes, volume, *signals))

    def simulate(phase: int, i: int) -> tuple[FloatArray, int]:
        stamps, prices, highs, lows, closes, volume, entries, exits = given[phase]
        result = raptorbt.run_single_backtest(
            stamps, prices[i], highs, lows, closes, volume, entries[i], exits[i], config=config
        )
        return result.equity_curve(), result.metrics.total_closed_trades

    return one_by_one(task, simulate)


def raptorbt_strategy(task: Task) -> Prepared:
    """Prepare raptorbt to take the decisions too, in a strategy class of its own."""
    import raptorbt
    from raptorbt.strategy import orders

    config = raptorbt.BacktestConfig(initial_capital=CAPITAL, fees=0.0, slippage=0.0)
    stop, buy = distances(task)
    # A price that the market never reaches, to park an order at.
    nowhere = 1e-9

    class AtrD(raptorbt.Strategy):
        """A resting order may be moved before a bar, a new one only works from the next bar on.

        So while a position is held, the order for the next entry already rests out of reach. A
        limit order is filled at its limit, even where the bar opens below it, so that the limit is
        the open there.
        """

        def __init__(
            self, opens: list[float], highs: list[float], stop: list[float], buy: list[float]
        ) -> None:
            super().__init__()
            self.opens, self.highs, self.stop_at, self.buy_at = opens, highs, stop, buy
            self.highest = highs[0]
            self.long = self.changed = False
            self.order = ""

        def on_bar(self, ctx: Any) -> None:
            t = ctx.idx
            if t == 0 or (self.long and self.changed):
                self.order = self.submit_order(
                    orders.Limit(side="buy", price=nowhere, size_frac=1.0)
                )
            if t == 0:
                return
            # An event in the bar before leaves its high alone to begin with.
            if self.changed:
                self.highest = self.highs[t - 1]
                self.changed = False
            elif self.highs[t - 1] > self.highest:
                self.highest = self.highs[t - 1]
            if self.long:
                level = self.highest - self.stop_at[t - 1]
                ctx.set_stop_price(level if level > 0.0 else None)
            else:
                level = min(self.highest - self.buy_at[t - 1], self.opens[t])
                self.modify_order(self.order, limit_price=max(level, nowhere))

        def on_position_opened(self, ctx: Any, event: Any) -> None:  # noqa: ARG002  # the hook's signature
            self.long = self.changed = True

        def on_position_closed(self, ctx: Any, event: Any) -> None:  # noqa: ARG002  # the hook's signature
            self.long, self.changed = False, True

    given = []
    for phase in range(len(task.phases)):
        bars, _ = task.sliced(phase)
        prices = [np.ascontiguousarray(x[bars]) for x in task.prices]
        volume = np.ones(len(prices[0]))
        lists = prices[0].tolist(), prices[1].tolist()
        given.append((bars, lists, (task.stamps[bars].copy(), *prices, volume)))

    def simulate(phase: int, i: int) -> tuple[FloatArray, int]:
        bars, lists, series = given[phase]
        strategy = AtrD(*lists, stop[i, bars].tolist(), buy[i, bars].tolist())
        result = raptorbt.run_strategy_backtest(strategy, *series, config=config)
        return result.equity_curve(), result.metrics.total_closed_trades

    return one_by_one(task, simulate)


def backtesting_py(task: Task) -> Prepared:
    """Prepare backtesting.py with a strategy that takes its decisions bar by bar."""
    import backtesting
    import pandas as pd

    # It warns of every position that is open at the end, which wfo leaves open too.
    warnings.simplefilter("ignore")
    stop, buy = distances(task)

    class AtrD(backtesting.Strategy):
        """Orders for the next bar, set at the close of this one."""

        highs: Sequence[float] = ()
        stop_at: Sequence[float] = ()
        buy_at: Sequence[float] = ()

        def init(self) -> None:
            self.t = 0
            self.highest = self.highs[0]
            self.long = False

        def next(self) -> None:
            self.t += 1
            high = self.highs[self.t]
            long = bool(self.trades)
            # The first close at which orders are set is that before the first trading bar.
            changed = long != self.long or self.t == 1
            self.highest = high if changed else max(self.highest, high)
            self.long = long
            if long:
                level = self.highest - self.stop_at[self.t]
                if level > 0.0:
                    self.trades[0].sl = level
                return
            for order in self.orders:
                order.cancel()
            level = self.highest - self.buy_at[self.t]
            if level > 0.0:
                self.buy(limit=level)

    frames = []
    for phase in range(len(task.phases)):
        bars, _ = task.sliced(phase)
        # It calls a strategy for the first time in the second bar it has.
        bars = slice(bars.start - 1, bars.stop)
        columns = dict(zip(("Open", "High", "Low", "Close"), task.prices[:, bars], strict=True))
        frame = pd.DataFrame(columns, index=pd.to_datetime(task.stamps[bars]))
        runner = backtesting.Backtest(frame, AtrD, cash=CAPITAL * MONEY_SCALE)
        frames.append((bars, frame["High"].tolist(), runner))

    def simulate(phase: int, i: int) -> tuple[FloatArray, int]:
        bars, AtrD.highs, runner = frames[phase]
        AtrD.stop_at, AtrD.buy_at = stop[i, bars].tolist(), buy[i, bars].tolist()
        found = runner.run()
        equity = found["_equity_curve"]["Equity"].to_numpy()[1:] / MONEY_SCALE
        return equity, len(found["_trades"])

    return one_by_one(task, simulate)


class Peer(NamedTuple):
    """A tool and how it is used.

    Attributes
    ----------
    tool
        Name in the table; that of its package is the first word of `needs`.
    engine
        What computes.
    needs
        What to install.
    prepare
        Makes it ready.
    includes
        What its figure includes and leaves out.
    apart
        What any disagreement comes from.
    """

    tool: str
    engine: str
    needs: str
    prepare: Callable[[Task], Prepared]
    includes: str
    apart: str = UNKNOWN


NO_COSTS = "no costs"
GIVEN_FILLS = (
    "portfolio of wfo's fills: no indicators, no decisions; equity and trades, no drawdown; "
    + NO_COSTS
)

PEERS = {
    "ring": Peer(
        "ring-buffer kernel",
        "Numba",
        "numba>=0.61",
        ring_buffers,
        f"the strategy itself: indicators from {LEAD} bars before each phase (from the first bar"
        f" where it is checked), decisions, P/L, drawdown, trades; {NO_COSTS}",
        "its running sums round otherwise, and touches that hang on equality fall otherwise",
    ),
    "vectorbt-function": Peer(
        "vectorbt",
        "Numba, order function",
        "vectorbt>=1.2,<2",
        vectorbt_order_function,
        "distances given; decisions in an order function, portfolio, equity and trades, no"
        f" drawdown; {NO_COSTS}",
    ),
    "vectorbt-numba": Peer(
        "vectorbt",
        "Numba, orders given",
        "vectorbt>=1.2,<2",
        functools.partial(vectorbt_orders, engine="numba"),
        GIVEN_FILLS,
    ),
    "vectorbt-rust": Peer(
        "vectorbt",
        "Rust, orders given",
        "vectorbt[rust]>=1.2,<2",
        functools.partial(vectorbt_orders, engine="rust"),
        GIVEN_FILLS + "; the Rust engine takes no functions of a user",
    ),
    "raptorbt-signals": Peer(
        "raptorbt",
        "Rust, signals given",
        "raptorbt>=0.13,<0.14",
        raptorbt_signals,
        "portfolio of wfo's fills: no indicators, no decisions; equity, trades and all its"
        f" metrics, with drawdown; {NO_COSTS}",
    ),
    "raptorbt-strategy": Peer(
        "raptorbt",
        "Rust, strategy in Python",
        "raptorbt>=0.13,<0.14",
        raptorbt_strategy,
        "distances given; decisions in a Python class, portfolio, equity, trades and all its"
        f" metrics, with drawdown; {NO_COSTS}",
    ),
    "backtesting": Peer(
        "backtesting.py",
        "Python",
        "backtesting>=0.6.6,<0.7",
        backtesting_py,
        "distances given; decisions in Python, portfolio, equity, trades and all its statistics,"
        f" with drawdown; {NO_COSTS}",
        f"it trades whole units, of {MONEY_SCALE:,.0f} times the capital",
    ),
}


# A peer's own process.


def measure(prepared: Prepared, most: int, seconds: float) -> Measured:
    """Time a tool on as many combinations as it does in `seconds`, `most` at the most.

    What it does not take all of `seconds` for, it repeats; the median counts.
    """

    def timed(count: int) -> tuple[float, Any]:
        begun = time.perf_counter()
        figures = prepared.run(count)
        return time.perf_counter() - begun, figures

    size = min(prepared.size, most)
    first, _ = timed(size)
    # The first call compiles, so that only the second one tells how many to take.
    again, figures = timed(size)
    count = min(most, max(size, int(seconds / again) * size))
    # A tool that can only run as a whole has just done so.
    passes = [again] if count == size else []
    while not passes or (sum(passes) < seconds and len(passes) < 25):
        taken, figures = timed(count)
        passes.append(taken)
    if prepared.check:
        figures = prepared.check(count)
    return Measured(first, statistics.median(passes), count, figures)


def run_peer(name: str, task: Path, out: Path, seconds: float) -> None:
    """Measure one peer, and write what came out."""
    from importlib import metadata

    peer = PEERS[name]
    loaded = Task.load(task)
    found = measure(peer.prepare(loaded), len(loaded.rows), seconds)
    package = peer.needs.partition(">")[0].partition("[")[0]
    np.savez(out, version=metadata.version(package), **found._asdict())


# The process that compares.


@dataclass(frozen=True)
class Row:
    """One line of the table; without `measured` a line of what went wrong, in `checked`."""

    tool: str
    version: str
    engine: str
    includes: str
    checked: str
    measured: Measured | None = None
    phases: int = 0

    @property
    def nanoseconds(self) -> float:
        """Nanoseconds per combination, phase and core."""
        if self.measured is None:
            return math.nan
        return self.measured.seconds / (self.measured.combinations * self.phases) * 1e9


class EnvironmentFailedError(Exception):
    """Something in the peers' environment ended with an error; the message is its last line."""


class Environment:
    """The peers' own environment, made if it is not there.

    Parameters
    ----------
    path
        Its folder.
    """

    def __init__(self, path: Path) -> None:
        folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
        self.path = path
        self.python = path / folder / name
        self._installed: dict[str, str] = {}

    def install(self, needs: str) -> None:
        """Install a package, once.

        Raises
        ------
        EnvironmentFailedError
            With the last line of the error, each time.
        """
        if needs not in self._installed:
            print(f"installing {needs}", file=sys.stderr)
            try:
                self._make()
                self.run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", needs)
            except EnvironmentFailedError as error:
                self._installed[needs] = str(error)
            else:
                self._installed[needs] = ""
        if self._installed[needs]:
            raise EnvironmentFailedError(f"not installed: {self._installed[needs]}")

    def _make(self) -> None:
        if self.python.exists():
            return
        try:
            venv.create(self.path, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise EnvironmentFailedError(str(error)) from error

    def run(self, *arguments: str | Path, **variables: str) -> None:
        """Run Python in it with one thread and no output.

        Raises
        ------
        EnvironmentFailedError
            With the last line of the error, or after `PATIENCE` seconds.
        """
        threads = ("NUMBA", "RAYON", "OMP", "OPENBLAS", "MKL")
        single = {f"{name}_NUM_THREADS": "1" for name in threads}
        # raptorbt looks for a newer version of itself in another thread.
        single["RAPTORBT_NO_VERSION_CHECK"] = "1"
        try:
            done = subprocess.run(
                [self.python, *arguments],
                env=os.environ | single | variables,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise EnvironmentFailedError(f"not finished after {PATIENCE} seconds") from None
        if done.returncode:
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            raise EnvironmentFailedError(lines[-1] if lines else f"exit status {done.returncode}")


def fills_of(found: wfo.Simulation, close: FloatArray, warmup: int) -> list[tuple[int, int, float]]:
    """Return bar, +1 or -1 and price of every fill, also of the position left open."""
    fills: list[tuple[int, int, float]] = []
    last = warmup - 1
    for entry_bar, entry, exit_bar, out in found.trades.select(
        "entry_bar", "entry_price", "exit_bar", "exit_price"
    ).iter_rows():
        fills += [(entry_bar, 1, entry), (exit_bar, -1, out)]
        last = exit_bar
    # What is left open is no trade. All equity is in it, so equity tells where it began.
    equity = found.equity
    later = np.flatnonzero(equity[last + 1 :] != equity[last])
    if later.size:
        entry_bar = last + 1 + int(later[0])
        fills.append((entry_bar, 1, equity[last] * close[entry_bar] / equity[entry_bar]))
    return fills


def swept(
    bars: pl.DataFrame, phases: wfo.Phases, chosen: list[dict[str, Any]], engine: str
) -> FloatArray:
    """Return what an engine of wfo makes of single combinations, as a `Run` does."""
    import wfo

    found = [
        wfo.sweep(STRATEGY, bars, params, windows=phases, engine=engine, threads=1)
        for params in chosen
    ]
    return np.concatenate([figures_of(results) for results in found], axis=2)


def figures_of(results: list[wfo.SweepResult]) -> FloatArray:
    """Return the figures of a sweep as a `Run` does."""
    return np.array(
        [(f.is_pnl, f.oos_pnl, f.is_trades + f.oos_trades.astype(float)) for f in results]
    )


def make_task(bars: pl.DataFrame, phases: wfo.Phases, chosen: list[dict[str, Any]]) -> Task:
    """Return what the tools are given."""
    import polars as pl

    import wfo

    prices = np.stack([bars[name].to_numpy() for name in ("open", "high", "low", "close")])
    fills: list[tuple[float, ...]] = []
    for k, phase in enumerate(phases):
        until = bars[: phase.end]
        for i, params in enumerate(chosen):
            found = wfo.simulate(STRATEGY, until, params, split=phase.split, warmup=phase.warmup)
            fills += [(k, i, *fill) for fill in fills_of(found, prices[3], phase.warmup)]
    return Task(
        prices=prices,
        stamps=bars["date"].cast(pl.Datetime("ns")).cast(pl.Int64).to_numpy(),
        phases=np.array([(p.warmup, p.split, p.end) for p in phases], dtype=np.int64),
        rows=np.array([list(params.values()) for params in chosen], dtype=np.float64),
        fills=np.array(fills, dtype=np.float64),
    )


def compare(figures: FloatArray, wanted: FloatArray, apart: str = UNKNOWN) -> str:
    """Return in words how figures and wfo's, float64[k, 3, m] each, agree."""
    cells = f"{wanted.shape[0] * wanted.shape[2]:,}"
    scale = np.maximum(CAPITAL, np.abs(wanted[:, :2]))
    off = (np.abs(figures[:, :2] - wanted[:, :2]) / scale).max(axis=1)
    same = figures[:, 2] == wanted[:, 2]
    if same.all() and off.max() <= TOLERANCE:
        return f"agrees: {cells} cells, P/L within {off.max():.0e}"
    if same.all():
        return f"trades agree, {cells} cells; P/L within {off.max():.0e}: {apart}"
    within = off[same].max(initial=0.0)
    return (
        f"trades agree in {same.sum():,} of {cells} cells, P/L within {within:.0e} there and"
        f" {off.max():.0e} in the others: {apart}"
    )


def parts(grid: wfo.Grid) -> dict[str, wfo.Grid]:
    """Return the part of the grid that each engine of wfo is timed on.

    Both keep all multipliers, on which the number of trades depends most, so that it is about that
    of the combinations drawn. An engine that goes bar by bar takes as long for neighbours as for
    others, and gets two values of every other axis. The factored one shares work between
    neighbours, as in a run, and gets everything that belongs to one ATR period and one Bollinger
    length.
    """
    import wfo

    def thin(axis: Sequence[Any], count: int) -> list[Any]:
        places = ((2 * k + 1) * len(axis) // (2 * count) for k in range(count))
        return list(dict.fromkeys(axis[i] for i in places))

    kept = {"direct": {}, "factored": {"atr_period": 1, "bb_length": 1}}
    for name, axis in grid.values.items():
        kept["direct"][name] = len(axis) if name.endswith("_multiplier") else 2
    return {
        engine: wfo.Grid(
            {name: thin(axis, counts.get(name, len(axis))) for name, axis in grid.values.items()},
            strategy=grid.strategy,
        )
        for engine, counts in kept.items()
    }


def own_rows(
    bars: pl.DataFrame,
    phases: wfo.Phases,
    grid: wfo.Grid,
    check: Callable[[str], str],
    seconds: float,
) -> list[Row]:
    """Time the engines of wfo that there are."""
    import wfo
    from wfo.backtest import engine_names

    includes = (
        "the strategy itself: indicators, decisions, P/L, drawdown, trades; costs are settings,"
        " here none"
    )
    rows = []
    for engine, part in parts(grid).items():
        if engine not in engine_names():
            continue
        print(f"timing wfo, {engine}", file=sys.stderr)

        def whole(_: int, part: wfo.Grid = part, engine: str = engine) -> Any:
            return wfo.sweep(STRATEGY, bars, part, windows=phases, engine=engine, threads=1)

        found = measure(Prepared(whole, len(part)), len(part), seconds)
        # It is compiled beforehand, and its first sweep is as long as any.
        measured = found._replace(first=math.nan, figures=figures_of(found.figures))
        rows.append(
            Row("wfo", wfo.__version__, engine, includes, check(engine), measured, len(phases))
        )
    return rows


def peer_row(
    peer: Peer,
    name: str,
    environment: Environment,
    work: Path,
    expected: FloatArray,
    seconds: float,
) -> Row:
    """Install and run one peer; whatever goes wrong becomes its row."""
    out = work / f"{name}.npz"
    row = Row(peer.tool, "", peer.engine, peer.includes, "")
    try:
        environment.install(peer.needs)
        print(f"timing {peer.tool}, {peer.engine}", file=sys.stderr)
        # Compiled code is kept nowhere, so that the first call is always one.
        with tempfile.TemporaryDirectory(dir=work) as cache:
            environment.run(
                Path(__file__).resolve(),
                *("--peer", name, "--work", work, "--seconds", str(seconds)),
                NUMBA_CACHE_DIR=cache,
            )
    except EnvironmentFailedError as error:
        return replace(row, checked=f"no figure: {error}")
    with np.load(out) as file:
        version = str(file["version"])
        measured = Measured(
            float(file["first"]),
            float(file["seconds"]),
            int(file["combinations"]),
            file["figures"],
        )
    wanted = expected[:, :, : measured.combinations]
    checked = compare(measured.figures, wanted, peer.apart)
    return replace(row, version=version, checked=checked, measured=measured, phases=len(expected))


def tables(own: list[Row], others: list[Row]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the table of figures and that of what they mean, the first line of each its head."""
    head = ["tool", "version", "engine", "combinations", "trades", "first call s", "ns"]
    figures = [head + [f"x {base.engine}" for base in own]]
    meaning = [["tool", "engine", "includes", "results against wfo's"]]
    for row in own + others:
        line = [row.tool, row.version or "-", row.engine]
        if row.measured is None:
            line += ["-"] * (4 + len(own))
        else:
            line += [
                f"{row.measured.combinations:,}",
                f"{row.measured.figures[:, 2].mean():.1f}",
                "-" if math.isnan(row.measured.first) else f"{row.measured.first:.2f}",
                f"{row.nanoseconds:,.0f}",
            ]
            line += [f"{row.nanoseconds / base.nanoseconds:,.2f}" for base in own]
        figures.append(line)
        meaning.append([row.tool, row.engine, row.includes, row.checked])
    return figures, meaning


def as_markdown(lines: list[list[str]], texts: int) -> str:
    """Return a markdown table; all columns but the first `texts` ones are figures."""
    head, *rest = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    rule = ["---" if i < texts else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *rest])


def as_text(lines: list[list[str]], texts: int) -> str:
    """Return an aligned table; all columns but the first `texts` ones are figures."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < texts else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def as_notes(lines: Iterable[list[str]]) -> str:
    """Return the table of what the figures mean as paragraphs, whose cells are long."""
    return "\n".join(
        f"{tool}, {engine}\n    {includes}\n    {checked}"
        for tool, engine, includes, checked in list(lines)[1:]
    )


def cpu() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def compare_all(arguments: argparse.Namespace, work: Path) -> None:
    """Time everything, and print it."""
    import polars as pl

    import wfo

    path = arguments.csv
    bars = pl.read_csv(path, try_parse_dates=True) if path else wfo.load_sample("NASDAQ")
    grid = wfo.Grid.load(GRID, STRATEGY)
    phases = wfo.Windows.preset().resolve(bars["date"])
    rng = np.random.default_rng(SEED)
    chosen = [grid.params(int(i)) for i in rng.integers(len(grid), size=SAMPLE)]
    print(f"simulating {SAMPLE} combinations with wfo", file=sys.stderr)
    expected = swept(bars, phases, chosen, "direct")
    make_task(bars, phases, chosen).save(work / "task.npz")

    def check(engine: str) -> str:
        if engine == "direct":
            return "what the others are checked against"
        return compare(swept(bars, phases, chosen, engine), expected)

    own = own_rows(bars, phases, grid, check, arguments.seconds)
    environment = Environment(arguments.venv or work / "venv")
    others = [
        peer_row(PEERS[name], name, environment, work, expected, arguments.seconds)
        for name in arguments.only
    ]
    build = wfo.build_info()
    long = statistics.mean(p.end - p.warmup for p in phases)
    facts = {
        "machine": f"{cpu()}, one thread",
        "python": f"{platform.python_version()}, numpy {np.__version__}",
        "wfo": f"{build['version']}, commit {build['commit']}, core {build['core_commit']}"
        f" ({build['profile']})",
        "bars": f"{path.stem if path else 'NASDAQ sample'}, {len(bars):,};"
        f" {len(phases)} phases of {long:,.0f} trading bars",
        "combinations": f"{SAMPLE} drawn from {GRID}, {STRATEGY};"
        f" {expected[:, 2].mean():.1f} trades each and phase",
        "ns": "nanoseconds per combination, phase and core; x: times those of wfo's engine",
        "first call": "compiling and a first small run, which the ns leave out",
    }
    figures, meaning = tables(own, others)
    if arguments.markdown:
        print("\n".join(f"- {name}: {value}" for name, value in facts.items()))
        print(f"\n{as_markdown(figures, 3)}\n\n{as_markdown(meaning, 4)}")
    else:
        print("\n".join(f"{name:14} {value}" for name, value in facts.items()))
        print(f"\n{as_text(figures, 3)}\n\n{as_notes(meaning)}")


def compare_examples(arguments: argparse.Namespace, work: Path) -> None:
    """Time the examples of own strategies instead, and print it."""
    import peers_examples

    peers_examples.compare_all(
        work,
        arguments.venv or work / "venv",
        arguments.only,
        arguments.seconds,
        markdown=arguments.markdown,
    )


def peer_names(*, examples: bool) -> list[str]:
    """Return the names of the peers on atr_d_l, or of those on the examples."""
    if not examples:
        return list(PEERS)
    import examples_tools

    return list(examples_tools.PEERS)


def main() -> None:
    """Parse the arguments; compare, or be the process of one peer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", type=Path, help="daily bars; by default the NASDAQ sample")
    parser.add_argument("--work", type=Path, help="folder for files; by default a temporary one")
    parser.add_argument("--venv", type=Path, help="environment of the peers; made if not there")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each tool; by default 3")
    parser.add_argument("--only", nargs="+", metavar="PEER")
    parser.add_argument(
        "--examples", action="store_true", help="compare on the examples of own strategies"
    )
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--peer", choices=list(PEERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    compare = compare_examples if arguments.examples else compare_all
    known = peer_names(examples=arguments.examples)
    arguments.only = arguments.only or known
    if unknown := set(arguments.only) - set(known):
        parser.error(f"no peer: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if arguments.peer:
        out = arguments.work / f"{arguments.peer}.npz"
        run_peer(arguments.peer, arguments.work / "task.npz", out, arguments.seconds)
    elif arguments.work:
        arguments.work.mkdir(parents=True, exist_ok=True)
        compare(arguments, arguments.work)
    else:
        with tempfile.TemporaryDirectory() as work:
            compare(arguments, Path(work))


if __name__ == "__main__":
    main()
