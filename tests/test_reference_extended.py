"""Extended figures, sums by label and dated parameters, by scenarios computed by hand.

They run on every engine that has them. The bars are those of `test_reference_shorts`: after the
preamble, in which the true range is 2, a sell of `atr_d_ls` lies at 102 and a buy at 98; those of
`atr_d_l` are in `test_reference_golden`, where the buy lies at 99.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from test_reference_golden import (
    LOSS_THEN_BUY,
    ONE_TRADE,
    Bar,
    engine,  # noqa: F401  # scenarios run on every engine
    marks,
)
from test_reference_golden import params as long_params
from test_reference_golden import run as run_long
from test_reference_shorts import (
    DEEP_SHORT,
    LONG_THEN_SELL,
    NO_STOP,
    ONE_SHORT,
    ONE_SHORT_MARKS,
    QUIET,
    params,
    run,
    trades,
)

from wfo.atr_d.reference import EXTENDED, ReferenceResult
from wfo.backtest.figures import EXTENDED_NAMES


def part(result: ReferenceResult, prefix: str) -> dict[str, float]:
    """The extended figures of one part, by name without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in result.extended.items()
        if name.startswith(prefix)
    }


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


def test_the_names_are_those_of_the_schema() -> None:
    assert EXTENDED == EXTENDED_NAMES
    assert tuple(run(ONE_SHORT).extended) == EXTENDED_NAMES


@pytest.mark.parametrize("split", [101, 103, 104])
def test_a_short_and_its_boundary(split: int) -> None:
    """The trade loses 2000 in bar 103; it is held at the closes of bars 100, 101 and 102."""
    result = run(ONE_SHORT, split=split)
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


def test_a_long_that_wins_is_no_short() -> None:
    bars: list[Bar] = [
        (98, 106, 97, 105),  # 100: buy at the open 98. TR 9
        (105, 106, 104, 105),  # 101: stop at 106-18 = 88. TR 2
        (105, 105, 101, 102),  # 102: stop at 106-4 = 102: exit
    ]
    result = run_long(bars, capital=98_000)
    assert result.pnl.tolist() == [4_000]
    found = part(result, "oos_")
    assert of_trades(found) == of_trades(found, "long_") == [1, 0, 4_000, 0, 4_000, 0]
    assert of_trades(found, "short_") == NOTHING


def test_wins_and_losses_of_both_sides() -> None:
    bars: list[Bar] = [
        LONG_THEN_SELL[0],  # 100: long at 98, mark 99000
        (100, 101.5, 98.5, 100),  # 101: short at 101, Q' = 101000. TR 3
        (100, 101, 99.5, 100),  # 102
        (100, 101.5, 100, 101),  # 103: stop at 101.5
        (101, 101, 101, 101),
    ]
    result = run(bars, capital=98_000, row=params(entry_mode=2), split=104)
    assert trades(result) == [(1, 100, 98, 101, 101, 3_000), (-1, 101, 101, 103, 101.5, -500)]
    found = part(result, "is_")
    assert of_trades(found) == [1, 1, 3_000, -500, 3_000, -500]
    assert of_trades(found, "long_") == [1, 0, 3_000, 0, 3_000, 0]
    assert of_trades(found, "short_") == [0, 1, 0, -500, 0, -500]
    # At the closes of 100 the long, of 101 and 102 the short.
    assert found["bars_held"] == 3
    assert (result.reversal_bar.tolist(), result.reversal_mark.tolist()) == ([101], [101_000])


def test_a_trade_that_ends_at_nothing_is_neither_won_nor_lost() -> None:
    # The short at 102 is stopped at the open, 102 again.
    bars: list[Bar] = [
        (100, 102, 97, 97),  # 100: sell at 102. TR 5
        (97, 98, 97, 97),  # 101: stop at 97+10. TR 1
        (102, 102, 102, 102),  # 102: stop at 97+2 = 99, opened above: exit at 102
        (102, 102, 102, 102),
    ]
    result = run(bars, split=103)
    assert trades(result) == [(-1, 100, 102, 102, 102, 0)]
    assert result.is_trades == 1
    assert of_trades(part(result, "is_")) == NOTHING


