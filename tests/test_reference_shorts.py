"""Scenarios of `atr_d_ls`, small enough to compute by hand: shorts, reversals, two touches, veto.

They follow the preamble of the long scenarios: 100 quiet bars with high 101, low 99, close 100
and a true range of 2. Both entries lie 1.5 true ranges away, so that a quiet bar touches neither:
the buy at ``101 - 3 = 98`` and the sell at ``99 + 3 = 102`` (pullback), or at ``100 + 3 = 103``
and ``100 - 3 = 97`` (breakout). Stops are 2 true ranges wide, the short side is not scaled, and
the veto's threshold is so low that it never vetoes, unless a scenario says otherwise.
"""

from __future__ import annotations

from typing import Any

import pytest
from test_reference_golden import (
    PREAMBLE,
    QUIET,
    Bar,
    engine,  # noqa: F401  # scenarios run on every engine
    marks,
)
from test_reference_golden import params as params_of
from test_reference_golden import run as run_any

from wfo.atr_d.reference import ReferenceResult

MODES: dict[str, float] = {
    "short_multiplier": 1,
    "entry_mode": 0,
    "trend_filter_period": 1,
    "trend_veto_threshold": -1000,
    "both_triggered_mode": 0,
}
Trade = tuple[int, int, float, int, float, float]


def params(**changes: float) -> list[float]:
    return params_of(MODES, **({"atr_buy_multiplier": 1.5} | changes))


def run(bars: list[Bar], *, capital: float = 102_000, **changes: Any) -> ReferenceResult:
    changes.setdefault("row", params())
    changes.setdefault("strategy", "atr_d_ls")
    return run_any(bars, capital=capital, **changes)


