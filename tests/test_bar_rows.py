"""Rows that are no bars, and optional columns without numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from wfo.data import ImportedBars, read_bars
from wfo.errors import DataError

Read = Callable[..., ImportedBars]

HEAD = "Date,Open,High,Low,Close,Adj Close,Volume"
BAR = "10,11,9,10.5,10.5,100"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a bar, then rows without their dates, then another bar."""

    def call(*rows: str, head: str = HEAD, bar: str = BAR) -> ImportedBars:
        lines = [head, *(f"2024-03-{i:02d},{row}" for i, row in enumerate((bar, *rows, bar), 11))]
        path = tmp_path / "bars.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_bars(path, calendar="none", timeframe="1day")

    return call


def notes(bars: ImportedBars, *parts: str) -> list[str]:
    return [n for n in bars.origin.notes if all(p in n for p in parts)]


WITHOUT_PRICE = [
    "null,null,null,null,null,null",
    "NaN,NaN,NaN,NaN,NaN,NaN",
    "-,-,-,-,-,-",
    ",,,,,",
    " , , , , ,0",
    "N/A,n.a.,--,\u2014,,100",
    "#N/A,#N/A,#N/A,#N/A,#N/A,#N/A",
    "0,0,0,0,0,0",
    "0.00,0.00,0.00,0.00,,",
]
REMARKS = [
    "0.25 Dividend,,,,,",
    ",,,0.25 Dividend,,",
    "2:1 Stock Split,,,,,",
    "Dividend 0.25,-,-,-,-,-",
    "Good Friday: market closed,,,,,",
    "Holiday,Holiday,Holiday,Holiday,Holiday,Holiday",
    "Open,High,Low,Close,Adj Close,Volume",
]


@pytest.mark.parametrize("row", WITHOUT_PRICE)
def test_a_row_without_any_price_is_left_out_and_counted(row: str, read: Read) -> None:
    bars = read(row)
    assert [str(day) for day in bars.frame["date"]] == ["2024-03-11", "2024-03-13"]
    assert bars.frame["close"].to_list() == [10.5, 10.5]
    assert bars.frame["volume"].to_list() == [100, 100]
    assert notes(bars, "1 row without any price was left out", "line 3")


@pytest.mark.parametrize("row", REMARKS)
def test_a_remark_in_the_place_of_prices_is_left_out_and_counted(row: str, read: Read) -> None:
    bars = read(row)
    assert [str(day) for day in bars.frame["date"]] == ["2024-03-11", "2024-03-13"]
    assert notes(bars, "1 row", "was left out", "line 3")


def test_rows_of_a_kind_are_one_note_with_the_first(read: Read) -> None:
    bars = read(*["null,null,null,null,null,null"] * 3, *["0.25 Dividend,,,,,"] * 2)
    assert bars.frame.height == 2
    assert notes(bars, "3 rows without any price were left out", "line 3")
    assert notes(bars, "2 rows", "were left out", "line 6, '0.25 Dividend'")


PRICE_MISSING = {
    "null,11,9,10.5,10.5,100": "line 3, column 'Open': 'null' is not a number",
    "10,11,9,,10.5,100": "line 3, column 'Close' is empty",
    "10,-,9,10.5,10.5,100": "line 3, column 'High': '-' is not a number",
    "0,11,9,10.5,10.5,100": "line 3, column 'open': 0.0 is not above zero",
    "10.5,,,,,": "line 3, column 'High' is empty",
    "12.5 USD,,,,,": "line 3, column 'High' is empty",
    "12.5x,,,,,": "line 3, column 'Open': '12.5x' is not a number",
    "some,other,words,here,,": "line 3, column 'Open': 'some' is not a number",
    "0.25 Dividend,11,,,,": "line 3, column 'Open': '0.25 Dividend' is not a number",
}


@pytest.mark.parametrize("row", PRICE_MISSING)
def test_a_price_that_is_missing_among_prices_is_refused(row: str, read: Read) -> None:
    with pytest.raises(DataError) as error:
        read(row)
    assert PRICE_MISSING[row] in str(error.value)


def test_a_file_of_no_bars_is_refused(read: Read) -> None:
    with pytest.raises(DataError, match=r"holds no bars: no row of it has a price"):
        read(bar="-,-,-,-,-,-")


def test_rows_of_a_parquet_file_without_any_price_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    nan, prices = float("nan"), [10.0, None, 11.0]
    days = pl.Series(["2024-03-11", "2024-03-12", "2024-03-13"]).str.to_date()
    frame = pl.DataFrame({"date": days, "open": prices, "high": prices, "low": prices})
    frame.with_columns(close=pl.Series([10.0, nan, 11.0])).write_parquet(path)
    bars = read_bars(path, calendar="none", timeframe="1day")
    assert bars.frame["close"].to_list() == [10.0, 11.0]
    assert notes(bars, "1 row without any price", "row 2")


NO_NUMBER = ["-", "--", "N/A", "n.a.", "null", "NaN", "None", "\u2205", "\u2014", "#N/A", "<NA>"]


@pytest.mark.parametrize("word", NO_NUMBER)
def test_a_word_for_none_is_an_empty_cell_of_an_optional_column(word: str, read: Read) -> None:
    bars = read(f"10,11,9,10.5,{word},{word}")
    assert bars.frame["volume"].to_list() == [100, None, 100]
    assert bars.frame["adj_close"].to_list() == [10.5, None, 10.5]
    assert "1 bar has no volume: 2024-03-12" in bars.origin.warnings


def test_words_for_none_are_counted(read: Read) -> None:
    bars = read("10,11,9,10.5,10.5,-", "10,11,9,10.5,10.5,n/a")
    assert notes(bars, "column 'Volume': 2 cells are read as empty", "'-' (line 3)")


def test_an_optional_column_without_any_number_is_left_out(read: Read) -> None:
    bars = read("10,11,9,10.5,10.5,-", bar="10,11,9,10.5,10.5,N/A")
    assert bars.frame.columns == ["date", "open", "high", "low", "close", "adj_close"]
    assert notes(bars, "'Volume'", "3 cells", "'N/A' (line 2)")


@pytest.mark.parametrize("word", ["many", "1.2.3", "#DIV/0!", "inf", "100 shares"])
def test_other_text_in_an_optional_column_is_refused(word: str, read: Read) -> None:
    with pytest.raises(DataError, match="line 3, column 'Volume'"):
        read(f"10,11,9,10.5,10.5,{word}")
