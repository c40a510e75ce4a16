"""The permutation test of a run: its figures, its record, how it goes on, and what it refuses."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from calling import call_cli
from conftest import TINY
from noting import Noting

import wfo
from wfo.backtest import Feeds
from wfo.backtest.benchmark import benchmark
from wfo.data import BarsOrigin, DataStore, sample_store
from wfo.errors import InputError, ResultsError
from wfo.files import read_sealed, write_sealed
from wfo.runs.candidates import Run
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Machine
from wfo.runs.permuting.asked import Asked
from wfo.runs.permuting.python_search import PythonSearch
from wfo.runs.permuting.record import Record, read_tests, record_path, stale_tests
from wfo.runs.permuting.search import CoreSearch, open_search
from wfo.runs.permuting.testing import PermutingOptions, permutation_test
from wfo.runs.permuting.values import (
    BESIDE,
    LEAST_RUNS,
    MOST_RUNS,
    OUTCOMES,
    PermutationTest,
    Searched,
    Variant,
)
from wfo.runs.permuting.values import Tested as Column
from wfo.runs.plan import RunPlan
from wfo.runs.rescore import rescore
from wfo.runs.run import run
from wfo.runs.stage_alone.stated import stated_results
from wfo.runs.verdict.rules import p_text
from wfo.runs.verify import verify
from wfo.selection.gates import Gates
from wfo.stats.permutation import order_classes, permuted_feeds
from wfo.strategy import Parameter, PythonKernel, Strategy, Walk, registry

#: 16 combinations.
FEW = (
    TINY.replace("[0.04, 0.32]", "[0.04]")
    .replace("[8, 56]", "[8]")
    .replace("[0.10, 0.85]", "[0.10]")
)
LATER, BLOCKS = Variant(later=True), Variant(block=20)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of 128 combinations; for reading."""
    place = tmp_path_factory.mktemp("made")
    (place / "tiny.yaml").write_text(TINY)
    plan = RunPlan("NASDAQ", "atr_d_l", grid=place / "tiny.yaml", out=place)
    run(plan, sample_store())
    return plan.folder


@pytest.fixture
def folder(made: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(made.path, tmp_path / "NASDAQ")))


@dataclass
class Toy:
    """Searches without any: the figures of number i are drawn from stream i."""

    asked: Asked
    engine: str = "toy"
    worker_bytes: int | None = None
    concurrent: int = 1
    calls: int = 0
    stops: int | None = None

    def run(self, start: int, stop: int) -> np.ndarray:
        self.calls += 1
        if self.stops is not None and self.calls > self.stops:
            raise KeyboardInterrupt
        rows = [self._row(number) for number in range(start, stop)]
        return np.array(rows)

    def _row(self, number: int) -> np.ndarray:
        if number == 0:
            return _real_row(self.asked)
        return np.random.default_rng([number, len(self.asked.grid)]).random(len(self.asked.names))


_REAL: dict[object, np.ndarray] = {}


def _real_row(asked: Asked) -> np.ndarray:
    """What a run states of its own bars."""
    close = asked.feeds["bars"]["close"]
    key = (asked.grid.strategy.name, len(asked.grid), tuple(asked.gates.values()), close[-1])
    if (key, asked.least) not in _REAL:
        _REAL[key, asked.least] = PythonSearch(asked).run(0, 1)[0]
    return _REAL[key, asked.least].copy()


def toys(**changed: Any) -> PermutingOptions:
    """Options of a test on toys whose batches are of one search, then four, then all."""
    clock = itertools.count()
    options: dict[str, Any] = {
        "seconds": 4.0,
        "writing": 0.0,
        "clock": lambda: float(next(clock)),
        "memory": lambda: None,
        "open": Toy,
    }
    return PermutingOptions(**(options | changed))


def plain(folder: RunFolder, variant: Variant | None = None) -> dict[str, Any]:
    """What a record says, but for how long it took."""
    data = read_sealed(record_path(folder, variant or Variant()))
    return {key: value for key, value in data.items() if key != "seconds"}


# What a search comes to


def asked_of(folder: RunFolder, variant: Variant, threads: int = 1) -> Asked:
    """What is searched of a run, as the test asks."""
    found: list[Asked] = []

    def noted(asked: Asked) -> Toy:
        found.append(replace(asked, threads=threads))
        return Toy(asked, stops=0)

    with pytest.raises(KeyboardInterrupt):
        permutation_test(folder, runs=19, variant=variant, options=toys(open=noted))
    return found[0]


