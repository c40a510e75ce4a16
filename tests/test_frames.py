"""Frames of pandas and PyArrow: wherever bars are taken, with the results of Polars."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wfo
from wfo.bars import Joined
from wfo.data import BarsOrigin, CheckReport, check_bars, resample

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

PRICES = ("open", "high", "low", "close")
NEW_YORK = "America/New_York"
GRID = wfo.Grid.load("smoke", "atr_d_l")
Made = Callable[[pl.DataFrame], Any]


@pytest.fixture(scope="module")
def daily() -> pl.DataFrame:
    return wfo.load_sample("NASDAQ")[:400]


@pytest.fixture(scope="module")
def hourly() -> pl.DataFrame:
    """Across a change of clock, in New York's time."""
    start = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
    stamps = pl.Series("datetime", [start + dt.timedelta(hours=i) for i in range(400)])
    close = 100 + 5 * np.sin(np.arange(400) / 7)
    return pl.DataFrame(
        {
            "datetime": stamps.dt.cast_time_unit("us").dt.convert_time_zone(NEW_YORK),
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
        }
    )


def columns(bars: pl.DataFrame) -> dict[str, Any]:
    return {name: bars[name].to_numpy().copy() for name in PRICES}


def as_table(stamps: Any, name: str) -> Made:
    """A PyArrow table with these stamps."""
    return lambda bars: pa.table({name: stamps(bars)} | columns(bars))


def days(bars: pl.DataFrame) -> list[dt.date]:
    return bars["date"].to_list()


def as_numpy(unit: str) -> Callable[[pl.DataFrame], Any]:
    return lambda bars: bars["date"].to_numpy().astype(f"datetime64[{unit}]")


DAILY: dict[str, Made] = {
    **{
        f"column of {unit}": lambda b, u=unit: pd.DataFrame({"date": as_numpy(u)(b)} | columns(b))
        for unit in ("s", "ms", "us", "ns")
    },
    "index": lambda b: pd.DataFrame(columns(b), index=pd.DatetimeIndex(as_numpy("ns")(b))),
    "named index": lambda b: pd.DataFrame(
        columns(b), index=pd.DatetimeIndex(as_numpy("s")(b), name="Date")
    ),
    "index of dates": lambda b: pd.DataFrame(columns(b), index=days(b)),
    "column of dates": lambda b: pd.DataFrame({"date": days(b)} | columns(b)),
    "column called datetime": lambda b: pd.DataFrame({"datetime": as_numpy("ns")(b)} | columns(b)),
    "periods": lambda b: pd.DataFrame(columns(b), index=pd.PeriodIndex(days(b), freq="D")),
    "other cases": lambda b: pd.DataFrame(
        {"Date": days(b)} | {n.title(): c for n, c in columns(b).items()} | {"Adj Close": 1.0}
    ),
    "arrow behind pandas": lambda b: pd.DataFrame(
        {"date": pd.Series(days(b), dtype=pd.ArrowDtype(pa.date32()))} | columns(b)
    ),
    "nullable numbers": lambda b: pd.DataFrame({"date": days(b)} | columns(b)).astype(
        dict.fromkeys(PRICES, "Float64")
    ),
    "date32": as_table(lambda b: pa.array(days(b), pa.date32()), "date"),
    "date64": as_table(lambda b: pa.array(days(b), pa.date64()), "Date"),
    "timestamps": as_table(lambda b: pa.array(as_numpy("s")(b), pa.timestamp("s")), "date"),
    "chunks": lambda b: pa.concat_tables(
        [as_table(lambda c: pa.array(days(c), pa.date32()), "date")(p) for p in (b[:7], b[7:])]
    ),
    "Polars in other cases": lambda b: b.rename({"date": "Date", "open": "OPEN", "close": "Close"}),
}


def moments(bars: pl.DataFrame, unit: str = "ns") -> Any:
    """The stamps in UTC without their zone."""
    utc = bars["datetime"].dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return utc.to_numpy().astype(f"datetime64[{unit}]")


def zoned(bars: pl.DataFrame, zone: Any = NEW_YORK, unit: str = "ns") -> Any:
    return pd.DatetimeIndex(moments(bars, unit)).tz_localize("UTC").tz_convert(zone)


