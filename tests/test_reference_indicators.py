"""Indicators, touches and money of the reference against independent formulas."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from wfo.reference import atr_d, indicators, money, touches

Floats = NDArray[np.float64]
Prices = tuple[Floats, Floats, Floats, Floats]

PERIODS = (1, 2, 3, 14, 70)


def bars(seed: int, n: int = 200) -> Prices:
    """Random bars in cents: open, high, low, close."""
    rng = np.random.default_rng(seed)
    close = 10_000 + np.cumsum(rng.integers(-150, 151, n))
    open_ = np.roll(close, 1) + rng.integers(-50, 51, n)
    open_[0] = 10_000
    high = np.maximum(open_, close) + rng.integers(0, 100, n)
    low = np.minimum(open_, close) - rng.integers(0, 100, n)
    return open_ / 100.0, high / 100.0, low / 100.0, close / 100.0


def left_to_right(values: list[float]) -> float:
    """Sum from the first value on. Python's own `sum` compensates for rounding since 3.12."""
    total = 0.0
    for value in values:
        total = total + value
    return total


@pytest.mark.parametrize("seed", range(5))
def test_true_range(seed: int) -> None:
    _, high, low, close = bars(seed)
    tr = indicators.true_range(high, low, close)
    before = close[:-1]
    expected = np.max(
        [high[1:] - low[1:], np.abs(high[1:] - before), np.abs(low[1:] - before)], axis=0
    )
    assert tr[0] == high[0] - low[0]
    assert np.array_equal(tr[1:], expected)


@pytest.mark.parametrize("period", PERIODS)
def test_atr_is_the_plain_mean(period: int) -> None:
    _, high, low, close = bars(period)
    tr = indicators.true_range(high, low, close)
    atr = indicators.atr(tr, period)
    assert np.isnan(atr[: period - 1]).all()
    for t in range(period - 1, tr.size):
        window = tr[t - period + 1 : t + 1].tolist()
        assert atr[t] == left_to_right(window) / period
        assert atr[t] == pytest.approx(math.fsum(window) / period, rel=1e-12)


@pytest.mark.parametrize("method", [indicators.TYPICAL_PRICE, indicators.CLOSE_PRICE])
def test_price(method: int) -> None:
    _, high, low, close = bars(7)
    price = indicators.equity_price(high, low, close, method)
    expected = (high + low + close) / 3 if method == 0 else close
    assert np.array_equal(price, expected)
    assert not np.shares_memory(price, close)


@pytest.mark.parametrize("period", [2, 3, 20, 70])
def test_mean_sigma_and_width(period: int) -> None:
    _, _, _, price = bars(period)
    deviation = 1.7
    mean = indicators.window_mean(price, period)
    sigma = indicators.window_sigma(price, mean, period)
    assert np.isnan(mean[: period - 1]).all()
    assert np.isnan(sigma[: period - 1]).all()
    for t in range(period - 1, price.size):
        window = price[t - period + 1 : t + 1].tolist()

        # The same bits as a plain loop.
        plain_mean = left_to_right(window) / period
        plain_sigma = math.sqrt(left_to_right([(x - plain_mean) ** 2 for x in window]) / period)
        assert mean[t] == plain_mean
        assert sigma[t] == plain_sigma
        width = indicators.bollinger_width(mean[t], sigma[t], deviation)
        assert width == ((2 * deviation) * plain_sigma) / plain_mean

        # The right number, from exact fractions.
        exact = [Fraction(x) for x in window]
        exact_mean = sum(exact) / period
        variance = sum((x - exact_mean) ** 2 for x in exact) / period
        exact_width = 2 * deviation * math.sqrt(variance) / float(exact_mean)
        assert width == pytest.approx(exact_width, rel=1e-12)


def test_sigma_of_a_quiet_window_is_zero() -> None:
    price = np.full(10, 100.1)
    mean = indicators.window_mean(price, 2)
    assert (indicators.window_sigma(price, mean, 2)[1:] == 0).all()


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("first", [0, 1, 13])
def test_ema_is_a_weighted_sum(period: int, first: int) -> None:
    """The newest value weighs a, the one before a(1-a), and so on; the first weighs (1-a)^k."""
    _, _, _, x = bars(3, 80)
    ema = indicators.ema(x, period, first)
    a = 2 / (period + 1)
    assert np.isnan(ema[:first]).all()
    for t in range(first, x.size):
        k = t - first
        terms = [a * (1 - a) ** i * x[t - i] for i in range(k)] + [(1 - a) ** k * x[first]]
        assert ema[t] == pytest.approx(math.fsum(terms), rel=1e-12)
    e = x[first]
    for t in range(first + 1, x.size):
        e = e + (2 / (period + 1)) * (x[t] - e)
        assert ema[t] == e


def test_the_smoothed_atr_starts_with_the_first_full_atr() -> None:
    tr = np.array([1.0, 2.0, 3.0, 4.0])
    # ATR(2) = -, 1.5, 2.5, 3.5; EMA(3) has factor 1/2: 1.5, (1.5+2.5)/2 = 2, (2+3.5)/2 = 2.75
    smoothed = atr_d.smoothed_atr(tr, 2, 3)
    assert np.isnan(smoothed[0])
    assert smoothed[1:].tolist() == [1.5, 2.0, 2.75]


def test_a_window_longer_than_the_bars_is_never_full() -> None:
    x = np.arange(1.0, 6.0)
    mean = indicators.window_mean(x, 6)
    assert np.isnan(mean).all()
    assert np.isnan(indicators.window_sigma(x, mean, 6)).all()
    assert np.isnan(indicators.ema(x, 3, 5)).all()


