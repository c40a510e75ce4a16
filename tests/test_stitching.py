"""Sets that take turns are one backtest, in which nothing is known before its time."""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import test_conformance
from by_hand import Bar, Costs, Outcome, trade

import wfo
from wfo.errors import EngineError, InputError
from wfo.progress import Silent
from wfo.strategy import RustKernel
from wfo.walkforward.choosing import GridChooser
from wfo.walkforward.history import History
from wfo.walkforward.simulating import dated_engine, simulate_sets
from wfo.walkforward.stitching import hindsight_window, stitch
from wfo.walkforward.values import Decision, Params, WalkForward
from wfo.windows import WalkWindow, WalkWindows

COSTS = Costs(slip=0.001, fee=0.0005, lot=3)
SETTINGS = wfo.Settings(slip=0.001, fee=0.0005, lot_size=3)
SCHEDULE = wfo.WalkSchedule("6m", "3m")

LONG: tuple[Params, ...] = (
    {
        "atr_period": 6, "atr_multiplier": 4.0, "bb_length": 38, "bb_deviation": 1.5,
        "vol_threshold": 0.2, "min_tightening": 0.5, "scaling_method": 0, "atr_buy_period": 8,
        "atr_buy_multiplier": 0.75, "atr_smooth_period": 2, "equity_price_method": 0,
    },
    {
        "atr_period": 29, "atr_multiplier": 1.5, "bb_length": 20, "bb_deviation": 2.0,
        "vol_threshold": 0.1, "min_tightening": 0.3, "scaling_method": 1, "atr_buy_period": 19,
        "atr_buy_multiplier": 1.5, "atr_smooth_period": 9, "equity_price_method": 1,
    },
    {
        "atr_period": 8, "atr_multiplier": 2.0, "bb_length": 19, "bb_deviation": 1.5,
        "vol_threshold": 0.05, "min_tightening": 0.9, "scaling_method": 2, "atr_buy_period": 15,
        "atr_buy_multiplier": 0.5, "atr_smooth_period": 2, "equity_price_method": 0,
    },
)  # fmt: skip

BOTH: tuple[Params, ...] = (
    {
        "atr_period": 19, "atr_multiplier": 1.5, "bb_length": 15, "bb_deviation": 2.5,
        "vol_threshold": 0.15, "min_tightening": 0.5, "scaling_method": 0, "atr_buy_period": 6,
        "atr_buy_multiplier": 0.75, "atr_smooth_period": 8, "equity_price_method": 0,
        "short_multiplier": 0.8, "entry_mode": 2, "trend_filter_period": 8,
        "trend_veto_threshold": -0.1, "both_triggered_mode": 0,
    },
    {
        "atr_period": 24, "atr_multiplier": 4.0, "bb_length": 26, "bb_deviation": 2.0,
        "vol_threshold": 0.2, "min_tightening": 0.9, "scaling_method": 1, "atr_buy_period": 18,
        "atr_buy_multiplier": 1.0, "atr_smooth_period": 3, "equity_price_method": 1,
        "short_multiplier": 1.0, "entry_mode": 1, "trend_filter_period": 20,
        "trend_veto_threshold": -0.2, "both_triggered_mode": 1,
    },
    {
        "atr_period": 26, "atr_multiplier": 2.0, "bb_length": 17, "bb_deviation": 2.5,
        "vol_threshold": 0.05, "min_tightening": 0.7, "scaling_method": 2, "atr_buy_period": 9,
        "atr_buy_multiplier": 0.5, "atr_smooth_period": 8, "equity_price_method": 0,
        "short_multiplier": 0.5, "entry_mode": 0, "trend_filter_period": 25,
        "trend_veto_threshold": 0.1, "both_triggered_mode": 0,
    },
)  # fmt: skip

SETS = {"atr_d_l": LONG, "atr_d_ls": BOTH}

_SAMPLE = wfo.load_sample("NASDAQ")

#: 420 days, of which 100 are the warm-up.
BARS = _SAMPLE[500:920]

#: As many of a market that rises, so that there is a profit in-sample.
RISING = _SAMPLE[900:1320]


def history(
    strategy: str = "atr_d_l", bars: pl.DataFrame = BARS, settings: wfo.Settings = SETTINGS
) -> History:
    return History.of_frames(strategy, bars, settings=settings)


def laid(
    of: History, schedule: wfo.WalkSchedule = SCHEDULE, most: int | None = None
) -> WalkWindows:
    """Lay a schedule, and keep the first windows."""
    found = schedule.resolve(of.days, warmup=100)
    return found if most is None else first_windows(found, most)


def first_windows(windows: WalkWindows, most: int) -> WalkWindows:
    *before, last = windows.windows[:most]
    return replace(windows, windows=(*before, replace(last, until=last.end)))


