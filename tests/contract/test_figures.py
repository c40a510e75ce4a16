"""Figures of a slice, the extended ones, and sums by label: F1 to F12."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest

from contract.markets import (
    DEEP_SHORT,
    LONG_THEN_SELL,
    NO_STOP,
    ONE_SHORT,
    ONE_SHORT_MARKS,
    ONE_TRADE,
    ONE_TRADE_MARKS,
)
from contract.scenarios import Bar, Engine, both_params, marks, part, trades
from wfo.atr_d.reference import EXTENDED
from wfo.backtest.figures import EXTENDED_NAMES


@pytest.mark.parametrize(
    ("split", "pnl", "drawdown", "count"),
    [
        # 100000 | 102000 101000 98000 ...: the mark of bar 100 belongs to the in-sample part,
        # 102000 -> 98000 falls 4000.
        (101, (1_000, -2_000), (0, 4_000), (0, 1)),
        # 100000 102000 | 101000 98000 ...: open at the boundary; the peak starts at 102000.
        (102, (3_000, -4_000), (0, 4_000), (0, 1)),
        # ... 102000 101000 | 98000: the exit is in bar c. In-sample 102000 -> 101000; then the
        # peak starts afresh at 101000, not at 102000.
        (103, (2_000, -3_000), (1_000, 3_000), (0, 1)),
        # ... 102000 101000 98000 | 98000: the exit is in bar c-1, and its mark belongs to the
        # in-sample drawdown.
        (104, (-1_000, 0), (4_000, 0), (1, 0)),
        (105, (-1_000, 0), (4_000, 0), (1, 0)),
    ],
)
@pytest.mark.rule("F1", "F2", "F3", "F4")
def test_the_boundary(
    engine: Engine,
    split: int,
    pnl: tuple[float, float],
    drawdown: tuple[float, float],
    count: tuple[int, int],
) -> None:
    result = engine.run(ONE_TRADE, split=split)
    assert (result.is_pnl, result.oos_pnl) == pnl
    assert (result.is_dd, result.oos_dd) == drawdown
    assert (result.is_trades, result.oos_trades) == count
    # The boundary changes nothing in the simulation itself.
    assert marks(result) == ONE_TRADE_MARKS


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
@pytest.mark.rule("F1", "F2", "F3", "F4")
def test_the_boundary_of_a_short(
    engine: Engine,
    split: int,
    pnl: tuple[float, float],
    drawdown: tuple[float, float],
    count: tuple[int, int],
) -> None:
    result = engine.both(ONE_SHORT, split=split)
    assert (result.is_pnl, result.oos_pnl) == pnl
    assert (result.is_dd, result.oos_dd) == drawdown
    assert (result.is_trades, result.oos_trades) == count
    assert marks(result) == ONE_SHORT_MARKS


@pytest.mark.rule("F2")
def test_the_in_sample_peak_starts_at_the_capital(engine: Engine) -> None:
    bars: list[Bar] = [
        (98, 99, 96, 97),  # 100: buy at the open 98 (level 99): 1000 shares, mark 1000·(97-98)
        (97, 98, 96, 98),  # 101: mark back at 98000
        (98, 98, 97, 98),
    ]
    result = engine.run(bars, capital=98_000, split=102)
    assert marks(result) == [97_000, 98_000, 98_000]
    # From the capital 98000 down to 97000.
    assert result.is_dd == 1_000
    assert result.oos_dd == 0


def of_trades(found: dict[str, float], side: str = "") -> list[float]:
    names = ("wins", "losses", "gross_profit", "gross_loss", "largest_win", "largest_loss")
    return [found[side + name] for name in names]


def sums(path: Sequence[float]) -> list[float]:
    """Σr, Σr², Σmin(r, 0)² of a path of marks."""
    r = [b / a - 1 for a, b in itertools.pairwise(path)]
    return [sum(r), sum(x * x for x in r), sum(min(x, 0) ** 2 for x in r)]


def of_returns(found: dict[str, float]) -> list[float]:
    return [found[name] for name in ("sum_r", "sum_r2", "sum_down2")]


NOTHING = [0.0] * 6


def test_the_names_are_those_of_the_schema(engine: Engine) -> None:
    assert EXTENDED == EXTENDED_NAMES
    assert tuple(engine.both(ONE_SHORT).extended) == EXTENDED_NAMES


@pytest.mark.parametrize("split", [101, 103, 104])
@pytest.mark.rule("F4", "F5", "F6", "F7", "F8", "F9", "F10")
def test_a_short_and_its_boundary(engine: Engine, split: int) -> None:
    """The trade loses 2000 in bar 103; it is held at the closes of bars 100, 101 and 102."""
    result = engine.both(ONE_SHORT, split=split)
    path = [102_000, *ONE_SHORT_MARKS]
    cut = split - 100 + 1
    first, second = part(result, "is_"), part(result, "oos_")
    loss = [0, 1, 0, -2_000, 0, -2_000]
    for found, closes_here in ((first, split > 103), (second, split <= 103)):
        assert of_trades(found) == (loss if closes_here else NOTHING)
        assert of_trades(found, "short_") == of_trades(found)
        assert of_trades(found, "long_") == NOTHING
    held = min(split, 103) - 100
    assert (first["bars_held"], second["bars_held"]) == (held, 3 - held)
    assert of_returns(first) == pytest.approx(sums(path[:cut]), rel=1e-12)
    assert of_returns(second) == pytest.approx(sums(path[cut - 1 :]), rel=1e-12)
    falls = {101: (0, 5 / 105), 103: (0, 5 / 105), 104: (5 / 105, 0)}[split]
    assert (first["dd_share"], second["dd_share"]) == pytest.approx(falls, rel=1e-12)


@pytest.mark.rule("F5", "F7")
def test_a_long_that_wins_is_no_short(engine: Engine) -> None:
    bars: list[Bar] = [
        (98, 106, 97, 105),  # 100: buy at the open 98. TR 9
        (105, 106, 104, 105),  # 101: stop at 106-18 = 88. TR 2
        (105, 105, 101, 102),  # 102: stop at 106-4 = 102: exit
    ]
    result = engine.run(bars, capital=98_000)
    assert result.pnl.tolist() == [4_000]
    found = part(result, "oos_")
    assert of_trades(found) == of_trades(found, "long_") == [1, 0, 4_000, 0, 4_000, 0]
    assert of_trades(found, "short_") == NOTHING


@pytest.mark.rule("F5", "F6", "F7", "F8", "M11")
def test_wins_and_losses_of_both_sides(engine: Engine) -> None:
    bars: list[Bar] = [
        LONG_THEN_SELL[0],  # 100: long at 98, mark 99000
        (100, 101.5, 98.5, 100),  # 101: short at 101, Q' = 101000. TR 3
        (100, 101, 99.5, 100),  # 102
        (100, 101.5, 100, 101),  # 103: stop at 101.5
        (101, 101, 101, 101),
    ]
    result = engine.both(bars, capital=98_000, row=both_params(entry_mode=2), split=104)
    assert trades(result) == [(1, 100, 98, 101, 101, 3_000), (-1, 101, 101, 103, 101.5, -500)]
    found = part(result, "is_")
    assert of_trades(found) == [1, 1, 3_000, -500, 3_000, -500]
    assert of_trades(found, "long_") == [1, 0, 3_000, 0, 3_000, 0]
    assert of_trades(found, "short_") == [0, 1, 0, -500, 0, -500]
    # At the closes of 100 the long, of 101 and 102 the short.
    assert found["bars_held"] == 3
    assert (result.reversal_bar.tolist(), result.reversal_mark.tolist()) == ([101], [101_000])


@pytest.mark.rule("F5")
def test_a_trade_that_ends_at_nothing_is_neither_won_nor_lost(engine: Engine) -> None:
    # The short at 102 is stopped at the open, 102 again.
    bars: list[Bar] = [
        (100, 102, 97, 97),  # 100: sell at 102. TR 5
        (97, 98, 97, 97),  # 101: stop at 97+10. TR 1
        (102, 102, 102, 102),  # 102: stop at 97+2 = 99, opened above: exit at 102
        (102, 102, 102, 102),
    ]
    result = engine.both(bars, split=103)
    assert trades(result) == [(-1, 100, 102, 102, 102, 0)]
    assert result.is_trades == 1
    assert of_trades(part(result, "is_")) == NOTHING


@pytest.mark.parametrize("split", [101, 102])
@pytest.mark.rule("F9", "F10")
def test_a_reversal_on_a_gap_is_a_peak_of_the_relative_drawdown(engine: Engine, split: int) -> None:
    bars: list[Bar] = [
        LONG_THEN_SELL[0],  # 100: long at 98, mark 99000
        (103, 104, 102, 104),  # 101: sell at 101, opened at 103: Q' = 103000, then mark 102000
        (104, 104, 104, 104),
    ]
    result = engine.both(bars, capital=98_000, row=both_params(entry_mode=2), split=split)
    with_it, without = ("oos_", "is_") if split == 101 else ("is_", "oos_")
    assert part(result, with_it)["dd_share"] == pytest.approx(1_000 / 103_000, rel=1e-12)
    assert part(result, without)["dd_share"] == 0
    # Returns go from close to close and do not see it.
    first, second = part(result, "is_"), part(result, "oos_")
    path = [98_000, 99_000, 102_000, 102_000]
    cut = split - 100 + 1
    assert of_returns(first) == pytest.approx(sums(path[:cut]), rel=1e-12)
    assert of_returns(second) == pytest.approx(sums(path[cut - 1 :]), rel=1e-12)


@pytest.mark.rule("F9")
def test_a_reversal_can_be_the_bottom_of_the_relative_drawdown(engine: Engine) -> None:
    bars: list[Bar] = [
        ONE_SHORT[0],  # 100: short at 102, mark 103000
        (101, 108, 101, 102),  # 101: mark 102000. TR 7
        (102, 103, 101, 102),  # 102: buy at 108-10.5. TR 2
        (104, 110, 104, 109),  # 103: buy at 108-3 = 105, opened at 104: Q' = 100000
        (109, 109, 109, 109),
    ]
    result = engine.both(bars, row=both_params(entry_mode=1, **NO_STOP), split=104)
    assert part(result, "is_")["dd_share"] == pytest.approx(3 / 103, rel=1e-12)


@pytest.mark.parametrize("split", [101, 102, 103])
@pytest.mark.rule("F9", "F11")
def test_marks_of_nothing_or_less(engine: Engine, split: int) -> None:
    """Marks are 103000, -5000, -5000 and 104000 with a reversal, then it is long."""
    bars: list[Bar] = [*DEEP_SHORT, (100, 101, 99, 100), (100, 100, 99, 99)]
    result = engine.both(bars, row=both_params(entry_mode=2, **NO_STOP), split=split)
    assert marks(result)[:4] == [103_000, -5_000, -5_000, 104_000]
    first, second = part(result, "is_"), part(result, "oos_")
    assert all(math.isnan(x) for x in of_returns(second))
    if split == 101:
        assert of_returns(first) == pytest.approx(sums([102_000, 103_000]), rel=1e-12)
        assert second["dd_share"] == pytest.approx(1 + 5 / 103, rel=1e-12)
    else:
        assert all(math.isnan(x) for x in of_returns(first))
        assert first["dd_share"] == pytest.approx(1 + 5 / 103, rel=1e-12)
        # The part begins with a mark below 0, so that its peak is one too.
        assert math.isnan(second["dd_share"])
    # Counts and money do not mind.
    assert of_trades(second) == [1, 0, 2_000, 0, 2_000, 0]


@pytest.mark.rule("M7", "F5", "F8")
def test_trades_of_no_shares_count_nowhere(engine: Engine) -> None:
    for result in (
        engine.both(ONE_SHORT, lot_size=1_001, split=103),
        engine.run(ONE_TRADE, lot_size=5_000),
    ):
        for prefix in ("is_", "oos_"):
            found = part(result, prefix)
            assert of_trades(found) == NOTHING
            assert found["bars_held"] == 0
            assert found["dd_share"] == 0
            assert of_returns(found) == [0, 0, 0]


@pytest.mark.rule("F8", "M12")
def test_a_position_that_stays_open_is_held_and_no_trade(engine: Engine) -> None:
    result = engine.both(ONE_SHORT[:3], split=102)
    assert [part(result, p)["bars_held"] for p in ("is_", "oos_")] == [2, 1]
    assert [of_trades(part(result, p)) for p in ("is_", "oos_")] == [NOTHING, NOTHING]


@pytest.mark.rule("F12")
def test_sums_by_label(engine: Engine) -> None:
    """Of the marks 103000, 104000, 105000, 100000, 100000, over both parts."""
    result = engine.both(ONE_SHORT, split=103, labels=[2, 0, 2, 3, 0])
    r = [x / y - 1 for x, y in zip(ONE_SHORT_MARKS, [102_000, *ONE_SHORT_MARKS], strict=False)]
    assert result.label_sum_r == pytest.approx([r[1] + r[4], 0, r[0] + r[2], r[3]], rel=1e-12)
    squares = [r[1] ** 2, 0, r[0] ** 2 + r[2] ** 2, r[3] ** 2]
    assert result.label_sum_r2 == pytest.approx(squares, rel=1e-12)


@pytest.mark.rule("F12")
def test_a_label_with_a_mark_of_nothing_or_less_has_no_sum(engine: Engine) -> None:
    """The marks are 103000, -5000, -5000 and 104000: of bar 103 the one before is below 0."""
    bars: list[Bar] = [*DEEP_SHORT, (100, 101, 99, 100), (100, 100, 99, 99)]
    row = both_params(entry_mode=2, **NO_STOP)
    result = engine.both(bars, row=row, split=102, labels=[0, 1, 2, 3, 0])
    last = marks(result)[4] / 104_000 - 1
    assert result.label_sum_r[0] == pytest.approx(1 / 102 + last, rel=1e-12)
    assert np.isnan(result.label_sum_r[1:]).all()
    assert np.isnan(result.label_sum_r2[1:]).all()
