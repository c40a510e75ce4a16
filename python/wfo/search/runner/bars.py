"""Bars of windows as files, from which workers and commands read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.errors import DataError, InputError

if TYPE_CHECKING:
    import polars as pl


#: What helps where files of bars cannot be written.
ROOM = "see to it, or set TMPDIR to a folder that has room"


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """A window's bars.

    Attributes
    ----------
    number
        From 0 on.
    start, end
        Its first day, and the first day behind it; None where the bars begin and end.
    warmup
        How many bars before its first day are given too, at most.
    """

    number: int
    start: dt.date | None = None
    end: dt.date | None = None
    warmup: int = 0

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise InputError(
                f"window {self.number} begins on {self.start} and ends before {self.end}: dates"
                " must ascend"
            )


class WindowBars:
    """Files of the bars of each window; none holds a bar behind its window.

    Parameters
    ----------
    folder
        Where they are.
    bars
        Frames, or the bytes of Parquet files, by symbol.
    windows
        Their spans.
    form
        ``csv`` or ``parquet``.
    """

    def __init__(
        self,
        folder: Path,
        bars: Mapping[str, pl.DataFrame | bytes],
        windows: Sequence[WindowSpan],
        form: str,
    ) -> None:
        self._bars = bars
        self._windows = windows
        self._written = False
        self.paths = [
            {symbol: str(folder / f"{w.number}-{k}.{form}") for k, symbol in enumerate(bars)}
            for w in windows
        ]

    def write(self) -> None:
        """Write all files, the first time that it is asked for.

        Raises
        ------
        ResultsError
            If there is no room for them.
        """
        from wfo.files import write_frame

        if self._written:
            return
        for symbol, bars in self._bars.items():
            frame = as_frame(bars)
            for span, paths in zip(self._windows, self.paths, strict=True):
                write_frame(Path(paths[symbol]), cut(frame, span, symbol), remedy=ROOM)
        self._written = True


def as_frame(bars: Any) -> pl.DataFrame:
    """Return bars as a frame."""
    import io

    import polars as pl

    return pl.read_parquet(io.BytesIO(bars)) if isinstance(bars, bytes) else bars


def cut(frame: pl.DataFrame, span: WindowSpan, symbol: str) -> pl.DataFrame:
    """Return the bars of a window, and those before it that it warms up on.

    Raises
    ------
    DataError
        If it has none.
    """
    import polars as pl

    from wfo.data.frames import time_column

    # Of a stamp the day in its own time zone; a cast takes that in UTC.
    day = pl.col(time_column(frame)).dt.date()
    inside = pl.lit(value=True)
    if span.start is not None:
        inside &= day >= span.start
    if span.end is not None:
        inside &= day < span.end
    found = frame.filter(inside)
    if not found.height:
        raise DataError(
            f"{symbol} has no bars in window {span.number}, from {span.start or 'its first bar'}"
            f" to before {span.end or 'its end'}"
        )
    if span.start is None or not span.warmup:
        return found
    before = frame.filter(day < span.start)
    return pl.concat([before.tail(span.warmup), found])
