"""``wfo refine``: every test of a run's range files over the whole history, and its reports."""

from __future__ import annotations

import csv
import dataclasses
import errno
import hashlib
import itertools
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from conftest import TINY
from noting import Noting

import wfo
from wfo.backtest.performance import FIELDS, PerformanceEvaluator, performance
from wfo.cli import cli, main
from wfo.data import sample_store
from wfo.errors import EngineError, ResultsError
from wfo.files import read_sealed, write_sealed
from wfo.progress import Plain
from wfo.runs.analysis.analyzing import compute_analysis
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Machine
from wfo.runs.plan import RunPlan
from wfo.runs.refinement.history import History
from wfo.runs.refinement.job_rows import RefineOptions
from wfo.runs.refinement.record import Refinement
from wfo.runs.refinement.refining import refine
from wfo.runs.refinement.report import RefineReport
from wfo.runs.run import run
from wfo.runs.verify import verify
from wfo.strategy import (
    Fine,
    Input,
    Parameter,
    PythonKernel,
    Strategy,
    TradeStation,
    Walk,
    get_strategy,
    registry,
)
from wfo.tradestation.ranges import RangeOptions

CONFIG = "phase5_refine_config.csv"
HEADINGS = "JobNum,StrategyName,StrategyFile,RangeFile,Rank,ShortEnabled,IsDualSymbol"

#: Blocks of five rows at most.
SMALL = RefineOptions(least=5, most=5)

#: One value of every input, of which jobs below search some.
FIXED: dict[str, tuple[str, str, str]] = {
    "atr_period": ("20", "20", "1"),
    "atr_multiplier": ("8", "8", "0.25"),
    "bb_length": ("20", "20", "1"),
    "bb_deviation": ("2", "2", "0.25"),
    "vol_threshold": ("0.1", "0.1", "0.02"),
    "min_tightening": ("0.4", "0.4", "0.05"),
    "scaling_method": ("1", "1", "1"),
    "atr_buy_period": ("14", "14", "1"),
    "atr_buy_multiplier": ("1.5", "1.5", "0.25"),
    "atr_smooth_period": ("3", "3", "1"),
    "equity_price_method": ("0", "0", "1"),
    "short_multiplier": ("0.5", "0.5", "0.1"),
    "entry_mode": ("2", "2", "1"),
    "trend_filter_period": ("10", "10", "1"),
    "trend_veto_threshold": ("0", "0", "0.01"),
    "both_triggered_mode": ("0", "0", "1"),
    "hma_fast_length": ("20", "20", "1"),
    "hma_slow_length": ("60", "60", "1"),
}


class Made(NamedTuple):
    """A job that a test makes up: whose, rank, part, and what it searches."""

    strategy: str
    rank: int
    searched: Mapping[str, tuple[str, str, str]]
    part: int | None = None

    @property
    def file(self) -> str:
        part = "" if self.part is None else f"_part{self.part}"
        return f"phase5_refine_{self.ts}_rank{self.rank}{part}.csv"

    @property
    def ts(self) -> str:
        view = get_strategy(self.strategy).tradestation
        assert view is not None
        return view.name

    def report(self, symbol: str = "NASDAQ") -> str:
        return self.file.replace("phase5_refine", "Refinement").replace(".csv", f"_{symbol}.csv")

    def write(self, folder: RunFolder) -> None:
        own = get_strategy(self.strategy)
        assert own.tradestation is not None
        lines = ["ParameterName,Min,Max,Step"]
        for name in own.names:
            values = self.searched.get(name, FIXED[name])
            lines.append(",".join((own.tradestation.input(name).name, *values)))
        (folder.path / self.file).write_text("\n".join(lines) + "\n")


ONE = Made("atr_d_l", 1, {"atr_period": ("10", "16", "2"), "atr_buy_multiplier": ("1", "2", "0.5")})
TWO = Made("atr_d_l", 2, {"atr_multiplier": ("3", "5", "0.25")}, part=2)
#: Of the 16 tests of its two lengths those 6 are left out whose fast one is not below the slow one.
HULL = Made(
    "atr_d_hma_l",
    1,
    {
        "hma_fast_length": ("40", "55", "5"),
        "atr_smooth_period": ("2", "3", "1"),
        "hma_slow_length": ("40", "55", "5"),
    },
)
BOTH_SIDES = Made("atr_d_duals_ls", 1, {"short_multiplier": ("0.2", "0.8", "0.3")})


