"""How long bars are, by how far their stamps are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wfo.data.checks import LEAST_SHARE
from wfo.data.importing.times.stamps import Stamps
from wfo.data.timeframes import TIMEFRAMES, describe_seconds
from wfo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DAY: Final = 86_400

#: Fewer days than this say nothing about their usual distance.
_FEW_DAYS: Final = 10


def find_timeframe(stamps: Stamps, name: str = "the file") -> tuple[str, str]:
    """Return the timeframe of bars and a note that says how it was found.

    Parameters
    ----------
    stamps
        The stamps of the bars, in any order.
    name
        What the bars are called in messages.

    Raises
    ------
    DataError
        If there is one bar at a time of day, or bars are of a length that none of
        `wfo.data.TIMEFRAMES` has; it names them.
    """
    import numpy as np

    times = stamps.wall if stamps.utc is None else stamps.utc
    distinct = times.to_physical().to_numpy()
    if not (np.diff(distinct) > 0).all():
        distinct = np.unique(distinct)
    known = ", ".join(TIMEFRAMES)
    if len(distinct) < 2:
        if not stamps.has_times:
            return "1day", "the bar has a date without a time of day; read as 1day"
        raise DataError(
            f"{name} has bars of one time only, which does not tell how long they are: give the "
            f"timeframe (--timeframe), one of {known}"
        )
    steps, counts = np.unique(np.diff(distinct) // 1_000_000, return_counts=True)
    usual = int(steps[np.argmax(counts)])
    found = next((n for n, seconds in TIMEFRAMES.items() if seconds == usual), None)
    if found is not None:
        if not stamps.has_times:
            return found, f"timeframe {found}, found from the dates"
        share = f"{_share(counts)} bars are {describe_seconds(usual)} apart"
        return found, f"timeframe {found}, found from the time stamps: {share}"
    # Of what trades seldom most bars are several lengths apart, of no length in particular.
    within = steps < _DAY
    if within.any():
        least = int(np.gcd.reduce(steps[within]))
        rare = int(counts[steps == least].sum())
        found = next((n for n, seconds in TIMEFRAMES.items() if seconds == least), None)
        if found is not None and rare >= max(1, LEAST_SHARE * len(distinct)):
            return found, (
                f"timeframe {found}, found from the time stamps: bars are multiples of "
                f"{describe_seconds(least)} apart"
            )
    elif len(distinct) < _FEW_DAYS or (not stamps.has_times and usual < 7 * _DAY):
        return "1day", "timeframe 1day, found from the time stamps: bars are days apart"
    raise DataError(
        f"{name}: most bars are {describe_seconds(usual)} apart, and no bars of that length are "
        f"read: known are {known}; if they are of one of these and most are missing, give it "
        "(--timeframe)"
    )


def _share(counts: npt.NDArray[np.int64]) -> str:
    share = counts.max() / counts.sum()
    if share < 1 and share >= 0.995:
        return "nearly all"
    return "all" if share == 1 else f"{share:.0%} of"
