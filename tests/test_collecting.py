"""Statistics of a run, each against the same from other code: scipy, polars, single backtests."""

from __future__ import annotations

import datetime as dt
import math
import shutil
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from conftest import TINY
from scipy import stats

import wfo
from wfo.backtest.benchmark import benchmark
from wfo.bars import days as days_of
from wfo.data import sample_store
from wfo.data.years import count_year
from wfo.errors import InputError, ResultsError
from wfo.files import read_sealed
from wfo.runs.folder import RunFolder
from wfo.runs.inputs import Inputs
from wfo.runs.machine import Machine
from wfo.runs.manifest import BarsRecord, Manifest
from wfo.runs.market import Market
from wfo.runs.plan import RunPlan
from wfo.runs.rescore import rescore
from wfo.runs.run import run
from wfo.runs.stage_alone.stated import Stated, stated_results
from wfo.runs.stored import run_benchmarks
from wfo.runs.verdict.collecting import collect, read_verdict
from wfo.runs.verdict.prediction import Seen, correlation, predict, sampled_indices
from wfo.runs.verdict.record import NAME, Sample, StrategyPrediction, Verdict
from wfo.runs.verdict.sampled import (
    RUN_STREAM,
    STRATEGY_STREAM,
    Periods,
    SampledReturns,
    sample_of,
    sample_statistics,
    strategy_sample,
)
from wfo.runs.verdict.whole_grid import WholeGrid, stated_profile
from wfo.runs.verify import verify
from wfo.sampling import sample_indices
from wfo.selection.gates import Gates
from wfo.selection.plateaus import detect_plateaus
from wfo.stats.efficiency import PhaseProfit, walk_forward_efficiency
from wfo.stats.overfitting import cpcv_paths, overfitting_probability
from wfo.stats.ranks import spearman
from wfo.stats.superiority import superior_predictive_ability
from wfo.strategy import Parameter, PythonKernel, Strategy, Walk, registry

SAMPLES, RESAMPLES = 24, 50

#: By which stability is looked at without the last phase, and in how many phases of all.
GATES, LEAST = Gates(), 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of two strategies that keeps all figures."""
    out = tmp_path_factory.mktemp("dense")
    return run(RunPlan("NASDAQ", "atr_d_ls", grid="smoke", out=out), sample_store()).folder


@pytest.fixture(scope="module")
def manifest(folder: RunFolder) -> Manifest:
    return folder.read_manifest()


@pytest.fixture(scope="module")
def market(folder: RunFolder, manifest: Manifest) -> Market:
    return Market.of_run(folder, manifest, run_benchmarks(folder, manifest), 2)


@pytest.fixture(scope="module")
def verdict(folder: RunFolder) -> Verdict:
    return collect(folder, samples=SAMPLES, resamples=RESAMPLES)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A small run of one strategy that keeps survivors."""
    out = tmp_path_factory.mktemp("survivors")
    grid = out / "tiny.yaml"
    grid.write_text(TINY)
    plan = RunPlan("NASDAQ", "atr_d_l", grid=grid, out=out, store="survivors")
    return run(plan, sample_store()).folder


# Whole grids


def test_correlations_are_those_of_all_combinations(
    folder: RunFolder, verdict: Verdict, manifest: Manifest
) -> None:
    for each in verdict.strategies:
        place = folder.sweep(each.strategy)
        assert len(each.correlations) == len(manifest.phases)
        for k, found in enumerate(each.correlations, 1):
            before, after = (
                np.load(place / f"phase{k}" / f"{part}_pnl.npy") for part in ("is", "oos")
            )
            assert found.exact
            assert found.count == len(before) == each.combinations
            assert found.value == pytest.approx(stats.spearmanr(before, after).statistic, abs=1e-12)


def test_correlations_of_survivors_are_of_a_sample_swept_anew(tiny: RunFolder) -> None:
    manifest = tiny.read_manifest()
    held = run_benchmarks(tiny, manifest)
    market = Market.of_run(tiny, manifest, held, 1)
    (grid,) = manifest.load_grids()
    found = WholeGrid.of(tiny, manifest, grid, market).correlations()
    swept = wfo.sweep("atr_d_l", market.inputs.bars, grid, windows=manifest.phases)
    for each, result in zip(found, swept, strict=True):
        wanted = stats.spearmanr(
            result.is_pnl.astype(np.float32), result.oos_pnl.astype(np.float32)
        )
        # A grid smaller than the sample is taken whole.
        assert each.exact
        assert each.value == pytest.approx(wanted.statistic, abs=1e-12)


