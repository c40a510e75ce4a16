"""The journal of a sweep: which blocks of its figures are complete, and their checksums.

It is a text file of one line a block, appended when the block's bytes have been passed to the
system. Nothing is synced for it: a sweep that goes on reads every block that it names and relies
on the checksum alone, so that a line whose bytes were lost with the power is found, and a line that
was itself lost costs its block. Every line ends with a checksum of itself.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from wfo.files import naming_the_file, write_text

#: Checksums of the pieces of a block, CRC-32, in a fixed order of files.
Sums = tuple[int, ...]


class Journal:
    """The journal in a file.

    Parameters
    ----------
    path
        The file; it need not exist.
    head
        Identity of the sweep, one line: lines under another head are not used.
    """

    def __init__(self, path: Path, head: str) -> None:
        self.path = path
        self._head = _signed(head)
        self._file: IO[str] | None = None

    def read(self) -> dict[int, Sums]:
        """Return the checksums of each complete block; nothing where there is no such journal."""
        try:
            lines = self.path.read_bytes().decode("utf-8", "replace").split("\n")
        except OSError:
            return {}
        if lines[0] != self._head:
            return {}
        found = {}
        # The last one has no end: it is incomplete, or there is nothing behind the newline.
        for line in lines[1:-1]:
            fields = line.split(" ")
            if len(fields) > 1 and line == _signed(" ".join(fields[:-1])):
                found[int(fields[0])] = tuple(int(s, 16) for s in fields[1:-1])
        return found

    def is_mine(self) -> bool:
        """Whether there is a journal under this head."""
        try:
            with self.path.open("rb") as file:
                return file.readline() == f"{self._head}\n".encode()
        except OSError:
            return False

    def is_exactly(self, blocks: Mapping[int, Sums]) -> bool:
        """Whether the file is what `write` makes of `blocks`, byte for byte."""
        try:
            return self.path.read_bytes() == self._text(blocks).encode()
        except OSError:
            return False

    def write(self, blocks: Mapping[int, Sums]) -> None:
        """Replace the file by one that names `blocks`, in order."""
        write_text(self.path, self._text(blocks))

    def __enter__(self) -> Self:
        with naming_the_file(self.path):
            self._file = self.path.open("a", encoding="utf-8", newline="\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            # Closing flushes, which on a full disk fails once more.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def add(self, block: int, sums: Sequence[int]) -> None:
        """Append a block that is complete, between entering and leaving."""
        assert self._file is not None  # noqa: S101  # it is open between entering and leaving
        self._file.write(_line(block, sums) + "\n")
        self._file.flush()

    def _text(self, blocks: Mapping[int, Sums]) -> str:
        return "".join(f"{line}\n" for line in self._lines(blocks))

    def _lines(self, blocks: Mapping[int, Sums]) -> Iterable[str]:
        yield self._head
        for block in sorted(blocks):
            yield _line(block, blocks[block])


def _line(block: int, sums: Sequence[int]) -> str:
    return _signed(" ".join((str(block), *(f"{s:08x}" for s in sums))))


def _signed(text: str) -> str:
    return f"{text} {zlib.crc32(text.encode()):08x}"
