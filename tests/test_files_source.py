"""A folder of files as a source: which file is read, what of it is answered, what fails."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from loopback import VirtualClock

from wfo.data.sources.config import SourcesConfig
from wfo.data.sources.errors import MalformedError, RefusedError, UnknownSymbolError
from wfo.data.sources.files import Files
from wfo.data.sources.registry import open_source
from wfo.data.sources.source import Answer, SeriesRequest, Source
from wfo.errors import InputError

NOW = dt.datetime(2025, 3, 5, 22, 0, tzinfo=dt.UTC)
HEADER = "date,open,high,low,close,volume"


def date(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def line(stamp: str, close: float = 10.0) -> str:
    return f"{stamp},{close},{close + 1},{close - 1},{close},100"


def write(folder: Path, name: str, lines: Sequence[str], header: str = HEADER) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


def request(
    first: str, last: str, symbol: str = "SMH", timeframe: str = "1day", **more: Any
) -> SeriesRequest:
    return SeriesRequest(symbol, date(first), date(last), timeframe, **more)


def files(folder: Path) -> Files:
    return Files(folder, clock=VirtualClock(NOW))


def one(source: Files, asked: SeriesRequest) -> Answer:
    [answer] = source.fetch([asked])
    assert (answer.request, answer.first, answer.last) == (asked, asked.first, asked.last)
    return answer


DAYS = [line("2025-02-27", 10), line("2025-02-28", 11), line("2025-03-03", 12)]


def test_it_is_a_source(tmp_path: Path) -> None:
    source = files(tmp_path)
    assert isinstance(source, Source)
    assert source.series == ("bars",)
    assert set(source.adjustments) == {"raw", "split", "dividend", "split-and-dividend"}
    assert source.calendar("SMH") == "XNYS"
    assert source.calendar("BTC/USDT") == "24/7"
    assert source.calendar("@ES") == "none"


def test_a_range_is_answered(tmp_path: Path) -> None:
    write(tmp_path, "SMH_1day.csv", DAYS)
    frame = one(files(tmp_path), request("2025-02-28", "2025-03-04")).frame
    assert frame.to_dict(as_series=False) == {
        "date": [date("2025-02-28"), date("2025-03-03")],
        "open": [11.0, 12.0],
        "high": [12.0, 13.0],
        "low": [10.0, 11.0],
        "close": [11.0, 12.0],
        "volume": [100.0, 100.0],
    }


def test_a_range_without_bars_is_answered(tmp_path: Path) -> None:
    write(tmp_path, "SMH_1day.csv", DAYS)
    assert one(files(tmp_path), request("2020-01-01", "2020-12-31")).frame.height == 0


def test_today_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "SMH.csv", [line("2025-03-04"), line("2025-03-05")])
    frame = one(files(tmp_path), request("2025-03-04", "2025-03-05")).frame
    assert frame["date"].to_list() == [date("2025-03-04")]


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("SMH_1day.csv", "SMH"),
        ("SMH.csv", "SMH"),
        ("%5EGSPC_1day.csv", "^GSPC"),
        ("^GSPC.csv", "^GSPC"),
        ("@ES_1day.csv", "@ES"),
        ("%40ES.csv", "@ES"),
        ("BTC%2FUSDT.csv", "BTC/USDT"),
    ],
)
def test_names_of_files(tmp_path: Path, name: str, symbol: str) -> None:
    write(tmp_path, name, DAYS)
    calendar = "24/7" if "/" in symbol else "none" if symbol[0] == "@" else "XNYS"
    asked = request("2025-02-01", "2025-03-04", symbol, calendar=calendar)
    assert one(files(tmp_path), asked).frame.height == 3


def test_parquet_files(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"date": [date("2025-03-03")], "open": [1.0], "high": [2.0], "low": [0.5], "close": [1.5]}
    )
    frame.write_parquet(tmp_path / "SMH_1day.parquet")
    # A plain file of the same bars is not even looked at.
    write(tmp_path, "SMH.csv", ["nonsense"])
    assert one(files(tmp_path), request("2025-02-01", "2025-03-04")).frame.equals(frame)


def test_intraday_bars_open_in_the_exchanges_zone(tmp_path: Path) -> None:
    rows = [line("2025-03-03 15:55"), line("2025-03-04 09:30"), line("2025-03-04 09:35")]
    write(tmp_path, "SMH_5min.csv", rows, HEADER.replace("date", "datetime"))
    frame = one(files(tmp_path), request("2025-03-04", "2025-03-04", timeframe="5min")).frame
    assert frame.schema["datetime"] == pl.Datetime("us", "America/New_York")
    assert frame["datetime"].dt.strftime("%H:%M").to_list() == ["09:30", "09:35"]


def test_without_a_calendar_stamps_are_of_utc(tmp_path: Path) -> None:
    rows = [line("2025-03-03 23:55"), line("2025-03-04 00:00")]
    write(tmp_path, "X_5min.csv", rows, HEADER.replace("date", "datetime"))
    asked = request("2025-03-04", "2025-03-04", "X", "5min", calendar="none")
    frame = one(files(tmp_path), asked).frame
    assert frame["datetime"].to_list() == [dt.datetime(2025, 3, 4, tzinfo=dt.UTC)]


def test_a_plain_name_is_for_daily_bars_alone(tmp_path: Path) -> None:
    write(tmp_path, "SMH.csv", DAYS)
    with pytest.raises(UnknownSymbolError, match=r"SMH_5min\.parquet, SMH_5min\.csv$"):
        list(files(tmp_path).fetch([request("2025-03-03", "2025-03-03", timeframe="5min")]))


def test_a_missing_file_is_an_unknown_symbol_with_the_names_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownSymbolError,
        match=r"looked for SMH_1day\.parquet, SMH_1day\.csv, SMH\.parquet, SMH\.csv$",
    ):
        list(files(tmp_path).fetch([request("2025-03-03", "2025-03-03")]))


def test_the_others_are_answered_before_a_missing_file_is_reported(tmp_path: Path) -> None:
    write(tmp_path, "SMH.csv", DAYS)
    asked = [request("2025-03-03", "2025-03-03", s) for s in ("QQQ", "SMH")]
    answers: list[Answer] = []
    with pytest.raises(UnknownSymbolError, match="QQQ"):
        answers.extend(files(tmp_path).fetch(asked))
    assert [a.request for a in answers] == asked[1:]


@pytest.mark.parametrize("symbol", ["../SMH", "/etc/passwd", "..", "a/../../SMH", "\\SMH", "C:SMH"])
def test_no_symbol_leads_out_of_the_folder(tmp_path: Path, symbol: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    write(tmp_path, "SMH.csv", DAYS)
    with pytest.raises(UnknownSymbolError):
        list(files(inner).fetch([request("2025-03-03", "2025-03-03", symbol)]))


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="WFO_FILES_DIR"):
        list(files(tmp_path / "absent").fetch([request("2025-03-03", "2025-03-03")]))


# Files that change


def test_a_file_that_grows_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path, "SMH.csv", DAYS)
    source, asked = files(tmp_path), request("2025-02-01", "2025-03-04")
    assert one(source, asked).frame.height == 3
    with path.open("a") as file:
        file.write(line("2025-03-04", 13) + "\n")
    frame = one(source, asked).frame
    assert frame["date"][-1] == date("2025-03-04")
    assert frame.height == 4


def test_a_file_that_is_replaced_by_one_of_its_size_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path, "SMH.csv", [line("2025-02-27", 30), *DAYS[1:]])
    source, asked = files(tmp_path), request("2025-02-01", "2025-03-04")
    assert one(source, asked).frame["close"][0] == 30
    size = path.stat().st_size
    write(tmp_path, "SMH.csv", [line("2025-02-27", 20), *DAYS[1:]])
    assert path.stat().st_size == size
    os.utime(path, ns=(1, 1))
    assert one(source, asked).frame["close"][0] == 20


def test_the_earliest_day_is_that_of_the_first_bar(tmp_path: Path) -> None:
    write(tmp_path, "SMH.csv", DAYS)
    write(tmp_path, "BAD.csv", ["nonsense"])
    source = files(tmp_path)
    assert source.earliest("SMH", "1day", "bars") == date("2025-02-27")
    for symbol in ("QQQ", "BAD"):  # what is wrong with them, fetching says
        assert source.earliest(symbol, "1day", "bars") == date("1990-01-01")


# Files as vendors write them


def test_a_file_is_recognised_as_an_import_does(tmp_path: Path) -> None:
    text = (
        "Prices of SMH, downloaded on 4 March\n\n"
        "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n"
        '2025-02-27,"1,010","1,011",999,"1,010",-\n'
        "2025-02-28,null,null,null,null,null\n"
        '2025-03-03,"1,012","1,013","1,001","1,012",100\n'
    )
    (tmp_path / "SMH.csv").write_text(text, "utf-8")
    answer = one(files(tmp_path), request("2025-02-01", "2025-03-04"))
    assert answer.frame["date"].to_list() == [date("2025-02-27"), date("2025-03-03")]
    assert answer.frame["low"].to_list() == [999.0, 1001.0]
    assert answer.frame["volume"].to_list() == [None, 100.0]
    assert any("line 5" in note for note in answer.notes)


def test_what_is_doubtful_of_a_file_is_a_note(tmp_path: Path) -> None:
    write(tmp_path, "SMH.csv", [DAYS[1], DAYS[0], DAYS[2], DAYS[2]])
    answer = one(files(tmp_path), request("2025-02-01", "2025-03-04"))
    assert answer.frame["close"].to_list() == [10.0, 11.0, 12.0]
    assert any("line 3" in note for note in answer.notes)
    assert any("4, 5" in note or "line 5" in note for note in answer.notes)
    # A session that the file lacks, a check of the store says.
    write(tmp_path, "QQQ.csv", [DAYS[0], DAYS[2]])
    lacking = one(files(tmp_path), request("2025-02-01", "2025-03-04", "QQQ"))
    assert not any("missing" in note for note in lacking.notes)


def test_the_length_of_bars_is_that_which_is_asked_for(tmp_path: Path) -> None:
    rows = [line(f"2025-03-03 10:{m:02}") for m in range(30)]
    write(tmp_path, "SMH_5min.csv", rows, HEADER.replace("date", "datetime"))
    with pytest.raises(MalformedError, match=r"1 minute apart.*timeframe 1min"):
        list(files(tmp_path).fetch([request("2025-03-03", "2025-03-03", timeframe="5min")]))


# Adjustment


@pytest.mark.parametrize(
    ("adjust", "said"),
    [
        ("raw", "nothing"),
        ("split", "splits"),
        ("dividend", "dividends"),
        ("split-and-dividend", "splits and dividends"),
    ],
)
def test_prices_are_taken_for_what_is_asked_and_that_is_said(
    tmp_path: Path, adjust: str, said: str
) -> None:
    write(tmp_path, "SMH.csv", DAYS)
    answer = one(files(tmp_path), request("2025-02-01", "2025-03-04", adjust=adjust))
    assert answer.frame["close"].to_list() == [10.0, 11.0, 12.0]
    assert f"prices are taken as adjusted for {said}, unchecked" in answer.notes


def test_an_adjusted_close_is_used_for_splits_and_dividends(tmp_path: Path) -> None:
    header = HEADER + ",Adj Close"
    write(tmp_path, "SMH.csv", [f"{row},{5 + i}" for i, row in enumerate(DAYS)], header)
    source = files(tmp_path)
    adjusted = one(source, request("2025-02-01", "2025-03-04", adjust="split-and-dividend"))
    plain = one(source, request("2025-02-01", "2025-03-04", adjust="split"))
    assert adjusted.frame["close"].to_list() == pytest.approx([5, 6, 7], rel=1e-12)
    assert adjusted.frame["open"].to_list() == pytest.approx([5, 6, 7], rel=1e-12)
    assert not any("unchecked" in note for note in adjusted.notes)
    assert plain.frame["close"].to_list() == [10.0, 11.0, 12.0]
    assert adjusted.frame.columns == plain.frame.columns == HEADER.split(",")


# Faults


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([DAYS[0], "2025-02-28,11,12,,11,100"], "line 3, column 'low'"),
        ([DAYS[0], "2025-02-28,11,9,12,11,100"], "line 3: high and low"),
        ([DAYS[0], "2025-02-28,-1,12,9,11,100"], "line 3"),
        ([DAYS[0], line("2025-02-27", 10.5)], "2025-02-27"),
        (["nonsense"], "SMH.csv"),
        ([], "SMH.csv"),
    ],
)
def test_a_broken_file_is_an_error_that_names_file_and_line(
    tmp_path: Path, lines: list[str], said: str
) -> None:
    write(tmp_path, "SMH.csv", lines)
    with pytest.raises(MalformedError, match=said) as caught:
        list(files(tmp_path).fetch([request("2025-02-01", "2025-03-04")]))
    assert "SMH.csv" in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", b"\x00\x01\x02", b"<html></html>"])
def test_what_is_no_file_of_bars_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "SMH.csv").write_bytes(content)
    with pytest.raises(MalformedError, match=r"SMH\.csv"):
        list(files(tmp_path).fetch([request("2025-02-01", "2025-03-04")]))


@pytest.mark.parametrize(("more", "said"), [({"series": "mark"}, "no series 'mark'")])
def test_what_it_does_not_have_is_refused(tmp_path: Path, more: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        list(files(tmp_path).fetch([request("2025-02-01", "2025-03-04", **more)]))


# Weeks


def test_a_week_that_is_not_over_is_left_out(tmp_path: Path) -> None:
    # It is Wednesday, 5 March.
    weeks = [line(f"{day}") for day in ("2025-02-17", "2025-02-24", "2025-03-03")]
    write(tmp_path, "SMH_1week.csv", weeks)
    frame = one(files(tmp_path), request("2025-02-01", "2025-03-05", timeframe="1week")).frame
    assert frame["date"].to_list() == [date("2025-02-17"), date("2025-02-24")]


# Configuration


def test_the_folder_comes_from_the_configuration(tmp_path: Path) -> None:
    write(tmp_path, "SMH.csv", DAYS)
    environ = {"WFO_CONFIG_DIR": str(tmp_path / "config"), "WFO_FILES_DIR": str(tmp_path)}
    source = open_source("files", SourcesConfig.load(environ), clock=VirtualClock(NOW))
    [answer] = source.fetch([request("2025-02-01", "2025-03-04")])
    assert answer.frame.height == 3


def test_without_a_folder_it_says_where_to_name_it(tmp_path: Path) -> None:
    config = SourcesConfig.load({"WFO_CONFIG_DIR": str(tmp_path)})
    with pytest.raises(InputError, match=r"WFO_FILES_DIR.*sources\.toml"):
        Files.from_config(config, VirtualClock(NOW))
