"""Parquet files for tests: valid ones of many kinds, and broken ones made of them.

Footers and page headers are taken apart into trees of Thrift's compact protocol and put together
again, so that a file is broken in one place and sound in all others. That is written here anew, and
not taken from what is tested.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import random
from collections.abc import Callable
from typing import Any, Final

import polars as pl

MAGIC: Final = b"PAR1"

STAMP: Final = dt.datetime(2020, 1, 1)  # noqa: DTZ001  # columns without a zone

# Thrift's compact protocol. A struct is a list of [field, type, value], a list is [type, values].

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_WHOLE: Final = (4, 5, 6)


@dataclasses.dataclass
class Field:
    """A field of a struct, or the value of a list."""

    number: int
    kind: int
    value: Any


def _varint(data: bytes, at: int) -> tuple[int, int]:
    found, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return found, at


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if kind == _BYTE:
        return data[at], at + 1
    if kind in _WHOLE:
        found, at = _varint(data, at)
        return (found >> 1) ^ -(found & 1), at
    if kind == _DOUBLE:
        return data[at : at + 8], at + 8
    if kind == _BINARY:
        length, at = _varint(data, at)
        return data[at : at + length], at + length
    if kind in (_LIST, _SET):
        head = data[at]
        at += 1
        count, inner = head >> 4, head & 15
        if count == 15:
            count, at = _varint(data, at)
        values = []
        for _ in range(count):
            if inner in (_TRUE, _FALSE):
                found, at = data[at] == 1, at + 1
            else:
                found, at = _value(data, at, inner)
            values.append(Field(0, inner, found))
        return values, at
    if kind == _STRUCT:
        return struct(data, at)
    raise AssertionError(kind)


def struct(data: bytes, at: int = 0) -> tuple[list[Field], int]:
    """Take a struct apart, and return where it ends."""
    fields: list[Field] = []
    number = 0
    while data[at]:
        head = data[at]
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            coded, at = _varint(data, at)
            number = (coded >> 1) ^ -(coded & 1)
        value, at = _value(data, at, head & 15)
        fields.append(Field(number, head & 15, value))
    return fields, at + 1


def _coded(value: int) -> bytes:
    found = bytearray()
    value &= (1 << 70) - 1
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _zigzag(value: int) -> bytes:
    return _coded(2 * value if value >= 0 else -2 * value - 1)


def _packed(kind: int, value: Any, *, listed: bool = False) -> bytes:
    if kind in (_TRUE, _FALSE):
        return (b"\x01" if value else b"\x02") if listed else b""
    if kind == _BYTE:
        return bytes([value & 255])
    if kind in _WHOLE:
        return _zigzag(value)
    if kind == _DOUBLE:
        return bytes(value)
    if kind == _BINARY:
        return _coded(len(value)) + bytes(value)
    if kind in (_LIST, _SET):
        inner = value[0].kind if value else _STRUCT
        head = bytes([len(value) << 4 | inner]) if len(value) < 15 else None
        head = head or bytes([0xF0 | inner]) + _coded(len(value))
        return head + b"".join(_packed(each.kind, each.value, listed=True) for each in value)
    return packed(value)


def packed(fields: list[Field]) -> bytes:
    """Put a struct together again."""
    found = bytearray()
    last = 0
    for field in fields:
        kind = field.kind
        if kind in (_TRUE, _FALSE):
            kind = _TRUE if field.value else _FALSE
        step = field.number - last
        if 0 < step < 16:
            found.append(step << 4 | kind)
        else:
            found.append(kind)
            found += _zigzag(field.number)
        last = field.number
        found += _packed(field.kind, field.value)
    return bytes(found) + b"\0"


def get(fields: list[Field], *numbers: int) -> Any:
    """Return the value of a field, or of one within fields."""
    found: Any = fields
    for number in numbers:
        found = next((each.value for each in found if each.number == number), None)
    return found


def put(fields: list[Field], number: int, value: Any) -> None:
    """Set the value of a field that is there."""
    next(each for each in fields if each.number == number).value = value


# Whole files


def footer_of(content: bytes) -> list[Field]:
    """Take the footer of a file apart."""
    length = int.from_bytes(content[-8:-4], "little")
    return struct(content[-8 - length : -8])[0]


def body_of(content: bytes) -> bytes:
    """Return a file without its footer."""
    return content[: -8 - int.from_bytes(content[-8:-4], "little")]


def joined(body: bytes, footer: bytes | list[Field]) -> bytes:
    """Return a file of its parts."""
    foot = footer if isinstance(footer, bytes) else packed(footer)
    return body + foot + len(foot).to_bytes(4, "little") + MAGIC


def chunks_of(footer: list[Field]) -> list[list[Field]]:
    """Return the meta data of every column chunk."""
    return [
        get(chunk.value, 3)
        for group in get(footer, 4)
        for chunk in get(group.value, 1)
        if get(chunk.value, 3) is not None
    ]


def pages_of(content: bytes, chunk: list[Field]) -> list[tuple[int, int, int]]:
    """Return where each page of a chunk begins, where its header ends, and where it ends."""
    start = get(chunk, 11)
    start = get(chunk, 9) if start is None else min(start, get(chunk, 9))
    end = start + get(chunk, 7)
    found = []
    while start < end:
        header, after = struct(content, start)
        found.append((start, after, after + get(header, 3)))
        start = found[-1][2]
    return found


def replaced(content: bytes, start: int, end: int, new: bytes) -> bytes:
    """Put other bytes in a file's place, and mend all that its footer says of places and sizes."""
    footer = footer_of(content)
    grown = len(new) - (end - start)
    for group in get(footer, 4):
        for each in group.value:
            if each.number == 5 and each.value >= end:
                each.value += grown
    for chunk in chunks_of(footer):
        first = get(chunk, 11)
        first = get(chunk, 9) if first is None else min(first, get(chunk, 9))
        if first <= start < first + get(chunk, 7):
            put(chunk, 7, get(chunk, 7) + grown)
        for field in chunk:
            if field.number in (9, 10, 11) and field.value >= end:
                field.value += grown
    for group in get(footer, 4):
        for chunk in get(group.value, 1):
            for field in chunk.value:
                if field.number in (4, 6) and field.value >= end:
                    field.value += grown
    body = body_of(content)
    return joined(body[:start] + new + body[end:], footer)


