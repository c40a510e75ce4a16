"""Entry filters and the veto: V1 to V3."""

from __future__ import annotations

import math

import pytest

from contract.markets import LONG_THEN_SELL, ONE_SHORT
from contract.scenarios import PREAMBLE, Bar, Engine, both_params, marks, trades


def sells_after(engine: Engine, close: float, **changes: float) -> bool:
    """Return whether a touched sell fills in bar 100, after closes of 100 and then ``close``."""
    # Bar 99 has TR 26 with a close 25 away, so the sell lies 6.5 above its low.
    last: Bar = (close, close + 1, close - 1, close)
    bar: Bar = (close + 3, close + 6, close + 2, close + 5)
    result = engine.both(
        [bar, (close,) * 4],
        preamble=[*PREAMBLE[:99], last],
        row=both_params(atr_buy_multiplier=0.25, **changes),
    )
    # Without a sale the capital stays; a sale at close + 5.5 is marked 0.5 lower.
    return marks(result)[0] != 102_000


@pytest.mark.parametrize(
    ("close", "period", "threshold", "sells"),
    [
        (75, 1, 24.9, True),  # a fall by 25 %
        (75, 1, 25, False),  # must be exceeded
        (75, 1, 25.1, False),
        (125, 1, -24.9, False),  # a rise by 25 %
        (125, 1, -25, False),
        (125, 1, -25.1, True),  # a negative threshold allows rises
        # EMA of 3: 100 -> 100 + (75-100)/2 = 87.5
        (75, 3, 12.4, True),
        (75, 3, 12.5, False),
    ],
)
@pytest.mark.rule("V2", "X5")
def test_the_veto(engine: Engine, close: float, period: int, threshold: float, sells: bool) -> None:
    changes = {"trend_filter_period": period, "trend_veto_threshold": threshold}
    assert sells_after(engine, close, **changes) == sells


@pytest.mark.rule("V2")
def test_the_veto_of_closes_at_rest(engine: Engine) -> None:
    for threshold, expected in ((0.0, [102_000, 102_000]), (-0.1, [103_000, 102_000])):
        row = both_params(trend_veto_threshold=threshold)
        result = engine.both([ONE_SHORT[0], (102, 102, 102, 102)], row=row)
        assert marks(result) == expected


@pytest.mark.rule("V1")
def test_the_extreme_goes_on_behind_the_veto(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 102, 99.5, 99.75),  # 100: sell at 102, vetoed: closes are at rest. TR 2.5
        # 101: closes have fallen. L(99, 100) = 99, sell at 99+3.75 = 102.75; had the hidden touch
        # begun a new state, 99.5+3.75 = 103.25 would be out of reach.
        (100, 103, 100, 101.75),
        (102, 102, 102, 102),
    ]
    result = engine.both(bars, capital=102_750, row=both_params(trend_veto_threshold=0))
    assert marks(result)[:2] == [102_750, 103_750]


@pytest.mark.rule("V1", "V2", "S4")
def test_the_veto_hides_a_reversal(engine: Engine) -> None:
    for close, expected in ((99, 102_000), (100, 100_000)):
        # 101: a short is allowed when bar 100 closed below 100. The sell lies at 101.
        bars: list[Bar] = [(99, 100, 98, close), *LONG_THEN_SELL[1:]]
        row = both_params(entry_mode=2, trend_veto_threshold=0)
        assert marks(engine.both(bars, capital=98_000, row=row))[1] == expected


@pytest.mark.rule("V1", "V2")
def test_the_veto_leaves_the_buy_of_two_touches(engine: Engine) -> None:
    # Both touched, the sell first; vetoed, so the buy opens and nothing closes it.
    row = both_params(trend_veto_threshold=0, both_triggered_mode=1)
    result = engine.both([(100.5, 102, 98, 100), (100, 100, 100, 100)], capital=98_000, row=row)
    assert marks(result) == [100_000, 100_000]
    assert trades(result) == []


@pytest.mark.rule("V2")
def test_the_veto_leaves_stops_and_buys_alone(engine: Engine) -> None:
    result = engine.both(LONG_THEN_SELL, capital=98_000, row=both_params(trend_veto_threshold=1000))
    assert marks(result)[0] == 99_000


@pytest.mark.rule("V3", "V2", "X5")
def test_the_trend_begins_with_bar_0(engine: Engine) -> None:
    """A close of 200 in bar 0 lets a long average fall ever since; the threshold's bit decides."""
    e = [200.0]
    for _ in range(99):
        e.append(e[-1] + 2 / 1001 * (100 - e[-1]))
    fall = -100 * (e[99] / e[98] - 1)
    assert fall > 0.05
    preamble: list[Bar] = [(200, 201, 199, 200), *PREAMBLE[1:]]
    for threshold, sells in ((fall, False), (math.nextafter(fall, 0), True)):
        row = both_params(trend_filter_period=1000, trend_veto_threshold=threshold)
        result = engine.both([ONE_SHORT[0], (101, 101, 101, 101)], preamble=preamble, row=row)
        assert (marks(result)[0] != 102_000) == sells
