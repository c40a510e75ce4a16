"""Files as people have them, one test or more for each kind: the right bars, and what is said.

The texts have the shapes of public files, with numbers of their own. Files of the same kinds that
lie beside the repository are read too, where they are there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wfo.data import ImportedBars, read_bars
from wfo.errors import DataError, InputError

Read = Callable[..., ImportedBars]

#: Cases that were reported, one folder each.
REPORTED = Path(__file__).parents[2] / "shared" / "cases"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a text as a file; without a calendar unless one is named."""

    def call(text: str, name: str = "bars.csv", **how: Any) -> ImportedBars:
        path = tmp_path / name
        path.write_bytes(text.encode(how.pop("encoding", "utf-8")))
        return read_bars(path, **{"calendar": "none", **how})

    return call


def times(bars: ImportedBars, zone: str | None = None) -> list[str]:
    """Return the stamps of bars, such as ``2024-03-11 09:15``."""
    if "date" in bars.frame.columns:
        return [str(day) for day in bars.frame["date"]]
    stamps = bars.frame["datetime"]
    if zone is not None:
        stamps = stamps.dt.convert_time_zone(zone)
    return stamps.dt.strftime("%Y-%m-%d %H:%M").to_list()


def prices(bars: ImportedBars) -> list[tuple[float, ...]]:
    return bars.frame.select("open", "high", "low", "close").rows()


def said(bars: ImportedBars, *parts: str) -> bool:
    """Whether one note says all of it."""
    return any(all(part in note for part in parts) for note in bars.origin.notes)


def warned(bars: ImportedBars, *parts: str) -> bool:
    return any(all(part in line for part in parts) for line in bars.origin.warnings)


# Which end of a bar is stamped

DAYS_OF_MARCH = "Date,Open,High,Low,Close\n2024-03-11,1,1,1,1\n2024-03-12,1,1,1,1\n"
OPEN_INTEREST = """date,time,open,high,low,close,volume,oi
13-03-2024,09:15,504.12,517.81,503.57,516.96,75,19000
13-03-2024,09:16,518.99,521.69,508.32,512.5,75,19000
13-03-2024,09:17,511.43,527.2,507.43,526.47,75,19000
"""
STATION = """"Date","Time","Open","High","Low","Close","Up","Down"{more}
03/13/2024,09:31,10,12,9,11,30,20{cells}
03/13/2024,09:32,11,13,10,12,10,40{cells}
03/13/2024,09:33,12,14,11,13,30,20{cells}
"""


@pytest.mark.parametrize(
    ("date_format", "timeframe"), [(None, None), (None, "1min"), ("DD-MM-YYYY", None)]
)
def test_columns_that_many_files_have_are_no_vendors(
    read: Read, date_format: str | None, timeframe: str | None
) -> None:
    bars = read(OPEN_INTEREST, calendar="XBOM", date_format=date_format, timeframe=timeframe)
    assert bars.timeframe == "1min"
    assert times(bars) == ["2024-03-13 09:15", "2024-03-13 09:16", "2024-03-13 09:17"]
    assert bars.origin.timezone == "Asia/Kolkata"
    assert bars.stamps == "open"
    assert said(bars, "open", "--stamps close")
    assert said(bars, "Asia/Kolkata", "--timezone")


@pytest.mark.parametrize(("more", "cells"), [("", ""), (',"Avg","Bands"', ",10.5,11.5")])
def test_a_vendor_is_known_by_what_is_its_own_and_further_columns_change_nothing(
    read: Read, more: str, cells: str
) -> None:
    bars = read(STATION.format(more=more, cells=cells), calendar="XNYS")
    assert bars.vendor == "TradeStation"
    assert bars.stamps == "close"
    assert times(bars) == ["2024-03-13 09:30", "2024-03-13 09:31", "2024-03-13 09:32"]
    assert said(bars, "TradeStation", "bar ends", "--stamps open")
    assert bars.frame["volume"].to_list() == [50, 50, 50]


@pytest.mark.parametrize(
    ("text", "stamps", "first"),
    [
        (OPEN_INTEREST, "close", "2024-03-13 09:14"),
        (OPEN_INTEREST, "open", "2024-03-13 09:15"),
        (STATION.format(more="", cells=""), "open", "2024-03-13 09:31"),
        (STATION.format(more="", cells=""), "close", "2024-03-13 09:30"),
    ],
)
def test_the_option_says_it_outright(read: Read, text: str, stamps: Any, first: str) -> None:
    bars = read(text, timezone="America/New_York", stamps=stamps)
    assert times(bars)[0] == first
    assert bars.stamps == stamps


