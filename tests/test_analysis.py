"""``wfo analyze``: reports from here and from TradeStation, ranked, and read back as sets."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from conftest import TINY

import wfo
from wfo.backtest.performance import PerformanceEvaluator
from wfo.cli import cli, main
from wfo.data import sample_store
from wfo.errors import InputError, ResultsError
from wfo.files import file_digest, read_sealed, write_sealed
from wfo.runs.analysis.analyzing import AnalysisReport, analyze, compute_analysis
from wfo.runs.analysis.page import page
from wfo.runs.analysis.refined import RefinedSets
from wfo.runs.folder import RunFolder
from wfo.runs.plan import RunPlan
from wfo.runs.refinement.history import History
from wfo.runs.refinement.refining import refine
from wfo.runs.run import run
from wfo.runs.verify import verify
from wfo.strategy import get_strategy
from wfo.tradestation.differences import SAMPLE, compare_file, rule_sets
from wfo.tradestation.headings import report_frame
from wfo.tradestation.ranking import combined_columns

LONG, DUAL = "ATR-D-v1.5-L", "ATR-D-DualS-v1.5-L"

#: Parameters of both strategies; what a job searches stands in its place.
FIXED = {
    "atr_period": "20", "atr_multiplier": "8", "bb_length": "20", "bb_deviation": "2",
    "vol_threshold": "0.1", "min_tightening": "0.4", "scaling_method": "1",
    "atr_buy_period": "14", "atr_buy_multiplier": "1.5", "atr_smooth_period": "3",
    "equity_price_method": "0",
}  # fmt: skip

#: Strategy, end of the range file's name, and what is searched: 15, 5, 9 and 8 tests.
JOBS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    (LONG, "rank1_part1", {"atr_period": "10,18,2", "atr_buy_multiplier": "1,2,0.5"}),
    (LONG, "rank1_part2", {"atr_multiplier": "3,7,1"}),
    # Never stopped out: equal outcomes.
    (LONG, "rank2", {"atr_multiplier": "28,30,1", "min_tightening": "0.85,0.95,0.05"}),
    (DUAL, "rank1", {"atr_period": "10,16,2", "atr_buy_multiplier": "1,2,1"}),
)
ROWS = 15 + 5 + 9 + 8


def _write_jobs(folder: Path) -> None:
    lines = ["JobNum,StrategyName,StrategyFile,RangeFile,Rank,ShortEnabled,IsDualSymbol"]
    for number, (name, end, searched) in enumerate(JOBS, 1):
        file = f"phase5_refine_{name}_{end}.csv"
        strategy = get_strategy("atr_d_l" if name == LONG else "atr_d_duals_l")
        view = strategy.tradestation
        assert view is not None
        ranges = ["ParameterName,Min,Max,Step"]
        for parameter in strategy.names:
            value = searched.get(parameter, f"{FIXED[parameter]},{FIXED[parameter]},1")
            ranges.append(f"{view.input(parameter).name},{value}")
        (folder / file).write_text("\n".join(ranges) + "\n")
        lines.append(f"{number},{name},{name},{file},{end[4]},0,{int(name == DUAL)}")
    (folder / "phase5_refine_config.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of two strategies, one of two symbols, whose jobs are refined."""
    settings = wfo.Settings(capital=50_000, slip=0.0005, fee=0.0001)
    place = tmp_path_factory.mktemp("out")
    grid = place / "tiny.yaml"
    grid.write_text(TINY + TINY.replace("atr_d_l:", "atr_d_duals_l:"))
    plan = RunPlan(
        "NASDAQ", "atr_d_duals_l", symbol2="SP500", grid=grid, settings=settings,
        out=place, command="wfo run again",
    )  # fmt: skip
    run(plan, sample_store())
    for path in plan.folder.path.glob("phase5_refine_*"):
        path.unlink()
    _write_jobs(plan.folder.path)
    refine(plan.folder)
    return plan.folder


@pytest.fixture(scope="module")
def analyzed(refined: RunFolder) -> AnalysisReport:
    return analyze(refined, top=5)


@pytest.fixture
def copy(refined: RunFolder, tmp_path: Path) -> RunFolder:
    """The same run, to be changed; an analysis is not in it."""
    ignored = shutil.ignore_patterns("Refinement_Analysis_*", "analysis.json")
    shutil.copytree(refined.path, tmp_path / "run", ignore=ignored)
    return RunFolder(tmp_path / "run")


def _report(folder: RunFolder, name: str = f"Refinement_{LONG}_rank1_part1_NASDAQ.csv") -> Path:
    return folder.path / name


def _foreign(
    folder: RunFolder, target: Path, name: str = f"Refinement_{LONG}_rank1_part1_NASDAQ.csv",
    **rules: Any,
) -> pl.DataFrame:  # fmt: skip
    """Write a report of another program, which trades by other rules than the run."""
    history = History.of(folder)
    strategy = get_strategy("atr_d_l")
    figures = pl.read_parquet(folder.refined / f"{name.removesuffix('.csv')}.parquet")
    sets = figures.select(strategy.names).to_numpy().astype(float)
    settings = wfo.Settings(**(history.settings(strategy).to_dict() | rules))
    evaluator = PerformanceEvaluator(
        strategy, history.feeds(strategy), sets, settings, warmup=100, end=history.end
    )
    found = evaluator.range(0, len(sets))
    frame = report_frame(strategy, sets, np.arange(1, len(sets) + 1), found)
    target.mkdir(exist_ok=True)
    # By other ends of lines it is another file than ours, even where all figures are the same.
    (target / name).write_text(frame.write_csv(line_terminator="\r\n"), "utf-8", newline="")
    return frame


