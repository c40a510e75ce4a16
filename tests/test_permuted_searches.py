"""Whole searches on permuted bars in the core: prices, buy-and-hold and figures by NumPy."""

from __future__ import annotations

import math
import signal
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import wfo
from wfo import _core
from wfo.backtest import read_feeds
from wfo.backtest.benchmark import benchmark
from wfo.backtest.feeds import Feeds
from wfo.selection.gates import Gates, gate_sets
from wfo.stats.permutation import permuted_feeds
from wfo.strategy import get_strategy

FloatArray = NDArray[np.float64]

BARS = 780
#: Three phases, the last of which ends before the bars do.
PHASES = ((150, 420, 560), (240, 510, 650), (330, 600, 740))
FIRST, END = 150, 740
LEAST = 2
RETURN = Gates(wfe=0.1, beat="return")
SETS = (*gate_sets(Gates()), RETURN)
#: Times of day of bars that are taken for those of sessions of four, one of them short.
CLASSES = np.delete(np.arange(BARS + 1) % 4, 401).astype(np.int64)


@cache
def feeds_of(strategy: str, bars: int = BARS) -> Feeds:
    one, two = (wfo.load_sample(symbol).tail(BARS)[:bars] for symbol in ("SP500", "NASDAQ"))
    dual = any(feed.name == "bars2" for feed in get_strategy(strategy).feeds)
    return read_feeds(strategy, one, two if dual else None)


@cache
def grid_of(strategy: str) -> wfo.Grid:
    return wfo.Grid.load("smoke", strategy)


def searches(
    strategy: str = "atr_d_l",
    *,
    engine: str = "factored",
    settings: wfo.AccountSettings | None = None,
    feeds: Feeds | None = None,
    grid: wfo.Grid | None = None,
    phases: Sequence[tuple[int, int, int]] = PHASES,
    threads: int = 2,
    sets: Sequence[Gates] = SETS,
    **options: Any,
) -> _core.Permutations:
    return _core.Permutations(
        engine,
        strategy,
        (feeds_of(strategy) if feeds is None else feeds).to_list(),
        (grid or grid_of(strategy)).engine_axes,
        get_strategy(strategy).settings_of(settings),
        list(phases),
        threads,
        sets=[(g.wfe, g.dd_ratio, g.min_trades, g.beat) for g in sets],
        **({"least": LEAST, "first": FIRST} | options),
    )


def permuted(strategy: str, number: int, **restrictions: Any) -> Feeds:
    feeds = feeds_of(strategy)
    if number == 0:
        return feeds
    return permuted_feeds(feeds, FIRST, number - 1, end=END, **restrictions)


def valid(figures: Any, gates: Gates, held: Any, capital: float) -> NDArray[np.bool_]:
    """Which combinations pass all gates of a phase, as the gates are written."""
    money = (figures.is_pnl, figures.oos_pnl, figures.is_dd, figures.oos_dd)
    is_pnl, oos_pnl, is_dd, oos_dd = (column.astype(np.float64) for column in money)
    with np.errstate(divide="ignore", invalid="ignore"):
        passed: NDArray[np.bool_] = (is_pnl > 0) & (oos_pnl > 0) & (oos_pnl / is_pnl > gates.wfe)
        passed &= (oos_dd < oos_pnl) & (oos_dd < gates.dd_ratio * is_dd)
        passed &= figures.oos_trades >= gates.min_trades
        if gates.beat == "return":
            passed &= oos_pnl / (capital + is_pnl) > held.return_floor
        elif gates.beat == "risk":
            passed &= oos_pnl / oos_dd > held.risk_floor
    return passed


