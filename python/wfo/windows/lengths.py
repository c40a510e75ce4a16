"""Lengths of time on a calendar: whole months, whole days, or both."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

from wfo.errors import InputError
from wfo.files.limits import PHASE_MONTHS
from wfo.text import brief

#: A length as files and options write it.
_TEXT = re.compile(r"\s*(?:([0-9]+(?:\.[0-9]+)?)\s*y)?\s*(?:([0-9]+)\s*m)?\s*(?:([0-9]+)\s*d)?\s*")
_LONGEST_TEXT = 40

#: A time before today, and how long it is at most.
_TIME = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([ym])\s*")
_LONGEST_TIME = 40

#: Days of a length, at most: those of as many months as a schedule may look back.
_MOST_DAYS = PHASE_MONTHS * 31

#: After so many months the calendar repeats itself.
_CYCLE = 4800


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time on a calendar.

    Attributes
    ----------
    months, days
        Whole numbers from 0 on. Months are added first, then days.

    Raises
    ------
    InputError
        If they are no such numbers.
    """

    months: int
    days: int = 0

    def __post_init__(self) -> None:
        for name, most in (("months", PHASE_MONTHS), ("days", _MOST_DAYS)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
                raise InputError(
                    f"{name} = {brief(value)} must be a whole number from 0 to {most:,}"
                )

    @classmethod
    def of(cls, given: object, name: str = "length") -> Length:
        """Return what a text says: ``3y``, ``1.5y``, ``18m``, ``1y6m``, ``30d``.

        Parameters
        ----------
        given
            The text, or a `Length`, which is returned as it is.
        name
            What it is called in messages.

        Raises
        ------
        InputError
            If it is no length.
        """
        if isinstance(given, Length):
            return given
        match = None
        if isinstance(given, str) and given.strip() and len(given) <= _LONGEST_TEXT:
            match = _TEXT.fullmatch(given)
        if match is None:
            raise InputError(f"{name} = {brief(given)} is no length of time; write 3y, 18m or 30d")
        months = 12 * float(match[1] or 0) + int(match[2] or 0)
        days = int(match[3] or 0)
        if months > PHASE_MONTHS or days > _MOST_DAYS:
            raise InputError(
                f"{name} = {brief(given)} is longer than {PHASE_MONTHS // 12:,} years; take less"
            )
        if months != int(months):
            raise InputError(f"{name} = {brief(given)} is no whole number of months")
        return cls(int(months), days)

    def __bool__(self) -> bool:
        return bool(self.months or self.days)

    def __add__(self, other: Length) -> Length:
        return Length(self.months + other.months, self.days + other.days)

    def times(self, count: int) -> Length:
        """Return the length so many times over."""
        return Length(self.months * count, self.days * count)

    @property
    def text(self) -> str:
        """The same as text, alike for ``12m`` and ``1y``."""
        years, months = divmod(self.months, 12)
        # 18m is said more often than 1y6m.
        parts = [f"{years}y"] if years and not months else [f"{self.months}m"] * bool(months)
        parts += [f"{self.days}d"] * bool(self.days)
        return "".join(parts) or "0d"

    @property
    def shortest_days(self) -> int:
        """Days that it has at least, wherever it begins."""
        return _days_of(self.months)[0] + self.days

    @property
    def longest_days(self) -> int:
        """Days that it has at most, wherever it begins."""
        return _days_of(self.months)[1] + self.days

    def reaches(self, other: Length) -> bool:
        """Whether it ends no earlier than another one that begins with it, whenever that is."""
        months, days = self.months - other.months, self.days - other.days
        # What both have in common moves both alike, to a day that may be any.
        if months >= 0:
            return days >= 0 or _days_of(months)[0] + days >= 0
        return days >= _days_of(-months)[1]

    def after(self, day: dt.date) -> dt.date:
        """Return the day so much later; `datetime.date.max` beyond the calendar."""
        return later(day, self.months, self.days)

    def before(self, day: dt.date) -> dt.date:
        """Return the day so much earlier; `datetime.date.min` beyond the calendar."""
        try:
            return months_before(day, self.months) - dt.timedelta(self.days)
        except OverflowError:
            return dt.date.min


def later(day: dt.date, months: int, days: int) -> dt.date:
    """Return the day so many months, and then days, later; the last one beyond the calendar."""
    try:
        return months_before(day, -months) + dt.timedelta(days)
    except (OverflowError, ValueError):
        return dt.date.max


def months_before(day: dt.date, months: int) -> dt.date:
    """Return the same day so many months earlier, or the last one of a month that lacks it."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    month += 1
    if year < dt.MINYEAR:
        return dt.date.min
    last = calendar.monthrange(year, month)[1]
    return day.replace(year=year, month=month, day=min(day.day, last))


def months_of(text: object) -> int:
    """Return a time before today, as windows files write it, in months.

    Raises
    ------
    InputError
        If it is none.
    """
    if text in (0, "0", "today") and not isinstance(text, bool):
        return 0
    said = text if isinstance(text, str) else ""
    match = _TIME.fullmatch(said) if len(said) <= _LONGEST_TIME else None
    if match is None:
        said = text.isoformat() if isinstance(text, dt.date) else brief(text)
        raise InputError(f"{said} is no time before today; write 10y, 18m or today")
    months = float(match[1]) * (12 if match[2] == "y" else 1)
    if months > PHASE_MONTHS:
        raise InputError(f"{brief(text)} is more than {PHASE_MONTHS // 12:,} years back")
    if months != int(months):
        raise InputError(f"{brief(text)} is no whole number of months")
    return int(months)


@lru_cache(maxsize=64)
def _days_of(months: int) -> tuple[int, int]:
    """Return the fewest and the most days of so many months, over all days that they begin on."""
    cycles, rest = divmod(months, _CYCLE)
    sizes = [calendar.monthrange(2000 + at // 12, at % 12 + 1)[1] for at in range(_CYCLE)]
    firsts = [0]
    for size in (*sizes, *sizes):
        firsts.append(firsts[-1] + size)
    found = [
        firsts[at + rest] - firsts[at] + min(day, sizes[(at + rest) % _CYCLE]) - day
        for at, size in enumerate(sizes)
        # Between these days both ends move alike.
        for day in {1, min(29, size), min(30, size), size}
    ]
    whole = cycles * firsts[_CYCLE]
    return whole + min(found), whole + max(found)
