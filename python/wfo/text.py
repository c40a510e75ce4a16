"""Text for readers: tables in plain characters, and sizes."""

from __future__ import annotations

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], align: str, *, indent: str = "  ") -> list[str]:
    """Lay out columns by their widest cell.

    Parameters
    ----------
    rows
        Cells as text, the headings first; one row at least, and all of one length.
    align
        A character a column: ``<`` to the left, ``>`` to the right.
    indent
        What every line begins with.

    Returns
    -------
    list of str
        A line a row, without trailing blanks; two blanks stand between columns.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        indent
        + "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def size_text(count: float) -> str:
    """Return a number of bytes for readers."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
