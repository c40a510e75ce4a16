"""The examples of own strategies in other tools, each in the way that its documentation shows.

What `peers_examples.py` times: a tool is given the bars of the sample and parameter sets drawn from
an example's grid, and runs in a process of its own, in the environment of `peers.py`.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from peers import CAPITAL, COLUMNS, MONEY_SCALE, Prepared, measure

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from golden_oracle import Bars

FloatArray = NDArray[np.float64]

SYMBOL = "NASDAQ"
SEED = 20_240_601
#: First trading bar: the longest lookback of the grids.
WARMUP = 300
#: Parameter sets that are drawn.
DRAWN = 512


def steps(low: float, high: float, step: float) -> list[float]:
    """Return values of an axis, both ends included."""
    return [round(low + k * step, 9) for k in range(round((high - low) / step) + 1)]


#: 8,523 pairs, the grid that the example has by default; 10.7 million; 68,229.
GRIDS: dict[str, dict[str, Sequence[float]]] = {
    "SmaCross": {"fast": range(2, 51), "slow": range(5, 201)},
    "Donchian": {
        "entry": range(5, 101),
        "trend": range(105, 301, 5),
        "period": range(5, 51, 2),
        "width": steps(1.0, 10.0, 0.075),
    },
    "Bollinger": {
        "length": range(10, 51, 2),
        "deviation": steps(1.0, 3.0, 0.25),
        "target": steps(1.0, 10.0, 0.5),
        "loss": steps(1.0, 10.0, 0.5),
    },
}


class Task(NamedTuple):
    """What a tool is given: prices, float64[4, n], and parameter sets of one example."""

    example: str
    prices: FloatArray
    rows: list[dict[str, float]]


def allowed(row: Mapping[str, float]) -> bool:
    """Return whether a set obeys the constraint of its example."""
    return row.get("fast", 0) < row.get("slow", 1)


def size_of(example: str) -> int:
    """Return how many sets an example's grid has."""
    axes = GRIDS[example]
    if "fast" not in axes:
        return math.prod(map(len, axes.values()))
    return sum(
        allowed(dict(zip(axes, row, strict=True))) for row in itertools.product(*axes.values())
    )


def drawn(example: str) -> list[dict[str, float]]:
    """Return parameter sets drawn uniformly from an example's grid."""
    rng = np.random.default_rng(SEED)
    axes = GRIDS[example]
    found: list[dict[str, float]] = []
    while len(found) < DRAWN:
        row = {name: axis[rng.integers(len(axis))] for name, axis in axes.items()}
        if allowed(row):
            found.append(row)
    return found


# Columns that several tools are given ready-made.


class Columns:
    """Indicators of the bars, each computed once; NaN before they are full."""

    def __init__(self, prices: FloatArray) -> None:
        self.open, self.high, self.low, self.close = prices
        before = np.concatenate([self.high[:1], self.close[:-1]])
        self.range = np.maximum(self.high, before) - np.minimum(self.low, before)
        self.range[0] = self.high[0] - self.low[0]
        for name in ("sma", "atr", "top", "lower"):
            setattr(self, name, functools.cache(getattr(self, name)))

    def _windows(self, x: FloatArray, p: float, f: Callable[..., Any]) -> FloatArray:
        full = f(np.lib.stride_tricks.sliding_window_view(x, int(p)), axis=1)
        return np.concatenate([np.full(int(p) - 1, np.nan), full])

    def sma(self, p: float) -> FloatArray:
        return self._windows(self.close, p, np.mean)

    def atr(self, p: float) -> FloatArray:
        return self._windows(self.range, p, np.mean)

    def top(self, p: float) -> FloatArray:
        return self._windows(self.high, p, np.max)

    def lower(self, p: float, deviation: float) -> FloatArray:
        return self.sma(p) - deviation * self._windows(self.close, p, np.std)