def trades(result: ReferenceResult) -> list[Trade]:
    """Return (side, entry bar, entry price, exit bar, exit price, pnl) of each trade."""
    columns = (
        result.side,
        result.entry_bar,
        result.entry_price,
        result.exit_bar,
        result.exit_price,
        result.pnl,
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


def first_events(result: ReferenceResult) -> list[tuple[int, float, float]]:
    """Return (side, entry price, exit price) of each trade."""
    return [(side, entry, leave) for side, _, entry, _, leave, _ in trades(result)]


# One whole short trade: entry and exit at their levels.
ONE_SHORT: list[Bar] = [
    # open high low close
    (100, 102, 100, 101),  # 100: sell at 102, reached exactly: 1000 shares. TR 2
    (101, 103, 99, 100),  # 101: stop at 100+4 = 104. TR 4
    (100, 101, 98, 99),  # 102: stop at 99+8 = 107. TR 3
    (103, 104, 102, 103),  # 103: stop at 98+6 = 104, reached exactly: 1000·(102-104). TR 5
    (103, 104, 102, 103),  # 104: flat since 103: sell at 102+7.5, buy at 104-7.5. TR 2
]
ONE_SHORT_MARKS = [103_000.0, 104_000.0, 105_000.0, 100_000.0, 100_000.0]


def test_a_short_at_its_levels() -> None:
    result = run(ONE_SHORT)
    assert trades(result) == [(-1, 100, 102, 103, 104, -2_000)]
    assert marks(result) == ONE_SHORT_MARKS


@pytest.mark.parametrize(
    ("split", "pnl", "drawdown", "count"),
    [
        # 103000 | 104000 105000 100000 100000: the mark of the entry bar is in-sample.
        (101, (1_000, -3_000), (0, 5_000), (0, 1)),
        # 103000 104000 105000 | 100000: the exit is in bar c.
        (103, (3_000, -5_000), (0, 5_000), (0, 1)),
        # The exit is in bar c-1.
        (104, (-2_000, 0), (5_000, 0), (1, 0)),
    ],
)
def test_the_boundary_of_a_short(
    split: int, pnl: tuple[float, float], drawdown: tuple[float, float], count: tuple[int, int]
) -> None:
    result = run(ONE_SHORT, split=split)
    assert (result.is_pnl, result.oos_pnl) == pnl
    assert (result.is_dd, result.oos_dd) == drawdown
    assert (result.is_trades, result.oos_trades) == count
    assert marks(result) == ONE_SHORT_MARKS


def test_a_short_open_at_the_end() -> None:
    result = run(ONE_SHORT[:3], capital=102_000, fee=0.5, split=102)
    # A share brings 102·0.5 = 51; it is marked at 101, 100, 99 without exit cost.
    assert marks(result) == [52_000, 53_000, 54_000]
    assert trades(result) == []
    assert (result.is_trades, result.oos_trades) == (0, 0)
    assert (result.is_pnl, result.oos_pnl) == (-49_000, 1_000)
    assert (result.is_dd, result.oos_dd) == (50_000, 0)


def test_gaps_through_both_levels() -> None:
    bars: list[Bar] = [
        (103, 104, 102, 103),  # 100: sell at 102, but it opens at 103. TR 104-100 = 4
        (112, 113, 111, 112),  # 101: stop at 102+8 = 110, but it opens at 112
    ]
    result = run(bars, capital=103_000)
    assert trades(result) == [(-1, 100, 103, 101, 112, -9_000)]
    assert marks(result) == [103_000, 94_000]


def test_a_high_below_the_levels_touches_neither() -> None:
    result = run([(100, 101.99, 98.01, 100), QUIET])
    assert marks(result) == [102_000, 102_000]
    # Stop of the short at 100 + 4 = 104.
    result = run([ONE_SHORT[0], (101, 103.99, 100, 103)])
    assert trades(result) == []
    assert marks(result) == [103_000, 101_000]


@pytest.mark.parametrize(
    ("slip", "fee", "expected"),
    [
        # Shares are 76500/(102·0.75) = 1000 in both cases; the fee is no part of the divisor.
        # Without a fee a share brings 76.5, and at 104 it costs 104·1.25 = 130.
        (0.25, 0.0, [52_000, 53_000, 54_000, 23_000]),
        # With it a share brings 76.5·0.5 = 38.25 and costs 130·1.5 = 195.
        (0.25, 0.5, [13_750, 14_750, 15_750, -80_250]),
    ],
)
def test_slip_and_fee_of_a_short(slip: float, fee: float, expected: list[float]) -> None:
    result = run(ONE_SHORT[:4], capital=76_500, slip=slip, fee=fee)
    assert trades(result) == [(-1, 100, 102, 103, 104, expected[-1] - 76_500)]
    assert marks(result) == expected


def test_lots_and_fixed_sizing_of_a_short() -> None:
    result = run(ONE_SHORT, lot_size=300)
    assert trades(result) == [(-1, 100, 102, 103, 104, -1_800)]
    assert marks(result)[:4] == [102_900, 103_800, 104_700, 100_200]
    result = run(ONE_SHORT, lot_size=1_001)
    assert trades(result) == []
    assert marks(result) == [102_000] * 5


def test_a_new_short_is_not_stopped_in_its_own_bar() -> None:
    bars: list[Bar] = [
        (100, 120, 100, 119),  # 100: sell at 102; the high is far above any stop. TR 20
        (119, 120, 118, 119),  # 101: stop at 100+40 = 140. TR 2
        (119, 120, 118, 119),  # 102: stop at 100+4 = 104, opened above: exit at 119
    ]
    result = run(bars)
    assert trades(result) == [(-1, 100, 102, 102, 119, -17_000)]


def test_the_low_starts_afresh_with_the_bar_of_the_entry() -> None:
    bars: list[Bar] = [
        (103, 104, 102.5, 103),  # 100: short at the open 103. TR 4
        (103, 104, 103, 103.5),  # 101: stop at 102.5+8 = 110.5. TR 1
        (103, 104.5, 103, 104),  # 102: stop at 102.5+2 = 104.5; from 99 it were 101
    ]
    result = run(bars, capital=103_000)
    assert trades(result) == [(-1, 100, 103, 102, 104.5, -1_500)]


@pytest.mark.parametrize(("exit_price", "left"), [(203, 1_000), (204, 0), (205, -1_000)])
def test_ruin_at_a_stop(exit_price: float, left: float) -> None:
    bars: list[Bar] = [
        ONE_SHORT[0],  # 100: short at 102
        (exit_price, 205, 203, 203),  # 101: stop at 104, far below the open. TR 104
        (203, 204, 203, 203),  # 102: sell at 203+156, buy at 205-156. TR 1
        (203, 205, 203, 204),  # 103: buy at 205-1.5, opened below; sell at 203+1.5, reached later
        (204, 204, 204, 204),
    ]
    result = run(bars)
    assert trades(result) == [(-1, 100, 102, 101, exit_price, left - 102_000)]
    # One who has 1000 left buys at 203 and is marked at 204.
    last = 1_000 + 1_000 / 203 if left > 0 else left
    assert marks(result) == pytest.approx([103_000, left, left, last, last])


# A short at 102 whose stop is never reached, and a buy at 210 - 3 = 207 in bar 103.
DEEP_SHORT: list[Bar] = [
    ONE_SHORT[0],  # 100: short at 102, mark 103000
    (101, 210, 101, 209),  # 101: mark 102000 - 1000·107. TR 109
    (209, 210, 208, 209),  # 102: buy at 210-163.5. TR 2
]
NO_STOP = {"atr_multiplier": 500.0}


@pytest.mark.parametrize(("fill", "left"), [(207, -3_000), (204, 0), (203, 1_000)])
def test_ruin_at_a_reversal_has_no_second_half(fill: float, left: float) -> None:
    # 103: opened at the fill or, for 207, above it
    bars: list[Bar] = [*DEEP_SHORT, (min(fill, 204) if fill < 207 else 208, 208, 203, 206), QUIET]
    result = run(bars, row=params(entry_mode=1, **NO_STOP))
    assert trades(result) == [(-1, 100, 102, 103, fill, left - 102_000)]
    held = left / fill if left > 0 else 0.0
    expected = [103_000, -5_000, -5_000, left + held * (206 - fill), left + held * (100 - fill)]
    assert marks(result) == pytest.approx(expected)


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_a_mark_below_zero_does_not_end_trading(mode: int) -> None:
    # 103: buy at 207, opened at 100: Q' = 102000 + 1000·2; 1040 shares are bought at 100.
    bars: list[Bar] = [*DEEP_SHORT, (100, 101, 99, 100), (100, 100, 99, 99)]
    result = run(bars, row=params(entry_mode=mode, **NO_STOP))
    assert marks(result)[:4] == [103_000, -5_000, -5_000, 104_000]
    # Long 1040 from 100, or still short 1000 from 102.
    assert marks(result)[4] == (102_960 if mode else 105_000)
    assert first_events(result) == ([(-1, 102, 100)] if mode else [])


def test_after_a_mark_below_zero_a_new_trade_begins() -> None:
    bars: list[Bar] = [
        (100, 160, 100, 101),  # 100: short at 102. TR 60
        (101, 210, 101, 209),  # 101: stop at 100+120. TR 109. Mark 102000 - 1000·107
        (209, 210, 150, 150),  # 102: stop at 100+218. TR 60
        (150, 151, 149, 150),  # 103: stop at 100+120. TR 2
        (150, 151, 149, 150),  # 104: stop at 100+4, opened at 150: Q' = 102000 - 48000. TR 2
        (149, 150, 148, 149),  # 105: buy at 151-3 = 148
    ]
    result = run(bars)
    assert trades(result) == [(-1, 100, 102, 104, 150, -48_000)]
    left = [54_000.0] * 3
    assert marks(result) == pytest.approx([103_000, -5_000, *left, 54_000 + 54_000 / 148])


LONG_THEN_SELL: list[Bar] = [
    (99, 100, 98, 99),  # 100: buy at 98, reached exactly. TR 2
    (100, 101, 99, 100),  # 101: sell at 98+3 = 101, reached exactly; stop at 100-4 = 96
    (100, 100, 100, 100),
]
SHORT_THEN_BUY: list[Bar] = [
    (101, 102, 100, 101),  # 100: sell at 102. TR 2
    (100, 101, 99, 100),  # 101: buy at 102-3 = 99, reached exactly; stop at 100+4 = 104
    (100, 100, 100, 100),
]


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_only_full_reversal_turns_a_long_into_a_short(mode: int) -> None:
    result = run(LONG_THEN_SELL, capital=98_000, row=params(entry_mode=mode))
    if mode == 2:
        # Q' = 98000 + 1000·3; 1000 shares short at 101, marked at 100.
        assert trades(result) == [(1, 100, 98, 101, 101, 3_000)]
        assert marks(result)[:2] == [99_000, 102_000]
    else:
        assert trades(result) == []
        assert marks(result)[:2] == [99_000, 100_000]


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_long_priority_turns_a_short_into_a_long_too(mode: int) -> None:
    result = run(SHORT_THEN_BUY, row=params(entry_mode=mode))
    if mode:
        # Q' = 102000 + 1000·3; 105000/99 shares, marked 1 above their price.
        assert trades(result) == [(-1, 100, 102, 101, 99, 3_000)]
        assert marks(result)[:2] == pytest.approx([103_000, 105_000 + 105_000 / 99])
    else:
        assert trades(result) == []
        assert marks(result)[:2] == [103_000, 104_000]


def test_a_reversed_position_acts_from_the_next_bar_and_its_extremes_start_afresh() -> None:
    bars: list[Bar] = [
        LONG_THEN_SELL[0],  # 100: long at 98
        (100, 101.5, 98.5, 100),  # 101: short at 101. TR 3
        (100, 101, 99.5, 100),  # 102: stop at 98.5+6 = 104.5, buy at 101.5-4.5 = 97. TR 1.5
        # 103: stop at 98.5+3 = 101.5 (from the long's low 98 it were 101), buy at 101.5-2.25
        (100, 101.5, 100, 101),
    ]
    result = run(bars, capital=98_000, row=params(entry_mode=2))
    assert trades(result) == [(1, 100, 98, 101, 101, 3_000), (-1, 101, 101, 103, 101.5, -500)]


@pytest.mark.parametrize(
    ("split", "drawdown", "count"),
    [(101, (0, 1_000), (0, 1)), (102, (1_000, 0), (1, 0))],
)
def test_a_reversal_on_a_gap_marks_its_fill_before_the_close(
    split: int, drawdown: tuple[float, float], count: tuple[int, int]
) -> None:
    bars: list[Bar] = [
        LONG_THEN_SELL[0],  # 100: long at 98, mark 99000
        (103, 104, 102, 104),  # 101: sell at 101, opened at 103: Q' = 103000, then mark 102000
        (104, 104, 104, 104),
    ]
    result = run(bars, capital=98_000, row=params(entry_mode=2), split=split)
    assert trades(result) == [(1, 100, 98, 101, 103, 5_000)]
    assert marks(result) == [99_000, 102_000, 102_000]
    # The fill is a peak, from which the close falls by 1000.
    assert (result.is_dd, result.oos_dd) == drawdown
    assert (result.is_trades, result.oos_trades) == count


def test_the_fill_of_a_reversal_can_be_the_bottom_of_a_drawdown() -> None:
    bars: list[Bar] = [
        ONE_SHORT[0],  # 100: short at 102, mark 103000
        (101, 108, 101, 102),  # 101: mark 102000. TR 7
        (102, 103, 101, 102),  # 102: buy at 108-10.5. TR 2
        (104, 110, 104, 109),  # 103: buy at 108-3 = 105, opened at 104: Q' = 100000
        (109, 109, 109, 109),
    ]
    result = run(bars, row=params(entry_mode=1, **NO_STOP), split=104)
    assert trades(result) == [(-1, 100, 102, 103, 104, -2_000)]
    assert marks(result)[:3] == [103_000, 102_000, 102_000]
    assert marks(result)[3] == pytest.approx(100_000 + 100_000 / 104 * 5)
    assert result.is_dd == 3_000


@pytest.mark.parametrize(
    ("bar", "exit_price", "reverses"),
    [
        # Stop at 96, sell at 101.
        ((100, 101, 96, 98), 101, True),  # the high is nearer to the open
        ((97, 101, 96, 98), 96, False),  # the low is
        ((98.5, 101, 96, 98), 96, False),  # equally near: the low first
        ((95, 101, 80, 98), 95, False),  # the open has reached the stop, whatever is nearer
        ((96, 101, 80, 98), 96, False),  # it lies exactly on it
        ((102, 120, 96, 98), 102, True),  # the open has reached the sell
        ((101, 120, 96, 98), 101, True),
    ],
)
def test_stop_and_reversal_of_a_long(bar: Bar, exit_price: float, reverses: bool) -> None:
    result = run([LONG_THEN_SELL[0], bar, bar], capital=98_000, row=params(entry_mode=2))
    assert first_events(result)[0] == (1, 98, exit_price)
    left = exit_price * 1_000
    # After a reversal, short for all of it and marked at the close.
    expected = left + left / exit_price * (exit_price - 98) if reverses else left
    assert marks(result)[1] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("bar", "exit_price", "reverses"),
    [
        # Stop at 104, buy at 99.
        ((100, 104, 99, 101), 99, True),  # the low is nearer to the open
        ((103, 104, 99, 101), 104, False),  # the high is
        ((101.5, 104, 99, 101), 99, True),  # equally near: the low first
        ((105, 120, 99, 101), 105, False),  # the open has reached the stop
        ((104, 120, 99, 101), 104, False),
        ((98, 104, 80, 101), 98, True),  # the open has reached the buy
        ((99, 104, 80, 101), 99, True),
    ],
)
def test_stop_and_reversal_of_a_short(bar: Bar, exit_price: float, reverses: bool) -> None:
    result = run([SHORT_THEN_BUY[0], bar, bar], row=params(entry_mode=1))
    assert first_events(result)[0] == (-1, 102, exit_price)
    left = 102_000 + 1_000 * (102 - exit_price)
    expected = left + left / exit_price * (101 - exit_price) if reverses else left
    assert marks(result)[1] == pytest.approx(expected)


