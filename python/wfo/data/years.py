"""How many bars a year has: counted from their dates, for any shape of the week.

A year has the sessions of a year times the mean number of bars of a session, rounded to whole bars.
A session is a date with bars; of intraday bars dates are those of the exchange's time zone.

- *Sessions of a year* follow from the steps between successive sessions: so many steps in so many
  days, times 365.25. Steps of more than 15 days are missing data and are left out. Where less than
  a year is covered, holidays of a few weeks would tell too much: the weekdays that trade decide,
  252 for Monday to Friday, 365 for all seven, and 52.18 for each otherwise, of Monday to Friday too
  where more sessions have gone by than an exchange with holidays has. Where a quarter or more
  of a year has less than four fifths of that, bars are missing on most weekdays, and it counts.
  Of more than a year the last whole years count, since holidays are no even part of a year.
- *Conventions.* A count within 1 % of 252 is 252, within 0.5 % of 365 is 365, since holidays vary
  by as much. Over a year or two it is 252 with 4.5 sessions less or more in all, too: so much does
  where a history begins and ends make of it in New York. With a week without trading, as of
  September 2001, it is 6.5 less.
- *Bars of a session* are a mean, so that half-days, changes of clock, evenings that open a week and
  minutes without a trade count as what they are. A first or last session that has fewer bars than
  any between is cut off, and left out.
- *Weekly bars* are 52.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from wfo.arguments import real_number
from wfo.data.timeframes import TIMEFRAMES, is_intraday, require_timeframe
from wfo.errors import InputError
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    Days = NDArray[np.int64]

#: Days of a year of the calendar.
DAYS_A_YEAR: Final = 365.25

#: Sessions a year of an exchange, and of a market that never closes.
EXCHANGE_DAYS: Final = 252
ALL_DAYS: Final = 365

#: Bars to a year of weekly ones.
WEEKS: Final = 52

#: Bars of a year, at most: a year has 3.2e7 seconds.
MOST_BARS_PER_YEAR: Final = 1e9

#: A longer step between two sessions, in days, is missing data: exchanges close for 11 at most.
_MISSING: Final = 15

#: A count this near to a convention is the convention.
_NEAR_EXCHANGE: Final = 0.01
_NEAR_ALL: Final = 0.005

#: A calendar year from its first session to its last, in days, at least.
_YEAR: Final = 358

#: Sessions in all by which whole years of an exchange may miss its convention. In New York it is up
#: to 4.4 from 1972 to 2026, and 6.4 with a step of a week.
_OFF, _FEWER_BY_A_WEEK = 4.5, 6.5
_WEEK: Final = 7

#: The same of less than a year, which has more sessions without a winter's holidays.
_MORE: Final = 5

#: Of so many days or more a count of less than this share of the week's sessions is no matter of
#: holidays: those of Shanghai leave nine tenths.
_QUARTER: Final = 91
_SPARSE: Final = 0.8

#: A weekday that is passed over so often without trading is no day of trade; holidays are fewer.
_PASSED: Final = 3

_MONDAY_TO_FRIDAY: Final = frozenset(range(5))
_SATURDAY, _SUNDAY = 5, 6
_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

#: Whether a figure was counted from the bars or given.
YearSource = Literal["counted", "given"]


@dataclass(frozen=True, slots=True)
class Year:
    """How many bars a year has, and how that was found.

    Attributes
    ----------
    bars
        What makes a figure of one bar annual, above 0.
    source
        ``"counted"`` from the dates of the bars, or ``"given"`` in place of it.
    how
        How it was counted, in words; empty where it was given.
    """

    bars: float
    source: YearSource = "counted"
    how: str = ""

    def __str__(self) -> str:
        how = "given" if self.source == "given" else f"counted: {self.how}"
        return f"{self.bars:,.10g} ({how})"

    @property
    def said(self) -> str:
        """The figure with its unit, for a line that is headed ``Year``."""
        number, how = str(self).split(" ", 1)
        return f"{number} bars {how}"

    @property
    def given(self) -> float | None:
        """The bars, where they were given; None where they were counted."""
        return self.bars if self.source == "given" else None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for records."""
        return {"value": self.bars, "from": self.source, "how": self.how}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Year:
        """Rebuild what `to_dict` returned."""
        return cls(float(data["value"]), data["from"], data["how"])


