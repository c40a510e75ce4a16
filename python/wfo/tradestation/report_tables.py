"""The cells of a report as text, with the line of each row, whatever dialect of CSV it is."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from wfo.files import read_bytes
from wfo.strategy import Strategy
from wfo.text import one_line, shown
from wfo.text_files import decode, other_kind
from wfo.tradestation.errors import ReportError
from wfo.tradestation.headings import recognise

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

#: Bytes of a report, at most: those of a million tests of both sides.
MOST_BYTES: Final = 1 << 29

#: Lines of a report, each of which takes some 100 bytes beside its own.
MOST_LINES: Final = 2_000_000

#: Columns of a report; one of both sides has some 60.
MOST_COLUMNS: Final = 1_000

#: Cells of a report: those of a million tests of both sides. A cell takes 16 bytes beside its own,
#: and 60 where quotes that stand for themselves have the lines read one by one.
MOST_CELLS: Final = 80_000_000
_MOST_QUOTED_CELLS: Final = 20_000_000

#: Lines before the headings that may be a title.
_MOST_TITLES = 20

#: Characters of the line of headings, at most; one of both sides has some 1,200.
_LONGEST_HEADINGS = 1 << 16

#: Lines at the end that may be totals or remarks.
MOST_FOOTERS = 10


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that is left out.

    Attributes
    ----------
    line
        Its line in the file.
    what
        What is wrong with it.
    """

    line: int
    what: str


class Table(NamedTuple):
    """The cells of a file as text."""

    file: str
    headings: list[str]
    heading_line: int
    separator: str
    #: One series a heading.
    cells: list[pl.Series]
    #: Line of each row, int64[n].
    lines: NDArray[np.int64]
    #: Rows with more or fewer fields than the headings.
    faults: list[RowFault]
    #: Whether the file's last line lacks its end, and is one of the rows.
    open_end: bool


def read_table(path: Path, strategy: Strategy, notes: list[str]) -> Table:
    """Read the cells of a report.

    Parameters
    ----------
    path
        The file.
    strategy
        Whose inputs tell the line of headings.
    notes
        What is assumed and read past is added to them.

    Raises
    ------
    ReportError
        If it is no text, has no headings or rows, or was cut short.
    """
    file = one_line(path.name)
    try:
        content = read_bytes(path, most=MOST_BYTES)
    except OSError as error:
        raise ReportError(f"cannot read {one_line(path)}: {error.strerror or error}") from error
    if content.count(b"\n") + content.count(b"\r") > 2 * MOST_LINES:
        raise _too_many("lines", MOST_LINES, file)
    if not content:
        raise ReportError(f"{file} is empty")
    if (kind := other_kind(content)) is not None:
        raise ReportError(f"{file} is {kind}")
    no_text = "is no text: it holds zero bytes; get it again, or save it as CSV"
    text, encoding = decode(file, content, error=ReportError, no_text=no_text, ansi=True)
    del content
    if encoding != "utf-8-sig":
        notes.append(f"{file}: read as {_ENCODINGS[encoding]}")
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if len(lines) > MOST_LINES + 1:
        raise _too_many("lines", MOST_LINES, file)
    if re.match(r"\s*(?:<!doctype|<html|<\?xml)", text, re.IGNORECASE):
        raise ReportError(f"{file}, line 1: it is a web page, and no report")
    if not any(line.strip() for line in lines):
        raise ReportError(f"{file} is empty")
    if (bare := _unwrapped(lines)) is not None:
        lines = bare
        notes.append(f"{file}: quotes around whole lines are taken off")
    at, separator, headings = _find_headings(file, lines, strategy, notes)
    ended = text.endswith("\n")
    cells, numbers, faults = _cells(file, lines, at + 1, separator, headings, ended, notes)
    last = next(n for n in range(len(lines), 0, -1) if lines[n - 1].strip())
    open_end = not ended and len(numbers) > 0 and int(numbers[-1]) == last
    return Table(file, headings, at + 1, separator, cells, numbers, faults, open_end)


_ENCODINGS = {
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 without a byte order mark",
    "utf-16-be": "UTF-16 without a byte order mark",
    "cp1252": "Windows-1252",
}


def _too_many(what: str, most: int, file: str) -> ReportError:
    return ReportError(f"{file} has more than {most:,} {what}; divide it into several files")


def _unwrapped(lines: Sequence[str]) -> list[str] | None:
    """Return lines without quotes around each as a whole; None where they are not like that."""
    first = next(line for line in lines if line.strip()).strip()
    if not _WRAPPED.fullmatch(first) or not re.search("[,;\t]", first):
        return None
    found = []
    for line in lines:
        text = line.strip()
        if text and not _WRAPPED.fullmatch(text):
            return None
        found.append(text[1:-1].replace('""', '"'))
    return found


_WRAPPED = re.compile(r'"[^"]*(?:""[^"]*)*"')