# Valid files


def bars_frame(rows: int = 300, seed: int = 1) -> pl.DataFrame:
    """Return made daily bars."""
    at = random.Random(seed)
    price, cells = 100.0, []
    for _ in range(rows):
        opened, price = price, price * (1 + at.uniform(-0.02, 0.02))
        high, low = max(opened, price) * 1.003, min(opened, price) * 0.997
        cells.append((opened, high, low, price, float(at.randrange(10**6))))
    days = pl.date_range(dt.date(2010, 1, 4), dt.date(2040, 1, 1), "1d", eager=True)
    days = days.filter(days.dt.weekday() < 6).head(rows)
    frame = pl.DataFrame(cells, schema=["open", "high", "low", "close", "volume"], orient="row")
    return frame.insert_column(0, days.alias("date"))


def _polars(frame: pl.DataFrame, **options: Any) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file, **options)
    return file.getvalue()


def _arrow(frame: pl.DataFrame, **options: Any) -> bytes:
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(frame.to_arrow(), file, **options)
    return file.getvalue()


def odd_frame(rows: int = 60) -> pl.DataFrame:
    """Return a frame of flat types, with nulls."""
    numbers = list(range(rows))
    days = [None if n % 7 == 3 else dt.date(2020, 1, 1) + dt.timedelta(n) for n in numbers]
    return pl.DataFrame(
        {
            "date": days,
            "open": pl.Series([n / 8 for n in numbers], dtype=pl.Float32),
            "close": [None if n % 5 == 0 else float(n) for n in numbers],
            "high": pl.Series([n % 9 for n in numbers], dtype=pl.UInt64),
            "low": pl.Series(numbers, dtype=pl.Int16),
            "name": [None if n % 4 == 0 else f"name {n % 6}" for n in numbers],
            "yes": [n % 3 == 0 for n in numbers],
            "at": pl.Series(
                [STAMP + dt.timedelta(hours=n) for n in numbers],
                dtype=pl.Datetime("ns"),
            ),
            "zoned": pl.Series(
                [STAMP + dt.timedelta(hours=n) for n in numbers],
                dtype=pl.Datetime("us"),
            ).dt.replace_time_zone("UTC"),
            "amount": pl.Series([f"{n}.25" for n in numbers]).cast(pl.Decimal(12, 2)),
            "raw": [bytes([n]) * (n % 4) for n in numbers],
        }
    )