def before(x: FloatArray) -> FloatArray:
    """Return each bar's value of the bar before; nothing before the first trading bar."""
    found = np.zeros_like(x) if x.dtype == bool else np.full_like(x, np.nan)
    found[WARMUP:] = x[WARMUP - 1 : -1]
    return found


# The tools. Each function prepares outside of what is timed; what is timed returns the profit and
# the closed trades of the first parameter sets, float64[2, count].


def in_chunks(task: Task, simulate: Callable[[list[dict[str, float]]], Any]) -> Prepared:
    """Prepare vectorbt to run in chunks of columns; `simulate` makes the portfolio of one."""

    def run(count: int) -> FloatArray:
        found = np.empty((2, count))
        for begin in range(0, count, COLUMNS):
            end = min(begin + COLUMNS, count)
            portfolio = simulate(task.rows[begin:end])
            found[0, begin:end] = portfolio.value().to_numpy()[-1] - CAPITAL
            trades = portfolio.trades.values
            found[1, begin:end] = np.bincount(trades["col"], trades["status"] == 1, end - begin)
        return found

    return Prepared(run, COLUMNS)


def vectorbt_signals(task: Task, engine: str) -> Prepared:
    """Prepare vectorbt to trade signals with its own stops."""
    import pandas as pd
    import vectorbt as vbt

    vbt.settings["engine"] = engine
    x = Columns(task.prices)
    close = pd.Series(x.close)

    def columns(make: Callable[[dict[str, float]], FloatArray], rows: Any) -> FloatArray:
        return np.stack([make(row) for row in rows], axis=1)

    def averages(rows: list[dict[str, float]]) -> Any:
        fast, slow = (vbt.MA.run(close, [row[n] for row in rows]) for n in ("fast", "slow"))
        entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
        return vbt.Portfolio.from_signals(
            close,
            *(before(signals.to_numpy()) for signals in (entries, exits)),
            price=x.open[:, None],
            init_cash=CAPITAL,
        )

    def touched(**how: Any) -> Any:
        return vbt.Portfolio.from_signals(
            close,
            exits=False,
            open=x.open[:, None],
            high=x.high[:, None],
            low=x.low[:, None],
            stop_entry_price="fillprice",
            init_cash=CAPITAL,
            **how,
        )

    def breakouts(rows: list[dict[str, float]]) -> Any:
        level = columns(lambda row: before(x.top(row["entry"])), rows)
        above = columns(lambda row: before(x.close > x.sma(row["trend"])), rows)
        distance = columns(lambda row: before(row["width"] * x.atr(row["period"])), rows)
        price = np.fmax(x.open[:, None], level)
        return touched(
            entries=above & (x.high[:, None] >= level),
            price=price,
            sl_stop=distance / price,
            sl_trail=True,
        )

    def reversions(rows: list[dict[str, float]]) -> Any:
        level = columns(lambda row: before(x.lower(row["length"], row["deviation"])), rows)
        return touched(
            entries=x.low[:, None] <= level,
            price=np.fmin(x.open[:, None], level),
            sl_stop=np.array([row["loss"] / 100 for row in rows])[None],
            tp_stop=np.array([row["target"] / 100 for row in rows])[None],
        )

    made = {"SmaCross": averages, "Donchian": breakouts, "Bollinger": reversions}
    return in_chunks(task, made[task.example])


