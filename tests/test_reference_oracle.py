"""The reference against a second, literal reading of the contract in plain Python.

The oracle is slow on purpose: nothing is carried from bar to bar but the state itself. Highest
highs, averages and drawdowns are taken from their definitions wherever they are needed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache, reduce
from math import floor, sqrt
from operator import add
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wfo.reference import ReferenceResult, simulate

Floats = NDArray[np.float64]


def reference(
    bars: Floats, params: list[float], warmup: int, split: int, settings: dict[str, Any]
) -> ReferenceResult:
    open_, high, low, close = bars.T
    return simulate(open_, high, low, close, params, warmup=warmup, split=split, **settings)


@dataclass
class Outcome:
    """What the oracle found."""

    trades: list[tuple[int, float, int, float]]
    pnl: list[float]
    equity: list[float]
    figures: tuple[float, float, float, float, int, int]


def oracle(
    bars: Floats, params: list[float], warmup: int, split: int, settings: dict[str, Any]
) -> Outcome:
    """Simulate bars[n, 4] (open, high, low, close)."""
    o, h, lo, c = ([float(x) for x in column] for column in bars.T)
    n = len(c)
    (
        atr_period,
        atr_multiplier,
        bb_length,
        bb_deviation,
        vol_threshold,
        min_tightening,
        scaling_method,
        atr_buy_period,
        atr_buy_multiplier,
        atr_smooth_period,
        equity_price_method,
    ) = params
    capital: float = settings["capital"]
    slip: float = settings["slip"]
    fee: float = settings["fee"]
    lot: float = settings["lot_size"]
    max_stop_atr: float = settings["max_stop_atr"]

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

    def entry_atr(t: int) -> float:
        """Replay the EMA from its start up to t."""
        first = int(atr_buy_period) - 1
        e = atr(int(atr_buy_period), first)
        for i in range(first + 1, t + 1):
            x = atr(int(atr_buy_period), i)
            e += 2 / (atr_smooth_period + 1) * (x - e)
        return e

    def price(t: int) -> float:
        return (h[t] + lo[t] + c[t]) / 3 if equity_price_method == 0 else c[t]

    def width(t: int) -> float:
        prices = [price(i) for i in range(t + 1 - int(bb_length), t + 1)]
        m = mean(prices)
        sigma = sqrt(mean([(x - m) * (x - m) for x in prices]))
        return 2 * bb_deviation * sigma / m

    def tightening(t: int) -> float:
        r = width(t) / vol_threshold
        if r >= 1:
            return 1.0
        factors: list[float] = [r, sqrt(r), r * r]
        return max(min_tightening, factors[int(scaling_method)])

    def stop_long(t: int) -> float:
        return min(
            atr(int(atr_period), t) * atr_multiplier * tightening(t),
            atr(70, t) * max_stop_atr,
        )

    def buy(t: int) -> float:
        return entry_atr(t) * atr_buy_multiplier

    # Events: (bar, fill), entries and exits in turn; a state acts from the next bar on.
    events: list[tuple[int, float]] = []
    after_trade = [capital]  # equity after each whole trade
    held: list[float] = []  # shares of each entry
    since = warmup - 1
    for t in range(warmup, n):
        is_flat = len(events) % 2 == 0
        highest = max(h[since:t])
        if is_flat and after_trade[-1] <= 0:
            continue
        if is_flat and settings["entry_style"] == "breakout":
            level = c[t - 1] + buy(t - 1)
            if not h[t] >= level:
                continue
            fill = max(o[t], level)
        else:
            level = highest - (buy(t - 1) if is_flat else stop_long(t - 1))
            if not lo[t] <= level:
                continue
            fill = min(o[t], level)
        if is_flat:
            q = after_trade[-1]
            base = q if settings["sizing"] == "compound" else min(capital, q)
            shares = base / (fill * (1 + slip) * (1 + fee))
            held.append(float(floor(shares / lot)) * lot if lot > 0 else shares)
        else:
            cost = events[-1][1] * (1 + slip) * (1 + fee)
            gain = fill * (1 - slip) * (1 - fee) - cost
            after_trade.append(after_trade[-1] + held[-1] * gain)
        events.append((t, fill))
        since = t

    def mark(t: int) -> float:
        past = [event for event in events if event[0] <= t]
        whole = len(past) // 2
        if len(past) % 2 == 0:
            return after_trade[whole]
        cost = past[-1][1] * (1 + slip) * (1 + fee)
        return after_trade[whole] + held[whole] * (c[t] - cost)

    equity = [capital if t < warmup else mark(t) for t in range(n)]

    def drawdown(marks: list[float]) -> float:
        return max(a - b for i, a in enumerate(marks) for b in marks[i:])

    closed = [
        (k, entry, leave)
        for k, (entry, leave) in enumerate(zip(events[::2], events[1::2], strict=False))
        if held[k] > 0
    ]
    in_sample = sum(leave[0] < split for _, _, leave in closed)
    return Outcome(
        trades=[(*entry, *leave) for _, entry, leave in closed],
        pnl=[after_trade[k + 1] - after_trade[k] for k, _, _ in closed],
        equity=equity,
        figures=(
            equity[split - 1] - capital,
            equity[-1] - equity[split - 1],
            drawdown([capital, *equity[warmup:split]]),
            drawdown(equity[split - 1 :]),
            in_sample,
            len(closed) - in_sample,
        ),
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


def random_params(rng: np.random.Generator) -> list[float]:
    return [
        int(rng.integers(1, 30)),
        float(rng.choice([0.5, 1, 1.5, 2, 3, 4.7])),
        int(rng.integers(2, 40)),
        float(rng.choice([1, 2, 2.5])),
        float(rng.choice([0.01, 0.03, 0.1, 0.4])),
        float(rng.choice([0.1, 0.3, 0.6, 1])),
        int(rng.integers(0, 3)),
        int(rng.choice([1, 2, 4, 11, 28])),
        float(rng.choice([0.25, 0.5, 1, 1.5, 2.2])),
        int(rng.choice([1, 3, 7, 20])),
        int(rng.integers(0, 2)),
    ]


def random_settings(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "capital": float(rng.choice([100_000, 12_345.67])),
        "slip": float(rng.choice([0, 0.0005, 0.01])),
        "fee": float(rng.choice([0, 0.001, 0.5])),
        "sizing": str(rng.choice(["compound", "fixed"])),
        "lot_size": float(rng.choice([0, 0, 1, 10, 130])),
        "max_stop_atr": float(rng.choice([20, 1, 2.5])),
        "entry_style": str(rng.choice(["pullback", "breakout"])),
    }


@pytest.mark.parametrize("seed", range(120))
def test_the_reference_reads_the_contract_as_the_oracle_does(seed: int) -> None:
    rng = np.random.default_rng([2024, seed])
    n = int(rng.integers(110, 190))
    bars = random_bars(rng, n)
    warmup = int(rng.integers(70, 100))
    split = int(rng.integers(warmup + 1, n))
    params = random_params(rng)
    settings = random_settings(rng)

    result = reference(bars, params, warmup, split, settings)
    expected = oracle(bars, params, warmup, split, settings)

    got = zip(
        result.entry_bar.tolist(),
        result.entry_price.tolist(),
        result.exit_bar.tolist(),
        result.exit_price.tolist(),
        strict=True,
    )
    assert list(got) == expected.trades
    assert (result.side == 1).all()
    assert result.pnl.size == len(expected.trades)

    # Amounts that are differences of equities have the equity's rounding, hence the floor.
    scale = 1e-9 * settings["capital"]
    assert result.equity == pytest.approx(expected.equity, rel=1e-9)
    assert result.pnl.tolist() == pytest.approx(expected.pnl, rel=1e-9, abs=scale)
    figures = (result.is_pnl, result.oos_pnl, result.is_dd, result.oos_dd)
    assert figures == pytest.approx(expected.figures[:4], rel=1e-9, abs=scale)
    assert (result.is_trades, result.oos_trades) == expected.figures[4:]


def test_the_random_cases_reach_what_they_should() -> None:
    """The cases above trade, in both styles, and some of their touches are exact equalities."""
    traded = {"pullback": 0, "breakout": 0}
    exact = 0
    for seed in range(120):
        rng = np.random.default_rng([2024, seed])
        n = int(rng.integers(110, 190))
        bars = random_bars(rng, n)
        warmup = int(rng.integers(70, 100))
        split = int(rng.integers(warmup + 1, n))
        params = random_params(rng)
        settings = random_settings(rng)
        result = reference(bars, params, warmup, split, settings)
        traded[settings["entry_style"]] += result.pnl.size > 0
        exact += int((bars[result.exit_bar, 2] == result.exit_price).sum())
        assert all(a <= b for a, b in itertools.pairwise(result.exit_bar))
        assert (bars > 0).all()
        assert (bars[:, 2] <= bars.min(axis=1)).all()
        assert (bars[:, 1] >= bars.max(axis=1)).all()
    assert min(traded.values()) > 25
    assert exact > 10
