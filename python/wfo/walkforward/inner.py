"""Phases within an in-sample part: those that the default schedule shrinks to on such a history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wfo.backtest.checks import Bounds
from wfo.errors import DataError
from wfo.walkforward.criteria import LEAST_LENGTH
from wfo.walkforward.parts import Part
from wfo.windows import Windows, months_before

#: Months of history from which the default schedule has more phases, or longer ones.
_TIERS: Final = (LEAST_LENGTH.months, 36, 72, 120)

#: What a part may lack of such a length at least, since no bar stands on its dates: of three years
#: that begin on a holiday the first bar comes days later, and the last one the day before they end.
_LACKING: Final = dt.timedelta(7)


@dataclass(frozen=True, slots=True)
class InnerPhases:
    """Phases within an in-sample part.

    Attributes
    ----------
    bounds
        First trading bar, first out-of-sample bar and one past the last bar of each, as bars of the
        whole history; none lies outside of the part.
    min_phases
        In how many of them a stable combination is valid.
    """

    bounds: tuple[Bounds, ...]
    min_phases: int


def inner_phases(days: Sequence[dt.date], part: Part) -> InnerPhases:
    """Return the phases within an in-sample part, which follow from its own dates alone.

    Parameters
    ----------
    days
        Date of every bar.
    part
        First bar of the part, and one past its last.

    Raises
    ------
    DataError
        If it is too short for two phases, or a stretch of its bars is missing.
    """
    first, end = part
    own = list(days[first:end])
    # Of weekly bars nearly two may be missing at its ends.
    lacking = max(_LACKING, 2 * (own[-1] - own[0]) / max(len(own) - 1, 1))
    for months in _TIERS:
        begins = months_before(own[-1], months)
        if begins < own[0] <= begins + lacking:
            own[0] = begins
            break
    try:
        phases = Windows.preset("default").resolve(own, warmup=0)
    except DataError:
        if own[0] > months_before(own[-1], LEAST_LENGTH.months):
            raise DataError(
                f"the in-sample bars from {days[first]} to {days[end - 1]} are less than the"
                f" {LEAST_LENGTH.text} that a stability score needs; take a longer in-sample part,"
                " or choose by a figure such as 'profit_by_drawdown'"
            ) from None
        raise
    bounds = ((w + first, s + first, e + first) for w, s, e in (p.bounds for p in phases))
    return InnerPhases(tuple(bounds), phases.min_phases)
