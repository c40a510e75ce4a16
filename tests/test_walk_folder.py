"""The folder of a walk-forward: what is kept, gone on with, moved, counted and read again."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from forging import FORGED, forge, named, places, read, some, with_value
from noting import Noting

import wfo
from wfo.data import BarsOrigin, DataStore, load_sample, sample_store
from wfo.errors import ResultsError, WfoError
from wfo.runs.folder import RunFolder
from wfo.runs.inputs import load_inputs
from wfo.runs.manifest import HoldoutRecord
from wfo.runs.results import list_results
from wfo.runs.walkforward import curves, matrix_page
from wfo.runs.walkforward.call import look, read_walk_forward
from wfo.runs.walkforward.carrying import carry_out, prepared
from wfo.runs.walkforward.decisions import Decisions, KeptChooser
from wfo.runs.walkforward.fixed import run_set
from wfo.runs.walkforward.identity import decision_keys
from wfo.runs.walkforward.last_set import next_split, write_last_set
from wfo.runs.walkforward.plan import WalkPlan
from wfo.runs.walkforward.report import WalkForwardReport
from wfo.walkforward.values import Decision
from wfo.windows import WalkSchedule, WalkWindow

#: What of a record tells when, how long and in how many sittings, and not what.
TIMES = ("finished", "timings", "seconds", "kept", "decided", "seal")

#: Combinations of the grid, and windows of the schedule on the sample up to `TODAY`.
COMBINATIONS, WINDOWS = 1280, 3
BEGIN, TODAY, LATER = dt.date(2009, 1, 2), dt.date(2013, 6, 28), dt.date(2014, 6, 30)


@pytest.fixture(autouse=True, scope="module")
def _no_pictures() -> Iterator[None]:
    """Leave the picture out, which takes longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (curves, matrix_page):
            patch.setattr(module, "has_matplotlib", lambda: False)
        yield