@pytest.mark.parametrize("split", [101, 102])
def test_a_reversal_on_a_gap_is_a_peak_of_the_relative_drawdown(split: int) -> None:
    bars: list[Bar] = [
        LONG_THEN_SELL[0],  # 100: long at 98, mark 99000
        (103, 104, 102, 104),  # 101: sell at 101, opened at 103: Q' = 103000, then mark 102000
        (104, 104, 104, 104),
    ]
    result = run(bars, capital=98_000, row=params(entry_mode=2), split=split)
    with_it, without = ("oos_", "is_") if split == 101 else ("is_", "oos_")
    assert part(result, with_it)["dd_share"] == pytest.approx(1_000 / 103_000, rel=1e-12)
    assert part(result, without)["dd_share"] == 0
    # Returns go from close to close and do not see it.
    first, second = part(result, "is_"), part(result, "oos_")
    path = [98_000, 99_000, 102_000, 102_000]
    cut = split - 100 + 1
    assert of_returns(first) == pytest.approx(sums(path[:cut]), rel=1e-12)
    assert of_returns(second) == pytest.approx(sums(path[cut - 1 :]), rel=1e-12)


def test_a_reversal_can_be_the_bottom_of_the_relative_drawdown() -> None:
    bars: list[Bar] = [
        ONE_SHORT[0],  # 100: short at 102, mark 103000
        (101, 108, 101, 102),  # 101: mark 102000. TR 7
        (102, 103, 101, 102),  # 102: buy at 108-10.5. TR 2
        (104, 110, 104, 109),  # 103: buy at 108-3 = 105, opened at 104: Q' = 100000
        (109, 109, 109, 109),
    ]
    result = run(bars, row=params(entry_mode=1, **NO_STOP), split=104)
    assert part(result, "is_")["dd_share"] == pytest.approx(3 / 103, rel=1e-12)


@pytest.mark.parametrize("split", [101, 102, 103])
def test_marks_of_nothing_or_less(split: int) -> None:
    """Marks are 103000, -5000, -5000 and 104000 with a reversal, then it is long."""
    bars: list[Bar] = [*DEEP_SHORT, (100, 101, 99, 100), (100, 100, 99, 99)]
    result = run(bars, row=params(entry_mode=2, **NO_STOP), split=split)
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


def test_trades_of_no_shares_count_nowhere() -> None:
    for result in (
        run(ONE_SHORT, lot_size=1_001, split=103),
        run_long(ONE_TRADE, lot_size=5_000),
    ):
        for prefix in ("is_", "oos_"):
            found = part(result, prefix)
            assert of_trades(found) == NOTHING
            assert found["bars_held"] == 0
            assert found["dd_share"] == 0
            assert of_returns(found) == [0, 0, 0]


def test_a_position_that_stays_open_is_held_and_no_trade() -> None:
    result = run(ONE_SHORT[:3], split=102)
    assert [part(result, p)["bars_held"] for p in ("is_", "oos_")] == [2, 1]
    assert [of_trades(part(result, p)) for p in ("is_", "oos_")] == [NOTHING, NOTHING]


def test_sums_by_label() -> None:
    """Of the marks 103000, 104000, 105000, 100000, 100000, over both parts."""
    result = run(ONE_SHORT, split=103, labels=[2, 0, 2, 3, 0])
    r = [x / y - 1 for x, y in zip(ONE_SHORT_MARKS, [102_000, *ONE_SHORT_MARKS], strict=False)]
    assert result.label_sum_r == pytest.approx([r[1] + r[4], 0, r[0] + r[2], r[3]], rel=1e-12)
    squares = [r[1] ** 2, 0, r[0] ** 2 + r[2] ** 2, r[3] ** 2]
    assert result.label_sum_r2 == pytest.approx(squares, rel=1e-12)


