"""Lines of data, turned into columns of cells: by blocks where all is plain, else line by line."""

from __future__ import annotations

import array
import csv
import io
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from wfo.data.importing.cells import is_stamp, read_csv, split_line
from wfo.data.importing.tables.layouts import Layout
from wfo.data.importing.tables.lines import Lines
from wfo.data.importing.tables.lines_behind import holds_no_bar, is_begun_bar, is_remark, may_be_bar
from wfo.data.importing.tables.plain_lines import plain_cells, plain_floats, with_tabs
from wfo.data.importing.tables.table import NUMBERS
from wfo.data.row_names import RowNames
from wfo.errors import DataError
from wfo.files.limits import BARS_ROWS
from wfo.text import shown

if TYPE_CHECKING:
    import polars as pl

#: Rows of a part of a column.
_ROWS: Final = 50_000

#: Numerals with a point that may separate thousands.
_THOUSANDS: Final = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"

#: Uneven lines behind the data that are kept for a note.
_MOST_BEHIND: Final = 200
#: Rows at the end that may be sums or remarks.
_MOST_ROWS_BEHIND: Final = 20
#: Rows at either end that are kept as written.
_KEPT: Final = 5

_Cells = dict[int, "pl.Series"]


class Records:
    """The columns of a text as they grow.

    Parameters
    ----------
    name
        What messages call the file.
    layout
        How it is laid out.
    known
        The columns that are kept.
    typed
        Whether columns of numbers become float64, which `add` may find that they cannot.
    """

    def __init__(self, name: str, layout: Layout, known: Sequence[int], *, typed: bool) -> None:
        self._name = name
        self._layout = layout
        self._known = known
        self._typed = typed
        self._width = len(layout.headings)
        self._separator = "\t" if layout.separator.isspace() else layout.separator
        self._numeric = [
            number for field, number in layout.fields.position.items() if field in NUMBERS
        ]
        self._pointed = self._certain = False
        self._parts: list[pl.DataFrame] = []
        self._held: pl.DataFrame | None = None
        self._numbers: list[Sequence[int]] = []
        self._count = 0
        self._behind: list[tuple[int, list[str]]] = []
        self._comments: list[tuple[int, str]] = []
        self._repeated: list[int] = []
        self._is_ended = True
        # Blocks with the numbers of their rows; the last of a file may have a single line.
        self._first: list[tuple[Lines, Sequence[int]]] = []
        self._last: list[tuple[Lines, Sequence[int]]] = []

    def add(self, lines: Lines) -> bool:
        """Add lines of data.

        Returns
        -------
        bool
            Whether all is well: not where columns of numbers hold something else, so that all must
            be read again as text.

        Raises
        ------
        DataError
            If a line is broken.
        """
        written = lines
        lines = Lines(lines.first, with_tabs(lines.text, self._layout.separator))
        cells = plain_cells(lines, self._layout, self._known)
        numbers: Sequence[int] = range(lines.first, lines.first + lines.count)
        if cells is None:
            cells, numbers = self._careful(lines)
        else:
            self._require_no_gap()
        if not numbers:
            return True
        self._last = [*self._last[-1:], (written, numbers)]
        self._first = self._first or self._last
        self._count += len(numbers)
        if self._count > BARS_ROWS:
            raise DataError(
                f"{self._name} has more than {BARS_ROWS:,} rows: split it into several files"
            )
        if self._typed:
            floats = self._floats({number: cells[number] for number in self._numeric})
            if floats is None:
                return False
            cells |= floats
        self._hold(cells)
        self._numbers.append(numbers)
        self._is_ended = written.text.endswith(b"\n")
        return True

    def _hold(self, cells: _Cells) -> None:
        """Put cells behind those that are there, in parts of `_ROWS` rows.

        Of how many rows the parts are decides how Parquet files that are made of them are cut into
        pages, so that the same bars are the same bytes whatever blocks they were read in.
        """
        import polars as pl

        new = pl.DataFrame({str(number): part for number, part in cells.items()})
        held = new if self._held is None else pl.concat([self._held, new])
        while held.height >= _ROWS:
            self._parts.append(held.head(_ROWS).rechunk())
            held = held[_ROWS:]
        self._held = held

    # Blocks of which every line has the same number of fields

    def _floats(self, cells: _Cells) -> _Cells | None:
        """Return columns as float64, None where they are not all plain numerals, or may not be."""
        import polars as pl

        if not cells:
            return {}
        frame = pl.DataFrame({str(number): part for number, part in cells.items()})
        values = frame.select(pl.all().cast(pl.Float64, strict=False))
        sound = values.select(pl.all().is_finite().fill_null(value=False).all()).row(0)
        found: _Cells = {}
        for place, (number, part) in enumerate(cells.items()):
            column = values.to_series(place).alias("") if sound[place] else plain_floats(part)
            if column is None:
                return None
            found[number] = column
            if not self._certain:
                pointed = part.filter(part.str.contains(".", literal=True)).str.strip_chars()
                self._pointed = self._pointed or len(pointed) > 0
                self._certain = not pointed.str.contains(_THOUSANDS).all()
        return found

    @property
    def is_certain(self) -> bool:
        """Whether no point of a column of numbers can separate thousands."""
        return not self._typed or self._certain or not self._pointed

    # Line by line

    def _careful(self, lines: Lines) -> tuple[_Cells, Sequence[int]]:
        import polars as pl

        numbers = array.array("q")
        found: list[list[str]] = [[] for _ in self._known]
        stream = io.StringIO(lines.text.decode(), newline="\n")
        reader = read_csv(stream, delimiter=self._separator)
        before = 0
        while True:
            number = lines.first + before
            try:
                record = next(reader, None)
            except csv.Error as error:
                raise DataError(f"{self._name}, line {number}: broken quotes ({error})") from error
            if record is None:
                break
            spanned, before = reader.line_num - before, reader.line_num
            if not any(cell and not cell.isspace() for cell in record):
                continue
            if spanned > 1:
                raise DataError(
                    f"{self._name}, line {number}: a quoted field does not end on its line"
                )
            row = self._row(number, record)
            if row is None:
                continue
            self._require_no_gap()
            numbers.append(number)
            for part, column in zip(found, self._known, strict=True):
                part.append(row[column])
        cells = {
            number: pl.Series(part, dtype=pl.String)
            for number, part in zip(self._known, found, strict=True)
        }
        return cells, numbers

    def _row(self, number: int, record: list[str]) -> list[str] | None:
        """Return the cells of a line that may be a bar, None of others."""
        width, stamp = self._width, self._layout.stamp
        # Brokers call shares #AAPL; what stands before a stamp is no comment.
        named = bool(stamp) and len(record) >= width and is_stamp(record[stamp or 0])
        if record[0].startswith("#") and not named:
            self._comments.append((number, self._separator.join(record)))
            return None
        cells = [cell.strip() for cell in record]
        if tuple(cells[:width]) == self._layout.headings and any(cells):
            self._repeated.append(number)
            return None
        if len(record) >= width and not any(cells[width:]):
            if not (self._behind and holds_no_bar(self._layout, cells)):
                return record
        elif is_remark(self._layout, cells):
            return [*record, *[""] * (width - len(record))]
        if len(self._behind) < _MOST_BEHIND:
            self._behind.append((number, record))
        elif len(self._behind) == _MOST_BEHIND:
            raise self._uneven(*self._behind[0])
        return None

    def _require_no_gap(self) -> None:
        """Raise where a bar follows lines that hold none."""
        if self._behind:
            raise self._uneven(*self._behind[0])

    def _uneven(self, number: int, record: Sequence[str], why: str = "") -> DataError:
        fields = f"{len(record)} field{'' if len(record) == 1 else 's'}"
        return DataError(
            f"{self._name}, line {number}: {fields} where the header has {self._width}: "
            f"{shown(self._separator.join(record))}{why}"
        )

    # The end

    def finish(self) -> tuple[_Cells, RowNames, list[str]]:
        """Return the columns, the names of the rows, and notes on what was passed over.

        Raises
        ------
        DataError
            If there are no rows, or the file ends in the middle of one.
        """
        import polars as pl

        self._require_no_bar_behind()
        if not self._count:
            if self._behind:
                raise self._uneven(*self._behind[0])
            raise DataError(f"{self._name} holds no bars: nothing follows its header line")
        if not self._known:
            return {}, RowNames("line", _joined(self._numbers)), []
        parts = self._parts if self._held is None else [*self._parts, self._held.rechunk()]
        frame = pl.concat([part for part in parts if part.height])
        columns = {number: frame.to_series(i).alias("") for i, number in enumerate(self._known)}
        numbers = _joined(self._numbers)
        if more := self._more_behind(columns):
            self._behind[:0] = [
                (number, [str(cells) for cells in row])
                for number, row in zip(numbers[-more:], frame.tail(more).rows(), strict=True)
            ]
            columns = {number: cells.head(-more) for number, cells in columns.items()}
            numbers = numbers[:-more]
        return columns, RowNames("line", numbers), self._notes()

    def _require_no_bar_behind(self) -> None:
        """Raise if a line behind the data is a bar that was cut or broken."""
        texts = [text for block in self._last for _, text in _texts(*block)]
        before = split_line(texts[-1], self._layout.separator) if texts else None
        for number, record in self._behind:
            cells = [cell.strip() for cell in record]
            begun = is_begun_bar(self._layout, cells, before or ())
            if begun and (number, record) == self._behind[-1]:
                why = ": the file ends in the middle of a bar; get it again, or delete that line"
                raise self._uneven(number, record, why)
            if begun or may_be_bar(self._layout, cells):
                raise self._uneven(number, record)

    def _more_behind(self, columns: _Cells) -> int:
        """Return how many of the last rows hold no bar, though they have as many cells."""
        rows = zip(
            *(cells.tail(_MOST_ROWS_BEHIND).to_list() for cells in columns.values()), strict=True
        )
        found = 0
        for row in reversed(list(rows)):
            cells = [""] * self._width
            for number, cell in zip(columns, row, strict=True):
                cells[number] = "" if cell is None else str(cell).strip()
            if not holds_no_bar(self._layout, cells):
                break
            found += 1
        return found if found < self._count else 0

    def _notes(self) -> list[str]:
        notes = []
        if self._comments:
            number, text = self._comments[0]
            notes.append(
                f"{_lines(len(self._comments))} skipped that begin with #, the first of them line "
                f"{number}, {shown(text)}"
            )
        if self._repeated:
            notes.append(
                f"{_lines(len(self._repeated))} skipped that repeat the headings, the first of "
                f"them line {self._repeated[0]}"
            )
        if self._behind:
            number, record = self._behind[0]
            first = "the first of them " if len(self._behind) > 1 else ""
            notes.append(
                f"{_lines(len(self._behind))} skipped behind the data, {first}line {number}, "
                f"{shown(self._separator.join(record))}"
            )
        if not self._is_ended and not self._behind and self._may_be_cut():
            notes.append(
                "the last line has no line break, and its last cell is shorter than those before: "
                "the file may have been cut short"
            )
        return notes

    def _may_be_cut(self) -> bool:
        """Tell whether the last cell of the file is shorter than those of the rows before it."""
        texts = [text for block in self._last for _, text in _texts(*block)]
        *before, last = (len(text.rpartition(self._layout.separator)[2].rstrip()) for text in texts)
        return bool(before) and last < min(before[-_KEPT:])

    @property
    def written(self) -> dict[int, str]:
        """The first and the last rows as the file has them, by the numbers of their lines."""
        first = [text for block in self._first for text in _texts(*block)]
        last = [text for block in self._last for text in _texts(*block)]
        return dict(first[:_KEPT] + last[-_KEPT:])


