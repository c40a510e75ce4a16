"""Files as people have them, read into a table of raw cells that knows its line numbers."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wfo.data.columns import NEEDED, recognise
from wfo.errors import DataError
from wfo.text import shown
from wfo.text_files import decode, other_kind

if TYPE_CHECKING:
    import polars as pl

#: Rows that are turned into columns at a time: bounds the memory that Python strings take.
_CHUNK: Final = 50_000

_read_csv = functools.partial(csv.reader, skipinitialspace=True, strict=True)


@dataclasses.dataclass(frozen=True)
class RowNames:
    """What to call each row in messages.

    Attributes
    ----------
    kind
        ``"line"`` for text files, ``"row"`` otherwise.
    numbers
        The number of each row, from 1.
    """

    kind: str
    numbers: Sequence[int]

    def one(self, index: int) -> str:
        """Return the name of one row, such as ``"line 17"``."""
        return f"{self.kind} {self.numbers[index]}"

    def many(self, indices: Iterable[int]) -> str:
        """Return the name of several rows, such as ``"lines 17, 18"``."""
        return f"{self.kind}s {', '.join(str(self.numbers[i]) for i in indices)}"

    def reversed(self) -> RowNames:
        """Return the names for the rows in the opposite order."""
        return RowNames(self.kind, self.numbers[::-1])


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
        The cells, one series a heading: strings from text files, any type from Parquet.
    rows
        The name of each row.
    separator
        The character between two fields; empty for Parquet.
    """

    name: str
    headings: tuple[str, ...]
    columns: tuple[pl.Series, ...]
    rows: RowNames
    separator: str

    def reversed(self) -> Table:
        """Return the table with its rows in the opposite order."""
        columns = tuple(c.reverse() for c in self.columns)
        return dataclasses.replace(self, columns=columns, rows=self.rows.reversed())

    def cell_error(
        self, column: int, bad: Sequence[int], why: str = "is not a number"
    ) -> DataError:
        """Return the error for broken cells of one column, naming the first of them."""
        first = bad[0]
        value = self.columns[column][first]
        empty = value is None or (isinstance(value, str) and not value.strip())
        problem = "is empty" if empty else f"{shown(value)} {why}"
        more = f" (and {len(bad) - 1:,} more such cells in this column)" if len(bad) > 1 else ""
        gap = " " if empty else ": "
        return DataError(
            f"{self.name}, {self.rows.one(first)}, column {self.headings[column]!r}"
            f"{gap}{problem}{more}"
        )


