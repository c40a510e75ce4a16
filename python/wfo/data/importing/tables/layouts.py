"""How a text is laid out: what separates its fields, and where headings end and data begins."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Sequence
from typing import Final

from wfo.data.frames import PRICES
from wfo.data.importing.cells import (
    EMPTY_WORDS,
    SEPARATORS,
    can_be_bar,
    is_bar,
    is_clock,
    is_numeral,
    is_stamp,
    split_line,
)
from wfo.data.importing.headings.recognising import NEEDED, Fields, recognise
from wfo.data.importing.tables.named_columns import (
    SKIPPED,
    check_count,
    headings_of,
    named,
    with_stamp,
)
from wfo.data.importing.vendors.finding import find_vendor, headless
from wfo.data.importing.vendors.vendor import Vendor
from wfo.errors import DataError
from wfo.files.limits import TABLE_COLUMNS
from wfo.text import shown

#: Characters of a heading.
_LONGEST: Final = 200

#: Lines that are looked at, blank ones not counted.
SAMPLE: Final = 100
#: Lines that belong to the heading behind its first.
_MORE_HEADINGS: Final = 4
#: Lines of a sample that need not be bars in a file without headings: footers, remarks.
_ODD: Final = 5

_STAMPS: Final = frozenset({"date", "datetime", "time"})
#: First cells of lines that belong to a heading of several lines, whatever numbers follow.
_LEVELS: Final = frozenset(
    {"", "ticker", "tickers", "symbol", "symbols", "price", "attributes", "unit", "units"}
)
_WEB_PAGE: Final = re.compile(r"<!doctype|<html|<\?xml|<head|<body|<table|<div", re.IGNORECASE)
_JSON: Final = re.compile(r'[\[{]\s*(?:$|["\[{\d\]}])')

Line = tuple[int, str]


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a text is laid out.

    Attributes
    ----------
    separator
        What stands between fields; one blank for one or more, two for two or more.
    headings
        What columns are called; of a file without headings, the fields that they hold.
    fields
        Which column is what.
    start
        The number of the line at which data begins.
    vendor
        Whose file it is, where that is known.
    notes
        What was skipped or assumed.
    """

    separator: str
    headings: tuple[str, ...]
    fields: Fields
    start: int
    vendor: Vendor | None
    notes: tuple[str, ...]

    @property
    def stamp(self) -> int | None:
        """The number of the column that every bar has a stamp in."""
        position = self.fields.position
        known = (position[name] for name in ("date", "datetime", "time") if name in position)
        return next(known, self.fields.index)


def find_layout(name: str, lines: Sequence[Line], columns: Sequence[str] | None) -> Layout:
    """Find how a text is laid out.

    Parameters
    ----------
    name
        What messages call the file.
    lines
        Its first lines that are not blank, with their numbers.
    columns
        Names of its columns, where a user gives them.

    Raises
    ------
    DataError
        If it holds no bars.
    InputError
        If names of columns do not fit.
    """
    if not lines:
        raise DataError(f"{name} is empty")
    _check_kind(name, lines[0][1])
    separators: Sequence[str] = SEPARATORS
    told = re.fullmatch(r'"?sep=(.)"?', lines[0][1].strip("\n "), re.IGNORECASE)
    if told is not None:  # a line that Excel writes before the heading
        lines, separators = lines[1:], told[1]
        if not lines:
            raise DataError(f"{name} is empty but for its line 'sep={told[1]}'")
    if columns is not None:
        return _named(name, lines, separators, columns)
    bar = next((i for i, line in enumerate(lines) if can_be_bar(line[1])), len(lines))
    head, separator, fields = _find_heading(lines[: bar + 1], separators)
    if not set(PRICES) <= fields.keys():
        if len(fields) < 2 and bar < len(lines):
            found = _without_headings(name, lines[bar:], separators, lines[:bar])
            if found is not None:
                return found
        below = (line for line in lines[bar:] if not can_be_bar(line[1]))
        later = [line for line in below if _is_heading(line[1], separators)]
        if later:
            raise DataError(
                f"{name}, line {lines[bar][0]}: {shown(lines[bar][1])} can be a bar, but stands "
                f"before the headings in line {later[0][0]}: put the headings first"
            )
        if not fields:
            raise _no_heading(name, lines[max(bar - 1, 0) if bar < len(lines) else 0])
    return _below_heading(name, lines, head, separator)


def _check_kind(name: str, text: str) -> None:
    head = text.strip()
    if _WEB_PAGE.match(head):
        raise DataError(f"{name} is a web page, not bars: the download has probably failed")
    if _JSON.match(head):
        raise DataError(f"{name} is JSON, not a table: save it as CSV")


def _fields(text: str, separator: str) -> dict[str, int]:
    # Of more columns than are read, it is said later how many there are.
    return dict(recognise(_headings(text, separator)[:TABLE_COLUMNS]).position)


