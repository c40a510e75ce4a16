"""Indicators and exactness: X1 to X10."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.scenarios import PREAMBLE, Bar, Engine, both_params, long_trades, marks, params


@pytest.mark.rule("X3", "X4")
def test_typical_price_feeds_the_width(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 101, 92, 98),  # 100: buy at 101-6 = 95: entered. Typical price 97. TR 9
        # 101: typical prices 100, 97: mean 98.5, sigma 1.5, r = 6/98.5; stop at
        # 101 - 18·6/98.5 = 99.90. (Closes 100, 98 would put it at 101 - 18·4/99 = 100.27.)
        (100.5, 104, 100, 102),  # Typical price 102. TR 6
        # 102: typical prices 97, 102: mean 99.5, sigma 2.5, r = 10/99.5
        (104, 104, 80, 90),
    ]
    row = params(
        atr_buy_multiplier=3,
        bb_deviation=1,
        vol_threshold=0.5,
        min_tightening=0.001,
        equity_price_method=0,
    )
    result = engine.run(bars, row=row, capital=95_000)
    ((*_, exit_bar, exit_price, pnl),) = long_trades(result)
    assert exit_bar == 102
    assert exit_price == pytest.approx(104 - 12 * 10 / 99.5, rel=1e-12)
    assert pnl == pytest.approx(1_000 * (104 - 12 * 10 / 99.5 - 95), rel=1e-9)


Floats = NDArray[np.float64]
SEEDS = pytest.mark.parametrize("seed", range(3))


def history(seed: int) -> Floats:
    """Bars of a price of 2 with ranges as wide: levels have as many bits as their distances."""
    rng = np.random.default_rng(seed)
    close, open_ = (2 + rng.uniform(-0.4, 0.4, 100) for _ in range(2))
    high = np.maximum(open_, close) + rng.uniform(0.1, 0.6, 100)
    low = np.minimum(open_, close) - rng.uniform(0.1, 0.6, 100)
    return np.stack([open_, high, low, close], axis=1)


def true_ranges(bars: Floats) -> list[float]:
    _, high, low, close = bars.T.tolist()
    first = high[0] - low[0]
    return [first] + [
        max(high[t], close[t - 1]) - min(low[t], close[t - 1]) for t in range(1, len(bars))
    ]


def left_to_right(values: list[float]) -> float:
    total = 0.0
    for value in values:
        total = total + value
    return total


def fused(a: float, b: float, c: float) -> float:
    """Return a·b + c rounded once."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def buys_exactly_at(engine: Engine, bars: Floats, row: list[float], level: float) -> None:
    """Show that a buy after ``bars`` lies at ``level``, to the last bit."""
    for low, touched in ((level, True), (math.nextafter(level, math.inf), False)):
        tail = [(level + 0.5, level + 0.5, low, level + 0.25)] * 2
        result = engine.run(tail, preamble=[*map(tuple, bars.tolist())], row=row, capital=100)
        assert (marks(result)[0] > 100) == touched


def sells_exactly_at(engine: Engine, bars: Floats, row: list[float], level: float) -> None:
    """Show that a sell after ``bars`` lies at ``level``, to the last bit."""
    for high, touched in ((level, True), (math.nextafter(level, -math.inf), False)):
        tail = [(level - 0.25, high, level - 0.5, level - 0.25)] * 2
        result = engine.both(tail, preamble=[*map(tuple, bars.tolist())], row=row, capital=100)
        assert (marks(result)[0] > 100) == touched


def stops_exactly_at(engine: Engine, bars: Floats, row: list[float], level: float) -> None:
    """Show that the stop of a long, bought in the last of ``bars``, lies at ``level``."""
    (*before, entry) = map(tuple, bars.tolist())
    for low, touched in ((level, True), (math.nextafter(level, math.inf), False)):
        tail = [entry, (level + 0.1, level + 0.2, low, level + 0.1), (level + 0.1,) * 4]
        result = engine.run(tail, preamble=before, row=row, capital=100, split=101)
        left = [trade[:4] for trade in long_trades(result) if trade[2] == 101]
        assert left == [(100, entry[0], 101, level)] * touched


@pytest.mark.rule("X1", "X2", "X9", "L7")
@pytest.mark.parametrize("period", [1, 3, 70])
def test_the_atr_is_summed_afresh_oldest_first(engine: Engine, period: int) -> None:
    shown = 0
    for seed in range(4):
        bars = history(seed)
        window = true_ranges(bars)[-period:]
        mean = left_to_right(window) / period
        shown += mean != left_to_right(window[::-1]) / period
        level = float(bars[-1, 1]) - mean * 0.6
        row = params(atr_period=period, atr_buy_period=period, atr_buy_multiplier=0.6)
        buys_exactly_at(engine, bars, row, level)
    assert shown or period < 70  # else another order of the sum would pass too


@pytest.mark.rule("X5", "X10", "D6", "D7")
@pytest.mark.parametrize(("period", "smooth"), [(1, 3), (7, 9), (5, 1000)])
def test_the_smoothed_atr_starts_with_the_first_full_one(
    engine: Engine, period: int, smooth: int
) -> None:
    """With a length of 1000 the first value still weighs four fifths in bar 99."""
    shown = 0
    multiplier = 0.3 if smooth == 1000 else 0.7
    row = params(atr_buy_period=period, atr_smooth_period=smooth, atr_buy_multiplier=multiplier)
    for seed in range(8):
        bars = history(seed)
        bars[:5, 1] += 3  # the first ranges are wide
        tr = true_ranges(bars)
        factor = 2 / (smooth + 1)
        e = once = left_to_right(tr[:period]) / period
        for t in range(period, len(tr)):
            mean = left_to_right(tr[t - period + 1 : t + 1]) / period
            e, once = e + factor * (mean - e), fused(factor, mean - once, once)
        shown += e != once
        buys_exactly_at(engine, bars, row, float(bars[-1, 1]) - e * multiplier)
    assert shown or smooth != 9  # else a product fused with its sum would pass too


