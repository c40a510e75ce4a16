"""Files that appear whole or not at all, and the folder of a run."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import wfo
from wfo.errors import ResultsError
from wfo.files import (
    read_json,
    read_sealed,
    whole_file,
    write_frame,
    write_json,
    write_sealed,
    write_text,
)
from wfo.runs.folder import RunFolder
from wfo.runs.identity import fingerprint
from wfo.text import size_text, table

# Whole files


def test_file_takes_its_name_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with whole_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.name == "x.txt.part"
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
def test_full_disk_under_a_frame(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    frame = pl.DataFrame({"a": range(100_000)})
    for remedy, said in ((None, "free some space or .*--out"), ("take another", "take another")):
        (tmp_path / f"{name}.part").symlink_to("/dev/full")
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
    # What anybody can compute: the digest of the text with zeros in its place.
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
