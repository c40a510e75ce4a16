"""Lay the walk-forwards of a matrix over a history, all with the same first traded bar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from wfo.errors import DataError, InputError
from wfo.walkforward.criteria import Criterion, resolved_by
from wfo.walkforward.matrix_lengths import check_cells
from wfo.walkforward.parts import Part, part_of
from wfo.windows import LEAST_WARMUP, Length, WalkSchedule, WalkWindow, WalkWindows
from wfo.windows.dates import day_of, first_trading

#: Days on which a search for a common first date gives up: months have 31, and lengths of months
#: and days each rule out some of them.
_MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class LaidCell:
    """A cell before anything is chosen.

    Attributes
    ----------
    kind
        ``"rolling"`` or ``"anchored"``.
    in_sample, out_of_sample
        The lengths.
    windows
        Its windows; None where it cannot be done.
    reason
        Why not; else empty.
    """

    kind: str
    in_sample: Length
    out_of_sample: Length
    windows: WalkWindows | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MatrixLayout:
    """The cells of a matrix on a history.

    Attributes
    ----------
    in_samples, out_of_samples, kinds
        What the cells are of.
    cells
        By kind, then in-sample length, then out-of-sample length.
    begin
        The date on which all of them begin to trade, or with the first bar after it.
    notes
        What is to be known of it, one sentence each.
    """

    in_samples: tuple[Length, ...]
    out_of_samples: tuple[Length, ...]
    kinds: tuple[str, ...]
    cells: tuple[LaidCell, ...]
    begin: dt.date

    def parts(self) -> list[WalkWindow]:
        """Return a window for each distinct in-sample part, numbered from 1 on.

        They are what is chosen in: by first bar, and of those that begin together by the last one,
        so that parts which share bars stand together. Their out-of-sample parts say nothing.
        """
        found: dict[Part, WalkWindow] = {}
        for cell in self.cells:
            for window in cell.windows or ():
                found.setdefault(part_of(window), window)
        ordered = (found[part] for part in sorted(found))
        return [replace(window, number=number) for number, window in enumerate(ordered, 1)]


def matrix_by(
    by: str | None, in_samples: Sequence[Length], purge: Length | str | None = None
) -> str:
    """Return what all cells of a matrix choose by, so that they differ by their lengths alone.

    Parameters
    ----------
    by
        Its name; None takes the stability score where all in-sample lengths, less the purge, are
        long enough for it, and else a figure.
    in_samples, purge
        The lengths.

    Raises
    ------
    InputError
        If there is no criterion of that name.
    """
    if by is not None:
        return Criterion.of(by).by
    left_out = Length(0) if purge is None else Length.of(purge, "purge")
    # Lengths that a purge leaves nothing of are reasons of their cells.
    long = [length for length in in_samples if left_out.longest_days < length.shortest_days]
    return resolved_by(None, [_schedule(length, length, "rolling", purge) for length in long])


def _schedule(inside: Length, out: Length, kind: str, purge: Length | str | None) -> WalkSchedule:
    left_out = Length(0) if purge is None else Length.of(purge, "purge")
    return WalkSchedule(inside, out, purge=left_out, anchored=kind == "anchored")


def lay_matrix(
    days: Sequence[dt.date],
    in_samples: tuple[Length, ...],
    out_of_samples: tuple[Length, ...],
    kinds: tuple[str, ...],
    *,
    purge: Length | str | None = None,
    begin: dt.date | None = None,
    as_of: dt.date | None = None,
    warmup: int = LEAST_WARMUP,
    by: str | None = None,
) -> MatrixLayout:
    """Lay the cells of a matrix over a history.

    All cells begin to trade on one date, the longest in-sample length after the first date that
    trades; each cell's in-sample parts begin its own length before it. A cell is therefore the same
    as ``WalkSchedule(...).resolve(days, begin=…)`` with where its first window begins.

    Parameters
    ----------
    days
        The date of every bar.
    in_samples, out_of_samples, kinds
        From `wfo.walkforward.matrix_lengths`, ascending.
    purge
        What the end of every in-sample part leaves out.
    begin
        Where the longest in-sample part begins; by default with the first bar that trades.
    as_of, warmup
        As of `WalkSchedule.resolve`.
    by
        What is chosen by, from `matrix_by`: a cell whose in-sample length is too short for it is
        left out with that reason. None leaves none out.

    Raises
    ------
    DataError
        If the history is too short for every cell.
    InputError
        If there are too many cells, `begin` cannot be, or every cell is refused.
    """
    check_cells(in_samples, out_of_samples, kinds)
    today = day_of(as_of) or days[-1]
    trades = first_trading(list(days), warmup)
    start = day_of(begin, "begin") or trades
    if trades is None or start is None:
        raise DataError(
            f"too little history: {len(days)} bars, of which {warmup} are the warm-up; get earlier"
            " bars"
        )
    if start < trades:
        raise InputError(
            f"begin = {start} comes before {trades}, the first date that trades after a warm-up of"
            f" {warmup} bars; take that one or a later one"
        )
    shortest = out_of_samples[0]
    # A length that leaves no whole out-of-sample part would move the others' start for nothing.
    fitting = [
        length for length in in_samples if shortest.after(length.after(start)) <= _behind(today)
    ]
    if not fitting:
        raise DataError(
            f"too little history: it trades from {start} to {today}, and {in_samples[0].text} of"
            f" in-sample and {shortest.text} of out-of-sample bars do not fit in; get earlier bars,"
            " or take shorter lengths"
        )
    common = _common_start(start, fitting)
    cells = []
    for kind, inside, out in product(kinds, in_samples, out_of_samples):
        windows, reason = None, ""
        if inside not in fitting:
            reason = (
                f"too little history for {inside.text} of in-sample and {shortest.text} of"
                f" out-of-sample bars between {start} and {today}"
            )
        else:
            try:
                schedule = _schedule(inside, out, kind, purge)
                windows = schedule.resolve(
                    list(days), begin=_origin(common, inside), as_of=today, warmup=warmup
                )
                resolved_by(by, schedule)
            except (DataError, InputError) as error:
                windows, reason = None, str(error)
        cells.append(LaidCell(kind, inside, out, windows, reason))
    if all(cell.windows is None for cell in cells):
        raise InputError(f"no cell of the matrix can be done; of the first one: {cells[0].reason}")
    return MatrixLayout(in_samples, out_of_samples, kinds, tuple(cells), common)


def _behind(day: dt.date) -> dt.date:
    return day + dt.timedelta(1)


def _origin(common: dt.date, length: Length) -> dt.date:
    """Return the date from which on the length ends with the common one."""
    return Length(length.months).before(Length(0, length.days).before(common))


def _common_start(start: dt.date, lengths: Sequence[Length]) -> dt.date:
    """Return the first date that is each length after an origin of its own, at `start` or later.

    Months differ: a month before the 31st of March is the 28th of February, and a month after that
    the 28th of March. Some days later every length leads from its origin to the same date.
    """
    earliest = max(length.after(start) for length in lengths)
    for moved in range(_MOST_DAYS):
        common = earliest + dt.timedelta(moved)
        origins = [(length, _origin(common, length)) for length in lengths]
        if all(day >= start and length.after(day) == common for length, day in origins):
            return common
    named = ", ".join(length.text for length in lengths)
    raise InputError(
        f"in-sample lengths {named} end on no common date; give them in months, or in days"
    )
