"""A text as a table of raw cells: its encoding, its layout, then its lines by blocks."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Sequence
from typing import Final

from wfo.data.frames import PRICES
from wfo.data.importing.headings.recognising import NEEDED
from wfo.data.importing.tables.containers import Content
from wfo.data.importing.tables.encodings import LEGACY, utf8_pieces
from wfo.data.importing.tables.layouts import SAMPLE, find_layout
from wfo.data.importing.tables.lines import Lines, TextLines
from wfo.data.importing.tables.records import Records
from wfo.data.importing.tables.table import Table, kept_columns
from wfo.errors import DataError
from wfo.text_files import decode, encoding_of, is_cut, undecodable

#: Bytes of a text in which its layout is looked for.
_SAMPLE_BYTES: Final = 1 << 18


def read_text(content: Content, first: bytes, columns: Sequence[str] | None) -> Table:
    """Read a text.

    Parameters
    ----------
    content
        Its bytes.
    first
        The first block of them.
    columns
        Names of its columns, where a user gives them.

    Raises
    ------
    DataError
        If it holds no bars, a line is broken, or its encoding is not found.
    InputError
        If names of columns do not fit.
    """
    encoding = encoding_of(first)
    if encoding is None:
        no_text = f"is neither Parquet nor text: it holds zero bytes; {NEEDED}"
        decode(content.name, first, error=DataError, no_text=no_text)
        raise AssertionError
    lines = TextLines(content.name, utf8_pieces(content.blocks(), encoding))
    try:
        return _read_lines(content, encoding, columns, lines)
    except UnicodeDecodeError as failure:
        if encoding == "utf-8-sig" and lines.is_ascii and not is_cut(failure):
            for other in _legacy(content.name, first, columns):
                note = f"the file is not UTF-8; it was read as {other.replace('cp', 'Windows-')}"
                with contextlib.suppress(UnicodeDecodeError):
                    table = _read_lines(content, other, columns)
                    return dataclasses.replace(table, notes=(note, *table.notes))
        raise DataError(undecodable(content.name, lines.line, failure)) from failure


def is_table(first: bytes, columns: Sequence[str] | None) -> bool:
    """Tell whether a file of an archive holds bars, by its beginning."""
    if first.startswith(b"PAR1"):
        return True
    text = b"".join(utf8_pieces([first], encoding_of(first) or "utf-8-sig"))
    try:
        layout = find_layout("", _sample(Lines(1, text)), columns)
    except (DataError, UnicodeDecodeError):
        return False
    return set(PRICES) <= layout.fields.position.keys()


def _legacy(name: str, first: bytes, columns: Sequence[str] | None) -> list[str]:
    """Return the encodings under which headings are known, those of which most are first.

    Headings in ASCII are known under all. What is not ASCII stands in texts then, or is a sign of a
    currency, and the first will do.
    """
    found: dict[str, int] = {}
    for encoding in LEGACY:
        text = first.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")
        with contextlib.suppress(DataError):
            layout = find_layout(name, _sample(Lines(1, text.encode())), columns)
            if set(PRICES) <= layout.fields.position.keys():
                found[encoding] = len(layout.fields.position)
                if all(heading.isascii() for heading in layout.headings):
                    break
    return sorted(found, key=lambda encoding: -found[encoding])


def _read_lines(
    content: Content,
    encoding: str,
    columns: Sequence[str] | None,
    lines: TextLines | None = None,
    *,
    typed: bool = True,
) -> Table:
    name = content.name
    blocks = iter(lines or TextLines(name, utf8_pieces(content.blocks(), encoding)))
    held: list[Lines] = []
    sample: list[tuple[int, str]] = []
    for block in blocks:
        held.append(block)
        sample = _sample(block)
        if sample:
            break
    layout = find_layout(name, sample, columns)
    records = Records(name, layout, list(kept_columns(layout.fields)), typed=typed)
    for block in itertools.chain(held, blocks):
        rest = block.behind(layout.start)
        if rest is not None and not records.add(rest):
            del records, held
            return _read_lines(content, encoding, columns, typed=False)
    if not records.is_certain:
        del records, held
        return _read_lines(content, encoding, columns, typed=False)
    cells, rows, notes = records.finish()
    return Table(
        name,
        layout.headings,
        cells,
        rows,
        layout.separator.strip(" ") or " ",
        layout.fields,
        layout.vendor,
        (*layout.notes, *notes),
        records.written,
    )


def _sample(lines: Lines) -> list[tuple[int, str]]:
    """Return the first lines that are not blank, with their numbers."""
    head = lines.text[:_SAMPLE_BYTES]
    # The last of them may be cut.
    whole = head if len(head) == len(lines.text) else head[: head.rfind(b"\n") + 1]
    texts = (whole or lines.text.partition(b"\n")[0]).decode().split("\n")
    found = ((number, text) for number, text in enumerate(texts, lines.first) if text.strip())
    return list(itertools.islice(found, SAMPLE))
