"""ATR-D in a plain loop over bars, with parameters that are looked up in every bar.

Written from ``wfo/atr_d/CONTRACT.md`` for `test_stitching`. It has no notion of dated parameters:
whoever calls it says by a function which values a bar's orders take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from wfo.settings import LOT_TOLERANCE

Params = Mapping[str, float]

#: Stop before entry, buy before sell.
_RANKS = {"long stop": 0, "short stop": 0, "buy": 1, "sell": 2}


class Bar(NamedTuple):
    """Prices of a bar."""

    open: float
    high: float
    low: float
    close: float


class Trade(NamedTuple):
    """A closed trade, with raw fills."""

    side: str
    entry_bar: int
    entry_price: float
    exit_bar: int
    exit_price: float
    pnl: float


class Costs(NamedTuple):
    """What the account is like."""

    capital: float = 100_000.0
    slip: float = 0.0
    fee: float = 0.0
    lot: float = 0.0
    fixed: bool = False


@dataclass
class Outcome:
    """What the loop has found: marks of all bars, trades, bars of reversals."""

    equity: list[float] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    reversals: list[int] = field(default_factory=list)
    #: Side of the position at each close: 1, 0 or -1.
    sides: list[int] = field(default_factory=list)


class Indicators:
    """Values at bar t of bars to t alone; sums are taken oldest first."""

    def __init__(self, bars: Sequence[Bar]) -> None:
        self._bars = bars
        self.atr = cache(self._atr)
        self.entry_atr = cache(self._entry_atr)
        self.average = cache(self._average)

    def _true_range(self, t: int) -> float:
        bar = self._bars[t]
        if t == 0:
            return bar.high - bar.low
        before = self._bars[t - 1].close
        return max(bar.high, before) - min(bar.low, before)

    def _atr(self, period: int, t: int) -> float:
        return _mean([self._true_range(i) for i in range(t + 1 - period, t + 1)])

    def _entry_atr(self, period: int, smooth: int, t: int) -> float:
        if t == period - 1:
            return self.atr(period, t)
        before = self.entry_atr(period, smooth, t - 1)
        return before + 2.0 / (smooth + 1) * (self.atr(period, t) - before)

    def _average(self, period: int, t: int) -> float:
        if t == 0:
            return self._bars[0].close
        before = self.average(period, t - 1)
        return before + 2.0 / (period + 1) * (self._bars[t].close - before)

    def width(self, length: int, deviation: float, typical: bool, t: int) -> float:
        window = self._bars[t + 1 - length : t + 1]
        prices = [(b.high + b.low + b.close) / 3 if typical else b.close for b in window]
        middle = _mean(prices)
        return 2 * deviation * math.sqrt(_mean([(x - middle) ** 2 for x in prices])) / middle


def _mean(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:  # `sum` compensates
        total += value
    return total / len(values)


def trade(
    bars: Sequence[Bar],
    params_at: Callable[[int], Params],
    warmup: int,
    costs: Costs,
    *,
    shorts: bool,
) -> Outcome:
    """Go through the bars; `params_at` says which values the orders of a bar take."""
    found = Outcome(equity=[costs.capital] * warmup, sides=[0] * warmup)
    of = Indicators(bars)
    cash, side, since = costs.capital, 0, warmup - 1
    shares = worth = entry = 0.0
    entered = -1
    ruined = False

    def enter(sign: int, price: float, t: int) -> None:
        nonlocal side, shares, worth, entry, entered
        base = min(costs.capital, cash) if costs.fixed else cash
        if sign > 0:
            worth = price * (1 + costs.slip) * (1 + costs.fee)
            shares = base / worth
        else:
            worth = price * (1 - costs.slip) * (1 - costs.fee)
            shares = base / (price * (1 - costs.slip))
        if costs.lot:
            shares = math.floor(shares / costs.lot * LOT_TOLERANCE) * costs.lot
        side, entry, entered = sign, price, t

    def leave(price: float, t: int) -> None:
        nonlocal cash, side, ruined
        if side > 0:
            after = cash + shares * (price * (1 - costs.slip) * (1 - costs.fee) - worth)
        else:
            after = cash + shares * (worth - price * (1 + costs.slip) * (1 + costs.fee))
        if shares:
            name = "long" if side > 0 else "short"
            found.trades.append(Trade(name, entered, entry, t, price, after - cash))
        cash, side = after, 0
        ruined = cash <= 0

    for t in range(warmup, len(bars)):
        bar = bars[t]
        touched = _touched(bars, of, params_at(t), side, since, t, shorts=shorts)
        if touched and not ruined:
            since = t
            name, price = touched[0]
            if name.endswith("stop"):
                leave(price, t)
            elif side == 0:
                enter(1 if name == "buy" else -1, price, t)
                if len(touched) > 1 and params_at(t)["both_triggered_mode"] == 1:
                    leave(touched[1][1], t)
            else:
                leave(price, t)
                if not ruined:
                    found.reversals.append(t)
                    enter(1 if name == "buy" else -1, price, t)
        mark = cash
        if side > 0:
            mark = cash + shares * (bar.close - worth)
        elif side < 0:
            mark = cash + shares * (worth - bar.close)
        found.equity.append(mark)
        found.sides.append(side if shares else 0)
    return found


def _touched(
    bars: Sequence[Bar],
    of: Indicators,
    p: Params,
    side: int,
    since: int,
    t: int,
    *,
    shorts: bool,
) -> list[tuple[str, float]]:
    """Return the orders that bar t touches with their fills, in the order of its path."""
    bar, y = bars[t], t - 1
    top = max(b.high for b in bars[since:t])
    bottom = min(b.low for b in bars[since:t])
    ratio = of.width(p["bb_length"], p["bb_deviation"], p["equity_price_method"] == 0, y)
    ratio /= p["vol_threshold"]
    tight = 1.0
    if ratio < 1:
        shaped = (ratio, math.sqrt(ratio), ratio * ratio)[int(p["scaling_method"])]
        tight = max(p["min_tightening"], shaped)
    cap = of.atr(70, y) * 20.0

    def stop(period: int, multiple: float) -> float:
        return min(of.atr(period, y) * multiple * tight, cap)

    def entry(period: int, multiple: float) -> float:
        return of.entry_atr(period, p["atr_smooth_period"], y) * multiple

    orders: list[tuple[str, bool, float]] = []
    mode = p.get("entry_mode", 0)
    if side > 0:
        orders.append(("long stop", False, top - stop(p["atr_period"], p["atr_multiplier"])))
    if side == 0 or (side < 0 and mode > 0):
        distance = entry(p["atr_buy_period"], p["atr_buy_multiplier"])
        orders.append(("buy", False, top - distance))
    if shorts:
        scale = p["short_multiplier"]
        if side < 0:
            period = max(1, math.floor(p["atr_period"] * scale + 0.5))
            distance = stop(period, p["atr_multiplier"] * scale)
            orders.append(("short stop", True, bottom + distance))
        length = p["trend_filter_period"]
        fall = -100.0 * (of.average(length, y) / of.average(length, y - 1) - 1)
        if fall > p["trend_veto_threshold"] and (side == 0 or (side > 0 and mode == 2)):
            period = max(1, math.floor(p["atr_buy_period"] * scale + 0.5))
            distance = entry(period, p["atr_buy_multiplier"] * scale)
            orders.append(("sell", True, bottom + distance))
    high_first = bar.high - bar.open < bar.open - bar.low
    found = []
    for name, up, level in orders:
        if not (bar.high >= level if up else bar.low <= level):
            continue
        fill = max(bar.open, level) if up else min(bar.open, level)
        leg = 0 if fill == bar.open else 1 if high_first == up else 2
        along = 0.0 if leg == 0 else level if up else -level
        found.append(((leg, along, _RANKS[name]), name, fill))
    return [(name, fill) for _, name, fill in sorted(found)]
