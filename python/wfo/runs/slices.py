"""Which bars a single simulation takes: a phase of a schedule, or a given split."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from wfo.errors import DataError, InputError
from wfo.windows import LEAST_WARMUP, Phases, Windows


@dataclass(frozen=True, slots=True)
class Slice:
    """The bars up to `end`, with their boundaries, and what the slice is called.

    Attributes
    ----------
    warmup, split, end
        Indices of the first trading bar, of the first out-of-sample bar, and one past the last.
    name
        For a title.
    notes
        A note on it for the page.
    number
        Which phase of its schedule it is; None if it is none.
    """

    warmup: int
    split: int
    end: int
    name: str
    notes: tuple[str, ...] = ()
    number: int | None = None

    @property
    def bounds(self) -> tuple[int, int, int]:
        """`warmup`, `split` and `end`."""
        return self.warmup, self.split, self.end


def phases_of(
    days: Sequence[dt.date], windows: str | Windows, today: dt.date | None, need: int
) -> Phases:
    """Return the phases of a schedule.

    Parameters
    ----------
    days
        Date of every bar.
    windows
        Name or path of the schedule, or the schedule.
    today
        Date that windows are counted back from; by default the last bar's.
    need
        Longest lookback, in bars.

    Raises
    ------
    WfoError
        If there is no such schedule, or too little history.
    """
    schedule = windows if isinstance(windows, Windows) else Windows.load(windows)
    return schedule.resolve(days, as_of=today, warmup=max(LEAST_WARMUP, need))


def slice_of(phases: Phases, number: int | None) -> Slice:
    """Return a phase of a schedule, by default the last.

    Raises
    ------
    InputError
        If there is no such phase.
    """
    number = len(phases) if number is None else number
    if number > len(phases):
        note = f" ({phases.note})" if phases.note else ""
        raise InputError(
            f"there is no phase {number}: the schedule {phases.name!r} has {len(phases)}{note}"
        )
    name = f"phase {number} of {phases.name!r}"
    notes = (phases.note,) if phases.note else ()
    return Slice(*phases[number - 1].bounds, name, notes, number)


def slice_of_split(
    days: Sequence[dt.date],
    split: dt.date,
    begin: dt.date | None,
    today: dt.date | None,
    need: int,
) -> Slice:
    """Return the history up to its last bar, with a boundary at `split`.

    Parameters
    ----------
    days
        Date of every bar.
    split
        First out-of-sample date.
    begin
        First trading date; by default the one right after the warm-up.
    today
        Later bars are left out.
    need
        Longest lookback, in bars.

    Raises
    ------
    WfoError
        If there is too little history, or a part would have no bars.
    """
    end = len(days) if today is None else bisect_right(days, today)
    least = max(LEAST_WARMUP, need)
    if end <= least + 1:
        until = f" up to {today}" if today else ""
        raise DataError(
            f"too little history: {end} bars{until}, of which the warm-up takes {least};"
            " import more of it"
        )
    warmup = least if begin is None else bisect_left(days, begin)
    if warmup < least:
        raise InputError(
            f"--from {begin} leaves {warmup} bars for the warm-up, which takes {least};"
            f" the first date possible is {days[least]}"
        )
    boundary = bisect_left(days, split)
    if not warmup < boundary < end:
        since = days[warmup] if warmup < end else begin
        raise InputError(
            f"--split {split} leaves no bars on one side: those that trade are {since} to"
            f" {days[end - 1]}"
        )
    return Slice(warmup, boundary, end, f"split on {split}")
