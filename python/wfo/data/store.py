"""A folder of bars: one Parquet file for each symbol, series and timeframe, and its meta file.

Bars that the folder does not have are looked for in the sample that ships with the package, so that
its symbols are known to everything that reads bars.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import io
import itertools
import os
import re
import shlex
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from wfo.data.checks import CheckReport
from wfo.data.coverage import Coverage
from wfo.data.errors import CorruptError
from wfo.data.foreign import polars_frame
from wfo.data.meta import LARGEST_META, BarsMeta, BarsOrigin, covering
from wfo.data.series import (
    FUNDING_TIMEFRAME,
    conform_series,
    require_series,
    series_errors,
    series_fingerprint,
    series_timeframe,
)
from wfo.data.sources.source import SeriesKind
from wfo.data.symbols import file_stem, require_symbol, symbol_of
from wfo.data.timeframes import TIMEFRAMES
from wfo.errors import DataError, InputError, did_you_mean
from wfo.files import locked, sync_folder

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "FOLDER_VARIABLE",
    "SAMPLE_FOLDER",
    "CorruptError",
    "DataStore",
    "Held",
    "SavedBars",
    "Stored",
    "default_folder",
]

#: Environment variable that names the folder of the store.
FOLDER_VARIABLE: Final = "WFO_DATA_DIR"

#: What is said where `DataStore.hold` waits.
WAITING: Final = "waiting for another process that writes it"

_BARS: Final = ".parquet"
_META: Final = ".meta.json"

#: The meta data's key in a Parquet file, and that of the file's digest.
_META_KEY: Final = "wfo"
_SEAL_KEY: Final = "wfo.seal"
#: The digest, of the file with zeros in the digest's place, behind a mark to find it by.
_MARK: Final = "wfo:seal:"
_SEAL: Final = re.compile(rb"wfo:seal:([0-9a-f]{64})")
_UNSEALED: Final = _MARK + "0" * 64
#: How a Parquet file begins and ends; before the end stands the length of its footer.
_MAGIC: Final = b"PAR1"
_TAIL: Final = 8

_AGAIN: Final = "import the bars again or download them anew"

#: On Windows a file that another process has open cannot be replaced, and one that is just being
#: replaced cannot be opened. Either lasts as long as a file is read, so that it is tried again.
_WINDOWS_WAITS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)

#: The bars that ship with the package, in the layout of a store.
SAMPLE_FOLDER: Final = Path(__file__).parent / "sample"

#: Threads of this process, and the locks that each holds: it would wait for itself.
_HOLDERS: Final[set[tuple[int, Path]]] = set()

_T = TypeVar("_T")


def default_folder() -> Path:
    """Return the store's folder: ``WFO_DATA_DIR``, else ``data`` in the working directory."""
    return Path(os.environ.get(FOLDER_VARIABLE) or "data")


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
class SavedBars:
    """What the store wrote.

    Attributes
    ----------
    bars_path, meta_path
        The two files.
    meta
        What is known about the bars.
    replaced
        That of the bars which were there before, if any could be read.
    set_aside
        The name under which the file that was there before is kept, if it is.
    """

    bars_path: Path
    meta_path: Path
    meta: BarsMeta
    replaced: BarsMeta | None
    set_aside: Path | None = None