def test_a_label_with_a_mark_of_nothing_or_less_has_no_sum() -> None:
    """The marks are 103000, -5000, -5000 and 104000: of bar 103 the one before is below 0."""
    bars: list[Bar] = [*DEEP_SHORT, (100, 101, 99, 100), (100, 100, 99, 99)]
    row = params(entry_mode=2, **NO_STOP)
    result = run(bars, row=row, split=102, labels=[0, 1, 2, 3, 0])
    last = marks(result)[4] / 104_000 - 1
    assert result.label_sum_r[0] == pytest.approx(1 / 102 + last, rel=1e-12)
    assert np.isnan(result.label_sum_r[1:]).all()
    assert np.isnan(result.label_sum_r2[1:]).all()


# Dated parameters.


def test_a_change_of_parameters_with_a_position_open() -> None:
    """Bought at 99 in bar 100; from bar 102 on the stop is half a true range wide, not two."""
    close = long_params(atr_multiplier=0.5)
    kept = run_long(ONE_TRADE, split=104)
    assert kept.exit_bar[0] > 102
    # 102: the highest since the entry is 102, of bar 101: stop at 102 - 0.5·2 = 101, and the bar
    # goes from 102 down to 100.
    result = run_long(ONE_TRADE, split=104, then=[(102, close)])
    assert (result.entry_bar[0], result.entry_price[0]) == (100, 99)
    assert (result.exit_bar[0], result.exit_price[0], result.pnl[0]) == (102, 101, 2_000)
    assert marks(result)[:3] == [99_000 + 1_000, 99_000 + 3_000, 101_000]
    # A bar later it is too late for that touch.
    later = run_long(ONE_TRADE, split=104, then=[(103, close)])
    assert later.exit_bar[0] == 103
    # Already the orders of bar 101 follow a set that begins with it: stop at 101 - 1 = 100.
    sooner = run_long(ONE_TRADE, split=104, then=[(101, close)])
    assert (sooner.exit_bar[0], sooner.exit_price[0], sooner.pnl[0]) == (101, 100, 1_000)


@pytest.mark.parametrize(("mode", "reverses"), [(0, False), (2, True)])
def test_modes_change_too(mode: int, reverses: bool) -> None:
    """A long of one set is turned into a short by the entry mode of the next."""
    bars: list[Bar] = [*LONG_THEN_SELL]
    result = run(
        bars, capital=98_000, row=params(entry_mode=2 - mode), split=101,
        then=[(101, params(entry_mode=mode))],
    )  # fmt: skip
    assert (result.pnl.tolist() == [3_000]) == reverses


def test_the_extremes_of_a_flat_stretch_go_on_over_a_change() -> None:
    """Flat since bar 99, high 101: the buy of the second set hangs from that high."""
    bars: list[Bar] = [QUIET, QUIET, (100, 100, 97, 98), QUIET]
    far, near = long_params(atr_buy_multiplier=9), long_params(atr_buy_multiplier=1)
    result = run_long(bars, row=far, then=[(102, near)])
    # 101 - 1·2 = 99
    assert marks(result)[2] == pytest.approx(99_000 / 99 * 98)


def test_the_same_set_again_changes_nothing() -> None:
    for run_it, bars, row in (
        (run_long, ONE_TRADE, long_params()),
        (run_long, LOSS_THEN_BUY, long_params(atr_multiplier=1)),
        (run, ONE_SHORT, params()),
    ):
        options: dict[str, Any] = {"row": row, "split": 102}
        plain = run_it(bars, **options)  # type: ignore[operator]  # one of the two
        dated = run_it(bars, then=[(101, row), (102, row)], **options)  # type: ignore[operator]
        assert marks(dated) == marks(plain)
        assert dated.extended == plain.extended
