"""Files of bars as bytes, unpacked where they are packed: zip, gzip, bzip2 and xz, under limits."""

from __future__ import annotations

import bz2
import contextlib
import dataclasses
import errno
import gzip
import io
import lzma
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from wfo.errors import DataError
from wfo.files.limits import (
    ARCHIVE_DIRECTORY,
    PACKED_RATIO,
    PACKED_SMALL,
    TABLE_BYTES,
    XZ_MEMORY,
)
from wfo.files.opening import open_regular
from wfo.text import shown

#: Bytes that are read at a time.
BLOCK: Final = 1 << 21

#: Endings of tables in an archive, those that are surely tables first.
_ENDINGS: Final = (
    frozenset({".csv", ".tsv", ".tab", ".psv", ".prn", ".parquet"}),
    frozenset({".txt", ".asc", ".dat", ".data", ".bar", ".hst"}),
)
#: Files of an archive that are looked into for bars, and bytes of each.
_MOST_TABLES: Final = 20
_BEGINNING: Final = 1 << 16
#: Texts that stand beside a table in an archive.
_BESIDE: Final = re.compile(r"(?i)(?:^|/)(?:[._]|__MACOSX/|read[-_ ]?me|licen[cs]e|terms|notice)")
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})

#: What reading a packed file may raise, whatever it holds.
_BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError),
    *(RuntimeError, struct.error, OverflowError),
)


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


@dataclasses.dataclass(frozen=True)
class Content:
    """The bytes of a table, which can be read from their beginning more than once.

    Attributes
    ----------
    name
        What messages call the file.
    note
        From where it was unpacked; empty where it is not packed.
    """

    name: str
    note: str
    _open: Callable[[], _Stream]
    _most: int

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in blocks of some MB, from the beginning.

        Raises
        ------
        DataError
            If a packed file is broken, or unpacks to more than is read.
        OSError
            If a file cannot be read.
        """
        done = 0
        with contextlib.closing(self._begin()) as stream:
            while block := self._read(stream):
                done += len(block)
                if done > self._most:
                    what = "unpacks to more than" if self.note else "has more than"
                    raise DataError(f"{self.name} {what} {self._most:,} bytes: split it")
                yield block

    def whole(self) -> bytes:
        """Return all bytes."""
        return b"".join(self.blocks())

    def _begin(self) -> _Stream:
        try:
            return self._open()
        except _BROKEN as error:
            raise self._error(error) from error

    def _read(self, stream: _Stream) -> bytes:
        try:
            # Where nothing is to be had without waiting, as in some files of the system.
            return stream.read(BLOCK) or b""
        except _BROKEN as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> Exception:
        if not self.note and isinstance(error, OSError):
            return error
        return _unpacking_error(self.name, error)


def _unpacking_error(name: str, error: Exception) -> DataError:
    return DataError(
        f"{name} cannot be unpacked ({_reason(error)}): get it again, or unpack it first"
    )


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


@contextlib.contextmanager
def open_content(path: Path, is_table: Callable[[bytes], bool]) -> Iterator[Content]:
    """Open a file of bars.

    Parameters
    ----------
    path
        The file.
    is_table
        Tells from the beginning of a file whether it holds bars; asked where an archive holds
        several that could.

    Raises
    ------
    DataError
        If it is an archive without a table, with several, encrypted, or broken.
    OSError
        If it is missing, no regular file, cannot be opened, or is too long.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > TABLE_BYTES:
            raise OSError(errno.EFBIG, f"has {size:,} bytes; {TABLE_BYTES:,} are read")
        head = file.read(8) or b""
        most = min(TABLE_BYTES, max(PACKED_SMALL, PACKED_RATIO * size))
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            with _archive(path.name, file) as archive:
                member = _table_of(path.name, archive, is_table)
                note = f"unpacked from a ZIP archive: {shown(member.filename)}"
                yield Content(path.name, note, lambda: archive.open(member), most)
        elif head.startswith(b"\x1f\x8b"):
            yield Content(path.name, "unpacked by gzip", _rewinding(file, _gzip), most)
        elif head.startswith(b"BZh"):
            yield Content(path.name, "unpacked by bzip2", _rewinding(file, bz2.BZ2File), most)
        elif head.startswith(b"\xfd7zXZ\x00"):
            yield Content(path.name, "unpacked by xz", _rewinding(file, _Xz), most)
        else:
            yield Content(path.name, "", _rewinding(file, _Plain), TABLE_BYTES)