def test_stored_figures_of_another_length_are_refused(
    folder: RunFolder, manifest: Manifest, market: Market, tmp_path: Path
) -> None:
    copy = RunFolder(Path(shutil.copytree(folder.path, tmp_path / "NASDAQ")))
    grid = manifest.load_grids()[1]
    path = copy.sweep(grid.strategy.name) / "phase2" / "oos_pnl.npy"
    np.save(path, np.zeros(3, np.float32))
    with pytest.raises(
        ResultsError, match=r"oos_pnl\.npy cannot be read: it is not [0-9,]+ values"
    ):
        WholeGrid.of(copy, manifest, grid, market)
    np.save(path, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ResultsError, match=r"oos_pnl\.npy cannot be read"):
        WholeGrid.of(copy, manifest, grid, market)


def test_efficiency_is_that_of_every_combination(
    folder: RunFolder, verdict: Verdict, manifest: Manifest
) -> None:
    assert manifest.benchmarks is not None
    held = manifest.benchmarks
    for each in verdict.strategies:
        place = folder.sweep(each.strategy)
        columns = [
            [np.load(place / f"phase{k}" / f"{part}_pnl.npy") for part in ("is", "oos")]
            for k in range(1, len(held) + 1)
        ]
        found = [
            walk_forward_efficiency(
                [
                    PhaseProfit(float(a[i]), float(b[i]), h.is_bars / 252, h.oos_bars / 252, None)
                    for (a, b), h in zip(columns, held, strict=True)
                ]
            )
            for i in range(each.combinations)
        ]
        known = [e for e in found if e.raw is not None and e.annual is not None]
        got = each.efficiency
        assert (got.count, got.exact) == (len(found), True)
        assert got.defined == pytest.approx(len(known) / len(found))
        assert got.raw == pytest.approx(np.median([e.raw for e in known]))
        assert got.annual == pytest.approx(np.median([e.annual for e in known]))
        assert got.reaching == pytest.approx(sum(e.annual >= 0.5 for e in known) / len(found))


def test_profile_is_of_all_combinations(
    folder: RunFolder, verdict: Verdict, manifest: Manifest, market: Market
) -> None:
    for each in verdict.strategies:
        place = folder.sweep(each.strategy)
        assert len(each.profile) == 3 * len(manifest.phases)
        for found in each.profile:
            before, after = (
                np.load(place / f"phase{found.phase}" / f"{part}_pnl.npy").astype(np.float64)
                for part in ("is", "oos")
            )
            equity = market.settings.capital + before
            values = {
                "is_pnl": before,
                "oos_pnl": after,
                "oos_return": np.where(equity > 0, after / equity, -1.0),
            }[found.measure]
            # Quantiles are within one part in 512 of themselves.
            assert found.median == pytest.approx(np.median(values), rel=1 / 512, abs=1e-3)
            assert found.mean == pytest.approx(values.mean(), rel=1e-6, abs=0.02)
            assert found.deviation == pytest.approx(values.std(), rel=1e-6, abs=0.02)
            assert found.best == pytest.approx(values.max(), rel=1e-7)
            assert found.profitable == pytest.approx((values > 0).mean())
            assert found.best_deviations == pytest.approx(
                (values.max() - values.mean()) / values.std(), rel=1e-4
            )


def test_a_profile_of_something_else_is_refused(folder: RunFolder, manifest: Manifest) -> None:
    stated = stated_results(folder, manifest)[0]
    phases = len(manifest.phases)
    own = stated.item["profile"]

    def with_profile(data: Any) -> Stated:
        return replace(stated, item={**stated.item, "profile": data})

    assert stated_profile(with_profile(None), phases) == ()
    for data, said in (
        (own | {"combinations": 7}, "profile"),
        (own | {"phases": own["phases"][:-1]}, r"in \d phases, not of"),
        ({"combinations": 7}, "no optimization profile"),
        ("none", "must be an object"),
    ):
        with pytest.raises(ResultsError, match=said):
            stated_profile(with_profile(data), phases)


