"""Bars of a year, counted from dates alone: weeks of any shape, sessions of any length."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterable

import polars as pl
import pytest

import wfo
from wfo.data.calendars import load_sessions
from wfo.data.years import Year, count_year, infer_year, year_of
from wfo.metrics import bars_per_year, inferred_bars_per_year

Days = list[dt.date]

MONDAY, SUNDAY = dt.date(2020, 1, 6), dt.date(2020, 1, 5)

MON_FRI, SUN_THU, MON_SAT, SUN_FRI = {0, 1, 2, 3, 4}, {6, 0, 1, 2, 3}, {0, 1, 2, 3, 4, 5}, {
    6, 0, 1, 2, 3, 4,
}  # fmt: skip


def every(count: int, first: dt.date = MONDAY) -> Days:
    """Return so many days of the calendar."""
    return [first + dt.timedelta(n) for n in range(count)]


def on(weekdays: Iterable[int], count: int, first: dt.date = MONDAY) -> Days:
    """Return those of so many days that fall on some weekdays, 0 being Monday."""
    kept = set(weekdays)
    return [day for day in every(count, first) if day.weekday() in kept]


def sessions(days: Days, bars: Callable[[dt.date], int]) -> Days:
    """Return the date of every bar of sessions with so many bars each."""
    return [day for day in days for _ in range(bars(day))]


def exchange(name: str, first: str, last: str) -> Days:
    days = [dt.date.fromisoformat(day) for day in (first, last)]
    return load_sessions(name, *days).frame["session"].to_list()


# Sessions of a year


@pytest.mark.parametrize(
    ("days", "year"),
    [
        # Ten years of 52.18 weeks each, days of a week times as many; 365 is the convention.
        (on(SUN_THU, 3_653), 261),
        (on(MON_SAT, 3_653), 313),
        (on(SUN_FRI, 3_653), 313),
        (on({2}, 3_653), 52),
        (every(3_653), 365),
        # Every seventh day of a market that never closes is missing: 6 of 7 are 313.
        ([day for n, day in enumerate(every(3_653)) if n % 7], 313),
        # Of 365 days in a row 4 are missing: 361.2 is no 365; of 2 it is.
        ([day for n, day in enumerate(every(3_653)) if n % 91], 361),
        ([day for n, day in enumerate(every(3_653)) if n % 200], 365),
    ],
)
def test_sessions_of_a_year_are_steps_by_the_days_they_take(days: Days, year: float) -> None:
    assert bars_per_year("1day", days) == year
    assert inferred_bars_per_year(pl.Series(days)) == year


def test_the_count_is_steps_by_days_times_a_year() -> None:
    # 2 and 5 days in turn: 200 steps in 700 days, of 365.25.
    days = [MONDAY + dt.timedelta(7 * n + more) for n in range(100) for more in (0, 2)]
    days.append(MONDAY + dt.timedelta(700))
    assert count_year("1day", days) == Year(104.0, how="104.4 sessions")


@pytest.mark.parametrize(
    ("missing", "year"),
    [
        # Weekdays of two years but for a step of a year and one of 18 days: 260.9 a year.
        ((dt.date(2020, 6, 1), dt.date(2021, 6, 1)), 261),
        ((dt.date(2020, 6, 1), dt.date(2020, 6, 15)), 261),
        # A step of 14 days is one of an exchange: 513 of 728 days, 257.4 a year.
        ((dt.date(2020, 6, 1), dt.date(2020, 6, 11)), 257),
    ],
)
def test_steps_of_more_than_15_days_are_missing_data(
    missing: tuple[dt.date, dt.date], year: float
) -> None:
    first, last = missing
    span = 731 + (365 if last.year > 2020 else 0)
    days = [day for day in on(MON_FRI, span) if not first <= day <= last]
    assert bars_per_year("1day", days) == pytest.approx(year, abs=1)


def test_an_exchange_with_more_holidays_has_fewer() -> None:
    # Tokyo: 2,449 sessions from 2010-01-04 to 2019-12-30, 245.2 a year.
    assert bars_per_year("1day", exchange("XTKS", "2010-01-01", "2019-12-31")) == 245


@pytest.mark.parametrize(
    ("days", "year"),
    [
        # Currencies from Monday to Friday: a calendar year, the same but for a holiday, and less.
        (on(MON_FRI, 363, dt.date(2018, 1, 2)), 261),
        ([d for d in on(MON_FRI, 363, dt.date(2018, 1, 2)) if (d.month, d.day) != (12, 25)], 260),
        (on(MON_FRI, 270), 261),
    ],
)
def test_a_year_or_two_has_what_its_market_has(days: Days, year: float) -> None:
    assert bars_per_year("1day", days) == pytest.approx(year, abs=1)


@pytest.mark.parametrize(
    ("name", "first", "last", "year"),
    [
        # 246 steps in 364 days, 246.8 a year.
        ("XBOM", "2021-01-01", "2021-12-31", 247),
        ("XTKS", "2014-03-01", "2015-03-10", 245),
        ("XNYS", "2001-01-01", "2001-12-31", 252),
        # 20 months that have two winters: the last year counts.
        ("XNYS", "2022-11-18", "2025-07-02", 252),
    ],
)
def test_a_year_or_two_of_an_exchange_has_its_sessions(
    name: str, first: str, last: str, year: float
) -> None:
    found = bars_per_year("1day", exchange(name, first, last))
    assert found == pytest.approx(year, abs=0 if year == 252 else 1)


def test_new_york_has_252_whatever_the_history() -> None:
    days = exchange("XNYS", "1995-01-01", "2022-06-30")
    assert bars_per_year("1day", days) == 252
    # Windows of all lengths, that of September 2001 among them.
    lengths = (30, 130, 252, 270, 340, 420, 600)
    for length, first in itertools.product(lengths, range(0, 6_000, 166)):
        assert bars_per_year("1day", days[first : first + length]) == 252, (length, days[first])


@pytest.mark.parametrize("symbol", ["NASDAQ", "SP500"])
def test_the_sample_has_252(symbol: str) -> None:
    assert bars_per_year("1day", wfo.load_sample(symbol)["date"].to_list()) == 252


# Less than a year


@pytest.mark.parametrize(
    ("days", "year"),
    [
        (on(MON_FRI, 100), 252),
        (every(100), 365),
        # Five and six times 52.18.
        (on(SUN_THU, 100, SUNDAY), 261),
        (on(SUN_FRI, 100, SUNDAY), 313),
        (on(MON_SAT, 100), 313),
        (on({0, 2, 4}, 100), 157),
        # One Saturday of work, and holidays of a week and of two Thursdays, change no week.
        (sorted([*on(MON_FRI, 100), dt.date(2020, 2, 1)]), 252),
        ([day for day in on(MON_FRI, 100) if not 20 <= day.toordinal() - MONDAY.toordinal() < 27],
         252),
        ([day for day in on(MON_FRI, 14) if day.weekday() != 3], 252),
        # What a few days do not show is as usual.
        (on(MON_FRI, 3), 252),
        (every(1), 252),
        (every(6, dt.date(2020, 1, 8)), 365),
        (every(4, dt.date(2020, 1, 8)), 365),
    ],
)  # fmt: skip
def test_of_a_short_history_the_weekdays_that_trade_decide(days: Days, year: float) -> None:
    assert bars_per_year("1day", days) == year


def test_a_short_history_that_trades_on_some_days_of_all_weekdays_is_counted() -> None:
    # Two of three weekdays: 2 / 3 * 260.9.
    days = [day for n, day in enumerate(on(MON_FRI, 200)) if n % 3]
    assert bars_per_year("1day", days) == pytest.approx(174, abs=2)


def test_a_gap_makes_no_short_history_long() -> None:
    days = [*on(MON_FRI, 80), *on(MON_FRI, 80, dt.date(2023, 1, 2))]
    assert bars_per_year("1day", days) == 252


# Bars of a session


@pytest.mark.parametrize(
    ("dates", "year"),
    [
        # 252 sessions of 7 hours; every tenth is a half-day of 4: 6.7 in the mean.
        (sessions(on(MON_FRI, 140), lambda _: 7), 1_764),
        (sessions(on(MON_FRI, 140), lambda day: 4 if day.toordinal() % 10 == 0 else 7), 1_688),
        # Futures: 23 hours.
        (sessions(on(MON_FRI, 140), lambda _: 23), 5_796),
        # Currencies: 7 hours on Sunday, 17 on Friday, else 24: 120 hours in 7 days.
        (sessions(on(SUN_FRI, 3_648, SUNDAY), lambda day: {6: 7, 4: 17}.get(day.weekday(), 24)),
         6_261),
        # Day and night; changes of clock cost an hour and give one.
        (sessions(every(800), lambda _: 24), 8_760),
        (sessions(every(800), lambda day: {0: 23, 181: 25}.get(day.toordinal() % 365, 24)), 8_760),
    ],
)  # fmt: skip
def test_bars_of_a_session_are_a_mean(dates: Days, year: float) -> None:
    assert bars_per_year("1hour", dates) == pytest.approx(year, abs=1)


def test_a_first_and_a_last_session_that_are_cut_off_do_not_count() -> None:
    days = on(MON_FRI, 14)
    cut = {days[0]: 2, days[-1]: 3}
    assert bars_per_year("1hour", sessions(days, lambda day: cut.get(day, 7))) == 7 * 252
    # Of two there is nothing to tell by; a short day between tells that they may be whole.
    assert bars_per_year("1hour", sessions(days[:2], lambda day: cut.get(day, 7))) == 4.5 * 252
    short = {days[0]: 4, days[5]: 4}
    mean = (8 * 7 + 2 * 4) / 10
    found = bars_per_year("1hour", sessions(days, lambda day: short.get(day, 7)))
    assert found == round(mean * 252)


def test_minutes_without_a_trade_are_no_bars() -> None:
    # 1, 2, …, 59 bars a session in turn, each as often: 30 in the mean, and none is common.
    days = on(MON_FRI, 295 * 7 // 5)[: 59 * 2]
    dates = [day for n, day in enumerate(days) for _ in range(1 + n % 59)]
    found = count_year("1min", dates)
    assert found.bars == pytest.approx(30 * 252, rel=0.01)
    assert found.how == "252 sessions by convention, of 30 bars each"


def test_dates_of_intraday_bars_are_those_of_their_zone() -> None:
    days = wfo.load_sample("NASDAQ")["date"][:300]
    hours = [dt.datetime.combine(d, dt.time(9 + h, 30)) for d in days for h in range(7)]
    stamps = pl.Series("datetime", hours).dt.replace_time_zone("America/New_York")
    assert inferred_bars_per_year(stamps) == 7 * 252
    assert bars_per_year("1hour", [h.date() for h in hours]) == 7 * 252


# Longer bars


@pytest.mark.parametrize(
    ("spacing", "count", "year"),
    [("1d", 900, 365), ("1w", 300, 52), ("1mo", 200, 12), ("1q", 120, 4), ("1y", 40, 1)],
)
def test_bars_of_a_year_follow_from_their_spacing(spacing: str, count: int, year: float) -> None:
    start = dt.date(2000, 1, 1)
    stamps = pl.date_range(start, start + dt.timedelta(days=40_000), spacing, eager=True)[:count]
    assert inferred_bars_per_year(stamps) == year


def test_weeks_are_52_whatever_their_dates() -> None:
    assert count_year("1week", on({0}, 50)) == Year(52.0, how="52 weeks")
    # Bars of two years are half a bar a year.
    years = pl.Series([dt.date(1980 + 2 * n, 1, 1) for n in range(9)])
    assert infer_year(years).bars == pytest.approx(0.5, rel=0.01)


# Given


def test_what_is_given_holds_in_place_of_the_count() -> None:
    days = on(MON_FRI, 100)
    assert year_of("1day", days) == count_year("1day", days)
    found = year_of("1day", days, 260)
    assert (found, str(found)) == (Year(260.0, "given"), "260 (given)")
    assert Year.from_dict(found.to_dict()) == found
    assert found.to_dict() == {"value": 260.0, "from": "given", "how": ""}


@pytest.mark.parametrize("given", [0, -1, 1e9 + 1, float("nan"), float("inf"), True, "252"])
def test_what_is_given_must_be_a_number_of_bars(given: object) -> None:
    with pytest.raises(wfo.InputError, match=r"^bars_per_year = "):
        year_of("1day", every(3), given)  # type: ignore[arg-type]


def test_what_cannot_be_counted_is_said() -> None:
    with pytest.raises(wfo.InputError, match="no bars"):
        bars_per_year("1day", [])
    for dates in (None, 3):
        with pytest.raises(wfo.InputError, match=f"dates = {dates} must be dates"):
            bars_per_year("1day", dates)  # type: ignore[arg-type]
    with pytest.raises(wfo.InputError, match="dates must be dates"):
        bars_per_year("1day", ["2024-01-02"])  # type: ignore[list-item]
    with pytest.raises(wfo.InputError, match="did you mean '1day'"):
        bars_per_year("1dya", every(3))
    with pytest.raises(wfo.InputError, match="less than two bars"):
        inferred_bars_per_year(pl.Series(every(1)))


def test_dates_of_numpy_are_dates() -> None:
    days = pl.Series(every(400)).to_numpy()
    assert bars_per_year("1day", days) == bars_per_year("1day", every(400))
