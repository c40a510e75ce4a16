"""What follows a sweep: the same of both stores, of any threads, and of a strategy of any kind."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from conftest import PLATEAU_GRID
from polars.testing import assert_frame_equal
from sma_cross import SMA_CROSS
from strategies import strategy

import wfo
from wfo.backtest import read_feeds
from wfo.data import sample_store
from wfo.runs import gathered
from wfo.runs.market import Market
from wfo.runs.most_stable import MostStable, MostStablePhase, most_stable
from wfo.runs.options import RunOptions
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.rescore import rescore
from wfo.runs.run import run
from wfo.runs.stored import stored_sweeps
from wfo.runs.verify import verify
from wfo.runs.whole import Whole
from wfo.selection.gates import Gates
from wfo.selection.options import ScoreOptions
from wfo.selection.regions import sample, sample_digits
from wfo.strategy import PythonKernel, Walk, registry
from wfo.sweeps import StoreOptions
from wfo.windows import Windows

#: The best 100, of 1,200 whose figures survivors keep.
CUT = RunOptions(store=StoreOptions(kept=1_200), score=ScoreOptions(kept=100))

#: Of both plateaus can be found here, where strict leaves too little of so small a grid.
OWN = Gates(min_trades=1)

#: Files that say when, and how long it took.
TIMED = {"run.json", "meta.json"}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run but those that have times in them."""
    found = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name not in TIMED)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def results(report: RunReport) -> list[dict[str, Any]]:
    """What the manifest says was found; valid JSON, as any reader takes it."""
    return manifest(report.folder.path)["results"]  # type: ignore[no-any-return]