def test_candidates_are_counted(folder: RunFolder, verdict: Verdict, manifest: Manifest) -> None:
    assert manifest.benchmarks is not None
    for each in verdict.strategies:
        frame = pl.read_parquet(folder.candidates(each.strategy, each.grid, "parquet"))
        beaten = idle = 0
        for row in frame.iter_rows(named=True):
            won = [
                row[f"P{k}_OOS_Rank"] is not None and row[f"P{k}_OOS_Return"] > b.return_floor
                for k, b in enumerate(manifest.benchmarks, 1)
            ]
            beaten += sum(won) >= each.least
            idle += row["Total_OOS_Trades"] <= len(won)
        assert (each.candidates, each.beaten) == (len(frame), beaten)
        assert each.idle == pytest.approx(idle / len(frame))


# Samples


def simulated(market: Market, grid: wfo.Grid, indices: Sequence[int]) -> np.ndarray:
    """Returns of combinations over all phases, a column each, from single simulations."""
    bounds = market.bounds
    warmup, end = bounds[0][0], bounds[-1][2]
    columns = []
    for index in indices:
        found = wfo.simulate(
            grid.strategy,
            market.inputs.bars[:end],
            grid.params(int(index)),
            split=bounds[0][1],
            warmup=warmup,
        )
        marks = np.concatenate([[market.settings.capital], found.equity[warmup:]])
        columns.append(marks[1:] / marks[:-1] - 1)
    return np.stack(columns, axis=1)


def held_returns(market: Market) -> np.ndarray:
    """Returns of buying at the first trading bar's open, and holding."""
    warmup, end = market.bounds[0][0], market.bounds[-1][2]
    bars = market.inputs.bars
    close = bars["close"].to_numpy()[warmup:end]
    before = np.concatenate([[bars["open"][warmup]], close[:-1]])
    return close / before - 1


@pytest.mark.parametrize("which", [1, None])
def test_statistics_of_a_sample(
    market: Market, manifest: Manifest, verdict: Verdict, which: int | None
) -> None:
    grids = manifest.load_grids()
    chosen = grids if which is None else [grids[which]]
    stream = RUN_STREAM if which is None else STRATEGY_STREAM
    found = verdict.run.statistics if which is None else verdict.strategies[which].statistics
    total = sum(map(len, chosen))
    drawn = np.unique(sample_indices(total, SAMPLES, stream))
    assert (found.sample.total, found.sample.drawn) == (total, len(drawn))
    assert found.sample.stream == stream
    returns = np.concatenate(
        [
            simulated(market, grid, own)
            for grid, own in zip(chosen, _shares(chosen, drawn), strict=True)
        ],
        axis=1,
    )
    # All of these sets stay solvent; those that do not have no returns.
    assert found.sample.used == returns.shape[1]
    held = held_returns(market)
    for part, values in ((found.returns, returns), (found.excess, returns - held[:, None])):
        _check_sharpes(part, values, verdict.made.trials)
    assert found.overfitting.pbo == overfitting_probability(returns).pbo
    assert found.paths.sharpes == tuple(cpcv_paths(returns).sharpes)
    for part, against in ((found.cash, None), (found.held, held)):
        spa = superior_predictive_ability(returns, against, resamples=RESAMPLES)
        assert (part.p_lower, part.p_consistent, part.p_upper, part.better) == pytest.approx(
            (spa.p_lower, spa.p_consistent, spa.p_upper, len(spa.superior))
        )
        assert part.resamples == RESAMPLES
    assert found.independent.count is not None
    assert 2 <= found.independent.count <= returns.shape[1]


def _shares(grids: Sequence[wfo.Grid], drawn: np.ndarray) -> list[np.ndarray]:
    """Flat indices of each grid, of numbers that count on from grid to grid."""
    ends = np.cumsum([len(grid) for grid in grids])
    which = np.searchsorted(ends, drawn, side="right")
    return [drawn[which == k] - (ends[k] - len(grid)) for k, grid in enumerate(grids)]