def decisions(windows: Sequence[WalkWindow], sets: Sequence[Params | None]) -> list[Decision]:
    return [
        Decision(window.number, params, None, None, 1, 5, "" if params else "none is valid")
        for window, params in zip(windows, sets, strict=True)
    ]


def walked(
    of: History, windows: WalkWindows, sets: Sequence[Params | None], **options: Any
) -> WalkForward:
    given: dict[str, Any] = {"grid": None, "grid_name": "own", "by": "net_profit", "searched": 5}
    return stitch(of, windows, decisions(windows, sets), **given | options)


def by_hand(of: History, windows: Sequence[WalkWindow], sets: Sequence[Params]) -> Outcome:
    """Trade by a plain loop, in which every bar looks up the values of its orders."""
    prices = of.feeds.prices()
    assert prices is not None
    stop = windows[-1].until
    bars = [Bar(*(float(column[t]) for column in prices)) for t in range(stop)]
    values = {
        t: params
        for window, params in zip(windows, sets, strict=True)
        for t in range(window.split, window.until)
    }
    shorts = of.strategy.shorts
    return trade(bars, values.__getitem__, windows[0].split, COSTS, shorts=shorts)


def listed(trades: pl.DataFrame) -> list[tuple[Any, ...]]:
    names = ("side", "entry_bar", "entry_price", "exit_bar", "exit_price", "pnl")
    return list(trades.select(names).iter_rows())


# One backtest


@pytest.mark.parametrize("strategy", SETS)
def test_three_windows_are_a_loop_over_bars_that_looks_up_every_parameter(strategy: str) -> None:
    of, sets = history(strategy), SETS[strategy]
    windows = laid(of, most=3)
    expected = by_hand(of, windows, sets)
    walk = walked(of, windows, sets)

    start, stop = windows.traded
    boundaries = [window.split for window in windows[1:]]
    # A position is open at both boundaries, a short at one of them where there are shorts.
    sides = [expected.sides[bar - 1] for bar in boundaries]
    assert sides == ([1, 1] if strategy == "atr_d_l" else [-1, 1])
    assert all(a[name] != b[name] for a, b in pairwise(sets) for name in a)

    assert walk.stitched.equity.tolist() == expected.equity[start - 1 :]
    assert listed(walk.trades) == [tuple(each) for each in expected.trades]
    assert walk.dates == tuple(BARS["date"][start - 1 : stop])
    crossed = [
        [t for t in expected.trades if t.entry_bar < bar <= t.exit_bar] for bar in boundaries
    ]
    assert all(len(each) == 1 for each in crossed)
    # Every set changes something: with the one before kept on, another curve comes out.
    for kept in range(2):
        other = [*sets[: kept + 1], sets[kept], *sets[kept + 2 :]]
        assert by_hand(of, windows, other).equity != expected.equity

    for engine in ("direct", "reference"):
        taking_turns = [(w.split, params) for w, params in zip(windows, sets, strict=True)]
        found = simulate_sets(of, taking_turns, warmup=start, end=stop, engine=engine)
        assert found.equity.tolist() == expected.equity
        assert listed(found.trades) == [tuple(each) for each in expected.trades]


def test_a_trade_over_a_boundary_pays_for_one_entry_and_one_exit() -> None:
    of = history()
    windows = laid(of, most=3)
    walk = walked(of, windows, LONG)
    ((_, bar, price, _, left, pnl),) = [
        each for each in listed(walk.trades) if each[1] < windows[1].split <= each[3]
    ]
    before = COSTS.capital + sum(each[5] for each in listed(walk.trades) if each[3] <= bar)
    cost = price * 1.001 * 1.0005
    shares = before / cost // 3 * 3
    assert pnl == pytest.approx(shares * (left * 0.999 * 0.9995 - cost), rel=1e-12)
    # The profits of the trades are all that was earned, but for what is open at the end.
    last = listed(walk.trades)[-1]
    marks = simulate_sets(of, [(w.split, p) for w, p in zip(windows, LONG, strict=True)],
                          warmup=windows[0].split, end=windows[-1].until).equity  # fmt: skip
    settled = COSTS.capital + sum(each[5] for each in listed(walk.trades))
    assert marks[last[3]] == pytest.approx(settled, rel=1e-12)


@pytest.mark.parametrize("strategy", SETS)
@pytest.mark.parametrize("most", [1, 3])
def test_one_set_in_all_windows_is_the_plain_simulation(strategy: str, most: int) -> None:
    of, params = history(strategy), SETS[strategy][0]
    windows = laid(of, most=most)
    start, stop = windows.traded
    walk = walked(of, windows, [params] * most)
    plain = wfo.simulate(
        strategy, BARS[:stop], params, warmup=start, split=start + 1, settings=SETTINGS
    )
    assert walk.stitched.equity.tolist() == plain.equity[start - 1 :].tolist()
    assert walk.trades.equals(plain.trades)
    assert walk.stitched.metrics == plain.metrics().whole
    assert walk.fixed[0].curve.equity.tolist() == walk.stitched.equity.tolist()


