"""Checks of bars against themselves and against the exchange's calendar."""

from __future__ import annotations

import datetime as dt
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wfo.data.checks
import wfo.data.gaps
from wfo.data import (
    DataStore,
    calendar_names,
    calendar_timezone,
    check_bars,
    import_bars,
    load_sample,
    read_bars,
)
from wfo.data.calendars import load_sessions
from wfo.data.deriving import resample_stored
from wfo.data.fixing import check_stored
from wfo.data.gaps import find_gaps
from wfo.data.meta import ADJUSTMENTS, Adjust
from wfo.errors import DataError, InputError

SAMPLE = load_sample("NASDAQ")


def daily(dates: list[dt.date]) -> pl.DataFrame:
    return pl.DataFrame({"date": dates}).with_columns(
        *(pl.lit(10.0).alias(p) for p in ("open", "high", "low", "close"))
    )


def intraday(stamps: list[str], zone: str = "America/New_York") -> pl.DataFrame:
    times = pl.Series(stamps).str.to_datetime("%Y-%m-%d %H:%M").dt.replace_time_zone(zone)
    return pl.DataFrame({"datetime": times}).with_columns(
        *(pl.lit(10.0).alias(p) for p in ("open", "high", "low", "close"))
    )


def session_bars(
    first: dt.date, last: dt.date, minutes: int, calendar: str = "XNYS"
) -> pl.DataFrame:
    """All bars of the sessions of a calendar, counted from each open."""
    sessions = load_sessions(calendar, first, last)
    times = [
        row["open"] + dt.timedelta(minutes=m)
        for row in sessions.frame.iter_rows(named=True)
        for m in range(0, int((row["close"] - row["open"]).total_seconds()) // 60, minutes)
        if row["break_start"] is None
        or not row["break_start"] <= row["open"] + dt.timedelta(minutes=m) < row["break_end"]
    ]
    return pl.DataFrame({"datetime": times}).with_columns(
        pl.col("datetime").cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(sessions.timezone),
        *(pl.lit(10.0).alias(p) for p in ("open", "high", "low", "close")),
    )


@pytest.mark.parametrize("name", ["NASDAQ", "SP500"])
def test_sample_has_no_gap(name: str) -> None:
    report = check_bars(load_sample(name))
    assert report.errors == ()
    assert not any("missing" in w or "outside" in w for w in report.warnings)


def test_sample_zero_volumes_are_found() -> None:
    assert check_bars(SAMPLE).warnings == ("2 bars have zero volume: 2015-05-12, 2018-01-09",)
    assert check_bars(load_sample("SP500")).warnings == ()


# Closures outside the usual holidays: attacks of 2001, storm of 2012, two days of mourning.
CLOSURES = [
    *(dt.date(2001, 9, d) for d in (11, 12, 13, 14)),
    dt.date(2012, 10, 29),
    dt.date(2012, 10, 30),
    dt.date(2018, 12, 5),
    dt.date(2025, 1, 9),
]


@pytest.mark.parametrize("day", CLOSURES, ids=str)
def test_special_closure_is_no_session(day: dt.date) -> None:
    around = [day + dt.timedelta(days=i) for i in range(-10, 11)]
    sessions = set(load_sessions("XNYS", around[0], around[-1]).frame["session"])
    assert day not in sessions
    assert check_bars(daily([d for d in around if d in sessions])).warnings == ()
    with_it = check_bars(daily(sorted(sessions | {day})))
    assert with_it.warnings == (f"1 bar lies outside the sessions of XNYS: {day}",)


def test_half_day_is_a_session() -> None:
    days = [dt.date(2024, 11, d) for d in (25, 26, 27, 29)]  # the 29th closes at 13:00
    assert check_bars(daily(days)).warnings == ()
    without = check_bars(daily([*days[:3], dt.date(2024, 12, 2)]))
    assert without.warnings == ("1 session of XNYS missing: 2024-11-29",)


@given(removed=st.sets(st.integers(1, SAMPLE.height - 2), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_removed_sessions_are_the_missing_ones(removed: set[int]) -> None:
    rows = sorted(removed)
    frame = SAMPLE.with_row_index("row").filter(~pl.col("row").is_in(rows)).drop("row")
    gaps = [w for w in check_bars(frame).warnings if "missing" in w]
    days = [str(SAMPLE["date"][r]) for r in rows]
    count = "1 session" if len(days) == 1 else f"{len(days)} sessions"
    assert gaps == [f"{count} of XNYS missing: {said(rows, days)}"]


def said(rows: list[int], names: list[str]) -> str:
    """The first three runs of neighbours, and how many more there are."""
    runs: list[list[int]] = []
    for k, row in enumerate(rows):
        if runs and rows[runs[-1][-1]] == row - 1:
            runs[-1].append(k)
        else:
            runs.append([k])
    shown = [
        names[r[0]] if len(r) == 1 else f"{names[r[0]]} to {names[r[-1]]} ({len(r)})"
        for r in runs[:3]
    ]
    more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
    return ", ".join(shown) + more + (" such runs" if more and len(runs) < len(rows) else "")


def test_calendar_none_looks_for_no_gap() -> None:
    frame = SAMPLE.gather_every(2)[:5]
    assert check_bars(frame, calendar="none").warnings == ()
    assert len(check_bars(frame).warnings) == 1


def test_every_day_is_a_session_around_the_clock() -> None:
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(60)]
    assert check_bars(daily(days), calendar="24/7").warnings == ()
    wrong = check_bars(daily(days), calendar="XNYS").warnings
    assert len(wrong) == 1
    assert "is it the right calendar?" in wrong[0]


def test_the_calendar_that_never_closes_is_that_of_the_library() -> None:
    import exchange_calendars

    span = ("2023-12-30", "2024-03-01")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = exchange_calendars.get_calendar("24/7", start=span[0], end=span[1])
        assert (theirs.bound_min(), theirs.bound_max()) == (None, None)
        rows = theirs.schedule.reset_index(names="session").to_dict("list")
    ours = load_sessions("24/7", *map(dt.date.fromisoformat, span))
    assert ours.timezone == str(theirs.tz)
    assert ours.frame["session"].to_list() == [day.date() for day in rows["session"]]
    for name in ("open", "close"):
        assert ours.frame[name].to_list() == [time.to_pydatetime() for time in rows[name]]
    assert ours.frame.select("break_start", "break_end").null_count().row(0) == (63, 63)
    assert ours.frame.schema == load_sessions("XNYS", ours.first, ours.last).frame.schema


def test_calendar_that_begins_later_says_so() -> None:
    # The calendar of Tokyo begins in 1997; 1996-12-30 cannot be checked.
    sessions = load_sessions("XTKS", dt.date(1996, 1, 1), dt.date(1997, 1, 31))
    assert sessions.first == dt.date(1997, 1, 1)
    known = sessions.frame["session"].to_list()
    report = check_bars(daily([dt.date(1996, 12, 30), *known]), calendar="XTKS")
    assert len(report.warnings) == 1
    assert "XTKS covers 1997-01-01 to" in report.warnings[0]
    assert report.warnings[0].endswith("only: 1 bar was not checked against it")
    before = check_bars(daily([dt.date(1990, 1, 4), dt.date(1990, 1, 5)]), calendar="XTKS")
    assert before.warnings == (
        "the calendar XTKS has no facts for the time of these bars: not checked",
    )


def test_history_before_the_default_range_is_checked() -> None:
    days = load_sessions("XNYS", dt.date(1950, 1, 1), dt.date(1950, 3, 31)).frame["session"]
    assert len(days) > 50
    removed = days[20]
    report = check_bars(daily([d for d in days if d != removed]))
    assert report.warnings == (f"1 session of XNYS missing: {removed}",)


def test_unknown_calendar_and_zone_of_known_ones() -> None:
    with pytest.raises(InputError, match="unknown calendar 'XNY'; did you mean 'XNYS'"):
        check_bars(SAMPLE, calendar="XNY")
    assert {"XNYS", "24/7", "NYSE", "none"} <= set(calendar_names())
    assert calendar_timezone("XNYS") == "America/New_York"
    assert calendar_timezone("24/7") == "UTC"
    assert calendar_timezone("none") is None


# Intraday: 2024-11-25 to -29 is Thanksgiving week (closed on the 28th, 13:00 on the 29th).
WEEK = (dt.date(2024, 11, 25), dt.date(2024, 11, 29))


@pytest.mark.parametrize("minutes", [1, 5, 15, 30])
def test_early_close_is_no_gap(minutes: int) -> None:
    bars = session_bars(*WEEK, minutes)
    assert bars.height == (3 * 390 + 210) // minutes
    assert check_bars(bars, f"{minutes}min").warnings == ()


@pytest.mark.parametrize(
    ("timeframe", "times"),
    [
        ("1hour", ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"]),
        ("1hour", ["09:30", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00"]),
        ("1hour", ["09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00"]),
        ("4hour", ["09:30", "13:30"]),
        ("4hour", ["08:00", "12:00"]),
    ],
)
def test_hours_count_from_the_open_or_from_the_clock(timeframe: str, times: list[str]) -> None:
    days = ["2024-11-25", "2024-11-26", "2024-11-27"]
    stamps = [f"{d} {t}" for d in days for t in times]
    assert check_bars(intraday(stamps), timeframe).warnings == ()
    missing = stamps[len(times) + 1]
    found = check_bars(intraday([s for s in stamps if s != missing]), timeframe).warnings
    assert found == (f"1 bar is missing within sessions of XNYS: {missing}",)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_removed_bars_are_the_missing_ones(data: st.DataObject) -> None:
    bars = session_bars(*WEEK, 5)
    rows = sorted(data.draw(st.sets(st.integers(1, bars.height - 2), min_size=1, max_size=12)))
    frame = bars.with_row_index("row").filter(~pl.col("row").is_in(rows)).drop("row")
    stamps = [f"{bars['datetime'][r]:%Y-%m-%d %H:%M}" for r in rows]
    count = "1 bar is" if len(rows) == 1 else f"{len(rows)} bars are"
    # Sessions are apart: a number between them keeps runs from going over their seam.
    days = bars["datetime"].dt.ordinal_day()
    apart = [r + int(days[r]) for r in rows]
    expected = f"{count} missing within sessions of XNYS: {said(apart, stamps)}"
    expected = re.sub(r"(\S+) (\S+) to \1 (\S+)", r"\1 \2 to \3", expected)
    assert check_bars(frame, "5min").warnings == (expected,)


def test_missing_sessions_and_bars_are_said_in_runs() -> None:
    days = load_sessions("XNYS", dt.date(2024, 1, 2), dt.date(2024, 1, 31)).frame["session"]
    gone = {dt.date(2024, 1, d) for d in (5, 8, 9, 16, 17)}  # the 15th is a holiday
    report = check_bars(daily([d for d in days if d not in gone]))
    assert report.warnings == (
        "5 sessions of XNYS missing: 2024-01-05 to 2024-01-09 (3), 2024-01-16 to 2024-01-17 (2)",
    )
    bars = session_bars(*WEEK, 5).with_row_index("row")
    # The last two bars of Monday and the first of Tuesday, and three at Tuesday's noon.
    kept = bars.filter(~pl.col("row").is_in([76, 77, 78, 108, 109, 110])).drop("row")
    runs = "2024-11-25 15:50 to 15:55 (2), 2024-11-26 09:30, 2024-11-26 12:00 to 12:10 (3)"
    expected = f"6 bars are missing within sessions of XNYS: {runs}"
    assert check_bars(kept, "5min").warnings == (expected,)


def test_whole_session_missing_is_reported_once() -> None:
    bars = session_bars(*WEEK, 5).filter(pl.col("datetime").dt.day() != 26)
    assert check_bars(bars, "5min").warnings == ("1 session of XNYS missing: 2024-11-26",)


def test_bars_before_the_open_lie_outside() -> None:
    stamps = ["2024-11-26 09:00", "2024-11-26 09:25"]
    stamps += [f"2024-11-26 09:{m}" for m in (30, 35, 40)]
    assert check_bars(intraday(stamps), "5min").warnings == (
        "2 bars lie outside the sessions of XNYS: 2024-11-26 09:00, 2024-11-26 09:25",
    )


def test_bar_at_the_close_lies_outside() -> None:
    # The last hour of the session, 15:30 to 16:30 by the clock, ends at 16:00.
    hours = ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"]
    stamps = [f"2024-11-{d} {h}" for d in (25, 26, 27) for h in hours]
    warnings = check_bars(intraday(stamps), "1hour").warnings
    assert len(warnings) == 1
    assert warnings[0].startswith("3 bars lie outside the sessions of XNYS: 2024-11-25 16:00")


def test_lunch_break_is_no_gap() -> None:
    bars = session_bars(dt.date(2024, 1, 9), dt.date(2024, 1, 12), 30, "XHKG")
    assert bars.height == 4 * 11  # 09:30 to 12:00, 13:00 to 16:00
    assert check_bars(bars, "30min", calendar="XHKG").warnings == ()


def test_clock_changes_are_no_gap() -> None:
    bars = session_bars(dt.date(2024, 3, 7), dt.date(2024, 3, 12), 15)
    assert check_bars(bars, "15min").warnings == ()
    hours = pl.datetime_range(
        dt.datetime(2024, 3, 9, tzinfo=dt.UTC),
        dt.datetime(2024, 3, 11, tzinfo=dt.UTC),
        "1h",
        eager=True,
    )
    berlin = pl.DataFrame({"datetime": hours.dt.convert_time_zone("Europe/Berlin")}).with_columns(
        *(pl.lit(1.0).alias(p) for p in ("open", "high", "low", "close"))
    )
    assert check_bars(berlin, "1hour", calendar="24/7").warnings == ()


@pytest.mark.parametrize(
    ("calendar", "timeframe", "minutes"),
    [("XHKG", "30min", 30), ("CMES", "4hour", 240), ("24/7", "1hour", 60)],
)
def test_gaps_do_not_depend_on_how_many_slots_are_looked_at_together(
    calendar: str, timeframe: str, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions with a pause, such as share a slot by the clock, and such as follow each other."""
    bars = session_bars(dt.date(2024, 1, 9), dt.date(2024, 1, 31), minutes, calendar)["datetime"]
    row = pl.int_range(len(bars), eager=True)
    some = bars.filter((row % 11 != 3) & ~row.is_between(30, 55))
    moved = some.scatter([7, 40], [some[7] + dt.timedelta(minutes=9), bars[36]]).sort()
    whole = find_gaps(moved, timeframe, calendar)
    assert whole.bars
    for slots in (1, 12, 50):
        monkeypatch.setattr(wfo.data.gaps, "_SLOTS", slots)
        assert find_gaps(moved, timeframe, calendar) == whole


def test_missing_week() -> None:
    fridays = [dt.date(2024, 1, 5) + dt.timedelta(days=7 * i) for i in range(20)]
    assert check_bars(daily(fridays), "1week").warnings == ()
    mondays = [d - dt.timedelta(days=4) for d in fridays]
    assert check_bars(daily(mondays), "1week").warnings == ()
    report = check_bars(daily(fridays[:7] + fridays[8:]), "1week")
    assert report.warnings == ("1 week with sessions of XNYS missing: from 2024-02-19",)


Change = Callable[[pl.DataFrame], pl.DataFrame]


def cell(column: str, row: int, value: float | None) -> Change:
    return lambda f: f.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(value).otherwise(column).alias(column)
    )


ERRORS: dict[str, tuple[Change, str]] = {
    "empty": (cell("open", 3, None), "row 4, column 'open' is empty"),
    "not a number": (cell("close", 3, float("nan")), "row 4, column 'close': nan is not a finite"),
    "infinite": (cell("high", 3, float("inf")), "row 4, column 'high': inf is not a finite"),
    "zero": (cell("low", 3, 0.0), "row 4, column 'low': 0.0 is not above zero"),
    "negative": (cell("low", 3, -1.0), "row 4, column 'low': -1.0 is not above zero"),
    "negative volume": (cell("volume", 3, -1.0), "row 4, column 'volume': -1.0 is negative"),
    "low too high": (cell("low", 3, 1e6), "row 4: high and low do not include open and close"),
    "high too low": (cell("high", 3, 1.0), "row 4: high and low do not include open and close"),
    "repeated": (
        lambda f: pl.concat([f[:4], f[3:]]),
        "1 time stamp occurs more than once: 1999-01-07 (rows 4, 5)",
    ),
    "swapped": (
        lambda f: pl.concat([f[:3], f[4:5], f[3:4], f[5:]]),
        "row 5: 1999-01-07 follows 1999-01-08 (row 4), but bars must ascend in time",
    ),
    "descending": (lambda f: f.reverse(), "row 2: 1999-02-01 follows 1999-02-02 (row 1)"),
}


@pytest.mark.parametrize("piece", [65_536, 3])
@pytest.mark.parametrize("case", ERRORS)
def test_error(case: str, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wfo.data.checks, "_PIECE", piece)
    change, message = ERRORS[case]
    good = SAMPLE[:21]
    assert check_bars(good).errors == ()
    report = check_bars(change(good))
    assert len(report.errors) == 1
    assert report.errors[0].startswith(message)
    with pytest.raises(DataError, match="^bars: " + re.escape(message)):
        report.raise_errors("bars")


def test_wrong_kind_of_frame() -> None:
    with pytest.raises(DataError, match="no rows"):
        check_bars(SAMPLE[:0])
    with pytest.raises(DataError, match="no column low, close"):
        check_bars(SAMPLE.select("date", "open", "high"))
    with pytest.raises(DataError, match="neither a 'date' nor a 'datetime'"):
        check_bars(SAMPLE.drop("date"))
    with pytest.raises(DataError, match="Datetime with a time zone"):
        check_bars(SAMPLE.with_columns(datetime=pl.col("date").cast(pl.Datetime)).drop("date"))
    assert check_bars(SAMPLE, "5min").errors == ("5min bars need a column 'datetime', not 'date'",)


SPLIT = """date,open,high,low,close{heading}
2024-01-11,100,100,100,100{a}
2024-01-12,101,101,101,101{b}
2024-01-16,50,50,50,50{c}
"""


@pytest.mark.parametrize(
    ("adjusted", "warned"),
    [
        (None, True),
        (("50", "50.5", "50"), True),  # the adjusted close knows of a split
        (("100", "101", "50"), False),  # it fell indeed
    ],
)
def test_unadjusted_split(
    adjusted: tuple[str, str, str] | None, warned: bool, tmp_path: Path
) -> None:
    cells = [""] * 3 if adjusted is None else [f",{a}" for a in adjusted]
    heading = "" if adjusted is None else ",adj close"
    path = tmp_path / "x.csv"
    path.write_text(SPLIT.format(heading=heading, a=cells[0], b=cells[1], c=cells[2]))
    found = [w for w in read_bars(path).origin.warnings if "split" in w]
    assert bool(found) == warned
    if warned:
        assert "2024-01-16 (-50.5%, 2:1)" in found[0]


RALLY = """date,open,high,low,close,adj close
2024-03-08,19,19.3,18.7,19.2,18.2
2024-03-12,28.6,29.8,27.3,28.4,{adjusted}
2024-03-18,28.6,29.8,27.3,28.5,27.0
"""


@pytest.mark.parametrize("adjust", ADJUSTMENTS)
def test_a_move_that_the_adjusted_close_shares_is_no_split(adjust: Adjust, tmp_path: Path) -> None:
    """Not at import, not of the bars that are stored, and not of longer ones made of them."""
    path = tmp_path / "x.csv"
    path.write_text(RALLY.format(adjusted="26.9"))
    store = DataStore(tmp_path / "store")
    saved = import_bars(path, "X", store=store, calendar="none", adjust=adjust)
    assert not [w for w in saved.meta.origin.warnings if "split" in w]
    now = dt.datetime(2024, 4, 1, tzinfo=dt.UTC)
    assert not [w for w in check_stored(store, "X", now=now).warnings if "split" in w]
    if adjust == "none":
        return  # weeks have no adjusted close that could say so
    weeks = resample_stored(store, "X", "1week")
    assert weeks.meta.rows == 2
    assert not [w for w in weeks.meta.origin.warnings if "split" in w]
    assert not [w for w in check_stored(store, "X", "1week", now=now).warnings if "split" in w]


def test_a_move_of_the_adjusted_close_alone_is_said_at_import(tmp_path: Path) -> None:
    """A broken adjusted close makes a move of prices that had none."""
    path = tmp_path / "x.csv"
    path.write_text(RALLY.format(adjusted="12.5"))
    bars = read_bars(path, adjust="split-and-dividend", calendar="none")
    (found,) = [w for w in bars.origin.warnings if "split" in w]
    assert "2024-03-18 (+116.0%" in found


def test_split_that_the_adjustment_removes_is_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(SPLIT.format(heading=",adj close", a=",50", b=",50.5", c=",50"))
    bars = read_bars(path, adjust="split-and-dividend")
    assert bars.frame["close"].to_list() == [50.0, 50.5, 50.0]
    assert bars.origin.warnings == ()
