"""Files of bars as vendors, spreadsheets and people write them, with the bars that they hold.

The forms follow public descriptions of what each writes, and not the code that reads them; all
numbers are made here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

Write = Callable[[dt.datetime], str]


@dataclasses.dataclass(frozen=True)
class Bar:
    """A bar as it is meant.

    Attributes
    ----------
    time
        When it opens, in UTC; of days and weeks midnight without a zone.
    open, high, low, close
        Its prices.
    volume
        None where the file has none.
    """

    time: dt.datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int | None


@dataclasses.dataclass
class Line:
    """A line of a file: cells, or text as it is; and the bar that it holds, if it holds one."""

    cells: list[str] = dataclasses.field(default_factory=list)
    text: str | None = None
    bar: Bar | None = None
    is_head: bool = False
    is_damaged: bool = False

    def copy(self) -> Line:
        return dataclasses.replace(self, cells=list(self.cells))


# Numerals


def plain(value: Decimal) -> str:
    return f"{value:f}"


def short(value: Decimal) -> str:
    """Without zeros at the end, as programs print floats."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def grouped(mark: str, decimal: str) -> Callable[[Decimal], str]:
    def write(value: Decimal) -> str:
        return f"{value:,f}".replace(",", "\0").replace(".", decimal).replace("\0", mark)

    return write


def indian(value: Decimal) -> str:
    """Three digits before the point, and pairs before them: 1,23,456.78."""
    whole, _, rest = f"{value:f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    while head:
        head, tail = head[:-2], f"{head[-2:]},{tail}"
    return f"{tail}.{rest}" if rest else tail


def comma(value: Decimal) -> str:
    return f"{value:f}".replace(".", ",")


def dollars(value: Decimal) -> str:
    return f"${value:,f}"


def count(value: int) -> str:
    return str(value)


def thousands(mark: str) -> Callable[[int], str]:
    return lambda value: f"{value:,}".replace(",", mark)


def millions(mark: str = ".") -> Callable[[int], str]:
    """1.25M and 990.00K, as sites write volumes that are whole multiples of ten."""

    def write(value: int) -> str:
        unit, letter = (1_000_000, "M") if value >= 1_000_000 else (1_000, "K")
        return f"{short(Decimal(value) / unit)}{letter}".replace(".", mark)

    return write


# Stamps


def epoch(factor: int) -> Write:
    return lambda t: str(round(t.timestamp()) * factor)


def serial(t: dt.datetime) -> str:
    """Days since the last one of 1899, as spreadsheets count them."""
    days = Decimal(round((t.replace(tzinfo=None) - dt.datetime(1899, 12, 30)).total_seconds()))  # noqa: DTZ001
    return short(round(days / 86_400, 9))


def with_offset(form: str, before: str = "", between: str = "") -> Write:
    def write(t: dt.datetime) -> str:
        offset = t.strftime("%z")
        return t.strftime(form) + before + offset[:3] + between + offset[3:5]

    return write


def named(form: str, months: str) -> Write:
    """A form whose MMM is one of twelve names."""
    names = months.split()
    return lambda t: t.strftime(form.replace("MMM", names[t.month - 1]))


GERMAN: Final = "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez"


