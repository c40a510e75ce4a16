"""Bars of a year in results: counted once, or given, recorded, and used by all that follows."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from conftest import TINY

import wfo
from wfo.cli import main
from wfo.data import DataStore, import_bars, sample_store
from wfo.errors import InputError
from wfo.files import read_sealed, write_sealed
from wfo.runs.basis import SimulationPlan
from wfo.runs.folder import RunFolder
from wfo.runs.market import Market
from wfo.runs.optimizing.identity import years_of
from wfo.runs.refinement.history import History
from wfo.runs.rescore import rescore
from wfo.runs.simulate import simulate
from wfo.runs.simulation_report import SimulationReport
from wfo.runs.stored import run_benchmarks
from wfo.runs.walkforward import curves
from wfo.runs.walkforward.call import command_line, walk_plan
from wfo.runs.walkforward.preparing import prepare

#: Four years of Monday to Friday and Sunday, without a holiday: six times 52.18.
WEEK, COUNTED = {6, 0, 1, 2, 3, 4}, 313.0

#: What a record says of them.
RECORD = {"value": COUNTED, "from": "counted", "how": "313.1 sessions"}

SAMPLE = str(sample_store().folder)


@pytest.fixture(autouse=True, scope="module")
def _no_pictures() -> Iterator[None]:
    """Leave pictures out, which take longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves, "has_matplotlib", lambda: False)
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with bars of a market that has Sundays."""
    folder = tmp_path_factory.mktemp("fx")
    every = (dt.date(2017, 1, 1) + dt.timedelta(n) for n in range(1_461))
    days = [day for day in every if day.weekday() in WEEK]
    close = 1.1 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0003, 0.006, len(days))))
    opens = np.concatenate([[1.1], close[:-1]])
    high, low = np.maximum(opens, close) * 1.001, np.minimum(opens, close) * 0.999
    columns = {"date": days, "open": opens, "high": high, "low": low, "close": close}
    pl.DataFrame(columns).write_parquet(folder / "fx.parquet")
    import_bars(folder / "fx.parquet", symbol="FX", calendar="none", store=DataStore(folder))
    (folder / "tiny.yaml").write_text(TINY)
    return folder


def made(store: Path, out: Path, **options: Any) -> RunFolder:
    """A run of a tiny grid."""
    wfo.run(
        "FX", "atr_d_l", grid=store / "tiny.yaml", data_dir=store, out=out, expand=False, **options
    )
    return RunFolder(out / "FX")


@pytest.fixture(scope="module")
def counted(store: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that counts; it is read only."""
    return made(store, tmp_path_factory.mktemp("counted"))


def said(page: str) -> str:
    """A page on one line."""
    return re.sub(r"\s+", " ", page)


def annual_of(folder: RunFolder) -> float:
    """The bars of a year that a candidate's annual column is made with."""
    manifest = folder.read_manifest()
    found = pl.read_csv(folder.path / "candidates_atr_d_l_tiny.csv").row(0, named=True)
    phase = manifest.phases[0]
    growth = math.log1p(found["P1_OOS_Return"])
    return math.log1p(found["P1_OOS_Return_Annual"]) / growth * (phase.end - phase.split)


# Runs


def test_a_run_counts_and_records_it(counted: RunFolder, store: Path) -> None:
    stated = json.loads(counted.manifest.read_text())
    assert stated["bars_per_year"] == RECORD
    assert [each["bars_per_year"] for each in stated["benchmarks"]] == [COUNTED] * len(
        stated["benchmarks"]
    )
    assert annual_of(counted) == pytest.approx(COUNTED, rel=1e-3)
    assert History.of(counted).bars_per_year == COUNTED
    page = said(simulate(SimulationPlan(run=counted.path, row=0), DataStore(store)).page())
    assert "Year 313 bars (counted: 313.1 sessions)" in page
    assert "Reproduces candidate 1" in page


def test_a_year_that_is_given_reaches_all_that_is_made_of_a_run(
    counted: RunFolder, store: Path, tmp_path: Path
) -> None:
    folder = made(store, tmp_path, bars_per_year=252)
    manifest = folder.read_manifest()
    given = {"value": 252.0, "from": "given", "how": ""}
    assert json.loads(folder.manifest.read_text())["bars_per_year"] == given
    assert "--bars-per-year 252.0" in manifest.command
    assert manifest.fingerprint != counted.read_manifest().fingerprint
    assert annual_of(folder) == pytest.approx(252, rel=1e-3)
    assert History.of(folder).bars_per_year == 252
    market = Market.of_run(folder, manifest, run_benchmarks(folder, manifest), 1)
    assert market.periods_per_year(100, 200, 100) == 252
    assert market.periods_per_year(100, 200, 25) == 63
    before = folder.manifest.read_text()
    assert "Bars of a year: 252 (given)." in said(rescore(folder).page)
    assert json.loads(folder.manifest.read_text())["bars_per_year"] == given
    # The same again is no other run, and another year is.
    assert made(store, tmp_path, bars_per_year=252.0).read_manifest().is_complete
    assert not (folder.path / ".history").exists()
    made(store, tmp_path, bars_per_year=260)
    assert json.loads(folder.manifest.read_text())["bars_per_year"]["value"] == 260
    (moved,) = (folder.path / ".history").iterdir()
    assert (
        json.loads(before)["fingerprint"]
        == json.loads((moved / "run.json").read_text())["fingerprint"]
    )


