"""Reading files: every dialect gives the same frame, every bad input names its place."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from wfo.data import read_bars
from wfo.errors import DataError, InputError

# Days above 12, so that the order of day and month can be told; four sessions of the NYSE.
DAILY = pl.DataFrame(
    {
        "date": [dt.date(2024, 1, d) for d in (11, 12, 16, 17)],
        "open": [1234.5, 1240.25, 1238.0, 1229.75],
        "high": [1241.0, 1245.5, 1239.5, 1233.0],
        "low": [1230.0, 1236.25, 1225.75, 1221.5],
        "close": [1240.0, 1237.75, 1230.5, 1222.25],
        "volume": [1000000.0, 1250000.0, 990000.0, 1100500.0],
    }
)
INTRADAY = pl.DataFrame(
    {
        "datetime": pl.Series(
            [dt.datetime(2024, 1, 16, 14, m, tzinfo=dt.UTC) for m in (30, 35, 40)]
        ).dt.convert_time_zone("America/New_York"),
        "open": [100.0, 100.5, 101.25],
        "high": [101.0, 101.5, 102.0],
        "low": [99.5, 100.25, 101.0],
        "close": [100.5, 101.25, 101.5],
        "volume": [5000.0, 4000.0, 3000.0],
    }
)

DAILY_FILES = {
    "plain": """date,open,high,low,close,volume
2024-01-11,1234.5,1241,1230,1240,1000000
2024-01-12,1240.25,1245.5,1236.25,1237.75,1250000
2024-01-16,1238,1239.5,1225.75,1230.5,990000
2024-01-17,1229.75,1233,1221.5,1222.25,1100500
""",
    "tradestation": """"Date","Time","Open","High","Low","Close","Vol","OI"
01/11/2024,16:00,1234.50,1241.00,1230.00,1240.00,1000000,0
01/12/2024,16:00,1240.25,1245.50,1236.25,1237.75,1250000,0
01/16/2024,16:00,1238.00,1239.50,1225.75,1230.50,990000,0
01/17/2024,16:00,1229.75,1233.00,1221.50,1222.25,1100500,0
""",
    "stooq": """<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
QQQ.US,D,20240111,000000,1234.5,1241,1230,1240,1000000,0
QQQ.US,D,20240112,000000,1240.25,1245.5,1236.25,1237.75,1250000,0
QQQ.US,D,20240116,000000,1238,1239.5,1225.75,1230.5,990000,0
QQQ.US,D,20240117,000000,1229.75,1233,1221.5,1222.25,1100500,0
""",
    "metatrader": """<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<VOL>\t<SPREAD>
2024.01.11\t00:00\t1234.5\t1241\t1230\t1240\t1000000\t1
2024.01.12\t00:00\t1240.25\t1245.5\t1236.25\t1237.75\t1250000\t1
2024.01.16\t00:00\t1238\t1239.5\t1225.75\t1230.5\t990000\t1
2024.01.17\t00:00\t1229.75\t1233\t1221.5\t1222.25\t1100500\t1
""",
    "german": """Datum_ignored;Date;Open;High;Low;Close;Volume
x;11.01.2024;1.234,5;1.241;1.230;1.240;1.000.000
x;12.01.2024;1.240,25;1.245,5;1.236,25;1.237,75;1.250.000
x;16.01.2024;1.238;1.239,5;1.225,75;1.230,5;990.000
x;17.01.2024;1.229,75;1.233;1.221,5;1.222,25;1.100.500
""",
    "decimal comma, iso, crlf, byte order mark, blank lines": "\ufeff"
    + """Date;Open;High;Low;Close;Volume
2024-01-11;1234,5;1241,0;1230,0;1240,0;1000000

2024-01-12;1240,25;1245,5;1236,25;1237,75;1250000
2024-01-16;1238,0;1239,5;1225,75;1230,5;990000
2024-01-17;1229,75;1233,0;1221,5;1222,25;1100500

;;;;;
""".replace("\n", "\r\n"),
    "quoted thousands, dollars, newest first": """Date,Close/Last,Volume,Open,High,Low
01/17/2024,"$1,222.25","1,100,500","$1,229.75","$1,233.00","$1,221.50"
01/16/2024,"$1,230.50","990,000","$1,238.00","$1,239.50","$1,225.75"
01/12/2024,"$1,237.75","1,250,000","$1,240.25","$1,245.50","$1,236.25"
01/11/2024,"$1,240.00","1,000,000","$1,234.50","$1,241.00","$1,230.00"
""",
    "day first by its values": """DATE, OPEN, HIGH, LOW, CLOSE, VOLUME
11/01/2024, 1234.5, 1241, 1230, 1240, 1000000
12/01/2024, 1240.25, 1245.5, 1236.25, 1237.75, 1250000
16/01/2024, 1238, 1239.5, 1225.75, 1230.5, 990000
17/01/2024, 1229.75, 1233, 1221.5, 1222.25, 1100500
""",
    "two-digit years": """Date,Open,High,Low,Close,Vol