def vectorbt_function(task: Task) -> Prepared:
    """Prepare vectorbt to take the decisions too, in an order function compiled by Numba."""
    import vectorbt as vbt
    from numba import njit
    from vectorbt.portfolio.enums import Direction
    from vectorbt.portfolio.nb import order_nb, order_nothing_nb

    vbt.settings["engine"] = "numba"
    x = Columns(task.prices)
    long_only = Direction.LongOnly

    @njit
    def breakouts(c: Any, bars: Any, level: Any, distance: Any, highest: Any) -> Any:
        if c.i == 0:
            highest[c.col] = 0.0
        if c.position_now > 0.0:
            stop = highest[c.col] - distance[c.col, c.i]
            if bars[2, c.i] <= stop:
                return order_nb(-np.inf, min(bars[0, c.i], stop), direction=long_only)
            highest[c.col] = max(highest[c.col], bars[1, c.i])
            return order_nothing_nb()
        # NaN where nothing works.
        if bars[1, c.i] >= level[c.col, c.i]:
            highest[c.col] = bars[1, c.i]
            return order_nb(np.inf, max(bars[0, c.i], level[c.col, c.i]), direction=long_only)
        return order_nothing_nb()

    @njit
    def reversions(c: Any, bars: Any, level: Any, share: Any, fill: Any) -> Any:
        opened, high, low = bars[0, c.i], bars[1, c.i], bars[2, c.i]
        if c.position_now > 0.0:
            below = fill[c.col] * (1.0 - share[c.col, 0] / 100.0)
            above = fill[c.col] * (1.0 + share[c.col, 1] / 100.0)
            price = np.nan
            if opened <= below or opened >= above:
                price = opened
            elif low <= below and (high < above or high - opened >= opened - low):
                price = below
            elif high >= above:
                price = above
            if np.isnan(price):
                return order_nothing_nb()
            return order_nb(-np.inf, price, direction=long_only)
        if low <= level[c.col, c.i]:
            fill[c.col] = min(opened, level[c.col, c.i])
            return order_nb(np.inf, fill[c.col], direction=long_only)
        return order_nothing_nb()

    def simulate(rows: list[dict[str, float]]) -> Any:
        if task.example == "Donchian":
            decide = breakouts
            level = [
                before(np.where(x.close > x.sma(row["trend"]), x.top(row["entry"]), np.nan))
                for row in rows
            ]
            second = [before(row["width"] * x.atr(row["period"])) for row in rows]
        else:
            decide = reversions
            level = [before(x.lower(row["length"], row["deviation"])) for row in rows]
            second = [np.array([row["loss"], row["target"]]) for row in rows]
        return vbt.Portfolio.from_order_func(
            np.broadcast_to(x.close[:, None], (len(x.close), len(rows))),
            decide,
            task.prices,
            np.stack(level),
            np.stack(second),
            np.empty(len(rows)),
            init_cash=CAPITAL,
        )

    return in_chunks(task, simulate)


def raptorbt_signals(task: Task) -> Prepared:
    """Prepare raptorbt's batch of signals, which fills them at the next open.

    A position that one of its own stops has left is not entered again before a signal to leave, so
    that the batch can trade crosses alone.
    """
    import raptorbt

    prices = [np.ascontiguousarray(p) for p in task.prices]
    stamps = np.arange(len(prices[0]), dtype=np.int64) * 86_400_000_000_000
    volume = np.ones(len(stamps))
    config = raptorbt.BacktestConfig(
        initial_capital=CAPITAL, fees=0.0, slippage=0.0, fill_timing="next_bar_open"
    )
    average = functools.cache(lambda p: raptorbt.sma(prices[3], int(p)))

    def item(number: int, row: dict[str, float]) -> Any:
        above = average(row["fast"]) > average(row["slow"])
        entries = above & ~np.roll(above, 1)
        # A signal of the bar before the first trading bar fills in it.
        entries[: WARMUP - 1] = False
        return raptorbt.BatchSingleItem(str(number), entries, ~above & np.roll(above, 1))

    def run(count: int) -> FloatArray:
        found = np.empty((2, count))
        for begin in range(0, count, COLUMNS):
            end = min(begin + COLUMNS, count)
            items = [item(i, task.rows[i]) for i in range(begin, end)]
            done = raptorbt.batch_single_backtest(
                stamps, *prices, volume, items=items, config=config
            )
            for name, result in done:
                closed = result.metrics.total_closed_trades
                found[:, int(name)] = result.equity_curve()[-1] - CAPITAL, closed
        return found

    return Prepared(run, COLUMNS)