def nested_frame(rows: int = 40) -> pl.DataFrame:
    """Return a frame with lists and structs."""
    return pl.DataFrame(
        {
            "date": [dt.date(2020, 1, 1) + dt.timedelta(n) for n in range(rows)],
            "open": [float(n) for n in range(rows)],
            "items": [[float(n)] * (n % 3) for n in range(rows)],
            "pair": [{"a": n, "b": f"{n}"} for n in range(rows)],
        }
    )


def seeds() -> dict[str, bytes]:
    """Return valid files, by what they are."""
    bars, odd = bars_frame(), odd_frame()
    return {
        "bars": _polars(bars, compression="zstd"),
        "groups": _polars(bars, compression="zstd", row_group_size=64),
        "pages": _polars(bars, compression="lz4", data_page_size=200),
        "plain": _polars(bars, compression="uncompressed"),
        "odd": _polars(odd, compression="zstd"),
        "odd snappy": _polars(odd, compression="snappy"),
        "odd arrow": _arrow(odd, compression="gzip"),
        "arrow": _arrow(bars, compression="snappy", row_group_size=100),
        "arrow 2": _arrow(bars, compression="none", data_page_version="2.0", data_page_size=300),
        "arrow 2 zstd": _arrow(odd, compression="zstd", data_page_version="2.0"),
        "nested": _polars(nested_frame(), compression="zstd"),
        "integers": _arrow(
            odd.select("low", "name", "date"),
            use_dictionary=False,
            column_encoding={
                "low": "DELTA_BINARY_PACKED",
                "name": "DELTA_BYTE_ARRAY",
                "date": "DELTA_BINARY_PACKED",
            },
        ),
        "split": _arrow(
            bars,
            use_dictionary=False,
            column_encoding=dict.fromkeys(("open", "close"), "BYTE_STREAM_SPLIT"),
        ),
    }


# Broken files

_INTEGERS: Final = (
    *(0, 1, -1, 2, 3, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 10**6, 10**9),
    *(2**31 - 1, 2**31, -(2**31), 2**32, 2**40, 2**62, 2**63 - 1, -(2**63)),
)


def _all_fields(fields: list[Field], found: list[tuple[list[Field], int]]) -> None:
    for index, field in enumerate(fields):
        found.append((fields, index))
        if field.kind in (_LIST, _SET, _STRUCT):
            _all_fields(field.value, found)


def _other_integer(at: random.Random, value: int) -> int:
    if at.random() < 0.5:
        return value + at.choice((-8, -4, -2, -1, 1, 2, 4, 8, 100, -100))
    return at.choice(_INTEGERS)


def _change_tree(at: random.Random, fields: list[Field]) -> None:
    """Change something of a tree in place."""
    places: list[tuple[list[Field], int]] = []
    _all_fields(fields, places)
    if not places:
        return
    for _ in range(at.choice((1, 1, 1, 2, 4))):
        within, index = at.choice(places)
        if index >= len(within):
            continue
        field = within[index]
        way = at.random()
        if way < 0.1:
            del within[index]
        elif way < 0.15:
            within.insert(index, dataclasses.replace(field))
        elif way < 0.2:
            field.number = at.randrange(1, 16)
        elif way < 0.25 and field.kind in (_LIST, _SET) and field.value:
            field.value = field.value * at.choice((2, 10, 1000))
        elif way < 0.3:
            deep: list[Field] = []
            for _ in range(at.choice((10, 100, 3000))):
                deep = [Field(at.randrange(1, 5), _STRUCT, deep)]
            within[index] = Field(field.number, _STRUCT, deep)
        elif field.kind in _WHOLE:
            field.value = _other_integer(at, field.value)
        elif field.kind in (_TRUE, _FALSE):
            field.value = not field.value
        elif field.kind == _BINARY:
            content = bytearray(field.value or b"x")
            way = at.random()
            if way < 0.5:
                content[at.randrange(len(content))] = at.randrange(256)
            elif way < 0.75:
                content = content[: at.randrange(len(content) + 1)]
            else:
                content = content * at.choice((2, 1000))
            field.value = bytes(content)