1/11/24,1234.5,1241,1230,1240,1000000
1/12/24,1240.25,1245.5,1236.25,1237.75,1250000
1/16/24,1238,1239.5,1225.75,1230.5,990000
1/17/24,1229.75,1233,1221.5,1222.25,1100500
""",
    "month names, volume in millions": """Date,Price,Open,High,Low,Vol.,Change %
"Jan 11, 2024","1,240.0","1,234.5","1,241.0","1,230.0",1M,0.1%
"Jan 12, 2024","1,237.75","1,240.25","1,245.5","1,236.25",1.25M,0.1%
"Jan 16, 2024","1,230.5","1,238.0","1,239.5","1,225.75",990K,0.1%
"Jan 17, 2024","1,222.25","1,229.75","1,233.0","1,221.5",1.1005M,0.1%
""",
    "epoch seconds at the session's open": """timestamp,open,high,low,close,volume
1704983400,1234.5,1241,1230,1240,1000000
1705069800,1240.25,1245.5,1236.25,1237.75,1250000
1705415400,1238,1239.5,1225.75,1230.5,990000
1705501800,1229.75,1233,1221.5,1222.25,1100500
""",
    "epoch milliseconds at midnight UTC": """Open time,Open,High,Low,Close,Volume
1704931200000,1234.5,1241,1230,1240,1000000
1705017600000,1240.25,1245.5,1236.25,1237.75,1250000
1705363200000,1238,1239.5,1225.75,1230.5,990000
1705449600000,1229.75,1233,1221.5,1222.25,1100500
""",
    "local midnight elsewhere with offset": """Date,Open,High,Low,Close,Volume
2024-01-11 00:00:00+09:00,1234.5,1241,1230,1240,1000000
2024-01-12 00:00:00+09:00,1240.25,1245.5,1236.25,1237.75,1250000
2024-01-16 00:00:00+09:00,1238,1239.5,1225.75,1230.5,990000
2024-01-17 00:00:00+09:00,1229.75,1233,1221.5,1222.25,1100500
""",
    "midnight in UTC, written in New York": """timestamp,open,high,low,close,volume
2024-01-10T19:00:00-05:00,1234.5,1241,1230,1240,1000000
2024-01-11T19:00:00-05:00,1240.25,1245.5,1236.25,1237.75,1250000
2024-01-15T19:00:00-05:00,1238,1239.5,1225.75,1230.5,990000
2024-01-16T19:00:00-05:00,1229.75,1233,1221.5,1222.25,1100500
""",
    "midnight of New York in UTC": """timestamp,open,high,low,close,volume
2024-01-11T05:00:00Z,1234.5,1241,1230,1240,1000000
2024-01-12T05:00:00Z,1240.25,1245.5,1236.25,1237.75,1250000
2024-01-16T05:00:00Z,1238,1239.5,1225.75,1230.5,990000
2024-01-17T05:00:00Z,1229.75,1233,1221.5,1222.25,1100500
""",
    "pandas index without a name, naive midnight": """,Open,High,Low,Close,Volume
2024-01-11 00:00:00,1234.5,1241,1230,1240,1000000
2024-01-12 00:00:00,1240.25,1245.5,1236.25,1237.75,1250000
2024-01-16 00:00:00,1238,1239.5,1225.75,1230.5,990000
2024-01-17 00:00:00,1229.75,1233,1221.5,1222.25,1100500
""",
    "yfinance with three header lines": """Price,Close,High,Low,Open,Volume
Ticker,QQQ,QQQ,QQQ,QQQ,QQQ
Date,,,,,
2024-01-11,1240,1241,1230,1234.5,1000000
2024-01-12,1237.75,1245.5,1236.25,1240.25,1250000
2024-01-16,1230.5,1239.5,1225.75,1238,990000
2024-01-17,1222.25,1233,1221.5,1229.75,1100500
""",
    "separator named for Excel, trailing separators": """sep=,
date,open,high,low,close,volume,
2024-01-11,1234.5,1241,1230,1240,1000000,
2024-01-12,1240.25,1245.5,1236.25,1237.75,1250000,
2024-01-16,1238,1239.5,1225.75,1230.5,990000,
2024-01-17,1229.75,1233,1221.5,1222.25,1100500,
""",
}

INTRADAY_FILES = {
    "iso with offset": """datetime,open,high,low,close,adj_close,volume
2024-01-16T09:30:00-05:00,100,101,99.5,100.5,,5000
2024-01-16T09:35:00-05:00,100.5,101.5,100.25,101.25,,4000
2024-01-16T09:40:00-05:00,101.25,102,101,101.5,,3000
""",
    "utc": """Timestamp,Open,High,Low,Close,Volume
2024-01-16 14:30:00.000Z,100,101,99.5,100.5,5000
2024-01-16 14:35:00.000Z,100.5,101.5,100.25,101.25,4000
2024-01-16 14:40:00.000Z,101.25,102,101,101.5,3000
""",
    "without offset": """time,open,high,low,close,volume
2024-01-16 09:30,100,101,99.5,100.5,5000
2024-01-16 09:35,100.5,101.5,100.25,101.25,4000
2024-01-16 09:40,101.25,102,101,101.5,3000
""",
    "tradestation, stamped with the end": """"Date","Time","Open","High","Low","Close","Up","Down"
