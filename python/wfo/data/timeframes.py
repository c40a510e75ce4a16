"""The lengths that bars can have, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wfo.errors import InputError, did_you_mean
from wfo.text import brief

#: Names that units of time have elsewhere, in seconds.
_UNITS: Final[Mapping[str, int]] = MappingProxyType(
    dict.fromkeys(("m", "min", "mins", "minute", "minutes", "t"), 60)
    | dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600)
    | dict.fromkeys(("d", "day", "days"), 86_400)
    | dict.fromkeys(("w", "wk", "week", "weeks"), 604_800)
)

#: Name of each timeframe and its length in seconds, in order of length.
TIMEFRAMES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "1min": 60,
        "5min": 300,
        "15min": 900,
        "30min": 1_800,
        "1hour": 3_600,
        "4hour": 14_400,
        "1day": 86_400,
        "1week": 604_800,
    }
)


def require_timeframe(name: str) -> str:
    """Return `name` if it is a known timeframe.

    Raises
    ------
    InputError
        If it is not, with the nearest known name.
    """
    if isinstance(name, str) and name in TIMEFRAMES:
        return name
    hint = _nearest(name)
    known = f" (known: {', '.join(TIMEFRAMES)})" if hint else f"; known: {', '.join(TIMEFRAMES)}"
    raise InputError(f"unknown timeframe {brief(name)}{hint}{known}")


def _nearest(name: object) -> str:
    """Return a hint at the timeframe that is meant, by its length or its letters; or nothing."""
    found = re.fullmatch(r"([0-9]{1,6}) ?([A-Za-z]{1,8})", name) if isinstance(name, str) else None
    if found is not None:
        # A month is no minute: of single letters the small one is.
        unit = found[2] if found[2] == "M" else found[2].casefold()
        seconds = int(found[1]) * _UNITS.get(unit, 0)
        for known, length in TIMEFRAMES.items():
            if length == seconds:
                return f"; did you mean {known!r}?"
    hint = did_you_mean(name, TIMEFRAMES)
    return "" if "known:" in hint else hint


def only_longer(base: str) -> str:
    """Return which bars can be made of those of a timeframe, as the end of an error."""
    longer = [name for name, length in TIMEFRAMES.items() if length > TIMEFRAMES[base]]
    return f"only longer ones: {', '.join(longer)}" if longer else "and no longer ones are known"


def is_intraday(timeframe: str) -> bool:
    """Tell whether bars of this timeframe carry a time of day (``datetime``, not ``date``)."""
    return TIMEFRAMES[require_timeframe(timeframe)] < TIMEFRAMES["1day"]


def describe_seconds(seconds: int) -> str:
    """Return a length of time in its largest whole unit, such as ``"5 minutes"``."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"
