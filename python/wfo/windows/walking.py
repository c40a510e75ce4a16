"""Windows of a walk-forward: choose on one stretch of bars, trade the next one, roll on.

They are counted on from the first bar that trades, so that a new bar at the end moves no boundary:
it lengthens the last window, or begins another one, and every earlier choice stays what it was.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from wfo.arguments import flag, rebuilt, whole_number
from wfo.errors import DataError, InputError
from wfo.files.limits import PHASES, WALK_WINDOWS
from wfo.text import brief, html_table
from wfo.windows.dates import LEAST_WARMUP, day_of, days_until, first_trading
from wfo.windows.lengths import Length, later
from wfo.windows.reading import loaded, named, only
from wfo.windows.window import LEAST_IN_SAMPLE, WalkWindow

_NONE = Length(0)

#: What a schedule can be, as files say it.
KINDS = frozenset({"rolling", "anchored"})
_KEYS = ("in", "out", "step", "purge")

_DAY = dt.timedelta(1)


@dataclass(frozen=True, slots=True)
class WalkSchedule:
    """Lengths of a walk-forward before they meet a history.

    Attributes
    ----------
    in_sample, out_of_sample
        How long a set is chosen on, and how long it then trades; `Length`, or text as ``3y``,
        ``18m``, ``30d``.
    step
        From one window to the next; by default, or if it is no length at all, the out-of-sample
        length, so that out-of-sample parts adjoin. A shorter one makes them overlap: the newest
        decision trades. A longer one is refused.
    purge
        How much of the end of the in-sample part is left out of the choice; by default nothing.
    anchored
        Whether all in-sample parts begin with the first one, and grow; else they roll along.

    Raises
    ------
    InputError
        If a length is none, or they do not fit each other.
    """

    in_sample: Length
    out_of_sample: Length
    step: Length = _NONE
    purge: Length = _NONE
    anchored: bool = False

    if TYPE_CHECKING:
        # Of texts it makes lengths.
        def __init__(
            self,
            in_sample: Length | str,
            out_of_sample: Length | str,
            step: Length | str = _NONE,
            purge: Length | str = _NONE,
            anchored: bool = False,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name in ("in_sample", "out_of_sample", "step", "purge"):
            object.__setattr__(self, name, Length.of(getattr(self, name), name))
        if not self.step:
            object.__setattr__(self, "step", self.out_of_sample)
        object.__setattr__(self, "anchored", flag("anchored", self.anchored))
        for name in ("in_sample", "out_of_sample"):
            if not getattr(self, name):
                raise InputError(f"{name} = 0d is no stretch of bars; write 3y, 18m or 30d")
        if not self.out_of_sample.reaches(self.step):
            raise InputError(
                f"step = {self.step.text} is longer than out_of_sample = {self.out_of_sample.text},"
                " or may be, as months have 28 to 31 days: some bars would be traded by no window;"
                " take a step that is no longer"
            )
        if self.purge.longest_days >= self.in_sample.shortest_days:
            raise InputError(
                f"purge = {self.purge.text} leaves nothing of in_sample = {self.in_sample.text};"
                " take a shorter one"
            )

    @classmethod
    def preset(cls, name: str = "rolling") -> WalkSchedule:
        """Return a built-in schedule: ``"rolling"`` or ``"anchored"``.

        Both choose on three years and trade the next one; the in-sample part rolls along, or always
        begins with the first bar that trades.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        return named(name, WALK_PRESETS)

    @classmethod
    def load(cls, name: str | Path) -> WalkSchedule:
        """Return a preset, or read a schedule from a YAML file.

        The file has ``rolling`` or ``anchored``, and below it ``in`` and ``out``, the lengths of
        both parts; ``step`` and ``purge`` may follow. It may have ``min_phases``, which a run
        reads.

        Raises
        ------
        InputError
            If there is no such preset or file, or it is not a schedule.
        """
        return loaded(name, WALK_PRESETS, lambda data, _, where: cls.of(data, where))

    @classmethod
    def of(cls, data: Any, where: str = "") -> WalkSchedule:
        """Return the schedule that a mapping describes, as YAML has it.

        Parameters
        ----------
        data
            ``rolling`` or ``anchored``; see `load`.
        where
            Where it stands, for messages.

        Raises
        ------
        InputError
            If it is not a schedule.
        """
        try:
            return cls._of(data)
        except InputError as error:
            raise InputError(f"{where}: {error}" if where else str(error)) from None

    @classmethod
    def _of(cls, data: Any) -> WalkSchedule:
        example = "it needs a line such as 'rolling: {in: 3y, out: 6m}'"
        if not isinstance(data, Mapping):
            raise InputError(f"{brief(data)} is not a schedule of a walk-forward; {example}")
        if "phases" in data and not KINDS & data.keys():
            raise InputError(f"phases are those of a run, and no walk-forward; {example}")
        only(data, (*sorted(KINDS), "min_phases"))
        kinds = sorted(KINDS & data.keys())
        if len(kinds) != 1:
            raise InputError(f"a walk-forward is either rolling or anchored; {example}")
        least = whole_number("min_phases", data.get("min_phases", 1))
        if not 1 <= least <= PHASES:
            raise InputError(f"min_phases = {least} must be from 1 to {PHASES}")
        own = data[kinds[0]]
        if not isinstance(own, Mapping):
            raise InputError(f"{kinds[0]} = {brief(own)} has no lengths; {example}")
        only(own, _KEYS)
        for key in ("in", "out"):
            if key not in own:
                raise InputError(f"{kinds[0]} lacks {key!r}; {example}")
        lengths = {key: Length.of(own[key], key) for key in _KEYS if key in own}
        return cls(
            lengths["in"],
            lengths["out"],
            lengths.get("step", _NONE),
            lengths.get("purge", _NONE),
            kinds[0] == "anchored",
        )

    @property
    def kind(self) -> str:
        """``"anchored"`` or ``"rolling"``."""
        return "anchored" if self.anchored else "rolling"

    @property
    def name(self) -> str:
        """Kind and lengths, as they stand in names of files."""
        parts = [self.kind, self.in_sample.text, self.out_of_sample.text]
        if self.step != self.out_of_sample:
            parts.append(f"step{self.step.text}")
        if self.purge:
            parts.append(f"purge{self.purge.text}")
        return "_".join(parts)

    def resolve(
        self,
        dates: Any,
        *,
        begin: dt.date | None = None,
        as_of: dt.date | None = None,
        warmup: int = LEAST_WARMUP,
    ) -> WalkWindows:
        """Lay the windows over a history.

        Parameters
        ----------
        dates
            The bars' dates, ascending; of intraday bars the exchange's local date-times. A list, a
            series of Polars or pandas, an index of pandas, or an array of PyArrow or NumPy.
        begin
            Where the first in-sample part begins; by default with the first bar that trades.
        as_of
            Today; by default the date of the last bar. Later bars are left out.
        warmup
            Bars before the first trading bar, at least.

        Raises
        ------
        DataError
            If the history is too short for one window; the message names the first date needed. Or
            if it is no history, or a part of a window has no bars.
        InputError
            If `begin` or `as_of` cannot be, or bars between two windows would not be traded.
        """
        days, today, warmup = days_until(dates, as_of, warmup)
        trades = first_trading(days, warmup)
        if trades is None:
            raise DataError(
                f"too little history: {len(days)} bars, of which {warmup} are the warm-up; get"
                " earlier bars"
            )
        origin = day_of(begin, "begin") or trades
        if origin < trades:
            raise InputError(
                f"begin = {origin} comes before {trades}, the first date that trades after a"
                f" warm-up of {warmup} bars; take that one or a later one"
            )
        found = self._windows(days, origin, today)
        if not found:
            raise self._too_short(origin, days[-1])
        return WalkWindows(self, tuple(found), today)

    def _windows(self, days: list[dt.date], origin: dt.date, today: dt.date) -> list[WalkWindow]:
        """Return the windows on bars of these days, the first in-sample part from `origin` on."""
        inside, out, step = self.in_sample, self.out_of_sample, self.step
        tomorrow = later(today, 0, 1)
        found: list[WalkWindow] = []
        count = 0
        while True:
            months, more = step.months * count, step.days * count
            split_date = later(origin, inside.months + months, inside.days + more)
            split = bisect_left(days, split_date)
            if split >= len(days) or split_date == dt.date.max:
                break
            to_date = later(
                origin, inside.months + months + out.months, inside.days + more + out.days
            )
            end = bisect_left(days, to_date)
            if end <= split:
                # No bar lies in it, as in a day's window on a Sunday, nor in those before the next
                # bar.
                count += max(1, (days[split] - to_date).days // step.longest_days)
                continue
            count += 1
            from_date = origin if self.anchored else later(origin, months, more)
            train_date = self.purge.before(split_date)
            first, train_end = bisect_left(days, from_date), bisect_left(days, train_date)
            if train_end - first < LEAST_IN_SAMPLE:
                raise DataError(
                    f"the in-sample part from {from_date} to before {train_date} has"
                    f" {train_end - first} bars, and a choice needs {LEAST_IN_SAMPLE} or more; take"
                    " a longer in-sample length, or is a stretch of the history missing?"
                )
            window = WalkWindow(
                0,
                first,
                train_end,
                split,
                end,
                end,
                from_date,
                train_date,
                split_date,
                to_date,
                (days[first], days[train_end - 1]),
                (days[split], days[end - 1]),
                to_date > tomorrow,
            )
            # Of decisions that would begin to trade with the same bar the newest one does.
            if found and found[-1].split == split:
                found.pop()
            found.append(window)
            if len(found) > WALK_WINDOWS:
                raise InputError(
                    f"steps of {step.text} make more than {WALK_WINDOWS:,} windows; take longer"
                    " ones"
                )
        return _numbered(found)

    def _too_short(self, origin: dt.date, last: dt.date) -> DataError:
        """Return what says that there is no bar behind the first in-sample part."""
        needed = self.in_sample.before(last)
        # Months that lack the day make the way back and forth differ by days.
        while needed > dt.date.min and self.in_sample.after(needed) > last:
            needed -= _DAY
        return DataError(
            f"too little history: the first in-sample part begins on {origin}, and"
            f" {self.in_sample.text} before the last bar, {last}, is {needed}; begin earlier if"
            " there are bars, get earlier ones, or take a shorter in-sample length"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the schedule in the form that a file has."""
        return {
            self.kind: {
                "in": self.in_sample.text,
                "out": self.out_of_sample.text,
                "step": self.step.text,
                "purge": self.purge.text,
            }
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WalkSchedule:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is no schedule.
        """
        return rebuilt("schedule", data, cls._of)


#: The built-in schedules.
WALK_PRESETS = {
    "rolling": WalkSchedule(Length(36), Length(12)),
    "anchored": WalkSchedule(Length(36), Length(12), anchored=True),
}


def _check_pair(before: WalkWindow, after: WalkWindow, schedule: WalkSchedule) -> None:
    """Raise an `InputError` unless the second window can follow the first."""
    moved = after.from_date > before.from_date and after.first >= before.first
    kept = after.from_date == before.from_date and after.first == before.first
    if not (
        (kept if schedule.anchored else moved)
        and before.train_end <= after.train_end
        and before.until == after.split
        and before.end <= after.end
        and before.split_date < after.split_date
        and before.cut <= after.cut
    ):
        raise InputError(
            f"window {after.number} cannot follow the one before it: each is traded until the next"
            f" one is, and {schedule.kind} parts go forward"
        )


def _numbered(windows: Sequence[WalkWindow]) -> list[WalkWindow]:
    """Return windows with their numbers, and with where the next decision takes over."""
    nexts = [w.split for w in windows[1:]] + [w.end for w in windows[-1:]]
    return [
        replace(window, number=number, until=until)
        for number, (window, until) in enumerate(zip(windows, nexts, strict=True), 1)
    ]


@dataclass(frozen=True, slots=True, repr=False)
class WalkWindows(Sequence[WalkWindow]):
    """The windows of a walk-forward on a history, in order.

    Attributes
    ----------
    schedule
        The lengths.
    windows
        The windows themselves; the object is also a sequence of them.
    as_of
        Date of the last bar that is used.
    """

    schedule: WalkSchedule
    windows: tuple[WalkWindow, ...]
    as_of: dt.date

    @overload
    def __getitem__(self, index: int) -> WalkWindow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[WalkWindow]: ...
    def __getitem__(self, index: int | slice) -> WalkWindow | Sequence[WalkWindow]:
        return self.windows[index]

    def __len__(self) -> int:
        return len(self.windows)

    def __iter__(self) -> Iterator[WalkWindow]:
        return iter(self.windows)

    def __repr__(self) -> str:
        first, last = self.windows[0], self.windows[-1]
        return (
            f"WalkWindows({len(self)} of {self.schedule.name}, in-sample from {first.in_sample[0]},"
            f" out-of-sample {first.out_of_sample[0]} to {last.out_of_sample[1]})"
        )

    def _repr_html_(self) -> str:
        return html_table(f"{self.schedule.name} as of {self.as_of}", self.rows())

    @property
    def traded(self) -> tuple[int, int]:
        """First bar that is traded out-of-sample, and one past the last."""
        return self.windows[0].split, self.windows[-1].until

    def rows(self) -> list[tuple[str, ...]]:
        """Return a table as text, the headings first: number and dates of each window."""
        rows: list[tuple[str, ...]] = [("Window", "In-sample", "Out-of-sample")]
        for w in self.windows:
            spans = [f"{first} to {last}" for first, last in (w.in_sample, w.out_of_sample)]
            if w.cut:
                spans[1] += f" (cut: until {w.to_date})"
            rows.append((str(w.number), *spans))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the windows as plain values."""
        return {
            "schedule": self.schedule.to_dict(),
            "as_of": self.as_of.isoformat(),
            "windows": [w.to_dict() for w in self.windows],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WalkWindows:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """

        def build(values: Mapping[str, Any]) -> WalkWindows:
            windows = tuple(WalkWindow.from_dict(w) for w in values["windows"])
            if not 0 < len(windows) <= WALK_WINDOWS:
                raise InputError(f"a walk-forward has 1 to {WALK_WINDOWS:,} windows")
            for number, window in enumerate(windows, 1):
                window.check(number)
            schedule = WalkSchedule.from_dict(values["schedule"])
            as_of = dt.date.fromisoformat(values["as_of"])
            last = windows[-1]
            if last.until != last.end or last.out_of_sample[1] > as_of:
                raise InputError(f"the last window does not end with the last bar until {as_of}")
            for before, after in pairwise(windows):
                _check_pair(before, after, schedule)
            return cls(schedule, windows, as_of)

        return rebuilt("list of windows", data, build)
