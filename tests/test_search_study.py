"""A study keeps all trials of a search: through kills, beside readers, and against damage."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wfo.errors import InputError, ResultsError, WfoError
from wfo.files import database
from wfo.search.study import (
    NewTrial,
    Study,
    StudyRecord,
    StudyTable,
    export_csv,
    export_journal,
    list_studies,
    read_parameters,
    read_study,
    removal_of,
    remove_studies,
    study_folder,
    study_name,
)
from wfo.search.study.layout import (
    checksum_of_scores,
    checksum_of_texts,
    checksum_of_trial,
)
from wfo.search.study.source import Source
from wfo.search.values import Outcome

NAMES = ("strategy.fast", "risk.share", "mode", "stop")


def record(**changes: Any) -> StudyRecord:
    """What a study of four dimensions is."""
    values: dict[str, Any] = {
        "name": "made",
        "created": "2026-11-27T12:00:00+00:00",
        "identity": {
            "space": {"parameters": {"strategy.fast": [5, 10, 15], "risk.share": [0.5, 1.0]}},
            "objective": "sharpe",
            "guardrails": "a" * 64,
            "windows": [{"start": "2015-01-01", "end": "2020-01-01"}],
            "seed": 7,
        },
        "plan": {"program": "made:evaluate", "trials": 100},
        "space": {"parameters": {"strategy.fast": [5, 10, 15]}},
        "objective": {"sharpe": 0.3},
        "method": "random",
        "seed": 7,
        "batch": 4,
        "budget": 100,
        "parameters": NAMES,
        "objectives": ("score",),
        "components": ("sharpe", "drawdown"),
        "limits": {"sharpe": 1},
        "guardrails": {"drawdown": 0.2},
        "guardrails_digest": "a" * 64,
        "windows": ({"start": "2015-01-01", "end": "2020-01-01"}, {"start": None, "end": None}),
        "symbols": ("SPY", "QQQ"),
        "fingerprints": {"SPY": "b" * 64},
        "versions": {"wfo": "0.1.0"},
        "git_commit": "c" * 40,
    }
    return StudyRecord(**{**values, **changes})


def trials(first: int, count: int) -> list[NewTrial]:
    """Trials whose every value follows from their number."""
    return [
        NewTrial(
            number,
            np.array([number % 3, number / 7, number % 2, 0.25]),
            {
                "strategy.fast": 5 + number % 3,
                "risk.share": number / 7,
                "mode": f"mode {number % 2}",
                "stop": number % 2 == 0,
            },
            seed=2**63 - 1 - number,
            tag=-number,
        )
        for number in range(first, first + count)
    ]


def outcome(number: int, ending: str = "complete") -> Outcome:
    """What became of a trial; it follows from its number."""
    figures = tuple(
        {
            symbol: {
                "sharpe": number + window / 10 + at / 100,
                "trades": float("nan") if number % 5 == 0 else float("inf"),
            }
            for at, symbol in enumerate(("SPY", "QQQ"))
        }
        for window in range(2)
    )
    return Outcome(
        number,
        (0, 1),
        ending,  # type: ignore[arg-type]  # a text of the caller
        figures if ending == "complete" else (),
        error="" if ending == "complete" else f"it {ending}: \ud800 \x1b[31m ü",
        seconds=number / 3,
        worker=1 + number % 2,
        printed="said\n" if number % 2 else "",
        attempts=1 + (ending == "crashed"),
    )


def fill(study: Study, batches: Sequence[int], first: int = 0) -> None:
    """Put whole batches of some sizes into a study, from one on."""
    number = study.trials
    for at, size in enumerate(batches, first):
        study.begin_batch(
            at, {"step": at}, trials(number, size), rejected=at, repeated=2, note=f"batch {at}"
        )
        for trial in range(number, number + size):
            study.finish(outcome(trial))
        study.end_batch(at, {"low": at / 10})
        number += size


def same(one: StudyTable, other: StudyTable) -> None:
    """Whether two tables have the same in every field."""
    for each in dataclasses.fields(StudyTable):
        a, b = getattr(one, each.name), getattr(other, each.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=each.name)
        else:
            assert a == b, each.name


def test_all_that_was_given_is_read_back(tmp_path: Path) -> None:
    folder = study_folder(tmp_path, "made")
    with Study.create(folder, record()) as study:
        fill(study, [4, 4])
        study.begin_batch(2, {"step": [1, {"a": None}]}, trials(8, 3), attempts=3)
        study.finish(outcome(9, "crashed"))
        study.finish(dataclasses.replace(outcome(10), figures=outcome(10).figures[:1]), "pruned")
        found = study.load()
    same(found, read_study(folder))
    assert found.record == record()
    assert [found.state_of(n) for n in range(11)] == [
        *["complete"] * 8,
        "waiting",
        "crashed",
        "pruned",
    ]
    assert found.waiting == (8,)
    np.testing.assert_array_equal(found.rows, [trial.row for trial in trials(0, 11)])
    assert found.seeds.tolist() == [2**63 - 1 - n for n in range(11)]
    assert found.tags.tolist() == [-n for n in range(11)]
    assert found.batches.tolist() == [0] * 4 + [1] * 4 + [2] * 3
    for number in range(8):
        np.testing.assert_equal(found.figures_of(number), outcome(number).figures)
    np.testing.assert_equal(found.figures_of(10), outcome(10).figures[:1])
    assert found.figures_of(9) == ()
    np.testing.assert_array_equal(
        found.figure("QQQ", "sharpe", 1), [n + 0.1 + 0.01 for n in range(8)] + [np.nan] * 3
    )
    assert found.errors == {9: "it crashed: \\ud800 \x1b[31m ü"}
    assert found.printed == dict.fromkeys((1, 3, 5, 7, 9), "said\n")
    assert found.state == {"step": [1, {"a": None}]}
    assert [(b.rejected, b.whole, b.note, dict(b.bounds)) for b in found.batch] == [
        (0, True, "batch 0", {"low": 0.0}),
        (1, True, "batch 1", {"low": 0.1}),
        (0, False, "", {}),
    ]
    assert read_parameters(folder, found.record) == [dict(t.params) for t in trials(0, 11)]
    assert read_parameters(folder, found.record, [7, 2]) == [
        dict(trials(n, 1)[0].params) for n in (7, 2)
    ]


def test_another_study_is_told_from_this_one(tmp_path: Path) -> None:
    folder = study_folder(tmp_path, "made")
    Study.create(folder, record()).close()
    other = record(identity={**record().identity, "guardrails": "b" * 64, "seed": 8})
    with pytest.raises(InputError, match=r"guardrails is \"a+.*; seed is 7 in the study and 8"):
        Study.open(folder, other)
    Study.open(folder, record()).close()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "-a", "a.", "con", "x" * 101, "a b", 3]
)
def test_a_name_of_a_study_is_one_of_a_folder(name: object) -> None:
    with pytest.raises(InputError, match="study = "):
        study_name(name)


def test_a_study_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="there is no"):
        read_study(tmp_path)


# Writing


def test_what_is_committed_stays_whenever_a_search_is_killed() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("processes are forked")
    done = _kills(4)
    assert re.match(r"4 kills, \d\d+ trials: all that was committed is there", done)


@pytest.mark.slow
def test_what_is_committed_stays_through_many_kills() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("processes are forked")
    assert _kills(60).startswith("60 kills")


def _kills(times: int) -> str:
    script = Path(__file__).with_name("killed_studies.py")
    done = subprocess.run(
        [sys.executable, str(script), "--kills", str(times)],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of two whole batches, which is closed."""
    place = study_folder(tmp_path, "made")
    with Study.create(place, record()) as study:
        fill(study, [4, 3])
        study.rescore(0, np.arange(7.0), np.zeros(7), components=np.ones((7, 2)))
    return place


