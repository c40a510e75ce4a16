"""Which notation the numbers of a file are in, decided by all of its cells together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from wfo.data.frames import PRICES
from wfo.data.importing.numbers.numerals import OTHER, Cells, Notation, fits, to_floats
from wfo.text import shown

if TYPE_CHECKING:
    import polars as pl

    from wfo.data.importing.tables.table import Table

#: Two prices side by side that differ by more are no prices of one market. What a mark of
#: thousands makes of a price that is taken for decimals is a thousand.
_APART: Final = 100.0
#: Up to the root of ten, numbers are of the same size.
SAME_SIZE: Final = 3.16
#: Numbers that are another one in each notation.
_EITHER: Final = "^[1-9][0-9]{0,2}[.,][0-9]{3}$"
#: Share of the prices with a mark that prove their notation by themselves.
_PROOFS: Final = 0.1
#: Share of the numbers of another column that prove the one of prices.
_MOST: Final = 0.5
#: Share of a column that is grouped, where at least two of its numbers can be nothing else.
_GROUPED: Final = 0.9


@dataclasses.dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, and what its cells say about the notation of the file.

    Attributes
    ----------
    number
        Of the column in the table.
    cells
        What is written; None where the table has numbers.
    values
        The numbers that the table has.
    point, comma
        The indices of the cells that are numbers in that notation only.
    either
        Those that are another number in each, such as ``1,234``.
    """

    number: int
    cells: Cells | None
    values: pl.Series | None
    point: pl.Series
    comma: pl.Series
    either: pl.Series

    def read(self, notation: Notation) -> pl.Series:
        """Return the numbers as float64 in a notation, null where there is none."""
        if self.cells is not None:
            return to_floats(self.cells, notation)
        assert self.values is not None  # noqa: S101  # one of the two is there
        return self.values


def column_of_text(number: int, cells: Cells) -> NumberColumn:
    """Look at the cells of a column of text."""
    core = cells.core
    marked = core.str.contains("[.,]").fill_null(value=False).arg_true()
    core = core.gather(marked)
    either = core.str.contains(_EITHER)
    rest, core = marked.filter(~either), core.filter(~either)
    point, comma = fits(core, "point"), fits(core, "comma")
    return NumberColumn(
        number, cells, None, rest.filter(point), rest.filter(comma), marked.filter(either)
    )


def column_of_numbers(number: int, values: pl.Series) -> NumberColumn:
    """Take a column that the table has as numbers, which say nothing about notations."""
    none = values.head(0).is_null().arg_true()
    return NumberColumn(number, None, values, none, none, none)


def find_notation(
    table: Table, columns: Mapping[str, NumberColumn]
) -> tuple[Notation, tuple[str, ...]]:
    """Decide from all columns of numbers of a file what its decimal mark is.

    Parameters
    ----------
    table
        The file.
    columns
        Its columns of prices and volumes by field.

    Returns
    -------
    Notation
        What the cells prove that are numbers in one notation only. Where there are none, the one
        in which prices agree with those beside them: high and low include open and close, and
        none is a hundredth of the next. Where both are alike, the one of a file that writes all
        of a column in one way. At last a mark before three digits is a decimal mark, but commas in
        a file that is separated by commas, where a decimal comma would be in the way.
    tuple of str
        Notes on what was assumed.

    Raises
    ------
    DataError
        If cells of a file contradict each other.
    """
    points = sum(len(c.point) for c in columns.values())
    commas = sum(len(c.comma) for c in columns.values())
    if points and commas:
        majority: Notation = "point" if points > commas else "comma"
        if points == commas:
            majority = min(OTHER, key=lambda n: _first(columns, n))
        row, number = _first(columns, OTHER[majority])
        beside = cell_at(table, _first(columns, majority))
        raise table.cell_error(number, [row], f"is not a number where others are as {beside}")
    if points or commas:
        proven: Notation = "point" if points else "comma"
        if proven != _usual(table, columns):
            _require_proof(table, columns, proven)
        return proven, ()
    if not any(len(c.either) for c in columns.values()):
        return "point", ()
    return _of_either(table, columns)


def _first(columns: Mapping[str, NumberColumn], notation: Notation) -> tuple[int, int]:
    """Return row and column of the first cell that is a number in one notation only."""
    found = [(c.number, c.point if notation == "point" else c.comma) for c in columns.values()]
    return min((int(rows[0]), number) for number, rows in found if len(rows))