@pytest.mark.rule("X3", "X4", "X9", "X10", "D1", "D2", "D3", "D4")
@SEEDS
@pytest.mark.parametrize("method", [0, 1])
@pytest.mark.parametrize(
    ("scaling", "threshold", "floor"),
    [(0, 1, 0.01), (1, 1, 0.01), (2, 1, 0.01), (0, 1, 0.9), (0, 0.01, 0.01)],
)
def test_the_tightened_stop_to_the_last_bit(
    engine: Engine, method: int, scaling: int, threshold: float, floor: float, seed: int
) -> None:
    bars = history(seed)
    # The entry: a bar that opens below the highest high less a little.
    entry = (2.0, 2.5, 1.7, 2.2)
    bars = np.vstack([bars, [entry]])
    _, high, low, close = bars.T.tolist()
    prices = (
        close if method else [(h + x + c) / 3 for h, x, c in zip(high, low, close, strict=True)]
    )
    window = prices[-9:]
    mean = left_to_right(window) / 9
    sigma = math.sqrt(left_to_right([(x - mean) * (x - mean) for x in window]) / 9)
    r = 2 * 1.3 * sigma / mean / threshold
    assert 0.05 < r < 0.9 or threshold == 0.01
    factor = 1.0 if r >= 1 else max(floor, (r, math.sqrt(r), r * r)[scaling])
    atr = left_to_right(true_ranges(bars)[-4:]) / 4
    row = params(
        atr_period=4,
        atr_multiplier=0.9,
        bb_length=9,
        bb_deviation=1.3,
        vol_threshold=threshold,
        min_tightening=floor,
        scaling_method=scaling,
        equity_price_method=method,
        atr_buy_multiplier=0.01,
    )
    stops_exactly_at(engine, bars, row, 2.5 - atr * 0.9 * factor)


@pytest.mark.rule("X8", "D8", "D9")
@SEEDS
@pytest.mark.parametrize(
    ("period", "scale", "scaled"),
    [(3, 0.5, 2), (5, 0.5, 3), (14, 1.25, 18), (1, 0.3, 1), (10, 0.01, 1), (45, 0.7, 31)],
)
def test_lengths_of_the_short_side_round_half_up(
    engine: Engine, period: int, scale: float, scaled: int, seed: int
) -> None:
    """1.5, 2.5 and 17.5 go up, .3 and .1 are 1 bar, and 45·.7 is 31.499999999999996."""
    bars = history(seed)
    atr = left_to_right(true_ranges(bars)[-scaled:]) / scaled
    multiplier = 1.9 / scale
    level = float(bars[-1, 2]) + atr * (multiplier * scale)
    row = both_params(atr_buy_period=period, atr_buy_multiplier=multiplier, short_multiplier=scale)
    sells_exactly_at(engine, bars, row, level)


@pytest.mark.rule("D9", "X10")
def test_the_multiplier_of_the_short_side_is_scaled_first(engine: Engine) -> None:
    bars = history(0)
    atr, low = true_ranges(bars)[-1], float(bars[-1, 2])
    shown = 0
    for multiplier in (2.1, 2.2, 2.3, 2.4, 2.6, 2.7):
        level = low + atr * (multiplier * 0.7)
        shown += level != low + atr * multiplier * 0.7
        row = both_params(atr_buy_multiplier=multiplier, short_multiplier=0.7)
        sells_exactly_at(engine, bars, row, level)
    assert shown  # else another order of the products would pass too


@pytest.mark.rule("X6", "X7", "H2", "H4")
@pytest.mark.parametrize(
    ("deviations", "mark"),
    [
        ([0, 1, 0.75, 0], 101_000),  # 4 > 3.75: up, and down before: a cross
        ([0, 1, 0.85, 0], 100_000),  # 4 < 4.25: down, as before
        ([0, 0, 0.5, 0], 99_000),  # down, and neither before: a cross
        ([1, 0, 0.125, 0], 100_000),  # 1 > 0.625: up, as before; the oldest weighs too
        ([1, 0, 0.25, 0], 99_000),  # 1 < 1.25: up before, then down
    ],
)
def test_weights_of_a_hull_average(engine: Engine, deviations: list[float], mark: float) -> None:
    """Lengths of 1 and 3, closes of 100 + deviations a, b, c, d in bars 96 to 99.

    WMA(3) weighs 1, 2, 3, and the last average has length round(sqrt(3)) = 2 and weighs 1, 2, so
    that HMA(3) is ``(3d + 5c/6 - 2b/3 - a/6)/3``: up is ``a + 4b > 5c``, whatever d is.
    """
    closes: list[Bar] = [(100, 101, 99, 100 + x) for x in deviations]
    row = params(
        {"short_multiplier": 1, "hma_fast_length": 1, "hma_slow_length": 3},
        atr_buy_multiplier=1.5,
    )
    result = engine.run(
        [(100, 101, 99.5, 101), (101, 101, 101, 101)],
        strategy="atr_d_hma_ls",
        row=row,
        preamble=[*PREAMBLE[:96], *closes],
        capital=100_000,
    )
    assert marks(result)[0] == mark
