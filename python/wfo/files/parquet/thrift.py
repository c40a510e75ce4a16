"""Thrift's compact protocol, in which Parquet files describe themselves: read under limits.

Only what Parquet uses is known here. A struct is a dict of its fields by number, a binary is bytes,
a list is a list; whoever takes a value out looks at its type.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from wfo.files.limits import PARQUET_DEPTH, PARQUET_VALUES

Struct = dict[int, Any]

# Types, as the protocol numbers them.
TRUE: Final = 1
FALSE: Final = 2
BYTE: Final = 3
I16: Final = 4
I32: Final = 5
I64: Final = 6
DOUBLE: Final = 7
BINARY: Final = 8
LIST: Final = 9
SET: Final = 10
STRUCT: Final = 12

_LARGEST: Final = (1 << 64) - 1


class Reader:
    """Bytes of the compact protocol.

    Parameters
    ----------
    data
        The bytes.
    values
        How many values are read in all.

    Raises
    ------
    ValueError
        By its methods, if the bytes are no such thing or beyond a limit.
    """

    def __init__(self, data: bytes | memoryview, values: int = PARQUET_VALUES) -> None:
        self.data = data
        self.at = 0
        self.left = values

    def struct(self, depth: int = 1) -> Struct:
        """Read a struct."""
        if depth > PARQUET_DEPTH:
            raise ValueError(f"it has more than {PARQUET_DEPTH} structs within each other")
        found: Struct = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            if step:
                number += step
            else:
                coded = self._varint()
                number = (coded >> 1) ^ -(coded & 1)
            if number in found or not 0 < number < 1 << 15:
                raise ValueError(f"it has a field {number} that no struct has")
            found[number] = kind == TRUE if kind <= FALSE else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError("it has more values than are read")
        if I16 <= kind <= I64:
            coded = self._varint()
            return (coded >> 1) ^ -(coded & 1)
        if kind == BINARY:
            return self._bytes(self._varint())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (LIST, SET):
            return self._list(depth + 1)
        if kind == BYTE:
            byte = self._byte()
            return byte - 256 if byte > 127 else byte
        if kind == DOUBLE:
            return self._bytes(8)
        raise ValueError(f"it has a value of type {kind}, which is not known")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:
            count = self._varint()
        # A value takes a byte at least.
        if count > min(len(self.data) - self.at, self.left) or depth > PARQUET_DEPTH:
            raise ValueError("it has a list of more values than are there")
        if kind in (TRUE, FALSE):
            return [each == TRUE for each in self._bytes(count)]
        return [self._value(kind, depth) for _ in range(count)]

    def _byte(self) -> int:
        at = self.at
        if at >= len(self.data):
            raise ValueError("it is cut short")
        self.at = at + 1
        return self.data[at]

    def _bytes(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise ValueError("it is cut short")
        found = bytes(self.data[self.at : end])
        self.at = end
        return found

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 63:
                raise ValueError("it has a number of more than 64 bits")
        if found > _LARGEST:
            raise ValueError("it has a number of more than 64 bits")
        return found


#: A field to be written: its number, its type, and its value.
Field = tuple[int, int, Any]


def pack(fields: Iterable[Field]) -> bytes:
    """Return a struct as bytes; fields whose value is None are left out.

    A struct within it is given as its bytes, a list of structs as a sequence of theirs, any other
    list as the type and the values.
    """
    found = bytearray()
    last = 0
    for number, kind, value in fields:
        if value is None:
            continue
        if kind in (TRUE, FALSE):
            kind = TRUE if value else FALSE  # noqa: PLW2901  # the type is the value
        found.append(number - last << 4 | kind)
        last = number
        if kind == LIST:
            found += _packed_list(value)
        elif kind == BINARY:
            found += _varint(len(value)) + value
        elif kind == STRUCT:
            found += value
        elif kind == BYTE:
            found.append(value & 255)
        elif kind >= I16:
            found += _zigzag(value)
    return bytes(found) + b"\0"


def _packed_list(value: tuple[int, Sequence[Any]]) -> bytes:
    kind, values = value
    head = bytes([len(values) << 4 | kind])[:1] if len(values) < 15 else None
    head = head or bytes([15 << 4 | kind]) + _varint(len(values))
    if kind == STRUCT:
        return head + b"".join(values)
    if kind == BINARY:
        return head + b"".join(_varint(len(each)) + each for each in values)
    return head + b"".join(map(_zigzag, values))


def _zigzag(value: int) -> bytes:
    return _varint(2 * value if value >= 0 else -2 * value - 1)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
