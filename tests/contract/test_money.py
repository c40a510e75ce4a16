"""Money: M1 to M13."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from contract.markets import (
    DEEP_SHORT,
    LONG_THEN_SELL,
    LOSS_THEN_BUY,
    NO_STOP,
    ONE_SHORT,
    ONE_TRADE,
    SHORT_THEN_BUY,
)
from contract.random_cases import (
    SPLIT,
    WARMUP,
    N,
    and_then,
    make_case,
    properties,
    seeds,
    simulated,
    sizings,
    strategies,
    styles,
)
from contract.scenarios import (
    PREAMBLE,
    QUIET,
    Bar,
    Engine,
    both_params,
    first_events,
    long_trades,
    marks,
    params,
    trades,
)
from wfo.atr_d.reference.money import round_to_lots
from wfo.atr_d.reference.variants import VARIANTS
from wfo.atr_d.settings import Settings


@pytest.mark.rule("M1", "M2", "M3", "M4", "M13")
def test_fee_and_slip(engine: Engine) -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 99: a share costs 99·1.25·1.5 = 185.625
        (96, 97, 95, 96),  # 101: exit at 96: a share brings 96·0.75·0.5 = 36
    ]
    result = engine.run(bars, capital=185_625, slip=0.25, fee=0.5)
    # The listed prices are the raw fills; pnl is 1000·(36-185.625).
    assert long_trades(result) == [(100, 99, 101, 96, -149_625)]
    # Mark of the entry bar: 185625 + 1000·(100-185.625), entry cost paid, exit cost not.
    assert marks(result) == [100_000, 36_000]


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
@pytest.mark.rule("M1", "M2", "M3", "M4", "M13")
def test_slip_and_fee_of_a_short(
    engine: Engine, slip: float, fee: float, expected: list[float]
) -> None:
    result = engine.both(ONE_SHORT[:4], capital=76_500, slip=slip, fee=fee)
    assert trades(result) == [(-1, 100, 102, 103, 104, expected[-1] - 76_500)]
    assert marks(result) == expected


@pytest.mark.parametrize(
    ("sizing", "second_pnl", "final"), [("compound", -4_000, 106_000), ("fixed", -3_600, 106_400)]
)
@pytest.mark.rule("M5")
def test_sizing_after_a_gain(engine: Engine, sizing: str, second_pnl: float, final: float) -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 99: 1000 shares
        (110, 112, 110, 111),  # 101: stop at 101-2 = 99. TR 12
        (111, 112, 110, 111),  # 102: stop at 112-12 = 100. TR 2
        (111, 111, 110, 110),  # 103: stop at 112-2 = 110: Q' = 99000 + 11000. TR 1
        (110, 111, 110, 110),  # 104: buy at 111-1 = 110: 110000/110 or 99000/110 = 900. TR 1
        (106, 107, 105, 106),  # 105: stop at 110, opened at 106: -4 a share
    ]
    result = engine.run(bars, row=params(atr_multiplier=1), sizing=sizing)
    assert long_trades(result) == [
        (100, 99, 103, 110, 11_000),
        (104, 110, 105, 106, second_pnl),
    ]
    assert marks(result)[-1] == final


@pytest.mark.parametrize("sizing", ["compound", "fixed"])
@pytest.mark.rule("M5")
def test_sizing_after_a_loss(engine: Engine, sizing: str) -> None:
    result = engine.run(LOSS_THEN_BUY, row=params(atr_multiplier=1), sizing=sizing)
    # Q' = 99000 - 1000·9 = 90000; fixed sizing has no more than that either: 1000 shares at 90.
    assert long_trades(result) == [(100, 99, 101, 90, -9_000), (103, 90, 105, 91, 1_000)]
    assert marks(result) == [100_000, 90_000, 90_000, 91_000, 93_000, 91_000]


SIZINGS = pytest.mark.parametrize("sizing", ["compound", "fixed"])


def shares_of(engine: Engine, capital: float, lot: float, sizing: str) -> tuple[float, float]:
    """Return how many shares a buy and a sell make of a capital, both at 100."""
    settings: dict[str, Any] = {"capital": capital, "lot_size": lot, "sizing": sizing}
    bought = engine.run(
        # 100: buy at 101-1 = 100. 101: the close is 100 above it.
        [(100, 101, 100, 100), (101, 200, 101, 200)],
        row=params(atr_buy_multiplier=0.5),
        **settings,
    )
    sold = engine.both(
        # 100: sell at 97.5+2.5 = 100. 101: the close is 50 below it; stop at 98.5 + 30·1.5.
        [(99, 100, 98.5, 99), (99, 99, 50, 50)],
        preamble=[*PREAMBLE[:98], (99, 100, 98, 98), (98, 98.5, 97.5, 98)],  # TR 2, TR 1
        row=both_params(atr_buy_multiplier=2.5, atr_multiplier=30),
        **settings,
    )
    assert bought.pnl.size == sold.pnl.size == 0
    return (marks(bought)[1] - capital) / 100, (marks(sold)[1] - capital) / 50


@pytest.mark.rule("M6")
@SIZINGS
@pytest.mark.parametrize(
    ("capital", "lot", "shares"),
    [
        (29, 0.01, 0.29),  # .29 / .01 is 28.999999999999996
        (58, 0.01, 0.58),
        (70, 0.1, 0.7),
        (115, 0.01, 1.15),
        (29.5, 0.01, 0.29),  # half a lot is none
        (28.99, 0.01, 0.28),  # nor is a lot but for a hundredth of it
        (29.5, 0.3, 0.0),
    ],
)
def test_rounding_takes_no_lot_away(
    engine: Engine, capital: float, lot: float, shares: float, sizing: str
) -> None:
    found = shares_of(engine, capital, lot, sizing)
    assert found == pytest.approx((shares, shares), abs=1e-13)


@pytest.mark.rule("M6")
@hypothesis.given(
    lot=st.sampled_from([0.1, 0.01, 0.001, 1e-8]),
    lots=st.integers(1, 2**32),
    sizing=sizings,
    spare=st.sampled_from([0, 0.5, 0.99]),
)
@properties
def test_so_many_lots_as_the_capital_pays(
    engine: Engine, lot: float, lots: int, sizing: str, spare: float
) -> None:
    """Decimal lots at 100: the capital of k lots, or of nearly one more, makes k of them."""
    each = Fraction(str(lot))
    capital = float((lots + Fraction(spare)) * each * 100)
    wanted = float(lots * each)
    # Profits are differences of marks, which are exact enough to tell a lot from none.
    assert math.ulp(3 * capital) < lot / 100
    assert shares_of(engine, capital, lot, sizing) == pytest.approx(
        (wanted, wanted), abs=lot / 10, rel=0
    )


@pytest.mark.rule("M6")
@hypothesis.given(
    lot=st.floats(1e-8, 1e3),
    lots=st.integers(1, 9_999_999_999),
    ulps=st.integers(-20, 20),
    sizing=sizings,
)
@properties
def test_shares_exceed_what_is_paid_for_by_a_few_units_in_the_last_place_only(
    engine: Engine, lot: float, lots: int, ulps: int, sizing: str
) -> None:
    """The bound is 2⁻⁴⁹ of the shares; reading them from marks takes 2⁻⁵¹ more."""
    capital = float(lots * Fraction(lot) * 100) * (1 + ulps * 2.0**-52)
    for found in shares_of(engine, capital, lot, sizing):
        paid = Fraction(capital) / 100
        assert found <= paid * (1 + Fraction(1, 2**49) + Fraction(1, 2**51))
        assert found > (paid - Fraction(lot)) * (1 - Fraction(1, 2**50))


@pytest.mark.rule("M6")
@hypothesis.given(shares=st.floats(1e-12, 1e30), lot=st.floats(1e-12, 1e12))
@properties
def test_lots_have_the_same_bits_wherever_they_are_rounded(shares: float, lot: float) -> None:
    """In the reference, and in what buy-and-hold and the conformance suite round by."""
    found = round_to_lots(shares, lot)
    assert found == Settings(lot_size=lot).whole_lots(shares)
    assert Fraction(found) <= Fraction(shares) * (1 + Fraction(1, 2**49))
    assert round_to_lots(shares, 0.0) == Settings().whole_lots(shares) == shares


@pytest.mark.rule("M6")
def test_shares_are_rounded_down_to_lots(engine: Engine) -> None:
    # 99000/99 = 1000 shares are 3 lots of 300.
    result = engine.run(ONE_TRADE, lot_size=300)
    assert long_trades(result) == [(100, 99, 103, 98, -900)]
    assert marks(result) == [99_900, 101_700, 100_800, 98_100, 98_100, 98_100]


@pytest.mark.rule("M6", "M7")
def test_lots_and_fixed_sizing_of_a_short(engine: Engine) -> None:
    result = engine.both(ONE_SHORT, lot_size=300)
    assert trades(result) == [(-1, 100, 102, 103, 104, -1_800)]
    assert marks(result)[:4] == [102_900, 103_800, 104_700, 100_200]
    result = engine.both(ONE_SHORT, lot_size=1_001)
    assert trades(result) == []
    assert marks(result) == [102_000] * 5


@pytest.mark.rule("M7")
def test_a_trade_of_no_shares_passes_through_the_same_states(engine: Engine) -> None:
    # 99000 buy 1000 shares at 99, no lot of 1100; they buy 1100 at 90 once the first (empty)
    # position has been stopped in bar 101 and the high has been reset there. Without those
    # states, bar 101 would buy at its open.
    result = engine.run(LOSS_THEN_BUY, row=params(atr_multiplier=1), lot_size=1_100, split=104)
    assert long_trades(result) == [(103, 90, 105, 91, 1_100)]
    assert (result.is_trades, result.oos_trades) == (0, 1)
    # Mark of bar 103: 99000 + 1100·(91-90); of bar 104: + 1100·3.
    assert marks(result) == [99_000, 99_000, 99_000, 100_100, 102_300, 100_100]


@pytest.mark.rule("M7")
def test_lots_that_are_always_too_large(engine: Engine) -> None:
    result = engine.run(ONE_TRADE, lot_size=5_000)
    assert long_trades(result) == []
    assert (result.is_trades, result.oos_trades) == (0, 0)
    assert marks(result) == [99_000] * 6


@pytest.mark.rule("M7")
def test_two_entries_of_no_shares(engine: Engine) -> None:
    bars: list[Bar] = [(99.5, 102, 98, 100), (100, 101, 97, 98), (98, 99, 96, 97)]
    # 98000 buy no lot of 1010 at 98 (1000 shares), but one at 96 (1020 shares).
    row = both_params(both_triggered_mode=1)
    result = engine.both(bars, capital=98_000, row=row, lot_size=1_010)
    assert trades(result) == []
    assert marks(result) == [98_000, 98_000, 99_010]


@pytest.mark.rule("M7")
def test_a_reversal_out_of_no_shares(engine: Engine) -> None:
    # 102000 sell no lot of 1010 at 102, but buy one at 99 (1030 shares).
    result = engine.both(SHORT_THEN_BUY, row=both_params(entry_mode=1), lot_size=1_010)
    assert trades(result) == []
    assert marks(result) == [102_000, 103_010, 103_010]


@pytest.mark.parametrize(
    ("fee", "capital", "left"),
    [
        # A share costs 99·2 = 198 and brings 90·0: Q' = 198000 - 1000·198.
        (1.0, 198_000, 0),
        # A share costs 99·3 = 297 and its sale costs another 90: Q' = 297000 - 1000·387. Only a
        # fee beyond reason takes a long position below 0; buying on would then go short.
        (2.0, 297_000, -90_000),
    ],
)
@pytest.mark.rule("M8")
def test_ruin_ends_trading(engine: Engine, fee: float, capital: float, left: float) -> None:
    result = engine.run(LOSS_THEN_BUY, row=params(atr_multiplier=1), capital=capital, fee=fee)
    assert long_trades(result) == [(100, 99, 101, 90, left - capital)]
    # The mark of bar 100 has paid for the entry: 1000·100. Bar 103 would buy again.
    assert marks(result) == [100_000, left, left, left, left, left]


@pytest.mark.parametrize(("exit_price", "left"), [(203, 1_000), (204, 0), (205, -1_000)])
@pytest.mark.rule("M8")
def test_ruin_at_a_stop(engine: Engine, exit_price: float, left: float) -> None:
    bars: list[Bar] = [
        ONE_SHORT[0],  # 100: short at 102
        (exit_price, 205, 203, 203),  # 101: stop at 104, far below the open. TR 104
        (203, 204, 203, 203),  # 102: sell at 203+156, buy at 205-156. TR 1
        (203, 205, 203, 204),  # 103: buy at 205-1.5, opened below; sell at 203+1.5, reached later
        (204, 204, 204, 204),
    ]
    result = engine.both(bars)
    assert trades(result) == [(-1, 100, 102, 101, exit_price, left - 102_000)]
    # The 1000 left buy at 203 and are marked at 204.
    last = 1_000 + 1_000 / 203 if left > 0 else left
    assert marks(result) == pytest.approx([103_000, left, left, last, last])


@pytest.mark.parametrize(("fill", "left"), [(207, -3_000), (204, 0), (203, 1_000)])
@pytest.mark.rule("M8", "M11")
def test_ruin_at_a_reversal_has_no_second_half(engine: Engine, fill: float, left: float) -> None:
    # 103: opened at the fill or, for 207, above it
    bars: list[Bar] = [*DEEP_SHORT, (min(fill, 204) if fill < 207 else 208, 208, 203, 206), QUIET]
    result = engine.both(bars, row=both_params(entry_mode=1, **NO_STOP))
    assert trades(result) == [(-1, 100, 102, 103, fill, left - 102_000)]
    assert result.reversal_bar.tolist() == ([103] if left > 0 else [])
    held = left / fill if left > 0 else 0.0
    expected = [103_000, -5_000, -5_000, left + held * (206 - fill), left + held * (100 - fill)]
    assert marks(result) == pytest.approx(expected)


@pytest.mark.rule("M8")
def test_ruin_by_two_entries(engine: Engine) -> None:
    # A share costs 98·2 and brings 102·0: Q' = 0. Bar 101 would buy at 102-6 = 96 and sell at
    # 98+6 = 104.
    bars: list[Bar] = [(99.5, 102, 98, 100), (99, 104, 96, 97), QUIET]
    row = both_params(both_triggered_mode=1)
    result = engine.both(bars, capital=196_000, fee=1.0, row=row)
    assert trades(result) == [(1, 100, 98, 100, 102, -196_000)]
    assert marks(result) == [0, 0, 0]


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.rule("M9")
def test_a_mark_below_zero_does_not_end_trading(engine: Engine, mode: int) -> None:
    # 103: buy at 207, opened at 100: Q' = 102000 + 1000·2; 1040 shares are bought at 100.
    bars: list[Bar] = [*DEEP_SHORT, (100, 101, 99, 100), (100, 100, 99, 99)]
    result = engine.both(bars, row=both_params(entry_mode=mode, **NO_STOP))
    assert marks(result)[:4] == [103_000, -5_000, -5_000, 104_000]
    # Long 1040 from 100, or still short 1000 from 102.
    assert marks(result)[4] == (102_960 if mode else 105_000)
    assert first_events(result) == ([(-1, 102, 100)] if mode else [])


@pytest.mark.rule("M9")
def test_after_a_mark_below_zero_a_new_trade_begins(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 160, 100, 101),  # 100: short at 102. TR 60
        (101, 210, 101, 209),  # 101: stop at 100+120. TR 109. Mark 102000 - 1000·107
        (209, 210, 150, 150),  # 102: stop at 100+218. TR 60
        (150, 151, 149, 150),  # 103: stop at 100+120. TR 2
        (150, 151, 149, 150),  # 104: stop at 100+4, opened at 150: Q' = 102000 - 48000. TR 2
        (149, 150, 148, 149),  # 105: buy at 151-3 = 148
    ]
    result = engine.both(bars)
    assert trades(result) == [(-1, 100, 102, 104, 150, -48_000)]
    left = [54_000.0] * 3
    assert marks(result) == pytest.approx([103_000, -5_000, *left, 54_000 + 54_000 / 148])


@pytest.mark.parametrize(
    ("split", "drawdown", "count"),
    [(101, (0, 1_000), (0, 1)), (102, (1_000, 0), (1, 0))],
)
@pytest.mark.rule("M10", "M11", "F2")
def test_a_reversal_on_a_gap_marks_its_fill_before_the_close(
    engine: Engine, split: int, drawdown: tuple[float, float], count: tuple[int, int]
) -> None:
    bars: list[Bar] = [
        LONG_THEN_SELL[0],  # 100: long at 98, mark 99000
        (103, 104, 102, 104),  # 101: sell at 101, opened at 103: Q' = 103000, then mark 102000
        (104, 104, 104, 104),
    ]
    result = engine.both(bars, capital=98_000, row=both_params(entry_mode=2), split=split)
    assert trades(result) == [(1, 100, 98, 101, 103, 5_000)]
    assert marks(result) == [99_000, 102_000, 102_000]
    # The fill is a peak, from which the close falls by 1000.
    assert (result.is_dd, result.oos_dd) == drawdown
    assert (result.is_trades, result.oos_trades) == count


@pytest.mark.rule("M11", "F2")
def test_the_fill_of_a_reversal_can_be_the_bottom_of_a_drawdown(engine: Engine) -> None:
    bars: list[Bar] = [
        ONE_SHORT[0],  # 100: short at 102, mark 103000
        (101, 108, 101, 102),  # 101: mark 102000. TR 7
        (102, 103, 101, 102),  # 102: buy at 108-10.5. TR 2
        (104, 110, 104, 109),  # 103: buy at 108-3 = 105, opened at 104: Q' = 100000
        (109, 109, 109, 109),
    ]
    result = engine.both(bars, row=both_params(entry_mode=1, **NO_STOP), split=104)
    assert trades(result) == [(-1, 100, 102, 103, 104, -2_000)]
    assert marks(result)[:3] == [103_000, 102_000, 102_000]
    assert marks(result)[3] == pytest.approx(100_000 + 100_000 / 104 * 5)
    assert result.is_dd == 3_000


@pytest.mark.rule("M10", "M12")
def test_open_at_the_end(engine: Engine) -> None:
    result = engine.run(ONE_TRADE[:3], capital=148_500, fee=0.5, split=102)
    # A share costs 99·1.5 = 148.5; closes 100, 102, 101 without exit cost.
    assert marks(result) == [100_000, 102_000, 101_000]
    assert long_trades(result) == []
    assert (result.is_trades, result.oos_trades) == (0, 0)
    assert (result.is_pnl, result.oos_pnl) == (-46_500, -1_000)
    # The entry's cost is a fall from the capital.
    assert (result.is_dd, result.oos_dd) == (48_500, 1_000)


@pytest.mark.rule("M10", "M12")
def test_a_short_open_at_the_end(engine: Engine) -> None:
    result = engine.both(ONE_SHORT[:3], capital=102_000, fee=0.5, split=102)
    # A share brings 102·0.5 = 51; it is marked at 101, 100, 99 without exit cost.
    assert marks(result) == [52_000, 53_000, 54_000]
    assert trades(result) == []
    assert (result.is_trades, result.oos_trades) == (0, 0)
    assert (result.is_pnl, result.oos_pnl) == (-49_000, 1_000)
    assert (result.is_dd, result.oos_dd) == (50_000, 0)


@hypothesis.given(seed=seeds, strategy=strategies, style=styles, sizing=sizings)
@properties
@pytest.mark.rule("M3", "M4", "M13")
def test_money_is_conserved(
    engine: Engine, seed: int, strategy: str, style: str, sizing: str
) -> None:
    """Closed trades and the open mark add up to what equity has gained."""
    case = make_case(np.random.default_rng(seed), strategy)
    slip, fee = 0.0007, 0.0003
    settings: dict[str, Any] = {"entry_style": style, "sizing": sizing, "slip": slip, "fee": fee}
    result = simulated(engine, case, **settings)

    # One more bar that falls to almost nothing, or rises beyond any level, closes what is open,
    # and so shows its entry.
    last = float(case.bars[-1, 3])
    open_mark = 0.0
    for bar in ([last, last, 0.01, 0.01], [last, 1e4, last, 1e4]):
        more = simulated(engine, and_then(case, bar), **settings)
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


@hypothesis.given(seed=seeds, strategy=strategies, style=styles, sizing=sizings)
@properties
@pytest.mark.rule("M5")
def test_twice_the_capital_is_twice_the_money(
    engine: Engine, seed: int, strategy: str, style: str, sizing: str
) -> None:
    """Fractional shares scale without rounding when the factor is a power of two."""
    case = make_case(np.random.default_rng(seed), strategy)
    one = simulated(engine, case, entry_style=style, sizing=sizing)
    two = simulated(engine, case, entry_style=style, sizing=sizing, capital=200_000.0)
    assert np.array_equal(two.equity, 2 * one.equity)
    assert np.array_equal(two.pnl, 2 * one.pnl)
    assert np.array_equal(two.exit_price, one.exit_price)
    for name in ("is_pnl", "oos_pnl", "is_dd", "oos_dd"):
        assert getattr(two, name) == 2 * getattr(one, name)


@hypothesis.given(seed=seeds, strategy=strategies, style=styles)
@properties
@pytest.mark.rule("M5")
def test_fixed_sizing_risks_no_more_than_the_capital(
    engine: Engine, seed: int, strategy: str, style: str
) -> None:
    """Without costs, a fixed trade gains what its price does, on at most the capital."""
    case = make_case(np.random.default_rng(seed), strategy)
    result = simulated(engine, case, entry_style=style, sizing="fixed", slip=0.0, fee=0.0)
    before = 100_000.0 + np.concatenate([[0.0], np.cumsum(result.pnl)[:-1]])[: result.pnl.size]
    gain = result.side * (result.exit_price / result.entry_price - 1)
    expected = np.minimum(before, 100_000.0) * gain
    assert result.pnl == pytest.approx(expected, rel=1e-9, abs=1e-5)


@hypothesis.given(
    seed=seeds,
    strategy=strategies,
    style=styles,
    sizing=sizings,
    lot_size=st.sampled_from([0.0, 1.0, 250.0]),
)
@properties
@pytest.mark.rule("S8", "M10", "M13", "F1", "F3")
def test_the_shape_of_a_result(
    engine: Engine, seed: int, strategy: str, style: str, sizing: str, lot_size: float
) -> None:
    case = make_case(np.random.default_rng(seed), strategy)
    result = simulated(engine, case, entry_style=style, sizing=sizing, lot_size=lot_size)

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

    # No fill lies outside of its bar.
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