def _split(line: str, separator: str) -> list[str]:
    """Return the fields of one line; none where its quotes are broken."""
    try:
        reader = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
        return [field.strip() for field in next(reader, [])]
    except csv.Error:
        return []


def _find_headings(
    file: str, lines: Sequence[str], strategy: Strategy, notes: list[str]
) -> tuple[int, str, list[str]]:
    """Return the position of the line of headings, the separator, and the headings."""
    separators: Sequence[str] = ",;\t"
    titles: list[int] = []
    best: tuple[int, int, str, list[str]] = (0, 0, "", [])
    for at, line in enumerate(lines):
        if not line.strip():
            continue
        if len(line) > _LONGEST_HEADINGS:
            titles.append(at)
            if len(titles) > _MOST_TITLES:
                break
            continue
        told = re.fullmatch(r'"?sep=([!-/:-@\[-`{-~\t])"?[,;\t]*', line.strip(" "), re.I)
        if told is not None and not titles:
            separators = told[1]
            continue
        for separator in separators:
            fields = _split(line, separator)
            score = sum(recognise(f, strategy).kind in _TELLING for f in fields)
            if score > best[0]:
                best = (score, at, separator, fields)
        if best[0] >= 3 or len(titles) > _MOST_TITLES:
            break
        titles.append(at)
    score, at, separator, headings = best
    first = titles[0] if titles else 0
    if score < 2:
        if not titles and not score:
            raise ReportError(f"{file} is empty but for its line 'sep='")
        line = lines[first].strip()
        hint = "the line of headings is missing: " if re.match(r"[\"\d.+-]", line) else ""
        raise ReportError(
            f"{file}, line {first + 1}: {hint}no headings of an optimization report can be told in"
            f" {shown(line)}; needed are the inputs, TestNum and All: Net Profit"
        )
    notes += [
        f"{file}, line {t + 1}: read past: {shown(lines[t].strip())}" for t in titles if t < at
    ]
    # Separators at the end of the line, as spreadsheets leave them, are no columns.
    while not headings[-1]:
        headings.pop()
    if len(headings) > MOST_COLUMNS:
        raise _too_many("columns", MOST_COLUMNS, file)
    return at, separator, headings


#: Kinds of columns that tell a line of headings.
_TELLING = frozenset({"input", "test", "figure"})


def _cells(
    file: str,
    lines: list[str],
    start: int,
    separator: str,
    headings: Sequence[str],
    ended: bool,
    notes: list[str],
) -> tuple[list[pl.Series], NDArray[np.int64], list[RowFault]]:
    """Return the cells below the headings, one series a heading, their lines, and broken rows."""
    import numpy as np
    import polars as pl

    width = len(headings)
    body = pl.Series("line", lines[start:], dtype=pl.String)
    numbers = np.arange(start + 1, len(lines) + 1)
    # Blank lines, and those of separators alone, which spreadsheets leave.
    kept = body.str.strip_chars(f' \t{separator}"') != ""
    body, numbers = body.filter(kept), numbers[kept.to_numpy()]
    again = body.str.strip_chars() == lines[start - 1].strip()
    if again.any():
        first = int(numbers[again.to_numpy()][0])
        notes.append(f"{file}, line {first}: the headings are there again, and read past")
        body, numbers = body.filter(~again), numbers[~again.to_numpy()]
    if body.is_empty():
        raise ReportError(
            f"{file}: no rows follow its headings in line {start}; the optimization has written"
            " none"
        )
    if len(body) * width > MOST_CELLS:
        raise _too_many("cells", MOST_CELLS, file)
    quoted = bool(body.str.contains('"', literal=True).any())
    rows: list[list[str]] = []
    regular = True
    if quoted:
        sep = re.escape(separator)
        # Blanks beside quotes are none of a field.
        body = body.str.replace_all(rf'" +{sep}', f'"{separator}')
        body = body.str.replace_all(rf'{sep} +"', f'{separator}"')
        field = rf"""(?:"[^"]*"|[^"{sep}]*)"""
        regular = bool(body.str.contains(rf"^{field}(?:{sep}{field})*$").all())
    if regular:
        body, widths = _trimmed(body, separator, width, quoted)
    else:
        # All that may be a cell, whether quotes are around it or not.
        if int(body.str.count_matches(separator, literal=True).sum()) > _MOST_QUOTED_CELLS:
            raise _too_many("cells, and quotes within quotes,", _MOST_QUOTED_CELLS, file)
        rows = _records(file, body.to_list(), numbers, separator)
        widths = np.array([len(row) for row in rows])
    odd = np.flatnonzero(widths != width)
    head = (rows[0] if rows else _split(body[0], separator) or [""])[0]
    # Where rows begin with a number, a last line that does not is no row.
    telling = begins_a_row(head)
    faults: list[RowFault] = []
    drop: list[int] = []
    mended: dict[int, list[str]] = {}
    for position in odd.tolist():
        fields = rows[position] if rows else _split(body[position], separator) or [""]
        filled = next((n for n in range(len(fields), width, -1) if fields[n - 1].strip()), width)
        fields = fields[:filled]
        if len(fields) == width:
            mended[position] = fields
            continue
        drop.append(position)
        line, last = int(numbers[position]), position == len(widths) - 1
        said = shown(separator.join(fields).strip())
        if last and not ended and len(fields) < width and _is_row(fields[0], telling):
            raise ReportError(
                f"{file}, line {line}: the file ends in the middle of a line, {said}, with"
                f" {len(fields)} fields of {width}, so it was cut short: get it again"
            )
        if position >= len(widths) - MOST_FOOTERS and not _is_row(fields[0], telling):
            notes.append(f"{file}, line {line}: read past: {said}")
            continue
        hint = ""
        if len(fields) > width and separator == ",":
            hint = "; numbers with commas need quotes, or another separator between fields"
        elif last and len(fields) < width:
            hint = "; the file may have been cut short"
        plural = "" if len(fields) == 1 else "s"
        faults.append(
            RowFault(line, f"{len(fields)} field{plural} where the headings have {width}{hint}")
        )
    if len(drop) == len(widths):
        raise nothing_usable(file, len(widths), faults)
    good = np.ones(len(widths), np.bool_)
    good[drop] = False
    numbers = numbers[good]
    if rows:
        for position, fields in mended.items():
            rows[position] = fields
        sound = [row for row, keep in zip(rows, good, strict=True) if keep]
        cells = [pl.Series(column, dtype=pl.String) for column in zip(*sound, strict=True)]
        return cells, numbers, faults
    if mended:
        # What is cut off are blank fields, without quotes.
        cut = [body[at].rsplit(separator, int(widths[at]) - width)[0] for at in mended]
        body = body.scatter(list(mended), cut)
    text = body.filter(pl.Series(good)).str.join("\n")[0].encode()
    names = [f"{i}" for i in range(width)]
    frame = pl.read_csv(
        text,
        has_header=False,
        separator=separator,
        quote_char='"' if quoted else None,
        schema=dict.fromkeys(names, pl.String),
    )
    return frame.get_columns(), numbers, faults


