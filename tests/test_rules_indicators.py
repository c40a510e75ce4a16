"""Indicators of rules against pandas, Polars and NumPy, and in slow tests against TA-Lib."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.typing import NDArray

import wfo
from wfo.rules.reference import indicators
from wfo.rules.reference.columns import evaluate

Floats = NDArray[np.float64]

LENGTHS = (1, 2, 3, 14, 50)

#: Libraries add in another order.
CLOSE = {"rtol": 1e-10, "atol": 1e-9, "equal_nan": True}


@functools.cache
def sample() -> dict[str, Floats]:
    bars = wfo.load_sample("NASDAQ").tail(700)
    return {name: bars[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}


def steps(seed: int = 1, n: int = 300) -> Floats:
    """Whole numbers that repeat, so that windows have ties."""
    return np.random.default_rng(seed).integers(0, 12, n).astype(float)


def with_gaps() -> Floats:
    x = steps(2)
    x[:3] = x[40] = x[100:103] = np.nan
    return x


INPUTS: dict[str, Callable[[], Floats]] = {
    "closes": lambda: sample()["close"],
    "ties": steps,
    "gaps": with_gaps,
}


def rolling(x: Floats, p: int) -> Any:
    return pd.Series(x).rolling(p)


def by_weights(x: Floats, p: int) -> Floats:
    """Return the mean by weights 1 to p, the newest weighing most; NaN spreads over a window."""
    found = np.full(len(x), np.nan)
    found[p - 1 :] = np.convolve(x, np.arange(p, 0, -1) / (p * (p + 1) / 2), "valid")
    return found


def wilder(x: Floats, p: int) -> Floats:
    """Return Wilder's average of a column that has a value from some bar on."""
    first = int(np.flatnonzero(~np.isnan(x))[0])
    known = pd.Series(x[first:])
    seeded = pd.concat([pd.Series([known[:p].mean()]), known[p:]])
    average = seeded.ewm(alpha=1 / p, adjust=False).mean().to_numpy()
    return np.concatenate([np.full(first + p - 1, np.nan), average])


WINDOWS: dict[str, Callable[[Floats, int], Any]] = {
    "sma": lambda x, p: rolling(x, p).mean(),
    "wma": by_weights,
    "stdev": lambda x, p: rolling(x, p).std(ddof=0),
    "highest": lambda x, p: rolling(x, p).max(),
    "lowest": lambda x, p: rolling(x, p).min(),
    "rank": lambda x, p: rolling(x, p).rank(method="max", pct=True),
    "shift": lambda x, k: pd.Series(x).shift(k),
}


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("given", INPUTS)
def test_a_window_is_that_of_a_library(name: str, given: str) -> None:
    x = INPUTS[given]()
    for p in LENGTHS:
        wanted = np.asarray(WINDOWS[name](x, p))
        # A deviation of equal values is 0 here; running sums leave a rest.
        about = dict(CLOSE, atol=1e-5) if name == "stdev" else CLOSE
        np.testing.assert_allclose(getattr(indicators, name)(x, p), wanted, err_msg=p, **about)


@pytest.mark.parametrize("given", ["closes", "ties"])
def test_windows_of_polars_are_the_same(given: str) -> None:
    x = INPUTS[given]()
    series = pl.Series(x)
    for p in LENGTHS:
        found = {
            "sma": series.rolling_mean(p),
            "stdev": series.rolling_std(p, ddof=0),
            "highest": series.rolling_max(p),
            "lowest": series.rolling_min(p),
            "ema": series.ewm_mean(span=p, adjust=False),
        }
        for name, wanted in found.items():
            about = dict(CLOSE, atol=1e-5) if name == "stdev" else CLOSE
            got = getattr(indicators, name)(x, p)
            np.testing.assert_allclose(got, wanted.to_numpy(), err_msg=f"{name} {p}", **about)


