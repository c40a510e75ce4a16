"""A folder of bars: one Parquet file and one meta file for each symbol and timeframe.

Bars that the folder does not have are looked for in the sample that ships with the package, so that
its symbols are known to everything that reads bars.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import io
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wfo.data.checks import CheckReport, structure_errors
from wfo.data.frames import conform, fingerprint, time_column
from wfo.data.meta import BarsMeta, BarsOrigin
from wfo.data.timeframes import TIMEFRAMES, require_timeframe
from wfo.errors import DataError, InputError, did_you_mean
from wfo.files import sync_folder

if TYPE_CHECKING:
    import polars as pl

#: Environment variable that names the folder of the store.
FOLDER_VARIABLE: Final = "WFO_DATA_DIR"

_SYMBOL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.^=_-]*")
_BARS: Final = ".parquet"
_META: Final = ".meta.json"

#: The bars that ship with the package, in the layout of a store.
SAMPLE_FOLDER: Final = Path(__file__).parent / "sample"


def default_folder() -> Path:
    """Return the store's folder: ``WFO_DATA_DIR``, else ``data`` in the working directory."""
    return Path(os.environ.get(FOLDER_VARIABLE) or "data")


def require_symbol(symbol: str) -> str:
    """Return `symbol` if bars can be stored under it.

    Raises
    ------
    InputError
        If it is not a letter or digit, followed by letters, digits and ``. ^ = _ -`` only.
    """
    if not _SYMBOL.fullmatch(symbol):
        raise InputError(
            f"symbol {symbol!r} cannot be stored: it must begin with a letter or digit and hold "
            "only letters, digits and . ^ = _ -"
        )
    return symbol