# All of it


def test_every_row_is_in_the_tables_once(analyzed: AnalysisReport, refined: RunFolder) -> None:
    found = analyzed.analysis
    assert [t.strategy.name for t in found.strategies] == ["atr_d_duals_l", "atr_d_l"]
    assert [(t.rows, t.sets, t.unsimulated) for t in found.strategies] == [(8, 8, 0), (29, 29, 0)]
    assert int(found.combined["Members"].sum()) == ROWS
    assert found.combined["Row"].to_list() == list(range(1, len(found.combined) + 1))
    assert found.combined["Rank_Sum"].is_sorted()
    assert set(found.combined["Source"]) == {"wfo"}
    assert set(found.combined["Ranked_On"]) == {"simulation"}
    assert found.combined["TS_Net_Profit"].is_null().all()
    assert len(found.files) == 4
    assert not found.refused
    assert not found.differences
    # The nine sets that are never stopped out have far fewer outcomes than sets.
    wide = found.combined.filter((pl.col("Strategy") == "atr_d_l") & (pl.col("Rank") == 2))
    assert len(wide) < 9
    assert int(wide["Members"].sum()) == 9
    names = {p.name for p in refined.path.iterdir()}
    stem = "Refinement_Analysis_NASDAQ"
    assert {f"{stem}.xlsx", f"{stem}.csv", f"{stem}.parquet", "analysis.json"} <= names


def test_robustness_is_of_the_plateau_in_all_its_parts(
    analyzed: AnalysisReport, refined: RunFolder
) -> None:
    pnl: dict[tuple[str, int], list[float]] = {}
    for path in refined.refined.glob("*.parquet"):
        own = pl.read_parquet(path, columns=["pnl"])["pnl"].to_list()
        key = (
            "atr_d_l" if LONG in path.name else "atr_d_duals_l",
            int(path.name.split("rank")[1][0]),
        )
        pnl.setdefault(key, []).extend(own)
    assert {k: len(v) for k, v in pnl.items()} == {
        ("atr_d_l", 1): 20, ("atr_d_l", 2): 9, ("atr_d_duals_l", 1): 8,
    }  # fmt: skip
    for strategy, rank, robust in analyzed.analysis.combined.select(
        "Strategy", "Rank", "Robustness"
    ).iter_rows():
        own = pnl[strategy, rank]
        assert robust == sum(x > 0 for x in own) / len(own)


def test_a_row_is_what_simulating_its_set_gives(
    analyzed: AnalysisReport, refined: RunFolder
) -> None:
    sets = RefinedSets.of(refined)
    history = History.of(refined)
    assert (sets.count, sets.warmup, sets.end) == (len(analyzed.analysis.combined), 100, 5031)
    seen = set()
    for number in range(1, sets.count + 1):
        chosen = sets.set(number)
        if chosen.strategy.name in seen:
            continue
        seen.add(chosen.strategy.name)
        bars, second = history.frames(chosen.strategy)
        simulation = wfo.simulate(
            chosen.strategy, bars, chosen.params, split=3000, warmup=sets.warmup, bars2=second,
            settings=history.settings(chosen.strategy),
        )  # fmt: skip
        metrics = simulation.metrics().whole
        figures = chosen.figures
        assert figures["Net_Profit"] == metrics.net_profit
        for column, name in (
            ("CAGR", "cagr"), ("MAR", "mar"), ("Sharpe", "sharpe"), ("Sortino", "sortino"),
            ("Profit_Factor", "profit_factor"), ("Max_DD", "max_drawdown"),
            ("Max_DD_Share", "max_drawdown_share"), ("Trades", "trades"), ("Exposure", "exposure"),
        ):  # fmt: skip
            assert figures[column] == pytest.approx(getattr(metrics, name), rel=1e-9), column
        best = analyzed.analysis.best
        if number <= len(best) and best[number - 1].equity is not None:
            assert np.array_equal(best[number - 1].equity, simulation.equity[sets.warmup - 1 :])
    assert seen == {"atr_d_l", "atr_d_duals_l"}


def test_best_sets_have_the_phases_of_the_run(analyzed: AnalysisReport, refined: RunFolder) -> None:
    found = analyzed.analysis
    manifest = refined.read_manifest()
    assert len(found.best) == 5
    history = History.of(refined)
    for best in found.best:
        assert [p.number for p in best.phases] == [1, 2, 3, 4]
        strategy = get_strategy(best.strategy)
        bars, second = history.frames(strategy)
        for phase, shown, held in zip(
            manifest.phases, best.phases, manifest.benchmarks or (), strict=True
        ):
            cut = None if second is None else second[: phase.end]
            s = wfo.simulate(
                strategy, bars[: phase.end], best.params, split=phase.split, warmup=phase.warmup,
                bars2=cut, settings=history.settings(strategy),
            )  # fmt: skip
            assert shown.oos_return == pytest.approx(s.oos_pnl / (50_000 + s.is_pnl), rel=1e-12)
            assert shown.held_return == held.oos_return
            assert shown.beats == (shown.oos_return > held.oos_return * (1 + 1e-6))
            # The gates v4.
            valid = (
                s.is_pnl > 0 and s.oos_pnl > 0 and s.oos_pnl / s.is_pnl > 0.35
                and s.oos_dd < s.oos_pnl and s.oos_dd < 3 * s.is_dd
            )  # fmt: skip
            assert shown.valid == valid


