"""Bars that are written in any notation, form of time and layout that is read come back the same.

Whole files: each is put together of one way for every thing that may be written in several, with
the bars of `bar_files`.
"""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from bar_files import (
    GERMAN,
    Form,
    columns,
    count,
    difference,
    epoch,
    grouped,
    indian,
    make_bars,
    make_lines,
    millions,
    named,
    render,
    serial,
    thousands,
    with_offset,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wfo.data import read_bars

FRENCH: Final = "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."
SPANISH: Final = (
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
)


def _ordinal(t: dt.datetime) -> str:
    ending = "th" if 11 <= t.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(t.day % 10, "th")
    return f"{t:%B} {t.day}{ending}, {t.year}"


DAYS: Final = {
    **{form: form for form in (
        "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y",
        "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%b %d, %Y", "%B %d, %Y",
        "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%a, %d %b %Y", "%A, %B %d, %Y",
        "%a %b %d %Y", "%Y-%m-%d 00:00:00", "%Y-%m-%dT00:00:00.000Z", "%Y-%b-%d",
        "%m/%d/%Y 12:00:00 AM", "%d.%m.%Y 00:00",
    )},
    "without zeros": lambda t: f"{t.month}/{t.day}/{t.year}",
    "day without zeros": lambda t: f"{t.day}.{t.month}.{t.year}",
    "ordinal": _ordinal,
    "german": named("%d. MMM %Y", GERMAN),
    "french": named("%d MMM %Y", FRENCH),
    "spanish": named("%d de MMM de %Y", SPANISH),
    "spreadsheet": serial,
}  # fmt: skip

#: Stamps of days with times; those of `WITH_ZONE` say their zone.
WITH_ZONE: Final = {
    "offset": with_offset("%Y-%m-%dT%H:%M:%S", between=":"),
    "offset without a colon": with_offset("%Y-%m-%d %H:%M:%S"),
    "offset behind GMT": with_offset("%d.%m.%Y %H:%M:%S.000", " GMT"),
    "offset behind UTC": with_offset("%Y-%m-%d %H:%M", " UTC", ":"),
    "zone": lambda t: f"{t:%Y-%m-%d %H:%M:%S} {t.tzinfo}",
    "zone in brackets": lambda t: with_offset("%Y-%m-%dT%H:%M", between=":")(t) + f"[{t.tzinfo}]",
    "Z": lambda t: f"{t.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
    "UTC": lambda t: f"{t.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S UTC}",
    "+00": lambda t: f"{t.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.000000+00}",
    "epoch": epoch(1),
    "epoch in ms": epoch(1_000),
    "epoch in us": epoch(1_000_000),
    "epoch in ns": epoch(1_000_000_000),
}  # fmt: skip
STAMPS: Final = {
    **WITH_ZONE,
    **{form: form for form in (
        "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.000", "%m/%d/%Y %I:%M %p",
        "%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%Y%m%d %H%M%S",
        "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y/%m/%d %H:%M", "%Y.%m.%d %H:%M:%S", "%b %d, %Y %I:%M %p",
        "%d-%b-%Y %H:%M", "%Y%m%d  %H:%M:%S", "%d %b %Y, %H:%M", "%Y-%m-%d, %H:%M",
    )},
    "spreadsheet": serial,
}  # fmt: skip
#: Dates and times in two columns.
TIMES: Final = {
    **{form: form for form in ("%H:%M", "%H:%M:%S", "%H%M", "%H%M%S", "%I:%M %p", "%I:%M:%S%p")},
    "without zeros": lambda t: f"{t:%I:%M %p}".lstrip("0"),
    "a.m.": lambda t: f"{t:%I:%M} {'p.m.' if t.hour >= 12 else 'a.m.'}",
    "digits": lambda t: str(int(f"{t:%H%M%S}")),
}  # fmt: skip

#: Prices and volumes in one notation, and the separators with which it is taken for no other.
NOTATIONS: Final = {
    "point": (grouped("", "."), count), "us": (grouped(",", "."), thousands(",")),
    "comma": (grouped("", ","), count), "european": (grouped(".", ","), thousands(".")),
    "blank": (grouped(" ", ","), thousands(" ")), "swiss": (grouped("'", "."), thousands("'")),
    "no-break blank": (grouped("\u00a0", ","), thousands("\u00a0")),
    "narrow blank": (grouped("\u202f", ","), thousands("\u202f")),
    "typographic": (grouped("\u2019", "."), thousands("\u2019")),
    "indian": (indian, lambda v: indian(Decimal(v))),
    "dollars": (lambda p: f"${p:,f}", thousands(",")),
    "euros": (lambda p: grouped(".", ",")(p) + " €", thousands(".")),
    "francs": (lambda p: "CHF " + grouped("'", ".")(p), thousands("'")),
    "rupees": (lambda p: "₹" + indian(p), lambda v: indian(Decimal(v))),
    "code": (lambda p: f"{p:,f} USD", thousands(",")),
    "millions": (grouped(",", "."), millions()), "Millionen": (grouped(".", ","), millions(",")),
}  # fmt: skip

HEADINGS: Final = {
    "plain": "date,open,high,low,close,volume",
    "brackets": "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
    "numbered": "timestamp,1. open,2. high,3. low,4. close,5. volume",
    "german": "Datum,Eröffnung,Hoch,Tief,Schluss,Volumen",
    "french": "Date,Ouverture,Haut,Bas,Clôture,Volume",
    "spanish": "Fecha,Apertura,Máximo,Mínimo,Cierre,Volumen",
    "italian": "Data,Apertura,Massimo,Minimo,Chiusura,Volume",
    "portuguese": "Data,Abertura,Máxima,Mínima,Fechamento,Volume",
    "polish": "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen",
    "dutch": "Datum,Open,Hoog,Laag,Slot,Volume",
    "japanese": "日付,始値,高値,安値,終値,出来高", "chinese": "日期,开盘,最高,最低,收盘,成交量",
    "russian": "Дата,Открытие,Максимум,Минимум,Закрытие,Объем",
    "letters": "t,o,h,l,c,v",
    "words": "Trade Date,Open Price,High Price,Low Price,Close Price,Total Volume",
}  # fmt: skip

ORDERS: Final = ((0, 1, 2, 3, 4, 5), (0, 4, 1, 2, 3, 5), (1, 2, 3, 4, 5, 0), (0, 5, 3, 2, 1, 4))
BEFORE: Final = ((), ("# prices",), ("XYZ Inc.", "", "Prices in USD"), ("https://www.example.com",))
BEHIND: Final = ((), ("",), ("", "Source: Example Ltd."), ('"Downloaded today, 2024"',))

LAYOUTS: Final = st.fixed_dictionaries(
    {
        "notation": st.sampled_from(sorted(NOTATIONS)),
        "headings": st.sampled_from(sorted(HEADINGS)),
        "order": st.sampled_from(ORDERS),
        "separator": st.sampled_from(",;\t|"),
        "quote": st.sampled_from(("needed", "all")),
        "newline": st.sampled_from(("\n", "\r\n")),
        "encoding": st.sampled_from(("utf-8", "utf-8-sig", "utf-16")),
        "before": st.sampled_from(BEFORE),
        "after": st.sampled_from(BEHIND),
        "newest_first": st.booleans(),
        "size": st.sampled_from((("101.25", 2), ("1.1", 5), ("4512.5", 2), ("123456.5", 2))),
    }
)


def form_of(layout: dict[str, Any], **more: Any) -> Form:
    price, volume = NOTATIONS[layout["notation"]]
    names = columns(HEADINGS[layout["headings"]], "stamp,open,high,low,close,volume")
    same = ("separator", "quote", "newline", "encoding", "before", "after", "newest_first")
    return Form(
        layout["headings"],
        tuple(names[i] for i in layout["order"]),
        price=price,
        volume=volume,
        sizes=(layout["size"],),
        unit=10,
        **{name: layout[name] for name in same},
        **more,
    )


def check(form: Form, seed: int, folder: Path, **how: Any) -> None:
    rng = random.Random(seed)
    bars = make_bars(rng, form, rng.randint(14, 24))
    text = render(make_lines(form, bars), form.separator, form.quote, form.newline)
    path = folder / "bars.csv"
    path.write_bytes(text.encode(form.encoding))
    found = difference(read_bars(path, **how).frame, bars)
    assert found is None, f"{found}\n{text[:600]}"


@given(layout=LAYOUTS, stamp=st.sampled_from(sorted(DAYS)), seed=st.integers(0, 10**6))
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_days(layout: dict[str, Any], stamp: str, seed: int, tmp_path: Path) -> None:
    form = form_of(layout, stamp=DAYS[stamp])
    check(form, seed, tmp_path, calendar="none")


ZONES: Final = ("America/New_York", "Europe/Berlin", "Asia/Tokyo", "UTC")


@given(
    layout=LAYOUTS,
    stamp=st.sampled_from(sorted(STAMPS)),
    zone=st.sampled_from(ZONES),
    minutes=st.sampled_from((1, 5, 30, 60)),
    seed=st.integers(0, 10**6),
)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_stamps(
    layout: dict[str, Any], stamp: str, zone: str, minutes: int, seed: int, tmp_path: Path
) -> None:
    form = form_of(layout, stamp=STAMPS[stamp], zone=zone, minutes=minutes)
    # A zone that the stamps say is not given; what is given is where the frame's times are shown.
    given_zone = "UTC" if stamp in WITH_ZONE else zone
    check(form, seed, tmp_path, calendar="none", timezone=given_zone)


@pytest.mark.parametrize(("number", "time"), list(enumerate(TIMES)))
def test_dates_and_times_apart(number: int, time: str, tmp_path: Path) -> None:
    stamp = ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d")[number % 4]
    form = Form(
        "apart",
        columns("Date,Time,Open,High,Low,Close,Volume", "stamp,time,open,high,low,close,volume"),
        stamp=stamp,
        time=TIMES[time],
        minutes=30,
        zone="America/New_York",
    )
    check(form, 1, tmp_path, calendar="none", timezone="America/New_York")


SIZES: Final = (("0.0000715", 8), ("998.5", 2), ("9876543.5", 1))


@pytest.mark.parametrize(("number", "notation"), list(enumerate(NOTATIONS)))
def test_small_and_large_prices(number: int, notation: str, tmp_path: Path) -> None:
    price, volume = NOTATIONS[notation]
    names = columns("date,open,high,low,close,volume", "stamp,open,high,low,close,volume")
    form = Form(
        notation,
        names,
        price=price,
        volume=volume,
        sizes=(SIZES[number % 3],),
        unit=10,
        separator=";",
    )
    check(form, 2, tmp_path, calendar="none")


@pytest.mark.slow
@given(
    layout=LAYOUTS,
    day=st.sampled_from(sorted(DAYS)),
    stamp=st.sampled_from(sorted(STAMPS)),
    zone=st.sampled_from(ZONES),
    seed=st.integers(0, 10**6),
)
@settings(
    max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_many(
    layout: dict[str, Any], day: str, stamp: str, zone: str, seed: int, tmp_path: Path
) -> None:
    check(form_of(layout, stamp=DAYS[day]), seed, tmp_path, calendar="none")
    form = form_of(layout, stamp=STAMPS[stamp], zone=zone, minutes=5)
    given_zone = "UTC" if stamp in WITH_ZONE else zone
    check(form, seed, tmp_path, calendar="none", timezone=given_zone)