def test_stamps_that_look_like_ends_move_no_bar_and_are_warned_about(read: Read) -> None:
    ends = [
        dt.datetime(2024, 3, d, 9, 30, tzinfo=dt.UTC) + dt.timedelta(minutes=5 * i)
        for d in (12, 13, 14)
        for i in range(1, 79)
    ]
    lines = ["datetime,open,high,low,close", *(f"{end:%Y-%m-%d %H:%M},1,1,1,1" for end in ends)]
    bars = read("\n".join(lines), calendar="XNYS")
    assert times(bars)[0] == "2024-03-12 09:35"
    assert warned(bars, "ends", "--stamps close")
    moved = read("\n".join(lines), calendar="XNYS", stamps="close")
    assert times(moved)[0] == "2024-03-12 09:30"
    assert not moved.origin.warnings


def test_days_that_end_at_midnight_are_those_before_it(read: Read) -> None:
    text = "Date,Time,Open,High,Low,Close\n"
    text += "2024-03-12,00:00,1,1,1,1\n2024-03-13,00:00,1,1,1,1\n"
    assert times(read(text)) == ["2024-03-12", "2024-03-13"]
    bars = read(text, stamps="close")
    assert times(bars) == ["2024-03-11", "2024-03-12"]
    assert said(bars, "midnight", "--stamps close")
    # A day without a time of day is the day.
    assert times(read(DAYS_OF_MARCH, stamps="close")) == ["2024-03-11", "2024-03-12"]


def test_an_end_that_is_none_is_refused(read: Read) -> None:
    with pytest.raises(InputError, match=r"'end'.*known: close, open"):
        read(OPEN_INTEREST, stamps="end")


# Forms of time


def test_hours_of_a_twelve_hour_clock_without_minutes(read: Read) -> None:
    text = (
        "Date,Symbol,Open,High,Low,Close,Volume\n"
        "2024-03-03 12-AM,XYZUSD,61,62,60,61.5,10\n"
        "2024-03-02 11-PM,XYZUSD,61,62,60,61.5,10\n"
        "2024-03-02 10-PM,XYZUSD,61,62,60,61.5,10\n"
        "2024-03-02 09-PM,XYZUSD,61,62,60,61.5,10\n"
    )
    wanted = [f"2024-03-02 {hour}:00" for hour in (21, 22, 23)] + ["2024-03-03 00:00"]
    for how in ({}, {"timeframe": "1hour"}, {"date_format": "YYYY-MM-DD hh-A"}):
        bars = read(text, calendar="24/7", **how)
        assert bars.timeframe == "1hour"
        assert times(bars, "UTC") == wanted


@pytest.mark.parametrize(
    ("stamps", "first"),
    [
        (["11.03.2024 22:00:00.000 GMT+0100", "11.03.2024 23:00:00.000 GMT+0100"], "21:00"),
        (["2024-03-11T17:00:00 Europe/Berlin", "2024-03-11T18:00:00 Europe/Berlin"], "16:00"),
        (["2024-03-11 5:00:00 p.m.", "2024-03-11 6:00:00 p.m."], "17:00"),
        (["March 11, 2024 17:00", "March 11, 2024 18:00"], "17:00"),
    ],
)
def test_forms_of_stamps(read: Read, stamps: list[str], first: str) -> None:
    lines = ["Local time,Open,High,Low,Close,Volume"]
    lines += [f'"{stamp}",1.1,1.2,1.0,1.15,12.5' for stamp in stamps]
    bars = read("\n".join(lines), timezone="UTC")
    assert bars.timeframe == "1hour"
    assert times(bars)[0] == f"2024-03-11 {first}"


def test_spreadsheet_days(read: Read) -> None:
    bars = read("Date,Open,High,Low,Close\n45362,1,1,1,1\n45363,1,1,1,1\n45364,1,1,1,1\n")
    assert times(bars) == ["2024-03-11", "2024-03-12", "2024-03-13"]


def test_a_heading_that_names_the_zone(read: Read) -> None:
    text = "Gmt time,Open,High,Low,Close\n2024-03-11 13:30,1,1,1,1\n2024-03-11 13:31,1,1,1,1\n"
    bars = read(text, calendar="XNYS")
    assert times(bars, "UTC")[0] == "2024-03-11 13:30"