def checked_bars_per_year(value: object) -> float:
    """Return what makes figures of one bar annual, as a float.

    Raises
    ------
    InputError
        If it is no number above 0, or above 1e9: a year has 3.2e7 seconds.
    """
    number = real_number("bars_per_year", value)
    if not 0 < number <= MOST_BARS_PER_YEAR:
        raise InputError(
            f"bars_per_year = {brief(value)} must be a number above 0, and at most"
            f" {MOST_BARS_PER_YEAR:g}"
        )
    return number


def year_of(timeframe: str, dates: Sequence[dt.date], given: float | None = None) -> Year:
    """Return how many bars a year has: as given, else counted.

    Parameters
    ----------
    timeframe, dates
        As of `count_year`.
    given
        What is to hold in place of the count; None where it is counted.

    Raises
    ------
    InputError
        If what is given is no number above 0 and up to 1e9, or nothing can be counted.
    """
    if given is not None:
        return Year(checked_bars_per_year(given), "given")
    return count_year(timeframe, dates)


def count_year(timeframe: str, dates: Sequence[dt.date]) -> Year:
    """Return how many bars a year has.

    Parameters
    ----------
    timeframe
        One of `wfo.data.TIMEFRAMES`.
    dates
        The date of every bar, ascending; of intraday bars in the exchange's time zone.

    Raises
    ------
    InputError
        If the timeframe is not known, or there are no dates, or something else among them.
    """
    if not hasattr(dates, "__len__"):
        raise InputError(f"dates = {brief(dates)} must be dates, one of every bar")
    if not len(dates):
        raise InputError("there are no bars to count a year in")
    if TIMEFRAMES[require_timeframe(timeframe)] >= TIMEFRAMES["1week"]:
        return Year(float(WEEKS), how=f"{WEEKS} weeks")
    return _counted(dates, intraday=is_intraday(timeframe))


def infer_year(stamps: pl.Series) -> Year:
    """Return how many bars a year has, by the spacing that most of the bars have.

    The rules are those of `count_year`; bars of more than a week are counted in 365.25 days.

    Parameters
    ----------
    stamps
        The bars' dates, or date-times in the exchange's time zone, ascending.

    Raises
    ------
    InputError
        If there are less than two bars.
    """
    import polars as pl

    steps = stamps.diff().drop_nulls().cast(pl.Duration("us"))
    if steps.is_empty():
        raise InputError("bars_per_year cannot be inferred from less than two bars; give it")
    spacing: dt.timedelta = min(steps.mode().to_list())
    # Holidays make some weeks a day shorter or longer, and months have 28 days and more.
    if spacing >= dt.timedelta(days=6):
        length = spacing / dt.timedelta(days=1)
        return Year(_whole(DAYS_A_YEAR / length), how=f"a bar takes {_number(length)} days")
    days = stamps.dt.date() if stamps.dtype != pl.Date else stamps
    return _counted(days.to_list(), intraday=spacing < dt.timedelta(days=1))


def _counted(dates: Sequence[dt.date], *, intraday: bool) -> Year:
    """Return the year of bars of a day or less."""
    import numpy as np

    if isinstance(dates, np.ndarray) and dates.dtype.kind == "M":
        dates = dates.astype("datetime64[D]").tolist()
    try:
        ordinals = np.array([d.toordinal() for d in dates], dtype=np.int64)
    except AttributeError:
        raise InputError("dates must be dates, one of every bar, and nothing else") from None
    days, counts = np.unique(ordinals, return_counts=True)
    sessions, how = _sessions(days)
    if not intraday:
        return Year(_whole(sessions), how=how)
    bars = float(_uncut(counts).mean())
    return Year(_whole(sessions * bars), how=f"{how}, of {_number(bars)} bars each")


