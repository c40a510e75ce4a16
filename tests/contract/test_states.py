"""States and what leads from one to another: S1 to S9."""

from __future__ import annotations

import pytest

from contract.markets import LONG_THEN_SELL, ONE_SHORT, ONE_TRADE, SHORT_THEN_BUY
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


@pytest.mark.rule("S1")
def test_flat_since_the_bar_before_the_first_trading_bar(engine: Engine) -> None:
    spike: Bar = (100, 110, 99, 100)
    bars: list[Bar] = [
        (100, 101, 99.5, 100.5),  # 100: H(99, 99) = 101, buy at 99; from bar 98: 110-2 = 108
        (100, 100, 99.75, 100),  # 101: buy at 101-1.5 = 99.5
    ]
    result = engine.run(bars, preamble=[*PREAMBLE[:98], spike, QUIET])
    assert marks(result) == [99_000, 99_000]


@pytest.mark.rule("S1", "M10")
def test_nothing_trades_in_the_warm_up(engine: Engine) -> None:
    crash: Bar = (80, 81, 79, 80)  # bar 90 would buy and bar 91 would be stopped
    preamble = [*PREAMBLE[:90], crash, crash, *PREAMBLE[92:]]
    result = engine.run(ONE_TRADE, preamble=preamble)
    assert long_trades(result) == [(100, 99, 103, 98, -1_000)]
    assert (result.equity[:100] == 99_000).all()


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.rule("S4")
def test_only_full_reversal_turns_a_long_into_a_short(engine: Engine, mode: int) -> None:
    result = engine.both(LONG_THEN_SELL, capital=98_000, row=both_params(entry_mode=mode))
    if mode == 2:
        # Q' = 98000 + 1000·3; 1000 shares short at 101, marked at 100.
        assert trades(result) == [(1, 100, 98, 101, 101, 3_000)]
        assert marks(result)[:2] == [99_000, 102_000]
    else:
        assert trades(result) == []
        assert marks(result)[:2] == [99_000, 100_000]


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.rule("S5")
def test_long_priority_turns_a_short_into_a_long_too(engine: Engine, mode: int) -> None:
    result = engine.both(SHORT_THEN_BUY, row=both_params(entry_mode=mode))
    if mode:
        # Q' = 102000 + 1000·3; 105000/99 shares, marked 1 above their price.
        assert trades(result) == [(-1, 100, 102, 101, 99, 3_000)]
        assert marks(result)[:2] == pytest.approx([103_000, 105_000 + 105_000 / 99])
    else:
        assert trades(result) == []
        assert marks(result)[:2] == [103_000, 104_000]


@pytest.mark.rule("S2")
def test_a_long_only_variant_never_sells_short(engine: Engine) -> None:
    row = params(atr_buy_multiplier=1.5)
    result = engine.both([ONE_SHORT[0], (102, 102, 102, 102)], strategy="atr_d_l", row=row)
    assert marks(result) == [102_000, 102_000]


@pytest.mark.rule("S8", "D10")
def test_a_new_position_is_not_stopped_in_its_own_bar(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 101, 90, 91),  # 100: buy at 99; the low is far below any stop. TR 11
        (91, 92, 90, 91),  # 101: stop at 101 - 22 = 79: it has widened. TR 2
        (91, 92, 90, 91),  # 102: stop at 101 - 4 = 97, opened below: exit at 91
    ]
    result = engine.run(bars)
    assert long_trades(result) == [(100, 99, 102, 91, -8_000)]
    assert marks(result) == [91_000, 91_000, 91_000]


@pytest.mark.rule("S8", "D10")
def test_a_new_short_is_not_stopped_in_its_own_bar(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 120, 100, 119),  # 100: sell at 102; the high is far above any stop. TR 20
        (119, 120, 118, 119),  # 101: stop at 100+40 = 140. TR 2
        (119, 120, 118, 119),  # 102: stop at 100+4 = 104, opened above: exit at 119
    ]
    result = engine.both(bars)
    assert trades(result) == [(-1, 100, 102, 102, 119, -17_000)]


@pytest.mark.rule("S8")
def test_a_stopped_position_is_not_bought_back_in_the_same_bar(engine: Engine) -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 99
        (96, 97, 50, 60),  # 101: exit at the open 96, however deep it falls. TR 50
        (60, 61, 59, 60),  # 102: flat since 101: buy at 97-50 = 47. TR 2
        (60, 61, 59, 60),  # 103: H(101, 102) = 97, buy at 95, opened below: 60
    ]
    result = engine.run(bars)
    assert long_trades(result) == [(100, 99, 101, 96, -3_000)]
    # Bought at 60 and marked at 60.
    assert marks(result) == [100_000, 96_000, 96_000, 96_000]


