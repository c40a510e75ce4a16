"""Text of pages: tables in plain characters and for notebooks, full lines, and sizes."""

from __future__ import annotations

import html
import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence


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


def wrap_text(words: str, width: int, indent: str = "", hang: str = "") -> list[str]:
    """Break a text where a line is full, never inside a word: names and paths stay whole.

    A number stays with its percent sign.

    Parameters
    ----------
    words
        The text.
    width
        Characters of a line, at most where words allow it.
    indent
        What the first line begins with.
    hang
        What further lines begin with after `indent`.
    """
    lines = textwrap.wrap(
        words.replace(" %", "\0%"),
        width,
        initial_indent=indent,
        subsequent_indent=indent + hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


def wrap_items(words: str, width: int) -> list[str]:
    """Break a list, such as ``bb_length 10, bb_deviation 2``, behind commas alone; indented."""
    glued = words.replace(" ", "\0").replace(",\0", ", ")
    return wrap_text(glued, width, "  ")


def params_lines(params: Mapping[str, int | float], width: int) -> list[str]:
    """Return parameters as lines of a page, as many in a line as fit."""
    return wrap_items(", ".join(f"{name} {value:g}" for name, value in params.items()), width)


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


def printable(text: str) -> str:
    r"""Return a text for a terminal, with what would steer it as escapes such as ``\x1b``.

    File names, headings and cells of other programs may hold anything. Ends of lines and tabs stay;
    control characters, marks that turn the direction of writing, and what stands for bytes that are
    no text are escaped.
    """
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(value: object) -> str:
    """Return a value for a message, as a text in quotes of which a long one is cut."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")