def _texts(lines: Lines, numbers: Sequence[int]) -> list[tuple[int, str]]:
    """Return the first and last rows of a block as the file has them, with their numbers."""
    ends = sorted({*numbers[:_KEPT], *numbers[-_KEPT:]})
    if isinstance(numbers, range):
        # Without its line break the last line is one as the others are.
        text = lines.text.removesuffix(b"\n")
        first, last = text.split(b"\n", _KEPT)[:_KEPT], text.rsplit(b"\n", _KEPT)[-_KEPT:]
        texts = dict(zip(numbers[:_KEPT], first, strict=True))
        texts |= dict(zip(numbers[-_KEPT:], last, strict=True))
        return [(number, texts[number].decode()) for number in ends]
    all_texts = lines.text.split(b"\n")
    return [(number, all_texts[number - lines.first].decode()) for number in ends]


def _lines(count: int) -> str:
    return "1 line was" if count == 1 else f"{count:,} lines were"


def _joined(parts: Sequence[Sequence[int]]) -> Sequence[int]:
    """Return numbers of lines in one sequence."""
    import numpy as np

    ranges = [part for part in parts if isinstance(part, range)]
    if len(ranges) == len(parts) and all(a.stop == b.start for a, b in itertools.pairwise(ranges)):
        return range(ranges[0].start, ranges[-1].stop)
    return np.concatenate([np.asarray(part, dtype=np.int64) for part in parts]).data