def _usual(table: Table, columns: Mapping[str, NumberColumn]) -> Notation:
    """Return the notation that prices are in as far as they say it themselves.

    Where they do not, a mark before three digits is a decimal mark; but a comma is not in a file
    whose separator it is, as a program that writes decimal commas would avoid that.
    """
    texts = [c for c in (columns[p] for p in PRICES) if c.cells is not None]
    cores = [c.cells.core for c in texts if c.cells is not None]
    if any(
        k.gather(c.comma).str.contains(r"\..*,").any() for k, c in zip(cores, texts, strict=True)
    ):
        return "comma"
    if any(k.str.contains(".", literal=True).any() for k in cores):
        return "point"
    if any(len(c.comma) for c in texts):
        return "comma"
    return "comma" if table.separator != "," and any(len(c.either) for c in texts) else "point"


def _require_proof(table: Table, columns: Mapping[str, NumberColumn], proven: Notation) -> None:
    """Raise if few cells prove a notation that makes other prices of many than they seem.

    One cell of a volume with a point too many is no proof that each 110.123 is a hundred thousand.
    """
    prices = [columns[p] for p in PRICES]
    either = sum(len(c.either) for c in prices)
    if not either:
        return
    own = [c.point if proven == "point" else c.comma for c in prices]
    proofs = sum(len(c) for c in own)
    odd = {n: _odd_prices(columns, n) for n in OTHER}
    if proofs >= _PROOFS * (proofs + either) or odd[proven] < odd[OTHER[proven]]:
        return
    if not proofs:
        for column in (c for f, c in columns.items() if f not in PRICES):
            found = column.point if proven == "point" else column.comma
            numbers = 0 if column.cells is None else column.cells.core.count()
            grouped = len(found) > 1 and len(found) + len(column.either) >= _GROUPED * numbers
            enough = len(found) >= _MOST * numbers > 0 or grouped
            if enough and not _has_long(column, found):
                return
    place = _first(columns, proven)
    beside = next((int(c.either[0]), c.number) for c in prices if len(c.either))
    raise table.cell_error(
        place[1],
        [place[0]],
        f"and {cell_at(table, beside)} contradict each other about which of point and comma is the"
        " decimal mark; write all numbers in one notation",
    )


def _has_long(column: NumberColumn, found: pl.Series) -> bool:
    """Tell whether a column has thousands both with a mark and without."""
    assert column.cells is not None  # noqa: S101  # `found` are cells of it
    core = column.cells.core
    grouped = core.gather(found).str.contains(r"[.,][0-9]{3}[.,]|[.,][0-9]{3}$").any()
    return bool(grouped and core.str.contains("^[1-9][0-9]{3,}$").any())


def cell_at(table: Table, place: tuple[int, int]) -> str:
    """Name a cell by what is written, and where: ``'1,002' (line 3, column 'High')``."""
    row, number = place
    cell = str(table.columns[number][row]).strip()
    return f"{shown(cell)} ({table.rows.one(row)}, column {shown(table.headings[number])})"


def _of_either(
    table: Table, columns: Mapping[str, NumberColumn]
) -> tuple[Notation, tuple[str, ...]]:
    """Decide where every cell that has a mark is a number in both notations."""
    usual = _usual(table, columns)
    odd = {n: _odd_prices(columns, n) for n in OTHER}
    # A price of four digits without a mark is none of a writer of thousands: a price that lost its
    # decimal mark must not make thousands of all others. It makes three odd prices at most.
    if abs(odd["point"] - odd["comma"]) > 4 * _long_prices(columns):
        found: Notation = min(OTHER, key=lambda n: odd[n])
        why = "otherwise prices are a thousand times those beside them"
    else:
        by_writing = _by_writing(columns)
        if by_writing is None:
            found, why = usual, "nothing in the file says which"
            if _has_out_of_place(columns, usual) and not _has_out_of_place(columns, OTHER[usual]):
                found, why = OTHER[usual], "otherwise volumes are far from each other"
            elif _has_no_thousands(columns):
                return found, ()
        else:
            found, why = by_writing, "so its column is written in one way"
    place = min((int(c.either[0]), c.number) for c in columns.values() if len(c.either))
    cell = str(table.columns[place[1]][place[0]]).strip()
    mark = "comma" if "," in cell else "point"
    what = "the decimal mark" if mark == found else "a mark of thousands"
    column = next(c for c in columns.values() if c.number == place[1])
    number = column.read(found)[place[0]]
    said = f"numbers: the {mark} is taken for {what}, {cell_at(table, place)} for {number:.15g}"
    return found, (f"{said}; {why}",)