def test_a_trial_is_committed_though_nothing_follows(folder: Path) -> None:
    with Study.open(folder) as study:
        study.begin_batch(2, {}, trials(7, 2))
        study.finish(outcome(7))
        deadline = time.monotonic() + 20
        while len(read_study(folder)) < 8 or read_study(folder).state_of(7) != "complete":
            assert time.monotonic() < deadline
        assert read_study(folder).waiting == (8,)


def test_a_closed_study_is_one_file(folder: Path) -> None:
    assert [path.name for path in folder.iterdir()] == ["study.sqlite"]
    before = (folder / "study.sqlite").read_bytes()
    read_study(folder)
    read_parameters(folder, record())
    list_studies(folder.parent.parent)
    Study.open(folder, record()).close()
    assert [path.name for path in folder.iterdir()] == ["study.sqlite"]
    assert (folder / "study.sqlite").read_bytes() == before


def test_readers_see_whole_states_while_a_search_writes(tmp_path: Path) -> None:
    folder = study_folder(tmp_path, "made")
    failed: list[str] = []
    seen: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                table = read_study(folder)
            except Exception as error:  # noqa: BLE001  # the thread's errors are the test's
                failed.append(repr(error))
                return
            seen.append(len(table))
            if len(table) and not np.array_equal(table.seeds, 2**63 - 1 - np.arange(len(table))):
                failed.append("other seeds")

    with Study.create(folder, record()) as study:
        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        number = 0
        deadline = time.monotonic() + 30
        while len(set(seen)) < 12 and not failed and time.monotonic() < deadline:
            fill(study, [5], number)
            study.flush()
            number += 1
        stop.set()
        for reader in readers:
            reader.join()
    assert failed == []
    assert len(set(seen)) >= 12
    assert read_study(folder).counts == {"complete": 5 * number}


