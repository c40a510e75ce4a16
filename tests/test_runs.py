"""A run from bars to ranges: what its folder holds, when it moves, and scoring it again."""

from __future__ import annotations

import dataclasses
import datetime as dt
import errno
import functools
import itertools
import json
import math
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from conftest import TINY
from noting import run_noted
from polars import selectors as cs
from polars.testing import assert_frame_equal, assert_series_equal

import wfo
from wfo.atr_d.settings import Settings
from wfo.backtest import Figures
from wfo.backtest.benchmark import Benchmark, benchmark
from wfo.bars import prices
from wfo.data import fingerprint, sample_store
from wfo.errors import InputError, ResultsError, WfoError
from wfo.files import read_sealed, write_sealed
from wfo.progress import Tick
from wfo.runs import stages
from wfo.runs.folder import RunFolder
from wfo.runs.options import RunOptions
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.rescore import rescore
from wfo.runs.run import run
from wfo.selection.options import ScoreOptions
from wfo.selection.plateaus import Plateau, Plateaus
from wfo.selection.scoring import Cells, Gates
from wfo.settings import AccountSettings

MONEY = ("is_pnl", "oos_pnl", "is_dd", "oos_dd")
TRADES = ("is_trades", "oos_trades")
HISTORY = ".history"


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return str(path)


@pytest.fixture
def plan(tiny: str, tmp_path: Path) -> Any:
    """Builds plans of the tiny grid, with what a test changes."""
    return functools.partial(RunPlan, "NASDAQ", "atr_d_l", grid=tiny, out=tmp_path / "out")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of the tiny grid; its folder is for reading only."""
    place = tmp_path_factory.mktemp("whole")
    (place / "tiny.yaml").write_text(TINY)
    each = RunPlan("NASDAQ", "atr_d_l", grid=str(place / "tiny.yaml"), out=place / "out")
    return run(each, sample_store()).folder.path


@pytest.fixture
def earlier(whole: Path, plan: Any) -> RunFolder:
    """The folder of plans, where a run of the tiny grid has come to its end; a copy."""
    folder = RunFolder.of(plan().out, "NASDAQ")
    shutil.copytree(whole, folder.path)
    return folder


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    """One run of the smoke grid; its folder is for reading only."""
    out = tmp_path_factory.mktemp("smoke")
    plan = RunPlan("NASDAQ", "atr_d_l", grid="smoke", out=out, command="wfo run --grid smoke")
    return run(plan, sample_store())


@pytest.fixture
def smoke_copy(smoke: RunReport, tmp_path: Path) -> RunFolder:
    return RunFolder(shutil.copytree(smoke.folder.path, tmp_path / "copy"))


@pytest.fixture(scope="module")
def memory() -> list[wfo.SweepResult]:
    """The same sweep without a folder."""
    bars = wfo.load_sample("NASDAQ")
    phases = wfo.Windows.preset("default").resolve(bars["date"])
    found: list[wfo.SweepResult] = wfo.sweep(
        "atr_d_l", bars, wfo.Grid.load("smoke", "atr_d_l"), windows=phases
    )
    return found


def contents(folder: Path, *without: str) -> dict[str, bytes]:
    """The files of a run by relative name, the history left out."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in without and HISTORY not in p.relative_to(folder).parts
    }


def figures(folder: Path, phase: int, name: str) -> Any:
    return np.load(folder / f"wfo/atr_d_l/phase{phase}/{name}.npy")


def manifest(folder: Path) -> Any:
    return json.loads((folder / "run.json").read_text())