def raptorbt_strategy(task: Task) -> Prepared:
    """Prepare raptorbt to take the decisions in a strategy class of its own.

    A resting order may be moved before a bar, a new one only works from the next bar on: so the
    order for the next entry always rests, out of reach where it does not work. Limits and targets
    are filled at their level, even where the bar opens beyond it, so that they are the open there.
    """
    import raptorbt
    from raptorbt.strategy import orders

    config = raptorbt.BacktestConfig(initial_capital=CAPITAL, fees=0.0, slippage=0.0)
    x = Columns(task.prices)
    opens, highs = x.open.tolist(), x.high.tolist()
    below, above = 1e-9, 1e12

    class Resting(raptorbt.Strategy):
        level: Sequence[float]

        def __init__(self) -> None:
            super().__init__()
            self.long, self.order, self.since = False, "", 0

        def on_position_opened(self, ctx: Any, event: Any) -> None:  # noqa: ARG002
            self.long, self.since = True, ctx.idx

        def on_position_closed(self, ctx: Any, event: Any) -> None:  # noqa: ARG002
            self.long = False

    class Donchian(Resting):
        def __init__(self, row: dict[str, float]) -> None:
            super().__init__()
            level = np.where(x.close > x.sma(row["trend"]), x.top(row["entry"]), above)
            self.level = np.nan_to_num(before(level), nan=above).tolist()
            self.distance = before(row["width"] * x.atr(row["period"])).tolist()
            self.highest = 0.0

        def on_bar(self, ctx: Any) -> None:
            t = ctx.idx
            if t == 0 or (self.long and t == self.since + 1):
                self.highest = highs[t - 1]
                self.order = self.submit_order(
                    orders.StopMarket(side="buy", trigger=above, size_frac=1.0)
                )
            if self.long:
                self.highest = max(self.highest, highs[t - 1])
                ctx.set_stop_price(self.highest - self.distance[t])
            elif t:
                self.modify_order(self.order, trigger_price=self.level[t])

    class Bollinger(Resting):
        def __init__(self, row: dict[str, float]) -> None:
            super().__init__()
            level = before(x.lower(row["length"], row["deviation"]))
            self.level = np.nan_to_num(np.fmin(level, x.open), nan=below).tolist()
            self.level[:WARMUP] = [below] * WARMUP
            self.loss, self.target = 1 - row["loss"] / 100, 1 + row["target"] / 100

        def on_bar(self, ctx: Any) -> None:
            t = ctx.idx
            if t == 0 or (self.long and t == self.since + 1):
                self.order = self.submit_order(orders.Limit(side="buy", price=below, size_frac=1.0))
            if not self.long:
                if t:
                    self.modify_order(self.order, limit_price=self.level[t])
            else:
                fill = self.level[self.since]
                ctx.set_stop_price(fill * self.loss)
                ctx.set_target_price(max(opens[t], fill * self.target))

    kind: Callable[[dict[str, float]], Any]
    kind = {"Donchian": Donchian, "Bollinger": Bollinger}[task.example]
    prices = [np.ascontiguousarray(p) for p in task.prices]
    stamps = np.arange(len(opens), dtype=np.int64) * 86_400_000_000_000
    volume = np.ones(len(opens))

    def run(count: int) -> FloatArray:
        found = np.empty((2, count))
        for i, row in enumerate(task.rows[:count]):
            result = raptorbt.run_strategy_backtest(
                kind(row), stamps, *prices, volume, config=config
            )
            closed = result.metrics.total_closed_trades
            found[:, i] = result.equity_curve()[-1] - CAPITAL, closed
        return found

    return Prepared(run)


