"""The order of two touches in one bar: O1 to O5."""

from __future__ import annotations

import pytest

from contract.markets import LONG_THEN_SELL, SHORT_THEN_BUY
from contract.scenarios import QUIET, Bar, Engine, both_params, first_events, marks, trades


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
@pytest.mark.rule("O1", "O2", "S4")
def test_stop_and_reversal_of_a_long(
    engine: Engine, bar: Bar, exit_price: float, reverses: bool
) -> None:
    result = engine.both(
        [LONG_THEN_SELL[0], bar, bar], capital=98_000, row=both_params(entry_mode=2)
    )
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
@pytest.mark.rule("O1", "O2", "S5")
def test_stop_and_reversal_of_a_short(
    engine: Engine, bar: Bar, exit_price: float, reverses: bool
) -> None:
    result = engine.both([SHORT_THEN_BUY[0], bar, bar], row=both_params(entry_mode=1))
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
@pytest.mark.rule("O1", "O3", "O4", "L6")
def test_stop_and_breakout_reversal_of_a_long(
    engine: Engine,
    changes: dict[str, float],
    entry: Bar,
    bar: Bar,
    exit_price: float,
    reverses: bool,
) -> None:
    bought = entry[1]
    result = engine.both(
        [entry, bar, QUIET],
        capital=bought * 1_000,
        row=both_params(entry_mode=2, **changes),
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
@pytest.mark.rule("O1", "O3", "O4", "L5")
def test_stop_and_breakout_reversal_of_a_short(
    engine: Engine,
    changes: dict[str, float],
    entry: Bar,
    bar: Bar,
    exit_price: float,
    reverses: bool,
) -> None:
    sold = entry[2]
    result = engine.both(
        [entry, bar, QUIET],
        capital=sold * 1_000,
        row=both_params(entry_mode=1, **changes),
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
@pytest.mark.rule("S6", "O1", "O2")
def test_the_first_of_two_entries_cancels_the_other(
    engine: Engine, style: str, bar: Bar, side: int, first: float, second: float
) -> None:
    result = engine.both([bar, (100, 100, 100, 100)], capital=first * 1_000, entry_style=style)
    assert marks(result)[0] == pytest.approx(first * 1_000 + side * 1_000 * (100 - first))
    assert not (result.exit_bar == 100).any()


@BOTH
@pytest.mark.rule("S7", "O1", "O2")
def test_the_second_of_two_entries_closes_the_first(
    engine: Engine, style: str, bar: Bar, side: int, first: float, second: float
) -> None:
    row = both_params(both_triggered_mode=1)
    result = engine.both(
        [bar, (100, 100, 100, 100)], capital=first * 1_000, row=row, entry_style=style
    )
    pnl = side * 1_000 * (second - first)
    assert trades(result)[0] == (side, 100, first, 100, second, pnl)
    assert marks(result)[0] == first * 1_000 + pnl
    # Flat since bar 100, it can trade again in bar 101; the bar itself closes one trade.
    assert (result.exit_bar == 100).sum() == 1


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.rule("O5")
def test_two_entries_that_the_open_has_both_reached(engine: Engine, mode: int) -> None:
    # Buy at 101 - 0.5 = 100.5, sell at 99 + 0.5 = 99.5; the open reaches both: the buy first.
    row = both_params(atr_buy_multiplier=0.25, both_triggered_mode=mode)
    result = engine.both([(100, 101, 99, 101), QUIET], capital=100_000, row=row)
    if mode:
        assert trades(result)[0] == (1, 100, 100, 100, 100, 0)
    assert marks(result)[0] == (100_000 if mode else 101_000)


@pytest.mark.rule("O5")
def test_equal_levels_of_two_breakouts(engine: Engine) -> None:
    still: Bar = (100, 100, 100, 100)  # distances of 0: both levels are the close
    result = engine.both(
        [(100, 102, 100, 102), still], preamble=[still] * 100, entry_style="breakout"
    )
    assert marks(result)[0] == 104_040  # 1020 shares bought at 100