@pytest.mark.parametrize("p", LENGTHS)
def test_exponential_averages_are_those_of_a_library(p: int) -> None:
    x = sample()["close"]
    wanted = pd.Series(x).ewm(span=p, adjust=False).mean()
    np.testing.assert_allclose(indicators.ema(x, p), wanted, **CLOSE)
    # It begins with the first value there is.
    late = np.concatenate([np.full(5, np.nan), x])
    np.testing.assert_allclose(indicators.ema(late, p)[5:], wanted, **CLOSE)
    assert np.isnan(indicators.ema(late, p)[:5]).all()
    np.testing.assert_allclose(indicators.rma(x, p), wilder(x, p), **CLOSE)
    np.testing.assert_allclose(indicators.rma(late, p), wilder(late, p), **CLOSE)


@pytest.mark.parametrize("name", ["ema", "rma"])
def test_a_gap_leaves_an_exponential_average_as_it_is(name: str) -> None:
    x = steps(3, 60)
    gaps = np.insert(x, [20, 20, 41], np.nan)
    average = getattr(indicators, name)
    found = average(gaps, 5)
    assert np.isnan(found[np.isnan(gaps)]).all()
    np.testing.assert_array_equal(found[~np.isnan(gaps)], average(x, 5))


def ranges(high: Floats, low: Floats, close: Floats) -> Floats:
    before = pd.Series(close).shift()
    each = [high - low, (high - before).abs(), (low - before).abs()]
    return pd.concat([pd.Series(x) for x in each], axis=1).max(axis=1).to_numpy()


def test_the_true_range_is_the_largest_of_three() -> None:
    prices = [sample()[name] for name in ("high", "low", "close")]
    np.testing.assert_allclose(indicators.true_range(*prices), ranges(*prices), **CLOSE)


# Those that are made of others, as a class of rules has them.


def column(make: Callable[[Any], Any]) -> Floats:
    """Return what an expression of rules comes to on the sample."""

    class Tried(wfo.Rules):
        hold = wfo.Int(1, 2)

        def rules(self, x: Any) -> Any:
            return wfo.orders(long=x.limit(make(x)), exit_long=x.after(self.hold))

    program = Tried.__wfo_strategy__.kernel.program
    bars = sample()
    found = evaluate(program, {"bars": bars}, [1.0], len(bars["close"]))
    return np.asarray(found[program.long[0].value])