def test_a_study_goes_on_where_it_was(folder: Path) -> None:
    whole = study_folder(folder.parent.parent.parent, "whole")
    with Study.create(whole, record()) as study:
        fill(study, [4, 3, 2])
        study.rescore(0, np.arange(7.0), np.zeros(7), components=np.ones((7, 2)))
    with Study.open(folder, record()) as study:
        study.begin_batch(2, {"step": 2}, trials(7, 2), rejected=2, repeated=2, note="batch 2")
        study.finish(outcome(8))
    with Study.open(folder, record()) as study:
        assert study.trials == 9
        assert study.load().waiting == (7,)
        with pytest.raises(InputError, match="batch = 3 cannot begin: the last is 2, and is not"):
            study.begin_batch(3, {}, [])
        with pytest.raises(InputError, match="trial = 8 cannot end"):
            study.finish(outcome(8))
        with pytest.raises(InputError, match=r"batch = 2 cannot end: trials \[7\] have not ended"):
            study.end_batch(2)
        study.finish(outcome(7))
        study.end_batch(2, {"low": 0.2})
    same(read_study(folder), read_study(whole))


def test_scores_are_kept_of_trials_that_may_still_change(folder: Path) -> None:
    with Study.open(folder) as study:
        study.begin_batch(2, {}, trials(7, 2))
        study.rescore(5, np.array([-0.0, np.nan, 3, 4]), np.array([0, np.inf, 1, 2]))
        study.finish(outcome(7))
        study.finish(outcome(8))
        study.rescore(7, np.array([5.0, 6]), np.zeros(2), components=np.full((2, 2), 0.5))
        study.end_batch(2)
    table = read_study(folder)
    np.testing.assert_array_equal(table.scores, [0, 1, 2, 3, 4, 0, np.nan, 5, 6])
    np.testing.assert_array_equal(table.violations, [0, 0, 0, 0, 0, 0, np.inf, 0, 0])
    np.testing.assert_array_equal(table.components[[4, 5, 8]], [[1, 1], [np.nan] * 2, [0.5, 0.5]])


def test_figures_that_come_up_later_are_kept(folder: Path) -> None:
    with Study.open(folder) as study:
        study.begin_batch(2, {}, trials(7, 1))
        study.finish(Outcome(7, (0,), "complete", ({"": {"new": 1.5, "sharpe": 2.0}},)))
        study.end_batch(2)
    table = read_study(folder)
    np.testing.assert_array_equal(table.figure("", "new"), [np.nan] * 7 + [1.5])
    np.testing.assert_array_equal(table.figure("SPY", "sharpe"), [*range(7), np.nan])
    assert table.figures_of(7)[0][""] == {"new": 1.5, "sharpe": 2.0}
    with pytest.raises(InputError, match="no trial has a figure 'none'"):
        table.figure("", "none")