LOW_FALL: Bar = (100, 101, 96, 98)


@pytest.mark.parametrize(
    ("changes", "entry", "bar", "exit_price", "reverses"),
    [
        # Buy at 103. TR 3: stop at 103 - 6 = 97, sell at 102 - 4.5 = 97.5, the higher one.
        ({}, (101, 103, 101, 102), LOW_FALL, 97.5, True),
        # Stop at 103 - 4.5 = 98.5, the higher one.
        ({"atr_multiplier": 1.5}, (101, 103, 101, 102), LOW_FALL, 98.5, False),
        # The open has reached both: equal, so the stop, although the sell is the higher one.
        ({}, (101, 103, 101, 102), (95, 96, 94, 95), 95, False),
        # The open has reached the sell only.
        ({}, (101, 103, 101, 102), (97.25, 98, 96, 98), 97.25, True),
        # Buy at 102. TR 2: stop at 102 - 3 = 99, sell at 101 - 2 = 99: equal.
        (
            {"atr_multiplier": 1.5, "atr_buy_multiplier": 1},
            (101, 102, 101, 101),
            LOW_FALL,
            99,
            False,
        ),
    ],
)
def test_stop_and_breakout_reversal_of_a_long(
    changes: dict[str, float], entry: Bar, bar: Bar, exit_price: float, reverses: bool
) -> None:
    bought = entry[1]
    result = run(
        [entry, bar, QUIET],
        capital=bought * 1_000,
        row=params(entry_mode=2, **changes),
        entry_style="breakout",
    )
    assert first_events(result)[0] == (1, bought, exit_price)
    left = exit_price * 1_000
    expected = left + 1_000 * (exit_price - bar[3]) if reverses else left
    assert marks(result)[1] == pytest.approx(expected)


