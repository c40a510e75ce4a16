"""Text of pages and of messages.

Of pages: tables in plain characters and for notebooks, full lines, and sizes. Of messages, what
callers and files say, without what steers a terminal: `brief` shows a value as Python writes it,
`shown` a text of a file in quotes, `listed` and `one_line` names without quotes, short ones and
whole ones; `printable` is for texts of several lines, and `plain_json` for JSON.
"""

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


def params_lines(
    params: Mapping[str, int | float], width: int, methods: Mapping[str, str] | None = None
) -> list[str]:
    """Return parameters as lines of a page, as many in a line as fit.

    Parameters
    ----------
    params
        The values by name.
    width
        Of the page.
    methods
        By name what a value stands for, which is said beside it.
    """
    beside = {name: f" ({method})" for name, method in (methods or {}).items()}
    said = (f"{name} {value:g}{beside.get(name, '')}" for name, value in params.items())
    return wrap_items(", ".join(said), width)


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


#: What ends a line or turns the direction of writing, besides control characters; a regular
#: expression has it between brackets.
TURNING = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"

_STEERING = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{TURNING}\ud800-\udfff]")

#: Characters of a value or name in a message.
_LONGEST = 60


def plain_json(text: str) -> str:
    r"""Return JSON or double-quoted YAML with what would steer a terminal as ``\u202e`` and such.

    Both read it back as the same text.
    """
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def brief(value: object) -> str:
    """Return a value for a message as Python writes it, in one line of which a long one is cut.

    Parameters
    ----------
    value
        Anything, also what cannot be written: then its type is named.
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # of a foreign type, or of a whole number of 5,000 digits
        return f"a value of type {type(value).__name__} that cannot be shown"
    return _cut(printable(" ".join(text.split())))


def plain_number(text: str) -> str:
    """Return a text that is a number, as ``1e-3``, without exponent; empty for another text."""
    # Longer ones, or of larger exponents, are no oversight.
    if len(text) > _LONGEST_NUMBER or not text.isascii():
        return ""
    try:
        number = float(text)
    except ValueError:
        return ""
    if not math.isfinite(number) or not (number == 0 or 1e-15 <= abs(number) <= 1e15):
        return ""
    from decimal import Decimal

    plain = f"{Decimal(str(number)):f}"
    return plain.removesuffix(".0")


#: Characters of a number that people write, at most.
_LONGEST_NUMBER = 30


def listed(names: Iterable[str], most: int = 20) -> str:
    """Return names for a message: each short and without what steers a terminal, `most` of them."""
    said = [one_line(_cut(name)) for name in names]
    more = f" and {len(said) - most:,} more" if len(said) > most else ""
    return ", ".join(said[:most]) + more


def one_line(name: object) -> str:
    """Return the name of a file for a message: as `printable`, and ends of lines as escapes too."""
    return printable(str(name)).replace("\n", "\\n").replace("\t", "\\t")


def shown(value: object) -> str:
    """Return a value for a message, as a text in quotes of which a long one is cut."""
    try:
        text = value if isinstance(value, str) else str(value)
    except ValueError:
        # Python does not write out whole numbers of more than 4,300 digits.
        text = "a number of thousands of digits"
    return repr(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