HOURLY: dict[str, Made] = {
    **{
        f"index of {unit}": lambda b, u=unit: pd.DataFrame(columns(b), index=zoned(b, unit=u))
        for unit in ("s", "ms", "us", "ns")
    },
    "column": lambda b: pd.DataFrame({"datetime": zoned(b)} | columns(b)),
    "column called Date": lambda b: pd.DataFrame({"Date": zoned(b)} | columns(b)),
    "column called timestamp": lambda b: pd.DataFrame({"Timestamp": zoned(b)} | columns(b)),
    "objects": lambda b: pd.DataFrame(
        {"datetime": pd.Series(b["datetime"].to_list(), dtype=object)} | columns(b)
    ),
    **{
        f"PyArrow of {unit}": as_table(
            lambda b, u=unit: pa.array(moments(b, u), pa.timestamp(u)).cast(
                pa.timestamp(u, NEW_YORK)
            ),
            "datetime",
        )
        for unit in ("s", "ms", "us", "ns")
    },
}


def same(bars: pl.DataFrame, other: Any) -> wfo.Simulation:
    """Compare what a frame gives with what the Polars frame gives."""
    wanted, found = (
        wfo.simulate("atr_d_l", frame, GRID.params(40), split=250, warmup=120)
        for frame in (bars, other)
    )
    assert len(wanted.trades) > 3
    assert found.trades.equals(wanted.trades)
    assert np.array_equal(found.equity, wanted.equity)
    assert found.dates is not None
    assert wanted.dates is not None
    assert found.dates.equals(wanted.dates, check_names=True, check_dtypes=True)
    one, two = (wfo.sweep("atr_d_l", frame, GRID, split=250, warmup=120) for frame in (bars, other))
    assert one.to_frame().equals(two.to_frame())
    return found


@pytest.mark.parametrize("name", DAILY)
def test_daily_bars(daily: pl.DataFrame, name: str) -> None:
    same(daily, DAILY[name](daily))


