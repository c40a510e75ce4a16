"""Whose file it is: by headings of its own, by the shape of rows, and what follows from that."""

from __future__ import annotations

import pytest

import wfo.docs.vendor_files
from wfo.data.importing.headings.languages import LANGUAGES
from wfo.data.importing.headings.recognising import FIELDS, recognise
from wfo.data.importing.vendors.finding import find_vendor, headless
from wfo.data.importing.vendors.known import KNOWN
from wfo.data.importing.vendors.shapes import HEADLESS
from wfo.data.importing.vendors.vendor import Vendor


def vendor(line: str, separator: str = ",") -> Vendor | None:
    return find_vendor(line.split(separator))


@pytest.mark.parametrize(
    ("line", "name", "stamps", "zone"),
    [
        ("Date,Time,Open,High,Low,Close,Up,Down", "TradeStation", "close", None),
        ("Date,Time,Open,High,Low,Close,Vol,OI", "TradeStation", "close", None),
        ("Date,Time,Open,High,Low,Close,Up,Down,Avg,Volume", "TradeStation", "close", None),
        ("Date,Time,Open,High,Low,Close,TotalVolume", "MultiCharts", "close", None),
        ("Symbol,Date,Time,Open,High,Low,Close,TotalVolume", "MultiCharts", "close", None),
        (
            "Date, Time, Open, High, Low, Last, Volume, # of Trades, ZigZag",
            "Sierra Chart",
            "open",
            None,
        ),
        ("Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume", "EODHD", "open", "UTC"),
        ("Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen", "Stooq", "open", None),
        ("date,1. open,2. high,3. low,4. close,5. volume", "Alpha Vantage", "open", None),
        ("Gmt time,Open,High,Low,Close,Volume", "Dukascopy", "open", "UTC"),
        ("Local time,Open,High,Low,Close,Volume", "Dukascopy", "open", None),
        ("open,close,high,low,value,volume,begin,end", "MOEX", "open", "Europe/Moscow"),
        ("Date,Open,High,Low,Close,Adj Close,Volume", "Yahoo", "open", None),
        ("Date,Price,Open,High,Low,Vol.,Change %", "investing.com", "open", None),
        ("Datum,Erster,Hoch,Tief,Schlusskurs,Stuecke,Volumen", "ariva.de", "open", None),
    ],
)
def test_a_vendor_is_known_by_headings_of_its_own(
    line: str, name: str, stamps: str, zone: str | None
) -> None:
    found = vendor(line)
    assert found is not None
    assert (found.name, found.stamps, found.zone) == (name, stamps, zone)


@pytest.mark.parametrize(
    "line",
    [
        "date,time,open,high,low,close,volume,oi",
        "Date,Time,Open,High,Low,Close,Volume,OI",
        "date,time,open,high,low,close,up,down",
        "Date,Time,Open,High,Low,Close,Down,Up",
        "Date,Time,Close,Open,High,Low,Vol,OI",
        "Symbol,Date,Time,Open,High,Low,Close,Vol,OI",
        "DATE,TIME,OPEN,HIGH,LOW,CLOSE,VOL,OI",
        "Date,Time,Open,High,Low,Close,Volume",
        "date,time,open,high,low,close,totalvolume",
        "date,open,high,low,close,volume",
        "timestamp,open,high,low,close,volume",
    ],
)
def test_headings_that_others_share_are_nobodys(line: str) -> None:
    assert vendor(line) is None


def test_only_what_documentation_says_moves_bars() -> None:
    ends = {known.name for known in KNOWN if known.stamps == "close"}
    assert ends == {"TradeStation", "MultiCharts"}
    assert {shape.name for shape in HEADLESS if shape.stamps == "close"} == set()


@pytest.mark.parametrize(
    "known", KNOWN, ids=lambda known: f"{known.name}: {known.starts or known.has}"
)
def test_headings_of_known_vendors_are_read(known) -> None:  # type: ignore[no-untyped-def]
    """Of every vendor the headings that it is known by name prices, and the first match is it."""
    headings = [h for h in f"{known.starts},{known.has}".split(",") if h]
    found = find_vendor(headings)
    assert found is not None
    assert found.name == known.name
    columns = recognise(headings)
    assert columns.repeated == ()
    assert set(columns.position) & {"date", "time", "datetime", "open"}


# Files without headings