def by_hand(asked: Asked, feeds: Feeds) -> dict[str, float]:
    """The figures of a search by their definitions, from a sweep of `wfo.Evaluator`."""
    found = wfo.Evaluator(
        asked.grid.strategy, feeds, asked.grid, asked.phases, asked.settings
    ).range(0, len(asked.grid), stored=True)
    prices = feeds.prices()
    assert prices is not None
    v4, strict, total, trading = (np.zeros(len(asked.grid)) for _ in range(4))
    held = 0.0
    for figures, bounds in zip(found, asked.phases, strict=True):
        own = benchmark(prices, bounds, asked.settings, 252.0)
        is_pnl, oos_pnl, is_dd, oos_dd = (
            getattr(figures, n).astype(float) for n in ("is_pnl", "oos_pnl", "is_dd", "oos_dd")
        )
        valid = (is_pnl > 0) & (oos_pnl > 0) & (oos_dd < oos_pnl) & (oos_dd < 3 * is_dd)
        valid &= oos_pnl > 0.35 * is_pnl
        with np.errstate(divide="ignore", invalid="ignore"):
            beats = np.where(oos_dd > 0, oos_pnl / oos_dd, np.inf) > own.risk_floor
        v4 += valid
        strict += valid & (figures.oos_trades >= 5) & beats
        total += np.log(1 + oos_pnl / (asked.settings.capital + is_pnl))
        trading += figures.oos_trades >= 5
        held += math.log(1 + own.whole.oos_pnl / (own.capital + own.whole.is_pnl))
    trades = trading >= asked.least
    return {
        "stable_v4": float(np.mean(v4 >= asked.least)),
        "stable_strict": float(np.mean(strict >= asked.least)),
        "best_return": float(total.max()),
        "median_return": float(np.median(total)),
        "best_excess": float(total[trades].max() - held),
        "median_excess": float(np.median(total[trades]) - held),
        "trading": float(np.mean(trades)),
        "held_return": held,
    }


@pytest.mark.parametrize("variant", [Variant(), LATER, BLOCKS], ids=lambda v: v.name)
def test_the_figures_of_a_search_follow_their_definitions(
    variant: Variant, folder: RunFolder
) -> None:
    asked = asked_of(folder, variant)
    first = asked.phases[0][1 if variant.later else 0]
    assert asked.first == first
    assert asked.feeds.bars == asked.phases[-1][2]
    rows = PythonSearch(asked).run(0, 3)
    for number, row in enumerate(rows):
        feeds = asked.feeds
        if number:
            feeds = permuted_feeds(feeds, first, number - 1, block=variant.block)
        expected = by_hand(asked, feeds)
        assert dict(zip(asked.names, row.tolist(), strict=True)) == pytest.approx(
            expected, rel=1e-12
        )
    assert not np.array_equal(rows[1], rows[2])


def test_the_search_of_the_bars_as_they_are_finds_what_the_run_has_found(
    folder: RunFolder,
) -> None:
    report = permutation_test(folder, runs=19, options=toys(open=PythonSearch))
    (found,) = folder.read_manifest().completion.results  # type: ignore[union-attr]
    figures = report.test.figures["atr_d_l"]
    assert figures["stable_v4"].real == sum(found["valid_phases"][3:]) / 128
    strict = found["sets"]["strict"]["valid_phases"]
    assert figures["stable_strict"].real == sum(strict[3:]) / 128


def test_figures_do_not_depend_on_threads_nor_on_batches(made: RunFolder, tmp_path: Path) -> None:
    found = []
    for name, threads, seconds in (("one", 1, 1e-9), ("two", 2, 60.0)):
        copy = RunFolder(Path(shutil.copytree(made.path, tmp_path / name)))
        options = PermutingOptions(seconds=seconds, writing=0.0)
        permutation_test(copy, runs=20, threads=threads, options=options)
        found.append(plain(copy))
    assert found[0] == found[1]


def searched_alike(asked: Asked) -> None:
    """Compare the core's loop with one search after the other."""
    search = open_search(asked)
    assert isinstance(search, CoreSearch)
    found, expected = search.run(0, 6), PythonSearch(asked).run(0, 6)
    counted = [n.startswith("stable") or n == "trading" for n in asked.names]
    assert np.array_equal(found[:, counted], expected[:, counted])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.array_equal(search.run(3, 5), found[3:5])