def by_numpy(
    strategy: str,
    feeds: Feeds,
    settings: wfo.AccountSettings | None = None,
    sets: Sequence[Gates] = SETS,
    min_trades: int = 5,
    least: int = LEAST,
    grid: wfo.Grid | None = None,
    phases: Sequence[tuple[int, int, int]] = PHASES,
) -> dict[str, float]:
    """The figures of one search, from an evaluator."""
    used = get_strategy(strategy).settings_of(settings)
    grid = grid or grid_of(strategy)
    evaluator = wfo.Evaluator(strategy, feeds, grid, phases, used, threads=1)
    figures = evaluator.range(0, len(grid), stored=True)
    bars = feeds.prices()
    assert bars is not None
    held = [benchmark(bars, bounds, used, 252.0) for bounds in phases]
    found: dict[str, float] = {}
    for number, gates in enumerate(sets, 1):
        pairs = zip(figures, held, strict=True)
        times = sum(valid(f, gates, h, used.capital).astype(int) for f, h in pairs)
        found[f"stable_{number}"] = float(np.sum(times >= least))
    starts = [used.capital + f.is_pnl.astype(np.float64) for f in figures]
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.log(1 + f.oos_pnl / s) for f, s in zip(figures, starts, strict=True)]
    parts = [
        np.where((s > 0) & ~np.isnan(p), p, -np.inf) for p, s in zip(parts, starts, strict=True)
    ]
    total = np.sum(parts, axis=0)
    whole = sum(math.log1p(h.whole.oos_pnl / (used.capital + h.whole.is_pnl)) for h in held)
    trading = np.sum([f.oos_trades >= min_trades for f in figures], axis=0) >= least
    excess = total[trading] - whole
    return found | {
        "best_return": total.max(),
        "median_return": float(np.median(total)),
        "best_excess": excess.max(initial=-np.inf) if trading.any() else np.nan,
        "median_excess": float(np.median(excess)) if trading.any() else np.nan,
        "trading": float(trading.sum()),
        "held_return": whole,
    }


def check(columns: Sequence[str], row: FloatArray, wanted: dict[str, float]) -> None:
    assert list(columns) == list(wanted)
    counts = [name.startswith("stable") or name == "trading" for name in columns]
    values = np.array(list(wanted.values()))
    np.testing.assert_array_equal(row[counts], values[counts])
    np.testing.assert_allclose(row, values, rtol=0, atol=1e-12)


RESTRICTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"block": 20},
    {"classes": CLASSES},
    {"classes": CLASSES, "block": 3},
)


@pytest.mark.parametrize(
    "restrictions", RESTRICTIONS, ids=("moves", "blocks", "classes", "sessions")
)
def test_permuted_bars_are_those_of_the_reference_to_the_bit(restrictions: dict[str, Any]) -> None:
    found = searches("atr_d_duals_l", **restrictions)
    seen = []
    for number in (0, 1, 2, 77):
        wanted = permuted("atr_d_duals_l", number, **restrictions)
        mine = found.permuted(number)
        assert [name for name, _ in mine] == ["bars", "bars2"]
        for name, columns in mine:
            for column, values in columns.items():
                np.testing.assert_array_equal(values, wanted[name][column])
        seen.append(mine[0][1]["close"].tobytes())
    assert len(set(seen)) == 4


def test_further_feeds_go_where_the_moves_go() -> None:
    feeds = feeds_of("atr_d_l")
    volume = np.arange(float(BARS))
    more = Feeds({"bars": {**feeds["bars"], "volume": volume}})
    found = dict(searches(feeds=more).permuted(3))["bars"]
    wanted = permuted_feeds(more, FIRST, 2, end=END)["bars"]
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values)
    assert (found["volume"] != volume).any()


@pytest.mark.parametrize("costs", [{}, {"slip": 0.001, "fee": 0.0005, "lot_size": 7.0}], ids=str)
def test_buy_and_hold_is_that_of_the_benchmark_to_the_bit(costs: dict[str, float]) -> None:
    settings = wfo.Settings(capital=12_345.0, **costs)  # type: ignore[arg-type]
    found = searches(settings=settings)
    for number in (0, 5):
        bars = permuted("atr_d_l", number).prices()
        assert bars is not None
        rows = []
        for bounds in PHASES:
            held = benchmark(bars, bounds, settings, 252.0)
            own = held.whole
            rows.append(
                (own.is_pnl, own.oos_pnl, own.is_dd, own.oos_dd, held.return_floor, held.risk_floor)
            )
        np.testing.assert_array_equal(found.held(number), np.array(rows))