def _headings(text: str, separator: str) -> list[str]:
    """Return the fields of a line, cut where one is longer than headings are."""
    return [cell[:_LONGEST] for cell in split_line(text, separator) or ()]


def _is_heading(text: str, separators: Sequence[str]) -> bool:
    apart = (separator for separator in separators if separator in text)
    return any(set(PRICES) <= _fields(text, separator).keys() for separator in apart)


def _find_heading(
    lines: Sequence[Line], separators: Sequence[str]
) -> tuple[int, str, dict[str, int]]:
    """Return the line with headings, by its place, its separator and its fields.

    It is the first that names all prices; without one, that which names most.
    """
    best: tuple[int, str, dict[str, int]] = (0, separators[0], {})
    for place, (_, text) in enumerate(lines):
        for separator in separators:
            found = _fields(text, separator)
            if len(found) > len(best[2]):
                best = (place, separator, found)
        if best[0] == place and set(PRICES) <= best[2].keys():
            break
    return best


def _no_heading(name: str, line: Line) -> DataError:
    number, text = line
    head = text.strip()
    if can_be_bar(text):
        return DataError(
            f"{name} has no header line: line {number} is already data, {shown(head)}; name "
            f"its columns, with - for one that is not read (--columns {_names_for(text)})"
        )
    cells = max((split_line(text, separator) or [head] for separator in SEPARATORS[:-2]), key=len)
    listed = ", ".join(cell[:30] for cell in cells[:12]) + (", …" if len(cells) > 12 else "")
    return DataError(
        f"{name} holds no bars: columns found: {listed}; {NEEDED}; or name its columns (--columns)"
    )


def _names_for(text: str) -> str:
    """Return names for as many columns as a bar has, in the order in which most files have them."""
    rows = [split_line(text, separator) or [] for separator in SEPARATORS]
    row = next(row for row in rows if is_bar(row))
    stamp = next(number for number, cell in enumerate(row) if is_stamp(cell))
    stamps = ["date", "time"] if is_clock(row[stamp + 1]) else ["date"]
    names = [*[SKIPPED] * stamp, *stamps, *PRICES, "volume"][: _width(row)]
    return ",".join([*names, *[SKIPPED] * (_width(row) - len(names))])


def _rows(lines: Sequence[Line], separator: str) -> list[list[str]]:
    return [split_line(text, separator) or [] for _, text in lines]


def _below_heading(name: str, lines: Sequence[Line], head: int, separator: str) -> Layout:
    number, text = lines[head]
    headings = _headings(text, separator)
    _check_width(name, len(headings))
    notes = [_skipped(lines[:head])] if head else []
    start = number + 1
    rows = _rows(lines[head + 1 :], separator)
    more = 0
    while more < min(len(rows), _MORE_HEADINGS) and _continues(rows[more], headings):
        headings = _merged(headings, rows[more])
        start = lines[head + 1 + more][0] + 1
        more += 1
    if more:
        notes.append(_skipped(lines[head + 1 : head + 1 + more], "they belong to the headings"))
    rows = rows[more:]
    headings = _fitted(headings, [row for row in rows if any(row)])
    fields = recognise(headings)
    if not _STAMPS & fields.position.keys() and fields.index is None:
        stamps = _stamp_columns(fields, headings, rows)
        if len(stamps) == 1:
            fields = with_stamp(fields, stamps[0])
            notes.append(f"the column {shown(headings[stamps[0]])} holds the time stamps")
    vendor = find_vendor(headings)
    return Layout(separator, tuple(headings), fields, start, vendor, tuple(notes))


def _check_width(name: str, width: int) -> None:
    if width > TABLE_COLUMNS:
        raise DataError(f"{name} has {width:,} columns; {TABLE_COLUMNS:,} are read")


def _continues(row: Sequence[str], headings: Sequence[str]) -> bool:
    """Tell whether a row behind a heading belongs to it: units, names of levels, a ruling line."""
    cells = [cell[:_LONGEST] for cell in row if cell]
    if not cells or is_bar(row):
        return False
    position = recognise(headings).position
    first = re.sub(r"\W", "", row[0].casefold())
    if first in _LEVELS and first:
        return not any(is_stamp(cell) for cell in row[:1])
    prices = [row[position[p]] for p in PRICES if p in position and position[p] < len(row)]
    if any(is_numeral(cell) for cell in prices) or any(is_stamp(cell) for cell in cells):
        return False
    ruled = all(re.fullmatch(r"[-=:+|_ ]+", cell) for cell in cells)
    named_ = len(cells) == 1 and bool(_STAMPS & recognise(cells).position.keys())
    units = len(row) >= len(headings) and all(
        not (cell and cell.casefold() in EMPTY_WORDS) for cell in prices
    )
    return ruled or named_ or (units and not any(re.search(r"\d", cell) for cell in cells))