# Figures of a window


def test_a_window_has_its_set_alone_as_a_plain_simulation_has_it() -> None:
    of = history(bars=RISING)
    windows = laid(of, most=3)
    walk = walked(of, windows, LONG)
    for window, result, params in zip(windows, walk.results, LONG, strict=True):
        plain = wfo.simulate(
            "atr_d_l", RISING[: window.end], params, warmup=window.first, split=window.split,
            settings=SETTINGS,
        ).metrics(of.bars_per_year)  # fmt: skip
        assert result.in_sample == plain.in_sample
        assert result.alone == plain.out_of_sample
        before, after = plain.in_sample, plain.out_of_sample
        profitable = before.net_profit > 0
        assert result.wfe == (after.net_profit / before.net_profit if profitable else None)
        if profitable:
            inside = (window.split_date - window.from_date).days
            outside = (window.to_date - window.split_date).days
            annual = (after.net_profit / outside) / (before.net_profit / inside)
            assert result.wfe_annual == pytest.approx(annual, rel=1e-12)
            assert before.cagr is not None
            assert after.cagr is not None
            assert result.return_wfe == pytest.approx(after.cagr / before.cagr, rel=1e-12)
    assert any(result.wfe is not None for result in walk.results)


def test_there_is_no_efficiency_without_an_in_sample_profit() -> None:
    of = history()
    walk = walked(of, laid(of, most=3), LONG)
    for result in walk.results:
        assert result.in_sample is not None
        assert result.in_sample.net_profit < 0
        assert (result.wfe, result.wfe_annual, result.return_wfe) == (None, None, None)
    assert (walk.efficiency.raw, walk.efficiency.annual) == (None, None)


def test_a_window_that_is_cut_has_the_time_that_it_has_traded() -> None:
    of = history(bars=RISING[:315])
    windows = laid(of)
    (last,) = [window for window in windows if window.cut]
    walk = walked(of, windows, LONG[:1] * len(windows))
    result = walk.results[-1]
    assert result.wfe is not None
    days = (of.days[-1] + dt.timedelta(1) - last.split_date).days
    annual = result.wfe * (last.split_date - last.from_date).days / days
    assert result.wfe_annual == pytest.approx(annual, rel=1e-12)
    assert any(f"would end before {last.to_date}" in note for note in walk.notes)


def test_stretches_as_traded_add_up_to_the_whole_curve() -> None:
    of = history("atr_d_ls")
    windows = laid(of, most=3)
    walk = walked(of, windows, BOTH)
    whole = walk.stitched.metrics
    traded = [result.traded for result in walk.results]
    assert sum(part.bars for part in traded) == whole.bars == len(walk.dates) - 1
    assert sum(part.trades for part in traded) == whole.trades == len(walk.trades)
    assert sum(part.net_profit for part in traded) == pytest.approx(whole.net_profit, rel=1e-9)
    held = sum((part.exposure or 0) * part.bars for part in traded)
    assert held == pytest.approx((whole.exposure or 0) * whole.bars)
    # A reversal's fill lies below the marks around it, and the drawdown sees it.
    bars = [bar for bar in by_hand(of, windows, BOTH).reversals if bar == windows[1].split]
    assert bars
    assert max(part.max_drawdown for part in traded) <= whole.max_drawdown
    gains = [part.total_return for part in traded]
    product = np.prod([1 + gain for gain in gains if gain is not None])
    assert product - 1 == pytest.approx(whole.total_return)


def test_efficiency_and_verdict_are_over_windows_as_traded_on_the_capital() -> None:
    of = history(bars=RISING)
    windows = laid(of, most=3)
    walk = walked(of, windows, LONG)
    inside = [r.in_sample.net_profit for r in walk.results if r.in_sample is not None]
    gains = [(r.traded.total_return or 0) * COSTS.capital for r in walk.results]
    assert sum(inside) > 0
    assert walk.efficiency.raw == pytest.approx(sum(gains) / sum(inside), rel=1e-12)
    days = [(w.split_date - w.from_date).days for w in windows]
    out = [(b.split_date - a.split_date).days for a, b in pairwise(windows)]
    out.append((windows[2].to_date - windows[2].split_date).days)
    annual = sum(gains) / sum(out) / (sum(inside) / sum(days))
    assert walk.efficiency.annual == pytest.approx(annual, rel=1e-12)
    profit, _, profitable, largest, deepest = walk.tradestation.conditions
    assert profit.value == pytest.approx(sum(gains), rel=1e-12)
    assert profitable.value == sum(gain > 0 for gain in gains) / 3
    if sum(gains) > 0:
        assert largest.value == pytest.approx(max(gains) / sum(gains), rel=1e-12)
    assert deepest.value == max(r.traded.max_drawdown_share or 0 for r in walk.results)


