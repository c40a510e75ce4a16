"""One set of a run handed over: exported, read, and simulated again, candidate or refined."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from calling import Called, call_cli

import wfo
from wfo.data import sample_store
from wfo.errors import InputError, ResultsError
from wfo.runs.analysis.analyzing import analyze
from wfo.runs.analysis.refined import RefinedSets
from wfo.runs.folder import RunFolder
from wfo.runs.handover.set_file import FORMATS, set_text
from wfo.runs.history_report import HistoryReport
from wfo.runs.manifest import Manifest
from wfo.runs.plan import RunPlan
from wfo.runs.run import run
from wfo.runs.simulate import SimulationPlan, simulate
from wfo.runs.simulation_report import PhasesReport, SimulationReport
from wfo.strategy import Strategy, get_strategy

SAMPLE = str(sample_store().folder)
LONG, BOTH = get_strategy("atr_d_l"), get_strategy("atr_d_ls")

# Few enough combinations for a run in a second, and none that no phase finds valid.
GRID = """
atr_period: [4, 16]
atr_multiplier: [6, 13, 24]
bb_length: 20
bb_deviation: [1, 2]
vol_threshold: 0.1
min_tightening: 0.4
scaling_method: 0
atr_buy_period: 8
atr_buy_multiplier: [0.5, 1.5]
atr_smooth_period: 2
equity_price_method: 0
short_multiplier: 0.6
entry_mode: [0, 1]
trend_filter_period: 10
trend_veto_threshold: 0
both_triggered_mode: 0
"""

#: What of each strategy is refined: by input Min, Max and Step; the rest is fixed.
REFINED = {
    "ATR_Period": (4, 5, 1),
    "ATR_Multiplier": (6, 7, 0.5),
    "Entry_Mode": (0, 1, 1),
}
FIXED = {
    "BB_Length": 20, "BB_Deviation": 1.5, "Vol_Threshold": 0.1, "Min_Tightening": 0.4,
    "Scaling_Method": 0, "ATRBuy_Period": 8, "ATRBuyMultiplier": 1.25, "ATR_Smooth_Period": 2,
    "EquityPrice_Method": 0, "Short_Multiplier": 0.6, "Trend_Filter_Period": 10,
    "Trend_Veto_Threshold": 0, "Both_Triggered_Mode": 0,
}  # fmt: skip


def ranges_of(strategy: Strategy) -> str:
    """The range file of a strategy."""
    view = strategy.tradestation
    assert view is not None
    lines = ["ParameterName,Min,Max,Step"]
    for name in strategy.names:
        own = view.input(name).name
        low, high, step = REFINED.get(own, (FIXED.get(own), FIXED.get(own), 1))
        lines.append(f"{own},{low},{high},{step}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with costs of two strategies, refined and analyzed; for reading only."""
    out = tmp_path_factory.mktemp("handover")
    grid = out / "small.yaml"
    grid.write_text(GRID)
    plan = RunPlan(
        "NASDAQ", "atr_d_ls", grid=str(grid), out=out / "results", store="dense", command="wfo run",
        settings=wfo.Settings(slip=0.0005, fee=0.0001, max_stop_atr=15),
    )  # fmt: skip
    path = run(plan, sample_store()).folder.path
    jobs = ["JobNum,StrategyName,StrategyFile,RangeFile,Rank,ShortEnabled,IsDualSymbol"]
    for number, strategy in enumerate((BOTH, LONG), 1):
        name = strategy.tradestation.name  # type: ignore[union-attr]
        file = f"phase5_refine_{name}_rank1.csv"
        (path / file).write_text(ranges_of(strategy))
        jobs.append(f"{number},{name},{name},{file},1,{int(strategy.shorts)},0")
    (path / "phase5_refine_config.csv").write_text("\n".join(jobs) + "\n")
    wfo.refine(path)
    analyze(RunFolder(path), command="wfo analyze")
    return path


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(folder, tmp_path / "NASDAQ"))


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Called]:
    """Calls the command line in an empty folder, with no store anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)

    def call(*arguments: object) -> Called:
        return call_cli(*arguments)

    return call


def manifest(path: Path) -> Manifest:
    return RunFolder(path).read_manifest()


def simulated(path: Path | None, **what: Any) -> Any:
    return simulate(SimulationPlan(run=path, **what), sample_store())


# A candidate as a file


def test_an_exported_candidate_states_where_it_comes_from(folder: Path) -> None:
    found = wfo.export_set(folder, candidate=2)
    own = manifest(folder)
    frame = pl.read_parquet(folder / "candidates_atr_d_ls_small.parquet")
    row = frame.row(1, named=True)
    assert found.params == {name: row[name] for name in BOTH.names}
    assert (found.strategy, found.symbol, found.symbol2) == (BOTH, "NASDAQ", None)
    assert found.settings == wfo.Settings(slip=0.0005, fee=0.0001, max_stop_atr=15)
    assert found.data == own.data
    assert found.origin == {
        "run": own.fingerprint, "folder": "NASDAQ", "candidate": 2, "of": len(frame),
    }  # fmt: skip
    assert found.scores["stability_score"] == row["Stability_Score"]
    assert found.scores["phases_valid"] == row["Phases_Valid"]
    assert [p["phase"] for p in found.scores["phases"]] == [1, 2, 3, 4]
    for phase, at in zip(found.scores["phases"], own.phases, strict=True):
        k = phase["phase"]
        assert phase["valid"] is (row[f"P{k}_OOS_Rank"] is not None)
        assert phase["oos_return"] == pytest.approx(row[f"P{k}_OOS_Return"], rel=1e-5)
        assert phase["held_oos_return"] == pytest.approx(row[f"P{k}_BuyHold_Return"], rel=1e-5)
        assert phase["oos_trades"] == row[f"P{k}_OOS_Trades"]
        assert phase["out_of_sample"] == [d.isoformat() for d in at.out_of_sample]
    assert wfo.Windows.from_dict(found.windows["schedule"]) == wfo.Windows.preset("default")
    assert found.versions["wfo"] == wfo.__version__
    said = " ".join(found.notes)
    assert f"best of {len(frame)} is lucky" in said
    assert "No costs" not in said
    again = wfo.export_set(folder, candidate=2, strategy="atr_d_ls")
    assert replace(again, created=None).to_dict() == replace(found, created=None).to_dict()


def test_the_simpler_strategy_of_a_run_is_exported_by_its_name(folder: Path) -> None:
    found = wfo.export_set(folder, candidate=1, strategy="atr_d_l")
    frame = pl.read_parquet(folder / "candidates_atr_d_l_small.parquet")
    assert found.params == {name: frame[name][0] for name in LONG.names}


@pytest.mark.parametrize("form", FORMATS)
def test_a_set_is_the_same_through_a_file(form: str, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / f"set{FORMATS[form][0]}"
    wfo.write_set(wfo.export_set(folder, candidate=3), file)
    before = simulated(folder, row=2)
    for path in (folder, None):
        after = simulated(path, set_file=file)
        assert after.claim is not None
        assert (after.claim.changed, after.claim.differences) == ((), ())
        assert after.obstacle is None
        assert "Reproduces candidate 3 of" in " ".join(after.page().split())
        if path is None:
            # On the store's bars one phase is shown, the last one.
            assert isinstance(after, SimulationReport)
            pairs = [(after.simulated, before.slices[-1])]
        else:
            assert isinstance(after, PhasesReport)
            pairs = list(zip(after.slices, before.slices, strict=True))
        assert after.claim.compared == 5 * len(pairs)
        for one, other in pairs:
            assert one.chosen.bounds == other.chosen.bounds
            assert one.simulation.equity.tobytes() == other.simulation.equity.tobytes()
            assert one.simulation.trades.equals(other.simulation.trades)


@pytest.mark.parametrize("number", [{"candidate": 1}, {"refined": 1}])
def test_a_set_states_all_that_was_searched_so_far(
    number: dict[str, int], folder: Path, copied: Path
) -> None:
    total = json.loads((folder / "trials.json").read_text())["total"]
    completion = manifest(folder).completion
    assert completion is not None
    # The refinement counts too, which is later than the run.
    assert total > completion.trials
    said = "{:,} combinations were ever searched on NASDAQ"
    assert any(said.format(total) in note for note in wfo.export_set(folder, **number).notes)
    # A folder that has left the count behind still knows the run's.
    (copied / "trials.json").unlink()
    notes = wfo.export_set(copied, **number).notes
    assert any(said.format(completion.trials) in note for note in notes)


def test_what_differs_from_a_set_is_said(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "set.json"
    wfo.write_set(wfo.export_set(folder, candidate=1), file)
    own = wfo.read_set(file)
    found = simulated(
        None, set_file=file, symbol="SP500", params={"bb_length": 30}, settings={"slip": 0.001}
    )
    assert found.params == dict(own.params) | {"bb_length": 30}
    text = " ".join(found.page().split())
    assert "SP500 1day, atr_d_ls, set file set.json, varied, phase 4 of 'default'" in text
    assert "Not candidate 1 of" in text
    assert "bb_length 30, not 20" in text
    assert "slip 0.001, not 0.0005" in text
    assert "5,031 bars of SP500 1day" in text
    assert "not the 5,031 of NASDAQ 1day" in text
    # The run's own settings are not taken for the file's.
    other = tmp_path / "other.json"
    wfo.write_set(replace(own, settings=wfo.Settings(fee=0.002)), other)
    page = simulated(folder, set_file=other).page()
    assert "fee 0.2 % of every fill" in page
    assert "does NOT reproduce" not in page


def test_figures_that_a_file_states_otherwise_are_an_obstacle(folder: Path, tmp_path: Path) -> None:
    own = wfo.export_set(folder, candidate=1)
    phases = [dict(p) for p in own.scores["phases"]]
    phases[1]["oos_return"] += 1e-12
    file = tmp_path / "set.json"
    wfo.write_set(replace(own, scores={"phases": phases}), file)
    found = simulated(folder, set_file=file)
    assert "1 of 20 figures differ" in str(found.obstacle)
    assert "oos_return of phase 2" in found.page()
    # Those of an edited file are no figures of what it has now.
    text = file.read_text().replace('"bb_length": 20', '"bb_length": 21')
    file.write_text(text)
    found = simulated(folder, set_file=file)
    assert found.obstacle is None
    assert found.params["bb_length"] == 21
    assert "was edited after it was written" in " ".join(found.page().split())


def test_inputs_alone_are_simulated_with_what_is_assumed(folder: Path, tmp_path: Path) -> None:
    text = set_text(wfo.export_set(folder, candidate=1), "easylanguage-inputs")
    file = tmp_path / "inputs.txt"
    file.write_text(re.sub(r"\{[^}]*\}", "", text))
    found = simulated(folder, set_file=file, strategy="atr_d_ls")
    page = " ".join(found.page().split())
    assert "the defaults are taken" in page
    assert "Costs none" in page
    with pytest.raises(InputError, match="does not state the symbol; give it with --symbol"):
        simulated(None, set_file=file, strategy="atr_d_ls")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({}, "and not both"),
        ({"candidate": 1, "refined": 1}, "and not both"),
        ({"candidate": 0}, "0 is no number of a set"),
        ({"candidate": True}, "True is no number"),
        ({"refined": 1.5}, "1.5 is no number"),
        ({"candidate": 100_000}, "there is no candidate 100,000"),
        ({"refined": 100_000}, "there is no refined set 100,000"),
        ({"candidate": 1, "strategy": "atr_d_hma_l"}, "has no strategy 'atr_d_hma_l'"),
    ],
)
def test_a_set_that_is_not_there_is_named(what: Any, message: str, folder: Path) -> None:
    with pytest.raises(InputError, match=message):
        wfo.export_set(folder, **what)


def test_a_run_that_is_not_reproduced_is_not_handed_over(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wfo.runs.simulate as module

    whole = module.backtest.simulate

    def other(*given: Any, **options: Any) -> Any:
        return replace(whole(*given, **options), oos_pnl=1.0)

    monkeypatch.setattr(module.backtest, "simulate", other)
    with pytest.raises(ResultsError, match="does not reproduce candidate 1"):
        wfo.export_set(copied, candidate=1)


# A refined set


def numbers(path: Path, strategy: Strategy) -> list[int]:
    table = RefinedSets.of(RunFolder(path)).table()
    return table.filter(pl.col("Strategy") == strategy.name)["Row"].to_list()


@pytest.mark.parametrize("strategy", [BOTH, LONG])
def test_a_refined_set_reproduces_every_column_of_its_row(folder: Path, strategy: Strategy) -> None:
    found = numbers(folder, strategy)
    assert len(found) > 2
    for number in found:
        report = simulated(folder, refined=number)
        assert isinstance(report, HistoryReport)
        own = RefinedSets.of(RunFolder(folder)).set(number)
        with (folder / own.file).open(newline="") as file:
            row = next(r for r in csv.DictReader(file) if r["TestNum"] == str(own.test))
        # All of them, and nothing else.
        sides = 3 if strategy.shorts else 1
        assert report.claim.compared == len(row) == len(strategy.names) + 1 + 14 * sides
        assert report.claim.differences == ()
        there = {n: float(v) if v else None for n, v in row.items()}
        assert dict(report.columns) == there
        assert report.metrics.net_profit == pytest.approx(own.figures["Net_Profit"], rel=1e-12)
        assert report.metrics.sortino == pytest.approx(own.figures["Sortino"], rel=1e-9)
    page = " ".join(report.page().split())
    assert f"Reproduces refined set {number} of" in page
    assert f"all {report.claim.compared} columns are equal in the digits" in page
    assert "whole history is in-sample" in page
    assert report.metrics.first.isoformat() in page


def test_the_columns_of_a_report_follow_from_the_trades(folder: Path) -> None:
    number = numbers(folder, BOTH)[0]
    report = simulated(folder, refined=number)
    trades = report.simulation.trades
    for word, own in (
        ("All", trades),
        ("Long", trades.filter(pl.col("side") == "long")),
        ("Short", trades.filter(pl.col("side") == "short")),
    ):
        assert len(own) > 5
        pnl = own["pnl"]
        column = {n.removeprefix(f"{word}: "): v for n, v in report.columns.items()}
        assert column["Net Profit"] == pytest.approx(pnl.sum(), abs=0.0051)
        assert column["Total Trades"] == len(own)
        assert column["% Profitable"] == pytest.approx(100 * (pnl > 0).mean(), abs=5.1e-5)
        assert column["Gross Loss"] == pytest.approx(pnl.filter(pnl < 0).sum(), abs=0.0051)
        assert column["Max Intraday Drawdown"] < 0


def test_a_refined_set_on_something_else_is_said(folder: Path, tmp_path: Path) -> None:
    number = numbers(folder, BOTH)[0]
    changed = simulated(folder, refined=number, settings={"slip": 0.01}, params={"bb_length": 25})
    assert changed.claim.compared == 0
    text = " ".join(changed.page().split())
    assert "Not refined set" in text
    assert "slip 0.01, not 0.0005" in text
    assert "bb_length 25, not 20" in text
    assert ", varied, whole history" in changed.title
    for what, kind in (
        ({"phase": 4}, SimulationReport),
        ({"windows": "sixty-forty"}, PhasesReport),
    ):
        other = simulated(folder, refined=number, **what)
        assert isinstance(other, kind)
        assert other.obstacle is None
        assert f"refined set {number}" in other.title
    equity, trades = tmp_path / "equity.csv", tmp_path / "trades.parquet"
    report = simulated(folder, refined=number, out_equity=equity, out_trades=trades)
    assert report.written == (trades, equity)
    assert set(pl.read_parquet(trades)["part"]) == {"in-sample"}
    assert pl.read_csv(equity)["equity"][-1] == pytest.approx(report.simulation.equity[-1])


def test_a_refined_set_goes_through_a_file(folder: Path, tmp_path: Path) -> None:
    number = numbers(folder, BOTH)[1]
    found = wfo.export_set(folder, refined=number)
    own = RefinedSets.of(RunFolder(folder)).set(number)
    assert found.params == own.params
    assert found.origin["refined"] == number
    assert (found.origin["report"], found.origin["test"]) == (own.file, own.test)
    assert found.scores["figures"]["MAR"] == own.figures["MAR"]
    assert found.scores["figures"]["Rank_Sum"] == own.figures["Rank_Sum"]
    assert {"CAGR", "MAR", "Net_Profit"} <= set(found.scores["buy_and_hold"])
    assert found.scores["report"]["Short: Total Trades"] > 5
    assert all(isinstance(p["valid"], bool) for p in found.scores["phases"])
    assert "whole history is in-sample" in found.notes[0]
    file = tmp_path / "set.yaml"
    wfo.write_set(found, file)
    assert wfo.read_set(file).to_dict() == found.to_dict()
    page = " ".join(simulated(folder, set_file=file).page().split())
    assert f"Reproduces refined set {number} of" in page
    with pytest.raises(InputError, match="is one of atr_d_ls, not of atr_d_l"):
        wfo.export_set(folder, refined=number, strategy="atr_d_l")


def test_the_page_of_an_analysis_ends_with_commands_that_work(
    call: Callable[..., Called], copied: Path
) -> None:
    page = analyze(RunFolder(copied), command="wfo analyze").page
    assert f"'wfo verdict {copied}' says what the figures allow to say." in " ".join(page.split())
    lines = page.partition("Next, with any N of the table\n")[2].splitlines()
    for line in lines:
        command, *arguments = shlex.split(re.split(r" {2,}", line.strip())[0])
        assert command == "wfo"
        assert call(*arguments).code == 0, line
    assert [line.split()[1] for line in lines] == ["export", "simulate", "signal"]
    assert wfo.read_set("nasdaq.json").origin["refined"] == 1


def test_the_trials_of_a_set_count_refined_rows_and_at_least_those_of_its_run(copied: Path) -> None:
    """The count lies beside the runs of a symbol, and is not copied with one of them."""
    number = numbers(copied, BOTH)[0]
    total = json.loads((copied / "trials.json").read_text())["total"]
    completion = manifest(copied).completion
    assert completion is not None
    assert total > completion.trials
    assert f"{total:,} combinations" in " ".join(wfo.export_set(copied, refined=number).notes)
    (copied / "trials.json").unlink()
    stated = f"{completion.trials:,} combinations were ever searched on NASDAQ"
    assert stated in " ".join(wfo.export_set(copied, candidate=1).notes)
    found = analyze(RunFolder(copied), command="wfo analyze")
    assert stated in " ".join(found.page.split())


def test_a_report_that_was_changed_is_not_compared_with(copied: Path) -> None:
    analyze(RunFolder(copied), command="wfo analyze")
    number = numbers(copied, BOTH)[0]
    file = copied / RefinedSets.of(RunFolder(copied)).set(number).file
    file.write_text(file.read_text().replace("\n", "\n\n", 1))
    report = simulated(copied, refined=number)
    assert report.claim.compared == 0
    assert "was changed since it was analyzed" in " ".join(report.page().split())
    assert report.obstacle is None
    file.unlink()
    assert "nothing to compare" in simulated(copied, refined=number).page()


def test_what_differs_from_tradestation_is_no_obstacle(copied: Path) -> None:
    """Its row, with another drawdown, in its own spelling."""
    name = RefinedSets.of(RunFolder(copied)).set(numbers(copied, BOTH)[0]).file
    with (copied / name).open(newline="") as file:
        lines = list(csv.reader(file))
    at = lines[0].index("Short: Max Intraday Drawdown")
    for row in lines[1:]:
        row[at] = f"{float(row[at]) - 250:.2f}"
    (copied / "refine.json").unlink()
    with (copied / name).open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows(lines)
    analyze(RunFolder(copied), command="wfo analyze")
    number = numbers(copied, BOTH)[0]
    report = simulated(copied, refined=number)
    assert report.claim.source == "TradeStation"
    ((heading, here, there),) = report.claim.differences
    assert heading == "Short: Max Intraday Drawdown"
    here, there = (float(text.replace(",", "")) for text in (here, there))
    assert here - there == pytest.approx(250)
    assert report.obstacle is None
    text = " ".join(report.page().split())
    assert "in 1 of 42 columns, which TradeStation has computed" in text
    # Such a set is handed over all the same.
    assert wfo.export_set(copied, refined=number).origin["source"] == "TradeStation"


def test_a_row_is_told_from_one_of_another_report_of_the_same_name(
    copied: Path, tmp_path: Path
) -> None:
    table = RefinedSets.of(RunFolder(copied)).table()
    name = table.filter(pl.col("Strategy") == LONG.name)["File"][0]
    rows = pl.read_csv(copied / name)
    (copied / name).unlink()
    (copied / "refine.json").unlink()
    places = [tmp_path / "first", tmp_path / "second"]
    for at, place in enumerate(places):
        place.mkdir()
        own = rows.gather_every(2, at)
        own.with_columns(TestNum=pl.int_range(1, len(own) + 1)).write_csv(place / name)
    analyze(RunFolder(copied), reports=places, command="wfo analyze")
    found = RefinedSets.of(RunFolder(copied))
    tests = found.table().filter(pl.col("Strategy") == LONG.name).select("Row", "TestNum")
    assert tests["TestNum"].is_duplicated().any()
    for number in tests["Row"]:
        claim = simulated(copied, refined=number).claim
        assert (claim.unread, claim.differences) == ("", ())
        assert claim.compared > 10


def test_without_an_analysis_there_is_no_refined_set(copied: Path) -> None:
    (copied / "analysis.json").unlink()
    for attempt in (
        lambda: simulated(copied, refined=1),
        lambda: wfo.export_set(copied, refined=1),
    ):
        with pytest.raises(ResultsError, match="there is no analysis in"):
            attempt()


# The command line


def test_a_set_is_printed_or_written_whole_or_not_at_all(
    call: Callable[..., Called], folder: Path
) -> None:
    printed = call("export", folder, "--candidate", 1)
    assert printed.code == 0, printed
    assert json.loads(printed.out)["origin"]["candidate"] == 1
    assert call("export", folder, "--candidate", 1, "--format", "yaml").out.startswith("# atr_d_ls")
    done = call("export", folder, "--refined", 1, "--output", "mine.txt")
    assert done.code == 0, done
    assert "refined set 1 of" in done.out
    assert "inputs:" in Path("mine.txt").read_text()
    before = Path("mine.txt").read_bytes()
    refused = call("export", folder, "--candidate", 1, "--output", "mine.txt")
    assert (refused.code, Path("mine.txt").read_bytes()) == (1, before)
    assert "--force replaces it" in refused.err
    assert call("export", folder, "--candidate", 1, "--output", "mine.txt", "--force").code == 0
    assert Path("mine.txt").read_bytes() != before
    found = call("simulate", folder, "--set-file", "mine.txt", "--phase", 4)
    assert "Reproduces candidate 1 of" in found.text
    assert call("simulate", folder, "--refined", 1).code == 0
    # The range files and the list of the run are not touched by any of it.
    assert sorted(p.name for p in Path.cwd().iterdir()) == ["mine.txt"]


def test_the_run_of_a_symbol_is_found(call: Callable[..., Called], folder: Path) -> None:
    found = call("simulate", "--symbol", "NASDAQ", "--refined", 1, "--out", folder.parent)
    assert "Reproduces refined set 1 of" in found.text
    found = call("export", "--symbol", "NASDAQ", "--refined", 1, "--out", folder.parent)
    assert json.loads(found.out)["origin"]["refined"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("simulate F --candidate 1 --refined 1", "--candidate and --refined each name a set"),
        ("simulate F --row 0 --refined 1", "--row and --refined each name a set"),
        ("simulate F --refined 1 --set-file x.json", "--refined and --set-file each name"),
        ("simulate F --candidate 1 --set-file x.json", "--candidate and --set-file each name"),
        ("simulate --from-candidates c.csv --refined 1", "each name a set"),
        ("simulate F --candidate 1 --row 0", "--candidate counts from 1 and --row from 0"),
        ("simulate F --symbol Q --set-file x.json", "the run's folder, or --symbol, and not both"),
        ("simulate F --refined 0", "0 is not in the range"),
        ("simulate --symbol NASDAQ", "or with --candidate or --refined of its run"),
        ("simulate", "or --set-file"),
        ("export F --candidate 1 --refined 1", "--candidate and --refined each name a set"),
        ("export F --format json", "--format goes with --candidate or --refined"),
        ("export F --output x.json", "--output goes with --candidate or --refined"),
        ("export F --candidate 1 --fix best", "--fix is of ranges"),
        ("export F --candidate 1 --force", "--force goes with --output"),
        ("export F --candidate 1 --format xml", "'xml' is not one of"),
    ],
)
def test_contradictions_are_wrong_usage(
    arguments: str, message: str, call: Callable[..., Called], folder: Path
) -> None:
    words = [str(folder) if word == "F" else word for word in arguments.split()]
    found = call(*words)
    assert found.code == 2, found
    assert message in " ".join(found.err.split())


def test_a_schedule_that_is_none_is_named(folder: Path, tmp_path: Path) -> None:
    own = wfo.export_set(folder, candidate=1)
    file = tmp_path / "set.json"
    span = {"from": "9" * 400 + "y", "to": "1y", "in_sample": 0.5}
    for schedule in (7, {"name": "x"}, {"name": "x", "phases": [span], "min_phases": 1}):
        wfo.write_set(replace(own, windows={"schedule": schedule}), file, replace=True)
        with pytest.raises(InputError, match="has no schedule that can be read"):
            simulated(None, set_file=file)
        # A schedule that is given takes its place.
        assert simulated(None, set_file=file, windows="default").obstacle is None