@pytest.mark.parametrize("name", HOURLY)
def test_intraday_bars_keep_their_zone(hourly: pl.DataFrame, name: str) -> None:
    same(hourly, HOURLY[name](hourly))


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("UTC", "UTC"),
        (dt.UTC, "UTC"),
        (dt.timezone(dt.timedelta(hours=-5)), "Etc/GMT+5"),
        (dt.timezone(dt.timedelta(hours=9)), "Etc/GMT-9"),
        ("Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_zones(hourly: pl.DataFrame, zone: Any, name: str) -> None:
    there = hourly.with_columns(pl.col("datetime").dt.convert_time_zone(name))
    same(there, pd.DataFrame(columns(hourly), index=zoned(hourly, zone)))


def said(report: CheckReport) -> list[str]:
    """What a check says, but of volumes, which not all of these frames have."""
    return [text for text in (*report.errors, *report.warnings) if "volume" not in text]


@pytest.mark.parametrize("name", DAILY)
def test_daily_bars_are_checked_resampled_and_stored(
    daily: pl.DataFrame, name: str, tmp_path: Path
) -> None:
    stamped = ["date", *PRICES]
    half = pl.when(pl.int_range(pl.len()) == 50).then(0.5).otherwise(1.0)
    odd = daily.with_columns(pl.col("low") * half)
    for bars in (daily, odd):
        wanted, found = (said(check_bars(frame)) for frame in (bars, DAILY[name](bars)))
        assert found == wanted
        assert any("wick" in text for text in wanted) == (bars is odd)
        weeks, same = (resample(b, "1day", "1week").frame for b in (bars, DAILY[name](bars)))
        assert same.select(stamped).equals(weeks.select(stamped))
    store = wfo.DataStore(tmp_path)
    origin = BarsOrigin("a notebook", "XNYS", None, "none")
    store.save("COMP", "1day", DAILY[name](daily), origin)
    assert store.load("COMP").select(stamped).equals(daily.select(stamped))


@pytest.mark.parametrize("name", HOURLY)
def test_intraday_bars_are_checked_and_resampled(hourly: pl.DataFrame, name: str) -> None:
    other = HOURLY[name](hourly)
    one, two = (check_bars(frame, "1hour", calendar="none") for frame in (hourly, other))
    assert said(one) == said(two)
    assert not one.errors
    days, same = (resample(b, "1hour", "1day", calendar="none").frame for b in (hourly, other))
    assert same.select("date", *PRICES).equals(days.select("date", *PRICES))


def test_what_is_no_frame_is_neither_checked_nor_resampled(daily: pl.DataFrame) -> None:
    for wrong, about in ((daily.to_numpy(), "not ndarray"), (daily.lazy(), "collect")):
        with pytest.raises(wfo.DataError, match=about):
            check_bars(wrong)
        with pytest.raises(wfo.DataError, match=about):
            resample(wrong, "1day", "1week")


def test_two_symbols(daily: pl.DataFrame) -> None:
    other = wfo.load_sample("SP500")[10:390]
    wanted = wfo.join_bars(daily, other)
    for make in (DAILY["index"], DAILY["date32"]):
        found: Joined = wfo.join_bars(make(daily), make(other))
        assert found.first.equals(wanted.first.select(found.first.columns))
        assert found.second.equals(wanted.second.select(found.second.columns))
        assert found.to_dict() == wanted.to_dict()
    grid = wfo.Grid.load("smoke", "atr_d_duals_l")
    for make in (DAILY["index"], DAILY["date32"]):
        one, two = (
            wfo.sweep("atr_d_duals_l", a, grid, split=250, bars2=b)
            for a, b in (
                (wanted.first, wanted.second),
                (make(wanted.first), make(wanted.second)),
            )
        )
        assert one.to_frame().equals(two.to_frame())


def test_windows_over_the_dates_of_any_library() -> None:
    bars = wfo.load_sample("NASDAQ")
    wanted = wfo.Windows.preset().resolve(bars["date"])
    numbers = as_numpy("ns")(bars)
    for dates in (
        days(bars),
        numbers,
        numbers.astype("datetime64[D]"),
        pd.Series(numbers),
        pd.DatetimeIndex(numbers),
        pd.Series(days(bars)),
        pa.array(days(bars)),
        pa.chunked_array([days(bars)[:9], days(bars)[9:]]),
    ):
        assert wfo.Windows.preset().resolve(dates) == wanted
    # Of zoned stamps the local dates.
    hours = bars["date"].dt.combine(dt.time(22)).dt.replace_time_zone(NEW_YORK)
    utc = hours.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
    local = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(NEW_YORK)
    assert wfo.Windows.preset().resolve(local) == wanted


def test_frames_that_cannot_be_read(daily: pl.DataFrame, hourly: pl.DataFrame) -> None:
    plain = pd.DataFrame(columns(daily))
    dated = DAILY["column of ns"](daily)
    naive = pd.DataFrame(columns(hourly), index=zoned(hourly).tz_localize(None))
    two = pd.concat({"QQQ": dated}, axis=1)
    odd = dt.timezone(dt.timedelta(hours=5, minutes=45))
    for frame, message in (
        (plain, "neither a 'date' nor a 'datetime' column"),
        (plain.set_index(pd.Index([str(d) for d in days(daily)], name="Date")), "not String"),
        (dated.drop(columns=["close", "low"]), "no column low, close"),
        (dated.assign(low="x"), "'low' must be numeric, not String"),
        (dated.assign(low=dated["low"] > 0), "'low' must be numeric, not Boolean"),
        (dated.assign(low=dated["low"].mask(dated.index == 5)), r"bar 5 \(1999-.*\): low is null"),
        (dated.assign(date=dated["date"].mask(dated.index == 5)), "bar 5 has None"),
        (dated.iloc[::-1], "must ascend"),
        (naive, "must be a Datetime with a time zone"),
        (two, "must be texts, not .*'QQQ'.*frame.xs"),
        (dated.set_index(["date", pd.Index(["QQQ"] * len(dated))]), "an index of several levels"),
        (pd.concat([dated, dated[["low"]]], axis=1), "cannot be read: Expected unique column"),
        (pd.DataFrame(columns(hourly), index=zoned(hourly, odd)), "'UTC.05:45' is not in the data"),
        (dated["open"], "not Series"),
        (dated.to_numpy(), "not ndarray"),
    ):
        with pytest.raises(wfo.WfoError, match=message):
            wfo.simulate("atr_d_l", frame, GRID.params(40), split=250)


def test_neither_library_is_imported_by_the_package() -> None:
    code = (
        "import sys, wfo\n"
        "bars = wfo.load_sample('NASDAQ')\n"
        "grid = wfo.Grid.load('smoke', 'atr_d_l')\n"
        "wfo.sweep('atr_d_l', bars, grid, windows='default')\n"
        "wfo.simulate('atr_d_l', bars, grid.params(0), split=3000)\n"
        "print(sorted({'pandas', 'pyarrow', 'narwhals'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
