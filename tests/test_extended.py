"""Extended figures, dated parameters and what hangs on them, through the public functions."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import time
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl
import pytest

import wfo
from wfo.backtest import Evaluator, choose_engine, memory, read_feeds
from wfo.backtest.figures import EXTENDED_NAMES, NAMES, STANDARD_NAMES
from wfo.backtest.spaces import GridSpace, SetSpace
from wfo.metrics import simulation_metrics

SPLIT = "2010-12-06"
ENGINES = ("direct", "reference")
ALL = ("factored", *ENGINES)
SETTINGS = wfo.Settings(slip=0.0005, fee=0.0002)
METRICS = (
    "total_return", "cagr", "volatility", "sharpe", "sortino", "mar", "max_drawdown_share",
    "win_rate", "profit_factor", "average_win", "average_loss", "expectancy", "exposure",
)  # fmt: skip


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return wfo.load_sample("NASDAQ")


@pytest.fixture(scope="module")
def grid() -> wfo.Grid:
    return wfo.Grid(
        {
            "atr_period": [4, 64],
            "atr_multiplier": [2, 5.5],
            "bb_length": 20,
            "bb_deviation": 2,
            "vol_threshold": 0.2,
            "min_tightening": 0.3,
            "scaling_method": [0, 1],
            "atr_buy_period": 8,
            "atr_buy_multiplier": [0.5, 1.5],
            "atr_smooth_period": 2,
            "equity_price_method": 0,
            "short_multiplier": 0.8,
            "entry_mode": [0, 2],
            "trend_filter_period": 20,
            "trend_veto_threshold": [-0.5, 0.02],
            "both_triggered_mode": 0,
        },
        strategy="atr_d_ls",
    )


# Sweeps


@pytest.mark.parametrize("engine", ALL)
def test_a_sweep_has_the_figures_of_its_simulations(
    bars: pl.DataFrame, grid: wfo.Grid, engine: str
) -> None:
    labels = bars["date"].dt.year().to_numpy() - 1999
    options: dict[str, Any] = {"split": SPLIT, "settings": SETTINGS, "engine": engine}
    res = wfo.sweep("atr_d_ls", bars, grid, figures="extended", labels=labels, **options)
    plain = wfo.sweep("atr_d_ls", bars, grid, **options)
    for a, b in zip(res.figures(), plain.figures(), strict=True):
        assert np.allclose(a, b, rtol=1e-12, atol=0)
    assert tuple(res.extended) == EXTENDED_NAMES
    assert res.label_sum_r is not None
    assert res.label_sum_r2 is not None
    assert res.label_sum_r.shape == (len(grid), 20)
    frame = res.to_frame()
    assert frame.columns == [*grid.values, *NAMES]
    assert res.oos_wins.dtype == np.uint32
    for i in range(0, len(grid), 9):
        sim = wfo.simulate("atr_d_ls", bars, grid.params(i), labels=labels, **options)
        assert tuple(sim.figures) == NAMES
        size = float(np.abs(sim.equity).max())
        for name, value in sim.figures.items():
            column = getattr(res, name)
            assert column[i] == pytest.approx(value, rel=1e-9, abs=1e-9 * size), name
            assert getattr(sim, name) == value
            assert frame[name][i] == column[i]
        assert res.label_sum_r[i] == pytest.approx(sim.label_sum_r, rel=1e-9, abs=1e-12)
        assert res.label_sum_r2[i] == pytest.approx(sim.label_sum_r2, rel=1e-9, abs=1e-12)
        # Over all labels they are the sums of both parts.
        assert res.label_sum_r[i].sum() == pytest.approx(
            sim.is_sum_r + sim.oos_sum_r, rel=1e-9, abs=1e-12
        )


def test_the_fastest_engine_that_can(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    fixed = wfo.Settings(sizing="fixed")
    plain = wfo.sweep("atr_d_ls", bars, grid, split=SPLIT, settings=fixed)
    compound = wfo.sweep("atr_d_ls", bars, grid, split=SPLIT, figures="extended")
    extended = wfo.sweep("atr_d_ls", bars, grid, split=SPLIT, settings=fixed, figures="extended")
    assert (plain.engine, plain.reason) == (compound.engine, compound.reason) == ("factored", "")
    assert extended.engine == "direct"
    assert extended.reason.startswith("factored: ")
    with pytest.raises(wfo.EngineError, match=r"factored: .*engine='direct' can"):
        wfo.sweep(
            "atr_d_ls", bars, grid, split=SPLIT, settings=fixed, figures="extended",
            engine="factored",
        )  # fmt: skip


def test_what_was_not_asked_for(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    res = wfo.sweep("atr_d_ls", bars, grid, split=SPLIT)
    with pytest.raises(AttributeError, match=r"is_wins is an extended figure; .*'extended'"):
        _ = res.is_wins
    with pytest.raises(AttributeError, match="no 'is_win'; did you mean 'is_wins'"):
        _ = res.is_win
    with pytest.raises(wfo.InputError, match="need its extended figures: figures='extended'"):
        res.metrics()
    with pytest.raises(wfo.InputError, match="labels= goes with figures='extended'"):
        wfo.sweep("atr_d_ls", bars, grid, split=SPLIT, labels=np.zeros(len(bars), int))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(7, int), r"one a bar, 5031 of them, not of shape \(7,\)"),
        (np.zeros(5031), "must be whole numbers from 0 on, not float64"),
        (np.where(np.arange(5031) == 200, -1, 0), r"labels\[200\] = -1 must be"),
        (np.where(np.arange(5031) == 200, 6000, 0), r"labels\[200\] = 6000 must be"),
        (np.full(5031, 2**63, np.uint64), r"labels\[100\] = 9223372036854775808 must be"),
        ([[0], [0, 1]] * 2500, "must be one whole number a bar, 5031 of them"),
    ],
)
def test_labels_that_cannot_be(
    bars: pl.DataFrame, grid: wfo.Grid, labels: Any, message: str
) -> None:
    for run in (
        lambda: wfo.sweep("atr_d_ls", bars, grid, split=SPLIT, figures="extended", labels=labels),
        lambda: wfo.simulate("atr_d_ls", bars, grid.params(0), split=SPLIT, labels=labels),
    ):
        with pytest.raises(wfo.InputError, match=message):
            run()


def test_labels_before_the_first_trading_bar_do_not_matter(
    bars: pl.DataFrame, grid: wfo.Grid
) -> None:
    labels = np.where(np.arange(len(bars)) < 100, -7, np.arange(len(bars)) % 3)
    for engine in ENGINES:
        options: dict[str, Any] = {"split": SPLIT, "engine": engine}
        sim = wfo.simulate("atr_d_ls", bars, grid.params(0), labels=labels, **options)
        other = np.where(labels < 0, 0, labels)
        same = wfo.simulate("atr_d_ls", bars, grid.params(0), labels=other, **options)
        assert sim.label_sum_r is not None
        assert sim.label_sum_r.shape == (3,)
        assert np.array_equal(sim.label_sum_r, same.label_sum_r)


# The evaluator


def test_an_evaluator_takes_a_frame_and_phases(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    windows = wfo.Windows.preset("default").resolve(bars["date"])
    simple = Evaluator("atr_d_ls", bars, grid, windows)
    feeds = read_feeds("atr_d_ls", bars)
    same = Evaluator(grid.strategy, feeds, grid, [p.bounds for p in windows])
    assert simple.phases == same.phases == [p.bounds for p in windows]
    for a, b in zip(simple.list([5, 9]), same.list([5, 9]), strict=True):
        assert np.array_equal(a.oos_pnl, b.oos_pnl)
    assert "1 phase," in repr(Evaluator("atr_d_ls", bars, grid, windows[:1]))


def test_numbers_of_combinations_are_whole_and_of_the_grid(
    bars: pl.DataFrame, grid: wfo.Grid
) -> None:
    opened = Evaluator("atr_d_ls", bars, grid, [(100, 2000, 3000)])
    assert opened.list([])[0].is_pnl.shape == (0,)
    with pytest.raises(wfo.InputError, match=r"indices must be a list of whole numbers, .*float64"):
        opened.list([1.5])
    with pytest.raises(wfo.InputError, match=r"indices\[1\] = -1 is no combination of the grid"):
        opened.list([3, -1])
    with pytest.raises(wfo.InputError, match=r"indices\[0\] = 64 is no combination .* has 64,"):
        opened.list([64])
    with pytest.raises(wfo.InputError, match=r"starts\[0\] = -8 is no combination"):
        opened.blocks([-8], 8)


def test_a_split_without_bars_is_told_with_the_dates(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    said = "trading begins on 1999-05-27, and the last bar is 2018-12-31"
    with pytest.raises(wfo.InputError, match=said):
        wfo.simulate("atr_d_ls", bars, grid.params(0), split="2030-01-01")
    with pytest.raises(wfo.InputError, match=said):
        wfo.sweep("atr_d_ls", bars, grid, split="1999-01-05")


@pytest.mark.parametrize("engine", ["factored", "direct", "reference"])
@pytest.mark.parametrize("stored", [False, True])
def test_ranges_lists_and_blocks(
    bars: pl.DataFrame, grid: wfo.Grid, engine: str, stored: bool
) -> None:
    feeds = read_feeds(grid.strategy, bars)
    phases = [(100, 2000, 3000), (500, 3000, 5031)]
    opened = Evaluator("atr_d_ls", feeds, grid, phases, SETTINGS, engine)
    assert (len(opened), opened.engine, opened.reason) == (len(grid), engine, "")
    assert "64 combinations, 2 phases" in repr(opened)
    whole = opened.range(0, len(grid), stored=stored)
    assert [p.is_pnl.dtype for p in whole] == [np.float32 if stored else np.float64] * 2
    chosen = np.array([7, 0, 63, 7, 31])
    for all_, some in zip(whole, opened.list(chosen, stored=stored), strict=True):
        for a, b in zip(all_, some, strict=True):
            # What an engine computes together may differ from what it computes alone by rounding.
            assert np.allclose(a[chosen], b, rtol=1e-6 if stored else 1e-9, atol=1e-4)
    places = np.concatenate([np.arange(s, s + 8) for s in (48, 8)])
    for all_, some in zip(whole, opened.blocks([48, 8], 8, stored=stored), strict=True):
        for a, b in zip(all_, some, strict=True):
            assert np.allclose(a[places], b, rtol=1e-6 if stored else 1e-9, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_sets_that_are_no_grid(bars: pl.DataFrame, grid: wfo.Grid, engine: str) -> None:
    feeds = read_feeds(grid.strategy, bars)
    phases = [(100, 2000, 3000)]
    chosen = [60, 3, 17, 3]
    sets = [grid.params(i) for i in chosen]
    options: dict[str, Any] = {"settings": SETTINGS, "engine": engine, "figures": "extended"}
    of_grid = Evaluator("atr_d_ls", feeds, grid, phases, **options)
    of_sets = Evaluator.of_sets("atr_d_ls", feeds, sets, phases, **options)
    assert len(of_sets) == 4
    (wanted,), (found,) = of_grid.list(chosen), of_sets.range(0, 4)
    for name, a, b in zip(wanted.names, wanted, found, strict=True):
        assert np.array_equal(a, b, equal_nan=True), name
    with pytest.raises(wfo.InputError, match="no parameter sets"):
        Evaluator.of_sets("atr_d_ls", feeds, [], phases)
    with pytest.raises(wfo.InputError, match="did you mean 'atr_period'"):
        Evaluator.of_sets("atr_d_ls", feeds, [{"atr_perod": 1}], phases)
    with pytest.raises(wfo.InputError, match=r"warmup = 69 .*at least 70"):
        Evaluator.of_sets("atr_d_ls", feeds, sets, [(69, 100, 200)])
    auto = Evaluator.of_sets("atr_d_ls", feeds, sets, phases)
    assert auto.engine == "direct"
    assert auto.reason.startswith("factored: ")


# Metrics


def test_metrics_of_a_sweep_are_those_of_its_simulations(
    bars: pl.DataFrame, grid: wfo.Grid
) -> None:
    settings = wfo.Settings(slip=0.003, fee=0.001, lot_size=1.0, capital=5_000)
    res = wfo.sweep("atr_d_ls", bars, grid, split=SPLIT, settings=settings, figures="extended")
    frames = {year: res.metrics(year) for year in (None, 52.5)}
    for frame in frames.values():
        assert frame.columns == [*grid.values, *(p + n for p in ("is_", "oos_") for n in METRICS)]
    defined = undefined = 0
    for i, year in itertools.product(range(len(grid)), frames):
        if year is None:
            sim = wfo.simulate("atr_d_ls", bars, grid.params(i), split=SPLIT, settings=settings)
        row = frames[year].row(i, named=True)
        found = sim.metrics(year)
        assert found.in_sample.max_drawdown == sim.is_dd
        assert found.out_of_sample.max_drawdown == sim.oos_dd
        for prefix, part in (("is_", found.in_sample), ("oos_", found.out_of_sample)):
            for name in METRICS:
                wanted = getattr(part, name)
                if wanted is None:
                    assert row[prefix + name] is None, name
                    undefined += 1
                else:
                    # Money is as exact as the capital's size, shares as 1.
                    scale = 5_000 if name in {"expectancy", "average_win", "average_loss"} else 1
                    assert row[prefix + name] == pytest.approx(wanted, rel=1e-9, abs=1e-9 * scale)
                    defined += 1
    assert defined > 1_000
    assert undefined > 10


def test_drawdowns_of_metrics_see_reversals(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    """Where a fill is the bottom or the peak of the largest fall, closes alone say less."""
    seen = 0
    for i in range(len(grid)):
        sim = wfo.simulate("atr_d_ls", bars, grid.params(i), split=SPLIT, settings=SETTINGS)
        found = sim.metrics()
        assert found.in_sample.max_drawdown == sim.is_dd
        assert found.out_of_sample.max_drawdown == sim.oos_dd
        assert found.in_sample.max_drawdown_share == pytest.approx(sim.is_dd_share, rel=1e-12)
        closes = dataclasses.replace(sim, reversals=None).metrics()
        assert closes.in_sample.max_drawdown <= found.in_sample.max_drawdown
        seen += closes.in_sample.max_drawdown < found.in_sample.max_drawdown
    assert seen > 3


def test_metrics_are_those_of_the_function(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    sim = wfo.simulate("atr_d_ls", bars, grid.params(3), split=SPLIT)
    wanted = simulation_metrics(
        sim, bars["date"].to_list(), warmup=100, split=3000, bars_per_year=252
    )
    assert sim.metrics() == sim.metrics(252) == wanted
    bare = dataclasses.replace(sim, dates=None)
    for needs_dates in (bare.metrics, bare.equity_frame, bare.plot):
        with pytest.raises(wfo.InputError, match=r"no dates; wfo\.simulate returns one that has"):
            needs_dates()


# Dated parameters


@pytest.mark.parametrize("engine", ENGINES)
def test_one_dated_set_is_a_plain_simulation(
    bars: pl.DataFrame, grid: wfo.Grid, engine: str
) -> None:
    options: dict[str, Any] = {"split": SPLIT, "engine": engine, "settings": SETTINGS}
    wanted = wfo.simulate("atr_d_ls", bars, grid.params(9), **options)
    for when in ("1999-01-04", bars["date"][100], 0, 100, dt.datetime(1999, 5, 1)):  # noqa: DTZ001
        found = wfo.simulate("atr_d_ls", bars, [(when, grid.params(9))], **options)
        assert found.trades.equals(wanted.trades)
        assert np.array_equal(found.equity, wanted.equity)
        assert found.figures == wanted.figures
    # Sets that hold only before the first trading bar hold never.
    early = [("1999-01-04", grid.params(2)), (bars["date"][100], grid.params(9))]
    assert wfo.simulate("atr_d_ls", bars, early, **options).trades.equals(wanted.trades)


@pytest.mark.parametrize("engine", ENGINES)
def test_before_a_change_it_is_the_first_set_and_long_after_it_the_second(
    bars: pl.DataFrame, grid: wfo.Grid, engine: str
) -> None:
    options: dict[str, Any] = {"split": SPLIT, "engine": engine}
    change = 2500
    one, two = grid.params(1), grid.params(62)
    found = wfo.simulate(
        "atr_d_ls", bars, [("1999-01-04", one), (bars["date"][change], two)], **options
    )
    first, second = (wfo.simulate("atr_d_ls", bars, p, **options) for p in (one, two))
    assert np.array_equal(found.equity[:change], first.equity[:change])
    assert not np.array_equal(found.equity, first.equity)
    # After a while entries and exits are those of the second set alone.
    late = [
        s.trades.filter(pl.col("entry_bar") > change + 300).select(
            "side", "entry_bar", "entry_price", "exit_bar", "exit_price"
        )
        for s in (found, second)
    ]
    assert len(late[0]) > 20
    assert late[0].equals(late[1])


def test_the_warm_up_is_that_of_the_longest_set(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    long = grid.params(0) | {"atr_period": 400}
    dated = [("1999-01-04", grid.params(0)), ("2005-01-03", long)]
    sim = wfo.simulate("atr_d_ls", bars, dated, split=SPLIT)
    assert sim.bounds
    assert sim.bounds[0] == 400
    with pytest.raises(wfo.InputError, match=r"warmup = 399 .*at least 400"):
        wfo.simulate("atr_d_ls", bars, dated, split=SPLIT, warmup=399)


def test_dates_that_cannot_be(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    p = grid.params(0)
    for params, message in (
        ([("2001-01-02", p)], "first set begins on 2001-01-02, bar .* after the first trading bar"),
        ([("1999-01-04", p), ("1999-01-04", p)], "must ascend, at least a bar apart"),
        ([("1999-01-04", p), ("2005-01-01", p), ("2004-01-01", p)], "must ascend"),
        ([("1999-01-04", p), ("2030-01-01", p)], "after the last bar, 2018-12-31; leave it out"),
        ([("soon", p)], r"params\[0\]: date = 'soon' must be"),
        ([("1999-01-04", {**p, "atr_period": 0})], "atr_period = 0"),
        ([("1999-01-04", 7)], "params must name each parameter"),
        ([], "params must name each parameter"),
    ):
        with pytest.raises(wfo.InputError, match=message):
            wfo.simulate("atr_d_ls", bars, params, split=SPLIT)  # type: ignore[arg-type]
    dated = [("1999-01-04", p), ("2005-01-03", grid.params(1))]
    with pytest.raises(wfo.EngineError, match=r"factored: .*engine='direct' can"):
        wfo.simulate("atr_d_ls", bars, dated, split=SPLIT, engine="factored")
    assert wfo.simulate("atr_d_ls", bars, dated, split=SPLIT, engine="auto").is_trades


# Memory


def test_what_does_not_fit_is_refused_at_once(bars: pl.DataFrame) -> None:
    begun = time.process_time()
    with pytest.raises(wfo.InputError) as caught:
        wfo.sweep("atr_d_ls", bars, "phase1_slim", windows="default", memory_limit=8_000_000_000)
    assert time.process_time() - begun < 1
    said = str(caught.value)
    grid = wfo.Grid.load("phase1_slim", "atr_d_ls")
    size = (len(grid) + (1 << 21)) * 4 * 40
    assert size > 8e9
    for part in (
        f"standard figures of {len(grid):,} combinations over 4 phases",
        f"take {size / 1e9:,.1f} GB of memory, and 8.0 GB are available",
        "'wfo run' (wfo.run in Python) keeps them on disk",
        "a smaller grid",
        "Evaluator computes any part",
    ):
        assert part in said


def test_what_does_not_fit_the_machine_is_refused(bars: pl.DataFrame) -> None:
    """Whatever machine it is: two petabytes."""
    axes = {"atr_multiplier": range(1, 10_001), "bb_deviation": range(1, 10_001)}
    axes |= {"vol_threshold": range(1, 10_001), "atr_buy_multiplier": range(1, 51)}
    grid = wfo.Grid({**dict(wfo.Grid.load("smoke", "atr_d_l").values), **axes})
    if memory.available_memory() is None:
        pytest.skip("the system does not say how much memory is left")
    with pytest.raises(wfo.InputError, match=r"of memory, and .* are available"):
        wfo.sweep("atr_d_l", bars, grid, split=SPLIT)


def test_extended_figures_take_more(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    # 64 combinations, and a block of as many: 40 bytes each, 352 extended, 16 more a label.
    labels = np.arange(len(bars)) % 500
    for room, figures in ((5_119, "standard"), (45_055, "extended")):
        options: Any = {"split": SPLIT, "figures": figures}
        with pytest.raises(wfo.InputError, match="available"):
            wfo.sweep("atr_d_ls", bars, grid, **options, memory_limit=room)
        found = wfo.sweep("atr_d_ls", bars, grid, **options, memory_limit=room + 1)
        assert found.nbytes * 2 == room + 1
    with pytest.raises(
        wfo.InputError,
        match=r"keeps the standard ones on disk, .*takes less, figures='standard' too, and",
    ):
        wfo.sweep("atr_d_ls", bars, grid, **options, labels=labels, memory_limit=45_056)


def test_available_memory_is_what_the_system_says(tmp_path: Path) -> None:
    found = memory.available_memory()
    assert found is None or found > 1_000_000
    limit, used = tmp_path / "max", tmp_path / "current"
    groups = ((str(limit), str(used)),)
    limit.write_text("50000000\n")
    used.write_text("20000000\n")
    assert memory.available_memory(groups) == 30_000_000
    limit.write_text("max\n")
    assert memory.available_memory(groups) != 30_000_000


# How they look


def test_short_texts_and_tables(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    sim = wfo.simulate("atr_d_ls", bars, grid.params(3), split=SPLIT)
    res = wfo.sweep("atr_d_ls", bars, grid, split=SPLIT)
    assert len(repr(sim)) < 150
    assert repr(sim).startswith("Simulation(atr_d_ls, 5,031 bars, is_pnl ")
    assert len(repr(res)) < 150
    page, other = sim._repr_html_(), res._repr_html_()
    assert f"{sim.is_pnl:,.2f}" in page
    assert "Sharpe ratio" in page
    assert f"{res.is_pnl.max():,.2f}" in other
    assert "&lt;" not in page.replace("&lt;b", "")
    odd = dataclasses.replace(sim, strategy="<b>", dates=None)
    assert "&lt;b&gt;" in odd._repr_html_()
    assert f"{sim.oos_dd:,.2f}" in odd._repr_html_()


def test_results_say_what_they_hold_in_a_line_and_in_a_table(
    bars: pl.DataFrame, grid: wfo.Grid
) -> None:
    windows = wfo.Windows.preset("default").resolve(bars["date"])
    results = wfo.sweep("atr_d_ls", bars, grid, windows=windows)
    # Dates, which a reader knows, and not the numbers of bars.
    assert "phase 1, 2008-12-31 to 2013-12-30, out-of-sample from 2012-01-03" in repr(results[0])
    assert len(repr(results[0])) < 150
    first = "2008-12-31 to 2011-12-30"
    assert repr(windows).startswith("Phases('default' as of 2018-12-31: 2008-12-31 to 2013-12-30")
    assert first in windows._repr_html_()
    sim = wfo.simulate("atr_d_ls", bars, grid.params(3), split=SPLIT)
    parts = sim.metrics()
    assert f"out_of_sample: net_profit {sim.oos_pnl:,.2f}" in repr(parts)
    assert len(repr(parts)) < 250
    for page in (parts._repr_html_(), sim._repr_html_()):
        assert "Longest drawdown, days" in page
        assert f"{sim.oos_pnl:,.2f}" in page
    strategy = wfo.strategies()["atr_d_ls"]
    assert len(repr(strategy)) < 150
    assert "atr_period" in strategy._repr_html_()
    assert "a whole number &gt;= 1" in strategy._repr_html_()


def test_plots(bars: pl.DataFrame, grid: wfo.Grid, tmp_path: Path) -> None:
    sim = wfo.simulate("atr_d_ls", bars, grid.params(3), split=SPLIT)
    shown = sim.plot()
    assert shown._repr_html_().startswith("<iframe srcdoc=")
    assert "out-of-sample from 2010-12-06" in shown._repr_html_()
    assert "atr_d_ls" in repr(shown)
    path = tmp_path / "equity.html"
    sim.plot(path, title="A title")
    text = path.read_text()
    assert "<title>A title</title>" in text
    assert "out-of-sample from 2010-12-06" in text
    with pytest.raises(wfo.InputError, match=r"must end in \.png or \.html"):
        sim.plot(tmp_path / "equity.pdf")
    pytest.importorskip("matplotlib")
    sim.plot(str(tmp_path / "equity.png"))
    assert (tmp_path / "equity.png").read_bytes().startswith(b"\x89PNG")


def test_a_figure_that_is_none(bars: pl.DataFrame, grid: wfo.Grid) -> None:
    sim = wfo.simulate("atr_d_ls", bars, grid.params(3), split=SPLIT)
    with pytest.raises(AttributeError, match="no 'oos_win'; did you mean 'oos_wins'"):
        _ = sim.oos_win
    assert not hasattr(sim, "_repr_svg_")
    assert sim.figures.keys() >= set(STANDARD_NAMES)


def test_an_evaluator_takes_a_frame_and_the_phases_of_a_schedule() -> None:
    bars = wfo.load_sample("NASDAQ")
    phases = wfo.Windows.preset("default").resolve(bars["date"])
    grid = wfo.Grid.load("smoke", "atr_d_l")
    opened = wfo.Evaluator("atr_d_l", bars, grid, phases)
    swept = wfo.sweep("atr_d_l", bars, grid, windows=phases)
    assert opened.phases == [p.bounds for p in phases]
    for found, wanted in zip(opened.range(0, len(grid)), swept, strict=True):
        assert np.array_equal(found.oos_pnl, wanted.oos_pnl)
    with pytest.raises(wfo.InputError, match="reads a second symbol"):
        wfo.Evaluator("atr_d_duals_l", bars, wfo.Grid.load("smoke", "atr_d_duals_l"), phases)


@pytest.mark.parametrize("engine", ["factored", "direct", "reference"])
def test_combinations_that_an_evaluator_does_not_have(
    bars: pl.DataFrame, grid: wfo.Grid, engine: str
) -> None:
    found = wfo.Evaluator("atr_d_ls", bars, grid, [(120, 3000, 5031)], engine=engine)
    count = len(grid)
    asked: Any
    for asked in ((-1, 2), (3, 2), (0, count + 1), (0.0, 1)):
        with pytest.raises(wfo.InputError, match="lie outside the grid, which has"):
            found.range(*asked)
    for asked in ([-1], np.array([-1]), [count], [2**63]):
        with pytest.raises(wfo.InputError, match="is no combination of the grid, which has"):
            found.list(asked)
    for asked in ([1.5], ["x"], [[1]], 1):
        with pytest.raises(wfo.InputError, match="must be a list of whole numbers"):
            found.list(asked)
    for asked in (([count - 1], 2), ([0, 1], count)):
        with pytest.raises(wfo.InputError, match="lie outside the grid, which has"):
            found.blocks(*asked)
    for asked in (([0], -1), ([0], 1.0)):
        with pytest.raises(wfo.InputError, match="must be a whole number, 0 or more"):
            found.blocks(*asked)
    assert [len(c) for p in (found.list([]), found.blocks([], 3)) for c in p[0]] == [0] * 12


class Unwritten(GridSpace):
    """A grid whose axes cannot be written out."""

    @property
    def axes(self) -> NoReturn:
        raise AssertionError("an axis is written out")


def test_engines_are_chosen_without_writing_out_an_axis(grid: wfo.Grid) -> None:
    """An axis of many sets of values takes seconds to write out."""
    space = GridSpace(grid)
    assert space.positions == [positions for positions, _ in space.axes]
    table = SetSpace(np.zeros((2, 16)))
    assert table.positions == [positions for positions, _ in table.axes]
    named = wfo.strategies()["atr_d_ls"]
    chosen = choose_engine("auto", named, wfo.Settings(), space=Unwritten(grid))
    assert chosen.engine.name == "factored"


def test_of_sets_before_the_first_trading_bar_the_last_one_holds(
    bars: pl.DataFrame, grid: wfo.Grid
) -> None:
    first, second, third = (grid.params(i) for i in (0, 17, 40))
    early = [("1990-01-01", first), ("1991-01-01", second), ("2005-01-03", third)]
    late = [("1999-01-04", second), ("2005-01-03", third)]
    found = wfo.simulate("atr_d_ls", bars, early, split=SPLIT)
    wanted = wfo.simulate("atr_d_ls", bars, late, split=SPLIT)
    assert np.array_equal(found.equity, wanted.equity)
    assert not np.array_equal(
        found.equity, wfo.simulate("atr_d_ls", bars, [early[0], early[2]], split=SPLIT).equity
    )
    for wrong, said in (
        ([(-3, first)], "bar -3; the index of a bar is 0 or more"),
        ([("1999-01-04", first), ("2005-01-01", second), ("2005-01-02", third)], "at least a bar"),
        ([("1999-03-01", first), ("1999-02-01", second)], "must ascend"),
    ):
        with pytest.raises(wfo.InputError, match=said):
            wfo.simulate("atr_d_ls", bars, wrong, split=SPLIT)