def give(folder: RunFolder, *jobs: Made) -> RunFolder:
    """Give a run the range files and the job list of these jobs, as if it had exported them."""
    for stale in folder.path.glob("phase5_refine_*"):
        stale.unlink()
    lines = [HEADINGS]
    for number, job in enumerate(jobs, 1):
        job.write(folder)
        own = get_strategy(job.strategy)
        flags = f"{int(own.shorts)},{int(own.dual_symbol)}"
        lines.append(f"{number},{job.ts},{job.ts},{job.file},{job.rank},{flags}")
    (folder.path / CONFIG).write_text("\n".join(lines) + "\n")
    data = read_sealed(folder.manifest)
    names = [CONFIG, *(job.file for job in jobs)]
    sums = {n: s for n, s in data["sums"].items() if not n.startswith("phase5_refine_")}
    for name in names:
        content = (folder.path / name).read_bytes()
        sums[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write_sealed(folder.manifest, data | {"sums": sums})
    return folder


def enumerated(job: Made) -> list[tuple[float, ...]]:
    """Every test of a job in the order of TradeStation, the last input fastest."""
    axes = []
    for name in get_strategy(job.strategy).names:
        low, high, step = map(Decimal, job.searched.get(name, FIXED[name]))
        axes.append([float(low + k * step) for k in range(int((high - low) / step) + 1)])
    return list(itertools.product(*axes))


def contents(folder: RunFolder) -> dict[str, Any]:
    """Every file of a run's folder: its bytes, or what ``refine.json`` says but for times."""
    found: dict[str, Any] = {
        p.relative_to(folder.path).as_posix(): p.read_bytes()
        for p in sorted(folder.path.rglob("*"))
        if p.is_file() and not p.name.endswith(".lock")
    }
    if "refine.json" in found:
        said = json.loads(found["refine.json"])
        jobs = [{k: v for k, v in j.items() if k not in TIMES} for j in said.pop("jobs")]
        del said["seal"]
        found["refine.json"] = said | {"jobs": jobs}
    return found


TIMES = ("seconds", "finished")


def swept(place: Path, strategy: str, grid: str, symbol2: str | None = None) -> RunFolder:
    """Return a run that finds no plateaus, so that it takes little time."""
    path = place / "tiny.yaml"
    path.write_text(grid)
    settings = wfo.Settings(capital=50_000, slip=0.0005, fee=0.0001)
    plan = RunPlan(
        "NASDAQ", strategy, symbol2=symbol2, grid=path, out=place / "out", expand=False,
        settings=settings, command="wfo run again",
    )  # fmt: skip
    run(plan, sample_store())
    return plan.folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of one strategy, for copies."""
    return swept(tmp_path_factory.mktemp("base"), "atr_d_l", TINY)


@pytest.fixture
def folder(base: RunFolder, tmp_path: Path) -> RunFolder:
    """A run with two made-up jobs."""
    path = tmp_path / "results" / "NASDAQ"
    return give(RunFolder(Path(shutil.copytree(base.path, path))), ONE, TWO)


@pytest.fixture(scope="module")
def complete(base: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same, refined; for reading only."""
    path = tmp_path_factory.mktemp("complete") / "NASDAQ"
    made = give(RunFolder(Path(shutil.copytree(base.path, path))), ONE, TWO)
    refine(made, options=SMALL)
    return made


@pytest.fixture
def refined(complete: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of it, for changes."""
    return RunFolder(Path(shutil.copytree(complete.path, tmp_path / "results" / "NASDAQ")))


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of sets that were computed, a number a call."""
    counts: list[int] = []
    plain = PerformanceEvaluator.range

    def counted(self: PerformanceEvaluator, start: int, stop: int) -> Any:
        counts.append(stop - start)
        return plain(self, start, stop)

    monkeypatch.setattr(PerformanceEvaluator, "range", counted)
    return counts


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# Rows


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that has found a plateau, and exported its ranges."""
    out = tmp_path_factory.mktemp("smoke")
    plan = RunPlan("NASDAQ", "atr_d_l", grid="smoke", out=out, ranges=RangeOptions(60))
    run(plan, sample_store())
    return plan.folder


def test_a_run_is_refined_from_its_own_range_files(smoke: RunFolder) -> None:
    before = smoke.manifest.read_bytes()
    (stated,) = json.loads(before)["results"][0]["ranges"]
    done = CliRunner().invoke(cli, ["refine", str(smoke.path)])
    assert done.exit_code == 0, done.output
    with (smoke.path / stated["file"]).open(newline="") as file:
        ranges = list(csv.DictReader(file))
    axes = []
    for line in ranges:
        low, high, step = (Decimal(line[name]) for name in ("Min", "Max", "Step"))
        axes.append([low + k * step for k in range(int((high - low) / step) + 1)])
    expected = list(itertools.product(*axes))
    assert 1 < len(expected) == stated["tests"] <= 60
    name = stated["file"].replace("phase5_refine", "Refinement").replace(".csv", "_NASDAQ.csv")
    rows = rows_of(smoke.path / name)
    inputs = [line["ParameterName"] for line in ranges]
    assert [tuple(Decimal(row[n]) for n in inputs) for row in rows] == expected
    assert [int(row["TestNum"]) for row in rows] == [*range(1, len(expected) + 1)]
    assert smoke.manifest.read_bytes() == before
    page = " ".join(done.stdout.split())
    assert re.search(rf"rank1 {len(expected)} 0 {len(expected)} ", page)
    assert "In-sample" in page
    assert f"best of {len(expected)} rows is lucky" in page
    assert f"wfo analyze {smoke.path}" in page


def test_a_report_has_the_headings_of_tradestation(folder: RunFolder) -> None:
    refine(folder, jobs=[1], options=SMALL)
    with (folder.path / ONE.report()).open(newline="") as file:
        head = next(csv.reader(file))
    own = get_strategy("atr_d_l")
    assert own.tradestation is not None
    assert head[:12] == [*(own.tradestation.input(n).name for n in own.names), "TestNum"]
    assert head[12:] == [
        "All: Net Profit", "All: Gross Profit", "All: Gross Loss", "All: Total Trades",
        "All: % Profitable", "All: Winning Trades", "All: Losing Trades",
        "All: Avg Winning Trade", "All: Avg Losing Trade", "All: Avg Trade", "All: ProfitFactor",
        "All: Max Intraday Drawdown", "All: Return on Account", "All: TS Index",
    ]  # fmt: skip
    assert not (folder.path / TWO.report()).exists()


def test_rows_are_those_of_a_simulation(folder: RunFolder) -> None:
    """Of the run's own bars, from one first bar to its end, with its costs."""
    report = refine(folder, options=SMALL)
    history = History.of(folder)
    own = get_strategy("atr_d_l")
    bars, _ = history.frames(own)
    assert (report.warmup, report.end) == (100, history.end)
    for job in (ONE, TWO):
        rows = rows_of(folder.path / job.report())
        figures = pl.read_parquet(folder.path / f"refined/{job.report()[:-4]}.parquet")
        tests = enumerated(job)
        assert len(rows) == len(figures) == len(tests) > 8
        assert figures.columns == ["TestNum", *own.names, *FIELDS]
        for at in (0, len(tests) // 2, len(tests) - 1):
            params = dict(zip(own.names, tests[at], strict=True))
            params = {
                p.name: int(v) if p.whole else v
                for p, v in zip(own.parameters, params.values(), strict=True)
            }
            found = wfo.simulate(
                own, bars, params, split=2000, warmup=100, settings=history.settings(own)
            )
            pnl = found.trades["pnl"].to_numpy()
            row, exact = rows[at], figures.row(at, named=True)
            assert int(row["All: Total Trades"]) == len(pnl) == exact["trades"]
            assert float(row["All: Net Profit"]) == pytest.approx(pnl.sum(), abs=0.011)
            assert float(row["All: Gross Profit"]) == pytest.approx(pnl[pnl > 0].sum(), abs=0.006)
            assert exact["pnl"] == pytest.approx(found.equity[-1] - 50_000, abs=1e-6)
            assert {n: exact[n] for n in own.names} == params
            single = performance(
                own, history.feeds(own), params, history.settings(own), warmup=100, end=history.end
            )
            assert {n: exact[n] for n in FIELDS} == pytest.approx(single, nan_ok=True, abs=0)


def test_a_row_that_earns_what_holding_does_is_not_above_it(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = refine(folder, options=SMALL).jobs[0]
    pnl = pl.read_parquet(folder.path / first.job.figures)["pnl"].sort(descending=True)
    held, actual = History.held, pnl[1] * (1 - 1e-9)

    def next_to_it(self: History, warmup: int) -> Any:
        found = held(self, warmup)
        return dataclasses.replace(
            found, metrics=dataclasses.replace(found.metrics, net_profit=actual)
        )

    monkeypatch.setattr(History, "held", next_to_it)
    # The second row equals holding up to rounding, and has its equals.
    above = int((pnl > pnl[1]).sum())
    assert refine(folder, options=SMALL).jobs[0].beating == above == 1


def test_the_page_says_what_the_rows_come_to(folder: RunFolder) -> None:
    report = refine(folder, options=SMALL)
    held = History.of(folder).held(100).metrics.net_profit
    for outcome, job in zip(report.jobs, (ONE, TWO), strict=True):
        figures = pl.read_parquet(folder.path / outcome.job.figures)
        pnl = figures["pnl"].to_numpy()
        assert outcome.job.rows == len(pnl) == len(enumerated(job))
        assert outcome.profitable_share == np.mean(pnl > 0)
        assert outcome.best == pnl.max()
        assert outcome.beating == (pnl > held).sum()
        assert outcome.best_test == 1 + int(np.argmax(pnl))
    page = " ".join(report.page.split())
    assert f"Buy-and-hold over the same bars: {held:,.0f}" in page
    assert f"{report.jobs[0].best:,.0f}" in page
    # Of a rate that does not depend on the machine.
    one, two = (dataclasses.replace(each, seconds=0.01) for each in report.jobs)
    short = dataclasses.replace(report, jobs=(one, two)).page.splitlines()
    long = dataclasses.replace(one, label="ATR-D-DualS-v1.5-LS_rank10_part4")
    wide = dataclasses.replace(report, jobs=(long, two)).page.splitlines()
    assert all(len(line) <= 100 for line in wide if str(folder.path) not in line)
    assert len([line for line in wide if re.match(r" +Job ", line)]) == 2
    assert len([line for line in short if re.match(r" +Job ", line)]) == 1
    assert all(str(folder.path / job.report()) in page for job in (ONE, TWO))
    assert "RefineReport(NASDAQ 1day: 21 rows of 2 jobs;" in repr(report)
    assert report.files == tuple(
        folder.path / name
        for name in (
            ONE.report(), TWO.report(),
            *(f"refined/{j.report()[:-4]}.parquet" for j in (ONE, TWO)),
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def hull(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    grid = TINY.replace("atr_d_l:", "atr_d_hma_l:").replace("[4, 64]", "[20]")
    grid = grid.rstrip() + "\n  hma_fast_length: [20]\n  hma_slow_length: [60]\n"
    return give(swept(tmp_path_factory.mktemp("hull"), "atr_d_hma_l", grid), HULL)


def test_tests_that_constraints_refuse_keep_their_numbers(hull: RunFolder) -> None:
    report = refine(hull, options=SMALL)
    tests = enumerated(HULL)
    kept = [(n, t) for n, t in enumerate(tests, 1) if t[-2] < t[-1]]
    assert (len(tests), len(kept)) == (32, 12)
    rows = rows_of(hull.path / HULL.report())
    own = get_strategy("atr_d_hma_l")
    assert own.tradestation is not None
    inputs = [own.tradestation.input(n).name for n in own.names]
    assert [int(row["TestNum"]) for row in rows] == [number for number, _ in kept]
    assert [tuple(float(row[n]) for n in inputs) for row in rows] == [test for _, test in kept]
    (outcome,) = report.jobs
    assert (outcome.job.tests, outcome.job.refused, outcome.job.rows) == (32, 20, 12)
    assert re.search(r"rank1 +32 +20 +12 ", report.page)
    assert "Left out are tests that the strategy's constraints refuse" in report.page
    # Each row is its own set, whatever was left out before it.
    history = History.of(hull)
    at = 7
    values = dict(zip(own.names, kept[at][1], strict=True))
    params = {p.name: int(values[p.name]) if p.whole else values[p.name] for p in own.parameters}
    single = performance(
        own, history.feeds(own), params, history.settings(own), warmup=report.warmup
    )
    figures = pl.read_parquet(hull.path / outcome.job.figures).row(at, named=True)
    assert {n: figures[n] for n in FIELDS} == pytest.approx(single, nan_ok=True, abs=0)


def test_all_jobs_trade_from_the_longest_lookback_of_any(hull: RunFolder, tmp_path: Path) -> None:
    """So that rows of one job compare with those of another, whichever of them is asked for."""
    copy = RunFolder(Path(shutil.copytree(hull.path, tmp_path / "NASDAQ")))
    long = Made("atr_d_hma_l", 2, {"hma_slow_length": ("100", "100", "1")})
    need = get_strategy("atr_d_hma_l").lookback(
        {n: (float(FIXED[n][0]),) for n in get_strategy("atr_d_hma_l").names}
        | {"hma_slow_length": (100,)}
    )
    give(copy, HULL, long)
    report = refine(copy, jobs=[1], options=SMALL)
    assert report.warmup == max(100, need)
    assert json.loads(copy.refinement.read_text())["warmup"] == max(100, need)


def test_a_job_without_a_row_fails_alone(hull: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(Path(shutil.copytree(hull.path, tmp_path / "NASDAQ")))
    none = Made("atr_d_hma_l", 2, {"hma_fast_length": ("60", "60", "1")})
    report = refine(give(copy, none, HULL), options=SMALL)
    assert [outcome.job.number for outcome in report.jobs] == [2]
    assert report.obstacle is not None
    assert "job 1, ATR-D-HMA-v1.5-L_rank2: none of its 1 tests meets" in report.obstacle


def test_two_symbols_and_both_sides(tmp_path: Path) -> None:
    grid = TINY.replace("atr_d_l:", "atr_d_duals_ls:").replace("[4, 64]", "[20]")
    grid = grid.rstrip() + (
        "\n  short_multiplier: [0.5]\n  entry_mode: [2]\n  trend_filter_period: [10]"
        "\n  trend_veto_threshold: [0]\n  both_triggered_mode: [0]\n"
    )
    folder = give(swept(tmp_path, "atr_d_duals_ls", grid, "SP500"), BOTH_SIDES)
    assert folder.path.name == "NASDAQ_SP500"
    done = CliRunner().invoke(
        cli, ["refine", "--symbol", "NASDAQ", "--symbol2", "SP500", "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    assert "NASDAQ with SP500 1day: 1 job refined" in done.stdout
    rows = rows_of(folder.path / BOTH_SIDES.report())
    assert len(rows) == 3
    history = History.of(folder)
    own = get_strategy("atr_d_duals_ls")
    bars, bars2 = history.frames(own)
    values = dict(zip(own.names, enumerated(BOTH_SIDES)[1], strict=True))
    params = {p.name: int(values[p.name]) if p.whole else values[p.name] for p in own.parameters}
    found = wfo.simulate(
        own, bars, params, split=2000, warmup=100, bars2=bars2, settings=history.settings(own)
    )
    sides = found.trades.group_by("side").agg(pl.col("pnl").sum(), pl.len()).rows_by_key("side")
    assert set(sides) == {"long", "short"}
    for side, word in (("long", "Long"), ("short", "Short")):
        ((pnl, count),) = sides[side]
        assert int(rows[1][f"{word}: Total Trades"]) == count > 0
        assert float(rows[1][f"{word}: Net Profit"]) == pytest.approx(pnl, abs=0.011)
    # Trials are those of the first symbol, beside whichever second one.
    assert json.loads((tmp_path / "out/NASDAQ/trials.json").read_text())["total"] > 3


# Going on


def test_what_is_complete_is_not_computed_again(folder: RunFolder, evaluated: list[int]) -> None:
    refine(folder, options=SMALL)
    assert sum(evaluated) == 21
    before = contents(folder)
    evaluated.clear()
    again = refine(folder, options=SMALL)
    assert evaluated == []
    assert contents(folder) == before
    assert [outcome.computed for outcome in again.jobs] == [0, 0]
    assert "was there" in again.page
    refine(folder, jobs=[2], fresh=True, options=SMALL)
    assert sum(evaluated) == 9
    assert contents(folder) == before


def test_rows_depend_neither_on_blocks_nor_on_threads(folder: RunFolder) -> None:
    refine(folder, options=SMALL)
    before = contents(folder)
    for options, threads in ((RefineOptions(), 1), (RefineOptions(least=4, most=4), 2)):
        refine(folder, fresh=True, options=options, threads=threads)
        assert contents(folder) == before


class Stopping(Noting):
    """A progress that interrupts at the n-th report of it."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def stage(self, title: str, total: int) -> Any:
        import contextlib

        @contextlib.contextmanager
        def shown() -> Iterator[Callable[[int], None]]:
            self.totals.append(total)

            def tick(count: int) -> None:
                self.left -= 1
                if self.left < 0:
                    raise KeyboardInterrupt

            yield tick

        return shown()


def test_an_interrupt_loses_a_block_at_most(folder: RunFolder, evaluated: list[int]) -> None:
    with pytest.raises(KeyboardInterrupt):
        refine(folder, progress=Stopping(2), options=SMALL)
    assert not (folder.path / ONE.report()).exists()
    assert not folder.refinement.exists()
    evaluated.clear()
    noted = Noting()
    refine(folder, progress=noted, options=SMALL)
    # Two blocks of five rows were there.
    assert noted.totals == [2, 9]
    assert sum(evaluated) == 11
    assert any("10 of 12 rows are stored and intact" in text for text in noted.said)
    whole = contents(folder)
    refine(folder, fresh=True, options=SMALL)
    assert contents(folder) == whole
    assert not list(folder.refined.glob("*.part"))


@pytest.mark.parametrize("what", ["damaged", "of other ranges", "of other bars", "of another wfo"])
def test_blocks_of_something_else_are_thrown_away(
    what: str, folder: RunFolder, evaluated: list[int]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        refine(folder, progress=Stopping(2), options=SMALL)
    (part,) = folder.refined.glob("*.part")
    first = sorted(part.glob("*.parquet"))[0]
    version = "0.1.0"
    left = 12
    if what == "damaged":
        data = bytearray(first.read_bytes())
        data[len(data) // 2] ^= 4
        first.write_bytes(data)
        left = 7
    elif what == "of other ranges":
        give(folder, ONE._replace(searched={"atr_period": ("10", "21", "1")}), TWO)
    elif what == "of another wfo":
        version = "0.2.0"
    else:
        bars = pl.read_parquet(folder.bars).with_columns(pl.col("open", "high", "low", "close") * 2)
        bars.write_parquet(folder.bars)
        content = folder.bars.read_bytes()
        data = read_sealed(folder.manifest)
        data["sums"][folder.bars.name] = {
            "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()
        }  # fmt: skip
        write_sealed(folder.manifest, data)
    evaluated.clear()
    machine = Machine(version=lambda: version)
    refine(folder, jobs=[1], options=SMALL, machine=machine)
    assert sum(evaluated) == left
    written = contents(folder)
    refine(folder, jobs=[1], fresh=True, options=SMALL, machine=machine)
    assert contents(folder) == written


#: Functions that change files, or what is in them, by their names in Python.
STEPS = frozenset({"mkdir", "write", "fsync", "replace", "rename", "unlink", "rmdir"})


@pytest.mark.parametrize("start", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_ends_in_the_same_bytes(
    start: int, folder: RunFolder, tmp_path: Path
) -> None:
    """The folder as it is before each thing that is done to a file is what a kill would leave."""
    give(folder, TWO)
    refine(folder, options=SMALL)
    # So that the files of an earlier refinement are there to be replaced.
    changed = TWO._replace(searched={"atr_multiplier": ("3", "4.75", "0.25")})
    give(folder, changed)
    snapshots: dict[bytes, Path] = {}
    busy = False

    def look(_: Any, event: str, function: Any) -> None:
        nonlocal busy
        if event != "c_call" or busy or getattr(function, "__name__", "") not in STEPS:
            return
        busy = True
        digest = hashlib.sha256()
        for path in sorted(folder.path.rglob("*")):
            digest.update(str(path).encode())
            if path.is_file() and "wfo/" not in path.relative_to(folder.path).as_posix():
                digest.update(path.read_bytes())
        if digest.digest() not in snapshots:
            place = tmp_path / "killed" / str(len(snapshots)) / "NASDAQ"
            snapshots[digest.digest()] = Path(shutil.copytree(folder.path, place))
        busy = False

    sys.setprofile(look)
    try:
        refine(folder, options=SMALL)
    finally:
        sys.setprofile(None)
    expected = contents(folder)
    assert len(snapshots) > 15
    recomputed = []
    # A file is first written and then takes its name: of both one is enough here.
    for place in [*snapshots.values()][start::2]:
        killed = RunFolder(place)
        report = refine(killed, options=SMALL)
        assert report.skipped == ()
        assert contents(killed) == expected, place
        recomputed.append(report.jobs[0].computed)
    assert recomputed == sorted(recomputed, reverse=True)
    assert set(recomputed) == {8, 3, 0}
    assert verify(folder)


def test_a_report_that_is_gone_is_written_again_from_the_figures(
    refined: RunFolder, evaluated: list[int]
) -> None:
    before = contents(refined)
    evaluated.clear()
    (refined.path / ONE.report()).unlink()
    report = refine(refined, options=SMALL)
    assert evaluated == []
    assert contents(refined) == before
    assert f"{ONE.report()} was gone, and is written again" in report.page


def test_figures_that_are_damaged_are_computed_again(
    refined: RunFolder, evaluated: list[int]
) -> None:
    before = contents(refined)
    evaluated.clear()
    path = refined.refined / f"{TWO.report()[:-4]}.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    refine(refined, options=SMALL)
    assert sum(evaluated) == 9
    assert contents(refined) == before


# Files of others


@pytest.mark.parametrize("how", ["from TradeStation", "changed", "a folder"])
def test_a_report_of_others_is_never_overwritten(
    how: str, folder: RunFolder, evaluated: list[int]
) -> None:
    path = folder.path / ONE.report()
    if how == "changed":
        refine(folder, options=SMALL)
        evaluated.clear()
        path.write_text(path.read_text() + "a note\n")
        give(folder, ONE._replace(searched={"atr_period": ("10", "12", "1")}), TWO)
    elif how == "a folder":
        path.mkdir()
    else:
        path.write_text("from TradeStation\n")
    before = None if how == "a folder" else path.read_bytes()
    report = refine(folder, options=SMALL)
    assert path.is_dir() if before is None else path.read_bytes() == before
    assert [each.number for each in report.skipped] == [1]
    assert [each.job.number for each in report.jobs] == [2]
    assert report.obstacle is None
    said = "was changed since" if how == "changed" else "was not written by this command"
    assert f"job 1, ATR-D-v1.5-L_rank1, is skipped: {path.name} {said}" in " ".join(
        report.page.split()
    )
    assert sum(evaluated) == (0 if how == "changed" else 9)
    if before is not None:
        path.rename(folder.path / "mine.csv")
        assert [each.job.number for each in refine(folder, options=SMALL).jobs] == [1, 2]


def test_a_report_that_appears_meanwhile_is_not_overwritten(folder: RunFolder) -> None:
    path = folder.path / ONE.report()

    class Placing(Noting):
        def stage(self, title: str, total: int) -> Any:
            if "rank1" in title:
                path.write_text("from TradeStation\n")
            return super().stage(title, total)

    report = refine(folder, progress=Placing(), options=SMALL)
    assert path.read_text() == "from TradeStation\n"
    assert [each.number for each in report.skipped] == [1]


def test_a_job_of_other_ranges_is_computed_and_one_without_a_range_file_set_aside(
    folder: RunFolder, evaluated: list[int]
) -> None:
    three = Made("atr_d_l", 3, {"atr_period": ("10", "11", "1")})
    refine(give(folder, ONE, TWO, three), options=SMALL)
    third = (folder.path / three.report()).read_bytes()
    evaluated.clear()
    changed = ONE._replace(searched={"atr_period": ("10", "13", "1")})
    # As after a rescoring: another file of rank 1, none of rank 3, and other numbers.
    report = refine(give(folder, TWO, changed), options=SMALL)
    assert sum(evaluated) == 4
    assert [(e.job.number, e.job.rank, e.computed) for e in report.jobs] == [(1, 2, 0), (2, 1, 4)]
    assert not (folder.path / three.report()).exists()
    assert report.moved == folder.refined / "earlier"
    (kept,) = report.moved.rglob(three.report())
    assert kept.read_bytes() == third
    assert f"to {report.moved}" in " ".join(report.page.split())
    said = json.loads(folder.refinement.read_text())["jobs"]
    assert [(job["number"], job["rank"]) for job in said] == [(1, 2), (2, 1)]
    assert verify(folder)


def test_a_report_of_no_job_that_was_changed_stays_and_is_named(refined: RunFolder) -> None:
    path = refined.path / TWO.report()
    path.write_text("a trader's own\n")
    report = refine(give(refined, ONE), options=SMALL)
    assert path.read_text() == "a trader's own\n"
    assert report.moved is None
    assert f"{path.name} belongs to no range file of the run any more" in " ".join(
        report.page.split()
    )


def test_a_job_that_was_not_asked_for_is_said_to_wait(folder: RunFolder) -> None:
    page = refine(folder, jobs=[2], options=SMALL).page
    assert f"To refine the rest, job 1:\n  wfo refine {folder.path} --job 1\n" in page
    assert "To refine the rest" not in refine(folder, jobs=[1], options=SMALL).page


# Trials, verification, and other runs


def test_rows_count_among_the_trials_once(folder: RunFolder) -> None:
    before = json.loads(folder.trials.read_text())["total"]
    report = refine(folder, options=SMALL)
    assert report.trials == before + 21
    said = json.loads(folder.trials.read_text())
    assert said["total"] == before + 21
    assert [s["combinations"] for s in said["searches"][-2:]] == [12, 9]
    for fresh in (False, True):
        assert refine(folder, fresh=fresh, options=SMALL).trials == before + 21
    assert f"{before + 21:,} combinations have been searched" in " ".join(report.page.split())


def test_trials_of_a_run_in_the_history_are_the_symbols(folder: RunFolder) -> None:
    place = folder.history / "0123abcd"
    place.mkdir(parents=True)
    for entry in folder.path.iterdir():
        if entry not in {folder.history, folder.trials}:
            entry.rename(place / entry.name)
    before = json.loads(folder.trials.read_text())["total"]
    assert refine(RunFolder(place), options=SMALL).trials == before + 21
    assert json.loads(folder.trials.read_text())["total"] == before + 21


def test_a_damaged_count_of_trials_is_found_before_anything_is_done(
    folder: RunFolder, evaluated: list[int]
) -> None:
    folder.trials.write_text("{")
    with pytest.raises(ResultsError, match="the count of a symbol's trials"):
        refine(folder, options=SMALL)
    assert evaluated == []
    assert not folder.refined.exists()


def test_verify_finds_what_is_damaged(folder: RunFolder) -> None:
    files, size = verify(folder)
    refine(folder, options=SMALL)
    refined = [folder.path / ONE.report(), folder.path / TWO.report(), folder.refinement]
    refined += folder.refined.glob("*.parquet")
    assert verify(folder)[0] == files + len(refined)
    assert verify(folder)[1] > size + sum(p.stat().st_size for p in refined) - 1
    for path in refined:
        data = path.read_bytes()
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
        with pytest.raises(ResultsError, match=rf"{re.escape(str(path))} is damaged") as caught:
            verify(folder)
        assert f"wfo refine {folder.path}" in str(caught.value)
        path.write_bytes(data)
    refined[0].unlink()
    with pytest.raises(ResultsError, match=rf"there is no {re.escape(str(refined[0]))}"):
        verify(folder)


def test_a_damaged_record_is_not_built_upon(refined: RunFolder) -> None:
    before = (refined.path / ONE.report()).read_bytes()
    refined.refinement.write_text(refined.refinement.read_text().replace('"rank": 1', '"rank": 3'))
    for fresh in (False, True):
        with pytest.raises(ResultsError, match=r"refine\.json is damaged.*move refine\.json and"):
            refine(refined, fresh=fresh, options=SMALL)
    assert (refined.path / ONE.report()).read_bytes() == before


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("report", "../Refinement_x.csv", r"report = '\.\./Refinement_x\.csv' must be the name of"),
        ("report", "x.csv", "is no name of a report"),
        ("figures", "../../x.parquet", "must be a name below the folder"),
        ("figures", "refined/x.parquet", "are no figures of"),
        ("rows", "9", "rows = '9' must be a whole number"),
        ("rows", 0, "rows = 0 must be a whole number from 1 to"),
        ("rank", 10**30, "rank = a number of 31 digits must be a whole number from 1 to"),
        ("part", -1, "part = -1 must be a whole number from 1 to"),
        ("refused", -1, "refused = -1 must be a whole number from 0 to"),
    ],
)
def test_a_record_with_a_good_seal_is_checked_too(
    key: str, value: object, said: str, refined: RunFolder
) -> None:
    data = read_sealed(refined.refinement)
    data["jobs"][0][key] = value
    write_sealed(refined.refinement, data)
    with pytest.raises(ResultsError, match=said):
        refine(refined, options=SMALL)


def test_a_job_that_looks_back_too_far_does_not_keep_the_others_waiting(
    folder: RunFolder,
) -> None:
    far = Made("atr_d_l", 1, {"atr_period": ("10", "900010", "450000")})
    give(folder, far, TWO)
    report = refine(folder, options=SMALL)
    assert [outcome.job.number for outcome in report.jobs] == [2]
    (failed,) = report.failed
    assert re.match(
        r"phase5_refine_ATR-D-v1\.5-L_rank1\.csv: a lookback of 900,010 bars leaves nothing"
        r" to trade on.*; give its inputs a lower Max$",
        failed.what,
    )
    # The first trading bar is that of the jobs that can be refined.
    assert report.warmup == 100
    found = compute_analysis(folder)
    assert failed.what in found.notes
    assert found.warmup == 100
    give(folder, far)
    with pytest.raises(ResultsError, match=r"no job of .* can be refined:\n.*900,010"):
        refine(folder, options=SMALL)


def test_another_run_takes_the_files_along_and_brings_them_back(
    folder: RunFolder, evaluated: list[int]
) -> None:
    refine(folder, jobs=[1], options=SMALL)
    with pytest.raises(KeyboardInterrupt):
        refine(folder, jobs=[2], progress=Stopping(1), options=SMALL)
    before = contents(folder)
    own = json.loads(folder.manifest.read_text())["fingerprint"]
    moved = folder.prepare("f" * 64)
    assert moved is not None
    assert not folder.refinement.exists()
    assert not folder.refined.exists()
    assert (moved / ONE.report()).is_file()
    assert folder.prepare(own) is None
    assert contents(folder) == before
    # The same run again leaves blocks alone.
    assert folder.prepare(own, ["atr_d_l"]) is None
    assert contents(folder) == before
    evaluated.clear()
    refine(folder, options=SMALL)
    assert sum(evaluated) == 4


# What cannot be refined


def called(folder: RunFolder | Path, *options: str) -> tuple[int, str, str]:
    path = folder.path if isinstance(folder, RunFolder) else folder
    runner = CliRunner()
    done = runner.invoke(cli, ["refine", str(path), *options], standalone_mode=False)
    error = "" if done.exception is None else str(done.exception)
    return done.exit_code, done.output, error


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    code, _, error = called(tmp_path / "results/QQQ")
    assert code == 1
    assert "there is no run in" in error
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("status", "said"), [("interrupted", "did not finish"), ("rescoring", "was being rescored")]
)
def test_a_run_that_is_not_complete_is_refused(status: str, said: str, folder: RunFolder) -> None:
    write_sealed(folder.manifest, read_sealed(folder.manifest) | {"status": status})
    code, _, error = called(folder)
    assert code == 1
    assert said in error


def test_a_run_without_plateaus_says_why_and_what_to_do(base: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(Path(shutil.copytree(base.path, tmp_path / "NASDAQ")))
    with pytest.raises(ResultsError) as caught:
        refine(copy)
    text = str(caught.value)
    assert text.startswith(f"there is nothing to refine in {copy.path}: ")
    assert re.search(r"no combination of atr_d_l is stable|atr_d_l has .* none of them", text)
    assert f"wfo rescore {copy.path} --min-phases 2" in text
    assert not copy.refined.exists()


def test_a_run_that_has_lost_its_jobs_names_the_reports_that_it_still_has(
    refined: RunFolder,
) -> None:
    (refined.path / CONFIG).write_text(f"{HEADINGS}\n")
    with pytest.raises(ResultsError, match=r"Of earlier ranges there are Refinement_.*, Ref"):
        refine(refined)
    assert (refined.path / ONE.report()).is_file()


def test_a_missing_job_list_is_named(folder: RunFolder) -> None:
    (folder.path / CONFIG).unlink()
    with pytest.raises(ResultsError, match=rf"there is no .*{CONFIG}"):
        refine(folder)


def test_a_job_number_that_is_not_there_is_refused(folder: RunFolder) -> None:
    code, _, error = called(folder, "--job", "7")
    assert code == 1
    assert "there is no job 7 that can be refined; there are 1, 2" in error


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_a_range_file_that_cannot_be_read_fails_alone(how: str, folder: RunFolder) -> None:
    path = folder.path / ONE.file
    if how == "gone":
        path.unlink()
    else:
        path.write_text(path.read_text().replace("ATR_Period,10", "ATR_Period,1O"))
    code, page, error = called(folder)
    assert code == 1
    assert path.name in error
    assert "1 job could not be refined" in error
    assert (folder.path / TWO.report()).is_file()
    assert not (folder.path / ONE.report()).exists()
    assert path.name in page
    # Nothing is said to belong to no job while a job cannot be read.
    assert (folder.path / TWO.report()).is_file()


def test_ranges_that_were_changed_by_hand_are_refined_and_said(folder: RunFolder) -> None:
    path = folder.path / ONE.file
    path.write_text(path.read_text().replace("ATR_Period,10,16,2", "ATR_Period,10,12,2"))
    report = refine(folder, jobs=[1], options=SMALL)
    assert report.jobs[0].job.rows == 6
    assert f"{path.name} is not as the run has written it" in " ".join(report.page.split())


def test_an_engine_that_is_lacking_fails_that_job_alone(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = PerformanceEvaluator.__init__

    def lacking(self: Any, strategy: Any, feeds: Any, sets: Any, *rest: Any, **more: Any) -> None:
        if len(sets) == 12:
            raise EngineError("no engine of mine computes figures of a whole history")
        plain(self, strategy, feeds, sets, *rest, **more)

    monkeypatch.setattr(PerformanceEvaluator, "__init__", lacking)
    code, _, error = called(folder)
    assert code == 1
    assert "job 1, ATR-D-v1.5-L_rank1: no engine of mine" in error
    assert (folder.path / TWO.report()).is_file()
    assert sorted(p.name for p in folder.refined.iterdir()) == [f"{TWO.report()[:-4]}.parquet"]


def late(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Buy at the close `wait` bars after the first, and sell at the last but one."""
    ((_, (wait,)),) = sets
    close = feeds["bars"]["close"]
    entry, exit_ = warmup + wait, len(close) - 2
    equity = np.full(len(close), settings.capital)
    shares = settings.capital / close[entry]
    equity[entry:] += shares * (close[entry:] - close[entry])
    equity[exit_:] = equity[exit_]
    pnl = equity[exit_] - settings.capital
    return Walk([(1, entry, close[entry], exit_, close[exit_], pnl)], equity, -1)


def test_a_strategy_of_ones_own_in_python_has_all_but_intraday_drawdowns(tmp_path: Path) -> None:
    view = TradeStation("Late", {"wait": Input("Wait_Bars", Fine.of("0", "90", "1"), refined=True)})
    mine = Strategy(
        "late",
        "buys late",
        (Parameter("wait", "int", 0, 90, "bars to wait"),),
        PythonKernel("test_refine:late"),
        lambda values: 1,
        tradestation=view,
    )
    with registry.separate([mine]):
        plan = RunPlan(
            "NASDAQ", mine, grid=wfo.Grid({"wait": [0, 30]}, strategy=mine), out=tmp_path,
            windows="default", command="wfo run again",
        )  # fmt: skip
        run(plan, sample_store())
        folder = plan.folder
        (folder.path / "phase5_refine_Late_rank1.csv").write_text(
            "ParameterName,Min,Max,Step\nWait_Bars,0,40,20\n"
        )
        (folder.path / CONFIG).write_text(
            f"{HEADINGS}\n1,Late,Late,phase5_refine_Late_rank1.csv,1,0,0\n"
        )
        report = refine(folder, options=SMALL)
    rows = rows_of(folder.path / "Refinement_Late_rank1_NASDAQ.csv")
    assert [row["Wait_Bars"] for row in rows] == ["0", "20", "40"]
    bars = wfo.load_sample("NASDAQ")["close"].to_numpy()[: report.end]
    for row in rows:
        earned = 100_000 * (bars[-2] / bars[100 + int(row["Wait_Bars"])] - 1)
        assert float(row["All: Net Profit"]) == pytest.approx(earned, abs=0.006)
        assert row["All: Max Intraday Drawdown"] == row["All: TS Index"] == ""
    (outcome,) = report.jobs
    assert "intraday" in outcome.job.note
    assert outcome.job.note in " ".join(report.page.split())
    assert "was added to them" in report.page


def test_damaged_bars_are_found_first(folder: RunFolder) -> None:
    data = folder.bars.read_bytes()
    folder.bars.write_bytes(data[:-1])
    with pytest.raises(ResultsError, match=r"bars\.parquet is damaged.*run again: wfo run again"):
        refine(folder)


def test_a_folder_in_use_is_left_alone(folder: RunFolder) -> None:
    with folder.hold("wfo run --symbol QQQ"):
        code, _, error = called(folder)
    assert code == 1
    assert f"{folder.path} is in use by process {os.getpid()}: wfo run --symbol QQQ" in error
    assert not folder.refined.exists()


def test_a_job_that_the_disk_has_no_room_for_is_refused(
    folder: RunFolder, evaluated: list[int]
) -> None:
    with pytest.raises(ResultsError, match=r"the 12 rows of job 1, .* take up to .* are free"):
        refine(folder, machine=Machine(free=lambda _: 5_000))
    assert evaluated == []


def test_a_disk_that_fills_up_is_named_and_the_same_command_goes_on(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = contents(RunFolder(refined_copy(folder)))
    plain = os.fsync
    failed = 0
    for at in itertools.count(3, 2):
        calls = itertools.count()

        def full(descriptor: int, at: int = at, calls: Iterator[int] = calls) -> None:
            if next(calls) == at:
                raise OSError(errno.ENOSPC, "No space left on device")
            plain(descriptor)

        monkeypatch.setattr(os, "fsync", full)
        try:
            refine(folder, options=SMALL)
        except ResultsError as error:
            failed += 1
            assert re.match(r"cannot write .*: No space left on device; ", str(error))  # noqa: PT017
            if "trials.json" not in str(error):
                assert "the same command goes on with what is complete" in str(error)  # noqa: PT017
        else:
            break
    assert failed > 4
    assert contents(folder) == expected


def refined_copy(folder: RunFolder) -> Path:
    copy = Path(shutil.copytree(folder.path, folder.path.parents[1] / "copies" / "NASDAQ"))
    refine(RunFolder(copy), options=SMALL)
    return copy


# How it is called


def test_plain_lines_tell_how_far_it_is(
    folder: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    refine(folder, progress=Plain(clock=itertools.count(0, 6).__next__), options=SMALL)
    lines = capsys.readouterr().err.splitlines()
    assert re.match(r"job 1, ATR-D-v1\.5-L_rank1: \d+ % of 12, .*/s, .* left$", lines[0])
    assert any(re.match(r"job 2, ATR-D-v1\.5-L_rank2_part2: 9 in ", line) for line in lines)


def test_ctrl_c_is_130_and_keeps_what_is_complete(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = PerformanceEvaluator.range

    def interrupted(self: PerformanceEvaluator, start: int, stop: int) -> Any:
        if len(self) == 9:
            raise KeyboardInterrupt
        return plain(self, start, stop)

    monkeypatch.setattr(PerformanceEvaluator, "range", interrupted)
    with pytest.raises(SystemExit) as caught:
        main(["refine", str(folder.path)])
    assert caught.value.code == 130
    assert "interrupted; what was complete is kept" in capsys.readouterr().err
    found = Refinement.read(folder)
    assert found is not None
    assert [job.number for job in found.jobs] == [1]
    assert not (folder.path / ".lock").exists()


def test_the_call_is_the_command(folder: RunFolder) -> None:
    report = wfo.refine(folder.path, jobs=2)
    assert isinstance(report, RefineReport)
    assert [each.job.number for each in report.jobs] == [2]
    assert report.waiting == (1,)
    done = called(folder)[1]
    assert str(folder.path / ONE.report()) in done


def test_the_report_shows_itself_in_a_notebook(refined: RunFolder) -> None:
    html = refine(refined, options=SMALL)._repr_html_()
    assert "<caption>NASDAQ 1day, refined</caption>" in html
    assert "ATR-D-v1.5-L_rank2_part2" in html


def test_blocks_are_some_seconds_of_work() -> None:
    usual = RefineOptions()
    assert usual.block(5_000) == 8_000
    assert usual.block(100) == 8_192
    assert usual.block(10_000_000) == 256
    assert math.isclose(usual.block(20_000) * 20_000, usual.bars)
