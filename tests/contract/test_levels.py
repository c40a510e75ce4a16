"""Levels, touches and fills: L1 to L8."""

from __future__ import annotations

import pytest

from contract.markets import ONE_SHORT, ONE_SHORT_MARKS, ONE_TRADE, ONE_TRADE_MARKS
from contract.scenarios import PREAMBLE, QUIET, Bar, Engine, long_trades, marks, params, trades


@pytest.mark.rule("L1", "L3", "S1", "S2", "S3")
def test_entry_and_exit_at_their_levels(engine: Engine) -> None:
    result = engine.run(ONE_TRADE)
    assert long_trades(result) == [(100, 99, 103, 98, -1_000)]
    assert marks(result) == ONE_TRADE_MARKS
    assert (result.equity[:100] == 99_000).all()


@pytest.mark.rule("L2", "L4", "S2", "S3")
def test_a_short_at_its_levels(engine: Engine) -> None:
    result = engine.both(ONE_SHORT)
    assert trades(result) == [(-1, 100, 102, 103, 104, -2_000)]
    assert marks(result) == ONE_SHORT_MARKS


@pytest.mark.rule("L3", "L8")
def test_entry_gapped_through_at_the_open(engine: Engine) -> None:
    bars: list[Bar] = [
        (98, 99, 97.5, 98.5),  # 100: level 99, but it opens at 98
        (98.5, 99, 98, 98.5),
    ]
    result = engine.run(bars, capital=98_000)
    # 1000 shares at 98: mark 98000 + 1000·0.5
    assert marks(result) == [98_500, 98_500]


@pytest.mark.rule("L1", "L8")
def test_exit_gapped_through_at_the_open(engine: Engine) -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 99
        (96, 97, 95, 96),  # 101: stop at 97, but it opens at 96: 1000·(96-99)
    ]
    result = engine.run(bars, capital=99_000, split=101)
    assert long_trades(result) == [(100, 99, 101, 96, -3_000)]
    assert marks(result) == [100_000, 96_000]


@pytest.mark.rule("L2", "L4", "L8")
def test_gaps_through_both_levels(engine: Engine) -> None:
    bars: list[Bar] = [
        (103, 104, 102, 103),  # 100: sell at 102, but it opens at 103. TR 104-100 = 4
        (112, 113, 111, 112),  # 101: stop at 102+8 = 110, but it opens at 112
    ]
    result = engine.both(bars, capital=103_000)
    assert trades(result) == [(-1, 100, 103, 101, 112, -9_000)]
    assert marks(result) == [103_000, 94_000]


@pytest.mark.parametrize("multiplier", [0.05, 0.35, 0.55, 0.95])
@pytest.mark.rule("L3", "L7")
def test_a_low_on_the_level_counts_and_one_tick_above_does_not(
    engine: Engine, multiplier: float
) -> None:
    level = round(101 - 2 * multiplier, 2)  # as a quote would print it
    row = params(atr_buy_multiplier=multiplier)
    after: Bar = (100, 100, 100, 100)

    # 1000 shares bought on the level and marked 3 cents above it.
    on: Bar = (level + 0.03, 101, level, level + 0.03)
    result = engine.run([on, after], row=row, capital=level * 1000)
    assert marks(result)[0] == pytest.approx(level * 1000 + 30)

    above: Bar = (level + 0.03, 101, round(level + 0.01, 2), level + 0.03)
    result = engine.run([above, after], row=row, capital=level * 1000)
    assert marks(result)[0] == level * 1000


@pytest.mark.parametrize(("low", "stopped"), [(98.3, True), (98.31, False)])
@pytest.mark.rule("L1", "L7")
def test_a_stop_on_the_level_counts_and_one_tick_above_does_not(
    engine: Engine, low: float, stopped: bool
) -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 99, TR 2
        (99.5, 100, low, 99.5),  # 101: stop at 101 - 2·1.35 = 98.3
    ]
    result = engine.run(bars, row=params(atr_multiplier=1.35))
    assert [trade[:4] for trade in long_trades(result)] == (
        [(100, 99, 101, 98.3)] if stopped else []
    )
    # 1000 shares stopped 0.7 below their entry, or marked 0.5 above it
    assert marks(result)[1] == pytest.approx(98_300 if stopped else 99_500)