def test_a_trial_has_the_figures_that_it_returned_and_no_others(folder: Path) -> None:
    """Which ones other trials had returned by then depends on the workers."""
    nan = float("nan")
    given: list[tuple[dict[str, dict[str, float]], ...]] = [
        ({"SPY": {"a": 1.0, "b": nan}}, {"SPY": {"a": 2.0}}),
        ({"QQQ": {"c": nan}}, {"SPY": {"b": 3.0}, "QQQ": {"a": -0.0}}),
        # A NaN that a program computed, with bits of its own.
        ({"SPY": {"b": struct.unpack("<d", b"\1\0\0\0\0\0\xf8\x7f")[0], "d": -nan}},),
    ]
    with Study.open(folder) as study:
        number = study.trials
        study.begin_batch(len(study.load().batch), {}, trials(number, len(given)))
        for trial, figures in reversed(list(enumerate(given, number))):
            windows = tuple(range(len(figures)))
            study.finish(Outcome(trial, windows, "complete", figures))
        table = study.load()
    for trial, figures in enumerate(given, number):
        np.testing.assert_equal(table.figures_of(trial), figures)


def test_another_number_of_trials_is_kept(folder: Path) -> None:
    with Study.open(folder) as study:
        study.change_budget(500)
    assert read_study(folder).record == record(budget=500)


def test_what_was_not_written_is_written_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 0.01)
    with Study.open(folder) as study:
        other = sqlite3.connect(folder / "study.sqlite", isolation_level=None)
        with contextlib.closing(other):
            other.execute("BEGIN IMMEDIATE")
            study.begin_batch(2, {"step": 2}, trials(7, 1), rejected=2, repeated=2, note="batch 2")
            with pytest.raises(InputError, match=r"study\.sqlite is locked by another program"):
                study.flush()
            other.execute("ROLLBACK")
        with contextlib.suppress(InputError):
            study.finish(outcome(7))
    assert len(read_study(folder)) == 8


# Locks


def test_one_search_writes_to_a_study(folder: Path) -> None:
    with Study.open(folder):
        begun = time.monotonic()
        with pytest.raises(
            InputError, match=rf"being searched by process {os.getpid()}; wait until .* --study$"
        ):
            Study.open(folder, record())
        with pytest.raises(InputError, match="being searched by process"):
            Study.create(folder, record())
        with pytest.raises(InputError, match="being searched by process"):
            remove_studies([removal_of(folder.parent.parent, "made")])
        assert time.monotonic() - begun < 5
    Study.open(folder, record()).close()


@pytest.mark.parametrize("text", ["", "x" * 1000, "-1", "1\n2", "9" * 50, "\x1b[31m"])
def test_a_lock_that_does_not_say_whose_it_is(folder: Path, text: str) -> None:
    with Study.open(folder):
        (folder / ".lock").write_text(text, "utf-8")
        with pytest.raises(InputError, match="being searched by another process; wait"):
            Study.open(folder)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_lock_that_is_no_file_is_told(folder: Path, kind: str) -> None:
    lock, aside = folder / ".lock", folder.parent / "aside"
    aside.write_bytes(b"kept")
    if kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("there are no named pipes")
        os.mkfifo(lock)
    elif kind == "folder":
        lock.mkdir()
    else:
        lock.symlink_to(aside)
    with pytest.raises(ResultsError, match=rf"cannot write {lock}: is a (link|named pipe|folder)"):
        Study.open(folder)
    assert aside.read_bytes() == b"kept"
    assert len(read_study(folder)) == 7


