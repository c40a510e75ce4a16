"""Schedules of phases: in-sample and out-of-sample bars that overlap, counted back from today.

A phase is one continuous backtest. Its slice begins with the first bar of the history, so the
warm-up of a later phase is longer than that of an earlier one and indicators are the same in all.
The windows of a walk-forward are phases too, and counted on from the first bar that trades.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wfo.arguments import instance, rebuilt, whole_number
from wfo.errors import DataError, InputError
from wfo.files.limits import PHASE_MONTHS, PHASES
from wfo.text import brief, printable
from wfo.windows.dates import LEAST_WARMUP, day_of, days_until, first_trading
from wfo.windows.lengths import later, months_before, months_of
from wfo.windows.phases import Phase, Phases, refuse_many
from wfo.windows.reading import loaded, named, only
from wfo.windows.walking import KINDS, WALK_PRESETS, WalkSchedule, WalkWindows

#: Least history in months, number of phases, and in how many a combination must be valid.
_SHRUNK = ((72, 4, 3), (36, 3, 2), (18, 2, 2))
_SHRUNK_IN_SAMPLE = 0.6
_DAYS_A_YEAR = 365.25

#: Months of bars that the windows of a walk-forward are laid over, at least, where they are
#: fetched: as many as the built-in phases take.
_WALK_MONTHS = 120

#: Share of the windows of a walk in which a stable combination is valid: three of four, as of the
#: built-in phases.
_STABLE_SHARE = 0.75

#: What stands beside phases, or the lengths of a walk.
_BESIDE = ("name", "min_phases")


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
class Windows:
    """A schedule of phases before it meets a history.

    Attributes
    ----------
    name
        Name in the manifest.
    spans
        One for each phase; none where there is a `walk`.
    min_phases
        In how many phases a combination must be valid to be stable; by default in three, or in all
        where there are fewer. The windows of a walk are as many as fit the history: None is three
        of four of them, and where there are fewer than a number it is all.
    shrinks
        Whether a history that is too short shrinks the schedule, or is an error.
    walk
        Lengths of a walk-forward, each of whose windows is a phase.
    """

    name: str
    spans: tuple[DateSpan, ...] = ()
    min_phases: int | None = None
    shrinks: bool = False
    walk: WalkSchedule | None = None

    def __post_init__(self) -> None:
        most, has = PHASES, f"{PHASES} phases that a schedule may have"
        if self.walk is not None:
            _check_walk(self.name, self.walk)
            if self.spans:
                raise InputError(f"the schedule {self.name!r} has phases or a walk, not both")
        else:
            if not self.spans:
                raise InputError(f"the schedule {self.name!r} has no phases")
            refuse_many(self.name, len(self.spans))
            most, has = len(self.spans), f"{len(self.spans)} phases of {self.name!r}"
            if self.min_phases is None:
                object.__setattr__(self, "min_phases", min(3, most))
        least = self.min_phases
        whole = least is None or (isinstance(least, int) and not isinstance(least, bool))
        if not (whole and (least is None or 1 <= least <= most)):
            raise InputError(
                f"min_phases = {brief(least)} must be a whole number between 1 and the {has}"
            )

    @classmethod
    def preset(cls, name: str = "default") -> Windows:
        """Return a built-in schedule: ``"default"``, ``"sixty-forty"``, or a walk.

        ``"rolling"`` and ``"anchored"`` choose on three years and go on for one; see
        `WalkSchedule.preset`.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        return named(name, _PRESETS)

    @classmethod
    def load(cls, name: str | Path) -> Windows:
        """Return a preset, or read a schedule from a YAML file.

        The file lists ``phases``, each with ``from`` and ``to`` as time before today (``10y``,
        ``18m``, ``today``) and ``in_sample``, the in-sample share; or it has ``rolling`` or
        ``anchored`` lengths, as `WalkSchedule.load` reads them, of which each window is a phase.
        ``min_phases`` may follow.

        Raises
        ------
        InputError
            If there is no such preset or file, or it is not a schedule.
        """
        return loaded(name, _PRESETS, cls.of)

    @classmethod
    def of(cls, data: Any, name: str, where: str) -> Windows:
        """Return the schedule that a mapping describes, as YAML has it.

        Parameters
        ----------
        data
            ``phases``, ``rolling`` or ``anchored`` and, if wanted, ``min_phases``; see `load`.
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
            if KINDS & data.keys():
                walk = WalkSchedule.of(data)
                return cls(name, min_phases=_least(data), walk=walk)
            only(data, ("phases", "min_phases", *sorted(KINDS)))
            phases = data.get("phases")
            if not isinstance(phases, list | tuple):
                raise _no_schedule(phases, "'phases'")
            refuse_many(name, len(phases))
            spans = tuple(_date_span(p) for p in phases)
            return cls(name, spans, _least(data))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None

    def begins(self, as_of: dt.date, months: int = 0) -> dt.date:
        """Return the first date of the phases counted back from a date, or `months` before it.

        The windows of a walk begin where the bars do: it is the date from which on bars are
        fetched, ten years before, or as many as one window takes.
        """
        day = day_of(as_of)
        if day is None:
            raise InputError("as_of = None must be a datetime.date")
        months = whole_number("months", months)
        if not 0 <= months <= PHASE_MONTHS:
            raise InputError(f"months = {months} must be from 0 to {PHASE_MONTHS:,}")
        if self.walk is None:
            return months_before(day, max(s.from_months for s in self.spans) + months)
        one = self.walk.in_sample.before(self.walk.out_of_sample.before(day))
        return min(months_before(one, months), months_before(day, _WALK_MONTHS + months))

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
            If `as_of` lies outside the history, `warmup` is below 0, or a walk has more windows
            than a schedule may have phases.
        """
        if self.walk is not None:
            return self._walked(self.walk.resolve(dates, as_of=as_of, warmup=warmup))
        days, today, warmup = days_until(dates, as_of, warmup)
        first = first_trading(days, warmup)
        needed = months_before(today, max(s.from_months for s in self.spans))
        note = ""
        assert self.min_phases is not None  # noqa: S101  # only that of a walk is left open
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

    def _walked(self, windows: WalkWindows) -> Phases:
        """Return the windows of a walk as phases."""
        count, last = len(windows), windows[-1]
        if count > PHASES:
            raise InputError(
                f"the schedule {self.name!r} makes {count:,} windows on this history, and a run has"
                f" {PHASES} phases at most; take a longer step or a later first bar, or 'wfo"
                " walkforward', which chooses in each"
            )
        # A boundary is the first bar on or after its date: of what is cut that is tomorrow.
        tomorrow = later(windows.as_of, 0, 1)
        phases = tuple(
            Phase(
                w.number,
                w.first,
                w.split,
                w.end,
                w.from_date,
                w.split_date,
                tomorrow if w.cut else w.to_date,
                w.in_sample,
                w.out_of_sample,
            )
            for w in windows
        )
        notes = []
        if last.cut:
            notes.append(
                f"the last phase is cut: its out-of-sample part would end before {last.to_date}"
            )
        least = math.ceil(_STABLE_SHARE * count) if self.min_phases is None else self.min_phases
        if count < least:
            fit = f"{count} windows fit" if count > 1 else "one window fits"
            notes.append(
                f"{fit} the history, and not {least}: stable is what is valid in"
                f" {'all of them' if count > 1 else 'it'}"
            )
        return Phases(self.name, phases, windows.as_of, min(least, count), "; ".join(notes))

    def to_dict(self) -> dict[str, Any]:
        """Return the schedule as plain values, for the manifest."""
        said = {"phases": [s.to_dict() for s in self.spans]}
        least = {} if self.min_phases is None else {"min_phases": self.min_phases}
        return {"name": self.name, **least, **(said if self.walk is None else self.walk.to_dict())}

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
            if KINDS & values.keys():
                own = {key: value for key, value in values.items() if key not in _BESIDE}
                walk = WalkSchedule.from_dict(own)
                return cls(values["name"], min_phases=_least(values), walk=walk)
            spans = tuple(_date_span(p) for p in values["phases"])
            return cls(values["name"], spans, values["min_phases"])

        return rebuilt("schedule", data, build)