def backtesting_py(task: Task) -> Prepared:
    """Prepare backtesting.py with the strategies whose golden trades the tests have."""
    import warnings

    import golden_trades
    from backtesting import Backtest

    warnings.simplefilter("ignore")
    frame = golden_trades.frame_of(Bars(*task.prices.tolist()))
    kind = {"Bollinger": "BollingerFromFill"}.get(task.example, task.example)
    runner = Backtest(frame, getattr(golden_trades, kind), cash=CAPITAL * MONEY_SCALE)

    def run(count: int) -> FloatArray:
        found = np.empty((2, count))
        for i, row in enumerate(task.rows[:count]):
            stats = runner.run(warmup=WARMUP, **row)
            found[:, i] = stats["Equity Final [$]"] / MONEY_SCALE - CAPITAL, len(stats["_trades"])
        return found

    return Prepared(run)


class Peer(NamedTuple):
    """A tool and how it is used.

    Attributes
    ----------
    tool, engine
        Its name, and what computes.
    needs
        What to install.
    prepare
        Makes it ready.
    includes
        What its figure includes, by example; only these are timed.
    """

    tool: str
    engine: str
    needs: str
    prepare: Callable[[Task], Prepared]
    includes: Mapping[str, str]


OWN_STOPS = "columns given; signals, its own stops, portfolio, equity and trades, no drawdown"
CROSSES = "averages, crosses, portfolio, equity and trades, no drawdown"
DECIDES = "columns given; decisions in an order function, portfolio, equity and trades, no drawdown"
WHOLE = "the strategy itself, indicators too, and all its statistics"
SIGNALS = {
    "SmaCross": CROSSES,
    "Donchian": f"{OWN_STOPS}: a trail in percent, as wide as the ATR of the entry says",
    "Bollinger": f"{OWN_STOPS}: the stop before the target",
}
PEERS = {
    "vectorbt-numba": Peer(
        "vectorbt",
        "Numba, signals",
        "vectorbt>=1.2,<2",
        functools.partial(vectorbt_signals, engine="numba"),
        SIGNALS,
    ),
    "vectorbt-rust": Peer(
        "vectorbt",
        "Rust, signals",
        "vectorbt[rust]>=1.2,<2",
        functools.partial(vectorbt_signals, engine="rust"),
        SIGNALS,
    ),
    "vectorbt-function": Peer(
        "vectorbt",
        "Numba, order function",
        "vectorbt>=1.2,<2",
        vectorbt_function,
        {"Donchian": DECIDES, "Bollinger": DECIDES},
    ),
    "raptorbt-signals": Peer(
        "raptorbt",
        "Rust, signals",
        "raptorbt>=0.13,<0.14",
        raptorbt_signals,
        {"SmaCross": "averages given; crosses, portfolio, equity, trades and all its metrics"},
    ),
    "raptorbt-strategy": Peer(
        "raptorbt",
        "Rust, strategy in Python",
        "raptorbt>=0.13,<0.14",
        raptorbt_strategy,
        dict.fromkeys(
            ("Donchian", "Bollinger"),
            "columns given; decisions in a Python class, portfolio, equity, trades and all its"
            " metrics",
        ),
    ),
    "backtesting": Peer(
        "backtesting.py",
        "Python",
        "backtesting>=0.6.6,<0.7",
        backtesting_py,
        dict.fromkeys(GRIDS, WHOLE),
    ),
}


def run_peer(name: str, example: str, prices: Path, out: Path, seconds: float) -> None:
    """Measure one peer on one example, and write what came out."""
    from importlib import metadata

    task = Task(example, np.load(prices), drawn(example))
    found = measure(PEERS[name].prepare(task), len(task.rows), seconds)
    package = PEERS[name].needs.partition(">")[0].partition("[")[0]
    np.savez(out, version=metadata.version(package), **found._asdict())


def main() -> None:
    """Be the process of one peer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--peer", choices=list(PEERS), required=True)
    parser.add_argument("--example", choices=list(GRIDS), required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    out = given.work / f"{given.peer}-{given.example}.npz"
    run_peer(given.peer, given.example, given.work / "prices.npy", out, given.seconds)


if __name__ == "__main__":
    main()
