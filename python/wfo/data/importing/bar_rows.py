"""Rows of a file that are no bars: without prices, or remarks such as dividends and holidays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from wfo.data.frames import PRICES
from wfo.data.importing.cells import holds_none
from wfo.data.importing.numbers.numerals import take_apart
from wfo.errors import DataError
from wfo.text import shown

if TYPE_CHECKING:
    import polars as pl

    from wfo.data.importing.tables.table import Table

#: A remark has words; a broken number has letters behind its digits.
_REMARK: Final = r"(?:^|[^\p{L}0-9.,])\p{L}{3}"


def _are_zero(cells: pl.Series) -> pl.Series:
    """Return where cells of a column are zero, which is no price."""
    import polars as pl

    if cells.dtype == pl.String:
        return cells.str.contains(r"^\s*0+(?:[.,]0*)?\s*$").fill_null(value=False)
    if not cells.dtype.is_numeric():
        return pl.repeat(value=False, n=len(cells), dtype=pl.Boolean, eager=True)
    return (cells == 0).fill_null(value=False)


def only_bars(table: Table) -> tuple[Table, tuple[str, ...]]:
    """Leave out the rows that are no bars.

    Parameters
    ----------
    table
        The cells of a file.

    Returns
    -------
    Table
        Without the rows that have no price at all, or four zeros, and without those where a remark
        stands in the place of prices: ``0.25 Dividend``, ``2:1 Stock Split``, a holiday, or the
        headings again. A row that has a price, or something that could be meant as one, stays.
    tuple of str
        A note for each kind of them, which counts them and names the first.

    Raises
    ------
    DataError
        If no row is left.
    """
    numbers = [table.fields.position[p] for p in PRICES]
    columns = [table.columns[n] for n in numbers]
    empty = [holds_none(c) for c in columns]
    bare = empty[0] & empty[1] & empty[2] & empty[3]
    remarks = _remarks(table, empty)
    zeros = [_are_zero(c) for c in columns]
    bare |= zeros[0] & zeros[1] & zeros[2] & zeros[3]
    notes: list[str] = []
    for mask, what in ((bare, "without any price"), (remarks, "with a remark for prices")):
        found = mask.arg_true()
        if not len(found):
            continue
        at = int(found[0])
        first = table.rows.one(at)
        if mask is remarks:
            words = next(c[at] for c, e in zip(columns, empty, strict=True) if not e[at])
            first += f", {shown(str(words).strip())}"
        said = f"1 row {what} was left out ({first})"
        if len(found) > 1:
            said = f"{len(found):,} rows {what} were left out (first: {first})"
        notes.append(said)
    if not notes:
        return table, ()
    left = ~(bare | remarks)
    if not left.any():
        raise DataError(f"{table.name} holds no bars: no row of it has a price")
    return table.keep(left), tuple(notes)


def _remarks(table: Table, empty: Sequence[pl.Series]) -> pl.Series:
    """Return the rows where words stand in the place of prices: in one of them, or in all."""
    import polars as pl

    numbers = [table.fields.position[p] for p in PRICES]
    columns = [table.columns[n] for n in numbers]
    found = pl.repeat(value=False, n=len(empty[0]), dtype=pl.Boolean, eager=True)
    texts = [(c, e) for c, e in zip(columns, empty, strict=True) if c.dtype == pl.String]
    if not texts:
        return found
    count = sum((e.cast(pl.Int8) for e in empty[1:]), empty[0].cast(pl.Int8))
    worded = columns[0].str.contains(_REMARK) if len(texts) == len(columns) else found
    places = ((count == len(columns) - 1) | worded.fill_null(value=False)).arg_true()
    if not len(places):
        return found
    rows = pl.DataFrame(
        {
            p: c.gather(places).cast(pl.String).str.strip_chars().set(e.gather(places), None)
            for p, c, e in zip(PRICES, columns, empty, strict=True)
        }
    )
    words = pl.coalesce(*PRICES)
    number = take_apart(rows.select(words).to_series()).core.is_not_null()
    said = pl.sum_horizontal(pl.col(*PRICES).is_not_null())
    same = pl.all_horizontal(pl.col(p).fill_null(words) == words for p in PRICES)
    alone = same & said.is_in([1, len(columns)]) & words.str.contains(_REMARK) & ~number
    headings = [
        pl.col(p) == table.headings[n].strip() for p, n in zip(PRICES, numbers, strict=True)
    ]
    again = pl.all_horizontal(headings)
    return found.scatter(
        places.filter(rows.select((alone | again).fill_null(value=False)).to_series()), values=True
    )
