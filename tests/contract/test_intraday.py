"""Equity along the path within bars, and the figures of a whole history: F13 to F16."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

from contract.markets import DEEP_SHORT, LONG_THEN_SELL, NO_STOP, ONE_TRADE
from contract.random_cases import (
    WARMUP,
    Case,
    and_then,
    make_case,
    seeds,
    sizings,
    strategies,
    styles,
)
from contract.scenarios import QUIET, SETTINGS, Bar, Engine, both_params
from wfo.atr_d.reference import ReferenceResult
from wfo.backtest.performance import FIELDS

Floats = NDArray[np.float64]

FLAT: Bar = (99.5, 99.5, 99.5, 99.5)


@pytest.mark.parametrize(
    ("bar", "fall"),
    [
        # 100 -> 101 -> 97: the buy at 99 fills on the way down, and the low comes after it.
        ((100, 101, 97, 100), 2_000),
        # 100 -> 98 -> 103 -> 99.5: bought at 99, 1000 down to the low, 3500 from the high.
        ((100, 103, 98, 99.5), 3_500),
        # As far up as down, the low comes first: 100 -> 98 -> 102 -> 102.
        ((100, 102, 98, 102), 1_000),
        # The high is nearer, and was there before the buy: 100 -> 101.5 -> 98 -> 101.5.
        ((100, 101.5, 98, 101.5), 1_000),
        # Opened at the buy's level: 99 -> 101 -> 96 -> 99, all of it held.
        ((99, 101, 96, 99), 5_000),
        # The buy at the low itself, where nothing is lost.
        ((100, 101, 99, 101), 0),
    ],
)
@pytest.mark.rule("F13", "F14", "F15")
def test_what_falls_in_the_bar_of_the_entry(engine: Engine, bar: Bar, fall: float) -> None:
    close = bar[3]
    found = engine.performance([bar, (close, close, close, close)])
    assert found["intraday_dd"] == found["long_intraday_dd"] == fall
    # Marks do not see what is lost within a bar.
    assert (found["trades"], found["dd"], found["bars_held"]) == (0, 0, 2)
    assert found["open_profit"] == 1_000 * (close - 99)


@pytest.mark.parametrize(
    ("bar", "fall"),
    [
        # 1000 shares since 99, whose best was 101: 101000. The stop works at 97.
        # A gap through it: filled at 90, and the low of 89 is not held any more.
        ((90, 91, 89, 90), 11_000),
        # 100 -> 102 -> 96: the high comes first, 102000, and the stop fills on the way down.
        ((100, 102, 96, 98), 5_000),
        # 100 -> 96 -> 105: the stop fills first, so that the high is not held.
        ((100, 105, 96, 98), 4_000),
        # As far up as down, the low comes first.
        ((100, 104, 96, 98), 4_000),
        # The stop at the low itself.
        ((98, 98, 97, 98), 4_000),
    ],
)
@pytest.mark.rule("F13", "F14", "F15")
def test_what_falls_in_the_bar_of_a_stop(engine: Engine, bar: Bar, fall: float) -> None:
    found = engine.performance([QUIET, bar])
    assert found["intraday_dd"] == found["long_intraday_dd"] == fall
    assert (found["trades"], found["short_intraday_dd"]) == (1, 0)
    exit_price = min(97, bar[0])
    assert found["gross_loss"] == 1_000 * (exit_price - 99)
    # Of the marks, 100000 and then the equity after the exit.
    assert found["dd"] == 100_000 - (99_000 + 1_000 * (exit_price - 99))


@pytest.mark.rule("F13", "F15")
def test_a_bar_without_a_fill_is_held_from_open_to_close(engine: Engine) -> None:
    def after(bar: Bar) -> float:
        return engine.performance([QUIET, bar])["intraday_dd"]

    # 101000 at the best of the entry's bar; the stop at 97 is not reached.
    # 98 -> 97.5 -> 103 -> 99: 3500 down to 97500, then from 103000 to 99000.
    assert after((98, 103, 97.5, 99)) == 4_000
    # 100 -> 102 -> 97.5: from 102000 down to 97500.
    assert after((100, 102, 97.5, 99)) == 4_500
    # A gap up, and a fall from there: 104 -> 101.5 -> 107 -> 107.
    assert after((104, 107, 101.5, 107)) == 2_500


@pytest.mark.rule("F14", "F15")
def test_a_reversal_moves_both_positions_with_their_part_of_the_path(engine: Engine) -> None:
    bars = [
        *LONG_THEN_SELL[:2],
        # 102: 100 -> 102.5 -> 101 of a short since 101, its stop at 103.
        (100, 102.5, 100, 101),
    ]
    found = engine.performance(
        bars, strategy="atr_d_ls", capital=98_000, row=both_params(entry_mode=2)
    )
    # Long 1000 since 98: 98000, 100000, 99000; 100000, 99000 and 101000 at the reversal.
    assert found["long_intraday_dd"] == 1_000
    # Short 1000 since 101: on its own 98000, 99000; 96500 at 102.5.
    assert found["short_intraday_dd"] == 2_500
    # Together: 102000 at the close of the reversal's bar, 99500 at 102.5.
    assert found["intraday_dd"] == 2_500
    assert (found["trades"], found["long_trades"], found["short_trades"]) == (1, 1, 0)
    assert found["open_profit"] == 0
    # Equity before the short was entered is the long's; with a long that loses, the whole falls on.
    lost = [
        LONG_THEN_SELL[0],  # 100: long at 98, mark 99000, its best 100000
        (99, 99, 95, 95),  # 101: down to 95000; stop at 100-4 = 96 first: sold at 96
    ]
    alone = engine.performance(
        lost, strategy="atr_d_ls", capital=98_000, row=both_params(entry_mode=2)
    )
    assert (alone["intraday_dd"], alone["long_intraday_dd"]) == (4_000, 4_000)


@pytest.mark.rule("F14", "F15")
def test_each_side_has_an_equity_of_its_own(engine: Engine) -> None:
    bars: list[Bar] = [
        # 100: low first; 1000 long since 98, 102 at the high, closed at 101. TR 5.
        (99, 103, 98, 101),
        # 101: the sell at 98+7.5 = 105.5 reverses; 101 -> 100 -> 106 -> 105: short since 105.5.
        (101, 106, 100, 105),
        # 102: 105 -> 104 -> 110 -> 109: up to 110; its stop at 100+12 = 112. TR 6.
        (105, 110, 104, 109),
    ]
    found = engine.performance(
        bars, strategy="atr_d_ls", capital=98_000, row=both_params(entry_mode=2)
    )
    # The long: 98000, 103000, 101000; 101000, 100000, 105500. Its largest fall goes to 100.
    assert found["long_intraday_dd"] == 3_000
    shares = 105_500 / 105.5
    assert shares == 1_000
    # The short alone: 98000, 97500 at 106, 98500; 98500, 99500 at 104, 93500 at 110.
    assert found["short_intraday_dd"] == 6_000
    # The whole: 107000 at 104, 101000 at 110.
    assert found["intraday_dd"] == 6_000


@pytest.mark.rule("F14", "F15")
def test_two_entries_of_one_bar_hold_what_lies_between_them(engine: Engine) -> None:
    row = both_params(both_triggered_mode=1)
    # As far up as down: 100 -> 97 -> 103. In at 98, down to 97, out at 102.
    bought = engine.performance(
        [(100, 103, 97, 99), FLAT], strategy="atr_d_ls", capital=98_000, row=row
    )
    assert (bought["intraday_dd"], bought["long_intraday_dd"]) == (1_000, 1_000)
    assert (bought["short_intraday_dd"], bought["dd"], bought["pnl"]) == (0, 0, 4_000)
    # 100 -> 102.5 -> 97: in at 102, up to 102.5, out at 98.
    sold = engine.performance(
        [(100, 102.5, 97, 99), FLAT], strategy="atr_d_ls", capital=102_000, row=row
    )
    assert (sold["intraday_dd"], sold["short_intraday_dd"]) == (500, 500)
    assert (sold["long_intraday_dd"], sold["dd"], sold["pnl"]) == (0, 0, 4_000)


@pytest.mark.rule("F15")
def test_costs_are_in_the_points(engine: Engine) -> None:
    # 100 -> 99 -> 101 -> 101: what the entry costs is lost at its fill, and nothing else.
    found = engine.performance([(100, 101, 99, 101), (101,) * 4], slip=0.01, fee=0.002)
    cost = 99 * 1.01 * 1.002
    assert found["intraday_dd"] == pytest.approx(99_000 / cost * (cost - 99), rel=1e-12)
    assert found["dd"] == 0
    # At the exit they are lost after its fill: the stop at 97 sells for less.
    stopped = engine.performance([(100, 101, 99, 101), (98, 98, 97, 97)], slip=0.01, fee=0.002)
    shares, brings = 99_000 / cost, 97 * 0.99 * 0.998
    assert stopped["intraday_dd"] == pytest.approx(shares * (101 - brings), rel=1e-12)


@pytest.mark.rule("F14", "F15")
def test_a_fill_is_a_point_with_what_it_opens_and_with_what_it_closes(engine: Engine) -> None:
    costs = {"slip": 0.01, "fee": 0.002}
    # 100 -> 99.5 -> 104: bought at 100+2 = 102 on the way up, where the position is worth least.
    found = engine.performance([(100, 104, 99.5, 104), (104,) * 4], entry_style="breakout", **costs)
    cost = 102 * 1.01 * 1.002
    assert found["intraday_dd"] == pytest.approx(99_000 / cost * (cost - 102), rel=1e-12)
    # Long since 98, reversed at 101, where the long is worth most until it pays for its exit, and
    # the short, which falls to 100, is worth least.
    reversed_ = engine.performance(
        LONG_THEN_SELL[:2],
        strategy="atr_d_ls",
        capital=98_000,
        row=both_params(entry_mode=2),
        **costs,
    )
    shares, brings = 98_000 / (98 * 1.01 * 1.002), 101 * 0.99 * 0.998
    long_fall = shares * (101 - brings)
    assert reversed_["long_intraday_dd"] == pytest.approx(long_fall, rel=1e-12)
    after = 98_000 + shares * (brings - 98 * 1.01 * 1.002)
    short_fall = after / (101 * 0.99) * (101 - brings)
    assert reversed_["short_intraday_dd"] == pytest.approx(short_fall, rel=1e-12)
    assert reversed_["intraday_dd"] == pytest.approx(long_fall + short_fall, rel=1e-12)


@pytest.mark.rule("F15")
def test_a_trade_of_no_shares_moves_nothing(engine: Engine) -> None:
    found = engine.performance(ONE_TRADE, lot_size=2_000.0)
    assert found == dict.fromkeys(FIELDS, 0.0)


@pytest.mark.rule("F15", "F16")
def test_a_mark_below_zero_can_come_back(engine: Engine) -> None:
    found = engine.performance(
        DEEP_SHORT, strategy="atr_d_ls", capital=102_000, row=both_params(**NO_STOP)
    )
    # 103000 at the close of the entry's bar; -6000 at 210, and -5000 at the close of 209.
    assert found["intraday_dd"] == found["short_intraday_dd"] == 109_000
    assert (found["dd"], found["dd_share"]) == (108_000, pytest.approx(1 + 5 / 103))
    assert found["pnl"] == found["open_profit"] == -107_000
    assert math.isnan(found["sum_r"])
    assert math.isnan(found["sum_down2"])


@pytest.mark.rule("F16")
def test_trades_are_closed_ones_and_what_is_open_stands_apart(engine: Engine) -> None:
    bars: list[Bar] = [
        *ONE_TRADE[:5],  # bought at 99, stopped at 98 in bar 103: a loss of 1000
        (98, 98.5, 96, 98),  # 105: flat since 103: buy at 100-1.5 = 98.5, opened at 98: 1000 shares
    ]
    found = engine.performance(bars)
    assert {name: found[name] for name in ("trades", "wins", "losses")} == {
        "trades": 1,
        "wins": 0,
        "losses": 1,
    }
    assert (found["gross_profit"], found["gross_loss"]) == (0, -1_000)
    assert (found["largest_win"], found["largest_loss"]) == (0, -1_000)
    assert found["sum_pnl2"] == found["long_sum_pnl2"] == 1_000_000
    assert (found["open_profit"], found["pnl"]) == (0, -1_000)
    # Bars 100, 101, 102 and 105.
    assert found["bars_held"] == 4
    returns = [0, 1 / 99, 2 / 100, -1 / 102, -3 / 101, 0, 0]
    assert found["sum_r"] == pytest.approx(sum(returns), rel=1e-12)
    assert found["sum_r2"] == pytest.approx(sum(r * r for r in returns), rel=1e-12)
    # 102000 at the close of 101, 98000 after the exit.
    assert (found["dd"], found["dd_share"]) == (4_000, pytest.approx(4 / 102))


# A second reading of F13 to F16: from the trades that a simulation lists, in coordinates along the
# path, with NumPy for what falls.


@dataclass(frozen=True)
class Held:
    """A trade at its fills; what is open at the end has no exit."""

    side: int
    entry: tuple[int, float]
    leave: tuple[int, float] | None


def holdings(engine: Engine, case: Case, settings: dict[str, Any]) -> list[Held]:
    """Return closed trades and what is open after the last bar.

    What is open closes in a further bar that goes beyond every stop: far down, or far up.
    """

    def closed(of: Case) -> ReferenceResult:
        return engine.simulate(
            of.strategy, of.bars, of.params, second=of.second, warmup=WARMUP, split=170, **settings
        )

    def listed(found: ReferenceResult) -> list[Held]:
        columns = (
            found.side,
            found.entry_bar,
            found.entry_price,
            found.exit_bar,
            found.exit_price,
        )
        return [
            Held(side, (entry_bar, entry), (exit_bar, leave))
            for side, entry_bar, entry, exit_bar, leave in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]

    n = len(case.bars)
    found = listed(closed(case))
    for bar in ([1e-6] * 4, [1e6] * 4):
        still = [
            Held(held.side, held.entry, None)
            for held in listed(closed(and_then(case, bar)))[len(found) :]
            if held.entry[0] < n
        ]
        if still:
            return [*found, still[0]]
    return found


def corners(bar: Floats) -> list[float]:
    o, h, lo, c = bar.tolist()
    return [o, *((h, lo) if h - o < o - lo else (lo, h)), c]


def first_place(path: list[float], price: float, since: tuple[int, float]) -> tuple[int, float]:
    """Return the leg and the way along it where a path first reaches a price."""
    leg, way = since
    for k in range(leg, 3):
        start, stop = path[k], path[k + 1]
        if min(start, stop) <= price <= max(start, stop):
            along = abs(price - start)
            if k > leg or along >= way:
                return k, along
    return 3, 0.0


def points(
    bars: Floats, held: list[Held], settings: dict[str, Any]
) -> Iterator[tuple[int, float, float]]:
    """Yield of every point the side, what it adds to all closed profits, and what it settles.

    A point of what is held settles nothing, an exit adds nothing beyond what it settles.
    """
    slip, fee, capital = (settings[name] for name in ("slip", "fee", "capital"))
    lot, fixed = settings["lot_size"], settings["sizing"] == "fixed"
    q = capital
    last: dict[int, tuple[int, float]] = {}
    for each in held:
        (entry_bar, entry), long = each.entry, each.side > 0
        base = min(q, capital) if fixed else q
        own = entry * (1 + slip) * (1 + fee) if long else entry * (1 - slip) * (1 - fee)
        shares = base / (own if long else entry * (1 - slip))
        if lot:
            shares = math.floor(shares / lot * (1 + 2**-50)) * lot
        end = (len(bars) - 1, None) if each.leave is None else each.leave
        for t in range(entry_bar, end[0] + 1):
            path = corners(bars[t])
            begin, finish = (0, 0.0), (3, 0.0)
            if t == entry_bar:
                begin = first_place(path, entry, last.get(t, (0, 0.0)))
                yield each.side, shares * each.side * (entry - own), 0.0
            if t == end[0] and end[1] is not None:
                finish = last[t] = first_place(path, end[1], begin)
            for k, corner in enumerate(path):
                place = (k, 0.0)
                if (t > entry_bar or place > begin) and place <= finish:
                    yield each.side, shares * each.side * (corner - own), 0.0
        if each.leave is not None:
            x = each.leave[1]
            yield each.side, shares * each.side * (x - own), 0.0
            paid = x * (1 - slip) * (1 - fee) if long else x * (1 + slip) * (1 + fee)
            profit = shares * each.side * (paid - own)
            q += profit
            yield each.side, 0.0, profit


def largest_fall(capital: float, of: list[tuple[float, float]]) -> float:
    """Return the largest fall of equity at points: what is open there, and what settles before."""
    if not of:
        return 0.0
    opened, settled = np.array(of).T
    equity = np.concatenate([[capital], capital + np.cumsum(settled) + opened])
    return float((np.maximum.accumulate(equity) - equity).max())


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    seed=seeds,
    strategy=strategies,
    style=styles,
    sizing=sizings,
    lot=hypothesis.strategies.sampled_from([0.0, 1.0, 700.0]),
    slip=hypothesis.strategies.sampled_from([0.0, 0.0007, 0.02]),
)
@pytest.mark.rule("F13", "F14", "F15", "F16")
def test_a_second_reading_finds_the_same_falls(
    engine: Engine, seed: int, strategy: str, style: str, sizing: str, lot: float, slip: float
) -> None:
    case = make_case(np.random.default_rng(seed), strategy)
    settings = SETTINGS | {
        "capital": 100_000.0,
        "slip": slip,
        "fee": 0.0003,
        "max_stop_atr": 20.0,
        "lot_size": lot,
        "entry_style": style,
        "sizing": sizing,
    }
    found = engine.whole(
        case.strategy, case.bars, case.params, warmup=WARMUP, second=case.second, **settings
    )
    held = holdings(engine, case, settings)
    closed = [each for each in held if each.leave is not None]
    seen = list(points(case.bars, held, settings))
    for prefix, sides in (("", (1, -1)), ("long_", (1,)), ("short_", (-1,))):
        own = [(opened, settled) for side, opened, settled in seen if side in sides]
        fall = largest_fall(100_000.0, own)
        assert found[f"{prefix}intraday_dd"] == pytest.approx(fall, rel=1e-9, abs=1e-6)
        pnl = np.array([settled for side, _, settled in seen if settled and side in sides])
        assert found[f"{prefix}trades"] == sum(each.side in sides for each in closed)
        net = found[f"{prefix}gross_profit"] + found[f"{prefix}gross_loss"]
        assert net == pytest.approx(pnl.sum(), rel=1e-9, abs=1e-6)
        assert found[f"{prefix}sum_pnl2"] == pytest.approx((pnl * pnl).sum(), rel=1e-9, abs=1e-6)
    # The marks are among the points, to the last bit.
    assert found["intraday_dd"] >= found["dd"]
    whole = found["gross_profit"] + found["gross_loss"] + found["open_profit"]
    assert found["pnl"] == pytest.approx(whole, rel=1e-9, abs=1e-6)