def parts(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


# The folder


def test_layout_is_the_one_that_is_specified(smoke: RunReport) -> None:
    ranks = [f"phase5_refine_ATR-D-v1.5-L_rank{p.rank}.csv" for p in smoke.strategies[0].plateaus]
    expected = {
        "run.json",
        "trials.json",
        "bars.parquet",
        "candidates_atr_d_l_smoke.parquet",
        "candidates_atr_d_l_smoke.csv",
        "plateaus_atr_d_l_smoke.csv",
        "regions_atr_d_l_smoke.csv",
        "sensitivity_atr_d_l_smoke.csv",
        "sensitivity_atr_d_l_smoke.html",
        "phase5_refine_config.csv",
        *ranks,
        "wfo/atr_d_l/meta.json",
        "wfo/atr_d_l/journal",
        *(f"wfo/atr_d_l/phase{k}/{n}.npy" for k in (1, 2, 3, 4) for n in MONEY + TRADES),
    }
    assert set(contents(smoke.folder.path)) == expected
    assert smoke.folder.path.name == "NASDAQ"
    assert not (smoke.folder.path / HISTORY).exists()
    assert all(p.is_file() for p in smoke.files)


def test_figures_are_those_of_the_sweep_in_memory(
    smoke: RunReport, memory: list[wfo.SweepResult]
) -> None:
    for k, phase in enumerate(memory, 1):
        for name in MONEY:
            found = figures(smoke.folder.path, k, name)
            assert found.dtype == np.dtype("<f4")
            np.testing.assert_array_equal(found, getattr(phase, name).astype(np.float32))
            assert len(np.unique(found)) > 10, "figures that are all alike would prove no order"
        for name in TRADES:
            found = figures(smoke.folder.path, k, name)
            assert found.dtype == np.dtype("<u2")
            np.testing.assert_array_equal(found, getattr(phase, name))
        assert phase.is_pnl.shape == (1280,)


@pytest.mark.parametrize("index", [0, 1, 639, 1001, 1279])
def test_cell_i_is_combination_i(index: int, smoke: RunReport) -> None:
    bars = wfo.load_sample("NASDAQ")
    grid = wfo.Grid.load("smoke", "atr_d_l")
    for k, phase in enumerate(smoke.phases, 1):
        alone = wfo.simulate(
            "atr_d_l",
            bars[: phase.end],
            grid.params(index),
            split=phase.split,
            warmup=phase.warmup,
        )
        for name in MONEY:
            assert figures(smoke.folder.path, k, name)[index] == np.float32(getattr(alone, name))
        for name in TRADES:
            assert figures(smoke.folder.path, k, name)[index] == getattr(alone, name)


def test_meta_says_what_the_figures_are(smoke: RunReport) -> None:
    meta = json.loads((smoke.folder.path / "wfo/atr_d_l/meta.json").read_text())
    assert meta["complete"] is True
    assert meta["grid"] == wfo.Grid.load("smoke", "atr_d_l").to_dict()
    assert meta["phases"] == smoke.phases.to_dict()
    assert meta["settings"] == Settings().to_dict()
    assert meta["data"]["fingerprint"] == fingerprint(wfo.load_sample("NASDAQ"))
    assert meta["engine"] == "factored"
    assert meta["build"]["version"] == wfo.__version__


def test_manifest_says_what_was_done_with_what(smoke: RunReport) -> None:
    bars = wfo.load_sample("NASDAQ")
    found = manifest(smoke.folder.path)
    assert found["status"] == "complete"
    assert found["command"] == "wfo run --grid smoke"
    assert (found["symbol"], found["timeframe"]) == ("NASDAQ", "1day")
    assert found["strategy"] == "atr_d_l"
    data = found["data"]
    assert (data["symbol"], data["rows"]) == ("NASDAQ", 5031)
    assert (data["first"], data["last"]) == ("1999-01-04", "2018-12-31")
    assert data["fingerprint"] == fingerprint(bars)
    assert [g["name"] for g in found["grids"]] == ["smoke"]
    assert found["grids"][0]["combinations"] == 1280
    assert found["windows"]["name"] == "default"
    assert found["phases"] == wfo.Windows.preset("default").resolve(bars["date"]).to_dict()
    assert found["settings"] == Settings().to_dict()
    assert found["gates"] == Gates().to_dict()
    held = [Benchmark.from_dict(b) for b in found["benchmarks"]]
    settings = AccountSettings()
    assert held == [
        benchmark(prices(bars), (p["warmup"], p["split"], p["end"]), settings, 252.0)
        for p in found["phases"]["phases"]
    ]
    (result,) = found["results"]
    assert set(result["sets"]) == {"v4", "strict"}
    ruling, other = result["sets"]["v4"], result["sets"]["strict"]
    assert ruling == {"stable": result["stable"], "min_phases": result["min_phases"]}
    assert other["name"] == "strict"
    assert other["rules"] == Gates.preset("strict").to_dict()
    assert sum(other["valid_phases"]) == 1280
    assert sum(map(sum, other["cells"])) == other["stable"] < result["stable"]
    assert [len(p["gates"]) for p in other["gates"]] == [6] * 4
    assert found["engine"] == "factored"
    assert found["threads"] == len(os.sched_getaffinity(0))
    assert found["build"] == wfo.build_info()
    assert {"version", "commit", "numpy", "polars"} <= set(found["build"])
    assert found["host"]["cores"] == os.cpu_count()
    stages = ("sweep", "score", "candidates", "plateaus", "regions", "sensitivity", "ranges")
    timed = {f"{s} atr_d_l" for s in (*stages, "most stable")}
    assert set(found["timings"]) == timed | {"bars"}
    assert all(t >= 0 for t in found["timings"].values())
    assert found["timings"]["sweep atr_d_l"] > 0
    begun, ended = (
        dt.datetime.fromisoformat(found[k]).astimezone(dt.UTC) for k in ("started", "finished")
    )
    assert begun <= ended <= dt.datetime.now(dt.UTC)
    assert found["trials"] == 1280
    named = {smoke.folder.path / name for name in found["files"]}
    assert named == set(smoke.files)


def test_bars_are_kept_as_they_were_used(smoke: RunReport) -> None:
    kept = pl.read_parquet(smoke.folder.path / "bars.parquet")
    assert_frame_equal(kept, wfo.load_sample("NASDAQ"), check_exact=True)


def test_library_says_nothing(plan: Any, capfd: pytest.CaptureFixture[str]) -> None:
    run(plan(), sample_store())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_a_byte(threads: int, smoke: RunReport, tmp_path: Path) -> None:
    plan = RunPlan("NASDAQ", "atr_d_l", grid="smoke", out=tmp_path, threads=threads)
    other = run(plan, sample_store())
    timed = ("run.json", "meta.json")
    assert contents(other.folder.path, *timed) == contents(smoke.folder.path, *timed)


# Candidates


def test_candidates_are_those_of_score(smoke: RunReport, memory: list[wfo.SweepResult]) -> None:
    expected = wfo.score(memory)
    assert len(expected) > 100
    stored = pl.read_parquet(smoke.folder.path / "candidates_atr_d_l_smoke.parquet")
    # What a run simulates for, and `wfo.score` leaves out.
    share = cs.ends_with("_OOS_DD_Share")
    assert_frame_equal(stored.drop(share), expected.drop(share), check_exact=True)
    assert stored.columns == expected.columns
    assert sum(stored.select(share).null_count().row(0)) == 0
    check_text(smoke.folder.path / "candidates_atr_d_l_smoke.csv", stored)


def check_text(path: Path, frame: pl.DataFrame) -> None:
    """The CSV file holds the frame, money with two decimals and other figures with four."""
    text = pl.read_csv(path, infer_schema=False)
    assert text.columns == frame.columns
    for name in frame.columns:
        written, values = text[name], frame[name]
        if name in wfo.strategies()["atr_d_l"].names or not values.dtype.is_float():
            # Parameters, counts and flags are as they are.
            assert_series_equal(written, values.cast(pl.String))
            continue
        digits = 2 if name.endswith(("_PnL", "_DD")) else 4
        assert written.drop_nulls().str.contains(rf"^-?\d+\.\d{{{digits}}}$").all(), name
        assert written.is_null().equals(values.is_null())
        off = (written.cast(pl.Float64) - values.cast(pl.Float64)).abs().max()
        assert off is None or off <= 0.5 * 10**-digits + 1e-9, name  # type: ignore[operator]


@pytest.mark.parametrize("rows", [10, None])
def test_csv_holds_the_best_unless_all_are_asked_for(rows: int | None, plan: Any) -> None:
    assert plan().csv_rows == 100_000
    folder = run(plan(csv_rows=rows), sample_store()).folder.path
    frame = pl.read_parquet(folder / "candidates_atr_d_l_tiny.parquet")
    assert len(frame) > 10
    check_text(folder / "candidates_atr_d_l_tiny.csv", frame if rows is None else frame.head(rows))


def test_nothing_stable_leaves_headings(plan: Any, earlier: RunFolder) -> None:
    usual = earlier.path
    headings = {p.name: p.read_text().splitlines()[0] for p in usual.glob("*.csv")}
    report = run(plan(gates=Gates(wfe=1000)), sample_store())
    scores = report.strategies[0].scores
    assert scores.stable == 0
    assert any("none is stable" in w for w in scores.warnings)
    frame = pl.read_parquet(usual / "candidates_atr_d_l_tiny.parquet")
    assert len(frame) == 0
    assert headings["candidates_atr_d_l_tiny.csv"].split(",") == frame.columns
    # What a parameter does can be said of any grid, and that it does nothing for being stable.
    sensitivity = pl.read_csv(usual / "sensitivity_atr_d_l_tiny.csv")
    effects = sensitivity.filter(pl.col("kind") == "effect")
    assert effects["response"].to_list() == ["return"] * 11 + ["stable"] * 11
    assert effects.filter(pl.col("response") == "stable")["total"].to_list() == [0.0] * 11
    assert effects.filter(pl.col("response") == "return")["total"].max() > 0.1  # type: ignore[operator]
    del headings["sensitivity_atr_d_l_tiny.csv"]
    assert set(headings) == {
        "candidates_atr_d_l_tiny.csv",
        "plateaus_atr_d_l_tiny.csv",
        "regions_atr_d_l_tiny.csv",
        "phase5_refine_config.csv",
    }
    for name, heading in headings.items():
        assert (usual / name).read_text() == heading + "\n"
    assert manifest(usual)["status"] == "complete"
    assert not list(usual.glob("phase5_refine_*_rank*"))


def test_plateau_without_candidates_is_recorded_without_a_score(
    plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = RunOptions(score=ScoreOptions(kept=1))
    best = (
        run(plan(), sample_store(), options=few).strategies[0].scores.candidates.row(0, named=True)
    )
    cell = (best["atr_multiplier"], best["atr_buy_multiplier"])
    other = next(c for c in itertools.product((13.0, 24.0), (0.5, 2.5)) if c != cell)
    monkeypatch.setattr(stages, "detect_plateaus", two_plateaus(cell, other))
    progress = _Interrupting(0)
    folder = run(plan(), sample_store(), progress=progress, options=few).folder.path
    (result,) = manifest(folder)["results"]
    assert [p["stability"] for p in result["plateaus"]["plateaus"]] == [50.0, None]
    assert pl.read_csv(folder / "plateaus_atr_d_l_tiny.csv")["stability"].to_list() == [50.0, None]
    ranges = [p.name for p in folder.glob("phase5_refine_*_rank*.csv")]
    assert ranges == ["phase5_refine_ATR-D-v1.5-L_rank1.csv"]
    assert any("plateau 2 has no range file" in text for text in progress.said)


def two_plateaus(first: tuple[float, float], second: tuple[float, float]) -> Any:
    """A stand-in for the search for plateaus; the second one has no score."""

    def detect(candidates: pl.DataFrame, grid: wfo.Grid, *, cells: Cells) -> Plateaus:
        pairs = ((first, 50.0), (second, math.nan))
        return Plateaus(
            tuple(
                Plateau(rank, "WIDE", (cell,), 30, 0.9, stability, cell)
                for rank, (cell, stability) in enumerate(pairs, 1)
            ),
            cells,
        )

    return detect


# Trials


def test_trials_count_every_search_once(plan: Any, tmp_path: Path) -> None:
    wider = tmp_path / "wider.yaml"
    wider.write_text(TINY.replace("[10]", "[10, 20]"))
    plans = [
        (plan(), 128),
        (plan(), 128),
        (plan(gates=Gates(wfe=0.5)), 128),
        (plan(threads=1), 128),
        (plan(settings=Settings(slip=0.001)), 256),
        (plan(windows="sixty-forty"), 384),
        (plan(as_of=dt.date(2018, 6, 29)), 512),
        (plan(grid=str(wider)), 768),
        (plan(), 768),
        (plan(settings=Settings(slip=0.001)), 768),
    ]
    for each, total in plans:
        report = run(each, sample_store())
        trials = json.loads(report.folder.trials.read_text())
        assert (report.trials, trials["total"]) == (total, total)
        assert sum(s["combinations"] for s in trials["searches"]) == total
        assert manifest(report.folder.path)["trials"] == total


# Another run in the same folder


def changed_bars(tmp_path: Path) -> wfo.DataStore:
    """The sample with a last close that is different in its last digit."""
    store = wfo.DataStore(tmp_path / "store")
    bars = sample_store().load("NASDAQ")
    last = pl.int_range(pl.len()) == pl.len() - 1
    close = pl.when(last).then(pl.col("close") - 0.01).otherwise(pl.col("close"))
    origin = sample_store().meta("NASDAQ").origin
    store.save("NASDAQ", "1day", bars.with_columns(close), origin)
    return store


@pytest.mark.parametrize("what", ["settings", "windows", "as_of", "grid", "data"])
def test_another_run_moves_the_earlier_one_whole(
    what: str, plan: Any, earlier: RunFolder, tmp_path: Path
) -> None:
    folder = earlier.path
    before = contents(folder, "trials.json")
    changes: dict[str, dict[str, Any]] = {
        "settings": {"settings": Settings(fee=0.0001)},
        "windows": {"windows": "sixty-forty"},
        "as_of": {"as_of": dt.date(2018, 12, 28)},
        "grid": {"grid": "smoke"},
        "data": {},
    }
    store = changed_bars(tmp_path) if what == "data" else sample_store()
    second = run(plan(**changes[what]), store)
    moved = folder / HISTORY / manifest(folder / HISTORY / before_hash(before))["fingerprint"][:8]
    assert second.moved == moved
    assert contents(moved) == before
    assert (folder / "trials.json").is_file()
    assert manifest(folder)["fingerprint"] != json.loads(before["run.json"])["fingerprint"]
    # What is left is what the second run makes in a folder of its own.
    alone = run(plan(out=tmp_path / "alone", **changes[what]), store)
    timed = ("run.json", "meta.json", "trials.json")
    assert contents(folder, *timed) == contents(alone.folder.path, *timed)


def before_hash(before: dict[str, bytes]) -> str:
    return str(json.loads(before["run.json"])["fingerprint"])[:8]


def test_the_same_run_again_stays_where_it_is(plan: Any, earlier: RunFolder) -> None:
    before = contents(earlier.path, "run.json")
    again = run(plan(), sample_store())
    assert again.moved is None
    assert not (earlier.path / HISTORY).exists()
    assert contents(earlier.path, "run.json") == before


def test_other_gates_are_the_same_run_scored_otherwise(plan: Any, tmp_path: Path) -> None:
    run(plan(), sample_store())
    strict = plan(gates=Gates(wfe=0.9))
    report = run(strict, sample_store())
    assert report.moved is None
    alone = run(plan(out=tmp_path / "alone", gates=Gates(wfe=0.9)), sample_store())
    timed = ("run.json", "meta.json")
    assert contents(report.folder.path, *timed) == contents(alone.folder.path, *timed)


def test_runs_can_take_turns_and_are_swept_once(plan: Any) -> None:
    first, second = plan(), plan(settings=Settings(slip=0.001))
    report, swept = run_noted(first)
    assert swept
    before = contents(report.folder.path, "run.json", "trials.json")
    assert run_noted(second)[1]
    for each in (first, second, first):
        report, swept = run_noted(each)
        assert not swept
        folder = report.folder.path
        assert report.moved is not None
        (moved,) = (folder / HISTORY).iterdir()
        assert moved == report.moved
        assert manifest(moved)["status"] == "complete"
        assert manifest(moved)["fingerprint"][:8] == moved.name
    assert contents(folder, "run.json", "trials.json") == before


def test_a_run_of_the_history_is_never_replaced(plan: Any, earlier: RunFolder) -> None:
    folder = earlier.path
    before = contents(folder, "trials.json")
    for number in ("", "-2", "-3"):
        moved = run(plan(fresh=True), sample_store()).moved
        assert moved is not None
        assert moved.name == manifest(moved)["fingerprint"][:8] + number
        assert contents(moved).keys() == before.keys()
        (moved / "note.txt").write_text(number)
    notes = sorted(p.read_text() for p in (folder / HISTORY).glob("*/note.txt"))
    assert notes == ["", "-2", "-3"]


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_move_that_was_cut_short_is_taken_back(gone: int, plan: Any, earlier: RunFolder) -> None:
    folder = earlier.path
    before = contents(folder, "run.json")
    target = folder / HISTORY / manifest(folder)["fingerprint"][:8]
    target.mkdir(parents=True)
    for name in ("wfo", "bars.parquet", "candidates_atr_d_l_tiny.csv")[:gone]:
        (folder / name).rename(target / name)
    report, swept = run_noted(plan())
    assert (report.moved, swept) == (None, False)
    assert contents(folder, "run.json") == before
    assert not list((folder / HISTORY).iterdir())


def test_figures_of_an_unfinished_run_survive_in_the_history(plan: Any, tmp_path: Path) -> None:
    def half() -> int:
        return sum(1 for p in (plan().out / "NASDAQ").rglob("*.npy.part"))

    with pytest.raises(KeyboardInterrupt):
        run(plan(), sample_store(), progress=_Interrupting(1))
    assert half() == 24
    for _ in range(2):
        assert run(plan(settings=Settings(slip=0.001)), sample_store()).folder
        assert half() == 24
    back = run(plan(), sample_store()).folder.path
    assert half() == 0
    alone = run(plan(out=tmp_path / "alone"), sample_store()).folder.path
    assert contents(back, "run.json", "trials.json") == contents(alone, "run.json", "trials.json")


def test_move_that_was_cut_short_is_completed(plan: Any, earlier: RunFolder) -> None:
    folder = earlier.path
    before = contents(folder, "trials.json")
    # As a kill between two renames leaves it: some files are over, the manifest is still here.
    target = folder / HISTORY / before_hash(before)
    target.mkdir(parents=True)
    for name in ("wfo", "bars.parquet"):
        (folder / name).rename(target / name)
    assert run(plan(settings=Settings(slip=0.001)), sample_store()).moved == target
    assert contents(target) == before


# That each of the others cannot be read is seen below.
@pytest.mark.parametrize(
    "text", ["{", *(pytest.param(text, marks=pytest.mark.slow) for text in ("[]", "{}", ""))]
)
def test_manifest_that_cannot_be_read_is_moved_with_its_files(
    text: str, plan: Any, earlier: RunFolder
) -> None:
    folder = earlier.path
    (folder / "run.json").write_text(text)
    (folder / "note.txt").write_text("of the earlier run")
    report = run(plan(settings=Settings(slip=0.001)), sample_store())
    assert report.moved == folder / HISTORY / "unknown"
    assert (report.moved / "run.json").read_text() == text
    assert (report.moved / "note.txt").exists()
    assert not (folder / "note.txt").exists()
    assert manifest(folder)["status"] == "complete"
    # The next one of its kind finds another place.
    (folder / "run.json").write_text(text)
    assert run(plan(), sample_store()).moved == folder / HISTORY / "unknown-2"


@pytest.mark.parametrize("text", ["{", "[]", "{}", "", None])
def test_manifest_that_cannot_be_read_does_not_cost_the_sweep(
    text: str | None, plan: Any, earlier: RunFolder
) -> None:
    folder = earlier.path
    before = contents(folder, "run.json")
    if text is None:
        (folder / "run.json").unlink()
    else:
        (folder / "run.json").write_text(text)
    report, swept = run_noted(plan())
    assert (report.moved, swept) == (None, False)
    assert contents(folder, "run.json") == before
    assert manifest(folder)["status"] == "complete"


def test_files_of_a_killed_process_are_removed(plan: Any, earlier: RunFolder) -> None:
    folder = earlier.path
    # None of them is a name that the next run writes to.
    names = (
        "candidates_atr_d_l_other.csv.part",
        "wfo/atr_d_ls/phase9/is_dd.npy.part",
        "wfo/atr_d_l/journal.part",
    )
    stale = [folder / name for name in names]
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    run(plan(), sample_store())
    assert not any(path.exists() for path in stale)
    assert not parts(folder)


# What goes wrong


class _Interrupting:
    """Progress that is interrupted at a tick, which comes between two blocks; at 0 never."""

    def __init__(self, at: int) -> None:
        self._ticks = itertools.count(1)
        self._at = at
        self.said: list[str] = []

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        def tick(count: int) -> None:
            if next(self._ticks) == self._at:
                raise KeyboardInterrupt

        yield tick

    def say(self, text: str) -> None:
        self.said.append(text)


# The tiny grid is swept in one block and scored in one.
@pytest.mark.parametrize("at", [1, 2])
def test_interrupted_run_says_so_and_leaves_nothing_half_written(at: int, plan: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(plan(), sample_store(), progress=_Interrupting(at))
    folder = RunFolder(plan().out / "NASDAQ")
    assert manifest(folder.path)["status"] == "interrupted"
    # A sweep goes on where it was; until then none of its files has its name.
    assert bool(parts(folder.path)) == (at == 1)
    assert bool(list(folder.path.rglob("*.npy"))) == (at == 2)
    with pytest.raises(ResultsError, match=r"did not finish; the same command goes on"):
        folder.read_manifest()
    assert run(plan(), sample_store()).moved is None
    assert manifest(folder.path)["status"] == "complete"


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch, first: int, *, once: bool) -> Iterator[list[int]]:
    """Let file number `first` fail when it is synced, alone or with all that follow."""
    synced = [0]
    sync, counting = os.fsync, threading.Lock()

    def fsync(descriptor: int) -> None:
        # Candidates are written beside what else is done.
        with counting:
            synced[0] += 1
            number = synced[0]
        if number == first or (number > first and not once):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield synced


@pytest.mark.parametrize("start", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_full_disk_at_any_file(
    start: int, plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_disk(monkeypatch, 10**9, once=True) as count:
        clean = run(plan(out=tmp_path / "clean"), sample_store()).folder.path
    expected = contents(clean, "run.json")
    # 24 arrays and their four folders; and file and folder of manifest, bars, journal twice, meta,
    # trials, sensitivity twice, candidates twice, plateaus, regions, jobs, manifest.
    assert count[0] == 24 + 4 + 2 * 14
    # A file and the folder that it is in are written one after the other.
    for first in range(start, count[0] + 1, 2):
        if 10 < first < 30 and first % 3:
            # The arrays of one phase after the other are written alike.
            continue
        # Where the disk stays full or does not makes a difference to what is written in the end.
        once = first % 3 > 0
        each = plan(out=tmp_path / f"{first}{once}")
        folder = each.out / "NASDAQ"
        with (
            full_disk(monkeypatch, first, once=once),
            pytest.raises(ResultsError, match=r"cannot write .*No space left.*--out"),
        ):
            run(each, sample_store())
        assert all(p.is_relative_to(folder / "wfo") for p in parts(folder))
        if (folder / "run.json").exists():
            left = {"failed"} if once else {"running", "failed", "complete"}
            assert manifest(folder)["status"] in left
        else:
            assert first == 1
        if once:
            with pytest.raises(ResultsError):
                RunFolder(folder).read_manifest()
        if once and first % 4 == 0:
            assert run(each, sample_store()).moved is None
            assert contents(folder, "run.json") == expected


def test_grid_that_does_not_fit_the_disk(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000_000))
    # Figures of 20 bytes in four phases for each of 58 million combinations: 4.6 GB and candidates.
    with pytest.raises(ResultsError, match=r"58,060,800 .* 4 phases .*5\.0 GB free.*--out"):
        run(plan(grid="phase1_slim", store="dense"), sample_store())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000_000))
    with pytest.raises(ResultsError, match=r"take up to 4\..* GB.*1\.0 GB free.*--out"):
        run(plan(grid="phase1_slim"), sample_store())
    assert not plan().out.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbol": "NASDAK"}, "NASDAQ"),
        ({"strategy": "atr_d_x"}, "atr_d_l"),
        ({"grid": "smok"}, "smoke"),
        ({"windows": "defaul"}, "default"),
        ({"timeframe": "1hour"}, "1day"),
        ({"as_of": dt.date(2031, 1, 1)}, "2018-12-31"),
        ({"as_of": dt.date(1999, 9, 1)}, "too little history"),
        ({"gates": Gates(min_phases=5)}, "min_phases = 5 .* 4 phases"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    change: dict[str, Any], message: str, tiny: str, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"symbol": "NASDAQ", "strategy": "atr_d_l", "grid": tiny}
    out = tmp_path / "out"
    with pytest.raises(WfoError, match=message):
        run(RunPlan(**(arguments | {"out": out} | change)), sample_store())
    assert not out.exists()


def test_file_where_the_folder_should_be(plan: Any) -> None:
    plan().out.mkdir()
    (plan().out / "NASDAQ").write_text("in the way")
    with pytest.raises(ResultsError, match=r"cannot write .*NASDAQ.*--out"):
        run(plan(), sample_store())
    assert (plan().out / "NASDAQ").read_text() == "in the way"


# Scoring again


def test_rescore_with_the_same_gates_changes_no_byte(smoke_copy: RunFolder) -> None:
    before = contents(smoke_copy.path, "run.json")
    swept = manifest(smoke_copy.path)["timings"]["sweep atr_d_l"]
    report = rescore(smoke_copy, command="wfo rescore")
    assert contents(smoke_copy.path, "run.json") == before
    found = manifest(smoke_copy.path)
    assert found["status"] == "complete"
    assert found["rescored"]["command"] == "wfo rescore"
    assert found["command"] == "wfo run --grid smoke"
    # The sweep's time stays that of the run; what the rescoring took is its own.
    assert found["timings"]["sweep atr_d_l"] == swept > 0
    assert report.seconds > 0


def test_rescore_is_a_run_with_those_gates(smoke_copy: RunFolder, tmp_path: Path) -> None:
    before = contents(smoke_copy.path, "run.json")
    gates = Gates(wfe=0.6, dd_ratio=2.0, min_phases=2)
    rescore(smoke_copy, gates=gates)
    plan = RunPlan("NASDAQ", "atr_d_l", grid="smoke", out=tmp_path, gates=gates)
    whole = run(plan, sample_store()).folder.path
    assert contents(smoke_copy.path, "run.json") == contents(whole, "run.json") != before
    assert manifest(smoke_copy.path)["gates"] == gates.to_dict()
    found, expected = manifest(smoke_copy.path), manifest(whole)
    for key in ("results", "files", "fingerprint", "trials", "gates", "phases", "data"):
        assert found[key] == expected[key]


def test_rescore_removes_ranges_that_are_no_more(smoke_copy: RunFolder) -> None:
    folder = smoke_copy
    assert list(folder.path.glob("phase5_refine_*_rank1.csv"))
    assert len((folder.path / "phase5_refine_config.csv").read_text().splitlines()) > 1
    rescore(folder, gates=Gates(wfe=1000))
    assert not list(folder.path.glob("phase5_refine_*_rank*.csv"))
    assert len((folder.path / "phase5_refine_config.csv").read_text().splitlines()) == 1
    files = manifest(folder.path)["files"]
    assert all((folder.path / f).is_file() for f in files)
    assert not any("rank" in f for f in files)


def test_rescore_without_gates_keeps_those_of_the_run(plan: Any) -> None:
    gates = Gates(wfe=0.7, dd_ratio=1.5, min_phases=2)
    folder = run(plan(gates=gates), sample_store()).folder
    before = contents(folder.path, "run.json")
    rescore(folder)
    assert contents(folder.path, "run.json") == before
    assert manifest(folder.path)["gates"] == gates.to_dict()


def _edit(**changes: Any) -> Any:
    def edit(folder: Path) -> None:
        write_sealed(folder / "run.json", read_sealed(folder / "run.json") | changes)

    return edit


def _array(dtype: str, length: int) -> Any:
    def replace(folder: Path) -> None:
        np.save(folder / "wfo/atr_d_l/phase3/oos_dd.npy", np.zeros(length, dtype))

    return replace


def _truncate(size: int) -> Any:
    return lambda folder: os.truncate(folder / "wfo/atr_d_l/phase3/oos_dd.npy", size)


ARRAY = r"phase3/oos_dd\.npy"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "there is no run in .*NASDAQ.*wfo run"),
        (lambda f: (f / "run.json").unlink(), r"there is no run in .*NASDAQ.*wfo run"),
        (lambda f: (f / "run.json").write_text("{,"), r"run\.json is damaged.*; run again"),
        (lambda f: (f / "run.json").write_bytes(b"\xff"), r"run\.json cannot be read.*; run again"),
        (lambda f: (f / "run.json").write_text("[1]"), r"run\.json is damaged.*run again"),
        (_edit(status="running", command="wfo run X"), "the same command goes on.*: wfo run X"),
        (_edit(status="interrupted"), "did not finish; the same command goes on"),
        (_edit(status="failed"), "did not finish; the same command goes on"),
        (_truncate(600), ARRAY + r" has 600 bytes, its run states 640; run again"),
        (_truncate(639), ARRAY + r" has 639 bytes, its run states 640; run again"),
        (_truncate(20), ARRAY + r" has 20 bytes, .*; run again"),
        (_truncate(0), ARRAY + r" has 0 bytes, .*; run again"),
        (_array("<f8", 128), ARRAY + r" has 1,152 bytes, .*; run again"),
        (_array("<f4", 127), ARRAY + r" has 636 bytes, .*; run again"),
        (_array("<i4", 128), ARRAY + r" is damaged: combinations 0 to 127 .*'wfo run' computes"),
        (_array("<f4", 128), ARRAY + r" is damaged: combinations 0 to 127 .*'wfo run' computes"),
        (lambda f: shutil.rmtree(f / "wfo/atr_d_l/phase4"), r"phase4/is_pnl\.npy; run again"),
        (lambda f: shutil.rmtree(f / "wfo"), r"there is no .*meta\.json; 'wfo run' computes"),
    ],
)
def test_rescore_of_a_broken_run(spoil: Any, message: str, earlier: RunFolder) -> None:
    assert (earlier.path / "wfo/atr_d_l/phase3/oos_dd.npy").stat().st_size == 128 + 4 * 128
    spoil(earlier.path)
    before = contents(earlier.path)
    with pytest.raises(ResultsError, match=message):
        rescore(earlier, gates=Gates(wfe=0.5))
    assert contents(earlier.path) == before


