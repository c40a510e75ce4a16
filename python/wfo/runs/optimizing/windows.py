"""The windows of a search on its bars: dates that all symbols share, and which bars these are."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wfo.errors import DataError, InputError
from wfo.search.plan import SearchWindows
from wfo.search.runner import WindowSpan
from wfo.text import one_line
from wfo.windows import LEAST_WARMUP

#: First trading bar, first out-of-sample bar, and one past the last bar.
Bounds = tuple[int, int, int]

#: The first day, and the day after the last one.
Days = tuple[dt.date, dt.date]

#: First and last date, as texts.
Span = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a search.

    Attributes
    ----------
    number
        From 0 on.
    in_sample, out_of_sample
        The first day of each part, and the day after its last one; None without dates, and where
        nothing is kept out of sample.
    """

    number: int
    in_sample: Days | None
    out_of_sample: Days | None

    def to_dict(self) -> dict[str, Any]:
        """Return the window as plain values, for the record of a study."""
        parts = (("in", self.in_sample), ("out", self.out_of_sample))
        found: dict[str, Any] = {"number": self.number}
        for name, days in parts:
            found[f"{name}_start"], found[f"{name}_end"] = (
                (None, None) if days is None else (days[0].isoformat(), days[1].isoformat())
            )
        return found


@dataclass(frozen=True, slots=True)
class Resolved:
    """The windows of a search on its bars.

    Attributes
    ----------
    windows
        In the order in which a trial has them.
    bounds
        The bars that they are, by symbol; empty without bars.
    note
        What had to be changed for these bars, or empty.
    """

    windows: tuple[Window, ...]
    bounds: Mapping[str, tuple[Bounds, ...]]
    note: str = ""

    @property
    def in_sample(self) -> tuple[WindowSpan, ...]:
        """What programs are evaluated on."""
        return tuple(
            WindowSpan(w.number, *(w.in_sample if w.in_sample is not None else (None, None)))
            for w in self.windows
        )

    @property
    def kept_out(self) -> tuple[Window, ...]:
        """Those windows that keep something out of sample."""
        return tuple(w for w in self.windows if w.out_of_sample is not None)

    @property
    def out_of_sample(self) -> tuple[WindowSpan, ...]:
        """What the best are evaluated on after the search, numbered anew."""
        return tuple(WindowSpan(k, *(w.out_of_sample or ())) for k, w in enumerate(self.kept_out))

    def shown(
        self, days: Mapping[str, Sequence[dt.date]]
    ) -> tuple[tuple[Span | None, Span | None], ...]:
        """Return first and last date of both parts of each window, as texts.

        Parameters
        ----------
        days
            Date of every bar by symbol: those of bars are shown where there are any.
        """
        every = sorted({day for own in days.values() for day in own})

        def span(part: Days | None) -> Span | None:
            if part is None:
                return None
            first, last = part[0], part[1] - dt.timedelta(1)
            inside = every[bisect_left(every, part[0]) : bisect_left(every, part[1])]
            if inside:
                first, last = inside[0], inside[-1]
            return first.isoformat(), last.isoformat()

        return tuple((span(w.in_sample), span(w.out_of_sample)) for w in self.windows)


def resolve(
    windows: SearchWindows,
    days: Mapping[str, Sequence[dt.date]],
    *,
    need: int | None = None,
    today: dt.date | None = None,
) -> Resolved:
    """Lay the windows of a plan over its bars.

    Symbols may have histories of different lengths. A schedule, and a share, is laid over the
    stretch that all of them have, so that every symbol is looked at on the same days.

    Parameters
    ----------
    windows
        As the plan has them.
    days
        Date of every bar by symbol; empty of a program without bars.
    need
        Bars that a strategy looks back; None of a program, which gets the bars of a window and no
        others.
    today
        Date that a schedule is counted back from, as of a run: where bars are held out, the last
        one before them, which may be none of a bar. By default that of the last bar.

    Raises
    ------
    DataError
        If there is too little history, or a part of a window has no bars.
    InputError
        If the parts of a strategy's window do not follow each other.
    """
    if windows.kind == "none":
        found: tuple[Window, ...] = (Window(0, None, None),)
        if days:
            whole = (max(d[0] for d in days.values()), _last(days) + dt.timedelta(1))
            found = (Window(0, whole, None),)
        return Resolved(found, _bounds(found, days, need))
    note = ""
    if windows.kind == "dates":
        found = tuple(
            Window(number, each.in_sample, each.out_of_sample)
            for number, each in enumerate(windows.dates)
        )
        if need is not None:
            _require_adjoining(found)
    elif windows.kind == "share":
        share = windows.share if windows.share is not None else 1.0
        found = (_shared(days, share),)
    else:
        found, note = _scheduled(windows, days, need, today)
    return Resolved(found, _bounds(found, days, need), note)


