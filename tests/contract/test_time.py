"""What an order may know, and dated parameters: T1 to T5."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from contract.markets import LONG_THEN_SELL, LOSS_THEN_BUY, ONE_SHORT, ONE_TRADE
from contract.random_cases import (
    WARMUP,
    Floats,
    N,
    and_then,
    long_only,
    make,
    make_case,
    properties,
    seeds,
    simulated,
    strategies,
    styles,
)
from contract.scenarios import QUIET, Bar, Engine, both_params, marks, params
from wfo.atr_d.reference import ReferenceResult


def held_across(result: ReferenceResult, t: int) -> tuple[NDArray[np.int64], Floats]:
    """Return entry bar and price of what was opened before t and closed later."""
    across = (result.entry_bar < t) & (result.exit_bar >= t)
    return result.entry_bar[across], result.entry_price[across]


@hypothesis.given(seed=seeds, strategy=strategies, style=styles, t=st.integers(WARMUP, N - 1))
@properties
@pytest.mark.rule("T1", "T3")
def test_no_trade_knows_the_future(
    engine: Engine, seed: int, strategy: str, style: str, t: int
) -> None:
    """Bars from t on, of both symbols, may be anything: fills and marks before t stay."""
    rng = np.random.default_rng(seed)
    case = make_case(rng, strategy)
    bars = case.bars.copy()
    bars[t:] = make(rng)[t:] * rng.uniform(0.5, 2)
    second = None if case.second is None else case.second.copy()
    if second is not None:
        second[t:] = make(rng)[t:] * rng.uniform(0.5, 2)
    one = simulated(engine, case, entry_style=style)
    two = simulated(engine, replace(case, bars=bars, second=second), entry_style=style)

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
@pytest.mark.rule("T2", "T3")
def test_a_bar_does_not_know_its_close(
    engine: Engine, seed: int, strategy: str, style: str, t: int
) -> None:
    """Fills in bar t stay when its close changes, and the whole bar of Data2."""
    rng = np.random.default_rng(seed)
    case = make_case(rng, strategy)
    first = simulated(engine, case, entry_style=style)
    # Half of the time a bar in which something is closed.
    if first.exit_bar.size and rng.random() < 0.5:
        t = int(rng.choice(first.exit_bar))
    bars = case.bars.copy()
    bars[t, 3] = rng.uniform(bars[t, 2], bars[t, 1])
    second = None if case.second is None else case.second.copy()
    if second is not None:
        second[t] *= rng.uniform(0.5, 2)
    other = simulated(engine, replace(case, bars=bars, second=second), entry_style=style)
    for name in ("side", "entry_bar", "entry_price", "exit_bar", "exit_price", "pnl"):
        one = getattr(first, name)[first.exit_bar <= t]
        assert np.array_equal(one, getattr(other, name)[other.exit_bar <= t])


@hypothesis.given(seed=seeds, strategy=long_only, style=styles)
@properties
@pytest.mark.rule("T1", "T2")
def test_a_long_fill_needs_the_open_and_one_extreme(
    engine: Engine, seed: int, strategy: str, style: str
) -> None:
    """It stays when the rest of its bar changes: levels come from the bars before."""
    case = make_case(np.random.default_rng(seed), strategy)
    settings: dict[str, Any] = {"entry_style": style, "split": WARMUP + 1, "max_stop_atr": 8.0}
    result = simulated(engine, case, **settings)
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
        again = simulated(
            engine, and_then(cut, [changed[bar, 3], changed[bar, 3], 0.01, 0.01]), **settings
        )
        both = zip(again.entry_bar.tolist(), again.entry_price.tolist(), strict=True)
        left = zip(again.exit_bar.tolist(), again.exit_price.tolist(), strict=True)
        assert (bar, price) in [*both, *left]


# Dated parameters.


@pytest.mark.rule("T4", "T5")
def test_a_change_of_parameters_with_a_position_open(engine: Engine) -> None:
    """Bought at 99 in bar 100; from bar 102 on the stop is half a true range wide, not two."""
    close = params(atr_multiplier=0.5)
    kept = engine.run(ONE_TRADE, split=104)
    assert kept.exit_bar[0] > 102
    # 102: the highest since the entry is 102, of bar 101: stop at 102 - 0.5·2 = 101, and the bar
    # goes from 102 down to 100.
    result = engine.run(ONE_TRADE, split=104, then=[(102, close)])
    assert (result.entry_bar[0], result.entry_price[0]) == (100, 99)
    assert (result.exit_bar[0], result.exit_price[0], result.pnl[0]) == (102, 101, 2_000)
    assert marks(result)[:3] == [99_000 + 1_000, 99_000 + 3_000, 101_000]
    # A bar later it is too late for that touch.
    later = engine.run(ONE_TRADE, split=104, then=[(103, close)])
    assert later.exit_bar[0] == 103
    # Already the orders of bar 101 follow a set that begins with it: stop at 101 - 1 = 100.
    sooner = engine.run(ONE_TRADE, split=104, then=[(101, close)])
    assert (sooner.exit_bar[0], sooner.exit_price[0], sooner.pnl[0]) == (101, 100, 1_000)


@pytest.mark.parametrize(("mode", "reverses"), [(0, False), (2, True)])
@pytest.mark.rule("T4")
def test_modes_change_too(engine: Engine, mode: int, reverses: bool) -> None:
    """A long of one set is turned into a short by the entry mode of the next."""
    bars: list[Bar] = [*LONG_THEN_SELL]
    result = engine.both(
        bars, capital=98_000, row=both_params(entry_mode=2 - mode), split=101,
        then=[(101, both_params(entry_mode=mode))],
    )  # fmt: skip
    assert (result.pnl.tolist() == [3_000]) == reverses


@pytest.mark.rule("T5")
def test_the_extremes_of_a_flat_stretch_go_on_over_a_change(engine: Engine) -> None:
    """Flat since bar 99, high 101: the buy of the second set hangs from that high."""
    bars: list[Bar] = [QUIET, QUIET, (100, 100, 97, 98), QUIET]
    far, near = params(atr_buy_multiplier=9), params(atr_buy_multiplier=1)
    result = engine.run(bars, row=far, then=[(102, near)])
    # 101 - 1·2 = 99
    assert marks(result)[2] == pytest.approx(99_000 / 99 * 98)


@pytest.mark.rule("T5")
def test_the_same_set_again_changes_nothing(engine: Engine) -> None:
    for run_it, bars, row in (
        (engine.run, ONE_TRADE, params()),
        (engine.run, LOSS_THEN_BUY, params(atr_multiplier=1)),
        (engine.both, ONE_SHORT, both_params()),
    ):
        options: dict[str, Any] = {"row": row, "split": 102}
        plain = run_it(bars, **options)
        dated = run_it(bars, then=[(101, row), (102, row)], **options)
        assert marks(dated) == marks(plain)
        assert dated.extended == plain.extended