def _rewinding(
    file: io.BufferedReader, make: Callable[[io.BufferedReader], _Stream]
) -> Callable[[], _Stream]:
    def begin() -> _Stream:
        if file.seekable():
            file.seek(0)
        return make(file)

    return begin


def _gzip(file: io.BufferedReader) -> _Stream:
    return gzip.GzipFile(fileobj=file, mode="rb")


class _Plain:
    """A file as it is, which stays open when its reading ends."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file

    def read(self, size: int, /) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        pass


class _Xz:
    """A file that xz packed, unpacked in bounded memory."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._begin()

    def _begin(self, rest: bytes = b"") -> None:
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        while True:
            if self._decompressor.eof:
                rest = self._decompressor.unused_data.lstrip(b"\0") or self._file.read(BLOCK)
                if not rest.strip(b"\0"):
                    return b""
                self._begin(rest.lstrip(b"\0"))
            if self._decompressor.needs_input and not self._rest:
                self._rest = self._file.read(BLOCK)
                if not self._rest:
                    raise EOFError("it ends before its end mark")
            found = self._decompressor.decompress(self._rest, size)
            self._rest = b""
            if found:
                return found

    def close(self) -> None:
        pass


class _Directory(io.BufferedReader):
    """A zip archive of which nothing is read at once that is longer than its directory may be."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > ARCHIVE_DIRECTORY:
            raise OSError(errno.EFBIG, "its directory is longer than those that are read")
        return super().read(size)


@contextlib.contextmanager
def _archive(name: str, file: io.BufferedReader) -> Iterator[zipfile.ZipFile]:
    file.seek(0)
    bounded = _Directory(file.raw)
    try:
        try:
            archive = zipfile.ZipFile(bounded)
        except _BROKEN as error:
            raise DataError(
                f"{name} is a ZIP archive that cannot be unpacked ({_reason(error)}): get it again"
            ) from error
        with archive:
            yield archive
    finally:
        # The file itself is closed where it was opened.
        with contextlib.suppress(ValueError):
            bounded.detach()


def _table_of(
    name: str, archive: zipfile.ZipFile, is_table: Callable[[bytes], bool]
) -> zipfile.ZipInfo:
    """Return the one table of an archive."""
    members = [m for m in archive.infolist() if not m.is_dir()]
    names = {m.filename for m in members}
    if "[Content_Types].xml" in names:
        raise DataError(f"{name} is an Excel workbook: save it as CSV")
    if {"mimetype", "content.xml"} <= names:
        raise DataError(f"{name} is a spreadsheet: save it as CSV")
    found = [m for m in members if not _BESIDE.search(m.filename)] or members
    if len(found) > 1:
        tiers = ([m for m in found if Path(m.filename).suffix.lower() in e] for e in _ENDINGS)
        found = next((tier for tier in tiers if tier), found)
    if 1 < len(found) <= _MOST_TABLES:
        for m in found:
            _require_readable(name, m)
        with_bars = [m for m in found if is_table(_beginning(name, archive, m))]
        found = with_bars or found
    if len(found) != 1:
        listed = ", ".join(shown(m.filename) for m in found[:3]) + (", …" if found[3:] else "")
        holds = f"{len(found):,} files ({listed})" if found else "nothing"
        raise DataError(
            f"{name} is a ZIP archive that holds {holds}: unpack it, and name the one that holds "
            "the bars"
        )
    _require_readable(name, found[0])
    return found[0]


def _beginning(name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as stream:
            return stream.read(_BEGINNING)
    except _BROKEN as error:
        raise _unpacking_error(name, error) from error


def _require_readable(name: str, member: zipfile.ZipInfo) -> None:
    if member.flag_bits & 1:
        raise DataError(f"{name} is a ZIP archive that is encrypted: unpack it first")
    if member.compress_type not in _METHODS:
        raise DataError(
            f"{name} is a ZIP archive packed by method {member.compress_type}, which is not read: "
            "unpack it first"
        )