@pytest.mark.parametrize(
    "variant", [Variant(), LATER, BLOCKS, Variant(later=True, block=20)], ids=lambda v: v.name
)
def test_the_core_searches_as_the_evaluator_does(variant: Variant, folder: RunFolder) -> None:
    searched_alike(asked_of(folder, variant, threads=2))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of two strategies and two symbols, 16 combinations each; for reading."""
    place = tmp_path_factory.mktemp("pair")
    sections = [FEW.replace("atr_d_l:", f"{name}:") for name in ("atr_d_l", "atr_d_duals_l")]
    (place / "two.yaml").write_text("\n".join(sections))
    plan = RunPlan("NASDAQ", "atr_d_duals_l", symbol2="SP500", grid=place / "two.yaml", out=place)
    run(plan, sample_store())
    return plan.folder


def test_two_symbols_and_all_strategies_of_a_run_see_the_same_orders(
    pair: RunFolder, tmp_path: Path
) -> None:
    folder = RunFolder(Path(shutil.copytree(pair.path, tmp_path / "NASDAQ_SP500")))
    seen: dict[str, Asked] = {}

    def noted(asked: Asked) -> PythonSearch:
        seen[asked.grid.strategy.name] = asked
        return PythonSearch(asked)

    report = permutation_test(folder, runs=19, options=toys(open=noted))
    assert set(report.test.searched) == {"atr_d_duals_l", "atr_d_l"}
    assert report.test.count == 12
    assert set(seen["atr_d_duals_l"].feeds) == {"bars", "bars2"}
    assert set(seen["atr_d_l"].feeds) == {"bars"}
    held = [f["held_return"] for f in report.test.figures.values()]
    assert held[0].permuted.tolist() == held[1].permuted.tolist()
    assert len(set(held[0].permuted.tolist())) == 19
    for asked in seen.values():
        searched_alike(asked)
    both = " ".join(report.page.split())
    assert "the same for every strategy and for both symbols" in both
    assert "that both symbols move together" in both


def _intraday_bars(days: int) -> pl.DataFrame:
    """Four-hour bars of a made market: two a day, the first of which moves ten times as far."""
    rng = np.random.default_rng(3)
    sizes = np.tile([0.02, 0.002], days)
    close = 100 * np.exp(np.cumsum(sizes * rng.standard_normal(2 * days)))
    opened = np.concatenate([[100.0], close[:-1]])
    dates = [dt.date(2008, 1, 1) + dt.timedelta(days=k) for k in range(2 * days)]
    dates = [date for date in dates if date.weekday() < 5][:days]
    stamps = [dt.datetime.combine(d, dt.time(h, 30)) for d in dates for h in (9, 13)]
    return pl.DataFrame(
        {
            "datetime": pl.Series(stamps).dt.replace_time_zone("America/New_York"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": np.ones(2 * days),
        }
    )


def test_moves_of_intraday_bars_stay_in_their_hour(tmp_path: Path) -> None:
    store = DataStore(tmp_path / "data")
    store.save("MADE", "4hour", _intraday_bars(2_600), BarsOrigin("tests", calendar="none"))
    (tmp_path / "few.yaml").write_text(FEW)
    plan = RunPlan(
        "MADE", "atr_d_l", timeframe="4hour", grid=tmp_path / "few.yaml", out=tmp_path / "out"
    )
    run(plan, store)
    asked = asked_of(plan.folder, Variant(block=5))
    assert asked.feeds.stamps is not None
    classes = order_classes(asked.feeds.stamps, "4hour")
    assert classes is not None
    assert asked.classes is not None
    assert np.array_equal(asked.classes, classes)
    assert set(classes.tolist()) == {0, 1}
    for variant in (Variant(), Variant(block=5)):
        asked = asked_of(plan.folder, variant)
        feeds = PythonSearch(asked)._permuted(1)
        own = np.log(feeds["bars"]["close"] / feeds["bars"]["open"])
        large = own[asked.first :][asked.classes[asked.first :] == 0].std()  # type: ignore[index]
        small = own[asked.first :][asked.classes[asked.first :] == 1].std()  # type: ignore[index]
        assert 8 < large / small < 12
        searched_alike(asked)
    page = " ".join(permutation_test(plan.folder, runs=19).page.split())
    assert "the hour of each move" in page
    assert "--block 5" in page
    with pytest.raises(InputError, match="sessions that trade places"):
        permutation_test(plan.folder, runs=19, variant=Variant(block=2_000))


def late(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Buy at the close `wait` bars after the first, and sell at the last: one trade a phase."""
    ((_, (wait,)),) = sets
    close = feeds["bars"]["close"]
    entry, last = warmup + wait, len(close) - 1
    equity = np.full(len(close), settings.capital)
    equity[entry:] += settings.capital / close[entry] * (close[entry:] - close[entry])
    pnl = equity[last] - settings.capital
    return Walk([(1, entry, close[entry], last, close[last], pnl)], equity, -1)


def test_a_strategy_in_python_that_never_trades_enough_has_no_excess(tmp_path: Path) -> None:
    mine = Strategy(
        "late",
        "buys late",
        (Parameter("wait", "int", 0, 90, "bars to wait"),),
        PythonKernel(f"{__name__}:late"),
        lambda values: 1,
    )
    with registry.separate([mine]):
        grid = wfo.Grid({"wait": [0, 30, 60]}, strategy=mine)
        plan = RunPlan("NASDAQ", mine, grid=grid, out=tmp_path, windows="default")
        run(plan, sample_store())
        report = permutation_test(plan.folder, runs=19)
        (mark,) = Record.read(report.path).basis.kernels.items()
        figures, p = report.test.figures["late"], report.test.p["late"]
        asked = asked_of(plan.folder, BLOCKS)
    assert mark[0] == "late"
    assert len(mark[1]) == 64
    assert report.test.searched["late"].engine == "python"
    assert np.isnan([figures["best_excess"].real, *figures["median_excess"].permuted]).all()
    assert (p["best_excess"], p["median_excess"]) == (1.0, 1.0)
    assert figures["trading"].real == figures["trading"].permuted.max() == 0
    close = asked.feeds["bars"]["close"]
    # Bought before the split, all sets earn what the market does; profits are stored as float32.
    market = sum(math.log(close[end - 1] / close[split - 1]) for _, split, end in asked.phases)
    for name in ("best_return", "median_return"):
        assert figures[name].real == pytest.approx(market, rel=1e-6)
    (row,) = [
        line for line in report.page.splitlines() if "best excess over buy-and-hold  " in line
    ]
    assert row.split()[-5:] == ["-", "-", "-", "19", "1.00"]


