"""Files as people have them, read into a table of raw cells that knows its line numbers."""

from __future__ import annotations

import array
import csv
import dataclasses
import functools
import io
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from wfo.data.columns import NEEDED, recognise
from wfo.data.frames import outside_years
from wfo.errors import DataError
from wfo.files.limits import BARS_ROWS, LINE_CHARACTERS, TABLE_BYTES, TABLE_COLUMNS
from wfo.files.opening import read_bytes
from wfo.files.parquet import Column, ParquetFile
from wfo.text import shown
from wfo.text_files import decode, encoding_of, other_kind

if TYPE_CHECKING:
    import polars as pl

#: Rows that are turned into columns at a time: bounds the memory that Python strings take.
_ROWS_AT_ONCE: Final = 50_000

#: Lines that a text has beside its rows, such as empty ones.
_LINES_BESIDE: Final = 1_000_000

#: Rows that a message names.
_NAMED: Final = 8

_read_csv = functools.partial(csv.reader, skipinitialspace=True, strict=True)

#: What columns of a Parquet file may hold, by field; of others it does not matter.
_NUMBERS: Final = frozenset({"text", "integer", "float", "half", "decimal", "nothing"})
_STAMPS: Final = frozenset({"text", "integer", "float", "date", "stamp"})
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "date": _STAMPS,
    "datetime": _STAMPS,
    "time": frozenset({"text", "integer", "float", "time"}),
    **dict.fromkeys(("open", "high", "low", "close", "adj_close", "volume"), _NUMBERS),
    **dict.fromkeys(("up", "down"), _NUMBERS),
    "ticker": frozenset({"text", "integer", "nothing"}),
}
#: What messages call such a column.
_WORDS: Final[Mapping[str, str]] = {
    "nested": "lists or structs",
    "duration": "durations",
    "bytes": "bytes",
    "boolean": "true and false",
    "date": "dates",
    "time": "times of day",
    "stamp": "dates with times",
    "decimal": "decimals",
    "half": "numbers of 16 bits",
    "nothing": "nothing but empty cells",
}


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
        found = [str(self.numbers[i]) for i in itertools.islice(indices, _NAMED + 1)]
        more = ", …" if len(found) > _NAMED else ""
        return f"{self.kind}s {', '.join(found[:_NAMED])}{more}"

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
        The cells of each column whose heading is known, by its number: strings from text files,
        from Parquet also numbers, dates and times.
    rows
        The name of each row.
    separator
        The character between two fields; empty for Parquet.
    """

    name: str
    headings: tuple[str, ...]
    columns: Mapping[int, pl.Series]
    rows: RowNames
    separator: str

    def reversed(self) -> Table:
        """Return the table with its rows in the opposite order."""
        columns = {number: cells.reverse() for number, cells in self.columns.items()}
        return dataclasses.replace(self, columns=columns, rows=self.rows.reversed())

    def cell_error(
        self, column: int, bad: Sequence[int], why: str = "is not a number"
    ) -> DataError:
        """Return the error for broken cells of one column, naming the first of them."""
        first = bad[0]
        value = _cell(self.columns[column], first)
        empty = value is None or (isinstance(value, str) and not value.strip())
        problem = "is empty" if empty else f"{shown(value)} {why}"
        more = f" (and {len(bad) - 1:,} more such cells in this column)" if len(bad) > 1 else ""
        gap = " " if empty else ": "
        return DataError(
            f"{self.name}, {self.rows.one(first)}, column {shown(self.headings[column])}"
            f"{gap}{problem}{more}"
        )


def _cell(cells: pl.Series, index: int) -> object:
    """Return a cell; of dates that Python has no type for the number that stands for them."""
    import polars as pl

    cell = cells.slice(index, 1)
    dated = cells.dtype in (pl.Date, pl.Datetime)
    return cell.to_physical()[0] if dated and outside_years(cell)[0] else cell[0]


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
        page), has no header line, has a line with a wrong number of fields, or is beyond a limit.
    """
    path = Path(path)
    if str(path) == "-":
        raise DataError("standard input is not read: save it into a file, and name that")
    # Of a name that no file can have this says no, where that of the path raises.
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder: name one file of bars in it")
    try:
        content = read_bytes(path, most=TABLE_BYTES)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if not content or content.isspace():
        raise DataError(f"{path.name} is empty")
    if content.startswith(b"PAR1"):
        return _read_parquet(path.name, content)
    if (kind := other_kind(content)) is not None:
        raise DataError(f"{path.name} is {kind}")
    return _read_text(path.name, content)


def _read_parquet(name: str, content: bytes) -> Table:
    try:
        # Apart: a file of others may hold what makes the process that unpacks it crash.
        with ParquetFile(content, apart=True) as file:
            _check_rows(name, file.rows)
            if not file.rows:
                raise DataError(f"{name} holds no bars: it has columns but no rows")
            headings = tuple(file.names)
            known = _known(headings)
            for number, field in known.items():
                _check_kind(name, field, file.columns[number])
            found = file.read_columns(list(known))
    except OSError as error:
        raise DataError(
            f"{name} is a broken Parquet file, or one that is not read ({error}): get it again, or "
            "save it as CSV"
        ) from error
    rows = RowNames("row", range(1, file.rows + 1))
    return Table(name, headings, dict(zip(known, found, strict=True)), rows, "")