HIGH_RISE: Bar = (100, 104, 99, 102)


@pytest.mark.parametrize(
    ("changes", "entry", "bar", "exit_price", "reverses"),
    [
        # Sell at 97. TR 3: stop at 97 + 6 = 103, buy at 98 + 4.5 = 102.5, the lower one.
        ({}, (99, 99, 97, 98), HIGH_RISE, 102.5, True),
        # Stop at 97 + 4.5 = 101.5, the lower one.
        ({"atr_multiplier": 1.5}, (99, 99, 97, 98), HIGH_RISE, 101.5, False),
        # The open has reached both.
        ({}, (99, 99, 97, 98), (106, 107, 105, 106), 106, False),
        # The open has reached the buy only.
        ({}, (99, 99, 97, 98), (102.75, 104, 102, 103), 102.75, True),
        # Sell at 98. TR 2: stop at 98 + 3 = 101, buy at 99 + 2 = 101: equal.
        ({"atr_multiplier": 1.5, "atr_buy_multiplier": 1}, (99, 99, 98, 99), HIGH_RISE, 101, False),
    ],
)
def test_stop_and_breakout_reversal_of_a_short(
    changes: dict[str, float], entry: Bar, bar: Bar, exit_price: float, reverses: bool
) -> None:
    sold = entry[2]
    result = run(
        [entry, bar, QUIET],
        capital=sold * 1_000,
        row=params(entry_mode=1, **changes),
        entry_style="breakout",
    )
    assert first_events(result)[0] == (-1, sold, exit_price)
    left = sold * 1_000 + 1_000 * (sold - exit_price)
    expected = left + left / exit_price * (bar[3] - exit_price) if reverses else left
    assert marks(result)[1] == pytest.approx(expected)


