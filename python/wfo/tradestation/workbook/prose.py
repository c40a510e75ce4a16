"""Running text in a sheet: titles, sentences, lists and links, over the width of some columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from wfo.tradestation.workbook.cells import (
    LINK,
    MUTED,
    Styles,
    clean,
    lines_of,
    quoted,
    write,
)

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_LINE_HEIGHT = 13.5


class Prose:
    """Writes text below text, and knows the row that comes next.

    Parameters
    ----------
    sheet, styles
        Where, and the formats of its workbook.
    widths
        Widths of the columns that it may take, in characters.
    row
        First row.
    """

    def __init__(
        self, sheet: Worksheet, styles: Styles, widths: Sequence[float], row: int = 0
    ) -> None:
        self.sheet, self.styles, self.widths, self.row = sheet, styles, widths, row

    def skip(self, rows: int = 1) -> None:
        """Leave some rows out."""
        self.row += rows

    def title(self, text: str, below: str = "") -> None:
        """Write the title of a sheet and, smaller, a line below it."""
        self.sheet.set_row(self.row, 24)
        write(self.sheet, self.row, 0, text, self.styles.title())
        self.row += 1
        if below:
            self.sentence(below, self.styles.note())

    def section(self, text: str) -> None:
        """Write a heading with a line below it, as wide as the text."""
        self.skip()
        style = self.styles.section()
        self.sheet.set_row(self.row, 20)
        write(self.sheet, self.row, 0, text, style)
        for column in range(1, len(self.widths)):
            self.sheet.write_blank(self.row, column, None, style)
        self.row += 1

    def sentence(self, text: str, style: Format | None = None, *, first: int = 0) -> None:
        """Write a text over all columns from `first` on, as high as it needs."""
        self._over(first, text, style or self.styles.wrapped())
        self.row += 1

    def sentences(self, texts: Iterable[str]) -> None:
        """Write a text after the other."""
        for text in texts:
            self.sentence(text)

    def pair(self, what: str, value: object, *, kind: Any = "text", label: int = 1) -> None:
        """Write a label over the first `label` columns, and what it says over the others."""
        bold = self.styles.wrapped(bold=True)
        if label > 1:
            self.sheet.merge_range(self.row, 0, self.row, label - 1, "", bold)
        write(self.sheet, self.row, 0, what, bold)
        if isinstance(value, str):
            self._over(label, value, self.styles.wrapped())
        else:
            style = self.styles(kind, align="left", valign="top")
            write(self.sheet, self.row, label, value, style)
        self.row += 1

    def triple(self, what: str, name: str, text: str) -> None:
        """Write a word, a name beside it, and a text over the other columns."""
        write(self.sheet, self.row, 0, what, self.styles.wrapped(bold=True))
        write(self.sheet, self.row, 1, name or None, self.styles.wrapped(font_color=MUTED))
        self._over(2, text, self.styles.wrapped(), beside=lines_of(what, self.widths[0] - 2))
        self.row += 1

    def link(self, sheet_name: str, words: str, *, label: int = 1) -> None:
        """Write a link to another sheet, and what is there."""
        style = self.styles(font_color=LINK, underline=1)
        # An inner address has no protocol that a name could turn into another one.
        self.sheet.write_url(
            self.row, 0, f"internal:{quoted(sheet_name)}!A1", style, clean(sheet_name)
        )
        self._over(label, words, self.styles.wrapped())
        self.row += 1

    def _over(self, first: int, text: str, style: Format, *, beside: int = 1) -> None:
        text, last = clean(text), len(self.widths) - 1
        if last > first:
            self.sheet.merge_range(self.row, first, self.row, last, "", style)
        # A merged range of XlsxWriter guesses the type of its text; this does not.
        self.sheet.write_string(self.row, first, text, style)
        lines = max(lines_of(text, sum(self.widths[first:])), beside)
        self.sheet.set_row(self.row, max(15.0, lines * _LINE_HEIGHT + 2))