def test_day_first_where_the_sessions_say_so(read: Read) -> None:
    # 1 to 5 April 2024; month first, four of the five would be a weekend or out of step.
    days = "\n".join(f"0{d}/04/2024,1,1,1,1" for d in range(1, 6))
    bars = read(f"Date,Open,High,Low,Close\n{days}\n", calendar="XNYS")
    assert times(bars) == [f"2024-04-0{d}" for d in range(1, 6)]
    assert said(bars, "DD/MM/YYYY")


def test_an_unknown_form_names_an_option_that_reads_it(read: Read) -> None:
    text = "Date,Open,High,Low,Close\n2024_71,1,1,1,1\n"
    with pytest.raises(DataError, match=r"line 2, column 'Date'.*--date-format"):
        read(text)


# The length of bars


@pytest.mark.parametrize(
    ("stamps", "timeframe"),
    [
        ([f"2024-03-11 09:{m:02}" for m in (33, 34, 38, 39, 40, 41, 43)], "1min"),
        ([f"2024-03-11 {h:02}:00" for h in range(9, 16)], "1hour"),
        ([f"2024-03-{d}" for d in range(11, 16)], "1day"),
        ([f"2024-03-{d} 16:00" for d in range(11, 16)], "1day"),
        ([str(dt.date(2024, 3, 11) + dt.timedelta(7 * w)) for w in range(12)], "1week"),
    ],
)
def test_the_length_is_found_and_said(read: Read, stamps: list[str], timeframe: str) -> None:
    lines = ["date,open,high,low,close", *(f"{stamp},1,1,1,1" for stamp in stamps)]
    bars = read("\n".join(lines), timezone="UTC")
    assert bars.timeframe == timeframe
    if timeframe != "1day":
        assert said(bars, timeframe, "--timeframe")


def test_each_length_has_its_column_of_stamps(read: Read) -> None:
    # Seconds since 1970 at midnight in London, where it is the evening before in New York.
    text = "unix,date,open,high,low,close\n"
    days = text + "1710201600,2024-03-12,1,1,1,1\n1710288000,2024-03-13,1,1,1,1\n"
    assert times(read(days, calendar="XNYS")) == ["2024-03-12", "2024-03-13"]
    hours = text + "1710201600,2024-03-12,1,1,1,1\n1710205200,2024-03-12,1,1,1,1\n"
    assert times(read(hours), "UTC") == ["2024-03-12 00:00", "2024-03-12 01:00"]


@pytest.mark.parametrize("timeframe", [None, "1min"])
@pytest.mark.parametrize("empty", [True, False])
def test_most_minutes_may_be_without_a_trade(
    read: Read, timeframe: str | None, empty: bool
) -> None:
    # Most bars are three minutes apart, a few of them one.
    traded = {0, 1, *range(3, 60, 3)}
    lines = ["date,open,high,low,close"]
    for minute in range(60):
        if minute in traded or empty:
            cells = "1,1,1,1" if minute in traded else ",,,"
            lines.append(f"2024-03-11 10:{minute:02},{cells}")
    bars = read("\n".join(lines), timezone="UTC", timeframe=timeframe)
    assert bars.timeframe == "1min"
    assert bars.frame.height == len(traded)


# One notation a file

THOUSANDS = (
    "Date\tOpen\tHigh\tLow\tClose\n"
    "2024-01-01\t985\t997\t983\t995\n"
    "2024-01-02\t995\t1,002\t992\t1,002\n"
    "2024-01-03\t1,002\t1,002\t999\t1,000\n"
    "2024-01-04\t1,000\t1,002\t991\t994\n"
)


@pytest.mark.parametrize("repair", [False, True])
def test_a_thousand_beside_hundreds_is_a_thousand(read: Read, repair: bool) -> None:
    bars = read(THOUSANDS, repair=repair)
    assert prices(bars)[1] == (995, 1002, 992, 1002)
    assert bars.origin.repaired == 0


@pytest.mark.parametrize("repair", [False, True])
def test_cells_that_contradict_each_other_are_refused(read: Read, repair: bool) -> None:
    text = THOUSANDS.replace("983", "9.83,5").replace("994", "9,94.5")
    with pytest.raises(DataError, match=r"line [25], column '\w+'"):
        read(text, repair=repair)


# Optional columns that hold no numbers, and rows that are no bars


