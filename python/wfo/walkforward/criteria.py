"""What a window chooses by: a figure of its in-sample part, the stability score, or a centre."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from wfo.arguments import instance, whole_number
from wfo.errors import InputError, did_you_mean
from wfo.search.evaluating.figures import FIGURES, needs_extended
from wfo.search.objective import ALIASES, canonical, known
from wfo.selection.gates import MOST_TRADES, Gates
from wfo.text import brief
from wfo.windows import Length, WalkSchedule

#: What needs phases within the in-sample part.
SCORED: Final = ("stability", "plateau", "region")

#: All names: figures by their own names and by those that searches use, then what is scored.
BY: Final = (*FIGURES, *ALIASES, *SCORED)

#: The figure that is chosen by where the in-sample part is too short for a stability score.
USUAL_FIGURE: Final = "profit_by_drawdown"

#: In-sample time that the shortest schedule of phases needs.
LEAST_LENGTH: Final = Length(18)

# Any day will do: lengths of months differ by days alone.
_DAY = dt.date(2001, 1, 1)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A criterion, checked.

    Attributes
    ----------
    by
        Its name, one of `BY`.
    gates
        What makes a combination valid in a phase; of what is scored only.
    min_trades
        Closed in-sample trades of a combination that can be chosen, at least; of figures only.

    Raises
    ------
    InputError
        If there is none of that name, or an option goes with others.
    """

    by: str
    gates: Gates = field(default_factory=Gates)
    min_trades: int = 0

    @classmethod
    def of(cls, by: object, *, gates: Gates | None = None, min_trades: int = 0) -> Criterion:
        """Return the criterion of that name; `gates` None are those of v4."""
        if not isinstance(by, str) or by not in BY:
            raise InputError(f"by = {brief(by)} is no criterion{did_you_mean(by, BY)}")
        least = whole_number("min_trades", min_trades)
        if not 0 <= least <= MOST_TRADES:
            raise InputError(f"min_trades = {least} must be from 0 to {MOST_TRADES:,}")
        if by in SCORED and least:
            raise InputError(
                f"min_trades = {least} goes with figures, and by = {by!r} asks for trades by its"
                " gates: leave it out, or take gates='strict' or Gates(min_trades=…)"
            )
        if gates is None:
            return cls(by, Gates(), least)
        if by not in SCORED:
            raise InputError(
                f"gates go with {', '.join(SCORED)}, and by = {by!r} is a figure: leave them out,"
                " or ask for min_trades"
            )
        return cls(by, instance("gates", gates, Gates, "wfo.Gates(...)"), least)

    @property
    def figure(self) -> str | None:
        """The figure by the name that `wfo.metrics` has for it; None of what is scored."""
        return None if self.by in SCORED else canonical(self.by)

    @property
    def extended(self) -> bool:
        """Whether it needs more than what a run stores."""
        return self.figure is not None and needs_extended([self.figure])

    @property
    def direction(self) -> Literal["maximise", "minimise"]:
        """Which values are better."""
        return "maximise" if self.figure is None else known(self.figure).direction


def in_sample_is_long(schedule: WalkSchedule) -> bool:
    """Whether the in-sample part, less what is purged, is long enough for a stability score."""
    end = schedule.purge.before(schedule.in_sample.after(_DAY))
    return end >= LEAST_LENGTH.after(_DAY)


def resolved_by(by: str | None, schedules: WalkSchedule | Sequence[WalkSchedule]) -> str:
    """Return the criterion of walk-forwards with these schedules.

    Parameters
    ----------
    by
        Its name; None takes the stability score where all in-sample parts are long enough for it,
        else `USUAL_FIGURE`.
    schedules
        One schedule, or those of a matrix.

    Raises
    ------
    InputError
        If there is none of that name, or an in-sample part is too short for it.
    """
    several = [schedules] if isinstance(schedules, WalkSchedule) else list(schedules)
    short = next((s for s in several if not in_sample_is_long(s)), None)
    if by is None:
        return "stability" if short is None else USUAL_FIGURE
    criterion = Criterion.of(by)
    if criterion.figure is None and short is not None:
        less = f" less a purge of {short.purge.text}" if short.purge else ""
        raise InputError(
            f"by = {by!r} needs {LEAST_LENGTH.text} of in-sample bars or more, since it scores"
            f" phases within them, and in_sample = {short.in_sample.text}{less} is shorter: take a"
            f" longer one, or choose by a figure such as {USUAL_FIGURE!r}"
        )
    return criterion.by
