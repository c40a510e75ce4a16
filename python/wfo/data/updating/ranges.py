"""Which ranges of dates a source is asked for: what is missing, and what it overlaps."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wfo.data.coverage import Coverage, DateInterval, joined, without
from wfo.data.updating.session_days import SessionDays, holds

#: Stored sessions that are asked for again on each side of what is missing, so that a past that
#: was revised is seen.
OVERLAP: Final = 5

#: Days between what is missing and the stored sessions beside it, and between those, up to which
#: they are one range. A longer time without bars, as of a halt, is not asked for once more.
_NEAR: Final = 10

_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True)
class Missing:
    """A range that is missing, from a session to a session.

    Attributes
    ----------
    interval
        The range.
    overlaps
        Stored sessions on either side, each from the first to the last of at most `OVERLAP`.
    """

    interval: DateInterval
    overlaps: tuple[DateInterval, ...] = ()


@dataclass(frozen=True)
class Ranges:
    """What a source is asked for.

    Attributes
    ----------
    missing
        What is missing, ascending.
    asked
        The ranges to ask for, ascending and disjoint: what is missing with its overlaps. The latter
        are ranges of their own where something lies between that is not asked for.
    """

    missing: tuple[Missing, ...] = ()
    asked: tuple[DateInterval, ...] = ()

    def unproven(self, answered: Sequence[DateInterval], days: SessionDays) -> list[DateInterval]:
        """Return of each missing range that was answered a last part that must not be covered yet.

        If a missing range were covered before all its overlaps are answered, no update would ever
        ask for them, and bars of two adjustments could stay side by side.

        Parameters
        ----------
        answered
            What was answered so far.
        days
            The sessions.
        """
        back = 6 * _DAY if days.is_weekly else 0 * _DAY
        return [
            DateInterval(max(m.interval.first, m.interval.last - back), m.interval.last)
            for m in self.missing
            if holds(answered, m.interval) and not all(holds(answered, o) for o in m.overlaps)
        ]


def missing_ranges(
    coverage: Coverage, wanted: DateInterval, days: SessionDays, now: dt.datetime
) -> list[DateInterval]:
    """Return what is missing of a range, each from a session to a session.

    Parameters
    ----------
    coverage
        What was answered.
    wanted
        The range, all of it in the past.
    days
        Its sessions; ranges between which there is none are one.
    now
        Emptiness that has expired by then is missing.
    """
    found: list[DateInterval] = []
    for gap in coverage.missing(wanted, now):
        part = days.trim(gap)
        if part is None:
            continue
        between = found and DateInterval(found[-1].last, part.first)
        if between and len(days.within(between)) == len({between.first, between.last}):
            found[-1] = DateInterval(found[-1].first, part.last)
        else:
            found.append(part)
    return found


def plan_ranges(
    coverage: Coverage,
    stored: Sequence[dt.date],
    wanted: DateInterval,
    days: SessionDays,
    now: dt.datetime,
) -> Ranges:
    """Return what to ask for, so that a range is covered.

    Parameters
    ----------
    coverage
        What was answered.
    stored
        The distinct dates of stored bars, ascending.
    wanted
        The range, all of it in the past.
    days
        Its sessions.
    now
        Emptiness that has expired by then is missing.
    """
    gaps = missing_ranges(coverage, wanted, days, now)
    missing: list[Missing] = []
    asked: list[DateInterval] = []
    for gap in gaps:
        before = bisect_left(stored, gap.first)
        after = bisect_right(stored, gap.last)
        sides = (
            list(reversed(stored[max(0, before - OVERLAP) : before])),
            list(stored[after : after + OVERLAP]),
        )
        whole = [gap]
        overlaps: list[DateInterval] = []
        for near in sides:
            overlap, attached = _overlap(near, gap, gaps, coverage, days, now)
            if overlap is None:
                continue
            overlaps.append(overlap)
            if attached:
                whole = [
                    DateInterval(
                        min(whole[0].first, overlap.first), max(whole[0].last, overlap.last)
                    )
                ]
            else:
                asked.append(overlap)
        missing.append(Missing(gap, tuple(overlaps)))
        asked += whole
    return Ranges(tuple(missing), tuple(joined(asked)))


def _overlap(
    near: Sequence[dt.date],
    gap: DateInterval,
    gaps: Sequence[DateInterval],
    coverage: Coverage,
    days: SessionDays,
    now: dt.datetime,
) -> tuple[DateInterval | None, bool]:
    """Return the stored sessions on one side of a gap, and whether nothing lies between.

    `near` are at most `OVERLAP` stored dates, the nearest first. Those beyond sessions that are
    not covered, and not asked for now, are left out, unless there are no nearer ones.
    """
    if not near:
        return None, False

    def apart(one: dt.date, other: dt.date) -> bool:
        low, high = sorted((one, other))
        if (high - low).days <= 1:
            return False
        between = coverage.missing(DateInterval(low + _DAY, high - _DAY), now)
        return any(days.trim(part) for part in without(between, gaps))

    edge = gap.first if near[0] < gap.first else gap.last
    attached = not apart(near[0], edge) and abs((edge - near[0]).days) <= _NEAR
    taken = [near[0]]
    for day in near[1:]:
        if abs((taken[-1] - day).days) > _NEAR or apart(taken[-1], day):
            break
        taken.append(day)
    return DateInterval(min(taken), max(taken)), attached