def test_what_is_stable_is_what_the_run_has_taken_for_it(
    refined: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History.of(refined)
    manifest = history.manifest
    assert manifest.completion is not None
    results = [dict(r) | {"min_phases": 1} for r in manifest.completion.results]
    # None was valid in the phases that the schedule asks for.
    relaxed = replace(manifest, completion=replace(manifest.completion, results=tuple(results)))
    monkeypatch.setattr(History, "of", lambda _: replace(history, manifest=relaxed))
    found = compute_analysis(refined, top=1)
    assert found.min_phases == 1
    for sentence in found.verdict:
        assert "asks for 3" not in sentence


def test_files_hold_what_the_analysis_has(analyzed: AnalysisReport, refined: RunFolder) -> None:
    found = analyzed.analysis
    stem = refined.path / "Refinement_Analysis_NASDAQ"
    assert pl.read_parquet(f"{stem}.parquet").equals(found.combined)
    rows = pl.read_csv(f"{stem}.csv")
    assert len(rows) == 5
    columns = [*combined_columns(get_strategy("atr_d_duals_l").names)]
    phases = [f"P{k}_{n}" for k in (1, 2, 3, 4) for n in ("OOS_Return", "BuyHold_Return", "Valid")]
    assert rows.columns == [*columns, "Phases_Valid", "Phases_Beat", *phases]
    assert rows["Net_Profit"].to_list() == found.combined["Net_Profit"].to_list()[:5]
    record = read_sealed(refined.path / "analysis.json")
    assert record["warmup"] == 100
    assert record["run"] == refined.read_manifest().fingerprint
    assert record["verdict"] == list(found.verdict)
    assert sorted(record["files"]) == sorted(f"{stem.name}.{e}" for e in ("csv", "parquet", "xlsx"))
    assert [r["rows"] for r in record["read"]] == [15, 5, 9, 8] or {
        r["rows"] for r in record["read"]
    } == {15, 5, 9, 8}


def test_an_analysis_is_the_same_again(copy: RunFolder) -> None:
    analyze(copy)
    stem = copy.path / "Refinement_Analysis_NASDAQ"
    before = {e: Path(f"{stem}.{e}").read_bytes() for e in ("xlsx", "csv", "parquet")}
    analyze(copy, threads=1)
    assert {e: Path(f"{stem}.{e}").read_bytes() for e in before} == before


def test_the_page_says_the_verdict_first(analyzed: AnalysisReport) -> None:
    shown = analyzed.page
    words = " ".join(shown.split())
    assert shown.index("Verdict") < shown.index("Best sets") < shown.index("What was assumed")
    for text in analyzed.analysis.verdict:
        assert text in words
    assert "in-sample" in words
    assert "buy-and-hold" in words
    folder = analyzed.folder
    for command in ("export", "simulate", "signal"):
        assert f"wfo {command} {folder} --refined 1" in shown
    assert max(len(line) for line in shown.splitlines() if str(folder) not in line) <= 100


def test_the_verdict_says_where_holding_is_better(analyzed: AnalysisReport) -> None:
    found = analyzed.analysis
    held = found.held.figures
    more = int((found.combined["CAGR"] > held["CAGR"]).sum())
    safer = int((found.combined["MAR"] > held["MAR"]).sum())
    words = " ".join(found.verdict)
    assert found.held.better == {"CAGR": more, "MAR": safer}
    if not more and not safer:
        assert "Holding NASDAQ is what the figures favour." in words
    elif not more:
        assert "by return holding is what the figures favour" in words
    else:
        assert f"{more:,} of {len(found.combined):,} outcomes" in words


# Reports of another program


def test_both_sources_are_ranked_together(copy: RunFolder, tmp_path: Path) -> None:
    frame = _foreign(copy, tmp_path / "ts", sizing="fixed")
    # The rows of another file are there only from TradeStation.
    gone = _report(copy, f"Refinement_{LONG}_rank1_part2_NASDAQ.csv")
    _foreign(copy, tmp_path / "ts", gone.name)
    gone.unlink()
    found = analyze(copy, reports=[tmp_path / "ts"]).analysis
    assert [f.source for f in found.files] == ["wfo"] * 3 + ["TradeStation"] * 2
    assert [(t.rows, t.sets) for t in found.strategies] == [(8, 8), (44, 29)]
    by_source = dict(found.combined.group_by("Source").agg(pl.col("Members").sum()).iter_rows())
    assert by_source == {"wfo": 32, "TradeStation": 5}
    stated = dict(zip(frame["TestNum"].to_list(), frame["All: Net Profit"].to_list(), strict=True))
    both = found.combined.filter(
        (pl.col("Source") == "wfo") & (pl.col("Strategy") == "atr_d_l") & (pl.col("Part") == 1)
    )
    assert len(both) > 10
    for row in both.rows(named=True):
        assert row["TS_Net_Profit"] == pytest.approx(stated[row["TestNum"]], abs=0.01)
        # Ranked on what is simulated here, whatever the report says.
        assert row["Net_Profit"] != pytest.approx(row["TS_Net_Profit"], rel=0.01)
    assert RefinedSets.of(copy).count == len(found.combined)


def test_the_fill_rules_of_a_report_are_recognised(copy: RunFolder, tmp_path: Path) -> None:
    _foreign(copy, tmp_path / "ts", sizing="fixed", entry_style="breakout")
    (found,) = compute_analysis(copy, reports=[tmp_path / "ts"]).differences
    assert found.rows == found.sample == 15
    nearest = found.alternatives[0]
    assert dict(nearest.rules) == {"sizing": "fixed", "entry_style": "breakout"}
    assert nearest.equal == 15
    assert nearest.distance < 1e-6
    assert "sizing fixed" in found.verdict
    assert "entry style breakout" in found.verdict
    run = next(a for a in found.alternatives if not a.rules)
    assert run.distance > 0.05
    assert found.unexplained
    profit = found.figures[0]
    assert (profit.name, profit.rows) == ("Net profit", 15)
    assert profit.equal < 15
    assert 0 < profit.median <= profit.largest


def test_no_costs_and_whole_shares_are_recognised(copy: RunFolder, tmp_path: Path) -> None:
    _foreign(copy, tmp_path / "ts", slip=0.0, fee=0.0, lot_size=1.0)
    (found,) = compute_analysis(copy, reports=[tmp_path / "ts"]).differences
    assert dict(found.alternatives[0].rules) == {"lot_size": "1", "slip": "0", "fee": "0"}
    assert found.alternatives[0].equal == 15


def test_rules_are_told_by_equal_rows_where_another_reason_hides_them(
    copy: RunFolder, tmp_path: Path
) -> None:
    """A later first trading bar leaves few rows as they are; those tell the rules all the same."""
    frame = _foreign(copy, tmp_path / "ts", sizing="fixed", entry_style="breakout")
    name = _report(copy).name
    later = frame.with_row_index().with_columns(
        pl.when(pl.col("index") < 12).then(pl.col(c) * 1.7).otherwise(pl.col(c)).alias(c)
        for c in frame.columns
        if frame.schema[c] == pl.Float64 and c.startswith("All:")
        and c not in {"All: ProfitFactor", "All: % Profitable", "All: Return on Account"}
    )  # fmt: skip
    later.drop("index", "All: TS Index").write_csv(tmp_path / "ts" / name)
    (found,) = compute_analysis(copy, reports=[tmp_path / "ts"]).differences
    assert dict(found.alternatives[0].rules) == {"sizing": "fixed", "entry_style": "breakout"}
    assert found.alternatives[0].equal == 3
    assert "3 of 15 rows are equal" in found.verdict


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"capital": 25_000.0}, "Nearest is capital 25,000.00, which reproduces it."),
        (
            {"capital": 2_000_000.0, "sizing": "fixed"},
            "Nearest is sizing fixed, capital 2,000,000.00, which reproduces it.",
        ),
    ],
)
def test_the_reason_that_reproduces_every_row_is_named(
    rules: dict[str, Any], said: str, copy: RunFolder, tmp_path: Path
) -> None:
    _foreign(copy, tmp_path / "ts", **rules)
    (found,) = compute_analysis(copy, reports=[tmp_path / "ts"]).differences
    assert found.verdict.endswith(said)
    assert found.nearest is not None
    assert found.nearest.equal == found.sample == 15