def test_overlapping_parts_are_traded_by_the_newest_decision_and_given_whole() -> None:
    of = history()
    schedule = wfo.WalkSchedule("6m", "3m", "1m")
    windows = laid(of, schedule, most=3)
    walk = walked(of, windows, LONG)
    assert [w.until for w in windows] == [windows[1].split, windows[2].split, windows[2].end]
    assert all(w.until < w.end for w in windows[:2])
    assert (
        walk.stitched.equity.tolist() == by_hand(of, windows, LONG).equity[windows[0].split - 1 :]
    )
    for window, result in zip(windows, walk.results, strict=True):
        assert result.traded.bars == result.held.bars == window.until - window.split
        assert result.alone is not None
        assert result.alone.bars == window.end - window.split
        assert result.alone.last == window.out_of_sample[1]
    assert any("overlap" in note for note in walk.notes)


def test_a_purge_is_neither_chosen_on_nor_traded() -> None:
    of = history()
    schedule = wfo.WalkSchedule("6m", "3m", purge="10d")
    windows = laid(of, schedule, most=2)
    walk = walked(of, windows, LONG[:2])
    window, result = windows[0], walk.results[0]
    assert window.train_end < window.split
    assert (
        walk.stitched.equity.tolist() == by_hand(of, windows, LONG[:2]).equity[window.split - 1 :]
    )
    plain = wfo.simulate(
        "atr_d_l", BARS[: window.train_end + 1], LONG[0], warmup=window.first,
        split=window.train_end, settings=SETTINGS,
    ).metrics(of.bars_per_year)  # fmt: skip
    assert result.in_sample is not None
    assert result.in_sample.net_profit == plain.in_sample.net_profit
    assert result.in_sample.bars == window.train_end - window.first


# Beside buy-and-hold and sets that are never changed


def test_buy_and_hold_is_bought_at_the_first_bar_that_is_traded() -> None:
    of = history()
    windows = laid(of, most=3)
    start, stop = windows.traded
    walk = walked(of, windows, LONG)
    held = wfo.buy_and_hold(
        BARS[:stop], warmup=start, split=start + 1, settings=wfo.AccountSettings(**_account())
    )
    assert walk.held.equity.tolist() == held.equity[start - 1 :].tolist()
    gain = held.equity[-1] / COSTS.capital - 1
    sides = by_hand(of, windows, LONG).sides[start:]
    assert walk.exposure_return == pytest.approx(gain * sides.count(1) / len(sides), rel=1e-12)
    assert walk.results[1].held.net_profit == pytest.approx(
        held.equity[windows[1].until - 1] - held.equity[windows[1].split - 1]
    )


def _account() -> dict[str, Any]:
    return {"slip": COSTS.slip, "fee": COSTS.fee, "lot_size": COSTS.lot}


def test_only_longs_are_of_the_exposure() -> None:
    of = history("atr_d_ls")
    windows = laid(of, most=3)
    start, _ = windows.traded
    sides = by_hand(of, windows, BOTH).sides[start:]
    assert sides.count(-1) > 5
    walk = walked(of, windows, BOTH)
    gain = walk.held.equity[-1] / COSTS.capital - 1
    assert walk.exposure_return == pytest.approx(gain * sides.count(1) / len(sides), rel=1e-12)


def test_fixed_sets_trade_all_bars_but_the_first_one_not_before_it_is_known() -> None:
    of = history()
    windows = laid(of, most=3)
    start, stop = windows.traded
    (hindsight,) = decisions([windows[0]], [LONG[2]])
    walk = walked(
        of, windows, [None, *LONG[:2]], hindsight=hindsight, run_set=("best of the run", LONG[1])
    )
    assert [f.key for f in walk.fixed] == ["first", "hindsight", "run"]
    assert walk.fixed[2].label == "best of the run"
    begins = (windows[1].split, start, start)
    for fixed, params, begin in zip(walk.fixed, (LONG[0], LONG[2], LONG[1]), begins, strict=True):
        plain = wfo.simulate(
            "atr_d_l", BARS[:stop], params, warmup=begin, split=begin + 1, settings=SETTINGS
        )
        assert fixed.params == params
        assert fixed.curve.equity.tolist() == plain.equity[start - 1 :].tolist()
        assert fixed.curve.metrics.trades == len(plain.trades)


def test_hindsight_is_chosen_on_all_bars_but_the_last() -> None:
    of = history()
    windows = laid(of)
    found = hindsight_window(windows, of.days)
    assert (found.first, found.train_end) == (windows[0].first, of.feeds.bars - 1)
    assert found.in_sample == (windows[0].in_sample[0], of.days[-2])
    assert WalkWindow.from_dict(found.to_dict()) == found
    early = hindsight_window(first_windows(windows, 2), of.days)
    assert early.train_end == windows[1].end - 1


