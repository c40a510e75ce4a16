"""The raw cells of one file, which know the numbers of their lines."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from wfo.data.frames import PRICES, outside_years
from wfo.data.importing.headings.recognising import Fields
from wfo.data.importing.vendors.vendor import Vendor
from wfo.data.row_names import RowNames
from wfo.errors import DataError
from wfo.text import shown

if TYPE_CHECKING:
    import polars as pl

#: Fields that hold numbers.
NUMBERS: Final = (*PRICES, "adj_close", "volume", "up", "down")
#: Fields of which a table has the cells.
_KEPT: Final = frozenset({"date", "datetime", "time", *NUMBERS, "ticker"})


@dataclasses.dataclass(frozen=True)
class Table:
    """The cells of one file.

    Attributes
    ----------
    name
        The file's name, without its folder.
    headings
        The column headings as the file has them.
    columns
        The cells of each column whose heading is known, by its number: strings from text files,
        from Parquet also numbers, dates and times.
    rows
        The name of each row.
    separator
        The character between two fields; empty for Parquet.
    fields
        Which column is what.
    vendor
        Whose file it is, where that is known.
    notes
        What was skipped, or taken from where.
    written
        The first and last rows as the file has them, by the numbers of their lines.
    """

    name: str
    headings: tuple[str, ...]
    columns: Mapping[int, pl.Series]
    rows: RowNames
    separator: str
    fields: Fields
    vendor: Vendor | None = None
    notes: tuple[str, ...] = ()
    written: Mapping[int, str] = dataclasses.field(default_factory=dict)

    def reversed(self) -> Table:
        """Return the table with its rows in the opposite order."""
        columns = {number: cells.reverse() for number, cells in self.columns.items()}
        return dataclasses.replace(self, columns=columns, rows=self.rows.reversed())

    def take(self, indices: pl.Series) -> Table:
        """Return the table of these rows, in the order of their indices from 0."""
        columns = {number: cells.gather(indices) for number, cells in self.columns.items()}
        return dataclasses.replace(self, columns=columns, rows=self.rows.take(indices))

    def keep(self, mask: pl.Series) -> Table:
        """Return the table of the rows where a mask is true; where it is null they go."""
        return self if mask.all(ignore_nulls=False) else self.take(mask.arg_true())

    def cell_error(
        self, column: int, bad: Sequence[int], why: str = "is not a number"
    ) -> DataError:
        """Return the error for broken cells of one column, naming the first of them."""
        first = bad[0]
        value = _cell(self.columns[column], first)
        if isinstance(value, float) and math.isnan(value):
            value = "NaN"  # as texts have it that become numbers
        empty = value is None or (isinstance(value, str) and not value.strip())
        problem = "is empty" if empty else f"{shown(value)} {why}"
        more = f" (and {len(bad) - 1:,} more such cells in this column)" if len(bad) > 1 else ""
        gap = " " if empty else ": "
        return DataError(
            f"{self.name}, {self.rows.one(first)}, column {shown(self.headings[column])}"
            f"{gap}{problem}{more}"
        )


def _cell(cells: pl.Series, index: int) -> object:
    """Return a cell; of dates that Python has no type for the number that stands for them."""
    import polars as pl

    cell = cells.slice(index, 1)
    dated = cells.dtype in (pl.Date, pl.Datetime)
    return cell.to_physical()[0] if dated and outside_years(cell)[0] else cell[0]


def kept_columns(found: Fields) -> dict[int, str]:
    """Return the numbers of the columns that a table has the cells of, with what they are.

    Where none is a stamp, an index without a name is one. Times without dates beside them have
    their dates in the same cells.
    """
    kept = {number: field for field, number in found.position.items() if field in _KEPT}
    if not {"date", "datetime"} & found.position.keys() and "time" in found.position:
        kept[found.position["time"]] = "datetime"
    if found.index is not None:
        kept.setdefault(found.index, "datetime")
    return kept
