"""Lines of which all have the same number of fields, turned into columns at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wfo.data.importing.tables.layouts import Layout
from wfo.data.importing.tables.lines import Lines

if TYPE_CHECKING:
    import polars as pl


def plain_cells(lines: Lines, layout: Layout, known: Sequence[int]) -> dict[int, pl.Series] | None:
    """Return the cells of lines that are all plain.

    Parameters
    ----------
    lines
        The lines, with a tab between fields that blanks separate.
    layout
        How they are laid out.
    known
        The columns that are kept.

    Returns
    -------
    dict or None
        Strings by the number of the column. None where a line is blank, a comment, like the
        headings or of another length, or where quotes are not sound.
    """
    import polars as pl

    text, width = lines.text, len(layout.headings)
    separator = "\t" if layout.separator.isspace() else layout.separator
    mark = separator.encode()
    quoted = b'"' in text
    fields = text[: text.find(b"\n")].count(mark) + 1
    if (
        fields < width
        or layout.stamp is None
        or text.startswith(b"#")
        or b"\n#" in text
        or (quoted and not _is_well_quoted(text, mark))
        or (not quoted and text.count(mark) != (fields - 1) * lines.count)
    ):
        return None
    try:
        frame = pl.read_csv(
            text,
            has_header=False,
            separator=separator,
            infer_schema=False,
            empty_string_is_null=False,
            quote_char='"' if quoted else None,
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.height != lines.count or (not quoted and frame.width != fields):
        return None
    # A line that is short leaves its last cells empty, as one that is not may do.
    if quoted and (frame.width < width or (frame.to_series(width - 1) == "").any()):
        return None
    if any((frame.to_series(number) != "").any() for number in range(width, frame.width)):
        return None
    cells = {number: frame.to_series(number).alias("") for number in known}
    if mark + b" " in text or text.startswith(b" ") or b"\n " in text:
        cells = {number: part.str.strip_chars_start(" ") for number, part in cells.items()}
    stamps = cells[layout.stamp]
    blank = stamps.str.strip_chars_start() == ""
    headed = stamps.str.strip_chars_end() == layout.headings[layout.stamp]
    return None if (blank | headed).any() else cells


def _is_well_quoted(text: bytes, mark: bytes) -> bool:
    """Tell whether every quote begins or ends a cell, which Polars does not ask for."""
    begin = text.count(mark + b'"') + text.count(b'\n"') + text.startswith(b'"')
    end = text.count(b'"' + mark) + text.count(b'"\n') + text.endswith(b'"')
    return begin == end and begin + end == text.count(b'"') and b'\n"#' not in b"\n" + text


def with_tabs(text: bytes, separator: str) -> bytes:
    """Return lines with a tab between fields that blanks separate; others as they are."""
    if not separator.isspace() or separator == "\t":
        return text
    runs = rb" *\t *| {2,}" if separator == "  " else rb"[ \t]+"
    return re.sub(runs, b"\t", re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", text))


def plain_floats(cells: pl.Series) -> pl.Series | None:
    """Return cells as float64, None where one is neither a plain numeral nor empty nor NaN."""
    import polars as pl

    cells = cells.str.strip_chars()
    found = cells.cast(pl.Float64, strict=False)
    if found.null_count() != (cells == "").sum():
        return None
    odd = ~found.is_finite().fill_null(value=True)
    return None if odd.any() and (cells.filter(odd) != "NaN").any() else found
