"""The pages of a column: their headers, checked against each other, and written anew."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Final

from wfo.files.parquet.footer import (
    BOOLEAN,
    BYTE_ARRAY,
    DOUBLE,
    FIXED,
    FLOAT,
    INT32,
    INT64,
    Chunk,
    Column,
    whole,
)
from wfo.files.parquet.thrift import FALSE, I32, STRUCT, TRUE, Reader, Struct, pack
from wfo.text import shown

_DATA, _INDEX, _DICTIONARY, _DATA_2 = range(4)
_LARGEST: Final = (1 << 31) - 1
#: Bytes and values of a page header.
_HEADER: Final = 1 << 20
_HEADER_VALUES: Final = 1000

# Encodings of values.
_PLAIN, _PLAIN_DICTIONARY, _RLE, _DICTIONARY_INDICES = 0, 2, 3, 8
_DELTA, _DELTA_LENGTH, _DELTA_BYTES, _SPLIT = 5, 6, 7, 9
_INDICES: Final = (_PLAIN_DICTIONARY, _DICTIONARY_INDICES)
_KNOWN: Final = {
    _RLE: (BOOLEAN,),
    _DELTA: (INT32, INT64),
    _DELTA_LENGTH: (BYTE_ARRAY,),
    _DELTA_BYTES: (BYTE_ARRAY, FIXED),
    _SPLIT: (INT32, INT64, FLOAT, DOUBLE, FIXED),
}

#: What a page may have beyond its values: levels, and the heads of blocks.
_SLACK: Final = 64 << 10


@dataclasses.dataclass(frozen=True)
class Packed:
    """A column chunk as it is written anew.

    Attributes
    ----------
    parts
        Its bytes.
    dictionary
        Bytes of its first page, if that is a dictionary; else 0.
    encodings
        Those of its pages.
    unpacked
        Bytes when it is unpacked, headers among them.
    """

    parts: list[bytes | memoryview]
    dictionary: int
    encodings: tuple[int, ...]
    unpacked: int

    @property
    def length(self) -> int:
        """Bytes of it."""
        return sum(map(len, self.parts))


def read_pages(
    content: memoryview, column: Column, chunk: Chunk, allow: Callable[[int], None]
) -> Packed:
    """Check the pages of a column chunk, and write their headers anew.

    Parameters
    ----------
    content
        The bytes of the chunk.
    column, chunk
        What it holds.
    allow
        Called with the bytes that each page has when it is unpacked; it raises if they are too
        many.

    Raises
    ------
    ValueError
        If anything does not fit.
    """
    what = f"column {shown(column.name)}"
    parts: list[bytes | memoryview] = []
    encodings: set[int] = set()
    at = values = unpacked = dictionary = 0
    while at < len(content):
        reader = Reader(content[at : at + _HEADER], _HEADER_VALUES)
        header = reader.struct()
        at += reader.at
        kind = whole(header, 1, 0, 3, what)
        packed = whole(header, 3, 0, len(content) - at, what)
        size = whole(header, 2, 0, _LARGEST, what)
        page = content[at : at + packed]
        at += packed
        if 4 in header and zlib.crc32(page) != whole(header, 4, -(1 << 31), 1 << 31, what) % (
            1 << 32
        ):
            raise ValueError(f"{what} is damaged: a page has another checksum than it states")
        if kind == _INDEX:
            continue
        if kind == _DICTIONARY:
            if parts:
                raise ValueError(f"{what} has a dictionary behind its values")
            fields = _dictionary(header, column, size, chunk.values, what)
            encodings.add(_PLAIN)
        else:
            fields, count, encoding = _data(header, column, size, packed, what)
            values += count
            encodings.add(encoding)
            if encoding in _INDICES and not dictionary:
                raise ValueError(f"{what} has values of a dictionary, and none before them")
        stored = chunk.codec == 0 or (kind == _DATA_2 and header[8].get(7) is False)
        if (stored and size != packed) or (packed == 0 < size):
            raise ValueError(f"{what} has a page of {size:,} bytes in {packed:,}")
        allow(size)
        new = pack([(1, I32, kind), (2, I32, size), (3, I32, packed), *fields])
        parts += (new, page)
        unpacked += len(new) + size
        if kind == _DICTIONARY:
            dictionary = len(new) + packed
    if values != chunk.values:
        raise ValueError(f"{what} has pages of {values:,} values for {chunk.values:,} rows")
    return Packed(parts, dictionary, tuple(sorted(encodings | {_RLE})), unpacked)


def _inner(header: Struct, number: int, what: str) -> Struct:
    inner = header.get(number)
    if not isinstance(inner, dict):
        raise ValueError(f"{what} has a page without a header")
    return inner


def _dictionary(
    header: Struct, column: Column, size: int, rows: int, what: str
) -> list[tuple[int, int, bytes]]:
    inner = _inner(header, 7, what)
    count = whole(inner, 1, 0, _LARGEST, what)
    encoding = whole(inner, 2, 0, 9, what)
    wrong = size != count * column.width if column.width else size < 4 * count
    if encoding not in (_PLAIN, _PLAIN_DICTIONARY) or wrong or column.physical == BOOLEAN:
        raise ValueError(f"{what} has a dictionary of {count:,} values in {size:,} bytes")
    if rows and not count and not column.optional:
        raise ValueError(f"{what} has a dictionary without values")
    return [(7, STRUCT, pack([(1, I32, count), (2, I32, _PLAIN)]))]


def _data(
    header: Struct, column: Column, size: int, packed: int, what: str
) -> tuple[list[tuple[int, int, bytes]], int, int]:
    """Return the header of a page of values, their count, and how they are encoded."""
    second = header[1] == _DATA_2
    inner = _inner(header, 8 if second else 5, what)
    count = whole(inner, 1, 0, _LARGEST, what)
    encoding = whole(inner, 4 if second else 2, 0, 9, what)
    if encoding == _PLAIN_DICTIONARY:
        encoding = _DICTIONARY_INDICES
    known = encoding in (_PLAIN, _DICTIONARY_INDICES) or column.physical in _KNOWN.get(encoding, ())
    if not known or (column.physical == BOOLEAN and encoding == _DICTIONARY_INDICES):
        raise ValueError(f"{what} has values that are encoded in a way that is not read")
    levels = 0
    if second:
        levels = whole(inner, 5, 0, packed, what)
        nulls = whole(inner, 2, 0, count, what)
        if (
            whole(inner, 3, 0, _LARGEST, what) != count
            or whole(inner, 6, 0, 0, what)
            or levels > size
            or (not column.optional and (nulls or levels))
        ):
            raise ValueError(f"{what} has a page whose header contradicts itself")
    elif whole(inner, 3, 0, 9, what) != _RLE and column.optional:
        raise ValueError(f"{what} says in a way that is not read which values are missing")
    if column.width is not None:
        # Of texts any length may be honest.
        most = 2 * count * column.width + count + _SLACK
        if size > most:
            raise ValueError(f"{what} has a page of {size:,} bytes for {count:,} values")
        exact = encoding == _PLAIN and not column.optional and column.physical != BOOLEAN
        if exact and size != count * column.width:
            raise ValueError(f"{what} has a page of {size:,} bytes for {count:,} values")
    if second:
        is_packed = inner.get(7, True)
        fields = [(1, I32, count), (2, I32, nulls), (3, I32, count), (4, I32, encoding)]
        fields += [(5, I32, levels), (6, I32, 0), (7, TRUE if is_packed else FALSE, is_packed)]
        return [(8, STRUCT, pack(fields))], count, encoding
    fields = [(1, I32, count), (2, I32, encoding), (3, I32, _RLE), (4, I32, _RLE)]
    return [(5, STRUCT, pack(fields))], count, encoding
