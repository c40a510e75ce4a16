"""A store's folder, and files to import, as others may have made them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import parquet_inputs
import polars as pl
import pytest
from click.testing import CliRunner, Result
from planting import put
from polars.testing import assert_frame_equal

from wfo.cli import cli
from wfo.data import BarsMeta, BarsOrigin, DataStore, fingerprint, import_bars
from wfo.data.stored_files import Stored, sealed
from wfo.errors import DataError, WfoError
from wfo.files import limits
from wfo.runs.inputs import load_inputs
from wfo.strategy import strategies

posix = pytest.mark.skipif(os.name == "nt", reason="has no pipes, and links need a right")

ORIGIN = BarsOrigin(source="QQQ.csv", calendar="none")


def bars(seed: int = 1, rows: int = 40) -> pl.DataFrame:
    return parquet_inputs.bars_frame(rows, seed)


def csv_of(folder: Path, frame: pl.DataFrame, name: str = "QQQ.csv") -> Path:
    path = folder / name
    path.write_text(frame.write_csv())
    return path


def command(*args: object) -> Result:
    return CliRunner().invoke(cli, ["data", *map(str, args)])


def one_line(error: BaseException) -> str:
    """Return the message of an error that is promised, which is one line."""
    assert isinstance(error, WfoError), repr(error)
    assert len(str(error).splitlines()) == 1, error
    assert "panic" not in str(error)
    return str(error)


# Bars and what is known about them are of one moment


class Interrupted(DataStore):
    """A store in which other bars are imported around the `at`-th time that it is asked."""

    def __init__(self, folder: Path, at: int, *, after: bool) -> None:
        super().__init__(folder)
        self.asked, self.at, self.after = 0, at, after

    def _around(self, ask: Callable[[], Any]) -> Any:
        self.asked += 1
        now = self.asked == self.at
        found = ask() if self.after or not now else None
        if now:
            for symbol in ("QQQ", "SPY"):
                DataStore(self.folder).save(symbol, "1day", bars(99), ORIGIN)
        return found if found is not None else ask()

    def meta(self, *args: Any, **kwargs: Any) -> BarsMeta:
        return self._around(lambda: DataStore(self.folder).meta(*args, **kwargs))

    def read(self, *args: Any, **kwargs: Any) -> Stored:
        return self._around(lambda: DataStore(self.folder).read(*args, **kwargs))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("two", [False, True], ids=["one", "two"])
def test_an_import_between_the_reads_of_a_run_does_not_part_bars_and_fingerprint(
    two: bool, after: bool, tmp_path: Path
) -> None:
    strategy = next(s for s in strategies().values() if s.dual_symbol == two)
    at, asked = 0, 1
    while at <= asked:
        at += 1
        for symbol in ("QQQ", "SPY"):
            DataStore(tmp_path).save(symbol, "1day", bars(1), ORIGIN)
        store = Interrupted(tmp_path, at, after=after)
        found = load_inputs(store, strategy, "QQQ", "SPY" if two else None)
        assert found.data.fingerprint == fingerprint(found.bars)
        if two:
            assert found.data2 is not None
            assert found.second is not None
            assert found.data2.fingerprint == fingerprint(found.second)
        asked = store.asked
    assert asked == (2 if two else 1)


_IMPORTING = """
import sys
from wfo.data import import_bars
print("ready", flush=True)
sys.stdin.readline()
saved = import_bars(sys.argv[1], "QQQ", store=sys.argv[2], calendar="none")
print(saved.meta.fingerprint, saved.replaced and saved.replaced.fingerprint, saved.set_aside)
"""


def test_two_imports_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    frames = [bars(seed, rows=4000) for seed in (1, 2)]
    folder = tmp_path / "store"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _IMPORTING, csv_of(tmp_path, frame, f"{i}.csv"), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i, frame in enumerate(frames)
    ]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in started:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    said = [each.communicate(timeout=60)[0].split() for each in started]
    assert [each.returncode for each in started] == [0, 0]
    own = [fingerprint(frame) for frame in frames]
    assert [each[0] for each in said] == own
    # One of them was the first; the other says that it has replaced that one's bars.
    assert sorted(each[1] for each in said) in (
        sorted(["None", own[0]]),
        sorted(["None", own[1]]),
    )
    last = next(i for i, each in enumerate(said) if each[1] != "None")
    assert said[last][1] == own[1 - last]
    found = DataStore(folder).read("QQQ")
    assert found.meta.fingerprint == own[last] == fingerprint(found.frame)
    assert {p.name for p in folder.iterdir()} == {"QQQ_1day.parquet", "QQQ_1day.meta.json"}


# What lies under the store's names


KINDS = ("link", "dangling", "folder link", "pipe", "folder", "hard link", "socket", "device")
#: Those of them that differ where links are not followed.
FEW = ("link", "pipe", "folder", "hard link")


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "of the user" / "precious"
    path.parent.mkdir()
    path.write_text("precious")
    return path


def only_precious(precious: Path) -> bool:
    return precious.read_text() == "precious" and list(precious.parent.iterdir()) == [precious]


@posix
@pytest.mark.parametrize("had", ["nothing", "bars"])
@pytest.mark.parametrize("name", ["QQQ_1day.parquet", "QQQ_1day.meta.json", ".qqq_1day.lock"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_planted_under_a_name_of_the_store_is_not_followed(
    kind: str, name: str, had: str, precious: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    store = DataStore(folder)
    folder.mkdir()
    if had == "bars":
        store.save("QQQ", "1day", bars(1), ORIGIN)
        (folder / name).unlink(missing_ok=True)
    put(folder / name, kind, precious)
    whole = had == "bars" and not name.endswith(".parquet")
    if whole:
        assert_frame_equal(store.load("QQQ"), bars(1))
    else:
        with pytest.raises(DataError) as caught:
            store.load("QQQ")
        one_line(caught.value)
    source = csv_of(tmp_path, bars(2))
    if name.endswith(".lock"):
        with pytest.raises(DataError, match=re.escape(f"cannot lock {folder / name}: it ")) as no:
            import_bars(source, "QQQ", store=store, calendar="none")
        assert "remove it" in one_line(no.value)
        (folder / name).rename(tmp_path / "removed")
    import_bars(source, "QQQ", store=store, calendar="none")
    assert_frame_equal(store.load("QQQ"), bars(2))
    assert json.loads((folder / "QQQ_1day.meta.json").read_text())["rows"] == 40
    assert only_precious(precious)


@posix
def test_a_link_to_bars_is_none(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    saved = DataStore(tmp_path / "other").save("QQQ", "1day", bars(), ORIGIN)
    (tmp_path / "own" / saved.bars_path.name).symlink_to(saved.bars_path)
    with pytest.raises(DataError, match="is a link, which is not followed"):
        DataStore(tmp_path / "own").load("QQQ")


@posix
@pytest.mark.parametrize("kind", FEW)
def test_a_temporary_name_or_one_to_set_aside_that_is_taken_is_left_alone(
    kind: str, precious: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DataStore(tmp_path / "store")
    saved = store.save("QQQ", "1day", bars(1), ORIGIN)
    now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    aside = saved.bars_path.with_name("QQQ_1day.parquet.replaced-20260301T000000Z")
    put(aside, kind, precious)
    with store.hold("QQQ") as held:
        kept = held.write(bars(2), ORIGIN, saved.meta.coverage, set_aside=True, now=now).set_aside
    assert kept == aside.with_name(f"{aside.name}-2")
    assert only_precious(precious)

    foreseen = saved.bars_path.with_name("foreseen")
    put(foreseen, kind, precious)
    monkeypatch.setattr(Path, "with_name", lambda self, name: self.parent / _foreseen(name))
    with pytest.raises(DataError, match="cannot write QQQ_1day"):
        store.save("QQQ", "1day", bars(3), ORIGIN)
    monkeypatch.undo()
    assert_frame_equal(store.load("QQQ"), bars(2))
    assert only_precious(precious)


def _foreseen(name: str) -> str:
    return "foreseen" if name.endswith(".tmp") else name


LEFT = (
    ".QQQ_1day.parquet.0123456789ab.tmp",
    ".QQQ_1day.meta.json.0123456789ab.tmp",
    ".QQQ_1day.meta.json.0123456789abcdef.part",
)


def test_what_killed_writers_left_is_listed_and_swept(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    store.save("QQQ", "1day", bars(), ORIGIN)
    store.save("SPY", "1day", bars(), ORIGIN)
    other = tmp_path / ".notes.txt.0123456789ab.tmp"
    other.write_text("of the user")
    of_spy = tmp_path / LEFT[0].replace("QQQ", "SPY")

    def leave() -> None:
        for name in LEFT:
            (tmp_path / name).write_text("left")
        of_spy.write_text("left")

    leave()
    said = " ".join(command("check", "--data-dir", tmp_path).output.split())
    for path in (*LEFT, of_spy.name):
        assert f"note: {path} is being written, or was left by a writer" in said
    assert other.name not in said
    store.save("QQQ", "1day", bars(), ORIGIN)
    assert [(tmp_path / name).exists() for name in LEFT] == [False] * 3
    assert of_spy.exists()
    leave()
    result = command("check", "--fix", "--data-dir", tmp_path)
    assert result.exit_code == 0, result.output
    for path in (*LEFT, of_spy.name):
        assert f"fixed: removed {path}" in " ".join(result.output.split())
        assert not (tmp_path / path).exists()
    assert other.exists()


@posix
@pytest.mark.parametrize("kind", FEW)
def test_what_only_has_the_name_of_a_leftover_harms_nothing(
    kind: str, precious: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    store = DataStore(folder)
    store.save("QQQ", "1day", bars(), ORIGIN)
    put(folder / LEFT[0], kind, precious)
    assert command("check", "--fix", "--data-dir", folder).exit_code == 0
    store.save("QQQ", "1day", bars(2), ORIGIN)
    assert_frame_equal(store.load("QQQ"), bars(2))
    assert only_precious(precious)


# Files of a store that others have made, with a seal that is right


def seal(content: bytes) -> bytes:
    """Give a file the digest that belongs to it."""
    mark = b"wfo:seal:"
    head, found, tail = content.rpartition(mark)
    assert found
    open_ = head + mark + b"0" * 64 + tail[64:]
    return head + mark + hashlib.sha256(open_).hexdigest().encode() + tail[64:]


def stored_file(frame: pl.DataFrame, **other: object) -> bytes:
    """Return a file of bars as the store writes them, with other meta data."""
    meta = {
        **json.loads(
            BarsMeta(
                symbol="QQQ",
                timeframe="1day",
                rows=frame.height,
                first="2010-01-04",
                last="2010-02-26",
                fingerprint=fingerprint(bars()),
                imported_at="2026-01-01T00:00:00Z",
                origin=ORIGIN,
            ).to_json()
        ),
        **other,
    }
    return sealed(frame, json.dumps(meta))


def _cells(name: str, values: list[Any], dtype: Any = None) -> bytes:
    return stored_file(bars().with_columns(pl.Series(name, values, dtype=dtype)))


def _broken_page() -> bytes:
    """Return a file whose values are no such thing: without a check Polars panics."""
    content = bytearray(stored_file(bars()))
    chunk = parquet_inputs.chunks_of(parquet_inputs.footer_of(bytes(content)))[1]
    for _, after, end in parquet_inputs.pages_of(bytes(content), chunk):
        content[after:end] = bytes(end - after)
    return seal(bytes(content))


def _footer(change: Callable[[list[parquet_inputs.Field]], None]) -> bytes:
    content = stored_file(bars())
    footer = parquet_inputs.footer_of(content)
    change(footer)
    return seal(parquet_inputs.joined(parquet_inputs.body_of(content), footer))


def _many_rows(footer: list[parquet_inputs.Field]) -> None:
    for field in (*footer, *parquet_inputs.get(footer, 4)[0].value):
        if field.number == 3 and isinstance(field.value, int):
            field.value = 10**12


HOSTILE: dict[str, Callable[[], bytes]] = {
    "dates far out": lambda: _cells("date", [2**31 - 41 + i for i in range(40)], pl.Int32),
    "dates of no year": lambda: stored_file(
        bars().with_columns(
            pl.Series("date", range(2**31 - 41, 2**31 - 1), dtype=pl.Int32).cast(pl.Date)
        )
    ),
    "stamps far out": lambda: stored_file(
        bars()
        .with_columns(
            datetime=pl.Series(range(2**63 - 41, 2**63 - 1), dtype=pl.Int64)
            .cast(pl.Datetime("ms"))
            .dt.replace_time_zone("UTC")
        )
        .drop("date"),
        timeframe="1hour",
    ),
    "prices that are lists": lambda: _cells("close", [[1.0]] * 40),
    "prices that are texts": lambda: _cells("close", ["1"] * 40),
    "prices that are durations": lambda: _cells("close", [dt.timedelta(1)] * 40),
    "prices that are missing": lambda: _cells("close", [None] * 40, pl.Float64),
    "no prices": lambda: stored_file(bars().drop("close")),
    "other prices": lambda: _cells("close", [1.0] * 40),
    "a broken page": _broken_page,
    "more rows than are there": lambda: _footer(_many_rows),
    "meta data of no end": lambda: sealed(bars(), "[" * 500_000),
    "meta data of many digits": lambda: sealed(bars(), '{"rows": ' + "9" * 5000 + "}"),
    "meta data that is a list": lambda: sealed(bars(), "[]"),
    "meta data without a rows": lambda: stored_file(bars(), rows=None),
    "meta data of another symbol": lambda: stored_file(bars(), symbol="../../SPY"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_stored_file_of_others_is_refused_in_one_line_and_replaced(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    store = DataStore(folder)
    content = HOSTILE[kind]()
    (folder / "QQQ_1day.parquet").write_bytes(content)
    with pytest.raises(DataError) as caught:
        store.load("QQQ")
    assert "QQQ_1day.parquet" in one_line(caught.value)
    result = command("check", "--data-dir", folder)
    assert isinstance(result.exception, DataError), result.exception
    source = csv_of(tmp_path, bars(2))
    how = ("--symbol", "QQQ", "--calendar", "none", "--data-dir", folder)
    result = command("import", source, *how)
    assert result.exit_code == 0, result.exception
    assert_frame_equal(store.load("QQQ"), bars(2))
    aside = [p for p in folder.iterdir() if ".corrupt-" in p.name]
    assert [p.read_bytes() for p in aside] == [content]
    assert "panicked" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "beside",
    [
        *(b"", b"{", b"[]", b"\xff", b"null", b'"' * 9, b"[" * 1_000_000),
        b'{"rows": ' + b"9" * 5000 + b"}",
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
    ids=range(9),
)
def test_bars_of_an_earlier_version_with_a_broken_meta_file_are_replaced(
    beside: bytes, tmp_path: Path
) -> None:
    store = DataStore(tmp_path / "store")
    saved = store.save("QQQ", "1day", bars(), ORIGIN)
    bars().write_parquet(saved.bars_path)
    saved.meta_path.write_bytes(beside)
    with pytest.raises(DataError) as caught:
        store.load("QQQ")
    one_line(caught.value)
    again = import_bars(csv_of(tmp_path, bars(2)), "QQQ", store=store, calendar="none")
    assert again.set_aside is not None
    assert_frame_equal(store.load("QQQ"), bars(2))
    kept = [p.read_bytes() for p in again.bars_path.parent.iterdir() if "json.corrupt" in p.name]
    assert kept == [beside]


def test_a_meta_file_without_end_is_not_read(tmp_path: Path) -> None:
    store = DataStore(tmp_path / "store")
    saved = store.save("QQQ", "1day", bars(), ORIGIN)
    bars().write_parquet(saved.bars_path)
    with saved.meta_path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match="bytes"):
        store.load("QQQ")
    os.truncate(saved.bars_path, 1 << 40)
    with pytest.raises(DataError, match=r"bytes|no file of stored bars"):
        store.meta("QQQ")
    with pytest.raises(DataError, match="bytes"):
        store.load("QQQ")


# What is no file of bars


@posix
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pipe", "is a named pipe, and no file: save what it gives into a file first"),
        ("socket", "is a socket"),
        ("folder", "is a folder: name one file of bars in it"),
        ("/dev/zero", "is a device"),
        ("/dev/null", "is a device"),
        ("-", "standard input is not read: save it into a file"),
        ("missing.csv", "there is no file"),
        ("nul\0.csv", "is no name of a file"),
        ("sparse.csv", f"bytes; {limits.TABLE_BYTES:,} are read"),
        ("sparse.parquet", f"bytes; {limits.TABLE_BYTES:,} are read"),
        ("x" * 5000, "name too long"),
        ("loop", "symbolic links"),
    ],
)
def test_what_is_no_file_is_not_imported(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    put(Path("socket"), "socket", tmp_path)
    for each in ("sparse.csv", "sparse.parquet"):
        Path(each).write_bytes(b"PAR1" if "parquet" in each else b"date,open")
        os.truncate(each, limits.TABLE_BYTES + 1)
    with pytest.raises(DataError) as caught:
        import_bars(name, "QQQ", store=tmp_path / "store")
    assert said.casefold() in one_line(caught.value).casefold()
    assert not (tmp_path / "store").exists()


@posix
def test_a_pipe_as_standard_input_is_not_waited_for(tmp_path: Path) -> None:
    args = ["import", "/dev/stdin", "--symbol", "QQQ", "--data-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "wfo", "data", *args],
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "save what it gives into a file first" in done.stderr
    assert "Traceback" not in done.stderr


ODD_NAMES = (
    b"\xff\xfe.csv",
    "é ü.csv".encode(),
    b"a\nb.csv",
    b"\x1b[2J.csv",
    b"-x.csv",
    b"~",
    b"*",
)


@posix
@pytest.mark.parametrize("raw", ODD_NAMES)
def test_files_and_folders_of_odd_names(raw: bytes, tmp_path: Path) -> None:
    name = os.fsdecode(raw)
    source = csv_of(tmp_path, bars(), name)
    folder = tmp_path / f"store {name}"
    how = ("--symbol", "QQQ", "--calendar", "none", "--data-dir", folder)
    result = command("import", source, *how)
    assert result.exit_code == 0, result.exception
    found = DataStore(folder).read("QQQ")
    assert found.meta.origin.source == name
    assert_frame_equal(found.frame, bars())
    for task in ("list", "check"):
        assert command(task, "--data-dir", folder).exit_code == 0
    assert {p.name for p in tmp_path.iterdir()} == {name, folder.name}
