"""Which end of a bar its stamp is, in which zone, and whose file says so."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from wfo.data import read_bars
from wfo.errors import DataError

PRICES = {"Open": [10.0] * 2, "High": [11.0] * 2, "Low": [9.0] * 2, "Close": [10.0] * 2}
MOMENTS = [dt.datetime.fromisoformat(f"2024-01-16 14:3{m}") for m in (0, 1)]


def first(tmp_path: Path, columns: dict[str, Any], **options: Any) -> str:
    path = tmp_path / "XYZ.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return str(read_bars(path, timeframe="1min", **options).frame["datetime"][0])


def test_stamps_of_a_vendor_that_stamps_ends_are_moved(tmp_path: Path) -> None:
    stamps = {"Date": ["01/16/2024"] * 2, "Time": ["09:31", "09:32"]}
    columns = stamps | PRICES | {"Up": [1] * 2, "Down": [2] * 2}
    assert first(tmp_path, columns) == "2024-01-16 09:30:00-05:00"


@pytest.mark.parametrize("heading", ["Date (UTC)", "Gmt time"])
def test_the_zone_of_a_heading_is_that_of_date_times(heading: str, tmp_path: Path) -> None:
    assert first(tmp_path, {heading: MOMENTS, **PRICES}) == "2024-01-16 09:30:00-05:00"


def test_a_column_of_times_may_hold_the_dates(tmp_path: Path) -> None:
    columns = {"time": MOMENTS, **PRICES}
    assert first(tmp_path, columns, calendar="24/7") == "2024-01-16 14:30:00+00:00"


def test_a_heading_may_say_that_stamps_are_ends(tmp_path: Path) -> None:
    ends = [moment + dt.timedelta(seconds=59.999) for moment in MOMENTS]
    columns = {"close_time": ends, **PRICES}
    assert first(tmp_path, columns, calendar="24/7") == "2024-01-16 14:30:00+00:00"


def test_ends_that_look_like_opens_are_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "XYZ.csv"
    rows = [f"01/16/2024,{h:02}:30,10,11,9,10,1,1" for h in range(9, 16)]
    path.write_text("\n".join(["Date,Time,Open,High,Low,Close,Up,Down", *rows]))
    warnings = read_bars(path, timeframe="1hour").origin.warnings
    assert any("--stamps open" in warning for warning in warnings)


def test_a_column_that_may_say_the_zone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "XYZ.csv"
    path.write_text("Date,Time,TZ,Open,High,Low,Close\n2024-01-16,09:30,UTC,10,11,9,10\n")
    assert any("'TZ'" in w for w in read_bars(path, timeframe="1min").origin.warnings)
    named = read_bars(path, timeframe="1min", timezone="UTC").origin.warnings
    assert not any("'TZ'" in w for w in named)


def test_a_half_of_the_day_in_a_column_of_its_own_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "XYZ.csv"
    path.write_text("Date,Time,AM/PM,Open,High,Low,Close\n2024-01-16,01:30,PM,10,11,9,10\n")
    with pytest.raises(DataError, match="'AM/PM': write both into one"):
        read_bars(path, timeframe="1min")
