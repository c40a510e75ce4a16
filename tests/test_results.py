"""Files that appear whole or not at all, and figures on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wfo
from wfo.engine import Figures
from wfo.errors import ResultsError
from wfo.files import read_json, whole_file, write_json, write_text, write_with
from wfo.results import RunFolder, StoredSweep, SweepWriter, fingerprint

NAMES = ("is_pnl", "oos_pnl", "is_dd", "oos_dd", "is_trades", "oos_trades")


def block(start: int, stop: int) -> list[Figures]:
    """Figures of two phases that tell where they belong."""
    at = np.arange(start, stop, dtype=np.float64)
    trades = np.arange(start, stop, dtype=np.uint32)
    return [
        Figures._make(
            [*(at + 0.1 + 1000 * k + 100 * c for c in range(4)), trades + k, trades * 30_000]
        )
        for k in range(2)
    ]


def write(folder: Path) -> None:
    with SweepWriter(folder, 7, 2) as writer:
        for start, stop in ((0, 1), (1, 5), (5, 7)):
            writer.append(block(start, stop))


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
    assert there == [False]


def test_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ResultsError, match=r"cannot write .*file/x\.json: Not a directory; .*--out"
    ):
        write_json(tmp_path / "file" / "x.json", {})


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="the system has no full disk to write to"
)
@pytest.mark.parametrize("kind", ["write_parquet", "write_csv"])
def test_full_disk_under_a_frame(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    (tmp_path / "x.part").symlink_to("/dev/full")
    frame = pl.DataFrame({"a": range(100_000)})
    with pytest.raises(ResultsError, match=r"cannot write .*x: .*No space left.*--out"):
        write_with(path, getattr(frame, kind))
    assert not list(tmp_path.iterdir())


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


# Figures


def test_figures_come_back_as_they_went_in(tmp_path: Path) -> None:
    write(tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    expected = block(0, 7)
    stored = StoredSweep(tmp_path, 7, 2)
    for start, stop in ((0, 7), (0, 1), (3, 6), (6, 7), (2, 2)):
        for k, found in enumerate(stored.read(start, stop)):
            for name in NAMES[:4]:
                money = getattr(found, name)
                assert money.dtype == np.float32
                whole = getattr(expected[k], name).astype(np.float32)
                np.testing.assert_array_equal(money, whole[start:stop])
            np.testing.assert_array_equal(found.is_trades, expected[k].is_trades[start:stop])
    assert np.load(tmp_path / "phase2/oos_dd.npy")[6] == np.float32(6.1 + 1000 + 300)


def test_trades_stop_at_the_largest_that_fits(tmp_path: Path) -> None:
    write(tmp_path)
    # 3 * 30,000 would be 24,464 if it went round.
    found = np.load(tmp_path / "phase1/oos_trades.npy")
    assert found.dtype == np.dtype("<u2")
    assert found.tolist() == [0, 30_000, 60_000, 65_535, 65_535, 65_535, 65_535]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_sweep_that_is_cut_short_leaves_nothing(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error), SweepWriter(tmp_path, 7, 2) as writer:  # noqa: PT012
        writer.append(block(0, 5))
        assert len(list(tmp_path.rglob("*.npy.part"))) == 12
        assert not list(tmp_path.rglob("*.npy"))
        raise error
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [1, 4, 12])
def test_sweep_that_cannot_begin_leaves_nothing(
    at: int, error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = 0
    header = np.lib.format.write_array_header_1_0

    def failing(*arguments: Any) -> None:
        nonlocal opened
        opened += 1
        if opened == at:
            raise error
        header(*arguments)

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", failing)
    expected = ResultsError if error is OSError else error
    with pytest.raises(expected), SweepWriter(tmp_path, 7, 2):
        pytest.fail("the block was entered")
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_sweep_with_too_few_figures_does_not_appear(tmp_path: Path) -> None:
    with (
        pytest.raises(ResultsError, match="5 of 7 combinations were written"),
        SweepWriter(tmp_path, 7, 2) as writer,
    ):
        writer.append(block(0, 5))
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="the system has no full disk to write to"
)
def test_full_disk_under_figures(tmp_path: Path) -> None:
    (tmp_path / "phase2").mkdir()
    (tmp_path / "phase2/is_dd.npy.part").symlink_to("/dev/full")
    with pytest.raises(ResultsError, match=r"cannot write .*phase2/is_dd\.npy: No space left"):
        write(tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "phase2/is_dd.npy").exists()


# Folders


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
    assert list(folder.path.iterdir()) == []
    with folder.hold("again"):
        assert [p.name for p in folder.path.iterdir()] == [".lock"]


def test_a_holder_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from wfo.results import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).hold('killed'):\n"
        "    os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert (tmp_path / ".lock").exists()
    with RunFolder(tmp_path).hold("next"):
        assert "next" in (tmp_path / ".lock").read_text()
