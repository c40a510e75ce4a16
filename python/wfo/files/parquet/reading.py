"""Parquet files of others, read under limits.

Polars crashes on some broken files, in ways that no caller can catch. So it never sees a file as it
is: the footer and the page headers are read and checked here, and what it gets is a file that is
written anew of them, with the pages themselves as they are and the columns that are asked for
alone, under names of its own.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final, Self

from wfo.files.limits import (
    PARQUET_PAGES,
    PARQUET_RATIO,
    PARQUET_SMALL,
    PARQUET_UNPACKED,
    TABLE_BYTES,
)
from wfo.files.opening import open_regular
from wfo.files.parquet.decoding import decode, decode_apart
from wfo.files.parquet.footer import MAGIC, Column, Footer, Group, read_footer
from wfo.files.parquet.pages import read_pages
from wfo.files.parquet.thrift import BINARY, I32, I64, LIST, STRUCT, pack
from wfo.text import shown, size_text

if TYPE_CHECKING:
    import polars as pl

#: Columns that a message names.
_NAMED: Final = 8


class ParquetFile:
    """A Parquet file that is open for reading.

    Parameters
    ----------
    source
        The file, or its content.
    links
        Whether the file may be a link, as in `wfo.files.open_regular`.
    apart
        Whether values are unpacked in a process of their own: where that one ends by what they are,
        this one goes on. It takes about 0.3 seconds.

    Attributes
    ----------
    rows
        How many rows it has.
    columns
        Its columns, in the file's order.
    metadata
        Its key-value pairs.

    Raises
    ------
    OSError
        If it is no regular file, cannot be opened, is no Parquet file, damaged, or beyond a limit.
        So do the methods.
    """

    def __init__(self, source: Path | bytes, *, links: bool = True, apart: bool = False) -> None:
        self._file: IO[bytes] = (
            io.BytesIO(source) if isinstance(source, bytes) else open_regular(source, links=links)
        )
        self._apart = apart
        try:
            self._size = self._file.seek(0, os.SEEK_END)
            if self._size > TABLE_BYTES:
                raise OSError(f"it has {self._size:,} bytes; {TABLE_BYTES:,} are read")
            with _as_os_error():
                self._footer: Footer = read_footer(self._read, self._size)
        except BaseException:
            self._file.close()
            raise
        self.rows: int = self._footer.rows
        self.columns: tuple[Column, ...] = self._footer.columns
        self.metadata: Mapping[str, str] = self._footer.metadata

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def names(self) -> list[str]:
        """The names of its columns."""
        return [column.name for column in self.columns]

    def read(
        self, names: Sequence[str] | None = None, first: int = 0, count: int | None = None
    ) -> pl.DataFrame:
        """Read columns.

        Parameters
        ----------
        names
            Which ones; by default all.
        first, count
            Which rows: so many from the first on, by default all.
        """
        import polars as pl

        known = self.names
        if len(set(known)) < len(known):
            twice = next(name for name in known if known.count(name) > 1)
            raise OSError(f"it has more than one column {shown(twice)}")
        missing = [name for name in names or () if name not in known]
        if missing:
            raise OSError(f"it has no column {', '.join(map(shown, missing[:_NAMED]))}")
        chosen = list(range(len(known))) if names is None else [known.index(n) for n in names]
        found = self.read_columns(chosen, first, count)
        return pl.DataFrame([s.alias(known[at]) for s, at in zip(found, chosen, strict=True)])

    def read_columns(
        self, chosen: Sequence[int], first: int = 0, count: int | None = None
    ) -> list[pl.Series]:
        """Read columns by their numbers, also such as have one name; otherwise as `read`."""
        import polars as pl

        last = self.rows if count is None else min(self.rows, first + count)
        groups, start = [], 0
        skipped = 0
        for group in self._footer.groups:
            if start + group.rows <= first:
                skipped += group.rows
            elif start < last and group.rows:
                groups.append(group)
            start += group.rows
        columns = [self.columns[at] for at in chosen]
        values = [c for c in columns if c.kind[0] != "nothing"]
        with _as_os_error():
            content, room = self._written_anew(values, groups)
        length = max(last - first, 0)
        found: Iterator[pl.Series] = iter(())
        if values:
            at = first - skipped
            frame = (
                decode_apart(content, at, length, room)
                if self._apart
                else decode(content, at, length)
            )
            if frame.height != length or frame.width != len(values):
                raise OSError("it has other rows than it says")
            found = iter(frame.get_columns())
        series = []
        for column in columns:
            if column.kind[0] == "nothing":
                series.append(
                    pl.Series(column.name, [None], dtype=pl.Null).new_from_index(0, length)
                )
                continue
            series.append(_in_zone(next(found), column))
        return series

    def pieces(self, names: Sequence[str], size: int) -> Iterator[pl.DataFrame]:
        """Yield columns in pieces of so many rows at most, none of which is unpacked twice."""
        first = 0
        for group in self._footer.groups:
            if group.rows:
                frame = self.read(names, first, group.rows)
                yield from frame.iter_slices(size)
                first += group.rows

    def sound(self) -> bytes:
        """Return all of it as it is given to Polars, for streams; its names are kept."""
        with _as_os_error():
            return self._written_anew(self.columns, self._footer.groups, self.names)[0]

    def _written_anew(
        self,
        columns: Sequence[Column],
        groups: Sequence[Group],
        names: Sequence[str] | None = None,
    ) -> tuple[bytes, int]:
        """Return a file of columns and row groups, and the bytes that it has unpacked.

        All of it is checked but the values.
        """
        refused = [c for c in columns if not c.is_read]
        if refused:
            what = {"nested": "lists or structs", "duration": "durations"}
            held = what.get(refused[0].kind[0], "values of a type that is not read")
            raise ValueError(f"column {shown(refused[0].name)} holds {held}")
        names = names or [f"{number}" for number in range(len(columns))]
        allow = _Allowance(self._size)
        for column in columns:
            allow.columns(column.size * sum(group.rows for group in groups))
        parts: list[bytes | memoryview] = [MAGIC]
        at = len(MAGIC)
        written = []
        for group in groups:
            chunks = []
            for column, name in zip(columns, names, strict=True):
                chunk = self._footer.chunk(group, column)
                allow.chunk(chunk.length)
                content = memoryview(self._read(chunk.start, chunk.length))
                packed = read_pages(content, column, chunk, allow.page)
                meta = pack(
                    [
                        (1, I32, column.physical),
                        (2, LIST, (I32, packed.encodings)),
                        (3, LIST, (BINARY, [name.encode()])),
                        (4, I32, chunk.codec),
                        (5, I64, chunk.values),
                        (6, I64, packed.unpacked),
                        (7, I64, packed.length),
                        (9, I64, at + packed.dictionary),
                        (11, I64, at if packed.dictionary else None),
                    ]
                )
                chunks.append(pack([(2, I64, at), (3, STRUCT, meta)]))
                parts += packed.parts
                at += packed.length
            rows = group.rows
            written.append(pack([(1, LIST, (STRUCT, chunks)), (2, I64, at), (3, I64, rows)]))
        schema = [pack([(4, BINARY, b"root"), (5, I32, len(columns))])]
        schema += [column.schema(name) for column, name in zip(columns, names, strict=True)]
        footer = pack(
            [
                (1, I32, 1),
                (2, LIST, (STRUCT, schema)),
                (3, I64, sum(group.rows for group in groups)),
                (4, LIST, (STRUCT, written)),
            ]
        )
        tail = (footer, len(footer).to_bytes(4, "little"), MAGIC)
        return b"".join((*parts, *tail)), allow.used

    def _read(self, start: int, length: int) -> bytes:
        self._file.seek(start)
        found = self._file.read(length)
        if len(found) != length:
            raise ValueError("it has become shorter while it was read")
        return found


class _Allowance:
    """How many bytes and pages are read of a file, and unpacked.

    Parameters
    ----------
    size
        Bytes of the file.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.most = min(PARQUET_UNPACKED, max(PARQUET_SMALL, PARQUET_RATIO * size))
        self.frame = self.unpacked = self.packed = self.pages = 0

    @property
    def used(self) -> int:
        """Bytes that are needed for the values, as pages and as columns."""
        return self.frame + self.unpacked

    def columns(self, count: int) -> None:
        """Raise a `ValueError` unless further columns of so many bytes are made."""
        self.frame += count
        self._check(self.frame)

    def chunk(self, count: int) -> None:
        """Raise a `ValueError` unless so many further bytes of the file are read."""
        self.packed += count
        if self.packed > self.size:
            raise ValueError("some of its columns lie in the same place")

    def page(self, count: int) -> None:
        """Raise a `ValueError` unless a further page of so many bytes is unpacked."""
        self.pages += 1
        if self.pages > PARQUET_PAGES:
            raise ValueError(f"it has more than {PARQUET_PAGES:,} pages")
        self.unpacked += count
        self._check(self.unpacked)

    def _check(self, count: int) -> None:
        if count > self.most:
            raise ValueError(
                f"unpacked it has more than the {size_text(self.most)} that are read of a file of"
                " its size"
            )


class _as_os_error:  # noqa: N801  # a context manager that reads as a function
    """Turn what a check raises into the error that callers of files expect."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ValueError):
            raise OSError(str(error)) from None


def _in_zone(series: pl.Series, column: Column) -> pl.Series:
    """Return moments in the zone that Arrow's schema names, where that is one."""
    zone = column.known_zone
    if column.kind[0] != "stamp" or not column.kind[2] or zone is None:
        return series
    return series.dt.convert_time_zone(zone)


def read_parquet(
    source: Path | bytes,
    *,
    names: Sequence[str] | None = None,
    links: bool = True,
    apart: bool = False,
) -> pl.DataFrame:
    """Read a Parquet file, see `ParquetFile`.

    Parameters
    ----------
    source, links, apart
        As of `ParquetFile`.
    names
        The columns; by default all.

    Raises
    ------
    OSError
        As `ParquetFile` does.
    """
    with ParquetFile(source, links=links, apart=apart) as file:
        return file.read(names)
