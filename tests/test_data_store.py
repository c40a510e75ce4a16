"""The store: what is saved comes back, whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import errno
import hashlib
import itertools
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from killed_writers import NEW, OLD, replace, stored
from polars.testing import assert_frame_equal

from wfo.data import (
    BarsMeta,
    BarsOrigin,
    CorruptError,
    Coverage,
    DataStore,
    DateInterval,
    SavedBars,
    default_folder,
    fingerprint,
    import_bars,
    sample_store,
)
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


def old_pair(store: DataStore, symbol: str = "QQQ", frame: pl.DataFrame = DAILY) -> SavedBars:
    """Save daily bars as earlier versions did: nothing in the Parquet file but the bars."""
    saved = store.save(symbol, "1day", frame, ORIGIN)
    frame.write_parquet(saved.bars_path, compression="zstd")
    found = json.loads(saved.meta_path.read_text())
    for key in ("series", "fetched_from", "coverage"):
        del found[key]
    saved.meta_path.write_text(json.dumps(found, indent=2))
    return saved


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


def test_meta_file_is_json_for_people(tmp_path: Path) -> None:
    saved = DataStore(tmp_path).save("QQQ", "1day", DAILY, ORIGIN)
    found = json.loads(saved.meta_path.read_text())
    assert list(found) == [
        *("symbol", "timeframe", "rows", "first", "last", "fingerprint", "imported_at"),
        *("series", "source", "calendar", "timezone", "adjust", "repaired", "notes", "warnings"),
        *("fetched_from", "coverage"),
    ]
    (answered,) = found["coverage"]["answered"]
    assert answered[:3] == ["2024-01-11", "2024-01-16", "QQQ.csv"]
    assert answered[3] <= found["imported_at"]  # a second may end in between
    assert found["coverage"]["empty"] == []


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
    saved = old_pair(store)
    saved.meta_path.write_text("{")
    before = files(tmp_path)
    with pytest.raises(DataError, match=r"QQQ_1day\.meta\.json is not valid JSON"):
        store.load("QQQ")
    again = store.save("QQQ", "1day", DAILY, ORIGIN)
    assert again.replaced is None
    assert store.load("QQQ").height == 3
    # Neither of the two is lost.
    assert again.set_aside is not None
    stamp = again.set_aside.name.removeprefix("QQQ_1day.parquet.corrupt-")
    assert dt.datetime.strptime(stamp, "%Y%m%dT%H%M%S%z").tzinfo is dt.UTC
    assert again.set_aside.read_bytes() == before["QQQ_1day.parquet"]
    beside = tmp_path / f"QQQ_1day.meta.json.corrupt-{stamp}"
    assert beside.read_bytes() == before["QQQ_1day.meta.json"]
    assert store.keys() == [("QQQ", "1day")]


@pytest.mark.parametrize("change", ["missing", "edited", "broken", "folder"])
def test_the_meta_file_beside_the_bars_is_a_copy(change: str, tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    saved = store.save("QQQ", "1day", DAILY, ORIGIN)
    if change == "missing":
        saved.meta_path.unlink()
    elif change == "edited":
        found = json.loads(saved.meta_path.read_text())
        saved.meta_path.write_text(json.dumps({**found, "rows": 7, "source": "else.csv"}))
    elif change == "folder":
        saved.meta_path.unlink()
        saved.meta_path.mkdir()
    else:
        saved.meta_path.write_bytes(b"\xff{")
    assert store.meta("QQQ") == saved.meta
    assert_frame_equal(store.load("QQQ"), DAILY, check_exact=True)
    again = store.save("QQQ", "1day", DAILY, ORIGIN)
    assert (again.replaced, again.set_aside) == (saved.meta, None)
    if change != "folder":
        assert BarsMeta.from_json(saved.meta_path.read_text(), "x") == again.meta
    with store.hold("QQQ") as held:
        fresh = held.write(DAILY, ORIGIN, again.meta.coverage, set_aside=True)
    assert fresh.set_aside is not None


@pytest.mark.parametrize("had_bars", ["none", "whole", "broken"])
def test_failure_to_replace_leaves_the_old_pair(
    had_bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DataStore(tmp_path)
    if had_bars != "none":
        saved = store.save("QQQ", "1day", DAILY[:2], ORIGIN)
        if had_bars == "broken":
            saved.bars_path.write_bytes(b"PAR1")
    before = files(tmp_path)
    calls = []

    def fail(source: Path, target: Path) -> None:
        calls.append(target.name)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(DataError, match=r"cannot write QQQ_1day.*No space left.*--data-dir"):
        store.save("QQQ", "1day", DAILY, ORIGIN)
    assert calls == ["QQQ_1day.parquet"]
    assert files(tmp_path) == before
    if had_bars == "whole":
        assert store.load("QQQ").height == 2


def test_the_bars_are_saved_once_their_own_file_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DataStore(tmp_path)
    store.save("QQQ", "1day", DAILY[:2], ORIGIN)
    old = files(tmp_path)["QQQ_1day.meta.json"]
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if target.name.endswith(".meta.json"):
            raise PermissionError(13, "The file is open in another program")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    saved = store.save("QQQ", "1day", DAILY, ORIGIN)
    assert set(files(tmp_path)) == {"QQQ_1day.parquet", "QQQ_1day.meta.json"}
    assert files(tmp_path)["QQQ_1day.meta.json"] == old
    assert store.meta("QQQ") == saved.meta
    assert store.load("QQQ").height == 3
    monkeypatch.undo()
    store.save("QQQ", "1day", DAILY, ORIGIN)
    assert files(tmp_path)["QQQ_1day.meta.json"] != old


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


def test_old_pair_of_different_imports_is_refused(tmp_path: Path) -> None:
    # What a crash of an earlier version between the two replacements left.
    store = DataStore(tmp_path)
    old = old_pair(store, frame=DAILY[:2])
    old_meta = old.meta_path.read_bytes()
    new = old_pair(store)
    new.meta_path.write_bytes(old_meta)
    with pytest.raises(DataError) as caught:
        store.load("QQQ")
    message = str(caught.value)
    assert "QQQ_1day.parquet" in message
    assert new.meta.fingerprint[:8] in message
    assert old.meta.fingerprint[:8] in message
    assert "import the bars again" in message


@pytest.mark.parametrize("ending", [".parquet", ".meta.json"])
def test_half_an_old_pair_is_refused(ending: str, tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    old_pair(store)
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
    with pytest.raises(
        DataError, match=f"x.json: {key} = {value or 'null'!r}.* must be".replace("'null'", "null")
    ):
        BarsMeta.from_json(json.dumps({**found, key: value}), "x.json")
    del found[key]
    with pytest.raises(DataError, match=f"x.json: it lacks '{key}'"):
        BarsMeta.from_json(json.dumps(found), "x.json")


def test_unknown_symbol(tmp_path: Path) -> None:
    store = DataStore(tmp_path / "none")
    with pytest.raises(
        DataError, match=r"which does not exist; to add them: wfo data download QQQ, or wfo"
    ):
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


@pytest.mark.parametrize("symbol", ["", " QQQ", "QQQ ", "\u00c4", "Q\n", "Q\x7f", "Q" * 65])
def test_symbol_that_cannot_be_stored(symbol: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be stored: it must be 1 to 64 printable ASCII"):
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


def test_folder_that_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As below a folder of somebody else: until Python 3.14, `exists` raises there too.
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    with (
        pytest.raises(DataError, match="cannot write QQQ_1day"),
        DataStore(tmp_path / "closed").hold("QQQ"),
    ):
        pass


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


# Symbols as users know them, and other series


FUNDING = pl.DataFrame(
    {
        "datetime": [dt.datetime(2024, 1, 1, h, tzinfo=dt.UTC) for h in (0, 8, 16)],
        "funding_rate": [0.0001, -0.0002, 0.0],
    }
)
ASKED = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
FETCHED = BarsOrigin("Binance", calendar="24/7", adjust="raw", fetched_from="binance")


def covered(*, empty: bool = False) -> Coverage:
    days = DateInterval(dt.date(2024, 1, 1), dt.date(2024, 1, 31))
    return Coverage().answer(days, source="binance", asked_at=ASKED, empty=[days] if empty else [])


def test_symbols_have_files_of_their_own(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    symbols = ["^GSPC", "@ES", "BTC/USDT", "BTC%2FUSDT", "../QQQ", "A B", "CON", "BRK.", "QQQ"]
    for k, symbol in enumerate(symbols):
        saved = store.save(symbol, "1day", DAILY.with_columns(adj_close=float(k)), ORIGIN)
        assert saved.bars_path.parent == tmp_path
    assert store.symbols == sorted(symbols)
    for k, symbol in enumerate(symbols):
        assert store.load(symbol)["adj_close"].to_list() == [float(k)] * 3
        assert store.meta(symbol).symbol == symbol
    assert {p.name for p in tmp_path.glob("*.parquet")} >= {
        "%5EGSPC_1day.parquet",
        "%40ES_1day.parquet",
        "BTC%2FUSDT_1day.parquet",
        "BTC%252FUSDT_1day.parquet",
    }
    with pytest.raises(
        DataError, match="wfo data download 'Q Q', or wfo data import FILE --symbol 'Q Q'"
    ):
        store.load("Q Q")


def test_bars_that_an_earlier_version_named_after_a_device(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    old_pair(store, "CON")
    for path in tmp_path.glob("%43ON*"):
        path.rename(tmp_path / path.name.replace("%43ON", "CON"))
    assert store.keys() == [("CON", "1day")]
    assert store.load("CON").height == 3
    store.save("CON", "1day", DAILY[:2], ORIGIN)
    assert set(files(tmp_path)) == {"%43ON_1day.parquet", "%43ON_1day.meta.json"}
    assert store.load("CON").height == 2


def test_series_lie_beside_each_other(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    store.save("BTC/USDT", "1day", DAILY, ORIGIN)
    mark = INTRADAY.drop("volume", "adj_close")
    with store.hold("BTC/USDT", "1hour", "mark") as held:
        assert held.read() is None
        held.write(mark, FETCHED, covered())
    with store.hold("BTC/USDT", series="funding") as held:
        held.write(FUNDING, FETCHED, covered())
    assert set(files(tmp_path)) == {
        f"BTC%2FUSDT_{name}{ending}"
        for name in ("1day", "mark-1hour", "funding")
        for ending in (".parquet", ".meta.json")
    }
    assert store.keys() == [("BTC/USDT", "1day")]
    assert store.keys("mark") == [("BTC/USDT", "1hour")]
    assert store.keys("funding") == [("BTC/USDT", "1hour")]
    assert [m.series for m in store.list("funding")] == ["funding"]
    assert_frame_equal(store.load("BTC/USDT"), DAILY)
    assert_frame_equal(store.load("BTC/USDT", "1hour", series="mark"), mark)
    for timeframe in ("1day", "1min"):  # it means nothing
        assert_frame_equal(store.load("BTC/USDT", timeframe, series="funding"), FUNDING)
    meta = store.meta("BTC/USDT", series="funding")
    micros = [round(t.timestamp()) * 1_000_000 for t in FUNDING["datetime"]]
    content = struct.pack("<3q", *micros) + struct.pack("<3d", *FUNDING["funding_rate"])
    assert meta.fingerprint == hashlib.sha256(content).hexdigest()
    assert (meta.coverage, meta.origin, meta.rows) == (covered(), FETCHED, 3)
    with pytest.raises(DataError, match=r"no 5min mark prices of 'BTC/USDT'.*stored at 1hour"):
        store.load("BTC/USDT", "5min", series="mark")
    with pytest.raises(InputError, match="unknown series 'marks'; did you mean 'mark'"):
        store.keys("marks")


def test_the_sample_is_bars_alone_and_never_held(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    with pytest.raises(DataError, match="no 1day mark prices of 'NASDAQ'"):
        store.load("NASDAQ", series="mark")
    with store.hold("NASDAQ") as held:
        assert held.read() is None
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"funding_rate": [0.1, None, 0.1]}, "'funding_rate' has empty cells"),
        ({"funding_rate": [0.1, float("nan"), 0.1]}, "no fraction of a position"),
        ({"funding_rate": [0.1, 5.0, 0.1]}, "no fraction of a position"),
        ({"funding_rate": ["1", "2", "3"]}, "must be numeric"),
        ({"datetime": [dt.date(2024, 1, d) for d in (1, 2, 3)]}, "Datetime with a time zone"),
        ({"datetime": FUNDING["datetime"].reverse()}, "does not come after"),
        ({"datetime": FUNDING["datetime"].gather([0, 0, 1])}, "does not come after"),
    ],
)
def test_funding_rates_are_checked(change: dict[str, Any], part: str, tmp_path: Path) -> None:
    broken = FUNDING.with_columns(**{k: pl.Series(v) for k, v in change.items()})
    with (
        DataStore(tmp_path).hold("BTC/USDT", series="funding") as held,
        pytest.raises(DataError, match=part),
    ):
        held.write(broken, FETCHED, covered())
    assert files(tmp_path) == {}


def test_symbols_that_differ_in_case_across_series(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    with store.hold("BTC/USDT", series="funding") as held:
        held.write(FUNDING, FETCHED, covered())
    with (
        pytest.raises(DataError, match="'BTC/USDT', which differs from 'btc/USDT' only in case"),
        store.hold("btc/USDT"),
    ):
        raise AssertionError


# Coverage


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    seal = "wfo:seal:" + "0" * 64  # what marks the digest in a file
    notes = (
        seal,
        "a lone surrogate \udc80, a line\nbreak, \u65e5\u672c",
    )
    origin = dataclasses.replace(FETCHED, notes=notes, adjust="split")
    with store.hold("QQQ") as held:
        saved = held.write(DAILY, origin, covered(), now=ASKED)
        found = held.read()
        with pytest.raises(InputError, match=r"QQQ_1day\.parquet is held already"):
            store.save("QQQ", "1day", DAILY, ORIGIN)
    assert found is not None
    assert_frame_equal(found.frame, DAILY, check_exact=True)
    assert found.meta == saved.meta == store.meta("QQQ")
    assert (found.meta.origin, found.meta.coverage) == (origin, covered())
    assert found.meta.imported_at == "2026-03-01T12:00:00Z"
    assert saved.bars_path.read_bytes().count(b"wfo:seal:") == 1
    assert BarsMeta.from_json(saved.meta_path.read_text("utf-8"), "x") == saved.meta
    with pytest.raises(InputError, match="no longer held"):
        held.write(DAILY, origin, covered())


def test_answers_without_a_bar_are_kept(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    for series, frame in (("bars", DAILY), ("funding", FUNDING)):
        with store.hold("QQQ", series=series) as held:
            held.write(frame[:0], FETCHED, covered(empty=True))
        found = store.read("QQQ", series=series)
        assert (found.frame.height, found.frame.columns) == (0, frame.columns)
        assert (found.meta.rows, found.meta.first, found.meta.last) == (0, "", "")
        assert found.meta.coverage == covered(empty=True)
        with pytest.raises(DataError, match="Binance has none for 2024-01-01 to 2024-01-31"):
            store.load("QQQ", series=series)
    assert store.keys() == [("QQQ", "1day")]


def test_imported_bars_cover_their_own_dates(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    tokyo = INTRADAY.with_columns(pl.col("datetime").dt.convert_time_zone("Asia/Tokyo"))
    for timeframe, frame in (("1day", DAILY), ("5min", tokyo)):
        coverage = store.save("QQQ", timeframe, frame, ORIGIN).meta.coverage
        assert coverage.span == DateInterval(dt.date(2024, 1, 11), dt.date(2024, 1, 16))
        assert [a.source for a in coverage.answered] == ["QQQ.csv"]
    assert store.meta("QQQ").origin.fetched_from is None


def test_bars_of_what_trades_seldom_can_be_fetched(tmp_path: Path) -> None:
    first = dt.datetime(2024, 1, 11, 14, 30, tzinfo=dt.UTC)
    stamps = [first + dt.timedelta(minutes=3 * k) for k in range(20)]
    prices = dict.fromkeys(("open", "high", "low", "close"), 1.0)
    seldom = pl.DataFrame({"datetime": stamps}).with_columns(
        **{k: pl.lit(v) for k, v in prices.items()}
    )
    store = DataStore(tmp_path)
    with pytest.raises(DataError, match="most bars are 3 minutes apart"):
        store.save("QQQ", "1min", seldom, ORIGIN)
    with store.hold("QQQ", "1min") as held:
        held.write(seldom, FETCHED, covered())
    assert store.load("QQQ", "1min").height == 20


# Files of earlier versions


def test_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    old = old_pair(store)
    meta = store.meta("QQQ")
    assert meta == old.meta
    assert meta.series == "bars"
    assert meta.coverage.span == DateInterval(dt.date(2024, 1, 11), dt.date(2024, 1, 16))
    with store.hold("QQQ") as held:
        found = held.read()
        assert found is not None
        assert_frame_equal(found.frame, DAILY)
        saved = held.write(DAILY, ORIGIN, found.meta.coverage)
    assert (saved.replaced, saved.set_aside) == (meta, None)
    saved.meta_path.unlink()
    assert store.load("QQQ").height == 3, "it has become a file of today"


def test_the_sample_reads_as_ever() -> None:
    meta = sample_store().meta("NASDAQ")
    assert (meta.rows, meta.origin.fetched_from, meta.series) == (5_031, None, "bars")
    assert meta.coverage.span == DateInterval(dt.date(1999, 1, 4), dt.date(2018, 12, 31))


# Damage


def test_every_changed_byte_is_seen(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    with store.hold("QQQ") as held:
        path = held.write(DAILY, FETCHED, covered()).bars_path
    whole = path.read_bytes()
    assert len(whole) > 2_000
    seen = 0
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        try:
            found = store.read("QQQ")
        except CorruptError as error:
            seen += path.name in str(error)
        else:
            # Where the digest cannot be found any more, the meta file beside is what counts.
            assert_frame_equal(found.frame, DAILY, check_exact=True)
            assert (found.meta.origin, found.meta.coverage) == (FETCHED, covered())
    assert seen > 0.95 * len(whole)


@pytest.mark.parametrize("keep", [0, 1, 4, 8, 11, 12, 100, 0.5, 0.9, -100, -8, -4, -1])
def test_a_truncated_file_is_seen(keep: float, tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    path = store.save("QQQ", "1day", DAILY, ORIGIN).bars_path
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])
    for read in (store.load, store.meta):
        with pytest.raises(CorruptError, match=r"QQQ_1day\.parquet is no file of stored bars"):
            read("QQQ")


@pytest.mark.parametrize(
    "content", [b"", b"PAR1PAR1", b"PAR1" + b"\xff" * 40 + b"\x10\0\0\0PAR1", b"date,open\n" * 9]
)
def test_what_is_no_parquet_file_is_set_aside(content: bytes, tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    path = store.save("QQQ", "1day", DAILY, ORIGIN).bars_path
    path.write_bytes(content)
    names = set(files(tmp_path))
    with store.hold("QQQ") as held:
        with pytest.raises(CorruptError, match="download them anew"):
            held.read()
        assert {n for n in files(tmp_path) if not n.endswith(".lock")} == names, "not before"
        saved = held.write(DAILY, FETCHED, covered())
    assert saved.replaced is None
    assert saved.set_aside is not None
    assert re.fullmatch(r"QQQ_1day\.parquet\.corrupt-\d{8}T\d{6}Z", saved.set_aside.name)
    assert saved.set_aside.read_bytes() == content
    assert store.load("QQQ").height == 3
    assert store.keys() == [("QQQ", "1day")]


def test_the_old_file_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    before = store.save("QQQ", "1day", DAILY, ORIGIN).bars_path.read_bytes()
    kept = []
    with store.hold("QQQ") as held:
        for _ in range(3):  # within one second too
            saved = held.write(DAILY[:2], FETCHED, covered(), set_aside=True)
            assert saved.set_aside is not None
            assert saved.set_aside.name.startswith("QQQ_1day.parquet.replaced-")
            kept.append(saved.set_aside)
    assert len(set(kept)) == 3
    assert kept[0].read_bytes() == before
    with store.hold("SPY") as held:  # nothing to keep
        assert held.write(DAILY, FETCHED, covered(), set_aside=True).set_aside is None


def test_a_failed_write_keeps_nothing_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DataStore(tmp_path)
    store.save("QQQ", "1day", DAILY, ORIGIN)
    before = files(tmp_path)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    with store.hold("QQQ") as held, pytest.raises(DataError, match="No space"):
        held.write(DAILY[:2], FETCHED, covered(), set_aside=True)
    assert files(tmp_path) == before


def test_renamed_files_are_set_aside(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    saved = store.save("QQQ", "1day", DAILY, ORIGIN)
    content = saved.bars_path.read_bytes()
    saved.bars_path.rename(tmp_path / "SPY_1day.parquet")
    with store.hold("SPY") as held:
        with pytest.raises(CorruptError, match="is about QQQ 1day"):
            held.read()
        aside = held.write(DAILY, FETCHED, covered()).set_aside
    assert aside is not None
    assert aside.read_bytes() == content


# Meta data that means harm


DEEP = "[" * 200_000 + "]" * 200_000
HOSTILE = [
    ("rows", "1" + "0" * 5000),
    ("rows", "1" + "0" * 400),
    ("rows", "NaN"),
    ("rows", "Infinity"),
    ("rows", "3.0"),
    ("rows", "true"),
    ("rows", "1e999"),
    ("repaired", "-1"),
    ("notes", DEEP),
    ("notes", "[1]"),
    ("notes", json.dumps(["x"] * 20_000)),
    ("notes", json.dumps(["x" * 200_000])),
    ("warnings", "{}"),
    ("symbol", "null"),
    ("symbol", json.dumps("Q" * 1000)),
    ("first", '"yesterday"'),
    ("first", '""'),
    ("last", '"2024-02-31"'),
    ("imported_at", '"2024-01-01T00:00:00"'),
    ("imported_at", '"99999-01-01T00:00:00Z"'),
    ("fingerprint", '"abc"'),
    ("fingerprint", json.dumps("A" * 64)),
    ("timezone", "7"),
    ("calendar", "[]"),
    ("adjust", '"maybe"'),
    ("adjust", '["none"]'),
    ("fetched_from", "{}"),
    ("series", '"spread"'),
    ("series", "null"),
    ("coverage", "null"),
    ("coverage", "[]"),
    ("coverage", '{"answered": [], "empty": 1}'),
    (
        "coverage",
        '{"answered": [["2024-01-01", "2023-01-01", "x", "2024-01-01T00:00:00Z"]], "empty": []}',
    ),
    ("coverage", f'{{"answered": {DEEP}, "empty": []}}'),
]


@pytest.mark.parametrize(("key", "value"), HOSTILE, ids=lambda v: v[:24])
def test_hostile_meta_data_is_an_error(key: str, value: str, tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    saved = old_pair(store)
    good = saved.meta.to_json()
    lines = [f'"{k}": {json.dumps(v)}' for k, v in json.loads(good).items() if k != key]
    hostile = "{" + ",".join([*lines, f'"{key}": {value}']) + "}"
    with pytest.raises(DataError) as caught:
        BarsMeta.from_json(hostile, "x.json")
    assert str(caught.value).startswith("x.json")
    assert len(str(caught.value)) < 500
    # Beside bars of an earlier version, and within a file.
    saved.meta_path.write_text(hostile)
    within = tmp_path / "SPY_1day.parquet"
    text = hostile.replace('"symbol": "QQQ"', '"symbol": "SPY"')
    DAILY.write_parquet(within, metadata={"wfo": text})
    for symbol in ("QQQ", "SPY"):
        for read in (store.meta, store.load):
            with pytest.raises(CorruptError):
                read(symbol)


def test_a_meta_file_beyond_all_size_is_not_parsed() -> None:
    with pytest.raises(DataError, match="no meta file has"):
        BarsMeta.from_json(" " * (16 * 1024 * 1024 + 1), "x.json")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(
    st.sampled_from(["rows", "first", "fingerprint", "adjust", "notes", "series", "coverage"]),
    VALUES,
)
def test_meta_data_is_read_or_refused(key: str, value: object) -> None:
    good = BarsMeta(
        *("QQQ", "1day", 3, "2024-01-11", "2024-01-16", "0" * 64, "2026-03-01T12:00:00Z"),
        origin=FETCHED,
        coverage=covered(),
    )
    found = {**json.loads(good.to_json()), key: value}
    try:
        meta = BarsMeta.from_json(json.dumps(found), "x.json")
    except DataError as error:
        said = str(error)
    else:
        said = "x.json"
        assert BarsMeta.from_json(meta.to_json(), "x.json") == meta
    assert said.startswith("x.json")


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    store.save("QQQ", "1day", DAILY, ORIGIN)
    before = files(tmp_path)
    with pytest.raises(DataError, match="calendar = "):
        store.save("QQQ", "1day", DAILY, dataclasses.replace(ORIGIN, calendar="x" * 300))
    assert files(tmp_path) == before
    with pytest.raises(InputError, match="unknown adjustment 'splits'; did you mean 'split'"):
        dataclasses.replace(ORIGIN, adjust="splits")


# Several at once, and some that are killed


WRITERS = Path(__file__).parent / "killed_writers.py"


def start(task: str, folder: Path, number: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WRITERS), task, str(folder), str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def steps(folder: Path) -> Iterator[Callable[[int], int]]:
    """Calls what replaces a store and ends before a step, and returns its exit code."""
    if not hasattr(os, "fork"):

        def alone(number: int) -> int:
            with start("step", folder, number) as writer:
                writer.communicate()
            return writer.returncode

        yield alone
        return
    with start("steps", folder) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        tell, told = writer.stdin, writer.stdout

        def next_to(number: int) -> int:
            tell.write(f"{number}\n")
            tell.flush()
            return int(told.readline())

        yield next_to
        tell.close()


def test_a_writer_killed_at_any_of_its_steps_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """Before every single thing that it does to a file, twenty or so."""
    store = DataStore(tmp_path / "store")
    left: list[int] = []
    stale = 0
    with steps(store.folder) as killed_before:
        for number in itertools.count(1):
            replace(store, OLD)
            code = killed_before(number)
            if not code:
                break
            assert code in (-9, 15)
            left.append(stored(store))
            hidden = [p for p in store.folder.iterdir() if p.name.startswith(".")]
            stale += sum(p.suffix == ".tmp" for p in hidden)
            assert store.keys() == [("QQQ", "1day")]
    assert left == sorted(left), "once the new one is there, it stays"
    assert len(left) >= 15
    assert set(left) == {OLD, NEW}
    assert stale, "temporary files were left behind"
    assert set(files(store.folder)) == {"QQQ_1day.parquet", "QQQ_1day.meta.json"}
    assert stored(store) == NEW


@pytest.mark.parametrize("first", [1, 2])
def test_a_writer_killed_while_it_sets_a_file_aside_loses_none(first: int, tmp_path: Path) -> None:
    store = DataStore(tmp_path / "store")
    path = store.folder / "QQQ_1day.parquet"
    left = []
    with steps(store.folder) as killed_before:
        for number in itertools.count(first, 2):
            store.folder.mkdir()
            path.write_bytes(b"broken")
            code = killed_before(number)
            assert b"broken" in files(store.folder).values()
            if path.read_bytes() == b"broken":
                left.append(OLD)
                assert store.keys() == [("QQQ", "1day")]
            else:
                left.append(stored(store))
            if not code:
                break
            assert code in (-9, 15)
            shutil.rmtree(store.folder)
    assert left == sorted(left)
    assert set(left) == {OLD, NEW}


@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=pytest.mark.slow)])
def test_a_writer_killed_at_random_leaves_the_old_or_the_new(kills: int, tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    chance = random.Random(15)
    for _ in range(kills):
        with start("loop", tmp_path) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randint(1, 25)):
                assert writer.stdout.readline()
            for _ in range(chance.randint(0, 3)):
                assert stored(store) in (OLD, NEW)
            writer.kill()
        assert stored(store) in (OLD, NEW)
    replace(store, OLD)
    assert stored(store) == OLD
    assert set(files(tmp_path)) == {"QQQ_1day.parquet", "QQQ_1day.meta.json"}


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    with start("holding", tmp_path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "None\n"
        assert [p.name for p in tmp_path.iterdir()] == [".qqq_1day.lock"]
        assert store.keys() == []
        # The lock is of one file.
        with store.hold("QQQ", "5min", waiting=lambda: pytest.fail("nothing holds it")):
            pass
        waits = []

        def waiting() -> None:
            waits.append(1)
            holder.kill()

        with store.hold("QQQ", waiting=waiting) as held:
            held.write(DAILY, FETCHED, covered())
    assert waits == [1]
    assert set(files(tmp_path)) == {"QQQ_1day.parquet", "QQQ_1day.meta.json"}


def test_threads_wait_for_each_other_too(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    order: list[str] = []

    def other() -> None:
        with store.hold("QQQ", waiting=lambda: order.append("waits")) as held:
            found = held.read()
            order.append(f"reads {None if found is None else found.meta.rows}")

    thread = threading.Thread(target=other)
    with store.hold("QQQ") as held:
        thread.start()
        while "waits" not in order:
            thread.join(0.001)
        held.write(DAILY, FETCHED, covered())
        order.append("wrote")
    thread.join()
    assert order == ["waits", "wrote", "reads 3"]


def test_a_folder_that_its_maker_took_away_is_made_again(tmp_path: Path) -> None:
    store = DataStore(tmp_path / "s")
    waits: list[int] = []

    def other() -> None:
        with store.hold("QQQ", waiting=lambda: waits.append(1)) as held:
            held.write(DAILY, FETCHED, covered())

    thread = threading.Thread(target=other)
    with store.hold("QQQ"):
        thread.start()
        while not waits:
            thread.join(0.001)
    thread.join()
    assert waits == [1]
    assert store.load("QQQ").height == 3


def test_two_processes_lose_none_of_their_writes(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    each = 8
    with start("count", tmp_path, each) as one, start("count", tmp_path, each) as two:
        seen = [0]
        while one.poll() is None or two.poll() is None:
            if store.keys():
                seen.append(stored(store))
        assert (one.returncode, two.returncode) == (0, 0)
    assert seen == sorted(seen), "a reader never sees an older one again"
    assert stored(store) == 2 * each
    assert set(files(tmp_path)) == {"QQQ_1day.parquet", "QQQ_1day.meta.json"}


def test_reading_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store on a share that can only be read is read."""
    store = DataStore(tmp_path)
    store.save("QQQ", "1day", DAILY, ORIGIN)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(30, "Read-only file system")

    for name in ("replace", "link", "mkdir", "unlink", "rename"):
        monkeypatch.setattr(os, name, refuse)
    for name in ("mkdir", "unlink", "touch"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr("wfo.data.store.locked", refuse)
    assert store.load("QQQ").height == store.meta("QQQ").rows == 3
    assert store.read("NASDAQ").meta == store.meta("NASDAQ")
    assert len(store.list()) == 1
    with (
        pytest.raises(DataError, match=r"cannot write QQQ_1day.*Read-only file system.*--data-dir"),
        store.hold("QQQ"),
    ):
        raise AssertionError
    monkeypatch.undo()
    assert set(files(tmp_path)) == {"QQQ_1day.parquet", "QQQ_1day.meta.json"}


def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wfo.data.store.locked", lambda *_, **__: None)
    monkeypatch.setattr(sys, "platform", "linux")
    with (
        pytest.raises(DataError, match="the file system has no locks; choose another folder"),
        DataStore(tmp_path / "s").hold("QQQ"),
    ):
        raise AssertionError


def test_a_folder_is_not_left_behind_by_a_block_that_wrote_nothing(tmp_path: Path) -> None:
    store = DataStore(tmp_path / "s")
    with store.hold("QQQ") as held:
        assert held.read() is None
        assert store.folder.is_dir()
    assert not store.folder.exists()


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
        "import sys, wfo.data, wfo.data.store, wfo.data.importing.reading, wfo.cli.data; "
        "print(sorted({'polars', 'pandas', 'numpy', 'exchange_calendars'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_bars_that_trade_around_the_clock_need_no_library_of_calendars(tmp_path: Path) -> None:
    """It takes half a second and 80 MB to load."""
    file = tmp_path / "bars.csv"
    rows = [f"2024-01-0{day},1,1,1,1" for day in range(1, 6)]
    file.write_text("\n".join(["date,open,high,low,close", *rows]))
    code = (
        "import sys, wfo.data; wfo.data.import_bars(sys.argv[1], 'X', calendar='24/7',"
        " store=sys.argv[2]); print(sorted({'pandas', 'exchange_calendars'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(file), str(tmp_path / "data")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_public_name_can_be_used() -> None:
    import wfo.data

    for name in wfo.data.__all__:
        assert getattr(wfo.data, name) is not None
    assert set(wfo.data.__all__) <= set(dir(wfo.data))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        wfo.data.nothing  # noqa: B018 (the access is the test)
