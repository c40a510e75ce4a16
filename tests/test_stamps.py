"""Time stamps: every form of date, time and zone gives the moment that it was written for."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wfo.data.importing.headings.recognising import recognise
from wfo.data.importing.tables.table import Table
from wfo.data.importing.times.date_formats import EXAMPLES, TOKENS, read_format
from wfo.data.importing.times.local_times import said_of_dates, to_dates, to_datetimes
from wfo.data.importing.times.stamps import Stamps, parse_stamps
from wfo.data.importing.times.words import MONTHS, WEEKDAYS, fold, months, weekdays
from wfo.data.importing.vendors.vendor import StampsAt, Vendor
from wfo.data.importing.zones import AMBIGUOUS, LOCAL, OFFSETS, Zone, read_zone
from wfo.data.row_names import RowNames
from wfo.errors import DataError, InputError


def table(*columns: Sequence[object] | pl.Series) -> Table:
    headings = ("date", "time")[: len(columns)]
    cells = {i: c if isinstance(c, pl.Series) else pl.Series(c) for i, c in enumerate(columns)}
    rows = RowNames("line", range(2, len(cells[0]) + 2))
    return Table("B.csv", headings, cells, rows, ",", recognise(headings))


def parse(*cells: str, date_format: str | None = None, calendar: str = "none") -> Stamps:
    return parse_stamps(table(list(cells)), 0, None, date_format, calendar=calendar)


def beside(date: str, time: str) -> Stamps:
    return parse_stamps(table([date], [time]), 0, 1)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


MORNING = at("2024-03-13 09:30")
EVENING = at("2024-03-13 21:30")

TIMES = {
    "2024-03-13 09:30": MORNING,
    "2024-03-13 9:30 AM": MORNING,
    "2024-03-13 9:30:00 a.m.": MORNING,
    "2024-03-13 09:30:00 p. m.": EVENING,
    "2024-03-13 9:30\u202fPM": EVENING,
    "2024-03-13  9:30p": EVENING,
    "2024-03-13T09:30:00.000": MORNING,
    "2024-03-13t09:30:00": MORNING,
    "2024-03-13_09:30": MORNING,
    "2024-03-13, 09:30": MORNING,
    "2024-03-13 09:30:00:000": MORNING,
    "2024-03-13 09h30": MORNING,
    "13.03.2024 09.30": MORNING,
    "2024/3/13 下午 9:30": EVENING,
    "2024-03-13 오전 9:30": MORNING,
    "20240313-09:30:00": MORNING,
    "20240313 0930": MORNING,
    "20240313T093000": MORNING,
    "202403130930": MORNING,
    "20240313093000000": MORNING,
    "13/Mar/2024:09:30:00": MORNING,
    "13MAR2024:09:30:00": MORNING,
    "\u200e3/13/2024 \u200e9:30": MORNING,
    "2024\u201103\u201113 09:30": MORNING,
    "Wed Mar 13 09:30:00 2024": MORNING,
    "Wednesday, March 13, 2024 at 9:30 AM": MORNING,
    "3/13/2024, 9:30:00 PM": EVENING,
    "9:30 AM 03/13/2024": MORNING,
    "45364.395833": MORNING,
    "45364,395833333": MORNING,
    "45364.3958": MORNING,
    "2024-03-13 11-PM": at("2024-03-13 23:00"),
    "2024-03-13 11 PM": at("2024-03-13 23:00"),
    "2024-03-13 12 AM": at("2024-03-13"),
    "2024-03-13 12-PM": at("2024-03-13 12:00"),
    "2024-03-13 24:00": at("2024-03-14"),
    "2024-03-13 09:30:00.123456789": MORNING.replace(microsecond=123456),
}


@pytest.mark.parametrize("cell", TIMES)
def test_form_of_a_time(cell: str) -> None:
    found = parse(cell)
    assert found.wall.to_list() == [TIMES[cell]]
    assert found.has_times
    assert found.utc is None


@pytest.mark.parametrize(
    ("date", "time", "right"),
    [
        ("2024-03-13", "9:30 AM", MORNING),
        ("2024-03-13", "93000", MORNING),
        ("2024-03-13", "930", MORNING),
        ("2024-03-13", "093000000", MORNING),
        ("2024-03-13", "0.395833333", MORNING),
        ("2024-03-13", "0 days 09:30:00", MORNING),
        ("2024-03-13 00:00:00", "09:30", MORNING),
        ("20240313", "093000", MORNING),
        ("45364", "09:30", MORNING),
        ("1240313", "0930", MORNING),
        ("2024-03-13", "9", at("2024-03-13 09:00")),
    ],
)
def test_times_in_a_column_of_their_own(date: str, time: str, right: dt.datetime) -> None:
    assert beside(date, time).wall.to_list() == [right]


def test_hours_alone_are_no_minutes() -> None:
    hours = parse_stamps(table(["2024-03-13"] * 24, [str(h) for h in range(24)]), 0, 1)
    assert hours.wall.dt.hour().to_list() == list(range(24))
    minutes = parse_stamps(table(["2024-03-13"] * 60, [str(m) for m in range(60)]), 0, 1)
    assert minutes.wall.dt.minute().to_list() == list(range(60))


def test_two_digit_years_are_of_the_past() -> None:
    assert parse("29-Dec-69", "02-Jan-70").wall.dt.year().to_list() == [1969, 1970]


def test_an_empty_time_is_midnight_beside_others() -> None:
    found = parse_stamps(table(["2024-03-13"] * 2, ["09:30", " "]), 0, 1)
    assert found.wall.to_list() == [MORNING, at("2024-03-13")]
    assert not parse_stamps(table(["2024-03-13"], [""]), 0, 1).has_times


DATES = [
    "13-Mar-2024", "13-MAR-24", "13 March 2024", "13Mar2024", "13th March 2024", "March 13, 2024",
    "Mar. 13th, 2024", "Mar 13 '24", "2024 Mar 13", "2024-MAR-13", "Wed, 13 Mar 2024",
    "(Wed) 13.03.2024", "13. März 2024", "13 mars 2024", "mer. 13 mars 2024", "13 de marzo de 2024",
    "13 marca 2024", "13 марта 2024", "2024年3月13日", "2024년 3월 13일", "2024. 03. 13.",
    "2024/03/13(水)", "13.03.2024.", "03.13.2024", "13_03_2024", "03 13 2024", "13032024",
    "03132024", "45364", "1240313", "113/03/13", "2024- 03- 13",
    '="2024-03-13"', "'13.03.2024'",
]  # fmt: skip


@pytest.mark.parametrize("cell", DATES)
def test_form_of_a_date(cell: str) -> None:
    found = parse(cell)
    assert found.wall.dt.date().to_list() == [dt.date(2024, 3, 13)]
    assert not found.has_times
    assert found.certain


def test_names_mean_one_month_and_one_weekday() -> None:
    for names, count in ((MONTHS, 12), (WEEKDAYS, 7)):
        assert {len(forms.split()) for forms in names.values()} == {count}
    meant: dict[str, set[int]] = {}
    for forms in MONTHS.values():
        for number, words in enumerate(forms.split(), 1):
            for word in words.split("/"):
                meant.setdefault(fold(word), set()).add(number)
    assert {word: {number} for word, number in months().items()} == meant
    # Saturday in Czech, Sunday in German.
    assert [word for word, days in weekdays().items() if len(days) > 1] == ["so"]


# The order of day and month


def days(*cells: str, calendar: str = "none") -> tuple[list[dt.date], bool, str]:
    found = parse(*cells, calendar=calendar)
    return found.wall.dt.date().to_list(), found.certain, " ".join(found.notes)


def test_a_number_above_twelve_is_a_day() -> None:
    found, certain, note = days("12/03/2024", "13/03/2024")
    assert found == [dt.date(2024, 3, 12), dt.date(2024, 3, 13)]
    assert certain
    assert "are read as DD/MM/YYYY: '13/03/2024' is none of MM/DD/YYYY" in note
    assert days("03/12/2024", "03/13/2024") == (found, True, "")


def test_rows_ascend_in_one_order_only() -> None:
    found, certain, note = days("05/02/2024", "01/03/2024", "03/05/2024", "02/06/2024")
    assert found[0] == dt.date(2024, 2, 5)
    assert certain
    assert "only so do the rows ascend or descend: give the date format (--date-format)" in note


def test_dates_are_as_far_apart_as_bars() -> None:
    found, certain, note = days("01/02/2024", "02/02/2024", "05/02/2024", "06/02/2024")
    assert found[0] == dt.date(2024, 2, 1)
    assert not certain
    assert "as far apart as bars" in note
    assert days("24/03/13", "24/03/14", "24/03/15")[0][0] == dt.date(2024, 3, 13)


def test_sessions_of_the_calendar_tell() -> None:
    # 3 November and 7 April 2024 are Sundays, 4 July is a holiday.
    found, certain, note = days("11/03/2024", calendar="XNYS")
    assert found == [dt.date(2024, 3, 11)]
    assert not certain
    assert "DD/MM/YYYY, as only so do they fall on sessions of XNYS" in note
    assert days("07/05/2024", calendar="XNYS")[0] == [dt.date(2024, 7, 5)]
    assert "could be MM/DD/YYYY or DD/MM/YYYY (" in days("07/04/2024", calendar="XNYS")[2]
    assert "could be MM/DD/YYYY or DD/MM/YYYY (" in days("11/03/2024", calendar="none")[2]


def test_a_weekday_tells() -> None:
    assert days("Mon 03/04/2024")[:2] == ([dt.date(2024, 3, 4)], True)
    assert days("Wed 03/04/2024")[:2] == ([dt.date(2024, 4, 3)], True)
    with pytest.raises(
        DataError, match=r"line 2, column 'date': 'Tue 03/04/2024' is not on the week"
    ):
        days("Tue 03/04/2024")
    assert parse("Tue 03/04/2024", date_format="ddd DD/MM/YYYY").wall[0] == at("2024-04-03")


def test_a_tie_is_month_first_with_a_note() -> None:
    found, certain, note = days("01/02/2024", "02/02/2024", "03/04/2024")
    assert found[-1] == dt.date(2024, 3, 4)
    assert not certain
    assert "MM/DD/YYYY or DD/MM/YYYY (no number is above 12); read as MM/DD/YYYY" in note


# Zones

ZONES = {
    "Z": 0, "GMT": 0, " utc": 0, "+01:00": 60, "+0100": 60, "+01": 60, " -0500": -300,
    " GMT+0100": 60, " UTC+1": 60, " UTC -3:30": -210, " \u22125": -300, " EST": -300,
    " EDT": -240, " CET": 60, " MESZ": 120, " JST": 540, " AEST": 600, " NZDT": 780,
    " (EST)": -300, "+01:00[Europe/Berlin]": 60, " GMT+0100 (Central European Standard Time)": 60,
}  # fmt: skip


_TAKEN = {"EST", "EDT", "CET", "MESZ", "JST", "AEST", "NZDT"}


@pytest.mark.parametrize("zone", ZONES)
def test_offsets_and_abbreviations(zone: str) -> None:
    found = parse(f"2024-03-13 09:30:00{zone}")
    assert found.wall.to_list() == [MORNING]
    utc = MORNING.replace(tzinfo=dt.UTC) - dt.timedelta(minutes=ZONES[zone])
    assert found.utc is not None
    assert found.utc.to_list() == [utc]
    word = zone.strip(" ()")
    named = [f"{word} is taken for UTC"] if word in _TAKEN else []
    assert [note[: note.index("UTC") + 3] for note in found.notes] == named


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("america/new_york", "America/New_York"),
        ("[America/New_York]", "America/New_York"),
        ("ET", "America/New_York"),
    ],
)
def test_names_of_zones(zone: str, name: str) -> None:
    cells = [f"2024-07-15 09:30 {zone}", f"2024-12-16 09:30 {zone}"]
    found = parse(*cells)
    times, _ = to_datetimes(table(cells), found, "UTC")
    hours = [dt.datetime(2024, m, d, 9, 30, tzinfo=ZoneInfo(name)) for m, d in ((7, 15), (12, 16))]
    assert times.to_list() == hours


@pytest.mark.parametrize(
    ("calendar", "cell", "hours"),
    [
        ("XBOM", "2024-03-13 09:30 IST", 5.5),
        ("XNYS", "2024-03-13 09:30 EDT", -4),
        ("XNYS", "2024-03-08 09:30 EST", -5),
    ],
)
def test_the_exchange_says_what_an_abbreviation_means(
    calendar: str, cell: str, hours: float
) -> None:
    found = parse(cell, calendar=calendar)
    assert found.utc is not None
    assert found.wall[0] - found.utc[0].replace(tzinfo=None) == dt.timedelta(hours=hours)
    assert cell[-3:] in found.notes[0]


@pytest.mark.parametrize(
    ("word", "zone", "hours"),
    [
        ("BST", "Europe/London", 1),
        ("CST", "Asia/Shanghai", 8),
        ("CST", "America/Chicago", -6),
        ("IST", "Asia/Jerusalem", 2),
        ("GST", "Asia/Dubai", 4),
    ],
)
def test_the_zone_says_what_an_abbreviation_means(word: str, zone: str, hours: int) -> None:
    found = read_zone(word, ["UTC", zone])
    assert isinstance(found, Zone)
    assert found.minutes == 60 * hours
    assert zone in found.note


@pytest.mark.parametrize("word", AMBIGUOUS)
def test_an_ambiguous_abbreviation_asks_for_the_zone(word: str) -> None:
    cell = f"2024-03-13 09:30 {word}"
    with pytest.raises(DataError, match=rf"line 2, column 'date': .*{word}, which may.*--timezone"):
        parse(cell)
    for zone in AMBIGUOUS[word]:
        if read_zone(word, [zone]) == read_zone(word):
            continue  # no clock of it shows these letters
        found = parse_stamps(table([cell]), 0, timezone=zone)
        assert found.utc is not None
        assert zone in found.notes[0]


def test_every_zone_of_the_tables_exists() -> None:
    assert all(ZoneInfo(zone) for zones in AMBIGUOUS.values() for zone in zones)
    assert all(ZoneInfo(zone) for zone in LOCAL.values())
    assert not set(OFFSETS) & set(AMBIGUOUS)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["2024-03-13 09:30 XYZ"],
            "line 2.*ends in 'XYZ', which is no known time zone.*--timezone",
        ),
        (["2024-03-13 09:30 +99:00"], "line 2.*farther from UTC than any"),
        (["2024-03-13 09:30 EST", "2024-03-13 09:31"], "line 3.*has no offset from UTC"),
        (
            ["2024-03-13 09:30 Europe/Berlin", "2024-03-13 09:31 Europe/Paris"],
            "line 3.*another time zone than",
        ),
        (["2024-03-13 25:00"], "line 2.*'2024-03-13 25:00' is not a time of day.*--date-format"),
        (["2024-03-13 13:30 PM"], "line 2.*is not a time of day"),
        (["13 of never"], "line 2.*is not a date in a known format.*--date-format.*DD/MM/YYYY"),
        (["2024-02-30"], r"line 2.*'2024-02-30' is not a date \(YYYY-MM-DD\)"),
        (["2024-03-13", "0999-01-01"], "line 3.*outside of the years 1600 to 2999"),
        (["2024-03-13 09:30", " "], "line 3, column 'date' is empty"),
        (["12345"], "line 2.*'12345' is neither a date nor a count"),
        (["1710115200", "17101152"], "line 3.*is neither a date nor a count"),
    ],
)
def test_what_is_no_stamp_is_named(cells: list[str], message: str) -> None:
    with pytest.raises(DataError, match=rf"^B\.csv, {message}"):
        parse(*cells)


def test_two_times_of_day_contradict_each_other() -> None:
    with pytest.raises(DataError, match=r"line 2.*has a time of day, beside"):
        beside("2024-03-13 10:00", "09:30")


def test_the_heading_or_the_vendor_says_the_zone() -> None:
    cells = table(["2024-07-15 09:30"])
    named = dataclasses.replace(cells, fields=dataclasses.replace(cells.fields, zone="UTC"))
    found = parse_stamps(named, 0)
    assert found.zone == "UTC"
    assert "heading 'date'" in found.notes[0]
    assert to_datetimes(named, found, "Europe/Berlin")[0][0].hour == 11
    vendor = dataclasses.replace(cells, vendor=Vendor("HistData", zone="Etc/GMT+5"))
    assert parse_stamps(vendor, 0).zone == "Etc/GMT+5"
    # What the user says of them goes before what is said of the vendor.
    assert parse_stamps(vendor, 0, timezone="UTC").zone is None


# Formats that are given


@pytest.mark.parametrize(
    ("date_format", "cell", "right"),
    [
        ("DD/MM/YYYY", "12/03/2024", at("2024-03-12")),
        ("DD/MM/YYYY", "12/03/2024 09:30", at("2024-03-12 09:30")),
        ("dd/MM/yyyy HH:mm:ss", "12/03/2024 09:30:05", at("2024-03-12 09:30:05")),
        ("yyyy-mm-dd hh:mm", "2024-03-12 21:30", at("2024-03-12 21:30")),
        ("YYYY-MM-DD hh-A", "2024-03-12 11-PM", at("2024-03-12 23:00")),
        ("YYYY-MM-DD HH:mm", "2024-03-12 21:30:05", at("2024-03-12 21:30:05")),
        ("YYYYMMDDHHmm", "202403122130", at("2024-03-12 21:30")),
        ("DDMMYY", "120324", at("2024-03-12")),
        ("YY.MM.DD", "24.03.12", at("2024-03-12")),
        ("D MMMM YYYY", "12 mars 2024", at("2024-03-12")),
        ("HH:mm DD/MM/YYYY", "21:30 12/03/2024", at("2024-03-12 21:30")),
        ("DD/MM/YYYY|HHmm", "12/03/2024|2130", at("2024-03-12 21:30")),
        (
            "YYYY-MM-DD HH:mm:ss.SSS",
            "2024-03-12 21:30:00.5",
            at("2024-03-12 21:30:00.500000"),
        ),
        ("%d/%m/%Y", "12/03/2024", at("2024-03-12")),
        ("%d/%m/%Y %H:%M", "12/03/2024 21:30:05", at("2024-03-12 21:30:05")),
        ("%Y-%m-%d %I-%p", "2024-03-12 11-PM", at("2024-03-12 23:00")),
        ("%d/%m/%Y %Hh%M", "12/03/2024 21h30", at("2024-03-12 21:30")),
        ("%d/%m/%y %T", "12/03/24 21:30:05", at("2024-03-12 21:30:05")),
        ("%Y-%m-%dT%H:%M:%S.%fZ", "2024-03-12T21:30:00.000Z", at("2024-03-12 21:30")),
        ("%a %d %b %Y", "Tue 12 Mar 2024", at("2024-03-12")),
    ],
)
def test_date_format(date_format: str, cell: str, right: dt.datetime) -> None:
    found = parse(cell, date_format=date_format)
    assert found.wall.to_list() == [right]
    assert found.certain
    assert not [note for note in found.notes if "could be" in note]


@pytest.mark.parametrize("date_format", ["DD/MM", "day/month", "%Y", "%d/%m/YYYY", "DD/DD/MM/YYYY",
                                         "DD/MM/YYYY mm", "%Q", "DD/MM/YY YYYY"])  # fmt: skip
def test_a_format_that_is_none_offers_some_that_are(date_format: str) -> None:
    with pytest.raises(InputError, match=r"date format .* is not understood: give it as in"):
        read_format(date_format)
    for example in EXAMPLES:
        assert read_format(example)


def test_each_token_is_accepted() -> None:
    others = {"year": "MM-DD", "month": "YYYY-DD", "month by name": "YYYY-DD", "day": "YYYY-MM"}
    for tokens, meaning in TOKENS:
        for token in tokens.split(", "):
            clock = "" if meaning in others else " HH:" if "hour" not in meaning else " "
            assert read_format(f"{others.get(meaning, 'YYYY-MM-DD')}{clock or '-'}{token}")


def test_a_format_that_does_not_fit_names_the_cell() -> None:
    with pytest.raises(
        DataError, match=r"line 3.*'2024-03-13' is not a date \(DD/MM/YYYY\), as --date-format"
    ):
        parse("13/03/2024", "2024-03-13", date_format="DD/MM/YYYY")
    with pytest.raises(DataError, match=r"line 2.*is not a date and time \(HH:mm DD/MM/YYYY\)"):
        parse("13/03/2024 09:30", date_format="HH:mm DD/MM/YYYY")


def test_a_format_with_the_time_in_front_beside_a_column_of_times() -> None:
    cells = table(["12/03/2024"], ["21:30"])
    for date_format in ("HH:mm DD/MM/YYYY", "DD/MM/YYYY HH:mm"):
        assert parse_stamps(cells, 0, 1, date_format).wall.to_list() == [at("2024-03-12 21:30")]


# Types of Parquet files


@pytest.mark.parametrize(
    "cells",
    [
        pl.Series([1710322200]),
        pl.Series([1710322200000], dtype=pl.UInt64),
        pl.Series([1710322200.0]),
        pl.Series([202403130930]),
        pl.Series([45364.39583333]),
        pl.Series([MORNING]),
        pl.Series([MORNING]).cast(pl.Datetime("ns")).dt.replace_time_zone("UTC"),
    ],
)
def test_types_of_columns(cells: pl.Series) -> None:
    assert parse_stamps(table(cells), 0).wall.to_list() == [MORNING]


def test_dates_beside_times_of_day() -> None:
    cells = table(pl.Series([MORNING.date()]), pl.Series([MORNING.time()]))
    assert parse_stamps(cells, 0, 1).wall.to_list() == [MORNING]


# Days of bars that are stamped with their end


@pytest.mark.parametrize(
    ("cells", "stamped", "day"),
    [
        (["2024-03-12 23:59:59.999"], "close", 12),
        (["2024-03-12T23:59:59.999Z"], "open", 12),
        (["2024-03-13 00:00:00"], "close", 12),
        (["2024-03-13T00:00:00Z"], "close", 12),
        (["2024-03-13 00:00:00"], "open", 13),
        (["2024-03-13 16:00:00"], "close", 13),
        (["2024-03-13"], "close", 13),
    ],
)
def test_day_of_a_bar_by_its_end(cells: list[str], stamped: StampsAt, day: int) -> None:
    for zone in ("America/New_York", "Asia/Tokyo", None):
        found = to_dates(
            table(cells), parse(*cells), zone, "close" if stamped == "close" else "open"
        )
        assert found.to_list() == [dt.date(2024, 3, day)]


def test_days_that_hang_on_the_zone_are_said() -> None:
    berlin = parse("2024-06-16T22:00:00Z", "2024-06-17T22:00:00Z")
    named = Stamps(berlin.wall, None, has_times=True, zone="UTC")
    for stamps in (berlin, named):
        found = to_dates(table(["a", "b"]), stamps, "Europe/Berlin")
        assert found.to_list() == [dt.date(2024, 6, 17), dt.date(2024, 6, 18)]
        notes, warnings = said_of_dates(stamps, "Europe/Berlin")
        assert "its day in Europe/Berlin" in notes[0]
        assert warnings == ()
        assert "(--timezone)" in said_of_dates(stamps, None)[1][0]
    assert said_of_dates(parse("2024-06-16T00:00:00Z"), None) == ((), ())
    assert said_of_dates(parse("2024-06-16 16:00"), None) == ((), ())


# Round trip

_DATE_FORMS = [
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y",
    "%a, %d %b %Y", "%Y年%m月%d日", "%d/%b/%y",
]  # fmt: skip
_TIME_FORMS = ["%H:%M:%S", "%H%M%S", "%I:%M:%S %p", "%I:%M:%S%p", "%H.%M.%S", "%H:%M:%S.%f"]
_ZONES = {"": "", "offset": " -0500", "GMT": " GMT-05:00", "named": "[Etc/GMT+5]", "EST": " EST"}


@given(
    moments=st.lists(
        st.datetimes(at("1971-01-01"), at("2039-12-31")).map(
            lambda moment: moment.replace(microsecond=0)
        ),
        min_size=1,
        max_size=6,
    ),
    date=st.sampled_from(_DATE_FORMS),
    between=st.sampled_from([" ", "T", ", ", "_", "-", " at ", "\t"]),
    time=st.sampled_from(_TIME_FORMS),
    zone=st.sampled_from(list(_ZONES)),
    apart=st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_round_trip(
    moments: list[dt.datetime], date: str, between: str, time: str, zone: str, apart: bool
) -> None:
    offset = dt.timezone(dt.timedelta(hours=-5))
    dates = [moment.strftime(date) for moment in moments]
    times = [moment.strftime(time) + _ZONES[zone] for moment in moments]
    if apart:
        cells, column = table(dates, times), 1
    else:
        cells, column = table([d + between + t for d, t in zip(dates, times, strict=True)]), None
    found = parse_stamps(cells, 0, column)
    assert found.wall.to_list() == moments
    if zone:
        back, _ = to_datetimes(cells, found, "UTC")
        assert back.to_list() == [moment.replace(tzinfo=offset) for moment in moments]
    assert found.has_times
    assert found.certain


_PIECES = [
    "2024-03-11", "03/04/2024", "09:30", "11-PM", "Mon, ", "11 Mar 2024", " ", "T", "GMT+01", "[",
    "]", "(", "EST", "1710115200", "45363.39", "下午", "é", "\u0663", "\0", "-", ",", "9" * 20,
]  # fmt: skip


@given(
    cells=st.lists(st.lists(st.sampled_from(_PIECES), max_size=4).map("".join), min_size=1),
    date_format=st.sampled_from([None, "DD/MM/YYYY", "HH:mm DD/MM/YYYY", "%Y-%m-%d %H:%M"]),
)
@settings(max_examples=25, deadline=None)
def test_what_is_no_stamp_is_refused_in_one_line(cells: list[str], date_format: str | None) -> None:
    for columns in ([cells], [cells, cells]):
        refused, rows = "", None
        try:
            rows = parse_stamps(table(*columns), 0, len(columns) - 1 or None, date_format).wall
        except DataError as error:
            refused = str(error)
        assert refused.startswith("B.csv, line ") or rows is not None
        assert "\n" not in refused
        assert rows is None or (len(rows) == len(cells) and not rows.null_count())