@pytest.mark.parametrize("mode", ["IMMEDIATE", "EXCLUSIVE"])
def test_another_program_that_writes_is_told_at_once(folder: Path, mode: str) -> None:
    other = sqlite3.connect(folder / "study.sqlite", isolation_level=None)
    with contextlib.closing(other):
        if mode == "EXCLUSIVE":
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute(f"BEGIN {mode}")
        begun = time.monotonic()
        with pytest.raises(InputError, match=r"study\.sqlite is locked by another program; wait"):
            Study.open(folder)
        assert time.monotonic() - begun < 5
        other.execute("ROLLBACK")
    Study.open(folder).close()


# Damage


def damaged(folder: Path, call: Callable[[Path], object]) -> str:
    """Return what the `ResultsError` says of a study that cannot be used; it stays as it is."""
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(ResultsError) as caught:
        call(folder)
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    # The index of the log is rebuilt by whoever reads it.
    assert {n: b for n, b in after.items() if "-shm" not in n} == {
        n: b for n, b in before.items() if "-shm" not in n
    }
    said = str(caught.value)
    assert "\n" not in said
    assert "study.sqlite" in said
    return said


ROADS: tuple[Callable[[Path], object], ...] = (
    read_study,
    lambda folder: read_parameters(folder, record()),
    Study.open,
)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    "content", [b"", b"{}", b"x" * 100_000, b"SQLite format 3\0", b"\0" * 4096]
)
def test_what_is_no_database_is_told(
    folder: Path, content: bytes, road: Callable[[Path], object]
) -> None:
    (folder / "study.sqlite").write_bytes(content)
    damaged(folder, road)


@pytest.mark.parametrize("road", ROADS)
def test_what_is_cut_or_turned_is_told_or_the_same(
    folder: Path, road: Callable[[Path], Any]
) -> None:
    path = folder / "study.sqlite"
    good, whole = path.read_bytes(), read_study(folder)
    rng = np.random.default_rng(3)
    told, said = 0, list[str]()
    for case in range(40):
        if case % 4:
            turned = bytearray(good)
            turned[rng.integers(len(good))] ^= 1 << rng.integers(8)
            path.write_bytes(turned)
        else:
            path.write_bytes(good[: rng.integers(len(good))])
        try:
            found = road(folder)
            if isinstance(found, Study):
                with found:
                    found = found.load()
        except ResultsError as error:
            told += 1
            said.append(str(error))
            continue
        if isinstance(found, StudyTable):
            same(found, whole)
        else:
            assert found == [dict(trial.params) for trial in trials(0, 7)]
    assert told > 10
    assert [text for text in said if "\n" in text or str(path) not in text] == []


#: What others could put into a database, and what is said of it.
FOREIGN = {
    "PRAGMA application_id = 1": "another program",
    "PRAGMA user_version = 2": "of version 2, of a newer wfo",
    "PRAGMA user_version = 0": "its version is 0",
    "CREATE TABLE more (x)": "'more'",
    "CREATE VIEW more AS SELECT 1": "'more'",
    "CREATE INDEX more ON trials (batch)": "'more'",
    "CREATE TRIGGER more AFTER UPDATE ON trials BEGIN DELETE FROM trials; END": "'more'",
    "CREATE TRIGGER more AFTER INSERT ON batches BEGIN DELETE FROM trials; END": "'more'",
    "DROP TABLE trials": "lacks the table trials",
    "ALTER TABLE trials ADD COLUMN more": "table trials is defined otherwise",
    "ALTER TABLE figures RENAME TO more": "lacks the table figures",
    "CREATE VIRTUAL TABLE more USING fts5(x)": "'more",
    "CREATE TABLE '\x1b[31m' (x)": r"'\x1b[31m'",
    "DELETE FROM studies": "it has no studies",
    "INSERT INTO studies SELECT 1, name, created, identity, plan, space, objective, limits,"
    " guardrails, guardrails_digest, windows, symbols, fingerprints, versions, git_commit, method,"
    " method_reason, seed, batch, budget, parameters, objectives, components, checksum"
    " FROM studies": "it has 2 studies",
    "DELETE FROM batches": "its batches",
    "DELETE FROM batches WHERE number = 0": "batch 0",
    "UPDATE batches SET number = 7 WHERE number = 1": "batch 1",
    "UPDATE batches SET whole = 0": "batch 0",
    "DELETE FROM trials WHERE number = 2": "trial 2",
    "DELETE FROM trials WHERE number = 6": "trials",
    "UPDATE trials SET number = 99 WHERE number = 6": "trial",
    "UPDATE trials SET score = 9 WHERE number = 5": "trial 5",
    "UPDATE trials SET encoded = zeroblob(70000000) WHERE number = 5": "too big",
    "UPDATE trials SET state = 'complete' || state WHERE number = 5": "trial 5",
    "UPDATE figures SET name = 'other' WHERE number = 0": "figure 0",
}


