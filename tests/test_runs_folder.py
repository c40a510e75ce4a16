"""Files that appear whole or not at all, and the folder of a run."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import polars as pl
import pytest

import wfo
from wfo.errors import ResultsError
from wfo.files import (
    read_json,
    read_sealed,
    whole,
    whole_file,
    write_frame,
    write_json,
    write_sealed,
    write_text,
)
from wfo.runs.folder import RunFolder
from wfo.runs.identity import fingerprint
from wfo.text import size_text, table

#: The count of trials while another process writes it.
_COUNTING = ".trials.json.0123456789abcdef.part"

# Whole files


def test_file_takes_its_name_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with whole_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert re.fullmatch(r"\.x\.txt\.[0-9a-f]{16}\.part", part.name)
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failed_block_leaves_the_old_file(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(error), whole_file(path) as part:  # noqa: PT012
        part.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_file_is_synced_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.txt"
    there: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: there.append(path.exists()))
    write_text(path, "x")
    # The file first; then the folder, so that the name lasts too.
    assert there == [False, True]


def test_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ResultsError, match=r"cannot write .*file/x\.json: Not a directory; .*--out"
    ):
        write_json(tmp_path / "file" / "x.json", {})


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="the system has no full disk to write to"
)
@pytest.mark.parametrize("name", ["x.parquet", "x.csv"])
def test_full_disk_under_a_frame(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(part: Path) -> IO[bytes]:
        part.symlink_to("/dev/full")
        return Path(os.devnull).open("wb")

    monkeypatch.setattr(whole, "_create", full)
    path = tmp_path / name
    frame = pl.DataFrame({"a": range(100_000)})
    for remedy, said in ((None, "free some space or .*--out"), ("take another", "take another")):
        with pytest.raises(ResultsError, match=rf"cannot write .*{name}: .*No space.*; {said}$"):
            write_frame(path, frame, remedy=remedy)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "X.CSV"])
def test_a_frame_comes_back_as_it_went_in(name: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"day": [dt.date(2020, 2, 29)], "price": [0.1], "side": ["long"]})
    write_frame(tmp_path / name, frame)
    csv = name.lower().endswith("csv")
    read = functools.partial(pl.read_csv, try_parse_dates=True) if csv else pl.read_parquet
    assert read(tmp_path / name).equals(frame)
    assert [p.name for p in tmp_path.iterdir()] == [name]


# Text


def test_a_table_is_as_wide_as_its_widest_cells() -> None:
    rows = [("Name", "Count", "Note"), ("a", "12,345", ""), ("longer", "1", "x")]
    assert table(rows, "<><") == [
        "  Name     Count  Note",
        "  a       12,345",
        "  longer       1  x",
    ]
    assert table(rows[:1], ">><", indent="") == ["Name  Count  Note"]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0.0 MB"), (999_900_000, "999.9 MB"), (1e9, "1.0 GB")]
)
def test_a_size_is_in_the_unit_that_suits_it(count: float, text: str) -> None:
    assert size_text(count) == text


def test_json_is_for_readers_and_has_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"name": "Größe", "n": 1})
    assert path.read_bytes() == '{\n  "name": "Größe",\n  "n": 1\n}\n'.encode()
    assert read_json(path) == {"name": "Größe", "n": 1}
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"n": float("nan")})
    assert read_json(path) == {"name": "Größe", "n": 1}


def test_fingerprint_is_that_of_the_values() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    different: list[Any] = [
        {"a": 1, "b": [1, 2]},
        {"a": 1, "b": [2, 1]},
        {"a": 1.5, "b": [1, 2]},
        {"a": "1", "b": [1, 2]},
        {"a": 1},
    ]
    assert len({fingerprint(d) for d in different}) == len(different)
    assert len(fingerprint({})) == 64


# Sealed files


SEALED = {"name": "Größe", "zeros": "0" * 64, "n": [1, 2.5, None]}


def test_sealed_file_comes_back_as_it_went_in(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_sealed(path, SEALED)
    assert read_sealed(path) == SEALED
    plain = json.loads(path.read_text())
    seal = plain.pop("seal")
    assert plain == SEALED
    # What can be computed from the file alone: the digest of the text with zeros in its place.
    text = path.read_text().replace(seal, "0" * 64)
    assert seal == hashlib.sha256(text.encode()).hexdigest()


def test_any_byte_of_a_sealed_file_that_changes_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_sealed(path, SEALED)
    data = path.read_bytes()
    for at, bit in itertools.product(range(len(data)), (0, 5, 7)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        with pytest.raises(ResultsError, match=r"x\.json"):
            read_sealed(path)
    for text in (data[:-1], data + b" ", b"", b"{}"):
        path.write_bytes(text)
        with pytest.raises(ResultsError, match=r"x\.json is damaged"):
            read_sealed(path)
    path.unlink()
    with pytest.raises(ResultsError, match="there is no"):
        read_sealed(path)


# The folder


def test_folder_of_a_symbol(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path / "deep" / "er", "QQQ")
    assert folder.path == tmp_path / "deep" / "er" / "QQQ"
    assert folder.prepare("a" * 64) is None
    assert folder.path.is_dir()
    assert not list(folder.path.iterdir())


def test_trials_are_counted_by_search(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path, "QQQ")
    one = {"fingerprint": "1", "combinations": 100, "grid": "a"}
    two = {"fingerprint": "2", "combinations": 50, "grid": "b"}
    assert [folder.count_trials("QQQ", s) for s in (one, one, two, one)] == [100, 100, 150, 150]
    data = json.loads(folder.trials.read_text())
    assert data["total"] == 150
    assert sorted(s["fingerprint"] for s in data["searches"]) == ["1", "2"]


def test_ranges_that_are_not_kept_go(tmp_path: Path) -> None:
    names = [
        "phase5_refine_ATR-D-v1.5-L_rank1.csv",
        "phase5_refine_ATR-D-v1.5-L_rank12.csv",
        "phase5_refine_config.csv",
        "other.csv",
    ]
    for name in names:
        (tmp_path / name).touch()
    RunFolder(tmp_path).remove_ranges([tmp_path / names[0]])
    assert {p.name for p in tmp_path.iterdir()} == {names[0], *names[2:]}


@pytest.mark.parametrize("text", ["{}", '{"searches": [{"fingerprint": "1"}]}', "[1]", "oops"])
def test_a_damaged_count_of_trials_is_named(tmp_path: Path, text: str) -> None:
    folder = RunFolder.of(tmp_path, "QQQ")
    folder.path.mkdir()
    folder.trials.write_text(text)
    with pytest.raises(wfo.ResultsError, match=r"trials\.json"):
        folder.read_trials("QQQ")


def test_a_folder_is_held_by_one_process(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path, "QQQ")
    held = r"in use by process \d+: wfo run --symbol QQQ"
    with (
        folder.hold("wfo run --symbol QQQ"),
        pytest.raises(wfo.ResultsError, match=held),
        folder.hold("another"),
    ):
        raise AssertionError("two hold it")
    assert not folder.path.exists(), "it was made for nothing"
    with folder.hold("again"):
        assert [p.name for p in folder.path.iterdir()] == [".lock"]


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path / "deep" / "er", "QQQ")
    with folder.hold("wfo run"):
        assert folder.path.is_dir()
    assert list(tmp_path.iterdir()) == []
    # What was there before stays, and so does what was written meanwhile.
    folder.path.parent.mkdir(parents=True)
    with folder.hold("wfo run"):
        pass
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["er"]
    with folder.hold("wfo run"):
        folder.manifest.touch()
    assert [p.name for p in folder.path.iterdir()] == ["run.json"]


def test_a_holder_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from wfo.runs.folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).hold('killed'):\n"
        "    os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert (tmp_path / ".lock").exists()
    with RunFolder(tmp_path).hold("next"):
        assert "next" in (tmp_path / ".lock").read_text()


COUNTING = """
import sys
from pathlib import Path
from wfo.runs.folder import RunFolder
folder, name = RunFolder(Path(sys.argv[1])), sys.argv[2]
for i in range(30):
    folder.count_trials("Q", {"fingerprint": f"{name}{i}", "combinations": 1})
