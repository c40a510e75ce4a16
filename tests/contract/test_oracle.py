"""Every engine against a second, literal reading of the contract in plain Python.

The oracle is slow on purpose: nothing is carried from bar to bar but the state itself. Highest
highs, averages and drawdowns are taken from their definitions wherever they are needed.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache, reduce
from math import floor, sqrt
from operator import add
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.scenarios import ENGINES, Engine
from wfo.atr_d.reference import ReferenceResult

Floats = NDArray[np.float64]


STRATEGIES = (
    "atr_d_l",
    "atr_d_ls",
    "atr_d_hma_l",
    "atr_d_hma_ls",
    "atr_d_duals_l",
    "atr_d_duals_ls",
)
STYLES = ("pullback", "breakout")


@dataclass
class Case:
    """One backtest: bars[n, 4] as open, high, low, close, and parameters by name."""

    strategy: str
    bars: Floats
    second: Floats | None
    params: dict[str, float]
    warmup: int
    split: int
    settings: dict[str, Any]


def simulated(engine: Engine, case: Case) -> ReferenceResult:
    return engine.simulate(
        case.strategy,
        case.bars,
        list(case.params.values()),
        second=case.second,
        warmup=case.warmup,
        split=case.split,
        **case.settings,
    )


Trade = tuple[int, int, float, int, float]  # side, entry bar and price, exit bar and price


@dataclass
class Outcome:
    """What the oracle found."""

    trades: list[Trade]
    pnl: list[float]
    equity: list[float]
    figures: tuple[float, float, float, float, int, int]
    #: How often each kind of event happened.
    seen: Counter[str]


@dataclass
class Order:
    """An order that was touched: ``rank`` decides what nothing else does."""

    name: str
    rank: int
    up: bool
    level: float

    def fill(self, open_: float) -> float:
        return max(open_, self.level) if self.up else min(open_, self.level)

    def moment(self, o: float, h: float, lo: float) -> tuple[float, ...]:
        """Where on the bar's path the order fills; the path goes up or down to one extreme."""
        if self.fill(o) == o:
            return (0, 0, self.rank)  # at the open
        leg = 1 if (h - o < o - lo) == self.up else 2
        return (leg, self.level if self.up else -self.level, self.rank)