def test_rules_that_are_exact_come_before_the_runs_that_are_next_to_equal(
    refined: RunFolder,
) -> None:
    history, strategy = History.of(refined), get_strategy("atr_d_l")
    figures = pl.read_parquet(next(refined.refined.glob("*rank1_part1*.parquet")))
    sets = figures.select(strategy.names).to_numpy().astype(float)
    feeds, tests = history.feeds(strategy), np.arange(1, len(sets) + 1)
    span = {"warmup": 100, "end": history.end}
    # Of so many shares fractions are hardly anything.
    rich = wfo.Settings(capital=50_000_000)
    own, there = (
        PerformanceEvaluator(strategy, feeds, sets, used, **span).range(0, len(sets))
        for used in (rich, replace(rich, lot_size=1.0))
    )
    reported = {"net_profit": there.gross_profit + there.gross_loss, "trades": there.trades}
    found = compare_file(
        "a file", strategy, 1, 1, tests, sets, reported, own.columns(), feeds=feeds, settings=rich,
        **span,
    )  # fmt: skip
    run = next(a for a in found.alternatives if not a.rules)
    assert 0 < run.distance < 0.001
    assert found.verdict.endswith("Nearest is whole shares, which reproduces it.")


def test_costs_of_another_size_are_no_reason_that_is_ruled_out(
    copy: RunFolder, tmp_path: Path
) -> None:
    _foreign(copy, tmp_path / "ts", slip=0.01)
    (found,) = compute_analysis(copy, reports=[tmp_path / "ts"]).differences
    assert all(a.equal < found.sample for a in found.alternatives)
    # Few trades at other costs look like another capital; none is named that is not exact.
    assert all("capital" not in a.text for a in found.alternatives)
    assert "reproduces" not in found.verdict
    assert any("costs" in reason for reason in found.unexplained)