01/16/2024,09:35,100.00,101.00,99.50,100.50,3000,2000
01/16/2024,09:40,100.50,101.50,100.25,101.25,1500,2500
01/16/2024,09:45,101.25,102.00,101.00,101.50,3000,0
""",
    "stooq": """<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
QQQ.US,5,20240116,093000,100,101,99.5,100.5,5000,0
QQQ.US,5,20240116,093500,100.5,101.5,100.25,101.25,4000,0
QQQ.US,5,20240116,094000,101.25,102,101,101.5,3000,0
""",
    "stooq with lost zeros": """<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>
20240116,93000,100,101,99.5,100.5,5000
20240116,93500,100.5,101.5,100.25,101.25,4000
20240116,94000,101.25,102,101,101.5,3000
""",
    "twelve-hour clock": """date,time,open,high,low,close,volume
1/16/2024,9:30 AM,100,101,99.5,100.5,5000
1/16/2024,9:35 AM,100.5,101.5,100.25,101.25,4000
1/16/2024,9:40 AM,101.25,102,101,101.5,3000
""",
    "epoch milliseconds beside a date": """unix,date,open,high,low,close,volume
1705415400000,2024-01-16,100,101,99.5,100.5,5000
1705415700000,2024-01-16,100.5,101.5,100.25,101.25,4000
1705416000000,2024-01-16,101.25,102,101,101.5,3000
""",
    "epoch in microseconds and milliseconds": """Open time,open,high,low,close,volume
1705415400000,100,101,99.5,100.5,5000
1705415700000000,100.5,101.5,100.25,101.25,4000
1705416000000000,101.25,102,101,101.5,3000
""",
    "compact": """datetime,open,high,low,close,volume
20240116 093000,100,101,99.5,100.5,5000
20240116 093500,100.5,101.5,100.25,101.25,4000
20240116 094000,101.25,102,101,101.5,3000
""",
    "digits only": """datetime,open,high,low,close,volume
