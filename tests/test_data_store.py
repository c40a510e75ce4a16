"""The store: what is saved comes back, whole or not at all."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from wfo.data import BarsMeta, BarsOrigin, DataStore, default_folder, fingerprint, import_bars
from wfo.errors import DataError, InputError

DAILY = pl.DataFrame(
    {
        "date": [dt.date(2024, 1, d) for d in (11, 12, 16)],
        "open": [100.0, 100.5, 101.25],
        "high": [101.0, 101.5, 102.0],
        "low": [99.5, 100.25, 101.0],
        "close": [100.5, 101.25, 101.5],
        "volume": [5000.0, None, 3000.0],
        "adj_close": [50.0, 51.0, 52.0],
    }
)
INTRADAY = DAILY.with_columns(
    pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("America/New_York")
).rename({"date": "datetime"})
ORIGIN = BarsOrigin(
    source="QQQ.csv", calendar="XNYS", repaired=2, notes=("a note",), warnings=("a warning",)
)


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.parametrize(("timeframe", "frame"), [("1day", DAILY), ("5min", INTRADAY)])
def test_save_and_load(timeframe: str, frame: pl.DataFrame, tmp_path: Path) -> None:
    store = DataStore(tmp_path / "new" / "folder")
    saved = store.save("QQQ", timeframe, frame, ORIGIN)
    assert saved.bars_path.name == f"QQQ_{timeframe}.parquet"
    assert saved.meta_path.name == f"QQQ_{timeframe}.meta.json"
    assert set(files(store.folder)) == {saved.bars_path.name, saved.meta_path.name}
    assert saved.replaced is None
    assert_frame_equal(store.load("QQQ", timeframe), frame, check_exact=True)
    meta = store.meta("QQQ", timeframe)
    assert meta == saved.meta
    assert meta.origin == ORIGIN
    assert meta.rows == 3
    assert meta.first.startswith("2024-01-11")
    assert meta.last.startswith("2024-01-16")
    assert meta.fingerprint == fingerprint(frame)
    written = dt.datetime.fromisoformat(meta.imported_at)
    assert abs(dt.datetime.now(dt.UTC) - written) < dt.timedelta(minutes=1)


def test_meta_file_is_flat_json(tmp_path: Path) -> None:
    saved = DataStore(tmp_path).save("QQQ", "1day", DAILY, ORIGIN)
    found = json.loads(saved.meta_path.read_text())
    assert list(found) == [
        *("symbol", "timeframe", "rows", "first", "last", "fingerprint", "imported_at"),
        *("source", "calendar", "timezone", "adjust", "repaired", "notes", "warnings"),
    ]


def test_listing(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    assert store.list() == []
    assert store.symbols == []
    for symbol, timeframe in [("SPY", "1day"), ("ES=F", "1day"), ("A_B", "1week")]:
        store.save(symbol, timeframe, DAILY, ORIGIN)
    store.save("SPY", "5min", INTRADAY, ORIGIN)
    (tmp_path / "notes.txt").write_text("not bars")
    assert store.symbols == ["A_B", "ES=F", "SPY"]
    assert store.keys() == [
        ("A_B", "1week"),
        ("ES=F", "1day"),
        ("SPY", "5min"),
        ("SPY", "1day"),
    ]
    assert [m.symbol for m in store.list()] == ["A_B", "ES=F", "SPY", "SPY"]


def test_replacing_tells_what_was_there(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    first = store.save("QQQ", "1day", DAILY[:2], ORIGIN)
    second = store.save("QQQ", "1day", DAILY, ORIGIN)
    assert second.replaced == first.meta
    assert store.load("QQQ").height == 3


def test_broken_files_can_be_replaced(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    saved = store.save("QQQ", "1day", DAILY, ORIGIN)
    saved.meta_path.write_text("{")
    with pytest.raises(DataError, match=r"QQQ_1day\.meta\.json is not valid JSON"):
        store.load("QQQ")
    assert store.save("QQQ", "1day", DAILY, ORIGIN).replaced is None
    assert store.load("QQQ").height == 3


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("had_bars", [True, False])
def test_failure_to_replace_leaves_the_old_pair(
    failing: int, had_bars: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DataStore(tmp_path)
    if had_bars:
        store.save("QQQ", "1day", DAILY[:2], ORIGIN)
    before = files(tmp_path)
    calls = 0
    replace = os.replace

    def fail(source: str, target: str) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(DataError, match=r"cannot write QQQ_1day.*No space left.*--data-dir"):
        store.save("QQQ", "1day", DAILY, ORIGIN)
    assert calls >= failing
    assert files(tmp_path) == before
    if had_bars:
        assert store.load("QQQ").height == 2


def test_failure_to_write_leaves_the_old_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DataStore(tmp_path)
    store.save("QQQ", "1day", DAILY[:2], ORIGIN)
    before = files(tmp_path)

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match="Input/output error"):
        store.save("QQQ", "1day", DAILY, ORIGIN)
    assert files(tmp_path) == before


def test_pair_of_different_imports_is_refused(tmp_path: Path) -> None:
    # What a crash between the two replacements would leave.
    store = DataStore(tmp_path)
    old = store.save("QQQ", "1day", DAILY[:2], ORIGIN)
    old_meta = old.meta_path.read_bytes()
    new = store.save("QQQ", "1day", DAILY, ORIGIN)
    new.meta_path.write_bytes(old_meta)
    with pytest.raises(DataError) as caught:
        store.load("QQQ")
    message = str(caught.value)
    assert "QQQ_1day.parquet" in message
    assert new.meta.fingerprint[:8] in message
    assert old.meta.fingerprint[:8] in message
    assert "import the bars again" in message


@pytest.mark.parametrize("ending", [".parquet", ".meta.json"])
def test_half_a_pair_is_refused(ending: str, tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    store.save("QQQ", "1day", DAILY, ORIGIN)
    (tmp_path / f"QQQ_1day{ending}").unlink()
    with pytest.raises(DataError, match=f"QQQ_1day{ending} is missing: import the bars again"):
        store.load("QQQ")


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    saved = store.save("QQQ", "1day", DAILY, ORIGIN)
    saved.bars_path.write_bytes(saved.bars_path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"QQQ_1day\.parquet is no file of stored bars"):
        store.load("QQQ")


def test_renamed_files_are_refused(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    saved = store.save("QQQ", "1day", DAILY, ORIGIN)
    saved.bars_path.rename(tmp_path / "SPY_1day.parquet")
    saved.meta_path.rename(tmp_path / "SPY_1day.meta.json")
    with pytest.raises(DataError, match="is about QQQ 1day"):
        store.load("SPY")


@pytest.mark.parametrize(
    ("key", "value"),
    [("rows", "3"), ("rows", -1), ("notes", "x"), ("adjust", "maybe"), ("fingerprint", None)],
)
def test_meta_with_a_wrong_value(key: str, value: object, tmp_path: Path) -> None:
    saved = DataStore(tmp_path).save("QQQ", "1day", DAILY, ORIGIN)
    found = json.loads(saved.meta_path.read_text())
    with pytest.raises(DataError, match=f"x.json: '{key}' is {value!r}"):
        BarsMeta.from_json(json.dumps({**found, key: value}), "x.json")
    del found[key]
    with pytest.raises(DataError, match=f"x.json: '{key}' is missing"):
        BarsMeta.from_json(json.dumps(found), "x.json")


def test_unknown_symbol(tmp_path: Path) -> None:
    store = DataStore(tmp_path / "none")
    with pytest.raises(DataError, match=r"which does not exist; to add them: wfo data import"):
        store.load("QQQ")
    store.save("QQQ", "1day", DAILY, ORIGIN)
    with pytest.raises(DataError, match=r"'QQX'.*did you mean 'QQQ'\?.*import FILE --symbol QQX"):
        store.load("QQX")
    with pytest.raises(DataError, match="did you mean 'QQQ'"):
        store.load("qqq")
    with pytest.raises(DataError, match=r"stored at 1day.*--symbol QQQ --timeframe 5min"):
        store.load("QQQ", "5min")
    with pytest.raises(InputError, match="unknown timeframe '1d'; did you mean '1day'"):
        store.load("QQQ", "1d")


@pytest.mark.parametrize(
    "symbol", ["", "../QQQ", "a/b", "a\\b", ".hidden", "^GSPC", "A B", "Ä", "Q\n"]
)
def test_symbol_that_cannot_be_a_file_name(symbol: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be stored: it must begin with"):
        DataStore(tmp_path / "s").save(symbol, "1day", DAILY, ORIGIN)
    assert not (tmp_path / "s").exists()


def test_symbols_that_differ_in_case(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    store.save("QQQ", "1day", DAILY, ORIGIN)
    with pytest.raises(DataError, match="'QQQ', which differs from 'qqq' only in case"):
        store.save("qqq", "1day", DAILY, ORIGIN)


def test_broken_bars_are_not_stored(tmp_path: Path) -> None:
    store = DataStore(tmp_path / "s")
    with pytest.raises(DataError, match=r"QQQ 1day: row 2: .* must ascend"):
        store.save("QQQ", "1day", DAILY.reverse(), ORIGIN)
    with pytest.raises(DataError, match="no bars of QQQ"):
        store.save("QQQ", "1day", DAILY[:0], ORIGIN)
    assert not store.folder.exists()


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write QQQ_1day\.parquet to the folder .*file"):
        DataStore(tmp_path / "file").save("QQQ", "1day", DAILY, ORIGIN)


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="the superuser may write to any folder"
)
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match="Permission denied"):
            DataStore(tmp_path).save("QQQ", "1day", DAILY, ORIGIN)
    finally:
        tmp_path.chmod(0o700)


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)
    assert default_folder() == Path("data")
    monkeypatch.setenv("WFO_DATA_DIR", str(tmp_path))
    assert DataStore().folder == tmp_path


def test_import_keeps_the_file_name_only(tmp_path: Path) -> None:
    source = tmp_path / "download" / "bars.csv"
    source.parent.mkdir()
    source.write_text("date,open,high,low,close\n2024-01-11,1,1,1,1\n2024-01-12,1,1,1,1\n")
    saved = import_bars(source, "QQQ", store=tmp_path / "store")
    assert saved.meta.origin.source == "bars.csv"
    assert str(tmp_path) not in saved.meta_path.read_text()
    assert saved.meta.origin.calendar == "XNYS"


# The fingerprint


def test_fingerprint_is_the_hash_that_is_documented() -> None:
    days = [(d - dt.date(1970, 1, 1)).days for d in DAILY["date"]]
    content = struct.pack("<3i", *days)
    for name in ("open", "high", "low", "close"):
        content += struct.pack("<3d", *DAILY[name])
    assert fingerprint(DAILY) == hashlib.sha256(content).hexdigest()

    micros = [round(t.timestamp()) * 1_000_000 for t in INTRADAY["datetime"]]
    content = struct.pack("<3q", *micros)
    for name in ("open", "high", "low", "close"):
        content += struct.pack("<3d", *INTRADAY[name])
    assert fingerprint(INTRADAY) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("compression", ["zstd", "snappy", "uncompressed"])
@pytest.mark.parametrize("row_group_size", [1, 2, None])
def test_fingerprint_does_not_depend_on_encoding(
    compression: Any, row_group_size: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "x.parquet"
    INTRADAY.write_parquet(path, compression=compression, row_group_size=row_group_size)
    assert fingerprint(pl.read_parquet(path)) == fingerprint(INTRADAY)


def test_fingerprint_does_not_depend_on_other_columns_or_zone() -> None:
    alone = fingerprint(DAILY)
    assert fingerprint(DAILY.drop("volume", "adj_close")) == alone
    assert fingerprint(DAILY.with_columns(pl.lit("x").alias("note"))) == alone
    assert fingerprint(DAILY.select(reversed(DAILY.columns))) == alone
    tokyo = INTRADAY.with_columns(pl.col("datetime").dt.convert_time_zone("Asia/Tokyo"))
    assert fingerprint(tokyo) == fingerprint(INTRADAY)
    fine = INTRADAY.with_columns(pl.col("datetime").cast(pl.Datetime("ns", "America/New_York")))
    assert fingerprint(fine) == fingerprint(INTRADAY)


@given(
    row=st.integers(0, 2),
    column=st.sampled_from(["date", "open", "high", "low", "close"]),
    ulp=st.booleans(),
)
def test_fingerprint_depends_on_every_cell(row: int, column: str, ulp: bool) -> None:
    cells = DAILY[column].to_list()
    if column == "date":
        cells[row] += dt.timedelta(days=1)
    else:
        cells[row] = float.fromhex("0x1.0000000000001p0") * cells[row] if ulp else cells[row] + 1
    assert cells != DAILY[column].to_list()
    assert fingerprint(DAILY.with_columns(pl.Series(column, cells))) != fingerprint(DAILY)


def test_fingerprint_depends_on_the_order_of_columns_values() -> None:
    swapped = DAILY.rename({"open": "close", "close": "open"})
    assert fingerprint(swapped) != fingerprint(DAILY)
    with pytest.raises(DataError, match="'open' has empty cells"):
        fingerprint(DAILY.with_columns(open=pl.Series([1.0, None, 1.0])))


def test_import_is_light() -> None:
    code = (
        "import sys, wfo.data, wfo.data.store, wfo.data.reading, wfo.cli.data; "
        "print(sorted({'polars', 'pandas', 'numpy', 'exchange_calendars'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_can_be_used() -> None:
    import wfo.data

    for name in wfo.data.__all__:
        assert getattr(wfo.data, name) is not None
    assert set(wfo.data.__all__) <= set(dir(wfo.data))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        wfo.data.nothing  # noqa: B018 (the access is the test)
