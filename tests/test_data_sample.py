"""The sample that ships, and real bars where a machine has them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from wfo.data import (
    BarsOrigin,
    DataStore,
    ImportedBars,
    fingerprint,
    load_sample,
    read_bars,
    sample_names,
    sample_store,
)
from wfo.data.sample_build import MODULES, bars_from_arch
from wfo.errors import DataError

REAL = Path(__file__).parents[2] / "shared" / "data"
real = pytest.mark.skipif(not REAL.is_dir(), reason="no real bars beside the repository")


def test_names() -> None:
    assert sample_names() == ["NASDAQ", "SP500"]
    with pytest.raises(DataError, match="did you mean 'NASDAQ'"):
        load_sample("NASDAC")
    # It is not in the store, and no import would put it there.
    with pytest.raises(DataError, match=r"^there is no sample 'DAX'; known: NASDAQ, SP500$"):
        load_sample("DAX")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("NASDAQ", (2207.54003906, 2233.57006836, 2192.67993164, 2208.05004883), 6635.27978516),
        ("SP500", (1229.22998047, 1248.81005859, 1219.09997559, 1228.09997559), 2506.85009766),
    ],
)
def test_sample(name: str, first: tuple[float, ...], last: float) -> None:
    bars = load_sample(name)
    assert bars.height == 5_031
    assert bars.columns == ["date", "open", "high", "low", "close", "volume"]
    assert bars["date"][0] == dt.date(1999, 1, 4)
    assert bars["date"][-1] == dt.date(2018, 12, 31)
    assert bars.row(0)[1:5] == pytest.approx(first, rel=1e-6)
    assert bars["close"][-1] == pytest.approx(last, rel=1e-6)
    assert (bars["volume"] == 0).sum() == (2 if name == "NASDAQ" else 0)


@pytest.mark.parametrize("name", ["NASDAQ", "SP500"])
def test_every_store_knows_the_sample(name: str, tmp_path: Path) -> None:
    for store in (DataStore(tmp_path), DataStore(tmp_path / "none"), sample_store()):
        assert_frame_equal(store.load(name), load_sample(name), check_exact=True)
        assert store.meta(name) == sample_store().meta(name)
    store = DataStore(tmp_path)
    assert store.is_sample(name)
    assert not store.is_sample(name, "5min")
    # What is in the folder is another question.
    assert (store.keys(), store.symbols, store.list()) == ([], [], [])
    assert not list(tmp_path.iterdir())


def test_bars_of_the_folder_come_before_the_sample(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    own = load_sample("SP500")[:50]
    saved = store.save("NASDAQ", "1day", own, BarsOrigin("mine"))
    assert saved.replaced is None
    assert_frame_equal(store.load("NASDAQ"), own)
    assert store.meta("NASDAQ").origin.source == "mine"
    assert store.sample_keys() == [("SP500", "1day")]
    # Broken ones are not replaced by others of that name without a word.
    saved.bars_path.unlink()
    with pytest.raises(DataError, match="import the bars again"):
        store.load("NASDAQ")
    assert len(load_sample("NASDAQ")) == 5_031


def test_what_the_sample_does_not_have_is_said(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    with pytest.raises(DataError, match=r"'NASDAC' in the folder .*; did you mean 'NASDAQ'\?"):
        store.load("NASDAC")
    with pytest.raises(DataError, match=r"no 5min bars of 'NASDAQ' .* the embedded sample has it"):
        store.load("NASDAQ", "5min")
    with pytest.raises(DataError, match=r"which is empty; to add them: .* --symbol QQQ"):
        store.load("QQQ")


def test_sample_is_small_and_licensed() -> None:
    folder = sample_store().folder
    assert all(p.stat().st_size < 300_000 for p in folder.glob("*.parquet"))
    assert "Kevin Sheppard" in (folder / "LICENSE.arch.md").read_text(encoding="utf-8")
    assert "NCSA" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODULES)
def test_sample_equals_its_source(name: str) -> None:
    pytest.importorskip("arch", reason="the package arch, the sample's source, is not installed")
    source = bars_from_arch(name)
    assert_frame_equal(load_sample(name), source, check_exact=True)
    assert sample_store().meta(name).fingerprint == fingerprint(source)


def besides_wicks(bars: ImportedBars) -> list[str]:
    """Warnings but for those of wicks, which test_quality counts."""
    return [w for w in bars.origin.warnings if "wick" not in w]


@real
@pytest.mark.parametrize(
    ("file", "rows", "first", "last"),
    [
        ("QQQ_1day.csv", 5_366, "2005-01-03", "2026-05-01"),
        ("SMH_1day.csv", 5_366, "2005-01-03", "2026-05-01"),
        ("SPY_1day.csv", 5_366, "2005-01-03", "2026-05-01"),
        ("TQQQ_1day.csv", 4_080, "2010-02-11", "2026-05-01"),
        ("long/SPY_1day.csv", 8_371, "1993-01-29", "2026-05-01"),
    ],
)
def test_real_daily_bars(file: str, rows: int, first: str, last: str) -> None:
    bars = read_bars(REAL / file)
    assert bars.frame.height == rows
    assert str(bars.frame["date"][0]) == first
    assert str(bars.frame["date"][-1]) == last
    assert besides_wicks(bars) == []
    assert "adj_close" in bars.frame.columns
    adjusted = read_bars(REAL / file, adjust="split-and-dividend").frame
    expected = bars.frame["adj_close"].to_numpy()
    assert adjusted["close"].to_numpy() == pytest.approx(expected, rel=1e-12)


@real
def test_real_five_minute_bars() -> None:
    bars = read_bars(REAL / "QQQ_5min.csv", timeframe="5min")
    assert bars.frame.height == 15_960
    assert bars.frame.schema["datetime"] == pl.Datetime("us", "America/New_York")
    assert f"{bars.frame['datetime'][0]:%Y-%m-%d %H:%M}" == "2025-05-12 09:30"
    assert f"{bars.frame['datetime'][-1]:%Y-%m-%d %H:%M}" == "2026-03-06 15:55"
    assert "adj_close" not in bars.frame.columns  # the file's is empty
    assert besides_wicks(bars) == []


@real
def test_real_hourly_bars_around_the_clock() -> None:
    bars = read_bars(REAL / "BTCUSDTPERP_1hour.csv", timeframe="1hour", calendar="24/7")
    assert bars.frame.height == 20_424
    assert bars.frame.schema["datetime"] == pl.Datetime("us", "UTC")
    assert besides_wicks(bars) == ["1 bar has zero volume: 2024-10-28 20:00"]


@real
def test_real_file_that_holds_no_bars() -> None:
    with pytest.raises(DataError, match=r"no column for open, high, low, close.*'funding_rate'"):
        read_bars(REAL / "BTCUSDTPERP_funding.csv", timeframe="1hour", calendar="24/7")