class DataStore:
    """Bars kept in a folder, and behind them the embedded sample.

    Parameters
    ----------
    folder
        The folder; it is created by the first `save`. By default that of `default_folder`.

    Notes
    -----
    `meta` and `load` look into the folder first, then into the sample: bars that are saved under
    the name of a sample take its place. `keys`, `symbols` and `list` are of the folder alone.

    Bars of ``QQQ`` at ``1day`` are ``QQQ_1day.parquet``, mark prices of ``BTC/USDT`` at ``1hour``
    ``BTC%2FUSDT_mark-1hour.parquet``, its funding rates ``BTC%2FUSDT_funding.parquet``; names
    look up with their case. A file holds the meta data too, with the fingerprint of the bars and
    a digest of the whole file, and no bars are loaded that do not match. The ``.meta.json``
    beside it is a copy for people: that it is missing or edited means nothing, and the next
    writer writes it anew. Only of files of earlier versions, and of the sample, which have no
    meta data of their own, it is what the store goes by; of a damaged file it tells where the bars
    came from, see `remembered`.

    Each file is written under another name and put in place when complete, so that a reader
    sees the old bars or the new ones, without a lock. Writers of the same file wait for each
    other by a lock that ends with its process.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(folder)

    def __repr__(self) -> str:
        return f"DataStore({str(self.folder)!r})"

    @property
    def symbols(self) -> list[str]:
        """The symbols of stored bars, in alphabetical order."""
        return sorted({symbol for symbol, _ in self.keys()})

    def keys(self, series: str = "bars") -> list[tuple[str, str]]:
        """Return the symbol and timeframe of all stored bars, sorted, shorter bars first.

        Parameters
        ----------
        series
            ``bars``, ``mark`` (mark prices) or ``funding`` (funding rates).
        """
        return _keys(_listing(self.folder), require_series(series))

    def sample_keys(self) -> list[tuple[str, str]]:
        """Return those of the embedded sample whose place no stored bars take."""
        stored = self.keys()
        return [key for key in _keys(_listing(SAMPLE_FOLDER), "bars") if key not in stored]

    def is_sample(self, symbol: str, timeframe: str = "1day") -> bool:
        """Whether `load` takes bars from the embedded sample."""
        return (symbol, timeframe) in self.sample_keys()

    def list(self, series: str = "bars") -> list[BarsMeta]:
        """Return the meta data of all that is stored of a series, by symbol and timeframe.

        Raises
        ------
        DataError
            If any cannot be read.
        """
        return [self.meta(s, timeframe, series=series) for s, timeframe in self.keys(series)]

    def meta(self, symbol: str, timeframe: str = "1day", *, series: str = "bars") -> BarsMeta:
        """Return what is known about stored bars, or those of the sample.

        The bars themselves are not read, so that damage to them goes unseen.

        Raises
        ------
        DataError
            If there are none, or their meta data is missing or broken.
        InputError
            If the timeframe or series is not known.
        """
        place = self._find(symbol, timeframe, series)
        # In this order: a file of an earlier version was not yet replaced when its meta file
        # was read.
        beside = _beside(place)
        footer = _footer(place.bars)
        return _meta_of(place, _metadata(place, footer), beside)

    def remembered(
        self, symbol: str, timeframe: str = "1day", *, series: str = "bars"
    ) -> BarsMeta | None:
        """Return what a file of the folder, or the meta file beside it, says of bars.

        The file may be damaged: this tells where its bars came from, and no bars are loaded by it.

        Returns
        -------
        BarsMeta or None
            None if there is no such file in the folder, or neither says anything.

        Raises
        ------
        InputError
            If the timeframe or series is not known.
        """
        place = self._place(symbol, timeframe, series)
        with contextlib.suppress(DataError):
            name = _listing(self.folder).get((place.series, place.symbol, place.timeframe))
            if name is None:
                return None
            place = dataclasses.replace(place, name=name)
            with contextlib.suppress(DataError):
                return self.meta(symbol, timeframe, series=series)
            return _meta_of(place, {}, _beside(place))
        return None

    def load(self, symbol: str, timeframe: str = "1day", *, series: str = "bars") -> pl.DataFrame:
        """Load stored bars, or those of the sample.

        Parameters
        ----------
        symbol
            As users write it, such as ``QQQ``, ``^GSPC``, ``@ES`` or ``BTC/USDT``.
        timeframe
            One of `wfo.data.TIMEFRAMES`; of funding rates it means nothing.
        series
            ``bars``, ``mark`` (mark prices) or ``funding`` (funding rates).

        Returns
        -------
        polars.DataFrame
            The bar frame, see `wfo.data`; of funding rates ``datetime`` and ``funding_rate``.

        Raises
        ------
        DataError
            If there are none (the message has the nearest stored name), all dates that were
            asked for were answered without any, a file is broken, or the bars are not those that
            were written.
        InputError
            If the timeframe or series is not known.
        """
        found = self.read(symbol, timeframe, series=series)
        if not found.frame.height:
            span = found.meta.coverage.span
            raise DataError(
                f"no {found.meta.timeframe} {_words(found.meta.series)} of {symbol!r}: "
                f"{found.meta.origin.source} has none for {span or 'the dates asked for'}"
            )
        return found.frame

    def read(self, symbol: str, timeframe: str = "1day", *, series: str = "bars") -> Stored:
        """Load stored bars, or those of the sample, with what is known about them.

        `meta` and then `load` may tell of two moments, if another process writes in between.

        Raises
        ------
        DataError
            As `load` does, but not where there are no rows.
        InputError
            If the timeframe or series is not known.
        """
        return _read_stored(self._find(symbol, timeframe, series))

    def save(
        self,
        symbol: str,
        timeframe: str,
        frame: Any,
        origin: BarsOrigin,
        *,
        waiting: Callable[[], None] | None = None,
    ) -> SavedBars:
        """Store bars, in place of those of the same symbol and timeframe.

        Parameters
        ----------
        symbol
            1 to 64 printable ASCII characters, such as ``QQQ`` or ``BTC/USDT``.
        timeframe
            One of `wfo.data.TIMEFRAMES`.
        frame
            The bar frame, of Polars, pandas or PyArrow; it must pass `wfo.data.check_bars` without
            errors.
        origin
            Where the bars come from.
        waiting
            Called once if another process writes the file; then this waits.

        Returns
        -------
        SavedBars
            The files, and what they replaced. If anything fails, the old bars stay. A file that
            could not be read is kept under another name.

        Raises
        ------
        DataError
            If the bars have errors, the store has a symbol that differs only in case, or the
            folder cannot be written.
        InputError
            If symbol or timeframe cannot be used.
        """
        place = self._place(symbol, timeframe, "bars")
        bars = conform_series(polars_frame(frame), "bars")
        if not bars.height:
            raise DataError(f"there are no bars of {symbol} to store: the frame has no rows")
        errors = series_errors(bars, "bars", timeframe)
        CheckReport(errors, ()).raise_errors(f"{symbol} {timeframe}")
        first, last = bars[bars.columns[0]][0], bars[bars.columns[0]][-1]
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        coverage = covering(_date(first), _date(last), origin.source, now)
        with self.hold(symbol, timeframe, waiting=waiting) as held:
            return held._replace(place, bars, origin, coverage, set_aside=False)

    @contextlib.contextmanager
    def hold(
        self,
        symbol: str,
        timeframe: str = "1day",
        series: str = "bars",
        *,
        waiting: Callable[[], None] | None = None,
    ) -> Iterator[Held]:
        """Keep other writers of a file away while the block reads and writes it.

        Parameters
        ----------
        symbol, timeframe, series
            What the file holds.
        waiting
            Called once if another process or thread holds it; then this waits.

        Yields
        ------
        Held
            The file.

        Raises
        ------
        DataError
            If the folder cannot be written, or has a symbol that differs only in case.
        InputError
            If symbol, timeframe or series cannot be used, or the block is within another that
            holds the same file.
        """
        place = self._place(symbol, timeframe, series)
        lock_path = self.folder / f".{place.name.lower()}.lock"
        holder = (threading.get_ident(), lock_path.absolute())
        if holder in _HOLDERS:
            raise InputError(f"{place.bars.name} is held already: write it with what `hold` gave")
        # Where the way to it is closed, `Path.exists` raises and this does not.
        made = not os.path.exists(self.folder)
        try:
            lock = self._lock(lock_path, waiting)
        except OSError as error:
            raise self._cannot_write(place, error) from error
        if lock is None:
            raise DataError(
                f"cannot lock {lock_path}: the file system has no locks; "
                f"choose another folder with --data-dir or {FOLDER_VARIABLE}"
            )
        held = Held(self, place)
        _HOLDERS.add(holder)
        try:
            self._refuse_twin(symbol)
            yield held
        finally:
            held.closed = True
            _HOLDERS.discard(holder)
            # While it is held, so that no other process locks a file that is about to go; `locked`
            # looks whether the file that it has locked is still the one of that name.
            with contextlib.suppress(OSError):
                lock_path.unlink()
            lock.close()
            with contextlib.suppress(OSError):
                if sys.platform == "win32":  # which cannot remove a file that is open
                    lock_path.unlink()
            if made:
                with contextlib.suppress(OSError):
                    self.folder.rmdir()  # unless something was written

    def _lock(self, path: Path, waiting: Callable[[], None] | None) -> IO[str] | None:
        """Lock a file of the folder; None if the file system has no locks."""
        for last in (False, False, True):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock = _patiently(lambda: locked(path))
                if lock is None and waiting is not None:
                    waiting()
                    waiting = None
                while lock is None:
                    lock = locked(path, wait=True)
                    if sys.platform != "win32":  # which alone gives up, after ten seconds
                        break
            except FileNotFoundError:
                # The last holder wrote nothing, and took the folder away that it had made.
                if last:
                    raise
            else:
                return lock
        raise AssertionError  # the last attempt returns or raises

    def _place(self, symbol: str, timeframe: str, series: str) -> _Place:
        require_symbol(symbol)
        kind = require_series(series)
        return _Place.of(self.folder, symbol, series_timeframe(kind, timeframe), kind)

    def _refuse_twin(self, symbol: str) -> None:
        """Raise if the store has the symbol in another case: file names may ignore case."""
        for other in {s for _, s, _ in _listing(self.folder)}:
            if other.lower() == symbol.lower() and other != symbol:
                raise DataError(
                    f"{self.folder} has bars of {other!r}, which differs from {symbol!r} only in "
                    f"case: use {other!r}"
                )

    def _cannot_write(self, place: _Place, error: OSError) -> DataError:
        return DataError(
            f"cannot write {place.bars.name} to the folder {self.folder}: "
            f"{error.strerror or error}; choose another with --data-dir or {FOLDER_VARIABLE}"
        )

    def _find(self, symbol: str, timeframe: str, series: str) -> _Place:
        """Return the files of what is stored, or else of the sample."""
        kind = require_series(series)
        timeframe = series_timeframe(kind, timeframe)
        stored, samples = _listing(self.folder), _listing(SAMPLE_FOLDER)
        for folder, listing in ((self.folder, stored), (SAMPLE_FOLDER, samples)):
            name = listing.get((kind, symbol, timeframe))
            if name is not None:
                return _Place(folder, name, symbol, timeframe, kind)
        keys, sampled = _keys(stored, kind), [t for _, s, t in samples if s == symbol]
        quoted = shlex.quote(symbol)
        length = "" if timeframe == "1day" or kind == "funding" else f" --timeframe {timeframe}"
        if kind == "bars":
            command = (
                f"wfo data download {quoted}{length}, or"
                f" wfo data import FILE --symbol {quoted}{length}"
            )
        else:
            command = f"wfo data download {quoted} --series {kind}{length}"
        others = [t for s, t in keys if s == symbol]
        near = did_you_mean(symbol, {s for s, _ in keys} | {s for _, s, _ in samples})
        if others:
            hint = f"; stored at {', '.join(others)}"
        elif sampled and kind == "bars":
            hint = f"; the embedded sample has it at {', '.join(sampled)}"
        elif keys or near.endswith("?"):
            hint = near
        else:
            hint = ", which is empty" if self.folder.is_dir() else ", which does not exist"
        raise DataError(
            f"no {timeframe} {_words(kind)} of {symbol!r} in the folder {self.folder}{hint}"
            f"{'' if hint.endswith('?') else ';'} to add them: {command}"
        )


class Held:
    """A file of the store that no other process writes, see `DataStore.hold`."""

    def __init__(self, store: DataStore, place: _Place) -> None:
        self._store = store
        self._files = place
        self.closed = False

    def read(self) -> Stored | None:
        """Return what the folder has, never of the sample; None if it has nothing.

        Raises
        ------
        CorruptError
            If it is not as it was written. `write` then keeps it under another name.
        DataError
            If it cannot be read.
        """
        place = self._current()
        return None if place is None else _read_stored(place)

    def write(
        self,
        frame: pl.DataFrame,
        origin: BarsOrigin,
        coverage: Coverage,
        *,
        set_aside: bool = False,
        now: dt.datetime | None = None,
    ) -> SavedBars:
        """Store a series in place of what is there, in one step.

        Parameters
        ----------
        frame
            Of the series, see `wfo.data.series.conform_series`; it may have no rows.
        origin
            Where it comes from.
        coverage
            The dates that were answered.
        set_aside
            Whether what is there is kept under another name. A file that cannot be read always
            is.
        now
            The time of writing, zone-aware; by default that of the machine.

        Raises
        ------
        DataError
            If the frame has errors, or the folder cannot be written. The old file stays.
        InputError
            If the file is no longer held.
        """
        place = self._files
        rows = conform_series(frame, place.series)
        errors = series_errors(
            rows, place.series, place.timeframe, spacing=origin.fetched_from is None
        )
        CheckReport(errors, ()).raise_errors(f"{place.symbol} {place.timeframe}")
        return self._replace(place, rows, origin, coverage, set_aside=set_aside, now=now)

    def _current(self) -> _Place | None:
        """Return the files that the folder has, which may have a name of an earlier version."""
        key = (self._files.series, self._files.symbol, self._files.timeframe)
        name = _listing(self._store.folder).get(key)
        return None if name is None else dataclasses.replace(self._files, name=name)

    def _replace(
        self,
        place: _Place,
        rows: pl.DataFrame,
        origin: BarsOrigin,
        coverage: Coverage,
        *,
        set_aside: bool,
        now: dt.datetime | None = None,
    ) -> SavedBars:
        if self.closed:
            raise InputError(f"{place.bars.name} is no longer held: write it in the block of hold")
        stamps = rows[rows.columns[0]]
        now = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
        meta = BarsMeta(
            symbol=place.symbol,
            timeframe=place.timeframe,
            rows=rows.height,
            first=stamps[0].isoformat() if rows.height else "",
            last=stamps[-1].isoformat() if rows.height else "",
            fingerprint=series_fingerprint(rows, place.series),
            imported_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            origin=origin,
            series=place.series,
            coverage=coverage,
        )
        # The mark of the digest stands once in the file, whatever names and notes say.
        text = meta.to_json(ascii_only=True).replace(_MARK, _MARK[:-1] + r"\u003a")
        if BarsMeta.from_json(text, place.meta.name) != meta:
            raise DataError(f"the meta data of {place.bars.name} would not be read as it is")
        content = _sealed(rows, text)
        beside = meta.to_json().encode("utf-8", "backslashreplace")

        current, replaced, reason = self._current(), None, "replaced" if set_aside else None
        if current is not None:
            try:
                replaced = _read_stored(current).meta
            except CorruptError:
                reason = "corrupt"
        kept: list[Path] = []
        try:
            _remove_stale(place)
            with _temporary(place.bars) as new_bars, _temporary(place.meta) as new_meta:
                _write(new_bars, content)
                _write(new_meta, beside)
                try:
                    if current is not None and reason is not None:
                        _set_aside(current, reason, now, kept)
                    _patiently(lambda: os.replace(new_bars, place.bars))
                except OSError:
                    for path in kept:  # the files still have their own names
                        path.unlink(missing_ok=True)
                    raise
                # The bars are in place, with their meta data in them. What follows is for people.
                with contextlib.suppress(OSError):
                    _patiently(lambda: os.replace(new_meta, place.meta))
                if current is not None and current.name != place.name:
                    for path in (current.bars, current.meta):
                        path.unlink(missing_ok=True)
            sync_folder(place.folder)
        except OSError as error:
            raise self._store._cannot_write(place, error) from error
        return SavedBars(place.bars, place.meta, meta, replaced, kept[0] if kept else None)


@dataclasses.dataclass(frozen=True)
class _Place:
    """The files of a series: where they are, and what they must hold."""

    folder: Path
    name: str
    symbol: str
    timeframe: str
    series: SeriesKind

    @classmethod
    def of(cls, folder: Path, symbol: str, timeframe: str, series: SeriesKind) -> _Place:
        suffix = {"bars": timeframe, "mark": f"mark-{timeframe}", "funding": "funding"}[series]
        return cls(folder, f"{file_stem(symbol)}_{suffix}", symbol, timeframe, series)

    @property
    def bars(self) -> Path:
        return self.folder / f"{self.name}{_BARS}"

    @property
    def meta(self) -> Path:
        return self.folder / f"{self.name}{_META}"


#: Series, symbol and timeframe, and the name of the files without their endings.
_Listing = dict[tuple[SeriesKind, str, str], str]

_SUFFIXES: Final[dict[str, tuple[SeriesKind, str]]] = {
    **{timeframe: ("bars", timeframe) for timeframe in TIMEFRAMES},
    **{f"mark-{timeframe}": ("mark", timeframe) for timeframe in TIMEFRAMES},
    "funding": ("funding", FUNDING_TIMEFRAME),
}
#: Names of files of earlier versions, which did not encode what Windows takes for devices.
_PLAIN_STEM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.^=_-]*")


def _listing(folder: Path) -> _Listing:
    """Return what a folder has."""
    found: _Listing = {}
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        names = []
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror}") from error
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


def _keys(listing: _Listing, series: SeriesKind) -> list[tuple[str, str]]:
    """Return the symbol and timeframe of a series, sorted, shorter bars first."""
    found = [(symbol, timeframe) for kind, symbol, timeframe in listing if kind == series]
    return sorted(found, key=lambda key: (key[0], TIMEFRAMES[key[1]]))


# Reading


def _read_stored(place: _Place) -> Stored:
    """Read a file and check that it is as it was written.

    Raises
    ------
    CorruptError
        If it is not.
    DataError
        If the system does not let it be read.
    """
    import polars as pl

    beside = _beside(place)  # before the bars, see `DataStore.meta`
    content = _read_if_any(place.bars)
    if content is None:
        raise CorruptError(f"{place.bars} is missing: {_AGAIN}")
    footer = _footer_of(content)
    sealed = _has_its_seal(content, footer or b"")
    metadata = _metadata(place, footer) if sealed is not False else {}
    if sealed is False or (sealed is None and _META_KEY in metadata):
        raise CorruptError(
            f"{place.bars} is damaged: its bars or meta data are not as they were written; {_AGAIN}"
        )
    meta = _meta_of(place, metadata, beside)
    try:
        frame = conform_series(
            _without_panic(lambda: pl.read_parquet(io.BytesIO(content))), place.series
        )
        found = series_fingerprint(frame, place.series)
    except (pl.exceptions.PolarsError, DataError, OSError) as error:
        raise _no_bars(place, error) from error
    if found != meta.fingerprint or frame.height != meta.rows:
        kind, name = ("meta data", "which") if _META_KEY in metadata else ("meta file", None)
        raise CorruptError(
            f"{place.bars} does not match its {kind}: its {frame.height:,} bars have the "
            f"fingerprint {found[:8]}, {name or place.meta.name} states {meta.rows:,} with "
            f"{meta.fingerprint[:8]}; {_AGAIN}"
        )
    return Stored(frame, meta)


def _beside(place: _Place) -> bytes | DataError | None:
    """Read a meta file, or return why it cannot be read: most bars do without it."""
    try:
        return _read_if_any(place.meta, LARGEST_META + 1)
    except DataError as error:
        return error


def _meta_of(place: _Place, metadata: dict[str, str], beside: bytes | DataError | None) -> BarsMeta:
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
    except DataError as error:
        raise CorruptError(str(error)) from error
    if (meta.symbol, meta.timeframe, meta.series) != (place.symbol, place.timeframe, place.series):
        raise CorruptError(
            f"{name} is about {meta.symbol} {meta.timeframe} ({meta.series}): a stored file was "
            "renamed; import the bars again under the name they should have, or download them"
        )
    return meta


def _metadata(place: _Place, footer: bytes | None) -> dict[str, str]:
    """Return the key-value pairs of a Parquet file."""
    import polars as pl

    if footer is None:
        raise _no_bars(place, "it does not end as Parquet files do")
    try:
        # A footer makes a file that polars reads the pairs from, however long the bars are.
        return _without_panic(lambda: pl.read_parquet_metadata(io.BytesIO(_MAGIC + footer)))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise _no_bars(place, error) from error


def _no_bars(place: _Place, reason: object) -> CorruptError:
    said = (str(reason).splitlines() or ["unknown"])[0]
    return CorruptError(f"{place.bars} is no file of stored bars ({said:.200}): {_AGAIN}")


def _footer(path: Path) -> bytes | None:
    """Read the footer of a Parquet file, with what ends the file; None if it has none."""

    def read() -> bytes | None:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _TAIL, 0))
            length = _footer_length(file.read(_TAIL), size)
            if length is None:
                return None
            file.seek(size - _TAIL - length)
            return file.read(length + _TAIL)

    try:
        return _patiently(read)
    except FileNotFoundError as error:
        raise CorruptError(f"{path} is missing: {_AGAIN}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _footer_of(content: bytes) -> bytes | None:
    length = _footer_length(content[-_TAIL:], len(content))
    return None if length is None else content[-_TAIL - length :]


def _footer_length(tail: bytes, size: int) -> int | None:
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length + _TAIL + len(_MAGIC) > size:
        return None
    return length


def _read_if_any(path: Path, most: int = -1) -> bytes | None:
    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(most)

    try:
        return _patiently(read)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _without_panic(read: Callable[[], _T]) -> _T:
    """Call a reader of polars, whose panics are no exceptions that callers expect."""
    import polars as pl

    try:
        return read()
    except pl.exceptions.PanicException as error:
        raise pl.exceptions.ComputeError(str(error)) from error


# Writing


def _sealed(rows: pl.DataFrame, meta: str) -> bytes:
    """Return the Parquet file of a frame with its meta data and the digest of the file."""
    file = io.BytesIO()
    metadata = {_META_KEY: meta, _SEAL_KEY: _UNSEALED}
    rows.write_parquet(file, compression="zstd", metadata=metadata)
    content = file.getvalue()
    head, found, tail = content.rpartition(_UNSEALED.encode())
    if not found:
        raise DataError("this version of polars does not write meta data into Parquet files")
    return head + f"{_MARK}{_digest(content)}".encode() + tail


def _has_its_seal(content: bytes, footer: bytes) -> bool | None:
    """Tell whether a file has the digest that its footer states; None if it states none."""
    seals = list(_SEAL.finditer(footer))
    if not seals:
        return None
    start, end = (len(content) - len(footer) + at for at in seals[-1].span(1))
    digest = hashlib.sha256(memoryview(content)[:start])
    digest.update(b"0" * (end - start))
    digest.update(memoryview(content)[end:])
    return digest.hexdigest().encode() == seals[-1][1]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _set_aside(place: _Place, reason: str, now: dt.datetime, kept: list[Path]) -> None:
    """Give the files a further name, until they are replaced, and add it to `kept`."""
    for path in (place.bars, place.meta):
        if path.is_file():
            stamp = f"{path.name}.{reason}-{now:%Y%m%dT%H%M%SZ}"
            names = (f"{stamp}-{number}" for number in itertools.count(2))
            target = path.with_name(stamp)
            while target.exists():
                target = path.with_name(next(names))
            kept.append(target)
            _link_or_copy(path, target)


def _remove_stale(place: _Place) -> None:
    """Remove what writers of these files left that were killed; the lock is held by this one."""
    beginnings = tuple(f".{path.name}." for path in (place.bars, place.meta))
    with os.scandir(place.folder) as entries:
        names = [e.name for e in entries]
    for name in names:
        if name.startswith(beginnings) and name.endswith(".tmp"):
            with contextlib.suppress(OSError):
                (place.folder / name).unlink()


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Yield a free name in the folder of `path`, and remove whatever is left under it."""
    name = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        yield name
    finally:
        name.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # some file systems have no hard links
        shutil.copyfile(source, target)
        with target.open("rb+") as file:
            os.fsync(file.fileno())


def _patiently(action: Callable[[], _T]) -> _T:
    """Do what fails on Windows while another process has the file open, until it does not."""
    if sys.platform == "win32":
        for seconds in _WINDOWS_WAITS:
            try:
                return action()
            except PermissionError:
                time.sleep(seconds)
    return action()


def _date(stamp: Any) -> dt.date:
    return stamp.date() if isinstance(stamp, dt.datetime) else stamp


def _words(series: SeriesKind) -> str:
    return {"bars": "bars", "mark": "mark prices", "funding": "funding rates"}[series]