@dataclasses.dataclass(frozen=True)
class SavedBars:
    """What `DataStore.save` wrote.

    Attributes
    ----------
    bars_path, meta_path
        The two files.
    meta
        The contents of the meta file.
    replaced
        That of the bars which were there before, if any could be read.
    """

    bars_path: Path
    meta_path: Path
    meta: BarsMeta
    replaced: BarsMeta | None


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

    Bars of ``QQQ`` at ``1day`` are ``QQQ_1day.parquet`` and ``QQQ_1day.meta.json``. The meta
    file holds the bars' fingerprint, and no bars are loaded that do not match it. Each file is
    written under another name and put in place when complete; names look up with their case.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(folder)

    def __repr__(self) -> str:
        return f"DataStore({str(self.folder)!r})"

    @property
    def symbols(self) -> list[str]:
        """The stored symbols, in alphabetical order."""
        return sorted({symbol for symbol, _ in self.keys()})

    def keys(self) -> list[tuple[str, str]]:
        """Return the symbol and timeframe of all stored bars, sorted, shorter bars first."""
        return _keys(self.folder)

    def sample_keys(self) -> list[tuple[str, str]]:
        """Return those of the embedded sample whose place no stored bars take."""
        stored = self.keys()
        return [key for key in _keys(SAMPLE_FOLDER) if key not in stored]

    def is_sample(self, symbol: str, timeframe: str = "1day") -> bool:
        """Whether `load` takes bars from the embedded sample."""
        return (symbol, timeframe) in self.sample_keys()

    def list(self) -> list[BarsMeta]:
        """Return the meta data of all stored bars, sorted by symbol and timeframe.

        Raises
        ------
        DataError
            If a meta file is missing or broken.
        """
        return [self.meta(symbol, timeframe) for symbol, timeframe in self.keys()]

    def meta(self, symbol: str, timeframe: str = "1day") -> BarsMeta:
        """Return what is known about stored bars, or those of the sample.

        Raises
        ------
        DataError
            If there are none, or their meta file is missing or broken.
        InputError
            If the timeframe is not known.
        """
        path = self._find(symbol, timeframe, _META)
        meta = BarsMeta.from_json(self._read(path).decode(errors="replace"), path.name)
        if (meta.symbol, meta.timeframe) != (symbol, timeframe):
            raise DataError(
                f"{path.name} is about {meta.symbol} {meta.timeframe}: a stored file was renamed; "
                "import the bars again under the name they should have"
            )
        return meta

    def load(self, symbol: str, timeframe: str = "1day") -> pl.DataFrame:
        """Load stored bars, or those of the sample.

        Returns
        -------
        polars.DataFrame
            The bar frame, see `wfo.data`.

        Raises
        ------
        DataError
            If there are none (the message has the nearest stored name), a file is broken, or
            the bars do not have the fingerprint that their meta file states.
        InputError
            If the timeframe is not known.
        """
        import polars as pl

        meta = self.meta(symbol, timeframe)
        path = self._find(symbol, timeframe, _BARS)
        try:
            frame = conform(pl.read_parquet(io.BytesIO(self._read(path))))
            found = fingerprint(frame)
        except (pl.exceptions.PolarsError, DataError, OSError) as error:
            if isinstance(error, DataError) and not path.exists():
                raise
            reason = str(error).splitlines()[0]
            raise DataError(
                f"{path} is no file of stored bars ({reason}): import the bars again"
            ) from error
        if found != meta.fingerprint:
            raise DataError(
                f"{path} does not match its meta file: its bars have the fingerprint {found[:8]}, "
                f"{self._find(symbol, timeframe, _META).name} states {meta.fingerprint[:8]}; "
                "import the bars again"
            )
        return frame

    def save(
        self, symbol: str, timeframe: str, frame: pl.DataFrame, origin: BarsOrigin
    ) -> SavedBars:
        """Store bars, in place of those of the same symbol and timeframe.

        Parameters
        ----------
        symbol
            A letter or digit, then letters, digits and ``. ^ = _ -``.
        timeframe
            One of `wfo.data.TIMEFRAMES`.
        frame
            The bar frame; it must pass `wfo.data.check_bars` without errors.
        origin
            Where the bars come from.

        Returns
        -------
        SavedBars
            The files, and what they replaced. If anything fails, the old files stay.

        Raises
        ------
        DataError
            If the bars have errors, the store has a symbol that differs only in case, or the
            folder cannot be written.
        InputError
            If symbol or timeframe cannot be used.
        """
        require_symbol(symbol)
        require_timeframe(timeframe)
        bars = conform(frame)
        if not bars.height:
            raise DataError(f"there are no bars of {symbol} to store: the frame has no rows")
        CheckReport(structure_errors(bars, timeframe), ()).raise_errors(f"{symbol} {timeframe}")
        # Where file names ignore case, the two would be the same file.
        twin = next((s for s in self.symbols if s.lower() == symbol.lower() and s != symbol), None)
        if twin is not None:
            raise DataError(
                f"{self.folder} has bars of {twin!r}, which differs from {symbol!r} only in case: "
                f"use {twin!r}"
            )

        replaced = None
        if (symbol, timeframe) in self.keys():
            with contextlib.suppress(DataError):  # broken files are no reason not to replace them
                replaced = self.meta(symbol, timeframe)
        stamps = bars[time_column(bars)]
        meta = BarsMeta(
            symbol=symbol,
            timeframe=timeframe,
            rows=bars.height,
            first=stamps[0].isoformat(),
            last=stamps[-1].isoformat(),
            fingerprint=fingerprint(bars),
            imported_at=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            origin=origin,
        )
        content = io.BytesIO()
        bars.write_parquet(content, compression="zstd")
        bars_path = self._path(symbol, timeframe, _BARS)
        meta_path = self._path(symbol, timeframe, _META)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _replace_pair(bars_path, content.getvalue(), meta_path, meta.to_json().encode())
        except OSError as error:
            raise DataError(
                f"cannot write {bars_path.name} to the folder {self.folder}: "
                f"{error.strerror or error}; choose another with --data-dir or {FOLDER_VARIABLE}"
            ) from error
        return SavedBars(bars_path, meta_path, meta, replaced)

    def _path(self, symbol: str, timeframe: str, ending: str) -> Path:
        return self.folder / f"{symbol}_{timeframe}{ending}"

    def _find(self, symbol: str, timeframe: str, ending: str) -> Path:
        """Return the file of bars that are stored, or else in the sample."""
        require_timeframe(timeframe)
        keys, samples = self.keys(), _keys(SAMPLE_FOLDER)
        if (symbol, timeframe) in keys:
            return self._path(symbol, timeframe, ending)
        if (symbol, timeframe) in samples:
            return SAMPLE_FOLDER / f"{symbol}_{timeframe}{ending}"
        command = f"wfo data import FILE --symbol {symbol}"
        if timeframe != "1day":
            command += f" --timeframe {timeframe}"
        others = [t for s, t in keys if s == symbol]
        sampled = [t for s, t in samples if s == symbol]
        near = did_you_mean(symbol, {s for s, _ in (*keys, *samples)})
        if others:
            hint = f"; stored at {', '.join(others)}"
        elif sampled:
            hint = f"; the embedded sample has it at {', '.join(sampled)}"
        elif keys or near.endswith("?"):
            hint = near
        else:
            hint = ", which is empty" if self.folder.is_dir() else ", which does not exist"
        raise DataError(
            f"no {timeframe} bars of {symbol!r} in the folder {self.folder}{hint}"
            f"{'' if hint.endswith('?') else ';'} to add them: {command}"
        )

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise DataError(f"{path} is missing: import the bars again") from error
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _keys(folder: Path) -> list[tuple[str, str]]:
    """Return the symbol and timeframe of all bars in a folder, sorted, shorter bars first."""
    found: set[tuple[str, str]] = set()
    try:
        names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror}") from error
    for name in names:
        for ending in (_BARS, _META):
            symbol, _, timeframe = name.removesuffix(ending).rpartition("_")
            known = name.endswith(ending) and timeframe in TIMEFRAMES
            if known and _SYMBOL.fullmatch(symbol):
                found.add((symbol, timeframe))
    return sorted(found, key=lambda key: (key[0], TIMEFRAMES[key[1]]))


def _replace_pair(bars_path: Path, bars: bytes, meta_path: Path, meta: bytes) -> None:
    """Put both files in place, or neither.

    No file system replaces two files at once. A crash between the two leaves new bars beside
    an old meta file, which `DataStore.load` refuses by the fingerprint; a mere error puts the
    old bars back.
    """
    with _temporary(bars_path) as new_bars, _temporary(meta_path) as new_meta:
        _write(new_bars, bars)
        _write(new_meta, meta)
        with _temporary(bars_path) as old_bars:
            had_bars = bars_path.exists()
            if had_bars:
                _link_or_copy(bars_path, old_bars)
            os.replace(new_bars, bars_path)
            try:
                os.replace(new_meta, meta_path)
            except BaseException:
                if had_bars:
                    os.replace(old_bars, bars_path)
                else:
                    bars_path.unlink()
                raise
    sync_folder(bars_path.parent)


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
