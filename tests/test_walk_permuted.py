"""Walk-forwards on permuted bars: figures, p-values, record, and how a test goes on."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import call_cli
from conftest import TINY
from noting import Noting

import wfo
from wfo.backtest import read_feeds
from wfo.data import sample_store
from wfo.errors import InputError, ResultsError
from wfo.files import read_sealed, write_sealed
from wfo.runs.permuting.values import Tested as Column
from wfo.runs.walkforward import carrying
from wfo.runs.walkforward.folder import WalkFolder
from wfo.runs.walkforward.identity import walk_fingerprint
from wfo.runs.walkforward.manifest import read_found
from wfo.runs.walkforward.permuting.page import histogram
from wfo.runs.walkforward.permuting.record import Basis, Record, record_path
from wfo.runs.walkforward.permuting.report import WalkPermutationReport
from wfo.runs.walkforward.permuting.testing import permute_walk_forward
from wfo.runs.walkforward.permuting.walked import Walked
from wfo.runs.walkforward.plan import WalkPlan
from wfo.stats.permutation import permuted_feeds
from wfo.walkforward.components import Decision
from wfo.walkforward.history import History
from wfo.walkforward.permuted import COLUMNS, STATISTICS, PermutedWalks
from wfo.walkforward.simulating import simulate_sets
from wfo.walkforward.stitching import stitch
from wfo.windows import WalkSchedule, WalkWindow, WalkWindows

#: Three sets that differ in what they do.
SETS: tuple[dict[str, Any], ...] = tuple(
    {
        "atr_period": 14,
        "atr_multiplier": multiplier,
        "bb_length": 20,
        "bb_deviation": 2.0,
        "vol_threshold": 0.1,
        "min_tightening": 0.4,
        "scaling_method": 0,
        "atr_buy_period": 14,
        "atr_buy_multiplier": buy,
        "atr_smooth_period": 3,
        "equity_price_method": 0,
    }
    for multiplier, buy in ((3.0, 1.0), (6.0, 2.0), (12.0, 3.0))
)


class Toy:
    """Chooses the set with the most profit in-sample; nothing where none has any."""

    by, combinations = "net_profit", len(SETS)

    def __init__(self, history: History, calls: list[int] | None = None) -> None:
        self._history = history
        self._calls = [] if calls is None else calls

    def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
        for window in windows:
            self._calls.append(window.number)
            profits = [self._profit(window, params) for params in SETS]
            best = int(np.argmax(profits))
            params = SETS[best] if profits[best] > 0 else None
            yield Decision(window.number, params, best, profits[best], 1, len(SETS))

    def _profit(self, window: WalkWindow, params: dict[str, Any]) -> float:
        sets = [(window.first, params)]
        found = simulate_sets(self._history, sets, warmup=window.first, end=window.train_end)
        return float(found.equity[-1] - self._history.settings.capital)


@pytest.fixture(scope="module")
def history() -> History:
    frame = wfo.load_sample("NASDAQ")[:900]
    strategy = wfo.strategies()["atr_d_l"]
    settings = strategy.settings_of(wfo.AccountSettings(slip=0.0005))
    return History(strategy, read_feeds(strategy, frame), settings, 252.0)


@pytest.fixture(scope="module")
def windows(history: History) -> WalkWindows:
    # Some bars at the end belong to no window.
    schedule = WalkSchedule("1y", "6m")
    return schedule.resolve(history.days, as_of=history.days[880])


def walks(history: History, windows: WalkWindows, **further: Any) -> PermutedWalks:
    return PermutedWalks(history, windows, Toy, **further)


# What a market comes to


def test_number_0_is_the_stitched_walk_forward(history: History, windows: WalkWindows) -> None:
    decisions = list(Toy(history).choose(windows))
    found = stitch(
        history, windows, decisions, grid=None, grid_name="toy", by="net_profit", searched=9
    )
    row = dict(zip(COLUMNS, walks(history, windows).run(0, 1)[0], strict=True))
    own, held = found.stitched.metrics, found.held.metrics
    assert own.total_return is not None
    assert held.total_return is not None
    assert own.sharpe is not None
    assert held.sharpe is not None
    assert row["log_return"] == math.log1p(own.total_return)
    assert row["sharpe"] == own.sharpe
    assert row["held_return"] == math.log1p(held.total_return)
    assert row["excess"] == math.log1p(own.total_return) - math.log1p(held.total_return)
    assert row["sharpe_excess"] == own.sharpe - held.sharpe
    assert row["exits"] == own.trades > 0
    assert row["chosen"] == sum(d.params is not None for d in decisions)


def test_a_permuted_market_is_a_walk_forward_on_its_bars(
    history: History, windows: WalkWindows
) -> None:
    first, end = windows.traded
    # Bars after the last window take no part in an order.
    bars = permuted_feeds(history.feeds.until(end), first, 4, block=10)
    on = history.on(bars)
    decisions = list(Toy(on).choose(windows))
    found = stitch(on, windows, decisions, grid=None, grid_name="toy", by="profit", searched=9)
    row = dict(zip(COLUMNS, walks(history, windows, block=10).run(5, 6)[0], strict=True))
    assert found.stitched.metrics.total_return is not None
    assert row["log_return"] == math.log1p(found.stitched.metrics.total_return)
    assert row["sharpe"] == found.stitched.metrics.sharpe


@pytest.mark.parametrize("purge", ["0d", "7m"])
def test_decisions_on_bars_that_stay_are_made_once(history: History, purge: str) -> None:
    schedule = WalkSchedule("1y", "6m", purge=purge)
    windows = schedule.resolve(history.days)
    stay = [w.number for w in windows if w.train_end <= windows[0].split]
    calls: list[int] = []
    tested = PermutedWalks(history, windows, lambda on: Toy(on, calls))
    assert tested.fixed == len(stay) == (1 if purge == "0d" else 2)
    real, other = tested.decisions(0), tested.decisions(3)
    assert calls.count(1) == 1
    numbers = [w.number for w in windows]
    assert calls == [*stay, *numbers[len(stay) :], *numbers[len(stay) :]]
    assert real[: len(stay)] == other[: len(stay)]
    # Made anew on the permuted bars they are the same.
    first, end = windows.traded
    on = history.on(permuted_feeds(history.feeds.until(end), first, 2))
    assert list(Toy(on).choose(windows)) == other


def test_figures_do_not_depend_on_how_numbers_are_cut(
    history: History, windows: WalkWindows
) -> None:
    whole = walks(history, windows).run(0, 4)
    other = walks(history, windows)
    parts = np.concatenate([other.run(2, 4), other.run(0, 2)])
    np.testing.assert_array_equal(whole, parts[[2, 3, 0, 1]])
    assert len({tuple(row) for row in whole}) == 4
    with pytest.raises(InputError, match="must ascend"):
        other.run(3, 2)


def test_the_drift_stays_and_so_does_what_buy_and_hold_ends_at(
    history: History, windows: WalkWindows
) -> None:
    close = history.feeds["bars"]["close"]
    first, end = windows.traded
    held = walks(history, windows).run(0, 3)[:, COLUMNS.index("held_return")]
    for number in (1, 2):
        bars = permuted_feeds(history.feeds.until(end), first, number - 1)["bars"]
        assert bars["close"][-1] == pytest.approx(close[end - 1])
        # Bought at the open of the first bar, with its slippage.
        wanted = math.log(bars["close"][-1] / (bars["open"][first] * 1.0005))
        assert held[number] == pytest.approx(wanted)


class Never(Toy):
    """Chooses nothing."""

    def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
        return (Decision(w.number, None, None, None, 0, 3, "none has a figure") for w in windows)


def test_where_nothing_is_chosen_the_capital_stays(history: History, windows: WalkWindows) -> None:
    row = dict(zip(COLUMNS, PermutedWalks(history, windows, Never).run(1, 2)[0], strict=True))
    assert row["log_return"] == 0.0
    assert row["excess"] == -row["held_return"]
    assert math.isnan(row["sharpe"])
    assert (row["exits"], row["chosen"]) == (0, 0)


# The test


def walked(folder: Path, history: History, windows: WalkWindows, **changed: Any) -> Walked:
    stitched = stitch(
        history,
        windows,
        list(Toy(history).choose(windows)),
        grid=None,
        grid_name="toy",
        by="net_profit",
        searched=9,
    ).stitched.metrics
    given: dict[str, Any] = {
        "folder": folder,
        "symbols": ("NASDAQ",),
        "timeframe": "1day",
        "grid": "toy",
        "by": "net_profit",
        "history": history,
        "windows": windows,
        "chooser": Toy,
        "combinations": len(SETS),
        "basis": Basis("1.0", "a" * 64, "b" * 64),
        "total_return": stitched.total_return,
        "sharpe": stitched.sharpe,
        "command": "wfo walkforward",
    }
    return Walked(**(given | changed))


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have permuted markets drawn; return the numbers that were asked for."""
    asked: list[int] = []
    original = PermutedWalks.run

    def run(self: PermutedWalks, start: int, stop: int) -> np.ndarray:
        asked.extend(range(start, stop))
        if start == 0:
            return original(self, start, stop)
        random = np.random.default_rng(start)
        return np.array([random.normal(0.0, 1.0, len(COLUMNS))])

    monkeypatch.setattr(PermutedWalks, "run", run)
    return asked


