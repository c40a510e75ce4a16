"""Sheets of sets: the best ones of all strategies, and those of each strategy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.tradestation.workbook.cells import Styles, quoted, write
from wfo.tradestation.workbook.columns import Column
from wfo.tradestation.workbook.tables import (
    Placed,
    set_print,
    set_widths,
    write_groups,
    write_table,
)

if TYPE_CHECKING:
    import polars as pl
    from xlsxwriter.worksheet import Worksheet

#: Rows above the headings: title, two lines of notes, groups, buy-and-hold.
HEAD = 5


def write_sets(
    sheet: Worksheet,
    styles: Styles,
    *,
    title: str,
    notes: Sequence[str],
    columns: Sequence[Column],
    frame: pl.DataFrame,
    held: Mapping[str, Any] | None,
    frozen: int,
    least_valid: int = 0,
) -> Placed:
    """Write a table of sets with buy-and-hold's row above its headings.

    Parameters
    ----------
    sheet, styles
        Where.
    title, notes
        The title, and two lines below it.
    columns, frame
        The table; columns that the frame lacks stay empty.
    held
        Buy-and-hold by column; None where it is not known.
    frozen
        Columns that stay where they are when the others scroll.
    least_valid
        Valid phases of a stable combination, for the icons of that column.
    """
    import polars as pl

    frame = frame.with_columns(
        pl.lit(None, pl.String).alias(c.name) for c in columns if c.name not in frame.columns
    )
    sheet.set_row(0, 24)
    write(sheet, 0, 0, title, styles.title())
    for row, note in enumerate(notes[:2], 1):
        write(sheet, row, 0, note, styles.note())
    write_groups(sheet, styles, HEAD - 2, columns)
    placed = write_table(sheet, styles, HEAD, columns, frame, held=held)
    if "By_Phase" in placed.columns:
        rows = list(range(placed.first, placed.last + 1))
        if held is not None:
            rows.insert(0, HEAD - 1)
        _sparklines(sheet, placed, rows, _returns(frame, held or {}))
    if placed.rows:
        _valid_icons(sheet, placed, least_valid)
    set_widths(sheet, columns)
    sheet.freeze_panes(HEAD + 1, frozen)
    width = sum(c.width for c in columns)
    set_print(sheet, width=width, repeat=(HEAD - 2, HEAD), columns=frozen)
    return placed


def _returns(frame: pl.DataFrame, held: Mapping[str, Any]) -> list[float]:
    """Return all returns by phase that there are, buy-and-hold's too."""
    names = [name for name in frame.columns if name.endswith("_OOS_Return")]
    found = [value for name in names for value in (*frame[name].to_list(), held.get(name))]
    return [value for value in found if value is not None and math.isfinite(value)]


def _sparklines(
    sheet: Worksheet, placed: Placed, rows: Sequence[int], returns: Sequence[float]
) -> None:
    """Draw the returns of each row by phase; all rows have one scale, which has 0 in it."""
    phases = sorted(c for n, c in placed.columns.items() if n.endswith("_OOS_Return"))
    if not phases or not rows:
        return
    from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell

    name, at = quoted(placed.sheet), placed.columns["By_Phase"]
    # One group of sparklines: only within a group is there one scale.
    options = {
        "location": [xl_rowcol_to_cell(row, at) for row in rows],
        "range": [f"{name}!{xl_range_abs(row, phases[0], row, phases[-1])}" for row in rows],
        "type": "column",
        "negative_points": True,
        "series_color": "#4472C4",
        "negative_color": "#C00000",
        "axis": True,
        "max": max(0.0, *returns, 0.0),
        "min": min(0.0, *returns, 0.0),
    }
    sheet.add_sparkline(rows[0], at, options)


def _valid_icons(sheet: Worksheet, placed: Placed, least: int) -> None:
    """Mark what is stable, what lacks one phase, and the rest."""
    at = placed.columns.get("Valid_Phases")
    if at is None or not least:
        return
    icons = [
        {"criteria": ">=", "type": "number", "value": least},
        {"criteria": ">=", "type": "number", "value": least - 1},
    ]
    options = {"type": "icon_set", "icon_style": "3_symbols_circled", "icons": icons}
    sheet.conditional_format(placed.first, at, placed.last, at, options)
