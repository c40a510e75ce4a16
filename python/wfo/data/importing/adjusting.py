"""What an adjusted close does to the prices beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.data.frames import PRICES
from wfo.data.importing.tables.table import Table
from wfo.data.meta import Adjust
from wfo.errors import DataError

if TYPE_CHECKING:
    import polars as pl


def adjusted(
    frame: pl.DataFrame, table: Table, adjust: Adjust
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Adjust prices, or say that they could be.

    Parameters
    ----------
    frame
        The bar frame, row by row that of the table.
    table
        The file, for messages.
    adjust
        ``"none"`` keeps prices and the adjusted close; ``"split-and-dividend"`` multiplies prices
        by ``adj_close / close`` and drops it.

    Returns
    -------
    polars.DataFrame
        The bars.
    tuple of str
        Notes.

    Raises
    ------
    DataError
        If there is no adjusted close, or one that is empty or not above zero.
    """
    import polars as pl

    if adjust == "none":
        if "adj_close" in frame.columns and (frame["adj_close"] != frame["close"]).any():
            note = (
                "the file has an adjusted close that differs from close; prices are kept as they "
                "are (--adjust split-and-dividend if they are to be adjusted)"
            )
            return frame, (note,)
        return frame, ()
    if "adj_close" not in frame.columns:
        found = ", ".join(repr(h) for h in table.headings[:20])
        raise DataError(
            f"{table.name} cannot be adjusted for splits and dividends: it has no adjusted close "
            f"(columns: {found}); take a file that has one, or prices as they are (--adjust none)"
        )
    close = frame["adj_close"]
    bad = [int(i) for i in (close.is_null() | (close <= 0)).fill_null(value=True).arg_true()]
    if bad:
        why = "is not positive, so the bar cannot be adjusted"
        raise table.cell_error(table.fields.position["adj_close"], bad, why)
    # One factor for all four prices: multiplication by it keeps low <= open, close <= high.
    factor = pl.col("adj_close") / pl.col("close")
    return frame.with_columns(pl.col(p) * factor for p in PRICES).drop("adj_close"), ()
