"""The lengths that bars can have, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wfo.errors import InputError, did_you_mean
from wfo.text import brief

#: Name of each timeframe and its length in seconds.
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
    hint = did_you_mean(name, TIMEFRAMES)
    known = "" if "known:" in hint else f" (known: {', '.join(TIMEFRAMES)})"
    raise InputError(f"unknown timeframe {brief(name)}{hint}{known}")


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