def _least(data: Mapping[str, Any]) -> int | None:
    """Return in how many phases a combination must be valid; None where it is not said."""
    least: int | None = data.get("min_phases")
    if least is None and "min_phases" in data:
        raise InputError("min_phases = None must be a whole number; or leave it out")
    return least


def _check_walk(name: str, walk: WalkSchedule) -> None:
    instance("walk", walk, WalkSchedule, "a wfo.WalkSchedule")
    if walk.purge:
        raise InputError(
            f"the schedule {name!r} has a purge of {walk.purge.text}, and the phases of a run trade"
            " on from in-sample to out-of-sample bars; leave the purge out, or take"
            " 'wfo walkforward', which knows it"
        )


def _no_schedule(value: object, what: str) -> InputError:
    return InputError(
        f"{brief(value)} is not {what}; it needs lines such as"
        " 'phases: [{from: 10y, to: 5y, in_sample: 0.6}]'"
    )


def _preset(name: str, *shares: float) -> Windows:
    starts = (10, 8, 6, 4)
    ends = (5, 3, 1, 0)
    spans = tuple(DateSpan(12 * a, 12 * b, s) for a, b, s in zip(starts, ends, shares, strict=True))
    return Windows(name, spans, shrinks=True)


_PRESETS = {
    "default": _preset("default", 0.6, 0.5, 0.5, 0.5),
    "sixty-forty": _preset("sixty-forty", 0.6, 0.6, 0.6, 0.62),
    **{name: Windows(name, walk=walk) for name, walk in WALK_PRESETS.items()},
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


def _date_span(data: Any) -> DateSpan:
    if not isinstance(data, Mapping):
        raise _no_schedule(data, "a phase")
    only(data, ("from", "to", "in_sample"))
    for key in ("from", "to", "in_sample"):
        if key not in data:
            raise InputError(f"a phase lacks {key!r}; it needs from, to and in_sample")
    share = data["in_sample"]
    try:
        number = math.nan if isinstance(share, bool) else float(share)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"in_sample = {brief(share)} must be a number between 0 and 1") from None
    return DateSpan(months_of(data["from"]), months_of(data["to"]), number)


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