#: Rows of a vendor, by its name: the columns, and three rows or more that are its own alone.
ROWS = {
    "MetaTrader": (
        "date time open high low close volume",
        "2024.03.11,00:00,1.1,1.2,1.0,1.15,2031\n2024.03.11,00:01,1.15,1.2,1.1,1.12,1999\n",
    ),
    "Kraken": (
        "datetime open high low close volume -",
        "1710115200,61.2,62.9,60.8,62.1,10.5,31\n1710201600,62.1,62.9,60.8,61.1,10.5,30\n",
    ),
    "Binance": (
        "datetime open high low close volume - - - - - -",
        (
            "1710115200000,61.2,62.9,60.8,62.1,9,1710115259999,5.1,31,5.1,0.2,0\n"
            "1710115260000,62.1,62.9,60.8,61.1,9,1710115319999,5.1,30,5.1,0.2,0\n"
        ),
    ),
    "Coinbase": (
        "datetime low high open close volume",
        "1710115260,60.8,62.9,62.1,61.1,10.5\n1710115200,60.8,62.9,61.2,62.1,10.5\n",
    ),
    "Bitfinex": (
        "datetime open close high low volume",
        "1710115260000,62.1,61.1,62.9,60.8,10.5\n1710115200000,61.2,62.1,62.9,60.8,10.5\n",
    ),
    "KuCoin": (
        "datetime open close high low volume -",
        "1710115260,62.1,61.1,62.9,60.8,10.5,644.2\n1710115200,61.2,62.1,62.9,60.8,10.5,650.1\n",
    ),
    "HistData": (
        "datetime open high low close volume",
        "20240311 000000;1.1;1.2;1.0;1.15;0\n20240311 000100;1.15;1.2;1.1;1.12;0\n",
    ),
    "FirstRate Data": (
        "datetime open high low close volume",
        "2024-03-11 09:30:00,10,12,9,11,300\n2024-03-11 09:31:00,11,13,10,12,200\n",
    ),
    "Kibot": (
        "date time open high low close volume",
        "03/11/2024,09:30,10,12,9,11,300\n03/11/2024,09:31,11,13,10,12,200\n",
    ),
    "IQFeed": (
        "datetime high low open close - volume -",
        "2024-03-11 09:32:00,13,10,11,12,500,200,0,\n2024-03-11 09:31:00,12,9,10,11,300,300,0,\n",
    ),
    "QuantQuote": (
        "date time open high low close volume - - -",
        "20240311,930,10,12,9,11,300,1,0,0\n20240311,931,11,13,10,12,200,1,0,0\n",
    ),
    "MetaStock ASCII": (
        "ticker - date time open high low close volume -",
        "XYZ.US,5,20240311,093000,10,12,9,11,300,0\nXYZ.US,5,20240311,093500,11,13,10,12,200,0\n",
    ),
    "NinjaTrader": (
        "date open high low close volume",
        "20240311;10;12;9;11;300\n20240312;11;13;10;12;200\n",
    ),
}


def cells(text: str) -> list[list[str]]:
    return [line.split(";" if ";" in text else ",") for line in text.splitlines()]


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_a_vendor_without_headings(name: str) -> None:
    columns, text = ROWS[name]
    found = headless(cells(text))
    assert found is not None
    fields, whose, notes = found
    order = columns.split()
    assert fields.position == {f: i for i, f in enumerate(order) if f != "-"}
    assert set(fields.position) <= set(FIELDS)
    assert (whose.name, whose.stamps, whose.zone) == (name, "open", None)
    assert "no headings" in notes[0]
    assert name in notes[0]


def test_a_shape_of_two_vendors_names_the_other() -> None:
    found = headless(cells(ROWS["HistData"][1]))
    assert found is not None
    (note,) = found[2]
    assert "NinjaTrader" in note
    assert "--stamps close" in note
    assert "Etc/GMT+5" in note


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-11,10,11,9,10,100\n2024-01-12,10,11,9,10,100\n",  # anybody's
        "1710115200,62,62,62,62,10\n1710115260,61,61,61,61,10\n",  # of any order of prices
        "1710115200,61.2,60.8,62.9,62.1,10.5,31\n1710201600,62.1,60.8,62.9,61.1,10.5,30\n",
        "2024.03.11,00:00,1.15,1.2,1.0,1.3,2031\n2024.03.11,00:01,1.15,1.2,1.3,1.12,1999\n",
        "2024-03-11 09:30:00,10,12,9,11,10.5\n2024-03-11 09:31:00,11,13,10,12,11.5\n",  # an average
        "34200000,10,12,9,11,300\n34260000,11,13,10,12,200\n",  # no epoch
        "20240311 00:00,3450000,3460000,3440000,3455000,12\n",  # prices times 10,000
        "2024-01-11,10,11,9,10.5,10.4,100\n2024-01-12,10,11,9,10,9.9,100\n",  # an adjusted close
        "2024.03.11,00:00,1.1,1.2,1.0,1.15,2031\n2024.03.11,00:01,1.15\n",
        "\n\n",
        "a,b,c,d,e,f\n",
    ],
)
def test_rows_that_may_be_anything_have_no_shape(text: str) -> None:
    assert headless(cells(text)) is None


def test_rows_without_a_bar_do_not_hide_the_shape() -> None:
    rows = cells(ROWS["Kraken"][1] + "1710288000,NaN,NaN,NaN,NaN,NaN,0\n\n")
    assert headless(rows) is not None


# The page


def plain(line: str) -> str:
    """Return a line of Markdown without the marks that escape its signs."""
    return line.replace("\\", "").replace(",  ", ", ")


def test_the_page_has_every_vendor_shape_and_language() -> None:
    page = wfo.docs.vendor_files.vendors_page()
    first, second, third = (part.splitlines() for part in page.split("\n## ")[1:])
    for known in KNOWN:
        headings = plain((known.starts or known.has).replace(",", ", "))
        row = next(
            line
            for line in map(plain, first)
            if line.startswith(f"| {known.name} |") and headings in line
        )
        assert f" | {known.stamps} | " in row
        assert (known.zone or "") in row.rpartition(" | ")[2]
    for shape in HEADLESS:
        begin = f"| {shape.name} | {shape.listed} | {shape.stamps} | {shape.dates}"
        assert any(line.startswith(begin) for line in second), begin
    for names in LANGUAGES:
        (row,) = (line for line in third if line.startswith(f"| {names.of} |"))
        assert names.open.split(" | ")[0] in row