def fused(a: float, b: float, c: float) -> float:
    """Return a·b + c rounded once."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def test_no_product_is_fused_with_a_sum() -> None:
    """A mark is q + shares·(close - cost): with two roundings, as plain Python computes it."""
    rng = np.random.default_rng(1)
    discriminating = 0
    for _ in range(300):
        q, shares = 1e5 * rng.random(), 1e3 * rng.random()
        close, cost = 100 * rng.random(), 100 * rng.random()
        plain = q + shares * (close - cost)
        assert money.long_mark(q, shares, close, cost) == plain
        assert money.long_exit(q, shares, close, cost) == plain
        discriminating += plain != fused(shares, close - cost, q)
    assert discriminating > 30  # else the test could not see a fused operation


@pytest.mark.parametrize(
    ("scaling", "r", "floor", "expected"),
    [
        (atr_d.LINEAR, 0.25, 0.125, 0.25),
        (atr_d.SQUARE_ROOT, 0.25, 0.125, 0.5),
        (atr_d.QUADRATIC, 0.25, 0.0625, 0.0625),
        (atr_d.QUADRATIC, 0.25, 0.125, 0.125),  # 0.0625 lies below the floor
        (atr_d.LINEAR, 0.0, 0.125, 0.125),
        (atr_d.LINEAR, 1.0, 0.125, 1.0),
        (atr_d.QUADRATIC, 3.0, 0.125, 1.0),  # never wider than 1
        (atr_d.LINEAR, 0.25, 1.0, 1.0),
    ],
)
def test_tightening(scaling: int, r: float, floor: float, expected: float) -> None:
    row = np.array([1, 1, 2, 1, 0.5, floor, scaling, 1, 1, 1, 1], dtype=np.float64)
    # Width r·vol_threshold, with the threshold a power of two, gives back r.
    assert atr_d.tightening(r * 0.5, atr_d.params_of(row)) == expected


@pytest.mark.parametrize(
    ("open_", "low", "expected"),
    [
        (100.0, 96.0, (True, 97.0)),  # through the level: fill at the level 101 - 4
        (100.0, 97.0, (True, 97.0)),  # exactly on it
        (97.0, 97.0, (True, 97.0)),
        (96.5, 96.0, (True, 96.5)),  # opened below: fill at the open
    ],
)
def test_touches_below(open_: float, low: float, expected: tuple[bool, float]) -> None:
    assert touches.long_stop(open_, low, 101.0, 4.0) == expected
    assert touches.buy_pullback(open_, low, 101.0, 4.0) == expected
    assert not touches.long_stop(100.0, 97.01, 101.0, 4.0)[0]
    assert not touches.buy_pullback(100.0, 97.01, 101.0, 4.0)[0]


@pytest.mark.parametrize(
    ("open_", "high", "expected"),
    [
        (100.0, 103.0, (True, 102.0)),  # through the level 100 + 2
        (100.0, 102.0, (True, 102.0)),
        (102.5, 103.0, (True, 102.5)),  # opened above
    ],
)
def test_touches_above(open_: float, high: float, expected: tuple[bool, float]) -> None:
    assert touches.buy_breakout(open_, high, 100.0, 2.0) == expected
    assert not touches.buy_breakout(100.0, 101.99, 100.0, 2.0)[0]


def test_an_unknown_distance_touches_nothing() -> None:
    assert not touches.long_stop(1.0, 1.0, 100.0, math.nan)[0]
    assert not touches.buy_pullback(1.0, 1.0, 100.0, math.nan)[0]
    assert not touches.buy_breakout(1e9, 1e9, 100.0, math.nan)[0]


def test_costs() -> None:
    # 64·1.25·1.5 = 120 and 64·0.75·0.5 = 24
    assert money.long_cost(64.0, 0.25, 0.5) == 120.0
    assert money.long_proceeds(64.0, 0.25, 0.5) == 24.0


@pytest.mark.parametrize(
    ("shares", "lot_size", "expected"),
    [
        (1000.7, 0.0, 1000.7),
        (1000.7, 1.0, 1000.0),
        (1000.0, 300.0, 900.0),
        (900.0, 300.0, 900.0),
        (299.9, 300.0, 0.0),
        (1.3, 0.5, 1.0),
        (1e30, 1.0, 1e30),  # more than an integer holds
    ],
)
def test_lots(shares: float, lot_size: float, expected: float) -> None:
    assert money.round_to_lots(shares, lot_size) == expected


def test_base_capital() -> None:
    assert money.base_capital(120.0, 100.0, False) == 120.0
    assert money.base_capital(80.0, 100.0, False) == 80.0
    assert money.base_capital(120.0, 100.0, True) == 100.0
    assert money.base_capital(80.0, 100.0, True) == 80.0


def test_largest_fall() -> None:
    marks = np.array([50.0, 12.0, 9.0, 15.0, 11.0, 14.0, 1.0])
    # Bars 1..5 from a peak of 10: 12 -> 9 falls 3, 15 -> 11 falls 4.
    assert money.largest_fall(marks, 1, 6, 10.0) == 4.0
    # A peak of 20 before them: 20 -> 9 falls 11.
    assert money.largest_fall(marks, 1, 6, 20.0) == 11.0
    assert money.largest_fall(np.array([1.0, 2.0, 3.0]), 0, 3, 1.0) == 0.0