@pytest.mark.parametrize("empty", ["-", ""])
def test_a_volume_that_is_none_is_an_empty_cell(read: Read, empty: str) -> None:
    text = (
        '"Date","Price","Open","High","Low","Vol.","Change %"\n'
        f'"Mar 13, 2024","9,620.1","9,617.2","9,637.4","9,596.9","{empty}","-0.17%"\n'
        '"Mar 12, 2024","9,600.1","9,610.2","9,621.4","9,590.9","1.2M","0.17%"\n'
    )
    bars = read(text)
    assert bars.frame["volume"].to_list() == [1_200_000, None]
    assert prices(bars)[1] == (9617.2, 9637.4, 9596.9, 9620.1)
    if empty:
        assert said(bars, "Vol.", "1 cell is read as empty")


def test_a_column_without_any_volume_is_none(read: Read) -> None:
    text = (
        "Date,Close/Last,Volume,Open,High,Low\n"
        "03/13/2024,$20.10,N/A,$20.00,$20.20,$19.90\n"
        "03/12/2024,$20.00,N/A,$20.00,$20.20,$19.90\n"
    )
    bars = read(text, calendar="XNYS")
    assert times(bars) == ["2024-03-12", "2024-03-13"]
    assert "volume" not in bars.frame.columns


def test_minutes_without_a_trade(read: Read) -> None:
    text = (
        "Timestamp,Open,High,Low,Close,Volume_(BTC)\n"
        "1710115200,61.2,62.9,60.8,62.1,1.5\n"
        "1710115260,NaN,NaN,NaN,NaN,NaN\n"
        "1710115320,61.2,62.9,60.8,62.1,1.5\n"
        "1710115380,61.2,62.9,60.8,62.1,1.5\n"
    )
    bars = read(text, calendar="24/7", timeframe="1min")
    assert times(bars) == ["2024-03-11 00:00", "2024-03-11 00:02", "2024-03-11 00:03"]
    assert said(bars, "1 row", "line 3")


# Lines before and behind

DAYS = "2024-03-11,10,11,9,10.5,100\n2024-03-12,10,11,9,10.5,100\n"
HEAD = "Date,Open,High,Low,Close,Volume\n"


@pytest.mark.parametrize(
    "before",
    [
        "Created on 03-04-2024,https://www.example.com\n",
        "https://www.example.com/data\n",
        "XYZ Corp. daily prices\n\n",
        "# written by a script\n# of March\n",
        "sep=,\n",
    ],
)
def test_lines_before_the_heading_are_skipped(read: Read, before: str) -> None:
    bars = read(before + HEAD + DAYS)
    assert times(bars) == ["2024-03-11", "2024-03-12"]
    assert prices(bars)[0] == (10, 11, 9, 10.5)
    if not before.startswith("sep"):
        assert said(bars, "skipped", "line 1")


@pytest.mark.parametrize(
    "behind",
    [
        '"Downloaded from example.com as of 03/13/2024"\n',
        "\nThe data is provided as is.\nNo warranty.\n",
        "Total,,,,,200\n",
    ],
)
def test_lines_behind_the_data_are_skipped(read: Read, behind: str) -> None:
    bars = read(HEAD + DAYS + behind)
    assert times(bars) == ["2024-03-11", "2024-03-12"]
    assert said(bars, "behind the data")


def test_a_line_of_another_kind_amid_the_bars_is_refused(read: Read) -> None:
    first, second = DAYS.splitlines(keepends=True)
    with pytest.raises(DataError, match="line 3"):
        read(f"{HEAD}{first}Downloaded today\n{second}")


@pytest.mark.parametrize(
    "heads",
    [
        "Price,Close,High,Low,Open,Volume\nTicker,XYZ,XYZ,XYZ,XYZ,XYZ\nDate,,,,,\n",
        "Attributes,Close,High,Low,Open,Volume\nSymbols,XYZ,XYZ,XYZ,XYZ,XYZ\nDate,,,,,\n",
        "Ticker,XYZ,XYZ,XYZ,XYZ,XYZ\nPrice,Close,High,Low,Open,Volume\nDate,,,,,\n",
    ],
)
def test_several_heading_lines(read: Read, heads: str) -> None:
    bars = read(f"{heads}2024-03-11,10.5,11,9,10,100\n2024-03-12,10.5,11,9,10,100\n")
    assert times(bars) == ["2024-03-11", "2024-03-12"]
    assert prices(bars)[0] == (10, 11, 9, 10.5)