# Going on


def test_more_runs_go_on_from_those_that_are_there(made: RunFolder, tmp_path: Path) -> None:
    whole, parts = (
        RunFolder(Path(shutil.copytree(made.path, tmp_path / name))) for name in ("whole", "parts")
    )
    permutation_test(whole, runs=50, options=toys())
    first = permutation_test(parts, runs=20, options=toys())
    assert (first.test.runs, first.computed) == (20, 21)
    noted = Noting()
    again = permutation_test(parts, runs=50, options=toys(), progress=noted)
    assert (again.test.runs, again.computed) == (50, 30)
    assert noted.totals == [30 * 128]
    assert noted.said == ["21 searches are stored and intact"]
    assert plain(whole) == plain(parts)
    # Fewer than there are compute nothing, and show all.
    before = record_path(parts, Variant()).read_bytes()
    fewer = permutation_test(parts, runs=30, options=toys(open=_never))
    assert (fewer.test.runs, fewer.computed) == (50, 0)
    assert record_path(parts, Variant()).read_bytes() == before


def _never(asked: Asked) -> Toy:
    raise AssertionError(asked.grid.strategy.name)


def test_an_interrupt_loses_its_batch_alone(made: RunFolder, tmp_path: Path) -> None:
    whole, cut = (
        RunFolder(Path(shutil.copytree(made.path, tmp_path / name))) for name in ("whole", "cut")
    )
    permutation_test(whole, runs=60, options=toys())
    done = []
    for calls in (1, 2, 3):
        with pytest.raises(KeyboardInterrupt):
            permutation_test(
                cut, runs=60, options=toys(open=lambda asked, n=calls: Toy(asked, stops=n))
            )
        test = Record.read(record_path(cut, Variant())).test
        done.append(test.runs)
        expected = Record.read(record_path(whole, Variant())).test.searched["atr_d_l"]
        found = test.searched["atr_d_l"]
        assert np.array_equal(found.values, expected.values[: len(found.values)])
        assert not list(cut.path.rglob("*.part"))
    assert done == sorted(set(done))
    assert done[-1] < 60
    # The verdict has what is complete.
    assert [t.runs for t in read_tests(cut)] == [done[-1]]
    permutation_test(cut, runs=60, options=toys())
    assert plain(whole) == plain(cut)