def _sessions(days: Days) -> tuple[float, str]:
    """Return the sessions of a year, and how they were counted.

    Parameters
    ----------
    days
        Ordinals of the dates with bars, int64[n], ascending, each once.
    """
    import numpy as np

    steps = np.diff(days)
    kept = steps[steps <= _MISSING]
    covered = int(kept.sum())
    if covered < _YEAR:
        off = len(kept) - EXCHANGE_DAYS * covered / DAYS_A_YEAR
        expected, how = _of_week(_weekdays(days), holidays=off <= _MORE)
        if covered < _QUARTER or len(kept) >= _SPARSE * expected * covered / DAYS_A_YEAR:
            return expected, how
    else:
        kept = _whole_years(kept)
    years = int(kept.sum()) / DAYS_A_YEAR
    off = len(kept) - EXCHANGE_DAYS * years
    count = len(kept) / years
    fewer = _FEWER_BY_A_WEEK if kept.max() >= _WEEK else _OFF
    if -fewer <= off <= _OFF or abs(count - EXCHANGE_DAYS) <= _NEAR_EXCHANGE * EXCHANGE_DAYS:
        return _convention(EXCHANGE_DAYS)
    if abs(count - ALL_DAYS) <= _NEAR_ALL * ALL_DAYS:
        return _convention(ALL_DAYS)
    return count, f"{_number(count)} sessions"


def _whole_years(steps: Days) -> Days:
    """Return the steps of the last whole years, in whole weeks, such as those of calendar years."""
    import numpy as np

    back = np.cumsum(steps[::-1])
    years = int((back[-1] + DAYS_A_YEAR - _YEAR) / DAYS_A_YEAR)
    days = int(years * DAYS_A_YEAR) // 7 * 7
    return steps[len(steps) - int(np.searchsorted(back, days, side="right")) :]


def _convention(sessions: int) -> tuple[float, str]:
    return float(sessions), f"{sessions} sessions by convention"


def _uncut(counts: Days) -> Days:
    """Return the bars of sessions without those of a first and last one that are cut off."""
    inner = counts[1:-1]
    if not len(inner):
        return counts
    least = inner.min()
    return counts[int(counts[0] < least) : len(counts) - int(counts[-1] < least)]


def _of_week(weekdays: frozenset[int], *, holidays: bool) -> tuple[float, str]:
    """Return the sessions of a year by the weekdays that trade, 0 being Monday, in words too.

    From Monday to Friday they are those of an exchange, unless there are no `holidays`.
    """
    if weekdays == _MONDAY_TO_FRIDAY and holidays:
        return _convention(EXCHANGE_DAYS)
    if len(weekdays) == 7:
        return _convention(ALL_DAYS)
    count = len(weekdays) * DAYS_A_YEAR / 7
    named = ", ".join(_NAMES[day] for day in sorted(weekdays))
    return count, f"{_number(count)} sessions by the weekdays that trade ({named})"


def _weekdays(days: Days) -> frozenset[int]:
    """Return the weekdays on which a market trades that is known for less than a year.

    A weekday trades if half of those that went by did. One that was not seen, or was passed over
    too seldom to be more than a holiday, is taken to trade from Monday to Friday; Sunday, where it
    was not seen, as Saturday does.
    """
    traded, passed = [0] * 7, [0] * 7
    last = None
    for day in days.tolist():
        traded[(day - 1) % 7] += 1  # day 1 of the calendar was a Monday
        first = day if last is None or day - last > _MISSING else last + 1
        for each in range(first, day + 1):
            passed[(each - 1) % 7] += 1
        last = day
    found: set[int] = set()
    for weekday, (own, of) in enumerate(zip(traded, passed, strict=True)):
        usual = weekday in _MONDAY_TO_FRIDAY
        if of == 0 and weekday == _SUNDAY:
            usual = _SATURDAY in found
        if (of and 2 * own >= of) or (of < _PASSED and usual):
            found.add(weekday)
    return frozenset(found)


def _whole(bars: float) -> float:
    """Return bars of a year as a whole number; less than one stays as it is."""
    return float(round(bars)) if bars >= 1 else bars


def _number(value: float) -> str:
    """Return a number with one decimal at most."""
    return f"{value:,.1f}".removesuffix(".0")