# Both entries touched from flat: the bar, the side of the first, its fill, the other's fill.
BOTH_PULLBACK: list[tuple[Bar, int, float, float]] = [
    # Buy at 98, sell at 102.
    ((100.5, 102, 98, 100), -1, 102, 98),  # the high is nearer
    ((99.5, 102, 98, 100), 1, 98, 102),  # the low is
    ((100, 102, 98, 100), 1, 98, 102),  # equally near: the low first
    ((102.5, 110, 98, 100), -1, 102.5, 98),  # the open has reached the sell
    ((102, 110, 98, 100), -1, 102, 98),
    ((97.5, 102, 90, 100), 1, 97.5, 102),  # the open has reached the buy
    ((98, 102, 90, 100), 1, 98, 102),
]
BOTH_BREAKOUT: list[tuple[Bar, int, float, float]] = [
    # Buy at 103, sell at 97.
    ((101, 103, 97, 100), 1, 103, 97),
    ((99, 103, 97, 100), -1, 97, 103),
    ((100, 103, 97, 100), -1, 97, 103),
    ((104, 120, 97, 100), 1, 104, 97),
    ((96, 103, 80, 100), -1, 96, 103),
]
BOTH = pytest.mark.parametrize(
    ("style", "bar", "side", "first", "second"),
    [("pullback", *case) for case in BOTH_PULLBACK]
    + [("breakout", *case) for case in BOTH_BREAKOUT],
)