def plan(results: Path, **changes: Any) -> WalkPlan:
    """A walk-forward of some windows."""
    usual = WalkPlan(
        "NASDAQ",
        WalkSchedule("2y", "1y"),
        strategy="atr_d_l",
        grid="smoke",
        by="net_profit",
        begin=BEGIN,
        as_of=TODAY,
        results=results,
        name="walk",
        command="wfo walkforward again",
    )
    return replace(usual, **changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> WalkForwardReport:
    """One that is read only."""
    return carry_out(plan(tmp_path_factory.mktemp("made")), sample_store())


@pytest.fixture
def copied(made: WalkForwardReport, tmp_path: Path) -> Path:
    """A folder of results that is a copy of it."""
    shutil.copytree(made.folder.parents[2], tmp_path / "results")
    return tmp_path / "results"


def folder_of(results: Path) -> Path:
    return results / "NASDAQ" / "walkforward" / "walk"


def contents(folder: Path, *, page: bool = False) -> dict[str, Any]:
    """Every file: its bytes, or what the record says but for times.

    The page says in which folder it lies; without it, it is left out.
    """
    found: dict[str, Any] = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    said = json.loads(found["walkforward.json"])
    said = {name: value for name, value in said.items() if name not in TIMES}
    if not page:
        del found["walkforward.html"], said["sums"]["walkforward.html"]
    return found | {"walkforward.json": said}


def total(results: Path) -> int:
    return int(RunFolder.of(results, "NASDAQ").read_trials("NASDAQ")["total"])


# What is written, and read again


def test_what_is_read_is_what_was_found(made: WalkForwardReport) -> None:
    again = read_walk_forward(made.folder)
    assert made.walk is not None
    assert again.walk is not None
    assert again.walk.results == made.walk.results
    assert again.walk.windows == made.walk.windows
    assert again.walk.stitched.equity.tolist() == made.walk.stitched.equity.tolist()
    assert again.walk.held.metrics == made.walk.held.metrics
    assert [(f.key, f.params) for f in again.walk.fixed] == [
        (f.key, dict(f.params)) for f in made.walk.fixed
    ]
    assert again.walk.tradestation == made.walk.tradestation
    assert again.walk.trades.equals(made.walk.trades)
    assert again.page == made.page


def test_every_file_is_listed_with_its_digest(made: WalkForwardReport) -> None:
    there = {path.name for path in made.folder.iterdir()}
    assert there == set(made.files)
    stated = read(made.folder / "walkforward.json")["sums"]
    assert set(stated) == there - {"walkforward.json"}
    folder = RunFolder(made.folder)
    assert {
        n: each.to_dict() for n, each in folder.digests(made.folder / s for s in stated).items()
    } == stated


def test_the_set_that_it_ends_with_is_a_file_that_goes_on_as_the_page_says(
    made: WalkForwardReport,
) -> None:
    result = made.walk.results[-1]
    given = wfo.read_set(made.folder / "last_set.json")
    assert not given.warnings
    assert dict(given.params) == dict(result.params)
    assert given.number == f"walk-forward, window {WINDOWS} of {WINDOWS}"
    sim = wfo.simulate(
        "atr_d_l",
        load_sample("NASDAQ").filter(pl.col("date") <= TODAY),
        given.params,
        settings=given.settings,
        warmup=given.history["warmup"],
        split=result.window.split,
    )
    parts = sim.metrics()
    assert parts.in_sample.net_profit == pytest.approx(result.in_sample.net_profit)
    assert parts.out_of_sample.net_profit == pytest.approx(result.alone.net_profit)
    assert f"Set {WINDOWS} goes on trading after {TODAY}" in made.page
    assert f"wfo signal --set-file {made.folder / 'last_set.json'}" in made.page


def test_where_bars_are_held_out_no_set_is_handed_over(
    made: WalkForwardReport, copied: Path
) -> None:
    record = HoldoutRecord("1y", "2013-07-01", "2014-06-30", 252, "f" * 64)
    files = tuple(name for name in made.files if name != "last_set.json")
    found = replace(made, folder=folder_of(copied), holdout=record, files=files)
    assert write_last_set(found, wfo.strategies()["atr_d_l"]) == []
    assert not (found.folder / "last_set.json").exists()
    assert "last_set" not in found.page
    assert "no set is handed over" in " ".join(found.page.split())


def test_what_asks_for_a_run_says_what_takes_a_walk_forward(made: WalkForwardReport) -> None:
    with pytest.raises(ResultsError, match=r"a walk-forward.*--set-file.*last_set\.json"):
        RunFolder(made.folder).read_manifest()


@pytest.mark.parametrize("bars", [900, 901, 1100, 1161])
@pytest.mark.parametrize(
    "schedule",
    [
        WalkSchedule("1y", "6m"),
        WalkSchedule("1y", "6m", "1m", anchored=True),
        WalkSchedule("400d", "30d", "7d", "5d"),
    ],
)
def test_the_next_decision_trades_from_where_later_bars_begin_another_window(
    schedule: WalkSchedule, bars: int
) -> None:
    days = load_sample("NASDAQ")["date"].to_list()
    told = next_split(schedule.resolve(days[:bars]))
    assert told > days[bars - 1]
    later = schedule.resolve(days[: bars + 300])
    assert told == next(w.split_date for w in later if w.split_date > days[bars - 1])


def test_it_is_the_walk_forward_in_memory(made: WalkForwardReport) -> None:
    bars = load_sample("NASDAQ").filter(pl.col("date") <= TODAY)
    own = wfo.walk_forward(
        "atr_d_l", bars, "smoke", in_sample="2y", out_of_sample="1y", by="net_profit", begin=BEGIN
    )
    assert made.walk is not None
    assert len(own.windows) == WINDOWS
    assert own.results == made.walk.results
    assert own.stitched.equity.tolist() == made.walk.stitched.equity.tolist()
    assert own.searched == made.walk.searched


def test_trials_are_combinations_times_in_sample_parts_that_of_hindsight_too(
    made: WalkForwardReport,
) -> None:
    assert made.trials == {"NASDAQ": (WINDOWS + 1) * COMBINATIONS}
    assert total(made.folder.parents[2]) == (WINDOWS + 1) * COMBINATIONS


def test_a_file_that_was_changed_is_named(copied: Path) -> None:
    path = folder_of(copied) / "curves.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ResultsError, match=r"curves\.parquet is damaged or was changed"):
        read_walk_forward(folder_of(copied))


def test_a_folder_without_a_record_did_not_end(copied: Path) -> None:
    (folder_of(copied) / "walkforward.json").unlink()
    with pytest.raises(ResultsError, match=r"did not end: it has no walkforward\.json"):
        read_walk_forward(folder_of(copied))


# Going on


def test_done_again_it_decides_nothing_and_changes_nothing(
    made: WalkForwardReport, copied: Path
) -> None:
    before = contents(folder_of(copied))
    again = carry_out(plan(copied), sample_store())
    assert (again.kept, again.decided) == (WINDOWS + 1, 0)
    assert contents(folder_of(copied)) == before
    assert again.trials == made.trials


def test_only_what_is_missing_is_decided(made: WalkForwardReport, copied: Path) -> None:
    path = folder_of(copied) / "decisions.json"
    data = read(path)
    gone = list(data["decisions"])[1]
    del data["decisions"][gone]
    forge(path, data)
    notes = Noting()
    again = carry_out(plan(copied), sample_store(), progress=notes)
    assert (again.kept, again.decided) == (WINDOWS, 1)
    assert notes.totals == [COMBINATIONS]
    assert contents(folder_of(copied)) == contents(made.folder)


def test_later_bars_cost_new_windows_alone(made: WalkForwardReport, copied: Path) -> None:
    again = carry_out(plan(copied, as_of=LATER), sample_store())
    assert made.walk is not None
    assert again.walk is not None
    assert len(again.walk.windows) == WINDOWS + 1
    # That window, and what all bars choose, which are more.
    assert (again.kept, again.decided) == (WINDOWS, 2)
    old, new = made.walk.results, again.walk.results
    assert [r.decision for r in new[:WINDOWS]] == [r.decision for r in old]
    assert again.trials == {"NASDAQ": (WINDOWS + 3) * COMBINATIONS}


def test_other_prices_before_a_decision_decide_anew_and_later_ones_do_not(
    made: WalkForwardReport,
) -> None:
    assert made.walk is not None
    bars = load_sample("NASDAQ")
    first, second = made.walk.windows[:2]
    key = decision_keys({"by": "x"}, bars, None)

    def changed(at: int) -> pl.DataFrame:
        return bars.with_columns(
            close=pl.when(pl.int_range(pl.len()) == at).then(pl.col("high")).otherwise("close")
        )

    warmup = decision_keys({"by": "x"}, changed(3), None)
    assert warmup(first) != key(first)
    between = decision_keys({"by": "x"}, changed(first.train_end), None)
    assert between(first) == key(first)
    assert between(second) != key(second)
    assert decision_keys({"by": "y"}, bars, None)(first) != key(first)
    assert key(replace(first, number=9, split=first.split + 5)) == key(first)
    assert key(replace(first, first=first.first + 1)) != key(first)


class _Asked:
    """A chooser that notes what it is asked for, and fails at a window."""

    by, combinations = "x", 7

    def __init__(self, fails: int = 0) -> None:
        self.asked: list[int] = []
        self._fails = fails

    def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
        for window in windows:
            if window.number == self._fails:
                raise KeyboardInterrupt
            self.asked.append(window.number)
            yield Decision(window.number, {"a": 1.5}, 3, 0.1, 1, 7)


def test_what_is_decided_before_an_interrupt_is_kept(
    made: WalkForwardReport, tmp_path: Path
) -> None:
    assert made.walk is not None
    windows = list(made.walk.windows)
    path = tmp_path / "decisions.json"

    def kept(chooser: _Asked) -> KeptChooser:
        decisions = Decisions(path, {"a": 1}, "f" * 64)
        decisions.load()
        return KeptChooser(chooser, decisions, lambda window: f"{window.first:064x}")

    with pytest.raises(KeyboardInterrupt):
        list(kept(_Asked(fails=3)).choose(windows))
    chooser = _Asked()
    own = kept(chooser)
    found = list(own.choose([*windows, replace(windows[0], number=9)]))
    assert chooser.asked == [3]
    assert [d.window for d in found] == [1, 2, 3, 9]
    assert {d.value for d in found} == {0.1}
    # The part that two windows share counts once.
    assert (own.kept, own.decided, own.searched) == (2, 1, 3 * 7)


def test_long_searches_are_asked_for_in_pieces_and_told(
    made: WalkForwardReport, tmp_path: Path
) -> None:
    assert made.walk is not None
    windows = list(made.walk.windows)

    class Noted(_Asked):
        def __init__(self) -> None:
            super().__init__()
            self.several: list[int] = []

        def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
            self.several.append(len(windows))
            yield from super().choose(windows)

    def asked(together: int) -> tuple[list[int], list[str], list[Decision]]:
        inner, notes = Noted(), Noting()
        decisions = Decisions(tmp_path / f"{together}.json", {}, "f" * 64)
        chooser = KeptChooser(
            inner, decisions, lambda w: f"{w.first:064x}", together=together, progress=notes
        )
        found = list(chooser.choose(windows))
        return inner.several, notes.said, found

    # Each window looks at seven.
    several, said, found = asked(14)
    assert several == [2, 1]
    assert [text.split(",")[0] for text in said] == ["2 of 3 in-sample parts are decided"]
    assert asked(6)[0] == [1, 1, 1]
    assert asked(10**9) == ([3], [], found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no forks")
def test_killed_and_gone_on_with_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    _kill(tmp_path, "0.3")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no forks")
def test_killed_at_any_operation_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    _kill(tmp_path)


def _kill(place: Path, *shares: str) -> None:
    script = Path(__file__).with_name("killed_walks.py")
    subprocess.run([sys.executable, str(script), str(place), *shares], check=True)
    expected = contents(folder_of(place / "whole" / "results"), page=True)
    killed = [each for each in place.iterdir() if each.is_dir() and each.name != "whole"]
    assert len(killed) == len(shares) or not shares
    for each in killed:
        results = each / "results"
        assert contents(folder_of(results), page=True) == expected, each.name
        assert total(results) == total(place / "whole" / "results"), each.name


# Another one


def test_another_one_of_the_name_moves_the_earlier_one_and_it_comes_back(
    made: WalkForwardReport, copied: Path
) -> None:
    other = carry_out(plan(copied, by="sharpe"), sample_store())
    assert other.moved is not None
    assert other.moved.parent == copied / "NASDAQ" / "walkforward" / ".history"
    assert other.decided == WINDOWS + 1
    assert contents(other.moved) == contents(made.folder)
    back = carry_out(plan(copied), sample_store())
    assert back.decided == 0
    found, expected = contents(folder_of(copied)), contents(made.folder)
    # The other one counts too by now.
    assert found.pop("walkforward.json")["trials"] == {"NASDAQ": 2 * (WINDOWS + 1) * COMBINATIONS}
    del expected["walkforward.json"]
    assert found == expected
    assert total(copied) == 2 * (WINDOWS + 1) * COMBINATIONS


def test_fresh_starts_over_and_loses_nothing(made: WalkForwardReport, copied: Path) -> None:
    again = carry_out(plan(copied, fresh=True), sample_store())
    assert again.moved is not None
    assert contents(again.moved) == contents(made.folder)
    assert again.decided == WINDOWS + 1
    assert again.trials == made.trials


@pytest.mark.parametrize("damage", ["a byte", "missing", "a set of another grid"])
def test_damaged_decisions_are_moved_told_and_decided_anew(
    damage: str, made: WalkForwardReport, copied: Path
) -> None:
    path = folder_of(copied) / "decisions.json"
    if damage == "missing":
        path.unlink()
    elif damage == "a set of another grid":
        data = read(path)
        next(iter(data["decisions"].values()))["decision"]["params"]["atr_period"] += 1
        forge(path, data)
    else:
        path.write_text(path.read_text().replace('"tied"', '"tie"', 1))
    left = {p.name: p.read_bytes() for p in folder_of(copied).iterdir()}
    notes = Noting()
    again = carry_out(plan(copied), sample_store(), progress=notes)
    assert again.moved is not None
    assert {p.name: p.read_bytes() for p in again.moved.iterdir()} == left
    assert any(str(again.moved) in said for said in notes.said)
    assert again.decided == WINDOWS + 1
    assert contents(folder_of(copied))["decisions.json"] == contents(made.folder)["decisions.json"]


def test_a_run_on_the_same_bars_leaves_walk_forwards_where_they_are(copied: Path) -> None:
    folder = RunFolder.of(copied, "NASDAQ")
    (folder.path / "run.json").write_text("{}")
    moved = folder.prepare("a" * 64)
    assert moved is not None
    assert [path.name for path in moved.iterdir()] == ["run.json"]
    read_walk_forward(folder_of(copied))


def test_a_process_that_is_at_it_is_named(copied: Path) -> None:
    from wfo.runs.walkforward.folder import WalkFolder

    with (
        WalkFolder(folder_of(copied)).hold("wfo walkforward first"),
        pytest.raises(ResultsError, match=r"wfo walkforward first.*another folder with --results"),
    ):
        carry_out(plan(copied), sample_store())


# Before anything is done


def test_an_estimate_writes_and_counts_nothing(tmp_path: Path) -> None:
    found = look(plan(tmp_path / "results"), sample_store())
    assert (found.windows, found.parts, found.kept) == (WINDOWS, WINDOWS + 1, 0)
    assert found.combinations == COMBINATIONS
    assert found.seconds is not None
    assert found.obstacle is None
    assert not (tmp_path / "results").exists()


def test_an_estimate_knows_what_is_decided(copied: Path) -> None:
    before = contents(folder_of(copied))
    found = look(plan(copied, as_of=LATER), sample_store())
    assert (found.parts, found.kept) == (WINDOWS + 2, WINDOWS)
    assert contents(folder_of(copied)) == before


def test_a_damaged_count_stops_it_before_anything_is_written(tmp_path: Path) -> None:
    place = tmp_path / "results" / "NASDAQ"
    place.mkdir(parents=True)
    (place / "trials.json").write_text("{}")
    with pytest.raises(ResultsError, match="count of a symbol's trials"):
        carry_out(plan(tmp_path / "results"), sample_store())
    assert [path.name for path in place.iterdir()] == ["trials.json"]


def test_a_link_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    place = tmp_path / "results" / "NASDAQ"
    place.mkdir(parents=True)
    (place / "walkforward").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ResultsError, match="is a link, which is not followed"):
        carry_out(plan(tmp_path / "results"), sample_store())
    assert list((tmp_path / "elsewhere").iterdir()) == []


# A run beside it


def test_a_run_that_is_damaged_costs_a_note(copied: Path) -> None:
    (copied / "NASDAQ" / "run.json").write_text("[]")
    again = carry_out(plan(copied), sample_store())
    assert again.walk is not None
    assert [fixed.key for fixed in again.walk.fixed] == ["first", "hindsight"]
    assert any("is not compared with" in note for note in again.notes)


def test_the_best_outcome_of_a_run_is_compared_with(tmp_path: Path) -> None:
    # Two values of each parameter are enough for some that are stable.
    store, grid = sample_store(), wfo.Grid.load("smoke", "atr_d_l")
    report = wfo.run(
        "NASDAQ", "atr_d_l", grid=grid, expand=False, out=tmp_path, gates=wfo.Gates(min_phases=1)
    )
    best = report.candidates().row(0, named=True)
    found = carry_out(plan(tmp_path), store)
    assert found.walk is not None
    own = next(fixed for fixed in found.walk.fixed if fixed.key == "run")
    assert own.params == {name: best[name] for name in own.params}
    assert "has seen its windows" in own.label

    # One that cannot trade from the first bar on, or is of other bars, costs a note, not the rest.
    inputs = load_inputs(store, wfo.strategies()["atr_d_l"], "NASDAQ")
    assert run_set(plan(tmp_path), "atr_d_l", inputs, 2000)[1] == ""
    best_set, note = run_set(plan(tmp_path), "atr_d_l", inputs, 5)
    assert best_set is None
    assert "bars, and 5 come before the first one that is traded" in note
    manifest = tmp_path / "NASDAQ" / "run.json"
    forge(manifest, read(manifest) | {"timeframe": "5min"})
    best_set, note = run_set(plan(tmp_path), "atr_d_l", inputs, 2000)
    assert best_set is None
    assert "it is of NASDAQ, 5min bars" in note


# Matrices


def test_a_matrix_shares_what_its_cells_have_alike_and_is_read_again(tmp_path: Path) -> None:
    report = wfo.run_walk_forward(
        "NASDAQ", "atr_d_l", grid="smoke", matrix="1y,2y/1y", by="net_profit", begin=BEGIN,
        as_of=TODAY, results=tmp_path,
    )  # fmt: skip
    matrix = report.matrix
    assert matrix is not None
    assert report.decided == matrix.parts
    assert total(tmp_path) == matrix.parts * COMBINATIONS
    again = read_walk_forward(report.folder)
    assert again.matrix is not None
    assert again.matrix.to_dict() == matrix.to_dict()
    assert again.page == report.page
    # A cell is the walk-forward that begins with its origin.
    cell = matrix.cell("rolling", "1y", "1y")
    alone = wfo.run_walk_forward(
        "NASDAQ", "atr_d_l", grid="smoke", in_sample="1y", out_of_sample="1y", by="net_profit",
        begin=cell.origin, as_of=TODAY, results=tmp_path,
    ).walk  # fmt: skip
    assert alone is not None
    assert alone.stitched.metrics.total_return == cell.total_return


# What others may have written


def test_no_value_of_a_record_raises_another_error(made: WalkForwardReport, tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    shutil.copytree(made.folder, folder)
    data = read(folder / "walkforward.json")
    found = list(places(data))[::12]
    assert len(found) > 15
    for keys in found:
        (value,) = some(keys, 1)
        forge(folder / "walkforward.json", with_value(data, keys, value))
        _refused_or_shown(folder, named(keys, value))


@pytest.mark.slow
def test_no_value_of_a_record_raises_another_error_of_all(
    made: WalkForwardReport, tmp_path: Path
) -> None:
    folder = tmp_path / "walk"
    shutil.copytree(made.folder, folder)
    data = read(folder / "walkforward.json")
    for keys in places(data):
        for value in FORGED:
            forge(folder / "walkforward.json", with_value(data, keys, value))
            _refused_or_shown(folder, named(keys, value))


def _refused_or_shown(folder: Path, what: str) -> None:
    """Read a folder and show it; it may be refused by one error that steers no terminal."""
    try:
        page = read_walk_forward(folder).page
    except WfoError as error:
        said = str(error)
        assert said.replace("\n", "").isprintable(), f"{what}: {said!a:.300}"
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error!a:.200}") from error
    else:
        assert page.replace("\n", "").isprintable(), what


def test_no_value_of_the_decisions_raises_another_error(
    made: WalkForwardReport, tmp_path: Path
) -> None:
    path = tmp_path / "decisions.json"
    data = read(made.folder / "decisions.json")
    found = list(places(data))[::5]
    assert len(found) > 5
    for keys in found:
        (value,) = some(keys, 1)
        forge(path, with_value(data, keys, value))
        kept = Decisions(path, {}, data["fingerprint"])
        try:
            kept.load()
            assert all(kept.get(key, 1).window == 1 for key in data["decisions"] if key in kept)
        except ResultsError:
            continue
        except Exception as error:
            raise AssertionError(f"{named(keys, value)}: {error!a:.200}") from error


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"x": 1}}, {"params": None}, {"index": None}, {"index": 5}, {"index": 10**15},
        {"searched": 10**14}, {"searched": 0},
    ],
)  # fmt: skip
def test_a_decision_that_cannot_be_of_the_search_is_none(
    change: dict[str, Any], made: WalkForwardReport, tmp_path: Path
) -> None:
    ready = prepared(plan(tmp_path), sample_store(), made.version)
    path = tmp_path / "decisions.json"
    data = read(made.folder / "decisions.json")
    one = next(iter(data["decisions"].values()))["decision"]
    kept = Decisions(path, {}, data["fingerprint"])
    forge(path, data)
    kept.load()
    kept.require(ready.misfit)
    one |= change
    forge(path, data)
    kept.load()
    with pytest.raises(ResultsError, match="a decision has"):
        kept.require(ready.misfit)


# Lists


def test_results_list_it_with_what_it_came_to(made: WalkForwardReport, copied: Path) -> None:
    assert made.walk is not None
    page = list_results(copied).page
    assert "NASDAQ 1day; walk-forward of atr_d_l on smoke, 3 windows, by net_profit" in page
    assert str(folder_of(copied)) in page
    (folder_of(copied) / "walkforward.json").unlink()
    assert "walk-forward walk; not finished" in list_results(copied).page
    with pytest.raises(ResultsError, match="no run of 'SP500'"):
        list_results(copied, "SP500")


# Stores


def test_nothing_is_fetched(tmp_path: Path) -> None:
    store = DataStore(tmp_path / "store")
    with pytest.raises(WfoError, match="QQQ"):
        carry_out(plan(tmp_path / "results", symbol="QQQ"), store)
    bars = load_sample("NASDAQ").head(400)
    store.save("QQQ", "1day", bars, BarsOrigin("made.csv"))
    with pytest.raises(WfoError, match="too little history"):
        carry_out(plan(tmp_path / "results", symbol="QQQ", as_of=None), store)
    assert not (tmp_path / "results").exists()