_KILLED = """
import os, signal, sys
from pathlib import Path
from wfo.runs.folder import RunFolder
from wfo.runs.permuting import record
from wfo.runs.permuting.testing import PermutingOptions, permutation_test

count = 0
write = record.write_sealed

def killed(*given, **named):
    global count
    count += 1
    if count == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    write(*given, **named)

record.write_sealed = killed
options = PermutingOptions(seconds=1e-9, writing=0.0)
permutation_test(RunFolder(Path(sys.argv[1])), runs=30, threads=1, options=options)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_test_goes_on(made: RunFolder, tmp_path: Path) -> None:
    whole, cut = (
        RunFolder(Path(shutil.copytree(made.path, tmp_path / name))) for name in ("whole", "cut")
    )
    permutation_test(whole, runs=30)
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(cut.path), "4"],
        check=False,
        env=dict(os.environ),
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    # Batches of one search each: three were recorded, one of the bars as they are.
    assert Record.read(record_path(cut, Variant())).test.runs == 2
    permutation_test(cut, runs=30)
    assert plain(whole) == plain(cut)


def test_strategies_go_on_side_by_side(pair: RunFolder, tmp_path: Path) -> None:
    folder = RunFolder(Path(shutil.copytree(pair.path, tmp_path / "NASDAQ_SP500")))
    with pytest.raises(KeyboardInterrupt):
        permutation_test(folder, runs=40, options=toys(open=lambda asked: Toy(asked, stops=2)))
    searched = Record.read(record_path(folder, Variant())).test.searched
    assert [len(each.values) for each in searched.values()] == [5, 5]
    report = permutation_test(folder, runs=40, options=toys())
    assert {each.runs for each in report.test.searched.values()} == {40}
    assert report.computed == 2 * 41 - 10


def test_batches_are_of_as_many_searches_as_are_made_at_a_time(folder: RunFolder) -> None:
    asked: list[int] = []

    class Counting(Toy):
        def run(self, start: int, stop: int) -> np.ndarray:
            asked.append(stop - start)
            return super().run(start, stop)

    options = toys(seconds=10.0, open=lambda each: Counting(each, concurrent=4))
    permutation_test(folder, runs=99, options=options)
    # A batch takes a second by the clock of toys: four times the last one, ten seconds at most.
    assert asked == [4, 16, 64, 16]


# Records of something else


def test_a_record_of_other_gates_is_set_aside_and_comes_back(folder: RunFolder) -> None:
    first = permutation_test(folder, runs=19, options=toys())
    noted = Noting()
    own = Gates(wfe=0.2, min_trades=3)
    rescore(folder, gates=own, progress=noted)
    (said,) = [text for text in noted.said if "permutation test" in text]
    assert "permutations/bars.json is of other gates" in said
    assert f"wfo permutation-test {folder.path}" in said
    assert read_tests(folder) == ()
    assert stale_tests(folder) == (said,)
    verify(folder)
    second = permutation_test(folder, runs=20, options=toys())
    assert second.computed == 21
    assert second.test.searched["atr_d_l"].names[:3] == ("stable_v4", "stable_strict", "stable_own")
    assert "of other gates was moved to permutations/earlier/" in " ".join(second.page.split())
    assert len(list((folder.path / "permutations" / "earlier").iterdir())) == 1
    assert stale_tests(folder) == ()
    # Strict gates are counted beside v4 whichever rules.
    _ruled_by(folder, Gates.preset("strict"))
    third = permutation_test(folder, runs=19, options=toys(open=_never))
    assert third.computed == 0
    assert third.test.to_dict() == first.test.to_dict()
    assert "holds again" in third.page
    assert [t.key for t in read_tests(folder)] == [first.test.key]


def _ruled_by(folder: RunFolder, gates: Gates) -> None:
    """State other gates, as a rescoring does at its end."""
    replace(folder.read_manifest(), gates=gates).write(folder.manifest)


def test_other_gates_by_name_alone_leave_a_record_good(folder: RunFolder) -> None:
    permutation_test(folder, runs=19, options=toys())
    _ruled_by(folder, Gates.preset("strict"))
    assert [t.runs for t in read_tests(folder)] == [19]
    assert permutation_test(folder, runs=19, options=toys(open=_never)).computed == 0
    _ruled_by(folder, replace(Gates.preset("strict"), min_phases=2))
    assert read_tests(folder) == ()
    (said,) = stale_tests(folder)
    assert "valid phases" in said


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"run": "0" * 64}, "another run"),
        ({"wfo": "9.9.9"}, "wfo 9.9.9"),
        ({"bars": {"bars.parquet": "0" * 64}}, "other bars"),
        ({"kernels": {"atr_d_l": "0" * 64}}, "another kernel"),
    ],
)
def test_a_foreign_record_is_never_mixed_in(
    changed: dict[str, Any], word: str, folder: RunFolder
) -> None:
    good = permutation_test(folder, runs=19, options=toys()).test
    path = record_path(folder, Variant())
    before = Record.read(path)
    basis = replace(before.basis, **changed)
    Record(basis, replace(before.test, key=basis.key(Variant()))).write(path)
    assert read_tests(folder) == ()
    assert word in stale_tests(folder)[0]
    noted = Noting()
    found = permutation_test(folder, runs=19, options=toys(), progress=noted)
    assert found.computed == 20
    assert f"an earlier test of {word} was moved to" in noted.said[0]
    assert found.test.searched["atr_d_l"].to_dict() == good.searched["atr_d_l"].to_dict()
    kept = list((folder.path / "permutations" / "earlier").iterdir())
    assert [Record.read(p).basis for p in kept] == [basis]


def test_another_version_computes_anew(folder: RunFolder) -> None:
    permutation_test(folder, runs=19, options=toys())
    newer = Machine(version=lambda: "99.0.0")
    assert permutation_test(folder, runs=19, options=toys(), machine=newer).computed == 20
    assert [t.runs for t in read_tests(folder, version="99.0.0")] == [19]
    assert read_tests(folder) == ()


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a record, under a good seal."""
    data = read_sealed(path)
    change(data)
    write_sealed(path, data)


def _figures(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["strategies"]["atr_d_l"]["figures"]
    return found


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "key": lambda d: d.update(key="0"),
    "layout": lambda d: d.update(version=99),
    "runs": lambda d: _figures(d)["best_return"].pop(),
    "text": lambda d: _figures(d)["best_return"].__setitem__(3, "1.5"),
    "truth": lambda d: _figures(d)["best_return"].__setitem__(3, True),
    "share": lambda d: _figures(d)["stable_v4"].__setitem__(3, 1.5),
    "lacks": lambda d: _figures(d).pop("best_excess"),
    "unknown": lambda d: _figures(d).update(worst_return=_figures(d)["best_return"]),
    "variant": lambda d: d["variant"].update(block=1),
    "gates": lambda d: d["basis"]["gates"]["v4"].update(wfe=-1),
    "seconds": lambda d: d.update(seconds="long"),
    "none": lambda d: d.update(strategies={}),
    "no share": lambda d: _figures(d).pop("stable_v4"),
    "other gates": lambda d: _figures(d).update(stable_mine=_figures(d)["stable_v4"]),
    "huge": lambda d: _figures(d)["best_return"].__setitem__(3, 10**400),
}


