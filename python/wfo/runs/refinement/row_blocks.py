"""Rows of a job under way, in blocks that outlast whatever stops it.

Every block is a file of its own in ``refined/<stem>.part/``, written whole, whose name ends in its
checksum: ``00000012-9ae0daaf.parquet``. ``key`` says what the rows follow from; blocks beside
another key are thrown away.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.errors import ResultsError
from wfo.files import (
    PART,
    entries_of,
    is_leftover,
    is_there,
    make_folder,
    naming_the_file,
    read_bytes,
    read_text,
    remove_file,
    remove_own,
    write_bytes,
    write_text,
)
from wfo.files.limits import TABLE_BYTES, TEXT_BYTES
from wfo.files.parquet import ParquetFile, read_parquet

if TYPE_CHECKING:
    import polars as pl

#: First row, and one past the last.
Span = tuple[int, int]

_NAME = re.compile(r"([0-9]{8})-([0-9a-f]{8})\.parquet")

#: The report of a job, until it gets its name.
STAGED = "report.csv"


class RowBlocks:
    """The blocks in a folder.

    Parameters
    ----------
    path
        The folder, ``refined/<stem>.part``; it need not exist.
    key
        What the rows follow from.
    rows
        How many there are.
    size
        Rows of a block; the last one may have fewer.
    remedy
        What an error advises that keeps a file from being written.
    """

    def __init__(self, path: Path, key: str, rows: int, size: int, remedy: str) -> None:
        self.path = path
        self.rows = rows
        self._head = f"{key} {rows} {size}\n"
        self._size = size
        self._remedy = remedy
        self._there: dict[int, Path] = {}

    @property
    def spans(self) -> list[Span]:
        """The rows of each block, in order."""
        starts = range(0, self.rows, self._size)
        return [(start, min(start + self._size, self.rows)) for start in starts]

    @property
    def missing(self) -> list[Span]:
        """The rows of each block that is not there, after `read`."""
        return [span for number, span in enumerate(self.spans) if number not in self._there]

    def read(self) -> None:
        """Look at what is there, and change nothing."""
        self._there = {}
        try:
            key = read_text(self.path / "key", most=TEXT_BYTES, links=False)
            if key != self._head:
                return
            entries = entries_of(self.path)
        except (OSError, UnicodeDecodeError):
            return
        last = len(self.spans)
        for entry in entries:
            named = _NAME.fullmatch(entry.name)
            if named is None or int(named[1]) >= last:
                continue
            try:
                intact = zlib.crc32(read_bytes(entry, most=TABLE_BYTES, links=False)) == int(
                    named[2], 16
                )
            except OSError:
                continue
            if intact:
                self._there[int(named[1])] = entry

    def open(self) -> None:
        """Make the folder ready, after `read`: what is of another key or damaged goes.

        Raises
        ------
        ResultsError
            If the folder cannot be written.
        """
        with naming_the_file(self.path, remedy=self._remedy):
            if not self._there:
                self.discard()
            make_folder(self.path)
            kept = {*self._there.values(), self.path / "key"}
            for entry in self._own():
                if entry not in kept:
                    remove_file(entry)
            write_text(self.path / "key", self._head, remedy=self._remedy)

    def write(self, span: Span, frame: pl.DataFrame) -> None:
        """Keep a block, after `open`.

        Parameters
        ----------
        span
            Which one, an item of `missing`.
        frame
            Its rows.

        Raises
        ------
        ResultsError
            If it cannot be written.
        """
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd")
        data = buffer.getvalue()
        number = span[0] // self._size
        path = self.path / f"{number:08}-{zlib.crc32(data):08x}.parquet"
        write_bytes(path, data, remedy=self._remedy)
        self._there[number] = path

    @property
    def files(self) -> list[Path]:
        """The file of every block, in order, where none is missing."""
        return [self._there[number] for number in range(len(self.spans))]

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the rows of every block, in order, where none is missing.

        Raises
        ------
        ResultsError
            If one cannot be read.
        """
        for path in self.files:
            try:
                yield read_parquet(path, links=False)
            except OSError as error:
                raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from error

    def sound(self) -> list[bytes]:
        """Return the file of every block, in order, as Polars may stream it.

        Raises
        ------
        ResultsError
            If one cannot be read.
        """
        found = []
        for path in self.files:
            try:
                with ParquetFile(path, links=False) as file:
                    found.append(file.sound())
            except OSError as error:
                raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from error
        return found

    def discard(self) -> None:
        """Remove the folder; its key first, so that a part of it counts as nothing.

        Files of other names stay, and the folder with them.
        """
        if not is_there(self.path):
            return
        with naming_the_file(self.path, remedy=self._remedy):
            remove_own(self.path, [self.path / "key", *self._own()])
        self._there = {}

    def _own(self) -> list[Path]:
        """Return what of the folder was written here."""
        return [
            entry
            for entry in entries_of(self.path)
            if entry.name in {"key", STAGED}
            or _NAME.fullmatch(entry.name)
            or is_leftover(entry.name)
        ]


def part_folder(figures: Path) -> Path:
    """Return where the blocks of a file of figures are while its job is under way."""
    return figures.with_name(figures.stem + PART)