202401160930,100,101,99.5,100.5,5000
202401160935,100.5,101.5,100.25,101.25,4000
202401160940,101.25,102,101,101.5,3000
""",
}


def write(folder: Path, text: str, name: str = "QQQ.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("dialect", DAILY_FILES)
def test_daily_dialect(dialect: str, tmp_path: Path) -> None:
    bars = read_bars(write(tmp_path, DAILY_FILES[dialect]))
    assert_frame_equal(bars.frame, DAILY, check_exact=True)
    assert bars.origin.source == "QQQ.csv"
    assert bars.origin.timezone is None


@pytest.mark.parametrize("dialect", INTRADAY_FILES)
def test_intraday_dialect(dialect: str, tmp_path: Path) -> None:
    bars = read_bars(write(tmp_path, INTRADAY_FILES[dialect]), timeframe="5min")
    assert_frame_equal(bars.frame, INTRADAY, check_exact=True)
    assert bars.origin.timezone == "America/New_York"


@pytest.mark.parametrize(("separator", "factor"), [(",", 1.0), (";", 0.001)])
def test_commas_alone_follow_the_separator(separator: str, factor: float, tmp_path: Path) -> None:
    # '1,240' is a thousand among commas, as no such file would write a decimal comma.
    cells = ['"1,234"', '"1,241"', '"1,230"', '"1,240"']
    lines = [["date", "open", "high", "low", "close"], ["2024-01-11", *cells]]
    path = write(tmp_path, "\n".join(separator.join(line) for line in lines))
    assert read_bars(path).frame.row(0)[1:] == pytest.approx(
        [1234 * factor, 1241 * factor, 1230 * factor, 1240 * factor]
    )


def test_no_thousand_begins_with_a_zero(tmp_path: Path) -> None:
    cells = ['"0,250"', '"0,375"', '"0,125"', '"0,250"']
    lines = ["date,open,high,low,close", ",".join(["2024-01-11", *cells])]
    path = write(tmp_path, "\n".join(lines))
    assert read_bars(path).frame.row(0)[1:5] == (0.25, 0.375, 0.125, 0.25)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "QQQ.txt"
    path.write_bytes(DAILY_FILES["metatrader"].encode(encoding))
    assert_frame_equal(read_bars(path).frame, DAILY)


PARQUET_FRAMES = {
    "as the store writes": DAILY,
    "pandas, named index": DAILY.select(
        pl.col("open").cast(pl.Float32),
        "high",
        "low",
        "close",
        pl.col("volume").cast(pl.Int64),
        pl.col("date").cast(pl.Datetime("ns")).alias("Date"),
    ),
    "pandas, index without a name": DAILY.select(
        *(pl.col(c).alias(c.title()) for c in ("open", "high", "low", "close", "volume")),
        pl.col("date").cast(pl.Datetime("ms")).alias("__index_level_0__"),
    ),
    "zone-aware midnight": DAILY.with_columns(
        pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("America/New_York")
    ),
    "texts": DAILY.select(
        pl.all().exclude("date").cast(pl.String), pl.col("date").dt.strftime("%d.%m.%Y")
    ),
    "dates as whole numbers": DAILY.with_columns(
        pl.col("date").dt.strftime("%Y%m%d").cast(pl.Int64)
    ),
    "epoch as float": DAILY.with_columns(pl.col("date").dt.epoch("s").cast(pl.Float64)),
}


@pytest.mark.parametrize("kind", PARQUET_FRAMES)
def test_parquet(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "QQQ.data"  # known by its contents, not by its name
    PARQUET_FRAMES[kind].write_parquet(path)
    assert_frame_equal(read_bars(path).frame, DAILY, check_exact=True)


YAHOO = """Date,Open,High,Low,Close,Adj Close,Volume
2024-01-11,100,102,98,101,50.5,1000
2024-01-12,101,104,100,102,51,1100
2024-01-16,102,103,99,100,100,1200
"""


def test_adjust_none_keeps_prices_and_says_so(tmp_path: Path) -> None:
    bars = read_bars(write(tmp_path, YAHOO))
    assert bars.frame["close"].to_list() == [101.0, 102.0, 100.0]
    assert bars.frame["adj_close"].to_list() == [50.5, 51.0, 100.0]
    assert bars.origin.adjust == "none"
    assert any("adjusted close" in note for note in bars.origin.notes)


def test_adjust_scales_prices_and_not_volume(tmp_path: Path) -> None:
    bars = read_bars(write(tmp_path, YAHOO), adjust="split-and-dividend")
    assert bars.origin.adjust == "split-and-dividend"
    assert bars.frame.columns == ["date", "open", "high", "low", "close", "volume"]
    assert bars.frame.rows()[0][1:] == (50.0, 51.0, 49.0, 50.5, 1000.0)
    assert bars.frame.rows()[2][1:] == (102.0, 103.0, 99.0, 100.0, 1200.0)


def test_adjust_needs_the_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"QQQ\.csv cannot be adjusted.*--adjust none"):
        read_bars(write(tmp_path, DAILY_FILES["plain"]), adjust="split-and-dividend")


def test_adjust_needs_every_cell(tmp_path: Path) -> None:
    path = write(tmp_path, YAHOO.replace("51,1100", ",1100"))
    with pytest.raises(DataError, match=r"QQQ\.csv, line 3, column 'Adj Close' is empty"):
        read_bars(path, adjust="split-and-dividend")


@given(
    prices=st.lists(
        st.tuples(*[st.floats(0.01, 1e5)] * 4, st.floats(1e-3, 2.0)), min_size=1, max_size=20
    )
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_adjusted_bars_stay_consistent(
    prices: list[tuple[float, float, float, float, float]], tmp_path: Path
) -> None:
    # Rounding must not push an open or close beyond the high or low.
    lines = ["date,open,high,low,close,adj close"]
    for i, (*four, factor) in enumerate(prices):
        day = dt.date(2024, 1, 1) + dt.timedelta(days=i)
        low, first, second, high = sorted(four)
        lines.append(f"{day},{first},{high},{low},{second},{second * factor}")
    bars = read_bars(
        write(tmp_path, "\n".join(lines)), adjust="split-and-dividend", calendar="none"
    ).frame
    assert (bars["low"] <= bars.select(pl.min_horizontal("open", "close")).to_series()).all()
    assert (bars["high"] >= bars.select(pl.max_horizontal("open", "close")).to_series()).all()


AMBIGUOUS = """Date,Open,High,Low,Close
01/02/2024,10,11,9,10
02/02/2024,10,11,9,10
03/04/2024,10,11,9,10
"""


def test_ambiguous_dates_are_month_first_with_a_note(tmp_path: Path) -> None:
    bars = read_bars(write(tmp_path, AMBIGUOUS), calendar="none")
    assert [(d.month, d.day) for d in bars.frame["date"]] == [(1, 2), (2, 2), (3, 4)]
    assert any("MM/DD/YYYY or DD/MM/YYYY" in note for note in bars.origin.notes)


@pytest.mark.parametrize("date_format", ["DD/MM/YYYY", "%d/%m/%Y", "%d/%m/%Y %H:%M"])
def test_date_format_decides(date_format: str, tmp_path: Path) -> None:
    bars = read_bars(write(tmp_path, AMBIGUOUS), calendar="none", date_format=date_format)
    assert [(d.month, d.day) for d in bars.frame["date"]] == [(2, 1), (2, 2), (4, 3)]
    assert not any("MM/DD" in note for note in bars.origin.notes)


@pytest.mark.parametrize("date_format", ["day/month", "%Y", "MM/DD", "%d/%m/YYYY"])
def test_date_format_not_understood(date_format: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"date format .* is not understood.*DD/MM/YYYY"):
        read_bars(write(tmp_path, AMBIGUOUS), date_format=date_format)


def test_offset_free_stamps_are_noted_and_follow_the_zone(tmp_path: Path) -> None:
    path = write(tmp_path, INTRADAY_FILES["without offset"])
    by_calendar = read_bars(path, timeframe="5min")
    assert any("America/New_York" in note for note in by_calendar.origin.notes)
    by_hand = read_bars(path, timeframe="5min", timezone="Europe/Berlin", calendar="none")
    assert by_hand.frame["datetime"][0] == dt.datetime(
        2024, 1, 16, 9, 30, tzinfo=ZoneInfo("Europe/Berlin")
    )
    # The zone was given; which end of a bar is stamped is assumed all the same.
    [note] = by_hand.origin.notes
    assert "--stamps close" in note
    with pytest.raises(DataError, match="no offset from UTC: give their time zone"):
        read_bars(path, timeframe="5min", calendar="none")


def test_repeated_hour_is_told_apart_by_order(tmp_path: Path) -> None:
    stamps = ["2024-11-03 00:30", "2024-11-03 01:00", "2024-11-03 01:30"]
    stamps += ["2024-11-03 01:00", "2024-11-03 01:30", "2024-11-03 02:00"]
    lines = ["datetime,open,high,low,close", *(f"{s},1,1,1,1" for s in stamps)]
    path = write(tmp_path, "\n".join(lines))
    bars = read_bars(path, timeframe="30min", timezone="America/New_York", calendar="none")
    seconds = bars.frame["datetime"].diff().dt.total_seconds().to_list()
    assert seconds[1:] == [1800] * 5
    reverse = "\n".join([lines[0], *reversed(lines[1:])])
    again = read_bars(
        write(tmp_path, reverse), timeframe="30min", timezone="America/New_York", calendar="none"
    )
    assert_frame_equal(again.frame, bars.frame)


def test_skipped_hour_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, "datetime,open,high,low,close\n2024-03-10 02:30,1,1,1,1\n")
    with pytest.raises(DataError, match=r"QQQ\.csv, line 2: 2024-03-10 02:30.* does not exist"):
        read_bars(path, timeframe="30min", timezone="America/New_York", calendar="none")


def test_tradestation_short_last_bar_opens_where_the_one_before_ended(tmp_path: Path) -> None:
    ends = ["10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"]
    lines = ["Date,Time,Open,High,Low,Close,Up,Down"]
    lines += [f"01/16/2024,{end},1,1,1,1,5,5" for end in ends]
    bars = read_bars(write(tmp_path, "\n".join(lines)), timeframe="1hour")
    opens = bars.frame["datetime"].dt.strftime("%H:%M").to_list()
    assert opens == ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"]
    assert bars.origin.warnings == ()


def test_repair_widens_and_counts(tmp_path: Path) -> None:
    text = "date,open,high,low,close\n2024-01-11,10,11,9,11.5\n2024-01-12,8.75,11,9,10\n"
    text += "2024-01-16,10,11,9,10\n"
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=r"QQQ\.csv: line 2: high and low do not.*11\.5.*--repair"):
        read_bars(path)
    bars = read_bars(path, repair=True)
    assert bars.frame["high"].to_list() == [11.5, 11.0, 11.0]
    assert bars.frame["low"].to_list() == [9.0, 8.75, 9.0]
    assert bars.origin.repaired == 2
    assert any(note.startswith("2 bars were repaired") for note in bars.origin.notes)


def test_empty_volume_cells_are_kept_empty_and_warned_about(tmp_path: Path) -> None:
    bars = read_bars(write(tmp_path, YAHOO.replace("51,1100", "51,")))
    assert bars.frame["volume"].to_list() == [1000.0, None, 1200.0]
    assert "1 bar has no volume: 2024-01-12" in bars.origin.warnings


HEAD = "Date,Open,High,Low,Close,Volume\n2024-01-11,10,11,9,10,100\n"

BROKEN_CELLS = {
    "text for a price": (
        HEAD + "\n2024-01-12,10,n/a,9,10,100\n",
        ["QQQ.csv", "line 4", "column 'High'", "'n/a' is not a number"],
    ),
    "empty price": (
        HEAD + "2024-01-12,10,11,9,,100\n",
        ["QQQ.csv", "line 3", "column 'Close' is empty"],
    ),
    "null": (HEAD + "2024-01-12,null,11,9,10,100\n", ["line 3", "column 'Open'", "'null' is not"]),
    "nan": (HEAD + "2024-01-12,nan,11,9,10,100\n", ["line 3", "column 'Open'", "'nan' is not"]),
    "infinity": (HEAD + "2024-01-12,10,inf,9,10,100\n", ["line 3", "column 'High'", "'inf' is"]),
    "mixed decimal marks": (
        HEAD + '2024-01-12,"10,25",11.5,9.5,10,100\n',
        ["line 3", "column 'Open'", "'10,25' is not a number"],
    ),
    "thousands in the wrong place": (
        HEAD + '2024-01-12,10.5,"1,1.5",9,10,100\n',
        ["line 3", "column 'High'", "'1,1.5' is not a number"],
    ),
    "broken volume": (
        HEAD + "2024-01-12,10,11,9,10,many\n",
        ["line 3", "column 'Volume'", "'many' is not a number"],
    ),
    "several broken cells": (
        HEAD + "2024-01-12,10,x,9,10,1\n2024-01-16,10,y,9,10,1\n",
        ["line 3", "'x' is not a number", "1 more such cell"],
    ),
    "no date": (HEAD + ",10,11,9,10,100\n", ["line 3", "column 'Date' is empty"]),
    "no such day": (
        HEAD + "2024-02-30,10,11,9,10,100\n",
        ["line 3", "column 'Date'", "'2024-02-30' is not a date"],
    ),
    "another date format": (
        HEAD + "01/12/2024,10,11,9,10,100\n2024-01-16,10,11,9,10,100\n",
        ["line 3", "column 'Date'", "'01/12/2024' is not a date", "YYYY-MM-DD"],
    ),
    "both orders of day and month": (
        "Date,Open,High,Low,Close\n01/13/2024,10,11,9,10\n13/01/2024,10,11,9,10\n",
        ["line 3", "column 'Date'", "'13/01/2024' is not a date", "MM/DD/YYYY"],
    ),
    "not a time stamp at all": (
        "date,open,high,low,close\n12345,10,11,9,10\n",
        ["line 2", "column 'date'", "'12345'"],
    ),
    "short line": (HEAD + "2024-01-12,10,11\n", ["QQQ.csv, line 3", "3 fields", "header has 6"]),
    "long line": (HEAD + "2024-01-12,1,1,1,1,1,7\n", ["QQQ.csv, line 3", "7 fields"]),
    "remark amid the bars": (
        HEAD + '"Downloaded today"\n2024-01-12,10,11,9,10,100\n',
        ["line 3", "1 field ", "'Downloaded today'"],
    ),
    "open quotes": (HEAD + '2024-01-12,"10,11,9,10,100\n', ["QQQ.csv, line 3", "quotes"]),
    "field over two lines": (
        HEAD + '2024-01-12,"10\n",11,9,10,100\n',
        ["QQQ.csv, line 3", "does not end on its line"],
    ),
    "zero price": (
        HEAD + "2024-01-12,10,11,0,10,100\n",
        ["QQQ.csv", "line 3", "column 'low'", "0.0 is not above zero"],
    ),
    "negative price": (HEAD + "2024-01-12,10,11,-9,10,100\n", ["line 3", "'low'", "-9.0"]),
    "negative volume": (
        HEAD + "2024-01-12,10,11,9,10,-5\n",
        ["line 3", "column 'volume'", "-5.0 is negative"],
    ),
    "high below close": (
        HEAD + "2024-01-12,10,11,9,11.5,100\n",
        ["QQQ.csv", "line 3", "high 11.0", "close 11.5", "--repair"],
    ),
    "repeated day": (
        HEAD + "2024-01-12,10,11,9,10,1\n2024-01-12,10,11,9,10,2\n",
        ["QQQ.csv", "more than once", "2024-01-12 (lines 3, 4)"],
    ),
    "out of order, where the order of day and month is not beyond doubt": (
        "Date,Open,High,Low,Close\n01/02/2024,1,1,1,1\n03/04/2024,1,1,1,1\n02/03/2024,1,1,1,1\n",
        ["QQQ.csv", "line 4", "2024-02-03 follows 2024-03-04", "--date-format"],
    ),
    "repeated day, newest first": (
        "Date,Open,High,Low,Close\n2024-01-16,1,1,1,1\n2024-01-12,1,1,1,1\n2024-01-12,1,2,1,1\n",
        ["more than once", "2024-01-12 (lines 4, 3)"],
    ),
    "two symbols": (
        "Date,Symbol,Open,High,Low,Close\n2024-01-11,A,1,1,1,1\n2024-01-12,B,1,1,1,1\n",
        ["QQQ.csv", "2 symbols (A, B)"],
    ),
    "column twice": (
        "date,open,high,low,close,Close\n2024-01-11,1,1,1,1,1\n",
        ["QQQ.csv", "'close' occurs more than once"],
    ),
    "missing columns": (
        "date,open,close\n2024-01-11,1,1\n",
        ["QQQ.csv", "no column for high, low", "'date', 'open', 'close'", "needed: date"],
    ),
    "no date column": (
        "open,high,low,close\n1,1,1,1\n",
        ["QQQ.csv", "no column for date or datetime", "'open'"],
    ),
    "unknown columns": (
        "name,age\nx,1\n",
        ["QQQ.csv", "columns found: name, age", "needed: date"],
    ),
    "no header": (
        "2024-01-11,10,11,9,10,100,7,8\n2024-01-12,10,11,9,10,100,7,9\n",
        ["QQQ.csv has no header line", "2024-01-11,10,11", "--columns date,open,high,low,close"],
    ),
    "web page": ("<!DOCTYPE html>\n<html><body>404</body></html>", ["QQQ.csv is a web page"]),
    "empty file": ("", ["QQQ.csv is empty"]),
    "blank file": ("\n \n", ["QQQ.csv is empty"]),
    "header only": ("date,open,high,low,close\n", ["QQQ.csv holds no bars"]),
    "zero bytes": ("date,open\x00\x01", ["QQQ.csv is neither Parquet nor text"]),
    "archive": ("PK\x03\x04abc", ["QQQ.csv is a ZIP archive"]),
    "broken parquet": ("PAR1 and nothing else", ["QQQ.csv is a broken Parquet file"]),
}


@pytest.mark.parametrize("case", BROKEN_CELLS)
def test_broken_file(case: str, tmp_path: Path) -> None:
    text, parts = BROKEN_CELLS[case]
    with pytest.raises(DataError) as caught:
        read_bars(write(tmp_path, text))
    for part in parts:
        assert part in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


#: Files whose bars are of another length than 1day.
OF_ANOTHER_LENGTH = {
    "several bars a day": (
        "datetime,open,high,low,close\n"
        + "".join(f"2024-01-16 09:{m},1,1,1,1\n" for m in (30, 35, 40)),
        ["QQQ.csv, lines 2, 3", "2024-01-16, at 09:30 and 09:35", "timeframe 5min"],
    ),
    "weekly bars as daily": (
        "date,open,high,low,close\n"
        + "".join(f"{dt.date(2024, 1, 5) + dt.timedelta(7 * i)},1,1,1,1\n" for i in range(12)),
        ["QQQ.csv", "7 days apart", "not 1day bars", "timeframe 1week"],
    ),
}


@pytest.mark.parametrize("case", OF_ANOTHER_LENGTH)
def test_bars_of_another_length_than_was_asked_for(case: str, tmp_path: Path) -> None:
    text, parts = OF_ANOTHER_LENGTH[case]
    path = write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_bars(path, timeframe="1day")
    for part in parts:
        assert part in str(caught.value)
    found = read_bars(path).timeframe
    assert f"timeframe {found}" in str(caught.value)


BROKEN_INTRADAY = {
    "dates only": (HEAD, ["QQQ.csv has dates without times", "1day or 1week"]),
    "no such time": (
        "date,time,open,high,low,close\n2024-01-16,09:30,1,1,1,1\n2024-01-16,25:00,1,1,1,1\n",
        ["QQQ.csv, line 3, column 'time'", "'25:00' is not a time of day"],
    ),
    "thirteen in the afternoon": (
        "date,time,open,high,low,close\n2024-01-16,13:30 PM,1,1,1,1\n",
        ["line 2, column 'time'", "'13:30 PM'"],
    ),
    "some with an offset": (
        "datetime,open,high,low,close\n2024-01-16T09:30Z,1,1,1,1\n2024-01-16T09:35,1,1,1,1\n",
        ["line 3, column 'datetime'", "'2024-01-16T09:35' has no offset"],
    ),
    "too close": (
        "datetime,open,high,low,close\n"
        + "".join(f"2024-01-16 10:{m},1,1,1,1\n" for m in range(10, 30)),
        ["QQQ.csv", "1 minute apart", "timeframe 1min"],
    ),
}


@pytest.mark.parametrize("case", BROKEN_INTRADAY)
def test_broken_intraday_file(case: str, tmp_path: Path) -> None:
    text, parts = BROKEN_INTRADAY[case]
    with pytest.raises(DataError) as caught:
        read_bars(write(tmp_path, text), timeframe="5min")
    for part in parts:
        assert part in str(caught.value)


def test_parquet_cell_is_named_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "QQQ.parquet"
    DAILY.with_columns(
        pl.when(pl.col("date") == dt.date(2024, 1, 16)).then(None).otherwise("close").alias("close")
    ).drop("close").with_columns(
        close=pl.Series([1240.0, 1237.75, None, 1222.25]),
    ).write_parquet(path)
    with pytest.raises(DataError, match=r"QQQ\.parquet, row 3, column 'close' is empty"):
        read_bars(path)


def test_latin1_file_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "QQQ.csv"
    path.write_bytes(HEAD.encode() + b"2024-01-12,10,11,9,10,10\xa0000\n")
    bars = read_bars(path)
    assert bars.frame["volume"].to_list() == [100.0, 10_000.0]
    assert any("1252" in note for note in bars.origin.notes)


def test_what_is_no_text_in_any_encoding_names_byte_and_line(tmp_path: Path) -> None:
    path = tmp_path / "QQQ.csv"
    path.write_bytes(b"name,age\nx,1\ny\xa0,2\n")
    with pytest.raises(DataError, match=r"QQQ\.csv, line 3: byte 0xa0 is not UTF-8"):
        read_bars(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*none\.csv"):
        read_bars(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_bars(tmp_path)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"timeframe": "1days"}, "unknown timeframe '1days'; did you mean '1day'"),
        ({"calendar": "XNYX"}, "unknown calendar 'XNYX'; did you mean 'XNYS'"),
        ({"timezone": "America/NewYork"}, "did you mean 'America/New_York'"),
        ({"adjust": "splits"}, "unknown adjustment 'splits'"),
        ({"stamps": "closes"}, "stamps = 'closes' is unknown; did you mean 'close'"),
        ({"columns": "date,open"}, "columns must be a list of names, not 'date,open'"),
        ({"columns": ["date", "opeb"]}, "unknown column 'opeb'; did you mean 'open'"),
        ({"date_format": 1}, "date_format"),
        ({"timezone": 1}, "timezone"),
        ({"repair": "yes"}, "repair"),
    ],
)
def test_unknown_argument(argument: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        read_bars(write(tmp_path, DAILY_FILES["plain"]), **argument)


# Round trip: random bars, written in a random dialect, come back the same.


@dataclasses.dataclass(frozen=True)
class Dialect:
    separator: str
    comma: bool
    quoted: bool
    thousands: bool
    date_format: str
    headings: tuple[str, ...]
    mark: str
    newline: str
    descending: bool
    blank_lines: bool

    def price(self, value: float) -> str:
        text = repr(value)
        return text.replace(".", ",") if self.comma else text

    def whole(self, value: int) -> str:
        text = f"{value:,}" if self.thousands else str(value)
        return text.replace(",", ".") if self.comma else text

    def render(self, frame: pl.DataFrame) -> bytes:
        lines = [list(self.headings)]
        rows = frame.reverse() if self.descending else frame
        for day, *prices, volume in rows.iter_rows():
            stamp = day.strftime(self.date_format)
            lines.append([stamp, *(self.price(p) for p in prices), self.whole(int(volume))])
        text = io.StringIO()
        for i, line in enumerate(lines):
            quoted = [f'"{c}"' if self.quoted else c for c in line]
            text.write(self.separator.join(quoted) + self.newline)
            if self.blank_lines and i % 3 == 2:
                text.write(self.newline)
        return (self.mark + text.getvalue()).encode()


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    separator = draw(st.sampled_from(",;\t"))
    comma = separator == ";" and draw(st.booleans())
    quoted = draw(st.booleans())
    return Dialect(
        separator=separator,
        comma=comma,
        quoted=quoted,
        thousands=(quoted or separator != ",") and draw(st.booleans()),
        date_format=draw(
            st.sampled_from(
                ["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%b-%Y"]
            )
        ),
        headings=draw(
            st.sampled_from(
                [
                    ("date", "open", "high", "low", "close", "volume"),
                    ("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"),
                    (" Trade_Date", "Open Price", "HIGH", "low ", "Close*", "Total Volume"),
                ]
            )
        ),
        mark=draw(st.sampled_from(["", "\ufeff"])),
        newline=draw(st.sampled_from(["\n", "\r\n"])),
        descending=draw(st.booleans()),
        blank_lines=draw(st.booleans()),
    )


@st.composite
def bar_frames(draw: st.DrawFn) -> pl.DataFrame:
    # Prices with a fraction, as files have them; repr gives the shortest text that reads back.
    # A hundred times the least at most: of a cell with three decimals that is a thousand times away
    # from those beside it, none can tell whether its mark is one of thousands.
    least = draw(st.floats(0.05, 999.99))
    price = st.floats(least, 100 * least).filter(lambda p: "e" not in repr(p))
    count = draw(st.integers(2, 12))
    # Begins on a day above 12, so that no file is ambiguous.
    day = dt.date(draw(st.integers(1950, 2030)), draw(st.integers(1, 12)), 13)
    rows = []
    for _ in range(count):
        low, first, second, high = sorted(draw(st.tuples(*[price] * 4)))
        volume = draw(st.integers(0, 10**10))
        rows.append((day, first, high, low, second, float(volume)))
        day += dt.timedelta(days=1)
    schema = ["date", "open", "high", "low", "close", "volume"]
    return pl.DataFrame(rows, schema=schema, orient="row")


@given(frame=bar_frames(), dialect=dialects())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_round_trip(frame: pl.DataFrame, dialect: Dialect, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(dialect.render(frame))
    bars = read_bars(path, calendar="none")
    assert_frame_equal(bars.frame, frame, check_exact=True)


@given(
    start=st.integers(10**9, 2 * 10**9),
    step=st.sampled_from(["1min", "5min", "1hour"]),
    zone=st.sampled_from(["America/New_York", "Europe/Berlin", "UTC", "Asia/Tokyo"]),
    form=st.sampled_from(["iso", "utc", "epoch s", "epoch ms", "epoch us"]),
)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_round_trip_intraday(start: int, step: str, zone: str, form: str, tmp_path: Path) -> None:
    seconds = {"1min": 60, "5min": 300, "1hour": 3600}[step]
    begin = dt.datetime.fromtimestamp(start // 60 * 60, dt.UTC)
    times = [begin + dt.timedelta(seconds=seconds * i) for i in range(12)]
    lines = ["timestamp,open,high,low,close"]
    for time in times:
        epoch = round(time.timestamp())
        stamp = {
            "iso": time.astimezone(ZoneInfo(zone)).isoformat(),
            "utc": time.strftime("%Y-%m-%d %H:%M:%SZ"),
            "epoch s": str(epoch),
            "epoch ms": str(epoch * 1_000),
            "epoch us": str(epoch * 1_000_000),
        }[form]
        lines.append(f"{stamp},1,1,1,1")
    path = write(tmp_path, "\n".join(lines))
    bars = read_bars(path, timeframe=step, timezone=zone, calendar="none")
    assert bars.frame.schema["datetime"] == pl.Datetime("us", zone)
    assert bars.frame["datetime"].to_list() == times