@pytest.mark.parametrize(
    ("heading", "vendor"),
    [
        ("Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen", "Stooq"),
        ("date,1. open,2. high,3. low,4. close,5. volume", "Alpha Vantage"),
        ("Datum,Eröffnung,Hoch,Tief,Schluss,Volumen", None),
        ("Fecha,Apertura,Máximo,Mínimo,Cierre,Volumen", None),
        ("日期,开盘,最高,最低,收盘,成交量", None),
    ],
)
def test_headings_of_vendors_and_languages(read: Read, heading: str, vendor: str | None) -> None:
    bars = read(f"{heading}\n{DAYS}")
    assert times(bars) == ["2024-03-11", "2024-03-12"]
    assert bars.frame["volume"].to_list() == [100, 100]
    if vendor is not None:
        assert bars.vendor == vendor


# Without headings


def test_kraken_without_headings(read: Read) -> None:
    bars = read("1710115200,61.2,62.9,60.8,62.1,10.5,31\n1710201600,62.1,62.9,60.8,61.1,10.5,30\n")
    assert times(bars) == ["2024-03-11", "2024-03-12"]
    assert prices(bars)[1] == (62.1, 62.9, 60.8, 61.1)
    assert bars.frame["volume"].to_list() == [10.5, 10.5]
    assert said(bars, "Kraken")


def test_columns_name_what_no_shape_tells(read: Read) -> None:
    text = "x;2024-03-11;10.5;9;11;10\nx;2024-03-12;10.5;9;11;10\n"
    bars = read(text, columns=["-", "date", "close", "low", "high", "open"])
    assert times(bars) == ["2024-03-11", "2024-03-12"]
    assert prices(bars)[0] == (10, 11, 9, 10.5)
    with pytest.raises(DataError, match="--columns"):
        read(text)


def test_columns_settle_which_of_two_is_meant(read: Read) -> None:
    text = "date,open,high,low,close,close\n2024-03-11,10,11,9,10.5,77\n"
    with pytest.raises(DataError, match=r"'close' occurs more than once.*--columns"):
        read(text)
    bars = read(text, columns=["date", "open", "high", "low", "close", "-"])
    assert prices(bars) == [(10, 11, 9, 10.5)]


@pytest.mark.parametrize("columns", [["date", "open"], ["date", "opening"], []])
def test_columns_that_cannot_be(read: Read, columns: list[str]) -> None:
    with pytest.raises((DataError, InputError), match="column"):
        read(HEAD + DAYS, columns=columns)


# Separators, packed files, encodings


def test_an_encoding_under_which_the_headings_are_known(read: Read) -> None:
    heading = "Data,Otwarcie,Najwyższy,Najniższy,Zamknięcie,Wolumen"
    bars = read(f"{heading}\n{DAYS}", encoding="cp1250")
    assert prices(bars)[0] == (10, 11, 9, 10.5)
    assert said(bars, "1250")


# Order


def test_rows_out_of_order_are_sorted_with_a_warning(read: Read) -> None:
    first, second = DAYS.splitlines(keepends=True)
    bars = read(f"{HEAD}{first}2024-03-14,10,11,9,10.5,1\n{second}2024-03-15,10,11,9,10.5,1\n")
    assert times(bars) == ["2024-03-11", "2024-03-12", "2024-03-14", "2024-03-15"]
    assert bars.frame["volume"].to_list() == [100, 100, 1, 1]
    assert warned(bars, "line 4")


def test_rows_repeated_in_every_cell_are_left_out_with_a_warning(read: Read) -> None:
    bars = read(HEAD + DAYS + DAYS.splitlines()[1] + "\n")
    assert times(bars) == ["2024-03-11", "2024-03-12"]
    assert warned(bars, "repeats another", "line 4")


def test_the_same_stamp_with_other_values_stays_an_error(read: Read) -> None:
    with pytest.raises(DataError, match=r"more than once.*2024-03-12 \(lines 3, 4\)"):
        read(HEAD + DAYS + "2024-03-12,10,11,9,10,100\n")


# Splits


def test_an_adjusted_close_that_shares_the_move_says_it_was_no_split(read: Read) -> None:
    text = (
        "Date,Open,High,Low,Close,Adj Close,Volume\n"
        "2024-03-11,19,19.3,18.7,19.2,18.2,100\n"
        "2024-03-12,28.6,29.8,27.3,28.4,26.9,900\n"
        "2024-03-13,28.6,29.8,27.3,28.5,27.0,900\n"
    )
    assert not warned(read(text, adjust="split-and-dividend"), "split")
    assert not warned(read(text), "split")
    unadjusted = text.replace("18.2", "26.5")
    assert warned(read(unadjusted), "split")


# The files that were reported