@pytest.mark.parametrize("statement", FOREIGN)
def test_what_others_have_put_into_a_database_is_told(folder: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "study.sqlite")) as other:
        other.execute(statement)
        other.commit()
    said = damaged(folder, read_study)
    assert FOREIGN[statement] in said
    assert said.startswith(str(folder))
    assert re.search("copy of its folder|update wfo|another name", said)
    # Of an earlier batch a search that goes on reads nothing before it loads all of it.
    with contextlib.suppress(ResultsError), Study.open(folder) as study:
        damaged(folder, lambda _: study.load())
    (listing,) = list_studies(folder.parent.parent)
    assert "\n" not in listing.error


def test_a_trigger_never_acts(folder: Path) -> None:
    path = folder / "study.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM batches; END")
        other.commit()
    for road in ROADS:
        assert "'t'" in damaged(folder, road)
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM batches").fetchone() == (2,)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("name", ["study.sqlite", "study.sqlite-wal", "study.sqlite-shm"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "dangling"])
def test_what_is_no_file_in_place_of_one_is_told(
    folder: Path, name: str, kind: str, road: Callable[[Path], object]
) -> None:
    path = folder / name
    aside = folder.parent / "aside"
    if path.exists():
        shutil.move(path, aside)
    else:
        aside.write_bytes(b"kept")
    if kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("there are no named pipes")
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(aside if kind == "link" else folder.parent / "nothing")
    before = aside.read_bytes()
    said = damaged(folder, road)
    assert re.search("link|pipe|folder", said)
    assert aside.read_bytes() == before


def test_a_journal_of_undoing_is_not_played_back(folder: Path) -> None:
    (folder / "study.sqlite-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\0" * 600)
    for road in ROADS:
        assert "-journal" in damaged(folder, road)


def test_a_file_with_other_names_is_read_and_not_written(folder: Path) -> None:
    os.link(folder / "study.sqlite", folder.parent / "other")
    assert "hard links" in damaged(folder, Study.open)
    assert len(read_study(folder)) == 7


def test_a_log_of_another_study_does_not_reach_the_file(folder: Path, tmp_path: Path) -> None:
    other = study_folder(tmp_path / "elsewhere", "made")
    changed = record(identity={"space": "another"}, parameters=("one",), components=())
    with Study.create(other, changed) as study:
        study.change_budget(7)
        study.begin_batch(0, {}, [NewTrial(0, np.zeros(1), {"one": 1}, 0)])
        study.flush()
        log = (other / "study.sqlite-wal").read_bytes()
    path = folder / "study.sqlite"
    before = path.read_bytes()
    (folder / "study.sqlite-wal").write_bytes(log)
    with pytest.raises(WfoError):
        Study.open(folder, record())
    assert path.read_bytes() == before


def test_a_new_study_takes_nothing_that_is_there(folder: Path) -> None:
    said = damaged(folder, lambda place: Study.create(place, record()))
    assert "is there already" in said
    (folder / "study.sqlite").rename(folder / "study.sqlite-wal")
    assert "is there already" in damaged(folder, lambda place: Study.create(place, record()))


def test_cells_that_share_pages_do_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite"
    path.write_bytes(b"x" * 10_000)
    with contextlib.closing(sqlite3.connect(":memory:")) as other:
        other.execute("CREATE TABLE t (a, b)")
        other.executemany("INSERT INTO t VALUES (?, ?)", [(n, b"y" * 1000) for n in range(100)])
        rows = Source(other, path).rows("SELECT a, b FROM t")
        assert len(list(itertools.islice(rows, 10))) == 10
        with pytest.raises(ValueError, match="its cells have more bytes than the file"):
            next(rows)


