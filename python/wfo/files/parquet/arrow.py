"""What Arrow's own schema says in a Parquet file, beyond what Parquet has words for.

That a column holds durations, and the name of a time zone, stand nowhere else. The schema is a
FlatBuffer: https://github.com/apache/arrow/blob/main/format/Schema.fbs.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from typing import Final

#: The schema's key among the key-value pairs of a file.
KEY: Final = "ARROW:schema"

# Numbers of fields of the tables Message, Schema, Field and Timestamp, and of types.
_HEADER: Final = 2
_FIELDS: Final = 1
_NAME, _TYPE_KIND, _TYPE = 0, 2, 3
_ZONE: Final = 1
_TIMESTAMP: Final = 10
_DURATION: Final = 18

_MOST_BYTES: Final = 8 << 20
_LONGEST_ZONE: Final = 100


@dataclasses.dataclass(frozen=True)
class ArrowColumn:
    """What Arrow says of a column: its name, whether it holds durations, and its time zone."""

    name: str
    duration: bool
    zone: str | None


def arrow_columns(text: bytes, most: int) -> list[ArrowColumn]:
    """Return what a schema says of its top columns; nothing where it cannot be read.

    Parameters
    ----------
    text
        The value of `KEY`, in Base64.
    most
        How many columns it has at most.
    """
    if len(text) > _MOST_BYTES:
        return []
    try:
        data = base64.b64decode(text, validate=True)
        if data[:4] == b"\xff\xff\xff\xff":
            data = data[8:]
        buffer = _Buffer(data)
        schema = buffer.table(buffer.table(buffer.whole(0, 4), 0), _HEADER)
        fields = buffer.vector(schema, _FIELDS)
        count = buffer.whole(fields, 4)
        if count > most:
            return []
        return [_column(buffer, fields + 4 + 4 * i) for i in range(count)]
    except (ValueError, binascii.Error):
        return []


def _column(buffer: _Buffer, at: int) -> ArrowColumn:
    field = at + buffer.whole(at, 4)
    kind_at = buffer.field(field, _TYPE_KIND)
    kind = 0 if kind_at is None else buffer.whole(kind_at, 1)
    zone = None
    if kind == _TIMESTAMP:
        zone = buffer.text(buffer.table(field, _TYPE), _ZONE, _LONGEST_ZONE)
    return ArrowColumn(buffer.text(field, _NAME, 1 << 20) or "", kind == _DURATION, zone or None)


class _Buffer:
    """A FlatBuffer; whatever lies beyond its end raises a `ValueError`."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def whole(self, at: int, size: int) -> int:
        if at < 0 or at + size > len(self.data):
            raise ValueError("it is cut short")
        return int.from_bytes(self.data[at : at + size], "little")

    def field(self, table: int, number: int) -> int | None:
        """Return where a field of a table is; None where the table has none."""
        offset = int.from_bytes(self.data[table : table + 4], "little", signed=True)
        entries = table - offset
        if 4 + 2 * number >= self.whole(entries, 2):
            return None
        found = self.whole(entries + 4 + 2 * number, 2)
        return table + found if found else None

    def table(self, table: int, number: int) -> int:
        """Return where the table begins that a field holds; of 0, 0 the one at the beginning."""
        if number == 0:
            return table
        return self.vector(table, number)

    def vector(self, table: int, number: int) -> int:
        at = self.field(table, number)
        if at is None:
            raise ValueError("a field is missing")
        return at + self.whole(at, 4)

    def text(self, table: int, number: int, longest: int) -> str | None:
        if self.field(table, number) is None:
            return None
        at = self.vector(table, number)
        length = self.whole(at, 4)
        if at + 4 + length > len(self.data):
            raise ValueError("it is cut short")
        return self.data[at + 4 : at + 4 + min(length, longest)].decode("utf-8", "replace")