def _change_footer(at: random.Random, content: bytes) -> bytes:
    footer = footer_of(content)
    _change_tree(at, footer)
    return joined(body_of(content), footer)


def _change_header(at: random.Random, content: bytes) -> bytes:
    """Change a page header, and mend the rest of the file around it."""
    chunk = at.choice(chunks_of(footer_of(content)))
    start, after, _ = at.choice(pages_of(content, chunk))
    header, _ = struct(content, start)
    _change_tree(at, header)
    return replaced(content, start, after, packed(header))


def _change_page(at: random.Random, content: bytes) -> bytes:
    """Change bytes of a page behind its header."""
    chunk = at.choice(chunks_of(footer_of(content)))
    _, after, end = at.choice(pages_of(content, chunk))
    found = bytearray(content)
    for _ in range(at.choice((1, 1, 2, 8))):
        # The levels, and the width of indices, stand at the beginning.
        last = min(end, after + at.choice((2, 8, 1 << 30)))
        if last > after:
            found[at.randrange(after, last)] = at.choice((0, 1, 255, at.randrange(256)))
    return bytes(found)


def _swap_pages(at: random.Random, content: bytes) -> bytes:
    """Put a page, or some bytes, in the place of another."""
    chunks = chunks_of(footer_of(content))
    start, _, end = at.choice(pages_of(content, at.choice(chunks)))
    first, _, last = at.choice(pages_of(content, at.choice(chunks)))
    return replaced(
        content, start, end, at.choice((content[first:last], b"", content[start:end] * 2))
    )


def _swap_chunks(at: random.Random, content: bytes) -> bytes:
    """Let a column say of itself what another says."""
    footer = footer_of(content)
    chunks = chunks_of(footer)
    one, other = at.choice(chunks), at.choice(chunks)
    number = at.choice((1, 2, 4, 5, 6, 7, 9, 11))
    if get(one, number) is not None and get(other, number) is not None:
        put(one, number, get(other, number))
    return joined(body_of(content), footer)


def _flip(at: random.Random, content: bytes) -> bytes:
    found = bytearray(content)
    for _ in range(at.choice((1, 1, 2, 4, 30))):
        place = at.randrange(len(found))
        found[place] ^= 1 << at.randrange(8)
    return bytes(found)


def _flip_footer(at: random.Random, content: bytes) -> bytes:
    found = bytearray(content)
    length = int.from_bytes(content[-8:-4], "little")
    for _ in range(at.choice((1, 1, 2, 4))):
        found[-1 - at.randrange(min(length + 8, len(found)))] = at.randrange(256)
    return bytes(found)


def _cut(at: random.Random, content: bytes) -> bytes:
    kept = content[: at.randrange(len(content))]
    if at.random() < 0.5:
        return kept
    tail = content[-8 - int.from_bytes(content[-8:-4], "little") :]
    return kept + tail


def _splice(at: random.Random, content: bytes) -> bytes:
    start, first = at.randrange(len(content)), at.randrange(len(content))
    length = at.randrange(1, 200)
    return content[:start] + content[first : first + length] + content[start + length :]


WAYS: Final[tuple[Callable[[random.Random, bytes], bytes], ...]] = (
    _change_footer,
    _change_footer,
    _change_header,
    _change_header,
    _change_page,
    _change_page,
    _swap_pages,
    _swap_chunks,
    _flip,
    _flip_footer,
    _cut,
    _splice,
)


def broken(number: int, valid: dict[str, bytes]) -> tuple[str, bytes]:
    """Return a broken file, and what was done; the same for the same number."""
    at = random.Random(number)
    name = at.choice(sorted(valid))
    way = at.choice(WAYS)
    return f"{number}: {name}, {way.__name__[1:]}", way(at, valid[name])