REPORTED_FILES: dict[str, tuple[dict[str, Any], list[str], str, tuple[float, ...]]] = {
    # File: (how it is read, its first and last stamp, its timeframe, first open, high, low, close)
    "year_of_fx_sunday_bars/bars.csv": (
        {"calendar": "none"},
        ["2017-01-01", "2020-12-31"],
        "1day",
        (1.09776, 1.10198, 1.09682, 1.10016),
    ),
    "year_of_thin_minutes/bars.csv": (
        {},
        ["2024-01-02 09:33", ""],
        "1min",
        (20.0, 20.01, 20.0, 20.01),
    ),
    "oi_column_taken_for_tradestation/bars.csv": (
        {"calendar": "XBOM"},
        ["2024-03-13 09:15", ""],
        "1min",
        (21504.12, 21517.81, 21503.57, 21516.96),
    ),
    "thousands_comma_repaired_into_wrong_prices/bars.csv": (
        {"calendar": "none"},
        ["2024-01-01", "2024-01-04"],
        "1day",
        (985, 997, 983, 995),
    ),
    "url_line_before_header/bars.csv": (
        {"calendar": "24/7"},
        ["2024-03-02", "2024-03-03"],
        "1day",
        (60.1, 61.5, 59.9, 61.2),
    ),
    "hour_with_am_pm_only/bars.csv": (
        {"calendar": "24/7"},
        ["2024-03-02 21:00", "2024-03-02 23:00"],
        "1hour",
        (61, 62, 60, 61.5),
    ),
    "stooq_polish_header/bars.csv": (
        {},
        ["2024-03-11", "2024-03-12"],
        "1day",
        (1342.4, 1356.0, 1338.7, 1341.5),
    ),
    "alpha_vantage_headings/av.csv": (
        {},
        ["2024-03-11", "2024-03-12"],
        "1day",
        (10, 11, 9, 10.5),
    ),
    "yfinance_attributes_header/pdr.csv": (
        {},
        ["2024-03-11", "2024-03-12"],
        "1day",
        (10, 11, 9, 10.5),
    ),
    "dukascopy_local_time/local.csv": (
        {"calendar": "none", "timezone": "UTC"},
        ["2024-03-11 21:00", "2024-03-11 22:00"],
        "1hour",
        (1.1, 1.2, 1.0, 1.15),
    ),
    "volume_dash_or_na/dash.csv": (
        {},
        ["2024-03-12", "2024-03-13"],
        "1day",
        (9610.2, 9621.4, 9590.9, 9600.1),
    ),
    "volume_dash_or_na/na.csv": (
        {},
        ["2024-03-12", "2024-03-13"],
        "1day",
        (20, 20.2, 19.9, 20),
    ),
    "yahoo_null_rows/null.csv": ({}, ["2024-03-11", "2024-03-13"], "1day", (10, 11, 9, 10.5)),
    "minutes_without_trade_as_nan/bars.csv": (
        {"calendar": "24/7", "timeframe": "1min"},
        ["2024-03-11 00:00", "2024-03-11 00:02"],
        "1min",
        (61.2, 62.9, 60.8, 62.1),
    ),
    "no_header_of_known_vendors/mt4.csv": (
        {"calendar": "none"},
        ["2024-03-11", "2024-03-12"],
        "1day",
        (1.1, 1.2, 1.0, 1.15),
    ),
    "no_header_of_known_vendors/kraken.csv": (
        {"calendar": "24/7"},
        ["2024-03-11", "2024-03-12"],
        "1day",
        (61.2, 62.9, 60.8, 62.1),
    ),
    "symbols_of_yahoo_and_crypto/any.csv": (
        {},
        ["2024-03-11", "2024-03-12"],
        "1day",
        (10, 11, 9, 10.5),
    ),
    "split_warning_after_adjusting/bars.csv": (
        {"calendar": "none"},
        ["2024-03-11", "2024-03-13"],
        "1day",
        (19, 19.3, 18.7, 19.2),
    ),
}


@pytest.mark.parametrize("file", REPORTED_FILES)
def test_reported_files(file: str) -> None:
    path = REPORTED / file
    if not path.is_file():
        pytest.skip(f"{path} is not on this machine")
    how, (first, last), timeframe, bar = REPORTED_FILES[file]
    bars = read_bars(path, **how)
    stamps = times(bars)
    assert bars.timeframe == timeframe
    assert (stamps[0], prices(bars)[0]) == (first, bar)
    assert last in ("", stamps[-1])