def _odd_prices(columns: Mapping[str, NumberColumn], notation: Notation) -> int:
    """Count bars that cannot be right in a notation.

    Those are where high and low do not include open and close, and where a price is a hundredth of
    another one of the bar, or of the bar beside it.
    """
    import polars as pl

    bars = pl.DataFrame({p: columns[p].read(notation) for p in PRICES})
    low, high = pl.min_horizontal(*PRICES), pl.max_horizontal(*PRICES)
    step = pl.col("open") / pl.col("close").shift(1)
    odd = bars.select(
        (pl.col("high") < high).fill_null(value=False).cast(pl.Int64)
        + (pl.col("low") > low).fill_null(value=False)
        + (high > _APART * low).fill_null(value=False)
        + ((step > _APART) | (step < 1 / _APART)).fill_null(value=False)
    )
    return int(odd.to_series().sum())


def _long_prices(columns: Mapping[str, NumberColumn]) -> int:
    """Count the prices of four digits and more that have no mark."""
    texts = [c.cells.core for c in (columns[p] for p in PRICES) if c.cells is not None]
    return sum(int(t.str.contains("^[1-9][0-9]{3,}$").sum()) for t in texts)


def _by_writing(columns: Mapping[str, NumberColumn]) -> Notation | None:
    """Tell the notation by how the numbers of a column are written beside each other.

    A mark that numbers of four digits lack is none of thousands. A mark that whole numbers lack,
    where others have it before a 0 at the end, is no decimal mark: beside 1.230 five is 5.000.
    """
    for fields in (PRICES, ("volume",), ("adj_close",), ("up",), ("down",)):
        group = [columns[f] for f in fields if f in columns]
        texts = [c for c in group if c.cells is not None and len(c.either)]
        if not texts:
            continue
        either = [c.cells.core.gather(c.either) for c in texts if c.cells is not None]
        if len({"," in e[0] for e in either}) > 1:
            continue
        thousands: Notation = "point" if "," in either[0][0] else "comma"
        whole = [
            c.cells.core.filter(c.cells.core.str.contains("^[1-9][0-9]*$").fill_null(value=False))
            for c in texts
            if c.cells is not None
        ]
        if any((w.str.len_chars() > 3).any() for w in whole):
            return OTHER[thousands]
        if any(len(w) for w in whole) and any(e.str.ends_with("0").any() for e in either):
            return thousands
    return None


def out_of_place(column: NumberColumn, values: pl.Series, notation: Notation) -> int | None:
    """Return the first number that is far from the others of its column, but for its notation.

    Volumes differ by more than prices do. What counts is one that is never written so: with
    decimals; or with a mark of thousands where others of four digits have none, or decimals. In
    the other notation it is as large as the others are.

    Parameters
    ----------
    column
        A column of numbers.
    values
        What they are in a notation.
    notation
        Which one.
    """
    import polars as pl

    if column.cells is None or not len(column.either):
        return None
    core, sizes = column.cells.core, values.abs()
    other = column.read(OTHER[notation]).abs()
    either = pl.repeat(value=False, n=len(core), dtype=pl.Boolean, eager=True)
    either = either.scatter(column.either, values=True)
    for mark in (",", "."):
        odd = either & core.str.contains(mark, literal=True).fill_null(value=False)
        rest = ~odd & (sizes > 0).fill_null(value=False)
        if not odd.any() or odd.sum() > rest.sum():
            continue
        if (mark == ",") == (notation == "point"):
            decimal = r"\." if notation == "point" else ","
            others = rf"^[0-9]{{4,}}$|^[0-9]+[ ']|{decimal}"
            if not core.filter(rest).str.contains(others).any():
                continue
        least, most = sizes.filter(rest).min(), sizes.filter(rest).max()
        low, high = float(least) / SAME_SIZE, float(most) * SAME_SIZE  # type: ignore[arg-type]
        bad = odd & ~sizes.is_between(low, high) & other.is_between(low, high)
        if bad.any():
            return int(bad.arg_true()[0])
    return None


def _has_out_of_place(columns: Mapping[str, NumberColumn], notation: Notation) -> bool:
    rest = [c for f, c in columns.items() if f not in PRICES]
    return any(out_of_place(c, c.read(notation), notation) is not None for c in rest)


def _has_no_thousands(columns: Mapping[str, NumberColumn]) -> bool:
    """Tell whether numbers of four digits have no mark of thousands, where points are in doubt.

    Then it is no guess that prices with three decimals, as of dollars in yen, have them.
    """
    texts = [c.cells.core for c in columns.values() if c.cells is not None]
    if not any(t.str.contains("^[1-9][0-9]{3,}$").any() for t in texts):
        return False
    return not any(t.str.contains(",", literal=True).any() for t in texts)