def test_a_run_of_an_earlier_version_is_counted_anew(
    counted: RunFolder, store: Path, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "FX")
    shutil.copytree(counted.path, folder.path)
    stated = read_sealed(folder.manifest)
    stated.pop("seal", None)
    write_sealed(folder.manifest, stated | {"bars_per_year": RECORD | {"value": 260.0}})
    with pytest.raises(wfo.ResultsError, match="do not count 260 bars a year"):
        run_benchmarks(folder, folder.read_manifest())
    del stated["bars_per_year"]
    for each in stated["benchmarks"]:
        each["bars_per_year"] = 252.0
    write_sealed(folder.manifest, stated)
    manifest = folder.read_manifest()
    assert manifest.bars_per_year is None
    assert History.of(folder).bars_per_year == COUNTED
    assert {each.bars_per_year for each in run_benchmarks(folder, manifest)} == {COUNTED}
    page = said(simulate(SimulationPlan(run=folder.path, row=0), DataStore(store)).page())
    how = "(counted: 313.1 sessions; anew, since the run, of an earlier version, does not say)"
    assert f"Year 313 bars {how}" in page
    assert f"Bars of a year: 313 {how}." in said(rescore(folder).page)
    assert folder.read_manifest().bars_per_year is not None


def test_a_simulation_counts_or_takes_what_is_given(counted: RunFolder, store: Path) -> None:
    plan = SimulationPlan(run=counted.path, row=0)
    reports = [
        simulate(replace(plan, bars_per_year=year, phase=1), DataStore(store))
        for year in (None, 4 * COUNTED)
    ]
    own, other = (r.simulated.parts.whole for r in reports if isinstance(r, SimulationReport))
    assert own.sharpe is not None
    assert own.cagr is not None
    assert other.cagr is not None
    assert other.sharpe == pytest.approx(2 * own.sharpe)
    assert 1 + other.cagr == pytest.approx((1 + own.cagr) ** 4)
    page = said(simulate(replace(plan, bars_per_year=252), DataStore(store)).page())
    # Neither profits nor drawdowns follow from it.
    assert "Year 252 bars (given)" in page
    assert "Reproduces candidate 1" in page


