"""Which order of day, month and year the dates of a file are in, where several are possible."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from wfo.data.calendars import NO_CALENDAR, load_sessions
from wfo.data.importing.times.dates import Reading, within_years

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Days = npt.NDArray[np.int64]

#: Days between neighbours that are bars of a length that is read: over weekends, and weeks.
_LONGEST_STEP: Final = 7
#: Dates are apart as bars are where more than this share of steps are so, of two steps at least,
#: and are not where at most that share is.
_MOST: Final = 0.5
_FEW: Final = 0.25

#: Dates follow a calendar where at most this share lies outside of its sessions, and do not where
#: at least that share does.
_HARDLY_OUTSIDE: Final = 0.02
_OFTEN_OUTSIDE: Final = 0.1


@dataclasses.dataclass(frozen=True)
class Choice:
    """The order that was chosen.

    Attributes
    ----------
    reading
        The dates in it.
    note
        What it was chosen by; empty where no other was possible.
    certain
        Whether it is beyond doubt.
    """

    reading: Reading
    note: str
    certain: bool


def choose(
    readings: Sequence[Reading], texts: Sequence[str], codes: Days, calendar: str, column: str
) -> Choice:
    """Choose between readings of the same dates.

    What tells, in this order: a number that only one of them takes for a day, month or year; rows
    that ascend, or descend, in one order only; dates that are as far apart as bars; the sessions
    of the calendar. Where nothing does, the first reading is taken.

    Parameters
    ----------
    readings
        The readings, the one to take in a tie first; one at least.
    texts
        The distinct dates.
    codes
        The index of each row's date in them, in the order of the rows.
    calendar
        A name of `wfo.data.calendar_names`.
    column
        What the column is called in notes, in quotes.
    """
    possible = [r for r in readings if r.valid.all() and within_years(r.days).all()]
    if not possible:
        return Choice(max(readings, key=lambda r: int(r.valid[codes].sum())), "", certain=True)
    names = " or ".join(r.form.name for r in possible)
    if len(possible) == 1:
        only, other = possible[0], readings[0]
        if only is other:
            return Choice(only, "", certain=True)
        example = texts[int(codes[~(other.valid & within_years(other.days))[codes]][0])]
        said = f"the dates in column {column} are read as {only.form.name}: {example!r} is none of"
        return Choice(only, f"{said} {other.form.name}", certain=True)
    if possible[0].form.name == "DD.MM.YYYY":
        # With points the day is first, but where the numbers say otherwise.
        return Choice(possible[0], "", certain=True)

    ordered = [r for r in possible if _is_ordered(r.days[codes])]
    if len(ordered) == 1:
        why = "only so do the rows ascend or descend"
        return Choice(ordered[0], _note(ordered[0], names, column, why), certain=True)
    found = _spaced(ordered or possible, codes)
    why = "only so are they as far apart as bars are"
    if found is None:
        found = _in_sessions(ordered or possible, codes, calendar)
        why = f"only so do they fall on sessions of {calendar}"
    if found is not None:
        # Of a month by its name only the year is in doubt, and other years lie far apart.
        certain = "MMM" in found.form.name
        return Choice(found, _note(found, names, column, why), certain=certain)
    possible = ordered or possible
    first, second = possible[:2]
    if "MMM" in first.form.name or first.form.name == "DD.MM.YY":
        return Choice(first, "", certain=True)
    both = f"{names} (no number is above 12)" if len(possible) == 2 and "YYYY" in names else names
    advice = f"give the date format {second.form.name} if that is wrong"
    note = f"the dates in column {column} could be {both}; read as {first.form.name}: {advice}"
    return Choice(first, note, certain=_same(possible))


def _note(found: Reading, names: str, column: str, why: str) -> str:
    return (
        f"the dates in column {column} could be {names}; read as {found.form.name}, as {why}: give "
        "the date format (--date-format) if that is wrong"
    )


def _same(possible: Sequence[Reading]) -> bool:
    """Tell whether all readings are the same dates, such as the second of February alone."""
    return all((r.days == possible[0].days).all() for r in possible)


def _is_ordered(days: Days) -> bool:
    import numpy as np

    steps = np.diff(days)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _spaced(possible: Sequence[Reading], codes: Days) -> Reading | None:
    """Return the only reading of which most dates are as far apart as bars, and of others few."""
    import numpy as np

    shares = []
    for reading in possible:
        steps = np.diff(np.unique(reading.days[codes]))
        if len(steps) < 2:
            return None
        shares.append(float((steps <= _LONGEST_STEP).mean()))
    right = [r for r, share in zip(possible, shares, strict=True) if share > _MOST]
    wrong = [share for share in shares if share <= _FEW]
    return right[0] if len(right) == 1 and len(wrong) == len(possible) - 1 else None


def _in_sessions(possible: Sequence[Reading], codes: Days, calendar: str) -> Reading | None:
    import numpy as np

    if calendar == NO_CALENDAR:
        return None
    outside = []
    epoch = dt.date(1970, 1, 1)
    for reading in possible:
        days = np.unique(reading.days[codes])
        first, last = (epoch + dt.timedelta(int(day)) for day in (days[0], days[-1]))
        sessions = load_sessions(calendar, first, last)
        if sessions.first > first or sessions.last < last:
            return None
        known = sessions.frame["session"].to_physical().to_numpy()
        outside.append(float((~np.isin(days, known)).mean()))
    right = [r for r, share in zip(possible, outside, strict=True) if share <= _HARDLY_OUTSIDE]
    wrong = [share for share in outside if share > _HARDLY_OUTSIDE]
    return right[0] if len(right) == 1 and min(wrong) >= _OFTEN_OUTSIDE else None