def test_p_values_are_places_among_all_markets(
    tmp_path: Path, history: History, windows: WalkWindows, rows: list[int]
) -> None:
    test = permute_walk_forward(walked(tmp_path, history, windows), runs=30).test
    assert rows == list(range(31))
    values = test.values
    places = [(values[:, k][None, :] >= values[:, k][:, None]).sum(1) for k in range(4)]
    for name, place in zip(STATISTICS, places, strict=True):
        assert test.p[name] == place[0] / 31
    least = np.min(places, axis=0)
    assert test.p_all == (least <= least[0]).sum() / 31
    assert test.fixed == 1


def test_a_test_goes_on_and_is_the_same_as_in_one_go(
    tmp_path: Path, history: History, windows: WalkWindows, rows: list[int]
) -> None:
    begun, whole = tmp_path / "begun", tmp_path / "whole"
    own = walked(begun, history, windows)
    clock = itertools.count()
    options: dict[str, Any] = {"seconds": 3.0, "clock": lambda: float(next(clock))}
    permute_walk_forward(own, runs=19, **options)
    permute_walk_forward(own, runs=19)
    assert rows == list(range(20))
    noted = Noting()
    report = permute_walk_forward(own, runs=25, progress=noted)
    assert rows == list(range(26))
    assert (report.computed, noted.said) == (6, ["markets that are stored and intact: 20"])
    permute_walk_forward(walked(whole, history, windows), runs=25)
    both = [json.loads(record_path(each, 0).read_text()) for each in (begun, whole)]
    for each in both:
        each.pop("seconds")
        each.pop("sha256", None)
    assert both[0]["figures"] == both[1]["figures"]
    assert report.test.runs == 25
    # Fewer are asked for: what there is stays.
    assert permute_walk_forward(own, runs=19).test.runs == 25


