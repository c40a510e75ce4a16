"""The price and volume columns of a file as numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wfo.data.frames import PRICES
from wfo.data.importing.cells import holds_none
from wfo.data.importing.numbers.contradictions import (
    require_agreement,
    require_alike,
    require_one_size,
)
from wfo.data.importing.numbers.notations import (
    NumberColumn,
    column_of_numbers,
    column_of_text,
    find_notation,
)
from wfo.data.importing.numbers.numerals import Notation, take_apart
from wfo.text import shown

if TYPE_CHECKING:
    import polars as pl

    from wfo.data.importing.tables.table import Table


@dataclasses.dataclass(frozen=True)
class Values:
    """The numbers of the bars of a file.

    Attributes
    ----------
    columns
        float64 by name: open, high, low and close, all finite, and where the file has them volume
        and adj_close, null where a cell is empty.
    notes
        What was assumed, and what cells were taken for empty.
    """

    columns: Mapping[str, pl.Series]
    notes: tuple[str, ...]


def read_values(table: Table) -> Values:
    """Read the price and volume columns of a file.

    Parameters
    ----------
    table
        The cells, without rows that are no bars; see `wfo.data.importing.bar_rows.only_bars`.

    Raises
    ------
    DataError
        If a cell is no number, or cells contradict each other about the notation of the file; it
        names line, column and value.
    """
    position = table.fields.position
    optional = [name for name in ("volume", "adj_close") if name in position]
    if "volume" not in position and {"up", "down"} <= position.keys():
        optional = ["up", "down", *optional]
    columns = {name: _column(table, position[name]) for name in (*PRICES, *optional)}
    notation, notes = find_notation(table, columns)
    require_agreement(table, columns)
    found: dict[str, pl.Series] = {}
    said: list[str] = [*notes]
    for name in PRICES:
        values = columns[name].read(notation)
        bad = (values.is_null() | ~values.is_finite()).fill_null(value=True)
        if bad.any():
            raise table.cell_error(position[name], [int(i) for i in bad.arg_true()])
        found[name] = values
    require_one_size(table, columns, found, notation)
    for name in optional:
        values = _optional(table, columns[name], notation, said)
        require_alike(table, columns[name], values, notation)
        if name in ("up", "down") or values.null_count() < len(values):
            found[name] = values
    if "up" in optional:
        found["volume"] = (found.pop("up") + found.pop("down")).alias("volume")
        said.append("volume is the sum of the columns Up and Down")
    return Values(found, tuple(said))


def _column(table: Table, number: int) -> NumberColumn:
    import polars as pl

    cells = table.columns[number]
    if cells.dtype.is_numeric():
        return column_of_numbers(number, cells.cast(pl.Float64, strict=False))
    return column_of_text(number, take_apart(cells.cast(pl.String)))


def _optional(
    table: Table, column: NumberColumn, notation: Notation, notes: list[str]
) -> pl.Series:
    """Return a column in which cells may be empty, but not broken."""
    cells = table.columns[column.number]
    values = column.read(notation)
    if column.cells is None:
        values = values.fill_nan(None)
        bad = values.is_not_null() & ~values.is_finite()
    else:
        bad = (values.is_null() | ~values.is_finite()).fill_null(value=True)
        if bad.any():
            bad &= ~holds_none(cells)
    if bad.any():
        raise table.cell_error(column.number, [int(i) for i in bad.arg_true()])
    if column.cells is not None and len(column.cells.rest):
        words = column.cells.rest
        first = int(words[0])
        what = "1 cell is" if len(words) == 1 else f"{len(words):,} cells are"
        notes.append(
            f"column {shown(table.headings[column.number])}: {what} read as empty, such as "
            f"{shown(str(cells[first]).strip())} ({table.rows.one(first)})"
        )
    return values
