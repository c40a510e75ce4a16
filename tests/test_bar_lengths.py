"""How long bars are, and which end of them is stamped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl
import pytest

from wfo.data.importing.ends import (
    bar_opens,
    ends_look_likely,
    look_like_utc,
    opens_look_likely,
)
from wfo.data.importing.lengths import find_timeframe
from wfo.data.importing.times.stamps import Stamps
from wfo.data.timeframes import TIMEFRAMES
from wfo.errors import DataError

NEW_YORK = "America/New_York"
START = dt.datetime.fromisoformat("2024-01-08 09:30")


def stamped(moments: Sequence[dt.datetime], *, has_times: bool = True) -> Stamps:
    return Stamps(pl.Series(moments, dtype=pl.Datetime("us")), None, has_times=has_times)


def apart(*minutes: float) -> list[dt.datetime]:
    found = [START]
    for step in minutes:
        found.append(found[-1] + dt.timedelta(minutes=step))
    return found


def at(*clock_times: str, day: str = "2024-01-08") -> pl.Series:
    moments = [dt.datetime.fromisoformat(f"{day} {clock}") for clock in clock_times]
    return pl.Series(moments, dtype=pl.Datetime("us")).dt.replace_time_zone(NEW_YORK)


def hours(times: pl.Series) -> list[str]:
    return times.dt.strftime("%H:%M").to_list()


@pytest.mark.parametrize("name", TIMEFRAMES)
def test_the_commonest_distance_is_the_length(name: str) -> None:
    minutes = TIMEFRAMES[name] / 60
    # A pause, as between sessions, and a bar that is missing.
    stamps = stamped(apart(minutes, minutes, 2 * minutes, minutes, 7 * minutes, minutes))
    found, note = find_timeframe(stamps)
    assert found == name
    assert f"timeframe {name}, found from" in note


def test_order_and_repeats_do_not_matter() -> None:
    moments = apart(5, 5, 5, 5)
    assert find_timeframe(stamped([*reversed(moments), moments[0]]))[0] == "5min"


def test_dates_are_days_or_weeks() -> None:
    days = [dt.datetime.fromisoformat(f"2024-01-{d:02}") for d in (8, 9, 10, 11, 12, 15, 16)]
    assert find_timeframe(stamped(days, has_times=False))[0] == "1day"
    weeks = [days[0] + dt.timedelta(weeks=i) for i in range(5)]
    assert find_timeframe(stamped(weeks, has_times=False))[0] == "1week"
    assert find_timeframe(stamped(days[:1], has_times=False))[0] == "1day"
    # Of what trades on Mondays and Thursdays no distance is a day.
    rare = [days[0], days[3], days[5]]
    assert find_timeframe(stamped(rare, has_times=False))[0] == "1day"
    assert find_timeframe(stamped([day.replace(hour=16) for day in rare]))[0] == "1day"


def test_thin_minutes_are_multiples_of_one() -> None:
    found, note = find_timeframe(stamped(apart(2, 2, 3, 2, 1, 4, 2, 5)))
    assert found == "1min"
    assert "multiples of 1 minute" in note


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        ([10] * 5, "10 minutes apart"),
        ([2] * 5, "2 minutes"),
        ([44_640, 43_200, 44_640] * 4, "31 days"),
    ],
)
def test_other_lengths_are_an_error_that_names_those_known(minutes: list[float], said: str) -> None:
    with pytest.raises(DataError, match=rf"^B\.csv: .*{said}.*1min, 5min.*1week.*--timeframe"):
        find_timeframe(stamped(apart(*minutes)), "B.csv")


def test_one_time_tells_no_length() -> None:
    with pytest.raises(DataError, match=r"B\.csv.*--timeframe.*1min, 5min"):
        find_timeframe(stamped([START, START]), "B.csv")


def test_bars_open_one_length_before_their_end() -> None:
    assert hours(bar_opens(at("09:31", "09:32", "09:40"), "1min")) == ["09:30", "09:31", "09:39"]


def test_a_short_last_bar_opens_where_the_one_before_ended() -> None:
    ends = at("10:30", "11:30", "15:30", "16:00")
    assert hours(bar_opens(ends, "1hour")) == ["09:30", "10:30", "14:30", "15:30"]


@pytest.mark.parametrize("second", ["59.999", "59", "59.999999"])
def test_an_end_just_before_the_minute_is_that_minute(second: str) -> None:
    opens = bar_opens(at(f"09:30:{second}", f"09:31:{second}"), "1min")
    assert opens.to_list() == at("09:30", "09:31").to_list()


def test_ends_stay_a_length_apart_where_clocks_change() -> None:
    utc = pl.Series([dt.datetime.fromisoformat(f"2024-11-03 0{h}:00") for h in (5, 6, 7)])
    ends = utc.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").dt.convert_time_zone(NEW_YORK)
    assert bar_opens(ends, "1hour").dt.convert_time_zone("UTC").dt.hour().to_list() == [4, 5, 6]


def minutes(first: str, last: str, step: int, days: Sequence[str]) -> pl.Series:
    found: list[dt.datetime] = []
    for day in days:
        moment = dt.datetime.fromisoformat(f"{day} {first}")
        while moment <= dt.datetime.fromisoformat(f"{day} {last}"):
            found.append(moment)
            moment += dt.timedelta(minutes=step)
    return pl.Series(found, dtype=pl.Datetime("us")).dt.replace_time_zone(NEW_YORK)


DAYS = ["2024-01-08", "2024-01-09"]


@pytest.mark.parametrize(
    ("first", "last", "step", "timeframe", "likely"),
    [
        ("09:31", "16:00", 1, "1min", True),
        ("09:30", "15:59", 1, "1min", False),
        ("09:30", "16:00", 1, "1min", False),  # a bar of the closing auction
        ("04:00", "19:59", 1, "1min", False),  # extended hours
        ("09:35", "16:00", 5, "5min", True),
        ("10:30", "16:00", 30, "30min", True),  # bars are missing
        ("09:40", "15:30", 10, "5min", False),
        ("10:00", "16:00", 60, "1hour", True),
        ("00:00", "23:00", 60, "1hour", False),  # a market that trades around the clock
        ("04:00", "20:00", 60, "1hour", False),
        ("00:00", "23:00", 60, "1day", False),
    ],
)
def test_stamps_that_look_like_ends(
    first: str, last: str, step: int, timeframe: str, likely: bool
) -> None:
    times = minutes(first, last, step, DAYS)
    assert ends_look_likely(times, timeframe, "XNYS") is likely
    assert not ends_look_likely(times, timeframe, "none")
    assert not ends_look_likely(times, timeframe, "24/7")


@pytest.mark.parametrize(
    ("first", "last", "likely"),
    [("09:30", "15:55", True), ("09:35", "16:00", False), ("04:05", "20:00", False)],
)
def test_stamps_that_look_like_opens(first: str, last: str, likely: bool) -> None:
    assert opens_look_likely(minutes(first, last, 5, DAYS), "5min", "XNYS") is likely


def test_stamps_in_utc_are_no_ends() -> None:
    times = minutes("14:30", "20:59", 1, DAYS)
    assert not ends_look_likely(times, "1min", "XNYS")
    wall = times.dt.replace_time_zone(None)
    assert look_like_utc(wall, NEW_YORK, "XNYS")
    assert not look_like_utc(wall, NEW_YORK, "none")
    assert not look_like_utc(
        minutes("09:30", "15:59", 1, DAYS).dt.replace_time_zone(None), NEW_YORK, "XNYS"
    )


def test_sessions_without_a_pause_do_not_tell() -> None:
    times = minutes("00:00", "23:00", 60, ["2024-01-08"])
    assert not ends_look_likely(times, "1hour", "24/7")


def test_an_early_close_is_one() -> None:
    # The day after Thanksgiving closes at 13:00.
    times = minutes("09:31", "13:00", 1, ["2023-11-24"])
    assert ends_look_likely(times, "1min", "XNYS")
    assert not ends_look_likely(minutes("09:31", "12:59", 1, ["2023-11-24"]), "1min", "XNYS")
