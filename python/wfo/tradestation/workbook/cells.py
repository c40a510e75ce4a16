"""Cells of a workbook: text that stays text, numbers without NaN, dates, and their formats."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

#: What a cell holds; each kind has one number format.
Kind = Literal[
    "text", "count", "money", "percent", "ratio", "fine", "place", "number", "date", "flag"
]

#: What a sheet of Excel holds at most.
MOST_ROWS, MOST_COLUMNS, MOST_CHARACTERS = 1_048_576, 16_384, 32_767

#: Characters that XML has no way to write, lone surrogates of undecodable file names among them.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

#: ``_)`` leaves the width of a parenthesis, which keeps numbers apart from bars and icons of the
#: next column.
_NUMBER_FORMATS: Mapping[Kind, str] = {
    "count": "#,##0_)",
    "money": "#,##0_);[Red]-#,##0_)",
    "percent": "0.0%_);[Red]-0.0%_)",
    "ratio": "#,##0.00_);[Red]-#,##0.00_)",
    # Ratios that are often far below 1.
    "fine": "#,##0.000_);[Red]-#,##0.000_)",
    # Tied ranks are averaged, so that they have halves.
    "place": "#,##0.0_)",
    "number": "General_)",
    "date": "yyyy-mm-dd",
}

#: Colours: one dark for headings, one pale for buy-and-hold, greys for what is said beside.
HEADING, BAND, HELD, LINE, MUTED, LINK = (
    "#1F3864",
    "#D9E2F3",
    "#FFF2CC",
    "#BFBFBF",
    "#595959",
    "#0563C1",
)

_FONT = {"font_name": "Calibri", "font_size": 10, "valign": "vcenter"}


class Styles:
    """The formats of a workbook, each made once.

    Parameters
    ----------
    book
        Whose they are.
    """

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._known: dict[tuple[tuple[str, Any], ...], Format] = {}

    def __call__(self, kind: Kind = "text", **properties: Any) -> Format:
        """Return the format of a kind of cell with some properties of XlsxWriter's."""
        wanted: dict[str, Any] = {**_FONT}
        if kind in _NUMBER_FORMATS:
            wanted["num_format"] = _NUMBER_FORMATS[kind]
        wanted |= properties
        key = tuple(sorted(wanted.items()))
        if key not in self._known:
            self._known[key] = self._book.add_format(wanted)
        return self._known[key]

    def heading(self) -> Format:
        """Return the format of a column's heading."""
        return self(
            bold=True,
            font_color="white",
            bg_color=HEADING,
            text_wrap=True,
            align="center",
            border=1,
            border_color=LINE,
        )

    def band(self) -> Format:
        """Return the format of what stands over the headings of several columns."""
        return self(bold=True, font_color=HEADING, bg_color=BAND, align="left")

    def title(self) -> Format:
        """Return the format of a sheet's title."""
        return self(bold=True, font_size=16, font_color=HEADING)

    def section(self) -> Format:
        """Return the format of a heading within a sheet."""
        return self(bold=True, font_size=12, font_color=HEADING, bottom=2, bottom_color=HEADING)

    def subtitle(self) -> Format:
        """Return the format of a heading over charts."""
        return self(bold=True, font_size=12, font_color=HEADING)

    def note(self) -> Format:
        """Return the format of what is said beside a table."""
        return self(font_color=MUTED, italic=True)

    def wrapped(self, **properties: Any) -> Format:
        """Return the format of text of several lines."""
        return self(text_wrap=True, **{"valign": "top", **properties})


def clean(text: object) -> str:
    """Return a text that a cell can hold: legal in XML, and not longer than Excel allows."""
    found = _ILLEGAL.sub("\ufffd", str(text))
    return found if len(found) <= MOST_CHARACTERS else f"{found[: MOST_CHARACTERS - 1]}…"


def write(sheet: Worksheet, row: int, column: int, value: object, style: Format) -> None:
    """Write a value as what it is: text never as a formula or link, no number as a blank.

    Parameters
    ----------
    sheet, row, column
        Where.
    value
        Text, a number, a date, a truth value, or None.
    style
        Its format.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        sheet.write_blank(row, column, None, style)
    elif isinstance(value, bool):
        sheet.write_string(row, column, "yes" if value else "no", style)
    elif isinstance(value, (int, float)):
        sheet.write_number(row, column, value, style)
    elif isinstance(value, dt.date) and value.year <= 1900:
        # Excel counts days from 1900 on, and takes that for a leap year.
        sheet.write_string(row, column, value.isoformat(), style)
    elif isinstance(value, dt.datetime):
        # A cell has no time zone; the clock of the bars is what is shown.
        sheet.write_datetime(row, column, value.replace(tzinfo=None), style)
    elif isinstance(value, dt.date):
        sheet.write_datetime(row, column, value, style)
    else:
        sheet.write_string(row, column, clean(value), style)


def lines_of(text: str, width: float) -> int:
    """Return about how many lines a wrapped text takes in a column of so many characters.

    Merged cells do not find their height by themselves. Letters are narrower than the digits that
    widths count in, which leaves room for words that do not break.
    """
    return sum(max(1, math.ceil(len(part) / (1.06 * width))) for part in text.split("\n"))


def sheet_name(wanted: str, taken: Iterable[str]) -> str:
    """Return a legal name of a sheet that no other one has.

    Parameters
    ----------
    wanted
        What it should be called.
    taken
        The names of the other sheets.
    """
    # Excel's limits: 31 characters, none of []:*?/\, no apostrophe at either end, and not the name
    # that it keeps for itself; case does not tell names apart.
    legal = re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", clean(wanted)).strip().strip("'").strip()
    legal = legal or "Sheet"
    others = {name.casefold() for name in taken} | {"history"}
    name, number = legal[:31], 2
    while name.casefold() in others:
        end = f" {number}"
        name, number = legal[: 31 - len(end)] + end, number + 1
    return name


def quoted(name: str) -> str:
    """Return a sheet's name as formulas and links name it."""
    return "'" + name.replace("'", "''") + "'"