@pytest.mark.rule("S9", "X1")
def test_the_extreme_starts_afresh_at_entry_and_exit(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 105, 100, 104),  # 100: buy at 99, not reached by 100. TR 5
        (103, 103, 100, 101),  # 101: buy at 105-5 = 100: entered. TR 104-100 = 4
        (101, 101, 96, 97),  # 102: H(101, 101) = 103, stop at 103-8 = 95; from 105 it were 97. TR 5
        (97, 98, 93, 95),  # 103: stop at 103-10 = 93: exit. TR 5
        (95, 96, 94, 95),  # 104: H(103, 103) = 98, buy at 98-5 = 93; from 103 it were 98. TR 2
        (95, 96, 94, 95),  # 105: H(103, 104) = 98, buy at 96, opened below: 95
    ]
    result = engine.run(bars, capital=100_000)
    assert long_trades(result) == [(101, 100, 103, 93, -7_000)]
    # 1000 shares from 100; flat at 93000; the second position is marked at its own fill.
    assert marks(result) == [100_000, 101_000, 97_000, 93_000, 93_000, 93_000]


@pytest.mark.rule("S9")
def test_the_whole_entry_bar_belongs_to_the_position(engine: Engine) -> None:
    bars: list[Bar] = [
        (98, 106, 97, 105),  # 100: buy at the open 98. TR 9
        (105, 106, 104, 105),  # 101: stop at 106-18 = 88. TR 2
        (105, 105, 101, 102),  # 102: H(100, 101) = 106, stop at 106-4 = 102: exit
    ]
    result = engine.run(bars, capital=98_000)
    assert long_trades(result) == [(100, 98, 102, 102, 4_000)]


@pytest.mark.rule("S9")
def test_the_low_starts_afresh_with_the_bar_of_the_entry(engine: Engine) -> None:
    bars: list[Bar] = [
        (103, 104, 102.5, 103),  # 100: short at the open 103. TR 4
        (103, 104, 103, 103.5),  # 101: stop at 102.5+8 = 110.5. TR 1
        (103, 104.5, 103, 104),  # 102: stop at 102.5+2 = 104.5; from 99 it were 101
    ]
    result = engine.both(bars, capital=103_000)
    assert trades(result) == [(-1, 100, 103, 102, 104.5, -1_500)]


@pytest.mark.rule("S8", "S9")
def test_a_reversed_position_acts_from_the_next_bar_and_its_extremes_start_afresh(
    engine: Engine,
) -> None:
    bars: list[Bar] = [
        LONG_THEN_SELL[0],  # 100: long at 98
        (100, 101.5, 98.5, 100),  # 101: short at 101. TR 3
        (100, 101, 99.5, 100),  # 102: stop at 98.5+6 = 104.5, buy at 101.5-4.5 = 97. TR 1.5
        # 103: stop at 98.5+3 = 101.5 (from the long's low 98 it were 101), buy at 101.5-2.25
        (100, 101.5, 100, 101),
    ]
    result = engine.both(bars, capital=98_000, row=both_params(entry_mode=2))
    assert trades(result) == [(1, 100, 98, 101, 101, 3_000), (-1, 101, 101, 103, 101.5, -500)]


@pytest.mark.rule("S7", "S9")
def test_after_two_entries_it_is_flat_since_their_bar(engine: Engine) -> None:
    bars: list[Bar] = [
        (99.5, 102, 98, 100),  # 100: bought at 98, sold at 102. TR 4
        (100, 101, 97, 98),  # 101: buy at 102-6 = 96, sell at 98+6; flat, so no stop. TR 4
        (98, 99, 96, 97),  # 102: buy at 102-6 = 96: bought
    ]
    row = both_params(both_triggered_mode=1)
    result = engine.both(bars, capital=98_000, row=row)
    assert trades(result) == [(1, 100, 98, 100, 102, 4_000)]
    assert marks(result) == pytest.approx([102_000, 102_000, 102_000 + 102_000 / 96])


@pytest.mark.rule("S9")
def test_two_entries_start_the_extremes_afresh(engine: Engine) -> None:
    wide: Bar = (100, 104, 96, 100)  # 99: TR 8. Buy at 104-4 = 100, sell at 96+4 = 100
    bars: list[Bar] = [
        (100, 101, 99, 100),  # 100: the open lies on both: bought and sold at 100. TR 2
        (100.5, 101, 100.5, 101),  # 101: buy at 101-1 = 100 (from 104: 103), sell at 99+1 = 100
    ]
    row = both_params(atr_buy_multiplier=0.5, both_triggered_mode=1)
    preamble = [*PREAMBLE[:99], wide]
    result = engine.both(bars, capital=100_500, row=row, preamble=preamble)
    assert trades(result) == [(1, 100, 100, 100, 100, 0)]
    # 1000 shares sold short at the open 100.5; the buy at 103 would have come first.
    assert marks(result) == [100_500, 100_000]