"""


def test_runs_beside_each_other_count_all_their_trials(tmp_path: Path) -> None:
    lines = [
        [sys.executable, "-c", COUNTING, str(tmp_path / name), name] for name in ("Q", "Q_A", "Q_B")
    ]
    started = [subprocess.Popen(line) for line in lines]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    assert RunFolder(tmp_path / "Q").read_trials("Q")["total"] == 90
    assert [p.name for p in (tmp_path / "Q").iterdir()] == ["trials.json"]


# Names, timeframes and second symbols


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "QQQ"),
        ({"symbol2": "SPY"}, "QQQ_SPY"),
        ({"timeframe": "1day"}, "QQQ"),
        ({"timeframe": "5min"}, "QQQ_5min"),
        ({"symbol2": "SPY", "timeframe": "1hour"}, "QQQ_SPY_1hour"),
        ({"name": "with-costs"}, "QQQ/runs/with-costs"),
        ({"timeframe": "5min", "name": "a"}, "QQQ_5min/runs/a"),
        ({"symbol2": "SPY", "name": "a"}, "QQQ_SPY/runs/a"),
    ],
)
def test_a_run_has_its_place_and_its_symbol_counts(
    options: dict[str, Any], place: str, tmp_path: Path
) -> None:
    folder = RunFolder.of(tmp_path, "QQQ", **options)
    assert folder.path == tmp_path / place
    counted = {"fingerprint": "1", "combinations": 100}
    assert folder.count_trials("QQQ", counted) == 100
    trials = [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("trials.json")]
    assert trials == ["QQQ/trials.json"]
    # The folder alone holds the same count.
    assert RunFolder(folder.path).read_trials("QQQ")["total"] == 100


def test_a_folder_of_results_may_be_called_like_that_of_names(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path / "QQQ" / "runs", "QQQ")
    assert folder.trials_of("QQQ") == tmp_path / "QQQ" / "runs" / "QQQ" / "trials.json"
    other = RunFolder(tmp_path / "elsewhere" / "runs" / "QQQ")
    assert other.trials_of("QQQ") == other.trials


@pytest.mark.parametrize("name", ["a", "A1", "x.y", "with-costs", "a_b", "7", "a" * 100, "v1.2_-"])
def test_names_that_a_run_can_have(name: str, tmp_path: Path) -> None:
    assert RunFolder.of(tmp_path, "QQQ", name=name).path == tmp_path / "QQQ" / "runs" / name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "/etc", ".hidden", "-x", "_x", "x.", "a b", "a\n", "ä",
     "a:b", "a" * 101, "a\0", 5],
)  # fmt: skip
def test_names_that_a_run_cannot_have(name: Any, tmp_path: Path) -> None:
    with pytest.raises(wfo.InputError, match="a run cannot be called") as caught:
        RunFolder.of(tmp_path, "QQQ", name=name)
    # A long one is cut.
    assert repr(name)[:50] in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.fixture
def neighbours(tmp_path: Path) -> tuple[RunFolder, dict[str, bytes]]:
    """A folder with a run, a named one under way, and a history; and what is not the run's."""
    folder = RunFolder.of(tmp_path, "QQQ")
    named = RunFolder.of(tmp_path, "QQQ", name="busy")
    for each, what in ((folder, "1"), (named, "2"), (RunFolder(folder.history / "old"), "3")):
        each.sweep("atr_d_l").mkdir(parents=True)
        (each.sweep("atr_d_l") / "journal").write_text(what)
        write_sealed(each.manifest, {"fingerprint": what * 64, "status": "complete"})
    (named.sweep("atr_d_l") / "is_pnl.npy.part").write_text("being written")
    (named.path / "candidates.csv.part").write_text("being written")
    (named.history / "x").mkdir(parents=True)
    (named.history / "x" / "y.part").write_text("kept")
    folder.count_trials("QQQ", {"fingerprint": "1", "combinations": 1})
    (folder.path / _COUNTING).write_text("being written")
    others = {
        str(p.relative_to(tmp_path)): p.read_bytes()
        for place in (named.path, folder.history)
        for p in place.rglob("*")
        if p.is_file()
    }
    return folder, others