@pytest.mark.parametrize(("high", "entered"), [(101.1, True), (101.09, False)])
@pytest.mark.rule("L5", "L7")
def test_a_breakout_on_the_level_counts_and_one_tick_below_does_not(
    engine: Engine, high: float, entered: bool
) -> None:
    bars: list[Bar] = [
        (100, high, 99.5, 100),  # 100: buy at 100 + 2·0.55 = 101.1
        (100, 100, 100, 100),
    ]
    row = params(atr_buy_multiplier=0.55)
    result = engine.run(bars, row=row, capital=101_100, entry_style="breakout")
    # 1000 shares bought at 101.1 and marked at 100
    assert marks(result)[0] == (pytest.approx(100_000) if entered else 101_100)


@pytest.mark.rule("L2", "L4", "L7")
def test_a_high_below_the_levels_touches_neither(engine: Engine) -> None:
    result = engine.both([(100, 101.99, 98.01, 100), QUIET])
    assert marks(result) == [102_000, 102_000]
    # Stop of the short at 100 + 4 = 104.
    result = engine.both([ONE_SHORT[0], (101, 103.99, 100, 103)])
    assert trades(result) == []
    assert marks(result) == [103_000, 101_000]


@pytest.mark.rule("L5")
def test_breakout_entry_at_its_level(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 101, 96, 97),  # 100: buy at 100+2 = 102. TR 5
        (97, 101, 97, 100),  # 101: buy at 97+5 = 102. TR 4
        (100, 104, 99, 103),  # 102: buy at 100+4 = 104: entered. TR 5
        (103, 104, 94, 95),  # 103: stop at 104-10 = 94: exit
    ]
    result = engine.run(bars, capital=104_000, entry_style="breakout")
    assert long_trades(result) == [(102, 104, 103, 94, -10_000)]
    assert marks(result) == [104_000, 104_000, 103_000, 94_000]


@pytest.mark.rule("L5", "L8")
def test_breakout_entry_gapped_through_at_the_open(engine: Engine) -> None:
    bars: list[Bar] = [
        (103, 104, 102, 103.5),  # 100: level 102, but it opens at 103
        (103, 104, 103, 104),
    ]
    result = engine.run(bars, capital=103_000, entry_style="breakout")
    assert marks(result) == [103_500, 104_000]


@pytest.mark.rule("L6")
def test_a_breakout_sells_below_the_last_close(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 101, 97.5, 99),  # 100: sell at 100-3 = 97. TR 3.5
        (99, 100, 93.75, 94.5),  # 101: sell at 99-5.25 = 93.75, reached exactly. TR 6.25
        (94, 95, 93, 94.75),
    ]
    result = engine.both(bars, capital=93_750, entry_style="breakout")
    assert marks(result)[:2] == [93_750, 93_000]


@pytest.mark.rule("L6", "L8")
def test_a_breakout_below_its_level_sells_at_the_open(engine: Engine) -> None:
    result = engine.both([(96, 97, 95, 95.5), QUIET], capital=96_000, entry_style="breakout")
    assert marks(result)[0] == 96_500


@pytest.mark.rule("L3", "L7")
def test_no_falling_price_touches_a_level_of_0(engine: Engine) -> None:
    # Bar 99 has TR 101: buy at 101 - 101 = 0. The sell is 101 above the low.
    bars: list[Bar] = [(100, 100.5, 0.01, 100), (100, 100, 100, 100)]
    preamble: list[Bar] = [*PREAMBLE[:99], (100, 101, 1e-9, 100)]
    for multiplier, entered in ((1.1, False), (0.995, True)):
        row = params(atr_buy_multiplier=multiplier)
        result = engine.run(bars, preamble=preamble, row=row)
        assert (marks(result)[0] != 99_000) == entered
