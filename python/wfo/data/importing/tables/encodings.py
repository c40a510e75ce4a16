"""Bytes of a text in the encodings that programs write, to UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Final

#: Encodings of programs that do not write Unicode, in the order in which they are tried: of Western
#: and Central Europe, Cyrillic, Greek, Turkish, Chinese, Japanese and Korean.
LEGACY: Final = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254"),
    *("gb18030", "cp932", "cp949", "big5"),
)


def utf8_pieces(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    r"""Yield a text in UTF-8, with lines that end with ``\n`` alone and without a mark in front.

    Text that is UTF-8 already is passed on unchecked.

    Raises
    ------
    UnicodeDecodeError
        If it is not in its encoding.
    """
    pieces = _plain(blocks) if encoding == "utf-8-sig" else _converted(blocks, encoding)
    held = b""
    for piece in pieces:
        text = held + piece
        # The other half of a pair may be in the next piece.
        held = b"\r" if text.endswith(b"\r") else b""
        text = text[: len(text) - len(held)]
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if text:
            yield text
    if held:
        yield b"\n"


def _plain(blocks: Iterable[bytes]) -> Iterator[bytes]:
    first = True
    for block in blocks:
        yield block.removeprefix(codecs.BOM_UTF8) if first else block
        first = False


def _converted(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    for block in blocks:
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()