def test_what_is_killed_loses_what_was_not_written(
    tmp_path: Path, history: History, windows: WalkWindows, rows: list[int], monkeypatch: Any
) -> None:
    own = walked(tmp_path, history, windows)
    run = PermutedWalks.run

    def killed(self: PermutedWalks, start: int, stop: int) -> np.ndarray:
        if start == 9:
            raise KeyboardInterrupt
        return run(self, start, stop)

    clock = itertools.count()
    with monkeypatch.context() as patched:
        patched.setattr(PermutedWalks, "run", killed)
        with pytest.raises(KeyboardInterrupt):
            permute_walk_forward(own, runs=19, seconds=0.0, clock=lambda: float(next(clock)))
    assert len(Record.read(record_path(tmp_path, 0)).test.values) == 9
    permute_walk_forward(own, runs=19)
    assert rows == list(range(20))


def test_a_record_of_another_basis_is_set_aside_and_comes_back(
    tmp_path: Path, history: History, windows: WalkWindows, rows: list[int]
) -> None:
    own = walked(tmp_path, history, windows)
    permute_walk_forward(own, runs=19)
    later = replace(own, basis=replace(own.basis, bars="c" * 64))
    report = permute_walk_forward(later, runs=19)
    assert "an earlier test of other bars was moved to permutations-" in report.note
    assert len(rows) == 40
    back = permute_walk_forward(own, runs=19)
    assert back.computed == 0
    assert "holds again" in back.note
    assert len(list(tmp_path.iterdir())) == 2
    # Blocks have a record of their own.
    blocks = permute_walk_forward(own, runs=19, block=20)
    assert blocks.path.name == "permutations_blocks20.json"
    assert blocks.computed == 20


def test_a_walk_forward_that_is_not_what_its_folder_states_is_refused(
    tmp_path: Path, history: History, windows: WalkWindows
) -> None:
    own = walked(tmp_path, history, windows)
    for changed in ({"sharpe": math.nextafter(own.sharpe or 0.0, 9)}, {"total_return": 0.1}):
        with pytest.raises(ResultsError, match="make it anew: wfo walkforward"):
            permute_walk_forward(replace(own, **changed), runs=19)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_record_is_refused_and_stays(
    tmp_path: Path, history: History, windows: WalkWindows, rows: list[int]
) -> None:
    own = walked(tmp_path, history, windows)
    path = permute_walk_forward(own, runs=19).path
    damaged = path.read_text().replace('"windows"', '"Windows"')
    path.write_text(damaged)
    with pytest.raises(ResultsError, match="computes it anew"):
        permute_walk_forward(own, runs=19)
    assert path.read_text() == damaged
    with pytest.raises(InputError, match="from 19 to 99,999"):
        permute_walk_forward(own, runs=18)
    with pytest.raises(InputError, match="is the longest"):
        permute_walk_forward(own, runs=19, block=200)
    del rows


# A folder

