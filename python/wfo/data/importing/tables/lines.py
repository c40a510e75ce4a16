"""A text cut into blocks of whole lines that know their numbers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import Final

from wfo.errors import DataError
from wfo.files.limits import BARS_ROWS, LINE_CHARACTERS

#: Lines that a text has beside its rows, such as empty ones.
_LINES_BESIDE: Final = 1_000_000

#: Bytes of a character of UTF-8, at most.
_WIDEST: Final = 4


@dataclasses.dataclass(frozen=True)
class Lines:
    r"""Whole lines of a text.

    Attributes
    ----------
    first
        The number of the first of them, from 1.
    text
        The lines in UTF-8, each with its ``\n``, which only the last of a file may lack.
    """

    first: int
    text: bytes

    @functools.cached_property
    def count(self) -> int:
        """How many there are."""
        return self.text.count(b"\n") + (not self.text.endswith(b"\n"))

    def behind(self, number: int) -> Lines | None:
        """Return the lines from a number on, None if there are none."""
        start = 0
        for _ in range(number - self.first):
            start = self.text.find(b"\n", start) + 1
            if not start:
                return None
        rest = self.text[start:]
        return Lines(max(number, self.first), rest) if rest else None


class TextLines:
    """A text, which comes in pieces of any length, as blocks of whole lines.

    Parameters
    ----------
    name
        What messages call the file.
    pieces
        The text in UTF-8.

    Attributes
    ----------
    line
        The number of the line that was reached; where decoding failed, of that line.
    is_ascii
        Whether nothing but ASCII was found so far.
    """

    def __init__(self, name: str, pieces: Iterable[bytes]) -> None:
        self._name = name
        self._pieces = pieces
        self.line = 1
        self.is_ascii = True

    def __iter__(self) -> Iterator[Lines]:
        """Yield the blocks.

        Raises
        ------
        DataError
            If a line or the file is longer than is read, or holds a zero byte.
        UnicodeDecodeError
            If a line is not in its encoding.
        """
        try:
            for lines in self._blocks():
                self._check(lines)
                yield lines
        except UnicodeDecodeError as failure:
            sound = failure.object[: failure.start]
            self.line += sound.decode(failure.encoding, "ignore").count("\n")
            self.is_ascii = self.is_ascii and sound.isascii()
            raise

    def _blocks(self) -> Iterator[Lines]:
        held = b""
        for piece in self._pieces:
            end = piece.rfind(b"\n") + 1
            if not end:
                held += piece
                if len(held) > _WIDEST * LINE_CHARACTERS:
                    raise self._too_long(self.line)
                continue
            lines = Lines(self.line, held + piece[:end])
            held = piece[end:]
            yield lines
            self.line += lines.count
            if self.line > BARS_ROWS + _LINES_BESIDE:  # also such as are empty take time
                most = BARS_ROWS + _LINES_BESIDE
                raise DataError(f"{self._name} has more than {most:,} lines: split it")
        if held:
            yield Lines(self.line, held)

    def _check(self, lines: Lines) -> None:
        text = lines.text
        if b"\0" in text:
            line = lines.first + text.count(b"\n", 0, text.index(b"\0"))
            raise DataError(f"{self._name}, line {line}: it holds a zero byte, as no text does")
        if not text.isascii():
            text.decode()
            self.is_ascii = False
        # A line that is too long spans one of these stretches at least.
        half = LINE_CHARACTERS // 2
        starts = range(0, max(len(text) - half, 0), half)
        if any(text.find(b"\n", start, start + half) < 0 for start in starts):
            for number, each in enumerate(text.decode().split("\n"), lines.first):
                if len(each) > LINE_CHARACTERS:
                    raise self._too_long(number)

    def _too_long(self, number: int) -> DataError:
        return DataError(
            f"{self._name}, line {number}: it has more than {LINE_CHARACTERS:,} characters, as no "
            "line of bars has"
        )