def test_a_report_by_the_same_rules_agrees(copy: RunFolder, tmp_path: Path) -> None:
    _foreign(copy, tmp_path / "ts")
    (found,) = compute_analysis(copy, reports=[tmp_path / "ts"]).differences
    assert {f.name for f in found.figures} == {
        "Net profit", "Closed trades", "Profit factor", "Max intraday drawdown",
        "% profitable",
    }  # fmt: skip
    for figure in found.figures:
        assert figure.equal == figure.rows == 15, figure.name
        assert figure.largest < 0.01
    assert found.unexplained == ()
    assert "agree in every figure and row" in found.verdict


def test_a_figure_that_differs_alone_is_named(copy: RunFolder, tmp_path: Path) -> None:
    frame = _foreign(copy, tmp_path / "ts")
    # By the fall within bars another program may see another path of prices.
    deeper = pl.col("All: Max Intraday Drawdown") * 1.1
    kept = [c for c in frame.columns if c not in {"All: Return on Account", "All: TS Index"}]
    frame.select(kept).with_columns(deeper).write_csv(tmp_path / "ts" / _report(copy).name)
    (found,) = compute_analysis(copy, reports=[tmp_path / "ts"]).differences
    assert found.verdict.endswith("not equal in every row: max intraday drawdown.")
    assert found.unexplained
    by_name = {f.name: f for f in found.figures}
    assert by_name["Net profit"].equal == 15
    assert by_name["Max intraday drawdown"].equal == 0
    own = frame["All: Max Intraday Drawdown"].abs()
    assert by_name["Max intraday drawdown"].largest == pytest.approx(
        0.1 * float(own.max()),
        rel=1e-3,  # type: ignore[arg-type]  # a number
    )


def test_rules_are_all_mixes_of_what_the_settings_allow() -> None:
    plain = rule_sets(wfo.AccountSettings())
    assert plain == [
        {},
        {"lot_size": 1.0},
        {"sizing": "fixed"},
        {"sizing": "fixed", "lot_size": 1.0},
    ]
    own = rule_sets(wfo.Settings(slip=0.001, lot_size=10, sizing="fixed"))
    # Sizing, entry style, three kinds of lots, costs and none.
    assert len(own) == 2 * 2 * 3 * 2
    assert own[0] == {}
    assert {
        "sizing": "compound",
        "entry_style": "breakout",
        "lot_size": 1.0,
        "slip": 0.0,
        "fee": 0.0,
    } in own
    assert SAMPLE == 200


# Bad input


def test_what_cannot_be_used_is_named_and_the_rest_analysed(
    copy: RunFolder, tmp_path: Path
) -> None:
    place = tmp_path / "ts"
    frame = _foreign(copy, place)
    name = _report(copy).name
    lines = (place / name).read_text().splitlines()
    cells = lines[3].split(",")
    at = frame.columns.index("ATR_Multiplier")
    lines[3] = ",".join([*cells[:at], "-7", *cells[at + 1 :]])
    (place / name).write_text("\n".join(lines) + "\n")
    (place / f"Refinement_{LONG}_rank3_QQQ.csv").write_text("\n".join(lines) + "\n")
    (place / f"Refinement_{LONG}_rank4_NASDAQ.csv").write_text("")
    (place / f"Refinement_{LONG}_rank9_NASDAQ.csv").write_text("\n".join(lines[:3]) + "\n")
    found = compute_analysis(copy, reports=[place])
    refused = " ".join(found.refused)
    assert len(found.refused) == 2
    assert "rank3_QQQ" in refused
    assert "rank4_NASDAQ" in refused
    (faulty,) = [f for f in found.files if f.path == str(place / name)]
    assert faulty.rows == 14
    assert len(faulty.faults) == 1
    assert faulty.faults[0].startswith("line 4: ")
    # Its range file is gone, or never was.
    (stale,) = [f for f in found.files if f.rank == 9]
    assert any("no job" in note for note in stale.notes)
    words = " ".join(page(found, (), 1.0).split())
    for text in ("rank3_QQQ", "rank4_NASDAQ", "line 4: ", "no job"):
        assert text in words


def test_a_report_that_lacks_an_input_is_ranked_on_its_figures(
    copy: RunFolder, tmp_path: Path
) -> None:
    frame = _foreign(copy, tmp_path / "ts")
    name = f"Refinement_{LONG}_rank7_NASDAQ.csv"
    # No job of rank 7 fixes it.
    frame.drop("BB_Length").write_csv(tmp_path / "ts" / name)
    _report(copy, f"ts/{_report(copy).name}")
    (tmp_path / "ts" / _report(copy).name).unlink()
    report = analyze(copy, reports=[tmp_path / "ts"], top=100)
    found = report.analysis
    alone = found.combined.filter(pl.col("Ranked_On") == "report")
    assert len(alone) == 15
    assert alone["bb_length"].is_null().all()
    assert alone["MAR"].is_null().all()
    assert sorted(alone["Net_Profit"].to_list()) == pytest.approx(
        sorted(frame["All: Net Profit"].to_list()), abs=0.01
    )
    assert [t.unsimulated for t in found.strategies] == [0, 15]
    number = int(alone["Row"][0])
    assert found.best[number - 1].phases == ()
    with pytest.raises(ResultsError, match=r"has no value of bb_length.*cannot be simulated"):
        RefinedSets.of(copy).set(number)
    assert "on their reports alone" in " ".join(report.page.split())