@pytest.mark.parametrize("fingerprint", ["1" * 64, "9" * 64])
def test_runs_with_names_are_left_alone(
    fingerprint: str, neighbours: tuple[RunFolder, dict[str, bytes]], tmp_path: Path
) -> None:
    folder, others = neighbours
    (folder.path / "own.csv.part").write_text("left by a kill")
    (folder.sweep("atr_d_l") / "meta.json.part").write_text("left by a kill")
    with folder.hold("wfo run"):
        moved = folder.prepare(fingerprint, ["atr_d_l"])
    for name, content in others.items():
        assert (tmp_path / name).read_bytes() == content
    assert (folder.path / _COUNTING).exists()
    assert folder.trials.exists()
    assert not list(folder.path.glob("*/own.csv.part"))
    assert not (folder.path / "own.csv.part").exists()
    assert not (folder.sweep("atr_d_l") / "meta.json.part").exists()
    if fingerprint == "1" * 64:
        assert moved is None
        assert folder.manifest.exists()
    else:
        assert moved is not None
        assert not (moved / "runs").exists()
        assert not (moved / "trials.json").exists()
        # It comes back when it is asked for again, and finds the named one where it was.
        assert folder.prepare("1" * 64, ["atr_d_l"]) is None
        assert (folder.sweep("atr_d_l") / "journal").read_text() == "1"
        assert (folder.runs / "busy" / "run.json").exists()


