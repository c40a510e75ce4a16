"""Findings as sentences: the first few stamps or runs of them, and how many more there are."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

#: How many of a kind a sentence names.
SHOWN: Final = 3


@dataclasses.dataclass(frozen=True)
class Run:
    """Things that follow each other without one in between.

    Attributes
    ----------
    first, last
        The first and last, dates or zone-aware times.
    count
        How many there are.
    """

    first: dt.date
    last: dt.date
    count: int

    def __str__(self) -> str:
        if self.count == 1:
            return stamp_text(self.first)
        return f"{stamp_text(self.first)} to {_until(self.first, self.last)} ({self.count:,})"


def runs_of(stamps: pl.Series, places: npt.NDArray[np.int64]) -> tuple[Run, ...]:
    """Group stamps into runs.

    Parameters
    ----------
    stamps
        Ascending dates or times.
    places
        The place of each among all that there could be, ascending: neighbours belong to one run.

    Returns
    -------
    tuple of Run
        In order.
    """
    import numpy as np

    if not len(stamps):
        return ()
    cuts = np.flatnonzero(np.diff(places) != 1) + 1
    begins = np.concatenate([[0], cuts])
    ends = np.concatenate([cuts, [len(stamps)]])
    first, last = stamps.gather(begins).to_list(), stamps.gather(ends - 1).to_list()
    return tuple(map(Run, first, last, (ends - begins).tolist()))


def said_runs(runs: Sequence[Run]) -> str:
    """Return the first few runs, and how many more there are."""
    more = len(runs) - SHOWN
    shown = ", ".join(str(run) for run in runs[:SHOWN])
    if more <= 0:
        return shown
    alone = all(run.count == 1 for run in runs)
    return f"{shown} and {more:,} more" if alone else f"{shown} and {more:,} more such runs"


def count_of(count: int, one: str, many: str) -> str:
    """Return a number with the word that fits it."""
    return f"1 {one}" if count == 1 else f"{count:,} {many}"


def listed(stamps: pl.Series) -> str:
    """Return the first few stamps, and how many more there are."""
    return some([stamp_text(s) for s in stamps.head(SHOWN)], len(stamps))


def some(shown: Sequence[str], count: int) -> str:
    """Return what is shown of `count`, and how many more there are."""
    more = f" and {count - len(shown):,} more" if count > len(shown) else ""
    return ", ".join(shown) + more


def stamp_text(stamp: Any) -> str:
    """Return a date, or a time to the minute."""
    if isinstance(stamp, dt.datetime):
        return f"{stamp:%Y-%m-%d %H:%M}"
    return str(stamp)


def _until(first: dt.date, last: dt.date) -> str:
    """Return `last`, without its date where that is the one of `first`."""
    timed = isinstance(first, dt.datetime) and isinstance(last, dt.datetime)
    if timed and f"{first:%F}" == f"{last:%F}":
        return f"{last:%H:%M}"
    return stamp_text(last)


def where(mask: pl.Series) -> list[int]:
    """Return the places at which a mask is true; null is not."""
    if not mask.any():
        return []
    return [int(i) for i in mask.fill_null(value=False).arg_true()]