def test_an_input_that_the_range_file_fixes_is_filled_in(copy: RunFolder, tmp_path: Path) -> None:
    frame = _foreign(copy, tmp_path / "ts")
    frame.drop("BB_Length").write_csv(tmp_path / "ts" / _report(copy).name)
    found = compute_analysis(copy, reports=[tmp_path / "ts"])
    # The same sets as those from here.
    assert [(t.rows, t.sets, t.unsimulated) for t in found.strategies] == [(8, 8, 0), (44, 29, 0)]
    assert any("BB_Length 20" in note for f in found.files for note in f.notes)


def test_a_changed_report_of_ours_counts_as_another_programs(copy: RunFolder) -> None:
    path = _report(copy)
    path.write_text(path.read_text().replace("\n", "\n", 1) + "\n")
    found = compute_analysis(copy)
    assert [f.source for f in found.files].count("TradeStation") == 1
    assert len(found.differences) == 1


@pytest.mark.parametrize("harm", ["damaged", "missing", "other version", "other bars"])
def test_figures_that_cannot_be_relied_on_are_simulated_anew(
    copy: RunFolder, harm: str, analyzed: AnalysisReport
) -> None:
    figures = copy.refined / f"{_report(copy).stem}.parquet"
    if harm == "damaged":
        figures.write_bytes(figures.read_bytes()[:-9] + b"123456789")
    elif harm == "missing":
        figures.unlink()
    else:
        record = read_sealed(copy.refinement)
        changed = {"wfo": "0.0.1"} if harm == "other version" else {"end": 4000}
        jobs = [job | {"key": "0" * len(job["key"])} for job in record["jobs"]]
        write_sealed(copy.refinement, record | changed | {"jobs": jobs})
    found = compute_analysis(copy, top=5)
    assert any("simulated anew" in note for note in found.notes)
    # From here all the same, and the same in every figure.
    assert set(found.combined["Source"]) == {"wfo"}
    assert found.combined.equals(analyzed.analysis.combined)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (pl.col("pnl").cast(pl.String), "has no pnl, or none of numbers"),
        (pl.lit(None, pl.Float64).alias("pnl"), "has empty cells"),
        (pl.lit(float("inf")).alias("pnl"), "has figures that no backtest comes to"),
        (-pl.col("trades") - 1, "has figures that no backtest comes to"),
        (pl.col("TestNum").reverse(), "has other sets than phase5_refine_"),
        (pl.col("atr_multiplier") + 1, "has other sets than phase5_refine_"),
    ],
)
def test_figures_under_a_good_seal_are_checked_too(
    copy: RunFolder, analyzed: AnalysisReport, harm: pl.Expr, said: str
) -> None:
    record = read_sealed(copy.refinement)
    job = next(j for j in record["jobs"] if j["report"] == _report(copy).name)
    figures = copy.path / job["figures"]
    before = figures.read_bytes()
    pl.read_parquet(figures).with_columns(harm).write_parquet(figures)
    digest = {"bytes": figures.stat().st_size, "sha256": file_digest(figures)}
    job["figures_digest"] = digest
    write_sealed(copy.refinement, record)
    found = compute_analysis(copy, top=5)
    assert any(said in note and "simulated anew" in note for note in found.notes)
    assert found.combined.equals(analyzed.analysis.combined)
    # A refinement computes them again.
    report = refine(copy)
    assert [outcome.computed for outcome in report.jobs] == [15, 0, 0, 0]
    assert pl.read_parquet(figures).equals(pl.read_parquet(before))


def test_all_sets_trade_from_one_bar_whatever_a_report_brings(
    copy: RunFolder, tmp_path: Path
) -> None:
    strategy = get_strategy("atr_d_l")
    frame = _foreign(copy, tmp_path / "ts")
    name = f"Refinement_{LONG}_rank9_NASDAQ.csv"
    frame.with_columns(ATR_Period=pl.lit(150)).write_csv(tmp_path / "ts" / name)
    found = compute_analysis(copy, reports=[tmp_path / "ts"])
    need = strategy.lookback({n: (float(v),) for n, v in FIXED.items()} | {"atr_period": (150,)})
    assert found.warmup == need > 100
    assert any("simulated anew" in note for note in found.notes)
    history = History.of(copy)
    row = found.combined.filter(pl.col("Strategy") == "atr_d_l").row(0, named=True)
    bars, _ = history.frames(strategy)
    s = wfo.simulate(
        strategy, bars, {n: row[n] for n in strategy.names}, split=3000, warmup=need,
        settings=history.settings(strategy),
    )  # fmt: skip
    assert row["Net_Profit"] == s.metrics().whole.net_profit


def test_a_row_that_leaves_nothing_to_trade_on_is_left_out(copy: RunFolder, tmp_path: Path) -> None:
    frame = _foreign(copy, tmp_path / "ts")
    periods = pl.when(pl.col("TestNum") == 7).then(6000).otherwise(pl.col("ATR_Period"))
    name = f"Refinement_{LONG}_rank9_NASDAQ.csv"
    frame.with_columns(periods.alias("ATR_Period")).write_csv(tmp_path / "ts" / name)
    found = compute_analysis(copy, reports=[tmp_path / "ts" / name])
    (file,) = [f for f in found.files if f.rank == 9]
    assert file.rows == 14
    assert file.faults == (
        "line 8: its lookback leaves nothing to trade on: the history of the run has 5,031 bars",
    )
    assert found.warmup == 100


