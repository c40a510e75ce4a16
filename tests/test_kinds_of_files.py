"""Kinds of files that people have: of each some more, made from public descriptions.

Of each kind there is a public case that was read wrong or refused once; these are others of the
same kinds, with own numbers and the bars that a person reads in them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from wfo.data import import_bars, read_bars
from wfo.errors import DataError

DAYS = [("2024-03-11", 10.0, 11.0, 9.0, 10.5, 100.0), ("2024-03-12", 10.5, 12.0, 10.0, 11.5, 200.0)]
HOURS = [
    ("2024-03-11T22:00", 1.1, 1.2, 1.0, 1.15, 12.0),
    ("2024-03-11T23:00", 1.15, 1.2, 1.1, 1.12, 10.0),
]
MINUTES = [
    ("2024-03-11T13:30", 100.0, 101.5, 99.5, 100.5, 500.0),
    ("2024-03-11T13:31", 100.5, 101.0, 100.25, 100.75, 400.0),
]
#: How often a pattern of bars is read: bars of weeks would be two of seven days.
NO_GAPS: dict[str, Any] = {"calendar": "none"}
UTC: dict[str, Any] = {"calendar": "24/7", "timezone": "UTC"}
UTC_HOURS: dict[str, Any] = {**UTC, "timeframe": "1hour"}
NEW_YORK: dict[str, Any] = {"timeframe": "1min"}


@dataclasses.dataclass(frozen=True)
class File:
    """A file, its bars, the arguments to read it by, and what notes have to say."""

    text: str
    bars: list[tuple[Any, ...]]
    how: dict[str, Any] = dataclasses.field(default_factory=lambda: NO_GAPS)
    said: str = ""
    encoding: str = "utf-8"


def without_volume(bars: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(*bar[:5], None) for bar in bars]


FILES = {
    # Lines before the heading and behind the data
    "comments before, an empty line, dividends and splits as columns": File(
        "# Stock data for XYZ from 2024-03-11 to 2024-03-12\n# Total records: 2\n\n"
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
        "2024-03-11,10.0,11.0,9.0,10.5,100,0.0,0.0\n2024-03-12,10.5,12.0,10.0,11.5,200,0.0,0.0\n",
        DAYS,
    ),
    "a title, a period and a note below, as a spreadsheet is saved": File(
        "Kurse der XYZ AG;;;;;\nZeitraum: 01.03.2024 - 31.03.2024;;;;;\n;;;;;\n"
        "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen\n11.03.2024;10,00;11,00;9,00;10,50;100\n"
        "12.03.2024;10,50;12,00;10,00;11,50;200\n;;;;;\nAlle Angaben ohne Gewähr;;;;;\n",
        DAYS,
    ),
    "a line behind the data": File(
        "Time,Open,High,Low,Latest,Change,%Change,Volume\n"
        "2024-03-12,10.5,12,10,11.5,1.0,+9.52%,200\n2024-03-11,10,11,9,10.5,0.5,+5.00%,100\n"
        '"Downloaded from Barchart.com as of 03-13-2024 02:31am CDT"\n',
        DAYS,
    ),
    # Forms of time
    "hours of a twelve-hour clock in a column of their own": File(
        "Date,Time,Open,High,Low,Close,Volume\n03/16/2024,11 AM,1.1,1.2,1.0,1.15,12\n"
        "03/16/2024,12 PM,1.15,1.2,1.1,1.12,10\n",
        [("2024-03-16T11:00", *HOURS[0][1:]), ("2024-03-16T12:00", *HOURS[1][1:])],
        UTC_HOURS,
    ),
    "midnight of a twelve-hour clock, newest first": File(
        "Date,Symbol,Open,High,Low,Close,Volume\n2024-03-12 12-AM,XYZUSD,1.15,1.2,1.1,1.12,10\n"
        "2024-03-11 11-PM,XYZUSD,1.1,1.2,1.0,1.15,12\n",
        [("2024-03-11T23:00", *HOURS[0][1:]), ("2024-03-12T00:00", *HOURS[1][1:])],
        UTC_HOURS,
    ),
    "a date format with hours": File(
        "Stamp,Open,High,Low,Close,Volume\n05/04/2024 10-PM,1.1,1.2,1.0,1.15,12\n"
        "05/04/2024 11-PM,1.15,1.2,1.1,1.12,10\n".replace("Stamp", "Date"),
        [("2024-04-05T22:00", *HOURS[0][1:]), ("2024-04-05T23:00", *HOURS[1][1:])],
        {**UTC_HOURS, "date_format": "DD/MM/YYYY hh-A"},
    ),
    "a zone of the data base behind the time": File(
        "date,open,high,low,close,volume,average,barCount\n"
        "20240311 09:30:00 US/Eastern,100.0,101.5,99.5,100.5,500,100.3,41\n"
        "20240311 09:31:00 US/Eastern,100.5,101.0,100.25,100.75,400,100.6,38\n",
        MINUTES,
        NEW_YORK,
    ),
    "an offset and a zone in brackets": File(
        "timestamp,open,high,low,close,volume\n"
        "2024-03-11T23:00:00+01:00[Europe/Berlin],1.1,1.2,1.0,1.15,12\n"
        "2024-03-12T00:00:00+01:00[Europe/Berlin],1.15,1.2,1.1,1.12,10\n",
        HOURS,
        UTC_HOURS,
    ),
    "an offset of hours alone behind GMT": File(
        "Local time,Open,High,Low,Close,Volume\n"
        "12.03.2024 07:00:00.000 GMT+0900,1.1,1.2,1,1.15,12\n"
        "12.03.2024 08:00:00.000 GMT+0900,1.15,1.2,1.1,1.12,10\n",
        HOURS,
        UTC_HOURS,
    ),
    "a heading that names the zone": File(
        "Date (UTC);Open;High;Low;Close;Volume\n2024-03-11 22:00:00;1.1;1.2;1.0;1.15;12\n"
        "2024-03-11 23:00:00;1.15;1.2;1.1;1.12;10\n",
        HOURS,
        {"calendar": "none", "timeframe": "1hour", "timezone": "UTC"},
    ),
    # Headings
    "headings of a German exchange": File(
        "Datum;Eröffnungspreis;Tageshoch;Tagestief;Schlusspreis;Diff. %;Stückumsatz\n"
        "12.03.2024;10,50;12,00;10,00;11,50;+9,52;200\n11.03.2024;10,00;11,00;9,00;10,50;-;100\n",
        DAYS,
    ),
    "headings in Italian, quoted": File(
        '"Data","Ultimo","Apertura","Massimo","Minimo","Vol.","Var. %"\n'
        '"12.03.2024","11,50","10,50","12,00","10,00","0,20K","9,52%"\n'
        '"11.03.2024","10,50","10,00","11,00","9,00","0,10K","5,00%"\n',
        DAYS,
    ),
    "headings in Japanese, in their encoding": File(
        '日付,始値,高値,安値,終値,出来高\n2024/03/11,10,11,9,10.5,"100"\n'
        '2024/03/12,10.5,12,10,11.5,"200"\n',
        DAYS,
        encoding="cp932",
    ),
    "headings in Chinese, the close second": File(
        "日期,开盘,收盘,最高,最低,成交量,成交额,换手率\n2024-03-11,10,10.5,11,9,100,1050.0,0.1\n"
        "2024-03-12,10.5,11.5,12,10,200,2300.0,0.2\n",
        DAYS,
        encoding="gb18030",
    ),
    "an API with a full set of adjusted columns": File(
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,"
        "splitFactor\n"
        "2024-03-11,10.5,11,9,10,100,5.25,5.5,4.5,5,200,0.0,1.0\n"
        "2024-03-12,11.5,12,10,10.5,200,11.5,12,10,10.5,200,0.0,2.0\n",
        DAYS,
    ),
    "two levels of headings, the ticker above": File(
        "Ticker,XYZ,XYZ,XYZ,XYZ,XYZ\nPrice,Open,High,Low,Close,Volume\nDate,,,,,\n"
        "2024-03-11,10,11,9,10.5,100\n2024-03-12,10.5,12,10,11.5,200\n",
        DAYS,
    ),
    # Optional cells without a number
    "the sign of an empty set for volume": File(
        "time,open,high,low,close,Volume\n2024-03-11,10,11,9,10.5,∅\n2024-03-12,10.5,12,10,11.5,200\n",
        [(*DAYS[0][:5], None), DAYS[1]],
    ),
    "n.a. for all volumes": File(
        "Datum;Open;High;Low;Close;Volumen\n11.03.2024;10,0;11,0;9,0;10,5;n.a.\n"
        "12.03.2024;10,5;12,0;10,0;11,5;n.a.\n",
        without_volume(DAYS),
    ),
    # Rows that are no bars
    "a dividend with its cells joined, as a page is copied": File(
        "Date\tOpen\tHigh\tLow\tClose\tAdj Close\tVolume\n"
        "Mar 12, 2024\t10.50\t12.00\t10.00\t11.50\t11.50\t200\nMar 12, 2024\t0.25 Dividend\n"
        "Mar 11, 2024\t10.00\t11.00\t9.00\t10.50\t10.26\t100\n",
        DAYS,
        said="0.25 Dividend",
    ),
    "a split in the place of the prices": File(
        'Date,Open,High,Low,Close,Volume\n2024-03-12,"1:20 Stock Split",,,,\n'
        "2024-03-12,10.5,12,10,11.5,200\n2024-03-11,10,11,9,10.5,100\n",
        DAYS,
        said="1:20 Stock Split",
    ),
    "a minute without trade that has a volume of zero": File(
        "Timestamp,Open,High,Low,Close,Volume\n1710163800,100,101.5,99.5,100.5,500\n"
        "1710163860,100.5,101,100.25,100.75,400\n1710163920,,,,,0\n",
        MINUTES,
        NEW_YORK,
        said="line 4",
    ),
    "holidays as dashes": File(
        "Date;Open;High;Low;Close;Volume\n11/03/2024;10;11;9;10.5;100\n12/03/2024;10.5;12;10;11.5;200\n"
        "29/03/2024;-;-;-;-;-\n",
        DAYS,
        {**NO_GAPS, "timeframe": "1day", "date_format": "DD/MM/YYYY"},
        said="line 4",
    ),
    # No headings
    "klines of an exchange, in microseconds": File(
        "1710194400000000,1.1,1.2,1.0,1.15,12,1710197999999999,13.5,31,6,6.7,0\n"
        "1710198000000000,1.15,1.2,1.1,1.12,10,1710201599999999,11.4,30,5,5.7,0\n",
        HOURS,
        UTC_HOURS,
    ),
    "minutes of a currency pair, semicolons and no headings": File(
        "20240311 083000;100;101.5;99.5;100.5;500\n20240311 083100;100.5;101;100.25;100.75;400\n",
        MINUTES,
        {"calendar": "none", "timeframe": "1min", "timezone": "Etc/GMT+5", "stamps": "open"},
    ),
    "columns that are named": File(
        "XYZ;100;10,5;9;11;10;11.03.2024\nXYZ;200;11,5;10;12;10,5;12.03.2024\n",
        DAYS,
        {**NO_GAPS, "columns": ["-", "volume", "close", "low", "high", "open", "date"]},
    ),
    # One notation
    "thousands with a point among hundreds": File(
        "Datum;Open;High;Low;Close\n11.03.2024;985;1.002;983;995\n12.03.2024;1.001;1.010;998;1.004\n",
        [("2024-03-11", 985, 1002, 983, 995, None), ("2024-03-12", 1001, 1010, 998, 1004, None)],
    ),
    "pairs of digits before the thousands": File(
        '"Date","Open","High","Low","Close","Volume"\n'
        '"11-Mar-2024","99,850.50","1,00,200.00","99,700.25","1,00,100.00","12,34,567"\n'
        '"12-Mar-2024","1,00,150.00","1,00,300.75","99,950.00","1,00,000.50","9,87,654"\n',
        [("2024-03-11", 99850.5, 100200, 99700.25, 100100, 1234567),
         ("2024-03-12", 100150, 100300.75, 99950, 100000.5, 987654)],
    ),
    "a currency behind the number, blanks between thousands": File(
        "Date;Open;High;Low;Close\n11/03/2024;998,50 €;1 002,25 €;995,00 €;1 001,00 €\n"
        "13/03/2024;1 001,50 €;1 010,75 €;999,00 €;1 004,50 €\n",
        [("2024-03-11", 998.5, 1002.25, 995, 1001, None),
         ("2024-03-13", 1001.5, 1010.75, 999, 1004.5, None)],
        {**NO_GAPS, "timeframe": "1day"},
    ),
    # Which end of a bar is stamped
    "a file of a broker with open interest": File(
        "Date,Time,Open,High,Low,Close,Volume,OI\n2024-03-11,09:30,100,101.5,99.5,100.5,500,19000\n"
        "2024-03-11,09:31,100.5,101,100.25,100.75,400,19000\n",
        MINUTES,
        NEW_YORK,
        said="open",
    ),
    "a chart of TradeStation with a study": File(
        '"Date","Time","Open","High","Low","Close","Up","Down","RSI"\n'
        "03/11/2024,09:31,100.00,101.50,99.50,100.50,300,200,51.2\n"
        "03/11/2024,09:32,100.50,101.00,100.25,100.75,150,250,52.8\n",
        MINUTES,
        NEW_YORK,
        said="TradeStation",
    ),
    "ends that are said to be ends": File(
        "datetime,open,high,low,close,volume\n2024-03-11 09:31,100,101.5,99.5,100.5,500\n"
        "2024-03-11 09:32,100.5,101,100.25,100.75,400\n",
        MINUTES,
        {**NEW_YORK, "stamps": "close"},
    ),
}  # fmt: skip


def check(path: Path, file: File) -> None:
    found = read_bars(path, **file.how)
    frame = found.frame
    times = [
        cell.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M")
        if isinstance(cell, dt.datetime)
        else str(cell)
        for cell in frame[:, 0]
    ]
    volumes = frame["volume"] if "volume" in frame.columns else [None] * frame.height
    prices = frame.select("open", "high", "low", "close").rows()
    rows = [(t, *p, v) for t, p, v in zip(times, prices, volumes, strict=True)]
    assert rows == file.bars
    said = "\n".join((*found.origin.notes, *found.origin.warnings))
    assert file.said in said, said


@pytest.mark.parametrize("kind", FILES)
def test_kind(kind: str, tmp_path: Path) -> None:
    file = FILES[kind]
    path = tmp_path / "XYZ.csv"
    path.write_bytes(file.text.encode(file.encoding))
    check(path, file)


def test_packed_files(tmp_path: Path) -> None:
    file = FILES["a heading that names the zone"]
    packed = tmp_path / "XYZ.csv.gz"
    packed.write_bytes(gzip.compress(file.text.encode()))
    check(packed, file)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "Thank you for your order.")
        archive.writestr("data/XYZ.csv", file.text)
    (tmp_path / "XYZ.zip").write_bytes(content.getvalue())
    check(tmp_path / "XYZ.zip", file)


REFUSED = {
    "a price missing among prices": (
        "Date,Open,High,Low,Close,Volume\n2024-03-11,10,11,9,10.5,100\n2024-03-12,1,null,1,1,9\n",
        {},
        ["line 3", "'High'"],
    ),
    "two notations in one file, repaired or not": (
        (
            "Date;Open;High;Low;Close\n11.03.2024;998,50;1.002,25;995,00;1.001,00\n"
            "12.03.2024;1.001,50;1.010,75;999,00;1,004.50\n"
        ),
        {"repair": True},
        ["line 3", "'Close'"],
    ),
    "a close far beyond its high, repaired": (
        "Date,Open,High,Low,Close\n2024-03-11,10,11,9,10.5\n2024-03-12,10.5,12,10,1150\n",
        {"repair": True},
        ["line 3", "1150"],
    ),
    "words for a volume": (
        "Date,Open,High,Low,Close,Volume\n2024-03-11,10,11,9,10.5,100\n2024-03-12,10,12,9,11,plenty\n",
        {},
        ["line 3", "'Volume'", "'plenty'"],
    ),
    "no headings that are known": (
        "1,2024-03-11,x,10,11,9,10.5\n2,2024-03-12,x,10.5,12,10,11.5\n",
        {},
        ["--columns"],
    ),
    "the same headings under two groups": (
        (
            ",Bid,Bid,Bid,Bid,Ask,Ask,Ask,Ask\nDate,Open,High,Low,Close,Open,High,Low,Close\n"
            "2024-03-11,10,11,9,10.5,10.1,11.1,9.1,10.6\n"
        ),
        {},
        ["more than once"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_kind(kind: str, tmp_path: Path) -> None:
    text, how, parts = REFUSED[kind]
    path = tmp_path / "XYZ.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_bars(path, calendar="none", **how)
    said = str(caught.value)
    assert "\n" not in said
    for part in ("XYZ.csv", *parts):
        assert part in said


@pytest.mark.parametrize("factor", [0.05, 1.5])
def test_no_split_where_the_adjusted_close_moves_too(factor: float, tmp_path: Path) -> None:
    lines = ["Date,Open,High,Low,Close,Adj Close,Volume"]
    for number, level in enumerate((1.0, 1.0, 1 / factor, 1 / factor)):
        o, h, low, c, adj = (round(level * p, 4) for p in (20, 20.5, 19.5, 20.1, 19.9))
        lines.append(f"2024-03-{11 + number},{o},{h},{low},{c},{adj},1000")
    path = tmp_path / "XYZ.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = read_bars(path, calendar="none", adjust="split-and-dividend")
    assert not any("split" in warning for warning in found.origin.warnings)


@pytest.mark.parametrize("symbol", ["EURUSD=X", "GC=F", "^N225", "@NQ", "ETH/BTC"])
def test_symbols_are_listed_under_their_names(symbol: str, tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_text("date,open,high,low,close\n2024-03-11,10,11,9,10.5\n", encoding="utf-8")
    saved = import_bars(path, symbol, store=tmp_path / "store", calendar="none", timeframe="1day")
    assert saved.meta.symbol == symbol
    assert saved.bars_path.parent == tmp_path / "store"
