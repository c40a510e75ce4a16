"""Buy-and-hold by hand and beside sets that never sell, and figures that compare with it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wfo
from wfo.backtest import read_feeds
from wfo.backtest.benchmark import Benchmark, Held, annual_return, total_return
from wfo.files import write_frame
from wfo.selection.comparable import (
    annual_returns,
    comparable_columns,
    rounded,
    simulated_shares,
    total_returns,
    with_drawdown_shares,
)
from wfo.selection.comparison import HeldStanding, compare, standing
from wfo.selection.scoring import score_figures
from wfo.testing import random_bars

SIX = ("is_pnl", "oos_pnl", "is_dd", "oos_dd", "is_trades", "oos_trades")
SHARES = ("is_dd_share", "oos_dd_share")

#: Stops that no fall reaches, and a limit that lies near below the high.
NEVER = {
    "atr_period": [4, 20],
    "atr_multiplier": [5_000],
    "bb_length": [10],
    "bb_deviation": [4],
    "vol_threshold": [0.0001],
    "min_tightening": [1.0],
    "scaling_method": [0],
    "atr_buy_period": [8],
    "atr_buy_multiplier": [0.01, 0.02],
    "atr_smooth_period": [2],
    "equity_price_method": [0],
}
FAR = 1e6


def bars_of(open_: list[float], close: list[float]) -> pl.DataFrame:
    first = dt.date(2020, 1, 6)
    return pl.DataFrame(
        {
            "date": [first + dt.timedelta(days=i) for i in range(len(open_))],
            "open": open_,
            "high": [max(pair) for pair in zip(open_, close, strict=True)],
            "low": [min(pair) for pair in zip(open_, close, strict=True)],
            "close": close,
        }
    )


# By hand.

TINY = bars_of([9.0, 9.0, 10.0, 11.0, 9.0, 12.0], [9.0, 9.0, 11.0, 9.0, 12.0, 10.0])


def test_buy_and_hold_by_hand() -> None:
    costly = wfo.AccountSettings(capital=1_000, slip=0.01, fee=0.02, lot_size=10)
    found = wfo.buy_and_hold(TINY, warmup=2, split=4, settings=costly)
    # A share costs 10 · 1.01 · 1.02 = 10.302, and 97.07 of them are 90 in lots of ten.
    marks = [1_000, 1_000, 1_062.82, 882.82, 1_152.82, 972.82]
    assert found.equity.tolist() == pytest.approx(marks, rel=1e-12)
    assert (found.is_pnl, found.oos_pnl) == pytest.approx((-117.18, 90))
    assert (found.is_dd, found.oos_dd) == pytest.approx((180, 180))
    assert (found.is_trades, found.oos_trades, len(found.trades)) == (0, 0, 0)
    assert (found.is_dd_share, found.oos_dd_share) == pytest.approx((180 / 1_062.82, 180 / 1152.82))
    assert (found.is_bars_held, found.oos_bars_held) == (2, 2)
    assert found.oos_sum_r == pytest.approx(1_152.82 / 882.82 - 1 + 972.82 / 1_152.82 - 1)
    assert found.strategy == "buy-and-hold"
    assert found.bounds == (2, 4, 6)


def test_the_benchmark_of_a_sweep_is_that_simulation() -> None:
    settings = wfo.Settings(slip=0.001, fee=0.002, lot_size=100)
    bars = wfo.load_sample("NASDAQ")
    phases = wfo.Windows.preset().resolve(bars["date"])
    swept = wfo.sweep("atr_d_l", bars, wfo.Grid(NEVER), windows=phases, settings=settings)
    for phase, result in zip(phases, swept, strict=True):
        warmup, split, end = phase.bounds
        for lots, held in ((100, result.benchmark.held), (0, result.benchmark.whole)):
            own = dataclasses.replace(settings, lot_size=lots)
            sim = wfo.buy_and_hold(bars[:end], warmup=warmup, split=split, settings=own)
            assert held == Held(**{n: sim.figures[n] for n in (*SIX[:4], *SHARES)})
        assert result.benchmark.is_bars == split - warmup
        assert result.benchmark.oos_bars == end - split
        assert result.benchmark.bars_per_year == 252
    single = wfo.sweep("atr_d_l", bars, wfo.Grid(NEVER), split="2015-01-02")
    sim = wfo.buy_and_hold(bars, split="2015-01-02")
    assert single.benchmark.held.oos_pnl == sim.oos_pnl
    assert single.benchmark.held == single.benchmark.whole


def test_a_lot_that_is_too_large_buys_nothing() -> None:
    found = wfo.buy_and_hold(
        TINY, warmup=2, split=4, settings=wfo.AccountSettings(capital=1_000, lot_size=1_000)
    )
    assert found.equity.tolist() == [1_000] * 6
    assert found.figures["oos_bars_held"] == 0
    assert found.oos_dd_share == 0


def test_metrics_plot_and_table_of_buy_and_hold(tmp_path: Path) -> None:
    bars = wfo.load_sample("NASDAQ")
    found = wfo.buy_and_hold(bars, split="2015-01-02")
    split, warmup = found.bounds[1], 100
    growth = bars["close"][-1] / bars["close"][split - 1]
    assert found.metrics().out_of_sample.total_return == pytest.approx(growth - 1)
    assert found.equity[warmup] == pytest.approx(
        100_000 * bars["close"][warmup] / bars["open"][warmup]
    )
    found.plot(tmp_path / "held.html")
    assert "buy-and-hold" in (tmp_path / "held.html").read_text(encoding="utf-8")
    assert "buy-and-hold" in found._repr_html_()


def test_what_buy_and_hold_refuses() -> None:
    with pytest.raises(wfo.InputError, match="warmup = 4, split = 4"):
        wfo.buy_and_hold(TINY, warmup=4, split=4)
    with pytest.raises(wfo.InputError, match="at least 1"):
        wfo.buy_and_hold(TINY, warmup=0, split=4)
    with pytest.raises(wfo.InputError, match=r"wfo\.AccountSettings"):
        wfo.buy_and_hold(TINY, warmup=2, split=4, settings={"capital": 1})  # type: ignore[arg-type]
    with pytest.raises(wfo.DataError):
        wfo.buy_and_hold(TINY.drop("close"), warmup=2, split=4)


# Beside sets that never sell.


@pytest.mark.parametrize("engine", ["reference", "direct", "factored"])
@pytest.mark.parametrize("seed", range(4))
def test_a_set_that_never_sells_is_buy_and_hold(engine: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bars, warmup = random_bars(rng, 300), 120
    # From the first trading bar on everything is lower, so that its open has passed the limit.
    lower = [
        pl.when(pl.int_range(pl.len()) >= warmup).then(pl.col(c) * 0.01).otherwise(pl.col(c))
        for c in ("open", "high", "low", "close")
    ]
    bars = bars.with_columns(lower)
    settings = wfo.Settings(
        capital=12_345.67,
        slip=[0.0, 0.0005][seed % 2],
        fee=[0.0, 0.001][seed // 2],
        sizing=["compound", "fixed"][seed % 2],  # type: ignore[arg-type]  # one of the two
        lot_size=[0.0, 0.5, 0.0, 1.0][seed],
        max_stop_atr=FAR,
    )
    # The factored engine has the extended figures of trades that take the whole equity.
    shares = engine != "factored" or (settings.sizing == "compound" and not settings.lot_size)
    swept = wfo.sweep(
        "atr_d_l",
        bars,
        wfo.Grid(NEVER),
        warmup=warmup,
        split=200,
        settings=settings,
        engine=engine,
        figures="extended" if shares else "standard",
    )
    held = wfo.buy_and_hold(bars, warmup=warmup, split=200, settings=settings)
    assert held.oos_dd > 0
    assert swept.engine == engine
    for name in (*SIX, *(SHARES if shares else ())):
        wanted = held.figures[name]
        assert getattr(swept, name).tolist() == pytest.approx([wanted] * 4, rel=1e-12, abs=0), name
    for name in (*SIX[:4], *SHARES):
        assert getattr(swept.benchmark.held, name) == held.figures[name]


@pytest.fixture(scope="module")
def qqq(real_bars: Path) -> pl.DataFrame:
    return pl.read_csv(real_bars / "QQQ_1day.csv", try_parse_dates=True)


def test_buy_and_hold_of_qqq_by_hand(qqq: pl.DataFrame) -> None:
    phases = wfo.Windows.preset().resolve(qqq["date"])
    swept = wfo.sweep("atr_d_l", qqq, wfo.Grid(NEVER), windows=phases)
    ratios = []
    for phase, result in zip(phases, swept, strict=True):
        warmup, split, end = phase.bounds
        shares = 100_000 / qqq["open"][warmup]
        marks = [100_000.0] + [100_000 + shares * (c - qqq["open"][warmup]) for c in
                               qqq["close"][warmup:end]]  # fmt: skip
        figures: dict[str, float] = {}
        for part, own in (("is", marks[: split - warmup + 1]), ("oos", marks[split - warmup :])):
            peak, fall, share = own[0], 0.0, 0.0
            for mark in own:
                peak = max(peak, mark)
                fall, share = max(fall, peak - mark), max(share, 1 - mark / peak)
            figures |= {f"{part}_pnl": own[-1] - own[0], f"{part}_dd": fall}
            figures[f"{part}_dd_share"] = share
        assert result.benchmark is not None
        for name, value in figures.items():
            assert getattr(result.benchmark.held, name) == pytest.approx(value, rel=1e-12)
        growth = qqq["close"][end - 1] / qqq["close"][split - 1]
        assert result.benchmark.oos_return == pytest.approx(growth - 1, rel=1e-12)
        ratios.append(round(result.benchmark.wfe or 0, 2))
    # What the specification says of these bars.
    assert ratios == [1.80, 0.40, 2.91, 2.01]


@pytest.mark.parametrize("engine", ["reference", "direct", "factored"])
def test_never_selling_qqq_earns_what_holding_it_does(engine: str, qqq: pl.DataFrame) -> None:
    phases = wfo.Windows.preset().resolve(qqq["date"])
    settings = wfo.Settings(max_stop_atr=FAR)
    swept = wfo.sweep(
        "atr_d_l", qqq, wfo.Grid(NEVER), windows=phases, settings=settings, engine=engine
    )
    for result in swept:
        benchmark = result.benchmark
        assert benchmark is not None
        assert not result.oos_trades.any()
        returns = result.oos_pnl / (100_000 + result.is_pnl)
        assert returns == pytest.approx(benchmark.oos_return, rel=1e-9)
        by_drawdown = benchmark.held.oos_pnl / benchmark.held.oos_dd
        assert result.oos_pnl / result.oos_dd == pytest.approx(by_drawdown, rel=1e-9)


# Comparable figures.

PAIRS = [(0.0, 50.0), (100.0, -300.0), (-1_000.0, 20.0), (-1_500.0, -20.0), (500.0, -1_500.0),
         (-900.0, -500.0), (12.5, 0.0)]  # fmt: skip


def test_returns_are_those_of_single_numbers() -> None:
    found = total_returns(1_000, *np.transpose(PAIRS))
    assert found.tolist() == [total_return(1_000, a, b) for a, b in PAIRS]
    assert found.tolist() == [0.05, -300 / 1_100, -1, -1, -1, -5, 0]
    for exponent in (0.5, 1.0, 3.7):
        wanted = [annual_return(r, exponent) for r in found.tolist()]
        assert annual_returns(found, exponent).tolist() == pytest.approx(wanted, rel=1e-13)
    assert annual_returns([-1.0, -5.0], 2).tolist() == [-1, -1]
    assert annual_returns([0.1], 2).tolist() == pytest.approx([0.21])
    assert math.isnan(annual_returns([1.0], 1e6)[0]), "no number is as large"
    assert annual_return(1.0, 1e6) == math.inf


def benchmark_of(**changes: Any) -> Benchmark:
    held = Held(500.0, 300.0, 100.0, 200.0, 0.1, 0.2)
    return dataclasses.replace(Benchmark(1_000.0, 504, 126, 252.0, held, held), **changes)


def test_columns_of_a_phase_by_hand() -> None:
    is_pnl, oos_pnl = [210.0, -100.0, 0.0, -1_000.0, 21.0], [121.0, 90.0, 50.0, 7.0, -2_000.0]
    columns = comparable_columns(benchmark_of(), 3, is_pnl, oos_pnl)
    found = pl.DataFrame(columns)
    assert found.columns == [
        "P3_OOS_Return",
        "P3_OOS_Return_Annual",
        "P3_OOS_DD_Share",
        "P3_Return_WFE",
        "P3_BuyHold_Return",
    ]
    assert set(found.dtypes) == {pl.Float32}
    assert found["P3_OOS_Return"].to_list() == pytest.approx(
        [0.1, 0.1, 0.05, -1, -2_000 / 1_021], rel=1e-6
    )
    # Half a year out of sample, two years in sample: 1.1² - 1, by 1.21^½ - 1.
    assert found["P3_OOS_Return_Annual"].to_list() == pytest.approx(
        [0.21, 0.21, 0.1025, -1, -1], rel=1e-6
    )
    efficiency = found["P3_Return_WFE"].to_list()
    assert efficiency[:4] == [pytest.approx(2.1, rel=1e-6), None, None, None]
    assert efficiency[4] == pytest.approx(-1 / (1.021**0.5 - 1), rel=1e-6)
    assert found["P3_OOS_DD_Share"].null_count() == 5
    assert found["P3_BuyHold_Return"].to_list() == pytest.approx([0.2] * 5, rel=1e-6)
    nothing = pl.DataFrame(comparable_columns(benchmark_of(), 1, [], []))
    assert nothing.schema == {n.replace("P3", "P1"): pl.Float32 for n in found.columns}


@pytest.fixture(scope="module")
def sample() -> tuple[pl.DataFrame, wfo.Grid, wfo.Phases, list[wfo.SweepResult]]:
    bars, grid = wfo.load_sample("NASDAQ"), wfo.Grid.load("smoke", "atr_d_l")
    phases = wfo.Windows.preset().resolve(bars["date"])
    swept = wfo.sweep("atr_d_l", bars, grid, windows=phases, figures="extended")
    return bars, grid, phases, swept


def test_candidates_have_them(sample: Any) -> None:
    _, _, _, swept = sample
    found = wfo.score(swept, gates=wfo.Gates(min_phases=2))
    assert len(found) > 10
    for k, result in enumerate(swept, 1):
        own = [name for name in found.columns if name.startswith(f"P{k}_")]
        assert own[-6:] == [f"P{k}_OOS_Rank"] + [
            f"P{k}_{n}" for n in ("OOS_Return", "OOS_Return_Annual", "OOS_DD_Share",
                                  "Return_WFE", "BuyHold_Return")
        ]  # fmt: skip
        benchmark = result.benchmark
        for row in found.select(own).iter_rows(named=True):
            earned, kept = row[f"P{k}_IS_PnL"], row[f"P{k}_OOS_PnL"]
            total = total_return(100_000, earned, kept)
            annual, before = benchmark.annual_oos(total), benchmark.annual_is(earned / 100_000)
            assert row[f"P{k}_OOS_Return"] == pytest.approx(total, rel=1e-6)
            assert row[f"P{k}_OOS_Return_Annual"] == pytest.approx(annual, rel=1e-6)
            wanted = pytest.approx(annual / before, rel=1e-6) if before > 0 else None
            assert row[f"P{k}_Return_WFE"] == wanted
        assert found[f"P{k}_OOS_DD_Share"].null_count() == len(found)
        held = found[f"P{k}_BuyHold_Return"]
        assert held.to_list() == pytest.approx([benchmark.oos_return] * len(found), rel=1e-6)
    plain = wfo.score(
        [dataclasses.replace(r, benchmark=None) for r in swept], gates=wfo.Gates(min_phases=2)
    )
    assert plain.columns == [n for n in found.columns if "Return" not in n and "Share" not in n]
    assert plain.equals(found.select(plain.columns))


def test_relative_drawdowns_are_simulated_once_an_outcome(sample: Any) -> None:
    bars, grid, phases, swept = sample
    scores = score_figures(
        grid,
        lambda start, stop: [r.figures(start, stop) for r in swept],
        annual_factors=[None] * 4,
        benchmarks=[r.benchmark for r in swept],
        min_phases=2,
    )
    found, index = scores.candidates, scores.index
    assert index is not None
    asked: list[int] = []
    simulate = simulated_shares(read_feeds("atr_d_l", bars), grid, None, [p.bounds for p in phases])

    def shares(indices: Any) -> Any:
        asked.extend(indices.tolist())
        return simulate(indices)

    rows = len(found) - 7
    filled = with_drawdown_shares(found, index, rows, shares)
    assert len(asked) == found["Outcome"][:rows].n_unique() < rows
    assert set(asked) <= set(index[:rows].tolist())
    for k, result in enumerate(swept, 1):
        column = filled[f"P{k}_OOS_DD_Share"]
        wanted = result.oos_dd_share[index[:rows]].tolist()
        assert column.dtype == pl.Float32
        assert column[:rows].to_list() == pytest.approx(wanted, rel=1e-6)
        assert column[rows:].null_count() == 7
    assert filled.columns == found.columns
    few = with_drawdown_shares(found, index, None, simulate, outcomes=3)
    for k in range(1, 5):
        best = few.filter(pl.col("Outcome") <= 3)[f"P{k}_OOS_DD_Share"]
        assert len(best) >= 3
        assert best.null_count() == 0
        assert few.filter(pl.col("Outcome") > 3)[f"P{k}_OOS_DD_Share"].is_null().all()


def test_no_candidates_have_no_drawdowns(sample: Any) -> None:
    bars, grid, phases, swept = sample
    frame = wfo.score(swept, gates=wfo.Gates(min_phases=2), kept=0)
    shares = simulated_shares(read_feeds("atr_d_l", bars), grid, None, phases)
    found = with_drawdown_shares(frame, np.zeros(0, np.int64), 100, shares)
    assert found.is_empty()
    assert found.schema == frame.schema


# What people read.


def test_the_csv_has_two_to_four_decimals(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "fine": [0.123456, 4.0],
            "Stability_Score": [121.64109, 2.0],
            "Phases_Valid": pl.Series([4, 3], dtype=pl.UInt8),
            "Total_OOS_PnL": [553_416.9199, -0.001],
            "Outcome_Central": [True, False],
            "P1_IS_PnL": pl.Series([58_307.207, None], dtype=pl.Float32),
            "P1_OOS_DD": pl.Series([0.0, 2.0**70], dtype=pl.Float32),
            "P1_WFE": [None, 3.43691],
            "P1_OOS_DD_Share": pl.Series([0.123456, None], dtype=pl.Float32),
        }
    )
    write_frame(tmp_path / "c.csv", rounded(frame, ["fine"]))
    assert (tmp_path / "c.csv").read_text().splitlines()[1:] == [
        "0.123456,121.6411,4,553416.92,true,58307.21,0.0,,0.1235",
        "4.0,2.0000,3,0.00,false,,1.1805916207174113e+21,3.4369,",
    ]
    write_frame(tmp_path / "c.parquet", frame)
    assert pl.read_parquet(tmp_path / "c.parquet").equals(frame)


def test_buy_and_hold_stands_beside_every_strategy() -> None:
    strategies = [wfo.strategies()[name] for name in ("atr_d_ls", "atr_d_l")]
    found = pl.DataFrame(
        {
            "Stability_Score": [60.0, 40.0, 30.0],
            "Total_OOS_PnL": [5_000.0, 3_000.0, 1_000.0],
            "Total_OOS_Trades": [30, 20, 10],
            "P1_OOS_DD": [100.0, 900.0, 1.0],
            "P1_OOS_Return_Annual": [0.1, 0.3, None],
            "P2_OOS_DD": [300.0, 200.0, 1.0],
            "P2_OOS_Return_Annual": [0.2, 0.1, 0.5],
        }
    )
    standings = [standing(s, 1_000, 3, found) for s in strategies]
    assert standings[0].best_return == pytest.approx(0.15)
    assert standings[0].median_return == pytest.approx(0.175), "a mean of one phase is none"
    worse = Held(1_000.0, -600.0, 100.0, 900.0, 0.1, 0.2)
    benchmarks = [benchmark_of(), benchmark_of(held=worse)]
    comparison = compare(strategies, standings, benchmarks)
    # 300 of 1,500 and -600 of 2,000 in half a year each.
    mean = (1.2**2 - 1 + 0.7**2 - 1) / 2
    assert comparison.held == HeldStanding(-300.0, 900.0, pytest.approx(mean))
    lines = [line.split(",") for line in comparison.to_csv().splitlines()]
    assert [line[0] for line in lines[1:]] == ["atr_d_ls", "atr_d_l", "buy_and_hold", "atr_d_ls"]
    held = dict(zip(lines[0], lines[3], strict=True))
    for which in ("best", "median"):
        assert held[f"{which}_pnl_sum_of_overlapping_phases"] == "-300"
        assert held[f"{which}_drawdown"] == "900"
        assert held[f"{which}_trades_sum_of_overlapping_phases"] == "0"
        assert float(held[f"{which}_annual_return"]) == pytest.approx(mean, rel=1e-5)
        assert held[f"{which}_stability"] == ""
    first = dict(zip(lines[0], lines[1], strict=True))
    assert (first["best_annual_return"], first["median_annual_return"]) == ("0.15", "0.175")
    assert comparison.to_dict()["buy_and_hold"]["pnl"] == -300
    assert compare(strategies, standings).to_dict()["buy_and_hold"] is None
