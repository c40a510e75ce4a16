"""Tables of a workbook: headings, rows, filters, scales, frozen panes and how they print."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.tradestation.workbook.cells import (
    HELD,
    LINE,
    MOST_COLUMNS,
    MOST_ROWS,
    Styles,
    clean,
    lines_of,
    write,
)
from wfo.tradestation.workbook.columns import Column

if TYPE_CHECKING:
    import polars as pl
    from xlsxwriter.worksheet import Worksheet

_GOOD, _BAR = "#8FC1A9", "#8EA9DB"

#: Characters across a landscape page that can still be read.
_PAGE = 190


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a table lies in its sheet.

    Attributes
    ----------
    sheet
        The sheet's name.
    head
        Row of the headings, from 0.
    rows
        How many rows follow it.
    columns
        Column of each name, from 0.
    """

    sheet: str
    head: int
    rows: int
    columns: Mapping[str, int]

    @property
    def first(self) -> int:
        """First row of what follows the headings."""
        return self.head + 1

    @property
    def last(self) -> int:
        """Last row; that of the headings where there is none."""
        return self.head + self.rows

    def values(self, name: str) -> list[str | int]:
        """Return the range of a column as charts take it."""
        column = self.columns[name]
        return [self.sheet, self.first, column, self.last, column]


def write_table(
    sheet: Worksheet,
    styles: Styles,
    head: int,
    columns: Sequence[Column],
    frame: pl.DataFrame,
    *,
    held: Mapping[str, Any] | None = None,
    scales: bool = True,
    filters: bool = True,
    left: int = 0,
) -> Placed:
    """Write headings and rows; numbers as numbers, text as text, what is undefined as blanks.

    Parameters
    ----------
    sheet, styles
        Where, and the formats of its workbook.
    head
        Row of the headings. Buy-and-hold, and the groups of the columns, go above it.
    columns
        What to show, in this order.
    frame
        The rows; it has all columns.
    held
        Values of buy-and-hold by column, written between groups and headings, so that no filter
        hides it and no sorting moves it.
    scales
        Whether good and bad are coloured.
    filters
        Whether the headings have filters; a sheet takes them of one table.
    left
        First column.
    """
    columns = columns[: MOST_COLUMNS - left]
    frame = frame.head(MOST_ROWS - head - 1)
    heading = styles.heading()
    places = {c.name: left + k for k, c in enumerate(columns)}
    for column in columns:
        sheet.write_string(head, places[column.name], clean(column.heading), heading)
    deepest = max((_heading_lines(c) for c in columns), default=1)
    sheet.set_row(head, 14 * max(2, deepest) + 4)
    if held is not None:
        for column in columns:
            style = _styled(styles, column, bold=True, bg_color=HELD, border=1, border_color=LINE)
            write(sheet, head - 1, places[column.name], held.get(column.name), style)
        if columns:
            # Over the columns that say which set a row is, and that buy-and-hold leaves empty.
            label = styles(bold=True, bg_color=HELD, border=1, border_color=LINE)
            write(sheet, head - 1, left, "Buy-and-hold", label)
    for column in columns:
        at, style = places[column.name], _styled(styles, column)
        for row, value in enumerate(frame[column.name].to_list(), head + 1):
            write(sheet, row, at, value, style)
    placed = Placed(sheet.get_name(), head, len(frame), places)
    if filters and columns:
        sheet.autofilter(head, left, max(placed.last, head), left + len(columns) - 1)
    if scales and len(frame) > 1:
        for column in columns:
            _scale(sheet, placed, column)
    return placed


def write_groups(
    sheet: Worksheet, styles: Styles, row: int, columns: Sequence[Column], *, left: int = 0
) -> None:
    """Write the groups of columns above them."""
    at = left
    for group, members in itertools.groupby(columns, key=lambda c: c.group):
        count = len(list(members))
        # The band's cells are not merged: a filter or a sort across merged cells fails.
        for k in range(count):
            style = styles.band()
            if k == 0:
                sheet.write_string(row, at, group, style)
            else:
                sheet.write_blank(row, at + k, None, style)
        at += count


def set_widths(
    sheet: Worksheet, columns: Sequence[Column], *, left: int = 0, least: float = 0
) -> None:
    """Set the widths of a table's columns."""
    for k, column in enumerate(columns, left):
        sheet.set_column(k, k, max(column.width, least))


def set_print(
    sheet: Worksheet,
    *,
    width: float = 0,
    repeat: tuple[int, int] | None = None,
    columns: int = 0,
    fit: bool = True,
) -> None:
    """Set a sheet to print on landscape pages that can be read, headings on each.

    Parameters
    ----------
    sheet
        Which one.
    width
        Width of its columns together, in characters; what is wider than a page takes several.
    repeat
        First and last row to repeat.
    columns
        First columns to repeat.
    fit
        Whether it is shrunk to the width of its pages.
    """
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer("&L&8&A&R&8&P / &N")
    if fit:
        sheet.fit_to_pages(max(1, math.ceil(width / _PAGE)), 0)
    if repeat is not None:
        sheet.repeat_rows(*repeat)
    if columns:
        sheet.repeat_columns(0, columns - 1)


def _styled(styles: Styles, column: Column, **properties: Any) -> Any:
    align = {"align": "left", "indent": 1} if column.kind == "text" else {"align": "right"}
    return styles(column.kind, **align, **properties)


def _heading_lines(column: Column) -> int:
    """Return how many lines a heading takes beside the arrow of its filter."""
    width = max(4.0, column.width - 3)
    lines, used = 1, 0.0
    for word in column.heading.split():
        if used and used + 1 + len(word) > width:
            lines, used = lines + 1, 0.0
        used += len(word) + (1 if used else 0)
    return max(lines, lines_of(column.heading, column.width))


def _scale(sheet: Worksheet, placed: Placed, column: Column) -> None:
    """Colour a column: the greener the better; bars by length."""
    if column.scale is None:
        return
    at = placed.columns[column.name]
    options: dict[str, Any]
    if column.scale in {"bar", "behind"}:
        options = {"type": "data_bar", "bar_color": _BAR, "bar_solid": True}
        least = (
            {"min_type": "num", "min_value": 0} if column.scale == "bar" else {"min_type": "min"}
        )
        options |= least
    elif column.scale == "lead":
        # The middle icon is for what equals buy-and-hold to the digits shown.
        icons = [
            {"criteria": ">=", "type": "number", "value": 0.0005},
            {"criteria": ">=", "type": "number", "value": -0.0005},
        ]
        options = {"type": "icon_set", "icon_style": "3_arrows", "icons": icons}
    else:
        # One outlier would leave all others without a difference, so the ends are percentiles.
        ends = ("#FFFFFF", _GOOD) if column.scale == "high" else (_GOOD, "#FFFFFF")
        options = {
            "type": "2_color_scale",
            "min_type": "percentile",
            "min_value": 5,
            "max_type": "percentile",
            "max_value": 95,
            "min_color": ends[0],
            "max_color": ends[1],
        }
    sheet.conditional_format(placed.first, at, placed.last, at, options)