@pytest.fixture(scope="module")
def tested(made: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The run with a test of every variant, of toys; for reading."""
    copy = tmp_path_factory.mktemp("tested") / "NASDAQ"
    folder = RunFolder(Path(shutil.copytree(made.path, copy)))
    for variant in (Variant(later=True, block=20), BLOCKS, LATER, Variant()):
        permutation_test(folder, runs=19, variant=variant, options=toys())
    return folder


@pytest.fixture
def spoilt(tested: RunFolder) -> Iterator[Path]:
    """A record that a test may damage."""
    path = record_path(tested, Variant())
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_a_damaged_record_is_refused_with_the_way_out(
    damage: str, spoilt: Path, tested: RunFolder
) -> None:
    _edit(spoilt, DAMAGES[damage])
    before = spoilt.read_bytes()
    for use in (
        lambda: permutation_test(tested, runs=19, options=toys(open=_never)),
        lambda: read_tests(tested),
        lambda: stale_tests(tested),
        lambda: verify(tested),
    ):
        with pytest.raises(ResultsError) as caught:
            use()
        assert str(spoilt) in str(caught.value)
        assert f"wfo permutation-test {tested.path}" in str(caught.value)
    assert spoilt.read_bytes() == before


def test_a_folder_of_records_that_cannot_be_read_is_no_folder_without_any(
    made: RunFolder, tmp_path: Path
) -> None:
    folder = RunFolder(Path(shutil.copytree(made.path, tmp_path / "NASDAQ")))
    (folder.path / "permutations").write_text("")
    for use in (read_tests, stale_tests, verify):
        with pytest.raises(ResultsError, match=r"permutations cannot be read: .*; see to it"):
            use(folder)


def test_a_folder_may_be_named_like_a_pattern(made: RunFolder, tmp_path: Path) -> None:
    folder = RunFolder(Path(shutil.copytree(made.path, tmp_path / "{a,b} [c]* [d" / "NASDAQ")))
    assert permutation_test(folder, runs=19, options=toys()).computed == 20
    manifest = folder.read_manifest()
    (stated,) = stated_results(folder, manifest)
    assert stated.candidates(manifest.sums, ["Total_OOS_Trades"]).columns == ["Total_OOS_Trades"]
    bars, _ = Run.of(folder).load_bars(second=False)
    assert len(bars) == manifest.data.rows


def test_verify_reads_every_record(tested: RunFolder, tmp_path: Path) -> None:
    folder = RunFolder(Path(shutil.copytree(tested.path, tmp_path / "NASDAQ")))
    files, _ = verify(folder)
    shutil.rmtree(folder.path / "permutations")
    assert verify(folder)[0] == files - 4
    folder = RunFolder(Path(shutil.copytree(tested.path, tmp_path / "again")))
    path = record_path(folder, BLOCKS)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ResultsError, match="is damaged") as caught:
        verify(folder)
    assert str(path) in str(caught.value)


def test_the_tests_of_a_run_are_read_in_one_order(tested: RunFolder) -> None:
    names = [test.variant.name for test in read_tests(tested)]
    assert names == ["bars", "blocks20", "later", "later-blocks20"]
    assert {test.runs for test in read_tests(tested)} == {19}
    assert stale_tests(tested) == ()


# What is refused


@pytest.mark.parametrize("runs", [18, 0, -1, 100_000, 19.0, True, "20"])
def test_too_few_runs_say_why(runs: Any, folder: RunFolder) -> None:
    with pytest.raises(InputError, match=r"from 19 to 99,999: .* 1 / \(1 \+ B\)"):
        permutation_test(folder, runs=runs, options=toys(open=_never))
    assert not (folder.path / "permutations").exists()


@pytest.mark.parametrize("block", [1, -5, 2.0, True])
def test_blocks_of_one_bar_are_none(block: Any) -> None:
    with pytest.raises(InputError, match="block"):
        Variant(block=block)


def test_blocks_must_be_many(folder: RunFolder) -> None:
    first, end = folder.read_manifest().phases[0].warmup, folder.read_manifest().phases[-1].end
    longest = (end - first) // 8
    with pytest.raises(InputError, match=rf"{longest} is the longest") as caught:
        permutation_test(folder, runs=19, variant=Variant(block=longest + 1), options=toys())
    assert "makes 7 of" in str(caught.value)
    permutation_test(folder, runs=19, variant=Variant(block=longest), options=toys())


def test_a_grid_that_memory_does_not_hold_is_refused(folder: RunFolder) -> None:
    with pytest.raises(ResultsError, match="smaller grid"):
        permutation_test(folder, runs=19, options=toys(memory=lambda: 8 * 128 - 1))
    hungry = toys(memory=lambda: 10_000, open=lambda asked: Toy(asked, worker_bytes=10_001))
    with pytest.raises(ResultsError, match="fewer --threads"):
        permutation_test(folder, runs=19, options=hungry)
    assert not (folder.path / "permutations").exists()
    permutation_test(folder, runs=19, options=toys(memory=lambda: 8 * 128))


class Wrong(Toy):
    """Finds one stable combination more on the bars as they are."""

    def run(self, start: int, stop: int) -> np.ndarray:
        found = super().run(start, stop)
        if start == 0:
            found[0, 0] += 1 / 128
        return found


def test_a_strategy_that_is_not_what_it_was_is_refused(folder: RunFolder) -> None:
    with pytest.raises(ResultsError, match="is not what it was") as caught:
        permutation_test(folder, runs=19, options=toys(open=Wrong))
    assert "atr_d_l" in str(caught.value)
    assert not record_path(folder, Variant()).exists()


def test_damaged_bars_and_a_run_that_is_not_there_are_refused(folder: RunFolder) -> None:
    data = bytearray(folder.bars.read_bytes())
    data[len(data) // 2] ^= 1
    folder.bars.write_bytes(data)
    with pytest.raises(ResultsError, match=r"bars\.parquet is damaged"):
        permutation_test(folder, runs=19, options=toys(open=_never))
    nowhere = RunFolder(folder.path / "nowhere")
    with pytest.raises(ResultsError, match="there is no run"):
        permutation_test(nowhere, runs=19)
    assert not nowhere.path.exists()


def test_a_folder_in_use_is_left_alone(folder: RunFolder) -> None:
    with folder.hold("wfo refine"), pytest.raises(ResultsError, match=r"in use by .*wfo refine"):
        permutation_test(folder, runs=19, options=toys())


# Values


def _searched(**columns: list[float]) -> Searched:
    names = ("stable_v4", "stable_strict", *OUTCOMES, *BESIDE)
    length = len(next(iter(columns.values())))
    values = [columns.get(name, [0.5] * length) for name in names]
    return Searched(10, "direct", names, np.array(values).T)


def _test(**searched: Searched) -> PermutationTest:
    return PermutationTest(Variant(), "k", "2000-01-03", "2001-01-03", 250, 3, searched, 1.5)


def test_figures_that_json_has_no_word_for_come_back() -> None:
    values = [math.nan, -math.inf, math.inf, 1.5]
    test = _test(a=_searched(best_excess=values))
    text = json.dumps(test.to_dict(), allow_nan=False)
    again = PermutationTest.from_dict(json.loads(text))
    assert np.array_equal(again.searched["a"].values, test.searched["a"].values, equal_nan=True)
    assert again.to_dict() == test.to_dict()


def test_p_values_of_all_figures_of_all_strategies() -> None:
    # The first figure of a is first of four, all others tie.
    a = _searched(stable_v4=[0.9, 0.1, 0.2, 0.3])
    b = _searched(best_return=[1.0, 4.0, 3.0, 2.0])
    test = _test(a=a, b=b)
    assert test.count == 12
    assert test.p["a"]["stable_v4"] == 1 / 4
    assert test.p["a"]["stable_strict"] == 1.0
    assert test.p["b"]["best_return"] == 1.0
    assert set(test.p["a"]) == {"stable_v4", "stable_strict", *OUTCOMES}
    # As unusual as the real one is the permuted one that is first in b's.
    assert test.p_all == 2 / 4
    assert test.p_attainable == 2 / 4


def test_a_test_has_the_runs_that_all_strategies_have() -> None:
    test = _test(a=_searched(best_return=[1, 2, 3, 4]), b=_searched(best_return=[1, 2, 3]))
    assert test.runs == 2
    assert test.figures["a"]["best_return"].permuted.tolist() == [2.0, 3.0]
    assert test.p["a"]["best_return"] == 1.0


def test_the_spread_of_permuted_figures() -> None:
    nan = math.nan
    each = Column(2.0, np.array([nan, 1.0, 3.0, 2.0]))
    assert (each.as_large, each.median, each.quantile(0.95)) == (2, 1.5, 3.0)
    many = Column(0.0, np.arange(1.0, 101.0))
    assert (many.as_large, many.median, many.quantile(0.95)) == (100, 50.5, 95.0)
    none = Column(nan, np.array([nan, nan, nan]))
    assert none.as_large == 3
    assert math.isnan(none.median)
    ruined = Column(0.0, np.array([-math.inf, -math.inf]))
    assert (ruined.as_large, ruined.median) == (0, -math.inf)


@pytest.mark.parametrize(
    ("variant", "name", "options"),
    [
        (Variant(), "bars", ()),
        (LATER, "later", ("--after-first-in-sample",)),
        (BLOCKS, "blocks20", ("--block", "20")),
        (
            Variant(later=True, block=5),
            "later-blocks5",
            ("--after-first-in-sample", "--block", "5"),
        ),
    ],
)
def test_variants_have_names_and_options(
    variant: Variant, name: str, options: tuple[str, ...]
) -> None:
    assert (variant.name, variant.options) == (name, options)
    assert Variant.from_dict(variant.to_dict()) == variant


# The command


@pytest.fixture
def snapshot(folder: RunFolder) -> Callable[[], dict[str, bytes]]:
    def files() -> dict[str, bytes]:
        paths = (p for p in folder.path.rglob("*") if p.is_file())
        return {
            p.relative_to(folder.path).as_posix(): p.read_bytes()
            for p in paths
            if "permutations" not in p.parts
        }

    return files


def test_the_command_shows_a_page_and_changes_nothing_else(
    folder: RunFolder, snapshot: Callable[[], dict[str, bytes]]
) -> None:
    before = snapshot()
    done = call_cli("permutation-test", folder.path, "--runs", 39, "--threads", 1)
    assert done.code == 0, done.err
    assert snapshot() == before
    (test,) = read_tests(folder)
    figures, p = test.figures["atr_d_l"], test.p["atr_d_l"]
    # Paths and commands stay whole.
    wrapped = [line for line in done.out.splitlines() if str(folder.path) not in line]
    assert max(map(len, wrapped)) <= 100
    assert "searched again on 39 permuted markets" in done.text
    assert f"One p-value for all 6 figures: {p_text(test.p_all)}" in done.out
    assert f"{round(40 * test.p_all)} of 40 markets" in done.text
    stable = figures["stable_v4"]
    assert stable.as_large == sum(v >= stable.real for v in stable.permuted.tolist())
    assert (
        f"Of 39 permuted markets, {stable.as_large} gave a stable share by v4 at least as large"
        in done.text
    )
    (row,) = re.findall(r"^  best excess over buy-and-hold +(.*)$", done.out, re.MULTILINE)
    best = figures["best_excess"]
    assert row.split() == [
        f"{best.real:.2f}",
        f"{np.median(best.permuted):.2f}",
        f"{np.sort(best.permuted)[37]:.2f}",
        str(best.as_large),
        p_text(p["best_excess"]),
    ]
    for words in (
        "drift",
        "clusters of volatility",
        "Where figures tie",
        "Neither the real nor the permuted searches paid costs",
        "v4, the run's own: efficiency above 0.35, drawdown below 3 times, in 3 phases",
        "none are counted",
        "not of one set",
        "permutations/bars.json",
        "--block 20",
        "--after-first-in-sample",
        "no p-value lies below 0.025",
        # Six figures on 119 permutations: 6 / 120.
        f"no lower than {p_text(test.p_attainable)}",
        "--runs 119 let it reach 0.05",
    ):
        assert words in done.text, words


def test_variants_have_records_and_words_of_their_own(folder: RunFolder) -> None:
    done = call_cli("permutation-test", folder.path, "--runs", 19, "--block", 20)
    assert "in blocks of 20 bars" in done.text
    assert "the order of 20 bars after each other" in done.text
    later = call_cli("permutation-test", folder.path, "--runs", 19, "--after-first-in-sample")
    assert "after the first in-sample window" in later.text
    # What to do next: more permutations, what is not yet permuted, what all of it says.
    way = f"wfo permutation-test {folder.path}"
    end = " ".join(later.text.split()).partition(" Next ")[2]
    assert end == f"{way} --runs 200 --after-first-in-sample {way} wfo verdict {folder.path}"
    names = {p.name for p in (folder.path / "permutations").iterdir()}
    assert names == {"blocks20.json", "later.json"}
    (blocks, late) = read_tests(folder)
    split = folder.read_manifest().phases[0].out_of_sample[0]
    assert (late.first, blocks.first < late.first) == (split.isoformat(), True)


def test_a_page_says_by_how_many_phases_shares_count_where_the_run_took_fewer(
    tested: RunFolder,
) -> None:
    report = permutation_test(tested, runs=19, options=toys(open=_never))
    assert "also of strategies" not in report.page
    counts = (replace(report.facts.gates[0], lowest=2), *report.facts.gates[1:])
    fewer = replace(report, facts=replace(report.facts, gates=counts))
    words = "Stable is what is valid in 3 phases or more here, also of strategies of which the run"
    assert words in " ".join(fewer.page.split())


def test_the_command_names_what_is_wrong(folder: RunFolder) -> None:
    assert call_cli("permutation-test", folder.path, "--runs", LEAST_RUNS - 1).code == 2
    assert call_cli("permutation-test", folder.path, "--runs", MOST_RUNS + 1).code == 2
    assert call_cli("permutation-test", folder.path, "--block", 1).code == 2
    assert call_cli("permutation-test", folder.path / "no").code == 1


def test_the_call_is_the_command(folder: RunFolder) -> None:
    report = wfo.permutation_test(folder.path, runs=19, block=20)
    page = call_cli("permutation-test", folder.path, "--runs", 19, "--block", 20)
    assert page.out == report.page
    assert isinstance(report, wfo.PermutationReport)
    assert isinstance(report.test, wfo.PermutationTest)
    assert "19 permutations" in repr(report)
    assert report.path == record_path(folder, BLOCKS)


# Power: what there is to find is found


class Planted(Toy):
    """The bars as they are have a figure that no permuted ones come near."""

    def _row(self, number: int) -> np.ndarray:
        row = super()._row(number)
        row[self.asked.names.index("best_excess")] = 5.0 if number == 0 else row[0]
        return row


def test_a_figure_that_stands_out_is_said_to(folder: RunFolder) -> None:
    report = permutation_test(folder, runs=200, options=toys(open=Planted))
    p = report.test.p["atr_d_l"]
    assert p["best_excess"] == 1 / 201
    assert p["best_excess"] <= report.test.p_all <= report.test.p_attainable <= 6 / 201
