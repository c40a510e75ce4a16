"""What holds for any variant, bars, parameters and settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from wfo.atr_d.reference import ReferenceResult, simulate
from wfo.atr_d.reference.variants import VARIANTS, parameters

Floats = NDArray[np.float64]
WARMUP = 90
SPLIT = 170
N = 260

properties = hypothesis.settings(deadline=None, max_examples=120)
seeds = st.integers(0, 2**32 - 1)
strategies = st.sampled_from(list(VARIANTS))
long_only = st.sampled_from([name for name in VARIANTS if name.endswith("_l")])
styles = st.sampled_from(["pullback", "breakout"])
sizings = st.sampled_from(["compound", "fixed"])


@dataclass(frozen=True)
class Case:
    """A variant, its bars[n, 4] as open, high, low, close, those of Data2, and its parameters."""

    strategy: str
    bars: Floats
    second: Floats | None
    params: list[float]


def make(rng: np.random.Generator, n: int = N) -> Floats:
    """Random bars in cents, [n, 4] as open, high, low, close."""
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.015, n)))
    open_ = np.concatenate([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.008, n))
    high = np.maximum(open_, close) * np.exp(rng.exponential(0.006, n))
    low = np.minimum(open_, close) * np.exp(-rng.exponential(0.006, n))
    # Rounding is monotone, so the order of the prices survives it.
    return np.asarray(np.round(np.stack([open_, high, low, close], axis=1), 2))


def make_case(rng: np.random.Generator, strategy: str) -> Case:
    fast = int(rng.integers(1, 20))
    values: dict[str, float] = {
        "atr_period": int(rng.integers(1, 40)),
        "atr_multiplier": float(rng.uniform(0.5, 3)),
        "bb_length": int(rng.integers(2, 50)),
        "bb_deviation": float(rng.uniform(1, 3)),
        "vol_threshold": float(rng.uniform(0.02, 0.3)),
        "min_tightening": float(rng.uniform(0.1, 1)),
        "scaling_method": int(rng.integers(0, 3)),
        "atr_buy_period": int(rng.integers(1, 30)),
        "atr_buy_multiplier": float(rng.uniform(0.2, 2)),
        "atr_smooth_period": int(rng.integers(1, 20)),
        "equity_price_method": int(rng.integers(0, 2)),
        "short_multiplier": float(rng.uniform(0.3, 2)),
        "entry_mode": int(rng.integers(0, 3)),
        "trend_filter_period": int(rng.integers(1, 50)),
        "trend_veto_threshold": float(rng.uniform(-1, 0.3)),
        "both_triggered_mode": int(rng.integers(0, 2)),
        "hma_fast_length": fast,
        "hma_slow_length": fast + int(rng.integers(1, 40)),
    }
    variant = VARIANTS[strategy]
    params = [values[name] for name in parameters(variant)]
    return Case(strategy, make(rng), make(rng) if variant.second else None, params)


def run(case: Case, **changes: Any) -> ReferenceResult:
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
    if case.second is not None:
        settings["second"] = tuple(case.second.T)
    open_, high, low, close = case.bars.T
    return simulate(case.strategy, open_, high, low, close, case.params, **(settings | changes))


def and_then(case: Case, bar: list[float]) -> Case:
    """Return the case with one more bar; Data2 repeats its last."""
    second = None if case.second is None else np.vstack([case.second, case.second[-1:]])
    return replace(case, bars=np.vstack([case.bars, bar]), second=second)


@hypothesis.given(seed=seeds, strategy=strategies, style=styles, sizing=sizings)
@properties
def test_money_is_conserved(seed: int, strategy: str, style: str, sizing: str) -> None:
    """Closed trades and the open mark add up to what equity has gained."""
    case = make_case(np.random.default_rng(seed), strategy)
    slip, fee = 0.0007, 0.0003
    settings: dict[str, Any] = {"entry_style": style, "sizing": sizing, "slip": slip, "fee": fee}
    result = run(case, **settings)

    # One more bar that falls to almost nothing, or rises beyond any level, closes what is open,
    # and so shows its entry.
    last = float(case.bars[-1, 3])
    open_mark = 0.0
    for bar in ([last, last, 0.01, 0.01], [last, 1e4, last, 1e4]):
        more = run(and_then(case, bar), **settings)
        assert np.array_equal(more.equity[:N], result.equity)
        (shown,) = np.nonzero((more.exit_bar == N) & (more.entry_bar < N))
        if shown.size:
            q = 100_000.0 + float(result.pnl.sum())
            base = q if sizing == "compound" else min(100_000.0, q)
            price = float(more.entry_price[shown[0]])
            if more.side[shown[0]] == 1:
                cost = price * (1 + slip) * (1 + fee)
                open_mark = base / cost * (last - cost)
            else:
                sold = price * (1 - slip)
                open_mark = base / sold * (sold * (1 - fee) - last)
    gained = result.equity[-1] - 100_000.0
    assert result.pnl.sum() + open_mark == pytest.approx(gained, rel=1e-9, abs=1e-4)


def held_across(result: ReferenceResult, t: int) -> tuple[NDArray[np.int64], Floats]:
    """Return entry bar and price of what was opened before t and closed later."""
    across = (result.entry_bar < t) & (result.exit_bar >= t)
    return result.entry_bar[across], result.entry_price[across]


@hypothesis.given(seed=seeds, strategy=strategies, style=styles, t=st.integers(WARMUP, N - 1))
@properties
def test_no_trade_knows_the_future(seed: int, strategy: str, style: str, t: int) -> None:
    """Bars from t on, of both symbols, may be anything: fills and marks before t stay."""
    rng = np.random.default_rng(seed)
    case = make_case(rng, strategy)
    bars = case.bars.copy()
    bars[t:] = make(rng)[t:] * rng.uniform(0.5, 2)
    second = None if case.second is None else case.second.copy()
    if second is not None:
        second[t:] = make(rng)[t:] * rng.uniform(0.5, 2)
    one = run(case, entry_style=style)
    two = run(replace(case, bars=bars, second=second), entry_style=style)

    assert np.array_equal(one.equity[:t], two.equity[:t])
    for name in ("side", "entry_bar", "entry_price", "exit_bar", "exit_price", "pnl"):
        before_one = getattr(one, name)[one.exit_bar < t]
        assert np.array_equal(before_one, getattr(two, name)[two.exit_bar < t])
    # A position open at t was opened in the same bar at the same fill, whenever it is closed.
    (bars_one, prices_one), (bars_two, prices_two) = (held_across(r, t) for r in (one, two))
    if bars_one.size and bars_two.size:
        assert np.array_equal(bars_one, bars_two)
        assert np.array_equal(prices_one, prices_two)


@hypothesis.given(seed=seeds, strategy=strategies, style=styles, t=st.integers(WARMUP, N - 1))
@properties
def test_a_bar_does_not_know_its_close(seed: int, strategy: str, style: str, t: int) -> None:
    """Fills in bar t stay when its close changes, and the whole bar of Data2."""
    rng = np.random.default_rng(seed)
    case = make_case(rng, strategy)
    first = run(case, entry_style=style)
    # Half of the time a bar in which something is closed.
    if first.exit_bar.size and rng.random() < 0.5:
        t = int(rng.choice(first.exit_bar))
    bars = case.bars.copy()
    bars[t, 3] = rng.uniform(bars[t, 2], bars[t, 1])
    second = None if case.second is None else case.second.copy()
    if second is not None:
        second[t] *= rng.uniform(0.5, 2)
    other = run(replace(case, bars=bars, second=second), entry_style=style)
    for name in ("side", "entry_bar", "entry_price", "exit_bar", "exit_price", "pnl"):
        one = getattr(first, name)[first.exit_bar <= t]
        assert np.array_equal(one, getattr(other, name)[other.exit_bar <= t])


@hypothesis.given(seed=seeds, strategy=long_only, style=styles)
@properties
def test_a_long_fill_needs_the_open_and_one_extreme(seed: int, strategy: str, style: str) -> None:
    """It stays when the rest of its bar changes: levels come from the bars before."""
    case = make_case(np.random.default_rng(seed), strategy)
    settings: dict[str, Any] = {"entry_style": style, "split": WARMUP + 1, "max_stop_atr": 8.0}
    result = run(case, **settings)
    fills = [
        (bar, price, style == "breakout")
        for bar, price in zip(result.entry_bar.tolist(), result.entry_price.tolist(), strict=True)
    ] + [
        (bar, price, False)
        for bar, price in zip(result.exit_bar.tolist(), result.exit_price.tolist(), strict=True)
    ]
    for bar, price, upward in fills[::4]:
        changed = case.bars[: bar + 1].copy()
        if upward:  # the high stays, the low and the close fall
            changed[bar, 2:] = changed[bar, 2] * 0.6
        else:  # the low stays, the high and the close rise
            changed[bar, [1, 3]] = changed[bar, 1] * 1.7
        # One more bar to close in: whatever the changed bar did shows in the trades. The cap
        # keeps the level of its stop above 0 after such a range.
        second = None if case.second is None else case.second[: bar + 1]
        cut = replace(case, bars=changed, second=second)
        again = run(and_then(cut, [changed[bar, 3], changed[bar, 3], 0.01, 0.01]), **settings)
        both = zip(again.entry_bar.tolist(), again.entry_price.tolist(), strict=True)
        left = zip(again.exit_bar.tolist(), again.exit_price.tolist(), strict=True)
        assert (bar, price) in [*both, *left]


@hypothesis.given(seed=seeds, strategy=strategies, style=styles, sizing=sizings)
@properties
def test_twice_the_capital_is_twice_the_money(
    seed: int, strategy: str, style: str, sizing: str
) -> None:
    """Fractional shares scale without rounding when the factor is a power of two."""
    case = make_case(np.random.default_rng(seed), strategy)
    one = run(case, entry_style=style, sizing=sizing)
    two = run(case, entry_style=style, sizing=sizing, capital=200_000.0)
    assert np.array_equal(two.equity, 2 * one.equity)
    assert np.array_equal(two.pnl, 2 * one.pnl)
    assert np.array_equal(two.exit_price, one.exit_price)
    for name in ("is_pnl", "oos_pnl", "is_dd", "oos_dd"):
        assert getattr(two, name) == 2 * getattr(one, name)


@hypothesis.given(
    seed=seeds,
    strategy=strategies,
    style=styles,
    sizing=sizings,
    lot_size=st.sampled_from([0.0, 1.0, 250.0]),
)
@properties
def test_the_shape_of_a_result(
    seed: int, strategy: str, style: str, sizing: str, lot_size: float
) -> None:
    case = make_case(np.random.default_rng(seed), strategy)
    result = run(case, entry_style=style, sizing=sizing, lot_size=lot_size)

    assert (result.equity[:WARMUP] == 100_000).all()
    assert np.isfinite(result.equity).all()
    assert result.is_pnl + result.oos_pnl == pytest.approx(
        result.equity[-1] - 100_000, rel=1e-9, abs=1e-6
    )
    assert result.is_dd >= 0
    assert result.oos_dd >= 0
    assert result.is_trades + result.oos_trades == result.pnl.size
    assert result.is_trades == (result.exit_bar < SPLIT).sum()
    assert set(result.side.tolist()) <= ({1, -1} if VARIANTS[strategy].shorts else {1})

    # One event a bar: a trade begins where the one before it ended (a reversal) or later, and only
    # a trade of two entries begins and ends in one bar, of which there is no other trade.
    assert (np.diff(result.exit_bar) > 0).all()
    assert (result.entry_bar[1:] >= result.exit_bar[:-1]).all()
    assert (result.entry_bar >= WARMUP).all()
    assert (result.exit_bar >= result.entry_bar).all()
    modes = VARIANTS[strategy].modes
    reverses = result.entry_bar[1:] == result.exit_bar[:-1]
    assert modes or not reverses.any()
    assert (result.side[1:][reverses] == -result.side[:-1][reverses]).all()
    assert (result.entry_price[1:][reverses] == result.exit_price[:-1][reverses]).all()
    same_bar = result.entry_bar == result.exit_bar
    assert modes or not same_bar.any()
    assert not (reverses & same_bar[1:]).any()

    # Nobody trades where the market was not.
    for bar, price in (
        (result.entry_bar, result.entry_price),
        (result.exit_bar, result.exit_price),
    ):
        assert (case.bars[bar, 2] <= price).all()
        assert (price <= case.bars[bar, 1]).all()

    # While flat, equity rests.
    for leave, enter in zip(result.exit_bar[:-1], result.entry_bar[1:], strict=True):
        if lot_size <= 1:  # else a trade of no shares may lie between; it moves nothing either
            assert (result.equity[leave:enter] == result.equity[leave:enter][:1]).all()


@hypothesis.given(seed=seeds, strategy=strategies, style=styles)
@properties
def test_fixed_sizing_risks_no_more_than_the_capital(seed: int, strategy: str, style: str) -> None:
    """Without costs, a fixed trade gains what its price does, on at most the capital."""
    case = make_case(np.random.default_rng(seed), strategy)
    result = run(case, entry_style=style, sizing="fixed", slip=0.0, fee=0.0)
    before = 100_000.0 + np.concatenate([[0.0], np.cumsum(result.pnl)[:-1]])[: result.pnl.size]
    gain = result.side * (result.exit_price / result.entry_price - 1)
    expected = np.minimum(before, 100_000.0) * gain
    assert result.pnl == pytest.approx(expected, rel=1e-9, abs=1e-5)


@hypothesis.given(seed=seeds, style=styles)
@properties
def test_data1_as_data2_is_the_single_symbol(seed: int, style: str) -> None:
    for single, dual in (("atr_d_l", "atr_d_duals_l"), ("atr_d_ls", "atr_d_duals_ls")):
        case = make_case(np.random.default_rng(seed), single)
        one = run(case, entry_style=style)
        two = run(replace(case, strategy=dual, second=case.bars), entry_style=style)
        assert np.array_equal(one.equity, two.equity)
        assert np.array_equal(one.exit_price, two.exit_price)
