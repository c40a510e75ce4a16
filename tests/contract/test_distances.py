"""Distances and tightening: D1 to D10."""

from __future__ import annotations

import pytest

from contract.markets import ONE_SHORT
from contract.scenarios import (
    PREAMBLE,
    QUIET,
    Bar,
    Engine,
    both_params,
    long_trades,
    marks,
    params,
    trades,
)

# Bars whose Bollinger width is 1 in bar 101: closes 98 and 102 have mean 100 and sigma 2, and
# 2·25·2/100 = 1, so r = 1/vol_threshold. The entry lies 3 true ranges below the high.
TIGHTENED: list[Bar] = [
    (100, 101, 98, 98),  # 100: buy at 101-6 = 95. TR 3
    (98, 102, 92, 102),  # 101: buy at 101-9 = 92: entered. TR 10
    (102, 102, 80, 90),  # 102: stop at 102 - 10·2·tightening
]


@pytest.mark.parametrize(
    ("scaling", "vol_threshold", "floor", "exit_price"),
    [
        (0, 4, 0.0625, 97),  # r = 1/4: linear 1/4, distance 5
        (1, 4, 0.0625, 92),  # square root 1/2, distance 10
        (2, 4, 0.0625, 100.75),  # quadratic 1/16, distance 1.25
        (0, 4, 0.5, 92),  # the floor 1/2 is above 1/4
        (2, 4, 0.25, 97),  # the floor 1/4 is above 1/16
        (0, 1, 0.25, 82),  # r = 1: not tightened, distance 20
        (2, 0.5, 0.25, 82),  # r = 2: not widened either
    ],
)
@pytest.mark.rule("D1", "D2", "D3", "D4")
def test_tightening(
    engine: Engine, scaling: int, vol_threshold: float, floor: float, exit_price: float
) -> None:
    row = params(
        atr_buy_multiplier=3,
        scaling_method=scaling,
        vol_threshold=vol_threshold,
        min_tightening=floor,
    )
    result = engine.run(TIGHTENED, row=row, capital=92_000)
    assert long_trades(result) == [(101, 92, 102, exit_price, 1_000 * (exit_price - 92))]


@pytest.mark.parametrize(
    ("scaling", "floor", "max_stop_atr", "exit_price"),
    [
        (0, 1.0, 8, 82),  # distance 20, cap 24
        (0, 1.0, 4, 90),  # distance 20, cap 12
        (1, 0.25, 4, 92),  # tightened to 10, cap 12: the cap looks at the tightened distance
        (0, 0.25, 4, 97),  # tightened to 5
        (0, 0.25, 1, 99),  # tightened to 5, cap 3
    ],
)
@pytest.mark.rule("D5")
def test_the_cap_of_the_stop(
    engine: Engine, scaling: int, floor: float, max_stop_atr: float, exit_price: float
) -> None:
    # ATR(70) of bar 101 looks at bars 32..101: 67·2 + 63 + 3 + 10 = 210, divided by 70 is 3.
    spike: Bar = (100, 162, 99, 100)  # TR 63
    preamble = [*PREAMBLE[:32], spike, *PREAMBLE[33:]]
    row = params(atr_buy_multiplier=3, scaling_method=scaling, min_tightening=floor)
    result = engine.run(
        TIGHTENED, preamble=preamble, row=row, capital=92_000, max_stop_atr=max_stop_atr
    )
    assert long_trades(result) == [(101, 92, 102, exit_price, 1_000 * (exit_price - 92))]


@pytest.mark.rule("D5")
def test_the_cap_of_a_short_stop(engine: Engine) -> None:
    # ATR(70) of bar 100 is 2; a cap of 1 puts the stop at 100 + 2, not 100 + 4.
    result = engine.both([ONE_SHORT[0], (101, 102, 100, 101)], max_stop_atr=1.0)
    assert trades(result) == [(-1, 100, 102, 101, 102, 0)]


@pytest.mark.rule("D8", "D9")
def test_the_short_side_is_scaled(engine: Engine) -> None:
    # Half: sell at 99 + 2·0.75 = 100.5, stop 2 wide instead of 4.
    bars: list[Bar] = [
        (100, 100.5, 99.5, 100),  # 100: short at 100.5. TR 1
        (100, 100.5, 99, 100),  # 101: stop at 99.5 + 1 = 100.5
    ]
    result = engine.both(bars, capital=100_500, row=both_params(short_multiplier=0.5))
    assert trades(result) == [(-1, 100, 100.5, 101, 100.5, 0)]
    assert marks(result) == [101_000, 100_500]


@pytest.mark.rule("D8", "X2", "X8")
def test_the_periods_of_the_short_side_are_scaled(engine: Engine) -> None:
    # Periods of 3 become round_half_up(1.5) = 2. Bars 98 and 99 have TR 2 and 6, mean 4:
    # sell at L + 4·0.75. The long side's mean of 3 is 10/3.
    wide: Bar = (100, 103, 97, 100)
    bars: list[Bar] = [
        (99, 100, 98.5, 99),  # 100: sell at 97+3 = 100, reached. TR 1.5
        # 101: stop at 98.5 + (6+1.5)/2 · 1 = 102.25
        (99, 102.25, 99, 101),
        QUIET,
    ]
    row = both_params(atr_period=3, atr_buy_period=3, short_multiplier=0.5)
    result = engine.both(bars, capital=100_000, row=row, preamble=[*PREAMBLE[:99], wide])
    assert trades(result)[0] == (-1, 100, 100, 101, 102.25, -2_250)


@pytest.mark.rule("D6")
def test_an_entry_lies_its_multiplier_of_smoothed_atrs_away(engine: Engine) -> None:
    # ATR(2) of bar 99 is (2+6)/2 = 4, and its EMA of factor 1/2 is 2 + (4-2)/2 = 3.
    last: Bar = (100, 103, 97, 100)
    row = params(atr_buy_period=2, atr_smooth_period=3, atr_buy_multiplier=0.5)
    bars: list[Bar] = [(102, 102.5, 101.5, 102), (102, 102, 102, 102)]  # buy at 103-1.5 = 101.5
    result = engine.run(bars, preamble=[*PREAMBLE[:99], last], row=row, capital=101_500)
    assert marks(result)[0] == 102_000


@pytest.mark.rule("D10", "L1")
def test_a_level_falls_when_ranges_grow(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 101, 99, 100),  # 100: bought at 99. TR 2
        (100, 101, 97.5, 98),  # 101: stop at 101-4 = 97. TR 3.5
        (98, 98.5, 96, 96.5),  # 102: stop at 101-7 = 94, although it has been at 97. TR 2.5
        (96.5, 97, 96, 96.5),  # 103: stop at 101-5 = 96: exit
    ]
    assert long_trades(engine.run(bars)) == [(100, 99, 103, 96, -3_000)]


@pytest.mark.rule("D10", "L2")
def test_a_level_of_a_short_rises_when_ranges_grow(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 102, 100, 101),  # 100: sold at 102. TR 2
        (101, 103.5, 100, 103),  # 101: stop at 100+4 = 104. TR 3.5
        (103, 105, 102.5, 104.5),  # 102: stop at 100+7 = 107, although it has been at 104. TR 2.5
        (104.5, 105, 104, 104.5),  # 103: stop at 100+5 = 105: exit
    ]
    assert trades(engine.both(bars)) == [(-1, 100, 102, 103, 105, -3_000)]