LATER = "--after-first-in-sample"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A walk-forward of 16 combinations; for reading."""
    place = tmp_path_factory.mktemp("made")
    few = TINY.replace("[0.04, 0.32]", "[0.04]").replace("[8, 56]", "[8]")
    (place / "tiny.yaml").write_text(few.replace("[0.10, 0.85]", "[0.10]"))
    plan = WalkPlan(
        "NASDAQ",
        WalkSchedule("4y", "4y"),
        strategy="atr_d_l",
        grid=place / "tiny.yaml",
        by="net_profit",
        min_trades=2,
        results=place,
        name="tiny",
    )
    with pytest.MonkeyPatch.context() as patched:
        # Drawing takes longer than all else here.
        patched.setattr(carrying, "write_pages", lambda found: [])
        return carrying.carry_out(plan, sample_store()).folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "NASDAQ" / "walkforward" / "tiny"))


def test_the_command_tests_a_folder(folder: Path) -> None:
    found = call_cli("permutation-test", folder, "--runs", 19, "--threads", 3, LATER)
    assert found.code == 0, found.err
    assert "Permutation test of a walk-forward: NASDAQ 1day, atr_d_l tiny" in found.text
    test = Record.read(folder / "permutations.json").test
    assert (test.runs, test.combinations, test.windows) == (19, 16, 4)
    record = read_sealed(folder / "walkforward.json")["walk"]
    assert test.figures["sharpe"].real == record["stitched"]["sharpe"]
    assert test.figures["log_return"].real == math.log1p(record["stitched"]["total_return"])
    # The walk-forward is as it was, and permuted markets are no trials.
    assert read_found(WalkFolder(folder)).walk is not None
    assert not (folder.parents[1] / "trials.json").exists()
    # Each number of threads gives the same figures, made anew.
    (folder / "permutations.json").unlink()
    again = call_cli("permutation-test", folder, "--runs", 19, "--threads", 1)
    assert again.out == found.out
    np.testing.assert_array_equal(
        Record.read(folder / "permutations.json").test.values, test.values
    )


def test_a_folder_that_cannot_be_tested_is_refused(folder: Path) -> None:
    bars = folder / "bars.parquet"
    whole = bars.read_bytes()
    bars.write_bytes(whole[:-1] + b"x")
    found = call_cli("permutation-test", folder, "--runs", 19)
    assert found.code != 0
    assert "bars.parquet" in found.err
    bars.write_bytes(whole)
    record = read_sealed(folder / "walkforward.json")
    kernel = {**record["identity"]["grid"], "kernel": "0" * 64}
    identity = {**record["identity"], "grid": kernel}
    changed = {**record, "identity": identity, "fingerprint": walk_fingerprint(identity)}
    write_sealed(folder / "walkforward.json", changed)
    assert "another kernel" in call_cli("permutation-test", folder, "--runs", 19).err
    (folder / "walkforward.json").unlink()
    with pytest.raises(InputError, match=r"'wfo permutation-test .*' tests a walk-forward"):
        wfo.permutation_test(folder)
    # It has decisions alone.
    assert "it did not end" in call_cli("permutation-test", folder, "--runs", 19).err
    assert not (folder / "permutations.json").exists()


# The page


def test_the_page_says_where_the_real_one_lies(
    tmp_path: Path, history: History, windows: WalkWindows, rows: list[int]
) -> None:
    report = permute_walk_forward(walked(tmp_path, history, windows), runs=19)
    del rows
    assert isinstance(report, WalkPermutationReport)
    text = " ".join(report.page.split())
    excess = report.test.figures["excess"]
    assert f"Of 19 permuted markets, {excess.as_large} gave a stitched excess" in text
    for words in ("5 % 25 % 50 % 75 % 95 %", "--after-first-in-sample", "assumed and not known"):
        assert words in text
    assert "buy-and-hold ends at the same close in every market" in text
    assert "--block 20" in text
    assert str(report.path) in report.page
    assert max(map(len, report.page.replace(str(tmp_path), "").splitlines())) <= 110


def test_a_histogram_counts_every_market() -> None:
    permuted = np.array([0.0, 0.1, 0.1, 1.2, -math.inf, math.nan])
    lines = histogram(Column(1.2, permuted))
    assert lines[0].split() == ["no", "such", "number", "2"]
    counts = [int(line.split()[3]) for line in lines[1:]]
    assert (sum(counts), counts[0], counts[1], counts[-1]) == (4, 1, 2, 1)
    assert [line.endswith("<- real") for line in lines[1:]] == [False] * 11 + [True]
    # All alike, and none at all.
    assert sum("<- real" in line for line in histogram(Column(0.5, np.full(3, 0.5)))) == 1
    assert histogram(Column(math.nan, np.full(2, math.nan)))[0].endswith("2")
