"""The distinct cells of a column: what is said of each once holds for all rows that repeat it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True)
class Distinct:
    """A column of texts, each different one once.

    A million one-minute bars have some thousand dates and some thousand times of day.

    Attributes
    ----------
    texts
        The different texts, without nulls, in any order.
    codes
        The index in `texts` of each row, ``pl.UInt32``; null where the cell is.
    """

    texts: pl.Series
    codes: pl.Series

    @classmethod
    def of(cls, cells: pl.Series, texts: pl.Series | None = None) -> Distinct:
        """Find the distinct cells of a column of strings, which `texts` are where it is given."""
        import polars as pl

        found = cells.drop_nulls().unique() if texts is None else texts
        return cls(found, cells.cast(pl.Enum(found)).to_physical().cast(pl.UInt32))

    def where(self, mask: pl.Series) -> list[int]:
        """Return the indices of the rows whose text is one of a mask over `texts`."""
        rows = mask.fill_null(value=False).gather(self.codes).fill_null(value=False)
        return [int(i) for i in rows.arg_true()]
