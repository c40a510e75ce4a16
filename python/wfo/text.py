"""Text of pages: tables in plain characters and for notebooks, and sizes."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence


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


def html_table(caption: str, rows: Iterable[Sequence[str]]) -> str:
    """Return an HTML table for notebooks: escaped, without styles of its own.

    Parameters
    ----------
    caption
        What stands above it.
    rows
        Cells as text, the headings first; the first column holds headings too.
    """
    head, *body = ([html.escape(cell) for cell in row] for row in rows)
    lines = ["<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"]
    for first, *rest in body:
        cells = "".join(f"<td style='text-align: right'>{cell}</td>" for cell in rest)
        lines.append(f"<tr><th style='text-align: left'>{first}</th>{cells}</tr>")
    return f"<table><caption>{html.escape(caption)}</caption>{''.join(lines)}</table>"


def size_text(count: float) -> str:
    """Return a number of bytes as text."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def percent(share: float) -> str:
    """Return a share in percent as text, with as many decimals as it takes to be seen.

    What is neither nothing nor all is never rounded to either.

    Parameters
    ----------
    share
        A fraction, of either sign.
    """
    value = 100 * share
    if not math.isfinite(value):
        return "-"
    if value in {0.0, 100.0}:
        return f"{value:.0f} %"
    if abs(value) < 1:
        # Two digits that say something, without an exponent.
        return f"{float(f'{value:.2g}'):.12f}".rstrip("0").rstrip(".") + " %"
    for decimals in range(1, 9):
        text = f"{value:,.{decimals}f}"
        if text != f"{100:.{decimals}f}":
            break
    return f"{text} %"
