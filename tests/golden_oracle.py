"""The five examples of own strategies, bar by bar in plain Python, as the specification has them.

Written from the specification alone and slow, so that what `wfo` and backtesting.py make of the
same bars can both be compared with it. Indicators are the textbook's, one window at a time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Column = Sequence[float]
Condition = Sequence[bool]

NAN = math.nan


class Bars(NamedTuple):
    """Open, high, low and close of every bar."""

    open: Column
    high: Column
    low: Column
    close: Column


class Trade(NamedTuple):
    """A closed trade; prices are raw fills."""

    side: str
    entry_bar: int
    entry_price: float
    exit_bar: int
    exit_price: float


@dataclass(frozen=True)
class Orders:
    """What works, by columns whose value at `t` is known at the close of `t`.

    Attributes
    ----------
    long, short
        At what an entry fills, ``"open"``, ``"stop"`` or ``"limit"``, its level, and whether it
        works.
    exit_open
        Whether a long is left at the open.
    trail
        Distance of a stop below the highest high since the entry.
    target, loss
        Levels from the fill of the entry, in percent of it.
    bars
        The position is left at the open of so many bars after the entry.
    """

    long: tuple[str, Column, Condition]
    short: tuple[str, Column, Condition] | None = None
    exit_open: Condition = ()
    trail: Column = ()
    target: float | None = None
    loss: float | None = None
    bars: int | None = None


# Indicators: NaN before a window is full.


def windows(x: Column, p: int, f: Callable[[Column], float]) -> list[float]:
    return [f(x[t - p + 1 : t + 1]) if t >= p - 1 else NAN for t in range(len(x))]


def mean(x: Column) -> float:
    return math.fsum(x) / len(x)


def sma(x: Column, p: int) -> list[float]:
    return windows(x, p, mean)


def deviation(x: Column, p: int) -> list[float]:
    return windows(x, p, lambda w: math.sqrt(mean([(v - mean(w)) ** 2 for v in w])))


def ema(x: Column, p: int) -> list[float]:
    found = [x[0]]
    for v in x[1:]:
        found.append(found[-1] + 2.0 / (p + 1.0) * (v - found[-1]))
    return found


def atr(bars: Bars, p: int) -> list[float]:
    before = [bars.high[0], *bars.close[:-1]]
    ranges = [
        max(high, last) - min(low, last)
        for high, low, last in zip(bars.high, bars.low, before, strict=True)
    ]
    return sma([bars.high[0] - bars.low[0], *ranges[1:]], p)


def rsi(x: Column, p: int) -> list[float]:
    """Wilder's: the first averages are plain means of the first p changes."""
    changes = [b - a for a, b in itertools.pairwise(x)]
    up = mean([max(v, 0.0) for v in changes[:p]])
    down = mean([max(-v, 0.0) for v in changes[:p]])
    found = [NAN] * p
    for t in range(p, len(x)):
        if t > p:
            up += (max(changes[t - 1], 0.0) - up) / p
            down += (max(-changes[t - 1], 0.0) - down) / p
        found.append(100.0 * up / (up + down) if up + down else NAN)
    return found


def crosses_above(a: Column, b: Column) -> list[bool]:
    return [t > 0 and a[t] > b[t] and a[t - 1] <= b[t - 1] for t in range(len(a))]


# The examples.

Params = Mapping[str, float]


def sma_cross(bars: Bars, p: Params) -> Orders:
    """Long from a cross of the fast average of closes above the slow one to one below it."""
    fast, slow = (sma(bars.close, int(p[name])) for name in ("fast", "slow"))
    return Orders(
        long=("open", bars.close, crosses_above(fast, slow)),
        exit_open=crosses_above(slow, fast),
    )


def donchian(bars: Bars, p: Params) -> Orders:
    """Buys a break of the highest high, above a long average; leaves by a stop in ATRs."""
    average = sma(bars.close, int(p["trend"]))
    return Orders(
        long=(
            "stop",
            windows(bars.high, int(p["entry"]), max),
            [a > b for a, b in zip(bars.close, average, strict=True)],
        ),
        trail=[v * p["width"] for v in atr(bars, int(p["period"]))],
    )


def bollinger(bars: Bars, p: Params) -> Orders:
    """Buys at the lower band; leaves at a target and at a loss, in percent of the fill."""
    length = int(p["length"])
    middle, sigma = sma(bars.close, length), deviation(bars.close, length)
    lower = [m - p["deviation"] * s for m, s in zip(middle, sigma, strict=True)]
    return Orders(long=("limit", lower, [True] * len(lower)), target=p["target"], loss=p["loss"])