def test_reports_of_ranges_that_are_gone_or_others_now_say_so(copy: RunFolder) -> None:
    config = copy.path / "phase5_refine_config.csv"
    lines = config.read_text().splitlines()
    config.write_text("\n".join([*lines[:2], *lines[3:]]) + "\n")
    ranges = copy.path / f"phase5_refine_{LONG}_rank2.csv"
    ranges.write_text(ranges.read_text().replace("28,30,1", "27,30,1"))
    found = compute_analysis(copy)
    notes = {(f.strategy, f.rank, f.part): " ".join(f.notes) for f in found.files}
    assert "rank1_part2.csv any more" in notes["atr_d_l", 1, 2]
    assert "rank2.csv was exported anew since" in notes["atr_d_l", 2, None]
    assert notes["atr_d_l", 1, 1] == notes["atr_d_duals_l", 1, None] == ""
    assert int(found.combined["Members"].sum()) == ROWS


def test_a_report_of_another_symbol_is_refused_whatever_the_record_says(copy: RunFolder) -> None:
    record = read_sealed(copy.refinement)
    job = next(j for j in record["jobs"] if j["report"] == _report(copy).name)
    for key in ("report", "figures"):
        before = copy.path / job[key]
        job[key] = job[key].replace("NASDAQ", "SP500")
        before.replace(copy.path / job[key])
    write_sealed(copy.refinement, record)
    found = compute_analysis(copy, top=5)
    assert found.refused == (
        f"{job['report']}: it is a report of SP500, and the run is one of NASDAQ",
    )
    assert len(found.files) == len(JOBS) - 1


def test_a_job_that_cannot_be_read_is_not_said_to_be_gone(copy: RunFolder) -> None:
    (copy.path / f"phase5_refine_{LONG}_rank2.csv").write_text("")
    found = compute_analysis(copy, top=5)
    assert any("rank2.csv is empty" in note for note in found.notes)
    assert not any("any more" in note for file in found.files for note in file.notes)


def test_reports_alone_say_nothing_about_holding(copy: RunFolder, tmp_path: Path) -> None:
    frame = _foreign(copy, tmp_path / "ts")
    for path in copy.path.glob("Refinement_*"):
        path.unlink()
    name = f"Refinement_{LONG}_rank7_NASDAQ.csv"
    frame.drop("BB_Length").write_csv(copy.path / name)
    found = compute_analysis(copy)
    words = " ".join(found.verdict)
    assert found.best[0].figures["Ranked_On"] == "report"
    assert "No set could be simulated" in words
    assert "favour" not in words
    assert found.strategies[0].plateaus[0].median_cagr is None


def test_a_folder_in_which_no_report_is_found_is_named(copy: RunFolder, tmp_path: Path) -> None:
    """TradeStation offers another name when a report is saved."""
    place = tmp_path / "ts"
    place.mkdir()
    (place / "Optimization Report.csv").write_text("ATR_Period;Test\n")
    report = analyze(copy, reports=[place], top=1)
    assert any(str(place) in note and "Refinement_<S" in note for note in report.analysis.notes)