def manifest(folder: Path) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    text = (folder / "run.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return found


@pytest.fixture
def own_registry() -> Iterator[None]:
    """What a test registers is forgotten after it."""
    with registry.separate():
        yield


@dataclass(frozen=True)
class Made:
    """Runs of one plan with either store, by the threads that worked."""

    dense: dict[int, RunReport]
    survivors: dict[int, RunReport]

    @property
    def all(self) -> list[RunReport]:
        return [*self.dense.values(), *self.survivors.values()]


@pytest.fixture(scope="module")
def grid_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grid") / "small.yaml"
    path.write_text(PLATEAU_GRID)
    return path


@pytest.fixture(scope="module")
def whole(grid_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All stable combinations are candidates; the folders are for reading only."""
    out = tmp_path_factory.mktemp("whole")

    def of(store: str, threads: int) -> RunReport:
        place = out / f"{store}{threads}"
        plan = RunPlan(
            "NASDAQ", "atr_d_l", grid=grid_file, gates=OWN, store=store, threads=threads, out=place
        )
        return run(plan, sample_store())

    return Made(*({n: of(store, n) for n in (1, 2)} for store in ("dense", "survivors")))


@pytest.fixture(scope="module")
def cut(grid_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The best 100 of which survivors keep about a third, and regions from a part of the grid."""
    out = tmp_path_factory.mktemp("cut")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathered, "sample", functools.partial(sample, count=1_000))

        def of(store: str) -> RunReport:
            plan = RunPlan(
                "NASDAQ", "atr_d_l", grid=grid_file, gates=OWN, store=store, out=out / store
            )
            return run(plan, sample_store(), options=CUT)

        return Made({2: of("dense")}, {2: of("survivors")})


# Both stores, any threads


def test_threads_change_no_byte(whole: Made) -> None:
    for one, two in (whole.dense.values(), whole.survivors.values()):
        first, second = (contents(r.folder.path) for r in (one, two))
        assert first == second
        assert results(one) == results(two)
    assert "wfo/atr_d_l/state" in first
    assert {name for name in first if "/" not in name} >= {
        f"{kind}_atr_d_l_small.csv" for kind in ("candidates", "plateaus", "regions", "sensitivity")
    }


def same_files(made: Made) -> dict[str, bytes]:
    """Check that both stores led to the same files, but for sampled effects; return them."""
    dense, kept = (
        {n: b for n, b in contents(r.folder.path).items() if not n.startswith("wfo/")}
        for r in (made.dense[2], made.survivors[2])
    )
    sampled, drawn = (f"sensitivity_atr_d_l_small.{ending}" for ending in ("csv", "html"))
    assert dense.keys() == kept.keys()
    for name in dense.keys() - {sampled, drawn}:
        assert dense[name] == kept[name], name
    exact, about = (pl.read_csv(data[sampled]) for data in (dense, kept))
    rest = pl.exclude("total", "total_error")
    assert_frame_equal(about.select(rest), exact.select(rest), check_exact=True)
    effects = exact.filter(pl.col("kind") == "effect")
    assert effects["total_error"].to_list() == [0.0] * len(effects)
    found = about.filter(pl.col("kind") == "effect")
    off = (found["total"] - effects["total"]).abs()
    error = found["total_error"]
    # A sample of lines is off by its error; where all lines were swept there is none.
    assert (off.filter(error == 0) == 0).all()
    assert (off.filter(error > 0) < 4.5 * error.filter(error > 0)).all()
    assert off.filter(error > 0).max() > 0, "they were sampled"  # type: ignore[operator]
    assert (error > 0).sum() > 4
    return dense


def without_samples(report: RunReport) -> list[dict[str, Any]]:
    """What was found, without total effects over the whole grid."""
    found = results(report)
    for each in found:
        each["sensitivity"]["lines"] = None
        for response in ("return", "stable"):
            for factor in each["sensitivity"][response]["factors"]:
                factor["total"] = factor["total_error"] = None
    return found


def test_both_stores_find_the_same(whole: Made) -> None:
    files = same_files(whole)
    assert without_samples(whole.dense[2]) == without_samples(whole.survivors[2])
    # All of it is there to be compared.
    (found,) = results(whole.dense[2])
    assert set(found["sets"]) == {"v4", "strict", "own"}
    assert found["plateaus"]["plateaus"]
    assert len(found["regions"]) == len(found["plateaus"]["plateaus"])
    assert found["sets"]["v4"]["plateaus"]["plateaus"]
    assert found["sets"]["v4"]["regions"]
    assert found["outcomes"]["label"] == "exact"
    assert found["outcomes"]["known"] < found["stable"]
    assert len(found["inside"]) == len(found["regions"])
    assert any(name.startswith("phase5_refine_ATR") for name in files)
    assert found["sensitivity"]["lines"] == 0
    assert results(whole.survivors[2])[0]["sensitivity"]["lines"] == 1_000


def test_a_cut_and_a_sample_change_nothing_that_is_kept(cut: Made, whole: Made) -> None:
    same_files(cut)
    grid = cut.dense[2].strategies[0].grid
    one, two = (without_samples(r) for r in (cut.dense[2], cut.survivors[2]))
    kept = cut.survivors[2]
    records = np.load(kept.folder.sweep("atr_d_l") / "survivors.npy")
    assert 100 < len(records) < kept.strategies[0].scores.stable, "the cut matters"
    assert kept.strategies[0].scores.at_risk == 0
    # Those that were let go were counted on the way.
    found = one[0]["outcomes"]
    assert (found["candidates"], found["label"]) == (100, "exact")
    assert found["total"] > found["known"]
    assert one == two
    # The counts are of the whole grid all the same.
    (counted,), (every,) = one, results(whole.dense[2])
    for name in ("v4", "strict"):
        for key in ("stable", "valid_phases", "gates", "cells", "plateaus"):
            assert counted["sets"][name][key] == every["sets"][name][key]
    # A uniform sample may draw a combination twice, which counts once.
    assert {r["sampled"] for r in counted["regions"]} == {len(sample(grid, 1_000))} != {3_360}
    assert every["regions"][0]["sampled"] == 3_360


def test_regions_are_those_of_the_stored_figures(whole: Made) -> None:
    """Shares counted by hand, over the whole of so small a grid."""
    (item,) = whole.dense[2].strategies
    grid, folder = item.grid, whole.dense[2].folder.sweep("atr_d_l")
    figures = [
        {
            n: np.load(folder / f"phase{k}/{n}.npy").astype(float)
            for n in wfo.backtest.Figures._fields
        }
        for k in (1, 2, 3, 4)
    ]  # fmt: skip
    valid = [
        (f["is_pnl"] > 0) & (f["oos_pnl"] > 0.35 * f["is_pnl"]) & (f["oos_dd"] < f["oos_pnl"])
        & (f["oos_dd"] < 3 * f["is_dd"]) & (f["oos_trades"] >= 1)
        for f in figures
    ]  # fmt: skip
    stable = np.sum(valid, axis=0) >= 3
    assert np.count_nonzero(stable) == item.scores.stable
    digits = sample_digits(grid, np.arange(len(grid)))
    for region in item.judged.regions:
        inside = np.ones(len(grid), bool)
        for at, (name, (low, high)) in enumerate(region.bounds.items()):
            axis = np.array(grid.values[name])
            inside &= ((axis >= low) & (axis <= high))[digits[:, at]]
        assert region.support == inside.mean()
        # Both halves together are the whole.
        share = stable[inside].mean()
        low, high = sorted((region.share, region.other_share))
        assert low - 1e-12 <= share <= high + 1e-12


def test_the_sensitivity_is_that_of_the_library(whole: Made) -> None:
    bars = sample_store().load("NASDAQ")
    (item,) = whole.dense[2].strategies
    swept = wfo.sweep("atr_d_l", bars, item.grid, windows=whole.dense[2].phases)
    assert wfo.sensitivity(swept, OWN).to_csv() == item.sensitivity.to_csv()
    found = wfo.score(swept, gates=OWN)
    kept = pl.read_parquet(whole.dense[2].folder.candidates("atr_d_l", "small", "parquet"))
    shares = [name for name in kept.columns if name.endswith("_OOS_DD_Share")]
    assert_frame_equal(kept.drop(shares), found.drop(shares), check_exact=True)
    assert kept.columns == found.columns


# Scoring again


@pytest.mark.parametrize("store", ["dense", "survivors"])
def test_rescoring_by_strict_and_back_changes_no_byte(
    store: str, grid_file: Path, tmp_path: Path
) -> None:
    plan = RunPlan("NASDAQ", "atr_d_l", grid=grid_file, store=store, out=tmp_path)
    report = run(plan, sample_store())
    folder = report.folder
    before, found = contents(folder.path), results(report)
    strict = rescore(folder, gates=Gates.preset("strict"))
    other = contents(folder.path)
    assert other.keys() <= before.keys(), "a plateau less, and nothing that stays behind"
    changed = {name for name in other if other[name] != before[name]}
    kinds = {name.split("_")[0] for name in changed}
    assert kinds >= {"candidates", "sensitivity", "plateaus", "regions"}
    assert not any(name.startswith(("wfo/", "bars", "trials")) for name in changed)
    # What was counted of a set does not depend on whether it ruled.
    (old,), (new,) = found, results(strict)
    assert new["stable"] == old["sets"]["strict"]["stable"]
    assert new["valid_phases"] == old["sets"]["strict"]["valid_phases"]
    assert new["sets"]["v4"]["regions"] == old["regions"]
    assert new["sets"]["v4"]["last_phase"] == old["last_phase"]
    assert [p["cells"] for p in new["sets"]["v4"]["plateaus"]["plateaus"]] == [
        p["cells"] for p in old["plateaus"]["plateaus"]
    ]
    back = rescore(folder, gates=Gates())
    assert contents(folder.path) == before
    assert results(back) == found
    verify(folder)


# Nothing stable


@pytest.mark.parametrize("store", ["dense", "survivors"])
def test_where_nothing_is_stable_all_files_are_there(
    store: str, grid_file: Path, tmp_path: Path
) -> None:
    plan = RunPlan(
        "NASDAQ", "atr_d_l", grid=grid_file, store=store, out=tmp_path, gates=Gates(wfe=1e6)
    )
    report = run(plan, sample_store())
    (found,) = results(report)
    assert found["stable"] == found["candidates"] == 0
    assert found["best"] is None
    assert found["regions"] == found["inside"] == found["ranges"] == []
    assert found["outcomes"] == {
        "candidates": 0, "known": 0, "total": 0, "label": "exact", "error": 0.0,
    }  # fmt: skip
    names = {p.name for p in report.files}
    assert names == {
        *(f"candidates_atr_d_l_small.{ending}" for ending in ("parquet", "csv")),
        *(f"{kind}_atr_d_l_small.csv" for kind in ("plateaus", "regions", "sensitivity")),
        "sensitivity_atr_d_l_small.html",
        "phase5_refine_config.csv",
        "run.json",
    }
    assert all(p.is_file() for p in report.files)
    assert report.candidates().is_empty()
    # What it is by other gates is found in the same pass.
    v4 = found["sets"]["v4"]
    assert v4["stable"] > 2_000
    assert v4["regions"]
    # Returns vary all the same, and nothing varies in being stable.
    (item,) = report.strategies
    assert item.sensitivity.annual_return.factor("atr_multiplier").total > 0.5
    assert {f.total for f in item.sensitivity.stable.factors} == {0.0}
    verify(report.folder)


# Strategies of any kind


@pytest.mark.usefixtures("own_registry")
def test_a_strategy_without_tradestation_runs_through(tmp_path: Path) -> None:
    # Its wheel is not installed here.
    compiled = PythonKernel("sma_cross.compiled:walk", engines=("numba",))
    own = dataclasses.replace(SMA_CROSS, name="cross", kernel=compiled, reference=())
    wfo.register(own)
    values = {"fast": [5, 10, 20], "slow": [20, 50, 100, 200], "band": [0.0, 0.01]}
    plan = RunPlan("NASDAQ", own, grid=wfo.Grid(values, strategy=own), out=tmp_path)
    said = _Heard()
    report = run(plan, sample_store(), progress=said)
    (found,) = results(report)
    assert found["ranges"] == found["inside"] == []
    assert "cross: no ranges, since it names no inputs in TradeStation" in said.texts
    # Pairs of lengths are one factor: fast lies below slow.
    names = [f["parameters"] for f in found["sensitivity"]["return"]["factors"]]
    assert names == [["fast", "slow"], ["band"]]
    assert found["combinations"] == 2 * 11
    assert found["stable"] > 0
    assert found["best"]["params"].keys() == {"fast", "slow", "band"}
    jobs = (report.folder.path / "phase5_refine_config.csv").read_text().splitlines()
    assert len(jobs) == 1
    before = contents(report.folder.path)
    rescore(report.folder)
    assert contents(report.folder.path) == before


class _Heard:
    """Progress that remembers what was said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def stage(self, title: str, total: int) -> Any:
        return contextlib.nullcontext(lambda _: None)

    def say(self, text: str) -> None:
        self.texts.append(text)


def zigzag(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Profits that rise with `gain`; a loss of all that there is in phases that begin early."""
    gain, worst = sets[0][1]
    n = len(feeds["bars"]["close"])
    steps = np.where(np.arange(n - warmup) % 2, gain + 1.0, -1.0) * settings.capital / 1000
    equity = np.full(n, settings.capital)
    equity[warmup:] += np.cumsum(steps)
    # Less than nothing is left before the first phase's split, and a little later more.
    if warmup < worst:
        equity[warmup + 10 :] -= 3 * settings.capital
    return Walk([], equity)


@pytest.mark.usefixtures("own_registry")
def test_a_strategy_without_a_map_whose_equity_is_lost(tmp_path: Path) -> None:
    """A figure that is no number is null in JSON and in candidates, and the page has a dash."""
    bars = sample_store().load("NASDAQ")
    phases = Windows.preset("default").resolve(bars["date"])
    second = phases[1].warmup
    own = strategy(
        "gain",
        "worst",
        name="lost",
        kernel=PythonKernel("test_stages:zigzag"),
        lookback=lambda values: 1,
        shorts=True,
    )
    wfo.register(own)
    grid = wfo.Grid({"gain": [1, 2, 3], "worst": [0, second]}, strategy=own)
    report = run(RunPlan("NASDAQ", own, grid=grid, out=tmp_path), sample_store())
    (found,) = results(report)
    assert found["stable"] == 6
    frame = report.candidates()
    lost = frame.filter(pl.col("worst") == second)
    assert lost["P1_OOS_DD_Share"].null_count() == len(lost) == 3
    assert lost["P1_OOS_Return"].to_list() == [-1.0] * 3
    assert lost["P1_Return_WFE"].null_count() == 3
    assert found["plateaus"]["note"]
    assert found["plateaus"]["plateaus"] == found["regions"] == []
    assert pl.read_csv(report.folder.plateaus("lost", "grid")).is_empty()
    # The most stable one is known; ask for the one that lost, too.
    only = wfo.Grid({"gain": [1, 2], "worst": [second]}, strategy=own, name="only")
    report = run(RunPlan("NASDAQ", own, grid=only, out=tmp_path / "only"), sample_store())
    (found,) = results(report)
    first = found["best"]["phases"][0]
    assert first["dd_share"] is None
    assert first["return_wfe"] is first["wfe"] is None
    assert first["oos_return"] == first["oos_return_annual"] == -1
    rows = [
        line.split("  ") for line in report.page.splitlines() if line.startswith("      1  -100")
    ]
    assert len(rows) == 1
    assert " -" in " ".join(rows[0])
    assert "No plateaus: " in report.page


@pytest.mark.parametrize("name", ["atr_d_duals_ls", "atr_d_hma_ls"])
def test_duals_shorts_fixed_sizing_lots_and_costs(name: str, tmp_path: Path) -> None:
    values: dict[str, list[Any]] = {
        "atr_period": [16, 40], "atr_multiplier": [4, 8], "bb_length": [10], "bb_deviation": [1, 3],
        "vol_threshold": [0.1], "min_tightening": [0.1, 0.7], "scaling_method": [1],
        "atr_buy_period": [20], "atr_buy_multiplier": [1, 2.5], "atr_smooth_period": [3],
        "equity_price_method": [0], "short_multiplier": [0.5, 1], "entry_mode": [0, 2],
        "trend_filter_period": [10], "trend_veto_threshold": [0.02], "both_triggered_mode": [1],
        "hma_fast_length": [10, 30], "hma_slow_length": [40],
    }  # fmt: skip
    own = wfo.strategies()[name]
    grid = wfo.Grid({n: values[n] for n in own.names}, strategy=own, name="lots")
    settings = wfo.Settings(
        capital=20_000, slip=0.0005, fee=0.0002, sizing="fixed", lot_size=1.0, max_stop_atr=10
    )
    second = "SP500" if own.dual_symbol else None
    plan = RunPlan(
        "NASDAQ", own, symbol2=second, grid=grid, settings=settings, out=tmp_path,
        gates=Gates(wfe=0.0, dd_ratio=50, min_phases=1), expand=False,
    )  # fmt: skip
    report = run(plan, sample_store())
    (item,) = report.strategies
    assert item.most_stable is not None
    check_most_stable(report, Market.of_run(report.folder, report.manifest, report.benchmarks, 2))
    found = results(report)
    assert found[0]["sensitivity"]["return"]["variance"] > 0
    again = rescore(report.folder)
    assert results(again) == found
    assert [b.capital for b in again.benchmarks] == [20_000.0] * 4
    # Whole shares are bought, so that some cash is left over, which gates do without.
    assert all(b.held.oos_pnl != b.whole.oos_pnl for b in report.benchmarks)


# Schedules


def schedule(phases: int) -> Windows:
    least = min(2, phases)
    ends = [(120, 60), (96, 36), (72, 12)][:phases]
    return Windows.from_dict(
        {
            "name": f"of{phases}",
            "min_phases": least,
            "phases": [{"from": f"{a}m", "to": f"{b}m", "in_sample": 0.5} for a, b in ends],
        }
    )


@pytest.mark.parametrize("phases", [1, 2, 3])
def test_a_short_schedule_has_no_phase_to_judge_by(
    phases: int, grid_file: Path, tmp_path: Path
) -> None:
    plan = RunPlan("NASDAQ", "atr_d_l", grid=grid_file, windows=schedule(phases), out=tmp_path)
    report = run(plan, sample_store())
    (found,) = results(report)
    assert len(found["gates"]) == len(found["best"]["phases"]) == phases
    assert found["regions"], "there is something that could have been judged"
    sets = [
        found,
        *(found["sets"][name] for name in found["sets"] if "regions" in found["sets"][name]),
    ]
    assert len(sets) == 2
    for each in sets:
        last = each["last_phase"]
        if phases == 3:
            assert last["bounds"] is not None
            assert last["reason"] == ""
            assert len(last["plateaus"]) == len(each["regions"])
            continue
        are = {1: "there is 1 phase,", 2: "there are 2 phases,"}[phases]
        assert last["reason"].startswith(are)
        assert last["bounds"] is last["whole"] is None
        assert last["plateaus"] == []
    words = " ".join(report.page.split())
    assert ("No region was judged on bars that it has not seen: there " in words) == (phases < 3)
    assert ("Found again without the last" in words) == (phases == 3)
    # Phases of which each begins where the one before has ended are summed up without a warning.
    assert ("counts some bars more than once" in words) == (phases > 1)
    assert report.strategies[0].scores.min_phases == min(2, phases)


# The most stable outcome


def check_most_stable(report: RunReport, market: Market) -> MostStable:
    """The most stable outcome is its row of the candidates, and buy-and-hold that of the phases."""
    (item,) = report.strategies
    best = item.most_stable
    assert best is not None
    row = pl.read_parquet(
        report.folder.candidates(item.strategy.name, item.grid.name, "parquet")
    ).row(best.row, named=True)
    assert dict(best.params) == {name: row[name] for name in item.strategy.names}
    assert row["Outcome"] == 1, "the best outcome"
    assert row["Outcome_Central"]
    assert best.members == row["Outcome_Size"]
    for k, (own, held) in enumerate(zip(best.phases, report.benchmarks, strict=True), 1):
        assert own.trades == row[f"P{k}_OOS_Trades"]
        assert own.valid == (row[f"P{k}_OOS_Rank"] is not None)
        # Candidates have float32, made of the float32 that is stored.
        close = functools.partial(pytest.approx, rel=2e-6, abs=1e-9)
        assert own.oos_return == close(row[f"P{k}_OOS_Return"])
        assert own.oos_return_annual == close(row[f"P{k}_OOS_Return_Annual"])
        assert own.dd_share == close(row[f"P{k}_OOS_DD_Share"])
        assert own.held_return == close(row[f"P{k}_BuyHold_Return"])
        for value, column in ((own.wfe, f"P{k}_WFE"), (own.return_wfe, f"P{k}_Return_WFE")):
            expected = row[column]
            assert (value is None) == (expected is None)
            assert value is None or value == pytest.approx(expected, rel=1e-4)
        assert own.held_return_annual == held.oos_return_annual
        assert own.held_dd_share == held.held.oos_dd_share
        assert 0 <= own.exposure <= 1
        assert own.same_exposure == own.held_return * own.exposure
    assert most_stable(market, item.strategy, report.candidates()) == best
    return best


def test_the_most_stable_outcome_is_its_row_and_holds_as_often_as_its_trades(whole: Made) -> None:
    for report in (whole.dense[2], whole.survivors[2]):
        market = Market.of_run(report.folder, report.manifest, report.benchmarks, 1)
        best = check_most_stable(report, market)
        simulated = market.simulate(report.strategies[0].strategy, best.params)
        for own, phase, sim in zip(best.phases, report.phases, simulated, strict=True):
            held = 0
            trades = sim.trades.select("entry_bar", "exit_bar").rows()
            last = phase.split - 1
            for entry, exit_ in trades:
                held += max(0, min(exit_, phase.end) - max(entry, phase.split))
                last = exit_
            # What is still open after the last trade moves the marks.
            moves = np.flatnonzero(np.diff(sim.equity[max(last, phase.split - 1) :]))
            if moves.size:
                held += phase.end - max(last, phase.split - 1) - 1 - int(moves[0])
            assert own.exposure == pytest.approx(held / (phase.end - phase.split), abs=2.5e-3)
        # The row that is not the most central of its outcome is not shown, and has its figures.
        found = report.candidates().filter(pl.col("Outcome") == 1)
        assert found["Outcome_Central"].sum() == 1
        assert len(found) == best.members


def test_exposure_and_what_a_figure_is_in_json() -> None:
    nan, inf = math.nan, math.inf
    own = MostStablePhase(0.2, inf, nan, 3, 0.25, None, nan, 0.4, 0.1, 0.3, True)
    assert own.same_exposure == pytest.approx(0.1)
    assert own.to_dict() == {
        "oos_return": 0.2,
        "oos_return_annual": None,
        "dd_share": None,
        "trades": 3,
        "exposure": 0.25,
        "wfe": None,
        "return_wfe": None,
        "held_return": 0.4,
        "held_return_annual": 0.1,
        "held_dd_share": 0.3,
        "valid": True,
        "same_exposure": pytest.approx(0.1),
    }
    both = MostStable({"a": 1}, 0, 1, (own, own))
    assert both.to_dict()["oos_return_annual"] is None
    assert both.to_dict()["buy_and_hold_annual"] == pytest.approx(0.1)
    json.dumps(both.to_dict(), allow_nan=False)


def test_a_never_selling_set_is_no_plateau_of_strict(whole: Made) -> None:
    """Cells whose stable members by strict gates all hold and never sell have none."""
    for report in whole.all:
        (item,) = report.strategies
        figures = [
            np.load(whole.dense[2].folder.sweep("atr_d_l") / f"phase{k}/oos_trades.npy")
            for k in (1, 2, 3, 4)
        ]
        idle = np.max(figures, axis=0) == 0
        assert idle.any(), "some never sell"
        strict = next(o for o in item.others if o.counts.gates.name == "strict")
        # Of those that never sell none is stable: together no more than all others are.
        assert strict.counts.stable <= np.count_nonzero(~idle)
        for phase in strict.counts.phase_counts:
            assert phase.alone[4] <= np.count_nonzero(~idle)


def test_the_market_reads_what_the_run_has_kept(whole: Made) -> None:
    report = whole.dense[2]
    market = Market.of_run(report.folder, report.manifest, report.benchmarks, 1)
    (item,) = report.strategies
    indices = np.array([0, 17, len(item.grid) - 1])
    stored = market.stored(item.grid, indices)
    again = market.sweeps(item.grid)(indices)
    for k, (one, two) in enumerate(zip(stored, again, strict=True), 1):
        for name, a, b in zip(one._fields, one, two, strict=True):
            kept = np.load(report.folder.sweep("atr_d_l") / f"phase{k}/{name}.npy")[indices]
            np.testing.assert_array_equal(a, kept)
            np.testing.assert_array_equal(b, kept)
            assert a.dtype == kept.dtype
    feeds = read_feeds(item.strategy, sample_store().load("NASDAQ"))
    np.testing.assert_array_equal(
        market.data(item.strategy).prices().close,  # type: ignore[union-attr]
        feeds.prices().close,  # type: ignore[union-attr]
    )


def test_responses_that_do_not_fit_memory_change_no_byte(whole: Made, tmp_path: Path) -> None:
    report = whole.dense[2]
    (item,) = report.strategies
    market = Market.of_run(report.folder, report.manifest, report.benchmarks, 1)
    (kept,) = stored_sweeps(report.folder, report.manifest, OWN, 1)
    texts = []
    for room in (1 << 30, 0):
        looked = Whole.of(kept, item.scores.min_phases, market, tmp_path, response_bytes=room)
        mapped = [isinstance(y, np.memmap) for y in looked._responses or ()]
        assert mapped == [room == 0] * 2
        kept.select(None, lambda _: None, beside=looked.add)
        texts.append(looked.sensitivity(item.scores.min_phases).to_csv())
        # What was mapped leaves nothing behind.
        assert not list(tmp_path.iterdir())
    assert texts[0] == texts[1]
    written = report.folder.sensitivity("atr_d_l", item.grid.name, "csv")
    assert texts[0] == written.read_text(encoding="utf-8")