# Forged rows: their checksums are right


def forge(path: Path, table: str, column: str, value: object, number: int = 0) -> bool:
    """Put a value into a row, with the checksum that it then has; False if SQLite refuses it."""
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.row_factory = sqlite3.Row
        other.text_factory = bytes
        try:
            other.execute(f"UPDATE {table} SET {column} = ? WHERE number = ?", (value, number))
        except sqlite3.Error:
            return False
        row = other.execute(f"SELECT * FROM {table} LIMIT 1 OFFSET {number}").fetchone()
        cells = dict(row)
        try:
            if table != "trials":
                other.execute(
                    f"UPDATE {table} SET checksum = ?", (checksum_of_texts(*tuple(row)[:-1]),)
                ) if column != "checksum" else None
            else:
                whole = ("number", "batch", "tag", "seed", "windows", "width", "worker", "attempts")
                rest = ("seconds", "state", "encoded", "figures", "parameters", "error", "printed")
                scores = ("number", "score", "violation", "objectives", "components")
                sums = (
                    checksum_of_trial(tuple(cells[n] for n in whole), *(cells[n] for n in rest)),
                    checksum_of_scores(*(cells[n] for n in scores)),
                    cells["number"],
                )
                other.execute("UPDATE trials SET checksum = ?, scored = ? WHERE number = ?", sums)
        except Exception:  # noqa: BLE001  # of a value that has no checksum it stays wrong
            other.rollback()
            other.execute(f"UPDATE {table} SET {column} = ? WHERE number = ?", (value, number))
        other.commit()
    return True


#: What others could write in place of a cell.
VALUES: tuple[object, ...] = (
    *(None, -1, 0, 1, 2**62, 2**63 - 1, -(2**63), 0.5, float("inf"), 1e300, "", "x", "null", "[]"),
    *("{}", "[1]", '{"a": 1}', '{"a": NaN}', "[" * 10_000, '["a", "a"]', "\x1b[31m\u202e", "\0"),
    *('"\ud800"'.encode("utf-8", "surrogatepass"), b"\xff\xfe", b"", b"\0" * 32, b"\xff" * 32),
    *('{"strategy.fast": 1, "strategy.fast": 2}', '{"strategy.fast": [], "a": {}}', "1" * 400),
    *("complete", "9999-12-31T00:00:00+00:00", "2026-11-27", "../../x", "=1+1"),
    '{"strategy.fast": 1e400, "risk.share": 1, "mode": "x", "stop": null}',
)


def _columns() -> list[tuple[str, str]]:
    from wfo.search.study.layout import KIND

    found = []
    for statement in KIND.statements:
        table = statement.split()[2]
        found += [(table, line.split()[0]) for line in statement.splitlines()[1:-1]]
    return found


def _forged(folder: Path, tmp_path: Path, count: int) -> tuple[int, list[str]]:
    """Put some values into every cell; return how many were taken by SQLite, and what was said."""
    from wfo.search.space import Dimension, SearchSpace

    path = folder / "study.sqlite"
    good = path.read_bytes()
    space = SearchSpace(
        (
            Dimension("strategy.fast", "int", (5, 6, 7)),
            Dimension("risk.share", "float", low=0.0, high=1.0),
            Dimension("mode", "choice", ("mode 0", "mode 1")),
            Dimension("stop", "choice", (False, True)),
        )
    )
    tried, said = 0, list[str]()
    rng = np.random.default_rng(0)
    columns = _columns()
    assert len(columns) == 60
    for table, column in columns:
        for value in rng.permutation(np.array(VALUES, object))[:count]:
            path.write_bytes(good)
            if not forge(path, table, column, value):
                continue
            tried += 1
            try:
                found = read_study(folder)
                given = read_parameters(folder, found.record)
                export_csv(tmp_path / "t.csv", found, given)
                export_journal(tmp_path / "j.log", found, given, space)
            except WfoError as error:
                said.append(str(error))
            said += [each.error for each in list_studies(folder.parent.parent) if each.error]
            try:
                Study.open(folder, record()).close()
            except WfoError as error:
                said.append(str(error))
    return tried, said


