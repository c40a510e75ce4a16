"""Longer bars from shorter ones."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from test_data_checks import session_bars

from wfo.data import read_bars
from wfo.data.frames import PRICES
from wfo.data.resampling import resample
from wfo.errors import DataError, InputError

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
# 2024-11-25 to -29: closed on the 28th, until 13:00 on the 29th.
WEEK = (dt.date(2024, 11, 25), dt.date(2024, 11, 29))


def filled(stamps: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """Bars with prices and volumes, some of them unknown, under given stamps."""
    rng = np.random.default_rng(seed)
    count = stamps.height
    cells = np.sort(rng.uniform(90, 110, (count, 4)), axis=1)
    volume = pl.Series(rng.integers(0, 50, count).astype(float))
    return stamps.select(stamps.columns[0]).with_columns(
        open=pl.Series(cells[:, 1]),
        high=pl.Series(cells[:, 3]),
        low=pl.Series(cells[:, 0]),
        close=pl.Series(cells[:, 2]),
        volume=volume.set(pl.Series(rng.uniform(size=count) < 0.1), None),
    )


def at(*times: str, zone: str = "America/New_York") -> pl.DataFrame:
    stamps = pl.Series("datetime", times).str.to_datetime("%Y-%m-%d %H:%M", time_unit="us")
    return pl.DataFrame({"datetime": stamps.dt.replace_time_zone(zone)})


def texts(bars: pl.DataFrame) -> list[str]:
    return bars[bars.columns[0]].dt.to_string("%Y-%m-%d %H:%M").to_list()


# What holds whatever the bars

LENGTHS = ["5min", "15min", "30min", "1hour", "4hour"]


@st.composite
def sparse(draw: st.DrawFn) -> tuple[pl.DataFrame, str]:
    """Minute bars of a calendar with holes, and with bars outside the sessions."""
    calendar = draw(st.sampled_from(["XNYS", "XHKG", "24/7", "CMES", "none"]))
    first = draw(
        st.sampled_from([dt.date(2024, 11, 27), dt.date(2024, 3, 8), dt.date(2024, 11, 1)])
    )
    begin = dt.datetime(first.year, first.month, first.day, tzinfo=dt.UTC)
    minutes = draw(
        st.lists(st.integers(0, 4 * 1440 - 1), min_size=1, max_size=300, unique=True).map(sorted)
    )
    zone = "UTC" if calendar in ("24/7", "none") else "America/New_York"
    stamps = pl.Series("datetime", [begin + dt.timedelta(minutes=m) for m in minutes])
    frame = pl.DataFrame({"datetime": stamps.dt.cast_time_unit("us").dt.convert_time_zone(zone)})
    return filled(frame, draw(st.integers(0, 100))), calendar


@given(case=sparse(), steps=st.sets(st.sampled_from(LENGTHS), min_size=2))
@settings(max_examples=60)
def test_a_way_in_steps_ends_where_the_straight_one_does(
    case: tuple[pl.DataFrame, str], steps: set[str]
) -> None:
    bars, calendar = case
    way = [name for name in LENGTHS if name in steps]
    direct = resample(bars, "1min", way[-1], calendar=calendar)
    base, found = "1min", bars
    for to in way:
        found = resample(found, base, to, calendar=calendar).frame
        base = to
    assert_frame_equal(found, direct.frame)


@given(case=sparse(), to=st.sampled_from(LENGTHS))
@settings(max_examples=60)
def test_nothing_is_lost_and_nothing_invented(case: tuple[pl.DataFrame, str], to: str) -> None:
    bars, calendar = case
    found = resample(bars, "1min", to, calendar=calendar).frame
    assert found["datetime"].is_sorted()
    assert found["datetime"].n_unique() == found.height
    inner = found.select(pl.max_horizontal("open", "close"), low=pl.min_horizontal("open", "close"))
    assert (found["high"] >= inner["open"]).all()
    assert (found["low"] <= inner["low"]).all()
    assert found["high"].max() == bars["high"].max()
    assert found["low"].min() == bars["low"].min()
    assert found["volume"].sum() == bars["volume"].sum()
    assert found["open"][0] == bars["open"][0]
    assert found["close"][-1] == bars["close"][-1]
    # Each bin has a bar within its length, and each bar a bin.
    length = dt.timedelta(minutes=dict(zip(LENGTHS, (5, 15, 30, 60, 240), strict=True))[to])
    joined = bars.select("datetime").join_asof(
        found.select("datetime", begin="datetime"), on="datetime"
    )
    assert joined["begin"].null_count() == 0
    assert joined["begin"].n_unique() == found.height
    assert (joined["datetime"] - joined["begin"]).max() < length  # type: ignore[operator]


@given(case=sparse(), base=st.sampled_from(LENGTHS))
@settings(max_examples=30)
def test_days_by_way_of_longer_bars_are_those_of_minutes(
    case: tuple[pl.DataFrame, str], base: str
) -> None:
    bars, calendar = case
    # Told that all there is has come, no day is unfinished.
    known = {"calendar": calendar, "complete_to": dt.date(2030, 1, 1)}
    try:
        direct = resample(bars, "1min", "1day", **known).frame  # type: ignore[arg-type]
    except DataError:
        return  # no bar lies in a session
    longer = resample(bars, "1min", base, calendar=calendar).frame
    assert_frame_equal(resample(longer, base, "1day", **known).frame, direct)  # type: ignore[arg-type]


def test_sums_of_a_whole_week() -> None:
    bars = filled(session_bars(*WEEK, 1))
    week = resample(bars, "1min", "1week").frame
    assert week["date"].to_list() == [dt.date(2024, 11, 25)]
    assert week.row(0)[1:] == (
        bars["open"][0],
        bars["high"].max(),
        bars["low"].min(),
        bars["close"][-1],
        bars["volume"].sum(),
    )
    assert_frame_equal(resample(resample(bars, "1min", "1day").frame, "1day", "1week").frame, week)


# Bins


def test_bins_count_from_the_open_and_the_last_one_is_short() -> None:
    bars = filled(session_bars(*WEEK, 1))
    hours = resample(bars, "1min", "1hour").frame
    full = ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"]
    wanted = [f"2024-11-{d} {t}" for d in (25, 26, 27) for t in full]
    wanted += [f"2024-11-29 {t}" for t in full[:4]]
    assert texts(hours) == wanted
    last = bars.filter(pl.col("datetime") >= dt.datetime(2024, 11, 29, 12, 30, tzinfo=NEW_YORK))
    assert last.height == 30
    assert hours.row(-1)[1:] == (
        last["open"][0],
        last["high"].max(),
        last["low"].min(),
        last["close"][-1],
        last["volume"].sum(),
    )
    assert texts(resample(bars, "1min", "4hour").frame)[:3] == [
        "2024-11-25 09:30",
        "2024-11-25 13:30",
        "2024-11-26 09:30",
    ]


def test_bins_begin_anew_after_a_break() -> None:
    """Hong Kong rests from 12:00 to 13:00."""
    day = dt.date(2024, 1, 9)
    bars = filled(session_bars(day, day, 5, "XHKG"))
    hours = resample(bars, "5min", "1hour", calendar="XHKG").frame
    assert texts(hours) == [f"2024-01-09 {h}" for h in ("09:30", "10:30", "11:30")] + [
        f"2024-01-09 {h}" for h in ("13:00", "14:00", "15:00")
    ]
    assert resample(bars, "5min", "1day", calendar="XHKG").frame.height == 1


@pytest.mark.parametrize("day", [dt.date(2024, 3, 11), dt.date(2024, 11, 4)])
def test_hours_begin_at_the_open_on_either_side_of_a_change_of_clocks(day: dt.date) -> None:
    """The clocks of New York changed on the Sunday before."""
    friday = day - dt.timedelta(days=3)
    bars = filled(session_bars(friday, day, 5))
    found = texts(resample(bars, "5min", "1hour").frame)
    assert [t for t in found if t.endswith("09:30")] == [f"{friday} 09:30", f"{day} 09:30"]
    assert len(found) == 14
    assert resample(bars, "5min", "1day").frame["date"].to_list() == [friday, day]


@pytest.mark.parametrize(("day", "hours"), [(dt.date(2024, 3, 10), 23), (dt.date(2024, 11, 3), 25)])
def test_a_day_of_civil_time_has_23_or_25_hours(day: dt.date, hours: int) -> None:
    begin = dt.datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(dt.UTC)
    stamps = [begin + dt.timedelta(minutes=30 * k) for k in range(2 * hours)]
    series = pl.Series("datetime", stamps).dt.cast_time_unit("us")
    frame = pl.DataFrame({"datetime": series.dt.convert_time_zone("America/New_York")})
    bars = filled(frame)
    found = resample(bars, "30min", "1hour", calendar="none").frame
    assert found.height == hours
    days = resample(bars, "30min", "1day", calendar="none")
    assert days.frame["date"].to_list() == [day]
    assert days.frame["volume"].to_list() == [bars["volume"].sum()]
    assert days.notes == ()


def test_around_the_clock_days_are_those_of_utc() -> None:
    stamps = pl.datetime_range(
        dt.datetime(2024, 3, 9, tzinfo=dt.UTC),
        dt.datetime(2024, 3, 11, 23, tzinfo=dt.UTC),
        "1h",
        eager=True,
    )
    bars = filled(pl.DataFrame({"datetime": stamps.dt.cast_time_unit("us")}))
    found = resample(bars, "1hour", "4hour", calendar="24/7").frame
    assert texts(found)[:7] == [f"2024-03-09 {h:02d}:00" for h in range(0, 24, 4)] + [
        "2024-03-10 00:00"
    ]
    days = resample(bars, "1hour", "1day", calendar="24/7").frame
    assert days["date"].to_list() == [dt.date(2024, 3, d) for d in (9, 10, 11)]
    assert days["high"].to_list() == [bars["high"][24 * k : 24 * k + 24].max() for k in range(3)]


def test_an_overnight_session_belongs_to_the_day_on_which_it_ends() -> None:
    """Futures of Chicago open at 17:00 of the day before, 18:00 in New York.

    They rest for an hour before that, which the calendar does not know: a session is finished
    when its bars come as near to its close as those of others do.
    """
    hours = [*range(18, 24), *range(17)]
    days = [dt.date(2024, 1, d) for d in (3, 4, 8)]
    times = [
        f"{day + dt.timedelta(days=int(h < 17)):%Y-%m-%d} {h:02d}:00" for day in days for h in hours
    ]
    bars = filled(at(*times))
    found = resample(bars, "1hour", "1day", calendar="CMES")
    assert found.frame["date"].to_list() == [dt.date(2024, 1, d) for d in (4, 5, 9)]
    assert found.frame["open"].to_list() == [bars["open"][k] for k in (0, 23, 46)]
    assert found.notes == ()
    shorter = resample(bars[:-1], "1hour", "1day", calendar="CMES")
    assert shorter.frame["date"].to_list() == [dt.date(2024, 1, d) for d in (4, 5)]


# Outside of sessions


def test_bars_before_the_open_and_after_the_close_have_bins_of_their_own() -> None:
    times = ["08:45", "09:15", "09:25", "09:30", "15:55", "16:00", "16:45", "17:00"]
    bars = filled(at(*(f"2024-11-26 {t}" for t in times)))
    found = resample(bars, "5min", "1hour").frame
    assert texts(found) == [
        f"2024-11-26 {t}" for t in ("08:30", "09:30", "15:30", "16:00", "17:00")
    ]
    assert found["volume"].sum() == bars["volume"].sum()


def test_days_are_made_of_sessions_alone_and_that_is_said() -> None:
    bars = filled(at(*(f"2024-11-26 {t}" for t in ("09:25", "09:30", "12:00", "15:55", "16:00"))))
    days = resample(bars, "5min", "1day")
    session = bars[1:4]
    assert days.frame.row(0) == (
        dt.date(2024, 11, 26),
        session["open"][0],
        session["high"].max(),
        session["low"].min(),
        session["close"][-1],
        session["volume"].sum(),
    )
    assert days.notes == ("2 bars outside the sessions of XNYS left out",)


def test_hours_by_the_clock_count_to_the_session_that_they_reach_into() -> None:
    """The bar of 09:00 has the first half hour of the session."""
    bars = filled(at(*(f"2024-11-26 {h:02d}:00" for h in range(9, 16))))
    days = resample(bars, "1hour", "1day")
    assert days.frame["open"].to_list() == [bars["open"][0]]
    assert days.notes == ()
    longer = resample(bars, "1hour", "4hour")
    assert texts(longer.frame) == ["2024-11-26 09:30", "2024-11-26 13:30"]
    assert longer.notes[0].startswith("6 bars begin at no multiple of 1hour after the session's")


# Volume and adjusted close


def test_volume_is_the_sum_of_what_is_known() -> None:
    bars = filled(at(*(f"2024-11-26 {t}" for t in ("09:30", "09:35", "10:30", "10:35"))))
    bars = bars.with_columns(volume=pl.Series([3.0, None, None, None]))
    assert resample(bars, "5min", "1hour").frame["volume"].to_list() == [3.0, None]
    without = resample(bars.drop("volume"), "5min", "1hour").frame
    assert without.columns == ["datetime", *PRICES]


def test_the_adjusted_close_is_the_last_one() -> None:
    days = [dt.date(2024, 11, d) for d in (18, 19, 20, 21, 22, 25, 26, 27, 29)]
    bars = filled(pl.DataFrame({"date": days})).with_columns(
        adj_close=pl.Series(np.arange(9.0) + 1)
    )
    weeks = resample(bars, "1day", "1week").frame
    assert weeks["adj_close"].to_list() == [5.0, 9.0]
    assert weeks["date"].to_list() == [dt.date(2024, 11, 18), dt.date(2024, 11, 25)]


# Unfinished


def test_the_last_day_is_left_out_until_a_bar_reaches_its_close() -> None:
    bars = filled(session_bars(dt.date(2024, 11, 25), dt.date(2024, 11, 26), 5))
    assert resample(bars, "5min", "1day").frame.height == 2
    early = resample(bars[:-1], "5min", "1day")
    assert early.frame["date"].to_list() == [dt.date(2024, 11, 25)]
    assert early.notes == ("the last day, 2024-11-26, left out: its bars end at 2024-11-26 15:50",)
    told = resample(bars[:-1], "5min", "1day", complete_to=dt.date(2024, 11, 26))
    assert told.frame.height == 2
    assert told.notes == ()
    with pytest.raises(DataError, match=r"no 1day bar can be made .* the last day, 2024-11-25"):
        resample(bars[:20], "5min", "1day")


@pytest.mark.parametrize(
    ("last", "calendar", "finished"),
    [
        (dt.date(2024, 11, 29), "XNYS", True),
        (dt.date(2024, 11, 27), "XNYS", False),  # Friday the 29th is half a session
        (dt.date(2024, 3, 28), "XNYS", True),  # Good Friday follows
        (dt.date(2024, 11, 29), "24/7", False),
        (dt.date(2024, 12, 1), "24/7", True),
        (dt.date(2024, 11, 29), "none", True),
        (dt.date(2024, 11, 27), "none", False),
    ],
)
def test_the_last_week_is_left_out_until_its_last_session(
    last: dt.date, calendar: str, finished: bool
) -> None:
    every = [last - dt.timedelta(days=k) for k in range(20, -1, -1)]
    days = [d for d in every if calendar == "24/7" or d.weekday() < 5]
    weeks = resample(filled(pl.DataFrame({"date": days})), "1day", "1week", calendar=calendar)
    monday = last - dt.timedelta(days=last.weekday())
    assert (weeks.frame["date"][-1] == monday) == finished
    assert bool(weeks.notes) != finished
    if not finished:
        assert weeks.notes[0].startswith(f"the last week, from {monday}, left out")
        full = resample(
            filled(pl.DataFrame({"date": days})),
            "1day",
            "1week",
            calendar=calendar,
            complete_to=monday + dt.timedelta(days=6),
        )
        assert full.frame["date"][-1] == monday


# Refusals


def test_what_cannot_be_made_is_refused() -> None:
    bars = filled(session_bars(*WEEK, 5))
    with pytest.raises(InputError, match="5min bars cannot be made of 5min bars"):
        resample(bars, "5min", "5min")
    with pytest.raises(InputError, match="1min bars cannot be made of 1day bars"):
        resample(bars, "1day", "1min")
    with pytest.raises(InputError, match="did you mean '5min'"):
        resample(bars, "5m", "1hour")
    with pytest.raises(DataError, match="1day bars need a column 'date'"):
        resample(bars, "1day", "1week")
    with pytest.raises(DataError, match="no rows"):
        resample(bars[:0], "5min", "1hour")
    with pytest.raises(InputError, match="unknown calendar 'XNY'"):
        resample(bars, "5min", "1hour", calendar="XNY")


# Real bars


def test_days_of_real_minutes_are_near_the_vendors_days(real_bars: Path) -> None:
    bars = read_bars(real_bars / "QQQ_5min.csv", timeframe="5min").frame
    daily = read_bars(real_bars / "QQQ_1day.csv").frame
    days = resample(bars, "5min", "1day")
    assert days.notes == ()
    both = days.frame.join(daily, on="date", suffix="_day")
    assert both.height == days.frame.height == 206
    for price in ("open", "low", "close"):
        assert ((both[price] / both[f"{price}_day"] - 1).abs() < 0.002).all()