@BOTH
def test_the_first_of_two_entries_cancels_the_other(
    style: str, bar: Bar, side: int, first: float, second: float
) -> None:
    result = run([bar, (100, 100, 100, 100)], capital=first * 1_000, entry_style=style)
    assert marks(result)[0] == pytest.approx(first * 1_000 + side * 1_000 * (100 - first))
    assert not (result.exit_bar == 100).any()


@BOTH
def test_the_second_of_two_entries_closes_the_first(
    style: str, bar: Bar, side: int, first: float, second: float
) -> None:
    row = params(both_triggered_mode=1)
    result = run([bar, (100, 100, 100, 100)], capital=first * 1_000, row=row, entry_style=style)
    pnl = side * 1_000 * (second - first)
    assert trades(result)[0] == (side, 100, first, 100, second, pnl)
    assert marks(result)[0] == first * 1_000 + pnl
    # Whoever is flat since bar 100 may trade in bar 101; the bar itself closes one trade.
    assert (result.exit_bar == 100).sum() == 1


@pytest.mark.parametrize("mode", [0, 1])
def test_two_entries_that_the_open_has_both_reached(mode: int) -> None:
    # Buy at 101 - 0.5 = 100.5, sell at 99 + 0.5 = 99.5; the open reaches both: the buy first.
    row = params(atr_buy_multiplier=0.25, both_triggered_mode=mode)
    result = run([(100, 101, 99, 101), QUIET], capital=100_000, row=row)
    if mode:
        assert trades(result)[0] == (1, 100, 100, 100, 100, 0)
    assert marks(result)[0] == (100_000 if mode else 101_000)


def test_equal_levels_of_two_breakouts() -> None:
    still: Bar = (100, 100, 100, 100)  # distances of 0: both levels are the close
    result = run([(100, 102, 100, 102), still], preamble=[still] * 100, entry_style="breakout")
    assert marks(result)[0] == 104_040  # 1020 shares bought at 100


def test_after_two_entries_it_is_flat_since_their_bar() -> None:
    bars: list[Bar] = [
        (99.5, 102, 98, 100),  # 100: bought at 98, sold at 102. TR 4
        (100, 101, 97, 98),  # 101: buy at 102-6 = 96, sell at 98+6; flat, so no stop. TR 4
        (98, 99, 96, 97),  # 102: buy at 102-6 = 96: bought
    ]
    row = params(both_triggered_mode=1)
    result = run(bars, capital=98_000, row=row)
    assert trades(result) == [(1, 100, 98, 100, 102, 4_000)]
    assert marks(result) == pytest.approx([102_000, 102_000, 102_000 + 102_000 / 96])