def _check_sharpes(part: Any, values: np.ndarray, trials: int) -> None:
    """Check Sharpe ratios and what follows from them, by the published formulas."""
    spread = values.std(axis=0, ddof=1)
    ratios = values.mean(axis=0)[spread > 1e-14] / spread[spread > 1e-14]
    assert part.sampled == len(ratios)
    assert part.trials == trials
    assert part.median == pytest.approx(np.median(ratios))
    assert part.best == pytest.approx(ratios.max())
    variance = ratios.var(ddof=1)
    assert part.variance == pytest.approx(variance)
    gamma, normal = np.euler_gamma, stats.norm
    most = (1 - gamma) * normal.ppf(1 - 1 / trials)
    most += gamma * normal.ppf(1 - 1 / (trials * math.e))
    expected = math.sqrt(variance) * most
    assert part.expected_maximum == pytest.approx(expected, rel=1e-9)
    best = values[:, spread > 1e-14][:, np.argmax(ratios)]
    sharpe, skew, kurtosis = ratios.max(), stats.skew(best), stats.kurtosis(best, fisher=False)
    error = math.sqrt((1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2) / (len(best) - 1))
    assert part.best_psr == pytest.approx(normal.cdf(sharpe / error), rel=1e-6)
    assert part.best_dsr == pytest.approx(normal.cdf((sharpe - expected) / error), rel=1e-6)


def sampled_of(returns: np.ndarray) -> SampledReturns:
    count = returns.shape[1]
    return SampledReturns(Sample(count + 5, count + 5, count, 0), returns)


def test_what_a_sample_does_not_allow_has_a_reason() -> None:
    held = np.random.default_rng(1).normal(0, 0.01, 400)
    options: dict[str, Any] = {"trials": 100, "periods_per_year": 252.0, "resamples": 20}

    def lacking(returns: np.ndarray) -> dict[str, str]:
        found = sample_statistics(sampled_of(returns), held[: len(returns)], **options)
        parts = {f.name: getattr(found, f.name) for f in fields(found) if f.name != "sample"}
        return {name: each.reason for name, each in parts.items() if each.reason}

    parts = {"returns", "excess", "overfitting", "paths", "cash", "held", "independent"}
    none = lacking(np.empty((400, 0)))
    assert set(none) == parts
    assert "of 5 sampled sets none has an equity" in none["returns"]
    # Sets that never trade have the returns of cash; sets that hold those of buy-and-hold, but for
    # rounding.
    idle = lacking(np.zeros((400, 3)))
    assert set(idle) == parts - {"held", "excess"}
    assert "no sampled set ever differs from cash" in idle["cash"]
    rounding = np.random.default_rng(2).choice([-1e-16, 0, 1e-16], (400, 3))
    holding = lacking(held[:, None] + rounding)
    assert set(holding) == {"excess", "held"}
    assert "of 3 sampled sets 0 have returns that vary" in holding["excess"]
    short = lacking(np.random.default_rng(3).normal(0, 0.01, (10, 4)))
    assert set(short) == {"overfitting", "paths", "cash", "held"}
    assert not lacking(np.random.default_rng(4).normal(0, 0.01, (400, 4)))


def test_sets_that_lose_everything_are_counted_and_left_out() -> None:
    """With a fixed stake the equity of a set on ever falling bars ends below 0."""
    grid = wfo.Grid.load("smoke", "atr_d_ls")
    bars = wfo.load_sample("NASDAQ")
    steep = bars.with_columns(
        pl.col(name) ** 3.0 / 1e4 for name in ("open", "high", "low", "close")
    )
    settings = type(grid.strategy.settings_of(None))(sizing="fixed")
    capital = settings.capital
    bounds = [(200, 300, 400), (300, 500, 1200)]
    market = market_of(steep, bounds, settings)
    periods = Periods.of(market)
    found = strategy_sample(periods, grid, 150)
    indices = np.unique(sample_indices(len(grid), 150, STRATEGY_STREAM))
    kept = []
    for index in indices:
        equity = wfo.simulate(
            grid.strategy, steep[:1200], grid.params(int(index)), split=300, warmup=200,
            settings=settings,
        ).equity[200:]  # fmt: skip
        if (equity > 0).all():
            before = np.concatenate([[capital], equity[:-1]])
            kept.append(equity / before - 1)
    assert 0 < len(kept) < len(indices)
    assert (found.sample.drawn, found.sample.used) == (len(indices), len(kept))
    assert np.array_equal(found.returns, np.stack(kept, axis=1))