# Where nothing is chosen


def test_the_set_before_goes_on_where_nothing_is_chosen() -> None:
    of = history()
    windows = laid(of, most=3)
    walk = walked(of, windows, [LONG[0], None, LONG[1]])
    same = by_hand(of, windows, [LONG[0], LONG[0], LONG[1]])
    assert walk.stitched.equity.tolist() == same.equity[windows[0].split - 1 :]
    assert walk.results[1].params == LONG[0]
    assert walk.results[1].decision.params is None
    alone = walked(of, windows, [LONG[0], LONG[0], LONG[1]]).results[1]
    assert (walk.results[1].in_sample, walk.results[1].alone) == (alone.in_sample, alone.alone)
    assert any(n.startswith("Window 2 chooses nothing (none is valid)") for n in walk.notes)


def test_everything_is_cash_before_the_first_decision() -> None:
    of = history()
    windows = laid(of, most=3)
    walk = walked(of, windows, [None, LONG[0], LONG[1]])
    begin = windows[1].split - windows[0].split
    assert set(walk.stitched.equity[: begin + 1].tolist()) == {COSTS.capital}
    later = by_hand(of, windows[1:], LONG[:2]).equity
    assert walk.stitched.equity[begin:].tolist() == later[windows[1].split - 1 :]
    first = walk.results[0]
    assert (first.params, first.in_sample, first.alone, first.wfe) == (None, None, None, None)
    assert (first.traded.net_profit, first.traded.exposure) == (0.0, 0.0)
    assert first.held.bars == windows[0].traded_bars


def test_windows_in_cash_are_none_of_the_efficiency() -> None:
    of = history(bars=RISING)
    windows = laid(of, most=3)
    walk = walked(of, windows, [None, LONG[0], LONG[1]])
    inside = [r.in_sample.net_profit for r in walk.results if r.in_sample is not None]
    out = [(r.traded.total_return or 0) * COSTS.capital for r in walk.results[1:]]
    days = [(w.split_date - w.from_date).days for w in windows[1:]]
    traded = [(w.to_date - w.split_date).days for w in windows[1:]]
    annual = sum(out) / sum(traded) / (sum(inside) / sum(days))
    assert walk.efficiency.annual == pytest.approx(annual, rel=1e-12)


def test_a_walk_forward_that_never_chooses_is_cash() -> None:
    of = history()
    windows = laid(of, most=2)
    walk = walked(of, windows, [None, None])
    assert "Windows 1 to 2 choose nothing (none is valid): everything is in cash." in walk.notes
    assert set(walk.stitched.equity.tolist()) == {COSTS.capital}
    assert (walk.efficiency.raw, walk.exposure_return, walk.fixed) == (None, 0.0, ())
    assert not walk.tradestation.passed
    assert set(walk.drift.values()) == {None}
    assert walk.trades.is_empty()
    shown = walked(of, windows, [LONG[0], None])
    assert walk.trades.schema == shown.trades.schema
    assert walk.windows_frame().schema == shown.windows_frame().schema
    assert "WalkForward" in repr(walk)
    assert "cash" in walk._repr_html_()


# Drift


def test_drift_is_counted_in_steps_of_the_grid_from_decision_to_decision() -> None:
    of = history()
    grid = wfo.Grid({name: [value] for name, value in LONG[0].items()}
                    | {"atr_period": [5, 6, 10, 20], "bb_deviation": [1.0, 1.5]},
                    strategy="atr_d_l")  # fmt: skip
    windows = laid(of)
    sets = [
        LONG[0],
        {**LONG[0], "atr_period": 20, "bb_deviation": 1.0},
        None,
        {**LONG[0], "atr_period": 5, "bb_deviation": 1.25},
    ]
    walk = walked(of, windows, sets, grid=grid)
    steps = [result.drift for result in walk.results]
    assert steps[0] == steps[2] == {}
    assert steps[1] == dict.fromkeys(LONG[0], 0.0) | {"atr_period": 2.0, "bb_deviation": -1.0}
    assert steps[3] == dict.fromkeys(LONG[0], 0.0) | {"atr_period": -3.0, "bb_deviation": None}
    assert walk.drift["atr_period"] == 2.5
    assert walk.drift["bb_deviation"] is None
    assert walk.drift["bb_length"] == 0.0
    # A study has no grid.
    assert set(walked(of, windows, sets).drift.values()) == {None}


# No look-ahead


@dataclass
class ByDigest:
    """Chooses by the in-sample bars alone, in a way that any change of them shows."""

    of: History
    sets: Sequence[Params]
    by: str = "digest"

    @property
    def combinations(self) -> int:
        return len(self.sets)

    def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
        prices = self.of.feeds.prices()
        assert prices is not None
        for window in windows:
            seen = np.concatenate([column[window.first : window.train_end] for column in prices])
            at = zlib.crc32(seen.tobytes()) % len(self.sets)
            yield Decision(window.number, self.sets[at], at, None, 1, len(self.sets))


