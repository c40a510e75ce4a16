"""Windows: overlapping phases of in-sample and out-of-sample bars, counted back from today.

A phase is one continuous backtest. Its slice begins with the first bar of the history, so the
warm-up of a later phase is longer than that of an earlier one and indicators are the same in all.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

from wfo.arguments import rebuilt, whole_number
from wfo.data.foreign import stamp_list
from wfo.errors import DataError, InputError, did_you_mean
from wfo.files.limits import PHASE_MONTHS, PHASES
from wfo.text import brief, html_table, one_line, printable, shown
from wfo.yaml_text import read_yaml

#: Bars before the first trading bar, at least.
LEAST_WARMUP = 100

#: Least history in months, number of phases, and in how many a combination must be valid.
_SHRUNK = ((72, 4, 3), (36, 3, 2), (18, 2, 2))
_SHRUNK_IN_SAMPLE = 0.6
_DAYS_A_YEAR = 365.25

#: A time before today, and how long it is at most.
_TIME = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([ym])\s*")
_LONGEST_TIME = 40


@dataclass(frozen=True, slots=True)
class DateSpan:
    """A phase before it meets a history: months before today, and the in-sample share."""

    from_months: int
    to_months: int
    in_sample: float

    def __post_init__(self) -> None:
        for months in (self.from_months, self.to_months):
            if isinstance(months, bool) or not isinstance(months, int):
                raise InputError(f"a phase lies {brief(months)} months back, no whole number")
            if months > PHASE_MONTHS:
                raise InputError(
                    f"a phase lies {brief(months)} months back; at most {PHASE_MONTHS:,} will do"
                )
        if not self.from_months > self.to_months >= 0:
            raise InputError(
                f"a phase must begin before it ends: from {self.from_months} months ago"
                f" to {self.to_months} months ago"
            )
        if not 0 < self.in_sample < 1:
            raise InputError(f"in_sample = {brief(self.in_sample)} must lie between 0 and 1")

    def to_dict(self) -> dict[str, Any]:
        """Return the span in the form a windows file has."""
        return {
            "from": f"{self.from_months}m",
            "to": f"{self.to_months}m",
            "in_sample": self.in_sample,
        }


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase on a history.

    Attributes
    ----------
    number
        From 1 on.
    warmup, split, end
        First trading bar, first out-of-sample bar, one past the last bar.
    from_date, split_date, to_date
        The dates that these were looked up by. A boundary is the first bar on or after its date;
        only a phase that ends today includes the bar of its last date.
    in_sample, out_of_sample
        Dates of the first and the last bar of each part.
    """

    number: int
    warmup: int
    split: int
    end: int
    from_date: dt.date
    split_date: dt.date
    to_date: dt.date
    in_sample: tuple[dt.date, dt.date]
    out_of_sample: tuple[dt.date, dt.date]

    @property
    def bounds(self) -> tuple[int, int, int]:
        """`warmup`, `split` and `end`."""
        return self.warmup, self.split, self.end

    @property
    def annual_factor(self) -> float:
        """In-sample days by out-of-sample days: turns a raw walk-forward efficiency annual."""
        return (self.split_date - self.from_date).days / (self.to_date - self.split_date).days

    def _check(self, number: int) -> None:
        """Raise an `InputError` unless bars and dates ascend, and it is the phase of that number.

        Whatever is computed of a phase divides by lengths that are above 0 then.
        """
        dates = (*self.in_sample, *self.out_of_sample)
        if not (
            self.number == number
            and 0 <= self.warmup < self.split < self.end
            and self.from_date < self.split_date < self.to_date
            and all(a <= b for a, b in pairwise(dates))
        ):
            raise InputError(
                f"phase {number} is stated as number {self.number}, bars {self.bounds}, split on"
                f" {self.split_date} between {self.from_date} and {self.to_date}, which cannot be"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the phase as plain values, for the manifest."""
        return {
            "number": self.number,
            "warmup": self.warmup,
            "split": self.split,
            "end": self.end,
            "from": self.from_date.isoformat(),
            "split_date": self.split_date.isoformat(),
            "to": self.to_date.isoformat(),
            "in_sample": [d.isoformat() for d in self.in_sample],
            "out_of_sample": [d.isoformat() for d in self.out_of_sample],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Phase:
        """Rebuild what `to_dict` returned."""
        day = dt.date.fromisoformat
        return rebuilt(
            "phase",
            data,
            lambda v: cls(
                operator.index(v["number"]),
                operator.index(v["warmup"]),
                operator.index(v["split"]),
                operator.index(v["end"]),
                day(v["from"]),
                day(v["split_date"]),
                day(v["to"]),
                (day(v["in_sample"][0]), day(v["in_sample"][1])),
                (day(v["out_of_sample"][0]), day(v["out_of_sample"][1])),
            ),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Phases(Sequence[Phase]):
    """The phases of a schedule on a history, in order.

    Attributes
    ----------
    name
        Name of the schedule.
    phases
        The phases themselves; the object is also a sequence of them.
    as_of
        Today: the date that years are counted back from.
    min_phases
        In how many phases a combination must be valid to be stable, by default.
    note
        What had to be changed for this history, or empty.
    """

    name: str
    phases: tuple[Phase, ...]
    as_of: dt.date
    min_phases: int
    note: str = ""

    def __post_init__(self) -> None:
        _refuse_many(self.name, len(self.phases))

    @overload
    def __getitem__(self, index: int) -> Phase: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Phase]: ...
    def __getitem__(self, index: int | slice) -> Phase | Sequence[Phase]:
        return self.phases[index]

    def __len__(self) -> int:
        return len(self.phases)

    def __iter__(self) -> Iterator[Phase]:
        return iter(self.phases)

    def __repr__(self) -> str:
        spans = ", ".join(f"{p.in_sample[0]} to {p.out_of_sample[1]}" for p in self.phases)
        return f"Phases({self.name!r} as of {self.as_of}: {spans})"

    def _repr_html_(self) -> str:
        note = f"; {self.note}" if self.note else ""
        return html_table(f"{self.name!r} as of {self.as_of}{note}", self.rows())

    def rows(self) -> list[tuple[str, ...]]:
        """Return a table as text, the headings first: number and dates of each phase."""
        rows: list[tuple[str, ...]] = [("Phase", "In-sample", "Out-of-sample")]
        for p in self.phases:
            spans = (f"{first} to {last}" for first, last in (p.in_sample, p.out_of_sample))
            rows.append((str(p.number), *spans))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the schedule as plain values, for the manifest."""
        return {
            "name": self.name,
            "as_of": self.as_of.isoformat(),
            "min_phases": self.min_phases,
            "note": self.note,
            "phases": [p.to_dict() for p in self.phases],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Phases:
        """Rebuild what `to_dict` returned."""

        def build(values: Mapping[str, Any]) -> Phases:
            phases = tuple(Phase.from_dict(p) for p in values["phases"])
            as_of = dt.date.fromisoformat(values["as_of"])
            least = operator.index(values["min_phases"])
            if not 1 <= least <= len(phases):
                raise InputError(f"min_phases = {least} must be from 1 to the {len(phases)} phases")
            for number, phase in enumerate(phases, 1):
                phase._check(number)
            return cls(values["name"], phases, as_of, least, values["note"])

        return rebuilt("list of phases", data, build)


@dataclass(frozen=True, slots=True)
class Windows:
    """A schedule of phases before it meets a history.

    Attributes
    ----------
    name
        Name in the manifest.
    spans
        One for each phase.
    min_phases
        In how many phases a combination must be valid to be stable.
    shrinks
        Whether a history that is too short shrinks the schedule, or is an error.
    """

    name: str
    spans: tuple[DateSpan, ...]
    min_phases: int = 3
    shrinks: bool = False

    def __post_init__(self) -> None:
        if not self.spans:
            raise InputError(f"the schedule {self.name!r} has no phases")
        _refuse_many(self.name, len(self.spans))
        whole = isinstance(self.min_phases, int) and not isinstance(self.min_phases, bool)
        if not (whole and 1 <= self.min_phases <= len(self.spans)):
            raise InputError(
                f"min_phases = {brief(self.min_phases)} must be a whole number between 1 and the"
                f" {len(self.spans)} phases of {self.name!r}"
            )

    @classmethod
    def preset(cls, name: str = "default") -> Windows:
        """Return a built-in schedule: ``"default"`` or ``"sixty-forty"``.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        if not isinstance(name, str) or name not in _PRESETS:
            raise InputError(f"there is no schedule {brief(name)}{did_you_mean(name, _PRESETS)}")
        return _PRESETS[name]

    @classmethod
    def load(cls, name: str | Path) -> Windows:
        """Return a preset, or read a schedule from a YAML file.

        The file lists ``phases``, each with ``from`` and ``to`` as time before today (``10y``,
        ``18m``, ``today``) and ``in_sample``, the in-sample share; ``min_phases`` may follow.

        Raises
        ------
        InputError
            If there is no such preset or file, or it is not a schedule.
        """
        if not isinstance(name, str | Path):
            raise InputError(f"windows = {brief(name)} is no name or file of a schedule")
        path = Path(name)
        if path.suffix.lower() not in {".yaml", ".yml"}:
            try:
                return cls.preset(str(name))
            except InputError as error:
                own = "(your own is given as the path of a .yaml file)"
                raise InputError(f"{error} {own}") from None
        where = one_line(path.name)
        data = read_yaml(path, where, missing=f"there is no windows file {one_line(path)}")
        return cls.of(data, path.stem, where)

    @classmethod
    def of(cls, data: Any, name: str, where: str) -> Windows:
        """Return the schedule that a mapping describes, as YAML has it.

        Parameters
        ----------
        data
            ``phases`` and, if wanted, ``min_phases``; see `load`.
        name
            Name of the schedule.
        where
            Where it stands, for messages.

        Raises
        ------
        InputError
            If it is not a schedule.
        """
        where = brief(where) if not isinstance(where, str) else printable(where[:200])
        try:
            if not isinstance(data, Mapping):
                raise _no_schedule(data, "a schedule")
            _only(data, "phases", "min_phases")
            phases = data.get("phases")
            if not isinstance(phases, list | tuple):
                raise _no_schedule(phases, "'phases'")
            _refuse_many(name, len(phases))
            spans = tuple(_date_span(p) for p in phases)
            return cls(name, spans, data.get("min_phases", min(3, len(spans))))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None

    def begins(self, as_of: dt.date, months: int = 0) -> dt.date:
        """Return the first date of the phases counted back from a date, or `months` before it."""
        day = _day(as_of)
        if day is None:
            raise InputError("as_of = None must be a datetime.date")
        months = whole_number("months", months)
        if not 0 <= months <= PHASE_MONTHS:
            raise InputError(f"months = {months} must be from 0 to {PHASE_MONTHS:,}")
        return months_before(day, max(s.from_months for s in self.spans) + months)

    def resolve(
        self,
        dates: Any,
        *,
        as_of: dt.date | None = None,
        warmup: int = LEAST_WARMUP,
    ) -> Phases:
        """Lay the schedule over a history.

        Parameters
        ----------
        dates
            The bars' dates, ascending; of intraday bars the exchange's local date-times. A list, a
            series of Polars or pandas, an index of pandas, or an array of PyArrow or NumPy.
        as_of
            Today; by default the date of the last bar. Later bars are left out.
        warmup
            Bars before the first trading bar, at least.

        Raises
        ------
        DataError
            If the history is too short; the message names the first date needed. Or if it is no
            history: no dates, or dates that do not ascend.
        InputError
            If `as_of` lies outside the history, or `warmup` is below 0.
        """
        days = _days(dates)
        if not days:
            raise DataError("there are no bars to lay windows over")
        warmup = whole_number("warmup", warmup)
        if warmup < 0:
            raise InputError(f"warmup = {warmup} must be 0 bars or more")
        today = _day(as_of) or days[-1]
        if not days[0] <= today <= days[-1]:
            raise InputError(
                f"as-of {today} lies outside the history, {days[0]} … {days[-1]};"
                " take a date within it"
            )
        days = days[: bisect_right(days, today)]
        first = _first_trading(days, warmup)
        needed = months_before(today, max(s.from_months for s in self.spans))
        note = ""
        least = self.min_phases
        if first is not None and first <= needed:
            dated = [
                (
                    months_before(today, s.from_months),
                    months_before(today, s.to_months),
                    s.in_sample,
                )
                for s in self.spans
            ]
        elif self.shrinks:
            dated, least = self._shrunk(days, first, today, warmup)
            years = (today - dated[0][0]).days / _DAYS_A_YEAR
            note = (
                f"{years:.1f} years of history after the warm-up are too few for the"
                f" {self.name!r} schedule, which needs bars that trade from {needed} on:"
                f" {len(dated)} shorter phases instead"
            )
        else:
            raise _too_short(days, first, needed, warmup, f"the schedule {self.name!r}")
        phases = tuple(
            _phase(number, days, today, start, stop, share)
            for number, (start, stop, share) in enumerate(dated, 1)
        )
        return Phases(self.name, phases, today, least, note)

    def _shrunk(
        self, days: list[dt.date], first: dt.date | None, today: dt.date, warmup: int
    ) -> tuple[list[tuple[dt.date, dt.date, float]], int]:
        needed = months_before(today, _SHRUNK[-1][0])
        if first is None or first > needed:
            raise _too_short(days, first, needed, warmup, "the shortest schedule, 1.5 years,")
        count, least = next(
            (count, least)
            for months, count, least in _SHRUNK
            if first <= months_before(today, months)
        )
        total = (today - first).days
        span = min(total, round(max(total / 2, 1.5 * _DAYS_A_YEAR)))
        starts = [first + dt.timedelta((total - span) * k // (count - 1)) for k in range(count)]
        return [(s, s + dt.timedelta(span), _SHRUNK_IN_SAMPLE) for s in starts], least

    def to_dict(self) -> dict[str, Any]:
        """Return the schedule as plain values, for the manifest."""
        return {
            "name": self.name,
            "min_phases": self.min_phases,
            "phases": [s.to_dict() for s in self.spans],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Windows:
        """Rebuild what `to_dict` returned; a preset shrinks as it did.

        Raises
        ------
        InputError
            If it is no schedule.
        """

        def build(values: Mapping[str, Any]) -> Windows:
            known = _PRESETS.get(str(values["name"]))
            if known is not None and known.to_dict() == dict(values):
                return known
            spans = tuple(_date_span(p) for p in values["phases"])
            return cls(values["name"], spans, values["min_phases"])

        return rebuilt("schedule", data, build)


def _no_schedule(value: object, what: str) -> InputError:
    return InputError(
        f"{brief(value)} is not {what}; it needs lines such as"
        " 'phases: [{from: 10y, to: 5y, in_sample: 0.6}]'"
    )


def _refuse_many(name: str, phases: int) -> None:
    if phases > PHASES:
        raise InputError(
            f"the schedule {shown(name)} has {phases:,} phases; at most {PHASES:,} will do"
        )


def _preset(name: str, *shares: float) -> Windows:
    starts = (10, 8, 6, 4)
    ends = (5, 3, 1, 0)
    spans = tuple(DateSpan(12 * a, 12 * b, s) for a, b, s in zip(starts, ends, shares, strict=True))
    return Windows(name, spans, shrinks=True)


_PRESETS = {
    "default": _preset("default", 0.6, 0.5, 0.5, 0.5),
    "sixty-forty": _preset("sixty-forty", 0.6, 0.6, 0.6, 0.62),
}


def preset_names() -> tuple[str, ...]:
    """Return the names of the built-in schedules."""
    return tuple(_PRESETS)


def _phase(
    number: int, days: list[dt.date], today: dt.date, start: dt.date, stop: dt.date, share: float
) -> Phase:
    # Half to even, as Python rounds: four years have 1,461 days, and half of them is always a tie.
    split_date = start + dt.timedelta(round(share * (stop - start).days))
    warmup, split = bisect_left(days, start), bisect_left(days, split_date)
    end = len(days) if stop == today else bisect_left(days, stop)
    if not (warmup < split < end and split_date < stop):
        raise DataError(
            f"phase {number}, {start} … {stop}, split on {split_date}, has no bars on one side of"
            " its split; is a stretch of the history missing?"
        )
    return Phase(
        number,
        warmup,
        split,
        end,
        start,
        split_date,
        stop,
        (days[warmup], days[split - 1]),
        (days[split], days[end - 1]),
    )


def _first_trading(days: list[dt.date], warmup: int) -> dt.date | None:
    """Return the first date with `warmup` bars before it, and so before all of its own bars."""
    if warmup >= len(days):
        return None
    if warmup == 0 or days[warmup - 1] < days[warmup]:
        return days[warmup]
    # The warm-up ends within a day; a boundary is the first bar of one.
    after = bisect_right(days, days[warmup])
    return days[after] if after < len(days) else None


def _days(dates: Any) -> list[dt.date]:
    # A date-time is a date too, and one that does not compare with plain dates.
    days = [d.date() if isinstance(d, dt.datetime) else d for d in stamp_list(dates)]
    strange = next((d for d in days if not isinstance(d, dt.date)), days)
    if strange is not days:
        raise DataError(f"windows are laid over dates, not over {type(strange).__name__}")
    for before, day in pairwise(days):
        if day < before:
            raise DataError(f"the dates of the bars must ascend: {before} comes before {day}")
    return days


def _day(as_of: object) -> dt.date | None:
    # pandas' missing date-time is no date, and unequal to itself.
    if isinstance(as_of, dt.datetime) and as_of == as_of:  # noqa: PLR0124  # not NaT
        return as_of.date()
    if isinstance(as_of, dt.datetime):
        raise InputError(f"as_of = {brief(as_of)} must be a datetime.date")
    if as_of is not None and not isinstance(as_of, dt.date):
        raise InputError(f"as_of = {brief(as_of)} must be a datetime.date")
    return as_of


def months_before(day: dt.date, months: int) -> dt.date:
    """Return the same day so many months earlier, or the last one of a month that lacks it."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    month += 1
    if year < dt.MINYEAR:
        return dt.date.min
    last = calendar.monthrange(year, month)[1]
    return day.replace(year=year, month=month, day=min(day.day, last))


def _date_span(data: Any) -> DateSpan:
    if not isinstance(data, Mapping):
        raise _no_schedule(data, "a phase")
    _only(data, "from", "to", "in_sample")
    for key in ("from", "to", "in_sample"):
        if key not in data:
            raise InputError(f"a phase lacks {key!r}; it needs from, to and in_sample")
    share = data["in_sample"]
    try:
        number = math.nan if isinstance(share, bool) else float(share)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"in_sample = {brief(share)} must be a number between 0 and 1") from None
    return DateSpan(months_of(data["from"]), months_of(data["to"]), number)


def _only(data: Mapping[str, Any], *known: str) -> None:
    for key in data:
        if key not in known:
            raise InputError(f"there is nothing called {shown(key)}{did_you_mean(str(key), known)}")


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


def _too_short(
    days: list[dt.date], first: dt.date | None, needed: dt.date, warmup: int, what: str
) -> DataError:
    # The warm-up comes before the first date that trades; its length in days is only estimated,
    # and generously, so that bars imported from there on are enough the first time:
    # exchanges open on 250 days a year, 1.46 apart, and a week covers what holidays cluster.
    sessions = len(set(days))
    spacing = max(1.5, (days[-1] - days[0]).days / max(1, sessions - 1))
    estimate = math.ceil(warmup * sessions / len(days) * spacing) + 7
    from_bar = dt.date.fromordinal(max(1, needed.toordinal() - estimate))
    trades = f"trades from {first} on" if first else f"has only {len(days)} bars"
    return DataError(
        f"too little history: it begins on {days[0]} and, after a warm-up of {warmup} bars,"
        f" {trades}; {what} needs to trade from {needed} on, so get bars from about"
        f" {from_bar} on, or give a shorter schedule of your own (--windows mine.yaml)"
    )
