"""Programs and sites whose files are known by what is their own."""

from __future__ import annotations

from collections.abc import Sequence

from wfo.data.importing.headings.recognising import Fields
from wfo.data.importing.vendors.known import KNOWN
from wfo.data.importing.vendors.shapes import find_shape
from wfo.data.importing.vendors.vendor import Vendor


def find_vendor(headings: Sequence[str]) -> Vendor | None:
    """Return whose file has these headings, as they are written; None where none is its own."""
    return next((known.vendor for known in KNOWN if known.matches(headings)), None)


def headless(
    rows: Sequence[Sequence[str]],
) -> tuple[Fields, Vendor, tuple[str, ...]] | None:
    """Return what the columns of a file without headings are, by the shape of its rows.

    Parameters
    ----------
    rows
        Rows of cells from all over the file, its first ones among them.

    Returns
    -------
    tuple or None
        The fields, whose file it is, and what to say of that. None where rows have no known shape,
        or several: ``--columns`` names them then.
    """
    shape = find_shape(rows)
    if shape is None:
        return None
    position = {field: number for number, field in enumerate(shape.columns) if field != "-"}
    fields = Fields(position, None, ())
    return fields, shape.vendor, (shape.said,)
