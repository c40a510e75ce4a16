"""What holds for any bars, parameters and settings."""

from __future__ import annotations

from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from wfo.reference import ReferenceResult, simulate

Floats = NDArray[np.float64]
WARMUP = 75
SPLIT = 170
N = 260

properties = hypothesis.settings(deadline=None, max_examples=60)
seeds = st.integers(0, 2**32 - 1)
styles = st.sampled_from(["pullback", "breakout"])
sizings = st.sampled_from(["compound", "fixed"])


def make(rng: np.random.Generator, n: int = N) -> Floats:
    """Random bars in cents, [n, 4] as open, high, low, close."""
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.015, n)))
    open_ = np.concatenate([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.008, n))
    high = np.maximum(open_, close) * np.exp(rng.exponential(0.006, n))
    low = np.minimum(open_, close) * np.exp(-rng.exponential(0.006, n))
    # Rounding is monotone, so the order of the prices survives it.
    return np.asarray(np.round(np.stack([open_, high, low, close], axis=1), 2))


def make_params(rng: np.random.Generator) -> list[float]:
    return [
        int(rng.integers(1, 40)),
        float(rng.uniform(0.5, 3)),
        int(rng.integers(2, 50)),
        float(rng.uniform(1, 3)),
        float(rng.uniform(0.02, 0.3)),
        float(rng.uniform(0.1, 1)),
        int(rng.integers(0, 3)),
        int(rng.integers(1, 30)),
        float(rng.uniform(0.2, 2)),
        int(rng.integers(1, 20)),
        int(rng.integers(0, 2)),
    ]


def run(bars: Floats, params: list[float], **changes: Any) -> ReferenceResult:
    settings: dict[str, Any] = {
        "warmup": WARMUP,
        "split": SPLIT,
        "capital": 100_000.0,
        "slip": 0.0007,
        "fee": 0.0003,
        "sizing": "compound",
        "lot_size": 0.0,
        "max_stop_atr": 20.0,
        "entry_style": "pullback",
    }
    open_, high, low, close = bars.T
    return simulate(open_, high, low, close, params, **(settings | changes))


@hypothesis.given(seed=seeds, style=styles, sizing=sizings)
@properties
def test_money_is_conserved(seed: int, style: str, sizing: str) -> None:
    """Closed trades and the open mark add up to what equity has gained."""
    rng = np.random.default_rng(seed)
    bars, params = make(rng), make_params(rng)
    slip, fee = 0.0007, 0.0003
    result = run(bars, params, entry_style=style, sizing=sizing)

    # One more bar that falls to almost nothing closes what is open, and so shows its entry.
    last = bars[-1, 3]
    longer = np.vstack([bars, [last, last, 0.01, 0.01]])
    more = run(longer, params, entry_style=style, sizing=sizing)
    assert np.array_equal(more.equity[:N], result.equity)
    shown = more.exit_bar == N
    open_mark = 0.0
    if shown.any():
        q = 100_000.0 + float(result.pnl.sum())
        base = q if sizing == "compound" else min(100_000.0, q)
        cost = float(more.entry_price[shown][0]) * (1 + slip) * (1 + fee)
        open_mark = base / cost * (last - cost)
    gained = result.equity[-1] - 100_000.0
    assert result.pnl.sum() + open_mark == pytest.approx(gained, rel=1e-9, abs=1e-4)


def held_across(result: ReferenceResult, t: int) -> tuple[NDArray[np.int64], Floats]:
    """Return entry bar and price of what was opened before t and closed later."""
    across = (result.entry_bar < t) & (result.exit_bar >= t)
    return result.entry_bar[across], result.entry_price[across]


@hypothesis.given(seed=seeds, style=styles, t=st.integers(WARMUP, N - 1))
@properties
def test_no_trade_knows_the_future(seed: int, style: str, t: int) -> None:
    """Bars from t on may be anything: fills and marks before t stay."""
    rng = np.random.default_rng(seed)
    bars, params = make(rng), make_params(rng)
    other = bars.copy()
    other[t:] = make(rng)[t:] * rng.uniform(0.5, 2)
    one, two = run(bars, params, entry_style=style), run(other, params, entry_style=style)

    assert np.array_equal(one.equity[:t], two.equity[:t])
    for name in ("entry_bar", "entry_price", "exit_bar", "exit_price", "pnl"):
        before_one = getattr(one, name)[one.exit_bar < t]
        assert np.array_equal(before_one, getattr(two, name)[two.exit_bar < t])
    # A position open at t was opened in the same bar at the same fill, whenever it is closed.
    (bars_one, prices_one), (bars_two, prices_two) = (held_across(r, t) for r in (one, two))
    if bars_one.size and bars_two.size:
        assert np.array_equal(bars_one, bars_two)
        assert np.array_equal(prices_one, prices_two)