def test_runs_with_names_are_held_apart(tmp_path: Path) -> None:
    plain, one, two = (RunFolder.of(tmp_path, "QQQ", name=n) for n in (None, "one", "two"))
    with one.hold("1"), two.hold("2"), plain.hold("3"):
        with pytest.raises(wfo.ResultsError, match="in use"), one.hold("4"):
            raise AssertionError("two hold it")
        plain.manifest.touch()
    assert [p.name for p in plain.path.iterdir()] == ["run.json"], "folders for nothing are gone"
    plain.manifest.unlink()
    with one.hold("1"):
        one.manifest.touch()
    assert one.manifest.exists()


def test_what_an_earlier_version_put_beside_daily_runs_is_found(tmp_path: Path) -> None:
    def stated(folder: RunFolder, timeframe: str) -> None:
        folder.path.mkdir(parents=True)
        write_sealed(folder.manifest, {"timeframe": timeframe})

    stated(RunFolder(tmp_path / "QQQ"), "5min")
    old, new = tmp_path / "QQQ", tmp_path / "QQQ_5min"
    assert RunFolder.find(tmp_path, "QQQ").path == old
    assert RunFolder.find(tmp_path, "QQQ", timeframe="5min").path == old
    assert RunFolder.find(tmp_path, "QQQ", timeframe="1hour").path == tmp_path / "QQQ_1hour"
    assert (
        RunFolder.find(tmp_path, "QQQ", "SPY", timeframe="5min").path == tmp_path / "QQQ_SPY_5min"
    )
    with pytest.raises(wfo.ResultsError, match=r"is of 5min bars; --timeframe 5min finds it"):
        RunFolder.find(tmp_path, "QQQ", timeframe="1day")
    stated(RunFolder(new), "5min")
    assert RunFolder.find(tmp_path, "QQQ", timeframe="5min").path == new
    assert RunFolder.find(tmp_path, "SPY", timeframe="1day").path == tmp_path / "SPY"