def hull(x: Floats, p: int) -> Floats:
    inner = 2 * by_weights(x, max(1, p // 2)) - by_weights(x, p)
    return by_weights(inner, max(1, math.floor(math.sqrt(p) + 0.5)))


def strength(x: Floats, p: int) -> Floats:
    change = pd.Series(x).diff()
    up, down = (wilder(v.to_numpy(), p) for v in (change.clip(lower=0), -change.clip(upper=0)))
    return 100 - 100 / (1 + up / down)


def direction(p: int) -> Floats:
    bars = sample()
    rise, fall = pd.Series(bars["high"]).diff(), -pd.Series(bars["low"]).diff()
    up, down = (
        rise.where((rise > fall) & (rise > 0), 0.0),
        fall.where((fall > rise) & (fall > 0), 0.0),
    )
    width = ranges(bars["high"], bars["low"], bars["close"])
    # Nothing of it has a value in bar 0.
    up, down, width = (np.concatenate([[np.nan], v[1:]]) for v in (up, down, width))
    a, b = (wilder(v, p) / wilder(width, p) for v in (up, down))
    return wilder(100 * abs(a - b) / (a + b), p)


def band(p: int, deviations: float) -> Any:
    window = rolling(sample()["close"], p)
    return window.mean() + deviations * window.std(ddof=0)


def spans(fast: int, slow: int) -> Any:
    close = pd.Series(sample()["close"])
    return close.ewm(span=fast, adjust=False).mean() - close.ewm(span=slow, adjust=False).mean()


def crosses(line: Floats) -> Floats:
    """Return 1 where the close crosses above a line; not known before the line has two values."""
    close, found = sample()["close"], np.full(len(line), np.nan)
    for t in range(int(np.isnan(line).sum()) + 1, len(line)):
        found[t] = close[t - 1] <= line[t - 1] and close[t] > line[t]
    assert np.nansum(found) > 10
    return found


MADE: dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]] = {
    "atr": (
        lambda x: x.atr(14),
        lambda: rolling(ranges(*(sample()[n] for n in ("high", "low", "close"))), 14).mean(),
    ),
    "hma 9": (lambda x: x.hma(x.close, 9), lambda: hull(sample()["close"], 9)),
    "hma 1": (lambda x: x.hma(x.close, 1), lambda: sample()["close"]),
    "hma 55": (lambda x: x.hma(x.close, 55), lambda: hull(sample()["close"], 55)),
    "rsi 2": (lambda x: x.rsi(x.close, 2), lambda: strength(sample()["close"], 2)),
    "rsi 14": (lambda x: x.rsi(x.close, 14), lambda: strength(sample()["close"], 14)),
    "macd": (lambda x: x.macd(x.close, 12, 26), lambda: spans(12, 26)),
    "macd's signal": (
        lambda x: x.ema(x.macd(x.close, 12, 26), 9),
        lambda: spans(12, 26).ewm(span=9, adjust=False).mean(),
    ),
    "lower band": (lambda x: x.bollinger(x.close, 20, 2).lower, lambda: band(20, -2)),
    "middle band": (lambda x: x.bollinger(x.close, 20, 2).middle, lambda: band(20, 0)),
    "upper band": (lambda x: x.bollinger(x.close, 20, 2.5).upper, lambda: band(20, 2.5)),
    "roc": (
        lambda x: x.roc(x.close, 10),
        lambda: 100 * pd.Series(sample()["close"]).pct_change(10),
    ),
    "adx": (lambda x: x.adx(14), lambda: direction(14)),
    "crosses_above": (
        lambda x: x.where(x.crosses_above(x.close, x.sma(x.close, 10)), 1, 0),
        lambda: crosses(np.asarray(band(10, 0))),
    ),
    "crosses_below": (
        lambda x: x.where(x.crosses_below(x.sma(x.close, 10), x.close), 1, 0),
        lambda: crosses(np.asarray(band(10, 0))),
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_of_others_is_as_the_textbook_has_it(name: str) -> None:
    make, wanted = MADE[name]
    np.testing.assert_allclose(column(make), np.asarray(wanted()), **CLOSE)


@pytest.mark.slow
def test_indicators_are_those_of_ta_lib() -> None:
    talib = pytest.importorskip("talib", reason="needs the dependency group `oracles`")
    bars = sample()
    close, prices = bars["close"], [bars[name] for name in ("high", "low", "close")]
    pairs: dict[str, tuple[Floats, Floats]] = {
        "sma": (indicators.sma(close, 20), talib.SMA(close, 20)),
        "wma": (indicators.wma(close, 20), talib.WMA(close, 20)),
        "stdev": (indicators.stdev(close, 20), talib.STDDEV(close, 20)),
        "highest": (indicators.highest(close, 20), talib.MAX(close, 20)),
        "lowest": (indicators.lowest(close, 20), talib.MIN(close, 20)),
        "rsi": (column(lambda x: x.rsi(x.close, 14)), talib.RSI(close, 14)),
        "roc": (column(lambda x: x.roc(x.close, 10)), talib.ROC(close, 10)),
        "upper": (
            column(lambda x: x.bollinger(x.close, 20, 2).upper),
            talib.BBANDS(close, 20, 2, 2)[0],
        ),
        # It has no range in bar 0, and Wilder's average begins in bar 1.
        "true range": (indicators.true_range(*prices)[1:], talib.TRANGE(*prices)[1:]),
        "wilder's": (
            indicators.rma(np.concatenate([[np.nan], indicators.true_range(*prices)[1:]]), 14),
            talib.ATR(*prices, 14),
        ),
        # Its averages begin otherwise, which 400 bars later makes no difference any more.
        "ema": (indicators.ema(close, 20)[400:], talib.EMA(close, 20)[400:]),
        "macd": (column(lambda x: x.macd(x.close, 12, 26))[600:], talib.MACD(close)[0][600:]),
        "adx": (column(lambda x: x.adx(14))[600:], talib.ADX(*prices, 14)[600:]),
    }
    for name, (found, wanted) in pairs.items():
        np.testing.assert_allclose(found, wanted, rtol=1e-7, equal_nan=True, err_msg=name)