def test_rescore_refuses_more_phases_than_there_are(earlier: RunFolder) -> None:
    before = contents(earlier.path)
    with pytest.raises(InputError, match=r"min_phases = 5 .* 4 phases"):
        rescore(earlier, gates=Gates(min_phases=5))
    assert contents(earlier.path) == before


def test_rescore_that_fails_can_be_repeated(
    plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates = Gates(wfe=0.8)
    expected = contents(
        run(plan(out=tmp_path / "alone", gates=gates), sample_store()).folder.path, "run.json"
    )
    folder = run(plan(), sample_store()).folder
    # Of file and folder of manifest, sensitivity twice and so on, the second of these fails.
    with (
        full_disk(monkeypatch, 5, once=True),
        pytest.raises(ResultsError, match=r"sensitivity_atr_d_l_tiny\.html"),
    ):
        rescore(folder, gates=gates)
    assert not parts(folder.path)
    assert manifest(folder.path)["status"] != "complete"
    with pytest.raises(ResultsError, match=r"rescored, which did not finish; .*wfo rescore"):
        folder.read_manifest()
    rescore(folder, gates=gates)
    assert contents(folder.path, "run.json") == expected
    assert folder.read_manifest().gates == gates


def test_figures_names_are_the_files_names() -> None:
    assert Figures._fields == MONEY + TRADES


def test_a_repeat_that_is_interrupted_takes_nothing_from_the_complete_run(plan: Any) -> None:
    done = run(plan(), sample_store())
    before = contents(done.folder.path)
    with pytest.raises(KeyboardInterrupt):
        run(plan(), sample_store(), progress=_Interrupting(1))
    assert contents(done.folder.path) == before
    assert rescore(done.folder).strategies[0].scores.stable == done.strategies[0].scores.stable


@pytest.fixture
def two(tmp_path: Path) -> RunPlan:
    """A run of two strategies; its sweeps, their checks and scores tick once each."""
    path = tmp_path / "both.yaml"
    path.write_text(TINY + TINY.replace("atr_d_l:", "atr_d_duals_l:"))
    return RunPlan("NASDAQ", "atr_d_duals_l", symbol2="SP500", grid=str(path), out=tmp_path / "out")


def test_a_complete_run_of_two_stays_so_until_both_are_looked_at(two: RunPlan) -> None:
    done = run(two, sample_store())
    before = contents(done.folder.path)
    for at in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            run(two, sample_store(), progress=_Interrupting(at))
        assert contents(done.folder.path) == before
    with pytest.raises(KeyboardInterrupt):
        run(two, sample_store(), progress=_Interrupting(3))
    assert manifest(done.folder.path)["status"] == "interrupted"
    again = run(two, sample_store())
    assert again.moved is None
    assert contents(done.folder.path, "run.json").keys() == before.keys() - {"run.json"}


def test_a_run_that_is_stopped_while_it_is_looked_at_goes_on(two: RunPlan) -> None:
    # The first sweep is complete, the second has not begun.
    with pytest.raises(KeyboardInterrupt):
        run(two, sample_store(), progress=_Interrupting(2))
    folder = two.out / "NASDAQ_SP500"
    before = contents(folder)
    assert manifest(folder)["status"] == "interrupted"
    with pytest.raises(KeyboardInterrupt):
        run(two, sample_store(), progress=_Interrupting(1))
    assert contents(folder) == before
    report = run(two, sample_store())
    alone = run(dataclasses.replace(two, out=two.out / "alone"), sample_store())
    timed = ("run.json", "meta.json")
    assert contents(folder, *timed) == contents(alone.folder.path, *timed)
    assert report.moved is None


def test_a_damaged_count_of_trials_is_found_before_anything_is_done(
    plan: Any, earlier: RunFolder
) -> None:
    earlier.trials.write_text("{}")
    before = contents(earlier.path)
    with pytest.raises(
        ResultsError, match=r"trials\.json is damaged.*the count of a symbol's trials"
    ):
        run(plan(settings=Settings(slip=0.001)), sample_store())
    assert contents(earlier.path) == before


def test_a_folder_in_use_is_left_alone(plan: Any, earlier: RunFolder) -> None:
    before = contents(earlier.path)
    with earlier.hold("somebody else"):
        with pytest.raises(ResultsError, match=r"in use by .* somebody else"):
            run(plan(settings=Settings(slip=0.001)), sample_store())
        with pytest.raises(ResultsError, match="in use"):
            rescore(earlier)
    assert contents(earlier.path) == before
