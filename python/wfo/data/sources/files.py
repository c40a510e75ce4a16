"""A folder of files of bars as a source: what other programs keep up to date there."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wfo.data.calendars import calendar_timezone
from wfo.data.meta import Adjust
from wfo.data.sources.clock import Clock
from wfo.data.sources.errors import (
    MalformedError,
    RefusedError,
    UnknownSymbolError,
    UnreachableError,
)
from wfo.data.sources.rows import Pieces, answers_of_all, if_any, require_offered
from wfo.data.sources.source import Adjustment, Answer, SeriesKind, SeriesRequest
from wfo.data.symbols import file_stem
from wfo.data.timeframes import TIMEFRAMES
from wfo.errors import DataError, InputError

if TYPE_CHECKING:
    import polars as pl

    from wfo.data.sources.config import SourcesConfig

#: The timeframe whose files need not say it in their names.
_PLAIN: Final = "1day"
#: Symbols of indices and futures, whose files may be named as they are written: ``^GSPC.csv``.
_AS_WRITTEN: Final = re.compile(r"[\^@$][A-Za-z0-9][A-Za-z0-9.^=_-]*")
#: Asked for if a file does not tell since when it has bars.
_LONG_AGO: Final = dt.date(1990, 1, 1)


@dataclasses.dataclass(frozen=True, eq=False)
class _Read:
    """A file as it was when it was read."""

    state: tuple[str, int, int, str, str]
    frame: pl.DataFrame
    notes: tuple[str, ...]


class Files:
    """A folder of CSV and Parquet files as a source, see `wfo.data.sources.source.Source`.

    A symbol's bars lie in ``SYMBOL_TIMEFRAME.parquet`` or ``.csv``, daily ones also in
    ``SYMBOL.parquet`` or ``.csv``; the names are those of `wfo.data.symbols.file_stem`, as in the
    store, and of indices and futures also as they are written, ``^GSPC.csv``. They are read as
    `wfo.data.read_bars` reads them, each time anew if they have changed.

    What a file's prices are adjusted for, it does not say: they are taken for what is asked. Only
    for ``split-and-dividend``, and if the file has an adjusted close, prices are multiplied by it.

    Parameters
    ----------
    folder
        The folder.
    clock
        Where time comes from.
    """

    name = "files"
    title = "Files"
    series: tuple[SeriesKind, ...] = ("bars",)
    timeframes: tuple[str, ...] = tuple(TIMEFRAMES)
    adjustments: tuple[Adjustment, ...] = ("split", "raw", "dividend", "split-and-dividend")

    def __init__(self, folder: Path, *, clock: Clock | None = None) -> None:
        self._folder = folder
        self._clock = Clock() if clock is None else clock
        self._read: dict[Path, _Read] = {}

    def __repr__(self) -> str:
        return f"Files({str(self._folder)!r})"

    def calendar(self, symbol: str) -> str:
        """Guess the calendar from a symbol's spelling: pairs trade always, all else in New York.

        For futures such as ``@ES``, whose sessions differ, it is ``none``.
        """
        if "/" in symbol:
            return "24/7"
        return "none" if symbol.startswith("@") else "XNYS"

    def earliest(self, symbol: str, timeframe: str, series: SeriesKind) -> dt.date:  # noqa: ARG002
        """Return the day of the first bar in the file, a day long ago if it cannot be read."""
        try:
            request = SeriesRequest(
                symbol, _LONG_AGO, _LONG_AGO, timeframe, calendar=self.calendar(symbol)
            )
            frame = self._bars(request).frame
        except (DataError, InputError):
            return _LONG_AGO
        day: dt.date = _days(frame)[0]
        return day

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        """Answer requests, each in one piece.

        A symbol without a file is reported after all others are answered.
        """
        require_offered(self, requests)
        yield from answers_of_all(self._answer(request) for request in requests)

    @classmethod
    def from_config(cls, config: SourcesConfig, clock: Clock) -> Files:
        """Return the source as the configuration describes it.

        Raises
        ------
        InputError
            If it names no folder.
        """
        if config.files_folder is None:
            raise InputError(
                "the source files needs a folder: set WFO_FILES_DIR, or folder under [files] in "
                f"{config.folder / 'sources.toml'}"
            )
        return cls(config.files_folder, clock=clock)

    def _answer(self, request: SeriesRequest) -> Iterator[Answer]:
        found = self._bars(request)
        pieces = Pieces(request, self._clock.now(), volume="volume" in found.frame.columns)
        for note in found.notes:
            pieces.note(note)
        pieces.add(found.frame)
        yield from if_any(pieces.finish())

    def _bars(self, request: SeriesRequest) -> _Read:
        path = self._path(request)
        try:
            status = path.stat()
        except OSError as error:
            raise UnreachableError(f"{path} cannot be read: {error.strerror}") from error
        adjust: Adjust = "none"
        if request.adjust == "split-and-dividend":
            adjust = "split-and-dividend"
        state = (
            request.timeframe,
            status.st_mtime_ns,
            status.st_size,
            request.calendar,
            adjust,
        )
        known = self._read.get(path)
        if known is None or known.state != state:
            known = self._load(path, request, adjust, state)
            self._read[path] = known
        return known

    def _load(
        self,
        path: Path,
        request: SeriesRequest,
        adjust: Adjust,
        state: tuple[str, int, int, str, str],
    ) -> _Read:
        from wfo.data.importing.reading import read_bars

        # Without a calendar, dates and stamps are those of UTC.
        zone = None if calendar_timezone(request.calendar) else "UTC"
        as_is = False
        try:
            imported = read_bars(
                path, timeframe=request.timeframe, calendar=request.calendar, timezone=zone
            )
            if adjust != "none":
                as_is = "adj_close" not in imported.frame.columns
                if not as_is:
                    imported = read_bars(
                        path,
                        timeframe=request.timeframe,
                        calendar=request.calendar,
                        timezone=zone,
                        adjust=adjust,
                    )
        except DataError as error:
            raise MalformedError(f"{error} (in {path.parent})") from error
        # What looks wrong with the bars themselves is for a check of the store to say.
        notes = [*imported.origin.notes, *imported.doubts]
        if adjust == "none" or as_is:
            notes.append(f"prices are taken as adjusted for {_meaning(request.adjust)}, unchecked")
        frame = imported.frame.drop("adj_close", strict=False)
        return _Read(state, frame, tuple(notes))

    def _path(self, request: SeriesRequest) -> Path:
        plain = [file_stem(request.symbol)]
        if _AS_WRITTEN.fullmatch(request.symbol):
            plain.append(request.symbol)
        plain = list(dict.fromkeys(plain))
        stems = [f"{stem}_{request.timeframe}" for stem in plain]
        if request.timeframe == _PLAIN:
            stems += plain
        names = [f"{s}.{ending}" for s in stems for ending in ("parquet", "csv")]
        if not self._folder.is_dir():
            raise RefusedError(
                f"{self._folder} is no folder: name the one with the files of bars in WFO_FILES_DIR"
            )
        for name in names:
            path = self._folder / name
            if path.is_file():
                return path
        raise UnknownSymbolError(
            f"{self._folder} has no {request.timeframe} bars of {request.symbol!r}: "
            f"looked for {', '.join(names)}"
        )


def _meaning(adjust: Adjustment) -> str:
    return {"raw": "nothing", "split": "splits", "dividend": "dividends"}.get(
        adjust, "splits and dividends"
    )


def _days(frame: pl.DataFrame) -> pl.Series:
    return frame["date"] if "date" in frame.columns else frame["datetime"].dt.date()