@dataclasses.dataclass(frozen=True)
class Form:
    """How a program writes bars.

    Attributes
    ----------
    columns
        Heading and what stands below: ``stamp``, ``time``, ``unix``, a field of a bar, ``adj``,
        ``up``, ``down``, or text that is the same in each row.
    stamp, time
        What `strftime` takes, or a function of a bar's time in `zone`.
    price, volume
        How numbers are written.
    minutes
        Length of a bar; 0 of days.
    zone
        Zone of the stamps of intraday bars.
    sizes
        Price and decimals with which a market begins, one of which is taken.
    since
        The first year of its bars.
    heads
        Lines of cells in place of the headings; empty lists for a file without any.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    stamp: str | Write = "%Y-%m-%d"
    time: str | Write = "%H:%M"
    price: Callable[[Decimal], str] = plain
    volume: Callable[[int], str] = count
    minutes: int = 0
    zone: str = "UTC"
    how: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    separator: str = ","
    quote: str = "needed"
    newest_first: bool = False
    sizes: tuple[tuple[str, int], ...] = (("101.25", 2), ("1.1", 5), ("4512.5", 2), ("0.0715", 4))
    before: tuple[str, ...] = ()
    heads: tuple[tuple[str, ...], ...] | None = None
    after: tuple[str, ...] = ()
    encoding: str = "utf-8"
    newline: str = "\n"
    ends: bool = False
    unit: int = 1
    since: int = 1999

    @property
    def fields(self) -> list[str]:
        return [field for _, field in self.columns]


def columns(headings: str, fields: str, mark: str = ",") -> tuple[tuple[str, str], ...]:
    return tuple(zip(headings.split(mark), fields.split(","), strict=True))


def make_bars(rng: random.Random, form: Form, rows: int) -> list[Bar]:
    """Return bars of a random walk in the size that the form writes."""
    start, decimals = rng.choice(form.sizes)
    tick = Decimal(1).scaleb(-decimals)
    at = round(Decimal(start) / tick)
    step = max(2, at // 150)
    times = _times(rng, form, rows)
    has_volume = bool({"volume", "up"} & set(form.fields))
    bars = []
    for time in times:
        first = max(step, at + rng.randint(-(step // 2), step // 2))
        last = max(step, first + rng.randint(-step, step))
        high = max(first, last) + rng.randint(1, step)
        low = max(1, min(first, last) - rng.randint(1, step))
        at = last
        volume = rng.randint(1_001, 3_000_000) // form.unit * form.unit + form.unit
        prices = (Decimal(p) * tick for p in (first, high, low, last))
        bars.append(Bar(time, *prices, volume=volume if has_volume else None))
    return bars


def _times(rng: random.Random, form: Form, rows: int) -> list[dt.datetime]:
    # Days above 12 stand in each file, so that the order of day and month can be told.
    year, month = rng.randint(form.since, 2025), rng.randint(1, 12)
    if not form.minutes:
        day = dt.datetime(year, month, rng.randint(8, 16))  # noqa: DTZ001
        found = []
        while len(found) < rows:
            if day.weekday() < 5:
                found.append(day)
            day += dt.timedelta(days=1)
        return found
    day = dt.datetime(year, month, 13, 9, 30, tzinfo=ZoneInfo(form.zone))
    while day.weekday() > 2:
        day += dt.timedelta(days=1)
    begin = day.replace(minute=0) if form.minutes >= 60 else day
    step = dt.timedelta(minutes=form.minutes)
    return [begin.astimezone(dt.UTC) + step * i for i in range(rows)]


def make_lines(form: Form, bars: list[Bar]) -> list[Line]:
    """Return the lines of a file that a program writes of bars."""
    heads = form.heads
    if heads is None:
        heads = (tuple(heading for heading, _ in form.columns),)
    rows = [Line(cells_of(form, bar), bar=bar) for bar in bars]
    if form.newest_first:
        rows.reverse()
    return [
        *(Line(text=text) for text in form.before),
        *(Line(list(cells), is_head=True) for cells in heads),
        *rows,
        *(Line(text=text) for text in form.after),
    ]


def cells_of(form: Form, bar: Bar) -> list[str]:
    """Return the cells of a bar."""
    time = bar.time
    if form.minutes:
        if form.ends:
            time += dt.timedelta(minutes=form.minutes)
        time = time.astimezone(ZoneInfo(form.zone))
    up = (bar.volume or 0) // 3
    texts = {
        "stamp": lambda: _stamped(form.stamp, time),
        "time": lambda: _stamped(form.time, time),
        "unix": lambda: epoch(1000)(time),
        "adj": lambda: form.price(bar.close),
        "volume": lambda: form.volume(bar.volume or 0),
        "up": lambda: form.volume(up),
        "down": lambda: form.volume((bar.volume or 0) - up),
        **{p: (lambda p=p: form.price(getattr(bar, p))) for p in ("open", "high", "low", "close")},
    }
    return [texts[field]() if field in texts else field for field in form.fields]


def _stamped(form: str | Write, time: dt.datetime) -> str:
    return time.strftime(form) if isinstance(form, str) else form(time)


def render(
    lines: list[Line], separator: str, quote: str, newline: str = "\n", last: bool = True
) -> str:
    """Return the text of lines; `quote` is ``"all"`` or ``"needed"``."""

    def cell(text: str) -> str:
        inner = text.replace('"', '""')
        needs = separator in text or '"' in text
        return f'"{inner}"' if quote == "all" or needs else text

    texts = [
        line.text if line.text is not None else separator.join(map(cell, line.cells))
        for line in lines
    ]
    return newline.join(texts) + (newline if last else "")


def true_bars(lines: list[Line]) -> list[Bar]:
    """Return the bars of undamaged lines, each once, in their order in time."""
    found = {line.bar.time: line.bar for line in lines if line.bar and not line.is_damaged}
    return [found[time] for time in sorted(found)]


def difference(frame: Any, bars: list[Bar]) -> str | None:
    """Return where a frame differs from bars, None where it does not."""
    if frame.height != len(bars):
        return f"{frame.height} bars, not {len(bars)}"
    intraday = "datetime" in frame.columns
    times = frame["datetime" if intraday else "date"].to_list()
    volumes = frame["volume"].to_list() if "volume" in frame.columns else [None] * frame.height
    for number, bar in enumerate(bars):
        time = times[number].astimezone(dt.UTC) if intraday else times[number]
        if time != (bar.time if intraday else bar.time.date()):
            return f"bar {number} at {times[number]}, not {bar.time}"
        for name in ("open", "high", "low", "close"):
            found = frame[name][number]
            if found != float(getattr(bar, name)):
                return f"bar {number}: {name} {found}, not {getattr(bar, name)}"
        found, volume = volumes[number], bar.volume
        same = found == volume if None in (found, volume) else abs(found - volume) <= 1e-9 * volume
        if not same:
            return f"bar {number}: volume {found}, not {volume}"
    return None
