"""The journal of a sweep: which blocks of its figures are complete, and their checksums.

It is a text file of one line a block, appended when the block's bytes have been passed to the
system. Nothing is synced for it: a sweep that goes on reads every block that it names and relies
on the checksum alone, so that a line whose bytes were lost with the power is found, and a line that
was itself lost costs its block. Every line ends with a checksum of itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from wfo.files import naming_the_file, open_regular, open_to_change, read_bytes, write_text
from wfo.files.limits import TEXT_BYTES

#: Checksums of the pieces of a block, CRC-32, in a fixed order of files.
Sums = tuple[int, ...]

#: A line without its own checksum: the number of a block, and its checksums.
_BLOCK = re.compile(r"([0-9]{1,12})((?: [0-9a-f]{8})*)")


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
        self._file: IO[bytes] | None = None

    def read(self) -> dict[int, Sums]:
        """Return the checksums of each complete block; nothing where there is no such journal."""
        try:
            lines = self._content().decode("utf-8", "replace").split("\n")
        except OSError:
            return {}
        if lines[0] != self._head:
            return {}
        found = {}
        # The last one has no end: it is incomplete, or there is nothing behind the newline.
        for line in lines[1:-1]:
            said = line.rpartition(" ")[0]
            block = _BLOCK.fullmatch(said)
            if block and line == _signed(said):
                found[int(block[1])] = tuple(int(s, 16) for s in block[2].split())
        return found

    def _content(self) -> bytes:
        return read_bytes(self.path, most=TEXT_BYTES, links=False)

    def is_mine(self) -> bool:
        """Whether there is a journal under this head."""
        try:
            with open_regular(self.path, links=False) as file:
                return file.readline(len(self._head) + 2) == f"{self._head}\n".encode()
        except OSError:
            return False

    def is_exactly(self, blocks: Mapping[int, Sums]) -> bool:
        """Whether the file is what `write` makes of `blocks`, byte for byte."""
        try:
            return self._content() == self._text(blocks).encode()
        except OSError:
            return False

    def write(self, blocks: Mapping[int, Sums]) -> None:
        """Replace the file by one that names `blocks`, in order."""
        write_text(self.path, self._text(blocks))

    def __enter__(self) -> Self:
        with naming_the_file(self.path):
            self._file = open_to_change(self.path)
            self._file.seek(0, os.SEEK_END)
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
        self._file.write(f"{_line(block, sums)}\n".encode())
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