def test_number_0_is_the_search_that_a_sweep_makes() -> None:
    frame = wfo.load_sample("SP500").tail(BARS)
    grid = grid_of("atr_d_l")
    swept = [
        wfo.sweep("atr_d_l", frame[:end], grid, warmup=warmup, split=split)
        for warmup, split, end in PHASES
    ]
    found = searches()
    row = dict(zip(found.columns(), found.run(0, 1)[0], strict=True))
    for number, gates in enumerate(SETS, 1):
        asked = replace(gates, min_phases=LEAST)
        assert row[f"stable_{number}"] == len(wfo.score(swept, gates=asked, kept=1 << 20))
    # Sets of gates differ, and none of them passes or stops everything.
    counts = [row[f"stable_{number}"] for number in range(1, 4)]
    assert len(set(counts)) == 3
    assert 0 < min(counts) <= max(counts) < len(grid)
    assert 0 < row["trading"] <= len(grid)
    check(found.columns(), found.run(0, 1)[0], by_numpy("atr_d_l", feeds_of("atr_d_l")))


CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "long": ("atr_d_l", "factored", {}),
    "short": ("atr_d_ls", "factored", {}),
    "dual": ("atr_d_duals_ls", "factored", {}),
    "modes": ("atr_d_hma_l", "factored", {}),
    "direct": ("atr_d_l", "direct", {"slip": 0.001}),
    "lots": ("atr_d_ls", "direct", {"lot_size": 10.0, "sizing": "fixed", "capital": 50_000.0}),
}


@pytest.mark.parametrize(("strategy", "engine", "own"), CASES.values(), ids=list(CASES))
def test_figures_are_those_of_an_evaluator_on_permuted_bars(
    strategy: str, engine: str, own: dict[str, Any]
) -> None:
    settings = wfo.Settings(**own)
    found = searches(strategy, engine=engine, settings=settings)
    assert len(found) == len(grid_of(strategy))
    rows = found.run(0, 3)
    for number in range(3):
        wanted = by_numpy(strategy, permuted(strategy, number), settings)
        check(found.columns(), rows[number], wanted)
    assert (rows[1] != rows[2]).any()


@pytest.mark.parametrize("restrictions", RESTRICTIONS[1:], ids=("blocks", "classes", "sessions"))
def test_restrictions_reach_the_figures(restrictions: dict[str, Any]) -> None:
    found = searches(**restrictions)
    wanted = by_numpy("atr_d_l", permuted("atr_d_l", 4, **restrictions))
    check(found.columns(), found.run(4, 5)[0], wanted)
    assert (found.run(4, 5) != searches().run(4, 5)).any()


def test_what_counts_as_stable_and_as_trading_can_be_chosen() -> None:
    feeds = permuted("atr_d_l", 1)
    for least, min_trades, sets in ((1, 12, SETS[:1]), (3, 3, ()), (3, 65_535, SETS[1:2])):
        found = searches(least=least, min_trades=min_trades, sets=sets)
        wanted = by_numpy("atr_d_l", feeds, None, sets, min_trades, least)
        check(found.columns(), found.run(1, 2)[0], wanted)
    # Where nothing trades there is no excess.
    assert wanted["trading"] == 0
    assert math.isnan(wanted["best_excess"])