def test_folders_without_what_is_needed_are_refused(copy: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="there is no run in"):
        analyze(RunFolder(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(ResultsError, match=r"there is no analysis in .*wfo analyze"):
        RefinedSets.of(copy)
    with pytest.raises(InputError, match="top = 0"):
        analyze(copy, top=0)
    with pytest.raises(InputError, match="no such folder or file"):
        analyze(copy, reports=[tmp_path / "elsewhere"])
    # One place is one, and not the letters of its name.
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'elsewhere'}")):
        wfo.analyze(copy.path, reports=f"{tmp_path / 'elsewhere'}")
    for path in copy.path.glob("Refinement_*"):
        path.unlink()
    with pytest.raises(ResultsError, match=r"there is no report.*wfo refine"):
        analyze(copy)
    (copy.path / f"Refinement_{LONG}_rank1_NASDAQ.csv").write_text("")
    (copy.path / f"Refinement_{LONG}_rank2_NASDAQ.csv").write_text("a;b\n1;2\n")
    result = CliRunner().invoke(cli, ["analyze", str(copy.path)])
    assert isinstance(result.exception, ResultsError)
    assert "rank1_NASDAQ.csv is empty" in str(result.exception)
    assert "rank2_NASDAQ.csv, line 1" in str(result.exception)
    assert not (copy.path / "analysis.json").exists()


def test_a_file_that_cannot_be_written_leaves_the_earlier_analysis(copy: RunFolder) -> None:
    analyze(copy)
    before = RefinedSets.of(copy).set(1)
    workbook = copy.path / "Refinement_Analysis_NASDAQ.xlsx"
    workbook.unlink()
    workbook.mkdir()
    with pytest.raises(ResultsError, match=r"cannot write .*NASDAQ.xlsx.*close the program"):
        analyze(copy)
    assert RefinedSets.of(copy).set(1) == before
    assert not list(copy.path.glob("*.part"))


def test_refined_sets_are_refused_where_they_are_not_as_written(copy: RunFolder) -> None:
    analyze(copy)
    # The job list is another one than the run's; what an analysis has written is as it was.
    with pytest.raises(ResultsError, match=r"phase5_refine_config\.csv is damaged") as caught:
        verify(copy)
    assert "Analysis" not in str(caught.value)
    sets = RefinedSets.of(copy)
    for number in (0, sets.count + 1):
        with pytest.raises(InputError, match=f"no refined set {number}.*1 to {sets.count}"):
            sets.set(number)
    with pytest.raises(InputError, match="whole number"):
        sets.set(True)  # type: ignore[arg-type]
    record = copy.path / "analysis.json"
    text = record.read_text()
    own = read_sealed(record)
    write_sealed(record, own | {"run": "f" * 64})
    with pytest.raises(ResultsError, match=r"is of the run ffffffff.*wfo analyze"):
        RefinedSets.of(copy)
    write_sealed(record, own | {"table": "../../elsewhere.parquet"})
    with pytest.raises(ResultsError, match=r"table = .* must be the name of a file.*analyze again"):
        RefinedSets.of(copy)
    write_sealed(record, own | {"warmup": "100"})
    with pytest.raises(ResultsError, match="warmup = '100' must be a whole number"):
        RefinedSets.of(copy)
    record.write_text(text.replace('"warmup": 100', '"warmup": 101'))
    with pytest.raises(ResultsError, match=r"damaged.*analyze again"):
        RefinedSets.of(copy)
    table = copy.path / "Refinement_Analysis_NASDAQ.parquet"
    written = table.read_bytes()
    for harm, said in (
        (pl.col("TestNum").cast(pl.String), "has TestNum as String"),
        (pl.concat_list("Strategy"), "column 'Strategy' holds lists or structs"),
        (pl.col("MAR").cast(pl.String), "has MAR as String"),
        (pl.lit(None, pl.Int64).alias("Members"), "has Members = None, and not a number from 1"),
        (pl.col("Row").reverse(), "says that it is row"),
    ):
        pl.read_parquet(written).with_columns(harm).write_parquet(table)
        digests = {name: digest.to_dict() for name, digest in copy.digests([table]).items()}
        write_sealed(record, own | {"files": digests})
        with pytest.raises(ResultsError, match=f"{said}.*analyze again"):
            RefinedSets.of(copy).set(1)
    table.write_bytes(written)
    record.write_text(text)
    table.write_bytes(table.read_bytes() + b" ")
    with pytest.raises(ResultsError, match=r"damaged or was changed.*analyze again"):
        RefinedSets.of(copy).set(1)
    with pytest.raises(ResultsError, match=r"parquet is damaged(.|\n)*wfo analyze"):
        verify(copy)


@pytest.mark.parametrize("where", ["beside the run's own", "in two folders"])
def test_a_report_that_is_there_twice_is_read_once(
    copy: RunFolder, tmp_path: Path, where: str
) -> None:
    places = [tmp_path / "one", tmp_path / "two"]
    own = _report(copy)
    text = own.read_bytes()
    if where == "in two folders":
        text += b"\n"
    for place in places:
        place.mkdir()
        (place / own.name).write_bytes(text)
    found = compute_analysis(copy, reports=places, top=5)
    files = [f.path for f in found.files if Path(f.path).name == own.name]
    first = [own] if where == "beside the run's own" else [own, places[0] / own.name]
    assert files == [str(path) for path in first]
    assert f"{places[1] / own.name} is {first[-1]} again, byte for byte, and is read once" in (
        found.notes
    )


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text there")
def test_names_that_are_no_text_or_would_steer_a_terminal_are_shown_as_escapes(
    copy: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / os.fsdecode(b"d\xff")
    place.mkdir()
    steering = f"Refinement_{LONG}_rank2_\x1b[2J.csv"
    (place / steering).write_bytes(_report(copy).read_bytes())
    (place / os.fsdecode(b"Refinement_\xff.csv")).write_bytes(b"")
    _foreign(copy, place, sizing="fixed")
    with pytest.raises(SystemExit) as end:
        main(["analyze", str(copy.path), "--top", "3", "--reports", str(place)])
    assert end.value.code == 0
    page = capsys.readouterr().out
    assert "_rank2_\\x1b[2J.csv: it is a report of" in page
    assert "Refinement_\\udcff.csv: the name does not tell" in page
    assert not set(page) & {chr(n) for n in (*range(10), *range(11, 32), 127)}
    # The path leads to the report, for what reads it again.
    read = read_sealed(copy.path / "analysis.json")["read"]
    assert any(Path(each["path"]).parent == place for each in read)
    assert RefinedSets.of(copy).count > 0
    with pytest.raises(SystemExit) as end:
        main(["analyze", str(place / "\x1b[2J")])
    assert end.value.code == 1
    assert "\\udcff/\\x1b[2J" in capsys.readouterr().err


def test_the_command_line_analyzes(copy: RunFolder, tmp_path: Path) -> None:
    _foreign(copy, tmp_path / "ts", sizing="fixed")
    arguments = ["analyze", str(copy.path), "--top", "3", "--reports", str(tmp_path / "ts")]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "Verdict" in result.stdout
    assert "TradeStation" in result.stdout
    assert len(json.loads((copy.path / "analysis.json").read_text())["best"]) == 3