@hypothesis.given(seed=seeds, style=styles)
@properties
def test_a_bar_decides_only_by_its_open_and_one_extreme(seed: int, style: str) -> None:
    """A fill stays when the rest of its bar changes: levels come from the bars before."""
    rng = np.random.default_rng(seed)
    bars, params = make(rng), make_params(rng)
    settings: dict[str, Any] = {"entry_style": style, "split": WARMUP + 1, "max_stop_atr": 8.0}
    result = run(bars, params, **settings)
    fills = [
        (bar, price, style == "breakout")
        for bar, price in zip(result.entry_bar.tolist(), result.entry_price.tolist(), strict=True)
    ] + [
        (bar, price, False)
        for bar, price in zip(result.exit_bar.tolist(), result.exit_price.tolist(), strict=True)
    ]
    for bar, price, upward in fills[::4]:
        changed = bars[: bar + 1].copy()
        if upward:  # the high stays, the low and the close fall
            changed[bar, 2:] = changed[bar, 2] * 0.6
        else:  # the low stays, the high and the close rise
            changed[bar, [1, 3]] = changed[bar, 1] * 1.7
        # One more bar to close in: whatever the changed bar did shows in the trades. The cap
        # keeps the level of its stop above 0 after such a range.
        end = [changed[bar, 3], changed[bar, 3], 0.01, 0.01]
        again = run(np.vstack([changed, end]), params, **settings)
        both = zip(again.entry_bar.tolist(), again.entry_price.tolist(), strict=True)
        left = zip(again.exit_bar.tolist(), again.exit_price.tolist(), strict=True)
        assert (bar, price) in [*both, *left]


@hypothesis.given(seed=seeds, style=styles, sizing=sizings)
@properties
def test_twice_the_capital_is_twice_the_money(seed: int, style: str, sizing: str) -> None:
    """Fractional shares scale without rounding when the factor is a power of two."""
    rng = np.random.default_rng(seed)
    bars, params = make(rng), make_params(rng)
    one = run(bars, params, entry_style=style, sizing=sizing)
    two = run(bars, params, entry_style=style, sizing=sizing, capital=200_000.0)
    assert np.array_equal(two.equity, 2 * one.equity)
    assert np.array_equal(two.pnl, 2 * one.pnl)
    assert np.array_equal(two.exit_price, one.exit_price)
    for name in ("is_pnl", "oos_pnl", "is_dd", "oos_dd"):
        assert getattr(two, name) == 2 * getattr(one, name)


@hypothesis.given(
    seed=seeds, style=styles, sizing=sizings, lot_size=st.sampled_from([0.0, 1.0, 250.0])
)
@properties
def test_the_shape_of_a_result(seed: int, style: str, sizing: str, lot_size: float) -> None:
    rng = np.random.default_rng(seed)
    bars, params = make(rng), make_params(rng)
    result = run(bars, params, entry_style=style, sizing=sizing, lot_size=lot_size)

    assert (result.equity[:WARMUP] == 100_000).all()
    assert np.isfinite(result.equity).all()
    assert result.is_pnl + result.oos_pnl == pytest.approx(
        result.equity[-1] - 100_000, rel=1e-9, abs=1e-6
    )
    assert result.is_dd >= 0
    assert result.oos_dd >= 0
    assert result.is_trades + result.oos_trades == result.pnl.size
    assert result.is_trades == (result.exit_bar < SPLIT).sum()

    # Trades alternate: in, out, in, out, each in a bar of its own from the first trading bar on.
    order = np.stack([result.entry_bar, result.exit_bar], axis=1).ravel()
    assert (np.diff(order) > 0).all()
    assert (order >= WARMUP).all()

    # Nobody trades where the market was not.
    for bar, price in (
        (result.entry_bar, result.entry_price),
        (result.exit_bar, result.exit_price),
    ):
        assert (bars[bar, 2] <= price).all()
        assert (price <= bars[bar, 1]).all()

    # While flat, equity rests.
    for leave, enter in zip(result.exit_bar[:-1], result.entry_bar[1:], strict=True):
        if lot_size <= 1:  # else a trade of no shares may lie between; it moves nothing either
            assert (result.equity[leave:enter] == result.equity[leave]).all()


@hypothesis.given(seed=seeds, style=styles)
@properties
def test_fixed_sizing_risks_no_more_than_the_capital(seed: int, style: str) -> None:
    """Without costs, a fixed trade gains what its price does, on at most the capital."""
    rng = np.random.default_rng(seed)
    bars, params = make(rng), make_params(rng)
    result = run(bars, params, entry_style=style, sizing="fixed", slip=0.0, fee=0.0)
    before = 100_000.0 + np.concatenate([[0.0], np.cumsum(result.pnl)[:-1]])[: result.pnl.size]
    gain = result.exit_price / result.entry_price - 1
    expected = np.minimum(before, 100_000.0) * gain
    assert result.pnl == pytest.approx(expected, rel=1e-9, abs=1e-5)
