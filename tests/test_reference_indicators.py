"""Indicators, touches and money of the reference against independent formulas."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from wfo.atr_d.reference import atr_d, indicators, money, touches
from wfo.atr_d.reference.states import LONG, SHORT
from wfo.atr_d.reference.touches import Bar
from wfo.atr_d.reference.variants import COLUMNS, VARIANTS, complete, parameters

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


def complete_row(strategy: str, row: list[float]) -> Floats:
    """Return a parameter set with all columns."""
    (full,) = complete(VARIANTS[strategy], np.array([row], dtype=np.float64))
    return np.asarray(full)


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
        assert money.mark(LONG, q, shares, cost, close) == plain
        assert money.mark(SHORT, q, shares, close, cost) == plain
        # Without costs an exit is a mark.
        assert money.after_exit(LONG, q, shares, cost, close, 0.0, 0.0) == plain
        assert money.after_exit(SHORT, q, shares, close, cost, 0.0, 0.0) == plain
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
    row = complete_row("atr_d_l", [1, 1, 2, 1, 0.5, floor, scaling, 1, 1, 1, 1])
    # Width r·vol_threshold, with the threshold a power of two, gives back r.
    assert atr_d.tightening(r * 0.5, atr_d.params_of(row)) == expected


@pytest.mark.parametrize(
    ("open_", "low", "expected"),
    [
        (100.0, 96.0, (True, 97.0)),  # through the level: fill at the level 101 - 4
        (100.0, 97.0, (True, 97.0)),  # exactly on it
        (97.0, 97.0, (True, 97.0)),
        (96.5, 96.0, (True, 96.5)),  # opened below: fill at the open
        (100.0, 97.01, (False, 97.0)),
    ],
)
def test_touches_below(open_: float, low: float, expected: tuple[bool, float]) -> None:
    bar = Bar(open_, 200.0, low)
    for touch in (
        touches.long_stop(bar, 101.0, 4.0),
        touches.buy_pullback(bar, 101.0, 4.0),
        touches.sell_breakout(bar, 101.0, 4.0),
    ):
        assert (touch.happens, touch.fill) == expected
        assert (touch.upward, touch.level) == (False, 97.0)


@pytest.mark.parametrize(
    ("open_", "high", "expected"),
    [
        (100.0, 103.0, (True, 102.0)),  # through the level 100 + 2
        (100.0, 102.0, (True, 102.0)),
        (102.5, 103.0, (True, 102.5)),  # opened above
        (100.0, 101.99, (False, 102.0)),
    ],
)
def test_touches_above(open_: float, high: float, expected: tuple[bool, float]) -> None:
    bar = Bar(open_, high, 1.0)
    for touch in (
        touches.short_stop(bar, 100.0, 2.0),
        touches.sell_pullback(bar, 100.0, 2.0),
        touches.buy_breakout(bar, 100.0, 2.0),
    ):
        assert (touch.happens, touch.fill) == expected
        assert (touch.upward, touch.level) == (True, 102.0)


def test_an_unknown_distance_touches_nothing() -> None:
    bar = Bar(100.0, 1e9, 1e-9)
    for order in (
        touches.long_stop,
        touches.short_stop,
        touches.buy_pullback,
        touches.sell_pullback,
        touches.buy_breakout,
        touches.sell_breakout,
    ):
        assert not order(bar, 100.0, math.nan).happens


def test_costs() -> None:
    # 64·1.25·1.5 = 120 and 64·0.75·0.5 = 24
    assert money.paid(64.0, 0.25, 0.5) == 120.0
    assert money.received(64.0, 0.25, 0.5) == 24.0
    # 1200 pay for 10 shares with their fee; 10 shares sold short at 48 after slippage are 480.
    assert money.shares_for(LONG, 1200.0, 64.0, 0.25, 0.5) == 10.0
    assert money.shares_for(SHORT, 480.0, 64.0, 0.25, 0.5) == 10.0


@pytest.mark.parametrize(
    ("shares", "lot_size", "expected"),
    [
        (1000.7, 0.0, 1000.7),
        (1000.7, 1.0, 1000.0),
        (1000.0, 300.0, 900.0),
        (900.0, 300.0, 900.0),
        (299.9, 300.0, 0.0),
        (1.3, 0.5, 1.0),
        (28.999999999999996, 1.0, 29.0),  # but for rounding, a lot more
        (28.99999999999997, 1.0, 28.0),
        (
            1e30,
            1.0,
            1e30 * (1 + 2**-50),
        ),  # more than an integer holds, and the tolerance than a lot
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
    none = np.full(7, np.nan)
    # Bars 1..5 from a peak of 10: 12 -> 9 falls 3, 15 -> 11 falls 4.
    assert money.largest_fall(none, marks, 1, 6, 10.0) == 4.0
    # A peak of 20 before them: 20 -> 9 falls 11.
    assert money.largest_fall(none, marks, 1, 6, 20.0) == 11.0
    rising = np.array([1.0, 2.0, 3.0])
    assert money.largest_fall(none[:3], rising, 0, 3, 1.0) == 0.0
    # A mark at a fill comes before the close of its bar: up to 9 and down to 2, or down to -4.
    assert money.largest_fall(np.array([np.nan, 9.0, np.nan]), rising, 0, 3, 1.0) == 7.0
    assert money.largest_fall(np.array([np.nan, -4.0, np.nan]), rising, 0, 3, 1.0) == 5.0
    # The close of the first bar is no peak yet when its fill is marked.
    assert money.largest_fall(np.array([2.0, np.nan]), np.array([5.0, 5.0]), 0, 2, 1.0) == 0.0
    # Outside of the bars looked at it is none.
    assert money.largest_fall(np.array([9.0, np.nan, 9.0]), rising, 1, 2, 1.0) == 0.0


@pytest.mark.parametrize(
    ("period", "multiplier", "expected"),
    [
        (14, 1.0, 14),
        (3, 0.5, 2),  # 1.5, the half goes up
        (5, 0.5, 3),  # 2.5 likewise: not to the even number
        (14, 1.25, 18),  # 17.5
        (2, 0.7, 1),  # 1.4
        (1, 0.5, 1),
        (1, 0.3, 1),  # 0.3 would be 0 bars
        (10, 0.01, 1),
        # In float64 3·1.1 is 3.3000000000000003 and 45·0.7 is 31.499999999999996.
        (3, 1.1, 3),
        (45, 0.7, 31),
    ],
)
def test_periods_of_the_short_side(period: int, multiplier: float, expected: int) -> None:
    assert atr_d.short_period(period, multiplier) == expected


@pytest.mark.parametrize("scale", [0.1, 0.7, 1.0, 1.3, 2.5])
def test_distances_of_the_short_side(scale: float) -> None:
    """They are the long ones of a set whose periods and multipliers have been scaled by hand."""
    open_, high, low, close = bars(11)
    slice_bars = atr_d.Bars(open_, high, low, close)
    nothing = atr_d.params_of(np.zeros(len(COLUMNS)))

    def distances(strategy: str, row: list[float]) -> atr_d.Distances:
        params = atr_d.params_of(complete_row(strategy, row))
        variant = VARIANTS[strategy]
        series = atr_d.series_of(
            slice_bars, slice_bars, variant, params, nothing, atr_d.no_series()
        )
        return atr_d.distances_of(series, variant, params, 3.0)

    row: list[float] = [9, 2.3, 20, 2, 0.04, 0.3, 1, 7, 1.1, 4, 0]
    both = distances("atr_d_ls", [*row, scale, 0, 1, 0, 0])
    scaled = row.copy()
    for period, multiplier in ((0, 1), (7, 8)):
        scaled[period] = max(1, math.floor(row[period] * scale + 0.5))
        scaled[multiplier] = row[multiplier] * scale
    one, other = distances("atr_d_l", row), distances("atr_d_l", scaled)
    for got, expected in (
        (both.stop_long, one.stop_long),
        (both.buy, one.buy),
        (both.stop_short, other.stop_long),
        (both.sell, other.buy),
    ):
        assert np.array_equal(got, expected, equal_nan=True)
        assert np.isfinite(got[70:]).all()
    assert np.isnan(one.stop_short).all()
    assert np.isnan(one.sell).all()


@pytest.mark.parametrize("period", [1, 2, 3, 7, 40])
def test_wma(period: int) -> None:
    _, _, _, x = bars(period)
    average = indicators.wma(x, period)
    assert np.isnan(average[: period - 1]).all()
    weights = np.arange(1, period + 1)
    for t in range(period - 1, x.size):
        window = x[t - period + 1 : t + 1]
        terms = [float(w) * float(v) for w, v in zip(weights, window, strict=True)]
        assert average[t] == left_to_right(terms) / (period * (period + 1) / 2)
        assert average[t] == pytest.approx(float(np.average(window, weights=weights)), rel=1e-12)


@pytest.mark.parametrize(
    ("period", "half", "root"),
    [(1, 1, 1), (2, 1, 1), (3, 1, 2), (4, 2, 2), (6, 3, 2), (7, 3, 3), (12, 6, 3), (13, 6, 4)],
)
def test_hma_is_a_filter_of_the_price(period: int, half: int, root: int) -> None:
    """The three averages together weigh each price once: their weights, convolved."""
    _, _, _, x = bars(period)

    def weights(length: int) -> Floats:
        """Return the weights of an average, the newest first."""
        ramp = np.arange(length, 0, -1)
        return np.asarray(ramp / ramp.sum())

    ahead = -weights(period)
    ahead[:half] += 2 * weights(half)
    kernel = np.convolve(ahead, weights(root))
    average = indicators.hma(x, period)
    first = period + root - 2
    assert np.isnan(average[:first]).all()
    assert average[first:] == pytest.approx(np.convolve(x, kernel, mode="valid"), rel=1e-12)
    assert indicators.round_half_up(math.sqrt(period)) == root


def test_hma_of_a_straight_line() -> None:
    """It runs ahead by as much as its last average lags, but for the rounding of the lengths."""
    line = 100.0 + np.arange(60.0)
    # WMA(p) of a line lags by (p-1)/3: for p = 16 that is 2·7/3 - 15/3 + 3/3 = 2/3.
    assert indicators.hma(line, 16)[40:] == pytest.approx(line[40:] - 2 / 3, rel=1e-12)


@pytest.mark.parametrize(
    ("strategy", "count", "last"),
    [
        ("atr_d_l", 11, ("equity_price_method",)),
        ("atr_d_duals_l", 11, ("equity_price_method",)),
        ("atr_d_ls", 16, ("short_multiplier", "entry_mode", "trend_filter_period")),
        ("atr_d_duals_ls", 16, ("short_multiplier", "entry_mode", "trend_filter_period")),
        ("atr_d_hma_l", 13, ("hma_fast_length", "hma_slow_length")),
        ("atr_d_hma_ls", 14, ("short_multiplier", "hma_fast_length", "hma_slow_length")),
    ],
)
def test_parameters_of_each_variant(strategy: str, count: int, last: tuple[str, ...]) -> None:
    names = parameters(VARIANTS[strategy])
    assert len(names) == count
    assert names[:11] == COLUMNS[:11] == atr_d.Params._fields[:11]
    rest = names[11:] if count > 11 else names[10:]
    assert rest[: len(last)] == last
    if count == 16:
        assert rest[3:] == ("trend_veto_threshold", "both_triggered_mode")


def test_a_complete_set_has_its_values_in_their_places() -> None:
    assert atr_d.Params._fields == COLUMNS
    for variant in VARIANTS.values():
        names = parameters(variant)
        row = np.arange(2.0, 2.0 + len(names))
        params = atr_d.params_of(complete(variant, row[np.newaxis])[0])
        given = dict(zip(names, row.tolist(), strict=True))
        assert {name: getattr(params, name) for name in names} == given
        assert params.entry_mode == 0 or variant.modes
        assert params.both_triggered_mode == 0 or variant.modes


def test_the_veto_is_computed_as_it_is_written() -> None:
    """The threshold must be exceeded, and its last bit decides."""
    rng = np.random.default_rng(2)
    discriminating = 0
    for _ in range(300):
        before, now = (float(x) for x in rng.uniform(50, 150, 2))
        decline = -100.0 * (now / before - 1.0)
        assert not atr_d.passes_veto(now, before, decline)
        assert atr_d.passes_veto(now, before, math.nextafter(decline, -math.inf))
        discriminating += decline != -100.0 * (now - before) / before
    assert discriminating > 30  # else another order of the operations would pass too


def test_the_band_of_the_hull_averages() -> None:
    above = math.nextafter(1e-12, 1.0)
    for slow in (1.0, -1.0):
        assert not atr_d.is_above(1e-12, 0.0, slow)
        assert atr_d.is_above(above, 0.0, slow)
    assert not atr_d.is_above(0.0, above, 1.0)