def test_every_forged_cell_is_told_or_taken_as_it_is(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    tried, said = _forged(folder, tmp_path, 2)
    assert tried > 80
    assert len(said) > 100
    assert [text for text in said if "\n" in text or "\x1b" in text] == []


@pytest.mark.slow
def test_every_forged_value_is_told_or_taken_as_it_is(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    tried, said = _forged(folder, tmp_path, len(VALUES))
    assert tried > 1500
    assert [text for text in said if "\n" in text or "\x1b" in text] == []


@pytest.mark.parametrize("name", ["a b", "a" * 101, "-x", "con"])
def test_a_folder_is_one_of_a_study(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="study = "):
        Study.create(tmp_path / name, record())
    assert list(tmp_path.iterdir()) == []


# Folders


def test_studies_are_listed_with_what_is_wrong_with_them(folder: Path) -> None:
    results = folder.parent.parent
    Study.create(study_folder(results, "empty"), record(name="empty")).close()
    broken = study_folder(results, "broken")
    broken.mkdir()
    (broken / "study.sqlite").write_bytes(b"no")
    (folder.parent / "no study").mkdir()
    (folder.parent / "link").symlink_to(folder)
    found = {each.name: each for each in list_studies(results)}
    assert list(found) == ["broken", "empty", "made"]
    assert "damaged" in found["broken"].error
    assert (found["empty"].trials, found["empty"].best, found["empty"].error) == (0, None, "")
    made = found["made"]
    assert (made.trials, made.batches, made.best, made.method) == (7, 2, 6.0, "random")
    assert made.counts == (("complete", 7),)
    assert made.bytes == (folder / "study.sqlite").stat().st_size
    assert list_studies(results / "nothing") == []


def test_a_study_is_removed_as_it_was_shown(folder: Path) -> None:
    results = folder.parent.parent
    kept = study_folder(results, "kept")
    Study.create(kept, record(name="kept")).close()
    for name in ("summary.json", "ranked_results.csv", "made_best.yaml", "optimization.log"):
        (folder / name).write_text("x", "utf-8")
    planned = [removal_of(results, "made")]
    assert [(each.name, len(each.files)) for each in planned] == [("made", 5)]
    assert planned[0].bytes == 4 + (folder / "study.sqlite").stat().st_size
    assert folder.is_dir()
    (folder / "failed.csv").write_text("x", "utf-8")
    with pytest.raises(ResultsError, match="has changed since"):
        remove_studies(planned)
    remove_studies([removal_of(results, "made")])
    assert [path.name for path in folder.parent.iterdir()] == ["kept"]
    assert len(read_study(kept)) == 0


@pytest.mark.parametrize("kind", ["file", "folder", "link", "other best"])
def test_a_folder_with_what_is_a_strangers_is_not_removed(folder: Path, kind: str) -> None:
    name = {"other best": "other_best.yaml"}.get(kind, "summary.json")
    path = folder / name
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(folder.parent)
    else:
        path = folder / ("notes.txt" if kind == "file" else name)
        path.write_text("mine", "utf-8")
    before = sorted(each.name for each in folder.iterdir())
    with pytest.raises(ResultsError, match=f"holds what no search makes, {path.name}"):
        removal_of(folder.parent.parent, "made")
    assert sorted(each.name for each in folder.iterdir()) == before


@pytest.mark.parametrize("name", ["nothing", "link"])
def test_what_is_no_study_is_not_removed(folder: Path, name: str) -> None:
    (folder.parent / "link").symlink_to(folder)
    with pytest.raises(ResultsError, match="cannot be removed"):
        removal_of(folder.parent.parent, name)
    with pytest.raises(InputError, match="study = "):
        removal_of(folder.parent.parent, "../optimization")