def test_two_entries_start_the_extremes_afresh() -> None:
    wide: Bar = (100, 104, 96, 100)  # 99: TR 8. Buy at 104-4 = 100, sell at 96+4 = 100
    bars: list[Bar] = [
        (100, 101, 99, 100),  # 100: the open lies on both: bought and sold at 100. TR 2
        (100.5, 101, 100.5, 101),  # 101: buy at 101-1 = 100 (from 104: 103), sell at 99+1 = 100
    ]
    row = params(atr_buy_multiplier=0.5, both_triggered_mode=1)
    preamble = [*PREAMBLE[:99], wide]
    result = run(bars, capital=100_500, row=row, preamble=preamble)
    assert trades(result) == [(1, 100, 100, 100, 100, 0)]
    # 1000 shares sold short at the open 100.5; the buy at 103 would have come first.
    assert marks(result) == [100_500, 100_000]


def test_ruin_by_two_entries() -> None:
    # A share costs 98·2 and brings 102·0: Q' = 0. Bar 101 would buy at 102-6 = 96 and sell at
    # 98+6 = 104.
    bars: list[Bar] = [(99.5, 102, 98, 100), (99, 104, 96, 97), QUIET]
    row = params(both_triggered_mode=1)
    result = run(bars, capital=196_000, fee=1.0, row=row)
    assert trades(result) == [(1, 100, 98, 100, 102, -196_000)]
    assert marks(result) == [0, 0, 0]


def test_two_entries_of_no_shares() -> None:
    bars: list[Bar] = [(99.5, 102, 98, 100), (100, 101, 97, 98), (98, 99, 96, 97)]
    # 98000 buy no lot of 1010 at 98 (1000 shares), but one at 96 (1020 shares).
    row = params(both_triggered_mode=1)
    result = run(bars, capital=98_000, row=row, lot_size=1_010)
    assert trades(result) == []
    assert marks(result) == [98_000, 98_000, 99_010]


def test_a_reversal_out_of_no_shares() -> None:
    # 102000 sell no lot of 1010 at 102, but buy one at 99 (1030 shares).
    result = run(SHORT_THEN_BUY, row=params(entry_mode=1), lot_size=1_010)
    assert trades(result) == []
    assert marks(result) == [102_000, 103_010, 103_010]