def _check_kind(name: str, field: str, column: Column) -> None:
    """Raise unless a column of a Parquet file holds what its field can be read from."""
    kind = column.kind[0]
    what = f"{name}: column {shown(column.name)}"
    if kind not in _KINDS.get(field, _STAMPS):
        held = _WORDS.get(kind, "values of a type that is not read")
        raise DataError(
            f"{what} holds {held}, from which no {field} is read: leave it out of the file, or "
            "save it as text, dates or numbers"
        )
    if kind == "stamp" and not column.is_zone_known:
        raise DataError(
            f"{what} is in the time zone {shown(column.zone)}, which is not in the data base of"
            " time zones: save it in one that is, such as UTC"
        )


def _known(headings: Sequence[str]) -> dict[int, str]:
    """Return the numbers of the columns whose headings are known, with what they are.

    Where none is a stamp, an index without a name is one.
    """
    found = recognise(headings)
    known = {number: field for field, number in found.position.items() if field in _KINDS}
    if found.index is not None:
        known.setdefault(found.index, "datetime")
    return known


def _check_rows(name: str, count: int) -> None:
    if count > BARS_ROWS:
        raise DataError(f"{name} has more than {BARS_ROWS:,} rows: split it into several files")


def _read_text(name: str, content: bytes) -> Table:
    encoding = encoding_of(content)
    no_text = f"is neither Parquet nor text: it holds zero bytes; {NEEDED}"
    if encoding is None:
        decode(name, content, error=DataError, no_text=no_text)
    try:
        # Line by line, so that no second copy of a long file is made.
        with io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline=None) as stream:
            return _read_lines(name, stream)
    except UnicodeDecodeError:
        decode(name, content, error=DataError, no_text=no_text)
        raise


def _lines(name: str, stream: IO[str]) -> Iterator[str]:
    """Yield the lines of a text, none of which is longer than what is read."""
    number = 0
    while line := stream.readline(LINE_CHARACTERS + 1):
        number += 1
        if len(line) > LINE_CHARACTERS:
            raise DataError(
                f"{name}, line {number}: it has more than {LINE_CHARACTERS:,} characters, as no "
                "line of bars has"
            )
        if number > BARS_ROWS + _LINES_BESIDE:  # also such as are empty take time
            raise DataError(f"{name} has more than {number - 1:,} lines: split it")
        yield line


def _read_lines(name: str, stream: IO[str]) -> Table:
    lines = _lines(name, stream)
    number, line = next(((i, line) for i, line in enumerate(lines) if line.strip()), (0, ""))
    if not line:
        raise DataError(f"{name} is empty")
    told = re.fullmatch(r'"?sep=(.)"?', line.strip(), re.IGNORECASE)
    if told is not None:  # a line that Excel writes before the header
        number, line = number + 1, next(lines, "")
        if not line:
            raise DataError(f"{name} is empty but for its line 'sep={told[1]}'")
    head = line.strip()
    if re.match(r"<!doctype|<html|<\?xml", head, re.IGNORECASE):
        raise DataError(f"{name} is a web page, not bars: the download has probably failed")
    separator, headings = _split_header(name, number + 1, line.rstrip("\n"))
    if len(headings) > TABLE_COLUMNS:
        raise DataError(f"{name} has {len(headings):,} columns; {TABLE_COLUMNS:,} are read")
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
    name: str, lines: Iterator[str], start: int, separator: str, headings: list[str]
) -> tuple[dict[int, pl.Series], Sequence[int]]:
    import polars as pl

    width = len(headings)
    numbers = array.array("q")
    known = list(_known(headings))
    # Of the others no cell is kept, so that what they hold takes no memory.
    chunk: list[list[str]] = [[] for _ in known]
    parts: list[list[pl.Series]] = [[] for _ in known]

    def flush() -> None:
        for part, cells in zip(parts, chunk, strict=True):
            part.append(pl.Series(cells, dtype=pl.String))
            cells.clear()

    reader = _read_csv(lines, delimiter=separator)
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
                known = list(_known(headings))
                chunk, parts = [[] for _ in known], [[] for _ in known]
            continue
        too_long = any(cell.strip() for cell in record[width:])
        if len(record) < width or too_long:
            fields = f"{len(record)} field{'' if len(record) == 1 else 's'}"
            raise DataError(
                f"{name}, line {line}: {fields} where the header has {width}: "
                f"{shown(separator.join(record))}"
            )
        numbers.append(line)
        for cells, number in zip(chunk, known, strict=True):
            cells.append(record[number])
        if len(numbers) % _ROWS_AT_ONCE == 0:
            flush()
            _check_rows(name, len(numbers))
    flush()
    if not numbers:
        raise DataError(f"{name} holds no bars: nothing follows its header line")
    found = {number: pl.concat(part) for number, part in zip(known, parts, strict=True)}
    return found, numbers


def _is_yfinance_preamble(headings: list[str], record: list[str], done: int) -> bool:
    first = record[0].strip().casefold()
    if done == 0:
        return headings[0].casefold() == "price" and first == "ticker"
    return first in ("date", "datetime") and not any(c.strip() for c in record[1:])


def _listed(names: Sequence[str]) -> str:
    shown = [n.strip()[:30] for n in names[:12]]
    return ", ".join(shown) + (", …" if len(names) > 12 else "")