@pytest.mark.parametrize("engine", ["factored", "direct"])
def test_threads_and_division_into_calls_change_no_bit(engine: str) -> None:
    whole = searches(engine=engine, threads=1).run(0, 7)
    assert whole.shape == (7, 9)
    two = searches(engine=engine, threads=2)
    assert two.concurrent == 2
    assert two.worker_bytes > 8 * len(two)
    np.testing.assert_array_equal(two.run(0, 7), whole)
    parts = [two.run(a, b) for a, b in ((0, 1), (1, 1), (1, 4), (4, 7))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    # More threads than permutations, and an engine that gives the same figures.
    np.testing.assert_array_equal(searches(engine=engine, threads=5).run(5, 7), whole[5:])
    other = "direct" if engine == "factored" else "factored"
    np.testing.assert_array_equal(searches(engine=other).run(0, 7), whole)


def test_a_grid_of_several_blocks_gives_what_all_of_it_does() -> None:
    smoke = {name: list(axis) for name, axis in grid_of("atr_d_l").values.items()}
    smoke["bb_deviation"] = [0.5 + 0.01 * i for i in range(300)]
    grid = wfo.Grid(smoke, strategy="atr_d_l")
    phases = [(150, 180, 210)]
    # Blocks have 131,072 combinations, or what makes batch multiples whole: there is a second one.
    multiple = wfo.Evaluator("atr_d_l", feeds_of("atr_d_l"), grid, phases).batch_multiple
    assert (1 << 17) + multiple < len(grid)
    found = searches(grid=grid, phases=phases, least=1, min_trades=1)
    feeds = permuted_feeds(feeds_of("atr_d_l"), FIRST, 0, end=210)
    wanted = by_numpy("atr_d_l", feeds, None, SETS, 1, 1, grid, phases)
    check(found.columns(), found.run(1, 2)[0], wanted)
    assert 0 < wanted["trading"] < len(grid)


def test_searches_of_a_long_history_run_one_at_a_time() -> None:
    count = (1 << 17) + 1
    rng = np.random.default_rng(4)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    opened = np.concatenate([[100.0], close[:-1]])
    prices = (opened, np.maximum(opened, close) * 1.002, np.minimum(opened, close) * 0.998, close)
    names = ("open", "high", "low", "close")
    feeds = Feeds({"bars": dict(zip(names, prices, strict=True))})
    phases = [(count - 400, count - 200, count)]
    values = {name: axis[:2] for name, axis in grid_of("atr_d_l").values.items()}
    grid = wfo.Grid(values, strategy="atr_d_l")
    options: dict[str, Any] = {"feeds": feeds, "grid": grid, "phases": phases}
    options |= {"least": 1, "first": count - 400}
    found = searches(**options)
    assert found.concurrent == 1
    rows = found.run(0, 2)
    np.testing.assert_array_equal(searches(**options, threads=1).run(0, 2), rows)
    moved = permuted_feeds(feeds, count - 400, 0)
    check(found.columns(), rows[1], by_numpy("atr_d_l", moved, None, SETS, 5, 1, grid, phases))


def test_an_interrupt_ends_a_search() -> None:
    """Of permutations that would take hours."""

    class InterruptError(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise InterruptError

    found = searches()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(InterruptError):
            found.run(0, 10_000_000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    np.testing.assert_array_equal(found.run(1, 2), searches().run(1, 2))


def test_bars_behind_the_last_phase_change_nothing() -> None:
    cut = feeds_of("atr_d_l").until(END)
    np.testing.assert_array_equal(searches(feeds=cut).run(0, 3), searches().run(0, 3))


def test_bars_before_the_first_move_stay() -> None:
    later = searches(first=420)
    feeds = dict(later.permuted(2))["bars"]
    real = feeds_of("atr_d_l")["bars"]
    np.testing.assert_array_equal(feeds["close"][:420], real["close"][:420])
    wanted = permuted_feeds(feeds_of("atr_d_l"), 420, 1, end=END)
    check(later.columns(), later.run(2, 3)[0], by_numpy("atr_d_l", wanted))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"engine": "fast"}, "engine = 'fast' is unknown"),
        ({"first": 0}, "first = 0 is out of range"),
        ({"first": 741}, "end = 740 is out of range"),
        ({"first": 781}, "first = 781 is out of range"),
        ({"classes": CLASSES[:7]}, "7 classes given for 780 bars"),
        ({"least": 0}, "least = 0 is out of range"),
        ({"least": 4}, "least = 4 is out of range"),
        ({"phases": ()}, "no phase to compute"),
        (
            {"phases": ((2, 420, 560),), "least": 1},
            "warmup = 2 is shorter than the longest lookback",
        ),
        ({"min_trades": 65_536}, "min_trades = 65536 is out of range"),
        ({"sets": [replace(RETURN, beat=None)], "strategy": "nothing"}, "there is no strategy"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(wfo.InputError, match=said):
        searches(**given)


def test_gates_and_ranges_that_cannot_be_are_named() -> None:
    grid = grid_of("atr_d_l")
    arguments = ("direct", "atr_d_l", feeds_of("atr_d_l").to_list(), grid.engine_axes)
    options: dict[str, Any] = {"least": 1, "first": FIRST}
    for sets, said in (
        ([(0.35, 3.0, 0, "luck")], "beat = 'luck' is unknown; it must be return or risk"),
        ([(0.35, 3.0, 70_000, None)], "min_trades = 70000 is out of range"),
    ):
        with pytest.raises(wfo.InputError, match=said):
            _core.Permutations(*arguments, wfo.Settings(), list(PHASES), 1, sets=sets, **options)
    with pytest.raises(wfo.InputError, match="start = 3 is out of range"):
        searches().run(3, 2)