def sells_after(close: float, **changes: float) -> bool:
    """Return whether a touched sell fills in bar 100, after closes of 100 and then ``close``."""
    # Bar 99 has TR 26 with a close 25 away, so the sell lies 6.5 above its low.
    last: Bar = (close, close + 1, close - 1, close)
    bar: Bar = (close + 3, close + 6, close + 2, close + 5)
    result = run(
        [bar, (close,) * 4],
        preamble=[*PREAMBLE[:99], last],
        row=params(atr_buy_multiplier=0.25, **changes),
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
def test_the_veto(close: float, period: int, threshold: float, sells: bool) -> None:
    changes = {"trend_filter_period": period, "trend_veto_threshold": threshold}
    assert sells_after(close, **changes) == sells


def test_the_veto_of_closes_at_rest() -> None:
    for threshold, expected in ((0.0, [102_000, 102_000]), (-0.1, [103_000, 102_000])):
        row = params(trend_veto_threshold=threshold)
        result = run([ONE_SHORT[0], (102, 102, 102, 102)], row=row)
        assert marks(result) == expected


def test_the_extreme_goes_on_behind_the_veto() -> None:
    bars: list[Bar] = [
        (100, 102, 99.5, 99.75),  # 100: sell at 102, vetoed: closes are at rest. TR 2.5
        # 101: closes have fallen. L(99, 100) = 99, sell at 99+3.75 = 102.75; had the hidden touch
        # begun a new state, 99.5+3.75 = 103.25 would be out of reach.
        (100, 103, 100, 101.75),
        (102, 102, 102, 102),
    ]
    result = run(bars, capital=102_750, row=params(trend_veto_threshold=0))
    assert marks(result)[:2] == [102_750, 103_750]


def test_the_veto_hides_a_reversal() -> None:
    for close, expected in ((99, 102_000), (100, 100_000)):
        # 101: a short is allowed when bar 100 closed below 100. The sell lies at 101.
        bars: list[Bar] = [(99, 100, 98, close), *LONG_THEN_SELL[1:]]
        row = params(entry_mode=2, trend_veto_threshold=0)
        assert marks(run(bars, capital=98_000, row=row))[1] == expected


def test_the_veto_leaves_the_buy_of_two_touches() -> None:
    # Both touched, the sell first; vetoed, so the buy opens and nothing closes it.
    row = params(trend_veto_threshold=0, both_triggered_mode=1)
    result = run([(100.5, 102, 98, 100), (100, 100, 100, 100)], capital=98_000, row=row)
    assert marks(result) == [100_000, 100_000]
    assert trades(result) == []


def test_the_veto_leaves_stops_and_buys_alone() -> None:
    result = run(LONG_THEN_SELL, capital=98_000, row=params(trend_veto_threshold=1000))
    assert marks(result)[0] == 99_000


def test_the_short_side_is_scaled() -> None:
    # Half: sell at 99 + 2·0.75 = 100.5, stop 2 wide instead of 4.
    bars: list[Bar] = [
        (100, 100.5, 99.5, 100),  # 100: short at 100.5. TR 1
        (100, 100.5, 99, 100),  # 101: stop at 99.5 + 1 = 100.5
    ]
    result = run(bars, capital=100_500, row=params(short_multiplier=0.5))
    assert trades(result) == [(-1, 100, 100.5, 101, 100.5, 0)]
    assert marks(result) == [101_000, 100_500]


def test_the_periods_of_the_short_side_are_scaled() -> None:
    # Periods of 3 become round_half_up(1.5) = 2. Bars 98 and 99 have TR 2 and 6, mean 4:
    # sell at L + 4·0.75. The long side's mean of 3 is 10/3.
    wide: Bar = (100, 103, 97, 100)
    bars: list[Bar] = [
        (99, 100, 98.5, 99),  # 100: sell at 97+3 = 100, reached. TR 1.5
        # 101: stop at 98.5 + (6+1.5)/2 · 1 = 102.25
        (99, 102.25, 99, 101),
        QUIET,
    ]
    row = params(atr_period=3, atr_buy_period=3, short_multiplier=0.5)
    result = run(bars, capital=100_000, row=row, preamble=[*PREAMBLE[:99], wide])
    assert trades(result)[0] == (-1, 100, 100, 101, 102.25, -2_250)


@pytest.mark.parametrize("strategy", ["atr_d_duals_l", "atr_d_duals_ls"])
def test_data2_feeds_the_width_and_nothing_else(strategy: str) -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 101-2 = 99. TR 2
        (100.5, 101, 100, 100.5),  # 101: stop at 101 - 4·tightening
    ]
    # Data2 closes at 98 and 102 in bars 99 and 100: mean 100, sigma 2, width 2·25·2/100 = 1, and
    # r = 1/4: the stop lies at 100. Data1 has closed at 100 twice: its width is 0, the floor
    # 1/16, and its stop 100.75, above the open.
    second: list[Bar] = [*[(500.0, 900, 1, 98)] * 100, (500, 900, 1, 102), (7, 7, 7, 7)]
    more = MODES | {"trend_veto_threshold": 1000} if strategy.endswith("s") else {}
    row = params_of(more, min_tightening=0.0625)
    result = run(bars, strategy=strategy, row=row, second=second, capital=99_000)
    assert trades(result) == [(1, 100, 99, 101, 100, 1_000)]


def test_data2_tightens_the_stop_of_a_short_too() -> None:
    bars: list[Bar] = [
        ONE_SHORT[0],  # 100: short at 102. TR 2
        (100.5, 101, 100, 100.5),  # 101: stop at 100 + 4·1/4 = 101, reached
    ]
    second: list[Bar] = [*[(98.0, 98, 98, 98)] * 100, (102, 102, 102, 102), (7, 7, 7, 7)]
    row = params(min_tightening=0.0625)
    result = run(bars, strategy="atr_d_duals_ls", row=row, second=second)
    assert trades(result) == [(-1, 100, 102, 101, 101, 1_000)]


def test_the_cap_of_a_short_stop() -> None:
    # ATR(70) of bar 100 is 2; a cap of 1 puts the stop at 100 + 2, not 100 + 4.
    result = run([ONE_SHORT[0], (101, 102, 100, 101)], max_stop_atr=1.0)
    assert trades(result) == [(-1, 100, 102, 101, 102, 0)]


def test_a_long_only_variant_never_sells_short() -> None:
    row = params_of(atr_buy_multiplier=1.5)
    result = run([ONE_SHORT[0], (102, 102, 102, 102)], strategy="atr_d_l", row=row)
    assert marks(result) == [102_000, 102_000]
