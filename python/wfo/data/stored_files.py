"""The files of stored series: their names, what is in them, and how they are replaced.

A Parquet file has its meta data in it, and a digest of all its bytes; the meta file beside it is a
copy for people. Files take their place complete, and what a killed writer left has a name by which
the next one knows it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import errno
import hashlib
import io
import itertools
import os
import re
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from wfo.data.errors import CorruptError
from wfo.data.meta import LARGEST_META, BarsMeta
from wfo.data.series import (
    FUNDING_TIMEFRAME,
    SERIES_COLUMNS,
    conform_series,
    series_fingerprint,
)
from wfo.data.sources.source import SeriesKind
from wfo.data.symbols import file_stem, symbol_of
from wfo.data.timeframes import TIMEFRAMES
from wfo.errors import DataError, WfoError
from wfo.files.limits import TABLE_BYTES
from wfo.files.opening import is_link, open_regular, read_bytes
from wfo.files.parquet import ParquetFile

if TYPE_CHECKING:
    import polars as pl

_BARS: Final = ".parquet"
_META: Final = ".meta.json"

#: The meta data's key in a Parquet file, and that of the file's digest.
_META_KEY: Final = "wfo"
_SEAL_KEY: Final = "wfo.seal"
#: The digest, of the file with zeros in the digest's place, behind a mark to find it by.
MARK: Final = "wfo:seal:"
_SEAL: Final = re.compile(rb"wfo:seal:([0-9a-f]{64})")
_UNSEALED: Final = MARK + "0" * 64
#: How a Parquet file begins and ends; before the end stands the length of its footer.
_MAGIC: Final = b"PAR1"
_TAIL: Final = 8

#: How `wfo.files.opening` refuses what is no regular file, or too long.
_NO_FILE: Final = frozenset({errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.EFBIG})

_AGAIN: Final = "import the bars again or download them anew"

#: On Windows a file that another process has open cannot be replaced, and one that is just being
#: replaced cannot be opened. Either lasts as long as a file is read, so that it is tried again.
_WINDOWS_WAITS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
    """A series of the store with what is known about it, of one moment.

    Attributes
    ----------
    frame
        The bar frame, or the funding rates; it may have no rows.
    meta
        What is known about it.
    """

    frame: pl.DataFrame
    meta: BarsMeta


@dataclasses.dataclass(frozen=True)
class Place:
    """The files of a series: where they are, and what they must hold."""

    folder: Path
    name: str
    symbol: str
    timeframe: str
    series: SeriesKind

    @classmethod
    def of(cls, folder: Path, symbol: str, timeframe: str, series: SeriesKind) -> Place:
        """Return the files that are written for a series."""
        suffix = {"bars": timeframe, "mark": f"mark-{timeframe}", "funding": "funding"}[series]
        return cls(folder, f"{file_stem(symbol)}_{suffix}", symbol, timeframe, series)

    @property
    def bars(self) -> Path:
        """The Parquet file."""
        return self.folder / f"{self.name}{_BARS}"

    @property
    def meta(self) -> Path:
        """The file beside it."""
        return self.folder / f"{self.name}{_META}"


#: Series, symbol and timeframe, and the name of the files without their endings.
Listing = dict[tuple[SeriesKind, str, str], str]

_SUFFIXES: Final[dict[str, tuple[SeriesKind, str]]] = {
    **{timeframe: ("bars", timeframe) for timeframe in TIMEFRAMES},
    **{f"mark-{timeframe}": ("mark", timeframe) for timeframe in TIMEFRAMES},
    "funding": ("funding", FUNDING_TIMEFRAME),
}
#: What a writer works on before it takes its name: here, or in `wfo.files.whole_file`.
_WORK: Final = re.compile(
    r"\.(?P<stem>.+)_(?P<suffix>[0-9a-z-]+)\.(?:parquet|meta\.json)"
    r"\.(?:[0-9a-f]{12}\.tmp|[0-9a-f]{16}\.part)"
)
#: Names of files of earlier versions, which did not encode what Windows takes for devices.
_PLAIN_STEM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.^=_-]*")


def listing_of(folder: Path) -> Listing:
    """Return what a folder has."""
    found: Listing = {}
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise DataError(
            f"cannot read the folder {folder}: {error.strerror or error}; name another one by"
            " --data-dir"
        ) from error
    for file in names:
        ending = next((e for e in (_BARS, _META) if file.endswith(e)), None)
        if ending is None:
            continue
        name = file.removesuffix(ending)
        stem, _, suffix = name.rpartition("_")
        kind = _SUFFIXES.get(suffix)
        if kind is None:
            continue
        symbol = symbol_of(stem)
        if symbol is not None:
            found[kind[0], symbol, kind[1]] = name
        elif _PLAIN_STEM.fullmatch(stem):
            found.setdefault((kind[0], stem, kind[1]), name)
    return found


def keys_of(listing: Listing, series: SeriesKind) -> list[tuple[str, str]]:
    """Return the symbol and timeframe of a series, sorted, shorter bars first."""
    found = [(symbol, timeframe) for kind, symbol, timeframe in listing if kind == series]
    return sorted(found, key=lambda key: (key[0], TIMEFRAMES[key[1]]))


# Reading


def read_stored(place: Place) -> Stored:
    """Read a file and check that it is as it was written.

    Raises
    ------
    CorruptError
        If it is not.
    DataError
        If the system does not let it be read.
    """
    beside = read_beside(place)  # before the bars, see `DataStore.meta`
    content = _read_if_any(place.bars, TABLE_BYTES)
    if content is None:
        raise CorruptError(f"{place.bars} is missing: {_AGAIN}")
    sealed = _has_its_seal(content)
    if sealed is False:
        raise CorruptError(_damaged(place))
    try:
        with ParquetFile(content) as file:
            meta = meta_of(place, file.metadata, beside)
            if sealed is None and _META_KEY in file.metadata:
                raise CorruptError(_damaged(place))
            names = [name for name in SERIES_COLUMNS if name in file.names]
            frame = conform_series(file.read(names), place.series)
        found = series_fingerprint(frame, place.series)
    except CorruptError:
        raise
    except (DataError, OSError) as error:
        raise _no_bars(place, error) from error
    if found != meta.fingerprint or frame.height != meta.rows:
        kind, name = ("meta data", "which") if _META_KEY in file.metadata else ("meta file", None)
        raise CorruptError(
            f"{place.bars} does not match its {kind}: its {frame.height:,} bars have the "
            f"fingerprint {found[:8]}, {name or place.meta.name} states {meta.rows:,} with "
            f"{meta.fingerprint[:8]}; {_AGAIN}"
        )
    return Stored(frame, meta)


def _damaged(place: Place) -> str:
    return f"{place.bars} is damaged: its bars or meta data are not as they were written; {_AGAIN}"


def read_beside(place: Place) -> bytes | DataError | None:
    """Read a meta file, or return why it cannot be read: most bars do without it."""
    try:
        return _read_if_any(place.meta, LARGEST_META)
    except DataError as error:
        return error


def meta_of(
    place: Place, metadata: Mapping[str, str], beside: bytes | DataError | None
) -> BarsMeta:
    """Return the meta data in a Parquet file, or else that of the file beside it."""
    text = metadata.get(_META_KEY)
    name = place.bars.name
    if text is None:
        if beside is None:
            raise CorruptError(f"{place.meta} is missing: {_AGAIN}")
        if isinstance(beside, DataError):
            raise beside
        text, name = beside.decode(errors="replace"), place.meta.name
    try:
        meta = BarsMeta.from_json(text, name)
    except WfoError as error:
        raise CorruptError(str(error)) from error
    if (meta.symbol, meta.timeframe, meta.series) != (place.symbol, place.timeframe, place.series):
        raise CorruptError(
            f"{name} is about {meta.symbol} {meta.timeframe} ({meta.series}): a stored file was "
            "renamed; import the bars again under the name they should have, or download them"
        )
    return meta


def read_metadata(place: Place) -> Mapping[str, str]:
    """Return the key-value pairs of a Parquet file; its bars are not read.

    Raises
    ------
    CorruptError
        If it is missing, or no such file.
    DataError
        If the system does not let it be read.
    """

    def read() -> Mapping[str, str]:
        with ParquetFile(place.bars, links=False) as file:
            return file.metadata

    try:
        return patiently(read)
    except FileNotFoundError as error:
        raise CorruptError(f"{place.bars} is missing: {_AGAIN}") from error
    except OSError as error:
        if error.errno is None:
            raise _no_bars(place, error) from error
        raise _unreadable(place.bars, error) from error


def _no_bars(place: Place, reason: object) -> CorruptError:
    said = (str(reason).splitlines() or ["unknown"])[0]
    return CorruptError(f"{place.bars} is no file of stored bars ({said:.200}): {_AGAIN}")


def _unreadable(path: Path, error: OSError) -> DataError:
    """Return what to raise where a file cannot be read; what no file is can be replaced."""
    if error.errno in _NO_FILE:
        return CorruptError(f"{path} {error.strerror}: {_AGAIN}")
    return DataError(f"cannot read {path}: {error.strerror or error}")


def _read_if_any(path: Path, most: int) -> bytes | None:
    try:
        return patiently(lambda: read_bytes(path, most=most, links=False))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error


# Writing


def sealed(rows: pl.DataFrame, meta: str) -> bytes:
    """Return the Parquet file of a frame with its meta data and the digest of the file."""
    file = io.BytesIO()
    metadata = {_META_KEY: meta, _SEAL_KEY: _UNSEALED}
    rows.write_parquet(file, compression="zstd", metadata=metadata)
    content = file.getvalue()
    at = content.rfind(_UNSEALED.encode())
    if at < 0:
        raise DataError("this version of polars does not write meta data into Parquet files")
    seal = f"{MARK}{_digest(content)}".encode()
    del content  # or the file would be copied where it is written to
    file.seek(at)
    file.write(seal)
    return file.getvalue()


def _has_its_seal(content: bytes) -> bool | None:
    """Tell whether a file has the digest that its footer states; None if it states none."""
    start = len(content) - _TAIL - int.from_bytes(content[-_TAIL:-4], "little")
    if not content.endswith(_MAGIC) or start < len(_MAGIC):
        return None
    seals = list(_SEAL.finditer(content, start))
    if not seals:
        return None
    start, end = seals[-1].span(1)
    digest = hashlib.sha256(memoryview(content)[:start])
    digest.update(b"0" * (end - start))
    digest.update(memoryview(content)[end:])
    return digest.hexdigest().encode() == seals[-1][1]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put_aside(paths: Iterable[Path], reason: str, now: dt.datetime, kept: list[Kept]) -> None:
    """Give files a further name, until they are replaced, and add it to `kept`.

    What is no file, such as a link, takes the other name instead of its own.
    """
    for path in paths:
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        stamp = f"{path.name}.{reason}-{now:%Y%m%dT%H%M%SZ}"
        names = (f"{stamp}-{number}" for number in itertools.count(2))
        target = path.with_name(stamp)
        while os.path.lexists(target):
            target = path.with_name(next(names))
        if is_plain_file(status):
            kept.append(Kept(target))
            _link_or_copy(path, target)
        else:
            path.rename(target)
            kept.append(Kept(target, path))


@dataclasses.dataclass(frozen=True)
class Kept:
    """Something that was set aside, under its new name, and its old one if it has lost that."""

    path: Path
    moved_from: Path | None = None

    def undo(self) -> None:
        """Put things back as they were."""
        if self.moved_from is None:
            self.path.unlink(missing_ok=True)
        else:
            self.path.rename(self.moved_from)


def is_plain_file(status: os.stat_result) -> bool:
    """Whether what `os.lstat` says is of a regular file."""
    return stat.S_ISREG(status.st_mode) and not is_link(status)


def leftovers(folder: Path) -> list[tuple[Path, SeriesKind, str, str]]:
    """Return what killed writers have left in a folder, or living ones work on.

    Returns
    -------
    list
        Each file with the series, the symbol and the timeframe that it is of.
    """
    found = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            key = _key_of_work(entry.name)
            if key is not None and is_plain_file(entry.stat(follow_symlinks=False)):
                found.append((folder / entry.name, *key))
    return sorted(found)


def _key_of_work(name: str) -> tuple[SeriesKind, str, str] | None:
    """Return the series, symbol and timeframe of a temporary file; None of any other file."""
    work = _WORK.fullmatch(name)
    if work is None:
        return None
    kind = _SUFFIXES.get(work["suffix"])
    symbol = symbol_of(work["stem"])
    return None if kind is None or symbol is None else (kind[0], symbol, kind[1])


def remove_stale(place: Place) -> None:
    """Remove what writers of these files left that were killed; the lock is held by this one."""
    for path, *key in leftovers(place.folder):
        if key == [place.series, place.symbol, place.timeframe]:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """Yield a free name in the folder of `path`, and remove whatever is left under it."""
    name = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        yield name
    finally:
        name.unlink(missing_ok=True)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, through to the disk."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # some file systems have no hard links
        with open_regular(source, links=False) as old, target.open("xb") as new:
            shutil.copyfileobj(old, new)
            new.flush()
            os.fsync(new.fileno())


def patiently(action: Callable[[], _T]) -> _T:
    """Do what fails on Windows while another process has the file open, until it does not."""
    if sys.platform == "win32":
        for seconds in _WINDOWS_WAITS:
            try:
                return action()
            except PermissionError:
                time.sleep(seconds)
    return action()