def _merged(headings: Sequence[str], row: Sequence[str]) -> list[str]:
    """Return headings with the name that a further line gives to the column of stamps."""
    known = set(recognise(headings).position.values())
    found = list(headings)
    if len([cell for cell in row if cell]) == 1:
        for number, cell in enumerate(row[: len(found)]):
            plain = number not in known or found[number].casefold() == "price"
            name = cell[:_LONGEST]
            if name and plain and _STAMPS & recognise([name]).position.keys():
                found[number] = name
    return found


def _fitted(headings: list[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return headings for as many columns as there are.

    Nameless ones at the end go where rows do not have them; one is added in front where rows have
    a stamp there without a name, or behind the date where they have a time of day.
    """
    widths = collections.Counter(len(row) for row in rows)
    if not widths:
        return headings
    width = widths.most_common(1)[0][0]
    while len(headings) > width and not headings[-1]:
        headings = headings[:-1]
    typical = [row for row in rows if len(row) == width]
    if width != len(headings) + 1 or not all(row[-1] for row in typical):
        return headings
    position = recognise(headings).position
    if not _STAMPS & position.keys():
        return ["", *headings] if all(is_stamp(row[0]) for row in typical) else headings
    date = position.get("date", position.get("datetime"))
    if date is None or "time" in position:
        return headings
    if all(is_stamp(row[date]) and is_clock(row[date + 1]) for row in typical):
        return [*headings[: date + 1], "Time", *headings[date + 1 :]]
    return headings


def _stamp_columns(
    fields: Fields, headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> list[int]:
    """Return the columns without a known name whose cells are all dates."""
    known = set(fields.position.values())
    sample = [row for row in rows if len(row) >= len(headings)]
    return [
        number
        for number in range(len(headings))
        if number not in known and sample and all(is_stamp(row[number]) for row in sample)
    ]


def _without_headings(
    name: str, lines: Sequence[Line], separators: Sequence[str], before: Sequence[Line]
) -> Layout | None:
    """Return the layout of a file without headings whose shape is known."""
    for separator in separators:
        rows = _rows(lines, separator)
        if not is_bar(rows[0]):
            continue
        width = _width(rows[0])
        if any(_are_headings(split_line(text, separator) or (), width) for _, text in before):
            return None
        same = [row[:width] for row in rows if _has_width(row, width) and is_bar(row)]
        if len(rows) - len(same) > _ODD:
            continue
        found = headless(same)
        if found is None:
            continue
        fields, vendor, notes = found
        _check_width(name, width)
        skipped = (_skipped(before),) if before else ()
        headings = headings_of(fields, width)
        return Layout(separator, headings, fields, lines[0][0], vendor, (*skipped, *notes))
    return None


def _are_headings(cells: Sequence[str], width: int) -> bool:
    """Tell whether a line can be headings of as many columns, in words that are not known."""
    words = [cell for cell in cells if re.search(r"[^\W\d_]", cell) and not is_numeral(cell)]
    return len(words) >= min(width, len(PRICES))


def _named(
    name: str, lines: Sequence[Line], separators: Sequence[str], columns: Sequence[str]
) -> Layout:
    """Return the layout of a file whose columns a user names."""
    fields, width = named(columns), len(columns)
    fitting = {s: sum(1 for row in _rows(lines, s) if _has_width(row, width)) for s in separators}
    separator = max(separators, key=lambda s: fitting[s])
    rows = _rows(lines, separator)
    place = next((i for i, row in enumerate(rows) if _fits(row, fields, width)), None)
    data = next((i for i, line in enumerate(lines) if can_be_bar(line[1])), place)
    if data is None:
        raise DataError(
            f"{name} holds no bars: no line has a date or time and numbers where the columns "
            f"{','.join(columns)} say"
        )
    if place is None or data < place:
        found = max(_width(split_line(lines[data][1], s) or []) for s in separators)
        check_count(f"line {lines[data][0]} of {name}", columns, found)
        place = data
    headings = headings_of(fields, width)
    notes = (_skipped(lines[:place]),) if place else ()
    return Layout(separator, headings, fields, lines[place][0], None, notes)


def _width(row: Sequence[str]) -> int:
    """Return the number of fields, but for an empty one behind a separator at the end."""
    return len(row) - 1 if len(row) > 1 and not row[-1] else len(row)


def _has_width(row: Sequence[str], width: int) -> bool:
    return len(row) == width or (len(row) == width + 1 and not row[-1])


def _fits(row: Sequence[str], fields: Fields, width: int) -> bool:
    """Tell whether a row has digits in every column of stamps."""
    if not _has_width(row, width):
        return False
    stamps = [row[number] for field, number in fields.position.items() if field in _STAMPS]
    return all(re.search(r"\d", cell) for cell in stamps)


def _skipped(lines: Sequence[Line], why: str = "") -> str:
    """Return the note on lines that are passed over."""
    number, text = lines[0]
    first = shown(text.strip())
    because = f": {why}" if why else ""
    if len(lines) == 1:
        because = because.replace("they belong", "it belongs")
        return f"line {number} was skipped, {first}{because}"
    return f"{len(lines)} lines were skipped, the first of them line {number}, {first}{because}"
