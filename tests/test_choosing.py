"""Re-selection in windows: brute force over small grids, and no bar that a window may not see."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import strategy

import wfo
from wfo.backtest import Feeds, read_feeds
from wfo.bars import days
from wfo.errors import DataError, InputError
from wfo.metrics import inferred_bars_per_year
from wfo.progress import Silent
from wfo.selection.regions import find_region, sample_digits
from wfo.strategy import PythonKernel, Walk, get_strategy
from wfo.walkforward import survivors
from wfo.walkforward.best_scored import BestByPhases
from wfo.walkforward.central import Nearest, Ties, ValueCounts, most_central
from wfo.walkforward.choosing import GridChooser
from wfo.walkforward.criteria import BY, Criterion, resolved_by
from wfo.walkforward.history import History
from wfo.walkforward.inner import inner_phases
from wfo.walkforward.parts import Sweeper
from wfo.walkforward.values import Decision
from wfo.windows import WalkSchedule, WalkWindow, Windows

ONE: dict[str, Any] = {
    "atr_period": [14],
    "atr_multiplier": [3.0],
    "bb_length": [20],
    "bb_deviation": [2.0],
    "vol_threshold": [0.1],
    "min_tightening": [0.5],
    "scaling_method": [0],
    "atr_buy_period": [14],
    "atr_buy_multiplier": [1.0],
    "atr_smooth_period": [3],
    "equity_price_method": [0],
}
SMALL = {
    "atr_multiplier": [2.0, 4.0, 8.0],
    "atr_buy_multiplier": [0.5, 1.0, 2.0],
    "atr_smooth_period": [3, 4],
}
#: No volatility is that low, so that nothing is tightened: two parameters change nothing.
IDLE = {"vol_threshold": [1e-6], "min_tightening": [0.3, 0.4, 0.5], "bb_length": [10, 20, 30]}
#: Enough combinations in each cell of the map for plateaus.
MAP = {
    "atr_multiplier": [2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0],
    "atr_buy_multiplier": [0.3, 0.5, 0.7, 1.0, 1.4, 2.0],
    "atr_period": [10, 20],
    "vol_threshold": [0.05, 0.1, 0.2],
    "min_tightening": [0.3, 0.6],
    "atr_buy_period": [10, 20],
    "atr_smooth_period": [2, 4, 8],
}
OTHER = {
    "short_multiplier": [0.5, 1.0],
    "entry_mode": [0],
    "trend_filter_period": [10],
    "trend_veto_threshold": [0.0],
    "both_triggered_mode": [0],
    "hma_fast_length": [10, 30],
    "hma_slow_length": [20, 40],
}
COSTS = wfo.Settings(slip=0.0005, fee=0.0002)


@functools.cache
def frame(symbol: str = "SP500", count: int = 1_100) -> pl.DataFrame:
    return wfo.load_sample(symbol)[1_000 : 1_000 + count]


@functools.cache
def late() -> pl.DataFrame:
    """Years in which the map below has a plateau."""
    return wfo.load_sample("SP500")[3_000:3_950]


def history(name: str = "atr_d_l", bars: pl.DataFrame | None = None) -> History:
    own = get_strategy(name)
    first = frame() if bars is None else bars
    feeds = read_feeds(own, first, frame("NASDAQ") if own.dual_symbol else None)
    assert feeds.stamps is not None
    return History(own, feeds, COSTS, inferred_bars_per_year(feeds.stamps))


def grid(name: str = "atr_d_l", axes: Any = SMALL) -> wfo.Grid:
    own = get_strategy(name)
    usual = {n: v for n, v in (ONE | OTHER).items() if n in own.names}
    return wfo.Grid(usual | axes, strategy=own)


def window(first: int, train_end: int, split: int | None = None, number: int = 1) -> WalkWindow:
    """A window by its bars; what is not looked at when choosing stands for itself."""
    day = dt.date(2000, 1, 1)
    at = train_end if split is None else split
    return WalkWindow(
        number, first, train_end, at, at + 1, at + 1, day, day, day, day, (day, day), (day, day),
        cut=False,
    )  # fmt: skip


def decide(
    own: History, of: wfo.Grid, by: str, *windows: WalkWindow, **more: Any
) -> list[Decision]:
    return list(GridChooser(own, of, by, **more).choose(windows))


@functools.cache
def in_sample(of: wfo.Grid, part: tuple[int, int]) -> list[Any]:
    """Figures of every combination by single backtests of the bars of a part, and one more."""
    first, end = part
    second = frame("NASDAQ")[: end + 1] if of.strategy.dual_symbol else None
    arguments: dict[str, Any] = {"warmup": first, "split": end, "settings": COSTS, "bars2": second}
    return [
        wfo.simulate(of.strategy, frame()[: end + 1], of.params(index), **arguments)
        .metrics()
        .in_sample
        for index in range(len(of))
    ]


def steps_to_others(of: wfo.Grid, tied: Sequence[int]) -> list[int]:
    places = [[of.values[n].index(v) for n, v in of.params(index).items()] for index in tied]
    return [
        sum(abs(a - b) for other in places for a, b in zip(own, other, strict=True))
        for own in places
    ]


def expected(of: wfo.Grid, values: Sequence[float | None], *, least: bool = False) -> list[int]:
    """The best of values that are defined, equal but for rounding, the most central one first."""
    known = {i: -v if least else v for i, v in enumerate(values) if v is not None}
    best = max(known.values())
    tied = [i for i, v in known.items() if abs(v - best) <= 1e-6 * abs(best)]
    ranked = sorted(zip(steps_to_others(of, tied), tied, strict=True))
    return [index for _, index in ranked]


# Names


def test_an_unknown_criterion_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'stability'"):
        Criterion.of("stabilty")


def test_all_names_are_criteria() -> None:
    for by in BY:
        assert Criterion.of(by).by == by
    assert {"stability", "plateau", "region", "sharpe", "calmar", "net_profit"} <= set(BY)


@pytest.mark.parametrize(
    ("by", "more", "message"),
    [
        ("stability", {"min_trades": 3}, "min_trades"),
        ("sharpe", {"gates": wfo.Gates()}, "gates go with stability, plateau, region"),
        ("sharpe", {"min_trades": -1}, "min_trades = -1"),
        ("region", {"gates": "strict"}, "gates"),
    ],
)
def test_options_that_do_not_go_together_are_refused(by: str, more: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Criterion.of(by, **more)


@pytest.mark.parametrize(
    ("inside", "purge", "by"),
    [
        ("18m", "0d", "stability"),
        ("3y", "0d", "stability"),
        ("18m", "1d", "profit_by_drawdown"),
        ("1y", "0d", "profit_by_drawdown"),
        ("365d", "0d", "profit_by_drawdown"),
        ("2y", "6m", "stability"),
        ("2y", "7m", "profit_by_drawdown"),
    ],
)
def test_without_a_name_the_length_decides(inside: str, purge: str, by: str) -> None:
    schedule = WalkSchedule(inside, "3m", purge=purge)
    assert resolved_by(None, schedule) == by
    if by != "stability":
        with pytest.raises(InputError, match="18m"):
            resolved_by("plateau", schedule)
        assert resolved_by("sharpe", schedule) == "sharpe"


def test_one_short_schedule_of_a_matrix_decides_for_all() -> None:
    short, long = WalkSchedule("1y", "3m"), WalkSchedule("3y", "3m")
    assert resolved_by(None, [long, short]) == "profit_by_drawdown"
    assert resolved_by(None, [long]) == "stability"


def test_a_strategy_without_a_map_has_no_plateau() -> None:
    own = strategy("a", "b", kernel=PythonKernel("test_choosing:fortune"), lookback=lambda _: 1)
    of = wfo.Grid({"a": [1, 2], "b": [1]}, strategy=own)
    with pytest.raises(InputError, match="has no map"):
        GridChooser(replace(history(), strategy=own), of, "plateau")


# Figures


@pytest.mark.parametrize(
    "by",
    [
        "net_profit",
        "profit_by_drawdown",
        "max_drawdown",
        "trades",
        "profit",
        "drawdown",
        "sharpe",
        "mar",
        "profit_factor",
    ],
)
def test_the_best_by_a_figure_is_that_of_single_backtests(by: str) -> None:
    own, of = history(), grid()
    parts = [(100, 400), (220, 500), (220, 830)]
    windows = [window(*part, number=k) for k, part in enumerate(parts, 1)]
    name = {"drawdown": "max_drawdown_share", "profit": "total_return"}.get(by, by)
    for part, decision in zip(parts, decide(own, of, by, *windows), strict=True):
        every = in_sample(of, part)
        if by == "profit_by_drawdown":
            values = [m.net_profit / m.max_drawdown if m.max_drawdown else None for m in every]
        else:
            values = [getattr(m, name) for m in every]
        ranked = expected(of, values, least="drawdown" in by and by != "profit_by_drawdown")
        assert decision.index == ranked[0]
        assert decision.tied == len(ranked)
        assert decision.params == of.params(ranked[0])
        assert decision.value == pytest.approx(values[ranked[0]], rel=1e-6)
        assert decision.searched == len(of)


@pytest.mark.parametrize("name", list(wfo.strategies()))
def test_all_strategies_are_chosen_for(name: str) -> None:
    own = history(name)
    of = grid(name, {"atr_multiplier": [2.0, 6.0], "atr_buy_multiplier": [0.5, 2.0]})
    (decision,) = decide(own, of, "net_profit", window(150, 450))
    values = [m.net_profit for m in in_sample(of, (150, 450))]
    assert decision.index == expected(of, values)[0]


def test_what_trades_too_little_is_not_chosen() -> None:
    own, of = history(), grid()
    trades = [m.trades for m in in_sample(of, (100, 400))]
    profits = [m.net_profit for m in in_sample(of, (100, 400))]
    least = sorted(trades)[-4]
    (decision,) = decide(own, of, "net_profit", window(100, 400), min_trades=least)
    enough = [p if t >= least else None for p, t in zip(profits, trades, strict=True)]
    assert decision.index == expected(of, enough)[0]
    assert decision.index != expected(of, profits)[0]


def test_nothing_is_chosen_where_nothing_can_be() -> None:
    (decision,) = decide(history(), grid(), "sharpe", window(100, 400), min_trades=60_000)
    assert (decision.params, decision.index, decision.value) == (None, None, None)
    assert "60,000 trades" in decision.note


def test_a_window_before_the_longest_lookback_is_refused() -> None:
    with pytest.raises(InputError, match=r"window 1 begins at bar 60, .*70 bars"):
        decide(history(), grid(), "net_profit", window(60, 400))


def test_the_history_may_end_where_a_part_does() -> None:
    cut = history(bars=frame()[:400])
    assert decide(cut, grid(), "mar", window(100, 400)) == decide(
        history(), grid(), "mar", window(100, 400)
    )


# Ties


def test_the_most_central_has_the_fewest_steps_then_the_lowest_index() -> None:
    line = grid(axes={"atr_smooth_period": [1, 2, 3, 5, 8, 13]})
    # Steps are counted in the grid, whatever the values: 0 + 1 + 5, 1 + 0 + 4, 5 + 4 + 0.
    assert most_central(line, np.array([0, 1, 5])) == 1
    assert most_central(line, np.array([4, 1])) == 1
    assert most_central(line, np.array([3])) == 3
    plane = grid(axes={"atr_multiplier": [1.0, 2.0, 3.0], "atr_smooth_period": [1, 2, 3]})
    # A cross: its middle is combination 4 of 3 x 3.
    assert most_central(plane, np.array([1, 3, 4, 5, 7])) == 4


@given(st.sets(st.integers(0, 17), min_size=1), st.integers(0, 20))
@settings(max_examples=40)
def test_central_ties_do_not_depend_on_what_is_held(tied: set[int], limit: int) -> None:
    of, several = grid(), np.array(sorted(tied))
    costs = steps_to_others(of, several.tolist())
    central = int(several[int(np.argmin(costs))])
    ties = Ties(of, limit)
    for piece in np.array_split(several, 3):
        ties.add(piece)
    assert ties.size == len(several)
    if ties.is_held:
        assert ties.central() == central
    else:
        nearest = Nearest(ties.counts)
        for piece in np.array_split(several, 2):
            nearest.add(piece)
        assert nearest.index == central
    counts = ValueCounts(of)
    counts.add(several)
    assert counts.steps(several).tolist() == costs


@pytest.mark.parametrize("by", ["max_drawdown", "sharpe", "stability"])
def test_no_decision_depends_on_memory_or_on_the_other_windows(by: str) -> None:
    own, of = history(bars=late()), grid(axes={"atr_multiplier": [3.0, 5.0]} | IDLE)
    windows = [window(100 + 60 * k, 560 + 60 * k, number=k + 1) for k in range(4)]
    windows.append(replace(windows[1], number=5))
    found = decide(own, of, by, *windows)
    assert [d.window for d in found] == [1, 2, 3, 4, 5]
    assert replace(found[4], window=2) == found[1]
    assert any(d.tied > 1 for d in found)
    assert found == decide(own, of, by, *windows, memory=1)
    assert found[2] == decide(own, of, by, windows[2])[0]


def test_parts_of_several_windows_are_swept_once() -> None:
    class Told(Silent):
        total = 0

        def stage(self, title: str, total: int) -> Any:
            Told.total += total
            return super().stage(title, total)

    same = [window(100, 400, number=k) for k in (1, 2, 3)]
    decide(history(), grid(), "net_profit", *same, window(100, 420, number=4), progress=Told())
    assert Told.total == 2 * len(grid())


# Scores


def scored(
    of: wfo.Grid, part: tuple[int, int], gates: wfo.Gates | None = None, whole: Any = None
) -> pl.DataFrame:
    """Candidates of a sweep and a score by hand, on the bars of a part alone."""
    bars = (frame() if whole is None else whole)[: part[1]]
    phases = Windows.preset("default").resolve(bars["date"], warmup=part[0])
    results = wfo.sweep(of.strategy, bars, of, windows=phases, settings=COSTS)
    return wfo.score(results, gates=gates)


@pytest.mark.parametrize("gates", [None, "strict"])
@pytest.mark.filterwarnings("ignore:no combination is valid")
def test_the_best_by_stability_is_that_of_a_score_by_hand(gates: str | None) -> None:
    own, of = history(), grid(axes=SMALL | {"vol_threshold": [0.05, 0.2], "atr_period": [10, 20]})
    rules = None if gates is None else wfo.Gates.preset(gates)
    parts = [(100, 560), (160, 700), (100, 1_000), (300, 1_000)]
    windows = [window(*part, number=k) for k, part in enumerate(parts, 1)]
    found = decide(own, of, "stability", *windows, gates=rules)
    assert any(d.index is not None for d in found)
    for part, decision in zip(parts, found, strict=True):
        frame_of = scored(of, part, rules)
        if frame_of.is_empty():
            assert decision.params is None
            assert "none is stable" in decision.note
            continue
        best = frame_of.filter((pl.col("Outcome") == 1) & pl.col("Outcome_Central")).row(
            0, named=True
        )
        assert decision.params == {n: best[n] for n in own.strategy.names}
        assert decision.value == best["Stability_Score"]
        assert decision.tied == best["Outcome_Size"]
        assert of.params(decision.index or 0) == decision.params


def test_members_of_the_best_outcome_are_found_whatever_is_kept() -> None:
    own, of = history(), grid(axes={"atr_multiplier": [3.0, 4.0, 6.0]} | IDLE)
    part = (100, 1_000)
    (whole,) = decide(own, of, "stability", window(*part))
    assert whole.tied > 2
    for kept, room in ((1, 1 << 30), (2, 1)):
        sweeper = Sweeper(own, of, extended=False, room=1 << 20)
        by = BestByPhases.of(sweeper, Criterion.of("stability"), Silent(), room, kept)
        (few,) = by.choose([part], "")
        assert few.decision(1, len(of)) == whole


@pytest.mark.parametrize(("wanted", "again"), [(1, True), (40, True), (3_000, False)])
def test_a_large_grid_is_swept_again_only_where_the_best_may_not_have_been_kept(
    wanted: int, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []

    class Told(Silent):
        def stage(self, title: str, total: int) -> Any:
            titles.append(title)
            return super().stage(title, total)

    own, of, windows = history(bars=late()), mapped(), [window(*PART), window(100, 880, number=2)]
    held = decide(own, of, "stability", *windows)
    monkeypatch.setattr(survivors, "WANTED", wanted)
    monkeypatch.setattr(survivors, "LEAST_SAMPLED", 300)
    sweeper = Sweeper(own, of, extended=False, room=1 << 24)
    by = BestByPhases.of(sweeper, Criterion.of("stability"), Told(), 1_000)
    found = by.choose([PART, (100, 880)], "these")
    assert [c.decision(n, len(of)) for n, c in enumerate(found, 1)] == held
    assert ("these, selecting" in titles) is again


def test_three_years_shrink_to_what_three_years_of_history_do() -> None:
    dates = days(frame()["date"])
    (first, *_) = WalkSchedule("3y", "1m").resolve(dates)
    part = (first.first, first.train_end)
    inner = inner_phases(dates, part)
    assert (len(inner.bounds), inner.min_phases) == (3, 2)
    assert min(inner.bounds)[0] == part[0]
    assert max(end for *_, end in inner.bounds) == part[1]
    # A few days less are three years still: their first or last dates may have no bars.
    assert len(inner_phases(dates, (part[0] + 2, part[1])).bounds) == 3
    assert len(inner_phases(dates, (part[0] + 10, part[1])).bounds) == 2


def test_weekly_bars_make_three_years_too() -> None:
    dates = [dt.date(2010, 1, 1) + dt.timedelta(7 * k) for k in range(400)]
    windows = WalkSchedule("3y", "1m").resolve(dates)
    found = [inner_phases(dates, (w.first, w.train_end)) for w in windows]
    assert {(len(inner.bounds), inner.min_phases) for inner in found} == {(3, 2)}


def test_of_other_lengths_the_phases_are_those_of_a_run_on_such_a_history() -> None:
    dates = days(frame()["date"])
    for part in ((100, 560), (150, 1_000), (100, 1_090)):
        phases = Windows.preset("default").resolve(dates[: part[1]], warmup=part[0])
        inner = inner_phases(dates, part)
        assert list(inner.bounds) == [p.bounds for p in phases]
        assert inner.min_phases == phases.min_phases


def test_of_more_than_ten_years_the_last_ten_have_the_phases() -> None:
    dates = [dt.date(2000, 1, 3) + dt.timedelta(k) for k in range(5_600)]
    for part in ((100, 5_500), (1_500, 5_500)):
        inner = inner_phases(dates, part)
        assert (len(inner.bounds), inner.min_phases) == (4, 3)
        assert dates[inner.bounds[0][0]] == dates[part[1] - 1].replace(year=2005)


def test_too_short_a_part_is_refused_before_anything_is_swept() -> None:
    windows = [window(100, 1_000), window(300, 600, number=2)]
    with pytest.raises(DataError, match=r"18m .* 'profit_by_drawdown'"):
        next(GridChooser(history(), grid(), "region").choose(windows))


@functools.cache
def mapped() -> wfo.Grid:
    return grid(axes=MAP)


#: Of the late bars.
PART = (100, 900)


def central_of(of: wfo.Grid, rows: pl.DataFrame) -> dict[str, Any]:
    """The row with the fewest steps to the others, of equals the one of the lowest index."""
    ordered = sorted(of.find(r) or 0 for r in rows.select(of.strategy.names).to_dicts())
    return of.params(most_central(of, np.array(ordered)))


def test_the_centre_of_the_best_plateau_is_the_most_central_of_its_stable_sets() -> None:
    of = mapped()
    candidates = scored(of, PART, whole=late())
    (plateau, *_) = wfo.detect_plateaus(candidates, of)
    inside = plateau.candidates(candidates, of)
    (decision,) = decide(history(bars=late()), of, "plateau", window(*PART))
    assert decision.params == central_of(of, inside)
    assert decision.tied == len(inside)
    row = inside.filter(
        pl.all_horizontal(pl.col(n) == v for n, v in (decision.params or {}).items())
    )
    assert decision.value == row["Stability_Score"][0]


def test_the_centre_of_the_best_region_is_the_most_central_of_its_stable_sets() -> None:
    of = mapped()
    candidates = scored(of, PART, whole=late())
    (plateau, *_) = wfo.detect_plateaus(candidates, of)
    indices = np.arange(len(of))
    stable = np.zeros(len(of), np.bool_)
    for row in candidates.select(of.strategy.names).to_dicts():
        stable[of.find(row)] = True
    region = find_region(of, sample_digits(of, indices), stable, plateau)
    inside = candidates.filter(region.contains(candidates))
    (decision,) = decide(history(bars=late()), of, "region", window(*PART))
    assert decision.params == central_of(of, inside)
    assert decision.tied == len(inside)
    assert decision.note == region.note


def test_without_a_plateau_nothing_is_chosen() -> None:
    for by in ("plateau", "region"):
        (decision,) = decide(history(), mapped(), by, window(*PART), gates=wfo.Gates(wfe=1e6))
        assert decision.params is None
        assert decision.note


# No look-ahead


def spoiled(bars: pl.DataFrame, end: int, seed: int) -> pl.DataFrame:
    """The same bars before one, and random ones, or none at all, from there on."""
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:
        return bars[:end]
    factor = np.exp(np.cumsum(rng.normal(0, 0.05, len(bars) - end)))
    later = bars[end:].with_columns(
        pl.col(n) * pl.Series(factor) for n in ("open", "high", "low", "close")
    )
    return pl.concat([bars[:end], later])


@given(st.integers(560, 1_090), st.integers(0, 8), st.integers(0, 60))
@settings(max_examples=12)
def test_bars_from_the_end_of_a_part_on_change_no_decision(end: int, seed: int, purge: int) -> None:
    own, other = history(), history(bars=spoiled(frame(), end, seed))
    # A decision before, and one after a purge: both see the bars before their ends alone.
    windows = [window(100, end - 60), window(100, end, end + purge, number=2)]
    for by in ("net_profit", "mar", "stability"):
        if by == "stability":
            windows = windows[1:]
        assert decide(own, grid(), by, *windows) == decide(other, grid(), by, *windows)


@pytest.mark.parametrize(("by", "seed"), [("plateau", 1), ("region", 3)])
def test_bars_after_it_change_no_plateau_or_region(by: str, seed: int) -> None:
    found = decide(history(bars=late()), mapped(), by, window(*PART))
    assert found[0].params is not None
    other = history(bars=spoiled(late(), PART[1], seed))
    assert found == decide(other, mapped(), by, window(*PART))


def test_a_year_is_counted_in_dates_of_the_part_alone() -> None:
    # Of a history that goes on in another rhythm a year has other bars, and mar ranks by them.
    other = replace(history(), bars_per_year=5_000.0)
    for part in ((100, 400), (220, 830)):
        found = decide(history(), grid(), "mar", window(*part))
        assert decide(other, grid(), "mar", window(*part)) == found


def fortune(bars: Any, sets: Any, account: Any, warmup: int) -> Walk:
    """Earn by the set that the last close of all that it is handed names."""
    ((_, (wish, _)),) = sets
    close = bars["bars"]["close"]
    marks = np.full(len(close), account.capital)
    marks[warmup:] += 100.0 * (wish == int(close[-1]) % 3)
    return Walk([], marks)


def test_a_kernel_in_python_is_handed_no_bar_after_the_part() -> None:
    own = strategy("a", "b", kernel=PythonKernel("test_choosing:fortune"), lookback=lambda _: 1)
    of = wfo.Grid({"a": [0, 1, 2], "b": [1]}, strategy=own)
    feeds = Feeds({"bars": {n: frame()[n].to_numpy() for n in ("open", "high", "low", "close")}})
    told = History(own, Feeds(dict(feeds), frame()["date"]), wfo.AccountSettings(), 252.0)
    parts = [(10, 300), (10, 301), (50, 302), (60, 420)]
    windows = [window(*part, number=k) for k, part in enumerate(parts, 1)]
    close = frame()["close"]
    found = decide(told, of, "net_profit", *windows)
    assert [d.index for d in found] == [int(close[end - 1]) % 3 for _, end in parts]


# Estimates


@pytest.mark.parametrize("by", ["net_profit", "stability"])
def test_an_estimate_is_of_all_windows(by: str) -> None:
    chooser = GridChooser(history(), grid(), by)
    windows = [window(100, 700 + k, number=k + 1) for k in range(3)]
    assert chooser.estimate(windows) > 0
    assert chooser.engine == "factored"
    assert chooser.reason == ""
    assert chooser.combinations == len(grid())