def _last(days: Mapping[str, Sequence[dt.date]]) -> dt.date:
    """Return the last day that all symbols have reached."""
    return min(own[-1] for own in days.values())


def _shortest(days: Mapping[str, Sequence[dt.date]]) -> list[dt.date]:
    """Return the days of the symbol that begins last, up to the last one of all."""
    own = max(days.values(), key=lambda each: each[0])
    last = _last(days)
    found = [day for day in own if day <= last]
    if not found:
        names = ", ".join(
            f"{one_line(symbol)} from {each[0]} to {each[-1]}" for symbol, each in days.items()
        )
        raise DataError(f"the symbols have no days in common: {names}")
    return found


def _shared(days: Mapping[str, Sequence[dt.date]], share: float) -> Window:
    own = _shortest(days)
    at = min(max(round(share * len(own)), 1), len(own) - 1)
    # Of intraday bars a boundary is the first bar of a day.
    split = own[at]
    if split == own[0]:
        raise DataError(
            f"{len(own):,} bars from {own[0]} to {own[-1]} are too few to keep some of them out of"
            " sample; get more bars, or write 'windows: none'"
        )
    return Window(0, (own[0], split), (split, own[-1] + dt.timedelta(1)))


def _scheduled(
    windows: SearchWindows,
    days: Mapping[str, Sequence[dt.date]],
    need: int | None,
    today: dt.date | None,
) -> tuple[tuple[Window, ...], str]:
    assert windows.schedule is not None  # noqa: S101  # it goes with the kind
    own = _shortest(days)
    # A history reaches today; a later day is left out again.
    later = [] if today is None else [today + dt.timedelta(1)]
    warmup = max(LEAST_WARMUP, need or 0)
    phases = windows.schedule.resolve([*own, *later], as_of=today, warmup=warmup)
    after = own[-1] + dt.timedelta(1)
    found = tuple(
        Window(
            number,
            (phase.from_date, phase.split_date),
            (phase.split_date, after if phase.end == len(own) else phase.to_date),
        )
        for number, phase in enumerate(phases)
    )
    return found, phases.note


def _require_adjoining(windows: Sequence[Window]) -> None:
    for window in windows:
        inside, outside = window.in_sample, window.out_of_sample
        if inside is not None and outside is not None and inside[1] != outside[0]:
            raise InputError(
                f"windows[{window.number}]: a strategy trades on through both parts of a window:"
                f" out must begin where in ends, on {inside[1]}, and not on {outside[0]}"
            )


def _bounds(
    windows: Sequence[Window], days: Mapping[str, Sequence[dt.date]], need: int | None
) -> dict[str, tuple[Bounds, ...]]:
    """Return the bars of each window by symbol, each part checked to have some."""
    found: dict[str, tuple[Bounds, ...]] = {}
    for symbol, own in days.items():
        found[symbol] = tuple(_of_window(symbol, own, window, need) for window in windows)
    return found


def _of_window(symbol: str, days: Sequence[dt.date], window: Window, need: int | None) -> Bounds:
    assert window.in_sample is not None  # noqa: S101  # there are bars
    parts = [("in-sample", window.in_sample)]
    if window.out_of_sample is not None:
        parts.append(("out-of-sample", window.out_of_sample))
    places = []
    for name, (first, after) in parts:
        start, stop = bisect_left(days, first), bisect_left(days, after)
        if start >= stop:
            raise DataError(
                f"{one_line(symbol)} has no {name} bars in window {window.number + 1}, from {first}"
                f" to before {after}; it has bars from {days[0]} to {days[-1]}"
            )
        places.append((start, stop))
    start, split = places[0]
    if need is not None and start < need:
        raise DataError(
            f"window {window.number + 1} of {one_line(symbol)} begins on {window.in_sample[0]},"
            f" after {start} bars, and the space looks back {need}; begin it on"
            f" {days[min(need, len(days) - 1)]} or later, get earlier bars, or search shorter"
            " lengths"
        )
    return start, split, places[-1][1]


def dates_of(record: Mapping[str, Any]) -> tuple[Span | None, Span | None]:
    """Return first and last date of both parts of a window, as a study's record has it."""

    def span(name: str) -> Span | None:
        first, after = record[f"{name}_start"], record[f"{name}_end"]
        if first is None or after is None:
            return None
        last = dt.date.fromisoformat(after) - dt.timedelta(1)
        return str(first), last.isoformat()

    return span("in"), span("out")