def small_grid() -> wfo.Grid:
    values = {name: [value] for name, value in LONG[0].items()}
    return wfo.Grid(
        values | {"atr_multiplier": [1.5, 4.0], "atr_buy_multiplier": [0.5, 0.75, 1.5]},
        strategy="atr_d_l",
    )


def _by_grid(of: History) -> GridChooser:
    return GridChooser(of, small_grid(), "net_profit", progress=Silent())


@pytest.mark.parametrize("chooser", [lambda of: ByDigest(of, LONG), _by_grid])
@pytest.mark.parametrize("seed", range(3))
def test_later_bars_change_no_decision_and_no_mark_before(
    chooser: Callable[[History], Any], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    lengths = (("90d", "60d"), ("4m", "2m", "30d"), ("60d", "30d", "30d", "9d"))[seed]
    schedule = wfo.WalkSchedule(*lengths, anchored=seed == 1)
    of = history()
    windows = laid(of, schedule)
    start, stop = windows.traded
    bar = int(rng.integers(start + 1, stop))
    factor = np.ones(len(BARS))
    factor[bar:] = np.exp(np.cumsum(rng.normal(0, 0.02, len(BARS) - bar)))
    changed = history(bars=BARS.with_columns(
        pl.col("open", "high", "low", "close") * pl.Series(factor)
    ))  # fmt: skip
    cut = history(bars=BARS[:bar])

    own = list(chooser(of).choose(windows))
    whole = stitch(of, windows, own, grid=None, grid_name="", by="", searched=1)
    for other in (changed, cut):
        others = laid(other, schedule)
        chosen = list(chooser(other).choose(others))
        known = [w.number for w in windows if w.train_end <= bar and w.split < bar]
        assert known
        assert [chosen[n - 1] for n in known] == [own[n - 1] for n in known]
        found = stitch(other, others, chosen, grid=None, grid_name="", by="", searched=1)
        before = bar - start + 1
        assert found.stitched.equity[:before].tolist() == whole.stitched.equity[:before].tolist()
        for n in known:
            assert found.results[n - 1].in_sample == whole.results[n - 1].in_sample


# Short windows, ruin, lots, other strategies


@pytest.mark.parametrize("lengths", [("5d", "1d"), ("8d", "2d"), ("6d", "3d", "2d")])
def test_windows_of_a_few_bars(lengths: tuple[str, ...]) -> None:
    of = history(bars=BARS[:130])
    windows = laid(of, wfo.WalkSchedule(*lengths))
    sets = [LONG[i % 3] for i in range(len(windows))]
    walk = walked(of, windows, sets)
    assert (
        walk.stitched.equity.tolist() == by_hand(of, windows, sets).equity[windows[0].split - 1 :]
    )
    json.dumps(walk.to_dict(), allow_nan=False)
    assert walk.windows_frame().height == len(windows)


def test_the_first_decision_may_trade_a_single_bar() -> None:
    schedule = wfo.WalkSchedule("90d", "30d")
    for end in range(225, 420):
        of = history(bars=BARS[:end])
        windows = laid(of, schedule)
        if windows[-1].traded_bars == 1:
            break
    sets = [None] * (len(windows) - 1)
    walk = walked(of, windows, [*sets, LONG[0]])
    plain = wfo.simulate(
        "atr_d_l", BARS[: end + 5], LONG[0], warmup=end - 1, split=end + 1, settings=SETTINGS
    )
    assert walk.stitched.equity[-1] == plain.equity[end - 1]
    assert walk.stitched.metrics.bars == len(walk.dates) - 1


def test_a_single_bar_is_that_of_a_longer_simulation() -> None:
    narrow = {**LONG[2], "atr_multiplier": 0.02, "atr_buy_multiplier": 0.02}
    day = BARS[200:201]
    twice = pl.concat([BARS[:201], day.with_columns(pl.col("date").dt.offset_by("1d"))])
    longer = simulate_sets(history(bars=twice), [(200, narrow)], warmup=200)
    # What is bought in the bar would be sold in another one like it.
    assert longer.trades["exit_bar"].to_list() == [201]
    found = simulate_sets(history(bars=BARS[:201]), [(200, narrow)], warmup=200)
    assert found.equity.tolist() == longer.equity[:201].tolist()
    assert found.equity[200] != COSTS.capital
    assert found.trades.is_empty()
    assert found.dates is not None
    assert len(found.dates) == 201


def test_an_account_that_is_ruined_stays_so_and_says_when() -> None:
    of = history("atr_d_ls")
    windows = laid(of, most=3)
    sides = by_hand(of, windows, BOTH).sides
    bar = windows[1].split  # a short is open at the close before
    assert sides[bar - 1] == -1
    # From that bar on prices are tenfold.
    factor = np.where(np.arange(len(BARS)) < bar, 1.0, 10.0)
    bars = BARS.with_columns(pl.col("open", "high", "low", "close") * pl.Series(factor))
    ruined = history("atr_d_ls", bars)
    walk = walked(ruined, windows, BOTH)
    assert walk.stitched.equity[-1] < 0
    assert walk.stitched.metrics.cagr is None
    assert walk.results[2].traded.total_return is None
    assert not walk.tradestation.passed
    assert any(f"0 or less on {ruined.days[bar]}" in note for note in walk.notes)
    json.dumps(walk.to_dict(), allow_nan=False)
    assert walk.windows_frame()["traded_total_return"][2] is None
    walk.plot()


def test_entries_without_shares_and_a_benchmark_without_any_are_told() -> None:
    of = history(settings=wfo.Settings(capital=100.0, lot_size=1))
    windows = laid(of, most=2)
    walk = walked(of, windows, LONG[:2])
    assert walk.held.metrics.exposure == 0.0
    assert any(
        note.startswith("NO LOT COULD BE BOUGHT, though entries took place, ")
        for note in walk.notes
    )
    assert any("buy-and-hold is cash" in note for note in walk.notes)


def test_that_no_set_could_buy_a_lot_is_told_where_nothing_was_chosen() -> None:
    for lot, told in ((1_000.0, True), (0.5, False)):
        of = history(settings=wfo.Settings(lot_size=lot))
        walk = walked(of, laid(of, most=2), [None, None])
        said = [note for note in walk.notes if note.startswith("NO LOT COULD BE BOUGHT, by any")]
        assert bool(said) == told
        assert not told or "one lot of 1000 was worth" in said[0]


def test_a_strategy_whose_engines_hold_one_set_is_refused_with_the_reason() -> None:
    strategy = wfo.strategies()["atr_d_l"]
    only = replace(
        strategy, name="own", kernel=RustKernel("atr_d_l", engines=("factored",)), reference=None
    )
    of = replace(history(), strategy=only)
    with pytest.raises(EngineError, match="one parameter set from the first bar to the last"):
        dated_engine(of)
    windows = laid(of, most=2)
    with pytest.raises(EngineError, match="own cannot be computed like this"):
        walked(of, windows, LONG[:2])


@pytest.mark.parametrize(
    ("sets", "warmup", "message"),
    [
        ([], 120, "do not fit"),
        ([(130, LONG[0])], 120, "do not fit"),
        ([(120, LONG[0]), (420, LONG[1])], 120, "do not fit"),
        ([(0, LONG[0])], 0, "has a bar before it"),
        ([(110, LONG[0]), (150, LONG[1]), (150, LONG[2])], 120, "at least a bar apart"),
        ([(50, LONG[0])], 50, "longest lookback"),
        ([(120, {"atr_period": 3})], 120, "also needs atr_multiplier"),
    ],
)
def test_sets_that_cannot_take_turns(
    sets: list[tuple[int, Params]], warmup: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        simulate_sets(history(), sets, warmup=warmup)


def test_every_window_needs_its_decision() -> None:
    of = history()
    windows = laid(of, most=3)
    given: dict[str, Any] = {"grid": None, "grid_name": "", "by": "", "searched": 1}
    for wrong in (decisions(windows[:2], LONG[:2]), decisions(windows[::-1], LONG)):
        with pytest.raises(InputError, match="needs a decision of each, in order"):
            stitch(of, windows, wrong, **given)


# Tables, drawings, plain values


def test_tables_hold_what_the_result_does(tmp_path: Path) -> None:
    of = history()
    windows = laid(of, most=3)
    walk = walked(of, windows, LONG, symbols=("NASDAQ",), notes=["A note."])
    frame = walk.windows_frame()
    assert frame["window"].to_list() == [1, 2, 3]
    assert frame["params_atr_period"].to_list() == [6, 29, 8]
    assert frame["alone_net_profit"].to_list() == [
        r.alone.net_profit for r in walk.results if r.alone is not None
    ]
    assert frame["traded_trades"].dtype == frame["in_sample_bars"].dtype == pl.Int64
    assert frame["in_sample_last"].to_list() == [w.in_sample[1] for w in windows]
    equity = walk.equity_frame()
    assert equity.columns == ["date", "window", "stitched", "buy_and_hold", "first"]
    assert equity["window"].to_list()[:2] == [None, 1]
    counts = equity.drop_nulls("window").group_by("window", maintain_order=True).len()["len"]
    assert counts.to_list() == [w.traded_bars for w in windows]
    assert equity["date"][1] == windows[0].out_of_sample[0]
    walk.plot(tmp_path / "walk.html", title="Own & title")
    page = (tmp_path / "walk.html").read_text("utf-8")
    assert "Own &amp; title" in page
    assert "Buy-and-hold" in page
    assert walk.notes[0] == "A note."
    found = json.loads(json.dumps(walk.to_dict(), allow_nan=False))
    assert found["results"][1]["decision"]["params"] == LONG[1]
    assert found["stitched"]["net_profit"] == walk.stitched.metrics.net_profit
    assert found["symbols"] == ["NASDAQ"]
    assert found["windows"] == windows.to_dict()


# In one call


def test_a_call_is_a_search_in_each_window_and_its_stitching() -> None:
    grid = small_grid()
    walk = wfo.walk_forward(
        "atr_d_l", BARS, grid, in_sample="6m", out_of_sample="3m", by="net_profit",
        settings=SETTINGS, threads=1,
    )  # fmt: skip
    of = history()
    windows = laid(of)
    chooser = _by_grid(of)
    *own, hindsight = chooser.choose([*windows, hindsight_window(windows, of.days)])
    expected = stitch(
        of, windows, own, grid=grid, grid_name="grid", by="net_profit", hindsight=hindsight,
        searched=5 * len(grid),
    )  # fmt: skip
    assert walk.to_dict() == expected.to_dict()
    assert walk.equity_frame().equals(expected.equity_frame())
    assert [f.key for f in walk.fixed] == ["first", "hindsight"]
    # The best of a window by brute force.
    window, decision = windows[0], own[0]
    profits = [
        wfo.simulate("atr_d_l", BARS, grid.params(i), warmup=window.first, split=window.train_end,
                     settings=SETTINGS).is_pnl
        for i in range(len(grid))
    ]  # fmt: skip
    assert decision.params is not None
    chosen = grid.find(decision.params)
    assert chosen is not None
    assert profits[chosen] == pytest.approx(max(profits), rel=1e-6)


def test_a_strategy_in_python_with_feeds_of_its_own_is_walked_forward() -> None:
    rng = np.random.default_rng(8)
    flow = BARS.select("date", volume=pl.Series(rng.random(len(BARS))))
    read: dict[str, Any] = {"bars2": _SAMPLE[1500:1920].with_columns(BARS["date"])}
    read |= {"feeds": {"flow": flow}, "settings": wfo.AccountSettings(slip=0.001)}
    walk = wfo.walk_forward(
        test_conformance.REVERSING, BARS, {"back": [2, 9, 30], "least": [0.0, 0.9]},
        in_sample="6m", out_of_sample="2m", by="net_profit", **read,
    )  # fmt: skip
    start, stop = walk.windows.traded
    sets = [(r.window.split, dict(r.params or {})) for r in walk.results]
    assert len({tuple(params.values()) for _, params in sets}) > 1
    found = wfo.simulate(
        test_conformance.REVERSING, BARS, sets, warmup=start, split=start + 1, engine="python",
        **read,
    )  # fmt: skip
    assert len(BARS) == stop
    assert walk.stitched.equity.tolist() == found.equity[start - 1 :].tolist()
    assert walk.trades.equals(found.trades)
    assert len(walk.trades) > 10


def test_a_call_takes_lengths_a_beginning_and_any_frame() -> None:
    options: dict[str, Any] = {
        "in_sample": "4m", "out_of_sample": "2m", "step": "1m", "purge": "5d", "anchored": True,
        "settings": SETTINGS,
    }  # fmt: skip
    grid = {name: [value] for name, value in LONG[0].items()} | {"atr_period": [5, 9]}
    walk = wfo.walk_forward("atr_d_l", BARS, grid, begin="2001-07-01", **options)
    first = walk.windows[0]
    assert first.from_date == dt.date(2001, 7, 1)
    assert walk.windows.schedule.name == "anchored_4m_2m_step1m_purge5d"
    # Under 18 months a figure is chosen by.
    assert walk.by == "profit_by_drawdown"
    other = wfo.walk_forward(
        "atr_d_l", BARS.to_pandas(), grid, begin=dt.date(2001, 7, 1), by=walk.by, **options
    )
    assert other.to_dict() == walk.to_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"begin": "soon"}, "begin = 'soon' is no date"),
        ({"in_sample": "3"}, "in_sample = '3' is no length"),
        ({"out_of_sample": "0d"}, "out_of_sample = 0d"),
        ({"step": "9m"}, "longer than out_of_sample"),
        ({"by": "luck"}, "no criterion"),
        ({"by": "stability"}, "18m"),
        ({"threads": 0}, "threads = 0"),
        ({"progress": 3}, "progress must have"),
    ],
)
def test_a_call_that_cannot_be(options: dict[str, Any], message: str) -> None:
    given = {"in_sample": "6m", "out_of_sample": "3m"} | options
    with pytest.raises(InputError, match=message):
        wfo.walk_forward("atr_d_l", BARS, small_grid(), **given)