def test_intraday_returns_are_by_session() -> None:
    bars = wfo.load_sample("NASDAQ")[:700]
    start = dt.datetime(2024, 3, 1, 9, 30)  # noqa: DTZ001  # the zone follows
    stamps = [start + dt.timedelta(days=k // 7, minutes=55 * (k % 7)) for k in range(700)]
    column = pl.Series("datetime", stamps, pl.Datetime("us")).dt.replace_time_zone("Europe/Berlin")
    intraday = bars.drop("date").insert_column(0, column)
    # Both ends cut a session.
    periods = Periods.of(market_of(intraday, [(213, 300, 402)], wfo.AccountSettings(), "1hour"))
    assert periods.ends.tolist() == [*range(216, 400, 7), 401]
    close, first = bars["close"].to_numpy(), bars["open"][213]
    marks = close[periods.ends] / first
    assert periods.held == pytest.approx(marks / np.concatenate([[1], marks[:-1]]) - 1)
    found = periods.slice()
    assert (found.periods, found.periods_per_year) == (28, 365.0)
    assert (found.first, found.last) == ("2024-03-31", "2024-04-27")


def market_of(
    bars: pl.DataFrame,
    bounds: Sequence[tuple[int, int, int]],
    settings: Any,
    timeframe: str = "1day",
) -> Market:
    """A market of bars and phases that no run has."""
    dates = bars[:, 0].to_list()

    class Bounded(NamedTuple):
        bounds: tuple[int, int, int]

    record = BarsRecord(
        "X", timeframe, len(bars), str(dates[0]), str(dates[-1]), "", "", "none", ""
    )
    phases: Any = [Bounded(each) for each in bounds]
    year = count_year(timeframe, days_of(bars[:, 0]))
    return Market(Inputs(bars, None, record), phases, settings, timeframe, 1, year, ())


def test_a_run_is_sampled_in_proportion_to_its_grids(manifest: Manifest) -> None:
    grids = manifest.load_grids()
    sizes = np.array([len(grid) for grid in grids])
    assert sizes[0] != sizes[1]
    parts = sample_of(grids, 500, RUN_STREAM)
    for part, size in zip(parts, sizes, strict=True):
        assert len(part) == len(set(part.tolist()))
        assert 0 <= part.min() <= part.max() < size
        # One number is drawn from each of 500 equal stretches.
        assert abs(len(part) - 500 * size / sizes.sum()) <= 1
    everything = sample_of(grids, int(sizes.sum()), RUN_STREAM)
    assert [part.tolist() for part in everything] == [list(range(size)) for size in sizes]


# What stability predicted


@pytest.fixture(scope="module")
def moved(market: Market) -> tuple[int, int, int]:
    """The last phase, split where the phases before it end."""
    warmup, _, end = market.bounds[-1]
    return warmup, market.bounds[-2][2], end


def predicted(market: Market, manifest: Manifest, gates: Gates, least: int) -> StrategyPrediction:
    grid = manifest.load_grids()[1]
    return predict(market, [(grid, gates, least)]).strategies[0]


@pytest.fixture(scope="module")
def usual(market: Market, manifest: Manifest) -> StrategyPrediction:
    return predicted(market, manifest, GATES, LEAST)


def frames(
    market: Market, manifest: Manifest, moved: tuple[int, int, int], gates: Gates, least: int
) -> tuple[pl.DataFrame, pl.DataFrame, float]:
    """All combinations with their last span; candidates of the phases before; buy-and-hold."""
    grid = manifest.load_grids()[1]
    bars = market.inputs.bars
    before = wfo.sweep(grid.strategy, bars, grid, windows=manifest.phases)[:-1]
    scored = wfo.score(before, gates=replace(gates, min_phases=least - 1))
    warmup, split, end = moved
    last = wfo.sweep(grid.strategy, bars[:end], grid, split=split, warmup=warmup)
    columns = [pl.Series(n, grid.column(n, np.arange(len(grid)))) for n in grid.strategy.names]
    capital = market.settings.capital
    profit, later = (
        getattr(last, name).astype(np.float32).astype(np.float64) for name in ("is_pnl", "oos_pnl")
    )
    every = pl.DataFrame(
        [
            *columns,
            # In millionths, below which stored figures differ by rounding.
            pl.Series("profit", (profit / capital).round(6)),
            pl.Series("result", (later / (capital + profit)).round(6)),
        ]
    )
    shares = capital / bars["open"][warmup]
    start, stop = (
        capital + shares * (bars["close"][at - 1] - bars["open"][warmup]) for at in (split, end)
    )
    return every, scored, stop / start - 1


def test_prediction_is_that_of_plain_frames(
    market: Market,
    manifest: Manifest,
    moved: tuple[int, int, int],
    usual: StrategyPrediction,
) -> None:
    found = usual
    every, scored, held = frames(market, manifest, moved, GATES, LEAST)
    grid = manifest.load_grids()[1]
    names = list(grid.strategy.names)
    assert found.exact
    assert (found.sampled, found.stable, found.least) == (len(grid), len(scored), LEAST - 1)
    assert len(scored) > 20
    over = {a.over: a for a in found.associations}

    def check(name: str, frame: pl.DataFrame, stability: str, profit: str, result: str) -> None:
        for got, column in ((over[name].stability, stability), (over[name].profit, profit)):
            wanted = stats.spearmanr(frame[column], frame[result]).statistic
            assert got.count == len(frame)
            assert got.value == pytest.approx(wanted, abs=1e-12), (name, column)

    joined = scored.select(*names, "Stability_Score").join(every, on=names, how="left")
    check("candidates", joined, "Stability_Score", "profit", "result")
    x, y = grid.strategy.map_axes
    stable = every.join(scored.select(*names, stable=pl.lit(1)), on=names, how="left")
    places = {
        "cells": [pl.col(x), pl.col(y)],
        # An axis of two values is halved between them; of three the upper half is the larger one.
        "boxes": [
            (pl.col(n) >= sorted(axis)[len(axis) // 2]).alias(f"upper_{n}")
            for n, axis in sorted(grid.values.items(), key=lambda item: -len(item[1]))
            if len(axis) > 1
        ],
    }
    kept = int(math.log2(len(grid) / 20))
    places["boxes"] = places["boxes"][:kept]
    for name, by in places.items():
        part = stable.group_by(by).agg(
            share=pl.col("stable").fill_null(0).mean(),
            profit=pl.col("profit").median(),
            result=pl.col("result").median(),
            count=pl.len(),
        )
        check(name, part.filter(pl.col("count") >= 20), "share", "profit", "result")

    followed = {each.choice: each for each in found.followed}
    wanted = {
        "most stable": scored.filter((pl.col("Outcome") == 1) & pl.col("Outcome_Central")),
        "best in-sample": every.filter(pl.col("profit") == pl.col("profit").max()).head(1),
    }
    for choice, frame in wanted.items():
        row = frame.select(names).row(0, named=True)
        assert followed[choice].params == row
        result = every.join(frame.select(names), on=names, how="semi")["result"][0]
        assert followed[choice].result == pytest.approx(result, abs=1e-12)
        assert followed[choice].excess == pytest.approx(result - held, abs=1e-6)
    assert followed["median"].result == pytest.approx(every["result"].median())
    assert followed["buy-and-hold"].result == pytest.approx(held)
    assert followed["buy-and-hold"].excess == 0
    near = (every["result"] - held).abs() <= 1e-6
    above = (every["result"] > held) & ~near
    assert followed["buy-and-hold"].better == pytest.approx(
        (above.sum() + near.sum() / 2) / len(grid)
    )
    plateaus = detect_plateaus(scored, grid)
    best = followed["best plateau"]
    if len(plateaus):
        own = plateaus[0].candidates(scored, grid)
        outcome = scored.filter(pl.col("Outcome") == own["Outcome"][0])
        assert best.params == outcome.filter("Outcome_Central").select(names).row(0, named=True)
    else:
        assert best.result is None
        assert best.reason


def test_no_judged_bar_decides_a_choice(
    market: Market,
    manifest: Manifest,
    moved: tuple[int, int, int],
    usual: StrategyPrediction,
) -> None:
    """On other bars from the moved split on, choices and stability are what they were."""
    bars = market.inputs.bars
    split = moved[1]
    scale = pl.when(pl.int_range(pl.len()) >= split).then(1.7).otherwise(1.0)
    prices = ("open", "high", "low", "close")
    other = bars.with_columns(pl.col(name) * scale for name in prices)
    other = pl.concat([other[:split], other[split:].with_columns(pl.col(prices).reverse())])
    changed = replace(market, inputs=replace(market.inputs, bars=other))
    one, two = usual, predicted(changed, manifest, GATES, LEAST)
    assert (one.stable, one.least) == (two.stable, two.least)
    for mine, its in zip(one.followed, two.followed, strict=True):
        assert mine.params == its.params
    assert one.followed[-1].result != two.followed[-1].result


def test_bars_after_the_last_phase_change_nothing(
    market: Market, manifest: Manifest, usual: StrategyPrediction
) -> None:
    bars = market.inputs.bars
    longer = pl.concat([bars, bars.tail(50).with_columns(pl.col("date") + dt.timedelta(days=400))])
    more = replace(market, inputs=replace(market.inputs, bars=longer))
    assert predicted(more, manifest, GATES, LEAST) == usual


def test_prediction_says_why_it_cannot(market: Market, manifest: Manifest) -> None:
    two = replace(market.phases, phases=market.phases.phases[:2])
    short = replace(market, phases=two)
    found = predict(short, [(manifest.load_grids()[1], GATES, 2)])
    assert found.strategies == ()
    assert "there are 2 phases" in found.reason
    assert (found.warmup, found.first) == (None, "")
    # A set that trades ten thousand times is in no grid.
    none = predicted(market, manifest, Gates(min_trades=10_000), LEAST)
    assert none.stable == 0
    assert "none of the sampled combinations is stable" in none.reason
    followed = {each.choice: each for each in none.followed}
    for choice in ("most stable", "best plateau"):
        assert followed[choice].result is None
        assert "none of the sampled combinations is stable" in followed[choice].reason
    assert followed["best in-sample"].result is not None
    over = {a.over: a for a in none.associations}
    assert over["candidates"].stability.value is None
    assert over["cells"].stability.value is None
    assert over["cells"].profit.value is not None


def test_a_sample_stands_for_the_grid(market: Market, manifest: Manifest) -> None:
    grid = manifest.load_grids()[0]
    indices = sampled_indices(grid, 900)
    assert len(indices) < 900 < len(grid)
    found = predict(market, [(grid, GATES, LEAST)], count=900).strategies[0]
    assert not found.exact
    assert found.sampled == len(indices)
    # The same combinations, computed by the engine that sweeps whole grids.
    bounds = market.bounds
    parts = [*bounds[:-1], (bounds[-1][0], bounds[-2][2], bounds[-1][2])]
    evaluator = wfo.Evaluator(grid.strategy, market.data(grid.strategy), grid, parts)
    figures = evaluator.list(indices, stored=True)
    prices = wfo.bars.prices(market.inputs.bars)
    held = [benchmark(prices, part, market.settings, market.bars_per_year) for part in parts]
    assert Seen(grid, indices, figures, held, GATES, LEAST - 1).prediction() == found


def test_rank_correlation() -> None:
    rng = np.random.default_rng(7)
    for ties in (1000, 5):
        x, y = rng.integers(0, ties, (2, 200)).astype(float)
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-13)
    assert spearman([1, 2, 3], [10, math.inf, math.inf]) == pytest.approx(
        stats.spearmanr([1, 2, 3], [10, 11, 11]).statistic
    )
    assert math.isnan(spearman([1, 1], [1, 2]))
    with pytest.raises(InputError, match="NaN has no rank"):
        spearman([1, math.nan], [1, 2])
    with pytest.raises(InputError, match="two columns of one length"):
        spearman([1, 2], [1, 2, 3])
    few = correlation(np.arange(4.0), np.arange(4.0), exact=True)
    assert few.value is None
    assert "there are 4" in few.reason


# The file


def fresh(verdict: Verdict) -> Verdict:
    """Without what tells when and how long it was collected."""
    return replace(verdict, at="", seconds={})


class Later(Machine):
    """A clock of another day."""

    def stamp(self) -> str:
        return "2030-01-01T00:00:00Z"


def test_a_verdict_is_kept_and_collected_anew_where_its_basis_differs(tiny: RunFolder) -> None:
    options: dict[str, Any] = {"samples": 20, "resamples": 20}
    first = collect(tiny, **options, threads=2)
    path = tiny.path / NAME
    assert Verdict.read(path) == first == read_verdict(tiny)
    again = collect(tiny, **options, machine=Later())
    assert again == first
    # Of one strategy the whole run is that strategy.
    assert first.run.statistics == first.strategies[0].statistics

    said: list[str] = []

    class Told(wfo.progress.Silent):
        def say(self, text: str) -> None:
            said.append(text)

    path.write_text(path.read_text(encoding="utf-8").replace("NASDAQ", "SP500"), encoding="utf-8")
    with pytest.raises(ResultsError, match=r"verdict\.json is damaged[^\n]*\n *to collect the"):
        verify(tiny)
    # Threads change nothing.
    renewed = collect(tiny, **options, threads=1, machine=Later(), progress=Told())
    assert "is damaged" in said[0]
    assert renewed.at == "2030-01-01T00:00:00Z"
    assert fresh(renewed) == fresh(first)
    assert verify(tiny)[0] > 1

    other = collect(tiny, samples=20, resamples=21)
    assert other.made != first.made
    assert other.run.statistics.cash.resamples == 21
    # Another search of the symbol counts in every expected maximum.
    tiny.count_trials("NASDAQ", {"fingerprint": "else", "strategy": "x", "combinations": 10**6})
    more = collect(tiny, **options)
    assert more.made.trials == first.made.trials + 10**6
    one, two = (v.run.statistics.returns for v in (first, more))
    assert one.variance == two.variance
    assert two.expected_maximum > one.expected_maximum
    rescore(tiny, gates=Gates(min_trades=5, beat="risk"))
    strict = collect(tiny, **options)
    assert strict.made.scored != more.made.scored
    assert read_sealed(path)["made"]["trials"] == more.made.trials


def test_what_is_not_complete_or_not_of_this_run(
    folder: RunFolder, verdict: Verdict, tmp_path: Path
) -> None:
    with pytest.raises(ResultsError, match="there is no run in"):
        collect(RunFolder(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    with pytest.raises(InputError, match="samples = 0 must be"):
        collect(folder, samples=0)
    assert read_verdict(RunFolder(tmp_path)) is None
    other = replace(verdict, made=replace(verdict.made, run="0" * 64))
    copy = RunFolder(Path(shutil.copytree(folder.path, tmp_path / "NASDAQ")))
    other.write(copy.path / NAME)
    assert read_verdict(copy) is None


def late(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Buy at the close `wait` bars after the first trading bar, and sell at the last one."""
    ((_, (wait,)),) = sets
    close = feeds["bars"]["close"]
    entry, last = warmup + wait, len(close) - 1
    equity = np.full(len(close), settings.capital)
    equity[entry:] += settings.capital / close[entry] * (close[entry:] - close[entry])
    pnl = equity[last] - settings.capital
    return Walk([(1, entry, close[entry], last, close[last], pnl)], equity, -1)


def test_a_strategy_in_python_without_a_map(tmp_path: Path) -> None:
    mine = Strategy(
        "late",
        "buys late",
        (Parameter("wait", "int", 0, 90, "bars to wait"),),
        PythonKernel(f"{__name__}:late"),
        lambda values: 1,
    )
    with registry.separate([mine]):
        grid = wfo.Grid({"wait": list(range(40))}, strategy=mine)
        plan = RunPlan("NASDAQ", mine, grid=grid, out=tmp_path)
        run(plan, sample_store())
        found = collect(plan.folder, samples=30, resamples=20)
        market = Market.of_run(plan.folder, plan.folder.read_manifest(), (), 1)
    # There is no map, so that there is no plateau to stand on.
    assert [f.origin for f in found.finalists] == [
        "peak, no plateau: the most stable outcome of late"
    ]
    (own,) = found.strategies
    assert own.statistics == found.run.statistics
    # Held from a bar on, a set returns what the market does from then on.
    waits = np.unique(sample_indices(40, 30, STRATEGY_STREAM))
    warmup, end = market.bounds[0][0], market.bounds[-1][2]
    close = market.inputs.bars["close"].to_numpy()[warmup:end]
    moves = close[1:] / close[:-1] - 1
    ratios = []
    for wait in waits:
        returns = np.concatenate([np.zeros(wait + 1), moves[wait:]])
        ratios.append(returns.mean() / returns.std(ddof=1))
    assert own.statistics.returns.sampled == len(waits)
    assert own.statistics.returns.best == pytest.approx(max(ratios))
    assert own.statistics.returns.median == pytest.approx(np.median(ratios))
    (prediction,) = found.prediction.strategies
    # Neither cells nor boxes: there is no map, and one axis is halved once.
    assert [each.over for each in prediction.associations] == ["candidates", "all"]
    (plateau,) = [each for each in prediction.followed if each.choice == "best plateau"]
    assert plateau.result is None
    assert "map" in plateau.reason
    # Bought before the judged bars, every set earns the same on them.
    assert {a.profit.reason for a in prediction.associations} == {
        "one of the two is the same for all"
    }