def read_table(path: str | Path) -> Table:
    """Read a CSV or Parquet file without interpreting its cells.

    Parameters
    ----------
    path
        The file. Parquet is known by its contents, whatever the file is called; everything
        else must be text in UTF-8 or UTF-16 (with or without a byte order mark), with fields
        separated by comma, semicolon or tab.

    Raises
    ------
    DataError
        If the file is missing, empty, a folder, unreadable, of another kind (archive, web
        page), has no header line, or has a line with a wrong number of fields.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder: name one file of bars in it")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if not content.strip():
        raise DataError(f"{path.name} is empty")
    if content.startswith(b"PAR1"):
        return _read_parquet(path.name, content)
    if (kind := other_kind(content)) is not None:
        raise DataError(f"{path.name} is {kind}")
    no_text = f"is neither Parquet nor text: it holds zero bytes; {NEEDED}"
    text, _ = decode(path.name, content, error=DataError, no_text=no_text)
    return _read_text(path.name, text)


def _read_parquet(name: str, content: bytes) -> Table:
    import polars as pl

    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0][:120]
        raise DataError(f"{name} is a broken Parquet file ({reason}): get it again") from error
    if not frame.height:
        raise DataError(f"{name} holds no bars: it has columns but no rows")
    rows = RowNames("row", range(1, frame.height + 1))
    return Table(name, tuple(frame.columns), tuple(frame.get_columns()), rows, "")


def _read_text(name: str, text: str) -> Table:
    lines = io.StringIO(text, newline=None).readlines()
    number = next((i for i, line in enumerate(lines) if line.strip()), None)
    if number is None:
        raise DataError(f"{name} is empty")
    told = re.fullmatch(r'"?sep=(.)"?', lines[number].strip(), re.IGNORECASE)
    if told is not None:  # a line that Excel writes before the header
        number += 1
        if number >= len(lines):
            raise DataError(f"{name} is empty but for its line 'sep={told[1]}'")
    head = lines[number].strip()
    if re.match(r"<!doctype|<html|<\?xml", head, re.IGNORECASE):
        raise DataError(f"{name} is a web page, not bars: the download has probably failed")
    separator, headings = _split_header(name, number + 1, lines[number].rstrip("\n"))
    records, numbers = _records(name, lines, number + 1, separator, headings)
    return Table(name, tuple(headings), records, RowNames("line", numbers), separator)


def _split_header(name: str, line: int, head: str) -> tuple[str, list[str]]:
    best: tuple[int, str, list[str]] | None = None
    for separator in ",;\t":
        try:
            fields = next(_read_csv([head], delimiter=separator), [])
        except csv.Error:
            continue
        score = len(recognise(fields).position)
        if best is None or score > best[0]:
            best = (score, separator, fields)
    if best is None:
        raise DataError(f"{name}, line {line}: {shown(head)} is no header line; {NEEDED}")
    score, separator, fields = best
    if score == 0:
        widest = max((head.split(s) for s in ",;\t"), key=len)
        numeric = sum(1 for f in widest if re.search(r"\d", f) and not re.search(r"[A-Za-z]{2}", f))
        if numeric >= max(2, len(widest) // 2):
            raise DataError(
                f"{name} has no header line: line {line} is already data, {shown(head)}; put a "
                "line of column names first, such as date,open,high,low,close,volume"
            )
        raise DataError(f"{name} holds no bars: columns found: {_listed(widest)}; {NEEDED}")
    return separator, [f.strip() for f in fields]


def _records(
    name: str, lines: list[str], start: int, separator: str, headings: list[str]
) -> tuple[tuple[pl.Series, ...], list[int]]:
    import polars as pl

    width = len(headings)
    numbers: list[int] = []
    chunk: list[list[str]] = []
    parts: list[list[pl.Series]] = [[] for _ in headings]

    def flush() -> None:
        for part, cells in zip(parts, zip(*chunk, strict=True), strict=False):
            part.append(pl.Series(cells, dtype=pl.String))
        chunk.clear()

    reader = _read_csv(lines[start:], delimiter=separator)
    before = 0  # lines the reader has consumed before this record
    preamble = 0
    while True:
        line = start + before + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{name}, line {line}: broken quotes ({error})") from error
        if record is None:
            break
        spanned, before = reader.line_num - before, reader.line_num
        if not any(cell and not cell.isspace() for cell in record):
            continue
        if spanned > 1:
            raise DataError(f"{name}, line {line}: a quoted field does not end on its line")
        if not numbers and preamble < 2 and _is_yfinance_preamble(headings, record, preamble):
            # yfinance writes the names of its two column levels and of the index on 3 lines.
            preamble += 1
            if preamble == 2:
                headings[0] = record[0].strip()
            continue
        if len(record) != width:
            if len(record) < width or any(cell.strip() for cell in record[width:]):
                fields = f"{len(record)} field{'' if len(record) == 1 else 's'}"
                raise DataError(
                    f"{name}, line {line}: {fields} where the header has {width}: "
                    f"{shown(separator.join(record))}"
                )
            del record[width:]
        numbers.append(line)
        chunk.append(record)
        if len(chunk) == _CHUNK:
            flush()
    if chunk:
        flush()
    if not numbers:
        raise DataError(f"{name} holds no bars: nothing follows its header line")
    return tuple(pl.concat(part) for part in parts), numbers


def _is_yfinance_preamble(headings: list[str], record: list[str], done: int) -> bool:
    first = record[0].strip().casefold()
    if done == 0:
        return headings[0].casefold() == "price" and first == "ticker"
    return first in ("date", "datetime") and not any(c.strip() for c in record[1:])


def _listed(names: Sequence[str]) -> str:
    shown = [n.strip()[:30] for n in names[:12]]
    return ", ".join(shown) + (", …" if len(names) > 12 else "")
