"""The footer of a Parquet file: what it says, checked against itself and against the file.

Format: https://github.com/apache/parquet-format. Columns that are lists or structs are known by
name, and not read.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from wfo.files.limits import (
    PARQUET_COLUMNS,
    PARQUET_FOOTER,
    PARQUET_ROWS,
)
from wfo.files.parquet import arrow
from wfo.files.parquet.thrift import (
    BINARY,
    BYTE,
    I32,
    STRUCT,
    TRUE,
    Field,
    Reader,
    Struct,
    pack,
)
from wfo.text import shown

MAGIC: Final = b"PAR1"
_ENCRYPTED: Final = b"PARE"
#: Bytes behind the footer: its length, and what ends the file.
TAIL: Final = 8

#: Physical types, and the bytes of a value; None where each value has its own length.
BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTE_ARRAY, FIXED = range(8)
_WIDTHS: Final = {BOOLEAN: 1, INT32: 4, INT64: 8, INT96: 12, FLOAT: 4, DOUBLE: 8}
#: Bytes of a view of a text, which has its own bytes beside.
_VIEW: Final = 16
_WIDEST: Final = 1 << 16

#: Compression, but for LZO, which no program of today writes.
CODECS: Final = {0: "none", 1: "Snappy", 2: "gzip", 4: "Brotli", 5: "LZ4", 6: "Zstandard", 7: "LZ4"}

_TIMED: Final = (1, 2, 3)

#: What an annotation by its older number is in the newer words.
_CONVERTED: Final[Mapping[int, tuple[Any, ...]]] = {
    0: ("text",),
    4: ("text",),
    6: ("date",),
    7: ("time", 1),
    8: ("time", 2),
    9: ("stamp", 1, True),
    10: ("stamp", 2, True),
    **{11 + i: ("integer", 8 << i, False) for i in range(4)},
    **{15 + i: ("integer", 8 << i, True) for i in range(4)},
    19: ("text",),
    20: ("bytes",),
}
_PLAIN: Final[Mapping[int, tuple[Any, ...]]] = {
    BOOLEAN: ("boolean",),
    INT32: ("integer", 32, True),
    INT64: ("integer", 64, True),
    INT96: ("stamp", 3, False),
    FLOAT: ("float",),
    DOUBLE: ("float",),
    BYTE_ARRAY: ("bytes",),
    FIXED: ("bytes",),
}


@dataclasses.dataclass(frozen=True)
class Column:
    """A top column of a file.

    Attributes
    ----------
    name
        As the file has it.
    kind
        What it holds: ``text``, ``bytes``, ``boolean``, ``float``, ``half``, ``nothing``,
        ``duration``, ``nested``, ``unknown``, or with what tells more ``date``, ``time``,
        ``stamp``, ``integer``, ``decimal``.
    leaf
        Its number among the column chunks of a row group.
    physical, width, optional
        The type of its values, the bytes of each (None where they differ), and whether a value may
        be missing.
    zone
        The time zone that Arrow's schema names.
    """

    name: str
    kind: tuple[Any, ...]
    leaf: int
    physical: int = 0
    width: int | None = None
    optional: bool = False
    zone: str | None = None

    @property
    def is_read(self) -> bool:
        """Whether its values can be read."""
        return self.kind[0] not in ("nested", "unknown", "duration")

    @property
    def size(self) -> int:
        """Bytes that each of its values takes in a frame, without those of a text."""
        return _VIEW if self.width is None else max(self.width, 1)

    @property
    def is_zone_known(self) -> bool:
        """Whether the time zone that is named is one of the database; of none it is."""
        return self.zone is None or _zone(self.zone) is not None

    @property
    def known_zone(self) -> str | None:
        """The zone of its moments, by its name in the database; None where it has none there."""
        return None if self.zone is None else _zone(self.zone)

    def schema(self, name: str) -> bytes:
        """Return its element of a schema, under another name."""
        # Of the oldest type of stamps there is one kind alone, which is not said.
        said = self.kind if self.physical != INT96 else ("float",)
        converted, logical = _annotation(said)
        decimal = self.kind if self.kind[0] == "decimal" else (None, None, None)
        return pack(
            [
                (1, I32, self.physical),
                (2, I32, self.width if self.physical == FIXED else None),
                (3, I32, int(self.optional)),
                (4, BINARY, name.encode()),
                (6, I32, converted),
                (7, I32, decimal[1]),
                (8, I32, decimal[2]),
                (10, STRUCT, logical),
            ]
        )


@dataclasses.dataclass(frozen=True)
class Chunk:
    """The values of a column in a row group: where they are, and how they are packed."""

    start: int
    length: int
    codec: int
    values: int


@dataclasses.dataclass(frozen=True)
class Group:
    """Rows of a file, with what the footer says of each column."""

    rows: int
    chunks: list[Any]


@dataclasses.dataclass(frozen=True)
class Footer:
    """What the footer of a file says.

    Attributes
    ----------
    columns
        The top columns, in the file's order.
    groups
        The row groups.
    rows
        How many rows there are.
    metadata
        Key-value pairs.
    size
        Bytes of the file before the footer.
    """

    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    rows: int
    metadata: Mapping[str, str]
    size: int

    def chunk(self, group: Group, column: Column) -> Chunk:
        """Return where the values of a column are.

        Raises
        ------
        ValueError
            If that cannot be.
        """
        what = f"column {shown(column.name)}"
        outer = group.chunks[column.leaf]
        inner = outer.get(3) if isinstance(outer, dict) else None
        if not isinstance(inner, dict) or 1 in outer:
            raise ValueError(f"{what} is not in the file itself")
        codec = whole(inner, 4, 0, 255, what)
        if codec not in CODECS:
            raise ValueError(f"{what} is packed in a way that is not read (codec {codec})")
        if whole(inner, 1, 0, 7, what) != column.physical:
            raise ValueError(f"{what} is of another type than the schema says")
        data = whole(inner, 9, len(MAGIC), self.size, what)
        first = whole(inner, 11, 0, self.size, what, default=0)
        start = first if 0 < first < data else data
        length = whole(inner, 7, 0, self.size, what)
        values = whole(inner, 5, 0, PARQUET_ROWS, what)
        if start < len(MAGIC) or start + length > self.size:
            raise ValueError(f"{what} lies outside of the file")
        if values != group.rows:
            raise ValueError(f"{what} has {values:,} values for {group.rows:,} rows")
        return Chunk(start, length, codec, values)


@functools.cache
def _zone(name: str) -> str | None:
    """Return the name of a zone in the database of time zones, if it has one there."""
    import zoneinfo

    if name in zoneinfo.available_timezones():
        return name
    # Whole hours from UTC have one, which counts them westwards.
    hours = re.fullmatch(r"([+-])(\d{2}):?00", name)
    if hours is None or int(hours[2]) > 12:
        return None
    signed = int(hours[1] + hours[2])
    return f"Etc/GMT{-signed:+d}" if signed else "UTC"


def whole(
    found: Struct, number: int, least: int, most: int, what: str, default: int | None = None
) -> int:
    """Return a whole number of a struct.

    Raises
    ------
    ValueError
        If it is missing, or out of range.
    """
    value = found.get(number, default)
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{what} has a number that cannot be ({shown(value)})")
    return value


def read_footer(read: Callable[[int, int], bytes], size: int) -> Footer:
    """Read the footer of a file.

    Parameters
    ----------
    read
        It returns so many bytes from a place of the file on.
    size
        Bytes of the file.

    Raises
    ------
    ValueError
        If it is no Parquet file, damaged, or beyond a limit.
    """
    tail = read(size - TAIL, TAIL) if size >= TAIL + len(MAGIC) else b""
    if tail[4:] == _ENCRYPTED:
        raise ValueError("it is encrypted")
    length = int.from_bytes(tail[:4], "little")
    before = size - TAIL - length
    if tail[4:] != MAGIC or before < len(MAGIC) or read(0, len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin and end as Parquet files do, so it was cut short")
    if length > PARQUET_FOOTER:
        raise ValueError(f"its footer has {length:,} bytes; {PARQUET_FOOTER:,} are read")
    data = read(before, length)
    reader = Reader(data)
    found = reader.struct()
    if reader.at != len(data):
        raise ValueError("its footer is longer than what it says")
    rows = whole(found, 3, 0, 1 << 62, "the file")
    if rows > PARQUET_ROWS:
        raise ValueError(f"it has {rows:,} rows; {PARQUET_ROWS:,} are read")
    metadata = _metadata(found.get(5, []))
    columns, leaves = _columns(found.get(2), metadata)
    groups = _groups(found.get(4), leaves, rows)
    return Footer(columns, groups, rows, metadata, before)


def _metadata(found: Any) -> dict[str, str]:
    """Return key-value pairs; what is no text is left out."""
    pairs = {}
    for each in found if isinstance(found, list) else ():
        if isinstance(each, dict):
            key, value = each.get(1), each.get(2)
            if isinstance(key, bytes) and isinstance(value, bytes):
                pairs[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
    return pairs


def _groups(found: Any, leaves: int, rows: int) -> tuple[Group, ...]:
    groups = []
    if not isinstance(found, list):
        raise ValueError("it has no row groups")
    for each in found:
        chunks = each.get(1) if isinstance(each, dict) else None
        if not isinstance(chunks, list) or len(chunks) != leaves:
            raise ValueError("a row group has other columns than the schema")
        groups.append(Group(whole(each, 3, 0, PARQUET_ROWS, "a row group"), chunks))
    total = sum(group.rows for group in groups)
    if total != rows:
        raise ValueError(f"its row groups have {total:,} rows, and the file {rows:,}")
    return tuple(groups)


def _columns(found: Any, metadata: Mapping[str, str]) -> tuple[tuple[Column, ...], int]:
    """Return the top columns, and how many column chunks a row group has."""
    elements = found if isinstance(found, list) else []
    if not elements or not all(isinstance(each, dict) for each in elements):
        raise ValueError("it has no schema")
    count = whole(elements[0], 5, 0, len(elements), "the schema", default=0)
    if count > PARQUET_COLUMNS or len(elements) > 4 * PARQUET_COLUMNS:
        raise ValueError(
            f"it has {max(count, len(elements) // 4):,} columns; {PARQUET_COLUMNS:,} are read"
        )
    known = arrow.arrow_columns(metadata.get(arrow.KEY, "").encode(), PARQUET_COLUMNS)
    columns: list[Column] = []
    at, leaves = 1, 0
    for _ in range(count):
        if at >= len(elements):
            raise ValueError("its schema is cut short")
        element = elements[at]
        name = element.get(4)
        if not isinstance(name, bytes):
            raise ValueError("a column has no name")
        text = name.decode("utf-8", "replace")
        children = whole(element, 5, 0, len(elements), "the schema", default=0)
        repeated = whole(element, 3, 0, 2, "the schema", default=0)
        first = leaves
        if children == 0 and 1 in element:
            at, leaves = at + 1, leaves + 1
        else:
            at, leaves = _past(elements, at, leaves)
        if children or repeated == 2 or 1 not in element:
            columns.append(Column(text, ("nested",), first))
            continue
        column = _leaf(text, element, first, optional=repeated == 1)
        said = known[len(columns)] if len(known) == count else None
        if said is not None and said.name == text:
            if said.duration and column.kind[0] == "integer":
                column = dataclasses.replace(column, kind=("duration",))
            column = dataclasses.replace(column, zone=said.zone)
        columns.append(column)
    if at != len(elements):
        raise ValueError("its schema has more columns than it says")
    return tuple(columns), leaves


def _past(elements: list[Struct], at: int, leaves: int) -> tuple[int, int]:
    """Return what follows an element and all below it, and how many leaves there are by then."""
    open_ = 1
    while open_:
        if at >= len(elements):
            raise ValueError("its schema is cut short")
        children = whole(elements[at], 5, 0, len(elements), "the schema", default=0)
        leaves += children == 0
        open_ += children - 1
        at += 1
    return at, leaves


def _leaf(name: str, element: Struct, leaf: int, *, optional: bool) -> Column:
    what = f"column {shown(name)}"
    physical = whole(element, 1, 0, 7, what)
    width = _WIDTHS.get(physical)
    if physical == FIXED:
        width = whole(element, 2, 1, _WIDEST, what)
    kind = _kind(element, physical, width)
    return Column(name, kind, leaf, physical, width, optional)


def _kind(element: Struct, physical: int, width: int | None) -> tuple[Any, ...]:
    """Return what a column holds."""
    logical, converted = element.get(10), element.get(6)
    if isinstance(logical, dict) and len(logical) == 1:
        ((number, inner),) = logical.items()
        kind = _logical(number, inner if isinstance(inner, dict) else {})
    elif logical is not None:
        return ("unknown",)
    elif converted == 5:  # a decimal
        kind = ("decimal", element.get(7, 0), element.get(8, 0))
    elif converted is not None:
        kind = _CONVERTED.get(converted, ("unknown",))
    else:
        return _PLAIN[physical]
    return kind if _fits(kind, physical, width) else ("unknown",)


def _logical(number: int, inner: Struct) -> tuple[Any, ...]:
    """Return what a logical type says."""
    unit = inner.get(2)
    units = list(unit) if isinstance(unit, dict) else []
    simple = {1: "text", 4: "text", 6: "date", 11: "nothing", 12: "text", 13: "bytes", 14: "bytes"}
    if number in simple:
        return (simple[number],)
    if number == 15:
        return ("half",)
    if number == 5:
        return ("decimal", inner.get(1, 0), inner.get(2, 0))
    if number == 10:
        return ("integer", inner.get(1), inner.get(2))
    if number in (7, 8) and len(units) == 1 and units[0] in _TIMED:
        return ("time", units[0]) if number == 7 else ("stamp", units[0], inner.get(1) is True)
    return ("unknown",)


def _fits(kind: tuple[Any, ...], physical: int, width: int | None) -> bool:
    """Whether values of a physical type can be what an annotation says."""
    what = kind[0]
    if what == "decimal":
        scale, precision = kind[1:]
        most = {INT32: 9, INT64: 18, FIXED: 38}.get(physical, 0)
        whole_numbers = type(scale) is int and type(precision) is int
        narrow = physical != FIXED or (width or 99) <= 16
        return whole_numbers and 0 <= scale <= precision and 1 <= precision <= most and narrow
    if what == "integer":
        bits = {INT32: (8, 16, 32), INT64: (64,)}.get(physical, ())
        return type(kind[1]) is int and kind[1] in bits and type(kind[2]) is bool
    if what == "time":
        return physical == (INT32 if kind[1] == 1 else INT64)
    if what == "half":
        return physical == FIXED and width == 2
    fitting = {
        "text": (BYTE_ARRAY,),
        "bytes": (BYTE_ARRAY, FIXED),
        "date": (INT32,),
        "stamp": (INT64,),
        "nothing": tuple(range(8)),
    }
    return physical in fitting.get(what, ())


def _annotation(kind: tuple[Any, ...]) -> tuple[int | None, bytes | None]:
    """Return the older and the newer annotation of what a column holds."""
    empty = b"\0"
    what = kind[0]
    fields: list[Field] = []
    if what == "text":
        return 0, pack([(1, STRUCT, empty)])
    if what == "date":
        return 6, pack([(6, STRUCT, empty)])
    if what == "half":
        return None, pack([(15, STRUCT, empty)])
    if what == "decimal":
        return 5, pack([(5, STRUCT, pack([(1, I32, kind[1]), (2, I32, kind[2])]))])
    if what in ("time", "stamp"):
        unit = pack([(kind[1], STRUCT, empty)])
        adjusted = what == "stamp" and kind[2]
        fields = [(1, TRUE, adjusted), (2, STRUCT, unit)]
        return None, pack([(7 if what == "time" else 8, STRUCT, pack(fields))])
    if what == "integer":
        older = (15 if kind[2] else 11) + (kind[1].bit_length() - 4)
        return older, pack([(10, STRUCT, pack([(1, BYTE, kind[1]), (2, TRUE, kind[2])]))])
    return None, None