@pytest.mark.parametrize("year", ["0", "-3", "1e10", "nan", "many"])
@pytest.mark.parametrize("command", ["run", "simulate", "walkforward"])
def test_an_option_that_is_no_number_of_bars_is_refused(
    command: str, year: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main([command, "--symbol", "FX", "--strategy", "atr_d_l", "--bars-per-year", year])
    assert exited.value.code == 2
    error = capsys.readouterr().err
    assert "Invalid value for '--bars-per-year'" in error
    assert ("must be a number above 0" in error) == (year != "many")


# Walk-forwards


def test_a_walk_forward_takes_what_is_given(tmp_path: Path) -> None:
    lengths: dict[str, Any] = {
        "grid": "smoke", "in_sample": "2y", "out_of_sample": "1y", "by": "net_profit",
        "begin": "2009-01-02", "as_of": "2012-06-28", "results": tmp_path,
    }  # fmt: skip
    own, other = (
        wfo.run_walk_forward(
            "NASDAQ", "atr_d_l", data_dir=SAMPLE, name=name, bars_per_year=year, **lengths
        )
        for name, year in (("own", None), ("other", 504))
    )
    counted = {"value": 252.0, "from": "counted", "how": "252 sessions by convention"}
    stated = [json.loads((r.folder / "walkforward.json").read_text()) for r in (own, other)]
    assert stated[0]["bars_per_year"] == counted
    assert stated[1]["bars_per_year"] == {"value": 504.0, "from": "given", "how": ""}
    assert stated[0]["fingerprint"] != stated[1]["fingerprint"]
    assert stated[0]["walk"]["bars_per_year"] == 252.0
    one, two = (each.walk.stitched.metrics for each in (own, other) if each.walk is not None)
    assert two.total_return == one.total_return
    assert 1 + two.cagr == pytest.approx((1 + one.cagr) ** 2)
    assert "Year 252 bars (counted: 252 sessions by convention)" in said(own.page)
    assert "Year 504 bars (given)" in said(other.page)
    assert wfo.read_walk_forward(other.folder).year == other.year
    # What says one year and has another is of neither.
    stated[0].pop("seal", None)
    mixed = stated[0] | {"bars_per_year": counted | {"value": 260.0}}
    write_sealed(own.folder / "walkforward.json", mixed)
    with pytest.raises(wfo.ResultsError, match="260 is not what its figures count in, 252;"):
        wfo.read_walk_forward(own.folder)
    # What an earlier version has written says how many, and not where from.
    del stated[0]["bars_per_year"]
    write_sealed(own.folder / "walkforward.json", stated[0])
    again = wfo.read_walk_forward(own.folder)
    assert (again.year, again.walk.bars_per_year if again.walk else None) == (None, 252.0)


def test_later_bars_make_no_other_walk_forward(store: Path) -> None:
    # The count follows from the bars, and the decisions of windows are kept.
    given = {"symbol": "FX", "strategy": "atr_d_l", "grid": store / "tiny.yaml",
             "in_sample": "1y", "out_of_sample": "6m", "by": "sharpe"}  # fmt: skip
    plan = walk_plan(given)
    early, late = (
        prepare(replace(plan, as_of=as_of), DataStore(store), "1")
        for as_of in (dt.date(2018, 10, 31), None)
    )
    assert early.fingerprint == late.fingerprint
    assert early.year.bars == pytest.approx(late.year.bars, abs=1)
    other = walk_plan(given | {"bars_per_year": 252})
    assert prepare(other, DataStore(store), "1").fingerprint != late.fingerprint
    assert "--bars-per-year 252.0" in command_line(other, None)
    for year in (0, math.nan, "252"):
        with pytest.raises(InputError, match="bars_per_year ="):
            walk_plan(given | {"bars_per_year": year})


def test_a_walk_forward_in_memory_takes_what_is_given() -> None:
    bars = wfo.load_sample("NASDAQ")[-900:]
    lengths = {"in_sample": "1y", "out_of_sample": "1y", "by": "sharpe"}
    own, other = (
        wfo.walk_forward("atr_d_l", bars, "smoke", bars_per_year=year, **lengths)  # type: ignore[arg-type]
        for year in (None, 4 * 252)
    )
    assert (own.bars_per_year, other.bars_per_year) == (252, 4 * 252)
    pairs = zip(own.results, other.results, strict=True)
    for one, two in pairs:
        assert one.params == two.params
        assert two.decision.value == pytest.approx(2 * one.decision.value)


def test_a_sweep_in_memory_takes_what_is_given() -> None:
    bars = wfo.load_sample("NASDAQ")[-600:]
    own, other = (
        wfo.sweep("atr_d_l", bars, "smoke", split=400, figures="extended", bars_per_year=year)
        for year in (None, 4 * 252)
    )
    held = [each.benchmark.bars_per_year for each in (own, other) if each.benchmark is not None]
    assert held == [252, 4 * 252]
    one, two = (each.metrics()["is_sharpe"].drop_nulls() for each in (own, other))
    assert len(one) > 0
    assert two.to_numpy() == pytest.approx(2 * one.to_numpy())
    assert other.metrics(252).equals(own.metrics())
    with pytest.raises(InputError, match="bars_per_year = 0 must be"):
        wfo.sweep("atr_d_l", bars, "smoke", split=400, bars_per_year=0)


# Searches

SPACE: dict[str, Any] = {
    "strategy": "atr_d_l",
    "symbols": ["FX"],
    "parameters": {"atr_period": {"int": [8, 32], "step": 8}, "atr_multiplier": [6, 13]},
    "windows": {"in": "2017-06-01/2019-06-01", "out": "2019-06-01/2020-06-01"},
    "objective": "sharpe",
    "method": "grid",
    "block": "none",
    "holdout": "6m",
}


def test_a_study_counts_or_takes_what_is_given(store: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"data_dir": store, "out": tmp_path}
    own = wfo.optimize(SPACE, study="own", **options)
    other = wfo.optimize(SPACE, study="other", bars_per_year=4 * COUNTED, **options)
    counted, given = (each.record.identity["bars_per_year"]["FX"] for each in (own, other))
    assert (counted["value"], counted["from"]) == (COUNTED, "counted")
    assert given == {"value": 4 * COUNTED, "from": "given", "how": ""}
    assert f"Year 313 bars (counted: {counted['how']})" in said(own.page)
    assert "Year 1,252 bars (given)" in said(other.page)
    one, two = own.best[0], other.best[0]
    assert two.params == one.params
    assert two.score == pytest.approx(2 * one.score)
    for part in ("in_sample", "out_of_sample"):
        before, after = (getattr(each.parts, part)["sharpe"] for each in (one, two))
        assert after == pytest.approx(2 * before), part
    assert own.held is not None
    assert other.held is not None
    assert other.held.in_sample["sharpe"] == pytest.approx(2 * own.held.in_sample["sharpe"])
    # A study counts in one year: another one is another study.
    with pytest.raises(InputError, match=r"bars_per_year\.FX\.value is 313"):
        wfo.optimize(SPACE, study="own", bars_per_year=252, **options)
    # The file of a space says it too, and an option instead of it.
    space = SPACE | {"bars_per_year": 252}
    assert years_of(wfo.optimize(space, study="c", **options).record)["FX"].bars == 252
    with pytest.raises(InputError, match="bars_per_year ="):
        wfo.optimize(SPACE, study="d", bars_per_year=0, **options)