def oracle(case: Case) -> Outcome:
    o, h, lo, c = ([float(x) for x in column] for column in case.bars.T)
    two = case.bars if case.second is None else case.second
    _, h2, lo2, c2 = ([float(x) for x in column] for column in two.T)
    n = len(c)
    p = case.params
    capital: float = case.settings["capital"]
    slip: float = case.settings["slip"]
    fee: float = case.settings["fee"]
    lot: float = case.settings["lot_size"]
    fixed = case.settings["sizing"] == "fixed"
    max_stop_atr: float = case.settings["max_stop_atr"]
    breakout = case.settings["entry_style"] == "breakout"
    scale = p.get("short_multiplier", 1.0)
    entry_mode = p.get("entry_mode", 0)

    def scaled(name: str) -> int:
        return max(1, floor(p[name] * scale + 0.5))

    def true_range(t: int) -> float:
        if t == 0:
            return h[0] - lo[0]
        return max(h[t], c[t - 1]) - min(lo[t], c[t - 1])

    def mean(values: list[float]) -> float:
        total: float = reduce(add, values)
        return total / len(values)

    @lru_cache(None)
    def atr(period: int, t: int) -> float:
        return mean([true_range(i) for i in range(t + 1 - period, t + 1)])

    @lru_cache(None)
    def entry_atr(period: int, t: int) -> float:
        if t == period - 1:
            return atr(period, t)
        e = entry_atr(period, t - 1)
        return e + 2 / (p["atr_smooth_period"] + 1) * (atr(period, t) - e)

    def price(t: int, hh: list[float], ll: list[float], cc: list[float]) -> float:
        return (hh[t] + ll[t] + cc[t]) / 3 if p["equity_price_method"] == 0 else cc[t]

    def width(t: int) -> float:
        prices = [price(i, h2, lo2, c2) for i in range(t + 1 - int(p["bb_length"]), t + 1)]
        m = mean(prices)
        sigma = sqrt(mean([(x - m) * (x - m) for x in prices]))
        return 2 * p["bb_deviation"] * sigma / m

    def tightening(t: int) -> float:
        r = width(t) / p["vol_threshold"]
        if r >= 1:
            return 1.0
        factors: list[float] = [r, sqrt(r), r * r]
        return max(p["min_tightening"], factors[int(p["scaling_method"])])

    def stop(period: int, multiplier: float, t: int) -> float:
        return min(atr(period, t) * multiplier * tightening(t), atr(70, t) * max_stop_atr)

    @lru_cache(None)
    def veto_ema(t: int) -> float:
        if t == 0:
            return c[0]
        return veto_ema(t - 1) + 2 / (p["trend_filter_period"] + 1) * (c[t] - veto_ema(t - 1))

    def weighted(values: list[float]) -> float:
        k = len(values)
        total: float = reduce(add, [(i + 1) * x for i, x in enumerate(values)])
        return total / (k * (k + 1) / 2)

    def wma_of_price(period: int, t: int) -> float:
        return weighted([price(i, h, lo, c) for i in range(t + 1 - period, t + 1)])

    @lru_cache(None)
    def hma(length: int, t: int) -> float:
        smooth = max(1, floor(sqrt(length) + 0.5))
        return weighted(
            [
                2 * wma_of_price(max(1, length // 2), i) - wma_of_price(length, i)
                for i in range(t + 1 - smooth, t + 1)
            ]
        )

    def direction(t: int) -> int:
        fast, slow = (hma(int(p[f"hma_{x}_length"]), t) for x in ("fast", "slow"))
        return (fast - slow > 1e-12 * abs(slow)) - (fast - slow < -1e-12 * abs(slow))

    def touched(order: Order, t: int) -> bool:
        return h[t] >= order.level if order.up else lo[t] <= order.level

    def orders(state: int, since: int, t: int) -> list[Order]:
        """Return the orders that work in bar t and are touched, by the moment they are."""
        buy = entry_atr(int(p["atr_buy_period"]), t - 1) * p["atr_buy_multiplier"]
        sell = entry_atr(scaled("atr_buy_period"), t - 1) * (p["atr_buy_multiplier"] * scale)
        long_stop = stop(int(p["atr_period"]), p["atr_multiplier"], t - 1)
        short_stop = stop(scaled("atr_period"), p["atr_multiplier"] * scale, t - 1)
        top, bottom = max(h[since:t]), min(lo[since:t])
        if breakout:
            buying = Order("buy", 2, True, c[t - 1] + buy)
            selling = Order("sell", 3, False, c[t - 1] - sell)
        else:
            buying = Order("buy", 2, False, top - buy)
            selling = Order("sell", 3, True, bottom + sell)
        hull = "hma_fast_length" in p
        may_sell = "short_multiplier" in p
        if "trend_filter_period" in p:
            decline = -100 * (veto_ema(t - 1) / veto_ema(t - 2) - 1)
            may_sell = decline > p["trend_veto_threshold"]
        working = []
        if state == 1:
            working.append(Order("stop", 1, False, top - long_stop))
        if state == -1:
            working.append(Order("stop", 1, True, bottom + short_stop))
        if hull and state == 0:
            now, past = direction(t - 1), direction(t - 2)
            if now == 1 and past != 1:
                return [Order("buy", 2, True, o[t])]
            if now == 1 and touched(buying, t):
                return [buying]
            if may_sell and now == -1 and past != -1:
                return [Order("sell", 3, True, o[t])]
            if may_sell and now == -1 and touched(selling, t):
                return [selling]
            return []
        if state == 0 or (state == -1 and entry_mode in (1, 2)):
            working.append(buying)
        if may_sell and (state == 0 or (state == 1 and entry_mode == 2)):
            working.append(selling)
        happened = [order for order in working if touched(order, t)]
        return sorted(happened, key=lambda order: order.moment(o[t], h[t], lo[t]))

    # Legs: (side, entry bar, entry price, equity before, shares).
    state, since, q = 0, case.warmup - 1, capital
    leg: tuple[int, int, float, float] = (0, -1, 0.0, 0.0)
    trades: list[Trade] = []
    pnl: list[float] = []
    equity = [capital] * case.warmup
    marks: list[tuple[int, float]] = []
    seen: Counter[str] = Counter()

    def value(close: float, entry: float, side: int) -> float:
        if side == 1:
            return close - entry * (1 + slip) * (1 + fee)
        return entry * (1 - slip) * (1 - fee) - close

    def enter(side: int, t: int, x: float) -> tuple[int, int, float, float]:
        base = min(capital, q) if fixed else q
        shares = base / (x * (1 + slip) * (1 + fee) if side == 1 else x * (1 - slip))
        return (side, t, x, float(floor(shares / lot * (1 + 2**-50))) * lot if lot > 0 else shares)

    def leave(t: int, x: float) -> float:
        side, bar, entry, shares = leg
        net = x * (1 - slip) * (1 - fee) if side == 1 else x * (1 + slip) * (1 + fee)
        after = q + shares * value(net, entry, side)
        if shares > 0:
            trades.append((side, bar, entry, t, x))
            pnl.append(after - q)
        else:
            seen["of no shares"] += 1
        return after

    for t in range(case.warmup, n):
        happened = [] if state == 0 and q <= 0 else orders(state, since, t)
        if happened:
            first = happened[0]
            x = first.fill(o[t])
            seen[f"{first.name} in {state}"] += 1
            seen["two touches"] += len(happened) > 1
            side = 1 if first.name == "buy" else -1
            if state == 0:
                leg = enter(side, t, x)
                state = side
                if len(happened) == 2 and p["both_triggered_mode"] == 1:
                    q = leave(t, happened[1].fill(o[t]))
                    state = 0
                    seen["both filled"] += 1
            else:
                q = leave(t, x)
                state = 0
                seen["ruin"] += q <= 0
                if first.name != "stop":
                    marks.append((t, q))
                    if q > 0:
                        leg = enter(side, t, x)
                        state = side
            since = t
        held = leg[3] * value(c[t], leg[2], leg[0]) if state else 0.0
        seen["mark below zero"] += bool(state) and q + held <= 0
        equity.append(q + held)
        marks.append((t, q + held))

    def drawdown(values: list[float]) -> float:
        return max(a - b for i, a in enumerate(values) for b in values[i:])

    split = case.split
    in_sample = sum(trade[3] < split for trade in trades)
    return Outcome(
        trades=trades,
        pnl=pnl,
        equity=equity,
        figures=(
            equity[split - 1] - capital,
            equity[-1] - equity[split - 1],
            drawdown([capital, *(x for t, x in marks if t < split)]),
            drawdown([equity[split - 1], *(x for t, x in marks if t >= split)]),
            in_sample,
            len(trades) - in_sample,
        ),
        seen=seen,
    )


def random_bars(rng: np.random.Generator, n: int) -> Floats:
    """Random bars on a grid of ticks: coarse ones make touches hang on equality."""
    tick = rng.choice([0.01, 0.25, 0.5])
    step = rng.choice([3, 10, 40])
    close = rng.integers(100, 500) / tick // 1 + np.cumsum(rng.integers(-step, step + 1, n))
    gap = rng.integers(-step, step + 1, n) * rng.integers(0, 2, n)
    open_ = np.concatenate([close[:1], close[:-1]]) + gap
    high = np.maximum(open_, close) + rng.integers(0, step + 1, n)
    low = np.minimum(open_, close) - rng.integers(0, step + 1, n)
    bars = np.stack([open_, high, low, close], axis=1)
    lowest = bars.min()
    if lowest < 20:
        bars += 20 - lowest
    # Ticks below 1 as a fraction of a whole number, so that cents are the nearest floats.
    return np.asarray(bars / np.round(1 / tick), dtype=np.float64)


def random_params(rng: np.random.Generator, strategy: str) -> dict[str, float]:
    params: dict[str, float] = {
        "atr_period": int(rng.integers(1, 30)),
        "atr_multiplier": float(rng.choice([0.5, 1, 1.5, 2, 3, 4.7])),
        "bb_length": int(rng.integers(2, 40)),
        "bb_deviation": float(rng.choice([1, 2, 2.5])),
        "vol_threshold": float(rng.choice([0.01, 0.03, 0.1, 0.4])),
        "min_tightening": float(rng.choice([0.1, 0.3, 0.6, 1])),
        "scaling_method": int(rng.integers(0, 3)),
        "atr_buy_period": int(rng.choice([1, 2, 4, 11, 28])),
        "atr_buy_multiplier": float(rng.choice([0.25, 0.5, 1, 1.5, 2.2])),
        "atr_smooth_period": int(rng.choice([1, 3, 7, 20])),
        "equity_price_method": int(rng.integers(0, 2)),
    }
    if strategy.endswith("s"):
        params["short_multiplier"] = float(rng.choice([0.1, 0.5, 0.75, 1, 1, 1.3, 2]))
    if strategy in ("atr_d_ls", "atr_d_duals_ls"):
        params["entry_mode"] = int(rng.integers(0, 3))
        params["trend_filter_period"] = int(rng.choice([1, 2, 10, 50]))
        params["trend_veto_threshold"] = float(rng.choice([-50, -50, -0.1, 0, 0.1]))
        params["both_triggered_mode"] = int(rng.integers(0, 2))
    if "hma" in strategy:
        fast = int(rng.integers(1, 20))
        params["hma_fast_length"] = fast
        params["hma_slow_length"] = fast + int(rng.integers(1, 30))
    return params


def random_settings(rng: np.random.Generator, style: str) -> dict[str, Any]:
    return {
        "capital": float(rng.choice([100_000, 12_345.67])),
        "slip": float(rng.choice([0, 0.0005, 0.01])),
        "fee": float(rng.choice([0, 0, 0.001, 0.5])),
        "sizing": str(rng.choice(["compound", "fixed"])),
        "lot_size": float(rng.choice([0, 0, 1, 10, 130])),
        "max_stop_atr": float(rng.choice([20, 1, 2.5])),
        "entry_style": style,
    }


def random_case(strategy: str, style: str, seed: int) -> Case:
    rng = np.random.default_rng([2024, STRATEGIES.index(strategy), STYLES.index(style), seed])
    n = int(rng.integers(110, 190))
    bars = random_bars(rng, n)
    second = random_bars(rng, n) if "dual" in strategy else None
    warmup = int(rng.integers(70, 100))
    split = int(rng.integers(warmup + 1, n))
    params = random_params(rng, strategy)
    return Case(strategy, bars, second, params, warmup, split, random_settings(rng, style))


CASES = 20
variants = pytest.mark.parametrize("strategy", STRATEGIES)
styles = pytest.mark.parametrize("style", STYLES)


@variants
@styles
@pytest.mark.parametrize("seed", range(CASES))
def test_engines_read_the_contract_as_the_oracle_does(strategy: str, style: str, seed: int) -> None:
    case = random_case(strategy, style, seed)
    expected = oracle(case)
    for name in ENGINES:
        agrees(simulated(Engine(name), case), expected)


def agrees(result: ReferenceResult, expected: Outcome) -> None:
    got = zip(
        result.side.tolist(),
        result.entry_bar.tolist(),
        result.entry_price.tolist(),
        result.exit_bar.tolist(),
        result.exit_price.tolist(),
        strict=True,
    )
    assert list(got) == expected.trades

    # Amounts that are differences of equities have the equity's rounding, hence the floor. A
    # short can lose many times the capital, and a mark can cross zero.
    scale = 1e-9 * max(map(abs, expected.equity))
    assert result.equity.tolist() == pytest.approx(expected.equity, rel=1e-9, abs=scale)
    assert result.pnl.tolist() == pytest.approx(expected.pnl, rel=1e-9, abs=scale)
    figures = (result.is_pnl, result.oos_pnl, result.is_dd, result.oos_dd)
    assert figures == pytest.approx(expected.figures[:4], rel=1e-9, abs=scale)
    assert (result.is_trades, result.oos_trades) == expected.figures[4:]


def test_the_random_cases_reach_what_they_should() -> None:
    """The cases trade on both sides and in every way, and some touches are exact equalities."""
    seen: Counter[str] = Counter()
    traded: Counter[tuple[str, str, int]] = Counter()
    exact = 0
    for strategy, style, seed in itertools.product(STRATEGIES, STYLES, range(CASES)):
        case = random_case(strategy, style, seed)
        outcome = oracle(case)
        seen += outcome.seen
        for side in {trade[0] for trade in outcome.trades}:
            traded[strategy, style, side] += 1
        for side, *_, leave, price in outcome.trades:
            exact += price == case.bars[leave, 2 if side == 1 else 1]
        assert (case.bars > 0).all()
        assert (case.bars[:, 2] <= case.bars.min(axis=1)).all()
        assert (case.bars[:, 1] >= case.bars.max(axis=1)).all()
    for strategy, style in itertools.product(STRATEGIES, STYLES):
        assert traded[strategy, style, 1] > CASES // 4
        assert traded[strategy, style, -1] > (CASES // 4 if strategy.endswith("s") else -1)
    assert exact > 50
    for what in (
        "buy in 0",
        "sell in 0",
        "stop in 1",
        "stop in -1",
        "sell in 1",
        "buy in -1",
        "two touches",
        "both filled",
        "of no shares",
        "ruin",
        "mark below zero",
    ):
        assert seen[what] > 0, what