def rsi2(bars: Bars, p: Params) -> Orders:
    """Buys weakness above a long average at the open; leaves on strength, or after some bars."""
    strength, average = rsi(bars.close, int(p["length"])), sma(bars.close, int(p["trend"]))
    weak = [r < p["low"] and c > a for r, c, a in zip(strength, bars.close, average, strict=True)]
    return Orders(
        long=("open", bars.close, weak),
        exit_open=[r > p["high"] for r in strength],
        bars=int(p["bars"]),
    )


def macd_reversal(bars: Bars, p: Params) -> Orders:
    """Long from a cross of MACD above its signal on, short from one below it on."""
    fast, slow = (ema(bars.close, int(p[name])) for name in ("fast", "slow"))
    line = [a - b for a, b in zip(fast, slow, strict=True)]
    signal = ema(line, int(p["signal"]))
    return Orders(
        long=("open", bars.close, crosses_above(line, signal)),
        short=("open", bars.close, crosses_above(signal, line)),
    )


EXAMPLES: Mapping[str, Callable[[Bars, Params], Orders]] = {
    "SmaCross": sma_cross,
    "Donchian": donchian,
    "Bollinger": bollinger,
    "Rsi2": rsi2,
    "MacdReversal": macd_reversal,
}


# The rules.


def entered(bars: Bars, order: tuple[str, Column, Condition] | None, t: int) -> float | None:
    """Return the fill of a buy in bar `t`, or of a sale at the open; None if it does not fill."""
    if order is None or not order[2][t - 1]:
        return None
    kind, level = order[0], order[1][t - 1]
    if kind == "open":
        return bars.open[t]
    if kind == "stop":
        return max(bars.open[t], level) if bars.high[t] >= level else None
    return min(bars.open[t], level) if bars.low[t] <= level else None


def left(bars: Bars, orders: Orders, t: int, entry: int, fill: float, top: float) -> float | None:
    """Return the fill of a long's exit in bar `t`; None if it stays."""
    at_open = (orders.exit_open and orders.exit_open[t - 1]) or (
        orders.bars is not None and t >= entry + orders.bars
    )
    if at_open:
        return bars.open[t]
    below, above = -math.inf, math.inf
    if orders.trail:
        below = top - orders.trail[t - 1]
    if orders.loss is not None:
        below = fill * (1.0 - orders.loss / 100.0)
    if orders.target is not None:
        above = fill * (1.0 + orders.target / 100.0)
    opened, high, low = bars.open[t], bars.high[t], bars.low[t]
    # What the open has reached comes first, else the nearer extreme, of equal ones the low.
    if opened <= below or opened >= above:
        return opened
    up = high - opened < opened - low
    for reached, level in ((high >= above, above), (low <= below, below))[:: 1 if up else -1]:
        if reached:
            return level
    return None


class Path(NamedTuple):
    """Closed trades, and the open position as one that is left at the last close."""

    closed: list[Trade]
    open: Trade | None


def path_of(bars: Bars, orders: Orders, warmup: int) -> Path:
    """Return what happens in a slice whose first trading bar is `warmup`."""
    found: list[Trade] = []
    side, entry, fill, top = "", 0, NAN, NAN
    for t in range(warmup, len(bars.close)):
        if not side:
            for name, order in (("long", orders.long), ("short", orders.short)):
                price = None if side else entered(bars, order, t)
                if price is not None:
                    side, entry, fill, top = name, t, price, bars.high[t]
            continue
        opposite, order = ("short", orders.short) if side == "long" else ("long", orders.long)
        price = entered(bars, order, t) if orders.short is not None else None
        after = opposite if price is not None else ""
        if price is None:
            price = left(bars, orders, t, entry, fill, top)
        if price is None:
            top = max(top, bars.high[t])
            continue
        found.append(Trade(side, entry, fill, t, price))
        side, entry, fill, top = after, t, price, bars.high[t]
    last = Trade(side, entry, fill, len(bars.close) - 1, bars.close[-1]) if side else None
    return Path(found, last)


def expected(example: str, bars: Bars, params: Params, warmup: int) -> Path:
    """Return what the specification demands of an example."""
    return path_of(bars, EXAMPLES[example](bars, params), warmup)