def _trimmed(
    body: pl.Series, separator: str, width: int, quoted: bool
) -> tuple[pl.Series, NDArray[np.int64]]:
    """Return lines without separators behind their last field, and how many fields each has."""
    import numpy as np
    import polars as pl

    def widths(lines: pl.Series) -> NDArray[np.int64]:
        bare = lines.str.replace_all('"[^"]*"', "") if quoted else lines
        return bare.str.count_matches(separator, literal=True).to_numpy().astype(np.int64) + 1

    found = widths(body)
    wide = np.flatnonzero(found > width)
    if len(wide):
        lines = body.gather(wide)
        bare = lines.str.strip_chars_end(separator)
        length = lines.str.len_chars().to_numpy().astype(np.int64)
        more = found[wide] - width
        ends = length - bare.str.len_chars().to_numpy() >= more
        cut = lines.str.slice(0, pl.Series(length - more).cast(pl.UInt64)).filter(pl.Series(ends))
        body = body.scatter(wide[ends], cut)
        found[wide[ends]] = width
    return body, found


def _is_row(field: str, telling: bool) -> bool:
    return not telling or begins_a_row(field)


def begins_a_row(field: str) -> bool:
    """Whether a field, the first of a line, is a number and no words such as ``Total``."""
    return bool(re.fullmatch(r"[\s\"'($€£¥+-]*[.,]?\d[\d\s.,'\u2019%)$€£¥-]*\"?", field))


def _records(
    file: str, lines: Sequence[str], numbers: NDArray[np.int64], separator: str
) -> list[list[str]]:
    """Return the fields of lines with quotes."""
    rows: list[list[str]] = []
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    while True:
        at = len(rows)
        line = int(numbers[min(at, len(numbers) - 1)])
        try:
            record = next(reader, None)
        except csv.Error as error:
            if reader.line_num >= len(lines):
                last = int(numbers[-1])
                raise ReportError(
                    f"{file}, line {line}: a quoted field does not end; the file ends in line"
                    f" {last}, so it may have been cut short: get it again"
                ) from None
            what = one_line(error)
            raise ReportError(f"{file}, line {line}: broken quotes ({what})") from None
        if record is None:
            return rows
        if reader.line_num != at + 1:
            raise ReportError(f"{file}, line {line}: a quoted field does not end on its line")
        rows.append(record)


def nothing_usable(file: str, count: int, faults: Sequence[RowFault]) -> ReportError:
    """Return the error of a file without a row that can be used."""
    if not faults:
        return ReportError(
            f"{file}: no rows follow its headings; the optimization has written none"
        )
    first = faults[0]
    return ReportError(
        f"{file}: none of its {count:,} rows can be used; the first, line {first.line}:"
        f" {first.what}"
    )
