"""A folder of bars: one Parquet file for each symbol, series and timeframe, and its meta file.

Bars that the folder does not have are looked for in the sample that ships with the package, so that
its symbols are known to everything that reads bars.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import errno
import os
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from wfo.arguments import file_path, text
from wfo.data.checks import CheckReport
from wfo.data.coverage import Coverage
from wfo.data.errors import CorruptError
from wfo.data.foreign import polars_frame
from wfo.data.meta import BarsMeta, BarsOrigin, covering
from wfo.data.series import (
    conform_series,
    require_series,
    series_errors,
    series_fingerprint,
    series_timeframe,
)
from wfo.data.sources.source import SeriesKind
from wfo.data.stored_files import (
    MARK,
    Kept,
    Place,
    Stored,
    is_plain_file,
    keys_of,
    listing_of,
    meta_of,
    patiently,
    put_aside,
    read_beside,
    read_metadata,
    read_stored,
    remove_stale,
    sealed,
    temporary,
    write_new,
)
from wfo.data.symbols import LONGEST_SYMBOL, require_symbol
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

#: The bars that ship with the package, in the layout of a store.
SAMPLE_FOLDER: Final = Path(__file__).parent / "sample"

#: How `wfo.files.locked` refuses what is no file of its own.
_NO_LOCK: Final = frozenset({errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.EMLINK})

#: Threads of this process, and the locks that each holds: it would wait for itself.
_HOLDERS: Final[set[tuple[int, Path]]] = set()


def default_folder() -> Path:
    """Return the store's folder: ``WFO_DATA_DIR``, else ``data`` in the working directory."""
    return Path(os.environ.get(FOLDER_VARIABLE) or "data")


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
        self.folder = default_folder() if folder is None else file_path("folder", folder)

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
        return keys_of(listing_of(self.folder), require_series(series))

    def sample_keys(self) -> list[tuple[str, str]]:
        """Return those of the embedded sample whose place no stored bars take."""
        stored = self.keys()
        return [key for key in keys_of(listing_of(SAMPLE_FOLDER), "bars") if key not in stored]

    def is_sample(self, symbol: str, timeframe: str = "1day") -> bool:
        """Whether `load` takes bars from the embedded sample."""
        return (text("symbol", symbol), text("timeframe", timeframe)) in self.sample_keys()

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
        beside = read_beside(place)
        return meta_of(place, read_metadata(place), beside)

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
            name = listing_of(self.folder).get((place.series, place.symbol, place.timeframe))
            if name is None:
                return None
            place = dataclasses.replace(place, name=name)
            with contextlib.suppress(DataError):
                return self.meta(symbol, timeframe, series=series)
            return meta_of(place, {}, read_beside(place))
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
        return self.load_with_meta(symbol, timeframe, series=series).frame

    def load_with_meta(
        self, symbol: str, timeframe: str = "1day", *, series: str = "bars"
    ) -> Stored:
        """Load what `load` loads, with what is known about it, both of one moment.

        Raises
        ------
        DataError, InputError
            As `load` does.
        """
        found = self.read(symbol, timeframe, series=series)
        if not found.frame.height:
            span = found.meta.coverage.span
            raise DataError(
                f"no {found.meta.timeframe} {_words(found.meta.series)} of {symbol!r}: "
                f"{found.meta.origin.source} has none for {span or 'the dates asked for'}"
            )
        return found

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
        return read_stored(self._find(symbol, timeframe, series))

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
            # One time: files of earlier versions are read as if asked for when they were imported.
            return held._replace(place, bars, origin, coverage, set_aside=False, now=now)

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
            if os.path.lexists(lock_path) and error.errno in _NO_LOCK:
                raise DataError(
                    f"cannot lock {lock_path}: it {error.strerror}; remove it"
                ) from error
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

    def _lock(self, path: Path, waiting: Callable[[], None] | None) -> IO[bytes] | None:
        """Lock a file of the folder; None if the file system has no locks."""
        for last in (False, False, True):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock = patiently(lambda: locked(path))
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

    def _place(self, symbol: str, timeframe: str, series: str) -> Place:
        require_symbol(symbol)
        kind = require_series(series)
        return Place.of(self.folder, symbol, series_timeframe(kind, timeframe), kind)

    def _refuse_twin(self, symbol: str) -> None:
        """Raise if the store has the symbol in another case: file names may ignore case."""
        for other in {s for _, s, _ in listing_of(self.folder)}:
            if other.lower() == symbol.lower() and other != symbol:
                raise DataError(
                    f"{self.folder} has bars of {other!r}, which differs from {symbol!r} only in "
                    f"case: use {other!r}"
                )

    def _cannot_write(self, place: Place, error: OSError) -> DataError:
        return DataError(
            f"cannot write {place.bars.name} to the folder {self.folder}: "
            f"{error.strerror or error}; choose another with --data-dir or {FOLDER_VARIABLE}"
        )

    def _find(self, symbol: str, timeframe: str, series: str) -> Place:
        """Return the files of what is stored, or else of the sample."""
        kind, symbol = require_series(series), text("symbol", symbol)
        if len(symbol) > LONGEST_SYMBOL:
            require_symbol(symbol)
        timeframe = series_timeframe(kind, timeframe)
        stored, samples = listing_of(self.folder), listing_of(SAMPLE_FOLDER)
        for folder, listing in ((self.folder, stored), (SAMPLE_FOLDER, samples)):
            name = listing.get((kind, symbol, timeframe))
            if name is not None:
                return Place(folder, name, symbol, timeframe, kind)
        keys, sampled = keys_of(stored, kind), [t for _, s, t in samples if s == symbol]
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

    def __init__(self, store: DataStore, place: Place) -> None:
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
        return None if place is None else read_stored(place)

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

    def _current(self) -> Place | None:
        """Return the files that the folder has, which may have a name of an earlier version."""
        key = (self._files.series, self._files.symbol, self._files.timeframe)
        name = listing_of(self._store.folder).get(key)
        return None if name is None else dataclasses.replace(self._files, name=name)

    def _replace(
        self,
        place: Place,
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
        text = meta.to_json(ascii_only=True).replace(MARK, MARK[:-1] + r"\u003a")
        if BarsMeta.from_json(text, place.meta.name) != meta:
            raise DataError(f"the meta data of {place.bars.name} would not be read as it is")
        content = sealed(rows, text)
        beside = meta.to_json().encode("utf-8", "backslashreplace")

        current, replaced, reason = self._current(), None, "replaced" if set_aside else None
        if current is not None:
            try:
                replaced = read_stored(current).meta
            except CorruptError:
                reason = "corrupt"
        kept: list[Kept] = []
        others: list[Kept] = []
        try:
            remove_stale(place)
            with temporary(place.bars) as new_bars, temporary(place.meta) as new_meta:
                write_new(new_bars, content)
                write_new(new_meta, beside)
                try:
                    if current is not None and reason is not None:
                        put_aside((current.bars, current.meta), reason, now, kept)
                    if _is_taken(place.meta):
                        put_aside((place.meta,), "corrupt", now, others)
                    patiently(lambda: os.replace(new_bars, place.bars))
                except OSError:
                    for each in (*others, *kept):
                        each.undo()
                    raise
                # The bars are in place, with their meta data in them. What follows is for people.
                with contextlib.suppress(OSError):
                    patiently(lambda: os.replace(new_meta, place.meta))
                if current is not None and current.name != place.name:
                    for path in (current.bars, current.meta):
                        path.unlink(missing_ok=True)
            sync_folder(place.folder)
        except OSError as error:
            raise self._store._cannot_write(place, error) from error
        return SavedBars(place.bars, place.meta, meta, replaced, kept[0].path if kept else None)


def _is_taken(path: Path) -> bool:
    """Whether a name is that of something which a file does not take the place of."""
    try:
        return not is_plain_file(path.lstat())
    except OSError:
        return False


def _date(stamp: Any) -> dt.date:
    return stamp.date() if isinstance(stamp, dt.datetime) else stamp


def _words(series: SeriesKind) -> str:
    return {"bars": "bars", "mark": "mark prices", "funding": "funding rates"}[series]
