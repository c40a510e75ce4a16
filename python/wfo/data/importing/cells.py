"""What single cells and lines look like, before anything in them is read."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

#: Separators of fields in the order in which they are tried; the last two stand for two blanks or
#: more, and for one or more.
SEPARATORS: Final = (",", ";", "\t", "|", "  ", " ")
_RUNS: Final = {"  ": re.compile(r" *\t *| {2,}"), " ": re.compile(r"[ \t]+")}

_BEFORE: Final = r"(?:[^\w\s.,'+-]{1,3}|[A-Z]{1,3}|kr\.?|z\u0142|Rs\.?)?"
_BEHIND: Final = (
    r"(?:[^\w\s.,'+-]{1,3}|[A-Zkmbt]{1,3}|[kK]r\.?|z\u0142|K\u010d|Ft|lac|crore|bn|mn)?"
)
#: A number in any notation, with signs of currencies and units around it.
_NUMERAL: Final = re.compile(
    rf"{_BEFORE} ?[+-]?{_BEFORE} ?(?:\d[\d.,'\u2019 \u00a0\u202f]*|[.,]\d+)"
    rf"(?:[eE][+-]?\d{{1,3}})? ?{_BEHIND}"
)
#: What dates and times since 1970 begin with: three numbers, a month by its name, or many digits.
_STAMP: Final = re.compile(
    r"(?:[^\W\d_]{2,12}\.?,? +)?(?:"
    r"\d{1,4} ?[-/.\u5e74] ?\d{1,2} ?[-/.\u6708] ?\d{1,4}(?![\d.])"
    r"|\d{1,4}(?:st|nd|rd|th)?[-/. ]+[^\W\d_]{3,12}\.?,?[-/. ]+\d{2,4}"
    r"|[^\W\d_]{3,12}\.?[-/. ]+\d{1,2}(?:st|nd|rd|th)?,?[-/. ]+\d{2,4}"
    r"|\d{5,19}(?!\d))"
)
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}|\d{4,6}$")
#: What programs write where there is no number, nothing included, in lower case.
EMPTY_WORDS: Final = frozenset({
    "", "-", "--", "---", "\u2013", "\u2014", "\u2212", ".", "..", "...", "\u2205",
    "n/a", "na", "n.a.", "n.a", "n/d", "n.d.", "nd", "k.a.", "k. a.", "s/o",
    "#n/a", "#n/a n/a", "#na", "#nv", "<na>", "null", "(null)", "<null>", "none", "nil",
    "nan", "-nan", "nat", "\\n", "undefined",
})  # fmt: skip


def split_line(text: str, separator: str) -> list[str] | None:
    """Return the stripped fields of one line, None where its quotes are broken."""
    if separator in _RUNS:
        return [cell.strip('"') for cell in _RUNS[separator].split(text.strip())]
    try:
        fields = next(read_csv([text], delimiter=separator), [])
    except csv.Error:
        return None
    return [field.strip() for field in fields]


read_csv = functools.partial(csv.reader, skipinitialspace=True, strict=True)


def holds_none(cells: pl.Series) -> pl.Series:
    """Return where cells of a column hold no number, and nothing that could be a broken one."""
    import polars as pl

    if cells.dtype == pl.String:
        return _is_empty_text(cells)
    found = cells.is_null()
    return found | cells.is_nan().fill_null(value=False) if cells.dtype.is_float() else found


def _is_empty_text(cells: pl.Series) -> pl.Series:
    import polars as pl

    # A number has a digit, which is looked for in far less time than each of the words.
    rest = (~cells.str.contains("[0-9]").fill_null(value=False)).arg_true()
    empty = pl.repeat(value=False, n=len(cells), dtype=pl.Boolean, eager=True)
    if not len(rest):
        return empty
    words = cells.gather(rest).fill_null("").str.strip_chars().str.to_lowercase()
    return empty.scatter(rest.filter(words.is_in(list(EMPTY_WORDS))), values=True)


def is_numeral(cell: str) -> bool:
    """Tell whether a cell can be a number in some notation."""
    return len(cell) < 50 and _NUMERAL.fullmatch(cell.strip()) is not None


def is_stamp(cell: str) -> bool:
    """Tell whether a cell begins as a date or a time since 1970 does."""
    return _STAMP.match(cell.strip()) is not None


def is_clock(cell: str) -> bool:
    """Tell whether a cell begins as a time of day does."""
    return _CLOCK.match(cell.strip()) is not None


def is_bar(cells: Sequence[str]) -> bool:
    """Tell whether cells can be those of a bar: a date or time, and four numbers behind it."""
    for number, cell in enumerate(cells):
        if is_stamp(cell):
            return sum(1 for c in cells[number + 1 :] if is_numeral(c)) >= 4
    return False


def can_be_bar(text: str) -> bool:
    """Tell whether a line can be a bar, whatever separates its fields."""
    return any(is_bar(split_line(text, separator) or ()) for separator in SEPARATORS)


def is_begun(cell: str, whole: str) -> bool:
    """Tell whether a cell can be the beginning of a stamp that is written as another one.

    Digits stand for any number of digits, letters for as many letters: ``2024-0`` is the beginning
    of ``2023-12-29``.
    """
    return bool(cell.strip()) and _shape(whole).startswith(_shape(cell))


def _shape(text: str) -> str:
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d+", "0", text.strip()))
