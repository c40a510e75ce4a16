"""The engine interface: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

import wfo
from wfo import _core
from wfo.backtest import Figures, choose_engine, engine_names, iter_sweep, read_feeds
from wfo.backtest.evaluate import BlockSizes, iter_blocks
from wfo.strategy import get_strategy

FIGURES = ("is_pnl", "oos_pnl", "is_dd", "oos_dd", "is_trades", "oos_trades")
ENGINES = ("factored", "direct", "reference")
SPLIT = 3000


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return wfo.load_sample("NASDAQ")


@pytest.fixture(scope="module")
def grid() -> wfo.Grid:
    """48 combinations; the longest lookback is 120 bars."""
    return wfo.Grid(
        {
            "atr_period": [4, 120],
            "atr_multiplier": [2, 5.5, 13],
            "bb_length": 20,
            "bb_deviation": [0.5, 4],
            "vol_threshold": 0.32,
            "min_tightening": 0.1,
            "scaling_method": [2, 0],
            "atr_buy_period": 8,
            "atr_buy_multiplier": 0.5,
            "atr_smooth_period": 2,
            "equity_price_method": [1, 0],
        }
    )


def figures(result: wfo.Simulation | wfo.SweepResult) -> list[Any]:
    return [getattr(result, name) for name in FIGURES]


def same(a: wfo.SweepResult, b: wfo.SweepResult) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(figures(a), figures(b), strict=True))


# What comes out.


@pytest.mark.parametrize("engine", ENGINES)
def test_a_simulation(bars: pl.DataFrame, grid: wfo.Grid, engine: str) -> None:
    sim = wfo.simulate("atr_d_l", bars, grid.params(0), split=SPLIT, engine=engine)
    assert dict(sim.trades.schema) == {
        "side": pl.String,
        "entry_bar": pl.Int64,
        "entry_price": pl.Float64,
        "exit_bar": pl.Int64,
        "exit_price": pl.Float64,
        "pnl": pl.Float64,
        "entry_date": pl.Date,
        "exit_date": pl.Date,
    }
    assert len(sim.trades) > 50
    assert set(sim.trades["side"]) == {"long"}
    assert sim.equity.dtype == np.float64
    assert sim.equity.shape == (len(bars),)
    assert [type(f) for f in figures(sim)] == [float] * 4 + [int] * 2

    # The figures follow from the marks and trades.
    before, after = sim.equity[100:SPLIT], sim.equity[SPLIT:]
    assert set(sim.equity[:100]) == {100_000.0}
    assert sim.is_pnl == before[-1] - 100_000
    assert sim.oos_pnl == after[-1] - before[-1]
    for marks, start, found in ((before, 100_000.0, sim.is_dd), (after, before[-1], sim.oos_dd)):
        path = np.concatenate([[start], marks])
        assert found == pytest.approx(np.max(np.maximum.accumulate(path) - path), rel=1e-12)
    closed = sim.trades["exit_bar"]
    assert sim.is_trades == (closed < SPLIT).sum() > 0
    assert sim.oos_trades == (closed >= SPLIT).sum() > 0
    assert sim.trades["entry_bar"].min() >= 100
    assert (closed > sim.trades["entry_bar"]).all()
    assert closed.is_sorted()
    assert sim.dates is not None
    assert sim.dates.equals(bars["date"])
    assert sim.equity_frame().columns == ["date", "equity"]
    assert sim.equity_frame()["equity"].to_numpy().tolist() == sim.equity.tolist()
    for stage in ("entry", "exit"):
        assert (
            sim.trades[f"{stage}_date"].to_list()
            == bars["date"][sim.trades[f"{stage}_bar"].to_list()].to_list()
        )
        at = bars[sim.trades[f"{stage}_bar"].to_list()]
        price = sim.trades[f"{stage}_price"]
        assert ((at["low"] <= price) & (price <= at["high"])).all()


@pytest.mark.parametrize("engine", ["auto", *ENGINES])
def test_a_sweep(bars: pl.DataFrame, grid: wfo.Grid, engine: str) -> None:
    res = wfo.sweep("atr_d_l", bars, grid, split=SPLIT, engine=engine)
    assert isinstance(res, wfo.SweepResult)
    assert len(res) == len(grid) == 48
    for name in FIGURES:
        column = getattr(res, name)
        assert column.shape == (48,)
        assert column.dtype == (np.uint32 if "trades" in name else np.float64)
    assert [res.params(i) for i in range(48)] == [grid.params(i) for i in range(48)]
    assert res.bounds == (120, SPLIT, len(bars))
    assert res.phase is None
    assert "48 combinations" in repr(res)
    for i in range(len(grid)):
        sim = wfo.simulate("atr_d_l", bars, res.params(i), split=SPLIT, warmup=120, engine="direct")
        assert figures(sim) == pytest.approx([f[i] for f in figures(res)], rel=1e-9, abs=1e-4)
        if engine == "direct":
            assert figures(sim) == [f[i] for f in figures(res)]
    with pytest.raises(wfo.InputError, match="combination 48"):
        res.params(48)


def test_a_sweep_as_a_frame(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    res = wfo.sweep("atr_d_l", bars, grid, split=SPLIT)
    frame = res.to_frame()
    assert frame.columns == [*grid.values, *FIGURES]
    assert frame.height == 48
    for i, row in enumerate(frame.iter_rows(named=True)):
        assert {name: row[name] for name in grid.values} == grid.params(i)
    for name in FIGURES:
        assert np.array_equal(frame[name].to_numpy(), getattr(res, name))
    assert frame.schema["atr_period"] == pl.Int64
    assert frame.schema["atr_multiplier"] == pl.Float64
    assert frame.schema["oos_trades"] == pl.UInt32


@pytest.mark.parametrize("engine", ENGINES)
def test_one_result_a_phase(bars: pl.DataFrame, grid: wfo.Grid, engine: str) -> None:
    phases = wfo.Windows.preset().resolve(bars["date"], warmup=120)
    many = wfo.sweep("atr_d_l", bars, grid, windows=phases, engine=engine)
    assert isinstance(many, list)
    assert [m.phase for m in many] == list(phases)
    for phase, found in zip(phases, many, strict=True):
        assert found.bounds == phase.bounds
        cut = bars[: phase.end]
        single = wfo.sweep(
            "atr_d_l", cut, grid, split=phase.split, warmup=phase.warmup, engine=engine
        )
        assert found.oos_trades.any()
        assert same(found, single)
    # Any phases, in any order, of a plain list too.
    two = wfo.sweep("atr_d_l", bars, grid, windows=[phases[2], phases[0]], engine=engine)
    assert same(two[0], many[2])
    assert same(two[1], many[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_results_do_not_depend_on_threads_nor_blocks(
    bars: pl.DataFrame, grid: wfo.Grid, engine: str
) -> None:
    def swept(threads: Any = None) -> Any:
        return wfo.sweep("atr_d_l", bars, grid, split=SPLIT, engine=engine, threads=threads)

    one = swept(1)
    assert same(one, swept(3))
    assert same(one, swept(np.int64(2)))
    small = BlockSizes(first=5, largest=7)
    feeds = read_feeds(get_strategy("atr_d_l"), bars)
    blocks = list(iter_sweep(feeds, grid, None, [one.bounds], engine, sizes=small))
    assert max(stop - start for start, stop, _ in blocks) <= 7
    for name in Figures._fields:
        pieces = np.concatenate([getattr(found, name) for _, _, (found,) in blocks])
        assert np.array_equal(pieces, getattr(one, name)), name


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0.0}, {"first": 0}, {"first": 8, "largest": 7}], ids=str
)
def test_blocks_that_hold_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(wfo.InputError, match="need some time, and 1 <= first <= largest"):
        BlockSizes(**wrong)


class Counted:
    """An evaluator that notes what it is asked for, on a clock of its own."""

    def __init__(self, batch_multiple: int, second: float, fixed: float = 0.0) -> None:
        self.length = 0
        self.batch_multiple = batch_multiple
        self.least_batch = 1
        self.second = second
        self.fixed = fixed
        self.now = 0.0
        self.asked: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self.length

    def clock(self) -> float:
        return self.now

    def range(self, start: int, stop: int, *, stored: bool = False) -> list[Any]:
        self.asked.append((start, stop))
        self.now += self.fixed + (stop - start) * self.second
        return []


def blocks(grid: wfo.Grid, counted: Counted) -> list[int]:
    """Sweep a grid with it, and return the sizes of the blocks."""
    counted.length = len(grid)
    sizes = BlockSizes(clock=counted.clock)
    given = iter_blocks(counted, sizes=sizes)  # type: ignore[arg-type]  # what it needs of one
    assert [(start, stop) for start, stop, _ in given] == counted.asked
    # One after the other, from the first combination to the last.
    edges = [0, *(stop for _, stop in counted.asked)]
    assert counted.asked == list(itertools.pairwise(edges))
    assert edges[-1] == len(grid)
    return [stop - start for start, stop in counted.asked]


@pytest.mark.parametrize("batch_multiple", [1, 3, 7, 700, 1000, 5003, 400_000])
def test_blocks_end_with_whole_batch_multiples(batch_multiple: int) -> None:
    grid = wfo.Grid.load("phase1_slim", "atr_d_l")
    counted = Counted(batch_multiple, second=1e-7)
    sizes = blocks(grid, counted)
    assert max(sizes) <= 1 << 21
    large = [(start, size) for (start, _), size in zip(counted.asked, sizes, strict=True)]
    large = [(start, size) for start, size in large[:-1] if size > batch_multiple]
    assert len(large) > 20
    # The first one may make up for the blocks before it.
    assert all(
        start % batch_multiple == 0 and size % batch_multiple == 0 for start, size in large[1:]
    )
    assert (large[0][0] + large[0][1]) % batch_multiple == 0


def test_a_granule_beyond_the_largest_block_is_cut() -> None:
    grid = wfo.Grid.load("phase1_slim", "atr_d_l")
    sizes = blocks(grid, Counted(batch_multiple=1 << 22, second=1e-9))
    assert max(sizes) == 1 << 21


def test_blocks_are_no_smaller_than_an_engine_wants_them() -> None:
    grid = wfo.Grid.load("phase1_slim", "atr_d_l")
    counted = Counted(batch_multiple=4_000, second=1e-3)
    counted.least_batch = 4_000
    sizes = blocks(grid, counted)
    assert set(sizes[:-1]) == {4_000}


def test_blocks_are_as_large_as_their_time() -> None:
    """A second each, once they have found their size."""
    grid = wfo.Grid.load("smoke", "atr_d_l")
    for second, wanted in ((1 / 100, 100), (1 / 37, 37), (2.0, 1)):
        sizes = blocks(grid, Counted(batch_multiple=1, second=second))
        assert sizes[0] == 512
        assert set(sizes[1:-1]) <= {wanted, wanted - 1}
    sizes = blocks(grid, Counted(batch_multiple=30, second=1 / 100))
    assert sizes[0] == 510
    assert set(sizes[1:-1]) == {90}


def test_blocks_do_not_dwindle() -> None:
    """Not even where what a block costs beside its combinations is more than its time."""
    grid = wfo.Grid.load("coarse", "atr_d_l")
    sizes = blocks(grid, Counted(batch_multiple=10_000, second=1e-5, fixed=2.5))
    assert len(sizes) > 5
    assert set(sizes[:-1]) == {512}
    sizes = blocks(grid, Counted(batch_multiple=100, second=1e-5, fixed=2.5))
    assert sizes[0] == 500
    assert set(sizes[2:-1]) == {100}


def test_a_grid_may_be_given_as_its_values(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    values = {name: list(axis) for name, axis in reversed(grid.values.items())}
    given = wfo.sweep("atr_d_l", bars, values, split=SPLIT)
    assert given.grid == grid
    assert same(given, wfo.sweep("atr_d_l", bars, grid, split=SPLIT))


def test_settings_reach_the_engine(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    """Twice the capital, twice the money; costs only cost."""
    plain, double, costly = (
        wfo.simulate("atr_d_l", bars, grid.params(0), split=SPLIT, settings=settings)
        for settings in (None, wfo.Settings(capital=200_000), wfo.Settings(slip=0.001, fee=0.001))
    )
    assert double.is_pnl == pytest.approx(2 * plain.is_pnl, rel=1e-12)
    assert double.equity[-1] == pytest.approx(2 * plain.equity[-1], rel=1e-12)
    assert costly.equity[-1] < plain.equity[-1]


# Positions.


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("lookbacks", "need", "default"),
    [
        ({}, 70, 100),
        ({"atr_period": 100}, 100, 100),
        ({"atr_period": 101}, 101, 101),
        ({"bb_length": 150}, 150, 150),
        ({"atr_buy_period": 99}, 99, 100),
        ({"atr_smooth_period": 500}, 70, 100),
    ],
)
def test_warm_up(
    bars: pl.DataFrame,
    grid: wfo.Grid,
    lookbacks: dict[str, int],
    need: int,
    default: int,
    engine: str,
) -> None:
    """By default 100, or the longest lookback; no less than the longest lookback, ever."""
    params = grid.params(0) | lookbacks
    few = bars[:400]

    def simulated(**position: int) -> wfo.Simulation:
        return wfo.simulate("atr_d_l", few, params, split=300, engine=engine, **position)

    def swept(**position: int) -> wfo.SweepResult:
        found = wfo.sweep("atr_d_l", few, params, split=300, engine=engine, **position)
        assert isinstance(found, wfo.SweepResult)
        return found

    assert swept().bounds == (default, 300, 400)
    assert np.array_equal(simulated().equity, simulated(warmup=default).equity)
    assert swept(warmup=need).bounds == (need, 300, 400)
    assert len(simulated(warmup=need).equity) == 400
    for shorter in (need - 1, 0, -1):
        for run in (simulated, swept):
            with pytest.raises(wfo.InputError, match=f"warmup = {shorter} .*at least {need}$"):
                run(warmup=shorter)


def test_an_earlier_warm_up_trades_earlier(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    params = grid.params(0)
    first = [
        wfo.simulate("atr_d_l", bars, params, split=SPLIT, warmup=w).trades["entry_bar"][0]
        for w in (70, 200)
    ]
    assert 70 <= first[0] < 200 <= first[1]


@pytest.mark.parametrize(
    "position",
    [
        {"split": 100},
        {"split": 99},
        {"split": 5031},
        {"split": 10_000},
        {"split": 0},
        {"split": -1},
        {"split": 200, "warmup": 200},
        {"split": 200, "warmup": 201},
    ],
)
def test_positions_that_leave_a_part_empty(
    bars: pl.DataFrame, grid: wfo.Grid, position: dict[str, int]
) -> None:
    for run in (
        lambda: wfo.simulate("atr_d_l", bars, grid.params(0), **position),
        lambda: wfo.sweep("atr_d_l", bars, grid.params(0), **position),
    ):
        with pytest.raises(wfo.InputError, match=f"split = {position['split']}, .*bars = 5031"):
            run()


def test_the_smallest_parts_are_one_bar_each(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    sim = wfo.simulate("atr_d_l", bars[:102], grid.params(0), split=101)
    assert len(sim.equity) == 102


@pytest.mark.parametrize("value", [3000.0, "3000", "soon", True, None, np.float64(3000)])
def test_a_position_is_an_index_or_a_date(bars: pl.DataFrame, grid: wfo.Grid, value: Any) -> None:
    with pytest.raises(wfo.InputError, match=re.escape(f"split = {value!r} must")):
        wfo.simulate("atr_d_l", bars, grid.params(0), split=value)
    if value is not None:
        with pytest.raises(wfo.InputError, match=re.escape(f"warmup = {value!r} must")):
            wfo.simulate("atr_d_l", bars, grid.params(0), split=SPLIT, warmup=value)


def test_a_missing_date_of_pandas_is_no_position(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    pd = pytest.importorskip("pandas")
    with pytest.raises(wfo.InputError, match="split = NaT must be"):
        wfo.simulate("atr_d_l", bars, grid.params(0), split=pd.NaT)


def test_a_position_from_numpy(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    """As `numpy.searchsorted` finds it."""
    split = np.searchsorted(bars["date"].to_numpy(), np.datetime64("2010-12-06"))
    assert split == SPLIT
    found = wfo.sweep("atr_d_l", bars, grid, split=split, warmup=np.int64(120))  # type: ignore[arg-type]
    assert found.bounds == (120, SPLIT, 5031)
    assert [type(b) for b in found.bounds] == [int] * 3


@pytest.mark.parametrize(
    "day",
    [
        dt.date(2010, 12, 6),
        dt.datetime(2010, 12, 6),  # noqa: DTZ001  # bars of days have no zone
        "2010-12-06",
        dt.date(2010, 12, 4),  # a Saturday: the first bar after it
        np.datetime64("2010-12-05"),
        dt.datetime(2010, 12, 3, 12, tzinfo=dt.UTC),
    ],
)
def test_a_position_by_its_date(bars: pl.DataFrame, grid: wfo.Grid, day: Any) -> None:
    assert bars["date"][SPLIT] == dt.date(2010, 12, 6)
    found = wfo.sweep("atr_d_l", bars, grid, split=day, warmup=bars["date"][120])
    assert found.bounds == (120, SPLIT, 5031)
    sim = wfo.simulate("atr_d_l", bars, grid.params(0), split=day)
    assert sim.bounds == (100, SPLIT, 5031)


def test_a_position_by_the_time_of_intraday_bars(grid: wfo.Grid) -> None:
    bars = intraday(400).with_columns(pl.col("datetime").dt.convert_time_zone("America/New_York"))

    def split(value: Any) -> int:
        bounds = wfo.simulate("atr_d_l", bars, grid.params(0), split=value).bounds
        assert bounds
        return bounds[1]

    # The bars begin at 2024-01-01 00:00 UTC, 19:00 of the day before in New York.
    assert split(dt.datetime(2024, 1, 11, tzinfo=dt.UTC)) == 240
    assert split("2024-01-11T00:00+00:00") == 240
    assert split("2024-01-11 00:00") == 245
    assert split(dt.date(2024, 1, 11)) == 245
    assert split("2024-01-11T00:30") == 246


def test_a_date_outside_the_bars(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    for day, index in (("1990-01-01", 0), ("2050-01-01", 5031)):
        with pytest.raises(wfo.InputError, match=f"split = {index}, .*bars = 5031"):
            wfo.simulate("atr_d_l", bars, grid.params(0), split=day)
    with pytest.raises(wfo.InputError, match=r"warmup = 4 is shorter.*at least 70"):
        wfo.simulate("atr_d_l", bars, grid.params(0), split=SPLIT, warmup=bars["date"][4])


def test_names_of_schedules_and_grids(bars: pl.DataFrame) -> None:
    grid = wfo.Grid.load("smoke", "atr_d_l")
    phases = wfo.Windows.preset().resolve(bars["date"], warmup=max(100, grid.need))
    wanted = wfo.sweep("atr_d_l", bars, grid, windows=phases)
    for windows in ("default", wfo.Windows.preset()):
        found = wfo.sweep("atr_d_l", bars, "smoke", windows=windows)
        assert [f.phase for f in found] == list(phases)
        assert [f.min_phases for f in found] == [phases.min_phases] * len(phases)
        assert all(same(a, b) for a, b in zip(wanted, found, strict=True))


def test_files_of_schedules_and_grids(bars: pl.DataFrame, grid: wfo.Grid, tmp_path: Path) -> None:
    file, schedule = tmp_path / "mine.yaml", tmp_path / "one.yaml"
    file.write_text(yaml.safe_dump({name: list(axis) for name, axis in grid.values.items()}))
    schedule.write_text("phases:\n  - {from: 4y, to: today, in_sample: 0.5}\n")
    windows = wfo.Windows.load(schedule)
    (wanted,) = wfo.sweep("atr_d_l", bars, grid, windows=windows)
    places: tuple[tuple[Any, Any], ...] = ((file, schedule), (str(file), str(schedule)))
    for own, laid in places:
        (found,) = wfo.sweep("atr_d_l", bars, own, windows=laid)
        assert same(wanted, found)
    number: Any = 5
    with pytest.raises(wfo.InputError, match="grid = 5 is no name or file of a grid"):
        wfo.Grid.load(number, "atr_d_l")
    with pytest.raises(wfo.InputError, match="windows = 5 is no name or file of a schedule"):
        wfo.Windows.load(number)


def test_windows_instead_of_positions(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    phases = wfo.Windows.preset().resolve(bars["date"], warmup=120)
    for more in ({"split": SPLIT}, {"warmup": 120}, {"split": SPLIT, "warmup": 120}):
        with pytest.raises(wfo.InputError, match=r"windows= brings its own split and warmup"):
            wfo.sweep("atr_d_l", bars, grid, windows=phases, **more)
    with pytest.raises(wfo.InputError, match=r"needs split=.*or windows="):
        wfo.sweep("atr_d_l", bars, grid)
    with pytest.raises(wfo.InputError, match="end = 5031, bars = 5000"):
        wfo.sweep("atr_d_l", bars[:5000], grid, windows=phases)
    short = wfo.Windows.preset().resolve(bars["date"][-2600:])
    with pytest.raises(wfo.InputError, match=r"warmup = 1.. is shorter.*at least 2000"):
        wfo.sweep("atr_d_l", bars, grid.params(0) | {"atr_period": 2000}, windows=short)


@pytest.mark.parametrize("windows", [[], [(100, 200, 300)], 4, {"default": 1}], ids=repr)
def test_what_are_no_phases(bars: pl.DataFrame, grid: wfo.Grid, windows: Any) -> None:
    with pytest.raises(wfo.InputError, match=r"no phases; Windows\.preset\(\)\.resolve"):
        wfo.sweep("atr_d_l", bars, grid, windows=windows)


# Names.


def test_unknown_names_get_the_nearest_one(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    params = grid.params(0)
    for error, message, strategy, values, engine in (
        (wfo.InputError, "strategy 'atr_d'; did you mean 'atr_d_l'", "atr_d", params, "direct"),
        (wfo.InputError, "no strategy None; known: atr_d_duals_l, ", None, params, "direct"),
        (wfo.EngineError, "engine 'Direct'; did you mean 'direct'", "atr_d_l", params, "Direct"),
        (
            wfo.EngineError,
            "no engine 3; known: auto, direct, factored, reference",
            "atr_d_l",
            params,
            3,
        ),
        (
            wfo.InputError,
            "'atr_mult'; did you mean 'atr_multiplier'",
            "atr_d_l",
            params | {"atr_mult": 2},
            "direct",
        ),
        (wfo.InputError, "params must name each parameter", "atr_d_l", [14, 3.0], "direct"),
        (wfo.InputError, "also needs atr_period", "atr_d_l", {"atr_multiplier": 2}, "direct"),
    ):
        with pytest.raises(error, match=message):
            wfo.simulate(strategy, bars, values, split=SPLIT, engine=engine)  # type: ignore[arg-type]
    with pytest.raises(wfo.InputError, match="'atr_mult'; did you mean"):
        wfo.sweep("atr_d_l", bars, params | {"atr_mult": 2}, split=SPLIT)
    with pytest.raises(wfo.InputError, match="no grid 'smok'; did you mean 'smoke'"):
        wfo.sweep("atr_d_l", bars, "smok", split=SPLIT)
    with pytest.raises(wfo.InputError, match="no schedule 'defalt'; did you mean 'default'"):
        wfo.sweep("atr_d_l", bars, params, windows="defalt")
    with pytest.raises(wfo.InputError, match="'Extended' are unknown; did you mean 'extended'"):
        wfo.sweep("atr_d_l", bars, params, split=SPLIT, figures="Extended")  # type: ignore[call-overload]


def test_auto_is_the_factored_engine() -> None:
    assert engine_names() == ("auto", "factored", "direct", "reference")
    for name in engine_names():
        chosen, reason = choose_engine(name, wfo.strategies()["atr_d_l"], wfo.Settings())
        assert chosen.name == ("factored" if name == "auto" else name)
        assert reason == ""


def test_the_core_knows_its_engines(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    feeds = read_feeds(grid.strategy, bars).to_list()
    values = [float(v) for v in grid.params(0).values()]
    with pytest.raises(
        wfo.InputError, match="engine = 'auto' is unknown; it must be direct or factored"
    ):
        _core.simulate("auto", "atr_d_l", feeds, [(0, values)], wfo.Settings(), 120, SPLIT)
    with pytest.raises(wfo.InputError, match="engine = 'fast' is unknown"):
        _core.Sweep("fast", "atr_d_l", feeds, grid.engine_axes, wfo.Settings(), [], 1)


def test_what_the_core_says_of_a_sweep(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    def prepared(engine: str, end: int) -> _core.Sweep:
        feeds = read_feeds(grid.strategy, bars[:end]).to_list()
        bounds = [(120, 300, end)]
        axes = grid.engine_axes
        return _core.Sweep(engine, "atr_d_l", feeds, axes, wfo.Settings(), bounds, 1)

    assert prepared("direct", 1000).batch_multiple == 1
    assert prepared("factored", 1000).batch_multiple > 1
    for engine in ("direct", "factored"):
        few, many = (prepared(engine, end).worker_bytes for end in (1000, 5000))
        # No less than an array of prices.
        assert 8 * 880 < few < many


@pytest.mark.parametrize("engine", ["factored", "direct"])
def test_a_sweep_of_no_phases_is_empty(bars: pl.DataFrame, grid: wfo.Grid, engine: str) -> None:
    feeds = read_feeds(grid.strategy, bars)
    assert [block for *_, block in iter_sweep(feeds, grid, None, [], engine)] == [[]]


def test_one_symbol_is_enough(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    for run in (wfo.simulate, wfo.sweep):
        with pytest.raises(wfo.InputError, match="atr_d_l reads one symbol only"):
            run("atr_d_l", bars, grid.params(0), split=SPLIT, bars2=bars)


@pytest.mark.parametrize("threads", [0, -1, 1025, 2.0, "2", True, math.nan])
def test_threads_that_cannot_be(bars: pl.DataFrame, grid: wfo.Grid, threads: Any) -> None:
    with pytest.raises(wfo.InputError, match=re.escape(f"threads = {threads!r} must")):
        wfo.sweep("atr_d_l", bars, grid, split=SPLIT, threads=threads)


def test_settings_are_settings(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    for run in (wfo.simulate, wfo.sweep):
        with pytest.raises(wfo.InputError, match=r"settings must be wfo\.Settings"):
            run("atr_d_l", bars, grid.params(0), split=SPLIT, settings={"capital": 1.0})  # type: ignore[arg-type]


# Bars.

DAY = dt.date(2005, 5, 5)  # bar 1593 of the sample


def spoilt(bars: pl.DataFrame, column: str, value: float | None) -> pl.DataFrame:
    here = pl.col("date") == DAY
    return bars.with_columns(
        pl.when(here).then(pl.lit(value, pl.Float64)).otherwise(pl.col(column)).alias(column)
    )


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("high", 1960.0, r"open = 1960\.38.* lies outside .*high = 1960"),
        ("close", 9999.0, r"close = 9999 lies outside low = 1951\.4.* … high"),
        ("low", math.nan, "low = NaN is not a finite price above 0"),
        ("open", math.inf, "open = inf is not"),
        ("open", 0.0, "open = 0 is not"),
        ("close", -1.0, "close = -1 is not"),
        ("close", None, "close is null"),
    ],
)
def test_a_broken_bar_is_named_with_its_date(
    bars: pl.DataFrame, grid: wfo.Grid, column: str, value: float | None, message: str
) -> None:
    for run in (wfo.simulate, wfo.sweep):
        with pytest.raises(wfo.DataError, match=rf"^bar 1593 \(2005-05-05\): {message}"):
            run("atr_d_l", spoilt(bars, column, value), grid.params(0), split=SPLIT)


def test_a_broken_intraday_bar_is_named_with_its_time(grid: wfo.Grid) -> None:
    bars = intraday(400)
    broken = bars.with_columns(
        pl.when(pl.int_range(pl.len()) == 27).then(0.5).otherwise("close").alias("close")
    )
    with pytest.raises(wfo.DataError, match=r"^bar 27 \(2024-01-02 03:00:00.*\): close = 0\.5"):
        wfo.simulate("atr_d_l", broken, grid.params(0), split=300)


def intraday(n: int) -> pl.DataFrame:
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    stamps = [start + dt.timedelta(hours=i) for i in range(n)]
    close = 100 + 5 * np.sin(np.arange(n) / 7)
    return pl.DataFrame(
        {"datetime": stamps, "open": close, "high": close + 1, "low": close - 1, "close": close}
    )


def test_intraday_bars_will_do(grid: wfo.Grid) -> None:
    bars = intraday(400)
    sim = wfo.simulate("atr_d_l", bars, grid.params(0), split=300)
    local = bars.with_columns(pl.col("datetime").dt.convert_time_zone("America/New_York"))
    assert len(sim.trades)
    there = wfo.simulate("atr_d_l", local, grid.params(0), split=300)
    assert there.trades[:, :6].equals(sim.trades[:, :6])
    # The same moments, shown where they were.
    for column in ("entry_datetime", "exit_datetime"):
        assert there.trades.schema[column] == pl.Datetime("us", "America/New_York")
        assert (
            there.trades[column] == sim.trades[column].dt.convert_time_zone("America/New_York")
        ).all()


def test_frames_that_are_no_bars(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    date = pl.col("date")
    for frame, message in (
        (bars.drop("close", "low"), "no column low, close; columns: .*high"),
        (bars.rename({"open": "oqen"}), "no column open"),
        (bars.drop("date"), "neither a 'date' nor a 'datetime' column; columns: open"),
        (
            bars.with_columns(date.cast(pl.String)),
            "'date' must be of type Date, not String; parse it",
        ),
        (bars.with_columns(date.cast(pl.Datetime)), "'date' must be of type Date, not Datetime"),
        (bars.with_columns(pl.col("low").cast(pl.String)), "'low' must be numeric, not String"),
        (bars.with_columns(pl.col("low") > 0), "'low' must be numeric, not Boolean"),
        (
            bars.with_columns(date.cast(pl.Datetime).alias("datetime")).drop("date"),
            "must be a Datetime with a time zone",
        ),
        (bars.with_columns(date.alias("datetime")), "both a 'date' and a 'datetime'"),
        (bars.reverse(), "must ascend.*bar 1 has 2018-12-28 after 2018-12-31"),
        (pl.concat([bars[:200], bars[199:]]), "bar 200 has 1999-10-18 after 1999-10-18"),
        (
            bars.with_columns(pl.when(date == DAY).then(None).otherwise(date).alias("date")),
            "without repeats or nulls; bar 1593 has None",
        ),
        (bars[:0], "bars = 0"),
        (bars[:100], "bars = 100"),
        (bars.lazy(), r"not LazyFrame; collect\(\)"),
        (bars.to_dict(as_series=False), r"a Polars, pandas or PyArrow frame, not dict"),
        (None, "not NoneType"),
    ):
        for run in (wfo.simulate, wfo.sweep):
            with pytest.raises(wfo.WfoError, match=message):
                run("atr_d_l", frame, grid.params(0), split=SPLIT)  # type: ignore[arg-type]


def test_other_columns_and_another_order_do_not_matter(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    wanted = wfo.simulate("atr_d_l", bars, grid.params(0), split=SPLIT)
    other = bars.select(
        "close",
        pl.lit("NASDAQ").alias("symbol"),
        "low",
        pl.lit(None, pl.Float64).alias("adj_close"),
        "high",
        "open",
        "date",
    )
    found = wfo.simulate("atr_d_l", other, grid.params(0), split=SPLIT)
    assert np.array_equal(found.equity, wanted.equity)
    assert found.trades.equals(wanted.trades)


def test_prices_of_other_numeric_types(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    prices = ("open", "high", "low", "close")
    whole = bars.with_columns(pl.col(prices).round().cast(pl.Int32))
    as_floats = whole.with_columns(pl.col(prices).cast(pl.Float64))
    a, b = (
        wfo.simulate("atr_d_l", frame, grid.params(0), split=SPLIT) for frame in (whole, as_floats)
    )
    assert len(a.trades)
    assert np.array_equal(a.equity, b.equity)


@pytest.mark.parametrize("engine", ENGINES)
def test_bars_are_read_and_never_changed(bars: pl.DataFrame, grid: wfo.Grid, engine: str) -> None:
    """From read-only memory, from every other row of an array, from a frame in chunks."""
    prices = ("open", "high", "low", "close")
    table = np.repeat(bars.select(prices).to_numpy(), 2, axis=0)
    table[1::2] = np.nan
    table.flags.writeable = False
    strided = {name: table[::2, i] for i, name in enumerate(prices)}
    frames = [
        bars.with_columns(**{name: pl.Series(column) for name, column in strided.items()}),
        pl.concat([bars[:77], bars[77:4000], bars[4000:]], rechunk=False),
        pl.concat([bars, bars.with_columns(pl.col("date") + pl.duration(days=9_000))])[: len(bars)],
    ]
    wanted = wfo.sweep("atr_d_l", bars, grid, split=SPLIT, engine=engine)
    for frame in frames:
        before = frame.clone()
        found = wfo.sweep("atr_d_l", frame, grid, split=SPLIT, engine=engine)
        wfo.simulate("atr_d_l", frame, grid.params(0), split=SPLIT, engine=engine)
        assert same(found, wanted)
        assert frame.equals(before)
        assert frame.equals(bars)


@pytest.mark.parametrize("engine", ENGINES)
def test_results_are_owned_by_the_caller(bars: pl.DataFrame, grid: wfo.Grid, engine: str) -> None:
    """Writing into one result changes neither the next nor the bars."""
    first = wfo.sweep("atr_d_l", bars, grid, split=SPLIT, engine=engine)
    sim = wfo.simulate("atr_d_l", bars, grid.params(0), split=SPLIT, engine=engine)
    for array in (*figures(first), sim.equity):
        array[:] = 0
    again = wfo.sweep("atr_d_l", bars, grid, split=SPLIT, engine=engine)
    assert again.oos_trades.all()
    assert bars.equals(wfo.load_sample("NASDAQ"))
